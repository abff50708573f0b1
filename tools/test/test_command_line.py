"""Promises of the command line: mistakes are one sentence and an exit code, what is started is also stopped."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from finevla_tools import cli, up
from finevla_tools.launch_file import load_launch
from finevla_tools.up import Stack
from finevla_tools.video_writer import Movie, captioned


def finevla(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "finevla_tools.cli", *words], capture_output=True, text=True, timeout=60, **options
    )


def test_unknown_command_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fly"]) == 2
    assert "unknown command 'fly'; known are" in capsys.readouterr().err


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(command in said for command in cli.COMMANDS)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("say", ""), "the instruction is empty"),
        (("say", "x" * 10_000), "10000 characters"),
        (("say", "go", "--actor", "foot"), "left_arm, right_arm, both_arms"),
        (("up", "nothing.launch.yaml"), "does not exist"),
        (("up", "speed:=3"), "unknown argument 'speed'"),
        (("say", "go", "--approach", "below"), "top, left, right, front, back"),
        (("say", "go", "--factor", "mood=good"), "names no slot; write SLOT=TEXT with one of action_sequence"),
        (("say", "go", "--actor", "left_arm", "--factor", "active_actor=right_arm"), "given twice"),
        (("say", "go", "--wait", "-1"), "--wait is -1"),
        (("demo", "robot:=real"), "leave robot:=sim"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_broken_utf8_is_refused_and_the_program_ends_with_the_code() -> None:
    command = [sys.executable.encode(), b"-m", b"finevla_tools.cli", b"say", b"reach \xff\xfe"]
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert done.returncode == 2
    assert b"not valid UTF-8" in done.stderr


@pytest.mark.slow
def test_no_stack_is_one_sentence(ros_domain: str) -> None:
    done = finevla("say", "go", env=os.environ | {"ROS_DOMAIN_ID": ros_domain})
    assert done.returncode == 2
    assert "no stack answers in namespace '/finevla'" in done.stderr


def launch_of(tmp_path: Path, *executables: dict[str, object]):
    file = tmp_path / "x.launch.yaml"
    file.write_text(yaml.safe_dump({"launch": [{"executable": e} for e in executables]}))
    return load_launch(file, {})


def wait_for(condition, timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_first_failure_is_the_exit_code_and_everything_else_is_stopped(tmp_path: Path) -> None:
    lines: list[tuple[str, str]] = []
    launch = launch_of(
        tmp_path, {"cmd": "sleep 100", "name": "sleeper"}, {"cmd": "sh -c 'echo hello; exit 7'", "name": "bad"}
    )
    stack = Stack(launch, lambda name, line: lines.append((name, line)))
    stack.start()
    assert stack.wait() == 7
    assert stack.epitaph == "bad ended with exit code 7: hello"
    pid = stack.pid("sleeper")
    stack.stop()
    assert ("bad", "hello") in lines
    assert pid is not None
    assert not Path(f"/proc/{pid}").exists()


def test_respawned_process_comes_back_and_stubborn_one_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "GRACE_S", (0.3, 0.3, 2.0))
    stubborn = "sh -c \"trap '' INT TERM; while true; do sleep 0.1; done\""
    stack = Stack(
        launch_of(tmp_path, {"cmd": "sleep 100", "name": "a", "respawn": "true"}, {"cmd": stubborn, "name": "b"}),
        lambda *_: None,
    )
    stack.start()
    wait_for(lambda: stack.pid("a") and stack.pid("b"))
    first = stack.pid("a")
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: stack.pid("a") not in (None, first))
    pids = [stack.pid("a"), stack.pid("b")]
    stack.stop()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_video_is_written_whole_with_its_captions(tmp_path: Path) -> None:
    import av

    picture = captioned(np.full((120, 160, 3), 200, np.uint8), ("reach " * 30, "done"))
    assert picture.shape == (176, 160, 3)
    assert picture[130:170].max() > 150  # there is text
    plain = np.full((120, 160, 3), 200, np.uint8)
    (good, bad) = (captioned(plain, ("reach", "done"), ok)[148:].reshape(-1, 3).max(axis=0) for ok in (True, False))
    assert good[1] == good.max(), "green"
    assert bad[0] == bad.max() > bad[2] + 100, "orange, where it was not as asked"
    with Movie(tmp_path / "v.mp4", 10) as movie:
        for _ in range(12):
            movie.add(picture)
    with av.open(str(tmp_path / "v.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 12
    assert [p.name for p in tmp_path.iterdir()] == ["v.mp4"]


def test_interrupted_video_leaves_nothing_half_written(tmp_path: Path) -> None:
    def interrupted() -> None:
        with Movie(tmp_path / "v.mp4", 10) as movie:
            movie.add(np.zeros((32, 32, 3), np.uint8))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_what_a_process_leaves_behind_is_ended_with_it(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    launch = launch_of(tmp_path, {"cmd": f"sh -c 'sleep 100 & echo $! > {pids}; sleep 0.3'", "name": "parent"})
    stack = Stack(launch, lambda *_: None)
    stack.start()
    assert stack.wait() == 0  # it must not wait for the orphan, which still holds the pipe
    orphan = int(pids.read_text())
    wait_for(lambda: not is_running(orphan))
    stack.stop()


def is_running(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"  # a zombie waits for init, not for us
    except OSError:
        return False


def test_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    lines: list[tuple[str, str]] = []
    stack = Stack(launch_of(tmp_path, {"cmd": "no_such_program", "name": "x"}), lambda *said: lines.append(said))
    stack.start()
    assert stack.wait() == 127
    stack.stop()
    assert "cannot be started" in lines[0][1]


def test_only_the_traceback_of_an_early_ctrl_c_is_held_back() -> None:
    interrupt = ["Traceback (most recent call last):", '  File "x"', "    import y", "KeyboardInterrupt"]
    bug = ["Traceback (most recent call last):", '  File "x"', "ValueError: a bug"]
    lines = ["before", *interrupt, "between", *bug, "after", interrupt[0]]
    assert list(up.without_interrupts(lines, lambda: True)) == ["before", "between", *bug, "after", interrupt[0]]
    assert list(up.without_interrupts(lines, lambda: False)) == lines


@pytest.mark.slow
@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_up_ends_in_order_whatever_signal_ends_it(tmp_path: Path, sig: signal.Signals) -> None:
    file = tmp_path / "x.launch.yaml"
    file.write_text(yaml.safe_dump({"launch": [{"executable": {"cmd": "sh -c 'echo $$; sleep 100'", "name": "s"}}]}))
    command = [sys.executable, "-m", "finevla_tools.cli", "up", str(file)]
    up_process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert up_process.stdout is not None
    pid = int(up_process.stdout.readline().split()[1])
    up_process.send_signal(sig)
    _, said = up_process.communicate(timeout=30)
    assert (up_process.returncode, said) == (0, "")
    assert not is_running(pid)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv (util-linux) is not there")
def test_killed_runner_leaves_nothing_running(tmp_path: Path) -> None:
    file = tmp_path / "x.launch.yaml"
    file.write_text(
        yaml.safe_dump({"launch": [{"executable": {"cmd": "sh -c 'echo $$; exec sleep 100'", "name": "s"}}]})
    )
    command = [sys.executable, "-m", "finevla_tools.cli", "up", str(file)]
    up_process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert up_process.stdout is not None
    pid = int(up_process.stdout.readline().split()[1])
    up_process.kill()
    up_process.wait(10.0)
    wait_for(lambda: not is_running(pid))


@pytest.mark.slow
def test_reader_that_goes_away_does_not_end_the_nodes(tmp_path: Path) -> None:
    done = tmp_path / "done"
    file = tmp_path / "x.launch.yaml"
    script = f"sh -c 'for i in 1 2 3 4 5; do echo $i; sleep 0.1; done; touch {done}'"
    file.write_text(yaml.safe_dump({"launch": [{"executable": {"cmd": script, "name": "s"}}]}))
    command = [sys.executable, "-m", "finevla_tools.cli", "up", str(file)]
    up_process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert up_process.stdout is not None
    assert up_process.stdout.readline() == "[s] 1\n"
    up_process.stdout.close()
    up_process.wait(30.0)
    assert done.exists()
