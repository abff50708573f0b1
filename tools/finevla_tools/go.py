"""`finevla go POSE|name=value ...`: to a pose of the robot file or to values, through the safety gate; Ctrl-C brakes."""

import argparse
import math

from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.errors import FineVLAError, unknown
from finevla_ros.share_paths import robot_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the goal and the options of `finevla go` to `parser`."""
    parser.add_argument(
        "goal", nargs="*", metavar="POSE|name=value", help="a pose, values (rad; grippers 0 closed, 1 open), or both"
    )
    parser.add_argument("--list", action="store_true", help="list the robot's poses and values")
    parser.add_argument("--robot", default="cobotmagic", help="robot file: a name in config/robots or a path")
    add_common(parser)


def add_common(parser: argparse.ArgumentParser) -> None:
    """Options that `finevla home` has as well."""
    parser.add_argument(
        "--speed", type=float, default=0.0, metavar="SHARE", help="share of the speed limits, 0 to 1; 0.3 if not given"
    )
    parser.add_argument("--namespace", default="finevla", help="namespace of the stack")


def checked_speed(arguments: argparse.Namespace) -> float:
    """0 = the node's own; raises `FineVLAError` for what is no share."""
    speed = float(arguments.speed)
    if not 0.0 <= speed <= 1.0:
        raise FineVLAError(f"--speed is {speed}; give a share of the limits, above 0 and up to 1")
    return speed


def goal_from(words: list[str], robot: Embodiment) -> tuple[str, list[str], list[float]]:
    """Pose name, value names and values; raises `FineVLAError` for what is neither."""
    pose, names, values = "", [], []
    for word in words:
        name, sign, number = word.partition("=")
        if not sign:
            robot.moved([0.0] * len(robot.names), word)  # whether it is there
            if pose:
                raise FineVLAError(f"'{pose}' and '{word}' are two poses; give one")
            pose = word
            continue
        if name not in robot.names:
            raise FineVLAError(unknown("value", name, robot.names))
        try:
            values.append(float(number))
        except ValueError:
            raise FineVLAError(f"'{word}' gives no number; write name=number, such as {robot.names[0]}=0.5") from None
        if not math.isfinite(values[-1]):
            raise FineVLAError(f"'{word}' is not finite")
        names.append(name)
    return pose, names, values


def run(arguments: argparse.Namespace) -> int:
    """Move the arms to a pose or to values; return the exit code. Raises `FineVLAError` without a goal."""
    robot = load_embodiment(robot_file(arguments.robot))
    if arguments.list:
        for pose in robot.poses:
            print(f"{pose.name}: " + ", ".join(f"{name} {number:g}" for name, number in pose.values))
        print(f"values: {', '.join(robot.names)}")
        return 0
    if not arguments.goal:
        raise FineVLAError("say where to go: a pose or name=value ...; 'finevla go --list' shows what there is")
    name, names, values = goal_from(arguments.goal, robot)
    speed = checked_speed(arguments)
    from finevla_interfaces.action import GoTo
    from finevla_tools.planned_motion import move

    return move(
        arguments.namespace, GoTo, "go_to", GoTo.Goal(pose_name=name, names=names, values=values, speed_scale=speed)
    )
