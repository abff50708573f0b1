"""Promises of the English reader about words that it does not know, and about words that are harmless in a remark only."""

import pytest
from slot_text import slots_in

from finevla_core.language.english_reader import read_english

READ = [
    ("Mop up: all objects into the right bowl.", "task=clean place=right_bowl"),
    ("Hover, don't grab: green brick, left arm.", "task=reach color=green shape=brick arm=left"),
    ("The scanner guy wants that small red ball up in the air. Lift it.", "task=pick size=small color=red shape=ball"),
    ("Left arm's on the fritz, so use the other one to take the purple brick.",
     "task=pick arm=right color=purple shape=brick"),
    ("Any bowl will do for the blue brick, just drop it in.", "task=place color=blue shape=brick"),
    ("The bowl on the right is where I want the red ball.", "task=place color=red shape=ball place=right_bowl"),
    ("Pick up the cube. The blue one. With your right hand.", "task=pick color=blue shape=cube arm=right"),
    ("Grip the small green can at the front and at the back.",
     "task=pick size=small color=green shape=cylinder grasp=lengthways"),
    ("uh the the yellow um cube, left left bowl", "task=place color=yellow shape=cube place=left_bowl"),
    ("Please don't put the ball into the right bowl; the left bowl is the proper place for it.",
     "task=place shape=ball place=left_bowl"),
    ("It would help if the purple cube were sitting in the right-hand bowl.",
     "task=place color=purple shape=cube place=right_bowl"),
    ("Lift the brick nestled against the post.", "task=pick shape=brick"),
    ("For our next gala the blue ball will be set on the red cube.",
     "task=stack color=blue shape=ball place=object below_color=red below_shape=cube"),
    ("Park the left claw a tad above the yellow tin.", "task=reach arm=left color=yellow shape=cylinder"),
    ("I'd be ever so chirpy if you'd take the orange ball from above.", "task=pick color=orange shape=ball approach=top"),
    ("Ignore the red and the green one. Blue cube, from the right.", "task=reach color=blue shape=cube approach=right"),
    ("Yank the dial round to the left, will ya?", "task=turn shape=knob turn=counterclockwise"),
    ("I'd rather you came in from the left than from above when you pick the red can.",
     "task=pick approach=left color=red shape=cylinder"),
    ("yellow ball lift left arm", "task=pick color=yellow shape=ball arm=left"),
    ("Breaker breaker: hover over the green can.", "task=reach color=green shape=cylinder"),
    ("Hands off the green cube! The purple one is mine; raise it for me.", "task=pick color=purple shape=cube"),
    ("The green brick looks like a chocolate bar, doesn't it? Lift it.", "task=pick color=green shape=brick"),
    ("I have to catch a bus at five, so bring the orange brick to the right bowl.",
     "task=place color=orange shape=brick place=right_bowl"),
    ("No need for the right arm here; the left can pick the yellow ball.", "task=pick arm=left color=yellow shape=ball"),
    ("Pick up the brick lying crosswise behind the yellow can.", "task=pick shape=brick"),
    ("The cat sleeps on the window, so be quiet while you lift the yellow cube.", "task=pick color=yellow shape=cube"),
]  # fmt: skip

REFUSED = [
    "Inspect the red cube with the left arm.",
    "The left arm examines the red cube.",
    "Pick up the red cube and repair it.",
    "I want the red cube sharpened.",
    "Video the red cube.",
    "Pulverise: red cube.",
    "Clean the red cube.",
    "Open the tin, then close it.",
    "Take the blue can and open it.",
    "Pick up the red cube and spin it.",
    "Give the red cube a shake.",
    "Pick up the yellow can with a clip.",
    "Lift the ball using the knob.",
    "Grab red picture from the left side.",
    "Clear everything off the table into the kitchen.",
    "Take the red ball out of the left bowl.",
    "Hold the red cube and pass it to the other arm.",
    "Place the can in the blue bowl.",
    "Pick up the red cube and the left bowl.",
    "Take the knob off the table.",
    "Turn over the can.",
    "Empty the can into the bowl.",
    "Draw a circle around the red cube.",
    "Tip the can over the left bowl.",
    "Tell me which cube is bigger.",
    "Say hello to the ball.",
    "Throw the red ball into the left bowl.",
    "Turn the knob left and right.",
    "Approach the ball from above without coming from above.",
    "Open the gripper and keep it open while lifting the can.",
    "Pick up the red cube with the gripper closed.",
    "Pick the red cube and after that the green ball.",
    "Stack the cube on the ball on the can.",
    "Let both arms lift the brick.",
    "I have put the ball in the bowl.",
]


@pytest.mark.parametrize(("text", "slots"), READ)
def test_a_strange_word_where_nothing_depends_on_it_is_passed_over(text: str, slots: str) -> None:
    assert dict(read_english(text).slots) == slots_in(slots)


@pytest.mark.parametrize("text", REFUSED)
def test_a_harmless_word_as_deed_tool_thing_or_place_is_refused(text: str) -> None:
    reading = read_english(text)
    assert reading.refusal
    assert not reading.slots
