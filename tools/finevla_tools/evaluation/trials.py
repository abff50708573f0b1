"""Cases and trials of an evaluation, drawn from a seed: the same for every policy."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from finevla_core.errors import FineVLAError
from finevla_sim.demonstrator import clean_order
from finevla_sim.gripper_path_planner import PathPlanner, Unreachable
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.language import InstructionText, how_of, say
from finevla_sim.scene import BOWLS, Scene
from finevla_sim.scene_sampling import TEST_SEEDS, sample_scene
from finevla_sim.tasks import (
    APPROACHES,
    EITHER_BOWL,
    FACTORS,
    GRASPS,
    PATHS,
    SIDES,
    TASKS,
    TURNS,
    Goal,
    candidates,
    is_held_out,
    sample_goal,
    supports,
)
from finevla_tools.evaluation.scene_counts import KINDS, PAIRED, Size

FIRST_SEED = TEST_SEEDS + 1_000_000  # of a million seeds of the test split, used for nothing else
SEEDS_PER_KIND, SEEDS_PER_TRY, TRIES = 100_000, 2_000, 40

SLOT_OF = {"active_actor": "arm", "approach_direction": "approach", "contact_region": "grasp", "path_shape": "path"}


@dataclass(frozen=True)
class Case:
    """One scene of an evaluation; `kind` is a factor (a pair of trials), "task" (fine and raw), "hard" or "held_out"."""

    kind: str
    task: str
    number: int

    @property
    def key(self) -> str:
        """Text that identifies the case within an evaluation: kind/task/number."""
        return f"{self.kind}/{self.task}/{self.number}"


@dataclass(frozen=True)
class Trial:
    """One instruction in one scene; `told` are the factors its words state, `member` is its place in the case."""

    case: Case
    member: int
    level: str
    seed: int
    goal: Goal
    words: str  # fine or raw
    text: str
    told: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the trial's case, words and goal as plain data (`goal_*`), for a record."""
        goal = {f"goal_{name}": value for name, value in asdict(self.goal).items()}
        case = {"kind": self.case.kind, "number": self.case.number}
        return case | {name: getattr(self, name) for name in ("member", "level", "seed", "words", "text")} | goal


def cases_of(size: Size, first: int = 0) -> list[Case]:
    """Return all cases, numbered from `first`, mixed so that the first tenth is a small evaluation of everything.

    Raises `FineVLAError` if the numbers exceed the seeds of a kind.
    """
    if first < 0 or first + max(asdict(size).values()) >= SEEDS_PER_TRY:
        raise FineVLAError(f"an evaluation has fewer than {SEEDS_PER_TRY} scenes of a kind; give smaller numbers")

    def numbers(count: int) -> range:
        return range(first, first + count)

    sets = [[Case(kind, tasks[n % len(tasks)], n) for n in numbers(size.pairs)] for kind, tasks in PAIRED.items()]
    for kind, count in (("task", size.tasks), ("hard", size.hard)):
        sets.append([Case(kind, task, n) for n in numbers(count) for task in TASKS])
    sets.append([Case("held_out", EITHER_BOWL[n % len(EITHER_BOWL)], n) for n in numbers(size.held_out)])
    order = [((n + 0.5) / len(some), k, case) for k, some in enumerate(sets) for n, case in enumerate(some)]
    return [case for _, _, case in sorted(order, key=lambda entry: entry[:2])]


def trials_of(case: Case, ik: ArmIK) -> tuple[Scene, list[Trial]]:
    """Return the scene and the trials of a case; only goals that the arm can reach are used.

    Raises `FineVLAError` if no seed gives such a scene.
    """
    first = FIRST_SEED + KINDS.index(case.kind) * SEEDS_PER_KIND + case.number * len(TASKS) % SEEDS_PER_TRY
    first += list(TASKS).index(case.task)
    level = "hard" if case.kind == "hard" else "easy"
    for attempt in range(TRIES):
        if found := trials_at(case, first + attempt * SEEDS_PER_TRY, level, ik):
            return found
    raise FineVLAError(f"no scene for case '{case.key}' among {TRIES} seeds; this is a mistake in the evaluation")


