"""Promises of SteerBench to a vision-language-action policy: its bundle is let in as any other, and its faults are its own."""

import threading
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch comes with 'make train-setup'; the robot does without")
pytest.importorskip("pyarrow", reason="pyarrow comes with 'make train-setup'; the robot does without")

from made_samples import MadeSamples
from tiny_backbone import make_tiny_backbone
from vla_runs import run_config

from finevla_core.chunk import ActionChunk
from finevla_core.policy.bundle_policy import BundlePolicy
from finevla_tools.cli import main
from finevla_tools.export_vla import export_vla
from finevla_tools.steerbench.benchmarked_policies import contestant_of
from finevla_tools.steerbench.cases import frozen_cases
from finevla_tools.steerbench.result_files import read_result
from finevla_tools.steerbench.runner import CaseRunner
from finevla_tools.training.trainer import train

CASE = next(case for case in frozen_cases() if case.key == "easy/hand_bowl/0")  # of one trial


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vla")
    config = run_config(make_tiny_backbone(folder / "backbone"), steps=1, validate_every=1, save_every=1)
    train(config, MadeSamples(), folder / "run")
    return export_vla(folder / "run", folder / "bundle", "", "blend")


def test_a_vla_bundle_is_let_in_by_its_folder_alone(bundle: Path) -> None:
    identity = contestant_of(str(bundle), None, False).identity()
    assert (identity["name"], identity["runtime"], identity["is_on_server"]) == ("bundle", "torch", False)
    assert len(identity["sha256"]) == 64


def test_a_vla_policy_that_crashes_or_hangs_in_a_trial_is_counted_and_named(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails in the middle of a trial, and each time it is loaded anew."""
    contestant = contestant_of(str(bundle), None, False)
    predict, seen = BundlePolicy.predict, [0]

    def failing(fail: Any) -> Any:
        def answer(self: BundlePolicy, *asked: Any) -> ActionChunk:
            seen[0] += 1
            return predict(self, *asked) if seen[0] % 3 else fail()

        return answer

    def crash() -> None:
        raise torch.OutOfMemoryError("out of\nmemory")

    monkeypatch.setattr(BundlePolicy, "predict", failing(crash))
    run = CaseRunner(contestant, 60.0)
    first = run.trier
    (row,) = run.run(CASE)
    assert row["fault"] == "crash: OutOfMemoryError: out of memory"
    assert (row["points"], row["is_solved"], row["is_steered"]) == (0.0, False, False)
    assert run.trier is not first
    monkeypatch.setattr(BundlePolicy, "predict", failing(lambda: threading.Event().wait()))
    run.limit_s = 5.0
    (row,) = run.run(CASE)
    assert row["fault"] == "hang: no end within 5 s"


@pytest.mark.slow
def test_one_command_from_a_vla_bundle_to_a_result(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("finevla_tools.steerbench.cases.frozen_cases", lambda: (CASE,))
    words = ["bench", "steer", str(bundle), "--rounds", "1", "--out", str(tmp_path / "out"), "--videos", "0"]
    assert main([*words, "--processes", "1"]) == 0
    monkeypatch.undo()
    body, _, rows = read_result(tmp_path / "out")
    assert body["policy"]["name"] == "bundle"
    assert [(row["setting"], row["fault"]) for row in rows] == [("hand_bowl", "")]
    assert rows[0]["accepted"] + rows[0]["refused"] > 0
    assert main(["bench", "steer", "--verify", str(tmp_path / "out/result.json")]) == 1  # whole, and not signed
