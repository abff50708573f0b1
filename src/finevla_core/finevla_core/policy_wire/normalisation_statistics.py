"""The statistics that a trained policy's values are normalised with: openpi's `norm_stats.json`, starVLA's
`dataset_statistics.json`. A policy with another robot's statistics moves the arms wrongly, so everything is checked here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError, quoted, unknown
from finevla_core.text_files import read_json

MAX_FILE_BYTES = 1 << 26
MAX_LENGTH = 512
OPENPI_FIELDS = ("mean", "std")  # and, where training needs them, q01 and q99
STARVLA_FIELDS = ("mean", "std", "q01", "q99", "min", "max")


@dataclass(frozen=True)
class ValueStatistics:
    """Statistics of a vector of `D` values, each `(D,)` float64 and finite; None is what the file does not say.

    `mask` `(D,)` bool is False for a value that is not normalised by them (starVLA's "binary" ones: a gripper).
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    q01: NDArray[np.float64] | None
    q99: NDArray[np.float64] | None
    min: NDArray[np.float64] | None
    max: NDArray[np.float64] | None
    mask: NDArray[np.bool_]

    @property
    def length(self) -> int:
        """How many values the vector has (`D`)."""
        return self.mean.size


@dataclass(frozen=True)
class TrainingStatistics:
    """What a policy was trained on: its actions and its state, None where it was trained without one."""

    actions: ValueStatistics
    state: ValueStatistics | None


def openpi_statistics(
    path: Path, action_width: int | None = None, state_width: int | None = None
) -> TrainingStatistics:
    """Read openpi's `norm_stats.json`.

    Args:
        path: the file; its vectors may be padded with zeros to the model's width.
        action_width: values of a row of actions; the padding behind them is cut off. None takes what the file has.
        state_width: values of the state, likewise.
    Raises:
        FineVLAError: naming the file and what is wrong in it (`DamagedFileError` if it is no JSON).
    """
    found = _map(read_json(path, MAX_FILE_BYTES), f"'{path}'")
    groups = _map(found.get("norm_stats"), f"'{path}': 'norm_stats'")
    where = f"'{path}': 'actions'"
    actions = _fitted(
        _unpadded(_statistics(groups.get("actions"), where, OPENPI_FIELDS), action_width), action_width, where
    )
    if "state" not in groups:
        return TrainingStatistics(actions, None)
    where = f"'{path}': 'state'"
    state = _unpadded(_statistics(groups["state"], where, OPENPI_FIELDS), state_width)
    return TrainingStatistics(actions, _fitted(state, state_width, where))


def starvla_statistics(
    path: Path, key: str = "", action_width: int | None = None, state_width: int | None = None
) -> TrainingStatistics:
    """Read starVLA's `dataset_statistics.json`.

    Args:
        path: the file.
        key: the robot's name among those that the model was trained on, "" for the only one.
        action_width: values of a row of actions. None takes what the file has.
        state_width: values of the state, likewise.
    Raises:
        FineVLAError: naming the file and what is wrong in it, or the keys that it has (`DamagedFileError` if it is no JSON).
    """
    found = _map(read_json(path, MAX_FILE_BYTES), f"'{path}'")
    if not key and len(found) != 1:
        known = ", ".join(quoted(name) for name in list(found)[:20]) or "none"
        raise FineVLAError(f"'{path}' has the statistics of {len(found)} robots, and no key chooses one: {known}")
    chosen = key or next(iter(found))
    if chosen not in found:
        raise FineVLAError(f"'{path}': {unknown('key of statistics', chosen, found)}")
    groups = _map(found[chosen], f"'{path}': {quoted(chosen)}")
    where = f"'{path}': {quoted(chosen)}: 'action'"
    actions = _fitted(_statistics(groups.get("action"), where, STARVLA_FIELDS), action_width, where)
    if "state" not in groups:
        return TrainingStatistics(actions, None)
    where = f"'{path}': {quoted(chosen)}: 'state'"
    return TrainingStatistics(actions, _fitted(_statistics(groups["state"], where, STARVLA_FIELDS), state_width, where))


def _unpadded(found: ValueStatistics, width: int | None) -> ValueStatistics:
    """Statistics without values behind `width` that were never anything but zero; as they are if something was there."""
    if width is None or found.length <= width or found.mean[width:].any() or found.std[width:].any():
        return found
    q01, q99, low, high = (None if v is None else v[:width] for v in (found.q01, found.q99, found.min, found.max))
    return ValueStatistics(found.mean[:width], found.std[:width], q01, q99, low, high, found.mask[:width])


def _fitted(found: ValueStatistics, width: int | None, where: str) -> ValueStatistics:
    if width is not None and found.length != width:
        raise FineVLAError(
            f"{where} has {found.length} values, and {width} are needed: these are another robot's statistics"
        )
    return found


def _map(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise FineVLAError(
            f"{where} is missing or no map of names: is it the file of statistics that came with the policy?"
        )
    return value


def _statistics(value: object, where: str, needed: tuple[str, ...]) -> ValueStatistics:
    found = _map(value, where)
    for field in needed:
        if field not in found:
            raise FineVLAError(f"{where} has no '{field}': is it the file of statistics that came with the policy?")
    mean = _vector(found["mean"], f"{where}, 'mean'")
    std = _vector(found["std"], f"{where}, 'std'", mean.size)
    if (std < 0.0).any():
        raise FineVLAError(f"{where}, 'std' has a negative value at {int(np.argmax(std < 0.0))}")
    q01, q99 = _pair(found, "q01", "q99", where, mean.size)
    low, high = _pair(found, "min", "max", where, mean.size)
    return ValueStatistics(mean, std, q01, q99, low, high, _mask(found.get("mask"), f"{where}, 'mask'", mean.size))


def _pair(
    found: Mapping[str, Any], lower: str, upper: str, where: str, length: int
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """Two vectors of which the first is nowhere the larger, or None twice where the file has neither."""
    if found.get(lower) is None and found.get(upper) is None:
        return None, None
    low, high = (_vector(found.get(name), f"{where}, '{name}'", length) for name in (lower, upper))
    if (low > high).any():
        raise FineVLAError(f"{where}: '{lower}' is larger than '{upper}' at {int(np.argmax(low > high))}")
    return low, high


def _vector(value: object, where: str, length: int | None = None) -> NDArray[np.float64]:
    """A list of finite numbers as `(D,)` float64."""
    if not isinstance(value, list) or not all(type(x) in (int, float) for x in value):
        raise FineVLAError(f"{where} is no list of numbers")
    _check_length(len(value), where, length)
    try:
        vector = np.array(value, np.float64)
    except OverflowError as error:
        raise FineVLAError(f"{where} has a number that no float holds") from error
    if not np.isfinite(vector).all():
        at = int(np.argmin(np.isfinite(vector)))
        raise FineVLAError(f"{where} has {vector[at]} at {at}: compute the statistics anew")
    return vector


def _mask(value: object, where: str, length: int) -> NDArray[np.bool_]:
    if value is None:
        return np.ones(length, np.bool_)
    if not isinstance(value, list) or not all(type(x) is bool for x in value):
        raise FineVLAError(f"{where} is no list of true and false")
    _check_length(len(value), where, length)
    return np.array(value, np.bool_)


def _check_length(size: int, where: str, length: int | None) -> None:
    if length is not None and size != length:
        raise FineVLAError(f"{where} has {size} values and 'mean' has {length}: they must be of one length")
    if not 0 < size <= MAX_LENGTH:
        raise FineVLAError(f"{where} has {size} values; 1 to {MAX_LENGTH} are read")
