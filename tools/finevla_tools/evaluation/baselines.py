"""Baselines beside the bundle under evaluation: a scripted oracle, the bundle with another sentence, random motion."""

from dataclasses import dataclass

import numpy as np

from finevla_core.chunk import ActionChunk
from finevla_core.embodiment import Embodiment
from finevla_core.instruction import Instruction
from finevla_core.observation import Observation

BASELINES = {
    "oracle": "the scripted expert of the demonstrations, which sees ground truth and the goal",
    "blind": "the same policy, but it hears a sentence about a goal drawn at random in the same scene",
    "random": "joint targets that wander at random",
}


@dataclass(frozen=True)
class WandererGoal:
    """Encoded instruction of `Wanderer`: the instruction itself."""

    instruction: Instruction


class Wanderer:
    """Baseline that moves at random: each chunk is a random walk from the measured state."""

    horizon, dt_s, step_rad = 16, 0.1, 0.04

    def __init__(self, embodiment: Embodiment, seed: int) -> None:
        self.embodiment, self.rng, self.sequence = embodiment, np.random.default_rng(seed), 0

    def encode(self, instruction: Instruction) -> WandererGoal:
        """Keep the instruction, whose id goes into the chunks; its words are ignored."""
        return WandererGoal(instruction)

    def predict(self, observation: Observation, heard: WandererGoal) -> ActionChunk:
        """Return a chunk of Gaussian steps (standard deviation `step_rad`) from the observed state."""
        self.sequence += 1
        steps = self.rng.normal(0.0, self.step_rad, (self.horizon, len(observation.state)))
        return ActionChunk(
            stamp_ns=observation.stamp_ns,
            instruction_id=heard.instruction.id,
            embodiment=self.embodiment.name,
            names=self.embodiment.names,
            dt_s=self.dt_s,
            actions=observation.state.astype(np.float64) + np.cumsum(steps, axis=0),
            policy="random",
            sequence=self.sequence,
            inference_s=0.0,
        )

    def accepted(self, sequence: int, executed_steps: int, speed_scale: float = 1.0) -> None:
        """Ignore what was executed: each chunk begins at the measured state."""
