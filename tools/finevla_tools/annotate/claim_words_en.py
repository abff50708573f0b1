"""English phrases of the check by what they mean: arms, grippers, acts of several words, outcomes, counts of tries.

The longest match at a place counts; a group `side` or `n` is its value. Single verbs are in `claim_verbs`.
"""

from finevla_tools.annotate.claim_verbs import either

HAND = (
    r"(?:arms?|hands?|grippers?|manipulators?|claws?|end[- ]?effectors?|effectors?|limbs?|jaws|fingers|pincers?"
    r"|graspers?"
    r"|grabbers?|wrists?|forearms?|eef?|robot|piper|follower)"
)
GRIP = (
    r"(?:grippers?|fingers?|fingertips|claws?|jaws?|hands?|pincers?|prongs?|end[- ]?effectors?|effectors?|graspers?"
    r"|grabbers?|tips)"
)
PLACE = (
    r"(?:side|bowl|dish|basin|edge|corner|end|plate|box|tray|part|half|container|cup|basket|bin|drawer|shelf"
    r"|area|zone|camera"
    r"|view|image|cam|picture|flank|bottle|can|cube|block|object)"
)
ADJ = (
    r"(?:robot(?:ic)?(?:'s)?|mechanical|side|hand|handed|black|white|silver|gr[ae]y|parallel|jaw|two"
    r"|finger(?:ed)?|gripper"
    r"|follower|lower|upper|piper|working|active|arm's)"
)
SIDE = r"(?P<side>left|right)"
_ARM = r"(?:arm|gripper|manipulator|claw|effector|limb|hand)"
_MOUNTED = r"(?:mounted|located|positioned|attached|placed|standing|situated|installed|sitting)"
_GET = (
    r"(?:gets?|getting|got|gains?|gained|ha[sd]|have|having|takes?|took|taking|establish(?:es|ed|ing)?"
    r"|secur(?:es?|ed|ing)"
    r"|finds?|found|acquir(?:es?|ed)|achiev(?:es?|ed)|makes?|made|maintains?)"
)
_TRIED = r"(?:attempt|try|go|shot|effort|pass|time|occasion)"
_NOT_US = r"(?!left|right|robot|rear|front|back|near|far|base|other|body)"

