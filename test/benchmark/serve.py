"""A policy server on this machine: clients kept apart, what many ask for together, and what the way to it costs.

`python test/benchmark/serve.py apart | together | latency [--bundle FOLDER]`: `apart` has 8 clients send requests of their
own state, picture and words, and compares every answer with what the policy says to that alone (exit code 1 if one differs);
`together` compares the rate of 8 clients with one client's; `latency` is the time that the remote way adds to the same policy
in this process, with three pictures of 224x224.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from finevla_core.bundle import load_bundle
from finevla_core.images import ImageFormat
from finevla_core.instruction import Instruction
from finevla_core.observation import Observation
from finevla_core.policy.bundle_loading import load_policy
from finevla_core.policy.bundle_policy import BundlePolicy
from finevla_core.policy.remote_policy import RemotePolicy
from finevla_sim.robot_files import default_robot
from finevla_tools.serve.served_bundle import HostedBundle, host_bundle

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from torch_bundle import make_torch_bundle

CLIENTS, KINDS = 8, 5  # clients; observations of each
SAME = 1e-3  # radians: what a batch of another size may change in float32
START_S = 120.0  # until the server is there
PATIENCE_S = 30.0  # for an answer
WARM_UP = 5  # observations
WORDS = ("reach the [/red] cube", "reach the [/blue] ball", "pick up the [/green] cube", "reach the [/yellow] ball")


class Served:
    """`finevla serve` in a process of its own, and the same bundle in this one to compare with."""

    def __init__(self, bundle: Path, threads: int) -> None:
        self.hosted = host_bundle(bundle, threads, 1)
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = int(one.getsockname()[1])
        command = [sys.executable, "-m", "finevla_tools.cli", "serve", str(bundle), "--port", str(self.port)]
        command += ["--threads", str(threads), "--clients", str(4 * CLIENTS), "--batch", str(CLIENTS)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline_s = time.monotonic() + START_S
        with closing(self._policy()) as policy:
            while policy.waiting_text:
                if self._process.poll() is not None or time.monotonic() > deadline_s:
                    raise RuntimeError(f"the server does not come: {policy.waiting_text}")
                time.sleep(0.1)

    def client(self) -> RemotePolicy:
        """Return a policy that asks the server, connected."""
        policy = self._policy()
        policy.ready()
        return policy

    def close(self) -> None:
        """End the server."""
        self._process.terminate()
        self._process.wait(10.0)

    def alone(self) -> BundlePolicy:
        """Return the policy in this process, with a memory of its own."""
        return BundlePolicy(self.hosted.bundle, self.hosted.embodiment, self.hosted.graphs)

    def _policy(self) -> RemotePolicy:
        h = self.hosted
        policy = load_policy(h.bundle.path, h.embodiment, server=f"ws://127.0.0.1:{self.port}")
        assert isinstance(policy, RemotePolicy)
        # What is late on a busy machine shall be counted, not end the measurement.
        policy.server = replace(policy.server, timeout_s=PATIENCE_S)
        return policy


def observation(hosted: HostedBundle, client: int, kind: int, stamp_ns: int) -> Observation:
    """What only that client sees and feels."""
    robot, m, rng = hosted.embodiment, hosted.manifest, np.random.default_rng([client, kind])
    shape = (len(robot.cameras), m.images.height, m.images.width, 3)
    images = rng.integers(0, 256, shape, np.uint8)
    state = rng.uniform(0.1, 0.6, len(m.values)).astype(np.float32)
    return Observation(stamp_ns, robot.camera_names, images, (stamp_ns,) * shape[0], state, stamp_ns)


def _words(client: int) -> Instruction:
    return Instruction(WORDS[client % len(WORDS)], id=str(client))


def apart(bundle: Path, requests: int, threads: int) -> int:
    """Compare every answer with the policy's own to that client alone; return how many differ."""
    with closing(Served(bundle, threads)) as one:
        wanted = [_alone(one, client, requests // CLIENTS) for client in range(CLIENTS)]
        wrong, worst = [0] * CLIENTS, [0.0] * CLIENTS

        def ask(client: int) -> None:
            with closing(one.client()) as policy:
                encoded = policy.encode(_words(client))
                for k, expected in enumerate(wanted[client]):
                    seen = observation(one.hosted, client, k % KINDS, (k + 1) * 100_000_000)
                    gap = float(np.abs(policy.predict(seen, encoded).actions - expected).max())
                    wrong[client] += not gap < SAME
                    worst[client] = max(worst[client], gap)

        _at_once(ask)
    between = min(float(np.abs(wanted[0][k] - other[k]).max()) for other in wanted[1:] for k in range(len(other)))
    print(
        f"{sum(map(len, wanted))} requests of {CLIENTS} clients: {sum(wrong)} answers are not the client's own; greatest "
        f"difference {max(worst):.1e} rad, of two clients' at least {between:.1e} rad"
    )
    return sum(wrong)


def _alone(one: Served, client: int, count: int) -> list[NDArray[np.float64]]:
    """What the policy answers to one client that has it for itself: with its own memory, in the order of its requests."""
    policy, h = one.alone(), one.hosted
    told = policy.encode(_words(client))
    return [
        policy.predict(observation(h, client, k % KINDS, (k + 1) * 100_000_000), told).actions for k in range(count)
    ]


def together(bundle: Path, seconds: float, threads: int) -> None:
    """Print the rate of one client, and of all together."""
    with closing(Served(bundle, threads)) as one:
        rates = {count: _rate(one, count, seconds) for count in (1, CLIENTS)}
        provider = one.hosted.provider
    for count, rate in rates.items():
        print(f"{count} client{'s' * (count > 1)}: {rate:.1f} chunks/s")
    print(f"ratio {rates[CLIENTS] / rates[1]:.2f} on {provider}, {threads} threads")


def _rate(one: Served, clients: int, seconds: float) -> float:
    """Chunks per second of so many clients, each of which asks again as soon as it is answered."""
    counts, begin, over = [0] * clients, threading.Barrier(clients + 1), threading.Event()

    def ask(client: int) -> None:
        with closing(one.client()) as policy:
            encoded = policy.encode(_words(client))
            seen = [observation(one.hosted, client, kind, 1) for kind in range(KINDS)]
            policy.predict(seen[0], encoded)
            begin.wait()
            while not over.is_set():
                policy.predict(seen[counts[client] % KINDS], encoded)
                counts[client] += 1

    workers = [threading.Thread(target=ask, args=(client,)) for client in range(clients)]
    for worker in workers:
        worker.start()
    begin.wait()
    started_s = time.perf_counter()
    time.sleep(seconds)
    answered, took_s = sum(counts), time.perf_counter() - started_s
    over.set()
    for worker in workers:
        worker.join()
    return answered / took_s


def latency(bundle: Path, count: int, threads: int) -> None:
    """Print what the remote way adds, asking both policies in turn."""
    with closing(Served(bundle, threads)) as one, closing(one.client()) as there:
        here = one.alone()
        told = here.encode(_words(0)), there.encode(_words(0))
        times = np.empty((count, 2))
        for k in range(-WARM_UP, count):
            seen = observation(one.hosted, 0, k % KINDS, (k + WARM_UP + 1) * 100_000_000)
            for which, policy in enumerate((here, there)):
                started_s = time.perf_counter()
                policy.predict(seen, told[which])
                if k >= 0:
                    times[k, which] = time.perf_counter() - started_s
        m = one.hosted.manifest
    print(f"{count} observations of {len(m.cameras)} pictures {m.images.height}x{m.images.width}")
    for name, taken in (("in process", times[:, 0]), ("remote", times[:, 1]), ("added", times[:, 1] - times[:, 0])):
        print(f"{name}: median {np.median(taken) * 1e3:.2f} ms, p99 {np.percentile(taken, 99) * 1e3:.2f} ms")


def _at_once(ask: Callable[[int], None]) -> None:
    failed: list[BaseException] = []

    def run(client: int) -> None:
        try:
            ask(client)
        except BaseException as error:
            failed.append(error)

    workers = [threading.Thread(target=run, args=(client,)) for client in range(CLIENTS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failed:
        raise failed[0]


def main() -> int:
    """Run one of the three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("apart", "together", "latency"))
    parser.add_argument("--bundle", type=Path, help="instead of the tabletop network with weights of nobody's")
    parser.add_argument("--size", type=int, default=224, help="of that network: height and width of its pictures")
    parser.add_argument("--hidden", type=int, default=512, help="of that network: width of its head")
    parser.add_argument("--blocks", type=int, default=3, help="of that network: depth of its head")
    parser.add_argument("--requests", type=int, default=10_000, help="apart; latency takes a twentieth of it")
    parser.add_argument("--seconds", type=float, default=20.0, help="together: of each measurement")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each inference")
    a = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        bundle = a.bundle or make_torch_bundle(
            Path(folder) / "weights",
            default_robot().embodiment,
            "regression",
            hidden=a.hidden,
            blocks=a.blocks,
            images=ImageFormat(a.size, a.size),
        )
        print(f"bundle '{load_bundle(bundle).manifest.name}', runtime {load_bundle(bundle).manifest.runtime}")
        if a.what == "apart":
            return int(apart(bundle, a.requests, a.threads) > 0)
        if a.what == "together":
            together(bundle, a.seconds, a.threads)
        else:
            latency(bundle, a.requests // 20, a.threads)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
