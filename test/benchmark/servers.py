"""A policy server that is late, wrong and away, in front of the whole simulated stack; never a test.

    python test/benchmark/servers.py [--minutes 10] [--joinings blend ensemble rtc]

A played server of openpi's dialect moves both arms, its answers 300 ms late on average (150 ms more or less), now and then
2 s late, garbage or not a number; once a minute it is gone for some seconds. Judged cycle by cycle at the controllers'
command, as drills are: limits, rest after a plan's end, and how soon the arms follow again.
"""

import argparse
import contextlib
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from finevla_core.bundle import write_bundle
from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.images import ImageFormat
from finevla_core.instruction import Instruction
from finevla_core.joint_trajectory_controller import PERIOD_NS
from finevla_core.manifest import Manifest, RemoteServer
from finevla_core.policy_wire.msgpack_arrays import OPENPI
from finevla_ros.share_paths import robot_file
from finevla_tools.faults import drill_judge
from finevla_tools.faults.drill_recorder import REST
from finevla_tools.faults.drill_session import Session

HORIZON, DT_S, TIMEOUT_S = 20, 0.1, 1.0
LATE_S, JITTER_S, SPIKE_S = 0.3, 0.15, 2.0
SHARES = {"spike": 0.01, "garbage": 0.01, "nan": 0.01, "traceback": 0.01}
EVERY_S, AWAY_S = 60.0, (3.0, 6.0)
NAMED = {"spike": "has not answered", "garbage": "cannot be read", "nan": "has nan", "traceback": "RuntimeError: boom"}
SWING = {"joint1": (0.35, 0.08), "joint4": (0.4, 0.11), "joint6": (0.5, 0.13), "gripper": (0.3, 0.2)}  # size, Hz
SPEED = 0.5  # of each value, 1/s
WANTED = "wave both arms"


