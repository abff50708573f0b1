"""English jobs that are announced, looked for in words or begun anew; and what cannot be done, or is only told."""

import pytest
from slot_text import slots_in

from finevla_core.language.english_reader import read_english

READ = [
    ("Do a counterclockwise turn of the knob.", "task=turn shape=knob turn=counterclockwise"),
    ("Do a slow top grasp on the small blue cube.", "task=pick approach=top size=small color=blue shape=cube"),
    ("Run a place: green cylinder, left bowl.", "task=place color=green shape=cylinder place=left_bowl"),
    (
        "The object is the red cylinder, the arm is the left one, the job is reaching.",
        "task=reach arm=left color=red shape=cylinder",
    ),
    ("The right arm overheated earlier. Take the red cube with the left.", "task=pick arm=left color=red shape=cube"),
    ("Lift the yellow ball with both... no, just the left arm.", "task=pick arm=left color=yellow shape=ball"),
    ("lift the um what do you call it the green brick", "task=pick color=green shape=brick"),
    (
        "stack the blue no the purple ball on the orange cube",
        "task=stack color=purple shape=ball place=object below_color=orange below_shape=cube",
    ),
    (
        "could you comma with the right arm comma lift the blue brick period",
        "task=pick arm=right color=blue shape=brick",
    ),
    ("Do not forget to lift the red ball.", "task=pick color=red shape=ball"),
    ("Lift the red ball, but do not squeeze it.", "task=pick color=red shape=ball"),
    (
        "The ball rolled away last time, so hold the green cylinder firmly and lift it.",
        "task=pick color=green shape=cylinder",
    ),
    ("Nothing should be left on the table.", "task=clean"),
    (
        "Make a stack: yellow brick below, blue ball on it.",
        "task=stack color=blue shape=ball place=object below_color=yellow below_shape=brick",
    ),
    ("I don't want you to crush it, lift the green brick.", "task=pick color=green shape=brick"),
    ("Right, take the red ball.", "task=pick color=red shape=ball"),
    ("Right arm, take the red ball.", "task=pick arm=right color=red shape=ball"),
]
REFUSED = [
    "I want you to bake the green brick.",
    "I want you to gently shave the green brick.",
    "Pick up the red ball and the banana.",
    "Put the red ball and the stapler in the left bowl.",
    "Lift the red ball and shred it.",
    "Lift the red light.",
    "Lift the red cube with the whisk.",
    "Could you hand the green brick over?",
    "Can the left gripper hold the big brick?",
    "Could the right arm lift the big cube, or is it too heavy?",
    "Have you picked up the red cube?",
    "I like the way you lift that cube.",
    "You put the ball in the left bowl yesterday.",
    "I will pick up the ball later.",
    "Somebody should clean the table one day.",
    "Reach for the green cube but do not go near it.",
    "Lift the yellow cube but don't move it.",
    "Raise the purple cube, but it has to stay on the table.",
    "Put the orange cube on the red brick but not on the red brick.",
    "Place the blue brick in the right bowl and nowhere near the right bowl.",
    "Approach the cube from the left and from the right at once.",
    "Place the cube in the left bowl without opening your hand.",
    "Put the blue cube on top of the right bowl.",
    "Put one cube in each bowl.",
    "Turn the knob exactly 37 times.",
    "Grip the ball with a force of 500 newtons.",
    "Reach the red cube as fast as you possibly can, ignoring the speed limit.",
    "Move through the operator to get to the blue ball.",
    "Pick up the red cube and do not stop even if I say stop.",
    "Grab the blue ball, even if my hand is in the way.",
    "Catch the ball when I throw it.",
]


@pytest.mark.parametrize(("say", "means"), READ)
def test_an_announced_job_is_read(say: str, means: str) -> None:
    reading = read_english(say)
    assert not reading.refusal
    assert dict(reading.slots) == slots_in(means)


@pytest.mark.parametrize("say", REFUSED)
def test_what_cannot_be_or_is_only_told_is_refused(say: str) -> None:
    assert read_english(say).refusal


@pytest.mark.parametrize("thing", ["banana", "stapler", "keys"])
def test_a_listed_thing_is_refused_by_its_name(thing: str) -> None:
    assert thing in read_english(f"Pick up the red ball and the {thing}.").refusal


@pytest.mark.parametrize(
    "say",
    [
        "Don't do a top grasp on the red cube.",
        "Never do a counterclockwise turn of the knob.",
        "Don't make a turn of the knob.",
        "never do a quick lift of the ball",
        "Do not attempt an overhead pick of the red cube",
        "do not try a side grip on the can",
        "Do not perform a pick of the blue ball.",
        "Please do not forget not to lift the red ball.",
        "We should not lift the red ball.",
    ],
)
def test_a_job_that_is_excluded_is_not_done(say: str) -> None:
    assert read_english(say).refusal


@pytest.mark.parametrize("color", ["red", "blue", "green"])
def test_a_colour_said_again_without_a_pause_replaces_the_first(color: str) -> None:
    reading = read_english(f"the yellow ball no the {color} ball lift it")
    assert dict(reading.slots) == {"task": "pick", "color": color, "shape": "ball"}


@pytest.mark.parametrize(
    "text",
    [
        "Do you know what, just lift the red cube.",
        "do you know what? just lift the red cube",
        "D'you know what, can you lift the red cube?",
        "Hey, do you know what, please lift the red cube",
    ],
)
def test_do_you_know_what_before_a_command_asks_nothing(text: str) -> None:
    assert read_english(text).slots == slots_in("task=pick color=red shape=cube")


@pytest.mark.parametrize(
    "text",
    [
        "Do you know what lifts the red cube?",
        "Do you know what just lifted the red cube?",
        "Do you know what, if anything, lifts the red cube",
        "Do you know what, roughly, lift the red cube weighs",
        "Do you know what, did you just lift the red cube?",
        "Do you know what, lift the red cube means?",
        "Do you know what, the red cube was lifted by the left arm",
        "Do you know how to lift the red cube?",
    ],
)
def test_do_you_know_what_before_anything_else_is_a_question(text: str) -> None:
    assert read_english(text).refusal == "this is a question: say what to do"


@pytest.mark.parametrize(
    ("say", "slots"),
    [
        ("do not take the ball take the cube", {"task": "pick", "shape": "cube"}),
        (
            "do not use the left arm grab the red cube with the right",
            {"task": "pick", "arm": "right", "color": "red", "shape": "cube"},
        ),
        ("do not turn the knob left turn it right", {"task": "turn", "shape": "knob", "turn": "clockwise"}),
        ("get the yellow one and spin it clockwise", {"task": "turn", "color": "yellow", "turn": "clockwise"}),
    ],
)
def test_dictated_denials_pause_before_the_next_deed(say: str, slots: dict[str, str]) -> None:
    reading = read_english(say)
    assert not reading.refusal
    assert dict(reading.slots) == slots


@pytest.mark.parametrize("say", ["make the red ball roll", "get the green cube spinning"])
def test_things_that_shall_move_by_themselves_are_refused(say: str) -> None:
    assert "by themselves" in read_english(say).refusal
