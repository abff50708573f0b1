"""What can be asked for on the table: tasks, the factors that steer them, and goals drawn at random for a scene."""

from dataclasses import dataclass

import numpy as np

from finevla_core.errors import FineVLAError
from finevla_sim.scene import BOWLS, KNOB, Scene, SceneObject

SIDES = ("left", "right")
APPROACHES = ("top", "left", "right", "front")  # the side that the gripper comes from, seen from the robot
GRASPS = ("sideways", "lengthways")  # fingers at the left and right of the object, or in front of it and behind it
PATHS = ("over", "round")  # past the post: above it, or on its far side
TURNS = ("clockwise", "counterclockwise")  # seen from above

# The factors of a goal by the names of FineVLA's ten dimensions (arXiv 2605.27284), and the goal's field behind each.
FACTORS = {
    "active_actor": "arm",
    "target_object": "target",
    "approach_direction": "approach",
    "contact_region": "grasp",
    "path_shape": "path",
    "final_configuration": "place",
    "rotation_direction": "turn",
}


@dataclass(frozen=True)
class Task:
    """A task, the sentence that explains it, how long it may take, and what besides arm, target and approach steers it."""

    name: str
    text: str
    seconds: float
    steers: tuple[str, ...] = ()


TASKS = {
    task.name: task
    for task in (
        Task("reach", "move the open gripper to the target and stop just above it", 9.0),
        Task("pick", "grasp the target and lift it", 11.0, ("grasp",)),
        Task("place_color", "put the thing of the named colour into a bowl", 16.0, ("place",)),
        Task("place_shape", "put the thing of the named shape into a bowl", 16.0, ("place",)),
        Task("place_size", "put the small or the big one into a bowl", 16.0, ("place",)),
        Task("detour", "put the target into the bowl behind the post, over the post or round it", 18.0, ("path",)),
        Task("stack", "put the target on top of another object", 17.0, ("place",)),
        Task("turn", "grasp a knob and turn it", 12.0, ("turn",)),
        Task("clean", "put everything on the table into a bowl", 40.0, ("place",)),
    )
}
EITHER_BOWL = ("place_color", "place_shape", "place_size")  # tasks in which an arm may be asked to reach for any bowl
PUTS = (*EITHER_BOWL, "detour", "stack", "clean")


@dataclass(frozen=True)
class Goal:
    """One thing to do and how: each field one of the words above, names of objects and bowls, or "" where it has no part.

    `target` is "" for clean: everything. `grasp` is "" where the fingers may close as it suits the arm.
    """

    task: str
    arm: str
    target: str
    approach: str = "top"
    grasp: str = ""
    path: str = ""
    place: str = ""
    turn: str = ""


def default_arm(item: SceneObject) -> str:
    """Return the arm on the object's side: "left" for y > 0, else "right"."""
    return "left" if item.position[1] > 0 else "right"


def default_bowl(arm: str) -> str:
    """Return the name of the bowl in front of the arm."""
    return f"{arm}_bowl"


def is_held_out(goal: Goal) -> bool:
    """Return whether the goal is left hand to right bowl, a combination absent from the training data."""
    return goal.arm == "left" and goal.place == "right_bowl"


def sample_goal(scene: Scene, rng: np.random.Generator) -> Goal:
    """Draw a goal for the scene's task: half with the default arm, a third from above, never a held-out one."""
    task, targets = scene.task, candidates(scene)
    target = targets[rng.integers(len(targets))]
    arm = default_arm(target) if rng.random() < 0.5 else SIDES[rng.integers(2)]
    approach = "top" if rng.random() < 0.33 else APPROACHES[rng.integers(len(APPROACHES))]
    grasp = path = place = turn = ""
    if task == "pick" and rng.random() < 0.67:
        grasp = GRASPS[rng.integers(2)]
    if task == "turn":
        turn = TURNS[rng.integers(2)]
    if task == "stack":
        others = supports(scene, target)
        place = others[rng.integers(len(others))].name
    elif task == "detour":
        path, place = PATHS[rng.integers(2)], post_bowl(scene)
        arm = place.removesuffix("_bowl")
        approach = str(rng.choice([side for side in APPROACHES if side != arm]))  # no room between target and post
    elif task in PUTS:
        own = arm == "left" or task == "clean" or rng.random() < 0.6
        place = default_bowl(arm) if own else BOWLS[0]
    return Goal(task, arm, "" if task == "clean" else target.name, approach, grasp, path, place, turn)


def candidates(scene: Scene) -> list[SceneObject]:
    """Return the objects that can be targets of the scene's task."""
    if scene.task == "turn":
        return [item for item in scene.objects if item.shape == KNOB]
    if scene.task == "place_size":
        return [item for item in scene.objects if item.size]
    movable = [item for item in scene.objects if item.shape != KNOB]
    if scene.task == "stack":
        return [item for item in movable if supports(scene, item)]
    if scene.task == "detour":
        return movable[:1]
    return movable


def supports(scene: Scene, item: SceneObject) -> list[SceneObject]:
    """Return the objects on which `item` can be stacked: cubes and bricks; none if it has no flat side."""
    if item.shape not in ("cube", "brick", "cylinder"):
        return []
    return [o for o in scene.objects if o.shape in ("cube", "brick") and o.name != item.name]


def post_bowl(scene: Scene) -> str:
    """Return the bowl behind the scene's post, which must be there."""
    assert scene.post is not None
    return BOWLS[0] if scene.post[1] > 0 else BOWLS[1]


def mixture(text: str) -> dict[str, float]:
    """Parse task weights such as "reach:2,pick:1" to probabilities; raises `FineVLAError` for an unknown task or weight."""
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, _, weight = part.partition(":")
        if name not in TASKS:
            raise FineVLAError(f"unknown task '{name}'; known are {', '.join(TASKS)}")
        try:
            weights[name] = float(weight or 1)
        except ValueError as error:
            raise FineVLAError(f"task weight '{weight}' is not a number; write e.g. reach:2,pick:1") from error
    total = sum(weights.values())
    if not all(0.0 <= weight < float("inf") for weight in weights.values()) or total <= 0.0:
        raise FineVLAError(f"task weights in '{text}' must be positive numbers")
    return {name: weight / total for name, weight in weights.items()}
