"""A review as rows that are only ever added: claims, edits, verdicts and the queue, for several people at once.

Every edit says which version of a row it was made on; where another came first it is refused, and nothing is lost.
"""

import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from finevla_core.errors import FineVLAError
from finevla_tools.annotate.annotation import APPROVED, DRAFT, REJECTED, Annotation
from finevla_tools.review import database_schema
from finevla_tools.review.sql_connection import Database, Transaction

CLAIM_S = 120.0  # an episode is another's again this long after the last sign of life
DISPUTED = "disputed"  # status of an episode on which two reviewers differ
OPEN = (DRAFT, DISPUTED)
_STATED = ("from_s", "to_s", "dimension", "slot", "value", "source", "confidence", "step", "status")
CHANGEABLE = ("from_s", "to_s", "value", "step", "status")


class ConflictError(FineVLAError):
    """Another reviewer was first; the sentence says who or what."""


@dataclass(frozen=True)
class Revision:
    """One version of an item: what is said, and who did what when (seconds since 1970)."""

    item: str
    track: str
    version: int
    said: Annotation
    action: str
    at_s: float


@dataclass(frozen=True)
class Edit:
    """A change of one item as it was at `version`; `item` is "" for a new one, whose every field is in `changes`."""

    item: str
    version: int
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EpisodeState:
    """Where an episode stands in its review."""

    episode: int
    status: str
    doubt: float
    contradictions: int
    claimed_by: str
    claim_left_s: float


