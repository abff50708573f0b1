"""What the operator says an episode is: `--task`, in words or as a table of episodes, and labels beside a recording."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finevla_core.errors import FineVLAError
from finevla_tools.convert.episode import Reference

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".yaml", ".yml")
MOST_BYTES = 64 << 20
EPISODES = ("episode", "episode_index", "episode_id", "name", "file", "filename", "path", "bag", "id", "index")
TASKS = ("task", "instruction", "language_instruction", "task_description", "prompt", "text", "label", "goal", "tasks")
ENCODINGS = ("utf-8-sig", "gb18030")  # what spreadsheets write, in Chinese ones too


@dataclass(frozen=True)
class TaskTable:
    """Tasks by the names of episodes, as a file says them; an episode that is not in it keeps its own label."""

    path: Path
    rows: Mapping[str, str]

    def of(self, reference: Reference) -> str:
        """The task of an episode by its name, its file or folder, or its number; empty if the table has none."""
        return next((self.rows[key] for key in _keys(reference) if key in self.rows), "")

    def unused(self, references: Iterable[Reference]) -> list[str]:
        """Rows that no episode is found for; raises `FineVLAError` for one that several are found for."""
        taken: dict[str, str] = {}
        for reference in references:
            key = next((key for key in _keys(reference) if key in self.rows), None)
            if key is not None and taken.setdefault(key, reference.name) != reference.name:
                raise FineVLAError(
                    f"--task '{self.path}': row '{key}' is of '{taken[key]}' and of '{reference.name}'; name them in full"
                )
        return [key for key in self.rows if key not in taken]


def given_task(text: str) -> str | TaskTable:
    """`--task`: words, or a table if it names a file of one; raises `FineVLAError` for a table that cannot be read."""
    text = text.strip()
    if "\n" in text or not text.lower().endswith(SUFFIXES):
        return text
    path = Path(text)
    try:
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            raise FineVLAError(f"--task '{path}': there is no such table; give a file, or the task in words")
        raw = path.read_bytes()
    except OSError as error:
        raise FineVLAError(f"--task '{path}' cannot be read: {error.strerror}") from error
    rows: dict[str, str] = {}
    for episode, task in _read(path, _decoded(path, raw)):
        key = _plain(episode)
        if rows.setdefault(key, task) != task:
            raise FineVLAError(f"--task '{path}': episode '{episode}' has two tasks, '{rows[key]}' and '{task}'")
    if not rows:
        raise FineVLAError(f"--task '{path}' has no row with an episode and a task")
    return TaskTable(path, rows)


def task_for(task: str | TaskTable, reference: Reference) -> str:
    """What `--task` says of an episode, or nothing."""
    return task.of(reference) if isinstance(task, TaskTable) else task.strip()


def label_in(found: Mapping[str, Any]) -> str:
    """The task among an episode's labels (an episode.json, a bag's custom data); empty if there is none."""
    plain = {str(key).lower(): value for key, value in found.items()}
    for key in TASKS:
        value = plain.get(key)
        if isinstance(value, str) and value.strip().startswith(('"', "[", "{")):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                value = plain[key]
        if isinstance(value, list):
            value = next((v for v in value if isinstance(v, str) and v.strip()), None)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""


def _keys(reference: Reference) -> Iterator[str]:
    """What a table may call an episode, the surest first."""
    path = reference.path
    yield from dict.fromkeys(map(_plain, (reference.name, str(path))))
    if reference.name.endswith(path.stem):  # not of a data set, whose episodes share a folder
        yield from dict.fromkeys(map(_plain, (path.name, path.stem)))
    if (number := re.search(r"(\d+)$", reference.name)) is not None:
        yield str(int(number[1]))


def _plain(name: str) -> str:
    """Numbers without zeros before them, paths without a slash behind."""
    name = str(name).strip().rstrip("/")
    if re.fullmatch(r"\d+(\.0)?", name):
        return str(int(float(name)))
    return name.removeprefix("./")


def _decoded(path: Path, raw: bytes) -> str:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace")
    for encoding in ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise FineVLAError(f"--task '{path}' is text of no known encoding; save it as UTF-8")


def _read(path: Path, text: str) -> Iterator[tuple[str, str]]:
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        yield from _table(path, text)
        return
    try:
        if suffix == ".jsonl":
            found: Any = [json.loads(line) for line in text.split("\n") if line.strip()]
        elif suffix == ".json":
            found = json.loads(text)
        else:
            import yaml

            found = yaml.safe_load(text)
    except (ValueError, RecursionError, _yaml_error()) as error:
        raise FineVLAError(f"--task '{path}' is not readable as {suffix[1:].upper()}: {str(error)[:120]}") from error
    yield from _objects(path, found)


def _yaml_error() -> type[Exception]:
    import yaml

    return yaml.YAMLError


def _objects(path: Path, found: Any) -> Iterator[tuple[str, str]]:
    """`{episode: task}`, `{episode: {"task": ...}}`, or a list of objects that have both."""
    if isinstance(found, Mapping):
        for episode, said in found.items():
            yield str(episode), _text(path, str(episode), label_in(said) if isinstance(said, Mapping) else said)
        return
    if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
        raise FineVLAError(f"--task '{path}' is neither a mapping of episodes to tasks nor a list of rows with both")
    for number, row in enumerate(found, 1):
        plain = {str(key).lower(): value for key, value in row.items()}
        episode = next((plain[key] for key in EPISODES if plain.get(key) is not None), None)
        if episode is None:
            raise FineVLAError(f"--task '{path}', row {number}, names no episode; known are {', '.join(EPISODES)}")
        yield str(episode), _text(path, str(episode), label_in(row))


def _table(path: Path, text: str) -> Iterator[tuple[str, str]]:
    first = text.lstrip("\n").split("\n", 1)[0]
    delimiter = "\t" if "\t" in first else ";" if ";" in first and "," not in first else ","
    rows = [
        row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(c.strip() for c in row)
    ]
    if not rows:
        return
    head = [cell.strip().lower() for cell in rows[0]]
    at, said = (next((head.index(n) for n in names if n in head), None) for names in (EPISODES, TASKS))
    if at is None or said is None:
        if at is not None or said is not None or any(len(row) != 2 for row in rows):
            raise FineVLAError(
                f"--task '{path}': its columns are {', '.join(head)[:120]}; one named episode and one named task are needed"
            )
        at, said = 0, 1  # no head: an episode and its task in each row
    else:
        rows = rows[1:]
    for number, row in enumerate(rows, 1):
        if len(row) <= max(at, said):
            raise FineVLAError(f"--task '{path}', row {number}, has {len(row)} cells; put a text with commas in quotes")
        yield row[at], _text(path, row[at], row[said])


def _text(path: Path, episode: str, said: Any) -> str:
    if not isinstance(said, str) or not said.strip():
        raise FineVLAError(f"--task '{path}': episode '{episode[:80]}' has no task")
    return said.strip()
