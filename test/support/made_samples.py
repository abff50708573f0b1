"""Samples for the trainer without a data set: what is said, which arm moves and the colour that is seen are one."""

from dataclasses import replace
from typing import Any

import numpy as np

from finevla_models.vla.batch import VLAExample

ARMS, COLORS = ("left", "right"), {"red": (200, 30, 30), "blue": (30, 30, 200)}
VALUES = tuple(f"{side}_{name}" for side in ARMS for name in (*(f"joint{k}" for k in range(1, 7)), "gripper"))
SIDE = 32  # of a picture, pixels


class MadeSamples:
    """A `TrainingSamples` of the Cobot Magic; the named arm's first joint turns, by how red the picture is."""

    def __init__(self, seed: int = 0, horizon: int = 4, views: int = 1, questions: bool = False) -> None:
        self.seed, self.horizon, self.views, self.questions = seed, horizon, views, questions
        self.hash, self.frames = f"made-{seed}", 1000
        self.values = () if questions else VALUES
        scale = {"min": [-2.0] * 14, "max": [2.0] * 14}
        self.statistics: dict[str, Any] = {}
        self.transforms: list[Any] = [{"normalise": {"kind": "min_max", "state": scale, "actions": scale}}]
        if questions:
            self.transforms = []

    def example(self, index: int) -> VLAExample:
        """Return sample number `index`."""
        rng = np.random.default_rng([self.seed, index])
        arm, color = ARMS[rng.integers(2)], tuple(COLORS)[rng.integers(2)]
        picture = np.clip(rng.normal(COLORS[color], 20, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
        images = (picture,) * self.views
        if self.questions:
            return VLAExample(images, "which color is it", answer=color)
        actions = np.zeros((self.horizon, 14), np.float32)
        actions[:, 7 * ARMS.index(arm)] = np.linspace(0, 0.5 if color == "red" else -0.5, self.horizon)
        state = rng.normal(0, 0.1, 14).astype(np.float32)
        return VLAExample(images, f"reach the {color} cube with the {arm} arm from above", state, actions)

    def held_out(self, count: int) -> list[VLAExample]:
        """Return samples that `example` never gives, as far as anybody counts."""
        return [self.example(10**9 + k) for k in range(min(count, 8))]

    def kind_of(self, index: int) -> str:
        """Return "fine": all of them say how."""
        return "fine"


class BrokenSamples(MadeSamples):
    """The same, but one sample's action is no number."""

    def __init__(self, broken: int) -> None:
        super().__init__()
        self.broken = broken

    def example(self, index: int) -> VLAExample:
        """Return sample number `index`."""
        one = super().example(index)
        if index != self.broken or one.actions is None:
            return one
        return replace(one, actions=np.full_like(one.actions, np.nan))
