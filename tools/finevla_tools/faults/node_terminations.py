"""Nodes that end, nodes that come twice, and a stack that is told to end in the middle of a motion."""

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from finevla_tools.faults.fault_injection import Fault

if TYPE_CHECKING:
    from finevla_tools.faults.fault_injection import Injector

REST = 0.05  # rad/s
LOOKED_S = 1.0
START_S, NEW_S = 20.0, 60.0  # the simulator loads for longer than any other node
GUARDS = ("safety_bridge", "safety_watchdog")


def _watch_the_guards(i: "Injector", over: threading.Event) -> None:
    """Say it if bridge or watchdog go while an arm moves."""
    pids = {name: i.stack.pid(name) for name in GUARDS}
    while not over.wait(0.005) and pids:
        for name, pid in list(pids.items()):
            if pid is None or i.stack.pid(name) == pid:
                continue
            del pids[name]
            if (speed := i.recorder.speed(i.recorder.states[-1])) > REST:
                i.broken.append(f"{name} went while an arm moved at {speed:.2f} rad/s")
    if pids:
        i.broken.append(f"{', '.join(pids)} did not end")


def _ends(i: "Injector", begin: "threading.Thread") -> Iterator[None]:
    over = threading.Event()
    watch = threading.Thread(target=_watch_the_guards, args=(i, over), daemon=True)
    watch.start()
    begin.start()
    try:
        yield
    finally:
        begin.join(15.0)
        i.client.wait(lambda: False, 0.2)
        over.set()
        watch.join()


@contextlib.contextmanager
def told_to_end(i: "Injector") -> Iterator[None]:
    """Ctrl-C of the whole stack."""
    yield from _ends(i, threading.Thread(target=i.stack.stop, daemon=True))


def process_ends(number: signal.Signals) -> Fault:
    """A process of the launch ends with an exit code of its own, and the stack ends as 'finevla up' has it."""

    @contextlib.contextmanager
    def fault(i: "Injector") -> Iterator[None]:
        def up() -> None:
            if i.stack.wait() == 0:
                i.broken.append("nobody noticed that a process ended")
            i.stack.stop()

        os.kill(i.pid("bystander"), number)
        yield from _ends(i, threading.Thread(target=up, daemon=True))

    return fault


def ended(node: str, number: signal.Signals) -> Fault:
    """One node is told to end."""

    @contextlib.contextmanager
    def fault(i: "Injector") -> Iterator[None]:
        pid = i.pid(node)
        i.may_end.add(node)
        over = threading.Event()
        watch = threading.Thread(target=_one_guard, args=(i, node, pid, over), daemon=True)
        watch.start()
        os.kill(pid, number)
        yield
        i.client.wait(lambda: i.stack.pid(node) != pid, 5.0)
        over.set()
        watch.join()
        process = next(p for p in i.stack.launch.processes if p.name == node)
        if not process.respawn:
            i.stack.start_again(node)

    return fault


def _one_guard(i: "Injector", node: str, pid: int, over: threading.Event) -> None:
    while not over.wait(0.005):
        if i.stack.pid(node) != pid:
            if node == "safety_bridge" and (speed := i.recorder.speed(i.recorder.states[-1])) > REST:
                i.broken.append(f"{node} went while an arm moved at {speed:.2f} rad/s")
            return


def replaced(node: str, began_when_heard: bool = False) -> Fault:
    """SIGKILL of what says where the arms are, and at once another one, which knows of nothing that was said before.

    `began_when_heard`: the fault begins with the new one's first joint state.
    """

    @contextlib.contextmanager
    def fault(i: "Injector") -> Iterator[None]:
        os.kill(i.pid(node), signal.SIGKILL)
        i.may_end.add(node)
        i.client.wait(lambda: i.stack.pid(node) is None, 5.0)
        heard = len(i.recorder.states)
        i.stack.start_again(node)
        if began_when_heard:
            if not i.client.wait(lambda: len(i.recorder.states) > heard, NEW_S):
                i.broken.append(f"the new {node} said nothing within {NEW_S:g} s")
            i.began_s = time.monotonic()
            i.client.wait(lambda: False, LOOKED_S)
        yield

    return fault


def second(node: str, must_end: bool, name: str = "") -> Fault:
    """A second process of a node, under its name or another; `must_end`: it has to refuse to start, with one sentence.

    The fault begins when it is heard, or ends.
    """

    @contextlib.contextmanager
    def fault(i: "Injector") -> Iterator[None]:
        process = next(p for p in i.stack.launch.processes if p.name == node)
        command = list(process.command)
        if name:
            command = [re.sub(r"^__node:=.*", f"__node:={name}", word) for word in command] + ["-r", f"__node:={name}"]
        topic = f"{i.robot.controllers[0].name}/joint_trajectory"
        before = i.client.node.count_publishers(topic)
        child = subprocess.Popen(
            command, env=os.environ | dict(process.environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
        try:
            until_s = time.monotonic() + START_S
            while time.monotonic() < until_s and child.poll() is None:
                if not must_end and i.client.node.count_publishers(topic) > before:
                    break
                time.sleep(0.005)
            i.began_s = time.monotonic()
            if must_end and child.poll() is None:
                i.broken.append(f"a second {node} still ran after {START_S:g} s")
            yield
            if must_end and child.poll() is not None:
                _judge_end(i, child, node)
        finally:
            child.kill()
            child.wait()

    return fault


def _judge_end(i: "Injector", child: "subprocess.Popen[str]", node: str) -> None:
    said = child.communicate()[0].strip().splitlines()
    i.notes.append(f"the second {node} ended with code {child.returncode}: {said[-1][:100] if said else 'in silence'}")
    if child.returncode != 2 or not said or "Traceback" in "".join(said):
        i.broken.append(f"a second {node} ended with code {child.returncode}: {' / '.join(said[-3:])[:200]}")
