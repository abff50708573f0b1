"""Who is on the ROS graph: nodes that answer, told apart from the dead, whom DDS names for up to 20 s more."""

import threading
import time
from collections.abc import Sequence
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from type_description_interfaces.srv import GetTypeDescription

from finevla_ros.ros_start import start_ros
from finevla_ros.transport import use_stack_transport

DISCOVERY_S = 3.5  # discovery has no end to wait for; when its first calls are lost, DDS announces again after 3 s
ANSWER_S = 1.5
LEASE_S = 25.0


def answering(names: Sequence[str]) -> list[str]:
    """Return which of the nodes (full names) are alive in this ROS domain; waits until DDS has dropped dead ones."""
    use_stack_transport()
    context = rclpy.Context()
    start_ros(context=context)
    node = rclpy.create_node("finevla_look", context=context, enable_rosout=False)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    try:
        seen_by = time.monotonic() + DISCOVERY_S
        while not _named(node, names) and time.monotonic() < seen_by:
            time.sleep(0.05)
        deadline = time.monotonic() + LEASE_S
        while named := _named(node, names):
            if alive := _answer(node, named):
                return alive
            if time.monotonic() > deadline:
                return named  # named for longer than a dead node can be: it hangs
        return []
    finally:
        executor.shutdown(timeout_sec=2.0)
        thread.join(timeout=2.0)
        node.destroy_node()
        rclpy.try_shutdown(context=context)


def _named(node: Node, names: Sequence[str]) -> list[str]:
    there = {f"{space.rstrip('/')}/{name}" for name, space in node.get_node_names_and_namespaces()}
    return sorted(there & set(names))


def _answer(node: Node, names: Sequence[str]) -> list[str]:
    """Return the nodes that answer the type description service, which every node has."""
    clients = {name: node.create_client(GetTypeDescription, f"{name}/get_type_description") for name in names}
    asked: dict[str, Any] = {}
    deadline = time.monotonic() + ANSWER_S
    while time.monotonic() < deadline and not (
        asked.keys() == clients.keys() and all(f.done() for f in asked.values())
    ):
        for name, client in clients.items():
            if name not in asked and client.service_is_ready():
                asked[name] = client.call_async(GetTypeDescription.Request())
        time.sleep(0.02)
    alive = [name for name, future in asked.items() if future.done()]
    for client in clients.values():
        node.destroy_client(client)
    return alive
