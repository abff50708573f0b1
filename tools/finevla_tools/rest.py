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
    now, before, start = trace[-1].tcps, trace[-1 - window].tcps, trace[0].tcps
    if any(np.linalg.norm(now[s][:3, 3] - before[s][:3, 3]) > REST_M for s in now):
        return False
    went = any(np.linalg.norm(now[s][:3, 3] - start[s][:3, 3]) > WENT_M for s in now)
    return went or len(trace) > GIVEN_UP_S * RATE_HZ