def trials_at(case: Case, seed: int, level: str, ik: ArmIK) -> tuple[Scene, list[Trial]] | None:
    """Return the scene of a seed and a case's trials in it; None if it has no such goals, or the arm cannot reach them."""
    scene = sample_scene(seed, case.task, ik, level)
    rng = np.random.default_rng([seed, 41])
    goals, planner = goals_of(case, scene, rng), PathPlanner(ik)
    if not goals or not all(is_reachable(planner, scene, goal) for goal in goals):
        return None
    words = ("fine", "raw") if case.kind == "task" else ("fine",) * len(goals)
    dice = int(rng.integers(2**32))
    return scene, [_trial(case, k, scene, goal, words[k], dice) for k, goal in enumerate(goals)]


def goals_of(case: Case, scene: Scene, rng: np.random.Generator) -> list[Goal]:
    """Draw the goals of a case: two that differ in one factor, one twice, or one; none if the scene allows no pair."""
    goal = sample_goal(scene, rng)
    if case.kind in ("task", "hard"):
        return [goal] * (2 if case.kind == "task" else 1)
    if case.kind == "held_out":
        goal = replace(goal, arm="left", place="right_bowl")
        return [goal]
    field = FACTORS[case.kind]
    goal = _prepared(goal, field, rng)
    values = [value for value in _choices(scene, goal, field) if not is_held_out(replace(goal, **{field: value}))]
    if len(values) < 2 or (scene.task == "stack" and field == "target" and goal.place in values):
        return []
    one, other = rng.permutation(values)[:2]
    return [replace(goal, **{field: str(one)}), replace(goal, **{field: str(other)})]


def is_reachable(planner: PathPlanner, scene: Scene, goal: Goal) -> bool:
    """Return whether the planner finds a path for everything the goal asks."""
    items = clean_order(scene, goal.arm) if goal.task == "clean" else [scene.object(goal.target)]
    values = np.array(scene.arm_start)
    try:
        for item in items:
            values = planner.plan(goal.arm, values, planner.ways(scene, goal, item, item.centre)).targets[-1]
    except Unreachable:
        return False
    return True


def _prepared(goal: Goal, field: str, rng: np.random.Generator) -> Goal:
    """Adjust the goal so that both values of the field are possible (the left hand cannot serve the right bowl)."""
    if field == "arm" and goal.place in BOWLS:
        return replace(goal, place="left_bowl")
    if field == "place" and goal.place in BOWLS:
        return replace(goal, arm="right")
    if field == "grasp" and not goal.grasp:
        return replace(goal, grasp=str(rng.choice(GRASPS)))
    return goal


def _choices(scene: Scene, goal: Goal, field: str) -> Sequence[str]:
    if field == "target":
        below = scene.object(goal.place) if goal.task == "stack" else None
        return [o.name for o in candidates(scene) if below is None or below in supports(scene, o)]
    if field == "place":
        return [o.name for o in supports(scene, scene.object(goal.target))] if goal.task == "stack" else BOWLS
    if field == "approach" and goal.task == "detour":
        return [side for side in APPROACHES if side != goal.arm]  # no room between target and post
    words: dict[str, Sequence[str]] = {
        "arm": SIDES, "approach": APPROACHES, "grasp": GRASPS, "path": PATHS, "turn": TURNS,
    }  # fmt: skip
    return words[field]


def _trial(case: Case, member: int, scene: Scene, goal: Goal, words: str, dice: int) -> Trial:
    """Make a trial; both trials of a pair use the same `dice`, so that their sentences differ only in the factor."""
    said = say(goal, scene, np.random.default_rng(dice), how_of(goal) if words == "fine" else (), "test")
    return Trial(case, member, scene.level, scene.seed, goal, words, said.text, _told(goal, said))


def _told(goal: Goal, said: InstructionText) -> tuple[str, ...]:
    return tuple(
        factor
        for factor, field in FACTORS.items()
        if getattr(goal, field) and said.slots.get(SLOT_OF.get(factor, ""), "-")
    )
