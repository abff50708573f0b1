"""What `finevla train` learns from, in memory: moments of motions, pictures of moments, and what is said of them."""

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from finevla_core.instruction import Factors, Instruction
from finevla_core.urdf import expand
from finevla_models.kinematics import CameraMounts, camera_mounts
from finevla_models.slot_columns import SLOTS, indices
from finevla_models.tabletop_finder import SHRINK, fixed_rows
from finevla_sim.gripper_path_planner import HORIZON
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.language import InstructionText, factors_of
from finevla_sim.mujoco_model import CAMERA_FOVY_DEG
from finevla_sim.robot_files import default_robot
from finevla_sim.scene import BOWLS, KNOB, TABLE_HEIGHT_M, Bowl, Look, Scene, SceneObject
from finevla_sim.scene_sampling import HELD_OUT_KINDS, sample_scene
from finevla_sim.synthetic_motions import MAX_OBJECTS, SETTLED_STEPS, load_motions
from finevla_sim.tasks import SIDES, Goal
from finevla_sim.world import World

LAG_STEPS = 0.6  # a measured state is behind its target by up to this much
NOISE_RAD = 0.012
WHERE_NOISE_M = (0.001, 0.008)  # a finder's is never exact, and at times it is quite wrong
NAMES_PER_PICTURE = 9
ABSENT_PER_PICTURE = 3  # sentences more about things that are not there
ABSENT_BELOW = 0.25  # of them name a thing that is there, to be put on one that is not
RECOLOURED = 0.25  # of the pictures get other colours, and sentences that name none: a shape is no colour
FORGOT, FOUND_WRONG, WAS_IN_HAND, WAS_BEFORE = 0.25, 0.15, 0.05, 0.1  # shares of memories; the rest is about right
MEMORY_NOISE_M = 0.003
GRIP = (0.82, 1.04)  # how much further or less far fingers close round what they hold
IS_OPEN = 0.95  # a gripper from this value on
CLEANED = 0.12  # of the other sentences ask for everything
IN_HAND_M, IN_BOWL_M = 0.06, 0.06
ARRAYS = ("images", "states", "targets", "where", "places", "image_states")
UNSEEN = ("images", "places")
BOWL = MAX_OBJECTS  # indices of the two bowls among a picture's places
SLOT = {name: i for i, name in enumerate(SLOTS)}


