"""Made-up episodes with their motion facts, true sentences about them, and the same sentences with one false claim planted.

`TUNED` phrasings were looked at while the check was written. Each of `SECOND` to `FIFTH` was written and measured before it was
looked at, and mended for afterwards: what unseen phrasings come to is the figure of those first runs.
"""

import random
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from finevla_tools.annotate.annotation import TEXT, Annotation, dimension_of

ARMS = {"left": "right", "right": "left"}
SIDES = ("top", "left", "right", "front", "back")
DIRECTIONS = ("left", "right", "forward", "backward")
SENSES = {"clockwise": "counterclockwise", "counterclockwise": "clockwise"}
EN = {
    "from": {"top": "from above", "left": "from the left", "right": "from the right", "front": "from the far side",
             "back": "from the near side"},
    "toward": {"left": "to the left", "right": "to the right", "forward": "forward", "backward": "backward"},
}  # fmt: skip
ZH = {
    "arm": {"left": "左臂", "right": "右臂"},
    "from": {"top": "从上方", "left": "从左侧", "right": "从右侧", "front": "从远侧", "back": "从近侧"},
    "toward": {"left": "向左", "right": "向右", "forward": "向前", "backward": "向后"},
    "sense": {"clockwise": "顺时针", "counterclockwise": "逆时针"},
    "count": {1: "一", 2: "两", 3: "三"},
    "ordinal": {1: "一", 2: "二", 3: "三"},
    "noun": {"cube": "方块", "bottle": "瓶子", "cup": "杯子", "can": "罐子"},
}
COUNTS = {1: "one attempt", 2: "two attempts", 3: "three attempts"}
PLANTED = {
    "the_arm": "arm",
    "ordinal_number": "ordinal",
    "attempts_number": "ordinal",
}  # placeholders that show the same of an episode
ORDINALS = {1: "first", 2: "second", 3: "third"}


@dataclass(frozen=True)
class MadeEpisode:
    """What happened: `kind` is carry, turn, miss or pair (one arm after the other, each grasping and letting go)."""

    kind: str
    arm: str
    noun: str
    side: str
    toward: str
    centimetres: int
    close_s: float
    open_s: float
    attempts: int
    sense: str
    degrees: int
    opens_first: bool = False  # only ever in what is said: the order turned round
    holds: bool = True

    @classmethod
    def draw(cls, rng: random.Random, kind: str) -> "MadeEpisode":
        close_s = round(rng.uniform(4.0, 6.0), 1)
        return cls(
            kind, rng.choice(list(ARMS)), rng.choice(list(ZH["noun"])), rng.choice(SIDES), rng.choice(DIRECTIONS),
            rng.randrange(8, 40), close_s, round(close_s + rng.uniform(3.0, 5.0), 1), rng.choice((1, 1, 2, 3)),
            rng.choice(list(SENSES)), rng.choice((45, 90, 120, 180)), holds=kind != "miss",
        )  # fmt: skip

    def facts(self, number: int) -> list[Annotation]:
        """The rows that motion gives of it."""

        def row(a: float, b: float, slot: str, value: str, step: int = 0) -> Annotation:
            return Annotation(number, a, b, dimension_of(slot), slot, value, "motion", 0.9, step)

        end_s, other = self.open_s + 8.0, ARMS[self.arm]
        actor = "both_arms" if self.kind == "pair" else f"{self.arm}_arm"
        rows = [row(0.0, end_s, "active_actor", actor)]
        for k in range(1, self.attempts if self.kind == "carry" else 1):
            at = self.close_s - 1.2 * (self.attempts - k)
            rows += [row(at, at + 0.2, "gripper_state", f"{self.arm} gripper closes on nothing"),
                     row(at + 0.4, at + 0.6, "gripper_state", f"{self.arm} gripper opens")]  # fmt: skip
        if self.kind == "carry" and self.attempts > 1:
            rows.append(row(0.0, end_s, "attempt_count", str(self.attempts)))
        on = "something" if self.holds else "nothing"
        rows += [row(0.0, self.close_s, "active_actor", f"{self.arm}_arm", 1),
                 row(0.0, self.close_s, "approach_direction", self.side, 1),
                 row(self.close_s, self.close_s + 0.3, "gripper_state", f"{self.arm} gripper closes on {on}", 1)]  # fmt: skip
        if not self.holds:
            return [*rows, row(0.0, self.close_s, "failure", "the gripper closed on nothing", 1)]
        rows.append(row(self.close_s, self.open_s, "active_actor", f"{self.arm}_arm", 2))
        if self.kind == "turn":
            rows += [row(self.close_s, self.open_s, "rotation_direction", self.sense, 2),
                     row(self.close_s, self.open_s, "rotation_angle", f"{self.degrees} degrees", 2)]  # fmt: skip
        else:
            toward = EN["toward"][self.toward]
            rows += [row(self.close_s, self.open_s, "translation_direction", f"{toward} and up", 2),
                     row(self.close_s, self.open_s, "translation_extent", f"{self.centimetres / 100:.2f} m", 2)]  # fmt: skip
        rows.append(row(self.open_s, self.open_s + 0.3, "gripper_state", f"{self.arm} gripper opens and lets go", 3))
        if self.kind == "pair":
            rows += [row(self.open_s + 2, self.open_s + 2.3, "gripper_state", f"{other} gripper closes on something"),
                     row(self.open_s + 5, self.open_s + 5.3, "gripper_state", f"{other} gripper opens and lets go"),
                     row(0.0, end_s, "interaction_type", f"sequential (the {self.arm} arm begins)")]  # fmt: skip
        return rows

    def words(self, language: str) -> dict[str, str]:
        if language == "zh":
            return {
                "arm": ZH["arm"][self.arm],
                "other": ZH["arm"][ARMS[self.arm]],
                "noun": ZH["noun"][self.noun],
                "from": ZH["from"][self.side],
                "toward": ZH["toward"][self.toward],
                "far": f"{self.centimetres}厘米",
                "close": f"{self.close_s}",
                "open": f"{self.open_s}",
                "count": ZH["count"][self.attempts],
                "ordinal": ZH["ordinal"][self.attempts],
                "sense": ZH["sense"][self.sense],
                "angle": f"{self.degrees}度",
            }
        return {
            "arm": self.arm,
            "other": ARMS[self.arm],
            "noun": self.noun,
            "from": EN["from"][self.side],
            "toward": EN["toward"][self.toward],
            "far": f"{self.centimetres} cm",
            "close": f"{self.close_s}",
            "open": f"{self.open_s}",
            "count": COUNTS[self.attempts],
            "ordinal": ORDINALS[self.attempts],
            "sense": self.sense,
            "angle": f"{self.degrees} degrees",
        }


