"""What a robot may do, per value: the URDF's limits, tightened by the robot file and by an operational limits file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.urdf import joint_limits


@dataclass(frozen=True)
class Limits:
    """Each `(D,)` float64 in values (rad, grippers 0...1), per second and per second squared."""

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    velocity: NDArray[np.float64]
    acceleration: NDArray[np.float64]
    is_gripper: NDArray[np.bool_]

    @property
    def slack(self) -> NDArray[np.float64]:
        """How far beyond a position limit still counts as at it: 0.1 mrad for joints, 1 mm of travel for grippers.

        A gripper that closes with some speed overshoots "closed" in the spline; the command itself is cut at the limit.
        """
        return np.where(self.is_gripper, 0.02, 1e-4)


def robot_limits(embodiment: Embodiment, urdf: str) -> Limits:
    """Limits of the URDF and of the robot file, in values."""
    hard = joint_limits(urdf, embodiment.joints)
    span = np.array([v.one - v.zero for v in embodiment.values])
    ends = np.sort([embodiment.to_values(hard.lower), embodiment.to_values(hard.upper)], axis=0)
    return Limits(
        lower=ends[0],
        upper=ends[1],
        velocity=hard.velocity / abs(span),
        acceleration=np.array(embodiment.max_acceleration) / abs(span),
        is_gripper=np.array([v.is_gripper for v in embodiment.values]),
    )


def tightened(limits: Limits, embodiment: Embodiment, path: str | Path) -> Limits:
    """`limits` narrowed by an operational file; a file that loosens one, or names an unknown value, is refused."""
    path = Path(path)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        entries: Mapping[str, Mapping[str, float]] = raw["values"]
        narrowed = {name: getattr(limits, name).copy() for name in ("lower", "upper", "velocity", "acceleration")}
        for value, changes in entries.items():
            if value not in embodiment.names:
                raise FineVLAError(
                    f"limits file '{path}': unknown value '{value}'; known are {', '.join(embodiment.names)}"
                )
            index = embodiment.names.index(value)
            for what, number in changes.items():
                _narrow(narrowed, what, index, float(number), f"limits file '{path}', '{value}'")
    except FineVLAError:
        raise
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise FineVLAError(
            f"limits file '{path}' cannot be read: {error}; it needs 'values: {{name: {{velocity: ...}}}}'"
        ) from error
    result = Limits(**narrowed, is_gripper=limits.is_gripper)
    if (result.lower >= result.upper).any():
        raise FineVLAError(f"limits file '{path}' leaves no room between lower and upper")
    return result


def _narrow(narrowed: dict[str, NDArray[np.float64]], what: str, index: int, number: float, where: str) -> None:
    if what not in narrowed:
        raise FineVLAError(f"{where}: unknown limit '{what}'; known are {', '.join(narrowed)}")
    old = float(narrowed[what][index])
    looser = number < old if what == "lower" else number > old
    if looser or not np.isfinite(number) or (what in ("velocity", "acceleration") and number <= 0):
        raise FineVLAError(f"{where}: {what} {number} is looser than the robot's {old:.4g}; it can only be tightened")
    narrowed[what][index] = number
