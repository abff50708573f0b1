"""The four controllers in front of a vendor's driver, without ROS: states of two arms in, targets of two arms out.

Nothing is commanded before both arms have spoken and a trajectory has come; the first command starts where the arms are.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finevla_control.piper.joint_names import Names
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.joint_trajectory_controller import Point, TrajectoryController
from finevla_core.time_units import S_PER_NS
from finevla_core.urdf import UrdfLimits

PARTS = 7  # six joints and the gripper, of an arm
ARMS = ("left", "right")
# Where the bridge, too, takes what is measured for the truth rather than its own last command.
ADOPT_RAD = 0.25
LONGEST_STEP_S = 0.1  # after a pause no command may be farther from the last one than the arm gets in this time


@dataclass(frozen=True)
class Dialect:
    """How a driver speaks: topics of the left and the right arm, names in its messages, what else a command carries.

    `is_named`: values are found by name, else by place. `has_extras`: velocity[6] is the arm's speed in percent and
    effort[6] the gripper's torque in N m.
    """

    states: tuple[str, str]
    commands: tuple[str, str]
    names: tuple[str, ...]
    is_named: bool
    has_extras: bool

    def read(self, names: Sequence[str], numbers: Sequence[float]) -> list[float] | None:
        """Six joints and the gripper's opening; None if they are not all there."""
        if not self.is_named:
            return list(numbers[:PARTS]) if len(numbers) >= PARTS else None
        found = dict(zip(names, numbers, strict=False))
        return [found[name] for name in self.names] if all(name in found for name in self.names) else None


