"""Core words of the table's world as fingers miss them: a key beside the right one, letters swapped, lost, doubled or run on.

Such a word must not be passed over: it is the side, the colour or the thing that a sentence is about.
"""

import re
from collections.abc import Container
from functools import cache

from finevla_core.language.english_word_tables import word_set

_BESIDE = {
    "q": "wa", "w": "qes", "e": "wrd", "r": "etf", "t": "ryg", "y": "tuh", "u": "yij", "i": "uok", "o": "ipl", "p": "ol",
    "a": "sqz", "s": "adw", "d": "sfe", "f": "dgr", "g": "fht", "h": "gjy", "j": "hku", "k": "jli", "l": "ko", "z": "xa",
    "x": "zc", "c": "xv", "v": "cb", "b": "vn", "n": "bm", "m": "n",
}  # fmt: skip
_SIDES = word_set("left right")
_COLORS = word_set("red green blue yellow purple orange")
_THINGS = word_set("cube block ball can brick cylinder knob dial")
_FIXED = word_set("bowl arm hand gripper")
_CORE = (
    (_SIDES | _COLORS | _THINGS | _FIXED) - word_set("red can arm")
    | word_set("slab post pole fingers side small large little clockwise counterclockwise anticlockwise")
    | word_set("above behind front from with without into onto over around round not table")
    | word_set("your that this there have just want keep come give would could away thanks")
    | word_set("turn lift pick take grab place stack clear bring hover rotate twist descends lifts turns takes")
) - word_set("not")  # "nor", "now", "note": a denial is never guessed
# English words that are such a slip, and mean something else; "wirh" is none.
_WORDS = word_set("""
    lets let lefty reed reds ref gree green's blur bluer blued yellows cue cub cubed cuber bloc bock balk bal cab cam
    brock bow bowel bol pot pots posy pile poke poole poled poler pol poe had hands hans han griper grippe kob dual
    sided sid sied larger littler form fro wit withy wits overt rounds tale tabled tun lit loft puck pic pock taker
    gran garb gab placed pace placer sack staci you cleat being brig bering font behinds sode site bell balls poll
    pond lest lent lost lift lisp thee com hae wat juts haver woulds tales talers takers twit twits twisty lofts
    hoover hove hoer tuns sab hat tat than thaw thar thai thay his thus thin tis thins thus thirs three tree these
    where theres haves halve hive hare heave jut rust gust jusy wand wan wang warn went wanty kept keel kee peep ken
    kelp comer cone cove cme con cime comb gibe given giver gave live gie gove wold cold cloud cound aware sway thank
    tanks thanes thang you yous tour hour out yourt yor's there's picked takes tuck stark grub lady hind fold told
    gold wife ought eight tight light night might inti ont ono ito slob slav slap lab slat poser post's pols oiled
    palled tuned turned
    """)
_LETTERS = re.compile(r"[a-z]{3,}")
_LIKELIER = {"fron": "from"}  # of several
_HEADS = _SIDES | _COLORS | word_set("small big")
_TAILS = _THINGS | _FIXED


def _missed(word: str) -> set[str]:
    """What comes of a word when one key is missed, behind its first letter."""
    out: set[str] = set()
    for i in range(1, len(word)):
        head, letter, tail = word[:i], word[i], word[i + 1 :]
        out |= {head + tail, head + letter + letter + tail}
        out |= {head + key + tail for key in _BESIDE[letter]}
        out |= {head + letter + key + tail for key in _BESIDE[letter]} | {
            head + key + letter + tail for key in _BESIDE[letter]
        }
        if tail:
            out.add(head + tail[0] + letter + tail[1:])
    return {slip for slip in out if len(slip) > 2} - {word}


@cache
def _table() -> dict[str, str]:
    """Slip -> the one core word that it is made from."""
    made: dict[str, set[str]] = {}
    for word in _CORE:
        for slip in _missed(word) - _WORDS:
            made.setdefault(slip, set()).add(word)
    return {slip: words.pop() for slip, words in made.items() if len(words) == 1} | _LIKELIER


def with_core_words(text: str, known: Container[str]) -> tuple[str, list[str]]:
    """Write the core words where their slips stand.

    Args:
        text: a text in lower case.
        known: all words that are known by themselves.

    Returns:
        The text, and what to tell the operator of the words that were read as others.
    """
    words = set(_LETTERS.findall(text))
    read_as = {word: core for word in words if word not in known and (core := _core_word(word))}
    is_rare = 3 * len(read_as) <= len(words) + 3
    left = sum(word not in known and word not in read_as for word in words)
    if not read_as or not (is_rare or 3 * left <= len(read_as)):
        return text, []  # another language, perhaps
    text = _LETTERS.sub(lambda found: read_as.get(found[0], found[0]), text)
    return text, [f"{word} (read as {core})" for word, core in sorted(read_as.items())]


def _core_word(word: str) -> str:
    """The core word that a strange one is typed for, two with a space between for such as are run together, or ""."""
    if core := _table().get(word, ""):
        return core
    ends = (at for at in range(3, len(word) - 2) if word[:at] in _HEADS and word[at:] in _TAILS)
    return next((f"{word[:at]} {word[at:]}" for at in ends), "")
