"""What the controllers command, cycle by cycle at 200 Hz: the limits where they count, not on the plan but behind it.

    python test/benchmark/commands.py --chunks 100000 --stops 2000 [--without-first-knot]

Chunks of the scripted expert with a policy's noise reach the bridge late and with jitter; its trajectories reach the played
controllers (as joint_trajectory_controller, one message a cycle) some milliseconds later. Acceleration and jerk are second
and third differences of the commands of all arm joints, as shares of the limits. With `--without-first-knot` trajectories
are sent as they once were, to show what that did.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from expert import record
from numpy.typing import NDArray
from safety import ARM, FIRST_SEED, MS, START, E, L, feel, fresh
from scipy.interpolate import CubicSpline

from finevla_core.chunk import JOININGS, ActionChunk
from finevla_core.controller import PERIOD_NS, Point, TrajectoryController
from finevla_core.safety.bridge import Bridge
from finevla_core.safety.words import State, Trajectory
from finevla_sim.demonstrator import Demonstration
from finevla_sim.episode import CONTROL_S

HORIZON, NOISE = 16, 0.004
TICK_NS, STATE_NS = 20 * MS, 10 * MS
ORDER = [[j for c in E.controllers for j in c.joints].index(joint) for joint in E.joints]


@dataclass
class Controllers:
    """All played controllers of the robot, run cycle by cycle, and what they commanded."""

    has_first_knot: bool
    start: NDArray[np.float64]
    commands: list[NDArray[np.float64]] = field(default_factory=list)
    due: list[tuple[int, Trajectory]] = field(default_factory=list)

    def __post_init__(self) -> None:
        at = dict(zip(E.joints, E.to_positions(self.start), strict=True))
        self.played = {c.name: TrajectoryController(c.name, c.joints, [at[j] for j in c.joints]) for c in E.controllers}

    def send(self, trajectories: list[Trajectory], now_ns: int, delay_ns: int) -> None:
        """Have them arrive a little later, in the order in which they were sent."""
        due_ns = max([now_ns + delay_ns, *(due_ns for due_ns, _ in self.due)])
        self.due += [(due_ns, t) for t in trajectories]

    def cycle(self, now_ns: int) -> None:
        """One period: take what has come, command what is due."""
        newest = {
            t.controller: t for due_ns, t in self.due if due_ns <= now_ns
        }  # what came before it in a cycle is lost
        for t in newest.values():
            first = int(not self.has_first_knot and t.times_s[0] == 0)
            rows = zip(t.times_s[first:], t.positions[first:], t.velocities[first:], strict=True)
            points = [Point(round(s * 1e9), tuple(p), tuple(v)) for s, p, v in rows]
            self.played[t.controller].accept(t.joints, points, t.start_ns, now_ns)
        self.due = [(due_ns, t) for due_ns, t in self.due if due_ns > now_ns]
        commanded = np.concatenate([c.sample(now_ns) for c in self.played.values()])[ORDER]
        self.commands.append(E.to_values(commanded))

    def shares(self) -> tuple[float, float]:
        """The most of the acceleration limit and of the jerk limit that any arm joint's command used."""
        rows, h = np.array(self.commands)[:, ARM], PERIOD_NS * 1e-9
        second, third = (abs(np.diff(rows, n, axis=0)) / h**n for n in (2, 3))
        return float((second / L.acceleration[ARM]).max()), float((third / L.jerk[ARM]).max())


def chunks(
    episode: Demonstration, rate_hz: int, joining: str, rng: np.random.Generator
) -> Iterator[tuple[int, ActionChunk]]:
    """When each comes, and what it says: noisy rows of the expert, 50 to 300 ms after their observation."""
    rows = np.concatenate([episode.states[:1], episode.actions]).astype(float)
    wanted, end_s = CubicSpline(np.arange(len(rows)) * CONTROL_S, rows, bc_type="clamped"), (len(rows) - 1) * CONTROL_S
    dt_s, before_ns = 1.0 / rate_hz, 0
    for k in range(int(end_s * rate_hz)):
        stamp_ns = START + round(k * dt_s * 1e9)
        times_s = np.minimum(k * dt_s + dt_s * np.arange(1, HORIZON + 1), end_s)
        actions = wanted(times_s) + rng.normal(0, NOISE, rows.shape[1]) * ARM
        actions[:, ~ARM] = np.clip(actions[:, ~ARM], 0, 1)
        before_ns = max(before_ns + 1, stamp_ns + int(rng.uniform(50, 300) * MS))
        yield (
            before_ns,
            ActionChunk(
                stamp_ns,
                "x",
                E.name,
                E.names,
                dt_s,
                actions,
                client="/policy",
                epoch=1,
                sequence=k + 1,
                joining=joining,
            ),
        )


