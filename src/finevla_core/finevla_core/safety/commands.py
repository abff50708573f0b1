"""A plan as what the controllers take: one trajectory each."""

from collections.abc import Collection

import numpy as np

from finevla_core.embodiment import Embodiment
from finevla_core.safety.events import Trajectory
from finevla_core.safety.limits import Limits
from finevla_core.safety.plan import Plan
from finevla_core.time_units import S_PER_NS

# Until a controller that holds something else is on the plan: shorter than chunks are apart, so that the next one finds it
# there, and long enough for the few milliradians that an arm sags to be no jerk.
LEAD_NS = 45_000_000


def trajectories(
    plan: Plan, embodiment: Embodiment, limits: Limits, continues: Collection[str], lead_ns: int = 0
) -> list[Trajectory]:
    """One trajectory per controller, positions cut to the limits and their slack, which no accepted plan leaves.

    Where the plan starts at a controller's own command (`continues` names these), its first knot goes along: stamped in the
    past when it arrives, it makes the controller follow the plan itself. Without it the controller leads from its command to
    the next one, which in motion is a jerk - but with it, where it is not at the command, the command would step there: such
    a controller is led onto the plan in `lead_ns`, or until its second knot.
    """
    led, (lower, upper) = _led(plan, lead_ns), (limits.lower - limits.slack, limits.upper + limits.slack)
    made = []
    for controller in embodiment.controllers:
        columns = [embodiment.joints.index(joint) for joint in controller.joints]
        way = plan if controller.name in continues else led
        positions = embodiment.to_positions(np.clip(way.positions, lower, upper))[:, columns]
        velocities = embodiment.to_velocities(way.velocities)[:, columns]
        start_ns = int(plan.times_ns[0])
        times_s = np.asarray((way.times_ns - start_ns) * S_PER_NS, dtype=np.float64)
        made.append(Trajectory(controller.name, controller.joints, start_ns, times_s, positions, velocities))
    return made


def _led(plan: Plan, lead_ns: int) -> Plan:
    """From `lead_ns` after the start on; a plan that has no motion has nothing to be led onto."""
    meet_ns = int(plan.times_ns[0]) + lead_ns
    later = plan.times_ns > meet_ns
    if len(plan.times_ns) < 2 or not lead_ns:
        return Plan(plan.times_ns[later], plan.positions[later], plan.velocities[later])
    position, velocity = plan.at(meet_ns)
    return Plan(
        np.concatenate([[meet_ns], plan.times_ns[later]]).astype(np.int64),
        np.concatenate([position[None], plan.positions[later]]),
        np.concatenate([velocity[None], plan.velocities[later]]),
    )
