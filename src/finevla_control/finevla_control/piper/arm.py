"""One Piper arm as a state machine: when it may be commanded, what it is told, and why not.

It never switches a motor by itself: `disable` and `reset` drop the arm, so they need the caller's explicit word.
Whenever commanding starts (again), the arm is told to stay where it is measured to be, never where a default says.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import can
import numpy as np
from numpy.typing import NDArray

from finevla_control.piper import protocol as p
from finevla_control.piper.feedback import ArmState, Feedback
from finevla_control.piper.firmware_and_stroke import Setup
from finevla_control.piper.frozen_feedback import FrozenWatch

CONFIRM = "the arm may fall"
STOP_EVERY_S = 0.02
ENABLE_EVERY_S = 0.05
FOREIGN_S = 1.0  # how long a foreign command counts: a leader repeats it every few milliseconds
# Two measurements, all of whose frames are new, must agree before one is trusted as the place to hold.
SETTLE_S, SETTLED_RAD = 0.02, 0.02
LIMIT_SLACK_RAD, LIMIT_SLACK_M = 1e-3, 1e-3
# The mechanical range reaches up to 0.26 rad beyond the soft limits: what is read farther out is no position. Holding
# means going back to the limit, so an arm that is more than a little outside must be brought back by hand.
IMPOSSIBLE_RAD, OUTSIDE_RAD = 0.35, 0.05
IMPOSSIBLE_WIDTHS_M = (-0.01, 0.15)
STANDBY = 0


class FrameSender(Protocol):
    """The part of `can.BusABC` that an arm needs."""

    def send(self, msg: can.Message) -> None:
        """Put one frame on the bus; raises `can.CanError` if the bus does not take it."""


@dataclass(frozen=True)
class PiperOptions:
    """What is fixed about one arm; limits (6,) rad from the URDF, `stroke_m` the gripper's total opening."""

    interface: str
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    stroke_m: float = 0.10
    speed_percent: int = 50
    gripper_effort_nm: float = 1.0
    timeout_s: float = 0.5
    enable_timeout_s: float = 5.0
    max_jump_rad: float = 0.3
    frozen_rad: float = 0.05
    frozen_s: float = 0.5


