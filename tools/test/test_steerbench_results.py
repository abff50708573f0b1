"""Promises of SteerBench's results: one file that agrees with itself, can be signed, compared, and shown as a page."""

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow comes with 'make train-setup'; the robot does without")
pytest.importorskip("cryptography", reason="cryptography comes with 'make security-setup'")

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from markupsafe import escape

from finevla_core.errors import FineVLAError
from finevla_tools import cli
from finevla_tools.steerbench import cases as steer_cases
from finevla_tools.steerbench import result_files
from finevla_tools.steerbench import runner as steer_runner
from finevla_tools.steerbench.benchmark_settings import SETTINGS
from finevla_tools.steerbench.benchmarked_policies import contestant_of
from finevla_tools.steerbench.cases import frozen_cases
from finevla_tools.steerbench.partial_credit import WEIGHTS, points
from finevla_tools.steerbench.result_files import (
    make_body,
    paired_differences,
    read_result,
    rows_sha256,
    summarise_rows,
    write_result,
)
from finevla_tools.steerbench.result_pages import (
    comparison_tables,
    result_page,
    result_tables,
    steer_video_name,
    verdicts_of,
)
from finevla_tools.steerbench.result_signing import check_signature, read_private_key, sign_result

MILESTONES = ("arm", "object", "approach", "goal")


def made_rows(rounds: int = 2, luck: float = 1.0, seed: int = 0, level: str = "easy") -> list[dict[str, Any]]:
    """Rows as a run makes them, each milestone earned with a chance of `luck`."""
    dice = np.random.default_rng(seed)
    rows = []
    for case in frozen_cases():
        if case.number >= rounds or case.level != level:
            continue
        for member in range(1 if case.setting == "hand_bowl" else 2):
            earned = {name: float(dice.random() < luck) for name in MILESTONES}
            rows.append(
                {
                    **{name: getattr(case, name) for name in ("setting", "level", "number", "task", "seed")},
                    **{f"credit_{name}": earned.get(name) for name in WEIGHTS},
                    "member": member, "text": f"go <{member}>", "told": ["active_actor"], "chance": 0.25,
                    "points": points(earned), "is_solved": points(earned) == 100.0, "is_steered": earned["arm"] > 0,
                    "fault": "", "happened": "", "seconds": 4.0,
                }
            )  # fmt: skip
    return rows


ORACLE = contestant_of("oracle", None, False).identity()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return written(tmp_path / "steer.pem", Ed25519PrivateKey.generate())


def written(path: Path, key: Any, password: bytes = b"") -> Path:
    """A private key as openssl writes it, and the public one beside it."""
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, hidden))
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    path.with_suffix(".pub").write_bytes(public)
    return path


def test_a_result_comes_back_as_it_was_written(tmp_path: Path) -> None:
    rows = made_rows(luck=0.6)
    body = make_body(ORACLE, rows, "2026-01-01T00:00:00+00:00")
    write_result(tmp_path, body, None)
    again, signature, found = read_result(tmp_path)
    assert (again, signature, found) == (body, None, rows)
    assert pq.read_table(tmp_path / result_files.TABLE).to_pylist() == rows
    assert body["trials_sha256"] == rows_sha256(rows) != rows_sha256(made_rows(luck=0.5))
    assert set(body["versions"]) >= {"python", "numpy", "mujoco", "machine"}


def test_a_summary_counts_points_pairs_and_errors_by_case() -> None:
    rows = [row for row in made_rows(3) if row["setting"] in ("arm", "hand_bowl")]
    arm = [row for row in rows if row["setting"] == "arm"]
    for row, value in zip(arm, (100.0, 100.0, 100.0, 0.0, 0.0, 0.0), strict=True):
        row |= {"points": value, "is_solved": value == 100.0, "is_steered": value == 100.0}
    found = summarise_rows(rows)["easy"]
    setting = found["settings"]["arm"]
    assert setting["points"] == 50.0
    assert setting["standard_error"] == pytest.approx(50.0 / np.sqrt(3))  # of three cases with 100, 50 and 0
    assert (setting["solved"].right, setting["solved"].trials) == (3, 6)
    assert (setting["pairs"].right, setting["pairs"].trials) == (1, 3)
    assert found["settings"]["hand_bowl"]["pairs"].trials == 0
    assert found["means"] == {}  # not all settings are there


Change = Callable[[dict[str, Any]], None]


def cut(body: dict[str, Any]) -> None:
    body["trials_parquet"] = body["trials_parquet"][:400]


