"""Damaged and odd files over all readers: `python test/benchmark/field_files.py [--inputs 2000] [--seed 0]`.

Each input is a small sound file of a known number of frames with something wrong in it. A reader must give all frames, or say
in a sentence which it does not give: no traceback, no error that nobody expected, no loss in silence.
"""

import argparse
import contextlib
import io
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "test" / "support"))

from foreign import DAMAGES, aloha, bridge, edited_json, jpeg, recording, rlds, robomind
from lerobot_sets import take, write
from made_bags import aligned

from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_tools import cli
from finevla_tools.convert import source_registry
from finevla_tools.convert.bag_analysis import BagOptions
from finevla_tools.convert.command import add_arguments
from finevla_tools.convert.conversion_run import ConvertJob, ConvertTask, convert_one, fingerprint
from finevla_tools.convert.converted_episode import read_part
from finevla_tools.convert.episode_worker import PartOptions

FRAMES, EPISODES = 12, 2
WORDS = "put the cup 杯子 away"
SIGNS = ("\u2028", "\x85", "\ufeff", "\\ud83d", "\0", "\r", "\n\n", "{", '"', "\\", "\u00e9", "\udcff", "1e999", "NaN")
ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "gbk", "big5", "latin-1", "shift_jis")
VANISHED = (": gone", "link to nothing", "a folder in its place")
ABOUT_TEXT = (".json", ".jsonl", ".yaml", ".txt")


@dataclass
class Tally:
    """What came of the inputs; `faults` are sentences, one for each promise that was broken."""

    inputs: int = 0
    frames_in: int = 0
    frames_out: int = 0
    frames_reported: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def fuzz(inputs: int, seed: int, folder: Path, say: Callable[[str], object] = lambda _: None) -> Tally:
    """Try so many inputs; the same numbers give the same ones."""
    robot = load_embodiment(ROOT / "config" / "robots" / "cobotmagic.yaml")
    sound = _sound(folder / "sound", robot)
    tally, names = Tally(), sorted(sound)
    for number in range(inputs):
        rng = np.random.default_rng([seed, number])
        name = names[number % len(names)]
        place = folder / "case"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(sound[name], place / "in")
        what = _spoil(place / "in", rng)
        label = f"input {number} ({name}: {what})"
        try:
            _read(name, place, robot, label, tally)
            if number % 8 < 4 and name.startswith("lerobot"):
                _through_the_door(place, ("clean", "canonicalise", "dedup", "convert")[number % 4], label, tally)
            elif number % 40 < 4:
                _through_the_door(place, "bags" if name.startswith("bag") else "convert", label, tally)
        except Exception as error:
            tally.faults.append(f"{label}: {type(error).__name__}: {error}")
        tally.inputs += 1
        if (number + 1) % 100 == 0:
            say(f"{number + 1} inputs, {len(tally.faults)} faults")
    return tally


