"""Promises about places that cannot be made: one sentence before any work, naming option, place and what is in the way."""

from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="pyarrow comes with 'make train-setup'")
from lerobot_sets import take, write

from finevla_tools import cli


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path / "set", [take(0, frames=20, cameras=())])


COMMANDS = {
    "clean": ["clean", "{}", "--report"],
    "clean's copy": ["clean", "{}", "--report", "r", "--out"],
    "canonicalise": ["canonicalise", "{}", "--out"],
    "dedup": ["dedup", "{}", "--out"],
    "convert": ["convert", "{}", "--out"],
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("place", "sentence"), [("a", "is a file"), ("a/b/c", "a' is no folder")])
def test_a_file_in_the_way_is_named(
    data: Path, tmp_path: Path, monkeypatch, capsys, command: str, place: str, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_text("something else")
    words = [word.format(data) for word in COMMANDS[command]]
    assert cli.main([*words, place]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"error: {words[-1]} '{place}' ")
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert (tmp_path / "a").read_text() == "something else"
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("name", ["nofolder/r.json", "r.html"])
def test_a_report_that_is_named_like_a_file_is_asked_for_as_a_folder(
    data: Path, tmp_path: Path, monkeypatch, capsys, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["clean", str(data), "--report", name]) == 2
    said = capsys.readouterr().err
    assert f"--report '{name}' names a file; the report is a folder, as --report {name.rsplit('.')[0]}" in said
    assert not list(tmp_path.glob("nofolder"))


@pytest.mark.parametrize("job", ["info", "play", "repair"])
def test_a_recording_that_is_not_there_is_said_to_be_so(tmp_path: Path, monkeypatch, capsys, job: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["bags", job, "nowhere"]) == 2
    assert capsys.readouterr().err.startswith("error: 'nowhere' is not there; give the folder of a recording")
    (tmp_path / "a.mcap").touch()
    assert cli.main(["bags", job, "a.mcap"]) == 2
    assert "is no MCAP file: it is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "what", "mend"),
    [
        ("replay_buffer.zarr/.zgroup", "a Zarr store", "as HDF5 episodes"),
        ("set.zarr.zip", "a Zarr store", "as HDF5 episodes"),
        ("1.0.0/x-train.array_record-00000-of-00001", "TFDS records", "file_format='tfrecord'"),
        ("drive.bag", "a ROS 1 bag", "rosbags-convert"),
        ("data/chunk-000/file-000.parquet", "Parquet files without", "folder meta"),
        ("data-00000-of-00001.arrow", "Arrow files", "folder meta"),
        ("traj.pkl", "arrays of a program", "as HDF5 episodes"),
        ("set.tar.gz", "an archive", "unpack it"),
        ("front.mp4", "videos, pictures or tables", "rosbag2, HDF5, LeRobot and RLDS"),
    ],
)
@pytest.mark.parametrize("command", ["convert", "clean", "canonicalise", "dedup", "annotate"])
def test_formats_that_are_not_read_are_named_with_the_way_on(
    tmp_path: Path, capsys, command: str, name: str, what: str, mend: str
) -> None:
    path = tmp_path / "in" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"1234")
    assert cli.main([command, str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"it holds {what}" in said
    assert "not read here" in said
    assert mend in said
