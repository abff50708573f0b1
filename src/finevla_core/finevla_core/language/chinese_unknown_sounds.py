"""Words of the table's world with a wrong character in them, found by the sound where a text has unknown characters.

Only text around an unknown character is looked at, and a word counts only if at least one of its characters is right: what
can be read as it is written is never changed.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product

from finevla_core.language.chinese_syllables import SYLLABLES
from finevla_core.language.chinese_tokens import ChineseToken
from finevla_core.language.chinese_word_kinds import Kind

MAX_CHARACTERS = 120  # in longer texts unknown words are normal
_WORDS = """
    左手 右手 左臂 右臂 左爪 右爪 左边 右边 左侧 右侧 左碗 右碗 夹爪 手臂 机械臂 旋钮 立柱 柱子 杆子 桌子 桌面 台面 上方
    上面 远侧 对面 旁边 左右 前后 两侧 手指 顺时针 逆时针 东西 所有 全部 拿起 抓起 夹起 提起 抬起 举起 拎起 夹住 抓住 拿住
    捏住 放到 放进 放入 放在 放下 放回 叠在 叠到 叠放 摞在 摞到 移到 移动 伸到 停在 停住 停留 靠近 接近 松开 张开 合拢 闭合
    绕过 绕开 绕着 越过 跨过 翻过 转动 拧动 旋转 清理 收拾 整理 清空 垂直 竖直 悬停 搬到 送到 送进 送入 抓取 夹取
"""
_COLORS = "红绿蓝黄紫橙"
_NOUNS = "色球砖罐方圆积立长"  # behind a colour these are right, and only the colour may be wrong
_COMPLEMENTS = "起住"  # a verb with one of these is meant only where a thing stands before or behind it
_GOALS = ("左", "右", "碗", "")  # what stands behind "into": there a word from outside is a slip of the keys, too
_BEHIND = frozenset("红绿蓝黄紫橙橘那这个大小来它左右,.")


def with_known_sounds(text: str, tokens: Sequence[ChineseToken]) -> str:
    """Write words with a wrong character rightly, where the text has unknown characters.

    Args:
        text: a text that `chinese_normalization.plain` made, without spaces between Chinese characters.
        tokens: its words, in order; together they are the text.

    Returns:
        The text, changed only around unknown characters; a long text as it is.
    """
    if len(text) > MAX_CHARACTERS:
        return text
    at = 0
    for token in tokens:
        end = at + len(token.text)
        is_stray = token.kind is Kind.OUTSIDE and end == at + 1 and text[end : end + 1] in _GOALS
        if (token.kind is Kind.UNKNOWN and not token.text.isascii()) or is_stray:
            text = _spelled(text, at, end)
        at = end
    return text


def _spelled(text: str, start: int, end: int) -> str:
    """Write the words rightly that have one of the characters from `start` to `end`; the length stays."""
    for at in range(start, min(end, len(text) - 1)):
        color = next((c for c in _COLORS if _sounds()[c][0] in _sounds().get(text[at], ())), "")
        if color and text[at + 1] in _NOUNS:
            text = text[:at] + color + text[at + 1 :]
    for first in range(max(0, start - 2), end):
        for last in (first + 3, first + 2):
            if last <= start or last > len(text):
                continue
            said = text[first:last]
            for word in _sounding(said):
                if _is_meant(word, text, last):
                    text = text[:first] + word + text[last:]
                    break
    return text


def _sounding(said: str) -> Iterator[str]:
    """The words that sound like some characters and share one with them."""
    for sounds in product(*(_sounds().get(letter, ()) for letter in said)):
        word = _words().get(sounds)
        if word is not None and word != said and any(a == b for a, b in zip(word, said, strict=True)):
            yield word


def _is_meant(word: str, text: str, last: int) -> bool:
    return word[-1] not in _COMPLEMENTS or last == len(text) or text[last] in _BEHIND


@cache
def _sounds() -> dict[str, tuple[str, ...]]:
    """The syllables of each character."""
    sounds: dict[str, tuple[str, ...]] = {}
    for line in SYLLABLES.split("\n"):
        syllable, _, letters = line.strip().partition(" ")
        for letter in letters:
            sounds[letter] = (*sounds.get(letter, ()), syllable)
    return sounds


@cache
def _words() -> dict[tuple[str, ...], str]:
    """The words by their syllables."""
    return {
        sounds: word for word in _WORDS.split() for sounds in product(*(_sounds().get(letter, ()) for letter in word))
    }
