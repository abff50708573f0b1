"""English wordings that announce a job as a noun, search for a word or start anew, with the plain order that they stand for."""

import re

from finevla_core.language.english_idioms import compiled
from finevla_core.language.pattern_tables import Wording

_DEEDS = {
    "pick": "pick", "pick up": "pick up", "pickup": "pick up", "lift": "lift", "grasp": "grasp", "grab": "grab",
    "grip": "grip", "picking": "pick", "picking up": "pick up", "lifting": "lift", "grasping": "grasp",
    "reach": "reach", "reaching": "reach", "approach": "approach", "approaching": "approach", "hover": "hover over",
    "turn": "turn", "rotation": "turn", "twist": "turn", "turning": "turn", "spin": "turn", "place": "put",
    "placement": "put", "placing": "put", "transfer": "put", "stack": "stack", "stacking": "stack", "transport": "put",
}  # fmt: skip
_DEED = "(" + "|".join(sorted(_DEEDS, key=len, reverse=True)) + ")"
_WAYS = {
    "top": "from above", "top down": "from above", "overhead": "from above", "vertical": "from above",
    "left": "from the left", "left side": "from the left", "right": "from the right", "right side": "from the right",
    "clockwise": "clockwise", "counterclockwise": "counterclockwise", "anticlockwise": "counterclockwise",
    "lengthwise": "lengthways", "lengthways": "lengthways", "crosswise": "crosswise", "sideways": "sideways",
}  # fmt: skip
_WAY = "(" + "|".join(sorted(_WAYS, key=len, reverse=True)) + ")"
_HOW = r"(?:gentle|slow|careful|quick|clean|simple|single|normal|standard|quarter|half|full|small|short|little|precise)"
_THING = r"((?:the )?(?:SIZES )?COLORS SHAPES)"
_SEEKS = (
    r"(?:(?:what|how) (?:is it|do you|does one|do they|do we|you) (?:called|call (?:it|that|this|them)|say(?: it| "
    r"that)?)"
    r"|what is (?:the|that|its) (?:word|name)(?: again| for it)?|what is it(?: called)?(?: again)?|what (?:do )?you "
    r"(?:may )?call it"
    r"|whatchamacallit|whatsit|thingamajig|thingamabob|let me (?:think|see)(?: now)?|how shall i (?:say|put it)"
    r"|how do i (?:say|put) (?:it|this)|i forget the (?:word|name)|you know(?: what)?)"
)
_AGAIN = (
    r"(?:no|no wait|no no|no sorry|sorry no|wait no|oh no|oh wait|sorry|i mean|i meant|no i mean|no i meant|er no|uh "
    r"no|um no"
    r"|or rather|rather|hang on|hold on|no hang on|actually no|no actually|not that)"
)


def _ordered(found: re.Match[str]) -> str:
    """ "Do a slow top grasp of the cube": "grasp the cube from above"."""
    way, deed, thing = found[1], found[2], found[3]
    return f"{_DEEDS[deed]} {thing} {_WAYS[way]}" if way else f"{_DEEDS[deed]} {thing}"


def _named_job(found: re.Match[str]) -> str:
    """ "The action is a pick-up": "pick it up"; "the job is reaching": "reach it"."""
    way = f" {_WAYS[found[1]]}" if found[1] else ""
    return f"{_DEEDS[found[2]]} it{way}"


