"""The key that the safety nodes of one stack share."""

import os

from rclpy.node import Node

from finevla_core.safety.message_seal import key_folder, load_key


def stack_key(node: Node) -> bytes:
    """The key of this node's ROS domain and namespace; raises `FineVLAError` where it cannot be had."""
    return load_key(key_folder(os.environ), int(node.context.get_domain_id()), node.get_namespace())
