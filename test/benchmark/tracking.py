"""How far the grippers are from where they should be, step by step: from what is asked to plan, command and simulated arm.

    python test/benchmark/tracking.py --episodes 20 [--delay-ms 2]

Chunks of the scripted expert (undisturbed) reach the bridge 60 ms after their observation, its trajectories the played
controllers `--delay-ms` later, their commands the MuJoCo arms. Distances are those of the two gripper tips (forward
kinematics of left_tcp and right_tcp), while the tip is commanded to move; the last row is at rest. What is asked is the
expert's own smooth motion, at its own times; "off the path" is the shortest way to it, whenever it was there.
"""

import argparse
from dataclasses import dataclass, field

import numpy as np
from expert import record
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from finevla_core.chunk import ActionChunk
from finevla_core.joint_trajectory_controller import Point, TrajectoryController
from finevla_core.kinematics import Kinematics
from finevla_core.safety.bridge import Bridge
from finevla_core.safety.bridge_options import BridgeOptions
from finevla_core.safety.events import State, Trajectory
from finevla_core.safety.gate import GateOptions
from finevla_core.urdf import expand
from finevla_sim.demonstrator import Demonstration
from finevla_sim.episode import CONTROL_S
from finevla_sim.robot_files import default_robot
from finevla_sim.world import World
from finevla_tools.rollout import envelope_of

ROBOT = default_robot()
E, ENVELOPE = ROBOT.embodiment, envelope_of(ROBOT)
TIPS = ("left_tcp", "right_tcp")
MS, START = 1_000_000, 10_000_000_000
STEP_NS, STATE_NS, TICK_NS, OBSERVE_NS = 4 * MS, 12 * MS, 20 * MS, round(CONTROL_S * 1e9)
LATENCY_NS = 60 * MS
REST_S = 1.0  # after the last chunk has been played
LAGS = range(31)  # steps
UNDER_WAY = round(1e9 / STEP_NS)  # steps until the plan has caught up with a motion that began 60 ms before it
NEAR = 125  # steps before and after, in which the nearest point of a path is looked for
MOVING_M_S = 0.005
BAR_MM = 1.0
FIRST_SEED = 30_000


@dataclass
class Run:
    """Values (N, D) of every physics step, and whether a gripper touched anything (N, 2)."""

    asked: list[NDArray[np.float64]] = field(default_factory=list)
    plan: list[NDArray[np.float64]] = field(default_factory=list)
    command: list[NDArray[np.float64]] = field(default_factory=list)
    measured: list[NDArray[np.float64]] = field(default_factory=list)
    touching: list[tuple[bool, bool]] = field(default_factory=list)
    refused: int = 0
    ended: str = ""


class Replay:
    """One episode's chunks through bridge, controllers and world."""

    def __init__(self, episode: Demonstration, world: World, delay_ns: int) -> None:
        self.episode, self.world, self.delay_ns = episode, world, delay_ns
        world.reset(episode.scene)
        self.bridge = Bridge(E, ENVELOPE, GateOptions(), BridgeOptions())
        start = dict(zip(E.joints, world.positions(), strict=True))
        self.controllers = {
            c.name: TrajectoryController(c.name, c.joints, [start[j] for j in c.joints]) for c in E.controllers
        }
        claimed = [joint for c in E.controllers for joint in c.joints]
        self.order = [claimed.index(joint) for joint in E.joints]
        rows = np.concatenate([world.values()[None], episode.actions.astype(float)])
        self.asked = CubicSpline(np.arange(len(rows)) * CONTROL_S, rows, bc_type="clamped")
        self.chunks: list[tuple[int, ActionChunk]] = []
        self.sent: list[tuple[int, Trajectory]] = []

    def run(self) -> Run:
        """Until the motion is over and has settled."""
        run = Run()
        self._feel(START)
        self.bridge.on_instruction("x", START)
        steps = len(self.episode.chunks)
        for now in range(START, START + steps * OBSERVE_NS + round(REST_S * 1e9), STEP_NS):
            self._bridge(now, steps)
            if self.bridge.state not in (State.HOLDING, State.FOLLOWING) or self.bridge.plan is None:
                run.ended = self.bridge.reason
                break
            while self.sent and now >= self.sent[0][0]:
                self._deliver(self.sent.pop(0)[1], now)
            command = np.concatenate([c.sample(now) for c in self.controllers.values()])[self.order]
            run.asked.append(self.asked(min((now - START) * 1e-9, steps * CONTROL_S)))
            run.plan.append(np.clip(self.bridge.plan.at(now)[0], self.bridge.limits.lower, self.bridge.limits.upper))
            run.command.append(E.to_values(command))
            run.measured.append(self.world.values())
            touched = {side for side, _ in self.world.truth().contacts}
            run.touching.append(("left" in touched, "right" in touched))
            self.world.set_position_targets(command)
            self.world.step()
        run.refused = sum(self.bridge.counts.rejected.values())
        return run

    def _feel(self, now: int) -> None:
        self.bridge.on_joint_state(now, E.joints, self.world.positions().tolist(), now)

    def _bridge(self, now: int, steps: int) -> None:
        since = now - START
        k, is_observed = divmod(since, OBSERVE_NS)
        if is_observed == 0 and k < steps:
            rows = self.episode.chunks[k].astype(float)
            chunk = ActionChunk(now, "x", E.name, E.names, CONTROL_S, rows, client="bench", epoch=1, sequence=k + 1)
            self.chunks.append((now + LATENCY_NS, chunk))
        if since % STATE_NS == 0:
            self._feel(now)
        if self.chunks and now >= self.chunks[0][0]:
            self.bridge.on_chunk(self.chunks.pop(0)[1], now)
        if since % TICK_NS == 0:
            self.bridge.tick(now)
        self.sent += [(now + self.delay_ns, t) for t in self.bridge.take()[0]]

    def _deliver(self, t: Trajectory, now: int) -> None:
        points = [
            Point(round(s * 1e9), tuple(p), tuple(v))
            for s, p, v in zip(t.times_s, t.positions, t.velocities, strict=True)
        ]
        self.controllers[t.controller].accept(t.joints, points, t.start_ns, now)


