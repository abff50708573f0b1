"""What really happened, from a trace of ground truth; says which factors of a goal were obeyed, whoever moved the arms."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_sim.scene import TABLE_HEIGHT_M, Scene
from finevla_sim.tasks import SIDES, Goal
from finevla_sim.world import Truth

MOVED_M = 0.04  # an arm whose tcp went less far than this did not act
NEAR_M = 0.06  # horizontal distance at which a gripper is "at" an object
LIFTED_M = 0.05
CLOSE_IN_M = 0.06  # the side is read off where the tcp enters this distance of its final approach point
STRAIGHT_DOWN_M = 0.022


@dataclass(frozen=True)
class Outcome:
    """An execution in words; empty strings where nothing of the kind happened."""

    arm: str
    object: str
    distance_m: float
    approach: str
    lifted: str
    bowl: str

    def sentence(self) -> str:
        """For people."""
        if not self.arm:
            return "no arm moved"
        parts = [f"the {self.arm} arm"]
        if self.object:
            parts.append(f"went to the {self.object.replace('_', ' ')} from the {self.approach}")
        else:
            parts.append("moved but came to no object")
        if self.lifted:
            parts.append("and lifted it" if self.lifted == self.object else f"and lifted the {self.lifted}")
        if self.bowl:
            parts.append(f"and left it in the {self.bowl.replace('_', ' ')}")
        return " ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for reports."""
        return asdict(self)


def judge(scene: Scene, trace: Sequence[Truth]) -> Outcome:
    """Read an outcome off ground truth sampled at 5 Hz or faster."""
    paths = {side: np.array([truth.tcps[side][:3, 3] for truth in trace]) for side in SIDES}
    travel = {side: float(np.linalg.norm(path - path[0], axis=1).max()) for side, path in paths.items()}
    arm = max(travel, key=lambda side: travel[side])
    if travel[arm] < MOVED_M:
        return Outcome("", "", float("nan"), "", "", "")
    lifted = _lifted(scene, trace)
    name, at, distance = _closest(scene, trace, paths[arm], lifted)
    if not name:
        return Outcome(arm, "", distance, "", lifted, "")
    return Outcome(arm, name, distance, _side(paths[arm][: at + 1]), lifted, _bowl(scene, trace, lifted))


def obeyed(goal: Goal, outcome: Outcome) -> dict[str, bool]:
    """Per factor: was it done as told? `success` asks for the task itself, whatever the approach side."""
    result = {
        "active_actor": outcome.arm == goal.arm,
        "target_object": outcome.object == goal.target,
        "approach_direction": outcome.approach == goal.approach,
    }
    done = {
        "reach": outcome.object == goal.target,
        "pick": outcome.lifted == goal.target,
        "put": outcome.lifted == goal.target and outcome.bowl == goal.bowl,
    }
    if goal.task == "put":
        result["final_configuration"] = outcome.bowl == goal.bowl
    return result | {"success": done[goal.task] and result["active_actor"]}


def _lifted(scene: Scene, trace: Sequence[Truth]) -> str:
    rise = {o.name: max(t.objects[o.name][2, 3] for t in trace) - trace[0].objects[o.name][2, 3] for o in scene.objects}
    best = max(rise, key=lambda name: rise[name])
    return best if rise[best] > LIFTED_M else ""


def _closest(scene: Scene, trace: Sequence[Truth], path: NDArray[np.float64], lifted: str) -> tuple[str, int, float]:
    """The object that the tcp went to, when it got there, and how near (horizontally) it came.

    Where nothing was lifted, that is the object below the lowest point of the path (its end, if it is about as low).
    """
    low = path[:, 2].min()
    at = int(np.flatnonzero(path[:, 2] < low + 0.01)[-1])
    places = {o.name: trace[0].objects[o.name][:3, 3] for o in scene.objects}
    if lifted:
        distances = np.linalg.norm(path - places[lifted], axis=1)
        return lifted, int(distances.argmin()), float(distances.min())
    gaps = {name: float(np.linalg.norm(path[at, :2] - place[:2])) for name, place in places.items()}
    name = min(gaps, key=lambda n: gaps[n])
    is_there = gaps[name] < NEAR_M and path[at, 2] < TABLE_HEIGHT_M + 0.14
    return (name if is_there else ""), at, gaps[name]


def _side(path: NDArray[np.float64]) -> str:
    """Where the tcp was, seen from its end point, when it last came within `CLOSE_IN_M` of it."""
    offset = path - path[-1]
    outside = np.flatnonzero(np.linalg.norm(offset, axis=1) > CLOSE_IN_M)
    entry = offset[outside[-1]] if outside.size else offset[0]
    entry = entry * min(1.0, CLOSE_IN_M / max(float(np.linalg.norm(entry)), 1e-9))
    if np.linalg.norm(entry[:2]) < STRAIGHT_DOWN_M:
        return "top"
    if abs(entry[1]) > abs(entry[0]):
        return "left" if entry[1] > 0 else "right"
    return "front" if entry[0] > 0 else "back"


def _bowl(scene: Scene, trace: Sequence[Truth], name: str) -> str:
    if not name:
        return ""
    end = trace[-1].objects[name][:3, 3]
    for bowl in scene.bowls:
        if np.linalg.norm(end[:2] - bowl.position) < 0.06 and end[2] < TABLE_HEIGHT_M + 0.06:
            return bowl.name
    return ""
