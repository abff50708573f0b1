"""Promises of the parallel map: in order, no further ahead than said; who kills his process is named and harms no other."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from finevla_core.errors import FineVLAError
from finevla_tools.work.parallel_map import Once, over

PROGRAM = """
import sys, time
from finevla_tools.work.parallel_map import over
def work(path):
    print("begun", flush=True)
    time.sleep(60)
if __name__ == "__main__":
    try:
        for _ in over(work, ["a", "b"], 2):
            pass
    except KeyboardInterrupt:
        sys.exit(130)
"""


def square(n: int) -> int:
    return n * n


def kill_self(n: int) -> int:
    """Negative ones end their process, as the kernel does when memory runs out."""
    if n < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return n * n


def much(n: int) -> bytes:
    time.sleep(0.02)
    return bytes(3_000_000)


class OnceKilled:
    """Ends its process the first time."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __call__(self, n: int) -> int:
        if n == 2 and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return n * n


def counted(items: list[int], taken: list[int]) -> Iterator[int]:
    for item in items:
        taken.append(item)
        yield item


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_order_and_no_more_is_begun_than_said(jobs: int) -> None:
    taken: list[int] = []
    most = 0
    results = []
    for item, result in over(square, counted(list(range(30)), taken), jobs, ahead=3):
        results.append((item, result))
        most = max(most, len(taken) - len(results))
    assert results == [(n, n * n) for n in range(30)]
    assert most < 3 * jobs


def test_who_kills_his_process_is_told_and_all_others_are_done() -> None:
    items = [1, 2, -3, 4, -5, 6]
    found = dict(over(kill_self, items, 2, died=lambda n: 1000 + n))
    assert list(found.items()) == [(1, 1), (2, 4), (-3, 997), (4, 16), (-5, 995), (6, 36)]


def test_one_job_apart_does_not_take_this_process_down() -> None:
    assert dict(over(kill_self, [1, -3, 5], 1, is_apart=True, died=lambda n: 1000 + n)) == {1: 1, -3: 997, 5: 25}


def test_who_kills_his_process_is_named() -> None:
    with pytest.raises(FineVLAError, match="the process that worked on '-3' was killed, .* use fewer --jobs"):
        list(over(kill_self, [1, -3, 5], 2))


def test_a_process_that_was_killed_by_chance_costs_nothing(tmp_path: Path) -> None:
    assert list(over(OnceKilled(tmp_path / "mark"), range(5), 2)) == [(n, n * n) for n in range(5)]


def test_what_is_no_engine_or_no_number_is_one_sentence() -> None:
    with pytest.raises(FineVLAError, match="engine 'dask' is unknown; known are local, ray"):
        list(over(square, [1], 1, "dask"))
    with pytest.raises(FineVLAError, match="--jobs is 0; at least 1 is needed"):
        list(over(square, [1], 0))


def test_what_the_function_raises_comes_out() -> None:
    with pytest.raises(TypeError):
        list(over(square, [1, "x", 2], 2))  # type: ignore[list-item]


def test_ray_gives_the_same() -> None:
    pytest.importorskip("ray")
    assert list(over(square, range(5), 2, "ray")) == [(n, n * n) for n in range(5)]


def test_ctrl_c_ends_all_of_them_without_a_traceback(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    command = [sys.executable, str(file)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["begun\n", "begun\n"]
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    said, complaints = process.communicate(timeout=30.0)
    assert (process.returncode, said, complaints) == (130, "", "")


def test_whoever_ends_in_the_middle_is_not_kept_by_a_result_that_was_half_sent() -> None:
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_work_parallel_map import much
from finevla_tools.work.parallel_map import over

if __name__ == "__main__":
    for item, _ in over(much, iter(range(10**6)), 2):
        if item == 3:
            raise SystemExit("the disk is full")
"""
    for _ in range(4):  # one in six was kept for ever
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr.strip()) == (1, "the disk is full")


def test_what_is_done_first_comes_first_if_the_order_is_not_asked_for(tmp_path: Path) -> None:
    last = tmp_path / "last"
    found = []
    for item, _ in over(Waits(last), ["slow", "a", "b", "c", "d", "e"], 2, in_order=False, ahead=1):
        found.append(item)
        if len(found) == 5:
            last.touch()
    assert sorted(found) == ["a", "b", "c", "d", "e", "slow"]
    assert found[-1] == "slow"


class Waits:
    """The slow one waits for a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __call__(self, item: str) -> None:
        until = time.monotonic() + 60
        while item == "slow" and not self.file.exists() and time.monotonic() < until:
            time.sleep(0.01)


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_dear_is_made_once_in_each_process(jobs: int) -> None:
    made = {number for _, number in over(Once(Numbered, Numbered.of), range(12), jobs)}
    assert len(made) <= jobs


class Numbered:
    """Knows its process and how many of it were made there."""

    made = 0

    def __init__(self) -> None:
        Numbered.made += 1

    def of(self, item: int) -> tuple[int, int]:
        return os.getpid(), Numbered.made
