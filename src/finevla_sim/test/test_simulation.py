"""Promises of the simulator: the URDF's kinematics, repeatable scenes, pictures that fit the camera model, grasps that hold."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from finevla_core.kinematics import Kinematics
from finevla_core.urdf import expand
from finevla_sim.demonstrator import Demonstrator, Episode
from finevla_sim.ik import ArmIK
from finevla_sim.judge import judge, obeyed
from finevla_sim.model import CAMERA_FOVY_DEG
from finevla_sim.planner import Disturbance
from finevla_sim.robot import Robot, load_robot
from finevla_sim.sampling import BOWL_CLEARANCE_M, CLEARANCE_M, TEST_SEEDS, sample_scene
from finevla_sim.scene import COLORS, Scene
from finevla_sim.tasks import Goal, default_arm, sample_goal
from finevla_sim.world import World


@pytest.fixture(scope="module")
def robot(cobotmagic_file: Path) -> Robot:
    return load_robot(cobotmagic_file)


@pytest.fixture(scope="module")
def ik(robot: Robot) -> ArmIK:
    return ArmIK(robot.embodiment, robot.urdf_path)


@pytest.fixture
def scene(ik: ArmIK) -> Scene:
    return sample_scene(TEST_SEEDS + 1, "reach", ik)


@pytest.fixture
def world(robot: Robot, scene: Scene):
    world = World(scene, robot.embodiment, robot.urdf_path)
    yield world
    world.close()


def test_simulated_kinematics_are_the_urdfs(world: World, robot: Robot) -> None:
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


def test_same_seed_same_scene_and_same_motion(robot: Robot, ik: ArmIK) -> None:
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


def test_objects_appear_where_the_camera_model_puts_them(world: World, scene: Scene, robot: Robot) -> None:
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
    assert world.images().shape == (3, 96, 96, 3)
    assert world.image("overview", (120, 160)).shape == (120, 160, 3)


@pytest.mark.parametrize("seed", range(20))
def test_scenes_are_valid(ik: ArmIK, seed: int) -> None:
    scene = sample_scene(seed, "put", ik)
    names = [o.name for o in scene.objects]
    assert 2 <= len(names) == len(set(names))
    places = [np.array(o.position) for o in scene.objects]
    for i, a in enumerate(places):
        assert all(np.linalg.norm(a - b) > CLEARANCE_M for b in places[:i])
        assert all(np.linalg.norm(a - bowl.position) > BOWL_CLEARANCE_M for bowl in scene.bowls)


def test_left_arm_is_never_taught_the_right_bowl(ik: ArmIK) -> None:
    for seed in range(60):
        goal = sample_goal(sample_scene(seed, "put", ik), np.random.default_rng(seed))
        assert (goal.arm, goal.bowl) != ("left", "right_bowl")


def demonstrate(world: World, ik: ArmIK, goal: Goal, seed: int = 0, **options: int) -> Episode:
    return Demonstrator(world, ik).demonstrate(goal, np.random.default_rng(seed), **options)


@pytest.mark.parametrize("approach", ["top", "left", "right", "front"])
@pytest.mark.parametrize("arm", ["left", "right"])
def test_expert_reaches_with_the_arm_and_from_the_side_it_is_told(
    world: World, ik: ArmIK, scene: Scene, arm: str, approach: str
) -> None:
    goal = Goal("reach", arm, scene.objects[0].name, approach)
    episode = demonstrate(world, ik, goal, frames=0, disturbance=Disturbance(pushes=0))
    assert obeyed(goal, episode.outcome) == dict.fromkeys(obeyed(goal, episode.outcome), True)


@pytest.mark.slow
def test_expert_puts_objects_into_bowls(robot: Robot, ik: ArmIK) -> None:
    done = []
    for seed in range(8):
        scene = sample_scene(seed, "put", ik)
        world = World(scene, robot.embodiment, robot.urdf_path)
        item = next((o for o in scene.objects if o.shape != "ball"), scene.objects[0])
        goal = Goal("put", default_arm(item), item.name, "top", f"{default_arm(item)}_bowl")
        done.append(demonstrate(world, ik, goal, frames=0, disturbance=Disturbance(pushes=0)).success)
        world.close()
    assert sum(done) >= 7


def test_labels_start_where_the_arm_is_and_stay_within_the_experts_limits(
    world: World, ik: ArmIK, scene: Scene
) -> None:
    goal = Goal("reach", "right", scene.objects[0].name)
    episode = demonstrate(world, ik, goal, seed=3, frames=20, disturbance=Disturbance(pushes=2))
    arm = [i for i in range(14) if i not in (6, 13)]
    assert abs(episode.chunks[:, 0] - episode.states)[:, arm].max() < 0.25
    assert abs(np.diff(episode.chunks, axis=1))[..., arm].max() / 0.1 < 2.0
    idle = list(range(6))
    assert abs(np.diff(episode.chunks, axis=1))[..., idle].max() < 1e-6


def test_judge_finds_the_wrong_arm_and_the_wrong_object(world: World, ik: ArmIK, scene: Scene) -> None:
    done = Goal("reach", "left", scene.objects[0].name)
    episode = demonstrate(world, ik, done, frames=0, disturbance=Disturbance(pushes=0))
    told = replace(done, arm="right", target=scene.objects[1].name)
    right = obeyed(told, episode.outcome)
    assert not right["active_actor"]
    assert not right["target_object"]
    assert not right["success"]


def test_judge_says_that_nothing_moved(world: World, scene: Scene) -> None:
    outcome = judge(scene, [world.truth()] * 5)
    assert outcome.arm == ""
    assert outcome.sentence() == "no arm moved"
