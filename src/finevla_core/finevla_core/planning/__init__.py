"""Planned motion (homing, going to a pose): a path free of collisions, smooth in time, and passed by the gate's own rules."""
