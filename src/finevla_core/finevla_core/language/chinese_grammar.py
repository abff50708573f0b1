"""Groups Chinese words to phrases: arms, bowls, things with their colour, shape and size; the rest stays word by word.

A rule is a regular expression over kinds of words ("SIDE OF? WHICH* ARM"); `compile_rule` makes one of such a text.
"""

import re
from dataclasses import dataclass, field, replace
from functools import cache

from finevla_core.language.chinese_refused_words import DEEDS, HEADS
from finevla_core.language.chinese_tokens import ChineseToken
from finevla_core.language.chinese_word_kinds import Kind

_LETTERS = {kind: chr(0x4E00 + place) for place, kind in enumerate(Kind)}
PLACES = (
    Kind.LEFT,
    Kind.RIGHT,
    Kind.TOP,
    Kind.UNDER,
    Kind.FRONT,
    Kind.BACK,
    Kind.FAR,
    Kind.NEAR,
    Kind.BESIDE,
    Kind.BETWEEN,
    Kind.CENTER,
    Kind.INSIDE,
    Kind.HERE,
)  # beside, above ...: words that make a place of a thing
_CLASSES = {
    "SIDE": (Kind.LEFT, Kind.RIGHT),
    "FACE": (Kind.LEFT, Kind.RIGHT, Kind.TOP, Kind.UNDER, Kind.FRONT, Kind.BACK, Kind.FAR, Kind.NEAR, Kind.BESIDE),
    "PLACE": PLACES,
    "GOAL": (Kind.TO, Kind.AT),
    "MARK": (Kind.CLAUSE, Kind.SENTENCE, Kind.COLON, Kind.ASK),
    "ACT": (
        Kind.GRASP,
        Kind.LIFT,
        Kind.PUT,
        Kind.STACK,
        Kind.MOVE,
        Kind.TURN,
        Kind.CLEAN,
        Kind.CLOSE,
        Kind.OPEN,
        Kind.DOWN,
        Kind.OVER,
        Kind.ROUND,
    ),
    "QUALITY": (Kind.COLOR, Kind.SIZE),
    "COUNT": (Kind.WHICH, Kind.MANY),
}
_NAME = re.compile("[A-Z_]+")


@cache
def compile_rule(rule: str) -> re.Pattern[str]:
    """Make a regular expression over `letters` of a rule: names of kinds and classes, and the signs of expressions."""

    def letters_of(name: re.Match[str]) -> str:
        kinds = _CLASSES.get(name.group())
        if kinds is None:
            return _LETTERS[Kind[name.group()]]
        return f"[{''.join(_LETTERS[kind] for kind in kinds)}]"

    return re.compile(_NAME.sub(letters_of, rule).replace(" ", ""))


@dataclass(slots=True)
class Phrase:
    """A phrase and what it says; clause, sentence, `is_negated` and `is_remark` are filled in by `chinese_clause_polarity`."""

    kind: Kind
    text: str
    side: str = ""  # of an arm or a bowl: left, right, other, both or ""
    qualities: dict[str, str] = field(default_factory=dict)  # of a thing: color, shape, size
    value: str = ""
    is_many: bool = False
    is_twice: bool = False  # two colours or two sizes at once
    is_negated: bool = False
    is_remark: bool = False
    clause: int = 0
    sentence: int = 0
    tail: str = ""  # the small words directly behind it, which no rule sees


_OBJECT = (
    "COUNT+ SHAPE QUALITY OF (?! SHAPE ) | "
    "COUNT* QUALITY (?: (?:OF | COUNT)* QUALITY )* (?:OF | COUNT)* (?: SHAPE+ | THING )?"
    " | COUNT* SHAPE+ (?= OF? SIZE OF) OF? SIZE OF | COUNT* SHAPE+"
)
_RULES: tuple[tuple[Kind, str], ...] = (
    (Kind.ARM, "ARM SIDE ARM"),
    (Kind.ARM, "ARM SELECT SIDE (?= MARK )"),
    (Kind.ARM, "ARM (?: COLON | BE ) SIDE (?= MARK | $ )"),
    (Kind.ARM, "(?: SIDE | OTHER | SIDEWAYS | BETWEEN | FAR ) OF? COUNT* SIZE? OF? ARM+"),
    (Kind.BOWL, "(?: (?<=BOWL USE) | (?<=BOWL BUT USE) ) (?: SIDE | OTHER ) OF? COUNT*"),
    (Kind.ARM, "(?<=USE) (?: SIDE | OTHER ) OF? COUNT+ (?! OF? QUALITY | SHAPE | BOWL)"),
    (Kind.ARM, "(?<=USE) OTHER (?! OF? (?: COUNT | QUALITY | SHAPE | BOWL | ARM | THING ))"),
    (Kind.ARM, "SIDE OF? COUNT+ (?= DO | TOUCH )"),
    (Kind.ARM, "(?<= OF ) ARM AT SIDE (?= MARK )"),
    (Kind.ARM, "COUNT* ARM+"),
    (Kind.BOWL, "(?: SIDE | OTHER | SIDEWAYS ) OF? ALL? COUNT* SIZE? OF? BOWL"),
    (Kind.BOWL, "BOWL COLON SIDE (?= MARK | $ )"),
    (Kind.BOWL, "BOWL CLAUSE SIDE OF (?= CLAUSE | $ )"),
    (Kind.BOWL, "SIDE EXIST? COUNT* BOWL"),
    (Kind.BOWL, "COUNT* (?: COLOR OF? )? BOWL"),
    (Kind.POST, "COUNT* (?: QUALITY OF? )* POST+"),
    (Kind.OBJECT, _OBJECT),
    (Kind.OTHER, "OTHER COUNT*"),
    (Kind.IT, "COUNT* IT"),
)


