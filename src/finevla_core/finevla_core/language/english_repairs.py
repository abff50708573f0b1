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
_THING = (
    r"(?:(?:the|that) )?(?:(?:small|big|little|large) )?(?:red|green|blue|yellow|purple|orange)(?: (?:cube|block|ball|"
    r"sphere|can|tin|"
    r"cylinder|brick|bar|slab|one))?"
)
_DEED = r"(?:pick up|pick|take|grab|lift|get|grasp|put|place|use|do|choose|go for|reach for|raise)"
_SIDED = r"(?:bowl|arm|hand|gripper)"
_SORRY = r"(?:i meant?|sorry|rather|actually|i should say)(?= *[.!,]| *$)"
_AFTERTHOUGHT = (
    r"(?:or (?:actually|wait|no wait)|(?:no |let us )?(?:change|switch) (?:that|it) to|i would (?:rather|prefer)(?: "
    r"have| "
    r"to have| take)?|(?:or )?(?:better|rather)(?: take| pick up| pick| grab| lift| use| do)?|forget it|never mind(?: "
    r"that)?(?= *,)|(?:a )?change (?:of|in) plans?|that is(?: to say)?(?! (?:in|into|on|onto|with)\b)|or let us say|"
    r"well "
    r"no|let us (?:do|take)|let us go (?:with|for)|i will take)"
)
# A thing, a second one, and a word that says which of them is meant.
_AFTERTHOUGHTS = [
    (needles, re.compile(pattern), by)
    for needles, pattern, by in (
        (
            ("*",),
            r"(?<=[\w.,!]) *\*(?=(?:the|small|big|red|green|blue|yellow|purple|orange|left|right)\b)",
            " , no , ",
        ),
        (
            ("? no", "?no"),
            r"[.,] *(?:left|right|clockwise|counterclockwise|anticlockwise) *\? *no *[,.]* *",
            ", no , ",
        ),
        (
            ("did i say",),
            r" *[.,;-]+ *did i (?:just )?say (?:the )?\w+(?: \w+)? *[?,.!]+ *[-]* *(?:no *,? *|i (?:mean|meant) )?",
            " , no , ",
        ),
        *(
            (
                ("mean", "sorry", "rather"),
                rf"\b(?:{one}) (cube|block|ball|can|cylinder|brick|one|bowl|arm|hand|gripper) *[-,]+ *({one}) *,? "
                rf"*(?:i meant?|sorry|rather)(?: \2)?"
                r" *[-,]+ *",
                r"\2 \1 ",
            )
            for one in _FAMILIES
        ),
        (
            ("clockwise",),
            r"\b((?:counter ?|anti ?)?clockwise) (?:no|no wait|wait|wait no|wait a \w+|hold on|hang on|sorry|actually|"
            r"er|i mean|i meant|or rather) "
            r"(?=(?:counter ?|anti ?)?clockwise\b)",
            r"\1 , no , ",
        ),
        ((" other",), r", no (?=(?:with |in |into |on |use )?the other\b)", ", no , "),
        (
            (" er ", " no ", " i mean ", " sorry ", " rather "),
            r"\b(red|green|blue|yellow|purple|orange) (cube|block|ball|can|cylinder|brick|one) (?:er|no|i mean|sorry|"
            r"or rather|rather) "
            r"(cube|block|ball|can|cylinder|brick)(?= *[.,;!]| *$| (?:in|into|on|onto|with|from|using) )",
            r"\1 \3",
        ),
        (
            ("- ",),
            r"\b(?!(?:left|right|red|blue|green|big|small|ball|cube|can|tin|no|not|or|and|up|in|on|it|arm|hand|bowl|"
            r"table|top|over|one|"
            r"brick|knob|dial|that|this|now|also|down|them|lift|pick|take|put|turn)-)[a-z]{1,5}- +(?=(?:(?:the|that|"
            r"a) )?(?:small|big|"
            r"red|green|blue|yellow|purple|orange|cube|block|ball|cylinder|brick|left|right|knob|dial)\b)",
            "",
        ),
        (
            ("i said", "i say"),
            r"[,.;:-]+ *i (?:just )?(?:said|say) (?:the )?(?:\w+ ){1,3}?(?:, *)?(?:but |and |though )?i (?:actually |"
            r"really )?"
            r"(?:meant|mean)(?: to say)? (?=(?:the |that )?\w+ \w+)",
            " , no , ",
        ),
        (
            ("not ",),
            rf"\b({_THING}) *[,.;!-]+ *(?:(?:no|wait) *,? *)*not \1 *[,;-]+ *(?:but )?({_THING})\b",
            r"\2",
        ),
        (
            ("instead",),
            rf"\b({_DEED}) ({_THING})([^,.;!]*)[,.;!-]+ *(?:(?:no|wait|or|hmm|actually|and) *,? *)*{_DEED} ({_THING}) "
            rf"instead\b",
            r"\1 \4\3",
        ),
        (
            ("sorry", " mean", "rather", "actually", "should say"),
            rf"\b({_THING}) *(?:-+|,|to|\.) *({_THING}) *,? *{_SORRY}",
            r"\2",
        ),
        (
            ("well",),
            rf"\b({_THING}) *[,-]+ *well *,? *(?:no *,? *)?({_THING}) *,? *(?:actually|rather|instead)(?= *[.!,]| *$)",
            r"\2",
        ),
        (
            (
                " or ",
                "change",
                "switch",
                "rather",
                "prefer",
                "better",
                "forget",
                "never",
                "that is",
                "let us",
                "well",
                "i will",
            ),
            rf"\b({_THING}|(?:left|right) {_SIDED}) *[,.;-]+ *{_AFTERTHOUGHT}(?: *[,:-]+)? *(?=(?:the|that|in|into|on|"
            rf"onto|with) )",
            r"\1 , no , ",
        ),
        (
            ("sorry", " mean", "rather", "actually"),
            rf"\b(left|right) ({_SIDED}) *[,.-]+ *(?:the )?(left|right)(?: (?:{_SIDED}|one))? *,? *{_SORRY}",
            r"\3 \2",
        ),
    )
]
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
    return reworded(text, (*_AFTERTHOUGHTS, *_REPAIRS))
