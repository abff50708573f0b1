"""The CAN interface under an arm: opened, drained, and opened again with growing pauses when it is lost.

Nothing is switched on again after a loss: the arm is only told to hold where it is, and only if it still is enabled.
"""

import contextlib
import errno
import math
import time
from collections.abc import Callable
from pathlib import Path

import can

from finevla_control.piper.arm import Arm, PiperOptions
from finevla_core.errors import FineVLAError

SYSFS = Path("/sys/class/net")
ARP_CAN = 280  # type of a CAN interface
IFF_UP = 1
ERROR_BUS_OFF = 0x40
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
MAX_FRAMES = 1000  # of one poll: a flooded bus must not keep the node from its other work
MAX_DELAY_S = 1.0


def check_interface(name: str, kind: str, sysfs: Path = SYSFS) -> None:
    """Refuse a SocketCAN interface that is missing, no CAN or down, with the command that mends it."""
    if kind != "socketcan":
        return
    set_up = f"sudo ip link set {name} up type can bitrate 1000000"
    folder = sysfs / name
    if not name or "/" in name or not folder.is_dir():
        have = sorted(p.name for p in sysfs.glob("*") if _number(p / "type") == ARP_CAN)
        raise FineVLAError(
            f"CAN interface '{name}' does not exist (CAN interfaces here: {', '.join(have) or 'none'}); plug the adapter in, "
            f"name it '{name}', and run: {set_up}"
        )
    if _number(folder / "type") != ARP_CAN:
        raise FineVLAError(f"interface '{name}' is no CAN interface; give the arm's, e.g. can_left")
    if not _number(folder / "flags") & IFF_UP:
        raise FineVLAError(f"CAN interface '{name}' is down; run: {set_up}")


def open_bus(name: str, kind: str) -> can.BusABC:
    """A bus that does not hear what it sends itself; raises `FineVLAError` if it cannot be opened."""
    check_interface(name, kind)
    try:
        return can.Bus(channel=name, interface=kind, receive_own_messages=False)
    except (can.CanError, OSError, ValueError, ImportError, TypeError) as error:
        raise FineVLAError(f"CAN interface '{name}' ({kind}) cannot be opened: {error}") from error


class CanLink:
    """An arm on a bus that may come and go; `poll` does everything that is due, all times are monotonic seconds."""

    def __init__(
        self, open_it: Callable[[], can.BusABC], options: PiperOptions, wall: Callable[[], float] = time.time
    ) -> None:
        self.open_it = open_it
        self.wall = wall
        self.arm = Arm(self, options)
        self.bus: can.BusABC | None = None
        self.problem = ""  # why the bus was lost, until a frame comes again
        self.events: list[str] = []  # sentences for the log, taken by whoever logs
        self.send_failures = 0
        self._pause_s, self._next_s = FIRST_PAUSE_S, -math.inf
        self._now_s = 0.0

    def poll(self, now_s: float) -> None:
        """Open if need be, take in what was received, send what is due."""
        self._now_s = now_s
        if self.bus is None and now_s >= self._next_s:
            self._open(now_s)
        try:
            self._receive(now_s)
        except (can.CanError, OSError, ValueError) as error:
            self._lose(
                f"{self._name}: the CAN interface was lost ({error}); it is opened again as soon as possible", now_s
            )
        self.arm.tick(now_s)

    def errors(self, now_s: float) -> list[str]:
        """What is wrong with the bus, else with the arm."""
        return [self.problem] if self.problem else self.arm.errors(now_s)

    def send(self, msg: can.Message) -> None:
        """For the arm. A frame that cannot be sent is counted: what the arm says back decides, not our belief."""
        if self.bus is None:
            return
        try:
            self.bus.send(msg)
        except (can.CanError, OSError, ValueError) as error:
            self.send_failures += 1
            if getattr(error, "error_code", None) in (errno.ENETDOWN, errno.ENODEV, errno.ENXIO):
                self._lose(f"{self._name}: the CAN interface went down ({error})", self._now_s)

    def close(self) -> None:
        """Let go of the bus. The arm is left as it is: motors on, holding."""
        if self.bus is not None:
            self.bus.shutdown()
            self.bus = None

    @property
    def _name(self) -> str:
        return self.arm.options.interface

    def _open(self, now_s: float) -> None:
        try:
            self.bus = self.open_it()
        except FineVLAError as error:
            self._lose(str(error), now_s)
            return
        self.arm.attach()

    def _receive(self, now_s: float) -> None:
        for _ in range(MAX_FRAMES):
            message = self.bus.recv(0.0) if self.bus is not None else None
            if message is None:
                return
            if message.is_error_frame and message.arbitration_id & ERROR_BUS_OFF:
                self._lose(
                    f"{self._name}: bus-off (too many errors on the CAN bus); check cable, power and bit rate, then run: "
                    f"sudo ip link set {self._name} down; sudo ip link set {self._name} up",
                    now_s,
                )
                return
            if self.problem and not message.is_error_frame:
                self.events.append(f"{self._name}: frames come again; the arm is not enabled by this")
                self.problem, self._pause_s = "", FIRST_PAUSE_S
            # Frames wait in the kernel until they are read: their own stamps say since when.
            delay = min(MAX_DELAY_S, max(0.0, self.wall() - message.timestamp)) if message.timestamp else 0.0
            self.arm.on_frame(message, now_s - delay)

    def _lose(self, problem: str, now_s: float) -> None:
        if problem != self.problem:
            self.events.append(problem)
        self.problem = problem
        with contextlib.suppress(can.CanError, OSError):
            self.close()
        self.bus = None
        self.arm.attach()
        self._next_s = now_s + self._pause_s
        self._pause_s = min(LONGEST_PAUSE_S, 2 * self._pause_s)


def _number(file: Path) -> int:
    try:
        return int(file.read_text().strip(), 0)
    except (OSError, ValueError):
        return 0
