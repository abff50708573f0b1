"""Promises of the first motion, where controllers hold something else than what is measured: no limit is broken."""

from dataclasses import replace

import numpy as np
import pytest
from commanded import MOST_ACCELERATION, MS, START, DrivenBridge
from guarded_arms import Guarded

from finevla_core.safety.controller_references import FRESH_S, ControllerReferences
from finevla_core.safety.events import State

MRAD = 1e-3
OFFSETS = [1 * MRAD, 3 * MRAD, 10 * MRAD, 30 * MRAD]


def beside(guarded: Guarded, sag_rad: float) -> DrivenBridge:
    """A bridge beside controllers that hold home, where the arms are measured `sag_rad` off."""
    sag = sag_rad * ~guarded.limits.is_gripper
    driven = DrivenBridge(guarded.embodiment, guarded.envelope, guarded.home, sag=sag)
    driven.run(START + 200 * MS)
    return driven


def begin(guarded: Guarded, driven: DrivenBridge, count: int = 1) -> None:
    driven.bridge.on_chunk(guarded.chunk(driven.now_ns - 50 * MS, instruction_id="x"), driven.now_ns)
    assert driven.bridge.counts.accepted == count, driven.bridge.counts.rejected


def finish(driven: DrivenBridge) -> None:
    driven.run(driven.now_ns + 3000 * MS)
    assert driven.bridge.state is State.HOLDING
    assert driven.arms.shares().acceleration <= MOST_ACCELERATION


@pytest.mark.parametrize("sag_rad", OFFSETS)
def test_controllers_that_say_nothing_are_led_onto_the_first_motion_within_the_limits(
    guarded: Guarded, sag_rad: float
) -> None:
    driven = beside(guarded, sag_rad)
    begin(guarded, driven)
    finish(driven)


def test_bridge_that_is_told_to_end_waits_for_controllers_that_it_leads(guarded: Guarded) -> None:
    driven = beside(guarded, 10 * MRAD)
    assert driven.bridge.is_at_rest(driven.now_ns)
    begin(guarded, driven)
    driven.run(driven.now_ns + 100 * MS)
    driven.bridge.on_stop(driven.now_ns, "stop.ending", "the bridge was told to end")
    while not driven.bridge.is_at_rest(driven.now_ns):
        driven.run(driven.now_ns + 20 * MS)
    rested = driven.arms.commands()[-1]
    driven.run(driven.now_ns + 500 * MS)
    assert driven.arms.commands()[-1] == pytest.approx(rested, abs=1e-4)


@pytest.mark.parametrize("sag_rad", OFFSETS)
def test_first_motion_begins_where_the_controllers_say_that_they_hold_the_arms(
    guarded: Guarded, sag_rad: float
) -> None:
    driven = beside(guarded, sag_rad)
    guarded.tell_held(driven.bridge, guarded.home)
    begin(guarded, driven)
    assert driven.bridge.plan.positions[0] == pytest.approx(guarded.home, abs=1e-9)
    driven.run(driven.now_ns + 500 * MS)
    assert not driven.arms.offences()  # of jerk, too: there is nothing to be led onto
    finish(driven)


@pytest.mark.parametrize("sag_rad", OFFSETS)
def test_hold_after_a_stop_is_where_the_controllers_say(guarded: Guarded, sag_rad: float) -> None:
    driven = beside(guarded, sag_rad)
    begin(guarded, driven)
    driven.run(driven.now_ns + 600 * MS)
    driven.bridge.on_other_command()  # a watchdog's brake, say
    driven.bridge.on_stop(driven.now_ns, "stop", "stop")
    driven.run(driven.now_ns + 1500 * MS)
    held = driven.arms.values()
    guarded.tell_held(driven.bridge, held)
    done, text = driven.bridge.reset(driven.now_ns)
    assert done, text
    assert driven.bridge.plan.positions[-1] == pytest.approx(held, abs=1e-9)