def reworked(change: Callable[[list[dict[str, Any]]], None]) -> Change:
    """Change the trials, and nothing that is said of them."""

    def rework(body: dict[str, Any]) -> None:
        rows = made_rows(luck=0.6)
        change(rows)
        body["trials_parquet"] = base64.b64encode(result_files.parquet_of(rows)).decode()

    return rework


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda body: body["benchmark"].update(version=2), "is of SteerBench 2 with cases .* cannot be compared"),
        (lambda body: body["benchmark"].update(cases_sha256="0" * 64), "with cases 000000000000, and here is"),
        (lambda body: body.update(benchmark=None), "is of None None"),
        (lambda body: body.update(schema="finevla.evaluation/1"), "is no result.json of 'finevla bench steer'"),
        (lambda body: body.pop("policy"), "does not say of which policy it is"),
        (lambda body: body["summary"]["easy"].update(faults=1), "its summary is not that of its trials"),
        (cut, "the trials in .* are damaged"),
        (lambda body: body.pop("trials_parquet"), "the trials in .* are damaged"),
        (reworked(lambda rows: rows[0].update(points=99.0)), "points of case 'easy/clean/0' are not those"),
        (
            reworked(lambda rows: rows[0].update(seed=7)),
            "case 'easy/clean/0' is not that of SteerBench 1, or not whole",
        ),
        (reworked(lambda rows: rows.pop(0)), "case 'easy/clean/0' is not that of SteerBench 1, or not whole"),
        (reworked(lambda rows: rows.append(rows[0])), "case 'easy/clean/0' is not that of SteerBench 1, or not whole"),
        (reworked(lambda rows: rows[0].update(is_steered=not rows[0]["is_steered"])), "trials are not those it names"),
    ],
)
def test_a_result_that_does_not_agree_with_itself_is_refused(tmp_path: Path, change: Change, said: str) -> None:
    body = make_body(ORACLE, made_rows(luck=0.6), "now")
    change(body)
    (tmp_path / result_files.RESULT).write_text(json.dumps({"body": body, "signature": None}))
    with pytest.raises(FineVLAError, match=said):
        read_result(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"body": 3}', "no", "[" * 100_000])
def test_what_is_no_result_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(FineVLAError, match="is no result.json of 'finevla bench steer'"):
        read_result(tmp_path / "x.json")
    with pytest.raises(FineVLAError, match="cannot be read"):
        read_result(tmp_path / "nowhere.json")


def test_a_signature_holds_for_this_body_alone(key: Path) -> None:
    body = make_body(ORACLE, made_rows(1), "now")
    signature = sign_result(body, key)
    signer = check_signature(json.loads(json.dumps(body)), signature)
    assert len(signer) == 64
    for changed in (body | {"made_at": "later"}, body | {"policy": ORACLE | {"name": "mine"}}):
        with pytest.raises(FineVLAError, match="changed after it was signed"):
            check_signature(changed, signature)
    for broken in (signature | {"value": "?"}, {"algorithm": "ed25519"}, signature | {"public_key": "AAAA"}):
        with pytest.raises(FineVLAError, match="its signature is damaged"):
            check_signature(body, broken)
    with pytest.raises(FineVLAError, match="not of ed25519"):
        check_signature(body, {"algorithm": "none"})


def test_a_key_that_cannot_sign_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no key")
    hidden = written(tmp_path / "hidden.pem", Ed25519PrivateKey.generate(), b"secret")
    other = written(tmp_path / "other.pem", ec.generate_private_key(ec.SECP256R1()))
    for path, said in (
        (tmp_path / "nowhere", "cannot be read .*; make one with 'openssl genpkey"),
        (tmp_path / "text", "is no private key"),
        (hidden, "has a password"),
        (other, "is no ed25519 key"),
    ):
        with pytest.raises(FineVLAError, match=said):
            read_private_key(path)


