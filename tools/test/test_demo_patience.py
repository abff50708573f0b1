"""Promises of the demonstration on a busy machine: it waits, asks again, goes on, and always leaves video and report."""

import argparse
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from played_stage import PlayedHost, PlayedStack, PlayedTime, press_ctrl_c

from finevla_client.errors import NoAnswer
from finevla_core.errors import FineVLAError
from finevla_core.safety.events import RESET_ADVICE
from finevla_interfaces.msg import SafetyEvent
from finevla_tools.demo import DemoRun
from finevla_tools.demo_outputs import Outputs
from finevla_tools.demonstration_acts import BLAMED_TRIES, MOST_TRIES
from finevla_tools.node_log import NodeLog
from finevla_tools.simulated_scene_session import NO_TRIES, SCENE_TRIES
from finevla_tools.up import Interrupts

EARLY = "wait: a reset is possible 0.5 s after the stop"
LATE = "no joint state for 0.5 s"


class Bench:
    """A demonstration of the programme's first acts on played stacks; `run` returns exit code and report."""

    def __init__(self, out: Path, interrupts: Interrupts) -> None:
        self.out, self.interrupts = out, interrupts
        self.time = PlayedTime()
        self.stack = PlayedStack(self.time)
        self.stacks = [self.stack]
        self.acts = 2
        self.load = 0.5
        self.strict = False

    def another_stack(self) -> PlayedStack:
        """What is started after the one before."""
        self.stacks.append(PlayedStack(self.time))
        return self.stacks[-1]

    def run(self) -> tuple[int, dict[str, Any]]:
        host = PlayedHost(self.stacks, self.interrupts, self.load)
        arguments = argparse.Namespace(out=self.out, seconds=20.0, strict=self.strict, all=True)
        with NodeLog(self.out / "nodes.log", shows=False) as log:
            demonstration = DemoRun(arguments, host, log)
            acts = demonstration.acts
            demonstration.acts = lambda: acts()[: self.acts]  # type: ignore[method-assign]
            code = demonstration.run()
        report = json.loads((self.out / "report.json").read_text())
        assert len(report["acts"]) in (0, self.acts)
        assert pictures_of(self.out / "demo.mp4") > 0
        assert not list(self.out.glob(".*")), "nothing half-written is left"
        return code, report


def pictures_of(video: Path) -> int:
    with av.open(str(video)) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Interrupts() as interrupts:
        yield Bench(tmp_path / "out", interrupts)


