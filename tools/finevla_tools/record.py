"""`finevla record`: episodes by keys: Enter or space starts and stops, s success, f failure, d discard; q quits."""

import argparse
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

START, OUTCOMES, QUIT = ("\n", "\r", " "), {"s": "success", "f": "failure", "d": "discard"}, ("q", "\x03", "\x04")
HELP = "Enter or space: start, and stop; s: stop, it was a success; f: a failure; d: discard it; q: quit"
THERE_S = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `finevla record`."""
    parser.add_argument("--task", default="", help="what is done, stored with every episode")
    parser.add_argument("--operator", default="", help="who does it")
    parser.add_argument("--scene", default="", help="what it is done with")
    parser.add_argument("--seconds", type=float, default=0.0, help="record one episode of this length, without keys")
    parser.add_argument("--outcome", default="", help="with --seconds: success, failure, discard or a sentence")
    parser.add_argument("--namespace", default="finevla")


def run(arguments: argparse.Namespace) -> int:
    """`finevla record`; an episode that is still being recorded goes on when this ends, and it says so."""
    from finevla_core.errors import FineVLAError
    from finevla_interfaces import msg
    from finevla_ros import qos
    from finevla_tools.client import Client

    if not 0.0 <= arguments.seconds < 1e6:
        raise FineVLAError(f"{arguments.seconds} s cannot be recorded; say a time, or nothing for the keys")
    with Client(arguments.namespace) as client:
        client.listen("recorder/status", msg.RecorderStatus, qos.LATCHED)
        if not client.wait(lambda: "recorder/status" in client.newest, THERE_S):
            raise FineVLAError(
                f"no recorder answers in namespace '/{client.namespace}'; start the stack with 'finevla up record:=true'"
            )
        desk = Desk(client, arguments.task, arguments.operator, arguments.scene)
        if arguments.seconds:
            return desk.one(arguments.seconds, arguments.outcome)
        print(HELP, flush=True)
        return desk.by_keys()


class Desk:
    """Talks to the recorder; every answer is printed as it came."""

    def __init__(self, client: Any, task: str, operator: str, scene: str) -> None:
        self.client, self.labels = client, {"task": task, "operator_name": operator, "scene": scene}

    @property
    def is_recording(self) -> bool:
        """As the recorder says."""
        return bool(self.client.newest["recorder/status"].state == "recording")

    def start(self) -> bool:
        """Whether an episode has begun."""
        from finevla_interfaces.srv import StartEpisode

        return self._told(self.client.call(StartEpisode, "recorder/start", StartEpisode.Request(**self.labels)))

    def stop(self, outcome: str) -> bool:
        """Whether one has ended."""
        from finevla_interfaces.srv import StopEpisode

        return self._told(self.client.call(StopEpisode, "recorder/stop", StopEpisode.Request(outcome=outcome)))

    def one(self, seconds: float, outcome: str) -> int:
        """One episode of a fixed length; Ctrl-C ends it earlier."""
        if not self.start():
            return 1
        try:
            until_s = time.monotonic() + seconds
            self._wait_for_state("recording")
            while (left_s := until_s - time.monotonic()) > 0 and self.is_recording:
                self.client.wait(lambda: not self.is_recording, min(left_s, 1.0))
                self._show()
        except KeyboardInterrupt:
            outcome = outcome or "interrupted"
        print()
        if not self.is_recording:
            print(self.client.newest["recorder/status"].text)
            return 1
        return 0 if self.stop(outcome) else 1

    def by_keys(self) -> int:
        """Until q, Ctrl-C or the end of the input."""
        with keys() as pressed:
            for key in pressed:
                if key in QUIT:
                    break
                if key in START and not self.is_recording:
                    if self.start():
                        self._wait_for_state("recording")
                elif key in START or key in OUTCOMES:
                    if self.stop(OUTCOMES.get(key, "")):
                        self._wait_for_state("idle")
                elif key:
                    print(HELP)
                elif self.is_recording:
                    self._show()
        if self.is_recording:
            print(f"\nepisode '{self.client.newest['recorder/status'].episode}' is still being recorded")
        return 0

    def _wait_for_state(self, state: str) -> None:
        self.client.wait(lambda: self.client.newest["recorder/status"].state == state, 2.0)

    def _told(self, response: Any) -> bool:
        print(("" if response.success else "error: ") + response.message, flush=True)
        return bool(response.success)

    def _show(self) -> None:
        told = self.client.newest["recorder/status"]
        lost = f", {told.dropped} dropped, {told.lost} lost" if told.dropped or told.lost else ""
        line = f"{told.elapsed_s:6.1f} s, {told.messages} messages, {told.bytes / 1e6:.1f} MB{lost} {told.text}"
        print(f"\r{line[:118]:118s}", end="" if sys.stdout.isatty() else "\n", flush=True)


@contextmanager
def keys() -> Iterator[Iterator[str]]:
    """Keys as they are pressed, and "" every half second; from a pipe, the first sign of each line."""
    if not sys.stdin.isatty():
        yield (line[0] for line in sys.stdin)
        return
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield _pressed()
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        print()


def _pressed() -> Iterator[str]:
    while True:
        if select.select([sys.stdin], [], [], 0.5)[0]:
            key = sys.stdin.read(1)
            if not key:
                return
            yield key
        else:
            yield ""
