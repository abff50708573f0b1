"""InstructVLA's four types of annotation: made of facts and words, reviewed, stored as words, and learned from."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

pytest.importorskip("torch", reason="torch comes with 'make train-setup'")
from grasping_takes import FPS, GOAL, grasping
from lerobot_sets import write
from tiny_backbone import make_tiny_backbone

from finevla_core.errors import FineVLAError
from finevla_core.images import ImageFormat
from finevla_tools.annotate.annotation import APPROVED, TEXT, Annotation, dimension_of, spoken_pair
from finevla_tools.annotate.draft import ANNOTATIONS
from finevla_tools.annotate.instruct_rows import instruct_rows
from finevla_tools.cli import main
from finevla_tools.datasets.annotation_table import read_annotations, write_annotations
from finevla_tools.datasets.episode_words import EpisodeWords, read_words
from finevla_tools.datasets.instructvla_rows import main_camera
from finevla_tools.datasets.lerobot_files import open_dataset
from finevla_tools.training.config import parse_run_config
from finevla_tools.training.config_types import DataOptions, LanguageRates, QuestionOptions, SampleOptions, SourceSet
from finevla_tools.training.vla_samples import VLASamples

REQUEST = "Could you set the red cube in the left basin?"
KEY = "observation.images.front"


def known(kind: str = "something", arm: str = "left", opens: bool = True) -> list[Annotation]:
    """Facts and steps of an episode of 6 s: grasp until 2 s, hold until 4 s, release until 5 s."""

    def row(a: float, b: float, slot: str, value: str, step: int) -> Annotation:
        dimension = TEXT if slot == "step" else dimension_of(slot)
        return Annotation(0, a, b, dimension, slot, value, "motion", 0.9, step)

    rows = [
        row(0.0, 6.0, "active_actor", f"{arm}_arm", 0),
        row(0.5, 2.0, "active_actor", f"{arm}_arm", 1),
        row(1.6, 2.0, "gripper_state", f"{arm} gripper closes on {kind}", 1),
        row(0.5, 2.0, "step", f"The {arm} arm grasps it.", 1),
        row(2.0, 4.0, "step", f"The {arm} arm lifts it.", 2),
    ]
    if opens:
        rows.append(row(4.0, 4.4, "gripper_state", f"{arm} gripper opens and lets go", 3))
        rows.append(row(4.0, 5.0, "step", f"The {arm} arm lets go.", 3))
    return rows


def pairs(rows: list[Annotation], slot: str) -> list[tuple[str, str]]:
    return [spoken_pair(row.value) for row in rows if row.slot == slot]


def test_questions_are_of_what_a_picture_shows_and_as_often_yes_as_no() -> None:
    made = instruct_rows(known(), GOAL)
    asked = [row for row in made if row.slot == "question_answering" and "hold something" in row.value]
    assert [(spoken_pair(row.value)[1], row.from_s) for row in asked] == [("No.", 0.8), ("Yes.", 3.0)]
    assert ("Which gripper holds something?", "The left one.") in pairs(made, "question_answering")
    steps = [pair for pair in pairs(made, "question_answering") if "next step" in pair[0]]
    assert [answer for _, answer in steps] == [
        "The left arm grasps it.",
        "The left arm lifts it.",
        "The left arm lets go.",
    ]
    assert all(GOAL in ask for ask, _ in steps)
    assert {row.source for row in made} == {"motion"}


def test_commands_and_contexts_are_answered_by_the_one_next_step() -> None:
    made = instruct_rows(known(), GOAL)
    rewritten = pairs(made, "command_rewriting")
    assert rewritten[0] == ("Please place the red block in the left dish.", "The left arm grasps it.")
    assert (f"I would like you to {GOAL}.", "The left arm grasps it.") in rewritten
    contexts = pairs(made, "context_creation")
    assert ("The left gripper holds something now. What comes next?", "The left arm lifts it.") in contexts
    goals = [row for row in made if row.slot == "context_creation" and row.step == 0]
    assert goals
    assert all("put" not in row.value and "red cube" in row.value for row in goals)
    assert [row.value for row in made if row.slot == "caption"] == [
        "In front of the robot there is a red cube, and a bowl on the left."
    ]


def test_what_cannot_be_told_honestly_is_not_there() -> None:
    strange = instruct_rows(known(), "fold the towel")
    assert not [row for row in strange if row.slot == "caption"], "the reader does not know a towel"
    assert ("Could you fold the towel?", "The left arm grasps it.") in pairs(strange, "command_rewriting")
    unsaid = instruct_rows(known(), "")
    assert {row.slot for row in unsaid} == {"question_answering", "context_creation"}
    missed = [*known("nothing"), Annotation(0, 0.5, 2.0, "failure_and_recovery", "failure", "missed", "motion", 0.9, 1)]
    answers = [answer for slot in ("question_answering", "context_creation", "command_rewriting")
               for _, answer in pairs(instruct_rows(missed, GOAL), slot)]  # fmt: skip
    assert answers
    assert "The left arm grasps it." not in answers, "nobody means to close a gripper on nothing"
    assert not instruct_rows([], GOAL)
    with_arm = instruct_rows(known(), "pick up the red cube with the left arm")
    assert not [row for row in with_arm if row.slot == "context_creation" and row.step == 0], "how is not implied"
    statement = instruct_rows(known(), "The red cube goes into the left bowl")
    assert not pairs(statement, "command_rewriting")


def test_both_languages_say_the_same_number_of_things() -> None:
    english, chinese = instruct_rows(known(), GOAL), instruct_rows(known(), "把红色方块放进左边的碗里")
    assert [row.slot for row in english] == [row.slot for row in chinese]
    assert ("请将红色积木放到左边的碗里。", "The left arm grasps it.") in pairs(chinese, "command_rewriting")
    assert "机器人面前有红色方块，还有左边的一个碗。" in [row.value for row in chinese]


def test_a_pair_without_an_answer_is_none() -> None:
    with pytest.raises(FineVLAError, match="question_answering must say 'question => answer'"):
        Annotation(0, 0.0, 0.0, TEXT, "question_answering", "Which arm?", "human")


@pytest.mark.parametrize(
    ("names", "main"),
    [
        (("cam_left_wrist", "cam_high"), "cam_high"),
        (("left", "front", "right"), "front"),
        (("hand_left", "scene"), "scene"),
        (("wrist",), "wrist"),
        ((), ""),
    ],
)
def test_questions_are_about_the_camera_of_the_scene(names: tuple[str, ...], main: str) -> None:
    features = {f"observation.images.{name}": {"dtype": "video"} for name in names}
    assert main_camera(features | {"action": {"dtype": "float32"}}) == (f"observation.images.{main}" if main else "")


# The way to a trainer ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drafted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of two episodes and its draft with the four types."""
    folder = tmp_path_factory.mktemp("instruct")
    write(folder / "set", [grasping(), grasping("把红色方块放进左边的碗里", 0.3)], FPS)
    assert main(["annotate", str(folder / "set"), "--out", str(folder / "draft"), "--instruct"]) == 0
    return folder


