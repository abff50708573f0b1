"""The words, English and Chinese, by which sentences make claims that motion can check; patterns for one clause each.

What is no claim must not look like one: `the left bowl` is no direction, and `opens the drawer` is no gripper.
"""

import re

_I = re.IGNORECASE


def _en(pattern: str) -> str:
    return rf"\b(?:{pattern})\b"


def _any(english: str, chinese: str) -> re.Pattern[str]:
    return re.compile(f"{_en(english)}|{chinese}", _I)


# Where a sentence is cut into clauses: not within numbers, and at a comma or `and` only where a new action may begin.
SENTENCES = re.compile(r"[;!?。；！？\n]|\.(?!\d)")
CLAUSES = re.compile(
    r"[,:](?!\d)|[，、：]|\s(?:and then|then|and|before|after|while|but|until)\s"
    r"|然后|接着|随后|再(?!次)|并(?!未|没)|而(?!且)|同时"
    r"|(?<![向往朝左右着])之?[后前](?!方|侧|面|端|部|退)"
)
_PLACE = (
    r"(?:side|bowl|dish|basin|edge|corner|end|plate|box|tray|part|half|container|cup|basket|bin|drawer"
    r"|shelf|area|zone|one)"
)
_WRIST = "wrist(?! camera| view| image)"
_HAND = rf"(?:robot(?:ic)? |end[ -])?(?:arm|gripper|manipulator|claw|effector|{_WRIST}|hand(?!\s*-?\s*{_PLACE})(?!-))"
_ON = r"|\b(?:arm|gripper|manipulator) (?:on|at) the {}(?: side)?(?! of)\b"
ARM = {
    "left": re.compile(
        rf"\bleft[ _-](?:side )?{_HAND}{_ON.format('left')}|左(?:侧|边)?(?:机械|手)?(?:臂|夹爪|爪)|左手(?!边|侧)", _I
    ),
    "right": re.compile(
        rf"\bright[ _-](?:side )?{_HAND}{_ON.format('right')}|右(?:侧|边)?(?:机械|手)?(?:臂|夹爪|爪)|右手(?!边|侧)", _I
    ),
    "both": re.compile(
        r"\b(?:both|two)(?: robot(?:ic)?| of the)?[ _](?:arms|hands|grippers)\b|双(?:机械)?(?:臂|手)|两(?:只|个"
        r"|条)?(?:机械)?(?:手臂|臂|手)",
        _I,
    ),
}
# An arm that a clause names without saying that it acts.
BESIDE_ARM = re.compile(
    r"(?:towards?|near|beside|away from|(?:front|left|right|side|top|reach|ahead) of|closer to|next to|below"
    r"|under|facing|past) (?:the |its )?$|(?:靠近|朝向?|远离|旁边的)$",
    _I,
)
IDLE = _any(
    r"idle|(?:is|are|stays?|remains?|keeps?|stands?|staying|sits?) (?:completely |perfectly )?still|stationary"
    r"|motionless|unused|inactive|at rest|(?:is|was) not (?:used|involved|moving)|not used|does(?: not"
    r"|n't) (?:move|act|do)"
    r"|do not (?:use|move)|takes no part|without (?:using )?the (?:left|right) (?:arm|hand)|never moves"
    r"|not the (?:left|right) (?:arm|hand)"
    r"|stays? where it is|remains? in place",
    r"静止|不动|没有动|没动|未动|(?:没有?|未|不)参与|空闲|未使用|没有使用|不使用|保持原位",
)
NOT = re.compile(
    r"\b(?:not|never|without|no|cannot|n't)(?:\s+\w+){0,2}\s*$|n't(?:\s+\w+){0,2}\s*$|(?:不|没有|没|未|无需|并未|不会"
    r"|未能)(?:能|有|再|去|将)?(?:夹爪)?$",
    _I,
)

