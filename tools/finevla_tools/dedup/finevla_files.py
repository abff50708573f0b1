"""FineVLA's files of a group: distances, clusters flat or recursive, who stands for each, and a summary of the batch.

Source: its `ClusteringAndSampling/run_analysis.py`, `batch_run.py` and `batch_run_by_task.py`; pictures are left to the page.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.plural_phrases import counted
from finevla_core.recording.atomic_files import write_by, write_text
from finevla_tools.dedup.clusters import Clusters, Cut
from finevla_tools.dedup.finevla_clusters import (
    Flat,
    Node,
    Recursion,
    as_clusters,
    flat,
    groups_of,
    in_order,
    k_medoids,
    recursive,
    representatives,
)
from finevla_tools.dedup.frame_cost import Metric

FOLDER = "finevla"
MATRIX, MATRIX_JSON, RESULTS, SUMMARY, TASKS = (
    "distance_matrix.npz", "distance_matrix.json", "cluster_results.json", "batch_summary.json", "task_per_episode.json",
)  # fmt: skip
MAX_NAME = 120
DRAWN = "drawn to stand for cluster {} (FineVLA's seed)"


@dataclass(frozen=True)
class PaperClusters:
    """FineVLA's clusters of one group: indices by label, and the representative drawn for each."""

    groups: Mapping[str, tuple[int, ...]]
    representatives: Mapping[str, int]
    clusters: Clusters
    method: str
    flat: Flat | None = None
    k_medoids: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
    tree: Node | None = None


@dataclass(frozen=True)
class Unit:
    """What FineVLA's tools get for one run: data set, task (None = all tasks), episodes, arms and rotation format."""

    dataset: str
    root: str
    episodes: tuple[int, ...]  # ascending
    sides: tuple[str, ...]
    rotation: str  # none, euler, quaternion
    task: str | None = None

    @property
    def side(self) -> str:
        """The arm, "left" or "right", or "both"."""
        return self.sides[0] if len(self.sides) == 1 else "both"


def analyse(square: NDArray[np.float64], cut: Cut, rules: Recursion | None) -> PaperClusters:
    """Cluster a distance matrix `(N, N)` as FineVLA does: recursively if `rules` are given, else flat by `cut`."""
    if rules is not None:
        tree = recursive(square, rules)
        groups = in_order(tree.leaves())
        how = f"FineVLA's recursive {rules.method} linkage, {len(groups)} leaves"
        return PaperClusters(
            groups, representatives(groups), as_clusters(square, groups, None, how), rules.method, tree=tree
        )
    found = flat(square, cut.count or 0, cut.method)
    groups = groups_of(found.labels)
    count = counted(len(groups), "cluster")
    how = f"FineVLA's {cut.method} linkage cut into {count} ({'automatic' if found.auto else 'given'})"
    clusters = as_clusters(square, groups, found.tree, how)
    return PaperClusters(groups, representatives(groups), clusters, cut.method, found, k_medoids(square, found.k))


def write_unit(folder: Path, unit: Unit, square: NDArray[np.float64], found: PaperClusters, measure: Metric) -> None:
    """Create `folder` and write FineVLA's files of one group: distance matrix and cluster results."""
    folder.mkdir(parents=True)
    episodes = np.array(unit.episodes)

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:  # to a name without .npz NumPy would add it
            np.savez(file, dist_matrix=square, episode_ids=episodes)

    write_by(folder / MATRIX, write)
    stats = _stats(square)
    said = _head(unit)
    weights = {"w_pos": measure.w_pos, "w_rot": measure.w_rot, "w_grip": measure.w_grip}
    matrix = said | {
        "episode_ids": list(unit.episodes),
        "stats": {"num_trajectories": len(square)} | stats,
        "params": weights | {"normalize": measure.normalize, "window": measure.band},
    }
    _json(folder / MATRIX_JSON, matrix)
    results = said | {"num_trajectories": len(square), "distance_stats": stats}
    _json(folder / RESULTS, results | (_recursive(unit, found) if found.tree else _flat(unit, found)))


