"""English wordings that ask for a deed in a roundabout or a telegraphic way, with the plain order that they stand for."""

import re

from finevla_core.language.english_idioms import compiled
from finevla_core.language.pattern_tables import Wording

_TABLE = r"(?:the|this|that|your) (?:whole |entire )?(?:table|desk|tabletop|table top|work ?space|work ?bench|bench)"
_CLEARING = (
    r"(?:tidy|clean|clear|sweep|tidy up|clean up|clear out|clean out|clear up|clearing|tidying|cleaning|clean sweep)"
)
_PROCEDURE = (
    r"(?:procedure|sequence|routine|operation|task|process|action|primitive|skill|manoeuvre|maneuver|program|"
    r"programme|job|mode|"
    r"behaviour|behavior)"
)
_DEEDS = {
    "pick": "pick", "picking": "pick", "pick up": "pick up", "pickup": "pick up", "grasp": "grasp", "grasping": "grasp",
    "lift": "lift", "lifting": "lift", "grab": "grab", "grabbing": "grab", "turn": "turn", "turning": "turn",
    "rotation": "turn",
    "approach": "approach", "reach": "reach", "reaching": "reach", "hover": "hover over", "hovering": "hover over",
}  # fmt: skip
_DEED = "(" + "|".join(sorted(_DEEDS, key=len, reverse=True)) + ")"
_TAKE = r"(pick up|pick|lift|grab|take|grasp|reach for|raise|fetch|get|put|place|stack|move|bring|carry|approach)"
_RUN = r"(?:run|start|do|execute|perform|launch|begin|carry out|trigger)"


_FORMS = {
    "round": "ball", "spherical": "ball", "square": "cube", "cubic": "cube", "cubical": "cube",
    "long": "brick", "oblong": "brick",
    "rectangular": "brick", "cylindrical": "can",
}  # fmt: skip


def _by_form(found: re.Match[str]) -> str:
    """ "The thing that is long and green": "the green brick"."""
    return f"the {found[1]}{found[3]} {_FORMS[found[2]]}"


def _deed(found: re.Match[str]) -> str:
    """ "Start grasping procedure on the can": "grasp the can"."""
    return f"{_DEEDS[found[1]]} {found[2]}"


