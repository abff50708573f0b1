"""What a robot may do, per value: the URDF's limits and the robot file's, narrowed by an operational file, never widened."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError, quoted, unknown
from finevla_core.urdf import joint_limits

TURN = 2 * np.pi  # no zero is set wrong by more: what an encoder says beyond that is its fault and no pose
MOST_STOP_S = 5.0  # from the highest speed that a safety file allows: a stop that takes longer is none
NARROWED = ("lower", "upper", "velocity", "acceleration", "jerk")


@dataclass(frozen=True)
class Limits:
    """Each `(D,)` float64 in values (rad, grippers 0...1), and per second, per second squared and cubed.

    `margin` is how far from `lower` and `upper` targets must stay; the motion between targets may use it.
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    margin: NDArray[np.float64]
    velocity: NDArray[np.float64]
    acceleration: NDArray[np.float64]
    jerk: NDArray[np.float64]
    is_gripper: NDArray[np.bool_]

    @property
    def slack(self) -> NDArray[np.float64]:
        """How far beyond a position limit still counts as at it: 0.1 mrad for joints, 1 mm of travel for grippers.

        A gripper that a new chunk turns round beside an end overshoots it by some hundredths of a millimetre. Cutting that
        off would be a corner in the command, and fingers that are closed feel no such distance.
        """
        return np.where(self.is_gripper, 0.02, 1e-4)

    def incredible(self, measured: NDArray[np.float64]) -> int | None:
        """Index of a value in `measured` `(D,)` that no joint in order can have, not even with its zero set wrong."""
        is_credible = (measured > self.lower - TURN) & (measured < self.upper + TURN)  # NaN is neither
        return None if is_credible.all() else int(is_credible.argmin())


def robot_limits(embodiment: Embodiment, urdf: str) -> Limits:
    """Limits of the URDF and of the robot file, in values, with no margin."""
    hard = joint_limits(urdf, embodiment.joints)
    span = abs(np.array([v.one - v.zero for v in embodiment.values]))
    ends = np.sort([embodiment.to_values(hard.lower), embodiment.to_values(hard.upper)], axis=0)
    return Limits(
        lower=ends[0],
        upper=ends[1],
        margin=np.zeros(len(span)),
        velocity=hard.velocity / span,
        acceleration=np.array(embodiment.max_acceleration) / span,
        jerk=np.array(embodiment.max_jerk) / span,
        is_gripper=np.array([v.is_gripper for v in embodiment.values]),
    )


def tightened(
    limits: Limits, names: tuple[str, ...], entries: Mapping[str, Mapping[str, Any]], margin: float
) -> Limits:
    """`limits` narrowed by `entries` (value -> limit -> number) and with `margin` (rad) for the joints.

    Raises `FineVLAError` for a value or limit that does not exist, and for one that is looser than the robot's.
    """
    narrowed = {what: getattr(limits, what).copy() for what in NARROWED}
    if not isinstance(entries, Mapping):
        raise FineVLAError("'values' must name values and their limits, as 'left_joint1: {velocity: 1.5}'")
    for value, changes in entries.items():
        if value not in names:
            raise FineVLAError(unknown("value", value, names))
        if not isinstance(changes, Mapping):
            raise FineVLAError(f"'{value}' must be followed by its limits, as '{{velocity: 1.5}}'")
        for what, number in changes.items():
            if what not in narrowed:
                raise FineVLAError(f"'{value}': {unknown('limit', what, NARROWED)}")
            _narrow(narrowed[what], names.index(value), what, plain_number(number, f"'{value}': {what}"), value)
    if margin < limits.margin.max():
        raise FineVLAError(f"margin_rad {margin} is looser than {limits.margin.max()}; it can only be tightened")
    result = replace(limits, **narrowed, margin=np.where(limits.is_gripper, 0.0, margin))
    room = result.upper - result.lower - 2 * result.margin
    if (room <= 0).any():
        raise FineVLAError(f"'{names[int(room.argmin())]}' is left no room between lower and upper")
    stop_s = (result.velocity / result.acceleration + result.acceleration / result.jerk) * ~result.is_gripper
    if stop_s.max() > MOST_STOP_S:
        i = int(stop_s.argmax())
        text = f"'{names[i]}' would need {stop_s[i]:.3g} s to stop from {result.velocity[i]:.3g} rad/s"
        raise FineVLAError(
            f"{text}, {MOST_STOP_S:g} s are allowed: give it more acceleration and jerk, or less velocity"
        )
    return result


def plain_number(value: object, what: str) -> float:
    """Return what a person wrote as a number; raises `FineVLAError` for anything else, yes and no among it."""
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        with contextlib.suppress(ValueError, OverflowError):
            return float(value)
    raise FineVLAError(f"{what} is no number: {quoted(str(value)[:1000])}")


def _narrow(values: NDArray[np.float64], index: int, what: str, number: float, value: str) -> None:
    old = float(values[index])
    looser = number < old if what == "lower" else number > old
    if not np.isfinite(number) or (what not in ("lower", "upper") and number <= 0):
        what_it_is = "finite" if what in ("lower", "upper") else "finite and above 0"
        raise FineVLAError(f"'{value}': {what} is {number}; it must be {what_it_is}")
    if looser:
        raise FineVLAError(f"'{value}': {what} {number} is looser than the robot's {old:.4g}; it can only be tightened")
    values[index] = number
