"""A ninth set of phrasings for `claimed_motion`, of still other voices; written after the check was mended for the eighth.

Slot-like notes, operators' logs, captions of chat models, reports, stories and speech; values in words of their own again.
"""

from collections.abc import Mapping

NINTH_WORDS: Mapping[str, Mapping[str, Mapping[object, tuple[str, ...]]]] = {
    "en": {
        "the_arm": {
            side: (f"the {side} robotic arm", f"the {side} manipulator", f"the {side} hand", f"the robot's {side} arm",
                   f"the {side} gripper", f"its {side} arm",
                   f"the arm mounted on the {side} side") for side in ("left", "right")
        },
        "from": {
            "top": ("vertically from above", "from the top", "straight down", "from an overhead position"),
            "left": ("from its left", "from the left side", "from the object's left", "sideways from the left"),
            "right": ("from its right", "from the right side", "from the object's right", "sideways from the right"),
            "front": ("from the front", "from the far end", "from its far side"),
            "back": ("from the back", "from the rear", "from the robot's own side"),
        },
        "toward": {
            "left": ("leftwards", "to its left", "towards the left-hand side", "in the leftward direction"),
            "right": ("rightwards", "to its right", "towards the right-hand side", "in the rightward direction"),
            "forward": ("forwards", "straight ahead", "further away from the robot", "in the forward direction"),
            "backward": ("backwards", "towards the robot", "nearer to the robot's base", "in the backward direction"),
        },
        "sense": {
            "clockwise": ("clockwise", "in the clockwise sense", "clockwise as seen from above"),
            "counterclockwise": ("counter-clockwise", "anti-clockwise", "in the anticlockwise sense",
            "counterclockwise as "
                                 "seen from above"),
        },
        "angle": {
            45: ("some 45 degrees", "one eighth of a turn", "45 deg"), 90: ("90°", "a right angle",
            "a quarter of a turn"),
            120: ("120°", "one third of a revolution"), 180: ("180 degrees", "a half turn"), 240: ("240°",
            "two thirds of a turn"),
            360: ("one complete revolution", "a full 360 degrees"),
        },
        "count": {1: ("one single attempt", "just one try"), 2: ("two attempts", "a couple of tries"),
        3: ("three attempts", "3 shots")},
    },
    "zh": {
        "the_arm": {
            "left": ("左侧机械臂", "左手臂", "左边的夹爪", "左侧手爪", "左臂"),
            "right": ("右侧机械臂", "右手臂", "右边的夹爪", "右侧手爪", "右臂"),
        },
        "from": {
            "top": ("从顶部", "垂直向下", "由上往下"), "left": ("从左边", "由左侧", "从物体左侧"),
            "right": ("从右边", "由右侧", "从物体右侧"), "front": ("从前方", "从远侧", "由远端"),
            "back": ("从后方", "从近侧", "由靠近机器人的一端"),
        },
        "toward": {
            "left": ("向左侧", "往左", "朝左方"), "right": ("向右侧", "往右", "朝右方"),
            "forward": ("向前方", "往前", "向远处"), "backward": ("向后方", "往后", "向机器人一侧"),
        },
        "sense": {"clockwise": ("沿顺时针方向", "顺时针"), "counterclockwise": ("沿逆时针方向", "逆时针")},
        "angle": {
            45: ("45度", "八分之一圈"), 90: ("九十度", "一个直角"), 120: ("一百二十度", "三分之一圈"), 180: ("一百八十度",
            "半圈"),
            240: ("240度",), 360: ("三百六十度", "整整一圈"),
        },
        "count": {1: ("一", "1"), 2: ("两", "2"), 3: ("三", "3")},
    },
}  # fmt: skip

