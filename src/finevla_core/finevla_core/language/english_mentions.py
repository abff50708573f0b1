"""Finds what an English text speaks of: noun phrases with their colour, shape, size and side, and how they end."""

from dataclasses import dataclass, field

from finevla_core.language.english_color_words import FRUIT
from finevla_core.language.english_noun_phrase_words import (
    AFTER_COLOR,
    AMOUNTS,
    BEFORE_SIDE,
    DETERMINERS,
    FOREIGN,
    JOINS,
    KEYS,
    MODIFIERS,
    NUMBERS,
    PARTS,
    PERSONS,
    RIGHT_BEFORE,
    ROWS,
    UNSEEN,
)
from finevla_core.language.english_tokens import EnglishToken

_OPENING_WORDS = 8  # bounds the time for a text of articles
HEADS = frozenset(("shape", "thing", "arm", "bowl", "post", "table", "cup", "finger", "all"))


@dataclass(slots=True, eq=False)
class Mention:
    """A noun phrase: what it is, what it says of itself, and where in the text it stands."""

    kind: str  # object, bowl, arm, post, table, finger, all, pronoun, side, unknown
    start: int
    end: int = 0
    colors: list[str] = field(default_factory=list)
    shapes: list[str] = field(default_factory=list)
    sizes: list[str] = field(default_factory=list)
    side: str = ""
    head: str = ""
    determiner: str = ""
    unknown: list[str] = field(default_factory=list)
    is_plural: bool = False
    is_other: bool = False
    is_one: bool = False
    order: str = ""  # former, latter
    # Set while the text is read:
    prep: str = ""
    verb: str = ""
    verb_at: int = -1
    is_subject: bool = False
    is_negated: bool = False
    is_side: bool = False  # stands in a subordinate remark
    is_dead: bool = False  # replaced by a correction
    is_repair: bool = False
    is_hypothetical: bool = False
    sentence: int = 0
    clause: int = 0
    clause_is_bare: bool = False  # no verb stands in the clause
    entity: int = -1

    def words(self, tokens: list[EnglishToken]) -> list[str]:
        """Return the single words of the phrase."""
        return " ".join(t.text for t in tokens[self.start : self.end]).split()


def _is_noun_next(tokens: list[EnglishToken], i: int) -> bool:
    """Whether a word that belongs to a noun phrase stands at i."""
    return i < len(tokens) and (
        tokens[i].kind in HEADS or tokens[i].kind in ("color", "size", "side", "shapeword") or tokens[i].text == "one"
    )


def mention_at(tokens: list[EnglishToken], start: int, kind: str = "") -> Mention | None:
    """The noun phrase that begins at `start`; None where none does, or where `kind` says that the word is another here."""
    if kind == "word" and tokens[start].kind in ("shape", "side", "size"):
        return None
    m = Mention("", start)
    i = _opening(tokens, start, m)
    i = _body(tokens, i, m)
    if (
        not m.kind
        and not (m.colors or m.shapes or m.sizes or m.side or m.is_other or m.unknown)
        and not (m.is_one and m.determiner and i < len(tokens) and tokens[i].text in ("of", "among"))
    ):
        return None
    if m.head in PERSONS and m.unknown and not (m.colors or m.sizes):
        m.kind = "unknown"  # "the scanner guy"
    if not m.kind:
        _name_headless(m)
        if not m.kind:
            return None
    m.end = i
    _postmodifiers(tokens, m)
    return m


def _opening(tokens: list[EnglishToken], i: int, m: Mention) -> int:
    for _ in range(_OPENING_WORDS):
        if i >= len(tokens):
            break
        text = tokens[i].text
        if text in DETERMINERS or text in FOREIGN:
            m.determiner = m.determiner or text
        elif text in NUMBERS:
            m.is_plural = True
        else:
            break
        i += 1
    return i


