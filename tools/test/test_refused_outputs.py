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
