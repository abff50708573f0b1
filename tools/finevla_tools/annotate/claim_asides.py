"""Parts of a text that tell nothing sure of this motion: other texts and episodes, sides of a picture, passing states.

What they say is not checked: a true sentence that is flagged costs more trust than a false one that is not.
"""

import re
from collections.abc import Sequence

from finevla_tools.annotate.claim_mentions import ClaimMention
from finevla_tools.annotate.claim_verbs import any_of

_TEXT = (
    r"(?:draft|caption|label|annotation|annotator|model|vlm|text|sentence|description|instruction|prompt|command"
    r"|subtitle"
    r"|title|goal|wording|reviewer|plan)"
)
_SAYS = (
    r"(?:sa(?:ys?|id)|claim(?:s|ed)?|stat(?:es?|ed)|reads?|wr(?:ites?|ote)|written|mention(?:s|ed)?|ask(?:s|ed)?"
    r"|call(?:s|ed)"
    r"|want(?:s|ed)?|nam(?:es?|ed)|t(?:ells?|old)|suggest(?:s|ed)?|report(?:s|ed)?|describ(?:es?|ed)|expect(?:s|ed)?"
    r"|require[sd]?|specif(?:ies|ied)|has|had|was|is to)"
)
_ELSEWHERE = re.compile(
    any_of(
        [
            rf"\b{_TEXT}s?(?: (?:\w+ly|also|first|itself))? {_SAYS}\b"
            r"|\b(?:previous|last|earlier|other|another|next|preceding|former|prior) (?:episode|clip|trial|take"
            r"|demonstration|demo"
            r"|video|recording|run|sequence|annotation|version)s?\b"
            r"|\b(?:looks?|looking|looked|appears?) like\b|\bmistaken\b|\b(?:supposed|meant) to\b|\bshould have\b"
            r"|\b(?:chang|correct|replac)(?:e|es|ed|ing)\b.+ (?:to|into|with|by)\b"
            r"|(?:草稿|标注|原文|原句|描述|模型|指令|文本|句子|字幕|标签|说明)(?:中|里|上)?(?:原来|原本|却|还"
            r"|都)?(?:写|说|称|标|要求|提到|认为|误|给)"
            r"|(?:上一?|前一|另一)(?:条|个视频|个片段|次)|看起来像|看似|误[写认标]|本应|应该是?(?=左|右).+而|改[为成]"
        ]
    )
)
_OF_WHICH = re.compile(r"^(?:where|in which|which|there)\b")
# Left and right as somebody sees them who may stand opposite the robot.
_OF_PICTURE = re.compile(
    any_of(
        [
            r"\b(?:viewer|observer|spectator|audience|photographer)(?:'s)?\b|\bfrom the (?:front |external |opposite "
            r"|third-person )?"
            r"camera\b|\bcamera(?:'s)? (?:perspective|view|viewpoint|left|right|side)\b"
            r"|\b(?:in|of|on|across) the (?:image|picture|frame|screen|photo)\b|\bin the camera(?:'s)? view\b"
            r"|\bon[- ]screen\b"
            r"|\b(?:seen|viewed|looking|looks|appears|observed)(?: \w+)? from (?:below|behind|the (?:front|opposite"
            r"|other|far) )"
            r"|(?:画面|镜头|图像|图片)(?:中|里|上|内)?的?[左右]|从(?:画面|图像|图片)|(?:相机|摄像头|镜头|观察者"
            r"|观众)的?(?:视角|角度|方向|看)"
        ]
    )
)
# One of these is in all that is so read, and substrings are found faster.
_PICTURE_WORDS = (
    "viewer", "observer", "spectator", "audience", "photo", "camera", "image", "picture", "frame", "screen", "from below",
    "from behind", "from the ", "画面", "镜头", "图像", "图片", "相机", "摄像头", "观察者", "观众",
)  # fmt: skip
_AS_THE_ROBOT = re.compile(r"\bbehind the robot|\b(?:ego|head|robot's|wrist)\b|头部|腕部|机器人视角")
FOR_A_WHILE = re.compile(
    any_of(
        [
            r"\b(?:at first|initially|originally|at the (?:very )?(?:start|beginning|end|outset)|in the (?:beginning"
            r"|end)|to start with"
            r"|to begin with|starts? (?:out|off)|for (?:a|some|\d+|several)|briefly|momentarily|until|till|before"
            r"|by then|again"
            r"|now|yet|so far|a (?:moment|second|while)|at \d|from \d|after|afterwards|finally|ends?)\b"
            r"|起初|最初|开始时|刚开始|一开始|最后|片刻|一会|一下|暂时|先|等|之前|直到|此时|结束|末尾|\d秒"
        ]
    )
)
WHOLE_TIME = re.compile(
    r"\b(?:throughout|entire(?:ly)?|whole|never|always|at all|at any|all the time|start to (?:end|finish)"
    r"|beginning to end"
    r"|during the (?:episode|clip|video))\b|全程|始终|一直|从未|整个|从头到尾|自始至终"
)
# A sentence that goes on with what the one before it told; any other may tell the motion once more.
_GOES_ON = re.compile(
    r"^\W*(?:and |but |it (?:then|next|finally|later) |step \d|phase \d|\d)?\W*(?:then|next|after\w*|finally"
    r"|subsequently"
    r"|lastly|later|following|thereafter|once|now|second\w*|third\w*|last|when|while|at \d|only|before|beforehand"
    r"|earlier|previously"
    r"|然后|接着|随后|随即|最后|之后|再|继而|此后|后来|第[二三四五]|在?\d)"
)
_LATER_WORDS = ("later", "afterwards", "subsequently", "thereafter", "才", "后来")
_LATER = re.compile(r"\b(?:only )?(?:later|afterwards|subsequently|thereafter)\b|才|后来")


def may_tell_of_others(sentence: str) -> bool:
    """Return whether a part of a sentence may tell of another text or episode."""
    return bool(_ELSEWHERE.search(sentence))


def told_here(read: Sequence[tuple[str, Sequence[ClaimMention]]]) -> list[tuple[str, Sequence[ClaimMention]]]:
    """Leave out the clauses that tell what another text says or what another episode shows."""
    here: list[tuple[str, Sequence[ClaimMention]]] = []
    was_elsewhere = False
    for clause, mentions in read:
        was_elsewhere = bool(_ELSEWHERE.search(clause)) or (was_elsewhere and bool(_OF_WHICH.match(clause)))
        if not was_elsewhere:
            here.append((clause, mentions))
    return here


def is_of_picture(text: str) -> bool:
    """Return whether sides in a text may be those of a picture."""
    if not any(map(text.__contains__, _PICTURE_WORDS)):
        return False
    return bool(_OF_PICTURE.search(text)) and not _AS_THE_ROBOT.search(text)


def goes_on(sentence: str) -> bool:
    """Return whether a sentence says that it follows the one before it."""
    return bool(_GOES_ON.match(sentence)) or (
        any(map(sentence.__contains__, _LATER_WORDS)) and bool(_LATER.search(sentence))
    )
