"""Promises of recordings: any reader finds what was written, a cut file loses only its end, a full disk is counted."""

import errno
import hashlib
import json
import os
import threading
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finevla_core.errors import FineVLAError
from finevla_core.instruction import MAX_TEXT
from finevla_core.recording import episode as episodes
from finevla_core.recording.async_writer import AsyncWriter
from finevla_core.recording.bag_metadata import Bag, Definitions, Qos, Topic
from finevla_core.recording.episode import REPAIRED, DiskLimits, Labels, RecordedEpisode, load, new_name, unfinished
from finevla_core.recording.mcap_scan import RecordedMessage, Scan
from finevla_core.recording.mcap_writer import McapWriter
from finevla_core.recording.repair import repair

NOW_NS = 1_700_000_000_000_000_000
STEP_NS = 5_000_000
TEXT = b"string data\n"
REUSED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def cdr(text: str) -> bytes:
    """A std_msgs/String, serialized."""
    data = text.encode() + b"\0"
    return b"\x00\x01\x00\x00" + len(data).to_bytes(4, "little") + data


def fill(
    writer: McapWriter, channels: list[int], count: int = 60, flush_every: int = 7
) -> list[tuple[int, int, bytes]]:
    """Messages of growing size on alternating channels; returns channel, time and data of each."""
    written = []
    for i in range(count):
        message = (channels[i % len(channels)], NOW_NS + i * STEP_NS, cdr(f"{i:04d}" * (1 + i % 9)))
        writer.write(*message[:2], message[1] - 1000, message[2])
        written.append(message)
        if i % flush_every == flush_every - 1:
            writer.flush()
    return written


def make_bag(folder: Path, count: int = 60) -> list[tuple[int, int, bytes]]:
    """A finished recording of two topics."""
    bag = Bag(folder)
    latched = Qos(durability="transient_local")
    channels = [
        bag.add(Topic(name, "std_msgs/msg/String", "RIHS01_" + "0" * 64, (qos,)), TEXT)
        for name, qos in (("/a", Qos(reliability="best_effort")), ("/b", latched))
    ]
    bag.writer.add_metadata("finevla_episode", {"schema": episodes.SCHEMA, "task": "stack"})
    written = fill(bag.writer, channels, count)
    bag.finish({"task": "stack"})
    return written


def read(file: Path) -> tuple[list[tuple[int, int, bytes]], Scan]:
    scan = Scan(file)
    return [(m.channel.number, m.log_ns, bytes(m.data)) for m in scan if isinstance(m, RecordedMessage)], scan


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[int, int, bytes]]]:
    folder = tmp_path_factory.mktemp("bags") / "whole"
    return folder, make_bag(folder)