# In short texts. Each with words of which one must stand in the text.
DEEDS: list[Wording] = [
    (needles, compiled(pattern), by)
    for needles, pattern, by in (
        (("cross ",), r"\bcross (?=(?:above|over)\b)", "go "),
        (("commence", "initiate"), r"\b(?:commence|initiate)\b", "start"),
        (
            ("start ", "do ", "run ", "execute ", "perform ", "begin ", "launch ", "carry out"),
            rf"(?<!not )(?<!never )\b{_RUN} (?:a |an |the |your )?{_DEED} {_PROCEDURE} (?:of|on|for|with|at|over) "
            rf"NAMED",
            _deed,
        ),
        (
            ("start ", "begin ", "do ", "run "),
            r"(?<!not )(?<!never )\b(?:start|begin|run) (?:a |an |the )?(?:\w+ )?(clockwise|counterclockwise|"
            r"anticlockwise) (?:rotation|turn|"
            r"twist) (?:of|on) (?:the )?(knob|dial)\b",
            r"turn the \2 \1",
        ),
        (
            ("table be ", "desk be "),
            rf"\blet {_TABLE} be (?:cleared|cleaned|tidied|emptied)(?: up| off| out)?\b",
            "clear the table",
        ),
        (
            ("give ",),
            rf"\bgive {_TABLE} an? (?:\w+ )?{_CLEARING}(?: up| out)?\b",
            "clear the table",
        ),
        (("do a", "make a"), rf"\b(?:do|make) an? (?:\w+ )?{_CLEARING}(?: up| out)? of {_TABLE}\b", "clear the table"),
        (
            ("clean", "clear", "tidy"),
            rf"\b{_RUN} (?:the |a |your )?(?:table )?(?:{_CLEARING}|clearance|cleanup)(?: up)? {_PROCEDURE}\b",
            "clear the table",
        ),
        (
            ("table ", "desk "),
            r"^(?:please )?(?:table|desk) ?:? ?(?:clearance|clearing|cleanup|clean up|clear out|clear|tidy up|"
            r"tidying)(?: please)?"
            r"(?= ?[,.!;]| ?$)",
            "clear the table",
        ),
        (
            ("off the table", "off the desk"),
            r"PLEASE(?:all|everything|the lot|it all) off the (?:table|desk)(?= ?[,.!;]| ?$| and| into| in )",
            r"\1clear the table",
        ),
        (
            ("table with", "desk with"),
            r"\boff (?:the|this|that) (?:table|desk) with (?:everything|it all|all of it|the lot|all that|all of that|"
            r"all this)\b",
            "clear the table",
        ),
        (
            ("toys", "things", "stuff"),
            r"PLEASE(?:put|tidy|pack|clear) (?:away )?(?:all )?(?:of )?(?:your|my|our|these|those) (?:toys|things|"
            r"stuff)(?: away| up)?(?= ?[,.!;]| "
            r"?$| in)",
            r"\1put everything away",
        ),
        (
            ("decks", "restore order", "spruce up", "bus the", "clean sweep"),
            rf"\b(?:clear the decks|restore order (?:to|on) {_TABLE}|spruce up {_TABLE}|bus {_TABLE}|make a clean "
            rf"sweep)\b",
            "clear the table",
        ),
        (
            (" is ",),
            r"\b(?:the (?:thing|object|item|one)|what)(?: that| which)? (?:i|we) (?:want|need|would like|ask|expect) "
            r"you to (lift|pick up|"
            r"pick|grab|take|grasp|raise|reach for|fetch|get) is NAMED",
            r"\1 \2",
        ),
        (
            ("would you mind", "do you mind"),
            r"\b(?:would|do) you mind if (?:i|we) (?:asked|told|got|had|ask|tell|get|have) you to ",
            "could you ",
        ),
        (("voice ",), r"^voice (?:command|input|control|order|message) ?[:,-] ?", ""),
        (
            (" but ",),
            rf"\b(?:you )?(?:do not|should not|must not|shall not|never|are not to|need not) {_TAKE} NAMED ?,? ?but "
            rf"(?:rather |instead |"
            r"only |just )?NAMED",
            r"\1 \3",
        ),
        (
            ("and not ", "but not "),
            r"NAMED ?,? ?(?:and|but) not NAMED ?,? ?(?=(?:is|should|must|has|needs|shall|goes|belongs|gets|will) )",
            r"\1 ",
        ),
        (
            ("not the", "not that"),
            r"\b(?:a|the|one) (cube|block|ball|can|cylinder|brick|tin)((?: up)?)(?: ?[,;:-] ?| (?=but not))(?:just |"
            r"only |but |though )*not the COLORS(?: one)? "
            r"?[,;:.-]+ ?(?:but )?the (COLORS)(?: one)?(?= ?[,.;!]| ?$)",
            r"the \3 \1\2",
        ),
        (
            ("anything ",),
            rf"\b(?:do not|never) do anything (?:except|but|other than|apart from|besides) (?:to )?(?={_TAKE}\b)",
            "",
        ),
        (
            ("table", "desk"),
            r"^(?:the )?(?:table|desk) ?[:,] ?(?:clear|clean|tidy|empty)(?: it)?\b",
            "clear the table",
        ),
        (
            ("turn ", "rotation ", "twist "),
            r"(?<!not )(?<!never )\b(?:do|make|perform|execute|give)(?: me| us)? (?:(?:a|an|one|the) )?(?:turn|"
            r"rotation|twist) (?:of|on|to|with) "
            r"(?:the )?(knob|dial)\b",
            r"turn the \1",
        ),
        (
            ("weight of", "heft of"),
            r"\btake the (?:weight|heft) of NAMED",
            r"lift \1",
        ),
        (("this lot", "that lot"), r"\b(?:this|that) (?:whole )?lot\b", "all of this"),
        (("pack ",), rf"\b(?:pack|box|tidy) up {_TABLE}", "clear the table"),
        (("touch base",), r"\btouch base (?=above|over|with|at|near)", "go "),
        (
            ("look down", "gaze down", "stare down"),
            r"\b(?:look|gaze|stare) down (?:on|upon|at) (?=the|that)",
            "hover over ",
        ),
        (
            ("into place", "in place", "into position", "in position"),
            r"\bget (?:yourself |your gripper )?(?:in|into) (?:place|position) (?=(?:above|over|at|near) )",
            "go ",
        ),
        (
            ("go round", "go around", "moving", "turning"),
            r"\b(?:make|have|let|get|set) (?:the )?(knob|dial) (?:to )?(?:go (?:round|around)|move|moving|turning|go|"
            r"spin|rotate|spinning)\b",
            r"turn the \1",
        ),
        (
            ("round", "long", "square", "spherical", "cubic", "oblong", "shaped"),
            r"\b(?:the |that |a )((?:SIZES )*)(?:thing|object|one|item|piece) (?:that|which) is (round|spherical|"
            r"square|cubic|cubical|long|oblong|"
            r"rectangular|cylindrical) and (COLORS)\b",
            _by_form,
        ),
        (
            ("round", "long", "square", "spherical", "cubic", "oblong"),
            r"\b(?:the |that |a )((?:SIZES )*)(COLORS) (?:thing|object|one|item|piece)? ?(?:that|which) is (round|"
            r"spherical|square|cubic|cubical|"
            r"long|oblong|rectangular|cylindrical)\b",
            lambda found: f"the {found[1]}{found[2]} {_FORMS[found[3]]}",
        ),
        (
            ("shaped like", "form of", "shape of"),
            r"\b(?:thing|object|one|item|piece) (?:that|which) is (COLORS) and (?:is )?(?:shaped like|in the (?:form|"
            r"shape) of|looks like) an? "
            r"(SHAPES)\b",
            r"\1 \2",
        ),
        (
            ("that is a", "which is a", "shape of", "form of", "that is cube", "that is ball"),
            r"\b(COLORS )?(?:thing|object|one|item|piece) (?:(?:(?:that|which) is|being) an? |in the (?:form|shape) "
            r"of an? )(SHAPES)\b",
            lambda found: f"{found[1] or ''}{found[2]}",
        ),
        (
            ("thing to", "object to", "item to", "one to", "target to", "thing for you to"),
            r"\bthe (?:next |first |only |last |main )?(?:thing|object|item|one|target) (?:for you )?to (lift|pick up|"
            r"pick|grab|take|grasp|raise|reach for|"
            r"fetch|turn|rotate|hover over|approach) (?:is|will be|would be) (?=the |that )",
            r"\1 ",
        ),
        (
            ("thing to do is", "thing you do is", "job is to", "step is to"),
            r"\bthe (?:next |first |only |last )?(?:thing to do|thing you do|job|step) is (?:to )?(?=(?:lift|pick|"
            r"grab|take|grasp|put|place|turn|stack|"
            r"clear|hover|reach|go|move)\b)",
            "",
        ),
        (
            ("turn", "rotation", "twist"),
            r"\b(?:(?:i|we) (?:need|want|would like|ask for|request)|(?:can|could|may|might) (?:i|we) have|(?:how|"
            r"what) about|let us have|what (?:i|we) "
            r"(?:need|want|would like) is) an? (?:\w+ )?((?:counter ?|anti ?)?clockwise) (?:turn|rotation|twist) "
            r"(?:of|on|to|with) the (knob|dial)\b",
            r"turn the \2 \1",
        ),
        (
            ("direction is", "direction :", "direction:"),
            r"\b(?:and )?the direction (?:of (?:rotation|turning) )?is (?=(?:counter ?|anti ?)?clockwise\b|to the )",
            "",
        ),
        (
            ("object is the", "target is the", "thing is the"),
            r"\bthe (?:object|target|thing) is the (knob|dial)\b",
            r"turn the \1",
        ),
        (
            (" is ",),
            rf"\b(?:the|a|one) {_DEED}(?: up)? of NAMED is (?:required|requested|needed|wanted|desired|necessary|"
            rf"ordered|called for)\b",
            _deed,
        ),
        (
            ("leave the table", "leave the desk", "leaves the table"),
            r"\b(?:(?:make|have|let) )?NAMED (?:(?:should|must|shall|has to|is to|needs to|may|can) )?leaves? (?:the |"
            r"this )(?:table|desk)\b",
            r"lift \1",
        ),
        (
            ("goal", "target", "pose"),
            r"^(?:the )?(?:goal|target|end|final|desired)(?: pose| position| state)? ?(?:is|:|=) ?(?:(?:the|your) "
            r"(?:open )?(?:gripper|hand|arm) )?(?:to be )?"
            r"(?=(?:right |just |directly )?(?:above|over) )",
            "hover ",
        ),
        (
            ("gripper", "hand", "arm"),
            r"\blet us have (?:the|your) (?:open )?(?:gripper|hand|arm) (?=(?:right |just )?(?:above|over) )",
            "hover ",
        ),
        (
            ("gripper", "hand", "arm"),
            r"^(?:the|your) (?:open )?(?:gripper|hand|arm) (?:has to|must|should|is to|needs to|shall) (?:be|stay|"
            r"wait) (?=(?:right |just )?(?:above|over|at) )",
            "hover ",
        ),
        ((" with it",), r"\bNAMED ?,? ?(?:please ?,? ?)?up (?:in the air |high |you go |off the table )?with it\b", r"lift \1"),
        (
            ("it in the air", "it up in the air", "it off the table"),
            r"\b(?:i|we) (?:want|need|would like) it (?:up )?(?:in the air|off the table)\b",
            "lift it",
        ),
        (("stack (", "stack("), r"^stack ?\( ?([^(),]{3,40}) ?, ?([^(),]{3,40}?) ?[,)]", r"stack \1 on \2 ,"),
        (("<-", "<=", "←"), r"^(.{3,60}?) ?(?:<-+|<=+|←) ?(.{3,60}?) ?[.!]?$", r"\2 to \1"),
    )
]  # fmt: skip
