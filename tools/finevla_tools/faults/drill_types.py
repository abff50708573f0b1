"""What a drill is, and what came of one."""

import enum
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from finevla_tools.faults.fault_injection import Injector


class Promise(enum.Enum):
    """What the arms do about a fault; nothing ever breaks a limit, that is promised of all."""

    STOPS = "stops"  # at once and latched: nothing moves until a person resets
    BRAKES = "brakes"  # at once, and the arms hold until new words come; no reset is needed
    RESTS = "rests"  # the running plan ends by itself, at rest
    LASTS = "rests, or follows"  # the running plan ends so, unless what the launch starts again is back before that
    FOLLOWS = "keeps following"
    SAFE = "follows, rests or stops"  # which of them depends on the machine
    HOLDS = "holds"  # of arms at rest: nothing moves, and what was stopped stays so


class Moment(enum.Enum):
    """What goes on when the fault is done."""

    FOLLOWING = "an instruction is followed"
    MOTION = "an operator's motion is under way"
    HOLDING = "the arms rest"
    STOPPED = "the arms are stopped"
    STEPPING = "step mode: a plan waits for its yes"

    @property
    def is_moving(self) -> bool:
        """Whether the arms are in the middle of a motion."""
        return self in (Moment.FOLLOWING, Moment.MOTION)


class Recovery(enum.Enum):
    """What it takes to go on, without starting the stack again."""

    ITSELF = "by itself"
    TOLD = "when it is told again"
    RESET = "after a reset and new words"
    NONE = "only by starting the stack again"


@dataclass(frozen=True)
class Drill:
    """One fault. `fault` does it and, when its context is left, undoes it.

    `observable_s` is how long after the fault it can be known at all: a silence, once its timeout has run out. `codes` are
    events of which the operator must see one.
    """

    name: str
    does: str
    fault: Callable[["Injector"], AbstractContextManager[None]]
    promise: Promise
    recovery: Recovery = Recovery.ITSELF
    observable_s: float = 0.0
    codes: tuple[str, ...] = ()
    lasts_s: float = 1.2  # how long it is watched where there is no stop or rest to wait for
    clock: bool = False  # needs simulated time
    arms_apart: bool = False  # needs arms in different poses
    arms_seen: bool = True  # whether the true motion of the arms can be measured meanwhile
    most_share: float = 1.02  # of a limit that a command may use: differences over a cycle, knots in whole nanoseconds
    moment: Moment = Moment.FOLLOWING
    persists: bool = False  # through the reset, until new words come
    resets: int = 1  # of a fault that persists: after the first, each is of another stop, at rest
    nodes: tuple[str, ...] = ()  # that must be in the launch description
    prepare: Callable[["Injector"], AbstractContextManager[None]] | None = None  # what takes long to set up, before all
    # Of hostile clients only. `went_rad`: an arm at rest goes no further; None = a small sag, where nothing may move.
    is_hostile: bool = False
    went_rad: float | None = None
    stranger_speed: float = 0.0  # rad/s that a stranger's own command may reach before it is braked
    is_flood: bool = False  # a stop comes in the middle of it: how fast it is heard counts, and so does the log

    @property
    def promised(self) -> str:
        """What the stack shall do in this drill and how it recovers, in one sentence."""
        where = f", {self.observable_s:g} s after it began" if self.observable_s else ""
        what = {
            Promise.STOPS: f"the arms are stopped{where}, and stay so until a reset",
            Promise.BRAKES: "the arms are braked at once, and hold until new words come",
            Promise.RESTS: "the running motion ends at rest by itself",
            Promise.LASTS: "the running motion ends at rest by itself, unless the node is back before",
            Promise.FOLLOWS: "the motion goes on",
            Promise.SAFE: "the motion goes on, ends at rest or is stopped; nothing else",
            Promise.HOLDS: "nothing moves",
        }[self.promise]
        return f"{what}; goes on {self.recovery.value}"


@dataclass
class Result:
    """What happened. Times in seconds, None where there is nothing to measure."""

    name: str
    does: str
    promised: str
    happened: str = ""
    broken: list[str] = field(default_factory=list)  # promises that were not kept, one sentence each; empty = all kept
    speed: float = 0.0  # fastest arm joint at the fault, rad/s
    stop_s: float | None = None  # fault to the stop command
    late_s: float | None = None  # the fault being observable to the stop command
    rest_s: float | None = None  # stop command to rest
    needed_s: float | None = None  # what the limits need for a stop from the speed at the stop command
    moved_rad: float | None = None  # between the reset and the next words, and
    followed: int | None = None  # chunks that were followed between them
    resets: int = 0  # after which that was looked at
    share: float = 0.0  # of the limits that the commands used at most, from the fault on (1 = right at one)
    saw: list[str] = field(default_factory=list)  # what the operator saw, in order
    codes: set[str] = field(default_factory=set)  # of the events meanwhile
    is_hostile: bool = False
    went_rad: float = 0.0  # the furthest that an arm joint was from where it was at the fault, until its end
    measured: float = 0.0  # fastest arm joint that was measured meanwhile, rad/s
    named: str = ""  # the code by which the fault was named, and
    named_s: float | None = None  # how long after it could be known
    command_s: float | None = None  # of a flood: from the stop to the first stopping command
    lines_s: float = 0.0  # log lines of the whole stack in the worst second
    too_late: list[str] = field(default_factory=list)  # bars of time that were missed, which a busy machine may do
    stood_s: float = 0.0  # the longest time without any true joint state
