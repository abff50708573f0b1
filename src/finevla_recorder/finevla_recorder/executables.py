"""The executable of this package, which `setup.py` names."""

from finevla_ros.node_start import entry_point

recorder = entry_point("finevla_recorder.recorder_node")
