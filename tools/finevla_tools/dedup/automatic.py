"""Where to cut a tree when nobody says: where the merge heights leap, and what is then in one cluster holds together.

FineVLA takes the largest relative gap of the last ten heights: at most nine clusters, and an exact copy makes it infinite.
Here every height is looked at, noise near 0 makes no gap, and where nothing stands out only what is nearly the same is merged:
an episode is not thrown away on weak evidence.
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
LEAST_RATIO = 1.5  # of the heights around a leap; without structure they seldom have it
LEAST_SILHOUETTE = 0.7  # "a strong structure has been found" (Kaufman and Rousseeuw 1990, table 4 of chapter 2)


@dataclass(frozen=True)
class Candidate:
    """One height at which the tree could be cut."""

    clusters: int
    distance: float  # half-way up the leap
    ratio: float  # of the heights above and below, the noise added to both
    silhouette: float  # mean over the episodes that have company (Rousseeuw 1987)
    score: float  # log(ratio) * silhouette

    @property
    def stands_out(self) -> bool:
        return self.ratio >= LEAST_RATIO and self.silhouette >= LEAST_SILHOUETTE


def noise_of(condensed: NDArray[np.float64]) -> float:
    """Distances up to this one are no difference; 0 if hardly any is more than rounding."""
    noise = NOISE * float(np.median(condensed) or np.mean(condensed))
    return noise if noise > ROUNDING else 0.0


def candidates(tree: NDArray[np.float64], condensed: NDArray[np.float64], most: int = WEIGHED) -> tuple[Candidate, ...]:
    """The `most` largest leaps of SciPy's `tree`, best score first; `condensed`: the distances that it was made of."""
    import kmedoids  # for its silhouette: compiled

    heights, noise = tree[:, 2], noise_of(condensed)
    if noise == 0:
        return ()
    ratios = (heights[1:] + noise) / (heights[:-1] + noise)
    square = squareform((condensed / noise).astype(np.float32))  # a silhouette has no scale
    found = []
    for k in np.argsort(-ratios, kind="stable")[:most]:
        if ratios[k] <= 1:
            break  # equal heights, and so are all that follow
        distance = float(heights[k] + heights[k + 1]) / 2
        labels = fcluster(tree, distance, "distance").astype(np.int64) - 1
        company = np.bincount(labels)[labels] > 1
        each = np.asarray(kmedoids.silhouette(square, labels, samples=True, n_cpu=1)[1])
        silhouette = float(each[company].mean())
        score = math.log(ratios[k]) * max(silhouette, 0.0)
        found.append(Candidate(int(labels.max()) + 1, distance, float(ratios[k]), silhouette, score))
    return tuple(sorted(found, key=lambda c: (-c.score, c.clusters)))


def best(weighed: tuple[Candidate, ...], condensed: NDArray[np.float64]) -> tuple[float, str]:
    """The height to cut at and, in words, why."""
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
