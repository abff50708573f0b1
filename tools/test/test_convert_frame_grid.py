"""Promises of the resampling rule: every frame is made of the messages that a slow, plain search would choose."""

import numpy as np
import pytest

from finevla_core.alignment import NONE
from finevla_core.errors import FineVLAError
from finevla_core.time_units import NS_PER_S
from finevla_tools.convert import frame_grid
from finevla_tools.convert.frame_grid import Commands, Segment

MS = 1_000_000


@pytest.mark.parametrize("fps", [1, 7, 10, 24, 30, 60, 1000])
def test_grid_is_exact_after_an_hour(fps: int) -> None:
    times = frame_grid.grid(5, 5 + 3600 * NS_PER_S, fps)
    assert len(times) == 3600 * fps + 1
    assert times[0] == 5
    assert times[-1] == 5 + 3600 * NS_PER_S
    assert np.abs(np.diff(times) - NS_PER_S / fps).max() <= 1


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
        m, p, held = frame_grid.choose_command(
            self.commands(scaled), np.array(times, np.int64) * MS, 100 * MS, hold * MS
        )
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
        assert frame_grid.segments(self.lack(0, 1, 9), self.times, "refuse", 2) == [Segment(2, 9)]

    def test_a_gap_is_refused_by_name(self) -> None:
        with pytest.raises(FineVLAError, match=r"2 frames are missing, the first 0\.40 s .* camera front.*--gaps cut"):
            frame_grid.segments(self.lack(4, 5), self.times, "refuse", 2)

    def test_a_gap_cuts_and_short_pieces_are_left_out(self) -> None:
        assert frame_grid.segments(self.lack(1, 4, 5), self.times, "cut", 2) == [Segment(2, 4), Segment(6, 10)]

    def test_nothing_left_is_a_sentence(self) -> None:
        with pytest.raises(
            FineVLAError,
            match="no moment has all it needs: camera front is missing at 10 of 10 moments, .* other stamps",
        ):
            frame_grid.segments(self.lack(*range(10)), self.times, "cut", 2)
        with pytest.raises(FineVLAError, match="longest stretch without a gap has 1 frame; 2"):
            frame_grid.segments(self.lack(*range(1, 10)), self.times, "cut", 2)


def test_histograms_count_everything_once() -> None:
    values = np.array([0, 500_000, 1 * MS, 70 * MS, 99_000 * MS])
    counts = frame_grid.histogram(values)
    assert sum(counts) == 5
    assert counts[0] == 2
    assert counts[-1] == 1


@pytest.mark.parametrize("off_ns", [0, 16_384, -16_384, 900_000])
def test_a_stamp_off_by_less_than_a_hundredth_of_a_step_costs_no_frame(off_ns: int) -> None:
    assert len(frame_grid.grid(NS_PER_S + off_ns, NS_PER_S + 1_100_000_000, 10)) == 12
    assert len(frame_grid.grid(NS_PER_S + 2_000_000, NS_PER_S + 1_100_000_000, 10)) == 11
