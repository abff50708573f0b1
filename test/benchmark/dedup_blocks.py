"""What it costs to cluster a large group by blocks: clusters, kept episodes and distances asked for, against exact clustering.

usage: dedup_blocks.py [--episodes N] [--frames T] [--blocks M ...] [--seed S]    one task of planted motions and their copies

ARI is the adjusted Rand index against exact clustering; 'kept changed' the share of episodes that another episode stands for;
'copies' the index against what was planted; 'asked' the share of all pairs whose distance was asked for.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

sys.path.insert(0, str(Path(__file__).parent))
from planted import Recipe, group

from finevla_tools.dedup.clusters import Clusters, Cut, cluster, looked_up
from finevla_tools.dedup.dtw_distances import condensed
from finevla_tools.dedup.frame_cost import Metric, prepare
from finevla_tools.dedup.large_group_blocks import cluster_blocks


def stands_for(found: Clusters) -> NDArray[np.int64]:
    """(N,): whose place each episode's medoid takes."""
    return found.medoids[found.labels - 1]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--episodes", type=int, default=2000)
    parser.add_argument("--frames", type=int, default=80)
    parser.add_argument("--blocks", type=int, nargs="+", default=[200, 500])
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    planted = group(arguments.seed, 0, arguments.episodes, Recipe(frames=arguments.frames))
    n = len(planted)
    clock = time.monotonic()
    distances = condensed(prepare(planted.trajectories(), Metric()))
    print(f"{n} episodes of about {arguments.frames} frames, {planted.labels.max() + 1} motions; ", end="")
    print(f"all {len(distances)} distances took {time.monotonic() - clock:.0f} s\n")
    print("| cut | block | clusters exact | by blocks | ARI | kept changed | copies exact | by blocks | asked |")
    print("|---|---|---|---|---|---|---|---|---|")
    near = float(cluster(distances, n, Cut()).distance or 0)
    cuts = {"average, automatic": Cut(), "complete, automatic": Cut("complete")}
    for scale in (0.5, 1.0, 2.0):
        cuts |= {f"{name} at {scale * near:.3g}": Cut(name, distance=scale * near) for name in ("average", "complete")}
    cuts |= {"average, 50": Cut(count=50), "k-medoids, 50": Cut("kmedoids", count=50)}
    look_up = looked_up(distances, n)
    for name, cut in cuts.items():
        exact = cluster(distances, n, cut)
        for block in arguments.blocks:
            asked = 0

            def count(pairs: NDArray[np.int64]) -> NDArray[np.float64]:
                nonlocal asked
                asked += len(pairs)
                return look_up(pairs)

            found = cluster_blocks(n, count, cut, block)
            changed = (stands_for(exact) != stands_for(found)).mean()
            truth = [adjusted_rand_score(planted.labels, one.labels) for one in (exact, found)]
            print(
                f"| {name} | {block} | {len(exact.medoids)} | {len(found.medoids)} "
                f"| {adjusted_rand_score(exact.labels, found.labels):.4f} | {changed:.2%} "
                f"| {truth[0]:.4f} | {truth[1]:.4f} | {asked / len(distances):.1%} |"
            )


if __name__ == "__main__":
    main()
