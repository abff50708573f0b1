"""Promises of the Chinese reader by turns of speech: asides, places of things, second thoughts, speech without marks."""

import re

import pytest
from slot_text import slots_in

from finevla_core.language.chinese_normalization import plain
from finevla_core.language.chinese_reader import read_chinese
from finevla_core.language.chinese_regex_prefilter import cues_of
from finevla_core.language.chinese_tokens import all_patterns, has_cues

# A sentence, its task and what else it says; none of them is in the development set.
READ = (
    ("不是让你抓红球，是让你抓它边上那个蓝方块", "pick color=blue shape=cube"),
    (
        "蓝球后头那个黄方块，叠到蓝球前头那个橙砖上",
        "stack color=yellow shape=cube place=object below_color=orange below_shape=brick",
    ),
    (
        "桌子中央的大紫方块，叠到它左边那块绿砖上",
        "stack color=purple shape=cube size=big place=object below_color=green below_shape=brick",
    ),
    ("左边的绿球别拿，拿右边的", "pick color=green shape=ball"),
    ("桌角那块绿积木，从它右边抄过去拿起来", "pick color=green shape=cube approach=right"),
    ("左臂 取 绿球 上方进 放右碗", "place arm=left color=green shape=ball approach=top place=right_bowl"),
    (
        "动作=抓取 目标=紫圆柱 臂=左 方向=远侧 夹法=左右",
        "pick color=purple shape=cylinder arm=left approach=front grasp=sideways",
    ),
    ("我这边腾不开手，你来吧，左手把绿方块拿起来，从右侧", "pick arm=left color=green shape=cube approach=right"),
    ("天快黑了抓紧时间，把台子上的玩意儿统统丢进右碗", "clean place=right_bowl"),
    ("两指分居橙球前后，夹牢，提起", "pick color=orange shape=ball grasp=lengthways"),
    ("这一步只做预抓取：左臂停到绿罐正上方，爪子张开", "reach arm=left color=green shape=cylinder"),
    ("左碗缺个红球，你给补进去", "place color=red shape=ball place=left_bowl"),
    ("右边的碗是给紫方块留的，把它放进去", "place color=purple shape=cube place=right_bowl"),
    ("桌上只留旋钮，别的都进左碗", "clean place=left_bowl"),
    ("请机械臂（右）对红色圆柱实施抓取，自左侧进入", "pick arm=right color=red shape=cylinder approach=left"),
    ("哎我说那个绿罐罐咋还没拿起来咧，左手赶紧的", "pick color=green shape=cylinder arm=left"),
    ("侬帮我拿只蓝颜色的球好伐", "pick color=blue shape=ball"),
    ("唔該用左手攞起嗰個紅波", "pick arm=left color=red shape=ball"),
    (
        "小的摞在大的上面，都是绿方块",
        "stack color=green shape=cube size=small place=object below_color=green below_shape=cube",
    ),
    ("前后夹，错，左右夹，蓝圆柱拿起来", "pick color=blue shape=cylinder grasp=sideways"),
    ("远离你的那个紫罐，拿起来", "pick color=purple shape=cylinder"),
    ("从绿球的右侧抓它，绿球在左碗前面", "pick color=green shape=ball approach=right"),
    ("第七条：左臂，绿球，绕杆，右碗", "place arm=left color=green shape=ball path=round place=right_bowl"),
    ("抓蓝球 上方 左手 前后", "pick color=blue shape=ball approach=top arm=left grasp=lengthways"),
    ("我看左边那个碗是空的，把绿球放那儿吧", "place color=green shape=ball place=left_bowl"),
    ("绿方块放碗里，右碗那边已经满了", "place color=green shape=cube place=left_bowl"),
    ("右手负责把蓝罐放到左碗，左手负责待着", "place arm=right color=blue shape=cylinder place=left_bowl"),
    ("红球上面那个……不是，红球右边那个橙方块，抓起来", "pick color=orange shape=cube"),
    ("手别从橙球左边过来，右边也不行，从上面来抓", "pick color=orange shape=ball approach=top"),
    ("右臂……左臂吧，右臂刚保养过，拿黄球", "pick arm=left color=yellow shape=ball"),
    ("我要绿砖在黄方块上面", "stack color=green shape=brick place=object below_color=yellow below_shape=cube"),
    ("目标状态：紫球在右碗", "place color=purple shape=ball place=right_bowl"),
    ("给绿方块换个窝，换到右碗里", "place color=green shape=cube place=right_bowl"),
    ("统统拿走，一个不剩，放左碗", "clean place=left_bowl"),
    ("把旋钮以外的东西都收到碗里", "clean"),
    ("两条胳膊里用左边的，抓蓝球", "pick arm=left color=blue shape=ball"),
    ("右臂锁死别动，抓橙球", "pick arm=left color=orange shape=ball"),
    ("绕到橙砖那头再夹", "pick approach=front color=orange shape=brick"),
    ("抬高点过杆，蓝砖放左碗", "place color=blue shape=brick place=left_bowl path=over"),
    ("打杆子上头过去，黄罐放右碗", "place color=yellow shape=cylinder place=right_bowl path=over"),
    ("紧挨窗户的那个蓝球，拿起来", "pick color=blue shape=ball"),
    ("左手果断出击拿下红方块", "pick arm=left color=red shape=cube"),
    ("拿起孤零零的那块橙砖", "pick color=orange shape=brick"),
    ("打起精神来，左手拿蓝球", "pick arm=left color=blue shape=ball"),
    ("麻烦把红球拿给我看一下", "pick color=red shape=ball"),
    ("左边那个绿球放到右边的红砖上", "stack color=green shape=ball place=object below_color=red below_shape=brick"),
    ("跟红砖并排的蓝方块，拿起来", "pick color=blue shape=cube"),
    ("一前一后两个红方块，拿大的", "pick color=red shape=cube size=big"),
    ("右边伸不进去，你从上面夹橙砖", "pick approach=top color=orange shape=brick"),
    ("因为砖太长，前后夹不住，所以左右夹绿砖，拿起来", "pick color=green shape=brick grasp=sideways"),
    ("红的绿的蓝的，桌上所有的都收到右碗", "clean place=right_bowl"),
    (
        "右臂夹爪降到与橙色砖块同高，停在砖的左边五厘米处，张开，水平右移直到砖块进入指间，合拢夹住，竖直提起，移至右碗上方张开。",
        "place arm=right approach=left color=orange shape=brick place=right_bowl",
    ),
    (
        "左臂张开夹爪，沿右侧接近绿色长条，一根手指伸到它前面、另一根留在后面，合拢后提起大约十厘米，从细杆旁边绕行，运到右碗上方松开，右臂保持不动。",
        "place arm=left approach=right grasp=lengthways color=green shape=brick path=round place=right_bowl",
    ),
    (
        "橙球放在黄砖旁边。左臂从橙球的远侧绕入，手指分别贴住球的左面与右面，收拢，抬起，随后沿弧线绕开立柱，将球投入右碗。黄砖保持原位。",
        "place arm=left approach=front grasp=sideways color=orange shape=ball path=round place=right_bowl",
    ),
    (
        "右手过来，从紫球头顶上慢慢压低，指头分开在球的两边，前一根后一根，捏紧，提起来，搁到左边的碗里去。",
        "place arm=right approach=top grasp=lengthways color=purple shape=ball place=left_bowl",
    ),
    ("紫色方块左边有个罐子挡着，所以从右侧接近，夹住提起来", "pick approach=right color=purple shape=cube"),
    (
        "那个蓝积木，你把它拿起来，搁到红罐子上，我想试试会不会倒",
        "stack color=blue shape=cube place=object below_color=red below_shape=cylinder",
    ),
    ("把蓝砖拿起来，哦不用拿，到它上面停着就好", "reach color=blue shape=brick"),
    ("旋钮往左打别往右打", "turn shape=knob turn=counterclockwise"),
    (
        "橙色圆柱可别叠到红砖上叠到绿方块上",
        "stack color=orange shape=cylinder place=object below_color=green below_shape=cube",
    ),
    ("不要前后夹左右夹住紫色立方体拿起来", "pick grasp=sideways color=purple shape=cube"),
    ("天都黑了赶紧用右手把红球放到左碗吧", "place color=red shape=ball place=left_bowl arm=right"),
    (
        "把绿砖叠到红罐上，小心别碰倒别的东西，左手",
        "stack arm=left color=green shape=brick place=object below_color=red below_shape=cylinder",
    ),
    ("能请您给他拿一下绿球吗", "pick color=green shape=ball"),
    (
        "操作员要求把小号的红色方块叠到绿砖上面，左臂执行",
        "stack arm=left color=red shape=cube size=small place=object below_color=green below_shape=brick",
    ),
    ("从红砖上取下绿球放左碗", "place color=green shape=ball place=left_bowl"),
    ("蓝砖先夹起来，过杆的时候抬高，再放右碗", "place color=blue shape=brick path=over place=right_bowl"),
    ("把桌子收拾利索，碗就用右边那个", "clean place=right_bowl"),
    ("跟刚才一样，左手，红罐，右碗", "place arm=left color=red shape=cylinder place=right_bowl"),
    ("左手刚标定过，今天就由它来抓橙球", "pick arm=left color=orange shape=ball"),
    ("红砖，左手，小心别碰倒旁边的东西", "reach arm=left color=red shape=brick"),
)
REFUSED = (
    "把红方块揉一揉",
    "红球跟蓝球换个位置",
    "红方块掉个头",
    "你能看见红球吗",
    "把绿球刷干净放右碗",
    "把荔枝夹起来",
    "左手捏个兰花指",
    "把骆驼色方块放右碗",
    "把红球劈成两半",
    "把那瓶酱油放右碗",
    "用镊子夹红球",
    "在右手里掂一掂那个秤砣",
    "把抽屉里的红球放到窗台",
    "右手拿镐子把红球夹起来",
    "红球重不重",
    "红球比蓝球大",
    "把红方块叠到蓝方块上再叠到绿方块上",
    "斜着45度夹黄方块，拿起来",
)


