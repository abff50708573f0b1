"""Promises of the expert's planner: it moves one arm, and keeps the distances that the safety gate demands."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from guarded_arms import tell_held

from finevla_core.chunk import ActionChunk
from finevla_core.safety.bridge import Bridge
from finevla_core.safety.bridge_options import BridgeOptions
from finevla_core.safety.envelope import Envelope, load_envelope
from finevla_core.safety.gate import GateOptions
from finevla_core.urdf import expand
from finevla_sim.episode import CONTROL_S
from finevla_sim.gripper_path_planner import DROP_M, PathPlanner, ScriptedMotion, Unreachable
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.robot_files import RobotFiles, load_robot
from finevla_sim.scene import TABLE_HEIGHT_M, Scene
from finevla_sim.scene_sampling import natural_pose, sample_scene
from finevla_sim.tasks import EITHER_BOWL, TASKS, Goal, sample_goal

MS = 1_000_000


@pytest.fixture(scope="module")
def robot(cobotmagic_file: Path) -> RobotFiles:
    return load_robot(cobotmagic_file)


@pytest.fixture(scope="module")
def envelope(robot: RobotFiles) -> Envelope:
    """What the gate demands, with nothing to spare."""
    return load_envelope(robot.embodiment, expand(robot.urdf_path), robot.safety_path)


@pytest.fixture(scope="module")
def planner(robot: RobotFiles) -> PathPlanner:
    return PathPlanner(ArmIK(robot.embodiment, robot.urdf_path))


def planned(planner: PathPlanner, scene: Scene, goal: Goal) -> ScriptedMotion:
    item = scene.object(goal.target) if goal.target else scene.objects[0]
    return planner.plan(goal.arm, np.array(scene.arm_start), planner.ways(scene, goal, item, item.centre))


def refusals(plan: ScriptedMotion, bridge: Bridge, robot: RobotFiles) -> list[str]:
    """Codes of what the bridge refuses of a plan's chunks, each 60 ms after its observation; a perfect robot follows it."""
    embodiment, now = robot.embodiment, 10_000 * MS
    tell_held(bridge, embodiment, plan.targets[0])
    bridge.on_joint_state(now, embodiment.joints, embodiment.to_positions(plan.targets[0]).tolist(), now)
    bridge.references.forget()  # they say no more: the arms are elsewhere soon
    bridge.on_instruction("x", now)
    for step in range(plan.steps):
        stamp = now + round(step * CONTROL_S * 1000) * MS
        assert bridge.plan is not None
        measured = embodiment.to_positions(bridge.plan.at(stamp)[0]).tolist()
        bridge.on_joint_state(stamp, embodiment.joints, measured, stamp)
        rows = plan.chunk(step)
        chunk = ActionChunk(stamp, "x", embodiment.name, embodiment.names, CONTROL_S, rows, "", "me", 1, "blend", step)
        bridge.on_chunk(chunk, stamp + 60 * MS)
        bridge.tick(stamp + 60 * MS)
    return list(bridge.counts.rejected.elements())


# Of 300 episodes those in which the expert once drove its arms into each other: scenes, and what was asked.
COLLIDED = [
    (20061, Goal("place_shape", "right", "yellow_brick", "top", place="left_bowl")),
    (20241, Goal("place_color", "right", "yellow_cylinder", "front", place="left_bowl")),
    (20259, Goal("place_color", "right", "blue_cylinder", "top", place="left_bowl")),
    (20296, Goal("place_size", "right", "big_orange_cylinder", "top", place="left_bowl")),
]


@pytest.mark.parametrize(("seed", "goal"), COLLIDED)
def test_what_used_to_collide_passes_the_gate_from_start_to_end(
    planner: PathPlanner, envelope: Envelope, robot: RobotFiles, seed: int, goal: Goal
) -> None:
    plan = planned(planner, sample_scene(seed, goal.task, planner.ik), goal)
    assert refusals(plan, Bridge(robot.embodiment, envelope, GateOptions(), BridgeOptions()), robot) == []


def test_goal_is_refused_where_the_other_hand_is_in_the_way(planner: PathPlanner) -> None:
    seed, goal = COLLIDED[0]
    scene = sample_scene(seed, goal.task, planner.ik)
    values = np.array(scene.arm_start)
    over = np.array([*scene.bowl("left_bowl").position, TABLE_HEIGHT_M + DROP_M + 0.02])
    start = planner.ik.solve(values, "left", natural_pose(over, "left"), 40)
    with pytest.raises(Unreachable, match="left_gripper.* and right_"):
        planned(planner, replace(scene, arm_start=tuple(start.tolist())), goal)


def test_each_hand_mostly_starts_with_room_for_the_other_over_its_bowl(
    planner: PathPlanner, envelope: Envelope
) -> None:
    free = []
    for seed in range(30):
        scene = sample_scene(seed, EITHER_BOWL[seed % len(EITHER_BOWL)], planner.ik)
        for arm, bowl in (("right", "left_bowl"), ("left", "right_bowl")):
            over = np.array([*scene.bowl(bowl).position, TABLE_HEIGHT_M + DROP_M])
            values = planner.ik.solve(np.array(scene.arm_start), arm, natural_pose(over, arm), 60)
            free.append(not envelope.clearance.at(values).code)
    assert np.mean(free) > 0.9  # of hands that start anywhere, 0.6


@pytest.mark.parametrize("task", TASKS)
def test_every_plan_keeps_the_gates_distances_and_the_other_arm_still(
    planner: PathPlanner, envelope: Envelope, robot: RobotFiles, task: str
) -> None:
    rng, plans = np.random.default_rng(0), 0
    for seed in range(5):
        scene = sample_scene(seed, task, planner.ik)
        for _ in range(5):
            goal = sample_goal(scene, rng)
            try:
                plan = planned(planner, scene, goal)
            except Unreachable:
                continue
            still = [i for i, name in enumerate(robot.embodiment.names) if not name.startswith(goal.arm)]
            assert (plan.targets[:, still] == plan.targets[0, still]).all()
            moments = plan.at(np.arange(0.05, plan.steps * CONTROL_S, 0.15))
            assert not any(envelope.clearance.at(values).code for values in moments)
            plans += 1
            break
    assert plans >= 4, "hardly any goal is possible"


def test_a_push_ends_neither_in_the_table_nor_in_the_other_arm(planner: PathPlanner, envelope: Envelope) -> None:
    rng = np.random.default_rng(0)
    values = np.array(sample_scene(0, "reach", planner.ik).arm_start)
    near = values
    for y in np.arange(-0.25, 0.3, 0.01):  # the right hand goes to the left one as far as it may
        pose = natural_pose(np.array([0.42, y, 0.95]), "right")
        moved = planner.ik.solve(near, "right", pose, 40)
        if planner.clearance.at(moved).code:
            break
        near = moved
    pushed = [planner.pushed(near, "right", rng, 0.12) for _ in range(40)]
    assert not any(envelope.clearance.at(values).code for values in pushed)
    assert any((values != near).any() for values in pushed)
    assert any((values == near).all() for values in pushed), "no push was too far"
