"""The database of a review: SQLite in a file, or PostgreSQL by URL, behind one small interface.

SQL is written once, in what both understand, with `?` for values.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from finevla_core.errors import FineVLAError

WAIT_S = 30.0  # for another process that writes to the same file


class DatabaseFaultError(FineVLAError):
    """The database cannot be used now: what was to be written is not lost if it is sent again."""


class Transaction:
    """Statements that take effect together or not at all."""

    def __init__(self, cursor: Any, is_postgres: bool) -> None:
        self._cursor, self._is_postgres = cursor, is_postgres

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement that returns rows."""
        self._cursor.execute(self._own(sql), values)
        return [tuple(row) for row in self._cursor.fetchall()]

    def run(self, sql: str, *values: Any) -> int:
        """Run a statement; the number of rows that it changed."""
        self._cursor.execute(self._own(sql), values)
        return int(self._cursor.rowcount)

    def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for every row of values."""
        self._cursor.executemany(self._own(sql), list(rows))

    def _own(self, sql: str) -> str:
        return sql.replace("?", "%s") if self._is_postgres else sql


class Database:
    """One connection, used by one thread at a time; what is committed survives a crash of the process or the machine."""

    def __init__(self, where: str | Path) -> None:
        """`where` is a file or a URL `postgresql://...`; raises `FineVLAError` if it cannot be opened."""
        self._where = str(where)
        self.is_postgres = self._where.startswith(("postgresql://", "postgres://"))
        self._lock = threading.RLock()
        self._error: type[Exception] = sqlite3.Error
        self._connection: Any = self._connect()

    @property
    def name(self) -> str:
        """The file or the URL as it may be shown: without the password."""
        if not self.is_postgres:
            return self._where
        parts = urlsplit(self._where)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Commit at the end, roll back on any exception; raises `DatabaseFaultError` for a fault of the database."""
        with self._lock:
            try:
                cursor = self._begin()
                try:
                    yield Transaction(cursor, self.is_postgres)
                    cursor.execute("COMMIT")
                except BaseException:
                    with suppress(self._error):
                        cursor.execute("ROLLBACK")
                    raise
            except self._error as error:
                raise DatabaseFaultError(f"the database '{self.name}' cannot be used: {_short(error)}") from error

    def close(self) -> None:
        """Close the connection to the database."""
        with self._lock:
            self._connection.close()

    def _begin(self) -> Any:
        cursor = self._connection.cursor()
        try:
            cursor.execute("BEGIN" if self.is_postgres else "BEGIN IMMEDIATE")
        except self._error:
            if not self.is_postgres:
                raise
            self._connection = self._connect()  # PostgreSQL was restarted
            cursor = self._connection.cursor()
            cursor.execute("BEGIN")
        return cursor

    def _connect(self) -> Any:
        try:
            if self.is_postgres:
                import psycopg

                self._error = psycopg.Error
                return psycopg.connect(self._where, autocommit=True, connect_timeout=10)
            connection = sqlite3.connect(self._where, WAIT_S, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            return connection
        except self._error as error:
            raise FineVLAError(f"the database '{self.name}' cannot be opened: {_short(error)}") from error


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
