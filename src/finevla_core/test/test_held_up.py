"""Promises of a computer that is held up in mid-motion: who wakes looks at the arms first, and brakes within the limits."""

from collections.abc import Collection

import numpy as np
import pytest
from commanded import MS, START, STATE_NS, TICK_NS, DrivenBridge, tell_commands
from guarded_arms import Guarded

from finevla_core.joint_trajectory_controller import PERIOD_NS
from finevla_core.safety.events import State
from finevla_core.safety.plan import Plan, hold
from finevla_core.safety.plan_after_sleep import PlanAfterSleep
from finevla_core.safety.watchdog import Watchdog
from finevla_core.safety.watchdog_monitors import carriers
from finevla_core.safety.watchdog_options import WatchdogOptions

STATUS_NS = 40 * MS
LOOKED_S = 0.06  # a tick, and joint states until they tell a speed
STOP_S = 0.25  # from 0.75 rad/s, v / a + a / j, and a cycle or two


class HeldUp(DrivenBridge):
    """A bridge, its controllers and a watchdog beside it; who is in `asleep` does and hears nothing."""

    def __post_init__(self) -> None:
        self.asleep: Collection[str] = ()
        self.watchdog: Watchdog | None = None
        self.heard = 0  # of what the bridge sent
        self.unread: list[tuple] = []  # of controllers' topics, by the watchdog
        self.codes: list[str] = []
        self.braked_ns: list[int] = []  # when the watchdog commanded something
        super().__post_init__()
        e = self.embodiment
        frames = carriers(self.urdf, e.joints, {c.name: c.frame for c in e.cameras})
        options = WatchdogOptions(startup_s=0.0, loading_s=0.0)
        names = ("/finevla/safety_bridge", "/finevla/safety_watchdog")
        self.watchdog = Watchdog(e, self.envelope.limits, frames, options, names, False, self.now_ns)
        self.watchdog.on_instruction("x", self.now_ns)

    urdf = ""

    def run(self, until_ns: int) -> None:
        while self.now_ns + MS <= until_ns:
            self.now_ns += MS
            if self.now_ns % STATE_NS == 0:
                self._feel()
            if self.now_ns % TICK_NS == 0 and "bridge" not in self.asleep:
                self.bridge.tick(self.now_ns)
            self.flush()
            if self.now_ns % TICK_NS == 0:
                self._see()
            self.arms.run(self.now_ns)

    def flush(self) -> None:
        if "bridge" not in self.asleep:
            super().flush()

    def _feel(self) -> None:
        if "bridge" not in self.asleep:
            super()._feel()
        if self.watchdog is not None and "watchdog" not in self.asleep:
            positions = self.embodiment.to_positions(self.arms.values(self.lag_ns)).tolist()
            self.watchdog.on_joint_state(self.now_ns, self.embodiment.joints, positions, (), self.now_ns)

    def _see(self) -> None:
        w = self.watchdog
        if w is None or "watchdog" in self.asleep:
            return
        tell_commands(w, [t for _, t in self.sent[self.heard :]], self.now_ns)
        self.heard = len(self.sent)
        if self.now_ns % STATUS_NS == 0 and "bridge" not in self.asleep:
            w.on_status(int(self.bridge.state), 1, self.now_ns)
        w.on_policy(self.now_ns // MS, self.now_ns)
        w.on_chunk(self.now_ns)
        w.on_observation(dict.fromkeys(self.embodiment.camera_names, self.now_ns), self.start, self.now_ns)
        w.tick(self.now_ns, self.now_ns)
        asks, trajectories, events = w.take()
        for t in trajectories:
            self.arms.send(t, self.now_ns)
            self.braked_ns.append(self.now_ns)
        if "bridge" not in self.asleep:
            if trajectories:
                self.bridge.on_other_command()
            if asks:
                self.bridge.on_stop(self.now_ns, "stop.topic", "stop")
        self.codes += [e.code for e in events if e.level]

    def rested_s(self, since_ns: int) -> float:
        """How long after that the last command moved."""
        rows = self.arms.commands()
        last = int(np.flatnonzero((abs(np.diff(rows, axis=0)) > 1e-9).any(1))[-1]) + 1
        return (self.arms.first_ns + last * PERIOD_NS - since_ns) * 1e-9


def held_up(
    guarded: Guarded, asleep: Collection[str], for_ms: int, lag_ms: int, dead: Collection[str] = ()
) -> tuple[HeldUp, int]:
    """In mid-motion somebody sleeps, and who is in `dead` for ever; the run of three seconds more, and when they woke."""
    HeldUp.urdf = guarded.urdf
    run = HeldUp(guarded.embodiment, guarded.envelope, guarded.home, lag_ns=lag_ms * MS)
    run.run(START + 200 * MS)
    guarded.tell_held(run.bridge, guarded.home)
    chunk = guarded.chunk(run.now_ns - 50 * MS, amplitude=0.6, instruction_id="x")
    run.bridge.on_chunk(chunk, run.now_ns)
    assert run.bridge.counts.accepted == 1, run.bridge.counts.rejected
    run.run(run.now_ns + 500 * MS)
    run.asleep = asleep
    run.run(run.now_ns + for_ms * MS)
    run.asleep, woke_ns = dead, run.now_ns
    run.run(run.now_ns + 3000 * MS)
    return run, woke_ns


@pytest.mark.parametrize("lag_ms", [0, 20, 60])
@pytest.mark.parametrize("for_ms", [260, 400])
@pytest.mark.parametrize("asleep", [("bridge", "watchdog"), ("bridge",), ("watchdog",)], ids="+".join)
def test_who_wakes_in_mid_motion_brakes_within_the_limits(
    guarded: Guarded, asleep: Collection[str], for_ms: int, lag_ms: int
) -> None:
    run, woke_ns = held_up(guarded, asleep, for_ms, lag_ms)
    assert not run.arms.offences()
    if "bridge" in asleep:
        assert run.bridge.state is State.STOPPED
        assert run.rested_s(woke_ns) < LOOKED_S + STOP_S


@pytest.mark.parametrize("lag_ms", [0, 20, 60])
@pytest.mark.parametrize("for_ms", [260, 400])
def test_watchdog_that_wakes_beside_a_dead_bridge_brakes_within_its_time_and_the_limits(
    guarded: Guarded, for_ms: int, lag_ms: int
) -> None:
    run, woke_ns = held_up(guarded, ("bridge", "watchdog"), for_ms, lag_ms, dead=("bridge",))
    assert not run.arms.offences()
    assert "watchdog.brake" in run.codes
    assert run.rested_s(woke_ns) < WatchdogOptions().bridge_timeout_s + TICK_NS * 1e-9 + STOP_S


def test_bridge_that_wakes_after_the_watchdog_has_braked_commands_nothing(guarded: Guarded) -> None:
    run, _ = held_up(guarded, ("bridge",), 500, 20)
    sent_ns = [at_ns for at_ns, _ in run.sent]
    assert run.braked_ns
    assert max(sent_ns) < min(run.braked_ns)


def test_bridge_that_wakes_where_the_arms_rest_commands_nothing(guarded: Guarded) -> None:
    """Whoever stopped them was not heard, and a stop from where the plan is would be a leap."""
    plan = hold(guarded.home, START)
    moving = Plan(
        np.array([START, START + 2000 * MS]),
        np.stack([guarded.home, guarded.home + 0.8]),
        np.zeros((2, plan.positions.size)),
    )
    after_sleep = PlanAfterSleep(moving, START + 1000 * MS)
    resting = moving.at(START + 700 * MS)[0]
    arms = ~guarded.limits.is_gripper
    assert not any(after_sleep.is_followed(resting, START + (1005 + 10 * k) * MS, arms) for k in range(30))
    assert after_sleep.is_over
    again = PlanAfterSleep(moving, START + 1000 * MS)
    stamps = [START + (1005 + 10 * k) * MS for k in range(30)]
    assert [again.is_followed(moving.at(t - 40 * MS)[0], t, arms) for t in stamps].index(True) == 2
