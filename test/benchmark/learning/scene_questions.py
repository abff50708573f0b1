"""Questions about simulated scenes with known answers, for a small backbone that has never seen a picture.

    python test/benchmark/learning/scene_questions.py --out data/questions --scenes 12000 [--region 0.16 0.5 0.84 1]

Writes pictures of the front camera and three files for `finevla train` with `head: language`: `lists.jsonl` asks what lies
where, `points.jsonl` where a thing is, or the target of an instruction (said as for a demonstration), in pixels;
`instructions.jsonl` what an instruction says and means ("left top green cube 2 3": arm and approach if it says them, colour and
shape of its target, said or seen, column and row of its place in 8x6 squares; or the place first). One moment of each
scene: the arms as it starts, or a hand near a thing. Seeds are of the training split.
"""

import argparse
import json
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from finevla_core.images import ImageFormat, fit_image, fit_point
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.language import _name, how_of, say, some_of
from finevla_sim.robot_files import default_robot
from finevla_sim.scene import DEMONSTRATION_SEEDS, Scene
from finevla_sim.scene_sampling import natural_pose, sample_scene
from finevla_sim.tasks import sample_goal
from finevla_sim.world import World
from finevla_tools.work.parallel_map import Once, over
from finevla_tools.work.progress import Progress

TASKS = ("reach", "pick")
CAMERA = "front"
NEAR_HAND = 0.6  # share of scenes in which a hand is near a thing
KINDS = ("lists", "points", "instructions")
INSTRUCTIONS = 10  # of each scene
COLUMNS = 8  # of squares, in which places are told; a small backbone has a token for each
ASKED = ("where is {}?", "point at {}", "find {}", "locate {}", "in which place is {}?")
LISTED = ("what is on the table?", "list the things on the table", "what lies where?")


class Asker:
    """Makes the questions of a seed, the same for the same seed."""

    def __init__(self, images: ImageFormat) -> None:
        self.robot, self.images, self.world = default_robot(), images, None
        self.ik = ArmIK(self.robot.embodiment, self.robot.urdf_path)

    def ask(self, seed: int) -> tuple[np.ndarray, dict[str, list[tuple[str, str]]]]:
        rng = np.random.default_rng([seed, 53])
        scene = self._moved(sample_scene(seed, str(rng.choice(TASKS)), self.ik), rng)
        if self.world is None:
            self.world = World(scene, self.robot.embodiment, self.robot.urdf_path)
        else:
            self.world.reset(scene)
        picture = self.world.image(CAMERA)
        places = {item.name: self._pixel(item.name) for item in scene.objects}
        asked = self._questions(scene, places, rng)
        asked["instructions"] = self._instructions(scene, places, np.random.default_rng([seed, 54]))
        return fit_image(picture, self.images, CAMERA), asked

    def _moved(self, scene: Scene, rng: np.random.Generator) -> Scene:
        """Put one hand above or beside a thing, as on the way of a motion."""
        values = np.array(scene.arm_start)
        if rng.random() < NEAR_HAND:
            item, arm = scene.objects[rng.integers(len(scene.objects))], str(rng.choice(["left", "right"]))
            at = np.array([*item.position, 0.76]) + rng.uniform([-0.1, -0.1, 0.0], [0.1, 0.1, 0.2])
            values = self.ik.solve(values, arm, natural_pose(at, arm, float(rng.uniform(-0.5, 0.5))), 30)
        grippers = [k for k, value in enumerate(self.robot.embodiment.values) if value.is_gripper]
        values[grippers] = rng.choice([1.0, rng.uniform(0.2, 1.0)], len(grippers))
        return replace(scene, arm_start=tuple(values.tolist()))

    def _pixel(self, name: str) -> tuple[int, int]:
        x, y = self.world.project(CAMERA, self.world.truth().objects[name][:3, 3])
        height, width = self.world.image_size
        x, y = fit_point((x + 1) / 2 * width, (y + 1) / 2 * height, height, width, self.images, CAMERA)
        return int(np.clip(round(x), 0, self.images.width - 1)), int(np.clip(round(y), 0, self.images.height - 1))

    def _instructions(self, scene: Scene, places: dict, rng: np.random.Generator) -> list[tuple[str, str]]:
        made = []
        for _ in range(INSTRUCTIONS):
            goal = sample_goal(scene, rng)
            how = some_of(how_of(goal), rng) if rng.random() < 0.8 else ()
            said, item = say(goal, scene, rng, how, "train"), scene.object(goal.target)
            place = " ".join(str(n // (self.images.width // COLUMNS)) for n in places[goal.target])
            words = [said.slots["arm"] or "any", said.slots["approach"] or "any", item.color, item.shape]
            made.append((said.text, " ".join([place, *words] if rng.random() < 0.5 else [*words, place])))
        return made

    def _questions(self, scene: Scene, places: dict, rng: np.random.Generator) -> dict[str, list[tuple[str, str]]]:
        made = []
        for _ in range(4):
            goal = sample_goal(scene, rng)
            how = some_of(how_of(goal), rng) if rng.random() < 0.7 else ()
            made.append((say(goal, scene, rng, how, "train").text, point(places[goal.target])))
        for item in scene.objects:
            made.append((str(rng.choice(ASKED)).format(_name(item, scene, rng, "train")[0]), point(places[item.name])))
        lying = sorted(scene.objects, key=lambda item: places[item.name])
        said = ", ".join(f"{item.color} {item.shape} {places[item.name][0]} {places[item.name][1]}" for item in lying)
        return {"points": made, "lists": [(str(text), said) for text in rng.choice(LISTED, 2, replace=False)]}


def point(place: tuple[int, int]) -> str:
    return json.dumps({"point": list(place)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scenes", type=int, default=8000)
    parser.add_argument("--size", type=int, nargs=2, default=(96, 128), help="height and width of the pictures")
    parser.add_argument("--region", type=float, nargs=4, default=(0.16, 0.5, 0.84, 1.0), help="as in docs/train.md")
    parser.add_argument("--first", type=int, default=100_000)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    (options.out / "pictures").mkdir(parents=True)
    if options.first + options.scenes > DEMONSTRATION_SEEDS:
        parser.error(f"seeds end at {DEMONSTRATION_SEEDS}")
    seeds = iter(range(options.first, options.first + options.scenes))
    asker = Once(partial(Asker, ImageFormat(*options.size, regions={CAMERA: options.region})), Asker.ask)
    with Progress("scenes", options.scenes) as progress, ExitStack() as life:
        files = {kind: life.enter_context((options.out / f"{kind}.jsonl").open("w")) for kind in KINDS}
        for seed, (picture, asked) in over(asker, seeds, options.processes, ahead=2):
            name = f"pictures/{seed}.png"
            Image.fromarray(picture).save(options.out / name)
            for kind, rows in asked.items():
                for question, answer in rows:
                    files[kind].write(json.dumps({"image": name, "question": question, "answer": answer}) + "\n")
            progress.step()


if __name__ == "__main__":
    main()