def _body(tokens: list[EnglishToken], i: int, m: Mention) -> int:
    while i < len(tokens) and _takes(tokens, i, m):
        i += 1
        if m.is_one or m.order:
            break
    return i


def _takes(tokens: list[EnglishToken], i: int, m: Mention) -> bool:
    """Whether the token at i belongs to the phrase; if so, it is taken in."""
    token, has_head = tokens[i], bool(m.kind)
    kind, text = token.kind, token.text
    if has_head and not (_compounds(m, token) or _is_key(m, token)):
        return False
    if text == "can" and m.side and not m.colors and _is_modal(tokens, i):
        return False  # "the camera on the left can not see it"
    if text == "counterpart":
        m.kind, m.is_other, m.head = "arm", True, text
        return True
    if text == "same" and [t.text.split()[0] for t in tokens[i + 1 : i + 2]] == ["side"]:
        m.side = "same"
        return True
    if text == "side" and m.side == "same":
        return True
    if text in ("one", "ones"):
        return _takes_one(tokens, i, m)
    if kind in ("color", "size", "side", "shapeword"):
        return _takes_property(tokens, i, m)
    if text in ("other", "opposite"):
        m.is_other = True
    elif text in ("former", "latter"):
        m.order, m.kind = text, "object"
    elif text == "hand" and m.side and i + 1 < len(tokens) and tokens[i + 1].text in PARTS:
        return True  # "left-hand edge"
    elif kind in HEADS:
        _take_head(m, token)
    elif text in MODIFIERS or (
        text in ROWS and all(t.kind not in ("arm", "bowl", "finger") for t in tokens[i + 1 : i + 3])
    ):
        return _continues(tokens, i + 1)
    elif (m.side and kind == "word" and text in PARTS) or (m.is_other and text in PARTS):
        m.kind = "part"
    else:
        return _takes_strange(tokens, i, m)
    return True


def _is_modal(tokens: list[EnglishToken], i: int) -> bool:
    """ "The left can pick the ball", "the camera on the left can not see it"."""
    follows = tokens[i + 1] if i + 1 < len(tokens) else tokens[i]
    return follows.kind == "neg" or (follows.kind == "verb" and follows.form == "base")


def _takes_one(tokens: list[EnglishToken], i: int, m: Mention) -> bool:
    is_number = i + 1 < len(tokens) and tokens[i + 1].kind in HEADS and tokens[i + 1].kind != "thing"
    if is_number:
        return True
    m.is_one = bool(m.colors or m.sizes or m.side or m.is_other or m.shapes or m.determiner or m.unknown)
    return m.is_one


def _takes_property(tokens: list[EnglishToken], i: int, m: Mention) -> bool:
    token = tokens[i]
    m.kind = ""  # "object green cube"
    if token.kind == "color":
        m.colors.append(token.value)
        m.head = token.text
    elif token.kind == "size":
        is_amount = token.text in ("little", "great", "minute", "large", "wee") and m.determiner == "a"
        if is_amount and not _is_noun_next(tokens, i + 1):
            return False
        if i + 1 < len(tokens) and tokens[i + 1].text in AMOUNTS:
            return False
        m.sizes.append(token.value)
    elif token.kind == "side":
        after = tokens[i + 1].text if i + 1 < len(tokens) else ""
        if token.text == "right" and after in RIGHT_BEFORE and m.determiner in ("that", "this"):
            return False
        m.side = token.value
    else:
        m.shapes.append(token.value)
    return True


