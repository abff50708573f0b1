"""Episodes as points of a plane whose distances are theirs as nearly as can be: metric MDS.

The start is classical scaling, not chance, and the points are turned to their main axis: the same distances, the same picture.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
STEPS = 200  # of SMACOF; from the classical start it settles long before


@dataclass(frozen=True)
class Embedding:
    """Points (M, 2) in the unit of the distances, and Kruskal's stress-1: 0 = the plane shows the distances as they are."""

    points: Array
    stress: float


def embed(square: Array) -> Embedding:
    """Metric MDS (SMACOF) of a full, symmetric matrix (M, M) without nan."""
    count = len(square)
    if count < 3 or not square.any():
        points = np.zeros((count, 2))
        if count == 2:
            points[:, 0] = [-square[0, 1] / 2, square[0, 1] / 2]
        return Embedding(points, 0.0)
    from sklearn.manifold import MDS
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    size = float(square.max())  # its stop rule is absolute below 1
    model = MDS(2, metric="precomputed", init="classical_mds", n_init=1, max_iter=STEPS, random_state=0)
    # One thread: sums in one order give the same picture, and for so few points a pool is ten times slower.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it stopped at the last step is no news to the reader of a picture
        found = _turned(size * model.fit_transform(square / size))
    shown = np.sqrt(((found[:, None] - found[None]) ** 2).sum(-1))
    return Embedding(found, float(np.sqrt(((shown - square) ** 2).sum() / (square**2).sum())))


def filled(known: Array, bounds: Array) -> Array:
    """Distances (M, M) with nan replaced by the lower bound, and by the largest known one where there is none; diagonal 0.

    What was never aligned is far apart, or it would have been: both keep it so.
    """
    square = np.where(np.isnan(known), bounds, known)
    largest = float(square[np.isfinite(square)].max(initial=0.0)) or 1.0
    square = np.asarray(np.where(np.isfinite(square), square, largest), dtype=np.float64)
    np.fill_diagonal(square, 0.0)
    return square


def _turned(points: Array) -> Array:
    """Centred, longest axis level, the first point that is off centre to the left and up."""
    centred = points - points.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    turned: Array = centred @ axes[:, ::-1]
    for axis in (0, 1):
        off = turned[np.abs(turned[:, axis]) > 1e-9 * np.abs(turned).max(), axis]
        if len(off) and off[0] > 0:
            turned[:, axis] *= -1
    return turned
