"""The unit of a recording's joint angles: rad by ROS's rules, else what the user says; what is no angle in it is refused."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted

RAD = "rad"
UNITS = {RAD: 1.0, "deg": np.pi / 180, "mdeg": np.pi / 180_000}  # rad in one of them
AUTO = "auto"  # rad where that can be, else found by the range of all episodes or asked for
JOINT_UNITS = (AUTO, *UNITS)
MOST_RAD = 7.0  # a joint reads no more
MOST_OPEN, OPEN_TOLD = (
    3.0,
    0.02,
)  # of the gripper's whole opening: beyond 0 to 1 no gripper reads so; is told from here on
BLOCK = 512  # readings counted at a time
SHARE = 0.05  # of the readings: fewer are damage, which is told


class Angles:
    """Turns a robot's values with joints in `unit` into those with joints in rad."""

    def __init__(self, robot: Embodiment, unit: str) -> None:
        self._robot = robot
        self._factor = UNITS[RAD if unit == AUTO else unit]
        self._is_joint = np.array([not value.is_gripper for value in robot.values])

    def in_rad(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `values` `(..., D)` of the robot with their joints in rad."""
        if self._factor == 1.0:
            return values
        positions = self._robot.to_positions(values)
        return self._robot.to_values(np.where(self._is_joint, positions * self._factor, positions))

    def turned(self, joints: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return readings of joints alone in rad; bit for bit where they are."""
        return joints if self._factor == 1.0 else (joints.astype(np.float64) * self._factor).astype(np.float32)

    def joints_in_rad(self, joints: Sequence[str], positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return positions `(N, joints)` of the joints of these names, rad and m."""
        if self._factor == 1.0:
            return positions
        turning = {joint for joint, is_joint in zip(self._robot.joints, self._is_joint, strict=True) if is_joint}
        return np.asarray(positions * [self._factor if joint in turning else 1.0 for joint in joints])


class RangeCheck:
    """Counts what no robot reads in the values of a recording's streams."""

    def __init__(self, robot: Embodiment) -> None:
        self._robot, self._names = robot, robot.names
        self._is_joint = np.array([not value.is_gripper for value in robot.values])
        self._waiting: dict[str, list[NDArray[np.float64]]] = {}
        self._seen: Counter[str] = Counter()
        self._beyond: Counter[tuple[str, bool]] = Counter()
        self._worst: dict[tuple[str, bool], tuple[float, str]] = {}
        self._low, self._high = np.zeros(len(self._names)), np.ones(len(self._names))

    def add(self, stream: str, values: NDArray[np.float64]) -> None:
        """Take in one reading `(D,)` of a stream, NaN where another stream has the values."""
        waiting = self._waiting.setdefault(stream, [])
        waiting.append(values)
        if len(waiting) == BLOCK:
            self._count(stream)

    def add_command(self, stream: str, joints: Sequence[str], positions: NDArray[np.float64]) -> None:
        """Take in a command: positions `(points, joints)` of these joints, rad and m."""
        whole = np.full((len(positions), len(self._names)), np.nan)
        whole[:, [self._robot.joints.index(joint) for joint in joints]] = positions
        values = self._robot.to_values(whole)
        self.add(stream, values[np.nan_to_num(np.abs(values)).max(axis=1).argmax()])

    def _count(self, stream: str) -> None:
        rows = np.array(self._waiting.pop(stream))
        size = np.nan_to_num(np.abs(rows))
        self._seen[stream] += len(rows)
        for is_joint, most in ((True, MOST_RAD), (False, MOST_OPEN)):
            mine = np.where(self._is_joint == is_joint, size, 0.0)
            if (beyond := (mine > most).any(axis=1)).any():
                self._beyond[stream, is_joint] += int(beyond.sum())
                worst = self._names[int(mine.max(axis=0).argmax())]
                was = self._worst.get((stream, is_joint), (0.0, ""))
                self._worst[stream, is_joint] = max(was, (float(mine.max()), worst))
        self._low = np.fmin(self._low, np.fmin.reduce(rows))
        self._high = np.fmax(self._high, np.fmax.reduce(rows))

    def notes(self) -> list[str]:
        """What is odd in words; raises `FineVLAError` where so much is no angle or opening that it must be of other units."""
        for stream in list(self._waiting):
            self._count(stream)
        said = []
        for (stream, is_joint), count in self._beyond.items():
            worst, name = self._worst[stream, is_joint]
            if count <= SHARE * self._seen[stream]:
                kind = f"{counted(count, 'message')} of {stream}"
                said.append(f"{kind} read beyond what a robot can, as {worst:.4g} of {name}; they may be damaged")
            elif is_joint:
                raise FineVLAError(
                    f"{stream} reads up to {worst:.4g} of {name}, which is no angle in rad; say what it is by "
                    "--joint-unit deg, or mdeg (thousandths of a degree)"
                )
            else:
                raise FineVLAError(
                    f"{stream} reads up to {worst:.4g} times the whole opening of {name} by the robot file; write there "
                    "what the joint reads when it is closed and open ('zero:' and 'one:'), and give it by --robot"
                )
        if said:
            return said
        for k in np.flatnonzero(~self._is_joint):
            if self._low[k] < -OPEN_TOLD or self._high[k] > 1 + OPEN_TOLD:
                ends = f"{min(0.0, self._low[k]):.3f} to {self._high[k]:.3f}"
                said.append(f"{self._names[k]} goes beyond 0 to 1: {ends}; it is not cut")
        return said
