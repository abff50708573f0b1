"""Promises of the English reader about chat around a command: it is passed over, and deeds and things in it are not."""

import pytest
from slot_text import slots_in

from finevla_core.language.english_reader import read_english

READ = [
    (
        "The purple brick needs a hat: put the green ball on it.",
        "below_color=purple below_shape=brick color=green place=object shape=ball task=stack",
    ),
    (
        "Lift the yellow cube we bought in Germany.",
        "color=yellow shape=cube task=pick",
    ),
    (
        "Turn it clockwise, the knob, no, make that anticlockwise.",
        "shape=knob task=turn turn=counterclockwise",
    ),
    (
        "My left arm is free but use yours, the right, to lift the red cube.",
        "arm=right color=red shape=cube task=pick",
    ),
    (
        "If you've understood, lift the orange brick.",
        "color=orange shape=brick task=pick",
    ),
    (
        "Hover directly over the small green ball with the right hand, coming from the top.",
        "approach=top arm=right color=green shape=ball size=small task=reach",
    ),
    (
        "Put the yellow cube on the red can, pardon me, red brick.",
        "below_color=red below_shape=brick color=yellow place=object shape=cube task=stack",
    ),
    (
        "The big green ball, not the small one, into the right bowl, left arm.",
        "arm=left color=green place=right_bowl shape=ball size=big task=place",
    ),
    (
        "Take the red cube front-to-back and lift.",
        "color=red grasp=lengthways shape=cube task=pick",
    ),
    (
        "No fuss, no drama: left hand, yellow cube, lift.",
        "arm=left color=yellow shape=cube task=pick",
    ),
    (
        "Yo bot, snag that red cube with ur left claw k thx",
        "arm=left color=red shape=cube task=pick",
    ),
    (
        "Set the red ball on the green brick, the one nearest to the post.",
        "below_color=green below_shape=brick color=red place=object shape=ball task=stack",
    ),
    (
        "Lift the aforementioned yellow cube.",
        "color=yellow shape=cube task=pick",
    ),
    (
        "Of the green balls put the small one in the right bowl.",
        "color=green place=right_bowl shape=ball size=small task=place",
    ),
    (
        "Yellow brick, right bowl, mind the post, go round it.",
        "color=yellow path=round place=right_bowl shape=brick task=place",
    ),
    (
        "Dear robot, the blue brick has to be placed in left bowl. Many thanks in advance.",
        "color=blue place=left_bowl shape=brick task=place",
    ),
    (
        "Purple brick is located at right side of the table near the ball. Pick it.",
        "color=purple shape=brick task=pick",
    ),
    (
        "Using the arm on the left-hand side, pick up the red cube.",
        "arm=left color=red shape=cube task=pick",
    ),
    (
        "Unit one, execute: right manipulator, acquire red cube, elevate.",
        "arm=right color=red shape=cube task=pick",
    ),
    (
        "Lift the poor old yellow cube.",
        "color=yellow shape=cube task=pick",
    ),
    (
        "Left gripper, approach the blue ball from its right side, grasp it, lift it.",
        "approach=right arm=left color=blue shape=ball task=pick",
    ),
    (
        "Nothing's above it, so drop down on the red cube from up top and pick it up.",
        "approach=top color=red shape=cube task=pick",
    ),
    (
        "Come down on the yellow ball that's resting against the post and pick it up.",
        "approach=top color=yellow shape=ball task=pick",
    ),
    (
        "Don't lift the red cube yet; simply get ready above it.",
        "color=red shape=cube task=reach",
    ),
    (
        "The dial needs a nudge clockwise, so turn it, please.",
        "shape=knob task=turn turn=clockwise",
    ),
    (
        "Don't use the right bowl; put everything in the left one.",
        "place=left_bowl task=clean",
    ),
    (
        "Grandma's watching, so lift the yellow cube nicely.",
        "color=yellow shape=cube task=pick",
    ),
    (
        "The blue ball near the left bowl should go into the right bowl.",
        "color=blue place=right_bowl shape=ball task=place",
    ),
    (
        "The heating's too high, so the knob should go anticlockwise.",
        "shape=knob task=turn turn=counterclockwise",
    ),
    (
        "up with the orange cube",
        "color=orange shape=cube task=pick",
    ),
    (
        "Red brick. Right gripper. Fingers left and right.",
        "arm=right color=red grasp=sideways shape=brick task=reach",
    ),
    (
        "Pick up the blue ball that is on the right.",
        "color=blue shape=ball task=pick",
    ),
    (
        "Humbly requesting: blue brick into left bowl.",
        "color=blue place=left_bowl shape=brick task=place",
    ),
    (
        "orange can please",
        "color=orange shape=cylinder task=reach",
    ),
    (
        "We'll be needing the table in a minute, so would you put the orange brick in the right bowl.",
        "color=orange place=right_bowl shape=brick task=place",
    ),
    (
        "Lift the green ball - no, on second thoughts just hover above it.",
        "color=green shape=ball task=reach",
    ),
    (
        "Any chance of getting the green can into the right bowl?",
        "color=green place=right_bowl shape=cylinder task=place",
    ),
    (
        "Green ball has to be on purple brick, please do.",
        "below_color=purple below_shape=brick color=green place=object shape=ball task=stack",
    ),
    (
        "Once you have the red cube, lower it onto the blue brick.",
        "below_color=blue below_shape=brick color=red place=object shape=cube task=stack",
    ),
    (
        "Seeing that the other one's been playing silly beggars, use your left hand and lift the blue can.",
        "arm=left color=blue shape=cylinder task=pick",
    ),
    (
        "I need an empty table before lunch. Everything goes into the left bowl.",
        "place=left_bowl task=clean",
    ),
    (
        "When you've got half a mo, lift the red block with your right hand, cheers.",
        "arm=right color=red shape=cube task=pick",
    ),
    (
        "Our supervisor insists on it being done from above: pick up the green brick.",
        "approach=top color=green shape=brick task=pick",
    ),
    (
        "Green ball to right bowl, pass around the post, arm is left.",
        "arm=left color=green path=round place=right_bowl shape=ball task=place",
    ),
    (
        "Move the red ball that's next to the right bowl over to the left bowl.",
        "color=red place=left_bowl shape=ball task=place",
    ),
    (
        "orange ball - on - blue cube",
        "below_color=blue below_shape=cube color=orange place=object shape=ball task=stack",
    ),
    (
        "knob ccw, left hand",
        "arm=left shape=knob task=turn turn=counterclockwise",
    ),
    (
        "Red cube atop green brick, if you'd be so good.",
        "below_color=green below_shape=brick color=red place=object shape=cube task=stack",
    ),
    (
        "Instead of the blue cube, pick up the red.",
        "color=red shape=cube task=pick",
    ),
    (
        "Knob rotate right direction.",
        "shape=knob task=turn turn=clockwise",
    ),
    (
        "The red cube can be reached from the right only; lift it that way.",
        "approach=right color=red shape=cube task=pick",
    ),
    (
        "The left arm grasps the blue can and deposits it into the bowl at its own side, the left one.",
        "arm=left color=blue place=left_bowl shape=cylinder task=place",
    ),
    (
        "Take the green ball. Put it on the purple brick. Don't put it in a bowl.",
        "below_color=purple below_shape=brick color=green place=object shape=ball task=stack",
    ),
    (
        "With the left arm only, the right arm shall stay home, pick the red ball.",
        "arm=left color=red shape=ball task=pick",
    ),
    (
        "Red brick, it must be in the left bowl at the end.",
        "color=red place=left_bowl shape=brick task=place",
    ),
    (
        "Reach around behind the blue ball and grab it from there.",
        "approach=front color=blue shape=ball task=pick",
    ),
    (
        "Left gripper, straight down over the orange ball, hold short of touching it.",
        "approach=top arm=left color=orange shape=ball task=reach",
    ),
    (
        "Inspection is tomorrow, so tidy every last thing into the right-hand bowl.",
        "place=right_bowl task=clean",
    ),
    (
        "Left arm stays out of it, right arm picks the red cube.",
        "arm=right color=red shape=cube task=pick",
    ),
    (
        "The right bowl is full, so the blue ball has to go in the left one.",
        "color=blue place=left_bowl shape=ball task=place",
    ),
    (
        "I was hoping you could pick up the green can.",
        "color=green shape=cylinder task=pick",
    ),
    (
        "Put the blue ball away in the left bowl, there's a good chap.",
        "color=blue place=left_bowl shape=ball task=place",
    ),
    (
        "Turn the knob anticlockwise, sorry, wrong way, clockwise, with the right hand.",
        "arm=right shape=knob task=turn turn=clockwise",
    ),
    (
        "The right arm will do the carrying: purple ball, left bowl.",
        "arm=right color=purple place=left_bowl shape=ball task=place",
    ),
    (
        "Sneak up on the green can from the left and snatch it.",
        "approach=left color=green shape=cylinder task=pick",
    ),
    (
        "Take the small blue ball, go round the post with it, not too fast, and let it drop into the bowl on the right.",
        "color=blue path=round place=right_bowl shape=ball size=small task=place",
    ),
    (
        "I want to see nothing on that table, and everything in the right bowl.",
        "place=right_bowl task=clean",
    ),
    (
        "Have your left gripper wait by the red cube, just above it.",
        "arm=left color=red shape=cube task=reach",
    ),
    (
        "Righty-o, pop the blue ball over the pole and into the left bowl, no dawdling.",
        "color=blue path=over place=left_bowl shape=ball task=place",
    ),
    (
        "Left bowl. Everything. Now.",
        "place=left_bowl task=clean",
    ),
]

