"""The tasks of a data set: their table, and which of them each episode has, in LeRobot's files of v2.x and v3.0."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from finevla_core.errors import DamagedFileError
from finevla_core.recording.atomic_files import write_by, write_text
from finevla_core.text_files import json_line, read_json_lines
from finevla_tools.datasets.lerobot_files import LeRobotFiles

# LeRobot reads its table of tasks by pandas and looks texts up in the index: this says which column that is.
INDEXED_BY_TASK = {
    "index_columns": ["task"],
    "column_indexes": [],
    "columns": [
        {
            "name": "task_index",
            "field_name": "task_index",
            "pandas_type": "int64",
            "numpy_type": "int64",
            "metadata": None,
        },
        {"name": "task", "field_name": "task", "pandas_type": "unicode", "numpy_type": "object", "metadata": None},
    ],
    "creator": {"library": "pyarrow", "version": pa.__version__},
    "pandas_version": "2.0.0",
}


class DatasetTasks:
    """Texts by number; those that were there keep theirs, new ones are appended."""

    def __init__(self, texts: Mapping[int, str]) -> None:
        self.texts = dict(texts)
        self.is_changed = False
        self._numbers = {text: number for number, text in reversed(self.texts.items())}

    def index(self, text: str) -> int:
        """Return the number of a text, a new one if it has none yet."""
        if text not in self._numbers:
            number = max(self.texts, default=-1) + 1
            self.texts[number], self._numbers[text], self.is_changed = text, number, True
        return self._numbers[text]


def write(root: Path, files: LeRobotFiles, table: DatasetTasks, tasks: Mapping[int, tuple[str, ...]]) -> None:
    """Write the table and the tasks of these episodes to a copy of the data set at `root`, where they are others."""
    before = {episode.index: episode.tasks for episode in files.episodes}
    others = {number: some for number, some in tasks.items() if before.get(number) != some}
    if table.is_changed:
        write_table(root, files.is_v3, table.texts)
    if others:
        (_write_episodes_v3 if files.is_v3 else _write_episodes_v2)(root, files.root, others)


def write_table(root: Path, is_v3: bool, texts: Mapping[int, str]) -> None:
    """Write texts by number as the data set's table of tasks."""
    rows = sorted(texts.items())
    if not is_v3:
        lines = [json_line({"task_index": number, "task": text}) + "\n" for number, text in rows]
        write_text(root / "meta" / "tasks.jsonl", "".join(lines))
        return
    table = pa.table({"task_index": [n for n, _ in rows], "task": [text for _, text in rows]})
    table = table.replace_schema_metadata({"pandas": json.dumps(INDEXED_BY_TASK)})
    write_by(root / "meta" / "tasks.parquet", partial(pq.write_table, table))


def _write_episodes_v2(root: Path, source: Path, tasks: Mapping[int, tuple[str, ...]]) -> None:
    path = next((p for n in ("episodes.jsonl", "episode.jsonl") if (p := source / "meta" / n).is_file()), None)
    if path is None:
        return
    rows, _ = read_json_lines(path)
    for row in rows:
        if (some := tasks.get(row.get("episode_index", -1))) is not None:
            row["tasks"] = list(some)
    write_text(root / "meta" / path.name, "".join(json_line(row) + "\n" for row in rows))


def _write_episodes_v3(root: Path, source: Path, tasks: Mapping[int, tuple[str, ...]]) -> None:
    for path in sorted((source / "meta" / "episodes").glob("**/*.parquet")):
        table = pq.read_table(path, partitioning=None)
        if not {"episode_index", "tasks"} <= set(table.column_names):
            raise DamagedFileError(f"'{path}' has no column 'tasks' or 'episode_index'")
        numbers = table.column("episode_index").to_pylist()
        if not any(number in tasks for number in numbers):
            continue
        old = table.column("tasks").to_pylist()
        new = [list(tasks.get(number, some)) for number, some in zip(numbers, old, strict=True)]
        at = table.schema.get_field_index("tasks")
        kind = table.schema.field(at)
        made = table.set_column(at, kind, pa.array(new, kind.type))
        write_by(root / path.relative_to(source), partial(pq.write_table, made))
