"""What one arm's frames have said so far, each with its age; nothing is assumed that no frame has said."""

import math
from collections import deque
from dataclasses import dataclass

from finevla_control.piper import protocol as p

MAX_FIRMWARE_BYTES = 64
STATE_FRAMES = (*p.JOINTS, p.GRIPPER)
FRAME_NAMES = {0x2A5: "joints 1 and 2", 0x2A6: "joints 3 and 4", 0x2A7: "joints 5 and 6", 0x2A8: "the gripper"}
# These speak of one target, not of the arm: the next good target ends them, so they must not stop the sending.
TARGET_STATUSES = frozenset((0, 2, 3, 4))


@dataclass(frozen=True)
class ArmState:
    """Measured state; six joints in rad, rad/s and N m, the gripper's total opening in m, m/s and N m.

    `stamp_s` is the receive time of the oldest frame it is made of. Velocities and efforts are NaN until a frame has
    said them.
    """

    stamp_s: float
    positions: tuple[float, ...]
    velocities: tuple[float, ...]
    efforts: tuple[float, ...]
    width_m: float
    width_velocity: float
    gripper_effort: float


class Feedback:
    """Newest frame of each id; times are monotonic seconds."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self.newest_s = -math.inf
        self.newest: dict[int, tuple[p.Feedback, float]] = {}
        self.width_velocity = 0.0
        self.firmware_bytes = b""
        self.stroke_m = math.nan
        self.arrivals: deque[float] = deque()

    def on_frame(self, identity: int, data: bytes, now_s: float) -> None:
        """Take a frame in; unknown ones only count as a sign of life if they are the arm's."""
        said = p.decode(identity, data)
        if said is None:
            return
        if isinstance(said, p.Gripper):
            self._differentiate(said, now_s)
        elif isinstance(said, p.GripperSetup):
            self.stroke_m = said.stroke_m
        elif isinstance(said, p.FirmwarePart):
            self.firmware_bytes = (self.firmware_bytes + said.text)[-MAX_FIRMWARE_BYTES:]
        self.newest[identity] = (said, now_s)
        self.newest_s = now_s
        self.arrivals.append(now_s)
        while self.arrivals[0] < now_s - 1.0:
            self.arrivals.popleft()

    def is_connected(self, now_s: float) -> bool:
        """Whether any frame of the arm came within the time-out."""
        return now_s - self.newest_s <= self.timeout_s

    def frames_per_s(self, now_s: float) -> int:
        """Frames of the last second."""
        return sum(1 for s in self.arrivals if s > now_s - 1.0)

    def status(self, now_s: float) -> p.Status | None:
        """The arm's status, if it is fresh."""
        said = self._fresh(p.STATUS, now_s)
        return said if isinstance(said, p.Status) else None

    def missing(self, now_s: float) -> list[str]:
        """Sentences for the state frames that have not come, or not lately."""
        lacking = [i for i in STATE_FRAMES if self._fresh(i, now_s) is None]
        return [f"no feedback of {FRAME_NAMES[i]} (0x{i:X})" for i in lacking]

    def not_enabled(self, now_s: float) -> tuple[int, ...]:
        """Joints, counted from 1, whose driver has not said lately that it is enabled."""
        drivers = [self.driver(i, now_s) for i in range(6)]
        return tuple(i + 1 for i, driver in enumerate(drivers) if driver is None or not driver.is_enabled)

    def driver(self, joint: int, now_s: float) -> p.Driver | None:
        """What the driver of a joint, counted from 0, has said lately."""
        said = self._fresh(p.DRIVERS[joint], now_s)
        return said if isinstance(said, p.Driver) else None

    def state(self, now_s: float) -> ArmState | None:
        """The measured state; None unless every joint and the gripper have said theirs lately."""
        parts = [self._fresh(i, now_s) for i in STATE_FRAMES]
        if None in parts:
            return None
        *pairs, gripper = parts
        assert isinstance(gripper, p.Gripper)
        motors = [self._fresh(i, now_s) for i in p.MOTORS]
        firmware = self.firmware()
        version = firmware[1] if firmware else None
        return ArmState(
            stamp_s=min(self.newest[i][1] for i in STATE_FRAMES),
            positions=tuple(q for pair in pairs if isinstance(pair, p.JointPair) for q in pair.positions),
            velocities=tuple(m.velocity if isinstance(m, p.Motor) else math.nan for m in motors),
            efforts=tuple(
                p.torque_nm(i, m.current_a, version) if isinstance(m, p.Motor) else math.nan
                for i, m in enumerate(motors)
            ),
            width_m=gripper.width_m,
            width_velocity=self.width_velocity,
            gripper_effort=gripper.effort_nm,
        )

    def firmware(self) -> tuple[str, tuple[int, int, int]] | None:
        """Text and numbers of the firmware, once it has answered."""
        return p.firmware_version(self.firmware_bytes)

    def gripper_is_enabled(self, now_s: float) -> bool:
        """Whether the gripper's motor is on."""
        said = self._fresh(p.GRIPPER, now_s)
        return isinstance(said, p.Gripper) and bool(said.bits & 0x40)

    def errors(self, now_s: float) -> list[str]:
        """What the arm itself reports as wrong, a sentence each."""
        found = []
        status = self.status(now_s)
        if status is not None:
            if status.arm_status not in TARGET_STATUSES:
                found.append(f"arm: {status.arm_word}")
            found += [f"joint {i}: does not answer the arm's own controller" for i in status.not_communicating]
        for i in range(6):
            if driver := self.driver(i, now_s):
                found += [f"joint {i + 1}: {word}" for word in p.error_words(driver.bits, p.DRIVER_BITS)]
        gripper = self._fresh(p.GRIPPER, now_s)
        if isinstance(gripper, p.Gripper):
            found += [f"gripper: {word}" for word in p.error_words(gripper.bits, p.GRIPPER_BITS)]
        return found

    def warnings(self, now_s: float) -> list[str]:
        """What the arm reports that does not keep it from being commanded."""
        status = self.status(now_s)
        if status is None:
            return []
        found = [f"arm: {status.arm_word}"] if status.arm_status in TARGET_STATUSES - {0} else []
        return found + [f"joint {i}: at its limit" for i in status.at_limit]

    def _fresh(self, identity: int, now_s: float) -> p.Feedback | None:
        said, stamp_s = self.newest.get(identity, (None, -math.inf))
        return said if now_s - stamp_s <= self.timeout_s else None

    def _differentiate(self, gripper: p.Gripper, now_s: float) -> None:
        """The gripper does not report a velocity; ros2_control needs one."""
        before, stamp_s = self.newest.get(p.GRIPPER, (None, now_s))
        if isinstance(before, p.Gripper) and now_s - stamp_s > 1e-4:
            self.width_velocity = (gripper.width_m - before.width_m) / (now_s - stamp_s)