def folder_names(names: Sequence[str]) -> list[str]:
    """Return FineVLA's folder name for each task; a name already used gets a number."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r"\s+", "_", re.sub(r"[^\w\s\-]", "", name).strip())[:MAX_NAME] or "unknown_task"
        free, number = plain, 1
        while free in found:
            number += 1
            free = f"{plain}_{number}"
        found.append(free)
    return found


def write_tasks(folder: Path, dataset: str, tasks: Mapping[str, Sequence[int]]) -> None:
    """Write FineVLA's task_per_episode.json to `folder`, the largest task first."""
    _json(
        folder / TASKS,
        {
            "dataset_name": dataset,
            "total_tasks": len(tasks),
            "total_episodes": sum(map(len, tasks.values())),
            "tasks": {
                name: {"count": len(some), "episode_indices": list(some)}
                for name, some in sorted(tasks.items(), key=lambda t: -len(t[1]))
            },
        },
    )


def summary_of(units: Sequence[tuple[Unit, int | None]]) -> dict[str, Any]:
    """Return the content of batch_summary.json; units come with their number of clusters, None if skipped."""
    found: dict[str, Any] = {}
    for unit, clusters in units:
        entry = found.setdefault(
            unit.dataset, {"total_tasks_processed": 0, "tasks_skipped": 0, "tasks_failed": 0, "details": []}
        )
        detail: dict[str, Any] = {"status": "success", "n_traj": len(unit.episodes), "n_clusters": clusters}
        if clusters is None:
            detail = {"status": "skipped", "reason": "too_few_trajectories", "n_traj": len(unit.episodes)}
        entry["tasks_skipped" if clusters is None else "total_tasks_processed"] += 1
        entry["details"].append(detail | ({} if unit.task is None else {"task": unit.task}))
    return found


def write_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    """Write FineVLA's batch_summary.json to `folder`."""
    _json(folder / SUMMARY, summary)


def _head(unit: Unit) -> dict[str, Any]:
    task = {} if unit.task is None else {"task": unit.task}
    said: dict[str, Any] = {"dataset_name": unit.dataset, "dataset_root": unit.root} | task
    return said | {"side": unit.side, "sides_computed": list(unit.sides), "rot_type": unit.rotation}


def _flat(unit: Unit, found: PaperClusters) -> dict[str, Any]:
    assert found.flat is not None
    assert found.k_medoids is not None
    labels, medoids = found.k_medoids
    k_medoids_said = {
        name: _members(unit, members) | {"medoid_episode": unit.episodes[medoids[int(name)]]}
        for name, members in groups_of(labels).items()
    }
    auto = {} if found.flat.auto is None else {"auto_k_info": found.flat.auto.as_json()}
    return {
        "mode": "flat",
        "n_clusters": found.flat.k,
        "hierarchical": {
            "method": found.method,
            "clusters": {name: _members(unit, members) for name, members in found.groups.items()},
        },
        "cluster_representation": _representatives(unit, found),
        **auto,
        "kmedoids": {"clusters": k_medoids_said},
    }


def _recursive(unit: Unit, found: PaperClusters) -> dict[str, Any]:
    assert found.tree is not None
    return {
        "mode": "recursive",
        "n_leaf_clusters": len(found.groups),
        "recursive_tree": found.tree.as_json(unit.episodes),
        "leaf_clusters": {name: _members(unit, members) for name, members in found.groups.items()},
        "cluster_representation": _representatives(unit, found),
        "episode_to_cluster": {
            str(unit.episodes[i]): name for name, members in found.tree.leaves().items() for i in members
        },
    }


def _members(unit: Unit, members: Sequence[int]) -> dict[str, Any]:
    return {"count": len(members), "episodes": [unit.episodes[i] for i in members]}


def _representatives(unit: Unit, found: PaperClusters) -> dict[str, str]:
    return {name: f"{unit.root}/{unit.episodes[i]}" for name, i in found.representatives.items()}


def _stats(square: NDArray[np.float64]) -> dict[str, float]:
    upper = square[np.triu_indices_from(square, k=1)]
    return {
        "min": float(upper.min()),
        "max": float(upper.max()),
        "mean": float(upper.mean()),
        "std": float(upper.std()),
    }


def _json(path: Path, data: Any) -> None:
    """As FineVLA writes it, Infinity of a gap included."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False))