_GRIPPER = r"(?:(?:its|the|his|both|left|right|robot|arm's|parallel)\s+)*(?:gripper|fingers|claw|jaws|hand)(?: of the \w+ arm)?"
# `The gripper, open at first, closes at 3 s and reopens`: a clause that begins with the verb has the gripper before it.
_ALONE = r"(?= (?:at|later|first|again|around|on|upon|about|after|before|once|when)\b|\s*$)"
CLOSE = _any(
    rf"clos(?:e|es|ed|ing) {_GRIPPER}|{_GRIPPER} (?:is |are |then )?(?:clos(?:e|es|ed|ing)|shuts?)|^(?:closes|shuts){_ALONE}"
    r"|grasp(?:ing)?(?: attempt)?(?: \w+){0,4} (?:is|was) successful|successful grasp"
    r"|^(?:grasping|gripping|grabbing|pinching|seizing)"
    rf"|(?<!its )(?<!the )(?<!a )(?:grasps?|grips?)|(?<!the )(?:grasped|gripped|grabbed|picked)|grabs?"
    rf"|picks? (?:\w+ ){{0,4}}up|picks?"
    r"|seizes?|clamps?|clasps?|pinch(?:es)?|takes? hold of|snatch(?:es)?|gets? hold of",
    r"抓(?!空)|夹(?!爪|空|具)(?:爪)?|夹爪[^不未没]{0,8}?(?:闭合|合拢|合上|收紧)|闭合夹爪|合拢夹爪|拿起|捏|拾起|捡起|取起|握住",
)
OPEN = _any(
    rf"open(?:s|ed|ing)? {_GRIPPER}|{_GRIPPER} (?:is |are |then )?(?:re)?open(?:s|ed|ing)|^(?:re)?opens{_ALONE}"
    rf"|releas(?:e|es|ed|ing)|lets? (?:\w+ ){{0,3}}go|unhands?|ungrips?",
    r"张开|打开(?:左|右)?(?:侧|手)?夹爪|夹爪[^不未没]{0,8}?打开|秒时?打开|松开|释放|放开|松手|松爪",
)
MISS = _any(
    r"on nothing|on empty air|(?:grasps?|grips?|grabs?|holds?|catch(?:es)?|picks? up) nothing|miss(?:es|ed)"
    r"|fail(?:s|ed)? to (?:grasp|grip|grab|pick|hold|catch)"
    r"|(?:comes?|came) (?:up|away) empty|empty-handed|(?:only|nothing but|thin) air"
    r"|not (?:between|inside|within) (?:them|it|its \w+|the \w+)|empty (?:gripper|hand|fingers)|without success"
    r"|without (?:grasping|holding|catching|gripping|securing) (?:anything|it|the \w+)|unsuccessful(?:ly)?"
    r"|failed (?:grasp|grip|pick)"
    r"|(?:grasp|grip|attempt|try) fail(?:s|ed)|not (?:manage to )?(?:grasp|grip|catch) (?:it|anything|the \w+)",
    r"抓空|夹空|空抓|空夹|(?:没有?|未能?)(?:能)?(?:抓|夹|拿)(?:到|住|起)|(?:抓取|夹取|抓握)失败|什么(?:都|也)没|里面?(?:却|还)?是空的",
)
LOSE = _any(r"loses? (?:it|the|its|hold|grip)|slips? (?:out|from|away)|falls? out", r"滑落|掉落|脱落|滑脱")
TRY = _any(r"tr(?:y|ies|ied) to|attempts? to|attempted to|trying to|attempting to", r"试图|尝试|想要")

