"""1,000 damaged inputs in every format that `finevla convert` reads: does each get one sentence, and what lies beside it?

`python test/benchmark/corrupted.py [--count 1000] [--seed 0] [--only FORMAT]`. Each input is read to its last picture in a
process that is watched: a traceback, a crash, more than 20 s or more than 1 GiB is a failure. Damage that shows nowhere (a bit
of a raw picture, a comment) leaves an input that is read as a whole; those are counted apart. Then `finevla convert` runs over
folders and a data set in which intact episodes lie between damaged ones: all of those must come out, state and action bit for
bit. Ends with 1 if anything failed.
"""

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test" / "support")]

import foreign
import made_bags

from finevla_core.embodiment import load_embodiment
from finevla_core.errors import FineVLAError
from finevla_tools.convert import bag_analysis, compressed_pictures
from finevla_tools.convert.command import add_arguments
from finevla_tools.convert.lerobot_v21_writer import write_v21
from finevla_tools.convert.source_registry import kind_of

ROBOT = load_embodiment(ROOT / "config" / "robots" / "cobotmagic.yaml")
LIMIT_S, LIMIT_MIB = 20.0, 1024
FRAMES, SIZE = 12, (24, 32)
SENTENCE, WHOLE = "sentence", "read as a whole"

Make = Callable[[Path, int], None]
Harm = Callable[[Path, np.random.Generator], None]


@dataclass(frozen=True)
class Format:
    """How an intact input is made (at a path that does not exist, from a seed), and what else can be done to it."""

    name: str
    make: Make
    harms: tuple[Harm, ...] = ()
    is_file: str = ""  # its suffix, if it is one file


def small(seed: int, **more: Any) -> foreign.Recording:
    return foreign.recording(seed, FRAMES, size=SIZE, **more)


def aloha(stored: str) -> Make:
    return lambda path, seed: foreign.aloha(path, small(seed), stored)


def rlds(path: Path, seed: int) -> None:
    foreign.rlds(path, [foreign.bridge(small(seed, width=7, cameras=2))])


def lerobot(images: str) -> Make:
    def make(path: Path, seed: int) -> None:
        with tempfile.TemporaryDirectory() as parts:
            write_v21(foreign.parts(Path(parts), ROBOT, 2, images), path, ROBOT)

    return make


def bag(storage: str, lines: Callable[[list[Any]], list[Any]] = list) -> Make:
    def make(path: Path, seed: int) -> None:
        scene = made_bags.aligned(ROBOT, FRAMES, seed, SIZE)
        scene.lines = lines(scene.lines)
        scene.write(path, storage)

    return make


def without_topic(storage: str) -> Harm:
    """Only messages that are needed go: what is recorded besides does not matter."""

    def harm(path: Path, rng: np.random.Generator) -> None:
        topics = [f"/finevla/{name}" for name in ("joint_states", "left_arm_controller/joint_trajectory")]
        topics += [f"/finevla/{camera.topic}/compressed" for camera in ROBOT.cameras]
        gone = topics[int(rng.integers(len(topics)))]
        shutil.rmtree(path)
        bag(storage, lambda lines: [line for line in lines if line.topic != gone])(path, 0)

    return harm


def other_type(storage: str) -> Harm:
    """Joint states on a camera's topic, or the other way round."""

    def harm(path: Path, rng: np.random.Generator) -> None:
        def swapped(lines: list[Any]) -> list[Any]:
            names = ["/finevla/joint_states", f"/finevla/{ROBOT.cameras[int(rng.integers(3))].topic}/compressed"]
            for line in lines:
                if line.topic in names:
                    line.topic = names[1 - names.index(line.topic)]
            return lines

        shutil.rmtree(path)
        bag(storage, swapped)(path, 0)

    return harm


