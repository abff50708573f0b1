"""What a person may say to a robot of what motion and the operator's words tell, and how it answers: templates, two languages.

Questions are only of what a picture shows at their moment, for a model is asked with that picture alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from finevla_core.language.reader import read_text


@dataclass(frozen=True)
class InstructWords:
    """The templates of a language; `$` names are filled in by `instruct_rows`."""

    arms: Mapping[str, str]
    holds: str
    which_holds: str
    yes: str
    no: str
    only: Mapping[str, str]
    both: str
    next_step: str
    cues: Mapping[str, str]
    frames: tuple[str, ...]
    scene: str
    joined: str
    bowls: Mapping[str, str]
    colors: Mapping[str, str]
    shapes: Mapping[str, str]
    sizes: Mapping[str, str]
    contexts: Mapping[str, tuple[str, ...]]
    space: str


ENGLISH = InstructWords(
    arms={"left": "left", "right": "right"},
    holds="Does the $arm gripper hold something?",
    which_holds="Which gripper holds something?",
    yes="Yes.",
    no="No.",
    only={"left": "The left one.", "right": "The right one."},
    both="Both of them.",
    next_step="The task is: $raw. What is the next step?",
    cues={
        "held": "The $arm gripper holds something now. What comes next?",
        "missed": "The $arm gripper has closed on nothing. What now?",
        "let go": "The $arm gripper has let go. What comes next?",
    },
    frames=("Please $raw.", "Could you $raw?", "I would like you to $raw."),
    scene="In front of the robot there is $things.",
    joined=", and ",
    bowls={"left_bowl": "a bowl on the left", "right_bowl": "a bowl on the right"},
    colors={},
    shapes={"": "thing"},
    sizes={},
    contexts={
        "place": ("The $thing does not belong there: its place is the bowl on the $side.",
                  "I only find things again if the $thing is in the bowl on the $side."),
        "stack": ("The $thing should end on top of the $below.",),
        "pick": ("I must see what is below the $thing.",),
        "turn": ("The $thing stands too far $back.",),
        "reach": ("Which one is the $thing? Show me.",),
        "clean": ("I need the whole table. What lies on it belongs into the bowl on the $side.",),
    },
    space=" ",
)  # fmt: skip

CHINESE = InstructWords(
    arms={"left": "左", "right": "右"},
    holds="${arm}夹爪里夹着东西吗？",
    which_holds="哪只夹爪夹着东西？",
    yes="是的。",
    no="没有。",
    only={"left": "左边的。", "right": "右边的。"},
    both="两只都夹着。",
    next_step="任务是：${raw}。下一步做什么？",
    cues={
        "held": "${arm}夹爪已经夹住东西了，接下来做什么？",
        "missed": "${arm}夹爪没有夹到东西，现在怎么办？",
        "let go": "${arm}夹爪已经松开了，接下来做什么？",
    },
    frames=("请${raw}。", "麻烦你${raw}。", "我想让你${raw}。"),
    scene="机器人面前有${things}。",
    joined="，还有",
    bowls={"left_bowl": "左边的一个碗", "right_bowl": "右边的一个碗"},
    colors={"red": "红色", "green": "绿色", "blue": "蓝色", "yellow": "黄色", "purple": "紫色", "orange": "橙色"},
    shapes={"": "物体", "cube": "方块", "cylinder": "圆柱", "ball": "球", "brick": "长方块", "knob": "旋钮"},
    sizes={"small": "小", "big": "大"},
    contexts={
        "place": ("${thing}不该放在那里，它的位置在${side}边的碗里。", "只有${thing}在${side}边的碗里，我才找得到。"),
        "stack": ("${thing}最后应该在${below}上面。",),
        "pick": ("我想看看${thing}下面有什么。",),
        "turn": ("${thing}${back}转过头了。",),
        "reach": ("哪个是${thing}？指给我看。",),
        "clean": ("我要用整张桌子，上面的东西都归${side}边的碗。",),
    },
    space="",
)  # fmt: skip
WORDS: Mapping[str, InstructWords] = {"en": ENGLISH, "zh": CHINESE}
# The other way round: who wants a knob turned one way finds that it stands too far the other way.
BACK = {
    "en": {"clockwise": "counterclockwise", "counterclockwise": "clockwise"},
    "zh": {"clockwise": "逆时针", "counterclockwise": "顺时针"},
}
HOW = ("arm", "approach", "grasp", "path")  # what a situation cannot say


def slots_read(raw: str) -> Mapping[str, str]:
    """Return what the reader takes a goal for; nothing where a word of it is unknown."""
    reading = read_text(raw) if raw else None
    if reading is None or reading.refusal or reading.unknown or not reading.slots.get("task"):
        return {}
    return reading.slots


def thing_in(words: InstructWords, slots: Mapping[str, str], which: str = "") -> str:
    """Return what a goal is about in words: "small red cube"; "" where nothing tells it apart."""
    size, color, shape = (slots.get(f"{which}{part}", "") for part in ("size", "color", "shape"))
    if not (size or color or shape):
        return ""
    parts = (words.sizes.get(size, size), words.colors.get(color, color), words.shapes.get(shape, shape))
    return words.space.join(part for part in parts if part)
