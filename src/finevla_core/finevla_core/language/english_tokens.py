"""Splits English text into tokens of known kinds; the longest phrase that the tables have is one token."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from finevla_core.language import english_color_words as colors
from finevla_core.language import english_fillers as fillers
from finevla_core.language import english_function_words as words
from finevla_core.language import english_object_words as things
from finevla_core.language import english_verbs as verbs
from finevla_core.language.english_arm_by_place import name_arms
from finevla_core.language.english_keys import with_core_words
from finevla_core.language.english_paraphrases import plain
from finevla_core.language.english_repairs import with_repairs
from finevla_core.language.english_run_on import with_pauses
from finevla_core.language.english_typos import WRITTEN, mend, written_out
from finevla_core.language.english_verb_forms import forms
from finevla_core.language.english_word_tables import word_set

MAX_TOKENS = 4000
MAX_LETTERS = 12_000
END = frozenset(".!?\n")
BREAKS = frozenset(".!?\n;:-,")
_TAG = re.compile(
    r",? (?:ok|okay|yes|yeah|alright|all right|understood|got it|got that|eh|clear|is that clear|is that ok|deal|agreed|capisce"
    r"|does that make sense|you see|you know|do you hear)\s*\?(?=\s*$)"
)
# Sounds of somebody who thinks while he speaks, and small words that he says twice.
_THINKING = re.compile(r"\b(?:u+h+|u+m+|uhm|er+m+|h+m+|m+m+)\b(?: ?,)? ?(?!huh)")
_SAID_TWICE = word_set("""
    the a an to in into on onto with and your my it of from for i you is left right red green blue yellow purple orange
    """)
_ASKED = re.compile(
    r"\b(?:i do not suppose (?:that )?you (?:would|could|can|will|might)(?: be able to)?|would it (?:kill|hurt|harm) you to"
    r"|would it be (?:too much|asking too much)(?: trouble)?(?: to ask)?(?: of you)? to"
    r"|do you (?:think|reckon) you (?:could|can|might)"
    r"|(?:could|can|would|will) not you"
    r"|you (?:could|can|would|will) not(?: possibly| by any chance)?(?= [^.!]*, ?(?:could|can|would|will) you\b))"
)
_CONTRACTIONS = [
    (re.compile(pattern), by)
    for pattern, by in (
        (r"'(?<=\win')(?=\s)", "g"),  # "goin'"
        (r"n't\b", " not"),
        (r"\bn(?<=\sn)(?=\s)", "and"),
        (r"'d\b", " would"),
        (r"'ll\b", " will"),
        (r"'ve\b", " have"),
        (r"\bi'm\b", "i am"),
        (
            r"\b(it|that|there|here|he|she|what|who|where|whatever|everything|anything|nothing|something|how|when|one)'s\b",
            r"\1 is",
        ),
        (r"'re\b", " are"),
        (
            r"\b(arm|hand|gripper|claw|manipulator)'s (?=(?:on|in|at|under|being|already|still|just|currently|a|the|"
            r"having|feeling|acting|playing|too|so|no|all)\b)",
            r"\1 is ",
        ),
        (r"'s (?<=\w's )(?=(?:got|been|gone|had)\b)", " has "),
        (
            r"'s (?<=\w's )(?=(?:not|out|off|down|busy|broken|stuck|free|parked|tired|asleep|faulty|idle|staying|going|taking|"
            r"doing|getting|moving|working|waiting|lying|standing|sitting|about)\b)",
            " is ",
        ),
        (r"'(?:(?<=\w')s\b|(?<=s')(?=\s))", ""),
        (r"-(?<=\w-)(?=\w)", " "),
        (r"\bno not (?!that\b)", "no , not "),
        (r"_", " "),
        (r"(?<=\w) ?[&+] ?(?=\w)", " and "),
        (r"&", " and "),
        (r"\bi\.e\.|\be\.g\.", " "),
        (r"[-=]*>|→|⇒", " to "),
        (r"-+(?<=\s-)(?=\s)|[–—]+|--+", " - "),
        (r"\?(?=\s+(?:no|nope|nah)[\s,.!]+(?:not|the|use|take|make|that|with|other|it))", " , "),
        (r"\.\.+|…", " , "),
        (r"(?<=\d)[.,](?=\d)", ""),
    )
]
_WORD = re.compile(r"\d+\s*(?:°|%)?|[^\W\d_]+(?:'s\b)?|'s|[.,;:!?()\[\]{}|/=\n\-]|[^\s]")
_KEYS = word_set(
    "task action object target what arm hand gripper approach from direction dir size onto on path grasp dest destination place"
    " color colour shape to into grip obj verb item side turn goal rotation route via bowl where which with using job side"
)
_SIDED_NOUNS = word_set("arm arms hand hands gripper grippers bowl bowls claw claws manipulator manipulators")
_BEHIND = word_set("behind beyond beside under front")
_ARTICLES = word_set("the a an that this your")
_SIDED = word_set("arm hand gripper bowl claw manipulator dest destination to from side = :")


@dataclass(slots=True)
class EnglishToken:
    """A word or phrase: `kind` names the table that it is in ("unknown" for none), `value` what it stands for there."""

    text: str
    kind: str
    value: str = ""
    form: str = ""  # of a verb: base, s, ing, ed, noun
    is_idle: bool = False


class Phrases[T]:
    """Looks up the longest of many phrases in a list of words."""

    def __init__(self, table: dict[str, T]) -> None:
        self._values = {tuple(phrase.split()): value for phrase, value in table.items()}
        self.words = {phrase[0]: value for phrase, value in self._values.items() if len(phrase) == 1}
        self._lengths: dict[str, dict[str, list[int]]] = {}  # by the first two words, longest first
        for phrase in sorted(self._values, key=len, reverse=True):
            if len(phrase) > 1:
                lengths = self._lengths.setdefault(phrase[0], {}).setdefault(phrase[1], [])
                if len(phrase) not in lengths:
                    lengths.append(len(phrase))

    def match(self, words_: list[str], start: int) -> tuple[int, T] | None:
        """Return how many words the longest phrase at `start` has, and its value; None without one."""
        first = words_[start]
        longer = self._lengths.get(first)
        if longer is not None and start + 1 < len(words_):
            for length in longer.get(words_[start + 1], ()):
                value = self._values.get(tuple(words_[start : start + length]))
                if value is not None:
                    return min(length, len(words_) - start), value
        value = self.words.get(first)
        return None if value is None else (1, value)


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
        ("color", colors.COLORS),
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
    table |= dict.fromkeys(fillers.CONCRETE, ("word", "concrete", ""))
    for verb in verbs.CANNOT:
        table |= {word: ("verb", "cannot", form) for word, form in forms(verb).items()}
        if verb in verbs.FELLS:
            table |= {f"{word} over": ("verb", "cannot", form) for word, form in forms(verb).items()}
    for value, lemmas in reversed(list(verbs.VERBS.items())):
        for verb in lemmas:
            table |= {word: ("verb", value, form) for word, form in forms(verb).items()}
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


@cache
def _known() -> frozenset[str]:
    return _ordinary() | _lexicon().words.keys() | WRITTEN.keys()


def _is_filler(word: str) -> bool:
    """Whether a word that no table has is derived from one that says nothing about the table."""
    return fillers.is_adverb(word) or any(stem in _ordinary() for stem in fillers.stems(word))


def raw_words(text: str) -> list[str]:
    """Lower-case words, numbers and punctuation of a text, contractions written out."""
    text = unicodedata.normalize("NFKC", text[:MAX_LETTERS]).replace("’", "'").replace("‘", "'").lower()
    text = written_out(text)
    has_apostrophe = "'" in text
    has_dash = "-" in text or ">" in text or "–" in text or "—" in text or "→" in text or "⇒" in text
    for pattern, by in _CONTRACTIONS:
        if (has_apostrophe or "'" not in pattern.pattern) and (has_dash or "-" not in pattern.pattern):
            text = pattern.sub(by, text)
    padded = " " + text
    if any(sound in padded for sound in (" uh", " um", "uh,", " hm", " mm", " erm", ",um", ",uh")):
        text = _THINKING.sub("", text)
    text = _ASKED.sub("could you", text) if " you" in text else text
    text = _TAG.sub(" .", text) if "?" in text[-3:] else text
    return [word.strip(" ") for word in _WORD.findall(plain(with_repairs(with_pauses(text))))[: MAX_TOKENS + 1]]


def _clean(raw: list[str]) -> list[str]:
    """Drop the signs that carry nothing and make one sign of those that part alike."""
    out: list[str] = []
    for number, word in enumerate(raw):
        if word in "'\"“”«»*`#•~'s" and word != "-":
            continue
        if out and word == out[-1] and word in _SAID_TWICE:
            continue
        if word in "()[]{}":
            word = ","
        elif word in "|/":
            word = ";"
        if word in (":", "=") and out and out[-1] in _KEYS and (len(out) < 2 or out[-2] in BREAKS or out[-2] == ";"):
            continue
        if word in (":", "=") and out and out[-1] in ("shape", "verb", "noun", "subject", "dir", "act"):
            out.pop()
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


def _names_a_place(raw: list[str], at: int) -> bool:
    """Whether what follows is fixed to the table: nothing comes from behind it, but lies there."""
    if raw[at : at + 1] == [] or raw[at] not in _ARTICLES or at + 1 >= len(raw):
        return False
    hit = _lexicon().match(raw, at + 1)
    return hit is not None and hit[1][0] in ("post", "bowl", "table")


def _in_context(
    raw: list[str], i: int, hit: tuple[int, tuple[str, str, str]], out: list[EnglishToken]
) -> tuple[int, tuple[str, str, str]]:
    """How many words at `i` belong together, and what they are, beside what stands around them."""
    word, (length, (kind, _, _)) = raw[i], hit
    if kind == "approach" and _names_a_thing(raw, i + length):
        return 1, ("prep", "from", "")
    if kind in ("approach", "grasp"):
        follows = raw[i + length] if i + length < len(raw) else ""
        if kind == "grasp" and follows in _SIDED_NOUNS and word in _lexicon().words:
            return 1, _lexicon().words[word]  # "with its left and its right arm"
        if (word == "across" or raw[i + length - 1] in _BEHIND) and _names_a_place(raw, i + length):
            return length, ("prep", "near", "")  # "from behind the post"
    elif word == "as" and length == 3 and i + 3 < len(raw) and raw[i + 3] not in BREAKS:
        return 1, ("prep", "of", "")  # "as it is in the way"
    elif word == "turn" and kind == "shape" and (not out or out[-1].text not in _ARTICLES):
        return 1, ("verb", "turn", "base")  # "turn knob", not "the turn knob"
    elif word == "for" and kind == "word" and out and out[-1].value == "reach":
        return 1, ("prep", "to", "")  # "reach for it"
    return hit


def tokens(text: str) -> tuple[list[EnglishToken], list[str]]:
    """Split a text into tokens; the second list says which words were read as others."""
    text, missed = with_core_words(text[:MAX_LETTERS].lower(), _known())
    mended, read_as = mend(_clean(raw_words(text)), _lexicon().words, _ordinary())
    raw = name_arms(mended)
    lexicon, idle, out = _lexicon(), _idle(), []
    i = 0
    while i < len(raw):
        word = raw[i]
        if word in BREAKS:
            out.append(EnglishToken(word, "break"))
            i += 1
            continue
        if (hit := lexicon.match(raw, i)) is not None:
            length, (kind, value, form) = _in_context(raw, i, hit, out)
            phrase = word if length == 1 else " ".join(raw[i : i + length])
            out.append(EnglishToken(phrase, kind, value, form, phrase in idle))
            i += length
            continue
        kind = "number" if word[0].isdigit() else "word" if _is_filler(word) else "unknown"
        out.append(EnglishToken(word, kind, is_idle=word in idle))
        i += 1
    return out, missed + read_as
