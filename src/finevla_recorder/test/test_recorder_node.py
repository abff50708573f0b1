"""Promises of the recorder on real DDS: every message that was published, byte for byte, whatever happens to the node."""

import array
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from action_msgs.msg import GoalStatus
from probe import Probe
from rclpy.action import ActionClient
from rclpy.duration import Duration
from rclpy.serialization import serialize_message
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import String

from finevla_core.instruction import MAX_TEXT
from finevla_core.recording.episode import load
from finevla_core.recording.mcap_scan import RecordedMessage, Scan
from finevla_core.recording.repair import repair
from finevla_interfaces import msg
from finevla_interfaces.action import RecordEpisode
from finevla_interfaces.srv import StartEpisode, StopEpisode
from finevla_ros import qos
from finevla_ros.messages import to_stamp

pytestmark = pytest.mark.slow  # each starts nodes

SECOND = 1_000_000_000
FRONT, STATES = "camera_front/image_raw", "joint_states"


def recorded(folder: Path) -> dict[str, list[bytes]]:
    """Messages of an episode by topic, in order, by our own reader."""
    found: dict[str, list[bytes]] = {}
    for entry in Scan(next(folder.glob("*.mcap"))):
        if isinstance(entry, RecordedMessage):
            found.setdefault(entry.channel.topic.removeprefix("/finevla/"), []).append(bytes(entry.data))
    return found


def image(number: int, size: int = 64) -> Image:
    message = Image(height=size, width=size, encoding="rgb8", step=size * 3)
    message.data = array.array("B", bytes([number % 256]) * (size * size * 3))
    message.header.stamp = to_stamp(number)
    return message


def state(number: int) -> JointState:
    message = JointState(name=["a", "b"], position=[0.1 * number, -1.0])
    message.header.stamp = to_stamp(number)
    return message


class Stage(Probe):
    """A probe that keeps what it publishes as it goes over the wire."""

    def begin(self) -> None:
        self.sent: dict[str, list[bytes]] = {}
        self.status = self.listen("recorder/status", msg.RecorderStatus, qos.LATCHED)
        self.publishers: dict[str, Any] = {
            FRONT: self.node.create_publisher(Image, FRONT, qos.SENSOR),
            STATES: self.node.create_publisher(JointState, STATES, qos.SENSOR),
        }
        self.wait(lambda: self.status, "the recorder's status")

    def send(self, topic: str, message: Any) -> None:
        data = serialize_message(message)
        self.sent.setdefault(topic, []).append(data)
        self.publishers[topic].publish(data)  # these very bytes: padding is whatever was in memory, each time anew

    def start(self, task: str = "test") -> StartEpisode.Response:
        """Start, and wait until the recorder hears what this probe publishes."""
        response = self.call(StartEpisode, "recorder/start", StartEpisode.Request(task=task, operator_name="ada"))
        if response.success:
            self.wait(lambda: all(p.get_subscription_count() for p in self.publishers.values()), "the recorder's ears")
        return response

    def stop(self, outcome: str = "success") -> StopEpisode.Response:
        return self.call(StopEpisode, "recorder/stop", StopEpisode.Request(outcome=outcome))

    def stream(self, seconds: float, rate_hz: float = 200.0) -> None:
        """States at a rate, an image with every tenth."""
        began_s, number = time.monotonic(), len(self.sent.get(STATES, []))
        for i in range(int(seconds * rate_hz)):
            time.sleep(max(0.0, began_s + i / rate_hz - time.monotonic()))
            self.send(STATES, state(number + i))
            if i % 10 == 0:
                self.send(FRONT, image(number + i))

    def is_written(self) -> bool:
        """Whether the recorder has written as many as were sent."""
        counts = dict(zip(self.status[-1].topics, self.status[-1].counts, strict=True))
        return all(counts.get(f"/finevla/{topic}", 0) >= len(sent) for topic, sent in self.sent.items())


@pytest.fixture
def start_recorder(start_node, tmp_path: Path):
    def start(**parameters: object) -> Any:
        return start_node("finevla_recorder", "recorder", folder=str(tmp_path), min_free_mb=0, **parameters)

    return start


def padded(messages: list[bytes]) -> list[bytes]:
    """Messages as they travel: DDS fills a payload up to a multiple of four bytes, the serializer does not."""
    return [message + bytes(-len(message) % 4) for message in messages]


