"""Runs a conversion: episodes to parts in worker processes, then parts to a data set that appears at once, or not at all.

Everything before the last rename is in `<out>.partial`: whoever interrupts it, by Ctrl-C or by force, runs the same command
again and goes on with the parts that are whole.
"""

import contextlib
import fcntl
import functools
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from finevla_core.errors import FineVLAError
from finevla_tools.convert.encode import sharing
from finevla_tools.convert.episode import Reference, Source
from finevla_tools.convert.part import Part, read_part
from finevla_tools.convert.worker import PROGRESS_FILE, PartOptions, make_part
from finevla_tools.datasets.jobs import cores, over

DONE_FILE = "done.json"
REPORT_FILE = "meta/finevla_report.jsonl"
AHEAD = 100  # episodes per process that may be done before the first of them: outcomes are small, recordings uneven
FORMAT = 1  # of parts; another number makes those of an older version anew
GROUPINGS = ("refuse", "split")

# Puts parts (their folders, in order) together at a folder that does not exist yet.
Assemble = Callable[[Sequence[Path], Path], object]


@dataclass(frozen=True)
class Job:
    """All a worker needs."""

    source: Source
    parts: Path
    options: PartOptions


@dataclass(frozen=True)
class Task:
    """One episode to be converted; `mark` says of what and how, and a part with the same one is as good as a new one."""

    reference: Reference
    mark: str
    size: int  # bytes of the source, for the time that is left


@dataclass(frozen=True)
class Outcome:
    """What came of an episode: `reason` if it was refused, else its parts' folders."""

    name: str
    reason: str = ""
    folders: tuple[str, ...] = ()
    frames: int = 0
    is_reused: bool = False


