"""The documented behaviour of joint_trajectory_controller (Jazzy), played through."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finevla_core.errors import FineVLAError
from finevla_sim.trajectory_controller import Point, TrajectoryController

S = 1_000_000_000
NOW = 50 * S
JOINTS = ("a", "b")


def controller() -> TrajectoryController:
    return TrajectoryController("arm_controller", JOINTS, np.array([0.0, 1.0]))


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


def test_points_already_past_are_left_out() -> None:
    c = controller()
    c.accept(JOINTS, [Point(S, (9.0, 9.0)), Point(3 * S, (1.0, 1.0))], NOW - 2 * S, NOW)
    assert abs(c.sample(NOW + S // 2)).max() < 2


REFUSED = {
    "'b' is missing": (("a",), [Point(S, (1.0,))], 0),
    "'c' is not one": (("a", "b", "c"), [Point(S, (1.0, 1.0, 1.0))], 0),
    "no points": (JOINTS, [], 0),
    "increase strictly": (JOINTS, [Point(S, (1.0, 1.0)), Point(S, (1.0, 1.0))], 0),
    "ended": (JOINTS, [Point(S, (1.0, 1.0))], NOW - 2 * S),
    "1 positions": (JOINTS, [Point(S, (1.0,))], 0),
    "not finite": (JOINTS, [Point(S, (1.0, float("nan")))], 0),
    "not zero": (JOINTS, [Point(S, (1.0, 1.0), (0.1, 0.0))], 0),
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_the_controller_refuses_changes_nothing(said: str) -> None:
    joints, points, stamp = REFUSED[said]
    c = controller()
    with pytest.raises(FineVLAError, match=said):
        c.accept(joints, points, stamp, NOW)
    assert np.allclose(c.sample(NOW + S), [0, 1])


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
