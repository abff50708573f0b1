"""Promises of the review server: who may ask, what may be said, and that a crash loses nothing."""

import io
import json
import os
import socket
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

pytest.importorskip("aiohttp")
from lerobot_sets import CAMERAS, take, write
from review_stage import ReviewStage, data_set, drafts, write_drafts

from finevla_tools import cli
from finevla_tools.datasets.annotation_table import SCHEMA, read_annotations

ITEMS = "/api/episodes/0?reviewer=Li"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("review")
    data_set(folder / "set")
    write_drafts(folder / "annotations.parquet", [row for n in range(3) for row in drafts(n)])
    return folder


@pytest.fixture
def stage(folder: Path, tmp_path: Path) -> Iterator[ReviewStage]:
    with ReviewStage(folder / "set", folder / "annotations.parquet", "--db", str(tmp_path / "r.db")) as stage:
        yield stage


@pytest.fixture(scope="module")
def shared(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReviewStage]:
    """One server for all requests that must not change anything."""
    place = str(tmp_path_factory.mktemp("db") / "r.db")
    with ReviewStage(folder / "set", folder / "annotations.parquet", "--db", place) as stage:
        yield stage


def item(stage: ReviewStage, slot: str) -> dict[str, Any]:
    _, found = stage.ask("GET", ITEMS)
    return next(row for row in found["items"] if row["slot"] == slot)


def edited(stage: ReviewStage, value: str, version: int = 0, batch: str = "b", reviewer: str = "Li") -> tuple[int, Any]:
    name = item(stage, "target_color")["item"]
    said = {
        "reviewer": reviewer,
        "batch": batch,
        "edits": [{"item": name, "version": version, "changes": {"value": value}}],
    }
    return stage.ask("POST", "/api/episodes/0/edits", said)


def approved(stage: ReviewStage, reviewer: str = "Li") -> tuple[int, Any]:
    _, found = stage.ask("GET", ITEMS)
    versions = {row["item"]: row["version"] for row in found["items"]}
    said = {"reviewer": reviewer, "batch": "verdict", "versions": versions, "verdict": "approved"}
    return stage.ask("POST", "/api/episodes/0/verdict", said)


class TestAnswers:
    def test_the_whole_way_from_draft_to_export(self, stage: ReviewStage) -> None:
        assert stage.ask("POST", "/api/next", {"reviewer": "Li"})[1]["episode"] == 0
        assert edited(stage, "orange")[0] == 200
        status, said = edited(stage, "pink", batch="late")
        assert (status, "version 1, not 0" in said["error"]) == (409, True)
        assert approved(stage)[1]["status"] == "approved"
        _, content, headers = stage.raw("GET", "/api/export")
        assert "annotations.parquet" in headers["Content-Disposition"]
        table = pq.read_table(io.BytesIO(content))
        assert table.column_names == SCHEMA.names
        assert set(table["status"].to_pylist()) == {"approved"}
        assert "orange" in table["value"].to_pylist()
        assert stage.ask("GET", "/api/queue?status=all")[1]["counts"] == {
            "draft": 2, "disputed": 0, "approved": 1, "rejected": 0,
        }  # fmt: skip
        _, past = stage.ask("GET", "/api/episodes/0/history?reviewer=Li")
        values = [row["value"] for row in past["revisions"] if row["slot"] == "target_color"]
        assert values == ["red", "orange", "orange"]

    def test_videos_come_in_parts(self, shared: ReviewStage) -> None:
        _, found = shared.ask("GET", ITEMS)
        assert [video["camera"] for video in found["videos"]] == ["front", "left"]
        url = found["videos"][0]["url"]
        status, part, headers = shared.raw("GET", url, headers={"Range": "bytes=4-7"})
        assert (status, part) == (206, b"ftyp")
        assert headers["Content-Range"].startswith("bytes 4-7/")
        assert shared.raw("GET", "/video/0/9")[0] == 404
        assert shared.raw("GET", "/video/99/0")[0] == 400

    def test_tracks_are_the_data_set_s_own(self, shared: ReviewStage) -> None:
        _, found = shared.ask("GET", "/api/episodes/0/tracks")
        assert {(one["kind"], one["side"]) for one in found["signals"]} == {
            (kind, side) for kind in ("gripper", "joint_speed") for side in ("left", "right")
        }
        assert {len(one["points"]) for one in found["signals"]} == {len(found["times_s"])}

    def test_a_claim_is_for_one_and_can_be_given_back(self, stage: ReviewStage) -> None:
        assert stage.ask("POST", "/api/episodes/0/claim", {"reviewer": "Li"})[0] == 200
        status, said = stage.ask("POST", "/api/episodes/0/claim", {"reviewer": "Wang"})
        assert (status, "Li is at episode 0" in said["error"]) == (409, True)
        assert edited(stage, "x", reviewer="Wang")[0] == 409
        assert stage.ask("POST", "/api/episodes/0/release", {"reviewer": "Li"})[0] == 200
        assert stage.ask("POST", "/api/episodes/0/claim", {"reviewer": "Wang"})[0] == 200


