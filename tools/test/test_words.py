"""Promises of words in data sets: what is written comes back, nothing else changes, and only what was approved counts."""

import dataclasses
import errno
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("pyarrow")
import pyarrow.parquet as pq
from lerobot_sets import take, write
from worded_sets import FPS, SHARDS, full, make, write_v3

from finevla_core.errors import FineVLAError
from finevla_tools.annotate.annotation import APPROVED, DRAFT, REJECTED, TEXT, Annotation
from finevla_tools.cli import main
from finevla_tools.datasets import words_writer
from finevla_tools.datasets.annotation_table import ANNOTATIONS_FILE, current, read_annotations, write_annotations
from finevla_tools.datasets.episode_words import (
    EPISODES_FILE,
    TaskSpan,
    TimedText,
    read_words,
)
from finevla_tools.datasets.language_row import LanguageRow
from finevla_tools.datasets.lerobot_files import open_dataset
from finevla_tools.datasets.lerobot_subset import write_kept
from finevla_tools.datasets.words_from_annotations import apply_annotations, contradictions, training_pairs
from finevla_tools.datasets.words_writer import FINE_FILE, checked, write_words

ODD = ("放下它", "no\u2028end\u2029of line", "a\nb\tc", '"{}"', "🤖", "x" * 60_000, " blank ")


def row(slot: str, value: str, episode: int = 1, **more: Any) -> Annotation:
    dimension = {
        "active_actor": "active_actor", "target_color": "target_object", "primitive_action": "action_sequence"
    }.get(slot, TEXT)  # fmt: skip
    said = {"from_s": 0.0, "to_s": 0.5, "source": "human", "status": APPROVED} | more
    return Annotation(episode=episode, dimension=dimension, slot=slot, value=value, **said)


@pytest.mark.parametrize("version", ["v3.0", "v2.1"])
def test_what_is_written_comes_back_and_nothing_else_changes(tmp_path: Path, version: str) -> None:
    files = open_dataset(make(tmp_path / "set", version))
    before, source = read_words(files), {p: p.read_bytes() for p in files.root.rglob("*") if p.is_file()}
    new = full(before[1])
    write_words(files, {1: new}, tmp_path / "out")
    made = open_dataset(tmp_path / "out")
    after = read_words(made)
    assert after[1] == checked(files, new)
    assert {n: w for n, w in after.items() if n != 1} == {n: w for n, w in before.items() if n != 1}
    assert {p: p.read_bytes() for p in files.root.rglob("*") if p.is_file()} == source
    for one, other in zip(files.episodes, made.episodes, strict=True):
        kept = [name for name in files.read(one).column_names if name != "task_index"]
        assert made.read(other).select(kept).equals(files.read(one).select(kept))
    assert made.episodes[1].tasks == ("put it, 放下", "no, leave it")
    assert made.info["total_tasks"] == len(made.task_table)
    fine = [json.loads(line) for line in (made.root / FINE_FILE).read_text(encoding="utf-8").splitlines()]
    assert fine == [{"episode_id": 1, "FineGrainedInstruction": [t.text for t in new.fine]}]
    again = dataclasses.replace(after[1], fine=(), annotations=())
    write_words(made, {1: again})  # in place
    assert read_words(open_dataset(made.root))[1] == dataclasses.replace(again, annotations=after[1].annotations)
    assert not (made.root / FINE_FILE).exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "set"]


