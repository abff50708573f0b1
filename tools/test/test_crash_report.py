"""Promises of the command line: what nobody foresaw is one sentence, costs the episode it names, and leaves a report."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="pyarrow comes with 'make train-setup'")
from foreign import aloha, recording
from lerobot_sets import take, write

from finevla_core.errors import DamagedFileError, DiskFullError, FineVLAError
from finevla_tools import cli, crash_report
from finevla_tools.convert.hdf5_source import Hdf5Source
from finevla_tools.datasets.lerobot_files import LeRobotFiles

Said = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def reports() -> list[str]:
    return [path.read_text() for path in sorted(crash_report.FOLDER.glob("*.txt"))]


def raising(error: BaseException, when: Callable[..., bool], real: Callable[..., Any]) -> Callable[..., Any]:
    def called(*given: Any) -> Any:
        if when(*given):
            raise error
        return real(*given)

    return called


def test_an_error_that_nobody_expected_is_one_sentence_and_a_report(
    monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setattr("finevla_tools.bags.run", raising(KeyError("a\nb"), lambda _: True, print))
    monkeypatch.setenv("SECRET_OF_MINE", "hunter2")
    assert cli.main(["bags", "info", "x y"]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: 'bags': an error that finevla did not expect (KeyError: 'a\\nb')"
    assert lines[1].startswith("please send 'out/reports/finevla-bags-")
    (text,) = reports()
    assert "command: finevla bags info 'x y'" in text
    assert "Traceback (most recent call last)" in text
    assert "numpy" in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (FineVLAError("a mistake"), 2, "error: a mistake\n"),
        (DamagedFileError("a cut file"), 2, "error: a cut file\n"),
        (DiskFullError("no room"), 2, "error: no room\n"),
        (OSError(28, "No space left on device", "big"), 2, "the disk is full, at 'big'"),
        (RuntimeError("database or disk is full"), 2, "make room and start again"),
        (PermissionError(13, "Permission denied", "mine"), 2, "error: 'mine' cannot be used: Permission denied\n"),
        (MemoryError(), 2, "not enough memory for 'bags'"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_each_kind_has_its_sentence_and_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: Said, error: BaseException, code: int, said: str
) -> None:
    monkeypatch.setattr("finevla_tools.bags.run", raising(error, lambda _: True, print))
    assert cli.main(["bags", "list", "."]) == code
    assert said in capsys.readouterr().err
    assert reports() == []


def test_a_report_finds_another_place_where_it_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    (tmp_path / "out").write_text("a file where the folder should be")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr("finevla_tools.bags.run", raising(KeyError(1), lambda _: True, print))
    assert cli.main(["bags", "list", "."]) == 3
    assert f"please send '{tmp_path}/tmp/finevla-bags-" in capsys.readouterr().err


def is_second(dataset: LeRobotFiles, episode: Any, *_: Any) -> bool:
    return episode.index == 1


@pytest.fixture
def three(tmp_path: Path) -> Path:
    return write(tmp_path / "three", [take(seed, frames=30) for seed in range(3)])


def test_clean_keeps_the_other_episodes(three: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    with monkeypatch.context() as damaged:
        damaged.setattr(LeRobotFiles, "read", raising(IndexError("9"), is_second, LeRobotFiles.read))
        assert cli.main(["clean", str(three), "--report", "r", "--jobs", "1", "--out", "kept"]) == 1
    told = capsys.readouterr()
    assert "episode 1: '" in told.out
    assert "three', episode 1: an error that finevla did not expect (IndexError: 9)" in told.out
    assert json.loads(Path("kept/meta/info.json").read_text())["total_episodes"] == 2
    assert "IndexError" in reports()[0]
    assert cli.main(["clean", str(three), "--report", "r", "--jobs", "1"]) == 0  # what failed is looked at anew
    assert "3 kept" in capsys.readouterr().out


def test_canonicalise_keeps_the_other_episodes(three: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    monkeypatch.setattr(LeRobotFiles, "read", raising(IndexError("9"), is_second, LeRobotFiles.read))
    assert cli.main(["canonicalise", str(three), "--out", "u", "--jobs", "1"]) == 1
    assert "left out: episode 1: " in capsys.readouterr().err
    assert [p.name for p in sorted(Path("u").glob("episode_*"))] == ["episode_000000.parquet", "episode_000002.parquet"]
    assert len(reports()) == 1


def test_dedup_keeps_the_other_episodes(three: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    monkeypatch.setattr(LeRobotFiles, "read", raising(IndexError("9"), is_second, LeRobotFiles.read))
    assert cli.main(["dedup", str(three), "--out", "d", "--jobs", "1", "--by", "dataset"]) == 1
    assert "3 episodes: 2 compared, 1 skipped" in capsys.readouterr().out
    assert len(reports()) == 1


def test_convert_keeps_the_other_episodes_and_says_of_what_kind_the_reason_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    for k in range(3):
        aloha(tmp_path / f"in/episode_{k}.hdf5", recording(k, 4), "padded")
    (tmp_path / "in/episode_3.hdf5").write_bytes(b"no HDF5")
    second = lambda _, reference: reference.name == "episode_1"  # noqa: E731
    monkeypatch.setattr(Hdf5Source, "open", raising(IndexError("9"), second, Hdf5Source.open))
    words = ["convert", "in", "--out", "set", "--to", "lerobot-v2.1", "--task", "go", "--images", "keep", "--jobs", "1"]
    assert cli.main(words) == 1
    assert (
        "refused: episode 'episode_1': an error that finevla did not expect (IndexError: 9)" in capsys.readouterr().out
    )
    lines = [json.loads(line) for line in Path("set/meta/finevla_report.jsonl").read_text().split("\n") if line]
    kinds = {line["episode"]: line.get("kind") for line in lines}
    assert kinds == {"episode_0": None, "episode_1": "unexpected", "episode_2": None, "episode_3": "damaged file"}
    assert len(reports()) == 1


def test_a_map_that_fits_no_episode_is_a_mistake_and_no_damage(three: Path, capsys: Said) -> None:
    text = "state:\n  left_joint: {original_key: observation.qpos, type: abs_joint, start: 0, end: 6}\n"
    Path("map.yaml").write_text(text + text.replace("state", "action").replace("observation.qpos", "action"))
    assert cli.main(["clean", str(three), "--map", "map.yaml", "--report", "r"]) == 2
    told = capsys.readouterr()
    assert "observation.qpos" in told.err
    assert "dropped" not in told.out


FULL = """
import resource, signal, sys
from finevla_tools import cli
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.exit(cli.main(sys.argv[2:]))
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit of file sizes on this system")
@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (2000, ["canonicalise", "three", "--out", "u", "--jobs", "1"]),
        (2000, ["clean", "three", "--report", "r", "--jobs", "1"]),
        (2000, ["dedup", "three", "--out", "d", "--by", "dataset", "--jobs", "1"]),
        (
            9000,
            ["convert", "in", "--out", "s", "--to", "lerobot-v2.1", "--task", "go", "--jobs", "1", "--codec", "h264"],
        ),
        (9000, ["convert", "in", "--out", "s", "--task", "go", "--jobs", "2", "--images", "png"]),
    ],
    ids=lambda v: v[0] if isinstance(v, list) else str(v),
)
def test_a_full_disk_ends_the_run_with_one_sentence(tmp_path: Path, limit: int, words: list[str]) -> None:
    write(tmp_path / "three", [take(seed, frames=60) for seed in range(3)])
    rough = recording(0, 30)
    noise = np.random.default_rng(0).integers(0, 255, rough.images.shape).astype(np.uint8)
    for k in range(2):
        aloha(tmp_path / f"in/episode_{k}.hdf5", type(rough)(rough.states, rough.actions, noise), "raw")
    # Python would keep of compiled modules what the limit lets it write, for everybody.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    asked = [sys.executable, "-c", FULL, str(limit), *words]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=120, env=environment)
    assert "Traceback" not in done.stderr
    assert done.returncode == 2, done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(said) == 1
    assert "the disk is full" in said[0]
    assert "make room and start again" in said[0]
    assert reports() == []


def test_names_of_files_that_are_no_text_are_printed(tmp_path: Path) -> None:
    odd = os.fsdecode(b"epis\xff\xfe")
    (tmp_path / odd).mkdir()
    command = [sys.executable, "-m", "finevla_tools.cli", "bags", "list", "."]
    for encoding in ("utf-8", "ascii"):
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, env=os.environ | {"PYTHONIOENCODING": encoding}
        )
        assert done.returncode == 0, done.stderr
        assert "0 recordings" in done.stdout
