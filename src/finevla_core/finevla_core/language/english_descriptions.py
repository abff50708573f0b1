"""Finds what a short English text says of its things that cannot be seen, told apart, or true of them."""

import re

from finevla_core.language.english_slots import Decision
from finevla_core.language.english_statements import ARM, COLOR, SHAPE
from finevla_core.language.english_text import EnglishText
from finevla_core.language.pattern_tables import first_reason

_ANY = rf"(?:{COLOR}|small|big|little|large)"
# What tells one of several things from the others, and is neither colour, shape nor size.
_TELLS_APART = (
    r"(?:clean(?:est)?|dusty|dirty|heavy|heavier|light|old|older|new|newer|used|rotten|fresh|open|closed|pointed|flat|"
    r"tall|short|wide|narrow|thin|thick|first|third|fourth|fifth|last|wrong|correct|different|moving|rolling|spinning|"
    r"falling|floating|sleeping|real|fake|painted|coloured|colored|rarest|nicest|prettiest|favourite|favorite)"
)
_CUES = "I tell things by their colour, shape and size only"
_VALUE = (
    r"(?:red|green|blue|yellow|purple|orange|left|right|small|big|clockwise|counterclockwise|anticlockwise|sideways|"
    r"lengthways)"
)
_DESCRIPTIONS = [
    (needles, re.compile(pattern), reason)
    for needles, pattern, reason in (
        (
            ("round ", "spherical ", "square ", "cubic ", "rolling "),
            rf"\b(?:the|a|that|this|my) (?:{_ANY} )*(?:(?:round|spherical)(?: {_ANY})* (?:cube|block|brick|bar|slab)|"
            rf"(?:square|cubic|cubical)(?: {_ANY})* (?:ball|sphere))\b",
            "nothing here has both of these shapes",
        ),
        (
            (" not ",),
            rf"\b({_VALUE}) ?,? ?(?:but|and|yet|however) not (?:the )?\1(?= ?(?:$|[.,;!]))",
            "you contradict yourself",
        ),
        (
            ("which is ", "that is "),
            rf"\bleft {ARM} ?,? ?(?:which|that) is (?:the |your |my )?right {ARM}\b|\bright {ARM} ?,? ?(?:which|that) "
            rf"is (?:the |your |my )?left {ARM}\b",
            "you say both left and right: say which arm",
        ),
        (
            ("bowl ",),
            r"\b(?:on|onto|against|at|along|over) (?:the |your )?(?:left |right )?(?:bowl|dish) (?:rim|edge|lip|brim|"
            r"handle|outside|wall)\b|\b(?:left|right) bowl (?:at|on|to|by) the \w+(?: side)? of the (?:left|right) "
            r"(?:bowl|one)\b|\b(?:in|into|inside) (?:the|whichever|that|any) bowl (?:that|which) is (?:\w+ )?(?:empty|"
            r"emptier|full|fuller|clean|cleaner|bigger|larger|smaller|free)\b",
            "I can put things into the left or the right bowl: say which",
        ),
        (
            ("bowl ",),
            r"\b(?:in|into|inside) (?:the|that) bowl (?:that is |which is )?(?:nearest|closest|nearer|closer|farthest|"
            r"furthest|with [^.,;]* in it|containing|holding|behind)\b(?![^.,;]*\b(?:left|right)\b)",
            "there is a left and a right bowl: say which",
        ),
        (
            ("halfway", "half way", "partly", "partially"),
            r"\b(?:put|place|set|leave|stick|stand)\b[^.,;]* (?:halfway|half way|partly|partially) (?:in|into|"
            r"inside|on|onto)\b",
            "I can put things wholly into a bowl or onto another object",
        ),
        (
            (" arm", " hand", " gripper", " claw"),
            rf"\b(?:the|your|a) {COLOR} (?:arm|hand|gripper|claw|manipulator)\b",
            "I have a left and a right arm: say which",
        ),
        (
            ("under", "below", "beneath"),
            rf"\b(?:and|or) (?:then |also )?(?:under|underneath|below|beneath) (?:it|the (?:{COLOR} )?(?:{SHAPE}))\b",
            "you say two places at once",
        ),
        (
            ("nothing", "anything"),
            r"\b(?:but|and|yet) (?:do not |never |must not )?(?:touch|move|lift|grab|take) (?:nothing|anything)(?! "
            r"else| other|\w)",
            "you say to take things, and to touch nothing",
        ),
        (
            ("or so", "or something", "or whatever", "maybe not"),
            rf"\b(?:{SHAPE}|{COLOR}|one|knob|dial) or (?:so|something|whatever)(?: like that)? ?[.!]?$|^maybe .* "
            rf"maybe not ?[.!]?$",
            "say one thing to do",
        ),
        (
            ("either ",),
            rf"\beither (?:{_ANY} )*(?:{SHAPE})\b",
            "say which object: its colour and its shape",
        ),
    )
]  # fmt: skip
_UNTOLD = re.compile(
    rf"\b(?:the|that|this) (?:small |big |little |large )?{_TELLS_APART} (?:small |big )?({SHAPE}|one|thing|object)\b"
)
_OF_ITSELF = {"flat": ("brick", "slab", "bar"), "tall": ("can", "tin", "cylinder"), "thin": ("bar",)}
# "The ball that costs the most", "the cube my son likes": told apart by what cannot be seen.
_BY_STORY = re.compile(
    rf"\b(?:the|that) (?:small |big |large |little )?(?:{SHAPE}) (?:(?:that|which) (?:costs|weighs|smells|sounds|"
    r"tastes|belongs|fell|rolled|broke|(?:is|are) (?:not )?(?:mine|yours|his|hers|moving|rolling|spinning|falling|"
    r"broken|warm|hot|cold|wet|heavy)|was (?:made|bought|here))\b|(?:that |which )?(?:(?:i|he|she|we|they) "
    r"(?!want\b|need\b|mean\b|am\b|would\b|said\b|told\b|asked\b|showed\b|point|named\b|mentioned\b)\w+|(?:my|your|"
    r"his|her|our) \w+ (?:likes|loves|hates|bought|made|touched|owns|painted)\b))"
)
_SPLIT = re.compile(rf"\b{COLOR} (?:\w+ing|\w+ed|clean|spare|open|closed|empty|full) (?:{SHAPE})\b")
_ECHO = re.compile(r"^(\w+)(?: ?,? ?\1\b){2,} ?[.!?]?$")


def untold(text: EnglishText, out: Decision) -> str:
    """Say what a text tells of its things that is beyond the robot, or against itself.

    Args:
        text: the text, a short one.
        out: what it seems to want.

    Returns:
        One sentence for the operator; "" where there is none.
    """
    words = text.words
    if _ECHO.match(words):
        return "say what to do"
    if reason := first_reason(words, _DESCRIPTIONS):
        return reason
    if out.target is not None and "shape" not in out.slots and _SPLIT.search(words):
        return _CUES
    if "color" in out.slots or out.target is None:
        return ""
    if _BY_STORY.search(words):
        return _CUES
    for found in _UNTOLD.finditer(words):
        adjective = next(word for word in found[0].split() if re.fullmatch(_TELLS_APART, word))
        is_target = any(
            text.is_target(m, out.target) and words_at(text, m.start, m.end).find(adjective) >= 0 for m in text.mentions
        )
        if is_target and found[1] not in _OF_ITSELF.get(adjective, ()):
            return _CUES
    return ""


def words_at(text: EnglishText, start: int, end: int) -> str:
    """The words of a phrase."""
    return " ".join(t.text for t in text.parse.tokens[max(0, start - 3) : end])
