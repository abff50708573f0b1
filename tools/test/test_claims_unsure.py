"""Promises of the consistency check on true sentences: what a text does not surely say of this motion is not flagged."""

import random
import re

import pytest
from claimed_motion import FIFTH, MadeEpisode, SaidMotion, said_motions
from eighth_claims import EIGHTH, EIGHTH_WORDS
from eleventh_claims import ELEVENTH, ELEVENTH_WORDS
from twelfth_claims import TWELFTH, TWELFTH_WORDS

from finevla_tools.annotate.claim_mentions import CHINESE, ENGLISH
from finevla_tools.annotate.consistency import contradictions

EPISODES = {
    kind: MadeEpisode(
        "carry" if kind == "retry" else kind, "right", "cup", "top", "right", 20, 4.0, 8.0, 2 if kind == "retry" else 1,
        "clockwise", 90, holds=kind != "miss",
    )
    for kind in ("carry", "turn", "miss", "pair", "retry")
}  # fmt: skip


def flagged(kind: str, text: str) -> list[str]:
    facts = tuple(EPISODES[kind].facts(0))
    return [found.claim.kind for found in contradictions([SaidMotion(text, "", facts, 0).row], facts)]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        # other texts, other episodes
        ("carry", "The draft says the left arm grasps the cup, which is wrong."),
        ("carry", "In contrast to the last episode, where the left arm was used, the right arm grasps the cup."),
        ("carry", "The instruction asks for the left arm, but the robot uses the right arm."),
        ("carry", "标注写的是左臂，实际是右臂。"),
        # notes, and what sounds like a second try or an order
        ("pair", "R: grasp 4.0 s, release 8.0 s. L: grasp 10.0 s, release 13.0 s."),
        ("pair", "Right hand goes first, and once it is done the left one gets its turn."),
        ("pair", "R first, then L."),
        ("miss", "R: closed empty at t=4."),
        ("carry", "It lets go of the cup between 7 and 9 seconds."),
        ("carry", "The right one did everything."),
        # sides of a picture
        ("carry", "From the viewer's perspective, the cup is carried to the left."),
        ("turn", "The right arm turns the cup clockwise, which looks counterclockwise from below."),
        # places, and ways of things that are not held
        ("carry", "Put the cup in the drawer to the left with the right arm."),
        ("carry", "The cup, second from the left, is grasped by the right arm."),
        ("carry", "The cup with the handle facing left is grasped by the right arm."),
        ("carry", "Right after the grasp, the right arm lifts the cup."),
        ("carry", "The right arm carries the cup to the right before it swings back left."),
        ("carry", "The right arm lifts the cup, carries it forward a little and to the right, and lets it go."),
        ("carry", "The right arm approaches from the left at first and then descends onto the cup from above."),
        # fingers that open for a grasp; grippers that only are open or empty
        ("carry", "The right arm opens its gripper, reaches the cup, closes on it and carries it to the right."),
        ("carry", "右臂先张开夹爪，移动到杯子上方，然后闭合夹爪抓住杯子。"),
        ("carry", "The gripper is empty at first; the right arm then closes it around the cup."),
        ("carry", "There is nothing left in the gripper after the right arm opens it at 8.1 s."),
        ("carry", "右臂放下杯子后，夹爪为空。"),
        ("carry", "The fingers of the left gripper stay open the whole time."),
        # a motion that is told twice
        ("carry", "The right arm picks up the cup and places it on the mat. In summary, the right arm grasps the cup."),
        ("carry", "The robot moves a cup by grasping and releasing it. It first closes the gripper, then opens it."),
        # arms that rest for a while, or are only named
        ("carry", "Both arms start in their home position. The right arm grasps the cup from above."),
        ("carry", "At the start both arms are at rest; then the right arm picks up the cup."),
        ("carry", "The left arm does not need to help."),
        ("carry", "右臂快要碰到左臂时停下，然后夹住杯子。"),
        ("pair", "The left arm waits until the right arm has let go of the cup and only then reaches for it."),
        ("pair", "While the right arm works, the left arm waits. Then the left arm picks up the cup."),
        # orders that words turn round
        ("carry", "The right arm does not release the cup until it is over the plate."),
        ("pair", "The left arm picks up the cup that the right arm has put down."),
        ("pair", "The left arm follows the right arm: it grasps the cup second."),
        ("pair", "左臂等右臂松开杯子后再去夹取。"),
        # failures of something else
        ("carry", "The right arm grasps the cup and nothing else."),
        ("carry", "The left arm cannot be seen while the right arm grasps the cup."),
        ("carry", "The right arm failed to keep the cup level but carried it to the right."),
        ("carry", "The right arm grasps the cup; the plate stays where it is."),
        ("carry", "右臂用两根手指夹住杯子，没有夹空。"),
        # turns of the wrist alone, and in steps
        ("turn", "The right arm grips the cup, turns it clockwise and lets go; the wrist turns back counterclockwise."),
        ("turn", "The right arm twists the cup clockwise in two steps of 45 degrees."),
        # things that are no act
        ("carry", "The right arm moves to a pre-grasp pose above the cup at 2.0 s and grasps it at 4 s."),
        ("carry", "The right arm drops down to the cup, grips it, and carries it to the right."),
        ("retry", "The right arm closes on nothing, reopens, and then secures the cup."),
    ],
)
def test_true_sentence_is_not_flagged_where_it_is_not_sure(kind: str, text: str) -> None:
    assert flagged(kind, text) == []


@pytest.mark.parametrize(
    ("kind", "text", "claim"),
    [
        ("carry", "The draft is right: the left arm grasps the cup.", "arm"),
        ("carry", "Carry the cup toward the left side of the table with the right arm.", "direction"),
        ("carry", "The right arm opens its gripper and afterwards grips the cup.", "close"),
        ("carry", "First the release, then the transport, then the grasp.", "close"),
        ("carry", "Between 1.5 s and 9.8 s the cup is in the grasp of the right arm.", "held"),
        ("carry", "The right arm stays idle throughout.", "idle"),
        ("carry", "The gripper of the right arm comes back empty.", "miss"),
        ("miss", "The cup is lifted by the right arm.", "hold"),
        ("miss", "右臂闭合夹爪后，杯子被提了起来。", "hold"),
        ("pair", "The right arm waits until the left arm has let go of the cup and only then reaches for it.", "arm"),
        ("pair", "The right arm stays idle throughout.", "idle"),
        ("pair", "The arms act: left first, right second.", "arm"),
        ("pair", "Both grippers grasp the cup together.", "together"),
        ("turn", "Wrist rotation: clockwise, approx. 200°. Arm: right.", "angle"),
    ],
)
def test_false_claim_of_the_same_kinds_is_flagged(kind: str, text: str, claim: str) -> None:
    assert claim in flagged(kind, text)


def test_patterns_that_are_asked_for_together_miss_none_of_theirs() -> None:
    texts = [
        one.text.lower()
        for phrasings, words in (
            (FIFTH, {}),
            (EIGHTH, EIGHTH_WORDS),
            (ELEVENTH, ELEVENTH_WORDS),
            (TWELFTH, TWELFTH_WORDS),
        )
        for one in said_motions(phrasings, 40, 5, words)
    ]
    random.Random(1).shuffle(texts)
    found = 0
    for text in re.split(r"[,，。.]", " ".join(texts[:150])):
        for group in (*ENGLISH, *CHINESE):
            matches = [pattern for _, _, pattern in group.each if pattern.search(text)]
            assert bool(group.any_of.search(text)) == bool(matches), (text, matches)
            found += len(matches)
    assert found > 500
