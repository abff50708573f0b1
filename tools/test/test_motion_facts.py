"""Promises about motion facts: what a motion says is told, at any rate and by either arm, and what it does not say is not."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from played_motions import HOME, THING, Player, picked_and_placed, trajectory

from finevla_core.errors import FineVLAError
from finevla_tools.annotate.motion_facts import ArmFacts, MotionFacts, motion_facts
from finevla_tools.annotate.motion_labels import motion_labels
from finevla_tools.annotate.motion_rows import rows_of
from finevla_tools.annotate.trajectory import ArmTrack, times_of, trajectory_of
from finevla_tools.canonical.layout import DIM
from finevla_tools.canonical.unified_values import Unified

FAR = (0.0, 0.0, 0.1)
SIDES = {"top": FAR, "left": (0.0, 0.06, 0.09), "right": (0.0, -0.06, 0.09), "front": (0.06, 0.0, 0.09),
         "back": (-0.06, 0.0, 0.09)}  # fmt: skip


def left(player: Player, with_command: bool = True, noise: float = 0.0) -> ArmFacts:
    return motion_facts(trajectory(player.hz, left=player.track(with_command, noise))).arms["left"]


def said(facts: MotionFacts, slot: str) -> list[str]:
    return [row.value for row in rows_of(facts) if row.slot == slot]


class TestOneArm:
    @pytest.mark.parametrize("hz", [3.0, 10.0, 30.0, 200.0, 1000.0])
    def test_a_pick_and_place_is_told_at_any_rate(self, hz: float) -> None:
        arm = left(picked_and_placed(hz))
        assert [grasp.close.held for grasp in arm.grasps] == [True]
        (grasp,) = arm.grasps
        assert grasp.open is not None
        assert grasp.carry is not None
        assert not grasp.failed
        assert arm.retries == 0
        assert grasp.carry.direction == "to the right"
        assert grasp.carry.offset_m == pytest.approx((0.0, -0.3, 0.02), abs=0.03)
        assert grasp.carry.lift_m == pytest.approx(0.15, abs=0.03)

    @pytest.mark.parametrize("hz", [10.0, 30.0, 1000.0])
    def test_events_are_told_when_they_are(self, hz: float) -> None:
        made = Player(hz).wait().approach(THING)
        closes = made.end_s
        made.fingers(0.4, 0.0)
        closed = made.end_s
        made.wait(0.5).go((0.5, 0.1, 0.3)).wait()
        opens = made.end_s
        made.release()
        (grasp,) = left(made).grasps
        assert grasp.close.begin_s == pytest.approx(closes, abs=0.15)
        assert grasp.close.end_s == pytest.approx(closed, abs=0.15)
        assert grasp.open is not None
        assert grasp.open.begin_s == pytest.approx(opens, abs=0.15)

    @pytest.mark.parametrize("side", SIDES)
    def test_the_side_it_came_from(self, side: str) -> None:
        (grasp,) = left(picked_and_placed(side_m=SIDES[side])).grasps
        assert grasp.approach is not None
        assert grasp.approach.side == side
        assert grasp.approach.tilt_rad == pytest.approx(0.0, abs=0.01)

    @pytest.mark.parametrize("with_command", [True, False])
    def test_closed_on_nothing_is_no_grasp(self, with_command: bool) -> None:
        made = Player().approach(THING).fingers(0.0).wait(0.5).go(HOME)
        (grasp,) = left(made, with_command).grasps
        assert not grasp.close.held
        assert grasp.failed
        assert grasp.carry is None

    @pytest.mark.parametrize("with_command", [True, False])
    def test_closed_on_something_is_one(self, with_command: bool) -> None:
        (grasp,) = left(picked_and_placed(), with_command).grasps
        assert grasp.close.held
        assert grasp.close.confidence > (0.9 if with_command else 0.6)

    def test_told_to_close_in_part_is_no_grasp(self) -> None:
        made = Player().approach(THING).fingers(0.5).wait(0.5).go(HOME).fingers(0.0).wait().fingers(1.0)
        made.fingers(0.3, 0.0).wait(1.0)
        assert [grasp.close.held for grasp in left(made).grasps] == [False, True]

    def test_fingers_that_something_pushes_aside_do_nothing(self) -> None:
        made = Player().approach(THING).fingers(0.8, 1.0).wait(0.2).fingers(1.0).wait(0.5).go(HOME)
        assert left(made).grasps == ()

    @pytest.mark.parametrize(("yaw", "sense"), [(1.1, "counterclockwise"), (-1.1, "clockwise")])
    def test_a_turn_in_place_has_its_sense_and_angle(self, yaw: float, sense: str) -> None:
        made = Player().approach(THING).grasp().go(THING, 1.3, yaw).wait().release().go(HOME)
        facts = motion_facts(trajectory(left=made.track()))
        assert said(facts, "rotation_direction") == [sense]
        assert said(facts, "rotation_angle") == ["63 degrees"]
        assert "turn" in [phase.name for phase in facts.arms["left"].phases]

    def test_a_turn_past_half_a_round_keeps_its_sense(self) -> None:
        made = Player().approach(THING).grasp().go(THING, 4.0, 4.0).wait().release()
        (grasp,) = left(made).grasps
        assert grasp.turn is not None
        assert grasp.turn.angle_rad == pytest.approx(4.0, abs=0.1)

    def test_a_second_try_at_the_same_thing_is_a_retry(self) -> None:
        made = Player().approach(THING).fingers(0.0).wait(0.5).go((0.5, 0.1, 0.15)).release()
        facts = motion_facts(trajectory(left=made.approach((0.53, 0.1, 0.05)).grasp().go(HOME).track()))
        assert facts.arms["left"].retries == 1
        assert said(facts, "attempt_count") == ["2"]
        assert said(facts, "recovery_result") == ["grasped"]
        assert said(facts, "failure") == ["the gripper closed on nothing"]

    def test_another_thing_is_no_retry(self) -> None:
        made = picked_and_placed().approach((0.4, -0.1, 0.05)).grasp().go(HOME)
        assert left(made).retries == 0

    def test_what_slips_out_is_told_as_lost(self) -> None:
        made = Player().approach(THING).grasp().go((0.5, 0.1, 0.2)).fingers(0.0).wait(0.5).go(HOME)
        facts = motion_facts(trajectory(left=made.track()))
        assert said(facts, "failure") == ["the gripper lost what it held"]

    @pytest.mark.parametrize(
        ("ways", "shape"),
        [
            ([(0.5, -0.2, 0.05)], "straight"),
            ([(0.5, 0.1, 0.2), (0.5, -0.2, 0.2), (0.5, -0.2, 0.05)], "over"),
            ([(0.62, -0.05, 0.05), (0.5, -0.2, 0.05)], "round"),
        ],
    )
    def test_the_path_of_a_carry(self, ways: list[tuple[float, ...]], shape: str) -> None:
        made = Player().approach(THING).grasp()
        for way in ways:
            made.go(way)
        (grasp,) = left(made.wait().release()).grasps
        assert grasp.carry is not None
        assert grasp.carry.shape == shape

    def test_a_reach_without_a_grasp(self) -> None:
        facts = motion_facts(trajectory(left=Player().approach(THING, SIDES["left"]).wait(1.0).track()))
        assert said(facts, "approach_direction") == ["left"]
        assert said(facts, "gripper_state") == []

    def test_noise_changes_nothing(self) -> None:
        quiet, noisy = (left(picked_and_placed(), noise=noise) for noise in (0.0, 0.005))
        assert [g.close.held for g in noisy.grasps] == [True]
        assert [p.name for p in noisy.phases] == [p.name for p in quiet.phases]
        for one, other in zip(noisy.phases, quiet.phases, strict=True):
            assert one.from_s == pytest.approx(other.from_s, abs=0.15)

    def test_phases_follow_each_other_without_a_gap(self) -> None:
        facts = motion_facts(trajectory(left=picked_and_placed().track()))
        phases = facts.arms["left"].phases
        assert phases[0].from_s == 0.0
        assert phases[-1].to_s == facts.end_s
        assert all(one.to_s == other.from_s for one, other in itertools.pairwise(phases))
        names = [phase.name for phase in phases]
        assert names == ["idle", "approach", "grasp", "hold", "lift", "carry", "lower", "release", "retreat", "idle"]


class TestTwoArms:
    def test_the_other_arm_says_the_same(self) -> None:
        track = picked_and_placed().track()
        one, other = (motion_facts(trajectory(**{side: track})) for side in ("left", "right"))
        assert [row.value.replace("left arm", "right arm").replace("left gripper", "right gripper").replace(
            "left_arm", "right_arm") for row in rows_of(one)] == [row.value for row in rows_of(other)]  # fmt: skip

    def test_an_arm_that_rests_does_not_act(self) -> None:
        facts = motion_facts(trajectory(left=picked_and_placed().track(), right=Player().wait(1.0).track(noise=0.002)))
        assert [arm.side for arm in facts.acting] == ["left"]
        assert facts.coordination is None
        assert said(facts, "active_actor")[0] == "left_arm"

    def test_one_after_the_other(self) -> None:
        first, second = picked_and_placed(), Player()
        second.wait(first.end_s)
        second.approach(THING).grasp().go(HOME)
        assert self._kind(first, second) == ("sequential", "left")

    def test_at_the_same_time(self) -> None:
        assert self._kind(picked_and_placed(), picked_and_placed())[0] == "simultaneous"

    def test_one_holds_for_the_other(self) -> None:
        holder = Player().approach(THING).grasp()
        actor = Player(start=(0.3, -0.3, 0.3)).wait(holder.end_s)
        actor.approach((0.5, 0.0, 0.1)).grasp().go((0.5, -0.2, 0.1)).go((0.5, 0.0, 0.1)).release().go((0.3, -0.3, 0.3))
        holder.wait(actor.end_s - holder.end_s + 0.3).release()
        assert self._kind(holder, actor) == ("stabilise and act", "left")

    def test_from_hand_to_hand(self) -> None:
        giver = Player().approach(THING).grasp().go((0.5, 0.0, 0.3))
        taker = Player(start=(0.3, -0.3, 0.3)).wait(giver.end_s).approach((0.5, -0.1, 0.3), (0.0, -0.1, 0.0)).grasp()
        giver.wait(taker.end_s - giver.end_s + 0.3).release().go(HOME)
        taker.wait(1.0).go((0.4, -0.4, 0.1)).release()
        assert self._kind(giver, taker) == ("hand-over", "left")
        assert self._kind(giver, taker, is_shared=False)[0] != "hand-over"  # nobody knows how far they are apart

    def _kind(self, one: Player, other: Player, is_shared: bool = True) -> tuple[str, str]:
        found = motion_facts(trajectory(is_shared=is_shared, left=one.track(), right=other.track())).coordination
        assert found is not None
        return found.kind, found.first


class TestUnknown:
    def test_without_poses_there_is_no_direction(self) -> None:
        track = picked_and_placed().track()
        joints = np.column_stack([track.position, track.position])
        facts = motion_facts(trajectory(left=replace(track, position=None, quaternion=None, joints=joints)))
        assert [g.close.held for g in facts.arms["left"].grasps] == [True]
        for slot in (
            "approach_direction",
            "translation_direction",
            "rotation_direction",
            "path_shape",
            "contact_region",
        ):
            assert said(facts, slot) == []
        assert motion_labels(trajectory(left=replace(track, position=None, quaternion=None, joints=joints))) == []

    def test_without_a_gripper_there_is_no_grasp(self) -> None:
        facts = motion_facts(trajectory(left=replace(picked_and_placed().track(), opening=None, command=None)))
        assert facts.acting
        assert said(facts, "gripper_state") == []
        assert facts.arms["left"].grasps == ()

    def test_poses_of_unknown_tools_say_nothing_of_fingers(self) -> None:
        facts = motion_facts(trajectory(left=replace(picked_and_placed().track(), tool_axes=False)))
        assert said(facts, "contact_region") == []
        assert said(facts, "approach_direction") == ["top"]

    def test_a_gripper_that_never_moves(self) -> None:
        facts = motion_facts(trajectory(left=Player(opening=0.2).approach(THING).go(HOME).track()))
        assert said(facts, "gripper_state") == []

    def test_a_still_episode_says_that_nobody_acts(self) -> None:
        facts = motion_facts(trajectory(left=Player().wait(3.0).track(noise=0.001)))
        assert rows_of(facts) == []
        assert [p.name for p in facts.arms["left"].phases] == ["idle"]

    @pytest.mark.parametrize("frames", [1, 2, 3])
    def test_next_to_no_frames(self, frames: int) -> None:
        track = picked_and_placed().track()
        cut = ArmTrack(None, track.position[:frames], track.quaternion[:frames], track.opening[:frames], None, True)
        facts = motion_facts(trajectory(left=cut))
        assert rows_of(facts) == []
        assert all(text for _, text in motion_labels(trajectory(left=cut)))

    @pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
    def test_nan_is_bridged_or_the_column_is_unknown(self, share: float) -> None:
        rng = np.random.default_rng(2)
        state, mask = np.zeros((400, DIM)), np.zeros(DIM, bool)
        mask[[0, 1, 2, 3, 4, 5, 16]] = True
        state[:, 0] = np.linspace(0, 1, 400)
        state[:, 16] = np.interp(np.arange(400), [0, 100, 112, 300, 312], [1, 1, 0.4, 0.4, 1])
        state[rng.random(400) < share, 16] = np.nan
        unified = Unified(state, np.zeros((400, DIM)), mask, np.zeros(DIM, bool))
        facts = motion_facts(trajectory_of(unified, 7, np.arange(400) / 30))
        assert len(facts.arms["left"].grasps) == (share < 0.1)
        assert {row.episode for row in rows_of(facts)} == {7}

    def test_random_numbers_are_no_traceback(self) -> None:
        rng = np.random.default_rng(1)
        for _ in range(40):
            frames = int(rng.integers(1, 300))
            scale = 10.0 ** rng.uniform(-3, 3)
            position, spin = (np.cumsum(rng.normal(size=(frames, n)) * scale, axis=0) for n in (3, 4))
            spin /= np.linalg.norm(spin, axis=1, keepdims=True)
            opening, command = (np.clip(np.cumsum(rng.normal(size=frames) * 0.3), -1, 2) for _ in range(2))
            track = ArmTrack(None, position, spin, opening, command, bool(rng.integers(2)))
            made = trajectory(left=track, right=track)
            for row in rows_of(motion_facts(made)):
                assert row.value
            motion_labels(made)

    def test_an_episode_of_no_rows_or_of_nothing_is_one_sentence(self) -> None:
        for frames, what in ((0, "no rows"), (5, "no joints")):
            empty = np.zeros((frames, DIM)), np.zeros((frames, DIM)), np.zeros(DIM, bool), np.zeros(DIM, bool)
            with pytest.raises(FineVLAError, match=what):
                trajectory_of(Unified(*empty), 0, np.arange(frames) / 30)

    def test_stamps_that_do_not_rise_give_way_to_the_rate(self) -> None:
        assert times_of(np.array([5.0, 5.1, 5.3]), 3, 10.0) == pytest.approx([0.0, 0.1, 0.3])
        for bad in (np.array([5.0, 4.0, 6.0]), np.array([0.0, np.nan, 1.0]), None):
            assert times_of(bad, 3, 10.0) == pytest.approx([0.0, 0.1, 0.2])


def test_labels_say_what_comes_next_at_any_rate() -> None:
    for hz in (10.0, 50.0, 400.0):
        made = Player(hz).wait(1.0).go((0.3, 0.2, 0.6), 2.0).wait(1.0).go((0.6, 0.2, 0.6), 2.0).wait(1.0)
        texts = [text for _, text in motion_labels(trajectory(hz, left=made.grasp().wait(1.0).track()))]
        assert texts == ["stop", "move up", "stop", "move forward", "stop", "close gripper", "stop"], hz
