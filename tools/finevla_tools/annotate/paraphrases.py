"""Other wordings of a text that keep every factor of it, and the check that they do: of our own and of a model's.

A wording counts only if the same is claimed of the motion, the reader takes it for the same goal, and no number, colour, side
or name of a thing is lost or new.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from finevla_core.language.reader import read_text
from finevla_core.language.slots import COLORS
from finevla_tools.annotate.claims import claims_in

MOST = 3
EVENTS = ("close", "open", "miss", "lose", "attempt", "one of attempts")  # claims whose order tells what happened first
IMPLIED = ("hold",)  # follows of a closing
NUMBER = re.compile(r"\d+(?:\.\d+)?")
_COLORS_ZH = ("红", "绿", "蓝", "黄", "紫", "橙", "黑", "白", "灰", "棕", "粉", "银", "金")
_COLORS_EN = (*COLORS[1:], "black", "white", "grey", "gray", "brown", "pink", "silver", "golden")
WORDS = re.compile(
    rf"\b(?:{'|'.join(_COLORS_EN)}|left|right|front|back|above|below|over|around|between|inside|behind|small|big|large|slowly"
    rf"|quickly|gently|not|without|never)\b|{'|'.join(_COLORS_ZH)}|左|右|不|没|慢|快|轻",
    re.IGNORECASE,
)
SAME = {"gray": "grey", "large": "big", "around": "round", "without": "not", "never": "not", "没": "不"}

# What is said in one way, and its other ways; in a wording of number k each rule takes its way k.
ENGLISH: Sequence[tuple[str, tuple[str, ...]]] = (
    (r"\bmoves to the object( again)?", (r"approaches the object\1", r"goes to the object\1", r"reaches for the object\1")),
    (r"\bmoves to its target( again)?", (r"approaches its target\1", r"goes to its target\1", r"reaches for its target\1")),
    (r"\bcloses its gripper on (it|something)", (r"grasps \1", r"grips \1", r"closes its fingers on \1")),
    (r"\bcloses its gripper on nothing",
     ("grasps nothing", "closes its gripper on empty air", "closes its fingers on nothing")),
    (r"\blifts it by", ("raises it by", "lifts it up by", "hoists it by")),
    (r"\bcarries it", ("moves it", "transports it", "brings it")),
    (r"\blowers it by", ("lowers the object by", "lowers it by some", "lowers it by")),
    (r"\bturns the object", ("rotates the object", "twists the object", "spins the object")),
    (r"\bin place\b", ("on the spot", "in place", "where it is")),
    (r"\bkeeps holding it", ("goes on holding it", "keeps hold of it", "holds on to it")),
    (r"\bopens its gripper, lets go of the object and moves away",
     ("releases the object and withdraws", "opens its fingers, lets the object go and retreats",
      "opens its gripper to let go of the object and moves away")),
    (r"\bfrom the far side\b", ("from its far side", "from the far end", "from the far side")),
    (r"\bfrom the near side\b", ("from its near side", "from the near end", "from the near side")),
    (r"\bfrom above\b", ("from the top", "from straight above", "from above")),
    (r"\bby about\b", ("by roughly", "by some", "by approximately")),
    (r"\bin an arc\b", ("along an arc", "in a bow", "in an arc")),
    (r"^The (left|right) arm\b", (r"The robot's \1 arm", r"The \1 robot arm", r"The \1 arm")),
)  # fmt: skip
CHINESE: Sequence[tuple[str, tuple[str, ...]]] = (
    ("移动到物体处", ("靠近物体", "接近物体", "到达物体处")),
    ("移动到目标处", ("靠近目标", "接近目标", "到达目标处")),
    ("闭合夹爪夹住物体", ("夹住物体", "合拢夹爪夹住物体", "抓住物体")),
    ("闭合夹爪但夹空了", ("但夹空了", "合拢夹爪但抓空了", "抓取失败")),
    ("夹在它的", ("夹的是它的", "夹爪在它的", "夹在物体的")),
    ("把物体抬起", ("将物体抬起", "把物体抬高", "将它抬起")),
    ("搬运", ("移动", "运送", "搬运")),
    ("放低", ("降低", "下放", "放低")),
    ("并一直拿着", ("并一直拿住", "之后一直拿着", "并继续拿着")),
    ("转动约", ("旋转约", "转动大约", "旋转大约")),
    (
        "张开夹爪，放开物体，然后离开",
        ("松开物体，然后撤离", "打开夹爪，松开物体，然后退开", "张开夹爪，释放物体，随后离开"),
    ),
    ("在原地", ("原地", "在原处", "原地")),
    ("从上方", ("从上面", "自上方", "从正上方")),
    ("从远侧", ("自远侧", "从远端", "从远侧")),
    ("从近侧", ("自近侧", "从近端", "从近侧")),
    ("^(左|右)臂", (r"\1侧机械臂", r"\1手臂", r"机器人的\1臂")),
)
GOALS: Sequence[tuple[str, tuple[str, ...]]] = (
    (r"\bpick up\b", ("grasp", "lift", "grab")),
    (r"\b(?:put|place)\b", ("place", "put", "set")),
    (r"\bcube\b", ("block", "cube", "cube")),
    (r"\bball\b", ("sphere", "ball", "ball")),
    (r"\bcylinder\b", ("can", "cylinder", "cylinder")),
    (r"\bbowl\b", ("dish", "bowl", "basin")),
    (r"\bturn\b", ("rotate", "twist", "turn")),
    (r"\breach\b", ("move to", "go to", "reach for")),
    ("拿起", ("抓起", "拾起", "拿起来")),
    ("放进", ("放到", "放入", "搁进")),
    ("把", ("将", "把", "将")),
    ("方块", ("积木", "方块", "立方体")),
)  # fmt: skip


def same_factors(text: str, other: str, terms: Iterable[str] = ()) -> bool:
    """Return whether a text keeps every factor of another one: claims, the reader's slots, numbers, sides, colours and `terms`.

    `terms` are words of factors (names of things, materials, places): those that the other text has must be in this one.
    """
    if _facts(text) != _facts(other) or _words(text) != _words(other):
        return False
    lower, wanted = text.lower(), [term.lower() for term in terms if term.lower() in other.lower()]
    if any(term not in lower for term in wanted):
        return False
    one, two = read_text(text), read_text(other)
    return bool(two.refusal or two.unknown) or (not one.refusal and not one.unknown and one.slots == two.slots)


def kept_wordings(text: str, proposed: Iterable[str], terms: Iterable[str] = ()) -> list[str]:
    """Return the proposals that are other wordings of a text and keep its factors, each once."""
    seen, kept, terms = {_plain(text)}, [], tuple(terms)
    for words in proposed:
        if _plain(words) not in seen and same_factors(words, text, terms):
            seen.add(_plain(words))
            kept.append(words.strip())
    return kept


def own_wordings(text: str, most: int = MOST) -> list[str]:
    """Return other wordings of the motion annotator's sentences, English or Chinese; of other texts there may be none."""
    parts = re.split(r"(?<=\.)\s+|(?<=。)", text.strip())
    gap = " " if re.search(r"\.\s", text) else ""
    sentences = [part for part in parts if part]
    rules = (*ENGLISH, *CHINESE)
    made = [gap.join(_reworded(sentence, k, rules) for sentence in sentences) for k in range(most)]
    return kept_wordings(text, made)


