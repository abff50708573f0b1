"""Promises of `finevla say` and `finevla status`: the operator is told what it was taken for, why not, and what to do."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from probe import Probe
from standin_policy import StandInPolicy, running_policy_node
from std_msgs.msg import String
from steering_stage import CUBE, SteeringStage

from finevla_client import connection
from finevla_core.bridge_report import STEP_REMARK
from finevla_core.embodiment import Embodiment
from finevla_core.understanding import UNCHECKED_SUMMARY
from finevla_ros import qos
from finevla_tools import cli

pytestmark = pytest.mark.slow  # each starts nodes


def finevla(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "finevla_tools.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ | {"COLUMNS": "200"})


@pytest.fixture
def policy(robot: Embodiment) -> StandInPolicy:
    return StandInPolicy(robot)


@pytest.fixture
def stage(
    ros_domain: str, robot: Embodiment, policy: StandInPolicy, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SteeringStage]:
    del ros_domain
    with running_policy_node(policy, monkeypatch), SteeringStage(robot, policy) as made:
        made.node.create_timer(0.1, made.observe)
        made.active()
        yield made


def test_say_prints_what_it_was_taken_for_and_waits_until_the_arms_follow(stage: SteeringStage) -> None:
    done = finevla("say", CUBE, "--wait", "20")
    assert (done.returncode, done.stderr) == (0, "")
    accepted, understood, passed_over, bridge = done.stdout.splitlines()
    assert accepted.endswith(f"': {CUBE}")
    assert understood == "understood: reach · red · cube (50% sure)"
    assert passed_over == "passed over: cube"
    assert bridge.startswith("the bridge is following")


def test_say_tells_what_was_not_checked_and_step_mode(stage: SteeringStage, policy: StandInPolicy) -> None:
    policy.understand = None  # a policy that cannot tell
    stage.bridge.say(stepping=True)
    done = finevla("say", "do as you like")
    assert done.returncode == 0
    assert f"understood: {UNCHECKED_SUMMARY}\n" in done.stdout
    assert f"note: {STEP_REMARK}\n" in done.stdout


def test_say_gives_a_refusal_in_one_sentence(stage: SteeringStage) -> None:
    done = finevla("say", "pour water from the kettle")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: I know none of: pour, water, from, kettle\n"


def test_say_advises_a_reset_while_the_bridge_is_stopped(stage: SteeringStage) -> None:
    stage.bridge.stop("the deadman switch was let go")
    done = finevla("say", CUBE)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == (
        "the bridge is stopped (the deadman switch was let go): when it is safe, 'finevla reset', then say it again\n"
    )


def test_say_wait_ends_with_the_reason_when_the_instruction_does(stage: SteeringStage) -> None:
    stage.bridge.refuses = lambda _: "chunk.velocity"
    with ThreadPoolExecutor(1) as pool:
        saying = pool.submit(finevla, "say", CUBE, "--wait", "30")
        stage.wait(lambda: stage.bridge.chunks or saying.done(), "a chunk")
        stage.bridge.stop("10 chunks in a row were refused")
        done = saying.result(60)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.endswith("it is over: stopped: 10 chunks in a row were refused\n")


def test_say_stop_passes_while_nothing_is_ready(
    ros_domain: str, robot: Embodiment, policy: StandInPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy.loading.clear()
    with running_policy_node(policy, monkeypatch), SteeringStage(robot, policy) as stage:
        stage.bridge.is_silent = True
        texts = stage.listen("instruction/text", String, qos.ALL)
        stage.ready()
        done = finevla("say", "Stop at the red cube!\x07")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("stopped: no instruction was active; the whole of it was taken for a stop")
        stage.wait(lambda: texts, "the bridge to hear it without a policy")
        assert {text.data for text in texts} == {"stop"}
        assert stage.bridge.heard[-1].id == ""


def test_say_stop_is_heard_by_the_bridge_alone_and_says_that_no_policy_answers(ros_domain: str) -> None:
    with Probe() as bridge:
        texts = bridge.listen("instruction/text", String, qos.ALL)
        done = finevla("say", "别动")
        assert done.returncode == 0
        assert "no policy answers" in done.stdout
        assert [text.data for text in texts] == ["stop"]


def test_say_stop_that_nobody_hears_is_told_as_such(
    ros_domain: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(connection, "FOUND_S", 0.3)  # nobody will come
    assert cli.main(["say", "halt"]) == 2
    told = capsys.readouterr().err
    assert "nobody hears it in namespace '/finevla'" in told
    assert "use the emergency stop" in told


def shown_status() -> str:
    return " ".join(finevla("status", "--once").stdout.replace("│", " ").split())


def test_status_shows_what_is_understood_why_not_and_what_to_do(stage: SteeringStage) -> None:
    stage.running()
    shown = shown_status()
    assert "understood reach · red · cube" in shown
    stage.bridge.stop("by [hand]")
    stage.over()
    shown = shown_status()
    assert "understood stopped: by [hand]" in shown
    assert "when it is safe: 'finevla reset', then say it again" in shown
    stage.bridge.reset()
    stage.bridge.say(stepping=True, waiting=True, client="/finevla/motion")
    shown = shown_status()
    assert "a plan waits for a yes: 'finevla step'" in shown
    assert "in command: /finevla/motion" in shown
