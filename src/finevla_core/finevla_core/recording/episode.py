"""One episode from start to stop: a folder with the recording and `episode.json`, which says what it is and how it ended.

While it is being recorded its state is "recording"; what is still so after a crash is work for `finevla bags repair`.
"""

import contextlib
import json
import os
import re
import time
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finevla_core.errors import FineVLAError
from finevla_core.instruction import MAX_TEXT, check_signs
from finevla_core.recording.async_writer import QUEUE_BYTES, AsyncWriter, free_bytes
from finevla_core.recording.atomic_files import write_text
from finevla_core.recording.bag_metadata import EPISODE, Bag, Topic, custom_data
from finevla_core.text_files import read_json

SCHEMA = "finevla.episode/1"
RECORDING, FINISHED, RECOVERED = "recording", "finished", "recovered"
TRASH, REPAIRED = "trash", "_repaired"  # a folder, and what the name of a repaired copy ends with
MAX_LABEL = 200  # characters of operator, scene and outcome; a task is as long as an instruction may be
MAX_SLUG = 48
MAX_EPISODE = 1 << 20  # bytes of an episode.json
MOST_LISTED = MAX_EPISODE // 4  # of these for instructions: it is written anew with each, and a flood has thousands


@dataclass(frozen=True)
class Labels:
    """What the operator says of an episode; raises `FineVLAError` for what cannot be a label.

    A task is any text that an instruction may be, of several lines, too.
    """

    task: str = ""
    operator: str = ""
    scene: str = ""

    def __post_init__(self) -> None:
        if len(self.task) > MAX_TEXT:
            raise FineVLAError(f"task has {len(self.task)} characters, at most {MAX_TEXT} are kept; say it shorter")
        check_signs(self.task, "task")
        for what, label in (("operator", self.operator), ("scene", self.scene)):
            check_label(what, label)


@dataclass(frozen=True)
class DiskLimits:
    """Limits in bytes: disk space to keep free, largest size of an episode (0 = none), and size of the write queue."""

    min_free: int = 1 << 30
    max_bytes: int = 0
    queue: int = QUEUE_BYTES


@dataclass
class RecordingProgress:
    """Where an episode stands; `topics` has the name, messages written, and dropped or lost ones of each."""

    messages: int = 0
    bytes: int = 0
    dropped: int = 0
    lost: int = 0
    free: int = 0
    topics: list[tuple[str, int, int]] = field(default_factory=list)