class TestHostileRequests:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Host": "evil.example"},
            {"Host": "127.0.0.1.evil.example:80"},
            {"Host": "[::1"},
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://["},
            {"Origin": "http://[::1"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Content-Type": "text/plain"},
            {"Content-Type": "application/x-www-form-urlencoded"},
        ],
    )
    def test_pages_of_others_are_refused(self, shared: ReviewStage, headers: dict[str, str]) -> None:
        status, said = shared.ask("POST", "/api/next", {"reviewer": "Li"}, headers)
        assert status == 403
        assert set(said) == {"error"}
        if "Content-Type" not in headers:
            assert shared.ask("GET", "/api/review", headers=headers)[0] == 403

    @pytest.mark.parametrize(
        "path",
        ["/page/../server.py", "/page/..%2fserver.py", "/page/%2e%2e/%2e%2e/cli.py", "/video/0/../../x",
         "/../../etc/passwd", "/page/%00", "/video/-1/0", "/video/99999999999/0", "/api/nothing"],
    )  # fmt: skip
    def test_nothing_else_is_read(self, shared: ReviewStage, path: str) -> None:
        status, content, _ = shared.raw("GET", path)
        assert status in (400, 404)
        assert "error" in json.loads(content)

    @pytest.mark.parametrize(
        "said",
        [
            b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000, b'{"reviewer": NaN}',
            {}, {"reviewer": 3}, {"reviewer": " "}, {"reviewer": "x" * 61}, {"reviewer": "a\x00b"},
            {"reviewer": "Li", "batch": "b"}, {"reviewer": "Li", "batch": "", "edits": []},
            {"reviewer": "Li", "batch": "b", "edits": [1]},
            {"reviewer": "Li", "batch": "b", "edits": [{"item": "0-7", "version": "0", "changes": {"value": "x"}}]},
            {"reviewer": "Li", "batch": "b", "edits": [{"item": "0-7", "version": 0, "changes": {"episode": 2}}]},
            {"reviewer": "Li", "batch": "b", "edits": [{"item": "0-7", "version": 0, "changes": {"value": None}}]},
            {"reviewer": "Li", "batch": "b", "edits": [{"item": "0-7", "version": 0, "changes": {"from_s": True}}]},
            {"reviewer": "Li", "batch": "b", "edits": [{"item": "0-7", "version": 0, "changes": {"value": "x" * 4001}}]},
            {"reviewer": "Li", "batch": "b", "edits": [{"item": "no", "version": 0, "changes": {"value": "x"}}]},
            {"reviewer": "Li", "batch": "b", "edits": [{"item": "", "version": 0, "changes": {"value": "x"}}]},
            {"reviewer": "Li", "batch": "b", "edits": [{"item": "0-7", "version": 0, "changes": {"to_s": 1e400}}]},
            {"reviewer": "Li", "batch": "b", "edits": [{"item": "0-7", "version": 0, "changes": {"to_s": 10**400}}]},
            {"reviewer": "Li", "batch": "b", "edits": [{"item": "0-7", "version": 0, "changes": {"value": "\ud800"}}]},
            {"reviewer": "Li", "batch": "\ud800", "edits": [{"item": "0-7", "version": 0, "changes": {"value": "x"}}]},
        ],
    )  # fmt: skip
    def test_what_cannot_be_an_edit_gets_a_sentence(self, shared: ReviewStage, said: Any) -> None:
        content = said if isinstance(said, bytes) else json.dumps(said).encode()
        status, content, _ = shared.raw("POST", "/api/episodes/0/edits", content, {"Content-Type": "application/json"})
        assert status == 400
        assert "Traceback" not in json.loads(content)["error"]
        assert item(shared, "target_color")["version"] == 0

    def test_a_body_without_end_is_refused(self, shared: ReviewStage) -> None:
        assert shared.raw("POST", "/api/episodes/0/edits", b" " * (2 << 20))[0] in (400, 413)

    def test_answers_forbid_scripts_of_others_and_framing(self, shared: ReviewStage) -> None:
        _, content, headers = shared.raw("GET", "/")
        assert b"<script type=" in content
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"


