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
TARGET = ("task", "arm", "color", "shape", "size", "place")  # what it takes to know which object is meant
MOVE = ("task", "arm", "approach", "grasp", "path", "turn")  # and how to get there, the two places being known
PLACE = ("task", "place", "below_color", "below_shape", "color", "shape", "size", "arm")  # and where it shall end


def indices(slots: Mapping[str, str]) -> NDArray[np.int64]:
    """Index of each slot's word `(S,)`, in the order of `SLOTS`."""
    return np.array([words.index(slots[name]) for name, words in SLOTS.items()])


def columns(names: tuple[str, ...]) -> list[int]:
    """Which of the `WIDTH` columns belong to the named slots."""
    ends = np.cumsum([0, *SIZES])
    return [k for i, name in enumerate(SLOTS) if name in names for k in range(ends[i], ends[i + 1])]
