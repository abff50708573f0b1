"""Promises of the watchdog's own stop: it comes where the bridge's does not, and keeps to the limits."""

import numpy as np
import pytest
from guarded_arms import Guarded
from hypothesis import given, settings
from hypothesis import strategies as st
from watched_stack import CLOCK, FAULTS, SECOND, START, TICK, Setup, Stack

from finevla_core.embodiment import Controller
from finevla_core.joint_trajectory_controller import Point, TrajectoryController
from finevla_core.safety.brake import Brake
from finevla_core.safety.controller_trajectories import trajectories
from finevla_core.safety.events import State, Trajectory
from finevla_core.safety.joining import join
from finevla_core.safety.limits import Limits
from finevla_core.safety.plan import Plan, hold, stop

MS = 1_000_000


def stop_plan(stack: Stack) -> Plan:
    """What the first own stop makes of all values."""
    first = {t.controller: t for t in reversed(stack.trajectories)}
    e = stack.embodiment
    assert set(first) == {c.name for c in e.controllers}
    times = {tuple(t.times_s) for t in first.values()}
    assert len(times) == 1  # all joints rest at the same time
    order = [first[c.name] for c in e.controllers]
    joints = [j for t in order for j in t.joints]
    back = [joints.index(j) for j in e.joints]
    positions = e.to_values(np.concatenate([t.positions for t in order], axis=1)[:, back])
    scale = e.to_velocities(np.ones(len(e.joints)))
    velocities = np.concatenate([t.velocities for t in order], axis=1)[:, back] / scale
    start_ns = order[0].start_ns
    return Plan((start_ns + np.array(times.pop()) * SECOND).astype(np.int64), positions, velocities)


def within_limits(plan: Plan, limits: Limits) -> None:
    extremes = plan.extremes()
    assert (extremes.lowest >= limits.lower - limits.slack).all()
    assert (extremes.highest <= limits.upper + limits.slack).all()
    assert (extremes.speed <= limits.velocity + 1e-6).all()
    assert (extremes.acceleration <= limits.acceleration * 1.001).all()
    assert not plan.velocities[-1].any()


def with_start(plan: Plan, position: np.ndarray, velocity: np.ndarray, at_ns: int) -> Plan:
    """As the controller sees it: from its command at that time on, which the stop's own first point may be."""
    if plan.times_ns[0] == at_ns:
        assert np.allclose(plan.positions[0], position, atol=1e-4)
        return plan
    return Plan(
        np.concatenate([[at_ns], plan.times_ns]),
        np.concatenate([position[None], plan.positions]),
        np.concatenate([velocity[None], plan.velocities]),
    )


def test_hung_bridge_is_braked_from_the_command_within_the_limits(setup: Setup) -> None:
    stack = Stack(setup)
    told = stack.tell(speed=0.8, seconds=1.0)
    stack.silent.add("bridge")
    stack.follow(told, 0.4)
    assert stack.watchdog.latched == "watchdog.bridge"
    stop = stop_plan(stack)
    at_ns = stack.trajectories[0].start_ns
    position, velocity = told.at(at_ns)
    assert abs(velocity).max() > 0.5
    within_limits(with_start(stop, position, velocity, at_ns), setup.limits)
    # Along its way: no joint turns back.
    assert (np.sign(velocity) * (stop.positions[-1] - position) >= -1e-6).all()
    assert (stop.end_ns - at_ns) / SECOND < 0.6


