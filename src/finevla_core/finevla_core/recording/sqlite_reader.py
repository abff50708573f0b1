"""Reads rosbag2's SQLite files, with what is still in the write-ahead log beside them; what is read is never changed.

What comes out is what `mcap_scan.Scan` gives of an MCAP file.
"""

import shutil
import sqlite3
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_core.recording.mcap_scan import Channel, Found, RecordedMessage, Report, Schema
from finevla_core.recording.message_order import SET_BACK_S, SetBackCheck
from finevla_core.time_units import NS_PER_S

MAGIC = b"SQLite format 3\0"
LOGS = ("-wal", "-journal")  # what SQLite leaves beside a file while, and if killed after, it is written to
_LOG_HEAD, _FRAME_HEAD = 32, 24  # bytes before all pages of a write-ahead log, and before each
MOST_LOST = 1000  # rows in sequence that cannot be read, before the rest is given up
_NEEDED = {"topics": {"id", "name", "type"}, "messages": {"id", "topic_id", "timestamp", "data"}}


class SqliteScan:
    """Iterate once over `Found`, messages by their time; `report` fills up meanwhile.

    Raises `FineVLAError` for what is no recording at all. Rows that cannot be read are left out and complained about.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.report = path, Report()

    def __iter__(self) -> Iterator[Found]:
        return self._found(with_messages=True)

    def _found(self, with_messages: bool) -> Iterator[Found]:
        try:
            self.report.size = self.report.end = self.path.stat().st_size
            with _opened(self.path) as database:
                channels = self._channels(database)
                self.report.complaints += _lost_of_log(database, self.path)
                yield from channels.values()
                if with_messages:
                    yield from self._messages(database, channels)
            self.report.is_finished = not self.report.complaints
        except sqlite3.Error as error:
            raise FineVLAError(f"'{self.path}' cannot be read: {' '.join(str(error).split())}") from error
        except OSError as error:
            raise FineVLAError(f"'{self.path}' cannot be read: {error.strerror}") from error

    def channels(self) -> list[Channel]:
        """All topics; does not count as the iteration."""
        return [found for found in SqliteScan(self.path)._found(with_messages=False) if isinstance(found, Channel)]

    def count(self) -> int | None:
        """How many messages there are; None where that cannot be read."""
        with suppress(sqlite3.Error, OSError), _opened(self.path) as database:
            return int(database.execute("SELECT count(*) FROM messages").fetchone()[0])
        return None

    def _channels(self, database: sqlite3.Connection) -> dict[int, Channel]:
        for table, needed in _NEEDED.items():
            if lacking := needed - _columns(database, table):
                raise FineVLAError(
                    f"'{self.path}' is no recording of rosbag2: its table '{table}' lacks '{min(lacking)}'"
                )
        definitions: dict[str, tuple[str, bytes]] = {}
        if _columns(database, "message_definitions"):
            rows = database.execute("SELECT topic_type, encoding, encoded_message_definition FROM message_definitions")
            definitions = {_text(kind): (_text(how), _bytes(text)) for kind, how, text in rows}
        there = _columns(database, "topics")
        optional = ("serialization_format", "offered_qos_profiles", "type_description_hash")
        wanted = [name if name in there else f"'' AS {name}" for name in optional]
        found = {}
        for number, topic, kind, encoding, qos, digest in database.execute(
            f"SELECT id, name, type, {', '.join(wanted)} FROM topics ORDER BY id"
        ):
            how, text = definitions.get(_text(kind), ("ros2msg", b""))
            described = {"offered_qos_profiles": _text(qos), "topic_type_hash": _text(digest)}
            schema = Schema(int(number), _text(kind), how, text)
            found[int(number)] = Channel(int(number), schema, _text(topic), _text(encoding) or "cdr", described)
        return found

    def _messages(self, database: sqlite3.Connection, channels: dict[int, Channel]) -> Iterator[RecordedMessage]:
        count, odd, sequence, last_ns = 0, 0, 0, 0
        for number in self._numbers(database):
            try:
                row = database.execute("SELECT topic_id, timestamp, data FROM messages WHERE id = ?", (number,))
                topic, log_ns, data = row.fetchone() or (None, None, None)
            except sqlite3.DatabaseError:
                count += 1
                continue
            if topic not in channels or not isinstance(log_ns, int) or not isinstance(data, bytes) or log_ns < 0:
                count += 1
                continue
            odd += log_ns < last_ns
            last_ns = max(log_ns, last_ns)
            self.report.messages += 1
            sequence += 1
            yield RecordedMessage(channels[topic], sequence, log_ns, log_ns, memoryview(data))
        if count:
            self._complain(f"{counted(count, 'message')} cannot be read; left out")
        if odd:
            self._complain(f"the times of {counted(odd, 'message')} are not those in its index")

    def _look_for_set_back(self, database: sqlite3.Connection, numbers: Sequence[int], times_ns: Sequence[int]) -> None:
        """Rows are numbered as they were written; the topics' own times are looked at only where all times step back."""
        written_ns = np.array(times_ns, np.int64)[np.argsort(np.array(numbers, np.int64))]
        if not (np.diff(written_ns) < -SET_BACK_S * NS_PER_S).any():
            return
        with suppress(sqlite3.DatabaseError):  # what cannot be read is told when its message is
            check = SetBackCheck()
            for topic, log_ns in database.execute("SELECT topic_id, timestamp FROM messages ORDER BY id"):
                if isinstance(log_ns, int):
                    check.add(str(topic), log_ns)
            self.report.set_back_s = check.set_back_s

    def _numbers(self, database: sqlite3.Connection) -> Sequence[int]:
        """Return the row ids in order of time; with a broken index those that can be found, in order of id."""
        try:
            found, times_ns = array("q"), array("q")
            for number, log_ns in database.execute("SELECT id, timestamp FROM messages ORDER BY timestamp, id"):
                found.append(number)
                times_ns.append(log_ns if isinstance(log_ns, int) else 0)
            if _names_each_row(found, database):
                self._look_for_set_back(database, found, times_ns)
                return found
            self._complain("its index is broken (it does not name each message once)")
        except sqlite3.DatabaseError as error:
            self._complain(f"its index is broken ({error})")
        numbers, last, lost = array("q"), 0, 0
        while lost < MOST_LOST:
            try:
                rows = database.execute("SELECT id FROM messages WHERE id > ? ORDER BY id LIMIT 1", (last,))
                if (row := rows.fetchone()) is None:
                    break
                if not isinstance(row[0], int) or row[0] <= last:  # a damaged page answers what was not asked, for ever
                    raise sqlite3.DatabaseError("rows are not in order")
                numbers.append(row[0])
                last, lost = row[0], 0
            except sqlite3.DatabaseError:
                last, lost = last + 1, lost + 1
        if lost:
            self._complain(f"what follows message {last - lost} cannot be read")
        return numbers

    def _complain(self, sentence: str) -> None:
        self.report.complaints.append(sentence)


