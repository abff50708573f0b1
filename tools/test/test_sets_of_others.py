"""Promises about data sets that were copied, cut, merged and half downloaded: what contradicts itself is refused or told."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

for needed in ("pyarrow", "av", "h5py"):
    pytest.importorskip(needed, reason="needs 'make data-setup'")

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st
from lerobot_sets import take, write, write_video

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.recording.mcap_scan import Scan
from finevla_tools import cli
from finevla_tools.convert.hdf5_file import opened
from finevla_tools.convert.lerobot_source import LeRobotSource
from finevla_tools.datasets.lerobot_files import open_dataset
from finevla_tools.datasets.row_numbers import refuse_mixed_rows

FRAMES = 24
VIDEO = "videos/chunk-000/observation.images.front"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935\nsize 12345\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    takes = [take(seed, frames=40, cameras=("front",), size=(32, 48)) for seed in range(2)]
    for k, one in enumerate(takes):
        one.state, one.action, one.stamps = one.state[:FRAMES], one.action[:FRAMES], one.stamps[:FRAMES]
        one.pictures, one.tasks = {name: p[:FRAMES] for name, p in one.pictures.items()}, [f"put cube {k} away"]
    return write(tmp_path_factory.mktemp("sets") / "set", takes)


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "set"))


def rows(root: Path, edit: Callable[[pa.Table], pa.Table], episode: int = 1) -> Path:
    file = root / f"data/chunk-000/episode_{episode:06d}.parquet"
    pq.write_table(edit(pq.read_table(file)), file)
    return file


def with_column(table: pa.Table, name: str, column: Any) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, column)


def read(root: Path) -> dict[int, Any]:
    """By episode, its notes, or the sentence that refuses it."""
    found: dict[int, Any] = {}
    source = LeRobotSource(root)
    for reference in source.references():
        try:
            episode = source.open(reference)
            assert len(list(episode.frames())) == FRAMES
            found[reference.part] = episode.header.facts["notes"]
        except FineVLAError as error:
            found[reference.part] = str(error)
    return found


@settings(max_examples=60, deadline=None)
@given(order=st.permutations(range(6)), first=st.integers(0, 3), cut=st.integers(1, 6))
def test_rows_are_taken_in_their_own_order_or_not_at_all(order: list[int], first: int, cut: int) -> None:
    numbers = [first + k for k in order]
    parts = [pa.table({"frame_index": part}) for part in (numbers[:cut], numbers[cut:])]
    is_sound = order == sorted(order)
    try:
        begin = refuse_mixed_rows(parts[0], "it", 0)
        refuse_mixed_rows(parts[1], "it", cut, begin)
    except DamagedFileError as error:
        assert not is_sound
        assert "rows are missing or mixed up" in str(error)
    else:
        assert is_sound
        assert begin == numbers[0]


@pytest.mark.parametrize("column", [None, [7] * 6, [None, 1, 2, 3, 4, 5], ["a"] * 6, [0.5] * 6])
def test_rows_that_do_not_say_which_they_are_are_taken_as_they_lie(column: list[Any] | None) -> None:
    assert refuse_mixed_rows(pa.table({"frame_index": column} if column else {"x": [1] * 6}), "it") == 0


@pytest.mark.parametrize("how", ["shuffled", "twice", "one missing"])
def test_mixed_rows_are_one_sentence_in_every_tool_and_others_are_read(
    root: Path, tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def spoil(table: pa.Table) -> pa.Table:
        if how == "twice":
            return pa.concat_tables([table, table])
        kept = np.random.default_rng(0).permutation(FRAMES) if how == "shuffled" else np.delete(np.arange(FRAMES), 9)
        mixed = table.take(kept)
        return with_column(mixed, "timestamp", table["timestamp"].slice(0, len(mixed)))  # times betray nothing

    rows(root, spoil)
    found = read(root)
    assert found[0] == []
    assert "rows are missing or mixed up" in found[1]
    for command in ("canonicalise", "annotate"):
        code = cli.main([command, str(root), "--out", str(tmp_path / command), "--jobs", "1"])
        said = capsys.readouterr()
        assert code == 1, command
        assert "rows are missing or mixed up" in said.out + said.err, command


@pytest.mark.parametrize("how", ["copied", "renumbered", "cut at its begin"])
def test_rows_of_another_episode_or_moment_are_told(root: Path, how: str) -> None:
    folder = root / "data/chunk-000"
    if how == "copied":
        shutil.copyfile(folder / "episode_000000.parquet", folder / "episode_000001.parquet")
    elif how == "renumbered":
        rows(root, lambda table: with_column(table, "episode_index", pa.array([7] * FRAMES)))
    else:
        rows(root, lambda table: with_column(table, "frame_index", pa.array(np.arange(5, FRAMES + 5))))
    found = read(root)[1]
    if how.startswith("cut"):
        assert any(note.startswith("its rows begin with frame 5") for note in found)
    else:
        assert "by its name it is of episode 1" in found


@pytest.mark.parametrize("more", [2, 9])
def test_a_video_that_goes_on_is_told_but_for_the_odd_picture(root: Path, more: int) -> None:
    pictures = np.random.default_rng(0).integers(0, 255, (FRAMES + more, 32, 48), np.uint8)
    write_video(root / VIDEO / "episode_000001.mp4", pictures, 30)
    assert any("goes on behind its last row" in note for note in read(root)[1]) == (more > 2)


def test_metadata_that_are_broken_or_said_twice_are_told(root: Path) -> None:
    file = root / "meta/episodes.jsonl"
    first, second = file.read_text().splitlines()
    other = json.dumps(json.loads(first) | {"tasks": ["throw it"]})
    file.write_text("\n".join([first, other, second, second[:20]]))
    notes = read(root)[0]
    assert any("has two lines for episode 0" in note for note in notes)
    assert any("line 4, is not a JSON object" in note for note in notes)


def test_numbers_of_tasks_in_place_of_texts_mean_their_texts(root: Path) -> None:
    file = root / "meta/episodes.jsonl"
    file.write_text(file.read_text().replace('["put cube 1 away"]', "[1]"))
    assert [episode.tasks for episode in open_dataset(root).episodes] == [("put cube 0 away",), ("put cube 1 away",)]


def test_an_empty_task_is_one_sentence_for_words(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows(root, lambda table: with_column(table, "task_index", pa.array([None, *[1] * (FRAMES - 1)], pa.int64())))
    assert cli.main(["words", str(root)]) == 2
    assert "column 'task_index' has empty cells" in capsys.readouterr().err


@pytest.mark.parametrize("how", ["empty lists", "beyond float32", "no rows"])
def test_values_that_cannot_be_are_one_sentence_in_every_tool(
    root: Path, tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = [[] if how == "empty lists" else [1e300] * 14] * FRAMES
    if how == "no rows":
        rows(root, lambda table: table.slice(0, 0))
    else:
        rows(root, lambda table: with_column(table, "observation.state", pa.array(cells, pa.list_(pa.float64()))))
    found = read(root)
    assert found[0] == []
    assert {"no rows": "has 0 rows", "empty lists": "has no value", "beyond float32": "holds 1e+300"}[how] in found[1]
    for command in ("canonicalise", "annotate"):
        assert cli.main([command, str(root), "--out", str(tmp_path / command), "--jobs", "1"]) == 1, command
    options = ["--report", str(tmp_path / "report"), "--out", str(tmp_path / "clean"), "--jobs", "1"]
    assert cli.main(["clean", str(root), *options, "--no-video"]) == 0
    assert len(open_dataset(tmp_path / "clean").episodes) == 1
    assert cli.main(["words", str(root)]) == 0
    said = capsys.readouterr()
    assert "did not expect" not in said.out + said.err


@pytest.mark.parametrize("content", ["", POINTER])
@pytest.mark.parametrize("name", ["data/chunk-000/episode_000001.parquet", f"{VIDEO}/episode_000001.mp4"])
def test_files_that_were_not_fetched_are_named_with_the_way_on(
    root: Path, tmp_path: Path, name: str, content: str
) -> None:
    (root / name).write_text(content)
    says = "'git lfs pull'" if content else "is empty (0 bytes)"
    found = read(root)
    assert found[0] == []
    assert says in found[1]
    for suffix, reader in ((".hdf5", lambda path: opened(path).__enter__()), (".mcap", lambda path: list(Scan(path)))):
        (tmp_path / f"a{suffix}").write_text(content)
        with pytest.raises(FineVLAError) as caught:
            reader(tmp_path / f"a{suffix}")
        assert ("git lfs pull" if content else "empty") in str(caught.value)


@pytest.mark.parametrize("place", ["blobs", "elsewhere"])
def test_a_snapshot_of_the_hub_s_cache_is_read_and_other_links_are_not(root: Path, tmp_path: Path, place: str) -> None:
    snapshot, away = tmp_path / "datasets--a--b/snapshots/0a1b", tmp_path / "datasets--a--b" / place
    snapshot.parent.mkdir(parents=True)
    away.mkdir()
    shutil.move(root, snapshot)
    for k, file in enumerate(sorted(path for path in snapshot.rglob("*") if path.is_file())):
        file.rename(away / str(k))
        file.symlink_to(os.path.relpath(away / str(k), file.parent))
    found = read(snapshot)
    if place == "blobs":
        assert found == {0: [], 1: []}
    else:
        assert all("a link out of the data set" in said for said in found.values())


class TestSharedFiles:
    """Of v3.0, where many episodes share a file and a table says whose is what."""

    @pytest.fixture(scope="class")
    def shared(self, made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
        out = tmp_path_factory.mktemp("shared") / "set"
        assert cli.main(["convert", str(made), "--out", str(out), "--jobs", "1"]) == 0
        assert read(out) == {0: [], 1: []}
        return out

    @pytest.fixture
    def root(self, shared: Path, tmp_path: Path) -> Path:
        return Path(shutil.copytree(shared, tmp_path / "shared"))

    FROM = "videos/observation.images.front/from_timestamp"
    TO = "videos/observation.images.front/to_timestamp"
    LENGTH_S = FRAMES / 30

    @pytest.mark.parametrize(("begin", "end", "says"), [
        (LENGTH_S - 1 / 30, 2 * LENGTH_S, "its piece of observation.images.front is said to last 0.833 s"),
        (LENGTH_S - 0.2, 2 * LENGTH_S - 0.2, "episodes 0 and 1 are said to share 0.20 s of observation.images.front"),
    ])  # fmt: skip
    def test_pictures_that_may_be_another_s_are_told(self, root: Path, begin: float, end: float, says: str) -> None:
        self._edit(root, {self.FROM: [0.0, begin], self.TO: [self.LENGTH_S, end]})
        assert any(says in note for note in read(root)[1])

    @pytest.mark.parametrize("column", [FROM, TO, "data/chunk_index", "data/file_index"])
    @pytest.mark.parametrize("value", [None, float("nan")])
    def test_a_row_that_does_not_say_where_costs_its_episode_only(
        self, root: Path, column: str, value: float | None
    ) -> None:
        self._edit(root, {column: [self.LENGTH_S if column == self.TO else 0.0, value]})
        [notes] = read(root).values()
        assert "does not say where the rows and videos of episode 1 are" in notes[0]

    def test_two_rows_that_contradict_are_not_chosen_from(self, root: Path) -> None:
        self._edit(root, {"episode_index": [1, 1]})
        file = next((root / "meta/episodes").glob("**/*.parquet"))
        first = pq.read_table(file)
        extra = with_column(first.slice(0, 1), "episode_index", pa.array([0]))
        pq.write_table(pa.concat_tables([first, extra, extra]), file)  # said twice alike is no contradiction
        [notes] = read(root).values()
        assert "two rows for episode 1 that contradict" in notes[0]

    def test_a_task_without_a_text_is_no_text(self, root: Path) -> None:
        file = root / "meta/tasks.parquet"
        table = pq.read_table(file)
        pq.write_table(with_column(table, "task", pa.array([None, None], pa.string())), file)
        assert open_dataset(root).task_table == {}

    def _edit(self, root: Path, columns: dict[str, list[Any]]) -> None:
        file = next((root / "meta/episodes").glob("**/*.parquet"))
        table = pq.read_table(file)
        for name, cells in columns.items():
            table = with_column(table, name, pa.array(cells))
        pq.write_table(table, file)
