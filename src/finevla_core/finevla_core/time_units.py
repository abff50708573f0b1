"""Nanoseconds, as ROS stamps have them, and seconds."""

S_PER_NS = 1e-9
NS_PER_S = 1_000_000_000
