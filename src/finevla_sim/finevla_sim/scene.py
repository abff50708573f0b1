"""What lies on the simulated table, as plain data: a scene is made by `sampling`, built by `model`, run by `world`."""

from dataclasses import dataclass

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
BOWLS = ("left_bowl", "right_bowl")


@dataclass(frozen=True)
class SceneObject:
    """A thing to grasp; `size_m` is its edge or diameter, `position` (x, y) in base_footprint, `yaw_rad` about z."""

    shape: str
    color: str
    size_m: float
    position: tuple[float, float]
    yaw_rad: float = 0.0

    @property
    def name(self) -> str:
        """Unique in a scene: no two objects share colour and shape."""
        return f"{self.color}_{self.shape}"

    @property
    def height_m(self) -> float:
        """Height of its centre above the table."""
        return self.size_m * {"cube": 0.5, "cylinder": 0.55, "ball": 0.5, "brick": 0.4}[self.shape]


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


@dataclass(frozen=True)
class Scene:
    """A seeded scene; `arm_start` are the embodiment's values (rad, grippers 0...1)."""

    seed: int
    task: str
    objects: tuple[SceneObject, ...]
    bowls: tuple[Bowl, ...]
    arm_start: tuple[float, ...]
    look: Look = Look()

    def object(self, name: str) -> SceneObject:
        """The object of that name; KeyError if there is none."""
        return {o.name: o for o in self.objects}[name]

    def bowl(self, name: str) -> Bowl:
        """The bowl of that name; KeyError if there is none."""
        return {b.name: b for b in self.bowls}[name]
