"""Promises about bags as recorders leave them: the same frames whatever the storage, and what is missing is counted."""

import gzip
import shutil
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("rosbags", reason="rosbags come with 'make data-setup'")
pytest.importorskip("mcap", reason="mcap comes with 'make data-setup'")

from backports import zstd
from made_bags import MS, SECOND, START, Scene, aligned
from odd_bags import (
    Packet,
    convert,
    packets,
    told,
    without_message_indexes,
    write_mcap,
    write_metadata,
    write_sqlite,
)

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.recording.bag_reader import BagReader
from finevla_core.recording.repair import repair
from finevla_tools import cli

STEPS = 30
Layout = Callable[[Path, Sequence[Packet]], Path]


def in_folder(name: str, layout: Callable[[Path, Sequence[Packet]], Any], **metadata: Any) -> Layout:
    def write(folder: Path, messages: Sequence[Packet]) -> Path:
        folder.mkdir()
        layout(folder / name, messages)
        if metadata:
            write_metadata(folder, [name], messages, **metadata)
        return folder

    return write


def by_topic(messages: Sequence[Packet]) -> list[Packet]:
    """As tools write that go through one topic after the other."""
    return sorted(messages, key=lambda m: m.topic)


def packed_file(folder: Path, messages: Sequence[Packet], suffix: str, has_metadata: bool) -> Path:
    plain = folder / f"bag_0{suffix}"
    (write_mcap if suffix == ".mcap" else write_sqlite)(plain, messages)
    (folder / f"{plain.name}.zstd").write_bytes(zstd.compress(plain.read_bytes()))
    plain.unlink()
    if has_metadata:
        words = {"compression_format": "zstd", "compression_mode": "FILE"}
        write_metadata(folder, [f"{plain.name}.zstd"], messages, **words)
    return folder


def packed_messages(folder: Path, messages: Sequence[Packet], has_metadata: bool) -> Path:
    packed = [Packet(m.topic, m.kind, m.log_ns, zstd.compress(m.data)) for m in messages]
    write_mcap(folder / "bag_0.mcap", packed)
    if has_metadata:
        words = {"compression_format": "zstd", "compression_mode": "MESSAGE"}
        write_metadata(folder, ["bag_0.mcap"], messages, **words)
    return folder


def split(folder: Path, messages: Sequence[Packet], names: Sequence[str], told_names: Sequence[str]) -> Path:
    parts = np.array_split(np.arange(len(messages)), len(names))
    for name, part in zip(names, parts, strict=True):
        (write_mcap if "mcap" in name else write_sqlite)(folder / name, [messages[i] for i in part])
    write_metadata(folder, told_names, messages)
    return folder


def other_qos(folder: Path, messages: Sequence[Packet]) -> Path:
    """The file says that nothing was offered, metadata.yaml that it was."""
    write_mcap(folder / "bag_0.mcap", messages)
    time = {"sec": 0, "nsec": 0}
    keys = ("deadline", "lifespan", "liveliness_lease_duration")
    offer = {"history": 3, "depth": 0, "reliability": 2, "durability": 2, "liveliness": 1, **dict.fromkeys(keys, time)}
    write_metadata(folder, ["bag_0.mcap"], messages)
    text = (folder / "metadata.yaml").read_text()
    offers = f"[{ {**offer, 'avoid_ros_namespace_conventions': False} }]".replace("False", "false")
    (folder / "metadata.yaml").write_text(text.replace("offered_qos_profiles: ''", f'offered_qos_profiles: "{offers}"'))
    return folder


def unindexed(file: Path, messages: Sequence[Packet]) -> Path:
    return without_message_indexes(write_mcap(file, messages, chunk_size=20_000))


