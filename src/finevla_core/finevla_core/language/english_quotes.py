"""Tells English texts that quote, wish, remember or rename something from those that want it done."""

import re

from finevla_core.language.english_statements import COLOR, SHAPE
from finevla_core.language.pattern_tables import first_reason

_START = r"^(?:so |well |and |but |hey |robot |ok |okay |now |oh |please |from now on |,|:|\s)*"
_ONE = r"[^.,:;!?]*[.!]?$"  # all of a text that is one sentence
_DID = (
    r"(?:put|took|dropped|lifted|moved|turned|stacked|cleared|placed|picked|grabbed|carried|touched|knocked|brought|"
    r"threw|held|saw|bought|painted|cleaned)"
)
_NO_ROBOT = r"(?!(?:left|right|robot|arm|arms|hand|hands|gripper|grippers|other|free|fingers|claw|machine)\b)"
_NAME = rf"(?:{COLOR}|{SHAPE})"
_TOLD = "this only tells what was done: say what to do"
_WISH = "this tells what somebody else does: say what I shall do"
_SPEAKS = "I move things, and repeat or translate no words: say what to do"
_RENAMES = "words keep their meaning here: say the object that you mean"
# Each with words of which one must stand in the text: most texts have none, and are not searched.
_QUOTES = [
    (needles, re.compile(pattern), reason)
    for needles, pattern, reason in (
        (
            ("my ", "our ", "his ", "her ", "their ", "a ", "the "),
            rf"{_START}(?:my|our|his|her|their|a|the) {_NO_ROBOT}(?!(?:\w+ )?{_NAME}\b)(?:\w+ )?\w+ (?:once|already|"
            rf"just|never|also|recently|always)? ?{_DID} (?!it\b)(?![^.]*\b(?:you|please|so|and)\b){_ONE}",
            _TOLD,
        ),
        (
            ("i wish ", "if only ", "i dream", "i dreamt", "i hope "),
            rf"{_START}(?:i wish|if only|i dreamt?|i dreamed|i hope)(?: that)? (?:i|we|he|she|they|someone|"
            rf"somebody)\b{_ONE}",
            _WISH,
        ),
        (
            ("myself", "ourselves"),
            rf"{_START}(?:i|we)\b(?![^.]*\b(?:you|please|can not|so)\b)[^.:;!?]*\b(?:myself|ourselves)\b{_ONE}",
            _WISH,
        ),
        (
            (" was ", " were ", " had been "),
            rf"{_START}(?:yesterday|last \w+|the (?:last|previous|old|earlier|former)|my (?:last|previous|old|"
            r"earlier)|(?:this|the other) (?:morning|day)) ?(?:job|task|order|instruction|command|plan|request|idea|"
            rf"goal|one)s? (?:was|were|had been) (?!wrong|bad|nonsense|a mistake){_ONE}",
            _TOLD,
        ),
        (
            ("repeat", "recite", "quote", "echo", "read ", "copy", "print", "write", "type ", "spell", "pronounce", "say "),
            rf"{_START}(?:(?:could|can|will|would) you )?(?:please )?(?:repeat|recite|quote|echo|read|copy|print|"
            r"write|type|spell|pronounce|say)(?: (?:after|to) me| it| this| that| these words| the (?:words?|"
            r"sentence|phrase|text|instruction|order|following)| back| out| loud| aloud| down)+ ?[:,;-]",
            _SPEAKS,
        ),
        (
            ("ing ",),
            rf"{_START}(?:lifting|picking|putting|taking|stacking|turning|moving|grabbing|placing|clearing|carrying) "
            r"(?:up )?(?:the|a|that) [^.,;:!?]* (?:is|was|looks|seems|feels|would be) (?:\w+ )?(?:easy|hard|fun|"
            rf"boring|difficult|simple|nice|great|tricky|useful|dull|tiring)\b{_ONE}",
            _TOLD,
        ),
        (
            ("thank", "sorry", "congrat", "job", "work", "apolog"),
            rf"{_START}(?:many |so )?(?:thanks|thank you|thanks a lot|sorry|apologies|congratulations|congrats|great "
            r"job|good job|nice work|good work)(?: so much| very much)? (?:for|that|on|with) (?:you |i |we |your |my "
            rf")?(?!the\b|that\b|this\b)\w+ (?:the|up|it|my|a)\b{_ONE}",
            _TOLD,
        ),
        (
            ("was ", "been "),
            rf"{_START}(?:the|a) (?:small |big )?(?:{COLOR} )?{SHAPE} (?:was|has been|had been|has already been) "
            r"(?:already |just )?(?:lifted|taken|moved|picked up|picked|dropped|grabbed|stacked|removed)(?: up| "
            r"away)?[.! ]*$",
            _TOLD,
        ),
        (
            ("my ", "our ", "his ", "her "),
            rf"{_START}(?:my|our|his|her) {_NO_ROBOT}(?!(?:\w+ )?{_NAME}\b)\w+ (?:can|could|will|may|might|is able "
            rf"to|knows how to) (?:also |even )?"
            rf"(?:lift|pick|put|take|turn|stack|clear|move|grab|carry|place|reach)\b(?![^.]*\b(?:you|please|"
            rf"so)\b){_ONE}",
            _WISH,
        ),
        (
            (" and the ",),
            rf"{_START}the (?:small |big )?(?:{COLOR} )?{SHAPE} and the (?:small |big )?(?:{COLOR} )?{SHAPE} (?:are|"
            rf"were|look|match|fight|get on)\b(?! to\b)"
            rf"(?! both to\b){_ONE}",
            _TOLD,
        ),
        (
            (" well", " nicely", " together", "matches", "rhymes"),
            rf"{_START}the (?:small |big )?(?:{COLOR} )?{SHAPE} (?:goes (?:\w+ )?(?:well|nicely|together)|matches|"
            rf"rhymes|looks)\b{_ONE}",
            _TOLD,
        ),
        (
            ("means ",),
            r"\b(?:the word )?(?:left|right|red|green|blue|yellow|purple|orange) (?:now |really |actually |shall "
            r")?means? (?:the )?"
            r"(?:left|right|red|green|blue|yellow|purple|orange)\b",
            _RENAMES,
        ),
        (
            ("do you ", "did you "),
            rf"{_START}(?:do|did) you (?:happen to |still |even )?(?:know|remember|see|notice|recall|think|believe) "
            r"(?:where|what|which|who|how|why|when|if|whether)\b",
            "this is a question: say what to do",
        ),
        (
            (" have ",),
            rf"{_START}(?:you|he|she|they|it|i|we) (?:could|should|would|might|must) (?:not |never |really |just "
            rf")?have (?!it\b|the\b|that\b|a\b){_ONE}",
            _TOLD,
        ),
        (
            ("mean", "stand for", "stands for", "called", "refers to", "another word"),
            rf"{_START}(?:the word |the name )?{_NAME} (?:now |shall |will |should |also )*(?:means?|stands? for|is "
            rf"called|refers to|is another word for|is a name for) (?!the {_NAME} {_NAME}\b)\w+",
            _RENAMES,
        ),
    )
]  # fmt: skip
_I_SAY = re.compile(
    rf"\b(?:when|whenever|if|by)(?: i (?:say|write|type|mention))? (?:the |a )?(?P<said>(?:{_NAME} ?)+)(?: ?,)? (?:i|"
    r"we|that|it) (?:really |actually |always )?means? (?P<meant>[^.,;:!?]+)"
)


def only_quotes(words: str) -> str:
    """Say that a text quotes, wishes, remembers or renames.

    Args:
        words: the words of a short text.

    Returns:
        One sentence for the operator; "" where it may want something.
    """
    if reason := first_reason(words, _QUOTES):
        return reason
    if " mean" in words and (found := _I_SAY.search(words)) is not None:
        meant = found["meant"].split()
        return "" if set(found["said"].split()) & set(meant) else _RENAMES
    return ""