def test_nothing_wrong_is_told_of_a_computer_that_keeps_up(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    code, report = bench.run()
    said = capsys.readouterr()
    assert (code, said.err) == (0, "")
    assert report["is_complete"]
    assert (report["acts_run"], report["retries"], report["stops"], report["refused"]) == (2, 0, 0, 0)
    assert not report["overload"]["is_overloaded"]
    assert "overloaded" not in said.out
    for act in report["acts"]:
        assert act["understood"] == f"played: {act['asked']}"
        assert act["outcome"]["arm"] == "left"
        assert act["happened"] in said.out
    assert report["factors_told"] > report["factors_obeyed"] > 0, "it moves the left arm whatever is said"


def test_disobedience_fails_only_if_that_is_asked_for(bench: Bench) -> None:
    bench.strict = True
    code, report = bench.run()
    assert (code, report["is_complete"]) == (1, True)


def test_reset_that_was_asked_too_early_is_asked_again_when_the_answer_allows(bench: Bench) -> None:
    bench.stack.stops.append(LATE)
    bench.stack.resets.extend([EARLY, "wait: a reset is possible 3.0 s after the stop"])
    code, report = bench.run()
    assert (code, report["is_complete"]) == (0, True)
    first, second, third = bench.stack.asked_resets_s
    assert second - first >= 0.5
    assert third - second >= 3.0
    assert report["acts"][0]["stops"] == [f"stopped: {LATE}"]
    assert report["acts"][0]["outcome"]["arm"] == "left", "it was told again"


def test_reset_is_asked_for_as_long_as_the_watchdog_sees_the_cause(bench: Bench) -> None:
    bench.stack.stops.append(LATE)
    bench.stack.resets.extend(
        ["joint states are missing or late; see that the arms' driver, or the simulator, runs and keeps up"] * 50
    )
    code, report = bench.run()
    assert (code, report["is_complete"]) == (0, True)
    assert [wait["for"] for wait in report["overload"]["long_waits"]] == ["the stack to be ready"]
    assert "waiting for the stack to be ready took" in report["overload"]["sentence"]


def test_bridge_that_cannot_be_reset_is_named_in_the_report(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    for stack in (bench.stack, bench.another_stack()):
        stack.stops.append("the gripper is jammed")
        stack.resets.extend(["joint states are missing"] * 10_000)
    code, report = bench.run()
    assert code == 1
    failure = report["acts"][0]["failure"]
    assert "could not be reset" in failure
    assert "joint states are missing" in failure
    assert any(failure in line for line in report["failures"])
    said = capsys.readouterr()
    assert failure in said.err
    assert "Traceback" not in said.out + said.err


@pytest.mark.parametrize("began_s", [1.5, 4.0, 9.0])
def test_missing_joint_states_are_waited_for(bench: Bench, began_s: float) -> None:
    bench.stack.disabled_s = (began_s, began_s + 30.0)
    code, report = bench.run()
    assert (code, report["is_complete"]) == (0, True)
    assert report["overload"]["is_overloaded"]


def test_motion_that_the_bridge_kept_from_its_end_is_asked_for_again(bench: Bench) -> None:
    bench.stack.disabled_s = (3.0, 3.2)  # in the middle of the first motion
    code, report = bench.run()
    assert (code, report["is_complete"]) == (0, True)
    assert "was disabled" in report["acts"][0]["stops"][0]
    assert report["refused"] == 0, "the policy did not give up by itself"


def test_refusal_of_a_stack_that_was_not_ready_is_no_answer(bench: Bench) -> None:
    stack = bench.stack
    stack.sayings.extend(["the bridge is stopped", NoAnswer("service did not answer within 10 s")])
    stack.at[1.0] = lambda: stack.stop(LATE)
    code, report = bench.run()
    assert (code, report["is_complete"]) == (0, True)
    assert report["refused"] == 0
    assert len(report["acts"][0]["retries"]) == 1


def test_words_that_the_policy_does_not_know_are_a_result_and_no_failure(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.stack.sayings.extend(["I know none of: kettle, cup"] * NO_TRIES)
    code, report = bench.run()
    assert (code, report["is_complete"]) == (0, True)
    assert report["refused"] == 1
    assert report["acts"][0]["refusal"] == "I know none of: kettle, cup"
    assert report["acts"][0]["obeyed"] == {}
    assert "refused: I know none of: kettle, cup" in capsys.readouterr().out


def test_policy_that_gives_up_by_itself_is_told_with_its_sentence(bench: Bench) -> None:
    bench.stack.endings.append("I see no purple brick")
    code, report = bench.run()
    assert (code, report["refused"]) == (0, 1)
    assert report["acts"][0]["refusal"] == "I see no purple brick"


def test_stop_is_reset_and_told_again_a_bounded_number_of_times(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    stops = MOST_TRIES - 1
    bench.stack.stops.extend([LATE] * stops)
    code, report = bench.run()
    assert (code, report["is_complete"]) == (0, True)
    assert (report["stops"], report["retries"]) == (stops, stops)
    assert report["overload"]["stops_for_lateness"] == stops
    assert "this computer is overloaded" in report["overload"]["sentence"]
    said = capsys.readouterr().out
    assert said.count("once more") == stops
    assert report["overload"]["sentence"] in said


def test_simulation_that_is_slower_than_real_time_is_told_and_fails_nothing(bench: Bench) -> None:
    bench.stack.steps_per_truth = 2
    code, report = bench.run()
    assert (code, report["is_complete"]) == (0, True)
    assert report["overload"]["real_time_factor"] == pytest.approx(0.5, abs=0.01)
    assert "the simulation went at 0.50 of real time" in report["overload"]["sentence"]


def test_stop_for_what_the_policy_sends_is_a_result_once_it_comes_back(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.stack.stop_code = "chunk.rejections"
    bench.stack.stops.extend(["10 chunks in a row were refused"] * BLAMED_TRIES)
    code, report = bench.run()
    assert (code, report["is_complete"]) == (0, True)
    assert report["acts"][0]["stops"] == ["stopped: 10 chunks in a row were refused"] * BLAMED_TRIES
    assert report["acts"][0]["outcome"]["arm"] == "left"
    assert "then the safety bridge stopped: 10 chunks" in capsys.readouterr().out
    assert report["overload"]["stops_for_lateness"] == 0


def test_stop_is_told_by_its_cause_where_the_bridge_only_knows_that_it_was_asked_to(bench: Bench) -> None:
    bench.stack.stop_code = "stop.topic"
    bench.stack.stops.append("stop was asked for by topic")
    bench.stack.events_before_a_stop = [
        SafetyEvent(level=SafetyEvent.WARN, code="watchdog.observations", text="no observation for 1.01 s"),
        SafetyEvent(level=SafetyEvent.ERROR, code="watchdog.brake", text="the watchdog brakes the arms itself"),
        SafetyEvent(level=SafetyEvent.ERROR, code="watchdog.bridge", text=f"stop: nothing for 0.3 s; {RESET_ADVICE}"),
    ]
    _, report = bench.run()
    assert report["acts"][0]["stops"] == ["stopped: nothing for 0.3 s"]
    assert report["overload"]["stops_for_lateness"] == 1


def test_stop_that_comes_back_on_every_stack_fails_its_act(bench: Bench) -> None:
    bench.acts = 1
    bench.stack.stops.extend([LATE] * 100)
    bench.another_stack().stops.extend([LATE] * 100)
    code, report = bench.run()
    assert (code, report["acts_run"]) == (1, 0)
    assert LATE in report["acts"][0]["failure"]
    assert len(report["acts"][0]["stops"]) == 2 * MOST_TRIES
    assert LATE in report["stack_restart"]


def test_scene_that_is_not_laid_out_is_asked_for_again(bench: Bench) -> None:
    bench.stack.scenes.extend(["the simulation does not answer"] * (SCENE_TRIES - 1))
    code, report = bench.run()
    assert (code, report["is_complete"]) == (0, True)
    assert bench.stack.words.count("stop") == SCENE_TRIES + 1, "the arms rest before each"


def test_stack_that_died_is_started_again_once(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.stack.at[3.0] = lambda: bench.stack.die("simulator ended by SIGKILL: it said nothing")
    bench.another_stack()
    code, report = bench.run()
    assert (code, report["is_complete"]) == (0, True)
    assert report["stack_restart"] == "started again: simulator ended by SIGKILL: it said nothing"
    assert report["chunks_accepted"] == sum(stack.chunks for stack in bench.stacks)
    assert "the stack is started again: simulator ended by SIGKILL" in capsys.readouterr().out


def test_stack_that_died_twice_ends_the_demonstration_in_order(bench: Bench) -> None:
    bench.acts = 3
    bench.stack.at[3.0] = lambda: bench.stack.die("simulator ended by SIGKILL: it said nothing")
    second = bench.another_stack()
    second.at[12.0] = lambda: second.die("simulator ended with exit code 1: no memory")
    code, report = bench.run()
    assert code == 1
    assert report["acts_run"] == 1
    assert [act["failure"] for act in report["acts"]][-1] == "not run"
    assert any("no memory" in failure for failure in report["failures"])
    assert report["acts"][0]["outcome"]["arm"] == "left", "what was done is kept"


@pytest.mark.parametrize("silent", [{"policy/status"}, {"safety/status"}, {"sim/ground_truth"}])
def test_stack_that_never_gets_ready_is_named(bench: Bench, silent: set[str]) -> None:
    for stack in (bench.stack, bench.another_stack()):
        stack.silent = silent
    code, report = bench.run()
    assert code == 1
    assert not report["is_complete"]
    assert any("waited" in failure for failure in report["failures"])


def test_simulator_without_pictures_leaves_a_video_that_says_so(bench: Bench) -> None:
    bench.stack.silent = {"camera_overview/image_raw/compressed"}
    code, report = bench.run()
    assert (code, report["acts_run"]) == (0, 2)


def test_ctrl_c_leaves_video_and_report_of_what_was_done(bench: Bench) -> None:
    bench.acts = 4
    bench.stack.at[16.0] = press_ctrl_c
    code, report = bench.run()
    assert code == 130
    assert report["is_interrupted"]
    assert 1 <= report["acts_run"] < 4
    failures = [act["failure"] for act in report["acts"]]
    assert failures[report["acts_run"]] == "interrupted"
    assert set(failures[report["acts_run"] + 1 :]) == {"not run"}


def test_ctrl_c_before_the_stack_is_ready_leaves_both_too(bench: Bench) -> None:
    bench.stack.silent = {"safety/status"}
    bench.stack.at[5.0] = press_ctrl_c
    code, report = bench.run()
    assert (code, report["is_interrupted"], report["acts_run"]) == (130, True, 0)


def test_ctrl_c_while_it_is_written_does_not_cut_it_short(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    finish = Outputs.finish

    def press_and_finish(outputs: Outputs, closing: Any) -> None:
        press_ctrl_c()
        finish(outputs, closing)

    monkeypatch.setattr(Outputs, "finish", press_and_finish)
    code, report = bench.run()
    assert (code, report["is_complete"]) == (0, True)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda stack: stack.sayings.append(RuntimeError("a mistake of this program")),
        lambda stack: stack.scenes.append(RuntimeError("a mistake of this program")),
        lambda stack: stack.at.update({3.0: lambda: 1 // 0}),
    ],
)
def test_exception_in_the_middle_fails_its_act_alone(
    bench: Bench, spoil: Callable[[PlayedStack], None], capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(bench.stack)
    code, report = bench.run()
    assert (code, report["acts_run"]) == (1, 1)
    failure = report["acts"][0]["failure"]
    assert failure in (
        "RuntimeError: a mistake of this program",
        "ZeroDivisionError: integer division or modulo by zero",
    )
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    assert "Traceback" in (bench.out / "nodes.log").read_text(), "a programmer finds it there"


def test_video_that_cannot_be_written_does_not_cost_the_report(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("finevla_tools.demo_outputs.Movie.add", full)
    monkeypatch.setattr(f"{__name__}.pictures_of", lambda _: 1)
    code, report = bench.run()
    assert (code, report["acts_run"]) == (1, 2)
    assert "the video could not be written: No space left on device" in report["failures"]


def test_folder_that_cannot_be_written_is_one_sentence(bench: Bench) -> None:
    bench.out.write_text("a file")
    with pytest.raises(FineVLAError, match="cannot write to"):
        bench.run()


def test_what_an_earlier_run_left_is_not_taken_for_this_ones(bench: Bench) -> None:
    bench.out.mkdir()
    (bench.out / "pair.png").write_bytes(b"old")
    bench.run()
    assert not (bench.out / "pair.png").exists(), "two acts make no pair of targets"


def test_load_is_told_whatever_it_did(bench: Bench) -> None:
    bench.load = 7.3
    code, report = bench.run()
    assert code == 0
    assert "load 7.3 on 2 cores" in report["overload"]["sentence"]


def test_first_signal_is_raised_where_work_may_be_cut_and_later_ones_make_haste() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt):
            press_under_shield(interrupts)
        press_ctrl_c()
        assert interrupts.is_impatient()
    assert signal.getsignal(signal.SIGINT) is before
    with Interrupts() as interrupts:
        interrupts.hold()
        press_ctrl_c()
        with interrupts.shielded():
            press_ctrl_c()
        press_ctrl_c()
        assert interrupts.count == 3


def press_under_shield(interrupts: Interrupts) -> None:
    with interrupts.shielded():
        press_ctrl_c()
        assert interrupts.count == 1, "not raised here"
        assert interrupts.is_impatient()
        assert not interrupts.is_impatient()
