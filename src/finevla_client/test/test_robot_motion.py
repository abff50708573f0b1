"""Promises of `Robot` with a real bridge, a real motion node and a real policy, and arms that do what the bridge commands."""

import math
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from moving_arms import FOLLOWING, HOLDING, START, STOPPED, MovingArms
from tiny_bundle import make_tiny_bundle

from finevla_client.errors import MotionFailed, NoAnswer, Refusal
from finevla_client.robot import Robot
from finevla_core.embodiment import HOME, Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.observation import Observation
from finevla_core.safety.events import RESET_ADVICE, State
from finevla_interfaces import msg
from finevla_interfaces.srv import Authority
from finevla_ros import qos
from finevla_ros.messages import observation_to_msg

pytestmark = pytest.mark.slow  # each starts nodes

START_S = 60.0  # a node that reads its libraries on a busy machine


class Stage(MovingArms):
    """Arms that move, and observations of them."""

    def observe_from_now_on(self) -> None:
        """Send observations at 10 Hz."""
        out = self.node.create_publisher(msg.Observation, "observation", qos.NEWEST)
        robot, count = self.robot, len(self.robot.cameras)
        images = np.zeros((count, robot.image_height, robot.image_width, 3), np.uint8)

        def observe() -> None:
            now_ns = self.now_ns()
            state = self.track[-1][1].astype(np.float32)
            seen = Observation(now_ns, robot.camera_names, images, (now_ns,) * count, state, now_ns)
            out.publish(observation_to_msg(seen, robot.name, robot.base_frame, robot.names))

        self.wait(lambda: self.track, "a joint state")
        self.node.create_timer(0.1, observe)

    def far(self) -> float:
        """How far the farthest value is from its start."""
        return float(abs(self.track[-1][1] - START).max())


@pytest.fixture
def stage(start_node: Callable[..., Any], robot: Embodiment) -> Iterator[Stage]:
    start_node("finevla_control", "safety_bridge")
    motion_node = start_node("finevla_control", "motion", planner="ompl")
    with Stage() as stage:
        stage.motion_node = motion_node
        stage.move_from_start(robot)
        stage.in_state(HOLDING)
        yield stage


@pytest.fixture
def client(stage: Stage) -> Iterator[Robot]:
    """A robot whose motion node has heard that the bridge holds."""
    with Robot() as client:
        for _ in range(100):
            try:
                assert client.go(left_joint1=float(START[0])).message == "there already"
                break
            except (MotionFailed, NoAnswer):
                threading.Event().wait(0.1)
        else:
            pytest.fail("the motion node never got ready")
        yield client


