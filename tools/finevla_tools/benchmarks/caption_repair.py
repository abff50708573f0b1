"""The repaired caption score, and what in a judge's verdicts does not fit the facts that it was given.

Each repair has a name; the report says beside every score which of them changed it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from finevla_tools.benchmarks.capabilities import ACTIONS
from finevla_tools.benchmarks.caption_scoring import (
    OMISSION,
    CapabilityCounts,
    CaptionScore,
    FactVerdict,
    JudgedSample,
    counted,
)

REPAIRS: Mapping[str, str] = {
    "every fact once": "facts that the judge left out are omissions; of doubled ones the first counts; unknown ones do not",
    "bounded anti-hallucination": "one minus the share of invented actions among the actions said, 0 to 1, also where no "
    "action is true; who says no action earns nothing",
    "missing captions": "a sample without a caption or a verdict counts as 0 instead of leaving the mean",
    "no early rounding": "scores are averaged before they are rounded",
}
EVERY_FACT, BOUNDED, MISSING, UNROUNDED = REPAIRS
NO_CAPTION = "no caption"


@dataclass(frozen=True)
class AtomicFact:
    """One true statement of a sample: `fact_id` is `<capability>_<n>`, `step_anchor` "step_2" or "", `thing` may be ""."""

    fact_id: str
    capability: str
    slot: str
    value: str
    fact_text: str
    step_anchor: str = ""
    thing: str = ""


@dataclass(frozen=True)
class JudgeFlaws:
    """What is wrong with a judge's list: facts not judged, judged twice, never given, or given back as something else."""

    missing: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.doubled or self.unknown or self.changed)

    def __str__(self) -> str:
        told = ((name, getattr(self, name)) for name in ("missing", "doubled", "unknown", "changed"))
        return "; ".join(f"{name}: {', '.join(some[:5])}{' ...' * (len(some) > 5)}" for name, some in told if some)


def flaws(facts: Sequence[AtomicFact], verdicts: Sequence[FactVerdict]) -> JudgeFlaws:
    """Return where the verdicts are not one for each fact, with its capability and value."""
    given = {fact.fact_id: fact for fact in facts}
    times = Counter(verdict.fact_id for verdict in verdicts)
    return JudgeFlaws(
        tuple(name for name in given if not times[name]),
        tuple(name for name, count in times.items() if count > 1 and name in given),
        tuple(name for name in times if name not in given),
        tuple(
            dict.fromkeys(
                verdict.fact_id
                for verdict in verdicts
                if (fact := given.get(verdict.fact_id)) is not None
                and (verdict.capability != fact.capability or verdict.gt_value.strip() != fact.value.strip())
            )
        ),
    )


def complete(facts: Sequence[AtomicFact], judged: JudgedSample) -> JudgedSample:
    """Return the verdicts as one for each fact, in the order of the facts."""
    first: dict[str, FactVerdict] = {}
    for verdict in judged.verdicts:
        first.setdefault(verdict.fact_id, verdict)
    verdicts = []
    for fact in facts:
        own = first.get(fact.fact_id)
        label, evidence, note = (own.label, own.evidence, own.note) if own else (OMISSION, "", "not judged")
        verdicts.append(FactVerdict(fact.fact_id, fact.capability, fact.slot, fact.value, label, evidence, note))
    return replace(judged, verdicts=tuple(verdicts))


def repaired_score(facts: Sequence[AtomicFact], judged: JudgedSample) -> CaptionScore:
    """Return the repaired score of a sample, all parts 0 to 1 and not rounded; 0 where there is an error."""
    if judged.error:
        return CaptionScore(judged.sample_id, {}, 0.0, 0.0, 0.0, 0.0, judged.error)
    counts = counted(complete(facts, judged))
    consistency = _mean([one.consistency for one in counts.values()])
    coverage = _mean([one.coverage for one in counts.values()])
    anti = _bounded(counts)
    parts = [value for value in (consistency, coverage, anti) if value is not None]
    caption = sum(parts) / len(parts) if parts else 0.0
    return CaptionScore(judged.sample_id, counts, consistency or 0.0, coverage or 0.0, anti or 0.0, caption)


def _bounded(counts: Mapping[str, CapabilityCounts]) -> float | None:
    """None where no action is true and none was said: there is nothing to be measured."""
    actions = counts[ACTIONS]
    if actions.said:
        return actions.anti_hallucination
    return 0.0 if actions.facts else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def repairs_of(
    facts: Sequence[AtomicFact], judged: JudgedSample, published: CaptionScore, repaired: CaptionScore
) -> list[str]:
    """Return the names of the repairs that changed this sample's score."""
    if judged.error:
        return [MISSING]
    found = [EVERY_FACT] if flaws(facts, judged.verdicts) else []
    if abs(published.anti_hallucination - repaired.anti_hallucination) > 5e-5:
        found.append(BOUNDED)
    return found