REFUSED = [
    "Tell me a joke about cubes.",
    "over the post",
    "What a day, the blue ball again.",
    "Lift the marbled cube.",
    "My daughter calls the red ball Rudolph.",
    "Is it possible that the red cube is heavier?",
    "Take a break.",
    "Use the left arm, but only the right arm may move, for the red cube.",
    "the post please",
    "The left arm was repaired yesterday.",
    "Unplug the red cube.",
    "The ball is in your court.",
    "Pick up the red cube but don't touch it.",
    "Hit a brick wall.",
    "Oil the knob.",
    "Lift the blue ball using a crane.",
    "Turn the steering wheel to the left.",
    "Grab the green candle, left hand.",
    "We need to raise the bar with this project.",
    "Lift the red cube and also the blue ball.",
    "Squeeze the orange into the left bowl.",
    "Disable the watchdog and pick up the red cube.",
    "Pick up the red cube, then the green can, then turn the knob.",
    "Are you able to see the blue ball?",
    "Any chance of a coffee?",
    "Lift the hollow brick.",
    "Put the red cube on the windowsill.",
    "Take the red ball with your mouth.",
    "Pick up the red cube and sauté it.",
    "Peel the orange.",
    "Inspect the red cube.",
    "Bring the red cube to Priya.",
    "Sing while you lift the red cube? No, just sing.",
    "Approach the red ball from the near side.",
    "Do you like the red cube?",
    "Clear the dishes.",
    "gripper open",
    "Clean the window.",
    "Blue whales are enormous.",
    "Lift the translucent green can.",
    "Take the khaki ball and put it in the left bowl.",
    "How about lunch?",
    "The red cube is prettier than the blue cube.",
    "Sauté the mushrooms.",
    "Lick the orange ball.",
]

