"""English words of the check by what they mean: arms, what grippers and arms do, sides, numbers; one pattern per meaning.

A pattern gives its value by a group `side` or `n`, or has it beside it. The longest match at a place counts.
"""

import re

from finevla_tools.annotate.claim_verbs import either, noun_or, verbs

HAND = (
    r"(?:arms?|hands?|grippers?|manipulators?|claws?|end[- ]?effectors?|effectors?|limbs?|jaws|fingers|pincers?|graspers?"
    r"|grabbers?|wrists?|forearms?|robot|piper|follower)"
)
GRIP = (
    r"(?:grippers?|fingers?|fingertips|claws?|jaws?|hands?|pincers?|prongs?|end[- ]?effectors?|effectors?|graspers?"
    r"|grabbers?|tips)"
)
PLACE = (
    r"(?:side|bowl|dish|basin|edge|corner|end|plate|box|tray|part|half|container|cup|basket|bin|drawer|shelf|area|zone|camera|view"
    r"|image|cam|picture|flank|bottle|can|cube|block|object|hand-side)"
)
# Surfaces and containers: `from the left side of the table` says where something was.
SURFACE = r"(?:table|tabletop|desk|plate|bowl|tray|box|workspace|scene|board|mat|shelf|bin|basket|counter|robot|image|frame|picture)"
ADJ = (
    r"(?:robot(?:ic)?(?:'s)?|mechanical|side|hand|handed|black|white|silver|gr[ae]y|parallel|jaw|two|finger(?:ed)?|gripper"
    r"|follower|lower|upper|piper|working|active|arm's)"
)
# A word that begins a new phrase: after it a side is no longer part of a name.
END = (
    r"(?=\s*$|\s*[,.;:!?)(]|\s+(?:and(?! (?:left|right))|or|by|for|about|around|until|till|while|then|before|after|again|slightly|over"
    r"|across|along|with|at|in|round|from|through|onto|into|up|down|forwards?|backwards?|a bit|a distance|roughly|approximately"
    r"|some|via|thanks|as|when|once|so|but|where|which|because|to (?:grasp|grip|pick|reach|release|place|put)|\d|\w+(?:ing|s|ed)\b|it\b))"
)
_OF = rf"(?! of (?:the|a|its)? ?(?:\w+ )?{SURFACE}\b)"
_SELF = r"(?:the robot(?:'s (?:base|body))?|itself|(?:its|the|robot's) (?:own )?(?:base|body|torso|trunk)|you|the operator)"
_THE = r"(?:the |its |his |your |the robot's |the object's |the target's |robot's |the \w+'s )"


def _side(pattern: str) -> str:
    return pattern.replace("SIDE", "(?P<side>left|right)")


_FROM = r"\bfrom"
_GET = verbs("get+:got,gotten", "gain", "have:had,has", "take:took,taken", "establish", "secure", "find:found", "acquire", "achieve", "make:made")
_HOLD_NOUN = r"(?:grip|grasp|hold|clutch|purchase)"
_ADJ = r"(?:\w+ ){0,3}?"