_BY_PLACE = tuple(f"joint{i}" for i in range(PARTS))
_BY_NAME = (*(f"joint{i}" for i in range(1, PARTS)), "gripper")
DIALECTS = {
    # AgileX's scripts of the Cobot Magic: the follower ("puppet") obeys what the leader's ("master") topic says.
    "puppet": Dialect(
        ("/puppet/joint_left", "/puppet/joint_right"),
        ("/master/joint_left", "/master/joint_right"),
        _BY_PLACE, is_named=False, has_extras=True,
    ),
    # piper_ros, one node per arm, remapped as its users do for two.
    "single": Dialect(
        ("/joint_states_single_l", "/joint_states_single_r"),
        ("/joint_states_l", "/joint_states_r"),
        _BY_PLACE, is_named=False, has_extras=True,
    ),
    # agx_arm_ros, one node per arm in a namespace of its own.
    "agx": Dialect(
        ("/left_arm/feedback/joint_states", "/right_arm/feedback/joint_states"),
        ("/left_arm/control/joint_states", "/right_arm/control/joint_states"),
        _BY_NAME, is_named=True, has_extras=False,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class VendorOptions:
    """Times in seconds, angles in rad; `deceleration` in rad/s^2 and m/s^2 is that of a brake.

    `doubles_gripper`: the driver takes one finger's travel and doubles it; else it takes the whole opening, as it tells it.
    """

    state_timeout_s: float = 0.2
    tolerance_rad: float = 0.6
    deceleration: float = 5.0
    doubles_gripper: bool = False


@dataclass(frozen=True)
class Felt:
    """What an arm said: its joints and its finger's travel `(7,)`, and their velocities or NaN."""

    stamp_ns: int
    now_ns: int
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]


class VendorArms:
    """Plays the controllers of the robot file; `events` is what a person should hear of."""

    def __init__(self, embodiment: Embodiment, limits: UrdfLimits, dialect: Dialect, options: VendorOptions) -> None:
        self.dialect, self.options = dialect, options
        self.joints = tuple(joint for arm in ARMS for joint in Names(f"{arm}_").commanded)
        if missing := set(embodiment.joints) ^ set(self.joints):
            raise FineVLAError(f"robot '{embodiment.name}' is no pair of Piper arms: look at '{sorted(missing)[0]}'")
        self.events: list[str] = []
        self.is_commanding = False
        self._is_lost = False
        self._felt: dict[str, Felt] = {}
        self._is_finger = np.array(["gripper" in joint for joint in self.joints])
        self._order = [embodiment.joints.index(joint) for joint in self.joints]
        self._columns = {c.name: [self.joints.index(joint) for joint in c.joints] for c in embodiment.controllers}
        self._lower, self._upper, self._fastest = (
            x[self._order] for x in (limits.lower, limits.upper, limits.velocity)
        )
        self._last, self._last_ns = np.zeros(len(self.joints)), 0
        self._controllers = {
            c.name: TrajectoryController(
                c.name, c.joints, np.zeros(len(c.joints)), self._tolerance(c.joints), period_ns=0, is_strict=True
            )
            for c in embodiment.controllers
        }

    def felt(
        self,
        arm: str,
        stamp_ns: int,
        names: Sequence[str],
        positions: Sequence[float],
        velocities: Sequence[float],
        now_ns: int,
    ) -> str:
        """A state of one arm in the driver's words; returns why it is ignored, if it is."""
        read = self.dialect.read(names, positions)
        if read is None:
            return f"state of the {arm} arm lacks joints: six and the gripper are needed, in this dialect"
        if not all(map(math.isfinite, read)):
            return f"state of the {arm} arm is not finite"
        speeds = self.dialect.read(names, velocities) or [math.nan] * PARTS
        travel = np.array([1.0] * (PARTS - 1) + [0.5])  # of one finger, from the opening that is told
        self._felt[arm] = Felt(stamp_ns or now_ns, now_ns, np.array(read) * travel, np.array(speeds) * travel)
        if self._is_lost and self.is_fresh(now_ns):
            self._found()
        if self.is_commanding and self.is_fresh(now_ns):
            self._watch(now_ns)
        return ""

    def is_fresh(self, now_ns: int) -> bool:
        """Whether both arms have spoken just now."""
        oldest_ns = min((self._felt[arm].now_ns if arm in self._felt else 0) for arm in ARMS)
        return oldest_ns > 0 and (now_ns - oldest_ns) * S_PER_NS <= self.options.state_timeout_s

    def state(self) -> tuple[int, NDArray[np.float64], NDArray[np.float64] | None] | None:
        """Stamp, positions and velocities `(D,)` in the robot file's order, the older arm's stamp; None before both spoke.

        Velocities are None where the driver gives none.
        """
        if len(self._felt) < len(ARMS):
            return None
        parts = [self._felt[arm] for arm in ARMS]
        back = np.argsort(self._order)
        velocities = np.concatenate([p.velocities for p in parts])[back]
        known = velocities if np.isfinite(velocities).all() else None
        return min(p.stamp_ns for p in parts), self._measured()[back], known

    def accept(
        self, controller: str, joints: Sequence[str], points: Sequence[Point], stamp_ns: int, now_ns: int
    ) -> None:
        """A trajectory; raises `FineVLAError` where the controller refuses it or the arms are not known."""
        if not self.is_fresh(now_ns):
            raise FineVLAError(f"{controller}: trajectory refused: no joint states of both arms")
        if not self.is_commanding:
            self._start(now_ns)
        self._controllers[controller].accept(joints, points, stamp_ns, now_ns)
        self.is_commanding = True

    def command(self, now_ns: int) -> dict[str, NDArray[np.float64]] | None:
        """Targets `(7,)` of both arms in the driver's numbers; None while nothing is to be commanded."""
        if not self.is_commanding:
            return None
        if not self._is_lost and not self.is_fresh(now_ns):
            self._is_lost = True
            self.brake(now_ns)
            self.events.append("joint states stopped coming: the arms brake and hold")
        wanted = np.empty(len(self.joints))
        for name, controller in self._controllers.items():
            wanted[self._columns[name]] = controller.sample(now_ns)
        # A second line behind the bridge, as ros2_control's: range and speed of the URDF.
        step = self._fastest * min(max((now_ns - self._last_ns) * S_PER_NS, 0.0), LONGEST_STEP_S)
        self._last = np.clip(np.clip(wanted, self._last - step, self._last + step), self._lower, self._upper)
        self._last_ns = now_ns
        opening = 1.0 if self.options.doubles_gripper else 2.0
        return dict(zip(ARMS, np.split(self._last * np.where(self._is_finger, opening, 1.0), len(ARMS)), strict=True))

    def brake(self, now_ns: int) -> None:
        """All joints to rest from where they are commanded."""
        for controller in self._controllers.values():
            controller.brake(np.full(len(controller.joints), self.options.deceleration), now_ns)

    def _measured(self) -> NDArray[np.float64]:
        return np.concatenate([self._felt[arm].positions for arm in ARMS])

    def _tolerance(self, joints: Sequence[str]) -> list[float]:
        """Fingers around an object stay away from where they were told to be."""
        return [0.0 if "gripper" in joint else self.options.tolerance_rad for joint in joints]

    def _start(self, now_ns: int) -> None:
        self._last, self._last_ns = np.clip(self._measured(), self._lower, self._upper), now_ns
        for name, controller in self._controllers.items():
            controller.hold(self._last[self._columns[name]])

    def _watch(self, now_ns: int) -> None:
        measured = self._measured()
        for name, controller in self._controllers.items():
            if text := controller.watch(measured[self._columns[name]], now_ns):
                self.events.append(text)

    def _found(self) -> None:
        """States are back: go on holding, unless the arms are elsewhere; then wait for a trajectory as at the start."""
        self._is_lost = False
        gap = abs(self._measured() - self._last) * ~self._is_finger
        if gap.max() > ADOPT_RAD:
            self.is_commanding = False
            self.events.append("the arms are not where they were commanded to be: nothing is commanded until told anew")
        else:
            self.events.append("joint states are back: holding")
