"""Finds what a short English text makes its job depend on: something to be decided, or to be waited for.

Who acts at once where he was told to wait, or whether or not it is so, does what nobody said. What goes on in the motion itself
("once the cube is in the hand") is no condition, nor is politeness ("if you would").
"""

import re

from finevla_core.language.english_statements import SHAPE

_DECIDE = "I cannot decide that: say one thing to do"
_FORBIDS = "you say what I shall not do: say what to do"
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
    rf"(?:the|your|that|this) (?:\w+ ){{0,2}}(?:{SHAPE}|thing|object|item|post|pole|way|path|knob|dial) (?:(?:is|are) "
    rf"(?:still |"
    rf"indeed |really )?"
    r"(?:free|available|there|visible|reachable|within reach|clear|the (?:thing|one)|not (?:in (?:the|your) way|blocked))|"
    r"(?:stands|lies|sits) there)\b"
)
# What may go wrong in the motion.
_SLIPS = (
    r"(?:the |your )?(?:left |right )?(?:arms?|hands?|grippers?|grip|fingers?|knob|others?|(?:\w+ )?(?:ball|cube|can|"
    r"brick|cylinder)) "
    r"(?:slips?|can(?:not)? (?:reach|get)|is (?:loose|long enough|stiff|too far|closer)|sticks?|moves?|rolls?|wobbles?|tips?)\b"
)
# What moves, or is moved: what happens to it happens in the motion.
_OWN = (
    r"(?:arms?|hands?|grippers?|fingers?|fingertips?|jaws?|claws?|tool|wrist|robot|motion|movement|grasp|grip|lift|"
    r"contact|descent|"
    rf"approach|path|way|clip|video|episode|recording|camera|job|task|hold|tips?|{SHAPE}|thing|item|object|target|piece|one|"
    r"block|can|tin|two|other|whole|rest|same|red|green|blue|yellow|purple|orange|small|big|large|little|left|right)"
)
# What is waited for in the motion itself.
_IN_MOTION = rf"(?:(?:the |its |your |both )?(?:left |right )?(?:\w+ )?{_OWN}\b|it |contact|there is contact|you )"
_SOME = r"(?:a|an|one|two|three|four|five|ten|fifteen|twenty|thirty|a few|a couple of|some|\d+)"
_HAPPENS = (
    r"(?:\w+ ){1,2}(?:goes|comes|turns|rings|beeps|buzzes|flashes|blinks|vibrates|opens|closes|starts|stops|begins|"
    r"ends|sounds|arrives|"
    r"leaves|lights|walks|says|nods|plays|shows|reads|strikes|falls|(?:is|are|has|have) (?:on|off|out|red|green|over|"
    r"here|gone|ready|"
    r"dark|closed|open|left|finished|safe))\b"
)
_DEPENDENCES = [
    (re.compile(pattern), reason)
    for pattern, reason in (
        (rf"\b(?:unless|provided(?: that)?|on (?:the )?condition that) (?!{_POLITE}|{_FREE})\w", _DECIDE),
        (r"\b(?:only if|(?:assuming|supposing)(?: that)? (?:the|a|an|there|some\w*|nobody)|(?:as|so) long as (?:nobody|no one|"
         r"there is)) \w", _DECIDE),
        (rf"\bin case (?!{_SLIPS})(?:the|there|your|both|one)\b", _DECIDE),
        (rf"\b(?<!only )if (?!{_POLITE}|{_FREE}|{_SLIPS})(?:the|there|your|some\w*|any\w*|a|an|one|both|neither|my|his|her|"
         rf"this|these|those)\b", _DECIDE),
        (r"(?:^|[.;] ?)(?:please |then |and )?should (?:the|there|it|any\w*|some\w*|your|both|a|an|no) ", _DECIDE),
        (r"(?<!thing )(?<!body )(?<!one )(?<!what )(?<!where )\b(?:otherwise|or else|else|if not) ,? ?(?:please |just |then )?"
         r"(?:rotate|pick|lift|take|grab|put|place|stack|move|reach|touch|use|choose|leave|turn (?:the|it|that|your)|"
         r"the (?!others?\b|rest\b))", _DECIDE),
        (rf"^(?:(?:please|just|first|now|ok|okay|so|could you|can you|i want you to) ,? ?)*(?:wait|hold on|hang on|do nothing|"
         rf"stay put|stay still|do not move) (?:until|till|for) (?!{_IN_MOTION})", _WAIT),
        (rf"\b(?:wait|do nothing|stay put|stay still) (?:until|till|for) (?!{_IN_MOTION})[^.;]*\b(?:then|before)\b", _WAIT),
        (rf"\b(?:wait|hold still|stay still|pause) (?:for )?{_SOME} (?:more )?(?:seconds?|minutes?) ?,? ?(?:and |then "
         rf"|before )",
         _WAIT),
        (rf"\b(?:when|whenever|once|as soon as|the moment|after|each time|every time) (?:(?:the|a|an|your) (?!{_OWN}\b)|my )"
         rf"{_HAPPENS}", _WAIT),
        (r"\b(?:when|once|as soon as|after|if) (?:(?:we|they|people) (?:are|have|agree|leave)|i (?:leave|nod|have "
         r"left|am (?:gone|away|"
         r"done))|(?:it|everything|all) is (?:safe|full|dark|quiet)|nothing moves|nobody)\b", _WAIT),
        (r"\b(?:wait|stand by|listen|look out) for (?:my|a|the) (?:signal|sign|word|command|beep|bell|go)\b|\bnot "
         r"before i (?:tell|"
         r"say|give)\b|^not until\b", _WAIT),
        (r"^(?:first |please |now )*(?:check|make sure|verify|confirm|ask|find out) (?:me |us |that |first "
         r")*(?:whether|if|nobody|no one)\b"
         r"|\btell me (?:first )?(?:whether|if)\b", _DECIDE),
        (r"\b(?:forbidden|prohibited|not allowed|not permitted) to (?:pick|turn|lift|take|grab|put|place|stack|move|"
         r"reach|touch|clear)\b"
         r"|\bi forbid\b|^do not you dare\b|^never dare\b", _FORBIDS),
        (r"\b(?:when|whenever|once|as soon as|the moment) (?:there (?:is|are) (?:nobody|no one|some|a (?!grip|grasp|"
         r"contact))|someone|"
         r"somebody|anyone|anybody|nobody|no one|everyone|everybody|he |she |they )", _WAIT),
    )
]  # fmt: skip
_DEED = (
    "turn|rotate|twist|spin|crank|reach|touch|pick|lift|grab|take|put|place|stack|move|clear|clean|grasp|get|fetch|bring|go|lower|"
    "approach|use|let|give|hover|drop|set|lay|raise|seize|squeeze|tidy|remove|collect|come|want|need|like|try|hold|keep|leave|point"
)
_NEVER = re.compile(  # a knob is turned the other way where one way is denied: only if something else is said to do
    r"\b(?:(?:do|must|should|may|can|will|shall|you) )*(?:not|never)(?: ,)?(?: under any circumstances)?(?: ,)?"
    r"(?: (?:ever|you|dare))* (?:turn|rotate|twist|spin|crank)\b"
)
_DOES = re.compile(rf"\b(?:{_DEED}|but|instead|rather|just|only)(?:s|es|ed|ing)?\b")
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
    if _NEVER.search(words) and "why do not" not in words and not _DOES.search(_NEVER.sub(" ", words)):
        return _FORBIDS
    for pattern, reason in _DEPENDENCES:
        for found in pattern.finditer(words):
            before = words[: found.start()]
            if not _DENIED.search(before) and not (found.group().startswith("if ") and _WISH.search(before)):
                return reason
    return ""
