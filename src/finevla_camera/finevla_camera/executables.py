"""The executable of this package, which `setup.py` names."""

from finevla_ros.node_start import entry_point

camera_ingest = entry_point("finevla_camera.ingest_node")