def test_lines_of_the_page_steer_look_move_and_stop(
    start_node: Callable[..., Any],
    stage: Stage,
    client: Robot,
    robot: Embodiment,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = Path(__file__).parents[3] / "docs" / "steer.md"
    (lines,) = re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    start_node("finevla_policy", "policy", bundle=make_tiny_bundle(tmp_path / "tiny", robot))
    stage.observe_from_now_on()
    client.connection.wait_until_ready(START_S)
    names: dict[str, Any] = {}
    exec(compile(lines, str(page), "exec"), names)
    said = capsys.readouterr().out.splitlines()
    assert names["answer"].id
    assert names["seen"].state.shape == (14,)
    assert said[1].startswith("the bridge is following")
    assert np.allclose(stage.track[-1][1], robot.moved(START, HOME), atol=5e-3)
    assert said[-3] == "there"
    assert said[-1] == f"stopped: stop was asked for by topic; {RESET_ADVICE}"
    stage.in_state(STOPPED)


def test_an_instruction_of_somebody_else_is_not_ended_by_a_motion(
    start_node: Callable[..., Any], stage: Stage, client: Robot, robot: Embodiment, tmp_path: Path
) -> None:
    start_node("finevla_policy", "policy", bundle=make_tiny_bundle(tmp_path / "tiny", robot))
    stage.observe_from_now_on()
    client.connection.wait_until_ready(START_S)
    with Robot() as other:
        answer = other.say("reach the cube")
        assert other.wait_until_followed(answer, 20.0).is_followed
        with pytest.raises(MotionFailed, match=r"^the policy follows 'reach the cube'; clear the instruction first"):
            client.go("home")
        is_active: Callable[[], bool] = lambda: other.status().policy.instruction_id == answer.id  # noqa: E731
        assert other.connection.wait(is_active, 5.0)


def test_go_moves_what_it_names_and_leaves_the_rest(stage: Stage, client: Robot) -> None:
    assert client.go(left_joint1=0.2, right_gripper=np.float32(0.4), speed=0.9).message == "there"
    expected = START.copy()
    expected[0], expected[13] = 0.2, 0.4
    assert np.allclose(stage.track[-1][1], expected, atol=5e-3)


def test_what_cannot_be_done_is_one_sentence_and_nothing_moves(stage: Stage, client: Robot) -> None:
    refused: list[tuple[str, dict[str, Any], type[Exception], str]] = [
        ("hom", {}, MotionFailed, "unknown pose 'hom'; did you mean 'home'?"),
        ("", {}, MotionFailed, "say where to go"),
        ("", {"left_joint9": 0.0}, MotionFailed, "unknown value 'left_joint9'"),
        ("", {"left_joint1": 9.0}, MotionFailed, "left_joint1 would be 9.000"),
        ("", {"left_joint1": math.nan}, MotionFailed, "not finite"),
        ("", {"left_joint1": "far"}, FineVLAError, "'left_joint1' is 'far'; give a number"),
        ("home", {"speed": 1.5}, FineVLAError, "speed is 1.5; give a share of the limits"),
        ("home", {"speed": math.inf}, FineVLAError, "speed is inf; give a share of the limits"),
        ("home", {"timeout_s": math.nan}, FineVLAError, "timeout_s is nan"),
        ("\udcff", {}, FineVLAError, "not valid UTF-8"),
        ("", {"\udcff": 1.0}, FineVLAError, "not valid UTF-8"),
    ]
    for pose, options, kind, sentence in refused:
        with pytest.raises(kind) as error:
            client.go(pose, **options)
        assert sentence in str(error.value)
        assert "\n" not in str(error.value)
    assert stage.far() < 1e-6


def test_who_else_commands_is_not_interrupted(stage: Stage, client: Robot) -> None:
    assert stage.call(Authority, "safety/authority", Authority.Request(client="/teleop")).success
    with pytest.raises(MotionFailed, match="^'/teleop' has command authority; it must give it back"):
        client.go("home")
    assert stage.far() < 1e-6


def test_a_stop_passes_while_a_motion_runs_in_another_thread(stage: Stage, client: Robot) -> None:
    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(client.go, "home", speed=0.2)
        stage.in_state(FOLLOWING)
        told = client.stop().message
        assert told == f"stopped: stop was asked for by topic; {RESET_ADVICE}"
        error = going.exception(30.0)
    assert isinstance(error, MotionFailed)
    assert str(error) == f"the bridge is {told}"
    assert client.status().bridge.state is State.STOPPED
    with pytest.raises(MotionFailed, match="^the bridge is stopped: "):
        client.go("home")


def test_a_second_motion_is_refused_and_the_first_goes_on(stage: Stage, client: Robot) -> None:
    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(client.go, "home", speed=0.5)
        stage.in_state(FOLLOWING)
        with pytest.raises(MotionFailed, match="^'go_to' is under way; cancel it, or wait for its end$"):
            client.go("open")
        assert going.result(60.0).message == "there"


def test_a_motion_node_that_ends_is_told_and_not_waited_for(stage: Stage, client: Robot) -> None:
    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(client.go, "home", speed=0.1)
        stage.wait(lambda: stage.far() > 0.05, "the arms to move")
        stage.motion_node.stop()
        error = going.exception(60.0)
    assert isinstance(error, FineVLAError)
    stage.in_state(HOLDING)
    with pytest.raises(
        NoAnswer, match="^the motion node is missing in namespace '/finevla'; start one with 'finevla up'$"
    ):
        client.go("home")


def test_a_motion_that_takes_too_long_is_cancelled_and_the_arms_hold(stage: Stage, client: Robot) -> None:
    with pytest.raises(MotionFailed, match=r"^not there after 1 s: cancelled: the arms were braked and hold$"):
        client.go("home", speed=0.05, timeout_s=1.0)
    stage.in_state(HOLDING)
    assert client.go("home", speed=0.9).message == "there"


def test_a_motion_ends_with_the_robot_that_asked_for_it(stage: Stage, client: Robot) -> None:
    other = Robot()
    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(other.go, "home", speed=0.1)
        stage.wait(lambda: stage.far() > 0.05, "the arms to move")
        other.close()
        error = going.exception(30.0)
    assert isinstance(error, FineVLAError)
    stage.in_state(HOLDING)
    assert client.go("home", speed=0.9).message == "there"


def test_a_motion_is_cancelled_where_its_waiting_is_interrupted(
    stage: Stage, client: Robot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finevla_client.motion_goal import MotionGoal

    def interrupted(motion: MotionGoal, timeout_s: float) -> bool:
        stage.wait(lambda: stage.far() > 0.05, "the arms to move")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(MotionGoal, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            client.go("home", speed=0.1)
    stage.in_state(HOLDING)
    assert client.go("home", speed=0.9).message == "there"


def test_an_episode_is_recorded_and_labelled(start_node: Callable[..., Any], ros_domain: str, tmp_path: Path) -> None:
    del ros_domain
    start_node("finevla_recorder", "recorder", folder=tmp_path)
    with Robot() as client:
        with pytest.raises(FineVLAError, match=r"U\+0007"):
            client.record("pick\a")
        with pytest.raises(FineVLAError, match="^the task is 3; give it in words$"):
            client.record(3)
        begun = client.record("pick", operator="ada")
        assert begun.episode
        with pytest.raises(Refusal):
            client.record("again")
        ended = client.stop_recording("success")
        assert ended.episode == begun.episode
        with pytest.raises(Refusal):
            client.stop_recording("success")
