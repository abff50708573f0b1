"""Chinese wordings of speech, of workshops and of regions, with the plain ones that the rest of the reader knows.

They stand in texts of every length, so each has neighbours that leave no other meaning.
"""

import re

from finevla_core.language.pattern_tables import reworded

_COLOR = "[红绿蓝黄紫橙橘]"
_SHAPE_OF = {
    **dict.fromkeys(("易拉罐", "罐子", "罐头", "圆柱", "圆筒", "罐"), "圆柱"),
    **dict.fromkeys(("圆球", "珠子", "球"), "球"),
    **dict.fromkeys(("方块", "骰子", "积木", "色子"), "方块"),
    **dict.fromkeys(("砖头", "砖块", "长条", "砖"), "砖"),
}
_SHAPES = "|".join(_SHAPE_OF)
_ENTER = "(?:进|切|插|伸|抄|探|摸|过去|下去|夹|抓|靠)"


def _by_likeness(found: re.Match[str]) -> str:
    """ "The green thing that looks like a can": "the green can"."""
    return f"{found[2] or ''}{_SHAPE_OF[found[1]]}"


def _by_both_sides(found: re.Match[str]) -> str:
    """ "Grip the knob's two sides": at its left and right, where nothing says front and back."""
    clause = re.split("[,.]", found.string[: found.start()])[-1]
    return found[0] if "前" in clause or "后" in clause else f"左右{found[1]}{found[2]}"


# Characters of which one must stand in the text, a pattern, and what it becomes.
_WORDINGS = tuple(
    (needles, re.compile(pattern), by)
    for needles, pattern, by in (
        ("巴吧", r"([拧转扭旋叠码垒摞])[巴吧]\1[巴吧]", r"\1一下"),
        (
            "像",
            f"(?:看起来|看上去|看着|长得|外形|形状|样子)?(?:有点)?像(?:个|只|块|一个|一块)?({_SHAPES})(?:一样|似)?的"
            f"({_COLOR}色?的?)?(?:那[个只块])?(?:东西|物体|物件|玩意儿?|家伙)",
            _by_likeness,
        ),
        (
            "长",
            f"(?:细长|瘦长|长长|长溜溜|长长细细)的?(?:那[条根块]的?)?({_COLOR}色?)的?(?:那[条根块个]|[条根])(?![^,.]{{0,2}}"
            "(?:罐|柱|球|方|积木|立))",
            r"\1长条",
        ),
        ("点", "(?:抓取|夹取|夹持|抓握)点(?:选|设|定|取)(?:在|为|取)", "夹"),
        (
            ("policy", "模型", "策略", "vla", "网络"),
            "(?:让|请|叫|用)(?:policy|模型|策略|vla|网络)(?:来|去)?(?:跑|推理|试|测|推)(?:一下|一遍|一次|一条|下)?[,:]?",
            "",
        ),
        (
            "转拧旋扭",
            "(?:会|能|可以|可)?(?:转转|转圈|转来转去|拧拧|扭扭|旋转|(?<=[会能以可])[转拧旋扭])的(?:那个)?(?:东西|玩意儿?|家伙)",
            "旋钮",
        ),
        ("撇利", "(?<![^,.])(?:换|用|切到|切换到|切成)?([左右])(?:撇子|利手)(?:模式)?(?:来)?(?=[,.:拿抓夹])", r"\1手"),
        ("侧", "侧[抓夹取],?(?:从)?([左右])[边侧面](?:来|进)(?=[,.]|$)", r"从\1边夹"),
        (
            "贴挨靠擦",
            f"(?:贴|挨|靠|擦)着(?:它|其)?的?([左右])[边侧面](?={_ENTER})",
            r"从\1边",
        ),
        ("两", "([夹抓捏](?:住|持)?)([^,.左右前后夹抓放]{1,8}?)的?两侧(?=[,.提拿]|$)", _by_both_sides),
        ("头", "(?<=[碗盆])头(?=[去,.]|$)", "里"),
        (
            "没",
            "(?:我)?(?:可|又|并|从来|从)?没(?:有)?(?:让|叫|要求?|请|说|喊)(?:过)?(?:你|您|它)?(?:要)?(?:去)?(?=用[左右]|拿[红绿蓝黄紫橙]|"
            "抓[红绿蓝黄紫橙]|从[上左右前后远]|放[进到在左右])",
            "不要",
        ),
        ("方", "(?<=[红绿蓝黄紫橙])方(?= ?:| ?[左右lr](?:碗|手|爪|臂|夹))", "方块"),
        ("方", "(?<=[红绿蓝黄紫橙]的)方方(?=[,.放给拿]|$)", "方块"),
    )
)


def spoken_plainly(text: str) -> str:
    """Write spoken, regional and workshop wordings plainly.

    Args:
        text: a text that `chinese_normalization.plain` made.

    Returns:
        The text with them written plainly.
    """
    return reworded(text, _WORDINGS)
