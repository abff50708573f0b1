"""MuJoCo Cobot Magic that answers on the robot's own topics; scenes, tasks, demonstrator."""

import os

os.environ.setdefault("MUJOCO_GL", "egl")  # headless by default; must be said before mujoco is first imported