# Each phrasing by kind of episode; `A >> B` is true as `A`, and its order is turned round in `B`.
TUNED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "carry": (
            "The $arm arm approaches the $noun $from, grasps it and carries it $far $toward, then releases it.",
            "Use the $arm arm to pick up the $noun $from. Move it $toward and let it go.",
            "Grasp the $noun at $close s with the $arm gripper and open the gripper at $open s.",
            "The robot needs $count to grasp the $noun. The $arm arm then moves it $toward.",
            "The $arm arm picks up the red $noun from the left bowl, carries it $toward and places it on the right "
            "side of the table.",
            "The $other arm stays still while the $arm arm closes its gripper on the $noun.",
            "The $arm arm grasps the $noun, then releases it. >> The $arm arm releases the $noun, then grasps it.",
            "On the $ordinal attempt the $arm arm grasps the $noun $from.",
        ),
        "turn": (
            "The $arm arm grasps the $noun $from and turns it $sense by $angle.",
            "Rotate the $noun $sense with the $arm arm, then release it.",
            "The $arm gripper grips the $noun, rotates it by $angle $sense and opens its gripper.",
        ),
        "miss": (
            "The $arm arm moves to the $noun $from and closes its gripper on nothing. >> The $arm arm moves to the "
            "$noun $from and grasps it.",
            "The $arm arm fails to grasp the $noun. >> The $arm arm grasps the $noun and holds it.",
        ),
        "pair": (
            "First the $arm arm grasps the $noun and releases it, then the $other arm grasps it and releases it."
            " >> First the $other arm grasps the $noun and releases it, then the $arm arm grasps it and releases it.",
            "The arms work one after the other. The $arm arm moves the $noun $toward. >> Both arms work "
            "simultaneously. The $arm arm moves the $noun $toward.",
        ),
    },
    "zh": {
        "carry": (
            "${arm}${from}抓取${noun}，${toward}移动${far}，然后松开。",
            "用${arm}抓住${noun}，${toward}搬运后放开夹爪。",
            "${arm}在${close}秒闭合夹爪，在${open}秒张开夹爪。",
            "${arm}尝试了${count}次才抓住${noun}。",
            "${other}保持静止，${arm}夹住${noun}。",
            "${arm}先抓住${noun}，然后松开它。 >> ${arm}先松开${noun}，然后抓住它。",
        ),
        "turn": ("${arm}夹住${noun}，${sense}旋转${angle}。", "用${arm}把${noun}${sense}转动，然后松开。"),
        "miss": ("${arm}${from}接近${noun}，但抓空了。 >> ${arm}${from}接近${noun}，并抓住了它。",),
        "pair": (
            "${arm}先抓住${noun}再松开，然后${other}抓住它再松开。 >> ${other}先抓住${noun}再松开，然后${arm}抓住它再松开。",
        ),
    },
}  # fmt: skip
SECOND: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "carry": (
            "Approaching $from, the $arm hand closes its fingers around the $noun, transports it $toward over the "
            "table and drops it into the box.",
            "With its $arm arm the robot reaches for the $noun $from, clamps it, shifts it about $far $toward and "
            "finally opens its gripper.",
            "It takes the $arm manipulator $count to seize the $noun, which is on the right of the plate.",
            "At $close seconds the $arm gripper closes; at $open seconds it lets the $noun go.",
            "The $noun next to the left edge is gripped by the $arm arm, which then drags it $toward.",
            "The $arm robot arm descends, grabs the $noun, brings the $noun $toward by roughly $far, and releases "
            "its grip on the tray.",
            "The $other arm does not move. The $arm arm pushes the $noun $toward.",
            "Step 1: the $arm arm picks the $noun up $from. Step 2: it moves the $noun $toward. Step 3: it lets go.",
            "After grasping the $noun with the $arm gripper, the robot carries it $toward.",
            "The $arm arm seizes the $noun before it opens its gripper above the bowl. >> The $arm arm opens its "
            "gripper above the bowl before it seizes the $noun.",
            "Having come in $from, the $arm gripper pinches the $noun and slides it $toward.",
            "The robot succeeded on its $ordinal try: the $arm arm grasped the $noun.",
        ),
        "turn": (
            "Holding the $noun, the $arm hand twists it $sense through $angle.",
            "The $noun is spun $sense by the $arm arm, which came in $from.",
            "The $arm arm takes hold of the $noun and gives it a $sense twist of about $angle.",
        ),
        "miss": (
            "The $arm gripper shuts on empty air and comes up empty. >> The $arm gripper picks up the $noun.",
            "The $arm arm reaches for the $noun but misses it. >> The $arm arm reaches for the $noun and grabs it.",
            "Nothing is caught: the $arm hand closes on nothing. >> The $noun is caught: the $arm hand grips the "
            "$noun firmly.",
        ),
        "pair": (
            "The $arm arm picks the $noun up, sets it in the middle and opens its gripper; afterwards the $other "
            "arm picks it up."
            " >> The $other arm picks the $noun up, sets it in the middle and opens its gripper; afterwards the "
            "$arm arm picks it up.",
            "The two arms act sequentially, the $arm arm first. >> The two arms act at the same time, in unison.",
        ),
    },
    "zh": {
        "carry": (
            "机器人使用${arm}${from}靠近${noun}，夹紧后${toward}平移大约${far}，最后松手。",
            "${close}秒时${arm}夹爪合拢，夹住${noun}；到了${open}秒时松开。",
            "${arm}将${noun}${toward}推动，${other}未参与。",
            "经过${count}次尝试，${arm}成功抓取左边盘子旁的${noun}。",
            "${arm}${from}下降并捏住${noun}，把它${toward}拖动。",
            "${arm}在第${ordinal}次尝试时抓住了${noun}。",
            "${arm}握住${noun}后打开夹爪。 >> ${arm}打开夹爪后握住${noun}。",
        ),
        "turn": (
            "${arm}抓住${noun}后沿${sense}方向拧动约${angle}。",
            "${noun}被${arm}${sense}旋转了${angle}，随后释放。",
        ),
        "miss": (
            "${arm}没有抓到${noun}。 >> ${arm}抓到了${noun}。",
            "${arm}的抓取失败，夹爪里什么都没有。 >> ${arm}的夹爪稳稳夹住了${noun}。",
        ),
        "pair": (
            "两只手臂依次动作，${arm}先拿起${noun}。 >> 两只手臂同时动作，一起拿起${noun}。",
        ),
    },
}  # fmt: skip

