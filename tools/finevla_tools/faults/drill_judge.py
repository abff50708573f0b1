"""What came of a drill: were limits kept, when was it stopped, when did the arms rest, and was the promise kept."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.joint_trajectory_controller import PERIOD_NS, TrajectoryController
from finevla_core.safety.limits import Limits
from finevla_tools.faults.drill_recorder import CommandSample, StateSample

STEP_NS = PERIOD_NS  # what counts is what the controllers send, cycle by cycle
# A message's way takes a moment that is no part of the motion, and under load it is ours that is long: what it does to the
# arms is seen in what is measured.
LATE_NS = 1_000_000_000
# What servos and contacts add to a commanded speed, and the share that a measurement may be off.
STOOD_S, CATCH_UP_S = 0.06, 0.6
MEASURED_SHARE, MEASURED_SPEED = 1.15, 0.1


def commanded(
    told: Sequence[CommandSample], robot: Embodiment, start: StateSample, span_ns: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions and velocities `(T, D)` in values, each cycle of `span_ns`, that the controllers asked of the arms.

    The controllers are played from `start` on, where they held; what they would have refused is left out.
    """
    held = robot.to_positions(start.positions)
    controllers = {
        c.name: TrajectoryController(c.name, c.joints, [held[robot.joints.index(joint)] for joint in c.joints])
        for c in robot.controllers
    }
    times = np.arange(*span_ns, STEP_NS)
    positions, velocities = np.zeros((2, len(times), len(robot.joints)))
    for name, controller in controllers.items():
        columns = [robot.joints.index(joint) for joint in controller.joints]
        queue = [(_began(t), t) for t in told if t.controller == name]
        for row, now_ns in enumerate(times.tolist()):
            while queue and queue[0][0] <= now_ns:
                at_ns, t = queue.pop(0)
                try:
                    controller.accept(t.joints, t.points, t.stamp_ns, at_ns)
                except FineVLAError:
                    continue
            positions[row, columns], velocities[row, columns] = controller.sample(now_ns), controller.velocity
    scale = robot.to_velocities(np.ones(len(robot.joints)))
    return robot.to_values(positions), velocities / scale


def _began(told: CommandSample) -> int:
    """When it takes effect: at its stamp, unless that is another clock's, or it is over by then."""
    age_ns = told.clock_ns - told.stamp_ns
    is_over = age_ns > told.points[-1].time_from_start_ns if told.points else True
    return told.stamp_ns if told.stamp_ns and 0 <= age_ns < LATE_NS and not is_over else told.clock_ns


def limits_used(
    positions: NDArray[np.float64], velocities: NDArray[np.float64], limits: Limits
) -> dict[str, tuple[int, float]]:
    """Per limit the value that came nearest to it and the share it used."""
    middle, half = (limits.upper + limits.lower) / 2, (limits.upper - limits.lower) / 2 + limits.slack
    accelerations = np.diff(velocities, axis=0) / (STEP_NS * 1e-9)
    steps = np.diff(positions, axis=0) / (STEP_NS * 1e-9)  # a leap has no velocity of its own
    shares = {
        "position": abs(positions - middle) / half,
        "velocity": np.maximum(abs(velocities[1:]), abs(steps)) / limits.velocity,
        # A cubic's acceleration is a straight line, and over a knot it steps: the mean over a cycle is between.
        "acceleration": abs(accelerations) / limits.acceleration,
    }
    found = {}
    for what, share in shares.items():
        most = share.max(0)
        found[what] = int(most.argmax()), float(most.max())
    return found


def measured_breach(states: Sequence[StateSample], limits: Limits, names: Sequence[str], stranger: float = 0.0) -> str:
    """A joint that was measured faster than its limit, or than a `stranger` may drive it, as a sentence; empty = none."""
    if len(states) < 2:
        return ""
    at_s = np.array([state.at_s for state in states])
    # A twin that was not given the processor stands still while its controllers' time goes on, and then catches up.
    stood = at_s[1:][np.diff(at_s) > STOOD_S]
    caught_up = (at_s[:, None] >= stood) & (at_s[:, None] < stood + CATCH_UP_S)
    velocities = np.array([state.velocities for state in states])[~caught_up.any(1)]
    speeds = abs(velocities).max(0, initial=0.0) * ~limits.is_gripper
    over = speeds - np.maximum(MEASURED_SHARE * limits.velocity + MEASURED_SPEED, stranger)
    i = int(over.argmax())
    return f"{names[i]} was measured at {speeds[i]:.2f} rad/s" if over[i] > 0 else ""


def stood_s(states: Sequence[StateSample]) -> float:
    """The longest time between two true joint states: the twin, or the whole machine, was not given the processor."""
    return float(np.diff([state.at_s for state in states]).max(initial=0.0))


def needed_s(velocities: NDArray[np.float64], limits: Limits) -> float:
    """The shortest time in which all arm joints can come to rest from `velocities` `(D,)`, without acceleration before."""
    v, a, j = abs(velocities) * ~limits.is_gripper, limits.acceleration, limits.jerk
    return float(np.where(v > a**2 / j, v / a + a / j, 2 * np.sqrt(v / j)).max())
