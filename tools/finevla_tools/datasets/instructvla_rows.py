"""InstructVLA's four types of annotation as words of a data set: questions about a picture, and other wordings of the goal.

A question and its answer are two `vqa` rows of the main camera, each pair on a frame of its own, as LeRobot wants it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from finevla_tools.annotate.annotation import CAPTION, DERIVED_SLOTS, SPOKEN_SLOTS, Annotation, spoken_pair
from finevla_tools.annotate.instruct_rows import instruct_rows, language_of, only_goal
from finevla_tools.annotate.paraphrases import same_factors
from finevla_tools.datasets.language_row import LanguageRow

IMAGES = "observation.images."
MAIN = ("front", "high", "head", "main", "exterior", "top")  # parts of a main camera's name, as FineVLA looks for it
ASK = {"en": "Describe the scene.", "zh": "描述一下这个场景。"}


def main_camera(features: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the key of the camera that questions are about: of the scene, not of a wrist; "" where there is none."""
    keys = [key for key, one in features.items() if key.startswith(IMAGES) and one.get("dtype") in ("video", "image")]
    scene = [key for key in keys if "wrist" not in key.lower() and "hand" not in key.lower()]
    named = [key for part in MAIN for key in scene if part in key.removeprefix(IMAGES).lower()]
    return next(iter([*named, *scene, *keys]), "")


def followed(counted: Sequence[Annotation], tasks: Sequence[str]) -> tuple[Annotation, ...]:
    """Return rows that count without those that were made of others which a person has changed since.

    What motion asks the same way is answered by what was approved; what no longer follows is left out, and so are paraphrases,
    whoever made them, that keep the factors of no fine text and no goal that counts.
    """
    counted = [row for row in counted if row.slot != "paraphrase" or _is_wording(row, counted, tasks)]
    if not any(_is_derived(row) for row in counted):
        return tuple(counted)
    fresh = instruct_rows([row for row in counted if not _is_derived(row)], only_goal(tasks))
    answers = {(row.slot, row.step, _said(row)): row for row in fresh}
    kept = []
    for row in counted:
        now = answers.get((row.slot, row.step, _said(row))) if _is_derived(row) else row
        if now is not None:
            kept.append(row if now.value == row.value else now)
    return tuple(kept)


def requests(counted: Iterable[Annotation]) -> list[tuple[float, str]]:
    """Return the times and words of requests that stand for the goal of a whole episode."""
    return [
        (row.from_s, spoken_pair(row.value)[0])
        for row in counted
        if row.slot in ("command_rewriting", "context_creation") and not row.step
    ]


def spoken_rows(
    counted: Iterable[Annotation], others: Sequence[LanguageRow], camera: str, length: int, fps: float
) -> Iterator[LanguageRow]:
    """Give the `vqa` rows of pairs and captions, on frames of the camera on which `others` ask nothing."""
    taken = {round(row.time_s * fps) for row in others if row.style == "vqa" and row.camera == camera}
    for row in counted if camera else ():
        if row.slot != CAPTION and row.slot not in SPOKEN_SLOTS:
            continue
        first = min(round(row.from_s * fps), length - 1)
        frame = next((k for k in (*range(first, length), *range(first)[::-1]) if k not in taken), None)
        if frame is None:
            return
        taken.add(frame)
        for role, text in zip(("user", "assistant"), said_in(row), strict=True):
            yield LanguageRow(frame / fps, role, text, "vqa", camera, True)


def said_in(row: Annotation) -> tuple[str, str]:
    """Return question and answer of a row of the four types."""
    if row.slot == CAPTION:
        return ASK[language_of(row.value)], row.value
    return spoken_pair(row.value)


def without_spoken(others: Sequence[LanguageRow], rows: Iterable[Annotation]) -> list[LanguageRow]:
    """Return rows without the questions that these annotations ask and whatever was answered to them."""
    asked = {said_in(row)[0] for row in rows}
    gone = {(row.time_s, row.camera) for row in others if row.style == "vqa" and row.content in asked}
    return [row for row in others if row.style != "vqa" or (row.time_s, row.camera) not in gone]


def _is_derived(row: Annotation) -> bool:
    return row.source == "motion" and row.slot in DERIVED_SLOTS and row.slot != "paraphrase"


def _is_wording(row: Annotation, counted: Sequence[Annotation], tasks: Sequence[str]) -> bool:
    """A person's paraphrase is one; that of a program is held against the texts that it may be of."""
    fine = [one.value for one in counted if one.slot == "fine"]
    return row.source in ("human", "operator") or any(same_factors(row.value, text) for text in (*fine, *tasks))


def _said(row: Annotation) -> str:
    return row.value if row.slot == CAPTION else spoken_pair(row.value)[0]
