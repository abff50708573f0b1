"""A simulated Piper, a link and a clock of the test's own on python-can's virtual bus: nothing waits for real time."""

import dataclasses
import itertools
import time

import can
import numpy as np

from finevla_control.piper.arm import PiperOptions
from finevla_control.piper.can_link import CanLink
from finevla_control.piper.simulated_arm import SimulatedPiper
from finevla_core.errors import FineVLAError

LOWER = np.array([-2.6179938, 0.0, -2.9670597, -1.7453292, -1.2217304, -2.0943951])
UPPER = np.array([2.6179938, 3.1415926, 0.0, 1.7453292, 1.2217304, 2.0943951])
HOME = (0.3, 1.2, -0.9, 0.4, 0.6, -0.5)
STEP_S = 0.005
_channels = itertools.count()


class Bench:
    """`arm` and `simulated` share a bus; `advance` lets time pass for both."""

    def __init__(self, **options: object) -> None:
        self.channel = f"piper-bench-{next(_channels)}"
        self.now_s = 100.0
        self.is_down = False
        self.opened = 0
        self.buses: list[can.BusABC] = []
        self.simulated = SimulatedPiper(self.bus(), joints=HOME)
        self.options = dataclasses.replace(PiperOptions("can_left", LOWER, UPPER), **options)  # type: ignore[arg-type]
        self.delay_s = -1e12  # how long frames waited before they were read; hugely negative = not at all
        self.link = CanLink(self.open_it, self.options, wall=lambda: time.time() + self.delay_s)
        self.arm = self.link.arm

    def bus(self) -> can.BusABC:
        """Another participant."""
        self.buses.append(can.Bus(interface="virtual", channel=self.channel))
        return self.buses[-1]

    def close(self) -> None:
        """Let go of all buses."""
        self.link.close()
        for bus in self.buses:
            bus.shutdown()

    def open_it(self) -> can.BusABC:
        """What the link opens; refuses while the interface is down."""
        if self.is_down:
            raise FineVLAError("CAN interface 'can_left' is down")
        self.opened += 1
        return self.bus()

    def advance(self, seconds: float) -> None:
        """Let the time pass in steps of 5 ms."""
        for _ in range(round(seconds / STEP_S)):
            self.now_s += STEP_S
            self.simulated.step(self.now_s)
            self.link.poll(self.now_s)

    def until(self, condition: object, seconds: float = 5.0) -> None:
        """Let the time pass until `condition()` holds."""
        for _ in range(round(seconds / STEP_S)):
            if condition():  # type: ignore[operator]
                return
            self.advance(STEP_S)
        raise AssertionError(f"not within {seconds} s; {self.link.errors(self.now_s)} {self.arm.not_ready(self.now_s)}")

    def make_ready(self) -> None:
        """Connected and enabled, as an operator does it."""
        self.until(lambda: self.arm.state(self.now_s) is not None)
        assert self.arm.enable(self.now_s) == ""
        self.until(lambda: self.arm.is_ready(self.now_s))

    def command(self, joints: object, width_m: float = 0.02) -> str:
        """A command now."""
        return self.arm.command(joints, width_m, self.now_s)  # type: ignore[arg-type]

    def errors(self) -> str:
        """All errors in one text."""
        return "; ".join(self.link.errors(self.now_s))