# A direction must stand at the end of its phrase: `to the left of the plate` and `the left bowl` say where something is.
_END = (
    r"(?=\s*$|\s*[,.;:!?)]|\s+(?:and|by|for|about|until|while|then|before|after|again|slightly|over|across"
    r"|along|with|at|in|round|around|from"
    r"|through|onto|up|down|forwards?|backwards?|a bit|a distance|\d))"
)
_BARE = r"(?=\s*$|\s*[,.;:!?)]|\s+(?:and(?! (?:left|right))|by|for|about|until|while|then|before|after|again|\d))"
_NOT_PLACE = r"(?<!the )(?<!its )(?<!your )(?<!on )(?<!from )(?<!and )"
_ZH = r"(?:向|往|朝|朝着|朝向|向着)(?:着)?{}(?!臂|手|侧?夹爪|边的|侧的|侧碗|碗|盘|靠近|抓|接近)"
DIRECTION = {
    "left": re.compile(
        rf"\b(?:to|towards?) (?:the|its|your|robot's) left(?:[- ]hand)?(?: side)?{_END}|\bto left{_BARE}"
        rf"|\bleftwards?\b|{_NOT_PLACE}\bleft{_BARE}|"
        + _ZH.format("(?:正)?左(?!前|后)"), _I),
    "right": re.compile(
        rf"\b(?:to|towards?) (?:the|its|your|robot's) right(?:[- ]hand)?(?: side)?{_END}|\bto right{_BARE}"
        rf"|\brightwards?\b|{_NOT_PLACE}\bright{_BARE}|"
        + _ZH.format("(?:正)?右(?!前|后)"), _I),
    "forward": re.compile(rf"\bforwards?\b|\baway from (?:the robot|itself|its base"
    rf"|the base){_END}|" + _ZH.format("前"), _I),
    "backward": re.compile(rf"\bbackwards?\b|\btowards? (?:the robot|itself|its base|the base"
    rf"|its body)(?!'s){_END}|" + _ZH.format("后"), _I),
    "up": re.compile(r"\bupwards?\b|\b(?:mov|carr|bring)\w*(?: \w+){0,3} up(?=\s*$|\s*[,.;]|\s+(?:and"
    r"|by))|" + _ZH.format("上(?!方的)"), _I),
    "down": re.compile(r"\bdownwards?\b|\b(?:mov|carr|bring)\w*(?: \w+){0,3} down(?=\s*$|\s*[,.;]|\s+(?:and"
    r"|by))|" + _ZH.format("下(?!方的)"), _I),
}  # fmt: skip
ZH_DIAGONAL = re.compile(r"(?:向|往|朝)(左|右)(前|后)|(?:向|往|朝)(前|后)(左|右)")
ZH_WORD = {"左": "left", "右": "right", "前": "forward", "后": "backward"}
OPPOSITE = {"left": "right", "right": "left", "forward": "backward", "backward": "forward", "up": "down", "down": "up"}
AXIS = {"left": "y", "right": "y", "forward": "x", "backward": "x", "up": "z", "down": "z"}
HEDGE = _any(r"slightly|a bit|a little|somewhat|marginally", r"稍微|略微|稍稍|微微|一点")
CARRY = _any(
    r"carr(?:y|ies|ied|ying)|translat(?:e|es|ed|ing)|nudg(?:e|es|ed|ing)|displac(?:e|es|ed|ing)"
    r"|(?<!arm )(?<!gripper )(?<!hand )travels"
    r"|transport\w*|transfer\w*|convey(?!or)\w*|haul\w*|drag\w*|push\w*|pull\w*|slid(?:e"
    r"|es|ing)|bring(?:s|ing)?"
    r"|brought|shift\w*|deliver\w*|relocat\w*|takes? it|(?:is|was|then|gets) (?:then )?(?:moved|taken)"
    r"|mov(?:e|es|ed|ing) (?:it|the (?!arm|gripper|hand|left|right|robot|end|tool|claw)\w+|this|that)"
    r"|holding (?:it|the)|with the \w+ in (?:its|the) (?:gripper|hand|fingers)",
    r"搬|运|挪|拖|推|拉|移至|携|带着|(?:把|将)\S{1,8}?(?:移|带|拿|送|平移|放)|移动(?:物体|方块|它)|移(?!动到|开)",
)
REACH = _any(
    r"approach(?:es|ing)?|reach(?:es|ing)?|moves? (?:in|to its target|to the|towards? the|above|over)"
    r"|(?:com(?:es|ing|e)|came) (?:in |down )?from|enter(?:s|ing)?"
    r"|arriv(?:es|ing|e)|descend(?:s|ing)?|grasps?|grips?|picks?|grabs?|get there|go(?:es)? in|closes",
    r"接近|靠近|到达|下降|进入|抓|夹(?!爪)|拿|取|伸",
)
RETREAT = _any(
    r"retreats?|retracts?|withdraws?|returns?|moves? away|backs? (?:off|away)|goes back",
    r"撤|退|缩回|返回|收回|离开|移开|回到",
)

