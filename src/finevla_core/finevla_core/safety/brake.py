"""A stop that needs no bridge: what the controllers were last told, followed along, and how to come to rest from there.

It starts from the command of this moment, for the measurement lags behind it; only where that is not known, from what
was measured. Trajectories live in the controllers' clock (`clock_ns`), measurements age by the steady one (`now_ns`).
"""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.safety.controller_trajectories import LEAD_NS, trajectories
from finevla_core.safety.events import Trajectory
from finevla_core.safety.foreign_command_motion import StrangerLead
from finevla_core.safety.limits import Limits
from finevla_core.safety.plan import Plan, stop
from finevla_core.safety.plan_tracking import LOOK_NS, is_followed_closely, plan_followed
from finevla_core.time_units import S_PER_NS

ELDER_PLANS = 3  # that a controller may be on, for it missed what came later
# The controller goes on from its own command, which is ahead of what was measured: half of the limits leave room for it.
MEASURED_SHARE = 0.5
MAX_AGE_S = 0.5  # of a measurement that tells anything
MAX_AHEAD_S = 0.1  # a measurement is carried on along its velocity, but no farther
WINDOW_NS = 50_000_000  # over which speed is measured: long against an encoder's noise, short against a stop
ABSURD = 1.0  # a command this far beyond the limits is not where the arm is, whatever follows it
REST_EPSILON = 1e-6  # the controller refuses a last point that is faster
PIECE_NS = 10_000_000
# What is known of the command differs from it by microradians, and a controller takes over some milliseconds late: both would
# be a jerk if the next knot were right ahead.
FIRST_GAP_NS = 10_000_000
# Where a stranger leads, the controller is farther from what is known, for each of them hears the other late: 20 ms at 1 rad/s
# are 0.02 rad, which must not be made up for within 10 ms.
STRANGERS_GAP_NS = 40_000_000
# A trajectory is heard no later, by a watchdog that was held up for almost as long as it calls sleep; beyond, its stamp is
# another clock's.
HEARD_LATE_NS = 250_000_000
CREDIBLE = 10.0  # times its limit: no joint is faster, and a driver that says so uses other units
STOP_SHARE = 0.95  # of the acceleration: what leaving out a knot there costs
SPEED_SHARE, SPEED_NOISE = 1.2, 0.1  # a speed of more than this share of its limit, and noise on top, is too fast
REACH_RAD = 1e-3  # what an arm may be off where it was known to be
MOVED_RAD = 0.05  # farther from there it has followed a stranger for a while, and what is measured counts
# A joint state farther from the one before than any motion leads is a leap: an encoder that slipped, or somebody else's word.
LEAP_SHARE, LEAP_RAD = 2.0, 0.1
ASTRAY_NS = 200_000_000  # stamps that go on by so much more or less than time does are another clock's
# The quickest delivery of so long counts: a flood delays joint states, it does not set clocks.
LEADS_NS = 3_000_000_000
DOUBT_S = 0.3  # for so long after a leap what is measured is nothing to brake from
CHANGES = ("acceleration", "jerk")  # the limits that say how fast motion may change


@dataclass(frozen=True)
class _Felt:
    stamp_ns: int
    now_ns: int
    values: NDArray[np.float64]


