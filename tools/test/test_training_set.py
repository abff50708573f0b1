"""Promises of sets that are opened for training: what does not fit is one sentence before the first step, pictures are kept."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("torch", reason="torch comes with 'make train-setup'")
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from training_sets import FPS, KEYS, SIZE, add_words, make_set, only, vqa

from finevla_core.embodiment import Embodiment
from finevla_core.errors import DamagedFileError, DiskFullError, FineVLAError
from finevla_core.images import ImageFormat, fit_image
from finevla_core.instruction import Instruction
from finevla_core.policy.manifest_transforms import parse_transforms
from finevla_core.policy.transforms import Sample
from finevla_tools.cli import main
from finevla_tools.datasets.lerobot_files import open_dataset
from finevla_tools.training import picture_cache
from finevla_tools.training.action_chunks import ChunkGrid
from finevla_tools.training.batch_loader import batch_indices
from finevla_tools.training.config import parse_run_config
from finevla_tools.training.config_types import DataOptions, LanguageRates, QuestionOptions, SampleOptions, SourceSet
from finevla_tools.training.kept_episodes import kept_episodes
from finevla_tools.training.questions import fitted_answer, questions_of_file
from finevla_tools.training.sample_source import open_samples
from finevla_tools.training.statistics import MOST, RunningStatistics
from finevla_tools.training.target_transforms import manifest_transforms
from finevla_tools.training.vla_samples import VLASamples

OPTIONS = SampleOptions("cobotmagic", KEYS, ImageFormat(32, 32), 4, 1 / FPS)


def samples(*sets: Path | SourceSet, options: SampleOptions = OPTIONS, batch: int = 1, **given: Any) -> VLASamples:
    first = sets[0] if isinstance(sets[0], Path) else sets[0].path
    sources = DataOptions(
        tuple(one if isinstance(one, SourceSet) else SourceSet(one) for one in sets),
        **({"validation": 0.0, "cache": first.parent / "cache"} | given),
    )
    return VLASamples(options, sources, 0, batch, say=lambda _: None)


def rewrite(root: Path, **said: Any) -> None:
    path = root / "meta/info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | said))


class TestBadInput:
    def test_frames_without_a_fine_text_are_counted(self, tmp_path: Path) -> None:
        make_set(tmp_path / "told", 2)
        make_set(tmp_path / "plain", 3, 24, fine=False, seed=5)
        add_words(tmp_path / "plain", 1, {"time_s": 1.0, "role": "assistant", "content": "slowly", "style": "plan"})
        files = open_dataset(tmp_path / "plain")
        lengths = [files.read(e).num_rows for e in files.episodes]
        lacking = lengths[0] + 10 + lengths[2]
        with pytest.raises(FineVLAError) as error:
            samples(tmp_path / "told", tmp_path / "plain", mix="1:4")
        said = str(error.value)
        assert f"3 of 5 episodes (3 of 3 of '{tmp_path / 'plain'}'), {lacking} frames, have none" in said
        assert "finevla annotate" in said
        assert "finevla words --apply" in said
        assert samples(tmp_path / "told", tmp_path / "plain", mix="raw").frames
        assert not list((tmp_path).glob("cache/**/*.rgb.*"))

    def test_drafts_count_only_if_asked_for(self, tmp_path: Path) -> None:
        root = make_set(tmp_path / "set", 2, fine=False)
        files = open_dataset(root)
        rows = [
            {"episode": k, "from_s": 0.0, "to_s": files.read(e).num_rows / FPS, "dimension": "text", "slot": "fine"}
            | {"value": f"draft {k}", "source": "vlm", "status": "draft"}
            for k, e in enumerate(files.episodes)
        ]
        (root / "meta/finevla").mkdir()
        pq.write_table(pa.Table.from_pylist(rows), root / "meta/finevla/annotations.parquet")
        with pytest.raises(FineVLAError, match="2 of 2 episodes"):
            samples(root, mix="fine")
        assert samples(root, mix="fine", unreviewed=True).example(0).prompt.startswith("draft")

    def test_chances_that_nothing_can_be_told_by_are_refused_and_partial_ones_told(self, tmp_path: Path) -> None:
        make_set(tmp_path / "told", 2)
        make_set(tmp_path / "plain", 2, fine=False, seed=5)
        with pytest.raises(FineVLAError, match=r"language.factors is 0.5, and no frame"):
            samples(tmp_path / "plain", mix="raw", language=LanguageRates(factors=0.5))
        made = samples(tmp_path / "told", tmp_path / "plain", mix="raw", language=LanguageRates(factors=0.5))
        assert any("language.factors: 2 of 4 episodes" in text for text in made.told)

    def test_a_camera_that_is_not_there_is_told_with_those_that_are(self, tmp_path: Path) -> None:
        root = make_set(tmp_path / "set", 1)
        odd = replace(OPTIONS, cameras={"front": "observation.images.cam_high"})
        with pytest.raises(
            FineVLAError, match=r"'observation.images.cam_high', which is not there; it has observation.*left"
        ):
            samples(root, options=odd)
        assert samples(SourceSet(root, cameras={"front": KEYS["left"]}), options=odd).frames
        with pytest.raises(FineVLAError, match=r"camera 'top' is none of robot 'cobotmagic', which has front"):
            samples(root, options=replace(OPTIONS, cameras={"top": KEYS["left"]}))

    def test_a_set_of_another_robot(self, tmp_path: Path, robot: Any) -> None:
        five = [name for name in robot.names if name not in ("left_joint6", "right_joint6")]
        only(make_set(tmp_path / "five", 1), five)
        with pytest.raises(FineVLAError, match="is of another robot: it has 5 values of 'left_joint', .* has 6"):
            samples(tmp_path / "five")
        root = make_set(tmp_path / "far", 1)
        path = next(root.glob("data/**/*.parquet"))
        table = pq.read_table(path, partitioning=None)
        rows = np.array(table["observation.state"].to_pylist(), np.float32)
        rows[:, 1] -= 2.5
        column = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), 14)
        pq.write_table(
            table.set_column(table.schema.get_field_index("observation.state"), "observation.state", column), path
        )
        with pytest.raises(FineVLAError, match=r"is of another robot: in 100% of its frames.*left_joint2 first"):
            samples(root)

    def test_unknown_units_and_columns(self, tmp_path: Path) -> None:
        root = make_set(tmp_path / "set", 1)
        (root / "meta/finevla_episodes.jsonl").unlink()
        for path in root.glob("data/**/*.parquet"):
            table = pq.read_table(path, partitioning=None)
            for key in ("observation.state", "action"):
                rows = np.array(table[key].to_pylist(), np.float32)
                rows[:, [6, 13]] *= 2000.0
                column = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), 14)
                table = table.set_column(table.schema.get_field_index(key), key, column)
            pq.write_table(table, path)
        with pytest.raises(
            FineVLAError, match=r"no scale that is known.*gripper_action: 16.99:2000 \(an entry of the set\)"
        ):
            samples(root, mix="raw")
        assert samples(SourceSet(root, gripper="2000"), mix="raw").example(0).actions is not None
        info = json.loads((root / "meta/info.json").read_text())
        for key in ("observation.state", "action"):
            info["features"][key]["names"] = [f"v{k}" for k in range(14)]
        rewrite(root, features=info["features"], robot_type="lamp")
        with pytest.raises(FineVLAError, match=r"give it by map: \(an entry of the set\)"):
            samples(root, mix="raw")

    def test_nothing_to_learn_from(self, tmp_path: Path) -> None:
        with pytest.raises(FineVLAError, match="no LeRobot data set"):
            samples(tmp_path / "nowhere")
        root = make_set(tmp_path / "set", 1)
        with pytest.raises(FineVLAError, match="has no frame to learn from: its longest of 1 episodes lasts"):
            samples(root, options=replace(OPTIONS, dt_s=9.0))
        (root / "meta/episodes.jsonl").write_text("")
        next(root.glob("data/**/*.parquet")).unlink()
        rewrite(root, total_episodes=0)
        with pytest.raises(FineVLAError, match="is empty: it has no episodes"):
            samples(root)

    def test_numbers_that_are_none(self, tmp_path: Path) -> None:
        root = make_set(tmp_path / "set", 2)
        path = sorted(root.glob("data/**/*.parquet"))[1]
        table = pq.read_table(path, partitioning=None)
        rows = np.array(table["action"].to_pylist(), np.float32)
        rows[3, 2] = np.nan
        column = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), 14)
        pq.write_table(table.set_column(table.schema.get_field_index("action"), "action", column), path)
        with pytest.raises(FineVLAError, match="episode 1 of .*column 'action' holds NaN or infinity in row 3"):
            samples(root)


class TestKept:
    def test_tables_of_clean_and_dedup_and_lists_leave_episodes_out(self, tmp_path: Path) -> None:
        root = make_set(tmp_path / "set", 4)
        numbers = {"episode_index": [0, 1, 2, 3]}
        for name in ("clean", "dedup"):
            (tmp_path / name).mkdir()
        clean = numbers | {"decision": ["keep", "drop", "keep", "keep"]}
        pq.write_table(pa.table(clean), tmp_path / "clean/episodes.parquet")
        dedup = numbers | {"dataset": ["set"] * 4, "kept": [True, True, False, True]}
        pq.write_table(pa.table(dedup), tmp_path / "dedup/episodes.parquet")
        (tmp_path / "list.txt").write_text("# the good ones\n0\nset/episode_000003\n")
        files = open_dataset(root)
        assert kept_episodes(files, [tmp_path / "clean"]) == (0, 2, 3)
        assert kept_episodes(files, [tmp_path / "clean", tmp_path / "dedup/episodes.parquet"]) == (0, 3)
        assert kept_episodes(files, [tmp_path / "list.txt"]) == (0, 3)
        assert kept_episodes(files, []) == (0, 1, 2, 3)
        made = samples(SourceSet(root, kept=(tmp_path / "clean", tmp_path / "dedup")), mix="raw")
        assert {made.example(k).prompt for k in range(made.frames)} == {"goal 0", "goal 3"}
        assert made.hash != samples(root, mix="raw").hash

    def test_what_clean_itself_writes_is_honoured(self, tmp_path: Path) -> None:
        root = make_set(tmp_path / "set", 3)
        path = sorted(root.glob("data/**/*.parquet"))[1]
        pq.write_table(pq.read_table(path, partitioning=None).slice(0, 5), path)
        main(["clean", str(root), "--report", str(tmp_path / "report"), "--only", "frames", "--set", "frames=10"])
        assert kept_episodes(open_dataset(root), [tmp_path / "report"]) == (0, 2)

    def test_tables_of_other_sets_are_refused(self, tmp_path: Path) -> None:
        files = open_dataset(make_set(tmp_path / "set", 2))
        for numbers, said in (([0, 1, 2], "speaks of episode 2"), ([0], "says nothing of episode 1")):
            pq.write_table(pa.table({"episode_index": numbers, "kept": [True] * len(numbers)}), tmp_path / "t.parquet")
            with pytest.raises(FineVLAError, match=said):
                kept_episodes(files, [tmp_path / "t.parquet"])
        pq.write_table(pa.table({"episode_index": [0, 1], "kept": [False, False]}), tmp_path / "t.parquet")
        with pytest.raises(FineVLAError, match="keeps no episode"):
            kept_episodes(files, [tmp_path / "t.parquet"])
        pq.write_table(pa.table({"a": [1]}), tmp_path / "t.parquet")
        with pytest.raises(FineVLAError, match="is no table of 'finevla clean'"):
            kept_episodes(files, [tmp_path / "t.parquet"])
        with pytest.raises(FineVLAError, match="does not exist"):
            kept_episodes(files, [tmp_path / "none.parquet"])


class TestPictures:
    def test_they_are_decoded_once_and_go_on_where_they_were_interrupted(self, tmp_path: Path) -> None:
        root = make_set(tmp_path / "set", 3)
        first = samples(root)
        files = sorted((tmp_path / "cache").glob("*/*.rgb"))
        assert len(files) == 3
        times = [path.stat().st_mtime_ns for path in files]
        wanted = [job.target.read(2) for job in first.sets[0].pictures]
        files[1].unlink()
        os.truncate(files[2], 1000)
        again = samples(root)
        assert [path.stat().st_mtime_ns == t for path, t in zip(files, times, strict=True)] == [True, False, False]
        picture_cache._mapped.cache_clear()
        for job, one in zip(again.sets[0].pictures, wanted, strict=True):
            np.testing.assert_array_equal(job.target.read(2), one)

    def test_files_are_named_by_content_cameras_and_size(self, tmp_path: Path) -> None:
        root = make_set(tmp_path / "set", 1)
        samples(root)
        samples(root, options=replace(OPTIONS, images=ImageFormat(16, 16)))
        samples(root, options=replace(OPTIONS, cameras={"front": KEYS["front"]}))
        assert len(list((tmp_path / "cache").glob("*/*.rgb"))) == 3
        make_set(tmp_path / "other", 1)
        samples(tmp_path / "other")
        assert len(list((tmp_path / "cache").glob("*/*.rgb"))) == 3, "the same pictures under another name"

    def test_pictures_of_image_columns_are_read_too(self, tmp_path: Path) -> None:
        root = make_set(tmp_path / "set", 1)
        wanted = samples(root).sets[0].pictures[0].target
        path = next(root.glob("data/**/*.parquet"))
        table = pq.read_table(path, partitioning=None)
        rng, raw = np.random.default_rng(0), []
        for _ in range(table.num_rows):
            raw.append(rng.integers(0, 255, (*SIZE, 3), np.uint8))
        cells = [{"bytes": png(picture), "path": None} for picture in raw]
        pq.write_table(table.append_column(KEYS["front"], pa.array(cells)), path)
        features = json.loads((root / "meta/info.json").read_text())["features"]
        features[KEYS["front"]]["dtype"] = "image"
        rewrite(root, features=features)
        found = samples(root).sets[0].pictures[0].target
        assert found.path != wanted.path
        np.testing.assert_array_equal(found.read(3)[1], wanted.read(3)[1])
        area = Image.fromarray(raw[3]).resize((32, 32), Image.Resampling.BOX, box=(8, 0, 56, 48))
        np.testing.assert_array_equal(found.read(3)[0], np.asarray(area))
        near = ImageFormat(32, 32, regions={"front": (0.5, 0.0, 1.0, 1.0)})
        part = samples(root, options=replace(OPTIONS, images=near)).sets[0].pictures[0].target
        assert part.path != found.path
        np.testing.assert_array_equal(part.read(3)[0], fit_image(raw[3], near, "front"))
        np.testing.assert_array_equal(part.read(3)[1], found.read(3)[1])

    @pytest.mark.parametrize("jobs", [1, 2])
    def test_a_video_that_cannot_be_read_is_told_and_leaves_nothing(self, tmp_path: Path, jobs: int) -> None:
        root = make_set(tmp_path / "set", 2)
        video = sorted(root.glob("videos/**/*front/*.mp4"))[1]
        video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
        sources = DataOptions((SourceSet(root),), validation=0.0, cache=tmp_path / "cache")
        with pytest.raises(FineVLAError, match="episode 1 of .* has no pictures to learn from: .*'kept:'"):
            VLASamples(OPTIONS, sources, jobs=jobs, say=lambda _: None)
        assert len(list((tmp_path / "cache").glob("*/*"))) <= 1
        video.unlink()
        with pytest.raises(FineVLAError, match="episode 1 of .*is missing"):
            samples(root)

    def test_a_disk_without_room_is_told_before_anything_is_decoded(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        root = make_set(tmp_path / "set", 1)
        monkeypatch.setattr(picture_cache, "SPARE", 1 << 60)
        with pytest.raises(DiskFullError, match="would take .* of decoded pictures"):
            samples(root)
        assert not list((tmp_path / "cache").glob("*/*"))


def png(picture: Any) -> bytes:
    import io

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


class TestQuestions:
    def test_batches_of_questions_are_of_rows_and_of_a_file(self, tmp_path: Path) -> None:
        root = make_set(tmp_path / "set", 2)
        add_words(
            root,
            0,
            *vqa(0.5, KEYS["left"], "where is the cube?", '{"label": "cube", "point_format": "xy", "point": [32, 24]}'),
        )
        add_words(root, 0, *vqa(0.5, KEYS["front"], "how many?", "two"))
        add_words(root, 1, *vqa(0.0, "observation.images.top", "seen?", "by another camera"))
        Image.fromarray(np.full((20, 20, 3), 7, np.uint8)).save(tmp_path / "seven.png")
        (tmp_path / "more.jsonl").write_text(
            json.dumps({"image": "seven.png", "question": "what?", "answer": "grey"}) + "\n"
        )
        made = samples(root, batch=4, vlm=QuestionOptions(0.25, tmp_path / "more.jsonl"))
        kinds = [made.kind_of(k) for k in range(96)]
        for k in range(0, 96, 4):
            assert len({kind in ("question", "point") for kind in kinds[k : k + 4]}) == 1
        asked = [made.example(k) for k, kind in enumerate(kinds) if kind in ("question", "point")]
        assert len(asked) == 24
        assert {e.prompt for e in asked[:3]} == {"where is the cube?", "how many?", "what?"}
        assert all(e.actions is None and e.state is None and len(e.images) == 1 for e in asked)
        by_question = {e.prompt: e for e in asked}
        assert json.loads(by_question["where is the cube?"].answer)["point"] == [16, 16]
        assert (by_question["what?"].images[0] == 7).all()
        shown = made.sets[0].pictures[0].target.read(5)
        np.testing.assert_array_equal(by_question["where is the cube?"].images[0], shown[1])
        np.testing.assert_array_equal(by_question["how many?"].images[0], shown[0])
        # What is learned of actions is as without them.
        plain = samples(root)
        of_actions = [k for k, kind in enumerate(kinds) if kind not in ("question", "point")]
        assert [made.example(k).prompt for k in of_actions] == [plain.example(k).prompt for k in range(72)]

    def test_hash_covers_the_order_of_a_file_s_questions_also_where_only_their_pictures_differ(
        self, tmp_path: Path
    ) -> None:
        root, file, hashes = make_set(tmp_path / "set", 1), tmp_path / "more.jsonl", set()
        for name, grey in (("a.png", 7), ("b.png", 9)):
            Image.fromarray(np.full((20, 20, 3), grey, np.uint8)).save(tmp_path / name)
        for names in (("a.png", "b.png"), ("b.png", "a.png")):
            rows = [json.dumps({"image": name, "question": "what?", "answer": "grey"}) for name in names]
            file.write_text("\n".join(rows) + "\n")
            hashes.add(samples(root, batch=4, vlm=QuestionOptions(0.25, file)).hash)
        assert len(hashes) == 2

    def test_processes_that_train_together_ask_and_act_together(self, tmp_path: Path) -> None:
        root = make_set(tmp_path / "set", 1)
        add_words(root, 0, *vqa(0.5, KEYS["front"], "how many?", "two"))
        policy = {"backbone": "none", "head": "oft", "embodiment": "cobotmagic", "cameras": KEYS, "horizon": 4}
        policy |= {"images": {"height": 32, "width": 32}, "dt_s": 1 / FPS}
        data = {"sets": [str(root)], "mix": "raw", "vlm": {"ratio": 0.4}, "cache": str(tmp_path / "cache")}
        raw = {"name": "two", "policy": policy, "data": data, "training": {"steps": 5, "batch": 3, "accumulate": 2}}
        config = parse_run_config(raw)
        made = open_samples(config, world=2)
        found = []
        for number in range(10):
            taken = [index for rank in range(2) for index in batch_indices(number, rank, 2, config.training)]
            kinds = {made.kind_of(index) == "question" for index in taken}
            assert len(kinds) == 1, f"batch {number} is of both"
            found += kinds
        assert found.count(True) == 4

    def test_places_follow_the_picture(self) -> None:
        crop, pad = ImageFormat(32, 32), ImageFormat(32, 32, "pad")
        point = '{"point": [16, 12]}'
        assert json.loads(fitted_answer(point, 48, 64, crop) or "")["point"] == [5, 8]
        assert json.loads(fitted_answer(point, 48, 64, pad) or "")["point"] == [8, 10]
        assert json.loads(fitted_answer(point, 48, 64, ImageFormat(32, 32, "stretch")) or "")["point"] == [8, 8]
        assert fitted_answer('{"point": [2, 12]}', 48, 64, crop) is None, "it is cut away"
        near = ImageFormat(32, 32, "stretch", regions={"front": (0.0, 0.0, 0.5, 0.5)})
        assert json.loads(fitted_answer(point, 48, 64, near, "front") or "")["point"] == [16, 16]
        box = '{"detections": [{"label": "a", "bbox": [0, 0, 40, 24], "bbox_format": "xyxy"}]}'
        assert json.loads(fitted_answer(box, 48, 64, crop) or "")["detections"][0]["bbox"] == [0, 0, 21, 16]
        assert fitted_answer("at [2, 12]", 48, 64, crop) == "at [2, 12]"

    def test_what_is_no_question_is_told(self, tmp_path: Path) -> None:
        root = make_set(tmp_path / "set", 1)
        path = tmp_path / "more.jsonl"
        with pytest.raises(FineVLAError, match="there are none: the sets have no 'vqa' rows"):
            samples(root, vlm=QuestionOptions(0.5))
        with pytest.raises(FineVLAError, match=r"more.jsonl' of 'vlm' does not exist"):
            samples(root, vlm=QuestionOptions(0.5, path))
        path.write_text('{"image": "a.png", "question": "what?"}\n')
        with pytest.raises(FineVLAError, match="entry 1 has no 'answer'"):
            samples(root, vlm=QuestionOptions(0.5, path))
        path.write_text('{"image": "a.png", "question": "what?", "answer": "this"}\n')
        with pytest.raises(FineVLAError, match="its picture .* does not exist"):
            samples(root, vlm=QuestionOptions(0.5, path))
        (tmp_path / "a.png").write_bytes(b"none")
        with pytest.raises(DamagedFileError, match="no JPEG or PNG"):
            samples(root, vlm=QuestionOptions(0.5, path))


def test_one_arm_is_a_robot_of_one_arm(tmp_path: Path, robot: Any, single_file: Path) -> None:
    left = [name for name in robot.names if name.startswith("left")]
    root = only(make_set(tmp_path / "set", 2, cameras=("wrist",)), left)
    options = replace(OPTIONS, embodiment=str(single_file), cameras={"wrist": "observation.images.wrist"})
    example = samples(root, options=options).example(0)
    assert example.state is not None
    assert example.state.shape == (7,)
    assert example.action_mask is not None
    assert example.action_mask.shape == (4, 7)


def test_statistics_of_many_rows_are_of_evenly_spread_ones() -> None:
    rows = np.random.default_rng(0).normal(size=(30_000, 2)) * [1.0, 5.0] + [0.0, 3.0]
    made = RunningStatistics(2, 3 * MOST)
    for part in np.array_split(rows, 7):
        made.add(part, np.array([True, False]))
        made.add(part, np.array([False, True]))
    found = made.result()
    np.testing.assert_allclose(found["mean"], rows.mean(axis=0))
    np.testing.assert_allclose(found["std"], rows.std(axis=0))
    np.testing.assert_allclose(found["max"], rows.max(axis=0))
    np.testing.assert_allclose(found["q99"], np.quantile(rows, 0.99, axis=0), rtol=0.05)


def test_a_grid_of_part_steps_begins_where_the_arms_are() -> None:
    states, actions = np.full((5, 1), 10.0, np.float32), np.arange(5, dtype=np.float32)[:, None]
    rows, counts = ChunkGrid(4, 0.5).rows(np.array([0, 3]), states, actions, 5)
    np.testing.assert_array_equal(rows[:, :, 0], [[5.0, 0.0, 0.5, 1.0], [2.5, 3.0, 3.5, 4.0]])
    assert counts.all()
    rows, counts = ChunkGrid(3, 2.0).rows(np.array([2]), states, actions, 5)
    np.testing.assert_array_equal(rows[0, :, 0], [3.0, 4.0, 4.0])
    assert counts.tolist() == [[True, False, False]]


@pytest.mark.parametrize("kind", ["quantile", "min_max", "mean_std"])
def test_a_joint_that_rests_is_not_learnt_from_its_noise(kind: str, robot: Embodiment) -> None:
    rng, size = np.random.default_rng(0), len(robot.names)
    rows = rng.uniform(-1, 1, (1000, size))
    rows[:, 3] = 0.4 + rng.normal(0, 1e-6, 1000)
    found = RunningStatistics(size, len(rows))
    found.add(rows, np.ones(size, bool))
    statistics = {part: found.result() for part in ("state", "actions")}
    options = SampleOptions(
        "cobotmagic", {"front": "observation.images.front"}, ImageFormat(32, 32), 6, 0.1, normalisation=kind
    )
    entries = manifest_transforms(options, robot, np.ones(size, bool), statistics)
    (normalise,) = parse_transforms(entries, robot.names)
    sample = Sample({}, rows[0], Instruction("go"), actions=rows)
    made = normalise.forward(sample).actions
    assert made is not None
    assert np.abs(made[:, 3]).max() < 0.01, "a trembling of a millionth is nothing"
    assert np.abs(made[:, 2]).max() > 0.9, "what moves is learnt as before"
    assert np.allclose(normalise.inverse(made, sample), rows, atol=1e-12)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/hostname", "link.png"])
def test_a_question_names_no_picture_outside_its_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "questions"
    folder.mkdir()
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    lines = folder / "asked.jsonl"
    lines.write_text(json.dumps({"image": name, "question": "what is this?", "answer": "a cube"}) + "\n")
    with pytest.raises(FineVLAError, match=r"entry 1 names .* is not followed"):
        questions_of_file(lines, ImageFormat(32, 32))
