"""The caption score exactly as RoboFine-Bench publishes it, from a judge's verdict on every atomic fact.

Consistency is how much of what was said is right, coverage how much of the truth was said, anti-hallucination one minus
invented actions per true action. Sums are made in the published order: the fourth decimal depends on it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finevla_tools.benchmarks.capabilities import ACTIONS, CAPABILITIES

MATCH, PARTIAL, CONTRADICTION, OMISSION = "match", "partial", "contradiction", "omission"
LABELS = (MATCH, PARTIAL, CONTRADICTION, OMISSION)
CAPABILITY_WEIGHTS: Mapping[str, float] = dict.fromkeys(CAPABILITIES, 1.0 / len(CAPABILITIES))
PARTIAL_CREDIT = 0.5
PARTS = ("consistency", "coverage", "anti_hallucination")
DECIMALS = 4


@dataclass(frozen=True)
class FactVerdict:
    """What a judge says of one atomic fact; `label` is one of `LABELS`."""

    fact_id: str
    capability: str
    slot: str
    gt_value: str
    label: str
    evidence: str = ""
    note: str = ""


@dataclass(frozen=True)
class JudgedSample:
    """A judge's verdicts on one caption, and the actions that it says were invented; with an `error` there are none."""

    sample_id: str
    verdicts: tuple[FactVerdict, ...] = ()
    hallucinations: tuple[Mapping[str, str], ...] = ()
    error: str = ""


@dataclass(frozen=True)
class CapabilityCounts:
    """Verdicts of one capability by label, and invented actions (of `action_sequence` only)."""

    match: int = 0
    partial: int = 0
    contradiction: int = 0
    omission: int = 0
    hallucinated: int = 0

    @property
    def facts(self) -> int:
        """Number of true facts, G."""
        return self.match + self.partial + self.contradiction + self.omission

    @property
    def addressed(self) -> int:
        """Number of facts that the caption speaks of, A."""
        return self.match + self.partial + self.contradiction

    @property
    def said(self) -> int:
        """Number of facts that the caption says, C: those addressed, and those invented."""
        return self.addressed + self.hallucinated

    @property
    def consistency(self) -> float | None:
        """Share of right ones among the facts addressed; None without any."""
        return (self.match + PARTIAL_CREDIT * self.partial) / self.addressed if self.addressed else None

    @property
    def coverage(self) -> float | None:
        """Share of right ones among the true facts; None without any."""
        return (self.match + PARTIAL_CREDIT * self.partial) / self.facts if self.facts else None

    @property
    def anti_hallucination(self) -> float | None:
        """One minus the share of invented ones among the facts said; None without any. No part of a sample's score."""
        return 1.0 - self.hallucinated / self.said if self.said else None


@dataclass(frozen=True)
class CaptionScore:
    """The score of one caption, as published rounded to 4 decimals; with an `error` it does not count."""

    sample_id: str
    counts: Mapping[str, CapabilityCounts]
    consistency: float
    coverage: float
    anti_hallucination: float
    caption: float
    error: str = ""


def counted(judged: JudgedSample) -> dict[str, CapabilityCounts]:
    """Count the verdicts of each of the ten capabilities; those of an unknown capability are dropped, as published."""
    found = {}
    for capability in CAPABILITIES:
        labels = [verdict.label for verdict in judged.verdicts if verdict.capability == capability]
        invented = len(judged.hallucinations) if capability == ACTIONS else 0
        match, partial, contradiction, omission = (labels.count(label) for label in LABELS)
        found[capability] = CapabilityCounts(match, partial, contradiction, omission, invented)
    return found


def score(judged: JudgedSample) -> CaptionScore:
    """Return the published score of a sample, with its corners: nothing said is 0.3333, three invented of one true is -2."""
    counts = counted(judged)
    if judged.error:
        return CaptionScore(judged.sample_id, {}, 0.0, 0.0, 0.0, 0.0, judged.error)
    consistency = _weighted(counts, lambda one: one.consistency)
    coverage = _weighted(counts, lambda one: one.coverage)
    actions = counts[ACTIONS]
    anti = 1.0 - actions.hallucinated / actions.facts if actions.facts else 1.0
    third = 1.0 / 3
    caption = third * consistency + third * coverage + third * anti
    consistency, coverage, anti, caption = (round(value, DECIMALS) for value in (consistency, coverage, anti, caption))
    return CaptionScore(judged.sample_id, counts, consistency, coverage, anti, caption)


def _weighted(counts: Mapping[str, CapabilityCounts], value: Callable[[CapabilityCounts], float | None]) -> float:
    """The weighted mean over the capabilities in which there is a value; 0 where there is none."""
    top = below = 0.0
    for capability, one in counts.items():
        if (worth := value(one)) is not None:
            top += CAPABILITY_WEIGHTS[capability] * worth
            below += CAPABILITY_WEIGHTS[capability]
    return top / below if below else 0.0


def scored_line(one: CaptionScore) -> dict[str, Any]:
    """Return a line of the published `scored_results.jsonl`."""
    return {
        "sample_id": one.sample_id,
        "status": "error" if one.error else "ok",
        "capability_scores": [
            {"capability": capability} | _letters(counts, "") | _shares(counts)
            for capability, counts in one.counts.items()
        ],
        "consistency_score": one.consistency,
        "weighted_coverage": one.coverage,
        "weighted_anti_hallucination": one.anti_hallucination,
        "caption_score": one.caption,
        "error": one.error or None,
    }


def dataset_summary(scores: Sequence[CaptionScore], model: str) -> dict[str, Any]:
    """Return the published `dataset_summary.json`: means of the rounded scores of all samples without an error."""
    good = [one for one in scores if not one.error]
    told: dict[str, Any] = {
        "model_name": model,
        "num_total_samples": len(scores),
        "num_scored_samples": len(good),
        "num_errors": len(scores) - len(good),
    }
    told |= {
        "mean_consistency_score": _mean([one.consistency for one in good]) or 0.0,
        "mean_weighted_coverage": _mean([one.coverage for one in good]) or 0.0,
        "mean_weighted_anti_hallucination": _mean([one.anti_hallucination for one in good]) or 0.0,
        "mean_caption_score": _mean([one.caption for one in good]) or 0.0,
    }
    per_capability = {capability: _pooled([one.counts[capability] for one in good]) for capability in CAPABILITIES}
    return told | {"per_capability": per_capability if good else {}}


def _pooled(counts: Sequence[CapabilityCounts]) -> dict[str, Any]:
    means = {
        f"mean_{part}": _mean([value for one in counts if (value := getattr(one, part)) is not None]) for part in PARTS
    }
    totals: dict[str, int] = {}
    for one in counts:
        for name, count in _letters(one, "total_").items():
            totals[name] = totals.get(name, 0) + count
    totals.pop("total_A", None)
    return means | totals


def _letters(one: CapabilityCounts, before: str) -> dict[str, int]:
    values = (
        one.facts,
        one.said,
        one.match,
        one.partial,
        one.contradiction,
        one.omission,
        one.hallucinated,
        one.addressed,
    )
    return {f"{before}{letter}": value for letter, value in zip("GCMPXOHA", values, strict=True)}


def _shares(one: CapabilityCounts) -> dict[str, float | None]:
    def rest(value: float | None) -> float | None:
        return None if value is None else 1.0 - value

    return {
        "consistency": one.consistency,
        "coverage": one.coverage,
        "omission_rate": rest(one.coverage),
        "anti_hallucination": one.anti_hallucination,
        "hallucination_rate": rest(one.anti_hallucination),
    }


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), DECIMALS) if values else None
