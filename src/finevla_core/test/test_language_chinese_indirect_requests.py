"""Chinese jobs that are announced, excused or told of others; and what no robot of this table can do or is only told."""

import pytest
from slot_text import slots_in

from finevla_core.language.chinese_reader import read_chinese

READ = [
    ("像时钟那样转旋钮。", "task=turn shape=knob turn=clockwise"),
    ("旋钮朝表针相反的方向拧。", "task=turn shape=knob turn=counterclockwise"),
    ("不是顺时针！往另一边转旋钮。", "task=turn shape=knob turn=counterclockwise"),
    ("绿色小圆柱，左手，抬起来。", "task=pick arm=left color=green shape=cylinder size=small"),
    ("红球不是放右碗，是左碗。", "task=place color=red shape=ball place=left_bowl"),
    (
        "我们搭个塔，绿方块在下，黄方块在上。",
        "task=stack color=yellow shape=cube place=object below_color=green below_shape=cube",
    ),
    ("老板说绿砖该在左碗里。", "task=place color=green shape=brick place=left_bowl"),
    ("什么时候方便就把旋钮逆时针转一下。", "task=turn shape=knob turn=counterclockwise"),
    ("两个碗里右边那个，把红方块放进去。", "task=place color=red shape=cube place=right_bowl"),
    ("移动：紫球；到：左碗；经：柱子上方", "task=place color=purple shape=ball path=over place=left_bowl"),
    ("桌上不要留东西，用右臂。", "task=clean arm=right"),
    (
        "把蓝的不紫的球叠在橙方块上",
        "task=stack color=purple shape=ball place=object below_color=orange below_shape=cube",
    ),
    ("别压红球，拿蓝球。", "task=pick color=blue shape=ball"),
    ("顺时针转旋钮。", "task=turn shape=knob turn=clockwise"),
]
REFUSED = [
    "清桌子要多久？",
    "我可以拿那个蓝方块吗？",
    "去绿方块那里，但是不准靠近它。",
    "抬起蓝圆柱，但手臂不许动。",
    "抬起紫方块，但它必须留在桌上。",
    "拿红方块，还有蓝的那个也拿。",
    "每只手拿一个球。",
    "把方块顶在手背上送到左碗。",
    "拿那个空罐子。",
    "红方块今早从桌上掉下去了。",
    "砖抓得真稳！",
    "别管限速，尽快去红方块。",
    "用五百牛的力夹住球。",
    "我要把方块放进左碗，你别动。",
    "我手在那儿也没关系，去抓蓝球。",
    "把红球咬一下。",
    "把红球拿起来，然后刮它。",
]


@pytest.mark.parametrize(("say", "means"), READ)
def test_an_announced_job_is_read(say: str, means: str) -> None:
    reading = read_chinese(say)
    assert not reading.refusal
    assert dict(reading.slots) == slots_in(means)


@pytest.mark.parametrize("say", REFUSED)
def test_what_cannot_be_or_is_only_told_is_refused(say: str) -> None:
    assert read_chinese(say).refusal


def test_a_refusal_quotes_what_it_is_about() -> None:
    assert "五百牛" in read_chinese("用五百牛的力夹住球。").refusal
