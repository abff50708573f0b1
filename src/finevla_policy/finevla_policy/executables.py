"""The executable of this package, which `setup.py` names."""

from finevla_ros.node_start import entry_point

policy = entry_point("finevla_policy.policy_node")
