"""`finevla reset`: leave a stop. It only permits: the arms rest until new words come."""

import argparse
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `finevla reset`."""
    parser.add_argument("--namespace", default="finevla")


def run(arguments: argparse.Namespace) -> int:
    """`finevla reset`: ask once, and say what the bridge answers."""
    from finevla_core.errors import FineVLAError
    from finevla_tools.client import Client
    from finevla_tools.stop import wait_for_bridge

    with Client(arguments.namespace, name="finevla_reset") as client:
        try:
            wait_for_bridge(client)
            print(client.reset_bridge())
        except FineVLAError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0
