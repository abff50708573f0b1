"""MoveIt behind the planner's interface, by its documented Python API (moveit_py of ROS 2 Jazzy).

NOT RUN HERE: moveit_py comes with ROS 2 from apt only, and no test of this project has it. Whatever it finds is only a way:
timed by the same code and judged by the same gate as any other.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import yaml
from geometry_msgs.msg import Pose
from moveit.core.robot_state import RobotState
from moveit.planning import MoveItPy, PlanRequestParameters
from moveit_msgs.msg import CollisionObject
from numpy.typing import NDArray
from rclpy.node import Node
from shape_msgs.msg import SolidPrimitive

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.planning.rrt import moving_joints
from finevla_core.safety.collision_pairs import Zone
from finevla_ros.share_paths import share

FILES = ("kinematics", "joint_limits", "ompl_planning", "moveit_py")


class MoveItPlanner:
    """Plans for the group of the arms that have somewhere to go; the other values change evenly along the way."""

    name = "MoveIt"

    def __init__(self, node: Node, embodiment: Embodiment, urdf: str, zones: Sequence[Zone], timeout_s: float) -> None:
        self.embodiment, self.timeout_s = embodiment, timeout_s
        self._moveit = MoveItPy(node_name="finevla_moveit", config_dict=_config(node, embodiment, urdf))
        self._parameters = PlanRequestParameters(self._moveit, "")
        self._parameters.planning_time = timeout_s
        with self._moveit.get_planning_scene_monitor().read_write() as scene:
            for zone in zones:
                scene.apply_collision_object(_box(zone, embodiment.base_frame))
            scene.current_state.update()

    def plan(
        self, start: NDArray[np.float64], goal: NDArray[np.float64], is_wanted: Callable[[], bool] = lambda: True
    ) -> NDArray[np.float64]:
        """See `Planner`; MoveIt cannot be called off, so `is_wanted` is asked when it is done."""
        moving = moving_joints(self.embodiment, start, goal)
        if not len(moving):
            return np.stack([start, goal])
        component = self._moveit.get_planning_component(self._group(moving))
        component.set_start_state(robot_state=self._state(start))
        component.set_goal_state(robot_state=self._state(goal))
        found = component.plan(single_plan_parameters=self._parameters)
        if not is_wanted():
            raise FineVLAError("planning was called off")
        if not found:
            code = getattr(found.error_code, "val", found.error_code)
            raise FineVLAError(f"MoveIt found no way to the goal within {self.timeout_s:.0f} s (error code {code})")
        trajectory = found.trajectory.get_robot_trajectory_msg().joint_trajectory
        columns = [list(trajectory.joint_names).index(self.embodiment.joints[i]) for i in moving]
        points = np.array([np.array(point.positions)[columns] for point in trajectory.points])
        gone = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        corners = start + (gone / max(gone[-1], 1e-9))[:, None] * (goal - start)
        corners[:, moving] = points
        corners[0], corners[-1] = start, goal
        return corners

    def _group(self, moving: NDArray[np.int64]) -> str:
        """Return the planning group of config/moveit/cobotmagic.srdf that has the joints `moving` (indices)."""
        sides = {self.embodiment.joints[i].partition("_")[0] for i in moving}
        return "both_arms" if len(sides) > 1 else f"{sides.pop()}_arm"

    def _state(self, values: NDArray[np.float64]) -> RobotState:
        state = RobotState(self._moveit.get_robot_model())
        positions = self.embodiment.to_positions(values)
        state.joint_positions = dict(zip(self.embodiment.joints, positions.tolist(), strict=True))
        state.update()
        return state


def _config(node: Node, embodiment: Embodiment, urdf: str) -> dict[str, Any]:
    folder = share() / "config" / "moveit"
    semantic = folder / f"{embodiment.name}.srdf"
    if not semantic.is_file():
        raise FineVLAError(f"MoveIt needs '{semantic}' for robot '{embodiment.name}'; write it, or take planner:=ompl")
    kinematics, limits, ompl, own = (
        yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8")) for name in FILES
    )
    own["planning_scene_monitor_options"]["joint_state_topic"] = node.resolve_topic_name(embodiment.state_topic)
    return {
        "robot_description": urdf,
        "robot_description_semantic": semantic.read_text(encoding="utf-8"),
        "robot_description_kinematics": kinematics,
        "robot_description_planning": limits,
        "use_sim_time": bool(node.get_parameter("use_sim_time").value),
        "ompl": ompl,
        **own,
    }


def _box(zone: Zone, frame: str) -> CollisionObject:
    """A box of the safety file, grown by the distance that is to be kept from it (it may be less than none)."""
    assert zone.box is not None
    lower, upper = np.array(zone.box[0]) - zone.stop_m, np.array(zone.box[1]) + zone.stop_m
    thing = CollisionObject(id=zone.name, operation=CollisionObject.ADD)
    thing.header.frame_id = frame
    middle, pose = (lower + upper) / 2, Pose()
    pose.position.x, pose.position.y, pose.position.z = middle.tolist()
    thing.primitives = [SolidPrimitive(type=SolidPrimitive.BOX, dimensions=(upper - lower).tolist())]
    thing.primitive_poses = [pose]
    return thing