_SIDE = (
    r"(?:from|on a path from|along a line from|in from) (?:the |its )(?:object's |target's |thing's "
    r"|\w+'s )?{}(?:[- ]hand)?(?: side| flank)?"
)
_FROM_END = (
    r"(?!\s+to\b)(?=\s*$|\s*[,.;:!?)]|\s+(?:and|with|by|via|before|then|using|through|until|to|while"
    r"|side|for|at|on|of (?:it|the object|the target)|\w+ing|clasp|grip|use|do)\b)"
)
_ZH_FROM = r"(?:从|由|自)(?:物体|目标|方块|其|它)?(?:的)?(?:正)?{}"
APPROACH = {
    "top": _any(
        r"from (?:straight |directly |right |its |the )?(?:above|top|overhead)|from up high|top[- ]down"
        r"|straight down|(?<!up )vertically(?! (?:up|lift|rais))",
        r"(?:从|由|自)(?:物体|目标|方块|其|它)?(?:的)?(?:正)?(?:上方|上面|顶部|顶上|上)(?!的)|自上而下|从上(?:往|向|到)下",
    ),
    "left": re.compile(rf"\b{_SIDE.format('left')}{_FROM_END}"
    rf"|{_ZH_FROM.format('左(?:侧|边|方|面)?(?!的)(?!向)(?!臂|手|夹)')}", _I),
    "right": re.compile(rf"\b{_SIDE.format('right')}{_FROM_END}"
    rf"|{_ZH_FROM.format('右(?:侧|边|方|面)?(?!的)(?!向)(?!臂|手|夹)')}", _I),
    "front": re.compile(
        rf"\b{_SIDE.format('(?:front|far side|far end|far front|distant side)')}{_FROM_END}|\bfrom (?:behind"
        rf"|beyond) (?:it|the object){_FROM_END}"
        rf"|\bfrom the side away from (?:you|the robot)|{_ZH_FROM.format('(?:前(?:侧|方|面|边)?|远(?:侧|端|处))(?!的)')}", _I),
    "back": re.compile(
        rf"\b{_SIDE.format('(?:back|near side|near end|robot side|rear|closer side)')}{_FROM_END}"
        rf"|\bfrom the robot's side|\bfrom in front of it"
        rf"|{_ZH_FROM.format('(?:后(?:侧|方|面|边)?|近(?:侧|端|处))(?!的)')}", _I),
    "below": re.compile(rf"\bfrom (?:below|underneath){_FROM_END}|{_ZH_FROM.format('(?:下方|下面|底部)(?!的)')}", _I),
}  # fmt: skip
COMING = re.compile(r"\b(?:in|line|path|coming|came|comes|moving|approaching|entering|arriving|starting) $", _I)
SEEN = re.compile(r"\b(?:seen|viewed|looking|looked at|observed|watched) $", _I)  # `seen from above` is no approach
SEEN_ZH = re.compile("(?:方|面)?(?:[往向到]下)?[看观]")
SENSE = {
    "counterclockwise": _any(
        r"counter[- ]?clockwise|anti[- ]?clockwise|against the clock|opposite to the clock", "逆时针"
    ),
    "clockwise": _any(
        r"(?<!counter)(?<!counter-)(?<!counter )(?<!anti)(?<!anti-)(?<!anti )clockwise|with the clock"
        r"|as a clock goes|the way a clock goes"
        r"|in the direction of the clock|in the clock's direction",
        "顺时针",
    ),
}
TURNS = _any(r"rotat\w+|turn(?:s|ed|ing)?|twists?|twisted|spins?|swivels?|revolves?", r"旋转|转动|拧|转(?!移|运)")
NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "once": 1, "twice": 2, "thrice": 3, "first": 1, "second": 2,
    "third": 3, "fourth": 4, "fifth": 5, "single": 1, "only": 1, "一": 1, "两": 2, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6,
}  # fmt: skip
_N = r"(?P<{}>\d+|one|two|three|four|five|six|single|first|second|third|fourth|fifth|only)"
COUNT = re.compile(
    rf"\b{_N.format('a')}(?:st|nd|rd|th)? (?:\w+ )?(?:attempts?|tr(?:y|ies))\b|\b{_N.format('b')} times\b"
    rf"|\b(?P<c>once|twice|thrice)\b"
    r"|第?(?P<d>\d+|一|两|二|三|四|五|六)次", _I)  # fmt: skip