def test_nothing_begins_where_the_arms_are_far_from_what_their_controllers_hold(guarded: Guarded) -> None:
    driven, far = beside(guarded, 0.0), guarded.home + 0.3 * ~guarded.limits.is_gripper
    guarded.tell_held(driven.bridge, far)
    driven.bridge.on_chunk(guarded.chunk(driven.now_ns - 50 * MS, instruction_id="x"), driven.now_ns)
    assert driven.bridge.counts.rejected == {"robot.unready": 1}
    assert "is measured -0.30 rad from where its controller holds it" in driven.bridge.take()[1][-1].text
    assert driven.bridge.state is State.HOLDING
    assert driven.sent == []
    driven.bridge.on_stop(driven.now_ns, "stop", "stop")
    driven.run(driven.now_ns + 1000 * MS)
    guarded.tell_held(driven.bridge, far)
    assert "from where its controller holds it" in driven.bridge.reset(driven.now_ns)[1]


def test_controllers_that_were_started_again_at_rest_are_followed_from_where_they_hold_now(guarded: Guarded) -> None:
    driven = beside(guarded, 10 * MRAD)
    begin(guarded, driven)
    finish(driven)
    measured = driven.arms.values() - driven.sag  # what a controller holds that was activated anew
    driven.arms.restart(measured)
    driven.sag = 0.0
    driven.run(driven.now_ns + 200 * MS)
    began_ns = driven.now_ns
    guarded.tell_held(driven.bridge, measured)
    begin(guarded, driven, count=2)
    driven.run(driven.now_ns + 500 * MS)
    assert driven.arms.shares(began_ns + 20 * MS).acceleration <= MOST_ACCELERATION


class Telling(DrivenBridge):
    """Its controllers say in each tick what they command."""

    def flush(self) -> None:
        super().flush()
        for c in self.embodiment.controllers:
            played = self.arms.played[c.name]
            position = played.sample(self.now_ns)
            self.bridge.references.note(c.name, c.joints, position.tolist(), played.velocity.tolist())


@pytest.mark.parametrize("is_restarted", [False, True])
def test_controller_activated_anew_in_mid_motion_is_a_stop_and_makes_no_step(
    guarded: Guarded, is_restarted: bool
) -> None:
    run = Telling(guarded.embodiment, guarded.envelope, guarded.home)
    run.run(START + 200 * MS)
    chunk = guarded.chunk(run.now_ns - 50 * MS, amplitude=0.5, instruction_id="x")
    run.bridge.on_chunk(chunk, run.now_ns)
    run.run(run.now_ns + 500 * MS)
    anew = guarded.embodiment.controllers[0]
    if is_restarted:
        run.arms.played[anew.name].hold(run.arms.played[anew.name].sample(run.now_ns).copy())
    began_ns = run.now_ns
    run.run(began_ns + 3000 * MS)
    if not is_restarted:
        assert run.bridge.state is State.HOLDING
        return
    assert run.bridge.state is State.STOPPED
    assert f"{anew.name} holds" in run.bridge.reason
    # The one that was activated anew stopped dead, which is its own doing; all others brake, and it makes no step.
    assert run.arms.shares(began_ns + 30 * MS).acceleration <= MOST_ACCELERATION
    done, text = run.bridge.reset(run.now_ns)
    assert done, text


def test_reference_counts_only_whole_fresh_at_rest_and_of_one_publisher(guarded: Guarded) -> None:
    now_ns = [0]
    told = ControllerReferences(guarded.embodiment, guarded.limits, 0.25, lambda: now_ns[0])
    first = guarded.embodiment.controllers[0]

    def tell(velocity: float = 0.0, joints: tuple[str, ...] = first.joints, number: int = 0, at: float = 0.1) -> bool:
        for c in guarded.embodiment.controllers[1:]:
            told.note(c.name, c.joints, [0.0] * len(c.joints))
        told.note(first.name, joints, [at] * len(joints), [velocity] * len(joints), number)
        return told.held() is not None

    assert tell()
    assert not tell(velocity=0.1)
    assert not tell(joints=(*first.joints[1:], "other"))
    assert not tell(at=np.nan)
    assert tell()
    now_ns[0] += round((FRESH_S + 0.1) * 1e9)
    assert told.held() is None
    assert [tell(number=n) for n in (1000, 1001, 1, 1002, 2)] == [True, True, True, True, False]
    assert "left" not in told.why_far(guarded.home)


