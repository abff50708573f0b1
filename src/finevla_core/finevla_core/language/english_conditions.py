"""Finds what a short English text wants at another time, at a sign, elsewhere, or besides the job that it names."""

import re

from finevla_core.language.english_telling import ARM, COLOR, SHAPE

_NUMBER = r"(?:a|an|one|two|three|four|five|ten|fifteen|twenty|thirty|sixty|a few|a couple of|some|half an?|\d+)"
_SIGN = (
    r"(?:clap|whistle|snap|nod|wave|shout|wink|blink|say (?:so|go|now|when|the word)|count|raise|press|ring|tell you|"
    r"give (?:you )?the (?:sign|signal|word))"
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
            ("tomorrow", "tonight", "later today", "next ", "o'clock", " noon", "midnight", "minute", "hour",
             "every ", "each "),
            r"\b(?:tomorrow|tonight|later today|next (?:week|month|year|monday|tuesday|wednesday|thursday|friday|"
            rf"saturday|sunday)|at (?:noon|midnight|\w+ o'clock|\d+ ?(?:am|pm|:\d\d))|(?:in|after) {_NUMBER} (?:more "
            r")?(?:minutes?|hours?|days?|weeks?)(?: time)?|over {_NUMBER} (?:hours?|days?)|(?:every|each) "
            r"(?:single )?(?:day|hour|minute|morning|night|week|time i \w+))(?= ?(?:$|[.,!;]))",
            _TIME,
        ),
        (
            (" i ", " it ", " he ", " she ", " someone ", " somebody "),
            r"\b(?:when(?:ever)?|once|as soon as|after|if|the moment) (?:i|we|he|she|someone|somebody) (?:have |has "
            rf")?{_SIGN}|\b(?:if|when(?:ever)?|as soon as|once) it (?:rains|snows|gets dark|is (?:dark|sunny|raining|"
            r"night|noon))\b",
            _SIGNALS,
        ),
        (
            ("mind", "kitchen", "ceiling", "roof", "moon", "stars", "sky",
             " wall", "window", "door", "sofa", "couch",
             "dream", "outdoors", "upstairs", "downstairs", "next door", "room", "garden", "garage"),
            r"\b(?:to|towards|up to|at|over|through|via|out of) (?:the |a )?(?:ceiling|roof|moon|stars|sky|walls?|"
            r"window|door|sofa|couch|kitchen)\b|\b(?:in|inside) (?:your|my) (?:mind|head|dreams?|imagination)\b|"
            r"\b(?:go|walk|run|come|head) (?:\w+ )?(?:upstairs|downstairs|outdoors|next door|shopping)\b|\b(?:pick|"
            r"lift|take|grab|get|put|place|stack|turn)\b[^.,;:]* in the (?:kitchen|garden|garage|bathroom|bedroom|"
            r"next room|other room|living room)(?= ?(?:$|[.!]))",
            _ELSEWHERE,
        ),
        (
            ("with ", "without ", "between ", "using "),
            r"\bwith [^.,;]*\b(?:spoons?|forks?|tongs|tweezers|magnets?|ropes?|hooks?|gloves?|chopsticks?|pliers)\b|"
            rf"\b{ARM} of (?:another|a different|the other|somebody|someone) \w+|\b(?:with|using) (?:the|an|that) "
            r"other (?:robot|machine|person)\b|\bwithout (?:any |using )?(?:power|electricity|motors?|fingers|"
            r"grippers?|arms|hands)(?= ?(?:$|[.,!;]))|\bwithout (?:moving|motion|any motion|any movement|"
            rf"stirring)(?= ?(?:$|[.,!;]))|\bbetween (?:the |your |both |the two |your two )(?!left|right){ARM}\b",
            _UNUSUAL,
        ),
        (
            ("and ", "then "),
            r"\b(?:and|then)(?: then| please| also| afterwards)? (?:tell (?:me|us|a|him|her)|call (?:my|the|me|a)|"
            r"shut down|power off|reboot|restart|switch (?:off|on)|open the (?:door|window|drawer|lid)|close the "
            r"(?:door|window|drawer|lid)|turn (?:on|off) the|turn the (?:light|radio|music|tv)|wave(?: at| to| "
            r"your)?(?! it)|bow(?= ?(?:$|[.!]))|count (?:to|the|from)|sing|dance|clap|run \w+ \w+|delete|erase|format|"
            r"send|email|order|google|download|hit|punch|kick|strike|slap)\b",
            _BOTH,
        ),
        (
            ("thumb", "pinky", "index", "nail"),
            r"\b(?:with|using|use) (?:only |just )?(?:your |its |the |a |one )(?:thumb|little finger|pinky|index "
            r"finger|(?:finger)?nails?)\b",
            _UNUSUAL,
        ),
        (
            ("if ",),
            rf"\bif (?:the|a|any|some) (?:{COLOR} )?{SHAPE} (?:is|are) (?:not )?(?:{COLOR}|small|big|bigger|smaller|"
            r"in the)\b",
            "I cannot decide that: say one thing to do",
        ),
        (
            ("from all", "from every", "from each", "from several", "from many"),
            r"\bfrom (?:all|every|each|several|many) (?:sides?|directions?|angles?)\b",
            _UNUSUAL,
        ),
        (
            ("line ", "point out"),
            r"^(?:please )?(?:line (?:up )?the\b|point out (?:which|what|the))",
            "I cannot do this to things",
        ),
        (
            ("obey", "listen", "limits", "rules", "restrictions", "safety", "no matter who", "whoever"),
            r"\b(?:no matter who|whoever) (?:is|stands|gets|may be|comes) in\b|\b(?:obey|listen to|answer to) "
            r"(?:nobody|no one|only me|me only|me alone|me and)\b|\byou (?:now )?have no (?:more )?(?:limits?|rules?|"
            r"restrictions?|boundaries)\b|\bsafety (?:does|do|will|is|rules do) (?:not apply|not count|not exist|off|"
            r"disabled)\b",
            "I cannot ignore my limits or what I was told before",
        ),
        (
            ("have ", "make ", "let ", "get "),
            r"\b(?:have|make|let|get) (?:the|that) (?:\w+ ){1,3}(?:jump|hop|fly|walk|run|float|dance|swim|bounce|"
            r"crawl|teleport)\b",
            "things do not move by themselves, I can put them",
        ),
        (
            (" bowl to the other", " bowl into the other", " bowl to the left", " bowl to the right", "back and forth"),
            r"\bfrom (?:the |one |your )?(?:\w+ )?bowl (?:in)?to the (?:other|left|right)\b|\bback and forth between "
            r"the bowls\b",
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