NINTH: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "carry": (
            # slot-like notes
            "Actor: $arm arm. Contact: $from. Translation: $far $toward. Final state: released.",
            "Step 1 - reach for the $noun ($arm arm). Step 2 - close the gripper ($close s). Step 3 - translate "
            "$toward. Step 4 - "
            "open the gripper ($open s).",
            "active arm = $arm; target = $noun; attempts = $attempts_number; gripper: closed at $close s, "
            "opened at $open s",
            # operators' logs
            "Teleop take 12: picked $noun with $arm, moved it $far $toward, dropped it. All fine.",
            "$arm arm in, $noun gripped at $close s, out again. Nobody touched the $other arm.",
            "Had to try with $the_arm: needed $count before the $noun was finally in the gripper.",
            # captions of chat models
            "Initially, both arms hover above the table. $the_arm then moves toward the $noun, aligning itself "
            "with it $from, and "
            "firmly grips it. Afterwards, it transports the $noun $toward, keeping it level, until it is gently "
            "lowered and "
            "released.",
            "The footage depicts $the_arm executing a pick-and-place maneuver: it reaches the $noun $from, "
            "encloses it with its "
            "fingertips, relocates it roughly $far $toward and subsequently retracts.",
            "The $other robotic arm does not contribute to the task and remains off to the side; $the_arm "
            "performs the entire "
            "pick-and-place of the $noun, which initially rests on the left half of the tabletop.",
            "At approximately $close s the gripper fingers of the $arm arm converge on the $noun, establishing "
            "a stable grasp, "
            "which is maintained until the fingers open at $open s.",
            "As the clip progresses, the $noun can be seen shifting $toward, held securely in the gripper of "
            "the $arm arm.",
            "Notably, $the_arm executes the grasp $from rather than from some other direction.",
            # reports
            "Grasping was performed by $the_arm. The direction of approach was $from. The object was then "
            "displaced by $far $toward.",
            "The $noun was successfully grasped on attempt $attempts_number by $the_arm, then placed next to "
            "the plate on the right.",
            "Gripper closure occurred at $close s and release at $open s; both were carried out by $the_arm.",
            "The net motion of the $noun while in the grasp of $the_arm was $toward, with a magnitude of $far.",
            # stories and speech
            "You can watch $the_arm sneak up on the $noun $from, snatch it and run off with it $toward.",
            "Would you mind using your $arm hand? Just lift the $noun and slide it across the table $toward, "
            "about $far.",
            "Hey robot, take the $noun in your $arm hand, bring it $toward and put it down there.",
            "The $arm arm, not the $other one, is what moves the $noun $toward.",
            # order
            "The $noun is first gripped and at the end released by $the_arm. >> The $noun is first released and "
            "at the end gripped by "
            "$the_arm.",
            "$the_arm releases its hold on the $noun, which it had taken hold of earlier. >> $the_arm takes "
            "hold of the $noun, which "
            "it had let go of earlier.",
            "With its fingers closed around the $noun, $the_arm carries on for a while; finally the fingers "
            "spread and the $noun is "
            "free. >> With its fingers first spreading to free the $noun, $the_arm carries on for a while; "
            "finally they close on it.",
            "Grasp, transport, release: that is what $the_arm does with the $noun. >> Release, transport, "
            "grasp: that is what "
            "$the_arm does with the $noun.",
        ),
        "turn": (
            "Rotation: $angle, $sense. Actor: $arm arm.",
            "While being held by $the_arm, the $noun is rotated $sense through $angle.",
            "The wrist of the $arm arm rolls, so that the $noun ends up turned by $angle $sense.",
            "$the_arm pinches the knob $from and cranks it $sense for $angle before releasing it.",
            "A rotational movement in place is observed: $the_arm twists the $noun $sense.",
        ),
        "miss": (
            "$the_arm closes on thin air just beside the $noun. >> $the_arm closes firmly around the $noun.",
            "Attempt by $the_arm; outcome: failure, gripper empty. >> Attempt by $the_arm; outcome: success, "
            "$noun held.",
            "Although $the_arm closes its gripper, it fails to secure the $noun, which remains on the table. >> "
            "$the_arm closes its "
            "gripper, thereby securing the $noun, which leaves the table.",
            "Despite reaching the $noun $from, $the_arm never gets hold of it. >> After reaching the $noun "
            "$from, $the_arm gets hold "
            "of it.",
            "Too bad: the $noun slipped past the fingers of $the_arm and was not picked up. >> Well done: the "
            "$noun went between the "
            "fingers of $the_arm and was picked up.",
        ),
        "pair": (
            "$the_arm handles the $noun first, gripping and releasing it, and is succeeded by the $other arm. "
            ">> The $other arm "
            "handles the $noun first, gripping and releasing it, and is succeeded by the $arm arm.",
            "Both arms take part, though never at the same time: one waits for the other. >> Both arms take "
            "part, moving "
            "simultaneously: neither waits for the other.",
            "The $arm arm grasps and releases; then it is up to the $other arm. >> The $other arm grasps and "
            "releases; then it is up "
            "to the $arm arm.",
        ),
    },
    "zh": {
        "carry": (
            "执行臂：${arm}。接触方向：${from}。位移：${toward}${far}。结果：已松开。",
            "${close}秒：${the_arm}闭爪夹持${noun}；${open}秒：开爪释放。",
            "操作员用${the_arm}${from}拿到了${noun}，然后一路${toward}端过去，最后撂下了。",
            "机器人伸出${the_arm}，${from}缓缓接近${noun}，夹稳之后将其提起，"
            "${toward}搬移约${far}，再轻轻放下并松开夹爪。",
            "整个过程仅由${the_arm}完成，${other}未发生任何动作，位于右侧的碗也没有被碰到。",
            "${noun}被${the_arm}牢牢夹住，随后朝着目标位置${toward}移动。",
            "麻烦你用${the_arm}把${noun}拿起来，${toward}推个${far}左右。",
            "先前如何不论，${the_arm}是在第${ordinal}次才把${noun}抓上来的。",
            "${the_arm}在约${close}秒处完成抓取，在约${open}秒处完成释放。",
            "动作的主体是${the_arm}而不是${other}，目标是靠左放置的${noun}。",
            "${the_arm}对${noun}先抓后放。 >> ${the_arm}对${noun}先放后抓。",
            "${the_arm}松开了${noun}，这之前它一直夹着它。 >> ${the_arm}夹住了${noun}，这之前它已松开过它。",
        ),
        "turn": (
            "旋转方向：${sense}；旋转角度：${angle}；执行臂：${arm}。",
            "${the_arm}夹持着${noun}，令其${sense}旋转${angle}左右后放开。",
            "只见${the_arm}手腕一拧，${noun}便${sense}转了${angle}。",
        ),
        "miss": (
            "${the_arm}的夹爪虽然闭合，但并未夹到${noun}。 >> ${the_arm}的夹爪闭合，并且夹到了${noun}。",
            "${noun}从${the_arm}指间溜走，没抓着。 >> ${noun}落入${the_arm}指间，抓着了。",
            "抓取结果：失败（${the_arm}，夹爪为空）。 >> 抓取结果：成功（${the_arm}，${noun}在爪中）。",
        ),
        "pair": (
            "${the_arm}先完成抓放，${other}随后接手。 >> ${other}先完成抓放，${the_arm}随后接手。",
            "左右两臂分时动作，互不重叠，${the_arm}在前。 >> 左右两臂同时动作，全程重叠，${the_arm}在前。",
        ),
    },
}  # fmt: skip
