"""Wordings of short English texts that leave something out, or tell in a telegram, with the plain order that they stand for."""

from finevla_core.language.english_idioms import ARM, compiled
from finevla_core.language.pattern_tables import Wording

_OUT = (
    r"(?:forbidden|prohibited|banned|barred|taboo|excluded|disallowed|not allowed|not permitted|not available|"
    r"unavailable|disabled|out of (?:service|order|action|bounds)|off duty)"
)
_LIFT = r"(?:lift|pick up|pick|take|grab|grasp|get|fetch|raise|put|place|stack|turn|move|bring|carry)"
_BASES = {"putting": "put", "moving": "move", "placing": "place", "taking": "take", "grabbing": "grab"}
EXCLUDED: list[Wording] = [
    (needles, compiled(pattern), by)
    for needles, pattern, by in (
        (
            ("forbidden", "prohibited", "banned", "barred", "taboo", "excluded", "allowed", "permitted", "available",
             "disabled", "out of ", "off duty"),
            rf"\b(?:the )?(left|right)(?: hand)? {ARM} (?:(?:is|being) )?{_OUT}(?! (?:to|for))",
            r"not with the \1 arm",
        ),
        (
            ("bowl that is not", "bowl which is not", "bowl that does not"),
            r"\bthe bowl (?:that|which) (?:is not|does not (?:stand|sit)) (?:on |to )?the left(?: side| hand side| "
            r"one)?\b",
            "the right bowl",
        ),
        (
            ("bowl that is not", "bowl which is not", "bowl that does not"),
            r"\bthe bowl (?:that|which) (?:is not|does not (?:stand|sit)) (?:on |to )?the right(?: side| hand side| "
            r"one)?\b",
            "the left bowl",
        ),
        (
            ("do not ", "never "),
            rf"\b(?:do not|never) ({_LIFT} [^.,;:]*?)(?:with|using) (?:the |your )?(?:left|right)(?: hand)?(?: "
            rf"{ARM})? ?[,;.] ?(?:but |rather |instead )?(?:use|take|do it with|with|using) (?:the |your )?(left|"
            rf"right)(?: hand)?(?: {ARM}| one)?(?= ?(?:$|[.,;!]|instead))",
            r"\1with the \2 arm",
        ),
        (
            (", not ",),
            r"^((?:only |just )?the (?:\w+ ){1,3}\w+) ?, not [^,.;]+, ?(?=(?:should|must|shall|has to|needs to|is to|"
            r"ought to) )",
            r"\1 ",
        ),
        (
            ("cancel", "scrap", "forget"),
            r"[;,.] ?(?:cancel|scrap|forget)(?: about)? NAMED ?[,;.] ?(?:use|take|make it|better|rather|instead use|"
            r"and use) NAMED",
            r", no , \2",
        ),
        (
            ("did i say",),
            r" ?[.,;-] ?did i (?:just )?say (?:the )?\w+(?: \w+)? ?[?,.!]+ ?(?:no ,? ?|i (?:mean|meant) )?",
            " , no , ",
        ),
        (("sorry", "think", "see "), r" +- +sorry ?,? (?!the|in|with|from)(?:\w+ ?){1,3} *- +| *,+ *let me (?:think|"
            r"see) *,+ *", " , no , "),
        (
            ("no ", "wait", "sorry", "er ", "actually", "i mean"),
            r"^(?:please )?(?:go|move|hover|reach|put|place|pick|stack|turn|lift|grab|take|drop|bring) ?(?:over|to|"
            r"up|on|in|at|towards|it)? *[,-]+ *(?:oh |uh )?(?:no|wait|sorry|er|actually|i mean|no wait)(?: *, *| "
            rf"+)(?={_LIFT}\b)",
            "",
        ),
        (
            ("ignore", "disregard", "forget"),
            r"\b(?:ignore|disregard|forget) (?:everything|all|anything|all things) (?:but|except|apart from|other "
            r"than) NAMED ?,? (?:and )?(lift|pick up|take|grab|raise) (?:that|it)(?: one)?(?: up)?\b",
            r"\2 \1",
        ),
        (
            ("anything ", "everything "),
            r"^(?:anything|everything) (?:other than|but|except) [^;.,]* (?:is|are|would be) (?:wrong|forbidden|bad|"
            r"no good|not ok)[^;.,]*[;.,] ?",
            "",
        ),
        (("alexa", "siri", "google", "chatgpt", "cortana"), r"^(?:hey |hi |ok |okay )?(?:alexa|siri|google|chatgpt|"
            r"cortana) ?,? ", ""),
        (("of the ",), r"^(?:please )?(?:make|do|perform|execute|carry out) (?:the |a )?(turning|lifting|grasping|"
            r"picking|rotation) of (?=the\b)",
         lambda found: {"turning": "turn ", "rotation": "turn ", "lifting": "lift "}.get(found[1], "grasp ")),
        (("necessary", "needed", "required"), r"^(?:it )?is (?:necessary|needed|required) (?:that you |for you "
            r")?(?:to )?", ""),
        (("by above", "by the left", "by the right"), r"\bby (?=above\b|the (?:left|right)(?: side)?(?= ?[.,!]| ?$))", "from "),
        (
            ("hand with", "hand for"),
            r"\b(?:give|lend) (?:me|us) a hand with NAMED ?, (?:it|that|which) (?:belongs|goes|should go|needs to go|"
            r"has to go|must go|is to go) ",
            r"put \1 ",
        ),
        (("clockwise",), r"^((?:counter)?clockwise) (?:on|with|for) the (?:dial|knob)\b", r"turn the knob \1"),
        (("left", "right"), r"\b(go|goes|put|place|drop) (left|right) ?, (in|into) the bowl\b", r"\1 \3 the \2 bowl"),
        (
            ("would the", "could the", "can the", "will the", "would your", "could your", "can your", "will your"),
            rf"^(?:would|could|can|will) (?:the|your) (left|right)( hand)?( {ARM})? (?:please |kindly )?(?:care|like|love|be "
            r"able|be willing|want|be so kind as) to ",
            r"with the \1\2\3 ",
        ),
        (("front of and", "and in front"), r"\b(?:in front of and behind|behind and in front of) ",
        "at the front and back of "),
        (("let ",), r"\blet NAMED (?:carry|hold|support|bear|wear|have|receive) NAMED(?= ?[.,!]| ?$)", r"put \2 on \1"),
        (("hand me up",), r"\bhand me up\b", "pick up"),
        ((" one, the", " one , the"), r"\bthe ((?:SIZES )?COLORS) one ?, the (cube|block|ball|sphere|can|tin|"
            r"cylinder|brick|bar|slab)\b(?: ?,)?", r"the \1 \2"),
        (
            ("not ",),
            r"\b(red|green|blue|yellow|purple|orange) (\w+) ?[(,-]+ ?not \1 ?,? (?:but )?(red|green|blue|yellow|"
            r"purple|orange)\b(?! \w)(?: ?\))?",
            r"\3 \2",
        ),
        (
            (" stay", " wait", " remain", " hold"),
            rf"^((?:go|get|move|hover|come|reach|head) [^,.;]+), (?:the )?(left|right)( hand)?( {ARM})? ?, (?:and "
            rf")?(?:then )?(?:just )?"
            r"(?=(?:stay|wait|remain|hold) )",
            r"with the \2\3\4 \1 and ",
        ),
        (("handle ",), r"\bhandle (?:it |this )?with (?:the |your )?(?=left|right)", "use the "),
        ((" colon",), r" ?\bcolon\b", " :"),
        (("pull ",), r"\bpull NAMED (?:straight|right|directly|vertically) up\b", r"lift \1"),
        (
            ("clockwise ",),
            r"\bgive (?:me |us )?a ((?:counter)?clockwise) (?:twist|turn|rotation|spin|nudge) (?:of|to|on) the "
            r"(knob|dial)\b",
            r"turn the \2 \1",
        ),
        (
            ("when you", "once you", "as soon as you"),
            r"^(?:please )?(?:let me know|tell me|say so|call me|shout) (?:when|once|as soon as) you (?:are|have) "
            r"(?:done|finished) (?:with )?"
            r"(lifting|picking|putting|moving|stacking|turning|clearing|taking|grabbing|placing)\b",
            lambda found: _BASES.get(found[1], found[1][:-3]),
        ),
        (
            ("thank",),
            r"^(?:many )?(?:thanks|thank you)(?: so much| very much| a lot)? for \w+ing [^.;!?]*[.;!] ?(?=.*\w)",
            "",
        ),
        (("bin ",), r"\bbin (?=(?:the|that|it|every\w*|all)\b[^.;]*\bbowl)", "put "),
        (("greeny", "bluey", "yellowy"), r"\b(green|blue|yellow)y\b", r"\1"),
        (
            ("knob", "dial"),
            r"^(?:the )?(knob|dial) ?[,:]? ?(?:to the )?(left|right)(?: a (?:bit|little))?(?: ?,? ?please)? ?[.!]?$",
            r"turn the \1 to the \2",
        ),
    )
]  # fmt: skip