def other_paths(path: Path, rng: np.random.Generator) -> None:
    """metadata.yaml names files elsewhere."""
    file = path / "metadata.yaml"
    names = [p.name for p in path.iterdir() if p.name != "metadata.yaml"]
    odd = ("../../../etc/passwd", "/etc/passwd", "../" + names[0], "\\\\host\\share", "a\\0b", "")
    text = file.read_text(encoding="utf-8").replace(names[0], odd[int(rng.integers(len(odd)))])
    file.write_text(text, encoding="utf-8")


def _needed(path: Path) -> list[Path]:
    """The files that an input's first episode is read from."""
    others = ("episode_000001", "episodes_stats.jsonl", "modality.json", "finevla_episodes.jsonl")
    files = (p for p in path.rglob("*") if p.is_file() and p.stat().st_size)
    return sorted(p for p in files if not p.name.startswith(others))


def one_file_less(path: Path, rng: np.random.Generator) -> None:
    files = _needed(path)
    files[int(rng.integers(len(files)))].unlink()


def harm_hdf5(path: Path, rng: np.random.Generator) -> None:
    foreign.harm_hdf5(path, foreign.HDF5_HARMS[int(rng.integers(len(foreign.HDF5_HARMS)))])


def harm_lerobot(path: Path, rng: np.random.Generator) -> None:
    foreign.harm_lerobot(path, foreign.LEROBOT_HARMS[int(rng.integers(len(foreign.LEROBOT_HARMS)))])


def edited(path: Path, rng: np.random.Generator) -> None:
    foreign.edited_json(path / "meta" / "info.json", rng)


def bytes_harmed(path: Path, rng: np.random.Generator) -> None:
    """A file cut off, bits turned, or a stretch overwritten with noise."""
    files = [path] if path.is_file() else _needed(path)
    file = files[int(rng.integers(len(files)))]
    harm = foreign.DAMAGES[int(rng.integers(len(foreign.DAMAGES)))]
    file.write_bytes(harm(file.read_bytes(), rng))


BAG_HARMS = (other_paths, one_file_less)
FORMATS = (
    Format("hdf5 raw", aloha("raw"), (harm_hdf5,), ".hdf5"),
    Format("hdf5 jpeg", aloha("padded"), (), ".hdf5"),
    Format("hdf5 rdt", aloha("bytes"), (), ".hdf5"),
    Format("hdf5 robomind", lambda path, seed: foreign.robomind(path, small(seed)), (), ".hdf5"),
    Format("rlds", rlds, (), ".tfrecord"),
    Format("lerobot video", lerobot("video"), (harm_lerobot, edited, one_file_less)),
    Format("lerobot images", lerobot("png"), (edited, one_file_less)),
    Format("bag mcap", bag("mcap"), (*BAG_HARMS, without_topic("mcap"), other_type("mcap"))),
    Format("bag sqlite3", bag("sqlite3"), (*BAG_HARMS, without_topic("sqlite3"), other_type("sqlite3"))),
)


def chosen(only: str) -> tuple[Format, ...]:
    """The formats whose names contain that."""
    return tuple(one for one in FORMATS if only in one.name)


def options() -> dict[str, Any]:
    """What the command line gives when nothing is said."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return vars(parser.parse_args(["in", "--out", "out"])) | {"embodiment": ROBOT, "bags": bag_analysis.BagOptions()}


def read(path: Path) -> None:
    """All frames and pictures of the first episode, as a worker would."""
    found = kind_of(path).make(path, options())
    reference = found.references()[0]
    pieces = getattr(found, "pieces", None)
    for piece in pieces(reference) if pieces else [reference]:
        for frame in found.open(piece).frames():
            for name, picture in frame.pictures.items():
                compressed_pictures.decode(picture, name)


def trial(seed: int, intact: dict[str, Path], work: Path, formats: tuple[Format, ...]) -> tuple[str, str, str]:
    """Format, outcome and what was said of one damaged input."""
    rng = np.random.default_rng(seed)
    one = formats[seed % len(formats)]
    path = work / ("bridge_dataset-x" if one.name == "rlds" else "damaged")
    path = path.with_suffix(one.is_file)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    (shutil.copyfile if one.is_file else shutil.copytree)(intact[one.name], path)
    harms = (bytes_harmed, *one.harms)
    harms[int(rng.integers(len(harms)))](path, rng)
    try:
        read(path)
    except FineVLAError as error:
        return one.name, SENTENCE if "\n" not in str(error).strip() else "several lines", str(error)
    except BaseException as error:
        return one.name, f"traceback: {type(error).__name__}", repr(error)[:300]
    return one.name, WHOLE, ""


def child(pipe: Connection, seeds: range, intact: dict[str, Path], work: Path, only: str) -> None:
    """Trials one after the other; the one that watches hears of each."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # FFmpeg's and others' remarks
    formats = chosen(only)
    for seed in seeds:
        begun = time.process_time()  # others may keep the machine busy
        outcome = trial(seed, intact, work, formats)
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        pipe.send((seed, *outcome, time.process_time() - begun, peak_mib))


