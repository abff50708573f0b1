"""Frames of an episode by the grid: moments, commands, gaps. Messages for a moment are chosen by `finevla_core.alignment`.

Frame k of an episode is a moment t_k; of every topic a message is chosen for it, or the frame does not exist. Nothing is
filled in: where a topic has nothing near enough, the episode is cut or refused, and what was chosen how is reported.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.alignment import NONE, Ordinals, Stamps
from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_core.time_units import NS_PER_S

GAPS = ("cut", "refuse")
# Edges of the reported histograms, ms: fine where cameras jitter, coarse where something was wrong.
EDGES_MS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000)
# What is due this part of a step too early still counts as due: stamps at a rate like 30 Hz are rounded to nanoseconds.
DUE_TOLERANCE = 0.1
# Stamps at a rate like 30 Hz are rounded, to nanoseconds or to microseconds: the last message must not miss its frame.
GRID_TOLERANCE = 0.01


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
    """The moments `first_ns + k / fps` up to `last_ns`, rounded to ns each for itself so that nothing adds up.

    Where the last message comes up to `GRID_TOLERANCE` of a step before a moment, that moment is a frame, too.
    """
    early_ns = int(NS_PER_S / fps * GRID_TOLERANCE)
    count = max(0, (last_ns - first_ns + 1 + early_ns) * fps // NS_PER_S + 1)
    return first_ns + (np.arange(count, dtype=np.int64) * NS_PER_S + fps // 2) // fps


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
        count = int(lacks[worst].sum()) if worst in lacks else len(times)
        raise FineVLAError(
            f"no moment has all it needs: {worst} is missing at {count} of {len(times)} moments, for what was recorded of it "
            "has other stamps; see whether its clock is that of the other topics, or give a longer --max-skew or --max-hold"
        )
    inner = np.flatnonzero(missing[there[0] : there[-1]]) + there[0]
    if len(inner) and gaps == "refuse":
        topic = next(topic for topic, lack in lacks.items() if lack[inner[0]])
        at_s = (times[inner[0]] - times[0]) / NS_PER_S
        raise FineVLAError(
            f"it has gaps: {counted(len(inner), 'frame', 'are')} missing, the first {at_s:.2f} s after its "
            f"start for want of {topic}; "
            "use --gaps cut to make several episodes of it"
        )
    breaks = np.flatnonzero(np.diff(there) > 1) + 1
    runs = [Segment(int(run[0]), int(run[-1]) + 1) for run in np.split(there, breaks)]
    long = [run for run in runs if run.end - run.first >= min_frames]
    if not long:
        longest = max(run.end - run.first for run in runs)
        raise FineVLAError(
            f"its longest stretch without a gap has {counted(longest, 'frame')}; {min_frames} are needed"
        )
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
