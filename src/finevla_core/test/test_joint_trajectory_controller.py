"""The documented behaviour of joint_trajectory_controller (Jazzy), played through."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finevla_core.errors import FineVLAError
from finevla_core.joint_trajectory_controller import PERIOD_NS, Point, TrajectoryController

S = 1_000_000_000
NOW = 50 * S
JOINTS = ("a", "b")


def controller(period_ns: int = 0, is_strict: bool = False) -> TrajectoryController:
    return TrajectoryController(
        "arm_controller", JOINTS, np.array([0.0, 1.0]), period_ns=period_ns, is_strict=is_strict
    )


def test_zero_stamp_starts_at_reception_and_the_last_point_is_held() -> None:
    c = controller()
    c.accept(JOINTS, [Point(S, (1.0, 2.0))], 0, NOW)
    assert np.allclose(c.sample(NOW), [0, 1])
    assert np.allclose(c.sample(NOW + S // 2), [0.5, 1.5])
    assert np.allclose(c.sample(NOW + 5 * S), [1, 2])


def test_joints_may_come_in_another_order() -> None:
    c = controller()
    c.accept(("b", "a"), [Point(S, (2.0, 1.0))], 0, NOW)
    assert np.allclose(c.sample(NOW + S), [1, 2])


def test_new_trajectory_replaces_the_running_one_from_the_last_command() -> None:
    c = controller()
    c.accept(JOINTS, [Point(S, (1.0, 1.0), (0.0, 0.0))], 0, NOW)
    before = c.sample(NOW + S // 2).copy()
    c.accept(JOINTS, [Point(S, (0.0, 1.0), (0.0, 0.0))], NOW + S // 2, NOW + S // 2)
    assert np.allclose(c.sample(NOW + S // 2), before)
    assert np.allclose(c.sample(NOW + 2 * S), [0, 1])


def test_command_steps_onto_a_trajectory_whose_first_points_are_past() -> None:
    c = controller()
    c.accept(JOINTS, [Point(S, (9.0, 9.0)), Point(3 * S, (1.0, 1.0))], NOW - 2 * S, NOW)
    assert np.allclose(c.sample(NOW), [5, 5])
    assert np.allclose(c.sample(NOW + S // 2), [3, 3])


def test_start_in_the_future_drops_the_old_trajectory_at_once() -> None:
    c = controller()
    c.accept(JOINTS, [Point(S, (1.0, 1.0))], 0, NOW)
    c.accept(JOINTS, [Point(0, (2.0, 2.0)), Point(S, (3.0, 3.0))], NOW + 2 * S, NOW)
    assert np.allclose(c.sample(NOW + S), [1.0, 1.5])  # half the way from where it was to the first point
    assert np.allclose(c.sample(NOW + 2 * S), [2, 2])


def test_segment_is_straight_where_one_of_its_ends_has_no_velocity() -> None:
    c = controller()
    c.accept(JOINTS, [Point(S, (1.0, 1.0)), Point(2 * S, (2.0, 2.0), (0.0, 0.0))], 0, NOW)
    assert np.allclose(c.sample(NOW + 3 * S // 2), [1.5, 1.5])
    assert np.allclose(c.velocity, [1, 1])


def test_brake_decelerates_evenly_from_the_command_to_rest() -> None:
    c = controller()
    c.accept(JOINTS, [Point(S, (1.0, 1.5), (1.0, 0.5)), Point(2 * S, (2.0, 2.0), (0.0, 0.0))], 0, NOW)
    start = c.sample(NOW + S).copy()
    c.brake([2.0, 2.0], NOW + S)
    assert np.allclose(c.sample(NOW + S + S // 4), start + np.array([1.0, 0.5]) * (0.25 - 0.25**2))
    assert np.allclose(c.velocity, [0.5, 0.25])
    assert np.allclose(c.sample(NOW + 5 * S), start + np.array([0.25, 0.125]))
    assert np.allclose(c.velocity, 0)


def test_arm_too_far_from_its_trajectory_is_held_where_it_is() -> None:
    c = TrajectoryController("arm_controller", JOINTS, np.array([0.0, 1.0]), tolerance=[0.2, 0.0])
    assert not c.watch([5.0, 1.0], NOW)  # nothing runs
    c.accept(JOINTS, [Point(S, (1.0, 2.0))], 0, NOW)
    assert not c.watch([0.31, 9.0], NOW + S // 2)  # the second joint is not watched
    assert "'a' is too far" in c.watch([0.29, 1.1], NOW + S // 2)
    assert np.allclose(c.sample(NOW + 5 * S), [0.29, 1.1])


REFUSED = {
    "'b' is missing": (("a",), [Point(S, (1.0,))], 0),
    "'c' is not one": (("a", "b", "c"), [Point(S, (1.0, 1.0, 1.0))], 0),
    "no points": (JOINTS, [], 0),
    "increase strictly": (JOINTS, [Point(S, (1.0, 1.0)), Point(S, (1.0, 1.0))], 0),
    "ended": (JOINTS, [Point(S, (1.0, 1.0))], NOW - 2 * S),
    "names a joint twice": (("a", "b", "a"), [Point(S, (1.0, 1.0, 1.0))], 0),
    "1 positions": (JOINTS, [Point(S, (1.0,))], 0),
    "not finite": (JOINTS, [Point(S, (1.0, float("nan")))], 0),
    "not zero": (JOINTS, [Point(S, (1.0, 1.0), (0.1, 0.0))], 0),
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_the_controller_refuses_changes_nothing(said: str) -> None:
    joints, points, stamp = REFUSED[said]
    c = controller(is_strict=True)
    with pytest.raises(FineVLAError, match=said):
        c.accept(joints, points, stamp, NOW)
    assert np.allclose(c.sample(NOW + S), [0, 1])


def test_original_sends_no_command_that_is_not_finite_and_goes_on_with_the_next_trajectory() -> None:
    c = controller()
    c.accept(JOINTS, [Point(S, (1.0, float("nan")))], 0, NOW)
    assert np.allclose(c.sample(NOW + S // 2), [0, 1])
    assert np.allclose(c.sample(NOW + 2 * S), [0, 1])
    c.accept(JOINTS, [Point(S, (1.0, 1.0))], 0, NOW + 2 * S)
    assert np.allclose(c.sample(NOW + 4 * S), [1, 1])


def test_original_takes_a_joint_that_is_named_twice() -> None:
    c = controller()
    c.accept(("a", "b", "a"), [Point(S, (0.5, 1.0, 0.7))], 0, NOW)
    assert np.allclose(c.sample(NOW + 2 * S), [0.5, 1])


@given(
    st.lists(
        st.tuples(st.integers(1, 900), st.floats(-2, 2), st.floats(-1, 1)),
        min_size=1,
        max_size=6,
        unique_by=lambda p: p[0],
    )
)
def test_cubic_pieces_meet_their_points_and_are_continuous(points: list[tuple[int, float, float]]) -> None:
    points = sorted(points)
    c = controller()
    message = [Point(ms * 1_000_000, (p, p), (v, v)) for ms, p, v in points[:-1]]
    message.append(Point(points[-1][0] * 1_000_000, (points[-1][1],) * 2, (0.0, 0.0)))
    c.accept(JOINTS, message, 0, NOW)
    for ms, position, _ in points:
        assert np.allclose(c.sample(NOW + ms * 1_000_000), position, atol=1e-9)


def replaced_by_itself(first_gap_s: float, has_first_point: bool) -> np.ndarray:
    """Velocities (N,) of joint a at 200 Hz while a steady motion at 1.65 rad/s is replaced by the same motion."""
    c, speed = controller(PERIOD_NS), 1.65
    c.accept(JOINTS, [Point(0, (0.0, 1.0), (speed, 0.0)), Point(2 * S, (2 * speed, 1.0), (0.0, 0.0))], NOW, NOW)
    c.sample(NOW + S // 2)
    at, rate = c.sample(NOW + S // 2).copy(), c.velocity.copy()
    gaps_s = [0.0] * has_first_point + [first_gap_s, first_gap_s + 1.0]
    points = [Point(round(g * S), tuple(at + rate * g), tuple(rate)) for g in gaps_s]
    points.append(Point(round((gaps_s[-1] + 2) * S), tuple(at + rate * (gaps_s[-1] + 1)), (0.0, 0.0)))
    c.accept(JOINTS, points, NOW + S // 2, NOW + S // 2)
    return np.array([(c.sample(NOW + S // 2 + k * PERIOD_NS), c.velocity[0])[1] for k in range(30)])


@pytest.mark.parametrize("first_gap_s", [0.05, 0.1, 0.15])
def test_replacement_in_motion_is_a_jerk_unless_the_point_of_now_goes_along(first_gap_s: float) -> None:
    """What a real one did, measured: one cycle off by more than a radian per second, or none at all."""
    without, along = replaced_by_itself(first_gap_s, False), replaced_by_itself(first_gap_s, True)
    assert np.ptp(along) < 1e-9
    assert np.ptp(without) > 0.05
