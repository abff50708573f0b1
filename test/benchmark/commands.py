"""What the controllers command, cycle by cycle at 200 Hz: the limits where they count, not on the plan but behind it.

    python test/benchmark/commands.py limits --chunks 100000 --stops 2000 [--without-first-knot] [--processes 1]
    python test/benchmark/commands.py late --runs 60
    python test/benchmark/commands.py lost --runs 60
    python test/benchmark/commands.py rest --stops 200

Chunks of the scripted expert with a policy's noise reach the bridge late and with jitter; its trajectories reach the played
controllers (as joint_trajectory_controller, one message a cycle) some milliseconds later. Acceleration and jerk are second
and third differences of the commands of all joints and grippers, as shares of the limits. With `--without-first-knot`
trajectories are sent as they once were, to show what that did. `late`: every now and then nothing reaches the controllers
for a while. `lost`: single messages to single controllers never do, or both words of one. `rest`: how long a stop takes
whose first word is lost.
"""

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from expert import record
from numpy.typing import NDArray
from safety import ARM, ENVELOPE, FIRST_SEED, E
from scipy.interpolate import CubicSpline

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from commanded import MOST_DELAY_MS, MS, START, DrivenBridge, Shares, Wire, phases, soon

from finevla_core.chunk import JOININGS, ActionChunk
from finevla_core.joint_trajectory_controller import PERIOD_NS
from finevla_core.safety.bridge import NOT_COUNTED
from finevla_core.safety.events import Trajectory
from finevla_sim.episode import CONTROL_S

HORIZON, NOISE = 16, 0.004
AFTER_NS = 2_000_000_000  # the last plan has ended by then
LATE_MS = (0, 10, 20, 30, 40, 50, 60, 80, 100, 120)
LOST_SHARE = 0.05
AT_REST = 1e-9  # rad or opening, in a cycle
CALM_NS = 500_000_000  # between two deliveries that are late, so that each is seen by itself


@dataclass(frozen=True)
class Kind:
    """What is played: chunks until the episode's end, until a stop, or until the policy falls silent."""

    rate_hz: int
    joining: str
    end: str = ""

    def __str__(self) -> str:
        return f"{self.rate_hz} Hz, {self.joining}" + (f", {self.end}" if self.end else "")


@dataclass(frozen=True)
class Played:
    """What became of one episode; `after` is of what was commanded from the stop on."""

    followed: int
    refused: int
    shares: Shares
    after: Shares


KINDS = [Kind(rate, joining) for rate in (10, 20) for joining in JOININGS]
STOPS = [Kind(10, joining, "stop") for joining in JOININGS]
SILENT = [Kind(10, joining, "silence") for joining in JOININGS]


def chunks(rows: NDArray[np.float64], kind: Kind, rng: np.random.Generator) -> Iterator[tuple[int, ActionChunk]]:
    """When each comes, and what it says: noisy rows of the expert, 50 to 300 ms after their observation."""
    wanted, end_s = CubicSpline(np.arange(len(rows)) * CONTROL_S, rows, bc_type="clamped"), (len(rows) - 1) * CONTROL_S
    dt_s, before_ns = 1.0 / kind.rate_hz, 0
    for k in range(int(end_s * kind.rate_hz)):
        stamp_ns = START + round(k * dt_s * 1e9)
        times_s = np.minimum(k * dt_s + dt_s * np.arange(1, HORIZON + 1), end_s)
        actions = wanted(times_s) + rng.normal(0, NOISE, rows.shape[1]) * ARM
        actions[:, ~ARM] = np.clip(actions[:, ~ARM], 0, 1)
        before_ns = max(before_ns + 1, stamp_ns + int(rng.uniform(50, 300) * MS))
        chunk = ActionChunk(stamp_ns, "x", E.name, E.names, dt_s, actions, "", "/policy", 1, kind.joining, k + 1)
        yield before_ns, chunk


class LateWire:
    """One on which, every now and then, nothing arrives for `late_ms` from the moment on when something is sent."""

    def __init__(self, rng: np.random.Generator, late_ms: int) -> None:
        self.rng, self.late_ns = rng, late_ms * MS
        self.until_ns = self.next_ns = 0
        self.is_armed = True

    def __call__(self, t: Trajectory, now_ns: int) -> int:
        if self.is_armed and now_ns >= self.next_ns:
            self.until_ns = now_ns + self.late_ns
            self.next_ns = self.until_ns + CALM_NS + int(self.rng.uniform(0, 200) * MS)
        return max(self.until_ns - now_ns, int(self.rng.uniform(0, MOST_DELAY_MS) * MS))