def apply(drafted: Path, out: Path, *changes: tuple[str, str]) -> Path:
    """Write the data set with the whole draft approved; in step texts a person has changed some words."""
    rows = []
    for row in read_annotations(drafted / "draft" / ANNOTATIONS):
        row = replace(row, status=APPROVED, reviewer="Li", version=1)
        for old, new in changes if row.slot == "step" else ():
            if old in row.value:
                row = replace(row, value=row.value.replace(old, new), source="human")
        rows.append(row)
    write_annotations(out.with_suffix(".parquet"), rows)
    applied = ["--apply", str(out.with_suffix(".parquet")), "--out", str(out)]
    assert main(["words", str(drafted / "set"), *applied]) == 0
    return out


def asked_in(words: EpisodeWords) -> dict[tuple[float, str], tuple[str, str]]:
    """The questions of an episode with their answers, by time and question."""
    found: dict[float, dict[str, str]] = {}
    for row in words.others:
        assert row.style == "vqa"
        assert row.camera == KEY
        assert row.role not in found.setdefault(row.time_s, {}), "one question for a frame and camera"
        found[row.time_s][row.role] = row.content
    return {(time_s, one["user"]): (one["user"], one["assistant"]) for time_s, one in found.items()}


def test_the_four_types_become_questions_of_frames_and_wordings_of_the_goal(drafted: Path, tmp_path: Path) -> None:
    words = read_words(open_dataset(apply(drafted, tmp_path / "told")))[0]
    said = dict(asked_in(words).values())
    assert said["Describe the scene."].startswith("In front of the robot there is a red cube")
    assert said["Which gripper holds something?"] == "The left one."
    assert REQUEST in said
    texts = {paraphrase.text for paraphrase in words.paraphrases}
    assert REQUEST in texts
    assert "The left gripper holds something now. What comes next?" not in texts, "it is no wording of the whole goal"


