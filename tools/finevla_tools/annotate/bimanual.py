"""How two arms work together: one after the other, at the same time, one holding for the other, or from hand to hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from finevla_tools.annotate.trajectory import Array, EpisodeTrajectory

if TYPE_CHECKING:
    from finevla_tools.annotate.motion_facts import ArmFacts

TOGETHER, APART = 0.4, 0.15  # shares of the shorter arm's time in which both move
STEADY = 0.6  # of the other arm's moving time, in which an arm holds something and keeps still
AFTER_S = 4.0  # from the second hand's grasp until the first lets go
WITHIN_M = 0.3  # between the tools meanwhile


@dataclass(frozen=True)
class Coordination:
    """`kind`: sequential, simultaneous, stabilise and act, hand-over; `first` is the arm that begins, holds or gives."""

    kind: str
    first: str
    confidence: float
    from_s: float
    to_s: float


def coordination(
    times_s: Array,
    arms: Mapping[str, "ArmFacts"],
    moving: Mapping[str, NDArray[np.bool_]],
    trajectory: EpisodeTrajectory,
) -> Coordination | None:
    """Return how two acting arms work together; None unless both act."""
    acting = [side for side, arm in arms.items() if arm.acts]
    if len(acting) != 2 or len(times_s) < 2:
        return None
    for giver, taker in (acting, acting[::-1]):
        if (found := _hand_over(arms[giver], arms[taker], trajectory)) is not None:
            return found
    busy = {side: _busy(times_s, arms[side], moving[side]) for side in acting}
    begin = {side: float(times_s[busy[side].argmax()]) for side in acting}
    for holder, actor in (acting, acting[::-1]):
        holds = np.zeros(len(times_s), bool)
        for grasp in arms[holder].grasps:
            if grasp.close.held and not grasp.failed:
                until = times_s[-1] if grasp.open is None else grasp.open.begin_s
                holds |= (times_s >= grasp.close.end_s) & (times_s <= until)
        steady = holds & ~busy[holder]
        share = float((steady & busy[actor]).sum()) / max(int(busy[actor].sum()), 1)
        if share > STEADY:
            span = times_s[steady & busy[actor]]
            sure = 0.6 + 0.35 * min((share - STEADY) / 0.3, 1.0)
            return Coordination("stabilise and act", holder, sure, float(span[0]), float(span[-1]))
    both = float((busy[acting[0]] & busy[acting[1]]).sum()) / max(min(int(busy[s].sum()) for s in acting), 1)
    first = min(acting, key=lambda side: begin[side])
    span_s = (min(begin.values()), float(times_s[-1]))
    if both >= TOGETHER:
        return Coordination("simultaneous", first, 0.6 + 0.35 * min((both - TOGETHER) / 0.3, 1.0), *span_s)
    if both <= APART:
        return Coordination("sequential", first, 0.95 - 0.35 * both / APART, *span_s)
    return None


def _busy(times_s: Array, arm: "ArmFacts", moving: NDArray[np.bool_]) -> NDArray[np.bool_]:
    busy = moving.copy()
    for move in arm.fingers:
        busy |= (times_s >= move.begin_s) & (times_s <= move.end_s)
    return busy


def _hand_over(giver: "ArmFacts", taker: "ArmFacts", trajectory: EpisodeTrajectory) -> Coordination | None:
    """Only where both tools are known in one frame, for else it may be one arm that holds for the other."""
    tools = [trajectory.arms[arm.side].position for arm in (giver, taker)]
    if not trajectory.is_shared or tools[0] is None or tools[1] is None:
        return None
    for given in giver.grasps:
        if not given.close.held or given.open is None:
            continue
        for taken in taker.grasps:
            at_s, left_s = taken.close.end_s, given.open.begin_s
            kept = taken.open is None or taken.open.begin_s > given.open.end_s
            if taken.close.held and given.close.end_s < at_s <= left_s < at_s + AFTER_S and kept:
                row = int(np.searchsorted(trajectory.times_s, at_s).clip(0, len(trajectory.times_s) - 1))
                apart = float(np.linalg.norm(tools[0][row] - tools[1][row]))
                if apart < WITHIN_M:
                    return Coordination("hand-over", giver.side, 0.9, taken.close.begin_s, given.open.end_s)
    return None
