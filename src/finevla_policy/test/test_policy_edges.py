"""Promises of the policy node where things go wrong on real DDS: late chunks, other policies, reused ids, lifecycle, Ctrl-C."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from played_bridge import PlayedBridge
from probe import Probe
from rclpy.action import ActionClient
from std_msgs.msg import String
from tiny_bundle import make_tiny_bundle

from finevla_core.bridge_report import UNHEARD
from finevla_core.embodiment import Embodiment
from finevla_core.observation import Observation
from finevla_interfaces import msg
from finevla_interfaces.action import FollowInstruction
from finevla_interfaces.srv import SetInstruction
from finevla_ros import qos
from finevla_ros.messages import observation_to_msg

pytestmark = pytest.mark.slow  # each starts nodes

START_S = 60.0  # a node that reads its libraries on a busy machine
SLOW = 1200  # rounds of the tiny bundle's work: about 0.4 s on one core, four times the period and a quarter of the horizon


@pytest.fixture
def bundle(tmp_path: Path, robot: Embodiment) -> Path:
    return make_tiny_bundle(tmp_path / "tiny", robot)


class Stage(Probe):
    """A probe that listens to everything the policy says, and plays the bridge."""

    def __init__(self, robot: Embodiment) -> None:
        super().__init__()
        self.robot = robot
        self.clients: dict[str, Any] = {}
        self.chunks = self.listen("action_chunk", msg.ActionChunk, qos.ALL)
        self.active = self.listen("active_instruction", msg.Instruction, qos.LATCHED)
        self.status = self.listen("policy/status", msg.PolicyStatus, qos.LATCHED)
        self.diagnostics = self.listen("/diagnostics", DiagnosticArray, qos.ALL)
        self.bridge = PlayedBridge(self)
        self._observations = self.node.create_publisher(msg.Observation, "observation", qos.NEWEST)

    def ready(self) -> None:
        def is_ready() -> bool:
            return bool(self.status) and self.status[-1].state != "inactive" and UNHEARD not in self.status[-1].text

        self.wait(is_ready, "a policy that is active and hears the bridge", START_S)

    def say(self, text: str, identity: str = "") -> SetInstruction.Response:
        """By service, again if no response comes: a new client's first one can be lost to DDS discovery."""
        client = self.clients.get("set_instruction") or self.node.create_client(SetInstruction, "set_instruction")
        self.clients["set_instruction"] = client
        assert client.wait_for_service(timeout_sec=20.0)
        request = SetInstruction.Request(instruction=msg.Instruction(id=identity, raw=text))
        for _ in range(4):
            answered = threading.Event()
            future = client.call_async(request)
            future.add_done_callback(lambda _, answered=answered: answered.set())
            if answered.wait(5.0):
                return future.result()
        raise AssertionError("the service 'set_instruction' does not answer")

    def observe(self, **changes: Any) -> None:
        self.wait(self._observations.get_subscription_count, "the policy's subscription")
        now, count, robot = self.now_ns(), len(self.robot.cameras), self.robot
        images = np.zeros((count, robot.image_height, robot.image_width, 3), np.uint8)
        seen = Observation(now, robot.camera_names, images, (now,) * count, np.zeros(14, np.float32), now)
        message = observation_to_msg(seen, robot.name, robot.base_frame, robot.names)
        for name, value in changes.items():
            setattr(message, name, value)
        self._observations.publish(message)

    def chunk_for(self, identity: str) -> msg.ActionChunk:
        def found() -> msg.ActionChunk | None:
            self.observe()
            return next((c for c in self.chunks if c.instruction_id == identity), None)

        return self.wait(found, f"a chunk for instruction '{identity}'")

    def state(self, state: str) -> None:
        self.wait(lambda: self.status and self.status[-1].state == state, f"state '{state}'")

    def said(self, text: str) -> None:
        self.wait(lambda: self.status and text in self.status[-1].text, f"'{text}' in the status")

    def counted(self, key: str) -> int:
        """The newest value of a count in the diagnostics."""
        for array in reversed(self.diagnostics):
            for value in array.status[0].values:
                if value.key == key:
                    return int(value.value)
        return 0

    def change(self, transition: int) -> bool:
        request = ChangeState.Request(transition=Transition(id=transition))
        return bool(self.call(ChangeState, "policy/change_state", request).success)

    def follow(self, text: str, identity: str = "", timeout_s: float = 0.0) -> Any:
        client = ActionClient(self.node, FollowInstruction, "follow_instruction")
        assert client.wait_for_server(20.0)
        goal = FollowInstruction.Goal(instruction=msg.Instruction(id=identity, raw=text), timeout_s=timeout_s)
        return self.answered(lambda: client.send_goal_async(goal), "acceptance")


