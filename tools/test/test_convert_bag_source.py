"""Promises of the bag reader: frames are what the rule says of the messages, bit by bit; whatever is amiss is one sentence."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("rosbags", reason="rosbags come with 'make data-setup'")

from made_bags import MS, SECOND, START, Scene, aligned, episode, pixels

from finevla_core.assembler import ImageMessage, StateMessage, observe_all
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.images import CompressedImage
from finevla_core.observation import Observation
from finevla_tools.convert.bag_analysis import BagOptions
from finevla_tools.convert.bag_source import BagSource
from finevla_tools.convert.episode import Encoded, EpisodeFrame, Header


def convert(path: Path, robot: Embodiment, **options: Any) -> list[tuple[Header, list[EpisodeFrame]]]:
    """Every piece of every bag."""
    source = BagSource(path, robot, BagOptions(**options))
    opened = [source.open(piece) for reference in source.references() for piece in source.pieces(reference)]
    return [(episode.header, list(episode.frames())) for episode in opened]


def decoded(picture: Any) -> NDArray[np.uint8]:
    return pixels(picture.data) if isinstance(picture, Encoded) else picture


def nearest(candidates: list[tuple[int, Any]], t: int) -> Any:
    """The content stamped nearest to t; of two as near, the earlier."""
    return min(candidates, key=lambda c: (abs(c[0] - t), c[0]))[1]


def stamp(message: Any) -> int:
    header = message.header.stamp if hasattr(message, "header") else message.stamp
    return int(header.sec) * SECOND + int(header.nanosec)


def recorded(scene: Scene, topic: str) -> list[tuple[int, Any]]:
    return [(stamp(line.message), line.message) for line in scene.lines if line.topic == f"/finevla/{topic}"]


def values(robot: Embodiment, message: Any) -> NDArray[np.float64]:
    index = {name: i for i, name in enumerate(message.name)}
    return robot.to_values([message.position[index[joint]] for joint in robot.joints])


@pytest.mark.parametrize("fps", [10, 15])
@pytest.mark.parametrize("states", ["nearest", "previous", "linear"])
def test_frames_are_what_the_rule_says(robot: Embodiment, tmp_path: Path, fps: int, states: str) -> None:
    scene = episode(robot, seed=fps)
    [(header, frames)] = convert(scene.write(tmp_path / "bag"), robot, fps=fps, states=states)
    said = recorded(scene, "active_instruction")
    joint_states = recorded(scene, "joint_states")
    cameras = {c.name: recorded(scene, f"{c.topic}/compressed") for c in robot.cameras}
    start = max(min(s for s, _ in topic) for topic in (joint_states, *cameras.values()))
    # What lacks something at the ends is not part of the episode; the stamp of the first frame says where it begins.
    first = header.facts["first_stamp_ns"]
    assert (first - start) % (SECOND // fps) <= 1
    assert len(frames) > fps
    for k, frame in enumerate(frames):
        t = first + round(k * SECOND / fps)
        for name, messages in cameras.items():
            np.testing.assert_array_equal(decoded(frame.pictures[name]), pixels(nearest(messages, t).data.tobytes()))
        before = [(s, m) for s, m in joint_states if s <= t]
        if states == "nearest":
            state = values(robot, nearest(joint_states, t))
        elif states == "previous" or max(before)[0] == t:
            state = values(robot, max(before, key=lambda m: m[0])[1])
        else:
            s0, m0 = max(before, key=lambda m: m[0])
            s1, m1 = min(((s, m) for s, m in joint_states if s > t), key=lambda m: m[0])
            w = (t - s0) / (s1 - s0)
            state = (1 - w) * values(robot, m0) + w * values(robot, m1)
        np.testing.assert_array_equal(frame.state, state.astype(np.float32))
        np.testing.assert_array_equal(frame.action, commanded(scene, robot, t, SECOND // fps))
        told = max((s, m) for s, m in ((s, i) for i, (s, _) in enumerate(said)) if s <= t)
        message = said[told[1]][1]
        assert frame.task == (message.raw or message.fine)
    assert [w.style for w in header.words] == ["plan", "interjection"]
    assert sum(header.facts["histograms_ms"]["skew"]["camera front"]["counts"]) >= len(frames)


def commanded(scene: Scene, robot: Embodiment, t: int, step: int) -> NDArray[np.float32]:
    """In words: of the newest command given before a tenth of a step before t + step, the first point due by then or later."""
    at = {}
    for controller in robot.controllers:
        given = [
            (s, m) for s, m in recorded(scene, f"{controller.name}/joint_trajectory") if s <= t + step - step // 10
        ]
        message = max(given, key=lambda m: m[0])[1]
        at |= dict(zip(message.joint_names, message.points[0].positions, strict=True))
    return robot.to_values([at[joint] for joint in robot.joints]).astype(np.float32)


def test_actions_by_the_next_state_are_the_next_frames_states(robot: Embodiment, tmp_path: Path) -> None:
    bag = aligned(robot, steps=6).write(tmp_path / "bag")
    [(_, by_command)] = convert(bag, robot)
    [(header, by_state)] = convert(bag, robot, actions="next")
    assert (len(by_command), len(by_state)) == (6, 5)
    for frame, after in zip(by_state, by_command[1:], strict=True):
        np.testing.assert_array_equal(frame.action, after.state)
    assert header.facts["actions_by"] == "next"


@pytest.mark.parametrize(("storage", "split", "raw"), [("mcap", 3, False), ("sqlite3", 1, False), ("sqlite3", 2, True)])
def test_storages_split_files_and_raw_images_give_the_same_frames(
    robot: Embodiment, tmp_path: Path, storage: str, split: int, raw: bool
) -> None:
    one = convert(episode(robot).write(tmp_path / "one"), robot, fps=15)
    other = convert(episode(robot, raw=raw).write(tmp_path / "other", storage, split), robot, fps=15)
    assert len(one[0][1]) == len(other[0][1])
    for a, b in zip(one[0][1], other[0][1], strict=True):
        np.testing.assert_array_equal(a.state, b.state)
        np.testing.assert_array_equal(a.action, b.action)
        for camera in robot.camera_names:
            np.testing.assert_array_equal(decoded(a.pictures[camera]), decoded(b.pictures[camera]))


def test_files_without_metadata_are_read_in_order(robot: Embodiment, tmp_path: Path) -> None:
    bag = episode(robot).write(tmp_path / "bag", split=3)
    [(_, whole)] = convert(bag, robot, fps=15)
    (bag / "metadata.yaml").unlink()
    [(_, rest)] = convert(bag, robot, fps=15)
    assert [f.state.tobytes() for f in rest] == [f.state.tobytes() for f in whole]


class TestGaps:
    """A camera that falls silent."""

    @pytest.fixture
    def bag(self, robot: Embodiment, tmp_path: Path) -> Path:
        scene = aligned(robot, steps=20)
        scene.lines = [
            line
            for line in scene.lines
            if "camera_left" not in line.topic or not 5 <= (line.received_ns - START) // (100 * MS) < 9
        ]
        return scene.write(tmp_path / "bag")

    def test_are_refused_by_default(self, robot: Embodiment, bag: Path) -> None:
        with pytest.raises(
            FineVLAError, match=r"bag '.*bag': it has gaps: 4 frames are missing.*camera left.*--gaps cut"
        ):
            convert(bag, robot)

    def test_make_two_episodes_if_asked(self, robot: Embodiment, bag: Path) -> None:
        (one, first), (two, second) = convert(bag, robot, gaps="cut")
        assert (one.name, two.name) == ("bag-000", "bag-001")
        assert (len(first), len(second)) == (5, 11)
        assert two.facts["first_stamp_ns"] == START + 9 * 100 * MS
        assert one.facts["histograms_ms"]["gap"]["camera left"]["worst_ms"] == 500.0

    def test_slow_cameras_are_not_repeated(self, robot: Embodiment, tmp_path: Path) -> None:
        bag = aligned(robot, steps=10).write(tmp_path / "slow")
        with pytest.raises(FineVLAError, match=r"would show camera front's picture of the frame before.*--max-repeats"):
            convert(bag, robot, fps=20, max_skew_s=0.06)
        [(header, _)] = convert(bag, robot, fps=20, max_skew_s=0.06, max_repeats=1.0)
        assert header.facts["repeated_pictures"]["camera front"] > 0


class TestLive:
    """The same moments and the same pictures as the ingest node's."""

    def test_frames_are_the_assemblers_observations(self, robot: Embodiment, tmp_path: Path) -> None:
        scene = episode(robot, seconds=2.0, seed=3)
        observations = [o for o in observe_all(robot, heard(scene, robot)) if isinstance(o, Observation)]
        [(header, frames)] = convert(scene.write(tmp_path / "bag"), robot, mode="live")
        first = next(i for i, o in enumerate(observations) if o.stamp_ns == header.facts["first_stamp_ns"])
        assert len(frames) > 10
        assert len(frames) >= len(observations) - 2, "only those before the first command are left out"
        for frame, seen in zip(frames, observations[first:], strict=False):
            np.testing.assert_array_equal(frame.state, seen.state)
            for camera, picture in zip(robot.camera_names, seen.images, strict=True):
                np.testing.assert_array_equal(frame.pictures[camera], picture)

    def test_frames_are_what_the_ingest_node_published(self, robot: Embodiment, tmp_path: Path) -> None:
        scene = episode(robot, seconds=1.5, seed=4)
        published = node_published(scene, robot)
        [(header, frames)] = convert(scene.write(tmp_path / "bag"), robot, mode="live")
        first = next(i for i, (at, _, _) in enumerate(published) if at == header.facts["first_stamp_ns"])
        assert len(frames) > 5
        for frame, (_, state, images) in zip(frames, published[first:], strict=False):
            np.testing.assert_array_equal(frame.state, state)
            np.testing.assert_array_equal(np.stack([frame.pictures[c] for c in robot.camera_names]), images)