def test_every_message_is_recorded_byte_for_byte_with_what_was_latched_before(start_recorder, tmp_path: Path) -> None:
    start_recorder()
    with Stage() as stage:
        stage.begin()
        stage.publishers["active_instruction"] = stage.node.create_publisher(
            msg.Instruction, "active_instruction", qos.LATCHED
        )
        stage.send("active_instruction", msg.Instruction(id="7", raw="put it in the bowl", fine="from above"))
        stage.wait(
            lambda: stage.publishers["active_instruction"].get_subscription_count(), "the recorder to hear instructions"
        )
        assert stage.publishers[FRONT].get_subscription_count() == 0, "an idle recorder must not hear images"
        name = stage.start("put it in the bowl").episode
        assert name.startswith("put_it_in_the_bowl_")
        assert load(tmp_path / name)["state"] == "recording"
        stage.stream(1.0)
        stage.wait(stage.is_written, "everything to be written")
        assert not stage.start().success
        stopped = stage.stop()
        assert stopped.success, stopped.message
        assert not stage.stop().success
        stage.wait(lambda: stage.publishers[FRONT].get_subscription_count() == 0, "the recorder to stop hearing")
    found = recorded(tmp_path / name)
    assert {topic: padded(found[topic]) for topic in stage.sent} == {t: padded(m) for t, m in stage.sent.items()}
    told = load(tmp_path / name)
    assert (told["state"], told["outcome"], told["operator"], told["ended_by"]) == (
        *("finished", "success", "ada"),
        "the operator",
    )
    assert (told["dropped"], told["lost"]) == (0, 0)
    assert [said["fine"] for said in told["instructions"]] == ["from above"]
    assert len(told["robot"]["sha256"]) == len(told["safety"]["sha256"]) == 64
    assert "/finevla/camera_left/image_raw" in told["silent"]


def test_independent_reader_and_its_types_agree(start_recorder, tmp_path: Path) -> None:
    highlevel = pytest.importorskip("rosbags.highlevel")
    start_recorder(transport="compressed")
    with Stage() as stage:
        stage.begin()
        compressed = f"{FRONT}/compressed"
        stage.publishers = {
            compressed: stage.node.create_publisher(CompressedImage, compressed, qos.SENSOR),
            "action_chunk": stage.node.create_publisher(msg.ActionChunk, "action_chunk", qos.NEWEST),
        }
        name = stage.start().episode
        stage.send(compressed, CompressedImage(format="jpeg", data=array.array("B", b"as it came")))
        stage.send("action_chunk", msg.ActionChunk(sequence=3, names=["a"], horizon=1, actions=[0.5]))
        stage.wait(stage.is_written, "both to be written")
        assert stage.stop().success
    with highlevel.AnyReader([tmp_path / name]) as reader:
        found = {c.topic: (reader.deserialize(data, c.msgtype), c) for c, _, data in reader.messages()}
    assert bytes(found[f"/finevla/{compressed}"][0].data) == b"as it came"
    chunk, connection = found["/finevla/action_chunk"]
    assert (chunk.sequence, list(chunk.actions)) == (3, [0.5])
    assert connection.ext.offered_qos_profiles[0].reliability.name == "RELIABLE"


