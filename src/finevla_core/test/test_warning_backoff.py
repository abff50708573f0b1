"""Promises of the times of telling: what goes on is told at once, then at doubling intervals, and after a pause it is news."""

import itertools

from finevla_core.warning_backoff import FIRST_S, LONGEST_S, TellingTimes


def test_what_goes_on_is_told_at_once_and_then_at_doubling_intervals_up_to_the_longest() -> None:
    times = TellingTimes()
    told = [float(now_s) for now_s in range(4000) if times.is_due(float(now_s))]
    gaps = [after - before for before, after in itertools.pairwise(told)]
    assert told[0] == 0.0
    assert gaps[:6] == [FIRST_S * 2**k for k in range(6)]
    assert set(gaps[6:]) == {LONGEST_S}


def test_after_a_pause_it_is_news() -> None:
    times = TellingTimes()
    told = [float(now_s) for now_s in range(100) if times.is_due(float(now_s))]
    assert told == [0.0, 10.0, 30.0, 70.0]
    again_s = told[-1] + 1000.0
    assert times.is_due(again_s)
    assert not times.is_due(again_s + FIRST_S - 1.0)
    assert times.is_due(again_s + FIRST_S)