class MotionShards:
    """All shards of some folders: plans in a row, what was said of them, and pictures of some moments.

    `mixture` is the share of fine sentences: 1 = fine only, 0 = raw only.
    """

    def __init__(self, folders: Sequence[Path], mixture: float, with_pictures: bool) -> None:
        self.mixture = mixture
        robot = default_robot()
        mounts = camera_mounts(robot.embodiment, expand(robot.urdf_path), CAMERA_FOVY_DEG)
        shards = []
        for shard in (s for folder in folders for s in load_motions(folder, () if with_pictures else UNSEEN)):
            if "images" in shard:
                shard["views"] = _views(shard.pop("images"), mounts)
            shards.append(shard)
        self.states = np.concatenate([s["states"] for s in shards])
        self.targets = np.concatenate([s["targets"] for s in shards])
        self.where = np.concatenate([s["where"] for s in shards])
        lengths = np.concatenate([np.diff(s["starts"]) for s in shards])
        self.first = np.cumsum([0, *lengths])
        self.usable = np.concatenate([s["usable"] for s in shards])
        goals = [goal for s in shards for goal in s["goals"]]
        offsets = np.cumsum([0, *(len(s["goals"]) for s in shards)])
        self.goal = np.concatenate([s["goal"] + o for s, o in zip(shards, offsets, strict=False)])
        self.left = np.array([goal["arm"] == SIDES[0] for goal in goals])
        self.said = np.array(
            [[[indices(said["slots"]) for said in goal[level]] for level in ("raw", "fine")] for goal in goals], np.int8
        )
        self.pictures = Pictures([s for s in shards if "views" in s]) if with_pictures else None
        settled = np.where(self.usable == lengths, SETTLED_STEPS, 0)
        self._moments = np.cumsum([0, *(self.usable + settled)])

    def draw_said(self, goals: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """For each of `goals` (B,) what one of its sentences says, (B, S)."""
        level = (rng.random(len(goals)) < self.mixture).astype(np.int64)
        which = rng.integers(self.said.shape[2], size=len(goals))
        return self.said[goals, level, which].astype(np.int64)

    def moments(self, size: int, rng: np.random.Generator, device: torch.device) -> dict[str, Tensor]:
        """Random moments of plans, a little behind and beside them: state, where, said, steps (B, HORIZON, D), and
        left (B, 1): 1 where the left arm moves, else 0."""
        moment = rng.integers(self._moments[-1], size=size)
        plan = np.searchsorted(self._moments, moment, side="right") - 1
        first, last = self.first[plan], self.first[plan + 1] - 1
        step = np.minimum(first + moment - self._moments[plan], last)
        lag = rng.random((size, 1)).astype(np.float32) * LAG_STEPS
        now, before = self.states[step], self.states[np.maximum(step - 1, first)]
        moves = abs(self.targets[first] - self.targets[last]) > 0
        moves |= abs(now - self.targets[first]) > 0
        noise = (rng.normal(0.0, NOISE_RAD, now.shape) * moves).astype(np.float32)
        state = now + lag * (before - now) + noise
        ahead = np.minimum(step[:, None] + 1 + np.arange(HORIZON), last[:, None])
        wrong = rng.uniform(*WHERE_NOISE_M, (size, 1)) * rng.normal(size=(size, 6))
        stays = (self.where[step, :3] == self.where[step, 3:]).all(1)
        wrong[stays, 3:] = wrong[stays, :3]  # one place, seen once
        where = self.where[step] + wrong.astype(np.float32)
        arrays = {
            "state": state,
            "where": where,
            "said": self.draw_said(self.goal[plan], rng),
            "steps": self.targets[ahead] - state[:, None],
            "left": self.left[self.goal[plan]].astype(np.float32)[:, None],
        }
        return tensors(arrays, device)


class Pictures:
    """Pictures of moments, with the place of everything in them, in metres and in each camera's image."""

    def __init__(self, shards: Sequence[dict[str, Any]]) -> None:
        self.views = [np.concatenate(some) for some in zip(*(s.pop("views") for s in shards), strict=True)]
        self.states = np.concatenate([s["image_states"] for s in shards])
        rows = np.cumsum([0, *(len(s["states"]) for s in shards)])
        self.rows = np.concatenate([s["rows"] + r for s, r in zip(shards, rows, strict=False)])
        goals = np.cumsum([0, *(len(s["goals"]) for s in shards)])
        self.goal = np.concatenate([self._goals(s) + g for s, g in zip(shards, goals, strict=False)])
        self.where = np.concatenate([s["where"][s["rows"]] for s in shards])
        self.where_before = np.concatenate([s["where"][np.maximum(s["rows"] - 1, _begins(s))] for s in shards])
        self.where_first = np.concatenate([s["where"][_begins(s)] for s in shards])
        starts = np.concatenate([_begins(s) + r for s, r in zip(shards, rows, strict=False)])
        follows = np.concatenate([[False], starts[1:] == starts[:-1]])
        self.earlier = np.arange(len(starts)) - follows  # the picture before, of the same plan, or else the same one
        self.hands = _hands(self.states)
        self.grippers = [i for i, value in enumerate(default_robot().embodiment.values) if value.is_gripper]
        self.scenes = [scene for s in shards for scene in s["scenes"]]
        offsets = np.cumsum([0, *(len(s["scenes"]) for s in shards)])
        self.scene = np.concatenate([s["scene"] + o for s, o in zip(shards, offsets, strict=False)])
        places = np.concatenate([s["places"] for s in shards])
        bowls = np.array([scene["bowls"] for scene in self.scenes], np.float32)
        bowls = np.concatenate([bowls, np.full((*bowls.shape[:2], 1), TABLE_HEIGHT_M, np.float32)], axis=2)
        self.places = np.concatenate([places, bowls[self.scene]], axis=1)
        self.kinds = np.zeros((len(self.scenes), MAX_OBJECTS, 3), np.int8)
        for i, scene in enumerate(self.scenes):
            for k, item in enumerate(scene["objects"]):
                self.kinds[i, k] = [SLOTS[s].index(item[s]) for s in ("color", "shape", "size")]
        # Which things need no colour to be named.
        alike = (self.kinds[:, :, None, 1:] == self.kinds[:, None, :, 1:]).all(3).sum(2)
        self.count = np.array([len(scene["objects"]) for scene in self.scenes])
        self.plain = (alike == 1) & (np.arange(MAX_OBJECTS) < self.count[:, None])
        self.pixels = _pixels(self.states, np.concatenate([self.places, self.where.reshape(-1, 2, 3)], axis=1))

    def __len__(self) -> int:
        return len(self.states)

    def batch(
        self, drills: MotionShards, size: int, rng: np.random.Generator, device: torch.device
    ) -> dict[str, Tensor]:
        """Random pictures, in front of them as many that were taken a little earlier, and N = 1 + NAMES_PER_PICTURE +
        ABSENT_PER_PICTURE sentences for each pair, the first of them what was really asked, the last about things that
        are not there.

        view0... (B, h, w, 3), what each camera's eye gets; state (B, D), said (B, N, S), where (B, N, 6), pixels
        (B, N, 2, C, 2), memory (B, N, MEMORY), present (B, N, 2) 1 or 0 for each place; recoloured (B,) pictures are to
        get other colours: no sentence names one.
        """
        later = rng.integers(len(self), size=size // 2)
        pairs = np.stack([self.earlier[later], later])
        recoloured = (rng.random(len(later)) < RECOLOURED) & self.plain[self.scene[later]].any(1)
        saids, wheres, points, before = [], [], [], []
        presents: list[NDArray[np.float32]] = []
        for name in range(1 + NAMES_PER_PICTURE + ABSENT_PER_PICTURE):
            said, target, end, raised = self._other(pairs, recoloured, rng)
            presents.append(np.ones((len(later), 2), np.float32))
            if name > NAMES_PER_PICTURE:
                presents[-1] = self._absent(said, pairs[1], recoloured, rng)
            saids.append(said)
            ends = self.places[pairs, end]
            ends[..., 2] += raised
            wheres.append(np.concatenate([self.places[pairs, target], ends], 2))
            before.append(wheres[-1].copy())
            points.append(np.stack([self.pixels[pairs, target], self.pixels[pairs, end]], 2))
        own = ~recoloured
        asked = pairs[:, own]
        saids[0][own] = drills.draw_said(self.goal[later[own]], rng)
        wheres[0][:, own], points[0][:, own] = self.where[asked], self.pixels[asked, -2:]
        stale = rng.random((*asked.shape, 1)) < WAS_BEFORE
        before[0][:, own] = np.where(stale, self.where_first[asked], self.where_before[asked])
        pick = pairs.reshape(-1)
        arrays = {
            **{f"view{camera}": view[pick] for camera, view in enumerate(self.views)},
            "state": self._gripped(self.states[pick], rng),
            "said": np.tile(np.stack(saids, 1), (2, 1, 1)),
            "where": np.concatenate(np.stack(wheres, 2)).astype(np.float32),
            "pixels": np.concatenate(np.stack(points, 2)).astype(np.float32),
            "memory": self._remembered(pick, np.concatenate(np.stack(before, 2)), rng).astype(np.float32),
            "present": np.tile(np.stack(presents, 1), (2, 1, 1)),
            "recoloured": np.tile(recoloured, 2),
        }
        return tensors(arrays, device)

    def _gripped(self, states: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """States whose grippers, where they are not open, have closed a little more or less round what they hold."""
        some = rng.uniform(*GRIP, (len(states), len(self.grippers)))
        states[:, self.grippers] *= np.where(states[:, self.grippers] < IS_OPEN, some, 1.0).astype(np.float32)
        return states

    def _remembered(
        self, pick: NDArray[np.int64], before: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """What may be remembered of places that were at `before` (B, N, 6): a policy hears its own last answer again,
        and so it must not believe it against what it sees."""
        shape = before.shape[:2]
        places = before + MEMORY_NOISE_M * np.exp(0.7 * rng.normal(size=(*shape, 1))) * rng.normal(size=before.shape)
        how = rng.random((*shape, 2))
        for query in range(2):
            part = places[..., 3 * query : 3 * query + 3]
            others = (rng.random(shape) * (self.count[self.scene[pick], None] + 2)).astype(int)
            others = np.where(others < self.count[self.scene[pick], None], others, BOWL + rng.integers(2, size=shape))
            wrong = how[..., query] < FOUND_WRONG
            part[wrong] = self.places[pick[:, None], others][wrong]
            held = how[..., query] > 1 - WAS_IN_HAND
            part[held] = self.hands[pick[:, None], rng.integers(2, size=shape)][held]
        known = rng.random((*shape, 1)) >= FORGOT
        return np.concatenate([places * known, known], axis=2)

    def _other(
        self, pairs: NDArray[np.int64], recoloured: NDArray[np.bool_], rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """For each of `pairs` (2, B) of pictures a sentence about another thing in them: what it says (B, S), the index
        of its target in both (2, B) and of where that shall end (B,), and how far above. For `recoloured` (B,) ones, a
        sentence that names no colours."""
        count = pairs.shape[1]
        said = np.zeros((count, len(SLOTS)), np.int64)
        target = np.zeros((2, count), np.int64)
        end = np.zeros(count, np.int64)
        raised = np.zeros(count)
        for i, scene in enumerate(self.scene[pairs[1]]):
            kinds = self.kinds[scene]
            items = [SceneObject(**item) for item in self.scenes[scene]["objects"]]
            if rng.random() < CLEANED and all(item.shape != KNOB for item in items):
                arm = int(rng.integers(2))
                target[:, i], end[i] = [self._next(picture, items, arm) for picture in pairs[:, i]], BOWL + arm
                said[i, [SLOT["task"], SLOT["place"]]] = SLOTS["task"].index("clean"), 1 + arm
                said[i, SLOT["arm"]] = 1 + arm if rng.random() < 0.5 else 0
                continue
            plain = np.flatnonzero(self.plain[scene]) if recoloured[i] else np.arange(len(items))
            target[:, i] = one = int(rng.choice(plain))
            task = ("reach", "pick", "place", "stack")[int(rng.integers(4))]
            if kinds[one, 1] == SLOTS["shape"].index("knob"):
                task = "turn"
            said[i, SLOT["task"]] = SLOTS["task"].index(task)
            said[i, [SLOT["color"], SLOT["shape"], SLOT["size"]]] = self._name(scene, one, recoloured[i], rng)
            said[i, SLOT["arm"]] = rng.integers(3)
            end[i] = one
            if task == "place":
                bowl = int(rng.integers(2))
                end[i], said[i, SLOT["place"]] = BOWL + bowl, SLOTS["place"].index(("left_bowl", "right_bowl")[bowl])
                if bowl == 1 and said[i, SLOT["arm"]] == SLOTS["arm"].index("left"):
                    said[i, SLOT["arm"]] = 0  # held out
            elif task == "stack":
                others = [k for k in plain if k != one and not kinds[k, 2]]  # sizes are not named here
                if not others:
                    said[i, SLOT["task"]] = SLOTS["task"].index("pick")
                    continue
                end[i] = below = int(rng.choice(others))
                raised[i] = items[below].height_m + items[one].height_m
                said[i, SLOT["place"]] = SLOTS["place"].index("object")
                name = self._name(scene, below, recoloured[i], rng)
                said[i, [SLOT["below_color"], SLOT["below_shape"]]] = name[:2]
        return said, target, end, raised

    def _absent(
        self, said: NDArray[np.int64], pick: NDArray[np.int64], recoloured: NDArray[np.bool_], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Exchange in each of `said` (B, S), about pictures `pick` (B,), the name of a thing for one that is not there, of
        the target or of what it shall be put on; return what is there now of both, (B, 2)."""
        present = np.ones((len(said), 2), np.float32)
        for i, scene in enumerate(self.scene[pick]):
            if SLOTS["task"][said[i, SLOT["task"]]] == "clean":
                continue
            name = self._absent_name(scene, recoloured[i], rng)
            if name is None:
                continue
            below = said[i, SLOT["place"]] == SLOTS["place"].index("object") and rng.random() < ABSENT_BELOW
            if below and name[1] != SLOTS["shape"].index(KNOB):
                said[i, [SLOT["below_color"], SLOT["below_shape"]]] = name
                present[i, 1] = 0
                continue
            said[i, [SLOT["color"], SLOT["shape"], SLOT["size"]]] = [*name, 0]
            if name[1] == SLOTS["shape"].index(KNOB):
                said[i, SLOT["task"]] = SLOTS["task"].index("turn")
                said[i, [SLOT["place"], SLOT["below_color"], SLOT["below_shape"]]] = 0
            elif SLOTS["task"][said[i, SLOT["task"]]] == "turn":
                said[i, SLOT["task"]] = SLOTS["task"].index(("reach", "pick")[rng.integers(2)])
            # Where the target shall end is known only where another thing or a bowl is named for it.
            present[i] = 0, said[i, SLOT["place"]] > 0
        return present

    def _absent_name(self, scene: int, plainly: bool, rng: np.random.Generator) -> tuple[int, int] | None:
        """Colour and shape, 0 where not said, that fit nothing in a scene; mostly of parts that each fit something."""
        there = {(int(color), int(shape)) for color, shape, _ in self.kinds[scene, : self.count[scene]]}
        colors, shapes = {color for color, _ in there}, {shape for _, shape in there}
        names = [(0, shape) for shape in range(1, len(SLOTS["shape"])) if shape not in shapes]
        if not plainly:
            other = [
                (color, shape) for color in range(1, len(SLOTS["color"])) for shape in range(1, len(SLOTS["shape"]))
            ]
            other = [name for name in other if name not in there and _kind_name(name) not in HELD_OUT_KINDS]
            near = [name for name in other if name[0] in colors and name[1] in shapes]
            if near and rng.random() < 0.5:
                return near[rng.integers(len(near))]
            if rng.random() < 0.6:
                return other[rng.integers(len(other))]
            names += [(color, 0) for color in range(1, len(SLOTS["color"])) if color not in colors]
        return names[rng.integers(len(names))] if names else None

    def _name(self, scene: int, one: int, plainly: bool, rng: np.random.Generator) -> NDArray[np.int64]:
        """Colour, shape and size of a thing as a name would have them, `plainly` without the colour."""
        kinds = self.kinds[scene]
        return kinds[one] * np.array([0, 1, 1]) if plainly else _named(kinds, self.count[scene], one, rng)

    def _next(self, pick: int, items: list[SceneObject], arm: int) -> int:
        """What is handled next when that arm cleans the table: what is in the air, else the nearest to its side."""
        places = self.places[pick]
        high = [k for k in range(len(items)) if places[k, 2] > TABLE_HEIGHT_M + IN_HAND_M]
        away = [k for k in range(len(items)) if np.linalg.norm(places[k, :2] - places[BOWL + arm, :2]) > IN_BOWL_M]
        side = 1 if arm == 0 else -1
        return high[0] if high else max(away or range(len(items)), key=lambda k: side * places[k, 1])

    @staticmethod
    def _goals(shard: dict[str, Any]) -> NDArray[np.int64]:
        return np.asarray(shard["goal"][_plans(shard)])


def _views(images: NDArray[np.uint8], mounts: CameraMounts) -> list[NDArray[np.uint8]]:
    """`Finder.views` of pictures (M, C, H, W, 3), kept as bytes: the rest of them is never looked at."""
    size = images.shape[2]
    views = []
    for camera, arm in enumerate(mounts.on):
        if arm is None:
            views.append(images[:, camera, fixed_rows(size) :].copy())
            continue
        total = np.full((len(images), size // SHRINK, size // SHRINK, 3), SHRINK**2 // 2, np.uint16)
        for row in range(SHRINK):
            for column in range(SHRINK):
                total += images[:, camera, row::SHRINK, column::SHRINK]
        views.append((total // SHRINK**2).astype(np.uint8))
    return views


def _plans(shard: dict[str, Any]) -> NDArray[np.int64]:
    """Which plan each picture belongs to, (M,)."""
    return np.asarray(np.searchsorted(shard["starts"], shard["rows"], side="right") - 1)


def _begins(shard: dict[str, Any]) -> NDArray[np.int64]:
    """The row at which each picture's plan begins, (M,)."""
    return np.asarray(shard["starts"][_plans(shard)])


def _kind_name(kind: tuple[int, int]) -> tuple[str, str]:
    """Words of a colour's and a shape's index."""
    return SLOTS["color"][kind[0]], SLOTS["shape"][kind[1]]


def _hands(states: NDArray[np.float32]) -> NDArray[np.float64]:
    """Where the grippers are (M, 2, 3)."""
    robot = default_robot()
    ik = ArmIK(robot.embodiment, robot.urdf_path)
    return np.array([[ik.tcp(state, side)[:3, 3] for side in SIDES] for state in states.astype(float)])


def load_goals(folders: Sequence[Path]) -> list[tuple[Goal, Scene]]:
    """Every goal of drills with its scene, as far as it can be named: objects and bowls."""
    names = [field.name for field in fields(Goal)]
    found = []
    for shard in (shard for folder in folders for shard in load_motions(folder, without=ARRAYS)):
        for goal, scene in zip(shard["goals"], shard["scenes"], strict=True):
            objects = tuple(SceneObject(**item) for item in scene["objects"])
            bowls = tuple(Bowl(name, tuple(at)) for name, at in zip(BOWLS, scene["bowls"], strict=True))
            made = Goal(**{name: goal[name] for name in names})
            found.append((made, Scene(0, made.task, objects, bowls, ())))
    return found


def prompted(goal: Goal, scene: Scene, said: InstructionText, rng: np.random.Generator) -> InstructionText:
    """The sentence with some of the goal's factors as data, as the policy node words them, and what it says then."""
    use = rng.random(6) < 0.4
    slots = {
        name: getattr(goal, name)
        for chosen, name in zip(use, ("arm", "approach", "grasp", "path", "turn"), strict=False)
        if chosen and getattr(goal, name)
    }
    if use[5] and goal.target:
        item = scene.object(goal.target)
        slots |= {"color": item.color, "shape": item.shape, "size": item.size}
    every = factors_of(goal, scene)
    factors = Factors(
        active_actor=every.active_actor if "arm" in slots else None,
        target_color=every.target_color if "color" in slots else None,
        target_shape_or_size=every.target_shape_or_size if "color" in slots else None,
        approach_direction=every.approach_direction if "approach" in slots else None,
        contact_region=every.contact_region if "grasp" in slots else None,
        path_shape=every.path_shape if "path" in slots else None,
        rotation_direction=every.rotation_direction if "turn" in slots else None,
    )
    return InstructionText(Instruction(raw=said.text, factors=factors).prompt(), said.slots | slots)


def _named(kinds: NDArray[np.int8], count: int, one: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Colour, shape and size as a name would have them: all that is needed, at times more."""
    for _ in range(4):
        use = rng.random(3) < (0.7, 0.7, 1.0)
        fits = ((kinds[:count] == kinds[one]) | ~use).all(1)
        if use.any() and fits.sum() == 1:
            return np.array(kinds[one] * use, np.int64)
    return np.array(kinds[one], np.int64)


def _pixels(states: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Where points (M, K, 3) appear to each camera (M, K, C, 2), -1...1 within its image, NaN behind it.

    By the cameras' nominal mounts: the small errors that scenes give them are for the network to bear.
    """
    robot = default_robot()
    scene = replace(sample_scene(0, "reach", ArmIK(robot.embodiment, robot.urdf_path)), look=Look())
    world = World(scene, robot.embodiment, robot.urdf_path)
    plain = mujoco.MjData(world.model)
    names = robot.embodiment.camera_names
    ids = [world.model.camera(name).id for name in names]
    scale = np.tan(np.radians(world.model.cam_fovy[ids]) / 2)
    joints = [world.model.joint(name).qposadr[0] for name in robot.embodiment.joints]
    found = np.empty((*points.shape[:2], len(names), 2), np.float32)
    for i, state in enumerate(states):
        plain.qpos[joints] = robot.embodiment.to_positions(state)
        mujoco.mj_kinematics(world.model, plain)
        mujoco.mj_camlight(world.model, plain)
        for c, camera in enumerate(ids):
            seen = (points[i] - plain.cam_xpos[camera]) @ plain.cam_xmat[camera].reshape(3, 3)
            with np.errstate(divide="ignore", invalid="ignore"):
                xy = seen[:, :2] * [1, -1] / (scale[c] * -seen[:, 2:])
            found[i, :, c] = np.where(seen[:, 2:] < -0.02, xy, np.nan)
    return found


def tensors(arrays: dict[str, NDArray[Any]], device: torch.device) -> dict[str, Tensor]:
    """Arrays as tensors on a device."""
    return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
