"""The gate: a chunk passes whole or not at all, each check with its own code; what has no rule does not pass."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from finevla_core.chunk import JOININGS, ActionChunk
from finevla_core.embodiment import Embodiment
from finevla_core.safety.authority import MAX_CLIENT
from finevla_core.safety.clearance import Clearance
from finevla_core.safety.controller_trajectories import LEAD_NS
from finevla_core.safety.envelope import Envelope
from finevla_core.safety.instruction_in_force import is_motion
from finevla_core.safety.joining import BLEND_PROFILES, LEAVE_NS, ensembled, join
from finevla_core.safety.plan import Plan
from finevla_core.time_units import S_PER_NS

# Between a chunk's targets and the margin of a limit there is a zone in which motion towards the limit is slowed down.
LIMIT_ZONE_RAD = 0.05
ROUNDING = 1 + 1e-6
# After a chunk that came near something the next is tried so much slower than that one was allowed to be. What is near
# changes little from chunk to chunk, so that mostly holds, and the next is judged once instead of twice.
EASED = 0.93


@dataclass(frozen=True)
class GateOptions:
    """Tolerances; times in seconds, jumps in values (rad, grippers 0...1)."""

    max_age_s: float = 0.5
    max_future_s: float = 0.05
    max_horizon: int = 100
    max_start_jump: float = 0.25
    max_tracking_error: float = 0.25
    # What an arm tells lags behind what it does (agilexrobotics/piper_sdk#34): so much more at speed is no tracking error.
    feedback_lag_s: float = 0.1


@dataclass(frozen=True)
class Rejection:
    """Why a chunk was refused: a stable code and a sentence."""

    code: str
    text: str


@dataclass(frozen=True)
class Judged:
    """A plan that passed, its least distance along the way, and the speed that was allowed (1 = as asked)."""

    plan: Plan
    clearance: Clearance
    speed_scale: float


@dataclass(frozen=True)
class GateContext:
    """What the gate compares a chunk with. `client` has command authority; `measured` `(D,)` was true at `measured_ns`.

    If `is_taken`, the client asked for authority by name, and may move the arms without an instruction.
    `allowed_scale` is the speed that the running chunk's distances allow, 1 if none runs; `is_led` says that the controllers
    hold something else and are only led onto the plan.
    `last_stamp_ns` and `last_sequence` are those of the running chunk, -1 if none runs; `recent` are the accepted chunks,
    oldest first, that an ensemble may look back on.
    """

    now_ns: int
    instruction_id: str
    epoch: int
    client: str
    last_stamp_ns: int
    last_sequence: int
    plan: Plan
    measured: NDArray[np.float64]
    measured_ns: int
    recent: Sequence[ActionChunk] = ()
    is_taken: bool = False
    allowed_scale: float = 1.0
    is_led: bool = False

    @property
    def leave_ns(self) -> int:
        """How long after `now_ns` the plan is left.

        Controllers that are led onto it must be there first. One that rests is left no sooner either, for what a chunk becomes
        must not depend on what its sender cannot know: whether the controllers of arms at rest were told to hold.
        """
        return LEAD_NS if self.is_led or self.now_ns >= self.plan.end_ns else LEAVE_NS


class Gate:
    """`check(chunk, context)` gives the joined plan, or the first rule that the chunk breaks."""

    def __init__(self, embodiment: Embodiment, envelope: Envelope, options: GateOptions) -> None:
        self.embodiment, self.envelope, self.limits, self.options = embodiment, envelope, envelope.limits, options
        self._jump = np.where(self.limits.is_gripper, np.inf, options.max_start_jump)

    def check(self, chunk: ActionChunk, context: GateContext) -> Judged | Rejection:
        """Every rule in order; only a chunk that breaks none becomes a plan."""
        for rule in (self._schema, self._finite, self._time, self._origin, self._start, self._targets):
            if rejection := rule(chunk, context):
                return rejection
        return self._joined(chunk, context)

    def tracking(self, plan: Plan, measured: NDArray[np.float64], measured_ns: int) -> tuple[str, float] | None:
        """The value that is farther from where it is planned to be than lag explains, and how far; None if none is."""
        position, velocity = plan.at(measured_ns)
        gap = abs(measured - position) * ~self.limits.is_gripper
        index = int((gap - self.options.feedback_lag_s * abs(velocity)).argmax())
        most = self.options.max_tracking_error + self.options.feedback_lag_s * abs(velocity[index])
        return (self.embodiment.names[index], float(gap[index])) if gap[index] > most else None

    def _joined(self, chunk: ActionChunk, context: GateContext) -> Judged | Rejection:
        """The motion that the chunk becomes: at the speed asked for, or slower where it comes near something."""
        if chunk.joining == "ensemble":
            chunk = replace(chunk, actions=ensembled(chunk, context.recent))
        plan = self._moved(chunk, context, 1.0)
        scale = 1.0 if isinstance(plan, Rejection) else self._limit_scale(plan)
        if context.allowed_scale < 1:
            scale = min(scale, EASED * context.allowed_scale)
        if scale < 1:  # before distances are looked at, which is most of the work
            plan = self._moved(chunk, context, scale)
        if isinstance(plan, Rejection):
            return plan
        clearance = self.envelope.clearance.along(plan)
        if not clearance.code and clearance.speed_scale < scale:
            scale = clearance.speed_scale
            plan = self._moved(chunk, context, scale)
            if isinstance(plan, Rejection):
                return plan
            clearance = self.envelope.clearance.along(plan)
        if clearance.code:
            return Rejection(clearance.code, clearance.violation)
        return Judged(plan, clearance, scale)

    def _moved(self, chunk: ActionChunk, context: GateContext, speed_scale: float) -> Plan | Rejection:
        """By the first profile that keeps to the limits."""
        rejection = Rejection(
            "chunk.late", "all but its last row lie in the past; the policy is slower than its horizon"
        )
        for profile in BLEND_PROFILES[chunk.joining]:
            plan = join(context.plan, chunk, context.now_ns, self.limits, profile, speed_scale, context.leave_ns)
            if plan is None:
                break
            found = self._motion(plan)
            if found is None:
                return plan
            rejection = found
        return rejection

    def _schema(self, chunk: ActionChunk, context: GateContext) -> Rejection | None:
        names = self.embodiment.names
        if chunk.embodiment != self.embodiment.name:
            text = f"it is for robot '{chunk.embodiment[:40]}', this is '{self.embodiment.name}'"
            return Rejection("chunk.embodiment", text)
        if chunk.names != names:
            told = [name[:64] for name in chunk.names[:14]]
            return Rejection("chunk.joints", f"its joints are {told}, not this robot's, in this order")
        if chunk.actions.ndim != 2 or chunk.actions.shape[1:] != (len(names),):
            return Rejection("chunk.shape", f"its actions have shape {chunk.actions.shape}")
        most = self.options.max_horizon
        if not 2 <= chunk.horizon <= most:
            return Rejection("chunk.horizon", f"it has {chunk.horizon} rows; 2 to {most} are allowed")
        if not 0.005 <= chunk.dt_s <= 1.0:
            return Rejection("chunk.dt", f"its step is {chunk.dt_s} s; 0.005 to 1 s are allowed")
        span_s, most_s = chunk.horizon * chunk.dt_s, self.envelope.max_chunk_s
        # An operator's motion is one chunk, however long, so that all of it is judged and shown before it begins.
        if span_s > most_s * ROUNDING and not (context.is_taken and is_motion(chunk.instruction_id)):
            text = f"it goes on for {span_s:.1f} s; {most_s:g} s are allowed: so long nobody would look at what happens"
            return Rejection("chunk.long", text)
        if chunk.joining not in JOININGS:
            return Rejection("chunk.joining", f"joining '{chunk.joining[:40]}' is not one of {', '.join(JOININGS)}")
        return None

    def _finite(self, chunk: ActionChunk, context: GateContext) -> Rejection | None:
        if not np.isfinite(chunk.actions).all():
            row, column = np.argwhere(~np.isfinite(chunk.actions))[0]
            return Rejection("chunk.finite", f"row {row}, {chunk.names[column]} is not a finite number")
        return None

    def _time(self, chunk: ActionChunk, context: GateContext) -> Rejection | None:
        age_s, most = (context.now_ns - chunk.stamp_ns) * S_PER_NS, self.options.max_age_s
        if age_s > most:
            return Rejection("chunk.stale", f"its observation is {age_s:.2f} s old; {most} s are allowed")
        if age_s < -self.options.max_future_s:
            text = f"its observation is stamped {-age_s:.2f} s in the future; check the clocks"
            return Rejection("chunk.future", text)
        if age_s > (chunk.horizon - 1) * chunk.dt_s:
            return Rejection(
                "chunk.late", "all but its last row lie in the past; the policy is slower than its horizon"
            )
        if chunk.stamp_ns <= context.last_stamp_ns or chunk.sequence <= context.last_sequence:
            text = (
                f"number {chunk.sequence} is not newer than the chunk that is running, number {context.last_sequence}"
            )
            return Rejection("chunk.sequence", text)
        if chunk.epoch != context.epoch:
            text = f"it is of epoch {chunk.epoch}, now is {context.epoch}: the bridge was reset or started in between"
            return Rejection("chunk.epoch", text)
        return None

    def _origin(self, chunk: ActionChunk, context: GateContext) -> Rejection | None:
        may_move = context.is_taken and is_motion(chunk.instruction_id) and chunk.client == context.client
        if not context.instruction_id and not may_move:
            return Rejection("chunk.instruction", "no instruction is active")
        if chunk.instruction_id != context.instruction_id and not may_move:
            text = f"it obeys '{chunk.instruction_id[:60]}', active is '{context.instruction_id}'"
            return Rejection("chunk.instruction", text)
        if not chunk.client:
            return Rejection("chunk.authority", "it does not say which node sends it")
        if len(chunk.client) > MAX_CLIENT:
            text = f"its sender's name '{chunk.client[:60]}...' has {len(chunk.client)} characters; {MAX_CLIENT} are allowed"
            return Rejection("chunk.authority", text)
        if context.client and chunk.client != context.client:
            text = f"'{chunk.client[:60]}' sends it, but '{context.client}' has command authority"
            return Rejection("chunk.authority", text)
        return None

    def _start(self, chunk: ActionChunk, context: GateContext) -> Rejection | None:
        """The row that is due now must continue where the arm is planned to be; the arm must be where it is planned."""
        planned = context.plan.at(context.now_ns)[0]
        row = int(np.clip((context.now_ns - chunk.stamp_ns) * S_PER_NS / chunk.dt_s - 1, 0, chunk.horizon - 1))
        jump = abs(chunk.actions[row] - planned) / self._jump
        if jump.max() > 1.0:
            name = chunk.names[int(jump.argmax())]
            return Rejection("chunk.start", f"it starts too far from the running motion, at {name}")
        if off := self.tracking(context.plan, context.measured, context.measured_ns):
            return Rejection("chunk.tracking", f"{off[0]} is {off[1]:.2f} away from where it is planned to be")
        return None

    def _targets(self, chunk: ActionChunk, context: GateContext) -> Rejection | None:
        """Positions with their margin - less only where the arm is in it, or beyond, already - and how far a step goes."""
        limits, start = self.limits, context.plan.at(context.now_ns)[0]
        lower = np.minimum(limits.lower + limits.margin, start)
        upper = np.maximum(limits.upper - limits.margin, start)
        if rejection := self._inside(chunk.actions.min(0), chunk.actions.max(0), lower, upper):
            return rejection
        step = abs(np.diff(chunk.actions, axis=0)).max(0) / (limits.velocity * chunk.dt_s) * ~limits.is_gripper
        if step.max() > ROUNDING:
            i = int(step.argmax())
            text = (
                f"{chunk.names[i]} would go {step[i]:.1f} times as far in one step as {limits.velocity[i]:.2f}/s allow"
            )
            return Rejection("chunk.step", text)
        return None

    def _inside(
        self,
        lowest: NDArray[np.float64],
        highest: NDArray[np.float64],
        lower: NDArray[np.float64],
        upper: NDArray[np.float64],
    ) -> Rejection | None:
        over = np.maximum(lower - lowest, highest - upper) - self.limits.slack
        if over.max() > 0:
            i = int(over.argmax())
            code = "chunk.gripper" if self.limits.is_gripper[i] else "chunk.position"
            text = f"{self.embodiment.names[i]} would be {over[i] + self.limits.slack[i]:.3f} outside its limits"
            return Rejection(code, text)
        return None

    def _motion(self, plan: Plan) -> Rejection | None:
        """Arms that rest a little outside a position limit may come in from there, and go no farther out."""
        limits, start, found = self.limits, plan.positions[0], plan.extremes()
        lower, upper = np.minimum(limits.lower, start), np.maximum(limits.upper, start)
        if rejection := self._inside(found.lowest, found.highest, lower, upper):
            return rejection
        for code, values, limit, unit in (
            ("chunk.velocity", found.speed, limits.velocity, "/s"),
            ("chunk.acceleration", found.acceleration, limits.acceleration, "/s^2"),
            ("chunk.jerk", found.jerk, limits.jerk, "/s^3"),
        ):
            excess = values / limit
            if excess.max() > ROUNDING:
                i = int(excess.argmax())
                name = self.embodiment.names[i]
                return Rejection(code, f"{name} would reach {values[i]:.2f}{unit}; {limit[i]:.2f}{unit} are allowed")
        return None

    def _limit_scale(self, plan: Plan) -> float:
        """Half the speed for motion that ends up right at a joint's limit, all of it from `LIMIT_ZONE_RAD` away."""
        limits, start, found = self.limits, plan.positions[0], plan.extremes()
        ends = (
            (start - limits.lower, found.lowest - limits.lower),
            (limits.upper - start, limits.upper - found.highest),
        )
        scale = 1.0
        for before, least in ends:
            towards = (before - least > LIMIT_ZONE_RAD) & ~limits.is_gripper
            share = np.clip((least - limits.margin) / LIMIT_ZONE_RAD, 0.0, 1.0)
            scale = min(scale, float(np.where(towards, 0.5 + share / 2, 1.0).min()))
        return scale
