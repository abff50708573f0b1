"""Judge an execution from a ground-truth trace: what happened, and which factors of a goal were obeyed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_sim.scene import BOWLS, KNOB, POST, POST_HEIGHT_M, TABLE_HEIGHT_M, Scene
from finevla_sim.tasks import PUTS, SIDES, Goal
from finevla_sim.world import Truth

MOVED_M = 0.04  # an arm whose tcp went less far than this did not act
NEAR_M = 0.06  # horizontal distance at which a gripper is "at" an object
LIFTED_M = 0.05
HELD_M = 0.008  # an object this much higher than it lay is off the table
CLOSE_IN_M = 0.06  # the side is read off where the tcp enters this distance of its final approach point
STRAIGHT_DOWN_M = 0.018
TURNED_RAD = 0.4
BESIDE_POST_M = 0.05
FALLEN_COS = 0.9
BOWL_FULL_M = 0.12  # above the table: what lies on other things in a bowl is in the bowl


@dataclass(frozen=True)
class TaskOutcome:
    """What happened in an execution; empty strings where nothing of the kind did.

    `places` says where each object that left its place ended: a bowl, the object below it, "table", or "" in the air.
    """

    arm: str = ""
    object: str = ""
    distance_m: float = float("nan")
    approach: str = ""
    lifted: str = ""
    grasp: str = ""
    path: str = ""
    turn: str = ""
    turned: str = ""
    places: tuple[tuple[str, str], ...] = ()
    post_fell: bool = False

    @property
    def place(self) -> str:
        """Where the object that was lifted ended."""
        return dict(self.places).get(self.lifted, "")

    def sentence(self) -> str:
        """Describe the outcome in English, e.g. "the left arm went to the red cube and lifted it"."""
        if not self.arm:
            return "no arm moved"
        parts = [f"the {self.arm} arm"]
        if self.object:
            side = f" from the {self.approach}" if self.approach else ""
            parts.append(f"went to the {self.object.replace('_', ' ')}{side}")
        else:
            parts.append("moved but came to no object")
        if self.turned:
            parts.append(f"and turned it {self.turn}")
        if self.lifted:
            how = f", held {self.grasp}" if self.grasp else ""
            parts.append((f"and lifted {'it' if self.lifted == self.object else 'the ' + _said(self.lifted)}") + how)
        if self.path:
            parts.append(f"carried it {self.path} the post")
        for name, place in self.places:
            it = "it" if name == self.lifted else f"the {_said(name)}"
            where = f"{'in' if place in BOWLS else 'on'} the {_said(place)}" if place else "where it lay on nothing yet"
            parts.append(f"and left {it} {where}")
        if self.post_fell:
            parts.append("and knocked the post over")
        return " ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """Return all fields as plain data for JSON reports."""
        return asdict(self)


def judge(scene: Scene, trace: Sequence[Truth]) -> TaskOutcome:
    """Determine the outcome from ground truth sampled at 5 Hz or faster."""
    paths = {side: np.array([truth.tcps[side][:3, 3] for truth in trace]) for side in SIDES}
    travel = {side: float(np.linalg.norm(path - path[0], axis=1).max()) for side, path in paths.items()}
    arm = max(travel, key=lambda side: travel[side])
    if travel[arm] < MOVED_M:
        return TaskOutcome()
    lifted, at_lift = _lifted(scene, trace)
    turned, turn, at_turn = _turned(scene, trace)
    name, at, distance = _closest(scene, trace, paths[arm], (lifted, at_lift) if lifted else (turned, at_turn))
    return TaskOutcome(
        arm=arm,
        object=name,
        distance_m=distance,
        approach=_side(paths[arm][: at + 1]) if name else "",
        lifted=lifted,
        grasp=_grasp(trace[at_lift].tcps[arm]) if lifted else "",
        path=_path(scene, trace, lifted) if lifted and scene.post else "",
        turn=turn,
        turned=turned,
        places=_places(scene, trace),
        post_fell=scene.post is not None and bool(trace[-1].objects[POST][2, 2] < FALLEN_COS),
    )


def obeyed(goal: Goal, outcome: TaskOutcome) -> dict[str, bool]:
    """Return for each factor that the goal states whether it was obeyed; see `success` for the task itself."""
    first = goal.target if goal.task != "clean" else outcome.object
    done = {
        "active_actor": outcome.arm == goal.arm,
        "target_object": bool(outcome.object) and outcome.object == first,
        "approach_direction": outcome.approach == goal.approach,
    }
    if goal.grasp:
        done["contact_region"] = outcome.grasp == goal.grasp
    if goal.path:
        done["path_shape"] = outcome.path == goal.path and not outcome.post_fell
    if goal.place:
        places = set(dict(outcome.places).values())
        done["final_configuration"] = places == {goal.place} if goal.task == "clean" else outcome.place == goal.place
    if goal.turn:
        done["rotation_direction"] = outcome.turn == goal.turn
    return done


def score(goal: Goal, outcome: TaskOutcome, scene: Scene) -> float:
    """Return the score of the task itself, 0 to 100: 30 for reaching the target, 30 for holding it, 40 for its place.

    Reach: 100 for reaching. Turn: 30, and 70 for the turn. Clean: the share of objects in the right place.
    """
    if goal.task == "clean":
        tidy = [place == goal.place for name, place in outcome.places]
        return 100.0 * sum(tidy) / len(scene.objects)
    if outcome.object != goal.target:
        return 0.0
    if goal.task == "reach":
        return 100.0
    if goal.task == "turn":
        return 30.0 + 70.0 * (outcome.turned == goal.target and outcome.turn == goal.turn)
    if outcome.lifted != goal.target:
        return 30.0
    if goal.task == "pick":
        return 100.0
    return 60.0 + 40.0 * (outcome.place == goal.place and not outcome.post_fell)


def success(goal: Goal, outcome: TaskOutcome, scene: Scene) -> bool:
    """Return whether the task itself was done, by whichever arm and path."""
    return score(goal, outcome, scene) >= 100.0 and goal.task in ("reach", "pick", "turn", *PUTS)


def _lifted(scene: Scene, trace: Sequence[Truth]) -> tuple[str, int]:
    """Return the first object lifted by `LIFTED_M`, and the trace index at which it left the table."""
    first: tuple[str, int] = ("", len(trace))
    for item in scene.objects:
        height = np.array([t.objects[item.name][2, 3] for t in trace])
        if height.max() - height[0] > LIFTED_M:
            off = int(np.flatnonzero(height > height[0] + HELD_M)[0])
            if off < first[1]:
                first = (item.name, off)
    return first if first[0] else ("", 0)


def _turned(scene: Scene, trace: Sequence[Truth]) -> tuple[str, str, int]:
    """Return the knob that turned most, its direction, and the trace index at which it began."""
    best: tuple[float, str, str, int] = (TURNED_RAD, "", "", 0)
    for item in scene.objects:
        if item.shape != KNOB:
            continue
        axes = np.array([t.objects[item.name][:2, 0] for t in trace])
        angle = np.unwrap(np.arctan2(axes[:, 1], axes[:, 0]))
        gone = angle - angle[0]
        if abs(gone[-1]) > best[0]:
            began = int(np.flatnonzero(abs(gone) > 0.05)[0])
            best = (abs(gone[-1]), item.name, "counterclockwise" if gone[-1] > 0 else "clockwise", began)
    return best[1:]


def _closest(
    scene: Scene, trace: Sequence[Truth], path: NDArray[np.float64], had: tuple[str, int]
) -> tuple[str, int, float]:
    """The object that the tcp went to, when it got there, and how near (horizontally) it came.

    Where nothing was had in hand, that is the object below the lowest point of the path (its end, if about as low).
    """
    places = {o.name: trace[0].objects[o.name][:3, 3] for o in scene.objects}
    name, moment = had
    if name:
        distances = np.linalg.norm(path[: moment + 1] - places[name], axis=1)
        at = int(distances.argmin())
        return name, at, float(np.linalg.norm(path[at, :2] - places[name][:2]))
    low = path[:, 2].min()
    at = int(np.flatnonzero(path[:, 2] < low + 0.01)[-1])
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


def _grasp(tcp: NDArray[np.float64]) -> str:
    """Which way the fingers close: along the table's left-right axis, or from front to back."""
    axis = abs(tcp[:2, 1])
    return "sideways" if axis[1] > axis[0] else "lengthways"


