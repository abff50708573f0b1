"""The reader `tabletop`: an instruction, its texts in English or Chinese and its factors, to slots, or a refusal that says why.

Texts and factors must agree; what none of them says is completed by habit, and the summary says so.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from finevla_core.instruction import Factors, Instruction
from finevla_core.language.chinese_reader import read_chinese
from finevla_core.language.english_reader import read_english
from finevla_core.language.factor_slots import not_used, slots_of
from finevla_core.language.reader_result import Reading
from finevla_core.language.slots import SLOTS
from finevla_core.understanding import NotUnderstood, Understanding

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_OTHER_SCRIPT = re.compile(r"[\u0370-\u1fff\u3040-\u30ff\u31f0-\u31ff\uac00-\ud7af]")  # Greek ... Thai, kana, Hangul
QUOTED, MANY, SENTENCE = 40, 16, 400  # letters of a word, words and letters in all that a refusal repeats
_LONG_WORD = re.compile(rf"\S{{{QUOTED + 1},}}")
TASKS = {
    "reach": "reach",
    "pick": "pick up",
    "place": "put",
    "stack": "stack",
    "turn": "turn",
    "clean": "clear the table",
}
SIDES = {"top": "from above", "left": "from its left", "right": "from its right", "front": "from its far side"}
GRASPS = {"sideways": "fingers at its left and right", "lengthways": "fingers at its front and back"}
CARRYING = ("place", "stack", "clean")
PATHS = {"over": "over the post", "round": "round the post"}


@dataclass(frozen=True)
class Meaning:
    """An instruction as a policy of the table gets it: `slots` complete, the names of the `things` that must be there (the
    target, and what it shall be put on; "" = none), and what the operator is told."""

    slots: Mapping[str, str]
    things: tuple[str, str]
    understanding: Understanding


@lru_cache(maxsize=64)
def read(instruction: Instruction) -> Meaning:
    """Read an instruction; raises `NotUnderstood` with one sentence, and the unknown words, for one not to be acted on."""
    given = slots_of(instruction.factors)
    reading = _read_texts(instruction)
    slots = dict(reading.slots)
    for name, word in given.items():
        if slots.get(name, word) != word:
            raise NotUnderstood(
                f"the text says {name} '{slots[name]}', the factors say '{word}': make them agree, or leave one out"
            )
    slots |= given
    _check_whole(slots)
    completed = _completed(slots)
    passed_over = [*reading.unknown, *not_used(instruction.factors)]
    if "path" in completed and slots["task"] not in CARRYING:
        passed_over.append(PATHS[completed.pop("path")])  # only what is carried goes past the post
        del slots["path"]
    habits = [f"{_word(name, word)}, not said" for name, word in completed.items() if name not in slots]
    summary = " · ".join([*_phrases(slots), *habits])
    understanding = Understanding(summary, factors_from(slots), tuple(passed_over), reading.certainty)
    return Meaning(completed, (thing_name(slots), thing_name(slots, "below_")), understanding)


def read_text(text: str) -> Reading:
    """Read one text in the language that it is written in."""
    plain = unicodedata.normalize("NFKC", text)
    if _OTHER_SCRIPT.search(plain):
        return Reading(refusal="I read English and Chinese only: say it in one of these")
    return _quoting_briefly(read_chinese(text) if _HAN.search(plain) else read_english(text))


def _quoting_briefly(reading: Reading) -> Reading:
    """A refusal quotes words of the text: none of them shall fill a screen."""
    if not reading.refusal:
        return reading
    unknown = tuple(word if len(word) <= QUOTED else f"{word[:QUOTED]}..." for word in reading.unknown[:MANY])
    refusal = _LONG_WORD.sub(lambda match: f"{match.group()[:QUOTED]}...", reading.refusal)
    return replace(reading, refusal=refusal[:SENTENCE], unknown=unknown)


def _read_texts(instruction: Instruction) -> Reading:
    """Both texts as one reading: the fine one says how, the raw one what; the factors' words help where a text leaves out
    what they say."""
    texts = [text for text in (instruction.raw.strip(), instruction.fine.strip()) if text]
    readings = [read_text(text) for text in texts]
    if any(reading.refusal for reading in readings) and len(texts) > 1:
        together = read_text(". ".join(text.rstrip(" .。") for text in texts))
        readings = readings if together.refusal else [together]
    refused = next((reading for reading in readings if reading.refusal), None)
    if refused is not None and instruction.factors != Factors():
        with_factors = read_text(instruction.prompt())
        refused = with_factors if with_factors.refusal else None
        readings = [with_factors]
    if refused is not None:
        raise NotUnderstood(refused.refusal, refused.unknown)
    return _merged(readings)


def _merged(readings: list[Reading]) -> Reading:
    slots: dict[str, str] = {}
    for reading in readings:
        for name, word in reading.slots.items():
            if slots.get(name, word) != word and not (name == "task" and slots["task"] == "reach"):
                raise NotUnderstood(f"one text says {name} '{slots[name]}', the other '{word}': make them agree")
            slots[name] = word
    unknown = tuple(dict.fromkeys(word for reading in readings for word in reading.unknown))
    return Reading(slots, "", unknown, min(reading.certainty for reading in readings))


def _check_whole(slots: Mapping[str, str]) -> None:
    """Refuse what lacks a part without which nobody could act."""
    task = slots.get("task", "")
    if not task:
        raise NotUnderstood("say what to do: " + ", ".join(TASKS.values()))
    if task != "clean" and not thing_name(slots):
        raise NotUnderstood("say which object: its colour, its shape, or both")
    if task == "stack" and not thing_name(slots, "below_"):
        raise NotUnderstood("say what it shall be put on: its colour, its shape, or both")


def _completed(slots: Mapping[str, str]) -> dict[str, str]:
    """Add what must be decided and was not said: the bowl is the one on the acting arm's side, a knob is turned clockwise."""
    whole = dict(slots)
    if slots["task"] in ("place", "clean") and "place" not in slots:
        whole["place"] = f"{slots.get('arm', 'left')}_bowl"
    if slots["task"] == "turn":
        whole.setdefault("turn", "clockwise")
    return whole


