"""Episode recorder node: the topics of the running stack to rosbag2 (MCAP) recordings."""
