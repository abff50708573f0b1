"""Promises of `finevla bench mixture`: cells that go on where they ended, faults that cost one cell, means that tell chance."""

import dataclasses
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

torch = pytest.importorskip("torch", reason="torch comes with 'make train-setup'; the robot does without")
pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow comes with 'make train-setup'; the robot does without")

from made_samples import MadeSamples
from tiny_backbone import make_tiny_backbone
from training_sets import KEYS, make_set
from vla_runs import run_config

from finevla_core.errors import DiskFullError, FineVLAError
from finevla_tools.cli import main
from finevla_tools.mixture_study import command, resource_estimate, trials
from finevla_tools.mixture_study import study_cell as study_cell
from finevla_tools.mixture_study.page import findings, study_page, study_tables
from finevla_tools.mixture_study.paper_results import RATIOS as IN_PAPER
from finevla_tools.mixture_study.paper_results import REAL_ROBOT, ROBOTWIN
from finevla_tools.mixture_study.result_tables import rows_of, scores_of, seed_mean
from finevla_tools.mixture_study.study_cell import CellEnd, CellJob, read_cell, run_cell
from finevla_tools.mixture_study.study_config import (
    RATIOS,
    MixtureStudy,
    StudyCell,
    StudyEvaluation,
    load_study,
    parse_study,
)
from finevla_tools.training.run_folder import checkpoint_steps
from finevla_tools.training.trainer import train

TRIED = {"score": 40.0, "trials": 2, "faults": 0, "stopped": 0.5, "part_arm": 40.0}


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_backbone(tmp_path_factory.mktemp("backbone"))


def write_run(folder: Path, backbone: Path | str = "backbone", **training: Any) -> Path:
    file = folder / "run.yaml"
    file.write_text(yaml.safe_dump(run_config(Path(backbone), **training).plain()))
    return file


def study_of(folder: Path, **entries: Any) -> MixtureStudy:
    return parse_study({"name": "tiny", "run": str(write_run(folder))} | entries)


def score_row(cell: StudyCell, score: float) -> CellEnd:
    return CellEnd(study_cell.place_of(cell) | {"score": score, "trials": 2, "part_arm": score})


def test_a_study_is_every_ratio_head_and_seed_of_one_run(tmp_path: Path) -> None:
    study = study_of(tmp_path, heads={"oft": {"hidden": 32}, "gr00t": None}, seeds=[3, 4])
    cells = study.cells()
    assert len(cells) == len({cell.name for cell in cells}) == 7 * 2 * 2
    assert RATIOS == IN_PAPER
    assert [cell.seed for cell in cells] == [3] * 14 + [4] * 14
    one = next(cell for cell in cells if (cell.head, cell.ratio, cell.seed) == ("oft", "1:4", 4))
    assert one.name == "oft_1to4_seed4"
    assert (one.config.data.mix, one.config.training.seed, one.config.policy.options) == ("1:4", 4, {"hidden": 32})
    same = dataclasses.replace(one.config, policy=study.base.policy, data=study.base.data)
    assert dataclasses.replace(same, training=study.base.training) == study.base


