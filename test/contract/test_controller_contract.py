"""What a joint_trajectory_controller promises and we rely on, asked of the one we play and of the real one alike.

The real one (controller_manager, config/controllers.yaml, mock hardware) is asked where ros2_control is installed.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from controllers import Controllers, Played, Real, S, Trace, missing_for_real
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finevla_core.chunk import ActionChunk
from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.joint_trajectory_controller import Point
from finevla_core.safety.bridge import Bridge
from finevla_core.safety.bridge_options import BridgeOptions
from finevla_core.safety.controller_trajectories import trajectories
from finevla_core.safety.envelope import Envelope, load_envelope
from finevla_core.safety.events import State
from finevla_core.safety.gate import GateOptions
from finevla_core.safety.plan import Plan, hold
from finevla_core.urdf import expand

ROOT = Path(__file__).parents[2]
ARM = "left_arm_controller"
JOINTS = tuple(f"left_joint{i}" for i in range(1, 7))
HOME_VALUES = np.tile([0.0, 1.3, -1.6, 0.0, 0.4, 0.0, 0.5], 2)
AT = tuple(HOME_VALUES[:6])
ZERO = (0.0,) * 6


@pytest.fixture(scope="session")
def robot() -> Embodiment:
    return load_embodiment(ROOT / "config" / "robots" / "cobotmagic.yaml")


@pytest.fixture(scope="session")
def envelope(robot: Embodiment) -> Envelope:
    safety = ROOT / "config" / "safety" / "cobotmagic.yaml"
    return load_envelope(robot, expand(ROOT / robot.urdf), safety)


@pytest.fixture(scope="module")
def real(robot: Embodiment, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    if reason := missing_for_real():
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print(f"\nnot asked of real controllers: {reason}")
        pytest.skip(reason)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROS_DOMAIN_ID", "97")
        patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        with Real(robot, robot.to_positions(HOME_VALUES), tmp_path_factory.mktemp("contract")) as real:
            yield real


@pytest.fixture(params=["played", "real"])
def controllers(request: pytest.FixtureRequest, robot: Embodiment) -> Controllers:
    if request.param == "played":
        return Played(robot, robot.to_positions(HOME_VALUES))
    real: Real = request.getfixturevalue("real")
    real.go_home()
    return real


def to(offset: float, seconds: float, speed: float | None = None) -> Point:
    """All joints at home plus `offset`, `seconds` after the start."""
    velocities = () if speed is None else (speed,) * 6
    return Point(round(seconds * S), tuple(p + offset for p in AT), velocities)


def offsets(trace: Trace) -> np.ndarray:
    """How far the first joint is from home; all joints do the same here."""
    assert np.ptp(trace.positions - AT, axis=1).max() < 1e-9
    return trace.positions[:, 0] - AT[0]


def seconds_after(trace: Trace, start_ns: int) -> np.ndarray:
    return (trace.times_ns - start_ns) / S


def rest(controllers: Controllers) -> float:
    """Where the arm ends up, from home."""
    controllers.run(controllers.slack_s + 1.5)
    return float(offsets(controllers.run(0.1)[ARM])[-1])


def test_stamp_zero_starts_at_reception(controllers: Controllers) -> None:
    sent_ns = controllers.now_ns()
    controllers.send(ARM, JOINTS, [to(0.2, 1.0)])
    trace = controllers.run(1.1 + controllers.slack_s)[ARM]
    there_s = seconds_after(trace, sent_ns)[offsets(trace) > 0.2 - 1e-6][0]
    assert 1.0 - 0.01 <= there_s <= 1.0 + 0.01 + controllers.slack_s


def test_last_point_is_held(controllers: Controllers) -> None:
    controllers.send(ARM, JOINTS, [to(0.2, 0.5)])
    controllers.run(0.6 + controllers.slack_s)
    trace = controllers.run(3.0)[ARM]
    assert np.allclose(offsets(trace), 0.2, atol=1e-9)
    assert np.allclose(trace.velocities, 0, atol=1e-9)


def test_joints_may_come_in_any_order(controllers: Controllers) -> None:
    target = tuple(p + 0.01 * k for k, p in enumerate(AT))
    controllers.send(ARM, JOINTS[::-1], [Point(S // 2, target[::-1])])
    controllers.run(0.6 + controllers.slack_s)
    assert np.allclose(controllers.run(0.1)[ARM].positions[-1], target, atol=1e-9)


def test_start_in_the_future_is_approached_from_where_the_arm_is(controllers: Controllers) -> None:
    start_ns = controllers.now_ns() + S
    controllers.send(ARM, JOINTS, [to(0.1, 0.0), to(0.2, 0.5)], start_ns)
    trace = controllers.run(1.6)[ARM]
    t, x = seconds_after(trace, start_ns), offsets(trace)
    before, after = (t < 0), (t > 0) & (t < 0.5)
    assert (np.diff(x[before]) >= 0).all()
    # From the last command on, which counts as one period old.
    assert (abs(x[before] - 0.1 * (1 + t[before])) <= 0.1 * (controllers.slack_s + 0.005) + controllers.exact).all()
    assert np.allclose(x[after], 0.1 + 0.2 * t[after], atol=controllers.exact)


def test_start_in_the_past_is_joined_where_the_trajectory_is_by_now(controllers: Controllers) -> None:
    start_ns = controllers.now_ns() - S
    controllers.send(ARM, JOINTS, [to(0.0, 0.5), to(0.3, 3.5)], start_ns)
    controllers.run(controllers.slack_s)
    trace = controllers.run(1.0)[ARM]
    assert np.allclose(offsets(trace), 0.1 * (seconds_after(trace, start_ns) - 0.5), atol=controllers.exact)


def test_first_point_at_once_is_a_step(controllers: Controllers) -> None:
    controllers.send(ARM, JOINTS, [to(0.05, 0.0), to(0.06, 1.0)])
    x = offsets(controllers.run(0.5 + controllers.slack_s)[ARM])
    moved = x[x > 1e-9]
    assert moved[0] >= 0.05 - 1e-9
    assert np.diff(moved).max() < 1e-3


def test_positions_alone_are_joined_by_straight_lines(controllers: Controllers) -> None:
    start_ns = controllers.now_ns() + S // 2
    controllers.send(ARM, JOINTS, [to(0.0, 0.0), to(0.2, 0.5), to(0.1, 1.0)], start_ns)
    trace = controllers.run(1.6)[ARM]
    t = seconds_after(trace, start_ns)
    moving = (t > 0) & (t < 1)
    wanted = np.interp(t[moving], [0, 0.5, 1], [0, 0.2, 0.1])
    assert np.allclose(offsets(trace)[moving], wanted, atol=controllers.exact)


def test_positions_with_velocities_are_joined_by_cubics(controllers: Controllers) -> None:
    from scipy.interpolate import CubicHermiteSpline

    start_ns = controllers.now_ns() + S // 2
    knots = [(0.0, 0.0, 0.0), (0.5, 0.2, 0.3), (1.0, 0.1, 0.0)]
    controllers.send(ARM, JOINTS, [to(x, t, v) for t, x, v in knots], start_ns)
    trace = controllers.run(1.6)[ARM]
    t = seconds_after(trace, start_ns)
    moving = (t > 0) & (t < 1)
    curve = CubicHermiteSpline(*zip(*knots, strict=True))
    assert np.allclose(offsets(trace)[moving], curve(t[moving]), atol=controllers.exact)
    assert np.allclose(trace.velocities[moving, 0], curve(t[moving], 1), atol=10 * controllers.exact)


def test_replacement_starts_from_the_last_command(controllers: Controllers) -> None:
    controllers.send(ARM, JOINTS, [to(0.4, 1.0, 0.0)])
    first = controllers.run(0.5)[ARM]
    controllers.send(ARM, JOINTS, [to(0.0, 1.0, 0.0)])
    second = controllers.run(1.1 + controllers.slack_s)[ARM]
    x, v = np.concatenate([offsets(first), offsets(second)]), np.concatenate([first.velocities, second.velocities])
    assert abs(np.diff(x)).max() < 0.6 * 0.005 * 2.5  # 0.6 rad/s, one period and what the real one skips
    assert abs(np.diff(v, axis=0)).max() < 0.1  # nowhere does it stop and start
    assert abs(x[-1]) < 1e-6


def test_old_trajectory_is_forgotten_not_spliced(controllers: Controllers) -> None:
    controllers.send(ARM, JOINTS, [to(0.4, 1.0)])
    controllers.run(0.2 + controllers.slack_s)
    start_ns = controllers.now_ns() + S
    controllers.send(ARM, JOINTS, [to(0.0, 0.0)], start_ns)
    controllers.run(controllers.slack_s)
    x = offsets(controllers.run(0.9 - controllers.slack_s)[ARM])
    assert (np.diff(x) < 1e-9).all()  # back already; the old one would go on for a while


REFUSED = {
    "no points": (JOINTS, []),
    "a joint too few": (JOINTS[:5], [Point(S // 2, AT[:5])]),
    "a joint too many": ((*JOINTS, "left_gripper_joint1"), [Point(S // 2, (*AT, 0.02))]),
    "another arm's joint": ((*JOINTS[:5], "right_joint6"), [to(0.2, 0.5)]),
    "a position too few": (JOINTS, [Point(S // 2, AT[:5])]),
    "a velocity too few": (JOINTS, [Point(S // 2, AT, (0.0,) * 5)]),
    "times that stand still": (JOINTS, [to(0.1, 0.5), to(0.2, 0.5)]),
    "times that go back": (JOINTS, [to(0.1, 0.5), to(0.2, 0.4)]),
    "an end in motion": (JOINTS, [to(0.2, 0.5, 1e-5)]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_changes_nothing(controllers: Controllers, what: str) -> None:
    joints, points = REFUSED[what]
    controllers.send(ARM, joints, points)
    assert abs(rest(controllers)) < 1e-9


def test_what_is_over_already_is_refused(controllers: Controllers) -> None:
    controllers.send(ARM, JOINTS, [to(0.2, 0.5)], controllers.now_ns() - S)
    assert abs(rest(controllers)) < 1e-9


def test_refused_trajectory_leaves_the_running_one_alone(controllers: Controllers) -> None:
    controllers.send(ARM, JOINTS, [to(0.2, 0.5)])
    controllers.send(ARM, JOINTS, [])
    assert rest(controllers) == pytest.approx(0.2, abs=1e-9)


class Driven:
    """A bridge in front of the controllers, and a record of what it commanded and what became of it."""

    def __init__(self, controllers: Controllers, robot: Embodiment, envelope: Envelope) -> None:
        self.controllers, self.robot, self.envelope = controllers, robot, envelope
        self.bridge = Bridge(robot, envelope, GateOptions(), BridgeOptions(), steady_ns=controllers.now_ns)
        self.plans: list[
            tuple[int, Plan, int]
        ] = []  # when it was sent, and for how long the controllers are led onto it
        self.traces: list[dict[str, Trace]] = []
        self.number = self.words = 0
        self.run(0.05)
        self.tell_held()
        self.run(0.05)
        self.say()

    def tell_held(self) -> None:
        """What the controllers hold, as they say it; else the first motion would begin later."""
        for name, trace in self.traces[-1].items():
            joints = next(c.joints for c in self.robot.controllers if c.name == name)
            self.bridge.references.note(name, joints, trace.positions[-1].tolist(), trace.velocities[-1].tolist())

    def run(self, seconds: float) -> None:
        """Time passes; ten times a second the bridge is told where the arms are and asked for what is due."""
        whole, rest_s = divmod(seconds, 0.1)
        for part_s in [0.1] * int(whole) + [rest_s] * (rest_s > 1e-6):
            self._pass(part_s)

    def _pass(self, part_s: float) -> None:
        self.traces.append(self.controllers.run(part_s))
        now_ns, last = self.controllers.now_ns(), self.traces[-1]
        where = {
            j: p for c in self.robot.controllers for j, p in zip(c.joints, last[c.name].positions[-1], strict=True)
        }
        self.bridge.on_joint_state(now_ns, list(where), list(where.values()), now_ns)
        self.bridge.tick(now_ns)
        self._deliver()

    def chunk(self, goal: np.ndarray, horizon: int = 16) -> None:
        """Smoothly from where the plan is to `goal` (D,)."""
        assert self.bridge.plan is not None
        now_ns = self.controllers.now_ns()
        phase = (np.arange(horizon) + 1) / horizon
        ramp = (phase**3 * (10 - 15 * phase + 6 * phase**2))[:, None]
        start = self.bridge.plan.at(now_ns)[0]
        self.number += 1
        chunk = ActionChunk(
            now_ns, self.bridge.instruction_id, self.robot.name, self.robot.names, 0.1, start + (goal - start) * ramp,
            epoch=self.bridge.epoch, client="/policy", sequence=self.number,
        )  # fmt: skip
        self.bridge.on_chunk(chunk, now_ns)
        self._deliver()

    def say(self) -> None:
        """New words: an id that has ended does not come back."""
        self.words += 1
        self.bridge.on_instruction(f"words {self.words}", self.controllers.now_ns())

    def stop(self) -> None:
        """A latched stop, rest, and on again with new words."""
        self.bridge.on_stop(self.controllers.now_ns(), "test", "test")
        self._deliver()
        for _ in range(16):
            self.run(0.1)
        done, text = self.bridge.reset(self.controllers.now_ns())
        assert done or self.bridge.state is State.HOLDING, text
        self.say()

    def end(self) -> None:
        """The instruction is over; another begins."""
        self.bridge.on_instruction("", self.controllers.now_ns())
        self._deliver()
        self.say()

    def _deliver(self) -> None:
        commands, _ = self.bridge.take()
        for t in commands:
            points = [
                Point(round(s * S), tuple(p), tuple(v))
                for s, p, v in zip(t.times_s, t.positions, t.velocities, strict=True)
            ]
            self.controllers.send(t.controller, t.joints, points, t.start_ns)
        if commands:
            assert self.bridge.plan is not None
            led_ns = round(commands[0].times_s[0] * S)
            self.plans.append((self.controllers.now_ns(), self.bridge.plan, led_ns))

    def check(self) -> None:
        """The references followed the plans, from the moment they arrived, and are at rest where the last one ends."""
        slack_ns = round(self.controllers.slack_s * S)
        for c in self.robot.controllers:
            columns = [self.robot.joints.index(joint) for joint in c.joints]
            parts = [trace[c.name] for trace in self.traces]
            times = np.concatenate([p.times_ns for p in parts])
            positions = np.concatenate([p.positions for p in parts])
            velocities = np.concatenate([p.velocities for p in parts])
            ends = [sent for sent, _, _ in self.plans[1:]] + [times[-1] + 1]
            for (sent_ns, plan, led_ns), end_ns in zip(self.plans, ends, strict=True):
                first_ns = (int(plan.times_ns[0]) + led_ns if led_ns else sent_ns) + slack_ns
                for k in np.flatnonzero((times > first_ns) & (times <= end_ns)):
                    wanted, speed = (
                        convert(x)[columns]
                        for x, convert in zip(
                            plan.at(int(times[k])), (self.robot.to_positions, self.robot.to_velocities), strict=True
                        )
                    )
                    assert abs(positions[k] - wanted).max() < self.controllers.exact
                    assert abs(velocities[k] - speed).max() < 100 * self.controllers.exact
            # 5 rad/s^2 over one period, and over the period by which the last command counts as older than it is.
            order = np.argsort(times, kind="stable")
            steps = np.maximum(np.diff(times[order]) / S, 1e-9)
            assert (
                abs(np.diff(velocities[order], axis=0)).max(1)
                <= 5.0 * (steps + 0.005) * 1.01 + 0.1 * bool(slack_ns) + 1e-6
            ).all()
            assert np.allclose(velocities[-1], 0, atol=1e-9)


GOAL = HOME_VALUES + np.tile([0.2, 0.15, -0.15, 0.2, 0.2, -0.2, 0.3], 2)


def test_bridges_plans_are_accepted_and_reproduced(
    controllers: Controllers, robot: Embodiment, envelope: Envelope
) -> None:
    driven = Driven(controllers, robot, envelope)
    for k in range(8):  # every few rows another chunk, now and then exactly at a row
        driven.chunk(GOAL if k % 4 < 2 else HOME_VALUES)
        driven.run([0.25, 0.3, 0.1, 0.37][k % 4])
    driven.stop()
    driven.chunk(HOME_VALUES)
    driven.run(0.3)
    driven.end()
    driven.run(0.4)
    driven.run(1.0)
    assert driven.bridge.counts.accepted == 9, driven.bridge.counts.rejected
    driven.check()


def test_hold_is_no_message(robot: Embodiment, envelope: Envelope) -> None:
    limits = envelope.limits
    held = trajectories(hold(HOME_VALUES, S), robot, limits, ())
    assert all(len(t.times_s) == 0 for t in held)  # a controller would refuse it, and holds its last point anyway


EVENT = st.tuples(
    st.sampled_from(["chunk", "chunk", "chunk", "chunk", "end", "stop"]),
    st.sampled_from([0.001, 0.02, 0.099, 0.1, 0.101, 0.25, 0.8, 2.5]),
    st.lists(st.floats(-0.25, 0.25), min_size=14, max_size=14),
    st.integers(4, 20),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(EVENT, min_size=1, max_size=8))
def test_whatever_the_bridge_commands_and_when_is_reproduced(
    robot: Embodiment, envelope: Envelope, events: list[tuple[str, float, list[float], int]]
) -> None:
    driven = Driven(Played(robot, robot.to_positions(HOME_VALUES)), robot, envelope)
    for kind, wait_s, offset, horizon in events:
        if kind == "chunk":
            driven.chunk(HOME_VALUES + np.array(offset), horizon)
        elif kind == "end":
            driven.end()
        else:
            driven.stop()
        while wait_s > 1e-9:  # joint states must go on coming
            driven.run(min(wait_s, 0.2))
            wait_s -= 0.2
    for _ in range(20):
        driven.run(0.25)
    if driven.plans:
        driven.check()