def test_the_command_verifies_and_says_what_is_wrong(
    tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = make_body(ORACLE, made_rows(1), "now")
    write_result(tmp_path, body, None)
    verify = ["bench", "steer", "--verify", str(tmp_path)]
    assert cli.main(verify) == 1
    assert "not signed: whoever has the file may have changed it" in capsys.readouterr().out
    assert cli.main([*verify, "--public-key", str(key.with_suffix(".pub"))]) == 2
    assert "is not signed" in capsys.readouterr().err
    write_result(tmp_path, body, sign_result(body, key))
    assert cli.main([*verify, "--public-key", str(key.with_suffix(".pub"))]) == 0
    assert "signed, and not changed since" in capsys.readouterr().out
    stranger = written(tmp_path / "stranger.pem", Ed25519PrivateKey.generate())
    assert cli.main([*verify, "--public-key", str(stranger.with_suffix(".pub"))]) == 2
    assert "was signed with another key" in capsys.readouterr().err


def test_two_results_are_compared_over_the_rounds_that_both_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = made_rows(40, luck=0.95), made_rows(30, luck=0.4, seed=1)
    assert paired_differences(bad, good, "easy", tuple(SETTINGS)).shape == (30, 10)
    found = verdicts_of(bad, good, "easy", 2.0)
    assert found["all"].startswith("better (after ")
    assert set(found) == {"all", *SETTINGS}
    assert verdicts_of(good, bad, "easy", 2.0)["all"].startswith("worse")
    assert verdicts_of(good, bad, "hard", 2.0)["all"].startswith("not yet known")
    for name, rows in (("good", good), ("bad", bad)):
        (tmp_path / name).mkdir()
        write_result(tmp_path / name, make_body(ORACLE | {"name": name}, rows, "now"), None)
    assert cli.main(["bench", "steer", "--compare", str(tmp_path / "bad"), str(tmp_path / "good")]) == 0
    said = capsys.readouterr().out
    assert "| setting | bad | good |" in said
    assert "| all | better" in said
    assert [table.heads for table in comparison_tables({"a": good, "b": made_rows(2, level="hard")}, 2.0)] == [
        ["setting", "a"],
        ["setting", "b"],
    ]


def test_a_page_shows_points_faults_milestones_and_videos() -> None:
    rows = made_rows(2)
    rows[0] |= {"fault": "crash: ZeroDivisionError: no <speed>"}
    shown = [case for case in frozen_cases() if case.number == 0 and case.level == "easy"]
    page = result_page(ORACLE, rows, shown)
    for table in result_tables(rows):
        assert all(str(escape(cell)) in page for row in table.rows for cell in row)
    assert "easy/clean/0, trial 0: crash: ZeroDivisionError: no &lt;speed&gt;" in page
    assert "failed in 1 trials, which count with 0 points" in page
    for case in shown:
        assert f"videos/{steer_video_name(case)}" in page
    assert "“go &lt;0&gt;” / “go &lt;1&gt;”" in page


def test_a_run_beside_another_result_ends_as_soon_as_it_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = made_rows(100), made_rows(100, luck=0.1)
    (tmp_path / "good").mkdir()
    write_result(tmp_path / "good", make_body(ORACLE, good, "now"), None)
    asked: list[int] = []

    def run(cases: Any, *_: Any) -> Any:
        asked.append(len(cases))
        return [row for row in bad if any((c.setting, c.number) == (row["setting"], row["number"]) for c in cases)]

    monkeypatch.setattr(steer_runner, "run_cases", run)
    words = ["bench", "steer", "oracle", "--against", str(tmp_path / "good"), "--out", str(tmp_path / "bad")]
    assert cli.main(words) == 0
    said = capsys.readouterr().out
    assert "easy: worse (after " in said
    assert asked == list(range(50, asked[-1] + 1, 50))
    assert asked[-1] < 500


@pytest.mark.slow
def test_the_command_runs_signs_and_films(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = tuple(case for case in frozen_cases() if case.setting in ("pose", "hand_bowl") and case.number == 0)
    monkeypatch.setattr(steer_cases, "frozen_cases", lambda: few)
    out = tmp_path / "random"
    words = ["bench", "steer", "random", "--out", str(out), "--rounds", "1", "--processes", "2", "--key", str(key)]
    assert cli.main(words) == 0
    assert "| pose | " in capsys.readouterr().out
    _, signature, rows = read_result(out)
    assert signature is not None
    assert len(rows) == 3
    assert not any(row["is_solved"] or row["fault"] for row in rows)
    assert (out / "videos" / "easy_pose_0.mp4").stat().st_size > 10_000
    assert "videos/easy_pose_0.mp4" in (out / "index.html").read_text()
    shutil.rmtree(out / "videos")
    assert cli.main([*words, "--videos", "0", "--level", "both"]) == 0
    assert len(read_result(out)[2]) == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name a policy, e.g. 'finevla bench steer models/tabletop'"),
        (["oracle", "--rounds", "101"], "--rounds is 101; SteerBench 1 has 100"),
        (["oracle", "--rounds", "0"], "--rounds is 0"),
        (["oracle", "--trial-limit", "0"], "--trial-limit is 0"),
        (["oracle", "--margin", "nan"], "--margin is nan"),
        (["oracle", "--key", "nowhere.pem"], "key 'nowhere.pem' cannot be read"),
        (["oracle", "--out", "models/tabletop"], "'models/tabletop' holds a policy bundle"),
        (["--verify", "nowhere"], "'nowhere' cannot be read"),
        (["--compare", "nowhere"], "'nowhere' cannot be read"),
    ],
)
def test_mistakes_at_the_door_are_one_sentence(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "steer", *words]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ")
    assert said in error
