"""Promises of `finevla demonstrate`: what is said of an episode is true, a seed gives one episode, nothing half done."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from finevla_sim.synthetic_motions import FIRST_SEED
from finevla_sim.tasks import TASKS
from finevla_tools import cli
from finevla_tools.demonstrate import DemonstrationRequest, Performer, episodes

EVENLY = {task: 1 / len(TASKS) for task in TASKS}


@pytest.fixture(scope="module")
def made() -> list:
    performer = Performer(DemonstrationRequest(EVENLY, pictures=False))
    return [performer.perform(seed) for seed in range(40)]


@pytest.mark.slow
def test_most_episodes_come_out_as_told_and_some_were_disturbed(made: list) -> None:
    kept = [done[0] for done in made if done and done[1]]
    assert len(kept) > 0.75 * len(made)
    assert all(episode.success and episode.score == 100.0 for episode in kept)
    assert any(episode.events for episode in kept)
    assert len({episode.task for episode in kept}) >= 7


def test_an_episode_has_words_factors_and_steps_that_fit_the_robot(made: list) -> None:
    for episode, _ in filter(None, made):
        assert episode.states.shape == episode.actions.shape == (episode.steps, 14)
        assert episode.instruction.raw != episode.instruction.fine
        assert episode.instruction.factors.active_actor in ("left_arm", "right_arm")
        assert episode.outcome.startswith(("the left arm", "the right arm"))
        assert np.diff(episode.stamps_ns).tolist() == [100_000_000] * (episode.steps - 1)


@pytest.mark.slow
def test_failures_are_told_from_successes() -> None:
    performer = Performer(DemonstrationRequest({"stack": 1.0}, level="hard", pictures=False))
    done = [performer.perform(seed) for seed in range(25)]
    assert all(not told for episode, told in filter(None, done) if not episode.success)


@pytest.mark.slow
def test_same_seeds_same_episodes_however_many_processes() -> None:
    wanted = DemonstrationRequest({"reach": 0.5, "turn": 0.5}, pictures=False)
    alone, together = (list(itertools.islice(episodes(wanted, 7, n), 5)) for n in (1, 2))
    for one, other in zip(alone, together, strict=True):
        assert one is not None
        assert other is not None
        assert one[1] == other[1]
        assert one[0].instruction == other[0].instruction
        np.testing.assert_array_equal(one[0].actions, other[0].actions)


@pytest.mark.slow
def test_the_command_writes_both_formats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("lerobot", reason="LeRobot comes with 'make data-setup'")
    words = [
        "demonstrate",
        "--out",
        str(tmp_path / "set"),
        "--episodes",
        "3",
        "--tasks",
        "reach,turn",
        "--processes",
        "2",
    ]
    assert cli.main(words) == 0
    assert "3 episodes of" in capsys.readouterr().out
    assert len(list((tmp_path / "set" / "rosbag2").iterdir())) == 3
    assert (tmp_path / "set" / "lerobot" / "meta" / "info.json").is_file()
    assert cli.main(words) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--formats", "hdf5"], "unknown format 'hdf5'; known are lerobot, rosbag2"),
        (["--tasks", "fly"], "unknown task 'fly'"),
        (["--episodes", "0"], "--episodes is 0; give a number from 1 on"),
        (["--first", str(FIRST_SEED)], "must stay within"),
    ],
)
def test_mistakes_are_one_sentence_and_leave_nothing(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["demonstrate", "--out", str(tmp_path / "set"), *words]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
