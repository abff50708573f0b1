"""The English reader over three more voices: typed in a hurry, not the first language, and the annotator of videos."""

import pytest
from slot_text import slots_in

from finevla_core.language.english_reader import read_english

HURRIED = [
    ("youre gonna pick up the red ball with the left arm ok", "task=pick color=red shape=ball arm=left"),
    ("dont take the blue can take the green can", "task=pick color=green shape=cylinder"),
    ("the right arm doesnt work today, use other one for lifting the purple cube",
     "task=pick color=purple shape=cube arm=left"),
    ("id like the knob turned clockwise", "task=turn shape=knob turn=clockwise"),
    ("weve decided: the blue cube goes on the orange brick",
     "task=stack color=blue shape=cube place=object below_color=orange below_shape=brick"),
    ("wont you turn the dial to the left", "task=turn shape=knob turn=counterclockwise"),
    ("if youre ready take big blue cube, fingers front and back",
     "task=pick size=big color=blue shape=cube grasp=lengthways"),
    ("grab small ball n put it in right bowl dont go over the pole go round it",
     "task=place size=small shape=ball place=right_bowl path=round"),
    ("dont lift it just hover over the purple cube", "task=reach color=purple shape=cube"),
    ("turn knob, not clockwise, other way round", "task=turn shape=knob turn=counterclockwise"),
    ("next run starts in 5 min so everything off the table and into left bowl", "task=clean place=left_bowl"),
    ("put blue brick which is between the two bowls in the right one",
     "task=place color=blue shape=brick place=right_bowl"),
    ("right arm only, left stays parked. lift the blue can.", "task=pick arm=right color=blue shape=cylinder"),
    ("the purple ball shouldnt stay here, right bowl pls", "task=place color=purple shape=ball place=right_bowl"),
    ("wats left on the table goes in the right bowl", "task=clean place=right_bowl"),
]  # fmt: skip
NOT_THE_FIRST_LANGUAGE = [
    ("As the right arm was serviced only yesterday, please let that arm lift the green cylinder.",
     "task=pick arm=right color=green shape=cylinder"),
    ("As the left gripper got new pads, please use that one to pick up the red can.",
     "task=pick arm=left color=red shape=cylinder"),
    ("Before we start with the measurement, you should move the open left gripper above the red ball and wait.",
     "task=reach arm=left color=red shape=ball"),
    ("So that the tower gets higher, kindly keep the small orange cube on the blue brick.",
     "task=stack size=small color=orange shape=cube place=object below_color=blue below_shape=brick"),
    ("Keep the left gripper over the red can.", "task=reach arm=left color=red shape=cylinder"),
    ("Both the bowls are there, you keep the ball in the right one only.", "task=place shape=ball place=right_bowl"),
    ("Can help me put the orange brick into the left bowl or not?",
     "task=place color=orange shape=brick place=left_bowl"),
    ("You just go near to the purple cube and stand there, don't catch it.", "task=reach color=purple shape=cube"),
    ("The red ball you must not touch, only the red cube you have to lift.", "task=pick color=red shape=cube"),
    ("Could you make that the red brick lies on the yellow brick?",
     "task=stack color=red shape=brick place=object below_color=yellow below_shape=brick"),
    ("The left arm has a defect cable, therefore only the right arm is allowed. Lift the brick.",
     "task=pick arm=right shape=brick"),
    ("Everything on the table goes into the right bowl; no, I misread the label, everything goes into the left bowl.",
     "task=clean place=left_bowl"),
    ("The fingers should not be left and right of the brick, rather one in front and one behind; lift the brick like this.",
     "task=pick shape=brick grasp=lengthways"),
    ("Before lunch, the left hand still has to put the ball into the right bowl.",
     "task=place arm=left shape=ball place=right_bowl"),
    ("Next one is the blue ball, by the right arm, from the top.",
     "task=reach arm=right color=blue shape=ball approach=top"),
]  # fmt: skip
ANNOTATED = [
    ("The robot ignores the purple cube and places the orange cube into the right bowl.",
     "task=place color=orange shape=cube place=right_bowl"),
    ("The small can is ignored; the big can is placed in the right bowl.",
     "task=place size=big shape=cylinder place=right_bowl"),
    ("The robot never touches the blue can and instead places the green can in the right bowl.",
     "task=place color=green shape=cylinder place=right_bowl"),
    ("The left arm does not touch the red ball; it lifts the purple ball.",
     "task=pick arm=left color=purple shape=ball"),
    ("The robot leaves everything else in place and grasps the blue cylinder lengthways.",
     "task=pick color=blue shape=cylinder grasp=lengthways"),
    ("The robot carries the brick around the post without touching it and drops it into the right bowl.",
     "task=place shape=brick path=round place=right_bowl"),
    ("The robot sets the purple brick from the far corner onto the red brick, descending on it from above to grasp it.",
     "task=stack color=purple shape=brick approach=top place=object below_color=red below_shape=brick"),
    ("The robot withdraws its left arm and, with the right, lifts the orange cube.",
     "task=pick arm=right color=orange shape=cube"),
    ("The left arm is retracted while the right arm twists the dial to the right.",
     "task=turn arm=right shape=knob turn=clockwise"),
    ("The robot, having ignored the can, lifts the ball with its right hand.", "task=pick arm=right shape=ball"),
]  # fmt: skip
SLIPS = [
    ("everthing into the left bowl", "everthing", "everything", "task=clean place=left_bowl"),
    ("pick up the cilinder", "cilinder", "cylinder", "task=pick shape=cylinder"),
    ("approch the green ball from the left", "approch", "approach", "task=reach color=green shape=ball approach=left"),
    (
        "lift red cube, fingers lenghtways",
        "lenghtways",
        "lengthways",
        "task=pick color=red shape=cube grasp=lengthways",
    ),
    ("positon the gripper above the green brick", "positon", "position", "task=reach color=green shape=brick"),
    ("hover over the can witthout lifting it", "witthout", "without", "task=reach shape=cylinder"),
]
REFUSED = [
    "lift the cutter",
    "take the kettle",
    "pick up the poster",
    "lift the cloves",
    "lift the purkle cube",  # a colour is not guessed
    "keep the red cube on the shelf",
    "Keep the ball on the knob.",
    "Next one is the kettle, by the right arm.",
    "The robot ignores the can and opens the drawer.",
    "Ignore the red cube.",
    "As the right arm was serviced, let that arm open the door.",
    "put the ball in the right one of the drawers",
    "turn knob, not clockwise and not counterclockwise",
    "dont lift the ball kick it",
    "throw everything at the wall",
    "So that we can see better, move the camera over the blue ball.",
    "The customer takes the red cube.",
    "youve dropped the red ball",
    "hes put the ball in the bowl",
    "The robot fails to lift the red cube.",
    "Make sure that the window is closed.",
    "The robot kicks the ball off the table.",
]


@pytest.mark.parametrize(("text", "means"), HURRIED + NOT_THE_FIRST_LANGUAGE + ANNOTATED)
def test_the_voice_is_understood(text: str, means: str) -> None:
    reading = read_english(text)
    assert (reading.refusal, dict(reading.slots)) == ("", slots_in(means))


@pytest.mark.parametrize(("text", "typed", "meant", "means"), SLIPS)
def test_a_slip_of_the_keys_is_read_over_and_named(text: str, typed: str, meant: str, means: str) -> None:
    reading = read_english(text)
    assert (reading.refusal, dict(reading.slots)) == ("", slots_in(means))
    assert f"{typed} (read as {meant})" in reading.unknown
    assert reading.certainty < read_english(text.replace(typed, meant)).certainty


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_near_the_world_and_not_of_it_is_refused(text: str) -> None:
    reading = read_english(text)
    assert reading.refusal
    assert not reading.slots
