"""How drills of hostile clients are written down: what they have in common, and the same at several moments."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from finevla_tools.faults.drill_types import Drill, Moment, Promise, Recovery
from finevla_tools.faults.fault_injection import Fault

STOPS, BRAKES, RESTS, FOLLOWS, SAFE, HOLDS = (
    Promise.STOPS,
    Promise.BRAKES,
    Promise.RESTS,
    Promise.FOLLOWS,
    Promise.SAFE,
    Promise.HOLDS,
)
ITSELF, TOLD, RESET, NONE = Recovery.ITSELF, Recovery.TOLD, Recovery.RESET, Recovery.NONE
FOLLOWING, MOTION, REST, STOPPED, STEPPING = (
    Moment.FOLLOWING,
    Moment.MOTION,
    Moment.HOLDING,
    Moment.STOPPED,
    Moment.STEPPING,
)
WHEN = {FOLLOWING: "", MOTION: " in a motion", REST: " at rest", STOPPED: " when stopped", STEPPING: " in step mode"}
WATCHDOG_S, BRIDGE_S, REFUSALS_S, DEAF_S = 0.5, 0.3, 1.0, 1.3

TWO_STATES = ("state.two", "watchdog.joints_two", "state.jump", "state.leap", "watchdog.speed", "state.range")
RIVAL = ("bridge.rival", "watchdog.rival")
FORGED = ("heartbeat.forged",)
FLOOD = ("message.flood",)


def drill(name: str, does: str, fault: Fault, promise: Promise, codes: Sequence[str] = (), **more: Any) -> Drill:
    """A hostile one; what must be said to go on follows from the promise, unless it is given."""
    needed = {STOPS: RESET, BRAKES: TOLD, RESTS: TOLD, FOLLOWS: ITSELF, SAFE: RESET, HOLDS: TOLD}[promise]
    given: dict[str, Any] = {"recovery": needed, "is_hostile": True} | more
    return Drill(name, does, fault, promise, codes=tuple(codes), **given)


def at(*moments: Moment) -> Callable[[Drill], list[Drill]]:
    """Return a function that repeats a drill at each of these moments, which are added to its name."""

    def spread(one: Drill) -> list[Drill]:
        return [
            dataclasses.replace(
                one, name=one.name + WHEN[m], moment=m, recovery=RESET if m is STOPPED else one.recovery
            )
            for m in moments
        ]

    return spread