THIRD: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "carry": (
            "With the $arm arm, grab the $noun $from, haul it $toward for around $far and drop it off.",
            "The $noun is lifted by the $arm gripper and conveyed $toward; finally the fingers open.",
            "Moving in $from, the $arm claw picks up the small $noun beside the right bowl and transfers it $toward.",
            "The $arm arm closes its fingers at about $close s, pulls the $noun $toward and opens the fingers at "
            "about $open s.",
            "It was picked up by the $arm hand in $count.",
            "The $arm arm, coming $from, clasps the $noun and carries the $noun $toward before letting it go.",
            "First, the gripper of the $arm arm closes on the $noun. Next, the $arm arm takes it $toward. Lastly, "
            "it releases the $noun.",
            "The $noun stands left of the plate. The $arm arm reaches it $from and grips it, then brings it $toward.",
            "The $other arm is idle throughout. The $arm arm lets go of the $noun after moving it $toward.",
            "The $arm arm grips the $noun and afterwards drops it into the bowl, opening its gripper. >> The $arm "
            "arm opens its gripper and afterwards grips the $noun.",
            "The $ordinal attempt succeeds: the $arm arm picks the $noun up.",
        ),
        "turn": (
            "The $arm gripper clamps the $noun, swivels it $angle $sense and lets it go.",
            "Using the $arm arm, the robot rotated the $noun $sense.",
            "The $arm hand seizes the $noun $from; it is then turned $sense, about $angle.",
        ),
        "miss": (
            "The $arm arm tries to grasp the $noun but fails. >> The $arm arm tries to grasp the $noun and "
            "succeeds: it picks it up.",
            "The $arm gripper closes without catching anything. >> The $arm gripper closes on the $noun, picks it "
            "up and carries it away.",
        ),
        "pair": (
            "The $arm arm takes hold of the $noun and puts it down, releasing it; next the $other arm takes hold of it."
            " >> The $other arm takes hold of the $noun and puts it down, releasing it; next the $arm arm takes "
            "hold of it.",
            "Both arms are used, one after the other. >> Both arms are used simultaneously.",
        ),
    },
    "zh": {
        "carry": (
            "机械臂的${arm}${from}伸向${noun}，抓牢后${toward}运送${far}，随后放开。",
            "在${close}秒左右，${arm}夹爪闭合；在${open}秒左右，夹爪松开${noun}。",
            "${arm}把右边碗里的${noun}夹起来，${toward}移动，最后张开夹爪。",
            "${other}一直没有动，${arm}抓起${noun}并${toward}搬动。",
            "${arm}总共抓了${count}次，终于拿起${noun}。",
            "先由${arm}抓取${noun}，接着${toward}移动约${far}，再松开夹爪。",
            "${arm}夹住${noun}之后松开。 >> ${arm}松开之后夹住${noun}。",
        ),
        "turn": (
            "${arm}握住${noun}，把它${sense}转${angle}后松开。",
            "${from}接近后，${arm}将${noun}${sense}拧紧。",
        ),
        "miss": (
            "${arm}试图抓取${noun}，但未能抓住。 >> ${arm}试图抓取${noun}，并把它拿起来搬走。",
        ),
        "pair": (
            "${arm}先把${noun}拿起并松开，随后由${other}拿起。 >> ${other}先把${noun}拿起并松开，随后由${arm}拿起。",
        ),
    },
}  # fmt: skip