class LossyWire:
    """One that loses words to single controllers: either of the two, or both (`is_twice`)."""

    def __init__(self, rng: np.random.Generator, is_twice: bool = False) -> None:
        self.rng, self.is_twice = rng, is_twice
        self.lost = 0
        self._before: dict[str, tuple[int, bool]] = {}  # what was sent last, and whether it was lost

    def __call__(self, t: Trajectory, now_ns: int) -> int | None:
        words, was_lost = self._before.get(t.controller, (0, False))
        is_second = words == id(t)
        is_lost = was_lost if is_second and self.is_twice else self.rng.random() < LOST_SHARE
        if is_second and was_lost and not self.is_twice:
            is_lost = False
        self._before[t.controller] = id(t), is_lost
        self.lost += is_lost
        return None if is_lost else int(self.rng.uniform(0, MOST_DELAY_MS) * MS)


def play(
    rows: NDArray[np.float64], kind: Kind, seed: int, wire: Wire | None = None, has_first_knot: bool = True
) -> Played:
    """One episode through a bridge to its controllers."""
    rng = np.random.default_rng(seed)
    coming = list(chunks(rows, kind, rng))
    end_ns = coming[-1][0] + 1
    if kind.end:
        end_ns = START + round(rng.uniform(0.2, 0.9) * (end_ns - START))
    driven = DrivenBridge(E, ENVELOPE, rows[0], wire or soon(rng), phases(rng))
    driven.arms.takes_first_point = has_first_knot
    driven.follow(coming, end_ns)
    if kind.end == "stop":
        driven.bridge.on_stop(driven.now_ns, "stop", "stop")
    began_ns = driven.now_ns
    driven.run(began_ns + AFTER_NS)
    counts = driven.bridge.counts
    refused = sum(n for code, n in counts.rejected.items() if code not in NOT_COUNTED)
    return Played(counts.accepted, refused, driven.arms.shares(), driven.arms.shares(began_ns))


def motions(episodes: int) -> list[NDArray[np.float64]]:
    """Values `(N, D)` of the expert's episodes, a row each 0.1 s."""
    return [np.concatenate([e.states[:1], e.actions]).astype(float) for e in record(episodes, FIRST_SEED)]


def _task(task: tuple[NDArray[np.float64], Kind, int, bool]) -> Played:
    rows, kind, seed, has_first_knot = task
    return play(rows, kind, seed, has_first_knot=has_first_knot)


def limits(a: argparse.Namespace) -> None:
    """One row for each rate and joining, and for what ends in a stop or in silence."""
    recorded = motions(a.episodes)
    print("| what | episodes | followed | refused | of the acceleration limit | of the jerk limit |")
    print("|---|---|---|---|---|---|")
    began_s = time.monotonic()
    with ProcessPoolExecutor(a.processes, multiprocessing.get_context("spawn")) as pool:
        total = 0
        for kind in [*KINDS, *STOPS, *SILENT]:
            followed, refused, runs, worst = 0, 0, 0, Shares()
            wanted = a.stops / 3 if kind.end == "stop" else a.stops / 30
            while (runs < wanted) if kind.end else (followed < a.chunks / len(KINDS)):
                seeds = range(runs, runs + 20)
                tasks = [(recorded[s % len(recorded)], kind, s, not a.without_first_knot) for s in seeds]
                for found in pool.map(_task, tasks):
                    followed, refused, runs = followed + found.followed, refused + found.refused, runs + 1
                    worst |= found.shares
                if not followed:
                    raise SystemExit("no chunk was followed: the bridge refuses them all")
            total += followed
            figures = f"{followed} | {refused} | {worst.acceleration:.3f} | {worst.jerk:.3f}"
            print(f"| {kind} | {runs} | {figures} |", flush=True)
    print(f"\n{total} chunks were followed; {time.monotonic() - began_s:.0f} s")


def late(a: argparse.Namespace) -> None:
    """By how much the command exceeds the limits where messages are late, while chunks are followed and in stops."""
    recorded = motions(a.episodes)
    print(
        "| late by ms | chunks: of acceleration | of jerk | a stop: of acceleration | of jerk |\n|---|---|---|---|---|"
    )
    for late_ms in LATE_MS:
        worst = {"": Shares(), "stop": Shares()}
        for seed in range(a.runs):
            rows, rng = recorded[seed % len(recorded)], np.random.default_rng([seed, 1])
            worst[""] |= play(rows, Kind(10, JOININGS[seed % 3]), seed, LateWire(rng, late_ms)).shares
            worst["stop"] |= stopped_late(rows, seed, late_ms).after
        cells = [f"{x:.2f}" for w in worst.values() for x in (w.acceleration, w.jerk)]
        print(f"| {late_ms} | {' | '.join(cells)} |", flush=True)