class ReviewStore:
    """The review in a database. `reviewers` is 1, or 2: then two people judge every episode without seeing each other."""

    def __init__(self, database: Database, reviewers: int = 1, claim_s: float = CLAIM_S) -> None:
        database_schema.prepare(database, reviewers)
        self.database, self.reviewers, self._claim_s = database, reviewers, claim_s

    def state(self, episode: int) -> EpisodeState:
        """Raises `FineVLAError` for an episode that is not there."""
        with self.database.transaction() as tx:
            return _state(tx, episode)

    def items(self, episode: int, reviewer: str) -> list[Revision]:
        """The newest revision of every item as this reviewer sees it."""
        with self.database.transaction() as tx:
            return list(_view(tx, episode, self._track(tx, episode, reviewer)).values())

    def history(self, episode: int) -> list[Revision]:
        """Every revision of an episode, oldest first."""
        with self.database.transaction() as tx:
            return _revisions(tx, "WHERE episode = ? ORDER BY at_s, version", episode)

    def claim(self, episode: int, reviewer: str) -> EpisodeState:
        """Take an episode, or keep it; raises `ConflictError` while another has it."""
        with self.database.transaction() as tx:
            self._hold(tx, episode, reviewer)
            return _state(tx, episode)

    def claim_next(self, reviewer: str, skipped: Collection[int] = ()) -> int | None:
        """Take the open episode that needs a person most, and give back any other that `reviewer` has; None: all is done."""
        now = time.time()
        with self.database.transaction() as tx:
            tx.run("UPDATE episode SET claimed_by = '', claim_until = 0 WHERE claimed_by = ?", reviewer)
            sql = (
                "SELECT episode FROM episode WHERE status IN ('draft', 'disputed') AND (claimed_by = '' OR claim_until < ?)"
                " AND (status = 'disputed' OR NOT EXISTS (SELECT 1 FROM verdict v WHERE v.episode = episode.episode"
                " AND v.track = ? AND v.track <> ''))"
                " ORDER BY CASE status WHEN 'disputed' THEN 0 ELSE 1 END, doubt DESC, episode LIMIT ?"
            )
            for (episode,) in tx.rows(sql, now, reviewer, len(skipped) + 16):
                if episode not in skipped and self._try_hold(tx, episode, reviewer, now):
                    return int(episode)
        return None

    def release(self, episode: int, reviewer: str) -> None:
        """Give an episode back to the queue."""
        with self.database.transaction() as tx:
            tx.run(
                "UPDATE episode SET claimed_by = '', claim_until = 0 WHERE episode = ? AND claimed_by = ?",
                episode, reviewer,
            )  # fmt: skip

    def edit(self, episode: int, reviewer: str, batch: str, edits: Sequence[Edit]) -> list[Revision]:
        """Add all edits or none; returns the items as they are then. A batch that is sent twice counts once."""
        with self.database.transaction() as tx:
            self._hold(tx, episode, reviewer)
            track = self._track(tx, episode, reviewer)
            if _is_new(tx, batch, episode):
                view, now = _view(tx, episode, track), time.time()
                for edit in edits:
                    made = _changed(view, edit, episode, reviewer)
                    _add(tx, made, track, "edit", now)
                    view[made.item] = made
                tx.run("UPDATE episode SET status = ? WHERE episode = ? AND status <> ?", DRAFT, episode, DISPUTED)
            return list(_view(tx, episode, track).values())

    def judge(self, episode: int, reviewer: str, batch: str, versions: Mapping[str, int], verdict: str) -> EpisodeState:
        """Approve, reject or reopen (`draft`) an episode whose items are of `versions`; those rejected one by one stay so."""
        with self.database.transaction() as tx:
            self._hold(tx, episode, reviewer)
            track = self._track(tx, episode, reviewer)
            if not _is_new(tx, batch, episode):
                return _state(tx, episode)
            view, now = _view(tx, episode, track), time.time()
            if {item: row.version for item, row in view.items()} != dict(versions):
                raise ConflictError(f"episode {episode} was changed meanwhile; look at it again")
            for row in view.values():
                by_verdict = row.action == "verdict"
                if row.said.status == verdict or (row.said.status == REJECTED and not by_verdict):
                    continue
                said = replace(row.said, status=verdict, reviewer=reviewer, version=row.version + 1)
                _add(tx, replace(row, version=row.version + 1, said=said), track, "verdict", now)
            ((number,),) = tx.rows("SELECT COUNT(*) FROM verdict WHERE episode = ? AND track = ?", episode, track)
            tx.run("INSERT INTO verdict VALUES (?, ?, ?, ?, ?, ?)", episode, track, reviewer, verdict, now, number)
            status = verdict if not track else self._joined(tx, episode, now)
            tx.run("UPDATE episode SET status = ? WHERE episode = ?", status, episode)
            if verdict != DRAFT:
                tx.run("UPDATE episode SET claimed_by = '' WHERE episode = ?", episode)
            return _state(tx, episode)

    def queue(self, status: str, offset: int, limit: int) -> list[EpisodeState]:
        """Episodes by doubt: of one status, `open`, or `all`."""
        wanted = {"open": OPEN, "all": (*OPEN, APPROVED, REJECTED)}.get(status, (status,))
        with self.database.transaction() as tx:
            rows = tx.rows(
                "SELECT episode, status, doubt, contradictions, claimed_by, claim_until FROM episode"
                f" WHERE status IN ({', '.join('?' * len(wanted))})"
                " ORDER BY CASE status WHEN 'disputed' THEN 0 ELSE 1 END, doubt DESC, episode LIMIT ? OFFSET ?",
                *wanted, limit, offset,
            )  # fmt: skip
            return [_episode_state(row) for row in rows]

    def counts(self) -> dict[str, int]:
        """How many episodes there are of each status."""
        with self.database.transaction() as tx:
            found = dict(tx.rows("SELECT status, COUNT(*) FROM episode GROUP BY status"))  # type: ignore[arg-type]
            return {status: int(found.get(status, 0)) for status in (*OPEN, APPROVED, REJECTED)}

    def approved(self) -> list[Annotation]:
        """The items that are approved and have not been withdrawn since, as rows of `annotations.parquet`."""
        with self.database.transaction() as tx:
            newest = _revisions(
                tx,
                "AS r WHERE track = '' AND version = (SELECT MAX(version) FROM revision n WHERE n.item = r.item"
                " AND n.track = '') AND status = 'approved' ORDER BY episode, from_s, item",
            )
            return [row.said for row in newest]

    def everything(self) -> list[Revision]:
        """Every revision that there ever was."""
        with self.database.transaction() as tx:
            return _revisions(tx, "ORDER BY episode, item, at_s, version")

    def _track(self, tx: Transaction, episode: int, reviewer: str) -> str:
        """Where this reviewer writes: with two reviewers alone until both have judged."""
        if self.reviewers == 1:
            return ""
        judged = tx.rows("SELECT 1 FROM verdict WHERE episode = ? AND track = ''", episode)
        return "" if judged or _state(tx, episode).status != DRAFT else reviewer

    def _hold(self, tx: Transaction, episode: int, reviewer: str) -> None:
        now = time.time()
        if not self._try_hold(tx, episode, reviewer, now):
            state = _state(tx, episode)
            raise ConflictError(f"{state.claimed_by} is at episode {episode}; take another, or wait until it is free")

    def _try_hold(self, tx: Transaction, episode: int, reviewer: str, now: float) -> bool:
        done = tx.run(
            "UPDATE episode SET claimed_by = ?, claim_until = ?, version = version + 1"
            " WHERE episode = ? AND (claimed_by IN ('', ?) OR claim_until < ?)",
            reviewer, now + self._claim_s, episode, reviewer, now,
        )  # fmt: skip
        return done == 1

    def _joined(self, tx: Transaction, episode: int, now: float) -> str:
        """Once two have judged: what they agree on is settled, the rest is a draft for a third look."""
        last = dict(
            tx.rows("SELECT track, verdict FROM verdict WHERE episode = ? AND track <> '' ORDER BY version", episode)  # type: ignore[arg-type]
        )
        judged = sorted(track for track, verdict in last.items() if verdict != DRAFT)
        if len(judged) < 2:
            return DRAFT
        first, second = (_view(tx, episode, track) for track in judged[:2])
        shared, agreed = _view(tx, episode, ""), last[judged[0]] == last[judged[1]]
        for item in sorted({*first, *second}):
            one, other = first.get(item), second.get(item)
            is_same = one is not None and other is not None and _content(one) == _content(other)
            agreed = agreed and is_same
            base = one or other
            assert base is not None
            status = base.said.status if is_same else DRAFT
            version = shared[item].version + 1 if item in shared else 0
            said = replace(base.said, status=status, reviewer=" + ".join(judged[:2]), version=version)
            _add(tx, replace(base, version=version, said=said), "", "verdict" if is_same else "disputed", now)
        return last[judged[0]] if agreed else DISPUTED


