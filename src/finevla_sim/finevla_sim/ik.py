"""Joint values for gripper poses, by mink on the robot-only MuJoCo model; one arm moves, everything else stays."""

from pathlib import Path

import mink
import mujoco
import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_sim.model import robot_urdf

# Position matters, orientation yields: far objects are grasped with a tilted wrist rather than missed.
POSITION_COST, ORIENTATION_COST = 1.0, 0.08
STEP_S = 0.1


class ArmIK:
    """Inverse kinematics of one arm's tool centre point; keeps no state between calls."""

    def __init__(self, embodiment: Embodiment, urdf_path: Path) -> None:
        spec = mujoco.MjSpec.from_string(robot_urdf(urdf_path))
        for equality in list(spec.equalities):
            spec.delete(equality)  # fingers play no part here
        self.model = spec.compile()
        self.embodiment = embodiment
        self.configuration = mink.Configuration(self.model)
        self._q = np.array([self.model.joint(joint).qposadr[0] for joint in embodiment.joints])
        self._range = np.array([self.model.joint(joint).range for joint in embodiment.joints]).T
        self._limits = [mink.ConfigurationLimit(self.model, gain=0.9)]

    def solve(
        self, values: NDArray[np.float64], side: str, pose: NDArray[np.float64], iterations: int
    ) -> NDArray[np.float64]:
        """Values `(D,)` that bring `side`'s tcp towards `pose` (4, 4), starting from `values`."""
        arm = np.array([v.name.startswith(side) and not v.is_gripper for v in self.embodiment.values])
        q = np.zeros(self.model.nq)
        q[self._q] = self.embodiment.to_positions(values)
        self.configuration.update(q)
        task = mink.FrameTask(f"{side}_tcp", "body", POSITION_COST, ORIENTATION_COST, lm_damping=1e-3)
        task.set_target(mink.SE3.from_matrix(pose))
        for _ in range(iterations):
            velocity = mink.solve_ik(self.configuration, [task], STEP_S, "daqp", damping=1e-4, limits=self._limits)
            self.configuration.integrate_inplace(velocity, STEP_S)
        solved = self.embodiment.to_values(self.configuration.q[self._q])
        return np.where(arm, solved, values)

    def clipped(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values `(D,)` cut to the joints' limits."""
        return self.embodiment.to_values(np.clip(self.embodiment.to_positions(values), *self._range))

    def tcp(self, values: NDArray[np.float64], side: str) -> NDArray[np.float64]:
        """Pose `(4, 4)` of `side`'s tcp."""
        q = np.zeros(self.model.nq)
        q[self._q] = self.embodiment.to_positions(values)
        self.configuration.update(q)
        return np.array(self.configuration.get_transform_frame_to_world(f"{side}_tcp", "body").as_matrix())


def grasp_pose(position: NDArray[np.float64], base_xy: tuple[float, float], tilt_rad: float) -> NDArray[np.float64]:
    """Gripper pose over `position` `(3,)`: fingers down, tilted outwards by `tilt_rad`, turned towards the arm's base."""
    radial = np.array([position[0] - base_xy[0], position[1] - base_xy[1], 0.0])
    radial /= np.linalg.norm(radial)
    z = np.cos(tilt_rad) * np.array([0.0, 0.0, -1.0]) + np.sin(tilt_rad) * radial
    x = -np.cos(tilt_rad) * radial - np.sin(tilt_rad) * np.array([0.0, 0.0, 1.0])
    pose = np.eye(4)
    pose[:3, :3] = np.column_stack([x, np.cross(z, x), z])
    pose[:3, 3] = position
    return pose
