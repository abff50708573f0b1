"""Promises of the plan: what can be counted is counted exactly, the rest is an interval, and assumptions are said."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finevla_core.errors import FineVLAError
from finevla_tools.dedup.clusters import Cut
from finevla_tools.dedup.cost_estimate import Interval, Rates, Workload, estimate, estimate_lines, measured
from finevla_tools.dedup.frame_cost import Metric, PoseTrajectory

RATES = Rates(
    cells_s=Interval(0.5e9, 1e9, 2e9),
    aligned=Interval(0.05, 0.1, 0.2),
    pair_s=Interval(1e-6, 2e-6, 4e-6),
    trajectory_s=Interval(1e-3, 1e-3, 1e-3),
    choice_s=Interval(1e-4, 2e-4, 3e-4),
    sampled=3,
)
WORK = Workload(1_000_000, 5_000, 99_500_000, 4e12, 200_000_000, 200, 40_000, small=1.0)


@given(st.lists(st.lists(st.integers(2, 50), min_size=1, max_size=8), min_size=1, max_size=5))
def test_work_is_counted(groups: list[list[int]]) -> None:
    work = Workload.of(np.array(lengths) for lengths in groups)
    pairs = [(a, b) for lengths in groups for i, a in enumerate(lengths) for b in lengths[:i]]
    assert work.pairs == len(pairs)
    assert work.cells == sum(a * b for a, b in pairs)
    assert (work.trajectories, work.frames) == (sum(map(len, groups)), sum(map(sum, groups)))
    assert work.largest == max(map(len, groups))


def test_work_on_large_groups_grows_with_their_size_not_its_square() -> None:
    one, ten = (Workload.of([np.full(size, 100)]) for size in (5_000, 50_000))
    assert one.pairs == 5_000 * 4_999 // 2
    assert ten.pairs == pytest.approx(10 * one.pairs, rel=1e-3)
    assert ten.cells == pytest.approx(10 * one.cells, rel=1e-3)
    assert (one.largest, ten.largest) == (5_000, 5_000)


def test_estimate_by_hand() -> None:
    found = estimate(WORK, RATES, cores=4, memory_mb=1000, price_per_core_hour=0.05)
    assert found.align_s == pytest.approx((4e12 * 0.05 / 2e9 / 4, 4e12 * 0.1 / 1e9 / 4, 4e12 * 0.2 / 0.5e9 / 4))
    assert found.other_s == pytest.approx(((99.5 + 1000) / 4 + 100, (199 + 1000) / 4 + 200, (398 + 1000) / 4 + 300))
    large = replace(WORK, small=0.0)
    assert estimate(large, RATES, 4, 1000, None).other_s.likely == pytest.approx(199 + 1000 / 4 + 200)
    assert found.seconds.likely == pytest.approx(100 + 1199 / 4 + 200)
    assert found.price is not None
    assert found.price.likely == pytest.approx((300 + 1199 / 4) / 3600 * 4 * 0.05)
    assert found.disk == 200e6 * 16 * 8 + 99.5e6 * 0.2 * 12
    assert found.memory > 1e9


@given(cores=st.integers(1, 500), growth=st.integers(1, 50))
def test_more_work_takes_longer_and_more_cores_do_not(cores: int, growth: int) -> None:
    one, more = (estimate(WORK, RATES, n, 1000, None).seconds for n in (cores, cores + 1))
    assert one.low <= one.likely <= one.high
    assert all(a >= b for a, b in zip(one, more, strict=True))
    grown = estimate(WORK.grown(growth), RATES, cores, 1000, None).seconds
    assert grown.likely == pytest.approx(growth * one.likely, rel=1e-6)


def test_what_is_said_can_be_checked() -> None:
    lines = estimate_lines(WORK, RATES, estimate(WORK, RATES, 4, 1000, 0.05))
    text = "\n".join(lines)
    for part in (
        "1,000,000 trajectories in 5,000 groups; 99,500,000 pairs to look at",
        "time on 4 cores: 10 minutes (",
        "10.0% of the pairs aligned",
        "price: 0.03 (",
        "assumed: ",
    ):
        assert part in text
    assert "price" not in "\n".join(estimate_lines(WORK, RATES, estimate(WORK, RATES, 1, 1000, None)))


@pytest.mark.parametrize(("cores", "price"), [(0, None), (-1, None), (1, -0.1), (1, math.nan), (1, math.inf)])
def test_nonsense_is_refused(cores: int, price: float | None) -> None:
    with pytest.raises(FineVLAError, match="give"):
        estimate(WORK, RATES, cores, 1000, price)


def test_nothing_to_plan_is_said() -> None:
    with pytest.raises(FineVLAError, match="nothing to plan"):
        Workload.of([])
    with pytest.raises(FineVLAError, match="no group of the sample has two episodes"):
        measured([made(1)], Metric(), Cut())


def made(count: int) -> list[PoseTrajectory]:
    random = np.random.default_rng(count)
    return [PoseTrajectory(f"{i}", random.normal(size=(20, 2, 8))) for i in range(count)]


@pytest.mark.parametrize("measure", [Metric(), Metric(mirror=True), Metric(band=5)], ids=["plain", "mirror", "band"])
def test_a_sample_is_measured(measure: Metric, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finevla_tools.dedup.cost_estimate.RATE_S", 0.0)
    rates = measured([made(12), made(1), made(15)], measure, Cut())
    assert rates.sampled == 2
    assert rates.values == 16
    assert 1e6 < rates.cells_s.low < rates.cells_s.likely < rates.cells_s.high
    assert rates.aligned.likely == 1.0  # without a given distance all pairs are
    share = {False: 1.0, True: 2.0}[measure.mirror] if measure.band is None else (20 * 20 - 15 * 14) / 400
    assert rates.share == pytest.approx(share)
