"""Paraphrases keep every factor: those of our own rules, those of a model, and where a trainer tells them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch comes with 'make train-setup'")
pytest.importorskip("httpx", reason="httpx comes with 'make data-setup'")
from grasping_takes import FPS, grasping
from lerobot_sets import write
from played_vlm_server import PlayedVlmServer

from finevla_core.images import ImageFormat
from finevla_tools.annotate.annotation import APPROVED, Annotation
from finevla_tools.annotate.draft import ANNOTATIONS
from finevla_tools.annotate.motion_sentences import written
from finevla_tools.annotate.paraphrases import claims_of, goal_wordings, kept_wordings, own_wordings, same_factors
from finevla_tools.annotate.step_words import StepWords
from finevla_tools.cli import main
from finevla_tools.datasets.annotation_table import read_annotations, write_annotations
from finevla_tools.datasets.episode_words import read_words
from finevla_tools.datasets.lerobot_files import open_dataset
from finevla_tools.training.config_types import DataOptions, LanguageRates, SampleOptions, SourceSet
from finevla_tools.training.vla_samples import VLASamples

GRASP = StepWords("left", "grasp", 1.0, "top", 26.0, "front and back", again=True, held=True)
CARRY = StepWords("left", "hold", 1.0, is_carry=True, lift_m=0.12, toward=("to the right", "forward"), far_m=0.31, shape="over",
                  lower_m=0.1)  # fmt: skip
STEPS = (
    GRASP, replace(GRASP, held=False, fingers=""), CARRY, StepWords("right", "release", 1.0),
    StepWords("right", "hold", 1.0, turn="clockwise", turn_deg=90.0), StepWords("left", "hold", 1.0, keeps=True, is_carry=True),
)  # fmt: skip
FINE = "The left arm moves to the red cube from above and grasps it. It carries it 0.30 m to the left and lets it go."


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("step", STEPS)
def test_every_sentence_of_motion_has_other_wordings_with_its_claims(step: StepWords, language: str) -> None:
    text = written(step, language)
    made = own_wordings(text)
    assert len(made) >= 2
    assert text not in made
    for other in made:
        assert claims_of(other) == claims_of(text)
        assert same_factors(other, text)
    assert own_wordings(text) == made
    whole = "".join if language == "zh" else " ".join
    assert len(own_wordings(whole([text, written(CARRY, language)]))) == 3, "a fine text is of several sentences"


@pytest.mark.parametrize(
    ("wording", "keeps"),
    [
        (
            "From above the left arm approaches the red cube, grips it, moves it 0.30 m to the left and releases it.",
            True,
        ),
        (FINE.replace("left arm", "right arm"), False),
        (FINE.replace("from above", "from the left"), False),
        (FINE.replace(" from above", ""), False),
        (FINE.replace("0.30", "0.40"), False),
        (FINE.replace("to the left", "to the right"), False),
        (FINE.replace("red", "blue"), False),
        (FINE.replace("red cube", "cube"), False),
        (FINE.replace("cube", "ball"), False),
        (FINE.replace(" and lets it go", ""), False),
        ("The left arm lets it go. " + FINE.replace(" and lets it go", ""), False),
        (FINE + " The right arm does not move.", False),
    ],
)
def test_a_wording_that_loses_or_adds_a_factor_is_none(wording: str, keeps: bool) -> None:
    assert same_factors(wording, FINE, ["cube"]) is keeps


def test_only_new_wordings_are_kept_and_each_once() -> None:
    good = "From above the left arm approaches the red cube, grips it, moves it 0.30 m to the left and releases it."
    proposed = [FINE, good, good.lower().rstrip("."), FINE.replace("left arm", "right arm")]
    assert kept_wordings(FINE, proposed, ["cube"]) == [good]


@pytest.mark.parametrize(
    "goal", ["put the red cube in the left bowl", "turn the knob clockwise", "把红色方块放进左边的碗里"]
)
def test_goals_that_are_understood_are_reworded_to_the_same_slots(goal: str) -> None:
    from finevla_core.language.reader import read_text

    made = goal_wordings(goal)
    assert made
    assert all(read_text(one).slots == read_text(goal).slots for one in made)
    assert goal_wordings("fold the towel") == []


# The way to a trainer ---------------------------------------------------------------------------------------------------------

Told = Callable[..., Path]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """What approves a draft, changed if asked for, and writes the data set with it."""
    folder = tmp_path_factory.mktemp("wordings")
    write(folder / "set", [grasping()], FPS)
    assert main(["annotate", str(folder / "set"), "--out", str(folder / "draft"), "--instruct"]) == 0

    def make(out: Path, change: Callable[[Annotation], Annotation] = lambda row: row) -> Path:
        rows = [change(replace(row, status=APPROVED)) for row in read_annotations(folder / "draft" / ANNOTATIONS)]
        write_annotations(out.with_suffix(".parquet"), rows)
        approved = ["--apply", str(out.with_suffix(".parquet")), "--out", str(out)]
        assert main(["words", str(folder / "set"), *approved]) == 0
        return out

    return make


def prompts(root: Path, folder: Path, mix: str, rates: LanguageRates) -> dict[str, set[str]]:
    """What samples are told, by their kinds."""
    options = SampleOptions("cobotmagic", {"front": "observation.images.front"}, ImageFormat(32, 32), 4, 1 / FPS)
    samples = VLASamples(
        options, DataOptions((SourceSet(root),), mix, rates, validation=0.0, cache=folder / "cache"), say=lambda _: None
    )
    found: dict[str, set[str]] = {}
    for k in range(80):
        found.setdefault(samples.kind_of(k), set()).add(samples.example(k).prompt)
    return found


def test_wordings_of_the_fine_text_stand_for_it_and_those_of_the_goal_for_the_goal(told: Told, tmp_path: Path) -> None:
    root = told(tmp_path / "told")
    found = prompts(root, tmp_path, "1:1", LanguageRates(paraphrase=0.5))
    assert set(found) == {"raw", "paraphrase", "fine", "fine paraphrase"}
    assert len(found["fine paraphrase"]) >= 2
    assert found["fine paraphrase"].isdisjoint(found["fine"])
    fine = read_words(open_dataset(root))[0].fine[0].text
    assert all(claims_of(text) >= claims_of(fine) for text in found["fine paraphrase"])
    assert not any("approaches the object" in text for text in found["paraphrase"])
    assert set(prompts(root, tmp_path, "fine", LanguageRates())) == {"fine"}


def test_a_fine_text_that_a_person_changed_has_no_wordings_of_the_old_one(told: Told, tmp_path: Path) -> None:
    def other_arm(row: Annotation) -> Annotation:
        return (
            replace(row, value=row.value.replace("left arm", "right arm"), source="human")
            if row.slot == "fine"
            else row
        )

    before = read_words(open_dataset(told(tmp_path / "told")))[0]
    after = read_words(open_dataset(told(tmp_path / "changed", other_arm)))[0]
    gone = {one.text for one in before.paraphrases} - {one.text for one in after.paraphrases}
    assert gone
    assert gone == {row.value for row in before.annotations if row.slot == "paraphrase"}


def test_a_models_types_and_wordings_come_beside_the_motions(tmp_path: Path) -> None:
    root = write(tmp_path / "set", [grasping()], FPS)
    with PlayedVlmServer() as server:
        asked = ["annotate", str(root), "--annotator", "vlm", "--server", server.url, "--model", "played", "--instruct"]
        assert main([*asked, "--out", str(tmp_path / "draft")]) == 0
        request: dict[str, Any] = server.requests[-1]
    assert "command_rewriting" in request["response_format"]["json_schema"]["schema"]["properties"]
    pictures = [part for part in request["messages"][1]["content"] if part["type"] == "image_url"]
    assert len(pictures) == 3
    rows = [row for row in read_annotations(tmp_path / "draft" / ANNOTATIONS) if row.source == "vlm"]
    slots = {row.slot for row in rows}
    assert {"caption", "question_answering", "command_rewriting", "context_creation", "fine"} <= slots
    assert "The left arm does it" not in {row.value for row in rows}, "a wording that names another arm is dropped"


class ShortServer(PlayedVlmServer):
    """Answers everything but what is said of a scene."""

    def right_answer(self, body: dict[str, Any], schema: dict[str, Any], token: str) -> dict[str, Any]:
        if "command_rewriting" in schema["properties"]:
            return {"episode": token, "caption": "a table"}
        return super().right_answer(body, schema, token)


def test_where_a_model_cannot_say_it_its_other_rows_stand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write(tmp_path / "set", [grasping()], FPS)
    with ShortServer() as server:
        asked = ["annotate", str(root), "--annotator", "vlm", "--server", server.url, "--model", "played", "--instruct"]
        assert main([*asked, "--preset", "robofine", "--out", str(tmp_path / "draft")]) == 1
    assert "episode 0: the model's instruct cannot be used" in capsys.readouterr().err
    slots = {row.slot for row in read_annotations(tmp_path / "draft" / ANNOTATIONS) if row.source == "vlm"}
    assert slots == {"fine", "step"}
