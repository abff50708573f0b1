"""What a sentence can say, slot by slot: the factors of an instruction as a policy knows them; "" is "not said"."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

COLORS = ("", "red", "green", "blue", "yellow", "purple", "orange")
SHAPES = ("", "cube", "cylinder", "ball", "brick", "knob")

SLOTS: dict[str, tuple[str, ...]] = {
    "task": ("reach", "pick", "place", "stack", "turn", "clean"),
    "arm": ("", "left", "right"),
    "approach": ("", "top", "left", "right", "front"),
    "grasp": ("", "sideways", "lengthways"),
    "path": ("", "over", "round"),
    "turn": ("", "clockwise", "counterclockwise"),
    "color": COLORS,
    "shape": SHAPES,
    "size": ("", "small", "big"),
    "place": ("", "left_bowl", "right_bowl", "object"),
    "below_color": COLORS,
    "below_shape": SHAPES,
}
SIZES = tuple(len(words) for words in SLOTS.values())
WIDTH = sum(SIZES)
TARGET = ("task", "color", "shape", "size", "place")  # which object is meant; the place for all that has to go there
WHAT = (*TARGET, "below_color", "below_shape")  # and where it shall end
MOVE = ("task", "approach", "grasp", "path", "turn")  # how to get there, the two places and the arm being known
MIRRORED = {"left": "right", "left_bowl": "right_bowl", "clockwise": "counterclockwise"}
MIRRORED |= {right: left for left, right in MIRRORED.items()}


def indices(slots: Mapping[str, str]) -> NDArray[np.int64]:
    """Index of each slot's word `(S,)`, in the order of `SLOTS`."""
    return np.array([words.index(slots[name]) for name, words in SLOTS.items()])


def columns(names: tuple[str, ...]) -> list[int]:
    """Which of the `WIDTH` columns belong to the named slots."""
    ends = np.cumsum([0, *SIZES])
    return [k for i, name in enumerate(SLOTS) if name in names for k in range(ends[i], ends[i + 1])]


def mirrored(names: tuple[str, ...]) -> list[int]:
    """The order in which the named slots' columns say what is said of them, as it looks in a mirror between the arms."""
    order, at = [], 0
    for name, words in SLOTS.items():
        if name in names:
            order += [at + words.index(MIRRORED.get(word, word)) for word in words]
            at += len(words)
    return order
