"""How long a bundle takes on this machine: loaded by the same door as in the node, and asked as often as one likes."""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from finevla_core.bundle import Bundle, check_embodiment, load_bundle
from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.manifest import Manifest
from finevla_core.observation import Observation
from finevla_core.policy.bundle_loading import load_policy
from finevla_core.policy.bundle_policy import BundlePolicy
from finevla_core.policy.gpu_libraries import gpu_name
from finevla_core.policy.onnx_options import CPU, Execution, effective_precision
from finevla_core.policy.policy_interface import Policy
from finevla_ros.share_paths import robot_file
from finevla_tools.argument_checks import bundle_path
from finevla_tools.stderr_notices import note

WARM_UP = 20  # observations; the first few on a GPU choose kernels and fill its caches
WORDS = Instruction("clear the table")  # about nothing that would have to be seen before there is a chunk
DT_NS = 100_000_000


@dataclass(frozen=True)
class LatencyReport:
    """Figures of one measurement; `difference` is the greatest of any value of any chunk from the CPU's, None = not asked."""

    bundle: str
    provider: str
    precision: str
    gpu: str
    threads: int
    load_s: float
    observations: int
    median_ms: float
    p95_ms: float
    p99_ms: float
    worst_ms: float
    difference: float | None


def run_latency(arguments: argparse.Namespace) -> int:
    """Measure the bundle of `arguments` and print the report; return the exit code."""
    bundle, robot = load_bundle(bundle_path(arguments.bundle)), load_embodiment(robot_file(arguments.robot))
    check_embodiment(bundle, robot)
    execution = Execution(arguments.provider, arguments.precision, note)
    report = measure(bundle, robot, execution, arguments.threads, arguments.observations, arguments.compare)
    if arguments.json:
        print(json.dumps(asdict(report)))
    else:
        Console().print(_table(report))
    return 0


def measure(
    bundle: Bundle, robot: Embodiment, execution: Execution, threads: int, count: int, compare: bool = False
) -> LatencyReport:
    """Return how long `count` observations took, each from `predict` to its chunk.

    Raises:
        FineVLAError: The bundle is not of runtime "onnx" or "torch", or does not run here; or `compare` is asked of one that
            has no graph for the CPU.
    """
    if compare and bundle.manifest.runtime != "onnx":
        raise FineVLAError(f"bundle '{bundle.path}' has no ONNX graph to compare with; leave --compare out")
    began_s = time.perf_counter()
    policy = _opened(bundle, robot, execution, threads)
    load_s = time.perf_counter() - began_s
    other = load_policy(bundle.path, robot, threads, Execution("cpu")) if compare else None
    told = policy.encode(WORDS), other.encode(WORDS) if other else None
    times, difference = np.empty(count), 0.0
    for k, seen in enumerate(_observations(robot, bundle.manifest, WARM_UP + count), start=-WARM_UP):
        started_s = time.perf_counter()
        chunk = policy.predict(seen, told[0])
        if k >= 0:
            times[k] = time.perf_counter() - started_s
        if other is not None:
            expected = other.predict(seen, told[1])
            difference = max(difference, float(np.abs(chunk.actions - expected.actions).max()))
    provider = policy.description.provider
    median, p95, p99, worst = (round(float(ms), 3) for ms in np.percentile(times, (50, 95, 99, 100)) * 1e3)
    return LatencyReport(
        bundle.manifest.name,
        provider,
        effective_precision(provider.partition(" ")[0], execution.precision),
        "" if provider == CPU or provider.endswith(" CPU") else gpu_name(),
        threads,
        round(load_s, 3),
        count,
        median,
        p95,
        p99,
        worst,
        difference if compare else None,
    )


def _opened(bundle: Bundle, robot: Embodiment, execution: Execution, threads: int) -> Policy:
    """The policy in this process, whatever its runtime."""
    runtime = bundle.manifest.runtime
    if runtime == "onnx":
        return load_policy(bundle.path, robot, threads, execution)
    if runtime == "torch":
        from finevla_tools.serve.served_bundle import host_bundle

        hosted = host_bundle(bundle.path, threads, 1, execution)
        return BundlePolicy(hosted.bundle, robot, hosted.graphs)
    raise FineVLAError(
        f"bundle '{bundle.path}' is of runtime '{runtime}': it runs on a policy server; see 'finevla status' for its time"
    )


def _observations(robot: Embodiment, manifest: Manifest, count: int) -> Iterator[Observation]:
    """Noise in front of every camera, states within the joints' usual range; always the same."""
    rng, cameras = np.random.default_rng(0), robot.camera_names
    shape = (len(cameras), manifest.images.height, manifest.images.width, 3)
    for k in range(count):
        stamp_ns = (k + 1) * DT_NS
        state = rng.uniform(0.1, 0.6, len(manifest.values)).astype(np.float32)
        images = rng.integers(0, 256, shape, np.uint8)
        yield Observation(stamp_ns, cameras, images, (stamp_ns,) * len(cameras), state, stamp_ns)


def _table(report: LatencyReport) -> Table:
    table = Table(title=f"{report.bundle}: from an observation to its chunk", show_header=False)
    rows = {
        "provider": report.provider,
        "precision": report.precision,
        "GPU": report.gpu or "none in use",
        "CPU threads": report.threads,
        "loading and warm-up": f"{report.load_s:.2f} s",
        "observations": report.observations,
        "median": f"{report.median_ms:.2f} ms",
        "p95": f"{report.p95_ms:.2f} ms",
        "p99": f"{report.p99_ms:.2f} ms",
        "worst": f"{report.worst_ms:.2f} ms",
    }
    if report.difference is not None:
        rows["greatest difference from the CPU in fp32"] = f"{report.difference:.2g}"
    for name, value in rows.items():
        table.add_row(name, str(value))
    return table
