"""A plan as what the controllers take: one trajectory each."""

import numpy as np

from finevla_core.embodiment import Embodiment
from finevla_core.safety.limits import Limits
from finevla_core.safety.plan import NS, Plan
from finevla_core.safety.words import Trajectory


def trajectories(plan: Plan, embodiment: Embodiment, limits: Limits) -> list[Trajectory]:
    """One trajectory per controller, from the plan's first knot on, positions cut to the limits."""
    positions = embodiment.to_positions(np.clip(plan.positions, limits.lower, limits.upper))
    velocities = embodiment.to_velocities(plan.velocities)
    times, start_ns = (plan.times_ns - plan.times_ns[0]) * NS, int(plan.times_ns[0])
    made = []
    for controller in embodiment.controllers:
        columns = [embodiment.joints.index(joint) for joint in controller.joints]
        points = positions[1:, columns], velocities[1:, columns]
        made.append(Trajectory(controller.name, controller.joints, start_ns, times[1:], *points))
    return made
