"""Hand-made trajectories of tools and grippers: straight ways at a constant rate, so that every fact of them is known."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from finevla_tools.annotate.trajectory import ArmTrack, Array, EpisodeTrajectory

HZ = 30.0
HOME = (0.3, 0.2, 0.3)
THING = (0.5, 0.1, 0.05)


class Player:
    """One arm's motion as it grows; positions in m, openings 0 to 1, one segment after the other."""

    def __init__(self, hz: float = HZ, start: Sequence[float] = HOME, opening: float = 1.0) -> None:
        self.hz = hz
        self.position = [np.array(start, float)]
        self.yaw = [0.0]
        self.opening = [opening]
        self.command = [opening]

    def go(self, to: Sequence[float], seconds: float = 1.0, yaw: float | None = None) -> "Player":
        """Move the tool straight to `to`, turning about the vertical to `yaw` rad."""
        count = max(2, round(seconds * self.hz))
        first, angle = self.position[-1], self.yaw[-1]
        for k in range(1, count + 1):
            share = k / count
            self.position.append(first + share * (np.array(to, float) - first))
            self.yaw.append(angle + share * ((angle if yaw is None else yaw) - angle))
            self.opening.append(self.opening[-1])
            self.command.append(self.command[-1])
        return self

    def wait(self, seconds: float = 0.5) -> "Player":
        """Stay."""
        return self.go(self.position[-1], seconds)

    def fingers(self, to: float, command: float | None = None, seconds: float = 0.4) -> "Player":
        """Move the fingers to the opening `to`; what they are told is `command`, if that is not the same."""
        count = max(2, round(seconds * self.hz))
        first = self.opening[-1]
        for k in range(1, count + 1):
            self.position.append(self.position[-1])
            self.yaw.append(self.yaw[-1])
            self.opening.append(first + k / count * (to - first))
            self.command.append(to if command is None else command)
        return self

    def approach(self, thing: Sequence[float], from_m: Sequence[float] = (0.0, 0.0, 0.1)) -> "Player":
        """Go beside a thing and then straight to it."""
        return self.go(np.array(thing) + from_m, 1.5).go(thing, 0.8).wait(0.3)

    def grasp(self, at: float = 0.4) -> "Player":
        """Close on something that is so wide."""
        return self.fingers(at, 0.0).wait(0.4)

    def release(self) -> "Player":
        """Open."""
        return self.fingers(1.0).wait(0.4)

    @property
    def end_s(self) -> float:
        """Seconds until now."""
        return (len(self.position) - 1) / self.hz

    def track(self, with_command: bool = True, noise: float = 0.0) -> ArmTrack:
        """The arm; `noise` is that of the opening, a fifth of it in metres that of the position."""
        rng = np.random.default_rng(3)
        down = Rotation.from_euler("x", np.pi)
        turned = Rotation.from_rotvec(np.outer(self.yaw, [0.0, 0.0, 1.0])) * down
        position, opening = np.array(self.position), np.array(self.opening)
        return ArmTrack(
            position=position + noise / 5 * rng.normal(size=position.shape),
            quaternion=turned.as_quat(),
            opening=opening + noise * rng.normal(size=opening.shape),
            command=np.array(self.command) if with_command else None,
            tool_axes=True,
        )


def trajectory(hz: float = HZ, is_shared: bool = True, **arms: ArmTrack) -> EpisodeTrajectory:
    """Both arms or one; the shorter one stays where it ends."""
    frames = max(_frames(arm) for arm in arms.values())
    same = {side: _longer(arm, frames) for side, arm in arms.items()}
    return EpisodeTrajectory(0, np.arange(frames) / hz, same, is_shared)


def picked_and_placed(hz: float = HZ, side_m: Sequence[float] = (0.0, 0.0, 0.1)) -> Player:
    """A thing is grasped, lifted by 0.15 m, carried 0.3 m to the right, and let go of."""
    made = Player(hz).wait().approach(THING, side_m).grasp()
    x, y, z = THING
    made.go((x, y, z + 0.15)).go((x, y - 0.3, z + 0.15), 1.5).go((x, y - 0.3, z + 0.02), 0.8).wait(0.3)
    return made.release().go((x, y - 0.3, z + 0.2)).go(HOME, 1.5).wait(1.0)


def _frames(arm: ArmTrack) -> int:
    return max(len(part) for part in (arm.position, arm.opening, arm.joints) if part is not None)


def _longer(arm: ArmTrack, frames: int) -> ArmTrack:
    def padded(part: Array | None) -> Array | None:
        return None if part is None else np.concatenate([part, np.repeat(part[-1:], frames - len(part), axis=0)])

    return ArmTrack(
        padded(arm.joints), padded(arm.position), padded(arm.quaternion), padded(arm.opening), padded(arm.command),
        arm.tool_axes,
    )  # fmt: skip
