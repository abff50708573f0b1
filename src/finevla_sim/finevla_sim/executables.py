"""The executable of this package, which `setup.py` names."""

from finevla_ros.node_start import entry_point

simulator = entry_point("finevla_sim.simulator_node")
