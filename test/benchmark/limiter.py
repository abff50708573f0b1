"""How often ordinary sentences end in a latched stop, with the chunk limiter and without it, and what the limiter costs.

    python test/benchmark/limiter.py trials models/tabletop --minutes 10 [--first 1002000] [--scenes 1000]
    python test/benchmark/limiter.py fuzz --chunks 10000 [--seed 0]

`trials` are pairs: in each scene the same sentences are said one after the other to the same policy, with and without. No scene
is laid out anew between two sentences, so that the second and third begin wherever the arms are by then, as with a user.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from finevla_core.chunk import ActionChunk
from finevla_core.chunk_limiter import SPARE_M, ChunkLimiter, LimitedChunk
from finevla_core.embodiment import HOME
from finevla_core.instruction import Instruction
from finevla_core.policy.bundle_loading import load_policy
from finevla_core.safety.bridge import Bridge
from finevla_core.safety.bridge_options import BridgeOptions
from finevla_core.safety.envelope import load_envelope
from finevla_core.safety.events import State
from finevla_core.safety.gate import GateOptions
from finevla_core.urdf import expand
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.judge import judge, success
from finevla_sim.language import how_of, say
from finevla_sim.robot_files import default_robot
from finevla_sim.scene import Scene
from finevla_sim.scene_sampling import sample_scene
from finevla_sim.tasks import TASKS, Goal, sample_goal
from finevla_sim.world import World
from finevla_tools.evaluation.statistics import share
from finevla_tools.rollout import ClosedLoop, envelope_of

ROBOT = default_robot()
E, ENVELOPE = ROBOT.embodiment, envelope_of(ROBOT)
L = ENVELOPE.limits
ARM = ~L.is_gripper
HOME_VALUES = E.moved(np.zeros(len(E.names)), HOME)
SENTENCES = 3  # in one scene
STARTS = ("the scene's start", "home", "where the one before ended")
MS, START = 1_000_000, 10_000_000_000
STEP_NS, LAG_NS = 100 * MS, 24 * MS
SESSION = 30  # chunks


class TimedLimiter(ChunkLimiter):
    """One with a clock: milliseconds of processor time for chunks that were fine and for those that were limited."""

    def __init__(self) -> None:
        super().__init__(E, ENVELOPE, load_envelope(E, expand(ROBOT.urdf_path), ROBOT.safety_path, SPARE_M))
        self.fine_ms: list[float] = []
        self.limited_ms: list[float] = []

    def limit(self, chunk: ActionChunk, state: NDArray[np.floating]) -> LimitedChunk:
        started = time.thread_time()
        answer = super().limit(chunk, state)
        times = self.fine_ms if answer.chunk is chunk else self.limited_ms
        times.append((time.thread_time() - started) * 1e3)
        return answer

    def told(self) -> str:
        """One line."""
        parts = []
        for name, times in (("fine", self.fine_ms), ("limited", self.limited_ms)):
            if times:
                p50, p99 = np.percentile(times, [50, 99])
                parts.append(f"{len(times)} {name}: {p50:.2f} ms median, {p99:.1f} p99, {max(times):.1f} worst")
        return "limiter, processor time: " + "; ".join(parts)


@dataclass(frozen=True)
class Result:
    """What became of one sentence; `success` is None where the scene is no longer as it was laid out."""

    start: str
    latched: str
    refused: int
    success: bool | None


def sentences(scene: Scene, rng: np.random.Generator) -> list[tuple[Goal, str]]:
    """Goals of the scene's task for any arm and side, in words that training knows, two of three with how."""
    goals = [sample_goal(scene, rng) for _ in range(SENTENCES)]
    return [(g, say(g, scene, rng, how_of(g) if rng.random() < 0.67 else (), "train").text) for g in goals]


def session(loop: ClosedLoop, scene: Scene, start: str, said: list[tuple[Goal, str]]) -> Iterator[Result]:
    """Every sentence after the one before it; after a stop the operator resets."""
    for number, (goal, text) in enumerate(said):
        if not loop.reset():
            return
        rollout = loop.follow(Instruction(raw=text, id=str(number)), TASKS[scene.task].seconds)
        is_first = number == 0
        done = bool(success(goal, judge(scene, rollout.trace), scene)) if is_first else None
        yield Result(start if is_first else STARTS[2], rollout.latched, sum(rollout.rejected.values()), done)


def trials(bundle: Path, first: int, scenes: int, minutes: float) -> None:
    """In pairs, for so many scenes or minutes of processor time, whatever else the machine does."""
    ik, limiter = ArmIK(E, ROBOT.urdf_path), TimedLimiter()
    ways = {"without": load_policy(bundle, E), "with": load_policy(bundle, E, limiter=limiter)}
    results: dict[str, list[Result]] = {way: [] for way in ways}
    world, ends, done = None, time.process_time() + minutes * 60, 0
    for seed in range(first, first + scenes):
        if time.process_time() > ends:
            break
        rng = np.random.default_rng([seed, 43])
        scene = sample_scene(seed, list(TASKS)[seed % len(TASKS)], ik)
        start = STARTS[int(rng.integers(2))]
        if start == STARTS[1]:
            scene = replace(scene, arm_start=tuple(HOME_VALUES.tolist()))
        said = sentences(scene, rng)
        world = world or World(scene, E, ROBOT.urdf_path)
        for way, contestant in ways.items():
            world.reset(scene)
            results[way] += session(ClosedLoop(world, ROBOT, contestant), scene, start, said)
        done += 1
        counts = {way: f"{sum(bool(r.latched) for r in found)} of {len(found)}" for way, found in results.items()}
        print(f"{seed}: latched {counts}", file=sys.stderr, flush=True)
    print(f"{done} scenes from {first} on, up to {SENTENCES} sentences in each\n\n{table(results)}\n")
    for way, found in results.items():
        print(
            f"{way}: {Counter(r.latched for r in found if r.latched)}, {sum(r.refused for r in found)} chunks refused"
        )
    print(limiter.told())


