"""Promises of the simulator: the URDF's kinematics, repeatable scenes, pictures that fit the camera model, grasps that hold."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from finevla_core.kinematics import Kinematics
from finevla_core.urdf import expand
from finevla_sim.demonstrator import Demonstration, Demonstrator
from finevla_sim.gripper_path_planner import UNDISTURBED, Disturbance, Unreachable
from finevla_sim.inverse_kinematics import ArmIK, grasp_pose
from finevla_sim.judge import TaskOutcome, judge, obeyed, score, success
from finevla_sim.mujoco_model import CAMERA_FOVY_DEG
from finevla_sim.robot_files import RobotFiles, load_robot
from finevla_sim.scene import COLORS, POST, Scene
from finevla_sim.scene_sampling import (
    ARM_BASE,
    BOWL_CLEARANCE_M,
    CLEARANCE_M,
    GRASP_TILT_RAD,
    HELD_OUT_KINDS,
    REACH_X,
    REACH_Y,
    TEST_SEEDS,
    sample_scene,
)
from finevla_sim.tasks import TASKS, Goal, candidates, is_held_out, sample_goal
from finevla_sim.world import World


@pytest.fixture(scope="module")
def robot(cobotmagic_file: Path) -> RobotFiles:
    return load_robot(cobotmagic_file)


@pytest.fixture(scope="module")
def ik(robot: RobotFiles) -> ArmIK:
    return ArmIK(robot.embodiment, robot.urdf_path)


@pytest.fixture
def scene(ik: ArmIK) -> Scene:
    return sample_scene(TEST_SEEDS + 1, "reach", ik)


@pytest.fixture
def world(robot: RobotFiles, scene: Scene):
    world = World(scene, robot.embodiment, robot.urdf_path)
    yield world
    world.close()


def test_simulated_kinematics_are_the_urdfs(world: World, robot: RobotFiles) -> None:
    kinematics = Kinematics(expand(robot.urdf_path), robot.embodiment.joints)
    rng = np.random.default_rng(0)
    for _ in range(5):
        world.push(np.tile([0.2, 1.2, -1.4, 0.1, 0.7, 0.3, 0.5], 2) + rng.normal(0, 0.1, 14))
        truth = world.truth()
        for side in ("left", "right"):
            assert np.allclose(truth.tcps[side], kinematics.frame_pose(world.positions(), f"{side}_tcp"), atol=1e-5)


def test_arms_hold_still_and_follow_their_targets(world: World) -> None:
    start = world.values()
    world.step(250)
    assert abs(world.values() - start).max() < 2e-3
    target = start.copy()
    target[[0, 7]] += 0.2
    world.set_targets(target)
    world.step(500)
    assert abs(world.values() - target).max() < 5e-3


def test_same_seed_same_scene_and_same_motion(robot: RobotFiles, ik: ArmIK) -> None:
    def play() -> tuple[Scene, np.ndarray, bytes]:
        scene = sample_scene(77, "pick", ik)
        world = World(scene, robot.embodiment, robot.urdf_path)
        world.set_targets(np.array(scene.arm_start) + 0.1)
        world.step(100)
        found = scene, world.data.qpos.copy(), world.images().tobytes()
        world.close()
        return found

    (scene_a, q_a, images_a), (scene_b, q_b, images_b) = play(), play()
    assert scene_a == scene_b
    assert (q_a == q_b).all()
    assert images_a == images_b


def test_objects_rest_on_the_table(world: World, scene: Scene) -> None:
    before = world.truth().objects
    world.step(500)
    for item in scene.objects:
        assert np.linalg.norm(world.truth().objects[item.name][:3, 3] - before[item.name][:3, 3]) < 0.003


def test_objects_appear_where_the_camera_model_puts_them(world: World, scene: Scene, robot: RobotFiles) -> None:
    height = width = 224
    image = world.image("front", (height, width)).astype(int)
    focal = height / 2 / np.tan(np.radians(CAMERA_FOVY_DEG) / 2)
    frame = np.eye(4)
    body = world.data.body("camera_front_optical_frame")
    frame[:3, :3], frame[:3, 3] = body.xmat.reshape(3, 3), body.xpos
    seen = 0
    for item in scene.objects:
        p = np.linalg.inv(frame) @ world.truth().objects[item.name][:, 3]
        u, v = focal * p[0] / p[2] + (width - 1) / 2, focal * p[1] / p[2] + (height - 1) / 2
        pixel = image[round(v), round(u)] / 255
        wanted = np.array(COLORS[item.color])
        seen += np.dot(pixel, wanted) / np.linalg.norm(pixel) / np.linalg.norm(wanted) > 0.95
    assert seen >= len(scene.objects) - 1  # an arm may hide one


def test_pictures_have_the_size_asked_for(world: World) -> None:
    assert world.images().shape == (3, 192, 192, 3)  # the robot file's
    assert world.image("overview", (120, 160)).shape == (120, 160, 3)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("level", ["easy", "hard"])
def test_scenes_are_valid(ik: ArmIK, task: str, level: str) -> None:
    for seed in [*range(8), *range(TEST_SEEDS, TEST_SEEDS + 8)]:
        scene = sample_scene(seed, task, ik, level)
        names = [o.name for o in scene.objects]
        assert 2 <= len(names) == len(set(names))
        assert candidates(scene)
        places = [np.array(o.position) for o in scene.objects]
        for i, a in enumerate(places):
            assert all(np.linalg.norm(a - b) > CLEARANCE_M for b in places[:i])
            if task != "detour":  # its places are laid out round the post
                assert all(np.linalg.norm(a - bowl.position) > BOWL_CLEARANCE_M - 0.01 for bowl in scene.bowls)
        assert (scene.post is not None) == (task == "detour")


def test_left_arm_is_never_taught_the_right_bowl_nor_some_kinds_of_things(ik: ArmIK) -> None:
    for seed in range(20):
        for task in TASKS:
            scene = sample_scene(seed, task, ik)
            assert not any((o.color, o.shape) in HELD_OUT_KINDS for o in scene.objects)
            assert not is_held_out(sample_goal(scene, np.random.default_rng(seed)))
    test = [o for seed in range(40) for o in sample_scene(TEST_SEEDS + seed, "reach", ik).objects]
    assert any((o.color, o.shape) in HELD_OUT_KINDS for o in test)


@pytest.mark.parametrize("side", ["left", "right"])
def test_both_arms_reach_the_whole_area(ik: ArmIK, scene: Scene, side: str) -> None:
    for x in np.linspace(*REACH_X, 4):
        for y in np.linspace(*REACH_Y, 5):
            pose = grasp_pose(np.array([x, y, 0.77]), ARM_BASE[side], GRASP_TILT_RAD)
            found = ik.tcp(ik.solve(np.array(scene.arm_start), side, pose, 60), side)
            assert np.linalg.norm(found[:3, 3] - pose[:3, 3]) < 1e-3


def demonstrate(
    world: World, ik: ArmIK, goal: Goal, seed: int = 0, disturbance: Disturbance = UNDISTURBED
) -> Demonstration:
    return Demonstrator(world, ik).demonstrate(goal, np.random.default_rng(seed), disturbance, draw=False)


@pytest.mark.parametrize("approach", ["top", "left", "right", "front"])
@pytest.mark.parametrize("arm", ["left", "right"])
def test_expert_reaches_with_the_arm_and_from_the_side_it_is_told(
    world: World, ik: ArmIK, scene: Scene, arm: str, approach: str
) -> None:
    goal = Goal("reach", arm, scene.objects[0].name, approach)
    done = demonstrate(world, ik, goal)
    assert all(obeyed(goal, done.outcome).values())
    assert done.success


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_expert_does_every_task_as_told(robot: RobotFiles, ik: ArmIK, task: str) -> None:
    right = []
    for seed in range(8):
        scene = sample_scene(seed, task, ik)
        world = World(scene, robot.embodiment, robot.urdf_path)
        rng = np.random.default_rng(seed)
        for _ in range(10):
            goal = sample_goal(scene, rng)
            try:
                done = demonstrate(world, ik, goal, seed)
            except Unreachable:
                world.reset(scene)
                continue
            right.append(done.success and all(obeyed(goal, done.outcome).values()))
            break
        world.close()
    assert sum(right) >= 7


@pytest.mark.slow
def test_expert_tries_again_when_the_object_slips_away(robot: RobotFiles, ik: ArmIK) -> None:
    retried = []
    for seed in range(4):
        scene = sample_scene(seed, "pick", ik)
        world = World(scene, robot.embodiment, robot.urdf_path)
        goal = Goal("pick", "left", scene.objects[0].name)
        done = demonstrate(world, ik, goal, seed, Disturbance(0, 0.0, nudge=1.0))
        retried.append(done.success and any("tries again" in event for _, event in done.events))
        assert not done.is_right.all(), "what it did before it noticed is not to be imitated"
        world.close()
    assert sum(retried) >= 3


def test_labels_start_where_the_arm_is_and_stay_within_the_experts_limits(
    world: World, ik: ArmIK, scene: Scene
) -> None:
    goal = Goal("reach", "right", scene.objects[0].name)
    done = demonstrate(world, ik, goal, seed=3, disturbance=Disturbance())
    arm = [i for i in range(14) if i not in (6, 13)]
    assert abs(done.chunks[:, 0] - done.states)[:, arm].max() < 0.25
    assert abs(np.diff(done.chunks, axis=1))[..., arm].max() / 0.1 < 2.0
    idle = list(range(6))
    assert abs(np.diff(done.chunks, axis=1))[..., idle].max() < 1e-6


def test_judge_finds_the_wrong_arm_and_the_wrong_object(world: World, ik: ArmIK, scene: Scene) -> None:
    goal = Goal("reach", "left", scene.objects[0].name)
    done = demonstrate(world, ik, goal)
    told = replace(goal, arm="right", target=scene.objects[1].name)
    right = obeyed(told, done.outcome)
    assert not right["active_actor"]
    assert not right["target_object"]
    assert score(told, done.outcome, scene) == 0.0
    assert not success(told, done.outcome, scene)


def test_judge_gives_partial_credit() -> None:
    goal = Goal("place_color", "left", "red_cube", place="left_bowl")
    came = TaskOutcome(arm="left", object="red_cube", approach="top")
    had = replace(came, lifted="red_cube", places=(("red_cube", "table"),))
    done = replace(came, lifted="red_cube", places=(("red_cube", "left_bowl"),))
    scene = Scene(0, "place_color", (), (), ())
    assert [score(goal, o, scene) for o in (TaskOutcome(), came, had, done)] == [0.0, 30.0, 60.0, 100.0]


def test_a_post_that_was_knocked_over_spoils_the_detour(robot: RobotFiles, ik: ArmIK) -> None:
    scene = sample_scene(1, "detour", ik)
    world = World(scene, robot.embodiment, robot.urdf_path)
    goal = sample_goal(scene, np.random.default_rng(1))
    done = demonstrate(world, ik, goal)
    assert obeyed(goal, done.outcome)["path_shape"]
    fallen = world.truth().objects[POST].copy()
    fallen[:3, :3] = [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]
    world.put(POST, fallen)
    outcome = judge(scene, [*done.trace, world.truth()])
    assert outcome.post_fell
    assert not obeyed(goal, outcome)["path_shape"]
    world.close()


def test_judge_says_that_nothing_moved(world: World, scene: Scene) -> None:
    outcome = judge(scene, [world.truth()] * 5)
    assert outcome.arm == ""
    assert outcome.sentence() == "no arm moved"


def test_outcome_says_where_a_thing_was_left() -> None:
    for place, words in (
        ("left_bowl", "in the left bowl"),
        ("table", "on the table"),
        ("", "where it lay on nothing yet"),
    ):
        outcome = TaskOutcome(arm="left", object="red_cube", lifted="red_cube", places=(("red_cube", place),))
        assert outcome.sentence().endswith(f"and left it {words}")
