"""Promises of SteerBench: frozen cases, credit by milestones, faults counted and named, a test that may be looked at early."""

import dataclasses
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pyarrow", reason="pyarrow comes with 'make train-setup'; the robot does without")

from played_policy_server import PlayedPolicyServer

from finevla_core.errors import FineVLAError
from finevla_core.policy.remote_policy import RemotePolicy
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.judge import TaskOutcome
from finevla_sim.robot_files import default_robot
from finevla_sim.scene import LEVELS
from finevla_sim.tasks import FACTORS
from finevla_tools.evaluation import trials as evaluation_trials
from finevla_tools.evaluation.runner import Trier
from finevla_tools.steerbench import cases as steer_cases
from finevla_tools.steerbench import runner
from finevla_tools.steerbench.benchmark_settings import IN_PAPER, ROUNDS, SETTINGS, TRAINED
from finevla_tools.steerbench.benchmarked_policies import Contestant, contestant_of
from finevla_tools.steerbench.cases import (
    SteerCase,
    cases_sha256,
    cases_text,
    chance,
    draw_cases,
    frozen_cases,
    frozen_text,
    steer_trials,
)
from finevla_tools.steerbench.partial_credit import WEIGHTS, milestones, nothing_earned, points
from finevla_tools.steerbench.runner import CaseRunner, TrialHang, open_steer_folder, run_cases, time_limit
from finevla_tools.steerbench.sequential_test import BETTER, EQUAL, UNKNOWN, WORSE, confidence_sequence, verdict

FROZEN = "e3f18083e6666a929e5e73b2e0556bd654aab28d89982f8b70ef823a05185584"
FIRST = [case for case in frozen_cases() if case.number == 0]


@pytest.fixture(scope="module")
def ik() -> ArmIK:
    robot = default_robot()
    return ArmIK(robot.embodiment, robot.urdf_path)


@pytest.fixture(scope="module")
def trier() -> Trier:
    return Trier(None)


def test_the_frozen_cases_are_those_of_version_1() -> None:
    """Whoever must change this makes another version: results of this one could not be compared any more."""
    assert cases_sha256() == FROZEN
    assert cases_text(frozen_cases()) == frozen_text()


def test_every_round_has_one_case_of_every_setting_and_level() -> None:
    found = [(case.number, case.setting, case.level) for case in frozen_cases()]
    assert found == [(n, setting, level) for n in range(ROUNDS) for setting in SETTINGS for level in LEVELS]
    seeds = [case.seed for case in frozen_cases()]
    assert len(set(seeds)) == len(seeds)
    evaluated = evaluation_trials.FIRST_SEED + 10 * evaluation_trials.SEEDS_PER_KIND
    assert min(seeds) >= evaluated
    assert all(case.task in SETTINGS[case.setting].tasks for case in frozen_cases())


def test_cases_are_a_pure_function_of_the_seed(ik: ArmIK) -> None:
    assert list(draw_cases(ik, [0])) == FIRST
    other = next(iter(draw_cases(ik, [0], seed=2)))
    assert other.digest != FIRST[0].digest
    assert other.seed not in {case.seed for case in frozen_cases()}


def test_settings_are_the_paper_s_eight_and_two_more() -> None:
    assert [SETTINGS[name].paper for name in IN_PAPER] == [
        "Clean Table", "Stack Block", "Color", "Pose", "Approach", "Rotate", "Arm", "L→R",
    ]  # fmt: skip
    assert len(TRAINED) == 7
    assert set(SETTINGS) - set(IN_PAPER) == {"path", "placement"}