def test_what_a_person_changes_is_what_is_answered(drafted: Path, tmp_path: Path) -> None:
    out = apply(drafted, tmp_path / "told", ("moves to the object", "moves to the wooden cube"))
    for words in (read_words(open_dataset(out))[0], read_words(open_dataset(out))[1]):
        answers = [answer for _, answer in asked_in(words).values() if "moves to" in answer]
        assert answers
        assert all("wooden cube" in answer for answer in answers)


def samples(root: Path, folder: Path, **given: object) -> VLASamples:
    options = SampleOptions("cobotmagic", {"front": KEY}, ImageFormat(32, 32), 4, 1 / FPS)
    sources = replace(DataOptions((SourceSet(root),), validation=0.0, cache=folder / "cache"), **given)  # type: ignore[arg-type]
    return VLASamples(options, sources, 0, say=lambda _: None)


def test_a_policy_learns_the_questions_the_wordings_and_to_say_its_step(drafted: Path, tmp_path: Path) -> None:
    told = apply(drafted, tmp_path / "told")
    rates = LanguageRates(paraphrase=0.5, thoughts=0.5)
    made = samples(told, tmp_path, mix="raw", language=rates, vlm=QuestionOptions(0.25))
    examples = [made.example(k) for k in range(160)]
    asked = {e.prompt: e.answer for e in examples if e.actions is None}
    assert len(asked) > 15
    assert asked["Which gripper holds something?"] == "The left one."
    acting = [e for e in examples if e.actions is not None]
    assert len({e.prompt for e in acting} & {REQUEST, GOAL}) == 2
    thoughts = {e.answer for e in acting}
    steps = {step.text for words in read_words(open_dataset(told)).values() for step in words.steps}
    assert thoughts <= {*steps, ""}
    assert len(thoughts) >= 4
    plain = samples(told, tmp_path, mix="raw", language=LanguageRates(paraphrase=0.5))
    assert {plain.example(k).answer for k in range(60)} == {""}


def test_any_head_is_trained_on_actions_and_questions(drafted: Path, tmp_path: Path) -> None:
    (tmp_path / "backbone").mkdir()
    policy = {"backbone": str(make_tiny_backbone(tmp_path / "backbone")), "head": "oft", "cameras": {"front": KEY}}
    policy |= {"images": {"height": 32, "width": 32}, "embodiment": "cobotmagic", "horizon": 4, "dt_s": 1 / FPS}
    data = {"sets": [str(apply(drafted, tmp_path / "told"))], "mix": "raw", "vlm": {"ratio": 0.5}, "validation": 0.0}
    training = {"steps": 4, "batch": 2, "save_every": 4, "validate_every": 4, "log_every": 1, "workers": 1}
    config = {"name": "n", "policy": policy, "data": {**data, "cache": str(tmp_path / "cache")}, "training": training}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(config))
    assert main(["train", str(tmp_path / "run.yaml"), "--out", str(tmp_path / "run"), "--threads", "1"]) == 0
    lines = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    said = {name.rpartition("/")[2] for line in lines for name in line}
    assert {"l1", "cross_entropy"} <= said


def test_thoughts_need_steps_and_a_head_that_says_them(drafted: Path, tmp_path: Path) -> None:
    with pytest.raises(FineVLAError, match="no episode of any set has steps to be said"):
        samples(drafted / "set", tmp_path, mix="raw", language=LanguageRates(thoughts=0.1))
    policy = {"backbone": "x", "head": "oft", "cameras": {"front": KEY}, "images": {"height": 32, "width": 32}}
    policy |= {"embodiment": "cobotmagic", "horizon": 4, "dt_s": 0.1}
    config = {
        "name": "n",
        "policy": policy,
        "data": {"sets": ["x"], "language": {"thoughts": 0.1}},
        "training": {"steps": 1},
    }
    with pytest.raises(FineVLAError, match="'oft' says nothing before it acts"):
        parse_run_config(config)
