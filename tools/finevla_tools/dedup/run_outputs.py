"""Write the results of a run: `run.json`, the report page, data sets of the kept episodes."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.datasets import lerobot_subset
from finevla_tools.datasets.lerobot_files import LeRobotFiles
from finevla_tools.dedup.correction_effects import ALL_PAIRS, PAIRS, Differences, between, sample, with_clusters
from finevla_tools.dedup.report_contents import Compared, GroupReport, Run, write_report
from finevla_tools.dedup.run import DedupJob, DedupOutcome
from finevla_tools.dedup.source_data_sets import DedupSource
from finevla_tools.dedup.trajectory_loading import Spool

PAGE = "report.html"
LIBRARIES = ("numpy", "scipy", "numba", "scikit-learn", "kmedoids")


def differences(job: DedupJob, outcome: DedupOutcome) -> tuple[list[Differences], Compared]:
    """Compare FineVLA's distances with ours on sampled pairs of the largest groups."""
    found: list[Differences] = []
    used: list[NDArray[np.float64]] = [np.zeros(0)]
    other: list[NDArray[np.float64]] = [np.zeros(0)]
    left = ALL_PAIRS
    for group, known in zip(outcome.groups, outcome.results, strict=True):
        if left <= 0 or len(group.members) < 2:
            break
        frames = [outcome.read.spool.frames(n) for n in group.members]
        pairs = sample(len(group.members), frames, min(PAIRS, left), job.seed)
        trajectories = [outcome.read.trajectory(n) for n in group.members]
        one, theirs, ours = between(group.name, trajectories, job.measure, pairs)
        found.append(with_clusters(one, trajectories, job.measure, job.cut, known.clusters))
        used.append(theirs if job.measure.compat else ours)
        other.append(ours if job.measure.compat else theirs)
        left -= len(pairs)
    return found, Compared(np.concatenate(used), np.concatenate(other))


def said_of(
    sources: Sequence[DedupSource], job: DedupJob, outcome: DedupOutcome, differ: Sequence[Differences]
) -> dict[str, Any]:
    """Return the content of run.json: sources, options, versions, counts, times and results of a run."""
    rows, read = outcome.read.rows, outcome.read
    aligned, pairs = outcome.aligned, outcome.pairs
    return {
        "sources": [
            {
                "name": s.name,
                "root": str(s.root),
                "fps": s.fps,
                "map": s.map.name if s.map else None,
                "episodes": len(s.episodes),
                "problems_of_the_metadata": list(s.problems),
            }
            for s in sources
        ],
        "wanted": asdict(job.request),
        "measure": asdict(job.measure) | {"key": job.measure.key()},
        "cut": asdict(job.cut),
        "recursion": asdict(job.recursion) if job.recursion else None,
        "by": job.by,
        "budget": job.budget,
        "per_cluster": job.per_cluster,
        "seed": job.seed,
        "versions": {name: _version(name) for name in LIBRARIES},
        "counts": {
            "episodes": len(rows),
            "skipped": sum(bool(row.skipped) for row in rows),
            "compared": len(read.entries),
            "groups": len(outcome.groups),
            "clusters": sum(len(known.clusters.medoids) for known in outcome.results),
            "kept": sum(row.kept for row in rows),
            "forced": sum(row.forced for row in rows),
            "frames": sum(read.spool.frames(n) for n in range(len(read.spool))),
            "non_unit_quaternions": sum(row.non_unit_quaternions for row in rows),
            "flipped_quaternions": sum(row.flipped_quaternions for row in rows),
        },
        "pairs": pairs,
        "aligned": aligned,
        "pruned_share": 1 - aligned / pairs if pairs else None,
        "seconds": outcome.seconds,
        "notes": read.notes,
        "differences_to_finevla": [one.as_json() for one in differ],
        "groups": [
            {
                "name": group.name,
                "episodes": len(group.members),
                "arms": list(group.arms),
                "clusters": len(known.clusters.medoids),
                "cut": known.clusters.distance,
                "how": known.clusters.how,
                "pairs": group.pairs,
                "aligned": known.aligned,
                "kept": sum(choice.kept for choice in choices),
            }
            for group, known, choices in zip(outcome.groups, outcome.results, outcome.choices, strict=True)
        ],
    }


class _Paths(Sequence[NDArray[np.float64]]):
    """Trajectories of a group as a sequence, each read only when it is drawn."""

    def __init__(self, spool: Spool, members: Sequence[int]) -> None:
        self._spool, self._members = spool, members

    def __len__(self) -> int:
        return len(self._members)

    def __getitem__(self, index: Any) -> Any:
        return self._spool[self._members[index]]


