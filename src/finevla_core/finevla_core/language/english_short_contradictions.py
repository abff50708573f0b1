"""Finds what a short English text takes back, wants twice or says in two ways, and what it asks for besides a job."""

import re

from finevla_core.language.english_role_placeholders import in_names
from finevla_core.language.english_slots import Decision
from finevla_core.language.english_statements import COLOR, SHAPE
from finevla_core.language.english_text import EnglishText
from finevla_core.language.pattern_tables import stands

_ARMS = r"(?:arms?|hands?|grippers?|claws?|manipulators?)"
_POST = r"(?:post|pole|pillar|column|rod|mast|obstacle|stick)"
_END = r"(?= ?(?:$|[.,;!]))"
_CARRIED = ("pick", "place", "stack")
_ALL = ("reach", "pick", "place", "stack", "turn", "clean")
_BOTH_BOWLS = "you say both the left and the right bowl: say one"
_BOTH_ARMS = "you say both left and right: say which arm"
_NO_ARM = "you exclude both arms"
_TAKEN_BACK = "you take it back: say what to do"
_ONE = "one thing at a time: say only the first job"
_LIMITS = "I cannot ignore my limits or what I was told before"
_AGAINST = "you contradict yourself"
_TWO_SIDES = "you say two sides to come from: say one"

