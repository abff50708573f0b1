"""Promises of the Chinese reader about daily talk: remarks around a command, unmarked speech, deeds and places refused."""

import pytest
from slot_text import slots_in

from finevla_core.language.chinese_reader import read_chinese

# Each stands for a family of wordings: how to say it, and its task and what else it says.
READ = (
    ("给黄方块挪个窝，放到右边那碗里", "place color=yellow shape=cube place=right_bowl"),
    ("我女儿喜欢红色，把红球放到右碗给她玩", "place color=red shape=ball place=right_bowl"),
    ("右手抓橙球左手别凑热闹", "pick arm=right color=orange shape=ball"),
    ("往右转旋钮，转到听见咔哒一声为止", "turn shape=knob turn=clockwise"),
    ("眼疾手快一点，那个绿球要滚走了，按住……不是，抓住它", "pick color=green shape=ball"),
    ("右边太挤，左手从上面下去拿紫球吧", "pick arm=left approach=top color=purple shape=ball"),
    ("最后我希望看到紫球躺在右碗里", "place color=purple shape=ball place=right_bowl"),
    (
        "机器人用右手清理桌面：先夹起红球放进左碗，再夹起蓝方块放进左碗，最后把绿砖也放进左碗，桌面上空无一物。左手一直垂在身侧。",
        "clean arm=right place=left_bowl",
    ),
    (
        "把蓝方块叠到红砖上，啊不是红砖，是红方块上",
        "stack color=blue shape=cube place=object below_color=red below_shape=cube",
    ),
    ("按规程，先确认右臂空闲，再用右臂从远侧夹取紫色砖块", "pick arm=right approach=front color=purple shape=brick"),
    ("我先把杯子收走，你再用右手把蓝球放到左碗", "place arm=right color=blue shape=ball place=left_bowl"),
    ("两个碗，红方块去右边那个", "place color=red shape=cube place=right_bowl"),
    ("水开了，火关小点，旋钮逆时针转", "turn shape=knob turn=counterclockwise"),
    ("杆子碍事，从上面绕过去，把红球放左碗", "place color=red shape=ball path=over place=left_bowl"),
    ("右手不准碰那个紫方块，左手去拿", "pick arm=left color=purple shape=cube"),
    ("伸手越过红方块，到它后面去夹它", "pick approach=front color=red shape=cube"),
    (
        "视频展示了左臂整理桌面的过程：它逐一夹起桌上的方块、圆柱和球，每次都抬高到安全高度，再移到右边的碗上方松开，直至桌上没有任何物体。右臂一直停在旁边。",
        "clean arm=left place=right_bowl",
    ),
    ("右手贴着桌面从右边溜过去，夹住紫砖", "pick arm=right approach=right color=purple shape=brick"),
    ("去黄罐子那儿不要碰它就停在它上面左手去", "reach arm=left color=yellow shape=cylinder"),
    ("蓝罐子脏了要洗，先放到左碗里", "place color=blue shape=cylinder place=left_bowl"),
    ("黄球容易跑，从上面扣住它，右手", "pick arm=right approach=top color=yellow shape=ball"),
    ("打个比方，你左手现在去抓那个紫球", "pick arm=left color=purple shape=ball"),
    ("磨蹭啥呢，绿砖，左碗", "place color=green shape=brick place=left_bowl"),
    ("收音机听不清，右手帮我把旋钮往右转转", "turn arm=right shape=knob turn=clockwise"),
    (
        "这段视频里是左手在干活。它先伸到桌子中间的紫色圆柱左边，夹爪开口朝右，慢慢往右推过去，圆柱到了两指中间就夹住，往上提，提到比杆子还高的地方，从杆子上面过去，放到右边的碗里。右手一直搭在桌边没动过，红球和蓝球也没人碰。",
        "place arm=left approach=left color=purple shape=cylinder path=over place=right_bowl",
    ),
    ("你右手不是闲着嘛，拿一下那块黄砖", "pick arm=right color=yellow shape=brick"),
    ("这旋钮咋这么紧，左手使劲往右拧", "turn arm=left shape=knob turn=clockwise"),
    ("拿黄罐子的时候从后头抄过去，别从前面", "pick approach=front color=yellow shape=cylinder"),
    ("把绿方块垫在黄罐子底下", "stack color=yellow shape=cylinder place=object below_color=green below_shape=cube"),
    ("橙方块跟蓝砖，前者叠到后者上", "stack color=orange shape=cube place=object below_color=blue below_shape=brick"),
    ("高抬手过柱子，把黄方块搁左碗去", "place color=yellow shape=cube path=over place=left_bowl"),
    ("夹紫砖的两头，一头远一头近，举起来", "pick color=purple shape=brick grasp=lengthways"),
    ("左手先到蓝砖旁边等着，我说抓你再抓", "reach arm=left color=blue shape=brick"),
    ("左手把桌上的方块球罐子全捡到左碗里", "clean arm=left place=left_bowl"),
    ("把调温的那个旋钮往回拧", "turn shape=knob turn=counterclockwise"),
    ("桌子右边那个碗里，放进黄罐子", "place color=yellow shape=cylinder place=right_bowl"),
    ("左手跟前那个紫球归左碗", "place color=purple shape=ball place=left_bowl"),
    ("绿罐子在黄砖后面，右手从上面绕过黄砖去抓绿罐子", "pick arm=right color=green shape=cylinder"),
    ("别把红球放右碗，那是装方块的，放左碗", "place color=red shape=ball place=left_bowl"),
    ("左右手都行，拿一下绿球", "pick color=green shape=ball"),
    ("请把散落在桌面上的各种积木收纳到左侧碗中", "clean place=left_bowl"),
    ("外婆来了，给她表演一下，右手抓起那个大黄球", "pick arm=right color=yellow shape=ball size=big"),
    ("红罐子在那儿杵着呢，左手拿一下", "pick arm=left color=red shape=cylinder"),
    ("右手手指别一前一后，改成一左一右夹蓝罐子", "pick arm=right color=blue shape=cylinder grasp=sideways"),
    ("把大绿球放碗里，右边那个", "place color=green shape=ball size=big place=right_bowl"),
    ("蓝球最好放右边那个碗，左边的留着装砖", "place color=blue shape=ball place=right_bowl"),
    ("把那个圆圆的旋钮按顺时针的方向转四分之一圈", "turn shape=knob turn=clockwise"),
    ("桌面大扫除，一个都别剩，左手来", "clean arm=left"),
    ("师傅吩咐了，左手去抓绿砖", "pick arm=left color=green shape=brick"),
    (
        "蓝色方块，用左手叠到红罐子上",
        "stack arm=left color=blue shape=cube below_color=red below_shape=cylinder place=object",
    ),
    (
        "把黄球摞在桌上的绿色砖块上，别碰倒杆子",
        "stack color=yellow shape=ball below_color=green below_shape=brick place=object",
    ),
    ("左边太挤了把紫方块放到右碗里小心别掉了", "place color=purple shape=cube place=right_bowl"),
    ("右边的碗满了把绿球放左碗里", "place color=green shape=ball place=left_bowl"),
    ("把蓝罐子放到左碗绕过柱子不要从柱子上方越过", "place color=blue shape=cylinder path=round place=left_bowl"),
    ("把红球和左碗之间的黄砖拿起来", "pick color=yellow shape=brick"),
    ("不用抓紫砖，右臂靠近就行", "reach arm=right color=purple shape=brick"),
    ("实验室九点关门，用左手把红球拿起来", "pick arm=left color=red shape=ball"),
    ("夹爪换了新的，右手抓绿砖", "pick arm=right color=green shape=brick"),
)

