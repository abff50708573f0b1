"""How long a node that starts needs to hear all the others, with our DDS profile and with Fast DDS's own settings."""

import argparse
import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import rclpy
from rclpy._rclpy_pybind11 import RCLError
from rclpy.executors import ExternalShutdownException
from std_msgs.msg import Empty

from finevla_tools.faults.drill_session import own_domain

PROFILE = Path(__file__).parents[2] / "config" / "fastdds.xml"
BEAT_S, GIVE_UP_S, SETTLED_S = 0.05, 20.0, 6.0


def talk(number: int) -> None:
    """Publish until the end."""
    rclpy.init()
    node = rclpy.create_node(f"talker_{number}")
    publisher = node.create_publisher(Empty, f"beat_{number}", 10)
    node.create_timer(BEAT_S, lambda: publisher.publish(Empty()))
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException, RCLError):
        rclpy.spin(node)


def listen(talkers: int) -> None:
    """Print after how many seconds the last of them was heard."""
    rclpy.init()
    began_s, heard = time.monotonic(), set[int]()
    node = rclpy.create_node("newcomer")
    for number in range(talkers):
        node.create_subscription(Empty, f"beat_{number}", lambda _, n=number: heard.add(n), 10)
    while len(heard) < talkers and time.monotonic() - began_s < GIVE_UP_S:
        rclpy.spin_once(node, timeout_sec=BEAT_S)
    print(time.monotonic() - began_s)
    rclpy.shutdown()


def measure(talkers: int, times: int, profile: dict[str, str]) -> list[float]:
    """Seconds of each newcomer."""
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_DEFAULT_PROFILES_FILE")} | profile
    command = [sys.executable, __file__]
    processes = [subprocess.Popen([*command, "--talk", str(n)], env=environment) for n in range(talkers)]
    try:
        time.sleep(SETTLED_S)  # they must have found each other
        newcomer = [*command, "--listen", "--talkers", str(talkers)]
        return [float(subprocess.check_output(newcomer, env=environment, text=True)) for _ in range(times)]
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--talkers", type=int, default=10)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--talk", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--listen", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.talk is not None:
        return talk(args.talk)
    if args.listen:
        return listen(args.talkers)
    print(f"| {args.talkers} nodes, {args.times} newcomers | median s | p90 s | worst s |\n|---|---|---|---|")
    ours = {"FASTRTPS_DEFAULT_PROFILES_FILE": str(PROFILE)}
    for name, profile in (("config/fastdds.xml", ours), ("Fast DDS's own settings", {})):
        with own_domain():
            seconds = measure(args.talkers, args.times, profile)
        print("| {} | {:.2f} | {:.2f} | {:.2f} |".format(name, *np.percentile(seconds, [50, 90, 100])))
    return None


if __name__ == "__main__":
    main()