def test_columns_obey_the_contract(tmp_path: Path) -> None:
    files = open_dataset(make(tmp_path / "set", "v3.0"))
    words = read_words(files)
    said = tuple(TimedText(t, text) for t, text in ((0.41, "c"), (0.0, "a"), (0.18, "b")))
    new = dataclasses.replace(words[2], steps=said, motions=said, interjections=(TimedText(0.26, "stop"),))
    write_words(files, {2: new}, tmp_path / "out")
    shards = sorted((tmp_path / "out/data").rglob("*.parquet"))
    assert [pq.ParquetFile(p).metadata.num_row_groups for p in shards] == [len(s) for s in SHARDS]
    table = pq.read_table(shards[1])
    rows = table.to_pylist()
    mine = [r for r in rows if r["episode_index"] == 2]
    assert all(r["language_persistent"] == mine[0]["language_persistent"] for r in mine)
    order = [(r["timestamp"], r["style"], r["role"]) for r in mine[0]["language_persistent"]]
    assert order == sorted(order)
    assert len(order) == 6
    assert [k for k, r in enumerate(mine) if r["language_events"]] == [3], "on the frame that is nearest"
    assert all(r["language_persistent"] == [] == r["language_events"] for r in rows if r["episode_index"] != 2)
    times = {np.float32(r["timestamp"]) for r in mine}
    assert {np.float32(time) for time, _, _ in order} <= times


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_words_come_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("any")
    files = open_dataset(write_v3(folder / "set", ((3, 4), (1,))))
    text = st.one_of(st.sampled_from(ODD), st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1)).filter(
        lambda t: bool(t.strip()) and "\ufffd" not in t
    )
    said = {}
    for number, words in read_words(files).items():
        times = st.floats(0, words.duration_s)
        some = st.lists(st.builds(TimedText, times, text), max_size=4).map(tuple)
        drawn = {name: data.draw(some) for name in ("paraphrases", "fine", "steps", "motions", "interjections")}
        said[number] = dataclasses.replace(words, raw=(TaskSpan(0, words.length, data.draw(text)),), **drawn)
    write_words(files, said, folder / "out")
    found = read_words(open_dataset(folder / "out"))
    for number, words in said.items():
        wanted = checked(files, words)
        assert found[number].raw == wanted.raw
        for name in ("paraphrases", "fine", "steps", "motions", "interjections"):
            assert sorted(map(str, getattr(found[number], name))) == sorted(map(str, getattr(wanted, name)))


def test_ten_thousand_rows_and_none(tmp_path: Path) -> None:
    files = open_dataset(write_v3(tmp_path / "set", ((40, 3),)))
    words = read_words(files)
    labels = tuple(TimedText(k % 40 / FPS, f"label {k}") for k in range(10_000))
    rows = tuple(row("paraphrase", f"say {k}", 0) for k in range(10_000))
    new = dataclasses.replace(words[0], motions=labels, annotations=rows)
    write_words(files, {0: new}, tmp_path / "out")
    found = read_words(open_dataset(tmp_path / "out"))
    assert sorted(map(str, found[0].motions)) == sorted(map(str, checked(files, new).motions))
    assert found[0].annotations == rows
    assert len(current(rows)) == 10_000
    assert found[1] == words[1]


class TestWhatCounts:
    def test_the_newest_decision_counts_and_a_rejection_takes_back(self) -> None:
        old, new = row("active_actor", "left_arm"), row("active_actor", "right_arm", version=1, from_s=0.05)
        assert current([old, new]) == (new,)
        assert current([old, dataclasses.replace(new, status=DRAFT)]) == (old,)
        assert current([old, dataclasses.replace(new, status=REJECTED)]) == ()
        assert current([old, dataclasses.replace(new, from_s=0.5, to_s=0.9)]) == (
            old,
            dataclasses.replace(new, from_s=0.5, to_s=0.9),
        )

    def test_drafts_count_only_when_asked_for(self) -> None:
        draft = row("active_actor", "left_arm", status=DRAFT, source="vlm")
        motion = dataclasses.replace(draft, source="motion", value="right_arm")
        assert current([draft, motion]) == ()
        assert current([draft, motion], unreviewed=True) == (motion,)

    def test_a_later_goal_without_a_fine_text_ends_the_one_before(self, tmp_path: Path) -> None:
        words = full(read_words(open_dataset(make(tmp_path / "set", "v3.0")))[1])
        words = dataclasses.replace(words, fine=words.fine[:1])
        assert [words.raw_at(k) for k in (0, 2, 3)] == ["put it, 放下"] * 2 + ["no, leave it"]
        assert [bool(words.fine_at(k)) for k in range(6)] == [True] * 3 + [False] * 3
        pairs = list(words.pairs())
        assert [(p.first, p.end, p.raw) for p in pairs][-1] == (4, 6, "no, leave it")
        assert pairs[0].factors == {"active_actor": "left_arm"}
        assert pairs[-1].factors == {}
        assert (pairs[0].first, *(p.end for p in pairs[:-1])) == tuple(p.first for p in pairs)


