"""`finevla record`: episodes by keys: Enter or space starts and stops, s success, f failure, d discard; q quits."""

import argparse
import contextlib
import os
import select
import sys
import time
from collections.abc import Iterator
from typing import Any, Self

from finevla_core.plural_phrases import counted
from finevla_tools.stderr_notices import announce, announcer

START, OUTCOMES, QUIT = ("\n", "\r", " "), {"s": "success", "f": "failure", "d": "discard"}, ("q", "\x03", "\x04")
HELP = "Enter or space: start, and stop; s: stop, it was a success; f: a failure; d: discard it; q: quit"
THERE_S = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `finevla record` to `parser`."""
    parser.add_argument("--task", default="", help="what is done, stored with every episode")
    parser.add_argument("--operator", default="", help="who does it")
    parser.add_argument("--scene", default="", help="what it is done with")
    parser.add_argument("--seconds", type=float, default=0.0, help="record one episode of this length, without keys")
    parser.add_argument("--outcome", default="", help="with --seconds: success, failure, discard or a sentence")
    parser.add_argument("--namespace", default="finevla", help="namespace of the stack")


def run(arguments: argparse.Namespace) -> int:
    """`finevla record`; an episode that is still being recorded goes on when this ends, and it says so."""
    from finevla_core.errors import FineVLAError

    if not 0.0 <= arguments.seconds < 1e6:
        raise FineVLAError(f"{arguments.seconds} s cannot be recorded; say a time, or nothing for the keys")
    if arguments.outcome and not arguments.seconds:
        raise FineVLAError("--outcome needs --seconds; with keys the outcome is the key that ends the episode")
    if arguments.seconds:
        with _desk(arguments) as desk:
            return desk.one(arguments.seconds, arguments.outcome)
    with Keyboard() as keyboard:  # before all that takes time: what is pressed meanwhile counts
        announce("looking for the recorder; do not start yet")
        with _desk(arguments) as desk:
            print(HELP, flush=True)
            return desk.by_keys(keyboard)


@contextlib.contextmanager
def _desk(arguments: argparse.Namespace) -> Iterator["RecorderClient"]:
    """A desk whose recorder was heard; raises `FineVLAError` if there is none."""
    from finevla_client.connection import Connection

    with Connection(arguments.namespace, notify=announcer() if arguments.seconds else None) as client:
        client.wait_for_recorder(THERE_S)
        yield RecorderClient(client, arguments.task, arguments.operator, arguments.scene)


class RecorderClient:
    """Talks to the recorder; every answer is printed as it came."""

    def __init__(self, client: Any, task: str, operator: str, scene: str) -> None:
        self.client, self.labels = client, {"task": task, "operator_name": operator, "scene": scene}

    @property
    def is_recording(self) -> bool:
        """Whether the recorder's newest status says "recording"."""
        return bool(self.client.newest["recorder/status"].state == "recording")

    def start(self) -> bool:
        """Ask the recorder to start an episode; True if it did."""
        from finevla_interfaces.srv import StartEpisode

        return self._told(self.client.call(StartEpisode, "recorder/start", StartEpisode.Request(**self.labels)))

    def stop(self, outcome: str) -> bool:
        """Ask the recorder to end the episode with this outcome; True if it did."""
        from finevla_interfaces.srv import StopEpisode

        return self._told(self.client.call(StopEpisode, "recorder/stop", StopEpisode.Request(outcome=outcome)))

    def one(self, seconds: float, outcome: str) -> int:
        """Record one episode of `seconds`, which Ctrl-C ends earlier; return the exit code."""
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

    def by_keys(self, keyboard: "Keyboard") -> int:
        """Record episodes by keys until q, Ctrl-C or the end of the input; return the exit code."""
        with contextlib.suppress(KeyboardInterrupt):
            self._obey(keyboard)
        if self.is_recording:
            print(f"\nepisode '{self.client.newest['recorder/status'].episode}' is still being recorded")
        return 0

    def _obey(self, keyboard: "Keyboard") -> None:
        early = keyboard.pressed_already()
        if set(early) & set(QUIT):
            return
        if set(early) & set(START) and not self.is_recording:
            print("Enter was pressed before the recorder was found; it counts once:", flush=True)
            self._start_and_wait()
        for key in keyboard.pressed():
            if key in QUIT:
                break
            if key in START and not self.is_recording:
                self._start_and_wait()
            elif key in START or key in OUTCOMES:
                if self.stop(OUTCOMES.get(key, "")):
                    self._wait_for_state("idle")
            elif key:
                print(HELP)
            elif self.is_recording:
                self._show()

    def _start_and_wait(self) -> None:
        if self.start():
            self._wait_for_state("recording")

    def _wait_for_state(self, state: str) -> None:
        self.client.wait(lambda: self.client.newest["recorder/status"].state == state, 2.0)

    def _told(self, response: Any) -> bool:
        print(("" if response.success else "error: ") + response.message, flush=True)
        return bool(response.success)

    def _show(self) -> None:
        told = self.client.newest["recorder/status"]
        lost = f", {told.dropped} dropped, {told.lost} lost" if told.dropped or told.lost else ""
        line = (
            f"{told.elapsed_s:6.1f} s, {counted(told.messages, 'message')}, {told.bytes / 1e6:.1f} MB{lost} {told.text}"
        )
        print(f"\r{line[:118]:118s}", end="" if sys.stdout.isatty() else "\n", flush=True)


class Keyboard:
    """Keys as they are pressed, from the moment that this context is entered; from a pipe, the first sign of each line."""

    def __enter__(self) -> Self:
        self._is_terminal = sys.stdin.isatty()
        if self._is_terminal:
            import termios
            import tty

            self._file = sys.stdin.fileno()
            self._before = termios.tcgetattr(self._file)
            tty.setcbreak(self._file, termios.TCSADRAIN)  # which, unlike the default, drops nothing that was pressed
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_terminal:
            import termios

            termios.tcsetattr(self._file, termios.TCSADRAIN, self._before)
            print()

    def pressed_already(self) -> str:
        """All that was pressed until now and not read yet; nothing from a pipe, whose lines wait."""
        keys = ""
        while self._is_terminal and (some := self._read(0.0)):
            keys += some
        return keys

    def pressed(self) -> Iterator[str]:
        """One key at a time, and "" where none is pressed for half a second; ends with the input."""
        if not self._is_terminal:
            yield from (line[0] for line in sys.stdin)
            return
        while (keys := self._read(0.5)) is not None:
            yield from keys or ("",)

    def _read(self, timeout_s: float) -> str | None:
        """What was pressed, "" if nothing was in that time, `None` at the end of the input.

        Read past Python's own buffer: what that holds `select` does not see, and a second key waited for a third.
        """
        if not select.select([self._file], [], [], timeout_s)[0]:
            return ""
        try:
            data = os.read(self._file, 256)
        except OSError:  # the terminal has gone
            return None
        return data.decode(errors="replace") or None
