"""Promises of the engine: what is broken is told in a sentence and costs nothing else; what is whole is never made twice."""

import json
import shutil
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rosbags", reason="rosbags come with 'make data-setup'")
pytest.importorskip("pyarrow", reason="pyarrow comes with 'make train-setup'")

from made_bags import aligned

from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.errors import FineVLAError
from finevla_tools.convert.bag_analysis import BagOptions
from finevla_tools.convert.bag_source import BagSource
from finevla_tools.convert.conversion_run import Conversion
from finevla_tools.convert.converted_episode import EpisodePart, read_part
from finevla_tools.convert.episode_worker import PartOptions
from finevla_tools.convert.video_encoder import PictureStatistics
from finevla_tools.work.worker_pools import ENGINES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def robot() -> Embodiment:
    return load_embodiment(ROOT / "config" / "robots" / "cobotmagic.yaml")


@pytest.fixture(scope="module")
def bags(robot: Embodiment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small bags."""
    root = tmp_path_factory.mktemp("bags")
    for i in range(3):
        aligned(robot, steps=4, seed=i, size=(8, 8)).write(root / f"b{i}", "sqlite3" if i == 1 else "mcap")
    return root


class Kept:
    """In place of a writer: remembers the parts, and makes a file."""

    def __init__(self) -> None:
        self.parts: list[EpisodePart] = []
        self.states: list[Any] = []

    def __call__(self, folders: Sequence[Path], root: Path) -> None:
        import pyarrow.parquet as pq

        (root / "meta").mkdir(parents=True)
        for folder in folders:
            part = read_part(folder)[0]
            self.parts.append(part)
            self.states.append(pq.read_table(part.data)["observation.state"].to_pylist())


def conversion(source: Path, out: Path, robot: Embodiment, said: list[str] | None = None, **more: Any) -> Conversion:
    return Conversion(
        source=BagSource(source, robot, more.pop("bag_options", BagOptions())),
        out=out,
        assemble=more.pop("assemble", Kept()),
        options=PartOptions(images="keep"),
        settings=more.pop("settings", {}),
        say=(said if said is not None else []).append,
        **more,
    )


def report(out: Path) -> dict[str, dict[str, Any]]:
    lines = (out / "meta" / "finevla_report.jsonl").read_text().splitlines()
    return {line["episode"]: line for line in map(json.loads, lines)}


def test_all_whole_is_code_0_and_nothing_is_left_over(bags: Path, robot: Embodiment, tmp_path: Path) -> None:
    kept, said = Kept(), list[str]()
    assert conversion(bags, tmp_path / "set", robot, said, assemble=kept).run() == 0
    assert said[:2] == ["3 episodes to convert ...", "writing the data set ..."], "before what takes long"
    assert [p.header.name for p in kept.parts] == ["b0", "b1", "b2"]
    assert [p.length for p in kept.parts] == [4, 4, 4]
    assert [p.name for p in tmp_path.iterdir()] == ["set"]
    assert report(tmp_path / "set")["b1"] == {"episode": "b1", "result": "converted", "frames": 4}


def test_whole_parts_are_not_made_again_and_changed_ones_are(bags: Path, robot: Embodiment, tmp_path: Path) -> None:
    source = tmp_path / "in"
    shutil.copytree(bags, source)

    def fails(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        conversion(source, tmp_path / "set", robot, assemble=fails).run()
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "set.partial/parts").glob("*/done.json")}
    assert len(before) == 3
    (source / "b1" / "metadata.yaml").touch()
    said: list[str] = []
    assert conversion(source, tmp_path / "set", robot, said).run() == 0
    assert "episode 'b1' is converted anew: its source has changed since" in said
    assert "converted already: 2 of 3 episodes" in said


def test_other_options_do_not_go_on_with_old_parts(bags: Path, robot: Embodiment, tmp_path: Path) -> None:
    def fails(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        conversion(bags, tmp_path / "set", robot, assemble=fails, settings={"fps": 10}).run()
    with pytest.raises(
        FineVLAError, match=r"set.partial' was begun with other options; give the same again, or remove"
    ):
        conversion(bags, tmp_path / "set", robot, settings={"fps": 5}).run()


def test_what_exists_is_not_touched(bags: Path, robot: Embodiment, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    with pytest.raises(FineVLAError, match="exists already; remove it or name a new folder"):
        conversion(bags, tmp_path / "set", robot).run()


def test_episodes_that_do_not_fit_are_refused_by_name_or_grouped(bags: Path, robot: Embodiment, tmp_path: Path) -> None:
    source = tmp_path / "in"
    shutil.copytree(bags, source)
    aligned(robot, steps=4, size=(8, 16)).write(source / "b3")
    said: list[str] = []
    assert conversion(source, tmp_path / "set", robot, said).run() == 1
    reason = "episode 'b3' does not fit 'b0': its observation.images.front is 8x16x3, that one's 8x8x3"
    assert report(tmp_path / "set")["b3"] == {"episode": "b3", "result": "refused", "reason": reason}
    kept = Kept()
    assert conversion(source, tmp_path / "sets", robot, assemble=kept, grouping="split").run() == 0
    assert sorted(p.name for p in (tmp_path / "sets").iterdir()) == ["group-00", "group-01", "meta"]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_processes_give_the_same_parts(bags: Path, robot: Embodiment, tmp_path: Path, engine: str) -> None:
    if engine == "ray":
        pytest.importorskip("ray")
    here, there = Kept(), Kept()
    assert conversion(bags, tmp_path / "one", robot, assemble=here).run() == 0
    assert conversion(bags, tmp_path / "two", robot, assemble=there, jobs=2, engine=engine).run() == 0
    assert here.states == there.states
    assert [p.header for p in here.parts] == [p.header for p in there.parts]


def test_picture_statistics_are_exact() -> None:
    rng = np.random.default_rng(0)
    made = [rng.integers(0, 256, (20, 30, 3), np.uint8) for _ in range(5)]
    counted = PictureStatistics()
    for picture in made:
        counted.add(picture)
    values, numbers = np.stack(made).reshape(-1, 3) / 255, counted.numbers()
    for name, expected in (
        ("min", values.min(0)),
        ("max", values.max(0)),
        ("mean", values.mean(0)),
        ("std", values.std(0)),
    ):
        np.testing.assert_allclose(numbers[name], expected, atol=1e-12)
    for name, q in (("q01", 0.01), ("q50", 0.5), ("q99", 0.99)):
        np.testing.assert_allclose(numbers[name], np.quantile(values, q, axis=0, method="inverted_cdf"), atol=1e-12)
    assert numbers["count"] == [5.0]


# --- damaged bags

HOSTILE = (
    "rosbag2_bagfile_information: 3",
    "rosbag2_bagfile_information: {version: 9, relative_file_paths: ['../../../../etc/passwd'], storage_identifier: mcap}",
    "rosbag2_bagfile_information: {version: 9999}",
    "!!python/object/apply:os.system ['touch owned']",
    "a: &a [x, x]\nb: &b [*a, *a]\nrosbag2_bagfile_information: {version: 9, relative_file_paths: *b}",
    "[" * 20_000,
    "\x00\x01\x02",
    "",
    "rosbag2_bagfile_information: {version: 9, relative_file_paths: [], storage_identifier: mcap, message_count: x}",
)


def damage(bag: Path, seed: int) -> str:
    """One thing goes wrong with a bag; says what."""
    rng = np.random.default_rng(seed)
    storage = next(p for p in bag.iterdir() if p.suffix in (".mcap", ".db3"))
    data = bytearray(storage.read_bytes())
    kind = ("cut", "flip", "zero", "hostile", "lost", "empty", "length", "noise")[seed % 8]
    if kind == "cut":
        del data[int(rng.integers(0, len(data))) :]
    elif kind == "flip":
        for at in rng.integers(0, len(data), rng.integers(1, 200)):
            data[at] ^= 1 << int(rng.integers(0, 8))
    elif kind == "zero":
        at = int(rng.integers(0, len(data)))
        data[at : at + 4096] = bytes(len(data[at : at + 4096]))
    elif kind == "hostile":
        (bag / "metadata.yaml").write_text(HOSTILE[int(rng.integers(0, len(HOSTILE)))])
    elif kind == "lost":
        storage.unlink()
        return kind
    elif kind == "empty":
        data.clear()
    elif kind == "length":
        at = int(rng.integers(8, max(9, len(data) - 8)))
        data[at : at + 8] = struct.pack("<Q", int(rng.choice([2**63, 2**40, 2**32 - 1, 0])))
    else:
        data = bytearray(rng.bytes(len(data)))
    storage.write_bytes(data)
    return kind


def shake(bags: Path, robot: Embodiment, tmp_path: Path, seeds: range) -> None:
    source = tmp_path / "in"
    shutil.copytree(bags, source)
    for seed in seeds:
        shutil.copytree(bags / f"b{seed // 8 % 2}", source / f"x{seed:04d}")
        damage(source / f"x{seed:04d}", seed)
    said: list[str] = []
    kept = Kept()
    assert conversion(source, tmp_path / "set", robot, said, assemble=kept).run() == 1
    lines = report(tmp_path / "set")
    whole = [p for p in kept.parts if p.header.name.startswith("b")]
    assert [p.header.name for p in whole] == ["b0", "b1", "b2"]
    expected = Kept()
    assert conversion(bags, tmp_path / "alone", robot, assemble=expected).run() == 0
    assert [kept.states[kept.parts.index(p)] for p in whole] == expected.states, "nothing beside them is touched"
    refused = [line for line in lines.values() if line["result"] == "refused"]
    assert len(refused) > len(seeds) // 2
    for line in refused:
        reason = line["reason"]
        assert "\n" not in reason
        assert len(reason) < 900
        assert line["episode"] in reason, reason
        assert "Traceback" not in reason
    assert not list(tmp_path.rglob("owned"))


def test_damaged_bags_cost_one_sentence_each(bags: Path, robot: Embodiment, tmp_path: Path) -> None:
    shake(bags, robot, tmp_path, range(48))


@pytest.mark.slow
def test_many_damaged_bags_cost_one_sentence_each(bags: Path, robot: Embodiment, tmp_path: Path) -> None:
    shake(bags, robot, tmp_path, range(1000, 1400))
