"""Promises of a rollout: the policy hears which of its chunks the bridge accepted before it makes the next one; what latched
a stop is told, and after a reset the next instruction goes on from there.
"""

from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from finevla_core.chunk import ActionChunk
from finevla_core.embodiment import Embodiment
from finevla_core.images import ImageFormat, fit_image
from finevla_core.instruction import Instruction
from finevla_core.observation import Observation
from finevla_core.safety.events import State
from finevla_core.understanding import TargetAbsent
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.robot_files import default_robot
from finevla_sim.scene_sampling import sample_scene
from finevla_sim.world import World
from finevla_tools.rollout import ClosedLoop, roll_out


class Listener:
    """Stays where it is and notes what it hears; its third chunk is no plan at all."""

    def __init__(self, robot: Embodiment) -> None:
        self.robot, self.heard, self.made = robot, [], 0

    def encode(self, instruction: Instruction) -> Instruction:
        return instruction

    def accepted(self, sequence: int, executed_steps: int, speed_scale: float = 1.0) -> None:
        self.heard.append((sequence, executed_steps))

    def predict(self, observation: Observation, encoded: Instruction) -> ActionChunk:
        self.made, self.seen = self.made + 1, observation.images
        if encoded.raw == "reach what is not there":
            raise TargetAbsent("I see no unicorn")
        actions = np.tile(observation.state.astype(np.float64), (16, 1))
        if self.made == 3:
            actions[:] = np.nan
        if encoded.raw == "bend over backwards":
            actions[:, 0] = 9.0
        return ActionChunk(
            observation.stamp_ns, encoded.id, self.robot.name, self.robot.names, 0.1, actions, sequence=self.made
        )


def loop() -> ClosedLoop:
    robot = default_robot()
    scene = sample_scene(1, "reach", ArmIK(robot.embodiment, robot.urdf_path))
    return ClosedLoop(World(scene, robot.embodiment, robot.urdf_path), robot, Listener(robot.embodiment))


def apart(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def test_what_latched_a_stop_is_told_and_after_a_reset_the_next_words_are_followed() -> None:
    arms = loop()
    refused = arms.follow(Instruction("bend over backwards", id="1"), 2.0)
    assert refused.latched == "chunk.rejections"
    assert sum(refused.rejected.values()) >= 10
    assert arms.bridge.state is State.STOPPED
    assert arms.reset()
    followed = arms.follow(Instruction("stay", id="2"), 0.58)
    assert followed.latched == ""
    assert followed.rejected == {}
    assert followed.accepted >= 5


def test_a_policy_sees_the_parts_of_pictures_that_it_asks_for() -> None:
    robot = default_robot()
    scene = sample_scene(1, "reach", ArmIK(robot.embodiment, robot.urdf_path))
    listener, wanted = Listener(robot.embodiment), ImageFormat(48, 64, regions={"front": (0.2, 0.5, 0.8, 1.0)})
    listener.description = SimpleNamespace(images=wanted)
    arms = ClosedLoop(World(scene, robot.embodiment, robot.urdf_path), robot, listener)
    drawn = arms.world.images()
    arms.follow(Instruction("stay", id="1"), 0.12)
    assert listener.seen.shape == (3, 48, 64, 3)
    for seen, picture, camera in zip(listener.seen, drawn, robot.embodiment.camera_names, strict=True):
        assert apart(seen, fit_image(picture, wanted, camera)) < 2.0, "but for how the arms sag"
    assert apart(listener.seen[0], fit_image(drawn[0], wanted)) > 10.0


def test_a_target_that_is_not_there_is_told_and_moves_nothing() -> None:
    arms = loop()
    rollout = arms.follow(Instruction("reach what is not there", id="1"), 0.58)
    assert rollout.held == "I see no unicorn"
    assert (rollout.accepted, rollout.rejected, rollout.latched) == (0, {}, "")


def test_policy_hears_what_was_accepted_and_never_what_was_refused() -> None:
    robot = default_robot()
    scene = sample_scene(1, "reach", ArmIK(robot.embodiment, robot.urdf_path))
    listener = Listener(robot.embodiment)
    world = World(scene, robot.embodiment, robot.urdf_path)
    rollout = roll_out(world, robot, listener, Instruction("stay", id="1"), 0.58)
    assert rollout.accepted == listener.made - 1
    assert listener.heard == [(0, 0), (1, 0), (2, 0), (2, 0), (4, 0), (5, 0)], "each comes before a row of it is past"
