"""Promises of `finevla bench make`: true facts, balanced questions, parts that share no scene; and the bars of a good set."""

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lerobot", reason="lerobot comes with 'make data-setup'")

from bench_sets import oracle

from finevla_core.embodiment import Embodiment
from finevla_core.instruction import Factors, Instruction
from finevla_sim.episode import Episode
from finevla_tools.annotate.annotation import DRAFT, Annotation, dimension_of
from finevla_tools.benchmarks.capabilities import CAPABILITIES
from finevla_tools.benchmarks.caption_repair import AtomicFact
from finevla_tools.benchmarks.evaluation_files import read_facts, read_questions, read_samples
from finevla_tools.benchmarks.own_facts import TOLD, own_facts
from finevla_tools.benchmarks.own_questions import balanced, compatible, own_questions
from finevla_tools.benchmarks.own_set_writer import part_of
from finevla_tools.benchmarks.vqa_matching import CHOICE, LETTERS, NUMBER, VqaQuestion
from finevla_tools.benchmarks.vqa_scoring import VqaRecord, by, interval, judged, shared
from finevla_tools.cli import main
from finevla_tools.datasets.episode_words import EpisodeWords, TaskSpan

VALUES = {
    "active_actor": ("left_arm", "right_arm"),
    "target_color": ("red", "green", "blue", "yellow", "purple"),
    "target_shape_or_size": ("ball", "small ball", "cube", "brick"),
    "approach_direction": ("top", "left", "right", "front"),
    "final_workspace_location": ("left bowl", "right bowl"),
}
ACTIONS = (("reach the target",), ("grasp the target", "lift it"), ("grasp the target", "place it in the left bowl"))


def words_of(episode: int, chance: random.Random) -> EpisodeWords:
    """An episode as the simulator's demonstrations tell it, with values that are not equally frequent."""
    told = {slot: values[min(int(chance.expovariate(1.0)), len(values) - 1)] for slot, values in VALUES.items()}
    actions = chance.choice(ACTIONS)
    rows = [row(slot, value, episode) for slot, value in {"target_category": "object", **told}.items()]
    rows += [row("primitive_action", action, episode, step) for step, action in enumerate(actions, 1)]
    return EpisodeWords(episode, 30, 10.0, (TaskSpan(0, 30, "do it"),), annotations=tuple(rows))


def row(slot: str, value: str, episode: int = 0, step: int = 0, status: str = "approved") -> Annotation:
    return Annotation(episode, 0.0, 3.0, dimension_of(slot), slot, value, "operator", 1.0, step, status)


@pytest.fixture(scope="module")
def facts() -> dict[str, list[AtomicFact]]:
    chance = random.Random(7)
    return {
        f"sim-{k}": own_facts(words_of(k, chance), {"closings": [{}], "retries": int(chance.random() < 0.3)})
        for k in range(200)
    }


@pytest.fixture(scope="module")
def questions(facts: dict[str, list[AtomicFact]]) -> list[VqaQuestion]:
    return [one.question for some in own_questions(facts).values() for one in some]


def answered(questions: list[VqaQuestion], answer: Callable[[VqaQuestion], str]) -> list[VqaRecord]:
    return [judged(question, "sim", answer(question)) for question in questions]


# The bars ---------------------------------------------------------------------------------------------------------------------


def test_oracle_is_right_in_all(questions: list[VqaQuestion]) -> None:
    share = shared(answered(questions, oracle))
    assert share.right == share.asked == share.strictly == share.counted > 400


def blind_constant(question: VqaQuestion) -> str:
    return {CHOICE: "A", NUMBER: "1"}.get(question.answer_type, "yes")


def blind_always_no(question: VqaQuestion) -> str:
    return {CHOICE: question.options[0] if question.options else "", NUMBER: "2"}.get(question.answer_type, "no")


def blind_random(question: VqaQuestion) -> str:
    chance = random.Random(f"guess {question.question_id}")
    if question.answer_type == CHOICE:
        return chance.choice(LETTERS[: len(question.options)])
    return chance.choice(("1", "2")) if question.answer_type == NUMBER else chance.choice(("yes", "no"))


@pytest.mark.parametrize("blind", [blind_constant, blind_always_no, blind_random])
def test_blind_answers_are_right_by_chance(
    blind: Callable[[VqaQuestion], str], facts: dict[str, list[AtomicFact]], questions: list[VqaQuestion]
) -> None:
    chance = np.mean([one.chance for some in own_questions(facts).values() for one in some])
    found = interval(answered(questions, blind))
    assert found.low <= chance <= found.high
    for name in ("active_actor", "target_object", "contact_and_approach", "final_configuration"):
        records = [one for one in answered(questions, blind) if one.question.capability == name]
        own = np.mean([o.chance for s in own_questions(facts).values() for o in s if o.question.capability == name])
        assert abs(interval(records).value - own) < 3 * 0.5 / len(records) ** 0.5, name