# What a phrase of several words can begin with.
_FIRST = frozenset(
    _LETTERS[kind]
    for kind in (
        *(Kind.ARM, Kind.LEFT, Kind.RIGHT, Kind.OTHER, Kind.SIDEWAYS, Kind.BETWEEN, Kind.FAR, Kind.WHICH, Kind.MANY),
        *(Kind.BOWL, Kind.COLOR, Kind.SIZE, Kind.SHAPE, Kind.POST, Kind.IT),
    )
)


@cache
def _all_rules() -> re.Pattern[str]:
    """All rules as one expression whose groups are numbered as they are; the first one that matches counts."""
    return re.compile("|".join(f"(?P<r{n}>{compile_rule(rule).pattern})" for n, (_, rule) in enumerate(_RULES)))


_DEGREES = frozenset(
    """
    有点 有点儿 很 太 真 更 非常 十分 特别 比较 最 挺 相当 稍微 略 有些 极其 极为 格外 够 这么 那么 好
    """.split()  # noqa: SIM905
)


def letters(phrases: list[Phrase]) -> str:
    """The kinds of phrases as text, one letter each, for rules."""
    return "".join(_LETTERS[phrase.kind] for phrase in phrases)


def phrases_of(tokens: list[ChineseToken]) -> list[Phrase]:
    """Group the words to phrases; fillers become tails, what is left over of determiners is dropped."""
    words: list[ChineseToken] = []
    tails: dict[int, str] = {}  # by the number of words up to where the fillers stand
    for token in _with_deeds(_with_heads(_without_past(tokens))):
        if token.kind is not Kind.FILLER:
            words.append(token)
        else:
            tails[len(words)] = tails.get(len(words), "") + token.text
    for place, word in enumerate(words[:-2]):
        if word.text != "拿":
            continue
        rest = [other.kind for other in words[place + 1 : place + 4]]
        following = set(rest if rest[1] is Kind.OF and rest[-1] is Kind.ARM else rest[:2]) - {Kind.OF}
        if Kind.ARM in following and following <= {Kind.ARM, Kind.LEFT, Kind.RIGHT}:
            words[place] = replace(word, kind=Kind.USE)  # "take the left hand to ..."
    text = "".join(_LETTERS[word.kind] for word in words)
    rules = _all_rules()
    phrases: list[Phrase] = []
    at = 0
    while at < len(words):
        if text[at] in _FIRST and (match := rules.match(text, at)):
            kind = _RULES[int((match.lastgroup or "r0")[1:])][0]
            phrases.append(_phrase(kind, words[at : match.end()]))
            at = match.end()
        else:
            word = words[at]
            if word.kind not in (Kind.WHICH, Kind.SIZE):
                phrases.append(Phrase(word.kind, word.text, value=word.value))
            at += 1
        if at in tails and phrases:
            phrases[-1].tail += tails[at]
    return phrases


_DEEDS, _HEADS = frozenset(DEEDS.split()), frozenset(HEADS.split())
_DOINGS = frozenset(
    (
        *(kind for name in ("ACT", "GOAL") for kind in _CLASSES[name]),
        *(Kind.WAIT, Kind.SELECT, Kind.CLOCKWISE, Kind.COUNTERCLOCKWISE, Kind.SIDEWAYS, Kind.LENGTHWAYS, Kind.TOUCH),
        *(Kind.COLON, Kind.ACTION, Kind.CORRECTION, Kind.NOT),
    )
)


def _with_heads(tokens: list[ChineseToken]) -> list[ChineseToken]:
    """Take words for unknown that name a thing behind a colour, a size or "take" ("the red sticker")."""
    return [
        replace(token, kind=Kind.UNKNOWN) if token.text in _HEADS and _is_noun_due(tokens, place) else token
        for place, token in enumerate(tokens)
    ]


