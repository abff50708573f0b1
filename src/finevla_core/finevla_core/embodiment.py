"""A robot as the policy sees it, read from `config/robots/<name>.yaml`: the only place that says what topics mean."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finevla_core.alignment import IMAGE_POLICIES, POLICIES
from finevla_core.errors import FineVLAError, unknown
from finevla_core.images import FITS, ImageFormat
from finevla_core.text_files import MALFORMED, read_settings

HOME = "home"
DEVICE_KEYS = ("serial", "usb_port", "device")  # each names one device, and so stands at one camera only


@dataclass(frozen=True)
class Value:
    """One entry of the state and action vectors, and the URDF joint behind it.

    `value = (position - zero) / (one - zero)` for grippers; arm joints keep their radians (zero 0, one 1).
    """

    name: str
    joint: str
    zero: float = 0.0
    one: float = 1.0
    is_gripper: bool = False


@dataclass(frozen=True)
class Camera:
    """A camera by the name the policy knows; `topic` is the raw image's, relative to the stack's namespace.

    `frame` is the URDF's. What is below it, the drivers are told: by `serial` number or `usb_port` they find an Orbbec or
    RealSense camera, by `device` a USB one; `model` names the vendor's launch file (orbbec_camera has one per model).
    """

    name: str
    topic: str
    frame: str
    serial: str = ""
    usb_port: str = ""
    device: str = ""
    model: str = ""
    width: int = 640
    height: int = 480
    rate_hz: int = 30

    @property
    def driver_frame(self) -> str:
        """The frame of the pictures of a driver that we start; not the URDF's, so that a calibration may place it."""
        return f"camera_{self.name}_color_optical_frame"


@dataclass(frozen=True)
class Controller:
    """A joint_trajectory_controller and the joints it claims, in its order."""

    name: str
    joints: tuple[str, ...]


