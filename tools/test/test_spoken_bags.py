"""Promises about bags in which plain text says what is to be done: it labels the episode unless that has a label of its own."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rosbags", reason="rosbags come with 'make data-setup'")

from made_bags import MS, SECOND, START, Line, Scene, aligned

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_tools.convert.bag_analysis import BagOptions
from finevla_tools.convert.bag_source import BagSource

TEXT = "std_msgs/msg/String"


def scene(robot: Embodiment, *said: tuple[int, str], topic: str = "/instruction", late_ns: int = 0) -> Scene:
    """Twelve steps of 100 ms; texts at so many ms on a topic; all is recorded `late_ns` after its stamp."""
    made = aligned(robot, steps=12, size=(8, 8))
    made.lines = [line for line in made.lines if "instruction" not in line.topic]
    for line in made.lines:
        line.received_ns += late_ns
    for at_ms, words in said:
        made.lines.append(Line(topic, TEXT, START + at_ms * MS + late_ns, made.make._types[TEXT](data=words)))
    return made


def tasks(path: Path, robot: Embodiment, **options: Any) -> tuple[list[str], dict[str, Any]]:
    source = BagSource(path, robot, BagOptions(**options))
    [reference] = source.references()
    opened = source.open(reference)
    return [frame.task for frame in opened.frames()], opened.header.facts


@pytest.mark.parametrize(
    "topic", ["/instruction", "/language_instruction", "/robot/task", "/vla/prompt", "/task_description"]
)
@pytest.mark.parametrize("late_ns", [0, 3600 * SECOND, -7 * SECOND])
def test_a_text_labels_what_follows_it(robot: Embodiment, tmp_path: Path, topic: str, late_ns: int) -> None:
    made = scene(robot, (-500, "  fold the 毛巾 "), (550, "stop"), topic=topic, late_ns=late_ns)
    found, facts = tasks(made.write(tmp_path / "bag"), robot)
    assert found == ["fold the 毛巾"] * 6 + ["stop"] * 6
    assert facts["task_from"] == "instruction"
    assert len(facts["instructions"]) == 2


def test_a_text_that_is_sent_again_and_again_is_one_instruction(robot: Embodiment, tmp_path: Path) -> None:
    said = [(k * 100 - 50, "fold it") for k in range(12)] + [(70, ""), (80, "  ")]
    found, facts = tasks(scene(robot, *said).write(tmp_path / "bag"), robot)
    assert found == ["fold it"] * 12
    assert len(facts["instructions"]) == 1


def test_the_episodes_own_label_counts(robot: Embodiment, tmp_path: Path) -> None:
    bag = scene(robot, (-500, "wipe")).write(tmp_path / "bag")
    (bag / "episode.json").write_text('{"task": "fold"}')
    found, facts = tasks(bag, robot)
    assert found == ["fold"] * 12
    assert any("the label counts" in note for note in facts["notes"])
    assert tasks(bag, robot, task="sort")[0] == ["sort"] * 12


def test_the_stacks_own_instruction_counts_before_others(robot: Embodiment, tmp_path: Path) -> None:
    made = scene(robot, (-500, "wipe"))
    made.say("fold", "", START)
    assert tasks(made.write(tmp_path / "bag"), robot)[0] == ["fold"] * 12


@pytest.mark.parametrize(("topic", "words"), [("/chatter", "hello"), ("/instruction", ""), ("/task_status", "done")])
def test_other_texts_are_no_instruction(robot: Embodiment, tmp_path: Path, topic: str, words: str) -> None:
    with pytest.raises(FineVLAError, match="no instruction was recorded in it; say what was done by --task"):
        tasks(scene(robot, (-500, words), topic=topic).write(tmp_path / "bag"), robot)


def test_reception_times_do_as_well(robot: Embodiment, tmp_path: Path) -> None:
    made = scene(robot, (-500, "fold"), (550, "stop"), late_ns=9 * SECOND)
    found, _ = tasks(made.write(tmp_path / "bag"), robot, stamps="received")
    assert found == ["fold"] * 6 + ["stop"] * 6