# meaning: (value or "" for the one that the pattern's group has, pattern)
WORDS: tuple[tuple[str, str, str], ...] = (
    # who
    ("arm", "", _side(rf"\bSIDE(?:most)?(?:'s)?[ _-](?:{ADJ}[ _-])*{HAND}\b(?![ -]?{PLACE})(?!-)")),
    ("arm", "", _side(
        rf"\b(?:arm|gripper|manipulator|claw|effector|limb)(?:,? (?:which|that)(?: is|'s)?)?(?: (?:mounted|located|positioned|attached"
        rf"|placed|standing|situated|installed))? (?:on|at) (?:the |its |the robot's |your )(?:far |very )?SIDE(?:[- ]hand)?(?: side)?"
        rf"\b(?! of\b)(?! (?:arm|hand|gripper|{PLACE}))")),
    ("arm", "", _side(r"\b(?:arm|hand|gripper|manipulator)(?: used)? ?[:=] ?(?:the )?SIDE\b")),
    ("arm", "", r"\b(?P<side>l|r)[ -](?:arm|gripper|hand)\b"),
    ("arm", "both", r"\b(?:both|the two|its two|the robot's two)(?: of (?:the|its))?(?: robot(?:ic)?(?:'s)?)?[ _-](?:arms|hands|grippers"
                    r"|manipulators|limbs|claws|end[- ]effectors)\b|\bdual[- ]arm\b|\btwo (?:arms|hands)(?= (?:act|work|move|are used))"),
    ("one", "", _side(r"\b(?:the |your |its )?SIDE(?:[- ]hand)? one\b")),
    ("one", "other", r"\b(?:the |its )?(?:other|opposite|remaining|second)(?: (?:robot(?:ic)?|mechanical))?[ -](?:arm|hand|gripper|manipulator"
                     r"|limb|claw|end[- ]effector|one|robot)\b|\bits (?:counterpart|partner|twin|sibling|companion|neighbou?r|fellow|mate)\b"
                     r"|\bthe other(?= (?:is|stays?|remains?|does|sits?|sat|keeps?|waits?|stands?|rests?|then|follows?|takes|starts?|begins?))"),
    ("grip", "", rf"\b{GRIP}\b(?! (?:camera|view|image|side))"),
    # what grippers do
    ("grasp", "", either(
        noun_or(verbs("grasp", "grip+", "grab+", "pick", "seize", "clamp", "clasp", "pinch", "snatch", "clutch", "catch:caught",
                      "nab+", "snag+", "capture", "secure", "fetch", "retrieve", "pluck", "squeeze", "nip+", "scoop", "collect",
                      "trap+", "obtain", "enclose", "envelop", "pincer", "acquire")),
        rf"{_GET} {_ADJ}{_HOLD_NOUN}(?: of| on)?", r"tak(?:es?|ing|en) hold", r"(?:lays?|laying|laid) hold",
        r"(?:latch|lock|clamp|cling)(?:e?s|ed|ing)? (?:down )?on(?:to)?", rf"(?:wraps?|wrapping|curls?|folds?|clos(?:es?|ing)|fastens?) {_ADJ}{GRIP} (?:a?round|on|over|about|upon)",
        r"(?:has|gets?|got) (?:it|the \w+) (?:firmly |securely )?(?:in|between) (?:its|the) " + GRIP,
        rf"(?:a|the) (?:\w+ ){{0,2}}(?:grasp|grip|hold) (?:is|was|gets) (?:then )?(?:made|performed|executed|established|achieved|completed|formed)")),
    ("take", "", either(r"takes?", r"taking", r"took", r"taken")),
    ("release", "", either(
        verbs("release", "drop+", "relinquish", "unclamp+", "ungrip+", "unclasp", "unhand", "disengage", "dump", "discard"),
        r"(?:frees|freed|freeing)", r"free (?=it|the)", r"(?:lets?|letting) (?:go(?: of)?\b|(?:(?!and\b)\w+ ){1,4}(?:go|drop|fall|loose|down)(?! of the way))",
        r"(?:sets?|setting) (?:\w+ ){1,4}free", r"(?:turns?|cuts?) (?:\w+ ){1,3}loose", r"gives? up (?:its|the) (?:grip|hold|grasp)",
        r"lets? loose", r"parts? with (?:it|the)", r"lets? (?:it|the \w+) (?:slip|slide) out")),
    ("place", "", either(
        r"(?:plac(?:es?|ing)|puts?|putting|deposits?|depositing|lays?|laying|sets?|setting|stands?)(?= (?:it|the|this|them|down|that))(?: (?:(?!and\b)\w+ ){0,4}?down)?",
        r"plac(?:es|ing)", r"(?:leaves?|leaving) (?:it|the \w+) (?:there|behind|on|in|at)")),
    ("shut", "", either(
        r"(?:(?:re)?clos(?:es?|ed|ing))(?! (?:to|by|beside|enough)\b)", r"(?:snaps?|snapped|snapping|clamps?|squeezes?|swings?) shut", r"shuts?|shutting",
        r"(?:com(?:es?|ing)|came|brought|brings?|draws?|drawn|mov(?:es?|ing)|press(?:es)?) (?:\w+ ){0,3}?together", verbs("tighten", "clench", "converge"),
        r"meets?")),
    ("spread", "", either(
        r"(?:re)?open(?:s|ed|ing)?", verbs("unclench", "widen", "loosen", "relax", "slacken", "part"), r"spread(?:s|ing)?",
        r"separat(?:es?|ed|ing)", r"(?:com(?:es?|ing)|came|mov(?:es?|ing)|draws?|pulls?|go(?:es)?|springs?|swings?) (?:wide )?(?:apart|open)", r"eases?")),
    ("hold", "", either(
        noun_or(verbs("hold:held")), r"keeps? hold", r"retain(?:s|ed|ing)?",
        rf"in (?:its|the|their) (?P<side>left|right)[ -](?:robot )?(?:hand|gripper|claw)\b(?![ -]?{PLACE})(?!-)",
        rf"in (?:its|the|their|his) (?!left|right)(?:\w+ ){{0,2}}?(?:grip|grasp|hold|clutches|possession|{GRIP})\b", 
        rf"between (?:its|the|both|two|their) (?:\w+ )?{GRIP}", r"(?<!not )between them", r"in hand\b", r"(?:is|remains|stays) (?:firmly |securely )?(?:caught|gripped|grasped|clamped|pinched)\b")),
    # how it came out
    ("nothing", "", either(
        r"nothing", r"(?:only|just|but|mere|thin|empty) air", r"air(?= alone)", r"empty[- ]handed", r"(?:is|are|was|comes? (?:up|away|back)|came (?:up|away|back)|stays?|remains?|ends? up|with (?:its|an?|the)|returns?|still|leaves?|left) (?:\w+ )?empty",
        r"an empty (?:gripper|hand|claw|grip)", r"not? (?:between|inside|within|in) (?:them|it|its|the)\b(?! air)", r"untouched|undisturbed|unmoved|ungrasped|unheld",
        r"(?:stays|stayed|remains?|remained|is left|was left) (?:put|behind|where it (?:is|was)|on the table|in (?:its )?place)")),
    ("fail", "", either(
        verbs("fail", "miss", "whiff", "fumble"), r"failures?", r"unsuccessful(?:ly)?", r"in vain", r"to no avail", r"no luck", r"comes? up short", r"unable",
        r"can not|could not", r"with(?:out| no| little) success", r"not? succe\w+", r"not (?:\w+ ){0,2}manage\w*", r"botch(?:es|ed)?", r"falls? short", r"slips? past", r"futile")),
    ("succeed", "", either(r"succe(?:eds?|eded|eding|ss|ssful|ssfully)", r"manag(?:es?|ed)", r"work(?:s|ed)(?= (?:out|as intended|well)|\s*$)")),
    ("lose", "", either(r"los(?:es?|t|ing)(?= (?:it|the|its|hold|grip|grasp|contact))", r"slips? (?:out|from|away|off|free)", r"slipped|slipping", r"falls? (?:out|from|off)", r"fell (?:out|from|off)", r"knocked loose")),
    ("try", "", either(
        r"tr(?:y|ies|ied|ying) (?:to|and)\b", r"attempt(?:s|ed|ing)? (?:to|at|by)\b", r"(?:has|have|makes?|made|having|making) an? (?:\w+ )?(?:go|try|stab|shot|attempt|effort|grab|lunge)\b",
        r"(?:aims?|seeks?|intends?|wants?|strives?|about|going|hopes?|prepar(?:es?|ing)) to", r"go(?:es)? (?:to|for)\b", r"an attempt (?:to|by|at|of)",
        r"(?:reach(?:es)?|moves?|com(?:es?|ing)|descends?|extends?|goes|heads?|lunges?|stretches|lowers?)(?: (?!to\b)\w+){0,4} to(?= (?:grasp|grip|grab|pick|seize|take|clamp|catch|pinch|get|secure|collect|fetch)\b)")),
    # what arms do
    ("carry", "", either(
        verbs("carry", "transport", "transfer+", "convey", "haul", "drag+", "push", "pull", "slide:slid", "bring:brought", "shift", "deliver", "relocate",
              "reposition", "translate", "nudge", "displace", "tow", "lug+", "scoot", "whisk", "ferry", "tug+", "shove", "sweep:swept", "propel+", "guide", "shuttle", "heave"),
        r"mov(?:es?|ed|ing) (?:it|them|this|that|the (?!(?:\w+ )?(?:arm|gripper|hand|robot|end|tool|claw|manipulator|effector)|left\b|right\b)\w+)", r"(?:is|was|gets?|been|being) (?:then |thereafter |finally )?(?:moved|taken)",
        r"displacement|translation", r"end(?:s|ed)? up", r"tak(?:es?|ing|en) (?:it|the \w+)(?= (?:to|towards?|away|over|off|further|farther|left|right|back|forward)\b)")),
    ("go", "", either(verbs("move", "travel", "head", "proceed", "progress", "glide", "swing:swung", "drift", "advance"), r"go(?:es|ing)?|went|gone", r"makes? its way")),
    ("lift", "", either(verbs("lift", "raise", "hoist", "elevate", "lower"))),
    ("reach", "", either(
        verbs("approach", "reach", "descend", "dive", "swoop", "lunge", "hover", "enter", "arrive", "extend", "stretch", "engage", "contact", "touch", "target"),
        r"com(?:es|ing)|came|come", r"clos(?:es?|ing|ed) in", r"hom(?:es?|ing) in", r"near(?:s|ed|ing)", r"get(?:s|ting)? (?:there|to)", r"aims? (?:at|for)",
        r"(?:mov(?:es?|ed|ing)|go(?:es|ing)?|went|head(?:s|ed|ing)?|travel(?:s|ed|ing)?|advanc(?:es?|ing)) (?:in(?:to place)?\b(?! an? )(?! the air)|over(?= the \w+| it)(?! the table)|above|up to|down (?:on|to|over)|to(?= (?:the|its|a|an) (?!left|right|robot|rear|front|back|near|far|base|other))"
        r"|towards?(?= (?:the|its|a) (?!left|right|robot|rear|front|back|near|far|base|other|body)))", r"goes? for|goes? after", r"lowers? itself|lowers(?=\s*$)", r"extends?")),
    ("retreat", "", either(
        verbs("retreat", "retract", "withdraw:withdrew,withdrawn", "return", "recede"),
        r"(?:mov(?:es?|ed|ing)|backs?|pulls?|goes|comes?|drives?|draws?) (?:away|off|back|up and away)(?! (?:from|towards?|to) (?:the|its) (?:robot|base|body))(?! towards?)", r"clears? the")),
    ("turn", "", either(
        verbs("rotate", "twist", "spin+:spun", "swivel", "revolve", "pivot", "reorient", "screw", "unscrew", "wring"), r"rotations?|revolutions?",
        r"(?<!in )(?<!first )(?<!second )(?<!next )(?<!take )(?<!takes )(?<!its )(?<!by )(?<!the )turn(?:s|ed|ing)?(?! (?:of|to|out)\b)", r"(?:swings?|go(?:es)?|brings?|swung) (?:\w+ ){0,3}?(?:a?round)\b", r"\ba turn\b")),
    ("still", "", either(
        r"idle|inactive|stationary|motionless|immobile|unmoving|unused|passive|dormant|parked|uninvolved|inert", r"(?:completely |perfectly |quite |absolutely )?still(?=\s*$|\s*[,.;)]| (?:and|as|on|in|at|during|throughout|the whole|all))", r"at rest", r"(?:in|at) (?:its|the|a) (?:rest(?:ing)?|home|parking|initial|start(?:ing)?) (?:pose|position|place|posture)",
        r"(?:is|was|are|being)? ?not (?:be )?(?:used|involved|moving|employed|engaged|needed|touched|part)", r"not (?:move|act|do|participate|take part|contribute|use|stir|engage|get involved|help|intervene|budge)\b(?! (?:it|the (?!(?:left|right) )))",
        r"(?:takes?|took|plays?|played|has|had) no (?:part|role)", r"never (?:moves|moved|acts|acted|stirs|leaves its)", r"(?:does|did|doing|do) nothing", r"(?:stays?|stayed|remains?|remained|sits?|sat|stands?|stood|left|leave|leaves|keeps?|kept|waits?|waiting|staying|remaining)(?: \w+)? (?:where it (?:is|was)|in (?:its )?place|put|out of (?:the way|play|it)|by|aside|there(?= doing))", r"(?:just |merely |only )?(?:watch(?:es|ing)|wait(?:s|ing)?|looks? on|stands? by|rest(?:s|ing))(?=\s*$|\s*[,.;)]| (?:all|throughout|the))")),
    ("act", "", either(verbs("act", "work", "operate", "use", "handle", "manipulate", "perform", "participate", "cooperate", "collaborate", "employ", "start", "begin:began,begun", "lead:led", "follow", "coordinate"), r"active", r"do(?:es)?|done|did")),
    # where
    ("from", "top", rf"{_FROM} (?:straight |directly |right |its |the |up |high |just )*(?:above|top|overhead|over (?:it|the \w+))\b(?! of)|\bfrom up high\b|\btop[- ]down\b|\bstraight down(?:wards?)?\b|(?<!up )\bvertical(?:ly)?\b(?! (?:up|lift|rais))|\boverhead approach\b|\bapproach\w* (?:\w+ )?overhead\b"),
    ("from", "", _side(rf"{_FROM} {_THE}?SIDE(?:[- ]hand)?[- ](?:side|flank|edge|face)\b(?! to\b){_OF}")),
    ("from", "", _side(rf"{_FROM} {_THE}SIDE(?:[- ]hand)?(?: of (?:it|the (?!{SURFACE}\b)\w+)\b)?(?! to\b){END}")),
    ("from", "", _side(r"\bSIDE(?:ward)?s?[- ](?:hand[- ])?(?:side[- ])?approach\b")),
    ("from", "front", rf"{_FROM} {_THE}(?:far|front|distant|remote|opposite|farther|further)(?:[- ](?:front))?[- ](?:side|end|edge|front|flank|face)\b{_OF}|{_FROM} {_THE}front\b(?! to\b){END}"
                      rf"|{_FROM} (?:the|its) (?:side|end|edge) (?:\w+ )?(?:\w+ )?(?:away|farthest|furthest|opposite|turned away|remote)(?: away)? from {_SELF}|{_FROM} (?:behind|beyond)(?: (?:it|the (?!{SURFACE}\b)\w+))?{END}|\b(?:far|front)-side approach\b"),
    ("from", "back", rf"{_FROM} {_THE}(?:near|back|rear|closer|nearer|close|nearest|closest|robot|robot's)(?: (?:own|near))?[- ](?:side|end|edge|flank|face)\b{_OF}|{_FROM} {_THE}(?:back|rear)\b(?! to\b){END}"
                     rf"|{_FROM} (?:the|its) (?:side|end|edge) (?:\w+ )?(?:\w+ )?(?:nearest|closest|nearer|closer|facing|next|towards?|near)(?: to| towards?)? {_SELF}|{_FROM} (?:the robot's|its own) side\b|{_FROM} in front of (?:it|the object|the \w+)\b|\bnear-side approach\b"),
    ("from", "below", rf"{_FROM} (?:below|underneath|beneath|under)(?: it)?{END}"),
    ("place side", "", rf"\b(?:on|at|in|to|towards?|near|beside|by|from|of) (?:the |its |your |his )?(?:far )?(?:left|right)(?:most)?(?:[- ]hand)?(?:[- ]side)? of\b|\b(?:left|right)(?:most)?(?:[- ]hand)?[- ]{PLACE}\b|\b(?:left|right) of\b|\b(?:on|at) (?:the |its |your )(?:left|right)(?:[- ]hand)?(?: side)?\b(?! (?:robot\w* )?{HAND}\b)|\bfingers? (?:to|on) (?:its|the) (?:left|right)(?: and (?:left|right))?\b"),
    ("dir", "", _side(rf"\b(?:to|towards?|over to|off to|further to|farther to) (?:the |its |your |the robot's |robot's |his )(?:far )?SIDE(?:[- ]hand)?(?:[- ]side)?\b(?! of\b)(?! {HAND})(?![ -]{PLACE}){END}")),
    ("dir", "", _side(r"\bSIDEwards?\b(?![- ]side)")),
    ("dir", "", _side(rf"\b(?:to )?(?<!the )(?<!its )(?<!your )(?<!on )(?<!from )(?<!and )(?<!is )(?<!was )(?<!has )(?<!are )SIDE\b(?! (?:it|the|them|alone|in|at|on|behind|above|from|over|with|as)\b){END}")),
    ("dir", "forward", rf"\bforwards?\b|\b(?:(?:farther|further|farthest|furthest) )?away from {_SELF}|\b(?:farther|further) (?:out )?(?:from|off) {_SELF}|\b(?:straight |dead )ahead\b|\b(?:to|towards?) the far (?:side|end|edge)\b|\boutwards?\b"),
    ("dir", "backward", rf"\bbackwards?\b|\b(?:back |in )?(?:to|towards?|near|nearer(?: to)?|closer(?: to)?) {_SELF}(?!'s){END}|\b(?:to|towards?) the near (?:side|end|edge)\b"),
    ("dir", "up", r"\bupwards?\b|\b(?:mov|carr|bring)\w*(?: \w+){0,3} up(?=\s*$|\s*[,.;]|\s+(?:and|by))"),
    ("dir", "down", r"\bdownwards?\b|\b(?:mov|carr|bring)\w*(?: \w+){0,3} down(?=\s*$|\s*[,.;]|\s+(?:and|by))"),
    ("seen", "", r"\b(?:seen|viewed|looking|looked|observed|watched|view|as seen)(?: (?:at|down|on))*\b"),
    ("hedge", "", r"\b(?:slightly|a bit|a little|somewhat|marginally)\b"),
    ("sense", "counterclockwise", r"\bcounterclockwise\b|\bagainst the (?:clock|hands)|\b(?:opposite|contrary|counter) to the clock|\bagainst the clock's direction"),
    ("sense", "clockwise", r"\bclockwise\b|\b(?:with|like) (?:the )?(?:hands of )?(?:the|a) clock|\bas a clock goes|\bthe way a clock goes|\bin the direction of the clock|\bin the clock's direction"),
    # numbers
    ("time", "", r"\b(?P<n>\d+(?:\.\d+)?)[ -]?(?:s|secs?|seconds?)\b"),
    ("span", "", r"\b(?:from|between) \d+(?:\.\d+)? ?(?:s|secs?|seconds?)? ?(?:to|until|and|-) ?\d+(?:\.\d+)? ?(?:s|secs?|seconds?)\b|\b\d+(?:\.\d+)? ?s? ?(?:-|to) ?\d+(?:\.\d+)? ?(?:s|secs?|seconds?)\b"),
    ("span", "", r"\b(?:for|within|lasting|lasts?|takes?|took|takes about|over|every|after|during|another|waits?|in) (?:the |some |about |around |roughly |approximately |another |next |nearly |almost |just |a further |only )*\d+(?:\.\d+)?[ -]?(?:s|secs?|seconds?)\b(?! mark)"),
    ("angle", "", r"(?P<n>\d+(?:\.\d+)?)[ -]?(?:°|degrees?\b|deg\b)"),
    ("length", "", r"(?P<n>\d+(?:\.\d+)?)[ -]?(?P<u>mm|cm|m|millimet(?:er|re)s?|centimet(?:er|re)s?|met(?:er|re)s?|inch(?:es)?)(?![A-Za-z])"),
    ("tilt", "", r"\b(?:tilt|inclin|lean|slant|pitch)\w*\b"),
    ("ordinal", "", r"\b(?P<n>first|second|third|fourth|fifth|\d+(?:st|nd|rd|th))[ -](?:grasp(?:ing)? |pick(?:ing)? |grip(?:ping)? |such )?(?:attempt|try|go|time|shot|effort|occasion)\b|\b(?:attempt|try) (?:number |no\.? ?|# ?)?(?P<m>\d+)\b|#(?P<o>\d+)\b"),
    ("tries", "", r"\b(?P<n>\d+) (?:grasp(?:ing)? |pick(?:ing)? |separate |different |consecutive |successive |whole )*(?:attempts?|tr(?:y|ies)|goes|shots?|efforts?)\b"),
    ("tries", "1", r"\b(?:single|sole|lone|one|only) (?:grasp(?:ing)? )?(?:attempt|try|go|shot|effort|pass)\b"),
    ("times", "", r"\b(?P<n>\d+) times\b|\b(?P<m>once|twice|thrice)\b"),
    ("failed tries", "", r"\b(?P<n>\d+|an?|the first|first|one|two|three) (?:failed|unsuccessful|missed|fruitless|abortive) (?:\w+ )?(?:attempts?|tr(?:y|ies)|goes|grasps?)\b|\b(?P<m>\d+) (?:misses|failures)\b|\b(?P<o>first|second|third) (?:\w+ )?(?:attempt|try|go) (?:fails|failed|misses|missed|is unsuccessful|was unsuccessful)\b"),
    ("again", "", either(r"retr(?:y|ies|ied|ying)", r"tr(?:y|ies|ied|ying) (?:it )?again", r"(?:attempts?|grasps?|grips?|grabs?|picks?(?: it)? up|closes|(?:moves to|goes to|approaches|reaches for) (?:the object|its target)) (?:\w+ ){0,2}(?:again|anew|once more)", r"(?:for )?a second (?:time|attempt|try)", r"another (?:attempt|try|go)", r"(?:makes|needs) (?:further|more|several|multiple) (?:attempts|tries)", r"(?:several|multiple|repeated|many) (?:grasp )?(?:attempts|tries)")),
    ("no retry", "", either(r"without (?:any |a )?(?:retr(?:y|ies|ying)|trying again|(?:further|second|another|repeated) (?:attempts?|try|tries)|repeat\w*)", r"no (?:retr(?:y|ies)|second attempt|further attempts?|other attempts?|repeat\w*)", r"never (?:retries|tries again)", r"(?:at|on) the first (?:\w+ )?(?:attempt|try|go)")),
    ("together", "", either(r"simultaneous(?:ly)?", r"at the same time", r"in parallel", r"in unison", r"both at once", r"concurrent(?:ly)?", r"side by side", r"in tandem", r"in sync\w*", r"synchronous(?:ly)?", r"at the same moment", r"together(?= (?:they|both|the arms))", r"jointly")),
    ("in turn", "", either(r"one after (?:the other|another)", r"sequential(?:ly)?", r"in sequence", r"in turn", r"one at a time", r"alternat(?:e|es|ely|ing)", r"tak(?:e|es|ing) turns", r"by turns", r"successively", r"consecutive(?:ly)?", r"one by one", r"in succession", r"by one then the other")),
    ("not", "", r"\b(?:not|never|without|nor|neither|no|rather than|instead of)\b"),
)  # fmt: skip

# Names of an arm after these words do not say that it acts.
BESIDE = re.compile(
    r"(?:towards?|near|beside|away from|(?:front|left|right|side|top|reach|ahead|out|path|base|behalf) of|closer to|close to|next to"
    r"|below|beneath|under|facing|past|behind|opposite|between|than|above|avoiding|around) (?:the |its |your |robot's )*$",
    re.IGNORECASE,
)
