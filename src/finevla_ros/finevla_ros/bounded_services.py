"""How every node of ours offers a service: requests are bounded before they are read, and floods of them are told."""

import time
from collections.abc import Callable
from typing import Any

from rclpy.node import Node

from finevla_ros.bounded_subscriptions import KIB, RefusalCounter, Tell
from finevla_ros.flood_watch import FloodWatch
from finevla_ros.memory_return import PROCESS
from finevla_ros.request_bytes import make_service, size_of

MOST_REQUEST_BYTES = 64 * KIB  # as of an instruction on its topic
MOST_HZ, BURST = 10.0, 10.0  # calls of one service: its queue holds ten


def serve(
    node: Node,
    kind: Any,
    name: str,
    callback: Callable[[Any, Any], Any],
    *,
    most_bytes: int = MOST_REQUEST_BYTES,
    tell: Tell | None = None,
    tell_flood: Tell | None = None,
    **options: Any,
) -> None:
    """Offer a service; `callback` is given no request of more than `most_bytes` (0 = any size).

    What is refused is answered with its `message`, and `tell` and `tell_flood`, the node's own warning by default, are given a
    sentence now and then. `options` are those of `create_service`. Bytes that are no request are refused by whoever takes them.
    """
    said = node.resolve_service_name(name)
    refusals, flood = RefusalCounter(f"service {said}", "request"), FloodWatch(f"service {said}", MOST_HZ, burst=BURST)
    warn = node.get_logger().warning

    def on_request(request: Any, response: Any) -> Any:
        now_s = time.monotonic()
        if sentence := flood.note(now_s):
            (tell_flood or warn)(sentence)
        if most_bytes and (size := size_of(request)) > most_bytes:
            PROCESS.note_huge(now_s)
            response.message = f"the request has {size} bytes, {most_bytes} are allowed; say it shorter"
            if sentence := refusals.note(f"it has {size} bytes, {most_bytes} are allowed", now_s):
                (tell or warn)(sentence)
            return response
        return callback(request, response)

    try:
        make_service(node, kind, name, on_request, most_bytes, **options)
    except RuntimeError as error:
        node.get_logger().warning(f"requests to {said} are looked at after they were read: {error}")
        node.create_service(kind, name, on_request, **options)
