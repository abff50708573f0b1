"""Promises of `finevla demo --interactive`: a stop passes at once, nothing is reset unasked, and trouble ends nothing."""

import os
from collections.abc import Callable, Iterator

import pytest
from played_stage import MOVES_S, PlayedHost, PlayedStack, PlayedTime

from finevla_tools.demo_terminal import Conversation, LineReader
from finevla_tools.up import Interrupts

REACH = "reach the red cube"


class Bench:
    """Somebody types, a played stack answers; what is typed last ends the input."""

    def __init__(self, open_input: Callable[[], tuple[int, int]]) -> None:
        self.stack = PlayedStack(PlayedTime())
        self.stacks = [self.stack]
        self.read_end, self.write_end = open_input()

    def type(self, *lines: str | bytes) -> None:
        for line in lines:
            os.write(self.write_end, (line if isinstance(line, bytes) else line.encode()) + b"\n")

    def type_at(self, second: float, *lines: str | bytes, ends: bool = False) -> None:
        def act() -> None:
            self.type(*lines)
            if ends:
                self.end()

        self.stack.at[second] = act

    def end(self) -> None:
        os.close(self.write_end)

    def run(self) -> None:
        lines = LineReader(self.read_end)
        with (
            Interrupts() as interrupts,
            PlayedHost(self.stacks, interrupts, is_interrupted=lines.is_urgent, may_reset=False) as host,
        ):
            host.start()
            Conversation(host, lines, 20.0).run()


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench(os.pipe)
    yield made
    os.close(made.read_end)


def test_stop_that_is_typed_in_the_middle_of_a_motion_is_said_at_once(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.type(REACH)
    bench.type_at(2.5, "never said", "Stop! Stop!", ends=True)
    bench.run()
    began, stopped = bench.stack.words.index(REACH), bench.stack.words.index("Stop! Stop!")
    assert bench.stack.said_s[stopped] - bench.stack.said_s[began] < MOVES_S
    assert "never said" not in bench.stack.words
    assert "not said any more: never said" in capsys.readouterr().out
    assert bench.stack.asked_resets_s == []


def test_sentences_from_a_pipe_wait_for_each_other(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.type(REACH, "reach the blue cube")
    bench.end()
    bench.run()
    first, second = bench.stack.words.index(REACH), bench.stack.words.index("reach the blue cube")
    assert bench.stack.said_s[second] - bench.stack.said_s[first] > MOVES_S
    said = capsys.readouterr().out
    assert said.count("the left arm went to") == 2
    assert said.index(f"understood: played: {REACH}") < said.index("the left arm went to")


def test_sentence_at_a_terminal_takes_the_place_of_the_one_before(capsys: pytest.CaptureFixture[str]) -> None:
    def open_terminal() -> tuple[int, int]:
        write_end, read_end = os.openpty()
        return read_end, write_end

    bench = Bench(open_terminal)
    bench.type(REACH)
    bench.type_at(2.5, "reach the blue cube")
    bench.type_at(6.0, b"\x04")  # Ctrl-D
    bench.run()
    first, second = bench.stack.words.index(REACH), bench.stack.words.index("reach the blue cube")
    assert bench.stack.said_s[second] - bench.stack.said_s[first] < MOVES_S
    capsys.readouterr()


def test_stopped_bridge_is_told_and_stays_so_until_reset_is_typed(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.stack.stops.append("no joint state for 0.5 s")
    bench.stack.resets.append("wait: a reset is possible 0.5 s after the stop")
    bench.type(REACH, "reach the blue cube", "new", "reset", "reach the blue cube")
    bench.end()
    bench.run()
    said = capsys.readouterr().out
    assert "the safety bridge stopped the arms: no joint state for 0.5 s; type 'reset' to go on" in said
    assert said.count("the bridge is stopped") == 1, "words are refused meanwhile"
    assert "no other scene: the safety bridge is stopped: no joint state for 0.5 s" in said
    assert said.count("on the table") == 1
    assert said.index("the arms rest until you say something") < said.index(
        "the left arm went to", said.index("rest until")
    )
    assert len(bench.stack.asked_resets_s) == 2, "once it was too early"


def test_stop_passes_when_the_bridge_is_stopped_and_reset_says_when_there_is_nothing_to_do(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.stack.stops.append("the cause")
    bench.stack.resets.append("wait: a reset is possible 0.5 s after the stop")
    bench.type(REACH, "reset")
    bench.type_at(3.0, "halt", "reset", "reset", ends=True)  # while the first reset waits
    bench.run()
    assert "halt" in bench.stack.words
    assert "nothing to reset: the safety bridge is not stopped" in capsys.readouterr().out


def test_what_the_policy_refuses_or_gives_up_is_told_and_ends_nothing(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.stack.sayings.extend(["I know none of: kettle"] * 3)
    bench.stack.endings.append("I see no red cube")
    bench.type("pour from the kettle", b"\xff\xfe", "", REACH)
    bench.end()
    bench.run()
    said = capsys.readouterr().out
    assert "I know none of: kettle" in said
    assert "not valid UTF-8" in said
    assert "; I see no red cube" in said


def test_stack_that_died_is_started_again_with_the_same_scene(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.stack.at[3.0] = lambda: bench.stack.die("simulator ended by SIGKILL: it said nothing")
    bench.stacks.append(PlayedStack(bench.stack.time))
    bench.type(REACH, "reach the blue cube")
    bench.end()
    bench.run()
    said = capsys.readouterr().out
    assert "the stack is started again: simulator ended by SIGKILL" in said
    first, second = [line for line in said.splitlines() if "on the table" in line]
    assert first == second
    assert "reach the blue cube" in bench.stacks[1].words
