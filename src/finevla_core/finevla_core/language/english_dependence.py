"""Finds what a short English text makes its job depend on: something to be decided, or to be waited for.

Who acts at once where he was told to wait, or whether or not it is so, does what nobody said. What goes on in the motion itself
("once the cube is in the hand") is no condition, nor is politeness ("if you would").
"""

import re

from finevla_core.language.english_statements import SHAPE

_DECIDE = "I cannot decide that: say one thing to do"
_WAIT = "I cannot wait for that: say it when it shall be done"
_POLITE = (
    r"(?:you (?:can|could|may|might|will|would|wish|want|like|please|have|get|must|need|feel|do not mind|do not object|are"
    r" (?:able|so kind|ready|free|done|not busy)|understand|know|see|manage|find|happen|ask)|i (?:may|might|am not|"
    r"remember|can|"
    r"could|understand|see|recall)|it (?:is|were) not (?:too|for|asking)|it (?:is|pleases|suits|helps|matters|makes|fits|seems|"
    r"would|does not|takes|gets|looks|was|slips|moves|rolls|wobbles)|that (?:is|helps|makes|works|suits|would|does)|we|they|"
    r"possible|necessary|needed|required|need be|so|not|at all|ever|anything|any|only|even|in doubt|all goes|things|"
    r"nothing (?:else|goes|speaks)|no one|nobody (?:minds|objects)|everything)\b"
)
# That things are as they are to be is taken for granted, not asked.
_FREE = (
    r"(?:the|your|that|this) (?:\w+ ){1,3}(?:(?:is|are) (?:still |indeed |really )?(?:free|available|there|visible|"
    r"reachable|within reach|"
    r"clear|empty|idle|the (?:thing|one)|not (?:in (?:the|your) way|blocked))|(?:stands|lies|sits) there)\b"
)
# What moves, or is moved: what happens to it happens in the motion.
_OWN = (
    r"(?:arms?|hands?|grippers?|fingers?|fingertips?|jaws?|claws?|tool|wrist|robot|motion|movement|grasp|grip|lift|"
    r"contact|descent|"
    rf"approach|path|way|clip|video|episode|recording|camera|job|task|hold|tips?|{SHAPE}|thing|item|object|target|piece|one|"
    r"block|can|tin|two|other|whole|rest|same|red|green|blue|yellow|purple|orange|small|big|large|little|left|right)"
)
_DEPENDENCES = [
    (re.compile(pattern), reason)
    for pattern, reason in (
        (rf"\b(?:unless|only if|provided(?: that)?|on condition that|on the condition that) (?!{_POLITE}|{_FREE})\w", _DECIDE),
        (r"\bin case (?:the|there|it|you|your|some\w*|any\w*|that|of)\b", _DECIDE),
        (rf"\b(?<!only )if (?!{_POLITE}|{_FREE})(?:the|there|your|some\w*|any\w*|a|an|one|both|neither|my|his|her|"
         rf"this|these|those)\b", _DECIDE),
        (r"(?:^|[.;] ?)(?:please |then |and )?should (?:the|there|it|any\w*|some\w*|your|both|a|an|no) ", _DECIDE),
        (r"\b(?:otherwise|or else|else|if not) ,? ?(?:please |just |then )?(?:turn|rotate|pick|lift|take|grab|put|"
         r"place|stack|move|"
         r"reach|touch|go|use|choose|the (?:left|right)|leave)\b", _DECIDE),
        (r"^(?:(?:please|just|first|now|ok|okay|so) ,? ?)*(?:wait|hold on|hang on|do nothing|stay put) (?:until|till|"
         r"for) ", _WAIT),
        (r"\b(?:wait|do nothing|stay put) (?:until|till|for) [^.;]*\b(?:then|before)\b", _WAIT),
        (rf"(?:^|[.,;] ?|\b(?:and|but|only|then) )(?:when|whenever|once|as soon as|the moment|after) (?:the|a|an|my|"
         rf"your) (?!{_OWN}\b)"
         r"(?:\w+ ){1,2}(?:goes|comes|turns|rings|beeps|buzzes|flashes|blinks|opens|closes|starts|stops|begins|sounds|"
         r"arrives|leaves|"
         r"walks|says|nods|plays|shows|reads|strikes|falls|is (?:on|off|red|green|over|here|gone|ready|dark))\b", _WAIT),
        (r"\b(?:when|whenever|once|as soon as|the moment) (?:there is|there are|someone|somebody|anyone|anybody|"
         r"nobody|no one|everyone|"
         r"everybody|(?:he|she|they) )", _WAIT),
    )
]  # fmt: skip
_DEED = "turn|rotate|twist|spin|crank|reach|touch|pick|lift|grab|take|put|place|stack|move|clear|clean"
_ONLY_FORBIDDEN = re.compile(
    r"^(?:please |robot ,? ?|hey ,? ?|ok ,? ?|and )?(?:(?:do|must|should|may|can|will|you) )*(?:not|never) (?:ever )?"
    rf"(?:{_DEED})\b(?:(?!\b(?:{_DEED}|but|instead|rather|just|only|without|until|before|with|use|by)\b)[^.,;:])*"
    r"(?:, please)? ?[.!]?$"
)
_DENIED = re.compile(r"\b(?:not|never|no matter|even|regardless of|rather than|instead of|as)\b(?: \w+)? ?$")
_WISH = re.compile(  # "it would be nice if the cube were on top", "see if it holds"
    r"\b(?:see|look|check|cool|nice|great|grateful|obliged|good|best|better|lovely|fine|happy|happier|glad|pleased|"
    r"delighted|thankful|"
    r"appreciate it|helpful|help|perfect|ideal|love it|like it|wonderful|mind|kind|neat|prefer it|useful) ?,? ?$"
)


def dependence(words: str) -> str:
    """Say what a text makes its job depend on, or that it only forbids.

    Args:
        words: The words of a short text.

    Returns:
        One sentence for the operator; "" where there is none.
    """
    if _ONLY_FORBIDDEN.match(words):
        return "you say what I shall not do: say what to do"
    for pattern, reason in _DEPENDENCES:
        for found in pattern.finditer(words):
            before = words[: found.start()]
            if not _DENIED.search(before) and not (found.group().startswith("if ") and _WISH.search(before)):
                return reason
    return ""
