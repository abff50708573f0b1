"""Promises of files and folders that are written whole: nothing half is ever seen, and nothing stays of what was killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from finevla_core.recording import atomic_files

KILLED = """
import os, signal, sys
from pathlib import Path
from finevla_core.recording import atomic_files

def write(temporary):
    temporary.write_text("half")
    print("here", flush=True)
    sys.stdin.readline()

atomic_files.write_by(Path(sys.argv[1]), write)
"""


def begun(path: Path) -> subprocess.Popen[str]:
    """Another process that is writing `path` and has got half way."""
    command = [sys.executable, "-c", KILLED, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    return process


@pytest.fixture(autouse=True)
def afresh() -> None:
    atomic_files.remove_abandoned.cache_clear()


def test_all_ways_of_writing_replace_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    atomic_files.write_text(path, "猫", sync=True)
    assert path.read_text(encoding="utf-8") == "猫"
    atomic_files.write_bytes(path, b"b")
    assert path.read_bytes() == b"b"
    atomic_files.write_by(path, lambda temporary: temporary.write_text("c"))
    assert path.read_text() == "c"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError("odd")])
def test_what_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write(temporary: Path) -> None:
        temporary.write_text("half")
        raise error

    with pytest.raises(type(error)):
        atomic_files.write_by(path, write)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    process = begun(path)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / ".others.1.tmp").touch()
    atomic_files.write_text(tmp_path / "b.txt", "new")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".others.1.tmp", "a.txt", "b.txt"]


def test_two_processes_on_one_file_harm_each_other_not(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    other = begun(path)
    atomic_files.write_text(path, "mine")
    assert path.read_text() == "mine"
    other.communicate("go on\n")
    assert other.returncode == 0
    assert path.read_text() == "half", "the last one counts"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    made, target = tmp_path / "made", tmp_path / "target"
    for folder, name in ((target, "old"), (made, "new")):
        folder.mkdir()
        (folder / name).touch()
    with pytest.raises(OSError, match="not empty"):
        atomic_files.publish(made, target)
    atomic_files.replace_folder(made, target)
    assert [p.name for p in tmp_path.rglob("*")] == ["target", "new"]


def test_a_folder_that_cannot_take_its_place_brings_the_old_one_back(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(FileNotFoundError):
        atomic_files.replace_folder(tmp_path / "nothing", target)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["old", "target"]


def test_a_process_of_somebody_else_is_alive() -> None:
    assert atomic_files._is_alive(os.getpid())
    assert atomic_files._is_alive(1)