FOURTH: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "carry": (
            "The robot extends its $arm arm, descends on the $noun $from, and grips it. It then relocates the $noun "
            "$toward and opens the gripper.",
            "Pick up the $noun with your $arm hand and slide it $far $toward.",
            "The gripper on the $arm arm is closed around the $noun and the $noun is carried $toward.",
            "The $arm arm transports the $noun $toward. It had gripped the $noun $from.",
            "The $noun, which lay on the right side of the bowl, was grasped by the $arm arm and moved $toward.",
            "Using only the $arm gripper, the robot grabs the $noun and pushes it $toward a distance of $far.",
            "The $arm arm needed $count before it had the $noun in its gripper.",
            "At $close s, the $arm gripper closes on the $noun. At $open s, it releases the $noun.",
            "The $arm arm approaches the $noun $from and grasps it firmly; the $other arm remains idle.",
            "The $arm arm comes in $from, takes hold of the $noun, lifts it slightly, and carries it $toward before "
            "releasing it.",
            "Once the $noun is gripped, the $arm arm pulls it $toward and finally lets go.",
            "The $arm arm grasps the $noun, holds it for a while and releases it. >> The $arm arm releases the "
            "$noun, waits for a while and grasps it.",
        ),
        "turn": (
            "The $arm arm rotates the $noun $angle $sense without lifting it.",
            "Grab the $noun $from with the $arm arm. Then twist it $sense and let go.",
            "A $sense rotation of $angle is applied to the $noun by the $arm gripper.",
        ),
        "miss": (
            "The $arm arm attempts to pick up the $noun, but its gripper closes on nothing. >> The $arm arm "
            "attempts to pick up the $noun, and its gripper closes on it and lifts it.",
            "The grasp failed: the $arm gripper closed, yet the $noun stayed on the table. >> The grasp worked: the "
            "$arm arm grasps the $noun and raises it.",
        ),
        "pair": (
            "To begin, the $arm arm picks up the $noun and then releases it. Subsequently the $other arm picks up "
            "the $noun."
            " >> To begin, the $other arm picks up the $noun and then releases it. Subsequently the $arm arm picks "
            "up the $noun.",
            "The $arm arm moves first, and the $other arm follows in sequence. >> The $other arm and the $arm arm "
            "move simultaneously.",
        ),
    },
    "zh": {
        "carry": (
            "${arm}移动到${noun}处，${from}夹取，抬起后${toward}移动${far}并放开。",
            "用${arm}拿起靠近左侧盘子的${noun}，${toward}推${far}。",
            "${noun}被${arm}抓住，${toward}搬运，最后松开。",
            "${arm}夹爪于${close}秒闭合，于${open}秒打开。",
            "${arm}一共尝试${count}次抓取${noun}。",
            "只有${arm}参与动作：它${from}抓住${noun}，再${toward}拖动。",
            "${arm}抓住${noun}，随后释放。 >> ${arm}释放${noun}，随后抓住。",
        ),
        "turn": ("${arm}将${noun}${sense}旋转约${angle}，再松开夹爪。", "${arm}${from}夹紧${noun}，然后${sense}转动。"),
        "miss": ("${arm}的夹爪合拢却抓空了。 >> ${arm}的夹爪合拢并抓住了${noun}。",),
        "pair": ("${arm}与${other}先后抓取${noun}。 >> ${arm}与${other}同时抓取${noun}。",),
    },
}  # fmt: skip

