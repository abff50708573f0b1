"""Promises of a review's database: every version kept, whoever comes second told so, the most doubtful first."""

import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")
from review_stage import drafts

from finevla_core.errors import FineVLAError
from finevla_tools.annotate.annotation import Annotation
from finevla_tools.review import database_schema
from finevla_tools.review.review_store import ConflictError, Edit, ReviewStore, Revision
from finevla_tools.review.reviewer_agreement import agreements, cohens_kappa
from finevla_tools.review.sql_connection import Database


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL of Debian's package, started for these tests on a socket of its own."""
    pytest.importorskip("psycopg", reason="no psycopg: 'make data-setup' brings it")
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL: 'apt-get install postgresql' brings one")
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    as_user: list[str] = []
    if os.getuid() == 0:  # it refuses to run as root
        if not shutil.which("runuser") or "postgres" not in {user.pw_name for user in pwd.getpwall()}:
            pytest.skip("PostgreSQL does not run as root, and there is no user 'postgres'")
        shutil.chown(folder, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    run = {"check": True, "stdout": subprocess.DEVNULL, "timeout": 120, "cwd": folder}
    data = folder / "data"
    subprocess.run([*as_user, programs / "initdb", "-D", data, "-U", "finevla", "-A", "trust"], **run)  # type: ignore[call-overload]
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    control = [*as_user, programs / "pg_ctl", "-D", data, "-w"]
    subprocess.run([*control, "-l", folder / "log", "-o", options, "start"], **run)  # type: ignore[call-overload]
    try:
        yield f"postgresql://finevla@/postgres?host={folder}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **run)  # type: ignore[call-overload]
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty database is."""
    if request.param == "sqlite":
        return str(tmp_path / "review.db")
    url = str(request.getfixturevalue("postgres"))
    database = Database(url)
    with database.transaction() as tx:
        tx.run("DROP SCHEMA public CASCADE")
        tx.run("CREATE SCHEMA public")
    database.close()
    return url


def begun(place: str, rows: list[Annotation], reviewers: int = 1, claim_s: float = 60.0) -> ReviewStore:
    store = ReviewStore(Database(place), reviewers, claim_s)
    database_schema.take_drafts(store.database, "first", rows, sorted({row.episode for row in rows}))
    return store


def slot(rows: list[Revision], name: str) -> Revision:
    return next(row for row in rows if row.said.slot == name)


def versions(rows: list[Revision]) -> dict[str, int]:
    return {row.item: row.version for row in rows}


def approve(store: ReviewStore, episode: int, reviewer: str, verdict: str = "approved") -> str:
    seen = versions(store.items(episode, reviewer))
    return store.judge(episode, reviewer, f"{reviewer}{episode}{verdict}{sum(seen.values())}", seen, verdict).status


class TestEdits:
    def test_every_edit_is_a_version_and_all_of_them_stay(self, place: str) -> None:
        store = begun(place, drafts())
        color = slot(store.items(0, "Li"), "target_color")
        for k, value in enumerate(("orange", "dark orange")):
            store.edit(0, "Li", f"b{k}", [Edit(color.item, k, {"value": value})])
        past = [row.said.value for row in store.history(0) if row.item == color.item]
        assert past == ["red", "orange", "dark orange"]
        now = slot(store.items(0, "Li"), "target_color").said
        assert (now.source, now.confidence, now.reviewer, now.version) == ("human", 1.0, "Li", 2)

    def test_an_edit_of_an_old_version_is_refused_and_changes_nothing(self, place: str) -> None:
        store = begun(place, drafts(), claim_s=-1)
        items = store.items(0, "Li")
        color, actor = slot(items, "target_color"), slot(items, "active_actor")
        store.edit(0, "Li", "a", [Edit(color.item, 0, {"value": "orange"})])
        with pytest.raises(ConflictError, match="by Li: version 1, not 0"):
            store.edit(
                0, "Wang", "b", [Edit(actor.item, 0, {"value": "right arm"}), Edit(color.item, 0, {"value": "x"})]
            )
        assert slot(store.items(0, "Wang"), "active_actor").said.value == "left arm"
        assert slot(store.items(0, "Wang"), "target_color").said.value == "orange"

    def test_a_batch_that_is_sent_twice_counts_once(self, place: str) -> None:
        store = begun(place, drafts())
        color = slot(store.items(0, "Li"), "target_color")
        for _ in range(2):
            rows = store.edit(0, "Li", "same", [Edit(color.item, 0, {"value": "orange"})])
        assert slot(rows, "target_color").version == 1

    def test_what_cannot_be_an_annotation_is_refused(self, place: str) -> None:
        store = begun(place, drafts())
        color = slot(store.items(0, "Li"), "target_color")
        for changes in ({"value": "  "}, {"from_s": 5.0, "to_s": 1.0}, {"from_s": -1.0}, {"status": "fine"}):
            with pytest.raises(FineVLAError):
                store.edit(0, "Li", str(changes), [Edit(color.item, 0, changes)])
        assert slot(store.items(0, "Li"), "target_color").version == 0

    def test_people_who_edit_at_once_lose_no_edit(self, place: str) -> None:
        rows = [replace(drafts(n)[7], step=step) for n in range(2) for step in range(20)]
        begun(place, rows).database.close()
        faults: list[BaseException] = []

        def work(reviewer: str, episode: int) -> None:
            store = ReviewStore(Database(place))
            try:
                for row in store.items(episode, reviewer):
                    store.edit(episode, reviewer, f"{reviewer}{row.item}", [Edit(row.item, 0, {"value": reviewer})])
            except BaseException as error:
                faults.append(error)
            finally:
                store.database.close()

        threads = [threading.Thread(target=work, args=(name, k)) for k, name in enumerate(("Li", "Wang"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []
        store = ReviewStore(Database(place))
        assert [{row.said.value for row in store.items(n, "x")} for n in range(2)] == [{"Li"}, {"Wang"}]
        assert len(store.everything()) == 80


class TestVerdicts:
    def test_only_what_was_approved_is_exported(self, place: str) -> None:
        store = begun(place, drafts(0) + drafts(1) + drafts(2))
        color = slot(store.items(0, "Li"), "target_color")
        store.edit(0, "Li", "a", [Edit(color.item, 0, {"status": "rejected"})])
        assert store.approved() == []
        assert (approve(store, 0, "Li"), approve(store, 1, "Li", "rejected")) == ("approved", "rejected")
        out = store.approved()
        assert {row.episode for row in out} == {0}
        assert {row.slot for row in drafts()} - {row.slot for row in out} == {"target_color"}
        assert {row.status for row in out} == {"approved"}

    def test_what_was_reopened_is_exported_no_more_and_single_rejections_stay(self, place: str) -> None:
        store = begun(place, drafts())
        color = slot(store.items(0, "Li"), "target_color")
        store.edit(0, "Li", "a", [Edit(color.item, 0, {"status": "rejected"})])
        approve(store, 0, "Li")
        assert approve(store, 0, "Li", "draft") == "draft"
        assert store.approved() == []
        assert {row.said.slot for row in store.items(0, "Li") if row.said.status == "rejected"} == {"target_color"}
        assert store.counts()["draft"] == 1

    def test_a_verdict_on_what_was_changed_meanwhile_is_refused(self, place: str) -> None:
        store = begun(place, drafts(), claim_s=-1)
        seen = versions(store.items(0, "Li"))
        color = slot(store.items(0, "Wang"), "target_color")
        store.edit(0, "Wang", "a", [Edit(color.item, 0, {"value": "orange"})])
        with pytest.raises(ConflictError, match="look at it again"):
            store.judge(0, "Li", "b", seen, "approved")
        assert store.approved() == []


class TestQueue:
    def test_contradictions_come_first_and_then_the_least_sure(self, place: str) -> None:
        against = replace(drafts(3)[6], source="vlm", value="right arm", confidence=0.9)
        store = begun(place, [*drafts(0, sure=0.8), *drafts(1, sure=0.3), *drafts(2, sure=0.6), *drafts(3), against])
        assert [state.episode for state in store.queue("open", 0, 9)] == [3, 1, 2, 0]
        # The text of each tells of a grasp without a gripper's motion; the third's arm is against the motion as well.
        assert [store.state(n).contradictions for n in (0, 3)] == [1, 2]
        assert store.claim_next("Li") == 3

    def test_two_reviewers_never_get_the_same_episode(self, place: str) -> None:
        store = begun(place, [row for n in range(6) for row in drafts(n)])
        found: list[int | None] = []
        for _ in range(3):
            for name in ("Li", "Wang"):
                found.append(episode := store.claim_next(name))
                assert episode is not None
                approve(store, episode, name)
        assert len(set(found)) == 6
        assert store.claim_next("Li") is None

    def test_a_claimed_episode_is_refused_to_another_until_the_claim_expires(self, place: str) -> None:
        store = begun(place, drafts())
        store.claim(0, "Li")
        with pytest.raises(ConflictError, match="Li is at episode 0"):
            store.claim(0, "Wang")
        assert store.claim_next("Wang") is None
        store.release(0, "Li")
        assert store.claim_next("Wang") == 0
        late = ReviewStore(store.database, claim_s=-1)
        late.claim(0, "Wang")
        assert late.claim(0, "Li").episode == 0

    def test_new_drafts_replace_those_that_nobody_touched(self, place: str) -> None:
        store = begun(place, drafts(0) + drafts(1))
        color = slot(store.items(0, "Li"), "target_color")
        store.edit(0, "Li", "a", [Edit(color.item, 0, {"value": "orange"})])
        other = [replace(row, value="new") for row in drafts(0) + drafts(1)]
        assert database_schema.take_drafts(store.database, "second", other, [0, 1]) == 1
        assert {row.said.value for row in store.items(1, "Li")} == {"new"}
        assert slot(store.items(0, "Li"), "target_color").said.value == "orange"


class TestTwoReviewers:
    def test_the_second_sees_the_draft_and_agreement_settles_it(self, place: str) -> None:
        store = begun(place, drafts(), reviewers=2)
        color = slot(store.items(0, "Li"), "target_color")
        store.edit(0, "Li", "a", [Edit(color.item, 0, {"value": "orange"})])
        assert approve(store, 0, "Li") == "draft"
        assert store.claim_next("Li") is None
        assert store.claim_next("Wang") == 0
        assert slot(store.items(0, "Wang"), "target_color").said.value == "red"
        store.edit(0, "Wang", "b", [Edit(color.item, 0, {"value": "orange"})])
        assert approve(store, 0, "Wang") == "approved"
        assert {row.reviewer for row in store.approved()} == {"Li + Wang"}
        (pair,) = agreements(store.everything())
        assert (pair.first, pair.second, pair.items, pair.share, pair.kappa) == ("Li", "Wang", 9, 1.0, 1.0)

    def test_what_they_differ_on_is_nobody_s_truth_until_it_is_settled(self, place: str) -> None:
        store = begun(place, drafts(), reviewers=2)
        color = slot(store.items(0, "Li"), "target_color")
        store.edit(0, "Li", "a", [Edit(color.item, 0, {"value": "orange"})])
        approve(store, 0, "Li")
        assert approve(store, 0, "Wang") == "disputed"
        assert "target_color" not in {row.slot for row in store.approved()}
        assert store.claim_next("Li") == 0
        now = slot(store.items(0, "Li"), "target_color")
        store.edit(0, "Li", "c", [Edit(now.item, now.version, {"value": "orange red"})])
        assert approve(store, 0, "Li") == "approved"
        assert {row.value for row in store.approved() if row.slot == "target_color"} == {"orange red"}
        (pair,) = agreements(store.everything())
        assert pair.share == pytest.approx(8 / 9)
        assert pair.kappa == pytest.approx(0.0)

    def test_kappa_is_cohen_s(self) -> None:
        # Cohen's kappa of the usual worked example: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no.
        pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
        assert cohens_kappa(pairs) == pytest.approx(0.4)
        assert cohens_kappa([("y", "y")]) is None


class TestBadDatabases:
    def test_one_of_another_version_is_refused_and_left_as_it_is(self, place: str) -> None:
        store = begun(place, drafts())
        with store.database.transaction() as tx:
            tx.run("UPDATE fact SET value = '99' WHERE name = 'schema'")
        with pytest.raises(FineVLAError, match="version 99 of the review, this is version 1"):
            ReviewStore(store.database)

    def test_one_of_another_mode_or_with_other_tables_is_refused(self, place: str) -> None:
        database = begun(place, drafts()).database
        with pytest.raises(FineVLAError, match="begun with --reviewers 1"):
            ReviewStore(database, 2)
        with database.transaction() as tx:
            tx.run("DROP TABLE fact")
        with pytest.raises(FineVLAError, match="holds other tables"):
            ReviewStore(database)

    def test_what_is_no_database_is_told_in_a_sentence(self, tmp_path: Path) -> None:
        (tmp_path / "a.db").write_bytes(b"not a database at all" * 300)
        with pytest.raises(FineVLAError, match=r"a\.db' cannot be opened: file is not a database"):
            Database(tmp_path / "a.db")
        with pytest.raises(FineVLAError, match="cannot be opened"):
            Database(tmp_path / "no" / "folder.db")

    def test_a_database_server_that_is_not_there_is_told_without_its_password(self) -> None:
        pytest.importorskip("psycopg", reason="no psycopg: 'make data-setup' brings it")
        with pytest.raises(FineVLAError) as told:
            Database("postgresql://me:secret@127.0.0.1:1/x")
        assert "127.0.0.1:1/x' cannot be opened" in str(told.value)
        assert "secret" not in str(told.value)
