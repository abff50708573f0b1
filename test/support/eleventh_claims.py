"""An eleventh set of phrasings for `claimed_motion`: what annotating models and human reviewers write, in English.

Fine paragraphs, captions of teleoperated data, verbose chat models, terse reviewers; written before the check was read.
"""

from collections.abc import Mapping

from eleventh_claims_zh import ELEVENTH_WORDS_ZH, ELEVENTH_ZH

ELEVENTH_WORDS: Mapping[str, Mapping[str, Mapping[object, tuple[str, ...]]]] = {
    "en": {
        "the_arm": {
            side: (f"the {side} arm", f"the robot's {side} arm", f"the {side} robotic arm", f"the {side} gripper",
                   f"the {side}-hand gripper", f"the robot's {side} hand") for side in ("left", "right")
        },
        "from": {
            "top": ("from above", "from directly above", "from the top", "vertically from above"),
            "left": ("from the left", "from its left side", "from the robot's left"),
            "right": ("from the right", "from its right side", "from the robot's right"),
            "front": ("from the far side", "from the side farther from the robot"),
            "back": ("from the near side", "from the robot's side"),
        },
        "toward": {
            "left": ("to the left", "leftward", "toward the left side of the workspace", "to the robot's left"),
            "right": ("to the right", "rightward", "toward the right side of the workspace", "to the robot's right"),
            "forward": ("forward", "away from the robot", "forward, away from the robot's base"),
            "backward": ("backward", "toward the robot", "back toward the robot's base"),
        },
        "sense": {
            "clockwise": ("clockwise", "clockwise (viewed from above)"),
            "counterclockwise": ("counterclockwise", "counter-clockwise", "anticlockwise"),
        },
        "angle": {
            45: ("45 degrees", "45°"), 90: ("90 degrees", "90°", "a quarter turn"), 120: ("120 degrees", "120°"),
            180: ("180 degrees", "half a turn"), 240: ("240 degrees", "240°"), 360: ("360 degrees", "a full turn"),
        },
        "count": {1: ("one attempt", "a single attempt"), 2: ("two attempts", "2 tries"), 3: ("three attempts", "3 tries")},
    },
    "zh": ELEVENTH_WORDS_ZH,
}  # fmt: skip