def goal_wordings(goal: str, most: int = MOST) -> list[str]:
    """Return other wordings of a goal that the reader understands."""
    reading = read_text(goal)
    if reading.refusal or reading.unknown:
        return []
    return kept_wordings(goal, [_reworded(goal, k, GOALS) for k in range(most)])


def claims_of(text: str) -> frozenset[tuple[str, str, str, bool]]:
    """Return what a text claims of the motion, whatever its order."""
    said = (claim for claim in claims_in(text) if claim.kind not in IMPLIED)
    return frozenset((claim.kind, claim.value, claim.arm, claim.denied) for claim in said)


def _reworded(text: str, k: int, rules: Sequence[tuple[str, tuple[str, ...]]]) -> str:
    for pattern, ways in rules:
        text = re.sub(pattern, ways[k % len(ways)], text)
    return text


def _facts(text: str) -> tuple[object, ...]:
    claims = claims_in(text)
    told: list[tuple[str, str, bool]] = []
    for claim in claims:
        event = (claim.kind, claim.arm, claim.denied)
        if claim.kind in EVENTS and (not told or told[-1] != event):  # `opens its gripper, lets go` is one
            told.append(event)
    states = frozenset((c.kind, c.value, c.arm, c.denied) for c in claims if c.kind not in (*EVENTS, *IMPLIED))
    return tuple(told), states, frozenset(claim.at_s for claim in claims)


def _words(text: str) -> Mapping[str, Collection[str]]:
    found = (SAME.get(word.lower(), word.lower()) for word in WORDS.findall(re.sub(r"above|从上方", "", text)))
    return {"numbers": sorted(Counter(NUMBER.findall(text)).items()), "words": frozenset(found)}  # type: ignore[dict-item]


def _plain(text: str) -> str:
    return re.sub(r"[\s.,。，!！?？]+", " ", text).strip().lower()
