"""A plan as what the controllers take: one trajectory each."""

from collections.abc import Collection

import numpy as np

from finevla_core.embodiment import Embodiment
from finevla_core.safety.limits import Limits
from finevla_core.safety.plan import NS, Plan
from finevla_core.safety.words import Trajectory


def trajectories(plan: Plan, embodiment: Embodiment, limits: Limits, continues: Collection[str]) -> list[Trajectory]:
    """One trajectory per controller, positions cut to the limits.

    Where the plan starts at a controller's own command (`continues` names these), its first knot goes along: stamped in the
    past when it arrives, it makes the controller follow the plan itself. Without it the controller leads from its command to
    the second knot, which in motion is a jerk - but with it, where it is not at the command, the command would step there.
    """
    positions = embodiment.to_positions(np.clip(plan.positions, limits.lower, limits.upper))
    velocities = embodiment.to_velocities(plan.velocities)
    times, start_ns = (plan.times_ns - plan.times_ns[0]) * NS, int(plan.times_ns[0])
    made = []
    for controller in embodiment.controllers:
        columns = [embodiment.joints.index(joint) for joint in controller.joints]
        first = 0 if controller.name in continues else 1
        points = positions[first:, columns], velocities[first:, columns]
        made.append(Trajectory(controller.name, controller.joints, start_ns, times[first:], *points))
    return made
