"""The recorder under load, counted against the publisher: three 640x480 RGB cameras at 30 Hz and joint states at 200 Hz.

    python test/benchmark/recorder.py [--seconds 120] [--folder DIR] [--keep]

A publisher in a process of its own counts what it publishes; then the recording is read from its first byte to its last,
and every message is looked for by its stamp. Writes 83 MB a second: `--folder` must have room.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

WIDTH, HEIGHT, IMAGE_HZ, STATE_HZ = 640, 480, 30, 200
CAMERAS = ("camera_front/image_raw", "camera_left/image_raw", "camera_right/image_raw")
STATES = "joint_states"
STALL_S = 0.1
NAMESPACE = "finevla"
PIPES: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}


def publish(seconds: float) -> None:
    """The publisher process: waits for a subscriber of each topic, publishes by absolute deadlines, prints its counts."""
    import array

    import numpy as np
    import rclpy
    from sensor_msgs.msg import Image, JointState

    from finevla_ros import qos
    from finevla_ros.messages import to_stamp

    rclpy.init()
    node = rclpy.create_node("load", namespace=NAMESPACE)
    cameras = {name: node.create_publisher(Image, name, qos.SENSOR) for name in CAMERAS}
    states = node.create_publisher(JointState, STATES, qos.SENSOR)
    pixels = np.random.default_rng(0).integers(0, 256, WIDTH * HEIGHT * 3, dtype=np.uint8)
    images = {
        name: Image(
            height=HEIGHT, width=WIDTH, encoding="rgb8", step=WIDTH * 3, data=array.array("B", pixels.tobytes())
        )
        for name in CAMERAS
    }
    state = JointState(name=[f"joint{i}" for i in range(14)], position=[0.0] * 14, velocity=[0.0] * 14)
    while not all(p.get_subscription_count() for p in (*cameras.values(), states)):
        time.sleep(0.01)
    counts: Counter[str] = Counter()
    start_s, late_s, stalls = time.monotonic(), 0.0, 0
    for tick in range(int(seconds * STATE_HZ)):
        due_s = start_s + tick / STATE_HZ
        if (left_s := due_s - time.monotonic()) > 0:
            time.sleep(left_s)
        late_s = max(late_s, -left_s)
        if left_s < -STALL_S:  # the machine stood still: go on from here, for no camera sends at once what it missed
            start_s -= left_s
            stalls += 1
        # The stamp is the number of the message: what is missing can be named.
        state.header.stamp = to_stamp(counts[STATES] + 1)
        states.publish(state)
        counts[STATES] += 1
        if tick * IMAGE_HZ // STATE_HZ != (tick - 1) * IMAGE_HZ // STATE_HZ:
            for name, publisher in cameras.items():
                images[name].header.stamp = to_stamp(counts[name] + 1)
                publisher.publish(images[name])
                counts[name] += 1
    took_s = time.monotonic() - start_s
    time.sleep(1.0)  # what is on the way arrives
    print(json.dumps({"counts": counts, "took_s": took_s, "late_s": late_s, "stalls": stalls}), flush=True)
    sys.stdin.read()  # still there when its processor time is looked at
    node.destroy_node()
    rclpy.try_shutdown()


class Shares(threading.Thread):
    """Processor time and memory of processes, from `start` to `end`."""

    def __init__(self, **pids: int) -> None:
        super().__init__(daemon=True)
        self.processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self.memory: Counter[str] = Counter()
        self._end = threading.Event()
        self.began_s, self.began = time.monotonic(), self._times()
        psutil.cpu_percent()
        self.start()

    def _times(self) -> dict[str, float]:
        return {name: sum(p.cpu_times()[:2]) for name, p in self.processes.items()}

    def run(self) -> None:
        while not self._end.wait(0.5):
            for name, process in self.processes.items():
                self.memory[name] = max(self.memory[name], process.memory_info().rss)

    def end(self) -> dict[str, float]:
        """Shares of one core, and of all cores by everybody."""
        now, took_s = self._times(), time.monotonic() - self.began_s
        self._end.set()
        return {name: (now[name] - self.began[name]) / took_s for name in now} | {
            "whole machine, of all cores": psutil.cpu_percent() / 100
        }


def read(file: Path) -> tuple[Counter[str], dict[str, int]]:
    """Messages by topic, and of each topic how many stamps are missing between 1 and the last, or come twice."""
    from finevla_core.recording.mcap_scan import RecordedMessage, Scan

    counts: Counter[str] = Counter()
    newest: Counter[str] = Counter()
    odd: Counter[str] = Counter()
    for found in Scan(file):
        if isinstance(found, RecordedMessage):
            topic = found.channel.topic.removeprefix(f"/{NAMESPACE}/")
            if topic != STATES and topic not in CAMERAS:
                continue
            number = int.from_bytes(found.data[4:8], "little") * 10**9 + int.from_bytes(found.data[8:12], "little")
            counts[topic] += 1
            odd[topic] += abs(number - newest[topic] - 1)
            newest[topic] = number
    return counts, dict(odd)


def measure(seconds: float, folder: Path) -> tuple[dict[str, Any], Path]:
    """Run it; returns the figures and the episode's folder."""
    from ament_index_python.packages import get_package_prefix

    from finevla_client.connection import Connection
    from finevla_interfaces import msg
    from finevla_interfaces.srv import StartEpisode, StopEpisode
    from finevla_ros import qos

    with Connection(NAMESPACE) as client:  # sets the stack's transport, which the children inherit
        node = Path(get_package_prefix("finevla_recorder")) / "lib" / "finevla_recorder" / "recorder"
        arguments = ["--ros-args", "-r", f"__ns:=/{NAMESPACE}", "-p", f"folder:={folder}"]
        recorder = subprocess.Popen([node, *arguments], stdout=subprocess.DEVNULL)
        publisher = subprocess.Popen([sys.executable, __file__, "--publish", str(seconds)], **PIPES)
        try:
            client.listen("recorder/status", msg.RecorderStatus, qos.LATCHED)
            assert client.wait(lambda: "recorder/status" in client.newest, 30.0), "the recorder does not answer"
            topics = {f"/{NAMESPACE}/{name}" for name in (*CAMERAS, STATES)}
            deadline_s = time.monotonic() + 30.0
            while not all(client.node.get_publishers_info_by_topic(name) for name in topics):
                assert time.monotonic() < deadline_s, "the publisher does not come"
                time.sleep(0.1)
            idle = Shares(recorder=recorder.pid)
            time.sleep(3.0)
            idle_share = idle.end()["recorder"]
            shares = Shares(recorder=recorder.pid, publisher=publisher.pid)
            started = client.call(StartEpisode, "recorder/start", StartEpisode.Request(task="load"))
            assert started.success, started.message
            published = json.loads(publisher.stdout.readline())
            used = shares.end()
            stopped = client.call(StopEpisode, "recorder/stop", StopEpisode.Request(outcome="success"))
            assert stopped.success, stopped.message
        finally:
            publisher.kill()
            recorder.terminate()
            for process in (publisher, recorder):
                process.wait(20.0)
    return {
        "published": published,
        "idle": idle_share,
        "shares": used,
        "memory": shares.memory["recorder"],
    }, folder / started.episode


