"""A Piper on a CAN bus that is none: speaks the arm's frames, follows with lag and limited speed, fails on request.

`step` does what is due, so that tests drive it with a time of their own; `run` does so in a thread.
"""

import math
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass, field

import can
import numpy as np

from finevla_control.piper import protocol as p

FAST_S, SLOW_S = 1 / 200, 1 / 40
MAX_VELOCITY = 3.0  # rad/s at 100 % speed
LAG_S = 0.04  # first order, of the real arm's size
GRIPPER_SPEED = 0.2  # m/s of opening
FALL_RATE, SINK_RATE = 2.0, 0.3  # rad/s towards the folded rest: motors off, emergency stop
RAD, UM = 180_000 / math.pi, 1e6
ERROR_FRAME_BUS_OFF = 0x40
MAX_READ = 1000


@dataclass
class Faults:
    """Everything that can be wrong with it; may be changed while it runs."""

    silent: bool = False  # sends nothing
    bus_off: bool = False  # one error frame, then neither sends nor listens
    lost_every: int = 0  # every n-th frame is lost
    missing: set[int] = field(default_factory=set)  # ids that never come
    frozen: bool = False  # feedback repeats what it said, the arm moves
    feedback_delay_s: float = 0.0
    stuck_joints: set[int] = field(default_factory=set)  # joints (from 1) that never enable
    enable_delay_s: float = 0.0
    driver_bits: dict[int, int] = field(default_factory=dict)  # joint (from 1) to error bits
    gripper_bits: int = 0
    arm_status: int = 0
    control_mode: int | None = None  # overrides what the arm would say
    gripper_needs_setup: bool = False  # opening reads 0 until 0x47D came
    answers_setup: bool = True  # old firmware does not
    leader: bool = False  # a leader arm on the bus: commands that nobody here sent
    confirms_stop: bool = True


