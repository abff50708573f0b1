"""`finevla stop`: the arms come to rest at once and stay so until `finevla reset`; no policy is needed for it."""

import argparse
import sys
import time
from typing import TYPE_CHECKING

from finevla_core.errors import FineVLAError

if TYPE_CHECKING:
    from finevla_tools.client import Client

HEARD_S = 2.0  # within which a bridge that is there is found, on a busy machine too
AGAIN_S = 0.02  # how often the stop is said until the bridge confirms it: who is not found yet does not hear


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `finevla stop`."""
    parser.add_argument("--namespace", default="finevla")


def wait_for_bridge(client: "Client") -> None:
    """Wait until the safety bridge is heard; raises `FineVLAError` if it is not within `HEARD_S`."""
    if not client.wait(lambda: "safety/status" in client.newest, HEARD_S):
        raise FineVLAError(
            f"no safety bridge is heard in namespace '/{client.namespace}'; start the stack with 'finevla up'"
        )


def run(arguments: argparse.Namespace) -> int:
    """`finevla stop`: by topic, which is the faster way, and by service, which answers."""
    from std_msgs.msg import Empty
    from std_srvs.srv import Trigger

    from finevla_ros import qos
    from finevla_tools.client import Client

    with Client(arguments.namespace, name="finevla_stop") as client:
        publisher = client.node.create_publisher(Empty, "safety/stop", qos.ALL)
        until_s = time.monotonic() + HEARD_S
        while not client.is_stopped() and time.monotonic() < until_s:
            publisher.publish(Empty())
            time.sleep(AGAIN_S)
        try:
            wait_for_bridge(client)
            answer = client.call(Trigger, "safety/stop", Trigger.Request())
        except FineVLAError as error:
            print(f"error: {error}; if the arms move, use the emergency stop", file=sys.stderr)
            return 1
        print(answer.message)
    return 0
