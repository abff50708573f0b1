"""`finevla up`: start the stack from its launch description where `ros2 launch` is not installed; Ctrl-C ends it in order."""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from finevla_core.errors import FineVLAError
from finevla_ros.paths import share
from finevla_tools.launch_file import Launch, Process, load_launch, parse_arguments

DEFAULT_FILE = "cobotmagic.launch.yaml"
GRACE_S = (6.0, 3.0, 2.0)  # after SIGINT, SIGTERM, SIGKILL
RESPAWN_S = 0.5
BAD_INPUT = 2  # a node that ends so was given something that will not get better by starting it again
COLORS = (36, 32, 35, 33, 34, 31)

Printer = Callable[[str, str], None]


class Stack:
    """Running processes of a launch; every one is a process group of its own, so that nothing is left behind."""

    def __init__(self, launch: Launch, printer: Printer) -> None:
        self.launch, self.printer = launch, printer
        self.exit_code = 0
        self._stopping = threading.Event()
        self._children: dict[str, subprocess.Popen[str]] = {}
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._keep, args=(p,), daemon=True) for p in launch.processes]
        for thread in self._threads:
            thread.start()

    @property
    def failed(self) -> bool:
        """Whether a process ended that should not have."""
        return self.exit_code != 0

    def pid(self, name: str) -> int | None:
        """Process id of a running process."""
        with self._lock:
            child = self._children.get(name)
        return child.pid if child is not None and child.poll() is None else None

    def wait(self) -> int:
        """Until a process fails or all have ended; returns the exit code of the first failure."""
        while not self.failed and any(thread.is_alive() for thread in self._threads):
            time.sleep(0.1)
        return self.exit_code

    def stop(self) -> None:
        """SIGINT, then SIGTERM, then SIGKILL, each with its time; returns when nothing runs any more."""
        self._stopping.set()
        for sig, seconds in zip((signal.SIGINT, signal.SIGTERM, signal.SIGKILL), GRACE_S, strict=True):
            with self._lock:
                running = [child for child in self._children.values() if child.poll() is None]
            if not running:
                break
            for child in running:
                _signal_group(child.pid, sig)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and any(child.poll() is None for child in running):
                time.sleep(0.05)
        for thread in self._threads:
            thread.join(timeout=2.0)

    def _keep(self, process: Process) -> None:
        """Start one process and print what it says; again if it is to be respawned."""
        environment = os.environ | dict(self.launch.environment) | {"PYTHONUNBUFFERED": "1"}
        while not self._stopping.is_set():
            with self._lock:
                if self._stopping.is_set():
                    return
                child = subprocess.Popen(
                    process.command,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    start_new_session=True,
                )
                self._children[process.name] = child
            assert child.stdout is not None
            for line in child.stdout:
                self.printer(process.name, line.rstrip("\n"))
            code = child.wait()
            if self._stopping.is_set():
                return
            self.printer(process.name, f"ended with exit code {code}")
            if not process.respawn or code == BAD_INPUT:
                if code:
                    self.exit_code = self.exit_code or (code if code > 0 else 128 - code)
                return
            self._stopping.wait(RESPAWN_S)


def prefixed(names: list[str]) -> Printer:
    """A printer that puts the process's name, coloured on a terminal, before every line."""
    width = max(map(len, names), default=0)
    lock = threading.Lock()

    def write(name: str, line: str) -> None:
        label = f"[{name}]".ljust(width + 2)
        if sys.stdout.isatty():
            label = f"\033[{COLORS[names.index(name) % len(COLORS)]}m{label}\033[0m"
        with lock:
            print(f"{label} {line}", flush=True)

    return write


def launch_path(given: str) -> Path:
    """A launch file by path, or by name from the share folder."""
    path = Path(given) if "/" in given else share() / "launch" / given
    if not path.is_file():
        raise FineVLAError(f"launch file '{path}' does not exist")
    return path


def refuse_second_stack(namespace: str) -> None:
    """Two stacks in one domain and namespace would both command the arms: refuse by name."""
    import rclpy

    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    try:
        node = rclpy.create_node("finevla_up", context=context, enable_rosout=False)
        time.sleep(0.7)  # discovery has no end to wait for
        there = {f"{ns.rstrip('/')}/{name}" for name, ns in node.get_node_names_and_namespaces()}
        node.destroy_node()
    finally:
        rclpy.try_shutdown(context=context)
    rival = f"/{namespace.strip('/')}/safety_bridge"
    if rival in there:
        domain = os.environ.get("ROS_DOMAIN_ID", "0")
        raise FineVLAError(
            f"a stack with {rival} already runs in ROS domain {domain}; stop it, or set another ROS_DOMAIN_ID or namespace:=..."
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `finevla up`."""
    parser.add_argument("words", nargs="*", metavar="[FILE] key:=value", help="launch file and its arguments")
    parser.add_argument("--show", action="store_true", help="print what would be started and with which arguments")


def run(arguments: argparse.Namespace) -> int:
    """`finevla up`."""
    words = list(arguments.words)
    file = words.pop(0) if words and ":=" not in words[0] else DEFAULT_FILE
    launch = load_launch(launch_path(file), parse_arguments(words))
    if arguments.show:
        for process in launch.processes:
            print(f"{process.name}: {' '.join(process.command)}")
        return 0
    refuse_second_stack(launch.arguments.get("namespace", "finevla"))
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    stack = Stack(launch, prefixed([p.name for p in launch.processes]))
    try:
        return stack.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        stack.stop()


def _signal_group(pid: int, sig: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, sig)
