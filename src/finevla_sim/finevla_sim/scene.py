"""What lies on the simulated table, as plain data: made by `scene_sampling`, built by `mujoco_model`, run by `world`."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TABLE_HEIGHT_M = 0.74  # RoboTwin's table; the arms' bases are 35 mm above it

COLORS: dict[str, tuple[float, float, float]] = {
    "red": (0.80, 0.10, 0.10),
    "green": (0.10, 0.55, 0.16),
    "blue": (0.10, 0.22, 0.78),
    "yellow": (0.93, 0.78, 0.08),
    "purple": (0.48, 0.14, 0.62),
    "orange": (0.93, 0.42, 0.05),
}
SHAPES = ("cube", "cylinder", "ball", "brick")
KNOB = "knob"
SIZES = ("small", "big")
BOWLS = ("left_bowl", "right_bowl")
POST = "post"
POST_RADIUS_M, POST_HEIGHT_M = 0.016, 0.12
LEVELS = ("easy", "hard")
DEMONSTRATION_SEEDS = 200_000  # scenes from here on are for drills


@dataclass(frozen=True)
class SceneObject:
    """A thing to grasp; `size_m` is its edge or diameter, `position` (x, y) in base_footprint, `yaw_rad` about z.

    A knob is fixed to the table and turns. `size` is a word where two things differ in nothing else, else "".
    """

    shape: str
    color: str
    size_m: float
    position: tuple[float, float]
    yaw_rad: float = 0.0
    size: str = ""

    @property
    def name(self) -> str:
        """Unique in a scene: no two objects share size word, colour and shape."""
        return "_".join(part for part in (self.size, self.color, self.shape) if part)

    @property
    def height_m(self) -> float:
        """Height of its centre above the table; of a knob, of where it is gripped."""
        if self.shape == KNOB:
            return 0.030
        return self.size_m * {"cube": 0.5, "cylinder": 0.8, "ball": 0.5, "brick": 0.4}[self.shape]

    @property
    def centre(self) -> NDArray[np.float64]:
        """Where its centre lies, (3,), in base_footprint."""
        return np.array([*self.position, TABLE_HEIGHT_M + self.height_m])


@dataclass(frozen=True)
class Bowl:
    """A bowl that stands still; its outer diameter is 0.14 m."""

    name: str
    position: tuple[float, float]
    color: tuple[float, float, float] = (0.85, 0.84, 0.80)


@dataclass(frozen=True)
class Look:
    """What changes the pictures but not the physics: light, colours, small errors of the camera mounts."""

    light: float = 0.7
    light_xy: tuple[float, float] = (0.0, 0.0)
    table: tuple[float, float, float] = (0.62, 0.52, 0.42)
    floor: tuple[float, float, float] = (0.55, 0.57, 0.60)
    camera_shift_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    camera_tilt_rad: tuple[float, float, float] = (0.0, 0.0, 0.0)
    table_pattern: int = 0  # seed of a chequered table top; 0 = plain


@dataclass(frozen=True)
class Clutter:
    """A flat grey thing that lies about and is never named; half edges in metres."""

    position: tuple[float, float]
    size_m: tuple[float, float, float]
    color: tuple[float, float, float]
    yaw_rad: float


@dataclass(frozen=True)
class Scene:
    """A seeded scene; `arm_start` are the embodiment's values (rad, grippers 0...1), `post` an obstacle's place."""

    seed: int
    task: str
    objects: tuple[SceneObject, ...]
    bowls: tuple[Bowl, ...]
    arm_start: tuple[float, ...]
    look: Look = Look()
    level: str = "easy"
    post: tuple[float, float] | None = None
    clutter: tuple[Clutter, ...] = ()
    friction: float = 1.0  # of the objects, times the usual

    def object(self, name: str) -> SceneObject:
        """The object of that name; KeyError if there is none."""
        return {o.name: o for o in self.objects}[name]

    def bowl(self, name: str) -> Bowl:
        """The bowl of that name; KeyError if there is none."""
        return {b.name: b for b in self.bowls}[name]
