"""Promises of the policy node on real DDS: steered four ways, old chunks dropped, a steady heart."""

from pathlib import Path

import numpy as np
import pytest
from action_msgs.msg import GoalStatus
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

START_S = 60.0  # a node that reads its libraries on a busy machine


@pytest.fixture
def bundle(tmp_path: Path, robot: Embodiment) -> Path:
    return make_tiny_bundle(tmp_path / "tiny", robot)


class Stage(Probe):
    """A probe that feeds observations while it waits, and plays the bridge."""

    def start(self, robot: Embodiment) -> None:
        self.robot, self.bridge = robot, PlayedBridge(self)
        self.chunks = self.listen("action_chunk", msg.ActionChunk, qos.NEWEST)
        self.active = self.listen("active_instruction", msg.Instruction, qos.LATCHED)
        self.status = self.listen("policy/status", msg.PolicyStatus, qos.LATCHED)
        self.observations = self.publisher(msg.Observation, "observation", qos.NEWEST)
        self.wait(self.is_ready, "a policy that is active and hears the bridge", START_S)

    def is_ready(self) -> bool:
        return bool(self.status) and self.status[-1].state != "inactive" and UNHEARD not in self.status[-1].text

    def observe(self) -> None:
        now, count = self.now_ns(), len(self.robot.cameras)
        images = np.zeros((count, self.robot.image_height, self.robot.image_width, 3), np.uint8)
        seen = Observation(now, self.robot.camera_names, images, (now,) * count, np.zeros(14, np.float32), now)
        self.observations.publish(observation_to_msg(seen, self.robot.name, self.robot.base_frame, self.robot.names))

    def chunk_for(self, identity: str) -> msg.ActionChunk:
        def found() -> msg.ActionChunk | None:
            self.observe()
            return next((c for c in self.chunks if c.instruction_id == identity), None)

        chunk: msg.ActionChunk = self.wait(found, f"a chunk for instruction '{identity}'")
        return chunk


def test_steering_by_topic_text_and_service(start_node, bundle: Path, robot: Embodiment) -> None:
    start_node("finevla_policy", "policy", bundle=bundle)
    with Stage() as stage:
        stage.start(robot)
        topic = stage.publisher(msg.Instruction, "instruction", qos.ALL)
        topic.publish(msg.Instruction(id="by-topic", raw="reach the cube"))
        chunk = stage.chunk_for("by-topic")
        assert chunk.horizon == 16
        assert list(chunk.names) == list(robot.names)
        stage.publisher(String, "instruction/text", qos.ALL).publish(String(data="reach the ball"))
        stage.wait(lambda: stage.active[-1].raw == "reach the ball", "the text to become active")
        stage.chunk_for(stage.active[-1].id)
        response = stage.call(
            SetInstruction, "set_instruction", SetInstruction.Request(instruction=msg.Instruction(raw="reach up"))
        )
        assert response.accepted
        stage.chunk_for(response.id)


def test_after_a_new_instruction_no_chunk_of_the_old_one_comes(start_node, bundle: Path, robot: Embodiment) -> None:
    start_node("finevla_policy", "policy", bundle=bundle)
    with Stage() as stage:
        stage.start(robot)
        topic = stage.publisher(msg.Instruction, "instruction", qos.ALL)
        topic.publish(msg.Instruction(id="old", raw="reach the cube"))
        stage.chunk_for("old")
        topic.publish(msg.Instruction(id="new", raw="reach the ball"))
        stage.chunk_for("new")
        first_new = next(i for i, c in enumerate(stage.chunks) if c.instruction_id == "new")
        for _ in range(5):
            stage.chunk_for("new")
        assert {c.instruction_id for c in stage.chunks[first_new:]} == {"new"}


def test_what_cannot_be_followed_is_refused_with_a_reason(start_node, bundle: Path, robot: Embodiment) -> None:
    node = start_node("finevla_policy", "policy", bundle=bundle)
    with Stage() as stage:
        stage.start(robot)
        for instruction, said in (
            (msg.Instruction(raw=" "), "empty"),
            (msg.Instruction(raw="x" * 10_000), "10000 characters"),
            (msg.Instruction(raw="go", factors=msg.Factors(active_actor=["foot"])), "left_arm, right_arm, both_arms"),
            (msg.Instruction(raw="go", factors=msg.Factors(target_color=[""])), "'target_color' is given but empty"),
            (msg.Instruction(raw="go\a"), "U+0007 at character 3"),
        ):
            response = stage.call(SetInstruction, "set_instruction", SetInstruction.Request(instruction=instruction))
            assert not response.accepted
            assert said in response.message
        stage.publisher(String, "instruction/text", qos.ALL).publish(String(data=""))
        node.wait_for_line("instruction refused: the instruction is empty")
        assert not any(instruction.id for instruction in stage.active)


@pytest.mark.slow
def test_action_gives_feedback_and_succeeds_when_its_time_is_up(start_node, bundle: Path, robot: Embodiment) -> None:
    start_node("finevla_policy", "policy", bundle=bundle)
    with Stage() as stage:
        stage.start(robot)
        client, feedback = ActionClient(stage.node, FollowInstruction, "follow_instruction"), []
        assert client.wait_for_server(20.0)
        goal = FollowInstruction.Goal(instruction=msg.Instruction(id="timed", raw="go"), timeout_s=1.0)
        handle = stage.answered(
            lambda: client.send_goal_async(goal, feedback_callback=lambda f: feedback.append(f.feedback)), "acceptance"
        )
        assert handle.accepted
        stage.chunk_for("timed")
        result = stage.answered(handle.get_result_async, "the result")
        assert result.status == GoalStatus.STATUS_SUCCEEDED
        assert result.result.success
        assert feedback
        assert feedback[0].id == "timed"
        stage.wait(lambda: stage.active[-1].id == "", "the instruction to be cleared")


