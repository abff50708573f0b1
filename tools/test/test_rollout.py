"""Promise of a rollout: the policy hears which of its chunks the bridge accepted before it makes the next one."""

from typing import Any

import numpy as np

from finevla_core.chunk import ActionChunk
from finevla_core.embodiment import Embodiment
from finevla_core.instruction import Instruction
from finevla_core.observation import Observation
from finevla_sim.ik import ArmIK
from finevla_sim.robot import default_robot
from finevla_sim.sampling import sample_scene
from finevla_sim.world import World
from finevla_tools.rollout import roll_out


class Listener:
    """Stays where it is and notes what it hears; its third chunk is no plan at all."""

    def __init__(self, robot: Embodiment) -> None:
        self.robot, self.heard, self.made = robot, [], 0

    def encode(self, instruction: Instruction) -> Instruction:
        return instruction

    def accepted(self, sequence: int, executed_steps: int, speed_scale: float = 1.0) -> None:
        self.heard.append((sequence, executed_steps))

    def predict(self, observation: Observation, encoded: Any) -> ActionChunk:
        self.made += 1
        actions = np.tile(observation.state.astype(np.float64), (16, 1))
        if self.made == 3:
            actions[:] = np.nan
        return ActionChunk(
            observation.stamp_ns, encoded.id, self.robot.name, self.robot.names, 0.1, actions, sequence=self.made
        )


def test_policy_hears_what_was_accepted_and_never_what_was_refused() -> None:
    robot = default_robot()
    scene = sample_scene(1, "reach", ArmIK(robot.embodiment, robot.urdf_path))
    listener = Listener(robot.embodiment)
    world = World(scene, robot.embodiment, robot.urdf_path)
    rollout = roll_out(world, robot, listener, Instruction("stay", id="1"), 0.58)
    assert rollout.accepted == listener.made - 1
    assert listener.heard == [(0, 0), (1, 0), (2, 0), (2, 0), (4, 0), (5, 0)], "each comes before a row of it is past"
