"""Finds what a short English text wants at another time, at a sign, elsewhere, or besides the job that it names."""

import re

from finevla_core.language.english_statements import ARM, COLOR, SHAPE

_NUMBER = r"(?:a|an|one|two|three|four|five|ten|fifteen|twenty|thirty|sixty|a few|a couple of|some|half an?|\d+)"
_SIGN = (
    r"(?:clap|whistle|snap|nod|shout|wink|blink|say (?:so|go|now|when|the word)(?! myself)|count|ring|"
    r"give (?:you )?the (?:sign|signal|word))"
)
_DEED = "pick|lift|take|grab|grasp|get|put|place|stack|turn|rotate|move|clear|clean|tidy|raise|drop|bring|hover|reach"
_WHEN = (
    r"(?:tomorrow|tonight|later today|next (?:week|month|year|monday|tuesday|wednesday|thursday|friday|saturday|"
    r"sunday)|"
    rf"at (?:noon|midnight|\w+ o'clock|\d+ ?(?:am|pm|:\d\d))|(?:in|after) {_NUMBER} (?:more )?(?:minutes?|hours?|"
    rf"days?|weeks?)"
    rf"(?: time)?|over {_NUMBER} (?:hours?|days?)|(?:every|each) (?:single )?(?:day|hour|minute|morning|night|week|"
    rf"time i \w+))"
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
            rf"(?:^|[,.;:] ?|\b(?:and|to|please|you|now|then|just) )(?:{_DEED})\b(?:(?!\b(?:before|until|because|"
            rf"since|when|that)\b)[^,.;:])*\b{_WHEN}(?= ?[.!]?$)|"
            rf"^(?:please )?{_WHEN} ?,? (?:please |then |you should |you must )?(?:{_DEED})\b",
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
            rf"\b(?:{_DEED}|carry)\b[^,.;:]*(?<!est)(?<!er)(?<!next)(?<!close)(?<!near)(?<!back) (?:to|up to|"
            rf"through|via|out of|over) "
            r"(?:the |a )?(?:ceiling|roof|moon|stars|sky|walls?|window|door|sofa|couch|kitchen)\b|"
            r"\b(?:in|inside) (?:your|my) (?:mind|head|dreams?|imagination)\b|"
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
            r"\b(?:and|then)(?: then| please| also| afterwards)? (?:tell (?:me|us|a|him|her)(?! (?:when|once|if|"
            r"that|how|what|where|as|so|it))|call (?:my|the|me|a)|"
            r"shut down|power off|reboot|switch (?:off|on)|open the (?:door|window|drawer|lid)|close the "
            r"(?:door|window|drawer|lid)|turn (?:on|off) the|turn the (?:light|radio|music|tv)|wave(?: at| to| "
            r"your)?(?! it)|bow(?= ?(?:$|[.!]))|count to|sing|dance|clap|run (?:rm|sudo)|delete|erase|"
            r"email|google|download|(?:hit|punch|kick|slap) (?:me|him|her|us|them|somebody|someone|the (?:person|"
            r"man|woman|child|post)))\b",
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
            ("keep the ", "keep your ", "keeping "),
            rf"\bkeep(?:ing)? (?:the|your) {ARM} (?:still|parked|at rest|idle|motionless|where it is) (?:and|but) "
            rf"[^.;]* with it\b",
            "you want an arm used, and kept still: say which one",
        ),
        (
            ("never close", "not close"),
            r"\b(?:gripper|hand|fingers|claw) (?:that|which) (?:never|does not|do not|will not) closes?\b",
            "you say to grasp, and to keep the gripper open",
        ),
        (
            ("bowl upstairs", "bowl downstairs", "bowl outside", "bowl next door"),
            r"\bbowl (?:upstairs|downstairs|outside|next door)\b",
            _ELSEWHERE,
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
            ("obey", "listen", "limits", "rules", "restrictions", "safety", "no matter who", "whoever", "bridge"),
            r"\b(?:safety|security) bridge\b|\b(?:without|skip|bypass|around|disable) (?:the |your )?bridge\b|"
            r"\b(?:no matter who|whoever) (?:is|stands|gets|may be|comes) in\b|\b(?:obey|listen to|answer to) "
            r"(?:nobody|no one|only me|me only|me alone|me and)\b|\byou (?:now )?have no (?:more )?(?:limits?|rules?|"
            r"restrictions?|boundaries)\b|\bsafety (?:does|do|will|is|rules do) (?:not apply|not count|not exist|off|"
            r"disabled)\b",
            "I cannot ignore my limits or what I was told before",
        ),
        (
            ("have ", "make ", "let ", "get "),
            r"\b(?:have|make|let|get) (?:the|that) (?:\w+ ){1,3}(?:jump|hop|fly|walk|run|float|dance|swim|bounce|"
            r"crawl|teleport)\b|\b(?:have|make|let|get) (?:the|that) (?:(?!and |then |knob|dial|arm|hand|gripper|"
            r"claw)\w+ ){1,3}(?:spin|roll|slide|"
            r"rotate|topple|fall over|spinning|rolling)\b",
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

_NOT = re.compile(r"\b(?:not|never|no|rather than|instead of)\b[^.,;]{0,30}$")


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
