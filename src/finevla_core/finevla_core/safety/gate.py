"""The gate: a chunk passes whole or not at all, each check with its own code; what has no rule does not pass."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finevla_core.chunk import ActionChunk
from finevla_core.embodiment import Embodiment
from finevla_core.safety.limits import Limits
from finevla_core.safety.plan import FADES, Plan, join


@dataclass(frozen=True)
class GateOptions:
    """Tolerances; ages in seconds, jumps in values (rad, grippers 0...1)."""

    max_age_s: float = 0.5
    max_future_s: float = 0.05
    max_horizon: int = 100
    max_start_jump: float = 0.25
    max_tracking_error: float = 0.30


@dataclass(frozen=True)
class Rejection:
    """Why a chunk was refused: a stable code and a sentence."""

    code: str
    text: str


@dataclass(frozen=True)
class Context:
    """What the gate compares a chunk with."""

    now_ns: int
    instruction_id: str
    last_stamp_ns: int
    plan: Plan
    measured: NDArray[np.float64]


class Gate:
    """`check(chunk, context)` gives the joined plan, or the first rule that the chunk breaks."""

    def __init__(self, embodiment: Embodiment, limits: Limits, options: GateOptions) -> None:
        self.embodiment, self.limits, self.options = embodiment, limits, options

    def check(self, chunk: ActionChunk, context: Context) -> Plan | Rejection:
        """Every rule in order; only a chunk that breaks none becomes a plan."""
        for rule in (self._schema, self._finite, self._time, self._origin, self._start):
            if rejection := rule(chunk, context):
                return rejection
        if rejection := self._rows(chunk):
            return rejection
        return self._joined(chunk, context)

    def _joined(self, chunk: ActionChunk, context: Context) -> Plan | Rejection:
        """The motion that the chunk becomes, by the quickest fade that keeps to the accelerations."""
        for fade in FADES:
            result = self._faded(chunk, context, fade)
            if isinstance(result, Plan) or result.code != "chunk.acceleration":
                break
        return result

    def _faded(self, chunk: ActionChunk, context: Context, fade: tuple[float, ...]) -> Plan | Rejection:
        plan = join(context.plan, chunk, context.now_ns, self.limits, fade)
        if plan is None:
            text = "all but its last row lie in the past; the policy is slower than its horizon"
            return Rejection("chunk.stale", text)
        return self._motion(plan) or plan

    def _schema(self, chunk: ActionChunk, context: Context) -> Rejection | None:
        if chunk.embodiment != self.embodiment.name:
            return Rejection(
                "chunk.embodiment", f"it is for robot '{chunk.embodiment}', this is '{self.embodiment.name}'"
            )
        if chunk.names != self.embodiment.names:
            return Rejection("chunk.joints", f"its joints are {list(chunk.names)[:14]}, not this robot's")
        if chunk.actions.ndim != 2 or chunk.actions.shape[1:] != (len(self.embodiment.names),):
            return Rejection("chunk.shape", f"its actions have shape {chunk.actions.shape}")
        if not 2 <= chunk.horizon <= self.options.max_horizon:
            return Rejection(
                "chunk.horizon", f"it has {chunk.horizon} rows; 2 to {self.options.max_horizon} are allowed"
            )
        if not 0.005 <= chunk.dt_s <= 1.0:
            return Rejection("chunk.dt", f"its step is {chunk.dt_s} s; 0.005 to 1 s are allowed")
        return None

    def _finite(self, chunk: ActionChunk, context: Context) -> Rejection | None:
        if not np.isfinite(chunk.actions).all():
            row, column = np.argwhere(~np.isfinite(chunk.actions))[0]
            return Rejection("chunk.finite", f"row {row}, {chunk.names[column]} is not a finite number")
        return None

    def _time(self, chunk: ActionChunk, context: Context) -> Rejection | None:
        age_s = (context.now_ns - chunk.stamp_ns) * 1e-9
        if age_s > self.options.max_age_s:
            return Rejection(
                "chunk.stale", f"its observation is {age_s:.2f} s old; {self.options.max_age_s} s are allowed"
            )
        if age_s < -self.options.max_future_s:
            return Rejection(
                "chunk.future", f"its observation is stamped {-age_s:.2f} s in the future; check the clocks"
            )
        return None

    def _origin(self, chunk: ActionChunk, context: Context) -> Rejection | None:
        if not context.instruction_id:
            return Rejection("chunk.instruction", "no instruction is active")
        if chunk.instruction_id != context.instruction_id:
            return Rejection(
                "chunk.instruction", f"it obeys '{chunk.instruction_id}', active is '{context.instruction_id}'"
            )
        if chunk.stamp_ns <= context.last_stamp_ns:
            return Rejection("chunk.sequence", "it is not newer than the chunk that is running")
        return None

    def _start(self, chunk: ActionChunk, context: Context) -> Rejection | None:
        """The row that is due now must continue where the arm is planned to be; the arm must be where it is planned."""
        gap = abs(context.measured - context.plan.at(context.now_ns)[0]) * ~self.limits.is_gripper
        if gap.max() > self.options.max_tracking_error:
            name = chunk.names[int(gap.argmax())]
            return Rejection("chunk.tracking", f"{name} is {gap.max():.2f} away from where it is planned to be")
        row = int(np.clip((context.now_ns - chunk.stamp_ns) * 1e-9 / chunk.dt_s - 1, 0, chunk.horizon - 1))
        jump = abs(chunk.actions[row] - context.plan.at(context.now_ns)[0]) / self._jump_scale()
        if jump.max() > 1.0:
            name = chunk.names[int(jump.argmax())]
            return Rejection("chunk.start", f"it starts too far from the running motion, at {name}")
        return None

    def _jump_scale(self) -> NDArray[np.float64]:
        """Grippers may be asked to open or close whole; the motion itself is still bound by velocity."""
        return np.array([1.01 if v.is_gripper else self.options.max_start_jump for v in self.embodiment.values])

    def _rows(self, chunk: ActionChunk) -> Rejection | None:
        return self._inside(chunk.actions.min(0), chunk.actions.max(0))

    def _inside(self, lowest: NDArray[np.float64], highest: NDArray[np.float64]) -> Rejection | None:
        over = np.maximum(self.limits.lower - lowest, highest - self.limits.upper)
        if (over > self.limits.slack).any():
            index = int((over - self.limits.slack).argmax())
            return Rejection(
                "chunk.position", f"{self.embodiment.names[index]} would be {over[index]:.3f} outside its limits"
            )
        return None

    def _motion(self, plan: Plan) -> Rejection | None:
        found = plan.extremes()
        if rejection := self._inside(found.lowest, found.highest):
            return rejection
        for code, values, limit, unit in (
            ("chunk.velocity", found.speed, self.limits.velocity, "/s"),
            ("chunk.acceleration", found.acceleration, self.limits.acceleration, "/s^2"),
        ):
            excess = values / limit
            if excess.max() > 1.0 + 1e-9:
                i = int(excess.argmax())
                name = self.embodiment.names[i]
                return Rejection(code, f"{name} would reach {values[i]:.2f}{unit}; {limit[i]:.2f}{unit} are allowed")
        return None