@pytest.mark.parametrize("case", FIRST, ids=lambda case: case.key)
def test_a_case_is_a_pair_that_differs_in_its_setting_s_factor(case: SteerCase, ik: ArmIK) -> None:
    scene, trials = steer_trials(case, ik)
    assert scene.level == case.level
    assert set(SETTINGS[case.setting].factors) <= set(trials[0].told)
    if case.setting == "hand_bowl":
        assert [(t.goal.arm, t.goal.place) for t in trials] == [("left", "right_bowl")]
        return
    one, other = (dataclasses.asdict(trial.goal) for trial in trials)
    assert {name for name in one if one[name] != other[name]} == {FACTORS[SETTINGS[case.setting].kind]}
    assert 0.0 <= chance(scene, trials[0], SETTINGS[case.setting].factors) <= 0.8


def test_colour_pairs_differ_in_colour_alone(ik: ArmIK) -> None:
    scene, trials = steer_trials(next(case for case in FIRST if case.setting == "colour"), ik)
    one, other = (scene.object(trial.goal.target) for trial in trials)
    assert (one.shape, one.size) == (other.shape, other.size)
    assert one.color != other.color


def test_a_changed_or_unsolvable_scene_is_refused_by_a_sentence(ik: ArmIK, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FineVLAError, match=r"case 'easy/clean/0' is not that of SteerBench 1 .* make a new version"):
        steer_trials(dataclasses.replace(FIRST[0], digest="0" * 12), ik)
    monkeypatch.setattr(steer_cases, "trials_at", lambda *_: None)
    with pytest.raises(FineVLAError, match="case 'easy/clean/0' of SteerBench 1 cannot be solved"):
        steer_trials(FIRST[0], ik)


def outcome_of(trial: Any, **others: Any) -> TaskOutcome:
    """What happens if a trial of `placement` is done as told, but for `others`."""
    goal = trial.goal
    done = {"arm": goal.arm, "object": goal.target, "approach": goal.approach, "lifted": goal.target}
    return TaskOutcome(**{**done, "places": ((goal.target, goal.place),), **others})


def test_credit_is_earned_milestone_by_milestone_and_only_with_the_right_thing(ik: ArmIK) -> None:
    scene, trials = steer_trials(next(case for case in FIRST if case.setting == "placement"), ik)
    trial = trials[0]
    wrong_arm = {"left": "right", "right": "left"}[trial.goal.arm]
    wrong_thing = next(o.name for o in scene.objects if o.name != trial.goal.target)
    scored = [
        points(milestones(trial, outcome_of(trial, **others), scene))
        for others in (
            {},
            {"places": ((trial.goal.target, "table"),)},
            {"places": (), "lifted": ""},
            {"arm": wrong_arm},
            {"object": wrong_thing},
        )
    ]
    assert scored == [100.0, 60.0, 45.0, 90.0, 10.0]
    assert points(milestones(trial, TaskOutcome(), scene)) == 0.0
    assert points(nothing_earned(trial)) == 0.0


def test_what_the_sentence_does_not_tell_has_no_milestone(ik: ArmIK) -> None:
    scene, trials = steer_trials(next(case for case in FIRST if case.setting == "placement"), ik)
    untold = dataclasses.replace(trials[0], told=("target_object", "final_configuration"))
    found = milestones(untold, outcome_of(trials[0], approach="back"), scene)
    assert set(found) == {"object", "held", "goal"}
    assert points(found) == 100.0


@pytest.mark.parametrize("case", [case for case in FIRST if case.level == "easy"], ids=lambda case: case.key)
def test_the_oracle_earns_everything(case: SteerCase, trier: Trier) -> None:
    scene, trials = steer_trials(case, trier.ik)
    for trial in trials:
        record, outcome = trier.judged("oracle", scene, trial)
        found = milestones(trial, outcome, scene)
        assert points(found) == 100.0, record["happened"]
        assert set(found) <= set(WEIGHTS)


class PlayedTrier:
    """Fails in every trial as it is told to; the next one that is loaded does not."""

    def __init__(self, ik: ArmIK, fail: Any) -> None:
        self.ik, self.policy, self._fail = ik, None, fail

    def judged(self, *_: Any) -> Any:
        self._fail()
        raise AssertionError


