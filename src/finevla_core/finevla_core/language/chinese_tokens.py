"""Splits Chinese text into words of the vocabulary; characters that are left over are unknown words.

Of all ways to split a text the one with the fewest unknown characters is taken, and of these the one with the fewest words.
"""

import re
from dataclasses import dataclass
from functools import cache

from finevla_core.language import chinese_outside as outside
from finevla_core.language.chinese_fillers import FILLERS
from finevla_core.language.chinese_kinds import Kind
from finevla_core.language.chinese_values import VALUES
from finevla_core.language.chinese_verbs import VERBS
from finevla_core.language.chinese_words import WORDS

UNKNOWN_COST = 6  # words of one character that an unknown character may be avoided with
_MARKS = {",": Kind.CLAUSE, ".": Kind.SENTENCE, ":": Kind.COLON, "/": Kind.LIST, "?": Kind.ASK}
_SPACES = re.compile(r"\s+(?=[^a-z0-9])|(?<=[^a-z0-9])\s+")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_SELF = (
    "(?:我们|我|你|您|机器人|我们|咱们|咱|你们|自己|机身|身体|机体|本体|机器|它自己|底座|操作台)?(?:自己|本身|这边)?"
)
_FACE = "(?:的)?(?:那|这)?(?:一)?(?:侧|面|边|端|头|方)"
_ALWAYS = "(?:全程|始终|一直|从头到尾|自始至终|永远|千万|绝对)(?:都|也)?(?:要|得|必须)?"
# Words that no list can hold.
_PATTERNS = (
    (
        Kind.FAR,
        re.compile(
            rf"(?:远离|背离|背对){_SELF}{_FACE}|离{_SELF}(?:最|更|较|比较|很)?远{_FACE}|(?:最|更|较|比较)?远的?(?:那|这)?一?[侧面边端头]"
        ),
    ),
    (
        Kind.NEAR,
        re.compile(
            rf"(?:靠近|靠着|对着|面对|冲着|靠|挨着|临近|朝着|面向|朝|贴近){_SELF}(?<=[我你您人己身体本器们咱台座边]){_FACE}|离{_SELF}(?:最|更|较|比较|很)?近{_FACE}|(?:(?:最|更|较)近的?|近的)(?:那|这)?一?[侧面边]"
        ),
    ),
    (
        Kind.FILLER,
        re.compile(
            r"第?[0-9]+(?:\.[0-9]+)?%?(?:(?:厘米|毫米|米|度|秒|牛|克|圈|cm|mm)(?:左右|上下|以上|以下|以内)?)?|(?:第)?[零〇一二两三四五六七八九十百]+(?:点[零一二三四五六七八九]+)?(?:多|来|几)?(?:个)?(?:厘米|毫米|米|度|秒钟|秒|分钟|牛|公斤|克|圈|倍|步|段|遍|次|下)(?:左右|上下|以上|以下|以内)?|百分之[一二三四五六七八九十百]+"
        ),
    ),
    (
        Kind.FAR,
        re.compile(
            "(?:机器人|相机|我们|我|你|您|咱们)?看不[到见着]的?[那这]?一?[侧面边头]|背[着对](?:机器人|我们|我|你)的?[那这]?一?[侧面边头]"
        ),
    ),
    (Kind.FROM_FAR, re.compile("打?[从自由]远(?:处|端|侧)?[往向到至而及朝]近(?:处|端|侧)?|由远及近")),
    (
        Kind.FROM_TOP,
        re.compile(
            "打?[从自由](?:天上|天空|空中|半空中?|高空|高处|头顶上?方?|顶上)(?:直接|垂直)?(?:下来|下去|往下|向下|落下|降下|扎下)?"
        ),
    ),
    (
        Kind.DOWN,
        re.compile(
            "(?:竖直|垂直|笔直|直直|直线|径直|竖着|直着)(?:地|着)?(?:[往向朝])?下"
            "(?:扎|落|降|探|插|去|压|移|放|沉|伸|来|行|走)(?:到|至|向|去|下去)?"
        ),
    ),
    (
        Kind.OTHER,
        re.compile(
            "(?:换|剩下|余下|剩余|剩|空着|空出来|空闲|闲着|没坏|没事|没受伤|能用|可用|好使|能动|还能动|完好|正常|好)的?(?:另外?)?"
            "[那这]?一?[只条个边](?=(?:机械)?[手臂爪胳夹碗盆盘去来拿夹抓取,.])"
        ),
    ),
    (Kind.SHAPE, re.compile("(?:(?<=[红绿蓝黄紫橙橘])|(?<=色))方(?=[,.放置入到至于落叠摞码送夹抓取拿提起])"), "cube"),
    (Kind.MOVE, re.compile("(?<![伸放装送左右上前顶])[进入](?=去?[,.夹抓取])")),
    (Kind.CLEAN, re.compile("(?:(?<=桌子)|(?<=桌面)|(?<=台面)|(?<=桌上))收(?=一?收?[一下了掉好,.])")),
    (Kind.KEEP_OPEN, re.compile(f"{_ALWAYS}(?:保持|是|处于)*(?:张开|打开|张着|开着|松开|敞开)")),
    (
        Kind.KEEP_HELD,
        re.compile(
            f"{_ALWAYS}(?:保持|是|处于)*(?:夹在手[上里]|抓在手[上里]|拿在手[上里]|夹着|抓着|拿着|握着|闭着|闭合|合着)"
            f"|{_ALWAYS}(?:别|不要|不许|不准|不能|不得|不)再?(?:张开|松开|松手|放手|放开|打开|放下|撒手)"
        ),
    ),
    (
        Kind.ACTION,
        re.compile(
            "(?:关节|速度|力矩|力|安全|碰撞|限位|软限位|急停|保护)(?:限速|限制|检测|保护|限位|上限|系统|功能|检查|停止|阈值)*都?"
            "(?:取消|关掉|关闭|关了|解除|去掉|屏蔽|跳过|禁用)"
            "|(?:取消|关掉|关闭|解除|去掉|屏蔽|跳过|禁用|无视|忽略)(?:所有|一切|掉)*的?"
            "(?:关节|速度|力矩|安全|碰撞|限位|软限位|限速|保护|检查|急停)"
            "|(?:忽略|无视|忘掉|忘记|忘了|跳过|不要管|不管|别管|抛开|推翻)(?:你|掉|之前|先前|前面|上面|以上|所有|一切|系统|全部|任何)*的?"
            "(?:所有|一切)?的?(?:规则|指令|限制|设定|提示|约束|规定|安全)"
        ),
        "change my rules",
    ),
    (Kind.FILLER, re.compile("(?:大概|可能|大约|也就|差不多)(?=[0-9零一二两三四五六七八九十几半])")),
    (Kind.FILLER, re.compile("(?:画面|视频|镜头|录像|演示|片段|图)(?:当)?[中里](?=[左右机夹手一那这两双，,另它他])")),
    (Kind.FILLER, re.compile("[一这那]?[个只块颗条]?[大小]的?[一那][个只块颗条][大小](?:的)?")),
    (
        Kind.WAIT,
        re.compile("(?:等着|等到|等|待)(?:我们?|咱们?|[他她]|操作员|上位机|系统|工程师|师傅|老师)(?:这边|那边)?"),
    ),
    (Kind.KEEP_OPEN, re.compile("(?:闭着|合着|闭合着|合拢着)(?=(?:就|直接|一路)?(?:去|过去|伸|抓|夹|拿))")),
    (
        Kind.PUT,
        re.compile("[整弄搞拨划搂怼杵撂搁塞归](?:到|进|去|回|入)?(?=(?:左|右)(?:手)?[边侧面]?(?:的|那|个|只)*[碗盆])"),
    ),
    (
        Kind.CORRECTION,
        re.compile(
            "(?:哎|唉|啊|哦|呀|妈|呦|哟|我|又|刚才|刚|不好意思|呃)*(?<![别要得免心会])(?:嘴|说|讲|念|写|打|喊|看|记|想|弄|搞|指|认|报)"
            "(?:得|的)?(?:秃噜嘴?|岔|错|反|混|串|瓢|误|劈叉)(?:了|啦|咯|喽)"
        ),
    ),
    (
        Kind.FILLER,
        re.compile(
            "(?:处于|以|从|在)?(?:其|它的)?(?:静止|休息|待机|停止)(?:位姿|姿态|姿势|状态|位置|位)(?=[^,.]{0,14}(?:开始|出发|起始|起步))"
        ),
    ),
    (Kind.MOVE, re.compile("进[到入]*(?=.{0,3}(?:手指|两指|指间|指缝|夹爪))")),
    (
        Kind.REQUEST,
        re.compile(
            "[给替帮为](?=[我咱你]?(?:爷爷|奶奶|妈|爸|姥|外公|外婆|老师|师傅|客人|孩子|宝宝|弟|妹|哥|姐|大家|同事|小朋友|客户|老板))"
        ),
    ),
    (
        Kind.FILLER,
        re.compile(
            "速度(?:要|得)?(?:逐渐|慢慢|缓缓|再)?(?:降|减|放)(?:为|到|至|得)?(?:零|低|慢|缓)?|(?:降低|减小|放低)速度|降速"
        ),
    ),
    (
        Kind.FROM_FAR,
        re.compile(
            "(?:退|收|拉|靠|移|挪)回?[向往到](?:机器人|自己|基座|本体|身体)"
            "|[朝往向]着?(?:机器人|自己|基座|本体|身体)的?(?:方向|这边|一侧|这侧|怀里)?(?:收|拉|退|拢|勾|回收|回拉|收拢|收回)"
        ),
    ),
    (
        Kind.OUTSIDE,
        re.compile("(?:放|摆|搁|送)回(?:去|原处|原位|原地|原来的(?:地方|位置)|桌上|桌面上?|桌子上?)"),
        "place",
    ),
    (Kind.CANCEL, re.compile("(?<=[,.])不(?:放|抓|拿|转|拧|夹|收|叠|搬|弄|干)了(?=[,.]*$)")),
    (Kind.FILLER, re.compile("(?<=[我们来去后再先要机])拍(?:上|个|几|两|一)*张?(?:照片|照|相)")),
    (Kind.USE, re.compile("(?<![那这一两几另哪])(?:[仅单]|只)(?:看|动|让|派|用|许|准|允许)(?=[左右])")),
    (
        Kind.FILLER,
        re.compile(
            "(?:长得)?(?:像|跟|和|如同)[^,.:/跟像针钟表左右]{1,6}?(?:一样|似的|一般|一个色儿?|一个颜色|差不多)的?"
            "(?=[那这]?[个只块条颗]?[红绿蓝黄紫橙橘圆方大小])"
        ),
    ),
    (Kind.FILLER, re.compile("得(?:发亮|发光|发紫|发黑|很|不行|要命|晃眼)|一头(?=再|过|高)")),
    (Kind.KEEP_OPEN, re.compile("(?<=用)(?:闭合|合拢|闭着|合着|并拢)的(?=夹爪|爪|手)")),
    (Kind.USE, re.compile("归(?=[它他你]|[左右][边侧]?的?(?:那只|机械)?[手臂爪胳])")),
    (Kind.LIST, re.compile("[啊呀](?=[^,.:啊呀]{1,4}[啊呀](?![,.]))")),
    (
        Kind.ACTION,
        re.compile("(?:滚|推|踢|吹|拨)[进入]+(?=(?:左|右|左边|右边|那个|这个)?的?[碗盆])"),
        "push or roll things",
    ),
    (Kind.HERE, re.compile("(?<=[从自打由])[那这]一?[面侧边头]")),
    (
        Kind.WAIT,
        re.compile(
            "(?:收到|接到|接收到)(?:新的?|下一[条个步]|进一步|后续|其他|别的|我)?的?(?:命令|指令|信号|通知|指示|口令)"
        ),
    ),
    (
        Kind.OVER,
        re.compile(
            "(?:高|比)(?:于|过|出)?(?:那根|细|立|这根|中间的)?(?:杆子|柱子|杆顶|柱顶|立柱|杆|柱)(?:还要|还|更|要)?高?"
        ),
    ),
    (
        Kind.COUNTERCLOCKWISE,
        re.compile(
            "[朝往向照按]?着?(?:逆|反|倒|背)着?(?:时钟|钟表|表针|时针|指针)的?(?:走向|走的方向|转的方向|反方向|方向)?"
        ),
    ),
    (
        Kind.CLOCKWISE,
        re.compile("[顺随跟照朝按沿]着?(?:时钟|钟表|表针|时针|指针|钟)的?(?:走向|走的方向|转的方向|方向)"),
    ),
    (
        Kind.COUNTERCLOCKWISE,
        re.compile("[朝往向跟与和同]?着?(?:时钟|钟表|表针|时针|指针)(?:走|转)?的?(?:反|逆|相反)的?(?:方向|着|向)"),
    ),
    (Kind.USE, re.compile("交[给由](?:你的?)?(?=[左右][边侧手]?的?(?:那只|那条|机械)?[手臂爪夹胳])")),
    (Kind.ACTION, re.compile("交给(?=[我他她你咱客])")),
    (Kind.FINGER, re.compile("[左右][边侧面]?一根(?=[左右])|(?<=一根)[左右][边侧面]?一根")),
    (Kind.FAR, re.compile("(?:较)?远的?(?:那|这|一)?[一]?头")),
    (Kind.NEAR, re.compile("(?:较)?近的?(?:那|这|一)?[一]?头")),
    (
        Kind.SIDEWAYS,
        re.compile(
            "左[边侧面]?一[根指]/?,?右[边侧面]?一[根指]"
            "|右[边侧面]?一[根指]/?,?左[边侧面]?一[根指]|[夹捏握扣抓](?:住|在|它)*的?左右"
        ),
    ),
    (Kind.PUT, re.compile("收(?=[左右]|碗)")),
    (Kind.REMARK, re.compile("[检操实质巡演教学店解饲]{1,2}[验作测导讲说管]?员")),
    (Kind.FROM, re.compile("打(?=[上左右后前远它旁对顶背正])")),
    (
        Kind.REMARK,
        re.compile(
            "[吃喝洗做看写拍聊睡扫擦刷忙玩](?:完|过|好|饱)[了]?(?:饭|水|手|菜|澡|碗|地|书|字|视频|作业|班|事|活)?"
        ),
    ),
    (Kind.CLOCKWISE, re.compile("[往向朝](?:一|二|两|三|四|五)点钟?(?:的?方向|那边|那头|那儿|那里)?")),
    (Kind.COUNTERCLOCKWISE, re.compile("[往向朝](?:七|八|九|十|十一)点钟?(?:的?方向|那边|那头|那儿|那里)?")),
    (Kind.FILLER, re.compile("(?:十二|六|三|九|一|两|四|五|七|八|十|十一)点(?:钟|整)?")),
    (Kind.FILLER, re.compile("数到?(?:[一二三四五六七八九十]+|[0-9]+)(?:下|声|个数)?")),
    (Kind.FILLER, re.compile("[一二三四五六七八九十]+[是、](?=[左右把从用先])")),
)


