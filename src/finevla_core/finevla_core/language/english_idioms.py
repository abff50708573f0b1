"""English idioms with their plain wording: "fill the left bowl with the ball" is to put the ball into it."""

import re

from finevla_core.language.pattern_tables import Wording

ARM = r"(?:arm|hand|gripper|claw|manipulator)"
# What stands for what in the patterns below; texts are in lower case.
_PARTS = {
    "THING": r"((?:the|that|this) (?:(?!is\b|are\b|that\b|which\b|you\b|i\b|we\b|bowl\b)\w+ ){0,3}?(?!is\b|are\b)\w+)",
    "NAMED": (
        r"((?:the|that|this|an?) (?:(?:big|small|large|little|tiny|huge|red|green|blue|yellow|purple|orange) )*(?:cube|"
        r"block|ball|sphere|can|tin|cylinder|brick|bar|slab|red|green|blue|yellow|purple|orange)(?: one| thing)?)"
    ),
    "BOWL": (
        r"((?:the |that |your )?(?:(?:left|right)(?: hand)? (?:bowl|dish|basin)|(?:bowl|dish|basin) on (?:the|your) "
        r"(?:left|right)))"
    ),
    "HAND": r"((?:your|the|its) (?:left|right)(?: hand)? ?(?:open |empty )?(?:arm|hand|gripper|claw|fingers)?)",
    "AT": r"(?:right |just |directly |straight )?(?:above|over|at|next to|near|by|beside|close to)",
    "UNDER": r"(?:underneath|below|beneath|(?:at |on )?the bottom|bottom|base|under|lower)",
    "TOP": r"(?:on top|on the top|top|above|upper|at the top)",
    "COLORS": "(?:red|green|blue|yellow|purple|orange)",
    "SIZES": "(?:small|big|large|little|smaller|bigger|larger|tiny|huge)",
    "SHAPES": "(?:cube|block|ball|sphere|can|tin|cylinder|brick|bar|slab|one)",
    "PLEASE": r"^((?:please|kindly|now|ok|okay|so|then|robot|could you|can you|would you|will you|just|,| )*)",
}
_PART = re.compile("|".join(_PARTS))


