"""An eighth set of phrasings for `claimed_motion`, of several voices and with values in words of their own.

Terse, chatty, passive, caption-like and paragraph-like; written and measured before the check was changed for it.
"""

from collections.abc import Mapping

# What stands for a value of an episode, by language, placeholder and value; `{}` is the number itself.
EIGHTH_WORDS: Mapping[str, Mapping[str, Mapping[object, tuple[str, ...]]]] = {
    "en": {
        "the_arm": {
            side: (f"the {side} arm", f"the arm on the {side}", f"the {side}-hand manipulator",
            f"the robot's {side} limb",
                   f"the {side}-side gripper", f"the {side} end-effector") for side in ("left", "right")
        },
        "from": {
            "top": ("from overhead", "from above", "from directly over it", "in a top-down fashion"),
            "left": ("from its left-hand side", "from the left", "from the left flank", "on a leftward-side approach"),
            "right": ("from its right-hand side", "from the right", "from the right flank",
            "on a rightward-side approach"),
            "front": ("from the far side", "from the side facing away from the robot", "from the far edge"),
            "back": ("from the near side", "from the side nearest the robot", "from the side closest to the base"),
        },
        "toward": {
            "left": ("to the left", "leftward", "over to the left-hand side", "toward the robot's left"),
            "right": ("to the right", "rightward", "over to the right-hand side", "toward the robot's right"),
            "forward": ("forward", "away from the robot", "farther from the base"),
            "backward": ("backward", "back toward the robot", "closer to the base"),
        },
        "sense": {
            "clockwise": ("clockwise", "in a clockwise direction", "CW"),
            "counterclockwise": ("counterclockwise", "anticlockwise", "in the counter-clockwise direction", "CCW"),
        },
        "angle": {
            45: ("45 degrees", "45°", "forty-five degrees"), 90: ("ninety degrees", "a quarter turn", "90 deg"),
            120: ("120 degrees", "a third of a turn"), 180: ("half a turn", "180°"), 240: ("240 degrees", "240 deg"),
            360: ("a full turn", "360 degrees"),
        },
        "count": {1: ("a single try", "one attempt"), 2: ("two tries", "2 attempts"), 3: ("three goes", "3 tries")},
    },
    "zh": {
        "the_arm": {
            "left": ("左臂", "左侧的机械臂", "左边那只手臂", "左机械手", "机器人左手"),
            "right": ("右臂", "右侧的机械臂", "右边那只手臂", "右机械手", "机器人右手"),
        },
        "from": {
            "top": ("从正上方", "自上方", "由上至下地"), "left": ("从它的左侧", "自左边", "由左面"),
            "right": ("从它的右侧", "自右边", "由右面"), "front": ("从远离机器人的一侧", "从远端", "自前方"),
            "back": ("从靠近机器人的一侧", "从近端", "自后方"),
        },
        "toward": {
            "left": ("向左", "往左边", "朝左侧"), "right": ("向右", "往右边", "朝右侧"),
            "forward": ("向前", "往前方", "朝远离机器人的方向"), "backward": ("向后", "往后方", "朝靠近机器人的方向"),
        },
        "sense": {"clockwise": ("顺时针", "按顺时针方向"), "counterclockwise": ("逆时针", "按逆时针方向", "反时针")},
        "angle": {
            45: ("45度", "四十五度", "45°"), 90: ("90度", "九十度", "四分之一圈"), 120: ("120度", "一百二十度"),
            180: ("180度", "半圈", "一百八十度"), 240: ("240度",), 360: ("一整圈", "360度"),
        },
        "count": {1: ("一", "1"), 2: ("两", "2"), 3: ("三", "3")},
    },
}  # fmt: skip

