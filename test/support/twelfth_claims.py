"""A twelfth set of phrasings for `claimed_motion`, of other voices still; written after the check was mended for the eleventh.

Crowd workers, phase lists with times, a robot that speaks of itself, lab slang, quality control, spoken and formal Chinese.
"""

from collections.abc import Mapping

TWELFTH_WORDS: Mapping[str, Mapping[str, Mapping[object, tuple[str, ...]]]] = {
    "en": {
        "the_arm": {
            side: (f"the {side} arm", f"the {side} follower arm", f"the {side} end effector", f"its {side} hand",
                   f"the {side}-side manipulator", f"the {side} robot arm") for side in ("left", "right")
        },
        "from": {
            "top": ("from overhead", "from the top", "from straight above"),
            "left": ("from the left-hand side", "from the object's left side", "from the left"),
            "right": ("from the right-hand side", "from the object's right side", "from the right"),
            "front": ("from the far side", "from the opposite side", "from the side away from the robot"),
            "back": ("from the near side", "from the side near the robot", "from the side facing the robot"),
        },
        "toward": {
            "left": ("leftwards", "to the left-hand side", "further left", "over to the left"),
            "right": ("rightwards", "to the right-hand side", "further right", "over to the right"),
            "forward": ("forwards", "outward, away from the base", "farther away from the robot"),
            "backward": ("backwards", "closer to the robot", "inward, toward the base"),
        },
        "sense": {"clockwise": ("clockwise", "CW"), "counterclockwise": ("counterclockwise", "CCW", "anti-clockwise")},
        "angle": {
            45: ("45 deg", "45 degrees"), 90: ("90 deg", "ninety degrees"), 120: ("120 deg", "120 degrees"),
            180: ("180 deg", "half a turn"), 240: ("240 deg", "240 degrees"), 360: ("360 deg", "a full revolution"),
        },
        "count": {1: ("one try", "1 attempt"), 2: ("two tries", "2 attempts"), 3: ("three tries", "3 attempts")},
    },
    "zh": {
        "the_arm": {
            "left": ("左臂", "左手", "左边的机械臂", "左侧手臂", "左机械爪"),
            "right": ("右臂", "右手", "右边的机械臂", "右侧手臂", "右机械爪"),
        },
        "from": {
            "top": ("从上面", "从顶部", "由上而下"), "left": ("从左面", "由左侧", "从物体左侧"),
            "right": ("从右面", "由右侧", "从物体右侧"), "front": ("从远侧", "从前方"), "back": ("从近侧", "从后方"),
        },
        "toward": {
            "left": ("向左侧", "往左边", "朝左"), "right": ("向右侧", "往右边", "朝右"),
            "forward": ("向前方", "往前"), "backward": ("向后方", "往后"),
        },
        "sense": {"clockwise": ("顺时针", "按顺时针方向"), "counterclockwise": ("逆时针", "按逆时针方向")},
        "angle": {
            45: ("45度", "四十五度"), 90: ("90度", "九十度"), 120: ("120度",), 180: ("180度", "半圈"), 240: ("240度",),
            360: ("360度", "一圈"),
        },
        "count": {1: ("一", "1"), 2: ("两", "2"), 3: ("三", "3")},
        "ordinal": {1: ("一", "1"), 2: ("二", "2"), 3: ("三", "3")},
    },
}  # fmt: skip