class TestToken:
    def test_without_it_nothing_is_told_and_with_it_everything(self, folder: Path, tmp_path: Path) -> None:
        options = ("--db", str(tmp_path / "r.db"), "--token-env", "REVIEW_TOKEN")
        environment = {"REVIEW_TOKEN": "opensesame"}
        with ReviewStage(folder / "set", folder / "annotations.parquet", *options, env=environment) as stage:
            for path in ("/", "/api/review", "/video/0/0", "/page/review.js", "/?token=wrong"):
                assert stage.raw("GET", path)[0] == 401
            status, _, headers = stage.raw("GET", "/?token=opensesame", headers={"Host": "lab-pc:8040"})
            assert (status, headers["Location"]) == (303, "/")
            cookie = headers["Set-Cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie
            assert stage.raw("GET", "/", headers={"Cookie": cookie.partition(";")[0]})[0] == 200
            assert stage.ask("GET", "/api/review", headers={"Authorization": "Bearer opensesame"})[0] == 200
            assert stage.ask("GET", "/api/review", headers={"Authorization": "Bearer \u00e9"})[0] == 401

    def test_beyond_this_machine_one_is_needed(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        drafts_file = str(folder / "annotations.parquet")
        assert cli.main(["review", str(folder / "set"), "--annotations", drafts_file, "--host", "0.0.0.0"]) == 2
        assert "--token-env" in capsys.readouterr().err


class TestCrash:
    def test_a_killed_server_has_every_edit_that_it_answered(self, folder: Path, tmp_path: Path) -> None:
        given = (folder / "set", folder / "annotations.parquet", "--db", str(tmp_path / "r.db"))
        with ReviewStage(*given) as stage:
            for k in range(20):
                assert edited(stage, f"red {k}", k, f"b{k}")[0] == 200
            stage.kill()
        with ReviewStage(*given) as stage:
            found = item(stage, "target_color")
            assert (found["value"], found["version"]) == ("red 19", 20)
            assert edited(stage, "again", 19, "b19")[0] == 200  # its answer was lost: sent again it counts once
            assert item(stage, "target_color")["value"] == "red 19"

    def test_a_batch_of_another_episode_is_not_taken_for_one_sent_twice(self, stage: ReviewStage) -> None:
        assert edited(stage, "orange", batch="one")[0] == 200
        said = {"reviewer": "Li", "batch": "one", "edits": [{"item": "1-7", "version": 0, "changes": {"value": "x"}}]}
        status, answer = stage.ask("POST", "/api/episodes/1/edits", said)
        assert (status, "was of episode 0" in answer["error"]) == (400, True)

    def test_a_fault_of_the_database_is_no_fault_of_the_edit(self, stage: ReviewStage, tmp_path: Path) -> None:
        # The page sends again what gets 503, and drops what gets 400.
        with sqlite3.connect(tmp_path / "r.db") as other:
            other.execute("ALTER TABLE batch RENAME TO elsewhere")
        status, answer = edited(stage, "orange")
        assert (status, "cannot be used" in answer["error"]) == (503, True)
        with sqlite3.connect(tmp_path / "r.db") as other:
            other.execute("ALTER TABLE elsewhere RENAME TO batch")
        assert edited(stage, "orange")[0] == 200
        assert item(stage, "target_color")["value"] == "orange"


class TestTwoReviewers:
    def test_neither_sees_the_other_until_both_have_judged(self, folder: Path, tmp_path: Path) -> None:
        options = ("--db", str(tmp_path / "r.db"), "--reviewers", "2")
        with ReviewStage(folder / "set", folder / "annotations.parquet", *options) as stage:
            assert edited(stage, "orange")[0] == 200
            assert approved(stage)[1]["status"] == "draft"
            _, seen = stage.ask("GET", "/api/episodes/0?reviewer=Wang")
            _, past = stage.ask("GET", "/api/episodes/0/history?reviewer=Wang")
            assert "orange" not in json.dumps([seen, past])
            versions = {row["item"]: row["version"] for row in seen["items"]}
            said = {"reviewer": "Wang", "batch": "w", "versions": versions, "verdict": "approved"}
            assert stage.ask("POST", "/api/episodes/0/verdict", said)[1]["status"] == "disputed"
            assert item(stage, "target_color")["alternatives"] == ["Li: orange", "Wang: red"]
            (pair,) = stage.ask("GET", "/api/agreement")[1]["pairs"]
            assert (pair["first"], pair["second"], pair["items"]) == ("Li", "Wang", 9)


class TestCommand:
    def test_export_writes_what_is_approved_and_every_version(
        self, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        given = (folder / "set", folder / "annotations.parquet", "--db", str(tmp_path / "r.db"))
        with ReviewStage(*given) as stage:
            edited(stage, "orange")
            approved(stage)
        out = tmp_path / "approved.parquet"
        assert cli.main(["review", str(given[0]), "--db", given[3], "--export", str(out)]) == 0
        assert "9 approved annotations" in capsys.readouterr().out
        rows = read_annotations(out)
        assert {row.value for row in rows if row.slot == "target_color"} == {"orange"}
        assert {(row.status, row.reviewer) for row in rows} == {("approved", "Li")}
        past = pq.read_table(tmp_path / "approved_history.parquet").to_pylist()
        assert len(past) == 27 + 1 + 9
        assert {row["action"] for row in past} == {"draft", "edit", "verdict"}

    @pytest.mark.parametrize(
        ("given", "sentence"),
        [
            (["no"], "'no' does not exist"),
            (["{set}"], "give --annotations FILE"),
            (["{set}", "--annotations", "{none}"], "is no file; 'finevla annotate' writes such a table"),
            (["{set}", "--annotations", "{bad}"], "cannot be read as Parquet"),
            (["{set}", "--annotations", "{set}/data/chunk-000/episode_000000.parquet"], "is no table of annotations"),
            (["{folder}", "--annotations", "{drafts}"], "is no LeRobot data set"),
            (["{set}", "--annotations", "{drafts}", "--port", "70000"], "between 0 and 65535"),
            (["{set}", "--annotations", "{drafts}", "--db", "mysql://x/y"], "--db takes a file or postgresql://"),
            (["{set}", "--annotations", "{drafts}", "--db", "{bad}"], "file is not a database"),
            (["{set}", "--annotations", "{drafts}", "--port", "{taken}"], "cannot be used"),
        ],
    )
    def test_mistakes_get_one_sentence(
        self, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str], sentence: str
    ) -> None:
        (tmp_path / "bad").write_bytes(b"nothing of the kind" * 100)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            names = {
                "set": str(folder / "set"), "folder": str(folder), "drafts": str(folder / "annotations.parquet"),
                "none": str(tmp_path / "none"), "bad": str(tmp_path / "bad"), "taken": str(taken.getsockname()[1]),
            }  # fmt: skip
            arguments = ["review", *(one.format(**names) for one in given)]
            if "--db" not in arguments:
                arguments += ["--db", str(tmp_path / "r.db")] if "--annotations" in arguments else []
            assert cli.main(arguments) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert sentence in error
        assert error.startswith("error: ")

    def test_a_review_is_of_one_data_set(
        self, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        place = str(tmp_path / "r.db")
        with ReviewStage(folder / "set", folder / "annotations.parquet", "--db", place):
            pass
        other = write(tmp_path / "other", [take(seed, cameras=CAMERAS) for seed in (7, 8, 9)])
        out = str(tmp_path / "approved.parquet")
        assert cli.main(["review", str(other), "--db", place, "--export", out]) == 2
        assert "was begun on another data set: episode 0 had " in capsys.readouterr().err
        longer = write(
            tmp_path / "longer", [take(seed, cameras=CAMERAS) for seed in range(4)]
        )  # the same, and one more
        assert cli.main(["review", str(longer), "--db", place, "--export", out]) == 0

    def test_drafts_of_another_data_set_are_refused(
        self, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        one = write(tmp_path / "one", [take(0, cameras=CAMERAS)])
        given = ["review", str(one), "--db", str(tmp_path / "r.db"), "--export", str(tmp_path / "out.parquet")]
        assert cli.main([*given, "--annotations", str(folder / "annotations.parquet")]) == 2
        assert "it has rows of episode 1, which the data set does not have" in capsys.readouterr().err
        late = [replace(row, from_s=60.0, to_s=61.0) for row in drafts(0)]
        assert cli.main([*given, "--annotations", str(write_drafts(tmp_path / "late.parquet", late))]) == 2
        assert "begins at 60.00 s, after its" in capsys.readouterr().err

    def test_the_data_set_is_not_touched(self, folder: Path, tmp_path: Path) -> None:
        def state() -> list[tuple[str, int, int]]:
            return sorted((str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in (folder / "set").rglob("*"))

        before = state()
        with ReviewStage(folder / "set", folder / "annotations.parquet", "--db", str(tmp_path / "r.db")) as stage:
            edited(stage, "orange")
            approved(stage)
            stage.raw("GET", "/video/0/0")
        assert state() == before
        assert os.path.getsize(tmp_path / "r.db") > 0