def _sound(folder: Path, robot: Embodiment) -> dict[str, Path]:
    """A small source of each kind, with `EPISODES` episodes of `FRAMES` frames."""
    made: dict[str, Path] = {}
    takes = [take(seed, frames=FRAMES, cameras=("front",), size=(32, 48)) for seed in range(EPISODES)]
    for one in takes:
        one.state, one.action, one.stamps = one.state[:FRAMES], one.action[:FRAMES], one.stamps[:FRAMES]
        one.state = np.resize(one.state, (FRAMES, 14))
        one.action = np.resize(one.action, (FRAMES, 14))
        one.stamps = (np.arange(FRAMES) / 30).astype(np.float32)
        one.pictures = {k: np.resize(v, (FRAMES, *v.shape[1:])) for k, v in one.pictures.items()}
        one.tasks = [WORDS]
    made["lerobot"] = write(folder / "lerobot", takes)
    made["lerobot without videos"] = folder / "plain"
    for one in takes:
        one.pictures = {}
    write(folder / "plain", takes)
    for name, stored in (("hdf5 raw", "raw"), ("hdf5 padded", "padded"), ("hdf5 bytes", "bytes")):
        made[name] = folder / name.replace(" ", "_")
        for k in range(EPISODES):
            aloha(made[name] / f"episode_{k}.hdf5", recording(k, FRAMES, size=(24, 32)), stored)
        (made[name] / "instruction.json").write_text(f'{{"instruction": "{WORDS}"}}', encoding="utf-8")
    made["hdf5 robomind"] = folder / "robomind"
    for k in range(EPISODES):
        robomind(made["hdf5 robomind"] / f"{k}.hdf5", recording(k, FRAMES, size=(24, 32)))
    made["rlds"] = folder / "rlds"
    made["rlds"].mkdir(parents=True)
    steps = [bridge(recording(k, FRAMES, width=7, size=(24, 32))) for k in range(EPISODES)]
    rlds(made["rlds"] / "bridge_dataset-train.tfrecord-00000-of-00001", steps)
    for storage in ("mcap", "sqlite3"):
        made[f"bag {storage}"] = folder / storage
        for k in range(EPISODES):
            aligned(robot, steps=FRAMES, seed=k, size=(8, 8)).write(folder / storage / f"b{k}", storage)
    return made


