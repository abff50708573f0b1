"""A healthy stack around a watchdog, without ROS and by a clock of its own."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
from guarded_arms import HOME, SECOND, START

from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.safety.events import Event, State, Trajectory
from finevla_core.safety.limits import Limits, robot_limits
from finevla_core.safety.plan import Plan
from finevla_core.safety.watchdog import Watchdog
from finevla_core.safety.watchdog_monitors import carriers
from finevla_core.safety.watchdog_options import WatchdogOptions
from finevla_core.urdf import expand

TICK = 20_000_000
CLOCK = 1_700_000_000 * SECOND  # the ROS clock at START
BRIDGE, WATCHDOG = "/finevla/safety_bridge", "/finevla/safety_watchdog"


@dataclasses.dataclass(frozen=True)
class Setup:
    embodiment: Embodiment
    limits: Limits
    urdf: str

    @classmethod
    def of(cls, file: Path) -> "Setup":
        """A robot by its file."""
        embodiment = load_embodiment(file)
        urdf = expand(file.parents[2] / embodiment.urdf)
        return cls(embodiment, robot_limits(embodiment, urdf), urdf)

    @property
    def home(self) -> np.ndarray:
        return np.tile(HOME, len(self.embodiment.names) // 7)

    @property
    def arms(self) -> np.ndarray:
        return ~self.limits.is_gripper


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
        self.pictures = self.taken = self.published = self.beats = 0
        self.present: set[str] = set()  # who should not be there
        self.other = "another"  # its instance is smaller than "own"
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
            w.on_policy(self.taken, now)
        for number in self.publications():
            w.on_joint_publication(self.embodiment.joints, number)
        if "other" in self.present:
            self.beats += 1
            w.on_other_watchdog(self.other, self.beats, "own", 1000, now)
        if "chunks" not in self.silent:
            w.on_chunk(now)
        if "deadman" not in self.silent:
            w.on_deadman(self.held, now)
        if "observations" not in self.silent and now % (5 * TICK) == 0:
            self.pictures += 1
            self.taken += "taking" not in self.silent
            hashes = {c: 0 if c in self.frozen else self.pictures for c in self.embodiment.camera_names}
            w.on_observation(hashes, self.values, now)

    def publications(self) -> list[int]:
        """Sequence numbers of the joint states that come in one tick."""
        self.published += 1
        return [self.published, self.published + 700] if "driver" in self.present else [self.published]

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
        self.say(plan)
        self.state = State.FOLLOWING
        return plan

    def say(self, plan: Plan) -> None:
        """The bridge tells the controllers a plan, from its first knot on; again, if it was told before."""
        start_ns = int(plan.times_ns[0])
        for c in self.embodiment.controllers:
            columns = [self.embodiment.joints.index(j) for j in c.joints]
            self.watchdog.on_trajectory(
                c.name,
                c.joints,
                start_ns,
                [int(t - start_ns) for t in plan.times_ns[1:]],
                self.embodiment.to_positions(plan.positions)[1:, columns].tolist(),
                self.embodiment.to_velocities(plan.velocities)[1:, columns].tolist(),
                self.now_ns,
                self.clock_ns,
            )

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


# What is done to a moving stack, and the code of it.
FAULTS: dict[str, Callable[[Stack], object]] = {
    "watchdog.bridge": lambda s: s.silent.add("bridge"),
    "watchdog.restart": lambda s: setattr(s, "epoch", s.epoch + 100),
    "watchdog.motion": lambda s: setattr(s, "state", State.STOPPED),  # that is what it says; the arms go on
    "watchdog.joints": lambda s: s.silent.add("joints"),
    "watchdog.joints_still": lambda s: setattr(s, "stamps_stand", True),
    "watchdog.observations": lambda s: s.silent.add("observations"),
    "watchdog.policy": lambda s: s.silent.add("policy"),
    "watchdog.chunks": lambda s: s.silent.add("chunks"),
    "watchdog.camera_frozen": lambda s: s.frozen.update(s.embodiment.camera_names),
    "watchdog.clock_jump": lambda s: setattr(s, "clock_ns", s.clock_ns + SECOND),
    "watchdog.rival": lambda s: s.watchdog.on_publishers("left", [BRIDGE, WATCHDOG, "/finevla/teleop"], s.now_ns),
    "watchdog.policy_deaf": lambda s: s.silent.add("taking"),
    "watchdog.two": lambda s: s.present.add("other"),
    "watchdog.joints_two": lambda s: s.present.add("driver"),
    "watchdog.speed": lambda s: setattr(s, "velocity", 1.5 * s.setup.limits.velocity * s.setup.arms),
    "watchdog.deadman": lambda s: setattr(s, "held", False),
    "watchdog.clock_still": lambda s: setattr(s, "pace", 0.0),
}
