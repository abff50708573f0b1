"""Motions for many goals from many states, with pictures of some of their moments: what a policy is trained from.

Plans are not executed but posed - arms and objects are put where they would be - so that a moment costs its pictures only,
and a motion without pictures a hundredth of a demonstration.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_sim.demonstrator import NUDGE_M, clean_order
from finevla_sim.gripper_path_planner import (
    BITE_M,
    CLOSED,
    OPEN,
    Disturbance,
    PathPlanner,
    ScriptedMotion,
    Unreachable,
    Waypoint,
    gripper_index,
    may_push,
)
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.language import phrasings
from finevla_sim.npz_shards import load_shards, save_shard
from finevla_sim.robot_files import default_robot
from finevla_sim.scene import BOWLS, DEMONSTRATION_SEEDS, KNOB, TABLE_HEIGHT_M, Scene, SceneObject
from finevla_sim.scene_sampling import sample_scene
from finevla_sim.tasks import Goal, sample_goal
from finevla_sim.world import World

SHARD_SCENES = 100
FIRST_SEED = DEMONSTRATION_SEEDS  # below the test split's
GOALS = 2  # per scene
PHRASINGS = 5  # raw ones, and as many fine ones
MAX_OBJECTS = 6
TABLE, HAND, PLACED = 0, 1, 2
SETTLED_STEPS = 6  # moments are drawn from after a plan's end too, where the arm must keep still
SOON_STEPS = 12  # from one picture of a plan to the next, at most: long enough for a thing to be let go of, or hidden


@dataclass(frozen=True)
class Leg:
    """One plan for one object: `states` and `targets` (N, D); `where` (N, 6) is where the object is at each step, and
    where it shall end (where it lies, if it is to stay); `phase` (N,) says if it is on the table, in hand or placed.

    Moments are drawn from the first `usable` steps: where more is to be done, the rest of a plan is not what comes next.
    """

    states: NDArray[np.float64]
    targets: NDArray[np.float64]
    where: NDArray[np.float64]
    phase: NDArray[np.int64]
    usable: int


def load_motions(folder: Path, without: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Shards: `states`, `targets` (N, D) and `where` (N, 6) of all plans in a row, `starts` (P + 1,), `usable` (P,) steps
    of each to draw moments from, and `goal` (P,), its index in `goals`: dicts of the goal and what was said of it.

    Where pictures were made: `images` (M, C, H, W, 3) of the moments `rows` (M,) with the state `image_states` (M, D) and
    every object's place `places` (M, MAX_OBJECTS, 3), NaN where there is none; `scene` (M,) indexes `scenes`. Those of
    one plan are together, the earlier ones first.
    """
    return load_shards(folder, "drills", ("goals", "scenes"), without)


def write_motions(path: Path, first: int, count: int, tasks: dict[str, float], pictures: int) -> tuple[int, int]:
    """Write one shard from `count` scenes beginning with number `first`, with `pictures` images of each plan.

    Returns the numbers of goals planned and tried.
    """
    maker = _Maker(pictures)
    tries = 0
    for seed in range(FIRST_SEED + first, FIRST_SEED + first + count):
        rng = np.random.default_rng([seed, 17])
        task = str(rng.choice(list(tasks), p=list(tasks.values())))
        scene = sample_scene(seed, task, maker.planner.ik)
        for _ in range(GOALS):
            tries += 1
            try:
                maker.drill(scene, sample_goal(scene, rng), rng)
            except Unreachable:
                continue
    maker.save(path)
    return len(maker.goals), tries


