"""The English reader over voices: foremen, students, annotators, telegrams, and talk about other things around a command."""

import pytest
from slot_text import slots_in

from finevla_core.language.english_reader import read_english

READ = [
    (
        "Put the yellow brick in the bowl on the right by your left hand.",
        "task=place arm=left color=yellow shape=brick place=right_bowl",
    ),
    ("Bring the ball just by the left arm to the right bowl.", "task=place shape=ball place=right_bowl"),
    ("Would you kindly fetch the orange brick with your left gripper?", "task=pick arm=left color=orange shape=brick"),
    ("Get everything that's on the table into the bowl to your left.", "task=clean place=left_bowl"),
    (
        "Take hold of the red brick by its short ends at left and right and lift it.",
        "task=pick color=red shape=brick grasp=sideways",
    ),
    ("Give that dial a quarter turn to the left, would you?", "task=turn shape=knob turn=counterclockwise"),
    ("All objects shall be transferred to the right bowl by the left arm.", "task=clean arm=left place=right_bowl"),
    ("With the arm that is not the left, take the yellow cube.", "task=pick arm=right color=yellow shape=cube"),
    ("No, don't pick up the ball. Just reach for it with the left arm.", "task=reach shape=ball arm=left"),
    (
        "Please transport the orange ball into the right bowl, taking the long way round the post.",
        "task=place color=orange shape=ball place=right_bowl path=round",
    ),
    ("Green one. Left hand. Lift.", "task=pick color=green arm=left"),
    ("turn dial CW right hand", "task=turn shape=knob turn=clockwise arm=right"),
    ("reach grn ball l arm no grasp", "task=reach color=green shape=ball arm=left"),
    ("I wonder if you might lift the small orange ball for me.", "task=pick size=small color=orange shape=ball"),
    ("What I'm asking for is the blue can, lifted, with the left.", "task=pick color=blue shape=cylinder arm=left"),
    ("Grasp the green - hold on - the purple ball.", "task=pick color=purple shape=ball"),
    ("Instead of the ball, give me the cube up in the air.", "task=pick shape=cube"),
    (
        "The cube next to the knob, lift it with the hand on the same side as the left bowl.",
        "task=pick shape=cube arm=left",
    ),
    ("Behind the post there's a can. Pick it up.", "task=pick shape=cylinder"),
    (
        "Assume the fingers are open. Lower them round the red cylinder, one in front, one at the back, and grab.",
        "task=pick color=red shape=cylinder grasp=lengthways",
    ),
    ("Rustle up the purple ball for me, right hand only.", "task=pick color=purple shape=ball arm=right"),
    ("Chuck the green brick in the left bowl, mate.", "task=place color=green shape=brick place=left_bowl"),
    ("Hoist that little red cube skyward with your right claw.", "task=pick color=red shape=cube size=small arm=right"),
    ("Tweak the dial a smidge counterclockwise.", "task=turn shape=knob turn=counterclockwise"),
    ("Wipe the slate clean: every object into the right bowl.", "task=clean place=right_bowl"),
    ("Go snag that green tin on the far side from behind.", "task=pick color=green shape=cylinder approach=front"),
    ("Latch onto the purple brick lengthwise and lift.", "task=pick color=purple shape=brick grasp=lengthways"),
    ("Squeeze the blue cube left and right and pull it up.", "task=pick color=blue shape=cube grasp=sideways"),
    ("Lob the ball into the right-hand bowl.", "task=place shape=ball place=right_bowl"),
    (
        "Bring the red ball to rest on the green brick.",
        "task=stack color=red shape=ball below_color=green below_shape=brick place=object",
    ),
    ("Drop in on the blue ball from above and scoop it up.", "task=pick color=blue shape=ball approach=top"),
    (
        "Hop the green cube over the stick, then into the right bowl it goes.",
        "task=place color=green shape=cube path=over place=right_bowl",
    ),
    ("Your mission: the blue brick, in the left bowl.", "task=place color=blue shape=brick place=left_bowl"),
    ("Show me how you'd pick up the green ball with your right arm.", "task=pick color=green shape=ball arm=right"),
    (
        "Let's see you swing the yellow ball past the post and plop it in the right bowl.",
        "task=place color=yellow shape=ball path=round place=right_bowl",
    ),
    ("Time to tidy: all of this stuff belongs in the left-hand bowl.", "task=clean place=left_bowl"),
    ("Lift off! Purple can, left arm.", "task=pick color=purple shape=cylinder arm=left"),
    ("Hands off the green cube. Lift the yellow one.", "task=pick color=yellow shape=cube"),
    (
        "For the next trial, the blue cube is to be placed in the left bowl by the right arm.",
        "task=place color=blue shape=cube place=left_bowl arm=right",
    ),
    ("Objective - dial rotated clockwise, left effector.", "task=turn shape=knob turn=clockwise arm=left"),
    ("It is imperative that the knob be rotated anticlockwise.", "task=turn shape=knob turn=counterclockwise"),
    ("I insist on the left arm picking up the blue cube.", "task=pick arm=left color=blue shape=cube"),
    (
        "My wish is for the green can to rest upon the red brick.",
        "task=stack color=green shape=cylinder below_color=red below_shape=brick place=object",
    ),
    ("You are hereby ordered to relocate all the objects to the left bowl.", "task=clean place=left_bowl"),
    ("Might I trouble you to raise the purple brick?", "task=pick color=purple shape=brick"),
    ("Do me a solid and park the green cube in the left bowl.", "task=place color=green shape=cube place=left_bowl"),
    (
        "Before you do anything else, open the left hand and bring it above the red brick. Then wait.",
        "task=reach arm=left color=red shape=brick",
    ),
    (
        "Which arm? The left. Which object? The purple ball. What to do? Lift it.",
        "task=pick arm=left color=purple shape=ball",
    ),
    ("Only the right hand may move. It lifts the yellow ball.", "task=pick arm=right color=yellow shape=ball"),
    ("No left hand please: cube, green, up.", "task=pick arm=right color=green shape=cube"),
    ("Do anything you like except use the left arm; the ball has to be lifted.", "task=pick shape=ball arm=right"),
    (
        "Please refrain from using the right hand when you place the cube in the right bowl.",
        "task=place shape=cube arm=left place=right_bowl",
    ),
    ("It must not be the big ball that you take but the small one.", "task=pick shape=ball size=small"),
    ("Nobody said to pick it up: merely hover above the orange brick.", "task=reach color=orange shape=brick"),
    ("Not blue, not green: the yellow ball, left bowl.", "task=place color=yellow shape=ball place=left_bowl"),
    ("Forget the left bowl; the brick goes into the right one.", "task=place shape=brick place=right_bowl"),
    (
        "Move the can to the left bowl, sorry, the other one, the right bowl.",
        "task=place shape=cylinder place=right_bowl",
    ),
    ("Grab the big - scratch that - small orange block.", "task=pick color=orange shape=cube size=small"),
    ("Turn the knob left. Wait, my mistake: right.", "task=turn shape=knob turn=clockwise"),
    (
        "Stack it on the red brick, the yellow ball.",
        "task=stack color=yellow shape=ball below_color=red below_shape=brick place=object",
    ),
    ("purple cube 4 left bowl pls", "task=place color=purple shape=cube place=left_bowl"),
    ("yo robot grab dat red can wit ur left hand thx", "task=pick color=red shape=cylinder arm=left"),
    ("plz put teh blue cube in da right bowl", "task=place color=blue shape=cube place=right_bowl"),
    ("pik up green brik from top w/ right arm", "task=pick color=green shape=brick approach=top arm=right"),
    ("can u turn the knob 2 the left", "task=turn shape=knob turn=counterclockwise"),
    ("gimme the yellow ball, lefty", "task=pick color=yellow shape=ball arm=left"),
    (
        "The floor has just been mopped, so nothing may fall: carry the blue cube round the post to the left bowl.",
        "task=place color=blue shape=cube path=round place=left_bowl",
    ),
    (
        "The purple cylinder's label faces the wall, but never mind that, lift it from the front.",
        "task=pick color=purple shape=cylinder approach=front",
    ),
    ("With its left neighbour out of the way, the blue cube can now be lifted.", "task=pick color=blue shape=cube"),
    (
        "The cube in the middle of the table, the orange one, lift it with one finger to its left and one"
        " to its right.",
        "task=pick color=orange shape=cube grasp=sideways",
    ),
    ("Out of the three bricks on the table take the purple.", "task=pick color=purple shape=brick"),
    ("Do you see two red objects? Pick up the ball, not the cube.", "task=pick color=red shape=ball"),
    ("Take the cylinder closest to you in your left hand.", "task=pick shape=cylinder arm=left"),
    (
        "Take the blue can in your right hand, lift it clear of the table, swing it left, and drop it in "
        "the bowl there.",
        "task=place color=blue shape=cylinder arm=right place=left_bowl",
    ),
    (
        "Grasp the knob from above with the right gripper and rotate it the way a clock goes.",
        "task=turn shape=knob approach=top arm=right turn=clockwise",
    ),
    ("Make the knob go clockwise.", "task=turn shape=knob turn=clockwise"),
    ("Could the knob be turned a few degrees to the right please?", "task=turn shape=knob turn=clockwise"),
    (
        "idk, maybe put the purple cube in the bowl on the left? yeah do that",
        "task=place color=purple shape=cube place=left_bowl",
    ),
    ("like the blue one, the ball, not the cube, get that one", "task=pick color=blue shape=ball"),
    ("Heads up: left arm's on duty. Fetch the purple ball.", "task=pick color=purple shape=ball arm=left"),
    ("Tell your right hand to go sit over the orange cube.", "task=reach color=orange shape=cube arm=right"),
    (
        "You know the drill: red can, left bowl, go around the pole.",
        "task=place color=red shape=cylinder place=left_bowl path=round",
    ),
    (
        "The end effector of the left arm establishes a pre-grasp pose 10 cm above the blue cube, "
        "descends along the vertical axis, and executes an antipodal grasp on the left and right faces "
        "before lifting.",
        "task=pick arm=left color=blue shape=cube approach=top grasp=sideways",
    ),
    (
        "The left manipulator translates until aligned with the orange ball and holds station there with "
        "the gripper open.",
        "task=reach arm=left color=orange shape=ball",
    ),
    (
        "Subtask: relocate yellow block to right bowl, avoiding the post by passing around it.",
        "task=place color=yellow shape=cube place=right_bowl path=round",
    ),
    ("Goal state: nothing on the table, everything in the left bowl.", "task=clean place=left_bowl"),
    (
        "Contact is made from the far side of the yellow can, whereupon the right gripper closes and lifts.",
        "task=pick arm=right color=yellow shape=cylinder approach=front",
    ),
    ("make it grab the yellow block from behind", "task=pick color=yellow shape=cube approach=front"),
    ("ooh ooh do the orange one next, the orange can, pick it up!", "task=pick color=orange shape=cylinder"),
    (
        "so um the big purple ball, it should go in the bowl, the left one",
        "task=place color=purple shape=ball size=big place=left_bowl",
    ),
    ("wait wait wait before that, turn the dial left", "task=turn shape=knob turn=counterclockwise"),
    (
        "One more time: the left arm lifts the red brick, fingers at its left and right ends.",
        "task=pick arm=left color=red shape=brick grasp=sideways",
    ),
    (
        "Take 'er easy and lower the left hand down on the green can from up top. Close and lift.",
        "task=pick color=green shape=cylinder arm=left approach=top",
    ),
    ("Go ahead and clear this here table. Everything. Right bowl.", "task=clean place=right_bowl"),
    ("The only thing I need is for the knob to go a bit clockwise.", "task=turn shape=knob turn=clockwise"),
    ("Ok so basically red cube, right? Pick it up with your left.", "task=pick color=red shape=cube arm=left"),
    ("Right, so the left arm picks up the red cube, right?", "task=pick color=red shape=cube arm=left"),
    (
        "All right, left arm to work: purple brick in the bowl right next to it, the right one.",
        "task=place color=purple shape=brick arm=left place=right_bowl",
    ),
    ("right hand right bowl red ball right now", "task=place arm=right place=right_bowl color=red shape=ball"),
    ("lift blue cube fingers front/back left arm", "task=pick color=blue shape=cube grasp=lengthways arm=left"),
    ("green ball: hover, right hand, no grasp", "task=reach color=green shape=ball arm=right"),
    ("dial: -> cw, l. hand", "task=turn shape=knob turn=clockwise arm=left"),
    ("everything in l bowl pls", "task=clean place=left_bowl"),
    (
        "So, here's the deal, bud. Take your right arm, leave the left one alone, it don't need to do "
        "nothing. Open up the hand and swing it over the red can till you're right above it. Drop "
        "straight down, pinch it with one finger in front and one finger in back, and haul it up. Then "
        "mosey on over to the bowl on the right and let 'er go.",
        "task=place arm=right color=red shape=cylinder approach=top grasp=lengthways place=right_bowl",
    ),
    (
        "The right arm extends toward the dial with its gripper open, aligning its axis with that of the "
        "dial. It descends until the fingertips are level with the dial's midpoint and closes. The wrist "
        "then rotates by ninety degrees in the counterclockwise direction as seen from above. Thereupon "
        "the fingers open and the arm retracts upward to its starting point. The left arm is not "
        "involved.",
        "task=turn arm=right shape=knob approach=top turn=counterclockwise",
    ),
    (
        "The blue cylinder shall be placed on the yellow cube. Executing arm: right. The gripper "
        "approaches the cylinder from its left side, horizontally, with open jaws. After closing, it "
        "lifts the cylinder by 12 cm and moves it over the cube until both are coaxial. It lowers the "
        "cylinder until contact is detected, opens and retreats vertically. The orange ball, which is "
        "located close to the cube, must not be displaced.",
        "task=stack arm=right color=blue shape=cylinder approach=left below_color=yellow below_shape=cube place=object",
    ),
    (
        "Listen up: there's two green cubes out there, a big one and a little one. You want the little "
        "one. Left hand, from above, straight down, one finger on the left, one on the right, grab it, up"
        " she comes. Now set it down right on top of the purple brick, easy does it, let go, back away. "
        "Don't you touch the big one.",
        "task=stack arm=left color=green shape=cube size=small approach=top grasp=sideways "
        "below_color=purple below_shape=brick place=object",
    ),
    (
        "Slide your left hand in from the far side of the orange cube and grab it.",
        "task=pick arm=left color=orange shape=cube approach=front",
    ),
    ("Pick up the can on the right with your left hand.", "task=pick shape=cylinder arm=left"),
    ("There are three cubes. Pick up the green one, right arm.", "task=pick color=green shape=cube arm=right"),
    ("Lift the round one, the green one.", "task=pick color=green shape=ball"),
    (
        "Pick up the blue, wait no, the yellow brick, with the right, no, the left hand.",
        "task=pick color=yellow shape=brick arm=left",
    ),
    ("Use the right arm. Hmm, on second thought use the left. Pick up the ball.", "task=pick shape=ball arm=left"),
    ("Pick up the red can. Actually, just hover over it.", "task=reach color=red shape=cylinder"),
    ("Pick up anything but the red cube? No! Pick up the red cube.", "task=pick color=red shape=cube"),
    ("You don't have to lift the dial, only turn it clockwise.", "task=turn shape=knob turn=clockwise"),
    ("Not so fast. Slowly lift the blue ball.", "task=pick color=blue shape=ball"),
    (
        "Can you, with your right hand, turn the dial to the left?",
        "task=turn shape=knob arm=right turn=counterclockwise",
    ),
    ("small red one, left", "task=reach color=red size=small arm=left"),
    ("purple ball in right bowl", "task=place color=purple shape=ball place=right_bowl"),
    ("Into the right bowl with the purple ball!", "task=place color=purple shape=ball place=right_bowl"),
    (
        "Onto the red cube goes the green ball.",
        "task=stack color=green shape=ball below_color=red below_shape=cube place=object",
    ),
    ("Try and lift the purple cube from behind.", "task=pick color=purple shape=cube approach=front"),
    ("Begin with the red can: into the left bowl it goes.", "task=place color=red shape=cylinder place=left_bowl"),
    ("Finish up by turning the knob counterclockwise.", "task=turn shape=knob turn=counterclockwise"),
    ("The yellow brick needs picking up.", "task=pick color=yellow shape=brick"),
    ("The purple cube's home is the left bowl.", "task=place color=purple shape=cube place=left_bowl"),
    ("The blue cube must be lifted by means of the left manipulator.", "task=pick color=blue shape=cube arm=left"),
    ("You have two arms; use the left. The red brick is to be raised.", "task=pick color=red shape=brick arm=left"),
    ("Complete table clearance, left bowl.", "task=clean place=left_bowl"),
    (
        "The gripper of the right arm swallows the yellow ball and carries it off to the left bowl.",
        "task=place arm=right color=yellow shape=ball place=left_bowl",
    ),
    ("The right bowl is where all of these go.", "task=clean place=right_bowl"),
    ("Get rid of everything on the table by dropping it in the left bowl.", "task=clean place=left_bowl"),
    (
        "Clockwise. Er, sorry, anti-clockwise is how I want the knob turned.",
        "task=turn shape=knob turn=counterclockwise",
    ),
    (
        "Turn the knob with the left arm until it clicks; clockwise, mind.",
        "task=turn shape=knob arm=left turn=clockwise",
    ),
    ("Would it be too much trouble to clear everything into the right bowl?", "task=clean place=right_bowl"),
    ("The red one of the two balls, the left gripper, lift.", "task=pick color=red shape=ball arm=left"),
    (
        "Hi there! Today we are tidying up. The robot uses its left arm, goes to the first object, comes "
        "down on it from above, grabs it, and drops it into the bowl on the left. Then the next one, and "
        "the next one, until nothing is left on the table. The right arm may rest. Thank you for your "
        "help!",
        "task=clean arm=left place=left_bowl approach=top",
    ),
]
REFUSED = [
    "Pick up the wrench with your left hand.",
    "Slap the red cube.",
    "Nudge the blue can to the left.",
    "Push the ball away.",
    "Wrap the cube in foil.",
    "Pull the knob up.",
    "Pull the red cube towards you.",
    "Drag the green brick across the table.",
    "Roll the ball into the corner.",
    "Are you able to lift the red cube?",
    "My sister wants a sandwich.",
    "The dog ate the cube.",
    "I like the red cube.",
    "Can you see the blue ball?",
    "Manipulate the red cube.",
    "Displace the red cube.",
    "Escort the visitor to the door.",
    "Take possession of the kettle.",
    "Make for the door.",
    "Place the cube between the bowls.",
    "Lodge the red cube under the left bowl.",
    "Chill the blue can.",
    "Wait in the kitchen.",
    "Pick up the pink ball.",
    "Latch the door.",
    "Pick up the red cube and the blue ball.",
    "Use both hands to lift the brick.",
    "Stack the ball on the left bowl and the can on the cube.",
    "Give me a lift to the station.",
    "Where is the red cube?",
    "Pick up the glass cube.",
    "The red cube fell off the table yesterday.",
    "Shuttle the passengers to the right bowl.",
    "The placement of the furniture is bad.",
    "Somebody has taken the red cube.",
    "My boss wants the invoice on the desk.",
    "Take the bus around the post.",
    "Put the spoon in the right bowl.",
    "Place the blue cube in the drawer.",
    "Turn the page clockwise.",
    "Turn the cube clockwise.",
    "Grab the red cube with your teeth.",
    "Fry the ball in the left bowl.",
]
REMARKS = [
    ", because the inspector is watching",
    ", and don't spill the coffee",
    ", my sister needs it for her school project",
    ", as the foreman said",
    ", thanks a million",
    ". The compressor is quiet now",
]
COMMANDS = [
    ("Turn the knob to the left with your left hand", "task=turn arm=left shape=knob turn=counterclockwise"),
    ("Lift the big ball with the right arm", "task=pick arm=right shape=ball size=big"),
    ("Left gripper, purple cube, far side", "task=reach arm=left color=purple shape=cube approach=front"),
    ("Blue ball into the right bowl, left arm", "task=place arm=left color=blue shape=ball place=right_bowl"),
]


@pytest.mark.parametrize(("text", "means"), READ)
def test_every_voice_is_understood(text: str, means: str) -> None:
    reading = read_english(text)
    assert (reading.refusal, dict(reading.slots)) == ("", slots_in(means))


@pytest.mark.parametrize("text", REFUSED)
def test_what_only_sounds_like_a_command_is_refused(text: str) -> None:
    assert read_english(text).refusal


@pytest.mark.parametrize("remark", REMARKS)
@pytest.mark.parametrize(("text", "means"), COMMANDS)
def test_a_reason_after_an_arm_does_not_send_it_to_rest(text: str, means: str, remark: str) -> None:
    reading = read_english(f"{text}{remark}.")
    assert (reading.refusal, dict(reading.slots)) == ("", slots_in(means))