def test_chunk_begun_for_the_old_instruction_is_dropped(start_node, tmp_path: Path, robot: Embodiment) -> None:
    slow = make_tiny_bundle(tmp_path / "slow", robot, text_gain=0.001, work=SLOW)
    start_node("finevla_policy", "policy", bundle=slow, status_rate_hz=20.0)
    with Stage(robot) as stage:
        stage.ready()
        assert stage.say("reach the cube", "old").accepted
        stage.observe()
        stage.wait(
            lambda: stage.status[-1].observations_taken, "the observation to be taken"
        )  # inference outlasts this
        assert stage.say("reach the ball", "new").accepted
        stage.wait(lambda: stage.counted("chunks_dropped"), "the old chunk to be dropped")
        assert not stage.chunks
        stage.chunk_for("new")
        assert {chunk.instruction_id for chunk in stage.chunks} == {"new"}


def test_slow_policy_skips_observations_and_says_so(start_node, tmp_path: Path, robot: Embodiment) -> None:
    start_node("finevla_policy", "policy", bundle=make_tiny_bundle(tmp_path / "slow", robot, work=SLOW))
    with Stage(robot) as stage:
        stage.ready()
        stage.say("reach the cube", "slow")
        beats = len(stage.status)
        stage.chunk_for("slow")
        stage.said("longer than the observations' period of 0.100 s")

        def skipped() -> int:  # only what comes during an inference can be skipped, so keep them coming
            stage.observe()
            return stage.status[-1].observations_skipped

        stage.wait(skipped, "the count of skipped observations")
        assert len(stage.status) > beats, "the heart stood still during inference"


def test_new_words_change_the_actions_in_mid_run(start_node, tmp_path: Path, robot: Embodiment) -> None:
    start_node("finevla_policy", "policy", bundle=make_tiny_bundle(tmp_path / "wordy", robot, text_gain=0.001))
    with Stage(robot) as stage:
        stage.ready()
        stage.say("reach the cube", "cube")
        cube = stage.chunk_for("cube")
        stage.say("reach the ball", "ball")
        assert list(stage.chunk_for("ball").actions) != list(cube.actions)
        stage.say("reach the cube", "cube again")
        assert list(stage.chunk_for("cube again").actions) == list(cube.actions)


def test_stop_in_words_ends_the_chunks_and_the_goal(start_node, bundle: Path, robot: Embodiment) -> None:
    start_node("finevla_policy", "policy", bundle=bundle)
    with Stage(robot) as stage:
        stage.ready()
        goal = stage.follow("reach the cube", "going")
        stage.chunk_for("going")
        stage.publisher(String, "instruction/text", qos.ALL).publish(String(data="Stop!"))
        result = stage.answered(goal.get_result_async, "the goal's end")
        assert result.status == GoalStatus.STATUS_ABORTED
        assert result.result.message == "the operator said stop"
        assert result.result.chunks >= 1
        stage.wait(lambda: stage.active[-1].id == "", "no active instruction")
        stage.observe()
        stage.state("idle")
        published = stage.status[-1].chunks
        beats = len(stage.status)
        stage.wait(lambda: len(stage.status) >= beats + 2, "two more heartbeats")
        assert stage.status[-1].chunks == published


def test_reused_id_and_bad_goal_are_refused_with_the_reason(start_node, bundle: Path, robot: Embodiment) -> None:
    start_node("finevla_policy", "policy", bundle=bundle)
    with Stage(robot) as stage:
        stage.ready()
        assert stage.say("reach the cube", "1").accepted
        assert "id '1' is the active instruction's" in stage.say("reach the ball", "1").message
        assert stage.say("reach the cube", "1").accepted
        assert stage.say("reach the ball", "2").accepted
        assert "'1' has ended (replaced by instruction '2')" in stage.say("reach the cube", "1").message
        stage.chunk_for("2")  # an id that is used up says nothing about what is wanted
        for text, timeout_s, said in ((" ", 0.0, "empty"), ("go", -1.0, "timeout_s is -1.0"), ("go", np.inf, "inf")):
            assert stage.say("reach the cube", f"before {said}").accepted
            goal = stage.follow(text, timeout_s=timeout_s)
            result = stage.answered(goal.get_result_async, "the refusal")
            assert result.status == GoalStatus.STATUS_ABORTED
            assert not result.result.success
            assert result.result.message.startswith("refused: ")
            assert said in result.result.message
            stage.wait(lambda: stage.active[-1].id == "", "what was running to be over")


def test_text_that_is_repeated_as_a_stream_stays_one_instruction(start_node, bundle: Path, robot: Embodiment) -> None:
    start_node("finevla_policy", "policy", bundle=bundle)
    with Stage(robot) as stage:
        stage.ready()
        text = stage.publisher(String, "instruction/text", qos.ALL)
        for _ in range(5):
            text.publish(String(data="reach the cube"))
        text.publish(String(data="reach the ball"))
        stage.wait(lambda: stage.active and stage.active[-1].raw == "reach the ball", "the last text to be active")
        assert len({instruction.id for instruction in stage.active if instruction.id}) <= 2
        assert stage.active[-1].stamp.sec > 0


