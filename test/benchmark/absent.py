"""Does a policy see whether its target is there? Scenes of the test split, things that are in them and things that are not.

usage: python test/benchmark/absent.py models/tabletop [--scenes 300] [--first 0] [--curve]
"""

import argparse
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

from finevla_core.instruction import Instruction
from finevla_core.observation import Observation
from finevla_core.policy.bundle_loading import load_policy
from finevla_core.policy.bundle_policy import BundlePolicy
from finevla_core.policy.network_interface import PRESENT
from finevla_core.understanding import TargetAbsent
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.robot_files import default_robot
from finevla_sim.scene import COLORS, KNOB, SHAPES, Scene
from finevla_sim.scene_sampling import READY, TEST_SEEDS, sample_scene
from finevla_sim.tasks import TASKS
from finevla_sim.world import World

FIRST_SEED = TEST_SEEDS + 700_000
Name = tuple[str, str]  # colour and shape, "" where not said


def names_in(scene: Scene) -> list[Name]:
    """What is there, each by colour and shape."""
    return [(item.color, item.shape) for item in scene.objects]


def absent_from(scene: Scene, rng: np.random.Generator) -> list[tuple[str, Name]]:
    """Names of what is not there, one of each kind that the scene allows, the hardest first."""
    there = set(names_in(scene))
    colors, shapes = {color for color, _ in there}, {shape for _, shape in there}
    every = [(color, shape) for color in COLORS for shape in (*SHAPES, KNOB) if (color, shape) not in there]
    kinds = {
        "colour and shape there, apart": [name for name in every if name[0] in colors and name[1] in shapes],
        "colour there, shape not": [name for name in every if name[0] in colors and name[1] not in shapes],
        "shape there, colour not": [name for name in every if name[0] not in colors and name[1] in shapes],
        "neither there": [name for name in every if name[0] not in colors and name[1] not in shapes],
        "a colour alone": [(color, "") for color in COLORS if color not in colors],
        "a shape alone": [("", shape) for shape in (*SHAPES, KNOB) if shape not in shapes],
    }
    return [(kind, names[rng.integers(len(names))]) for kind, names in kinds.items() if names]


def sentence(name: Name) -> str:
    """Ask for a thing in the words that fit it."""
    color, shape = name
    thing = f"{color} {shape or 'thing'}".strip()
    return f"turn the {thing} clockwise" if shape == KNOB else f"pick up the {thing}"


def look(policy: BundlePolicy, world: World, name: Name) -> tuple[bool, float]:
    """Whether the policy takes the thing for seen, and how likely it says it is."""
    cameras = world.embodiment.camera_names
    observation = Observation(1, cameras, world.images(), (1,) * len(cameras), world.values().astype(np.float32), 1)
    likely: list[float] = []
    run = policy.graphs.run

    def listen(inputs):  # type: ignore[no-untyped-def]
        answers = run(inputs)
        likely.append(float(answers[PRESENT].reshape(-1)[0]))
        return answers

    policy.graphs.run = listen  # type: ignore[method-assign]
    try:
        policy.predict(observation, policy.encode(Instruction(raw=sentence(name))))
        return True, likely[0]
    except TargetAbsent:
        return False, likely[0]
    finally:
        policy.graphs.run = run  # type: ignore[method-assign]


def main() -> None:
    """Print the table, and with --curve what other thresholds would give."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--scenes", type=int, default=300)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--curve", action="store_true")
    arguments = parser.parse_args()
    robot = default_robot()
    ik, policy, world = ArmIK(robot.embodiment, robot.urdf_path), load_policy(arguments.bundle, robot.embodiment), None
    results: dict[str, list[tuple[bool, float]]] = defaultdict(list)
    for number in range(arguments.first, arguments.first + arguments.scenes):
        scene = sample_scene(FIRST_SEED + number, list(TASKS)[number % len(TASKS)], ik)
        if number % 2:  # as `finevla up` begins; the other half as scenes do
            scene = replace(scene, arm_start=READY * 2)
        world = world or World(scene, robot.embodiment, robot.urdf_path)
        world.reset(scene)
        for name in names_in(scene):
            results["present"].append(look(policy, world, name))
        for kind, name in absent_from(scene, np.random.default_rng([number, 47])):
            results[kind].append(look(policy, world, name))
    print("| thing | taken for seen |\n|---|---|")
    for kind, some in results.items():
        print(f"| {kind} | {np.mean([seen for seen, _ in some]):.1%} of {len(some)} |")
    absent = [entry for kind, some in results.items() if kind != "present" for entry in some]
    print(f"| absent, all together | {np.mean([seen for seen, _ in absent]):.1%} of {len(absent)} |")
    if arguments.curve:
        for threshold in (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95):
            missed = np.mean([likely < threshold for _, likely in results["present"]])
            held = np.mean([likely < threshold for _, likely in absent])
            print(f"threshold {threshold:.2f}: present but held {missed:.1%}, absent and held {held:.1%}")


if __name__ == "__main__":
    main()
