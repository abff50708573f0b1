"""Promises of the Chinese reader about what one sentence says both ways, and about real corrections that look like it."""

import pytest

from finevla_core.language.chinese_reader import read_chinese

# A sentence that wants and denies the same, or wants what is not there, and a word of the reason that it is refused for.
REFUSED = (
    ("只用右手，不能用右手，去抓蓝罐子", "arm"),
    ("左手抓红砖，左手不要抓", "抓"),
    ("禁用右手，启用右手，抓红球", "arm"),
    ("夹爪不许动，夹起黄砖", "neither arm"),
    ("拿起小的绿砖，要大的那块小砖", "two things"),
    ("拿小红球，大的那个", "size"),
    ("只要大的，不要大的，抓蓝球", "大的"),
    ("不是绿方块，是绿方块，拿起来", "绿方块"),
    ("红色的那个必须是蓝色的方块，拿起来", "two things"),
    ("不要抓，抓起绿色圆柱，别抓", "抓"),
    ("绿球拿起来，绿球不能拿起来", "拿起来"),
    ("摞起来不要摞起来，红砖到绿砖上", "摞起来"),
    ("转旋钮，不要转旋钮", "do not want it"),
    ("不要收拾桌子，收拾桌子", "收拾"),
    ("靠近绿罐，别靠近绿罐", "靠近"),
    ("必须从顶上抓，禁止从顶上抓，蓝球", "side"),
    ("左右夹红方块，别左右夹", "grasping"),
    ("把红砖叠到绿方块上，不能放绿方块上", "绿方块"),
    ("红方块叠到蓝砖上，叠到黄砖上", "two objects"),
    ("把绿砖放进左碗，左碗不能放", "bowl"),
    ("放进中间那只碗，红球", "no '中间那只碗'"),
    ("把紫球放到远处的碗里", "left bowl"),
    ("把绿球放到最大的碗里", "最大的碗"),
    ("把黄罐子放到四个碗里", "四个碗"),
    ("把红球放进两只碗里", "only into one bowl"),
    ("把旋钮转三圈", "which way"),
    ("旋钮转到三十度", "which way"),
    ("把红球放左碗三次", "several times"),
    ("先清桌子，然后把方块叠起来", "One thing at a time"),
    ("红球，还有蓝球，都拿起来", "One thing at a time"),
)
# Those that look alike and are clear.
READ = (
    ("只用右手，左手不能用，去抓蓝罐子", "pick arm=right color=blue shape=cylinder"),
    ("用左手，不是左手，是右手，抓红球", "pick arm=right color=red shape=ball"),
    ("右手不要伸太快，慢慢去够红球", "reach arm=right color=red shape=ball"),
    ("右手抓绿砖，左手不要碰它", "pick arm=right color=green shape=brick"),
    ("大的那个碍事，先拿小的蓝罐", "pick size=small color=blue shape=cylinder"),
    ("左边那个红球别拿，拿右边那个红球", "pick color=red shape=ball"),
    ("不要碰其他方块，只拿红方块", "pick color=red shape=cube"),
    ("不要用力抓，轻轻抓住红球", "pick color=red shape=ball"),
    ("红球别抓太紧", "pick color=red shape=ball"),
    ("别扔，轻轻放进左碗，红球", "place color=red shape=ball place=left_bowl"),
    ("把球放右碗，左碗有水，别放", "place shape=ball place=right_bowl"),
    (
        "把红球叠到绿砖上，不是绿砖，是蓝砖",
        "stack color=red shape=ball below_color=blue below_shape=brick place=object",
    ),
    ("从左边抓红球，不是左边，是右边", "pick approach=right color=red shape=ball"),
    ("把中间的绿砖放到左边的碗里", "place color=green shape=brick place=left_bowl"),
    ("把红球放到左边那只大碗里", "place color=red shape=ball place=left_bowl"),
    ("旋钮往右转三圈", "turn shape=knob turn=clockwise"),
    ("刚才试了三次，现在再拿一次绿球", "pick color=green shape=ball"),
    ("清理桌面，摞着的砖也放碗里", "clean"),
)


@pytest.mark.parametrize(("say", "word"), REFUSED)
def test_what_is_said_both_ways_or_is_not_there_is_refused(say: str, word: str) -> None:
    reading = read_chinese(say)
    assert word in reading.refusal
    assert reading.certainty == 0.0


@pytest.mark.parametrize(("say", "told"), READ)
def test_corrections_and_cautions_are_no_contradictions(say: str, told: str) -> None:
    reading = read_chinese(say)
    task, *rest = told.split()
    assert not reading.refusal
    assert dict(reading.slots) == {"task": task, **dict(pair.split("=") for pair in rest)}
