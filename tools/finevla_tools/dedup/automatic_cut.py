"""Choose the height at which to cut a merge tree: a large gap between merge heights, with well-separated clusters.

FineVLA takes the largest relative gap of the last ten heights: at most nine clusters, and an exact copy makes it
infinite. Here every height is considered, differences near 0 count as noise, and a gap may contain a few merges. Where
no gap is clear, only nearly identical episodes are merged, so that no episode is dropped on weak evidence.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster
from scipy.spatial.distance import squareform

WEIGHED = 12  # leaps that are looked at closer, the largest
NOISE = 0.02  # of the median distance: less is no difference
ROUNDING = 1e-12  # in the measure's units
INSIDE = 0.1  # see _leaps
LEAST_RATIO = 1.5  # of the heights around a leap; without structure they seldom have it
LEAST_SILHOUETTE = 0.7  # "a strong structure has been found" (Kaufman and Rousseeuw 1990, chapter 2)


@dataclass(frozen=True)
class Candidate:
    """One height at which the tree could be cut."""

    clusters: int
    distance: float  # half-way up its highest step
    ratio: float  # of the heights where it ends and begins, the noise added to both
    silhouette: float  # mean over the episodes that have company (Rousseeuw 1987)
    score: float  # log(ratio) * silhouette

    @property
    def stands_out(self) -> bool:
        """Whether gap ratio and silhouette are both large enough to cut here."""
        return self.ratio >= LEAST_RATIO and self.silhouette >= LEAST_SILHOUETTE


def noise_of(condensed: NDArray[np.float64]) -> float:
    """Return the distance below which episodes count as equal; 0 if nearly all distances are rounding errors."""
    noise = NOISE * float(np.median(condensed) or np.mean(condensed))
    return noise if noise > ROUNDING else 0.0


def candidates(tree: NDArray[np.float64], condensed: NDArray[np.float64], most: int = WEIGHED) -> tuple[Candidate, ...]:
    """Return up to `most` gaps of SciPy's `tree`, best score first; `condensed` are the distances it was made from."""
    import kmedoids  # for its silhouette: compiled

    heights, noise = tree[:, 2], noise_of(condensed)
    if noise == 0:
        return ()
    steps, ratios = _leaps(heights + noise)
    square = squareform((condensed / noise).astype(np.float32))  # a silhouette has no scale
    found: dict[float, Candidate] = {}
    for step, ratio in zip(steps.tolist(), ratios.tolist(), strict=True):
        distance = float(heights[step] + heights[step + 1]) / 2
        if ratio <= 1 or len(found) == most:
            break
        if distance in found:
            continue
        labels = fcluster(tree, distance, "distance").astype(np.int64) - 1
        company = np.bincount(labels)[labels] > 1
        each = np.asarray(kmedoids.silhouette(square, labels, samples=True, n_cpu=1)[1])
        silhouette = float(each[company].mean())
        score = math.log(ratio) * max(silhouette, 0.0)
        found[distance] = Candidate(int(labels.max()) + 1, distance, ratio, silhouette, score)
    return tuple(sorted(found.values(), key=lambda c: (-c.score, c.clusters)))


def _leaps(heights: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Largest first: the step (from height k to k + 1) to cut in, and the ratio around it.

    Between clusters of a large group lie a few merges of either kind: a leap may be so many steps long that it holds `INSIDE`
    of the merges below or above it, whichever are fewer. It is cut in its highest step.
    """
    at, last = np.arange(len(heights) - 1), len(heights) - 1
    length = np.maximum(1, np.round(INSIDE * np.minimum(at + 1, last - at))).astype(np.int64)
    low = at - (length - 1) // 2
    ratios = heights[low + length] / heights[low]
    single = heights[1:] / heights[:-1]
    order = np.argsort(-ratios, kind="stable")
    steps = [low[k] + np.argmax(single[low[k] : low[k] + length[k]]) for k in order]
    return np.array(steps, dtype=np.int64), ratios[order]


def best(weighed: tuple[Candidate, ...], condensed: NDArray[np.float64]) -> tuple[float, str]:
    """Return the height to cut at and a phrase that says why."""
    noise = noise_of(condensed)
    if noise == 0:
        return ROUNDING, "cut at distance 0: all episodes are the same"
    if (found := next((c for c in weighed if c.stands_out), None)) is not None:
        return found.distance, (
            f"cut at distance {found.distance:.4g}, found: the merge heights leap {found.ratio:.1f}-fold there and the "
            f"silhouette is {found.silhouette:.2f}, the best of {len(weighed)} leaps"
        )
    seen = "there is none"
    if weighed:
        first = weighed[0]
        seen = f"the best of {len(weighed)} is {first.ratio:.1f}-fold with silhouette {first.silhouette:.2f}"
    return noise, (
        f"cut at distance {noise:.4g}, {NOISE:.0%} of the median: no leap of the merge heights stands out ({seen}, it takes "
        f"{LEAST_RATIO} and {LEAST_SILHOUETTE}) - give a distance or a count"
    )
