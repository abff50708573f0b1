"""Finds what a short English text wants at another time, at a sign, elsewhere, or besides the job that it names."""

import re

from finevla_core.language.english_telling import ARM, COLOR, SHAPE

_NUMBER = r"(?:a|an|one|two|three|four|five|ten|fifteen|twenty|thirty|sixty|a few|a couple of|some|half an?|\d+)"
_SIGN = (
    r"(?:clap|whistle|snap|nod|wave|shout|wink|blink|say (?:so|go|now|when|the word)|count|raise|press|ring|tell you|give (?:you )?"
    r"the (?:sign|signal|word))"
)
_TIME = "I act at once or not at all: say it when it shall be done"
_SIGNALS = "I cannot wait for that: say it when it shall be done"
_ELSEWHERE = "I work at this table only"
_BOTH = "one thing at a time, and I cannot do the other one"
_UNUSUAL = "I can grasp with one of my two grippers only"
_CONDITIONS = [
    (needles, re.compile(pattern), reason)
    for needles, pattern, reason in (
        (
            ("tomorrow", "tonight", "later today", "next ", "o'clock", " noon", "midnight", "minute", "hour", "every ", "each "),
            rf"\b(?:tomorrow|tonight|later today|next (?:week|month|year|monday|tuesday|wednesday|thursday|friday|saturday|"
            rf"sunday)|at (?:noon|midnight|\w+ o'clock|\d+ ?(?:am|pm|:\d\d))|(?:in|after) {_NUMBER} (?:more )?(?:minutes?|hours?|days?|"
            r"weeks?)(?: time)?|over {_NUMBER} (?:hours?|days?)|(?:every|each) (?:single )?(?:day|hour|minute|morning|night|week|time i \w+))(?= ?(?:$|[.,!;]))",
            _TIME,
        ),
        (
            (" i ", " it ", " he ", " she ", " someone ", " somebody "),
            rf"\b(?:when(?:ever)?|once|as soon as|after|if|the moment) (?:i|we|he|she|someone|somebody) (?:have |has )?"
            rf"{_SIGN}|\b(?:if|when(?:ever)?|as soon as|once) it (?:rains|snows|gets dark|is (?:dark|sunny|raining|night|noon))\b",
            _SIGNALS,
        ),
        (
            ("mind", "kitchen", "ceiling", "roof", "moon", "stars", "sky", " wall", "window", "door", "sofa", "couch", "dream", "outdoors", "upstairs", "downstairs", "next door", "room", "garden", "garage"),
            r"\b(?:to|towards|up to|at|over|through|via|out of) (?:the |a )?(?:ceiling|roof|moon|stars|sky|walls?|window|door|sofa|couch|kitchen)\b|"
            r"\b(?:in|inside) (?:your|my) (?:mind|head|dreams?|imagination)\b|\b(?:go|walk|run|come|head) (?:\w+ )?(?:upstairs|"
            r"downstairs|outdoors|next door|shopping)\b|\b(?:pick|lift|take|grab|get|put|place|stack|turn)\b[^.,;:]* in the (?:kitchen|"
            r"garden|garage|bathroom|bedroom|next room|other room|living room)(?= ?(?:$|[.!]))",
            _ELSEWHERE,
        ),
        (
            ("with ", "without ", "between ", "using "),
            rf"\b(?:with|using) (?:the|an|that) other (?:robot|machine|person)\b|\bwithout (?:any |using )?(?:power|electricity|"
            rf"motors?|fingers|grippers?|arms|hands)(?= ?(?:$|[.,!;]))|\bwithout (?:moving|motion|any motion|any movement|stirring)"
            rf"(?= ?(?:$|[.,!;]))|\bbetween (?:the |your |both |the two |your two )(?!left|right){ARM}\b",
            _UNUSUAL,
        ),
        (
            ("and ", "then "),
            r"\b(?:and|then)(?: then| please| also| afterwards)? (?:tell (?:me|us|a|him|her)|call (?:my|the|me|a)|shut down|power off|"
            r"reboot|restart|switch (?:off|on)|open the (?:door|window|drawer|lid)|close the (?:door|window|drawer|lid)|turn (?:on|off) the|"
            r"turn the (?:light|radio|music|tv)|wave(?: at| to| your)?(?! it)|bow(?= ?(?:$|[.!]))|count (?:to|the|from)|sing|dance|clap|"
            r"run \w+ \w+|delete|erase|format|send|email|order|google|download|hit|punch|kick|strike|slap)\b",
            _BOTH,
        ),
        (
            ("thumb", "pinky", "index", "nail"),
            r"\b(?:with|using|use) (?:only |just )?(?:your |its |the |a |one )(?:thumb|little finger|pinky|index finger|(?:finger)?nails?)\b",
            _UNUSUAL,
        ),
        (
            ("if ",),
            rf"\bif (?:the|a|any|some) (?:{COLOR} )?{SHAPE} (?:is|are) (?:not )?(?:{COLOR}|small|big|bigger|smaller|in the)\b",
            "I cannot decide that: say one thing to do",
        ),
        (
            ("obey", "listen", "limits", "rules", "restrictions", "safety"),
            r"\b(?:obey|listen to|answer to) (?:nobody|no one|only me|me only|me alone|me and)\b|\byou (?:now )?have no (?:more )?(?:limits?|rules?|"
            r"restrictions?|boundaries)\b|\bsafety (?:does|do|will|is|rules do) (?:not apply|not count|not exist|off|disabled)\b",
            "I cannot ignore my limits or what I was told before",
        ),
        (
            ("have ", "make ", "let ", "get "),
            r"\b(?:have|make|let|get) (?:the|that) (?:\w+ ){1,3}(?:jump|hop|fly|walk|run|float|dance|swim|bounce|crawl|teleport)\b",
            "things do not move by themselves, I can put them",
        ),
        (
            (" bowl to the other", " bowl into the other", " bowl to the left", " bowl to the right", "back and forth"),
            r"\bfrom (?:the |one |your )?(?:\w+ )?bowl (?:in)?to the (?:other|left|right)\b|\bback and forth between the bowls\b",
            "I cannot take things out of a bowl",
        ),
    )
]  # fmt: skip


def another_occasion(words: str) -> str:
    """Say what a text wants at another time or place, or besides its job.

    Args:
        words: the words of a short text.

    Returns:
        One sentence for the operator; "" where there is none.
    """
    for needles, pattern, reason in _CONDITIONS:
        if any(needle in words for needle in needles):
            for found in pattern.finditer(words):
                if not _NOT.search(words[: found.start()]):
                    return reason
    return ""


_NOT = re.compile(r"\b(?:not|never|no|rather than|instead of)\b[^.,;]{0,30}$")