WHOLE: dict[str, Layout] = {
    "SQLite with a write-ahead log": in_folder("bag_0.db3", partial(write_sqlite, wal_from=60)),
    "SQLite with a write-ahead log and metadata": in_folder("bag_0.db3", partial(write_sqlite, wal_from=60), version=5),
    "SQLite all in the write-ahead log": in_folder("bag_0.db3", partial(write_sqlite, wal_from=0)),
    "SQLite without metadata": in_folder("bag_0.db3", write_sqlite),
    "SQLite of Foxy": in_folder("bag_0.db3", partial(write_sqlite, schema=1), version=3),
    "SQLite of Humble without an index": in_folder("bag_0.db3", partial(write_sqlite, schema=2, has_index=False)),
    "SQLite not in order": in_folder("bag_0.db3", lambda f, m: write_sqlite(f, by_topic(m))),
    "SQLite file alone": lambda folder, m: write_sqlite(folder / "bag_0.db3", m),
    "MCAP without chunks": in_folder("bag_0.mcap", partial(write_mcap, use_chunking=False), version=9),
    "MCAP without chunks, not in order": in_folder("b.mcap", lambda f, m: write_mcap(f, by_topic(m), use_chunking=False)),
    "MCAP not in order": in_folder("b.mcap", lambda f, m: write_mcap(f, by_topic(m), chunk_size=5000)),
    "MCAP without message indexes": in_folder("bag_0.mcap", unindexed),
    "MCAP without repeated channels": in_folder("bag_0.mcap", partial(write_mcap, repeat_channels=False)),
    "MCAP without repeated schemas": in_folder("bag_0.mcap", partial(write_mcap, repeat_schemas=False)),
    "MCAP without statistics": in_folder("bag_0.mcap", partial(write_mcap, use_statistics=False)),
    "MCAP without checksums": in_folder("bag_0.mcap", partial(write_mcap, enable_crcs=False)),
    "MCAP with other channels": in_folder("bag_0.mcap", partial(write_mcap, odd=True), version=9),
    "MCAP of no profile": in_folder("bag_0.mcap", partial(write_mcap, profile="")),
    "MCAP file alone": lambda folder, m: write_mcap(folder / "bag_0.mcap", m),
    "packed MCAP": partial(packed_file, suffix=".mcap", has_metadata=True),
    "packed MCAP without metadata": partial(packed_file, suffix=".mcap", has_metadata=False),
    "packed SQLite without metadata": partial(packed_file, suffix=".db3", has_metadata=False),
    "packed messages": partial(packed_messages, has_metadata=True),
    "packed messages without metadata": partial(packed_messages, has_metadata=False),
    "other QoS in metadata": other_qos,
    "renamed file": partial(split, names=["mine.mcap"], told_names=["bag_0.mcap"]),
    "names with their folder": partial(split, names=["bag_0.db3"], told_names=["bag/bag_0.db3"]),
    "a file that metadata does not know yet": partial(
        split, names=[f"bag_{i}.mcap" for i in range(11)], told_names=["bag_0.mcap", "bag_1.mcap"]
    ),
    "types of old tools": lambda folder, m: write_mcap(
        folder / "bag_0.mcap", [Packet(p.topic, p.kind.replace("/msg/", "/"), p.log_ns, p.data) for p in m]
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def scene(robot: Embodiment) -> Scene:
    return aligned(robot, steps=STEPS)


@pytest.mark.parametrize("how", WHOLE)
def test_every_storage_gives_the_same_frames(robot: Embodiment, scene: Scene, tmp_path: Path, how: str) -> None:
    [(_, expected)] = convert(scene.write(tmp_path / "plain"), robot)
    assert len(expected) == STEPS
    bag = WHOLE[how](tmp_path / "bag", packets(scene))
    before = {p: p.read_bytes() for p in (tmp_path / "bag").iterdir()}
    [(_, frames)] = convert(bag, robot)
    assert told(frames) == told(expected)
    assert {p: p.read_bytes() for p in (tmp_path / "bag").iterdir()} == before, "a recording is not written to"


@pytest.mark.parametrize("how", WHOLE)
def test_info_counts_and_repair_keeps_every_message_of_every_storage(
    scene: Scene, tmp_path: Path, capsys, how: str
) -> None:
    messages = packets(scene)
    bag = WHOLE[how](tmp_path / "bag", messages)
    assert cli.main(["bags", "info", str(bag)]) == 0
    shown = capsys.readouterr().out
    more = 3 if how == "MCAP with other channels" else 0
    assert f"messages:     {len(messages) + more}" in shown
    assert cli.main(["bags", "repair", str(bag), "--out", str(tmp_path / "whole")]) == 0
    from rosbags.rosbag2 import Reader

    if more:
        return
    with Reader(tmp_path / "whole") as reader:
        found = sorted((c.topic, ns, bytes(data)) for c, ns, data in reader.messages())
    assert found == sorted((m.topic, m.log_ns, m.data) for m in messages)


def test_what_is_lost_is_counted(robot: Embodiment, scene: Scene, tmp_path: Path, capsys) -> None:
    messages = packets(scene)
    kept = messages[: len(messages) * 2 // 3]
    bag = tmp_path / "bag"
    write_sqlite(bag / "bag_0.db3", kept)
    write_metadata(bag, ["bag_0.db3"], messages)
    [(header, frames)] = convert(bag, robot)
    assert STEPS // 2 < len(frames) < STEPS
    of_states = sum(m.topic.endswith("joint_states") for m in messages[len(kept) :])
    assert f"{of_states} of {STEPS} messages of /finevla/joint_states" in header.facts["notes"][0]
    assert cli.main(["convert", str(bag), "--out", str(tmp_path / "out"), "--images", "keep", "--jobs", "1"]) == 0
    assert "metadata.yaml counts messages that are not in it" in capsys.readouterr().out
    assert cli.main(["bags", "info", str(bag)]) == 0
    said = capsys.readouterr().out
    assert "state:        unfinished" in said
    assert f"{of_states} of {STEPS} messages of /finevla/joint_states" in said
    assert repair(bag).missing["/finevla/joint_states"] == of_states


def test_a_cut_file_beside_a_whole_metadata_is_not_finished(scene: Scene, tmp_path: Path, capsys) -> None:
    bag = in_folder("bag_0.mcap", partial(write_mcap, chunk_size=10_000), version=9)(tmp_path / "bag", packets(scene))
    file = bag / "bag_0.mcap"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert cli.main(["bags", "info", str(bag)]) == 0
    said = capsys.readouterr().out
    assert "unfinished; make it whole" in said
    assert f"of {STEPS} messages of /finevla/joint_states" in said


REFUSED: dict[str, tuple[Layout, str]] = {
    "a file that is missing": (
        partial(split, names=["bag_0.mcap"], told_names=["bag_0.mcap", "bag_1.mcap"]),
        "names bag_1.mcap, which is not there",
    ),
    "a stranger's file": (
        lambda folder, m: split(folder, m, ["bag_0.mcap", "other.mcap"], ["bag_0.mcap"]),
        "does not name other.mcap",
    ),
    "a packing that is not known": (
        in_folder("bag_0.mcap", write_mcap, compression_format="lz5", compression_mode="FILE"),
        "packed with 'lz5'",
    ),
    "only a database of others": (
        lambda folder, _: _database(folder / "bag_0.db3"),
        "is no recording of rosbag2",
    ),
    "gzip": (
        lambda folder, m: _gzip(write_mcap(folder / "bag_0.mcap", m)),
        "is no MCAP file",
    ),
}


def _database(file: Path) -> Path:
    import sqlite3

    file.parent.mkdir()
    database = sqlite3.connect(file)
    database.execute("CREATE TABLE mine(x)")
    database.commit()
    database.close()
    return file


def _gzip(file: Path) -> Path:
    file.write_bytes(gzip.compress(file.read_bytes()))
    return file


@pytest.mark.parametrize("how", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_sentence(
    robot: Embodiment, scene: Scene, tmp_path: Path, capsys, how: str
) -> None:
    layout, sentence = REFUSED[how]
    bag = layout(tmp_path / "bag", packets(scene))
    with pytest.raises(FineVLAError, match=sentence):
        convert(bag, robot)
    for job in ("info", "repair", "play"):
        assert cli.main(["bags", job, str(bag)]) == 2
        said = capsys.readouterr().err
        assert sentence in said
        assert said.count("\n") == 1


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.9])
def test_a_damaged_database_is_refused_and_what_is_whole_recovered(
    robot: Embodiment, scene: Scene, tmp_path: Path, cut: float
) -> None:
    messages = packets(scene)
    file = write_sqlite(tmp_path / "bag" / "bag_0.db3", messages)
    content = bytearray(file.read_bytes())
    begin = int(len(content) * cut) // 4096 * 4096
    content[begin : begin + 8192] = bytes(8192)
    file.write_bytes(content)
    with pytest.raises(FineVLAError, match="repair|no recording of rosbag2|cannot be read"):
        convert(file.parent, robot)
    try:
        done = repair(file.parent)
    except FineVLAError:
        return
    genuine = {m.data for m in messages}
    found = [bytes(m.data) for m in BagReader(done.folder).messages()]
    assert set(found) <= genuine
    assert not done.was_whole or len(found) == len(messages)


@pytest.fixture(scope="module")
def stored(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One recording of each kind, to be copied and damaged."""
    root = tmp_path_factory.mktemp("stored")
    messages = packets(scene)[:60]
    return {how: layout(root / f"{i}", messages) for i, (how, layout) in enumerate(WHOLE.items())}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_anywhere_is_refused_or_counted(stored: dict[str, Path], tmp_path: Path, data: st.DataObject) -> None:
    """Bytes that a storage has no checksum for may change what is in a message, never how many there are."""
    bag = stored[data.draw(st.sampled_from(sorted(stored)))]
    work = tmp_path / f"work_{time.monotonic_ns()}"
    shutil.copytree(bag if bag.is_dir() else bag.parent, work)
    hurt = data.draw(st.sampled_from(sorted(p.name for p in work.iterdir())))
    content = bytearray((work / hurt).read_bytes())
    if data.draw(st.booleans(), "cut"):
        del content[data.draw(st.integers(len(content) // 8, len(content) - 1)) :]
    for at in data.draw(st.lists(st.integers(0, max(0, len(content) - 1)), max_size=4)):
        content[at] ^= 1 << at % 8
    (work / hurt).write_bytes(content)
    place = work if bag.is_dir() else work / bag.name
    try:
        done = repair(place, work / "out")
        reader = BagReader(work / "out")
        assert sum(1 for _ in reader.messages()) == done.messages
        assert not reader.problems
        whole = 63 if any(topic == "/notes" for topic in done.counts) else 60
        assert done.messages == whole or not done.was_whole
    except FineVLAError as error:
        assert "\n" not in str(error)
    finally:
        shutil.rmtree(work)


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
def test_a_write_ahead_log_that_was_cut_is_told(robot: Embodiment, scene: Scene, tmp_path: Path, keep: float) -> None:
    file = write_sqlite(tmp_path / "bag" / "bag_0.db3", packets(scene), wal_from=60)
    log = file.with_name("bag_0.db3-wal")
    log.write_bytes(log.read_bytes()[: int(log.stat().st_size * keep) + 100])
    done = repair(file.parent)
    assert 60 <= done.messages < len(packets(scene))
    if not done.was_whole:  # a cut between two transactions is as if the recorder had been killed there
        assert "pages in its write-ahead log were cut" in done.sentences[0]
        with pytest.raises(
            FineVLAError, match="write-ahead log were cut, damaged or never finished; 'finevla bags repair'"
        ):
            convert(file.parent, robot)


class TestRepairOfForeignFiles:
    """What is no ROS message stays what it is."""

    def test_encodings_schemas_and_attachments_are_kept(self, scene: Scene, tmp_path: Path) -> None:
        from mcap.reader import make_reader

        done = repair(write_mcap(tmp_path / "odd.mcap", packets(scene), profile="", odd=True))
        with next(done.folder.glob("*.mcap")).open("rb") as file:
            reader = make_reader(file, validate_crcs=True)
            assert reader.get_header().profile == "ros2", "what it is now is a recording of rosbag2"
            found = {c.topic: (c, s, m.data) for s, c, m in reader.iter_messages()}
            [attachment] = reader.iter_attachments()
        channel, schema, data = found["/notes"]
        assert (channel.message_encoding, schema.encoding, data) == ("json", "jsonschema", b'{"text": "begin"}')
        assert channel.metadata == {"by": "ada"}
        assert [found["/log"][0].message_encoding, found["/log"][1].data] == ["protobuf", b"\n\x03abc"]
        assert (found["/bytes"][0].schema_id, found["/bytes"][2]) == (0, b"anything")
        assert (attachment.name, attachment.media_type, attachment.data) == (
            "calibration.yaml",
            "text/yaml",
            b"fx: 600\n",
        )

    def test_topics_without_a_message_are_kept(self, tmp_path: Path) -> None:
        from mcap.writer import Writer

        with (tmp_path / "a.mcap").open("wb") as stream:
            writer = Writer(stream)
            writer.start("ros2", "x")
            schema = writer.register_schema("std_msgs/msg/String", "ros2msg", b"string data\n")
            channel = writer.register_channel("/said", "cdr", schema)
            writer.register_channel("/silent", "cdr", schema)
            writer.add_message(channel, 5, b"\0\1\0\0\1\0\0\0\0", 5)
            writer.finish()
        assert repair(tmp_path / "a.mcap").counts == {"/said": 1, "/silent": 0}

    def test_messages_packed_one_by_one_are_unpacked_and_it_is_said(self, scene: Scene, tmp_path: Path) -> None:
        done = repair(packed_messages(tmp_path / "bag", packets(scene), has_metadata=True))
        assert done.was_whole
        assert any("packed one by one" in sentence for sentence in done.sentences)

    def test_a_packed_message_that_is_broken_is_counted(self, scene: Scene, tmp_path: Path) -> None:
        messages = packets(scene)[:10]
        packed = [Packet(m.topic, m.kind, m.log_ns, zstd.compress(m.data)) for m in messages]
        packed[3] = Packet(packed[3].topic, packed[3].kind, packed[3].log_ns, packed[3].data[:-9])
        done = repair(write_mcap(tmp_path / "a.mcap", packed))
        assert (done.messages, done.was_whole) == (9, False)
        assert any("1 packed message is broken" in sentence for sentence in done.sentences)


class TestStamps:
    """Header stamps, or the times of reception."""

    @pytest.fixture
    def unstamped(self, robot: Embodiment, tmp_path: Path) -> Path:
        scene = Scene(robot)
        scene.say("do it", "", 0)
        rng = np.random.default_rng(0)
        for k in range(8):
            for camera in robot.camera_names:
                scene.image(camera, k, 0, delay_ns=START + k * 100 * MS)
            scene.state(rng.uniform(0, 1, 14), 0, delay_ns=START + k * 100 * MS)
            scene.command(rng.uniform(0, 1, 14), 0, delay_ns=START + k * 100 * MS)
        scene.lines[0].received_ns = START - SECOND
        return scene.write(tmp_path / "bag")

    def test_of_zero_are_refused_with_the_option_that_helps(self, robot: Embodiment, unstamped: Path) -> None:
        with pytest.raises(FineVLAError, match="are not stamped .*--stamps received"):
            convert(unstamped, robot)

    def test_received_are_taken_if_asked_for(self, robot: Embodiment, unstamped: Path) -> None:
        [(header, frames)] = convert(unstamped, robot, stamps="received")
        assert len(frames) == 8
        assert header.facts["first_stamp_ns"] == START
        assert header.facts["stamps"] == "received"
        with pytest.raises(FineVLAError, match="live mode .* own stamps"):
            convert(unstamped, robot, stamps="received", mode="live")

    def test_of_a_camera_with_a_clock_of_its_own_are_named(self, robot: Embodiment, tmp_path: Path) -> None:
        scene = aligned(robot)
        for line in scene.lines:
            if "camera_left" in line.topic:
                line.message.header.stamp.sec -= 1_000_000
        bag = scene.write(tmp_path / "bag")
        with pytest.raises(FineVLAError, match=r"clocks of camera left and .* 1000000.0 s apart.*--stamps received"):
            convert(bag, robot)
        with pytest.raises(FineVLAError, match=r"begins 99999\d\.\d s after the end of camera left.*--stamps received"):
            convert(bag, robot, stamps="header")
        assert len(convert(bag, robot, stamps="received")[0][1]) == 8

    def test_of_a_simulation_that_begins_at_zero_are_good(self, robot: Embodiment, tmp_path: Path) -> None:
        scene = Scene(robot)
        scene.say("do it", "", 0)
        for k in range(5):
            for camera in robot.camera_names:
                scene.image(camera, k, k * 100 * MS)
            scene.state(np.full(14, 0.5), k * 100 * MS)
            scene.command(np.full(14, 0.5), k * 100 * MS)
        assert len(convert(scene.write(tmp_path / "bag"), robot)[0][1]) == 5


ARMS: dict[str, tuple[tuple[str, str], str]] = {
    "by full names": (("/left_arm/joint_states", "/right_arm/joint_states"), "full"),
    "on one topic by turns": (("/joint_states", "/joint_states"), "full"),
    "by place": (("/puppet/joint_left", "/puppet/joint_right"), "place"),
    "of the single driver": (("/joint_states_single_l", "/joint_states_single_r"), "place"),
    "by name": (("/left_arm/feedback/joint_states", "/right_arm/feedback/joint_states"), "name"),
    "in namespaces": (("/left/joint_states", "/right/joint_states"), "name"),
}


class TestArmsOnTheirOwn:
    """Joint states of two arms on two topics."""

    def scene(self, robot: Embodiment, how: str, leader: bool = True) -> tuple[Scene, Any]:
        whole = aligned(robot, steps=6)
        states = [line for line in whole.lines if line.topic.endswith("joint_states")]
        whole.lines = [line for line in whole.lines if line not in states]
        topics, names = ARMS[how]
        others = ("/master/joint_left", "/master/joint_right") if leader else ()
        for line in states:
            for topic, side, values in self.said(line, topics, names, robot):
                whole.lines.append(type(line)(topic, line.kind, line.received_ns, values))
                if others and names == "place":
                    lead = others[side == "right"]
                    off = self.copy(line, values.name, [v + 0.3 for v in values.position[:6]] + [0.0])
                    whole.lines.append(type(line)(lead, line.kind, line.received_ns, off))
        return whole, states

    def said(self, line: Any, topics: tuple[str, str], names: str, robot: Embodiment) -> Any:
        where = dict(zip(line.message.name, line.message.position, strict=True))
        for topic, side in zip(topics, ("left", "right"), strict=True):
            mine = [joint for joint in robot.joints if joint.startswith(side)]
            values = [where[joint] * (2.0 if "gripper" in joint and names != "full" else 1.0) for joint in mine]
            short = {
                "full": mine,
                "place": [f"joint{i}" for i in range(7)],
                "name": [*(f"joint{i}" for i in range(1, 7)), "gripper"],
            }[names]
            yield topic, side, self.copy(line, short, values)

    def copy(self, line: Any, names: Sequence[str], values: Sequence[float]) -> Any:
        kind, none = type(line.message), np.zeros(0)
        return kind(header=line.message.header, name=list(names), position=np.array(values), velocity=none, effort=none)

    @pytest.mark.parametrize("how", ARMS)
    def test_make_the_same_states_as_one_topic(self, robot: Embodiment, tmp_path: Path, how: str) -> None:
        [(_, expected)] = convert(aligned(robot, steps=6).write(tmp_path / "one"), robot)
        scene, _ = self.scene(robot, how)
        [(header, frames)] = convert(scene.write(tmp_path / "two"), robot)
        assert len(frames) == len(expected) == 6
        for frame, wanted in zip(frames, expected, strict=True):
            np.testing.assert_allclose(frame.state, wanted.state, atol=1e-6)
        assert sorted(header.facts["joint_states_from"].values()) == sorted(ARMS[how][0])

    @pytest.mark.parametrize("how", ["by place", "of the single driver"])
    def test_that_are_led_have_the_leaders_positions_for_actions(
        self, robot: Embodiment, tmp_path: Path, capsys: Any, how: str
    ) -> None:
        scene, _ = self.scene(robot, how)
        scene.lines = [line for line in scene.lines if not line.topic.endswith("joint_trajectory")]
        bag = scene.write(tmp_path / "bag")
        [(header, frames)] = convert(bag, robot)
        assert len(frames) == 6
        for frame in frames:
            arms = [k for k, value in enumerate(robot.values) if not value.is_gripper]
            hands = [k for k, value in enumerate(robot.values) if value.is_gripper]
            np.testing.assert_allclose(frame.action[arms], frame.state[arms] + 0.3, atol=1e-5)
            np.testing.assert_allclose(frame.action[hands], robot.to_values(np.zeros(14))[hands], atol=1e-6)
        assert header.facts["actions_by"] == "leader"
        assert sorted(header.facts["actions_from"].values()) == ["/master/joint_left", "/master/joint_right"]
        assert cli.main(["convert", str(bag), "--out", str(tmp_path / "out"), "--images", "keep", "--jobs", "1"]) == 0
        said = capsys.readouterr().out
        assert said.count("where the leading arms were, by /master/joint_left and /master/joint_right") == 1

    def test_that_were_commanded_do_not_ask_the_leaders(self, robot: Embodiment, tmp_path: Path) -> None:
        [(_, expected)] = convert(aligned(robot, steps=6).write(tmp_path / "one"), robot)
        scene, _ = self.scene(robot, "by place")
        for line in scene.lines:
            if line.topic.startswith("/master"):
                line.message.position[6] = 4.2  # a motor's angle: nobody needs it here
        [(header, frames)] = convert(scene.write(tmp_path / "bag"), robot)
        assert header.facts["actions_by"] == "commanded"
        for frame, wanted in zip(frames, expected, strict=True):
            np.testing.assert_allclose(frame.action, wanted.action, atol=1e-6)

    def test_of_which_one_leader_was_recorded_have_no_actions(self, robot: Embodiment, tmp_path: Path) -> None:
        scene, _ = self.scene(robot, "by place")
        scene.lines = [line for line in scene.lines if not line.topic.endswith("joint_trajectory")]
        for line in scene.lines:
            if line.topic.startswith("/master"):
                line.message.position[6] = 4.2
        with pytest.raises(
            FineVLAError, match="no actions .of the leading arms, a gripper on /master/joint_.* 4.2 wide"
        ):
            convert(scene.write(tmp_path / "motor"), robot)
        scene.lines = [line for line in scene.lines if line.topic != "/master/joint_left"]
        with pytest.raises(FineVLAError, match="no commands were recorded .* give --actions next"):
            convert(scene.write(tmp_path / "one"), robot)
        assert len(convert(tmp_path / "one", robot, actions="next")[0][1]) == 5

    def test_cannot_be_observed_live(self, robot: Embodiment, tmp_path: Path) -> None:
        scene, _ = self.scene(robot, "by place")
        with pytest.raises(FineVLAError, match="takes one message with all joints: use --mode fixed"):
            convert(scene.write(tmp_path / "bag"), robot, mode="live")

    def test_that_tell_the_same_are_asked_for(self, robot: Embodiment, tmp_path: Path) -> None:
        scene, _ = self.scene(robot, "by name")
        for line in [line for line in scene.lines if line.topic.startswith("/left_arm/")]:
            scene.lines.append(type(line)("/left/joint_states", line.kind, line.received_ns, line.message))
        bag = scene.write(tmp_path / "bag")
        with pytest.raises(FineVLAError, match="both /left.* tell of left_joint1; say by --state-topics"):
            convert(bag, robot)
        chosen = ("/left/joint_states", "/right_arm/feedback/joint_states")
        assert len(convert(bag, robot, state_topics=chosen)[0][1]) == 6

    def test_of_one_arm_alone_are_refused(self, robot: Embodiment, tmp_path: Path) -> None:
        scene, _ = self.scene(robot, "by name")
        scene.lines = [line for line in scene.lines if not line.topic.startswith("/right_arm/feedback")]
        with pytest.raises(
            FineVLAError, match=r"no topic tells of right_joint1: /left_arm/feedback/joint_states has joint1"
        ):
            convert(scene.write(tmp_path / "bag"), robot)

    def test_with_grippers_in_motor_units_are_refused(self, robot: Embodiment, tmp_path: Path) -> None:
        scene, _ = self.scene(robot, "by place", leader=False)
        for line in scene.lines:
            if line.topic == "/puppet/joint_left":
                line.message.position[6] = 3.5
        with pytest.raises(FineVLAError, match="/puppet/joint_left is told to be 3.5 wide"):
            convert(scene.write(tmp_path / "bag"), robot)


def test_a_message_that_waits_long_waits_in_a_file(scene: Scene, tmp_path: Path, monkeypatch) -> None:
    from finevla_core.recording import message_order

    monkeypatch.setattr(message_order, "HELD_BYTES", 3000)
    messages = packets(scene)
    file = write_mcap(tmp_path / "a.mcap", by_topic(messages), chunk_size=4000)
    found = [(m.log_ns, bytes(m.data)) for m in BagReader(file).messages()]
    assert [ns for ns, _ in found] == sorted(m.log_ns for m in messages)
    assert sorted(found) == sorted((m.log_ns, m.data) for m in messages)


def test_reading_leaves_nothing_behind(scene: Scene, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", None)
    reader = BagReader(packed_file(tmp_path / "bag", packets(scene), ".mcap", has_metadata=True))
    assert sum(1 for _ in reader.messages()) == len(packets(scene))
    del reader
    assert not list((tmp_path / "tmp").iterdir())
    shutil.rmtree(tmp_path / "tmp")
