"""What the controllers say that they hold: the reference that each of them tells, as joint_trajectory_controller does.

An arm sags and lags, so what is measured is not what its controller holds; a motion begins at the latter.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.safety.limits import Limits
from finevla_core.safety.publisher_monitor import CounterWatch
from finevla_core.time_units import S_PER_NS

FRESH_S = 0.5  # a controller tells its reference each cycle; on a busy machine with gaps of up to 0.57 s (measured)
NOW_S = 0.1  # of arms in motion it tells something for so long
REST_RAD_S = 1e-3


@dataclass(frozen=True)
class _Told:
    heard_ns: int
    positions: dict[str, float]
    is_at_rest: bool
    has_speed: bool


class ControllerReferences:
    """The newest reference of each controller, by the steady clock.

    Arms measured more than `reach_rad` from theirs do not sag: one of the two is wrong, or something holds the arm.
    """

    def __init__(self, embodiment: Embodiment, limits: Limits, reach_rad: float, steady_ns: Callable[[], int]) -> None:
        self.embodiment, self.limits, self.reach_rad, self._steady_ns = embodiment, limits, reach_rad, steady_ns
        self._joints = {c.name: c.joints for c in embodiment.controllers}
        self._told: dict[str, _Told] = {}
        self._counters = {c.name: CounterWatch(steady_ns) for c in embodiment.controllers}

    def note(
        self,
        controller: str,
        joints: Sequence[str],
        positions: Sequence[float],
        velocities: Sequence[float] = (),
        number: int = 0,
    ) -> None:
        """Take in a controller's reference, joint positions (rad, m) and velocities; `number` is what DDS counts it as.

        One that does not name just its own joints, or is not finite, makes the reference unknown.
        """
        is_whole = sorted(joints) == sorted(self._joints[controller]) and len(positions) == len(joints)
        is_double = self._counters[controller].note(number)
        if not is_whole or is_double or not np.isfinite([*positions, *velocities]).all():
            self._told.pop(controller, None)
            return
        is_at_rest = max(map(abs, velocities), default=0.0) < REST_RAD_S
        places = dict(zip(joints, map(float, positions), strict=True))
        self._told[controller] = _Told(self._steady_ns(), places, is_at_rest, len(velocities) > 0)

    def forget(self) -> None:
        """Somebody told a controller something: what they said before is over."""
        self._told.clear()

    def held(self) -> NDArray[np.float64] | None:
        """What all controllers hold `(D,)`; None if one of them moves, or did not tell it just now."""
        now_ns, places = self._steady_ns(), dict[str, float]()
        for controller in self._joints:
            told = self._told.get(controller)
            if told is None or not told.is_at_rest or (now_ns - told.heard_ns) * S_PER_NS > FRESH_S:
                return None
            places |= told.positions
        if not all(joint in places for joint in self.embodiment.joints):
            return None
        return self.embodiment.to_values([places[joint] for joint in self.embodiment.joints])

    def resting(self) -> dict[str, dict[str, float]]:
        """Which controllers say just now that they do not move, by name: the positions (rad, m) of their joints."""
        now_ns = self._steady_ns()
        return {
            controller: told.positions
            for controller, told in self._told.items()
            if told.has_speed and told.is_at_rest and (now_ns - told.heard_ns) * S_PER_NS < NOW_S
        }

    def why_far(self, measured: NDArray[np.float64]) -> str:
        """Return why nothing may begin where arms are measured at `measured` `(D,)`, "" if the references are near or unknown.

        Grippers may hold something, and be far from theirs.
        """
        if (held := self.held()) is None:
            return ""
        gap = (measured - held) * ~self.limits.is_gripper
        i = int(abs(gap).argmax())
        if abs(gap[i]) <= self.reach_rad:
            return ""
        return (
            f"{self.embodiment.names[i]} is measured {gap[i]:+.2f} rad from where its controller holds it; see what keeps"
            " the arm away, or deactivate and activate its controllers, so that they hold it where it is"
        )
