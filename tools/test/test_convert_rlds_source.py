"""Promises of the RLDS reader: steps come out as they were flattened, and what was cut or changed gets one sentence."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("google_crc32c")
pytest.importorskip("google.protobuf")

import foreign

from finevla_core.errors import FineVLAError
from finevla_tools.cli import main
from finevla_tools.convert import compressed_pictures, tfrecord
from finevla_tools.convert.episode import Encoded, EpisodeFrame, Header
from finevla_tools.convert.rlds_map import all_maps, load_map
from finevla_tools.convert.rlds_source import RldsOptions, RldsSource, matches

SHARD = "bridge_dataset-train.tfrecord-00000-of-00001"


def read(path: Path, number: int = 0, **options: Any) -> tuple[Header, list[EpisodeFrame]]:
    source = RldsSource(path, RldsOptions(**options))
    episode = source.open(source.references()[number])
    return episode.header, list(episode.frames())


def test_checksum_is_the_published_one() -> None:
    crc = (tfrecord.masked_crc(b"123456789") - 0xA282EAD8) & 0xFFFFFFFF
    assert ((crc >> 17) | (crc << 15)) & 0xFFFFFFFF == 0xE3069283  # RFC 3720, B.4


def test_bridge_is_read_bit_for_bit(tmp_path: Path) -> None:
    recordings = [foreign.recording(i, 10 + i, width=7, cameras=4) for i in range(3)]
    foreign.rlds(tmp_path / "1.0.0" / SHARD, [foreign.bridge(r) for r in recordings])
    assert matches(tmp_path)
    assert len(RldsSource(tmp_path).references()) == 3
    for i, r in enumerate(recordings):
        header, frames = read(tmp_path, i)
        assert header.name == f"1.0.0-{SHARD}-{i:06d}"
        assert (np.array([f.state for f in frames]) == r.states).all()
        assert (np.array([f.action for f in frames]) == r.actions).all()
        assert frames[3].pictures["image_2"] == Encoded(foreign.jpeg(r.images[3, 2]), "jpeg")
        assert {f.task for f in frames} == {foreign.TASK}
        assert (header.fps, header.robot, header.state_names[3]) == (5, "widowx", "roll")
        assert header.facts["left_out"] == ["discount", "episode_metadata/episode_id", "is_first", "is_last"]
        json.dumps(header.facts)


def test_bc_z_takes_the_first_of_ten_future_actions(tmp_path: Path) -> None:
    r = foreign.recording(frames=5, width=7, cameras=1)
    future = np.arange(5 * 30, dtype=np.float32)
    steps = {
        "observation/present/xyz": r.states[:, :3].ravel(),
        "observation/present/axis_angle": r.states[:, 3:6].ravel(),
        "observation/present/sensed_close": r.states[:, 6],
        "action/future/xyz_residual": future,
        "action/future/axis_angle_residual": -future,
        "action/future/target_close": [k % 2 for k in range(50)],
        "observation/image": [foreign.jpeg(p) for p in r.images[:, 0]],
        "observation/natural_language_instruction": [f"step {k}".encode() for k in range(5)],
    }
    foreign.rlds(tmp_path / "bc_z-train.tfrecord-00000-of-00001", [{f"steps/{k}": v for k, v in steps.items()}])
    header, frames = read(tmp_path)
    assert frames[2].action.tolist() == [60, 61, 62, -60, -61, -62, 1]  # 0 is open there, and 1 here
    assert (frames[4].state[:6] == r.states[4, :6]).all()
    assert frames[4].state[6] == pytest.approx(1 - r.states[4, 6])
    assert [f.task for f in frames] == [f"step {k}" for k in range(5)]
    assert "first of ten" in header.facts["actions"]


def test_rt_1_and_droid_are_known_by_name_and_by_their_keys(tmp_path: Path) -> None:
    for name in ("rt_1", "droid", "bridge_oxe"):
        chosen = next(one for one in all_maps() if one.name == name)
        steps: dict[str, Any] = {}
        for column in (*chosen.state, *chosen.action):
            steps[column.key] = np.linspace(0, 1, 4 * column.of, dtype=np.float32)
        for key in chosen.images.values():
            steps[key] = [foreign.jpeg(np.full((8, 8, 3), k, np.uint8)) for k in range(4)]
        steps[chosen.language[0]] = [b"open the drawer"]
        features = {f"steps/{k}": v for k, v in steps.items()}
        for file in (f"{chosen.names[0]}-train.tfrecord-00000-of-00001", "renamed.tfrecord"):
            foreign.rlds(tmp_path / name / file, [features])
            header, frames = read(tmp_path / name / file)
            assert (header.robot, header.fps, len(frames)) == (chosen.robot, chosen.fps, 4)
            assert [c.name for c in header.cameras] == list(chosen.images)
            assert frames[0].task == "open the drawer"


def droid(opened: list[float]) -> dict[str, Any]:
    """An episode with these readings of the gripper: 0 is open there."""
    chosen = next(one for one in all_maps() if one.name == "droid")
    steps: dict[str, Any] = {c.key: [0.1] * len(opened) * c.of for c in (*chosen.state, *chosen.action)}
    steps |= {column.key: opened for column in (*chosen.state, *chosen.action) if column.values == ("gripper",)}
    steps |= {key: [foreign.jpeg(np.zeros((64, 64, 3), np.uint8))] * len(opened) for key in chosen.images.values()}
    return {f"steps/{k}": v for k, v in steps.items()} | {"steps/language_instruction": [b"go"] * len(opened)}


def test_grippers_become_0_closed_to_1_open_as_the_map_says(tmp_path: Path) -> None:
    foreign.rlds(tmp_path / "droid-train.tfrecord-00000-of-00001", [droid([0.0, 0.25, 1.0]), droid([0.0, 1.2, 1.0])])
    header, frames = read(tmp_path)
    assert [f.state[-1] for f in frames] == [f.action[-1] for f in frames] == [1.0, 0.75, 0.0]
    said = "observation/gripper_position 1 closed, 0 open (map 'droid')"
    assert header.facts["gripper_scale"]["state"] == said
    assert header.facts["grippers"]
    assert not header.facts["notes"]
    header, _ = read(tmp_path, 1)
    assert "gripper of the state goes beyond 0 to 1: -0.200 to 1.000; it is not cut" in header.facts["notes"]
    _, frames = read(tmp_path, gripper="0:1", gripper_action="keep")
    assert [f.state[-1] for f in frames] == [f.action[-1] for f in frames] == [0.0, 0.25, 1.0]


def test_a_map_that_does_not_say_the_scale_leaves_grippers_and_says_so(tmp_path: Path) -> None:
    """Commands that close and open relatively (RT-1's) have none either."""
    (tmp_path / "map.yaml").write_text("""
robot: widowx
fps: 5
state: [{key: observation/state, values: [x, y, z, roll, pitch, yaw, gripper]}]
action: [{key: action, values: [dx, dy, dz, droll, dpitch, dyaw, gripper]}]
images: {image_0: observation/image_0}
language: [language_instruction]
""")
    r = foreign.recording(width=7)
    foreign.rlds(tmp_path / SHARD, [foreign.bridge(r)])
    header, frames = read(tmp_path, dataset=str(tmp_path / "map.yaml"))
    assert (np.array([f.state for f in frames]) == r.states).all()
    assert "as it is, for the map does not say what is closed and open" in header.facts["gripper_scale"]["state"]
    assert "grippers" not in header.facts  # other tools decide by the readings
    header, frames = read(tmp_path, dataset=str(tmp_path / "map.yaml"), gripper="1:0")
    np.testing.assert_allclose([f.state[-1] for f in frames], 1 - r.states[:, -1], atol=1e-6)
    assert "grippers" in header.facts


def test_inspect_shows_the_scale_of_each_gripper(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    foreign.rlds(tmp_path / "droid-train.tfrecord-00000-of-00001", [droid([0.0, 1.0])])
    assert main(["convert", str(tmp_path), "--inspect"]) == 0
    said = capsys.readouterr().out
    assert "gripper scale of the state: observation/gripper_position 1 closed, 0 open (map 'droid')" in said
    assert "gripper scale of the action: action_dict/gripper_position 1 closed, 0 open (map 'droid')" in said
    assert "1 episode, read as RLDS, TFRecord files (--kind rlds)" in said


def test_rate_task_and_map_can_be_said(tmp_path: Path) -> None:
    foreign.rlds(tmp_path / SHARD, [foreign.bridge(foreign.recording(width=7))])
    header, frames = read(tmp_path, fps=10, task="fold", dataset="bridge")
    assert (header.fps, frames[0].task) == (10, "fold")
    with pytest.raises(FineVLAError, match="did you mean 'bridge'"):
        read(tmp_path, dataset="brigde")
    with pytest.raises(FineVLAError, match="no 'observation/base_pose_tool_reached'"):
        read(tmp_path, dataset="rt_1")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"steps/action": None}, "no 'action'"),
        ({"steps/action": [0.0] * 13}, "13 values"),
        ({"steps/action": [float("nan")] * 84}, "NaN"),
        ({"steps/action": [b"x"] * 84}, "holds text"),
        ({"steps/observation/image_0": [b"x"] * 12}, "no JPEG or PNG"),
        ({"steps/observation/image_0": [b"x"] * 11}, "11 pictures"),
        ({"steps/language_instruction": [b""]}, "--task"),
        ({"steps/is_first": None, "steps/is_last": None, "steps/observation/state": [1.0]}, "0 steps"),
    ],
)
def test_wrong_episode_gets_one_sentence(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    features = foreign.bridge(foreign.recording(width=7)) | change
    foreign.rlds(tmp_path / SHARD, [{k: v for k, v in features.items() if v is not None}])
    with pytest.raises(FineVLAError, match=says):
        read(tmp_path)


def test_broken_record_does_not_take_others_with_it(tmp_path: Path) -> None:
    path = tmp_path / SHARD
    foreign.rlds(path, [foreign.bridge(foreign.recording(i, width=7)) for i in range(3)])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    read(tmp_path, 0)
    with pytest.raises(FineVLAError, match="checksum"):
        read(tmp_path, 1)
    read(tmp_path, 2)
    path.write_bytes(data[:-5])
    with pytest.raises(FineVLAError, match="ends"):
        read(tmp_path, 2)


ENDS = "{images: {}, robot: r, fps: 1, state: [{key: k, values: [gripper], "


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[", "cannot be read"),
        ("3", "not a mapping"),
        ("stat: []", "did you mean 'state'"),
        ("fps: x", "malformed"),
        (ENDS + "closed: 1, open: 1}]}", "two numbers"),
        (ENDS + "closed: x}]}", "malformed"),
    ],
)
def test_broken_map_gets_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "map.yaml").write_text(text)
    with pytest.raises(FineVLAError, match=says):
        load_map(tmp_path / "map.yaml")


def test_damaged_files_get_one_sentence_each(tmp_path: Path) -> None:
    """Also with checksums made to fit, as whoever means harm would."""
    path = tmp_path / SHARD
    foreign.rlds(path, [foreign.bridge(foreign.recording(frames=4, width=7, size=(16, 24)))])
    intact = path.read_bytes()
    refused = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        damage = foreign.DAMAGES[seed % 3]
        if seed % 2:
            path.write_bytes(damage(intact, rng))
        else:
            record = damage(intact[12:-4], rng)
            length = len(record).to_bytes(8, "little")
            crcs = [tfrecord.masked_crc(x).to_bytes(4, "little") for x in (length, record)]
            path.write_bytes(length + crcs[0] + record + crcs[1])
        try:
            for frame in read(path)[1] if path.stat().st_size else ():
                for picture in frame.pictures.values():
                    compressed_pictures.decode(picture, "it")
        except FineVLAError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 250
