"""Judged captions of several models, rounds and repeats, and their scores beside each other."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from finevla_tools.benchmarks.capabilities import CAPABILITIES
from finevla_tools.benchmarks.caption_repair import NO_CAPTION, AtomicFact, repaired_score
from finevla_tools.benchmarks.caption_run import published_scores
from finevla_tools.benchmarks.caption_scoring import PARTS, CaptionScore, JudgedSample, dataset_summary
from finevla_tools.benchmarks.evaluation_files import BenchSample
from finevla_tools.benchmarks.score_uncertainty import ScoreInterval, bootstrap

NUMBERS = re.compile(r"(?:_round(\d+))?(?:_repeat(\d+))?$")


@dataclass(frozen=True)
class CaptionRun:
    """Captions of one model in one round, judged once; `name` may end in `_round2_repeat3`."""

    name: str
    judged: Mapping[str, JudgedSample]
    captions: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def model(self) -> str:
        """The name without round and repeat."""
        return NUMBERS.sub("", self.name)

    @property
    def round(self) -> str:
        """What names the caption: the name without its repeat."""
        return re.sub(r"_repeat\d+$", "", self.name)


@dataclass(frozen=True)
class CaptionFacts:
    """The samples of a set that have facts; `folder` is where their videos are looked for."""

    folder: Path
    samples: Mapping[str, BenchSample]
    facts: Mapping[str, Sequence[AtomicFact]]

    def dataset(self, name: str) -> str:
        """Return the data set that a sample is of; "" where it is not known."""
        return self.samples[name].dataset if name in self.samples else ""


def repaired_scores(asked: CaptionFacts, run: CaptionRun) -> dict[str, CaptionScore]:
    """Return the repaired scores of all samples with facts; 0 for those without caption or verdicts."""
    return {
        name: repaired_score(facts, run.judged.get(name) or JudgedSample(name, error=NO_CAPTION))
        for name, facts in asked.facts.items()
    }


def sample_means(every: Sequence[Mapping[str, CaptionScore]], part: str, with_errors: bool = False) -> dict[str, float]:
    """Return the mean of a part by sample over rounds and repeats; scores with an error count only if asked for."""
    found: dict[str, list[float]] = {}
    for scores in every:
        for name, one in scores.items():
            if with_errors or not one.error:
                found.setdefault(name, []).append(getattr(one, part))
    return {name: fmean(some) for name, some in found.items()}


def caption_interval(
    every: Sequence[Mapping[str, CaptionScore]], part: str = "caption", with_errors: bool = False
) -> ScoreInterval:
    """Return the mean of a part over samples with its bootstrap interval; rounds and repeats of a sample are one."""
    values = list(sample_means(every, part, with_errors).values())
    return bootstrap(values, [1.0] * len(values))


def good(scores: Mapping[str, CaptionScore]) -> list[CaptionScore]:
    """Return the scores that count as published: those without an error."""
    return [one for one in scores.values() if not one.error]


def csv_rows(asked: CaptionFacts, runs: Sequence[CaptionRun]) -> list[dict[str, Any]]:
    """Return the published comparison, with the repaired score and the denominators behind it."""
    rows = []
    for run in runs:
        told = dataset_summary(list(published_scores(run.judged).values()), run.name)
        repaired = [repaired_scores(asked, run)]
        row: dict[str, Any] = {
            "model_name": run.name,
            "num_scored": told["num_scored_samples"],
            "caption_score": told["mean_caption_score"],
            "consistency": told["mean_consistency_score"],
            "coverage": told["mean_weighted_coverage"],
            "anti_hallucination": told["mean_weighted_anti_hallucination"],
        }
        for capability in CAPABILITIES:
            own = told["per_capability"].get(capability, {})
            for short, name in (("cov", "coverage"), ("cons", "consistency"), ("ah", "anti_hallucination")):
                value = own.get(f"mean_{name}")
                row[f"{capability}_{short}"] = "" if value is None else value
        for name in ("caption", *PARTS):
            row[f"repaired_{name}"] = round(caption_interval(repaired, name, with_errors=True).value, 4)
        rows.append(row | {"num_facts_samples": len(asked.facts), "num_errors": told["num_errors"]})
    return rows


def models_of(runs: Sequence[CaptionRun]) -> dict[str, list[CaptionRun]]:
    """Group runs by the model that was judged."""
    found: dict[str, list[CaptionRun]] = {}
    for run in runs:
        found.setdefault(run.model, []).append(run)
    return found