@pytest.mark.slow
def test_action_is_cancelled_or_replaced(start_node, bundle: Path, robot: Embodiment) -> None:
    start_node("finevla_policy", "policy", bundle=bundle)
    with Stage() as stage:
        stage.start(robot)
        client = ActionClient(stage.node, FollowInstruction, "follow_instruction")
        assert client.wait_for_server(20.0)

        def follow(identity: str):
            goal = FollowInstruction.Goal(instruction=msg.Instruction(id=identity, raw="go"))
            handle = stage.answered(lambda: client.send_goal_async(goal), "acceptance")
            stage.chunk_for(identity)
            return handle

        handle = follow("to-cancel")
        stage.answered(handle.cancel_goal_async, "the cancel response")
        assert stage.answered(handle.get_result_async, "the result").status == GoalStatus.STATUS_CANCELED
        first, second = follow("first"), follow("second")
        result = stage.answered(first.get_result_async, "the replaced goal's result")
        assert result.status == GoalStatus.STATUS_ABORTED
        assert "replaced by instruction 'second'" in result.result.message
        stage.answered(second.cancel_goal_async, "the cancel response")


@pytest.mark.slow
def test_heart_beats_on_without_observations_and_says_so(start_node, bundle: Path, robot: Embodiment) -> None:
    start_node("finevla_policy", "policy", bundle=bundle)
    with Stage() as stage:
        stage.start(robot)
        stage.wait(lambda: len(stage.status) > 5 and stage.status[-1].state == "waiting for observations", "heartbeats")
        assert stage.status[-1].bundle == "tiny"
        assert stage.status[-1].provider == "CPUExecutionProvider"


@pytest.mark.slow
def test_second_policy_on_the_topic_is_reported(start_node, bundle: Path, robot: Embodiment) -> None:
    start_node("finevla_policy", "policy", bundle=bundle)
    with Stage() as stage:
        stage.start(robot)
        stage.node.create_publisher(msg.ActionChunk, "action_chunk", qos.NEWEST)
        stage.wait(lambda: "another policy" in stage.status[-1].text if stage.status else False, "the warning")


@pytest.mark.parametrize("mistake", ["unknown", "hash", "robot"])
def test_bad_bundle_is_one_sentence_and_exit_code_2(start_node, bundle: Path, single_file: Path, mistake: str) -> None:
    parameters = {"bundle": bundle}
    if mistake == "unknown":
        parameters["bundle"] = bundle / "nowhere"
    elif mistake == "hash":
        (bundle / "text.onnx").write_bytes(b"other")
    else:
        parameters["robot"] = single_file
    node = start_node("finevla_policy", "policy", **parameters)
    assert node.wait_for_exit() == 2
    assert sum("error: " in line for line in node.lines) == 1
    assert not any("Traceback" in line for line in node.lines)


@pytest.mark.slow
def test_chunks_say_who_sends_them_and_of_which_epoch_they_are(start_node, bundle: Path, robot: Embodiment) -> None:
    start_node("finevla_policy", "policy", bundle=bundle)
    with Stage() as stage:
        stage.start(robot)
        topic = stage.publisher(msg.Instruction, "instruction", qos.ALL)
        topic.publish(msg.Instruction(id="1", raw="go"))
        first = stage.chunk_for("1")
        assert (first.client, first.epoch, first.joining) == ("/finevla/policy", 1, "blend")
        stage.bridge.say(epoch=41)
        stage.wait(lambda: stage.active[-1].id == "", "the instruction of the old epoch to be over")
        topic.publish(msg.Instruction(id="2", raw="go"))
        assert stage.chunk_for("2").epoch == 41


@pytest.mark.slow
def test_policy_continues_the_chunk_that_the_bridge_says_it_follows(
    start_node, tmp_path: Path, robot: Embodiment
) -> None:
    """The state is 0 and the tiny network's own idea of the first joint the same ramp every time; so the chunk that is
    continued is ahead of it, unless the bridge follows somebody else."""
    start_node(
        "finevla_policy", "policy", bundle=make_tiny_bundle(tmp_path / "rtc", robot, continues=True, joining="rtc")
    )
    with Stage() as stage:
        stage.start(robot)
        stage.bridge.refuses = lambda _: "chunk.late"  # what it follows is said below
        stage.publisher(msg.Instruction, "instruction", qos.ALL).publish(msg.Instruction(id="1", raw="go"))
        own = np.array(stage.chunk_for("1").actions).reshape(16, 14)[:, 0]

        def chunk(is_continued: bool, client: str, scale: float = 1.0) -> bool:
            stage.bridge.say(
                state=msg.SafetyStatus.FOLLOWING,
                client=client,
                speed_scale=scale,
                executed_steps=4,
                chunk_sequence=stage.chunks[-1].sequence,
            )
            stage.observe()
            newest = np.array(stage.chunks[-1].actions).reshape(16, 14)[:, 0]
            return bool(np.abs(newest - own).max() > 1e-6) == is_continued

        stage.wait(lambda: chunk(True, "/finevla/policy"), "a chunk that continues the one before")
        assert stage.chunks[-1].joining == "rtc"
        stage.wait(lambda: chunk(False, "/somebody/else"), "a chunk that continues none")
        stage.wait(lambda: chunk(True, "/finevla/policy"), "again one that continues")
        stage.wait(lambda: chunk(False, "/finevla/policy", 0.5), "none, as the motion was slowed down")
