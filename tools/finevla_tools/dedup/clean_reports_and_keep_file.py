"""Apply earlier decisions about episodes: of `finevla clean`, of FineVLA's filters, of a person's keep file."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from finevla_core.errors import FineVLAError
from finevla_core.text_files import read_json, read_text
from finevla_tools.clean.finevla_reports import read_report
from finevla_tools.clean.run import EPISODES, SUMMARY
from finevla_tools.dedup.source_data_sets import DedupSource, Entry

Dropped = Mapping[int, str]  # episode: why
COLUMNS = ("episode_index", "decision", "reasons")


def without_dropped(entries: Sequence[Entry], sources: Sequence[DedupSource], reports: Sequence[Path]) -> list[Entry]:
    """Mark the entries that a report drops; raises `FineVLAError` if a report belongs to none of the data sets."""
    found = list(entries)
    for path in reports:
        for number, dropped in _dropped(path, sources).items():
            known = {entry.episode for entry in found if entry.source == number}
            if strange := sorted(set(dropped) - known):
                raise FineVLAError(
                    f"'{path}' drops episode {strange[0]}, which '{sources[number].root}' does not have; "
                    "it is the report of another data set"
                )
            found = [
                replace(e, dropped=f"clean: {dropped[e.episode]}") if e.source == number and e.episode in dropped else e
                for e in found
            ]
    return found


def with_forced(entries: Sequence[Entry], sources: Sequence[DedupSource], path: Path | None) -> list[Entry]:
    """Mark the entries named in a keep file as forced, even if dropped; raises `FineVLAError` for an unknown name.

    The file has an episode id per line or, with one data set, an index; or a JSON list of them.
    """
    if path is None:
        return list(entries)
    forced = set()
    ids = {entry.id for entry in entries}
    for number, name in enumerate(_lines(path), 1):
        wanted = name
        if name.isdecimal():
            if len(sources) > 1:
                raise FineVLAError(
                    f"'{path}', line {number}: with several data sets '{name}' needs the data set's name"
                )
            wanted = f"{sources[0].name}/episode_{int(name):06d}"
        if wanted not in ids:
            raise FineVLAError(
                f"'{path}', line {number}: there is no episode '{name[:80]}'; an id is like '{entries[0].id}'"
            )
        forced.add(wanted)
    return [replace(e, forced=True, dropped="") if e.id in forced else e for e in entries]


def _dropped(path: Path, sources: Sequence[DedupSource]) -> dict[int, Dropped]:
    """By source, what a report drops."""
    if path.suffix == ".json" and path.name != SUMMARY:
        parts = read_report(path)
        numbers = [_source_of(name, path, sources) for name in parts]
        return {
            number: {int(i): "; ".join(reasons) for i, reasons in part.items()}
            for number, part in zip(numbers, parts.values(), strict=True)
        }
    table = path / EPISODES if path.is_dir() else path
    summary = table.with_name(SUMMARY)
    said = read_json(summary).get("dataset") if summary.is_file() else None
    return {_source_of(said if isinstance(said, str) else "", path, sources): _decisions(table)}


def _source_of(said: str, path: Path, sources: Sequence[DedupSource]) -> int:
    """The one that a report is of: by its path, else by its name, else the only one."""
    roots = [(source.files.root if source.files else source.root).resolve() for source in sources]
    place = Path(said).resolve() if said else None
    for test in (
        lambda k: place == roots[k],
        lambda k: bool(said) and Path(said).name == roots[k].name,
        lambda k: bool(said) and said == sources[k].name,
    ):
        if len(fitting := [k for k in range(len(sources)) if test(k)]) == 1:
            return fitting[0]
    if len(sources) == 1:
        return 0
    raise FineVLAError(f"'{path}' is the report of '{said or '?'}'; which of the data sets that is cannot be told")


def _decisions(path: Path) -> Dropped:
    if not path.is_file():
        raise FineVLAError(f"'{path}' is no report of 'finevla clean': it does not exist")
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException, ValueError) as error:
        raise FineVLAError(f"'{path}' cannot be read as Parquet: {' '.join(str(error).split())[:200]}") from error
    if missing := [name for name in COLUMNS if name not in table.column_names]:
        raise FineVLAError(f"'{path}' is no table of 'finevla clean': it lacks the column '{missing[0]}'")
    rows = zip(*(table[name].to_pylist() for name in COLUMNS), strict=True)
    return {int(i): (reasons or ["dropped"])[0] for i, decision, reasons in rows if decision == "drop"}


def _lines(path: Path) -> list[str]:
    """A text file's lines that say something, or the entries of a JSON list."""
    if path.suffix == ".json":
        raw = read_json(path)
        if not isinstance(raw, list) or not all(isinstance(one, str | int) for one in raw):
            raise FineVLAError(f"'{path}' is no list of episode ids or indices")
        return [str(one) for one in raw]
    lines = re.split("\r\n|\r|\n", read_text(path).text)  # an id may hold what else `splitlines` takes for an end
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