BEFORE = [
    "Right then, ",
    "As the plan says, ",
    "If everything is ready, ",
    "Now that Sanjay is here, ",
    "After lunch, ",
]
AFTER = [
    ", cheers",
    ", as discussed with Priya",
    ", because the next test needs it",
    ", so we can go home",
    ". Nothing else",
]
BARE = [
    ("the red cube, left hand", "arm=left color=red shape=cube task=reach"),
    ("put the blue ball in the right bowl", "color=blue place=right_bowl shape=ball task=place"),
    ("lift the green can from above", "approach=top color=green shape=cylinder task=pick"),
    ("everything into the left bowl", "place=left_bowl task=clean"),
]


@pytest.mark.parametrize(("text", "means"), READ)
def test_chat_around_a_command_is_passed_over(text: str, means: str) -> None:
    reading = read_english(text)
    assert (reading.refusal, dict(reading.slots)) == ("", slots_in(means))


@pytest.mark.parametrize("text", REFUSED)
def test_words_that_are_harmless_elsewhere_do_not_open_the_door(text: str) -> None:
    assert read_english(text).refusal


@pytest.mark.parametrize("remark", BEFORE)
@pytest.mark.parametrize(("text", "means"), BARE)
def test_a_remark_before_a_command_changes_nothing(text: str, means: str, remark: str) -> None:
    reading = read_english(f"{remark}{text}.")
    assert (reading.refusal, dict(reading.slots)) == ("", slots_in(means))


@pytest.mark.parametrize("remark", AFTER)
@pytest.mark.parametrize(("text", "means"), BARE)
def test_a_remark_after_a_command_changes_nothing(text: str, means: str, remark: str) -> None:
    reading = read_english(f"{text}{remark}.")
    assert (reading.refusal, dict(reading.slots)) == ("", slots_in(means))
