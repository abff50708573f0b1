"""Promises of the ingest node on real DDS: the offline assembler's observations, bit for bit; nothing bad passed on."""

import array
import io
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from PIL import Image as PillowImage
from probe import Probe
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image, JointState

from finevla_core import images
from finevla_core.assembler import ImageMessage, StateMessage, observe_all
from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.observation import Observation
from finevla_interfaces import msg
from finevla_ros import qos
from finevla_ros.messages import observation_from_msg, to_ns, to_stamp

SIZE = 120
MS = 1_000_000
SECOND = 1_000 * MS


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


@dataclass(frozen=True)
class Shot:
    """What one moment looks like on the wire and in a bag: a joint state and an image per camera."""

    state: JointState
    images: dict[str, Image | CompressedImage]

    def as_bag(self, received_ns: int) -> tuple[StateMessage, list[ImageMessage]]:
        stamp_ns = to_ns(self.state.header.stamp)
        state = StateMessage(received_ns, stamp_ns, self.state.name, list(self.state.position))
        return state, [
            ImageMessage(received_ns, name, to_ns(m.header.stamp), lambda m=m: content(m))
            for name, m in self.images.items()
        ]


def content(message: Image | CompressedImage) -> images.EncodedImage:
    if isinstance(message, CompressedImage):
        return images.CompressedImage(bytes(message.data))
    return images.RawImage(message.encoding, message.height, message.width, message.step, bytes(message.data))


def shot(robot: Embodiment, k: int, stamp_ns: int, transport: str) -> Shot:
    """Cameras up to 28 ms apart, another joint state each time; JPEG and PNG, or rgb8 and bgr8, in turns."""
    pictures: dict[str, Image | CompressedImage] = {}
    for index, name in enumerate(robot.camera_names):
        at = stamp_ns + 14 * MS * ((index + k) % 3)
        pictures[name] = image(10 * k + index, at, "bgr8" if (k + index) % 2 else "rgb8")
        if transport == "compressed":
            buffer, pixels = io.BytesIO(), np.frombuffer(pictures[name].data, np.uint8).reshape(SIZE, SIZE, 3)
            PillowImage.fromarray(pixels).save(buffer, "JPEG" if k % 2 else "PNG")
            pictures[name] = CompressedImage(format="jpeg", data=array.array("B", buffer.getvalue()))
            pictures[name].header.stamp = to_stamp(at)
    return Shot(joint_state(robot, stamp_ns + 3 * MS, 0.01 * k), pictures)