def test_most_frequent_answers_of_the_other_part_help_nobody(facts: dict[str, list[AtomicFact]]) -> None:
    """Who has learned from half of the samples what is usual is right by chance in the others."""
    names = sorted(facts)
    halves = [own_questions({name: facts[name] for name in some}) for some in (names[::2], names[1::2])]
    usual: dict[str, Counter[str]] = {}
    for some in halves[0].values():
        for one in some:
            usual.setdefault(one.question.question, Counter())[one.question.answer] += 1
    asked = [one for some in halves[1].values() for one in some]

    def answer(question: VqaQuestion) -> str:
        told = usual.get(question.question, Counter())
        return told.most_common(1)[0][0] if told else "yes"

    found = interval(answered([one.question for one in asked], answer))
    assert found.low <= np.mean([one.chance for one in asked]) <= found.high


@pytest.mark.parametrize(
    ("slot", "capability"),
    [
        ("actor", "active_actor"), ("color", "target_object"), ("approach_direction", "contact_and_approach"),
        ("final_workspace_location", "final_configuration"), ("primitive_action", "action_sequence"),
        ("attempt_count", "failure_and_recovery"),
    ],
)  # fmt: skip
def test_planted_errors_of_one_factor_are_found_in_its_capability_only(
    slot: str, capability: str, facts: dict[str, list[AtomicFact]]
) -> None:
    made = [one for some in own_questions(facts).values() for one in some]
    wrong = {one.question.question_id for one in made if one.slot == slot}
    assert wrong

    def planted(question: VqaQuestion) -> str:
        if question.question_id not in wrong:
            return oracle(question)
        if question.answer_type == CHOICE:
            return next(option for option in question.options if option != question.answer)
        return {"yes": "no", "no": "yes"}.get(question.answer, "7")

    shares = by(answered([one.question for one in made], planted), lambda one: one.question.capability)
    for name, share in shares.items():
        if name == capability:
            assert share.accuracy < 1.0
            assert share.asked - share.right == len(wrong)
        else:
            assert share.accuracy == 1.0, name


# Facts ------------------------------------------------------------------------------------------------------------------------


def test_facts_have_published_names_and_leave_out_what_says_nothing() -> None:
    told = own_facts(words_of(3, random.Random(1)), {"closings": [{}], "retries": 1})
    by_slot = {fact.slot: fact for fact in told}
    assert "category" not in by_slot
    assert by_slot["actor"].value in ("left arm", "right arm")
    assert by_slot["actor"].fact_id == "active_actor_1"
    assert by_slot["primitive_action"].step_anchor.startswith("step_")
    assert by_slot["attempt_count"].value == "2"
    assert all(fact.value in fact.fact_text for fact in told)
    order = [CAPABILITIES.index(fact.capability) for fact in told]
    assert order == sorted(order)


def test_every_slot_of_the_ten_dimensions_can_be_told() -> None:
    from finevla_tools.annotate.annotation import DIMENSIONS
    from finevla_tools.benchmarks.capabilities import published_slot

    assert {published_slot(slot) for slots in DIMENSIONS.values() for slot in slots} == set(TOLD)


def test_drafts_are_facts_only_if_asked_for_and_a_persons_tries_go_before_the_simulators() -> None:
    words = EpisodeWords(
        0, 30, 10.0, (TaskSpan(0, 30, "t"),),
        annotations=(row("active_actor", "left_arm", status=DRAFT), row("attempt_count", "3")),
    )  # fmt: skip
    assert [fact.slot for fact in own_facts(words, {"closings": [{}], "retries": 0})] == ["attempt_count"]
    assert own_facts(words)[0].value == "3"
    assert [fact.slot for fact in own_facts(words, unreviewed=True)] == ["actor", "attempt_count"]


# Questions --------------------------------------------------------------------------------------------------------------------


def test_values_that_may_both_be_true_are_never_beside_each_other(questions: list[VqaQuestion]) -> None:
    assert compatible("ball", "small ball")
    assert not compatible("left bowl", "right bowl")
    for question in questions:
        for one in question.options:
            assert not any(one != other and compatible(one, other) for other in question.options)


def test_balanced_groups_are_of_one_size_and_hold_what_they_say() -> None:
    values = {str(k): value for k, value in enumerate("aaaaaaaabbbbbbcccd")}
    groups = balanced(values, random.Random(0))
    assert {value: len(names) for value, names in groups.items()} == {"a": 6, "b": 6}
    assert all(values[name] == value for value, names in groups.items() for name in names)
    assert balanced({"1": "a", "2": "a"}, random.Random(0)) == {}


