"""Promises of `Robot` where no stack is, where there are several of it, and when it ends."""

import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
from played_arm import HOLDING, STOPPED, Arm

from finevla_client import connection, motion_goal
from finevla_client import robot as robot_module
from finevla_client.errors import NoAnswer, Refusal
from finevla_client.robot import Robot
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.safety.events import RESET_ADVICE, State

pytestmark = pytest.mark.slow  # each starts nodes

STACK = "no stack answers in namespace '/nowhere'; start one with 'finevla up'"
BRIDGE = "no safety bridge is heard in namespace '/nowhere'; start the stack with 'finevla up'"
REQUESTS: dict[str, tuple[Callable[[Robot], object], str]] = {
    "say": (lambda r: r.say("reach the cube", timeout_s=0.3), STACK),
    "say stop": (lambda r: r.say("stop"), "nobody hears it in namespace '/nowhere'"),
    "observe": (lambda r: r.observe(timeout_s=0.3), "no observation came within 0.3 s in namespace '/nowhere'"),
    "go": (lambda r: r.go("home"), STACK),
    "stop": (lambda r: r.stop(), f"{BRIDGE}; if the arms move, use the emergency stop"),
    "reset": (lambda r: r.reset(), BRIDGE),
    "status": (lambda r: r.status(timeout_s=0.3), STACK),
    "record": (lambda r: r.record("pick"), "no recorder answers in namespace '/nowhere'"),
    "stop_recording": (lambda r: r.stop_recording("success"), "no recorder answers in namespace '/nowhere'"),
}


def reset(robot: Robot) -> str:
    """The bridge's answer, asked again while it cools down after a stop."""
    for _ in range(50):
        try:
            return robot.reset().message
        except Refusal as error:
            assert str(error).startswith("wait: a reset is possible"), error
        threading.Event().wait(0.1)
    pytest.fail("no reset")


def threads() -> set[threading.Thread]:
    return set(threading.enumerate())


@pytest.mark.parametrize("request_of", REQUESTS)
def test_no_stack_is_one_sentence(ros_domain: str, request_of: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ask, sentence = REQUESTS[request_of]
    for module, patience in (
        (connection, "FOUND_S"),
        (connection, "BRIDGE_S"),
        (motion_goal, "FOUND_S"),
        (robot_module, "RECORDER_S"),
    ):
        monkeypatch.setattr(module, patience, 0.3)  # nobody will come
    with Robot("nowhere") as robot, pytest.raises(NoAnswer) as refused:
        ask(robot)
    assert str(refused.value).startswith(sentence)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("request_of", REQUESTS)
def test_a_closed_robot_says_so(ros_domain: str, request_of: str) -> None:
    robot = Robot("nowhere")
    robot.close()
    with pytest.raises(FineVLAError, match="^the connection to '/nowhere' is closed; make a new one$"):
        REQUESTS[request_of][0](robot)


@pytest.mark.parametrize(("namespace", "name"), [("fine vla", "mine"), ("/a//b", "mine"), ("9", "mine"), ("ok", "a b")])
def test_what_is_no_name_of_ros_is_refused_and_leaves_nothing_behind(
    ros_domain: str, namespace: str, name: str
) -> None:
    before = threads()
    with pytest.raises(FineVLAError, match="is no name"):
        Robot(namespace, name)
    assert threads() == before


def test_close_leaves_no_thread_and_is_harmless_twice_and_beside_a_with(ros_domain: str) -> None:
    before = threads()
    with Robot(notify=lambda _: None) as robot:
        assert threads() > before
        robot.close()
        robot.close()
    assert threads() == before


def test_a_robot_that_is_not_used_any_more_ends_by_itself(ros_domain: str) -> None:
    before = threads()
    robot = Robot()
    assert threads() > before
    del robot
    assert threads() == before


def test_a_program_that_forgets_to_close_ends_quietly(ros_domain: str) -> None:
    code = "from finevla_client.robot import Robot; robot = Robot(); print('made')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "made\n", "")


def test_close_ends_the_waiting_of_another_thread(ros_domain: str) -> None:
    robot, ended, waits = Robot(), [], threading.Event()

    def look() -> None:
        waits.set()
        try:
            robot.observe(timeout_s=600.0)
        except FineVLAError as error:
            ended.append(str(error))

    thread = threading.Thread(target=look)
    thread.start()
    assert waits.wait(5.0)
    robot.close()
    thread.join(30.0)
    assert not thread.is_alive()
    assert ended == ["the connection to '/finevla' is closed; make a new one"]


def test_stop_and_reset_return_what_the_bridge_confirms_and_a_refusal_is_its_sentence(
    start_node, robot: Embodiment
) -> None:
    start_node("finevla_control", "safety_bridge")
    with Arm() as arm, Robot() as client:
        arm.start(robot)
        arm.follow()
        told = f"stopped: stop was asked for by topic; {RESET_ADVICE}"
        assert client.stop().message == told
        arm.in_state(STOPPED)
        assert client.stop().message == told
        assert reset(client) == "holding; the arms rest until new words come"
        arm.in_state(HOLDING)
        with pytest.raises(Refusal, match="^nothing to reset: the bridge is holding$"):
            client.reset()


def test_robots_of_two_namespaces_and_two_of_one_do_not_disturb_each_other(start_node, robot: Embodiment) -> None:
    for namespace in ("one", "two"):
        start_node("finevla_control", "safety_bridge", namespace=namespace)
    with Arm("one") as arm, Arm("two") as other, Robot("one") as first, Robot("one") as again, Robot("two") as second:
        arm.start(robot)
        other.start(robot)
        first.stop()
        assert second.status().bridge.state is State.HOLDING
        again.connection.wait(again.connection.is_stopped, 5.0)
        assert again.status().bridge.state is State.STOPPED
        first.close()
        reset(again)
        with pytest.raises(Refusal, match="nothing to reset"):
            second.reset()
        second.stop()
        arm.in_state(HOLDING)
        assert again.status().bridge.state is State.HOLDING
