"""Promises about recordings with flipped bits: what no longer fits its index, its metadata or its time is named."""

from pathlib import Path

import pytest

pytest.importorskip("rosbags", reason="rosbags come with 'make data-setup'")
pytest.importorskip("mcap", reason="mcap comes with 'make data-setup'")

from made_bags import MS, SECOND, START, Scene, aligned
from odd_bags import packets, write_sqlite

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.recording.bag_reader import BagReader
from finevla_core.recording.mcap_scan import Scan
from finevla_core.recording.mcap_writer import McapWriter
from finevla_tools.convert.bag_analysis import BagOptions
from finevla_tools.convert.bag_source import BagSource
from finevla_tools.convert.episode import Header

STEPS = 12


@pytest.fixture(scope="module")
def scene(robot: Embodiment) -> Scene:
    return aligned(robot, steps=STEPS, size=(8, 8))


def convert(path: Path, robot: Embodiment, **options: object) -> list[tuple[Header, int]]:
    source = BagSource(path, robot, BagOptions(**options))  # type: ignore[arg-type]
    opened = [source.open(piece) for reference in source.references() for piece in source.pieces(reference)]
    return [(episode.header, len(list(episode.frames()))) for episode in opened]


def replaced(file: Path, old: bytes, new: bytes) -> None:
    data = file.read_bytes()
    assert data.count(old) == 1
    assert len(old) == len(new)
    file.write_bytes(data.replace(old, new))


@pytest.mark.parametrize("place", ["the last", "one in the middle"])
def test_an_index_that_names_a_message_twice_loses_none(
    robot: Embodiment, scene: Scene, tmp_path: Path, place: str
) -> None:
    messages = packets(scene)
    file = write_sqlite(tmp_path / "bag" / "bag_0.db3", messages)
    row = len(messages) if place == "the last" else 61
    time = messages[row - 1].log_ns.to_bytes(8, "big")
    replaced(file, time + bytes([row]), time + bytes([row - 2]))  # of the index: in the table no row follows a time
    reader = BagReader(tmp_path / "bag")
    assert sorted(bytes(m.data) for m in reader.messages()) == sorted(m.data for m in messages)
    assert any("its index is broken" in problem for problem in reader.problems)
    with pytest.raises(FineVLAError, match="its index is broken"):
        convert(tmp_path / "bag", robot)


def test_a_time_that_is_not_its_indexs_is_named(scene: Scene, tmp_path: Path) -> None:
    messages = packets(scene)
    file = write_sqlite(tmp_path / "bag" / "bag_0.db3", messages)
    time = messages[49].log_ns.to_bytes(8, "big")
    data, payload = file.read_bytes(), messages[49].data[:40]
    at = data.index(time + payload)
    file.write_bytes(data[: at + 3] + bytes([data[at + 3] ^ 1]) + data[at + 4 :])
    reader = BagReader(tmp_path / "bag")
    assert len(list(reader.messages())) == len(messages)
    assert any("are not those in its index" in problem for problem in reader.problems)


def test_rows_that_a_recorder_left_out_are_no_damage(robot: Embodiment, scene: Scene, tmp_path: Path) -> None:
    """As `ros2 bag` filters: numbers with gaps, in an index that is whole."""
    import sqlite3

    file = write_sqlite(tmp_path / "bag" / "bag_0.db3", packets(scene))
    with sqlite3.connect(file) as database:
        database.execute("UPDATE messages SET id = -7 * id - 3")
        database.execute("UPDATE messages SET id = -id")
        database.commit()
    reader = BagReader(tmp_path / "bag")
    assert len(list(reader.messages())) == len(packets(scene))
    assert not reader.problems
    [(_, frames)] = convert(tmp_path / "bag", robot)
    assert frames == STEPS


def test_a_message_on_another_topic_than_the_index_counts_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.mcap"
    writer = McapWriter(file)
    schema = writer.add_schema("std_msgs/msg/String", "ros2msg", b"string data")
    for topic in ("/one", "/two"):
        writer.add_channel(schema, topic, "cdr", {})
    for k in range(6):
        writer.write(1 + k % 2, START + k, START + k, f"message {k}".encode())
    writer.finish()
    whole = Scan(file)
    assert sum(1 for _ in whole) == 8
    assert not whole.report.complaints
    data = bytearray(file.read_bytes())
    at = data.index(b"message 4") - 22  # channel (2), sequence (4), two times (8 each)
    assert data[at] == 1
    data[at] = 2
    chunk = data.index(b"\x06", 8)  # no checksum, as many writers leave it
    while int.from_bytes(data[chunk + 9 + 24 : chunk + 9 + 28], "little") == 0 or data[chunk] != 6:
        chunk = data.index(b"\x06", chunk + 1)
    data[chunk + 9 + 24 : chunk + 9 + 28] = bytes(4)
    file.write_bytes(data)
    scan = Scan(file)
    assert sum(1 for _ in scan) == 8
    assert scan.report.complaints == ["1 of 3 messages of /one that its index counts are not there"]


@pytest.mark.parametrize(("which", "off_ms", "frames"), [(-1, 5000, 11), (0, -5000, 11), (-1, -250, 11)])
def test_stamps_that_do_not_fit_their_messages_are_counted(
    robot: Embodiment, scene: Scene, tmp_path: Path, which: int, off_ms: int, frames: int
) -> None:
    made = aligned(robot, steps=STEPS, size=(8, 8))
    [camera, *_] = robot.camera_names
    topic = next(c.topic for c in robot.cameras if c.name == camera)
    lines = [k for k, line in enumerate(made.lines) if line.topic == f"{made.namespace}/{topic}/compressed"]
    k = lines[which]
    stamp_ns = START + range(STEPS)[which] * 100 * MS
    hit = Scene(robot, size=(8, 8))
    hit.image(camera, range(STEPS)[which], stamp_ns + off_ms * MS, delay_ns=-off_ms * MS)
    made.lines[k] = hit.lines[0]
    [(header, out)] = convert(made.write(tmp_path / "bag"), robot)
    assert header.facts["odd_stamps"] == {f"camera {camera}": 1}
    assert f"1 of camera {camera}" in header.facts["notes"][0]
    assert out == frames


def test_late_delivery_and_a_clock_that_is_off_are_nothing_odd(robot: Embodiment, tmp_path: Path) -> None:
    made = aligned(robot, steps=STEPS, size=(8, 8))
    for k, line in enumerate(made.lines):
        line.received_ns += 3600 * SECOND + (k % 5) * 15 * MS
    [(header, frames)] = convert(made.write(tmp_path / "bag"), robot)
    assert frames == STEPS
    assert "odd_stamps" not in header.facts
    assert not header.facts["notes"]
