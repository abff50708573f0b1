"""Promises of the claim reader: what a sentence claims does not hang on its words, numbers, voice or order."""

import pytest

from finevla_tools.annotate.claim_clauses import in_order
from finevla_tools.annotate.claim_text_normalization import plain_text
from finevla_tools.annotate.claims import claims_in


def found(text: str, *kinds: str) -> list[tuple[str, str]]:
    return [(claim.kind, claim.value) for claim in claims_in(text) if claim.kind in kinds and not claim.denied]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("turned forty-five degrees", "turned 45 degrees"),
        ("one hundred and twenty degrees", "120 degrees"),
        ("a quarter turn", "90 degrees"),
        ("two thirds of a turn", "240 degrees"),
        ("a full turn", "360 degrees"),
        ("1.57 rad CCW", "90 degrees counterclockwise"),
        ("half a metre", "0.5 m"),
        ("at 0:04.5", "at 4.5 s"),
        ("the other one, one arm", "the other one, one arm"),
        ("needs three goes", "needs 3 goes"),
        ("第三次转一百二十度", "第3次转120度"),
        ("转四分之一圈，再转一整圈", "转90度，再转360度"),
        ("四点五秒", "4.5秒"),
        ("Arm: left.", "left arm."),
    ],
)
def test_numbers_angles_and_notes_are_written_in_one_way(text: str, plain: str) -> None:
    assert plain_text(text) == plain


@pytest.mark.parametrize(
    "text",
    [
        "Before it releases it, the left arm grasps the cup.",
        "The left arm releases the cup after grasping it.",
        "The left arm releases the cup, having gripped it before.",
        "Once the left arm has clutched the cup, it drops it.",
        "The left arm drops the cup. Before that, it had seized it.",
        "The left arm had already gripped the cup when it let it go.",
        "在放下杯子之前，左臂已经抓住了它。",
        "左臂先抓后放。",
    ],
)
def test_order_is_that_of_time(text: str) -> None:
    kinds = [claim.kind for claim in claims_in(text) if claim.kind in ("close", "open")]
    assert kinds == ["close", "open"]


@pytest.mark.parametrize(
    ("text", "kinds", "claims"),
    [
        ("The robot's left limb nabs the cup.", ("arm",), [("arm", "left")]),
        ("The arm mounted on the left side nabs it.", ("arm",), [("arm", "left")]),
        ("左边那只手臂抓住杯子。", ("arm",), [("arm", "left")]),
        ("The left arm grabs it; its partner sits out.", ("arm", "idle"), [("arm", "left"), ("idle", "right")]),
        ("Leave the left arm where it is.", ("arm", "idle"), [("idle", "left")]),
        ("Nobody touched the left arm.", ("arm", "idle"), [("idle", "left")]),
        ("左臂未发生任何动作。", ("arm", "idle"), [("idle", "left")]),
        ("Take the cup out of the bowl near the left arm.", ("arm",), []),
        ("It comes from the side nearest the robot.", ("approach",), [("approach", "back")]),
        ("It comes from the side facing away from the robot.", ("approach",), [("approach", "front")]),
        ("It comes from the left side of the table.", ("approach",), []),
        ("从左边的碗里拿起杯子。", ("approach",), []),
        ("The left arm turns the cup CCW.", ("rotation",), [("rotation", "counterclockwise")]),
        ("If the left arm misses, it tries again.", ("miss", "count", "arm"), []),
        ("The left arm is tilted by 30 degrees.", ("angle",), []),
        ("The arms never act at the same time.", ("together", "in turn"), [("in turn", "")]),
    ],
)
def test_synonyms_places_and_denials(text: str, kinds: tuple[str, ...], claims: list[tuple[str, str]]) -> None:
    assert found(text, *kinds) == claims


@pytest.mark.parametrize(
    ("text", "carried"),
    [
        ("The left arm moves to the left.", []),
        ("The left arm grips the cup and moves to the left.", ["left"]),
        ("The left arm swings its gripper to the left.", []),
        ("The cup ends up further to the left.", ["left"]),
        ("杯子在左臂的抓持下向左走了25公分。", ["left"]),
        ("The left arm grips the cup that stands to the left of the plate.", []),
    ],
)
def test_directions_are_those_of_what_is_held(text: str, carried: list[str]) -> None:
    assert [claim.value for claim in claims_in(text) if claim.kind == "direction" and claim.carried] == carried


@pytest.mark.parametrize(
    "text",
    [
        "The left arm comes away with nothing in its grip.",
        "The jaws of the left arm close, but the cup is not between them.",
        "The left arm whiffs.",
        "The grasp of the left arm ends in failure.",
        "左臂的夹爪夹了个空。",
        "左臂两手空空。",
    ],
)
def test_failures_are_read_however_they_are_told(text: str) -> None:
    assert ("miss", "") in found(text, "miss")
    assert ("close", "") not in found(text, "close")


def test_moments_go_to_the_act_that_they_stand_by() -> None:
    (closed, opened) = [
        c for c in claims_in("The cup was seized by it at 4.5 s and was not let go until 9 s.") if c.at_s
    ]
    assert (closed.kind, closed.at_s, opened.kind, opened.at_s) == ("close", 4.5, "open", 9.0)
    assert not any(claim.at_s for claim in claims_in("It grips the cup for 3 s."))


def test_sentence_without_an_order_stays_as_it_is() -> None:
    assert in_order("it grips the cup, then lets it go") == "it grips the cup, then lets it go"
