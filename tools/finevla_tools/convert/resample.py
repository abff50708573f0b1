"""Which messages make which frame: stamps in, choices out. No clock, no file, no message is looked into here.

Frame k of an episode is a moment t_k; of every topic a message is chosen for it, or the frame does not exist. Nothing is
filled in: where a topic has nothing near enough, the episode is cut or refused, and what was chosen how is reported.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError

Stamps = NDArray[np.int64]
Ordinals = NDArray[np.int32]

SECOND = 1_000_000_000
HOWS = ("nearest", "previous", "linear")
GAPS = ("cut", "refuse")
NONE = -1
# Edges of the reported histograms, ms: fine where cameras jitter, coarse where something was wrong.
EDGES_MS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000)
# What is due this part of a step too early still counts as due: stamps at a rate like 30 Hz are rounded to nanoseconds.
DUE_TOLERANCE = 0.1


@dataclass(frozen=True)
class Choice:
    """Of one topic, for every frame: message `before` and, for linear ones, `after` with its `weight` (0...1).

    `NONE` in `before` where there is no such message; `skew_ns` is how far the farther of the two lies from the frame.
    """

    before: Ordinals
    after: Ordinals
    weight: NDArray[np.float64]
    skew_ns: Stamps


@dataclass(frozen=True)
class Commands:
    """A controller's trajectories: `stamps` of the messages; of all their points `due` and which message `owner` they are in.

    Points of a message are together, in the order in which they are due; `point` counts them from 0.
    """

    stamps: Stamps
    due: Stamps
    owner: Ordinals
    point: Ordinals


def grid(first_ns: int, last_ns: int, fps: int) -> Stamps:
    """The moments `first_ns + k / fps` up to `last_ns`, rounded to ns each for itself so that nothing adds up."""
    # Stamps at such a rate are rounded, too: by one nanosecond the last message must not miss the last frame.
    count = max(0, (last_ns - first_ns + 1) * fps // SECOND + 1)
    return first_ns + (np.arange(count, dtype=np.int64) * SECOND + fps // 2) // fps


def choose(stamps: Stamps, times: Stamps, how: str) -> Choice:
    """Per moment the nearest message (of two as near, the earlier), the newest not after it, or both neighbours."""
    order = np.argsort(stamps, kind="stable").astype(np.int32)
    ordered = stamps[order]
    before = np.searchsorted(ordered, times, side="right") - 1
    after = np.searchsorted(ordered, times, side="left")
    has_before, has_after = before >= 0, after < len(ordered)
    if not len(ordered):
        none = np.full(len(times), NONE, np.int32)
        return Choice(none, none, np.zeros(len(times)), np.zeros(len(times), np.int64))
    b, a = np.maximum(before, 0), np.minimum(after, len(ordered) - 1)
    behind, ahead = times - ordered[b], ordered[a] - times
    if how == "previous":
        return _one(order, b, has_before, behind)
    if how == "nearest":
        take_after = has_after & (~has_before | (ahead < behind))
        return _one(order, np.where(take_after, a, b), has_before | has_after, np.where(take_after, ahead, behind))
    exists = has_before & has_after
    span = np.maximum(ordered[a] - ordered[b], 1)
    weight = np.where(exists & (behind != 0), behind / span, 0.0)
    a = np.where(behind == 0, b, a)
    skew = np.where(behind == 0, 0, np.maximum(behind, ahead))
    return Choice(
        np.where(exists, order[b], NONE).astype(np.int32),
        np.where(exists, order[a], NONE).astype(np.int32),
        weight,
        np.where(exists, skew, 0),
    )


def _one(order: Ordinals, at: NDArray[np.int64], exists: NDArray[np.bool_], skew: Stamps) -> Choice:
    chosen = np.where(exists, order[at], NONE).astype(np.int32)
    return Choice(chosen, chosen, np.zeros(len(chosen)), np.where(exists, skew, 0))


def choose_command(
    commands: Commands, times: Stamps, step_ns: int, max_hold_ns: int
) -> tuple[Ordinals, Ordinals, Stamps]:
    """Per moment t the command that is in force for t + step: message, its point, and how long it had been due by then.

    The newest trajectory given before t + step replaces those before it, as in a joint_trajectory_controller; of it, the
    first point due at t + step or later, else the last one, which the controller holds - for at most `max_hold_ns`.
    """
    tolerance = int(step_ns * DUE_TOLERANCE)
    wanted = times + step_ns - tolerance
    message, point = np.full(len(times), NONE, np.int32), np.full(len(times), NONE, np.int32)
    held = np.zeros(len(times), np.int64)
    if not len(commands.stamps):
        return message, point, held
    order = np.argsort(commands.stamps, kind="stable")
    newest = np.searchsorted(commands.stamps[order], wanted, side="right") - 1
    begins = np.searchsorted(commands.owner, np.arange(len(commands.stamps)), side="left")
    ends = np.searchsorted(commands.owner, np.arange(len(commands.stamps)), side="right")
    for k in np.flatnonzero(newest >= 0):
        m = order[newest[k]]
        due = commands.due[begins[m] : ends[m]]
        p = min(int(np.searchsorted(due, wanted[k], side="left")), len(due) - 1)
        late = int(times[k]) + step_ns - int(due[p]) if due[p] < wanted[k] else 0
        if late <= max_hold_ns:
            message[k], point[k], held[k] = m, commands.point[begins[m] + p], late
    return message, point, held


@dataclass(frozen=True)
class Segment:
    """Frames `first` to before `end` of the grid: an episode without a gap."""

    first: int
    end: int


def segments(lacks: Mapping[str, NDArray[np.bool_]], times: Stamps, gaps: str, min_frames: int) -> list[Segment]:
    """The runs of frames for which no topic lacks anything; what is missing before the first and after the last is no gap.

    Raises `FineVLAError` (without the episode's name) if there is no frame, or a gap and gaps are refused.
    """
    missing = np.zeros(len(times), bool)
    for lack in lacks.values():
        missing |= lack
    there = np.flatnonzero(~missing)
    if not len(there):
        worst = max(lacks, key=lambda topic: int(lacks[topic].sum()), default="every topic")
        raise FineVLAError(f"no moment has all it needs: {worst} lacks at all or most of them; look at its stamps")
    inner = np.flatnonzero(missing[there[0] : there[-1]]) + there[0]
    if len(inner) and gaps == "refuse":
        topic = next(topic for topic, lack in lacks.items() if lack[inner[0]])
        at_s = (times[inner[0]] - times[0]) / SECOND
        raise FineVLAError(
            f"it has gaps: {len(inner)} frames are missing, the first {at_s:.2f} s after its start for want of {topic}; "
            "use --gaps cut to make several episodes of it"
        )
    breaks = np.flatnonzero(np.diff(there) > 1) + 1
    runs = [Segment(int(run[0]), int(run[-1]) + 1) for run in np.split(there, breaks)]
    long = [run for run in runs if run.end - run.first >= min_frames]
    if not long:
        longest = max(run.end - run.first for run in runs)
        raise FineVLAError(f"its longest stretch without a gap has {longest} frames; {min_frames} are needed")
    return long


def histogram(values_ns: Stamps) -> list[int]:
    """Counts between the `EDGES_MS`; the last also holds what is beyond."""
    edges = np.array([*EDGES_MS, np.inf]) * 1e6
    counts = np.histogram(np.abs(values_ns.astype(np.float64)), bins=edges)[0]
    return [int(c) for c in counts]


def report(skews: Mapping[str, Stamps], stamps: Mapping[str, Stamps]) -> dict[str, Any]:
    """What an episode's facts say: skew and gap histograms by topic (ms), with the worst of each."""
    gaps = {topic: np.diff(np.sort(s)) for topic, s in stamps.items()}
    return {"edges_ms": list(EDGES_MS), "skew": _histograms(skews.items()), "gap": _histograms(gaps.items())}


def _histograms(series: Iterable[tuple[str, Stamps]]) -> dict[str, Any]:
    return {
        topic: {"counts": histogram(v), "worst_ms": round(float(np.abs(v).max()) / 1e6, 3) if len(v) else 0.0}
        for topic, v in series
    }
