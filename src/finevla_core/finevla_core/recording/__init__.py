"""Recordings of episodes: MCAP files as rosbag2 writes them, crash-safe, and what is known about each; free of ROS."""
