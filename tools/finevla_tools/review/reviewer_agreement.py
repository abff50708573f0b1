"""How far two reviewers agree beyond chance: Cohen's kappa over what each did with every item."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, groupby

from finevla_tools.annotate.annotation import REJECTED
from finevla_tools.review.review_store import Revision


@dataclass(frozen=True)
class Agreement:
    """Of two reviewers: items that both judged, the share on which they did the same, and kappa (None: no variety)."""

    first: str
    second: str
    items: int
    share: float
    kappa: float | None


def agreements(revisions: Sequence[Revision]) -> list[Agreement]:
    """Compare every pair of reviewers who judged the same items without seeing each other."""
    pairs: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for _, group in groupby(sorted(revisions, key=lambda row: row.item), lambda row: row.item):
        rows = list(group)
        draft = next((row for row in rows if row.track == "" and row.version == 0 and row.action == "draft"), None)
        last = {row.track: row for row in sorted(rows, key=lambda row: row.version) if row.track}
        judged = {track: _kind(row, draft) for track, row in last.items()}
        for one, other in combinations(sorted(judged), 2):
            pairs.setdefault((one, other), []).append((judged[one], judged[other]))
    return [
        Agreement(*names, len(kinds), sum(a == b for a, b in kinds) / len(kinds), cohens_kappa(kinds))
        for names, kinds in sorted(pairs.items())
    ]


def cohens_kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """(observed - expected) / (1 - expected) agreement (Cohen 1960); None where both always said the same one thing."""
    count = len(pairs)
    if not count:
        return None
    observed = sum(a == b for a, b in pairs) / count
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    expected = sum(first[kind] * second[kind] for kind in first) / count**2
    return None if expected == 1.0 else (observed - expected) / (1.0 - expected)


def _kind(row: Revision, draft: Revision | None) -> str:
    if row.said.status == REJECTED:
        return "rejected"
    same = draft is not None and (draft.said.value, draft.said.from_s, draft.said.to_s) == (
        row.said.value, row.said.from_s, row.said.to_s,
    )  # fmt: skip
    return "kept" if same else "edited"
