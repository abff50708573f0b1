"""`finevla up`: start the stack from its launch description where `ros2 launch` is not installed; Ctrl-C ends it in order."""

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Self

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_ros.namespaces import checked_namespace
from finevla_ros.share_paths import bundle_directory, robot_file, safety_file, share
from finevla_tools.launch_file import Launch, Process, load_launch, parse_arguments
from finevla_tools.stderr_notices import announce

DEFAULT_FILE = "cobotmagic.launch.yaml"
GRACE_S = (6.0, 3.0, 2.0)  # after SIGINT, SIGTERM, SIGKILL
# What moves the arms, or tells where they are: it ends last, when the bridge has brought them to rest.
ROBOT = ("simulator", "ros2_control_node", "robot_state_publisher", "piper_driver", "vendor_bridge")
ENCLAVE = "ROS_SECURITY_ENCLAVE_OVERRIDE"
VIEWERS = ("rviz2", "foxglove_bridge")  # they look on: nothing ends with them, however they end
BAD_INPUT = 2  # a node that ends so was given something that will not get better by starting it again
COLORS = (36, 32, 35, 33, 34, 31)
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Numbers among the launch arguments with their bounds, as the nodes' parameters have them: loading those takes seconds.
NUMBERS: dict[str, tuple[float, float]] = {
    "seed": (0, 2**31 - 1),
    "threads": (1, 64),
    "server_port": (1, 65535),
    "stroke_m": (0.0, 0.15),
    "speed_percent": (1, 100),
}

Printer = Callable[[str, str], None]


class SecondStack(FineVLAError):
    """A stack runs here already."""


class Stack:
    """Running processes of a launch; every one is a process group of its own, so that nothing is left behind."""

    def __init__(self, launch: Launch, printer: Printer) -> None:
        self.launch, self.printer = launch, printer
        self.exit_code = 0
        self.epitaph = ""  # which process failed first, how, and its last words
        self.last_end = ""  # the same of the process that ended last, also if it is started again
        self._stopping, self._changed = threading.Event(), threading.Event()
        self._children: dict[str, subprocess.Popen[str]] = {}
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._keep, args=(p,), daemon=True) for p in launch.processes]

    @property
    def failed(self) -> bool:
        """Whether a process ended that should not have."""
        return self.exit_code != 0

    def pid(self, name: str) -> int | None:
        """Process id of a running process."""
        with self._lock:
            child = self._children.get(name)
        return child.pid if child is not None and child.poll() is None else None

    def start(self) -> None:
        """Start all processes; returns at once."""
        for thread in self._threads:
            thread.start()

    def start_again(self, name: str) -> None:
        """Start a process that has ended and is not respawned, as a person would."""
        process = next(p for p in self.launch.processes if p.name == name)
        if self.pid(name) is None:
            self._threads.append(threading.Thread(target=self._keep, args=(process,), daemon=True))
            self._threads[-1].start()

    def wait(self) -> int:
        """Until a process fails or all have ended; returns the exit code of the first failure."""
        while not self.failed and any(thread.is_alive() for thread in self._threads):
            self._changed.wait(0.5)
            self._changed.clear()
        return self.exit_code

    def stop(self, impatient: Callable[[], bool] = lambda: False) -> None:
        """End all nodes and then what drives the robot; returns when nothing runs any more.

        The bridge and the watchdog go when the arms rest, which the bridge sees to as soon as it is told to end. Each gets
        SIGINT, then SIGTERM, then SIGKILL, each with its time. `impatient` is asked while waiting: true means that the next
        harder signal is due now.
        """
        self._stopping.set()
        robot = {p.name for p in self.launch.processes if Path(p.command[0]).name in ROBOT}
        with self._lock:
            children = dict(self._children)
        for is_robot in (False, True):
            _end([child for name, child in children.items() if (name in robot) == is_robot], impatient)
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(timeout=2.0)

    def _keep(self, process: Process) -> None:
        """Start one process and print what it says; again if it is to be respawned."""
        while (child := self._start(process)) is not None:
            said: list[str] = []
            reader = threading.Thread(target=self._read, args=(process.name, child, said), daemon=True)
            reader.start()
            code = child.wait()
            _signal_group(child.pid, signal.SIGKILL)  # what it started and left behind
            reader.join(timeout=2.0)
            if self._stopping.is_set():
                return
            self.printer(process.name, f"ended {_how(code)}")
            self.last_end = f"{process.name} ended {_how(code)}: {said[-1] if said else 'it said nothing'}"
            if not process.respawn or code == BAD_INPUT:
                self._ended(0 if Path(process.command[0]).name in VIEWERS else code, self.last_end)
                return
            self._stopping.wait(process.respawn_delay_s)

    def _start(self, process: Process) -> subprocess.Popen[str] | None:
        """The started process; None when the stack is stopping or it cannot be started."""
        with self._lock:
            if self._stopping.is_set():
                return None
            try:
                with _interrupts_blocked(is_own_node(process)):
                    child = subprocess.Popen(
                        [*_leash(process.command[0]), *process.command],
                        env=os.environ | dict(process.environment) | {"PYTHONUNBUFFERED": "1"},
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT,
                        text=True,
                        errors="replace",
                        start_new_session=True,
                    )
            except OSError as error:
                self.printer(process.name, f"cannot be started: {error}")
                self._ended(127, f"{process.name} cannot be started: {error}")
                return None
            self._children[process.name] = child
            return child

    def _read(self, name: str, child: subprocess.Popen[str], said: list[str]) -> None:
        assert child.stdout is not None
        for line in without_interrupts((line.rstrip("\n") for line in child.stdout), self._stopping.is_set):
            self.printer(name, line)
            said[:] = [line.strip() or (said[-1] if said else "")]

    def _ended(self, code: int, epitaph: str) -> None:
        if code and not self.exit_code:
            self.exit_code, self.epitaph = code if code > 0 else 128 - code, epitaph
        self._changed.set()


