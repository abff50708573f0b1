"""Runs a conversion: episodes to parts in worker processes, then parts to a data set that appears at once, or not at all.

Everything before the last rename is in `<out>.partial`: whoever interrupts it, by Ctrl-C or by force, runs the same command
again and goes on with the parts that are whole.
"""

import contextlib
import functools
import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from finevla_core.errors import FineVLAError, is_disk_full, unwritable
from finevla_core.plural_phrases import counted
from finevla_core.recording.atomic_files import replace_folder, temporary_of, write_text
from finevla_core.text_files import json_line
from finevla_tools.convert.converted_episode import EpisodePart, read_part
from finevla_tools.convert.episode import Reference, Source
from finevla_tools.convert.episode_worker import PADDED, PROGRESS_FILE, PartOptions, make_part
from finevla_tools.convert.video_encoder import sharing
from finevla_tools.crash_report import Unexpected, remember, unexpected
from finevla_tools.work.parallel_map import cores, over
from finevla_tools.work.progress import Lines, Progress, clock
from finevla_tools.work.staged_output import REPORT, workplace

DONE_FILE = "done.json"
REPORT_FILE = "meta/finevla_report.jsonl"
AHEAD = 100  # episodes per process that may be done before the first of them: outcomes are small, recordings uneven
FORMAT = 1  # of parts; another number makes those of an older version anew
SAY_EVERY_S = 10.0  # how far it is, where there is no terminal
GROUPINGS = ("refuse", "split")

# Puts parts (their folders, in order) together at a folder that does not exist yet.
Assemble = Callable[[Sequence[Path], Path], object]


@dataclass(frozen=True)
class ConvertJob:
    """What a worker needs to convert episodes: the source, the folder of parts, and the options."""

    source: Source
    parts: Path
    options: PartOptions


@dataclass(frozen=True)
class ConvertTask:
    """One episode to be converted; `mark` says of what and how, and a part with the same one is as good as a new one."""

    reference: Reference
    mark: str
    size: int  # bytes of the source, for the time that is left


