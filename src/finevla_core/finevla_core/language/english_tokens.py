"""Splits English text into tokens of known kinds; the longest phrase that the tables have is one token."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from finevla_core.language import english_fillers as fillers
from finevla_core.language import english_things as things
from finevla_core.language import english_verbs as verbs
from finevla_core.language import english_words as words
from finevla_core.language.english_renames import name_arms
from finevla_core.language.english_sets import word_set

MAX_TOKENS = 4000
MAX_LETTERS = 12_000
END = frozenset(".!?\n")
BREAKS = frozenset(".!?\n;:-,")
# Words as they are typed or spoken, and what they are written out.
_WRITTEN = {
    "wi": "with", "tae": "to", "dinnae": "do not", "doesnae": "does not", "cannae": "can not", "doon": "down", "fae": "from",
    "yin": "one", "aboot": "about", "nae": "no", "oot": "out", "ower": "over", "roon": "round", "yer": "your", "ye": "you",
    "dont": "do not", "wont": "will not", "won't": "will not", "thats": "that is", "can't": "can not", "cannot": "can not",
    "shan't": "shall not", "ain't": "is not", "doesnt": "does not", "didnt": "did not", "isnt": "is not", "arent": "are not",
    "shouldnt": "should not", "mustnt": "must not", "neednt": "need not", "wouldnt": "would not", "couldnt": "could not",
    "wasnt": "was not", "hasnt": "has not", "havent": "have not", "cause": "because", "u": "you", "ur": "your", "w": "with",
    "cyl": "cylinder", "sph": "sphere", "grn": "green", "blu": "blue", "ylw": "yellow", "yel": "yellow", "orng": "orange",
    "prpl": "purple", "purp": "purple", "rt": "right", "lft": "left", "rgt": "right", "grb": "grab", "teh": "the",
    "pik": "pick", "pck": "pick", "wth": "with", "frm": "from", "hte": "the", "adn": "and", "cuz": "because",
    "gimme": "give me", "lemme": "let me", "i'm": "i am",
}  # fmt: skip
_AS_TYPED = re.compile(
    r"(?<![\w'])'?(" + "|".join(sorted(map(re.escape, _WRITTEN), key=len, reverse=True)) + r")(?![\w])'?(?!\w)"
)
_NAME = r"((?:the |a |an |that |my )?(?:\w+ ){0,3}\w+)"
_SHORT = 300  # letters: longer texts describe towers in steps
_SEAT = re.compile(
    rf"\buse {_NAME} as (?:a|an|the|its) (?:seat|base|pedestal|stand|support|platform|plinth|foundation|perch|podium)"
    rf" (?:for|under) {_NAME}"
)
_BOTTOM = re.compile(
    r"\b(?:(?:build|make) (?:me )?(?:a|the) (?:\w+ )?(?:tower|pile|stack)\s*[:,]\s*)?"
    rf"{_NAME} (?:at the bottom|on the bottom|below|underneath|at the base)\s*(?:,|;| and|, and)\s*"
    rf"{_NAME} (?:(?:on|at) (?:the )?top(?: of it)?|above)(?: it)?(?=\s*(?:$|[.,!;]))"
)
_BASE_FIRST = re.compile(
    rf"{_NAME} (?:is|forms|makes|serves as|acts as|will be|shall be) (?:the|your|our|its) "
    rf"(?:base|foundation|bottom|pedestal|support|seat|platform|stand|ground floor)\s*[;:,.]\s*(?:and |then |so |now )?"
    rf"{_NAME} (?:goes|sits|belongs|comes|gets put|is to go|should go|must go|shall go) (?:on|on the) top(?: of it)?\b"
)
_HAVE_ON = re.compile(
    rf"{_NAME} (?:should|must|shall|needs to|is to|ought to|has to) (?:have|get|receive|carry|bear|wear) "
    rf"{_NAME} (?:sitting |placed |stacked |put )?on (?:it|top|its top|top of it)\b"
)
_TAG = re.compile(
    r",? (?:ok|okay|yes|yeah|alright|all right|understood|got it|got that|eh|clear|is that clear|is that ok|deal|agreed|capisce"
    r"|does that make sense|you see|you know|do you hear)\s*\?(?=\s*$)"
)
_ASKED = re.compile(
    r"\b(?:i do not suppose (?:that )?you (?:would|could|can|will|might)(?: be able to)?|would it (?:kill|hurt|harm) you to"
    r"|would it be (?:too much|asking too much)(?: trouble)?(?: to ask)?(?: of you)? to"
    r"|do you (?:think|reckon) you (?:could|can|might)"
    r"|you (?:could|can|would|will) not(?: possibly| by any chance)?(?= [^.!]*, ?(?:could|can|would|will) you\b))"
)
_CONTRACTIONS = [
    (re.compile(pattern), by)
    for pattern, by in (
        (r"n't\b", " not"),
        (r"(?<=\s)n(?=\s)", "and"),
        (r"'d\b", " would"),
        (r"'ll\b", " will"),
        (r"'ve\b", " have"),
        (r"\bi'm\b", "i am"),
        (
            r"\b(it|that|there|here|he|she|what|who|where|whatever|everything|anything|nothing|something|how|when|one)'s\b",
            r"\1 is",
        ),
        (r"'re\b", " are"),
        (r"(?<=\w)'s\b|(?<=s)'(?=\s)", ""),
        (r"(?<=\w)-(?=\w)", " "),
        (r"_", " "),
        (r"\bi\.e\.|\be\.g\.", " "),
        (r"[-=]*>|→|⇒", " to "),
        (r"\s+-+\s+|\s*[–—]+\s*|--+", " - "),
        (r"\?(?=\s+(?:no|nope|nah)[\s,.!]+(?:not|the|use|take|make|that|with|other|it))", " , "),
        (r"\.\.+|…", " , "),
        (r"(?<=\d)[.,](?=\d)", ""),
    )
]
_SHORT_VOWEL = re.compile(r"[^aeiou]*[aeiou][^aeiouwxy]")
_WORD = re.compile(r"\d+\s*(?:°|%)?|[^\W\d_]+(?:'s\b)?|'s|[.,;:!?()\[\]{}|/=\n\-]|[^\s]")
_KEYS = word_set(
    "task action object target what arm hand gripper approach from direction dir size onto on path grasp dest destination place"
    " color colour shape to into grip obj verb item side turn goal rotation route via bowl where which with using job side"
)
_SIDED = word_set("arm hand gripper bowl claw manipulator dest destination to = :")


@dataclass(slots=True)
class Token:
    """A word or phrase: `kind` names the table that it is in ("unknown" for none), `value` what it stands for there."""

    text: str
    kind: str
    value: str = ""
    form: str = ""  # of a verb: base, s, ing, ed, noun
    is_idle: bool = False


class Phrases[T]:
    """Looks up the longest of many phrases in a list of words."""

    def __init__(self, table: dict[str, T]) -> None:
        self._lengths: dict[str, list[int]] = {}
        self._values = {tuple(phrase.split()): value for phrase, value in table.items()}
        for phrase in self._values:
            lengths = self._lengths.setdefault(phrase[0], [])
            if len(phrase) not in lengths:
                lengths.append(len(phrase))
                lengths.sort(reverse=True)

    def match(self, words_: list[str], start: int) -> tuple[int, T] | None:
        """Return how many words the longest phrase at `start` has, and its value; None without one."""
        for length in self._lengths.get(words_[start], ()):
            value = self._values.get(tuple(words_[start : start + length]))
            if value is not None:
                return length, value
        return None


def _forms(verb: str) -> dict[str, str]:
    """Inflected form -> name of the form, of a regular or listed verb."""
    stem = verb[:-1] if verb.endswith("e") and not verb.endswith("ee") else verb
    third = verb + ("es" if verb.endswith(("s", "sh", "ch", "x", "z")) else "s")
    forms = {verb: "base", third: "s", stem + "ing": "ing", stem + "ed": "ed"}
    if _SHORT_VOWEL.fullmatch(verb) and verb != "spot":  # "spotted" is how a thing looks
        forms |= {verb + verb[-1] + "ing": "ing", verb + verb[-1] + "ed": "ed"}  # "nipping"
    for form in verbs.IRREGULAR.get(verb, ()):
        ending = "ing" if form.endswith("ing") and form != "bring" else "s" if form in ("has", "is", "goes") else "ed"
        ending = "s" if form.endswith("ies") else ending
        if form == verb:
            continue
        forms[form] = ending
    return forms


def _nouns() -> dict[str, tuple[str, str, str]]:
    table: dict[str, tuple[str, str, str]] = {}
    for kind, phrases in (
        ("thing", things.THINGS),
        ("all", things.EVERYTHING),
        ("finger", things.FINGERS),
        ("bowl", things.BOWLS),
        ("cup", things.CUPS),
        ("post", things.POSTS),
        ("table", things.TABLES),
        ("arm", things.ARMS),
    ):
        table |= {phrase: (kind, phrase.split()[-1], "") for phrase in phrases}
    for kind, rows in (
        ("shape", things.SHAPES),
        ("shapeword", things.SHAPE_WORDS),
        ("size", things.SIZES),
        ("side", things.SIDES),
        ("color", things.COLORS),
    ):
        table |= {phrase: (kind, value, "") for phrase, value in rows.items()}
    return table


def _cues() -> dict[str, tuple[str, str, str]]:
    """Phrases about how: the side to come from, the way to turn, how to hold."""
    table = {phrase: ("turn", value, "") for phrase, value in things.TURNS.items()}
    for phrase, value in things.GRASPS.items():
        starts = (
            ("", "from ", "from the ", "from its ", "at ", "at its ", "by its ", "on its ", "at the ")
            if " " in phrase
            else ("",)
        )
        table |= {start + phrase: ("grasp", value, "") for start in starts}
    for phrase, value in things.APPROACHES_FAR.items():
        table |= {f"{start} {phrase}": ("approach", value, "") for start in ("from the", "from its", "from that")}
    for phrase, value in things.APPROACHES.items():
        ends = ("", " side", " hand side", " flank", " edge", " end", " face") if value in ("left", "right") else ("",)
        for start in things.APPROACH_STARTS:
            for article in (
                "",
                "the ",
                "the robot ",
                "its ",
                "their ",
                "your ",
                "the object ",
                "the target ",
                "that ",
                "this ",
            ):
                table |= {f"{start} {article}{phrase}{end}": ("approach", value, "") for end in ends}
    return table | {phrase: ("approach", value, "") for phrase, value in things.APPROACH_PHRASES.items()}


@cache
def _lexicon() -> Phrases[tuple[str, str, str]]:
    """Phrase -> kind, value, form of everything that is known."""
    table: dict[str, tuple[str, str, str]] = dict.fromkeys(fillers.WORDS, ("word", "", ""))
    table |= dict.fromkeys(fillers.NOUNS, ("word", "noun", ""))
    table |= dict.fromkeys((*words.ORDINARY, *fillers.PHRASES), ("word", "", ""))
    for verb in verbs.CANNOT:
        table |= {word: ("verb", "cannot", form) for word, form in _forms(verb).items()}
    for value, lemmas in reversed(list(verbs.VERBS.items())):
        for verb in lemmas:
            table |= {word: ("verb", value, form) for word, form in _forms(verb).items()}
    table |= {phrase: ("prep", value, "") for phrase, value in words.PREPS.items()}
    table |= dict.fromkeys(words.NEGATIONS, ("neg", "", ""))
    table |= dict.fromkeys(words.NEG_VERBS, ("neg", "verb", ""))
    table |= {phrase: ("word", "", "") for phrase in things.IDLE if " " in phrase}
    table |= dict.fromkeys(words.CORRECTIONS, ("corr", "", ""))
    table |= dict.fromkeys(words.SIDE_STARTS, ("sub", "", ""))
    table |= _nouns()
    table |= _cues()
    table |= verbs.FIXED
    return Phrases(table)


@cache
def _idle() -> frozenset[str]:
    return frozenset(things.IDLE)


@cache
def _ordinary() -> frozenset[str]:
    return words.ORDINARY | fillers.WORDS


def _is_filler(word: str) -> bool:
    """Whether a word that no table has is derived from one that says nothing about the table."""
    return fillers.is_adverb(word) or any(stem in _ordinary() for stem in fillers.stems(word))


def raw_words(text: str) -> list[str]:
    """Lower-case words, numbers and punctuation of a text, contractions written out."""
    text = unicodedata.normalize("NFKC", text[:MAX_LETTERS]).replace("’", "'").replace("‘", "'").lower()
    text = _AS_TYPED.sub(lambda match: _WRITTEN[match[1]], text)
    has_apostrophe = "'" in text
    for pattern, by in _CONTRACTIONS:
        if has_apostrophe or "'" not in pattern.pattern:
            text = pattern.sub(by, text)
    text = _ASKED.sub("could you", text) if " you" in text else text
    text = _TAG.sub(" .", text) if "?" in text[-3:] else text
    if len(text) < _SHORT and (
        " bottom" in text or " as " in text or " below" in text or " base" in text or " underneath" in text
    ):
        text = _BOTTOM.sub(r"put \2 on \1", _SEAT.sub(r"put \2 on \1", text))
    if len(text) < _SHORT and (" top" in text or " on it" in text):
        text = _HAVE_ON.sub(r"put \2 on \1", _BASE_FIRST.sub(r"put \2 on \1", text))
    return _WORD.findall(text)[: MAX_TOKENS + 1]


def _clean(raw: list[str]) -> list[str]:
    """Drop the signs that carry nothing and make one sign of those that part alike."""
    out: list[str] = []
    for number, word in enumerate(raw):
        if word in "'\"“”«»*`#•~'s" and word != "-":
            continue
        if word in "()[]{}":
            word = ","
        elif word in "|/":
            word = ";"
        if word in (":", "=") and out and out[-1] in _KEYS and (len(out) < 2 or out[-2] in BREAKS or out[-2] == ";"):
            continue
        if word == "=":
            continue
        if word == "." and out and out[-1].isdigit() and (len(out) < 2 or out[-2] in END):
            out.pop()  # the number of a step
            continue
        if word in ("r", "l") and (
            (out and out[-1] in _SIDED) or (number + 1 < len(raw) and raw[number + 1] in _SIDED)
        ):
            word = {"r": "right", "l": "left"}[word]
        elif (
            word in ("r", "l")
            and out[-1:]
            and out[-1] in BREAKS
            and raw[number + 1 : number + 2] in ([], [","], ["."], [";"])
        ):
            out.append({"r": "right", "l": "left"}[word])
            word = "arm"
        if word == "\n" and number + 1 < len(raw) and not out:
            continue
        out.append(word)
    return out


def _names_a_thing(raw: list[str], at: int) -> bool:
    """Whether a noun follows that takes the side: "from the left bowl" is no way to come."""
    hit = _lexicon().match(raw, at) if at < len(raw) else None
    return hit is not None and hit[1][0] in ("bowl", "arm", "cup", "shape", "thing", "color", "finger", "post")


def _core() -> dict[str, str]:
    """Words that a slip of the keys shall not hide: as they come out with two letters swapped, one lost or one doubled."""
    names = {w for rows in (things.COLORS, things.SHAPES, things.SIDES, things.SIZES) for w in rows if " " not in w}
    names |= {arm for arm in things.ARMS if " " not in arm and len(arm) > 2} | {
        "bowl",
        "table",
        "clockwise",
        "counterclockwise",
        "anticlockwise",
        "finger",
        "fingers",
        "above",
        "object",
    }
    doing = {v for kind in ("pick", "reach", "put", "stack", "turn", "clean") for v in verbs.VERBS[kind]}
    table: dict[str, str] = {}
    for word in sorted(names | doing):
        swapped = (word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1))
        table |= {w: word for w in swapped if len(w) >= 4 and w != word}
    for word in sorted(names):
        table |= {word[:i] + word[i + 1 :]: word for i in range(1, len(word)) if len(word) >= 6}
        table |= {word[:i] + word[i] + word[i:]: word for i in range(len(word)) if len(word) >= 4}
    return table


@cache
def _slips() -> dict[str, str]:
    lexicon = _lexicon()
    return {slip: word for slip, word in _core().items() if lexicon.match([slip], 0) is None}


def _mend(raw: list[str]) -> list[str]:
    """Mend slips of the keys in a text that is English otherwise."""
    lexicon = _lexicon()
    strange = [w for w in raw if w.isalpha() and lexicon.match([w], 0) is None]
    if not strange or 3 * len(strange) > len(raw) + 3:
        return raw
    slips = _slips()
    return [slips.get(word, word) for word in raw]


def tokens(text: str) -> list[Token]:
    """Split a text into tokens."""
    raw = name_arms(_mend(_clean(raw_words(text))))
    lexicon, idle, out = _lexicon(), _idle(), []
    i = 0
    while i < len(raw):
        word = raw[i]
        if word in BREAKS:
            out.append(Token(word, "break"))
            i += 1
            continue
        if (hit := lexicon.match(raw, i)) is not None:
            length, (kind, value, form) = hit
            if kind == "approach" and _names_a_thing(raw, i + length):
                length, kind, value, form = 1, "prep", "from", ""
            if word == "as" and length == 3 and i + 3 < len(raw) and raw[i + 3] not in BREAKS:
                length, kind, value, form = 1, "prep", "of", ""  # "as it is in the way"
            phrase = word if length == 1 else " ".join(raw[i : i + length])
            out.append(Token(phrase, kind, value, form, phrase in idle))
            i += length
            continue
        kind = "number" if word[0].isdigit() else "word" if _is_filler(word) else "unknown"
        out.append(Token(word, kind, is_idle=word in idle))
        i += 1
    return out
