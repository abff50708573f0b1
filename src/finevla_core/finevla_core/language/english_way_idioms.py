"""English wordings of how it is done, which arm, from where, past the post and turned how, with the plain words for it."""

import re

from finevla_core.language.english_idioms import ARM, compiled
from finevla_core.language.pattern_tables import Wording

POST = r"((?:thin |slim |tall |narrow |upright |vertical )*(?:post|pole|pillar|column|rod|mast|obstacle|stick))"
_POSTS = ("post", "pole", "pillar", "column", "rod", "mast", "obstacle", "stick")
_RESTS = (
    r"(?:at rest|still|idle|parked|out of (?:it|the way|this|the picture)|folded(?: away| in| back)?|tucked (?:away|"
    r"in|back)|"
    r"stationary|resting|switched off|off|unused|motionless|retracted|home|at home|in reserve|doing nothing|on standby|"
    r"on hold|asleep|sleeping|in (?:its|the) (?:home|rest|resting|parking|parked) (?:pose|position))"
)
_SIDE = r"(?:left|right|front|far side|top|far end)"


def _other_side(found: re.Match[str]) -> str:
    """ "From the left rather than the right"; as it is where both sides are the same."""
    return found[0] if found[2] == found[5] else f"from {found[1] or ''}{found[2]}{found[4] or ''}"