EIGHTH: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "carry": (
            # terse notes
            "Approach $from, grasp, move $toward $far, release. Arm: $arm.",
            "${arm} arm only. Grip $noun. Shift it $toward. Let go at $open s.",
            "t=$close s: $arm jaws shut on the $noun. t=$open s: jaws part.",
            # chatty
            "So here $the_arm goes for the $noun, coming at it $from, gets a good hold and then scoots it $toward.",
            "It took $the_arm $count to get the $noun, and the other one just sat there doing nothing.",
            "Basically $the_arm nabs the $noun around the $close second mark and drops it at roughly $open seconds.",
            "The $noun ends up further $toward, because $the_arm dragged it $far that way.",
            # captions
            "In this clip, $the_arm descends $from, secures a firm hold on the $noun, elevates it, and moves it "
            "$toward before disengaging.",
            "A robotic system with two arms is shown; $the_arm engages the $noun while its counterpart, the "
            "$other arm, stays "
            "parked beside the left bowl.",
            "The sequence opens with $the_arm hovering; it lowers, wraps its jaws round the $noun, and conveys "
            "it $far $toward "
            "across the tabletop, where the jaws spread apart.",
            "Throughout the footage the $other arm remains in its resting pose on its side of the table, and "
            "all manipulation of "
            "the $noun is carried out by $the_arm.",
            "The end-effector of the $arm arm makes contact with the $noun $from.",
            # passive
            "The $noun was seized by $the_arm at $close s and was not let go until $open s.",
            "Contact with the $noun is established $from by $the_arm; the $noun is thereafter repositioned $toward.",
            "The $noun, having been gripped $from, is carried off $toward by $the_arm.",
            "By $the_arm, the $noun gets relocated $toward by approximately $far.",
            # paragraphs
            "Two arms face a table with a plate on its right side and a bowl at its left edge. First $the_arm "
            "reaches out and "
            "closes in on the $noun $from. Having got it between the fingers, it lifts the $noun clear of the "
            "surface. It then "
            "travels $toward. Finally the fingers are spread and the $noun stays behind.",
            "The $arm arm begins with its jaws wide open. Once it is over the $noun, it shuts on it and takes "
            "the $noun $toward; "
            "the total displacement is $far. Then the object is set down.",
            # instructions
            "With your $arm gripper, fetch the $noun $from, and then set it down $far $toward.",
            "Leave the $other arm where it is. Work with the $arm one: grip the $noun and bring it $toward.",
            # order and outcome
            "The fingers of $the_arm come together on the $noun; only later do they come apart."
            " >> The fingers of $the_arm come apart over the $noun; only later do they come together.",
            "Prior to dropping the $noun, $the_arm had clutched it. >> Prior to clutching the $noun, $the_arm "
            "had dropped it.",
            "$the_arm picks the $noun up, and the pick succeeds. >> $the_arm goes to pick the $noun up, but "
            "ends up with nothing.",
            "On try number $ordinal_number the $arm gripper finally catches the $noun.",
        ),
        "turn": (
            "$the_arm gets a grip on the $noun and spins it $sense, $angle in total.",
            "Held by $the_arm, the $noun goes round $sense by $angle.",
            "Twist of the $noun: $sense, $angle, $arm arm.",
            "Looking down on the table, you can see $the_arm rotating the $noun $angle $sense and then letting "
            "go of it.",
            "The $noun gets reoriented: $the_arm swings it round $sense through about $angle.",
        ),
        "miss": (
            "$the_arm has a go at the $noun but comes away with nothing in its grip."
            " >> $the_arm has a go at the $noun and comes away with it in its grip.",
            "The jaws of $the_arm snap shut next to the $noun, leaving it untouched."
            " >> The jaws of $the_arm snap shut on the $noun, which is then securely held.",
            "$the_arm lunges for the $noun and whiffs. >> $the_arm lunges for the $noun and snags it.",
            "An attempt by $the_arm to secure the $noun ends in failure. >> An attempt by $the_arm to secure "
            "the $noun ends "
            "in success.",
        ),
        "pair": (
            "$the_arm has the first turn: it grabs the $noun and drops it again. The other arm comes in later "
            "and does the same."
            " >> The $other arm has the first turn: it grabs the $noun and drops it again. The other arm comes "
            "in later and does "
            "the same.",
            "Only once $the_arm is done does the $other one start. >> $the_arm and the $other one work side by side, "
            "concurrently.",
            "The $other arm picks up the $noun once the $arm arm has put it down."
            " >> The $arm arm picks up the $noun once the $other arm has put it down.",
        ),
    },
    "zh": {
        "carry": (
            "${the_arm}${from}下手，抓牢${noun}，${toward}挪${far}，松爪。",
            "画面里，${the_arm}慢慢伸过去，${from}把${noun}夹住，然后${toward}带走，最后放下来。",
            "${close}秒左右${the_arm}的指爪收拢，${open}秒左右又分开。",
            "另一只手臂全程没动，活儿都是${the_arm}干的：它抓起${noun}，再${toward}移过去。",
            "${noun}被${the_arm}${from}夹紧并${toward}转移了大约${far}，最终被放置在桌面上。",
            "视频展示了${the_arm}的操作过程：先${from}接近桌子左边的${noun}，再合上夹爪，随后将其${toward}平移。",
            "${the_arm}前后抓了${count}回，才把${noun}拿稳。",
            "该片段中负责操作的是${the_arm}，而${other}停在原处待命。",
            "任务：用${the_arm}取${noun}，${toward}送出${far}后松手。",
            "直到${open}秒，${the_arm}才放下${noun}，而它是在${close}秒抓住的。",
            "${the_arm}的手指先并拢，后分开。 >> ${the_arm}的手指先分开，后并拢。",
            "在放下${noun}之前，${the_arm}已经抓住了它。 >> 在抓住${noun}之前，${the_arm}已经放下了它。",
        ),
        "turn": (
            "${the_arm}捏着${noun}${sense}拧了${angle}。",
            "${noun}在${the_arm}手里${sense}转过了${angle}。",
            "俯视来看，${the_arm}使${noun}${sense}偏转约${angle}。",
        ),
        "miss": (
            "${the_arm}朝${noun}抓了一把，可惜落空了。 >> ${the_arm}朝${noun}抓了一把，稳稳拿到手。",
            "${the_arm}的夹爪夹了个空，${noun}原地没动。 >> ${the_arm}的夹爪夹了个正着，${noun}被提了起来。",
            "这次抓取以失败告终，${the_arm}两手空空。 >> 这次抓取顺利完成，${the_arm}握住了${noun}。",
        ),
        "pair": (
            "等${the_arm}抓完${noun}放下，${other}才上去抓。 >> 等${other}抓完${noun}放下，${the_arm}才上去抓。",
            "两臂交替工作，${the_arm}打头。 >> 两臂齐头并进，${the_arm}打头。",
        ),
    },
}  # fmt: skip
