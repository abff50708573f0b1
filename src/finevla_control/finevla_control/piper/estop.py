"""`piper_estop can_left can_right`: stops arms on their CAN buses; needs no policy, bridge, driver or DDS.

The arms sink slowly, damped. Exit code 0 only if every arm says that it has stopped; 2 if an interface cannot be opened.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import can

from finevla_control.piper import protocol as p
from finevla_control.piper.can_link import open_bus
from finevla_core.errors import FineVLAError

AT_LEAST = 5  # stop frames, even if the arm confirms at once
EVERY_S = 0.02


@dataclass
class Stop:
    """One arm that is being stopped."""

    name: str
    bus: can.BusABC | None = None
    problem: str = ""
    sent: int = 0
    status: p.Status | None = None

    @property
    def is_confirmed(self) -> bool:
        """Whether the arm has said so."""
        return self.status is not None and self.status.arm_status == 1

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do for this arm."""
        return self.bus is None or (self.is_confirmed and self.sent >= AT_LEAST)

    def step(self) -> None:
        """Send the frame once more and read what came."""
        if self.bus is None:
            return
        try:
            frame = p.emergency_stop()
            self.bus.send(can.Message(arbitration_id=frame.id, data=frame.data, is_extended_id=False))
            self.sent += 1
        except (can.CanError, OSError, ValueError) as error:
            self.problem = f"the stop frame cannot be sent: {error}"
        try:
            self._read(self.bus)
        except (can.CanError, OSError, ValueError) as error:
            self.problem = f"the bus cannot be read: {error}"

    def _read(self, bus: can.BusABC) -> None:
        deadline = time.monotonic() + EVERY_S
        while (left := deadline - time.monotonic()) > 0:
            message = bus.recv(left)
            if message is None or message.is_error_frame or message.is_extended_id:
                continue
            said = p.decode(message.arbitration_id, bytes(message.data))
            if isinstance(said, p.Status):
                self.status = said

    @property
    def line(self) -> str:
        """What happened, for the person who pressed."""
        if self.is_confirmed:
            return f"{self.name}: STOPPED, confirmed by the arm ({self.sent} frames sent); hold it before you reset it"
        if self.problem:
            return f"{self.name}: NOT STOPPED: {self.problem}"
        if self.status is None:
            return f"{self.name}: NOT CONFIRMED: {self.sent} stop frames sent, but the arm says nothing; cut its power"
        return f"{self.name}: NOT CONFIRMED: the arm says '{self.status.arm_word}'; cut its power"


def stop_arms(interfaces: Sequence[str], kind: str, timeout_s: float) -> list[Stop]:
    """Stop all of them at the same time; one that cannot be reached does not delay the others."""
    stops = []
    for name in interfaces:
        try:
            stops.append(Stop(name, open_bus(name, kind)))
        except FineVLAError as error:
            stops.append(Stop(name, problem=str(error)))
        stops[-1].step()
    deadline = time.monotonic() + timeout_s
    while not all(stop.is_done for stop in stops) and time.monotonic() < deadline:
        for stop in stops:
            if not stop.is_done:
                stop.step()
    for stop in stops:
        if stop.bus is not None:
            stop.bus.shutdown()
    return stops


def main(argv: Sequence[str] | None = None) -> int:
    """Stop the arms on the given CAN interfaces; return 0 if all confirm, 1 if one does not, 2 if a bus cannot open."""
    parser = argparse.ArgumentParser(
        prog="piper_estop", description="Emergency stop of Piper arms, directly on their CAN buses: they sink slowly."
    )
    parser.add_argument("interfaces", nargs="+", help="CAN interfaces, e.g. can_left can_right")
    parser.add_argument("--interface-type", default="socketcan", help="python-can's name of the kind of interface")
    parser.add_argument("--timeout", type=float, default=1.0, help="how long to wait for the arms to confirm, seconds")
    given = parser.parse_args(argv)
    stops = stop_arms(given.interfaces, given.interface_type, given.timeout)
    for stop in stops:
        print(stop.line, file=sys.stdout if stop.is_confirmed else sys.stderr, flush=True)
    if any(stop.bus is None for stop in stops):
        return 2
    return 0 if all(stop.is_confirmed for stop in stops) else 1
