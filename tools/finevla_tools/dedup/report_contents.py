"""Contents of the report page for people: one self-contained HTML file.

`Run` and `GroupReport` hold all it shows; equal contents give equal bytes. Groups too large for a page are thinned, and
the page says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from finevla_core.recording.atomic_files import write_text

if TYPE_CHECKING:
    from finevla_tools.dedup.clusters import Clusters
    from finevla_tools.dedup.episode_selection import EpisodeChoice
    from finevla_tools.dedup.frame_cost import Metric

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Compared:
    """Distances of the same sampled pairs in the run's mode and in the other mode."""

    used: Array  # (P,)
    other: Array  # (P,)


@dataclass(frozen=True)
class GroupReport:
    """One group of N episodes, as the page shows it; all arrays are in the same order."""

    name: str
    ids: Sequence[str]  # as in `Trajectory.id`
    tasks: Sequence[str]
    lengths: NDArray[np.int64]  # frames
    values: Sequence[Array]  # (T, A, D) each, as in `Trajectory`; may read lazily: only what is drawn is asked for
    clusters: Clusters
    choices: Sequence[EpisodeChoice]  # one per episode, any order
    arms: Sequence[str] = ("left", "right")  # names of the A arms
    distances: Array | None = None  # condensed, SciPy's order (may be a memmap); nan = not known; None = none at hand
    bounds: Array | None = None  # condensed lower bounds: the plane takes them where a distance is not known
    notes: Sequence[str] = ()  # sentences: what was approximated, and by how much
    to_medoid: Array | None = None  # (N,) distance to the cluster's medoid, if known even where `distances` are not


@dataclass(frozen=True)
class Run:
    """Options, counts and times of a run, as the page shows them."""

    name: str  # of the data set, or of several
    measure: Metric
    pairs: int  # within groups
    aligned: int  # of these, by DTW; the others were told apart by bounds
    seconds: Mapping[str, float]  # of each stage, in order
    skipped: Sequence[tuple[str, str]] = ()  # id, reason
    settings: Sequence[str] = ()  # sentences: linkage, cut, budget, seed
    notes: Sequence[str] = ()  # sentences: what was missing in the data, say
    joints: Sequence[str] = ()  # names of the D - 1 joints, in joint space
    compared: Compared | None = None
    table: str = "episodes.parquet"  # where every episode is listed
    files: Mapping[str, str] = field(default_factory=dict)  # name beside the page: what it holds


def write_report(path: Path, run: Run, groups: Sequence[GroupReport]) -> None:
    """Write the page to `path` atomically."""
    from finevla_tools.dedup.report_page import page

    write_text(path, page(run, groups))
