"""Joint values for gripper poses, by damped least squares on the robot-only MuJoCo model; one arm moves, the rest stays.

A general solver (mink, a QP per iteration) did the same at a tenth of the speed, and plans are made by the hundred thousand.
"""

from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_sim.mujoco_model import robot_urdf

# Position matters, orientation yields: far objects are grasped with a tilted wrist rather than missed.
POSITION_COST, ORIENTATION_COST = 1.0, 0.08
DAMPING = 1e-5
MAX_STEP_RAD = 0.3  # per iteration: the model is linear only nearby
LIMIT_MARGIN_RAD = 0.035  # inside the safety gate's margin (config/safety), with room for splines through the solutions


class ArmIK:
    """Inverse kinematics of one arm's tool centre point; keeps no state between calls."""

    def __init__(self, embodiment: Embodiment, urdf_path: Path) -> None:
        spec = mujoco.MjSpec.from_string(robot_urdf(urdf_path))
        for equality in list(spec.equalities):
            spec.delete(equality)  # fingers play no part here
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self.embodiment = embodiment
        self._q = np.array([self.model.joint(joint).qposadr[0] for joint in embodiment.joints])
        self._dof = np.array([self.model.joint(joint).dofadr[0] for joint in embodiment.joints])
        self._range = np.array([self.model.joint(joint).range for joint in embodiment.joints]).T
        self._body = {side: self.model.body(f"{side}_tcp").id for side in ("left", "right") if self._has(side)}
        self._arm = {
            side: np.flatnonzero([v.name.startswith(side) and not v.is_gripper for v in embodiment.values])
            for side in self._body
        }
        self._jacobian = np.zeros((6, self.model.nv))

    def solve(
        self, values: NDArray[np.float64], side: str, pose: NDArray[np.float64], iterations: int
    ) -> NDArray[np.float64]:
        """Return values `(D,)` that bring `side`'s tcp towards `pose` (4, 4), starting from `values`."""
        arm, body = self._arm[side], self._body[side]
        columns = self._dof[arm]
        lower, upper = self._range[0, arm] + LIMIT_MARGIN_RAD, self._range[1, arm] - LIMIT_MARGIN_RAD
        positions = np.array(self.embodiment.to_positions(values))
        for _ in range(iterations):
            self._forward(positions)
            error = self._error(body, pose)
            if np.linalg.norm(error) < 1e-5:
                break
            mujoco.mj_jacBody(self.model, self.data, self._jacobian[:3], self._jacobian[3:], body)
            jacobian = self._jacobian[:, columns].copy()
            jacobian[:3] *= POSITION_COST
            jacobian[3:] *= ORIENTATION_COST
            normal = jacobian.T @ jacobian
            normal[np.diag_indices(len(arm))] += DAMPING
            step = np.linalg.solve(normal, jacobian.T @ error)
            step *= min(1.0, MAX_STEP_RAD / max(float(abs(step).max()), 1e-9))
            positions[arm] = np.clip(positions[arm] + step, lower, upper)
        solved = np.array(values, float)
        solved[arm] = self.embodiment.to_values(positions)[arm]
        return solved

    def clipped(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Clip values `(..., D)` to the joint limits, arm joints with a margin."""
        margin = np.array([0.0 if value.is_gripper else LIMIT_MARGIN_RAD for value in self.embodiment.values])
        lower, upper = self._range[0] + margin, self._range[1] - margin
        return self.embodiment.to_values(np.clip(self.embodiment.to_positions(values), lower, upper))

    def tcp(self, values: NDArray[np.float64], side: str) -> NDArray[np.float64]:
        """Return the pose `(4, 4)` of `side`'s tcp in the base frame."""
        self._forward(self.embodiment.to_positions(values))
        pose = np.eye(4)
        pose[:3, :3] = self.data.xmat[self._body[side]].reshape(3, 3)
        pose[:3, 3] = self.data.xpos[self._body[side]]
        return pose

    def _has(self, side: str) -> bool:
        return any(joint.startswith(f"{side}_") for joint in self.embodiment.joints)

    def _forward(self, positions: NDArray[np.float64]) -> None:
        self.data.qpos[self._q] = positions
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_comPos(self.model, self.data)

    def _error(self, body: int, pose: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weighted difference `(6,)` of position and orientation (the antisymmetric part of the rotation between)."""
        turn = pose[:3, :3] @ self.data.xmat[body].reshape(3, 3).T
        error = np.empty(6)
        error[:3] = POSITION_COST * (pose[:3, 3] - self.data.xpos[body])
        error[3] = turn[2, 1] - turn[1, 2]
        error[4] = turn[0, 2] - turn[2, 0]
        error[5] = turn[1, 0] - turn[0, 1]
        error[3:] *= 0.5 * ORIENTATION_COST
        return error


def grasp_pose(
    position: NDArray[np.float64], base_xy: tuple[float, float], tilt_rad: float, turn_rad: float = 0.0
) -> NDArray[np.float64]:
    """Return a gripper pose over `position` `(3,)`: fingers down, tilted outwards by `tilt_rad`, away from the arm.

    `turn_rad` turns it about its own pointing axis, counterclockwise seen from above.
    """
    radial = np.array([position[0] - base_xy[0], position[1] - base_xy[1], 0.0])
    radial /= np.linalg.norm(radial)
    z = np.cos(tilt_rad) * np.array([0.0, 0.0, -1.0]) + np.sin(tilt_rad) * radial
    x = -np.cos(tilt_rad) * radial - np.sin(tilt_rad) * np.array([0.0, 0.0, 1.0])
    y = np.cross(z, x)
    cos, sin = np.cos(-turn_rad), np.sin(-turn_rad)
    pose = np.eye(4)
    pose[:3, :3] = np.column_stack([cos * x + sin * y, cos * y - sin * x, z])
    pose[:3, 3] = position
    return pose