class TestApply:
    def test_approved_rows_become_words(self, tmp_path: Path) -> None:
        root = make(tmp_path / "set", "v3.0")
        rows = [
            row("fine", "with the left arm"),
            row("fine", "a draft", version=2, status=DRAFT),
            row("step", "grasp", step=1, to_s=0.2),
            row("step", "lift", step=2, from_s=0.2),
            row("paraphrase", "tidy up"),
            row("active_actor", "left_arm"),
            row("active_actor", "right_arm", 3, status=DRAFT),
        ]
        write_annotations(tmp_path / "a.parquet", rows)
        done = apply_annotations(root, tmp_path / "a.parquet", tmp_path / "out")
        assert (done.rows, done.drafts) == (5, 2)
        words = read_words(open_dataset(tmp_path / "out"))
        assert [t.text for t in words[1].fine] == ["with the left arm"]
        assert [(round(t.time_s, 3), t.text) for t in words[1].steps] == [(0.0, "grasp"), (0.2, "lift")]
        assert {r.status for r in read_annotations(tmp_path / "out" / ANNOTATIONS_FILE)} == {APPROVED}
        pairs = {p.episode: p for p in training_pairs(tmp_path / "out")}
        assert pairs[1][:4] == (1, words[1].tasks[0], "with the left arm", {"active_actor": "left_arm"})
        assert pairs[3].factors == {}
        new = row("fine", "no: with the right arm", version=3)
        write_annotations(tmp_path / "b.parquet", [new])
        apply_annotations(tmp_path / "out", tmp_path / "b.parquet", None)
        words = read_words(open_dataset(tmp_path / "out"))
        assert [t.text for t in words[1].fine] == ["no: with the right arm"]
        assert len(words[1].annotations) == 6, "history stays"

    def test_a_fine_text_of_the_episode_outlasts_a_change_of_its_goal(self, tmp_path: Path) -> None:
        root = make(tmp_path / "set", "v3.0")
        write_annotations(
            tmp_path / "a.parquet", [row("raw", "and then this", from_s=0.3), row("fine", "all of it", version=1)]
        )
        apply_annotations(root, tmp_path / "a.parquet", tmp_path / "out")
        words = read_words(open_dataset(tmp_path / "out"))[1]
        assert words.tasks == (words.raw[0].task, "and then this")
        assert [words.fine_at(k) for k in range(6)] == ["all of it"] * 6

    @pytest.mark.parametrize(
        ("spoilt", "said"),
        [
            (row("fine", "x", 99), "episode 99, which .* does not have"),
            (row("fine", "x", to_s=5.0), "ends at 5.00 s, but the episode has 6 frames.*another data set"),
            (row("fine", "x", status=DRAFT), "1 row is not reviewed.*--unreviewed"),
            (row("fine", "x\x07"), "control sign U\\+0007"),
        ],
    )
    def test_rows_of_another_data_set_are_refused(self, tmp_path: Path, spoilt: Annotation, said: str) -> None:
        root = make(tmp_path / "set", "v3.0")
        write_annotations(tmp_path / "a.parquet", [spoilt])
        with pytest.raises(FineVLAError, match=said):
            apply_annotations(root, tmp_path / "a.parquet", tmp_path / "out")
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a.parquet", "set"]

    def test_videos_are_links_and_the_source_stays(self, tmp_path: Path) -> None:
        root = write(tmp_path / "set", [take(0, frames=12, fps=FPS, cameras=("front",))], fps=FPS)
        write_annotations(tmp_path / "a.parquet", [row("fine", "slowly", 0)])
        apply_annotations(root, tmp_path / "a.parquet", tmp_path / "out")
        videos = [next(folder.rglob("*.mp4")) for folder in (root, tmp_path / "out")]
        assert os.path.samefile(*videos)
        info = [folder / "meta/info.json" for folder in (root, tmp_path / "out")]
        assert not os.path.samefile(*info)