def thing_name(slots: Mapping[str, str], which: str = "") -> str:
    """Name the target, or with `which` = "below_" what it shall be put on: "small red cube"; "" if nothing is named."""
    size, color, shape = (slots.get(f"{which}{part}", "") for part in ("size", "color", "shape"))
    if not (size or color or shape):
        return ""
    return " ".join(part for part in (size, color, shape or "thing") if part)


def _phrases(slots: Mapping[str, str]) -> list[str]:
    """What the slots say, in the order of a sentence."""
    arm, below = slots.get("arm"), thing_name(slots, "below_")
    phrases = [
        TASKS[slots["task"]],
        f"{arm} arm" if arm else "",
        thing_name(slots) or ("everything" if slots["task"] == "clean" else ""),
        *(_word(name, slots.get(name, "")) for name in ("approach", "grasp", "path", "turn")),
        f"onto {below}" if below else _word("place", slots.get("place", "")),
    ]
    return [phrase for phrase in phrases if phrase]


def _word(name: str, word: str) -> str:
    """A slot's word as the operator reads it."""
    phrases = {"approach": SIDES, "grasp": GRASPS, "path": PATHS}.get(name, {})
    if name == "place" and word.endswith("_bowl"):
        return f"into the {word.replace('_', ' ')}"
    return phrases.get(word, word)


def factors_from(slots: Mapping[str, str]) -> Factors:
    """The slots as the ten factors, in the words of `finevla_sim.language.factors_of`."""
    place, below = slots.get("place", ""), thing_name(slots, "below_")
    arm, grasp = slots.get("arm"), slots.get("grasp")
    named = any(slots.get(part) for part in ("color", "shape", "size"))
    regions = {"sideways": "left and right side", "lengthways": "front and back"}
    return Factors(
        action_sequence=(TASKS[slots["task"]],),
        active_actor=f"{arm}_arm" if arm else None,
        target_category="object" if named else "every object" if slots["task"] == "clean" else None,
        target_color=slots.get("color"),
        target_shape_or_size=" ".join(slots[part] for part in ("size", "shape") if part in slots) or None,
        final_workspace_location=place.replace("_", " ") if place.endswith("_bowl") else None,
        final_relation=f"on top of the {below}" if below else None,
        contact_region=regions.get(grasp or ""),
        approach_direction=slots.get("approach"),
        rotation_direction=slots.get("turn"),
        path_shape=PATHS.get(slots.get("path", "")),
    )


assert set(TASKS) == set(SLOTS["task"])  # a task without a word for the operator would be a silent one