# Said in texts of any length: somebody searches for a word, or says a part again without a pause.
SPOKEN: list[Wording] = [
    (needles, compiled(pattern), by)
    for needles, pattern, by in (
        (
            (
                "comma",
                "full stop",
                "period",
                "exclamation",
                "question mark",
                "new line",
                "new paragraph",
                "new sentence",
            ),
            r" ?[,.]? ?\b(comma|full stop|period|exclamation (?:mark|point)|question mark|new (?:line|paragraph|"
            r"sentence))\b ?[,.:]?",
            lambda found: " , " if found[1] == "comma" else " . ",
        ),
        (("quote",), r" ?,? ?\b(?:open |close |end |begin )?(?:un)?quotes?\b(?! (?:of|from|me|him)) ?,?", " "),
        (
            ("right",),
            r"^right ?[,.!:]? (?:then )?(?=(?:so|now|let|i|we|could|can|would|please|time|next|here|you|pick|lift|"
            r"take|grab|get|put|"
            r"place|stack|turn|clear|clean|tidy|move|reach|go|the (?:knob|COLORS|SHAPES|SIZES)|that)\b)",
            "",
        ),
        (("right",), r"^(?!.*\b(?:knob|dial|turn|twist|rotate|spin)\b)(.*), ?right ?\?$", r"\1 ."),
        (
            ("forget", "hesitate", "fail to", "afraid to"),
            r"\b(?:and |but )?(?:do not|never|please do not) (?:forget|hesitate|fail|be afraid|be "
            r"shy) to(?! not\b)",
            "please",
        ),
        (
            ("what", "how", "think", "let me see", "forget the", "you know", "thingam"),
            rf"\b(the|a|on|in|with|your|that)((?: \w+)?) ?,? {_SEEKS} ?\??,? ?(?:the )?(?=(?:SIZES |COLORS )"
            rf"*(?:COLORS|SHAPES|"
            r"knob|dial|left|right|bowl)\b)",
            r"\1\2 ",
        ),
        (
            (" no ", " wait", "sorry", " mean", "rather", "hang on", "hold on", "not that"),
            rf"\b(the|that) ((?:SIZES )?COLORS)(?: SHAPES)? {_AGAIN} (?=(?:the |that )?(?:SIZES )?COLORS (?:SHAPES)\b)(?:the |"
            rf"that )?",
            r"\1 ",
        ),
        (
            ("with", "use", "using"),
            r"\b(with|use|using) (?:the|your|my) (?:left|right)(?: hand| arm| gripper)? ?(?:, )?(?:let me (?:think|"
            r"see) )?"
            r"(?:,? ?(?:no|er|uh|um) )?,? ?\1 (?=(?:the|your|my) (?:left|right)\b)",
            r"\1 ",
        ),
        (("wise", "ways"), r"\b(width|length|cross|side|long) (wise|ways)\b", r"\1\2"),
        (
            ("one of the", "of the two bowls", "of the bowls"),
            r"\bthe (left|right)(?: hand)?(?: one)? of the (?:two )?(bowl|arm|hand|gripper)s\b",
            r"the \1 \2",
        ),
        (
            ("both", "each", "two"),
            r"\b(?:both|each|two)(?: (?:of )?(?:your |the )?(?:arms|hands|grippers|of them))?[ ,.;:-]*(?:no|er no|"
            r"wait|sorry|"
            r"er|uh|i mean|scratch that|or rather|rather)[ ,.;:-]*(?:no |wait |sorry |i mean |,|-|\.| )*(?:(?:just|"
            r"only) )?"
            r"(?:with |using )?(?=(?:the|your) (?:left|right)|(?:only|just) (?:the|your) (?:left|right))",
            "",
        ),
    )
]