class SimulatedPiper:
    """One arm on `bus`; joints in rad, opening in m. `received` keeps every command frame in order."""

    def __init__(self, bus: can.BusABC, stroke_m: float = 0.10, joints: tuple[float, ...] = (0.0,) * 6) -> None:
        self.bus = bus
        self.faults = Faults()
        self.joints = np.array(joints, float)
        self.width_m = 0.02
        self.stroke_m = stroke_m
        self.firmware = b"S-V1.8-5"
        self.enabled = np.zeros(6, bool)
        self.is_stopped = False
        self.is_supported = True  # until it is first enabled; then it falls whenever its motors are off
        self.mode = 0
        self.speed_percent = 0
        self.targets = self.joints.copy()
        self.width_target_m = self.width_m
        self.is_gripper_set_up = False
        self.received: deque[p.CanFrame] = deque(maxlen=20_000)
        self._velocity, self._width_velocity = np.zeros(6), 0.0
        self._time_s: float | None = None
        self._fast_s = self._slow_s = -math.inf
        self._enable_at_s: float | None = None
        self._history: deque[tuple[float, np.ndarray, float]] = deque(maxlen=2000)
        self._sent = 0

    def step(self, now_s: float) -> None:
        """Listen, move, and send what is due at `now_s`."""
        for _ in range(MAX_READ):
            message = self.bus.recv(0.0)
            if message is None:
                break
            if not self.faults.bus_off:
                self._obey(p.CanFrame(message.arbitration_id, bytes(message.data)), now_s)
        self._move(now_s)
        if not self.faults.bus_off:
            self._report(now_s)

    def fail_bus(self) -> None:
        """Bus-off, as SocketCAN tells it."""
        self.bus.send(can.Message(arbitration_id=ERROR_FRAME_BUS_OFF, is_error_frame=True, is_extended_id=False, dlc=8))
        self.faults.bus_off = True

    def run(self, stop: threading.Event) -> None:
        """Simulate the arm in real time until `stop` is set."""
        while not stop.wait(0.002):
            self.step(time.monotonic())

    def targets_seen(self) -> list[tuple[int, tuple[int, int]]]:
        """Joint target frames received so far: id and the two raw values (0.001 degree)."""
        return [(f.id, struct.unpack(">ii", f.data)) for f in self.received if f.id in p.JOINT_TARGETS]

    def _obey(self, frame: p.CanFrame, now_s: float) -> None:
        self.received.append(frame)
        if frame.id == p.STOP and frame.data[0] == 1:
            self.is_stopped = self.faults.confirms_stop
        elif frame.id == p.STOP and frame.data[0] == 2:
            self.is_stopped, self.mode, self._enable_at_s = False, 0, None
            self.enabled[:] = False
        elif frame.id == p.POWER:
            self._switch(frame.data, now_s)
        elif frame.id == p.MODE and not self.is_stopped:
            self.mode, self.speed_percent = frame.data[0], frame.data[2]
        elif frame.id in p.JOINT_TARGETS:
            i = 2 * p.JOINT_TARGETS.index(frame.id)
            self.targets[i : i + 2] = np.array(struct.unpack(">ii", frame.data)) / RAD
        elif frame.id == p.GRIPPER_TARGET and frame.data[6] & 1:
            self.width_target_m = min(self.stroke_m, max(0.0, struct.unpack(">i", frame.data[:4])[0] / UM))
        elif frame.id == p.JOINT_SETUP and frame.data[5] == p.VALID:
            self.faults.driver_bits, self.faults.gripper_bits = {}, 0
        elif frame.id == p.GRIPPER_SETUP:
            self.is_gripper_set_up = True
        elif frame.id == p.ENQUIRY and frame.data[0] == 4 and self.faults.answers_setup:
            self._send(p.GRIPPER_SETUP_REPLY, bytes((100, round(self.stroke_m * 1000), 1, 0, 0, 0, 0, 0)))
        elif frame.id == p.FIRMWARE:
            self._send(p.FIRMWARE, b"H-V1.2-1")
            self._send(p.FIRMWARE, b" " * 3 + self.firmware[:5])
            self._send(p.FIRMWARE, self.firmware[5:].ljust(8, b"\0"))

    def _switch(self, data: bytes, now_s: float) -> None:
        if data[1] == 1:
            self.enabled[:], self._enable_at_s = False, None
        elif data[1] == 2 and not self.is_stopped:
            if self._enable_at_s is None:
                self._enable_at_s = now_s + self.faults.enable_delay_s
            if now_s >= self._enable_at_s and not self.enabled.any():
                self.targets, self.is_supported = self.joints.copy(), False
                self.enabled = np.array([i + 1 not in self.faults.stuck_joints for i in range(6)])

    def _move(self, now_s: float) -> None:
        dt = 0.0 if self._time_s is None else min(0.1, max(0.0, now_s - self._time_s))
        self._time_s = now_s
        before, width = self.joints.copy(), self.width_m
        if self.is_stopped or not self.enabled.all():
            rate = SINK_RATE if self.is_stopped and self.enabled.all() else FALL_RATE * (not self.is_supported)
            self.joints[1:3] -= np.clip(self.joints[1:3], -rate * dt, rate * dt)
        elif self.mode == p.CONTROL_CAN:
            most = MAX_VELOCITY * self.speed_percent / 100 * dt
            self.joints += np.clip((self.targets - self.joints) * (1 - math.exp(-dt / LAG_S)), -most, most)
            self.width_m += float(np.clip(self.width_target_m - self.width_m, -GRIPPER_SPEED * dt, GRIPPER_SPEED * dt))
        if dt > 0:
            self._velocity, self._width_velocity = (self.joints - before) / dt, (self.width_m - width) / dt
        if not self.faults.frozen:
            self._history.append((now_s, self.joints.copy(), self.width_m))

    def _report(self, now_s: float) -> None:
        seen = [h for h in self._history if h[0] <= now_s - self.faults.feedback_delay_s] or [self._history[0]]
        _, joints, width = seen[-1]
        counts = np.round(joints * RAD).astype(int).tolist()
        if now_s - self._fast_s >= FAST_S - 1e-6:
            self._fast_s = now_s
            self._send(p.STATUS, bytes((self._control_mode(), self._arm_status(), 1, 0, 0, 0, 0, 0)))
            for i, identity in enumerate(p.JOINTS):
                self._send(identity, struct.pack(">ii", *counts[2 * i : 2 * i + 2]))
            known = self.is_gripper_set_up or not self.faults.gripper_needs_setup
            bits = (0x40 if self.enabled.all() else 0) | self.faults.gripper_bits
            self._send(p.GRIPPER, struct.pack(">ihBx", round(width * UM) if known else 0, 100, bits))
            for i, identity in enumerate(p.MOTORS):
                self._send(identity, struct.pack(">hhi", round(self._velocity[i] * 1000), 500 + i, 0))
            if self.faults.leader:
                self._send(p.MODE, bytes((1, 1, 100, 0, 0, 0, 0, 0)))
                self._send(p.JOINT_TARGETS[0], struct.pack(">ii", 1000, 1000))
        if now_s - self._slow_s >= SLOW_S - 1e-6:
            self._slow_s = now_s
            for i, identity in enumerate(p.DRIVERS):
                bits = (0x40 if self.enabled[i] else 0) | self.faults.driver_bits.get(i + 1, 0)
                self._send(identity, struct.pack(">HhbBH", 240, 35, 33, bits, 700))

    def _control_mode(self) -> int:
        return self.mode if self.faults.control_mode is None else self.faults.control_mode

    def _arm_status(self) -> int:
        return 1 if self.is_stopped else self.faults.arm_status

    def _send(self, identity: int, data: bytes) -> None:
        self._sent += 1
        if (
            self.faults.silent
            or identity in self.faults.missing
            or (self.faults.lost_every and self._sent % self.faults.lost_every == 0)
        ):
            return
        self.bus.send(can.Message(arbitration_id=identity, data=data, is_extended_id=False))
