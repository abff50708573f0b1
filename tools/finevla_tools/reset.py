"""`finevla reset`: leave a stop. It only permits: the arms rest until new words come."""

import argparse
import sys

from finevla_tools.stderr_notices import announcer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `finevla reset` to `parser`."""
    parser.add_argument("--namespace", default="finevla", help="namespace of the stack")


def run(arguments: argparse.Namespace) -> int:
    """`finevla reset`: ask once, and say what the bridge answers."""
    from finevla_client.robot import Robot
    from finevla_core.errors import FineVLAError

    with Robot(arguments.namespace, name="finevla_reset", notify=announcer()) as robot:
        try:
            print(robot.reset().message)
        except FineVLAError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0
