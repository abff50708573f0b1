"""Promises of the gate: what is accepted stays within limits, what is not is refused whole and by name."""

import dataclasses

import numpy as np
import pytest
from guarded_arms import SECOND, START, Guarded, sampled
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from finevla_core.chunk import JOININGS
from finevla_core.safety.clearance import Clearance
from finevla_core.safety.controller_trajectories import LEAD_NS
from finevla_core.safety.events import State
from finevla_core.safety.gate import Gate, GateContext, GateOptions, Judged
from finevla_core.safety.joining import BLEND_PROFILES, LEAVE_NS, BlendProfile, join
from finevla_core.safety.plan import Plan, hold


def test_smooth_chunk_is_followed_and_ends_at_rest(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    bridge.on_chunk(guarded.chunk(), START + SECOND // 20)
    assert bridge.state is State.FOLLOWING
    assert bridge.plan is not None
    position, velocity = bridge.plan.at(bridge.plan.end_ns + SECOND)
    assert np.allclose(velocity, 0)
    assert np.allclose(position, guarded.chunk().actions[-1], atol=0.02)


def test_commands_carry_positions_velocities_and_end_with_zero_velocity(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    bridge.on_chunk(guarded.chunk(), START + SECOND // 20)
    commands, _ = bridge.take()
    assert [c.controller for c in commands] == [c.name for c in guarded.embodiment.controllers]
    for command in commands:
        assert command.start_ns == START + SECOND // 20
        assert (np.diff(command.times_s) > 0).all()
        assert command.times_s[0] == 0
        assert np.allclose(command.velocities[-1], 0)


REFUSED = {
    "chunk.embodiment": {"embodiment": "other"},
    "chunk.joints": {"names": ("a", "b")},
    "chunk.stale": {"stamp_ns": START - 2 * SECOND},
    "chunk.future": {"stamp_ns": START + 2 * SECOND},
    "chunk.instruction": {"instruction_id": "before"},
    "chunk.dt": {"dt_s": 0.0},
}


@pytest.mark.parametrize("code", sorted(REFUSED))
def test_chunk_is_refused_by_name(guarded: Guarded, code: str) -> None:
    bridge = guarded.bridge()
    bridge.on_chunk(guarded.chunk(**REFUSED[code]), START + SECOND // 20)
    assert list(bridge.counts.rejected) == [code]
    assert bridge.state is State.HOLDING
    assert bridge.take()[0] == []


def test_broken_actions_are_refused_by_name(guarded: Guarded) -> None:
    size = len(guarded.embodiment.names)
    good = guarded.chunk().actions
    for code, actions in {
        "chunk.finite": np.where(np.arange(size) == 2, np.nan, good),
        "chunk.shape": good[:, :-1],
        "chunk.horizon": good[:1],
        "chunk.start": good + np.where(np.arange(size) == 0, 0.5, 0.0),
        "chunk.position": good + np.where(np.arange(size) == 1, np.linspace(0, 4, 16)[:, None], 0.0),
        "chunk.gripper": good + np.where(np.arange(size) == 6, 0.2, 0.0),
        "chunk.step": good + np.where(np.arange(size) == 0, np.minimum(np.linspace(0, 6.4, 16), 2.2)[:, None], 0.0),
        "chunk.velocity": good + np.where(np.arange(size) == 0, 0.27 * np.minimum(np.arange(16), 7)[:, None], 0.0),
        "chunk.acceleration": good + np.where(np.arange(size) == 0, 0.2 * np.sin(np.arange(16) * 0.9)[:, None], 0.0),
    }.items():
        bridge = guarded.bridge()
        bridge.on_chunk(guarded.chunk(actions=actions), START + SECOND // 20)
        assert list(bridge.counts.rejected) == [code]
        assert bridge.take()[0] == []


def test_arm_at_rest_gets_into_a_chunk_in_full_motion_within_the_limits(guarded: Guarded) -> None:
    moving = np.where(np.arange(len(guarded.embodiment.names)) == 0, 0.08 * np.arange(1, 17)[:, None], 0.0)
    chunk, now = guarded.chunk(actions=guarded.home + moving), START + SECOND // 20
    quick = join(hold(guarded.home, START), chunk, now, guarded.limits)
    assert (quick.extremes().acceleration > guarded.limits.acceleration).any()
    bridge = guarded.bridge()
    bridge.on_chunk(chunk, now)
    assert bridge.counts.accepted == 1
    assert (bridge.plan.extremes().acceleration <= guarded.limits.acceleration).all()
    assert bridge.plan.at(START + 14 * SECOND // 10)[0][0] == pytest.approx(chunk.actions[13, 0], abs=0.03)


def test_every_joining_that_a_bundle_may_name_has_its_manners() -> None:
    assert tuple(BLEND_PROFILES) == JOININGS


@pytest.mark.parametrize("speed_scale", [0.25, 0.4, 0.54, 0.9, 1.0])
@pytest.mark.parametrize("late_ms", [20, 60, 130])
def test_gripper_that_opens_slowly_does_not_swing_past_its_end(
    guarded: Guarded, speed_scale: float, late_ms: int
) -> None:
    values = guarded.home.copy()
    grip = np.flatnonzero(guarded.limits.is_gripper)
    values[grip] = 0.0
    plan = hold(values, START)
    for k in range(12):  # a chunk every 0.1 s, each says "open"
        stamp = START + k * SECOND // 10
        actions = np.tile(values, (16, 1))
        actions[:, grip] = np.clip((k + np.arange(16)) / 4, 0, 1)[:, None]
        chunk = guarded.chunk(stamp_ns=stamp, actions=actions)
        plan = join(plan, chunk, stamp + late_ms * SECOND // 1000, guarded.limits, speed_scale=speed_scale)
        assert plan is not None
        assert plan.extremes().highest[grip].max() <= 1 + guarded.limits.slack[grip].max()


@given(rows=arrays(np.float64, (16, 2), elements=st.floats(0.0, 1.0)), late_ms=st.integers(0, 300), first=st.booleans())
def test_grippers_never_swing_beyond_their_ends_from_rest(
    guarded: Guarded, rows: np.ndarray, late_ms: int, first: bool
) -> None:
    grip = np.flatnonzero(guarded.limits.is_gripper)
    values = guarded.home.copy()
    values[grip] = float(first)
    actions = np.tile(values, (16, 1))
    actions[:, grip] = (np.round(rows) if first else rows)[:, : len(grip)]
    plan = join(
        hold(values, START), guarded.chunk(stamp_ns=START, actions=actions), START + late_ms * 10**6, guarded.limits
    )
    assert plan is not None
    found = plan.extremes()
    assert found.lowest[grip].min() >= -1e-4
    assert found.highest[grip].max() <= 1 + 1e-4


@pytest.mark.parametrize("late_ms", [0, 110, 130])
def test_plan_that_controllers_are_led_onto_rests_until_they_are(guarded: Guarded, late_ms: int) -> None:
    actions = np.tile(guarded.home, (2, 1))
    actions[1, 0] += 0.02
    chunk = dataclasses.replace(guarded.chunk(stamp_ns=START, actions=actions), dt_s=0.1)
    now = START + late_ms * 10**6
    plan = join(hold(guarded.home, START), chunk, now, guarded.limits, leave_ns=LEAD_NS)
    if plan is not None:
        assert np.allclose(plan.at(now + LEAD_NS)[1], 0.0, atol=1e-9)
    else:
        assert late_ms, "there was time"


def test_slowed_chunk_goes_the_same_way_in_more_time(guarded: Guarded) -> None:
    plan, chunk = hold(guarded.home, START), guarded.chunk()
    quick = join(plan, chunk, START + SECOND // 20, guarded.limits)
    slow = join(plan, chunk, START + SECOND // 20, guarded.limits, speed_scale=0.5)
    assert quick is not None
    assert slow is not None
    assert slow.extremes().speed.max() == pytest.approx(quick.extremes().speed.max() / 2, rel=0.2)
    assert np.allclose(slow.positions[-1], quick.positions[-1], atol=0.01)
    for share in (0.3, 0.6, 0.9):
        at = START + SECOND // 20 + round(share * 1.55 * SECOND)
        later = START + SECOND // 20 + round(share * 2 * 1.55 * SECOND)
        assert np.allclose(quick.at(at)[0], slow.at(later)[0], atol=0.03)


@pytest.mark.parametrize(
    ("running", "allowed", "speed", "looks"),
    [(1.0, 1.0, 1.0, 1), (1.0, 0.5, 0.5, 2), (0.5, 0.5, 0.465, 1), (0.5, 0.4, 0.4, 2), (0.5, 1.0, 0.465, 1)],
)
def test_chunk_after_a_slowed_one_is_tried_a_little_slower_than_that_was_allowed(
    guarded: Guarded, running: float, allowed: float, speed: float, looks: int
) -> None:
    """And never goes faster than its own distances allow; with room again, the one after it has its full speed."""
    asked = []

    class Near:
        def along(self, plan: Plan) -> Clearance:
            asked.append(plan)
            return Clearance(0.01, "table", allowed)

    envelope = dataclasses.replace(guarded.envelope, clearance=Near())  # type: ignore[arg-type]
    gate = Gate(guarded.embodiment, envelope, GateOptions())
    now = START + SECOND // 20
    context = GateContext(
        now, "now", 1, "", -1, -1, hold(guarded.home, START), guarded.home, now, allowed_scale=running
    )
    judged = gate.check(guarded.chunk(), context)
    assert isinstance(judged, Judged)
    assert judged.speed_scale == pytest.approx(speed)
    assert judged.speed_scale <= judged.clearance.speed_scale
    assert len(asked) == looks
    assert judged.plan is asked[-1]


def test_chunk_that_comes_while_the_controllers_are_led_onto_the_first_is_no_fault(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    bridge.commands.is_obeyed = False
    bridge.on_chunk(guarded.chunk(), START + SECOND // 20)
    for k in range(20):
        bridge.on_chunk(guarded.chunk(START + k + 1), START + SECOND // 20 + (k + 1) * SECOND // 100)
    assert bridge.counts.accepted == 1
    assert bridge.counts.rejected == {"chunk.leading": 20}
    later = START + SECOND // 20 + bridge.commands.lead_ns
    bridge.on_chunk(guarded.chunk(later - SECOND // 20), later)
    assert bridge.counts.accepted == 2


def test_same_chunk_twice_is_refused(guarded: Guarded) -> None:
    bridge = guarded.bridge()
    for late in (20, 10):  # the second comes when the controllers have been led onto the first
        bridge.on_chunk(guarded.chunk(), START + SECOND // late)
    assert bridge.counts.rejected == {"chunk.sequence": 1}


def test_seam_is_continuous_in_position_velocity_and_acceleration(guarded: Guarded) -> None:
    first = join(hold(guarded.home, START), guarded.chunk(), START + SECOND // 20, guarded.limits)
    assert first is not None
    now = START + SECOND // 2
    second = join(first, guarded.chunk(START + 4 * SECOND // 10, amplitude=0.2), now, guarded.limits)
    assert second is not None
    arm, left = ~guarded.limits.is_gripper, now + LEAVE_NS
    for at in range(now, left + 1, LEAVE_NS // 10):  # until then it is the first, for controllers that hear of it late
        assert np.allclose(first.at(at)[0], second.at(at)[0], atol=1e-12)
        assert np.allclose(first.at(at)[1][arm], second.at(at)[1][arm], atol=1e-9)
        assert np.allclose(first.acceleration(at)[arm], second.acceleration(at)[arm], atol=1e-6)
    assert abs(first.at(now)[1][arm]).max() > 0.02  # it was under way
    assert abs(first.at(left + LEAVE_NS)[0] - second.at(left + LEAVE_NS)[0]).max() > 1e-6


def test_plan_that_is_left_later_goes_on_for_half_a_row_more(guarded: Guarded) -> None:
    first = join(hold(guarded.home, START), guarded.chunk(), START + SECOND // 20, guarded.limits)
    assert first is not None
    now, chunk = START + SECOND // 2, guarded.chunk(START + 4 * SECOND // 10, amplitude=0.2)
    second = join(first, chunk, now, guarded.limits, BlendProfile(is_late=True))
    assert second is not None
    left = now + LEAVE_NS + SECOND // 20
    for at in range(now, left + 1, SECOND // 100):
        assert np.allclose(first.at(at)[0], second.at(at)[0], atol=1e-12)
    assert abs(first.at(left + SECOND // 20)[0] - second.at(left + SECOND // 20)[0]).max() > 1e-6


def test_what_a_chunk_becomes_at_rest_does_not_depend_on_whether_the_controllers_were_told_to_hold(
    guarded: Guarded,
) -> None:
    """Its sender cannot know that, and foresees the plan; what controllers must be led onto begins later, and is the same."""
    bridges = [guarded.bridge(), guarded.bridge()]
    bridges[0].commands.is_obeyed = False
    waits_ns = [bridge.commands.wait_ns for bridge in bridges]
    for bridge in bridges:
        bridge.on_chunk(guarded.chunk(), START + SECOND // 20)
    told, held = (bridge.plan for bridge in bridges)
    assert told is not None
    assert held is not None
    assert (told.times_ns[1:] - waits_ns[0] == held.times_ns - waits_ns[1]).all()
    assert (told.positions[1:] == held.positions).all()
    assert (told.positions[0] == held.positions[0]).all()


def test_late_chunk_is_joined_by_its_rows_to_come(guarded: Guarded) -> None:
    late = START + int(0.4 * SECOND)
    plan = join(hold(guarded.home, START), guarded.chunk(), late, guarded.limits)
    assert plan is not None
    assert plan.times_ns[:2].tolist() == [late, late + LEAVE_NS]
    assert plan.times_ns[2] == START + 5 * SECOND // 10
    assert join(hold(guarded.home, START), guarded.chunk(), START + int(1.58 * SECOND), guarded.limits) is None


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), scale=st.floats(0.0, 0.6), noise=st.floats(0.0, 0.05), late_ms=st.integers(0, 450)
)
def test_nothing_that_is_accepted_leaves_the_limits(
    guarded: Guarded, seed: int, scale: float, noise: float, late_ms: int
) -> None:
    rng = np.random.default_rng(seed)
    bridge = guarded.bridge()
    limits, now = guarded.limits, START
    for _ in range(4):
        start = bridge.plan.at(now)[0] if bridge.plan is not None else guarded.home
        walk = np.cumsum(rng.normal(0, scale / 16, (16, len(start))), axis=0) + rng.normal(0, noise, (16, len(start)))
        actions = start + np.where(rng.random(len(start)) < 0.5, walk, 0)
        now += SECOND // 5
        stamp = now - late_ms * 1_000_000
        guarded.feel(bridge, bridge.plan.at(now)[0], now)
        bridge.on_chunk(guarded.chunk(max(stamp, START + 1), actions=actions), now)
        positions, velocities = sampled(bridge.plan)
        slack = limits.slack + 1e-9
        assert (positions >= limits.lower - slack).all()
        assert (positions <= limits.upper + slack).all()
        assert (abs(velocities) <= limits.velocity * (1 + 1e-6)).all()
        assert (bridge.plan.extremes().acceleration <= limits.acceleration * (1 + 1e-6)).all()
        assert np.allclose(velocities[-1], 0)


def test_policys_chunk_holds_no_more_motion_than_somebody_watches(guarded: Guarded) -> None:
    still = np.tile(guarded.home, (100, 1))
    for rows, dt_s, code in ((100, 0.05, ""), (50, 0.1, ""), (51, 0.1, "chunk.long"), (100, 1.0, "chunk.long")):
        bridge = guarded.bridge()
        bridge.on_chunk(guarded.chunk(actions=still[:rows], dt_s=dt_s), START + SECOND // 20)
        assert list(bridge.counts.rejected) == [code] * bool(code), (rows, dt_s)
        motion = {"instruction_id": "motion:1", "client": "/policy"}
        bridge.on_chunk(guarded.chunk(START + 1, actions=still[:rows], dt_s=dt_s, **motion), START + SECOND // 20)
        assert bridge.counts.accepted == (not code)  # no policy gets round it by calling itself an operator's motion


def test_safety_file_says_how_much_motion_a_chunk_may_hold(guarded: Guarded) -> None:
    envelope = dataclasses.replace(guarded.envelope, max_chunk_s=1.0)
    bridge = dataclasses.replace(guarded, envelope=envelope).bridge()
    bridge.on_chunk(guarded.chunk(), START + SECOND // 20)
    assert list(bridge.counts.rejected) == ["chunk.long"]


def test_policy_at_20_hz_sets_arms_at_rest_going_although_its_rows_do_not_wait_for_them(guarded: Guarded) -> None:
    """Rows in motion already, of which those that have passed meanwhile are gone: it takes the arm 0.8 s to get there."""
    times_s = 0.05 * np.arange(1, 17)[:, None]
    moving = np.tile([0, 1, 0, 0, 0, 0, 0], len(guarded.embodiment.names) // 7)
    late = START + int(0.25 * SECOND)
    chunk = guarded.chunk(actions=guarded.home - 0.6 * times_s * moving, dt_s=0.05)
    bridge = guarded.bridge()
    guarded.feel(bridge, guarded.home, late)
    bridge.on_chunk(chunk, late)
    assert bridge.counts.rejected == {}