@dataclass(frozen=True)
class Token:
    """A word: its kind, its slot's word ("" if it has none; what is wrong for words from outside) and how it is written."""

    kind: Kind
    value: str
    text: str


def split(text: str) -> list[Token]:
    """Split text that `chinese_characters.plain` made; spaces between Chinese characters count nothing."""
    text = _SPACES.sub("", text.strip())
    edges = _pattern_edges(text)
    words, lengths = _vocabulary()
    inner = _inside_latin(text)
    size = len(text)
    costs = [0] * (size + 1)
    best: list[Token] = [Token(Kind.UNKNOWN, "", "")] * size
    for at in range(size - 1, -1, -1):
        cost = costs[at + 1] + UNKNOWN_COST
        if text[at] < "\u3400" or text[at] > "\u9fff":
            best[at] = _rest(text, at)
            cost = costs[at + len(best[at].text)] + UNKNOWN_COST
        if at not in inner:
            for length in lengths.get(text[at : at + 2], (1,)):
                end = at + length
                if end > size or costs[end] + 1 >= cost or end in inner:
                    continue
                if (token := words.get(text[at:end])) is not None:
                    cost, best[at] = costs[end] + 1, token
        for token in edges.get(at, ()):
            if costs[at + len(token.text)] + 1 <= cost:
                cost, best[at] = costs[at + len(token.text)] + 1, token
        costs[at] = cost
    return _joined(text, best)