def table(results: dict[str, list[Result]]) -> str:
    """Markdown: share of the trials that end latched, by where they begin; and success where it can be told."""
    lines = [f"| latched, begun at | {' | '.join(results)} |", f"|---|{'---|' * len(results)}"]
    for start in (*STARTS, "any"):
        cells = [str(share(bool(r.latched) for r in found if start in (r.start, "any"))) for found in results.values()]
        lines.append(f"| {start} | {' | '.join(cells)} |")
    for start in STARTS[:2]:
        cells = [str(share(r.success for r in found if r.start == start)) for found in results.values()]
        lines.append(f"| done as told, from {start} | {' | '.join(cells)} |")
    return "\n".join(lines)


def adversary(kind: int, start: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Rows `(16, D)` that aim at a limit, the other arm, the table or the seam; or a walk, most of which is fine."""
    ramp, size = np.linspace(1 / 16, 1, 16)[:, None] ** rng.uniform(0.5, 2), len(start)
    if kind == 0:  # to the ends of the joints' ranges and beyond
        goal = np.where(rng.random(size) < 0.5, L.lower, L.upper) + rng.normal(0, 0.1, size)
    elif kind == 1:  # both hands inwards
        goal = start.copy()
        goal[[0, 7]] = rng.uniform(-1.6, 0.2), rng.uniform(-0.2, 1.6)
        goal[[1, 8]], goal[[2, 9]] = rng.uniform(0.5, 2.5, 2), rng.uniform(-2.0, -0.2, 2)
    elif kind == 2:  # anywhere
        goal = start + rng.normal(0, 0.6, size)
    elif kind == 3:  # shaking
        return start + rng.normal(0, 10 ** rng.uniform(-4, -0.5), (16, size))
    elif kind == 4:  # a leap
        rows = np.tile(start, (16, 1))
        rows[int(rng.integers(0, 12)) :] += rng.normal(0, 0.5, size)
        return rows
    else:
        return start + np.cumsum(rng.normal(0, rng.uniform(0, 0.05), (16, size)), axis=0)
    return start + (goal - start) * ramp * rng.uniform(0.1, 1.0)


def fuzz(chunks: int, seed: int) -> None:
    """Adversarial chunks through the limiter to a bridge, 10 to 90 ms late, by arms that lag and whose encoders tremble."""
    rng, limiter = np.random.default_rng(seed), TimedLimiter()
    codes: Counter[str] = Counter()
    latched = sessions = none = done = 0
    while done < chunks:
        bridge, now, sessions = Bridge(E, ENVELOPE, GateOptions(), BridgeOptions(asleep_s=10.0)), START, sessions + 1
        feel(bridge, HOME_VALUES, now)
        bridge.on_instruction("x", now)
        kinds = [int(rng.integers(6))] if rng.random() < 0.7 else list(range(6))  # stubborn, or of several minds
        for number in range(1, SESSION + 1):
            now, done = now + STEP_NS, done + 1
            state = bridge.plan.at(now - LAG_NS)[0] + rng.normal(0, 0.001, len(E.names)) * ARM
            feel(bridge, state, now)
            rows = adversary(int(rng.choice(kinds)), state, rng)
            chunk = ActionChunk(now, "x", E.name, E.names, 0.1, rows, "", "bench", 1, "blend", number)
            answer = limiter.limit(chunk, state.astype(np.float32))
            none += answer.chunk is None
            if answer.chunk is not None:
                bridge.on_chunk(answer.chunk, now + int(rng.uniform(10, 90)) * MS)
            bridge.tick(now + STEP_NS - MS)
            if bridge.state is State.STOPPED:
                latched += 1
                break
        codes.update(bridge.counts.rejected)
    print(
        f"{done} chunks, {sum(codes.values())} refused {dict(codes)}, {none} not made, {latched} of {sessions} latched"
    )
    print(limiter.told())


def feel(bridge: Bridge, values: NDArray[np.float64], now_ns: int) -> None:
    """A joint state."""
    bridge.on_joint_state(now_ns, E.joints, E.to_positions(values).tolist(), now_ns)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("trials")
    one.add_argument("bundle", type=Path)
    one.add_argument("--first", type=int, default=1_002_000, help="seed of the first scene; none of them is trained on")
    one.add_argument("--scenes", type=int, default=1000)
    one.add_argument("--minutes", type=float, default=10.0, help="of one core")
    other = commands.add_parser("fuzz")
    other.add_argument("--chunks", type=int, default=10_000)
    other.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.command == "trials":
        trials(arguments.bundle, arguments.first, arguments.scenes, arguments.minutes)
    else:
        fuzz(arguments.chunks, arguments.seed)


if __name__ == "__main__":
    main()
