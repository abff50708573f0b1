"""Promises about what versions, crashes and copies leave: no message is taken for another, and what is left out is told."""

import shutil
import sqlite3
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rosbags", reason="rosbags come with 'make data-setup'")
pytest.importorskip("mcap", reason="mcap comes with 'make data-setup'")

from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_bags import MS, START, Scene, aligned
from odd_bags import Packet, convert, packets, told, write_mcap, write_metadata, write_sqlite

from finevla_core.embodiment import Embodiment
from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.recording import mcap_scan
from finevla_core.recording.mcap_scan import RecordedMessage, Scan
from finevla_tools import cli
from finevla_tools.convert import compressed_pictures
from finevla_tools.convert.episode import Encoded

STEPS = 10
STATES = "/finevla/joint_states"
JOINT_STATE = "sensor_msgs/msg/JointState"
HEADER = f"""
{"=" * 80}
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
{"=" * 80}
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""
FIELDS = {
    "header": "std_msgs/Header header",
    "name": "string[] name",
    "position": "float64[] position",
    "velocity": "float64[] velocity",
    "effort": "float64[] effort",
    "mode": "uint8 mode",
}


@pytest.fixture(scope="module")
def scene(robot: Embodiment) -> Scene:
    return aligned(robot, steps=STEPS)


@pytest.fixture(scope="module")
def frames(robot: Embodiment, scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    [(_, frames)] = convert(scene.write(tmp_path_factory.mktemp("plain") / "bag"), robot)
    return told(frames)


def edited(scene: Scene, kind: str, edit: Callable[[Any, int], None]) -> list[Packet]:
    """A scene's messages, those of one type changed by `edit(message, which)`."""
    found, count, store = [], 0, scene.make.store
    for m in packets(scene):
        if m.kind == kind:
            message = store.deserialize_cdr(m.data, m.kind)
            edit(message, count)
            m, count = replace(m, data=bytes(store.serialize_cdr(message, kind))), count + 1
        found.append(m)
    return found


class TestStoredDefinitions:
    """A message is read by the definition that its recording has of it."""

    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(order=st.permutations(["name", "position", "velocity", "effort", "mode"]), is_single=st.booleans())
    def test_of_any_order_of_fields_give_the_same_states(
        self, robot: Embodiment, scene: Scene, frames: list[Any], tmp_path: Path, order: list[str], is_single: bool
    ) -> None:
        wanted = FIELDS | ({"velocity": "float32[] velocity"} if is_single else {})
        text = "\n".join(wanted[name] for name in ("header", *order)) + HEADER
        bag = tmp_path / "bag.mcap"
        _write_defined(bag, scene, text, order, "float32" if is_single else "float64")
        [(_, found)] = convert(bag, robot)
        assert told(found) == frames

    def test_without_what_is_read_are_refused(self, robot: Embodiment, scene: Scene, tmp_path: Path) -> None:
        bag = _write_defined(tmp_path / "bag.mcap", scene, "int32 a\nstring b\n", [], "float64")
        with pytest.raises(FineVLAError, match="JointState is defined in it without 'header'"):
            convert(bag, robot)


def _write_defined(file: Path, scene: Scene, text: str, order: Sequence[str], velocity: str) -> Path:
    """A bag whose joint states are laid out as `text` says, with velocities that are no positions."""
    from mcap.writer import Writer
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    store, installed = get_typestore(Stores.EMPTY), scene.make.store
    if order:
        store.register({**installed.fielddefs, **get_types_from_msg(text, JOINT_STATE)})
    with file.open("wb") as stream:
        writer = Writer(stream)
        writer.start("ros2", "another version")
        schemas: dict[str, int] = {}
        channels: dict[str, int] = {}
        for m in packets(scene):
            data = m.data
            if m.kind == JOINT_STATE and order:
                was = installed.deserialize_cdr(m.data, m.kind)
                values = {
                    "name": was.name,
                    "position": was.position,
                    "effort": np.zeros(0),
                    "mode": 3,
                    "header": was.header,
                }
                values["velocity"] = np.full(len(was.name), 9, velocity)
                data = bytes(store.serialize_cdr(store.types[m.kind](**values), m.kind))
            if m.topic not in channels:
                definition = text.encode() if m.kind == JOINT_STATE else b""
                schemas[m.kind] = schemas.get(m.kind) or writer.register_schema(m.kind, "ros2msg", definition)
                channels[m.topic] = writer.register_channel(m.topic, "cdr", schemas[m.kind])
            writer.add_message(channels[m.topic], m.log_ns, data, m.log_ns)
        writer.finish()
    return file


