"""Sentences of motion facts: in English and Chinese, with the same claims in both."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from grasping_takes import FPS, grasping
from lerobot_sets import write

from finevla_tools.annotate.annotation import Annotation
from finevla_tools.annotate.claims import claims_in
from finevla_tools.annotate.motion_sentences import written
from finevla_tools.annotate.step_words import StepWords
from finevla_tools.cli import main

SIDES = ("", "top", "left", "right", "front", "back", "below")
TOWARD = ((), ("to the left",), ("forward", "to the right"), ("backward",))


def all_steps(side: str) -> Iterator[StepWords]:
    """Every way in which a step can be told."""
    yield StepWords(side, "release", 1.0)
    for held in (True, False):
        yield StepWords(side, "close", 1.0, held=held)
        for approach in SIDES:
            for tilt in (None, 26.0):
                for again in (True, False):
                    fingers = "left and right side" if held else ""
                    yield StepWords(side, "grasp", 1.0, approach, tilt, fingers, again=again, held=held)
    for lost in (True, False):
        yield StepWords(side, "hold", 1.0, lost=lost)
        for sense in ("clockwise", "counterclockwise"):
            yield StepWords(side, "hold", 1.0, lost=lost, turn=sense, turn_deg=90.0)
        for toward in TOWARD:
            for lift in (None, 0.2):
                for shape in ("over", "round", "straight"):
                    keeps = not lost and not toward
                    yield StepWords(side, "hold", 1.0, lost=lost, is_carry=True, lift_m=lift, toward=toward, far_m=0.31,
                                    shape=shape, lower_m=0.1 if toward and not lost else None, keeps=keeps)  # fmt: skip


def claimed(text: str) -> list[tuple[str, str, str, bool]]:
    return sorted({(claim.kind, claim.value, claim.arm, claim.denied) for claim in claims_in(text)})


@pytest.mark.parametrize("side", ["left", "right"])
def test_chinese_sentences_claim_what_the_english_ones_do(side: str) -> None:
    for step in all_steps(side):
        english, chinese = written(step, "en"), written(step, "zh")
        assert claimed(english) == claimed(chinese), f"{english} | {chinese}"
        assert re.findall(r"\d+(?:\.\d+)?", english) == re.findall(r"\d+(?:\.\d+)?", chinese)
        assert not re.search(r"[A-Za-z]", chinese)
        assert chinese.endswith("。")


@pytest.mark.parametrize("approach", SIDES)
def test_an_arm_that_grasps_nothing_is_told_in_both_languages(approach: str) -> None:
    step = StepWords("left", "reach", 1.0, approach, opens=True)
    english, chinese = written(step, "en"), written(step, "zh")
    for text in (english, chinese):
        own = {(claim.kind, claim.value) for claim in claims_in(text)}
        assert ("open", "") in own
        assert (("approach", approach) in own) is bool(approach)
        assert not any(claim.kind == "close" and not claim.denied for claim in claims_in(text))


def test_a_draft_in_chinese_has_the_facts_of_the_english_one(tmp_path: Path) -> None:
    from finevla_tools.annotate.draft import ANNOTATIONS
    from finevla_tools.datasets.annotation_table import read_annotations

    write(tmp_path / "set", [grasping(), grasping(at=0.0)], FPS)
    drafts: dict[str, list[Annotation]] = {}
    for language in ("en", "zh"):
        out = tmp_path / language
        assert main(["annotate", str(tmp_path / "set"), "--out", str(out), "--language", language]) == 0
        drafts[language] = list(read_annotations(out / ANNOTATIONS))
    facts = {name: [row for row in rows if row.dimension != "text"] for name, rows in drafts.items()}
    assert facts["en"] == facts["zh"]
    fine = [row.value for row in drafts["zh"] if row.slot == "fine"]
    steps = [row.value for row in drafts["zh"] if row.slot == "step" and row.episode == 0]
    assert fine[0] == "".join(steps)
    assert fine[0].startswith("左臂从上方移动到物体处")
