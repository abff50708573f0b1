"""The watchdog without ROS: a second opinion beside the bridge, whose stop works when everything else hangs.

It asks the bridge to stop, brakes the arms itself where the bridge does not, and stays latched until the bridge was
reset. It never commands anything but a stop. Unknown means hold.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.errors import one_line
from finevla_core.safety.brake import Brake
from finevla_core.safety.events import MAX_EVENT, Event, State, Trajectory
from finevla_core.safety.instruction_in_force import MAX_ID
from finevla_core.safety.limits import Limits
from finevla_core.safety.policy_monitor import PolicyMonitor
from finevla_core.safety.publisher_monitor import CounterWatch
from finevla_core.safety.watchdog_findings import WATCHES, Verdict, silence
from finevla_core.safety.watchdog_monitors import (
    EpochMonitor,
    HeartbeatMonitor,
    OtherWatchdogs,
    PublisherConflictMonitor,
    RosClock,
    Strangers,
)
from finevla_core.safety.watchdog_options import WatchdogOptions
from finevla_core.time_units import S_PER_NS

# DDS lists the publishers of a killed process for 20 s; two bridges that live are told apart by what they say.
DEAD_LISTED_NS = 25_000_000_000
# Clocks this far from that of the joint states are not the controllers'; and simulated time that stands still for so long.
CLOCK_DOUBTFUL_S = 0.1
HEARD_NS = 35_000_000  # two ticks: what was sent with a message of another topic has come by then
JUMP_TOLD_S = 1.0  # a jump is over at once; for so long it is still a finding
# Speeds of joint states that leap by any number are no speeds; what the limits allow is over long before.
LONGEST_STOP_S = 5.0
LATE_TICK_NS = 25_000_000  # a tick this long after the last one has not read what was sent in time for it
LATE_NS = 100_000_000  # a tick this long after the last one: the watchdog itself was not given the processor
# After this long what it heard before is nothing to go by; it looks anew before it judges, for so long at most.
SLEPT_NS, WAKING_NS = 250_000_000, 200_000_000
HELD_UP_ANEW_NS = 1_000_000_000  # where every tick is late, it holds its own stops back for WAKING_NS in so long
ANSWER_NS = 20_000_000  # a bridge that follows hears a stranger as well, and its stop is the smoother one


class Watchdog:
    """Feed it what is heard, `tick` it at 50 Hz, publish what `take` gives."""

    def __init__(
        self,
        embodiment: Embodiment,
        limits: Limits,
        carriers: Mapping[str, NDArray[np.bool_]],
        options: WatchdogOptions,
        names: tuple[str, str],
        is_simulated: bool,
        now_ns: int,
    ) -> None:
        self.embodiment, self.options = embodiment, options
        self.brake = Brake(embodiment, limits)
        self.strangers, self.others = Strangers(), OtherWatchdogs()
        self._ticked_ns = now_ns
        self.publications = CounterWatch(lambda: self._ticked_ns)  # of joint states
        self.rivals = PublisherConflictMonitor(*names, second_ns=DEAD_LISTED_NS)
        self.voices = EpochMonitor()
        found_ns, loaded_ns = (now_ns + round(s / S_PER_NS) for s in (options.startup_s, options.loading_s))
        self.clock = RosClock(options.clock_jump_s, is_simulated, HeartbeatMonitor(loaded_ns))
        self.bridge, self.joints, self.stamps, self.deadman = (HeartbeatMonitor(found_ns) for _ in range(4))
        self.policy = PolicyMonitor(options, carriers, ~limits.is_gripper, loaded_ns)
        self._woke_ns: int | None = None  # slept, and has not looked anew yet
        # Of late ticks: since when they are counted, how long they took, and until when messages of before them may be unread.
        self._held_up_since_ns = self._held_up_until_ns = now_ns - HELD_UP_ANEW_NS
        self._held_up_for_ns = 0
        self.state = State.DISABLED
        self.is_new_bridge = False  # another one than before, and not STOPPED yet
        self.instruction_id = ""
        self.is_held = True
        self.findings: dict[str, str] = {}  # code to sentence, as of the last tick
        self.latched = ""  # code of the finding that led to the stop; empty = not latched
        self.reason = ""
        self.brakes = 0  # stops of our own since the latch
        self._braked: set[str] = set()  # controllers that they were for
        self._unanswered: dict[str, int] = {}  # controllers that a stranger commands, and when they are braked
        self._confirmed_ns: int | None = None
        self._latched_ns = self._asked_ns = self._settled_ns = 0
        self._stop_took_s = 0.0
        self._rests_by_ns: int | None = None  # after a stop of the bridge's own; None = not to be looked at
        self._attempts = 0
        self._causes = ""  # findings of the last tick that lead to a stop
        self._asks = False
        self._trajectories: list[Trajectory] = []
        self._again: dict[str, tuple[int, Trajectory]] = {}  # by controller: what is to be said once more, and when
        self._events: list[Event] = []

    @property
    def trouble(self) -> str:
        """Why nothing may move now, one sentence; empty = as far as the watchdog sees, it may.

        A latch whose cause is gone and that the bridge has confirmed is no trouble: the bridge is STOPPED, and a reset
        is the person's decision.
        """
        return one_line(self._causes or (self.reason if self._confirmed_ns is None else ""), MAX_EVENT)

    @property
    def hears(self) -> bool:
        """Whether it has found what it guards, and looked at it since it slept; else it is none, and nothing may move."""
        return not self.unheard and self._woke_ns is None

    @property
    def unheard(self) -> list[str]:
        """What it guards and has not heard yet."""
        guarded = {"the safety bridge": self.bridge, "joint states": self.joints}
        return [name for name, beat in guarded.items() if not beat.has_spoken]

    def on_joint_state(
        self, stamp_ns: int, names: Sequence[str], positions: Sequence[float], velocities: Sequence[float], now_ns: int
    ) -> None:
        """Take in a measured joint state (rad, rad/s); an unusable one with a new stamp does not count as heard."""
        before = self.brake.stamp_ns
        usable = self.brake.on_measurement(stamp_ns, names, positions, velocities, now_ns)
        if usable:
            self.stamps.heard(now_ns)
        if usable or stamp_ns == before:
            self.joints.heard(now_ns)

    def on_status(self, state: int, epoch: int, now_ns: int) -> None:
        """The bridge's heartbeat. Leaving STOPPED is a reset; a bridge that was started again must be STOPPED first."""
        self.bridge.heard(now_ns)
        if self.voices.heard(epoch, now_ns):
            self.is_new_bridge, self._confirmed_ns = True, None
        # A state that we do not know may be one in which something moves.
        was, self.state = self.state, State(state) if state in State else State.FOLLOWING
        if self.state in (State.STOPPED, State.DISABLED):
            self.instruction_id = ""  # it has ended, for all nodes
        if self.state is State.FOLLOWING and was is not State.FOLLOWING:
            self.policy.chunks.heard(now_ns)
        if self.state is not State.STOPPED:
            self._rests_by_ns = None
        elif was is not State.STOPPED:
            self._rests_by_ns = self._rested_by_ns(now_ns)
        self.is_new_bridge = self.is_new_bridge and self.state is not State.STOPPED
        if not self.latched:
            return
        if self.state is State.STOPPED:
            self._confirmed_ns = now_ns if self._confirmed_ns is None else self._confirmed_ns
        elif self._confirmed_ns is not None:
            self._say(0, "watchdog.reset", f"the bridge was reset and is {self.state.name.lower()}; watching on")
            self.latched = self.reason = ""
            self.clock.jumped_ns = None  # a jump is over once a person has looked; whatever lasts stops again

    def on_instruction(self, instruction_id: str, now_ns: int) -> None:
        """The active instruction; empty = none."""
        self.instruction_id = instruction_id
        self.policy.chunks.heard(now_ns)

    def on_chunk(self, now_ns: int) -> None:
        """Some chunk of the policy."""
        self.policy.chunks.heard(now_ns)

    def on_policy(self, observations_taken: int, now_ns: int) -> None:
        """The policy's heartbeat, with the number of observations that it has taken."""
        self.policy.on_policy(observations_taken, now_ns)

    def on_observation(self, hashes: Mapping[str, int], state: NDArray[np.float64], now_ns: int) -> None:
        """An observation: content hash per camera, and the state `(D,)` measured with the pictures."""
        self.policy.on_observation(hashes, state, now_ns)

    def on_deadman(self, is_held: bool, now_ns: int) -> None:
        """Take in the state of the operator's deadman switch: held or released."""
        self.is_held = is_held
        self.deadman.heard(now_ns)

    def on_publishers(self, topic: str, names: Sequence[str], now_ns: int) -> None:
        """Fully qualified names of the nodes that publish on a command topic, once per publisher; empty = not known."""
        self.rivals.seen(topic, names, now_ns)

    def on_joint_publication(self, names: Sequence[str], number: int) -> None:
        """The publication sequence number of a joint state that names some of these joints."""
        if not set(names).isdisjoint(self.embodiment.joints):
            self.brake.is_disputed = self.publications.note(number)

    def on_other_watchdog(self, instance: str, sequence: int, own: str, own_sequence: int, now_ns: int) -> str:
        """A sealed heartbeat of another watchdog process; why this one must not start, "" if it may or runs already."""
        return self.others.heard(instance, sequence, own, own_sequence, now_ns)

    def on_stranger(
        self,
        controller: str,
        who: str,
        joints: Sequence[str],
        start_ns: int,
        times_ns: Sequence[int],
        positions: Sequence[Sequence[float]],
        velocities: Sequence[Sequence[float]],
        now_ns: int,
        clock_ns: int,
    ) -> None:
        """What neither the bridge nor a watchdog of this stack told a controller: a stop at once, from its motion.

        A bridge that follows is given a moment for its own stop, for it knows best where the motion was.
        """
        clock_ns = self._controllers_ns(now_ns, clock_ns)
        self.brake.on_command(controller, joints, start_ns, times_ns, positions, velocities, now_ns, clock_ns, True)
        self.strangers.heard(controller, who, now_ns)
        is_bridges = not self.latched and self.state is State.FOLLOWING and self._is_bridge_there(now_ns)
        self._unanswered[controller] = min(
            now_ns + (ANSWER_NS if is_bridges else 0), self._unanswered.get(controller, now_ns + ANSWER_NS)
        )
        if not self.latched:
            text = WATCHES["watchdog.rival"].says.format(self.strangers.who(now_ns))
            self.findings["watchdog.rival"] = self._causes = text
            self._latch("watchdog.rival", text, now_ns)
        self._answer(now_ns, clock_ns)

    def on_watchdogs_trajectory(
        self,
        controller: str,
        joints: Sequence[str],
        start_ns: int,
        times_ns: Sequence[int],
        positions: Sequence[Sequence[float]],
        velocities: Sequence[Sequence[float]],
        now_ns: int,
        clock_ns: int,
    ) -> None:
        """What another watchdog of this stack told a controller: a stop, which is not answered with another one."""
        clock_ns = self._controllers_ns(now_ns, clock_ns)
        self.brake.on_command(controller, joints, start_ns, times_ns, positions, velocities, now_ns, clock_ns)
        self._unanswered.pop(controller, None)

    def on_trajectory(
        self,
        controller: str,
        joints: Sequence[str],
        start_ns: int,
        times_ns: Sequence[int],
        positions: Sequence[Sequence[float]],
        velocities: Sequence[Sequence[float]],
        now_ns: int,
        clock_ns: int,
    ) -> None:
        """What the bridge told a controller; after a stop it is answered with a stop.

        The bridge's own stop is let pass: it comes before or with its STOPPED, and once more, however late. A bridge that
        wakes up after we braked does not know where the arms are by now, and what it sends then is nothing to follow.
        """
        clock_ns = self._controllers_ns(now_ns, clock_ns)
        is_repeated = self.brake.is_repeated(controller, start_ns, times_ns, positions)
        accepted = self.brake.on_command(
            controller, joints, start_ns, times_ns, positions, velocities, now_ns, clock_ns
        )
        if accepted:
            self._unanswered.pop(controller, None)  # its motion has replaced the stranger's
        if not accepted or not self.latched or is_repeated:
            return
        is_late = self._confirmed_ns is not None and (now_ns - self._confirmed_ns) * S_PER_NS > self.options.confirm_s
        if (controller in self._braked or is_late) and not self._is_second(now_ns):
            self._brake([controller], now_ns, clock_ns, "something commands them after the stop")

    def tick(self, now_ns: int, clock_ns: int) -> None:
        """Look at everything; `clock_ns` is the ROS clock."""
        self._excuse(now_ns)
        self.clock.tick(now_ns, clock_ns)
        if self._is_waking(now_ns, clock_ns):
            return
        self.brake.is_disputed = self.publications.is_double
        ours_ns, clock_ns = clock_ns, self._controllers_ns(now_ns, clock_ns)
        if self._rests_by_ns is not None and ours_ns != clock_ns:  # the bridge's stop was by that clock too
            self._rests_by_ns, self._stop_took_s = min(self._rests_by_ns, now_ns), 0.0
        needs_braking = self._needs_braking(now_ns, clock_ns)
        findings = self._look(now_ns, needs_braking)
        is_moving = self.state is State.FOLLOWING or needs_braking
        stops = [code for code in findings if self._verdict(code, is_moving) is Verdict.STOP]
        self._tell(findings, stops)
        self.findings, self._causes = findings, "; ".join(findings[code] for code in stops)
        if stops and not self.latched:
            self._latch(stops[0], findings[stops[0]], now_ns)
        if self.latched:
            self._answer(now_ns, clock_ns)
            self._see_to_it(now_ns, clock_ns)
        for controller in [c for c, (due_ns, _) in self._again.items() if now_ns >= due_ns]:
            self._trajectories.append(self._again.pop(controller)[1])

    def take(self) -> tuple[bool, list[Trajectory], list[Event]]:
        """Since the last call: whether the bridge is to be asked to stop, own stops for the controllers, events."""
        taken = self._asks, self._trajectories, self._events
        self._asks, self._trajectories, self._events = False, [], []
        return taken

    def _excuse(self, now_ns: int) -> None:
        """What came while the watchdog slept is still unread: its own sleep is nobody's silence."""
        slept_ns, self._ticked_ns = now_ns - self._ticked_ns, now_ns
        if slept_ns > LATE_TICK_NS:
            if now_ns - self._held_up_since_ns >= HELD_UP_ANEW_NS:
                self._held_up_since_ns, self._held_up_for_ns = now_ns, 0
            if self._held_up_for_ns < WAKING_NS:
                # What came during one tick is read by the next; of what came in more than two some takes longer.
                until_ns = now_ns + (HEARD_NS if slept_ns > HEARD_NS else 1)
                self._held_up_until_ns = max(self._held_up_until_ns, until_ns)
            self._held_up_for_ns += slept_ns
        if slept_ns <= LATE_NS:
            return
        for beat in (self.bridge, self.joints, self.stamps, self.deadman, self.clock.ran, *self.policy.beats):
            beat.excuse(slept_ns, now_ns)
        if slept_ns > SLEPT_NS and self.hears:
            self._woke_ns = now_ns
            self._unanswered.clear()
            self.brake.doubt()

    def _is_waking(self, now_ns: int, clock_ns: int) -> bool:
        """Whether it slept and has not seen the arms move and heard the bridge since: what it knew may be long over."""
        if self._woke_ns is None:
            return False
        has_looked = min(self.bridge.since_ns, self.joints.since_ns) > self._woke_ns and self.brake.has_looked
        if has_looked or now_ns - self._woke_ns > WAKING_NS:
            self._woke_ns = None
            self.brake.looked_anew(now_ns, self._controllers_ns(now_ns, clock_ns))
        return self._woke_ns is not None

    def _is_held_up(self, now_ns: int) -> bool:
        """Whether the bridge's stop may be among what is unread: a second one from where the arms no longer are is a leap."""
        return now_ns < self._held_up_until_ns

    def _is_bridge_there(self, now_ns: int) -> bool:
        return self.bridge.silent_s(now_ns) < self.options.bridge_timeout_s / 2

    def _is_second(self, now_ns: int) -> bool:
        """Whether another watchdog brakes instead of this one."""
        return self.others.brakes_first(now_ns)

    def _answer(self, now_ns: int, clock_ns: int) -> None:
        """Brake what a stranger commands, where it is due."""
        is_due = not self._is_held_up(now_ns)
        due = [controller for controller, due_ns in self._unanswered.items() if is_due and now_ns >= due_ns]
        for controller in due:
            del self._unanswered[controller]
        if due and not self._is_second(now_ns):
            self._brake(due, now_ns, clock_ns, "a stranger commands them")

    def _look(self, now_ns: int, needs_braking: bool) -> dict[str, str]:
        """What is wrong, code to sentence; the gravest first."""
        o, found = self.options, dict[str, str]()
        topic = self.embodiment.state_topic

        def silent(code: str, beat: HeartbeatMonitor, timeout_s: float, *more: object) -> None:
            # At rest nobody needs to be told of what may still be coming up: nothing moves before it is heard.
            is_coming = not beat.has_spoken and not needs_braking
            timeout_s += max(0.0, o.loading_s - o.startup_s) if is_coming else 0.0
            found.update(silence(code, beat, now_ns, timeout_s, o.arm_simulated, *more))

        who = self.strangers.who(now_ns)
        who = who or "; ".join(f"{who} on {topic}" for topic, who in self.rivals.found().items())
        if who or self.voices.are_two(now_ns):
            who = who or "two bridges speak on safety/status"
            found["watchdog.rival"] = WATCHES["watchdog.rival"].says.format(who)
        if self.others.are_two(now_ns):
            found["watchdog.two"] = WATCHES["watchdog.two"].says
        if (fast := self.brake.too_fast(now_ns)) is not None:
            found["watchdog.speed"] = WATCHES["watchdog.speed"].says.format(*fast)
        if self.publications.is_double:
            found["watchdog.joints_two"] = WATCHES["watchdog.joints_two"].sentence(o.arm_simulated).format(topic)
        silent("watchdog.bridge", self.bridge, o.bridge_timeout_s)
        if self.is_new_bridge:
            found["watchdog.restart"] = WATCHES["watchdog.restart"].says
        if self._rests_by_ns is not None and now_ns >= self._rests_by_ns:
            late_s = (now_ns - self._rests_by_ns) * S_PER_NS
            # Looked at for a moment only: later somebody may push the arms, or the emergency stop lets them sink.
            if late_s > o.settle_s or not (needs_braking or self.latched == "watchdog.motion"):
                self._rests_by_ns = None
            elif not self.latched or self.latched == "watchdog.motion":
                found["watchdog.motion"] = WATCHES["watchdog.motion"].says.format(self._stop_took_s + late_s)
        silent("watchdog.joints", self.joints, o.joints_timeout_s, topic)
        # Stamps of simulated time cannot go on while it stands still, which is a finding of its own.
        if (
            self.joints.has_spoken
            and "watchdog.joints" not in found
            and not self.clock.still_s(now_ns) > 0.5 * o.joints_timeout_s
        ):
            silent("watchdog.joints_still", self.stamps, o.joints_timeout_s, topic)
        if o.deadman and (not self.is_held or self.deadman.silent_s(now_ns) > o.deadman_timeout_s):
            says = "missing" if self.is_held else "released"
            found["watchdog.deadman"] = WATCHES["watchdog.deadman"].says.format(says)
        if self.clock.jumped_ns is not None and (now_ns - self.clock.jumped_ns) * S_PER_NS < JUMP_TOLD_S:
            found["watchdog.clock_jump"] = WATCHES["watchdog.clock_jump"].says.format(self.clock.jumped_s)
        if (still_s := self.clock.still_s(now_ns)) > o.clock_still_s:
            found["watchdog.clock_still"] = WATCHES["watchdog.clock_still"].says.format(still_s)
        found |= self.policy.look(now_ns, bool(self.instruction_id) and self.state is State.FOLLOWING)
        return found

    def _verdict(self, code: str, is_moving: bool) -> Verdict:
        return WATCHES[code].moving if is_moving else WATCHES[code].at_rest

    def _tell(self, findings: Mapping[str, str], stops: Sequence[str]) -> None:
        """An event for each finding that is new and for each that is over; the one that latches is told there."""
        for code, text in findings.items():
            if code not in self.findings and (code not in stops or self.latched):
                self._say(int(Verdict.STOP if code in stops else Verdict.WARNING), code, text)
        for code in sorted(self.findings.keys() - findings.keys()):
            self._say(0, code, f"over: {self.findings[code]}")

    def _needs_braking(self, now_ns: int, clock_ns: int) -> bool:
        """By what the controllers were told, or by what is measured."""
        return self.brake.is_running(clock_ns) or self.brake.speed(now_ns) > self.options.rest_speed

    def _latch(self, code: str, text: str, now_ns: int) -> None:
        self.latched, self.reason = code, text
        self.brakes = self._attempts = 0
        self._braked.clear()
        self._confirmed_ns = None
        self._latched_ns = self._asked_ns = now_ns
        self._settled_ns = self._rested_by_ns(now_ns)
        self._asks = True
        self._say(int(Verdict.STOP), code, f"stop: {text}")

    def _see_to_it(self, now_ns: int, clock_ns: int) -> None:
        """Latched: ask until the bridge confirms, brake where it does not, and again where the arms do not rest."""
        o = self.options
        is_confirmed = self._confirmed_ns is not None
        if not is_confirmed and (now_ns - self._asked_ns) * S_PER_NS >= o.ask_again_s:
            self._asks, self._asked_ns = True, now_ns
        if self._is_held_up(now_ns) or not self._needs_braking(now_ns, clock_ns):
            return
        is_late = is_confirmed or (now_ns - self._latched_ns) * S_PER_NS >= o.confirm_s
        if self._is_clock_doubtful(now_ns):
            why, is_due = "by its clock the bridge does not know where the motion is", self._is_jump_told(now_ns)
        elif self.latched == "watchdog.motion":
            why, is_due = "the bridge did not", True
        elif self.latched == "watchdog.rival" and not self.strangers.was_heard_since(self._latched_ns):
            # On top of the bridge's stop, which must have been heard: two at the same time would be a jerk.
            since_ns = (
                self._latched_ns + round(o.confirm_s / S_PER_NS) if self._confirmed_ns is None else self._confirmed_ns
            )
            why = "the motion may be the rival's, and the bridge can stop only its own"
            is_due = now_ns - since_ns >= HEARD_NS
        else:
            why = "the bridge did not confirm the stop"
            is_due = self.bridge.silent_s(now_ns) > o.bridge_timeout_s or (is_late and not is_confirmed)
        rest = [name for name in self._controllers if name not in self._braked]
        if is_due and rest and not self._attempts and not self._is_second(now_ns):
            self._brake(rest, now_ns, clock_ns, why)
        elif now_ns >= self._settled_ns and self._attempts < o.attempts:
            self._attempts += 1
            self._brake(self._controllers, now_ns, clock_ns, "they do not come to rest")

    def _brake(self, controllers: Sequence[str], now_ns: int, clock_ns: int, why: str) -> None:
        # By a clock that may not be the controllers' they might refuse our stop; "from now on" (0) they take, but not as
        # exactly: only where there is no other way, or where it did not help.
        is_known = self.brake.is_measured(now_ns) or not self._is_clock_doubtful(now_ns)
        stamp_ns = clock_ns if is_known and not self._attempts else 0
        is_exact = not self._is_clock_doubtful(now_ns)
        trajectories = self.brake.stops(controllers, stamp_ns, now_ns, clock_ns, is_exact)
        self._trajectories += trajectories
        # What begins "now", or from a measured pose, would be another motion the second time; where it was lost, the arms do
        # not come to rest and are braked anew.
        again_ns = now_ns + round(self.options.say_again_s / S_PER_NS)
        self._again |= {t.controller: (again_ns, t) for t in trajectories if t.start_ns and not t.times_s[0]}
        self._settled_ns = now_ns + round(self.options.settle_s / S_PER_NS)
        if not self.brakes:
            done = "the watchdog brakes the arms itself" if trajectories else "the arms cannot be braked, use the"
            done += "" if trajectories else " emergency stop: neither a command nor a joint state is known"
            self._say(int(Verdict.STOP), "watchdog.brake", f"{done}: {why}")
        self.brakes += 1
        self._braked.update(controllers)

    def _is_clock_doubtful(self, now_ns: int) -> bool:
        return "watchdog.clock_jump" in self.findings or self.clock.still_s(now_ns) > CLOCK_DOUBTFUL_S

    def _is_jump_told(self, now_ns: int) -> bool:
        """Whether a joint state since the jump says which clock jumped, the driver's too or only ours - or none will."""
        jumped_ns = self.clock.jumped_ns
        return jumped_ns is None or self.joints.since_ns > jumped_ns or now_ns - jumped_ns > LATE_NS // 2

    def _controllers_ns(self, now_ns: int, clock_ns: int) -> int:
        """The controllers' clock: ours, unless the joint states have had another for a while."""
        theirs_ns = self.brake.clock_ns(now_ns)
        if theirs_ns is None or self.brake.is_astray(now_ns):
            return clock_ns
        is_ours = self.brake.is_clock(clock_ns, now_ns, round(CLOCK_DOUBTFUL_S / S_PER_NS))
        return clock_ns if is_ours else theirs_ns

    def _rested_by_ns(self, now_ns: int) -> int:
        """When a stop that begins now is over for certain."""
        needed_s = self.brake.needed_s(now_ns)
        self._stop_took_s = (needed_s if needed_s < LONGEST_STOP_S else LONGEST_STOP_S) + self.options.grace_s
        return now_ns + round(self._stop_took_s / S_PER_NS)

    @property
    def _controllers(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.embodiment.controllers)

    def _say(self, level: int, code: str, text: str) -> None:
        identity = one_line(self.instruction_id, MAX_ID)
        self._events.append(Event(level, code, one_line(text, MAX_EVENT), identity))
