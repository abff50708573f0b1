"""Promises to somebody who uses a command for the first time: help always helps, a mistake is one sentence at once."""

import argparse
import importlib
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from finevla_core.errors import FineVLAError
from finevla_tools import argument_checks, argument_parser, cli

# What a plain installation lacks, and what takes seconds to import.
NOT_FOR_HELP = (
    "torch",
    "mujoco",
    "onnxruntime",
    "pinocchio",
    "scipy",
    "pyarrow",
    "lerobot",
    "datasets",
    "numba",
    "sklearn",
)
NOT_FOR_HELP += ("h5py", "rosbags", "cryptography", "onnx", "safetensors", "kmedoids", "google_crc32c", "ray")
WITHOUT = "import sys\nfor name in sys.argv[1].split(','): sys.modules[name] = None\n"
WITHOUT += "from finevla_tools import cli\nsys.exit(cli.main(sys.argv[2:]))"


# A process for each command, as when it is typed, but Python and numpy are started once for all.
HELPS = """
import os, sys
import numpy
names, folder = sys.argv[1:]
for name in names.split(","):
    sys.modules[name] = None
from finevla_tools import cli
for command in cli.COMMANDS:
    if not (child := os.fork()):
        for number, stream in ((1, "out"), (2, "err")):
            os.dup2(os.open(f"{folder}/{command}.{stream}", os.O_WRONLY | os.O_CREAT), number)
        sys.exit(cli.main([command, "--help"]))
    print(command, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def finevla_without(modules: tuple[str, ...], *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT, ",".join(modules), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=cwd)


def options_of(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from options_of(below)
        else:
            yield action


@pytest.fixture(scope="module")
def helps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str, str]]:
    """What `--help` of each command ends with and says, on both streams."""
    folder = tmp_path_factory.mktemp("helps")
    asked = [sys.executable, "-c", HELPS, ",".join(NOT_FOR_HELP), str(folder)]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=300, check=True)
    codes = {command: int(code) for command, code in (line.split() for line in done.stdout.splitlines())}
    said = {command: [(folder / f"{command}.{stream}").read_text() for stream in ("out", "err")] for command in codes}
    return {command: (code, *said[command]) for command, code in codes.items()}


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_help_needs_nothing_that_is_installed_later_and_nothing_slow(
    helps: dict[str, tuple[int, str, str]], command: str
) -> None:
    code, out, err = helps[command]
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: finevla {command} ")


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_option_says_what_it_is_for(command: str) -> None:
    parser = argument_parser.Parser(prog=f"finevla {command}")
    importlib.import_module(cli.COMMANDS[command][0]).add_arguments(parser)
    assert [a.option_strings or a.dest for a in options_of(parser) if not a.help] == []


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_unknown_option_is_one_sentence(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--no-such-option"])
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.rstrip().endswith("--help'")
    assert said.err.count("\n") == 1


@pytest.fixture
def places(tmp_path: Path) -> Path:
    """A folder of folders that a reader of README may have, each with its files' names."""
    for file in ("set/meta/info.json", "sets/one/meta/info.json", "bag/metadata.yaml", "bags/one/metadata.yaml"):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text("{}")
    for file in ("bundle/manifest.yaml", "run/mover.pt", "other/notes.txt", "damaged/drills_00000.npz"):
        (tmp_path / file).parent.mkdir()
        (tmp_path / file).write_text("{}")
    (tmp_path / "empty").mkdir()
    for folder, arrays in (("blind", ("states",)), ("seen", ("states", "images"))):
        (tmp_path / folder).mkdir()
        with zipfile.ZipFile(tmp_path / folder / "drills_00000.npz", "w") as file:
            for array in arrays:
                file.writestr(f"{array}.npy", b"")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("train", "set"),
            "holds a LeRobot data set; the policy that ships learns from synthetic motions and collected episodes",
        ),
        (("train", "sets"), "holds a LeRobot data set"),
        (("train", "bag"), "holds recordings; the policy that ships learns from synthetic motions"),
        (("train", "bags"), "holds recordings"),
        (("train", "seen", "set"), "'set' holds a LeRobot data set"),
        (("train", "nowhere"), "there is no folder 'nowhere'; make some with 'finevla synthesize --out data/seen"),
        (("train", "empty"), "'empty' is empty; make some with"),
        (("train", "other"), "holds other files and no synthetic motions"),
        (("train", "other/notes.txt"), "is a file; give the folder that 'finevla synthesize' made"),
        (("train", "damaged"), "is damaged; remove it"),
        (("train", "blind"), "has no pictures, and the finder learns from pictures"),
        (("train", "seen", "--out", "set"), "'set' holds a LeRobot data set; give --out a folder of its own"),
        (("train", "seen", "--out", "other/notes.txt"), "is a file; give --out a folder"),
        (("train", "seen", "--parts", "arm"), "unknown part 'arm'; known are finder, mover"),
        (("train", "seen", "--mixture", "2"), "--mixture is 2.0; give the share of fine sentences"),
        (("train", "seen", "--mixture", "nan"), "--mixture is nan"),
        (("train", "seen", "--finder-steps", "0"), "--finder-steps is 0; give a number from 1 on"),
        (("train", "seen", "--threads", "-1"), "--threads is -1"),
        (
            ("export", "run", "--out", "mine"),
            "'run' has no finder.pt; give the --out folder of a finished 'finevla train'",
        ),
        (("export", "empty", "--out", "mine"), "'empty' has no mover.pt"),
        (("export", "nowhere", "--out", "mine"), "there is no folder 'nowhere'"),
        (("collect", "empty", "--out", "new"), "bundle 'empty' has no manifest.yaml"),
        (("collect", "bundle", "--out", "set"), "'set' holds a LeRobot data set; give --out a folder of its own"),
        (("collect", "bundle", "--out", "new", "--trials", "0"), "--trials is 0"),
        (("synthesize", "--out", "set"), "'set' holds a LeRobot data set; give --out a folder of its own"),
        (("synthesize", "--out", "bags"), "'bags' holds recordings"),
        (("synthesize", "--out", "new", "--tasks", "fly"), "unknown task 'fly'"),
        (("synthesize", "--out", "new", "--scenes", "-3"), "--scenes is -3"),
        (("demonstrate", "--out", "set"), "'set' exists already"),
        (("demonstrate", "--out", "new", "--tasks", "reach:much"), "task weight 'much' is not a number"),
        (("demonstrate", "--out", "new", "--formats", "hdf5"), "unknown format 'hdf5'; known are lerobot, rosbag2"),
        (("demonstrate", "--out", "new", "--processes", "0"), "--processes is 0"),
        (("demo", "robot:=real"), "leave robot:=sim"),
        (("demo", "--seconds", "nan"), "--seconds is nan"),
        (("demo", "--out", "other/notes.txt"), "is a file; give --out a folder"),
        (("doctor", "--drill", "--times", "0"), "--times is 0"),
        (("up", "bundle:=nowhere"), "bundle 'nowhere' is not at"),
        (("up", "limits:=nowhere"), "safety file 'nowhere' is not at"),
        (("up", "robot_file:=nowhere"), "robot 'nowhere' is not at"),
        (("status", "--once", "--namespace", "a b"), "'a b' is no namespace"),
        (("clean", "nowhere"), "'nowhere' does not exist; give the folder of a data set"),
        (("clean", "other/notes.txt"), "is a file; give the folder of a data set"),
        (("canonicalise", "nowhere"), "'nowhere' does not exist; give the folder"),
        (("canonicalise", "other/notes.txt"), "is a file; give the folder"),
        (("dedup", "set", "nowhere"), "'nowhere' does not exist; give the folder"),
        (("evaluate",), "name a policy bundle"),
        (("evaluate", "nowhere"), "bundle 'nowhere' is not at"),
        (("evaluate", "other/notes.txt"), "has no manifest.yaml"),
        (("evaluate", "--compare", "empty"), "'empty' has no summary.json"),
        (("evaluate", "--together"), "--together needs --compare"),
    ],
)
def test_mistakes_are_told_at_the_door(
    places: Path, words: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before torch or the simulator is loaded: neither is there."""
    monkeypatch.chdir(places)
    for name in (
        "torch",
        "finevla_sim.world",
        "finevla_tools.tabletop_training",
        "finevla_tools.tabletop_training_data",
        "finevla_tools.demonstrate",
    ):
        monkeypatch.setitem(sys.modules, name, None)
    before = sorted(places.rglob("*"))
    assert cli.main(words) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.err.startswith("error: ")
    assert told.err.count("\n") == 1
    assert sorted(places.rglob("*")) == before


def test_a_folder_that_was_not_made_by_export_is_never_replaced(places: Path) -> None:
    (places / "run" / "finder.pt").touch()
    for out in ("set", "bags", "other", "run"):
        with pytest.raises(FineVLAError, match="give --out a folder of its own"):
            argument_checks.refuse_other_content(places / out, argument_checks.BUNDLE)
    for out in ("bundle", "empty", "new"):
        argument_checks.refuse_other_content(places / out, argument_checks.BUNDLE)


@pytest.mark.parametrize("command", ["convert", "clean", "canonicalise", "dedup"])
def test_missing_packages_name_the_one_set_up_that_brings_them_all(command: str, tmp_path: Path) -> None:
    (tmp_path / "set" / "meta").mkdir(parents=True)
    info = {"codebase_version": "v2.1", "fps": 30, "robot_type": "x", "features": {}, "total_episodes": 0}
    (tmp_path / "set" / "meta" / "info.json").write_text(json.dumps(info))
    out = ["--out", "made"] if command == "convert" else []
    done = finevla_without(("pyarrow", "torch", "lerobot", "numba"), command, "set", *out, cwd=tmp_path)
    assert done.returncode == 2
    assert "run 'make data-setup' first" in done.stderr
    if command in ("canonicalise", "dedup"):
        assert done.stderr.startswith("reading "), "what takes seconds to load is announced"
    assert "Traceback" not in done.stderr


def test_pages_never_train_on_a_folder_that_holds_recordings() -> None:
    """One folder's name for a data set of recordings and for what 'finevla train' reads made people believe in it."""
    root = Path(__file__).parents[2]
    pages = [root / "README.md", *(root / "docs").glob("*.md")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    trained, written = set[str](), set[str]()
    for line in re.findall(r"^finevla (.*)$", text, re.MULTILINE):
        words = line.partition("#")[0].split()
        if words[0] == "train":
            trained |= {word for word in words[1:] if word.startswith("data/")}
        elif words[0] in ("convert", "clean", "demonstrate", "canonicalise") and "--out" in words:
            written.add(words[words.index("--out") + 1])
    assert trained
    assert written
    assert not trained & written


@pytest.mark.parametrize(("old", "new"), [("demos", "demonstrate"), ("drills", "synthesize"), ("rehearse", "collect")])
def test_old_name_of_a_command_leads_to_the_new_one(capsys: pytest.CaptureFixture[str], old: str, new: str) -> None:
    assert cli.main([old, "--out", "somewhere"]) == 2
    assert capsys.readouterr().err == f"error: 'finevla {old}' is called 'finevla {new}' now, with the same options\n"