def write_page(
    folder: Path,
    sources: Sequence[DedupSource],
    job: DedupJob,
    outcome: DedupOutcome,
    differ: Sequence[Differences],
    compared: Compared,
) -> None:
    """Write the report page report.html and its pictures to `folder`."""
    read = outcome.read
    groups = []
    for group, known, choices in zip(outcome.groups, outcome.results, outcome.choices, strict=True):
        rows = [read.rows[read.row_of[n]] for n in group.members]
        exact = known.condensed
        if exact is not None and known.is_exact is not None:
            exact = np.where(known.is_exact, exact, np.nan)
        groups.append(
            GroupReport(
                group.name,
                [row.id for row in rows],
                [row.task for row in rows],
                np.array([read.spool.frames(n) for n in group.members]),
                _Paths(read.spool, group.members),
                known.clusters,
                choices,
                group.arms,
                exact,
                known.condensed if known.is_exact is not None else None,
                to_medoid=known.to_medoid,
            )
        )
    skipped = [(row.id, row.skipped) for row in read.rows if row.skipped]
    run = Run(
        ", ".join(source.name for source in sources),
        job.measure,
        outcome.pairs,
        outcome.aligned,
        outcome.seconds,
        skipped,
        _settings_lines(job),
        [*read.notes, *_mended(outcome), *_differ(differ)],
        (),
        compared if len(compared.used) else None,
    )
    write_report(folder / PAGE, run, groups)


def refuse_datasets(sources: Sequence[DedupSource], out: Path | None) -> None:
    """Raise `FineVLAError` before anything is read if data sets of what is kept cannot be made there."""
    if out is None:
        return
    for source, place in _places(sources, out):
        lerobot_subset.refuse(_files(source), place)


def write_datasets(sources: Sequence[DedupSource], out: Path | None, outcome: DedupOutcome) -> list[tuple[Path, int]]:
    """Write a LeRobot data set of the kept episodes of each source, all or none; return folders and numbers of episodes."""
    made: list[tuple[Path, int]] = []
    try:
        for source, place in _places(sources, out) if out is not None else ():
            rows = (row for row in outcome.read.rows if row.kept and row.dataset == source.name)
            if kept := [row.episode_index for row in rows]:
                made.append((place, lerobot_subset.write_kept(_files(source), place, kept)))
    except BaseException:
        for place, _ in made:
            shutil.rmtree(place, ignore_errors=True)
        raise
    return made


def _places(sources: Sequence[DedupSource], out: Path) -> list[tuple[DedupSource, Path]]:
    return [(source, out if len(sources) == 1 else out / source.name) for source in sources]


def _files(source: DedupSource) -> LeRobotFiles:
    if source.files is None:
        raise FineVLAError(
            f"'{source.root}' is unified episodes without their data set: no other data set is made of it"
        )
    return source.files


def _settings_lines(job: DedupJob) -> list[str]:
    grouped = {"task": "episodes of the same task", "dataset": "episodes of the same data set", "all": "all episodes"}
    what = "poses of the tools" if job.request.space == "eef" else "joints"
    of_each = "One episode" if job.per_cluster is None else f"At most {job.per_cluster}"
    return [
        f"Compared are {grouped[job.by]}, {what} from the {job.request.origin}.",
        f"{of_each} of each cluster stays (seed {job.seed})."
        if job.budget is None
        else f"{job.budget} of all stay: medoids first, then what is least alike (seed {job.seed}).",
    ]


def _mended(outcome: DedupOutcome) -> list[str]:
    rows = outcome.read.rows
    flipped, odd = sum(r.flipped_quaternions for r in rows), sum(r.non_unit_quaternions for r in rows)
    said = []
    if flipped:
        said.append(f"{flipped} quaternions change sign from the frame before")
    if odd:
        said.append(f"{odd} quaternions do not have norm 1")
    return said


def _differ(differ: Sequence[Differences]) -> list[str]:
    pairs, count = sum(d.pairs for d in differ), sum(d.differ for d in differ)
    if not count and not any(d.apart for d in differ):
        return [f"FineVLA's distances are the same on {counted(pairs, 'pair')} looked at"] if pairs else []
    by = {name: sum(d.by[name] for d in differ) for name in differ[0].by}
    why = ", ".join(f"{name} {number}" for name, number in by.items() if number)
    said = [f"FineVLA's distances differ on {count} of {counted(pairs, 'pair')} looked at ({why})"]
    if both := [d for d in differ if d.clusters is not None]:
        theirs, ours = (sum(d.clusters[k] for d in both if d.clusters) for k in (0, 1))
        odd = sum(bool(d.apart) for d in both)
        said.append(
            f"FineVLA finds {counted(theirs, 'cluster')} where ours are {ours}; {odd} of {counted(len(both), 'group')} differ"
        )
    return said


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
