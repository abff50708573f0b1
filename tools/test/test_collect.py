"""Promises of rehearsals: pictures with the truth of where things were, to see by and not to move by."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch comes with 'make train-setup'; the robot does without")

from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.robot_files import default_robot
from finevla_sim.scene import TABLE_HEIGHT_M
from finevla_sim.scene_sampling import sample_scene
from finevla_sim.synthetic_motions import load_motions, write_motions
from finevla_sim.tasks import Goal
from finevla_sim.world import World
from finevla_tools.collect import centre, where, write_collected
from finevla_tools.tabletop_training_data import MotionShards

BUNDLE = Path(__file__).parents[2] / "models" / "tabletop"


@pytest.mark.slow
def test_what_a_policy_saw_is_learned_from_beside_drills(tmp_path: Path) -> None:
    tasks = {"reach": 1.0}
    for name in ("own", "seen"):
        (tmp_path / name).mkdir()
    made, tried = write_collected(tmp_path / "own" / "drills_0.npz", BUNDLE, 0, 2, tasks)
    assert 1 <= made <= tried == 2
    (shard,) = load_motions(tmp_path / "own")
    assert (
        abs(np.diff(shard["states"][:, :6], axis=0)).max() + abs(np.diff(shard["states"][:, 7:13], axis=0)).max() > 0.05
    )
    steps = shard["rows"] - shard["starts"][shard["scene"]]
    assert (np.diff(steps)[np.diff(shard["scene"]) == 0] > 0).all(), "pictures are in the order of time"
    for k, row in enumerate(shard["rows"]):
        things = shard["places"][k][~np.isnan(shard["places"][k, :, 0])]
        assert np.linalg.norm(things - shard["where"][row, :3], axis=1).min() < 1e-6, "the target is one of them"
    write_motions(tmp_path / "seen" / "drills_0.npz", 3, 1, tasks, 2)
    both, seen = (
        MotionShards([tmp_path / name for name in names], 0.5, True) for names in (("seen", "own"), ("seen",))
    )
    assert both.pictures is not None
    assert seen.pictures is not None
    assert len(both.pictures) == len(seen.pictures) + len(shard["rows"])
    assert both._moments[-1] == seen._moments[-1], "nothing to move by"


def test_cleaning_goes_from_what_is_in_the_air_to_what_is_not_put_away() -> None:
    robot = default_robot()
    scene = sample_scene(11, "clean", ArmIK(robot.embodiment, robot.urdf_path))
    world = World(scene, robot.embodiment, robot.urdf_path)
    goal = Goal("clean", "left", "", place="left_bowl")
    order = sorted(scene.objects, key=lambda item: -item.position[1])
    bowl = np.array([*scene.bowl("left_bowl").position, TABLE_HEIGHT_M])

    over, within = (bowl + np.array(by) for by in ([0.1, 0.0, 0.2], [0.0, 0.0, 0.02]))

    def put(item, at) -> None:
        pose = np.eye(4)
        pose[:3, 3] = at
        world.put(item.name, pose)

    def target() -> np.ndarray:
        found = where(scene, goal, world.truth())
        assert np.allclose(found[3:], bowl)
        return found[:3]

    assert np.allclose(target(), centre(world.truth(), order[0]))
    put(order[1], over)
    assert np.allclose(target(), over), "it is being carried"
    put(order[1], order[1].centre)
    put(order[0], within)
    assert np.allclose(target(), order[1].centre), "the first is put away"
    for item in order:
        put(item, within)
    assert np.allclose(target()[:2], bowl[:2]), "all is done, and nothing is looked for elsewhere"
