"""`finevla collect`: a policy acts in scenes of the training split; what it saw is kept, with the truth of where things were.

Synthetic motions go well. What a policy gets itself into - a hand before the thing it looks for, a thing
let go of beside the bowl - it must have seen to get out of: dataset aggregation (Ross et al. 2011), for the finder alone.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.chunk import ActionChunk
from finevla_core.instruction import Instruction
from finevla_core.observation import Observation
from finevla_core.policy.policy_interface import Policy
from finevla_sim.demonstrator import clean_order
from finevla_sim.gripper_path_planner import PathPlanner
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.language import how_of, say, some_of
from finevla_sim.npz_shards import save_shard
from finevla_sim.robot_files import default_robot
from finevla_sim.scene import BOWLS, KNOB, TABLE_HEIGHT_M, Scene, SceneObject
from finevla_sim.scene_sampling import sample_scene
from finevla_sim.synthetic_motions import MAX_OBJECTS, laid_out, told
from finevla_sim.tasks import TASKS, Goal, sample_goal
from finevla_sim.world import Truth, World
from finevla_tools.evaluation.trials import is_reachable
from finevla_tools.rollout import load_limited_policy, roll_out

FIRST_SEED = 600_000  # above the drills', below the test split's
SHARD_TRIALS = 25
EVERY = 3  # observations: the next but one is hardly another picture
FINE = 0.5  # of the sentences
LIFTED_M, IN_BOWL_M, FALLEN_M = 0.06, 0.06, 0.05


@dataclass
class RecordingPolicy:
    """Wrapper of a policy that records the state and the ground truth at each prediction, and every third picture."""

    policy: Policy
    world: World
    states: list[NDArray[np.float32]] = field(default_factory=list)
    truths: list[Truth] = field(default_factory=list)
    pictures: dict[int, NDArray[np.uint8]] = field(default_factory=dict)  # by moment

    def encode(self, instruction: Instruction) -> Any:
        """Encode the instruction with the wrapped policy."""
        return self.policy.encode(instruction)

    def predict(self, observation: Observation, encoded: Any) -> ActionChunk:
        """Record the observation and the ground truth, then return the wrapped policy's chunk."""
        if len(self.states) % EVERY == 0:
            self.pictures[len(self.states)] = observation.images
        self.states.append(observation.state)
        self.truths.append(self.world.truth())
        return self.policy.predict(observation, encoded)

    def accepted(self, sequence: int, executed_steps: int, speed_scale: float = 1.0) -> None:
        """Pass on to the wrapped policy what the bridge accepted."""
        self.policy.accepted(sequence, executed_steps, speed_scale)


def write_collected(path: Path, bundle: Path, first: int, count: int, tasks: dict[str, float]) -> tuple[int, int]:
    """A shard as `load_motions` reads it, one plan per trial, none of whose moments is one to move by: `usable` is 0."""
    robot = default_robot()
    ik = ArmIK(robot.embodiment, robot.urdf_path)
    planner, policy = PathPlanner(ik), load_limited_policy(bundle, robot)
    kept: list[dict[str, Any]] = []
    goals, scenes, world = [], [], None
    for seed in range(FIRST_SEED + first, FIRST_SEED + first + count):
        rng = np.random.default_rng([seed, 37])
        scene = sample_scene(seed, str(rng.choice(list(tasks), p=list(tasks.values()))), ik)
        goal = sample_goal(scene, rng)
        if not is_reachable(planner, scene, goal):
            continue
        if world is None:
            world = World(scene, robot.embodiment, robot.urdf_path)
        else:
            world.reset(scene)
        how = some_of(how_of(goal), rng) if rng.random() < FINE else ()
        pupil = RecordingPolicy(policy, world)
        instruction = Instruction(raw=say(goal, scene, rng, how, "train").text, id="rehearsal")
        roll_out(world, robot, pupil, instruction, TASKS[scene.task].seconds)
        kept.append(_trial(pupil, scene, goal))
        goals.append(told(goal, scene, rng))
        scenes.append(laid_out(scene))
    lengths = [len(trial["states"]) for trial in kept]
    starts, order = np.cumsum([0, *lengths]), np.arange(len(kept))
    counts = [len(trial["images"]) for trial in kept]
    arrays = {
        name: np.concatenate([trial[name] for trial in kept])
        for name in ("states", "where", "images", "image_states", "places")
    }
    arrays |= {
        "targets": arrays["states"],
        "starts": starts,
        "usable": np.zeros(len(kept), np.int64),
        "goal": order,
        "rows": np.concatenate([trial["rows"] + start for trial, start in zip(kept, starts, strict=False)]),
        "scene": np.repeat(order, counts),
    }
    save_shard(path, arrays, goals=goals, scenes=scenes)
    return len(kept), count


def _trial(pupil: RecordingPolicy, scene: Scene, goal: Goal) -> dict[str, NDArray[Any]]:
    """One trial's part of a shard, until something has fallen off the table."""
    lost = [k for k, truth in enumerate(pupil.truths) if any(_has_fallen(truth, item) for item in scene.objects)]
    end = max(1, lost[0]) if lost else len(pupil.truths)
    rows = np.array([k for k in pupil.pictures if k < end])
    places = np.full((len(rows), MAX_OBJECTS, 3), np.nan, np.float32)
    for i, row in enumerate(rows):
        places[i, : len(scene.objects)] = [centre(pupil.truths[row], item) for item in scene.objects]
    return {
        "states": np.array(pupil.states[:end], np.float32),
        "where": np.array([where(scene, goal, truth) for truth in pupil.truths[:end]], np.float32),
        "rows": rows,
        "images": np.array([pupil.pictures[row] for row in rows]),
        "image_states": np.array([pupil.states[row] for row in rows], np.float32),
        "places": places,
    }


def where(scene: Scene, goal: Goal, truth: Truth) -> NDArray[np.float64]:
    """Where the goal's target is and where it shall end (6,), as drills have it; when cleaning, the target that is next."""
    item = _next(scene, goal, truth) if goal.task == "clean" else scene.object(goal.target)
    at = centre(truth, item)
    if goal.place in BOWLS:
        return np.array([*at, *scene.bowl(goal.place).position, TABLE_HEIGHT_M])
    if goal.place:
        below = scene.object(goal.place)
        return np.array([*at, *centre(truth, below)[:2], TABLE_HEIGHT_M + 2 * below.height_m + item.height_m])
    return np.array([*at, *at])


def centre(truth: Truth, item: SceneObject) -> NDArray[np.float64]:
    """Where an object is (3,); a knob, where it is gripped."""
    return item.centre if item.shape == KNOB else truth.objects[item.name][:3, 3]


def _next(scene: Scene, goal: Goal, truth: Truth) -> SceneObject:
    """What is in the air, else what lies nearest to the arm's own side and not yet in the bowl."""
    order = clean_order(scene, goal.arm)
    lifted = [item for item in order if centre(truth, item)[2] > TABLE_HEIGHT_M + LIFTED_M]
    bowl = np.array(scene.bowl(goal.place).position)
    away = [item for item in order if np.linalg.norm(centre(truth, item)[:2] - bowl) > IN_BOWL_M]
    return (lifted or away or order[-1:])[0]


def _has_fallen(truth: Truth, item: SceneObject) -> bool:
    return bool(centre(truth, item)[2] < TABLE_HEIGHT_M - FALLEN_M)