def _end(children: Sequence[subprocess.Popen[str]], impatient: Callable[[], bool]) -> None:
    for sig, seconds in zip((signal.SIGINT, signal.SIGTERM, signal.SIGKILL), GRACE_S, strict=True):
        running = [child for child in children if child.poll() is None]
        for child in running:
            _signal_group(child.pid, sig)
        deadline = time.monotonic() + seconds
        while any(child.poll() is None for child in running) and time.monotonic() < deadline and not impatient():
            time.sleep(0.05)


def without_interrupts(lines: Iterable[str], is_stopping: Callable[[], bool]) -> Iterator[str]:
    """The lines, less the traceback of a Ctrl-C that met Python before the program was ready for it."""
    held: list[str] = []
    for line in lines:
        if held or (is_stopping() and line.startswith("Traceback (most recent call last)")):
            held.append(line)
            if line[:1].isspace() or len(held) == 1:
                continue
            if not line.startswith("KeyboardInterrupt"):
                yield from held
            held = []
        else:
            yield line
    yield from held


class Interrupts:
    """Context manager: the first Ctrl-C or other signal to end raises KeyboardInterrupt, later ones only make haste.

    Work that must not be cut short goes on under `shielded`, and what ends the program after `hold`.
    """

    def __init__(self) -> None:
        self.count = 0
        self._is_told = False  # whether KeyboardInterrupt was raised
        self._is_held = False
        self._answered = 0  # signals that `is_impatient` has told of

    def __enter__(self) -> Self:
        self._before = {sig: signal.signal(sig, self._on_signal) for sig in ENDING}
        return self

    def __exit__(self, *_: object) -> None:
        for sig, handler in self._before.items():
            signal.signal(sig, handler)

    def hold(self) -> None:
        """From here on raise nothing."""
        self._is_held, self._answered = True, self.count

    @contextlib.contextmanager
    def shielded(self) -> Iterator[None]:
        """Raise nothing meanwhile; what came in the meantime is raised at the end."""
        before = self._is_held
        self.hold()
        try:
            yield
        finally:
            self._is_held = before
        if self.count and not before:
            self._raise()

    def is_impatient(self) -> bool:
        """Return whether another signal came since the last call (or `hold`): the person wants it over."""
        more, self._answered = self.count > self._answered, self.count
        return more

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self.count += 1
        if not self._is_held:
            self._raise()

    def _raise(self) -> None:
        if not self._is_told:
            self._is_told = True
            raise KeyboardInterrupt


@contextlib.contextmanager
def running(launch: Launch, printer: Printer) -> Iterator[Stack]:
    """A stack that is stopped on every way out; a signal to end is a KeyboardInterrupt, a second one makes haste."""
    with Interrupts() as interrupts:
        stack = Stack(launch, printer)
        try:
            stack.start()
            yield stack
        finally:
            interrupts.hold()
            stack.stop(interrupts.is_impatient)


def prefixed(names: Sequence[str]) -> Printer:
    """A printer that puts the process's name, coloured on a terminal, before every line; a closed pipe silences it."""
    width = max(map(len, names), default=0)
    is_colored = sys.stdout.isatty()
    lock = threading.Lock()

    def write(name: str, line: str) -> None:
        label = f"[{name}]".ljust(width + 2)
        if is_colored:
            label = f"\033[{COLORS[names.index(name) % len(COLORS)]}m{label}\033[0m"
        with lock, contextlib.suppress(BrokenPipeError):  # who reads us may go; the arms must not care
            print(f"{label} {line}", flush=True)

    return write


def launch_path(given: str) -> Path:
    """A launch file by path, or by name from the share folder."""
    path = Path(given) if "/" in given else share() / "launch" / given
    hint = f"; './{given}' names the one in this folder" if Path(given).is_file() else ""
    if not path.is_file():
        raise FineVLAError(f"launch file '{path}' does not exist{hint}")
    return path


def refuse_second_stack(launch: Launch) -> None:
    """Raise `SecondStack` with names: two stacks in one domain and namespace would both command the arms."""
    from finevla_tools.live_nodes import answering

    if there := answering([process.node for process in launch.processes if process.node]):
        domain = os.environ.get("ROS_DOMAIN_ID", "0")
        raise SecondStack(
            f"a stack with {', '.join(there)} already runs in ROS domain {domain}; "
            "stop it, or set another ROS_DOMAIN_ID or namespace:=..."
        )


