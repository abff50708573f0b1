"""An arm's joints as ros2_control names them: two fingers of half the opening each, the second one mirrored."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from finevla_control.piper.feedback import ArmState
from finevla_core.errors import FineVLAError


@dataclass(frozen=True)
class Command:
    """Six joints in rad and the gripper's total opening in m."""

    positions: tuple[float, ...]
    width_m: float


@dataclass(frozen=True)
class Names:
    """Joint names of the arm with `prefix`, e.g. `left_`, in the order in which states are published."""

    prefix: str

    def __post_init__(self) -> None:
        if not self.prefix.endswith("_") or not self.prefix[:-1].isidentifier():
            raise FineVLAError(
                f"parameter 'prefix' is '{self.prefix}'; give the arm's prefix of joint names: left_ or right_"
            )

    @property
    def arm(self) -> str:
        """Topics of the arm live under this name."""
        return f"{self.prefix}arm"

    @property
    def commanded(self) -> tuple[str, ...]:
        """Six joints and the driven finger."""
        return (*(f"{self.prefix}joint{i}" for i in range(1, 7)), f"{self.prefix}gripper_joint1")

    @property
    def all(self) -> tuple[str, ...]:
        """What is commanded, and the finger that mirrors the driven one."""
        return (*self.commanded, f"{self.prefix}gripper_joint2")

    def state(self, state: ArmState) -> tuple[list[float], list[float], list[float]]:
        """Positions, velocities and efforts in the order of `all`."""
        travel, speed, effort = state.width_m / 2, state.width_velocity / 2, state.gripper_effort
        return (
            [*state.positions, travel, -travel],
            [*state.velocities, speed, -speed],
            [*state.efforts, effort, effort],
        )

    def command(self, names: Sequence[str], positions: Sequence[float]) -> Command:
        """A JointState's names and positions as a command; raises `FineVLAError` for anything but the whole arm.

        ros2_control's topic hardware names the mirrored finger too, last and without a position.
        """
        extra = names[len(positions) :]
        if any(name != self.all[-1] for name in extra) or len(positions) > len(names):
            raise FineVLAError(f"command has {len(names)} names but {len(positions)} positions")
        given = dict(zip(names, positions, strict=False))
        if missing := [name for name in self.commanded if name not in given]:
            raise FineVLAError(f"command lacks {', '.join(missing)}; the whole arm is commanded at once")
        if unknown := [name for name in names if name not in self.all]:
            raise FineVLAError(f"command has joint '{unknown[0]}', which is not of this arm")
        if len(set(names)) != len(names):
            raise FineVLAError("command names a joint twice")
        values = [float(given[name]) for name in self.commanded]
        if not all(map(math.isfinite, values)):
            raise FineVLAError(
                "command has a position that is not a number (a controller that is not active sends that)"
            )
        return Command(tuple(values[:6]), 2 * values[6])
