"""English wordings of where a thing shall end, in a bowl or upon another thing, with the plain order that they stand for."""

import re

from finevla_core.language.english_idioms import ARM, compiled
from finevla_core.language.pattern_tables import Wording

_MUST = r"(?:should|must|shall|will|is to|has to|needs to|ought to)"
_CARRY = r"(?:carry|bring|take|move|get|transport|convey|transfer|deliver)"
_PUT = r"(?:put|set|place|stack|lay|drop|lower|rest|leave|balance|seat|deposit)"
_WHERE = r"(?=(?:in|into|inside|on|onto|on top of|atop|upon) (?:the|that|your|a)\b)"
_THERE = r"(?:there|on it|on top of it|on top|on top of that|on the top|onto it|up there|right there|on that|atop it|upon it)"
_TOWER = r"(?:tower|stack|pile|column)"


def _topped(found: re.Match[str]) -> str:
    """ "A tower of the brick and the cube, the cube on top"."""
    one, other, top = found[1], found[2], found[3]
    return f"put {one} on {other}" if top.split()[1:] == one.split()[1:] else f"put {other} on {one}"


# In short texts. Each with words of which one must stand in the text.
ENDS: list[Wording] = [
    (needles, compiled(pattern), by)
    for needles, pattern, by in (
        (
            (" it ",),
            rf"\b{_CARRY} NAMED (?:(?:over|across|up|along) )?(?:to|towards|above|over) NAMED ?,? ?(?:and|then|and "
            rf"then) "
            rf"{_PUT} it (?:(?:down|gently|carefully|right|squarely|neatly|slowly) )*{_THERE}(?= ?[,.;!]| ?$| with| "
            rf"using)",
            r"put \1 on \2",
        ),
        (
            (" get", " receive", " have", " wear"),
            rf"NAMED (?:gets|receives|{_MUST} (?:get|receive|have|wear)) NAMED (?:(?:placed|put|stacked|set|sitting) "
            rf")?on "
            r"(?:top|its top|it|its back)(?: of it)?\b",
            r"put \2 on \1",
        ),
        (
            (" carry", " support", " bear", " hold"),
            rf"NAMED {_MUST} (?:carry|support|bear|hold up|hold) NAMED(?: on (?:it|top|its top|its back))?",
            r"put \2 on \1",
        ),
        (
            (" carry", " support", " bear", " hold"),
            r"\b(?:make|have|let) NAMED (?:hold up|hold|support|carry|bear) NAMED",
            r"put \2 on \1",
        ),
        (
            ("tower", "stack", "pile", "column"),
            rf"\b(?:make|build|form|create|construct|erect)(?: me| us)? (?:a|the|one) (?:\w+ )?{_TOWER}(?: of two| "
            rf"here)?"
            r" ?(?:[:,;-]|with|where|in which|so that) ?(?:put |with )?NAMED (?:(?:goes|is|sits|stands|comes|lies|"
            r"rests) )?"
            r"(?=(?:on|onto|atop|upon|on top of) (?:the|that))",
            r"put \1 ",
        ),
        (
            ("tower", "stack", "pile", "column"),
            rf"\b(?:make|build|form|create|construct|erect)(?: me| us)? (?:a|the|one) (?:\w+ )?{_TOWER} (?:of|from|"
            rf"out of|with) "
            r"NAMED and NAMED ?[,;]? ?(?:and |with )*NAMED (?:on top|at the top|on the top|up top)\b",
            _topped,
        ),
        (
            ("bowl", "dish"),
            r"\b(?:help|coax|sink|post|see|walk|lead|pass|dispatch|introduce|evict|expel|exile|hand|hand over|assign|"
            r"allocate|surrender|"
            r"submerge|mail|pot|sort|feed|import|export|accompany|chaperone) NAMED (?:(?:safely|gently|carefully|"
            r"slowly|over|on|across|down|"
            r"through) )*(?=(?:in|into|to|inside) BOWL)",
            r"put \1 ",
        ),
        (
            ("hat", "roof", "lid", "cap", "crown", "top"),
            r"\bgive NAMED (?:a |an |the )?((?:COLORS )SHAPES) (?:for|as) (?:a |an |its )(?:hat|roof|lid|cap|crown|"
            r"top)\b",
            r"put the \2 on \1",
        ),
        (
            (" the top of", " the top floor"),
            r"\bmake NAMED the (?:top|roof|lid|crown|top floor) (?:of|on|for) NAMED",
            r"put \1 on \2",
        ),
        (
            (" ride ", " travel ", " sleep ", " live "),
            r"\blet NAMED (?:ride|travel|sleep|live|relax|perch) (?=(?:on|in|atop|inside) the)",
            r"put \1 ",
        ),
        (
            ("where i ", "where we "),
            r"\bwhere (?:i|we) (?:want|need|would (?:like|love|prefer)) NAMED (?:to (?:be|go|end up|sit|lie) )?is "
            r"(?=(?:in|into|on|onto|inside|atop|on top of) )",
            r"put \1 ",
        ),
        (
            ("first", "former", "latter", "second"),
            r"\b(?:here is|there is|i have|you see) an? ((?:SIZES )*COLORS SHAPES) ?(?:and|,) (?:then )?(?:(?:here|"
            r"there) is )?an? "
            r"((?:SIZES )*COLORS SHAPES) ?[;,.:-]+ ?(?:please |now )?(put|place|stack|set) the (?:first|former)(?: "
            r"one)? (on|onto|on top of|upon) "
            r"the (?:second|latter|other)(?: one)?\b",
            r"\3 the \1 on the \2",
        ),
        (
            ("into it", "in it", "in there", "inside it"),
            r"\b(put|place|drop|lay|set) NAMED (?:that is |which is |lying |standing |sitting )?(?:in front of|next "
            r"to|beside|by|near|behind|"
            r"to the left of|to the right of|close to) BOWL (?:into|in|inside) (?:it|there|that)\b",
            r"\1 \2 in \3",
        ),
        (("bowl ",), r"\bbowl (?:from|of|at|in) (?:the )?(left|right)(?: hand)? side\b(?! of)", r"bowl on the \1"),
        (
            ("left one", "right one"),
            r"\b(in|into|inside) the (left|right)(?: hand)? one\b(?! of)",
            r"\1 the \2 bowl",
        ),
        (
            (" on ", " onto ", " over "),
            r"^((?:please )?(?:put |stack |place )?)(COLORS) (?:on top of|on|onto|over|above) (COLORS) ?[,:;-] "
            r"?(SHAPES) (?:on top of|on|onto|over|"
            r"above) (SHAPES)(?= ?[.,!]| ?$)",
            r"put the \2 \4 on the \3 \5",
        ),
        (
            ("where ",),
            r"\bwhere (?:should|does|must|shall|will) NAMED go ?\?+ ?(?=(?:in|into|on|onto|inside) )",
            r"put \1 ",
        ),
        (
            ("destination", "home", "place", "spot", "target"),
            r"\bthe (?:\w+ )?(?:destination|home|place|spot|target) (?:of|for) NAMED is (?:in |inside )?(?=BOWL)",
            r"put \1 in ",
        ),
        (
            ("destination", "home", "place", "spot"),
            r"\bmake BOWL the (?:\w+ )?(?:destination|home|place|spot) (?:of|for) NAMED",
            r"put \2 in \1",
        ),
        (
            ("goal", "aim", "result", "outcome"),
            r"^(?:the )?(?:goal|aim|idea|result|outcome|end state|goal state)(?: state)? ?(?:is|:|=) ?NAMED (?=(?:in|"
            r"inside|into|on|atop|on top of) (?:the|"
            r"left|right))",
            r"put \1 ",
        ),
        (
            ("look ", "be better", "be nice"),
            r"NAMED would (?:(?:look|be) (?:much |a lot |so much )?(?:better|nicer|nice|good|great|lovely|perfect)(?: "
            r"off)?) (?=(?:in|on|inside|atop|on top of) "
            r"(?:the|that))",
            r"put \1 ",
        ),
        (
            ("make it so", "arrange it so", "fix it so"),
            r"\b(?:make|arrange|fix) it so (?:that )?NAMED (?:is|sits|lies|stands|ends up|lands) (?=(?:in|on|inside|"
            r"atop|on top of) (?:the|that))",
            r"put \1 ",
        ),
        (("where it belongs",), r"\bwhere it belongs ?[:,-] ?(?:in |into )?(?=BOWL)", "in "),
        (("in there",), r"\bin there ?[,:-] ?(?:in |into )?(?=BOWL)", "in "),
        (
            ("for the", "for that"),
            r"\b(?:i|we) would (?:really |just |so )?(?:love|like|prefer) for NAMED to (?:be|go|end up|sit|land) "
            r"(?=(?:in|on|inside|into|onto|atop|on top "
            r"of) (?:the|that))",
            r"put \1 ",
        ),
        (("top up", "replenish", "supplement"), r"\b(?:top up|replenish|supplement) BOWL with NAMED", r"put \2 into "
                                                                                                      r"\1"),
        ((" on top", " above"), r"\badd NAMED to (?:the top of )?NAMED(?: top)?\b", r"put \1 on \2"),
        (
            ("bowl ", "dish "),
            r"\b(?:the|a|that) (bowl|dish)(?: that is| which is| standing| sitting)? (?:by|near|next to|beside|in "
            r"front of|"
            rf"close to|nearest(?: to)?|closest(?: to)?|belonging to|of|below|under) (?:the|your) (left|right)(?: "
            rf"hand)? {ARM}"
            r"\b(?! side)",
            r"the \2 \1",
        ),
        ((" bowl",), rf"\b(left|right)(?: hand)? {ARM} (?=bowl\b)", r"\1 "),
        (
            ("bowl",),
            r"\bbowl ?[-:(,]+ ?(?:i mean )?(?:the )?(?:one )?(?:on|at|to) the (left|right)(?: hand)?(?: side)?(?: "
            r"one)?\b(?! (?:arm|"
            r"hand|gripper|bowl|of))",
            r"bowl on the \1",
        ),
        (
            (" have ", " see ", " get ", "having ", "seeing "),
            r"\b(?:i|we) (?:(?:would )?(?:really |also |just )?(?:like|love|want|need|wish|prefer)) to (?:have|see|"
            r"get) NAMED "
            rf"(?:(?:put|placed|sitting|lying|standing|moved) )?{_WHERE}",
            r"put \1 ",
        ),
        (
            ("let us ",),
            rf"\blet us (?:have|get|see|be having|be seeing) NAMED (?:(?:put|placed|sitting|lying|standing|moved) "
            rf")?{_WHERE}",
            r"put \1 ",
        ),
        (
            (" contain", " hold", " house", " accommodate"),
            rf"BOWL {_MUST} (?:contain|hold|house|accommodate|have|get|receive) NAMED(?: in it)?",
            r"put \2 in \1",
        ),
        (
            ("bowl is", "dish is"),
            r"BOWL is (?:the |a )?(?:\w+ )?(?:destination|place|home|target|spot|goal) (?:of|for) NAMED",
            r"put \2 in \1",
        ),
        (
            ("is where",),
            r"\b((?:in|into|on|onto|on top of|atop|inside) (?:the|that) (?:\w+ ){1,3}?\w+) is where NAMED (?:belongs|"
            r"goes|should go|"
            r"must go|has to go|needs to go|should be|lives|is to go)\b",
            r"put \2 \1",
        ),
        (
            ("i have ", "i got ", "we have ", "here is "),
            r"\b(?:(?:i|we) (?:have got|have|got)|here is) an? ((?:SIZES )*(?:COLORS )?SHAPES)(?: here| over here| "
            r"there)? ?,? "
            rf"?(?:and|which|that|;) ?(?:i|we) (?:need|want|would like) (?:it )?{_WHERE}",
            r"put the \1 ",
        ),
        (
            ("placed ", "positioned ", " put ", " set "),
            r"\b(pick up|lift|grab|take|grasp|get|fetch|raise|reach for|hover over|approach) NAMED (?:placed|"
            r"positioned|put|set) "
            r"(?=(?:on|at|to|in) (?:the|your) (?:left|right|middle|centre|center|back|front|far|near|edge|"
            r"corner)\b(?![^.,;]*\b(?:bowl|"
            r"dish)))",
            r"\1 \2 that is ",
        ),
        (
            (" one", "which is"),
            r" ?,? ?which is (?:the )?(COLORS)(?: one)? ?,",
            r" that is \1 ",
        ),
        (
            (" of the ",),
            r"\bthe (left|right)(?:most)?(?: hand)?(?: one)? of the (?:two )?((?:SIZES )*(?:COLORS )?)(cube|ball|"
            r"brick|can|cylinder|"
            r"block)s\b",
            r"the \1 \2\3",
        ),
    )
]  # fmt: skip
