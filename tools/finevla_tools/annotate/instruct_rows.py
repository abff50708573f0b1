"""InstructVLA's four types of annotation from what is known of an episode already, without a model.

A caption names what the operator's words name; questions ask what a picture shows at its moment; commands are said in other
words, and contexts leave the command to be inferred. What cannot be told honestly of motion and words is not there.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from string import Template

from finevla_tools.annotate.annotation import CAPTION, DERIVED_SLOTS, DRAFT, SPOKEN_MARK, TEXT, Annotation
from finevla_tools.annotate.claim_types import SIDES
from finevla_tools.annotate.instruct_words import BACK, HOW, WORDS, InstructWords, slots_read, thing_in
from finevla_tools.annotate.motion_view import MotionView
from finevla_tools.annotate.paraphrases import goal_wordings, own_wordings

HAN = re.compile(r"[\u3400-\u9fff]")
APART_S = 0.2  # a question is not asked where something changes
TEXT_CONFIDENCE = 0.8  # of what a reader made of the operator's words
# Words that a goal may begin with and still be no command, as "the red cube goes there".
NO_COMMAND = re.compile(
    r"^(?:the|a|an|i|we|it|there|this|that|my|your|please|could|can|would|will|what|which|robot)\b", re.I
)
POLITE_ZH = ("请", "麻烦", "我")


def language_of(text: str) -> str:
    """Return "zh" for a text with Chinese characters, else "en"."""
    return "zh" if HAN.search(text) else "en"


def only_goal(tasks: Sequence[str]) -> str:
    """Return an episode's raw goal; "" where there are several, for none of them is then said of the whole."""
    goals = [task for task in dict.fromkeys(tasks) if task.strip()]
    return goals[0] if len(goals) == 1 else ""


def instruct_rows(rows: Iterable[Annotation], raw: str) -> list[Annotation]:
    """Return the four types of one episode, and paraphrases of its fine text, as motion's drafts.

    Args:
        rows: What is known of it: facts and steps, of motion or approved.
        raw: The operator's words; "" where there are none, or several.
    """
    known = [row for row in rows if row.slot not in DERIVED_SLOTS]
    steps = sorted((row for row in known if row.slot == "step" and row.step), key=lambda row: (row.from_s, row.step))
    if not steps:
        return []
    raw = raw.strip().rstrip(".。 ")
    spoken = WORDS[language_of(steps[0].value)]
    view = MotionView.of([row if row.source == "motion" else _as_motion(row) for row in known])
    failed = {row.step for row in known if row.slot == "failure"}
    meant = [step for step in steps if step.step not in failed]  # nobody means to close a gripper on nothing
    made = [*_states(spoken, view), *_next_steps(spoken, meant, raw), *_cues(spoken, steps, failed, view)]
    if raw and meant:
        made += _of_goal(WORDS[language_of(raw)], language_of(raw), meant[0], raw, max(row.to_s for row in known))
    for fine in (row for row in known if row.slot == "fine" and row.source == "motion"):
        made += [replace(fine, slot="paraphrase", value=text, status=DRAFT) for text in own_wordings(fine.value)]
    return list(dict.fromkeys(made))


def _as_motion(row: Annotation) -> Annotation:
    """The view takes facts of motion alone; here an approved value counts as one, whoever said it."""
    return replace(row, source="motion")


def _row(
    like: Annotation, at_s: float, slot: str, value: str, sure: float, step: int, to_s: float | None = None
) -> Annotation:
    end_s = max(at_s, like.to_s if to_s is None else to_s)
    return Annotation(like.episode, at_s, end_s, TEXT, slot, value, "motion", sure, step)


def _pair(
    like: Annotation, at_s: float, slot: str, said: str, answer: str, sure: float, to_s: float | None = None
) -> Annotation:
    return _row(like, at_s, slot, f"{said}{SPOKEN_MARK}{answer}", sure, like.step, to_s)


@dataclass(frozen=True)
class _Hold:
    """From the end of a closing on something to the opening after it; `is_sure` unless it was lost meanwhile."""

    close: Annotation
    from_s: float
    to_s: float
    is_sure: bool


def _holds(view: MotionView, side: str) -> list[_Hold]:
    end_s = max((fact.row.to_s for fact in view.facts), default=0.0)
    lost = [fact.row.step for fact in view.of_kind("lose", side)]
    found = []
    for close in view.of_kind("close", side):
        if close.value == "something" and close.arm == side:
            row = close.row
            opens = [fact.row.from_s for fact in view.of_kind("open", side) if fact.row.from_s >= row.to_s]
            found.append(_Hold(row, row.to_s, min(opens, default=end_s), row.step not in lost))
    return found


