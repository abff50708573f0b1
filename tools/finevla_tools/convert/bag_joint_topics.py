"""Which topics of a bag tell where the robot's joints are: one for all, or one for each arm, in their drivers' words.

What is not sure is asked for: a leader's positions taken for the arm's own would train a robot on what it never did.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError

STATE, LEADER = "joint_states", "leader"
SIDES = {"left": "left", "l": "left", "right": "right", "r": "right"}
# Words in the names of topics that say what an arm shall do, or what the arm does that leads it.
COMMANDS = {"master", "leader", "command", "commands", "cmd", "control", "ctrl", "target", "goal", "desired", "action"}
LEADERS = {"master", "leader"}  # of these, words of the arms that a person moves and the robot's follow
# AgileX's driver for two arms: where the arms are is in joint_states_single_l, joint_states_l commands them.
COMMANDED_BY = {"joint_states_l": "joint_states_single_l", "joint_states_r": "joint_states_single_r"}
# Of an arm: six joints (rad) and the opening of the gripper (m, twice the travel of a finger), by place and by name.
BY_PLACE = tuple(f"joint{i}" for i in range(7))
BY_NAME = (*(f"joint{i}" for i in range(1, 7)), "gripper")
LOOKED_AT = 50  # messages of a topic, by which it is known whose joints come on it
WIDEST_M = 0.15  # a gripper that opens farther than this does not tell its opening in metres

Heard = Mapping[str, Sequence[tuple[str, ...]]]  # by topic: the different lists of joints that its messages hold


@dataclass(frozen=True)
class StatePart:
    """Joints that come together in one message: `columns` of the robot's values, each from the joint `sources` names.

    A finger's travel is `factors` times what is told.
    """

    stream: str
    topic: str
    columns: tuple[int, ...]
    sources: tuple[str, ...]
    factors: NDArray[np.float64]

    def read(self, robot: Embodiment, names: Sequence[str], positions: Sequence[float]) -> NDArray[np.float64] | None:
        """The robot's values `(D,)`, NaN where the part has none; None if a joint lacks, is named twice or not finite."""
        index = {name: i for i, name in enumerate(names)}
        if any(index.get(source, len(positions)) >= len(positions) for source in self.sources):
            return None
        if sum(name in self.sources for name in names) > len(self.sources):
            return None  # of two values nobody knows which is true
        told = np.array([positions[index[source]] for source in self.sources], np.float64)
        if not np.isfinite(told).all():
            return None
        openings = told[self.factors != 1.0]
        if (np.abs(openings) > WIDEST_M).any():
            raise FineVLAError(
                f"a gripper on {self.topic} is told to be {openings[np.abs(openings).argmax()]:.3g} wide, which is no "
                f"opening in metres; publish {STATE} of all joints (robot:=vendor) and record that"
            )
        found = np.full(len(robot.joints), np.nan)
        found[list(self.columns)] = told * self.factors
        whole = robot.to_values(np.where(np.isnan(found), 0.0, found))
        return np.where(np.isnan(found), np.nan, whole)

    def fits(self, names: Sequence[str]) -> bool:
        """Whether a message of the topic is this part's."""
        return any(source in names for source in self.sources)


def candidates(types: Mapping[str, str], kind: str, is_ours: Callable[[str], bool]) -> list[str]:
    """Topics of joint states that may tell where the arms are."""
    found = [topic for topic, there in types.items() if there == kind and is_ours(topic)]
    names = {topic.rsplit("/", 1)[-1] for topic in found}

    def commands(topic: str) -> bool:
        return bool(COMMANDS & set(_words(topic))) or COMMANDED_BY.get(topic.rsplit("/", 1)[-1]) in names

    return sorted(topic for topic in found if not commands(topic))


def leaders(types: Mapping[str, str], kind: str, is_ours: Callable[[str], bool]) -> list[str]:
    """Topics of joint states that may tell where the arms are that lead the robot's."""
    return sorted(t for t, there in types.items() if there == kind and is_ours(t) and LEADERS & set(_words(t)))


def parts_of(robot: Embodiment, heard: Heard, what: str = STATE) -> tuple[StatePart, ...]:
    """The parts that are the whole robot together; raises `FineVLAError` if there are none or too many."""
    all_of = (_part(robot, topic, names, what) for topic, lists in heard.items() for names in lists)
    found = list({(part.topic, part.columns): part for part in all_of if part}.values())
    of_column: dict[int, list[StatePart]] = {column: [] for column in range(len(robot.joints))}
    for part in found:
        for column in part.columns:
            of_column[column].append(part)
    there = "; ".join(f"{topic} has {_listed(names)}" for topic, lists in heard.items() for names in lists)
    for column, parts in of_column.items():
        if len(parts) > 1:
            topics = " and ".join(sorted(part.topic for part in parts))
            raise FineVLAError(f"both {topics} tell of {robot.joints[column]}; say by --state-topics which to take")
        if not parts:
            raise FineVLAError(f"no topic tells of {robot.joints[column]}: {there or 'there is none of joint states'}")
    return tuple({part.stream: part for part in found}.values())


def combined(parts: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Values `(D,)` of several parts, each NaN where another has them."""
    whole, *others = parts
    for part in others:
        whole = np.where(np.isnan(whole), part, whole)
    return whole


def heard_in(messages: Iterable[Any], names_of: Callable[[Any], tuple[str, ...]], topics: Sequence[str]) -> Heard:
    """The lists of joints on each topic, by its first messages."""
    heard: dict[str, dict[tuple[str, ...], None]] = {topic: {} for topic in topics}
    count = dict.fromkeys(topics, 0)
    for message in messages:
        topic = message.channel.topic
        if count[topic] < LOOKED_AT:
            heard[topic].setdefault(names_of(message))
        count[topic] += 1
        if all(n >= LOOKED_AT for n in count.values()):
            break
    return {topic: [names for names in lists if names] for topic, lists in heard.items()}


def _part(robot: Embodiment, topic: str, names: Sequence[str], what: str) -> StatePart | None:
    named = [(c, joint) for c, joint in enumerate(robot.joints) if joint in names]
    if named:
        columns, sources = zip(*named, strict=True)
        label = "" if len(named) == len(robot.joints) else f" from {sources[0]} on {topic}"
        return StatePart(f"{what}{label}", topic, columns, sources, np.ones(len(columns)))
    sides = {SIDES[word] for word in _words(topic) if word in SIDES}
    of_arm = BY_PLACE if tuple(names[:7]) == BY_PLACE else BY_NAME if set(BY_NAME) <= set(names) else None
    if len(sides) != 1 or of_arm is None:
        return None
    mine = [c for c, value in enumerate(robot.values) if value.joint.startswith(f"{min(sides)}_")]
    mine.sort(key=lambda c: robot.values[c].is_gripper)
    if len(mine) != len(of_arm) or not robot.values[mine[-1]].is_gripper:
        return None
    return StatePart(f"{what} {min(sides)}", topic, tuple(mine), of_arm, np.array([1.0] * 6 + [0.5]))


def _words(topic: str) -> list[str]:
    return [word for word in re.split(r"[/_\-\d]+", topic.lower()) if word]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (" ..." if len(names) > 8 else "") if names else "no names"
