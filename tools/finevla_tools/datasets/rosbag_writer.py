"""Episodes to rosbag2 recordings (MCAP), one bag each, as if the stack had been recorded while it did them.

Stamps and receive times are the episode's own, so bags of the same episodes are the same bytes, wherever they are made.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Controller, Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.time_units import NS_PER_S
from finevla_sim.episode import Episode
from finevla_tools.datasets.episode_writer import EpisodeWriter, facts, to_json
from finevla_tools.work.staged_output import Staged

BAG_VERSION = 9  # rosbag2's metadata version in Jazzy
# What image_transport calls a PNG of an rgb8 image: its decoder swaps colours unless the file is said to be bgr8.
PNG_FORMAT = "rgb8; png compressed bgr8"
INSTRUCTION, JOINT_STATE = "finevla_interfaces/msg/Instruction", "sensor_msgs/msg/JointState"
IMAGE, TRAJECTORY = "sensor_msgs/msg/CompressedImage", "trajectory_msgs/msg/JointTrajectory"


class RosbagWriter(EpisodeWriter):
    """Writes `root/episode_000000/`, `root/episode_000001/`, ... with the topics of the running stack.

    Recorded are `active_instruction` once at the start, and at each step `<camera topic>/compressed` (PNG: exact),
    the joint states (rad, m) and every controller's `joint_trajectory` with one point, due one step later. What came
    of the episode (see `common.facts`) is the bag's custom_data, JSON where it is no text. A bag is there whole or not
    at all; those finished before an error stay.
    """

    def __init__(
        self,
        root: Path | str,
        embodiment: Embodiment,
        fps: int = 10,
        namespace: str = "finevla",
        start_ns: int = 0,
    ) -> None:
        """`start_ns` is added to the episodes' stamps; it may be changed between episodes.

        Raises `FineVLAError` if `root` exists or the package rosbags is not installed.
        """
        super().__init__(root, embodiment, fps)
        self.namespace, self.start_ns = namespace.strip("/"), start_ns
        self._messages = _Messages(embodiment, NS_PER_S // fps)

    def _write(self, episode: Episode) -> None:
        from rosbags.rosbag2 import StoragePlugin, Writer

        name = f"episode_{self.episodes:06d}"
        with (
            Staged(self.root / name) as path,
            Writer(path, version=BAG_VERSION, storage_plugin=StoragePlugin.MCAP) as bag,
        ):
            self._fill(bag, episode, name)

    def _fill(self, bag: Any, episode: Episode, name: str) -> None:
        said = episode.instruction.id or name
        # A recording's task is what the operator says, as our recorder has it; the simulator's own word stands beside it.
        words = {
            "instruction_id": said,
            "scenario": episode.task,
            "task": episode.instruction.raw or episode.instruction.fine,
        }
        for key, value in (facts(episode) | words).items():
            bag.set_custom_data(key, value if isinstance(value, str) else to_json(value))
        topics: dict[str, Any] = {}
        for topic, kind, stamp_ns, message in self._stream(episode, name):
            if topic not in topics:
                topics[topic] = bag.add_connection(
                    self._absolute(topic),
                    kind,
                    typestore=self._messages.store,
                    offered_qos_profiles=[_qos(topic, kind)],
                )
            bag.write(topics[topic], stamp_ns, self._messages.store.serialize_cdr(message, kind))

    def _stream(self, episode: Episode, name: str) -> Iterator[tuple[str, str, int, object]]:
        """Topic, type, stamp and message of all that happened, in order."""
        make, robot = self._messages, self.embodiment
        stamps = [self.start_ns + int(stamp) for stamp in episode.stamps_ns]
        states, actions = robot.to_positions(episode.states), robot.to_positions(episode.actions)
        cameras = {camera.name: camera for camera in robot.cameras}
        yield "active_instruction", INSTRUCTION, stamps[0], make.instruction(episode.instruction, name, stamps[0])
        for step, stamp in enumerate(stamps):
            if episode.images is not None:
                for camera, image in zip(episode.cameras, episode.images[step], strict=True):
                    topic = f"{cameras[camera].topic}/compressed"
                    yield topic, IMAGE, stamp, make.image(image, cameras[camera].frame, stamp)
            yield robot.state_topic, JOINT_STATE, stamp, make.joint_state(states[step], stamp)
            for controller in robot.controllers:
                topic = f"{controller.name}/joint_trajectory"
                yield topic, TRAJECTORY, stamp, make.trajectory(controller, actions[step], stamp)

    def _absolute(self, topic: str) -> str:
        return topic if topic.startswith("/") else "/".join(("", *filter(None, (self.namespace, topic))))

    def _finish(self) -> None:
        """Every bag is finished already."""

    def _discard(self) -> None:
        """Bags that are there are whole, and stay."""


class _Messages:
    """Makes rosbags' messages of one robot; `due_ns` is when a commanded position shall be reached."""

    def __init__(self, embodiment: Embodiment, due_ns: int) -> None:
        self.store = _typestore()
        self._types = self.store.types
        self._joints = list(embodiment.joints)
        self._due_ns = due_ns

    def instruction(self, said: Instruction, id_if_none: str, stamp_ns: int) -> object:
        slots = self.store.fielddefs["finevla_interfaces/msg/Factors"][1]
        values: dict[str, list[str]] = {name: [] for name, _ in slots}
        for name, value in said.factors.said().items():
            values[name] = [value] if isinstance(value, str) else list(value)
        factors = self._types["finevla_interfaces/msg/Factors"](**values)
        return self._types[INSTRUCTION](
            id=said.id or id_if_none,
            stamp=self._stamp(stamp_ns),
            raw=said.raw,
            fine=said.fine,
            factors=factors,
            understood="",  # an expert reads no words
        )

    def image(self, image: NDArray[np.uint8], frame: str, stamp_ns: int) -> object:
        return self._types[IMAGE](header=self._header(frame, stamp_ns), format=PNG_FORMAT, data=_png(image))

    def joint_state(self, positions: NDArray[np.float64], stamp_ns: int) -> object:
        none = np.zeros(0)
        return self._types[JOINT_STATE](
            header=self._header("", stamp_ns), name=self._joints, position=positions, velocity=none, effort=none
        )

    def trajectory(self, controller: Controller, positions: NDArray[np.float64], stamp_ns: int) -> object:
        wanted, none = positions[[self._joints.index(joint) for joint in controller.joints]], np.zeros(0)
        due = self._types["builtin_interfaces/msg/Duration"](
            sec=self._due_ns // NS_PER_S, nanosec=self._due_ns % NS_PER_S
        )
        point = self._types["trajectory_msgs/msg/JointTrajectoryPoint"](
            positions=wanted, velocities=none, accelerations=none, effort=none, time_from_start=due
        )
        header = self._header("", stamp_ns)
        return self._types[TRAJECTORY](header=header, joint_names=list(controller.joints), points=[point])

    def _header(self, frame: str, stamp_ns: int) -> object:
        return self._types["std_msgs/msg/Header"](stamp=self._stamp(stamp_ns), frame_id=frame)

    def _stamp(self, stamp_ns: int) -> object:
        return self._types["builtin_interfaces/msg/Time"](sec=stamp_ns // NS_PER_S, nanosec=stamp_ns % NS_PER_S)


def _png(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A PNG file of an RGB image. Rows are not filtered: of drawn scenes that takes a third of the time, and no more room."""
    import cv2

    how = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]
    how += [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT]
    return np.asarray(cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), how)[1], np.uint8)


def _typestore() -> Any:
    """Jazzy's messages and our own, the latter read from their .msg files."""
    try:
        from rosbags.typesys import Stores, get_types_from_msg, get_typestore
    except ImportError as error:
        raise FineVLAError(f"rosbag2 recordings need {error.name}; run 'make data-setup' first") from error
    store = get_typestore(Stores.ROS2_JAZZY)
    types: dict[str, Any] = {}
    for file in sorted(_interfaces().glob("*.msg")):
        types |= get_types_from_msg(file.read_text(encoding="utf-8"), f"finevla_interfaces/msg/{file.stem}")
    store.register(types)
    return store


def _interfaces() -> Path:
    """Where the .msg files are: installed, or in a source checkout."""
    prefixes = [Path(p) for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    places = [prefix / "share" / "finevla_interfaces" / "msg" for prefix in prefixes]
    places += [parent / "src" / "finevla_interfaces" / "msg" for parent in Path(__file__).resolve().parents]
    for place in places:
        if (place / "Instruction.msg").is_file():
            return place
    raise FineVLAError("finevla_interfaces' .msg files are not found; run '. install/setup.bash' first")


def _qos(topic: str, kind: str) -> Any:
    """What the stack offers on a topic (see finevla_ros.qos), so that `ros2 bag play` offers the same."""
    from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime

    is_sensor, is_latched = kind in (IMAGE, JOINT_STATE), topic == "active_instruction"
    forever = QosTime(9223372036, 854775807)  # 2^63 - 1 ns
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=1 if is_sensor or is_latched else 20,
        reliability=QosReliability.BEST_EFFORT if is_sensor else QosReliability.RELIABLE,
        durability=QosDurability.TRANSIENT_LOCAL if is_latched else QosDurability.VOLATILE,
        deadline=forever,
        lifespan=forever,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=forever,
        avoid_ros_namespace_conventions=False,
    )
