"""When a motion is over, read off ground truth at 10 Hz: the same for a rollout and for the stack."""

from collections.abc import Sequence

import numpy as np

from finevla_sim.world import Truth

RATE_HZ = 10  # of ground truth and pictures
REST_M = 0.004
REST_S = 3.0  # closing its fingers round a thing keeps an arm in place for up to two seconds
WENT_M = 0.04  # an arm that went less far has not started yet
GIVEN_UP_S = 6.0  # and one that has not started by then will not


def rests(trace: Sequence[Truth]) -> bool:
    """Both grippers have stayed where they are for `REST_S`, after one of them had gone somewhere or time enough to."""
    window = round(REST_S * RATE_HZ)
    if len(trace) <= window:
        return False
    # All of the window: an arm that went down and came up again is where it was, and yet it does not rest.
    if max(_apart(trace[-1], truth) for truth in trace[-1 - window : -1]) > REST_M:
        return False
    return _apart(trace[-1], trace[0]) > WENT_M or len(trace) > GIVEN_UP_S * RATE_HZ


def _apart(one: Truth, other: Truth) -> float:
    """How far the gripper that went further is from where it was."""
    return max(float(np.linalg.norm(one.tcps[s][:3, 3] - other.tcps[s][:3, 3])) for s in one.tcps)
