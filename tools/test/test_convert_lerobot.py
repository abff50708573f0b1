"""Promises of the LeRobot reader: v2.0, v2.1 and v3.0 give the same frames, and whatever is broken gets one sentence."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("av")

import foreign

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_tools.cli import main
from finevla_tools.convert import compressed_pictures
from finevla_tools.convert.episode import EpisodeFrame, Header, LanguageRow
from finevla_tools.convert.lerobot_source import LeRobotOptions, LeRobotSource, matches
from finevla_tools.convert.lerobot_v21_writer import write_v21


@pytest.fixture(scope="module")
def v21(tmp_path_factory: pytest.TempPathFactory, robot: Embodiment) -> Path:
    folder = tmp_path_factory.mktemp("v21")
    return write_v21(foreign.parts(folder / "parts", robot), folder / "set", robot)


@pytest.fixture(scope="module")
def v21_images(tmp_path_factory: pytest.TempPathFactory, robot: Embodiment) -> Path:
    folder = tmp_path_factory.mktemp("v21_images")
    return write_v21(foreign.parts(folder / "parts", robot, images="png"), folder / "set", robot)


@pytest.fixture
def copy(v21: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(v21, tmp_path / "set"))


def read(root: Path, number: int = 0, **options: Any) -> tuple[Header, list[EpisodeFrame]]:
    source = LeRobotSource(root, LeRobotOptions(**options))
    episode = source.open(source.references()[number])
    return episode.header, list(episode.frames())


def assert_same(root: Path, robot: Embodiment) -> None:
    """All three episodes are as recorded; their videos are without loss."""
    assert [r.name for r in LeRobotSource(root).references()] == [f"episode_{i:06d}" for i in range(3)]
    for i in range(3):
        r = foreign.recording(i, 12 + i)
        header, frames = read(root, i)
        assert len(frames) == 12 + i
        assert (np.array([f.state for f in frames]) == r.states).all()
        assert (np.array([f.action for f in frames]) == r.actions).all()
        assert (header.fps, header.robot, header.state_names) == (10, robot.name, robot.names)
        assert sorted(c.name for c in header.cameras) == sorted(robot.camera_names)
        assert [f.task for f in frames] == [
            f"then task {i}" if i and k >= (12 + i) / 2 else foreign.TASK for k in range(12 + i)
        ]
        for k, frame in enumerate(frames):
            for c, camera in enumerate(robot.camera_names):
                assert (compressed_pictures.decode(frame.pictures[camera], "it") == r.images[k, c]).all()
        json.dumps(header.facts)


def test_v21_is_read_back_exactly(v21: Path, robot: Embodiment) -> None:
    assert matches(v21)
    assert not matches(v21.parent)
    assert_same(v21, robot)


def test_pictures_in_tables_are_read_back_exactly(v21_images: Path, robot: Embodiment) -> None:
    assert_same(v21_images, robot)


def test_v20_is_read_like_v21(copy: Path, robot: Embodiment) -> None:
    foreign.edit_info(copy, lambda info: info.update(codebase_version="v2.0"))
    (copy / "meta/episodes_stats.jsonl").unlink()
    assert_same(copy, robot)


@pytest.mark.slow
@pytest.mark.parametrize("images", ["video", "png"])
def test_v30_as_lerobot_makes_it_is_read_exactly(
    v21: Path, v21_images: Path, tmp_path: Path, robot: Embodiment, images: str
) -> None:
    pytest.importorskip("lerobot")
    from lerobot.scripts.convert_dataset_v21_to_v30 import convert_dataset

    root = Path(shutil.copytree(v21 if images == "video" else v21_images, tmp_path / "set"))
    convert_dataset("finevla/set", root=root, push_to_hub=False)
    assert_same(root, robot)


def test_language_columns_are_kept(copy: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = copy / "data/chunk-000/episode_000000.parquet"
    table = pq.read_table(path)
    persistent = [{"role": "assistant", "content": "reach", "style": "subtask", "timestamp": 0.5, "camera": None}]
    event = {"role": "user", "content": "where?", "style": "vqa", "camera": "observation.images.left"}
    rows = table.num_rows
    table = table.append_column("language_persistent", pa.array([persistent] * rows))
    table = table.append_column("language_events", pa.array([[event] if k == 3 else [] for k in range(rows)]))
    pq.write_table(table, path)
    language = {"dtype": "language", "shape": [1], "names": None}
    foreign.edit_info(
        copy, lambda info: info["features"].update(language_persistent=language, language_events=language)
    )
    assert read(copy)[0].words == (
        LanguageRow(0.5, "assistant", "reach", "subtask"),
        LanguageRow(pytest.approx(0.3), "user", "where?", "vqa", "left", is_event=True),
    )


def test_another_rate_than_its_own_is_refused(v21: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(v21), "--out", str(tmp_path / "out"), "--fps", "7"]) == 2
    assert "frames per second, --fps 7 cannot be made of it" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_task_can_be_said(copy: Path) -> None:
    (copy / "meta/tasks.jsonl").unlink()
    assert {frame.task for frame in read(copy)[1]} == {foreign.TASK}  # the episode's own label says it too
    path = copy / "meta/episodes.jsonl"
    rows = [json.loads(line) for line in path.read_text().split("\n") if line]
    path.write_text("".join(json.dumps({k: v for k, v in row.items() if k != "tasks"}) + "\n" for row in rows))
    with pytest.raises(FineVLAError, match="not in the table of tasks"):
        read(copy)
    assert {frame.task for frame in read(copy, task="fold")[1]} == {"fold"}


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("path out of the set", "not followed"), ("absolute path", "not followed"), ("code in the path", "missing"),
        ("link out of the set", "not followed"), ("feature as a path", "plain name|not followed"),
        ("no video", "missing"), ("short video", "pictures are missing"), ("gap in the video", "no picture at 0.4"),
        ("other size", "128x96"), ("no rows", "missing"), ("rows missing in between", "rows are missing"),
        ("rows missing at the end", "9 rows, 12"), ("no action", "column 'action'"), ("text for numbers", "string"),
        ("no shape", "shape of action"), ("huge shape", "pixels"), ("no state", "observation.state"),
        ("broken rate", "29.97"), ("no JSON", "info.json"), ("deep JSON", "info.json"), ("other version", "v9.0"),
    ],
)  # fmt: skip
def test_broken_data_set_gets_one_sentence(copy: Path, how: str, says: str) -> None:
    foreign.harm_lerobot(copy, how)
    with pytest.raises(FineVLAError, match=says) as caught:
        read(copy)
    assert "\n" not in str(caught.value)


def test_other_episodes_of_a_damaged_set_are_read(copy: Path) -> None:
    foreign.harm_lerobot(copy, "no video")
    assert len(read(copy, 1)[1]) == 13


def test_damaged_files_get_one_sentence_each(v21: Path, v21_images: Path, tmp_path: Path) -> None:
    refused = 0
    for seed in range(120):
        rng = np.random.default_rng(seed)
        root = Path(shutil.copytree(v21 if seed % 3 else v21_images, tmp_path / str(seed)))
        files = sorted(p for p in root.rglob("*") if p.is_file() and "000001" not in p.name and "000002" not in p.name)
        path = files[int(rng.integers(len(files)))]
        if path.name == "info.json":
            foreign.edited_json(path, rng)
        else:
            path.write_bytes(foreign.DAMAGES[seed % 3](path.read_bytes(), rng))
        try:
            for frame in read(root)[1]:
                for picture in frame.pictures.values():
                    compressed_pictures.decode(picture, "it")
        except FineVLAError as error:
            refused += 1
            assert "\n" not in str(error)
        shutil.rmtree(root)
    assert refused > 40
