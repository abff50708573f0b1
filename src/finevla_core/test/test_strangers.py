"""Promises about strangers on a controller's topic: the arms are stopped when one is heard, and have hardly moved by then.

Controllers are played at 1 ms, arms follow them perfectly, joint states come at 100 Hz, messages take 3 ms.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from watched_stack import BRIDGE, SECOND, WATCHDOG, Setup, Stack

from finevla_core.errors import FineVLAError
from finevla_core.joint_trajectory_controller import Point, TrajectoryController
from finevla_core.safety.controller_trajectories import trajectories
from finevla_core.safety.events import State, Trajectory
from finevla_core.safety.plan import Plan, stop

MS = 1_000_000
WAY_MS, STATE_MS, TICK_MS = 3, 10, 16
Points = list[Point]


class Duel:
    """A watchdog, played controllers with perfect arms, and whoever sends trajectories to them."""

    def __init__(self, setup: Setup, bridge_ms: int | None = None) -> None:
        self.stack = Stack(setup)
        self.setup, self.watchdog = setup, self.stack.watchdog
        self.bridge_ms = bridge_ms  # what a bridge takes to stop what it began; None = it only confirms
        e = setup.embodiment
        positions = e.to_positions(self.stack.values)
        self.columns = {c.name: [e.joints.index(j) for j in c.joints] for c in e.controllers}
        self.controllers = {
            c.name: TrajectoryController(c.name, c.joints, positions[self.columns[c.name]]) for c in e.controllers
        }
        self.start_ns, self.plan, self.ms = self.stack.clock_ns, None, 0
        self.due: list[tuple[int, Callable[[], None]]] = []
        self.trace: list[np.ndarray] = []
        self.velocities: list[np.ndarray] = []
        self.own: list[tuple[int, Trajectory]] = []

    @property
    def clock_ns(self) -> int:
        return self.start_ns + self.ms * MS

    @property
    def now_ns(self) -> int:
        return self.stack.now_ns + self.ms * MS

    def after(self, ms: int, do: Callable[[], None]) -> None:
        self.due.append((self.ms + ms, do))

    def send(self, name: str, joints: Sequence[str], points: Points, stamp_ns: int, who: str) -> None:
        """A message on its way to the controller and to the watchdog."""

        def arrive() -> None:
            try:
                self.controllers[name].accept(joints, points, stamp_ns, self.clock_ns)
            except FineVLAError:
                return

        def hear() -> None:
            told = (
                [p.time_from_start_ns for p in points],
                [p.positions for p in points],
                [p.velocities for p in points],
                self.now_ns,
                self.clock_ns,
            )
            if who == WATCHDOG:
                return
            if who == BRIDGE:
                self.watchdog.on_trajectory(name, joints, stamp_ns, *told)
            else:
                self.watchdog.on_stranger(name, who, joints, stamp_ns, *told)
                self.bridge_hears()
            self.take()

        self.after(WAY_MS, arrive)
        self.after(WAY_MS, hear)

    def take(self) -> None:
        asks, made, _ = self.watchdog.take()
        for t in made:
            self.own.append((self.ms, t))
            self.send(t.controller, t.joints, points_of(t), t.start_ns, WATCHDOG)
        if asks:
            self.bridge_hears()

    def bridge_hears(self) -> None:
        if self.stack.state is State.STOPPED or self.bridge_ms is None:
            return
        self.after(self.bridge_ms, self.bridge_stops)

    def bridge_stops(self) -> None:
        if self.stack.state is State.STOPPED:
            return
        was, self.stack.state = self.stack.state, State.STOPPED
        if was is State.FOLLOWING and self.plan is not None:
            self.command(stop(self.plan, self.clock_ns, self.setup.limits))
        self.watchdog.on_status(int(State.STOPPED), 1, self.now_ns)

    def command(self, plan: Plan) -> None:
        """As the bridge."""
        continues = () if self.plan is None else tuple(self.controllers)
        self.plan = plan
        for t in trajectories(plan, self.setup.embodiment, self.setup.limits, continues):
            self.send(t.controller, t.joints, points_of(t), t.start_ns, BRIDGE)

    def run(self, ms: int) -> None:
        e = self.setup.embodiment
        for _ in range(ms):
            self.ms += 1
            due = [do for at, do in self.due if at <= self.ms]
            self.due = [entry for entry in self.due if entry[0] > self.ms]
            for do in due:
                do()
            positions, velocities = np.zeros(len(e.joints)), np.zeros(len(e.joints))
            for name, controller in self.controllers.items():
                positions[self.columns[name]] = controller.sample(self.clock_ns)
                velocities[self.columns[name]] = controller.velocity
            self.trace.append(e.to_values(positions))
            self.velocities.append(velocities / e.to_velocities(np.ones(len(e.joints))))
            if self.ms % STATE_MS == 0:
                self.watchdog.on_joint_state(self.clock_ns, e.joints, list(positions), (), self.now_ns)
            if self.ms % 40 == 0:
                self.watchdog.on_status(int(self.stack.state), 1, self.now_ns)
            if self.ms % TICK_MS == 0:
                self.watchdog.tick(self.now_ns, self.clock_ns)
                self.take()

    def moved(self, since_ms: int = 0) -> float:
        """How far an arm joint was from where it was then, rad."""
        return float((abs(np.array(self.trace[since_ms:]) - self.trace[since_ms]) * self.setup.arms).max())

    def rests(self) -> bool:
        return bool((abs(np.array(self.velocities[-100:])) * self.setup.arms).max() < 0.01)


def points_of(t: Trajectory) -> Points:
    rows = zip(t.times_s, t.positions, t.velocities, strict=True)
    return [Point(round(s * 1e9), tuple(p), tuple(v)) for s, p, v in rows]


def away(duel: Duel, name: str, rad: float, seconds: float, kind: str) -> Points:
    """A stranger's way from where the controller is: smooth, one point (a leap of its speed), or straight lines."""
    here = duel.controllers[name].sample(duel.clock_ns).copy()
    phase = np.linspace(0, 1, 21)[1:] if kind == "smooth" else np.array([1.0])
    ramp, slope = phase**2 * (3 - 2 * phase), 6 * phase * (1 - phase) / seconds * rad
    sign = np.where(here > 0, -1, 1)
    still = kind == "lines"
    return [
        Point(round(s * seconds * 1e9), tuple(here + r * rad * sign), () if still else tuple(v * sign))
        for s, r, v in zip(phase, ramp, slope, strict=True)
    ]