def trials(count: int, first: int, intact: dict[str, Path], work: Path, only: str) -> Iterator[Any]:
    """Every trial's result; one that hangs or kills its process is told, and the next one begins in a new process."""
    context = multiprocessing.get_context("spawn")
    formats = chosen(only)
    seed, end = first, first + count
    while seed < end:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=child, args=(theirs, range(seed, end), intact, work, only), daemon=True)
        process.start()
        theirs.close()
        grace_s = 60.0  # to start
        while seed < end:
            if not ours.poll(LIMIT_S + grace_s):
                yield seed, formats[seed % len(formats)].name, "hang", "", LIMIT_S, 0.0
                break
            try:
                result = ours.recv()
            except EOFError:
                process.join()
                yield seed, formats[seed % len(formats)].name, f"crash ({process.exitcode})", "", 0.0, 0.0
                break
            yield result
            seed, grace_s = seed + 1, 0.0
        if process.is_alive():
            process.kill()
        process.join()
        if seed < end:
            seed += 1


def between(one: Format, work: Path, rng: np.random.Generator, intact: int = 6, damaged: int = 12) -> str:
    """Converts a folder in which intact recordings lie between damaged ones; what is wrong, or nothing."""
    folder = work / "in"
    names = {}
    for i, is_intact in enumerate(rng.permutation([True] * intact + [False] * damaged)):
        path = folder / f"{'bridge_dataset' if one.name == 'rlds' else 'take'}-{i:03d}{one.is_file}"
        path.parent.mkdir(parents=True, exist_ok=True)
        one.make(path, i)
        if is_intact:
            names[path.name.removesuffix(".hdf5")] = i
            continue
        harms = (bytes_harmed, *one.harms)
        harms[int(rng.integers(len(harms)))](path, rng)
    return _converted(folder, work / "out", names, one)


def within(one: Format, work: Path, rng: np.random.Generator, episodes: int = 12) -> str:
    """The same for a LeRobot data set of which every second episode's files are damaged."""
    folder = work / "in"
    with tempfile.TemporaryDirectory() as parts:
        write_v21(foreign.parts(Path(parts), ROBOT, episodes, "video" if one.name.endswith("video") else "png"), folder)
    for i in range(1, episodes, 2):
        files = sorted(folder.rglob(f"episode_{i:06d}.*"))
        file = files[int(rng.integers(len(files)))]
        file.write_bytes(foreign.truncated(file.read_bytes(), rng))
    return _converted(folder, work / "out", {f"episode_{i:06d}": i for i in range(0, episodes, 2)}, one)