@dataclass(frozen=True)
class Pose:
    """A pose by name: the values that it sets; those that it does not name stay where they are."""

    name: str
    values: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Embodiment:
    """Joint order, cameras, controllers, limits beyond the URDF's, and rates of one robot."""

    name: str
    urdf: str
    base_frame: str
    state_topic: str
    values: tuple[Value, ...]
    cameras: tuple[Camera, ...]
    controllers: tuple[Controller, ...]
    max_acceleration: tuple[float, ...]
    max_jerk: tuple[float, ...]
    observation_rate_hz: float
    images: ImageFormat  # where no bundle asks for another
    max_skew_s: float
    max_age_s: float
    poses: tuple[Pose, ...] = ()  # `HOME` among them if it came from a robot file
    images_by: str = (
        "next"  # `finevla_core.alignment`: which picture of a camera belongs to an observation's moment ...
    )
    states_by: str = "nearest"  # ... and which joint values
    extrinsics: str = ""  # calibration file of the cameras, relative to the robot file; empty = none

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the state and action values, in order."""
        return tuple(v.name for v in self.values)

    @property
    def image_height(self) -> int:
        """Height of an observation's pictures, pixels."""
        return self.images.height

    @property
    def image_width(self) -> int:
        """Width of an observation's pictures, pixels."""
        return self.images.width

    @property
    def joints(self) -> tuple[str, ...]:
        """URDF joints behind the values, in the same order."""
        return tuple(v.joint for v in self.values)

    @property
    def camera_names(self) -> tuple[str, ...]:
        """Camera names, in the order of an observation's images."""
        return tuple(c.name for c in self.cameras)

    def seen_as(self, images: ImageFormat) -> "Embodiment":
        """Return this robot with the pictures that a bundle asks for."""
        return replace(self, images=images)

    def moved(self, values: ArrayLike, pose: str) -> NDArray[np.float64]:
        """`values` `(D,)` with those that the named pose sets; raises `FineVLAError` if there is no such pose."""
        moved = np.array(values, dtype=np.float64)
        known = {p.name: p.values for p in self.poses}
        if pose not in known:
            raise FineVLAError(unknown("pose", pose, known))
        for name, number in known[pose]:
            moved[self.names.index(name)] = number
        return moved

    def order_in(self, names: Sequence[str]) -> list[int] | None:
        """Where this robot's joints stand in `names`, in the order of the values; None if one is missing or named twice."""
        index = {name: i for i, name in enumerate(names)}
        own = set(self.joints)
        if sum(name in own for name in names) != len(own):  # of two values nobody knows which is true
            return None
        return [index[joint] for joint in self.joints] if all(joint in index for joint in self.joints) else None

    def to_values(self, positions: ArrayLike) -> NDArray[np.float64]:
        """Joint positions `(..., D)` (rad, m) to vector values (rad, 0...1)."""
        zero, span = self._scale
        return (np.asarray(positions, dtype=np.float64) - zero) / span

    def to_positions(self, values: ArrayLike) -> NDArray[np.float64]:
        """Vector values `(..., D)` to joint positions (rad, m)."""
        zero, span = self._scale
        return np.asarray(values, dtype=np.float64) * span + zero

    def to_velocities(self, velocities: ArrayLike) -> NDArray[np.float64]:
        """Rates of change of values `(..., D)` to joint velocities (rad/s, m/s)."""
        return np.asarray(velocities, dtype=np.float64) * self._scale[1]

    @cached_property
    def _scale(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Joint positions at value 0, and from there to value 1."""
        zero = np.array([v.zero for v in self.values])
        return zero, np.array([v.one for v in self.values]) - zero


def load_embodiment(path: str | Path) -> Embodiment:
    """Read and check a robot file; raises `FineVLAError` that names the file and the entry."""
    path = Path(path)
    raw = read_settings(path, "robot file")
    if not isinstance(raw, Mapping):
        raise FineVLAError(f"robot file '{path}' is not a mapping; see config/robots/cobotmagic.yaml for the shape")
    try:
        return _parse(raw)
    except FineVLAError as error:
        raise FineVLAError(f"robot file '{path}': {error}") from error
    except MALFORMED as error:
        text = " ".join(str(error).split())[:200]
        raise FineVLAError(f"robot file '{path}': missing or malformed entry ({text})") from error


def _parse(raw: Mapping[str, Any]) -> Embodiment:
    known = {"name", "urdf", "base_frame", "state_topic", "values", "cameras", "controllers", "observation", "poses"}
    known |= {"extrinsics"}
    if odd := sorted(set(raw) - known):
        raise FineVLAError(unknown("entry", odd[0], sorted(known)))
    values = tuple(_value(entry) for entry in raw["values"])
    cameras = tuple(_camera(entry) for entry in raw["cameras"])
    controllers = tuple(Controller(c["name"], tuple(c["joints"])) for c in raw["controllers"])
    observation = raw["observation"]
    embodiment = Embodiment(
        name=raw["name"],
        urdf=raw["urdf"],
        base_frame=raw["base_frame"],
        state_topic=raw["state_topic"],
        values=values,
        cameras=cameras,
        controllers=controllers,
        max_acceleration=tuple(float(entry["max_acceleration"]) for entry in raw["values"]),
        max_jerk=tuple(float(entry["max_jerk"]) for entry in raw["values"]),
        observation_rate_hz=float(observation["rate_hz"]),
        images=ImageFormat(
            int(observation["height"]),
            int(observation["width"]),
            str(observation.get("fit", FITS[0])),
            str(observation.get("filter", "area")),
        ),
        max_skew_s=float(observation["max_skew_s"]),
        max_age_s=float(observation["max_age_s"]),
        images_by=str(observation.get("images_by", "next")),
        states_by=str(observation.get("states_by", "nearest")),
        poses=tuple(_pose(name, entry, values) for name, entry in (raw.get("poses") or {}).items()),
        extrinsics=str(raw.get("extrinsics") or ""),
    )
    _check(embodiment)
    return embodiment


def _value(entry: Mapping[str, Any]) -> Value:
    closed, opened = entry.get("closed_m"), entry.get("open_m")
    if closed is None and opened is None:
        return Value(name=entry["name"], joint=entry["joint"])
    if closed is None or opened is None or float(closed) == float(opened):
        raise FineVLAError(f"gripper '{entry['name']}' needs closed_m and open_m, and they must differ")
    return Value(entry["name"], entry["joint"], zero=float(closed), one=float(opened), is_gripper=True)


def _camera(entry: Mapping[str, Any]) -> Camera:
    kinds = {f.name: type(f.default) if f.default is not MISSING else str for f in fields(Camera)}
    if odd := sorted(set(entry) - set(kinds)):
        raise FineVLAError(f"camera '{entry.get('name')}': {unknown('entry', odd[0], kinds)}")
    for key, value in entry.items():
        if type(value) is not kinds[key]:  # a serial number without quotes may have lost its zeros
            wanted = "text; put it in quotes" if kinds[key] is str else "a whole number"
            raise FineVLAError(f"camera '{entry.get('name')}': {key} is {value!r}, it must be {wanted}")
    camera = Camera(**entry)
    if min(camera.width, camera.height, camera.rate_hz) <= 0:
        raise FineVLAError(f"camera '{camera.name}': width, height and rate_hz must be positive")
    return camera


def _pose(name: str, entry: Mapping[str, Any], values: Sequence[Value]) -> Pose:
    grippers = {value.name: value.is_gripper for value in values}
    numbers = []
    for value, given in entry.items():
        number = float(given)
        if value not in grippers:
            raise FineVLAError(f"pose '{name}': {unknown('value', value, grippers)}")
        if not np.isfinite(number) or (grippers[value] and not 0.0 <= number <= 1.0):
            raise FineVLAError(f"pose '{name}': {value} is {number}; it must be finite, and 0 to 1 for a gripper")
        numbers.append((value, number))
    if not numbers:
        raise FineVLAError(f"pose '{name}' sets no value")
    return Pose(str(name), tuple(numbers))


def _check(e: Embodiment) -> None:
    devices = [
        (f"{key} of the cameras", tuple(filter(None, (getattr(c, key) for c in e.cameras)))) for key in DEVICE_KEYS
    ]
    for what, names in (("value", e.names), ("joint", e.joints), ("camera", e.camera_names), *devices):
        if twice := {n for n in names if names.count(n) > 1}:
            raise FineVLAError(f"{what} '{sorted(twice)[0]}' is listed twice")
    home = [name for pose in e.poses if pose.name == HOME for name, _ in pose.values]
    if lacking := [name for name in e.names if name not in home]:
        raise FineVLAError(f"poses.{HOME} must set every value; '{lacking[0]}' is missing")
    claimed = [joint for controller in e.controllers for joint in controller.joints]
    if sorted(claimed) != sorted(e.joints):
        odd = sorted(set(claimed) ^ set(e.joints)) or claimed
        raise FineVLAError(f"every joint needs exactly one controller; look at '{odd[0]}'")
    for entry, policy, known in (("images_by", e.images_by, IMAGE_POLICIES), ("states_by", e.states_by, POLICIES)):
        if policy not in known:
            raise FineVLAError(f"observation.{entry}: {unknown('policy', policy, known)}")
    if not e.values or not all(
        0.0 < number < np.inf for number in (*e.max_acceleration, *e.max_jerk, e.observation_rate_hz)
    ):
        raise FineVLAError(
            "values, max_acceleration, max_jerk and observation.rate_hz must be there, positive and finite"
        )
    if not all(0.0 <= number < np.inf for number in (e.max_skew_s, e.max_age_s)):
        raise FineVLAError("observation.max_skew_s and max_age_s must be finite, and not negative")
    for value in e.values:
        if not np.isfinite([value.zero, value.one]).all():
            raise FineVLAError(f"gripper '{value.name}': closed_m and open_m must be finite")
    texts = (e.name, e.urdf, e.base_frame, e.state_topic, *e.names, *e.joints, *(c.name for c in e.controllers))
    if odd_text := next((text for text in texts if not isinstance(text, str) or not text), None):
        raise FineVLAError(f"{odd_text!r} stands where a name must: put it in quotes")
