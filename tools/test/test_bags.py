"""Promises of `finevla bags` and `finevla record`: what a recording is, playing it moves nothing, repair is careful."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from probe import Probe
from std_msgs.msg import Empty, String

from finevla_core.recording.bag_metadata import Bag, Definitions, Qos, Topic
from finevla_core.recording.episode import DiskLimits, Labels, RecordedEpisode
from finevla_interfaces import msg
from finevla_ros import qos
from finevla_tools import cli

NOW_NS = 1_700_000_000_000_000_000
STEP_NS = 10_000_000
LATCHED = Qos(durability="transient_local")


def cdr(text: str) -> bytes:
    data = text.encode() + b"\0"
    return b"\x00\x01\x00\x00" + len(data).to_bytes(4, "little") + data


def add(bag: Bag, name: str, kind: str = "std_msgs/msg/String", profile: Qos | None = None) -> int:
    return bag.add(Topic(name, kind, "", (profile or Qos(),)), Definitions().of(kind).encode())


def finish(bag: Bag, messages: list[tuple[int, bytes]]) -> None:
    for i, (channel, data) in enumerate(messages):
        bag.writer.write(channel, NOW_NS + i * STEP_NS, NOW_NS, data)
    bag.finish({})


def apart(job: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The same in a process of its own, as a user's is: participants of one process need no discovery, and prove none."""
    command = [sys.executable, "-m", "finevla_tools.cli", "bags", job, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def run(*arguments: object) -> int:
    return cli.main(["bags", *map(str, arguments)])


def episode(root: Path, outcome: str | None, count: int = 5, task: str = "stack the cubes") -> Path:
    """An episode of `count` messages; outcome None: killed."""
    made = RecordedEpisode(root, Labels(task, "ada"), {}, DiskLimits(0), NOW_NS)
    channel = made.add(Topic("/a", "std_msgs/msg/String", "", (Qos(),)), Definitions().of("std_msgs/msg/String"))
    made.instruction(NOW_NS, "1", "stack", "gently")
    for i in range(count):
        made.tape.put(channel, NOW_NS + i * STEP_NS, NOW_NS, cdr(str(i)))
    if outcome is not None:
        return made.stop(outcome, "the operator", [], {})
    made.tape.stop()
    made.bag.writer.close()
    return made.folder


def test_list_shows_finished_unfinished_and_discarded_recordings(tmp_path: Path, capsys) -> None:
    whole, cut = episode(tmp_path, "success"), episode(tmp_path, None)
    episode(tmp_path, "discard")
    (tmp_path / "something_else").mkdir()
    assert run("list", tmp_path) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "finished" in lines[whole.name]
    assert "success" in lines[whole.name]
    assert "unfinished" in lines[cut.name]
    assert "1 discarded" in lines["2"]
    assert "something_else" in lines["not"]


def test_list_shows_how_a_paragraph_begins(tmp_path: Path, capsys) -> None:
    episode(tmp_path, "success", task="Lift it.\n\n" + "Then wait [b]a while[/b]. " * 100)
    assert run("list", tmp_path) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "finished" in line]
    assert "Lift it. Then wait [b]a while[/b]. " in line
    assert " ... " in line


def test_info_says_what_is_in_it_even_without_an_index(tmp_path: Path, capsys) -> None:
    for folder, state in ((episode(tmp_path, "success"), "finished"), (episode(tmp_path, None), "unfinished")):
        assert run("info", folder) == 0
        shown = capsys.readouterr().out
        assert f"state:        {state}" in shown
        assert "task:         stack the cubes" in shown
        assert "instruction:  stack | gently" in shown
        assert "/a        5  std_msgs/msg/String" in shown


def test_repair_makes_a_recording_that_others_read(tmp_path: Path, capsys) -> None:
    rosbag2 = pytest.importorskip("rosbags.rosbag2")
    folder = episode(tmp_path, None)
    assert run("repair", folder) == 0
    assert "5 messages" in capsys.readouterr().out
    with rosbag2.Reader(folder.with_name(f"{folder.name}_repaired")) as reader:
        assert [bytes(data) for _, _, data in reader.messages()] == [cdr(str(i)) for i in range(5)]
    assert run("repair", folder) == 2  # it is there already
    assert run("repair", folder, "--out", tmp_path / "again") == 0


INSPECT = "'finevla convert {path} --inspect' says what is in "
OTHERS = {
    "set/meta/info.json": ("set", "it is a LeRobot data set, and " + INSPECT + "it"),
    "hdf5/episode_0.hdf5": ("hdf5", "it holds HDF5 episodes, and " + INSPECT + "them"),
    "rlds/x-train.tfrecord-00000-of-00001": ("rlds", "it holds RLDS records, and " + INSPECT + "them"),
}


@pytest.mark.parametrize("job", ["list", "info", "repair", "play"])
@pytest.mark.parametrize("file", OTHERS)
def test_data_of_another_kind_are_named_with_the_command_for_them(tmp_path: Path, capsys, job: str, file: str) -> None:
    name, says = OTHERS[file]
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text("{}")
    assert run(job, tmp_path / name) == 2
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert f"'{tmp_path / name}' is no recording of ROS topics; " + says.format(path=tmp_path / name) in line
    if job != "list":
        assert run(job, tmp_path / file) == 2
        assert " --inspect'" in capsys.readouterr().err
    else:  # from the folder above
        assert run(job, tmp_path) == 0
        assert says.format(path=tmp_path / name) in capsys.readouterr().out


