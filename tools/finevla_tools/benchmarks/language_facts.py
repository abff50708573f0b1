"""What a sentence says that matters, read by rules: which arm, from where, which way round, how often, which colour.

Held against the reference claim by claim; that is what word overlap and embeddings do not see.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from finevla_tools.annotate.claims import claims_in
from finevla_tools.benchmarks.caption_scoring import CONTRADICTION, MATCH, OMISSION

# Families of colours that count as one, as RoboFine-Bench's judge is told.
COLOURS = (
    ("white", "off-white", "ivory", "cream", "beige"), ("black", "charcoal"), ("gray", "grey", "silver", "metallic"),
    ("blue", "navy", "purple", "violet", "indigo"), ("green", "teal", "cyan", "turquoise"),
    ("red", "maroon", "crimson"), ("orange",), ("yellow", "gold"), ("brown", "tan", "khaki"), ("pink", "magenta", "rose"),
)  # fmt: skip
EXCLUSIVE = frozenset({"arm", "approach", "direction", "rotation", "angle", "count", "extent", "colour"})


@dataclass(frozen=True)
class WordVerdict:
    """What a sentence says of one claim of its reference; `label` is match, contradiction or omission."""

    kind: str
    value: str
    label: str


def word_facts(text: str) -> set[tuple[str, str]]:
    """Return what a text claims as (kind, value), in English or Chinese; colours by family, in English."""
    found = {(claim.kind, claim.value) for claim in claims_in(text) if not claim.denied and claim.kind != "idle"}
    words = {word.strip(".,;:!?()\"'") for word in text.lower().split()}
    return found | {("colour", family[0]) for family in COLOURS if words & set(family)}


def word_verdicts(prediction: str, references: Sequence[str]) -> list[WordVerdict]:
    """Return a verdict on each claim of the reference (of several the one that is met best), by kind and value."""
    said = word_facts(prediction)
    kinds = {kind for kind, _ in said}
    judged = []
    for reference in references:
        verdicts = []
        for kind, value in sorted(word_facts(reference)):
            is_against = kind in EXCLUSIVE and kind in kinds
            label = MATCH if (kind, value) in said else CONTRADICTION if is_against else OMISSION
            verdicts.append(WordVerdict(kind, value, label))
        judged.append(verdicts)
    return max(judged, key=lambda some: sum(one.label == MATCH for one in some) / max(len(some), 1), default=[])


def word_score(verdicts: Sequence[WordVerdict]) -> float | None:
    """Return the share of claims that are met, 0 where one is contradicted; None for a reference without claims."""
    if not verdicts:
        return None
    labels = [one.label for one in verdicts]
    return 0.0 if CONTRADICTION in labels else labels.count(MATCH) / len(labels)
