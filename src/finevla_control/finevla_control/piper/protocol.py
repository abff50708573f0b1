"""The Piper's CAN frames, both ways: commands to bytes, feedback to frozen dataclasses in SI units.

Standard ids, eight bytes, big-endian. What a frame cannot be is decoded to None: a bus carries whatever is on it.
"""

import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

STATUS = 0x2A1
JOINTS = (0x2A5, 0x2A6, 0x2A7)  # joints 1 and 2, 3 and 4, 5 and 6
GRIPPER = 0x2A8
MOTORS = tuple(range(0x251, 0x257))
DRIVERS = tuple(range(0x261, 0x267))
GRIPPER_SETUP_REPLY = 0x47E
FIRMWARE = 0x4AF  # request and answer

STOP = 0x150
MODE = 0x151
JOINT_TARGETS = (0x155, 0x156, 0x157)
GRIPPER_TARGET = 0x159
POWER = 0x471
JOINT_SETUP = 0x475
ENQUIRY = 0x477
GRIPPER_SETUP = 0x47D
# What a leader arm, or a second driver on the same bus, sends to move the arm.
MOTION_COMMANDS = frozenset((MODE, *JOINT_TARGETS, GRIPPER_TARGET))

ALL_MOTORS = 7
CONTROL_CAN, MOVE_J, VALID = 0x01, 0x01, 0xAE
MAX_EFFORT_NM = 5.0
_RAD = math.pi / 180_000  # of 0.001 degree
_UM = 1e-6  # of 0.001 mm
_INT32 = 2**31 - 1

# Newton metres per ampere, after the vendor's SDK.
TORQUE_PER_AMPERE = (1.18125,) * 3 + (0.95844,) * 3
# Firmware up to this one reports a quarter of the current of joints 1 to 3.
QUARTER_CURRENT_FIRMWARE = (1, 8, 2)

CONTROL_MODES = (
    "standby", "CAN control", "teaching", "Ethernet control", "Wi-Fi control", "remote control", "leader", "offline trajectory",
    "TCP control",
)  # fmt: skip
ARM_STATUSES = (
    "normal", "emergency stop", "no solution", "singularity", "target exceeds limit", "joint communication error",
    "brake not released", "collision", "teaching over-speed", "joint status error", "other error", "teaching record",
    "teaching execution", "teaching pause", "main board over-temperature", "brake resistor over-temperature",
)  # fmt: skip
DRIVER_BITS = (
    "undervoltage", "motor over-temperature", "over-current", "driver over-temperature", "collision", "driver error", "enabled",
    "stall",
)  # fmt: skip
GRIPPER_BITS = (
    "undervoltage", "motor over-temperature", "over-current", "driver over-temperature", "sensor error", "driver error",
    "enabled", "homed",
)  # fmt: skip


class GripperCode(IntEnum):
    """What the gripper command does to its motor besides moving."""

    DISABLE = 0
    ENABLE = 1
    DISABLE_AND_CLEAR = 2
    ENABLE_AND_CLEAR = 3


@dataclass(frozen=True)
class CanFrame:
    """One CAN frame to send: 11-bit id and data bytes."""

    id: int
    data: bytes


@dataclass(frozen=True)
class Status:
    """0x2A1; joints are numbered from 1."""

    control_mode: int
    arm_status: int
    move_mode: int
    is_moving: bool
    at_limit: tuple[int, ...]
    not_communicating: tuple[int, ...]

    @property
    def control_word(self) -> str:
        """The control mode in words."""
        return _word(CONTROL_MODES, self.control_mode)

    @property
    def arm_word(self) -> str:
        """The arm status in words."""
        return _word(ARM_STATUSES, self.arm_status)


@dataclass(frozen=True)
class JointPair:
    """0x2A5 to 0x2A7: two neighbouring joints, rad."""

    positions: tuple[float, float]


@dataclass(frozen=True)
class Gripper:
    """0x2A8: total opening (m), torque (N m) and status bits."""

    width_m: float
    effort_nm: float
    bits: int


@dataclass(frozen=True)
class Motor:
    """0x251 to 0x256: velocity (rad/s) and current (A) of one joint."""

    velocity: float
    current_a: float


@dataclass(frozen=True)
class Driver:
    """0x261 to 0x266: the motor driver of one joint; V, degrees Celsius, A."""

    voltage_v: float
    driver_c: float
    motor_c: float
    bits: int
    bus_current_a: float

    @property
    def is_enabled(self) -> bool:
        """Whether the joint's motor is enabled, i.e. powered and holding its position."""
        return bool(self.bits & 0x40)


@dataclass(frozen=True)
class GripperSetup:
    """0x47E: the stroke (total opening, m) that the gripper is set to; 0 = never set."""

    stroke_m: float


@dataclass(frozen=True)
class FirmwarePart:
    """0x4AF: a piece of the firmware's text."""

    text: bytes


Feedback = Status | JointPair | Gripper | Motor | Driver | GripperSetup | FirmwarePart


