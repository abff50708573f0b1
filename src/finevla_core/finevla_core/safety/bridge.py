"""The safety bridge without ROS: joint states, instructions and chunks in; controller trajectories, events, status out.

Hold means the last commanded position. Unknown means hold. Nothing leaves STOPPED but an explicit reset.
"""

import enum
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from finevla_core.chunk import ActionChunk
from finevla_core.embodiment import Embodiment
from finevla_core.safety.gate import Context, Gate, GateOptions, Rejection
from finevla_core.safety.limits import Limits
from finevla_core.safety.plan import Plan, hold, stop

NS = 1e-9


class State(enum.IntEnum):
    """Values are those of `SafetyStatus`."""

    DISABLED = 0
    HOLDING = 1
    FOLLOWING = 2
    STOPPED = 3


@dataclass(frozen=True)
class BridgeOptions:
    """Times in seconds, angles in rad."""

    # Longer than the 0.33 s that Fast DDS holds a writer up when a newcomer joins over shared memory (measured).
    state_timeout_s: float = 0.5
    reset_cooldown_s: float = 0.5
    rest_velocity: float = 0.05
    clock_jump_s: float = 1.0


@dataclass(frozen=True)
class Trajectory:
    """For one controller: points from `start_ns` on, `times_s` `(N,)`, URDF positions and velocities `(N, J)`."""

    controller: str
    joints: tuple[str, ...]
    start_ns: int
    times_s: NDArray[np.float64]
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]


@dataclass(frozen=True)
class Event:
    """Something the bridge did; `level` 0 info, 1 warning, 2 error."""

    level: int
    code: str
    text: str
    instruction_id: str = ""
    chunk_sequence: int = 0


@dataclass
class Counts:
    """What happened since the start."""

    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    chunk_age_s: float = float("nan")
    executed_s: float = float("nan")


