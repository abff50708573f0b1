"""What can be asked for on the table: tasks, the factors that steer them, and goals drawn at random for a scene."""

from dataclasses import dataclass

import numpy as np

from finevla_sim.scene import BOWLS, Scene, SceneObject

SIDES = ("left", "right")
APPROACHES = ("top", "left", "right", "front")  # the side that the gripper comes from, seen from the robot


@dataclass(frozen=True)
class Task:
    """A task and the sentence that explains it."""

    name: str
    text: str
    uses_bowl: bool = False


TASKS = {
    task.name: task
    for task in (
        Task("reach", "move the open gripper to the target and stop just above it"),
        Task("pick", "grasp the target and lift it"),
        Task("put", "grasp the target, carry it to a bowl and drop it there", uses_bowl=True),
    )
}


@dataclass(frozen=True)
class Goal:
    """One thing to do and how: `arm` "left" or "right", `approach` one of `APPROACHES`, `bowl` for put only."""

    task: str
    arm: str
    target: str
    approach: str = "top"
    bowl: str = ""


def default_arm(item: SceneObject) -> str:
    """The arm taken when none is named: the one on the target's side."""
    return "left" if item.position[1] > 0 else "right"


def default_bowl(arm: str) -> str:
    """The bowl in front of that arm."""
    return f"{arm}_bowl"


def sample_goal(scene: Scene, rng: np.random.Generator) -> Goal:
    """A goal for the scene's task; half of them take the default arm, a third come from above.

    The left arm never gets the right bowl: that combination is kept out of training on purpose.
    """
    target = scene.objects[rng.integers(len(scene.objects))]
    arm = default_arm(target) if rng.random() < 0.5 else SIDES[rng.integers(2)]
    approach = "top" if rng.random() < 0.33 else APPROACHES[rng.integers(len(APPROACHES))]
    bowl = ""
    if TASKS[scene.task].uses_bowl:
        bowl = default_bowl(arm) if arm == "left" or rng.random() < 0.7 else BOWLS[0]
    return Goal(scene.task, arm, target.name, approach, bowl)
