"""Forward kinematics and inverse kinematics' Jacobians from the URDF, by Pinocchio."""

from collections.abc import Sequence

import numpy as np
import pinocchio
from numpy.typing import ArrayLike, NDArray

from finevla_core.errors import FineVLAError


class Kinematics:
    """Poses of frames for positions of the named joints; mimic joints follow, all others stay at zero.

    `ids` are the named joints' in the model; `order` and `order_v` `(D,)` are where they stand in its vectors of
    configuration and velocity.
    """

    def __init__(self, urdf: str, joints: Sequence[str]) -> None:
        self.model = pinocchio.buildModelFromXML(urdf, mimic=True)
        self.data = self.model.createData()
        self._neutral: NDArray[np.float64] = np.array(pinocchio.neutral(self.model))
        missing = [joint for joint in joints if not self.model.existJointName(joint)]
        if missing:
            raise FineVLAError(f"joint '{missing[0]}' of the robot file is not in the URDF")
        self.ids = [int(self.model.getJointId(joint)) for joint in joints]
        self.order = np.array([self.model.joints[i].idx_q for i in self.ids])
        self.order_v = np.array([self.model.joints[i].idx_v for i in self.ids])

    def frame_pose(self, positions: ArrayLike, frame: str) -> NDArray[np.float64]:
        """Pose `(4, 4)` of a frame in the root frame; `positions` `(D,)` rad or m."""
        frame_id = self._frame(frame)
        pinocchio.forwardKinematics(self.model, self.data, self.configuration(positions))
        return np.array(pinocchio.updateFramePlacement(self.model, self.data, frame_id).homogeneous)

    def jacobian(self, positions: ArrayLike, frame: str) -> NDArray[np.float64]:
        """Jacobian `(6, D)` (linear above angular) at the frame's origin, in axes of the root frame."""
        full = pinocchio.computeFrameJacobian(
            self.model, self.data, self.configuration(positions), self._frame(frame), pinocchio.LOCAL_WORLD_ALIGNED
        )
        return np.array(full[:, self.order_v])

    def configuration(self, positions: ArrayLike) -> NDArray[np.float64]:
        """The model's configuration vector for `positions` `(D,)`."""
        q = self._neutral.copy()
        q[self.order] = positions
        return q

    def _frame(self, frame: str) -> int:
        if not self.model.existFrame(frame):
            raise FineVLAError(f"frame '{frame}' is not in the URDF")
        return int(self.model.getFrameId(frame))