def _takes_strange(tokens: list[EnglishToken], i: int, m: Mention) -> bool:
    """A word that is no known property: kept by name when it stands where a property or a noun would."""
    token = tokens[i]
    if token.text in DETERMINERS:
        return False
    is_inside = bool(m.determiner or m.colors or m.sizes or m.unknown)
    after = tokens[i + 1].kind if i + 1 < len(tokens) else ""
    is_strange = token.kind == "unknown" and len(token.text) > 1
    is_strange = is_strange or (
        bool(m.colors or m.sizes) and m.determiner != "" and _may_be_noun(token)
    )  # "the red fuse"
    is_strange = is_strange or (
        token.kind == "word"
        and after in ("shape", "bowl", "arm", "color", "thing")
        and tokens[i + 1].text != "can"
        and token.text not in JOINS
    )
    is_strange = is_strange or (
        bool(m.colors)
        and token.kind == "verb"
        and token.form == "base"
        and (after in ("break", "prep", "", "approach", "grasp", "sub", "corr") or tokens[i + 1].text == "and")
        and token.text not in ("please", "wait", "stay", "up")
    )
    is_strange = is_strange or (token.kind == "verb" and token.value == "cannot" and token.form in ("base", "s"))
    is_strange = is_strange or (
        token.kind == "word"
        and i + 1 < len(tokens)
        and tokens[i + 1].text in ("shaped", "sized")
        and token.text not in JOINS
    )
    if is_inside and is_strange:
        m.unknown.append(token.text)
        return True
    return False


def _may_be_noun(token: EnglishToken) -> bool:
    """Whether a word after a colour is more than what may follow "the red"."""
    is_small = token.text in JOINS or token.text in AFTER_COLOR or token.text.endswith(("ly", "wards", "ward"))
    return token.kind == "word" and " " not in token.text and not is_small


def _is_key(m: Mention, token: EnglishToken) -> bool:
    """Whether a property follows a mere key: "object green cube"."""
    is_property = token.kind in ("color", "size", "shape", "shapeword")
    return is_property and m.head in KEYS and not (m.determiner or m.colors or m.shapes or m.is_plural)


def _compounds(m: Mention, token: EnglishToken) -> bool:
    return (m.kind == "object" and token.kind == "shape" and bool(m.shapes) and token.text != "can") or (
        m.kind == token.kind == "arm"
    )


def _continues(tokens: list[EnglishToken], i: int) -> bool:
    """Whether the noun phrase goes on after a modifier."""
    for j in range(i, min(i + 4, len(tokens))):
        if _is_noun_next(tokens, j) or tokens[j].kind == "unknown":
            return True
        if tokens[j].text not in MODIFIERS:
            return False
    return False


def _take_head(m: Mention, token: EnglishToken) -> None:
    if token.kind == "shape":
        if m.shapes and m.kind == "object" and m.head != token.text:  # "marble ball": the first noun is a material
            m.unknown.append(m.head)
            m.shapes.clear()
        m.kind = "object"
        if token.value not in m.shapes:
            m.shapes.append(token.value)
    elif token.kind == "thing":
        m.kind = "object"
    elif token.kind == "cup":
        m.kind = "bowl" if m.side else "unknown"
        if not m.side:
            m.unknown.append("cup")
    else:
        m.kind = token.kind
    m.head = token.text
    if token.text.endswith("s") and token.kind not in ("all",):
        m.is_plural = True


def _name_headless(m: Mention) -> None:
    """Say what a phrase without a noun is: "the red", "the left", "the other"."""
    if m.colors and not m.shapes and m.head in FRUIT and m.determiner and not m.is_one and m.head != "orange":
        m.unknown.append(m.head)
    if m.unknown:
        m.kind = "unknown"
    elif m.colors or m.shapes or m.sizes:
        m.kind = "object"
    elif m.is_one and (m.side or m.is_other):
        m.kind = "side"
    elif m.is_one:
        m.kind = "object"
    elif ((m.side or m.is_other) and m.determiner) or m.side:
        m.kind = "side"


def _postmodifiers(tokens: list[EnglishToken], m: Mention) -> None:
    """Take in "on the left", "to your right", "that is blue", "of the two red cubes", "arm R"."""
    i = m.end
    n = len(tokens)
    if (
        m.kind == "arm"
        and not m.side
        and i < n
        and tokens[i].kind == "side"
        and not (i + 1 < n and tokens[i + 1].kind in HEADS)
    ):
        m.side, m.end = tokens[i].value, i + 1
        return
    if m.kind in ("arm", "bowl", "side") and not m.side:
        _take_side(tokens, m)
    if m.kind == "object":
        _take_relative(tokens, m)
        _take_of(tokens, m)