def test_heads_that_are_listed_keep_the_run_s_options_for_its_own(tmp_path: Path) -> None:
    raw = run_config(Path("backbone"), options={"hidden": 32}).plain()
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(raw))
    study = parse_study({"name": "tiny", "run": str(tmp_path / "run.yaml"), "heads": ["oft", "pi"], "ratios": ["raw"]})
    assert study.heads == {"oft": {"hidden": 32}, "pi": {}}
    assert study.ratios == ("0:1",)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"ratio": ["1:1"]}, "unknown entry 'ratio'; did you mean 'ratios'"),
        ({"ratios": [61]}, "put them in quotes"),
        ({"ratios": ["3:1"]}, "'3:1' is none; known are 1:0"),
        ({"ratios": ["raw", "0:1"]}, "'0:1' is there twice"),
        ({"seeds": [0, 0]}, "'0' is there twice"),
        ({"seeds": [-1]}, "give whole numbers"),
        ({"seeds": 3}, "seeds must list at least one"),
        ({"heads": ["language"]}, "'language' makes no actions"),
        ({"heads": {}}, "heads is empty"),
        ({"evaluation": {"by": "eye"}}, "evaluation.by: unknown way 'eye'"),
        ({"evaluation": {"pairs": 3}}, "evaluation by steerbench: unknown entry 'pairs'"),
        ({"evaluation": {"rounds": 101}}, "evaluation.rounds is 101; it must be between 1 and 100"),
        ({"evaluation": {"level": "odd"}}, "unknown level 'odd'"),
        ({"evaluation": {"only": ["fly"]}}, "unknown task 'fly'"),
        ({"name": "a/b"}, "name of a folder"),
        ({"run": "nowhere.yaml"}, "'nowhere.yaml' cannot be read"),
    ],
)
def test_a_wrong_entry_is_refused_in_one_sentence(tmp_path: Path, entries: dict[str, Any], said: str) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump({"name": "tiny", "run": str(write_run(tmp_path))} | entries))
    with pytest.raises(FineVLAError, match=said) as caught:
        load_study(file)
    assert "\n" not in str(caught.value)


def test_every_way_to_try_a_policy_has_its_cases() -> None:
    every = trials.steer_cases(StudyEvaluation(rounds=2, level="both"))
    assert len(every) == 2 * 2 * 10
    turns = trials.steer_cases(StudyEvaluation(rounds=2, only=("turn",)))
    assert {case.task for case in turns} == {"turn"}
    assert trials.robot_seconds(StudyEvaluation(rounds=1, only=("turn",)))[0] == 2 * sum(c.number == 0 for c in turns)
    some = StudyEvaluation(by="evaluate", pairs=1, tasks=0, held_out=0, only=("pick",))
    assert {case.task for case in trials.evaluate_cases(some)} == {"pick"}
    with pytest.raises(FineVLAError, match="there is no such case"):
        trials.evaluate_cases(dataclasses.replace(some, pairs=0))


def test_a_score_by_evaluate_is_the_share_of_pairs_that_were_obeyed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trial(number: int, member: int, is_obeyed: bool) -> dict[str, Any]:
        return {
            "contestant": "policy", "kind": "active_actor", "task": "reach", "number": number, "member": member,
            "level": "easy", "words": "fine", "told": ["active_actor"], "obeyed": {"active_actor": is_obeyed},
            "success": is_obeyed, "score": 100.0 * is_obeyed, "latched": "" if is_obeyed else "chunk.velocity",
            "accepted": 9, "refused": 0, "seconds": 4.0, "wall_s": 1.0,
        }  # fmt: skip

    records = [trial(number, member, (number, member) != (1, 1)) for number in range(2) for member in range(2)]
    asked: list[Any] = []

    def run_jobs(jobs: Any, *_: Any) -> list[dict[str, Any]]:
        asked.extend(jobs)
        return records

    monkeypatch.setattr(trials, "open_folder", lambda *_: None)
    monkeypatch.setattr(trials, "run_jobs", run_jobs)
    evaluation = StudyEvaluation(by="evaluate", pairs=2, tasks=0, held_out=0, only=("reach",))
    found = trials.try_policy(evaluation, tmp_path / "bundle", tmp_path, 1)
    assert {job.case.task for job in asked} == {"reach"}
    assert found == {"score": 50.0, "trials": 4, "faults": 0, "stopped": 0.25, "part_active_actor": 50.0}
    records.clear()
    with pytest.raises(FineVLAError, match="no pair was tried"):
        trials.try_policy(evaluation, tmp_path / "bundle", tmp_path, 1)


