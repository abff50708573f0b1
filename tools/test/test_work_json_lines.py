"""Promises of journals of JSON lines: what is cut short costs itself alone, and what was appended can be read at once."""

from pathlib import Path

import pytest

from finevla_tools.work.json_lines import JsonLines, read_json_lines


def test_what_is_appended_can_be_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.jsonl"
    assert list(read_json_lines(path)) == []
    with JsonLines(path) as journal:
        journal.append({"a": "猫"})
        assert list(read_json_lines(path)) == [{"a": "猫"}]
        journal.append([1, None])
    assert list(read_json_lines(path)) == [{"a": "猫"}, [1, None]]


@pytest.mark.parametrize("cut", range(1, 11))
def test_a_last_line_cut_short_costs_itself_alone(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.jsonl"
    with JsonLines(path) as journal:
        journal.append("first")
        journal.append("second")
    path.write_bytes(path.read_bytes()[:-cut])
    for value in ("third", "fourth"):
        with JsonLines(path) as journal:
            journal.append(value)
    assert list(read_json_lines(path)) == ["first", *(["second"] if cut == 1 else []), "third", "fourth"]


def test_a_full_disk_in_the_middle_of_a_line_costs_that_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    journal = JsonLines(path)
    file = journal._file

    class Full:
        def __init__(self) -> None:
            self.writes = 0

        def write(self, data: memoryview) -> int:
            self.writes += 1
            if self.writes == 2:
                raise OSError(28, "No space left on device")
            return file.write(data[:5] if self.writes == 1 else data)

        def close(self) -> None:
            file.close()

    journal._file = Full()  # type: ignore[assignment]
    with journal:
        with pytest.raises(OSError, match="No space left"):
            journal.append("a long value")
        journal.append("the next")
    assert list(read_json_lines(path)) == ["the next"]


def test_two_who_append_do_not_harm_each_other(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with JsonLines(path) as one, JsonLines(path) as other:
        for n in range(5):
            (one if n % 2 else other).append(n)
    assert list(read_json_lines(path)) == [0, 1, 2, 3, 4]


def test_lines_that_are_no_json_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n\xff\xfe\n\nnone\n{"b"\n2\n')
    assert list(read_json_lines(path)) == [{"a": 1}, 2]