@pytest.mark.parametrize("part", ["first", "last"])
@pytest.mark.parametrize("kind", ["my_msgs/msg/JointState", "std_msgs/msg/String"])
def test_a_topic_whose_type_changes_is_told_and_loses_nothing_else(
    robot: Embodiment, scene: Scene, frames: list[Any], tmp_path: Path, part: str, kind: str
) -> None:
    messages = packets(scene)
    half = len(messages) // 2
    of_part = range(half) if part == "first" else range(half, len(messages))
    changed = [replace(m, kind=kind) if i in of_part and m.topic == STATES else m for i, m in enumerate(messages)]
    bag = tmp_path / "bag"
    write_mcap(bag / "bag_0.mcap", changed[:half])
    write_mcap(bag / "bag_1.mcap", changed[half:])
    lost = sum(m.kind == kind for m in changed)
    assert 0 < lost < STEPS
    # Before the change nothing of the robot was heard: the instruction of then is not needed again.
    [(header, found)] = convert(bag, robot)
    assert told(found) == (frames[lost:] if part == "first" else frames[: STEPS - lost])
    assert f"{lost} messages are left out, which came on {STATES} as {kind}" in header.facts["notes"][0]


@pytest.mark.parametrize("place", [0, 3])
def test_a_joint_that_is_named_twice_is_never_guessed(
    robot: Embodiment, scene: Scene, tmp_path: Path, place: int
) -> None:
    def twice(message: Any, _: int) -> None:
        message.name = [*message.name[:place], message.name[5], *message.name[place:]]
        message.position = np.insert(message.position, place, 9.0)

    write_mcap(tmp_path / "states" / "bag_0.mcap", edited(scene, JOINT_STATE, twice))
    with pytest.raises(FineVLAError, match="nothing usable of joint_states.*name a joint twice"):
        convert(tmp_path / "states", robot)

    def commanded_twice(message: Any, _: int) -> None:
        message.joint_names = [message.joint_names[-1], *message.joint_names]
        message.points[0].positions = np.insert(message.points[0].positions, 0, 9.0)

    write_mcap(
        tmp_path / "commands" / "bag_0.mcap", edited(scene, "trajectory_msgs/msg/JointTrajectory", commanded_twice)
    )
    with pytest.raises(FineVLAError, match="names joint '.*' twice"):
        convert(tmp_path / "commands", robot)


