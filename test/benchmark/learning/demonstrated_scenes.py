"""The scenes that a set of simulated demonstrations was made in, anew from their seeds, and the target of each."""

from pathlib import Path

from finevla_core.text_files import read_json_lines
from finevla_sim.inverse_kinematics import ArmIK
from finevla_sim.robot_files import default_robot
from finevla_sim.scene import Scene, SceneObject
from finevla_sim.scene_sampling import sample_scene


class DemonstratedScenes:
    """By episode; `rows` are what `meta/finevla_episodes.jsonl` says of each."""

    def __init__(self, root: Path) -> None:
        self.robot = default_robot()
        self._ik = ArmIK(self.robot.embodiment, self.robot.urdf_path)
        rows, _ = read_json_lines(root / "meta" / "finevla_episodes.jsonl")
        self.rows = {row["episode_index"]: row for row in rows}

    def scene(self, index: int) -> tuple[Scene, SceneObject]:
        """Return an episode's scene and its target."""
        row = self.rows[index]
        scene = sample_scene(row["seed"], row["task"], self._ik, row["level"])
        wanted = tuple(row["factors"].get(name) for name in ("target_color", "target_shape_or_size"))
        (target,) = [item for item in scene.objects if (item.color, item.shape) == wanted]
        return scene, target