WORDS: tuple[tuple[str, str, str], ...] = (
    # who
    ("arm", "", rf"\b{SIDE}(?:most)?(?:'s)?[ _-](?:{ADJ}[ _-])*{HAND}\b(?![ -]?{PLACE})(?!-)"),
    ("arm", "", rf"\b{_ARM}(?:,? (?:which|that)(?: is|'s)?)?(?: {_MOUNTED})? (?:on|at) (?:the |its |the robot's |your )"
                rf"(?:far |very )?{SIDE}(?:[- ]hand)?(?: side)?\b(?! of\b(?! the robot))(?! (?:arm|hand|gripper"
                rf"|{PLACE}))"),
    ("arm", "", rf"\b(?:with|using|by|use) (?:the |its |your )?{SIDE}(?=\s*$|\s*[,.;:)]| (?:and|then|at"
                rf"|to (?:grasp|pick|grip))\b)"),
    ("arm", "", r"\b(?P<side>l|r)[ -](?:arm|gripper|hand)\b"),
    ("arm", "both", r"\b(?:both|the two|its two|the robot's two)(?: of (?:the"
                    r"|its))?(?: robot(?:ic)?(?:'s)?)?[ _-](?:arms|hands"
                    r"|grippers|manipulators|limbs|claws|end[- ]effectors)\b|\bdual[- ]arm\b"
                    r"|\btwo (?:arms|hands)(?= (?:act|work|move|are used))"),
    ("one", "", rf"\b(?:the |your |its )?{SIDE}(?:[- ]hand)? one\b"),
    ("one", "other", either(
        rf"(?:the |its )?(?:other|opposite|remaining|second)(?: (?:robot(?:ic)?|mechanical))?[ -](?:{HAND}|one)",
        r"its (?:counterpart|partner|twin|sibling|companion|neighbou?r|fellow|mate)",
        r"the other(?= (?:is|stays?|remains?|does|sits?|sat|keeps?|waits?|stands?|rests?|then|follows?|takes"
        r"|starts?|begins?))")),
    ("grip", "", rf"\b{GRIP}\b(?! (?:camera|view|image|side))"),
    # what grippers do
    ("grasp", "", either(
        rf"{_GET} (?:\w+ ){{0,3}}?(?:grip|grasp|hold|clutch|purchase)(?: of| on)?", r"tak(?:es?|ing|en) hold",
            r"gets? (?:it|the \w+) (?:off|up)(?! to\b)",
        r"(?:lays?|laying|laid) hold", r"(?:latch|lock|clamp|cling)(?:e?s|ed|ing)? (?:down )?on(?:to)?",
        rf"(?:wraps?|wrapping|curls?|folds?|clos(?:es?|ing)|fastens?) (?:\w+ ){{0,3}}?{GRIP} (?:a?round|on|over"
        rf"|about|upon)",
        rf"(?:has|gets?|got) (?:it|the \w+) (?:firmly |securely )?(?:in|between) (?:its|the) {GRIP}",
        r"(?:a|the) (?:\w+ ){0,2}(?:grasp|grip|hold) (?:is|was|gets) (?:then )?(?:made|performed|executed"
        r"|established|achieved"
        r"|completed|formed)", r"grasping|gripping", r"(?:^|(?:first|then|next|finally"
          r"|lastly) )(?:comes )?the (?:grasp|grip|pick)(?=\s*$)",
        r"(?:the|a|its) (?:grasp|grip|pick)(?= (?:comes|happens"
        r"|occurs|takes place|follows))",
        r"(?:comes?|follows?) (?:the|a) (?:grasp|grip|pick)")),
    ("release", "", either(
        r"(?:frees|freed|freeing)", r"free (?=it|the)", r"lets? loose", r"parts? with (?:it|the)",
        r"(?:lets?|letting) (?:go(?: of)?\b|(?:(?!and\b)\w+ ){1,4}(?:go|drop|fall|loose|down)(?! of the way))",
        r"(?:sets?|setting) (?:\w+ ){0,4}free", r"(?:turns?|cuts?) (?:\w+ ){1,3}loose", r"gives? up (?:its"
        r"|the) (?:grip|hold|grasp)",
        r"lets? (?:it|the \w+) (?:slip|slide) out")),
    ("place", "", either(
        r"(?:plac(?:es?|ing)|puts?|putting|deposits?|depositing|lays?|laying|sets?|setting|stands?)(?= (?:it|the"
        r"|this|them|down|that))"
        r"(?: (?:(?!and\b)\w+ ){0,4}?down)?",
        r"plac(?:es|ing)", r"(?:leaves?|leaving) (?:it|the \w+) (?:there|behind|on|in|at)")),
    ("shut", "", either(
        r"(?:re)?clos(?:es?|ed|ing)(?! (?:to|by|beside|enough)\b)", r"(?:snaps?|snapped|snapping|clamps?"
        r"|squeezes?|swings?) shut",
        r"shuts?|shutting|closure|meets?",
        r"(?:com(?:es?|ing)|came|brought|brings?|draws?|drawn|mov(?:es?|ing)|press(?:es)?) (?:\w+ ){0,3}?together")),
    ("spread", "", either(
        r"(?:re)?open(?:s|ed|ing)?", r"part(?:s|ed|ing)?(?! of)", r"spread(?:s|ing)?", r"separat(?:es?|ed"
        r"|ing)", r"eases?",
        r"(?:com(?:es?|ing)|came|mov(?:es?|ing)|draws?|pulls?|go(?:es)?|springs?|swings?) (?:wide )?(?:apart|open)")),
    ("hold", "", either(
        r"keeps? hold(?! still| steady)", rf"in (?:its|the|their) {SIDE}[ -](?:robot )?(?:hand|gripper"
          rf"|claw)\b(?![ -]?{PLACE})(?!-)",
        rf"in (?:its|the|their|his) (?!left|right)(?:\w+ ){{0,2}}?(?:grip|grasp|hold|clutches|possession|{GRIP})",
        rf"between (?:its|the|both|two|their) (?:\w+ )?{GRIP}", r"(?<!not )(?:between them"
        r"|in between)", r"in (?:hand|gripper)", r"(?:it )?has it", r"got it",
        r"com(?:es?|ing) (?:up|away|back|out) with (?:it|the \w+)(?! empty)",
        r"(?:is|remains|stays) (?:firmly |securely )?(?:caught|gripped|grasped|clamped|pinched)")),
    # how it came out
    ("nothing", "", either(
        r"nothing", r"(?:only|just|but|mere|thin|empty) air", r"air(?= alone)", r"empty[- ]handed",
        r"(?:is|are|was|comes? (?:up|away|back)|came (?:up|away|back)|stays?|remains?|ends? up|with (?:its|an?"
        r"|the)|returns?|still"
        r"|leaves?|left) (?:\w+ )?empty", r"(?<=closes )empty|(?<=closed )empty|(?<=closing )empty",
        rf"{GRIP} empty", r"an empty (?:gripper|hand|claw|grip)",
        r"not? (?:between|inside|within|in) (?:them|it|its|the)\b(?! air)")),
    ("left", "", either(
        r"untouched|undisturbed|unmoved|ungrasped|unheld",
        r"(?:stays|stayed|remains?|remained|is left|was left) (?:put|behind|where it (?:is|was)|on the table"
        r"|in (?:its )?place)")),
    ("fail", "", either(
        r"failures?", r"unsuccessful(?:ly)?", r"in vain", r"to no avail", r"no luck", r"comes? up short", r"unable",
        r"futile",
        r"can not|could not", r"with(?:out| no"
                              r"| little) success", r"not? succe\w+", r"not (?:\w+ ){0,2}manage\w*", r"falls? short",
        r"(?:slips?|slipped|slipping) past")),
    ("succeed", "", either(r"success(?:ful|fully)?", r"manag(?:es?|ed)", r"work(?:s|ed)(?= (?:out|as intended"
        r"|well)|\s*$)")),
    ("lose", "", either(
        r"los(?:es?|t|ing)(?= (?:it|the|its|hold|grip|grasp|contact))", r"slips? (?:out|from|away|off"
        r"|free)", r"slipped|slipping",
        r"falls? (?:out|from|off)", r"fell (?:out|from|off)", r"knocked loose")),
    ("try", "", either(
        r"tr(?:y|ies|ied|ying) (?:to|and)", r"attempt(?:s|ed|ing)? (?:to|at|by)", r"go(?:es)? (?:to"
        r"|for)", r"an attempt (?:to|by|at|of)",
        r"(?:has|have|makes?|made|having|making) an? (?:\w+ )?(?:go|try|stab|shot|attempt|effort|grab|lunge)",
        r"(?:aims?|seeks?|intends?|wants?|strives?|about|going|hopes?|prepar(?:es?|ing)) to",
        r"(?:reach(?:es)?|moves?|com(?:es?|ing)|descends?|extends?|goes|heads?|lunges?|stretches"
        r"|lowers?)(?: (?!to\b)\w+){0,4} to"
        r"(?= (?:grasp|grip|grab|pick|seize|take|clamp|catch|pinch|get|secure|collect|fetch)\b)")),
    # what arms do
    ("carry", "", r"^moves? (?!(?:it|its|the|to|towards?|in|on|over|up|down|back|away|off|out|arm|straight|further"
                  r"|left|right)\b"
                  r"|\w+ly\b|\w+wards?\b)\w+(?= (?:to the |to its )?(?:left|right|forward|backward|toward|away)s?)"),
    ("pose", "", r"\b(?:starts?|started|begins?|began) (?:out |off )?(?:in|at|from|with)\b"),
    ("carry", "", either(
        r"mov(?:es?|ed|ing) (?:it|them|this|that|the (?!(?:\w+ )?(?:arm|gripper|hand|robot|end|tool|claw"
        r"|manipulator|effector)"
        r"|left\b|right\b)\w+)", r"(?:is|was|gets?|been|being) (?:then |thereafter |finally )?(?:moved|taken)",
        r"displacement|translation|chang(?:es|ed) (?:its )?(?:place|position|location)", r"end(?:s|ed)? up",
        r"net motion", r"(?:sits|lies|rests|stands"
        r"|is)(?= (?:\d+ ?\w+ )?(?:further|farther))",
        r"tak(?:es?|ing|en) (?:it|the \w+)(?= (?:to|towards?|away|over|off|further|farther|left|right|back"
        r"|forward)\b)")),
    ("go", "", either(r"makes? its way")),
    ("reach", "", either(
        r"com(?:es|ing)|came|come", r"clos(?:es?|ing|ed) in", r"hom(?:es?|ing) in", r"get(?:s|ting)? (?:there|to)",
        r"aims? (?:at|for)|near(?:s|ed|ing)", r"(?:goes|sneaks?|creeps?|steals?) (?:for|after"
                                              r"|up)", r"lowers? itself", r"lowers(?=\s*$)",
        r"drop(?:s|ped|ping)? (?:down|to|towards?)\b", r"hold(?:s|ing)? (?:still|steady|(?:its|the|this|that) (?:pose"
          r"|position|place|posture))",
        r"(?:mov(?:es?|ed|ing)|go(?:es|ing)?|went|head(?:s|ed|ing)?|travel(?:s|ed|ing)?|advanc(?:es?|ing))"
        rf" (?:in(?:to place)?(?! (?:the|a) \w+ direction)|over(?= the \w+| it)(?! the table)|above|up to"
        rf"|down (?:on|to|over)|to(?= (?:the|its|a|an) {_NOT_US})"
        rf"|towards?(?= (?:the|its|a) {_NOT_US}))")),
    ("retreat", "", either(
        r"(?:mov(?:es?|ed|ing)|backs?|pulls?|goes|comes?|drives?|draws?) (?:away|off|back|up and away)"
        r"(?! (?:from|towards?|to) (?:the|its) (?:robot|base|body))(?! towards?)", r"clears? the")),
    ("turn", "", either(
        r"rotations?|revolutions?|rotational",
        r"(?<!in )(?<!first )(?<!second )(?<!next )(?<!take )(?<!takes )(?<!its )(?<!by )(?<!the )turn(?:s|ed"
        r"|ing)?(?! (?:of|to|out)\b)",
        r"(?:swings?|go(?:es)?|brings?|swung) (?:\w+ ){0,3}?a?round", r"a turn")),
    ("still", "", either(
        r"idle|inactive|stationary|motionless|immobile|unmoving|unused|passive|dormant|parked|uninvolved|inert",
        r"(?:completely |perfectly |quite |absolutely )?still(?=\s*$|\s*[,.;)]| (?:and|as|on|in|at|during"
        r"|throughout|the whole|all))",
        r"(?:at rest|(?:sits?|sat|sitting) out|out of play|off to the side|on standby)",
        r"(?:in|at) (?:its|the|a) (?:rest(?:ing)?|home|parking|initial|start(?:ing)?) (?:pose|position|place|posture)",
        r"(?:is|was|are|being)? ?not (?:be )?(?:used|involved|moving|employed|engaged|needed|touched|part)",
        r"not (?:move|act|do|participate|take part|contribute|use|stir|engage|get involved|help|intervene|budge|play)\b"
        r"(?! (?:it|the (?!(?:left|right|task|action|work|job) )))",
        r"(?:takes?|took|plays?|played|has|had) no (?:part|role)", r"never (?:moves|moved|acts|acted|stirs|leaves its)",
        r"(?:does|did|doing|do) nothing",
        r"(?:stays?|stayed|remains?|remained|sits?|sat|stands?|stood|(?<!the )(?<!its )(?<!your )left|leave"
        r"|leaves|keeps?|kept|waits?"
        r"|waiting|staying|remaining)"
        r"(?: \w+)? (?:where it (?:is|was)|in (?:its |the same )?(?:place|position|pose|spot)|put|out of (?:the way"
        r"|play|it)|by|aside|there(?= doing))",
        r"(?:just |merely |only )?(?:watch(?:es|ing)|wait(?:s|ing)?|looks? on|stands? by|rest(?:s|ing))"
        r"(?=\s*$|\s*[,.;)]| (?:all|throughout|the))")),
    ("act", "", either(r"active", r"takes? part", r"up to")),
    # how often
    ("ordinal", "", rf"\b(?P<n>first|second|third|fourth|fifth|\d+(?:st|nd|rd|th))[ -](?:grasp(?:ing)? "
                    rf"|pick(?:ing)? |grip(?:ping)? "
                    rf"|such )?{_TRIED}\b|\b(?:attempt|try|grasp) (?:is |was )?(?:number |no\.? ?|# ?)?(?P<m>\d+)\b"
                    rf"(?!\.\d)(?! ?(?:s|sec|seconds?|cm|mm|m)\b)|#(?P<o>\d+)\b"),
    ("tries", "", r"\b(?P<n>\d+) (?:grasp(?:ing)? |pick(?:ing)? |separate |different |consecutive |successive |whole )*"
                  r"(?:attempts?|tr(?:y|ies)|goes|shots?|efforts?)\b|\b(?:attempts|tries"
                  r"|attempt count) ?[:=] ?(?P<m>\d+)\b"),
    ("tries", "1", r"\b(?:single|sole|lone|one|only) (?:grasp(?:ing)? )?(?:attempt|try|go|shot|effort|pass)\b"),
    ("tries", "", r"\btr(?:y|ies|ied) (?P<n>\d+) times\b"),
    ("times", "", r"\b(?P<n>\d+) times\b|\b(?P<m>once|twice|thrice)\b"),
    ("failed tries", "", r"\b(?P<n>\d+|an?|the first|first|one|two|three) (?:failed|unsuccessful|missed"
                         r"|fruitless|abortive) (?:\w+ )?"
                         r"(?:attempts?|tr(?:y|ies)|goes|grasps?)\b|\b(?P<m>\d+) (?:misses|failures)\b"
                         r"|\b(?P<o>first|second|third) "
                         r"(?:\w+ )?(?:attempt|try|go) (?:fails|failed|misses|missed|is unsuccessful"
                         r"|was unsuccessful)\b"),
    ("again", "", either(
        r"retr(?:y|ies|ied|ying)", r"tr(?:y|ies|ied|ying) (?:it )?again", r"another (?:attempt|try|go)",
        r"(?:for )?a second (?:time|attempt|try)",
        r"(?:makes|needs) (?:further|more|several|multiple) (?:attempts|tries)",
        r"(?:several|multiple|repeated|many) (?:grasp )?(?:attempts|tries)")),
    ("anew", "", either(r"again|anew|once more")),
    ("no retry", "", either(
        r"without (?:any |a )?(?:retr(?:y|ies|ying)|trying again|(?:further|second|another"
        r"|repeated) (?:attempts?|try|tries)|repeat\w*)",
        r"no (?:retr(?:y|ies)|second attempt|further attempts?|other attempts?|repeat\w*)", r"never (?:retries"
        r"|tries again)",
        r"(?:at|on) the first (?:\w+ )?(?:attempt|try|go)")),
    ("together", "", either(
        r"simultaneous(?:ly)?", r"at (?:the )?same (?:time"
                                r"|moment)", r"in parallel", r"in unison", r"both at once", r"concurrent(?:ly)?",
        r"side by side", r"(?:both|the two) [^,;]*(?<!not) together", r"in tandem", r"in sync\w*",
        r"synchronous(?:ly)?", r"together(?= (?:they|both"
        r"|the arms))", r"jointly")),
    ("in turn", "", either(
        r"one after (?:the other|another)", r"sequential(?:ly)?", r"in sequence", r"in turn", r"one at a time",
        r"alternat(?:e|es|ely|ing)", r"tak(?:e|es"
                                     r"|ing) turns", r"by turns", r"successively", r"consecutive(?:ly)?", r"one by one",
        r"in succession", r"by one then the other", r"one waits for the other")),
    ("not", "", either(r"not|never|without|nor|neither|no|nobody|none|no one|nothing(?= (?:touch|use|mov))"
                       r"|rather than|instead of")),
)  # fmt: skip
