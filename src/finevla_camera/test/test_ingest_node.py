"""Promises of the ingest node on real DDS: the offline assembler's observations, bit for bit; nothing bad passed on."""

import array
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from probe import Probe
from sensor_msgs.msg import Image, JointState

from finevla_core.assembler import Assembler
from finevla_core.embodiment import load_embodiment
from finevla_core.images import RawImage
from finevla_core.observation import Observation
from finevla_interfaces import msg
from finevla_ros import qos
from finevla_ros.convert import observation_from_msg, to_stamp

SIZE = 120


def image(shade: int, stamp_ns: int, encoding: str = "rgb8") -> Image:
    pixels = np.random.default_rng(shade).integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)
    message = Image(encoding=encoding, height=SIZE, width=SIZE, step=3 * SIZE)
    message.data = array.array("B", pixels.tobytes())
    message.header.stamp = to_stamp(stamp_ns)
    return message


def joint_state(robot, stamp_ns: int, position: float) -> JointState:
    message = JointState(name=list(robot.joints), position=[position] * len(robot.joints))
    message.header.stamp = to_stamp(stamp_ns)
    return message


def diagnosis(probe: Probe) -> Callable[[str], object]:
    heard = probe.listen("/diagnostics", DiagnosticArray, qos.ALL)
    return lambda text: any(text in status.message for m in heard for status in m.status)


def test_live_observations_are_the_offline_ones_bit_for_bit(start_node, cobotmagic_file: Path) -> None:
    robot = load_embodiment(cobotmagic_file)
    start_node("finevla_camera", "camera_ingest", robot=str(cobotmagic_file))
    with Probe() as probe:
        seen = probe.listen("observation", msg.Observation, qos.NEWEST)
        cameras = {c.name: probe.publisher(Image, c.topic, qos.SENSOR) for c in robot.cameras}
        states = probe.publisher(JointState, robot.state_topic, qos.SENSOR)
        offline = Assembler(robot)
        for k in range(5):
            now = probe.now_ns()
            message = joint_state(robot, now - 1_000_000, 0.01 * k)
            offline.add_state(now - 1_000_000, message.name, message.position)
            states.publish(message)
            threading.Event().wait(0.02)  # joint states and images are different streams; let this one arrive first
            for index, (name, publisher) in enumerate(cameras.items()):
                frame = image(10 * k + index, now)
                offline.add_image(
                    name, now, lambda f=frame: RawImage(f.encoding, f.height, f.width, f.step, bytes(f.data))
                )
                publisher.publish(frame)
            probe.wait(lambda k=k: len(seen) > k, f"observation {k}")
            wanted = offline.observe(probe.now_ns())
            assert isinstance(wanted, Observation)
            live = observation_from_msg(seen[k])
            assert live.images.tobytes() == wanted.images.tobytes()
            assert live.state.tobytes() == wanted.state.tobytes()
            assert (live.stamp_ns, live.image_stamps_ns, live.state_stamp_ns, live.sequence) == (
                wanted.stamp_ns, wanted.image_stamps_ns, wanted.state_stamp_ns, wanted.sequence,
            )  # fmt: skip
            threading.Event().wait(0.1)  # the ingest's own rate


def test_missing_camera_is_named_and_nothing_is_passed_on(start_node, cobotmagic_file: Path) -> None:
    robot = load_embodiment(cobotmagic_file)
    start_node("finevla_camera", "camera_ingest", robot=str(cobotmagic_file))
    with Probe() as probe:
        seen = probe.listen("observation", msg.Observation, qos.NEWEST)
        says = diagnosis(probe)
        publishers = [probe.publisher(Image, c.topic, qos.SENSOR) for c in robot.cameras[:2]]
        states = probe.publisher(JointState, robot.state_topic, qos.SENSOR)

        def keep_sending() -> bool:
            for publisher in publishers:
                publisher.publish(image(1, probe.now_ns()))
            states.publish(joint_state(robot, probe.now_ns(), 0.0))
            return bool(says("camera right: no image has come"))

        probe.wait(keep_sending, "a diagnosis that names the missing camera")
        assert not seen


def test_wrong_encoding_is_named_and_nothing_is_passed_on(start_node, cobotmagic_file: Path) -> None:
    robot = load_embodiment(cobotmagic_file)
    start_node("finevla_camera", "camera_ingest", robot=str(cobotmagic_file))
    with Probe() as probe:
        seen = probe.listen("observation", msg.Observation, qos.NEWEST)
        says = diagnosis(probe)
        publishers = [probe.publisher(Image, c.topic, qos.SENSOR) for c in robot.cameras]
        states = probe.publisher(JointState, robot.state_topic, qos.SENSOR)

        def keep_sending() -> bool:
            states.publish(joint_state(robot, probe.now_ns(), 0.0))
            for publisher in publishers:
                publisher.publish(image(1, probe.now_ns(), encoding="yuv422"))
            return bool(says("encoding 'yuv422' is not supported"))

        probe.wait(keep_sending, "a diagnosis that names the encoding")
        assert not seen


def test_unknown_transport_is_one_sentence_and_exit_code_2(start_node) -> None:
    node = start_node("finevla_camera", "camera_ingest", transport="pigeon")
    assert node.wait_for_exit() == 2
    assert any("it must be raw or compressed" in line for line in node.lines)
    assert not any("Traceback" in line for line in node.lines)
