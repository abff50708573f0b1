"""One simulated scene in step mode: targets in, physics, images and ground truth out; no ROS, as fast as it can."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from finevla_core.embodiment import Embodiment
from finevla_sim.mujoco_model import TIMESTEP_S, build
from finevla_sim.renderer import Renderer
from finevla_sim.scene import POST, Scene


@dataclass(frozen=True)
class Truth:
    """Ground truth of one moment; positions `(3,)` and poses `(4, 4)` in base_footprint, metres."""

    stamp_ns: int
    objects: dict[str, NDArray[np.float64]]
    tcps: dict[str, NDArray[np.float64]]
    contacts: frozenset[tuple[str, str]]


class World:
    """Running simulation of one scene. Values are the embodiment's: rad, grippers from 0 (closed) to 1 (open).

    Images have `image_size` (height, width), by default that of the robot's observations.
    """

    def __init__(
        self, scene: Scene, embodiment: Embodiment, urdf_path: Path, image_size: tuple[int, int] | None = None
    ) -> None:
        self.embodiment = embodiment
        self.image_size = image_size or (embodiment.image_height, embodiment.image_width)
        self._urdf_path = urdf_path
        self._painter: Renderer | None = None
        self.reset(scene)

    def reset(self, scene: Scene) -> None:
        """Start `scene` at time zero."""
        self.scene = scene
        self.model = build(scene, self.embodiment, self._urdf_path)
        if self._painter is not None:
            self._painter.look_at(self.model)
        self.data = mujoco.MjData(self.model)
        joints = [self.model.joint(name) for name in self.embodiment.joints]
        self._q = np.array([joint.qposadr[0] for joint in joints])
        self._v = np.array([joint.dofadr[0] for joint in joints])
        positions = self.embodiment.to_positions(scene.arm_start)
        self.data.qpos[self._q] = positions
        self._mimic_fingers()
        self.data.ctrl[:] = positions
        mujoco.mj_forward(self.model, self.data)
        self._owners = [_owner(self.model.body(b).name) for b in self.model.geom_bodyid]
        names = [*(o.name for o in scene.objects), *(b.name for b in scene.bowls), *([POST] if scene.post else [])]
        self._watched = {name: self.model.body(name).id for name in names}
        self._watched |= {f"{side}_tcp": self.model.body(f"{side}_tcp").id for side in self._sides()}

    @property
    def dt_s(self) -> float:
        """Duration of one physics step, seconds."""
        return TIMESTEP_S

    @property
    def stamp_ns(self) -> int:
        """Simulated time since the reset, nanoseconds."""
        return round(self.data.time * 1e9)

    def values(self) -> NDArray[np.float64]:
        """Return the measured state `(D,)`: joint angles in rad, grippers from 0 (closed) to 1 (open)."""
        return self.embodiment.to_values(self.data.qpos[self._q])

    def positions(self) -> NDArray[np.float64]:
        """Return the measured joint positions `(D,)`, rad and m."""
        return self.data.qpos[self._q].copy()

    def velocities(self) -> NDArray[np.float64]:
        """Return the measured joint velocities `(D,)`, rad/s and m/s."""
        return self.data.qvel[self._v].copy()

    def position_targets(self) -> NDArray[np.float64]:
        """Return what the position servos hold, or go to, `(D,)`, rad and m."""
        return self.data.ctrl.copy()

    def set_targets(self, values: ArrayLike) -> None:
        """Set the position servos' targets `(D,)`, given as values."""
        self.data.ctrl[:] = self.embodiment.to_positions(values)

    def set_position_targets(self, positions: ArrayLike) -> None:
        """Set the position servos' targets `(D,)`, rad and m."""
        self.data.ctrl[:] = positions

    def step(self, count: int = 1) -> None:
        """Advance by `count` physics steps."""
        mujoco.mj_step(self.model, self.data, count)

    def push(self, values: ArrayLike) -> None:
        """Set the arms to `values` at once, as a disturbance does; for demonstrations only."""
        self.data.qpos[self._q] = self.embodiment.to_positions(values)
        self._mimic_fingers()
        mujoco.mj_forward(self.model, self.data)

    def images(self) -> NDArray[np.uint8]:
        """Render all cameras of the embodiment, `(C, H, W, 3)` RGB."""
        names = self.embodiment.camera_names
        pictures = np.empty((len(names), *self.image_size, 3), np.uint8)
        painter = self._renderer()
        for name, picture in zip(names, pictures, strict=True):
            painter.draw(self.data, name, picture)
        return pictures

    def image(self, camera: str, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
        """Render one camera ("overview" included), `(H, W, 3)` RGB."""
        return self._renderer().picture(self.data, camera, size or self.image_size)

    def project(self, camera: str, position: NDArray[np.float64]) -> tuple[float, float]:
        """Return where `position` (3,) appears in a camera's square image: x right, y down, the image spans -1 to 1."""
        seen = self.data.camera(camera)
        x, y, z = seen.xmat.reshape(3, 3).T @ (position - seen.xpos)  # MuJoCo's cameras look along -z, y is up
        scale = np.tan(np.radians(self.model.camera(camera).fovy[0]) / 2) * -z
        return float(x / scale), float(-y / scale)

    def truth(self) -> Truth:
        """Return the ground truth of the present moment."""
        poses = np.zeros((len(self._watched), 4, 4))
        ids = list(self._watched.values())
        poses[:, :3, :3] = self.data.xmat[ids].reshape(-1, 3, 3)
        poses[:, :3, 3] = self.data.xpos[ids]
        poses[:, 3, 3] = 1.0
        every = dict(zip(self._watched, poses, strict=True))
        tcps = {side: every.pop(f"{side}_tcp") for side in self._sides()}
        return Truth(self.stamp_ns, every, tcps, self._contacts())

    def put(self, name: str, pose: NDArray[np.float64]) -> None:
        """Set an object to `pose` (4, 4) at once, at rest; nothing else moves."""
        joint = self.model.joint(name)
        at, speed = joint.qposadr[0], joint.dofadr[0]
        quat = np.zeros(4)
        mujoco.mju_mat2Quat(quat, np.ascontiguousarray(pose[:3, :3]).reshape(9))
        self.data.qpos[at : at + 7] = [*pose[:3, 3], *quat]
        self.data.qvel[speed : speed + 6] = 0.0
        mujoco.mj_forward(self.model, self.data)

    def close(self) -> None:
        """Free the renderer's OpenGL context, if there is one."""
        if self._painter is not None:
            self._painter.close()
            self._painter = None

    def _renderer(self) -> Renderer:
        if self._painter is None:
            self._painter = Renderer(self.model)
        return self._painter

    def _sides(self) -> Sequence[str]:
        return [side for side in ("left", "right") if any(j.startswith(f"{side}_") for j in self.embodiment.joints)]

    def _contacts(self) -> frozenset[tuple[str, str]]:
        touching = set()
        for pair in self.data.contact.geom:
            first, second = self._owners[pair[0]], self._owners[pair[1]]
            for gripper, other in ((first, second), (second, first)):
                if gripper in ("left", "right") and other not in ("left", "right", ""):
                    touching.add((gripper, other))
        return frozenset(touching)

    def _mimic_fingers(self) -> None:
        for value in self.embodiment.values:
            if value.is_gripper:
                mimic = self.model.joint(value.joint.replace("joint1", "joint2"))
                self.data.qpos[mimic.qposadr[0]] = -self.data.qpos[self.model.joint(value.joint).qposadr[0]]


def _owner(body: str) -> str:
    """'left' or 'right' for the fingers, the object's name for objects, '' for everything else."""
    if "gripper_link" in body:
        return body.split("_", 1)[0]
    is_robot = body.startswith(("left_", "right_", "camera_", "base_")) and not body.endswith("bowl")
    return "" if is_robot or body == "world" else body.removesuffix("_foot")
