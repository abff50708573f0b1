"""Which planner finds the ways: MoveIt where it is installed or asked for, else OMPL on our own distances."""

import importlib.util
from pathlib import Path

from rclpy.node import Node

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.planning.planning_scene import Planner, PlanningScene
from finevla_core.planning.rrt import RRTConnect
from finevla_core.safety.envelope import load_boxes, load_envelope

PLANNERS = ("auto", "moveit", "ompl")
SPARE_M = 0.015  # more distance than the gate asks for, where start and goal leave so much


def make_planner(
    kind: str, node: Node, embodiment: Embodiment, urdf: str, room: PlanningScene, safety: Path | None, timeout_s: float
) -> Planner:
    """The planner of that kind; raises `FineVLAError` if it is not installed. What it finds is judged all the same."""
    if kind == "moveit" or (kind == "auto" and importlib.util.find_spec("moveit") is not None):
        try:
            from finevla_control.moveit_planner import MoveItPlanner
        except ImportError as error:
            raise FineVLAError(
                f"planner:=moveit needs moveit_py ({error}); install it, or take planner:=ompl"
            ) from error
        return MoveItPlanner(node, embodiment, urdf, load_boxes(safety), timeout_s)
    wide = PlanningScene(embodiment, load_envelope(embodiment, urdf, safety, SPARE_M))
    return RRTConnect(embodiment, (wide, room), timeout_s)