def test_another_reader_finds_every_message_byte_for_byte(whole) -> None:
    rosbag2 = pytest.importorskip("rosbags.rosbag2")
    folder, written = whole
    with rosbag2.Reader(folder) as reader:
        found = [(c.id, stamp_ns, bytes(data)) for c, stamp_ns, data in reader.messages()]
        offers = {c.topic: c.ext.offered_qos_profiles[0] for c in reader.connections}
        assert reader.message_count == len(written)
        assert {c.digest for c in reader.connections} == {"RIHS01_" + "0" * 64}
    assert found == written
    told = yaml.safe_load((folder / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    assert (told["custom_data"], told["ros_distro"]) == ({"task": "stack"}, "jazzy")
    assert offers["/a"].reliability.name == "BEST_EFFORT"
    assert offers["/b"].durability.name == "TRANSIENT_LOCAL"


def test_mcap_library_agrees_with_every_checksum(whole) -> None:
    reader = pytest.importorskip("mcap.reader")
    folder, written = whole
    with next(folder.glob("*.mcap")).open("rb") as file:
        found = list(reader.make_reader(file, validate_crcs=True).iter_messages())
    assert [(c.id, m.log_time, m.data) for _, c, m in found] == written


def test_scan_finds_what_was_written_and_that_it_is_whole(whole) -> None:
    folder, written = whole
    found, scan = read(next(folder.glob("*.mcap")))
    assert found == written
    assert scan.report.is_finished
    assert not scan.report.complaints


@REUSED
@given(data=st.data())
def test_a_file_cut_anywhere_is_repaired_and_loses_only_what_was_cut(
    whole, tmp_path: Path, data: st.DataObject
) -> None:
    folder, written = whole
    content = next(folder.glob("*.mcap")).read_bytes()
    ends = {content.index(message) + len(message): (channel, ns, message) for channel, ns, message in written}
    cut = data.draw(st.integers(0, len(content) - 1), "cut")
    bag = tmp_path / f"cut_{cut}"
    bag.mkdir(exist_ok=True)
    (bag / "x_0.mcap").write_bytes(content[:cut])
    out = tmp_path / f"out_{cut}_{time.monotonic_ns()}"
    expected = [message for end, message in sorted(ends.items()) if end <= cut]
    try:
        done = repair(bag, out)
    except FineVLAError as error:
        assert not expected
        assert "\n" not in str(error)
        assert not out.exists()
        return
    found, scan = read(next(out.glob("*.mcap")))
    assert found == expected
    assert scan.report.is_finished
    assert done.messages == len(expected)
    assert not done.was_whole
    assert (bag / "x_0.mcap").read_bytes() == content[:cut]


@REUSED
@given(data=st.data())
def test_a_flipped_bit_costs_at_most_its_surroundings_and_never_a_traceback(
    whole, tmp_path: Path, data: st.DataObject
) -> None:
    folder, written = whole
    content = bytearray(next(folder.glob("*.mcap")).read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(content) * 8 - 1), min_size=1, max_size=4)):
        content[at // 8] ^= 1 << at % 8
    file = tmp_path / "flipped.mcap"
    file.write_bytes(content)
    out = tmp_path / f"out_{time.monotonic_ns()}"
    try:
        repair(file, out)
    except FineVLAError as error:
        assert "\n" not in str(error)
        return
    sound = {message for _, _, message in written}
    assert all(message in sound for _, _, message in read(next(out.glob("*.mcap")))[0])


@pytest.mark.parametrize("compression", ["", "lz4", "zstd"])
def test_cut_files_of_others_are_repaired_too(tmp_path: Path, compression: str) -> None:
    """Made by the library of those who invented the format, as `ros2 bag record` does."""
    writers = pytest.importorskip("mcap.writer")
    file = tmp_path / "theirs.mcap"
    kinds = {"": writers.CompressionType.NONE, "lz4": writers.CompressionType.LZ4, "zstd": writers.CompressionType.ZSTD}
    with file.open("wb") as stream:
        writer = writers.Writer(stream, chunk_size=2000, compression=kinds[compression])
        writer.start("ros2", "theirs")
        schema = writer.register_schema("std_msgs/msg/String", "ros2msg", TEXT)
        channel = writer.register_channel("/a", "cdr", schema)
        sent = [cdr(f"{i:04d}" * 20) for i in range(400)]
        for i, message in enumerate(sent):
            writer.add_message(channel, NOW_NS + i, message, NOW_NS + i)
        writer.finish()
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * 0.6)])
    done = repair(file)
    found = [message for _, _, message in read(next(done.folder.glob("*.mcap")))[0]]
    assert found == sent[: len(found)]
    assert 100 < len(found) < 400


def test_repair_keeps_what_is_known_and_says_what_is_missing(tmp_path: Path) -> None:
    episode = record(tmp_path, Labels("stack", "ada"))
    channel = episode.add(Topic("/a", "std_msgs/msg/String"), TEXT.decode())
    for i in range(5):
        episode.tape.put(channel, NOW_NS + i, NOW_NS + i, cdr(str(i)))
    episode.tape.stop()
    episode.bag.writer.close()  # as if killed
    assert unfinished(tmp_path) == [episode.name]
    before = {p: hashlib.sha256(p.read_bytes()).digest() for p in episode.folder.iterdir()}
    done = repair(episode.folder)
    assert {p: hashlib.sha256(p.read_bytes()).digest() for p in episode.folder.iterdir()} == before
    assert not unfinished(tmp_path)
    told = load(done.folder)
    assert (told["state"], told["task"], told["operator"], told["messages"]) == ("recovered", "stack", "ada", 5)
    assert "operator: ada" in (done.folder / "metadata.yaml").read_text()
    with pytest.raises(FineVLAError, match="exists already"):
        repair(episode.folder)


def record(root: Path, labels: Labels | None = None, limits: DiskLimits | None = None) -> RecordedEpisode:
    return RecordedEpisode(root, labels or Labels(), {}, limits or DiskLimits(0), NOW_NS)