def _content(row: Revision) -> tuple[object, ...]:
    said = row.said
    return said.status, said.value.strip(), round(said.from_s, 3), round(said.to_s, 3), said.step


def _changed(view: Mapping[str, Revision], edit: Edit, episode: int, reviewer: str) -> Revision:
    if not edit.item:
        said = Annotation(**{"episode": episode, "source": "human", "reviewer": reviewer, **edit.changes})
        return Revision(uuid.uuid4().hex, "", 0, said, "edit", 0.0)
    row = view.get(edit.item)
    if row is None:
        raise FineVLAError(f"episode {episode} has no item '{edit.item[:40]}'")
    if row.version != edit.version:
        raise ConflictError(
            f"{row.said.slot} was changed meanwhile, by {row.said.reviewer or 'another'}: "
            f"version {row.version}, not {edit.version}"
        )
    said = replace(row.said, **{"status": DRAFT, **edit.changes}, reviewer=reviewer, version=row.version + 1)
    if said.value != row.said.value:
        said = replace(said, source="human", confidence=1.0)
    return replace(row, version=row.version + 1, said=said)


def _add(tx: Transaction, row: Revision, track: str, action: str, now: float) -> None:
    tx.run(database_schema.INSERT, *database_schema.values(row.said, row.item, track, row.version, action, now))


def _is_new(tx: Transaction, batch: str, episode: int) -> bool:
    if known := tx.rows("SELECT episode FROM batch WHERE batch = ?", batch):
        if known[0][0] != episode:
            raise FineVLAError(
                f"batch '{batch}' was of episode {known[0][0]}, not of episode {episode}; give it a name of its own"
            )
        return False
    tx.run("INSERT INTO batch VALUES (?, ?, ?)", batch, episode, time.time())
    return True


def _view(tx: Transaction, episode: int, track: str) -> dict[str, Revision]:
    """Newest revisions by item: of the track, and of what is shared where the track has none."""
    rows = _revisions(tx, "WHERE episode = ? AND track IN ('', ?) ORDER BY track, version", episode, track)
    newest = {row.item: row for row in rows}
    return dict(sorted(newest.items(), key=lambda pair: (pair[1].said.from_s, pair[1].said.step, pair[0])))


def _revisions(tx: Transaction, where: str, *values: Any) -> list[Revision]:
    return [_revision(row) for row in tx.rows(f"SELECT {database_schema.COLUMNS} FROM revision {where}", *values)]


def _revision(row: Sequence[Any]) -> Revision:
    item, track, version, episode, *said, reviewer, action, at_s = row
    stated = dict(zip(_STATED, said, strict=True))
    return Revision(
        item, track, version, Annotation(episode=episode, reviewer=reviewer, version=version, **stated), action, at_s
    )


def _state(tx: Transaction, episode: int) -> EpisodeState:
    rows = tx.rows(
        "SELECT episode, status, doubt, contradictions, claimed_by, claim_until FROM episode WHERE episode = ?", episode
    )
    if not rows:
        raise FineVLAError(f"there is no episode {episode} in this review")
    return _episode_state(rows[0])


def _episode_state(row: Sequence[Any]) -> EpisodeState:
    episode, status, doubt, contradictions, claimed_by, until = row
    left = max(0.0, until - time.time())
    return EpisodeState(episode, status, doubt, contradictions, claimed_by if left else "", left)