class _Maker:
    """One shard as it grows."""

    def __init__(self, pictures: int) -> None:
        self.robot = default_robot()
        self.planner = PathPlanner(ArmIK(self.robot.embodiment, self.robot.urdf_path))
        self.pictures = pictures
        self.world: World | None = None
        self.legs: list[Leg] = []
        self.goal: list[int] = []  # of each leg
        self.goals: list[dict[str, Any]] = []
        self.scenes: list[dict[str, Any]] = []
        self.rows = 0
        self.shots: list[tuple[NDArray[np.uint8], int, NDArray[np.float64], NDArray[np.float64], int]] = []

    def drill(self, scene: Scene, goal: Goal, rng: np.random.Generator) -> None:
        """Plan all legs of a goal and keep them; raises `Unreachable` before anything is kept."""
        values = _shaken_start(scene, rng)
        items = clean_order(scene, goal.arm) if goal.task == "clean" else [scene.object(goal.target)]
        made: list[tuple[Leg, SceneObject, list[SceneObject]]] = []
        for k, item in enumerate(items):
            legs = legs_of(Handling(self.planner, scene, goal, item, _width(item, rng)), values, rng)
            if k + 1 < len(items):
                legs = [replace(leg, usable=int((leg.phase != PLACED).sum())) for leg in legs]
            made += [(leg, item, items[:k]) for leg in legs]
            values = legs[0].targets[-1]
        self.goals.append(told(goal, scene, rng))
        self.scenes.append(laid_out(scene))
        for leg, item, tidied in made:
            if self.pictures:
                self._draw(scene, goal, leg, item, tidied, rng)
            self.legs.append(leg)
            self.goal.append(len(self.goals) - 1)
            self.rows += len(leg.states)

    def save(self, path: Path) -> None:
        """Write all legs, and pictures if there are any, to the shard file `path` (arrays as in `load_motions`)."""
        arrays: dict[str, NDArray[Any]] = {
            "states": np.concatenate([leg.states for leg in self.legs]).astype(np.float32),
            "targets": np.concatenate([leg.targets for leg in self.legs]).astype(np.float32),
            "where": np.concatenate([leg.where for leg in self.legs]).astype(np.float32),
            "starts": np.cumsum([0, *(len(leg.states) for leg in self.legs)]),
            "usable": np.array([leg.usable for leg in self.legs]),
            "goal": np.array(self.goal),
        }
        if self.shots:
            images, rows, states, places, scenes = zip(*self.shots, strict=True)
            arrays |= {
                "images": np.array(images, np.uint8),
                "rows": np.array(rows),
                "image_states": np.array(states, np.float32),
                "places": np.array(places, np.float32),
                "scene": np.array(scenes),
            }
        save_shard(path, arrays, goals=self.goals, scenes=self.scenes)

    def _draw(
        self,
        scene: Scene,
        goal: Goal,
        leg: Leg,
        item: SceneObject,
        tidied: Sequence[SceneObject],
        rng: np.random.Generator,
    ) -> None:
        world = self._world(scene)
        settled = SETTLED_STEPS if leg.usable == len(leg.states) else 0
        last = rng.integers(0, leg.usable + settled)
        gaps = rng.integers(1, SOON_STEPS + 1, size=self.pictures)
        gaps[-1] = 0
        steps = last - np.cumsum(gaps[::-1])[::-1]
        for step in steps.clip(0, leg.usable - 1):
            places = np.full((MAX_OBJECTS, 3), np.nan)
            for k, other in enumerate(scene.objects):
                at = other.centre
                if other.name == item.name:
                    at = leg.where[step, :3]
                elif other in tidied:
                    at = np.array([*scene.bowl(goal.place).position, TABLE_HEIGHT_M]) + _in_bowl(other, rng)
                places[k] = at
                if other.shape != KNOB:
                    world.put(other.name, _posed(at, other.yaw_rad))
            state = leg.states[step] + rng.normal(0, 0.004, leg.states.shape[1]) * (leg.states[step] < 1.0)
            world.push(state)
            self.shots.append((world.images(), self.rows + int(step), world.values(), places, len(self.scenes) - 1))

    def _world(self, scene: Scene) -> World:
        if self.world is None:
            self.world = World(scene, self.robot.embodiment, self.robot.urdf_path)
        elif self.world.scene is not scene:
            self.world.reset(scene)
        return self.world


def told(goal: Goal, scene: Scene, rng: np.random.Generator) -> dict[str, Any]:
    """Return the goal and sentences about it as shards store them."""
    said = phrasings(goal, scene, rng, PHRASINGS, "train")
    return asdict(goal) | {level: [asdict(s) for s in some] for level, some in said.items()}


def laid_out(scene: Scene) -> dict[str, Any]:
    """Return the objects and bowls of a scene as shards store them."""
    return {"objects": [asdict(o) for o in scene.objects], "bowls": [b.position for b in scene.bowls]}


@dataclass(frozen=True)
class Handling:
    """One object handled for a goal, shared by its legs; `width` is the gripper value at which the fingers hold it."""

    planner: PathPlanner
    scene: Scene
    goal: Goal
    item: SceneObject
    width: float


def legs_of(handling: Handling, values: NDArray[np.float64], rng: np.random.Generator) -> list[Leg]:
    """Plan legs from `values`: undisturbed, after pushes and, at random, after a missed grasp and with the object held."""
    planner, goal, centre = handling.planner, handling.goal, handling.item.centre
    ways = planner.ways(handling.scene, goal, handling.item, centre)
    plan = planner.plan(goal.arm, values, ways)
    legs = [_leg(handling, centre, ways, plan)]
    push, last = Disturbance(), plan
    for _ in range(push.pushes):
        step = int(rng.integers(3, max(4, last.steps - 4)))
        done = last.done(step)
        if not may_push(ways, done):
            break
        pushed = planner.pushed(last.targets[min(step, last.steps)], goal.arm, rng, push.scale_rad)
        last = planner.plan(goal.arm, pushed, ways, done)
        legs.append(_leg(handling, centre, ways, last))
    if goal.task != "turn" and any(way.gripper == CLOSED for way in ways):
        if rng.random() < 0.4:
            legs += _after_miss(handling, ways, plan, rng)
        if rng.random() < 0.5:
            legs += _pushed_in_hand(handling, ways, plan, rng)
    return legs


