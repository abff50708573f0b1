"""Promises of stored distances: nothing is computed twice, and nothing half-written or of something else is believed."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import squareform

from finevla_core.errors import FineVLAError
from finevla_tools.dedup import distance_store, parallel_groups
from finevla_tools.dedup.clusters import Cut
from finevla_tools.dedup.distance_cache import Dense, Sparse
from finevla_tools.dedup.distance_store import Remembered, Work, condensed_of, pairs_of, stored
from finevla_tools.dedup.frame_cost import Metric, PoseTrajectory, Prepared, prepare
from finevla_tools.dedup.group_comparison import compare
from finevla_tools.dedup.parallel_groups import compare_all
from finevla_tools.work import journal

N = 12


def trajectories(count: int = N, seed: int = 0) -> list[PoseTrajectory]:
    random = np.random.default_rng(seed)
    return [
        PoseTrajectory(f"set/episode_{i:06d}", random.normal(size=(int(random.integers(4, 9)), 1, 8)))
        for i in range(count)
    ]


def prepared(count: int = N, seed: int = 0, measure: Metric = Metric()) -> Prepared:  # noqa: B008
    return prepare(trajectories(count, seed), measure)


def plain(group: Prepared, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """In place of the kernel: a distance that says which pair it is of."""
    low, high = np.sort(pairs, axis=1).T
    return low + high / 1000


class Counted:
    """Counts how often each pair was computed; raises at call number `fails_at`."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.count = np.zeros((N, N), int)
        self.calls, self.fails_at = 0, fails_at

    def __call__(self, group: Prepared, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        self.calls += 1
        if self.calls == self.fails_at:
            raise KeyboardInterrupt
        np.add.at(self.count, tuple(pairs.T), 1)
        return plain(group, pairs)

    def all_once(self) -> bool:
        return bool((self.count == np.triu(np.ones((N, N), int), 1)).all())


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distance_store, "BLOCK_CELLS", 4 * 45)  # four pairs: the mean length is 6.6