def stopped_late(rows: NDArray[np.float64], seed: int, late_ms: int) -> Played:
    """A stop of which the controllers hear only `late_ms` after it was commanded; all before it came in time."""
    rng = np.random.default_rng([seed, 2])
    wire = soon(rng)
    stop_ns: list[int] = []

    def late_stop(t: Trajectory, now_ns: int) -> int | None:
        if t.times_s[-1] > 1.0:
            return wire(t, now_ns)
        stop_ns.append(now_ns)
        return max(stop_ns[0] + late_ms * MS - now_ns, wire(t, now_ns) or 0)

    return play(rows, Kind(10, "blend", "stop"), seed, late_stop)


def lost(a: argparse.Namespace) -> None:
    """The same where messages are lost."""
    recorded = motions(a.episodes)
    print("| lost | words lost | of the acceleration limit | of the jerk limit |\n|---|---|---|---|")
    for is_twice, what in ((False, "one word of two, to one controller"), (True, "both words, to one controller")):
        for kind in (Kind(10, "blend"), Kind(20, "blend")):
            worst, words = Shares(), 0
            for seed in range(a.runs):
                wire = LossyWire(np.random.default_rng([seed, 3]), is_twice)
                worst |= play(recorded[seed % len(recorded)], kind, seed, wire).shares
                words += wire.lost
            print(f"| {kind}: {what} | {words} | {worst.acceleration:.2f} | {worst.jerk:.2f} |", flush=True)


def to_rest(a: argparse.Namespace) -> None:
    """How long after a stop in mid-motion the commands rest, with both words and with the first one lost."""
    recorded = motions(a.episodes)
    print("| stop | stops | at rest after ms: median | 99 of 100 | at most |\n|---|---|---|---|---|")
    for is_lost, what in ((False, "heard at once"), (True, "the first word lost to all controllers")):
        rest_ms = [stopped(recorded[seed % len(recorded)], seed, is_lost) for seed in range(a.stops)]
        moving = [ms for ms in rest_ms if ms]
        median, most, worst = np.percentile(moving, (50, 99, 100))
        print(f"| {what} | {len(moving)} | {median:.0f} | {most:.0f} | {worst:.0f} |", flush=True)


def stopped(rows: NDArray[np.float64], seed: int, is_lost: bool) -> float:
    """Milliseconds from a stop until no command changes any more; 0 if nothing moved."""
    rng = np.random.default_rng([seed, 4])
    wire, stop_ns, kept = soon(rng), [0], dict[str, int]()

    def losing(t: Trajectory, now_ns: int) -> int | None:
        if is_lost and stop_ns[0] and kept.setdefault(t.controller, id(t)) == id(t):
            kept[t.controller] = 0
            return None
        return wire(t, now_ns)

    coming = list(chunks(rows, Kind(10, "blend"), rng))
    end_ns = coming[0][0] + round(rng.uniform(0.1, 0.9) * (coming[-1][0] - coming[0][0]))
    driven = DrivenBridge(E, ENVELOPE, rows[0], losing, phases(rng))
    driven.follow(coming, end_ns)
    stop_ns[0] = driven.now_ns
    driven.bridge.on_stop(driven.now_ns, "stop", "stop")
    driven.run(driven.now_ns + AFTER_NS)
    after = driven.arms.commands()[(stop_ns[0] - driven.arms.first_ns) // PERIOD_NS :]
    changes = np.flatnonzero((abs(np.diff(after[:, ARM], axis=0)) > AT_REST).any(1))
    return float(changes[-1] + 1) * PERIOD_NS / MS if len(changes) else 0.0


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("limits", "late", "lost", "rest"))
    parser.add_argument("--chunks", type=int, default=2000)
    parser.add_argument("--stops", type=int, default=60, help="and a tenth as many silences of the policy")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--episodes", type=int, default=60, help="of the expert; each is played again with other noise")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--without-first-knot", action="store_true")
    a = parser.parse_args()
    {"limits": limits, "late": late, "lost": lost, "rest": to_rest}[a.what](a)


if __name__ == "__main__":
    main()