def attack(duel: Duel, rad: float, seconds: float, kind: str, for_ms: int) -> None:
    """So many milliseconds long, every 10 ms, on the first controller."""
    c = duel.setup.embodiment.controllers[0]
    for at in range(0, for_ms, 10):
        duel.after(
            at + 1, lambda: duel.send(c.name, c.joints, away(duel, c.name, rad, seconds, kind), 0, "/finevla/teleop")
        )


@pytest.mark.parametrize("for_ms", [1, 30, 50])
@pytest.mark.parametrize(
    ("rad", "seconds", "kind"),
    [(0.25, 1.0, "smooth"), (0.25, 0.5, "smooth"), (0.75, 0.2, "point"), (0.1, 1.0, "lines"), (0.25, 0.1, "lines")],
)
@pytest.mark.parametrize("bridge_ms", [4, None])
def test_stranger_moves_an_arm_at_rest_by_millimetres(
    setup: Setup, bridge_ms: int | None, rad: float, seconds: float, kind: str, for_ms: int
) -> None:
    duel = Duel(setup, bridge_ms)
    duel.run(100)
    attack(duel, rad, seconds, kind, for_ms)
    duel.run(1500)
    assert duel.watchdog.latched == "watchdog.rival"
    assert "/finevla/teleop" in duel.watchdog.reason
    assert duel.rests()
    # Of a joint; the arms are 0.7 m long. Each trajectory of a stranger takes the controller a period ahead at once, and it is
    # answered 40 ms ahead: who leaps to 2.5 rad/s in straight lines, again and again, is stopped only when he is silent.
    most = {("smooth", 1.0): 0.004, ("smooth", 0.5): 0.008, ("point", 0.2): 0.02, ("lines", 1.0): 0.035}
    assert duel.moved() < most.get((kind, seconds), 1.0), duel.moved()


