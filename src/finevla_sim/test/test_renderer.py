"""Promises of the renderer: what it leaves out of a picture could not be seen in it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from finevla_sim import renderer
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.robot_files import default_robot
from finevla_sim.scene_sampling import sample_scene
from finevla_sim.world import World

SHOWN = [
    ("front", (192, 192)),
    ("left", (192, 192)),
    ("right", (120, 200)),
    ("overview", (240, 320)),
    ("front", (90, 40)),
]


def pictures(world: World) -> list[NDArray[np.uint8]]:
    return [world.image(camera, size) for camera, size in SHOWN]


@pytest.mark.parametrize(("task", "level"), [("pick", "easy"), ("detour", "hard")])
def test_pictures_are_those_of_the_whole_scene(monkeypatch: pytest.MonkeyPatch, task: str, level: str) -> None:
    robot = default_robot()
    world = World(
        sample_scene(5, task, ArmIK(robot.embodiment, robot.urdf_path), level), robot.embodiment, robot.urdf_path
    )
    groups, rng, drawn = world.model.geom_group.copy(), np.random.default_rng(0), set[int]()
    for _ in range(5):
        world.push(world.embodiment.to_values(world.positions() + rng.normal(0, 0.3, 14) * (np.arange(14) % 7 < 6)))
        seen = pictures(world)
        drawn.add(world._painter._scene.ngeom)  # type: ignore[union-attr]
        with monkeypatch.context() as whole:
            whole.setattr(renderer, "_is_outside", lambda model, *_: np.zeros(model.ngeom, bool))
            whole.setattr(renderer, "_sees_floor_only", lambda *_: False)
            for picture, wanted in zip(seen, pictures(world), strict=True):
                np.testing.assert_array_equal(picture, wanted)
            assert max(drawn) < world._painter._scene.ngeom  # type: ignore[union-attr]
    np.testing.assert_array_equal(world.model.geom_group, groups)
    world.close()


@pytest.mark.parametrize(("tilt_rad", "floor_only"), [(0.0, True), (0.5, True), (1.3, False), (3.0, False)])
def test_sky_is_drawn_where_it_may_show(tilt_rad: float, floor_only: bool) -> None:
    cos, sin = np.cos(tilt_rad), np.sin(tilt_rad)
    rotation = np.array([[1.0, 0, 0], [0, cos, -sin], [0, sin, cos]])  # straight down, raised by the tilt
    slope = np.array([0.5, 0.5])
    assert renderer._sees_floor_only((4.0, 4.0), np.array([0.0, 0, 1.2]), rotation, slope) == floor_only
    assert not renderer._sees_floor_only((0.5, 0.5), np.array([0.0, 0, 1.2]), rotation, slope)
    assert not renderer._sees_floor_only((4.0, 4.0), np.array([0.0, 0, -1.2]), rotation, slope)
