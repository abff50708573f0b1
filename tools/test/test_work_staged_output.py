"""Promises of output folders: whole or not there, one process at a time, and what was interrupted goes on or is taken away."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from finevla_core.errors import FineVLAError
from finevla_core.recording.atomic_files import remove_abandoned, temporary_of
from finevla_tools.work.staged_output import Staged, workplace

BUSY = "somebody else is at it"
HELD = """
import sys
from pathlib import Path
from finevla_tools.work.staged_output import Staged, workplace

def wait():
    print("here", flush=True)
    sys.stdin.readline()

out = Path(sys.argv[2])
if sys.argv[1] == "staged":
    Staged(out).path.mkdir()
    wait()
else:
    with workplace(out, out.with_name("w"), "busy") as made:
        made.mkdir(exist_ok=True)
        (made.parent / "part").touch()
        wait()
"""


def begun(how: str, out: Path) -> subprocess.Popen[str]:
    """Another process that is half way."""
    command = [sys.executable, "-c", HELD, how, str(out)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    return process


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def break_off(out: Path, folder: Path, error: type[BaseException]) -> None:
    with workplace(out, folder, BUSY) as made:
        made.mkdir()
        (folder / "part").touch()
        raise error


def test_a_killed_process_leaves_its_parts_and_lets_the_next_go_on(tmp_path: Path) -> None:
    out, folder = tmp_path / "out", tmp_path / "w"
    process = begun("workplace", out)
    with pytest.raises(FineVLAError, match=BUSY), workplace(out, folder, BUSY):
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert names(tmp_path) == ["w"]
    with workplace(out, folder, BUSY) as made:
        assert (folder / "part").exists()
        (made / "file").touch()
        temporary_of(made / "other").touch()  # as a killed worker leaves it
    assert names(tmp_path) == ["out"]
    assert names(out) == ["file"]


def test_two_processes_do_not_make_one_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = begun("workplace", out)
    with pytest.raises(FineVLAError, match=BUSY), workplace(out, tmp_path / "w", BUSY):
        pass
    process.communicate("go on\n")
    assert process.returncode == 0
    with pytest.raises(FineVLAError, match="exists already"), workplace(out, tmp_path / "w", BUSY):
        pass


@pytest.mark.parametrize("error", [KeyboardInterrupt, FineVLAError])
def test_an_interruption_publishes_nothing_and_keeps_what_is_done(tmp_path: Path, error: type[BaseException]) -> None:
    out = tmp_path / "out"
    with pytest.raises(error):
        break_off(out, tmp_path / "w", error)
    assert names(tmp_path) == ["w"]


def test_other_settings_do_not_go_on(tmp_path: Path) -> None:
    out, folder = tmp_path / "out", tmp_path / "w"
    with pytest.raises(KeyboardInterrupt), workplace(out, folder, BUSY, settings={"fps": 20}):
        raise KeyboardInterrupt  # before anything was done: nothing goes on, so others may begin
    begun = workplace(out, folder, BUSY, settings={"fps": 10})
    begun.__enter__()
    (folder / "part").touch()
    begun.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    with pytest.raises(FineVLAError, match="w' was begun with other options"):
        workplace(out, folder, BUSY, settings={"fps": 5}).__enter__()
    with workplace(out, folder, BUSY, settings={"fps": 10}) as made:
        made.mkdir()


def test_a_mistake_before_any_work_is_not_in_the_way_of_the_mended_command(tmp_path: Path) -> None:
    out, folder = tmp_path / "out", tmp_path / "w"
    with pytest.raises(FineVLAError, match="gripper"), workplace(out, folder, BUSY, settings={"fps": 10}):
        raise FineVLAError("no such gripper")
    assert names(tmp_path) == []
    with workplace(out, folder, BUSY, settings={"fps": 5}) as made:
        made.mkdir()


def test_only_who_may_replaces_what_is_there(tmp_path: Path) -> None:
    out, folder = tmp_path / "out", tmp_path / "w"
    out.mkdir()
    (out / "old").touch()
    with pytest.raises(FineVLAError, match="exists already; remove it or name a new folder"):
        workplace(out, folder, BUSY).__enter__()
    with workplace(out, folder, BUSY, may_replace=True) as made:
        made.mkdir()
        assert names(out) == ["old"], "until the end"
    assert names(tmp_path) == ["out"]
    assert names(out) == []


def test_where_nothing_can_be_written_it_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FineVLAError, match="file/out' cannot be written"):
        workplace(tmp_path / "file" / "out", tmp_path / "file" / "w", BUSY).__enter__()
    with pytest.raises(FineVLAError, match="file/out' cannot be written"):
        Staged(tmp_path / "file" / "out")


def test_what_is_made_in_one_go_is_published_or_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    staged = Staged(out)
    staged.path.mkdir()
    assert not out.exists()
    assert staged.publish() == out
    assert names(tmp_path) == ["out"]
    with pytest.raises(FineVLAError, match="exists already"):
        Staged(out)
    other = Staged(tmp_path / "other")
    other.path.mkdir()
    other.discard()
    assert names(tmp_path) == ["out"]


def test_what_a_killed_process_staged_is_removed_by_the_next(tmp_path: Path) -> None:
    process = begun("staged", tmp_path / "out")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert len(names(tmp_path)) == 1
    remove_abandoned.cache_clear()
    staged = Staged(tmp_path / "out")
    staged.path.mkdir()
    staged.publish()
    assert names(tmp_path) == ["out"]