def _states(words: InstructWords, view: MotionView) -> Iterator[Annotation]:
    """What grippers hold: as many questions that are to be answered with yes as with no."""
    holds = {side: _holds(view, side) for side in SIDES}
    for side, spans in holds.items():
        others = [hold for other in SIDES if other != side for hold in holds[other]]
        before_s = 0.0
        for hold in spans:
            row, free_s, middle_s = hold.close, (before_s + hold.close.from_s) / 2, (hold.from_s + hold.to_s) / 2
            before_s = hold.to_s + APART_S
            if not hold.is_sure or hold.to_s - hold.from_s < 2 * APART_S or row.from_s - free_s < APART_S:
                continue
            ask = Template(words.holds).substitute(arm=words.arms[side])
            yield _pair(row, free_s, "question_answering", ask, words.no, row.confidence, free_s)
            yield _pair(row, middle_s, "question_answering", ask, words.yes, row.confidence, middle_s)
            meanwhile = [one for one in others if one.from_s - APART_S < middle_s < one.to_s + APART_S]
            if not meanwhile:
                yield _pair(
                    row, middle_s, "question_answering", words.which_holds, words.only[side], row.confidence, middle_s
                )
            elif any(one.is_sure and one.from_s + APART_S < middle_s < one.to_s - APART_S for one in meanwhile):
                yield _pair(
                    row, middle_s, "question_answering", words.which_holds, words.both, row.confidence, middle_s
                )


def _next_steps(words: InstructWords, steps: Sequence[Annotation], raw: str) -> Iterator[Annotation]:
    for step in steps if raw else ():
        ask = Template(words.next_step).substitute(raw=raw)
        yield _pair(step, step.from_s, "question_answering", ask, step.value, step.confidence, step.from_s)


def _cues(
    words: InstructWords, steps: Sequence[Annotation], failed: Collection[int], view: MotionView
) -> Iterator[Annotation]:
    """Where the episode stands, for the one who must infer the next step; of one arm, whose steps follow each other."""
    if len(view.arms) != 1:
        return
    for before, step in pairwise(steps):
        cue, arm = _cue(before, view)
        if cue and step.step not in failed:
            said = Template(words.cues[cue]).substitute(arm=words.arms[arm])
            yield _pair(
                step, step.from_s, "context_creation", said, step.value, min(before.confidence, step.confidence)
            )


def _cue(before: Annotation, view: MotionView) -> tuple[str, str]:
    facts = [
        fact for fact in view.facts if fact.row.step == before.step and fact.kind in ("close", "open") and fact.arm
    ]
    if not facts:
        return "", ""
    last = facts[-1]
    kinds = {"something": "held", "nothing": "missed"}
    return (kinds.get(last.value, "") if last.kind == "close" else "let go"), last.arm


def _of_goal(words: InstructWords, language: str, first: Annotation, raw: str, end_s: float) -> Iterator[Annotation]:
    """Caption, rewritten commands and contexts of the operator's words; the robot answers with its first step."""
    slots = slots_read(raw)
    things = _things(words, language, slots)
    if things:
        said = Template(words.scene).substitute(things=words.joined.join(things))
        yield _row(first, 0.0, CAPTION, said, TEXT_CONFIDENCE, 0, 0.0)
    whole = Annotation(first.episode, 0.0, end_s, TEXT, "step", first.value, "motion", first.confidence)
    for command in _commands(words, language, raw, slots):
        yield _pair(whole, 0.0, "command_rewriting", command, first.value, first.confidence, end_s)
    for context in _contexts(words, language, slots):
        yield _pair(whole, 0.0, "context_creation", context, first.value, TEXT_CONFIDENCE, end_s)


def _things(words: InstructWords, language: str, slots: Mapping[str, str]) -> list[str]:
    names = [name for which in ("", "below_") if (name := thing_in(words, slots, which))]
    if language == "en":
        names = [f"{'an' if name[0] in 'aeiou' else 'a'} {name}" for name in names]
    return names + [words.bowls[place] for place in (slots.get("place", ""),) if place in words.bowls]


def _commands(words: InstructWords, language: str, raw: str, slots: Mapping[str, str]) -> Iterator[str]:
    """The goal as a request; only a goal that is a command can be framed so."""
    if language == "zh":
        if not raw.startswith(POLITE_ZH):
            yield from (Template(frame).substitute(raw=one) for frame, one in _framed(words, raw))
        return
    if NO_COMMAND.match(raw) or re.search(r"[.;?!]", raw):
        return
    plain = raw if raw[:2].isupper() else raw[0].lower() + raw[1:]
    for frame, one in _framed(words, plain):
        said = Template(frame).substitute(raw=one)
        if not slots or slots_read(said) == slots:
            yield said


def _framed(words: InstructWords, raw: str) -> Iterator[tuple[str, str]]:
    """Each frame with a wording of the goal of its own, as far as there are some."""
    wordings = [*goal_wordings(raw), *[raw] * len(words.frames)]
    return zip(words.frames, wordings, strict=False)


def _contexts(words: InstructWords, language: str, slots: Mapping[str, str]) -> Iterator[str]:
    """Situations of goals that say nothing of how; the place must be said, where there is one."""
    task, place = slots.get("task", ""), slots.get("place", "").removesuffix("_bowl")
    if any(slots.get(name) for name in HOW) or (task in ("place", "clean") and place not in words.only):
        return
    given = {
        "thing": thing_in(words, slots),
        "below": thing_in(words, slots, "below_"),
        "side": words.arms.get(place, ""),
        "back": BACK[language].get(slots.get("turn", ""), ""),
    }
    for text in words.contexts.get(task, ()):
        if all(given[name] for name in given if f"${name}" in text or f"${{{name}}}" in text):
            yield Template(text).substitute(given)
