"""Promises of planned motion: it ends where it should, keeps to limits and distances all the way, or says why not."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import yaml
from guarded_arms import tell_held
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import BSpline

from finevla_core.embodiment import HOME, Embodiment, load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.kinematics import Kinematics
from finevla_core.planning.goals import goal_values, pose_matrix
from finevla_core.planning.inverse_kinematics import InverseKinematics
from finevla_core.planning.motion_planner import Motion, MotionPlanner
from finevla_core.planning.planning_scene import PlanningScene
from finevla_core.planning.rrt import RRTConnect, moving_joints
from finevla_core.planning.time_parameterization import curves
from finevla_core.safety.bridge import Bridge
from finevla_core.safety.bridge_options import BridgeOptions
from finevla_core.safety.envelope import load_envelope
from finevla_core.safety.events import State
from finevla_core.safety.gate import GateOptions
from finevla_core.safety.plan import Plan
from finevla_core.time_units import S_PER_NS
from finevla_core.urdf import expand

SECOND = 1_000_000_000
SPARE_M = 0.015
END = 5e-3  # the gate's spline ends within this of the last row


@dataclasses.dataclass(frozen=True, repr=False)
class Setup:
    embodiment: Embodiment
    urdf: str
    mover: MotionPlanner

    def __repr__(self) -> str:
        return self.embodiment.name  # hypothesis prints it

    @property
    def room(self) -> PlanningScene:
        return self.mover.room

    @property
    def home(self) -> np.ndarray:
        return self.embodiment.moved(np.zeros(len(self.embodiment.names)), HOME)

    def anywhere(self, rng: np.random.Generator) -> np.ndarray:
        """Values that the arms may rest at."""
        while self.room.why_not(values := rng.uniform(self.room.lower, self.room.upper)):
            pass
        return values

    def driven(self, start: np.ndarray, motion: Motion) -> list[Plan]:
        """What a bridge makes of the motion, part by part, with arms that follow exactly."""
        bridge = Bridge(self.embodiment, self.room.envelope, GateOptions(), BridgeOptions())
        now_ns, plans = 100 * SECOND, []
        tell_held(bridge, self.embodiment, start)
        self._feel(bridge, start, now_ns)
        bridge.references.forget()  # they say no more: the arms are elsewhere soon
        for number, part in enumerate(motion.parts, 1):
            bridge.take_authority("/motion", now_ns)
            bridge.on_chunk(part.chunk(self.embodiment, now_ns, "test", "/motion", bridge.epoch, number), now_ns)
            assert bridge.state is State.FOLLOWING, bridge.take()[1]
            plans.append(bridge.plan)
            now_ns = bridge.plan.end_ns
            self._feel(bridge, bridge.plan.positions[-1], now_ns)
            bridge.state = State.HOLDING  # its end, without all the joint states in between
        return plans

    def _feel(self, bridge: Bridge, values: np.ndarray, now_ns: int) -> None:
        bridge.arms.position = None  # or it would take this for a jump
        bridge.on_joint_state(now_ns, self.embodiment.joints, list(self.embodiment.to_positions(values)), now_ns)


def made(file: Path) -> Setup:
    embodiment = load_embodiment(file)
    urdf = expand(file.parents[2] / embodiment.urdf)
    safety = file.parents[1] / "safety" / file.name
    wide, exact = (
        PlanningScene(embodiment, load_envelope(embodiment, urdf, safety if safety.is_file() else None, spare))
        for spare in (SPARE_M, 0.0)
    )
    return Setup(embodiment, urdf, MotionPlanner(embodiment, exact, RRTConnect(embodiment, (wide, exact))))


@pytest.fixture(scope="module", params=["cobotmagic", "single"])
def setup(request: pytest.FixtureRequest, cobotmagic_file: Path, single_file: Path) -> Setup:
    return made(cobotmagic_file if request.param == "cobotmagic" else single_file)


@pytest.fixture(scope="module")
def both(cobotmagic_file: Path) -> Setup:
    return made(cobotmagic_file)


def pose_of(setup: Setup, left: tuple[float, ...], right: tuple[float, ...]) -> np.ndarray:
    values = setup.home
    values[:6], values[7:13] = left, right
    return values


CROSSED = (-0.7, 1.6, -1.6, 0.0, 0.5, 0.0), (0.7, 1.6, -2.2, 0.0, 0.9, 0.0)  # left over right; then the other way round
UNCROSSED = (-0.7, 1.6, -2.2, 0.0, 0.9, 0.0), (0.7, 1.6, -1.6, 0.0, 0.5, 0.0)


def check(setup: Setup, start: np.ndarray, goal: np.ndarray, motion: Motion) -> None:
    """By another measure than the planner's: every few milliseconds, where the bridge would have the arms."""
    plans = setup.driven(start, motion)
    assert abs(plans[-1].positions[-1] - goal).max() < END
    limits = setup.room.envelope.limits
    for plan in plans:
        found = plan.extremes()
        assert (found.lowest > limits.lower - limits.slack).all()
        assert (found.highest < limits.upper + limits.slack).all()
        for time_ns in np.linspace(int(plan.times_ns[0]), plan.end_ns, 100).astype(np.int64):
            assert setup.room.too_near(plan.at(int(time_ns))[0]) == ""
    assert sum((plan.end_ns - plan.times_ns[0]) * S_PER_NS for plan in plans) == pytest.approx(
        motion.duration_s, rel=0.05
    )


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_any_motion_that_is_found_keeps_to_limits_and_distances_and_ends_at_its_goal(setup: Setup, seed: int) -> None:
    rng = np.random.default_rng(seed)
    start, goal = setup.anywhere(rng), setup.anywhere(rng)
    try:
        motion = setup.mover.motion(start, goal, float(rng.uniform(0.1, 1.0)))
    except FineVLAError as error:
        assert "way" in str(error)  # not found, which is no promise broken
        return
    assert motion is not None
    check(setup, start, goal, motion)


