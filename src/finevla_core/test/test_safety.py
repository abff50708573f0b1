"""Promises of the safety core: what is accepted stays within limits, what is not is refused whole and by name."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finevla_core.chunk import JOININGS, ActionChunk
from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.safety.bridge import Bridge, BridgeOptions
from finevla_core.safety.clearance import Clearance
from finevla_core.safety.envelope import Envelope, load_envelope, load_limits
from finevla_core.safety.gate import Context, Gate, GateOptions, Judged
from finevla_core.safety.joining import MANNERS, join
from finevla_core.safety.limits import Limits
from finevla_core.safety.plan import Plan, hold, stop
from finevla_core.safety.words import State
from finevla_core.urdf import expand

SECOND = 1_000_000_000
START = 100 * SECOND
HOME = np.array([0.0, 1.3, -1.6, 0.0, 0.4, 0.0, 1.0])


@dataclasses.dataclass(frozen=True)
class Setup:
    embodiment: Embodiment
    envelope: Envelope
    urdf: str

    @property
    def limits(self) -> Limits:
        return self.envelope.limits

    @property
    def home(self) -> np.ndarray:
        return np.tile(HOME, len(self.embodiment.names) // 7)

    def bridge(self, steady_ns: Callable[[], int] = time.monotonic_ns, **options: object) -> Bridge:
        """A bridge that holds at home, with instruction 'now' active."""
        chosen = BridgeOptions(**options)  # type: ignore[arg-type]
        bridge = Bridge(self.embodiment, self.envelope, GateOptions(), chosen, steady_ns=steady_ns)
        self.feel(bridge, self.home, START)
        bridge.on_instruction("now", START)
        return bridge

    def feel(self, bridge: Bridge, values: np.ndarray, now_ns: int) -> None:
        bridge.on_joint_state(now_ns, self.embodiment.joints, list(self.embodiment.to_positions(values)), now_ns)

    def chunk(self, stamp_ns: int = START, amplitude: float = 0.15, **changes: object) -> ActionChunk:
        """A smooth chunk from home: every arm joint moves by `amplitude` within the horizon."""
        phase = np.arange(1, 17) / 16
        ramp = phase**3 * (10 - 15 * phase + 6 * phase**2)
        moving = np.tile([1, 1, 1, 1, 1, 1, 0], len(self.embodiment.names) // 7)
        actions = self.home + amplitude * ramp[:, None] * moving
        plain = ActionChunk(
            stamp_ns, "now", self.embodiment.name, self.embodiment.names, 0.1, actions, client="/policy", epoch=1,
            sequence=stamp_ns // 1_000_000,
        )  # fmt: skip
        return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=["cobotmagic", "single"])
def setup(request: pytest.FixtureRequest, cobotmagic_file: Path, single_file: Path) -> Setup:
    file = cobotmagic_file if request.param == "cobotmagic" else single_file
    embodiment = load_embodiment(file)
    urdf = expand(file.parents[2] / embodiment.urdf)
    safety = file.parents[1] / "safety" / file.name
    return Setup(embodiment, load_envelope(embodiment, urdf, safety if safety.is_file() else None), urdf)


def sampled(plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    times = np.linspace(int(plan.times_ns[0]), plan.end_ns, 400).astype(np.int64)
    pairs = [plan.at(int(t)) for t in times]
    return np.array([p for p, _ in pairs]), np.array([v for _, v in pairs])


def test_smooth_chunk_is_followed_and_ends_at_rest(setup: Setup) -> None:
    bridge = setup.bridge()
    bridge.on_chunk(setup.chunk(), START + SECOND // 20)
    assert bridge.state is State.FOLLOWING
    assert bridge.plan is not None
    position, velocity = bridge.plan.at(bridge.plan.end_ns + SECOND)
    assert np.allclose(velocity, 0)
    assert np.allclose(position, setup.chunk().actions[-1], atol=0.02)


def test_commands_carry_positions_velocities_and_end_with_zero_velocity(setup: Setup) -> None:
    bridge = setup.bridge()
    bridge.on_chunk(setup.chunk(), START + SECOND // 20)
    commands, _ = bridge.take()
    assert [c.controller for c in commands] == [c.name for c in setup.embodiment.controllers]
    for command in commands:
        assert command.start_ns == START + SECOND // 20
        assert (np.diff(command.times_s) > 0).all()
        assert command.times_s[0] > 0
        assert np.allclose(command.velocities[-1], 0)


REFUSED = {
    "chunk.embodiment": {"embodiment": "other"},
    "chunk.joints": {"names": ("a", "b")},
    "chunk.stale": {"stamp_ns": START - 2 * SECOND},
    "chunk.future": {"stamp_ns": START + 2 * SECOND},
    "chunk.instruction": {"instruction_id": "before"},
    "chunk.dt": {"dt_s": 0.0},
}


@pytest.mark.parametrize("code", sorted(REFUSED))
def test_chunk_is_refused_by_name(setup: Setup, code: str) -> None:
    bridge = setup.bridge()
    bridge.on_chunk(setup.chunk(**REFUSED[code]), START + SECOND // 20)
    assert list(bridge.counts.rejected) == [code]
    assert bridge.state is State.HOLDING
    assert bridge.take()[0] == []


def test_broken_actions_are_refused_by_name(setup: Setup) -> None:
    size = len(setup.embodiment.names)
    good = setup.chunk().actions
    for code, actions in {
        "chunk.finite": np.where(np.arange(size) == 2, np.nan, good),
        "chunk.shape": good[:, :-1],
        "chunk.horizon": good[:1],
        "chunk.start": good + np.where(np.arange(size) == 0, 0.5, 0.0),
        "chunk.position": good + np.where(np.arange(size) == 1, np.linspace(0, 4, 16)[:, None], 0.0),
        "chunk.gripper": good + np.where(np.arange(size) == 6, 0.2, 0.0),
        "chunk.step": good + np.where(np.arange(size) == 0, np.minimum(np.linspace(0, 6.4, 16), 2.2)[:, None], 0.0),
        "chunk.velocity": good + np.where(np.arange(size) == 0, 0.27 * np.minimum(np.arange(16), 7)[:, None], 0.0),
        "chunk.acceleration": good + np.where(np.arange(size) == 0, 0.2 * np.sin(np.arange(16) * 0.9)[:, None], 0.0),
    }.items():
        bridge = setup.bridge()
        bridge.on_chunk(setup.chunk(actions=actions), START + SECOND // 20)
        assert list(bridge.counts.rejected) == [code]
        assert bridge.take()[0] == []


def test_arm_at_rest_gets_into_a_chunk_in_full_motion_within_the_limits(setup: Setup) -> None:
    moving = np.where(np.arange(len(setup.embodiment.names)) == 0, 0.08 * np.arange(1, 17)[:, None], 0.0)
    chunk, now = setup.chunk(actions=setup.home + moving), START + SECOND // 20
    quick = join(hold(setup.home, START), chunk, now, setup.limits)
    assert (quick.extremes().acceleration > setup.limits.acceleration).any()
    bridge = setup.bridge()
    bridge.on_chunk(chunk, now)
    assert bridge.counts.accepted == 1
    assert (bridge.plan.extremes().acceleration <= setup.limits.acceleration).all()
    assert bridge.plan.at(START + 14 * SECOND // 10)[0][0] == pytest.approx(chunk.actions[13, 0], abs=0.03)


def test_every_joining_that_a_bundle_may_name_has_its_manners() -> None:
    assert tuple(MANNERS) == JOININGS


@pytest.mark.parametrize("speed_scale", [0.25, 0.4, 0.54, 0.9, 1.0])
@pytest.mark.parametrize("late_ms", [20, 60, 130])
def test_gripper_that_opens_slowly_does_not_swing_past_its_end(setup: Setup, speed_scale: float, late_ms: int) -> None:
    values = setup.home.copy()
    grip = np.flatnonzero(setup.limits.is_gripper)
    values[grip] = 0.0
    plan = hold(values, START)
    for k in range(12):  # a chunk every 0.1 s, each says "open"
        stamp = START + k * SECOND // 10
        actions = np.tile(values, (16, 1))
        actions[:, grip] = np.clip((k + np.arange(16)) / 4, 0, 1)[:, None]
        chunk = setup.chunk(stamp_ns=stamp, actions=actions)
        plan = join(plan, chunk, stamp + late_ms * SECOND // 1000, setup.limits, speed_scale=speed_scale)
        assert plan is not None
        assert plan.extremes().highest[grip].max() <= 1 + setup.limits.slack[grip].max()


def test_slowed_chunk_goes_the_same_way_in_more_time(setup: Setup) -> None:
    plan, chunk = hold(setup.home, START), setup.chunk()
    quick = join(plan, chunk, START + SECOND // 20, setup.limits)
    slow = join(plan, chunk, START + SECOND // 20, setup.limits, speed_scale=0.5)
    assert quick is not None
    assert slow is not None
    assert slow.extremes().speed.max() == pytest.approx(quick.extremes().speed.max() / 2, rel=0.2)
    assert np.allclose(slow.positions[-1], quick.positions[-1], atol=0.01)
    for share in (0.3, 0.6, 0.9):
        at = START + SECOND // 20 + round(share * 1.55 * SECOND)
        later = START + SECOND // 20 + round(share * 2 * 1.55 * SECOND)
        assert np.allclose(quick.at(at)[0], slow.at(later)[0], atol=0.03)


@pytest.mark.parametrize(
    ("running", "allowed", "speed", "looks"),
    [(1.0, 1.0, 1.0, 1), (1.0, 0.5, 0.5, 2), (0.5, 0.5, 0.465, 1), (0.5, 0.4, 0.4, 2), (0.5, 1.0, 0.465, 1)],
)
def test_chunk_after_a_slowed_one_is_tried_a_little_slower_than_that_was_allowed(
    setup: Setup, running: float, allowed: float, speed: float, looks: int
) -> None:
    """And never goes faster than its own distances allow; with room again, the one after it has its full speed."""
    asked = []

    class Near:
        def along(self, plan: Plan) -> Clearance:
            asked.append(plan)
            return Clearance(0.01, "table", allowed)

    envelope = dataclasses.replace(setup.envelope, clearance=Near())  # type: ignore[arg-type]
    gate = Gate(setup.embodiment, envelope, GateOptions())
    now = START + SECOND // 20
    context = Context(now, "now", 1, "", -1, -1, hold(setup.home, START), setup.home, now, allowed_scale=running)
    judged = gate.check(setup.chunk(), context)
    assert isinstance(judged, Judged)
    assert judged.speed_scale == pytest.approx(speed)
    assert judged.speed_scale <= judged.clearance.speed_scale
    assert len(asked) == looks
    assert judged.plan is asked[-1]


def test_same_chunk_twice_is_refused(setup: Setup) -> None:
    bridge = setup.bridge()
    for _ in range(2):
        bridge.on_chunk(setup.chunk(), START + SECOND // 20)
    assert bridge.counts.accepted == 1
    assert bridge.counts.rejected == {"chunk.sequence": 1}


def test_seam_is_continuous_in_position_velocity_and_acceleration(setup: Setup) -> None:
    first = join(hold(setup.home, START), setup.chunk(), START + SECOND // 20, setup.limits)
    assert first is not None
    now = START + SECOND // 2
    second = join(first, setup.chunk(START + 4 * SECOND // 10, amplitude=0.2), now, setup.limits)
    assert second is not None
    arm = ~setup.limits.is_gripper
    assert np.allclose(first.at(now)[0], second.at(now)[0])
    assert np.allclose(first.at(now)[1][arm], second.at(now)[1][arm])
    assert np.allclose(first.acceleration(now)[arm], second.acceleration(now)[arm], atol=1e-6)
    assert abs(first.at(now)[1][arm]).max() > 0.02  # it was under way


def test_late_chunk_is_joined_by_its_rows_to_come(setup: Setup) -> None:
    late = START + int(0.42 * SECOND)
    plan = join(hold(setup.home, START), setup.chunk(), late, setup.limits)
    assert plan is not None
    assert plan.times_ns[0] == late
    assert plan.times_ns[1] == START + 5 * SECOND // 10
    assert join(hold(setup.home, START), setup.chunk(), START + int(1.58 * SECOND), setup.limits) is None


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), scale=st.floats(0.0, 0.6), noise=st.floats(0.0, 0.05), late_ms=st.integers(0, 450)
)
def test_nothing_that_is_accepted_leaves_the_limits(
    setup: Setup, seed: int, scale: float, noise: float, late_ms: int
) -> None:
    rng = np.random.default_rng(seed)
    bridge = setup.bridge()
    limits, now = setup.limits, START
    for _ in range(4):
        start = bridge.plan.at(now)[0] if bridge.plan is not None else setup.home
        walk = np.cumsum(rng.normal(0, scale / 16, (16, len(start))), axis=0) + rng.normal(0, noise, (16, len(start)))
        actions = start + np.where(rng.random(len(start)) < 0.5, walk, 0)
        now += SECOND // 5
        stamp = now - late_ms * 1_000_000
        setup.feel(bridge, bridge.plan.at(now)[0], now)
        bridge.on_chunk(setup.chunk(max(stamp, START + 1), actions=actions), now)
        positions, velocities = sampled(bridge.plan)
        slack = limits.slack + 1e-9
        assert (positions >= limits.lower - slack).all()
        assert (positions <= limits.upper + slack).all()
        assert (abs(velocities) <= limits.velocity * (1 + 1e-6)).all()
        assert (bridge.plan.extremes().acceleration <= limits.acceleration * (1 + 1e-6)).all()
        assert np.allclose(velocities[-1], 0)


def test_extremes_are_those_of_dense_sampling(setup: Setup) -> None:
    plan = join(hold(setup.home, START), setup.chunk(amplitude=0.4), START + SECOND // 20, setup.limits)
    assert plan is not None
    positions, velocities = sampled(plan)
    found = plan.extremes()
    assert np.allclose(found.highest, positions.max(0), atol=1e-4)
    assert np.allclose(found.lowest, positions.min(0), atol=1e-4)
    assert (found.speed >= abs(velocities).max(0) - 1e-9).all()
    assert np.allclose(found.speed, abs(velocities).max(0), atol=1e-2)


def test_stop_brakes_within_the_limits_and_holds(setup: Setup) -> None:
    running = join(hold(setup.home, START), setup.chunk(amplitude=0.5), START + SECOND // 20, setup.limits)
    assert running is not None
    now = START + SECOND
    plan = stop(running, now, setup.limits)
    assert (plan.extremes().acceleration <= setup.limits.acceleration).all()
    assert plan.end_ns - now < SECOND
    assert np.allclose(plan.at(now)[1], running.at(now)[1])
    assert np.allclose(plan.at(plan.end_ns)[1], 0)


def test_stop_at_rest_is_long_enough_to_reach_the_controller(setup: Setup) -> None:
    running = join(hold(setup.home, START), setup.chunk(), START + SECOND // 20, setup.limits)
    assert running is not None
    for now in (START + SECOND // 20, running.end_ns - 1):
        assert stop(running, now, setup.limits).end_ns - now >= SECOND // 10


def test_stop_is_latched_until_reset(setup: Setup) -> None:
    bridge = setup.bridge()
    bridge.on_chunk(setup.chunk(), START + SECOND // 20)
    now = START + SECOND
    bridge.on_stop(now, "stop.topic", "asked for")
    bridge.on_chunk(setup.chunk(now), now + SECOND // 20)
    assert bridge.state is State.STOPPED
    assert bridge.counts.rejected["bridge.state"] == 1
    assert not bridge.reset(now + SECOND // 10)[0]  # too early
    assert not bridge.reset(now + 3 * SECOND)[0]  # no fresh joint state
    for k in range(2):
        setup.feel(bridge, bridge.plan.at(now + SECOND)[0], now + 3 * SECOND + k * SECOND // 100)
    assert bridge.reset(now + 3 * SECOND + SECOND // 50)[0]
    assert bridge.state is State.HOLDING


def test_reset_is_refused_while_the_arm_moves(setup: Setup) -> None:
    bridge = setup.bridge()
    bridge.on_stop(START + SECOND, "stop.topic", "asked for")
    for k in range(3):
        setup.feel(bridge, setup.home + 0.002 * k, START + 3 * SECOND + k * SECOND // 100)
    assert not bridge.reset(START + 3 * SECOND + SECOND // 40)[0]


def test_hold_is_the_last_commanded_position_not_zero_and_not_the_lagging_arm(setup: Setup) -> None:
    bridge = setup.bridge()
    bridge.on_chunk(setup.chunk(), START + SECOND // 20)
    end = bridge.plan.end_ns
    for now in range(START + SECOND // 10, end + SECOND // 10, SECOND // 20):
        setup.feel(bridge, bridge.plan.at(now)[0] - 0.01, now)
        bridge.tick(now)
    assert bridge.state is State.HOLDING
    assert np.allclose(bridge.plan.at(end + SECOND)[0], setup.chunk().actions[-1], atol=0.02)


@pytest.mark.parametrize("woken_by", ["tick", "stop", "watchdog", "chunk", "end of instruction", "step mode"])
@pytest.mark.parametrize(("gap_s", "steady_s", "code"), [
    (0.3, 0.3, "bridge.asleep"), (2.0, 0.02, "clock.jump"), (-0.3, 0.02, "clock.jump"), (-2.0, 0.02, "clock.jump"),
])  # fmt: skip
def test_a_bridge_that_lost_track_of_time_commands_nothing(
    setup: Setup, woken_by: str, gap_s: float, steady_s: float, code: str
) -> None:
    steady = [0]
    bridge = setup.bridge(steady_ns=lambda: steady[0])
    began = START + SECOND // 20
    bridge.tick(began)
    bridge.on_chunk(setup.chunk(), began)
    bridge.take()
    # The watchdog has braked the arms, or the plan means another time than the controllers': it is nobody's any more.
    steady[0], awake = round(steady_s * SECOND), began + round(gap_s * SECOND)
    setup.feel(bridge, setup.home, awake)
    {
        "tick": lambda: None,
        "stop": lambda: bridge.on_stop(awake, "stop.topic", "asked for"),
        "watchdog": lambda: bridge.on_watchdog(False, "the bridge hung", awake),
        "chunk": lambda: bridge.on_chunk(setup.chunk(stamp_ns=awake), awake),
        "end of instruction": lambda: bridge.on_instruction("", awake),
        "step mode": lambda: bridge.step(True, awake),
    }[woken_by]()
    bridge.tick(awake)
    commands, events = bridge.take()
    assert commands == []
    assert bridge.state is State.STOPPED
    if woken_by == "tick":
        assert code in [event.code for event in events]


def test_no_reset_while_the_watchdog_is_not_well(setup: Setup) -> None:
    bridge = setup.bridge(watchdog_timeout_s=1e9)
    bridge.on_watchdog(False, "a rival commands the arms", START)
    later = START + SECOND
    setup.feel(bridge, setup.home, later)
    bridge.tick(later)
    assert bridge.state is State.STOPPED
    assert bridge.reset(later) == (False, "the watchdog says: a rival commands the arms")
    bridge.on_watchdog(True, "", later)
    assert bridge.reset(later)[0]


def test_lost_joint_states_stop_a_moving_arm_and_disable_a_resting_one(setup: Setup) -> None:
    moving, resting = setup.bridge(), setup.bridge()
    moving.on_chunk(setup.chunk(), START + SECOND // 20)
    for bridge in (moving, resting):
        bridge.tick(START + SECOND)
    assert moving.state is State.STOPPED
    assert resting.state is State.DISABLED
    setup.feel(resting, setup.home, START + 2 * SECOND)
    assert resting.state is State.HOLDING


def test_joint_states_of_another_clock_are_not_trusted(setup: Setup) -> None:
    bridge = Bridge(setup.embodiment, setup.envelope, GateOptions(), BridgeOptions())
    bridge.on_joint_state(5 * SECOND, setup.embodiment.joints, list(setup.embodiment.to_positions(setup.home)), START)
    assert bridge.state is State.DISABLED
    assert "use_sim_time" in bridge.reason


def test_arm_that_does_not_follow_is_stopped(setup: Setup) -> None:
    bridge = setup.bridge()
    bridge.on_chunk(setup.chunk(amplitude=0.6), START + SECOND // 20)
    assert bridge.state is State.FOLLOWING
    for k in range(1, 40):
        now = START + SECOND // 20 + k * SECOND // 20
        setup.feel(bridge, setup.home, now)
        bridge.tick(now)
    assert bridge.state is State.STOPPED
    assert "from where it should be" in bridge.reason


def test_jump_of_the_joint_state_stops_motion_and_is_adopted_at_rest(setup: Setup) -> None:
    moving, resting = setup.bridge(), setup.bridge()
    moving.on_chunk(setup.chunk(), START + SECOND // 20)
    elsewhere = setup.home + np.where(setup.limits.is_gripper, 0.0, 0.5) * np.sign(1.0)
    elsewhere = np.clip(elsewhere, setup.limits.lower, setup.limits.upper)
    for bridge in (moving, resting):
        setup.feel(bridge, elsewhere, START + SECOND // 10)
    assert moving.state is State.STOPPED
    assert resting.state is State.HOLDING
    assert np.allclose(resting.plan.at(START + SECOND)[0], elsewhere)


@pytest.mark.parametrize("says", [7.5, -1e299])
def test_what_no_encoder_in_order_says_stops_motion_and_is_never_adopted(setup: Setup, says: float) -> None:
    moving, resting = setup.bridge(), setup.bridge()
    moving.on_chunk(setup.chunk(), START + SECOND // 20)
    is_broken = np.arange(len(setup.home)) == 1
    for bridge in (moving, resting):
        setup.feel(bridge, np.where(is_broken, setup.limits.upper + says, setup.home), START + SECOND // 10)
    assert moving.state is State.STOPPED
    assert moving.take()[1][-1].code == "state.range"
    assert resting.state is State.HOLDING
    assert np.allclose(resting.plan.at(START + SECOND)[0], setup.home)


def test_arm_whose_zero_is_set_wrong_is_believed(setup: Setup) -> None:
    bridge = Bridge(setup.embodiment, setup.envelope, GateOptions(), BridgeOptions())
    is_wrist = np.arange(len(setup.home)) == 5
    setup.feel(bridge, np.where(is_wrist, setup.limits.upper + 1.0, setup.home), START)
    assert bridge.state is State.HOLDING


def test_clock_that_jumps_back_stops_motion(setup: Setup) -> None:
    bridge = setup.bridge()
    bridge.on_chunk(setup.chunk(), START + SECOND // 20)
    bridge.tick(START - 10 * SECOND)
    assert bridge.state is State.STOPPED


def test_cleared_instruction_ends_the_motion_smoothly(setup: Setup) -> None:
    bridge = setup.bridge()
    bridge.on_chunk(setup.chunk(amplitude=0.5), START + SECOND // 20)
    bridge.take()
    bridge.on_instruction("", START + SECOND)
    assert bridge.take()[0]
    assert bridge.plan.end_ns < START + 2 * SECOND
    assert (bridge.plan.extremes().acceleration <= setup.limits.acceleration).all()


@given(values=st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=20))
def test_any_joint_state_is_taken_or_ignored(setup: Setup, values: list[float]) -> None:
    bridge = Bridge(setup.embodiment, setup.envelope, GateOptions(), BridgeOptions())
    bridge.on_joint_state(START, setup.embodiment.joints[: len(values)], values[: len(setup.embodiment.joints)], START)
    if bridge.state is State.HOLDING:
        assert np.isfinite(bridge.plan.positions).all()


def test_safety_file_can_tighten_but_not_loosen(setup: Setup, tmp_path: Path) -> None:
    file, name = tmp_path / "limits.yaml", setup.embodiment.names[0]
    file.write_text(f"values: {{{name}: {{velocity: 1.0, upper: 1.5, jerk: 50}}}}\nmargin_rad: 0.05")
    narrow = load_limits(setup.embodiment, setup.urdf, file)
    assert (narrow.velocity[0], narrow.upper[0], narrow.jerk[0], narrow.margin[0]) == (1.0, 1.5, 50, 0.05)
    (tmp_path / "more.yaml").write_text(f"based_on: limits.yaml\nvalues: {{{name}: {{velocity: 0.5}}}}")
    narrower = load_limits(setup.embodiment, setup.urdf, tmp_path / "more.yaml")
    assert (narrower.velocity[0], narrower.upper[0], narrower.margin[0]) == (0.5, 1.5, 0.05)
    (tmp_path / "more.yaml").write_text(f"based_on: limits.yaml\nvalues: {{{name}: {{velocity: 2.0}}}}")
    with pytest.raises(FineVLAError, match="looser"):
        load_limits(setup.embodiment, setup.urdf, tmp_path / "more.yaml")


BROKEN_FILES = {
    "values: {NAME: {velocity: 30.0}}": "looser than the robot's 3",
    "values: {NAME: {lower: -9}}": "looser",
    "values: {NAME: {velocity: .nan}}": "looser",
    "values: {NAME: {jerk: 0}}": "looser",
    "values: {elbow: {velocity: 1}}": "unknown value 'elbow'",
    "values: {NAME: {veloctiy: 1}}": "did you mean 'velocity'",
    "values: {NAME: {lower: 1.0, upper: 0.9}}": "no room",
    "zone: []": "did you mean 'zones'",
    "zones: [{name: a}]": "either 'box",
    "zones: [{name: a, plane: {point: [0, 0, 0], normal: [0, 0, 0]}}]": "no direction",
    "zones: [{name: a, box: {lower: [1, 0, 0], upper: [0, 1, 1]}}]": "must be below",
    "zones: [{name: a, frames: [elbow], plane: {point: [0, 0, 0], normal: [0, 0, 1]}}]": "frame 'elbow' is not in the URDF",
    "spacing: {stop_m: 0.0}": "must be 0.005 to 0.5",
    "margin_rad: -0.1": "margin_rad is -0.1",
    "based_on: limits.yaml": "circle",
    "values: 3": "cannot be read",
    "3": "not a mapping",
    "[": "cannot be read",
}


@pytest.mark.parametrize("text", BROKEN_FILES)
def test_broken_safety_file_is_refused_in_a_sentence(setup: Setup, tmp_path: Path, text: str) -> None:
    file = tmp_path / "limits.yaml"
    file.write_text(text.replace("NAME", setup.embodiment.names[0]))
    with pytest.raises(FineVLAError, match=rf"limits\.yaml.*{BROKEN_FILES[text]}"):
        load_envelope(setup.embodiment, setup.urdf, file)


def test_motion_of_a_client_that_took_authority_needs_no_instruction_and_keeps_the_policy_out(setup: Setup) -> None:
    bridge = setup.bridge()
    motion = {"instruction_id": "motion:1", "client": "/motion"}
    bridge.on_chunk(setup.chunk(**motion), START + SECOND // 20)
    assert list(bridge.counts.rejected) == ["chunk.instruction"]  # nobody asked for authority by name
    assert bridge.take_authority("/motion", START)[0]
    bridge.on_chunk(setup.chunk(START + 1), START + SECOND // 20)
    assert bridge.counts.rejected["chunk.authority"] == 1
    bridge.on_chunk(setup.chunk(START + 2, instruction_id="motion:1"), START + SECOND // 20)
    assert bridge.counts.rejected["chunk.instruction"] == 2  # the policy cannot say that it is a motion
    for stamp, active in ((START + SECOND // 10, "now"), (START + SECOND // 5, "another")):
        bridge.on_instruction(active, stamp)
        bridge.on_chunk(setup.chunk(stamp, **motion), stamp + SECOND // 100)
    assert bridge.counts.accepted == 2
    assert "operator's motion" in bridge.reason


def test_taken_authority_outlives_a_rest_but_not_its_holders_silence(setup: Setup) -> None:
    bridge = setup.bridge()
    assert bridge.take_authority("/motion", START)[0]
    assert not bridge.take_authority("/policy", START + 9 * SECOND)[0]
    assert bridge.take_authority("/policy", START + 11 * SECOND)[0]
    late = START + 11 * SECOND
    setup.feel(bridge, setup.home, late)
    chunk = setup.chunk(late, instruction_id="motion:1", client="/motion")
    bridge.on_chunk(chunk, late)
    assert list(bridge.counts.rejected) == ["chunk.instruction"]


def test_stop_and_the_end_of_instructions_take_authority_back(setup: Setup) -> None:
    for end in (lambda b: b.on_stop(START + SECOND, "test", "test"), lambda b: b.on_instruction("", START + SECOND)):
        bridge = setup.bridge()
        bridge.take_authority("/motion", START)
        bridge.on_chunk(setup.chunk(instruction_id="motion:1", client="/motion"), START + SECOND // 20)
        assert bridge.state is State.FOLLOWING
        end(bridge)
        assert (bridge.client, bridge.is_taken) == ("", False)
        setup.feel(bridge, setup.home, START + SECOND)
        bridge.on_chunk(setup.chunk(START + SECOND, instruction_id="motion:1", client="/motion"), START + SECOND)
        assert bridge.counts.accepted == 1


def test_motion_of_a_client_that_gives_up_authority_is_braked_within_the_limits_and_held(setup: Setup) -> None:
    bridge = setup.bridge()
    bridge.on_instruction("", START)
    bridge.take_authority("/motion", START)
    bridge.on_chunk(setup.chunk(instruction_id="motion:1", client="/motion"), START + SECOND // 20)
    middle = START + 8 * SECOND // 10
    assert abs(bridge.plan.at(middle)[1]).max() > 0.1  # under way
    bridge.take()
    setup.feel(bridge, bridge.plan.at(middle)[0], middle)
    bridge.tick(middle)
    assert bridge.release_authority("/motion", middle) == (True, "nobody has command authority")
    found = bridge.plan.extremes()
    assert bridge.plan.end_ns < middle + SECOND // 2
    assert (found.acceleration <= setup.limits.acceleration * (1 + 1e-6)).all()
    assert (found.jerk <= setup.limits.jerk * (1 + 1e-6)).all()
    assert [c.controller for c in bridge.take()[0]] == [c.name for c in setup.embodiment.controllers]
    end = bridge.plan.end_ns
    setup.feel(bridge, bridge.plan.at(end)[0], end)
    bridge.tick(end)
    assert (bridge.state, bridge.client) == (State.HOLDING, "")


def test_motion_of_others_goes_on_when_a_client_gives_up_authority(setup: Setup) -> None:
    bridge = setup.bridge()
    bridge.on_chunk(setup.chunk(), START + SECOND // 20)
    bridge.take()
    assert bridge.release_authority("/policy", START + SECOND // 10)[0]
    assert bridge.take()[0] == []  # a policy never asked for authority by name: its plan ends as planned


def test_plan_that_waits_is_gone_when_its_client_gives_up_authority(setup: Setup) -> None:
    bridge = setup.bridge()
    bridge.step(True, START)
    bridge.take_authority("/motion", START)
    bridge.on_chunk(setup.chunk(instruction_id="motion:1", client="/motion"), START + SECOND // 20)
    assert bridge.waiting is not None
    bridge.release_authority("/motion", START + SECOND // 10)
    assert bridge.approve(True, START + SECOND // 5) == (False, "no plan waits")