@pytest.mark.parametrize(("say", "told"), READ)
def test_a_turn_of_speech_means_what_it_says(say: str, told: str) -> None:
    reading = read_chinese(say)
    assert not reading.refusal
    assert dict(reading.slots) == slots_in(told)


@pytest.mark.parametrize("say", REFUSED)
def test_what_is_outside_of_the_world_is_refused(say: str) -> None:
    assert read_chinese(say).refusal


@pytest.mark.parametrize(
    ("expression", "cues"),
    [
        ("红的?球", ("红", "球")),
        ("(?:左|右)手", ("左 右", "手")),
        ("[左右]+手{0,2}", ("左 右",)),
        ("(?:左|右?)手", ("手",)),
        ("旋钮的?(?:转动|拧)", ("旋钮", "转动 拧")),
        ("(?<!不)要(?=[,.])", ("要", ", .")),
        ("[^左]手", ("手",)),
        ("左|.", ()),
    ],
)
def test_an_expression_tells_what_it_cannot_match_without(
    expression: str, cues: tuple[str | tuple[str, ...], ...]
) -> None:
    assert cues_of(expression) == tuple(frozenset(cue.split()) for cue in cues)


def test_no_match_is_lost_by_looking_for_characters_first() -> None:
    for say, _ in READ:
        text = plain(say)
        for _, pattern, _, cues in all_patterns():
            is_skipped = not has_cues(text, frozenset(text), cues)
            assert not (is_skipped and re.search(pattern, text)), (pattern.pattern, text)