def heard(scene: Scene, robot: Embodiment) -> list[ImageMessage | StateMessage]:
    """What the assembler hears of a scene, in order of reception."""
    messages: list[ImageMessage | StateMessage] = []
    cameras = {f"/finevla/{c.topic}/compressed": c.name for c in robot.cameras}
    for line in sorted(scene.lines, key=lambda line: line.received_ns):
        m = line.message
        if line.topic in cameras:
            load = partial(CompressedImage, m.data.tobytes())
            messages.append(ImageMessage(line.received_ns, cameras[line.topic], stamp(m), load))
        elif line.topic.endswith("joint_states"):
            messages.append(StateMessage(line.received_ns, stamp(m), m.name, m.position))
    return messages


def node_published(scene: Scene, robot: Embodiment) -> list[tuple[int, NDArray[np.float32], NDArray[np.uint8]]]:
    """The real node, hearing the same bytes at the same times; only its clock and its publisher are held in hand."""
    rclpy = pytest.importorskip("rclpy", reason="the node needs ROS")
    from rclpy.serialization import deserialize_message
    from sensor_msgs.msg import JointState

    from finevla_camera.ingest_node import CameraIngest

    class Clock:
        nanoseconds = 0

        def now(self) -> "Clock":
            return self

    rclpy.init(args=["--ros-args", "-p", "transport:=compressed"])
    try:
        node, clock, published = CameraIngest(), Clock(), []
        node.get_clock = lambda: clock
        node.publisher = type("Kept", (), {"publish": lambda _, message: published.append(message)})()
        cameras = {f"/finevla/{c.topic}/compressed": c.name for c in robot.cameras}
        for line in sorted(scene.lines, key=lambda line: line.received_ns):
            data = bytes(scene.make.store.serialize_cdr(line.message, line.kind))
            clock.nanoseconds = line.received_ns
            if line.topic in cameras:
                node._on_image(cameras[line.topic], data)
            elif line.topic.endswith("joint_states"):
                node._on_state(deserialize_message(data, JointState))
        node.destroy_node()
    finally:
        rclpy.shutdown()
    return [read(message) for message in published]


