"""Promises of the watchdog: what is wrong is found, what is right is left alone, and its stop is one within the limits."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.safety.brake import Brake
from finevla_core.safety.limits import Limits, robot_limits
from finevla_core.safety.plan import Plan
from finevla_core.safety.watchdog import WATCHES, Verdict, Watchdog, WatchdogOptions
from finevla_core.safety.watches import carriers, carrying_joints
from finevla_core.safety.words import Event, State, Trajectory
from finevla_core.urdf import expand

SECOND = 1_000_000_000
TICK = 20_000_000
START = 100 * SECOND
CLOCK = 1_700_000_000 * SECOND  # the ROS clock at START
HOME = np.array([0.0, 1.3, -1.6, 0.0, 0.4, 0.0, 1.0])
BRIDGE, WATCHDOG = "/finevla/safety_bridge", "/finevla/safety_watchdog"


@dataclasses.dataclass(frozen=True)
class Setup:
    embodiment: Embodiment
    limits: Limits
    urdf: str

    @property
    def home(self) -> np.ndarray:
        return np.tile(HOME, len(self.embodiment.names) // 7)

    @property
    def arms(self) -> np.ndarray:
        return ~self.limits.is_gripper


@pytest.fixture(scope="module", params=["cobotmagic", "single"])
def setup(request: pytest.FixtureRequest, cobotmagic_file: Path, single_file: Path) -> Setup:
    file = cobotmagic_file if request.param == "cobotmagic" else single_file
    embodiment = load_embodiment(file)
    urdf = expand(file.parents[2] / embodiment.urdf)
    return Setup(embodiment, robot_limits(embodiment, urdf), urdf)


class Stack:
    """A healthy stack around a watchdog, in which single parts can be silenced; `step` lets time pass."""

    def __init__(self, setup: Setup, simulated: bool = False, silent: tuple[str, ...] = (), **options: object) -> None:
        self.setup, self.embodiment = setup, setup.embodiment
        self.now_ns, self.clock_ns = START, CLOCK
        frames = {c.name: c.frame for c in self.embodiment.cameras}
        carry = carriers(setup.urdf, self.embodiment.joints, frames)
        self.watchdog = Watchdog(
            self.embodiment,
            setup.limits,
            carry,
            WatchdogOptions(**{"startup_s": 0.0, "loading_s": 0.0, **options}),  # type: ignore[arg-type]
            (BRIDGE, WATCHDOG),
            simulated,
            START,
        )
        self.values = setup.home.copy()
        self.velocity = np.zeros(len(self.values))  # of the arms, when nothing is told
        self.state, self.epoch = State.HOLDING, 1
        self.silent = set(silent)
        self.frozen: set[str] = set()
        self.stamps_stand, self.held, self.pace = False, True, 1.0
        self.stamp_ns = CLOCK
        self.pictures = 0
        self.asked, self.events, self.trajectories = 0, list[Event](), list[Trajectory]()
        self.watchdog.on_instruction("now", START)
        self.step(0.2)

    def step(self, seconds: float) -> "Stack":
        """Time passes, tick by tick, and everybody speaks who is not silent."""
        for _ in range(round(seconds * SECOND / TICK)):
            self.now_ns += TICK
            self.clock_ns += round(self.pace * TICK)
            self.values = self.values + self.velocity * self.pace * TICK / SECOND
            self.speak()
            self.watchdog.tick(self.now_ns, self.clock_ns)
            self.take()
        return self

    def speak(self) -> None:
        w, now = self.watchdog, self.now_ns
        if "joints" not in self.silent:
            self.stamp_ns = self.stamp_ns if self.stamps_stand else self.clock_ns
            positions = list(self.embodiment.to_positions(self.values))
            w.on_joint_state(self.stamp_ns, self.embodiment.joints, positions, (), now)
        if "bridge" not in self.silent:
            w.on_status(int(self.state), self.epoch, now)
        if "policy" not in self.silent:
            w.on_policy(now)
        if "chunks" not in self.silent:
            w.on_chunk(now)
        if "deadman" not in self.silent:
            w.on_deadman(self.held, now)
        if "observations" not in self.silent and now % (5 * TICK) == 0:
            self.pictures += 1
            hashes = {c: 0 if c in self.frozen else self.pictures for c in self.embodiment.camera_names}
            w.on_observation(hashes, self.values, now)

    def take(self) -> None:
        asks, trajectories, events = self.watchdog.take()
        self.asked += asks
        self.trajectories += trajectories
        self.events += events

    def move(self, speed: float = 0.2) -> "Stack":
        """The bridge follows chunks, and the arms move."""
        self.state = State.FOLLOWING
        self.velocity = speed * self.setup.arms * np.sign(-self.setup.home + 1e-9)
        return self.step(0.2)

    def tell(self, speed: float = 0.5, seconds: float = 2.0) -> Plan:
        """Controllers are told a smooth motion of all arm joints from where they are, by the bridge."""
        away = speed * seconds / 2 * self.setup.arms * np.where(self.values > 0, -1.0, 1.0)
        phase = np.linspace(0, 1, 21)
        ramp, slope = phase**2 * (3 - 2 * phase), 6 * phase * (1 - phase) / seconds
        plan = Plan(
            (self.clock_ns + phase * seconds * SECOND).astype(np.int64),
            self.values + ramp[:, None] * away,
            slope[:, None] * away,
        )
        for c in self.embodiment.controllers:
            columns = [self.embodiment.joints.index(j) for j in c.joints]
            self.watchdog.on_trajectory(
                c.name,
                c.joints,
                self.clock_ns,
                [int(t - self.clock_ns) for t in plan.times_ns[1:]],
                self.embodiment.to_positions(plan.positions)[1:, columns].tolist(),
                self.embodiment.to_velocities(plan.velocities)[1:, columns].tolist(),
                self.now_ns,
                self.clock_ns,
            )
        self.state = State.FOLLOWING
        return plan

    def follow(self, plan: Plan, seconds: float) -> "Stack":
        """The arms do exactly what they were told."""
        self.velocity = np.zeros(len(self.values))
        for _ in range(round(seconds * SECOND / TICK)):
            self.values = plan.at(self.clock_ns + TICK)[0]
            self.step(TICK / SECOND)
        return self

    @property
    def codes(self) -> list[str]:
        return [e.code for e in self.events]


def test_healthy_stack_is_left_alone_at_rest_and_in_motion(setup: Setup) -> None:
    stack = Stack(setup).step(2.0).move().step(2.0)
    assert (stack.codes, stack.asked, stack.trajectories, stack.watchdog.trouble) == ([], 0, [], "")


# What is done to a moving stack, and the code of it.
FAULTS: dict[str, Callable[[Stack], object]] = {
    "watchdog.bridge": lambda s: s.silent.add("bridge"),
    "watchdog.motion": lambda s: setattr(s, "state", State.STOPPED),  # that is what it says; the arms go on
    "watchdog.joints": lambda s: s.silent.add("joints"),
    "watchdog.joints_still": lambda s: setattr(s, "stamps_stand", True),
    "watchdog.observations": lambda s: s.silent.add("observations"),
    "watchdog.policy": lambda s: s.silent.add("policy"),
    "watchdog.chunks": lambda s: s.silent.add("chunks"),
    "watchdog.camera_frozen": lambda s: s.frozen.update(s.embodiment.camera_names),
    "watchdog.clock_jump": lambda s: setattr(s, "clock_ns", s.clock_ns + SECOND),
    "watchdog.rival": lambda s: s.watchdog.on_publishers("left", [BRIDGE, WATCHDOG, "/finevla/teleop"], s.now_ns),
    "watchdog.deadman": lambda s: setattr(s, "held", False),
    "watchdog.clock_still": lambda s: setattr(s, "pace", 0.0),
}


def test_every_watch_has_a_fault_here() -> None:
    assert set(FAULTS) == set(WATCHES)


@pytest.mark.parametrize("is_moving", [False, True])
@pytest.mark.parametrize("code", WATCHES)
def test_each_fault_leads_to_what_the_table_says(setup: Setup, code: str, is_moving: bool) -> None:
    stack = Stack(setup, simulated=code == "watchdog.clock_still", deadman=True)
    if is_moving:
        stack.move()
    FAULTS[code](stack)
    stack.step(1.5)
    if code == "watchdog.camera_frozen" and not is_moving:
        assert stack.codes == []  # a still scene may look the same for ever
        return
    if code == "watchdog.motion" and not is_moving:
        assert stack.codes == []  # a bridge that stops at rest is well
        return
    if code == "watchdog.chunks" and not is_moving:
        assert stack.codes == []  # nobody expects chunks where nothing is followed
        return
    verdict = WATCHES[code].moving if is_moving else WATCHES[code].at_rest
    first = stack.events[0]
    assert (first.code, first.level) == (code, int(verdict))
    assert bool(stack.asked) == (verdict is Verdict.STOP) == bool(stack.watchdog.latched)
    assert bool(stack.watchdog.trouble) == (verdict is Verdict.STOP)


@pytest.mark.parametrize(
    ("code", "within_s"),
    [("watchdog.bridge", 0.34), ("watchdog.joints", 0.54), ("watchdog.rival", 0.02), ("watchdog.deadman", 0.02)],
)
def test_stop_comes_in_time(setup: Setup, code: str, within_s: float) -> None:
    stack = Stack(setup, deadman=True).move()
    FAULTS[code](stack)
    stack.step(within_s)
    assert stack.watchdog.latched == code


def test_fault_at_rest_becomes_a_stop_when_something_moves(setup: Setup) -> None:
    stack = Stack(setup)
    stack.silent.add("bridge")
    stack.step(1.0)
    assert not stack.watchdog.latched
    stack.velocity = 0.2 * setup.arms  # somebody moves the arms
    stack.step(0.2)
    assert stack.watchdog.latched == "watchdog.bridge"


def test_what_comes_back_is_told(setup: Setup) -> None:
    stack = Stack(setup)
    stack.silent.add("policy")
    stack.step(1.5)
    stack.silent.clear()
    stack.step(0.1)
    assert [(e.code, e.level) for e in stack.events] == [("watchdog.policy", 1), ("watchdog.policy", 0)]


def test_nothing_is_missing_while_the_stack_starts(setup: Setup) -> None:
    stack = Stack(setup, silent=("bridge", "joints", "policy", "observations"), startup_s=3.0, loading_s=15.0)
    stack.step(2.5)
    assert stack.codes == []


def test_what_has_spoken_once_may_be_missing_at_once(setup: Setup) -> None:
    stack = Stack(setup, startup_s=3.0).move()
    stack.silent.add("bridge")
    assert stack.step(0.34).watchdog.latched == "watchdog.bridge"


def test_its_own_sleep_is_nobodys_silence(setup: Setup) -> None:
    stack = Stack(setup, deadman=True).move()
    for _ in range(3):
        stack.now_ns, stack.clock_ns = stack.now_ns + SECOND, stack.clock_ns + SECOND
        stack.watchdog.tick(stack.now_ns, stack.clock_ns)  # before it has read what came
        stack.take()
        stack.step(0.1)
    assert stack.codes == []
    stack.silent.add("bridge")
    assert stack.step(0.34).watchdog.latched == "watchdog.bridge"


def test_late_bridge_is_no_hung_bridge(setup: Setup) -> None:
    stack = Stack(setup).move()
    for _ in range(10):
        stack.silent.add("bridge")
        stack.step(0.26)
        stack.silent.clear()
        stack.step(0.02)
    assert stack.codes == []


# The camera watch


def test_wrist_camera_is_judged_by_its_own_arm_where_pictures_have_no_noise(setup: Setup) -> None:
    e = setup.embodiment
    carry = carriers(setup.urdf, e.joints, {c.name: c.frame for c in e.cameras})
    for camera in e.cameras:
        carried = {n for n, c in zip(e.names, carry[camera.name], strict=True) if c}
        side = "" if e.name == "single" else f"{camera.name}_"
        assert carried == (set() if camera.name == "front" else {f"{side}joint{i}" for i in range(1, 7)})


def test_chain_of_an_unknown_link_is_empty(setup: Setup) -> None:
    assert carrying_joints(setup.urdf, "no_such_link") == set()


def test_still_pictures_of_another_arms_motion_are_no_frozen_camera(setup: Setup) -> None:
    if setup.embodiment.name == "single":
        pytest.skip("it has one arm")
    stack = Stack(setup, camera_noise=False)
    stack.state = State.FOLLOWING
    stack.velocity = np.array([0.2 * name.startswith("right_joint") for name in setup.embodiment.names])
    stack.frozen = {"front", "left"}
    assert stack.step(3.0).codes == []
    stack.frozen = {"right"}
    stack.step(1.0)
    assert stack.watchdog.latched == "watchdog.camera_frozen"
    assert "camera right" in stack.watchdog.reason


def test_few_equal_pictures_are_no_frozen_camera(setup: Setup) -> None:
    stack = Stack(setup).move()
    for _ in range(5):
        stack.frozen = set(setup.embodiment.camera_names)
        stack.step(0.5)
        stack.frozen = set()
        stack.step(0.1)
    assert stack.codes == []


# The clock watch


@pytest.mark.parametrize("pace", [0.05, 1.0, 20.0])
def test_simulated_time_may_run_at_any_pace(setup: Setup, pace: float) -> None:
    stack = Stack(setup, simulated=True)
    stack.pace = pace
    assert stack.move(speed=0.2 / pace).step(3.0).codes == []


def test_simulated_time_that_goes_back_is_a_jump(setup: Setup) -> None:
    stack = Stack(setup, simulated=True).move()
    stack.clock_ns -= SECOND
    assert stack.step(0.1).watchdog.latched == "watchdog.clock_jump"


def test_machine_clock_that_is_slewed_is_no_jump(setup: Setup) -> None:
    stack = Stack(setup)
    stack.pace = 1.001
    assert stack.move().step(5.0).codes == []


# Rivals


@pytest.mark.parametrize(
    ("names", "is_rival"),
    [
        ([BRIDGE], False),
        ([BRIDGE, WATCHDOG], False),
        ([BRIDGE, WATCHDOG, WATCHDOG], False),  # the watchdog's own ghost, after it was started again
        ([], False),
        ([BRIDGE, ""], False),  # just discovered, not known yet
        ([BRIDGE, BRIDGE], False),  # a killed one is listed for 20 s more; two that live are heard
        ([BRIDGE, "/other/safety_bridge"], True),
        (["/finevla/teleop"], True),
    ],
)
def test_only_one_bridge_and_the_watchdog_may_command(setup: Setup, names: list[str], is_rival: bool) -> None:
    stack = Stack(setup)
    stack.watchdog.on_publishers("left_arm_controller/joint_trajectory", names, stack.now_ns)
    stack.step(0.1)
    assert bool(stack.watchdog.latched) == is_rival
    if is_rival:
        assert "left_arm_controller/joint_trajectory" in stack.watchdog.reason


def test_publisher_that_stays_without_a_name_is_a_rival(setup: Setup) -> None:
    stack = Stack(setup)
    for _ in range(6):
        stack.watchdog.on_publishers("left", [BRIDGE, ""], stack.now_ns)
        stack.step(0.25)
    assert stack.watchdog.latched == "watchdog.rival"


# The latch


def test_confirmed_stop_is_the_bridges_own_and_a_reset_ends_it(setup: Setup) -> None:
    stack = Stack(setup).move()
    FAULTS["watchdog.clock_jump"](stack)
    stack.step(0.02)
    stack.state, stack.velocity = State.STOPPED, stack.velocity * 0
    stack.step(3.0)
    assert (stack.asked, stack.trajectories) == (1, [])
    assert stack.watchdog.latched
    assert stack.watchdog.trouble == ""  # the cause is over: whether to reset is up to a person
    stack.state, stack.epoch = State.HOLDING, 2
    stack.step(0.1)
    assert not stack.watchdog.latched
    assert stack.move().step(1.0).watchdog.latched == ""


def test_reset_with_the_cause_still_there_stops_again(setup: Setup) -> None:
    stack = Stack(setup, deadman=True)
    stack.held = False
    stack.step(0.1)
    stack.state = State.STOPPED
    stack.step(0.1)
    assert stack.watchdog.trouble
    stack.state, stack.epoch = State.HOLDING, 2
    stack.step(0.1)
    assert stack.watchdog.latched == "watchdog.deadman"
    assert stack.asked == 2


def test_bridge_that_does_not_answer_is_asked_again(setup: Setup) -> None:
    stack = Stack(setup).move()
    FAULTS["watchdog.rival"](stack)
    stack.step(1.0)
    assert stack.asked >= 5


def test_bridge_that_was_started_again_moves_nothing_before_a_reset(setup: Setup) -> None:
    stack = Stack(setup).move()
    stack.silent.add("bridge")
    stack.step(0.5)
    stack.velocity = stack.velocity * 0
    stack.step(2.0)
    stack.silent.clear()
    stack.step(0.5)
    assert stack.watchdog.latched  # it woke up as it was
    stack.state, stack.epoch = State.HOLDING, 7
    stack.step(0.2)
    assert stack.watchdog.latched  # a new one, which has not been told yet
    assert stack.watchdog.trouble
    stack.state = State.STOPPED
    stack.step(0.1)
    assert stack.watchdog.trouble == ""
    stack.state, stack.epoch = State.HOLDING, 8
    assert not stack.step(0.1).watchdog.latched


def test_killed_bridge_that_dds_still_lists_is_no_second_one(setup: Setup) -> None:
    stack = Stack(setup)
    for _ in range(200):
        stack.watchdog.on_publishers("left", [BRIDGE, BRIDGE, WATCHDOG], stack.now_ns)
        stack.step(0.1)
    assert not stack.watchdog.latched
    for _ in range(60):
        stack.watchdog.on_publishers("left", [BRIDGE, BRIDGE, WATCHDOG], stack.now_ns)
        stack.step(0.1)
    assert stack.watchdog.latched == "watchdog.rival"  # longer than the dead are listed: it hangs


def test_two_bridges_that_speak_are_a_stop(setup: Setup) -> None:
    stack = Stack(setup)
    stack.epoch = 7
    stack.step(0.1)
    assert not stack.watchdog.latched
    stack.watchdog.on_status(int(State.HOLDING), 1, stack.now_ns)
    stack.step(0.1)
    assert stack.watchdog.latched == "watchdog.rival"
    assert "two bridges speak" in stack.watchdog.reason


# The own stop


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
    """As the controller sees it: from its command at that time on."""
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
    stack.follow(told, 0.04)
    assert len(stack.trajectories) == len(setup.embodiment.controllers)


def test_it_keeps_quiet_at_rest(setup: Setup) -> None:
    stack = Stack(setup)
    told = stack.tell()
    stack.silent.add("bridge")
    stack.follow(told, 0.36)
    stop = stop_plan(stack)
    stack.follow(stop, 5.0)
    assert len(stack.trajectories) == len(setup.embodiment.controllers)
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
    brake.felt(CLOCK, setup.embodiment.joints, list(setup.embodiment.to_positions(measured)), (), START)
    closed = [0.0]
    assert brake.told(gripper.name, gripper.joints, 0, [SECOND // 10], [closed], [[0.0]], START, CLOCK)
    later = SECOND // 2
    brake.felt(CLOCK + later, setup.embodiment.joints, list(setup.embodiment.to_positions(measured)), (), START + later)
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
    assert not brake.told(gripper.name, **{**good, **change}, now_ns=START, clock_ns=CLOCK)
    assert not brake.is_running(CLOCK)
    assert brake.told(gripper.name, **good, now_ns=START, clock_ns=CLOCK)
    assert brake.is_running(CLOCK)


# Any order of events

_floats = st.floats(allow_nan=True, allow_infinity=True) | st.floats(-2, 2)
_event = st.one_of(
    st.tuples(st.just("status"), st.integers(0, 5), st.integers(0, 3)),
    st.tuples(st.just("state"), st.integers(-SECOND, SECOND), st.lists(_floats, min_size=1, max_size=3)),
    st.tuples(st.just("told"), st.integers(0, 3), st.lists(_floats, min_size=0, max_size=3)),
    st.tuples(st.just("deadman"), st.booleans()),
    st.tuples(st.just("publishers"), st.lists(st.sampled_from([BRIDGE, WATCHDOG, "", "/x"]), max_size=3)),
    st.tuples(st.just("see"), st.integers(0, 1)),
    st.tuples(st.just("clock"), st.integers(-2 * SECOND, 2 * SECOND)),
    st.tuples(st.just("wait"), st.integers(0, SECOND)),
    st.tuples(st.just("simple"), st.sampled_from(["chunk", "policy", "instruction"])),
)


@settings(max_examples=150, deadline=None)
@given(events=st.lists(_event, max_size=40), simulated=st.booleans(), deadman=st.booleans())
@example(events=[("state", 1, [9e299]), ("status", 0, 0)], simulated=False, deadman=False)  # an infinite speed
def test_no_order_of_events_raises_and_only_the_bridge_unlatches(
    setup: Setup, events: list[tuple], simulated: bool, deadman: bool
) -> None:
    stack = Stack(setup, simulated=simulated, deadman=deadman)
    e, w = setup.embodiment, stack.watchdog
    for kind, *arguments in events:
        latched, confirmed = w.latched, False
        if kind == "status":
            w.on_status(arguments[0], arguments[1], stack.now_ns)
            confirmed = arguments[0] != State.STOPPED
        elif kind == "state":
            values = np.resize(arguments[1], len(e.joints))
            w.on_joint_state(stack.clock_ns + arguments[0], e.joints, list(values), list(values), stack.now_ns)
        elif kind == "told":
            c = e.controllers[arguments[0] % len(e.controllers)]
            rows = [[value] * len(c.joints) for value in arguments[1]]
            times = [(i + 1) * SECOND // 5 for i in range(len(rows))]
            still = [[0.0] * len(c.joints) for _ in rows]
            w.on_trajectory(c.name, c.joints, 0, times, rows, still, stack.now_ns, stack.clock_ns)
        elif kind == "deadman":
            w.on_deadman(arguments[0], stack.now_ns)
        elif kind == "publishers":
            w.on_publishers("left", arguments[0], stack.now_ns)
        elif kind == "see":
            w.on_observation(dict.fromkeys(e.camera_names, arguments[0]), stack.values, stack.now_ns)
        elif kind == "clock":
            stack.clock_ns += arguments[0]
        elif kind == "wait":
            stack.now_ns += arguments[0]
        elif arguments[0] == "chunk":
            w.on_chunk(stack.now_ns)
        elif arguments[0] == "policy":
            w.on_policy(stack.now_ns)
        else:
            w.on_instruction("", stack.now_ns)
        w.tick(stack.now_ns, stack.clock_ns)
        made = len(stack.trajectories)
        stack.take()
        for trajectory in stack.trajectories[made:]:
            assert not trajectory.velocities[-1].any()
            assert np.isfinite(trajectory.positions).all()
        assert not latched or w.latched or confirmed


def test_arms_that_move_on_after_the_bridges_stop_are_braked(setup: Setup) -> None:
    stack = Stack(setup)
    told = stack.tell(speed=0.5, seconds=3.0)
    stack.follow(told, 1.5)
    stack.state = State.STOPPED  # as a bridge that hung for a moment says it, and commands nothing
    stack.follow(told, 0.5)
    assert stack.watchdog.latched == "watchdog.motion"
    at_ns = stack.trajectories[0].start_ns
    within_limits(with_start(stop_plan(stack), *told.at(at_ns), at_ns), setup.limits)


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
