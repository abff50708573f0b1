"""Promises about what the operator said: an episode's label counts, then what was said meanwhile; contradictions are told."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("rosbags", reason="rosbags come with 'make data-setup'")

import foreign
from foreign_columns import arm, write
from made_bags import MS, SECOND, START, Scene, aligned

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_tools.cli import main
from finevla_tools.convert.bag_analysis import BagOptions
from finevla_tools.convert.bag_source import BagSource
from finevla_tools.convert.episode import EpisodeFrame, Header, Reference
from finevla_tools.convert.hdf5_content import Hdf5Options
from finevla_tools.convert.hdf5_source import Hdf5Source
from finevla_tools.convert.lerobot_source import LeRobotOptions, LeRobotSource
from finevla_tools.convert.task_labels import TaskTable, given_task, label_in


def mute(robot: Embodiment, steps: int = 8) -> Scene:
    """A recording in which nobody said anything."""
    scene = aligned(robot, steps=steps)
    scene.lines = [line for line in scene.lines if "instruction" not in line.topic]
    return scene


def read(path: Path, robot: Embodiment, **options: Any) -> tuple[Header, list[EpisodeFrame]]:
    source = BagSource(path, robot, BagOptions(**options))
    opened = source.open(source.pieces(source.references()[0])[0])
    return opened.header, list(opened.frames())


def label(bag: Path, **told: Any) -> Path:
    (bag / "episode.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    return bag


class TestLabels:
    """Bags, whoever recorded them."""

    @pytest.mark.parametrize("told", [
        {"task": "fold the towel", "operator": "ada"}, {"instruction": "fold the towel"}, {"Task": " fold the towel\n"},
        {"task": "", "language_instruction": "fold the towel"}, {"tasks": ["fold the towel", "fold it well"]},
    ])  # fmt: skip
    @pytest.mark.parametrize("where", ["episode.json", "custom data", "the file alone"])
    def test_a_label_is_the_task_where_nobody_said_anything(
        self, robot: Embodiment, tmp_path: Path, told: dict[str, Any], where: str
    ) -> None:
        if where == "custom data":
            custom = {key: value if isinstance(value, str) else json.dumps(value) for key, value in told.items()}
            bag = mute(robot).write(tmp_path / "bag", custom={**custom, "robot": "x"})
        else:
            bag = label(mute(robot).write(tmp_path / "bag"), **told)
            bag = next(bag.glob("*.mcap")) if where == "the file alone" else bag
        header, frames = read(bag, robot)
        assert {frame.task for frame in frames} == {"fold the towel"}
        assert (header.facts["task_from"], header.facts["notes"]) == ("label", [])

    @pytest.mark.parametrize("age_s", [1, 3600])
    def test_a_label_counts_before_an_older_instruction(self, robot: Embodiment, tmp_path: Path, age_s: int) -> None:
        scene = mute(robot)
        scene.say("wipe the table", "with the left arm", START - age_s * SECOND)
        header, frames = read(label(scene.write(tmp_path / "bag"), task="fold the towel"), robot)
        assert {frame.task for frame in frames} == {"fold the towel"}
        (note,) = header.facts["notes"]
        assert note.startswith("its label is 'fold the towel', the instruction of ")
        assert "before its first frame" in note
        assert not header.words

    def test_what_was_said_meanwhile_is_kept_beside_a_label(self, robot: Embodiment, tmp_path: Path) -> None:
        scene = mute(robot)
        scene.say("now the other one", "", START + 350 * MS)
        header, frames = read(label(scene.write(tmp_path / "bag"), task="fold the towel"), robot)
        assert {frame.task for frame in frames} == {"fold the towel"}
        assert [(w.content, w.style, w.is_event) for w in header.words] == [("now the other one", "interjection", True)]
        assert header.words[0].time_s == pytest.approx(0.4)
        assert "now the other one" in header.facts["notes"][0]

    def test_an_instruction_with_the_label_s_words_keeps_its_fine_text(self, robot: Embodiment, tmp_path: Path) -> None:
        scene = mute(robot)
        scene.say("Fold the towel.", "fold it from the left, slowly", START - SECOND)
        header, frames = read(label(scene.write(tmp_path / "bag"), task="fold the  towel"), robot)
        assert {frame.task for frame in frames} == {"Fold the towel."}
        assert header.facts["notes"] == []
        assert [(w.content, w.style) for w in header.words] == [("fold it from the left, slowly", "plan")]

    def test_without_a_label_the_newest_instruction_counts_and_a_very_old_one_is_told(
        self, robot: Embodiment, tmp_path: Path
    ) -> None:
        scene = mute(robot)
        scene.say("wipe the table", "", START - 7200 * SECOND)
        header, frames = read(scene.write(tmp_path / "old"), robot)
        assert {frame.task for frame in frames} == {"wipe the table"}
        assert "7200 s before its first frame" in header.facts["notes"][0]
        scene.say("fold the towel", "", START - SECOND)
        header, frames = read(scene.write(tmp_path / "new"), robot)
        assert {frame.task for frame in frames} == {"fold the towel"}
        assert header.facts["notes"] == []

    def test_task_goes_before_everything(self, robot: Embodiment, tmp_path: Path) -> None:
        scene = mute(robot)
        scene.say("wipe the table", "", START)
        header, frames = read(label(scene.write(tmp_path / "bag"), task="fold"), robot, task="stack the cups")
        assert {frame.task for frame in frames} == {"stack the cups"}
        assert header.facts["task_from"] == "option"
        assert not header.words

    @pytest.mark.parametrize("text", ["{", "[1]", '"x"', '{"task": 5}', '{"task": {}}', '{"task": " "}', "\0" * 10])
    def test_a_label_that_is_none_says_nothing(self, robot: Embodiment, tmp_path: Path, text: str) -> None:
        bag = mute(robot).write(tmp_path / "bag")
        (bag / "episode.json").write_text(text)
        with pytest.raises(FineVLAError, match="no label.*no instruction was recorded.*--task"):
            read(bag, robot)

    def test_contradictions_stand_in_the_report_and_on_the_screen(
        self, robot: Embodiment, tmp_path: Path, capsys: pytest.CaptureFixture[str], cobotmagic_file: Path
    ) -> None:
        scene = mute(robot)
        scene.say("wipe the table", "", START - SECOND)
        label(scene.write(tmp_path / "in/bag"), task="fold the towel")
        given = ["--to", "lerobot-v2.1", "--images", "keep", "--robot", str(cobotmagic_file), "--jobs", "1"]
        assert main(["convert", str(tmp_path / "in"), "--out", str(tmp_path / "out"), *given]) == 0
        assert "note: episode 'bag': its label is 'fold the towel'" in capsys.readouterr().out
        (line,) = (tmp_path / "out/meta/finevla_report.jsonl").read_text().split("\n")[:-1]
        assert "wipe the table" in json.loads(line)["notes"][0]
        assert json.loads((tmp_path / "out/meta/tasks.jsonl").read_text())["task"] == "fold the towel"


ROWS = {"episode_0": "fold the towel, twice", "episode_1": "把毛巾叠好"}
OBJECTS = [{"episode": name, "task": task} for name, task in ROWS.items()]
LINES = [f'{name},"{task}"' for name, task in ROWS.items()]
TABLES: dict[str, tuple[str, bytes]] = {
    "csv": (".csv", "\n".join(["episode,task", *LINES]).encode()),
    "csv without a head": (".csv", "\n".join(LINES).encode()),
    "csv with a mark of its order": (".csv", "\r\n".join(["Name,Instruction", *LINES]).encode("utf-8-sig")),
    "csv of a Chinese spreadsheet": (".csv", "\r\n".join(["episode,task", *LINES]).encode("gb18030")),
    "csv with semicolons": (".csv", "\n".join(["file;task;note", *(f"{n}.hdf5;{t};" for n, t in ROWS.items())]).encode()),
    "csv of UTF-16": (".csv", "\n".join(["episode\ttask", *(f"{n}\t{t}" for n, t in ROWS.items())]).encode("utf-16")),
    "csv by number": (
        ".csv", "\n".join(["episode_index,task", *(f'{k:03d},"{t}"' for k, t in enumerate(ROWS.values()))]).encode()
    ),
    "tsv": (".tsv", "\n".join(["id\tprompt", *(f"{n}\t{t}" for n, t in ROWS.items())]).encode()),
    "json": (".json", json.dumps(ROWS).encode()),
    "json of objects": (".json", json.dumps({name: {"task": task} for name, task in ROWS.items()}).encode()),
    "json list": (".json", json.dumps(OBJECTS, ensure_ascii=False).encode()),
    "json by number": (".json", json.dumps({str(k): t for k, t in enumerate(ROWS.values())}).encode()),
    "jsonl": (".jsonl", "\n".join(json.dumps(row) for row in OBJECTS).encode()),
    "jsonl as LeRobot's": (".jsonl", "\n".join(json.dumps({"episode_index": k, "tasks": [t], "length": 3})
                                               for k, t in enumerate(ROWS.values())).encode()),
    "yaml": (".yaml", "\n".join(f"{name}: '{task}'" for name, task in ROWS.items()).encode()),
}  # fmt: skip


class TestTables:
    """`--task` as a table."""

    @pytest.mark.parametrize("how", TABLES)
    def test_tables_of_every_kind_name_each_episode_s_task(self, tmp_path: Path, how: str) -> None:
        suffix, data = TABLES[how]
        path = tmp_path / f"tasks{suffix}"
        path.write_bytes(data)
        table = given_task(str(path))
        assert isinstance(table, TaskTable)
        references = [Reference(name, tmp_path / f"{name}.hdf5") for name in ROWS]
        assert [table.of(reference) for reference in references] == list(ROWS.values())
        assert table.unused(references) == []
        assert table.of(Reference("episode_7", tmp_path / "episode_7.hdf5")) == ""

    def test_a_row_of_several_episodes_is_refused(self, tmp_path: Path) -> None:
        table = TaskTable(tmp_path / "t.csv", {"0": "fold"})
        names = ("towels-episode_0", "cups-episode_0")
        with pytest.raises(FineVLAError, match="row '0' is of 'towels-episode_0' and of 'cups-episode_0'"):
            table.unused([Reference(name, tmp_path / name.replace("-", "/")) for name in names])

    @pytest.mark.parametrize(("suffix", "text", "says"), [
        (".csv", "episode,task\nepisode_0,fold\nepisode_0,wipe\n", "has two tasks"),
        (".csv", "episode,note\nepisode_0,fold\n", "columns are episode, note"),
        (".csv", "episode,task\nepisode_0\n", "row 1, has 1 cells"),
        (".csv", "episode,task\nepisode_0, \n", "has no task"),
        (".csv", "", "no row"),
        (".json", "{", "not readable as JSON"),
        (".json", "[1, 2]", "neither a mapping"),
        (".json", '{"episode_0": 5}', "has no task"),
        (".json", '[{"task": "fold"}]', "names no episode"),
        (".yaml", "a: [", "not readable as YAML"),
        (".jsonl", "{}\nx", "not readable as JSONL"),
    ])  # fmt: skip
    def test_a_table_that_is_none_is_one_sentence(self, tmp_path: Path, suffix: str, text: str, says: str) -> None:
        path = tmp_path / f"tasks{suffix}"
        path.write_text(text)
        with pytest.raises(FineVLAError, match=says):
            given_task(str(path))

    def test_a_table_that_is_not_there_is_no_task(self, tmp_path: Path) -> None:
        with pytest.raises(FineVLAError, match="there is no such table"):
            given_task(str(tmp_path / "tasks.csv"))
        assert given_task(" fold the towel ") == "fold the towel"

    def test_bags_are_named_by_their_folders_and_others_keep_their_labels(
        self, robot: Embodiment, tmp_path: Path, capsys: pytest.CaptureFixture[str], cobotmagic_file: Path
    ) -> None:
        for name in ("one", "two"):
            label(mute(robot).write(tmp_path / "in" / name), task="its own")
        (tmp_path / "tasks.csv").write_text("episode,task\none,fold the towel\nthree,wipe\n")
        given = ["--to", "lerobot-v2.1", "--images", "keep", "--robot", str(cobotmagic_file), "--jobs", "1"]
        task = ["--task", str(tmp_path / "tasks.csv")]
        assert main(["convert", str(tmp_path / "in"), "--out", str(tmp_path / "out"), *task, *given]) == 0
        assert "1 row is of no episode that is here, as 'three'" in capsys.readouterr().out
        rows = [json.loads(line) for line in (tmp_path / "out/meta/episodes.jsonl").read_text().split("\n") if line]
        assert [row["tasks"] for row in rows] == [["fold the towel"], ["its own"]]

    def test_hdf5_and_lerobot_take_it_too(self, robot: Embodiment, tmp_path: Path) -> None:
        pytest.importorskip("h5py")
        table = TaskTable(tmp_path / "t.csv", {"1": "wipe", "episode_0": "fold"})
        for k in range(2):
            foreign.aloha(tmp_path / f"h/episode_{k}.hdf5", foreign.recording())
        source = Hdf5Source(tmp_path / "h", robot, Hdf5Options(task=table))
        assert [next(iter(source.open(r).frames())).task for r in source.references()] == ["fold", "wipe"]
        columns = {"observation.state": arm(0), "action": arm(0)}
        lerobot = LeRobotSource(write(tmp_path / "l", [columns] * 2, {}), LeRobotOptions(task=table))
        assert [next(iter(lerobot.open(r).frames())).task for r in lerobot.references()] == ["fold the towel", "wipe"]


class TestLeRobot:
    """Data sets whose numbers and texts say different things."""

    def read(self, root: Path) -> tuple[set[str], list[str]]:
        source = LeRobotSource(root)
        episode = source.open(source.references()[0])
        return {frame.task for frame in episode.frames()}, episode.header.facts["notes"]

    def root(self, path: Path) -> Path:
        return write(path, [{"observation.state": arm(0), "action": arm(0)}], {}, tasks=("fold the towel", "wipe"))

    def test_the_episode_s_own_label_counts_before_a_number_in_another_s_table(self, tmp_path: Path) -> None:
        root = self.root(tmp_path / "set")
        assert self.read(root) == ({"fold the towel"}, [])
        lines = [json.dumps({"task_index": k, "task": t}) for k, t in enumerate(["stack the cups", "fold the towel"])]
        (root / "meta/tasks.jsonl").write_text("\n".join(lines) + "\n")
        tasks, notes = self.read(root)
        assert tasks == {"fold the towel"}
        assert "task 0 is 'stack the cups', its own label 'fold the towel'" in notes[0]

    def test_rows_say_which_of_several_labels_is_theirs(self, tmp_path: Path) -> None:
        root = self.root(tmp_path / "set")
        (root / "meta/episodes.jsonl").write_text(
            json.dumps({"episode_index": 0, "tasks": ["fold the towel", "wipe"], "length": 40}) + "\n"
        )
        assert self.read(root) == ({"fold the towel"}, [])

    def test_a_label_is_enough_without_a_table(self, tmp_path: Path) -> None:
        root = self.root(tmp_path / "set")
        (root / "meta/tasks.jsonl").unlink()
        assert self.read(root) == ({"fold the towel"}, [])


def test_labels_are_found_by_any_of_their_names() -> None:
    assert label_in({"prompt": "fold"}) == "fold"
    assert label_in({"TASK": '"fold"', "goal": "wipe"}) == "fold"
    assert label_in({"task": np.zeros(3), "x": "y"}) == ""
    assert label_in({"task": '{"a": 1}'}) == ""
