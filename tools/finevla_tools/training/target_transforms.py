"""How a policy's numbers are made of the robot's: the entries `transforms` and `statistics` of the manifest, from the data."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.policy.transforms import NORMALISATIONS
from finevla_tools.training.config_types import SampleOptions
from finevla_tools.training.statistics import RunningStatistics
from finevla_tools.training.training_set import TrainingSet

CLIP = {"mean_std": 5.0}  # deviations that a policy is given at most; the others are ranges
RANGE_CLIP = 1.5
# A joint that rests in all the data trembles by less than this; its noise, spread to the range of the others, would be learnt.
LEAST_WIDTH, LEAST_STEP = 0.02, 0.002  # of a range in rad (or of a gripper's 0 to 1): of targets, and of differences


def relative_values(options: SampleOptions, robot: Embodiment, there: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which values are learned as differences: joints if so asked; what no set has, so that it stays where it is."""
    joints = np.array([not value.is_gripper for value in robot.values])
    asked = joints if options.actions != "absolute" else np.zeros(len(joints), bool)
    return (asked & there) | ~there


def statistics_of(sets: Sequence[TrainingSet], options: SampleOptions, robot: Embodiment) -> dict[str, Any]:
    """Return the statistics of the training frames of all sets: of states, and of actions as they are learned."""
    size = len(robot.names)
    there = np.logical_or.reduce([one.there for one in sets])
    moved = relative_values(options, robot, there)
    frames = sum(len(one.training) for one in sets)
    states, actions = RunningStatistics(size, frames), RunningStatistics(size, frames * options.horizon)
    for one in sets:
        begins = np.concatenate([[0], one.training.ends[:-1]])
        for place, count in zip(one.training.episodes, one.training.ends - begins, strict=True):
            episode = one.episodes[place]
            chosen = np.arange(count)
            rows, counts = one.grid.rows(chosen, episode.states, episode.actions, episode.targets)
            state = episode.states[chosen].astype(np.float64)
            if options.actions == "delta":
                origin = np.concatenate([state[:, None], rows[:, :-1]], axis=1)
            else:
                origin = np.repeat(state[:, None], options.horizon, axis=1)
            states.add(state, one.there)
            actions.add(np.where(moved, rows - origin, rows)[counts], one.there)
    return {"frames": frames, "state": states.result(), "actions": actions.result()}


def manifest_transforms(
    options: SampleOptions, robot: Embodiment, there: NDArray[np.bool_], statistics: Mapping[str, Any]
) -> list[Any]:
    """Return the entry `transforms` of the manifest: differences, normalisation, the prompt, and no state for a policy without.

    Values that no set has (`there` `(D,)` False) are a difference of nothing: such an arm holds where it is.
    """
    names = np.array(robot.names)
    entries: list[Any] = []
    moved = relative_values(options, robot, there)
    if options.actions != "absolute" and (moved & there).any():
        entries.append({"actions": {options.actions: names[moved & there].tolist()}})
    if not there.all():
        entries.append({"actions": {"relative": names[~there].tolist()}})
    kind = options.normalisation
    normalise: dict[str, Any] = {"kind": kind, "clip": CLIP.get(kind, RANGE_CLIP)}
    for part in ("state", "actions") if options.state else ("actions",):
        is_step = moved if part == "actions" else np.zeros_like(moved)
        least = np.where(there, np.where(is_step, LEAST_STEP, LEAST_WIDTH), 0.0)
        normalise[part] = _widened({name: statistics[part][name] for name in NORMALISATIONS[kind]}, kind, least)
    entries.append({"normalise": normalise})
    if options.prompt:
        entries.append({"prompt": dict(options.prompt)})
    return entries if options.state else [*entries, "no_state"]


def _widened(row: Mapping[str, Sequence[float]], kind: str, least: NDArray[np.float64]) -> dict[str, list[float]]:
    """The two numbers of each value, at least so far apart; a deviation is a quarter of a range."""
    (first, low), (second, high) = ((name, np.array(numbers)) for name, numbers in row.items())
    if kind == "mean_std":
        return {first: low.tolist(), second: np.maximum(high, least / 4).tolist()}
    missing = np.maximum(least - (high - low), 0.0) / 2
    return {first: (low - missing).tolist(), second: (high + missing).tolist()}