def test_refusal_that_repeats_is_logged_once_and_then_by_its_count(start_node, bundle: Path, robot: Embodiment) -> None:
    node = start_node("finevla_policy", "policy", bundle=bundle)
    with Stage(robot) as stage:
        stage.ready()
        text = stage.publisher(String, "instruction/text", qos.ALL)
        for count in range(12):  # one after the other: of words that wait only the newest is read
            text.publish(String(data=f"go\x07 {count}"))
            stage.wait(lambda: stage.status[-1].refusal, "the refusal")
            assert stage.say("reach the cube").accepted
            stage.wait(lambda: stage.status[-1].refusal == "", "the next instruction")
        node.wait_for_line("U+0007 at character 3; remove it (10 times in ")
        assert sum("instruction refused" in line for line in node.lines) == 2


def test_broken_utf8_is_refused_in_one_sentence(start_node, bundle: Path, robot: Embodiment) -> None:
    node = start_node("finevla_policy", "policy", bundle=bundle)
    with Stage(robot) as stage:
        stage.ready()
        publisher = stage.publisher(String, "instruction/text", qos.ALL)
        # CDR: little-endian header, length with the closing NUL, then bytes that are no UTF-8.
        broken = b"reach \xff\xfe the cube\x00"
        publisher.publish(b"\x00\x01\x00\x00" + len(broken).to_bytes(4, "little") + broken)
        node.wait_for_line("instruction refused: the instruction's raw text is not valid UTF-8")
        assert stage.say("reach the cube", "good").accepted
        assert {instruction.id for instruction in stage.active} <= {"", "good"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"embodiment": "other"}, "it is of robot 'other', this policy drives 'cobotmagic'"),
        ({"state_names": ["a"] * 14}, "its state_names are not those of robot 'cobotmagic'"),
        ({"cameras": ["front", "left", "up"]}, "check the ingest's robot file"),
        ({"state": [float("nan")] * 14}, "state must be a finite float32 vector"),
    ],
)
def test_observation_that_does_not_fit_is_refused_and_named(
    start_node, bundle: Path, robot: Embodiment, changes: dict[str, Any], said: str
) -> None:
    start_node("finevla_policy", "policy", bundle=bundle)
    with Stage(robot) as stage:
        stage.ready()
        stage.say("reach the cube", "1")
        stage.observe(**changes)
        stage.said(said)
        assert not stage.chunks
        stage.chunk_for("1")
        stage.wait(lambda: stage.status[-1].text == "", "the status to be clean again")


def test_second_policy_does_not_start_beside_an_active_one(start_node, bundle: Path, robot: Embodiment) -> None:
    start_node("finevla_policy", "policy", bundle=bundle)
    with Stage(robot) as stage:
        stage.ready()
        stage.say("reach the cube", "mine")
        stage.chunk_for("mine")
        second = start_node("finevla_policy", "policy", bundle=bundle)
        assert second.wait_for_exit() == 2
        errors = [line for line in second.lines if line.startswith("error: ")]
        assert errors == ["error: another policy is active on /finevla/action_chunk; stop it or take another namespace"]
        assert stage.say("reach the ball", "still").accepted
        stage.chunk_for("still")


def test_chunks_of_somebody_else_hold_ours_back_until_that_ends(start_node, bundle: Path, robot: Embodiment) -> None:
    start_node("finevla_policy", "policy", bundle=bundle)
    with Stage(robot) as stage:
        stage.ready()
        stage.say("reach the cube", "mine")
        stage.chunk_for("mine")
        intruder = stage.publisher(msg.ActionChunk, "action_chunk", qos.NEWEST)
        intruder.publish(msg.ActionChunk(instruction_id="mine", policy="intruder"))
        stage.said("our chunks are held back")
        published = stage.status[-1].chunks
        beats = len(stage.status)
        stage.observe()
        stage.wait(lambda: len(stage.status) >= beats + 3, "three heartbeats")
        assert stage.status[-1].chunks == published
        stage.node.destroy_publisher(intruder)
        stage.wait(lambda: stage.observe() or stage.status[-1].chunks > published, "chunks again")


