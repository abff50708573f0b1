"""Promises of `finevla step`: a plan is told in words, followed after a yes and only then, and step mode outlives the tool."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
from played_arm import FOLLOWING, HOLDING, Arm

from finevla_core.embodiment import Embodiment
from finevla_interfaces import msg
from finevla_tools import cli
from finevla_tools import step_mode as step_command
from finevla_tools.step_mode import described

pytestmark = pytest.mark.slow  # each starts nodes

TIMEOUT_S = 60


@pytest.fixture
def tell() -> Iterator[Callable[..., "Told"]]:
    """Starts `finevla step ...`; what still runs in the end is ended."""
    started: list[Told] = []

    def start(*words: str) -> Told:
        started.append(Told(*words))
        return started[-1]

    yield start
    for told in started:
        told.process.kill()
        told.process.wait()


class Told:
    """`finevla step` with somebody to answer."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "finevla_tools.cli", "step", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.text, self.changed = "", threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while letter := self.process.stdout.read(1):
            with self.changed:
                self.text += letter
                self.changed.notify_all()

    def until(self, words: str) -> str:
        """What was said up to `words`, which are forgotten."""
        with self.changed:
            assert self.changed.wait_for(lambda: words in self.text, TIMEOUT_S), f"'{words}' not in: {self.text}"
            said, self.text = self.text.split(words, 1)
        return said

    def answer(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()


def test_plan_is_followed_after_a_yes_only(start_node, tell, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        step = tell()
        step.until("every plan waits for a yes")
        arm.wait(lambda: arm.status[-1].stepping, "step mode")
        arm.send()
        shown = step.until("follow it?")
        assert "plan 1 of /policy for 'now'" in shown
        assert "left_joint1" in shown
        step.answer("no")
        step.until("turned down")
        assert not any(arm.commands.values())
        arm.send()
        step.until("follow it?")
        step.answer("yes")
        step.until("following it")
        arm.in_state(FOLLOWING)
        arm.in_state(HOLDING)  # the plan has ended
        arm.send()
        step.until("follow it?")
        step.answer("quit")
        step.until("step mode stays on")
        assert step.process.wait(TIMEOUT_S) == 0
        assert arm.status[-1].stepping
        off = tell("--off")
        off.until("followed as they come")
        assert off.process.wait(TIMEOUT_S) == 0
        arm.wait(lambda: not arm.status[-1].stepping, "the end of step mode")


def test_no_bridge_is_one_sentence(
    ros_domain: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del ros_domain
    monkeypatch.setattr(step_command, "THERE_S", 0.3)  # nobody will come
    assert cli.main(["step"]) == 2
    assert capsys.readouterr() == (
        "",
        "error: no safety bridge answers in namespace '/finevla'; start one with 'finevla up'\n",
    )


def test_what_moves_is_listed_and_what_slows_is_said() -> None:
    plan = msg.PendingPlan(
        chunk_sequence=7, client="/finevla/policy", instruction_id="a", names=["x", "y"], times_s=[0.0, 1.0],
        positions=[0.0, 0.5, 0.3, 0.5], speeds=[0.45, 0.0], travel=[0.3, 0.0], duration_s=1.0, speed_scale=0.4,
        clearance_m=0.012, closest="left_link5 and right_link5",
    )  # fmt: skip
    said = described(plan)
    assert "1.0 s, slowed down to 40%; least distance 12 mm, left_link5 and right_link5" in said
    assert "x                +0.000 to +0.300, at most 0.45/s" in said
    assert "y  " not in said