# Said in short texts: the job stands as a noun, the thing in a sentence of its own.
ANNOUNCED: list[Wording] = [
    (needles, compiled(pattern), by)
    for needles, pattern, by in (
        (
            ("stack", "tower", "pile"),
            rf"\b(?:(?:build|make|form|create) )?(?:(?:me|us) )?(?:an? )?(?:stack|tower|pile) ?[:,] ?{_THING} (?:is |"
            rf"goes )?UNDER ?(?:,|and|, and) ?{_THING} (?:goes |is )?(?:on it|on that|TOP)",
            r"put \2 on \1",
        ),
        (
            ("nothing ",),
            r"\bnothing (?:should|must|may|shall|is to|can|has to) (?:be left|remain|stay|be|lie)(?: lying| standing|"
            r" there| behind)? on the "
            r"(?:table|desk|tabletop)",
            "clear the table",
        ),
        (
            ("about ", "regarding", "concerning", "as for", "with regard", "as regards"),
            r"^(?:now |and |so )?(?:about|regarding|concerning|as for|with regard to|as regards) NAMED ?[:,;-] ?it\b",
            r"\1",
        ),
        (
            ("asking for", "calling for", "waiting for"),
            r"\b(?:is|are) (?:asking|calling|waiting) for NAMED (?=on|in|into|onto|atop)",
            r"wants \1 ",
        ),
        (
            ("out of all", "out of the", "from all"),
            r"^(?:out of|from) (?:all )?(?:of )?the (?=(?:\w+ )?(?:balls|cubes|bricks|cylinders|cans|blocks)\b)",
            "of the ",
        ),
        (
            (" one",),
            r"\bthe (?:COLORS|SIZES) one ?[.,] ?(?:no|wait|sorry|er)[ ,.]*(?:not that one[ ,.]*)?the (?=(?:COLORS|"
            r"SIZES) one)",
            "the ",
        ),
        (
            ("better from", "rather from"),
            r"[ ,.]*(?:hmm|or|no|maybe|wait|well|,|\s)*\b(?:better|rather) (?=from (?:the|above))",
            " , no , ",
        ),
        (
            (", up", " , up"),
            r"^((?!.*\b(?:lift|pick|grab|take|put|raise|get|bring|go|move)\b).*COLORS SHAPES.*) ?, ?(?:and )?up "
            r"?[.!]?$",
            r"\1 , lift it",
        ),
        (("dispose",), r"\bdispose of NAMED (?=(?:in|into) )", r"put \1 "),
        (
            ("everything is", "all is"),
            r"(?<!if )(?<!when )(?<!once )(?<!that )(?<!because )(?<!as )\b(?:everything|all) is (?:ready|set|set up|"
            r"prepared|in place|fine|ok|okay|good|quiet|clear now|checked|on)\b ?[,.;:]? ?",
            "",
        ),
        (
            ("new ", "next "),
            r"^(?:ok |okay |so |now |and )?(?:a )?(?:new|next|another) (?:task|job|order|command|instruction|request|"
            r"one|step|"
            r"go|try|attempt|round|exercise) ?[,.:;-]? ?(?=\w)(?!is\b|will\b|for\b|in\b|on\b)",
            "",
        ),
        (
            ("pull up ", "draw up ", "cup "),
            r"\b(?:pull up|draw up|cup) NAMED(?= ?[,.!;]| ?$| with| from| using)",
            r"lift \1",
        ),
        (
            ("free up ", "free "),
            r"PLEASEfree(?: up)? (?:the |this )?(?:whole |entire )?(?:table|desk|tabletop|work ?space)\b(?! of)",
            r"\1clear the table",
        ),
        (("place down", "lay down"), r"\b(place|lay) down NAMED", r"\1 \2"),
        (("go right up", "right up to"), r"\bright up to\b", "up to"),
        (
            ("should ", "ought "),
            r"^(?:so |now |ok |okay |then )?we (?:should|ought to|had better) (?:now |really |first )?(?=(?:lift|"
            r"pick|take|grab|"
            r"put|place|stack|turn|clear|clean|tidy|move|reach|get|go)\b)",
            "",
        ),
        (
            (
                "do ",
                "make ",
                "perform ",
                "execute ",
                "carry out",
                "initiate",
                "start ",
                "begin ",
                "run ",
                "undertake",
                "try ",
                "attempt",
                "conduct ",
                "request",
                "want ",
                "need ",
                "like ",
                "effect ",
            ),
            r"(?<!not )(?<!never )\b(?:do|make|perform|execute|carry out|initiate|start|begin|run|undertake|try|"
            r"attempt|conduct|effect|"
            r"request|want|"
            rf"need|would like)(?: me| us)? (?:a|an|one|the|another) (?:{_HOW} )*(?:{_WAY} )?(?:{_HOW} )*{_DEED}(?: "
            rf"motion| "
            r"action| move| operation)? (?:of|on|for|to|onto|over|towards?|with|at) NAMED",
            _ordered,
        ),
        (
            ("turn", "rotat", "twist", "spin"),
            r"(?<!not )(?<!never )\b(?:do|make|perform|execute|carry out|give)(?: it)? (?:a|an|one|the|another) "
            rf"(?:{_HOW} )*(?:(clockwise|counterclockwise|anticlockwise) )?(?:{_HOW} )*(turn|rotation|twist|spin) "
            rf"(?:of|on|with|to|at)"
            r" ((?:the|that) (?:knob|dial))",
            _ordered,
        ),
        (
            ("run ", "do ", "perform ", "execute ", "start ", "begin "),
            rf"(?<!not )(?<!never )\b(?:run|do|perform|execute|start|begin) (?:a|an|one|the) (?:{_WAY} )?{_DEED} ?"
            rf"[:,;-] ?(?=(?:the )"
            rf"?(?:SIZES |COLORS )*"
            r"(?:COLORS|SHAPES|knob|dial)\b)",
            lambda found: f"{_DEEDS[found[2]]} ",
        ),
        (
            ("object", "target", "item", "thing", "piece", "part"),
            r"\b(?:the|your|our|my) (?:next |current |present |only |main )?(?:object|target|item|thing|piece|"
            r"workpiece|part)(?: "
            r"(?:in question|here|now|today|this time|of interest|to (?:take|use|move|handle)))? (?:is|will be|shall "
            r"be|being) NAMED",
            r"there is \1",
        ),
        (
            ("action", "job", "task", "deed", "operation", "motion", "order"),
            r"\b(?:the|your|our|my) (?:next |current |present |only |main )?(?:action|job|task|deed|operation|motion|"
            r"order|thing to "
            rf"do)(?: (?:here|now|today|this time|to do))? (?:is|will be|shall be|being) (?:a|an|the|to)? ?(?:{_HOW} "
            rf")*(?:{_WAY} )?"
            rf"{_DEED}\b(?! (?:the|that|it|up the)\b)",
            _named_job,
        ),
        (
            ("arm is", "hand is", "gripper is", "arm to use", "hand to use"),
            r"\bthe (?:arm|hand|gripper)(?: to use| in question)? (?:is|will be|shall be) (?:the |your )?(left|right)"
            r"(?: (?:one|arm|hand|"
            r"gripper))?(?= ?[,.;]| ?$| and\b)",
            r"use the \1 arm",
        ),
        (
            ("goal", "aim", "idea", "task", "job", "plan", "point", "objective"),
            r"\b(?:the|our|my|your) (?:goal|aim|idea|task|job|plan|point|objective)(?: (?:here|now|today|this time|"
            r"is simple))? (?:is|"
            r"would be)(?: simply| just)? (?:to )?(?:have|see|get|bring) NAMED (?=(?:in|into|on|onto|inside|atop|on "
            r"top of) the)",
            r"put \1 ",
        ),
        (
            ("in the air", "in mid air", "off the table", "up high", "aloft"),
            r"\b(?:have|see|get|want|need|like) NAMED (?:up )?(?:in the air|in mid air|off the table|up high|aloft|"
            r"up in the air)",
            r"lift \1",
        ),
        (
            (" up with", " down with"),
            r"(?:^|(?<=[,.;:] ))((?:your |the |its )?(?:left|right)(?: hand)? ?(?:arm|hand|gripper|claw)?) (?:goes |"
            r"comes )?up with "
            r"((?:the )?(?:(?:small|big|little|large|COLORS) )*(?:COLORS|SHAPES))",
            r"with \1 lift \2",
        ),
        (
            ("sort ", "straighten out", "deal with", "see to", "take care of"),
            r"\b(?:sort out|straighten out|deal with|see to|take care of|sort) the (?:whole |entire )?(?:table|desk|"
            r"tabletop)\b|\bsort the "
            r"(?:table|desk|tabletop) out\b",
            "clear the table",
        ),
        (
            ("is a mess", "is messy", "is untidy", "is dirty", "is full", "is cluttered"),
            r"\b((?:table|desk|tabletop) is (?:a (?:\w+ )?mess|messy|untidy|cluttered|full)) ?[,.;:]+ ?(?:so |please "
            r"|and |just )*(?:sort|"
            r"fix|do something about|see to|clean|clear|tidy) it(?: out| up)?\b",
            r"\1 , clear the table",
        ),
        (
            (" mean",),
            r"NAMED ,? ?(?:i mean|that is)(?= ?,? (?:goes|belongs|should|must|has to|needs|is|shall|ought)\b)",
            r"\1 ,",
        ),
        (
            ("one , please", "one, please"),
            r"\bthe (SIZES) one ?, please ?, (?:the |that )(?=COLORS|SHAPES)",
            r"the \1 ",
        ),
    )
]
