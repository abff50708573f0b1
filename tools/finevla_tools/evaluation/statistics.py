"""Statistics of an evaluation: shares with Wilson intervals by factor, pair and task, and comparisons."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from finevla_sim.tasks import FACTORS, TASKS
from finevla_tools.evaluation.scene_counts import PAIRED

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Share:
    """Share `right / trials` with its 95 % Wilson interval, `low` to `high`."""

    right: int
    trials: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Fraction of trials that are right; NaN if there are none."""
        return self.right / self.trials if self.trials else float("nan")

    def __str__(self) -> str:
        return f"{self.share:.1%} [{self.low:.1%}, {self.high:.1%}] of {self.trials}" if self.trials else "-"


def wilson(right: int, trials: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of `right` in `trials` (Wilson 1927); (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    from scipy.stats import binomtest  # a second to load

    interval = binomtest(right, trials).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def share(answers: Iterable[bool]) -> Share:
    """Count the answers that are True; return the share with its 95 % Wilson interval."""
    every = [bool(answer) for answer in answers]
    return Share(sum(every), len(every), *wilson(sum(every), len(every)))


def summarise(records: Sequence[Record]) -> dict[str, Any]:
    """One contestant's records as shares: `factors`, `pairs`, `tasks` (fine, raw), `hard`, `held_out`, and sums."""
    easy = [r for r in records if r["level"] == "easy" and r["words"] == "fine" and r["kind"] != "held_out"]
    hard = [r for r in records if r["level"] == "hard"]
    asked = {words: [r for r in records if r["kind"] == "task" and r["words"] == words] for words in ("fine", "raw")}
    held_out = [r for r in records if r["kind"] == "held_out"]
    return {
        "trials": len(records),
        "factors": _by_factor(easy),
        "pairs": _pairs(records),
        "success": {words: share(r["success"] for r in some) for words, some in asked.items()},
        "tasks": {
            task: {words: share(r["success"] for r in some if r["task"] == task) for words, some in asked.items()}
            for task in TASKS
        },
        "score": {words: _mean([r["score"] for r in some]) for words, some in asked.items()},
        "hard": {"factors": _by_factor(hard), "success": share(r["success"] for r in hard)},
        "held_out": share(r["success"] and r["obeyed"].get("active_actor", False) for r in held_out),
        "latched": share(bool(r["latched"]) for r in records if "latched" in r),  # not in records of before
        "chunks": {"accepted": sum(r["accepted"] for r in records), "refused": sum(r["refused"] for r in records)},
        "seconds": {"simulated": sum(r["seconds"] for r in records), "computed": sum(r["wall_s"] for r in records)},
    }


def paired(records: Sequence[Record]) -> dict[str, list[tuple[Record, Record]]]:
    """Return both records of each complete pair, by factor."""
    found: dict[str, dict[tuple[str, int], dict[int, Record]]] = {factor: defaultdict(dict) for factor in PAIRED}
    for record in records:
        if record["kind"] in found:
            found[record["kind"]][record["task"], record["number"]][record["member"]] = record
    return {factor: [(p[0], p[1]) for p in pairs.values() if len(p) == 2] for factor, pairs in found.items()}


def together(summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Pool the shares of several summaries as if their trials were one evaluation; sums and means are left out."""
    found: dict[str, Any] = {}
    for name, value in summaries[0].items():
        same = [summary[name] for summary in summaries]
        if isinstance(value, Share):
            right, trials = sum(s.right for s in same), sum(s.trials for s in same)
            found[name] = Share(right, trials, *wilson(right, trials))
        elif isinstance(value, dict):
            found[name] = together(same)
    return found


def plain(summary: Any) -> Any:
    """Convert a summary to JSON data: shares become dicts, NaN becomes None."""
    if isinstance(summary, Share):
        return asdict(summary) | {"share": None if summary.trials == 0 else summary.share}
    if isinstance(summary, dict):
        return {key: plain(value) for key, value in summary.items()}
    return None if isinstance(summary, float) and summary != summary else summary


def _by_factor(records: Sequence[Record]) -> dict[str, Share]:
    return {
        factor: share(r["obeyed"][factor] for r in records if factor in r["told"] and factor in r["obeyed"])
        for factor in FACTORS
    }


def _pairs(records: Sequence[Record]) -> dict[str, Share]:
    """A pair is right if the execution changed as told: the factor was obeyed both times."""
    return {
        factor: share(all(r["obeyed"].get(factor, False) for r in pair) for pair in pairs)
        for factor, pairs in paired(records).items()
    }


def average(shares: Mapping[str, Share]) -> float:
    """Return the mean share over the factors that have trials; NaN if none has."""
    return _mean([s.share for s in shares.values() if s.trials])


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
