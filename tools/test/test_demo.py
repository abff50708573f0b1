"""Promises of the demonstration: what it asks is a fair test, and it knows when the arms rest."""

import numpy as np
import pytest
from geometry_msgs.msg import Point, Pose, Quaternion
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from finevla_interfaces.msg import SceneObject, SceneTruth
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.judge import TaskOutcome, obeyed
from finevla_sim.robot_files import default_robot
from finevla_sim.scene_sampling import TEST_SEEDS, sample_scene
from finevla_sim.tasks import FACTORS, is_held_out
from finevla_sim.world import Truth
from finevla_tools.demo_instructions import TELLING, DemoStep, programme
from finevla_tools.ground_truth import truth_from_msg
from finevla_tools.motion_end import GIVEN_UP_S, RATE_HZ, REST_S, rests


@pytest.fixture(scope="module")
def acts() -> list[DemoStep]:
    robot = default_robot()
    ik = ArmIK(robot.embodiment, robot.urdf_path)
    return programme(lambda seed, task: sample_scene(seed, task, ik))


def test_every_factor_is_asked_for_in_scenes_that_nobody_trained_on(acts: list[DemoStep]) -> None:
    assert {name for act in acts for name in act.told} == set(FACTORS)
    assert all(act.seed >= TEST_SEEDS for act in acts)
    assert not any(is_held_out(act.goal) for act in acts)


def test_short_programme_shows_arm_thing_side_and_path_in_the_same_scenes(acts: list[DemoStep]) -> None:
    robot = default_robot()
    ik = ArmIK(robot.embodiment, robot.urdf_path)
    short = programme(lambda seed, task: sample_scene(seed, task, ik), has_all=False)
    assert [act.factor for act in short] == [f for f in ("arm", "target", "approach", "path") for _ in range(2)]
    assert [act for act in acts if act.factor in TELLING] == short


def test_pairs_share_the_scene_and_differ_in_one_factor(acts: list[DemoStep]) -> None:
    changed = []
    for first, second in zip(acts[::2], acts[1::2], strict=True):
        assert first.seed == second.seed
        differences = [f for f in FACTORS.values() if getattr(first.goal, f) != getattr(second.goal, f)]
        assert len(differences) == 1
        changed += differences
        if differences != ["target"]:
            words = zip(first.text.split(), second.text.split(), strict=True)
            assert sum(one != other for one, other in words) == 1
    assert sorted(changed) == sorted(FACTORS.values())


def test_only_what_the_sentence_names_is_judged(acts: list[DemoStep]) -> None:
    for act in acts:
        assert set(act.told) <= set(obeyed(act.goal, TaskOutcome()))
        for factor in act.told:
            assert getattr(act.goal, FACTORS[factor]).replace("_", " ") in act.text


@given(seed=st.integers(0, 2**31))
def test_ground_truth_survives_the_wire(seed: int) -> None:
    rng = np.random.default_rng(seed)
    poses, matrices = [], []
    for _ in range(3):
        rotation, place = Rotation.random(random_state=rng), rng.normal(size=3)
        x, y, z, w = map(float, rotation.as_quat())
        px, py, pz = map(float, place)
        poses.append(Pose(position=Point(x=px, y=py, z=pz), orientation=Quaternion(x=x, y=y, z=z, w=w)))
        matrices.append(np.block([[rotation.as_matrix(), place[:, None]], [np.zeros(3), 1.0]]))
    message = SceneTruth(left_tcp=poses[0], right_tcp=poses[1], contacts=["left:red_cube"])
    message.objects = [SceneObject(name="red_cube", pose=poses[2])]
    truth = truth_from_msg(message)
    np.testing.assert_allclose(
        [truth.tcps["left"], truth.tcps["right"], truth.objects["red_cube"]], matrices, atol=1e-9
    )
    assert truth.contacts == {("left", "red_cube")}


def trace(heights: np.ndarray) -> list[Truth]:
    """The left tcp at these heights, the right one still."""
    left = [np.block([[np.eye(3), np.array([[0.0], [0.0], [z]])], [np.zeros(3), 1.0]]) for z in heights]
    return [Truth(0, {}, {"left": pose, "right": np.eye(4)}, frozenset()) for pose in left]


def test_arms_rest_only_after_they_have_gone_somewhere() -> None:
    window = round(REST_S * RATE_HZ)
    still, down = np.full(round(GIVEN_UP_S * RATE_HZ), 1.0), np.linspace(1.0, 0.9, 20)
    assert not rests([])
    assert not rests(trace(still))
    assert rests(trace(np.full(len(still) + 1, 1.0))), "one that has not started by now will not"
    still = still[: window + 1]
    assert not rests(trace(np.concatenate([still, down])))
    assert not rests(trace(np.concatenate([still, down, np.full(window // 2, 0.9)])))
    assert rests(trace(np.concatenate([still, down, np.full(window + 1, 0.9)])))


def test_an_arm_that_went_down_and_came_up_again_does_not_rest() -> None:
    window = round(REST_S * RATE_HZ)
    down = np.linspace(1.0, 0.9, window // 2)
    heights = np.concatenate([np.linspace(1.2, 1.0, 10), down, down[::-1]])
    traces = [trace(heights[: k + 1]) for k in range(len(heights))]
    assert not any(rests(some) for some in traces)
