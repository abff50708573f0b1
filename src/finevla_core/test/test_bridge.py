"""Promises of the bridge: what stops motion, what is held, and which joint states are believed."""

import numpy as np
import pytest
from commanded import DrivenBridge
from guarded_arms import SECOND, START, Guarded
from hypothesis import given
from hypothesis import strategies as st

from finevla_core.joint_trajectory_controller import Point, TrajectoryController
from finevla_core.safety.bridge import Bridge
from finevla_core.safety.bridge_options import BridgeOptions
from finevla_core.safety.events import State
from finevla_core.safety.gate import GateOptions


def test_stop_is_latched_until_reset(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    bridge.on_chunk(guarded.chunk(), START + SECOND // 20)
    now = START + SECOND
    bridge.on_stop(now, "stop.topic", "asked for")
    bridge.on_chunk(guarded.chunk(now), now + SECOND // 20)
    assert bridge.state is State.STOPPED
    assert bridge.counts.rejected["bridge.state"] == 1
    assert not bridge.reset(now + SECOND // 10)[0]  # too early
    assert not bridge.reset(now + 3 * SECOND)[0]  # no fresh joint state
    for k in range(2):
        guarded.feel(bridge, bridge.plan.at(now + SECOND)[0], now + 3 * SECOND + k * SECOND // 100)
    assert bridge.reset(now + 3 * SECOND + SECOND // 50)[0]
    assert bridge.state is State.HOLDING


def test_reset_is_refused_while_the_arm_moves(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    bridge.on_stop(START + SECOND, "stop.topic", "asked for")
    for k in range(3):
        guarded.feel(bridge, guarded.home + 0.002 * k, START + 3 * SECOND + k * SECOND // 100)
    assert not bridge.reset(START + 3 * SECOND + SECOND // 40)[0]


def test_hold_is_the_last_commanded_position_not_zero_and_not_the_lagging_arm(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    bridge.on_chunk(guarded.chunk(), START + SECOND // 20)
    end = bridge.plan.end_ns
    for now in range(START + SECOND // 10, end + SECOND // 10, SECOND // 20):
        guarded.feel(bridge, bridge.plan.at(now)[0] - 0.01, now)
        bridge.tick(now)
    assert bridge.state is State.HOLDING
    assert np.allclose(bridge.plan.at(end + SECOND)[0], guarded.chunk().actions[-1], atol=0.02)


@pytest.mark.parametrize("woken_by", ["tick", "stop", "watchdog", "chunk", "end of instruction", "step mode"])
@pytest.mark.parametrize(("gap_s", "steady_s", "code"), [
    (0.3, 0.3, "bridge.asleep"), (2.0, 0.02, "clock.jump"), (-0.3, 0.02, "clock.jump"), (-2.0, 0.02, "clock.jump"),
])  # fmt: skip
def test_a_bridge_that_lost_track_of_time_commands_nothing(
    guarded: Guarded, woken_by: str, gap_s: float, steady_s: float, code: str
) -> None:
    steady = [0]
    bridge = guarded.bridge(steady_ns=lambda: steady[0])
    began = START + SECOND // 20
    bridge.tick(began)
    bridge.on_chunk(guarded.chunk(), began)
    bridge.take()
    # The watchdog has braked the arms, or the plan means another time than the controllers': it is nobody's any more.
    steady[0], awake = round(steady_s * SECOND), began + round(gap_s * SECOND)
    guarded.feel(bridge, guarded.home, awake)
    {
        "tick": lambda: None,
        "stop": lambda: bridge.on_stop(awake, "stop.topic", "asked for"),
        "watchdog": lambda: bridge.on_watchdog(False, "the bridge hung", awake),
        "chunk": lambda: bridge.on_chunk(guarded.chunk(stamp_ns=awake), awake),
        "end of instruction": lambda: bridge.on_instruction("", awake),
        "step mode": lambda: bridge.step(True, awake),
    }[woken_by]()
    bridge.tick(awake)
    commands, events = bridge.take()
    assert commands == []
    assert bridge.state is State.STOPPED
    if woken_by == "tick":
        assert code in [event.code for event in events]


@pytest.mark.parametrize("ahead_s", [0.0, 0.3])
def test_clock_that_stands_still_is_a_stop_where_the_arms_go_on_and_nothing_where_they_wait_too(
    guarded: Guarded, ahead_s: float
) -> None:
    steady = [0]
    bridge, began = guarded.bridge(steady_ns=lambda: steady[0]), START + SECOND // 20
    bridge.tick(began)
    bridge.on_chunk(guarded.chunk(), began)
    bridge.take()
    for _ in range(20):
        steady[0] += SECOND // 50
        states = [] if ahead_s == 0 else [began + round(ahead_s * SECOND)]
        for stamp_ns in states:
            positions = list(guarded.embodiment.to_positions(guarded.home))
            bridge.on_joint_state(stamp_ns, guarded.embodiment.joints, positions, began)
        bridge.tick(began)
    commands, events = bridge.take()
    assert commands == []  # by a clock that stands still a stop would lead back
    assert (bridge.state is State.STOPPED) == (ahead_s > 0)
    assert ("clock.still" in [event.code for event in events]) == (ahead_s > 0)


def test_no_reset_while_the_watchdog_is_not_well(guarded: Guarded) -> None:
    bridge = guarded.bridge(watchdog_timeout_s=1e9)
    bridge.on_watchdog(False, "a rival commands the arms", START)
    later = START + SECOND
    guarded.feel(bridge, guarded.home, later)
    bridge.tick(later)
    assert bridge.state is State.STOPPED
    assert bridge.reset(later) == (False, "the watchdog says: a rival commands the arms")
    bridge.on_watchdog(True, "", later)
    assert bridge.reset(later)[0]


def test_nothing_is_held_out_as_ready_before_the_watchdog_answers(guarded: Guarded) -> None:
    steady = [0]
    bridge = guarded.bridge(steady_ns=lambda: steady[0], watchdog_timeout_s=0.5)
    assert bridge.state is State.DISABLED
    assert "the watchdog does not answer" in bridge.reason
    now = START + SECOND // 100
    bridge.on_watchdog(True, "", now)
    guarded.feel(bridge, guarded.home, now)
    assert bridge.state is State.HOLDING
    steady[0] += SECOND
    bridge.tick(now + SECOND // 50)
    assert (bridge.state, "the watchdog does not answer" in bridge.reason) == (State.DISABLED, True)
    assert bridge.take()[0] == []  # nothing was commanded all the time


def test_watchdog_that_is_not_well_stops_what_is_not_ready_yet(guarded: Guarded) -> None:
    bridge = guarded.bridge(watchdog_timeout_s=1e9)
    bridge.on_watchdog(False, "the safety bridge was started again", START)
    guarded.feel(bridge, guarded.home, START + SECOND)
    assert bridge.state is State.STOPPED
    bridge.on_watchdog(True, "", START + SECOND)
    assert bridge.state is State.STOPPED
    assert bridge.reset(START + SECOND)[0]


def test_lost_joint_states_stop_a_moving_arm_and_disable_a_resting_one(guarded: Guarded) -> None:
    moving, resting = guarded.bridge(), guarded.bridge()
    moving.on_chunk(guarded.chunk(), START + SECOND // 20)
    for bridge in (moving, resting):
        bridge.tick(START + SECOND)
    assert moving.state is State.STOPPED
    assert resting.state is State.DISABLED
    guarded.feel(resting, guarded.home, START + 2 * SECOND)
    assert resting.state is State.HOLDING


def test_own_sleep_at_rest_is_nobodys_silence(guarded: Guarded) -> None:
    steady = [0]
    bridge = guarded.bridge(steady_ns=lambda: steady[0], watchdog_timeout_s=0.5)
    bridge.on_watchdog(True, "", START)
    guarded.feel(bridge, guarded.home, START + 1)
    bridge.on_instruction("said", START + 2)
    bridge.tick(START + 3)
    steady[0] = 2 * SECOND
    awake = START + 2 * SECOND
    bridge.tick(awake)
    assert bridge.state is State.HOLDING
    assert bridge.instruction_id == "said"
    bridge.on_chunk(guarded.chunk(awake, instruction_id="said"), awake)
    assert bridge.state is State.HOLDING  # nothing is judged by what is old
    assert list(bridge.counts.rejected) == ["state.stale"]
    steady[0] += SECOND // 2
    bridge.tick(awake + SECOND // 2)  # a sleep again
    for _ in range(20):
        steady[0] += SECOND // 50
        bridge.tick(awake + SECOND // 2 + steady[0] % SECOND)
    assert bridge.state is State.DISABLED


def test_joint_states_of_another_clock_are_not_trusted(guarded: Guarded) -> None:
    bridge = Bridge(guarded.embodiment, guarded.envelope, GateOptions(), BridgeOptions())
    bridge.on_joint_state(
        5 * SECOND, guarded.embodiment.joints, list(guarded.embodiment.to_positions(guarded.home)), START
    )
    assert bridge.state is State.DISABLED
    assert "use_sim_time" in bridge.reason


def test_arm_that_does_not_follow_is_stopped(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    bridge.on_chunk(guarded.chunk(amplitude=0.6), START + SECOND // 20)
    assert bridge.state is State.FOLLOWING
    for k in range(1, 40):
        now = START + SECOND // 20 + k * SECOND // 20
        guarded.feel(bridge, guarded.home, now)
        bridge.tick(now)
    assert bridge.state is State.STOPPED
    assert "from where it should be" in bridge.reason


def test_jump_of_the_joint_state_is_a_stop_in_motion_and_at_rest(guarded: Guarded) -> None:
    moving, resting = (guarded.bridge(steady_ns=lambda: 0) for _ in range(2))
    moving.on_chunk(guarded.chunk(), START + SECOND // 20)
    elsewhere = guarded.home + np.where(guarded.limits.is_gripper, 0.0, 0.5) * np.sign(1.0)
    elsewhere = np.clip(elsewhere, guarded.limits.lower, guarded.limits.upper)
    for bridge in (moving, resting):
        guarded.feel(bridge, elsewhere, START + SECOND // 10)
    for bridge, code in ((moving, "state.jump"), (resting, "state.leap")):
        assert (bridge.state, bridge.take()[1][-1].code) == (State.STOPPED, code)
        assert "leapt: it says" in bridge.reason
        assert not np.allclose(bridge.plan.at(START + SECOND)[0], elsewhere, atol=0.2)


@pytest.mark.parametrize("says", [7.5, -1e299, np.nan])
def test_what_no_encoder_in_order_says_stops_motion_and_is_never_adopted(guarded: Guarded, says: float) -> None:
    moving, resting = guarded.bridge(), guarded.bridge()
    moving.on_chunk(guarded.chunk(), START + SECOND // 20)
    is_broken = np.arange(len(guarded.home)) == 1
    for bridge in (moving, resting):
        guarded.feel(bridge, np.where(is_broken, guarded.limits.upper + says, guarded.home), START + SECOND // 10)
    assert moving.state is State.STOPPED
    assert moving.take()[1][-1].code == "state.range"
    assert resting.state is State.HOLDING
    assert np.allclose(resting.plan.at(START + SECOND)[0], guarded.home)


@pytest.mark.parametrize(("joint", "off"), [(5, 1.0), (5, 0.06), (6, 0.6)])
def test_arm_whose_zero_is_set_wrong_is_believed_and_not_held(guarded: Guarded, joint: int, off: float) -> None:
    bridge = Bridge(guarded.embodiment, guarded.envelope, GateOptions(), BridgeOptions())
    there = np.where(np.arange(len(guarded.home)) == joint, guarded.limits.upper + off, guarded.home)
    guarded.feel(bridge, there, START)
    assert bridge.arms.position == pytest.approx(there)
    assert bridge.state is State.DISABLED
    assert f"{guarded.embodiment.names[joint]} is measured {off:.2f}" in bridge.reason
    assert "outside its limits" in bridge.reason


@pytest.mark.parametrize("off", [0.0, 0.003, 0.01, 0.049, -0.002, -0.049])
@pytest.mark.parametrize("joint", [3, 5, 6])
def test_arms_that_rest_a_little_outside_their_limits_come_in_within_all_others(
    guarded: Guarded, joint: int, off: float
) -> None:
    """Controllers that were led from there to the limit leapt: 13 rad/s where a wrist was 0.24 rad outside."""
    limits, start = guarded.limits, guarded.home
    start[joint] = limits.upper[joint] + off if off >= 0 else limits.lower[joint] + off
    inside = np.clip(start, limits.lower + 0.03, limits.upper - 0.03)
    arms = DrivenBridge(guarded.embodiment, guarded.envelope, start)
    arms.run(arms.now_ns + SECOND // 5)
    phase = np.arange(1, 17) / 16
    rows = start + (inside - start) * (phase**3 * (10 - 15 * phase + 6 * phase**2))[:, None]
    arms.bridge.on_chunk(guarded.chunk(arms.now_ns, instruction_id="x", actions=rows, sequence=1), arms.now_ns)
    arms.run(arms.now_ns + SECOND)
    assert arms.bridge.state is State.FOLLOWING
    arms.bridge.on_stop(arms.now_ns, "stop.topic", "stop was asked for")
    arms.run(arms.now_ns + SECOND)
    assert set(arms.arms.offences()) <= {f"position of {guarded.embodiment.names[joint]}"}
    commands = arms.arms.commands()[:, joint]
    assert abs(commands - inside[joint]).max() <= abs(start[joint] - inside[joint]) + 1e-9  # no farther out than it was
    assert abs(commands[-1] - inside[joint]) < abs(start[joint] - inside[joint])


def test_arms_that_rest_outside_go_no_farther_out(guarded: Guarded) -> None:
    start = guarded.home
    start[5] = guarded.limits.upper[5] + 0.04
    arms = DrivenBridge(guarded.embodiment, guarded.envelope, start)
    rows = np.tile(start, (16, 1))
    rows[:, 5] += 0.01 * np.linspace(0, 1, 16)
    arms.bridge.on_chunk(guarded.chunk(arms.now_ns, instruction_id="x", actions=rows, sequence=1), arms.now_ns)
    assert arms.bridge.counts.rejected == {"chunk.position": 1}


def told(bridge: Bridge, code: str) -> list[str]:
    return [event.text for event in bridge.take()[1] if event.code == code]


def test_joint_states_that_tell_nothing_are_named_once_a_second_and_not_called_missing(guarded: Guarded) -> None:
    bridge, joints = (
        Bridge(guarded.embodiment, guarded.envelope, GateOptions(), BridgeOptions(), steady_ns=lambda: START),
        guarded.embodiment.joints,
    )
    bridge.on_joint_state(START, ["wheel_left", "wheel_right"], [0.0, 0.0], START)
    assert (bridge.reason, bridge.take()[1]) == ("no joint state yet", [])
    for names, positions, says in (
        (joints[:-1], [0.0] * (len(joints) - 1), f"lacks {joints[-1]}"),
        (joints, [0.0], f"has 1 positions for {len(joints)} joints"),
        ((*joints, joints[0]), [0.0] * (len(joints) + 1), f"names {joints[0]} more than once"),
    ):
        bridge._seldom_told_ns.clear()
        for _ in range(50):
            bridge.on_joint_state(START, names, positions, START)
        assert bridge.state is State.DISABLED
        assert "joint states come, but none" in bridge.reason
        (text,) = told(bridge, "state.joints")
        assert says in text


def test_clock_that_jumps_back_stops_motion(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    bridge.on_chunk(guarded.chunk(), START + SECOND // 20)
    bridge.tick(START - 10 * SECOND)
    assert bridge.state is State.STOPPED


def test_cleared_instruction_ends_the_motion_smoothly(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    bridge.on_chunk(guarded.chunk(amplitude=0.5), START + SECOND // 20)
    bridge.take()
    bridge.on_instruction("", START + SECOND)
    assert bridge.take()[0]
    assert bridge.plan.end_ns < START + 2 * SECOND
    assert (bridge.plan.extremes().acceleration <= guarded.limits.acceleration).all()


@given(values=st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=20))
def test_any_joint_state_is_taken_or_ignored(guarded: Guarded, values: list[float]) -> None:
    bridge = Bridge(guarded.embodiment, guarded.envelope, GateOptions(), BridgeOptions())
    bridge.on_joint_state(
        START, guarded.embodiment.joints[: len(values)], values[: len(guarded.embodiment.joints)], START
    )
    if bridge.state is State.HOLDING:
        assert np.isfinite(bridge.plan.positions).all()


def played(guarded: Guarded, bridge: Bridge, lost: int) -> list[np.ndarray]:
    """What the controllers command from a stop in mid-motion on, every 5 ms, if they never got the `lost`-th word of it."""
    e, now = guarded.embodiment, START + SECOND // 20
    at = dict(zip(e.joints, e.to_positions(guarded.home), strict=True))
    controllers = {c.name: TrajectoryController(c.name, c.joints, [at[j] for j in c.joints]) for c in e.controllers}
    commanded, words, stop_ns = [], 0, now + SECOND * 4 // 5
    bridge.on_chunk(guarded.chunk(), now)
    while now < stop_ns + SECOND // 2:
        if now == stop_ns:
            bridge.on_stop(now, "stop.topic", "asked for")
        if now % (SECOND // 100) == 0:
            guarded.feel(bridge, bridge.plan.at(now)[0], now)
            bridge.tick(now)
        trajectories = bridge.take()[0]
        words += bool(trajectories) and now >= stop_ns
        for t in trajectories if not (trajectories and now >= stop_ns and words == lost) else []:
            rows = zip(t.times_s.tolist(), t.positions.tolist(), t.velocities.tolist(), strict=True)
            points = [Point(round(s * SECOND), tuple(p), tuple(v)) for s, p, v in rows]
            controllers[t.controller].accept(t.joints, points, t.start_ns, now)
        if now >= stop_ns:
            commanded.append(np.concatenate([c.sample(now) for c in controllers.values()]))
        now += SECOND // 200
    assert words == 2
    return commanded


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_stop_is_said_twice_and_either_word_is_enough(guarded: Guarded, lost: int) -> None:
    steady = iter(range(10**15, 10**16, SECOND // 400))
    commanded = np.array(played(guarded, guarded.bridge(lambda: next(steady)), lost))
    speed = abs(np.diff(commanded, axis=0)).max(1) * 200
    assert speed[0] > 0.05
    needed_s = 0.15 + BridgeOptions().say_again_s + 0.01
    assert speed[round(needed_s * 200) :].max() < 1e-6