def _after_miss(
    handling: Handling, ways: Sequence[Waypoint], plan: ScriptedMotion, rng: np.random.Generator
) -> list[Leg]:
    """The fingers closed on nothing, somewhere between contact and a little above; the object lies beside them."""
    planner, goal = handling.planner, handling.goal
    grasp = _closing(ways)[0]
    low, high = plan.ends[grasp], plan.ends[min(grasp + 1, len(plan.ends) - 1)]
    values = plan.targets[int(rng.integers(low, high + 1))].copy()
    values[gripper_index(planner.embodiment, goal.arm)] = rng.uniform(0.0, 0.15)
    angle, gap = rng.uniform(0, 2 * np.pi), rng.uniform(0.7 * NUDGE_M[0], NUDGE_M[1])
    centre = handling.item.centre
    centre[:2] += gap * np.array([np.cos(angle), np.sin(angle)])
    again = planner.ways(handling.scene, goal, handling.item, centre)
    up = Waypoint(again[0].position, OPEN, again[0].turn_rad)
    try:
        retry = planner.plan(goal.arm, values, [up, *again[1:]])
    except Unreachable:
        return []
    return [_leg(handling, centre, again, retry)]


def _pushed_in_hand(
    handling: Handling, ways: Sequence[Waypoint], plan: ScriptedMotion, rng: np.random.Generator
) -> list[Leg]:
    """The object is held, and the arm is not quite on its path."""
    planner, arm = handling.planner, handling.goal.arm
    closed = _closing(ways)
    low, high = plan.ends[closed[0]], plan.ends[closed[-1]]
    if high - low < 4:
        return []
    step = int(rng.integers(low + 1, high))
    values = planner.pushed(plan.targets[step], arm, rng, 0.08)
    try:
        onward = planner.plan(arm, values, ways, plan.done(step))
    except Unreachable:
        return []
    return [_leg(handling, handling.item.centre, ways, onward)]


def _closing(ways: Sequence[Waypoint]) -> list[int]:
    """The ways on which the gripper closes or is closed."""
    return [i for i, way in enumerate(ways) if way.gripper == CLOSED]


def _leg(handling: Handling, centre: NDArray[np.float64], ways: Sequence[Waypoint], plan: ScriptedMotion) -> Leg:
    """States along a plan: its targets, but fingers around an object stop at its width, and it goes where they go."""
    scene, goal, item, width = handling.scene, handling.goal, handling.item, handling.width
    gripper = gripper_index(handling.planner.embodiment, goal.arm)
    states = plan.targets.copy()
    done = np.array([plan.done(step) for step in range(len(states))])
    closes = _closing(ways)
    phase = np.full(len(states), TABLE)
    if closes:
        closing = (done >= closes[0]) & (done <= closes[-1])
        released = (done > closes[-1]) & (states[:, gripper] > width)
        states[closing, gripper] = np.maximum(states[closing, gripper], width)
        late = (done > closes[-1]) & ~released
        states[late, gripper] = width
        phase[(closing & (states[:, gripper] <= width + 1e-6)) | late] = HAND
        phase[released] = PLACED
    place = centre
    if goal.place in BOWLS:
        place = np.array([*scene.bowl(goal.place).position, TABLE_HEIGHT_M])
    elif goal.place:
        below = scene.object(goal.place)
        place = np.array([*below.position, TABLE_HEIGHT_M + 2 * below.height_m + item.height_m])
    at = np.tile(centre, (len(states), 1))
    if goal.task != "turn":
        for step in np.flatnonzero(phase == HAND):
            at[step] = handling.planner.ik.tcp(states[step], goal.arm)[:3, 3] + [0.0, 0.0, BITE_M]
        at[phase == PLACED] = place + ([0.0, 0.0, item.height_m + 0.008] if goal.place in BOWLS else [0.0, 0.0, 0.0])
    ends = at if goal.task in ("pick", "reach", "turn") else np.tile(place, (len(states), 1))
    return Leg(states, plan.targets, np.column_stack([at, ends]), phase, len(states))


def _width(item: SceneObject, rng: np.random.Generator) -> float:
    """Where the fingers stop around an object, as a gripper value: they press a little into it."""
    low, high = (0.7, 1.75) if item.shape == "brick" else (0.85, 1.1)  # a brick is longer than wide
    return float(item.size_m * rng.uniform(low, high) / 0.1)


def _shaken_start(scene: Scene, rng: np.random.Generator) -> NDArray[np.float64]:
    """The scene's start; sometimes with a gripper that is not open."""
    values = np.array(scene.arm_start)
    for index in (6, 13):
        if rng.random() < 0.15:
            values[index] = rng.uniform(0.0, 1.0)
    return values


def _in_bowl(item: SceneObject, rng: np.random.Generator) -> NDArray[np.float64]:
    angle, radius = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.025)
    return np.array([radius * np.cos(angle), radius * np.sin(angle), 0.008 + item.height_m])


def _posed(position: NDArray[np.float64], yaw_rad: float) -> NDArray[np.float64]:
    pose = np.eye(4)
    pose[:2, :2] = [[np.cos(yaw_rad), -np.sin(yaw_rad)], [np.sin(yaw_rad), np.cos(yaw_rad)]]
    pose[:3, 3] = position
    return pose
