"""From joint states to link poses, as `robot_state_publisher` does it: which states count, and how often a pose is told."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from finevla_core.errors import quoted
from finevla_core.robot_description import DescribedJoint, JointTransforms, MovingJoints
from finevla_core.time_units import S_PER_NS

# A stamp that is older than the last one by less came late, or again; by more its clock was set, or a bag starts anew.
SET_BACK_S = 1.0
FARTHEST = 1e6  # rad or m: no joint gets there, and of 1e300 rad there is no quaternion


@dataclass(frozen=True)
class StateRefusal:
    """Why a joint state was passed over: a `kind` to count it by, and a sentence."""

    kind: str
    text: str


class RobotState:
    """Judges joint states and gives the poses that are due.

    Each joint's link is told `frequency_hz` times a second at most, by the steady clock: whatever anybody sends, that
    bounds what goes out. `refused` counts by kind what was passed over.
    """

    def __init__(self, joints: Mapping[str, DescribedJoint], frequency_hz: float) -> None:
        self._moving = MovingJoints(joints)
        self._names = frozenset(self._moving.names)
        self._interval_ns = round(1.0 / (frequency_hz * S_PER_NS))
        self._told_ns: dict[str, int] = {}  # by joint, on the steady clock
        self._stamps_ns: dict[str, int] = {}
        self.refused: Counter[str] = Counter()
        self.told = 0

    def on_joint_state(
        self, stamp_ns: int, names: Sequence[str], positions: Sequence[float], steady_ns: int
    ) -> JointTransforms | StateRefusal | None:
        """The poses to publish with the state's own stamp, None if none are due, or why the state is passed over."""
        if refusal := self._refusal(names, positions):
            self.refused[refusal.kind] += 1
            return refusal
        known = [(name, position) for name, position in zip(names, positions, strict=True) if name in self._names]
        if all(steady_ns - self._told_ns.get(name, -self._interval_ns) < self._interval_ns for name, _ in known):
            return None
        newest_ns = max(self._stamps_ns.get(name, -1) for name, _ in known)
        if newest_ns >= 0 and 0 <= (newest_ns - stamp_ns) * S_PER_NS < SET_BACK_S:
            return None
        for name, _ in known:
            self._told_ns[name], self._stamps_ns[name] = steady_ns, stamp_ns
        self.told += 1
        return self._moving.transforms(dict(known))

    def _refusal(self, names: Sequence[str], positions: Sequence[float]) -> StateRefusal | None:
        if len(names) != len(positions):
            return StateRefusal("length", f"it has {len(names)} names and {len(positions)} positions")
        if len(set(names)) != len(names):
            twice = Counter(names).most_common(1)[0][0]
            return StateRefusal("twice", f"it names joint {quoted(twice)} twice")
        for name, position in zip(names, positions, strict=True):
            if name in self._names and not abs(position) <= FARTHEST:  # NaN is not
                return StateRefusal("finite", f"it says {position} of joint {quoted(name)}")
        if self._names.isdisjoint(names):
            return StateRefusal("unknown", f"none of its {len(names)} joints is in robot_description")
        return None