def job_of(folder: Path, backbone: Path, data: str = "made-0") -> CellJob:
    config = run_config(backbone, steps=2, save_every=1, validate_every=2)
    return CellJob(StudyCell("oft", "1:1", 0, config), StudyEvaluation(), folder / "cell", data, 1)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Samples without a set, and trials without a simulator; the bundles that were tried."""
    tried: list[Path] = []

    def try_policy(_: StudyEvaluation, bundle: Path, *__: Any) -> dict[str, Any]:
        tried.append(bundle)
        return TRIED

    monkeypatch.setattr(study_cell, "opened", lambda *_: MadeSamples())
    monkeypatch.setattr(trials, "try_policy", try_policy)
    return tried


def test_a_cell_is_trained_exported_and_tried_and_not_again(tmp_path: Path, backbone: Path, made: list[Path]) -> None:
    job = job_of(tmp_path, backbone)
    end = run_cell(job)
    assert not end.fault, end.odd and end.odd.trace
    assert made == [tmp_path / "cell/bundle"]
    assert (tmp_path / "cell/bundle/manifest.yaml").is_file()
    assert {"head": "oft", "ratio": "1:1", "fine_share": 0.5, "seed": 0, "score": 40.0}.items() <= end.row.items()
    assert end.row["held_out_loss"] > 0.0
    assert read_cell(job.folder, job.cell, job.evaluation) == end.row
    other = dataclasses.replace(
        job.cell, config=run_config(backbone, steps=2, save_every=1, validate_every=2, rate=0.5)
    )
    with pytest.raises(FineVLAError, match=r"made with config.training.rate 0.003, and it is 0.5 now"):
        read_cell(job.folder, other, job.evaluation)
    with pytest.raises(FineVLAError, match=r"made with evaluation.rounds 5, and it is 6 now"):
        read_cell(job.folder, job.cell, StudyEvaluation(rounds=6))


def test_a_cell_goes_on_from_what_a_killed_one_left(
    tmp_path: Path, backbone: Path, made: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(tmp_path, backbone)
    half = dataclasses.replace(job.cell.config.training, steps=2)
    first = dataclasses.replace(job.cell.config, training=dataclasses.replace(half, steps=1))
    train(first, MadeSamples(), job.folder / "train")  # as if killed behind its first checkpoint
    assert read_cell(job.folder, job.cell, job.evaluation) is None
    assert not run_cell(job).fault
    assert checkpoint_steps(job.folder / "train") == [1, 2]
    (job.folder / "cell.json").unlink()  # as if killed among the trials

    def never(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(study_cell, "_train", never)
    assert run_cell(job).row["score"] == 40.0


def test_a_cell_s_faults_are_named_and_a_full_disk_ends_all(
    tmp_path: Path, backbone: Path, made: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "its data are not those of the study" in run_cell(job_of(tmp_path, backbone, "other")).fault

    def failing(error: Exception) -> CellEnd:
        def fail(_: CellJob) -> None:
            raise error

        monkeypatch.setattr(study_cell, "_made", fail)
        return run_cell(job_of(tmp_path, backbone))

    end = failing(ZeroDivisionError("no\nspeed"))
    assert end.fault == "cell 'oft 1:1 seed 0': an error that finevla did not expect (ZeroDivisionError: no speed)"
    assert end.odd is not None
    assert end.row == {"head": "oft", "ratio": "1:1", "fine_share": 0.5, "seed": 0}
    with pytest.raises(DiskFullError):
        failing(DiskFullError("full"))


def test_means_over_seeds_have_the_interval_of_student_s_t() -> None:
    one = seed_mean([1.0, 2.0, 3.0])
    assert (one.mean, one.seeds) == (2.0, 3)
    assert one.high == pytest.approx(2.0 + 4.30265 / math.sqrt(3), abs=1e-4)
    assert one.low == pytest.approx(4.0 - one.high)
    alone = seed_mean([5.0])
    assert (alone.mean, alone.seeds) == (5.0, 1)
    assert math.isnan(alone.low)
    assert math.isnan(seed_mean([]).mean)


def test_gains_are_seed_by_seed_and_of_the_seeds_that_have_both(tmp_path: Path) -> None:
    study = study_of(tmp_path, ratios=["0:1", "1:1"], seeds=[0, 1, 2])
    points = {("0:1", 0): 10.0, ("0:1", 1): 50.0, ("1:1", 0): 12.0, ("1:1", 1): 53.0, ("1:1", 2): 90.0}
    cells = study.cells()
    ends = {c.name: score_row(c, points[c.ratio, c.seed]) for c in cells if (c.ratio, c.seed) in points}
    raw, mixed = scores_of(study, rows_of(cells, ends))
    assert (raw.score.seeds, mixed.score.seeds, mixed.gain.seeds) == (2, 3, 2)
    assert mixed.gain.mean == pytest.approx(2.5)
    assert math.isnan(raw.gain.mean)
    (said,) = findings([raw, mixed])
    assert "oft: most points with 1:1" in said
    assert "may be chance" in said


def test_the_page_has_the_curve_the_paper_s_tables_and_what_failed(tmp_path: Path) -> None:
    study = study_of(tmp_path, ratios=["0:1", "1:1"], seeds=[0, 1])
    cells = study.cells()
    ends = {cell.name: score_row(cell, 20.0 + k) for k, cell in enumerate(cells[:2])}
    ends[cells[2].name] = CellEnd(study_cell.place_of(cells[2]), "the loss is <b>no</b> number")
    rows = rows_of(cells, ends)
    assert [row["state"] for row in rows] == ["done", "done", "failed", "not yet"]
    assert len({tuple(row) for row in rows}) == 1
    page = study_page(study, rows)
    for text in ("1 cell failed", "oft 0:1 seed 1", "&lt;b&gt;no", "1 cell is not there yet", "arXiv 2605.27284", "86.8",
                 "62.7", "<polyline", "one seed tells nothing of chance"):  # fmt: skip
        assert text in page
    assert [row[2] for row in study_tables(study, rows)[0].rows] == ["20.0", "21.0"]


def test_the_paper_s_means_are_those_of_its_columns() -> None:
    """Its own averages, to the digit that it prints."""
    seven = [name for name in REAL_ROBOT if name not in ("L→R", "seven", "eight")]
    for ratio in IN_PAPER:
        mean = sum(REAL_ROBOT[name][ratio] for name in seven) / 7
        assert mean == pytest.approx(REAL_ROBOT["seven"][ratio], abs=0.051)
        assert (7 * mean + REAL_ROBOT["L→R"][ratio]) / 8 == pytest.approx(REAL_ROBOT["eight"][ratio], abs=0.051)
    assert all(len(row) == 7 for row in ROBOTWIN.values())


PACE = resource_estimate.HeadPace("oft", "cpu", "made-0", 1000, 1.0, 2.0, 3.0, 4.0, 0.5, 10, 100.0, 1 << 30)


def test_the_time_that_is_told_counts_steps_stops_and_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cell,) = study_of(tmp_path, ratios=["1:1"]).cells()
    assert cell.config.training.steps == 4
    assert cell.config.training.save_every == 2
    assert PACE.train_s(cell) == 1.0 + 4 * 2.0 + 2 * 3.0
    assert PACE.trial_s == 4.0 + 50.0
    assert "cannot be told" in dataclasses.replace(PACE, robot_pace=0.0).text(cell)
    monkeypatch.setattr(resource_estimate, "cores", lambda: 8)
    monkeypatch.setattr(resource_estimate, "free_bytes", lambda: 4 << 30)
    assert [resource_estimate.cells_at_once([PACE], count) for count in (100, 2)] == [3, 2]
    assert resource_estimate.cells_at_once([dataclasses.replace(PACE, device="cuda")], 100) == 1
    assert resource_estimate.cells_at_once([dataclasses.replace(PACE, peak_bytes=64 << 30)], 100) == 1


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command in one process, with paces and cells that are played; the cells that were begun."""
    begun: list[str] = []

    def over(function: Any, items: Iterable[Any], *_: Any, **__: Any) -> Iterator[tuple[Any, Any]]:
        for item in items:
            if function is resource_estimate.measure:
                yield item, PACE
                continue
            begun.append(item.cell.name)
            end = score_row(item.cell, 30.0)
            if item.cell.ratio == "1:0" and len(begun) < 4:
                yield item, CellEnd(study_cell.place_of(item.cell), "it broke")
                continue
            item.folder.mkdir(parents=True)
            done = {"identity": study_cell.identity_of(item.cell, item.evaluation), "row": end.row | {"data": "made-0"}}
            (item.folder / "cell.json").write_text(json.dumps(done))
            yield item, end

    monkeypatch.setattr(command, "over", over)
    return begun