@pytest.mark.parametrize("moved_rad", [0.0, 3 * MRAD, 20 * MRAD, 0.1, 0.2])
@pytest.mark.parametrize("is_moving", [False, True])
def test_controllers_that_come_back_elsewhere_and_say_nothing_make_no_step(
    guarded: Guarded, moved_rad: float, is_moving: bool
) -> None:
    driven = beside(guarded, 3 * MRAD)
    begin(guarded, driven)
    driven.run(driven.now_ns + (600 if is_moving else 3000) * MS)
    driven.silent_until_ns = driven.now_ns + 1000 * MS
    driven.run(driven.silent_until_ns - 100 * MS)
    assert driven.bridge.state is (State.STOPPED if is_moving else State.DISABLED)
    measured = driven.arms.values() - (3 * MRAD - moved_rad) * ~guarded.limits.is_gripper
    driven.arms.restart(measured)
    driven.sag = 0.0
    driven.run(driven.silent_until_ns + 700 * MS)
    began_ns = driven.now_ns
    if driven.bridge.state is State.STOPPED:
        driven.bridge.adopt(True, driven.now_ns)  # arms at rest that went far have leapt
        done, text = driven.bridge.reset(driven.now_ns)
        assert done, text
    driven.bridge.on_instruction("again", driven.now_ns)
    chunk = guarded.chunk(driven.now_ns - 50 * MS, instruction_id="again", epoch=driven.bridge.epoch)
    chunk = replace(chunk, actions=chunk.actions + measured - guarded.home)
    driven.bridge.on_chunk(chunk, driven.now_ns)
    assert driven.bridge.counts.accepted == 2, driven.bridge.counts.rejected
    driven.run(driven.now_ns + 3000 * MS)
    assert driven.arms.shares(began_ns).acceleration <= MOST_ACCELERATION


def test_fingers_grip_on_where_joint_states_were_lost_for_a_while(guarded: Guarded) -> None:
    grips = 0.4 * guarded.limits.is_gripper  # so much wider than they were told: there is something between them
    driven = beside(guarded, -3 * MRAD * ~guarded.limits.is_gripper - grips)
    begin(guarded, driven)
    driven.run(driven.now_ns + 3000 * MS)
    told = driven.bridge.plan.positions[-1]
    driven.silent_until_ns = driven.now_ns + 1000 * MS
    driven.run(driven.now_ns + 1500 * MS)
    assert driven.bridge.state is State.HOLDING
    assert driven.bridge.plan.positions[-1][guarded.limits.is_gripper] == pytest.approx(told[guarded.limits.is_gripper])


@pytest.mark.parametrize("sag_rad", OFFSETS)
@pytest.mark.parametrize("after_ms", [5, 100, 200, 300, 370, 400])
def test_stop_while_a_vendors_arms_are_led_over_keeps_the_limits(
    guarded: Guarded, sag_rad: float, after_ms: int
) -> None:
    """Those of ros2_control say what they hold, and are led nowhere."""
    driven = beside(guarded, sag_rad)
    for played in driven.arms.played.values():
        played.period_ns = 0  # as the vendor bridge plays them
    begin(guarded, driven)
    driven.run(driven.now_ns + after_ms * MS)
    driven.bridge.on_stop(driven.now_ns, "stop", "stop")
    driven.run(driven.now_ns + 1500 * MS)
    assert driven.arms.shares().acceleration <= MOST_ACCELERATION
    assert not abs(np.diff(driven.arms.commands()[-20:], axis=0)).any()
