"""`finevla stop`: the arms come to rest at once and stay so until `finevla reset`; no policy is needed for it."""

import argparse
import sys

from finevla_tools.stderr_notices import announcer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `finevla stop` to `parser`."""
    parser.add_argument("--namespace", default="finevla", help="namespace of the stack")


def run(arguments: argparse.Namespace) -> int:
    """`finevla stop`: say what the bridge confirms; exit code 1 if it does not."""
    from finevla_client.robot import Robot
    from finevla_core.errors import FineVLAError

    with Robot(arguments.namespace, name="finevla_stop", notify=announcer()) as robot:
        try:
            print(robot.stop().message)
        except FineVLAError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0
