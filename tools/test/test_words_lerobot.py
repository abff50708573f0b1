"""Promises of words in data sets, by LeRobot's own reader, writer and validator, and by `finevla convert`."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow")
import pyarrow.parquet as pq
from lerobot_sets import take, write
from worded_sets import FPS, SAY, full, make

from finevla_tools.cli import main
from finevla_tools.datasets.episode_words import read_words
from finevla_tools.datasets.language_row import LanguageRow
from finevla_tools.datasets.lerobot_files import open_dataset
from finevla_tools.datasets.words_writer import FINE_FILE, checked, write_words


@pytest.mark.slow
class TestLeRobot:
    @pytest.fixture(autouse=True)
    def own_cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        config = pytest.importorskip("datasets", reason="LeRobot comes with 'make data-setup'").config
        pytest.importorskip("lerobot", reason="LeRobot comes with 'make data-setup'")
        monkeypatch.setattr(config, "HF_DATASETS_CACHE", tmp_path / "cache")
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def test_lerobot_reads_frames_tasks_and_words(self, tmp_path: Path) -> None:
        from lerobot.datasets.lerobot_dataset import LeRobotDataset

        files = open_dataset(make(tmp_path / "set", "v3.0"))
        words = read_words(files) | {1: full(read_words(files)[1])}
        write_words(files, {1: words[1]}, tmp_path / "out")
        data = LeRobotDataset("any/name", root=tmp_path / "out")
        assert data.num_frames == 35
        for item in (data[k] for k in range(len(data))):
            number, frame = int(item["episode_index"]), int(item["frame_index"])
            assert item["task"] == words[number].raw_at(frame)
            if number != 1:
                assert item["language_persistent"] == [] == item["language_events"]
                continue
            styles = [r["style"] for r in item["language_persistent"]]
            assert sorted(styles) == ["memory", "motion", "plan", "plan", "subtask", "subtask", "task_aug"]
            events = [(r["style"], r["content"]) for r in item["language_events"]]
            assert events == ([(None, None), ("interjection", "no, leave it")] if frame == 3 else [])
            if frame == 3:
                assert item["language_events"][0]["tool_calls"] == json.loads(SAY)

    def test_lerobot_s_writer_and_validator_agree(self, tmp_path: Path) -> None:
        pipeline = pytest.importorskip("lerobot.annotations.steerable_pipeline.writer")
        from lerobot.annotations.steerable_pipeline.reader import iter_episodes
        from lerobot.annotations.steerable_pipeline.staging import EpisodeStaging
        from lerobot.annotations.steerable_pipeline.validator import StagingValidator
        from lerobot.datasets.language import LANGUAGE_PERSISTENT, column_for_style

        files = open_dataset(make(tmp_path / "set", "v3.0"))
        new = checked(files, full(read_words(files)[1]))
        write_words(files, {1: new}, tmp_path / "out")
        theirs = make(tmp_path / "theirs", "v3.0")
        records = list(iter_episodes(theirs))
        rows = [
            {"role": r.role, "content": r.content or None, "style": r.style, "timestamp": r.time_s, "camera": r.camera,
             "tool_calls": json.loads(r.tool_calls) if r.tool_calls else None}
            for r in new.rows()
        ]  # fmt: skip
        staging = EpisodeStaging(tmp_path / "staging", 1)
        staging.write("plan", [r for r in rows if column_for_style(r["style"]) == LANGUAGE_PERSISTENT])
        staging.write("interjections", [r for r in rows if column_for_style(r["style"]) != LANGUAGE_PERSISTENT])
        report = StagingValidator().validate(records, tmp_path / "staging")
        assert report.ok, report.errors
        pipeline.LanguageColumnsWriter().write_all(records, tmp_path / "staging", theirs)

        def lists(root: Path) -> Any:
            tables = [pq.read_table(path) for path in sorted((root / "data").rglob("*.parquet"))]
            found = [
                r[name] or []
                for t in tables
                for r in t.to_pylist()
                for name in ("language_persistent", "language_events")
            ]
            for one in (r for some in found for r in some):
                calls = one["tool_calls"]
                one["tool_calls"] = [json.loads(c) if isinstance(c, str) else c for c in calls] if calls else None
            return found

        assert lists(tmp_path / "out") == lists(theirs)


@pytest.mark.slow
class TestConvert:
    """Words on their way through `finevla convert`."""

    @pytest.mark.parametrize("to", ["lerobot-v3", "lerobot-v2.1"])
    def test_words_go_with_a_data_set_into_another_format(self, tmp_path: Path, to: str) -> None:
        pytest.importorskip("lerobot", reason="LeRobot comes with 'make data-setup'")
        root = write(
            tmp_path / "set", [take(seed, frames=12, fps=FPS, cameras=("front",)) for seed in range(2)], fps=FPS
        )
        said = full(read_words(open_dataset(root))[1])
        seen = LanguageRow(0.2, "user", "where?", "vqa", "observation.images.front", True)
        said = dataclasses.replace(said, others=(*said.others, seen))
        write_words(open_dataset(root), {1: said}, tmp_path / "told")
        before = read_words(open_dataset(tmp_path / "told"))
        assert main(["convert", str(tmp_path / "told"), "--out", str(tmp_path / "new"), "--to", to, "--jobs", "1"]) == 0
        after = read_words(open_dataset(tmp_path / "new"))
        assert after == before
        assert (tmp_path / "new" / FINE_FILE).read_bytes() == (tmp_path / "told" / FINE_FILE).read_bytes()