FIFTH: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "carry": (
            "Reach for the $noun $from using the $arm arm, grip it tightly and drag it $toward.",
            "The robot's $arm arm secures the $noun, grasps it and transfers it $toward onto the mat.",
            "The $arm end of the table is empty. The $noun gets picked up by the $arm arm and is carried $toward.",
            "The $arm gripper opens at $open s, after it had closed at $close s.",
            "The $arm arm brings the $noun $toward, roughly $far, and then its gripper opens.",
            "In $count, the $arm gripper manages to grasp the $noun.",
            "While the $other arm is at rest, the $arm arm picks up the $noun and shifts it $toward.",
            "The $arm arm drops the $noun after grabbing it. >> The $arm arm grabs the $noun after dropping and releasing it.",
        ),
        "turn": (
            "With a firm grip the $arm arm turns the $noun $sense by around $angle.",
            "The $arm arm spins the $noun $sense.",
        ),
        "miss": (
            "The $arm arm misses the $noun. >> The $arm arm gets hold of the $noun.",
            "The $arm gripper grasps nothing. >> The $arm gripper grasps the $noun.",
        ),
        "pair": (
            "The $arm arm picks the $noun up and lets it go. The $other arm then takes hold of it and lets it go."
            " >> The $other arm picks the $noun up and lets it go. The $arm arm then takes hold of it and lets it go.",
        ),
    },
    "zh": {
        "carry": (
            "${arm}${from}过去夹住${noun}，接着${toward}拉动约${far}。",
            "大约${close}秒时${arm}抓住${noun}，${open}秒时放开。",
            "${arm}拾起${noun}并${toward}移动，${other}静止。",
            "${arm}夹取${noun}，${toward}平移后松开。",
        ),
        "turn": ("${arm}捏住${noun}并${sense}转动${angle}。",),
        "miss": ("${arm}夹空了，没抓住${noun}。 >> ${arm}夹住了${noun}，没有失误。",),
        "pair": ("先是${arm}抓取并释放${noun}，然后是${other}抓取。 >> 先是${other}抓取并释放${noun}，然后是${arm}抓取。",),
    },
}  # fmt: skip