def test_one_command_makes_what_is_not_there_and_names_what_failed(
    tmp_path: Path, played: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "study.yaml", tmp_path / "out"
    entries = {"name": "tiny", "run": str(write_run(tmp_path)), "ratios": ["0:1", "1:0", "1:1"]}
    file.write_text(yaml.safe_dump(entries))
    words = ["bench", "mixture", str(file), "--out", str(out)]
    assert main([*words, "--dry-run"]) == 0
    assert played == []
    assert "3 cells to make of 1,000 frames" in capsys.readouterr().out
    assert main(words) == 1
    said = capsys.readouterr().out
    assert "oft 1:0 seed 0: failed: it broke" in said
    assert "1 cell failed: oft_1to0_seed0; the same command tries again" in said
    table = pq.read_table(out / "mixture.parquet").to_pylist()
    assert [(row["ratio"], row["state"]) for row in table] == [("0:1", "done"), ("1:0", "failed"), ("1:1", "done")]
    assert len((out / "mixture.csv").read_text().splitlines()) == 4
    told = json.loads((out / "mixture.json").read_text())
    assert told["scores"][0]["score"] == {"mean": 30.0, "low": None, "high": None, "seeds": 1}
    assert told["paper"]["real_robot"]["eight"]["1:1"] == 56.1
    assert main(words) == 0
    assert played == ["oft_0to1_seed0", "oft_1to0_seed0", "oft_1to1_seed0", "oft_1to0_seed0"]
    assert main(words) == 0
    assert len(played) == 4


def test_other_data_than_the_first_cells_had_are_refused(
    tmp_path: Path, played: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "study.yaml", tmp_path / "out"
    entries = {"name": "tiny", "run": str(write_run(tmp_path)), "ratios": ["0:1"]}
    file.write_text(yaml.safe_dump(entries))
    words = ["bench", "mixture", str(file), "--out", str(out)]
    assert main(words) == 0
    done = out / "cells/oft_0to1_seed0/cell.json"
    done.write_text(done.read_text().replace("made-0", "made-1"))
    file.write_text(yaml.safe_dump(entries | {"ratios": ["0:1", "1:1"]}))
    assert main(words) == 2
    assert "the data sets were changed since the first cells" in capsys.readouterr().err


@pytest.mark.slow
def test_two_cells_from_data_to_page(tmp_path: Path, backbone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("lerobot", reason="data sets need 'make data-setup'")
    raw = run_config(backbone).plain()
    raw["policy"]["cameras"] = {"front": KEYS["front"]}
    raw["data"] |= {"sets": [str(make_set(tmp_path / "set"))], "cache": str(tmp_path / "cache"), "validation": 0.3}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(raw))
    study = {
        "name": "tiny", "run": str(tmp_path / "run.yaml"), "ratios": ["0:1", "1:1"],
        "evaluation": {"rounds": 1, "only": ["turn"]},
    }  # fmt: skip
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    out = tmp_path / "out"
    # One at a time in one process: half of a second one's time goes into importing torch once more.
    assert main(["bench", "mixture", str(tmp_path / "study.yaml"), "--out", str(out), "--jobs", "1"]) == 0
    rows = pq.read_table(out / "mixture.parquet").to_pylist()
    assert [row["state"] for row in rows] == ["done", "done"]
    assert len({row["data"] for row in rows}) == 1
    assert all(0.0 <= row["score"] <= 100.0 and row["trials"] == 2 for row in rows)
    assert (out / "cells/oft_1to1_seed0/bundle/manifest.yaml").is_file()
    assert "<polyline" in (out / "index.html").read_text()
