"""Promises of sampling: budgets to the episode, forced ones always, a reason for each, and the same choice every time."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import squareform

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.dedup import finevla_clusters as fv
from finevla_tools.dedup.clusters import Clusters, DistancesOf, by_size, looked_up, medoids
from finevla_tools.dedup.episode_selection import EpisodeChoice, Keep, select, summary

quick = settings(max_examples=120, deadline=None)


class Group:
    """N episodes in clusters by chance, with any distances; it counts which pairs are asked for."""

    def __init__(self, n: int, seed: int, clusters: int, ties: bool = False) -> None:
        rng = np.random.default_rng(seed)
        size = n * (n - 1) // 2
        self.condensed = rng.integers(1, 5, size) / 4 if ties else rng.permutation(size) + rng.uniform(0.1, 0.4, size)
        self.square = squareform(self.condensed) if n > 1 else np.zeros((n, n))
        self.ids = [f"set/episode_{k:06d}" for k in rng.permutation(n)]
        self.labels = by_size(rng.integers(0, clusters, n))
        self.clusters = Clusters(self.labels, medoids(self.labels, self.distances_of()), None, "by chance")
        self.asked: list[tuple[int, int]] = []
        self.calls = 0

    def distances_of(self) -> DistancesOf:
        def count(pairs: NDArray[np.int64]) -> NDArray[np.float64]:
            assert pairs.shape[1] == 2
            assert (pairs[:, 0] != pairs[:, 1]).all()
            assert len(pairs)
            if hasattr(self, "asked"):
                self.asked += [(min(p), max(p)) for p in pairs.tolist()]
                self.calls += 1
            return looked_up(self.condensed, len(self.ids))(pairs)

        return count

    def select(self, keep: Keep, forced: dict[int, str] | None = None) -> list[EpisodeChoice]:
        return select(self.clusters, self.distances_of(), self.ids, keep, forced)


groups = st.builds(Group, st.integers(1, 24), st.integers(0, 2**31), st.integers(1, 8), st.booleans())


@st.composite
def keeps(draw: st.DrawFn) -> Keep:
    budget = draw(st.none() | st.integers(1, 30))
    quota = draw(st.none() | st.integers(1, 6))
    share = draw(st.none() | st.floats(0.01, 1)) if quota is None else None
    proportional = budget is not None and quota is None and share is None and draw(st.booleans())
    how = draw(st.sampled_from(("medoid", "random")))
    return Keep(
        budget, quota, share, proportional, draw(st.sampled_from(("far", "size"))), how, draw(st.integers(0, 9))
    )


def forced_of(data: st.DataObject, group: Group) -> dict[int, str]:
    return dict.fromkeys(data.draw(st.sets(st.integers(0, len(group.ids) - 1), max_size=8)), "reviewed")


def allowed(group: Group, keep: Keep) -> dict[int, int]:
    """How many of each cluster may be kept, forced ones aside."""
    sizes = Counter(group.labels.tolist())
    if keep.quota is not None:
        return {k: min(keep.quota, size) for k, size in sizes.items()}
    if keep.share is not None:
        return {k: max(1, int(keep.share * size + 0.5)) for k, size in sizes.items()}
    return dict(sizes) if keep.budget is not None else dict.fromkeys(sizes, 1)


@quick
@given(groups, keeps(), st.data())
def test_budget_and_quotas_are_held_to_the_episode(group: Group, keep: Keep, data: st.DataObject) -> None:
    forced = forced_of(data, group)
    choices = group.select(keep, forced)
    assert [c.index for c in choices] == list(range(len(group.ids)))
    assert all(choices[i].kept and choices[i].reason == "forced: reviewed" for i in forced)
    kept, must = Counter(c.cluster for c in choices if c.kept), Counter(int(group.labels[i]) for i in forced)
    limits = allowed(group, keep)
    most = sum(max(limit, must[k]) for k, limit in limits.items())
    assert sum(kept.values()) == max(len(forced), min(most, keep.budget or most))
    assert all(kept[k] <= max(limit, must[k]) for k, limit in limits.items())
    if keep.budget is None or keep.budget >= len(limits) + len(forced):
        assert set(kept) == set(limits)  # nobody is forgotten
    if keep.proportional and keep.budget and keep.budget >= len(limits) and not forced:
        ideal = {k: keep.budget * size / len(group.ids) for k, size in Counter(group.labels.tolist()).items()}
        if all(share >= 1 for share in ideal.values()) and keep.budget <= len(group.ids):
            assert all(abs(kept[k] - share) < 1.5 for k, share in ideal.items())


@quick
@given(groups, keeps(), st.data())
def test_every_episode_has_one_true_reason(group: Group, keep: Keep, data: st.DataObject) -> None:
    forced = forced_of(data, group)
    choices = group.select(keep, forced)
    kept = {c.index for c in choices if c.kept}
    for c in choices:
        members = group.clusters.members(c.cluster)
        assert c.index in members
        fellows = [i for i in members.tolist() if i in kept]
        medoid = int(group.clusters.medoids[c.cluster - 1])
        if c.kept and c.reason.startswith("medoid of"):
            assert c.index == medoid
            assert (f"{len(members)} alike" in c.reason) == (len(members) > 1)
        elif c.kept and c.index not in forced:
            assert "from all else" in c.reason or "by chance" in c.reason
        elif not c.kept and fellows:
            nearest = min(group.square[c.index][i] for i in fellows)
            assert c.distance == nearest
            assert c.reason.startswith(f"{nearest:.3g} from ")
            named = next(i for i in fellows if group.ids[i] in c.reason)
            assert group.square[c.index][named] == nearest
            assert ("its cluster's medoid" in c.reason) == (named == medoid)
        elif not c.kept:
            assert f"no place in the budget of {keep.budget}" in c.reason
            assert c.distance is None
    sentence = summary(choices, keep, len(forced))
    assert sentence.startswith(f"{len(kept)} of {counted(len(choices), 'episode')} kept")
    assert ("more than the budget" in sentence) == (keep.budget is not None and len(forced) > keep.budget)
    assert ("not represented" in sentence) == any("no place" in c.reason for c in choices)


@quick
@given(groups, keeps(), st.data())
def test_the_same_again_and_in_any_order(group: Group, keep: Keep, data: st.DataObject) -> None:
    forced = forced_of(data, group)
    first = group.select(keep, forced)
    assert group.select(keep, forced) == first
    if keep.representatives == "random":
        return
    n = len(group.ids)
    order = np.array(data.draw(st.permutations(range(n))), dtype=np.int64)  # new index -> old
    new = np.argsort(order)
    clusters = Clusters(group.labels[order], new[group.clusters.medoids], None, "")
    look_up = looked_up(squareform(group.square[np.ix_(order, order)]) if n > 1 else np.zeros(0), n)
    other = select(
        clusters, look_up, [group.ids[i] for i in order], keep, {int(new[i]): why for i, why in forced.items()}
    )
    assert [(c.kept, c.reason) for c in other] == [(first[i].kept, first[i].reason) for i in order]


@quick
@given(groups, keeps(), st.data())
def test_only_distances_from_what_is_kept_are_asked_for(group: Group, keep: Keep, data: st.DataObject) -> None:
    forced = forced_of(data, group)
    group.asked.clear()
    choices = group.select(keep, forced)
    kept = {c.index for c in choices if c.kept}
    medoid = set(group.clusters.medoids.tolist())
    for i, j in group.asked:
        inside = group.labels[i] == group.labels[j] and (i in kept or j in kept)
        assert inside or (keep.first == "far" and ({i, j} & kept) and ({i, j} & medoid))


def test_one_call_for_all_medoids() -> None:
    group = Group(200, 3, 40)
    group.calls = 0
    group.select(Keep())
    assert group.calls == 1


def test_without_more_said_the_medoid_of_each_cluster_stays() -> None:
    group = Group(20, 0, 4)
    choices = group.select(Keep())
    assert sorted(c.index for c in choices if c.kept) == sorted(group.clusters.medoids.tolist())


def line(*points: float) -> DistancesOf:
    at = np.array(points)
    return lambda pairs: np.abs(at[pairs[:, 0]] - at[pairs[:, 1]])


def test_by_hand() -> None:
    # Three clusters on a line: 0 1 2 6 | 20 21 | 100.
    at = line(0, 1, 2, 6, 20, 21, 100)
    ids = [f"s/e{k}" for k in range(7)]
    labels = np.array([1, 1, 1, 1, 2, 2, 3])
    clusters = Clusters(labels, medoids(labels, at), None, "")
    assert clusters.medoids.tolist() == [1, 4, 6]

    def said(keep: Keep, forced: dict[int, str] | None = None) -> list[str]:
        return [("+ " if c.kept else "- ") + c.reason for c in select(clusters, at, ids, keep, forced)]

    assert said(Keep()) == [
        "- 1 from its cluster's medoid s/e1",
        "+ medoid of cluster 1 (4 alike)",
        "- 1 from its cluster's medoid s/e1",
        "- 5 from its cluster's medoid s/e1",
        "+ medoid of cluster 2 (2 alike)",
        "- 1 from its cluster's medoid s/e4",
        "+ medoid of cluster 3 (nothing is like it)",
    ]
    two = said(Keep(budget=2))  # the largest cluster, and the one farthest from it
    assert [k for k, line in enumerate(two) if line.startswith("+")] == [1, 6]
    assert two[5] == "- cluster 2 (2 alike) has no place in the budget of 2; its medoid is 19 from s/e1"
    assert [k for k, text in enumerate(said(Keep(budget=2, first="size"))) if text.startswith("+")] == [1, 4]
    five = said(Keep(budget=5))  # then 6 (5 away), then of 0, 2 and 21 (1 away each) the lowest id
    assert five[3] == "+ 5 from all else that is kept of cluster 1 (4 alike)"
    assert five[0] == "+ 1 from all else that is kept of cluster 1 (4 alike)"
    assert [k for k, text in enumerate(five) if text.startswith("+")] == [0, 1, 3, 4, 6]
    forced = said(Keep(), {3: "reviewed", 5: "reviewed"})
    assert forced[1] == "- 5 from s/e3, kept of cluster 1"
    assert forced[4] == "- 1 from s/e5, kept of cluster 2"
    assert forced[6].startswith("+ medoid")
    over = select(clusters, at, ids, Keep(budget=1), {3: "reviewed", 5: "reviewed"})
    assert [c.index for c in over if c.kept] == [3, 5]
    assert summary(over, Keep(budget=1), 2) == (
        "2 of 7 episodes kept, of 3 clusters, 2 because they must stay, 1 more than the budget of 1, "
        "1 cluster is not represented"
    )
    divided = select(clusters, at, ids, Keep(budget=4, proportional=True))
    assert Counter(c.cluster for c in divided if c.kept) == {1: 2, 2: 1, 3: 1}


@quick
@given(groups)
def test_farthest_first_inside_a_cluster_is_the_plain_one(group: Group) -> None:
    keep = Keep(quota=3)
    choices = group.select(keep)
    for k in range(1, len(group.clusters.medoids) + 1):
        members = group.clusters.members(k).tolist()
        taken = [int(group.clusters.medoids[k - 1])]
        while len(taken) < min(3, len(members)):
            left = [i for i in members if i not in taken]
            taken.append(min(left, key=lambda i: (-min(group.square[i][j] for j in taken), group.ids[i])))
        assert sorted(taken) == [i for i in members if choices[i].kept]


@quick
@given(st.integers(2, 30), st.integers(0, 2**31), st.integers(1, 8))
def test_random_representatives_are_finevlas(n: int, seed: int, k: int) -> None:
    group = Group(n, seed, 4)
    cut = fv.flat(group.square, min(k, n) + 1)
    parts = fv.groups_of(cut.labels)
    clusters = fv.as_clusters(group.square, parts, cut.tree, "")
    choices = select(clusters, group.distances_of(), group.ids, Keep(representatives="random"))
    assert sorted(c.index for c in choices if c.kept) == sorted(fv.representatives(parts).values())


def test_another_seed_draws_another_sample() -> None:
    group = Group(200, 0, 5)
    drawn = [
        tuple(c.index for c in group.select(Keep(budget=20, representatives="random", seed=seed)) if c.kept)
        for seed in range(3)
    ]
    assert len(set(drawn)) == 3
    assert all(len(indices) == 20 for indices in drawn)


def test_a_group_of_none() -> None:
    clusters = Clusters(np.zeros(0, np.int64), np.zeros(0, np.int64), None, "")
    for keep in (Keep(), Keep(budget=3), Keep(budget=3, proportional=True), Keep(representatives="random")):
        assert select(clusters, line(), [], keep) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"budget": 0}, "a budget of 0 keeps nothing"),
        ({"quota": -1}, "a quota of -1 keeps nothing"),
        ({"share": 1.5}, "at most 1"),
        ({"share": float("nan")}, "at most 1"),
        ({"quota": 1, "share": 0.5}, "give one of them"),
        ({"proportional": True}, "divides a budget"),
        ({"first": "farr"}, "did you mean 'far'"),
        ({"representatives": "medoids"}, "did you mean 'medoid'"),
    ],
)
def test_what_cannot_be_kept_is_a_sentence(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(FineVLAError, match=says):
        Keep(**arguments)