@dataclass(frozen=True)
class ConvertOutcome:
    """Result of converting an episode: the folders of its parts, or `reason` and its `kind` if it was refused."""

    name: str
    reason: str = ""
    folders: tuple[str, ...] = ()
    frames: int = 0
    is_reused: bool = False
    kind: str = ""  # of the reason: "mistake", "damaged file" or "unexpected"
    unexpected: Unexpected | None = None
    notes: tuple[str, ...] = ()  # for the person, each once for all episodes


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
        partial = self.out.with_name(f"{self.out.name}.partial")
        busy, settings = (
            f"another conversion to '{self.out}' is running; wait for it",
            {"format": FORMAT, **self.settings},
        )
        with workplace(self.out, partial, busy, settings=settings) as made:
            try:
                outcomes = self._convert(partial)
                kept = [Path(partial, "parts", f) for o in outcomes for f in o.folders]
                self._say_notes(outcomes)
                self._assemble(made, self._groups(kept), outcomes)
            except KeyboardInterrupt:
                print("\ninterrupted; the same command goes on from here", file=sys.stderr)
                raise
        refused = [line for line in self._report if line["result"] == "refused"]
        done = len(self._report) - len(refused)
        self.say(f"{counted(done, 'episode')} converted, {len(refused)} refused: {self.out}")
        return 1 if refused else 0

    # --- episodes to parts

    def _convert(self, partial: Path) -> list[ConvertOutcome]:
        parts = partial / "parts"
        parts.mkdir(exist_ok=True)
        for half in parts.glob(".*"):
            shutil.rmtree(half)
        references = self.source.references()
        if not references:
            raise FineVLAError("there is no episode in it; look at what it holds")
        decided = self._settled()
        tasks = [replace(task, mark=f"{task.mark}{decided}") for task in self._tasks(references)]
        outcomes: dict[str, ConvertOutcome] = {}
        for task in tasks:
            if (old := _finished(parts / task.reference.name, task, self.say)) is not None:
                outcomes[task.reference.name] = old
        todo = [task for task in tasks if task.reference.name not in outcomes]
        if outcomes:
            self.say(f"converted already: {len(outcomes)} of {counted(len(tasks), 'episode')}")
        if todo:
            self.say(f"{counted(len(todo), 'episode')} to convert ...")
            self._convert_all(todo, _Tally(len(tasks), len(outcomes), parts), parts, outcomes)
        return [outcomes[task.reference.name] for task in tasks]

    def _convert_all(
        self, todo: Sequence[ConvertTask], tally: "_Tally", parts: Path, outcomes: dict[str, ConvertOutcome]
    ) -> None:
        codec = sharing(self.options.codec, min(self.jobs, len(todo)) * self.encoders, cores())
        convert = functools.partial(convert_one, ConvertJob(self.source, parts, replace(self.options, codec=codec)))
        lines = Lines(tally.text, self.say, every_s=SAY_EVERY_S, left=clock)
        with Progress("convert", sum(task.size for task in todo), "bytes", lines) as progress:
            done = over(convert, todo, self.jobs, self.engine, ahead=AHEAD, died=_died, tick=progress.tick)
            for task, outcome in done:
                outcomes[task.reference.name] = outcome
                remember(outcome.unexpected)
                if outcome.reason:
                    self.say(f"refused: {outcome.reason}")
                tally.add(outcome)
                progress.step(task.size)

    def _settled(self) -> str:
        """What the source decides over all its episodes before the first is read; a part of another decision is made anew."""
        settle = getattr(self.source, "settle", None)
        told = cast("tuple[str, ...]", settle()) if settle else ()
        for sentence in told:
            self.say(sentence)
        return f" {hashlib.sha256(repr(told).encode()).hexdigest()[:16]}" if told else ""

    def _say_notes(self, outcomes: Sequence[ConvertOutcome]) -> None:
        """What readers have to tell, once for all episodes of which it is true."""
        names: dict[str, list[str]] = {}
        for outcome in outcomes:
            for note in outcome.notes:
                names.setdefault(note, []).append(outcome.name)
        for note, told in names.items():
            more = f" and {len(told) - 1} more" if len(told) > 1 else ""
            self.say(f"note: episode '{told[0]}'{more}: {note}")

    def _tasks(self, references: Sequence[Reference]) -> Iterator[ConvertTask]:
        seen: dict[Path, tuple[str, int, int]] = {}
        count: dict[Path, int] = {}
        for reference in references:
            count[reference.path] = count.get(reference.path, 0) + 1
        for r in references:
            if r.path not in seen:
                seen[r.path] = fingerprint(r.path)
            print_, size, _ = seen[r.path]
            yield ConvertTask(r, f"{print_} {r.part}", size // count[r.path])

    # --- parts to data sets

    def _groups(self, folders: Sequence[Path]) -> list[list[Path]]:
        """Parts that fit together; those that do not fit the first are refused by name, or become data sets of their own."""
        groups: dict[str, tuple[EpisodePart, list[Path]]] = {}
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
            self._tell(part.header.name, part.header.name, "", part.length, part.header.facts.get("notes"))
        return [fitting for _, fitting in groups.values()]

    def _tell(self, name: str, episode: str, reason: str, frames: int = 0, notes: Any = None, kind: str = "") -> None:
        line = {"episode": episode, "result": "refused" if reason else "converted"}
        told = {"reason": reason} | ({"kind": kind} if kind else {})
        self._report.append(line | (told if reason else {"frames": frames}) | ({"notes": notes} if notes else {}))

    def _assemble(self, made: Path, groups: Sequence[Sequence[Path]], outcomes: Sequence[ConvertOutcome]) -> None:
        for outcome in outcomes:
            if outcome.reason:
                self._tell(outcome.name, outcome.name, outcome.reason, kind=outcome.kind)
        lines = "".join(json_line(line) + "\n" for line in self._report)
        reasons = made.with_name(REPORT)
        write_text(reasons, lines)
        if not groups:
            raise FineVLAError(f"no episode could be converted; the reasons are in '{reasons}'")
        shutil.rmtree(made, ignore_errors=True)
        is_split = len(groups) > 1
        self.say("writing the data set ...")
        for i, folders in enumerate(groups):
            target = made / f"group-{i:02d}" if is_split else made
            target.parent.mkdir(exist_ok=True)
            self.assemble(folders, target)
        report = made / REPORT_FILE
        report.parent.mkdir(exist_ok=True)
        report.write_text(lines, encoding="utf-8")


def convert_one(job: ConvertJob, task: ConvertTask) -> ConvertOutcome:
    """What a worker does with one task: all pieces of an episode, then one rename.

    Never raises for a broken episode; raises `DiskFullError`, for then the next one fails, too.
    """
    name = task.reference.name
    final = job.parts / name
    hidden = temporary_of(final)
    try:
        shutil.rmtree(hidden, ignore_errors=True)
        hidden.mkdir()
        pieces = getattr(job.source, "pieces", None)
        references = cast("list[Reference]", pieces(task.reference)) if pieces else [task.reference]
        frames = 0
        notes: dict[str, None] = {}
        for i, reference in enumerate(references):
            folder = hidden / f"{i:05d}"
            folder.mkdir()
            part = make_part(job.source.open(reference), folder, job.options, {})
            frames += part.length
            notes |= dict.fromkeys([*map(str, part.header.facts.get("notes", ())), *_notes(part, job.options)])
        done = {"mark": task.mark, "pieces": len(references), "frames": frames, "notes": list(notes)}
        (hidden / DONE_FILE).write_text(json.dumps(done), encoding="utf-8")
        replace_folder(hidden, final)
        return ConvertOutcome(name, folders=_folders(name, len(references)), frames=frames, notes=tuple(notes))
    except Exception as error:  # what nobody foresaw costs this episode, not those beside it
        shutil.rmtree(hidden, ignore_errors=True)
        if is_disk_full(error):
            raise unwritable(job.parts, error) from error
        return _refused(name, error)


def _notes(part: EpisodePart, options: PartOptions) -> list[str]:
    codec = options.codec.vcodec
    return [
        f"pictures of camera {camera} are padded from {sizes}, the last row and column once more: {codec} takes even sides only"
        for camera, sizes in part.header.facts.get(PADDED, {}).items()
    ]


def _refused(name: str, error: Exception) -> ConvertOutcome:
    """An exception as what came of an episode; nobody is blamed for what nobody foresaw."""
    reason = " ".join(str(error).split())
    if isinstance(error, FineVLAError):
        return ConvertOutcome(name, reason if name in reason else f"episode '{name}': {reason}", kind=error.kind)
    if isinstance(error, OSError):
        return ConvertOutcome(name, f"episode '{name}' could not be converted: {reason}", kind=FineVLAError.kind)
    found = unexpected(f"episode '{name}'", error)
    return ConvertOutcome(name, found.sentence, kind="unexpected", unexpected=found)


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


def _finished(folder: Path, task: ConvertTask, say: Callable[[str], None]) -> ConvertOutcome | None:
    try:
        done = json.loads((folder / DONE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if done["mark"] != task.mark:
        say(f"episode '{folder.name}' is converted anew: its source has changed since")
        return None
    folders, notes = _folders(folder.name, done["pieces"]), tuple(done.get("notes", ()))
    return ConvertOutcome(folder.name, "", folders, done["frames"], is_reused=True, notes=notes)


def _folders(name: str, pieces: int) -> tuple[str, ...]:
    return tuple(f"{name}/{i:05d}" for i in range(pieces))


def _died(task: ConvertTask) -> ConvertOutcome:
    name = task.reference.name
    said = f"episode '{name}': the process that converted it died; is there enough memory?"
    return ConvertOutcome(name, said, kind=FineVLAError.kind)


class _Tally:
    """Progress line of a conversion: episodes done, frames, frames per second."""

    def __init__(self, total: int, done: int, parts: Path) -> None:
        self._total, self._count, self._parts, self._frames, self._began = total, done, parts, 0, time.monotonic()

    def add(self, outcome: ConvertOutcome) -> None:
        """Count a finished episode and its frames."""
        self._count, self._frames = self._count + 1, self._frames + outcome.frames

    def text(self) -> str:
        """Return the progress line; frames of unfinished episodes are counted too."""
        spent = max(time.monotonic() - self._began, 1e-9)
        frames = self._frames + sum(_number(file) for file in self._parts.glob(f".*/*/{PROGRESS_FILE}"))
        return f"{self._count}/{counted(self._total, 'episode')}, {counted(frames, 'frame')}, {frames / spent:.0f}/s"


def _number(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0


def _kind(part: EpisodePart) -> dict[str, Any]:
    """What all parts of a data set have in common."""
    h = part.header
    return {"fps": h.fps, "robot": h.robot, "features": part.features(), "codec": dict(part.codec)}


def _difference(one: EpisodePart, other: EpisodePart) -> str:
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
