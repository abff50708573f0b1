"""Seeded scenes: which objects lie where, how the arms start, and how it all looks."""

import math

import numpy as np

from finevla_sim.ik import ArmIK, grasp_pose
from finevla_sim.scene import COLORS, SHAPES, Bowl, Look, Scene, SceneObject

TEST_SEEDS = 1_000_000  # seeds from here on are never used for training

# Both arms reach every point of this area within 1 mm with the gripper 0.3 rad off vertical (checked by the tests).
REACH_X, REACH_Y = (0.38, 0.54), (-0.16, 0.16)
ARM_BASE = {"left": (0.23875, 0.300), "right": (0.23875, -0.300)}
READY = (0.0, 1.3, -1.6, 0.0, 1.0, 0.0, 1.0)
GRASP_TILT_RAD = 0.3
CLEARANCE_M = 0.085  # between object centres: the open gripper is 0.1 m wide
BOWL_CLEARANCE_M = 0.115


def sample_scene(seed: int, task: str, ik: ArmIK) -> Scene:
    """The scene of that seed: 3 to 5 objects of distinct colour and shape, two bowls, both arms over the table.

    Half of the scenes repeat a colour or a shape, so that one word alone does not name the target.
    """
    rng = np.random.default_rng([seed, 7])
    bowls = tuple(
        Bowl(f"{side}_bowl", (rng.uniform(0.40, 0.48), sign * rng.uniform(0.235, 0.27)))
        for side, sign in (("left", 1), ("right", -1))
    )
    positions = _positions(rng, int(rng.integers(3, 6)), bowls)
    objects = tuple(
        SceneObject(shape, color, float(rng.uniform(0.034, 0.044)), position, float(rng.uniform(0, math.pi)))
        for (color, shape), position in zip(_kinds(rng, len(positions)), positions, strict=True)
    )
    values = np.array(READY * 2)
    for side, sign in (("left", 1), ("right", -1)):
        at = np.array([rng.uniform(0.34, 0.48), sign * rng.uniform(0.22, 0.38), rng.uniform(0.87, 1.05)])
        pose = grasp_pose(at, ARM_BASE[side], rng.uniform(0.1, 0.6))
        values = ik.solve(values, side, pose, 40)
    return Scene(seed, task, objects, bowls, tuple(values.tolist()), _look(rng))


def _positions(rng: np.random.Generator, count: int, bowls: tuple[Bowl, ...]) -> list[tuple[float, float]]:
    """Up to `count` places that keep clear of each other and of the bowls (never fewer than two)."""
    placed: list[tuple[float, float]] = []
    for _ in range(400):
        at = (float(rng.uniform(*REACH_X)), float(rng.uniform(*REACH_Y)))
        free = all(math.dist(at, other) > CLEARANCE_M for other in placed)
        if free and all(math.dist(at, bowl.position) > BOWL_CLEARANCE_M for bowl in bowls):
            placed.append(at)
        if len(placed) == count:
            break
    return placed


def _kinds(rng: np.random.Generator, count: int) -> list[tuple[str, str]]:
    """Distinct (colour, shape) pairs; in half of the scenes from few colours, so that they repeat."""
    colors = list(rng.permutation(list(COLORS)))
    if rng.random() < 0.5:
        colors = colors[:2]
    pairs = [(color, shape) for color in colors for shape in SHAPES]
    return [pairs[i] for i in rng.permutation(len(pairs))[:count]]


def _look(rng: np.random.Generator) -> Look:
    shade = rng.uniform(0.75, 1.15)
    table = np.clip(np.array([0.62, 0.52, 0.42]) * shade + rng.normal(0, 0.03, 3), 0.05, 0.95)
    floor = np.clip(np.array([0.55, 0.57, 0.60]) * rng.uniform(0.8, 1.1), 0.05, 0.95)
    return Look(
        light=float(rng.uniform(0.5, 0.85)),
        light_xy=(float(rng.uniform(-0.5, 0.5)), float(rng.uniform(-0.5, 0.5))),
        table=(float(table[0]), float(table[1]), float(table[2])),
        floor=(float(floor[0]), float(floor[1]), float(floor[2])),
        camera_shift_m=(float(rng.normal(0, 0.002)), float(rng.normal(0, 0.002)), float(rng.normal(0, 0.002))),
        camera_tilt_rad=(float(rng.normal(0, 0.004)), float(rng.normal(0, 0.004)), float(rng.normal(0, 0.004))),
    )
