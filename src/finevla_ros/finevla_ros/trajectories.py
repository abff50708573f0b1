"""Controller trajectories to and from `trajectory_msgs/JointTrajectory`."""

from builtin_interfaces.msg import Duration
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from finevla_core.joint_trajectory_controller import Point
from finevla_core.safety.events import Trajectory
from finevla_core.safety.message_seal import Signer
from finevla_core.time_units import NS_PER_S
from finevla_ros.messages import to_ns, to_stamp
from finevla_ros.trajectory_message import TrajectoryMessage


def trajectory_to_msg(trajectory: Trajectory, signer: Signer | None = None) -> JointTrajectory:
    """The message of a trajectory; the header's frame, which controllers do not read, carries the seal of who sends it."""
    message = JointTrajectory(joint_names=list(trajectory.joints))
    message.header.stamp = to_stamp(trajectory.start_ns)
    for time_s, positions, velocities in zip(
        trajectory.times_s, trajectory.positions, trajectory.velocities, strict=True
    ):
        seconds, nanoseconds = divmod(round(time_s * NS_PER_S), NS_PER_S)
        point = JointTrajectoryPoint(positions=positions.tolist(), velocities=velocities.tolist())
        point.time_from_start = Duration(sec=seconds, nanosec=nanoseconds)
        message.points.append(point)
    if signer is not None:
        message.header.frame_id = signer.trajectory(trajectory.controller, TrajectoryMessage.of(message).content)
    return message


def sender_of(message: JointTrajectory) -> str:
    """The node that a trajectory's tag names, whether its seal is right or not."""
    return str(message.header.frame_id).partition("#")[0]


def times_ns(message: JointTrajectory) -> list[int]:
    """When its points are due, from its start."""
    return [to_ns(point.time_from_start) for point in message.points]


def points_of(message: JointTrajectory) -> list[Point]:
    """Its points, as the controllers we play take them."""
    return [Point(to_ns(p.time_from_start), tuple(p.positions), tuple(p.velocities)) for p in message.points]
