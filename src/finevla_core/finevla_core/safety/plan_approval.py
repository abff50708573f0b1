"""Step mode: the plan that waits for the operator's yes. A yes is for what was shown, and for nothing else."""

from dataclasses import dataclass

import numpy as np

from finevla_core.chunk import ActionChunk
from finevla_core.safety.gate import Judged
from finevla_core.safety.plan import Plan
from finevla_core.time_units import S_PER_NS

SAME = 0.01  # rad, and share of a gripper's opening: nearer than this it is the same motion
SAMPLES = 100


@dataclass(frozen=True)
class Waiting:
    """A chunk that passed, and what it would become if the operator said yes: shown as `number` at `shown_ns`."""

    number: int
    chunk: ActionChunk
    judged: Judged
    shown_ns: int

    def is_over(self, now_ns: int, timeout_s: float) -> bool:
        """Whether it was shown too long ago."""
        return (now_ns - self.shown_ns) * S_PER_NS > timeout_s


def is_same_motion(shown: Plan, now: Plan) -> bool:
    """Whether two plans go through the same positions at the same times after their beginnings."""
    span_ns = max(plan.end_ns - int(plan.times_ns[0]) for plan in (shown, now))
    after_ns = np.linspace(0, span_ns, SAMPLES).astype(np.int64)
    ways = [plan.positions_at(int(plan.times_ns[0]) + after_ns) for plan in (shown, now)]
    return bool(abs(ways[0] - ways[1]).max() <= SAME)
