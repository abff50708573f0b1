"""Controller trajectories to and from `trajectory_msgs/JointTrajectory`."""

from builtin_interfaces.msg import Duration
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from finevla_core.controller import Point
from finevla_core.safety.words import Trajectory
from finevla_ros.convert import NS, to_ns, to_stamp


def trajectory_to_msg(trajectory: Trajectory, sender: str = "") -> JointTrajectory:
    """The message of a trajectory; the header's frame, which controllers do not read, says who sent it."""
    message = JointTrajectory(joint_names=list(trajectory.joints))
    message.header.stamp, message.header.frame_id = to_stamp(trajectory.start_ns), sender
    for time_s, positions, velocities in zip(
        trajectory.times_s, trajectory.positions, trajectory.velocities, strict=True
    ):
        seconds, nanoseconds = divmod(round(time_s * NS), NS)
        point = JointTrajectoryPoint(positions=positions.tolist(), velocities=velocities.tolist())
        point.time_from_start = Duration(sec=seconds, nanosec=nanoseconds)
        message.points.append(point)
    return message


def times_ns(message: JointTrajectory) -> list[int]:
    """When its points are due, from its start."""
    return [to_ns(point.time_from_start) for point in message.points]


def points_of(message: JointTrajectory) -> list[Point]:
    """Its points, as the controllers we play take them."""
    return [Point(to_ns(p.time_from_start), tuple(p.positions), tuple(p.velocities)) for p in message.points]
