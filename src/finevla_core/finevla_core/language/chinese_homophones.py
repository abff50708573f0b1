"""Core words of the table's world that are typed with another character of the same sound, as input methods offer them."""

import re

from finevla_core.language.pattern_tables import reworded

_COLOR = "[红绿蓝黄紫橙]"
_NOUN = "(?:色|球|方块|砖|罐|圆柱|立方体|积木)"
# Each with the characters of which one must stand in the text, and a neighbour that leaves no other meaning.
_SOUNDS = tuple(
    (needles, re.compile(pattern), by)
    for needles, pattern, by in (
        ("座坐佐", "[座坐佐](?=[手臂爪碗])", "左"),
        ("做作", "(?<![操工动运])[做作](?=臂|手臂|手[拿抓夹把去来转,]|碗[里中,.])", "左"),
        ("又有友", "[又有友](?=臂|手臂|碗[里中])", "右"),
        ("壁必避闭", "(?<=[左右])[壁必避闭](?!开|免)", "臂"),
        ("壁", "(?<=[手械])壁", "臂"),
        ("晚完挽腕", "(?<=[左右])[晚完挽](?=$|[里中,.上])|(?<=[左右]边的)[晚挽](?=$|[里中,.])", "碗"),
        ("秋求", f"(?<={_COLOR})[秋求]|(?<={_COLOR}色)[秋求]|(?<={_COLOR}色的)[秋求](?=$|[,.拿放叠夹抓])", "球"),
        (
            "专转",
            f"(?<={_COLOR})[专转](?=块|头|上|下|放|叠|拿|[,.]|$)|(?<={_COLOR}色)[专转](?=块|头|上|放|叠|拿|[,.]|$)",
            "砖",
        ),
        (
            "灌贯惯冠",
            f"(?<={_COLOR})[灌贯惯](?=子|头|[,.放叠拿]|$)|(?<={_COLOR}色)[灌贯惯](?=子|头|[,.放叠拿]|$)",
            "罐",
        ),
        ("兰拦", f"[兰拦](?={_NOUN}|的[,.方球砖罐圆])", "蓝"),
        ("宏虹洪", f"(?<!彩)[宏虹洪](?={_NOUN})", "红"),
        ("率律录氯", f"[率律录氯](?={_NOUN})", "绿"),
        ("皇煌璜", f"[皇煌璜](?={_NOUN})", "黄"),
        ("成城程呈澄", "(?<![变涂刷染换改做弄])[成城程呈澄](?=色的?(?:球|方|砖|罐|圆|立))", "橙"),
        ("子字自", "[子字自](?=色的?(?:球|方|砖|罐|圆|立))", "紫"),
        ("筷快", f"(?<=方)[筷快](?=[放叠拿抓夹,.上]|$)|(?<={_COLOR}砖)[筷快](?=[放叠拿抓夹,.上]|$)", "块"),
        ("住注", "(?<=圆)[住注]|(?<=立)[住注](?=[上旁,.]|$)", "柱"),
        ("扭牛纽", "(?<=旋)[扭牛纽](?!转)", "钮"),
        ("悬选玄", "[悬选玄](?=钮)", "旋"),
        ("再道", "(?<=[放叠摞移搁])[再](?=[左右红绿蓝黄紫橙那])", "在"),
        ("道", "(?<=[放叠摞移搁])道(?=[左右红绿蓝黄紫橙那])", "到"),
        ("加价佳", "[加价佳](?=爪|起来|住[红绿蓝黄紫橙那]|起[红绿蓝黄紫橙那])", "夹"),
        ("其", "(?<=[抓夹举拿捡提])其(?=[红绿蓝黄紫橙那来])", "起"),
    )
)


def by_sound(text: str) -> str:
    """Write the characters that are meant.

    Args:
        text: a text that `chinese_normalization.plain` made.

    Returns:
        The text with the core words spelled out.
    """
    return reworded(text, _SOUNDS)