@dataclass
class LateServer:
    """Swings both arms around home; `faults` counts what it did wrong."""

    robot: Embodiment
    seed: int
    port: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._random, self._began_s = random.Random(self.seed), time.monotonic()
        self._open: set[ServerConnection] = set()
        self._server: Server | None = None
        self.start()

    def start(self) -> None:
        """Listen, on the port of the first time."""
        self._server = serve(self._talk, "127.0.0.1", self.port, compression=None, ping_interval=None, max_size=None)
        self.port = self._server.socket.getsockname()[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """End as a process does that was killed."""
        assert self._server is not None
        self._server.shutdown()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.socket.close()
        self._open.clear()

    def _talk(self, connection: ServerConnection) -> None:
        self._open.add(connection)
        with contextlib.suppress(ConnectionClosed, OSError):
            connection.send(OPENPI.encode({}))
            for frame in connection:
                at_s = time.monotonic()
                assert isinstance(frame, bytes)
                state = np.asarray(OPENPI.decode(frame, "request")["state"], np.float64)
                draw, wrong = self._random.random(), "none"
                for name, share in SHARES.items():
                    wrong, draw = (name, 2.0) if draw < share else (wrong, draw - share)
                late_s = SPIKE_S if wrong == "spike" else max(0.0, self._random.gauss(LATE_S, JITTER_S / 2))
                time.sleep(late_s)
                self.faults[wrong] += 1
                connection.send(self._answer(at_s, state, wrong))
                if wrong == "traceback":
                    connection.close(1011)
        self._open.discard(connection)

    def _answer(self, at_s: float, state: NDArray[np.float64], wrong: str) -> bytes | str:
        if wrong == "garbage":
            return b"\xc1garbage"
        if wrong == "traceback":
            return 'Traceback (most recent call last):\n  File "x.py", line 1\nRuntimeError: boom'
        ahead_s = DT_S * np.arange(1, HORIZON + 1)
        reach = SPEED * ahead_s[:, None]  # from where the arms are, towards where they shall be by then
        actions = state + np.clip(self.targets(at_s - self._began_s + ahead_s) - state, -reach, reach)
        if wrong == "nan":
            actions[3, 5] = np.nan
        timing = {"infer_ms": 40.0}
        return OPENPI.encode({"actions": actions, "server_timing": timing})

    def targets(self, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where both arms shall be `(T, D)`, to and fro from home."""
        home = self.robot.moved(np.zeros(len(self.robot.names)), "home")
        rows = np.tile(home, (len(times_s), 1))
        for k, name in enumerate(self.robot.names):
            side, _, part = name.partition("_")
            if part in SWING:
                size, rate_hz = SWING[part]
                turned = 1 - np.cos(2 * np.pi * rate_hz * times_s)
                rows[:, k] += (-size if part == "gripper" or side == "left" else size) * turned / 2
        return rows


@dataclass
class Findings:
    """The worst of everything, shares of the limits."""

    used: dict[str, float] = field(default_factory=dict)
    jerk: float = 0.0
    measured: str = ""
    rests_s: list[float] = field(default_factory=list)
    returns_s: list[float] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)
    chunks: int = 0


def bundle(path: Path, robot: Embodiment, port: int, joining: str) -> Path:
    """The bundle without weights that stands for the server."""
    cameras = dict(zip(("cam_high", "cam_left_wrist", "cam_right_wrist"), robot.camera_names, strict=True))
    manifest = Manifest(
        name=f"late-{joining}",
        embodiment=robot.name,
        cameras=cameras,
        images=ImageFormat(224, 224, "pad", "bilinear"),
        values=robot.names,
        horizon=HORIZON,
        dt_s=DT_S,
        files={},
        runtime="remote",
        remote=RemoteServer(f"ws://127.0.0.1:{port}", "openpi", TIMEOUT_S),
        joining=joining,
        transforms=({"layout": "chw"},),
    )
    return write_bundle(path, manifest, {"card.md": b"# A late server\n"}).path


def judged(session: Session, found: Findings) -> None:
    """Judge what was commanded and measured since the recorder began, while the arms were at rest."""
    recorder = session.recorder
    states, told = list(recorder.states), list(recorder.told)
    span_ns = (states[0].stamp_ns, states[-1].stamp_ns)
    positions, velocities = drill_judge.commanded(told, session.robot, states[0], span_ns)
    found.used = {
        what: share for what, (_, share) in drill_judge.limits_used(positions, velocities, session.limits).items()
    }
    acceleration = np.diff(velocities, axis=0) / (PERIOD_NS * 1e-9)
    jerk = abs(np.diff(acceleration, axis=0)) / (PERIOD_NS * 1e-9)
    found.jerk = float((jerk / session.limits.jerk).max())
    found.measured = drill_judge.measured_breach(states, session.limits, session.robot.names)
    found.stops = [seen.code for seen in recorder.seen if seen.is_stop]
    found.chunks = session.accepted()


@contextlib.contextmanager
def running(robot: Embodiment, joining: str, seed: int) -> Iterator[tuple[Session, LateServer]]:
    """The stack with that bundle, at home, told what to do."""
    server = LateServer(robot, seed)
    with tempfile.TemporaryDirectory() as folder:
        path = bundle(Path(folder) / f"late-{joining}", robot, server.port, joining)
        try:
            with Session(str(path), WANTED) as session:
                session._need_stack(False)
                session.reset(15.0)
                session.recorder.begin()
                session.wait(lambda: session.recorder.states, 5.0, "joint states")
                session.client.say(Instruction(raw=WANTED))
                session.wait(lambda: session.recorder.is_moving(0.1), 20.0, "the arms to move")
                yield session, server
        finally:
            server.stop()


def outage(session: Session, server: LateServer, found: Findings, rng: random.Random) -> None:
    """The server is gone for a while and comes back."""
    recorder = session.recorder
    server.stop()
    server.faults["away"] += 1
    session.client.wait(lambda: False, rng.uniform(*AWAY_S))
    chunk = session.client.newest["action_chunk"]
    ends_ns = chunk.header.stamp.sec * 10**9 + chunk.header.stamp.nanosec + round(HORIZON * DT_S * 1e9)
    after = [s for s in recorder.states if s.stamp_ns >= ends_ns]
    moving = [s.stamp_ns for s in after if recorder.speed(s) > REST]
    found.rests_s.append(((max(moving) - ends_ns) * 1e-9) if moving else 0.0)
    server.start()
    back_s, accepted = time.monotonic(), session.accepted()
    session.wait(lambda: session.accepted() > accepted, 15.0, "chunks again")
    found.returns_s.append(time.monotonic() - back_s)


def run(joining: str, minutes: float, seed: int) -> tuple[Findings, Counter[str], list[str]]:
    """One joining for some minutes."""
    robot, rng = load_embodiment(robot_file("cobotmagic")), random.Random(seed)
    found = Findings()
    with running(robot, joining, seed) as (session, server):
        ends_s, next_s = time.monotonic() + 60 * minutes, time.monotonic() + min(EVERY_S, 20 * minutes)
        while time.monotonic() < ends_s:
            if time.monotonic() >= next_s:
                outage(session, server, found, rng)
                next_s = time.monotonic() + EVERY_S
            else:
                session.client.wait(lambda: False, max(0.1, min(next_s, ends_s) - time.monotonic()))
        judged(session, found)
        lines = [line for line in session.log if line.startswith("[policy]") and "WARN" in line]
        return found, server.faults.copy(), lines


def main() -> None:
    """Print a line for each joining."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="in all")
    parser.add_argument("--joinings", nargs="+", default=["blend", "ensemble", "rtc"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log", action="store_true", help="print the policy's warnings as well")
    arguments = parser.parse_args()
    for joining in arguments.joinings:
        found, faults, lines = run(joining, arguments.minutes / len(arguments.joinings), arguments.seed)
        named: dict[str, Any] = {name: sum(text in line for line in lines) for name, text in NAMED.items()}
        used = ", ".join(f"{what} {share:.3f}" for what, share in found.used.items())
        print(f"{joining}: {found.chunks} chunks followed; of the limits at the command: {used}, jerk {found.jerk:.3f}")
        print(f"  stops {Counter(found.stops) or 'none'}; measured too fast: {found.measured or 'never'}")
        print(f"  faults {dict(faults)}; lines that name them {named}; {len(lines)} warnings in all")
        rests = ", ".join(f"{1e3 * s:.0f}" for s in found.rests_s)
        print(
            f"  at rest after the plan's end (ms): {rests}; followed again after (s): {[round(s, 2) for s in found.returns_s]}"
        )
        if arguments.log:
            print(*lines, sep="\n")


if __name__ == "__main__":
    main()
