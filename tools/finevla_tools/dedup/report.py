"""What a person looks at to believe in the duplicates: one HTML file that needs nothing from elsewhere.

`Run` and `Group` are all it knows; the same contents give the same bytes. What is too much for a page is thinned,
and it says so.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from finevla_tools.dedup.clusters import Clusters
    from finevla_tools.dedup.cost import Measure
    from finevla_tools.dedup.sampling import Choice

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Compared:
    """The same pairs of a sample, measured in the mode of the run and in the other one."""

    used: Array  # (P,)
    other: Array  # (P,)


@dataclass(frozen=True)
class Group:
    """Episodes that were compared with each other: N of them, in one order throughout."""

    name: str
    ids: Sequence[str]  # as in `Trajectory.id`
    tasks: Sequence[str]
    lengths: NDArray[np.int64]  # frames
    values: Sequence[Array]  # (T, A, D) each, as in `Trajectory`; may read lazily: only what is drawn is asked for
    clusters: Clusters
    choices: Sequence[Choice]  # one per episode, any order
    arms: Sequence[str] = ("left", "right")  # names of the A arms
    distances: Array | None = None  # condensed, SciPy's order (may be a memmap); nan = not known; None = none at hand
    bounds: Array | None = None  # condensed lower bounds: the plane takes them where a distance is not known
    notes: Sequence[str] = ()  # sentences: what was approximated, and by how much
    to_medoid: Array | None = None  # (N,) distance to the cluster's medoid, if known even where `distances` are not


@dataclass(frozen=True)
class Run:
    """What was asked of all groups together, and what it took."""

    name: str  # of the data set, or of several
    measure: Measure
    pairs: int  # within groups
    aligned: int  # of these, by DTW; the others were told apart by bounds
    seconds: Mapping[str, float]  # of each stage, in order
    skipped: Sequence[tuple[str, str]] = ()  # id, reason
    asked: Sequence[str] = ()  # sentences: linkage, cut, budget, seed
    notes: Sequence[str] = ()  # sentences: what was missing in the data, say
    joints: Sequence[str] = ()  # names of the D - 1 joints, in joint space
    compared: Compared | None = None
    table: str = "episodes.parquet"  # where every episode is listed
    files: Mapping[str, str] = field(default_factory=dict)  # name beside the page: what it holds


def write_report(path: Path, run: Run, groups: Sequence[Group]) -> None:
    """The page, whole or not at all."""
    from finevla_tools.dedup.page import page

    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(page(run, groups), encoding="utf-8")
    os.replace(temporary, path)