def _take_side(tokens: list[EnglishToken], m: Mention) -> None:
    i, n = m.end, len(tokens)
    while i < n and tokens[i].text in BEFORE_SIDE:
        i += 1
    if (
        m.kind == "bowl"
        and i + 2 < n
        and tokens[i].text in ("in", "at")
        and tokens[i + 2].text in ("middle", "centre", "center")
    ):
        m.unknown.append(tokens[i + 2].text)
    if i >= n or tokens[i].text not in ("on", "to", "at", "in", "of", "towards"):
        return
    i += 1
    while i < n and tokens[i].text in ("the", "your", "its", "that", "same", "robot", "far", "very", "their"):
        i += 1
    if i < n and tokens[i].kind == "side":
        m.side = tokens[i].value
        i += 1
        while i < n and tokens[i].text in ("hand", "side", "half", "end", "edge"):
            i += 1
        if i < n and (tokens[i].kind == "bowl" or (tokens[i - 1].text == "hand" and tokens[i].kind in HEADS)):
            m.side = ""
            return
        if m.kind == "arm" and i < n and tokens[i].text == "of":
            m.side = ""  # "moves its gripper to the right side of the can"
            return
        m.end = i
    elif i < n and tokens[i].text in ("side", "same") and tokens[i - 1].text in ("that", "same"):
        m.side, m.end = "same", i + 1


def _take_relative(tokens: list[EnglishToken], m: Mention) -> None:
    i, n = m.end, len(tokens)
    is_color = i + 1 < n and not m.colors and tokens[i + 1].kind == "color"
    if is_color and tokens[i].text in ("in", "coloured", "colored", "painted"):
        follows = tokens[i + 2].kind if i + 2 < n else "break"
        if follows not in ("shape", "thing", "bowl", "size", "color") and not (
            i + 2 < n and tokens[i + 2].text == "one"
        ):
            m.colors.append(tokens[i + 1].value)
            m.end = i + 2
            return
    if i + 2 < n and tokens[i].text in ("that", "which") and tokens[i + 1].text in ("is", "are", "looks"):
        j = i + 2
        is_likened = tokens[j].text == "like" and j + 2 < n and tokens[j + 1].text in ("a", "an")
        if is_likened and tokens[j + 2].kind == "shape" and not m.shapes:
            m.shapes, m.end = [tokens[j + 2].value], j + 3  # "the thing that looks like a brick"
            return
        while j < n and tokens[j].text in ("very", "the", "entirely", "completely", "all", "rather", "more"):
            j += 1
        if j < n and tokens[j].kind == "color":
            m.colors.append(tokens[j].value)
        elif j < n and tokens[j].kind == "size":
            m.sizes.append(tokens[j].value)
        elif j < n and tokens[j].text in UNSEEN and not (m.colors and m.shapes):
            m.unknown.append(tokens[j].text)
        else:
            return
        m.end = j + 1


def _take_of(tokens: list[EnglishToken], m: Mention) -> None:
    """ "the larger of the two violet cans": what it is one of says what it is."""
    i = m.end
    if m.shapes and not m.colors and i + 2 < len(tokens) and tokens[i].text == "of":
        inner = mention_at(tokens, i + 1)
        if inner is not None and inner.kind == "object" and inner.colors and not inner.shapes:
            m.colors, m.end = inner.colors, inner.end
        return
    if m.shapes or i + 1 >= len(tokens) or tokens[i].text not in ("of", "among"):
        return
    inner = mention_at(tokens, i + 1)
    if inner is None or inner.kind != "object":
        return
    m.colors = m.colors or inner.colors
    m.shapes = inner.shapes
    m.unknown += inner.unknown
    m.end = inner.end