def _names_each_row(found: Sequence[int], database: sqlite3.Connection) -> bool:
    """Whether what the index says is what the table holds; recorders number rows one by one, which spares reading it."""
    ordered = sorted(found)
    ends = database.execute("SELECT (SELECT min(id) FROM messages), (SELECT max(id) FROM messages)").fetchone()
    if not ordered or ordered[-1] - ordered[0] + 1 == len(set(ordered)) == len(ordered):
        return bool(ends == ((ordered[0], ordered[-1]) if ordered else (None, None)))
    return ordered == [number for (number,) in database.execute("SELECT id FROM messages NOT INDEXED ORDER BY id")]


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that sees what is in the logs; where a killed recorder left some, a copy is opened.

    Even a connection that only reads makes files beside a database with a write-ahead log, and may write it back.
    """
    logs = [log for end in LOGS if (log := path.with_name(path.name + end)).is_file() and log.stat().st_size]
    if not logs:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)) as database:
            database.text_factory = _text
            yield database
        return
    with tempfile.TemporaryDirectory(prefix="finevla_bag_") as folder:
        copy = Path(folder) / path.name
        for file in (path, *logs):
            shutil.copyfile(file, copy.with_name(file.name))
        with closing(sqlite3.connect(copy)) as database:
            database.text_factory = _text
            yield database


def _lost_of_log(database: sqlite3.Connection, path: Path) -> list[str]:
    """Whether the write-ahead log has pages that SQLite does not take: they were cut, damaged, or never finished.

    Those of an earlier round, which are left behind when the log begins anew, have other salts than its head.
    """
    log = path.with_name(f"{path.name}{LOGS[0]}")
    if not log.is_file() or not log.stat().st_size:
        return []
    taken = max(0, database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1])
    with log.open("rb") as file:
        head = file.read(_LOG_HEAD)
        page = int.from_bytes(head[8:12], "big")
        written = 0
        while len(frame := file.read(_FRAME_HEAD)) == _FRAME_HEAD and frame[8:16] == head[16:24] and page:
            written += 1
            file.seek(page, 1)
    if written > taken or (not taken and log.stat().st_size != _LOG_HEAD):
        return [f"{written - taken} of {written} pages in its write-ahead log were cut, damaged or never finished"]
    return []


def _columns(database: sqlite3.Connection, table: str) -> set[str]:
    """Names of a table's columns; a view has none: what it computes may have no end."""
    with suppress(sqlite3.DatabaseError):
        kind = database.execute("SELECT type FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        if kind == ("table",):
            return {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
    return set()


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return "" if value is None else str(value)


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else _text(value).encode()
