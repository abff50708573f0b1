"""Promises of the consistency check: false claims are flagged with their evidence, true ones are left alone."""

import random

import pytest
from claimed_motion import FIFTH, FOURTH, TUNED, MadeEpisode, Phrasings, SaidMotion, Wordings, said_motions
from eighth_claims import EIGHTH, EIGHTH_WORDS
from eleventh_claims import ELEVENTH, ELEVENTH_WORDS
from fourteenth_claims import motions, told_motions
from ninth_claims import NINTH, NINTH_WORDS
from tenth_claims import TENTH, TENTH_WORDS
from twelfth_claims import TWELFTH, TWELFTH_WORDS
from unseen_claims import SEVENTH, SIXTH

from finevla_tools.annotate.annotation import TEXT, Annotation, dimension_of
from finevla_tools.annotate.consistency import AGREES, CANNOT_TELL, CONTRADICTS, contradictions, verdicts


def fact(from_s: float, to_s: float, slot: str, value: str, step: int = 0, episode: int = 0) -> Annotation:
    return Annotation(episode, from_s, to_s, dimension_of(slot), slot, value, "motion", 0.9, step)


FACTS = [
    fact(0.0, 9.0, "active_actor", "right_arm"),
    fact(0.0, 2.4, "active_actor", "right_arm", 1),
    fact(0.0, 2.4, "approach_direction", "top", 1),
    fact(2.0, 2.4, "gripper_state", "right gripper closes on something", 1),
    fact(2.4, 5.0, "active_actor", "right_arm", 2),
    fact(2.4, 5.0, "translation_direction", "to the right and up", 2),
    fact(2.4, 5.0, "translation_extent", "0.20 m", 2),
    fact(5.0, 5.3, "gripper_state", "right gripper opens and lets go", 3),
]


def said(text: str, step: int = 0, from_s: float = 0.0, to_s: float = 9.0, source: str = "vlm") -> Annotation:
    return Annotation(0, from_s, to_s, TEXT, "step" if step else "fine", text, source, 0.5, step)


def kinds(text: str) -> list[str]:
    return [found.claim.kind for found in contradictions([said(text)], FACTS)]


@pytest.mark.parametrize(
    "text",
    [
        "The right arm grasps the cube from above, carries it to the right and releases it.",
        "Take the cube out of the left bowl with the right hand.",  # a place is no arm and no direction
        "The right arm moves to the left to reach the cube, grasps it and moves it to the right.",  # no carrying yet
        "The right arm opens the drawer.",
        "The right arm puts the cube to the left of the plate.",
        "The left arm does not move.",
        "The right arm turns the cube, seen from the left, and holds it.",
        "右臂抓住方块，从左侧看很稳。",
        "The right arm carries the cube 0.10 m to the right.",  # 0.20 m are measured with the part upwards
        "The right arm passes near the left arm and grasps the cube.",
        "After grasping the cube, the right arm carries it to the right.",
        "The right arm does not close the drawer.",
        "The left-hand bowl is full. The right arm drops the cube in it.",
        "The cube is red and has four corners.",
        "右臂从上方抓住左边碗里的方块，向右移动约20厘米，然后松开。",
        "左臂保持静止。",
        "",
    ],
)
def test_true_sentence_is_not_flagged(text: str) -> None:
    assert kinds(text or "-") == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("The left arm lifts the cube.", "arm"),
        ("Both arms lift the cube.", "arm"),
        ("The right arm stays idle.", "idle"),
        ("The right arm grasps the cube from the left.", "approach"),
        ("The right arm carries the cube to the left.", "direction"),
        ("The right arm grasps the cube and moves it forward.", "direction"),
        ("The right arm carries the cube 60 cm to the right.", "extent"),
        ("The right arm fails to grasp the cube.", "miss"),
        ("The right arm never opens its gripper.", "open"),
        ("The right arm grasps the cube at 7 s.", "close"),
        ("The right arm grasps the cube on the second attempt.", "attempt"),
        ("The right arm tries again and grasps the cube.", "count"),
        ("The right arm releases the cube, then grasps it.", "close"),
        ("Before grasping it, the right arm lets the cube go. Then it grasps it.", "close"),
        ("左臂抓住方块。", "arm"),
        ("右臂向左搬运方块。", "direction"),
        ("右臂从左侧抓取方块。", "approach"),
        ("右臂没有抓到方块。", "miss"),
        ("右臂先松开方块，然后抓住它。", "close"),
    ],
)
def test_false_claim_is_flagged_with_its_evidence(text: str, kind: str) -> None:
    found = contradictions([said(text)], FACTS)
    assert kind in [one.claim.kind for one in found]
    assert all(one.evidence and one.sentence.isprintable() for one in found)