def play(
    episode: Demonstration, rate_hz: int, joining: str, has_first_knot: bool, is_stopped: bool, seed: int
) -> tuple[int, float, float]:
    """One episode; the chunks that were followed, and shares of acceleration and jerk."""
    rng = np.random.default_rng(seed)
    bridge = fresh(episode.states[0], START)
    coming = list(chunks(episode, rate_hz, joining, rng))
    controllers = Controllers(has_first_knot, episode.states[0].astype(float))
    stop_ns = START + round(rng.uniform(0.2, 0.9) * (coming[-1][0] - START)) if is_stopped else None
    end_ns = (stop_ns or coming[-1][0]) + 2_000_000_000
    for now_ns in range(START, end_ns, PERIOD_NS):
        _drive(bridge, controllers, coming, now_ns)
        if stop_ns is not None and now_ns >= stop_ns:
            stop_ns = None
            bridge.on_stop(now_ns, "stop", "stop")
        # Between two cycles a message is on its way for up to 4 ms.
        controllers.send(bridge.take()[0], now_ns, int(rng.uniform(0, 4) * MS))
        controllers.cycle(now_ns)
    return bridge.counts.accepted, *controllers.shares()


def _drive(bridge: Bridge, controllers: Controllers, coming: list[tuple[int, ActionChunk]], now_ns: int) -> None:
    if now_ns % STATE_NS == 0 and bridge.plan is not None:
        at = controllers.commands[-1] if controllers.commands else bridge.plan.at(now_ns)[0]
        feel(bridge, at, now_ns)
    if now_ns % TICK_NS == 0:
        bridge.tick(now_ns)
    while coming and coming[0][0] <= now_ns:
        if bridge.state in (State.HOLDING, State.FOLLOWING):
            bridge.on_chunk(coming[0][1], now_ns)
            bridge._in_a_row = 0
        coming.pop(0)


def main() -> None:
    """Print one row for each rate and joining, and one for stops."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chunks", type=int, default=2000)
    parser.add_argument("--stops", type=int, default=60)
    parser.add_argument("--episodes", type=int, default=60, help="of the expert; each is played again with other noise")
    parser.add_argument("--without-first-knot", action="store_true")
    a = parser.parse_args()
    recorded = record(a.episodes, FIRST_SEED)
    print("| chunks | joining | followed | of the acceleration limit | of the jerk limit |\n|---|---|---|---|---|")
    kinds = [(rate_hz, joining, False) for rate_hz in (10, 20) for joining in JOININGS] + [(10, "blend", True)]
    for rate_hz, joining, is_stopped in kinds:
        followed = runs = 0
        worst = [0.0, 0.0]
        while (runs < a.stops) if is_stopped else (followed < a.chunks / 6):
            episode = recorded[runs % len(recorded)]
            found = play(episode, rate_hz, joining, not a.without_first_knot, is_stopped, runs)
            if not found[0]:
                raise SystemExit("no chunk was followed: the bridge refuses them all")
            followed, runs = followed + found[0], runs + 1
            worst = [max(w, f) for w, f in zip(worst, found[1:], strict=True)]
        what = f"{runs} stops in mid-motion, 10 Hz" if is_stopped else f"{rate_hz} Hz, 50 to 300 ms late"
        print(f"| {what} | {joining} | {followed} | {worst[0]:.3f} | {worst[1]:.3f} |", flush=True)


if __name__ == "__main__":
    main()