@pytest.mark.parametrize("for_ms", [1, 30, 50])
@pytest.mark.parametrize(("rad", "seconds", "kind"), [(0.25, 1.0, "smooth"), (0.25, 1.0, "point"), (0.1, 1.0, "lines")])
@pytest.mark.parametrize("bridge_ms", [4, None])
def test_stranger_in_motion_is_braked_below_the_speed_limits(
    setup: Setup, bridge_ms: int | None, rad: float, seconds: float, kind: str, for_ms: int
) -> None:
    duel = Duel(setup, bridge_ms)
    duel.run(20)
    plan = duel.stack.tell(speed=0.6, seconds=3.0)
    duel.command(plan)
    duel.run(1000)
    attack(duel, rad, seconds, kind, for_ms)
    duel.run(1500)
    assert duel.watchdog.latched == "watchdog.rival"
    assert duel.rests()
    free = abs(plan.at(duel.start_ns + 1021 * MS)[0] - duel.trace[1020])
    assert (free * setup.arms).max() < 0.02  # it was the bridge's motion until then
    speeds = abs(np.array(duel.velocities))
    assert (speeds.max(0) <= setup.limits.velocity).all()
    assert duel.moved(1020) < 0.12, duel.moved(1020)


def test_stop_of_the_bridge_is_enough_where_it_answers_the_stranger(setup: Setup) -> None:
    duel = Duel(setup, bridge_ms=4)
    duel.run(20)
    duel.command(duel.stack.tell(speed=0.6, seconds=3.0))
    duel.run(1000)
    attack(duel, 0.25, 1.0, "smooth", 1)
    duel.run(1500)
    assert duel.own == []
    assert duel.rests()


def test_second_watchdog_leaves_the_braking_to_the_first(setup: Setup) -> None:
    for other, brakes in (("another", False), ("zebra", True)):
        stack = Stack(setup).move()
        stack.other = other  # this one is "own"
        stack.present.add("other")
        stack.step(0.7)  # the bridge goes on, whatever is asked
        assert stack.watchdog.latched == "watchdog.two"
        assert stack.asked
        assert bool(stack.trajectories) == brakes


def test_arms_that_do_not_rest_are_braked_by_the_second_watchdog_too(setup: Setup) -> None:
    stack = Stack(setup).move()
    stack.present.add("other")
    stack.step(3.0)
    assert stack.trajectories


# What the watchdog believes


def test_driver_that_says_that_nothing_moves_hides_no_motion(setup: Setup) -> None:
    stack = Stack(setup)
    stack.silent.add("joints")
    stack.state = State.STOPPED  # so it says
    e, still = setup.embodiment, [0.0] * len(setup.embodiment.joints)
    for _ in range(40):
        stack.values = stack.values - 0.004 * setup.arms * np.sign(setup.home + 1e-9)  # 0.2 rad/s
        positions = list(e.to_positions(stack.values))
        stack.watchdog.on_joint_state(stack.clock_ns, e.joints, positions, still, stack.now_ns)
        stack.step(0.02)
    assert stack.watchdog.brake.speed(stack.now_ns) == pytest.approx(0.2, abs=0.02)
    assert stack.watchdog.latched == "watchdog.motion"