class Arm:
    """Frames in by `on_frame`, frames out by `tick`; all times are monotonic seconds."""

    def __init__(self, bus: FrameSender, options: PiperOptions) -> None:
        self.bus = bus
        self.options = options
        self.stopped = False  # an emergency stop was asked for here; only `reset` ends it
        self.released = False  # motors were switched off here; only `enable` ends it
        self.frozen = ""
        self.enable_result: str | None = None  # None: under way or never asked; "" = enabled
        self._enabling_until: float | None = None
        self.attach()

    def attach(self) -> None:
        """A bus was opened: what was known of the arm before is no longer known."""
        self._end_enabling("the CAN bus was lost while enabling; ask again")
        self.feedback = Feedback(self.options.timeout_s)
        self.hold: tuple[NDArray[np.float64], float] | None = None  # joints, opening: what the arm is told now
        self._candidate: ArmState | None = None
        self._foreign: tuple[int, float] | None = None
        self._setup = Setup(self.options.stroke_m)
        self._sent_s = -math.inf
        self._watch = FrozenWatch(self.options.frozen_rad, self.options.frozen_s)

    def on_frame(self, message: can.Message, now_s: float) -> None:
        """Take in a frame received at `now_s`; anything that is no data frame of the Piper is ignored."""
        if message.is_error_frame or message.is_remote_frame or message.is_extended_id:
            return
        if message.arbitration_id in p.MOTION_COMMANDS:
            self._foreign = (message.arbitration_id, now_s)
        self.feedback.on_frame(message.arbitration_id, bytes(message.data), now_s)

    def tick(self, now_s: float) -> None:
        """Send what is due: a pending stop, questions, enabling, or the position to hold."""
        if self.stopped:
            self.hold = None
            self._repeat_stop(now_s)
            return
        self._send(*self._setup.due(self.feedback, now_s))
        self._continue_enabling(now_s)
        if self.not_ready_to_hold(now_s):
            self.hold, self._candidate = None, None
            self._watch = FrozenWatch(self.options.frozen_rad, self.options.frozen_s)
            return
        state = self.feedback.state(now_s)
        assert state is not None  # else something would be missing
        if self.hold is None:
            self._adopt(state)
        if self.hold is not None:
            positions, width_m = self.hold  # sending may find the bus lost, which empties it
            self._send(p.joint_mode(self.options.speed_percent), *p.joint_targets(positions))
            self._send(p.gripper_target(width_m, self.options.gripper_effort_nm))
            self.frozen = self._watch.update(state.positions, positions, now_s)

    def command(self, positions: Sequence[float], width_m: float, now_s: float) -> str:
        """New target of all six joints (rad) and the gripper (total opening, m); returns why not, or an empty text."""
        if reasons := self.not_ready(now_s):
            return f"command refused: {reasons[0]}"
        target = np.asarray(positions, np.float64)
        if target.shape != (6,) or not np.isfinite(target).all() or not math.isfinite(width_m):
            return "command refused: it needs 6 finite joint positions and a finite gripper position"
        lower, upper = self.options.lower, self.options.upper
        outside = np.flatnonzero((target < lower - LIMIT_SLACK_RAD) | (target > upper + LIMIT_SLACK_RAD))
        if outside.size:
            i = int(outside[0])
            return f"command refused: joint {i + 1} to {target[i]:.4f} rad is outside {lower[i]:.4f} ... {upper[i]:.4f} rad"
        if not -LIMIT_SLACK_M <= width_m <= self.options.stroke_m + LIMIT_SLACK_M:
            return f"command refused: gripper opening {width_m:.4f} m is outside 0 ... {self.options.stroke_m} m (stroke_m)"
        assert self.hold is not None  # ready
        jumps = abs(target - self.hold[0])
        if jumps.max() > self.options.max_jump_rad:
            i = int(jumps.argmax())
            return (
                f"command refused: joint {i + 1} would jump by {jumps[i]:.2f} rad from where it holds; deactivate the arm's "
                "controllers and activate them again, so that they start from the measured position"
            )
        self.hold = (np.clip(target, lower, upper), min(self.options.stroke_m, max(0.0, width_m)))
        return ""

    def enable(self, now_s: float) -> str:
        """Start switching the motors on; returns why not, or an empty text: `enable_result` then tells the end."""
        if self.stopped or self._is_stopped(now_s):
            return f"emergency stop: leave it with RESET first (confirm '{CONFIRM}')"
        if reasons := [*self._not_connected(now_s), *self._stroke_mismatch(), *self._foreign_commands(now_s)]:
            return reasons[0]
        self.released, self.enable_result = False, None
        self._enabling_until, self._sent_s = now_s + self.options.enable_timeout_s, -math.inf
        return ""

    def disable(self, confirm: str, now_s: float) -> str:
        """Motors off: the arm falls. Returns why not, or an empty text."""
        if confirm != CONFIRM:
            return f"switching the motors off lets the arm fall: hold it and confirm with '{CONFIRM}'"
        self._release()
        self._send(p.disable())
        if state := self.state(now_s):
            self._send(p.gripper_target(state.width_m, 0.0, p.GripperCode.DISABLE))
        return ""

    def reset(self, confirm: str, now_s: float) -> str:
        """Leave an emergency stop: motors off at once, the arm falls. Returns why not, or an empty text."""
        if confirm != CONFIRM:
            return f"reset cuts the motors' power and lets the arm fall: hold it and confirm with '{CONFIRM}'"
        if reasons := self._not_connected(now_s):
            return reasons[0]
        self._release()
        self.stopped, self.frozen = False, ""
        self._send(p.reset())
        return ""

    def clear_errors(self, now_s: float) -> str:
        """Clear the errors of joint drivers and gripper, leaving the motors as they are; return why not, "" if done."""
        if reasons := self._not_connected(now_s):
            return reasons[0]
        self.frozen = ""
        self._send(p.clear_joint_errors())
        if state := self.feedback.state(now_s):
            on = self.feedback.gripper_is_enabled(now_s)
            code = p.GripperCode.ENABLE_AND_CLEAR if on else p.GripperCode.DISABLE_AND_CLEAR
            self._send(p.gripper_target(state.width_m, self.options.gripper_effort_nm, code))
        return ""

    def emergency_stop(self, now_s: float) -> None:
        """Stop now; repeated by `tick` until the arm confirms, even over a reconnection."""
        self.stopped, self.hold = True, None
        self._end_enabling("emergency stop while enabling")
        self._sent_s = now_s
        self._send(p.emergency_stop())

    def is_stop_confirmed(self, now_s: float) -> bool:
        """Whether the arm says that it is in emergency stop."""
        return self.stopped and self._is_stopped(now_s)

    def is_enabled(self, now_s: float) -> bool:
        """Whether all six drivers have said lately that they are on."""
        return not self.feedback.not_enabled(now_s)

    def is_off(self, now_s: float) -> bool:
        """Whether all six drivers have said lately that they are off."""
        drivers = [self.feedback.driver(i, now_s) for i in range(6)]
        return all(driver is not None and not driver.is_enabled for driver in drivers)

    def is_ready(self, now_s: float) -> bool:
        """Whether a command would be carried out."""
        return not self.not_ready(now_s)

    def not_ready(self, now_s: float) -> list[str]:
        """Why no command would be carried out, a sentence each, most important first."""
        if reasons := self.not_ready_to_hold(now_s):
            return reasons
        status = self.feedback.status(now_s)
        if self.hold is None or status is None or status.control_mode != p.CONTROL_CAN:
            return ["the arm is being taken over; this takes a moment"]
        return []

    def not_ready_to_hold(self, now_s: float) -> list[str]:
        """Why the arm may not even be told to hold its position."""
        if reasons := self._not_connected(now_s):
            return reasons
        reasons = self.errors(now_s)
        status = self.feedback.status(now_s)
        if status is not None and status.control_mode not in (STANDBY, p.CONTROL_CAN):
            reasons.append(f"the arm is in mode '{status.control_word}', not under CAN control; leave that mode first")
        if self.released:
            reasons.append("the motors were switched off on request; enable them")
        if lacking := self.feedback.not_enabled(now_s):
            reasons.append(f"{_joints(lacking)} not enabled; enable the arm")
        return reasons

    def errors(self, now_s: float) -> list[str]:
        """Everything that is wrong, a sentence each, most important first."""
        found = []
        if self.stopped:
            confirmed = "" if self._is_stopped(now_s) else ", which the arm has not confirmed yet"
            found.append(f"emergency stop was asked for{confirmed}; leave it with RESET, the arm will fall")
        if reasons := self._not_connected(now_s):
            return found + reasons
        found += self._foreign_commands(now_s) + self.feedback.errors(now_s) + self.feedback.missing(now_s)
        if self.feedback.status(now_s) is None:
            found.append("no arm status (0x2A1)")
        found += self._misplaced(now_s) + self._stroke_mismatch()
        return found + ([self.frozen] if self.frozen else [])

    def state(self, now_s: float) -> ArmState | None:
        """The measured state, if all of it is known and possible."""
        state = self.feedback.state(now_s)
        return state if state is not None and self._is_possible(state) else None

    def _not_connected(self, now_s: float) -> list[str]:
        if self.feedback.is_connected(now_s):
            return []
        since = "yet" if math.isinf(self.feedback.newest_s) else "any more"
        return [f"{self.options.interface}: no frame from the arm {since}; check its power, its cable and the bit rate"]

    def _is_stopped(self, now_s: float) -> bool:
        status = self.feedback.status(now_s)
        return status is not None and status.arm_status == 1

    def _foreign_commands(self, now_s: float) -> list[str]:
        if self._foreign is None or now_s - self._foreign[1] > FOREIGN_S:
            return []
        return [
            f"{self.options.interface}: somebody else commands this arm (frame 0x{self._foreign[0]:X} on the bus); disconnect "
            "the leader arm or stop the other driver"
        ]

    def _stroke_mismatch(self) -> list[str]:
        if not self._setup.is_contradicted(self.feedback):
            return []
        said = self.feedback.stroke_m
        return [
            f"{self.options.interface}: the gripper says its stroke is {said:.3f} m, but stroke_m is "
            f"{self.options.stroke_m:.3f}; set stroke_m:={said:.2f} and the URDF's stroke to half of it"
        ]

    def _is_possible(self, state: ArmState) -> bool:
        low, high = IMPOSSIBLE_WIDTHS_M
        return not self._outside(state, IMPOSSIBLE_RAD) and low <= state.width_m <= high

    def _outside(self, state: ArmState, margin_rad: float) -> list[int]:
        positions = np.array(state.positions)
        outside = (positions < self.options.lower - margin_rad) | (positions > self.options.upper + margin_rad)
        return [int(i) + 1 for i in np.flatnonzero(outside)]

    def _misplaced(self, now_s: float) -> list[str]:
        state = self.feedback.state(now_s)
        if state is None:
            return []
        if not self._is_possible(state):
            return [
                "the measured position is beyond the arm's mechanical range; has a joint or the gripper lost its zero?"
            ]
        if outside := self._outside(state, OUTSIDE_RAD):
            return [f"{_joints(outside)} outside the limits; with motors off, move the arm back by hand"]
        return []

    def _continue_enabling(self, now_s: float) -> None:
        if self._enabling_until is None:
            return
        lacking = self.feedback.not_enabled(now_s)
        if self._is_stopped(now_s):
            self._end_enabling("emergency stop while enabling")
        elif not lacking:
            self._end_enabling("")
        elif now_s > self._enabling_until:
            problem = next(iter(self.errors(now_s)), "check power and emergency stop button, or CLEAR_ERRORS")
            self._end_enabling(f"{_joints(lacking)} not enabled after {self.options.enable_timeout_s:.1f} s: {problem}")
        elif now_s - self._sent_s >= ENABLE_EVERY_S:
            self._sent_s = now_s
            self._send(p.enable())

    def _repeat_stop(self, now_s: float) -> None:
        if not self._is_stopped(now_s) and now_s - self._sent_s >= STOP_EVERY_S:
            self.emergency_stop(now_s)

    def _adopt(self, state: ArmState) -> None:
        """Hold where the arm is, once two whole measurements agree on it."""
        before = self._candidate
        if before is None or np.abs(np.subtract(state.positions, before.positions)).max() > SETTLED_RAD:
            self._candidate = state
        elif state.stamp_s - before.stamp_s >= SETTLE_S:
            positions = np.clip(state.positions, self.options.lower, self.options.upper)
            self.hold = (positions, min(self.options.stroke_m, max(0.0, state.width_m)))

    def _release(self) -> None:
        self.released, self.hold = True, None
        self._end_enabling("switched off while enabling")

    def _end_enabling(self, result: str) -> None:
        if self._enabling_until is not None:
            self._enabling_until, self.enable_result = None, result

    def _send(self, *frames: p.CanFrame) -> None:
        for frame in frames:
            self.bus.send(can.Message(arbitration_id=frame.id, data=frame.data, is_extended_id=False))


def _joints(numbers: Sequence[int]) -> str:
    listed = ", ".join(map(str, numbers))
    return f"joint {listed} is" if len(numbers) == 1 else f"joints {listed} are"