def _rest(text: str, at: int) -> Token:
    """What stands there if no word of the vocabulary does: a mark, an unknown Latin word or one unknown character."""
    letter = text[at]
    if letter in _MARKS:
        return Token(_MARKS[letter], "", letter)
    if latin := _LATIN.match(text, at):
        return Token(Kind.UNKNOWN, "", latin.group())
    return Token(Kind.UNKNOWN if _HAN.match(letter) else Kind.FILLER, "", letter)


_LATIN = re.compile("[a-z]+(?:['-][a-z]+)*")
_LETTERS = re.compile("[a-z]{2,}", re.ASCII)


def _inside_latin(text: str) -> set[int]:
    """Where no word of the vocabulary can begin or end, because it is within a Latin word."""
    return {at for match in _LETTERS.finditer(text) for at in range(match.start() + 1, match.end())}


def _pattern_edges(text: str) -> dict[int, list[Token]]:
    edges: dict[int, list[Token]] = {}
    for kind, pattern, *value in _PATTERNS:
        for match in pattern.finditer(text):
            edges.setdefault(match.start(), []).append(Token(kind, "".join(value), match.group()))
    return edges


def _joined(text: str, best: list[Token]) -> list[Token]:
    """The words on the best way, unknown characters in a row as one unknown word."""
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        token = best[at] if best[at].text else _rest(text, at)
        at += len(token.text)
        if token.kind is Kind.UNKNOWN and tokens and tokens[-1].kind is Kind.UNKNOWN:
            token = Token(Kind.UNKNOWN, "", tokens.pop().text + token.text)
        tokens.append(token)
    return tokens


@cache
def _vocabulary() -> tuple[dict[str, Token], dict[str, tuple[int, ...]]]:
    """All words as tokens (the world before what is outside), and how long the words are that begin with two characters."""
    words: dict[str, Token] = {word: Token(Kind.FILLER, "", word) for word in FILLERS.split()}
    for value, text in (
        ("property", outside.PROPERTIES),
        ("object", outside.OBJECTS),
        ("place", outside.PLACES),
        ("tool", outside.TOOLS),
    ):
        words.update({word: Token(Kind.OUTSIDE, value, word) for word in text.split()})
    for value, text in outside.ACTIONS.items():
        words.update({word: Token(Kind.ACTION, value, word) for word in text.split()})
    for kind, text in (*WORDS.items(), *VERBS.items()):
        words.update({word: Token(kind, "", word) for word in text.split()})
    for kind, values in VALUES.items():
        for value, text in values.items():
            words.update({word: Token(kind, value, word) for word in text.split()})
    lengths: dict[str, set[int]] = {}
    for word in words:
        lengths.setdefault(word[:2], {1}).add(len(word))
    return words, {first: tuple(sorted(sizes)) for first, sizes in lengths.items()}
