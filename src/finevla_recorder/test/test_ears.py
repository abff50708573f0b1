"""Promises of counting by sequence numbers: what is missing is counted, and two publishers are not taken for a loss."""

import pytest

from finevla_recorder.topic_capture import Numbers


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [
        ([7, 8, 9], 0),
        ([7, 9, 10], 1),
        ([1, 5, 10], 3 + 4),
        ([700, 1, 701, 2, 702], 0),  # another one begins beside it
        ([700, 5000, 701, 5001, 702], 0),  # or has long been there
        ([700, 702, 1, 2], 1),  # the same one begins again
        ([0, 0, 0], 0),  # a middleware that does not number
    ],
)
def test_missing_messages(numbers: list[int], missing: int) -> None:
    counter = Numbers(True)
    assert sum(map(counter.missing, numbers)) == missing


def test_counting_begins_anew_when_one_is_left() -> None:
    counter = Numbers(False)
    assert counter.missing(3) == counter.missing(900) == 0
    counter.set_alone(True)
    assert [counter.missing(n) for n in (50, 51, 53)] == [0, 0, 1]
