"""Joint values for a pose of a gripper: damped least squares (Nakamura & Hanafusa 1986) from many places, the nearest allowed.

Only the arm that carries the frame moves; its gripper's fingers do not.
"""

from collections.abc import Callable

import numpy as np
import pinocchio
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError, unknown
from finevla_core.kinematics import Kinematics
from finevla_core.safety.limits import Limits

GUESSES = 60  # random places to start from, beside where the arm is and the robot's poses
ITERATIONS = 80
# The damping falls with the error (Sugihara 2011): far away it keeps steps small, near the end it does not slow them down.
DAMPING, LEAST_DAMPING = 1e-2, 1e-8
MAX_STEP_RAD = 0.3  # per iteration: the Jacobian is true only nearby
THERE_M, THERE_RAD = 5e-4, 5e-3
SAME_RAD = 1e-2
SEED = 1


class InverseKinematics:
    """`solve(frame, pose, start)` for one robot; not thread-safe."""

    def __init__(self, embodiment: Embodiment, urdf: str, limits: Limits) -> None:
        self.embodiment, self.limits = embodiment, limits
        self._kinematics = Kinematics(urdf, embodiment.joints)
        self._scale = embodiment.to_velocities(np.ones(len(embodiment.names)))
        self._lower, self._upper = limits.lower + limits.margin, limits.upper - limits.margin

    @property
    def frames(self) -> tuple[str, ...]:
        """Frames that an arm moves: those of tools first, what a goal may name."""
        moved = [frame.name for frame in self._kinematics.model.frames if frame.parentJoint]
        return tuple([name for name in moved if name.endswith("_tcp")] or moved)

    def solve(
        self,
        frame: str,
        pose: NDArray[np.float64],
        start: NDArray[np.float64],
        why_not: Callable[[NDArray[np.float64]], str],
    ) -> NDArray[np.float64]:
        """Values `(D,)` with `frame` at `pose` (4, 4; root frame, metres): of all found and allowed the nearest to `start`.

        Raises `FineVLAError` with one sentence if the arm cannot reach that, or only where `why_not` has something to say.
        """
        if frame not in self.frames:
            raise FineVLAError(unknown("frame", frame, self.frames))
        target, joints = pinocchio.SE3(pose), self._joints(frame)
        nearest = (np.inf, np.inf)
        found: list[NDArray[np.float64]] = []
        for guess in self._guesses(start, joints):
            values, missed = self._descend(frame, target, guess, joints)
            if missed[0] < THERE_M and missed[1] < THERE_RAD:
                if not any(abs(values - other).max() < SAME_RAD for other in found):
                    found.append(values)
            elif not found:
                nearest = min(nearest, missed)
        x, y, z = pose[:3, 3]
        if not found:
            raise FineVLAError(
                f"{frame} cannot be at ({x:.3f}, {y:.3f}, {z:.3f}) m in that orientation; the nearest that was found misses by "
                f"{nearest[0] * 1e3:.0f} mm and {np.degrees(nearest[1]):.0f} degrees"
            )
        found.sort(key=lambda values: float(abs(values - start).max()))
        reasons = []
        for values in found:
            reasons.append(why_not(values))
            if not reasons[-1]:
                return values
        raise FineVLAError(f"{frame} at ({x:.3f}, {y:.3f}, {z:.3f}) m is not allowed: {reasons[0]}")

    def _joints(self, frame: str) -> NDArray[np.int64]:
        middle = self.embodiment.to_positions((self._lower + self._upper) / 2)
        moves = abs(self._kinematics.jacobian(middle, frame)).max(0) > 1e-9
        return np.flatnonzero(moves & ~self.limits.is_gripper)

    def _guesses(self, start: NDArray[np.float64], joints: NDArray[np.int64]) -> list[NDArray[np.float64]]:
        rng = np.random.default_rng(SEED)
        guesses = [start.copy()]
        for pose in self.embodiment.poses:
            guesses.append(np.where(self.limits.is_gripper, start, self.embodiment.moved(start, pose.name)))
        for _ in range(GUESSES):
            guess = start.copy()
            guess[joints] = rng.uniform(self._lower[joints], self._upper[joints])
            guesses.append(guess)
        others = np.setdiff1d(np.arange(len(start)), joints)
        for guess in guesses:
            guess[others] = start[others]
        return guesses

    def _descend(
        self, frame: str, target: pinocchio.SE3, guess: NDArray[np.float64], joints: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], tuple[float, float]]:
        values = guess.copy()
        values[joints] = np.clip(values[joints], self._lower[joints], self._upper[joints])
        missed = (np.inf, np.inf)
        for _ in range(ITERATIONS):
            positions = self.embodiment.to_positions(values)
            here = pinocchio.SE3(self._kinematics.frame_pose(positions, frame))
            error = np.concatenate(
                [target.translation - here.translation, pinocchio.log3(target.rotation @ here.rotation.T)]
            )
            missed = float(np.linalg.norm(error[:3])), float(np.linalg.norm(error[3:]))
            if missed[0] < THERE_M / 10 and missed[1] < THERE_RAD / 10:
                break
            jacobian = self._kinematics.jacobian(positions, frame)[:, joints] * self._scale[joints]
            low, high = self._lower[joints] - values[joints], self._upper[joints] - values[joints]
            values[joints] += _step(jacobian, error, low, high)
        return values, missed


def _step(
    jacobian: NDArray[np.float64], error: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Towards less error within `low` and `high`; what a joint at its limit cannot do, the others try to."""
    damping = (DAMPING * float(error @ error) + LEAST_DAMPING) * np.eye(6)
    step: NDArray[np.float64] = np.zeros(len(low))
    is_free = np.ones(len(low), bool)
    for _ in range(3):
        j = jacobian[:, is_free]
        step[is_free] = j.T @ np.linalg.solve(j @ j.T + damping, error - jacobian @ (step * ~is_free))
        step *= min(1.0, MAX_STEP_RAD / max(float(abs(step).max()), 1e-12))
        is_over = is_free & ((step < low) | (step > high))
        step = np.clip(step, low, high)
        is_free &= ~is_over
        if not is_over.any() or not is_free.any():
            break
    return step