@dataclass
class Conversion:
    """A run. `settings` are all that decide what comes out, as JSON knows them; `say` takes lines for the person.

    `encoders` is how many video encoders a process has at a time, as far as that is known.
    """

    source: Source
    out: Path
    assemble: Assemble
    options: PartOptions
    settings: Mapping[str, Any]
    jobs: int = 1
    encoders: int = 1
    engine: str = "local"
    grouping: str = "refuse"
    say: Callable[[str], None] = print
    _report: list[dict[str, Any]] = field(default_factory=list, init=False)

    def run(self) -> int:
        """0 if every episode was converted, 1 if any was refused; raises `FineVLAError` if nothing came out."""
        if os.path.lexists(self.out):
            raise FineVLAError(f"'{self.out}' exists already; remove it or name a new folder")
        partial = self.out.with_name(f"{self.out.name}.partial")
        with _locked(partial, self.out):
            self._check_settings(partial)
            outcomes = self._convert(partial)
            kept = [Path(partial, "parts", f) for o in outcomes for f in o.folders]
            groups = self._groups(kept)
            self._publish(partial, groups, outcomes)
        shutil.rmtree(partial, ignore_errors=True)
        refused = [line for line in self._report if line["result"] == "refused"]
        done = len(self._report) - len(refused)
        self.say(f"{done} episodes converted, {len(refused)} refused: {self.out}")
        return 1 if refused else 0

    def _check_settings(self, partial: Path) -> None:
        file, settings = partial / "settings.json", {"format": FORMAT, **self.settings}
        text = json.dumps(settings, sort_keys=True, ensure_ascii=False, default=str)
        if file.exists() and file.read_text(encoding="utf-8") != text:
            raise FineVLAError(
                f"'{partial}' was begun with other options; give the same again, or remove it to start anew"
            )
        file.write_text(text, encoding="utf-8")

    # --- episodes to parts

    def _convert(self, partial: Path) -> list[Outcome]:
        parts = partial / "parts"
        parts.mkdir(exist_ok=True)
        for half in parts.glob(".*"):
            shutil.rmtree(half)
        references = self.source.references()
        if not references:
            raise FineVLAError("there is no episode in it; look at what it holds")
        tasks = list(self._tasks(references))
        outcomes: dict[str, Outcome] = {}
        for task in tasks:
            if (old := _finished(parts / task.reference.name, task, self.say)) is not None:
                outcomes[task.reference.name] = old
        todo = [task for task in tasks if task.reference.name not in outcomes]
        if outcomes:
            self.say(f"{len(outcomes)} of {len(tasks)} episodes are converted already")
        progress = _Progress(tasks, outcomes, parts, self.say)
        if todo:
            codec = sharing(self.options.codec, min(self.jobs, len(todo)) * self.encoders, cores())
            options = replace(self.options, codec=codec)
            convert = functools.partial(convert_one, Job(self.source, parts, options))
            done = over(convert, todo, self.jobs, self.engine, ahead=AHEAD, died=_died, tick=progress.show)
            for task, outcome in done:
                outcomes[task.reference.name] = outcome
                if outcome.reason:
                    self.say(f"refused: {outcome.reason}")
                progress.add(task, outcome)
        return [outcomes[task.reference.name] for task in tasks]

    def _tasks(self, references: Sequence[Reference]) -> Iterator[Task]:
        seen: dict[Path, tuple[str, int, int]] = {}
        count: dict[Path, int] = {}
        for reference in references:
            count[reference.path] = count.get(reference.path, 0) + 1
        for r in references:
            if r.path not in seen:
                seen[r.path] = fingerprint(r.path)
            print_, size, _ = seen[r.path]
            yield Task(r, f"{print_} {r.part}", size // count[r.path])

    # --- parts to data sets

    def _groups(self, folders: Sequence[Path]) -> list[list[Path]]:
        """Parts that fit together; those that do not fit the first are refused by name, or become data sets of their own."""
        groups: dict[str, tuple[Part, list[Path]]] = {}
        for folder in folders:
            part, _ = read_part(folder)
            key = json.dumps(_kind(part), sort_keys=True)
            if key not in groups and groups and self.grouping == "refuse":
                first = next(iter(groups.values()))[0]
                reason = f"episode '{part.header.name}' does not fit '{first.header.name}': {_difference(first, part)}"
                self.say(f"refused: {reason}; --group split makes a data set of each kind")
                self._tell(part.header.name, part.header.name, reason)
                continue
            groups.setdefault(key, (part, []))[1].append(folder)
            self._tell(part.header.name, part.header.name, "", part.length)
        return [fitting for _, fitting in groups.values()]

    def _tell(self, name: str, episode: str, reason: str, frames: int = 0) -> None:
        line = {"episode": episode, "result": "refused" if reason else "converted"}
        self._report.append(line | ({"reason": reason} if reason else {"frames": frames}))

    def _publish(self, partial: Path, groups: Sequence[Sequence[Path]], outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.reason:
                self._tell(outcome.name, outcome.name, outcome.reason)
        lines = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in self._report)
        (partial / "report.jsonl").write_text(lines, encoding="utf-8")
        if not groups:
            raise FineVLAError(f"no episode could be converted; the reasons are in '{partial / 'report.jsonl'}'")
        final = partial / "final"
        shutil.rmtree(final, ignore_errors=True)
        is_split = len(groups) > 1
        for i, folders in enumerate(groups):
            target = final / f"group-{i:02d}" if is_split else final
            target.parent.mkdir(exist_ok=True)
            self.assemble(folders, target)
        report = final / REPORT_FILE
        report.parent.mkdir(exist_ok=True)
        report.write_text(lines, encoding="utf-8")
        os.rename(final, self.out)


def convert_one(job: Job, task: Task) -> Outcome:
    """What a worker does with one task: all pieces of an episode, then one rename. Never raises for a broken episode."""
    name = task.reference.name
    hidden = job.parts / f".{name}.{os.getpid()}"
    try:
        shutil.rmtree(hidden, ignore_errors=True)
        hidden.mkdir()
        pieces = getattr(job.source, "pieces", None)
        references = cast("list[Reference]", pieces(task.reference)) if pieces else [task.reference]
        frames = 0
        for i, reference in enumerate(references):
            folder = hidden / f"{i:05d}"
            folder.mkdir()
            frames += make_part(job.source.open(reference), folder, job.options, {}).length
        done = {"mark": task.mark, "pieces": len(references), "frames": frames}
        (hidden / DONE_FILE).write_text(json.dumps(done), encoding="utf-8")
        final = job.parts / name
        shutil.rmtree(final, ignore_errors=True)
        os.rename(hidden, final)
        return Outcome(name, folders=_folders(name, len(references)), frames=frames)
    except FineVLAError as error:
        shutil.rmtree(hidden, ignore_errors=True)
        reason = " ".join(str(error).split())
        return Outcome(name, reason if name in reason else f"episode '{name}': {reason}")
    except OSError as error:
        shutil.rmtree(hidden, ignore_errors=True)
        return Outcome(name, reason=f"episode '{name}' could not be converted: {error}")
    except Exception as error:
        # A reader that did not foresee what a broken file can hold: this episode is lost, those beside it are not.
        shutil.rmtree(hidden, ignore_errors=True)
        what = " ".join(str(error).split())[:300]
        return Outcome(
            name, reason=f"episode '{name}' cannot be read ({type(error).__name__}: {what}); its source is broken"
        )


def fingerprint(path: Path) -> tuple[str, int, int]:
    """What tells whether a source has changed (names, sizes, times of change), its bytes, and its number of files."""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    digest, size = hashlib.sha256(), 0
    for file in files:
        with contextlib.suppress(OSError):
            stat = file.stat()
            size += stat.st_size
            digest.update(f"{file.relative_to(path)}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode(errors="replace"))
    return digest.hexdigest()[:24], size, len(files)


def _finished(folder: Path, task: Task, say: Callable[[str], None]) -> Outcome | None:
    try:
        done = json.loads((folder / DONE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if done["mark"] != task.mark:
        say(f"episode '{folder.name}' is converted anew: its source has changed since")
        return None
    return Outcome(folder.name, "", _folders(folder.name, done["pieces"]), done["frames"], is_reused=True)


def _folders(name: str, pieces: int) -> tuple[str, ...]:
    return tuple(f"{name}/{i:05d}" for i in range(pieces))


def _died(task: Task) -> Outcome:
    name = task.reference.name
    return Outcome(name, f"episode '{name}': the process that converted it died; is there enough memory?")


class _Progress:
    """One line that is written over, or, where nobody looks, a line now and then."""

    def __init__(
        self, tasks: Sequence[Task], done: Mapping[str, Outcome], parts: Path, say: Callable[[str], None]
    ) -> None:
        self._parts, self._say = parts, say
        self._total, self._count, self._frames, self._refused = len(tasks), len(done), 0, 0
        self._left = sum(task.size for task in tasks if task.reference.name not in done)
        self._bytes, self._started, self._shown = 0, time.monotonic(), time.monotonic()
        self._is_terminal = sys.stderr.isatty()

    def add(self, task: Task, outcome: Outcome) -> None:
        """One episode more."""
        self._count, self._bytes = self._count + 1, self._bytes + task.size
        self._frames, self._refused = self._frames + outcome.frames, self._refused + bool(outcome.reason)

    def show(self) -> None:
        """Once a second at most; every half minute where it is not a terminal."""
        now = time.monotonic()
        if now - self._shown < (1.0 if self._is_terminal else 30.0):
            return
        self._shown, spent = now, now - self._started
        frames = self._frames + sum(_number(file) for file in self._parts.glob(f".*/*/{PROGRESS_FILE}"))
        line = f"{self._count}/{self._total} episodes, {frames} frames, {frames / spent:.0f}/s"
        if self._bytes:
            left_s = (self._left - self._bytes) / self._bytes * spent
            line += f", {int(left_s // 60)}:{int(left_s % 60):02d} left"
        if self._is_terminal:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
        else:
            self._say(line)


def _number(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0


def _kind(part: Part) -> dict[str, Any]:
    """What all parts of a data set have in common."""
    h = part.header
    return {"fps": h.fps, "robot": h.robot, "features": part.features(), "codec": dict(part.codec)}


def _difference(one: Part, other: Part) -> str:
    for what, a in _kind(one).items():
        b = _kind(other)[what]
        if a == b:
            continue
        if what != "features":
            return f"its {what} is {b}, that one's {a}"
        names = sorted(set(a) ^ set(b))
        if names:
            return f"only one of them has {names[0]}"
        key = next(key for key in a if a[key] != b[key])
        if a[key]["shape"] != b[key]["shape"]:
            return f"its {key} is {_shape(b[key])}, that one's {_shape(a[key])}"
        return f"its {key} has other names or kinds"
    return "nothing differs"


def _shape(feature: Mapping[str, Any]) -> str:
    return "x".join(str(n) for n in feature["shape"])


@contextlib.contextmanager
def _locked(partial: Path, out: Path) -> Iterator[None]:
    try:
        partial.mkdir(parents=True, exist_ok=True)
        file = (partial / "lock").open("w")
    except OSError as error:
        raise FineVLAError(f"'{partial}' cannot be written: {error}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FineVLAError(f"another conversion to '{out}' is running; wait for it") from None
        try:
            yield
        except KeyboardInterrupt:
            print("\ninterrupted; the same command goes on from here", file=sys.stderr)
            raise
