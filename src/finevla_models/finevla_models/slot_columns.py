"""Which parts of what a sentence says each part of a policy is told, and how it looks in a mirror between the arms."""

import numpy as np

from finevla_core.language.slots import COLORS, SHAPES, SIZES, SLOTS, WIDTH, indices

__all__ = ["COLORS", "MOVE", "SHAPES", "SIZES", "SLOTS", "TARGET", "WHAT", "WIDTH", "columns", "indices", "mirrored"]

TARGET = ("task", "color", "shape", "size", "place")  # which object is meant; the place for all that has to go there
WHAT = (*TARGET, "below_color", "below_shape")  # and where it shall end
MOVE = ("task", "approach", "grasp", "path", "turn")  # how to get there, the two places and the arm being known
MIRRORED = {"left": "right", "left_bowl": "right_bowl", "clockwise": "counterclockwise"}
MIRRORED |= {right: left for left, right in MIRRORED.items()}


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
