"""Promises of the dedup's report: it is whole and harmless, says what it leaves out, and its pictures are to scale."""

import base64
import io
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.cluster.hierarchy import cophenet, fcluster, linkage
from scipy.spatial.distance import pdist, squareform

from finevla_tools.dedup import report_page as page_module
from finevla_tools.dedup.automatic_cut import Candidate
from finevla_tools.dedup.clusters import Clusters
from finevla_tools.dedup.distance_description import differences, in_words
from finevla_tools.dedup.episode_selection import EpisodeChoice
from finevla_tools.dedup.frame_cost import Metric
from finevla_tools.dedup.mds_embedding import embed, filled
from finevla_tools.dedup.path_overlay import frames, members_to_draw, panels, still
from finevla_tools.dedup.plotted_episodes import (
    by_size,
    induced,
    leaves,
    place_of,
    square_of,
    thin,
    to_medoid,
    with_all_leaves,
)
from finevla_tools.dedup.report_contents import Compared, GroupReport, Run, write_report
from finevla_tools.dedup.report_page import page
from finevla_tools.report.distance_plots import (
    LEFT,
    RAMP,
    SIDE,
    TALL,
    TOP,
    UNKNOWN,
    RootScale,
    heat_map,
    merges,
    root_scale,
    tree,
)
from finevla_tools.report.path_plots import HEAD, HIGH, WIDE, path_steps
from finevla_tools.report.svg import Drawing

quick = settings(max_examples=60, deadline=None)
HOSTILE = "</td><script>alert('x')</script><img src=x onerror=\"alert(1)\"> & 'so' \"on\""
RUN = Run("a set", Metric(), 100, 40, {"read": 1.0, "compare": 2.5})


def labelled(labels: Sequence[int], condensed: np.ndarray, tree_: np.ndarray | None, cut: float | None) -> Clusters:
    array, square = np.array(labels, np.int64), squareform(condensed)
    medoids = [
        min(np.flatnonzero(array == k), key=lambda i: square[i, array == k].sum()) for k in range(1, array.max() + 1)
    ]
    return Clusters(array, np.array(medoids, np.int64), tree_, f"average linkage, cut at {cut}", cut)


def group(count: int, name: str = "pour", motions: int = 5, seed: int = 0, arms: int = 2, dims: int = 8) -> GroupReport:
    """`count` episodes of a few motions, each a little different."""
    random = np.random.default_rng(seed)
    kind = np.arange(count) % motions
    bases = random.normal(0, 0.1, (motions, 1, arms, dims))
    values = []
    for k in kind:
        time = np.linspace(0, 1, int(random.integers(20, 60)))[:, None, None]
        values.append(np.sin(3 * time + 20 * bases[k]) * 0.2 + random.normal(0, 0.002, (len(time), arms, dims)))
    condensed = pdist(np.array([v[np.linspace(0, len(v) - 1, 20).astype(int)].ravel() for v in values]))
    merges = linkage(condensed, "average") if count > 1 else None
    cut = 1.0
    found = fcluster(merges, cut, "distance") if merges is not None else np.array([1])
    sizes = Counter(found.tolist())
    ranks = {old: new for new, old in enumerate(sorted(sizes, key=lambda k: (-sizes[k], k)), 1)}
    clusters = labelled([ranks[k] for k in found.tolist()], condensed, merges, cut)
    kept = set(clusters.medoids.tolist())
    choices = [EpisodeChoice(i, i in kept, f"reason {i} of {name}", clusters.labels[i]) for i in range(count)]
    ids = tuple(f"{name}/episode_{i:06d}" for i in range(count))
    lengths = np.array([len(v) for v in values], np.int64)
    return GroupReport(
        name, ids, (name,) * count, lengths, values, clusters, choices, ("left", "right")[:arms], condensed
    )


