"""Draw scenes from seeds: objects and their places, the arms' start, and the look.

Some pairs of colour and shape, and one layout, occur in test seeds only.
"""

import math

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError, quoted
from finevla_sim.inverse_kinematics import ArmIK, grasp_pose
from finevla_sim.scene import (
    COLORS,
    KNOB,
    LEVELS,
    SHAPES,
    SIZES,
    TABLE_HEIGHT_M,
    Bowl,
    Clutter,
    Look,
    Scene,
    SceneObject,
)
from finevla_sim.tasks import EITHER_BOWL, TASKS

TEST_SEEDS = 1_000_000  # seeds from here on are never used for training

# Both arms reach every point of this area within 1 mm with the gripper 0.3 rad off vertical (checked by the tests).
REACH_X, REACH_Y = (0.38, 0.54), (-0.16, 0.16)
ARM_BASE = {"left": (0.23875, 0.300), "right": (0.23875, -0.300)}
READY = (0.0, 1.3, -1.6, 0.0, 1.0, 0.0, 1.0)
GRASP_TILT_RAD, FAR_TILT_RAD = 0.3, 0.8  # of the gripper, outwards: near, and where the arm is stretched
NEAR_M, FAR_M = 0.45, 0.62  # horizontally from the arm's base
CLEARANCE_M = 0.085  # between object centres: the open gripper is 0.1 m wide
BOWL_CLEARANCE_M = 0.135
# Where an arm may be asked to reach for the other's bowl, hands start outside of a cone over their own bowl: its radius at the
# height from which things are dropped, and that height. Inside two of three are in the way of the other hand, outside 3 of
# 100; there the expert, who moves one arm only, takes another goal.
CONE_M = (0.20, TABLE_HEIGHT_M + 0.13)
POST_Y = (0.125, 0.135)  # between the target, near the middle, and a bowl

HELD_OUT_KINDS = (("purple", "cylinder"), ("green", "brick"), ("orange", "ball"))
ROW_SHARE = 0.2  # of the test scenes have their objects in a row, which training scenes never have

Kind = tuple[str, str, str]  # size word, colour, shape


def sample_scene(seed: int, task: str, ik: ArmIK, level: str = "easy") -> Scene:
    """Draw the scene of a seed for a task: objects, two bowls, both arms above the table.

    Raises `FineVLAError` for an unknown task or level.
    """
    if task not in TASKS:
        raise FineVLAError(f"unknown task {quoted(task)}; known are {', '.join(TASKS)}")
    if level not in LEVELS:
        raise FineVLAError(f"unknown level '{level}'; known are {', '.join(LEVELS)}")
    rng = np.random.default_rng([seed, 7])
    bowls = tuple(
        Bowl(f"{side}_bowl", (rng.uniform(0.40, 0.48), sign * rng.uniform(0.235, 0.27)))
        for side, sign in (("left", 1), ("right", -1))
    )
    kinds = _kinds(rng, task, is_test=seed >= TEST_SEEDS)
    post = None
    if task == "detour":
        post = (float(rng.uniform(0.42, 0.46)), float(rng.choice([-1, 1]) * rng.uniform(*POST_Y)))
        places = _detour_places(rng, len(kinds), post)
    elif seed >= TEST_SEEDS and rng.random() < ROW_SHARE:
        places = _row(rng, len(kinds))
    else:
        places = _positions(rng, len(kinds), bowls)
    objects = tuple(_object(rng, kind, place) for kind, place in zip(kinds, places, strict=False))
    start = _arm_start(rng, ik, np.random.default_rng([seed, 11]), bowls if task in EITHER_BOWL else ())
    look, clutter, friction = _look(rng), (), 1.0
    if level == "hard":
        look = _hard_look(rng)
        clutter = _clutter(rng, objects, bowls, post)
        friction = float(rng.uniform(0.6, 1.3))
    return Scene(seed, task, objects, bowls, start, look, level, post, clutter, friction)


