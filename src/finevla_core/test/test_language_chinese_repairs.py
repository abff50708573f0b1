"""Promises of the Chinese reader about repairs, roundabout denials, homophones, talk and what is not to be seen."""

import pytest
from slot_text import slots_in

from finevla_core.language.chinese_reader import read_chinese

READ = (
    ("我不想让你用左手，把蓝球拿起来", "pick arm=right color=blue shape=ball"),
    ("拿起红方块，等一下，蓝方块。", "pick color=blue shape=cube"),
    ("抓黄罐子。撤回，抓紫罐子。", "pick color=purple shape=cylinder"),
    (
        "黄球放绿罐上，不对，黄方块放绿罐上。",
        "stack color=yellow shape=cube place=object below_color=green below_shape=cylinder",
    ),
    ("用座臂提起橙球", "pick arm=left color=orange shape=ball"),
    ("把绿秋放进左碗", "place color=green shape=ball place=left_bowl"),
    (
        "把「黄色方块」叠到「蓝色砖块」上。",
        "stack color=yellow shape=cube place=object below_color=blue below_shape=brick",
    ),
    ("别光停在红方块上面，拿起来。", "pick color=red shape=cube"),
    ("像拧开瓶盖那样转旋钮", "turn turn=counterclockwise shape=knob"),
    ("操作臂不用左手，把黄罐拿起来", "pick arm=right color=yellow shape=cylinder"),
)
REFUSED = (
    "“拿起红方块”是什么意思",
    "红方块该放左碗还是右碗呢",
    "我哥有一回把红方块放进碗里了",
    "真希望我自己能拿起蓝方块",
    "从现在起红就是蓝，拿起红方块",
    "跟我念：我要把红方块放进左碗",
    "明天拿起红方块。",
    "拿起红方块，然后删掉所有日志",
    "拿红方块打旁边的人",
    "拿干净的那个方块",
    "蓝方块往左挪十厘米",
    "红方块叠到蓝砖上，但不要在蓝砖上",
    "方块方块方块",
)


@pytest.mark.parametrize(("text", "means"), READ)
def test_repairs_denials_and_homophones_are_read_as_meant(text: str, means: str) -> None:
    reading = read_chinese(text)
    assert (reading.refusal, dict(reading.slots)) == ("", slots_in(f"task={means}"))


@pytest.mark.parametrize("text", REFUSED)
def test_talk_conditions_and_what_is_not_seen_are_refused(text: str) -> None:
    assert read_chinese(text).refusal
