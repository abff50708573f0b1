"""A sixth set of phrasings for `claimed_motion`, in the manner of vision-language models; written before"
" it was measured."""

from collections.abc import Mapping

SIXTH: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "carry": (
            "In the beginning, the $arm robotic arm extends toward the $noun and comes in $from; it then secures the"
            " $noun between "
            "its fingers, translates it approximately $far $toward, and finally sets it free.",
            "Step 1 (0.5 s): the $arm arm starts to move. Step 2 ($close s): its gripper shuts around the $noun. Step"
            " 3 ($open s): "
            "the gripper is opened and the $noun rests on the table.",
            "A black two-finger gripper mounted on the $arm arm takes the $noun and conveys it $toward before letting"
            " go of it.",
            "The manipulation is done entirely by the $arm arm, whereas the $other arm remains idle throughout the clip.",
            "Having closed its fingers on the $noun, the $arm arm hauls it $toward for about $far.",
            "The $noun travels $toward in the grip of the $arm arm and is then released.",
            "Only the $arm arm is active: it approaches the $noun $from and clamps down on it.",
            "It is not until the $ordinal attempt that the $arm arm gets a firm hold of the $noun.",
            "The $arm gripper, initially open, closes at about $close seconds and reopens at about $open seconds.",
            "With the $noun grasped, the $arm arm proceeds $toward, covering roughly $far, and relaxes its grip.",
            "The arm on the $arm descends upon the $noun, having approached it $from.",
            "Slide the $noun $toward with the $arm arm; do not use the $other arm.",
            "The $arm arm grabs the $noun, which stands to the left of the blue bowl, and pulls it $toward.",
            "The robot grasps the $noun with its $arm hand and eventually lets go of it."
            " >> The robot lets go of the $noun with its "
            "$arm hand and eventually grasps it.",
            "The gripper of the $arm arm closes first and opens later."
            " >> The gripper of the $arm arm opens first and closes later.",
            "The $arm arm reaches out $from, wraps its fingers around the $noun and nudges it $toward by $far.",
        ),
        "turn": (
            "Gripping the $noun, the $arm arm applies a $sense rotation of approximately $angle.",
            "The $noun is held by the $arm arm and turned $sense, as viewed from above, through $angle.",
            "The $arm wrist rotates $sense by $angle while the $noun is held.",
            "The $arm arm approaches $from, grasps the $noun and gives it a $angle turn in the $sense direction.",
            "A $sense twist of the $noun is performed by the $arm arm.",
        ),
        "miss": (
            "The $arm arm attempts to grasp the $noun, but its fingers close without catching it."
            " >> The $arm arm attempts to grasp "
            "the $noun, and its fingers close around it.",
            "The grasp of the $arm arm is unsuccessful and the $noun stays where it was."
            " >> The grasp of the $arm arm is successful "
            "and the $noun is held.",
            "The $arm gripper closes beside the $noun and grabs only air."
            " >> The $arm gripper closes on the $noun and grabs it.",
        ),
        "pair": (
            "To begin with, the $arm arm grips the $noun and puts it down by opening its gripper. Subsequently, the"
            " $other arm grips "
            "it and releases it. >> To begin with, the $other arm grips the $noun and puts it down by opening its gripper. "
            "Subsequently, the $arm arm grips it and releases it.",
            "Both arms are used, one after another: the $arm arm starts."
            " >> Both arms are used simultaneously: the $arm arm starts.",
        ),
    },
    "zh": {
        "carry": (
            "首先${arm}${from}伸向${noun}，合拢手指将其夹紧，然后${toward}移动大约${far}，最后松开手指。",
            "视频中只有${arm}在动，${other}始终静止不动。",
            "${arm}的夹爪于${close}秒左右闭合，于${open}秒左右重新张开。",
            "${arm}把${noun}抓牢以后，${toward}拖行了${far}。",
            "直到第${ordinal}次尝试，${arm}才夹住${noun}。",
            "${arm}${from}靠近${noun}并将它握紧，随即${toward}推送。",
            "机器人先用${arm}抓起${noun}，后来把它放开。 >> 机器人先用${arm}放开${noun}，后来把它抓起。",
            "由${arm}完成抓取，${noun}被${toward}运送后放下并松开。",
        ),
        "turn": (
            "${arm}夹紧${noun}，从上往下看${sense}转了${angle}。",
            "${noun}在${arm}的夹持下${sense}旋转约${angle}。",
            "${arm}${sense}拧动${noun}，幅度约${angle}。",
        ),
        "miss": (
            "${arm}试图抓取${noun}，但没能抓住。 >> ${arm}试图抓取${noun}，并且抓住了。",
            "${arm}的夹爪合上时里面是空的。 >> ${arm}的夹爪合上时夹住了${noun}。",
        ),
        "pair": (
            "起初${arm}夹住${noun}并松开，接下来轮到${other}夹住它并松开。"
            " >> 起初${other}夹住${noun}并松开，接下来轮到${arm}夹住它并松开。",
            "两只手臂先后动作，${arm}先开始。 >> 两只手臂同时动作，${arm}先开始。",
        ),
    },
}  # fmt: skip
SEVENTH: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "carry": (
            "The video shows the $arm gripper moving in $from, taking the $noun and relocating it about $far"
            " $toward before it lets the $noun go.",
            "From $close s on, the $noun is clasped by the $arm arm; the gripper lets go at $open s.",
            "Using the $arm arm, the robot retrieves the $noun and drags it $toward.",
            "The $arm arm handles the $noun while the $other arm is not involved.",
            "The $arm end effector pinches the $noun, moves it $toward, and lets it drop.",
            "After $count, the $noun is finally grasped by the $arm arm.",
            "The $arm arm, coming $from, captures the $noun.",
            "The $noun is displaced $toward by the $arm arm.",
            "The $arm arm closes its jaws at $close s and opens them at $open s.",
            "The $arm arm puts the $noun down after it has picked it up."
            " >> The $arm arm picks the $noun up after it has released it.",
            "Grip the $noun with the $arm arm, shift it by $far $toward, release.",
        ),
        "turn": (
            "The $arm arm takes the $noun and turns it by $angle, $sense.",
            "The $noun undergoes a $sense rotation while in the $arm gripper.",
            "Rotating it $sense, the $arm arm turns the $noun roughly $angle.",
        ),
        "miss": (
            "The $arm arm tries to pick up the $noun without success. >> The $arm arm picks up the $noun with success.",
            "The fingers of the $arm arm close, but the $noun is not between them."
            " >> The fingers of the $arm arm close, and the $noun is between them.",
            "The $arm arm comes back with an empty gripper. >> The $arm arm comes back after grasping the $noun.",
        ),
        "pair": (
            "The $arm arm goes first, grasping and releasing the $noun; the $other arm follows, grasping and"
            " releasing it."
            " >> The $other arm goes first, grasping and releasing the $noun; the $arm arm follows, grasping and"
            " releasing it.",
        ),
    },
    "zh": {
        "carry": (
            "${arm}${from}进入，抓紧${noun}，${toward}挪动约${far}，最后松开。",
            "${arm}取走${noun}并${toward}移动，${other}没有参与。",
            "在${close}秒${arm}抓住${noun}，在${open}秒将其释放。",
            "${noun}由${arm}夹起，${toward}平移约${far}后放下。",
            "${arm}试了${count}次，终于抓住${noun}。",
        ),
        "turn": ("${arm}握着${noun}${sense}转了约${angle}。", "${arm}抓住${noun}，将其${sense}拧转。"),
        "miss": ("${arm}合拢夹爪却没有夹到任何东西。 >> ${arm}合拢夹爪并夹到了${noun}。",),
        "pair": (
            "${arm}抓住并松开${noun}之后，${other}再抓住它并松开。"
            " >> ${other}抓住并松开${noun}之后，${arm}再抓住它并松开。",
        ),
    },
}  # fmt: skip
