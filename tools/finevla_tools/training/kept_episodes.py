"""Which episodes of a data set are kept, by tables of decisions: of `finevla clean`, of `finevla dedup`, or a list."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.text_files import read_json, read_text
from finevla_tools.datasets.lerobot_files import LeRobotFiles

TABLE = "episodes.parquet"  # in the folder of a report


def kept_episodes(files: LeRobotFiles, tables: Sequence[Path]) -> tuple[int, ...]:
    """Return the indices of the episodes that every table keeps, all of them where there is none.

    A table is the report of `finevla clean` or `finevla dedup` (its folder or `episodes.parquet` in it), or a text file or JSON
    list of indices. Raises `FineVLAError` for a table that is of another data set, or if nothing is kept.
    """
    there = [episode.index for episode in files.episodes]
    kept = set(there)
    for table in tables:
        kept &= _kept(table, files, set(there))
    if tables and not kept:
        raise FineVLAError(f"{', '.join(map(repr, map(str, tables)))} keeps no episode of '{files.root}'")
    return tuple(index for index in there if index in kept)


def _kept(path: Path, files: LeRobotFiles, there: set[int]) -> set[int]:
    if not path.exists():
        raise FineVLAError(
            f"table of kept episodes '{path}' does not exist; 'finevla clean' and 'finevla dedup' write one"
        )
    path = path / TABLE if path.is_dir() else path
    decided = _decided(path, files) if path.suffix == ".parquet" else dict.fromkeys(_listed(path), True)
    if strange := sorted(set(decided) - there):
        raise FineVLAError(
            f"'{path}' speaks of episode {strange[0]}, which '{files.root}' does not have; it is of another data set"
        )
    if path.suffix == ".parquet" and (unsaid := sorted(there - set(decided))):
        raise FineVLAError(
            f"'{path}' says nothing of episode {unsaid[0]} of '{files.root}'; run the command that made it again"
        )
    return {index for index, is_kept in decided.items() if is_kept}


def _decided(path: Path, files: LeRobotFiles) -> dict[int, bool]:
    """By episode whether a report keeps it; of a report on several data sets, the rows of this one."""
    try:
        table = pq.read_table(path, partitioning=None)
    except (OSError, pa.ArrowException, ValueError) as error:
        raise DamagedFileError(f"'{path}' cannot be read as Parquet: {' '.join(str(error).split())[:200]}") from error
    names = set(table.column_names)
    if "episode_index" not in names or not names & {"kept", "decision"}:
        raise FineVLAError(
            f"'{path}' is no table of 'finevla clean' or 'finevla dedup': it has no decisions on episodes"
        )
    numbers = table["episode_index"].to_pylist()
    flags = table["kept"].to_pylist() if "kept" in names else [d == "keep" for d in table["decision"].to_pylist()]
    rows = list(
        zip(numbers, flags, table["dataset"].to_pylist() if "dataset" in names else [""] * len(flags), strict=True)
    )
    sets = {name for _, _, name in rows}
    if len(sets) > 1:
        own = files.root.resolve().name
        if own not in sets:
            raise FineVLAError(f"'{path}' is of the data sets {', '.join(sorted(sets))}; none of them is '{own}'")
        rows = [row for row in rows if row[2] == own]
    return {int(number): bool(flag) for number, flag, _ in rows}


def _listed(path: Path) -> list[int]:
    """Indices in a JSON list or a text file, one a line; an episode's name counts as its index."""
    if path.suffix == ".json":
        raw = read_json(path)
        said = [str(one) for one in raw] if isinstance(raw, list) else None
    else:
        lines = (line.strip() for line in read_text(path).text.splitlines())
        said = [line for line in lines if line and not line.startswith("#")]
    found = [one.rpartition("episode_")[2] for one in said or ()]
    if said is None or not all(one.isdecimal() for one in found):
        raise FineVLAError(f"'{path}' is no list of episodes: give an index a line, or a JSON list of them")
    return [int(one) for one in found]
