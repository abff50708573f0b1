"""Promises of the clearance model: nothing that comes near along a motion is missed, and what is far is left alone."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finevla_core.embodiment import load_embodiment
from finevla_core.kinematics import Kinematics
from finevla_core.safety.clearance import ClearanceModel
from finevla_core.safety.collision_pairs import COLLISION, WORKSPACE, Spacing, Zone
from finevla_core.safety.envelope import Envelope, load_envelope
from finevla_core.safety.plan import Plan
from finevla_core.urdf import expand

HOME = np.tile([0.0, 1.3, -1.6, 0.0, 0.4, 0.0, 1.0], 2)
MS = 1_000_000


@pytest.fixture(scope="module")
def envelope(cobotmagic_file: Path) -> Envelope:
    embodiment = load_embodiment(cobotmagic_file)
    urdf = expand(cobotmagic_file.parents[2] / embodiment.urdf)
    return load_envelope(embodiment, urdf, cobotmagic_file.parents[1] / "safety" / "cobotmagic.yaml")


def motion(knots: np.ndarray, step_ms: int) -> Plan:
    """Through `knots` `(N, D)`, with velocities by differences."""
    velocities = np.gradient(knots, step_ms * 1e-3, axis=0)
    velocities[0] = velocities[-1] = 0
    return Plan(np.arange(len(knots)) * step_ms * MS, knots, velocities)


def arms_inwards(share: float) -> np.ndarray:
    """Home, or with share 1 both arms turned towards each other until they touch."""
    values = HOME.copy()
    values[[0, 7]] += share * np.array([-1.0, 1.0])
    values[[1, 8]] += share * 0.6
    return values


def test_a_pose_is_judged_by_name(envelope: Envelope) -> None:
    assert envelope.clearance.at(HOME).code == ""
    touching = envelope.clearance.at(arms_inwards(1.0))
    assert touching.code == COLLISION
    assert "left" in touching.violation
    assert "right" in touching.violation
    lowered = HOME.copy()
    lowered[1] += 1.2
    assert envelope.clearance.at(lowered).code == WORKSPACE


def test_a_collision_between_two_allowed_poses_is_found(envelope: Envelope) -> None:
    """Either end is fine, the way is not: the left gripper passes through the right one."""
    away = arms_inwards(1.0)
    away[0] = HOME[0] + 0.3
    through = arms_inwards(1.0)
    through[0] = -1.78
    assert envelope.clearance.at(away).code == envelope.clearance.at(through).code == ""
    knots = away + np.linspace(0, 1, 9)[:, None] * (through - away)
    judged = envelope.clearance.along(motion(knots, 200))
    assert judged.code == COLLISION


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.02, 0.5), st.floats(0.0, 1.0), st.integers(20, 300))
def test_no_moment_of_a_motion_is_nearer_than_the_model_says(
    envelope: Envelope, seed: int, size: float, inwards: float, step_ms: int
) -> None:
    rng = np.random.default_rng(seed)
    limits = envelope.limits
    start = arms_inwards(inwards) + rng.normal(0, 0.1, len(HOME)) * ~limits.is_gripper
    walk = np.cumsum(rng.normal(0, size, (8, len(HOME))), axis=0)
    plan = motion(np.clip(start + np.vstack([np.zeros(len(HOME)), walk]), limits.lower, limits.upper), step_ms)
    model = envelope.clearance
    judged = model.along(plan)
    moments = [model.at(plan.at(int(t))[0]) for t in np.linspace(0, plan.end_ns, 250).astype(int)]
    if not judged.code:
        assert not any(moment.code for moment in moments)
    elif "too near" not in judged.violation:  # a moment of the motion really is as near as the sentence says
        assert min(moment.distance_m for moment in moments) < judged.distance_m + 0.05


@pytest.mark.parametrize("finger", ["left_gripper_link1", "left_gripper_link2", "right_gripper_link2"])
def test_fingers_that_open_into_something_are_found_also_the_one_that_mimics(
    cobotmagic_file: Path, envelope: Envelope, finger: str
) -> None:
    """Only a gripper moves; a wall stands where the finger gets to in the end."""
    embodiment = envelope.clearance.embodiment
    urdf = expand(cobotmagic_file.parents[2] / embodiment.urdf)
    closed = HOME.copy()
    closed[[6, 13]] = 0.0
    kinematics = Kinematics(urdf, embodiment.joints)
    arm = finger.split("_")[0]
    tip, base = (kinematics.frame_pose(embodiment.to_positions(HOME), f)[:3, 3] for f in (f"{arm}_tcp", finger))
    side = np.sign((base - tip)[1])  # at home fingers move along y
    corners = tip + np.array([[-0.039, side * 0.045, -0.02], [0.02, side * 0.075, 0.02]])
    zone = Zone("wall", box=(tuple(corners.min(0)), tuple(corners.max(0))))
    model = ClearanceModel(embodiment, urdf, Spacing(0.005, 0.03), [zone])
    assert model.at(closed).code == ""
    knots = closed + np.linspace(0, 1, 9)[:, None] * (HOME - closed)
    judged = model.along(motion(knots, 100))
    assert judged.code == model.at(HOME).code == WORKSPACE
    assert finger in judged.violation


def test_only_what_comes_nearer_is_slowed_down(envelope: Envelope) -> None:
    shares = np.linspace(0, 1, 200)
    distances = np.array([envelope.clearance.at(arms_inwards(s)).distance_m for s in shares])
    near = next(s for s, d in zip(shares, distances, strict=True) if d < 0.012)
    there, here = arms_inwards(near), arms_inwards(near - 0.2)
    knots = here + np.linspace(0, 1, 9)[:, None] * (there - here)
    coming, going = envelope.clearance.along(motion(knots, 100)), envelope.clearance.along(motion(knots[::-1], 100))
    assert coming.code == going.code == ""
    assert coming.speed_scale < 0.6
    assert going.speed_scale == 1.0
