"""What camera drivers really send, played on real DDS: what the ingest takes, and the one sentence for what it refuses."""

import array
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from PIL import Image as PillowImage
from probe import Probe
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image, JointState

from finevla_core.embodiment import load_embodiment
from finevla_interfaces import msg
from finevla_ros import qos
from finevla_ros.messages import observation_from_msg, to_stamp

WIDTH, HEIGHT = 64, 48
RELIABLE = QoSProfile(depth=100)  # orbbec_camera, realsense2_camera and usb_cam as they come
BEST_EFFORT = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)  # with ..._qos:=SENSOR_DATA
ORANGE = (250, 120, 10)
YUYV_ORANGE = (142, 60, 142, 193)  # two pixels of it, BT.601


def raw(encoding: str, pixel: bytes, padding: int = 0, is_bigendian: int = 0, frame: str = "as_it_likes") -> Image:
    """A picture of one colour, its rows padded as some drivers do."""
    row = pixel * WIDTH + bytes(padding)
    message = Image(encoding=encoding, width=WIDTH, height=HEIGHT, step=len(row), is_bigendian=is_bigendian)
    message.data = array.array("B", row * HEIGHT)
    message.header.frame_id = frame
    return message


def compressed(kind: str, told: str, mode: str = "RGB") -> CompressedImage:
    """As image_transport's plugins do: the file, and a `format` of their own."""
    file = io.BytesIO()
    colour = ORANGE if mode == "RGB" else 1000
    PillowImage.new(mode, (WIDTH, HEIGHT), colour).save(file, kind)  # type: ignore[arg-type]
    return CompressedImage(format=told, data=array.array("B", file.getvalue()))


