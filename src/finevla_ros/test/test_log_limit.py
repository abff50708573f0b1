"""Promises of what nodes write: some lines a second whoever writes them, errors not behind the rest, last words whole."""

import subprocess
import sys
import textwrap

from hypothesis import given
from hypothesis import strategies as st

from finevla_ros.log_limit import BURST, LINE_BYTES, LINES_S, LineFilter

BAR_LINES_S = 10.0


def written(pieces: list[tuple[bytes, float]]) -> list[bytes]:
    out: list[bytes] = []
    lines = LineFilter(out.append)
    for data, now_s in pieces:
        lines.feed(data, now_s)
    return out


def test_few_lines_pass_unchanged_in_whatever_pieces_they_come() -> None:
    text = b"".join(b"line %d\n" % i for i in range(int(BURST)))
    assert b"".join(written([(text, 0.0)])) == text
    assert b"".join(written([(bytes([byte]), 0.0) for byte in text])) == text


def test_a_flood_of_lines_that_all_differ_is_at_most_ten_a_second_and_says_what_it_left_out() -> None:
    seconds = 60
    lines = [(b"[WARN] [%d] and so on\n[ERROR] [%d] and so on\n" % (i, i), i / 1000) for i in range(seconds * 1000)]
    out = written(lines)
    assert 2 * LINES_S * seconds <= len(out) <= BAR_LINES_S * seconds
    left_out = sum(int(line.split(b"(")[1].split()[0]) for line in out if b"were left out" in line)
    assert 2 * len(lines) - 1000 <= len(out) + left_out <= 2 * len(lines)


def test_an_error_is_not_left_out_for_a_flood_of_warnings() -> None:
    flood = [(b"[WARN] no message\n" * 1000, 0.0), (b"[ERROR] stop.topic: stopped\n", 0.0)]
    assert written(flood)[-1] == b"[ERROR] stop.topic: stopped\n"


@given(
    pieces=st.lists(st.tuples(st.binary(max_size=50), st.floats(allow_nan=False, allow_infinity=False)), max_size=50)
)
def test_any_bytes_and_clocks_are_borne(pieces: list[tuple[bytes, float]]) -> None:
    assert all(line.endswith(b"\n") and len(line) < LINE_BYTES + 100 for line in written(pieces))


def test_a_line_without_end_takes_no_memory() -> None:
    lines = LineFilter(lambda _: None)
    for _ in range(100):
        lines.feed(b"x" * 100_000, 0.0)
    assert len(lines._rest) <= LINE_BYTES


def test_process_keeps_its_last_words_and_its_exit_code() -> None:
    program = """
        import os, sys
        from finevla_ros.log_limit import LimitedOutput
        with LimitedOutput():
            for number in range(10_000):
                os.write(2, b"[WARN] a line of the middleware\\n")
            print("python's own", flush=True)
            raise SystemExit("last words")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.endswith("last words\n")
    assert done.stdout == "python's own\n"
    assert done.stderr.count("middleware") <= BURST + LINES_S * 10