def test_words_that_do_not_fit_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    files = open_dataset(make(tmp_path / "set", "v3.0"))
    words = read_words(files)[1]
    for spoilt, said in (
        ({"raw": (TaskSpan(0, 3, "x"),)}, "do not cover its 6 frames"),
        ({"raw": (TaskSpan(0, 6, " "),)}, "a raw goal is empty"),
        ({"length": 7, "raw": (TaskSpan(0, 7, "x"),)}, "are of 7 frames, in .* it has 6"),
        ({"episode": 77}, "has no such episode"),
        ({"steps": (TimedText(3.0, "late"),)}, "is said at 3.0 s"),
        ({"others": (LanguageRow(0, "user", "?", "vqa", None, True),)}, "needs its camera"),
        ({"others": (LanguageRow(0, "user", "?", "poem"),)}, "style 'poem'"),
        ({"others": (LanguageRow(0, "user", "", "memory"),)}, "has no text"),
    ):
        with pytest.raises(FineVLAError, match=said):
            write_words(files, {1: dataclasses.replace(words, **spoilt)}, tmp_path / "out")  # type: ignore[arg-type]
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize("is_in_place", [True, False])
def test_a_full_disk_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_in_place: bool) -> None:
    files = open_dataset(make(tmp_path / "set", "v3.0"))
    before, words = {p: p.read_bytes() for p in files.root.rglob("*") if p.is_file()}, read_words(files)[1]

    def full_disk(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(words_writer, "write_annotations", full_disk)
    with pytest.raises(FineVLAError, match="disk is full|No space left"):
        write_words(files, {1: full(words)}, None if is_in_place else tmp_path / "out")
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_sets_of_ours_from_before_the_rule_are_read_by_it(tmp_path: Path) -> None:
    root = write_v3(tmp_path / "set", ((5, 6),), ("with the left arm, gently", "fold it"))
    known = [
        {"episode_index": 0, "raw": "take it", "fine": "with the left arm, gently",
         "factors": {"active_actor": "left_arm", "action_sequence": ["grasp", "lift"]}},
        {"episode_index": 1, "instructions": [{"time_s": 0.0, "raw": "wipe", "fine": "", "factors": {"active_actor": "x"}}]},
    ]  # fmt: skip
    (root / EPISODES_FILE).write_text("".join(json.dumps(line) + "\n" for line in known))
    words = read_words(open_dataset(root))
    assert (words[0].tasks, words[0].fine_at(4)) == (("take it",), "with the left arm, gently")
    assert words[0].factors_at(0) == {"active_actor": "left_arm", "action_sequence": ("grasp", "lift")}
    assert (words[1].tasks, words[1].fine, words[1].annotations) == (("fold it",), (), ()), (
        "its label says another thing"
    )
    write_words(open_dataset(root), {0: words[0]}, tmp_path / "new")
    assert read_words(open_dataset(tmp_path / "new"))[0] == words[0]


def test_contradictions_are_told(tmp_path: Path) -> None:
    words = read_words(open_dataset(write_v3(tmp_path / "set", ((6,),), ("reach the red cube with the left arm",))))[0]
    right = row("active_actor", "right_arm", 0)
    assert contradictions(dataclasses.replace(words, annotations=(dataclasses.replace(right, value="left_arm"),))) == []
    [said] = contradictions(dataclasses.replace(words, annotations=(right,)))
    assert "left_arm" in said
    assert "right_arm" in said


def test_phases_of_the_motion_do_not_contradict_the_action_that_was_asked_for(tmp_path: Path) -> None:
    words = read_words(open_dataset(write_v3(tmp_path / "set", ((6,),), ("lift the red cube",))))[0]
    asked = dataclasses.replace(row("primitive_action", "lift it", 0), source="operator")
    moved = [dataclasses.replace(row("primitive_action", text, 0), source="motion") for text in ("approach", "lift")]
    assert contradictions(dataclasses.replace(words, annotations=(asked, *moved))) == []


class TestCommand:
    def test_words_go_out_and_in_by_the_files_of_finevla(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        root = make(tmp_path / "set", "v3.0")
        rows = [
            row("fine", "slowly"),
            row("step", "grasp", step=1, to_s=0.2),
            row("step", "lift", step=2, from_s=0.2, to_s=0.6),
        ]
        write_annotations(tmp_path / "a.parquet", rows)
        assert main(["words", str(root), "--apply", str(tmp_path / "a.parquet"), "--out", str(tmp_path / "one")]) == 0
        for form in ("finegrained", "finevla-tool"):
            assert main(["words", str(tmp_path / "one"), "--export", form, str(tmp_path / form)]) == 0
        line = json.loads((tmp_path / "finevla-tool").read_text())
        assert line["steps_raw"] == [
            {"i": 0, "desc": "grasp", "start": 0, "end": 1},
            {"i": 1, "desc": "lift", "start": 2, "end": 5},
        ]
        assert json.loads((tmp_path / "finegrained").read_text())["FineGrainedInstruction"] == ["slowly"]
        with (tmp_path / "finevla-tool").open("a") as file:
            file.write('{"sample_id": "other"}\n{"sample_id": "set-77", "refinedInstruction": "x"}\n')
        capsys.readouterr()
        back = ["words", str(root), "--import", "finevla-tool", str(tmp_path / "finevla-tool"), "--out"]
        assert main([*back, str(tmp_path / "two"), "--unreviewed"]) == 1
        said = capsys.readouterr().out
        assert "names no episode" in said
        assert "no episode 77" in said
        one, two = (read_words(open_dataset(tmp_path / name))[1] for name in ("one", "two"))
        assert (two.fine, two.steps) == (one.fine, one.steps)
        assert {r.status for r in two.annotations} == {DRAFT}
        assert main([*back, str(tmp_path / "drafts.parquet")]) == 1
        assert len(read_annotations(tmp_path / "drafts.parquet")) == 3
        assert main(["words", str(tmp_path / "one")]) == 0
        assert "5 episodes, 1 with a fine text (20 %)" in capsys.readouterr().out

    def test_fine_text_without_steps_goes_out_to_finevla_tool(self, tmp_path: Path) -> None:
        write_annotations(tmp_path / "a.parquet", [row("fine", "slowly")])
        root = make(tmp_path / "set", "v3.0")
        assert main(["words", str(root), "--apply", str(tmp_path / "a.parquet"), "--out", str(tmp_path / "one")]) == 0
        assert main(["words", str(tmp_path / "one"), "--export", "finevla-tool", str(tmp_path / "tool.jsonl")]) == 0
        line = json.loads((tmp_path / "tool.jsonl").read_text())
        assert (line["fineGrainedSteps"], line["has_raw_steps"], line["steps_raw"]) == (["slowly"], 0, None)

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--apply", "a"], "name the data set to make by --out"),
            (["--export", "csv", "a"], "--export 'csv' is unknown"),
            (["--export", "finegrained", "a"], "no episode .* has a fine text"),
            (["--out", "a"], "--out goes with"),
            (["--apply", "a", "--export", "finegrained", "b"], "one of --apply"),
            (["--apply", "none.parquet", "--out", "b"], "'none.parquet' does not exist"),
        ],
    )
    def test_mistakes_are_one_sentence(
        self,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        options: list[str],
        said: str,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert main(["words", str(make(tmp_path / "set", "v3.0")), *options]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert re.search(said, error), error


def test_kept_episodes_keep_their_words_under_new_numbers(tmp_path: Path) -> None:
    root = make(tmp_path / "set", "v2.1")
    rows = [row("fine", f"slowly, {k}", k) for k in range(3)]
    write_annotations(tmp_path / "a.parquet", rows)
    apply_annotations(root, tmp_path / "a.parquet", tmp_path / "all")
    write_kept(open_dataset(tmp_path / "all"), tmp_path / "kept", [0, 2])
    words = read_words(open_dataset(tmp_path / "kept"))
    assert [one.fine[0].text for one in words.values()] == ["slowly, 0", "slowly, 2"]
    assert [(one.annotations[0].episode, one.annotations[0].value) for one in words.values()] == [
        (0, "slowly, 0"),
        (1, "slowly, 2"),
    ]
    fine = [json.loads(line) for line in (tmp_path / "kept" / FINE_FILE).read_text().splitlines()]
    assert fine == [{"episode_id": k, "FineGrainedInstruction": [f"slowly, {2 * k}"]} for k in range(2)]