def test_a_word_said_once_by_somebody_who_comes_and_goes_is_recorded(start_recorder, tmp_path: Path) -> None:
    start_recorder()
    with Stage() as stage:
        stage.begin()
        name = stage.start().episode
        passer_by = stage.publisher(String, "instruction/text", qos.ALL)
        passer_by.publish(String(data="the other cup"))
        assert passer_by.wait_for_all_acked(Duration(seconds=10.0))  # as `ros2 topic pub` stays for a moment
        stage.node.destroy_publisher(passer_by)
        stage.wait(lambda: "/finevla/instruction/text" in stage.status[-1].topics, "the topic")
        stage.wait(lambda: 1 in stage.status[-1].counts, "the word")
        assert stage.stop().success
    assert b"the other cup" in recorded(tmp_path / name)["instruction/text"][0]
    topic = yaml.safe_load((tmp_path / name / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    hashes = [t["topic_metadata"]["type_description_hash"] for t in topic["topics_with_message_count"]]
    assert all(said.startswith("RIHS01_") and len(said) == 71 for said in hashes)


def test_rosbag2_itself_opens_it(start_recorder, tmp_path: Path) -> None:
    rosbag2 = pytest.importorskip("rosbag2_py", reason="needs ROS 2 from apt")
    start_recorder()
    with Stage() as stage:
        stage.begin()
        name = stage.start().episode
        stage.stream(0.3)
        stage.wait(stage.is_written, "everything to be written")
        assert stage.stop().success
    reader = rosbag2.SequentialReader()
    reader.open(rosbag2.StorageOptions(str(tmp_path / name), "mcap"), rosbag2.ConverterOptions("cdr", "cdr"))
    found: dict[str, list[bytes]] = {}
    while reader.has_next():
        topic, data, _ = reader.read_next()
        found.setdefault(topic.removeprefix("/finevla/"), []).append(data)
    assert {topic: found[topic] for topic in stage.sent} == stage.sent


def test_killed_in_mid_recording_loses_less_than_a_second(start_recorder, tmp_path: Path) -> None:
    node = start_recorder()
    with Stage() as stage:
        stage.begin()
        name = stage.start().episode
        stage.stream(1.6)
        os.killpg(node.process.pid, signal.SIGKILL)
        sent = stage.sent[STATES]
        node.wait_for_exit()
    assert load(tmp_path / name)["state"] == "recording"
    done = repair(tmp_path / name)
    found = recorded(done.folder)[STATES]
    assert found == sent[: len(found)]
    assert len(sent) - len(found) < 200  # a second
    assert load(done.folder)["state"] == "recovered"


def test_what_the_network_loses_is_counted(start_recorder, tmp_path: Path) -> None:
    node = start_recorder()
    with Stage() as stage:
        stage.begin()
        name = stage.start().episode
        stage.stream(0.2)
        stage.wait(stage.is_written, "the first to be written")
        os.kill(node.process.pid, signal.SIGSTOP)
        for i in range(300):
            stage.send(FRONT, image(1000 + i))
        os.kill(node.process.pid, signal.SIGCONT)
        time.sleep(0.2)
        stage.send(FRONT, image(2000))
        last = stage.sent[FRONT][-1]
        stage.wait(lambda: stage.status[-1].lost or stage.is_written(), "the count")
        stage.wait(lambda: stage.status[-1].state == "recording" and stage.status[-1].messages, "the status")
        time.sleep(0.5)
        assert stage.stop().success
    found, told = recorded(tmp_path / name)[FRONT], load(tmp_path / name)
    assert found[-1] == last
    assert len(found) + told["topics"][f"/finevla/{FRONT}"]["lost"] == len(stage.sent[FRONT])
    assert told["lost"] > 0


def test_without_room_on_the_disk_nothing_starts(start_node, tmp_path: Path) -> None:
    start_node("finevla_recorder", "recorder", folder=str(tmp_path / "episodes"), min_free_mb=900_000_000)
    with Stage() as stage:
        stage.begin()
        response = stage.start()
        assert not response.success
        assert "MB left" in response.message
        assert stage.status[-1].state == "idle"


def test_an_episode_that_reaches_its_limit_is_stopped_cleanly_and_told(start_recorder, tmp_path: Path) -> None:
    start_recorder(max_episode_mb=1)
    with Stage() as stage:
        stage.begin()
        name = stage.start().episode
        for i in range(40):
            stage.send(FRONT, image(i, 128))
            time.sleep(0.01)
        stage.wait(lambda: stage.status[-1].state == "idle", "the episode to be stopped")
        assert "greatest size" in stage.status[-1].text
    told = load(tmp_path / name)
    assert told["state"] == "finished"
    assert "greatest size" in told["ended_by"]
    found = recorded(tmp_path / name)[FRONT]
    assert found == stage.sent[FRONT][: len(found)]


@pytest.mark.parametrize("task", ["go\x07", "\x1b[31m", "x" * (MAX_TEXT + 1)])
def test_tasks_that_are_no_text_are_refused_and_leave_nothing(start_recorder, tmp_path: Path, task: str) -> None:
    start_recorder()
    with Stage() as stage:
        stage.begin()
        response = stage.start(task)
        assert not response.success
        assert response.message
        assert "\n" not in response.message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("task", ["../../etc/cron.d/x", "/tmp/x", "a\nb", "左手\u3000拿红色方块", "word " * 400])
def test_whatever_can_be_said_is_a_task_and_its_folder_lies_where_it_should(
    start_recorder, tmp_path: Path, task: str
) -> None:
    start_recorder()
    with Stage() as stage:
        stage.begin()
        response = stage.start(task)
        assert response.success, response.message
        assert stage.stop("success").success
    assert [path.name for path in tmp_path.iterdir()] == [response.episode]
    assert load(tmp_path / response.episode)["task"] == task


def test_discarded_episodes_go_to_the_trash(start_recorder, tmp_path: Path) -> None:
    start_recorder()
    with Stage() as stage:
        stage.begin()
        name = stage.start().episode
        assert stage.stop("discard").success
    assert load(tmp_path / "trash" / name)["outcome"] == "discard"


def test_under_simulation_time_messages_are_stamped_by_the_clock(start_recorder, tmp_path: Path) -> None:
    start_recorder(use_sim_time=True)
    with Stage() as stage:
        stage.begin()
        clock = stage.node.create_publisher(Clock, "/clock", qos.SENSOR)
        # The recorder's own messages say when it has heard the clock; each step is awaited, so stamps are exact.
        seconds, name = (100, 101, 150), ""
        for number, second in enumerate(seconds):
            stage.wait(lambda: clock.get_subscription_count(), "the recorder to listen to the clock")
            clock.publish(Clock(clock=to_stamp(second * SECOND)))
            stage.wait(lambda s=second: stage.status[-1].header.stamp.sec == s, "the recorder's clock")
            name = name or stage.start().episode
            stage.send(STATES, state(number))
            stage.wait(stage.is_written, "the state to be written")
        assert stage.stop().success
    entries = [e for e in Scan(next((tmp_path / name).glob("*.mcap"))) if isinstance(e, RecordedMessage)]
    stamps = [e.log_ns for e in entries if e.channel.topic.endswith(STATES)]
    assert stamps == [second * SECOND for second in seconds]
    assert load(tmp_path / name)["clock"] == "simulated"


def test_an_interrupted_node_finishes_its_episode(start_recorder, tmp_path: Path) -> None:
    node = start_recorder()
    with Stage() as stage:
        stage.begin()
        name = stage.start().episode
        stage.stream(0.3)
        stage.wait(stage.is_written, "everything to be written")
        assert node.stop() == 0
    assert recorded(tmp_path / name)[STATES] == stage.sent[STATES]
    told = load(tmp_path / name)
    assert (told["state"], told["ended_by"]) == ("finished", "the recorder was told to end")


def test_an_action_records_for_a_time_or_until_it_is_cancelled(start_recorder, tmp_path: Path) -> None:
    start_recorder()
    with Stage() as stage:
        stage.begin()
        client = ActionClient(stage.node, RecordEpisode, "record_episode")
        assert client.wait_for_server(20.0)
        timed = RecordEpisode.Goal(task="timed", seconds=0.5, outcome="success")
        goal = stage.answered(lambda: client.send_goal_async(timed), "the goal")
        answer = stage.answered(goal.get_result_async, "the result")
        assert (answer.status, answer.result.success) == (GoalStatus.STATUS_SUCCEEDED, True), answer.result.message
        told = load(tmp_path / answer.result.episode)
        assert (told["outcome"], told["state"]) == ("success", "finished")
        assert 0.4 < told["duration_s"] < 3.0
        goal = stage.answered(lambda: client.send_goal_async(RecordEpisode.Goal(task="open")), "the goal")
        stage.wait(lambda: stage.status[-1].state == "recording", "the second episode")
        stage.answered(goal.cancel_goal_async, "the cancellation")
        answer = stage.answered(goal.get_result_async, "the result")
        assert answer.status == GoalStatus.STATUS_CANCELED
        assert load(tmp_path / answer.result.episode)["state"] == "finished"


def test_an_instruction_that_says_something_else_than_the_task_is_told_at_the_start(start_recorder) -> None:
    start_recorder()
    with Stage() as stage:
        stage.begin()
        said = stage.node.create_publisher(msg.Instruction, "active_instruction", qos.LATCHED)
        said.publish(msg.Instruction(id="7", raw="wipe the table"))
        stage.wait(said.get_subscription_count, "the recorder to hear instructions")
        begun = stage.start("fold the towel")
        if "wipe the table" not in begun.message:  # latched messages come when they come
            stage.stop()
            begun = stage.start("fold the towel")
        assert "the instruction in force is 'wipe the table', not its task 'fold the towel'" in begun.message
        stage.stop()
        assert "in force" not in stage.start("Wipe the table.").message