@pytest.mark.parametrize("log_ns", [2**63, 2**64 - 1])
@pytest.mark.parametrize("stamps", ["header", "received"])
def test_times_that_no_clock_tells_are_one_sentence(
    robot: Embodiment, scene: Scene, tmp_path: Path, log_ns: int, stamps: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = tmp_path / "bag"
    write_mcap(bag / "bag_0.mcap", [replace(m, log_ns=log_ns) for m in packets(scene)])
    with pytest.raises(DamagedFileError, match="later than any clock can tell"):
        convert(bag, robot, stamps=stamps)
    write_metadata(bag, ["bag_0.mcap"], packets(scene), starting_time={"nanoseconds_since_epoch": 10**30})
    assert cli.main(["bags", "info", str(bag)]) == 0
    assert "which no clock tells" in capsys.readouterr().out


@pytest.mark.parametrize("end", ["states end", "states begin late"])
def test_what_makes_no_frames_is_told(robot: Embodiment, tmp_path: Path, end: str) -> None:
    scene = aligned(robot, steps=40)
    kept_from, kept_to = (0, 20) if end == "states end" else (20, 40)
    bounds = START + kept_from * 100 * MS, START + kept_to * 100 * MS
    kept = [m for m in packets(scene) if m.topic != STATES or bounds[0] <= m.log_ns < bounds[1]]
    write_mcap(tmp_path / "bag" / "bag_0.mcap", kept)
    [(header, found)] = convert(tmp_path / "bag", robot)
    assert len(found) == 20
    said = "its last 2.0 s make no frames: joint_states ends" if kept_from == 0 else "its first 2.0 s make no frames"
    assert any(note.startswith(said) for note in header.facts["notes"])


class TestStorageFiles:
    """What is beside, behind and in place of a recording's files."""

    @pytest.mark.parametrize("suffix", ["mcap", "db3"])
    @pytest.mark.parametrize("is_named", [False, True])
    def test_an_empty_one_among_others_hides_no_message(
        self, robot: Embodiment, scene: Scene, frames: list[Any], tmp_path: Path, suffix: str, is_named: bool
    ) -> None:
        messages, bag = packets(scene), tmp_path / "bag"
        (write_mcap if suffix == "mcap" else write_sqlite)(bag / f"bag_0.{suffix}", messages)
        (bag / f"bag_1.{suffix}").touch()
        write_metadata(bag, [f"bag_{i}.{suffix}" for i in range(1 + is_named)], messages)
        with pytest.raises(FineVLAError, match=f"bag_1.{suffix}: it is empty"):
            convert(bag, robot)
        assert cli.main(["bags", "repair", str(bag)]) == 0
        [(_, found)] = convert(tmp_path / "bag_repaired", robot)
        assert told(found) == frames

    @pytest.mark.parametrize("behind", ["another", "nothing"])
    def test_bytes_behind_the_end_are_told(
        self, robot: Embodiment, scene: Scene, tmp_path: Path, behind: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        messages = packets(scene)
        first = write_mcap(tmp_path / "a.mcap", messages[:40])
        second = write_mcap(tmp_path / "b.mcap", messages[40:])
        rest = second.read_bytes() if behind == "another" else b"\0" * 100
        first.write_bytes(first.read_bytes() + rest)
        with pytest.raises(FineVLAError, match="bytes behind its end are " + ("another" if rest[0] else "no part")):
            convert(first, robot)
        assert cli.main(["bags", "info", str(first)]) == 0
        assert "unfinished" in capsys.readouterr().out

    def test_of_several_recordings_are_episodes_each(
        self, robot: Embodiment, scene: Scene, frames: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = tmp_path / "loose"
        write_mcap(folder / "monday.mcap", packets(scene))
        shutil.copyfile(folder / "monday.mcap", folder / "tuesday.mcap")
        found = convert(folder, robot)
        assert [header.name for header, _ in found] == ["monday", "tuesday"]
        assert [told(some) for _, some in found] == [frames, frames]
        assert cli.main(["bags", "info", str(folder)]) == 2
        assert "holds several recordings" in capsys.readouterr().err

    def test_a_view_in_place_of_a_table_is_not_run(self, robot: Embodiment, scene: Scene, tmp_path: Path) -> None:
        file = write_sqlite(tmp_path / "bag_0.db3", packets(scene))
        database = sqlite3.connect(file, isolation_level=None)
        database.execute("ALTER TABLE messages RENAME TO others")
        database.execute(
            "CREATE VIEW messages AS WITH RECURSIVE c(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM c) "
            "SELECT id, 1 AS topic_id, 5 AS timestamp, x'00' AS data FROM c"
        )
        database.close()
        with pytest.raises(FineVLAError, match="its table 'messages' lacks"):
            convert(file, robot)


def test_numbers_of_topics_that_are_given_twice_are_told_and_repaired(
    robot: Embodiment, scene: Scene, frames: list[Any], tmp_path: Path
) -> None:
    messages = packets(scene)
    half, topics = len(messages) // 2, list(dict.fromkeys((m.topic, m.kind) for m in messages))
    file = tmp_path / "joined.mcap"
    file.write_bytes(
        b"\x89MCAP0\r\n"
        + _record(1, _text("ros2") + _text(""))
        + _plain(messages[:half], topics)
        + _plain(messages[half:], topics[::-1])
        + _record(0x0F, b"\0" * 4)
        + _record(0x02, b"\0" * 20)
        + b"\x89MCAP0\r\n"
    )
    with pytest.raises(FineVLAError, match="has the number that .* had before"):
        convert(file, robot)
    assert cli.main(["bags", "repair", str(file), "--out", str(tmp_path / "whole")]) == 0
    [(_, found)] = convert(tmp_path / "whole", robot)
    assert told(found) == frames


def _plain(messages: Sequence[Packet], topics: Sequence[tuple[str, str]]) -> bytes:
    """MCAP records without chunks; topics numbered as they come."""
    made = b""
    for number, (topic, kind) in enumerate(topics, 1):
        made += _record(3, struct.pack("<H", number) + _text(kind) + _text("ros2msg") + _text(""))
        made += _record(4, struct.pack("<HH", number, number) + _text(topic) + _text("cdr") + _text(""))
    numbers = {topic: number for number, (topic, _) in enumerate(topics, 1)}
    for k, m in enumerate(messages):
        made += _record(5, struct.pack("<HIQQ", numbers[m.topic], k, m.log_ns, m.log_ns) + m.data)
    return made


def _record(opcode: int, content: bytes) -> bytes:
    return struct.pack("<BQ", opcode, len(content)) + content


def _text(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode()


@pytest.mark.parametrize("claimed", [100, 1 << 20])
def test_a_chunk_is_unpacked_no_farther_than_it_claims(claimed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = zstd.compress(b"\0" * (64 << 20))
    asked = []

    class Counted:
        """The library's, and how much it was asked for at most."""

        def __init__(self) -> None:
            self._own = zstd.ZstdDecompressor()

        def __getattr__(self, name: str) -> Any:
            return getattr(self._own, name)

        def decompress(self, data: bytes, most: int = -1) -> bytes:
            asked.append(most)
            return bytes(self._own.decompress(data, most))

    monkeypatch.setattr(mcap_scan, "_unpacker", lambda _: Counted())
    data, is_whole = mcap_scan._unpacked("zstd", packed, claimed)
    assert is_whole
    assert len(data) == claimed
    assert all(0 < most <= claimed for most in asked)


def test_chunks_of_any_library_are_unpacked_whole(scene: Scene, tmp_path: Path) -> None:
    from mcap.writer import CompressionType

    for compression in CompressionType:
        file = write_mcap(
            tmp_path / f"{compression.name}.mcap", packets(scene), compression=compression, chunk_size=3000
        )
        found = [bytes(entry.data) for entry in Scan(file) if isinstance(entry, RecordedMessage)]
        assert found == [m.data for m in packets(scene)]


@pytest.mark.parametrize("kind", ["jpeg", "png"])
@pytest.mark.parametrize("left", [0.6, 0.95, 1.0])
def test_a_picture_that_is_kept_is_whole(kind: str, left: float) -> None:
    import io

    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, kind)
    data = stream.getvalue()
    if left == 1.0:
        compressed_pictures.refuse_cut(Encoded(data, kind), "it")
        compressed_pictures.refuse_cut(Encoded(data + b"\0" * 500, kind), "it")
        return
    with pytest.raises(DamagedFileError, match="it ends before its end"):
        compressed_pictures.refuse_cut(Encoded(data[: int(left * len(data))], kind), "it")
