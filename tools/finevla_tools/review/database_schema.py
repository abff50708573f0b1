"""The tables of a review and their version, and how drafts get into them."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.annotate.annotation import TEXT, Annotation
from finevla_tools.annotate.consistency import contradictions
from finevla_tools.review.sql_connection import Database, Transaction

VERSION = 1
DATASET = "dataset"  # fact: frames by episode
# A row of `revision` is never changed: the newest of an item counts. `track` is '' or, where two reviewers judge alone, whose.
_TABLES = (
    "CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE episode (episode INTEGER PRIMARY KEY, doubt DOUBLE PRECISION NOT NULL, contradictions INTEGER NOT NULL,"
    " status TEXT NOT NULL, version INTEGER NOT NULL DEFAULT 0, claimed_by TEXT NOT NULL DEFAULT '',"
    " claim_until DOUBLE PRECISION NOT NULL DEFAULT 0)",
    "CREATE INDEX episode_by_doubt ON episode (status, doubt DESC, episode)",
    "CREATE TABLE revision (item TEXT, track TEXT, version INTEGER, episode INTEGER NOT NULL, from_s DOUBLE PRECISION NOT NULL,"
    " to_s DOUBLE PRECISION NOT NULL, dimension TEXT NOT NULL, slot TEXT NOT NULL, value TEXT NOT NULL, source TEXT NOT NULL,"
    " confidence DOUBLE PRECISION NOT NULL, step INTEGER NOT NULL, status TEXT NOT NULL, reviewer TEXT NOT NULL,"
    " action TEXT NOT NULL, at_s DOUBLE PRECISION NOT NULL, PRIMARY KEY (item, track, version))",
    "CREATE INDEX revision_by_episode ON revision (episode)",
    "CREATE TABLE verdict (episode INTEGER, track TEXT, reviewer TEXT NOT NULL, verdict TEXT NOT NULL, at_s DOUBLE PRECISION,"
    " version INTEGER, PRIMARY KEY (episode, track, version))",
    "CREATE TABLE batch (batch TEXT PRIMARY KEY, episode INTEGER NOT NULL, at_s DOUBLE PRECISION NOT NULL)",
)
COLUMNS = (
    "item, track, version, episode, from_s, to_s, dimension, slot, value, source, confidence, step, status, reviewer,"
    " action, at_s"
)
INSERT = f"INSERT INTO revision ({COLUMNS}) VALUES ({', '.join('?' * 16)})"


def prepare(database: Database, reviewers: int) -> None:
    """Make the tables in a new database; raises `FineVLAError` for one of another version, kind or mode."""
    with database.transaction() as tx:
        known = facts(tx) if "fact" in _tables(database, tx) else None
        if known is None:
            if found := _tables(database, tx):
                raise FineVLAError(
                    f"'{database.name}' holds other tables ({', '.join(sorted(found)[:3])}); give --db a database of its own"
                )
            for table in _TABLES:
                tx.run(table)
            for name, value in (("schema", VERSION), ("reviewers", reviewers), ("drafts", "")):
                tx.run("INSERT INTO fact VALUES (?, ?)", name, str(value))
            return
    if known.get("schema") != str(VERSION):
        raise FineVLAError(
            f"'{database.name}' is of version {known.get('schema', 'unknown')} of the review, this is version {VERSION}: "
            "open it with the finevla that wrote it, or give --db another one; nothing was changed"
        )
    if known.get("reviewers") != str(reviewers):
        raise FineVLAError(
            f"the review in '{database.name}' was begun with --reviewers {known.get('reviewers')}; go on with the same"
        )


def facts(tx: Transaction) -> dict[str, str]:
    """What the database says of itself."""
    return dict(tx.rows("SELECT name, value FROM fact"))  # type: ignore[arg-type]


def keep_to_dataset(database: Database, lengths: Mapping[int, int | None]) -> None:
    """Note how many frames the data set's episodes have; raises `FineVLAError` if those of an earlier run had others.

    A data set may grow; of another one, what was approved would be given to episodes that it was never said of.
    """
    with database.transaction() as tx:
        known = {int(n): length for n, length in json.loads(facts(tx).get(DATASET, "{}")).items()}
        here = {n: length for n, length in lengths.items() if length is not None}
        if odd := [n for n in sorted(known.keys() & here.keys()) if known[n] != here[n]]:
            raise FineVLAError(
                f"the review in '{database.name}' was begun on another data set: episode {odd[0]} had "
                f"{counted(known[odd[0]], 'frame')} there and has {here[odd[0]]} here; give the data set that it is of, or "
                "--db another one"
            )
        if known.keys() < (both := known | here).keys():
            tx.run("DELETE FROM fact WHERE name = ?", DATASET)
            tx.run("INSERT INTO fact VALUES (?, ?)", DATASET, json.dumps(both))


def has_drafts(database: Database, mark: str) -> bool:
    """Whether the drafts of this mark are in already."""
    with database.transaction() as tx:
        return facts(tx)["drafts"] == mark


def take_drafts(database: Database, mark: str, drafts: Iterable[Annotation], episodes: Sequence[int]) -> int:
    """Put drafts in, and every episode into the queue; once for each `mark` of a file's content.

    Drafts of another file replace those of episodes that nobody has touched. Returns for how many they were left as they are.
    """
    with database.transaction() as tx:
        if facts(tx)["drafts"] == mark:
            return 0
        touched = {row[0] for row in tx.rows("SELECT DISTINCT episode FROM revision WHERE version > 0 OR track <> ''")}
        touched |= {row[0] for row in tx.rows("SELECT DISTINCT episode FROM verdict")}
        there = {row[0] for row in tx.rows("SELECT episode FROM episode")}
        by_episode = {
            episode: list(rows)
            for episode, rows in groupby(sorted(drafts, key=lambda row: row.episode), lambda row: row.episode)
        }
        numbers = sorted({*episodes, *by_episode} - touched)
        tx.run_many("DELETE FROM revision WHERE episode = ?", [(n,) for n in numbers if n in there])
        tx.run_many("DELETE FROM episode WHERE episode = ?", [(n,) for n in numbers if n in there])
        now = time.time()
        tx.run_many(
            "INSERT INTO episode (episode, doubt, contradictions, status) VALUES (?, ?, ?, 'draft')",
            [(n, *doubt(by_episode.get(n, []))) for n in numbers],
        )
        tx.run_many(
            INSERT,
            [
                values(row, f"{n}-{k}", "", 0, "draft", now)
                for n in numbers
                for k, row in enumerate(by_episode.get(n, []))
            ],
        )
        tx.run("UPDATE fact SET value = ? WHERE name = 'drafts'", mark)
        return len(touched & {*by_episode})


def values(row: Annotation, item: str, track: str, version: int, action: str, at_s: float) -> tuple[object, ...]:
    """A row of `revision`, in the order of COLUMNS."""
    said = (row.from_s, row.to_s, row.dimension, row.slot, row.value, row.source, row.confidence, row.step, row.status)
    return (item, track, version, row.episode, *said, row.reviewer, action, at_s)


def doubt(rows: Sequence[Annotation]) -> tuple[float, int]:
    """How much an episode needs a person, and how many rows of it are contradicted; these outweigh any confidence.

    Episodes without a draft come last. A row is contradicted by the motion (`annotate.consistency`), or by another source's
    value of the same slot, step and time.
    """
    if not rows:
        return -1.0, 0
    contradicted = {id(found.row) for found in contradictions(rows, [row for row in rows if row.source == "motion"])}
    by_slot: dict[tuple[int, str], list[Annotation]] = {}
    for row in rows:
        if row.dimension == TEXT:
            continue
        others = by_slot.setdefault((row.step, row.slot), [])
        for other in others:
            if _are_apart(row, other):
                contradicted.add(id(other if row.source == "motion" else row))
        others.append(row)
    return len(contradicted) + 1.0 - min(row.confidence for row in rows), len(contradicted)


def _are_apart(row: Annotation, other: Annotation) -> bool:
    """Whether two sources say different things of one moment."""
    is_other = other.source != row.source and other.value.strip().lower() != row.value.strip().lower()
    return is_other and other.from_s <= row.to_s and row.from_s <= other.to_s


def _tables(database: Database, tx: Transaction) -> set[str]:
    if database.is_postgres:
        found = tx.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()")
    else:
        found = tx.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return {row[0] for row in found}
