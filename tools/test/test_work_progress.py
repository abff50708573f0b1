"""Promises of progress: a log has the lines that are asked for, a terminal a bar that is gone at the end, files neither."""

import os
import pty
import re
import subprocess
import sys

import pytest

from finevla_tools.work import progress as module
from finevla_tools.work.progress import Lines, Progress, clock

TERMINAL = """
from finevla_tools.work import progress
from finevla_tools.work.progress import Lines, Progress
progress.REFRESH_S = 0.0
with Progress("look at", 3) as bar:
    for n in range(3):
        bar.step()
        print("line [red]", n, flush=True)
"""


class Clock:
    """Seconds that pass when a test says so."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


def test_a_log_has_one_line_at_the_end(time: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("look at", 4) as progress:
        for _ in range(4):
            time.now += 0.5
            progress.step()
    assert capsys.readouterr() == ("", "look at: 4 of 4 episodes, 2.0/s in 2.0 s\n")


def test_lines_come_when_their_time_has_come(time: Clock) -> None:
    said: list[str] = []
    with Progress("convert", 100, "bytes", Lines(lambda: "so far", said.append, every_s=10.0, left=clock)) as progress:
        for _ in range(9):
            time.now += 4.0
            progress.tick()
        assert said == ["so far"] * 3, "nothing is done: nobody knows how long it takes"
        progress.step(25)
        time.now += 14.0
        progress.tick()
    assert said[3:] == ["so far, 2:30 left"]


def test_lines_come_every_so_many_steps_and_at_the_last(time: Clock) -> None:
    said: list[str] = []
    lines = Lines(lambda: f"{progress.steps}/5", said.append, every=2, left=lambda left_s: f", {left_s:.0f} s left")
    with Progress("", 5, "cases", lines) as progress:
        for _ in range(5):
            time.now += 3.0
            progress.step()
    assert said == ["2/5, 9 s left", "4/5, 3 s left", "5/5, 0 s left"]


def test_an_end_before_its_time_is_told(time: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("look at", 4)
    time.now += 1.0
    with pytest.raises(KeyboardInterrupt), progress:
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "look at: 0 of 4 episodes, 0.0/s in 1.0 s\n"


@pytest.mark.parametrize("is_piped", [False, True])
def test_a_terminal_has_a_bar_and_a_file_only_lines(is_piped: bool) -> None:
    leader, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", TERMINAL], stderr=terminal, stdout=subprocess.PIPE if is_piped else terminal, text=True,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "100"},
    )  # fmt: skip
    os.close(terminal)
    piped, _ = process.communicate()
    shown = b""
    while True:
        try:
            data = os.read(leader, 1 << 16)
        except OSError:  # all of it was read, and nobody writes any more
            break
        shown += data
    os.close(leader)
    assert process.returncode == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert "look at: 2 of 3 episodes" in plain
    assert plain.rstrip().splitlines()[-1].startswith("look at: 3 of 3 episodes")
    lines = [f"line [red] {n}" for n in range(3)]
    assert (piped or "").splitlines() == (lines if is_piped else [])
    assert [line for line in lines if line in plain] == ([] if is_piped else lines)