class Page(HTMLParser):
    """What a browser would see of a page."""

    VOID = ("meta", "img", "input", "br")
    OPTIONAL = ("td", "th", "tr", "li", "p")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.cells: list[str] = []
        self.is_cell = False
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        if tag in ("td", "th"):
            self.cells.append("")
            self.is_cell = True
        if tag not in self.VOID and tag not in self.OPTIONAL and not self.get_starttag_text().endswith("/>"):
            self.open.append(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src", "xlink:href"):
                self.links.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self.is_cell &= tag not in ("td", "th")
        if tag not in self.OPTIONAL:
            assert self.open, tag
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["script"] and self.open[-1:] != ["style"]:
            self.text += data
            if self.is_cell:
                self.cells[-1] += data


class TestPage:
    def test_has_every_group_and_every_episode_with_its_reason(self) -> None:
        groups = [group(23, "pour"), group(40, "fold", seed=1), group(1, "wave", motions=1)]
        seen = Page(page(replace(RUN, skipped=[("a set/episode_000007", "frame 3 is not a number")]), groups))
        assert seen.open == []
        assert len(seen.ids) == len(set(seen.ids))
        assert {f"g{k}" for k in (1, 2, 3)} <= set(seen.ids)
        cells = Counter(seen.cells)
        for one in groups:
            for choice in one.choices:
                assert cells[one.ids[choice.index]] == 1
                assert cells[choice.reason] == 1
        assert cells["kept"] >= sum(c.kept for g in groups for c in g.choices)
        assert cells["dropped"] == sum(not c.kept for g in groups for c in g.choices)
        assert cells["a set/episode_000007"] == cells["frame 3 is not a number"] == 1
        assert seen.text.index("fold/") < seen.text.index("pour/")  # the largest first

    def test_needs_nothing_from_elsewhere(self) -> None:
        text = page(RUN, [group(30)])
        seen = Page(text)
        assert all(link.startswith(("#", "data:image/png;base64,")) for link in seen.links)
        assert all(link[1:] in seen.ids for link in seen.links if link.startswith("#"))
        assert "http" not in text.replace("http-equiv", "")
        assert "url(" not in text
        assert "default-src 'none'" in text

    def test_words_of_others_stay_words(self) -> None:
        one = group(20)
        one = replace(
            one,
            name=HOSTILE,
            ids=tuple(f"{HOSTILE} {i}" for i in range(20)),
            tasks=(HOSTILE + "!",) * 20,
            choices=[EpisodeChoice(i, False, HOSTILE, 1) for i in range(20)],
            clusters=replace(one.clusters, how=HOSTILE),
            arms=(HOSTILE, HOSTILE),
            notes=(HOSTILE,),
        )
        run = replace(
            RUN, name=HOSTILE, skipped=[(HOSTILE, HOSTILE)], settings=[HOSTILE], notes=[HOSTILE], files={HOSTILE: HOSTILE},
            table=HOSTILE, seconds={HOSTILE: 1.0},
        )  # fmt: skip
        seen, plain = Page(page(run, [one])), Page(page(RUN, [group(20)]))
        assert seen.open == []
        assert seen.tags["script"] == 1
        assert seen.tags["img"] == 0
        assert seen.attributes == plain.attributes
        assert HOSTILE in seen.cells
        assert f"{HOSTILE} 7" in seen.cells

    def test_is_the_same_bytes_whatever_the_order_of_choices(self, tmp_path: Path) -> None:
        groups = [group(60, seed=3), group(25, "fold")]
        write_report(tmp_path / "a.html", RUN, groups)
        write_report(tmp_path / "b.html", RUN, [replace(g, choices=list(g.choices)[::-1]) for g in groups])
        assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html", "b.html"]

    def test_a_page_that_fails_leaves_the_old_one(self, tmp_path: Path) -> None:
        (tmp_path / "a.html").write_text("old")
        with pytest.raises(IndexError):
            write_report(tmp_path / "a.html", RUN, [replace(group(10), values=[])])
        assert (tmp_path / "a.html").read_text() == "old"

    def test_reads_only_the_paths_that_it_draws_and_says_what_it_leaves_out(self) -> None:
        class Lazy(Sequence[np.ndarray]):
            def __init__(self, values: Sequence[np.ndarray]) -> None:
                self.values, self.asked = values, set[int]()

            def __len__(self) -> int:
                return len(self.values)

            def __getitem__(self, index: int) -> np.ndarray:  # type: ignore[override]
                self.asked.add(index)
                return self.values[index]

        one = group(450, motions=3)
        lazy = Lazy(one.values)
        seen = Page(page(RUN, [replace(one, values=lazy)]))
        assert len(lazy.asked) == 3 * 17
        assert re.search(r"Shown: 20\d of 450 episodes", seen.text)
        assert "16 of the 149 others drawn" in seen.text

    def test_of_many_groups_those_that_lost_most_have_pictures(self) -> None:
        groups = [group(6 if k % 4 else 12, f"task {k}", motions=2, seed=k) for k in range(40)]
        untouched = [replace(c, kept=True) for c in groups[0].choices]
        groups[0] = replace(groups[0], choices=untouched)
        text = page(RUN, groups)
        seen = Page(text)
        assert "Pictures follow of the 30 groups that lost most" in seen.text
        assert seen.tags["section"] == 30
        assert all((f"g{k + 1}" in seen.ids) == (k != 0) for k in range(0, 40, 4))
        assert all(f"task {k}" in seen.cells for k in range(40))

    def test_a_list_that_is_cut_short_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(page_module, "LISTED", 25)
        skipped = [(f"s{k}", "empty") for k in range(30)]
        seen = Page(page(replace(RUN, skipped=skipped, table="all.parquet"), [group(20), group(19, "fold")]))
        assert "The first 25 of 39 are listed here; all are in all.parquet." in seen.text
        assert "The first 25 of 30 are listed here" in seen.text
        assert sum(cell.startswith("reason") for cell in seen.cells) == 25

    def test_is_light(self) -> None:
        assert len(page(RUN, [group(200, f"task {k}", motions=12, seed=k) for k in range(10)]).encode()) < 2_000_000

    def test_says_the_numbers_of_the_run(self) -> None:
        used = np.array([1.0, 2.0, 4.0, np.inf])
        run = replace(RUN, pairs=200, aligned=30, compared=Compared(used, used * [1.0, 1.1, 2.0, 1.0]))
        text = Page(page(run, [group(20, motions=2)])).text
        assert "85 %of 200 pairs never had to be aligned" in text
        assert "2kept (10 %)18not kept" in text
        assert "3.5 sin all" in text
        assert "half of their distances differ by less than 9.1 %, the most by 50 %. 1 pair without" in text

    @pytest.mark.parametrize("count", [1, 2, 3])
    def test_small_groups_have_a_page_too(self, count: int) -> None:
        seen = Page(page(RUN, [group(count, motions=1)]))
        assert seen.open == []
        assert f"pour/episode_{count - 1:06d}" in seen.cells

    def test_no_groups_are_no_error(self) -> None:
        assert "0episodes compared, in 0 groups" in Page(page(replace(RUN, pairs=0, aligned=0), [])).text

    def test_episodes_that_are_all_the_same_are_no_error(self) -> None:
        one = group(12, motions=1)
        merges = linkage(np.zeros(66), "average")
        same = replace(one, distances=np.zeros(66), clusters=replace(one.clusters, linkage=merges))
        assert Page(page(RUN, [same])).open == []

    def test_without_distances_and_tree_it_says_so(self) -> None:
        one = group(12, motions=2)
        bare = replace(one, distances=None, clusters=replace(one.clusters, linkage=None, distance=None))
        seen = Page(page(RUN, [bare]))
        assert "There is no tree" in seen.text
        assert "Too few distances are known" in seen.text
        assert "Grey: 100 % that did not have to be aligned" in seen.text

    def test_what_was_never_aligned_is_grey_and_its_merges_are_left_out(self) -> None:
        one = group(20, motions=4)
        assert one.distances is not None
        assert one.clusters.linkage is not None
        exact = one.distances < 1.2
        merges = one.clusters.linkage[one.clusters.linkage[:, 2] <= 1.0]
        known = np.where(exact, one.distances, np.nan)
        partly = replace(one, distances=known, bounds=one.distances, clusters=replace(one.clusters, linkage=merges))
        text = page(RUN, [partly])
        assert f"Grey: {100 * (~exact).mean():.0f} % that did not have to be aligned" in text
        assert "What would be merged above the cut was not computed" in text
        assert "stand their lower bounds" in text

    def test_the_chosen_candidate_is_marked(self) -> None:
        one = group(20, motions=4)
        weighed = (Candidate(4, 1.0, 3.0, 0.9, 1.0), Candidate(2, 2.0, 1.5, float("nan"), 0.2))
        seen = Page(page(RUN, [replace(one, clusters=replace(one.clusters, candidates=weighed))]))
        assert [c for c in seen.cells if c.startswith(("1 chosen", "0.2"))] == ["1 chosen", "0.2"]

    def test_joints_are_drawn_over_time(self) -> None:
        run = replace(RUN, measure=Metric(space="joint"), joints=["shoulder"])
        one = group(20, arms=1, dims=3)
        text, several = page(run, [one]), int((one.clusters.sizes > 1).sum())
        assert several > 1
        assert text.count("left, shoulder") == text.count("left, joint 2") == text.count("left, gripper") == several
        assert "from above" not in text

    @pytest.mark.slow
    @pytest.mark.skipif(not shutil.which("chromium"), reason="no browser")
    def test_tables_are_sorted_by_a_click_and_the_policy_lets_the_script_run(self, tmp_path: Path) -> None:
        def seen(name: str, text: str) -> Page:
            (tmp_path / name).write_text(text)
            command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/c"]
            done = subprocess.run(
                [*command, "--dump-dom", f"file://{tmp_path}/{name}"], capture_output=True, timeout=120
            )
            return Page(done.stdout.decode())

        text = page(RUN, [group(30)])
        assert seen("a.html", text).tags["button"] > 8
        click = "<script>document.querySelectorAll('th button')[11].click()</script>"  # frames
        without_policy = re.sub(r"<meta http-equiv=[^>]*>", "", text).replace("</body>", f"{click}</body>")
        cells = seen("b.html", without_policy).cells
        found = [int(cells[k + 4]) for k, cell in enumerate(cells) if cell.startswith("pour/episode")]
        assert found == sorted(group(30).lengths.tolist())


class TestTree:
    # 0 and 1 meet at 1, 2 and 3 at 4, all at 9; cut at 2.25: clusters {0, 1}, {2}, {3}.
    MERGES = np.array([[0.0, 1, 1, 2], [2, 3, 4, 2], [4, 5, 9, 4]])
    LABELS = np.array([1, 1, 2, 3], np.int64)
    NAMES = {1: "c1", 2: "c0", 3: "c0"}  # noqa: RUF012

    def drawn(self, scale: RootScale, cut: float | None, linkage_: np.ndarray = MERGES) -> Drawing:
        some = thin(self.LABELS, np.array([0, 2, 3]), linkage_)
        return tree(some.tree, some.labels, some.spans, scale, cut, self.NAMES, "t")

    def test_feet_and_shoulders_stand_where_leaves_and_heights_are(self) -> None:
        found = {merge.height: merge for merge in merges(self.MERGES, self.LABELS, RootScale(9.0), self.NAMES)}
        assert sorted(found) == [1, 4, 9]
        tall, leaf = TALL - TOP, [LEFT + SIDE * (k + 0.5) / 4 for k in range(4)]
        between = [(leaf[0] + leaf[1]) / 2, (leaf[2] + leaf[3]) / 2]
        y = {h: TOP + tall * (1 - np.sqrt(h / 9)) for h in (0, 1, 4, 9)}
        expected = {
            1: [(leaf[0], y[0]), (leaf[0], y[1]), (leaf[1], y[1]), (leaf[1], y[0])],
            4: [(leaf[2], y[0]), (leaf[2], y[4]), (leaf[3], y[4]), (leaf[3], y[0])],
            9: [(between[0], y[1]), (between[0], y[9]), (between[1], y[9]), (between[1], y[4])],
        }
        for height, corners in expected.items():
            np.testing.assert_allclose(found[height].corners, corners)
        assert [found[h].kind for h in (1, 4, 9)] == ["c1", "between", "between"]

    def test_the_line_of_the_cut_is_at_the_cut(self) -> None:
        scale = RootScale(9.0)
        drawn_ = self.drawn(scale, 2.25).__html__()
        at = float(re.search(r'class="limit" x1="\d+" y1="([\d.]+)"', drawn_)[1])
        assert at == pytest.approx(TOP + (TALL - TOP) * 0.5, abs=0.06)  # the root of a quarter
        assert scale.level(1) > at > scale.level(4)
        assert "cut at 2.25" in drawn_
        assert "limit" not in self.drawn(scale, None).__html__()

    def test_the_label_of_a_cut_above_everything_fits(self) -> None:
        assert root_scale(self.MERGES[:, 2], 50.0).level(50.0) > TOP + 12

    def test_a_merge_that_nobody_computed_is_not_drawn(self) -> None:
        some = thin(self.LABELS, np.array([0, 2, 3]), self.MERGES[:1])
        found = merges(some.tree, some.labels, RootScale(2.0), self.NAMES)
        assert [merge.height for merge in found] == [1, np.inf, np.inf]
        assert self.drawn(RootScale(2.0), 1.5, self.MERGES[:1]).__html__().count("<path") == 1

    @quick
    @given(st.integers(2, 40), st.integers(0, 2**32 - 1), st.data())
    def test_the_tree_of_some_leaves_joins_them_at_the_same_heights(
        self, count: int, seed: int, data: st.DataObject
    ) -> None:
        condensed = pdist(np.random.default_rng(seed).normal(size=(count, 2)))
        whole_tree = linkage(condensed, data.draw(st.sampled_from(["average", "single", "complete"])))
        chosen = np.array(
            data.draw(st.lists(st.integers(0, count - 1), min_size=2, unique=True, max_size=count)), np.int64
        )
        part = induced(whole_tree, chosen)
        whole = squareform(cophenet(whole_tree))
        np.testing.assert_allclose(squareform(cophenet(part)), whole[np.ix_(chosen, chosen)])
        assert part[-1, 3] == len(chosen)

    @quick
    @given(st.integers(2, 30), st.integers(0, 2**32 - 1), st.integers(0, 29))
    def test_a_forest_is_joined_at_infinity_and_loses_nothing(self, count: int, seed: int, done: int) -> None:
        known = linkage(pdist(np.random.default_rng(seed).normal(size=(count, 2))), "average")[: min(done, count - 1)]
        whole = with_all_leaves(known, count)
        assert len(whole) == count - 1
        np.testing.assert_array_equal(whole[: len(known)], known)
        assert np.isinf(whole[len(known) :, 2]).all()
        assert whole[-1, 3] == count
        assert sorted(leaves(whole)) == list(range(count))

    def test_a_chain_of_thousands_is_no_error(self) -> None:
        count = 6000
        rows = [[0.0, 1, 1, 2]] + [[count + k - 1, k + 1, 1 + k, k + 2] for k in range(1, count - 1)]
        some = thin(np.ones(count, np.int64), np.array([17]), np.array(rows))
        assert 17 in some.episodes
        assert len(merges(some.tree, some.labels, RootScale(6000.0), {1: "c1"})) == len(some.episodes) - 1


class TestHeatMap:
    def test_pixels_are_the_distances_in_the_order_of_the_episodes(self) -> None:
        square = np.array([[0, 1, np.nan], [1, 0, 4], [np.nan, 4, 0]])
        some = thin(np.array([1, 1, 2], np.int64), np.array([0, 2]), None)
        svg = heat_map(square, some.spans, RootScale(4.0), {1: "c1", 2: "c0"}, "map").__html__()
        data = re.search(r'base64,([^"]+)', svg)[1]
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(int)
        assert pixels.shape == (3, 3, 3)
        assert (pixels[[0, 1, 2], [0, 1, 2]] == RAMP[0]).all()
        assert (pixels[0, 2] == UNKNOWN).all()
        assert (pixels[2, 0] == UNKNOWN).all()
        assert (pixels[1, 2] == RAMP[-1]).all()
        assert pixels[0, 0].sum() < pixels[0, 1].sum() < pixels[1, 2].sum()
        cell = SIDE / 3
        frame = re.search(r'class="frame c1" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"', svg)
        np.testing.assert_allclose([float(f) for f in frame.groups()], [LEFT, 0, 2 * cell], atol=0.06)
        assert "not aligned" in svg

    @quick
    @given(st.integers(2, 30), st.data())
    def test_condensed_places_are_scipys(self, count: int, data: st.DataObject) -> None:
        condensed = np.arange(count * (count - 1) // 2, dtype=float) + 1
        chosen = np.array(data.draw(st.permutations(range(count))), np.int64)[: data.draw(st.integers(1, count))]
        whole = squareform(condensed)
        np.testing.assert_array_equal(square_of(condensed, count, chosen), whole[np.ix_(chosen, chosen)])
        a, b = np.triu_indices(count, 1)
        np.testing.assert_array_equal(condensed[place_of(b, a, count)], whole[a, b])
        assert np.isnan(square_of(None, count, chosen)).sum() == len(chosen) * (len(chosen) - 1)

    def test_distances_to_medoids_are_those_of_the_matrix(self) -> None:
        one = group(30)
        assert one.distances is not None
        whole, labels, medoids = squareform(one.distances), one.clusters.labels, one.clusters.medoids
        found = to_medoid(one.distances, labels, medoids)
        np.testing.assert_array_equal(found, whole[np.arange(30), medoids[labels - 1]])
        assert np.isfinite(to_medoid(None, labels, medoids)).sum() == len(medoids)

    @quick
    @given(st.lists(st.integers(1, 6), min_size=1, max_size=80), st.integers(16, 40))
    def test_thinning_keeps_the_medoids_of_the_largest_clusters(self, raw: list[int], limit: int) -> None:
        names, labels = np.unique(raw, return_inverse=True)
        labels = labels.astype(np.int64) + 1
        medoids = np.array([np.flatnonzero(labels == k + 1)[0] for k in range(len(names))])
        some = thin(labels, medoids, None, limit)
        assert some.total == len(raw)
        assert len(set(some.episodes.tolist())) == len(some.episodes) <= max(limit, 1)
        assert some.is_thinned == (len(some.episodes) < len(raw))
        assert set(medoids[[k - 1 for k in by_size(labels)[: limit // 8]]]) <= set(some.episodes.tolist())
        assert len(some.spans) == len(set(some.labels.tolist()))  # each cluster in one stretch
        np.testing.assert_array_equal(some.labels, labels[some.episodes])


class TestPlane:
    @quick
    @given(st.integers(3, 25), st.integers(0, 2**32 - 1))
    def test_what_is_a_plane_stays_as_it_is(self, count: int, seed: int) -> None:
        square = squareform(pdist(np.random.default_rng(seed).normal(size=(count, 2))))
        found = embed(square)
        np.testing.assert_allclose(squareform(pdist(found.points)), square, atol=1e-3 * square.max())
        assert found.stress < 1e-3
        np.testing.assert_array_equal(embed(square.copy()).points, found.points)

    def test_few_and_equal_points_are_no_error(self) -> None:
        assert embed(np.zeros((0, 0))).points.shape == (0, 2)
        assert embed(np.zeros((5, 5))).points.tolist() == [[0, 0]] * 5
        assert np.ptp(embed(np.array([[0, 3.0], [3, 0]])).points, axis=0).tolist() == [3, 0]

    def test_unknown_distances_are_their_bounds_or_far(self) -> None:
        nan = np.nan
        known = np.array([[0, 1, nan, nan], [1, 0, 2, 3], [nan, 2, 0, np.inf], [nan, 3, np.inf, 0]])
        bounds = np.array([[0, 1, 2.5, nan], [1, 0, 2, 3], [2.5, 2, 0, 9], [nan, 3, 9, 0]])
        expected = [[0, 1, 2.5, 3], [1, 0, 2, 3], [2.5, 2, 0, 3], [3, 3, 3, 0]]
        np.testing.assert_array_equal(filled(known, bounds), expected)


class TestPaths:
    @quick
    @given(st.lists(st.tuples(st.integers(-500, 500), st.integers(-500, 500)), min_size=1, max_size=30))
    def test_a_path_in_steps_visits_the_same_places(self, points: list[tuple[int, int]]) -> None:
        said = path_steps(np.array(points, np.int64))
        start, _, steps = said.partition("l" if "l" in said else "h")
        numbers = [int(n) for n in re.findall(r"-?\d+", steps)] if "l" in said else []
        first = [int(n) for n in re.findall(r"-?\d+", start)]
        visited = np.cumsum([first, *np.reshape(numbers, (-1, 2)).tolist()], axis=0)
        without_rests = [p for k, p in enumerate(points) if k == 0 or p != points[k - 1]]
        assert [tuple(p) for p in visited.tolist()] == without_rests

    def test_panels_in_space_have_one_scale_and_hold_everything(self) -> None:
        values = list(group(10).values)
        values[3] = values[3] * [5, 1, 1, 1, 1, 1, 1, 1]
        some = panels("eef", ("left", "right"), 8)
        windows = frames(some, values)
        assert [p.title for p in some[:3]] == ["left, from above", "left, from its side", "left, gripper"]
        assert len({unit for p, w in zip(some, windows, strict=True) if p.is_space for unit in w.units.tolist()}) == 1
        for panel, window in zip(some, windows, strict=True):
            placed = np.concatenate([window.place(panel.points(v)) for v in values])
            assert placed.min() >= 0
            assert placed[:, 0].max() <= WIDE
            assert HEAD <= placed[:, 1].min() <= placed[:, 1].max() <= HIGH

    def test_from_above_forward_is_up_and_left_is_left(self) -> None:
        values = np.zeros((2, 1, 8))
        values[1, 0, :2] = [0.1, 0.2]  # forward and to the left
        above = panels("eef", ("left",), 8)[0]
        start, end = frames([above], [values])[0].place(above.points(values))
        assert end[0] < start[0]
        assert end[1] < start[1]

    def test_an_arm_that_rests_is_found(self) -> None:
        values = [v.copy() for v in group(6).values]
        for v in values:
            v[:, 1] = v[:1, 1]
        some = panels("eef", ("left", "right"), 8)
        assert still(some, frames(some, list(group(6).values)), values) == {1}

    def test_members_are_drawn_from_the_nearest_to_the_farthest(self) -> None:
        apart = np.array([5.0, np.nan, 1, 3, 2, 4])
        assert members_to_draw([10, 11, 12, 13, 14, 15], apart, 6) == [12, 14, 13, 15, 10, 11]
        few = members_to_draw([10, 11, 12, 13, 14, 15], apart, 3)
        assert few[0] == 12
        assert few[-1] == 11
        assert len(few) == 3

    def test_frames_that_are_no_numbers_are_left_out(self) -> None:
        values = group(1, motions=1).values[0].copy()
        values[5] = np.nan
        for panel in panels("eef", ("left", "right"), 8):
            assert np.isfinite(panel.points(values)).all()
            assert len(panel.points(values)) > 10


class TestWords:
    @pytest.mark.parametrize(
        "other",
        [
            Metric(space="joint"), Metric(w_pos=2), Metric(w_rot=0), Metric(w_grip=0), Metric(scale=False),
            Metric(two_stage=False), Metric(band=100), Metric(normalize=False), Metric(mirror=True), Metric(compat=True),
        ],
    )  # fmt: skip
    def test_everything_that_changes_a_distance_is_said(self, other: Metric) -> None:
        both = ("left", "right")
        assert in_words(other, both) != in_words(Metric(), both)
        assert in_words(other, both) != in_words(other, ("left",))

    def test_a_difference_concerns_only_the_runs_that_feel_it(self) -> None:
        def felt(measure: Metric, arms: int = 2) -> set[str]:
            return {d.what for d in differences(measure, arms) if d.matters}

        assert felt(Metric(band=50)) - felt(Metric()) == {"Gripper under a band", "Divisor"}
        assert felt(Metric(normalize=False)) - felt(Metric()) == {"Not dividing"}
        assert felt(Metric()) - felt(Metric(space="joint"), 1) == {"Quaternions", "Two arms"}