def test_two_arms_that_lie_over_each_other_go_around_each_other(both: Setup) -> None:
    start, goal = pose_of(both, *CROSSED), pose_of(both, *UNCROSSED)
    assert not both.room.is_free(start, goal)
    motion = both.mover.motion(start, goal, 0.5)
    assert motion is not None
    assert not motion.is_straight
    check(both, start, goal, motion)
    again = both.mover.motion(start, goal, 0.5)
    assert again is not None
    assert np.array_equal(again.parts[0].actions, motion.parts[0].actions)  # the same request, the same motion


def test_what_is_free_is_gone_straight_and_an_arm_with_nowhere_to_go_stays(both: Setup) -> None:
    goal = both.home
    goal[0], goal[6] = 0.4, 0.2
    motion = both.mover.motion(both.home, goal, 0.3)
    assert motion is not None
    assert motion.is_straight
    assert motion.speed_scale == 1.0
    (part,) = motion.parts
    assert np.allclose(part.actions[:, 7:], both.home[7:], atol=1e-12)
    assert list(moving_joints(both.embodiment, both.home, goal)) == list(range(6))
    assert both.mover.motion(goal, goal, 0.3) is None


def test_slow_motion_is_one_chunk_as_well_and_a_slower_one_is_refused(both: Setup) -> None:
    goal = both.home
    goal[0] = 1.5
    motion = both.mover.motion(both.home, goal, 0.03)
    assert motion is not None
    assert len(motion.parts) == 1
    assert motion.duration_s > 20
    assert len(motion.parts[0].actions) <= 100
    check(both, both.home, goal, motion)
    with pytest.raises(FineVLAError, match="ask for more speed"):
        both.mover.motion(both.home, goal, 0.002)


REFUSED = {
    "left_joint1 would be 9.000": {"left_joint1": 9.0},
    "left_gripper would be 1.500": {"left_gripper": 1.5},
    "not finite": {"left_joint1": float("nan")},
    "(table|bottom) would be": {"left_joint2": 2.3, "left_joint3": -0.9, "left_joint5": 0.3},
    "left_": {"left_joint1": -0.9, "right_joint1": 0.9},
}


@pytest.mark.parametrize("text", sorted(REFUSED))
def test_goal_that_is_not_allowed_is_refused_by_what_is_wrong_with_it(both: Setup, text: str) -> None:
    changes = REFUSED[text]
    goal = goal_values(both.embodiment, both.home, "", list(changes), list(changes.values()))
    with pytest.raises(FineVLAError, match=f"the goal is not allowed: .*{text}"):
        both.mover.motion(both.home, goal, 0.3)


def test_start_that_is_too_near_to_something_and_odd_speeds_are_refused(both: Setup) -> None:
    touching = both.home
    touching[0], touching[7] = -0.9, 0.9
    with pytest.raises(FineVLAError, match="rest too near to something to move on from here: left_.* and right_"):
        both.mover.motion(touching, both.home, 0.3)
    for speed in (0.0, -1.0, 1.1, float("nan")):
        with pytest.raises(FineVLAError, match="share of the limits"):
            both.mover.motion(both.home, np.zeros(14), speed)


def test_planning_that_is_not_wanted_any_more_ends(both: Setup) -> None:
    start, goal = pose_of(both, *CROSSED), pose_of(both, *UNCROSSED)
    with pytest.raises(FineVLAError, match="called off"):
        both.mover.motion(start, goal, 0.5, lambda: False)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), corners=st.integers(2, 6), share=st.floats(0.05, 0.9))
