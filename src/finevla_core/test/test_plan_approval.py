"""Promises of step mode: a yes is for the one plan that was shown, and for nothing else."""

import numpy as np
import pytest
from bridge_run import MOTION, POLICY, STOPS, BridgeRun
from guarded_arms import Guarded

from finevla_core.safety.events import State
from finevla_core.safety.plan import Plan
from finevla_core.safety.plan_approval import is_same_motion
from finevla_core.stop_words import StopUtterance


def stepping(guarded: Guarded) -> BridgeRun:
    run = BridgeRun(guarded)
    run.bridge.step(True, run.now)
    return run


def test_what_begins_is_what_was_shown_however_old_its_observation_and_its_yes(guarded: Guarded) -> None:
    for old_s, wait in ((0.0, 1), (0.3, 1), (0.3, 1000)):
        run = stepping(guarded)
        run.pass_time(50)
        run.chunk(amplitude=0.4, stamp_ns=run.now - round(old_s * 1e9))
        shown = run.bridge.waiting.judged.plan
        run.pass_time(wait)
        done, text = run.bridge.approve(1, True, run.now)
        assert done, text
        begun = run.bridge.plan
        assert is_same_motion(shown, begun)
        assert np.allclose(begun.positions, shown.positions, atol=1e-9)
        assert (begun.times_ns - begun.times_ns[0] == shown.times_ns - shown.times_ns[0]).all()


@pytest.mark.parametrize("change", ["instruction", "cleared", "step mode", "stop", "stop word", "turned down", "age"])
def test_yes_is_void_when_anything_changed_and_another_plan_waits_for_its_own(guarded: Guarded, change: str) -> None:
    run = stepping(guarded)
    run.chunk()
    number = run.bridge.waiting.number
    bridge, words = run.bridge, "other"
    if change == "instruction":
        bridge.on_instruction("other", run.now)
    elif change == "cleared":
        bridge.on_instruction("", run.now)
    elif change == "step mode":
        bridge.step(False, run.now)
        bridge.step(True, run.now)
    elif change == "stop":
        STOPS["topic"](run)
        run.reset()
    elif change == "stop word":
        bridge.on_stop_word(StopUtterance("stop", ""), run.now)
    elif change == "turned down":
        assert bridge.approve(number, False, run.now)[0]
    else:
        run.pass_time(31 * 50)
        assert "step.expired" in [event.code for event in bridge.take()[1]]
    assert bridge.waiting is None
    assert bridge.approve(number, True, run.now) == (False, "no plan waits")
    bridge.on_instruction(words, run.now)
    run.chunk(words, amplitude=0.3)
    done, text = bridge.approve(number, True, run.now)
    assert not done
    assert text == f"plan {number} does not wait any more; plan {number + 1} does: look at that one first"
    assert bridge.waiting is not None  # and still does
    assert (bridge.state, bridge.take()[0]) == (State.HOLDING, [])
    assert bridge.approve(number + 1, True, run.now)[0]
    assert bridge.state is State.FOLLOWING


@pytest.mark.parametrize("number", [0, 2, 2**64 - 1])
def test_answer_with_another_number_changes_nothing(guarded: Guarded, number: int) -> None:
    run = stepping(guarded)
    run.chunk()
    for is_yes in (True, False):
        assert not run.bridge.approve(number, is_yes, run.now)[0]
    assert run.bridge.waiting is not None
    assert run.bridge.approve(1, True, run.now)[0]


def test_plan_that_would_go_elsewhere_than_shown_is_shown_again(guarded: Guarded) -> None:
    run = stepping(guarded)
    run.chunk()
    shown = run.bridge.waiting
    # What could change it is held still while a plan waits; here the arms are held elsewhere all the same.
    moved = run.bridge.plan.positions + 0.02 * ~guarded.limits.is_gripper
    run.bridge.plan = Plan(run.bridge.plan.times_ns, moved, run.bridge.plan.velocities)
    done, text = run.bridge.approve(1, True, run.now)
    assert (done, text) == (False, "it is not the plan that you saw any more; look again")
    assert (run.bridge.state, run.bridge.take()[0]) == (State.HOLDING, [])
    assert run.bridge.waiting.number == 2
    assert not is_same_motion(shown.judged.plan, run.bridge.waiting.judged.plan)
    assert run.bridge.approve(2, True, run.now)[0]


def test_plan_of_an_operators_motion_is_withdrawn_by_age_and_its_node_is_told(guarded: Guarded) -> None:
    run = stepping(guarded)
    run.bridge.take_authority(MOTION, run.now)
    run.chunk("motion:home-1/1", MOTION)
    run.bridge.take()
    run.pass_time(31 * 50)
    event = run.bridge.take()[1][-1]
    assert (event.level, event.code, event.instruction_id) == (1, "step.expired", "motion:home-1/1")
    assert "waited 30 s for a yes" in event.text


def test_other_plans_do_not_replace_the_one_that_waits(guarded: Guarded) -> None:
    run = stepping(guarded)
    run.chunk()
    shown = run.bridge.waiting
    for client in (POLICY, "/other"):
        run.chunk(client=client, amplitude=0.3)
    assert run.bridge.waiting is shown
    assert run.bridge.counts.rejected["step.waiting"] == 2
