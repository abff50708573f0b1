"""Who is in the ROS graph."""

from rclpy.node import Node

NAMELESS = "_NODE_NAME_UNKNOWN_"


def publishers_of(node: Node, topic: str) -> list[str]:
    """Fully qualified node names, one per publisher on `topic`; empty where DDS does not know yet whose one is."""
    return [
        "" if info.node_name == NAMELESS else f"{info.node_namespace.rstrip('/')}/{info.node_name}"
        for info in node.get_publishers_info_by_topic(topic)
    ]
