"""What a sentence about the table can say, slot by slot, and the numbers that a policy gets of it; "" is "not said"."""

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


def indices(slots: Mapping[str, str]) -> NDArray[np.int64]:
    """Index of each slot's word `(S,)`, in the order of `SLOTS`; a slot that is missing is not said."""
    return np.array([words.index(slots.get(name, words[0])) for name, words in SLOTS.items()])


def one_hot(slots: Mapping[str, str]) -> NDArray[np.float32]:
    """Return what is said as `(WIDTH,)` float32: 1 for each slot's word, 0 for all others."""
    values = np.zeros(WIDTH, np.float32)
    values[np.cumsum([0, *SIZES[:-1]]) + indices(slots)] = 1.0
    return values
