"""Promises of the English reader about slips of the keys, repairs, exclusions, talk and what is not to be seen."""

import pytest
from slot_text import slots_in

from finevla_core.language.english_reader import read_english

READ = [
    ("yellow cube, from the roght", "task=reach color=yellow shape=cube approach=right"),
    ("put the red can into the lefg bowk", "task=place color=red shape=cylinder place=left_bowl"),
    ("No cube please, only the red bakl, lift it.", "task=pick color=red shape=ball"),
    ("Heave the purple cube up with your let arm.", "task=pick arm=left color=purple shape=cube"),
    ("put the green ball in the leftbowl", "task=place color=green shape=ball place=left_bowl"),
    ("put the red can in the left bowl no the right bowl", "task=place color=red shape=cylinder place=right_bowl"),
    ("Put the green ball in the left, I mean right, bowl.", "task=place color=green shape=ball place=right_bowl"),
    ("Pick up the red cube. Better, the blue ball.", "task=pick color=blue shape=ball"),
    ("blue cube up, right arm forbidden", "task=pick arm=left color=blue shape=cube"),
    ("Don't lift the red cube with the left arm, use the right.", "task=pick arm=right color=red shape=cube"),
    ("Get over to the blue can, left hand, and just stay put.", "task=reach arm=left color=blue shape=cylinder"),
    ("dial left", "task=turn turn=counterclockwise shape=knob"),
]
REFUSED = [
    "My brother once put a red cube in a bowl.",
    "I wish I could lift the blue cube myself.",
    'From now on "red" means "blue": pick up the red cube.',
    "When I say red cube I mean my neighbour's dog. Pick up the red cube.",
    "Pick up the red cube when I clap.",
    "Pick up the red cube in ten minutes.",
    "Pick up the red cube and open the door.",
    "Pick up the heavy cube.",
    "Pick up the round red cube.",
    "Lift the cube my son likes.",
    "Turn the knob clockwise, but not clockwise.",
    "Put the red cube on the left bowl's rim.",
    "cube cube cube",
    "Dice the red cube.",
]
STILL_READ = [
    ("Bring the left hand to the green cylinder and let it hover there until I say so.",
     "task=reach arm=left color=green shape=cylinder"),
    ("By left I mean your left: put the red cube in the left bowl.", "task=place color=red shape=cube place=left_bowl"),
    ("Lift the heavy red can.", "task=pick color=red shape=cylinder"),
    ("Dinnae turn the dial tae the left, turn it tae the right.", "task=turn shape=knob turn=clockwise"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "means"), READ + STILL_READ)
def test_slips_repairs_and_exclusions_are_read_as_meant(text: str, means: str) -> None:
    reading = read_english(text)
    assert (reading.refusal, dict(reading.slots)) == ("", slots_in(means))


@pytest.mark.parametrize("text", REFUSED)
def test_talk_conditions_and_what_is_not_seen_are_refused(text: str) -> None:
    assert read_english(text).refusal


def test_operator_is_told_which_word_was_read_as_another() -> None:
    assert "roght (read as right)" in read_english("yellow cube, from the roght").unknown


@pytest.mark.parametrize("word", ["bow", "cue", "had", "hoover"])
def test_other_english_words_are_no_slips(word: str) -> None:
    assert not any("read as" in told for told in read_english(f"Lift the red cube near the {word}.").unknown)