class Bridge:
    """State machine around the gate; every method takes the current time, so it works under any clock."""

    def __init__(
        self, embodiment: Embodiment, limits: Limits, gate_options: GateOptions, options: BridgeOptions
    ) -> None:
        self.embodiment, self.limits, self.options = embodiment, limits, options
        self.gate = Gate(embodiment, limits, gate_options)
        self.state, self.reason = State.DISABLED, "no joint state yet"
        self.counts = Counts()
        self.commands: list[Trajectory] = []
        self.events: list[Event] = []
        self.plan: Plan | None = None
        self.instruction_id = ""
        self._measured: NDArray[np.float64] | None = None
        self._velocity: NDArray[np.float64] | None = None
        self._state_ns = self._stopped_ns = self._now_ns = 0
        self._last_stamp_ns = -1

    def on_joint_state(self, stamp_ns: int, names: Sequence[str], positions: Sequence[float], now_ns: int) -> None:
        """A measured joint state; joints not of this robot are ignored, an incomplete or non-finite one is refused."""
        index = {name: i for i, name in enumerate(names)}
        if len(positions) != len(names) or any(joint not in index for joint in self.embodiment.joints):
            return self._say(1, "state.joints", "joint state lacks joints of this robot; it is ignored")
        measured = self.embodiment.to_values([positions[index[joint]] for joint in self.embodiment.joints])
        if not np.isfinite(measured).all():
            return self._say(1, "state.finite", "joint state is not finite; it is ignored")
        self._watch_clock(now_ns)
        if stamp_ns <= self._state_ns:
            return None
        if (off_s := abs(now_ns - stamp_ns) * NS) > self.options.state_timeout_s:
            if self.state is State.DISABLED:
                self.reason = (
                    f"joint states are stamped {off_s:.1f} s off this clock; check use_sim_time and the clocks"
                )
            return None
        jumped = self._note_velocity(measured, stamp_ns)
        self._measured, self._state_ns = measured, stamp_ns
        if jumped and self.state is State.FOLLOWING:
            self._stop(now_ns, "state.jump", "joint state jumped faster than the arm can move")
        elif self.state is State.DISABLED or (jumped and self.state is State.HOLDING):
            self._adopt(now_ns)
        return None

    def on_instruction(self, instruction_id: str, now_ns: int) -> None:
        """The active instruction changed; an empty id ends the motion smoothly."""
        self.instruction_id = instruction_id
        if not instruction_id and self.state is State.FOLLOWING and self.plan is not None:
            self.plan = stop(self.plan, now_ns, self.limits)
            self._command()

    def on_chunk(self, chunk: ActionChunk, now_ns: int) -> None:
        """Accept or refuse a chunk; an accepted one is commanded at once."""
        result = self._judge(chunk, now_ns)
        if isinstance(result, Rejection):
            self.counts.rejected[result.code] += 1
            text = f"chunk {chunk.sequence} refused: {result.text}"
            return self._say(1, result.code, text, chunk.instruction_id, chunk.sequence)
        self.plan, self._last_stamp_ns = result, chunk.stamp_ns
        self.counts.accepted += 1
        self.counts.chunk_age_s = (now_ns - chunk.stamp_ns) * NS
        self.counts.executed_s = max(0.0, min(self.counts.chunk_age_s, chunk.horizon * chunk.dt_s))
        self._enter(State.FOLLOWING, "following the policy's chunks")
        self._command()
        return None

    def on_stop(self, now_ns: int, code: str, text: str) -> None:
        """Come to rest within the limits and stay there until a reset."""
        self._stop(now_ns, code, text)

    def reset(self, now_ns: int) -> tuple[bool, str]:
        """Leave STOPPED: only at rest, with a fresh joint state, after a cool-down."""
        if self.state is not State.STOPPED:
            return False, f"nothing to reset: the bridge is {self.state.name.lower()}"
        if (now_ns - self._stopped_ns) * NS < self.options.reset_cooldown_s:
            return False, f"wait: a reset is possible {self.options.reset_cooldown_s} s after the stop"
        if not self._fresh(now_ns):
            return False, "joint states are missing; start the arm's driver first"
        if self._velocity is not None and abs(self._velocity).max() > self.options.rest_velocity:
            return False, "the arm still moves; wait until it rests"
        self._adopt(now_ns)
        self._say(0, "reset", "stop was reset; holding")
        return True, "holding"

    def tick(self, now_ns: int) -> None:
        """Watch what does not announce itself: lost joint states, tracking errors, the end of a plan."""
        self._watch_clock(now_ns)
        if self.state in (State.HOLDING, State.FOLLOWING) and not self._fresh(now_ns):
            if self.state is State.FOLLOWING:
                self._stop(now_ns, "state.lost", f"no joint state for {self.options.state_timeout_s} s")
            else:
                self._enter(State.DISABLED, "joint states stopped coming; nothing is commanded")
        if self.state is not State.FOLLOWING or self.plan is None or self._measured is None:
            return
        gap = abs(self._measured - self.plan.at(self._state_ns)[0]) * ~self.limits.is_gripper
        if gap.max() > self.gate.options.max_tracking_error:
            name = self.embodiment.names[int(gap.argmax())]
            self._stop(now_ns, "state.tracking", f"{name} is {gap.max():.2f} rad from where it should be")
        elif now_ns >= self.plan.end_ns:
            self._enter(State.HOLDING, "the plan ended; holding its last position")

    def take(self) -> tuple[list[Trajectory], list[Event]]:
        """Commands and events since the last call."""
        taken = self.commands, self.events
        self.commands, self.events = [], []
        return taken

    def plan_left_s(self, now_ns: int) -> float:
        """Motion left in the running plan, seconds."""
        return max(0.0, (self.plan.end_ns - now_ns) * NS) if self.plan is not None else 0.0

    def _judge(self, chunk: ActionChunk, now_ns: int) -> Plan | Rejection:
        if self.state not in (State.HOLDING, State.FOLLOWING) or self.plan is None or self._measured is None:
            return Rejection("bridge.state", f"the bridge is {self.state.name.lower()}: {self.reason}")
        if not self._fresh(now_ns):
            return Rejection("state.stale", "the joint state is too old to judge it by")
        context = Context(now_ns, self.instruction_id, self._last_stamp_ns, self.plan, self._measured)
        return self.gate.check(chunk, context)

    def _adopt(self, now_ns: int) -> None:
        """Hold: where the arm was last commanded to if it still is there, else where it is."""
        assert self._measured is not None
        position = np.clip(self._measured, self.limits.lower, self.limits.upper)
        if self.plan is not None:
            planned = self.plan.at(now_ns)[0]
            gap = abs(planned - self._measured) * ~self.limits.is_gripper
            position = planned if gap.max() < self.gate.options.max_tracking_error else position
        self.plan = hold(position, now_ns)
        self._enter(State.HOLDING, "joint states are fresh; holding")

    def _stop(self, now_ns: int, code: str, text: str) -> None:
        if self.state is State.STOPPED:
            return
        self._stopped_ns = now_ns
        if self.plan is not None and self.state is State.FOLLOWING:
            self.plan = stop(self.plan, now_ns, self.limits)
            self._command()
        self._enter(State.STOPPED, text)
        self._say(2, code, f"stopped: {text}; call safety/reset when it is safe")

    def _note_velocity(self, measured: NDArray[np.float64], stamp_ns: int) -> bool:
        """Measured velocity from two states; True if the arm cannot have moved that fast."""
        if self._measured is None or self.state is State.DISABLED:
            self._velocity = None
            return False
        dt_s = (stamp_ns - self._state_ns) * NS
        moved = (measured - self._measured) * ~self.limits.is_gripper
        self._velocity = moved / dt_s
        return bool((abs(moved) > 1.5 * self.limits.velocity * dt_s + 0.02).any())

    def _watch_clock(self, now_ns: int) -> None:
        if now_ns < self._now_ns - self.options.clock_jump_s / NS:
            if self.state is State.FOLLOWING:
                self._stop(now_ns, "clock.jump", "the clock jumped back")
            elif self.state is State.HOLDING:
                self._enter(State.DISABLED, "the clock jumped back; waiting for a fresh joint state")
            self._state_ns, self._last_stamp_ns, self.plan = 0, -1, None
        self._now_ns = now_ns

    def _fresh(self, now_ns: int) -> bool:
        return self._measured is not None and abs(now_ns - self._state_ns) * NS < self.options.state_timeout_s

    def _command(self) -> None:
        """The running plan as one trajectory per controller."""
        assert self.plan is not None
        values = np.clip(self.plan.positions, self.limits.lower, self.limits.upper)
        positions = self.embodiment.to_positions(values)
        velocities = self.embodiment.to_velocities(self.plan.velocities)
        times = (self.plan.times_ns - self.plan.times_ns[0]) * NS
        for controller in self.embodiment.controllers:
            columns = [self.embodiment.joints.index(joint) for joint in controller.joints]
            self.commands.append(
                Trajectory(
                    controller.name,
                    controller.joints,
                    int(self.plan.times_ns[0]),
                    times[1:],
                    positions[1:, columns],
                    velocities[1:, columns],
                )
            )

    def _enter(self, state: State, reason: str) -> None:
        if state is not self.state:
            self._say(0, f"state.{state.name.lower()}", reason)
        self.state, self.reason = state, reason

    def _say(self, level: int, code: str, text: str, instruction_id: str = "", chunk_sequence: int = 0) -> None:
        self.events.append(Event(level, code, text, instruction_id, chunk_sequence))
