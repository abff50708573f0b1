"""The safety bridge without ROS: joint states, instructions and chunks in; controller trajectories, events, status out.

Hold means the last commanded position. Unknown means hold. Nothing leaves STOPPED but an explicit reset, and a reset never
moves: what was under way has ended.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from finevla_core.chunk import ActionChunk
from finevla_core.embodiment import Embodiment
from finevla_core.errors import one_line
from finevla_core.safety.authority import CommandAuthority
from finevla_core.safety.bridge_options import BridgeOptions
from finevla_core.safety.clock_jumps import Timekeeper
from finevla_core.safety.controller_references import ControllerReferences
from finevla_core.safety.controller_trajectories import SAG_RAD, ControllerCommands
from finevla_core.safety.envelope import Envelope
from finevla_core.safety.events import MAX_EVENT, MAX_REASON, RESET_ADVICE, Event, State, Trajectory, state_sentence
from finevla_core.safety.gate import Gate, GateContext, GateOptions, Judged, Rejection
from finevla_core.safety.heartbeat_checks import Heartbeats
from finevla_core.safety.instruction_in_force import MAX_ID, Mandate, is_motion
from finevla_core.safety.joining import ENSEMBLED
from finevla_core.safety.joint_state_filter import MeasuredArms
from finevla_core.safety.plan import Plan, hold, rested, stop
from finevla_core.safety.plan_after_sleep import PlanAfterSleep
from finevla_core.safety.plan_approval import Waiting, is_same_motion
from finevla_core.safety.plan_tracking import least_speeds
from finevla_core.safety.publisher_monitor import CounterWatch
from finevla_core.stop_words import StopUtterance
from finevla_core.time_units import S_PER_NS

# These say when and by whom, not what: a policy that is told something else meanwhile is not out of its mind.
NOT_COUNTED = frozenset(
    f"chunk.{why}" for why in ("stale", "late", "sequence", "epoch", "instruction", "authority", "ended", "leading")
)
UNREADY = (State.DISABLED, State.STOPPED)  # in these nothing that is said or sent counts
ADOPT_ADVICE = "if it is true: finevla adopt (service safety/adopt)"
STILL_RAD_S = 0.1  # a controller that rests while it was led on faster than that does not do what it was told
MOST_GRIP = 0.5  # of the opening: so much farther than they come, fingers are told to close on what they grip
SAME_RAD = 1e-3  # a controller that holds something farther from where it was commanded was started again
SELDOM_S = 1.0  # how often joint states that do not count are told
TOLD_AGAIN_S = 10.0  # and what asks for a stop that is on already


@dataclass
class Counts:
    """What happened since the start; the last four are of the newest accepted chunk."""

    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    chunk_age_s: float = float("nan")
    executed_s: float = float("nan")
    executed_steps: int = 0
    chunk_sequence: int = 0


class Bridge:
    """State machine around the gate; every method takes the current time, so it works under any clock.

    Only heartbeats are timed by the steady clock: they beat on whatever simulated time does.
    `epoch` must be larger than that of any bridge before it on this robot; a reset begins the next one. `state_publishers`
    names who publishes joint states; it is asked when two do. `why_unready` says in a sentence why the robot must not be
    commanded, or "".
    """

    def __init__(
        self,
        embodiment: Embodiment,
        envelope: Envelope,
        gate_options: GateOptions,
        options: BridgeOptions,
        epoch: int = 1,
        steady_ns: Callable[[], int] = time.monotonic_ns,
        state_publishers: Callable[[], Sequence[str]] = tuple,
        why_unready: Callable[[], str] = str,
    ) -> None:
        self.embodiment, self.envelope, self.limits, self.options = embodiment, envelope, envelope.limits, options
        self.gate = Gate(embodiment, envelope, gate_options)
        self.epoch = epoch
        self.state, self.reason = State.DISABLED, "no joint state yet"
        self.counts = Counts()
        self.commands = ControllerCommands(embodiment, self.limits, options.say_again_s)
        self.events: list[Event] = []
        self.plan: Plan | None = None
        self._braking: Plan | None = None  # the last plan that was a stop
        self._plan_after_sleep: PlanAfterSleep | None = None
        self.judged: Judged | None = None
        self.mandate = Mandate(steady_ns)
        self.heartbeats = Heartbeats(options.watchdog_timeout_s, options.deadman_timeout_s, steady_ns)
        self.time = Timekeeper(options.asleep_s, options.back_s, steady_ns)
        self.authority = CommandAuthority(options.authority_timeout_s)
        reach_rad = gate_options.max_tracking_error
        self.references = ControllerReferences(embodiment, self.limits, reach_rad, steady_ns)
        self.arms = MeasuredArms(embodiment, self.limits, options.state_timeout_s, reach_rad, steady_ns)
        self.is_stepping = False
        self.waiting: Waiting | None = None
        self._steady_ns, self._state_publishers, self.why_unready = steady_ns, state_publishers, why_unready
        self._counter, self._switches = CounterWatch(steady_ns), CounterWatch(steady_ns)
        self._shown = 0  # plans so far
        self._seldom_told_ns: dict[str, int] = {}
        self._motion_id = ""  # of the chunk of an operator's motion that is followed or shown
        self._recent: deque[ActionChunk] = deque(maxlen=ENSEMBLED - 1)
        self._stopped_ns = self._now_ns = 0
        self._stops_told_ns: dict[str, int] = {}  # of the stop that is on: each cause, and when it was named
        self._last_stamp_ns = self._last_sequence = -1
        self._in_a_row = 0

    @property
    def instruction_id(self) -> str:
        """The instruction in force; empty = none."""
        return self.mandate.instruction_id

    @property
    def client(self) -> str:
        """Who has command authority; empty = nobody."""
        return self.authority.client

    def on_joint_state(
        self, stamp_ns: int, names: Sequence[str], positions: Sequence[float], now_ns: int, number: int = 0
    ) -> None:
        """A measured joint state; joints not of this robot are ignored, incomplete and incredible ones are refused.

        `number` is what DDS counts it as, of its publisher; 0 = not known.
        """
        measured = self.arms.read(names, positions)
        if measured is None:
            return self._say_unread(self.arms.why_unread(names, positions))
        if self._counter.note(number) and self.state is not State.STOPPED:
            self._stop(now_ns, "state.two", self._two_publishers())
        if (i := self.limits.incredible(measured)) is not None:
            text = f"joint state says {measured[i]:g} of {self.embodiment.names[i]}, which it cannot reach"
            if self.state is State.FOLLOWING:
                return self._stop(now_ns, "state.range", text)
            return self._say_seldom("state.range", f"{text}; it is ignored")
        self._watch_clock(now_ns)
        self._repeat(now_ns)
        if not self._is_timely(stamp_ns, now_ns):
            return None
        is_following = self.state is State.FOLLOWING
        if why := self.arms.note(measured, stamp_ns, is_following):
            if self.state is not State.STOPPED:
                self._stop(now_ns, "state.jump" if is_following else "state.leap", why)
        elif self.state is State.DISABLED:
            self._adopt(now_ns)
        elif self.state is not State.STOPPED and (why := self.arms.too_fast()):
            self._stop(now_ns, "state.speed", why)
        if self._plan_after_sleep is not None and not why:
            self._brake_what_goes_on(self._plan_after_sleep, measured, stamp_ns, now_ns)
        return None

    def on_instruction(self, instruction_id: str, now_ns: int, age_s: float = 0.0) -> None:
        """The active instruction, as it was announced `age_s` ago; an empty id ends what moves, an operator's motion too.

        One that was announced before the bridge held, or that has ended, does not count.
        """
        before = self.instruction_id
        if not instruction_id:
            self._end(now_ns, "no instruction is active any more", is_stop=False)
        self.mandate.announce(instruction_id, age_s)
        if self.instruction_id != before:
            self._recent.clear()
            self.waiting, self._in_a_row = None, 0

    def on_stop_word(self, heard: StopUtterance, now_ns: int) -> None:
        """Come to rest: the operator said stop. What was under way has ended; the arms hold until new words come."""
        instruction_id, is_moving = self.instruction_id, self.state is State.FOLLOWING
        self._end(now_ns, f"the operator said '{heard.word}'", is_stop=True)
        text = f"the operator said '{heard.word}'"
        if heard.rest:
            text += f", and went on: '{heard.rest[:60]}'; to be on the safe side all of it was taken as a stop"
        now = "are braked and hold" if is_moving else "hold"
        done = (
            f"the arms {now} until new words come"
            if self.state not in UNREADY
            else f"the bridge is {state_sentence(self.state, self.reason)}"
        )
        self._say(1, "stop.word", f"{text}; {done}", instruction_id)

    def on_chunk(self, chunk: ActionChunk, now_ns: int) -> None:
        """Accept or refuse a chunk; an accepted one is commanded at once, or shown first in step mode."""
        result = self._judge(chunk, now_ns)
        if self.is_stepping and not isinstance(result, Rejection):
            # As it will be judged at the yes, when its observation counts as new: what is shown is what begins.
            result = self._judge(replace(chunk, stamp_ns=now_ns), now_ns)
        if isinstance(result, Rejection):
            return self._refuse(chunk, result, now_ns)
        self._in_a_row = 0
        if not self.is_stepping:
            return self._follow(chunk, result, now_ns)
        self._begin(chunk)
        self._show(chunk, result, now_ns)
        return None

    def on_other_command(self) -> None:
        """Somebody else commanded a controller, the watchdog's brake too: what it holds now is not what it was told here."""
        self.commands.forget()
        self._doubt_controllers()

    def on_stop(self, now_ns: int, code: str, text: str) -> None:
        """Come to rest within the limits and stay there until a reset."""
        self._stop(now_ns, code, text)

    def on_watchdog(self, is_well: bool, text: str, now_ns: int) -> None:
        """The watchdog's heartbeat; one that is not well is a stop."""
        self.heartbeats.heard_watchdog(is_well, text)
        if not is_well:
            self._stop(now_ns, "watchdog", f"the watchdog says: {text}")

    def on_deadman(self, is_held: bool, now_ns: int, number: int = 0) -> None:
        """The operator's deadman switch: held, or let go; one that two press is let go. `number` as in `on_joint_state`."""
        is_double = self._switches.note(number)
        self.heartbeats.heard_deadman(is_held and not is_double)
        if self.options.deadman_timeout_s is None or self.state is not State.FOLLOWING:
            return
        if is_double:
            self._stop(
                now_ns, "deadman.two", "two publishers press the deadman switch (safety/deadman); end one of them"
            )
        elif not is_held:
            self._stop(now_ns, "deadman", "the deadman switch was let go")

    def take_authority(self, client: str, now_ns: int) -> tuple[bool, str]:
        """Give command authority to `client` if nobody has it."""
        if not client:
            return False, "a client needs a name: its fully qualified node name"
        if self.state in UNREADY:
            return False, f"nobody can command the arms: the bridge is {state_sentence(self.state, self.reason)}"
        return self.authority.take(client, now_ns, self.state is State.FOLLOWING)

    def release_authority(self, client: str, now_ns: int) -> tuple[bool, str]:
        """Take it from `client`; its own motion, if it asked for authority by name, comes smoothly to rest at once.

        Any other running plan goes on to its end, which is at rest.
        """
        is_own = self.authority.is_taken and self.authority.mover == client == self.client
        had_it, text = self.authority.give_up(client)
        if had_it and is_own:
            self._brake(now_ns)
        if had_it and self.waiting is not None and self.waiting.chunk.client == client:
            self.waiting = None
        return had_it, text

    def step(self, is_on: bool, now_ns: int) -> str:
        """Switch step mode: every plan waits, at rest, for the operator's yes."""
        self.is_stepping, self.waiting = is_on, None
        if is_on:
            self._brake(now_ns)
        return "every plan waits for a yes on safety/approve" if is_on else "plans are followed as they come"

    def approve(self, number: int, is_yes: bool, now_ns: int) -> tuple[bool, str]:
        """The operator's answer to the plan `number`. It is judged again as if its observation were of this moment."""
        shown = self.waiting
        if shown is None:
            return False, "no plan waits"
        if number != shown.number:
            return False, f"plan {number} does not wait any more; plan {shown.number} does: look at that one first"
        if shown.is_over(now_ns, self.options.approval_timeout_s):
            self._withdraw(shown)
            return False, f"plan {number} was shown too long ago; the next one will be shown"
        chunk, self.waiting = shown.chunk, None
        if not is_yes:
            self._say(
                0, "step.refused", f"chunk {chunk.sequence} was turned down by the operator", chunk.instruction_id
            )
            return True, "turned down; the next plan will be shown"
        now_chunk = replace(chunk, stamp_ns=now_ns)
        result = self._judge(now_chunk, now_ns)
        if isinstance(result, Rejection):
            self._refuse(now_chunk, result, now_ns)
            return False, f"it does not pass any more: {result.text}"
        if not is_same_motion(shown.judged.plan, result.plan):
            self._show(chunk, result, now_ns)
            return False, "it is not the plan that you saw any more; look again"
        self._follow(now_chunk, result, now_ns)
        return True, "following it; the next plan will be shown when the arms rest"

    def adopt(self, is_confirmed: bool, now_ns: int) -> tuple[bool, str, NDArray[np.float64] | None]:
        """Take the measured pose as the true one, if `is_confirmed`: whether, a sentence, and the difference `(D,)`.

        Only while the bridge is stopped and what is measured is not where the arms were known to be. Moves nothing.
        """
        difference = self.arms.difference()
        if difference is None:
            return False, "there is nothing to adopt: no joint state says that the arms are elsewhere than known", None
        told = self._told_difference(difference)
        if self.state is not State.STOPPED:
            return False, f"{told}; the bridge is {self.state.name.lower()}, not stopped", difference
        if not is_confirmed:
            return False, f"{told}; confirm that the arms really are there, and they are held there", difference
        if self._counter.is_double:
            return False, self._two_publishers(), difference
        why = self.arms.why_not_adopted()
        if not why and (here := self.envelope.clearance.at(self.arms.measured(), self.options.adoption_slack_m)).code:
            why = f"this pose is not allowed: {here.violation}; move the arm, or mend the safety file"
        if why:
            return False, f"{told}; {why}", difference
        self.arms.adopt()
        assert self.arms.position is not None
        self.plan = hold(self.arms.position, now_ns)
        self.commands.is_obeyed = False
        self._say(1, "state.adopted", f"the operator took the measured pose as the true one: {told}")
        return True, f"adopted: {told}; {RESET_ADVICE}", difference

    def reset(self, now_ns: int) -> tuple[bool, str]:
        """Leave STOPPED: only at rest, with a fresh joint state, after a cool-down. Begins a new epoch, and moves nothing."""
        if self.state is not State.STOPPED:
            return False, f"nothing to reset: the bridge is {self.state.name.lower()}"
        if (now_ns - self._stopped_ns) * S_PER_NS < self.options.reset_cooldown_s:
            return False, f"wait: a reset is possible {self.options.reset_cooldown_s} s after the stop"
        if self._counter.is_double:
            return False, self._two_publishers()
        if (difference := self.arms.difference()) is not None:
            return False, f"{self._told_difference(difference)}; {ADOPT_ADVICE}"
        if self.arms.is_disputed():
            return False, "joint states contradict each other; see who publishes them, and wait until all say the same"
        if not self.arms.is_fresh(now_ns):
            return (
                False,
                "joint states are missing or late; see that the arms' driver, or the simulator, runs and keeps up",
            )
        if self.arms.moves(self.options.rest_velocity):
            return False, "the arm still moves; wait until it rests"
        if missing := self._unready() or self.heartbeats.missing():
            return False, missing
        if trouble := self.heartbeats.trouble():
            return False, f"the watchdog says: {trouble}"
        if why := self._why_not_here(now_ns):
            return False, why
        self.epoch += 1
        self._hold(now_ns)
        self._say(0, "reset", "stop was reset; the arms hold until new words come")
        return True, "holding; the arms rest until new words come"

    def tick(self, now_ns: int) -> None:
        """Watch what does not announce itself: lost joint states and heartbeats, tracking errors, the end of a plan."""
        self._watch_clock(now_ns)
        self._repeat(now_ns)
        if (lost := self.time.lost(now_ns)) and self.state is State.FOLLOWING:
            self._stop(now_ns, *lost)
        self.time.tick(now_ns)
        if self.state is State.FOLLOWING and not self.arms.is_fresh(now_ns):
            self._stop(now_ns, "state.lost", f"no joint state of all joints for {self.options.state_timeout_s} s")
            self._doubt_controllers()
        if self.state is State.HOLDING and not self.time.just_woke():  # nothing moves, and no chunk is judged by it
            if not self.arms.is_fresh(now_ns):
                self._enter(State.DISABLED, "joint states stopped coming; nothing is commanded")
                self._doubt_controllers()
            elif missing := self._unready():
                self._enter(State.DISABLED, missing)
        if self.waiting is not None and self.waiting.is_over(now_ns, self.options.approval_timeout_s):
            self._withdraw(self.waiting)
        if self.state is not State.FOLLOWING or self.plan is None or self.arms.position is None:
            return
        if still := self._held_still(now_ns):
            self._stop(now_ns, "controllers.still", still)
        elif why := self.why_unready():
            self._stop(now_ns, "robot.unready", why)
            self.commands.is_obeyed = False
        elif missing := self.heartbeats.missing():
            self._stop(now_ns, "heartbeat.lost", missing)
        elif off := self.gate.tracking(self.plan, self.arms.position, self.arms.stamp_ns):
            self._stop(now_ns, "state.tracking", f"{off[0]} is {off[1]:.2f} rad from where it should be")
        elif now_ns >= self.plan.end_ns:
            self._enter(State.HOLDING, "the plan ended; holding its last position")
            self._last_sequence, self.judged, self._motion_id = -1, None, ""
            self._recent.clear()

    def on_nodes(self, names: Collection[str], now_ns: int) -> None:
        """The nodes in the graph by their full names, about once a second: who has gone does not keep authority."""
        code, text = self.authority.see_nodes(names)
        if code == "authority.gone":
            self.release_authority(self.client, now_ns)
        if code:
            self._say(1, code, text)

    def take(self) -> tuple[list[Trajectory], list[Event]]:
        """Commands and events since the last call."""
        events, self.events = self.events, []
        return self.commands.take(), events

    def plan_left_s(self, now_ns: int) -> float:
        """Motion left in the running plan, seconds."""
        return max(0.0, (self.plan.end_ns - now_ns) * S_PER_NS) if self.plan is not None else 0.0

    def is_at_rest(self, now_ns: int) -> bool:
        """Return whether the arms rest, as far as is known: no plan is left, no controller led onto one, no joint moves."""
        if self.state is State.FOLLOWING or self.plan_left_s(now_ns) > 0 or self.commands.is_leading(now_ns):
            return False
        return not (self.arms.is_fresh(now_ns) and self.arms.moves(self.options.rest_velocity))

    def _judge(self, chunk: ActionChunk, now_ns: int) -> Judged | Rejection:
        if self.state in UNREADY or self.plan is None or self.arms.position is None:
            self.mandate.turn_away(chunk.instruction_id)
            return Rejection("bridge.state", f"the bridge is {state_sentence(self.state, self.reason)}")
        if why := self.mandate.why_void(chunk.instruction_id):
            what = "this motion" if is_motion(chunk.instruction_id) else f"'{chunk.instruction_id[:60]}'"
            return Rejection(
                "chunk.ended", f"{what} has ended: {why}" + ("" if self.instruction_id else "; say it again")
            )
        if lost := self.time.lost(now_ns):
            return Rejection(*lost)
        if not self.arms.is_fresh(now_ns):
            return Rejection("state.stale", "the joint state is too old to judge it by")
        if why := self.why_unready() or self._why_far(now_ns):
            return Rejection("robot.unready", why)
        if missing := self.heartbeats.missing():
            return Rejection("heartbeat.lost", missing)
        if self.state is State.FOLLOWING and (self.commands.is_leading(now_ns) or not self.commands.is_obeyed):
            return Rejection(
                "chunk.leading", "the controllers are only being led onto the motion that has begun; send another"
            )
        if self.state is State.HOLDING:
            self._hold_on(now_ns)
        # What controllers must be led onto begins later, and all of the chunk with it.
        wait_ns = self.commands.wait_ns
        now_ns, chunk = now_ns + wait_ns, replace(chunk, stamp_ns=chunk.stamp_ns + wait_ns)
        if self.is_stepping and (self.waiting is not None or self.state is State.FOLLOWING):
            return Rejection("step.waiting", "step mode: another plan waits or is under way")
        is_free = self.authority.is_free(now_ns, self.state is State.FOLLOWING)
        is_own = is_motion(chunk.instruction_id)
        context = GateContext(
            now_ns=now_ns,
            instruction_id=self.instruction_id,
            epoch=self.epoch,
            client="" if is_free else self.client,
            last_stamp_ns=self._last_stamp_ns,
            last_sequence=self._last_sequence,
            plan=self.plan,
            measured=self.arms.position,
            measured_ns=self.arms.stamp_ns,
            recent=self._recent,
            is_taken=self.authority.may_move,
            # A planned motion goes on somewhere else with every chunk, at the speed that its planner knows of.
            allowed_scale=1.0 if self.judged is None or is_own else self.judged.clearance.speed_scale,
            # Controllers that hold something else are led onto a plan that rests: told so twice, they make no other motion.
            is_led=not self.commands.is_obeyed,
        )
        result = self.gate.check(chunk, context)
        if not wait_ns or isinstance(result, Rejection):
            return result
        return replace(result, plan=rested(result.plan, now_ns - wait_ns))

    def _refuse(self, chunk: ActionChunk, why: Rejection, now_ns: int) -> None:
        self.counts.rejected[why.code] += 1
        self._say(1, why.code, f"chunk {chunk.sequence} refused: {why.text}", chunk.instruction_id, chunk.sequence)
        if not why.code.startswith("chunk.") or why.code in NOT_COUNTED:
            return
        self._in_a_row += 1
        if self._in_a_row >= self.options.max_rejections:
            text = f"{self._in_a_row} chunks in a row were refused, the last one because {why.text}"
            self._stop(now_ns, "chunk.rejections", text)

    def _follow(self, chunk: ActionChunk, judged: Judged, now_ns: int) -> None:
        self._begin(chunk)
        self.plan, self.judged = judged.plan, judged
        self._last_stamp_ns, self._last_sequence = chunk.stamp_ns, chunk.sequence
        self.authority.moved(chunk.client, now_ns)
        # An older chunk's times mean nothing any more once the motion runs slower, or later, than it was meant.
        is_as_sent = judged.speed_scale == 1.0 and not self.commands.wait_ns
        self._recent.append(chunk) if is_as_sent else self._recent.clear()
        counts, age_s = self.counts, (now_ns - chunk.stamp_ns) * S_PER_NS
        counts.accepted += 1
        counts.chunk_age_s, counts.chunk_sequence = age_s, chunk.sequence
        counts.executed_s = max(0.0, min(age_s, chunk.horizon * chunk.dt_s))
        counts.executed_steps = int(counts.executed_s / chunk.dt_s)
        whose = "an operator's motion" if is_motion(chunk.instruction_id) else "the policy's chunks"
        self._enter(State.FOLLOWING, f"following {whose}")
        self._command(now_ns)

    def _begin(self, chunk: ActionChunk) -> None:
        self._motion_id = chunk.instruction_id if is_motion(chunk.instruction_id) else ""
        if self._motion_id:
            self.mandate.begin_motion(self._motion_id)

    def _show(self, chunk: ActionChunk, judged: Judged, now_ns: int) -> None:
        self._shown += 1
        self.waiting = Waiting(self._shown, chunk, judged, now_ns)
        text = f"chunk {chunk.sequence} waits for the operator's yes, as plan {self._shown}"
        self._say(0, "step.waiting", text, chunk.instruction_id)

    def _withdraw(self, shown: Waiting) -> None:
        self.waiting = None
        text = f"chunk {shown.chunk.sequence} waited {self.options.approval_timeout_s:g} s for a yes and is withdrawn"
        self._say(1, "step.expired", text, shown.chunk.instruction_id)

    def _is_timely(self, stamp_ns: int, now_ns: int) -> bool:
        ahead_s = (stamp_ns - now_ns) * S_PER_NS
        if -self.options.state_timeout_s <= ahead_s <= self.options.max_future_s:
            return True
        if self.state is State.DISABLED:
            self.reason = (
                f"joint states are stamped {abs(ahead_s):.1f} s off this clock; check use_sim_time and the clocks, "
                "and whether this computer is overloaded"
            )
        if (
            ahead_s > 0
            and self.time.overtaken(now_ns)
            and self.state is State.FOLLOWING
            and (lost := self.time.lost(now_ns))
        ):
            self._stop(now_ns, *lost)
        if ahead_s > 0:
            text = f"a joint state is stamped {ahead_s:.2f} s in the future, and ignored; check use_sim_time and the clocks"
            self._say_seldom("state.future", text)
        return False

    def _say_unread(self, why: str) -> None:
        """A joint state that tells nothing; one of other joints alone, of a mobile base, say, is nobody's mistake."""
        if not why:
            return
        if self.state is State.DISABLED and self.arms.position is None:
            self.reason = (
                "joint states come, but none that names each joint of this robot once; see the event state.joints"
            )
        self._say_seldom("state.joints", f"a joint state {why}; it is ignored")

    def _say_seldom(self, code: str, text: str) -> None:
        """Warn of what comes with each joint state: a hundred times a second it would be a flood."""
        told_ns, now_ns = self._seldom_told_ns.get(code), self._steady_ns()
        if told_ns is None or (now_ns - told_ns) * S_PER_NS > SELDOM_S:
            self._seldom_told_ns[code] = now_ns
            self._say(1, code, text)

    def _two_publishers(self) -> str:
        names = sorted(set(self._state_publishers()))
        who = f": {', '.join(name[:60] or 'one without a name yet' for name in names[:4])}" if names else ""
        return f"two publishers send joint states of this robot{who}; end one of them"

    def _told_difference(self, difference: NDArray[np.float64]) -> str:
        """The joints that are farthest off, in words."""
        joints = abs(difference) * ~self.limits.is_gripper
        far = [i for i in joints.argsort()[::-1].tolist()[:3] if joints[i] >= max(0.3 * joints.max(), 1e-3)]
        offs = ", ".join(f"{self.embodiment.names[i]} {difference[i]:+.3f} rad" for i in far)
        return f"the arms are measured elsewhere than they were known to be: {offs}"

    def _end(self, now_ns: int, why: str, is_stop: bool) -> None:
        """Brake, and end the instruction and the operator's motion for good: their next chunk would set the arms going."""
        self._brake(now_ns)
        self.mandate.end(why)
        self._recent.clear()
        self.waiting, self._in_a_row = None, 0
        if is_stop:
            self.authority.dismiss(why)
        else:
            self._end_motion(why)

    def _end_motion(self, why: str) -> None:
        """What the holder of authority was about to do has ended, and it is told so."""
        self.authority.end_motion(why)
        if self._motion_id:
            self._say(1, "motion.ended", f"the motion has ended: {why}", self._motion_id)
            self._motion_id = ""

    def _adopt(self, now_ns: int) -> None:
        """Hold if the robot is ready, the watchdog answers and the arms may be there: who holds is ready to follow."""
        if why := self._unready() or self._why_not_here(now_ns):
            self._enter(State.DISABLED, why)
        else:
            self._hold(now_ns)

    def _hold(self, now_ns: int) -> None:
        position, is_there = self._held(now_ns)
        self.plan, self.judged, self.waiting = hold(position, now_ns), None, None
        self.commands.is_obeyed = is_there
        self._last_sequence, self._in_a_row = -1, 0
        self._recent.clear()
        self._enter(State.HOLDING, "joint states are fresh; holding")

    def _hold_on(self, now_ns: int) -> None:
        """Hold what the controllers say that they hold, where that is not known, or they began anew since they were told."""
        if self.plan is None or now_ns < self.plan.end_ns or (held := self.references.held()) is None:
            return
        gap = abs(held - self.plan.positions[-1]) * ~self.limits.is_gripper
        if not self.commands.is_obeyed or gap.max() > SAME_RAD:
            self.plan, self.commands.is_obeyed = hold(held, now_ns), True

    def _held_still(self, now_ns: int) -> str:
        """Return which controller says that it rests although it was led on, "" if none does; the plan then rests there too.

        One that was activated anew in mid-motion has forgotten what it was told. Whatever it is told next begins where it is.
        """
        resting = self.references.resting()
        if self.plan is None or not resting or self.commands.is_leading(now_ns):
            return ""
        speeds, why = least_speeds(self.plan, now_ns) * ~self.limits.is_gripper, ""
        positions, velocities = self.plan.positions.copy(), self.plan.velocities.copy()
        values = self.embodiment.to_values([
            next((places[joint] for places in resting.values() if joint in places), 0.0)
            for joint in self.embodiment.joints
        ])  # fmt: skip
        for controller, places in resting.items():
            columns = [self.embodiment.joints.index(joint) for joint in places]
            fastest = max(columns, key=lambda i: speeds[i])
            if speeds[fastest] < STILL_RAD_S:
                continue
            positions[:, columns], velocities[:, columns] = values[columns], 0.0
            why = (
                f"{controller} holds {self.embodiment.names[fastest]} still although it was told to move it; it was"
                " activated anew, or does not take what it is told: see its log"
            )
        if why:
            self.plan = replace(self.plan, positions=positions, velocities=velocities)
        return why

    def _why_far(self, now_ns: int) -> str:
        """Return why no motion may begin from here by what the controllers hold, "" if it may, or if they do not say."""
        if self.state is State.FOLLOWING or self.arms.position is None:
            return ""
        return self.references.why_far(self.arms.position)

    def _held(self, now_ns: int) -> tuple[NDArray[np.float64], bool]:
        """Where to hold `(D,)`, and whether controllers hold that, whatever an arm lags or sags: they say so, or were told.

        An arm farther from what it was told than one sags was put there, or has other controllers now: those would leap.
        Else it is where the arm is measured, outside its limits too: controllers led from there to a limit would leap. A
        gripper is told what it was told last: fingers stand where what they grip keeps them.
        """
        measured = self.arms.position
        assert measured is not None
        if (held := self.references.held()) is not None:
            return held, True
        if self.plan is None or now_ns < self.plan.end_ns:
            return measured, False
        told, is_gripper = self.plan.positions[-1], self.limits.is_gripper
        if self.commands.is_obeyed and (abs(told - measured) * ~is_gripper).max() <= SAG_RAD:
            return told, True
        return np.where(is_gripper, np.clip(told, measured - MOST_GRIP, measured + MOST_GRIP), measured), False

    def _why_not_here(self, now_ns: int) -> str:
        """Return why the arms cannot be held where they are, "" if they can."""
        if why := self._why_far(now_ns):
            return why
        position, is_there = self._held(now_ns)
        if not is_there and (why := self.arms.why_outside(position)):
            return why
        assert self.arms.position is not None
        here = self.envelope.clearance.at(self.arms.position, self.options.adoption_slack_m)
        return f"this pose is not allowed: {here.violation}; move the arm, or mend the safety file" if here.code else ""

    def _unready(self) -> str:
        """Say why nothing may begin, "" if it may. What controllers hold that were not ready is not what they were told."""
        if why := self.why_unready():
            self.commands.is_obeyed = False
            return why
        return self.heartbeats.unwatched()

    def _doubt_controllers(self) -> None:
        """What the controllers hold is not known any more: others may have taken their place, or told them something."""
        self.commands.is_obeyed = False
        self.references.forget()

    def _stop(self, now_ns: int, code: str, text: str) -> None:
        """Stop; once stopped, name what else asks for it, and begin the cool-down anew: a button may be held."""
        is_first, self._stopped_ns = self.state is not State.STOPPED, now_ns
        told_s = (self._steady_ns() - self._stops_told_ns.get(code, 0)) * S_PER_NS
        if is_first:
            self._brake(now_ns)
            self._enter(State.STOPPED, text)
            self._say(2, code, f"stopped: {self.reason}; {RESET_ADVICE}")
            self._stops_told_ns.clear()
        elif code not in self._stops_told_ns or told_s >= TOLD_AGAIN_S:
            self._say(1, code, f"{text}; the arms are stopped already: {self.reason}; {RESET_ADVICE}")
        else:
            return
        self._stops_told_ns[code] = self._steady_ns()

    def _brake(self, now_ns: int) -> None:
        """Let the running motion come to rest - unless we lost track of it: then the watchdog brakes what still moves.

        Once is enough: the policy ends what the bridge has braked already, and whoever shouts shouts again.
        """
        if self.plan is None or self.plan is self._braking or self.state is not State.FOLLOWING:
            return
        if lost := self.time.lost(now_ns):
            self.commands.forget()  # said again, it would undo the watchdog's stop
            if lost[0] == "bridge.asleep" and self.commands.is_obeyed:
                self._plan_after_sleep = PlanAfterSleep(self.plan, now_ns)
        else:
            self.plan = self._braking = stop(self.plan, now_ns, self.limits)
            self._command(now_ns)

    def _brake_what_goes_on(
        self, after_sleep: PlanAfterSleep, measured: NDArray[np.float64], stamp_ns: int, now_ns: int
    ) -> None:
        """After a sleep, stop what the arms are measured to go on with, unless somebody else has told the controllers."""
        is_ours = self.commands.is_obeyed and self.plan is after_sleep.plan
        if is_ours and after_sleep.is_followed(measured, stamp_ns, ~self.limits.is_gripper):
            self.plan = self._braking = stop(after_sleep.plan, now_ns, self.limits)
            self._command(now_ns)
        if after_sleep.is_over or not is_ours:
            self._plan_after_sleep = None

    def _watch_clock(self, now_ns: int) -> None:
        if now_ns < self._now_ns - self.options.clock_jump_s / S_PER_NS:
            if self.state is State.FOLLOWING:
                self._stop(now_ns, "clock.jump", "the clock jumped back")
            elif self.state is State.HOLDING:
                self._enter(State.DISABLED, "the clock jumped back; waiting for a fresh joint state")
            self.arms.forget_stamps()
            self._last_stamp_ns, self.plan = -1, None
            self._stopped_ns = min(self._stopped_ns, now_ns)
            self.commands.is_obeyed = False
            self.commands.forget()
        self._now_ns = now_ns

    def _command(self, now_ns: int) -> None:
        assert self.plan is not None
        self.commands.say(self.plan, now_ns)

    def _repeat(self, now_ns: int) -> None:
        """Say once more what was said a moment ago, while it still holds."""
        if not self.commands.is_due(now_ns):
            return
        if self.plan is not None and now_ns < self.plan.end_ns and not self.time.lost(now_ns):
            self.commands.say_again()
        self.commands.forget()

    def _enter(self, state: State, reason: str) -> None:
        """Go over into a state. Whatever leads out of holding and following ends all words; new ones count once it holds."""
        reason = one_line(reason, MAX_REASON)
        if state in UNREADY:
            why = f"the bridge was {state.name.lower()}: {reason}"
            self.mandate.close(why)
            self.authority.dismiss(why) if state is State.STOPPED else self._end_motion(why)
            self.waiting = None
            if self.state is State.FOLLOWING and self.plan is not None and self.arms.position is not None:
                way = self.plan.extremes()  # somewhere on it they will be found at rest, whoever braked them
                self.arms.expect(
                    np.minimum(way.lowest, self.arms.position), np.maximum(way.highest, self.arms.position)
                )
        elif self.state in UNREADY:
            self.mandate.open()
        if state is State.HOLDING and self.plan is not None:
            held = self.plan.positions[-1]
            self.arms.expect(held, held)
        if state is not self.state:
            self._say(0, f"state.{state.name.lower()}", reason)
        self.state, self.reason = state, reason

    def _say(self, level: int, code: str, text: str, instruction_id: str = "", chunk_sequence: int = 0) -> None:
        said, identity = one_line(text, MAX_EVENT), one_line(instruction_id, MAX_ID)
        self.events.append(Event(level, code, said, identity, chunk_sequence))
