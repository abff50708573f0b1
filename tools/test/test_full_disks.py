"""A full disk in any tool: one sentence that names the folder, nothing half written, and the same command goes on."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

for needed in ("pyarrow", "av", "h5py"):
    pytest.importorskip(needed, reason="needs 'make data-setup'")

import h5py
import numpy as np
import pyarrow.parquet as pq
from foreign import aloha, recording
from lerobot_sets import take, write

from finevla_core.errors import DiskFullError, unwritable
from finevla_tools.cli import main

V21 = ["--to", "lerobot-v2.1"]  # LeRobot's own writer takes long to load
COMMANDS = {
    "convert": V21,
    "clean": ["--report", "{}/report"],
    "canonicalise": [],
    "dedup": ["--by", "dataset", "--cut-distance", "1"],
    "dedup's data set": ["--by", "dataset", "--cut-distance", "1", "--dataset", "{}/kept"],
    "annotate": [],
}


def _full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def _full_for_a_folder(*_: Any, **__: Any) -> None:
    """As `shutil.copytree` says it: a list of all the files, and no number."""
    raise shutil.Error(
        [("a", "b", "[Errno 28] No space left on device"), ("c", "d", "[Errno 28] No space left on device")]
    )


WRITERS: dict[str, tuple[tuple[Any, str, Callable[..., None]], ...]] = {
    "tables": ((pq, "write_table", _full), (pq.ParquetWriter, "write_table", _full)),
    "copies": ((shutil, "copyfile", _full), (shutil, "copytree", _full_for_a_folder)),
}


@pytest.mark.parametrize(
    ("command", "writer"),
    [*((name, "tables") for name in COMMANDS), ("clean", "copies"), ("dedup's data set", "copies")],
)
def test_the_folder_is_named_and_the_same_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, writer: str
) -> None:
    root = write(tmp_path / "set", [take(seed, frames=20) for seed in range(2)])
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    out = tmp_path / "out"
    tool = command.split("'")[0]
    words = [tool, str(root), "--out", str(out), "--jobs", "1", *(word.format(tmp_path) for word in COMMANDS[command])]
    with monkeypatch.context() as patch:
        for of, name, how in WRITERS[writer]:
            patch.setattr(of, name, how)
        assert main(words) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(said) == 1
    assert "cannot be written, the disk is full" in said[0]
    assert str(tmp_path) in said[0]
    assert "[(" not in said[0]
    assert not out.exists()
    assert not (tmp_path / "kept").exists()
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    assert main(words) == 0
    assert out.is_dir()
    assert (tmp_path / "kept").is_dir() == ("--dataset" in words)


def test_an_error_of_a_whole_folder_is_one_sentence() -> None:
    try:
        _full_for_a_folder()
    except shutil.Error as error:
        said = unwritable("out", error)
    assert isinstance(said, DiskFullError)
    assert str(said).startswith("'out' cannot be written, the disk is full (no space left on device): make room")


def test_an_option_that_a_refusal_asks_for_may_be_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "in" / "episode_0.hdf5"
    aloha(path, recording(0, 12, size=(64, 64)))
    with h5py.File(path, "r+") as file:
        for name in ("observations/qpos", "action"):
            rows = file[name][()]
            del file[name]
            file[name] = np.hstack([rows, np.zeros((12, 2), np.float32)])
    words = [
        "convert",
        str(path.parent),
        "--out",
        str(tmp_path / "out"),
        "--jobs",
        "1",
        *V21,
        "--task",
        "do it",
    ]
    assert main(words) == 2
    assert "--arm-values 0-13" in capsys.readouterr().out
    assert (tmp_path / "out.partial" / "report.jsonl").is_file()
    assert main([*words, "--arm-values", "0-13"]) == 0


@pytest.mark.parametrize("tool", ["convert", "dedup", "annotate"])
def test_a_data_set_is_only_read(tmp_path: Path, capsys: pytest.CaptureFixture[str], tool: str) -> None:
    root = write(tmp_path / "set", [take(0, frames=20)])
    (tmp_path / "link").symlink_to(root)
    for place in (root / "meta" / "x", tmp_path / "link" / "x"):
        assert main([tool, str(root), "--out", str(place)]) == 2
        assert f"lies in data set '{place.parent if place.parent.is_symlink() else root}'" in capsys.readouterr().err
        assert not place.exists()


@pytest.mark.parametrize("tool", ["convert", "clean", "canonicalise", "dedup", "annotate"])
def test_a_name_that_is_no_utf_8_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str], tool: str) -> None:
    root = write(tmp_path / "set", [take(0, frames=20)])
    assert main([tool, str(root), "--out", os.fsdecode(os.fsencode(tmp_path) + b"/\xce\xd2")]) == 2
    assert "is no name in UTF-8; name another folder" in capsys.readouterr().err


@pytest.mark.parametrize("tool", ["convert", "clean", "canonicalise", "annotate"])
def test_a_pipe_in_the_place_of_a_table_keeps_nobody_waiting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tool: str
) -> None:
    root = write(tmp_path / "set", [take(seed, frames=20) for seed in range(2)])
    table = sorted(root.glob("data/**/*.parquet"))[1]
    table.unlink()
    os.mkfifo(table)
    by = V21 if tool == "convert" else []
    report = ["--report", str(tmp_path / "r")] if tool == "clean" else ["--out", str(tmp_path / "out")]
    assert main([tool, str(root), *report, "--jobs", "1", *by]) in (0, 1)
    said = capsys.readouterr()
    assert "is no plain file but a pipe" in said.out + said.err or f"'{table}' is missing" in said.out + said.err