ELEVENTH: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "carry": (
            "Initially both arms hover above the table. $the_arm then extends toward the $noun, approaching it $from, "
            "and closes its parallel gripper around the body of the $noun. After a short lift it carries the $noun "
            "$toward and sets it down gently before the fingers open.",
            "The active arm is the $arm one. Its gripper stays open during the reach, closes on the $noun at around "
            "$close s, and opens again at around $open s once the $noun rests on the table.",
            "The $other arm remains stationary on its side of the table for the entire clip; all manipulation is done "
            "by $the_arm, which lifts the $noun and shifts it $toward.",
            "$the_arm reaches out, grasps the $noun with a pinch grip, raises it just clear of the surface, and "
            "transports it roughly $far $toward, where it is released.",
            "Step 1: $the_arm moves to the $noun. Step 2: the gripper closes. Step 3: the $noun is carried $toward. "
            "Step 4: the gripper opens and the arm retracts to its home pose.",
            "In this video, we can observe a dual-arm robotic system in a laboratory. The robot uses $the_arm to "
            "approach the $noun, which sits near the right edge of the table, $from. It carefully grasps the object "
            "and relocates it $toward.",
            "**Action:** $the_arm picks up the $noun and moves it $toward. **Details:** The approach is $from, and the "
            "gripper releases the $noun at the end.",
            "The video depicts a robot with two arms. Throughout the sequence, only the $arm arm is engaged, while the "
            "arm on the opposite side stays in its resting position.",
            "From the camera's viewpoint behind the robot, $the_arm swings in $from, takes the $noun, and deposits it "
            "about $far away.",
            "Put the $noun in the blue bowl on the left side of the table using $the_arm",
            "Use $the_arm to move the $noun $toward, next to the white plate",
            "Take the $noun off the top shelf with $the_arm and place it in the drawer to the right",
            "Pick up the $noun that is closest to the left wall with $the_arm, then let go of it",
            "Using $the_arm, slide the $noun $toward until it is lined up with the right cup",
            "The robotic arm on the $arm side of the frame begins moving toward the $noun at the start of the clip. It "
            "makes contact $from and secures the $noun between its two fingers. Next, it lifts the $noun and moves "
            "$toward. Finally, the gripper opens and the $noun is left on the table.",
            "The task is completed in several phases: approaching the $noun $from, grasping, transporting it $toward, "
            "and releasing. $the_arm executes all of these phases.",
            "According to the motion evidence, the closing of the gripper happens at $close s, and the object is let "
            "go at $open s.",
            "$arm arm: reach, grasp, move $toward, release.",
            "grasp $from w/ $arm gripper, ok",
            "Correct: it is the $arm arm that picks the $noun up, not the $other one.",
            "Draft said $other arm; wrong, $arm arm does the pick.",
            "OK. Approach $from confirmed, release around $open s.",
            "Grip at ~$close s, let go at ~$open s; arm = $arm.",
            "Moves $noun $toward, approx. $far.",
            "The $noun is never rotated; it is simply carried $toward by $the_arm.",
            "Without touching the right bowl, $the_arm lifts the $noun over it and carries it $toward.",
            "$the_arm first moves slightly backward to clear the tray, then reaches for the $noun $from and grasps it.",
            "After releasing the $noun, $the_arm returns to the left, back to where it had started.",
            "Right after the gripper closes on the $noun, $the_arm pulls it $toward.",
            "The $noun is left standing upright after $the_arm lets go of it at $open s.",
            "There is nothing left in the gripper after $the_arm opens it at $open s.",
            "The gripper is empty at first; $the_arm then closes it around the $noun and takes the $noun $toward.",
            "$the_arm moves the $noun $toward so that there is more room for the left cup.",
            "The human operator seems to guide $the_arm, which, coming $from, wraps its fingers around the $noun and "
            "hauls it over a distance of about $far.",
            "It took the robot $count to get hold of the $noun with $the_arm.",
            "The successful grasp is number $attempts_number; $the_arm then carries the $noun off.",
            "$the_arm succeeds in gripping the $noun on try number $attempts_number.",
            "All in all the gripper needs $count; afterwards the $noun travels $toward.",
            "With the elbow kept high and the wrist pointing down, $the_arm lowers itself to the $noun, grips it, and "
            "conveys it $toward past the two bottles in the middle.",
            "A two-finger gripper on the $arm arm closes around the $noun; three other objects on the table are not "
            "touched.",
            "The $noun, second from the left in a row of three, is picked up by $the_arm and brought $toward.",
            "The wrist camera on the $arm arm shows the $noun filling the view before the fingers close at $close s.",
            "$the_arm holds the $noun from $close s until $open s.",
            "Between $close s and $open s the $noun is in the grasp of $the_arm and is carried $toward.",
            "The $noun remains in the gripper for a few seconds, is moved $toward and does not slip at any time.",
            "$the_arm grasps the $noun by its left rim and sets it on the far side of the plate.",
            "At no point does the $other arm touch the $noun; $the_arm does it all.",
            "Goal: tidy the table. Motion: $the_arm comes in $from, pinches the $noun, and drops it in the bin on the "
            "right.",
            "In contrast to the previous episode, where the $other arm was used, here $the_arm picks the $noun up.",
            "Grasp succeeded ($arm arm, $from); nothing to correct.",
            "The gripper of the $arm arm closes around the $noun before it lets it go. >> The gripper of the $arm arm "
            "lets the $noun go before it closes around it.",
            "First the grasp, then the transport, then the release: $the_arm handles the $noun in this order. >> First "
            "the release, then the transport, then the grasp: $the_arm handles the $noun in this order.",
            "The $noun is successfully captured by $the_arm. >> $the_arm comes away empty-handed; the $noun stays "
            "where it was.",
            "$the_arm grips the $noun, moves it, and lets go. >> $the_arm grips the $noun, moves it, and never lets go.",
        ),
        "turn": (
            "$the_arm grasps the $noun $from and then rotates its wrist $sense by about $angle, turning the $noun in "
            "place.",
            "With the $noun held between its fingers, the $arm gripper executes a $sense twist of roughly $angle.",
            "Rotate the $noun $sense by $angle with $the_arm",
            "The lid faces left at first. $the_arm turns the $noun $sense until the lid faces the robot.",
            "Wrist rotation: $sense, approx. $angle. Arm: $arm.",
            "Seen from above, the $noun is turned $sense; $the_arm does not lift it.",
            "The $noun is grasped by $the_arm and spun $sense, much like a cap, and finally let go at $open s.",
            "The robot tightens its grip on the $noun using $the_arm and performs a rotation in the $sense direction.",
            "After closing on the $noun at $close s, $the_arm twists the $noun $sense, then opens at $open s.",
            "$the_arm rotates the $noun by $angle so that the handle, initially on the right, ends up somewhere else.",
            "sense of rotation ok: $sense, $arm gripper",
            "While the $other arm rests, $the_arm gives the $noun a $sense turn of $angle.",
            "The rotation is $sense, not the other way round; its extent is around $angle.",
            "The $noun gets turned $sense by the $arm robot hand before being set free.",
            "$the_arm approaches $from, clasps the $noun, and reorients it by about $angle.",
            "There is almost no translation: $the_arm only rotates the $noun ($sense).",
            "$the_arm grips the $noun, turns it $sense and opens its fingers. >> $the_arm lets go of the $noun, turns "
            "$sense and grips it.",
            "The knob-like $noun is rotated through $angle by the robot, $sense, using the gripper at the end of its "
            "$arm arm.",
            "Its $arm gripper, having taken hold of the $noun $from, swivels $sense.",
        ),
        "miss": (
            "$the_arm reaches for the $noun $from, but the gripper closes on air and the $noun does not move. >> "
            "$the_arm reaches for the $noun $from, and the gripper closes firmly on the $noun and lifts it.",
            "The grasp is unsuccessful: the fingers of $the_arm slip past the $noun. >> The grasp is successful: the "
            "fingers of $the_arm wrap around the $noun.",
            "$the_arm approaches the $noun $from, yet fails to pick it up.",
            "No object is held after the gripper of the $arm arm has closed. >> The $noun is held after the gripper of "
            "the $arm arm has closed.",
            "Failed pick, $arm arm, fingers closed with nothing between them. >> Good pick, $arm arm, fingers closed "
            "with the $noun between them.",
            "The gripper shuts at $close s without the $noun in it.",
            "$the_arm attempted to grab the $noun. The attempt did not succeed, and the gripper remained empty. >> "
            "$the_arm attempted to grab the $noun. The attempt succeeded, and the $noun was lifted off the table.",
            "Miss. $arm gripper closes empty at $close s.",
            "$the_arm just misses the $noun and closes its fingers beside it. >> $the_arm closes its fingers around "
            "the $noun and picks it up.",
            "Although $the_arm comes in $from and closes its gripper at $close s, the $noun stays on the table.",
            "The robot tries to pick up the $noun with $the_arm but ends up with an empty gripper. >> The robot picks "
            "up the $noun with $the_arm and ends up with the $noun in its gripper.",
            "The $noun was not grasped by $the_arm; it was only pushed a little. >> The $noun was grasped by $the_arm "
            "and lifted a little.",
            "Unfortunately, the fingers close a few centimetres short of the $noun, so $the_arm comes back without it. "
            ">> Fortunately, the fingers close right around the $noun, so $the_arm comes back with it.",
            "The pick should be done with $the_arm, approaching $from; in this episode it fails.",
            "Nothing is gripped: $the_arm closes on thin air next to the $noun. >> The $noun is gripped: $the_arm "
            "closes on it.",
        ),
        "pair": (
            "$the_arm goes first: it picks up the $noun and puts it down. Then the $other arm takes over, picks up the "
            "$noun and releases it as well. >> The $other arm goes first: it picks up the $noun and puts it down. Then "
            "$the_arm takes over, picks up the $noun and releases it as well.",
            "The two arms never move at the same time; the $arm arm finishes before the $other arm starts. >> The two "
            "arms never move at the same time; the $other arm finishes before the $arm arm starts.",
            "Both arms take part, but one after the other. >> Both arms take part, at the same time.",
            "The $noun is moved $toward by the $arm arm, and later on it is picked up by the $other arm.",
            "First the $arm arm, then the $other arm grasps the $noun. >> First the $other arm, then the $arm arm "
            "grasps the $noun.",
            "In turns, the arms manipulate the $noun: $arm, then $other. >> In turns, the arms manipulate the $noun: "
            "$other, then $arm.",
            "The $arm gripper closes at $close s and opens at $open s; afterwards the $other gripper closes on the "
            "$noun.",
            "A sequential two-arm manipulation: the $arm arm begins. >> A simultaneous two-arm manipulation: both arms "
            "begin together.",
            "The $other arm waits until the $arm arm has let go of the $noun and only then reaches for it. >> The $arm "
            "arm waits until the $other arm has let go of the $noun and only then reaches for it.",
            "After the $arm arm has put the $noun down, it is the $other arm that picks it up. >> After the $other arm "
            "has put the $noun down, it is the $arm arm that picks it up.",
            "$the_arm approaches the $noun $from, carries it $toward and lets it go, whereupon the $other arm grasps "
            "it.",
            "Both grippers grasp the $noun, but not together: the $arm one is earlier. >> Both grippers grasp the "
            "$noun together.",
            "The second grasp, by the $other arm, comes only after the first one, by the $arm arm, has ended. >> The "
            "second grasp, by the $arm arm, comes only after the first one, by the $other arm, has ended.",
            "Neither arm is idle in this episode: $arm first, $other second. >> Neither arm is idle in this episode: "
            "$other first, $arm second.",
            "The $arm arm picks up the $noun and releases it. Following this, the $other arm performs the same action. "
            ">> The $arm arm picks up the $noun and releases it. Simultaneously, the $other arm performs the same "
            "action.",
        ),
    },
    "zh": ELEVENTH_ZH,
}  # fmt: skip
