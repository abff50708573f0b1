"""A thirteenth set of phrasings for `claimed_motion`, counted after the check was mended for the twelfth, and not mended for.

An apprentice's report, alt texts, a film script, a model that lists its doubts, a checker who quotes the draft, a manual, chat.
"""

from collections.abc import Mapping

from twelfth_claims import TWELFTH_WORDS

THIRTEENTH_WORDS = TWELFTH_WORDS

THIRTEENTH: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "carry": (
            "Today I watched the robot tidy up: it took the $noun with $the_arm and shoved it $toward.",
            "Alt text: a bimanual robot whose $arm gripper is holding a $noun above the table; the other gripper hangs idle.",
            "INT. LAB. $the_arm creeps up on the $noun $from. A pause. The fingers close. The $noun is off, $toward.",
            "Though hard to see, it seems to be $the_arm that grips the $noun, probably $from.",
            "\"Left or right?\" - It is the $arm hand that picks up the $noun.",
            "Caution: before the gripper is opened at $open s, $the_arm must have brought the $noun $toward.",
            "$the_arm gets the job done: $noun gripped at $close s, gone $toward, back on the table at $open s.",
            "Nobody helps $the_arm, which fetches the $noun on its own and parks it some $far $toward.",
            "The $noun rides along in the claw of $the_arm for roughly $far, then it is put back on its feet.",
            "There were $attempts_number attempts in total, all of them by $the_arm; the last one worked.",
            "so $the_arm goes in $from, bites the $noun, and off $toward they go lol",
            "The $noun is on the left at the start, as is the bowl. $the_arm takes it away from there, $toward.",
            "Once it has hold of the $noun, $the_arm backs up a bit, rises, and heads $toward.",
            "Clean grasp, no slip, $from; $the_arm only; let go at $open s.",
            "After it has been set down, the $noun is not touched again by $the_arm, which had taken it $toward. >> Before it "
            "has ever been grasped, the $noun is let go by $the_arm.",
        ),
        "turn": (
            "Alt text: the $arm gripper turns a $noun $sense.",
            "Today the robot turned the $noun with $the_arm, $sense, I would say by about $angle.",
            "$the_arm unscrews the $noun, that is, it goes $sense.",
            "The marker on the $noun, at twelve o'clock before, has wandered $angle $sense in the grip of $the_arm.",
        ),
        "miss": (
            "A swing, a snap, and no $noun: $the_arm goes home with nothing. >> A swing, a snap, and there is the $noun: "
            "$the_arm goes home with it.",
            "$the_arm pinches where the $noun is not. >> $the_arm pinches the $noun and has it.",
            "Today the robot did not get the $noun; $the_arm closed at $close s, too far off.",
        ),
        "pair": (
            "The $arm arm has its go at the $noun, and when it is through, the $other arm has one, too. >> The $other arm has "
            "its go at the $noun, and when it is through, the $arm arm has one, too.",
            "Hands never work together here; the $arm one leads and the $other one comes later. >> Hands always work together "
            "here, at the same moment.",
            "The $other arm looks on as the $arm arm brings the $noun $toward; its own turn comes after that.",
        ),
    },
    "zh": {
        "carry": (
            "今天看机器人收拾桌子：它用${the_arm}把${noun}${toward}推了一段。",
            "图片说明：机器人的${arm}夹着${noun}，另一只手垂在一边没有动。",
            "看不太清，好像是${the_arm}${from}把${noun}夹起来的。",
            "问：左手还是右手？答：${arm}抓的${noun}。",
            "${the_arm}稳稳叼住${noun}，${toward}溜达了${far}，${open}秒才撒开。",
            "没人帮忙，${the_arm}自己就把${noun}${toward}挪到位了。",
            "${noun}开头在左边，${the_arm}抓着它${toward}去了。",
            "总共试了${attempts_number}次，都是${the_arm}干的，最后一次成了。",
        ),
        "turn": ("图片说明：${arm}正把${noun}${sense}转。", "${the_arm}攥着${noun}，${sense}一拧，大概${angle}。"),
        "miss": (
            "${the_arm}一夹，${noun}纹丝不动，白忙一场。 >> ${the_arm}一夹，${noun}就被提起来了。",
            "今天机器人没拿到${noun}，${the_arm}在${close}秒合爪，合早了。",
        ),
        "pair": ("${arm}弄完，换${other}来。 >> ${other}弄完，换${arm}来。",),
    },
}  # fmt: skip
