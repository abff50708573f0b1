"""Episodes of the Cobot Magic in which the left arm takes something, lifts it and lets go of it."""

import numpy as np
from lerobot_sets import HOME, Take

FRAMES, FPS, GOAL = 100, 20, "put the red cube in the left bowl"


def grasping(goal: str = GOAL, at: float = 0.4) -> Take:
    """It closes on something `at` this opening (0: on nothing); a camera looks on."""
    t = np.arange(FRAMES) / FPS
    state = np.tile(HOME, (FRAMES, 1))
    state[:, 1] += np.interp(t, [0.3, 1.2, 1.8, 3.0], [0.0, 0.5, 0.5, 0.1])
    state[:, 6] = np.interp(t, [1.3, 1.6, 3.4, 3.7], [1.0, at, at, 1.0])
    action = state.copy()
    action[:, 6] = np.where((t > 1.25) & (t < 3.35), 0.0, 1.0)
    pictures = {"front": np.full((FRAMES, 48, 64), 90, np.uint8)}
    return Take(state.astype(np.float32), action.astype(np.float32), t.astype(np.float32), [goal], pictures)
