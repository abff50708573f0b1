"""Many groups at a time: a process each where they are small, one after the other on all threads where they are large.

Of a small group most of the time goes to what threads cannot share: its tree, bounds of a few pairs at a time.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

from finevla_tools.dedup.clusters import Cut
from finevla_tools.dedup.distance_store import Work
from finevla_tools.dedup.frame_cost import Metric, PoseTrajectory
from finevla_tools.dedup.group_comparison import GroupResult, compare
from finevla_tools.work.parallel_map import over

SMALL = 1000  # trajectories: so many are sent to a process, and a larger group has work for all threads
WORTH = 2_000_000  # pairs, most of a minute: to start processes takes some seconds
Named = tuple[str, Sequence[PoseTrajectory]]


@dataclass(frozen=True)
class _Comparison:
    measure: Metric
    cut: Cut
    store: Work


def compare_all(groups: Iterable[Named], measure: Metric, cut: Cut, store: Work, jobs: int) -> Iterator[GroupResult]:
    """`compare` of each named group, in order, up to `jobs` at a time; on a Ray cluster if that is the store's engine.

    Each process may use its part of the store's memory; below `WORTH` pairs in all they do not pay.
    Raises what `compare` raises.
    """
    if jobs == 1 and store.engine == "local":
        yield from (compare(name, trajectories, measure, cut, store) for name, trajectories in groups)
        return
    apart = replace(store, engine="local", memory_mb=store.memory_mb // jobs)
    how = _Comparison(measure, cut, apart)
    for is_small, some in groupby(groups, lambda named: len(named[1]) <= SMALL):
        if is_small:
            yield from (known for _, known in over(partial(_alone, how), some, jobs, store.engine))
        else:
            yield from (compare(name, trajectories, measure, cut, store) for name, trajectories in some)


def _alone(how: _Comparison, named: Named) -> GroupResult:
    """In a process, whose neighbours have the other cores."""
    import numba

    numba.set_num_threads(1)
    return compare(*named, how.measure, how.cut, how.store)
