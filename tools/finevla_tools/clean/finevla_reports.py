"""Read and write FineVLA's report files, for one data set and for a folder of them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from finevla_core.errors import FineVLAError
from finevla_core.recording.atomic_files import write_text
from finevla_core.text_files import read_json
from finevla_tools.clean.finevla_filters import (
    CORRUPT_WORDS,
    FRAME_WORDS,
    L2_WORDS,
    TASK_WORDS,
    PaperLimits,
    PaperVerdict,
)

Problems = Mapping[str, Sequence[str]]  # episode id without leading zeros: reasons
DIFF_FILE = "state_action_diff_report.json"


def report_name(key: str) -> str:
    """Return the file name under which FineVLA's clustering looks for the report in a data set's root."""
    return f"{key.replace('/', '_')}_filter_report.json"


def flat_report(key: str, root: Path, limits: PaperLimits, verdicts: Mapping[int, PaperVerdict]) -> dict[str, Any]:
    """Return FineVLA's filter report of one data set: a summary, and reasons by problem episode."""
    problems = _problems(verdicts)
    summary = {"dataset": key, "dataset_path": str(root), "l2_threshold": limits.l2} | _counts(problems)
    if (statistics := l2_statistics([v.l2 for v in verdicts.values()], True)) is not None:
        summary["l2_statistics"] = statistics
    return {"summary": summary, key: problems}


def structured_report(
    key: str, root: Path, limit: float | None, parts: Mapping[str, Mapping[int, PaperVerdict]], failed: int = 0
) -> dict[str, Any]:
    """Return FineVLA's filter report of a folder of data sets; `parts` holds the verdicts by data set name."""
    subsets: dict[str, Any] = {}
    totals = dict.fromkeys(("frame_too_short", "task_empty", "l2_abnormal", "parquet_corrupted"), 0)
    for name, verdicts in parts.items():
        problems = _problems(verdicts)
        counts = _counts(problems)
        for what, number in counts["breakdown"].items():
            totals[what] += number
        subsets[name] = {"summary": {"total_episodes": len(verdicts)} | counts, "episodes": problems}
    summary: dict[str, Any] = {
        "dataset": key,
        "dataset_path": str(root),
        "mode": "subdataset",
        "total_subdatasets": len(parts) + failed,
        "processed_subdatasets": len(parts),
        "failed_subdatasets": failed,
        "total_episodes": sum(map(len, parts.values())),
        "total_problem_episodes": sum(len(s["episodes"]) for s in subsets.values()),
        "l2_threshold": limit,
        "breakdown": totals,
    }
    if (found := l2_statistics([v.l2 for p in parts.values() for v in p.values()], False)) is not None:
        summary["l2_statistics"] = found
    return {"summary": summary, "subdatasets": subsets}


def diff_report(key: str, root: Path, limits: PaperLimits, verdicts: Mapping[int, PaperVerdict]) -> dict[str, Any]:
    """Return the content of FineVLA's state_action_diff_report.json: L2 distance of state and action per episode."""
    known = {index: v for index, v in verdicts.items() if v.l2 is not None}
    slot: Any = limits.slots[0] if len(limits.slots) == 1 else list(limits.slots)
    flagged = [i for i, v in known.items() if any(word in r for r in v.reasons for word in L2_WORDS)]
    return {
        "state_slot": slot,
        "action_slot": slot,
        "metric": "range_norm_l2",
        "threshold": limits.l2,
        "total_episodes": len(verdicts),
        "valid_episodes": sum(bool(np.isfinite(v.l2 or 0.0)) for v in known.values()),
        "flagged_episodes": [f"episode_{i:06d}" for i in flagged],
        "statistics": l2_statistics([v.l2 for v in known.values()], True) or {},
        "episodes": [
            {"episode_name": f"episode_{i:06d}", "valid_frames": v.valid_frames, "l2_score": v.l2}
            for i, v in known.items()
        ],
        "dataset": key,
        "dataset_path": str(root),
    }


def l2_statistics(scores: Sequence[float | None], is_flat: bool) -> dict[str, float] | None:
    """Return statistics of the known distances, None without any; a flat report excludes and counts infinite ones."""
    known = np.array([s for s in scores if s is not None and not np.isnan(s)])
    finite = known[np.isfinite(known)] if is_flat else known
    if not len(finite):
        return None
    with np.errstate(invalid="ignore"):
        found = {
            "mean_l2": finite.mean(),
            "median_l2": np.median(finite),
            "std_l2": finite.std(),
            "min_l2": finite.min(),
            "max_l2": finite.max(),
            **{f"p{p}_l2": np.percentile(finite, p) for p in (90, 95, 99)},
        }
    numbers = {name: float(value) for name, value in found.items()}
    return numbers | {"n_inf": int(np.isinf(known).sum())} if is_flat else numbers


def write_report(path: Path, report: Mapping[str, Any], compat: bool) -> None:
    """Write a report atomically; with `compat` NaN and Infinity stay bare as in FineVLA's files, else become null."""
    data = json.dumps(report if compat else strict(report), indent=2, ensure_ascii=False, allow_nan=compat)
    write_text(path, data + "\n")


def read_report(path: Path) -> dict[str, dict[str, list[str]]]:
    """Read problem episodes and reasons by data set from either kind of report; raises `FineVLAError` for any other."""
    raw = read_json(path)
    if not isinstance(raw, dict):
        raise FineVLAError(f"'{path}' is no filter report: it is not a JSON object")
    if "subdatasets" in raw:
        parts = raw["subdatasets"]
        if not isinstance(parts, dict) or not all(isinstance(p, dict) for p in parts.values()):
            raise FineVLAError(f"'{path}': subdatasets is not an object of objects")
        found = {name: part.get("episodes", {}) for name, part in parts.items()}
    else:
        found = {name: part for name, part in raw.items() if name != "summary"}
    for name, part in found.items():
        if not isinstance(part, dict) or not all(k.isdecimal() and _is_reasons(v) for k, v in part.items()):
            raise FineVLAError(f"'{path}': '{str(name)[:80]}' is not an object of episode numbers and lists of reasons")
    return found


def strict(value: Any) -> Any:
    """Return a copy in which NaN and infinity are None, since JSON has neither."""
    if isinstance(value, dict):
        return {key: strict(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [strict(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _problems(verdicts: Mapping[int, PaperVerdict]) -> dict[str, list[str]]:
    return {str(index): list(verdicts[index].reasons) for index in sorted(verdicts) if verdicts[index].reasons}


def _counts(problems: Problems) -> dict[str, Any]:
    """FineVLA counts by parts of words: a reason may count twice, and a broken file alone counts as `both`."""

    def has(reasons: Sequence[str], words: Sequence[str]) -> bool:
        return any(word in reason for reason in reasons for word in words)

    kinds = [(has(r, (*FRAME_WORDS, *TASK_WORDS)), has(r, L2_WORDS)) for r in problems.values()]
    only_frames, only_l2 = kinds.count((True, False)), kinds.count((False, True))
    return {
        "total_problem_episodes": len(problems),
        "frame_task_only": only_frames,
        "l2_only": only_l2,
        "both": len(kinds) - only_frames - only_l2,
        "breakdown": {
            "frame_too_short": sum(has(r, FRAME_WORDS) for r in problems.values()),
            "task_empty": sum(has(r, TASK_WORDS) for r in problems.values()),
            "l2_abnormal": sum(has(r, L2_WORDS) for r in problems.values()),
            "parquet_corrupted": sum(has(r, CORRUPT_WORDS) for r in problems.values()),
        },
    }


def _is_reasons(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(reason, str) for reason in value)
