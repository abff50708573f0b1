"""Promises about RoboFine-Bench as it is published: wherever it was cloned to, whatever a file is called, without LFS."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("av", reason="videos need 'make data-setup'; the robot does without")

from bench_sets import write_set

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.pointer_files import POINTER
from finevla_tools.benchmarks.evaluation_files import BenchSample, read_facts, read_questions, read_samples
from finevla_tools.benchmarks.set_folders import facts_file, set_folder, set_name
from finevla_tools.benchmarks.video_frames import find_views, why_missing
from finevla_tools.cli import main

LFS = POINTER.decode() + "v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"


def published(folder: Path, clone: str = "", dataset: str = "one", videos: str = "Videos") -> Path:
    """A set of one sample whose address is elsewhere and whose video lies in the published place."""
    folder = folder / clone
    write_set(folder, 1)
    samples = json.loads((folder / "EvalSets.json").read_text())
    samples[0]["views"] = {"view1": "https://example.org/v.mp4"}
    (folder / "EvalSets.json").write_text(json.dumps(samples))
    path = folder / videos / dataset / "set-0/cam_high.mp4"
    path.parent.mkdir(parents=True)
    (folder / "v.mp4").rename(path)
    return path


@pytest.mark.parametrize("clone", ["", "EvalData", "Eval_Set"])
@pytest.mark.parametrize("videos", ["Videos", "videos"])
def test_a_set_is_found_where_the_instructions_clone_it(
    tmp_path: Path, clone: str, videos: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = published(tmp_path, clone, videos=videos)
    folder = set_folder(tmp_path)
    assert folder == tmp_path / clone
    clips, missing = find_views(folder, read_samples(folder / "EvalSets.json")["set-0"])
    assert ([clip.file.path for clip in clips], missing) == ([path], [])
    for job in ("vqa", "caption"):
        assert main(["bench", job, str(tmp_path), "--dry-run", "--out", str(tmp_path / "out")]) == 0
    assert "1 of 1 samples" not in capsys.readouterr().err


def test_a_data_set_that_is_called_otherwise_is_found_by_the_sample(tmp_path: Path) -> None:
    path = published(tmp_path, dataset="droid_1.0.1")
    clips, missing = find_views(tmp_path, read_samples(tmp_path / "EvalSets.json")["set-0"])
    assert ([clip.file.path for clip in clips], missing) == ([path], [])


def test_names_in_a_set_lead_to_no_other_folder(tmp_path: Path) -> None:
    published(tmp_path)
    for name, dataset in (("../one/set-0", "one"), ("set-0", "../Videos/one"), ("..", "one"), ("set-0", "..")):
        sample = BenchSample(name, dataset, views=("cam_high",))
        assert find_views(tmp_path, sample) == ([], ["cam_high"])


def test_pointers_of_git_lfs_are_named_for_what_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = published(tmp_path)
    path.write_text(LFS)
    samples = read_samples(tmp_path / "EvalSets.json")
    assert find_views(tmp_path, samples["set-0"]) == ([], ["cam_high (a pointer of Git LFS)"])
    assert "run 'git lfs install' and 'git lfs pull'" in why_missing(tmp_path, samples.values())
    path.unlink()
    assert "put them at Videos/" in why_missing(tmp_path, samples.values())
    for name, read in (("EvalSets.json", read_samples), ("GT_AtomicFacts.jsonl", read_facts)):
        (tmp_path / name).write_text(LFS)
        with pytest.raises(DamagedFileError, match=rf"{name}' is a pointer of Git LFS"):
            read(tmp_path / name)
    assert main(["bench", "vqa", str(tmp_path), "--dry-run"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_facts_may_be_named_after_who_extracted_them(tmp_path: Path) -> None:
    write_set(tmp_path, 1, videos=False)
    assert facts_file(tmp_path) == tmp_path / "GT_AtomicFacts.jsonl"
    (tmp_path / "GT_AtomicFacts.jsonl").rename(tmp_path / "GT_AtomicFacts_gpt.jsonl")
    assert set(read_facts(facts_file(tmp_path))) == {"set-0"}
    (tmp_path / "GT_AtomicFacts_other.jsonl").write_text("")
    with pytest.raises(FineVLAError, match=r"GT_AtomicFacts_gpt.jsonl, GT_AtomicFacts_other.jsonl\); rename the one"):
        facts_file(tmp_path)


@pytest.mark.parametrize(
    ("answer", "read"), [(True, "yes"), (False, "no"), (2, "2"), (2.0, "2"), (2.5, "2.5"), ("Yes", "Yes")]
)
def test_answers_are_read_as_text_whatever_json_made_of_them(tmp_path: Path, answer: Any, read: str) -> None:
    path = write_set(tmp_path, 1, videos=False) / "QAEvalSets.json"
    told = json.loads(path.read_text())
    told[0]["qas"][0]["answer"] = answer
    path.write_text(json.dumps(told))
    assert read_questions(path)["set-0"][0].answer == read


def test_own_benchmark_is_told_by_its_part_and_its_results_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("test", "dev"):
        (tmp_path / "sim" / name).mkdir(parents=True)
        (tmp_path / "sim" / name / "EvalSets.json").write_text("[]")
    assert set_name(tmp_path / "sim/test") == "test"
    (tmp_path / "sim/benchmark.json").write_text("{}")
    assert [set_name(tmp_path / "sim" / name) for name in ("test", "dev", ".")] == ["sim-test", "sim-dev", "sim"]
    assert main(["bench", "vqa", str(tmp_path / "sim"), "--dry-run"]) == 2
    assert f"; '{tmp_path / 'sim/test'}' is one: give that" in capsys.readouterr().err
