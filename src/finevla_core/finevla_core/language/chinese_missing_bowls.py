"""Bowls that are not there: only a left one and a right one stand at the table, and a thing goes into one of them."""

import re

from finevla_core.language.chinese_contradictions import refused
from finevla_core.language.chinese_object_description import SHORT, Things
from finevla_core.language.chinese_phrases import ChinesePhrases
from finevla_core.language.chinese_slots import OPPOSITE, place_of
from finevla_core.language.chinese_word_kinds import Kind
from finevla_core.language.reader_result import Reading

_GOAL = "(?: PUT | STACK | MOVE | GOAL | DOWN | CLEAN ) GOAL?"
_WHERE = (Kind.FRONT, Kind.BACK, Kind.FAR, Kind.NEAR, Kind.TOP, Kind.UNDER, Kind.BETWEEN, Kind.CENTER, Kind.INSIDE)
_NAMES = " | ".join(kind.name for kind in _WHERE)
_CORNERS = re.compile(
    "最?[里外内](?:面|头|边|侧)|[上中下底顶]层|[里外]端|靠[墙窗门里外]|.*角落?|[最更较]?[远近]处?的?|[墙窗门]边"
)
_ORDER = re.compile("第[二三四五六七八九十2-9]|备用|悬空")
_SIZED = ("大碗", "小碗", "大盆", "小盆")
_PAIR = ("两", "俩", "双", "二", "左右")


def missing_bowl(scene: ChinesePhrases, things: Things, task: str) -> Reading | None:
    """Refuse a goal that is a bowl in the middle, at the far side, of some size, a third one, or several at once."""
    if scene.size > SHORT:
        return None
    for place in scene.places(Kind.BOWL):
        phrase = scene.phrases[place]
        if phrase.is_many and phrase.side in OPPOSITE and scene.before(place, _GOAL) and scene.counts(place):
            return refused(f"I know one left bowl and one right bowl, no '{phrase.text}'.")
        if phrase.side in OPPOSITE or not scene.counts(place):
            continue
        if _is_somewhere(scene, place) or (_is_sized(scene, place) and not place_of(scene)[0]):
            return refused(f"I know the left bowl and the right bowl, no '{_said(scene, place)}'.")
        is_goal = scene.before(place, _GOAL)
        if phrase.side == "both" and is_goal and not phrase.text.startswith(_PAIR):
            return refused(f"I know the left bowl and the right bowl, no '{phrase.text}'.")
        is_each = scene.before(place, f"{_GOAL} ALL") and scene.phrases[place - 1].text.startswith(("每", "所有", "各"))
        is_both = phrase.side == "both" and (
            (is_goal and scene.after(place, "INSIDE? (?: MARK | $ )")) or scene.after(place, "INSIDE? ALL PUT")
        )
        if task in ("place", "reach") and (is_each or is_both):
            return refused("I can put a thing only into one bowl: say the left or the right one.")
    return None


def _is_somewhere(scene: ChinesePhrases, place: int) -> bool:
    """Whether a bowl is told from others by where it stands, other than left or right."""
    before = scene.phrases[place - 1] if place else None
    if before is None:
        return False
    if scene.before(place, f"(?: {_GOAL} | ^ ) (?: TABLE OF? )? (?: {_NAMES} )+ OF?"):
        where = scene.phrases[place - 2] if before.kind is Kind.OF else before
        is_told = scene.before(place, f"{_GOAL} .*") or scene.after(place, "INSIDE? (?: MARK | $ )")
        return is_told and (len(where.text) > 1 or where.text == "中")
    if scene.before(place, f"{_GOAL} (?: MOVE REMARK OF | BELOW_KEY | TARGET_KEY )"):
        return True
    if scene.before(place, "BOWL OF? (?: TOP | UNDER | INSIDE ) OF") or _ORDER.search(before.tail):
        return True
    if scene.before(place, f"{_GOAL} HERE OF?"):
        return bool(set(scene.phrases[place - (2 if before.kind is Kind.OF else 1)].text) & set("角方"))
    verb = scene.phrases[place - 2] if before.kind is Kind.OF and place > 1 else before
    return scene.before(place, f"{_GOAL} OF?") and _CORNERS.fullmatch(verb.tail) is not None


def _said(scene: ChinesePhrases, place: int) -> str:
    """The words of a bowl and of where it stands."""
    first = place
    while first > 0 and scene.phrases[first - 1].kind in (*_WHERE, Kind.OF, Kind.OBJECT, Kind.BELOW_KEY, Kind.REMARK):
        first -= 1
    return "".join(phrase.text for phrase in scene.phrases[first : place + 1])


def _is_sized(scene: ChinesePhrases, place: int) -> bool:
    """Whether a bowl is told from others by its size or its form."""
    if scene.phrases[place].text.rstrip("中").endswith(_SIZED):
        return scene.before(place, _GOAL) or scene.after(place, "INSIDE? (?: MARK | $ )")
    if not scene.before(place, f"{_GOAL} OBJECT OF?"):
        return False
    said = scene.phrases[place - 2 if scene.phrases[place - 1].kind is Kind.OF else place - 1]
    return said.qualities.keys() == {"size"} or (said.qualities.keys() == {"shape"} and "形" in said.text)
