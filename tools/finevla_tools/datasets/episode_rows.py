"""The rows of one episode out of Parquet: of a file of its own, or of one that it shares."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.pointer_files import refuse_no_content

OWN_INDEX = "episode_index"  # the column that says of which episode a row is


def rows_alone(path: Path, index: int, columns: tuple[str, ...] | None) -> pa.Table:
    """Return the rows of a file that has one episode; its own `episode_index` must say the same as its name."""
    wanted = None if columns is None else (*columns, OWN_INDEX)
    table = whole_table(path, wanted)
    if OWN_INDEX not in table.column_names:
        return table
    refuse_another(table.column(OWN_INDEX), path, index)
    return table if columns is None or OWN_INDEX in columns else table.drop_columns([OWN_INDEX])


def refuse_another(numbers: pa.ChunkedArray, path: Path, index: int) -> None:
    """Raise `DamagedFileError` where rows of an episode's own file say that they are another's (v2.x)."""
    others = [number for number in pc.unique(numbers).to_pylist() if number != index]
    if others:
        raise DamagedFileError(
            f"'{path}' has rows of episode {others[0]} by its column '{OWN_INDEX}', by its name it is of "
            f"episode {index}; rename the file or correct the column"
        )


def whole_table(path: Path, columns: tuple[str, ...] | None) -> pa.Table:
    """Return a Parquet file's rows, of `columns` those that are there; raises `DamagedFileError` naming it."""
    with _in_words(path), pq.ParquetFile(path) as file:
        return file.read(columns=_there(file, columns), use_threads=False)


def rows_among_others(path: Path, index: int, columns: tuple[str, ...] | None) -> pa.Table:
    """Return the rows of one episode out of a shared file: only its row groups are read."""
    tables = []
    with _in_words(path):
        for group, (low, high) in enumerate(_groups(path, _stamp(path))):
            if low <= index <= high:
                table = _group(path, _stamp(path), group, columns)
                tables.append(table.filter(pc.equal(table.column(OWN_INDEX), index)))
    if not tables:
        raise DamagedFileError(f"'{path}' has no rows of episode {index}")
    return pa.concat_tables(tables)


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """Refuse a file without content, and turn what reading it raises into a `DamagedFileError` that names it."""
    try:
        refuse_no_content(path)
        yield
    except FileNotFoundError:
        raise DamagedFileError(f"'{path}' is missing") from None
    except (OSError, pa.ArrowException, ValueError, MemoryError) as error:
        if isinstance(error, FineVLAError):
            raise
        raise DamagedFileError(f"'{path}' cannot be read as Parquet: {short(error)}") from error


@lru_cache(maxsize=8)
def _groups(path: Path, _: tuple[int, int]) -> list[tuple[int, int]]:
    """First and last episode of each row group, by the file's statistics or, where it has none, by looking."""
    with pq.ParquetFile(path) as file:
        column = file.schema_arrow.get_field_index(OWN_INDEX)
        if column < 0:
            raise DamagedFileError(f"'{path}' has no column '{OWN_INDEX}'")
        first = range(file.metadata.num_columns if file.metadata.num_row_groups else 0)
        names = [file.metadata.row_group(0).column(c).path_in_schema for c in first]
        found = []
        for group in range(file.metadata.num_row_groups):
            stats = file.metadata.row_group(group).column(names.index(OWN_INDEX)).statistics
            if stats is not None and stats.has_min_max:
                found.append((int(stats.min), int(stats.max)))
            else:
                rows = file.read_row_group(group, columns=[OWN_INDEX]).column(0).to_numpy()
                found.append((int(rows.min()), int(rows.max())) if len(rows) else (0, -1))
        return found


@lru_cache(maxsize=1)  # files that were rewritten by other tools have one group for all episodes: it is read once
def _group(path: Path, stamp: tuple[int, int], group: int, columns: tuple[str, ...] | None) -> pa.Table:
    with pq.ParquetFile(path, metadata=_metadata(path, stamp)) as file:
        wanted = None if columns is None else (*columns, OWN_INDEX)
        return file.read_row_group(group, columns=_there(file, wanted), use_threads=False)


@lru_cache(maxsize=8)  # of a file with a group per episode it takes longer to parse than the group to read
def _metadata(path: Path, _: tuple[int, int]) -> pq.FileMetaData:
    return pq.read_metadata(path)


def _there(file: pq.ParquetFile, columns: tuple[str, ...] | None) -> list[str] | None:
    return None if columns is None else [c for c in dict.fromkeys(columns) if c in file.schema_arrow.names]


def _stamp(path: Path) -> tuple[int, int]:
    return (status := path.stat()).st_size, status.st_mtime_ns


def short(error: BaseException) -> str:
    """Return an error's message on one line, of 200 characters at most."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:200] + "..."
