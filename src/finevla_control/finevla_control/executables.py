"""Executables of this package, which `setup.py` names."""

from finevla_ros.node_start import entry_point

safety_bridge = entry_point("finevla_control.bridge_node")
motion = entry_point("finevla_control.motion_node")
safety_watchdog = entry_point("finevla_control.watchdog_node")
piper_driver = entry_point("finevla_control.piper_node")
vendor_bridge = entry_point("finevla_control.vendor_node")
robot_state_publisher = entry_point("finevla_control.robot_state_node")