def test_an_episode_says_what_it_is_while_it_is_recorded_and_afterwards(tmp_path: Path) -> None:
    episode = record(tmp_path, Labels("pick", "ada", "kitchen"))
    assert load(episode.folder)["state"] == "recording"
    channel = episode.add(Topic("/a", "std_msgs/msg/String"), TEXT.decode())
    episode.tape.put(channel, NOW_NS, NOW_NS, cdr("hello"))
    episode.instruction(NOW_NS, "7", "put it down", "")
    folder = episode.stop("success", "the operator", ["/silent"], {})
    told = load(folder)
    assert (told["state"], told["outcome"], told["scene"], told["messages"]) == ("finished", "success", "kitchen", 1)
    assert told["instructions"] == [{"stamp_ns": NOW_NS, "id": "7", "raw": "put it down", "fine": ""}]
    assert told["silent"] == ["/silent"]
    assert told["topics"]["/a"] == {"type": "std_msgs/msg/String", "messages": 1, "dropped": 0, "lost": 0}
    assert not unfinished(tmp_path)


def test_a_discarded_episode_is_moved_to_the_trash_whole(tmp_path: Path) -> None:
    episode = record(tmp_path)
    folder = episode.stop("discard", "the operator", [], {})
    assert folder == tmp_path / "trash" / episode.name
    assert load(folder)["outcome"] == "discard"
    assert not (tmp_path / episode.name).exists()
    assert new_name(tmp_path, "", NOW_NS) != episode.name


@pytest.mark.parametrize(
    "labels",
    [
        {"task": "x" * (MAX_TEXT + 1)},
        {"task": "a\0b"},
        {"task": "\x1b[31mred"},
        {"task": "broken \ud800"},
        {"operator": "x" * 201},
        {"scene": "a\nb"},
        {"scene": "a\u2028b"},
        {"operator": "a\tb"},
        {"operator": "a\x07"},
    ],
)
def test_what_cannot_be_a_label_is_refused_in_one_sentence(labels: dict[str, str]) -> None:
    with pytest.raises(FineVLAError) as refused:
        Labels(**labels)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "task",
    [
        "../../etc/passwd",
        "..",
        "C:\\con",
        "and/or: the red cube",
        "把红色方块\u3000放进左边的碗",
        "\U0001f468\u200d\U0001f373 cooks \U0001f373",
        "first line\nsecond line\twith a tab",
        "x/" * (MAX_TEXT // 2),
        "碗" * MAX_TEXT,
        "\U0001f373" * MAX_TEXT,
    ],
)
def test_every_text_that_can_be_said_is_a_task_and_its_folder_is_a_plain_one(tmp_path: Path, task: str) -> None:
    for _ in range(2):  # of the same task in the same second
        episode = record(tmp_path, Labels(task))
        folder = episode.stop("success", "the operator", [], {})
        assert folder.parent == tmp_path
        assert load(folder)["task"] == task
    names = [path.name for path in tmp_path.iterdir()]
    assert len(names) == 2
    files = [path.name for path in tmp_path.rglob("*")]
    assert max(len(os.fsencode(f"{name}{REPAIRED}")) for name in files) < 100  # NAME_MAX is 255 bytes
    assert all(name.isascii() for name in files)


@given(st.text(max_size=80))
def test_every_name_is_a_plain_one_below_the_folder(task: str) -> None:
    name = new_name(Path("/nowhere"), task, NOW_NS)
    assert name.replace("_", "").isalnum()
    assert name.isascii()
    assert len(name) < 100


def test_a_disk_that_is_nearly_full_is_not_begun_with(tmp_path: Path) -> None:
    with pytest.raises(FineVLAError, match="MB left"):
        record(tmp_path, limits=DiskLimits(1 << 60))
    assert not list(tmp_path.iterdir())


def wait_for(condition, what: str) -> None:
    deadline_s = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < deadline_s, f"waited for {what}"
        time.sleep(0.01)


def test_a_disk_that_becomes_nearly_full_is_told_with_room_left_for_the_index(tmp_path: Path) -> None:
    bag = Bag(tmp_path / "bag")
    left = [100 << 20]
    tape = AsyncWriter(bag.writer, min_free=50 << 20, free=lambda _: left[0])
    channel = bag.add(Topic("/a", "std_msgs/msg/String"), TEXT)
    tape.put(channel, NOW_NS, NOW_NS, cdr("x"))
    left[0] = 10 << 20
    wait_for(lambda: tape.limit, "the limit")
    assert "nearly full (10 MB left" in tape.limit
    tape.stop()
    bag.finish({})
    assert len(read(bag.file)[0]) == 1


