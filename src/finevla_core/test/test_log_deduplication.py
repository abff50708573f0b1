"""Promises of the repeat counter: a sentence is news once, its count is told, and its end too."""

import pytest

from finevla_core.log_deduplication import KEPT, QUIET_S, RepeatCounter


def test_a_sentence_that_repeats_is_told_once_and_then_by_its_count() -> None:
    counter = RepeatCounter()
    lines = [line for i in range(120) if (line := counter.note(f"chunk {i} refused: 0.{i} rad too far", i * 0.1))]
    assert lines[0] == "chunk 0 refused: 0.0 rad too far"
    assert [line.partition(" (")[2] for line in lines[1:]] == [
        "10 times in 1 s, and it goes on)",
        "100 times in 10 s, and it goes on)",
    ]
    assert counter.finished(12.0) == []
    assert counter.finished(12.0 + QUIET_S) == ["chunk 119 refused: 0.119 rad too far (120 times in 12 s; no more)"]
    assert counter.note("chunk 7 refused: 0.7 rad too far", 30.0)


def test_other_sentences_are_news_and_what_came_once_ends_without_a_word() -> None:
    counter = RepeatCounter()
    assert counter.note("too hot", 0.0) == "too hot"
    assert counter.note("too cold", 0.0) == "too cold"
    assert counter.finished(100.0) == []


@pytest.mark.parametrize("count", [KEPT, 10 * KEPT])
def test_memory_is_bounded(count: int) -> None:
    counter = RepeatCounter()
    for i in range(count):
        assert counter.note("x" * (i + 1), 0.0)
    assert len(counter._rows) == KEPT
