"""A tenth set of phrasings for `claimed_motion`, of still other voices; written after the check was mended for the ninth.

A safety auditor, a sports reporter, a lab notebook, a translated manual, a caption model that hedges, a child, subtitles.
"""

from collections.abc import Mapping

from ninth_claims import NINTH_WORDS

TENTH_WORDS = NINTH_WORDS

TENTH: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "carry": (
            "Audit note: the actuator in use was $the_arm. It made contact with the $noun $from and moved it "
            "$toward over $far.",
            "And here it comes, $the_arm, swooping in on the $noun $from! It has it! And off it goes $toward!",
            "14:02 grasp test. Used $the_arm. Close at $close s, open at $open s. No damage to the $noun.",
            "The operator shall employ $the_arm for seizing the $noun; thereafter the $noun shall be displaced "
            "$toward by $far.",
            "It appears that $the_arm approaches the $noun $from, seems to grip it, and then probably carries "
            "it $toward.",
            "The robot's hand, the $arm one, grabs the $noun and it goes $toward and then it lets go.",
            "What we see is $the_arm lifting a $noun that was standing to the right of a bowl, and transporting "
            "it $toward.",
            "From the operator's log: gripped $noun ($close s), let go of $noun ($open s), $arm arm.",
            "While the $other manipulator sits out the whole episode, its partner on the $arm side grabs the $noun.",
            "A pick of the $noun by $the_arm, coming $from, is followed by a shift of $far $toward.",
            "$the_arm has the $noun firmly in its fingers by the time it starts moving $toward.",
            "Thanks to $the_arm, the $noun now sits $far further $toward than before.",
            "The robot tried $attempts_number times in all before $the_arm could hold on to the $noun.",
            "After a firm grasp $from, $the_arm elevates the $noun, translates it $toward, lowers it onto the "
            "mat near the left edge, "
            "and backs away.",
            "The fingers of the $arm gripper wrap around the $noun at $close s, and they let it slip out at $open s.",
            "First comes the grasp, by $the_arm; the release comes only later. >> First comes the release, by "
            "$the_arm; the grasp comes "
            "only later.",
            "$the_arm had already gripped the $noun when it let it go. >> $the_arm had already let the $noun go "
            "when it gripped it.",
            "$the_arm takes the $noun into its grip and, a few seconds on, opens up. >> $the_arm opens up and, "
            "a few seconds on, takes the "
            "$noun into its grip.",
        ),
        "turn": (
            "With the $noun in its grasp, $the_arm performs a rotation of $angle, $sense.",
            "The $noun ends up rotated $angle $sense, thanks to $the_arm.",
            "$the_arm grabs the $noun $from and gives it a spin, $sense.",
            "Using a $sense motion, $the_arm turns the $noun by $angle and lets it be.",
        ),
        "miss": (
            "Swing and a miss! $the_arm comes up with nothing but air. >> Got it! $the_arm comes up with the $noun.",
            "$the_arm closed, yet the $noun was not captured. >> $the_arm closed, and the $noun was captured.",
            "The $noun eludes $the_arm, whose fingers meet without anything in between. >> The $noun is caught "
            "by $the_arm, whose "
            "fingers hold it in between.",
            "Result of the grasp by $the_arm: no object in gripper. >> Result of the grasp by $the_arm: object "
            "in gripper.",
        ),
        "pair": (
            "$the_arm opens the show with a grasp and a release, and only then does the $other arm get to work. "
            ">> The $other arm opens "
            "the show with a grasp and a release, and only then does the $arm arm get to work.",
            "There is no overlap between the arms: they act one by one. >> There is full overlap between the "
            "arms: they act in parallel.",
        ),
    },
    "zh": {
        "carry": (
            "字幕：${the_arm}出动，${from}抓起${noun}，一路${toward}运过去。",
            "实验记录：使用${the_arm}；${close}秒夹住，${open}秒松开；${noun}完好。",
            "该机器人以${the_arm}${from}抓握${noun}，继而将其${toward}移送${far}。",
            "看起来${the_arm}似乎${from}靠近了${noun}，把它夹了起来，然后大概${toward}挪了过去。",
            "${the_arm}一共试了${count}回，总算把${noun}夹起来了。",
            "干活的是${the_arm}，旁边那只${other}全程闲着没事做。",
            "${noun}在${the_arm}的抓持下${toward}走了${far}。",
            "${the_arm}夹稳${noun}后${toward}平移，最终在${open}秒时松爪。",
            "${the_arm}先是夹紧${noun}，末了才松开。 >> ${the_arm}先是松开${noun}，末了才夹紧。",
        ),
        "turn": (
            "${the_arm}把手里的${noun}${sense}拧过${angle}。",
            "${noun}被${the_arm}${sense}转了${angle}后放下。",
        ),
        "miss": (
            "${the_arm}一爪下去，什么也没捞着。 >> ${the_arm}一爪下去，把${noun}捞了起来。",
            "夹爪合上了，可${noun}并不在${the_arm}里面。 >> 夹爪合上了，${noun}就在${the_arm}里面。",
        ),
        "pair": (
            "${the_arm}干完，${other}再接着干，两者不同时。 >> ${the_arm}和${other}一块儿干，两者同时。",
        ),
    },
}  # fmt: skip