@dataclass(frozen=True)
class SaidMotion:
    """A sentence about an episode; `planted` names what is false in it, "" if all is true."""

    text: str
    planted: str
    facts: tuple[Annotation, ...]
    number: int

    @property
    def row(self) -> Annotation:
        return Annotation(self.number, 0.0, self.facts[0].to_s, TEXT, "fine", self.text, "vlm", 0.5)


def plants(made: MadeEpisode, rng: random.Random) -> dict[str, MadeEpisode]:
    """The episode with one thing changed, by the words in which that shows."""
    others = [side for side in SIDES if side != made.side]
    towards = [word for word in DIRECTIONS if word != made.toward]
    found = {
        "arm": replace(made, arm=ARMS[made.arm]),
        "from": replace(made, side=rng.choice(others)),
        "toward": replace(made, toward=rng.choice(towards)),
        "far": replace(made, centimetres=made.centimetres * 2 + 5),
        "close": replace(made, close_s=round(made.close_s + rng.choice((-1, 1)) * rng.uniform(1.5, 3.0), 1)),
        "open": replace(made, open_s=round(made.open_s + rng.choice((-1, 1)) * rng.uniform(1.5, 3.0), 1)),
        "count": replace(made, attempts=rng.choice([n for n in COUNTS if n != made.attempts])),
        "sense": replace(made, sense=SENSES[made.sense]),
        "angle": replace(made, degrees=made.degrees * 2),
    }
    return found | {"ordinal": found["count"]}


Phrasings = Mapping[str, Mapping[str, tuple[str, ...]]]
Wordings = Mapping[str, Mapping[str, Mapping[object, tuple[str, ...]]]]


def worded(made: MadeEpisode, language: str, wordings: Wordings, rng: random.Random) -> dict[str, str]:
    """The words of an episode, each drawn from those of `wordings` where it has some for a placeholder."""
    words = made.words(language)
    words["ordinal_number"] = words["attempts_number"] = str(made.attempts)
    values: dict[str, object] = {
        "the_arm": made.arm, "from": made.side, "toward": made.toward, "sense": made.sense, "angle": made.degrees,
        "count": made.attempts, "ordinal": made.attempts, "noun": made.noun,
    }  # fmt: skip
    for placeholder, ways in wordings.get(language, {}).items():
        words[placeholder] = rng.choice(ways[values[placeholder]])
    metres = {"en": ("{} cm", "{} centimetres"), "zh": ("{}厘米", "{}公分")}[language]
    if wordings:
        words["far"] = rng.choice((*metres, words["far"])).format(made.centimetres)
    return words


def said_motions(
    phrasings: Phrasings,
    count: int,
    seed: int,
    wordings: Wordings = MappingProxyType({}),
) -> Iterator[SaidMotion]:
    """Give `count` true and `count` false sentences about episodes drawn anew for each."""
    rng = random.Random(seed)
    for number in range(count):
        language = rng.choice(("en", "en", "zh"))
        kind = rng.choice(("carry", "carry", "carry", "turn", "miss", "pair"))
        made = MadeEpisode.draw(rng, kind)
        true, _, swapped = rng.choice(phrasings[language][kind]).partition(" >> ")
        facts, words = tuple(made.facts(number)), worded(made, language, wordings, rng)
        yield SaidMotion(_written(true, words), "", facts, number)
        if swapped:
            yield SaidMotion(_written(swapped, words), "order or outcome", facts, number)
            continue
        named = {match["named"] or match["braced"] for match in string.Template.pattern.finditer(true)}
        named = {PLANTED.get(placeholder, placeholder) for placeholder in named}
        may = {what: other for what, other in plants(made, rng).items() if what in named}
        if kind == "pair":
            may.pop("arm", None)
        if kind == "carry" and made.attempts > 1:
            may.pop("close", None)  # an earlier closing may be at that time
            may.pop("open", None)
        if may:
            what = rng.choice(sorted(may))
            yield SaidMotion(_written(true, worded(may[what], language, wordings, rng)), what, facts, number)


def _written(phrasing: str, words: Mapping[str, str]) -> str:
    text = string.Template(phrasing).substitute(words)
    return text[:1].upper() + text[1:]
