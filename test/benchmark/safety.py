"""The safety gate in figures: adversarial chunks, clean replay of the scripted expert, seams, and what a judgement costs.

    python test/benchmark/safety.py fuzz --chunks 1000000 [--seed 0]
    python test/benchmark/safety.py oracle --episodes 300
    python test/benchmark/safety.py seams --episodes 40
    python test/benchmark/safety.py gate --episodes 40
    python test/benchmark/safety.py resets --count 1000 [--seed 0]

What the gate lets through is checked by other means than the gate's own, and where it counts: by what controllers command each
cycle (test/support/commanded.py), and distances by MuJoCo's collision code instead of coal's.
"""

import argparse
import random
import sys
import time
from collections import Counter
from pathlib import Path

import mujoco
import numpy as np
import yaml
from expert import record
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from commanded import MS, PERIOD_S, START, CommandedArms, DrivenBridge, Shares, phases, soon

from finevla_core.chunk import JOININGS, ActionChunk
from finevla_core.joint_trajectory_controller import PERIOD_NS, Point
from finevla_core.safety.bridge import Bridge
from finevla_core.safety.bridge_options import BridgeOptions
from finevla_core.safety.events import State
from finevla_core.safety.gate import GateOptions
from finevla_sim.demonstrator import Demonstration
from finevla_sim.mujoco_model import robot_urdf
from finevla_sim.robot_files import default_robot
from finevla_tools.rollout import envelope_of

ROBOT = default_robot()
E, ENVELOPE = ROBOT.embodiment, envelope_of(ROBOT)
L = ENVELOPE.limits
ARM = ~L.is_gripper
STEP_NS, AFTER_NS = 100 * MS, 2_000 * MS
FAR_M = 1.0
ZONES = yaml.safe_load(ROBOT.safety_path.read_text())["zones"]
TABLE = next(zone for zone in ZONES if zone["name"] == "table")
FIRST_SEED = 20_000


class Distances:
    """Least distance between the two arms, and of the arms to the table, by MuJoCo: a second opinion."""

    def __init__(self) -> None:
        spec = mujoco.MjSpec.from_string(robot_urdf(ROBOT.urdf_path))
        lower, upper = (np.array(TABLE["box"][end]) for end in ("lower", "upper"))
        box = mujoco.mjtGeom.mjGEOM_BOX
        spec.worldbody.add_geom(name="table", type=box, pos=(lower + upper) / 2, size=(upper - lower) / 2)
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self.q = np.array([self.model.joint(joint).qposadr[0] for joint in E.joints])
        twins = [(j, j.replace("joint1", "joint2")) for j in E.joints if "gripper" in j]
        self.twins = [(E.joints.index(j), self.model.joint(twin).qposadr[0]) for j, twin in twins]
        self.left, self.right = (np.array(self._shapes(side)) for side in ("left_", "right_"))
        self.table = np.array([self.model.geom("table").id])

    def between_arms(self, values: NDArray[np.float64], most_m: float = FAR_M) -> float:
        """Metres, `most_m` if they are farther apart."""
        self._place(values)
        return self._least(self.left, self.right, most_m)

    def nearest(self, values: NDArray[np.float64], most_m: float) -> tuple[float, float]:
        """Metres between the arms, and from any of them to the table; `most_m` if they are farther apart."""
        between = self.between_arms(values, most_m)
        return between, self._least(np.concatenate([self.left, self.right]), self.table, most_m)

    def _place(self, values: NDArray[np.float64]) -> None:
        positions = E.to_positions(values)
        self.data.qpos[self.q] = positions
        for index, address in self.twins:
            self.data.qpos[address] = -positions[index]
        mujoco.mj_kinematics(self.model, self.data)

    def _least(self, some: NDArray[np.int64], others: NDArray[np.int64], most_m: float) -> float:
        where, radius = self.data.geom_xpos, self.model.geom_rbound
        apart = np.linalg.norm(where[some][:, None] - where[others], axis=2) - radius[some][:, None] - radius[others]
        pairs, least = np.argwhere(apart < most_m), most_m
        for i, j in pairs[np.argsort(apart[tuple(pairs.T)])].tolist():
            if apart[i, j] >= least:
                break
            found = mujoco.mj_geomDistance(self.model, self.data, int(some[i]), int(others[j]), least, None)
            least = min(least, found)
        return least

    def _shapes(self, side: str) -> list[int]:
        """Collision shapes of all links of an arm that move."""
        of = self.model.geom_bodyid
        names = [self.model.body(int(body)).name for body in of]
        return [i for i, name in enumerate(names) if name.startswith((side + "link", side + "gripper"))]


