"""Reads English and Chinese sentences about things on a table: words to slots, unknown words by name. No learning, no ROS."""
