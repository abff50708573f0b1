"""From numbers to verdicts: thresholds that are given, fixed or taken from the data, a row per episode and check, keep or drop.

A threshold from the data is the median plus or minus k times 1.4826 MAD, on a linear or logarithmic scale: a few bad episodes
do not move it, as they would mean and standard deviation.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from finevla_core.errors import FineVLAError, unknown
from finevla_tools.clean.checks import CHECKS, Check, Measurement
from finevla_tools.clean.episode_measures import Findings

MAD_TO_SIGMA = 1.4826  # of a normal distribution
K = 6.0
LEAST = 8  # of fewer episodes nobody can say what is usual
OK, FLAGGED, SKIPPED = "ok", "flagged", "not looked at"


@dataclass(frozen=True)
class Threshold:
    """Threshold of a check and, in words, where it comes from; value None: there is none."""

    value: float | None
    source: str


@dataclass(frozen=True)
class DecisionRow:
    """Row of checks.parquet: one check of one episode (and camera) with value, threshold and verdict."""

    episode: int
    check: str
    part: str
    value: float | None
    threshold: float | None
    verdict: str
    frame: int | None
    reason: str


@dataclass(frozen=True)
class EpisodeDecision:
    """Decision on one episode: kept or not, and the reasons; those that only note begin with "note: "."""

    episode: int
    keep: bool
    rows: int
    tasks: tuple[str, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Decisions:
    """Result of all checks: a row per episode and check, a decision per episode, and thresholds by (check, part)."""

    rows: list[DecisionRow]
    episodes: list[EpisodeDecision]
    thresholds: Mapping[tuple[str, str], Threshold]

    @property
    def dropped(self) -> list[int]:
        """Indices of the episodes to drop."""
        return [d.episode for d in self.episodes if not d.keep]


def parse_set(given: Sequence[str]) -> dict[str, float]:
    """Parse `--set CHECK=NUMBER` options; raises `FineVLAError` for an unknown check or no number."""
    found = {}
    for text in given:
        name, _, number = text.partition("=")
        if name not in CHECKS:
            raise FineVLAError(unknown("check", name, CHECKS))
        try:
            found[name] = float(number)
        except ValueError:
            raise FineVLAError(f"--set {text}: '{number}' is not a number") from None
        if np.isnan(found[name]):
            raise FineVLAError(f"--set {text}: NaN is no threshold")
    return found


def chosen(only: str | None, skip: str | None, videos: bool) -> tuple[str, ...]:
    """Return the names of the checks to run, in order, `corrupt` included; raises `FineVLAError` for unknown names."""
    lists = []
    for text in (only, skip):
        names = [name.strip() for name in (text or "").split(",") if name.strip()]
        if odd := [name for name in names if name not in CHECKS]:
            raise FineVLAError(unknown("check", odd[0], CHECKS))
        lists.append(names)
    wanted = lists[0] or [c.name for c in CHECKS.values() if videos or not c.needs_video]
    return tuple(name for name in CHECKS if name == "corrupt" or (name in wanted and name not in lists[1]))


def threshold_of(check: Check, values: Sequence[float], given: float | None, k: float = K) -> Threshold:
    """Return the check's threshold: the given one, else its fixed one, else one from the values of all episodes."""
    if given is not None:
        return Threshold(given, "given")
    if check.fixed is not None:
        return Threshold(check.fixed, "fixed")
    finite = np.array([v for v in values if np.isfinite(v)])
    if check.scale == "log":
        finite = np.log(finite[finite > 0])
    if len(finite) < LEAST:
        if check.harmless is None:
            return Threshold(None, f"none: fewer than {LEAST} episodes")
        return Threshold(check.harmless, f"what is surely harmless, for there are fewer than {LEAST} episodes")
    middle = float(np.median(finite))
    mad = MAD_TO_SIGMA * float(np.median(np.abs(finite - middle)))
    line = middle + (-1 if check.is_low_bad else 1) * k * max(mad, check.spread)
    value = float(np.exp(line)) if check.scale == "log" else line
    scale = " of the logarithm" if check.scale == "log" else ""
    sign = "-" if check.is_low_bad else "+"
    source = f"from the data: median {sign} {k:g} x {max(mad, check.spread):.3g} (MAD{scale})"
    if check.harmless is not None and value < check.harmless and not check.is_low_bad:
        return Threshold(check.harmless, "what is surely harmless; the data would give less")
    return Threshold(value, source)


def decide(
    found: Iterable[Findings],
    names: Sequence[str],
    given: Mapping[str, float],
    k: float = K,
    notes: frozenset[str] = frozenset(),
) -> Decisions:
    """Apply the thresholds to all findings; `notes` names more checks that flag an episode but do not drop it."""
    findings = list(found)
    if "twin" in names:
        _add_twins(findings)
    by_kind: dict[tuple[str, str], list[float]] = {}
    for one in findings:
        for m in one.measures:
            if m.value is not None:
                by_kind.setdefault((m.check, m.part), []).append(m.value)
    thresholds = {
        (check, part): threshold_of(CHECKS[check], values, given.get(check), k)
        for (check, part), values in by_kind.items()
    }
    rows, episodes = [], []
    for one in findings:
        own = [_row(one.episode, m, thresholds.get((m.check, m.part))) for m in one.measures]
        flagged = [row for row in own if row.verdict == FLAGGED]
        drops = [r for r in flagged if r.check not in notes and (not CHECKS[r.check].notes or r.check in given)]
        reasons = [r.reason if r in drops else f"note: {r.reason}" for r in flagged]
        reasons.sort(key=lambda text: text.startswith("note: "))
        episodes.append(EpisodeDecision(one.episode, not drops, one.rows, one.tasks, tuple(reasons)))
        rows += own
    return Decisions(rows, episodes, thresholds)


def _row(episode: int, m: Measurement, threshold: Threshold | None) -> DecisionRow:
    check = CHECKS[m.check]
    if m.value is None:
        return DecisionRow(episode, m.check, m.part, None, None, SKIPPED, m.frame, m.said)
    line = threshold.value if threshold else None
    if line is None:
        return DecisionRow(episode, m.check, m.part, m.value, None, OK, m.frame, m.said)
    is_bad = m.value < line if check.is_low_bad else m.value > line
    if not is_bad:
        return DecisionRow(episode, m.check, m.part, m.value, line, OK, m.frame, m.said)
    than = "at least" if check.is_low_bad else "at most"
    at = f" (frame {m.frame})" if m.frame is not None else ""
    bound = "" if line == 0 else f"; {than} {line:.4g} is allowed"
    return DecisionRow(episode, m.check, m.part, m.value, line, FLAGGED, m.frame, f"{m.said}{at}{bound}")


def _add_twins(findings: list[Findings]) -> None:
    """Add the `twin` measure: for each episode, how many earlier ones have the same numbers."""
    first: dict[str, int] = {}
    counts: Counter[str] = Counter()
    for one in findings:
        one.measures = [m for m in one.measures if m.check != "twin"]
        if not one.digest or not one.rows:
            continue
        before = first.setdefault(one.digest, one.episode)
        said = (
            "no earlier episode has the same numbers"
            if before == one.episode
            else f"the same numbers as episode {before}"
        )
        one.measures.append(Measurement("twin", counts[one.digest], said))
        counts[one.digest] += 1
