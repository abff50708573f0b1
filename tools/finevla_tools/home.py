"""`finevla home`: both arms to the robot's home pose, around what is in the way, through the safety gate; Ctrl-C brakes."""

import argparse

from finevla_tools.go import add_common, checked_speed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `finevla home` to `parser`."""
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Move both arms to the home pose; return the exit code. Raises `FineVLAError` if they do not arrive."""
    speed = checked_speed(arguments)
    from finevla_interfaces.action import Home
    from finevla_tools.planned_motion import move

    return move(arguments.namespace, Home, "home", Home.Goal(speed_scale=speed))
