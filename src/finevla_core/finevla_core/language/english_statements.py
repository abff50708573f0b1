"""Tells English texts that only ask, tell of somebody, or say how things are, from those that want something done."""

import re

ARM = r"(?:left |right )?(?:hand )?(?:arms?|hands?|grippers?|claws?|manipulators?)"
COLOR = r"(?:red|green|blue|yellow|purple|orange)"
SHAPE = r"(?:cube|block|ball|sphere|can|tin|cylinder|brick|bar|slab)"
_START = r"^(?:so |well |and |but |hey |robot |ok |okay |now |oh |then |,|\s)*"
_ASKED_OR_TOLD = [
    (re.compile(pattern), reason)
    for pattern, reason in (
        (
            rf"{_START}i (?:will|can|could|shall|am going to|am about to|might|may) (?:just |now |then |also |\w+ly )"
            rf"?(?:pick|lift|put|"
            r"turn|stack|clear|clean|place|move|grab|reach|drop|carry|do)\b(?!.*\byou\b)[^.!;?]*[.!]?$",
            "this tells what somebody else does: say what I shall do",
        ),
        (
            rf"{_START}let me (?:just |now |first )?(?:turn|put|pick|lift|grab|stack|clear|move|reach|place|drop|"
            rf"take|do|try)\b"
            r"(?!.*\byou\b)[^.!;?]*[.!]?$",
            "this tells what somebody else does: say what I shall do",
        ),
        (
            rf"{_START}(?:may|can|could|shall|should|might|must) i (?:\w+ly |just |now )?(?:take|move|touch|lift|put|"
            rf"turn|pick|grab|stack|"
            r"clear|use|keep|reach)\b(?! it that)[^.!;]*\?$",
            "this is a question: say what to do",
        ),
        (
            rf"{_START}(?:have|has|had) (?:you|it|he|she|they|anyone|anybody|someone|somebody|we|i|the|your|that)"
            rf"\b[^.!;]*\?$",
            "this is a question: say what to do",
        ),
        (
            rf"{_START}(?:would|will|is|could|might) (?:it|that|this) (?:be |not be )?(?:\w+ly |too |so |very |more |"
            rf"a )?(?:dangerous|risky|"
            r"bad|wise|better|safe|safer|hard|harder|difficult|easy|easier|true|wrong|stupid|worth|heavy|fragile|"
            r"allowed|forbidden|"
            r"problem|mistake|risk)\b[^.!;]*\?$",
            "this is a question: say what to do",
        ),
        (
            rf"{_START}(?:could|would|might|will|can|does|did|may) (?:the|that|this) (?:small |big |{COLOR} )"
            rf"*{SHAPE} (?:\w+ly |ever "
            r"|just )?(?:roll|fall|tip|slip|break|drop|topple|slide|fit|move|weigh|float|bounce|stay|stand|hold|"
            r"survive|hurt|burn|melt)\b"
            r"[^.!;]*\?$",
            "this is a question: say what to do",
        ),
        (
            rf"{_START}(?:the|my|our|a|that|his|her) (?:\w+ ){{1,4}}(?:always|usually|often|sometimes|rarely|"
            rf"regularly|normally) \w+s\b"
            r"[^.!;?,]*[.!]?$",
            "this tells what somebody else does: say what I shall do",
        ),
        (
            rf"{_START}(?:we|i|you|they|he|she|people|everybody|everyone) used to (?!want|like|ask)[^.!;?,]*[.!]?$",
            "this only tells what was done: say what to do",
        ),
        (
            rf"{_START}(?:the|your|that|this) {ARM} (?:just |already |once )?(?:put|took|dropped|lifted|moved|"
            rf"turned|stacked|cleared|placed|"
            r"picked|grabbed|carried|touched|knocked|reached)\b[^.!;?,]*(?:by itself|on its own|again|yesterday|"
            r"already|before|earlier|"
            r"ago|twice|this morning|last \w+|without being asked|for no reason)[.! ]*$",
            "this only tells what was done: say what to do",
        ),
        (
            rf"{_START}(?:somebody|someone|anybody|anyone|everybody|people|they|he|she) (?:should|could|must|ought "
            rf"to|might|needs? to|has to|"
            r"have to|will|would)\b[^.!;?,]*[.!]?$",
            "this tells what somebody else does: say what I shall do",
        ),
        (
            rf"{_START}(?:it takes \w+ \w+ to|in my dreams?|once upon a time|imagine|suppose)\b[^.!;?]*[.!]?$",
            "say what to do",
        ),
        (
            rf"{_START}i (?:need|want|have|would like|am trying|tried|hope) to (?:find|know|think|ask|remember|"
            rf"understand|buy|look|talk|discuss|"
            r"learn|sell|own|be|become)\b(?!.*\b(?:you|so|please)\b)[^.!;?,]*[.!]?$",
            "say what to do",
        ),
        (
            rf"{_START}(?:the|this|that) (?:knob|dial) (?:turns|rotates|spins|moves|goes)\b[^.!;?,]*[.!]?$",
            "this tells how things are: say what to do",
        ),
        (
            rf"{_START}(?:the|this|that) (?:small |big |{COLOR} )*{SHAPE} (?:belongs|belonged) to (?!the (?:left|"
            rf"right))[^.!;?,]*[.!]?$",
            "this tells how things are: say what to do",
        ),
        (
            rf"^(?:so |well |and |but |hey |robot |,|\s)*(?:can|does|did|is|has|will) (?:the |your |its )?{ARM} "
            rf"(?:\w+ly |even |still "
            r"|ever |actually )?(?:reach|hold|get to|get at|get as far|manage|see|fit|bear|support|able|long|strong|"
            r"free|open|"
            r"lift that much|lift so much)\b(?!.*\bplease\b).*\?$",
            "this is a question: say what to do",
        ),
        (
            r" or (?:is|are|was|will|would|does|do|did|has|should|could|can) (?:it|that|this|the|they|there|you|i|we)"
            r"\b.*\?$",
            "this is a question: say what to do",
        ),
        (
            r"^(?:so |well |and |but |oh |,|\s)*(?:i|we) (?:really |just |always |do |also )*(?:like|love|enjoy|hate|"
            r"admire|saw|"
            r"noticed|remember|appreciate|am impressed by|know) (?:the way|how|watching|seeing) (?:you|it|the|this|"
            r"that|your)\b[^.!;]*"
            r"[.!]?$",
            "say what to do",
        ),
        (
            r"^(?:so |well |and |but |oh |,|\s)*(?:you|he|she|they|we|i|it) (?:just |already |only )?(?:put|took|"
            r"dropped|lifted|moved|"
            r"turned|stacked|cleared|placed|picked|grabbed|carried|touched|knocked|brought|left|had|got|threw|held)"
            r"\b[^.!;?]*\b("
            r"?:yesterday|already|before|earlier|ago|twice|once|again and again|this morning|last (?:time|week|night|"
            r"month|year)"
            r"|instead of \w+ing)[.! ]*$",
            "this only tells what was done: say what to do",
        ),
    )
]


def only_tells(words: str) -> str:
    """Say that a text wants nothing done.

    Args:
        words: the words of a short text.

    Returns:
        One sentence for the operator; "" where it may want something.
    """
    return next((reason for pattern, reason in _ASKED_OR_TOLD if pattern.search(words)), "")
