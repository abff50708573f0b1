"""A study's cells as a table, and over its seeds: means with intervals, alone and beside the policy without fine texts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from finevla_core.recording.atomic_files import write_by, write_text
from finevla_tools.benchmarks.bench_tables import write_csv
from finevla_tools.mixture_study.paper_results import REAL_ROBOT, ROBOTWIN, SOURCE
from finevla_tools.mixture_study.study_cell import PART, CellEnd, Row, place_of
from finevla_tools.mixture_study.study_config import MixtureStudy, StudyCell

SCHEMA = "finevla.mixture/1"
CSV, PARQUET, JSON = "mixture.csv", "mixture.parquet", "mixture.json"
BASELINE = "0:1"  # raw goals alone
FAILED, LEFT, MADE = "failed", "not yet", "done"
Ends = Mapping[str, CellEnd]  # what came of the cells, by name; those that have not been begun are not in it


@dataclass(frozen=True)
class SeedMean:
    """Mean over seeds with its 95 % interval by Student's t; NaN for an interval of fewer than two."""

    mean: float
    low: float
    high: float
    seeds: int


@dataclass(frozen=True)
class RatioScore:
    """Score of a head and ratio over the seeds; `gain` is the difference to raw goals alone, seed by seed."""

    head: str
    ratio: str
    score: SeedMean
    gain: SeedMean
    parts: Mapping[str, float]


def seed_mean(values: Sequence[float]) -> SeedMean:
    """Return the mean of one value for each seed, and how far it can be trusted."""
    count = len(values)
    if count < 2:
        return SeedMean(values[0] if count else float("nan"), float("nan"), float("nan"), count)
    from scipy.stats import t  # a second to load

    mean, error = float(np.mean(values)), float(np.std(values, ddof=1)) / count**0.5
    reach = float(t.ppf(0.975, count - 1)) * error
    return SeedMean(mean, mean - reach, mean + reach, count)


def rows_of(cells: Sequence[StudyCell], ends: Ends) -> list[Row]:
    """Return a row for each cell, all with the same columns; what a cell does not have is None."""
    found = []
    for cell in cells:
        end = ends.get(cell.name)
        state = LEFT if end is None else FAILED if end.fault else MADE
        found.append(place_of(cell) | {"state": state} | (end.row if end else {}) | {"fault": end.fault if end else ""})
    columns = dict.fromkeys(name for row in sorted(found, key=len, reverse=True) for name in row)
    return [{name: row.get(name) for name in columns} for row in found]


def scores_of(study: MixtureStudy, rows: Sequence[Row]) -> list[RatioScore]:
    """Return what came of each head and ratio of which a cell is done, in the study's order."""
    done = {(row["head"], row["ratio"], row["seed"]): row for row in rows if row["state"] == MADE}
    found = []
    for head in study.heads:
        for ratio in study.ratios:
            own = {seed: done[head, ratio, seed] for seed in study.seeds if (head, ratio, seed) in done}
            if not own:
                continue
            base = {seed: done[head, BASELINE, seed] for seed in own if (head, BASELINE, seed) in done}
            gains = [own[seed]["score"] - row["score"] for seed, row in base.items()]
            parts = {}
            for name in next(iter(own.values())):
                values = [row[name] for row in own.values() if row[name] is not None]
                if name.startswith(PART) and values:
                    parts[name.removeprefix(PART)] = float(np.mean(values))
            score = seed_mean([row["score"] for row in own.values()])
            found.append(RatioScore(head, ratio, score, seed_mean([] if ratio == BASELINE else gains), parts))
    return found


def write_tables(out: Path, study: MixtureStudy, rows: Sequence[Row]) -> None:
    """Write the table as Parquet, CSV and JSON, the latter with the means over seeds and the paper's figures."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    write_csv(out / CSV, rows)
    table = pa.Table.from_pylist(list(rows))
    write_by(out / PARQUET, lambda temporary: pq.write_table(table, temporary))
    told = {
        "schema": SCHEMA,
        "name": study.name,
        "evaluation": study.evaluation.plain(),
        "scores": [asdict(one) for one in scores_of(study, rows)],
        "cells": list(rows),
        "paper": {"source": SOURCE, "robotwin": _plain(ROBOTWIN), "real_robot": _plain(REAL_ROBOT)},
    }
    write_text(out / JSON, json.dumps(_without_nan(told), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _plain(table: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    return {name: dict(row) for name, row in table.items()}


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and value != value else value