# Over the words as they stand: words of which one must be there, pattern, reason.
_PLAIN = [
    (needles, re.compile(pattern), reason)
    for needles, pattern, reason in (
        (
            ("bowl", "left and the right one"),
            r"\b(?:in|into|to|inside) the (?:left|right)(?: bowl)? (?:and|or else)(?: also| then)? (?:in |into |to |"
            r"inside )?(?:the )?"
            r"(?:left|right) (?:bowl|one)\b",
            _BOTH_BOWLS,
        ),
        (
            ("bowl",),
            rf"\bleft bowl (?:on|at|to) the right(?: side)?{_END}|\bright bowl (?:on|at|to) the left(?: side)?{_END}|"
            rf"\bleft bowl ?,? "
            r"(?:which|that) is the right\b|\bright bowl ?,? (?:which|that) is the left\b",
            _BOTH_BOWLS,
        ),
        (
            ("left right", "right left", "left and right", "right and left"),
            rf"\b(?:left right|right left) (?:bowl|dish|{_ARMS})\b|\b(?:arm|hand|gripper) (?:that|which) is (?:both "
            rf")?(?:left and right|right and left)\b",
            _BOTH_ARMS,
        ),
        (
            ("use ",),
            rf"\buse (?:only |just )?the (left|right)(?: hand)? {_ARMS}\b.*\bdo not use the \1\b",
            _AGAINST,
        ),
        (
            ("no ", "neither ", "none "),
            rf"\b(?:use|using|by|with) (?:no|neither|none of (?:your|the)) {_ARMS}\b(?! (?:but|other|except|besides|"
            rf"at|of))",
            _NO_ARM,
        ),
        (
            ("both ",),
            rf"\b(?:keep|keeping|leave|leaving|with) both (?:of )?(?:your |the )?{_ARMS} (?:parked|still|idle|at rest|"
            rf"folded|home|at home|"
            r"motionless|where they are|in place|down|switched off|resting)\b",
            _NO_ARM,
        ),
        (
            (" nothing",),
            rf"\b(?:touch|move|take|grab|lift|grasp|put) nothing(?: at all| away| anywhere)?(?: and| but|{_END})(?! "
            rf"(?:else|but|except|besides|other|apart))",
            "you say to take things, and to touch nothing",
        ),
        (
            ("not", "never mind", "forget it", "cancel", "scratch that", "leave it"),
            r"[,.;!-] ?(?:(?:no|wait|actually|oh|hmm|sorry|well|on second thoughts?|please) ,? ?)*(?:do not|please do "
            r"not|do not do (?:it|that)|"
            r"forget it|cancel(?: that| it)?|scratch that|better not|rather not|i would rather not|leave it)(?: "
            r"please)?[.! ]*$",
            _TAKEN_BACK,
        ),
        ((" do it ",), r"\bdo it (?:and|but|,) (?:then )?do not do it\b", _AGAINST),
        (
            ("not from",),
            r"\bfrom (?:the |its )?(left|right|top|front|far side|above) ?,? (?:but |and )?not from (?:the |its )?\1\b",
            _AGAINST,
        ),
        (
            ("left and", "right and"),
            r"\b(?:approach|com|arriv|enter|go)(?:e|es|ing|s)? (?:\w+ ){0,5}from (?:the |its )?(?:left and (?:from "
            r")?(?:the |its )?right|right "
            rf"and (?:from )?(?:the |its )?left)\b(?! {_ARMS})",
            _TWO_SIDES,
        ),
        (
            (" is small", " is tiny", " is little", " is big", " is large", " is huge"),
            r"\b(?:big|large|huge)\b(?:(?!\b(?:small|tiny|little)\b)[^.;])*, (?:it|which|that) is (?:small|tiny|"
            r"little)\b(?! enough)|\b(?:small|"
            r"tiny|little)\b(?:(?!\b(?:big|large|huge)\b)[^.;])*, (?:it|which|that) is (?:big|large|huge)\b(?! enough)",
            "you say both small and big: say one",
        ),
        (("as well as",), rf"\bas well as (?:the|that|a|one) (?:small |big )?(?:{COLOR}|{SHAPE}|knob|dial)\b", _ONE),
        (
            ("every ", "each ", "all "),
            r"\b(?:point|hover|reach|go|touch|move|travel|head)(?:s|ing)? (?:at|over|to|for|above|towards|out for) "
            r"(?:every|each|all) ",
            _ONE,
        ),
        (
            ("even if", "even when", "even though", "ignor", "despite", "regardless"),
            r"\b(?:even (?:if|when|though|after)|ignore|ignoring|despite|regardless of) (?:the |an |a |any |your |my "
            r")?(?:emergency|stop button|stop "
            r"switch|stop signal|stop command|e stop|red button|dead ?man|watchdog|safety|bridge|alarms?|light "
            r"curtain|collision)\b",
            _LIMITS,
        ),
        (
            ("my ", "his ", "her "),
            r"\b(?:my|his|her|our) (?:\w+ )?(?:fingers?|hands?|heads?|arms?|face|foot|nose|eye|ear|leg|dog|cat|child|"
            r"baby|son|daughter) (?:is|are) "
            rf"(?:really |actually |now |also )?(?:the|a|an|our|called|named) (?:\w+ ){{0,2}}?(?:{COLOR}|{SHAPE}|knob|"
            rf"dial)\b",
            "I do not reach for people",
        ),
        (
            ("instruction", "prompt", "password", "configuration", "settings", "source code", "your rules"),
            r"\b(?:repeat|print|reveal|show|tell|output|recite|display|list|change|edit|delete) (?:me |us )?(?:all |"
            r"of |your |the |my )+(?:system "
            r"|hidden |secret |initial )?(?:instructions?|prompts?|passwords?|configuration|settings|source code|"
            r"rules)\b",
            _LIMITS,
        ),
        (
            ("bowl ", "dish "),
            r"\b(?:in|into|on|onto|inside|at|to) the (?:left |right )?(?:bowl|dish) (?:shadow|reflection|neighbou?r|"
            r"picture|cover|stand|box|lid|vicinity|"
            r"handle|twin)\b",
            "I can put things into the left or the right bowl: say which",
        ),
        (
            (" i mean ", " i meant "),
            r"\b(?:and|but|where) by (?:the )?(?:left|right|red|green|blue|yellow|purple|orange|cube|ball|brick|can|"
            r"bowl|clockwise)[^.;,]{0,20} i (?:mean|meant)\b",
            _AGAINST,
        ),
        (
            ("skip", "omit", "forgo", "leave out", "drop the"),
            r"\b(?:skip|omit|drop|forgo|leave out|do without) (?:the |all |any |your )*(?:(?:safety|limit|collision) "
            r")?(?:checks?|safety|tests?|limits|"
            r"supervision)\b",
            _LIMITS,
        ),
        (
            ("my ", "his ", "her ", "their ", "our ", "'s"),
            r"\b(?:against|at|to|on|onto|into|over|under|behind|around|in|inside|near) (?:my|his|her|our|their) "
            r"(?:own |left |right )?(?:throat|neck|"
            r"chest|eyes?|ears?|head|face|nose|mouth|lap|knees?|foot|feet|shoulders?|belly|stomach|back|hair|skin|"
            r"fingers?|hands?|arms?|palm|body|"
            r"leg|legs|tongue|lips?|teeth)\b",
            "I do not reach for people",
        ),
        (
            ("over and", "round and", "around and", "above and"),
            rf"\b(?:over|above) (?:and|as well as|plus) (?:then )?(?:a?round|past) (?:the )?{_POST}\b|\b(?:a?round|"
            rf"past) (?:and|as well as|plus) (?:then "
            rf")?(?:over|above) (?:the )?{_POST}\b",
            "you say both over and round the post: say one",
        ),
        (
            ("except nothing", "but nothing", "and nothing", "nothing stays"),
            r"\b(?:except|and|but|yet) nothing (?:stays|goes|is put|ends up|lands|remains|is|may be|must be) (?:in|"
            r"into) ",
            _AGAINST,
        ),
        (
            ("stack ", "pile "),
            r"\b(?:stack|pile)(?: up)? (?:them all|all of them|everything|them|it all|all of this|all the \w+|the "
            r"lot)(?: up)?(?= ?(?:$|[.,;!])| on top of "
            r"each| together)",
            _ONE,
        ),
        (("or ",), r"\bor ,? ?if (?:there|you|it|that|not)\b", _ONE),
        (
            ("bearing", "joint", "valve", "foil", "house", "yard", "stool", "opener", "holder", "cutter", "pit"),
            r"\b(?:ball|brick|block|tin|bar|cylinder|knob|can) (?:bearings?|joints?|valves?|foil|house|yard|stool|"
            r"opener|holder|cutter|pit|lock|head)\b",
            "I tell things by their colour, shape and size only",
        ),
        (
            ("use ", "using "),
            rf"\b(?:use|using) (?:a|an|the|that|some) (?:\w+ ){{0,2}}(?:{_POST}|{SHAPE}|bowl) to (?:pick|lift|move|"
            rf"bring|push|carry|turn|grab|put|get|knock|"
            r"reach|press|take|stack)\b",
            "I use my grippers only",
        ),
        (
            ("never ", "not "),
            r"^(?:we|i|nobody|no one|they|he|she)\b(?: \w+)? (?:never|not) (?:know|understand|find out|forget|"
            r"remember|learn) (?:who|why|how|what|where|"
            r"when|whether|if)\b[^.;!?]*[.!]?$",
            "say what to do",
        ),
        (("with the", "with a", "with that"), r"\bwith (?:the|a|that) (?:whatsit|thingy|whatchamacallit|thingamabob|"
                                              r"doodad|doohickey)\b", "say what to do"),
        (("joint",), r"\bjoints? (?:number |no )?\d+\b", "I cannot move single joints"),
        (
            ("checks", "supervision", "safeguard", "limits", "restrictions"),
            r"\bwithout (?:any |further |the |your |safety )*(?:checks|supervision|safeguards?|limits|restrictions)\b",
            _LIMITS,
        ),
        (
            ("backward",),
            rf"\b(?:pick|lift|grab|take|put|place|stack|carry)\b(?:(?!\bmov)[^.,;])* backwards?{_END}",
            "I cannot do it backwards",
        ),
        (
            ("unless ",),
            r"\bunless (?:it|that|the \w+(?: \w+)?) (?:is|are|has|weighs|looks|turns|feels)\b",
            "I cannot decide that: say one thing to do",
        ),
        (
            ("between ",),
            rf"\bbetween (?:the )?{_POST} and (?:the )?(?:table|desk|tabletop|ground|floor)\b",
            "I carry things over the post or round it",
        ),
        ((" along ",), r"\balong (?:the )?(?:ceiling|walls?|floor|ground|roof)\b", "I cannot go there"),
        (
            ("on its ", "onto its ", "upon its "),
            r"\b(?:put|place|stack|stand|set|balance|lay|rest)\b[^.;]* (?:on|onto|upon) its (?:corner|edge|side|end|"
            r"head|point|tip|short side|long "
            r"side|face)\b(?! (?:of|and|or))",
            "I cannot turn things over or stand them up",
        ),
        (
            (" of one finger", " of a finger", " of your finger", " of a single", " of the finger"),
            r"\b(?:with|using|by|on) (?:just |only )?(?:the )?(?:tip|end|nail|pad|point) of (?:one|a|your|a single|"
            r"the) (?:\w+ )?finger\b",
            "I grip with both fingers of a hand",
        ),
        (
            ("not know", "no idea", "not sure", "who knows"),
            r"^(?:maybe|perhaps|possibly|probably|the|a|or|either)\b.*\b(?:i do not know|i am not sure|no idea|who "
            r"knows)[.!? ]*$",
            "say one thing to do",
        ),
        (
            ("the ", " a "),
            r"\b(?:the|a|an) (?:with|of|into|onto|from|and|or) (?:of|with|from|into|the|and|or|\d+)\b",
            "say what to do",
        ),
        (
            ("yesterday", "earlier", " ago", "this morning", "last "),
            r"^(?:so |well |and |oh |,|\s)*(?:yesterday|earlier|this morning|last \w+|a (?:moment|minute|while|"
            r"second) ago|\w+ (?:minutes?|hours?|"
            r"days?|weeks?) ago)(?: today)? ?,? (?:it|the robot|you|he|she|they|we|i|the (?:left |right )?(?:arm|hand|"
            r"gripper)) (?:put|set|took|"
            r"\w+ed|brought|got|had|was|were|did)\b[^.;!?]*[.!]?$",
            "this only tells what was done: say what to do",
        ),
    )
]  # fmt: skip
_SHAPES = ("cube|block", "ball|sphere", "can|tin|cylinder", "brick|bar|slab")
_PLAIN += [
    (
        ("that is a", "which is a"),
        re.compile(
            rf"\b(?:{one}) ?,? (?:the one )?(?:that|which) is (?:really |also |actually )?an? (?:"
            rf"{'|'.join(other for other in _SHAPES if other != one)})\b"
        ),
        "nothing here has both of these shapes",
    )
    for one in _SHAPES
]
# Over the parts that things play: tasks, pattern, reason.
_PARTS = [
    (tasks, re.compile(pattern), reason)
    for tasks, pattern, reason in (
        (
            ("turn",),
            r"\bwithout (?:ever )?(?:touching|turning|moving|gripping|grasping|rotating) (?:TARGET|it)\b(?! (?:too|so|"
            r"very|more|any|\w+ly))",
            _AGAINST,
        ),
        (
            ("turn", "pick", "place", "stack"),
            r"\b(?:but|yet) (?:leave|keep) (?:it|TARGET) (?:exactly |just )?(?:as|where|how) it is\b",
            _AGAINST,
        ),
        (
            ("clean",),
            r"\b(?:but|and|yet|while) (?:leave|keep|leaving|keeping) (?:OTHER|TARGET|THING|(?:all|every|any|the) "
            r"(?:\w+ ){0,2}?\w+) (?:on "
            r"(?:it|TABLE|top)|there|where (?:it|they) (?:is|are|lies?))\b",
            "you say to clear the table, and to leave it as it is",
        ),
        (
            ("stack",),
            r"\b(?:but|and|yet)(?: do)? (?:not|never) (?:(?:put|place|stack|set) (?:it|TARGET) )?(?:on|onto|on top of|"
            r"atop|upon) "
            r"(?:SUPPORT|it|that)\b",
            "you say to put it there, and that it must not be there",
        ),
        (
            _CARRIED,
            r"\bwithout (?:ever )?(?:leaving|coming off|losing (?:contact|touch) with|lifting off|taking it off|"
            r"raising it from|rising from|being "
            r"lifted (?:off|from)) TABLE",
            "you say to lift it, and that it must not leave the table",
        ),
        (
            ("place",),
            r"\b(?:and|but|yet)(?: also| then| still)? (?:leave|keep) (?:it|TARGET) (?:out of|outside|outside of|away "
            r"from|off) BOWL",
            "you say to put it there, and that it must not be there",
        ),
        (
            ("stack",),
            r"\bSUPPORT (?:must|should|may|can|shall|does|will) (?:not|never) (?:carry|bear|support|have|hold|get|be "
            r"touched|be covered)\b",
            "you say to put it there, and that it must not be there",
        ),
        (_ALL, rf"[.;] (?:next|then|after that|afterwards|and then|also|finally|last) ,? OTHER{_END}", _ONE),
    )
]
_JOINTS = (
    "without",
    " but ",
    " yet ",
    " and ",
    " while ",
    " not ",
    " never ",
    "next",
    "then",
    "after",
    "also",
    "finally",
    "last",
)
_DENIED = re.compile(r"\b(?:not|never|no|without|avoid\w*|instead of|rather than)\b[^.,;]{0,30}$")


def short_contradiction(text: EnglishText, out: Decision) -> str:
    """Say what a short text takes back, wants in two ways, or asks for besides its job.

    Args:
        text: the text, a short one.
        out: what it seems to want.

    Returns:
        One sentence for the operator; "" where there is none.
    """
    words = text.words
    letters = set(words)
    for needles, pattern, reason in _PLAIN:
        if stands(needles, words, letters) and any(
            not _DENIED.search(words[: hit.start()]) for hit in pattern.finditer(words)
        ):
            return reason
    if not any(word in words for word in _JOINTS):
        return ""
    task, named = out.slots.get("task", ""), in_names(text, out)
    return next((reason for tasks, pattern, reason in _PARTS if task in tasks and pattern.search(named)), "")