# In texts of any length.
WAYS: list[Wording] = [
    (needles, compiled(pattern), by)
    for needles, pattern, by in (
        (
            _POSTS,
            rf"(?<!not )\b(?:past|by) (?:the )?{POST} ?,? ?(?:over (?:the|its) top(?: of it)?|above it|over it|at "
            rf"the top|up above|via "
            r"the top)\b",
            r"over the \1",
        ),
        (
            _POSTS,
            rf"\b(?:clear(?:ing|s)?|pass(?:ing|es)?) (?:the )?(?:top of the )?{POST} (?:from above|at the top)\b",
            r"over the \1",
        ),
        (("vault", "hurdl", "leapfrog"), rf"\b(?:vault|hurdl|leapfrog)(?:e|ing|ging|s)? the {POST}", r"going over "
                                                                                                      r"the \1"),
        (
            _POSTS,
            r"\b(?:circling|circumnavigating|dodging|skirting|rounding|bypassing|detouring)(?: around| round| past)? "
            r"(?:the )?"
            rf"{POST}(?! (?:at|on|by|along) )",
            r"round the \1",
        ),
        (
            _POSTS,
            r"\b(?:past|by|round|around|along) (?:the |its |one )?(?:far |near |left |right |outer |other )?(?:side|"
            r"outside|flank) "
            rf"of (?:the )?{POST}",
            r"round the \1",
        ),
        (
            _POSTS,
            rf"\b(?:by )?passing the {POST} (?:on|at|along|by|to) (?:the|its|one|either) (?:\w+ )?side\b",
            r"round the \1",
        ),
        (
            _POSTS,
            rf"\bwithout (?:going|passing|flying|moving|travelling|traveling|lifting it|taking it|carrying it|"
            rf"crossing) (?:up )?(?:over|"
            rf"above) the {POST}",
            r"round the \1",
        ),
        (
            ("rather than", "instead of", " not "),
            rf"\bfrom (the |its )?({_SIDE})( hand)?( side)? ?,? ?(?:rather than|instead of|and not|not) (?:from "
            rf")?(?:the |its )?"
            rf"({_SIDE})(?: hand)?(?: side)?\b(?! (?:arm|hand|gripper|bowl|of))",
            _other_side,
        ),
        (
            ("sideways from", "laterally from", "horizontally from"),
            r"\b(?:sideways|laterally|horizontally) (?=from (?:the |its )?(?:left|right|far|front)\b)",
            "",
        ),
        (
            ("top down", "down"),
            r"\b(?:in |with )(?:a |the )?(?:top down|vertical|straight down|downward) (?:manner|fashion|way|motion|"
            r"direction|move|"
            r"movement|style)\b(?! of)|\bwith (?:the|your|its) (?:gripper|hand|fingers|jaws|claw) (?:pointing|facing|"
            r"turned|directed|"
            r"aimed) (?:straight |vertically |directly )?(?:down|downwards|downward)\b",
            "from above",
        ),
        (
            ("tighten",),
            r"\b(?:so as |in order )?to tighten(?: it| the knob| the dial)?(?= ?[,.;!]| ?$)|\bin the tightening "
            r"direction\b|\bthe "
            r"tightening way\b",
            "clockwise",
        ),
        (
            ("loosen",),
            r"\b(?:so as |in order )?to loosen(?: it| the knob| the dial)?(?= ?[,.;!]| ?$)|\bin the loosening "
            r"direction\b|\bthe "
            r"loosening way\b",
            "counterclockwise",
        ),
        (
            ("click", "notch", "detent", "tick"),
            r"\b(?:by )?(?:a|an|one|two|three|a few|a couple of|some|\d+) (?:clicks?|notch(?:es)?|detents?|ticks?)(?: "
            r"over)? "
            r"(?=(?:clockwise|counter ?clockwise|anti ?clockwise|cw|ccw|to the)\b)",
            "",
        ),
        (("clockwise by", "left by", "right by", "clockwise one", "clockwise two", "clockwise a ", "left one", "right one"),
         r"\b(clockwise|to the left|to the right) (?:by )?(?:a|an|one|two|three|a few|a couple of|some|\d+) "
         r"(?:clicks?|notch(?:es)?|"
         r"detents?|ticks?)\b", r"\1"),
        (
            ("quarter ", "half "),
            r"\ba (?:quarter|half)(?: of a turn| turn| circle)? (?:to the |to your )(left|right)\b",
            r"turn to the \1",
        ),
        (
            ("finger", "jaw"),
            r"\bbetween (?:your |the |its )?left (?:finger|jaw|fingertip)?(?: and | and your | and the | and its "
            r")right (?:finger|jaw|fingertip)s?\b",
            "sideways",
        ),
        (
            (" direction",),
            r"\b(?:to|in|into|towards) (?:the )?(left|right)(?:ward)? (?:hand )?direction\b",
            r"to the \1",
        ),
        ((" clocks", " watches"), r"\bthe way (?:that )?(?:clocks|watches|clock hands) (?:do|go|turn|run|move)\b", "clockwise"),
        (
            ("little ", "small ", "big "),
            r"\b(?:little|small|big) (machine|robot|friend|buddy|helper|mate|pal|bot)\b",
            r"\1",
        ),
        (
            ("forbid", " ban ", "prohibit", "rule out"),
            r"\b(?:i|we) (?:forbid|ban|prohibit|rule out|veto)(?: you)?(?: to use| from using| using)?(?: the use of| "
            r"using)? (?:the|your) "
            rf"(left|right)(?: hand)?(?: {ARM})?\b",
            r"do not use the \1 arm",
        ),
        (("work ", "works "), r"\bwork(s?) the (knob|dial)\b", r"turn\1 the \2"),
        (
            ("hands", "fingers", "touch", "hand"),
            r"\bwith (?:a |an )?(?:very )?(?:steady|gentle|careful|soft|light|sure|delicate|calm|tender|nimble) "
            r"(?:hands?|fingers|touch)"
            r"\b(?! (?:on|at|to|from))",
            "gently",
        ),
        (
            ("like it", "as if it", "as though it", "like you "),
            r"\b(?:like|as if|as though) (?:it|that) (?:is|was|were) (?:made (?:out )?of (?:\w+ ){0,1}?\w+|an? (?:\w+ "
            r"){0,1}?(?:egg|baby|"
            r"feather|flower|kitten|chick|bird|treasure|vase|glass|soap bubble|snowflake))(?= ?[,.;!?]| ?$)",
            "gently",
        ),
    )
]  # fmt: skip

# In short texts: the arm that is said to rest is not the one that acts.
RESTING_ARMS: list[Wording] = [
    (needles, compiled(pattern), by)
    for needles, pattern, by in (
        (
            ("arm", "hand", "gripper", "claw", "manipulator"),
            rf"\b(?:with|while|keeping|leaving|having) (?:the|your) (left|right)(?: hand)? {ARM}(?: is| stays| "
            rf"remains| kept| being)? "
            rf"{_RESTS}(?= ?[,.;!]| ?$| pick| lift| grab| take| put| turn| the| and)",
            r"without the \1 arm",
        ),
    )
]