def test_a_full_disk_leaves_a_whole_file_and_a_true_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bag = Bag(tmp_path / "bag")
    channel = bag.add(Topic("/a", "std_msgs/msg/String"), TEXT)
    real, is_full = os.writev, threading.Event()

    def writev(file: int, buffers: list[bytes]) -> int:
        if is_full.is_set() and len(buffers) > 2:  # a chunk; what is small, as the index, still fits
            os.write(file, b"half a chunk")
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, buffers)

    monkeypatch.setattr(os, "writev", writev)
    tape, before = AsyncWriter(bag.writer), bag.writer.bytes_written
    for i in range(10):
        tape.put(channel, NOW_NS + i, NOW_NS, cdr(str(i)))
    wait_for(lambda: bag.writer.bytes_written > before, "the first chunk")
    is_full.set()
    for i in range(10, 15):
        tape.put(channel, NOW_NS + i, NOW_NS, cdr(str(i)))
    wait_for(lambda: tape.problem, "the problem")
    assert not tape.put(channel, NOW_NS, NOW_NS, cdr("more"))
    tape.stop()
    bag.finish({})
    found, scan = read(bag.file)
    assert [message for _, _, message in found] == [cdr(str(i)) for i in range(10)]
    assert scan.report.is_finished
    assert tape.dropped[channel] == 6


def test_what_does_not_fit_into_the_queue_is_counted_by_topic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bag = Bag(tmp_path / "bag")
    a, b = (bag.add(Topic(name, "std_msgs/msg/String"), TEXT) for name in ("/a", "/b"))
    go = threading.Event()
    real = bag.writer.flush
    monkeypatch.setattr(bag.writer, "flush", lambda: (go.wait(10.0), real()))
    tape = AsyncWriter(bag.writer, queue_bytes=1000)
    tape.put(a, NOW_NS, NOW_NS, b"first")
    wait_for(lambda: not tape._queue, "the writer to hang")
    time.sleep(0.3)  # in flush by now
    taken = sum(tape.put(b, NOW_NS + i, NOW_NS, bytes(100)) for i in range(15))
    assert taken == 10
    go.set()
    tape.stop()
    bag.finish({})
    assert len(read(bag.file)[0]) == 11
    assert (tape.dropped[a], tape.dropped[b]) == (0, 5)


def test_definitions_contain_everything_that_they_consist_of(tmp_path: Path) -> None:
    files = {
        "one/msg/Outer": "std/Head head  # a comment with std/Nothing inside\nInner[<=3] parts\nfloat64[9] k\n"
        "string<=5 s\nuint8 A=1\n",
        "one/msg/Inner": "uint8 x 3\n",
        "std/msg/Head": "time/Time stamp\n",
        "time/msg/Time": "int32 sec\n",
    }
    for name, content in files.items():
        file = tmp_path / "share" / f"{name}.msg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    definition = Definitions([tmp_path]).of("one/msg/Outer")
    assert definition.startswith(files["one/msg/Outer"])
    assert [line for line in definition.splitlines() if line.startswith("MSG: ")] == [
        "MSG: std/Head", "MSG: one/Inner", "MSG: time/Time"
    ]  # fmt: skip
    with pytest.raises(FineVLAError, match="defined nowhere"):
        Definitions([tmp_path]).of("one/msg/Missing")
    with pytest.raises(FineVLAError, match="no message type"):
        Definitions([tmp_path]).of("../../etc/passwd")


@pytest.mark.parametrize("content", [b"", b"\x89MCAP0\r\n", b"not a bag", b"\0" * 100, json.dumps({}).encode()])
def test_what_is_no_recording_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.mcap"
    file.write_bytes(content)
    with pytest.raises(FineVLAError) as refused:
        repair(file)
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == [file]


def test_flood_of_instructions_leaves_an_episode_that_can_be_read(tmp_path: Path) -> None:
    episode = record(tmp_path)
    for number in range(150):
        episode.instruction(NOW_NS + number, f"flood {number}", "x" * MAX_TEXT, "")
    told = load(episode.stop("success", "asked", [], {}))
    assert told["outcome"] == "success"
    assert 0 < len(told["instructions"]) < 150
