"""A bridge and the controllers behind it in simulated time, without ROS: what is commanded, cycle by cycle.

The controllers are played as joint_trajectory_controller is: a cycle each 5 ms, and what came within one cycle before another
message is lost. Acceleration and jerk are second and third differences of what they command, where the limits count.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from finevla_core.chunk import ActionChunk
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.joint_trajectory_controller import PERIOD_NS, Point, TrajectoryController
from finevla_core.safety.bridge import Bridge
from finevla_core.safety.bridge_options import BridgeOptions
from finevla_core.safety.envelope import Envelope
from finevla_core.safety.events import State, Trajectory
from finevla_core.safety.gate import GateOptions
from finevla_core.safety.limits import Limits
from finevla_core.safety.watchdog import Watchdog

MS = 1_000_000
START = 10_000_000_000
TICK_NS, STATE_NS = 20 * MS, 10 * MS
PERIOD_S = PERIOD_NS * 1e-9
MOST_DELAY_MS = 4  # from the bridge to the controllers, when nothing is wrong
# What sampling, merged knots and deliveries within a cycle may add to the limits.
MOST_SPEED, MOST_ACCELERATION, MOST_JERK, SLACK = 1.001, 1.02, 1.05, 1e-6
READY = (State.HOLDING, State.FOLLOWING)

# How long a trajectory is on its way, by what it is and when it was sent; None = it is lost.
Wire = Callable[[Trajectory, int], int | None]


@dataclass(frozen=True)
class Shares:
    """The most of the acceleration limit and of the jerk limit that any value's command used."""

    acceleration: float = 0.0
    jerk: float = 0.0

    def __or__(self, other: "Shares") -> "Shares":
        return Shares(max(self.acceleration, other.acceleration), max(self.jerk, other.jerk))