def chunk_at(rows: NDArray[np.float64], stamp_ns: int, number: int, joining: str = "blend") -> ActionChunk:
    """A well-formed chunk of the client that has authority."""
    return ActionChunk(stamp_ns, "x", E.name, E.names, 0.1, rows, "", "bench", 1, joining, number)


def fresh(values: NDArray[np.float64], now_ns: int = START) -> Bridge:
    """A bridge that holds at `values` with an instruction."""
    bridge = Bridge(E, ENVELOPE, GateOptions(), BridgeOptions(asleep_s=10.0))  # here it is not ticked all the time
    feel(bridge, values, now_ns)
    bridge.on_instruction("x", now_ns)
    return bridge


def feel(bridge: Bridge, values: NDArray[np.float64], now_ns: int) -> None:
    """A joint state."""
    bridge.on_joint_state(now_ns, E.joints, E.to_positions(values).tolist(), now_ns)


def too_near(driven: DrivenBridge, distances: Distances, every_ns: int = 40 * MS) -> list[str]:
    """Where the commands led nearer to the other arm or deeper into the table than may be, in words."""
    # The two fingers' common slack (1 mm of overshoot each) is not modelled the same way: half of the distance allowed.
    nearest = [distances.nearest(p, 0.05) for p in driven.arms.commands()[:: every_ns // PERIOD_NS]]
    between, table = np.min(nearest, axis=0)
    found = [f"arms {between * 1e3:.1f} mm apart"] if between < 0.0025 else []
    return found + ([f"{-table * 1e3:.1f} mm in the table"] if table < TABLE["stop_m"] - 0.001 else [])


def adversary(rng: np.random.Generator, bridge: Bridge, now_ns: int) -> ActionChunk:
    """A chunk that aims at a limit, a seam, arm-arm contact, the table - or is broken in some way."""
    assert bridge.plan is not None
    start = bridge.plan.at(now_ns)[0]
    horizon = int(rng.integers(2, 30))
    kind = rng.integers(0, 8)
    stamp = max(now_ns - int(rng.uniform(0, 0.3) * 1e9), bridge._last_stamp_ns + int(rng.random() > 0.02))
    ramp = np.linspace(0, 1, horizon)[:, None] ** rng.uniform(0.3, 3)
    if kind == 0:  # towards one end of the joints' ranges, as fast as may be
        goal = np.where(rng.random(len(start)) < 0.5, L.lower, L.upper) + rng.normal(0, 0.02, len(start))
        rows = start + (goal - start) * ramp * rng.uniform(0, 1.2)
    elif kind == 1:  # arms inwards, into each other
        goal = start.copy()
        goal[[0, 7]] = rng.uniform(-1.6, 0.2), rng.uniform(-0.2, 1.6)
        goal[[1, 8]], goal[[2, 9]] = rng.uniform(0.5, 2.5, 2), rng.uniform(-2.0, -0.2, 2)
        rows = start + (goal - start) * ramp
    elif kind == 2:  # down, into the table or itself
        goal = np.clip(start + rng.normal(0, 1.0, len(start)), L.lower, L.upper)
        rows = start + (goal - start) * ramp
    elif kind == 3:  # shaking
        rows = start + rng.normal(0, 10 ** rng.uniform(-4, 0), (horizon, len(start)))
    elif kind == 4:  # a jump in the middle
        rows = np.tile(start, (horizon, 1))
        rows[horizon // 2 :] += rng.normal(0, 0.5, len(start))
    elif kind == 5:  # a smooth walk, most of which is fine
        rows = start + np.cumsum(rng.normal(0, rng.uniform(0, 0.05), (horizon, len(start))), axis=0)
    elif kind == 6:  # broken numbers and shapes
        rows = np.tile(start, (horizon, 1))
        rows.flat[rng.integers(rows.size)] = rng.choice([np.nan, np.inf, -np.inf, 1e300, -1e9])
        if rng.random() < 0.3:
            rows = rows[:, :-1]
    else:  # grippers slam
        rows = np.tile(start, (horizon, 1))
        rows[:, L.is_gripper] = rng.integers(0, 2, (horizon, int(L.is_gripper.sum()))) + rng.normal(0, 0.01)
    if kind not in (3, 6) and rng.random() < 0.7:
        rows = np.clip(rows, L.lower + L.margin, L.upper - L.margin)
    number = bridge._last_sequence + (int(rng.integers(1, 4)) if rng.random() > 0.02 else 0)
    chunk = chunk_at(rows, stamp, number, str(rng.choice(["blend", "ensemble", "rtc", "x"], p=[0.5, 0.24, 0.24, 0.02])))
    if rng.random() < 0.05:
        field, value = [("dt_s", rng.choice([0.0, np.nan, 1e-9, 0.01, 5.0])), ("epoch", 0), ("client", "other"),
                        ("instruction_id", "y"), ("names", E.names[::-1]), ("embodiment", "z")][rng.integers(6)]  # fmt: skip
        object.__setattr__(chunk, field, value)
    return chunk


def fuzz(chunks: int, seed: int) -> None:
    """Adversarial chunks against one bridge after another; whatever its controllers command is checked."""
    rng, distances = np.random.default_rng(seed), Distances()
    codes: Counter[str] = Counter()
    bad: list[str] = []
    worst = Shares()
    accepted = stops = done = runs = 0
    started = time.monotonic()
    home = np.tile([0.0, 1.3, -1.6, 0.0, 0.4, 0.0, 1.0], 2)
    while done < chunks:
        driven = DrivenBridge(E, ENVELOPE, home, soon(rng), phases(rng), lag_ns=20 * MS)
        bridge = driven.bridge
        for _ in range(100):
            driven.run(driven.now_ns + int(rng.uniform(0.02, 0.4) * 1e9))
            if not driven.is_ready:
                break
            bridge.on_chunk(adversary(rng, bridge, driven.now_ns), driven.now_ns)
            done += 1
            bridge._in_a_row = 0  # the latch is tested elsewhere; here every chunk shall be judged
            if rng.random() < 0.02:
                bridge.on_stop(driven.now_ns, "fuzz", "fuzz")
                stops += 1
        driven.run(driven.now_ns + AFTER_NS)
        runs += 1
        worst |= driven.arms.shares()
        bad += driven.arms.offences() + (too_near(driven, distances) if runs % 4 == 0 else [])
        accepted += bridge.counts.accepted
        codes.update(bridge.counts.rejected)
    print(f"{done} chunks in {runs} runs, {accepted} accepted, {stops} stops, {time.monotonic() - started:.0f} s")
    print(", ".join(f"{code} {count}" for code, count in codes.most_common()))
    print(f"commands: at most {worst.acceleration:.3f} of the acceleration limit, {worst.jerk:.3f} of the jerk limit")
    print(f"violations: {len(bad)} {dict(Counter(bad))}")


def oracle(episodes: int) -> None:
    """Every chunk of the expert, 60 ms after its observation; a refusal for nearness is true if MuJoCo agrees."""
    distances, refused, rng = Distances(), Counter[str](), np.random.default_rng(0)
    accepted, touching, worst = 0, 0, Shares()
    bad: list[str] = []
    for episode in record(episodes, FIRST_SEED):
        driven, is_touching = driven_from(episode.states[0], rng), False
        counts = driven.bridge.counts
        for k, rows in enumerate(episode.chunks.astype(float)):
            observed = START + (k + 1) * STEP_NS
            driven.run(observed + 60 * MS)
            before = counts.rejected.copy()
            driven.bridge.on_chunk(chunk_at(rows, observed, k + 1), driven.now_ns)
            if new := counts.rejected - before:
                if min(distances.between_arms(row) for row in rows) < 0.015 or "chunk.workspace" in new:
                    is_touching = True
                    break  # from here on the arm is elsewhere than the expert thinks
                refused.update(new)
        driven.run(driven.now_ns + AFTER_NS)
        worst |= driven.arms.shares()
        bad += driven.arms.offences()
        accepted += counts.accepted
        touching += is_touching
    print(
        f"{episodes} episodes, {accepted} chunks accepted; {touching} episodes end at a true refusal (arms or table touch)"
    )
    print(f"false rejections: {sum(refused.values())} {dict(refused)}")
    print(f"commands: at most {worst.acceleration:.3f} of the acceleration limit, {worst.jerk:.3f} of the jerk limit")
    print(f"violations: {len(bad)} {dict(Counter(bad))}")


def seams(episodes: int) -> None:
    """Jerk of what controllers command where a chunk takes over, against replacing the running chunk naively.

    Both sides are played by the same controllers: third differences between the last cycle before a chunk came and 0.15 s
    after it. Naively, rows are bare positions, and the newest chunk's are sent as they are.
    """
    recorded = record(episodes, FIRST_SEED)
    print("| delay ms | naive rad/s^3 | blend | ensemble | rtc, policy not continuing |\n|---|---|---|---|---|")
    for delay_ms in (50, 150, 300, None):
        jerks: dict[str, list[float]] = {mode: [] for mode in ("naive", *JOININGS)}
        for number, episode in enumerate(recorded):
            for mode in JOININGS:
                ours, naive = _seams(episode, delay_ms, mode, np.random.default_rng(number))
                jerks[mode] += ours
                jerks["naive"] += naive if mode == "blend" else []
        mean = np.mean(jerks.pop("naive"))
        row = [f"{np.mean(j):.1f} ({np.mean(j) / mean:.2%})" for j in jerks.values()]
        print(f"| {delay_ms or '50-300, jitter'} | {mean:.0f} | {' | '.join(row)} |", flush=True)


def _seams(
    episode: Demonstration, delay_ms: int | None, mode: str, rng: np.random.Generator
) -> tuple[list[float], list[float]]:
    """Every 0.4 s a chunk with noise of its own: the jerk at each that takes over from another, joined and naively."""
    driven = driven_from(episode.states[0], rng)
    naive = CommandedArms(E, L, episode.states[0].astype(float), driven.arms.first_ns)
    at_ns: list[int] = []
    for k in range(0, len(episode.chunks), 4):
        late = int((delay_ms or rng.uniform(50, 300)) * MS)
        noisy = episode.chunks[k] + rng.normal(0, 0.004, episode.chunks[k].shape[1]) * ARM
        stamp, accepted = START + (k + 1) * STEP_NS, driven.bridge.counts.accepted
        driven.run(stamp + late)
        naive.run(stamp + late)
        driven.bridge.on_chunk(chunk_at(noisy, stamp, k + 1, mode), driven.now_ns)
        driven.flush()
        send_rows(naive, noisy, stamp, driven.now_ns + driven.wire(driven.sent[-1][1], driven.now_ns))
        if driven.bridge.counts.accepted > accepted:
            at_ns.append(driven.now_ns)
    driven.run(driven.now_ns + 200 * MS)
    naive.run(driven.now_ns)
    return tuple([_jerk(arms, t) for t in at_ns[1:]] for arms in (driven.arms, naive))


def send_rows(arms: CommandedArms, rows: NDArray[np.float64], stamp_ns: int, due_ns: int) -> None:
    """Rows of a chunk as bare positions, as whoever has no bridge sends them."""
    positions = E.to_positions(rows)
    for c in E.controllers:
        columns = [E.joints.index(joint) for joint in c.joints]
        points = [Point((n + 1) * STEP_NS, tuple(p)) for n, p in enumerate(positions[:, columns].tolist())]
        arms.send_points(c.name, c.joints, points, stamp_ns, due_ns)


def _jerk(arms: CommandedArms, at_ns: int) -> float:
    """The highest of any arm joint's command from the last cycle before that time until 0.15 s after it."""
    last = (at_ns - arms.first_ns) // PERIOD_NS
    rows = arms.commands()[max(last - 2, 0) : last + 150 * MS // PERIOD_NS + 1, ARM]
    return float((abs(np.diff(rows, 3, axis=0)) / PERIOD_S**3).max())


def driven_from(values: NDArray[np.floating], rng: np.random.Generator) -> DrivenBridge:
    """A bridge and its controllers at `values` `(D,)`, whose messages take some milliseconds."""
    return DrivenBridge(E, ENVELOPE, values.astype(float), soon(rng), phases(rng), lag_ns=20 * MS)


def gate(episodes: int) -> None:
    """What a judgement of a 16 x 14 chunk costs on one core, collision and workspace included."""
    wall: list[float] = []
    spent: list[float] = []
    for episode in record(episodes, FIRST_SEED):
        bridge = fresh(episode.states[0])
        for k, rows in enumerate(episode.chunks.astype(float)):
            now = START + (k + 1) * STEP_NS
            feel(bridge, bridge.plan.at(now)[0], now)
            chunk = chunk_at(rows, now, k + 1)
            begun, worked = time.perf_counter(), time.process_time()
            bridge.on_chunk(chunk, now + 60 * MS)
            wall.append(time.perf_counter() - begun)
            spent.append(time.process_time() - worked)
            bridge.tick(now + 60 * MS)
            bridge.take()
    for what, times in (("by the clock", wall), ("of the processor", spent)):
        p50, p90, p99, worst = np.percentile(np.array(times) * 1e3, [50, 90, 99, 100])
        print(f"{len(times)} chunks, {what}: median {p50:.2f} ms, p90 {p90:.2f}, p99 {p99:.2f}, worst {worst:.2f}")


def resets(count: int, seed: int) -> None:
    """Motions between a reset and the next words, with a policy and a motion client that take no notice of a stop."""
    from bridge_run import MOTION, STOPS, BridgeRun
    from guarded_arms import Guarded

    rng = random.Random(seed)
    guarded = Guarded.of(ROBOT.safety_path.parents[1] / "robots" / "cobotmagic.yaml")
    run = BridgeRun(guarded, deadman_timeout_s=1.0, watchdog_timeout_s=0.5)
    stops: Counter[str] = Counter()
    sent = followed = commands = moved = number = 0
    side = 1  # away from home and back
    while sum(stops.values()) < count:
        number += 1
        by, kind = rng.choice(("policy", "motion")), rng.choice(sorted(STOPS))
        words, motion = f"words {number}", f"motion:home-{number}"
        run.bridge.release_authority(MOTION, run.now)
        before = run.accepted()
        if by == "motion":
            run.bridge.take_authority(MOTION, run.now)
            run.chunk(f"{motion}/1", MOTION, amplitude=side * rng.uniform(0.4, 0.5))
        else:
            run.bridge.on_instruction(words, run.now)
            run.chunk(words, amplitude=side * rng.uniform(0.4, 0.5))
        if run.accepted() == before:  # where the arms cannot go on so: back to the middle
            run, side = BridgeRun(guarded, deadman_timeout_s=1.0, watchdog_timeout_s=0.5), 1
            continue
        side = -side
        run.pass_time(rng.randrange(2, 15))
        STOPS[kind](run)
        assert run.bridge.state is State.STOPPED, f"{kind}: {run.bridge.reason}"
        stops[kind] += 1
        run.misbehave(by, words, motion)
        run.felt = True
        run.pass_time(100)
        run.bridge.take()
        done, why = run.bridge.reset(run.now)
        assert done, why
        run.are_stuck = False
        at, before = run.position(), run.accepted()
        for _ in range(rng.randrange(1, 5)):
            sent += run.misbehave(by, words, motion)
        followed += run.accepted() - before
        commands += len(run.bridge.take()[0])
        moved += bool((abs(run.position() - at) > 1e-9).any())
    print(f"{sum(stops.values())} stops and resets: {dict(sorted(stops.items()))}")
    print(
        f"between reset and next words: {sent} chunks sent, {followed} followed, {commands} commands, {moved} motions"
    )


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("fuzz", "oracle", "seams", "gate", "resets"))
    parser.add_argument("--chunks", type=int, default=20_000)
    parser.add_argument("--episodes", type=int, default=40)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.what == "fuzz":
        fuzz(arguments.chunks, arguments.seed)
    elif arguments.what == "resets":
        resets(arguments.count, arguments.seed)
    else:
        {"oracle": oracle, "seams": seams, "gate": gate}[arguments.what](arguments.episodes)


if __name__ == "__main__":
    main()