def read(message: Any) -> tuple[int, NDArray[np.float32], NDArray[np.uint8]]:
    shape = (len(message.cameras), message.height, message.width, 3)
    return stamp(message), np.asarray(message.state, np.float32), np.asarray(message.images, np.uint8).reshape(shape)


class TestRefused:
    """One sentence, which begins with the bag."""

    def test_missing_topics(self, robot: Embodiment, tmp_path: Path) -> None:
        scene = aligned(robot)
        scene.lines = [line for line in scene.lines if "camera_left" not in line.topic]
        bag = scene.write(tmp_path / "bag")
        with pytest.raises(
            FineVLAError, match=r"bag '.*': it has no camera_left/image_raw of type .*; there is /finevla/"
        ):
            convert(bag, robot)
        [(header, _)] = convert(bag, robot, cameras=("front", "right"))
        assert [c.name for c in header.cameras] == ["front", "right"]

    @pytest.mark.parametrize("missing", ["", "left_arm", "right_gripper"])
    def test_no_commands(self, robot: Embodiment, tmp_path: Path, missing: str) -> None:
        """Of nothing, or of some controllers only: a person who recorded by hand guidance has none, and no stamp is wrong."""
        scene = aligned(robot)
        scene.lines = [line for line in scene.lines if not ("joint_trajectory" in line.topic and missing in line.topic)]
        bag = scene.write(tmp_path / "bag")
        with pytest.raises(FineVLAError, match=r"no commands were recorded.*\(nothing on .*--actions next") as told:
            convert(bag, robot)
        assert f"{missing}_controller" in str(told.value) if missing else "recorded (nothing" in str(told.value)
        assert "stamps" not in str(told.value)
        [(header, frames)] = convert(bag, robot, actions="next")
        assert header.facts["actions_by"] == "next"
        assert len(frames) > 2

    def test_no_chunks(self, robot: Embodiment, tmp_path: Path) -> None:
        bag = aligned(robot).write(tmp_path / "bag")
        with pytest.raises(FineVLAError, match=r"no action chunks were recorded \(nothing on action_chunk\)"):
            convert(bag, robot, actions="chunk")

    def test_no_instruction(self, robot: Embodiment, tmp_path: Path) -> None:
        scene = aligned(robot)
        scene.lines = [line for line in scene.lines if "instruction" not in line.topic]
        bag = scene.write(tmp_path / "bag")
        with pytest.raises(FineVLAError, match="no instruction was recorded.*--task"):
            convert(bag, robot)
        [(_, frames)] = convert(bag, robot, task="wipe the table")
        assert {frame.task for frame in frames} == {"wipe the table"}

    def test_exchanged_cameras(self, robot: Embodiment, tmp_path: Path) -> None:
        scene = aligned(robot, steps=4)
        for k in range(4, 6):
            for camera in robot.cameras:
                scene.image(camera.name, k, START + k * 100 * MS, frame_id=robot.cameras[0].frame)
            scene.state(np.zeros(14), START + k * 100 * MS)
            scene.command(np.zeros(14), START + k * 100 * MS)
        with pytest.raises(FineVLAError, match="its picture is camera front's, by its frame_id"):
            convert(scene.write(tmp_path / "bag"), robot)

    def test_two_robots(self, robot: Embodiment, tmp_path: Path) -> None:
        scene = aligned(robot)
        scene.namespace = "/other"
        scene.state(np.zeros(14), START)
        bag = scene.write(tmp_path / "bag")
        with pytest.raises(FineVLAError, match="it has /finevla/joint_states and /other/joint_states; .*--namespace"):
            convert(bag, robot)
        assert convert(bag, robot, namespace="finevla")

    def test_a_clock_that_steps_back(self, robot: Embodiment, tmp_path: Path) -> None:
        scene = aligned(robot)
        scene.state(np.zeros(14), START - 5 * SECOND, delay_ns=10 * SECOND)
        with pytest.raises(FineVLAError, match=r"the clock of joint_states steps back by 5\.7 s"):
            convert(scene.write(tmp_path / "bag"), robot)

    def test_options_that_contradict(self) -> None:
        with pytest.raises(FineVLAError, match="live mode makes what the ingest node makes"):
            BagOptions(mode="live", fps=5)
        with pytest.raises(FineVLAError, match="gaps 'fill' is unknown; known are cut, refuse"):
            BagOptions(gaps="fill")


def test_what_the_recorder_knew_is_kept(robot: Embodiment, tmp_path: Path) -> None:
    bag = aligned(robot).write(tmp_path / "bag", custom={"operator": "Åsa", "outcome": "placed"})
    [(header, _)] = convert(bag, robot)
    assert header.facts["recording"] == {"operator": "Åsa", "outcome": "placed"}


def test_what_was_discarded_is_left_out_and_the_recorders_notes_are_kept(robot: Embodiment, tmp_path: Path) -> None:
    for name in ("good", "trash/bad", ".half"):
        aligned(robot, steps=3).write(tmp_path / name)
    (tmp_path / "good" / "episode.json").write_text('{"operator": "ada", "outcome": "success"}')
    [(header, _)] = convert(tmp_path, robot)
    assert header.name == "good"
    assert header.facts["episode"] == {"operator": "ada", "outcome": "success"}
