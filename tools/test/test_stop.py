"""Promises of `finevla stop` and `finevla reset`: they need the bridge alone, say what it says, and fail by exit code 1."""

import subprocess
import sys

import pytest
from played_arm import HOLDING, STOPPED, Arm

from finevla_client import connection
from finevla_core.embodiment import Embodiment
from finevla_core.safety.events import RESET_ADVICE
from finevla_tools import cli

pytestmark = pytest.mark.slow  # each starts nodes

TIMEOUT_S = 60


def finevla(*words: str) -> tuple[int, str, str]:
    """Exit code and what was said, on both streams."""
    command = [sys.executable, "-m", "finevla_tools.cli", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def test_stop_and_reset_work_without_a_policy_and_say_what_the_bridge_says(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        arm.follow()
        told = f"stopped: stop was asked for by topic; {RESET_ADVICE}"
        assert finevla("stop") == (0, told, "")
        arm.in_state(STOPPED)
        assert finevla("stop") == (0, told, "")  # stopped already
        assert finevla("reset") == (0, "holding; the arms rest until new words come", "")
        arm.in_state(HOLDING)
        assert finevla("reset") == (1, "", "error: nothing to reset: the bridge is holding")


def test_reset_that_is_refused_says_why(start_node, robot: Embodiment) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        assert finevla("stop")[0] == 0
        arm.is_watched = False
        code, _, text = finevla("reset")
        assert code == 1
        assert text.startswith("error: the watchdog does not answer")


@pytest.mark.parametrize("command", ["stop", "reset"])
def test_no_bridge_is_one_sentence_and_exit_code_1(
    ros_domain: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.setattr(connection, "BRIDGE_S", 0.3)  # nobody will come
    assert cli.main([command, "--namespace", "nowhere"]) == 1
    said, text = (stream.strip() for stream in capsys.readouterr())
    assert said == ""
    assert text.startswith(
        "error: no safety bridge is heard in namespace '/nowhere'; start the stack with 'finevla up'"
    )
    assert ("emergency stop" in text) == (command == "stop")
    assert "\n" not in text