def natural_pose(position: NDArray[np.float64], arm: str, turn_rad: float = 0.0) -> NDArray[np.float64]:
    """Return the gripper's default pose over `position` `(3,)`, see `grasp_pose`; far from the arm's base it tilts more."""
    base = ARM_BASE[arm]
    far = (math.hypot(position[0] - base[0], position[1] - base[1]) - NEAR_M) / (FAR_M - NEAR_M)
    tilt = GRASP_TILT_RAD + (FAR_TILT_RAD - GRASP_TILT_RAD) * min(max(far, 0.0), 1.0)
    return grasp_pose(position, base, tilt, turn_rad)


def _kinds(rng: np.random.Generator, task: str, is_test: bool) -> list[Kind]:
    """Distinct kinds for a task, in half of the mixed scenes from few colours, so that they repeat."""
    colors, shapes = [str(c) for c in rng.permutation(list(COLORS))], [str(s) for s in rng.permutation(SHAPES)]
    count = int(rng.integers(3, 6))
    pairs = [(color, shape) for color in colors for shape in shapes]
    if task == "place_color":
        pairs = [(color, shapes[0]) for color in colors]
    elif task == "place_shape":
        pairs = [(colors[0], shape) for shape in shapes]
    elif rng.random() < 0.5:
        pairs = [pair for pair in pairs if pair[0] in colors[:2]]
    if not is_test:
        pairs = [pair for pair in pairs if pair not in HELD_OUT_KINDS]
    if task not in ("place_color", "place_shape"):
        pairs = [pairs[i] for i in rng.permutation(len(pairs))]
    kinds: list[Kind] = [("", *pair) for pair in pairs]
    if task == "place_size":
        color, shape = pairs[0]
        both: list[Kind] = [(size, color, shape) for size in SIZES]
        return [*both, *[k for k in kinds[1:] if k[1:] != (color, shape)][: count - 3]]
    if task == "stack":
        base = next(kind for kind in kinds if kind[2] in ("cube", "brick"))
        other = next(kind for kind in kinds if kind[2] != "ball" and kind != base)
        return [base, other, *[k for k in kinds if k not in (base, other)][: count - 2]]
    if task == "turn":
        knobs: list[Kind] = [("", color, KNOB) for color in colors[: int(rng.integers(1, 3))]]
        return [*knobs, *kinds[: count - 2]]
    if task == "clean":  # cans do not lie still on what is in the bowl already
        return [kind for kind in kinds if kind[2] != "cylinder"][: int(rng.integers(2, 4))]
    return kinds[: 3 if task == "detour" else count]


def _object(rng: np.random.Generator, kind: Kind, place: tuple[float, float]) -> SceneObject:
    size, color, shape = kind
    low, high = {"small": (0.026, 0.030), "big": (0.044, 0.048), "": (0.034, 0.042)}[size]
    yaw = rng.uniform(-math.pi / 4, math.pi / 4) if shape == KNOB else rng.uniform(0, math.pi)
    return SceneObject(shape, color, float(rng.uniform(low, high)), place, float(yaw), size)


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


def _row(rng: np.random.Generator, count: int) -> list[tuple[float, float]]:
    """Three places in a row from left to right."""
    x, step = float(rng.uniform(0.41, 0.51)), float(rng.uniform(0.088, 0.095))
    count = min(count, 3)
    first = float(rng.uniform(-0.01, 0.01)) - step * (count - 1) / 2
    places = [(x, first + step * i) for i in range(count)]
    return [places[i] for i in rng.permutation(count)]


def _detour_places(rng: np.random.Generator, count: int, post: tuple[float, float]) -> list[tuple[float, float]]:
    """The target near the middle, beside the post; the others on the side where no post is."""
    side = math.copysign(1.0, post[1])
    target = (post[0] + float(rng.uniform(-0.02, 0.02)), side * float(rng.uniform(-0.03, 0.01)))
    others = [(0.39, -side * 0.13), (0.50, -side * 0.13)]
    jitter = rng.uniform(-0.012, 0.012, (2, 2))
    moved = [(float(x + dx), float(y + dy)) for (x, y), (dx, dy) in zip(others, jitter, strict=True)]
    return [target, *moved][:count]


