"""`finevla demo --interactive`: sentences from the terminal, one scene after the other, with a stop that passes at once.

Nothing is reset here unless the person types it: whoever stopped the arms wants them to stay where they are.
"""

import os
import select

from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.stop_words import stop_word
from finevla_sim.judge import judge
from finevla_sim.scene import Scene
from finevla_tools.launch_file import Launch
from finevla_tools.node_log import NodeLog
from finevla_tools.overload import OverloadWatch
from finevla_tools.session_errors import Interruption, StackDied
from finevla_tools.session_host import SessionHost
from finevla_tools.simulated_scene_session import StackSession
from finevla_tools.up import Interrupts

HELP = "say what to do ('new' = next scene, 'stop' = stop, 'reset' = go on after a stop, Ctrl-D = end)"
IDLE_S = 0.3  # how often the stack is looked at while nobody types


class LineReader:
    """Lines of a file descriptor as they come, without blocking; what is not UTF-8 comes as an empty line, and is told."""

    def __init__(self, descriptor: int = 0) -> None:
        self.descriptor = descriptor
        self.is_terminal = os.isatty(descriptor)
        self._lines: list[str] = []
        self._rest = b""
        self._is_ended = False

    def has_line(self, timeout_s: float = 0.0) -> bool:
        """Return whether there is a line, or the end of the input."""
        while not self._is_ended and select.select([self.descriptor], [], [], 0.0 if self._lines else timeout_s)[0]:
            data = os.read(self.descriptor, 4096)
            *lines, self._rest = (self._rest + data).split(b"\n")
            self._is_ended = not data
            if self._is_ended and self._rest:
                lines, self._rest = [self._rest], b""
            self._lines += [_text(line) for line in lines]
        return bool(self._lines) or self._is_ended

    def is_urgent(self) -> bool:
        """Return whether what was typed must not wait for the arms: a stop always, at a terminal everything.

        From a pipe one sentence after the other is meant.
        """
        return self.has_line() and (self.is_terminal or any(stop_word(line) for line in self._lines))

    def next_line(self) -> str | None:
        """Return the next line, None at the end; a stop goes before what was typed before it, which is forgotten."""
        stops = [k for k, line in enumerate(self._lines) if stop_word(line)]
        if stops:
            for line in self._lines[: stops[0]]:
                print(f"  not said any more: {line}")
            del self._lines[: stops[0]]
        return self._lines.pop(0) if self._lines else None


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8").strip()
    except UnicodeDecodeError:
        print("  this is not valid UTF-8; check the terminal's encoding")
        return ""


def converse(launch: Launch, seconds: float, log: NodeLog, interrupts: Interrupts) -> int:
    """Start the stack and follow what is typed until the input ends; returns the exit code."""
    lines = LineReader()
    with SessionHost(
        launch, log.write, OverloadWatch(), interrupts, is_interrupted=lines.is_urgent, may_reset=False
    ) as host:
        host.refuse_second()
        log.begin()
        print(f"starting simulator, camera ingest, policy and safety bridge; they write to {log.path} ...", flush=True)
        host.start()
        Conversation(host, lines, seconds).run()
    return 0


class Conversation:
    """What is typed, and what the stack answers; `seconds` is the longest that one sentence is watched."""

    def __init__(self, host: SessionHost, lines: LineReader, seconds: float) -> None:
        self.host, self.lines, self.seconds = host, lines, seconds
        arguments = host.launch.arguments
        self.seed, self.task = int(arguments["seed"]), arguments["task"]
        self.scene: Scene | None = None
        self._told_stop = ""
        self._told_signs = 0

    @property
    def stage(self) -> StackSession:
        """The session of the stack that is running now."""
        return self.host.stage

    def run(self) -> None:
        """Until the end of the input; raises `StackDied` if the stack dies a second time."""
        print(HELP)
        self._attempt("new")
        while (text := self._next()) is not None:
            self._attempt(text)
            self._tell_overload()
        print()

    def _next(self) -> str | None:
        print("> ", end="", flush=True)
        while not self.lines.has_line(IDLE_S):
            if self.stage.stack.failed:
                return ""
            self._tell_stop("\n")
        return self.lines.next_line()

    def _attempt(self, text: str) -> None:
        """Do what was typed; trouble is told, and a stack that died is started again once."""
        try:
            self.stage.check()
            if stop_word(text):
                self._stop(text)
            elif text == "reset":
                self._reset()
            elif text == "new":
                self._new()
            elif text:
                self._follow(text)
        except StackDied as error:
            self.host.start_again(error)
            self.scene = None
            self._attempt("new")
        except Interruption:
            pass  # the next line says why
        except FineVLAError as error:
            print(f"  {error}")
            self._told_stop = ""
        self._tell_stop()

    def _new(self) -> None:
        if reason := self.stage.stop_reason():
            raise FineVLAError(f"no other scene: the safety bridge is stopped: {reason}")
        if self.scene is not None:
            self.seed += 1
        self.scene = None
        self.scene = self.stage.lay_out(self.seed, self.task)
        print("on the table: " + ", ".join(o.name.replace("_", " ") for o in self.scene.objects) + ", two bowls")

    def _follow(self, text: str) -> None:
        if self.scene is None:
            self._new()
        recording = self.stage.follow(Instruction(raw=text), self.seconds, _tell_understood)
        if recording is None or self.scene is None:
            print("  stopped")
            return
        happened = judge(self.scene, recording.trace).sentence()
        print(f"  {happened}" + (f"; {recording.ending}" if recording.ending else ""))
        if recording.stop and not self.stage.stop_reason():
            print(f"  the safety bridge {recording.stop}; say it again")

    def _stop(self, text: str) -> None:
        print(f"  {self.stage.client.say_stop(text)}", flush=True)

    def _reset(self) -> None:
        if not self.stage.stop_reason():
            print("  nothing to reset: the safety bridge is not stopped")
            return
        self.stage.get_ready(may_reset=True)
        print("  the arms rest until you say something")

    def _tell_stop(self, before: str = "") -> None:
        """Print the reason of a stop of the bridge, once for each stop."""
        reason = self.stage.stop_reason()
        if reason and reason != self._told_stop:
            print(f"{before}  the safety bridge stopped the arms: {reason}; type 'reset' to go on", flush=True)
        self._told_stop = reason

    def _tell_overload(self) -> None:
        """Print the overload sentence whenever there is a new sign of overload."""
        self.host.overload.sample()
        signs = len(self.host.overload.signs())
        if signs > self._told_signs:
            print(f"  {self.host.overload.sentence()}", flush=True)
        self._told_signs = max(signs, self._told_signs)


def _tell_understood(understood: str) -> None:
    print(f"  understood: {understood}", flush=True)