def _is_noun_due(tokens: list[ChineseToken], place: int) -> bool:
    last = place - 2 if place > 1 and tokens[place - 1].kind is Kind.OF else place - 1
    is_taken = (
        place > 0
        and tokens[place - 1].kind is Kind.TAKE
        and tokens[min(place + 1, len(tokens) - 1)].kind is not Kind.BE
    )
    return is_taken or (last >= 0 and tokens[last].kind in (Kind.COLOR, Kind.SIZE))


def _with_deeds(tokens: list[ChineseToken]) -> list[ChineseToken]:
    """Take words for unknown that name a deed of which things are the object, where no verb of the world does."""
    if any(token.kind in _DOINGS for token in tokens):
        return tokens
    checked = list(tokens)
    deed: int | None = None
    for place, token in enumerate(tokens):
        if token.text in _DEEDS:
            deed = place
        elif token.kind in (Kind.COLOR, Kind.SHAPE, Kind.SIZE) and deed is not None:
            checked[deed] = replace(tokens[deed], kind=Kind.UNKNOWN)
        elif token.kind not in (Kind.FILLER, Kind.WHICH, Kind.OF, Kind.LEFT, Kind.RIGHT):
            deed = None
    return checked


_OVER = ("了", "过", "完", "死", "之前", "以前", "的时候", "之后", "以后", "着", "好了", "的", "得", "弯")


def _without_past(tokens: list[ChineseToken]) -> list[ChineseToken]:
    """Take actions that are over ("have eaten", "is glued") for remarks."""
    checked = list(tokens)
    taken = -1  # the last "take" of the clause
    for place, token in enumerate(tokens):
        if token.kind is Kind.TAKE:
            taken = place
        elif token.kind is Kind.CLAUSE or token.kind is Kind.SENTENCE:
            taken = -1
        elif token.kind is Kind.ACTION:
            following = tokens[place + 1].text if place + 1 < len(tokens) else ""
            is_over = following.startswith(_OVER) and taken < 0
            if (
                is_over
                or (place > 0 and tokens[place - 1].text in _DEGREES)
                or (taken < 0 and _is_habit(tokens, place))
            ):
                checked[place] = replace(token, kind=Kind.REMARK)
    return checked


_HABITS = frozenset("容易 爱 会 老 总 老是 总是 怕 快要 该".split())  # noqa: SIM905


def _is_habit(tokens: list[ChineseToken], place: int) -> bool:
    """Whether an action is what a thing is apt to do or in need of ("rolls easily"), before a clause that says more."""
    said = tokens[place - 1].text if place else ""
    is_due = said == "要" and place > 1 and (tokens[place - 2].kind is Kind.SHAPE or tokens[place - 2].text == "了")
    return (said in _HABITS or is_due) and any(token.kind is Kind.CLAUSE for token in tokens[place:])


def _phrase(kind: Kind, words: list[ChineseToken]) -> Phrase:
    text = "".join(word.text for word in words)
    kinds = {word.kind for word in words}
    phrase = Phrase(kind, text, is_many=Kind.MANY in kinds)
    if kind in (Kind.ARM, Kind.BOWL):
        sides = {
            Kind.LEFT: "left",
            Kind.RIGHT: "right",
            Kind.OTHER: "other",
            Kind.FAR: "other",
            Kind.MANY: "both",
            Kind.SIDEWAYS: "both",
            Kind.BETWEEN: "middle",
        }
        side = next((sides[word.kind] for word in words if word.kind in sides), "")
        phrase.side, phrase.is_twice = side, Kind.COLOR in kinds
        return phrase
    if kind is Kind.POST and Kind.COLOR in kinds and words[-1].text in ("柱子", "柱"):
        kind = Kind.OBJECT
        words = [*words[:-1], ChineseToken(Kind.SHAPE, "cylinder", words[-1].text)]
    if kind is Kind.OBJECT:
        return _object(phrase, words)
    phrase.kind = kind
    return phrase


_BLOCKS = frozenset("积木 木块 积木块 块 块儿 块块 block".split())  # noqa: SIM905 - what a thing of any shape may be called


def _object(phrase: Phrase, words: list[ChineseToken]) -> Phrase:
    slots = {Kind.COLOR: "color", Kind.SIZE: "size", Kind.SHAPE: "shape"}
    qualities: dict[str, str] = {}
    is_twice = False
    for word in words:
        slot = slots.get(word.kind)
        is_said = slot == "shape" and word.text in _BLOCKS and slot in qualities
        if slot is not None and not is_said:
            is_twice = is_twice or (slot != "shape" and qualities.get(slot, word.value) != word.value)
            qualities[slot] = word.value
    shapes = {word.value for word in words if word.kind is Kind.SHAPE and word.text not in _BLOCKS}
    is_bare_size = (
        qualities.keys() == {"size"} and len(words) == 1 and not words[0].text.endswith(("的", "号", "个", "者"))
    )
    phrase.kind = Kind.SIZE if is_bare_size else Kind.OBJECT
    phrase.qualities, phrase.is_twice = qualities, is_twice or len(shapes) > 1
    return phrase