def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern in which the names of `_PARTS` stand for what things are called."""
    return re.compile(_PART.sub(lambda found: _PARTS[found[0]], pattern))


_FORMS = {"round": "ball", "spherical": "ball", "cylindrical": "can", "rectangular": "brick", "oblong": "brick"}


def _by_form(found: re.Match[str]) -> str:
    """ "The thing that is red and round": the red ball."""
    return f"{found[1]} {_FORMS.get(found[2], 'cube')}"


# Said in texts of any length. Each with words of which one must stand in the text: most texts have none, and are not searched.
ANYWHERE: list[Wording] = [
    (needles, compiled(pattern), by)
    for needles, pattern, by in (
        (
            ("righty", "lefty"),
            r"\b(righty|lefty)[ -](?:tighty|loosey|loosy|loosie)\b",
            lambda found: "clockwise" if found[1] == "righty" else "counterclockwise",
        ),
        (
            ("clock",),
            r"\bin (?:the|that) (?:direction|way|sense|manner) (?:in which|in that|that|which) (?:the )?(?:hands? "
            r"of (?:the |a )?clock|clock "
            r"hands?)(?: \w+)? (?:moves?|turns?|goe?s?|runs?|travels?)\b",
            "clockwise",
        ),
        (
            (" jar", " lid", " bottle", " tap", " cap"),
            r"\b(?:as if|like|as though|the way|as when) (?:you |one |we |somebody )?(?:were |was |are |is |would |"
            r"to )?(clos|tighten|fasten|shut|open|"
            r"loosen|unscrew)(?:ing|e|s|es)? (?:a |the |an )(?:\w+ )?(?:jar|lid|bottle|tap|cap)\b",
            lambda found: "clockwise" if found[1] in ("clos", "tighten", "fasten", "shut") else "counterclockwise",
        ),
        (
            ("cross",),
            r"\b((?:post|pole|pillar|column|rod|mast)\b[^.]{0,30}?)\bcross(?:es|ing|ed)? (?:over )?it\b",
            r"\1passes over it",
        ),
        (
            ("clock",),
            r"\b(?:in )?(?:the )?(?:opposite|reverse|contrary|other|inverse) (?:direction|way|sense)?(?: "
            r"round)? ?(?:to|of|from|than) (?:that of )?(?:the |a )?(?:hands? of (?:the |a )clock|clock(?: 's)?(?: "
            r"hands?)?)\b",
            "counterclockwise",
        ),
        (
            ("ways ", "wise "),
            r"\b(?:with |in )(?:a |an )?(crosswise|lengthwise|lengthways|sideways|widthways|widthwise) (?:grip|grasp|"
            r"hold)\b",
            r"\1",
        ),
        (
            ("clear the table", "clears the table", "clear the tabletop"),
            r"\b(?:(?:just |high |far )*enough to (?:just )?clear|(?:until|till|so that|so) (?:it|the \w+(?: \w+)?) "
            r"(?:just |barely )?clears?) the (?:table|tabletop)\b",
            "enough",
        ),
        ((" rb", " lb"), r"(?<!\d )\b(r|l)b\b", lambda found: f"{'right' if found[1] == 'r' else 'left'} bowl"),
        (("come to rest", "comes to rest"), r"\b(come|comes) to rest\b", "rest"),
        (("close in on", "closes in on", "closing in on"), r"\bclos(e|es|ing) in on (?=the|that|it)", "approach "),
        (
            ("short of",),
            r"\bstop(?:s|ping)? (?:just |right |a little |a bit )?short of (?=the (?:\w+ )?(?:cube|ball|can|brick|"
            r"cylinder|block|bar|sphere|tin))",
            "go to ",
        ),
        (
            ("almost touch", "nearly touch"),
            r"\b(?:almost|nearly|all but) touch(?:es|ing)? (?=the|that|it)",
            "approach ",
        ),
        (
            ("of the post", "of the pole", "of the pillar"),
            r"\b(?:by way of|via|by) (?:the )?(?:top|tip) of (?:the )?(?=post|pole|pillar)",
            "over the ",
        ),
        (
            ("hook",),
            r"\bhook(s|ing)? (?=(?:your|its|the|both) (?:\w+ )?(?:fingers?|hand|gripper|claw|jaws)\b)",
            r"wrap\1 ",
        ),
        (
            ("used to ",),
            r"\b(?:i|we) used to (?:want|like|ask for|say|prefer|put|have|keep) ((?:the|that) (?:\w+ ){0,2}?\w+) "
            r"(?:in|into|on|onto|to) [^.;:!?,]*[,;.] ?(?:but |and )?(?=(?:now|today|that|this|it|things|from now)\b)",
            r"there is \1 . ",
        ),
        (
            ("detour",),
            r"\b(?:by way of|via|with|on|in|making|taking|takes|makes) (?:a|an|the) (?:\w+ )?detour ?[:,;]",
            ",",
        ),
        (
            ("post", "pole", "pillar"),
            r"\b(?:rather than|instead of|without|not) (?:rising|climbing|going|flying|lifting|passing) (?:up "
            r")?(above|over|across) (?:the )?(post|pole|pillar) ?,? ?(?:it |the \w+ )?(?:bends?|curves?|swings?|"
            r"arcs?|goes|sweeps?|winds?) (?:around|round) (?:it|the post)",
            r"goes round the \2",
        ),
        (("off we go", "off you go"), r"\boff (?:we|you) go\b(?= ?[,.;!]| ?$)", ""),
        (
            (" square",),
            r"\b(red|green|blue|yellow|purple|orange) squares?\b(?! (?:block|box|brick|one|thing|object))",
            r"\1 cube",
        ),
        (
            ("shaped like",),
            r"\b(?:thing|object|item|one|piece|thingy) (?:that is |which is )?shaped like an? (?=(?:cube|brick|ball|"
            r"can|cylinder|block|sphere)\b)",
            "",
        ),
        (
            ("that is", "which is"),
            r"\b(?:thing|object|item|one|piece) (?:that|which) is (red|green|blue|yellow|purple|orange) and (round|"
            r"spherical|cubic|cubical|square|cylindrical|rectangular|oblong)\b",
            _by_form,
        ),
    )
]