class RecordedEpisode:
    """An episode that is being recorded; `problem` is a sentence once it should be stopped."""

    def __init__(self, root: Path, labels: Labels, facts: Mapping[str, Any], limits: DiskLimits, now_ns: int) -> None:
        """Makes the folder below `root`; raises `FineVLAError` if the disk does not let it, or is nearly full.

        `facts` go into episode.json as they are. `now_ns` is when it starts, Unix time.
        """
        try:
            root.mkdir(parents=True, exist_ok=True)
            free = free_bytes(root)
            if free < limits.min_free:
                raise FineVLAError(
                    f"the disk of '{root}' has {free >> 20} MB left and {limits.min_free >> 20} MB are kept free; "
                    "make room, or give the parameter folder another disk"
                )
            self.name = new_name(root, labels.task, now_ns)
            self.folder = root / self.name
            self.bag = Bag(self.folder)
        except OSError as error:
            raise FineVLAError(f"no episode can be recorded in '{root}': {error.strerror}") from error
        self.labels, self.started_ns = labels, now_ns
        self._began_s = time.monotonic()
        self.lost: Counter[int] = Counter()
        self._listed = 0  # bytes of instructions
        self._facts: dict[str, Any] = {
            "schema": SCHEMA,
            "state": RECORDING,
            "name": self.name,
            "task": labels.task,
            "operator": labels.operator,
            "scene": labels.scene,
            "outcome": "",
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_ns // 10**9)),
            "started_ns": now_ns,
            **facts,
            "instructions": [],
            "disk": {"free_at_start": free, "kept_free": limits.min_free},
        }
        try:
            self.bag.writer.add_metadata("finevla_episode", custom_data(self._facts))
            self._save()
        except OSError as error:
            raise FineVLAError(f"'{self.folder}' cannot be written: {error.strerror}") from error
        self.tape = AsyncWriter(self.bag.writer, limits.queue, limits.min_free, limits.max_bytes)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the recording began."""
        return time.monotonic() - self._began_s

    @property
    def problem(self) -> str:
        """Why it should be stopped, or nothing."""
        return self.tape.problem or self.tape.limit

    def instruction(self, stamp_ns: int, identity: str, raw: str, fine: str) -> None:
        """An instruction became active: its texts stand in episode.json as well, where people look.

        The first `MOST_LISTED` bytes do; all of them are in the recording.
        """
        said, listed = {"stamp_ns": stamp_ns, "id": identity, "raw": raw, "fine": fine}, self._facts["instructions"]
        size = len(json.dumps(said, ensure_ascii=False).encode(errors="replace"))
        if self._listed + size <= MOST_LISTED and said not in listed:
            self._listed += size
            listed.append(said)
            with contextlib.suppress(OSError):  # it is in the recording anyway, and the tape reports a broken disk
                self._save()

    def add(self, topic: Topic, definition: str) -> int:
        """The channel of a topic; raises `OSError`."""
        return self.bag.add(topic, definition.encode())

    def progress(self) -> RecordingProgress:
        """Return messages, bytes and losses so far, in all and by topic, and the free disk space."""
        counts, dropped = self.bag.writer.counts, self.tape.dropped
        topics = [(t.name, counts[c], dropped[c] + self.lost[c]) for c, t in list(self.bag.topics.items())]
        written = self.bag.writer.bytes_written
        return RecordingProgress(
            sum(counts.values()), written, dropped.total(), self.lost.total(), self.tape.free, topics
        )

    def stop(self, outcome: str, ended_by: str, silent: list[str], facts: Mapping[str, Any]) -> Path:
        """Finish it and return its folder, below `trash` if the outcome is "discard".

        Nothing is ever removed. Raises `FineVLAError` if the disk does not let it finish; it can be repaired then.
        """
        self.tape.stop()
        counts = self.bag.writer.counts
        self._facts |= {
            **facts,
            "state": FINISHED,
            "outcome": outcome,
            "ended_by": ended_by,
            "duration_s": round(self.elapsed_s, 3),
            "messages": sum(counts.values()),
            "dropped": self.tape.dropped.total(),
            "lost": self.lost.total(),
            "topics": {
                t.name: {"type": t.type, "messages": counts[c], "dropped": self.tape.dropped[c], "lost": self.lost[c]}
                for c, t in self.bag.topics.items()
            },
            "silent": silent,
        }
        if self.tape.problem:
            self._facts["problem"] = self.tape.problem
        self._facts["disk"] |= {
            "free_at_end": self.tape.free,
            "most_bytes_waiting": self.tape.most_waiting,
            "slowest_write_s": round(self.tape.slowest_s, 3),
        }
        try:
            self.bag.finish(custom_data({k: v for k, v in self._facts.items() if k not in ("schema", "state")}))
            self._facts["bytes"] = self.bag.file.stat().st_size
            self._save()
        except OSError as error:
            raise FineVLAError(
                f"episode '{self.name}' could not be finished: {error.strerror}; make room, then 'finevla bags repair "
                f"{self.folder}'"
            ) from error
        return discard(self.folder) if outcome == "discard" else self.folder

    def _save(self) -> None:
        write_text(self.folder / EPISODE, json.dumps(self._facts, ensure_ascii=False, indent=1) + "\n", sync=True)


def check_label(what: str, label: str) -> None:
    """Raise `FineVLAError` for a label of one line that is too long or has control signs in it."""
    if len(label) > MAX_LABEL:
        raise FineVLAError(f"{what} has {len(label)} characters, at most {MAX_LABEL} are kept; say it shorter")
    check_signs(label, what)
    if len(label.splitlines()) > 1 or "\t" in label:
        raise FineVLAError(f"{what} {label[:40]!r} has several lines or tabs; say it in one line")


def new_name(root: Path, task: str, now_ns: int) -> str:
    """A plain file name from the task and the time (UTC) that is not taken in `root` nor in its trash.

    ASCII and short, so that every file system takes it; the task itself, in whatever script, is in episode.json.
    """
    plain = unicodedata.normalize("NFKD", task).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_")[:MAX_SLUG] or "episode"
    stem = f"{slug}_{time.strftime('%Y%m%d_%H%M%S', time.gmtime(now_ns // 10**9))}"
    for number in range(1, 1000):
        name = stem if number == 1 else f"{stem}_{number}"
        if not os.path.lexists(root / name) and not os.path.lexists(root / TRASH / name):
            return name
    raise FineVLAError(f"a thousand episodes '{stem}' are in '{root}' already; name the task otherwise")


def discard(folder: Path) -> Path:
    """Move an episode to the trash beside it; nothing is removed."""
    target = folder.parent / TRASH / folder.name
    try:
        target.parent.mkdir(exist_ok=True)
        folder.rename(target)
    except OSError as error:
        raise FineVLAError(f"'{folder}' cannot be moved to the trash: {error.strerror}") from error
    return target


def load(folder: Path) -> dict[str, Any]:
    """What episode.json says; empty if there is none that can be read."""
    try:
        found = read_json(folder / EPISODE, MAX_EPISODE)
    except FineVLAError:
        return {}
    return found if isinstance(found, dict) else {}


def unfinished(root: Path) -> list[str]:
    """Names of the episodes that a crash has left and nobody has repaired yet (one that is being recorded looks alike)."""
    names = (file.parent.name for file in root.glob(f"*/{EPISODE}") if load(file.parent).get("state") == RECORDING)
    return sorted(name for name in names if not (root / f"{name}{REPAIRED}").exists())