@pytest.fixture
def patient_file(cobotmagic_file: Path, tmp_path: Path) -> Path:
    """The robot with a minute of patience: what a loaded test machine takes for a message must not matter."""
    text = cobotmagic_file.read_text()
    assert "max_age_s: 0.15" in text
    file = tmp_path / "patient.yaml"
    file.write_text(text.replace("max_age_s: 0.15", "max_age_s: 60.0"))
    return file


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["raw", "compressed"])
def test_live_observations_are_the_offline_ones_bit_for_bit(start_node, patient_file: Path, transport: str) -> None:
    """Under /clock. First until all ends have met, then the clock jumps back, which empties the node's buffers: from
    there on it has the same history as the offline assembler."""
    robot = load_embodiment(patient_file)
    start_node("finevla_camera", "camera_ingest", robot=str(patient_file), transport=transport, use_sim_time=True)
    kind, suffix = (Image, "") if transport == "raw" else (CompressedImage, "/compressed")
    with Probe() as probe:
        seen = probe.listen("observation", msg.Observation, qos.NEWEST)
        heard = probe.listen("/diagnostics", DiagnosticArray, qos.ALL)
        clock = probe.publisher(Clock, "/clock", qos.SENSOR)
        cameras = {c.name: probe.publisher(kind, c.topic + suffix, qos.SENSOR) for c in robot.cameras}
        states = probe.publisher(JointState, robot.state_topic, qos.SENSOR)

        def send_images(of: Shot) -> None:
            for name, picture in of.images.items():
                cameras[name].publish(picture)

        def set_clock(second: int) -> bool:
            clock.publish(Clock(clock=to_stamp(second * SECOND)))
            return any(m.header.stamp.sec == second for m in heard)

        before = itertools.count(100 * SECOND, SECOND // 10)

        def warm_up() -> bool:
            first = shot(robot, 0, next(before), transport)
            states.publish(first.state)
            send_images(first)
            return bool(seen)

        probe.wait(lambda: set_clock(150), "the node's clock to follow /clock")
        probe.wait(warm_up, "a first observation")
        probe.wait(lambda: set_clock(20), "the node's clock to follow /clock back")

        shots = [shot(robot, k, 10 * SECOND + k * SECOND // 10, transport) for k in range(12)]
        bag = [shots[0].as_bag(20 * SECOND)[0]]
        for k, current in enumerate(shots):
            # The joint state of the next moment goes ahead of this one's images: when their observation has come, it
            # has come, too.
            bag += [later.as_bag(20 * SECOND)[0] for later in shots[k + 1 : k + 2]] + current.as_bag(20 * SECOND)[1]
        wanted = list(observe_all(robot, bag))
        assert len(wanted) == len(shots)

        def first_state_has_come() -> bool:
            states.publish(shots[0].state)
            said = [status.message for m in heard for status in m.status]
            return "no image has come" in said[-1] and "joint_states" not in said[-1]

        probe.wait(first_state_has_come, "the node to have joint states only")
        old = len(seen)
        for k, current in enumerate(shots):
            for later in shots[k + 1 : k + 2]:
                states.publish(later.state)
            send_images(current)
            probe.wait(lambda k=k: len(seen) > old + k, f"observation {k}")
            live, offline = observation_from_msg(seen[old + k]), wanted[k]
            assert isinstance(offline, Observation)
            assert live.images.tobytes() == offline.images.tobytes()
            assert live.state.tobytes() == offline.state.tobytes()
            assert (live.stamp_ns, live.image_stamps_ns, live.state_stamp_ns, live.skew_s) == (
                offline.stamp_ns, offline.image_stamps_ns, offline.state_stamp_ns, offline.skew_s,
            )  # fmt: skip
            assert live.sequence - observation_from_msg(seen[old]).sequence == offline.sequence


@pytest.mark.slow
@pytest.mark.parametrize(("off_s", "said"), [(-2, " s old; 0.15 s are allowed"), (5, "ahead of this clock")])
def test_stale_images_and_a_wrong_clock_are_named_and_not_passed_on(
    start_node, cobotmagic_file: Path, off_s: int, said: str
) -> None:
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
                publisher.publish(image(1, probe.now_ns() + off_s * SECOND))
            return all(says(f"camera {name}: its") for name in robot.camera_names) and bool(says(said))

        probe.wait(keep_sending, f"a diagnosis that says '{said}'")
        assert not seen


@pytest.mark.slow
def test_a_clock_that_never_starts_is_reported(start_node, cobotmagic_file: Path) -> None:
    start_node("finevla_camera", "camera_ingest", robot=str(cobotmagic_file), use_sim_time=True)
    with Probe() as probe:
        says = diagnosis(probe)
        probe.wait(lambda: says("camera front: no image has come"), "a diagnosis without /clock")


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


@pytest.mark.slow
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
                publisher.publish(image(1, probe.now_ns(), encoding="nv24"))
            return bool(says("encoding 'nv24' is not supported"))

        probe.wait(keep_sending, "a diagnosis that names the encoding")
        assert not seen


def test_picture_of_another_camera_is_named_and_nothing_is_passed_on(start_node, cobotmagic_file: Path) -> None:
    robot = load_embodiment(cobotmagic_file)
    start_node("finevla_camera", "camera_ingest", robot=str(cobotmagic_file))
    with Probe() as probe:
        seen = probe.listen("observation", msg.Observation, qos.NEWEST)
        says = diagnosis(probe)
        publishers = {c.name: probe.publisher(Image, c.topic, qos.SENSOR) for c in robot.cameras}
        states = probe.publisher(JointState, robot.state_topic, qos.SENSOR)
        frames = {c.name: c.frame for c in robot.cameras}

        def keep_sending(left: str, right: str) -> None:
            states.publish(joint_state(robot, probe.now_ns(), 0.0))
            for name, frame in {"front": "as_its_driver_likes", "left": left, "right": right}.items():
                picture = image(1, probe.now_ns())
                picture.header.frame_id = frame
                publishers[name].publish(picture)

        def is_refused() -> bool:
            keep_sending(frames["right"], frames["left"])
            return bool(says("camera left: its picture is camera right's, by its frame_id"))

        def is_taken() -> bool:
            keep_sending(frames["left"], frames["right"])
            return bool(seen)

        probe.wait(is_refused, "the swap to be reported")
        assert seen == []
        probe.wait(is_taken, "an observation")


def test_unknown_transport_is_one_sentence_and_exit_code_2(start_node) -> None:
    node = start_node("finevla_camera", "camera_ingest", transport="pigeon")
    assert node.wait_for_exit() == 2
    assert any("it must be raw or compressed" in line for line in node.lines)
    assert not any("Traceback" in line for line in node.lines)


def test_pictures_are_those_that_the_policy_asks_for(start_node, patient_file: Path) -> None:
    """The robot file's until a policy has spoken; another policy's at once; and what none can have changes nothing."""
    robot = load_embodiment(patient_file)
    node = start_node("finevla_camera", "camera_ingest", robot=str(patient_file))
    with Probe() as probe:
        seen = probe.listen("observation", msg.Observation, qos.NEWEST)
        wanted = probe.publisher(msg.ImageFormat, "observation/image_format", qos.LATCHED)
        cameras = {c.name: probe.publisher(Image, c.topic, qos.SENSOR) for c in robot.cameras}
        states = probe.publisher(JointState, robot.state_topic, qos.SENSOR)
        probe.wait(lambda: all(p.get_subscription_count() for p in (*cameras.values(), states, wanted)), "the node")

        def size() -> tuple[int, int] | None:
            now = probe.now_ns()
            states.publish(joint_state(robot, now, 0.1))
            for publisher in cameras.values():
                publisher.publish(image(1, now))
            return (seen[-1].height, seen[-1].width) if seen else None

        probe.wait(lambda: size() == (192, 192), "the robot file's size")
        wanted.publish(msg.ImageFormat(policy="pi0", height=224, width=448, fit="pad", filter="bilinear"))
        probe.wait(lambda: size() == (224, 448), "the policy's size")
        picture = observation_from_msg(seen[-1]).images[0]
        assert (picture[:, :112] == 0).all()
        assert (picture[:, 336:] == 0).all()
        assert picture[:, 112:336].any()
        node.wait_for_line("policy 'pi0' takes pictures of 224x448 (pad, bilinear)")
        region = {"cameras": ["front"], "regions": [0.0, 0.5, 0.5, 1.0]}
        wanted.publish(msg.ImageFormat(policy="near", height=64, width=64, fit="crop", filter="area", **region))
        probe.wait(lambda: size() == (64, 64), "a part of one camera's picture")
        node.wait_for_line("policy 'near' takes pictures of 64x64 (crop, area, of front 0 0.5 0.5 1)")
        wanted.publish(msg.ImageFormat(policy="pi0", height=224, width=448, fit="pad", filter="bilinear"))
        probe.wait(lambda: size() == (224, 448), "the policy's size again")
        region["regions"] = [0.0, 0.5]
        wanted.publish(msg.ImageFormat(policy="torn", height=64, width=64, fit="crop", filter="area", **region))
        node.wait_for_line("image format of policy 'torn' refused: 1 cameras have 2 numbers of regions")
        wanted.publish(msg.ImageFormat(policy="odd", height=0, width=448, fit="pad", filter="area"))
        node.wait_for_line("image format of policy 'odd' refused: the height of pictures is 0")
        before = len(seen)
        probe.wait(lambda: size() and len(seen) > before + 2, "more observations")
        assert size() == (224, 448)
