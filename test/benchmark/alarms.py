"""False alarms of the watchdog: stops in mid-motion with drivers that report velocities, zeros, or none.

    python test/benchmark/alarms.py --stops 2000 [--processes 1]

A bridge follows chunks of the scripted expert and is stopped once, anywhere in its motion; the watchdog hears both, the joint
states and the trajectories as its node does. Drivers differ: how late and how often they measure, in what steps, with what
noise, and what they say of velocities. Whatever the watchdog says or sends by itself is a false alarm.
"""

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from commands import Kind, chunks, motions
from numpy.typing import NDArray
from safety import ARM, ENVELOPE, ROBOT, E

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from commanded import MS, TICK_NS, DrivenBridge, phases, soon, tell_commands

from finevla_core.chunk import JOININGS
from finevla_core.safety.events import Event, State
from finevla_core.safety.watchdog import Watchdog
from finevla_core.safety.watchdog_monitors import carriers
from finevla_core.safety.watchdog_options import WatchdogOptions
from finevla_sim.mujoco_model import robot_urdf

VELOCITIES = ("true", "zero", "none")
STATUS_NS, PICTURE_NS, AFTER_NS = 50 * MS, 100 * MS, 3_000 * MS
ENCODER_RAD = np.deg2rad(0.001)  # what the Piper's frames can say
CARRIERS = carriers(robot_urdf(ROBOT.urdf_path), E.joints, {c.name: c.frame for c in E.cameras})


@dataclass(frozen=True)
class Driver:
    """How joint states are made: `lag_ns` old, every `state_ns`, in steps of `step_rad` after `noise_rad`."""

    velocities: str
    lag_ns: int
    state_ns: int
    step_rad: float
    noise_rad: float

    @classmethod
    def drawn(cls, velocities: str, rng: np.random.Generator) -> "Driver":
        """One of those that there are."""
        lag_ns, state_ns = int(rng.integers(0, 61)) * MS, int(rng.choice([5, 10, 20])) * MS
        return cls(velocities, lag_ns, state_ns, float(rng.choice([0.0, ENCODER_RAD])), float(rng.choice([0.0, 2e-4])))


@dataclass
class WatchedBridge(DrivenBridge):
    """A bridge, its controllers, and a watchdog that hears them."""

    driver: Driver = field(default_factory=lambda: Driver("true", 0, 10 * MS, 0.0, 0.0))
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def __post_init__(self) -> None:
        self.heard = 0  # of what was sent
        self.state = State.DISABLED
        self.pictures, self.asks, self.alarms = 0, 0, list[Event]()
        self.watchdog: Watchdog | None = None
        super().__post_init__()
        options = WatchdogOptions(startup_s=0.0, loading_s=0.0)
        names = ("/finevla/safety_bridge", "/finevla/safety_watchdog")
        self.watchdog = Watchdog(E, ENVELOPE.limits, CARRIERS, options, names, False, self.now_ns)
        self.watchdog.on_instruction("x", self.now_ns)
        self._feel()

    def run(self, until_ns: int) -> None:
        """Let time pass for all three, in the watchdog's ticks."""
        while self.now_ns + MS <= until_ns:
            super().run(min(self.now_ns + TICK_NS, until_ns))
            self._see()

    def flush(self) -> None:
        super().flush()
        if (w := self.watchdog) is None:
            return
        tell_commands(w, [t for _, t in self.sent[self.heard :]], self.now_ns)
        self.heard = len(self.sent)
        if self.bridge.state is not self.state or self.now_ns % STATUS_NS == 0:
            self.state = self.bridge.state
            w.on_status(int(self.state), 1, self.now_ns)

    def _see(self) -> None:
        """What else there is to hear, and what the watchdog makes of it."""
        w = self.watchdog
        assert w is not None
        if self.now_ns // PICTURE_NS > self.pictures:
            self.pictures = self.now_ns // PICTURE_NS
            w.on_observation(dict.fromkeys(E.camera_names, self.pictures), self.arms.values(self.lag_ns), self.now_ns)
            w.on_policy(self.pictures, self.now_ns)
            w.on_chunk(self.now_ns)
        w.tick(self.now_ns, self.now_ns)
        asked, trajectories, events = w.take()
        self.asks += asked + len(trajectories)
        self.alarms += [e for e in events if e.level]

    def _feel(self) -> None:
        d = self.driver
        measured = self.arms.values(self.lag_ns) + self.rng.normal(0, d.noise_rad, len(E.names)) * ARM
        if d.step_rad:
            measured = np.where(ARM, np.round(measured / d.step_rad) * d.step_rad, measured)
        before = self.arms.values(self.lag_ns + 5 * MS)
        speeds = (self.arms.values(self.lag_ns) - before) / 0.005 * (d.velocities == "true")
        positions, velocities = E.to_positions(measured).tolist(), E.to_velocities(speeds).tolist()
        self.bridge.on_joint_state(self.now_ns, E.joints, positions, self.now_ns)
        if self.watchdog is not None:
            said = () if d.velocities == "none" else velocities
            self.watchdog.on_joint_state(self.now_ns, E.joints, positions, said, self.now_ns)


def stop_once(task: tuple[NDArray[np.float64], int, str]) -> tuple[bool, int, list[str]]:
    """One stop: whether the arms moved when it came, how often the watchdog acted, and what it said."""
    rows, seed, velocities = task
    rng = np.random.default_rng([seed, VELOCITIES.index(velocities)])
    driver = Driver.drawn(velocities, rng)
    kind = Kind(int(rng.choice([10, 20])), JOININGS[seed % len(JOININGS)])
    coming = list(chunks(rows, kind, rng))
    end_ns = coming[0][0] + int(rng.uniform(0.05, 0.8) * (coming[-1][0] - coming[0][0]))
    driven = WatchedBridge(
        E, ENVELOPE, rows[0], soon(rng), phases(rng), driver.state_ns, driver.lag_ns, driver=driver, rng=rng
    )
    driven.follow(coming, end_ns)
    is_moving = driven.bridge.state is State.FOLLOWING
    driven.bridge.on_stop(driven.now_ns, "stop", "stop")
    driven.run(driven.now_ns + AFTER_NS)
    return is_moving, driven.asks, [f"{e.code}: {e.text}" for e in driven.alarms]


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stops", type=int, default=60)
    parser.add_argument("--episodes", type=int, default=40, help="of the expert; each is played again with other noise")
    parser.add_argument("--processes", type=int, default=1)
    a = parser.parse_args()
    recorded, began_s = motions(a.episodes), time.monotonic()
    print("| velocities | stops | in mid-motion | acts of the watchdog | alarms |\n|---|---|---|---|---|")
    said = Counter[str]()
    with ProcessPoolExecutor(a.processes, multiprocessing.get_context("spawn")) as pool:
        for velocities in VELOCITIES:
            tasks = [(recorded[s % len(recorded)], s, velocities) for s in range(-(-a.stops // len(VELOCITIES)))]
            results = list(pool.map(stop_once, tasks, chunksize=4))
            moving, acts, alarms = (
                sum(r[0] for r in results),
                sum(r[1] for r in results),
                [t for r in results for t in r[2]],
            )
            said.update(alarms)
            print(f"| {velocities} | {len(results)} | {moving} | {acts} | {len(alarms)} |", flush=True)
    print(f"{time.monotonic() - began_s:.0f} s")
    print("\n".join(f"{n} x {text}" for text, n in said.most_common(20)))


if __name__ == "__main__":
    main()
