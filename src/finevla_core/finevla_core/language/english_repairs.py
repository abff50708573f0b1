"""Sets apart what repairs an English sentence where it is spoken on without signs: "in the left bowl no the right "
"bowl"."""

import re

from finevla_core.language.pattern_tables import reworded

_FAMILIES = (
    "left|right",
    "red|green|blue|yellow|purple|orange",
    "small|big|little|large|tiny|smaller|bigger|larger",
)
_NOUN = (
    r"(?:cube|block|ball|sphere|can|tin|cylinder|brick|bar|slab|one|bowl|arm|hand|gripper|knob|dial|side|thing|left|"
    r"right|clockwise|counterclockwise|anticlockwise)"
)
_TURNS = (
    r"(?:no|no wait|wait|wait no|hmm no|uh no|actually|actually no|sorry|rather|or rather|er|instead|i mean|i meant|"
    r"oops)"
)
_REPAIRS = [
    (needles, re.compile(pattern), by)
    for needles, pattern, by in (
        *(
            (
                ("i mean", "sorry", "rather", "make that", " no ", "er ", "that is", "should say"),
                rf"\b({one})(?: ?, ?| - | )(?:i meant?|no|oh no|no wait|sorry|er|or rather|rather|make that|that is|"
                rf"or should i say)(?: ?, ?| )(?:the )?({one}) ?(?:,|-) ?(?={_NOUN}\b)",
                r"\2 ",
            )
            for one in _FAMILIES
        ),
        (
            (" no ", "wait ", "actually ", "sorry ", "rather ", " er ", "instead ", "i mean", "oops "),
            rf"\b({_NOUN}) ({_TURNS}) (?=(?:(?:in|into|on|onto|with|from|to|using|use|take) )?(?:the|your|that) "
            r"(?!way\b)\w+)",
            r"\1 , \2 , ",
        ),
        (
            ("better ", "better,", "well actually"),
            r"(^|[,.;:-] ?)(?:or )?(?:better|better yet|even better|well actually|well ,? ?actually) ?,? ?(?=(?:(?:in|"
            r"into|on|onto|with|from|to|put) )?(?:the|your) )",
            r"\1 i mean , ",
        ),
    )
]


def with_repairs(text: str) -> str:
    """Set the words of a repair apart.

    Args:
        text: a text in lower case, with contractions written out.

    Returns:
        The text with commas around them, and without what a repair replaces before a noun that both share.
    """
    return reworded(text, _REPAIRS)
