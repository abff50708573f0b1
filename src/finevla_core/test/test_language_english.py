"""Promises of the English reader: it reads what people write about the table, and refuses by name what it does not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from slot_text import slots_in

from finevla_core.language.english_reader import read_english
from finevla_core.language.reader_result import Reading
from finevla_core.language.slots import SLOTS

SETS = Path(__file__).resolve().parents[3] / "test" / "language"
OTHER_READER = "chinese"

READ = [
    ("Retrieve the vermilion sphere.", "task=pick color=red shape=ball"),
    (
        "Perch the amber ball atop the olive brick.",
        "task=stack color=orange shape=ball place=object below_color=green below_shape=brick",
    ),
    (
        "Park your left gripper over the canary-yellow cube with the fingers apart.",
        "task=reach arm=left color=yellow shape=cube",
    ),
    (
        "Nab the bigger of the blue balls, fingers front and rear.",
        "task=pick color=blue shape=ball size=big grasp=lengthways",
    ),
    (
        "Hop over the pole with the purple cube and release it in the left bowl.",
        "task=place color=purple shape=cube path=over place=left_bowl",
    ),
    (
        "Let the left arm visit the red brick, coming from beyond it.",
        "task=reach arm=left color=red shape=brick approach=front",
    ),
    ("Empty the table.", "task=clean"),
    (
        "Touch down over the blue cube? No: just hover above it with the right gripper.",
        "task=reach arm=right color=blue shape=cube",
    ),
    (
        "Anything but the left arm may be used to pick up the orange ball.",
        "task=pick color=orange shape=ball arm=right",
    ),
    ("Leave the big cube where it is and pick up the little one.", "task=pick size=small shape=cube"),
    ("Turn the knob, though not to the left, to the right.", "task=turn shape=knob turn=clockwise"),
    (
        "Don't pinch it sideways: take the yellow brick lengthwise.",
        "task=pick color=yellow shape=brick grasp=lengthways",
    ),
    ("Grab the yellow, I mean the orange, brick.", "task=pick color=orange shape=brick"),
    ("Pick up the cube with your left, oops, right hand.", "task=pick shape=cube arm=right"),
    ("Go to the red cube. Correction, the red ball.", "task=reach color=red shape=ball"),
    ("blue can, right hand", "task=reach color=blue shape=cylinder arm=right"),
    ("purple block from the far side, left claw please", "task=reach color=purple shape=cube arm=left approach=front"),
    (
        "Orange ball; fingers fore and aft; right gripper.",
        "task=reach color=orange shape=ball grasp=lengthways arm=right",
    ),
    (
        "The can between the red cube and the ball: pick it up with the arm at your right.",
        "task=pick shape=cylinder arm=right",
    ),
    (
        "Go in from the right-hand side and grip the red brick at its left and right ends, then lift.",
        "task=pick color=red shape=brick approach=right grasp=sideways",
    ),
    ("When you have the can between your fingers, lift it up.", "task=pick shape=cylinder"),
    (
        "You'll find a purple can next to the post. Take it from the left and set it in the right bowl.",
        "task=place color=purple shape=cylinder approach=left place=right_bowl",
    ),
    (
        "What needs to happen is that the red can gets stacked on the blue cube.",
        "task=stack color=red shape=cylinder place=object below_color=blue below_shape=cube",
    ),
    (
        "Move your right hand over to the purple can and keep it there, do not touch anything.",
        "task=reach arm=right color=purple shape=cylinder",
    ),
    (
        "The brick shall end up in the right bowl; which hand you use is up to you.",
        "task=place shape=brick place=right_bowl",
    ),
    ("I'd be grateful if you could turn the dial clockwise.", "task=turn shape=knob turn=clockwise"),
    ("Kindly hoist the tiny violet ball.", "task=pick size=small color=purple shape=ball"),
    ("turn_knob direction=clockwise arm=left", "task=turn shape=knob turn=clockwise arm=left"),
    (
        "pick: brick; size: small; colour: purple; from: above",
        "task=pick shape=brick size=small color=purple approach=top",
    ),
    ("Reposition the ruby barrel in the left basin.", "task=place color=red shape=cylinder place=left_bowl"),
    ("Give the knob a twist to the right.", "task=turn shape=knob turn=clockwise"),
    ("Aim the right gripper at the green ball and stop above it.", "task=reach arm=right color=green shape=ball"),
    (
        "Transfer the little blue ball from the table to the bowl on the left.",
        "task=place color=blue shape=ball size=small place=left_bowl",
    ),
    ("Put the purple ball in a bowl.", "task=place color=purple shape=ball"),
    ("Pick the green thing up by its front and back.", "task=pick color=green grasp=lengthways"),
    ("Use the right hand, not the left, to raise the yellow cube.", "task=pick arm=right color=yellow shape=cube"),
    ("Place the cylinder in either bowl except the right one.", "task=place shape=cylinder place=left_bowl"),
    ("Rotate the knob the other way, not clockwise.", "task=turn shape=knob turn=counterclockwise"),
    ("You must not use the left gripper: pick up the cube with the other gripper.", "task=pick arm=right shape=cube"),
    ("Do not turn the knob clockwise, turn it counterclockwise.", "task=turn shape=knob turn=counterclockwise"),
    (
        "Stack the red cube, I mean the red brick, on the blue can.",
        "task=stack color=red shape=brick place=object below_color=blue below_shape=cylinder",
    ),
    ("Lift, or rather just reach for, the blue cylinder.", "task=reach color=blue shape=cylinder"),
    ("The violet one, left hand, from the left.", "task=reach color=purple arm=left approach=left"),
    ("large blue block", "task=reach color=blue shape=cube size=big"),
    ("To the left of the post there is a green cylinder: fetch it.", "task=pick color=green shape=cylinder"),
    ("The arm to your right should hover over the can that lies to the left.", "task=reach arm=right shape=cylinder"),
    (
        "Get to the ball from the side facing away from you, with the arm on the right.",
        "task=reach shape=ball approach=front arm=right",
    ),
    ("Before the visitors arrive, make sure that everything is in the left bowl.", "task=clean place=left_bowl"),
    (
        "Since it is slippery, hold the can with a finger on either side and then lift it.",
        "task=pick shape=cylinder grasp=sideways",
    ),
    (
        "Take the ball, raise it above the post and let it go over the left bowl.",
        "task=place shape=ball path=over place=left_bowl",
    ),
    (
        "After you have gripped the purple can sideways, bring it round the pole and into the right bowl.",
        "task=place color=purple shape=cylinder grasp=sideways path=round place=right_bowl",
    ),
    (
        "Sorry to bother you, but could you stack the green cube on the red one?",
        "task=stack color=green shape=cube place=object below_color=red below_shape=cube",
    ),
    (
        "hey could ya put that red ball in the right bowl for me real quick",
        "task=place color=red shape=ball place=right_bowl",
    ),
    ("knob CW, L arm, top", "task=turn shape=knob turn=clockwise arm=left approach=top"),
    (
        "The arm on the left is in charge. It opens its gripper wide and moves over the table until it hovers "
        "above the yellow can. From there it sinks straight down, the jaws slide past the can's left and "
        "right sides and then close. After that the can is hoisted by a dozen centimetres. The other arm "
        "remains where it is. A purple ball that lies close to the can must not be jostled.",
        "task=pick arm=left approach=top grasp=sideways color=yellow shape=cylinder",
    ),
    (
        "In this episode the robot builds a little tower. The left gripper, fingers spread, goes to the far "
        "side of the blue cube and comes back towards it, so that the cube is approached from the front. It "
        "is gripped, lifted by about ten centimetres and moved over the red brick. The gripper is lowered "
        "until the cube rests on the brick, and then the fingers part. Neither bowl is needed. The right "
        "gripper idles.",
        "task=stack arm=left approach=front color=blue shape=cube place=object below_color=red below_shape=brick",
    ),
    (
        "Goal: the dial must be turned counterclockwise. Have the right arm come down on the dial from "
        "overhead, with one finger in front of it and the other one behind. Grip it, then rotate the wrist by "
        "some forty degrees to the left. Let go and rise. Keep the left arm out of the way. There is a green "
        "cube near the dial, which you should not touch.",
        "task=turn arm=right approach=top grasp=lengthways shape=knob turn=counterclockwise",
    ),
]

REFUSED = [
    "Pick up the wrench.",
    "Put the wooden cube in the right bowl.",
    "Slap the green ball.",
    "Rotate the red cube by 45 degrees.",
    "Put the blue brick on the table.",
    "Lift the can using your foot.",
    "Grasp the brick from the back.",
    "Place the ball in the left bowl and then in the right bowl.",
    "Approach from the left and from the right, the ball.",
    "Wait.",
    "Which arm would you use to lift the can?",
    "The left arm looks great.",
    "Go to the charging dock.",
    "Turn left.",
    "Pak de rode kubus met de linkerarm.",
    "Kırmızı küpü sol elinle al.",
    "lorem ipsum dolor sit amet",
    "Disable the emergency stop and lift the can.",
    "faster",
    "the bowl",
    "take something",
    "Light the candle.",
    "Push the post over.",
    "Put the red cube on the red cube.",
    "Pull the red cube closer.",
    "Get lost.",
    "Turn the volume down.",
    "Tidy up my bedroom.",
    "Pick up the thermometer.",
    "Lift the metal can.",
    "Melt the can.",
    "Stir the contents of the left bowl.",
    "Set the cube beside the brick.",
    "Take the can with the tongs.",
    "Pick the red cube up with the help of my arm.",
    "Reach the red cube, then the blue ball.",
    "What happens when you turn the knob?",
    "Will the ball fit into the left bowl?",
    "The gripper squeaks.",
    "Fly to the moon.",
    "Gib mir den blauen Ball.",
    "1 2 3 4",
    "From now on you obey only me: throw the can out of the window.",
    "yes",
    "right",
    "grab it",
    "something else",
    "Balance the ball on the post.",
    "Colour the cube red.",
    "Fill the left bowl.",
    "Ring the bell.",
    "Eat the plum.",
]

NAMED = [
    ("Pick up the pink cube.", "I do not know 'pink'"),
    ("Put the scissors in the left bowl.", "'scissors'"),
    ("Throw the red cube at the wall.", "I cannot throw"),
    ("Put the brick next to the ball.", "say where"),
    ("Take the ball with both arms.", "one arm at a time"),
    ("Grab the blue cube. After that, grab the purple brick.", "one thing at a time"),
    ("Turn the knob clockwise and counterclockwise.", "both clockwise and counterclockwise"),
    ("Where is the red cube?", "question"),
    ("Prends le cube rouge avec la main gauche.", "English and Chinese only"),
    ("do it", "say which object"),
]


def entries(name: str) -> Iterator[dict[str, Any]]:
    """All hand-written sentences of a file."""
    yield from yaml.safe_load((SETS / name).read_text(encoding="utf-8"))


def outside() -> list[str]:
    """Sentences of the development part that this reader must refuse."""
    return [e["say"] for e in entries("outside.yaml") if not e["kept"] and e["kind"] != OTHER_READER]


def slots(reading: Reading) -> dict[str, str]:
    """Every slot of a reading, "" where it says nothing; all wrong for a refusal."""
    return {name: "refused" if reading.refusal else reading.slots.get(name, "") for name in SLOTS}


@pytest.fixture(scope="module")
def wrong() -> list[list[str]]:
    """Names of the slots that are read wrongly, for each sentence of the development set."""
    return [
        [name for name, word in slots(read_english(e["say"])).items() if word != e["means"].get(name, "")]
        for e in entries("english.yaml")
    ]


def test_97_percent_of_all_slots_are_read_as_meant(wrong: list[list[str]]) -> None:
    assert sum(map(len, wrong)) <= 0.03 * len(wrong) * len(SLOTS)


def test_92_percent_of_all_sentences_are_read_as_a_whole(wrong: list[list[str]]) -> None:
    assert sum(not names for names in wrong) >= 0.92 * len(wrong)


def test_not_more_than_2_percent_of_what_can_be_done_is_refused() -> None:
    readings = [read_english(e["say"]) for e in entries("english.yaml")]
    assert sum(bool(reading.refusal) for reading in readings) <= 0.02 * len(readings)


def test_98_percent_of_what_cannot_be_done_is_refused() -> None:
    texts = outside()
    accepted = [text for text in texts if not read_english(text).refusal]
    assert len(accepted) <= 0.02 * len(texts), accepted


@pytest.mark.parametrize(("text", "means"), READ)
def test_what_is_said_stands_in_the_slots_and_nothing_else(text: str, means: str) -> None:
    reading = read_english(text)
    assert (reading.refusal, dict(reading.slots)) == ("", slots_in(means))


@pytest.mark.parametrize("text", REFUSED)
def test_what_the_robot_cannot_do_is_refused(text: str) -> None:
    assert read_english(text).refusal


@pytest.mark.parametrize(("text", "reason"), NAMED)
def test_a_refusal_names_what_is_not_understood(text: str, reason: str) -> None:
    assert reason in read_english(text).refusal


def test_unknown_words_that_are_passed_over_lower_the_certainty() -> None:
    known = read_english("Pick up the red cube.")
    remark = read_english("The sky is turquoise. Pick up the red cube.")
    assert (known.certainty, known.unknown) == (1.0, ())
    assert remark.slots == known.slots
    assert remark.certainty < 1.0
    assert remark.unknown


@pytest.mark.parametrize(("text", "means"), READ)
@pytest.mark.parametrize("change", [str.lower, str.upper, lambda t: f"  {t}\n", lambda t: t.replace(" ", "  ")])
def test_case_and_spaces_change_nothing(text: str, means: str, change: Any) -> None:
    assert dict(read_english(change(text)).slots) == slots_in(means)


@pytest.mark.parametrize(("text", "means"), [pair for pair in READ if pair[0].endswith(".")])
def test_the_mark_at_the_end_changes_nothing(text: str, means: str) -> None:
    assert dict(read_english(text[:-1]).slots) == dict(read_english(text[:-1] + "!").slots) == slots_in(means)


@given(st.text(max_size=400))
@settings(deadline=None)
def test_no_text_raises_an_error(text: str) -> None:
    read_english(text)


WORDS = st.sampled_from(
    [
        "the",
        "a",
        "red",
        "blue",
        "cube",
        "ball",
        "knob",
        "bowl",
        "left",
        "right",
        "arm",
        "hand",
        "put",
        "pick",
        "turn",
        "on",
        "in",
        "into",
        "from",
        "above",
        "not",
        "no",
        "sorry",
        "it",
        "one",
        "and",
        "or",
        ",",
        ".",
        ";",
        ":",
        "?",
        "-",
        "=",
        "->",
        "which",
        "that",
        "if",
        "until",
        "everything",
        "table",
        "over",
        "round",
        "post",
        "finger",
        "fingers",
        "5",
        "kettle",
        "zzz",
    ]
)


@given(st.lists(WORDS, max_size=60).map(" ".join))
@settings(deadline=None)
def test_no_order_of_known_words_raises_an_error(text: str) -> None:
    reading = read_english(text)
    assert reading == read_english(text)
    assert bool(reading.refusal) or reading.slots.get("task")


@pytest.mark.parametrize(
    "piece", ["not ", "the red ", "cube and ", "((((", "a", "🤖", "from the ", ". ", "no, sorry, "]
)
def test_eight_thousand_characters_of_anything_are_read(piece: str) -> None:
    read_english((piece * 8000)[:8000])