AGAIN = _any(
    r"retr(?:y|ies|ied)|tr(?:y|ies|ied) again|(?:attempts?|grasps?|grips?|(?:moves to|goes to"
    r"|approaches|reaches for) (?:the object|its target)) (?:\w+ ){0,2}again|a second time",
    r"重试|再次(?:[从自]\S{1,3})?(?:尝试|抓|夹|移动到|靠近|接近|到达)|重新(?:尝试|抓|夹)",
)
NO_RETRY = _any(
    r"without (?:any )?(?:retr(?:y|ies|ying)|trying again|further attempts?|repeat\w*)|no (?:retr(?:y|ies)"
    r"|second attempt|further attempts?)|never (?:retries|tries again)",
    r"(?:没有|无需|未|无|不用)(?:再次)?(?:重试|重新尝试|重复尝试)",
)
ATTEMPTS = _any(r"attempts?|tr(?:y|ies|ied)|grasps?|grips?|grabs?|picks?|clos(?:es|ed)|succe\w+", r"试|抓|夹|成功|闭合")
AT_TIME = re.compile(
    r"\((?:at |t ?= ?)?(?P<d>\d+(?:\.\d+)?) ?(?:s|sec|secs|seconds?)\)"
    r"|\bat (?:about |around |roughly |t ?= ?)?(?P<a>\d+(?:\.\d+)?) ?(?:s|sec|secs|seconds?)\b|(?:在|于|第"
    r"|到了?)(?:大?约)?(?P<b>\d+(?:\.\d+)?) ?秒|(?P<c>\d+(?:\.\d+)?) ?秒时",
    _I,
)
FROM_TO = re.compile(
    r"\bfrom (?P<a>\d+(?:\.\d+)?)(?: ?s| seconds?)? (?:to|until) (?P<b>\d+(?:\.\d+)?) ?(?:s|sec|seconds?)\b"
    r"|(?P<c>\d+(?:\.\d+)?) ?秒?(?:到|至|-)(?P<d>\d+(?:\.\d+)?) ?秒", _I)  # fmt: skip
ANGLE = re.compile(
    r"(?P<a>\d+(?:\.\d+)?)[ -]?(?:°|degrees?\b|度)|\b(?P<q>quarter|half|full)(?: a)?[ -](?:turn|rotation)"
    r"|(?P<z>半圈|一圈|四分之一圈)",
    _I,
)
PARTS_OF_TURN = {"quarter": 90.0, "half": 180.0, "full": 360.0, "半圈": 180.0, "一圈": 360.0, "四分之一圈": 90.0}
EXTENT = re.compile(
    r"(?P<n>\d+(?:\.\d+)?) ?(?P<u>mm|cm|m|millimet(?:er|re)s?|centimet(?:er|re)s?|met(?:er|re)s?|毫米|厘米"
    r"|米)(?![A-Za-z])",
    _I,
)
LIFT = _any(r"lifts?|rais(?:e|es)|hoists?|lowers?", r"抬|提起|举|降低|下放|放低")
TOGETHER = _any(r"simultaneously|at the same time|in parallel|in unison|both at once", r"同时|一起|同步")
IN_TURN = _any(r"one after the other|sequentially|in sequence|in turn|one at a time", r"依次|先后|轮流|一前一后")
THEN = _any(
    r"first|then|afterwards?|after that|next|finally|before|after|followed by", r"首先|先|然后|接着|随后|再|之后|最后"
)
AFTER = re.compile(r"^\s*after (?P<a>[^,]+),(?P<b>.+)$", _I)
BEFORE = re.compile(r"^\s*before (?P<a>[^,]+),(?P<b>.+)$", _I)
MID_AFTER = re.compile(r"^(?P<a>.+?)\bafter (?P<b>.+)$", _I)
