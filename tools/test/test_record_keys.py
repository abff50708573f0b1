"""Promises of the recorder's keys at a terminal: no key is swallowed, whenever it is pressed."""

import os
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from finevla_tools.record import Keyboard, RecorderClient


class PlayedRecorder:
    """A client whose recorder obeys at once and takes note of what it was asked."""

    def __init__(self) -> None:
        status = SimpleNamespace(
            state="idle", episode="one", text="", elapsed_s=1.0, messages=2, bytes=3, dropped=0, lost=0
        )
        self.newest = {"recorder/status": status}
        self.asked: list[str] = []

    def call(self, kind: Any, name: str, request: Any) -> Any:
        self.asked.append(name.removeprefix("recorder/") + (f" {request.outcome}" if name.endswith("stop") else ""))
        was = self.newest["recorder/status"].state
        self.newest["recorder/status"].state = "recording" if name.endswith("start") else "idle"
        return SimpleNamespace(success=name.endswith("start") or was == "recording", message=name)

    def wait(self, condition: Any, timeout_s: float) -> bool:
        return bool(condition())


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The end of a terminal that a person types into; the other end is standard input."""
    keyboard, shown = os.openpty()
    with open(shown, encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield keyboard
    os.close(keyboard)


def desk() -> tuple[RecorderClient, PlayedRecorder]:
    recorder = PlayedRecorder()
    return RecorderClient(recorder, "task", "ada", ""), recorder


class Then:
    """A keyboard on which `keys` are pressed once somebody waits for keys."""

    def __init__(self, keyboard: Keyboard, terminal: int, keys: bytes) -> None:
        self.pressed_already = keyboard.pressed_already
        self._keyboard, self._terminal, self._keys = keyboard, terminal, keys

    def pressed(self) -> Iterator[str]:
        os.write(self._terminal, self._keys)
        yield from self._keyboard.pressed()


@pytest.mark.parametrize("early", [b"\n", b"\r", b" ", b"\n\n", b"x\n"])
@pytest.mark.parametrize("is_before", [True, False])
def test_enter_before_the_prompt_starts_the_episode(
    terminal: int, early: bytes, is_before: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pressed before the command reads keys, while the terminal still collects lines, or while it looks for the recorder."""
    made, recorder = desk()
    if is_before:
        os.write(terminal, early)
    with Keyboard() as keyboard:
        if not is_before:
            os.write(terminal, early)
        assert made.by_keys(Then(keyboard, terminal, b"sq")) == 0
    assert recorder.asked == ["start", "stop success"]
    assert "it counts once" in capsys.readouterr().out


def test_keys_typed_in_one_go_are_all_obeyed(terminal: int) -> None:
    made, recorder = desk()
    with Keyboard() as keyboard:
        made.by_keys(Then(keyboard, terminal, b"\ns d\n\nq"))
    assert recorder.asked == ["start", "stop success", "start", "stop discard", "start", "stop "]


def test_q_before_the_prompt_ends_it(terminal: int) -> None:
    made, recorder = desk()
    os.write(terminal, b"q\n")
    with Keyboard() as keyboard:
        assert made.by_keys(keyboard) == 0
    assert recorder.asked == []


def test_the_terminal_is_given_back_as_it_was(terminal: int) -> None:
    import termios

    before = termios.tcgetattr(sys.stdin)
    with pytest.raises(KeyboardInterrupt), Keyboard():
        raise KeyboardInterrupt
    assert termios.tcgetattr(sys.stdin) == before


def test_ctrl_c_says_that_the_episode_goes_on(terminal: int, capsys: pytest.CaptureFixture[str]) -> None:
    made, recorder = desk()
    with Keyboard() as keyboard:

        def interrupted() -> Iterator[str]:
            yield "\n"
            raise KeyboardInterrupt

        keyboard.pressed = interrupted  # type: ignore[method-assign]
        assert made.by_keys(keyboard) == 0
    assert recorder.asked == ["start"]
    assert "episode 'one' is still being recorded" in capsys.readouterr().out
