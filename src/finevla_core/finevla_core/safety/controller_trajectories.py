"""A plan as what the controllers take: one trajectory each."""

from collections.abc import Collection

import numpy as np

from finevla_core.embodiment import Embodiment
from finevla_core.safety.events import Trajectory
from finevla_core.safety.limits import Limits
from finevla_core.safety.plan import Plan
from finevla_core.time_units import S_PER_NS

# So long a plan that begins at rest stays there, and so long a controller that is elsewhere in mid-motion, for a stranger
# led it, is led onto the bridge's stop: of all that was commanded that must end soonest.
LEAD_NS = 45_000_000
# Arms at rest sag by so much at most below what their controllers hold.
SAG_RAD = 0.03


def lead_ns(limits: Limits) -> int:
    """How long a controller that rests up to `SAG_RAD` from a plan is led onto it, for no acceleration beyond the limits.

    It goes there on one cubic, whose acceleration is 6 d / t^2 at its ends. The second word, which says the same some cycles
    later, finds it under way, and a controller goes on from its last command as if that were a cycle old: 18 d / t^2 more.
    """
    hardest = float(limits.acceleration[~limits.is_gripper].min(initial=np.inf))
    return max(LEAD_NS, round(float(np.sqrt(24 * SAG_RAD / hardest)) / S_PER_NS))


class ControllerCommands:
    """What the controllers are told: each plan as one trajectory per controller, and once more `say_again_s` later.

    `is_obeyed` is whether they do what they were told here last: what starts then starts at their command.
    """

    def __init__(self, embodiment: Embodiment, limits: Limits, say_again_s: float) -> None:
        self.embodiment, self.limits, self.say_again_s = embodiment, limits, say_again_s
        self.is_obeyed = False
        self._controllers = tuple(c.name for c in embodiment.controllers)
        self.lead_ns = lead_ns(limits)
        self._said: list[Trajectory] = []
        self._again: list[Trajectory] = []  # what they are to be told once more, and when
        self._again_ns = self._led_until_ns = 0

    @property
    def wait_ns(self) -> int:
        """How much later than now a plan is to begin: what controllers must be led onto rests until they are there."""
        return 0 if self.is_obeyed else self.lead_ns - LEAD_NS

    def say(self, plan: Plan, now_ns: int) -> None:
        """Tell them `plan`, now and once more."""
        continues = self.is_obeyed and not self.is_leading(now_ns)
        controllers, lead_ns, start_ns = self._controllers if continues else (), LEAD_NS, int(plan.times_ns[0])
        if not continues:
            rests = not plan.at(now_ns)[1].any()
            self._led_until_ns = now_ns + self.lead_ns if rests else start_ns + LEAD_NS
            lead_ns = self._led_until_ns - start_ns
        self._again = trajectories(plan, self.embodiment, self.limits, controllers, lead_ns)
        self._again_ns = now_ns + round(self.say_again_s / S_PER_NS)
        self._said += self._again
        self.is_obeyed = True

    def is_leading(self, now_ns: int) -> bool:
        """Whether they are still being led onto a plan that they were told while they held something else."""
        return now_ns < self._led_until_ns

    def is_due(self, now_ns: int) -> bool:
        """Whether what was said is to be said once more by now."""
        return bool(self._again) and now_ns >= self._again_ns

    def say_again(self) -> None:
        """Tell them the same in the same words: to a controller that heard it the first time it changes nothing."""
        self._said += self._again

    def forget(self) -> None:
        """Say none of what was to be said once more."""
        self._again = []

    def take(self) -> list[Trajectory]:
        """Return what was said since the last call."""
        said, self._said = self._said, []
        return said


def trajectories(
    plan: Plan, embodiment: Embodiment, limits: Limits, continues: Collection[str], lead_ns: int = 0
) -> list[Trajectory]:
    """One trajectory per controller, positions cut to the limits and their slack, or to the plan's start where that is beyond.

    No accepted plan leaves these.

    Where the plan starts at a controller's own command (`continues` names these), its first knot goes along: stamped in the
    past when it arrives, it makes the controller follow the plan itself. Without it the controller leads from its command to
    the next one, which in motion is a jerk - but with it, where it is not at the command, the command would step there: such
    a controller is led onto the plan in `lead_ns`, or until its second knot.
    """
    led, start = _led(plan, lead_ns), plan.positions[0]
    lower, upper = np.minimum(limits.lower - limits.slack, start), np.maximum(limits.upper + limits.slack, start)
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