def mosaic() -> bytes:
    """What a sensor with pattern rggb sees of one colour."""
    red, green, blue = (bytes((value,)) for value in ORANGE)
    return ((red + green) * (WIDTH // 2) + (green + blue) * (WIDTH // 2)) * (HEIGHT // 2)


def raw_mosaic() -> Image:
    return Image(encoding="bayer_rggb8", width=WIDTH, height=HEIGHT, step=WIDTH, data=array.array("B", mosaic()))


def packed_mosaic() -> CompressedImage:
    file = io.BytesIO()
    PillowImage.frombytes("L", (WIDTH, HEIGHT), mosaic()).save(file, "PNG")
    return CompressedImage(format="bayer_rggb8; png compressed ", data=array.array("B", file.getvalue()))


class PlayedDrivers:
    """Sends one kind of picture on the topics of all cameras, and joint states, whenever asked."""

    def __init__(self, probe: Probe, file: Path, make: Callable[[], Any], suffix: str, profile: QoSProfile) -> None:
        self.probe, self.robot, self.make = probe, load_embodiment(file), make
        self.states = probe.publisher(JointState, self.robot.state_topic, qos.SENSOR)
        self.pictures = [
            probe.publisher(type(make()), f"{camera.topic}{suffix}", profile) for camera in self.robot.cameras
        ]

    def send(self) -> None:
        stamp = to_stamp(self.probe.now_ns())
        state = JointState(name=list(self.robot.joints), position=[0.0] * len(self.robot.joints))
        state.header.stamp = stamp
        self.states.publish(state)
        for publisher in self.pictures:
            message = self.make()
            message.header.stamp = stamp
            publisher.publish(message)


TAKEN = {
    "orbbec and realsense: rgb8, reliable": (lambda: raw("rgb8", bytes(ORANGE)), RELIABLE),
    "sensor data: rgb8, best effort": (lambda: raw("rgb8", bytes(ORANGE)), BEST_EFFORT),
    "OpenCV: bgr8, padded rows": (lambda: raw("bgr8", bytes(ORANGE[::-1]), padding=32), RELIABLE),
    "rgba8, marked as big endian": (lambda: raw("rgba8", bytes((*ORANGE, 255)), is_bigendian=1), RELIABLE),
    "JPEG": (lambda: compressed("JPEG", "rgb8; jpeg compressed bgr8"), RELIABLE),
    "a mosaic": (raw_mosaic, RELIABLE),
    "a mosaic in a PNG": (packed_mosaic, RELIABLE),
    "PNG": (lambda: compressed("PNG", "rgb8; png compressed bgr8"), BEST_EFFORT),
    "usb_cam's default, YUYV": (lambda: raw("yuv422_yuy2", bytes(YUYV_ORANGE)), RELIABLE),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_drivers_send_is_taken_with_its_colours(start_node, cobotmagic_file: Path, name: str) -> None:
    make, profile = TAKEN[name]
    is_raw = isinstance(make(), Image)
    start_node(
        "finevla_camera", "camera_ingest", robot=str(cobotmagic_file), transport="raw" if is_raw else "compressed"
    )
    with Probe() as probe:
        seen = probe.listen("observation", msg.Observation, qos.NEWEST)
        drivers = PlayedDrivers(probe, cobotmagic_file, make, "" if is_raw else "/compressed", profile)

        def is_seen() -> bool:
            drivers.send()
            return bool(seen)

        probe.wait(is_seen, "an observation")
        images = observation_from_msg(seen[0]).images
        assert np.abs(images.astype(int) - ORANGE).max() <= 3


YUYV = "have the driver convert it (usb_cam: pixel_format mjpeg2rgb or yuyv2rgb"
REFUSED = {
    "YUV of one kind more": (
        lambda: raw("yuv444", b"abc"),
        f"'yuv444' is not supported; use one of rgb8, .*{YUYV}",
    ),
    "depth": (lambda: raw("16UC1", b"ab"), "the topic must be that of the colour picture"),
    "a mosaic that nobody knows": (lambda: raw("bayer_rgbg8", b"a"), "a mosaic is bayer_rggb8, bayer_bggr8"),
    "rows too short": (
        lambda: Image(encoding="rgb8", width=WIDTH, height=HEIGHT, step=WIDTH, data=bytes(WIDTH * HEIGHT)),
        "cannot have rows of 64 bytes",
    ),
    "data cut": (
        lambda: Image(encoding="rgb8", width=WIDTH, height=HEIGHT, step=3 * WIDTH, data=bytes(100)),
        "it was cut on the way",
    ),
    "another camera's": (
        lambda: raw("rgb8", b"abc", frame="camera_right_color_optical_frame"),
        "camera left: its picture is camera right's, by its frame_id",
    ),
    "compressed depth": (lambda: compressed("PNG", "16UC1; compressedDepth png", "I;16"), "this is a depth picture"),
    "16 bits of grey": (lambda: compressed("PNG", "png", "I;16"), "it is grey of more than 8 bits"),
    "a piece of a video": (lambda: CompressedImage(format="h264", data=b"abc"), "a piece of a video"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_in_one_sentence(start_node, cobotmagic_file: Path, name: str) -> None:
    make, sentence = REFUSED[name]
    is_raw = isinstance(make(), Image)
    start_node(
        "finevla_camera", "camera_ingest", robot=str(cobotmagic_file), transport="raw" if is_raw else "compressed"
    )
    with Probe() as probe:
        seen = probe.listen("observation", msg.Observation, qos.NEWEST)
        heard = probe.listen("/diagnostics", DiagnosticArray, qos.ALL)
        drivers = PlayedDrivers(probe, cobotmagic_file, make, "" if is_raw else "/compressed", RELIABLE)

        def is_said() -> bool:
            drivers.send()
            texts = [status.message for message in heard for status in message.status]
            return any(all(part in text for part in sentence.split(".*")) for text in texts)

        probe.wait(is_said, f"a diagnosis with '{sentence}'")
        assert not seen


def test_driver_that_sends_the_other_transport_is_named_with_what_to_do(start_node, cobotmagic_file: Path) -> None:
    start_node("finevla_camera", "camera_ingest", robot=str(cobotmagic_file), transport="raw")
    robot = load_embodiment(cobotmagic_file)
    with Probe() as probe:
        heard = probe.listen("/diagnostics", DiagnosticArray, qos.ALL)
        probe.node.create_publisher(CompressedImage, f"{robot.cameras[1].topic}/compressed", RELIABLE)
        probe.node.create_publisher(Image, robot.cameras[2].topic, RELIABLE)
        sentences = (
            "camera front: no image has come: nobody publishes /finevla/camera_front/image_raw;",
            "/finevla/camera_left/image_raw/compressed is there: give transport:=compressed",
            "camera right: no image has come on /finevla/camera_right/image_raw, although a driver is there",
        )

        def is_said() -> bool:
            texts = [status.message for message in heard for status in message.status]
            return any(all(sentence in text for sentence in sentences) for text in texts)

        probe.wait(is_said, "what each camera lacks")