TWELFTH: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "carry": (
            "Phase 1 - Reach: $the_arm travels to the $noun. Phase 2 - Grasp: the fingers close at $close s. Phase 3 - "
            "Transport: the $noun goes $toward. Phase 4 - Release: the fingers open at $open s.",
            "- Arm: $arm\n- Object: $noun\n- Approach: $from\n- Result: the $noun was moved $toward and released",
            "0.0 s - $close s: $the_arm approaches the $noun $from. $close s - $open s: it carries the $noun $toward.",
            "I reach out with my $arm hand, pick up the $noun, and bring it $toward.",
            "I see the $noun in front of me, so I use my $arm gripper, come in $from, and hold it tight.",
            "robot use $arm hand to take the $noun and put it $toward side, other hand no move",
            "The robot is picking the $noun with $arm gripper and it is placing it after moving $toward.",
            "EEF descends w/ open jaws, $arm side; closes on $noun; translates $toward; opens.",
            "$arm EE grips the $noun at t=$close s and drops it at t=$open s.",
            "Looks right to me: $the_arm grabs the $noun and takes it $toward.",
            "That's right, the $arm arm is the one that works here.",
            "Should read: $the_arm approaches $from.",
            "Please fix: it is $the_arm that carries the $noun; all right otherwise.",
            "The annotation is fine except for the arm, which is the $arm one. The gripper closes once it is around the "
            "$noun.",
            "Having been left on the tray by somebody, the $noun is now collected by $the_arm.",
            "The manipulation was carried out by $the_arm alone. The $noun was approached $from, was grasped, and was "
            "displaced by approximately $far.",
            "It was observed that the $noun was seized at $close s and set free at $open s.",
            "The episode shows a pick-and-place: with $the_arm, the robot shifts the $noun $toward and leaves it there.",
            "A dual-arm platform is shown, but the $other arm plays no role; $the_arm does the picking.",
            "Holding the $noun securely, $the_arm swings $toward, stops, and lowers it before letting go.",
            "The $noun, standing between a left and a right plate, is lifted straight up by $the_arm and then moved "
            "$toward.",
            "The wrist stays level while $the_arm drags the $noun $toward over a stretch of about $far.",
            "On try $attempts_number $the_arm finally gets the $noun off the table.",
            "It needed $count altogether until the $noun sat firmly in the gripper of $the_arm.",
            "Retreating to its home position on the left, the robot has completed the job: $the_arm moved the $noun "
            "$toward.",
            "Goal reached. $the_arm: approach $from, lift, transport, release at $open s, back home.",
            "With the right plate in view, $the_arm pushes the $noun $toward until it touches the plate.",
            "The gripper of $the_arm, wide open on the way down, snaps shut on the $noun and does not open before $open s.",
            "Both hands are visible throughout, though only the $arm one ever touches anything.",
            "From $close s on, $the_arm has the $noun in its fingers.",
            "The $noun changes its place: $toward, some $far. $the_arm did it.",
            "Nothing is dropped and nothing falls over: $the_arm sets the $noun down after moving it $toward.",
            "$the_arm passes the left bottle without knocking it over, then carries the $noun $toward.",
            "Grab it with the $arm one, then let it go. >> Let it go with the $arm one, then grab it.",
            "$the_arm takes the $noun, carries it, and only at the very end opens its fingers to set it down. >> $the_arm "
            "opens its fingers to set the $noun down, and only at the very end takes it.",
            "The attempt to grasp the $noun with $the_arm succeeds. >> The attempt to grasp the $noun with $the_arm "
            "comes to nothing.",
        ),
        "turn": (
            "I take the $noun in my $arm hand and rotate it $sense.",
            "Phase 2 - Rotate: the $noun is turned $sense through $angle by $the_arm.",
            "$arm EE: grasp, yaw $sense approx. $angle, release.",
            "robot twist the $noun $sense using $arm hand",
            "Should read $sense; rest is right.",
            "The $noun is not moved sideways; $the_arm merely turns it by $angle.",
            "Gripped by $the_arm, the $noun makes a $sense turn before it is let go at $open s.",
            "With a flick of its wrist $the_arm spins the $noun $sense, as one would tighten a screw.",
            "The rotation performed by $the_arm amounts to $angle and goes $sense.",
            "To open the lid, $the_arm grasps it $from and turns it $sense.",
            "After having approached $from, $the_arm rolls the $noun $sense.",
        ),
        "miss": (
            "I tried to grab the $noun with my $arm hand but I missed it. >> I grabbed the $noun with my $arm hand and "
            "got it.",
            "robot $arm hand close but no catch the $noun >> robot $arm hand close and catch the $noun",
            "Phase 2 - Grasp: $the_arm closes at $close s, object not secured. >> Phase 2 - Grasp: $the_arm closes at "
            "$close s, object secured.",
            "Unsuccessful attempt, $arm side. Jaws met without the $noun in between. >> Successful attempt, $arm side. "
            "Jaws met the $noun and held it.",
            "The $noun stays put since $the_arm closes too early, before reaching it. >> The $noun comes up since "
            "$the_arm closes on it and lifts it.",
            "$the_arm reaches in $from and fails to get hold of the $noun.",
            "The episode ends without a grasp: $the_arm does not manage to hold the $noun. >> The episode ends with a "
            "grasp: $the_arm manages to hold the $noun.",
            "The fingers of $the_arm come together at $close s, and there is nothing between them.",
            "Had $the_arm been a little lower, it would have gripped the $noun; as it was, it came back empty.",
            "It should have been an easy pick, but $the_arm misses. >> It was an easy pick, and $the_arm grips the $noun.",
        ),
        "pair": (
            "I start with my $arm hand: I pick up the $noun and drop it. My $other hand does the same afterwards. >> I "
            "start with my $other hand: I pick up the $noun and drop it. My $arm hand does the same afterwards.",
            "Phase 1: $arm arm grasps and releases. Phase 2: $other arm grasps and releases. >> Phase 1: $other arm grasps "
            "and releases. Phase 2: $arm arm grasps and releases.",
            "The two arms act sequentially, never in parallel. >> The two arms act in parallel, never sequentially.",
            "The $arm arm is done at $open s; from there on the $other arm continues alone.",
            "The $noun is first handled by the $arm arm, which takes it $toward, and then by the $other one.",
            "Not until the $arm arm has released the $noun does the $other arm pick it up. >> Not until the $other arm has "
            "released the $noun does the $arm arm pick it up.",
            "While the $arm arm handles the $noun, the $other one stays put; later it grasps the $noun itself.",
            "robot use $arm hand first then $other hand, one by one >> robot use both hands at same time",
            "The $other arm follows the $arm arm: it grasps the $noun second. >> The $arm arm follows the $other arm: it "
            "grasps the $noun second.",
        ),
    },
    "zh": {
        "carry": (
            "机器人用${the_arm}去拿${noun}，拿到以后${toward}挪了挪，然后放下了。",
            "我用${the_arm}${from}抓住${noun}，再把它${toward}搬过去。",
            "阶段一：${the_arm}伸向${noun}。阶段二：${close}秒闭合夹爪。阶段三：${toward}移动。阶段四：${open}秒张开夹爪。",
            "0.0秒至${close}秒，${the_arm}${from}靠近${noun}；随后${toward}搬运，${open}秒松开。",
            "质检：手臂标对了，是${arm}；方向应为${toward}。",
            "质检意见：${from}接近无误，抓取有效。",
            "本次操作仅由${the_arm}完成，${other}处于待机状态。",
            "${noun}原先放在左边的架子上，被${the_arm}取下后${toward}移动了${far}。",
            "${the_arm}张着爪子靠过去，一合爪就夹住了${noun}，接着${toward}走。",
            "别看画面里有两只手，真正动手的只有${arm}。",
            "${the_arm}${from}探下，抓稳${noun}，举起来，${toward}送，最后在${open}秒撒手。",
            "机械臂抓取${noun}用了${count}次，最后${the_arm}把它${toward}拖走。",
            "第${ordinal}次才成功：${the_arm}夹起${noun}。",
            "物体位移约${far}，方向${toward}，执行臂为${arm}。",
            "${the_arm}把${noun}推到右边盘子旁，一路都是${toward}推的。",
            "抓住${noun}的是${the_arm}，放开它的也是${the_arm}。",
            "${the_arm}从静止开始，${close}秒时抓住${noun}，全程没有碰到别的东西。",
            "${the_arm}空手靠近，抓起${noun}，${toward}搬。",
            "动作顺序为先抓取、后搬运、再释放，执行者为${the_arm}。 >> 动作顺序为先释放、后搬运、再抓取，执行者为${the_arm}。",
            "${the_arm}抓到了${noun}，没有落空。 >> ${the_arm}落空了，没有抓到${noun}。",
        ),
        "turn": (
            "我用${the_arm}握住${noun}，${sense}拧了${angle}。",
            "阶段二：${the_arm}带动${noun}${sense}旋转，幅度约${angle}。",
            "${sense}，约${angle}，${arm}。",
            "质检：转向是${sense}，没问题。",
            "${the_arm}${from}抓住盖子，${sense}拧开。",
            "${noun}的位置没变，只是方向变了：${the_arm}把它${sense}转了${angle}。",
        ),
        "miss": (
            "我伸出${the_arm}想拿${noun}，可惜没拿到。 >> 我伸出${the_arm}去拿${noun}，一下就拿到了。",
            "${the_arm}夹爪于${close}秒闭合，目标未被夹持。 >> ${the_arm}夹爪于${close}秒闭合，目标被稳稳夹持。",
            "质检：此条为失败样本，${arm}抓空。 >> 质检：此条为成功样本，${arm}抓住了${noun}。",
            "${the_arm}${from}下手，结果${noun}没夹上来。",
        ),
        "pair": (
            "先动的是${arm}，后动的是${other}。 >> 先动的是${other}，后动的是${arm}。",
            "阶段一：${arm}抓取并释放。阶段二：${other}抓取并释放。 >> 阶段一：${other}抓取并释放。阶段二：${arm}抓取并释放。",
            "${arm}忙完之后${other}才上。 >> ${other}忙完之后${arm}才上。",
            "两只手没有同时动过，是轮着来的。 >> 两只手是同时动的，没有轮着来。",
        ),
    },
}  # fmt: skip