@pytest.fixture
def played(ik: ArmIK, monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(fail: Any) -> CaseRunner:
        monkeypatch.setattr(runner, "Trier", lambda *_: PlayedTrier(ik, fail))
        return CaseRunner(Contestant("played", "policy"), 0.05)

    return make


def test_a_policy_that_crashes_costs_the_trial_and_is_named(played: Any) -> None:
    def crash() -> None:
        raise ZeroDivisionError("no\nspeed")

    rows = played(crash).run(FIRST[0])
    assert [row["fault"] for row in rows] == ["crash: ZeroDivisionError: no speed"] * 2
    assert {(row["points"], row["is_solved"], row["is_steered"]) for row in rows} == {(0.0, False, False)}
    assert [row["member"] for row in rows] == [0, 1]


def test_a_policy_that_hangs_costs_the_trial_and_is_named(played: Any) -> None:
    def hang() -> None:
        try:
            threading.Event().wait()
        except Exception:  # as a policy may; a hang is none
            raise AssertionError from None

    rows = played(hang).run(FIRST[0])
    assert [row["fault"] for row in rows] == ["hang: no end within 0.05 s"] * 2


def test_a_time_limit_ends_with_what_it_was_for() -> None:
    with time_limit(60.0):
        pass
    with pytest.raises(TrialHang), time_limit(0.01):
        threading.Event().wait()


def test_a_server_that_is_gone_ends_the_run_and_costs_no_trial(ik: ArmIK, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> str:
        raise FineVLAError("policy server 'ws://far:1' does not answer")

    made: list[PlayedTrier] = []

    def make(*_: Any) -> PlayedTrier:
        made.append(PlayedTrier(ik, gone))
        made[-1].policy = SimpleNamespace(ready=gone if len(made) > 1 else str)  # type: ignore[assignment]
        return made[-1]

    monkeypatch.setattr(runner, "Trier", make)
    run = CaseRunner(Contestant("served", "policy", None, "ws://far:1"), 60.0)
    with pytest.raises(FineVLAError, match="does not answer"):
        run.run(FIRST[0])


def test_a_server_that_answers_nonsense_is_a_crash_in_its_words(ik: ArmIK) -> None:
    bundle = Path("models/examples/pi0_aloha")
    case = next(case for case in FIRST if case.setting == "hand_bowl")
    with PlayedPolicyServer("traceback") as server:
        run = CaseRunner(contestant_of(server.url, bundle, False), 60.0)
        assert isinstance(run.trier.policy, RemotePolicy)
        assert run.trier.policy.server.timeout_s == 60.0
        (row,) = run.run(case)
    assert row["fault"].startswith("crash: PolicyConnectionError: ")
    assert "KeyError: 'cam_high'" in row["fault"]


def test_a_process_that_dies_costs_its_case(ik: ArmIK) -> None:
    rows = runner._died(10.0, FIRST[0])
    assert [row["fault"].split(":")[0] for row in rows] == ["death", "death"]
    assert "stuck for 15 s" in rows[0]["fault"]


@pytest.mark.slow
def test_a_run_goes_on_where_it_ended_and_gives_the_same_again(tmp_path: Path) -> None:
    cases = [case for case in FIRST if case.setting in ("rotation", "hand_bowl") and case.level == "easy"]
    oracle = contestant_of("oracle", None, False)
    for folder in ("a", "b"):
        open_steer_folder(tmp_path / folder, oracle)
    first = run_cases(cases[:1], oracle, tmp_path / "a", 1, 300.0)
    path = tmp_path / "a" / runner.ROWS
    path.write_text(path.read_text() + '{"case": "easy/hand')  # the power went
    every = run_cases(cases, oracle, tmp_path / "a", 2, 300.0)
    assert every[: len(first)] == first
    assert [row["points"] for row in every] == [100.0] * 3
    assert run_cases(cases, oracle, tmp_path / "b", 1, 300.0) == every
    with pytest.raises(FineVLAError, match=r"holds a run of another policy or version \(oracle\)"):
        open_steer_folder(tmp_path / "a", contestant_of("random", None, False))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_intervals_shrink_stay_in_bounds_and_mirror(rounds: int, size: int, seed: int) -> None:
    values = np.random.default_rng(seed).random((rounds, size))
    found = confidence_sequence(values)
    assert found.shape == (rounds, 2)
    assert (found >= 0.0).all()
    assert (found <= 1.0).all()
    assert (found[:, 0] < found[:, 1]).all()
    assert (np.diff(found[:, 0]) >= 0).all()
    assert (np.diff(found[:, 1]) <= 0).all()
    mirrored = confidence_sequence(1.0 - values)
    assert mirrored[:, ::-1] == pytest.approx(1.0 - found, abs=0.01)


def test_the_mean_is_outside_at_any_time_no_more_often_than_said() -> None:
    """Three settings with means of their own; 150 runs looked at after each of 40 rounds."""
    dice = np.random.default_rng(3)
    missed = 0
    for _ in range(150):
        values = (dice.random((40, 3)) < np.array([0.2, 0.5, 0.8])).astype(float)
        found = confidence_sequence(values, alpha=0.2)
        missed += bool(((found[:, 0] > 0.5) | (found[:, 1] < 0.5)).any())
    assert missed <= 0.2 * 150 + 2 * np.sqrt(0.2 * 0.8 * 150)


def test_verdicts_are_better_equal_worse_and_not_yet_known() -> None:
    dice = np.random.default_rng(5)
    gain = np.where(dice.random((100, 10)) < 0.3, 60.0, 0.0)
    better, worse = verdict(gain, 2.0), verdict(-gain, 2.0)
    assert (better.word, worse.word) == (BETTER, WORSE)
    assert 0 < better.decided_after == worse.decided_after < 60
    assert better.low <= 18.0 <= better.high
    assert verdict(np.zeros((100, 10)), 2.0).word == EQUAL
    assert verdict(np.zeros((3, 10)), 2.0).word == UNKNOWN
    assert verdict(np.zeros((0, 10)), 2.0).word == UNKNOWN
    assert "not yet known (3 rounds)" in str(verdict(np.zeros((3, 10)), 2.0))


@pytest.mark.parametrize(
    ("policy", "bundle", "is_blind", "said"),
    [
        ("oracle", None, True, "'oracle' hears no words"),
        ("random", Path("models/tabletop"), False, "'random' hears no words and has no bundle"),
        ("ws://far:1", None, False, "'ws://far:1' needs --bundle"),
        ("http://far:1", Path("models/tabletop"), False, "no policy server's address"),
        ("models/tabletop", Path("models/tabletop"), False, "--bundle goes with a policy server's address"),
        ("nowhere", None, False, "'nowhere' is not at"),
    ],
)
def test_who_cannot_be_let_in_is_told_why(policy: str, bundle: Path | None, is_blind: bool, said: str) -> None:
    with pytest.raises(FineVLAError, match=said):
        contestant_of(policy, bundle, is_blind)


def test_one_door_for_bundles_servers_and_baselines() -> None:
    tabletop, served = Path("models/tabletop"), Path("models/examples/tabletop_served")
    shipped = contestant_of(str(tabletop), None, False)
    blind = contestant_of(str(tabletop), None, True)
    remote = contestant_of("ws://far:1", served, False)
    assert (shipped.role, blind.role, remote.role) == ("policy", "blind", "policy")
    assert blind.identity()["sha256"] == shipped.identity()["sha256"] != remote.identity()["sha256"]
    assert (shipped.identity()["is_on_server"], remote.identity()["is_on_server"]) == (False, True)
    assert contestant_of("oracle", None, False).identity()["sha256"] == ""