def test_a_recording_and_a_folder_of_them_are_told_apart(tmp_path: Path, capsys) -> None:
    whole = episode(tmp_path / "all", "success")
    assert run("list", whole) == 2
    assert f"is a recording itself; 'finevla bags info {whole}' says what is in it" in capsys.readouterr().err
    assert run("info", tmp_path / "all") == 2
    assert f"'finevla bags list {tmp_path / 'all'}' shows the recordings in it" in capsys.readouterr().err
    assert run("list", tmp_path) == 0
    assert f"'finevla bags list {tmp_path / 'all'}' shows the recordings in it" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["clean", "canonicalise", "dedup", "annotate"])
def test_recordings_given_to_tools_for_data_sets_are_named(tmp_path: Path, capsys, command: str) -> None:
    pytest.importorskip("pyarrow")
    folder = episode(tmp_path / "all", "success").parent
    assert cli.main([command, str(folder)]) == 2
    assert f"of which 'finevla convert {folder} --out SET' makes a LeRobot data set" in capsys.readouterr().err


@pytest.mark.parametrize("job", ["info", "repair", "play"])
@pytest.mark.parametrize("content", ["nothing", "empty", "text", "broken metadata"])
def test_what_is_no_recording_gets_one_sentence(tmp_path: Path, capsys, job: str, content: str) -> None:
    if job == "play":
        pytest.importorskip("rosbags")
    bag = tmp_path / "bag"
    if content != "nothing":
        bag.mkdir()
    if content == "text":
        (bag / "bag_0.mcap").write_text("no")
    if content == "broken metadata":
        (bag / "metadata.yaml").write_text("rosbag2_bagfile_information: [1, {a: }")
    assert run(job, bag) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1


@pytest.mark.slow
def test_play_publishes_as_it_was_offered_and_nothing_that_moves(ros_domain: str, tmp_path: Path) -> None:
    pytest.importorskip("rosbags")
    del ros_domain
    bag = Bag(tmp_path / "bag")
    plain, latched = add(bag, "/finevla/said"), add(bag, "/finevla/latched", profile=LATCHED)
    stop = add(bag, "/finevla/safety/stop", "std_msgs/msg/Empty")
    steer = add(bag, "/finevla/instruction/text")
    sent = [(latched, cdr("first"))] + [(plain, cdr(str(i))) for i in range(20)]
    finish(bag, [*sent, (stop, b"\x00\x01\x00\x00\x00"), (steer, cdr("go"))])
    with Probe() as probe:
        heard = [probe.listen(topic, String, qos.ALL) for topic in ("said", "instruction/text")]
        first, stops = probe.listen("latched", String, qos.LATCHED), probe.listen("safety/stop", Empty, qos.ALL)
        done = apart("play", bag.folder, "--rate", 2)
        assert done.returncode == 0, done.stderr
        probe.wait(lambda: len(heard[0]) == 20 and first, "what was played")
        assert [m.data for m in heard[0]] == [str(i) for i in range(20)]
        assert not heard[1]
        assert not stops
    assert "left out, for they could move a robot: /finevla/instruction/text, /finevla/safety/stop" in done.stdout


@pytest.mark.slow
def test_play_does_not_speak_over_a_running_node(ros_domain: str, tmp_path: Path) -> None:
    pytest.importorskip("rosbags")
    del ros_domain
    bag = Bag(tmp_path / "bag")
    finish(bag, [(add(bag, "/finevla/said"), cdr("x"))])
    with Probe() as probe:
        probe.node.create_publisher(String, "said", qos.ALL)
        done = apart("play", bag.folder)
        assert done.returncode == 2
        assert "published by '/finevla/probe' already" in done.stderr
        heard = probe.listen("/replay/finevla/said", String, qos.ALL)
        assert apart("play", bag.folder, "--prefix", "/replay").returncode == 0
        probe.wait(lambda: heard, "the replayed message")


@pytest.mark.parametrize("options", [["--rate", "0"], ["--rate", "nan"], ["--topics", "/nope"]])
def test_play_refuses_what_it_cannot_do(tmp_path: Path, capsys, options: list[str]) -> None:
    pytest.importorskip("rosbags")
    bag = Bag(tmp_path / "bag")
    finish(bag, [(add(bag, "/finevla/said"), cdr("x"))])
    assert run("play", bag.folder, *options) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "1e9"])
def test_a_time_that_is_none_is_refused(capsys, seconds: str) -> None:
    assert cli.main(["record", f"--seconds={seconds}"]) == 2
    assert "cannot be recorded" in capsys.readouterr().err


@pytest.mark.slow
def test_episodes_by_keys(start_node, tmp_path: Path) -> None:
    start_node("finevla_recorder", "recorder", folder=str(tmp_path), min_free_mb=0)
    with Probe() as probe:
        status = probe.listen("recorder/status", msg.RecorderStatus, qos.LATCHED)
        probe.wait(lambda: status, "the recorder")
        command = [sys.executable, "-m", "finevla_tools.cli", "record", "--task", "by key", "--operator", "ada"]
        desk = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ)
        try:
            assert desk.stdin is not None
            for key, state in (("\n", "recording"), ("s\n", "idle"), (" \n", "recording"), ("d\n", "idle")):
                desk.stdin.write(key)
                desk.stdin.flush()
                probe.wait(lambda state=state: status[-1].state == state, f"the recorder to be {state}")
            said, _ = desk.communicate("s\nq\n", timeout=30.0)
        finally:
            desk.kill()
        assert desk.returncode == 0
    assert "error: no episode is being recorded; start one first" in said
    (kept,) = [path for path in tmp_path.iterdir() if path.name != "trash"]
    assert json.loads((kept / "episode.json").read_text())["outcome"] == "success"
    assert len(list((tmp_path / "trash").iterdir())) == 1