@pytest.mark.parametrize("share", [0.5, 1.0, 1.5])
@pytest.mark.parametrize("state", [State.HOLDING, State.FOLLOWING, State.STOPPED])
def test_measured_speed_beyond_a_limit_is_a_stop_whoever_commands(setup: Setup, state: State, share: float) -> None:
    stack = Stack(setup)
    stack.state = state
    stack.velocity = -share * setup.limits.velocity * setup.arms * np.sign(setup.home + 1e-9)
    stack.step(0.2)
    assert ("watchdog.speed" in stack.codes) == (share > 1.2)


def test_noise_of_an_encoder_is_no_speed(setup: Setup) -> None:
    stack, random = Stack(setup), np.random.default_rng(0)
    for _ in range(200):
        stack.values = setup.home + random.normal(0, 5e-4, len(setup.home)) * setup.arms
        stack.step(0.02)
    assert stack.codes == []


def test_watchdog_that_slept_goes_by_nothing_that_it_had_heard_before(setup: Setup) -> None:
    stack = Stack(setup)
    plan = stack.tell(speed=0.6, seconds=4.0)
    stack.follow(plan, 1.0)
    stack.now_ns, stack.clock_ns = stack.now_ns + 2 * SECOND, stack.clock_ns + 2 * SECOND
    stack.watchdog.tick(stack.now_ns, stack.clock_ns)  # before it has read what came; the plan would go on for a second
    stack.take()
    assert not stack.watchdog.hears
    stack.state, stack.velocity = State.STOPPED, np.zeros(len(setup.home))  # somebody stopped the arms meanwhile
    stack.step(2.0)
    assert stack.watchdog.hears
    assert (stack.codes, stack.trajectories) == ([], [])


@pytest.mark.parametrize("silent", ["bridge", "joints"])
def test_watchdog_that_slept_waits_for_a_fresh_look_but_not_for_long(setup: Setup, silent: str) -> None:
    stack = Stack(setup).move()
    stack.silent.add(silent)
    stack.now_ns, stack.clock_ns = stack.now_ns + 2 * SECOND, stack.clock_ns + 2 * SECOND
    stack.step(0.8)
    assert stack.watchdog.latched == f"watchdog.{silent}"


def test_newcomer_refuses_to_start_beside_a_running_watchdog(setup: Setup) -> None:
    watchdog = Stack(setup).watchdog
    assert watchdog.on_other_watchdog("other", 500, "own", 0, 1) == ""  # once may be a late copy
    assert "already" in watchdog.on_other_watchdog("other", 501, "own", 0, 50_000_001)


def test_running_watchdog_lets_a_newcomer_end_by_itself(setup: Setup) -> None:
    stack = Stack(setup)
    for sequence in (1, 2, 3):
        assert stack.watchdog.on_other_watchdog("other", sequence, "own", 1000, stack.now_ns) == ""
        stack.step(0.06)
    stack.step(2.0)
    assert stack.codes == []


def test_of_two_that_start_together_one_refuses(setup: Setup) -> None:
    first, second = Stack(setup).watchdog, Stack(setup).watchdog
    texts = []
    for n in (1, 2):
        texts += [first.on_other_watchdog("b", n, "a", n, n), second.on_other_watchdog("a", n, "b", n, n)]
    assert sorted(map(bool, texts)) == [False, False, False, True]


def test_copies_of_another_watchdogs_heartbeat_are_no_second_one(setup: Setup) -> None:
    stack = Stack(setup)
    for _ in range(100):
        assert stack.watchdog.on_other_watchdog("other", 7, "own", 0, stack.now_ns) == ""
        stack.step(0.04)
    assert stack.codes == []


def test_policy_that_is_switched_off_with_the_observations_is_not_deaf(setup: Setup) -> None:
    stack = Stack(setup, silent=("observations",))
    stack.step(2.0)
    assert "watchdog.policy_deaf" not in stack.codes


def test_driver_that_is_started_again_is_no_second_one(setup: Setup) -> None:
    stack = Stack(setup)
    for _ in range(5):
        stack.published = 0
        stack.step(1.2)
    assert stack.codes == []