def report(figures: dict[str, Any], episode: Path) -> int:
    """Print; returns how many messages are missing."""
    told = json.loads((episode / "episode.json").read_text())
    file = next(episode.glob("*.mcap"))
    size, took_s = file.stat().st_size, figures["published"]["took_s"]
    counts, odd = read(file)
    print(f"{took_s:.0f} s, {size / 1e9:.2f} GB, {size / took_s * 1e-6:.1f} MB/s to the disk")
    print(f"{'topic':26s} {'published':>10s} {'recorded':>10s} {'missing':>8s} {'odd stamps':>10s} {'own count':>10s}")
    missing = 0
    for topic, published in figures["published"]["counts"].items():
        missing += published - counts[topic]
        entry = told["topics"][f"/{NAMESPACE}/{topic}"]
        own = f"{entry['dropped']} + {entry['lost']}"
        print(
            f"{topic:26s} {published:10d} {counts[topic]:10d} {published - counts[topic]:8d} {odd.get(topic, 0):10d} {own:>10s}"
        )
    print("own count: dropped before the disk + lost before the recorder, by sequence numbers")
    print(
        f"share of one core: idle {figures['idle']:.1%}, "
        + ", ".join(f"{k} {v:.0%}" for k, v in figures["shares"].items())
    )
    disk, late_ms = told["disk"], figures["published"]["late_s"] * 1e3
    print(
        f"recorder's memory at most {figures['memory'] >> 20} MB; at most {disk['most_bytes_waiting'] >> 20} MB waited for "
        f"the disk, slowest write {disk['slowest_write_s']} s; publisher at most {late_ms:.0f} ms late, "
        f"{figures['published']['stalls']} times by more than {STALL_S} s"
    )
    return missing


def main() -> int:
    """Measure and print; exit code 1 if a message is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--folder", type=Path, help="where to record; default: a temporary folder")
    parser.add_argument("--keep", action="store_true", help="keep the recording")
    parser.add_argument("--publish", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.publish is not None:
        publish(arguments.publish)
        return 0
    os.environ["ROS_DOMAIN_ID"] = str(100 + os.getpid() % 2)  # which no test takes
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="recorder_"))
    need = arguments.seconds * (len(CAMERAS) * WIDTH * HEIGHT * 3 * IMAGE_HZ) * 1.02
    if (free := shutil.disk_usage(folder).free) < need + (1 << 30):
        print(
            f"error: {need / 1e9:.0f} GB are needed and '{folder}' has {free / 1e9:.0f}; give --folder", file=sys.stderr
        )
        return 2
    episode = None
    try:
        figures, episode = measure(arguments.seconds, folder)
        return int(report(figures, episode) != 0)
    finally:
        if not arguments.keep:
            shutil.rmtree(episode if arguments.folder and episode else folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