def test_three_types_are_there_and_the_same_seed_gives_the_same(facts: dict[str, list[AtomicFact]]) -> None:
    made = own_questions(facts)
    assert own_questions(facts) == made
    assert own_questions(facts, seed=1) != made
    every = [one for some in made.values() for one in some]
    assert {one.question.answer_type for one in every} == {"yes_no", "number", "multiple_choice"}
    assert {one.question.error_type for one in every} == {"omission", "contradiction", "hallucination"}
    assert len({one.question.question_id for one in every}) == len(every)


def test_who_is_asked_about_actions_is_asked_nothing_else(facts: dict[str, list[AtomicFact]]) -> None:
    for some in own_questions(facts).values():
        if any(one.question.capability == "action_sequence" for one in some):
            assert len(some) == 1


def test_false_statements_differ_in_one_factor(facts: dict[str, list[AtomicFact]]) -> None:
    for name, some in own_questions(facts).items():
        values = {fact.slot: fact.value for fact in facts[name]}
        for one in some:
            if one.question.error_type == "contradiction" and one.question.answer_type != NUMBER:
                assert f"instead of {values[one.slot]}" in one.difference
                assert one.reference == TOLD[one.slot].format(values[one.slot])


# The command ------------------------------------------------------------------------------------------------------------------


def demonstrated(folder: Path, robot: Embodiment, count: int, failed: int = -1) -> Path:
    """A data set as `finevla demonstrate` writes it, without physics."""
    from finevla_tools.datasets.lerobot_writer import LeRobotWriter

    with LeRobotWriter(folder, robot, 10) as writer:
        for k in range(count):
            side = ("left", "right")[k % 2]
            factors = Factors(
                action_sequence=("grasp the target", "lift it") if k % 3 else ("reach the target",),
                active_actor=f"{side}_arm", target_color=("red", "blue")[k // 2 % 2], approach_direction="top",
            )  # fmt: skip
            said = Instruction(f"take thing {k}", f"fine {k}", factors=factors)
            values = np.zeros((5, len(robot.names)), np.float32)
            writer.add(
                Episode(
                    task="pick", level="easy", seed=k // 2, instruction=said,
                    cameras=robot.camera_names, names=robot.names, stamps_ns=np.arange(5) * 100_000_000, states=values,
                    actions=values, images=None, outcome="done", score=100.0, success=k != failed, events=(),
                    truth={"closings": [{}], "retries": k % 2},
                )
            )  # fmt: skip
    return folder


def test_benchmark_of_a_demonstrated_set(tmp_path: Path, robot: Embodiment, capsys: pytest.CaptureFixture[str]) -> None:
    source = demonstrated(tmp_path / "lerobot", robot, 40, failed=7)
    out = tmp_path / "bench"
    assert main(["bench", "make", str(source), "--out", str(out), "--name", "sim", "--test-share", "0.6"]) == 1
    captured = capsys.readouterr()
    assert "left out 1 episodes (it did not come out as told): 7" in captured.err
    card = json.loads((out / "benchmark.json").read_text())
    parts = {part: read_samples(out / part / "EvalSets.json") for part in ("test", "dev")}
    assert sum(map(len, parts.values())) == 39
    scenes = {
        part: {told["meta"]["scene"] for told in json.loads((out / part / "EvalSets.json").read_text())}
        for part in parts
    }
    assert not scenes["test"] & scenes["dev"]
    assert card["parts"]["test"]["samples"] == len(parts["test"])
    for part in parts:
        facts, asked = read_facts(out / part / "GT_AtomicFacts.jsonl"), read_questions(out / part / "QAEvalSets.json")
        assert set(facts) == set(parts[part]) >= set(asked)
    assert parts["test"]["sim-0"].steps == ("fine 0",) if "sim-0" in parts["test"] else True
    assert main(["bench", "make", str(source), "--out", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_part_of_a_scene_is_the_same_for_ever() -> None:
    assert [part_of(str(k), 0.5) for k in range(6)] == ["test", "test", "dev", "test", "test", "dev"]
    assert part_of("anything", 1.0) == "test"


def test_what_cannot_be_made_is_one_sentence(
    tmp_path: Path, robot: Embodiment, capsys: pytest.CaptureFixture[str]
) -> None:
    source = demonstrated(tmp_path / "few", robot, 1)
    for words, said in (
        ([str(source)], "no balanced question"),
        ([str(source), "--test-share", "0"], "--test-share is 0.0"),
        ([str(tmp_path / "nowhere")], "does not exist"),
    ):
        assert main(["bench", "make", *words, "--out", str(tmp_path / "out")]) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("error: ")
        assert said in error
    (source / "meta/finevla/annotations.parquet").unlink()
    (source / "meta/finevla_episodes.jsonl").unlink()
    assert main(["bench", "make", str(source), "--out", str(tmp_path / "out")]) == 2
    assert "'finevla review' approves annotations" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