def test_stop_starts_from_the_command_and_not_from_the_lagging_arm(setup: Setup) -> None:
    stack = Stack(setup)
    told = stack.tell()
    stack.silent.add("bridge")
    for _ in range(20):
        stack.values = told.at(stack.clock_ns + TICK - SECOND // 10)[0]  # 100 ms behind
        stack.step(TICK / SECOND)
    at_ns = stack.trajectories[0].start_ns
    position, velocity = told.at(at_ns)
    within_limits(with_start(stop_plan(stack), position, velocity, at_ns), setup.limits)


def test_without_a_known_command_it_brakes_from_the_measurement(setup: Setup) -> None:
    stack = Stack(setup).move(0.5)
    position, velocity = stack.values, stack.velocity
    stack.silent.add("bridge")
    stack.step(0.4)
    stop = stop_plan(stack)
    assert (np.sign(velocity) * (stop.positions[-1] - position) >= 0).all()
    assert not stop.velocities[-1].any()


def test_unconfirmed_stop_is_made_after_60_ms_and_not_before(setup: Setup) -> None:
    stack = Stack(setup, deadman=True)
    told = stack.tell()
    stack.follow(told, 0.3)
    stack.held = False
    stack.follow(told, 0.06)
    assert (stack.asked, stack.trajectories) == (1, [])
    stack.follow(told, 0.06)
    count = len(setup.embodiment.controllers)
    assert stack.trajectories[:count] == stack.trajectories[count:]  # said twice: a controller may lose a message


def test_it_keeps_quiet_at_rest(setup: Setup) -> None:
    stack = Stack(setup)
    told = stack.tell()
    stack.silent.add("bridge")
    stack.follow(told, 0.36)
    stop = stop_plan(stack)
    stack.follow(stop, 5.0)
    assert len(stack.trajectories) == 2 * len(setup.embodiment.controllers)
    assert stack.codes == ["watchdog.bridge", "watchdog.brake"]


def test_dead_bridge_at_rest_moves_nothing(setup: Setup) -> None:
    stack = Stack(setup, deadman=True)
    stack.silent.add("bridge")
    stack.held = False
    stack.step(5.0)
    assert stack.watchdog.latched == "watchdog.deadman"
    assert stack.trajectories == []


def test_arms_that_do_not_rest_are_braked_again_but_not_for_ever(setup: Setup) -> None:
    stack = Stack(setup).move(0.1)
    stack.silent.add("bridge")
    stack.step(12.0)
    assert len(stack.trajectories) == 5 * len(setup.embodiment.controllers)


def test_whatever_commands_the_arms_after_the_stop_is_answered(setup: Setup) -> None:
    stack = Stack(setup)
    told = stack.tell()
    stack.silent.add("bridge")
    stack.follow(told, 0.4).follow(stop_plan(stack), 1.0)
    made = len(stack.trajectories)
    stack.tell()  # the bridge wakes up and goes on
    stack.take()
    answers = stack.trajectories[made:]
    assert len(answers) == len(setup.embodiment.controllers)
    for answer in answers:
        columns = [setup.embodiment.joints.index(j) for j in answer.joints]
        assert np.allclose(answer.positions[-1], setup.embodiment.to_positions(stack.values)[columns], atol=1e-3)


def test_the_bridges_own_stop_is_let_pass(setup: Setup) -> None:
    stack = Stack(setup, deadman=True)
    told = stack.tell()
    stack.follow(told, 0.3)
    stack.held = False
    stack.follow(told, 0.02)
    own = stack.tell(speed=0.05, seconds=0.25)
    stack.state = State.STOPPED
    stack.follow(own, 1.0)
    assert stack.trajectories == []


def test_gripper_that_holds_something_keeps_holding_it(setup: Setup) -> None:
    """It was told to close and something is in between: a stop from where it is measured would open it."""
    brake = Brake(setup.embodiment, setup.limits)
    gripper = next(c for c in setup.embodiment.controllers if "gripper" in c.name)
    measured = np.where(setup.limits.is_gripper, 0.4, setup.home)
    brake.on_measurement(CLOCK, setup.embodiment.joints, list(setup.embodiment.to_positions(measured)), (), START)
    closed = [0.0]
    assert brake.on_command(gripper.name, gripper.joints, 0, [SECOND // 10], [closed], [[0.0]], START, CLOCK)
    later = SECOND // 2
    brake.on_measurement(
        CLOCK + later, setup.embodiment.joints, list(setup.embodiment.to_positions(measured)), (), START + later
    )
    (stop,) = brake.stops([gripper.name], CLOCK + later, START + later, CLOCK + later)
    assert stop.positions[-1] == pytest.approx(closed, abs=1e-9)


def test_by_a_clock_that_nothing_tells_the_stop_is_stamped_from_now_on(setup: Setup) -> None:
    stack = Stack(setup, simulated=True)
    stack.follow(stack.tell(seconds=4.0), 0.5)
    stack.velocity = 0.2 * setup.arms
    FAULTS["watchdog.clock_still"](stack)  # and the joint states' stamps stand still with it
    stack.step(1.3)
    assert {t.start_ns for t in stack.trajectories} == {0}


def test_stop_that_did_not_help_is_stamped_from_now_on_the_next_time(setup: Setup) -> None:
    stack = Stack(setup)
    stack.follow(stack.tell(seconds=4.0), 0.5)
    stack.velocity = 0.2 * setup.arms
    FAULTS["watchdog.clock_jump"](stack)
    stack.step(3.0)
    controllers = len(setup.embodiment.controllers)
    assert {t.start_ns for t in stack.trajectories[:controllers]} == {stack.trajectories[0].start_ns} != {0}
    assert {t.start_ns for t in stack.trajectories[controllers : 2 * controllers]} == {0}


def test_where_nothing_is_known_nothing_is_sent(setup: Setup) -> None:
    brake = Brake(setup.embodiment, setup.limits)
    assert brake.stops([c.name for c in setup.embodiment.controllers], CLOCK, START, CLOCK) == []


@pytest.mark.parametrize(
    "change",
    [
        {"times_ns": []},
        {"times_ns": [2, 1]},
        {"positions": [[0.0], [float("nan")]]},
        {"positions": [[0.0]]},
        {"velocities": [[0.0], [0.5]]},
        {"joints": ("elsewhere",)},
        {"start_ns": CLOCK - 2 * SECOND},
    ],
)
def test_trajectory_that_a_controller_refuses_is_not_followed(setup: Setup, change: dict) -> None:
    brake = Brake(setup.embodiment, setup.limits)
    gripper = next(c for c in setup.embodiment.controllers if "gripper" in c.name)
    good = {
        "joints": gripper.joints, "start_ns": CLOCK, "times_ns": [SECOND // 2, SECOND],
        "positions": [[0.02], [0.0]], "velocities": [[0.0], [0.0]],
    }  # fmt: skip
    assert not brake.on_command(gripper.name, **{**good, **change}, now_ns=START, clock_ns=CLOCK)
    assert not brake.is_running(CLOCK)
    assert brake.on_command(gripper.name, **good, now_ns=START, clock_ns=CLOCK)
    assert brake.is_running(CLOCK)


def test_arms_that_move_on_after_the_bridges_stop_are_braked(setup: Setup) -> None:
    stack = Stack(setup)
    told = stack.tell(speed=0.5, seconds=3.0)
    stack.follow(told, 1.5)
    stack.state = State.STOPPED  # as a bridge that hung for a moment says it, and commands nothing
    stack.follow(told, 0.5)
    assert stack.watchdog.latched == "watchdog.motion"
    at_ns = stack.trajectories[0].start_ns
    within_limits(with_start(stop_plan(stack), *told.at(at_ns), at_ns), setup.limits)


@pytest.mark.parametrize("held_up_ms", [(40,), (60,), (100,), (140,), (40, 40), (60, 40)])
def test_a_watchdog_that_was_held_up_reads_what_came_meanwhile_before_it_brakes_on_top(
    setup: Setup, held_up_ms: tuple[int, ...]
) -> None:
    """It asked for a stop and was not given the processor; of the bridge's answer it read STOPPED before, the stop after."""
    stack = Stack(setup)
    told = stack.tell(speed=0.5, seconds=3.0)
    stack.follow(told, 1.0)
    FAULTS["watchdog.rival"](stack)
    stack.follow(told, TICK / SECOND)
    assert (stack.asked, stack.trajectories) == (1, [])
    stopping = stop(told, stack.clock_ns + 5 * MS, setup.limits)
    stack.state = State.STOPPED
    stack.follow(stopping, TICK / SECOND)
    for each_ms in held_up_ms:
        stack.now_ns, stack.clock_ns = (ns + each_ms * MS for ns in (stack.now_ns, stack.clock_ns))
        stack.follow(stopping, TICK / SECOND)
        assert not stack.trajectories
    stack.say(stopping)
    stack.follow(stopping, 0.1)
    for t in stack.trajectories:
        columns = [setup.embodiment.joints.index(joint) for joint in t.joints]
        there = setup.embodiment.to_positions(stopping.at(t.start_ns + round(t.times_s[0] * SECOND))[0])[columns]
        assert np.allclose(t.positions[0], there, atol=1e-4)


@pytest.mark.parametrize("before_s", [0.0, 0.1, 0.3, 0.6])
@pytest.mark.parametrize("late_ms", [6, 10, 15, 60])
def test_a_tick_that_comes_late_reads_the_bridges_stop_before_it_brakes_on_top(
    setup: Setup, late_ms: int, before_s: float
) -> None:
    """The bridge stopped 70 ms after it was asked, and what it said is read right after the tick that would brake.

    Another tick was a little late `before_s` earlier.
    """
    stack = Stack(setup, deadman=True)
    told = stack.tell(speed=0.5, seconds=3.0)
    stack.follow(told, 1.0 - before_s)
    if before_s:
        stack.now_ns, stack.clock_ns = stack.now_ns + 7 * MS, stack.clock_ns + 7 * MS
        stack.follow(told, before_s)
    stack.held = False
    stack.follow(told, 3 * TICK / SECOND)
    assert (stack.asked, stack.trajectories) == (1, [])
    stopping = stop(told, stack.clock_ns + 10 * MS, setup.limits)
    stack.silent.add("bridge")
    stack.now_ns, stack.clock_ns = (ns + late_ms * MS for ns in (stack.now_ns, stack.clock_ns))
    stack.follow(stopping, TICK / SECOND)
    assert not stack.trajectories
    stack.silent.clear()
    stack.state = State.STOPPED
    stack.say(stopping)
    stack.follow(stopping, 0.5)
    assert not stack.trajectories


@pytest.mark.parametrize("late_ms", [10, 60])
def test_a_watchdog_whose_every_tick_is_late_brakes_all_the_same(setup: Setup, late_ms: int) -> None:
    stack = Stack(setup)
    told = stack.tell(speed=0.5, seconds=3.0)
    stack.follow(told, 1.0)
    stack.silent.add("bridge")
    for _ in range(1000 // (late_ms + 20)):
        stack.now_ns, stack.clock_ns = (ns + late_ms * MS for ns in (stack.now_ns, stack.clock_ns))
        stack.follow(told, TICK / SECOND)
    assert stack.watchdog.latched == "watchdog.bridge"
    assert stack.trajectories


def test_bridge_that_stopped_well_is_left_alone_when_somebody_pushes_the_arms(setup: Setup) -> None:
    stack = Stack(setup).move()
    stack.state, stack.velocity = State.STOPPED, stack.velocity * 0
    stack.step(1.0)
    stack.velocity = 0.2 * setup.arms
    stack.step(2.0)
    assert (stack.watchdog.latched, stack.trajectories) == ("", [])


@pytest.mark.parametrize("jump_s", [None, -2.0, -0.3, 0.5, 2.0])
def test_by_a_wrong_clock_it_brakes_within_the_limits_by_that_of_the_joint_states(
    setup: Setup, jump_s: float | None
) -> None:
    """None: time stands still. The arms and their driver keep to their own time, in which they do what they were told."""
    stack = Stack(setup, simulated=jump_s is None)
    told = stack.tell(speed=0.5, seconds=3.0)
    stack.follow(told, 1.0)
    theirs_ns = stack.clock_ns
    stack.pace = 1.0 if jump_s is not None else 0.0
    stack.clock_ns += round((jump_s or 0.0) * SECOND)
    stack.silent.update(("joints", "bridge"))
    while not stack.trajectories and theirs_ns < told.end_ns:
        theirs_ns += TICK
        positions = list(stack.embodiment.to_positions(told.at(theirs_ns)[0]))
        stack.watchdog.on_joint_state(theirs_ns, stack.embodiment.joints, positions, (), stack.now_ns + TICK)
        stack.step(TICK / SECOND)
    at_ns = stack.trajectories[0].start_ns
    assert abs(at_ns - theirs_ns) < 2 * TICK
    assert (at_ns - CLOCK) / SECOND < 2.0
    within_limits(with_start(stop_plan(stack), *told.at(at_ns), at_ns), setup.limits)


def test_speeds_in_other_units_are_not_believed(setup: Setup) -> None:
    brake, e = Brake(setup.embodiment, setup.limits), setup.embodiment
    at_home, resting_s = list(e.to_positions(setup.home)), Brake(e, setup.limits).needed_s(START)
    for k in range(3):
        assert brake.on_measurement(CLOCK + k * TICK, e.joints, at_home, [1000.0] * len(e.joints), START + k * TICK)
    assert brake.needed_s(START + 2 * TICK) == resting_s


def test_position_out_of_reach_is_no_joint_state(setup: Setup) -> None:
    brake, e = Brake(setup.embodiment, setup.limits), setup.embodiment
    assert not brake.on_measurement(CLOCK, e.joints, [1e299] * len(e.joints), (), START)
    assert brake.stamp_ns == -1


@settings(max_examples=60, deadline=None)
@given(
    moving_s=st.floats(0.3, 1.2),
    amplitude=st.floats(0.2, 0.5),
    heard_ms=st.integers(0, 60),
    after_ms=st.integers(70, 120),
    taken_ms=st.integers(0, 4),
)
def test_braking_what_the_bridge_brakes_already_keeps_the_limits(
    guarded: Guarded, moving_s: float, amplitude: float, heard_ms: int, after_ms: int, taken_ms: int
) -> None:
    """However late its stop was heard here, and though a controller takes ours some milliseconds late."""
    e, limits, controllers = guarded.embodiment, guarded.limits, tuple(c.name for c in guarded.embodiment.controllers)
    begin_ns = START + 50 * MS
    motion = join(hold(guarded.home, START), guarded.chunk(amplitude=amplitude), begin_ns, limits)
    assert motion is not None
    stop_ns = begin_ns + round(moving_s * SECOND)
    own_ns = stop_ns + after_ms * MS
    stopping, brake = stop(motion, stop_ns, limits), Brake(e, limits)
    sent: list[tuple[int, list[Trajectory]]] = []
    for plan, sent_ns, late_ms, continues in ((motion, begin_ns, 0, ()), (stopping, stop_ns, heard_ms, controllers)):
        brake.on_measurement(sent_ns, e.joints, list(e.to_positions(motion.at(sent_ns)[0])), (), sent_ns)
        sent.append((sent_ns, trajectories(plan, e, limits, continues)))
        for t in sent[-1][1]:
            times_ns = [round(s * SECOND) for s in t.times_s]
            now_ns, places, speeds = sent_ns + late_ms * MS, t.positions.tolist(), t.velocities.tolist()
            assert brake.on_command(t.controller, t.joints, t.start_ns, times_ns, places, speeds, now_ns, now_ns)
    brake.on_measurement(own_ns, e.joints, list(e.to_positions(stopping.at(own_ns)[0])), (), own_ns)
    sent.append((own_ns + taken_ms * MS, brake.stops(controllers, own_ns, own_ns, own_ns)))
    played = [played_velocities(guarded, c, sent, range(stop_ns, own_ns + SECOND // 2, MS)) for c in e.controllers]
    accelerations = np.diff(np.concatenate(played, axis=1), axis=0) / (MS / SECOND)
    arms = [j for c in e.controllers for j in (e.joints.index(name) for name in c.joints)]
    share = abs(accelerations) / e.to_velocities(limits.acceleration)[arms]
    assert share[:, ~limits.is_gripper[arms]].max() < 1.02


def played_velocities(
    guarded: Guarded, controller: Controller, sent: list[tuple[int, list[Trajectory]]], times: range
) -> np.ndarray:
    """What a controller asks of its joints `(T, J)`, rad/s, by the trajectories and when it took them."""
    home = guarded.embodiment.to_positions(guarded.home)
    columns = [guarded.embodiment.joints.index(joint) for joint in controller.joints]
    played, queue, found = TrajectoryController(controller.name, controller.joints, home[columns]), [*sent], []
    for now_ns in times:
        while queue and queue[0][0] <= now_ns:
            at_ns, told = queue.pop(0)
            t = next(t for t in told if t.controller == controller.name)
            rows = zip(t.times_s, t.positions.tolist(), t.velocities.tolist(), strict=True)
            points = [Point(round(s * SECOND), tuple(p), tuple(v)) for s, p, v in rows]
            played.accept(t.joints, points, t.start_ns, at_ns)
        played.sample(now_ns)
        found.append(played.velocity.copy())
    return np.array(found)


def test_joint_states_that_come_late_are_no_other_clock(setup: Setup) -> None:
    brake, e = Brake(setup.embodiment, setup.limits), setup.embodiment
    at_home = list(e.to_positions(setup.home))
    for k in [*range(20), *range(28, 80)]:
        now, late_ns = START + k * TICK, 0 if k < 20 else 150_000_000  # as a flood delays them
        assert brake.on_measurement(CLOCK + k * TICK - late_ns, e.joints, at_home, (), now)
        assert brake.is_clock(CLOCK + k * TICK, now, 100_000_000)


@pytest.mark.parametrize("set_by_ns", [-150_000_000, 150_000_000, -3_600 * SECOND, 3_600 * SECOND])
def test_clock_that_was_set_is_known_by_the_first_joint_state(setup: Setup, set_by_ns: int) -> None:
    brake, e = Brake(setup.embodiment, setup.limits), setup.embodiment
    at_home = list(e.to_positions(setup.home))
    for k in range(40):
        now, clock = START + k * TICK, CLOCK + k * TICK + (set_by_ns if k >= 20 else 0)
        assert brake.on_measurement(clock, e.joints, at_home, (), now)
        assert brake.clock_ns(now) == clock
        assert brake.is_clock(CLOCK + k * TICK, now, 100_000_000) == (k < 20)


@pytest.mark.parametrize("pace", [0.3, 0.8, 1.5])
def test_simulated_time_at_another_pace_is_no_other_clock(setup: Setup, pace: float) -> None:
    brake, e = Brake(setup.embodiment, setup.limits), setup.embodiment
    at_home = list(e.to_positions(setup.home))
    for k in range(300):
        now, clock = START + k * TICK, CLOCK + round(k * pace * TICK)
        assert brake.on_measurement(clock, e.joints, at_home, (), now)
        assert brake.is_clock(clock, now, 100_000_000)
