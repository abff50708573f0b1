"""Chinese idioms with their plain wording: "blue cube below, red one above" is to stack the one on the other."""

import re

from finevla_core.language.chinese_indirect_requests import NAMED as _NAMED
from finevla_core.language.chinese_indirect_requests import as_requested
from finevla_core.language.pattern_tables import reworded

_SHORT = 120  # characters: longer texts describe motions in steps
_BELOW, _ABOVE = (
    "(?:在|放)?(?:下面|底下|下边|下头|下层|最下面?)(?:是|放|摆|垫)?",
    "(?:在|放)?(?:上面|上边|上头|上层|最上面?|顶上)(?:是|放|摆|叠|摞)?",
)
_TABLE = "(?:把)?(?:整张|整个)?(?:桌面|桌子|台面|桌上|台子|工作台)上?"
_IN_ORDER = "(?:,(?:给我)?(?:叠|摞|码|垒|堆)(?:好|起来|上|在一起)?)?"


def _on_the_other(found: re.Match[str]) -> str:
    """ "Stack the red cube and the green cube, the red one on top"."""
    above, below = (found[1], found[2]) if found[3] in found[1] else (found[2], found[1])
    return f"把{above}叠在{below}上" if (found[4] == "上") is (found[3] in above) else f"把{below}叠在{above}上"


_IDIOMS = tuple(
    (needles, re.compile(pattern), by)
    for needles, pattern, by in (
        ("下底", f"^{_BELOW}{_NAMED},{_ABOVE}{_NAMED}{_IN_ORDER}", r"把\2叠在\1上"),
        ("下底", f"^{_ABOVE}{_NAMED},{_BELOW}{_NAMED}{_IN_ORDER}", r"把\1叠在\2上"),
        (
            "下底",
            f"^{_NAMED}(?:在|放)(?:下面|底下|下边|底层),{_NAMED}(?:在|放)(?:上面|上边|上层){_IN_ORDER}",
            r"把\2叠在\1上",
        ),
        ("盖罩", f"[用拿]{_NAMED}(?:去|来)?(?:盖住|盖上|罩住|盖到|盖在){_NAMED}(?:上面?)?", r"把\1叠在\2上"),
        (
            "叠摞码垒堆",
            f"把?{_NAMED}[和跟与]{_NAMED}(?:叠|摞|码|垒|堆)(?:起来|好|在一起|成一摞|"
            f"一下),([红绿蓝黄紫橙橘])色?的?(?:在|放)([上下])(?:面|边|头)?",
            _on_the_other,
        ),
        (
            "反",
            "[跟和与]?着?(?:时针|表针|钟表|时钟|指针)(?:走|转)?的?(?:方向|走向)(?:反着|相反地?|反过来|反向|"
            "反方向)(?:来)?",
            "逆时针",
        ),
        (
            "干空清",
            f"^(?:我(?:要|想要|希望))?{_TABLE}(?:要|得|必须|应该|给我|最好|弄|变)?(?:干干净净|空空荡荡|空空如也|"
            f"清清爽爽|空空的|空无一物|空着)(?:的)?(?=[,.]|$)",
            "清理桌面",
        ),
        (
            "留剩",
            f"{_TABLE}(?:面)?(?:一样|一件|一个|什么|任何|啥)(?:东西|物品|物件|玩意儿?)?(?:都|也)?(?:别|不要|不许|"
            f"不能|不准|不可以|甭)(?:给我)?(?:留|剩|有)(?:下|着|在上面)?",
            "清空桌面",
        ),
        ("有见", "(?:有|见|看见|看到)(?:啥|什么|哪样)就?(?:收|拿|捡|清|装)(?:啥|什么|哪样)", "东西全收走"),
        ("哦噢喔呃额", ",(?:哦|噢|喔|呃|额|嗯)+,?(?:是)?([小大])(?:的|号)(?:那[个只块])?(?=[,.]|$)", r",不对,\1的"),
        ("后", "(?<=[碗盆里中])之?后(?=松|张|放|打开|撒|停|再|就)", ","),
        (
            "撞碰蹭刮",
            "(?:可)?(?:千万|注意|小心|当心)*(?:别|不要|不能|不许)(?:给)?(?:撞|碰|蹭|刮|挂|擦)(?:到|上|着|倒|"
            "了)*(?=[那这]?[根个]?的?[中细立]?间?的?[柱杆])(?=[^,.]*,[^.]*(?:越|绕|跨|翻|过))",
            "有",
        ),
        (
            "别不",
            "(?:别|不要|不能|不许|不准|不该)(?:再|继续)?(?:给)?(?:留|待|呆|剩|搁|躺)在?(?:桌子|桌面|台面|桌|那儿|"
            "外面)上?(?:面)?了?,(?=[^.]{0,6}[放收装丢扔送进搁叠摞归])",
            ",",
        ),
        (
            "上顶",
            "(?<=[柱杆])([^.]{0,16})[从打](?:它|其)?的?(?:上面|上方|上头|顶上|顶部)(?:过去?|走过去?|通过|经过|"
            "翻过去?|飞过去?)(?=,?(?:把|将)?[^,.]{0,8}[放送进到搁扔丢运])",
            r"\1越过柱子",
        ),
        (
            "所全一",
            "^(?:请)?(?:桌上)?(?:的)?(?:所有|全部|一切)的?(?:东西|物品|物件|物体)?,(?:放|进|"
            "去)?([左右])[边侧手]*的?碗里?(?=[.,]|$)",
            r"所有东西放进\1碗",
        ),
        (
            "叠放摞搁",
            "([叠放摞搁])([到在])(方块|砖|砖块|积木|罐子|"
            "圆柱)上面?,([红绿蓝黄紫橙橘]色?的?那?[个块只]?的?\\3)(?=[,.]|$)",
            r"\1\2\4上",
        ),
        ("呸", "(?<=,)[啊哎我噢哦]*呸(?=,)", "不对"),
        ("倒", "(?:你|您)?倒是(?:快|赶紧|赶快)?(?=[把将用拿抓夹放去])", ""),
        ("翻越跨绕过", "(?:翻|越|跨|飞|绕|伸|够)不过去?了?(?=[,.])", "不行"),
        (
            "过",
            f"^{_NAMED}(?:先)?(?:不用|别|不要|甭|不必)(?:去)?(?:拿|抓|夹|碰)(?:它|"
            f"起来)?,(?:你)?(?:把)?([左右]?[边]?手|[左右]?臂|爪子|夹爪)(?:移|伸|凑|靠|挪)?过去(?:就好|就行|即可|"
            f"就可以)",
            r"\2移到\1那里就行",
        ),
    )
)


def plainly(text: str) -> str:
    """Write a short text in plainer words.

    Args:
        text: a text that `chinese_normalization.plain` made.

    Returns:
        The text with its idioms written plainly; a long text as it is.
    """
    if len(text) > _SHORT:
        return text
    return reworded(as_requested(text), _IDIOMS)
