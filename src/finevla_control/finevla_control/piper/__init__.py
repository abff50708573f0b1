"""The Piper arm on its CAN bus: frames, state machine, bus, a simulated arm and the emergency stop; free of ROS."""
