"""Promises of `finevla adopt`: it shows the difference, asks, adopts what was shown, and moves nothing."""

import subprocess
import sys

import numpy as np
import pytest
from played_arm import HOLDING, HOME, STOPPED, Arm

from finevla_client import connection
from finevla_core.embodiment import Embodiment
from finevla_tools import cli
from finevla_tools.adopt import described

pytestmark = pytest.mark.slow  # each starts nodes

TIMEOUT_S = 60


def finevla(*words: str, answer: str = "") -> tuple[int, str, str]:
    """Exit code and what was said, on both streams."""
    command = [sys.executable, "-m", "finevla_tools.cli", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, input=answer)
    return done.returncode, done.stdout.strip(), done.stderr.strip()


@pytest.mark.parametrize("is_script", [False, True])
def test_pose_is_shown_adopted_after_a_yes_and_held(start_node, robot: Embodiment, is_script: bool) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm:
        arm.start(robot)
        code, _, text = finevla("adopt", "--yes")
        assert (code, "there is nothing to adopt" in text) == (1, True)
        arm.values = HOME + np.where(np.arange(14) == 7, 0.35, 0.0)
        arm.in_state(STOPPED)
        code, _, text = finevla("reset")
        assert code == 1
        assert f"{robot.names[7]} +0.350 rad; if it is true: finevla adopt" in text
        if not is_script:
            code, said, _ = finevla("adopt", answer="no\n")
            assert (code, said.endswith("nothing is adopted")) == (1, True)
            assert finevla("adopt")[0] == 1  # nobody answers
            assert finevla("reset")[0] == 1
        code, said, text = finevla("adopt", "--yes") if is_script else finevla("adopt", answer="yes\n")
        assert (code, text) == (0, "")
        assert f"{robot.names[7]:16s} +0.350" in said
        assert "adopted: " in said
        assert finevla("reset")[0] == 0
        arm.in_state(HOLDING)
        assert np.allclose(arm.status[-1].planned, arm.values, atol=1e-6)
        assert not any(arm.commands.values())


def test_no_bridge_is_one_sentence_and_exit_code_1(
    ros_domain: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(connection, "BRIDGE_S", 0.3)  # nobody will come
    assert cli.main(["adopt", "--namespace", "nowhere"]) == 1
    said, text = capsys.readouterr()
    assert said == ""
    assert text.startswith("error: no safety bridge is heard in namespace '/nowhere'")


def test_only_what_differs_is_listed() -> None:
    assert described(["x", "y", "z"], [0.0005, -0.2, 0.3]).split() == ["y", "-0.200", "z", "+0.300"]
