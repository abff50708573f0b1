"""Writers that turn demonstrations into data sets of other tools: LeRobot v3.0 and rosbag2."""