class Brake:
    """Knows the robot's motion from two sides, command and measurement, and brings it to rest within the limits."""

    def __init__(self, embodiment: Embodiment, limits: Limits) -> None:
        self.embodiment, self.limits = embodiment, limits
        self._scale = embodiment.to_velocities(np.ones(len(embodiment.joints)))
        self._joints = {c.name: c.joints for c in embodiment.controllers}
        self._columns = {n: np.array([embodiment.joints.index(j) for j in js]) for n, js in self._joints.items()}
        self._told: dict[str, Plan] = {}
        self._elder: dict[str, tuple[Plan, ...]] = {}  # what it was told before that, newest first
        self._until_ns: dict[str, int] = {}
        self._words: dict[str, tuple[int, list[int], list[list[float]]]] = {}  # the newest trajectory, as it came
        self._doubted: set[str] = set()  # of `_told`: a sleep ago
        self._before: dict[str, StrangerLead] = {}  # of controllers that a stranger commands
        self.is_disputed = False  # whether two say where the arms are: then neither counts
        self._leapt_ns: int | None = None
        self._astray_ns: int | None = None  # when stamps last went on otherwise than time does
        self._felt: deque[_Felt] = deque(maxlen=256)
        # How far stamps are ahead of the time of their delivery, largest first, and when that was.
        self._leads: deque[tuple[int, int]] = deque()
        self._velocity: NDArray[np.float64] = np.zeros(len(embodiment.joints))
        self._moved: NDArray[np.float64] = np.zeros(len(embodiment.joints))  # by the positions alone

    @property
    def stamp_ns(self) -> int:
        """Stamp of the newest measured joint state; -1 = none."""
        return self._felt[-1].stamp_ns if self._felt else -1

    def on_measurement(
        self, stamp_ns: int, names: Sequence[str], positions: Sequence[float], velocities: Sequence[float], now_ns: int
    ) -> bool:
        """A measured joint state; False if it tells nothing: not all joints of this robot, not to be believed, not newer."""
        order = self.embodiment.order_in(names)
        if len(positions) != len(names) or order is None:
            return False
        values = self.embodiment.to_values([positions[i] for i in order])
        if self.limits.incredible(values) is not None:
            return False
        if self._felt:
            last = self._felt[-1]
            if stamp_ns == last.stamp_ns:
                return False
            passed_ns = stamp_ns - last.stamp_ns
            if self._is_leap(values - last.values, abs(passed_ns) * S_PER_NS) or self._are_two_clocks(
                passed_ns, last, now_ns
            ):
                self._leapt_ns = now_ns
                self._leads.clear()
                self._forget_what_is_over(stamp_ns)
            if passed_ns < 0:
                self._felt.clear()  # the stamps' clock went back: a speed across that means nothing
                self._leads.clear()
        self._felt.append(_Felt(stamp_ns, now_ns, values))
        self._note_lead(stamp_ns - now_ns, now_ns)
        while len(self._felt) > 2 and stamp_ns - self._felt[1].stamp_ns >= WINDOW_NS:
            self._felt.popleft()
        self._moved = self._difference()
        self._velocity = self._moved
        if len(velocities) == len(names):
            given = np.array([velocities[i] for i in order]) / self._scale
            is_credible = abs(given) < CREDIBLE * self.limits.velocity  # NaN is not
            # What the positions say is older by half the window; a driver that says more than that explains is not true.
            late = self.limits.acceleration * WINDOW_NS * S_PER_NS + SPEED_NOISE
            is_credible &= abs(given - self._moved) <= late
            self._velocity = np.where(is_credible, given, self._moved)
        return True

    def forget(self) -> None:
        """Forget all commands and measurements."""
        self._told.clear()
        self._until_ns.clear()
        self.doubt()

    def doubt(self) -> None:
        """Forget what was measured, for it is old; what was told counts again if `looked_anew` finds that it is followed."""
        self._doubted = set(self._told)
        self._felt.clear()
        self._leads.clear()
        self._elder.clear()
        self._words.clear()
        self._before.clear()
        self._leapt_ns = None
        self._velocity = self._moved = np.zeros(len(self.embodiment.joints))

    @property
    def has_looked(self) -> bool:
        """Whether enough was measured to tell how the arms move."""
        return bool(self._felt) and self._felt[-1].stamp_ns - self._felt[0].stamp_ns >= LOOK_NS

    def looked_anew(self, now_ns: int, clock_ns: int) -> None:
        """Believe what was doubted if all arms are measured to follow it, and else forget it; grippers tell nothing."""
        doubted = self._doubted & self._told.keys()
        self._doubted = set()
        if self.is_measured(now_ns) and self.has_looked:
            felt, arms = self._felt[-1], ~self.limits.is_gripper
            at_ns = clock_ns - (now_ns - felt.now_ns)
            by_columns = ((self._told[c], self._columns[c]) for c in doubted)
            if all(is_followed_closely(t, felt.values[i], self._velocity[i], arms[i], at_ns) for t, i in by_columns):
                return
        for controller in doubted:
            self._told.pop(controller)
            self._until_ns.pop(controller, None)

    def on_command(
        self,
        controller: str,
        joints: Sequence[str],
        start_ns: int,
        times_ns: Sequence[int],
        positions: Sequence[Sequence[float]],
        velocities: Sequence[Sequence[float]],
        now_ns: int,
        clock_ns: int,
        is_strangers: bool = False,
    ) -> bool:
        """A trajectory on a controller's topic, as joint_trajectory_controller takes it; False if it would refuse it.

        It goes on from the last command; `start_ns` 0 = now. Without velocities only its end is known. A stranger's may
        leap: the arm is no farther along it than the limits allow from where it was.
        """
        own = self._joints[controller]
        if sorted(joints) != sorted(own) or not times_ns or len(positions) != len(times_ns):
            return False
        moving = len(velocities) == len(times_ns) and all(len(v) == len(own) for v in velocities)
        if any(len(p) != len(own) for p in positions) or (moving and max(map(abs, velocities[-1])) > REST_EPSILON):
            return False
        order, columns = [list(joints).index(joint) for joint in own], self._columns[controller]
        part = replace(self.embodiment, values=tuple(self.embodiment.values[i] for i in columns))
        times = np.array(times_ns, np.int64) + (start_ns or clock_ns)
        places = part.to_values(np.array(positions, np.float64)[:, order])
        # The controller took it when it was sent; that it was heard later, here, changes nothing of the motion.
        taken_ns = start_ns if start_ns and 0 <= clock_ns - start_ns < HEARD_LATE_NS else clock_ns
        if (np.diff(times) <= 0).any() or times[-1] <= taken_ns or not np.isfinite(places).all():
            return False
        speeds = np.array(velocities, np.float64)[:, order] / self._scale[columns] if moving else None
        then = self._state(controller, now_ns, taken_ns)
        if not is_strangers:
            self._before.pop(controller, None)
        elif then is not None:
            self._before[controller] = StrangerLead(taken_ns, *then[:2])
        self._until_ns[controller] = int(times[-1])
        is_repeated = self.is_repeated(controller, start_ns, times_ns, positions)
        self._words[controller] = start_ns, list(times_ns), list(map(list, positions))
        replaced = self._told.pop(controller, None)
        self._doubted.discard(controller)
        if is_strangers or replaced is None:
            self._elder.pop(controller, None)
        elif not is_repeated:
            self._elder[controller] = (replaced, *self._elder.get(controller, ()))[:ELDER_PLANS]
        lower, upper = self.limits.lower[columns] - ABSURD, self.limits.upper[columns] + ABSURD
        is_sane = ((lower < places) & (places < upper)).all()
        if speeds is None and is_sane and controller in self._before:
            self._before[controller].lead(times, places)
        if speeds is None or not np.isfinite(speeds).all() or not is_sane:
            return True
        if times[0] <= taken_ns:  # it has begun: the controller follows the points themselves
            self._told[controller] = Plan(times, places, speeds)
            return True
        ahead = times > taken_ns
        position, velocity = (then[0], then[1]) if then is not None else (places[ahead][0], np.zeros(len(own)))
        self._told[controller] = Plan(
            np.concatenate([[taken_ns], times[ahead]]).astype(np.int64),
            np.concatenate([position[None], places[ahead]]),
            np.concatenate([velocity[None], speeds[ahead]]),
        )
        return True

    def is_repeated(
        self, controller: str, start_ns: int, times_ns: Sequence[int], positions: Sequence[Sequence[float]]
    ) -> bool:
        """Whether a controller was told exactly this last, by whomever: once more it changes nothing. Not what starts now."""
        words = start_ns, list(times_ns), list(map(list, positions))
        return start_ns != 0 and self._words.get(controller) == words

    def clock_ns(self, now_ns: int) -> int | None:
        """Return the controllers' clock by the newest joint state, which is from the same driver; None without one."""
        return self._felt[-1].stamp_ns + now_ns - self._felt[-1].now_ns if self.is_measured(now_ns) else None

    def is_clock(self, ours_ns: int, now_ns: int, tolerance_ns: int) -> bool:
        """Whether joint states can be by the clock that says `ours_ns` now, by the newest or by the quickest delivery of late.

        A flood delays joint states and simulated time may be slow, and neither is another clock.
        """
        leads = (self._felt[-1].stamp_ns - self._felt[-1].now_ns, self._leads[0][0])
        return any(abs(now_ns + lead_ns - ours_ns) < tolerance_ns for lead_ns in leads)

    def _note_lead(self, lead_ns: int, now_ns: int) -> None:
        while self._leads and self._leads[-1][0] <= lead_ns:
            self._leads.pop()
        self._leads.append((lead_ns, now_ns))
        while now_ns - self._leads[0][1] > LEADS_NS:
            self._leads.popleft()

    def is_running(self, clock_ns: int) -> bool:
        """Whether a trajectory that a controller was told is not over yet."""
        return any(until_ns > clock_ns for until_ns in self._until_ns.values())

    def speed(self, now_ns: int) -> float:
        """Fastest measured arm joint, rad/s; 0 if nothing was measured just now."""
        if not self.is_measured(now_ns):
            return 0.0
        speeds = np.maximum(abs(self._velocity), abs(self._moved))
        return float((speeds * ~self.limits.is_gripper).max())

    def too_fast(self, now_ns: int) -> tuple[str, float, float] | None:
        """The arm joint that was measured beyond its speed limit, its speed and the limit; by positions, not by words."""
        if not self._is_fresh(now_ns) or self._felt[-1].stamp_ns - self._felt[0].stamp_ns < WINDOW_NS:
            return None
        excess = (abs(self._moved) - SPEED_SHARE * self.limits.velocity - SPEED_NOISE) * ~self.limits.is_gripper
        if excess.max() <= 0:
            return None
        i = int(excess.argmax())
        return self.embodiment.names[i], float(abs(self._moved[i])), float(self.limits.velocity[i])

    def needed_s(self, now_ns: int) -> float:
        """How long a stop takes from the speed that is measured."""
        arms = ~self.limits.is_gripper
        return float(
            ((self.speed(now_ns) / self.limits.acceleration + self.limits.acceleration / self.limits.jerk) * arms).max()
        )

    def stops(
        self, controllers: Collection[str], stamp_ns: int, now_ns: int, clock_ns: int, is_exact: bool = True
    ) -> list[Trajectory]:
        """To rest, one trajectory for each of `controllers` whose state is known; all joints rest at the same time.

        `stamp_ns` 0 = from the moment the controller takes it, for where its clock cannot be trusted. `is_exact`: it is known
        to the millisecond, and with it where the command is now.
        """
        known = {c: s for c in controllers if (s := self._state(c, now_ns, clock_ns)) is not None}
        size = len(self.embodiment.joints)
        position, velocity, acceleration, share = np.zeros(size), np.zeros(size), np.zeros(size), np.ones(size)
        # Only where the command is known, and not led by a stranger, the point of now goes along: else it would be a step.
        has_now = is_exact and stamp_ns != 0
        followed = {c for c in known if has_now and c not in self._before and self._is_followed(c, now_ns, clock_ns)}
        for controller, state in known.items():
            columns = self._columns[controller]
            position[columns], velocity[columns], acceleration[columns] = state
            share[columns] = 1.0 if self._is_known(controller, now_ns, clock_ns) else MEASURED_SHARE
        if not known:
            return []
        plan = stop(_motion(position, velocity, acceleration, clock_ns), clock_ns, self._shared(share))
        # A controller goes on from a stranger's leap: it is to be where the arm is soon, not only at the stop's end.
        plan = _without_knots_right_ahead(plan, is_strangers=not self._before.keys().isdisjoint(known))
        lead_ns = 0 if is_exact else LEAD_NS
        stops = [
            replace(t, start_ns=stamp_ns)
            for t in trajectories(plan, self.embodiment, self.limits, followed, lead_ns)
            if t.controller in known
        ]
        for t in stops:  # the stop is what is followed from here on
            times_ns = [round(s / S_PER_NS) for s in t.times_s]
            self.on_command(
                t.controller, t.joints, 0, times_ns, t.positions.tolist(), t.velocities.tolist(), now_ns, clock_ns
            )
        return stops

    def _state(
        self, controller: str, now_ns: int, clock_ns: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None:
        """Position, velocity and acceleration of a controller's values; None if neither told nor felt."""
        columns = self._columns[controller]
        if controller in self._before and not self._was_moved(controller, now_ns, clock_ns):
            position, velocity = self._reached(controller, now_ns, clock_ns)
            return position, self._capped(velocity, "velocity", columns), np.zeros(len(columns))
        if (plan := self._followed(controller, now_ns, clock_ns)) is not None:
            (position, velocity), acceleration = plan.at(clock_ns), plan.acceleration(clock_ns)
            return (
                position,
                self._capped(velocity, "velocity", columns),
                self._capped(acceleration, "acceleration", columns),
            )
        if not self.is_measured(now_ns):
            return None
        ahead_s = min((now_ns - self._felt[-1].now_ns) * S_PER_NS, MAX_AHEAD_S)
        velocity = self._capped(self._velocity[columns], "velocity", columns)
        return self._felt[-1].values[columns] + velocity * ahead_s, velocity, np.zeros(len(columns))

    def _was_moved(self, controller: str, now_ns: int, clock_ns: int) -> bool:
        """Whether a stranger has moved the arm away from where it was: it was heard too late."""
        if not self.is_measured(now_ns):
            return False
        columns = self._columns[controller]
        gap = abs(self._felt[-1].values[columns] - self._before[controller].at(clock_ns))
        return bool((gap * ~self.limits.is_gripper[columns]).max() > MOVED_RAD)

    def _reached(self, controller: str, now_ns: int, clock_ns: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Position and velocity nearest to the stranger's that the arm can have: by its limits, or as it is measured."""
        before, columns = self._before[controller], self._columns[controller]
        dt_s = max(0.0, (clock_ns - before.clock_ns) * S_PER_NS)
        gained = self.limits.acceleration[columns] * dt_s
        carried, room = before.at(clock_ns), gained * dt_s / 2 + REACH_RAD
        position, velocity = (self._told[controller].at if controller in self._told else before.led)(clock_ns)
        places, speeds = [carried - room, carried + room], [before.velocity - gained, before.velocity + gained]
        if self.is_measured(now_ns):
            places.append(self._felt[-1].values[columns])
            speeds.append(self._velocity[columns])
        return (
            np.clip(position, np.min(places, axis=0), np.max(places, axis=0)),
            np.clip(velocity, np.min(speeds, axis=0), np.max(speeds, axis=0)),
        )

    def _capped(self, rates: NDArray[np.float64], limit: str, columns: NDArray[np.int64]) -> NDArray[np.float64]:
        """What the robot can do of it: nothing that is heard or measured makes a stop longer than that."""
        most = getattr(self.limits, limit)[columns]
        return np.asarray(np.clip(rates, -most, most))

    def _is_known(self, controller: str, now_ns: int, clock_ns: int) -> bool:
        """Whether the command is known by more than what is measured."""
        if controller in self._before and not self._was_moved(controller, now_ns, clock_ns):
            return True
        return self._is_followed(controller, now_ns, clock_ns)

    def _is_followed(self, controller: str, now_ns: int, clock_ns: int) -> bool:
        return self._followed(controller, now_ns, clock_ns) is not None

    def _followed(self, controller: str, now_ns: int, clock_ns: int) -> Plan | None:
        """The plan that a controller follows; None if it was told none, or the arm is near none (grippers may hold things)."""
        newest = self._told.get(controller)
        if newest is None or not self.is_measured(now_ns):
            return newest
        columns, felt = self._columns[controller], self._felt[-1]
        measured, is_arm = felt.values[columns], ~self.limits.is_gripper[columns]
        plans = (newest, *self._elder.get(controller, ()))
        return plan_followed(plans, measured, is_arm, clock_ns - (now_ns - felt.now_ns))

    def is_measured(self, now_ns: int) -> bool:
        """Whether a measurement tells where the arms are now."""
        is_doubtful = self._leapt_ns is not None and (now_ns - self._leapt_ns) * S_PER_NS < DOUBT_S
        return self._is_fresh(now_ns) and not self.is_disputed and not is_doubtful

    def _is_fresh(self, now_ns: int) -> bool:
        return bool(self._felt) and (now_ns - self._felt[-1].now_ns) * S_PER_NS < MAX_AGE_S

    def _are_two_clocks(self, passed_ns: int, last: _Felt, now_ns: int) -> bool:
        """Whether stamps go astray again and again; once is a clock that was set."""
        if abs(passed_ns - (now_ns - last.now_ns)) <= ASTRAY_NS:
            return False
        before_ns, self._astray_ns = self._astray_ns, now_ns
        return before_ns is not None and (now_ns - before_ns) * S_PER_NS < DOUBT_S

    def _forget_what_is_over(self, clock_ns: int) -> None:
        """Whoever put the arms elsewhere, the end of an old motion is no place to lead them back to."""
        for controller in [c for c, until_ns in self._until_ns.items() if until_ns <= clock_ns]:
            self._told.pop(controller, None)
            self._elder.pop(controller, None)

    def is_astray(self, now_ns: int) -> bool:
        """Whether the stamps' clock was set just now, or is another one's."""
        return self._astray_ns is not None and (now_ns - self._astray_ns) * S_PER_NS < DOUBT_S

    def _is_leap(self, way: NDArray[np.float64], dt_s: float) -> bool:
        return bool(((abs(way) > LEAP_RAD + LEAP_SHARE * self.limits.velocity * dt_s) & ~self.limits.is_gripper).any())

    def _difference(self) -> NDArray[np.float64]:
        first, last = self._felt[0], self._felt[-1]
        if last.stamp_ns <= first.stamp_ns:
            return np.zeros(len(last.values))
        return (last.values - first.values) / ((last.stamp_ns - first.stamp_ns) * S_PER_NS)

    def _shared(self, share: NDArray[np.float64]) -> Limits:
        """The limits with only a share of what may change motion: accelerations and their rates."""
        share = STOP_SHARE * share
        changed = {f.name: getattr(self.limits, f.name) * share for f in fields(Limits) if f.name in CHANGES}
        return replace(self.limits, **changed)


def _without_knots_right_ahead(plan: Plan, is_strangers: bool = False) -> Plan:
    """One knot a gap after the start in place of all that are nearer to it; where a stranger led, also if none is."""
    first_ns = int(plan.times_ns[0]) + (STRANGERS_GAP_NS if is_strangers else FIRST_GAP_NS)
    later = plan.times_ns > first_ns
    if later[1:].all() and not is_strangers:
        return plan
    position, velocity = plan.at(first_ns)
    return Plan(
        np.concatenate([plan.times_ns[:1], [first_ns], plan.times_ns[later]]),
        np.concatenate([plan.positions[:1], position[None], plan.positions[later]]),
        np.concatenate([plan.velocities[:1], velocity[None], plan.velocities[later]]),
    )


def _motion(
    position: NDArray[np.float64], velocity: NDArray[np.float64], acceleration: NDArray[np.float64], at_ns: int
) -> Plan:
    """A plan that moves so at `at_ns`: all that a stop asks of the plan it leaves."""
    h = PIECE_NS * S_PER_NS
    return Plan(
        np.array([at_ns, at_ns + PIECE_NS], np.int64),
        np.stack([position, position + velocity * h + acceleration * h**2 / 2]),
        np.stack([velocity, velocity + acceleration * h]),
    )