def _path(scene: Scene, trace: Sequence[Truth], name: str) -> str:
    """How the object passed the post: above it or beside it; "" if it never came past."""
    assert scene.post is not None
    x, y = scene.post
    carried = np.array([t.objects[name][:3, 3] for t in trace])
    past = np.flatnonzero((carried[:, 1] - y) * np.sign(y) > 0)
    if not past.size or past[0] == 0:
        return ""
    before, after = carried[past[0] - 1], carried[past[0]]
    at = before + (after - before) * (y - before[1]) / (after[1] - before[1])
    if abs(at[0] - x) < BESIDE_POST_M:
        return "over" if at[2] > TABLE_HEIGHT_M + POST_HEIGHT_M else "through"
    return "round"


def _places(scene: Scene, trace: Sequence[Truth]) -> tuple[tuple[str, str], ...]:
    """Where everything that was off the table ended."""
    end = {name: pose[:3, 3] for name, pose in trace[-1].objects.items()}
    found = []
    for item in scene.objects:
        height = np.array([t.objects[item.name][2, 3] for t in trace])
        if height.max() - height[0] > LIFTED_M:
            found.append((item.name, _place(scene, item.name, item.height_m, end)))
    return tuple(found)


def _place(scene: Scene, name: str, half_height: float, end: dict[str, NDArray[np.float64]]) -> str:
    at = end[name]
    for bowl in scene.bowls:
        if np.linalg.norm(at[:2] - bowl.position) < 0.06 and at[2] < TABLE_HEIGHT_M + BOWL_FULL_M:
            return bowl.name
    for other in scene.objects:
        below = end[other.name]
        on_top = 0.7 * (half_height + other.height_m) < at[2] - below[2] < 1.5 * (half_height + other.height_m)
        if other.name != name and on_top and np.linalg.norm(at[:2] - below[:2]) < 0.03:
            return other.name
    return "table" if at[2] < TABLE_HEIGHT_M + 0.05 else ""


def _said(name: str) -> str:
    return name.replace("_", " ")
