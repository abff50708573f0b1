"""The safety gate in figures: adversarial chunks, clean replay of the scripted expert, seams, and what a judgement costs.

    python test/benchmark/safety.py fuzz --chunks 1000000 [--seed 0]
    python test/benchmark/safety.py oracle --episodes 300
    python test/benchmark/safety.py seams --episodes 40
    python test/benchmark/safety.py gate --episodes 40
    python test/benchmark/safety.py resets --count 1000 [--seed 0]

What the gate lets through is checked by other means than the gate's own: SciPy's curves through the commanded knots, and
distances by MuJoCo's collision code instead of coal's.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import mujoco
import numpy as np
import yaml
from expert import record
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline

from finevla_core.chunk import ActionChunk
from finevla_core.safety.bridge import Bridge, BridgeOptions
from finevla_core.safety.gate import GateOptions
from finevla_core.safety.plan import Plan
from finevla_core.safety.words import State
from finevla_sim.demonstrator import Demonstration
from finevla_sim.model import robot_urdf
from finevla_sim.robot import default_robot
from finevla_tools.rollout import envelope_of

ROBOT = default_robot()
E, ENVELOPE = ROBOT.embodiment, envelope_of(ROBOT)
L = ENVELOPE.limits
ARM = ~L.is_gripper
MS, START = 1_000_000, 10_000_000_000
STEP_NS = 100 * MS
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


def violations(plan: Plan, distances: Distances | None, samples: int = 60) -> list[str]:
    """Which limits a commanded plan breaks, by dense samples of SciPy's curve through its knots."""
    if len(plan.times_ns) < 2:
        return []  # a stop of what held already
    seconds = (plan.times_ns - plan.times_ns[0]) * 1e-9
    curve = CubicHermiteSpline(seconds, plan.positions, plan.velocities)
    times = np.linspace(0.0, seconds[-1], samples * 4)
    positions, velocities, found = curve(times), curve(times, 1), []
    slack = L.slack + 1e-6
    if (positions < L.lower - slack).any() or (positions > L.upper + slack).any():
        found.append("position")
    if (abs(velocities) > L.velocity * 1.001).any() or not np.allclose(plan.velocities[-1], 0, atol=1e-9):
        found.append("velocity")
    if (abs(curve(times, 2)) > L.acceleration * 1.001).any():
        found.append("acceleration")
    if (abs(curve((seconds[1:] + seconds[:-1]) / 2, 3)) > L.jerk * 1.001).any():
        found.append("jerk")
    if distances is not None:
        # The two fingers' common slack (1 mm of overshoot each) is not modelled the same way: half of the distance allowed.
        nearest = [distances.nearest(p, 0.05) for p in positions[:: len(positions) // samples or 1]]
        between, table = np.min(nearest, axis=0)
        if between < 0.0025:
            found.append(f"arms {between * 1e3:.1f} mm apart")
        if table < TABLE["stop_m"] - 0.001:
            found.append(f"{-table * 1e3:.1f} mm in the table")
    return found


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
    """Adversarial chunks against one bridge after another; every plan that is commanded is checked."""
    rng, distances = np.random.default_rng(seed), Distances()
    codes: Counter[str] = Counter()
    bad: list[str] = []
    checked = stops = done = 0
    started = time.monotonic()
    home = np.tile([0.0, 1.3, -1.6, 0.0, 0.4, 0.0, 1.0], 2)
    while done < chunks:
        bridge, now = fresh(home), START
        for _ in range(100):
            now += int(rng.uniform(0.02, 0.4) * 1e9)
            if bridge.plan is None or bridge.state not in (State.HOLDING, State.FOLLOWING):
                break
            feel(bridge, bridge.plan.at(now)[0] + rng.normal(0, 0.002, len(home)) * ARM, now)
            bridge.on_chunk(adversary(rng, bridge, now), now)
            done += 1
            if bridge.take()[0]:
                checked += 1
                bad += violations(bridge.plan, distances if checked % 4 == 0 else None)
            if rng.random() < 0.02:
                bridge.on_stop(now, "fuzz", "fuzz")
                stops += 1
                bad += [f"stop: {what}" for what in violations(bridge.plan, None)]
            bridge.tick(now)
            bridge._in_a_row = 0  # the latch is tested elsewhere; here every chunk shall be judged
        codes.update(bridge.counts.rejected)
    print(f"{done} chunks, {checked} accepted and checked, {stops} stops, {time.monotonic() - started:.0f} s")
    print(", ".join(f"{code} {count}" for code, count in codes.most_common()))
    print(f"violations: {len(bad)} {dict(Counter(bad))}")


def oracle(episodes: int) -> None:
    """Every chunk of the expert, 60 ms after its observation; a refusal for nearness is true if MuJoCo agrees."""
    distances, refused, true = Distances(), Counter(), 0
    accepted, touching = 0, 0
    for episode in record(episodes, FIRST_SEED):
        bridge, is_touching = fresh(episode.states[0]), False
        for k, rows in enumerate(episode.chunks.astype(float)):
            now = START + (k + 1) * STEP_NS
            planned = bridge.plan.at(now)[0]
            feel(bridge, np.where(abs(episode.states[k] - planned) < 0.2, episode.states[k], planned), now)
            before = bridge.counts.rejected.copy()
            bridge.on_chunk(chunk_at(rows, now, k + 1), now + 60 * MS)
            new = bridge.counts.rejected - before
            if new:
                if min(distances.between_arms(row) for row in rows) < 0.015 or "chunk.workspace" in new:
                    is_touching, true = True, true + 1
                    break  # from here on the arm is elsewhere than the expert thinks
                refused.update(new)
            bridge.tick(now + 60 * MS)
        accepted += bridge.counts.accepted
        touching += is_touching
    print(
        f"{episodes} episodes, {accepted} chunks accepted; {touching} episodes end at a true refusal (arms or table touch)"
    )
    print(f"false rejections: {sum(refused.values())} {dict(refused)}")


def seams(episodes: int) -> None:
    """Jerk where a chunk takes over, against replacing the running chunk naively, for delays and with jitter.

    One measure for both: third differences of what a controller would command, between its last sample before the seam and
    0.1 s after it. Naively, rows are set points without velocities, and the newest chunk's rows are simply played.
    """
    recorded, rng = record(episodes, FIRST_SEED), np.random.default_rng(0)
    for rate_hz in (200, 50):
        print(f"\nsampled at {rate_hz} Hz\n")
        print("| delay ms | naive rad/s^3 | blend | ensemble | rtc, policy not continuing |\n|---|---|---|---|---|")
        for delay_ms in (50, 150, 300, None):
            jerks: dict[str, list[float]] = {"naive": [], "blend": [], "ensemble": [], "rtc": []}
            for episode in recorded:
                for mode in ("blend", "ensemble", "rtc"):
                    for chunk, now, old, bridge in _seams(episode, delay_ms, mode, rng):
                        times = now + (np.arange(-3, round(0.1 * rate_hz) + 1) / rate_hz * 1e9).astype(np.int64)
                        before = times < now
                        if mode == "blend":
                            played = [_played(old[1], times[before]), _replaced(old[1], chunk, now, times[~before])]
                            jerks["naive"].append(_jerk(np.concatenate(played), rate_hz))
                        plans = [old[0].positions_at(times[before]), bridge.plan.positions_at(times[~before])]
                        jerks[mode].append(_jerk(np.concatenate(plans), rate_hz))
            naive = np.mean(jerks.pop("naive"))
            row = [f"{np.mean(j):.1f} ({np.mean(j) / naive:.2%})" for j in jerks.values()]
            print(f"| {delay_ms or '50-300, jitter'} | {naive:.0f} | {' | '.join(row)} |")


def _seams(
    episode: Demonstration, delay_ms: int | None, mode: str, rng: np.random.Generator
) -> Iterator[tuple[ActionChunk, int, tuple[Plan, ActionChunk], Bridge]]:
    """Every 0.4 s a chunk with noise of its own: itself, when it came, the plan and chunk that ran until then, the bridge."""
    bridge, last = fresh(episode.states[0]), None
    for k in range(0, len(episode.chunks), 4):
        late = int((delay_ms or rng.uniform(50, 300)) * MS)
        noisy = episode.chunks[k] + rng.normal(0, 0.004, episode.chunks[k].shape[1]) * ARM
        now = START + (k + 1) * STEP_NS + late
        feel(bridge, bridge.plan.at(now)[0], now)
        chunk, ran, was = chunk_at(noisy, now - late, k + 1, mode), bridge.plan, bridge.counts.accepted
        bridge.on_chunk(chunk, now)
        if bridge.counts.accepted > was:
            if last is not None:
                yield chunk, now, (ran, last), bridge
            last = chunk
        bridge.tick(now)


def _played(chunk: ActionChunk, times_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Rows as set points, in a straight line from one to the next, as the trajectory controller takes bare positions."""
    rows_ns = chunk.stamp_ns + np.arange(1, chunk.horizon + 1) * STEP_NS
    return np.stack([np.interp(times_ns, rows_ns, column) for column in chunk.actions.T], axis=1)


def _replaced(old: ActionChunk, new: ActionChunk, now_ns: int, times_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """From where the old rows have led by now straight to the new chunk's next one, and on."""
    rows_ns = new.stamp_ns + np.arange(1, new.horizon + 1) * STEP_NS
    ahead = rows_ns > now_ns
    knots_ns = np.concatenate([[now_ns], rows_ns[ahead]])
    knots = np.concatenate([_played(old, np.array([now_ns])), new.actions[ahead]])
    return np.stack([np.interp(times_ns, knots_ns, column) for column in knots.T], axis=1)


def _jerk(positions: NDArray[np.float64], rate_hz: float) -> float:
    """The highest of any arm joint."""
    return float((abs(np.diff(positions[:, ARM], 3, axis=0)) * rate_hz**3).max())


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
    sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
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
