"""How a policy's numbers are made of the robot's: the entries `transforms` and `statistics` of the manifest, from the data."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.policy.transforms import NORMALISATIONS
from finevla_tools.training.options import SampleOptions
from finevla_tools.training.sets import TrainingSet
from finevla_tools.training.statistics import RunningStatistics

CLIP = {"mean_std": 5.0}  # deviations that a policy is given at most; the others are ranges
RANGE_CLIP = 1.5


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
    """Return the entry `transforms` of the manifest: differences, normalisation, and no state for a policy without.

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
        normalise[part] = {name: list(statistics[part][name]) for name in NORMALISATIONS[kind]}
    entries.append({"normalise": normalise})
    return entries if options.state else [*entries, "no_state"]