def _arm_start(
    rng: np.random.Generator, ik: ArmIK, again: np.random.Generator, bowls: tuple[Bowl, ...]
) -> tuple[float, ...]:
    """Both arms' values; a hand without room for the other's over its bowl is drawn `again`, and changes nothing else."""
    values = np.array(READY * 2)
    for side, sign in (("left", 1), ("right", -1)):
        at, tilt = _hand(rng, sign)
        while any(bowl.name.startswith(side) and not _leaves_room(at, bowl) for bowl in bowls):
            at, tilt = _hand(again, sign)
        values = ik.solve(values, side, grasp_pose(at, ARM_BASE[side], tilt), 40)
    return tuple(values.tolist())


def _hand(rng: np.random.Generator, sign: int) -> tuple[NDArray[np.float64], float]:
    at = np.array([rng.uniform(0.34, 0.48), sign * rng.uniform(0.22, 0.38), rng.uniform(0.87, 1.05)])
    return at, rng.uniform(0.1, 0.6)


def _leaves_room(hand: NDArray[np.float64], bowl: Bowl) -> bool:
    radius, low = CONE_M
    return math.dist(hand[:2], bowl.position) + hand[2] - low >= radius


def _look(rng: np.random.Generator) -> Look:
    shade = rng.uniform(0.75, 1.15)
    return Look(
        light=float(rng.uniform(0.5, 0.85)),
        light_xy=(float(rng.uniform(-0.5, 0.5)), float(rng.uniform(-0.5, 0.5))),
        table=_color(np.array([0.62, 0.52, 0.42]) * shade + rng.normal(0, 0.03, 3)),
        floor=_color(np.array([0.55, 0.57, 0.60]) * rng.uniform(0.8, 1.1)),
        camera_shift_m=_three(rng.normal(0, 0.002, 3)),
        camera_tilt_rad=_three(rng.normal(0, 0.004, 3)),
    )


def _hard_look(rng: np.random.Generator) -> Look:
    """Darker or brighter light from further aside, a chequered table of any colour, cameras mounted worse."""
    return Look(
        light=float(rng.uniform(0.3, 1.0)),
        light_xy=_two(rng.uniform(-1.2, 1.2, 2)),
        table=_color(rng.uniform(0.25, 0.8, 3)),
        floor=_color(rng.uniform(0.2, 0.9, 3)),
        camera_shift_m=_three(rng.normal(0, 0.004, 3)),
        camera_tilt_rad=_three(rng.normal(0, 0.01, 3)),
        table_pattern=int(rng.integers(1, 2**31)),
    )


def _clutter(
    rng: np.random.Generator,
    objects: tuple[SceneObject, ...],
    bowls: tuple[Bowl, ...],
    post: tuple[float, float] | None,
) -> tuple[Clutter, ...]:
    """Up to four flat things where nothing else lies."""
    taken = [o.position for o in objects] + [b.position for b in bowls] + ([post] if post else [])
    things: list[Clutter] = []
    for _ in range(40):
        at = _two(rng.uniform([0.36, -0.40], [0.70, 0.40]))
        if len(things) < 4 and all(math.dist(at, other) > 0.11 for other in taken):
            taken.append(at)
            size = _three(rng.uniform([0.01, 0.01, 0.002], [0.03, 0.03, 0.006]))
            things.append(Clutter(at, size, _color(np.full(3, rng.uniform(0.1, 0.9))), float(rng.uniform(0, 3))))
    return tuple(things)


def _color(values: np.ndarray) -> tuple[float, float, float]:
    return _three(np.clip(values, 0.05, 0.95))


def _two(values: np.ndarray) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def _three(values: np.ndarray) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
