"""What short Chinese texts say of things and places that cannot be told apart, or not be so."""

import re
from collections.abc import Mapping

from finevla_core.language.chinese_indirect_requests import NAMED
from finevla_core.language.pattern_tables import first_reason

_OBJECT = NAMED[1:-1]
_SHAPE = "(?:立方体|方块|积木|砖块|砖头|圆球|圆柱体?|罐子|砖|球|罐)"
_CUES = "I tell things by their colour, shape and size only."
_WHERE = "I do not know where that is: say a bowl, or on top of an object."
_TELLS_APART = (
    "(?:干净|脏|重|轻|热|冷|烫|最[高矮短轻重旧新前后左右]边?|最后一?个?|另外?一?个|前一个|后一个|上一个|"
    "第[一二三四五0-9]+个?|正确|错误|真|假|直|高|矮|短|宽|窄|薄|厚|光滑|粗糙|滚动|正?在(?:动|滚|转|滚动)|转动|移动|"
    "会动|掉下来|危险|好吃|"
    "难吃|吵|安静|浅色|深色|写着[^,.]{1,4}|中等|打开|关着|锁着|密封|同样|不同|多余|满|空|新|旧|备用|漂亮|难看|不一样)"
)
_UNTOLD = re.compile(f"{_TELLS_APART}的?(?:那一?)?[个块只]?{_SHAPE}")
_BY_STORY = re.compile(
    "看得(?:穿|透)的|(?:我|你|他|她)(?:的)?(?:儿子|女儿|妈妈?|爸爸?|老婆|老公|朋友|同事|孩子|奶奶|爷爷)?(?:刚才|刚刚|"
    f"昨天|最|上次)*(?:喜欢|碰过|摸过|买|用过|做|讨厌|送|带来)[^,.]{{0,2}}的(?:那?一?[个块只])?{_SHAPE}"
)
_CLEAN_ONE = re.compile("(?:拿|抓|取|夹|捡|提)(?:起来?|走)?(?:那个|最)?干净的")
_ECHO = re.compile("^(.{1,4}?)(?:[,.]?\\1){2,}[.!]*$")
_PUT_IN = re.compile("(?:放|搁|摆|丢|扔|塞|装)(?:进|入|到|在)[^,.碗]{1,6}(?:里|中|内)(?:面|去)?(?=[,.!]|$)")
_SET_DOWN = re.compile(
    f"^(?:请|把|将)*{_OBJECT}(?:给我)?放下(?:来|去)?[.!]*$|{_OBJECT}(?:往|向|朝){_OBJECT}(?:那边|那儿|那里|旁边|方向|"
    "这边)(?:挪|移|推|靠|拖)"
)
_VAGUE = re.compile("(?:什么的|那个啥|啥的)[.!]*$|(?:要不|或者|还是)(?:就)?算了[.!]*$")
_MOVED = re.compile(
    f"^(?:请|把|将|你)*{_OBJECT}(?:再|给我)?(?:往|向|朝)[左右前后里外上旁](?:边|面)?(?:挪|移|推|拖|搬|拉)(?:动|开|"
    "过去|一点|点|一下|[0-9一二两三四五六七八十几]+(?:厘米|公分|毫米|米|步|格))"
)
# Characters of which one must stand in the text, a pattern, and what to say.
_DESCRIPTIONS = tuple(
    (needles, re.compile(pattern), reason)
    for needles, pattern, reason in (
        (
            "碗",
            "(?:放|搁|摆|架|搭)(?:到|在)?[左右]边?的?碗的?(?:碗?沿|边沿|边缘|边边|外面|外壁|对面|盖子?|把手)上?",
            "I can put things into a bowl, not onto one.",
        ),
        (("影子", "照片", "图片", "画像", "味道", "名字", "主人", "盒子", "盖子", "标签", "碎片", "孩子", "气味", "手",
          "柄", "尾巴", "耳朵"), f"{_OBJECT}的(?:影子|照片|图片|画像|味道|名字|主人|盒子|盖子|标签|碎片|孩子|气味|"
            "把手|提手|把柄|尾巴|"
            f"耳朵)(?!上|旁|边)", "I know no such thing."),
        ("半", "(?<![到走了在])一半(?:放|叠|装)(?:进|入|在|到)|(?:放|装)(?:进去)?一半|放半截",
         "I can put things wholly into a bowl or onto "
            "another object."),
        (
            "碗",
            "(?:离|靠)[^,.左右]{1,4}(?:最|更|比较)?(?:近|远)的?(?:那[个只])?碗|有[^,.左右有]{1,4}的?那[个只]碗",
            "There is a left and a right bowl: say which.",
        ),
        (
            "并而",
            "(?:放|叠|拿|提|抬|抓|夹)[^,.]*(?:并且?|而且)(?:要|让它|把它)?(?:留|待|呆|躺)在?(?:桌|原地|原处)",
            "You contradict yourself: you want it moved and left where it is.",
        ),
        ("就", "左(?:边|手|臂|侧)?[,]?也就是(?:说)?右|右(?:边|手|臂|侧)?[,]?也就是(?:说)?左", "You say both left "
            "and right: say one."),
        ("桌里", "(?:从桌(?:子|面)?(?:的)?(?:里面?|内部|肚子里)|从里(?:头|面|边))(?=[把拿抓夹取提够])",
        "I cannot come from there."),
        ("桌", "(?:拿|搬|移|挪|放)到桌(?:子|面)?(?:的)?(?:前|后|左|右|对)(?:面|边|方)(?:来|去)?(?=[,.!]|$)", _WHERE),
        (
            ("但", "可是", "却", "不过", "可不", "可别"),
            f"(?:叠|放|摞|搁)(?:到|在)({_OBJECT})(?:的)?上面?[,.](?:但是?|可是?|却|不过)[^,.]{{0,3}}(?:不要|别|不能|"
            "不准|不许|不可以?)(?:叠|放|摞|搁)?(?:在|到)?\\1(?:的)?上",
            "You contradict yourself: you want it there, and not there.",
        ),
    )
)  # fmt: skip
_BUT_STACKED = re.compile(
    f"(?:但是?|不过|可是?|只是)[^,.]*{_SHAPE}[^,.]*(?:放|叠|摞|搁)(?:到|在)?[^,.碗]*{_SHAPE}(?:的)?上"
)


def untold(text: str, slots: Mapping[str, str]) -> str:
    """Say what a text tells of its things that is beyond the robot, or against itself.

    Args:
        text: a short text that `chinese_normalization.plain` made.
        slots: what was read of it.

    Returns:
        One sentence for the operator; "" where there is none.
    """
    if _ECHO.match(text):
        return "Say what I shall do with which object."
    if reason := first_reason(text, _DESCRIPTIONS):
        return reason
    task = slots.get("task")
    if task == "reach" and _VAGUE.search(text):
        return "Say one thing to do."
    if task == "reach" and (_SET_DOWN.search(text) or _PUT_IN.search(text) or _MOVED.search(text)):
        return _WHERE
    if task == "clean":
        if _CLEAN_ONE.search(text):
            return _CUES
        return "One thing at a time: say only the first job." if _BUT_STACKED.search(text) else ""
    return (
        _CUES
        if "color" not in slots and slots.get("shape") != "knob" and (_UNTOLD.search(text) or _BY_STORY.search(text))
        else ""
    )
