"""Numbers that the robot cannot follow: how far or how often the knob is turned, where no way is said."""

import re

from finevla_core.language.chinese_contradictions import refused
from finevla_core.language.chinese_object_description import SHORT, Things
from finevla_core.language.chinese_path_and_turn import turn_of
from finevla_core.language.chinese_phrases import ChinesePhrases
from finevla_core.language.chinese_word_kinds import Kind
from finevla_core.language.reader_result import Reading

_NUMBER = (
    "(?:[0-9]+(?:\\.[0-9]+)?|[二两三四五六七八九十百千几半][一二三四五六七八九十百千零几]*"
    "|一[百千十][零一二三四五六七八九十百]*)"
)
_AMOUNT = re.compile(
    f"{_NUMBER}[多来几]?个?(?:圈|度|°|格|档|次|下|遍|回|%)|[一二三四]?分之[一二三]个?圈?|百分之.|[转拧旋]到[底头]|一[度档]|{_NUMBER}点"
)
_TO = ("到", "至", "成", "为", "在", "回")
_POINT = re.compile(f"第?(?:{_NUMBER}|[零一])")
_AGAIN = ("回来", "回去")


def turned_by_number(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
    """Refuse to turn the knob by or to a number, or there and back, where nothing says which way."""
    if scene.size > SHORT or turn_of(scene)[0]:
        return None
    knobs = [p for p in scene.phrases if p.qualities.get("shape") == "knob" and _AMOUNT.search(p.tail)]
    if task == "reach" and knobs and not scene.has("ACT | WAIT"):
        return refused(
            f"Say which way to turn the knob, clockwise or counterclockwise, with '{knobs[0].tail.strip()}'."
        )
    if task != "turn":
        return None
    turns = [place for place in scene.places(Kind.TURN) if scene.counts(place)]
    for place in turns:
        verb = scene.phrases[place]
        said = "".join(phrase.text + phrase.tail for at, phrase in scene.clause(place) if at >= place)
        is_point = verb.text.endswith(_TO) and _POINT.match(verb.tail)
        if is_point or _AMOUNT.search(said):
            return refused(f"Say which way to turn the knob, clockwise or counterclockwise, with '{said.strip(',.')}'.")
    if len(turns) > 1 and scene.has("TURN .* THEN TURN") and scene.phrases[turns[-1]].text.endswith(_AGAIN):
        return refused("One thing at a time: you want the knob turned there and back.")
    return None