@pytest.mark.parametrize(
    ("slot", "value", "verdict"),
    [
        ("active_actor", "right_arm", AGREES),
        ("active_actor", "left_arm", CONTRADICTS),
        ("active_actor", "both_arms", CONTRADICTS),
        ("gripper_state", "closes on nothing", CONTRADICTS),
        ("gripper_state", "closed", None),
        ("approach_direction", "top", AGREES),
        ("approach_direction", "left", CONTRADICTS),
        ("translation_direction", "right", AGREES),
        ("translation_direction", "to the left", CONTRADICTS),
        ("attempt_count", "1", AGREES),
        ("attempt_count", "3", CONTRADICTS),
        ("rotation_direction", "clockwise", CANNOT_TELL),
        ("target_color", "red", None),
    ],
)
def test_slots_are_judged_like_sentences(slot: str, value: str, verdict: str | None) -> None:
    row = Annotation(0, 0.0, 9.0, dimension_of(slot), slot, value, "vlm", 0.5)
    assert {found.verdict for found in verdicts([row], FACTS)} == ({verdict} if verdict else set())


def test_step_is_held_against_its_own_time() -> None:
    text = "The right arm opens its gripper."
    assert not contradictions([said(text, 2, 4.8, 6.0)], FACTS)
    (found,) = contradictions([said(text, 1, 0.5, 3.0)], FACTS)
    assert "5.00 to 5.30 s" in found.evidence


def test_without_facts_nothing_is_flagged() -> None:
    rows = [said("The left arm grasps the cube, turns it clockwise twice and misses it at 3 s.")]
    assert contradictions(rows, []) == []
    assert contradictions(rows, [fact(0, 9, "active_actor", "right_arm", episode=1)]) == []
    assert {found.verdict for found in verdicts(rows, [])} == {CANNOT_TELL}


def test_episodes_are_not_mixed_up_and_motion_does_not_judge_itself() -> None:
    other = [fact(0.0, 9.0, "active_actor", "left_arm", episode=1)]
    assert len(contradictions([said("The left arm moves.")], [*FACTS, *other])) == 1
    assert contradictions([said("The left arm moves.", source="motion")], FACTS) == []


@pytest.mark.parametrize(
    ("phrasings", "wordings", "least"),
    [(TUNED, {}, 0.98), (FOURTH, {}, 0.98), (FIFTH, {}, 0.98), (SIXTH, {}, 0.98), (SEVENTH, {}, 0.98),
     (EIGHTH, EIGHTH_WORDS, 0.98), (NINTH, NINTH_WORDS, 0.98), (TENTH, TENTH_WORDS, 0.98), (ELEVENTH, ELEVENTH_WORDS, 0.98),
     (TWELFTH, TWELFTH_WORDS, 0.97)],  # `had it been lower, it would have gripped it` is left unchecked
    ids=["tuned", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth"],
)  # fmt: skip
def test_planted_false_claims_are_found(phrasings: Phrasings, wordings: Wordings, least: float) -> None:
    """The bar of 98 % and 1 %, on phrasings that are known by now; the benchmark's page has what unseen ones came to."""
    made = list(said_motions(phrasings, 300, 3, wordings))
    flagged = [bool(contradictions([one.row], one.facts)) for one in made]
    false = [flag for one, flag in zip(made, flagged, strict=True) if one.planted]
    true = [flag for one, flag in zip(made, flagged, strict=True) if not one.planted]
    assert len(false) >= 290
    assert sum(false) / len(false) >= least
    assert sum(true) / len(true) <= 0.01


def test_any_text_is_read_without_an_error() -> None:
    rng = random.Random(0)
    words = "left,right,arm,grasps,clockwise,3,.,;,左臂,抓,第,次,at,s,after,before,\n,\x00,½,{,("
    signs = [*words.split(","), ",", "$"]
    facts = MadeEpisode.draw(rng, "carry").facts(0)
    for _ in range(500):
        text = " ".join(rng.choices(signs, k=rng.randrange(1, 30)))
        list(verdicts([said(text or "-")] if text.strip() else [], facts))


@pytest.mark.parametrize(
    ("motion", "text"),
    [
        ("A", "Left gripper closes t=3.7, opens t=9.5."),
        ("A", "It lets go of the block between 4 and 5 seconds."),
        ("A", "The left one sat still, right did everything."),
        ("D", "L first, then R."),
        ("D", "Only the right arm did anything."),
        ("E", "L: closed empty at 5 s."),
    ],
)
def test_false_notes_and_idioms_are_flagged(motion: str, text: str) -> None:
    facts = motions()[motion]
    assert contradictions([SaidMotion(text, "x", facts, 0).row], facts)


def test_sentences_of_four_voices_are_judged_rightly() -> None:
    wrong = [one for one in told_motions() if bool(contradictions([one.row], one.facts)) != bool(one.planted)]
    assert sum(not one.planted for one in wrong) <= 1, wrong
    assert sum(bool(one.planted) for one in wrong) <= 5, wrong