def _spoil(root: Path, rng: np.random.Generator) -> str:
    """Do something to one file of a source, and say what."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    path = files[int(rng.integers(len(files)))]
    ways: list[tuple[str, Callable[[], object]]] = [
        *((d.__name__, partial(_rewritten, path, lambda data, d=d: d(data, rng))) for d in DAMAGES),
        ("empty", partial(path.write_bytes, b"")),
        ("gone", path.unlink),
        ("twice as long", partial(_rewritten, path, lambda data: data + data)),
        ("tail of zeros", partial(_rewritten, path, lambda data: data + bytes(4096))),
        ("half of it zeros", partial(_rewritten, path, lambda data: data[: len(data) // 2] + bytes(len(data) // 2))),
        ("a folder in its place", partial(_folder, path)),
        ("a picture in its place", partial(path.write_bytes, jpeg(np.zeros((8, 8, 3), np.uint8)))),
        ("may not be read", partial(path.chmod, 0)),
        ("link to nothing", partial(_link, path)),
    ]
    if path.suffix in ABOUT_TEXT and rng.random() < 0.7:
        encoding, sign = ENCODINGS[rng.integers(len(ENCODINGS))], SIGNS[rng.integers(len(SIGNS))]
        ways = [
            (encoding, partial(_rewritten, path, lambda data: data.decode().encode(encoding, "replace"))),
            (f"with {sign!r}", partial(_rewritten, path, partial(_inserted, sign, rng))),
            ("lines of Windows", partial(_rewritten, path, lambda data: data.replace(b"\n", b"\r\n"))),
            ("lines of an old Mac", partial(_rewritten, path, lambda data: data.replace(b"\n", b"\r"))),
        ]
        if path.suffix == ".json":
            ways += [("edited", partial(edited_json, path, rng))] * 3
    what, way = ways[int(rng.integers(len(ways)))]
    way()
    return f"{path.relative_to(root)}: {what}"


def _rewritten(path: Path, how: Callable[[bytes], bytes]) -> None:
    data = path.read_bytes()
    path.write_bytes(how(data) if data else data)


def _inserted(sign: str, rng: np.random.Generator, data: bytes) -> bytes:
    text = data.decode()
    at = int(rng.integers(len(text) + 1))
    return (text[:at] + sign + text[at:]).encode("utf-8", "surrogateescape")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def _options(place: Path, robot: Embodiment) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    given = vars(parser.parse_args([str(place / "in"), "--out", str(place / "out")]))
    return {**given, "embodiment": robot, "bags": BagOptions()}


def _read(name: str, place: Path, robot: Embodiment, label: str, tally: Tally) -> None:
    """Every episode by the reader itself: each is there whole, or refused."""
    tally.frames_in += EPISODES * FRAMES
    out = 0
    try:
        kind = source_registry.kind_of(place / "in", name.split()[0] if name[0] != "b" else None)
        source = kind.make(place / "in", _options(place, robot))
        references = source.references()
    except ValueError as error:  # FineVLAError: the whole source is refused, and says so
        tally.outcomes["source refused"] += 1
        tally.frames_reported += EPISODES * FRAMES
        if "\n" in str(error) or len(str(error)) < 10:
            tally.faults.append(f"{label}: no sentence: {error!r}")
        return
    (place / "parts").mkdir()
    reported = 0
    for number, reference in enumerate(references):
        task = ConvertTask(reference, fingerprint(reference.path)[0], 0)
        done = convert_one(ConvertJob(source, place / "parts", PartOptions("keep")), task)
        out += done.frames
        if done.unexpected is not None:
            tally.faults.append(f"{label}: {done.reason}")
        if done.reason:
            tally.outcomes[f"refused: {done.kind}"] += 1
            # Behind a record whose length is lost, nobody can count the others: that they may be there is said.
            reported += FRAMES * (EPISODES - number if "other episodes, which cannot be found" in done.reason else 1)
            continue
        tally.outcomes["whole" if done.frames == FRAMES else "in part"] += 1
        facts = [read_part(place / "parts" / folder)[0].header.facts for folder in done.folders]
        reported += FRAMES - done.frames if any(map(_tells_of_loss, facts)) else 0
    # Where the metadata of all are broken, one reference stands for them; where there is none, the command says so.
    if not references or (len(references) == 1 and reported == FRAMES and name.startswith("lerobot")):
        reported = EPISODES * FRAMES
    # An episode is a file of its own here: of one that is not there, nobody can know.
    if any(words in label for words in VANISHED) and name.startswith(("hdf5", "bag")):
        reported += max(0, EPISODES - len(references)) * FRAMES
    tally.frames_out += out
    tally.frames_reported += reported
    if out + reported < EPISODES * FRAMES:
        tally.faults.append(f"{label}: {EPISODES * FRAMES - out - reported} frames are lost, and nobody says so")


def _tells_of_loss(facts: Any) -> bool:
    """Of a bag of which less came out: whether its facts say that it was cut, or what of it was broken or is not there."""
    named = ("broken_states", "lost_messages", "odd_stamps")
    return facts.get("piece", [0, 1])[1] > 1 or any(map(facts.get, named))


def _through_the_door(place: Path, tool: str, label: str, tally: Tally) -> None:
    """The whole command, in this process: an exit code and sentences, whatever the file is."""
    words = {
        "clean": ["clean", "in", "--report", "r"],
        "canonicalise": ["canonicalise", "in", "--out", "u"],
        "dedup": ["dedup", "in", "--out", "d", "--by", "dataset"],
        "convert": ["convert", "in", "--out", "c", "--to", "lerobot-v2.1", "--images", "keep"],
        "bags": ["bags", "list", "in"],
    }[tool]
    said, before = io.StringIO(), Path.cwd()
    os.chdir(place)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = cli.main(words if tool == "bags" else [*words, "--jobs", "1"])
    finally:
        os.chdir(before)
    tally.outcomes[f"{tool}: exit code {code}"] += 1
    if code not in (0, 1, 2) or (place / "out/reports").exists() or "Traceback" in said.getvalue():
        tally.faults.append(f"{label}: {tool} ends with {code}: {said.getvalue()[-300:]}")


def main() -> int:
    """Print the tally; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tally = fuzz(arguments.inputs, arguments.seed, Path(folder), partial(print, flush=True))
    for what, count in sorted(tally.outcomes.items()):
        print(f"{count:6d}  {what}")
    print(
        f"{tally.inputs} inputs, {tally.frames_in} frames: {tally.frames_out} out, {tally.frames_reported} reported lost"
    )
    print(f"{len(tally.faults)} faults")
    for fault in tally.faults[:40]:
        print(f"  {fault}")
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