@dataclass
class Distances:
    """In mm, of all episodes: `rows[name]` are arrays of distances."""

    rows: dict[str, list[NDArray[np.float64]]] = field(default_factory=dict)
    lags_ms: list[float] = field(default_factory=list)

    def add(self, name: str, millimetres: NDArray[np.float64]) -> None:
        self.rows.setdefault(name, []).append(millimetres)

    def table(self) -> str:
        """Markdown."""
        lines = ["| from ... to ..., mm | median | p99 | worst | within 1 mm |", "|---|---|---|---|---|"]
        for name, parts in self.rows.items():
            d = np.concatenate(parts)
            p50, p99 = np.percentile(d, [50, 99])
            lines.append(f"| {name} | {p50:.3f} | {p99:.3f} | {d.max():.3f} | {(d <= BAR_MM).mean():.1%} |")
        return "\n".join(lines)


def tips(kinematics: Kinematics, values: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Positions (N, 2, 3) of both tips, m."""
    positions = E.to_positions(np.array(values))
    return np.array([[kinematics.frame_pose(q, tip)[:3, 3] for tip in TIPS] for q in positions])


def measure(run: Run, kinematics: Kinematics, distances: Distances) -> None:
    """Add what one run shows."""
    asked, plan, command, measured = (tips(kinematics, v) for v in (run.asked, run.plan, run.command, run.measured))
    touching = np.array(run.touching)
    speed = np.linalg.norm(np.gradient(command, STEP_NS * 1e-9, axis=0), axis=2)
    for side in range(len(TIPS)):
        moving = speed[:, side] > MOVING_M_S
        if not moving.any():
            continue
        begun = np.arange(len(moving)) < UNDER_WAY
        distances.add("asked to plan, in the first second", gap(asked, plan, side)[moving & begun])
        if (later := moving & ~begun).any():
            distances.add("asked to plan, later", gap(asked, plan, side)[later])
            distances.add("asked to plan, later, off the path", off_path(asked, plan, side)[later])
        distances.add("plan to command (ours)", gap(plan, command, side)[moving])
        distances.add("command to arm, at the same time", gap(command, measured, side)[moving])
        free = moving & ~touching[:, side]
        lag = min(LAGS, key=lambda n: float(np.mean(gap(shifted(command, n), measured, side)[free] ** 2)))
        distances.lags_ms.append(lag * STEP_NS / MS)
        late = gap(shifted(command, lag), measured, side)
        distances.add("command to arm, its lag taken out, touching nothing", late[free])
        if (held := moving & touching[:, side]).any():
            distances.add("the same, in contact", late[held])
        distances.add("command to arm, at rest in the end", gap(command, measured, side)[-50:])


def gap(a: NDArray[np.float64], b: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Distances (N,) of one tip, mm."""
    return np.asarray(np.linalg.norm(a[:, side] - b[:, side], axis=1) * 1e3)


def off_path(path: NDArray[np.float64], a: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Shortest ways (N,) from one tip to where it should have been within half a second, mm."""
    points, here = path[:, side], a[:, side]
    nearest = np.full(len(here), np.inf)
    for n in range(-NEAR, NEAR):
        ends = [points[np.clip(np.arange(len(points)) + n + more, 0, len(points) - 1)] for more in (0, 1)]
        way = ends[1] - ends[0]
        share = ((here - ends[0]) * way).sum(1) / np.maximum((way**2).sum(1), 1e-18)
        at = ends[0] + np.clip(share, 0.0, 1.0)[:, None] * way
        nearest = np.minimum(nearest, np.linalg.norm(here - at, axis=1))
    return nearest * 1e3


def shifted(a: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    """What was `steps` ago."""
    return a[np.maximum(np.arange(len(a)) - steps, 0)]


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--delay-ms", type=int, default=2)
    arguments = parser.parse_args()
    episodes = record(arguments.episodes, FIRST_SEED)
    kinematics = Kinematics(expand(ROBOT.urdf_path), E.joints)
    world = World(episodes[0].scene, E, ROBOT.urdf_path)
    distances, runs = Distances(), []
    for episode in episodes:
        runs.append(Replay(episode, world, arguments.delay_ms * MS).run())
        measure(runs[-1], kinematics, distances)
    world.close()
    print(distances.table())
    lags = np.array(distances.lags_ms)
    print(f"\nlag of the simulated arm: median {np.median(lags):.0f} ms, {lags.min():.0f} to {lags.max():.0f}")
    ended = [run.ended for run in runs if run.ended]
    print(f"{len(runs)} episodes, {sum(run.refused for run in runs)} chunks refused, {len(ended)} ended by the bridge")
    for text in ended:
        print(f"  {text}")


if __name__ == "__main__":
    main()
