"""Measure the running stack on this machine and print the table of test/benchmark/README.md; never a test.

`make bench` (ARGS="--seconds 60 bundle:=..."): latency by stage, CPU per node, skew, inference, real-time factor.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import CameraInfo
from trajectory_msgs.msg import JointTrajectory

from finevla_client.connection import Connection
from finevla_core.instruction import Instruction
from finevla_interfaces import msg
from finevla_ros import qos
from finevla_ros.messages import to_ns
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.robot_files import default_robot
from finevla_sim.scene import Scene
from finevla_sim.scene_sampling import TEST_SEEDS, sample_scene
from finevla_sim.world import World
from finevla_tools.launch_file import load_launch, parse_arguments
from finevla_tools.up import DEFAULT_FILE, Stack, launch_path, running

sys.path.insert(0, str(Path(__file__).parent))
from relay import Relay

OVERHEAD = "the same without rendering: the stack's overhead"
STAGES = (
    "image stamp to last image (rendering, in place of cameras)",
    "last image to observation",
    "observation to chunk (with inference)",
    "chunk to command",
    "inference",
    "observation to command, without inference",
    "image stamp to command, without inference",
    OVERHEAD,
)


class Stages:
    """Arrival times by the stamp of the observation that started it all."""

    def __init__(self, client: Connection) -> None:
        self.now = lambda: client.node.get_clock().now().nanoseconds
        self.imaged: dict[int, int] = {}
        self.observed: dict[int, tuple[int, int]] = {}  # arrival, and stamp of the last image in it
        self.skew_s: list[float] = []
        self.chunks: dict[int, tuple[int, float]] = {}
        self.commands: list[int] = []
        for camera in default_robot().embodiment.cameras:
            # Published right after the image; to listen to images themselves would slow down what is measured.
            client.listen(camera.topic.replace("image_raw", "camera_info"), CameraInfo, qos.SENSOR, self._on_image)
        client.listen("observation", msg.Observation, qos.NEWEST, self._on_observation)
        client.listen("action_chunk", msg.ActionChunk, qos.NEWEST, self._on_chunk)
        client.listen("left_arm_controller/joint_trajectory", JointTrajectory, qos.ALL, self._on_command)

    def _on_image(self, message: CameraInfo) -> None:
        self.imaged[to_ns(message.header.stamp)] = self.now()

    def _on_observation(self, message: msg.Observation) -> None:
        self.observed[to_ns(message.header.stamp)] = (self.now(), to_ns(message.image_stamps[-1]))
        self.skew_s.append(message.skew_s)

    def _on_chunk(self, message: msg.ActionChunk) -> None:
        self.chunks[to_ns(message.header.stamp)] = (self.now(), float(message.inference_s))

    def _on_command(self, _: JointTrajectory) -> None:
        self.commands.append(self.now())

    def rows(self) -> dict[str, list[float]]:
        """Milliseconds per stage, for every chunk that was commanded within 50 ms of its arrival."""
        rows: dict[str, list[float]] = {name: [] for name in STAGES}
        for stamp, (chunk_ns, inference_s) in self.chunks.items():
            observed, image_stamp = self.observed.get(stamp, (None, None))
            imaged = self.imaged.get(image_stamp)
            command = next((t for t in self.commands if -2_000_000 < t - chunk_ns < 50_000_000), None)
            if imaged is None or observed is None or command is None:
                continue
            stages = (
                imaged - stamp,
                observed - imaged,
                chunk_ns - observed,
                command - chunk_ns,
                inference_s * 1e9,
                command - observed - inference_s * 1e9,
                command - stamp - inference_s * 1e9,
                command - imaged - inference_s * 1e9,
            )
            for key, ns in zip(rows, stages, strict=True):
                rows[key].append(ns * 1e-6)
        return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arguments", nargs="*", metavar="key:=value", help="launch arguments")
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args(argv)
    print("## Simulator without ROS\n")
    _print_table(["measure", "value"], _world())
    launch = load_launch(launch_path(DEFAULT_FILE), parse_arguments(options.arguments))
    with (
        running(launch, lambda *_: None) as stack,
        Connection(launch.arguments["namespace"]) as client,
        Relay() as relay,
    ):
        stages, factors = Stages(client), []
        client.listen("/diagnostics", DiagnosticArray, qos.ALL, lambda m: factors.extend(_factors(m)))
        client.wait_until_ready(60.0)
        relay.milliseconds.clear()
        rows, cpu = _measure(client, stages, stack, options.seconds)
        accepted = client.newest["safety/status"].chunks_accepted
        rejected = client.newest["safety/status"].chunks_rejected
    print(f"\n## Stack, {options.seconds:.0f} s, {accepted} chunks accepted, {rejected} refused\n")
    _print_table(["stage", "median ms", "p99 ms", "worst ms"], [[k, *_spread(v)] for k, v in rows.items()])
    print("\nBeside it, in the same seconds, a bare rclpy relay of the same messages with as many hops:\n")
    _print_table(["", "median ms", "p99 ms"], _beside(rows[OVERHEAD], relay))
    print()
    _print_table(["node", "share of one core"], [[name, f"{share:.0%}"] for name, share in cpu.items()])
    print()
    skew = [s * 1e3 for s in stages.skew_s]
    facts = [["skew of an observation, median / worst", f"{statistics.median(skew):.2f} / {max(skew):.2f} ms"]]
    facts += [["real-time factor (simulator's own count)", f"{factors[-1]:.2f}" if factors else "not heard"]]
    _print_table(["measure", "value"], facts)
    return 0


def _measure(
    client: Connection, stages: Stages, stack: Stack, seconds: float
) -> tuple[dict[str, list[float]], dict[str, float]]:
    target = _scene().objects[0]
    said = f"reach the {target.color} {target.shape} with the {{}} arm"
    client.say(Instruction(said.format("left")))
    client.wait(lambda: len(stages.chunks) > 5, 20.0)
    processes = {p.name: psutil.Process(stack.pid(p.name)) for p in stack.launch.processes}
    before = {name: sum(p.cpu_times()[:2]) for name, p in processes.items()}
    stages.chunks.clear()
    started, arms = time.monotonic(), ("left", "right")
    while (elapsed := time.monotonic() - started) < seconds:
        client.say(Instruction(said.format(arms[int(elapsed) % 2])))
        time.sleep(min(4.0, seconds - elapsed))
    passed = time.monotonic() - started
    cpu = {name: (sum(p.cpu_times()[:2]) - before[name]) / passed for name, p in processes.items()}
    return stages.rows(), cpu


def _beside(stack_ms: Sequence[float], relay: Relay) -> list[list[str]]:
    """The stack's overhead, the relay's, and their ratio."""
    ordered = sorted(stack_ms)
    own = (statistics.median(ordered), ordered[round(0.99 * (len(ordered) - 1))])
    bare = relay.spread()
    rows = [("stack, without rendering and inference", *own), ("bare relay", *bare)]
    told = [[name, f"{median:.1f}", f"{p99:.1f}"] for name, median, p99 in rows]
    return [*told, ["ratio (bar 1.5)", *(f"{a / b:.2f}" for a, b in zip(own, bare, strict=True))]]


def _scene() -> Scene:
    robot = default_robot()
    return sample_scene(TEST_SEEDS, "reach", ArmIK(robot.embodiment, robot.urdf_path))  # as the simulator's first one


def _world() -> list[list[str]]:
    robot, scene = default_robot(), _scene()
    world = World(scene, robot.embodiment, robot.urdf_path)
    rows = []
    for size in ((192, 192), (224, 224)):
        world.image_size = size
        world.images()
        seconds = _time(world.images, 30)
        rows.append([f"three {size[0]}x{size[1]} cameras, images per second", f"{3 / seconds:.0f}"])
    rows.append(["physics alone, times real time", f"{0.1 / _time(lambda: world.step(25), 60):.0f}"])
    rows.append(["reset to another scene, ms", f"{_time(lambda: world.reset(scene), 10) * 1e3:.1f}"])
    world.close()
    return rows


def _time(call, count: int) -> float:
    started = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - started) / count


def _factors(message: DiagnosticArray) -> list[float]:
    return [float(v.value) for s in message.status for v in s.values if v.key == "real_time_factor"]


def _spread(values: list[float]) -> list[str]:
    if not values:
        return ["-", "-", "-"]
    ordered = sorted(values)
    return [f"{ordered[round(q * (len(ordered) - 1))]:.1f}" for q in (0.5, 0.99, 1.0)]


def _print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    raise SystemExit(main())