def secure(launch: Launch) -> None:
    """With `security:=`: raise `FineVLAError` unless the stack's keys are good and this DDS keeps strangers out."""
    if keystore := launch.arguments.get("security"):
        from finevla_tools.security import secure_stack

        values = launch.arguments
        # A viewer is the operator's own; every other node has an enclave of its name.
        enclaves = [p.environment.get(ENCLAVE, p.node) for p in launch.processes if p.node]
        secure_stack(keystore, values["namespace"], values["robot_file"], enclaves)


def refuse_bad_numbers(launch: Launch) -> None:
    """Raise `FineVLAError` for a number that a node would refuse, before anything is started."""
    for name, (low, high) in NUMBERS.items():
        if (given := launch.arguments.get(name)) is None:
            continue
        # As ROS reads a parameter: what has no point is no decimal number, and what has one is not whole.
        kind, form = ("whole", r"[+-]?\d+") if isinstance(low, int) else ("decimal", r"[+-]?\d+\.\d+")
        if not re.fullmatch(form, given, re.ASCII) or not low <= float(given) <= high:
            raise FineVLAError(f"{name}:={given} is no {kind} number from {low} to {high}; give {name}:= one")


def refuse_missing_files(launch: Launch) -> None:
    """Raise `FineVLAError` for a policy bundle, limits or robot file that is not there, before anything is started."""
    for argument, find in (("bundle", bundle_directory), ("limits", safety_file), ("robot_file", robot_file)):
        if given := launch.arguments.get(argument):
            find(given)


def refuse_missing_drivers(launch: Launch) -> None:
    """With `cameras:=` or `extrinsics:=`: raise `FineVLAError` saying what is missing, before anything is started."""
    from finevla_ros.camera_launch import ARGUMENTS, camera_plan

    values = launch.arguments
    if set(ARGUMENTS) <= set(values) and values["cameras"] + values["extrinsics"] != "none":
        camera_plan(values)
        if shutil.which("ros2") is None:
            raise FineVLAError(
                "the cameras' launch file needs 'ros2 launch'; run 'source /opt/ros/jazzy/setup.bash' first"
            )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the launch file, its arguments and the options of `finevla up` to `parser`."""
    parser.add_argument("words", nargs="*", metavar="[FILE] key:=value", help="launch file and its arguments")
    parser.add_argument("--show-args", action="store_true", help="list the launch arguments with their values, and end")
    parser.add_argument("--show", action="store_true", help="print the commands that would be started, and end")


def run(arguments: argparse.Namespace) -> int:
    """Start the stack, wait until it ends, return its exit code. Raises `FineVLAError` for a missing file or driver."""
    words = list(arguments.words)
    file = words.pop(0) if words and ":=" not in words[0] else DEFAULT_FILE
    given = parse_arguments(words)
    if given.get("security"):
        given["security"] = str(Path(given["security"]).expanduser().absolute())
    launch = load_launch(launch_path(file), given)
    if arguments.show_args:
        for name, text in launch.descriptions.items():
            print(f"{name}:={launch.arguments[name]}\n    {text}")
        return 0
    if arguments.show:
        for process in launch.processes:
            print(f"{process.name}: {' '.join(process.command)}")
        return 0
    checked_namespace(launch.arguments.get("namespace", ""))
    refuse_bad_numbers(launch)
    refuse_missing_files(launch)
    refuse_missing_drivers(launch)
    secure(launch)
    refuse_second_stack(launch)
    if any(process.node for process in launch.processes):
        count = counted(len(launch.processes), "node")
        announce(f"starting {count}; 'finevla status' in another terminal tells when the stack is ready")
    code = 0
    with contextlib.suppress(KeyboardInterrupt), running(launch, prefixed([p.name for p in launch.processes])) as stack:
        code = stack.wait()
    if code:
        print(f"error: {stack.epitaph}", file=sys.stderr)  # once more, behind what all the others said
    return code


def is_own_node(process: Process) -> bool:
    """Whether it is one of our nodes: these take Ctrl-C from when they can end in order, see `finevla_ros.node_start`."""
    return Path(process.command[0]).parent.name.startswith("finevla_")


@contextlib.contextmanager
def _interrupts_blocked(is_wanted: bool) -> Iterator[None]:
    """What this thread starts meanwhile inherits it: Python itself takes a while before a program can say what it wants."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT} if is_wanted else set())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _leash(program: str) -> Sequence[str]:
    """Before a command: the kernel ends it when we are killed and can no longer do so; OSError if it is not there."""
    if shutil.which(program) is None:
        raise FileNotFoundError(f"'{program}' is not on PATH")
    return ("setpriv", "--pdeathsig", "TERM", "--") if shutil.which("setpriv") else ()


def _how(code: int) -> str:
    return f"with exit code {code}" if code >= 0 else f"by {signal.Signals(-code).name}"


def _signal_group(pid: int, sig: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, sig)