def test_lifecycle_manager_starts_stops_and_hands_over(start_node, bundle: Path, robot: Embodiment) -> None:
    start_node("finevla_policy", "policy", bundle=bundle, autostart=False)
    with Stage(robot) as stage:
        stage.state("inactive")
        response = stage.say("reach the cube")
        assert not response.accepted
        assert "not active; configure and activate it" in response.message
        assert stage.change(Transition.TRANSITION_CONFIGURE)
        assert stage.change(Transition.TRANSITION_ACTIVATE)
        stage.ready()
        assert stage.say("reach the cube", "1").accepted
        stage.chunk_for("1")
        assert stage.change(Transition.TRANSITION_DEACTIVATE)
        stage.state("inactive")
        stage.wait(lambda: stage.active[-1].id == "", "the instruction to be over")
        assert stage.change(Transition.TRANSITION_ACTIVATE)
        stage.observe()
        stage.state("idle")  # the old instruction does not start moving the arms again
        assert stage.status[-1].instruction_id == ""
        stage.say("reach the ball", "2")
        stage.chunk_for("2")


def test_lifecycle_configure_fails_with_the_sentence(start_node, bundle: Path, robot: Embodiment) -> None:
    (bundle / "text.onnx").write_bytes(b"other")
    node = start_node("finevla_policy", "policy", bundle=bundle, autostart=False)
    with Stage(robot) as stage:
        assert not stage.change(Transition.TRANSITION_CONFIGURE)
        node.wait_for_line("does not match its SHA-256")
        stage.said("does not match its SHA-256")


def test_what_the_bundle_runs_on_instead_is_told_and_then_over(start_node, bundle: Path, robot: Embodiment) -> None:
    node = start_node("finevla_policy", "policy", bundle=bundle, precision="fp16")
    node.wait_for_line("fp16 is for TensorRT alone: the CPU runs the bundle in fp32")
    with Stage(robot) as stage:
        stage.ready()
        assert stage.status[-1].provider == "CPUExecutionProvider"
        assert "fp16" not in stage.status[-1].text


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_told_to_end_during_inference_and_goal_it_ends_without_traceback(
    start_node, tmp_path: Path, robot: Embodiment, sign: signal.Signals
) -> None:
    node = start_node("finevla_policy", "policy", bundle=make_tiny_bundle(tmp_path / "slow", robot, work=SLOW))
    with Stage(robot) as stage:
        stage.ready()
        stage.follow("reach the cube", "going")
        stage.observe()
        stage.state("running")
        os.killpg(node.process.pid, sign)
        code = node.wait_for_exit()
    assert (code, "Traceback" in "\n".join(node.lines)) == (0, False), "\n".join(node.lines)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"provider": "gpu"}, "parameter 'provider' is 'gpu'; known are auto, tensorrt, cuda, cpu"),
        ({"provider": "tensorrt"}, "ONNX Runtime has none of TensorrtExecutionProvider here"),
        ({"precision": "int8"}, "parameter 'precision' is 'int8'; known are fp32, fp16, bf16"),
        ({"threads": 0}, "parameter 'threads' of node 'policy' must be a int between 1 and 64"),
    ],
)
def test_wrong_parameters_are_one_sentence_and_exit_code_2(
    start_node, bundle: Path, parameters: dict[str, object], said: str
) -> None:
    node = start_node("finevla_policy", "policy", bundle=bundle, **parameters)
    assert node.wait_for_exit() == 2
    assert said in "\n".join(node.lines)
    assert "Traceback" not in "\n".join(node.lines)


def test_heartbeat_that_is_made_up_takes_no_policy_away_and_one_that_goes_on_deactivates_it(
    start_node, bundle: Path, robot: Embodiment
) -> None:
    node = start_node("finevla_policy", "policy", bundle=bundle)
    with Stage(robot) as stage:
        stage.ready()
        stage.say("reach the cube", "mine")
        stage.chunk_for("mine")
        elder = stage.publisher(msg.PolicyStatus, "policy/status", qos.LATCHED)
        old = msg.PolicyStatus(state="running")
        old.active_since.sec = 1
        elder.publish(old)
        own = [s for s in stage.status if s.bundle]
        stage.wait(lambda: len([s for s in stage.status if s.bundle]) > len(own) + 8, "heartbeats")
        assert stage.status[-1].state != "inactive"
        stage.node.create_timer(0.1, lambda: elder.publish(old))
        stage.wait(lambda: stage.active[-1].id == "", "the instruction to be ended")
        stage.wait(lambda: any(s.state == "inactive" and "/finevla/probe" in s.text for s in stage.status), "who it is")
        assert node.process.poll() is None


def test_transition_that_is_not_possible_is_refused_and_kills_nobody(
    start_node, bundle: Path, robot: Embodiment
) -> None:
    node = start_node("finevla_policy", "policy", bundle=bundle)
    with Stage(robot) as stage:
        stage.ready()
        for _ in range(30):
            assert not stage.change(Transition.TRANSITION_ACTIVATE)
        assert not stage.change(77)
        assert sum("is not possible" in line for line in node.lines) <= 4
        stage.say("reach the cube", "still")
        stage.chunk_for("still")