@given(st.integers(2, 60))
@settings(deadline=None, max_examples=30)
def test_condensed_indices_are_scipys(n: int) -> None:
    which = np.arange(n * (n - 1) // 2)
    square = squareform(which.astype(float))
    pairs = pairs_of(which, n)
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert (square[tuple(pairs.T)] == which).all()
    assert (condensed_of(pairs[:, ::-1], n) == which).all()


def test_indices_of_a_large_group_do_not_overflow() -> None:
    n = 100_000
    which = np.array([0, 1, n - 2, n - 1, n * (n - 1) // 2 - 1])
    assert pairs_of(which, n).tolist() == [[0, 1], [0, 2], [0, n - 1], [1, 2], [n - 2, n - 1]]
    assert (condensed_of(pairs_of(which, n), n) == which).all()


def test_stored_distances_are_the_kernels(tmp_path: Path) -> None:
    from finevla_tools.dedup.dtw_distances import condensed

    for measure in (Metric(), Metric(compat=True)):
        group = prepared(measure=measure)
        found = stored(group, tmp_path / measure.key(), what=None)
        assert found.dtype == (np.float64 if measure.compat else np.float32)
        assert np.array_equal(found, condensed(group).astype(found.dtype))
        assert not found.flags.writeable


@pytest.mark.parametrize("count", [1, 2])
def test_smallest_groups(tmp_path: Path, count: int) -> None:
    assert len(stored(prepared(count), tmp_path, what=None, exact=plain)) == count - 1


def test_second_call_computes_nothing(tmp_path: Path) -> None:
    first, second = Counted(), Counted()
    before = np.array(stored(prepared(), tmp_path, what=None, exact=first))
    assert first.all_once()
    assert first.calls > 5
    assert np.array_equal(stored(prepared(), tmp_path, what=None, exact=second), before)
    assert second.calls == 0


@given(cuts=st.lists(st.integers(1, 5), max_size=5), memory=st.lists(st.integers(1, 9), min_size=6, max_size=6))
@settings(deadline=None, max_examples=25)
def test_interrupted_again_and_again_with_other_blocks_each_pair_is_computed_once(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], memory: list[int]
) -> None:
    folder, total = tmp_path_factory.mktemp("store"), np.zeros((N, N), int)
    with pytest.MonkeyPatch.context() as patch:
        for fails_at, size in zip([*cuts, None], memory, strict=False):
            patch.setattr(distance_store, "BLOCK_CELLS", size * 45)
            counted = Counted(fails_at)
            try:
                found = stored(prepared(), folder, what=None, exact=counted)
            except KeyboardInterrupt:
                continue
            finally:
                total += counted.count
    assert total.max() == 1
    assert np.array_equal(found, plain(prepared(), pairs_of(np.arange(N * (N - 1) // 2), N)).astype(np.float32))


CHILD = """
import sys
sys.path.insert(0, {here!r})
from pathlib import Path
import test_dedup_distance_store as t
from finevla_tools.dedup import distance_store, parallel_groups
from finevla_tools.work import journal

distance_store.BLOCK_CELLS = 4 * 45
def stop():
    print("here", flush=True)
    sys.stdin.readline()  # never comes: killed here

def exact(group, pairs):
    global calls
    calls += 1
    if calls == {at} and not {in_writing}:
        stop()
    with open({log!r}, "a") as file:
        file.writelines(f"{{i}} {{j}}\\n" for i, j in pairs)
    return t.plain(group, pairs)

calls = 0
append = journal.Journal.append
def appended(self, payload):
    if calls == {at} and {in_writing}:
        self._file.seek(0, 2)
        self._file.write(b"half a record")
        stop()
    append(self, payload)
journal.Journal.append = appended
{run}
"""
MATRIX = "distance_store.stored(t.prepared(), Path({folder!r}), what=None, exact=exact)"
SOME = (
    "remembered = distance_store.Remembered(t.prepared(), Path({folder!r}), exact=exact)\n"
    "import numpy as np\nremembered(distance_store.pairs_of(np.arange(66), t.N))"
)


def killed(run: str, folder: Path, log: Path, at: int, in_writing: bool) -> None:
    text = CHILD.format(
        here=str(Path(__file__).parent), at=at, in_writing=in_writing, log=str(log), run=run.format(folder=str(folder))
    )
    child = subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"here\n"
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    child.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("run", [MATRIX, SOME], ids=["matrix", "some"])
def test_killed_between_blocks_no_block_is_computed_twice(tmp_path: Path, run: str) -> None:
    log, folder, rest = tmp_path / "log", tmp_path / "store", Counted()
    killed(run, folder, log, at=4, in_writing=False)
    before = [tuple(map(int, line.split())) for line in log.read_text().splitlines()]
    assert len(before) > 10
    found = finished(run, folder, rest)
    for pair in before:
        rest.count[pair] += 1
    assert rest.all_once()
    assert np.array_equal(found, plain(prepared(), pairs_of(np.arange(66), N)).astype(np.float32))


@pytest.mark.slow
@pytest.mark.parametrize("run", [MATRIX, SOME], ids=["matrix", "some"])
def test_killed_in_writing_the_half_record_is_not_believed(tmp_path: Path, run: str) -> None:
    log, folder, rest = tmp_path / "log", tmp_path / "store", Counted()
    killed(run, folder, log, at=3, in_writing=True)
    before = [tuple(map(int, line.split())) for line in log.read_text().splitlines()]
    found = finished(run, folder, rest)
    for pair in before:
        rest.count[pair] += 1
    assert sorted(set(rest.count[np.triu_indices(N, 1)])) == [
        1,
        2,
    ]  # only what was not yet in the journal is made again
    assert (rest.count == 2).sum() <= 6
    assert np.array_equal(found, plain(prepared(), pairs_of(np.arange(66), N)).astype(np.float32))
    assert finished(run, folder, again := Counted()) is not None
    assert again.calls == 0


def finished(run: str, folder: Path, exact: Counted) -> NDArray[np.float32]:
    if run == MATRIX:
        return np.array(stored(prepared(), folder, what=None, exact=exact))
    remembered = Remembered(prepared(), folder, exact=exact)
    found = remembered(pairs_of(np.arange(66), N)).astype(np.float32)
    remembered.close()
    return found


def test_damaged_distances_are_computed_again(tmp_path: Path) -> None:
    before = np.array(stored(prepared(), tmp_path, what=None, exact=plain))
    data = bytearray((tmp_path / distance_store.MATRIX).read_bytes())
    data[30] ^= 1
    (tmp_path / distance_store.MATRIX).write_bytes(data)
    counted = Counted()
    assert np.array_equal(stored(prepared(), tmp_path, what=None, exact=counted), before)
    assert counted.calls == 1


@given(cut=st.integers(0, 400), flip=st.integers(0, 400))
@settings(deadline=None, max_examples=40)
def test_damaged_journal_costs_time_but_no_right_distance(
    tmp_path_factory: pytest.TempPathFactory, cut: int, flip: int
) -> None:
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distance_store, "BLOCK_CELLS", 4 * 45)
        before = np.array(stored(prepared(), folder, what=None, exact=plain))
        path = folder / distance_store.BLOCKS
        head, body = path.read_bytes().split(b"\n", 1)
        body = bytearray(body[: max(len(body) - cut, 0)])
        if flip < len(body):
            body[flip] ^= 64
        path.write_bytes(head + b"\n" + body)
        for _ in range(2):
            counted = Counted()
            assert np.array_equal(stored(prepared(), folder, what=None, exact=counted), before)
    assert counted.calls == 0


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (lambda: prepared(measure=Metric(w_grip=1.0)), "another measure"),
        (lambda: prepared(measure=Metric(band=3)), "another measure"),
        (lambda: prepare(trajectories()[::-1], Metric()), "in another order"),
        (lambda: prepared(count=N - 1), "other episodes"),
        (lambda: prepared(seed=1), "other values"),
        (lambda: nudged(), "other values"),
    ],
    ids=["weight", "band", "order", "fewer", "values", "one value"],
)
def test_distances_of_something_else_are_refused(tmp_path: Path, other: object, said: str) -> None:
    assert callable(other)
    stored(prepared(), tmp_path, what=None, exact=plain)
    Remembered(prepared(), tmp_path, exact=plain).close()
    for attempt in (
        lambda g: stored(g, tmp_path, what=None, exact=plain),
        lambda g: Remembered(g, tmp_path, exact=plain),
    ):
        with pytest.raises(FineVLAError, match=f"belongs to .*{said}.*: name another folder"):
            attempt(other())


def nudged() -> Prepared:
    """The seventh trajectory's fourth frame, a little."""
    some = trajectories()
    values = some[6].values.copy()
    values[3, 0, 1] += 1e-3
    some[6] = replace(some[6], values=values)
    return prepare(some, Metric())


@pytest.mark.parametrize("text", [b"", b"no journal\n", b"[1]\n", b"{", b"\x00" * 100, b'{"another measure": 3}\n'])
def test_a_file_of_somebody_else_is_refused(tmp_path: Path, text: bytes) -> None:
    (tmp_path / distance_store.BLOCKS).write_bytes(text)
    with pytest.raises(FineVLAError, match=distance_store.BLOCKS):
        stored(prepared(), tmp_path, what=None, exact=plain)
    assert (tmp_path / distance_store.BLOCKS).read_bytes() == text


def test_two_runs_do_not_write_into_one_folder(tmp_path: Path) -> None:
    first = Remembered(prepared(), tmp_path, exact=plain)
    with pytest.raises(FineVLAError, match="in use by another run"):
        Remembered(prepared(), tmp_path, exact=plain)
    first.close()
    Remembered(prepared(), tmp_path, exact=plain).close()


def test_full_disk_is_told_before_anything_is_computed(tmp_path: Path) -> None:
    text = CHILD.split("def stop")[0] + (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "try:\n    distance_store.stored(t.prepared(60), Path({folder!r}), what=None, exact=t.Counted(1))\n"
        "except t.FineVLAError as error:\n    print(error)\n"
    )
    text = text.format(here=str(Path(__file__).parent), folder=str(tmp_path))
    # Python would keep of compiled modules what the limit lets it write, for everybody.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    asked = [sys.executable, "-c", text]
    said = subprocess.run(asked, check=True, capture_output=True, text=True, env=environment).stdout
    assert "distances.bin' cannot be written, the disk is full" in said
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 2000


@pytest.mark.parametrize("which", ["matrix", "journal"])
def test_disk_that_is_full_later_keeps_what_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    pwrite, writes = os.pwrite, []

    def full(file: int, data: memoryview, at: int) -> int:
        writes.append(at)
        if len(writes) == (7 if which == "matrix" else 8):
            pwrite(file, data[: len(data) // 2], at)
            raise OSError(28, "No space left on device")
        return pwrite(file, data, at)

    monkeypatch.setattr(journal.os, "pwrite", full)
    first, second = Counted(), Counted()
    with pytest.raises(FineVLAError, match="the disk is full .*: make room and start again, what is done is kept"):
        stored(prepared(), tmp_path, what=None, exact=first)
    monkeypatch.setattr(journal.os, "pwrite", pwrite)
    found = stored(prepared(), tmp_path, what=None, exact=second)
    assert np.array_equal(found, plain(prepared(), pairs_of(np.arange(66), N)).astype(np.float32))
    computed = first.count + second.count
    assert computed.sum() == 66 + 4  # only the block that could not be written is computed again


def test_memory_bounds_a_block_and_too_little_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distance_store, "BLOCK_CELLS", 10**12)
    monkeypatch.setattr(distance_store, "MB", 1 << 10)  # kilobytes, say
    sizes: list[int] = []

    def exact(group: Prepared, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        sizes.append(len(pairs))
        return plain(group, pairs)

    group = prepared()
    enough = group.values.nbytes // 512 + 5
    stored(group, tmp_path, memory_mb=enough, what=None, exact=exact)
    assert len(sizes) > 1
    assert max(sizes) * distance_store.PAIR_BYTES + group.values.nbytes <= enough << 10
    with pytest.raises(FineVLAError, match="12 trajectories take .* allow more than 1 MB, or make finer groups"):
        stored(group, tmp_path, memory_mb=1, what=None, exact=exact)


@given(
    puts=st.lists(st.lists(st.integers(0, 200), max_size=30), max_size=20),
    room=st.sampled_from([10**6, 24 * 40]),
)
def test_what_is_found_is_found_again_where_there_is_room(puts: list[list[int]], room: int) -> None:
    sparse, dense = Sparse(np.dtype(np.float32), room), Dense(201, np.dtype(np.float32))
    everything = np.arange(201)
    for numbers in puts:
        which = np.setdiff1d(numbers, everything[~np.isnan(dense.get(everything))]).astype(np.int64)
        for one in (sparse, dense):
            one.put(which, which.astype(np.float32) / 3)
        some, all_ = sparse.get(everything), dense.get(everything)
        if room == 10**6:
            assert np.array_equal(some, all_, equal_nan=True)
        else:
            assert np.isnan(some).sum() >= 201 - 40
            assert np.array_equal(some[~np.isnan(some)], all_[~np.isnan(some)])


def test_group_too_large_for_memory_is_remembered_as_far_as_it_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distance_store, "distance_store", lambda _total, kind, _room: Sparse(kind, 10**6))
    counted, some = Counted(), pairs_of(np.arange(0, 66, 2), N)
    for asked in (some[:20], some, some[::-1]):
        remembered = Remembered(prepared(), tmp_path, exact=counted)
        assert np.array_equal(remembered(asked), plain(prepared(), asked).astype(np.float32))
        remembered.close()
    assert counted.count.sum() == len(some)


def test_progress_says_blocks_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored(prepared(), tmp_path, what="task 3", exact=plain)
    assert "task 3: 17 of 17 blocks" in capsys.readouterr().err
    stored(prepared(), tmp_path, what="task 3", exact=plain)
    assert capsys.readouterr().err == ""


def test_remembered_pairs_are_asked_for_once_in_any_order(tmp_path: Path) -> None:
    counted, pairs = Counted(), np.array([[3, 1], [0, 2], [1, 3], [4, 5]])
    remembered = Remembered(prepared(), tmp_path, exact=counted)
    first = remembered(pairs)
    assert np.allclose(first, [1.003, 0.002, 1.003, 4.005])
    assert remembered.computed == counted.count.sum() == 3
    assert remembered.is_computed(np.array([[2, 0], [0, 1]])).tolist() == [True, False]
    remembered.close()
    again = Remembered(prepared(), tmp_path, exact=counted)
    assert np.array_equal(again(pairs), first)  # to the last bit
    assert again.computed == 0
    again.close()


def test_finished_groups_are_known_after_a_restart(tmp_path: Path) -> None:
    group = prepared()
    work = Work(tmp_path)
    assert work.result("pick / place", group) is None
    work.finish("pick / place", group, {"labels": [1, 2]})
    work.close()
    work = Work(tmp_path)
    assert work.result("pick / place", group) == {"labels": [1, 2]}
    assert work.result("pick / place", group, settings="other cut") is None
    assert work.result("pick / place", nudged()) is None
    assert work.result("pick _ place", group) is None
    work.close()


def test_a_groups_name_cannot_leave_the_folder(tmp_path: Path) -> None:
    work = Work(tmp_path)
    places = {work.place(name) for name in ("../x", "/etc", "", "a/b", "a_b", "ä" * 500)}
    assert len(places) == 6
    assert all(place.parent == tmp_path and len(place.name) == 32 for place in places)


def test_engines_are_named(tmp_path: Path) -> None:
    with pytest.raises(FineVLAError, match="engine 'rayy' is unknown; known are local, ray"):
        stored(prepared(), tmp_path, engine="rayy", what=None, exact=plain)


class Ray:
    """Runs each task at once."""

    def __init__(self) -> None:
        self.calls = 0

    def is_initialized(self) -> bool:
        return True

    def put(self, value: object) -> list[object]:
        return [value]

    def remote(self, **how: object):  # type: ignore[no-untyped-def]
        def decorated(function):  # type: ignore[no-untyped-def]
            def remote(handle, item):  # type: ignore[no-untyped-def]
                self.calls += 1
                done = function(*handle, item)
                return lambda: done

            function.remote = remote
            return function

        return decorated

    def wait(self, handles: list[object], timeout: float) -> tuple[list[object], list[object]]:
        return handles, []

    def get(self, handle):  # type: ignore[no-untyped-def]
        return handle()

    def shutdown(self) -> None:
        pass


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ray]:
    import numba

    threads, made = numba.get_num_threads(), Ray()
    monkeypatch.setitem(sys.modules, "ray", made)
    yield made
    numba.set_num_threads(threads)


def test_ray_has_the_same_code_path(tmp_path: Path, ray: Ray) -> None:
    found = stored(prepared(), tmp_path, engine="ray", what=None, exact=plain)
    assert np.array_equal(found, plain(prepared(), pairs_of(np.arange(66), N)).astype(np.float32))
    assert ray.calls == 17


@pytest.mark.slow
@pytest.mark.parametrize("how", ["here", "processes", "ray"])
def test_many_groups_side_by_side_give_what_one_after_the_other_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ray: Ray, how: str
) -> None:
    monkeypatch.setattr(parallel_groups, "SMALL", 13)
    groups = [(f"task {size}", trajectories(size, seed=size)) for size in (15, 12, 1, 13, 2, 14, 7, 5)]
    cut = Cut("average", 40.0)
    store_ = Work(tmp_path / how, engine="ray" if how == "ray" else "local")
    found = list(compare_all(groups, Metric(), cut, store_, 2 if how == "processes" else 1))
    one_by_one = [compare(name, some, Metric(), cut, Work(tmp_path / "one")) for name, some in groups]
    assert len(found) == len(groups)
    for mine, other in zip(found, one_by_one, strict=True):
        assert mine.clusters.labels.tolist() == other.clusters.labels.tolist()
        assert np.array_equal(mine.to_medoid, other.to_medoid)
    assert any(len(set(known.clusters.labels)) < len(known.clusters.labels) for known in found)
    assert how != "ray" or ray.calls >= 6
