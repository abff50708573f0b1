"""A program beside the stack joins the ROS graph with the stack's own transport settings: found as soon as the nodes are."""

import os

from finevla_ros.share_paths import share


def use_stack_transport() -> None:
    """Let participants made from now on read `config/fastdds.xml`, unless the operator has named another file."""
    os.environ.setdefault("FASTRTPS_DEFAULT_PROFILES_FILE", str(share() / "config" / "fastdds.xml"))