def test_timed_curves_start_and_end_at_rest_within_their_share_of_the_limits(
    setup: Setup, seed: int, corners: int, share: float
) -> None:
    limits = setup.room.envelope.limits
    rng = np.random.default_rng(seed)
    way = rng.uniform(limits.lower, limits.upper, (corners, len(limits.lower)))
    for curve in curves(way, limits):
        timed = curve.timed(limits, share, 400, 0.02)
        assert np.array_equal(timed.rows[-1], way[-1])
        assert (timed.rows >= way.min(0) - 1e-9).all()
        assert (timed.rows <= way.max(0) + 1e-9).all()
        rows = np.concatenate([way[:1], timed.rows])
        dt = timed.dt_s
        assert (abs(np.diff(rows, axis=0)) / dt <= 1.03 * share * limits.velocity).all()
        assert (abs(np.diff(rows, n=2, axis=0)) / dt**2 <= 1.05 * share * limits.acceleration).all()
        ends = np.stack([rows[1] - rows[0], rows[-1] - rows[-2]])
        assert (abs(ends) / dt <= 0.1 * share * limits.velocity).all()
    assert isinstance(curve.pieces[0], BSpline)


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_pose_that_an_arm_can_have_is_found_and_the_rest_stays(setup: Setup, seed: int) -> None:
    rng = np.random.default_rng(seed)
    reach = InverseKinematics(setup.embodiment, setup.urdf, setup.room.envelope.limits)
    kinematics = Kinematics(setup.urdf, setup.embodiment.joints)
    frame = reach.frames[0]
    there = setup.anywhere(rng)
    pose = kinematics.frame_pose(setup.embodiment.to_positions(there), frame)
    start = setup.anywhere(rng)
    values = reach.solve(frame, pose, start, setup.room.why_not_in_limits)
    reached = kinematics.frame_pose(setup.embodiment.to_positions(values), frame)
    assert np.allclose(reached, pose, atol=6e-3)
    assert np.linalg.norm(reached[:3, 3] - pose[:3, 3]) < 1e-3
    others = abs(kinematics.jacobian(setup.embodiment.to_positions(setup.home), frame)).max(0) < 1e-9
    assert np.array_equal(values[others], start[others])


def test_pose_out_of_reach_or_in_something_is_refused(both: Setup) -> None:
    reach = InverseKinematics(both.embodiment, both.urdf, both.room.envelope.limits)
    far = pose_matrix((3.0, 0.0, 1.0), (0.0, 0.0, 0.0, 1.0))
    with pytest.raises(FineVLAError, match=r"left_tcp cannot be at \(3.000, 0.000, 1.000\) m .* misses by"):
        reach.solve("left_tcp", far, both.home, both.room.why_not)
    kinematics = Kinematics(both.urdf, both.embodiment.joints)
    below = kinematics.frame_pose(both.embodiment.to_positions(both.home), "left_tcp")
    below[:3, 3] = 0.50, below[1, 3], 0.70
    below[:3, :3] = pose_matrix((0, 0, 0), (0.0, 1.0, 0.0, 0.0))[:3, :3]  # fingers down
    with pytest.raises(FineVLAError, match="is not allowed: left_.* and table would be"):
        reach.solve("left_tcp", below, both.home, both.room.why_not)
    with pytest.raises(FineVLAError, match="unknown frame 'left_tpc'; did you mean 'left_tcp'"):
        reach.solve("left_tpc", far, both.home, both.room.why_not)


@pytest.mark.parametrize(
    ("position", "quaternion", "text"),
    [((0, 0, float("nan")), (0, 0, 0, 1), "not finite"), ((0, 0, 0), (0, 0, 0, 0), "no quaternion")],
)
def test_pose_that_is_none_is_refused(position: tuple, quaternion: tuple, text: str) -> None:
    with pytest.raises(FineVLAError, match=text):
        pose_matrix(position, quaternion)


@pytest.mark.parametrize(
    ("poses", "text"),
    [
        ({"home": {"left_joint1": 0.0}}, "poses.home must set every value; 'left_joint2' is missing"),
        ({"up": {"left_joint_1": 0.0}}, "pose 'up': unknown value 'left_joint_1'; did you mean 'left_joint1'"),
        ({"up": {"left_gripper": 2.0}}, "pose 'up': left_gripper is 2.0"),
        ({"up": {"left_joint1": float("inf")}}, "pose 'up': left_joint1 is inf"),
        ({"up": {}}, "pose 'up' sets no value"),
        (None, "poses.home must set every value"),
    ],
)
def test_poses_of_a_robot_file_are_checked(cobotmagic_file: Path, tmp_path: Path, poses: dict, text: str) -> None:
    raw = yaml.safe_load(cobotmagic_file.read_text())
    raw["poses"] = None if poses is None else raw["poses"] | poses
    file = tmp_path / "robot.yaml"
    file.write_text(yaml.safe_dump(raw))
    with pytest.raises(FineVLAError, match=text):
        load_embodiment(file)


def test_every_pose_of_the_robot_file_may_be_rested_at(both: Setup) -> None:
    for pose in both.embodiment.poses:
        assert both.room.why_not(both.embodiment.moved(both.home, pose.name)) == "", pose.name
