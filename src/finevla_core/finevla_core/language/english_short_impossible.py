"""What a short English text may ask for beyond the robot's means or against itself: one sentence each, or "" for nothing."""

import re

from finevla_core.language.english_role_placeholders import in_names
from finevla_core.language.english_slots import Decision
from finevla_core.language.english_statements import ARM, COLOR, SHAPE, only_tells
from finevla_core.language.english_text import EnglishText

_CARRIED = ("pick", "place", "stack")
_ALL = ("reach", "pick", "place", "stack", "turn", "clean")
_BODIES = (
    r"(?:operator|person|people|man|woman|child|kid|boy|girl|visitor|guest|customer|colleague|technician|nurse|"
    r"doctor|patient|"
    r"human|body|wall|floor|ceiling|camera|screen|window|door|glass|me|him|her|us|them|you)"
)
_UNSEEN = (
    r"(?:broken|cracked|damaged|chipped|dented|empty|full|filled|hollow|hot|cold|warm|wet|soft|squishy|sharp|glowing|"
    r"numbered|"
    r"labelled|labeled|locked|heated|frozen|sticky|slippery|poisonous|expensive|magnetic|charged)"
)
_STAY = r"(?:stay|remain|be left|be kept|lie|stand|rest|sit|keep)"
_MUST = r"(?:has to|have to|must|should|shall|needs to|is to|ought to|may only|will|is supposed to)"
# Over the words as they stand.
_PLAIN = [
    (re.compile(pattern), reason)
    for pattern, reason in (
        (
            r"\b(?:in|into|inside|to) (?:each|every)(?: one)?(?: of the)? bowls?(?! (?:except|but)\b)\b",
            "there is a left and a right bowl: say which",
        ),
        (
            r"\b(?:but|yet) (?:do )?(?:not|never) move(?: at all| a muscle| an inch)?(?= ?(?:$|[.,;!]))",
            "you say to go there, and not to move",
        ),
        (
            r"\b(?:do not|never) (?:ever )?(?:stop|halt|brake|pause)\b[^.;]{0,30}\b(?:if|when|whatever|no matter|"
            r"even)\b[^.;]{0,30}\b(?:say|"
            r"said|says|shout|tell|told|scream|yell|cry|ask|press|hit|push)",
            "I cannot ignore my limits or what I was told before",
        ),
        (
            rf"\b(?:even if|even though|although|no matter (?:if|whether|that)|regardless of whether|while) (?:my|"
            rf"his|her|a|the|some\w*|your) ?"
            rf"(?:\w+ )?(?:{_BODIES}|hand|hands|finger|fingers|face|head|arm) (?:is|are|gets|stands|comes|happens to "
            rf"be) (?:\w+ )?(?:in|between|"
            r"under|over|near|on|around|close|next|there)\b",
            "I do not move where somebody is",
        ),
        (
            r"\b(?:collisions?|crash(?:es)?|safety|damage|accidents?|the (?:limits?|rules?)) (?:do|does|is|are|will) "
            r"not (?:\w+ly )?(?:matter|"
            r"important|count|relevant|a problem|be a problem)\b|\b(?:regardless of|ignor\w+|disregard\w*|forget "
            r"about|whatever|no matter "
            r"what) (?:the |any |all |you )?(?:collisions?|crash\w*|damage|safety|hits?|obstacles?|people|person|"
            r"gets in)\b",
            "I cannot ignore my limits or what I was told before",
        ),
        (
            r"\b(?:with|at|using) (?:the |your |its |a )*(?:maximum|maximal|max|full|all your|all its|extreme|"
            r"enormous|brute|unlimited) "
            r"(?:force|strength|power|might|speed|torque|velocity)\b|\b(?:as hard as|with all (?:your|the) (?:force|"
            r"might|strength|power))",
            "I cannot set forces or speeds",
        ),
        (
            r"\b(?:\d+|two|three|five|ten|twenty|hundred|many|several) times (?:your|the|its|as) (?:normal |usual |"
            r"maximum )?(?:speed|force|"
            r"fast|hard|strong)",
            "I cannot set forces or speeds",
        ),
        (
            r"\bby (?:the|its|a) (?:handle|string|strap|ear|ears|tail|hook|loop|stem|label|neck|leg|legs|cord|rope|"
            r"hair|nose)\b",
            "I cannot grip it there",
        ),
        (
            r"\bon (?:your|its|the robot 's) (?:head|back|shoulder|palm|elbow|lap|chest|nose|knee|foot|wrist)\b",
            "I can grasp with my fingers only",
        ),
        (
            r"\bwhile (?:standing|hopping|dancing|jumping|singing|walking|driving|riding|running|juggling|sitting|"
            r"kneeling|swimming)\b|\b(?:on|"
            r"with) one (?:leg|foot)\b",
            "I stand where I am and have two arms",
        ),
        (
            r"\bwithout (?:using |opening |moving |the use of |touching it with )?(?:your|its|any|the) (?:fingers?|"
            r"grippers?|hands?|arms?|jaws?"
            r"|claws?)(?= ?(?:$|[.,;!]| at all))",
            "I grasp and let go with my grippers only",
        ),
        (
            r"\b(?:from (?:a (?:safe |great |long )?distance|afar|far away|across the room)|remotely|by remote "
            r"control|wirelessly)\b(?=[^.;]*$)",
            "I must touch a thing to act on it",
        ),
        (
            r"\bfrom above (?:but|and|yet|and also|as well as|while) (?:also )?from (?:below|behind|underneath|"
            r"beneath|under|the bottom)\b",
            "you say two sides to come from: say one",
        ),
        (
            r"\b(?:and|but|yet) (?:\w+ly )?(?:stay|remain|keep|wait) (?:right |exactly |just )?where you are\b",
            "you say to go there, and not to move",
        ),
        (
            rf"\b(?:the|your) {ARM} ?,? (?:which|that) (?:must|may|should|shall|can|does|is) not (?:to )?(?:move|be "
            rf"used|be moved|act|work|"
            r"take part)\b",
            "you say an arm and exclude it",
        ),
        (
            r"\b(?:to|onto|on|into|in) (?:the|your|my|our|that|a) (?:other|next|second|neighbou?ring|big|kitchen|"
            r"dining|adjacent) (?:table|"
            r"room|desk|bench|shelf|robot|building)\b",
            "I cannot go there",
        ),
        (
            r"\b(?:clockwise|counterclockwise|anticlockwise|left|right) ?,? (?:and|,) (?:then )?(?:back|back again|"
            r"the other way|return it|"
            r"turn it back)\b",
            "you say both clockwise and counterclockwise: say one",
        ),
        (
            r"\b(?:ignor|disregard|exceed|bypass|overrid|remov|rais|lift|suspend|forget)\w* (?:the |your |all |any |"
            r"every |its |of "
            r")*(?:speed|force|safety|torque|joint|workspace|power|height|security)(?: \w+)? ?(?:limits?|rules?|"
            r"checks?|checking|"
            r"monitor\w*|zones?|stops?)\b",
            "I cannot ignore my limits or what I was told before",
        ),
        (
            r"\b(?:without|with no|beyond|despite|regardless of|against) (?:the |your |all |any )*(?:speed|force|"
            r"safety|torque|joint) ?"
            r"(?:limits?|rules?|checks?|checking)\b",
            "I cannot ignore my limits or what I was told before",
        ),
        (
            r"\b(?:do not|never|without|not) (?:mov\w+|us\w+|stir\w*|rais\w+|lift\w*) (?:your|any|any of your|"
            r"either|either of "
            r"your|the) (?:arms|hands|grippers|arm)\b(?! (?:too|so|more|very|fast|quick|like|until|unless|for|on|in)|"
            r" \w+ly| on )(?= ?(?:$|[.,;!]|at all|while|when))",
            "you exclude both arms",
        ),
        (
            r"\b(?:in|into|inside|to) the (left|right)(?: hand)? bowl\b[^.;]*\b(?:and|but|yet|while)(?: you| do)? "
            r"(?:not|nowhere "
            r"near|never|keep(?:ing)? it (?:out of|away from|clear of)|leav(?:e|ing) it out of|outside|out of)"
            r"[^.;,]{0,30}\bthe \1(?: "
            r"hand)? (?:bowl|one)\b",
            "you say to put it there, and that it must not be there",
        ),
        (
            rf"\b(?:every|each|any and all|all(?: of)?(?: the)?)(?: single)? (?:small |big |large )?(?:{COLOR} "
            rf"(?:things?|objects?|items?|"
            rf"ones?|pieces?|{SHAPE}s?)|{SHAPE}s?)\b(?! (?:has|have|is|are) )",
            "one thing at a time: say which of them",
        ),
        (
            r"\b(?:\d+|two|three|four|five|six|ten|twenty|several|many|few|hundred) (?:metres?|meters?|kilometres?|"
            r"kilometers?|miles?|"
            r"yards?|feet|storeys?|floors?|blocks away)\b",
            "I do not reach that far",
        ),
        (
            r"\b(?:\d+|\w+ty|\w+ hundred|hundreds? of|thousand) ?(?:newtons?|kilonewtons?|kilos?|kilograms?|kg|psi|"
            r"rpm|watts?|volts?)\b",
            "I cannot set forces or speeds",
        ),
        (
            rf"\b(?:with|using|use|let|by) (?:the |your |its |both |all )?two "
            rf"(?:{ARM.replace('(?:left |right )?', '')})\b",
            "I use one arm at a time: say which",
        ),
        (
            rf"\bthrough (?:the |my |a |an |that |this |your )*{_BODIES}\b",
            "I cannot go through that",
        ),
        (
            r"\bfrom (?:under|underneath|beneath|below|inside|behind) the (?:table|desk|tabletop|floor)\b",
            "I cannot come from there",
        ),
        (
            rf"\b(?:the|that|a|an|this) (?:small |big |large )?{_UNSEEN} (?:(?:small|big|large|{COLOR}) )"
            rf"*(?:{SHAPE}|one)\b",
            "I tell things by their colour, shape and size only",
        ),
        (
            r"\b(?:the|that|this) (?:dark|light|bright|pale|shiny) one\b",
            "I tell things by their colour, shape and size only",
        ),
    )
]
# Over the parts that things play: tasks, pattern, reason.
_PARTS = [
    (tasks, re.compile(pattern), reason)
    for tasks, pattern, reason in (
        (
            _ALL,
            r"\b(?:but|and|yet|while)(?: do| you)? (?:not|never) (?:\w+ )?(?:go|come|get|move|be|stay|going|coming|"
            r"getting) (?:"
            r"anywhere )?(?:near|close to|next to|beside|to|at) (?:TARGET|it)\b",
            "you say to go there, and not to go there",
        ),
        (
            _ALL,
            r"\b(?:but|and|yet)(?: do| you)? (?:stay|keep|keep your hands|keep your fingers) (?:well |far )?(?:away "
            r"from|clear of|off) "
            r"(?:TARGET|it)\b",
            "you say to go there, and not to go there",
        ),
        (
            _CARRIED,
            rf"TARGET(?:(?!OTHER|SUPPORT)[^.;])*\b(?:but|and|yet|while|although|though) (?:it|TARGET) {_MUST} "
            rf"(?:\w+ly |also )?{_STAY} "
            r"(?:\w+ly |flat |lying )?(?:on TABLE|where it is|where it lies|where it was|in place|put|down on TABLE)\b",
            "you say to lift it, and that it must not leave the table",
        ),
        (
            _CARRIED,
            r"\b(?:but|and|yet)(?: do| you)? (?:not|never) (?:move|shift|budge|displace|raise|lift) (?:TARGET|it)"
            r"\b(?! (?:too|so|very|more"
            r"|any (?:higher|further)|fast|quick|around|about|until|before|while|like|away|over|from|to|into|onto|in|"
            r"on|by|with|higher|"
            r"yet|again|off|out|much|far|sideways|\w+ly))",
            "you say to lift it, and not to move it",
        ),
        (
            _CARRIED,
            r"\bwithout (?:ever )?(?:moving|shifting|raising|lifting|budging) (?:TARGET|it)\b(?! (?:too|so|very|more|"
            r"any|around|about|"
            r"sideways|away|over|from|to|into|in|by|higher|much|far|\w+ly))",
            "you say to lift it, and not to move it",
        ),
        (
            ("stack",),
            r"\b(?:on|onto|on top of|atop|upon) SUPPORT\b[^.;]*\b(?:but|and|yet)(?: do)? (?:not|never) (?:put it |"
            r"place it )?(?:on|onto|"
            r"on top of|atop|upon) SUPPORT\b",
            "you say to put it there, and that it must not be there",
        ),
        (
            _ALL,
            r"\b(?:on|with|by|using) the (?:back|palm|side|edge|top|outside) of (?:your |the |its )?(?:ARM|FINGERS|"
            r"hand|wrist)\b",
            "I can grasp with my fingers only",
        ),
        (
            ("place", "reach"),
            r"\b(?:stack|pile|balance|mount|perch|prop|lean)\w* (?:TARGET|it) (?:up )?(?:on|onto|on top of|atop|upon|"
            r"against) BOWL\b"
            r"|\b(?:on top of|atop|over the (?:rim|edge) of|on(?:to)? the (?:rim|edge|outside|underside|brim|lip) of)"
            r" BOWL\b",
            "I can put things into a bowl, not onto one",
        ),
        (
            _CARRIED,
            r"\b(?:grasp|grip|hold|lift|carry|squeez)\w* TARGET with (?:an? |your |its |the )*(?:wide )?open "
            r"(?:FINGERS|ARM)|\b(?:let|lets) "
            r"(?:TARGET|it) go (?:at the same time|at once|while)",
            "you say to grasp, and to keep the gripper open",
        ),
        (
            ("turn",),
            r"\b(?:turn|rotat|twist|spin|crank)\w* TARGET (?:\w+ ){0,3}(?:with|using) OTHER",
            "I turn it with my gripper only",
        ),
        (
            _ALL,
            r"\b(?:warm|heat|cool|light|blow|beat|dress|mess|break|cut|eat|chop|burn|bring down|take apart)(?: up| "
            r"down| off| out)? TARGET",
            "I cannot do this to things",
        ),
        (
            _ALL,
            r"\b(?:take|bring|carry|move|put|get) (?:TARGET|it) (?:back )?(?:home|outside|upstairs|downstairs|"
            r"elsewhere|somewhere|abroad)\b"
            r"(?! in BOWL)",
            "I cannot go there",
        ),
        (
            _ALL,
            r"TARGET (?:that|which) (?:is|are) not (?:there|here|on TABLE|visible|real)\b",
            "you want a thing that is not there",
        ),
        (
            ("clean",),
            r"\b(?:reach|go|move|approach|touch|hover|point)\w*\b[^.]*(?:OTHER|TARGET)[^.]*\b(?:and|then|afterwards|"
            r"next|after that)[ ,]+(?:then )?"
            r"(?:clear|clean|tidy|empty)",
            "one thing at a time: say only the first job",
        ),
        (_ALL, r"\bcatch (?:TARGET|it) (?:when|as|while|if|after|once|before)\b", "I cannot catch things"),
        (
            ("reach", "pick"),
            r"\b(?:stand|sit|set|put|place|lay|turn|tilt|flip|leave)\w* (?:TARGET|it) (?:up|upright|upside down|on "
            r"its (?:side|end|head|edge|"
            r"back|face)|the (?:right|other|wrong) way (?:up|round))\b(?! (?:on|in|into|onto|at|from|in the air))",
            "I cannot turn things over or stand them up",
        ),
    )
]


def limit(text: EnglishText, out: Decision) -> str:
    """Say what a text asks for that cannot be, or that goes against what else it says.

    Args:
        text: the text, a short one.
        out: what it seems to want.

    Returns:
        One sentence for the operator; "" where there is none.
    """
    words, task = text.words, out.slots.get("task", "")
    if reason := only_tells(words):
        return reason
    for pattern, reason in _PLAIN:
        if any(not _is_denied(words, hit.start()) for hit in pattern.finditer(words)):
            return reason
    named = in_names(text, out)
    for tasks, pattern, reason in _PARTS:
        if task in tasks and pattern.search(named):
            return reason
    return ""


def _is_denied(words: str, at: int) -> bool:
    """Whether what stands at `at` is itself excluded: "not the broken one"."""
    return (
        re.search(r"\b(?:not|never|no|without|avoid\w*|instead of|rather than)\b[^.,;]{0,30}$", words[:at]) is not None
    )