# What must be refused, and a word of the refusal.
REFUSED = (
    ("用左手检查一下蓝方块", "检查"),
    ("左手打开蓝方块", "open"),
    ("明天早上再把红球放左碗", "later"),
    ("等红球滚过来再抓", "wait"),
    ("如果有人来就把蓝球拿走", "decide"),
    ("绿色示波器，拿起来", "示波器"),
    ("抓红色的贴纸", "贴纸"),
    ("那个花罐放到左碗", "花"),
    ("把会响的积木拿起来", "会响的"),
    ("红方块放那边", "那边"),
    ("那个橘色圆柱放蓝方块旁边", "next to"),
    ("把橙圆柱移到左碗下面", "only into a bowl"),
    ("把紫球拿到桌子底下", "only into a bowl"),
    ("抓起红长方体，锯开", "锯开"),
    ("把黄砖系紧", "系紧"),
    ("从右碗里拿出蓝方块", "out of a bowl"),
    ("两个黄球都放左碗", "One thing"),
    ("把红球举起来再放下，重复十遍", "several times"),
    ("右手拿蓝球，别拿任何东西", "nothing touched"),
    ("红球掉地上了", "Say what"),
    ("红球呢", "questions"),
    ("把黄方块放到左碗但别松手", "not let go"),
    ("拿你最喜欢的那个球", "最喜欢"),
    ("哪只手都别用把红球拿起来", "neither"),
    ("把红球压在蓝方块下面", "next to"),
)


@pytest.mark.parametrize(("say", "told"), READ)
def test_daily_talk_means_what_it_says(say: str, told: str) -> None:
    reading = read_chinese(say)
    assert not reading.refusal
    assert dict(reading.slots) == slots_in(told)


@pytest.mark.parametrize(("say", "word"), REFUSED)
def test_a_deed_or_place_of_no_slot_is_refused_by_name(say: str, word: str) -> None:
    assert word in read_chinese(say).refusal