class CommandedArms:
    """All controllers of a robot; `run` them, and `commands()` are the values `(N, D)` of every cycle since the start."""

    def __init__(self, embodiment: Embodiment, limits: Limits, start: NDArray[np.float64], first_ns: int) -> None:
        """Hold `start` `(D,)`, and have the first cycle at `first_ns`."""
        self.embodiment, self.limits, self.next_ns = embodiment, limits, first_ns
        self.first_ns, self.takes_first_point = first_ns, True
        at = dict(zip(embodiment.joints, embodiment.to_positions(start), strict=True))
        controllers = embodiment.controllers
        self.played = {c.name: TrajectoryController(c.name, c.joints, [at[j] for j in c.joints]) for c in controllers}
        claimed = [joint for c in controllers for joint in c.joints]
        self._order = [claimed.index(joint) for joint in embodiment.joints]
        self._due: list[tuple[int, str, Sequence[str], list[Point], int]] = []
        self._start = np.concatenate([c.sample(first_ns) for c in self.played.values()])
        self._rows: list[NDArray[np.float64]] = []

    def send(self, t: Trajectory, due_ns: int) -> None:
        """Have a trajectory arrive then, or after what its controller was sent before."""
        first = int(not self.takes_first_point and t.times_s[0] == 0)
        rows = zip(t.times_s[first:], t.positions[first:].tolist(), t.velocities[first:].tolist(), strict=True)
        points = [Point(round(s * 1e9), tuple(p), tuple(v)) for s, p, v in rows]
        self.send_points(t.controller, t.joints, points, t.start_ns, due_ns)

    def send_points(self, name: str, joints: Sequence[str], points: list[Point], stamp_ns: int, due_ns: int) -> None:
        """The same of bare points."""
        due_ns = max([due_ns, *(due for due, to, *_ in self._due if to == name)])
        self._due.append((due_ns, name, joints, points, stamp_ns))

    def run(self, until_ns: int) -> None:
        """All cycles up to and with that time."""
        while self.next_ns <= until_ns:
            self._cycle(self.next_ns)
            self.next_ns += PERIOD_NS

    def restart(self, values: NDArray[np.float64]) -> None:
        """Have controllers that were activated anew, and hold `values` `(D,)`."""
        at = dict(zip(self.embodiment.joints, self.embodiment.to_positions(values).tolist(), strict=True))
        for played in self.played.values():
            played.hold([at[joint] for joint in played.joints])

    def values(self, ago_ns: int = 0) -> NDArray[np.float64]:
        """What was commanded so long before the last cycle, as values `(D,)`."""
        ago = 1 + ago_ns // PERIOD_NS
        row = self._rows[-ago] if ago <= len(self._rows) else self._start
        return self.embodiment.to_values(row[self._order])

    def commands(self) -> NDArray[np.float64]:
        """Of all cycles, as values `(N, D)`."""
        rows = np.array(self._rows)[:, self._order] if self._rows else np.zeros((0, len(self._order)))
        return np.asarray(self.embodiment.to_values(rows))

    def shares(self, from_ns: int | None = None) -> Shares:
        """Of all that was commanded from that time on; None = since the start."""
        skipped = 0 if from_ns is None else max(0, (from_ns - self.first_ns) // PERIOD_NS - 3)
        rows = self.commands()[skipped:]
        if len(rows) < 4:
            return Shares()
        second, third = (abs(np.diff(rows, n, axis=0)).max(0) / PERIOD_S**n for n in (2, 3))
        return Shares(float((second / self.limits.acceleration).max()), float((third / self.limits.jerk).max()))

    def offences(self) -> list[str]:
        """Which limits of which values any command broke; one entry for each value and limit."""
        rows, limits = self.commands(), self.limits
        low, high = rows.min(0), rows.max(0)
        slack = limits.slack + SLACK
        found = {"position": (low < limits.lower - slack) | (high > limits.upper + slack)}
        for n, (what, most, share) in enumerate(
            (
                ("velocity", limits.velocity, MOST_SPEED),
                ("acceleration", limits.acceleration, MOST_ACCELERATION),
                ("jerk", limits.jerk, MOST_JERK),
            ),
            start=1,
        ):
            found[what] = abs(np.diff(rows, n, axis=0)).max(0, initial=0.0) / PERIOD_S**n > share * most
        names = self.embodiment.names
        return [f"{what} of {names[i]}" for what, over in found.items() for i in np.flatnonzero(over).tolist()]

    def _cycle(self, now_ns: int) -> None:
        if self._due:
            newest = {to: rest for due_ns, to, *rest in self._due if due_ns <= now_ns}
            for name, (joints, points, stamp_ns) in newest.items():
                try:
                    self.played[name].accept(joints, points, stamp_ns, now_ns)
                except FineVLAError:
                    continue  # a controller on a topic cannot answer either
            self._due = [due for due in self._due if due[0] > now_ns]
        self._rows.append(np.concatenate([c.sample(now_ns) for c in self.played.values()]))


def at_once(_: Trajectory, __: int) -> int:
    """A wire that takes no time."""
    return 0


def soon(rng: np.random.Generator) -> Wire:
    """A wire that takes a few milliseconds, each time others."""
    return lambda _, __: int(rng.uniform(0, MOST_DELAY_MS) * MS)


def phases(rng: np.random.Generator) -> tuple[int, int, int]:
    """When, between two milliseconds, cycles, ticks and joint states happen: any time."""
    cycle, tick, state = (int(p) * MS for p in rng.integers((PERIOD_NS // MS, TICK_NS // MS, STATE_NS // MS)))
    return cycle, tick, state


def tell_commands(watchdog: Watchdog, said: Iterable[Trajectory], now_ns: int) -> None:
    """Let a watchdog hear what the controllers are told."""
    for t in said:
        times_ns = (t.times_s * 1e9).astype(np.int64).tolist()
        told = t.controller, t.joints, t.start_ns, times_ns, t.positions.tolist(), t.velocities.tolist()
        watchdog.on_trajectory(*told, now_ns, now_ns)


@dataclass
class DrivenBridge:
    """A bridge that holds `start` `(D,)` with instruction "x", and its controllers; `run` lets time pass for both.

    Its clock stands between two milliseconds; cycles, ticks and joint states have phases of their own (`phases_ns`).
    Joint states say what was commanded `lag_ns` ago, less `sag` (a number, or one for each value), and nothing until
    `silent_until_ns`.
    """

    embodiment: Embodiment
    envelope: Envelope
    start: NDArray[np.float64]
    wire: Wire = at_once
    phases_ns: tuple[int, int, int] = (0, 0, 0)
    state_ns: int = STATE_NS
    lag_ns: int = 0
    options: BridgeOptions = field(default_factory=BridgeOptions)
    sag: float | NDArray[np.float64] = 0.0

    def __post_init__(self) -> None:
        self.now_ns, self.silent_until_ns = START, 0
        self.arms = CommandedArms(self.embodiment, self.envelope.limits, self.start, START + self.phases_ns[0])
        self.bridge = Bridge(self.embodiment, self.envelope, GateOptions(), self.options, steady_ns=lambda: self.now_ns)
        self.sent: list[tuple[int, Trajectory]] = []
        self._feel()
        self.bridge.tick(self.now_ns)
        self.bridge.on_instruction("x", self.now_ns)

    def run(self, until_ns: int) -> None:
        """Let time pass up to and with `until_ns`."""
        self.flush()
        _, tick_ns, state_ns = self.phases_ns
        while self.now_ns + MS <= until_ns:
            self.now_ns += MS
            if (self.now_ns - state_ns) % self.state_ns == 0:
                self._feel()
            if (self.now_ns - tick_ns) % TICK_NS == 0:
                self.bridge.tick(self.now_ns)
            self.flush()
            self.arms.run(self.now_ns)

    def follow(self, coming: Iterable[tuple[int, ActionChunk]], end_ns: int) -> None:
        """Let time pass up to `end_ns`, and each chunk that comes before, at its time, be judged."""
        for at_ns, chunk in coming:
            if at_ns >= end_ns:
                break
            self.run(at_ns)
            if self.is_ready:
                self.bridge.on_chunk(chunk, self.now_ns)
                self.bridge._in_a_row = 0  # the latch is tested elsewhere; here every chunk shall be judged
        self.run(end_ns)

    def flush(self) -> None:
        """Send what the bridge has decided, as its node does after each thing that it hears."""
        for t in self.bridge.take()[0]:
            self.sent.append((self.now_ns, t))
            if (delay_ns := self.wire(t, self.now_ns)) is not None:
                self.arms.send(t, self.now_ns + delay_ns)

    @property
    def is_ready(self) -> bool:
        """Whether the bridge would follow a chunk now: it holds, or follows one."""
        return self.bridge.state in READY

    def _feel(self) -> None:
        if self.now_ns < self.silent_until_ns:
            return
        positions = self.embodiment.to_positions(self.arms.values(self.lag_ns) - self.sag).tolist()
        self.bridge.on_joint_state(self.now_ns, self.embodiment.joints, positions, self.now_ns)