def decode(identity: int, data: bytes) -> Feedback | None:
    """What a feedback frame says; None for an unknown id or a wrong length."""
    if identity == FIRMWARE:
        return FirmwarePart(bytes(data))
    if len(data) != 8:
        return None
    if identity == STATUS:
        return Status(data[0], data[1], data[2], bool(data[4]), _joints(data[6]), _joints(data[7]))
    if identity in JOINTS:
        first, second = struct.unpack(">ii", data)
        return JointPair((first * _RAD, second * _RAD))
    if identity == GRIPPER:
        width, effort, bits = struct.unpack(">ihBx", data)
        return Gripper(width * _UM, effort * 1e-3, bits)
    if identity in MOTORS:
        velocity, current = struct.unpack(">hhxxxx", data)
        return Motor(velocity * 1e-3, current * 1e-3)
    if identity in DRIVERS:
        voltage, driver, motor, bits, current = struct.unpack(">HhbBH", data)
        return Driver(voltage * 0.1, float(driver), float(motor), bits, current * 1e-3)
    if identity == GRIPPER_SETUP_REPLY:
        return GripperSetup(data[1] * 1e-3)
    return None


def emergency_stop() -> CanFrame:
    """The arm sinks slowly, damped; only `reset` leaves it."""
    return CanFrame(STOP, bytes((0x01, 0, 0, 0, 0, 0, 0, 0)))


def reset() -> CanFrame:
    """Leaves the emergency stop and cuts the motors' power at once: THE ARM FALLS."""
    return CanFrame(STOP, bytes((0x02, 0, 0, 0, 0, 0, 0, 0)))


def enable(motor: int = ALL_MOTORS) -> CanFrame:
    """Enable the motor of one joint (1 to 6), by default all motors."""
    return CanFrame(POWER, bytes((motor, 0x02, 0, 0, 0, 0, 0, 0)))


def disable(motor: int = ALL_MOTORS) -> CanFrame:
    """Motors off: THE ARM FALLS."""
    return CanFrame(POWER, bytes((motor, 0x01, 0, 0, 0, 0, 0, 0)))


def joint_mode(speed_percent: int) -> CanFrame:
    """CAN control, joint targets, in position-velocity mode (the arm smooths what it gets)."""
    return CanFrame(MODE, bytes((CONTROL_CAN, MOVE_J, min(100, max(0, speed_percent)), 0, 0, 0, 0, 0)))


def joint_targets(positions: Sequence[float]) -> tuple[CanFrame, ...]:
    """Three frames for six joint targets, rad."""
    counts = [_counts(p, _RAD) for p in positions]
    if len(counts) != 6:
        raise ValueError(f"a Piper has 6 joints, not {len(counts)}")
    return tuple(
        CanFrame(identity, struct.pack(">ii", *counts[2 * i : 2 * i + 2])) for i, identity in enumerate(JOINT_TARGETS)
    )


def gripper_target(width_m: float, effort_nm: float, code: GripperCode = GripperCode.ENABLE) -> CanFrame:
    """Total opening (m) and torque (N m, at most 5)."""
    effort = round(min(MAX_EFFORT_NM, max(0.0, effort_nm)) * 1000)
    return CanFrame(GRIPPER_TARGET, struct.pack(">iHBB", _counts(width_m, _UM), effort, code, 0))


def clear_joint_errors() -> CanFrame:
    """Clear the errors of all joint drivers; the frame's acceleration field is marked as not given (0x7FFF)."""
    return CanFrame(JOINT_SETUP, bytes((ALL_MOTORS, 0, 0, 0x7F, 0xFF, VALID, 0, 0)))


def gripper_setup(stroke_m: float) -> CanFrame:
    """Sets the stroke; on some units the gripper's feedback stays 0 until this has been sent once."""
    return CanFrame(GRIPPER_SETUP, bytes((100, round(stroke_m * 1000), 1, 0, 0, 0, 0, 0)))


def ask_gripper_setup() -> CanFrame:
    """Answered by 0x47E, from firmware 1.5-2 on."""
    return CanFrame(ENQUIRY, bytes((0x04, 0, 0, 0, 0x03, 0, 0, 0)))


def ask_firmware() -> CanFrame:
    """Ask for the firmware version; the arm answers with several frames of id 0x4AF."""
    return CanFrame(FIRMWARE, bytes((0x01, 0, 0, 0, 0, 0, 0, 0)))


def error_words(bits: int, names: Sequence[str]) -> tuple[str, ...]:
    """Names of the error bits that are set; `enabled` and `homed` are no errors."""
    return tuple(name for i, name in enumerate(names) if bits >> i & 1 and name not in ("enabled", "homed"))


def firmware_version(text: bytes) -> tuple[str, tuple[int, int, int]] | None:
    """`S-V1.8-2` and its numbers, from the collected pieces; None until it is whole."""
    found = re.search(rb"S-V(\d+)\.(\d+)-(\d+)", text)
    return (found[0].decode(), (int(found[1]), int(found[2]), int(found[3]))) if found else None


def torque_nm(joint: int, current_a: float, firmware: tuple[int, int, int] | None) -> float:
    """Estimate of a joint's torque, joint counted from 0; an unknown firmware counts as a new one."""
    quarter = firmware is not None and firmware <= QUARTER_CURRENT_FIRMWARE and joint < 3
    return current_a * TORQUE_PER_AMPERE[joint] * (4.0 if quarter else 1.0)


def _counts(value: float, unit: float) -> int:
    if not math.isfinite(value):
        raise ValueError(f"target {value} is not a number")
    return max(-_INT32, min(_INT32, round(value / unit)))


def _joints(bits: int) -> tuple[int, ...]:
    return tuple(i + 1 for i in range(6) if bits >> i & 1)


def _word(words: Sequence[str], number: int) -> str:
    return words[number] if number < len(words) else f"unknown ({number})"