def _converted(folder: Path, out: Path, names: dict[str, int], one: Format) -> str:
    command = ["finevla", "convert", str(folder), "--out", str(out), "--to", "lerobot-v2.1", "--images", "png"]
    ran = subprocess.run([*command, "--group", "split", "--jobs", "2"], capture_output=True, text=True, check=False)
    said = ran.stdout + ran.stderr
    if "Traceback" in said or not out.is_dir():
        return f"the command failed: {said[-800:]}"
    lines = [json.loads(line) for line in (out / "meta" / "finevla_report.jsonl").read_text().splitlines()]
    results = Counter(line["result"] for line in lines)
    states = dict(_states(out))
    for name, seed in names.items():
        made = next((found for key, found in states.items() if key.startswith(name)), None)
        if made is None:
            return f"intact '{name}' is missing: {next((x for x in lines if x['episode'].startswith(name)), '')}"
        if (wanted := _wanted(one, seed)) is not None and not np.array_equal(made, wanted):
            return f"intact '{name}' is not as recorded"
    print(f"  {one.name}: {len(names)} intact ones all converted; in the report {dict(results)}", flush=True)
    return ""


def _wanted(one: Format, seed: int) -> NDArray[np.float32] | None:
    """State and action side by side; None where resampling decides (bags have tests of their own for that)."""
    if one.name.startswith("bag"):
        return None
    r = small(seed, width=7, cameras=2) if one.name == "rlds" else small(seed)
    if one.name.startswith("lerobot"):
        r = foreign.recording(seed, FRAMES + seed)
    return np.concatenate([r.states, r.actions], axis=1)


def _states(out: Path) -> Iterator[tuple[str, NDArray[np.float32]]]:
    import pyarrow.parquet as pq

    for file in sorted(out.rglob("meta/finevla_episodes.jsonl")):
        for line in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
            table = pq.read_table(next(file.parents[1].glob(f"data/*/episode_{line['episode_index']:06d}.parquet")))
            columns = [np.array(table[key].to_pylist(), np.float32) for key in ("observation.state", "action")]
            yield line["name"], np.concatenate(columns, axis=1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="formats whose names contain this")
    parser.add_argument("--no-folders", action="store_true", help="only the inputs one by one")
    parser.add_argument("--say", action="store_true", help="print every sentence")
    given = parser.parse_args()
    formats = chosen(given.only)
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="finevla_corrupted_") as name:
        top = Path(name)
        intact = {}
        for one in formats:
            intact[one.name] = top / "intact" / f"{one.name.replace(' ', '_')}{one.is_file}"
            intact[one.name].parent.mkdir(exist_ok=True)
            one.make(intact[one.name], 0)
        counts: dict[str, Counter[str]] = {one.name: Counter() for one in formats}
        slowest = largest = 0.0
        begun = time.monotonic()
        for seed, kind, outcome, text, seconds, mib in trials(
            given.count, given.seed, intact, top / "work", given.only
        ):
            counts[kind][outcome] += 1
            slowest, largest = max(slowest, seconds), max(largest, mib)
            if given.say:
                print(seed, kind, f"{seconds:.2f} s", outcome, text)
            if outcome not in (SENTENCE, WHOLE) or seconds > LIMIT_S or mib > LIMIT_MIB:
                failures.append(f"seed {seed}, {kind}: {outcome} {text} ({seconds:.1f} s, {mib:.0f} MiB)")
        for kind, count in counts.items():
            print(f"{kind:15}", ", ".join(f"{n} {what}" for what, n in count.most_common()))
        total = sum(counts.values(), Counter())
        print(
            f"all {sum(total.values())}: {total[SENTENCE]} one sentence, {total[WHOLE]} {WHOLE}, "
            f"{sum(total.values()) - total[SENTENCE] - total[WHOLE]} neither; slowest {slowest:.2f} s of CPU, "
            f"largest {largest:.0f} MiB, {time.monotonic() - begun:.0f} s in all",
            flush=True,
        )
        print("intact ones between damaged ones:")
        for one in () if given.no_folders else formats:
            shutil.rmtree(top / "work", ignore_errors=True)
            run = within if one.name.startswith("lerobot") else between
            if problem := run(one, top / "work", np.random.default_rng(given.seed)):
                failures.append(f"{one.name}: {problem}")
    for failure in failures:
        print("FAILED", failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
