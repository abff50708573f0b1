"""Wordings of short English texts that leave something out, or tell in a telegram, with the plain order that they stand for."""

from finevla_core.language.english_idioms import Wording, compiled

_ARM = r"(?:arm|hand|gripper|manipulator|claw)"
_OUT = (
    r"(?:forbidden|prohibited|banned|barred|taboo|excluded|disallowed|not allowed|not permitted|not available|unavailable|disabled|"
    r"out of (?:service|order|action|bounds)|off duty)"
)
_LIFT = r"(?:lift|pick up|pick|take|grab|grasp|get|fetch|raise|put|place|stack|turn|move|bring|carry)"
EXCLUDED: list[Wording] = [
    (needles, compiled(pattern), by)
    for needles, pattern, by in (
        (
            ("forbidden", "prohibited", "banned", "barred", "taboo", "excluded", "allowed", "permitted", "available", "disabled",
             "out of ", "off duty"),
            rf"\b(?:the )?(left|right)(?: hand)? {_ARM} (?:(?:is|being) )?{_OUT}(?! (?:to|for))",
            r"not with the \1 arm",
        ),
        (
            ("bowl that is not", "bowl which is not", "bowl that does not"),
            r"\bthe bowl (?:that|which) (?:is not|does not (?:stand|sit)) (?:on |to )?the left(?: side| hand side| one)?\b",
            "the right bowl",
        ),
        (
            ("bowl that is not", "bowl which is not", "bowl that does not"),
            r"\bthe bowl (?:that|which) (?:is not|does not (?:stand|sit)) (?:on |to )?the right(?: side| hand side| one)?\b",
            "the left bowl",
        ),
        (
            ("do not ", "never "),
            rf"\b(?:do not|never) ({_LIFT} [^.,;:]*?)(?:with|using) (?:the |your )?(?:left|right)(?: hand)?(?: {_ARM})? ?[,;.] ?"
            rf"(?:but |rather |instead )?(?:use|take|do it with|with|using) (?:the |your )?(left|right)(?: hand)?(?: {_ARM}| one)?"
            r"(?= ?(?:$|[.,;!]|instead))",
            r"\1with the \2 arm",
        ),
        (
            (", not ",),
            r"^((?:only |just )?the (?:\w+ ){1,3}\w+) ?, not [^,.;]+, ?(?=(?:should|must|shall|has to|needs to|is to|ought to) )",
            r"\1 ",
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
