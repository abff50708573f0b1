"""Promises of the resampling rule: every frame is made of the messages that a slow, plain search would choose."""

import numpy as np
import pytest

from finevla_core.errors import FineVLAError
from finevla_tools.convert import resample
from finevla_tools.convert.resample import NONE, SECOND, Commands, Segment

MS = 1_000_000


def slow(stamps: list[int], t: int, how: str) -> tuple[int, int, float]:
    """The rule in words: nearest (the earlier of two as near), newest not after, or both neighbours with a weight."""
    best = (NONE, NONE, 0.0)
    before = [i for i, s in enumerate(stamps) if s <= t]
    after = [i for i, s in enumerate(stamps) if s >= t]
    newest = max(before, key=lambda i: (stamps[i], i), default=NONE)
    oldest = min(after, key=lambda i: (stamps[i], i), default=NONE)
    if how == "previous":
        best = (newest, newest, 0.0)
    elif how == "nearest":
        if newest == NONE or (oldest != NONE and stamps[oldest] - t < t - stamps[newest]):
            best = (oldest, oldest, 0.0)
        else:
            best = (newest, newest, 0.0)
    elif newest != NONE and oldest != NONE:
        if stamps[newest] == t:
            best = (newest, newest, 0.0)
        else:
            best = (newest, oldest, (t - stamps[newest]) / (stamps[oldest] - stamps[newest]))
    return best


@pytest.mark.parametrize("how", resample.HOWS)
@pytest.mark.parametrize("seed", range(30))
def test_choices_are_those_of_a_plain_search(how: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    stamps = rng.choice(2000, size=rng.integers(0, 40), replace=False)
    if rng.random() < 0.5:
        stamps.sort()
    times = np.sort(rng.integers(-100, 2100, 60))
    chosen = resample.choose(stamps.astype(np.int64), times, how)
    for k, t in enumerate(times):
        assert (chosen.before[k], chosen.after[k], chosen.weight[k]) == slow(stamps.tolist(), int(t), how)
        used = [stamps[i] for i in (chosen.before[k], chosen.after[k]) if i != NONE]
        assert chosen.skew_ns[k] == max((abs(int(s) - int(t)) for s in used), default=0)


@pytest.mark.parametrize("fps", [1, 7, 10, 24, 30, 60, 1000])
def test_grid_is_exact_after_an_hour(fps: int) -> None:
    times = resample.grid(5, 5 + 3600 * SECOND, fps)
    assert len(times) == 3600 * fps + 1
    assert times[0] == 5
    assert times[-1] == 5 + 3600 * SECOND
    assert np.abs(np.diff(times) - SECOND / fps).max() <= 1


class TestCommands:
    """The point that is in force one step after the frame."""

    @staticmethod
    def commands(messages: list[tuple[int, list[int]]]) -> Commands:
        owner = [m for m, (_, due) in enumerate(messages) for _ in due]
        point = [p for _, due in messages for p in range(len(due))]
        due = [d for _, dues in messages for d in dues]
        stamps = [stamp for stamp, _ in messages]
        return Commands(
            np.array(stamps, np.int64), np.array(due, np.int64), np.array(owner, np.int32), np.array(point, np.int32)
        )

    def choose(
        self, messages: list[tuple[int, list[int]]], times: list[int], hold: int = 500
    ) -> list[tuple[int, int, int]]:
        scaled = [(s * MS, [d * MS for d in due]) for s, due in messages]
        m, p, held = resample.choose_command(self.commands(scaled), np.array(times, np.int64) * MS, 100 * MS, hold * MS)
        return [(int(a), int(b), int(c) // MS) for a, b, c in zip(m, p, held, strict=True)]

    def test_one_point_due_a_step_later_is_the_frames_own(self) -> None:
        made = self.choose([(0, [100]), (100, [200]), (200, [300])], [0, 100, 200])
        assert made == [(0, 0, 0), (1, 0, 0), (2, 0, 0)]

    def test_newest_plan_replaces_the_older_one(self) -> None:
        plan = [50, 100, 150, 200]
        assert self.choose([(0, plan), (40, [140, 240])], [0]) == [(1, 0, 0)]
        assert self.choose([(0, plan)], [0, 50, 100]) == [(0, 1, 0), (0, 2, 0), (0, 3, 0)]

    def test_last_point_is_held_for_so_long_and_no_longer(self) -> None:
        made = self.choose([(0, [100])], [0, 100, 500, 700], hold=400)
        assert made == [(0, 0, 0), (0, 0, 100), (NONE, NONE, 0), (NONE, NONE, 0)]

    def test_before_the_first_command_there_is_none(self) -> None:
        assert self.choose([(500, [600])], [0, 500]) == [(NONE, NONE, 0), (0, 0, 0)]
        assert self.choose([], [0]) == [(NONE, NONE, 0)]


class TestSegments:
    """Gaps cut an episode or have it refused."""

    times = np.arange(10, dtype=np.int64) * 100 * MS

    def lack(self, *missing: int) -> dict[str, np.ndarray]:
        lack = np.zeros(10, bool)
        lack[list(missing)] = True
        return {"camera front": lack, "joint_states": np.zeros(10, bool)}

    def test_what_is_missing_at_the_ends_is_no_gap(self) -> None:
        assert resample.segments(self.lack(0, 1, 9), self.times, "refuse", 2) == [Segment(2, 9)]

    def test_a_gap_is_refused_by_name(self) -> None:
        with pytest.raises(FineVLAError, match=r"2 frames are missing, the first 0\.40 s .* camera front.*--gaps cut"):
            resample.segments(self.lack(4, 5), self.times, "refuse", 2)

    def test_a_gap_cuts_and_short_pieces_are_left_out(self) -> None:
        assert resample.segments(self.lack(1, 4, 5), self.times, "cut", 2) == [Segment(2, 4), Segment(6, 10)]

    def test_nothing_left_is_a_sentence(self) -> None:
        with pytest.raises(FineVLAError, match="no moment has all it needs: camera front"):
            resample.segments(self.lack(*range(10)), self.times, "cut", 2)
        with pytest.raises(FineVLAError, match="longest stretch without a gap has 1 frames; 2"):
            resample.segments(self.lack(*range(1, 10)), self.times, "cut", 2)


def test_histograms_count_everything_once() -> None:
    values = np.array([0, 500_000, 1 * MS, 70 * MS, 99_000 * MS])
    counts = resample.histogram(values)
    assert sum(counts) == 5
    assert counts[0] == 2
    assert counts[-1] == 1
