"""What the watchdog finds wrong, what each finding leads to, and what the operator reads."""

import enum
from dataclasses import dataclass

from finevla_core.safety.events import RESET_ADVICE
from finevla_core.safety.watchdog_monitors import HeartbeatMonitor


class Verdict(enum.IntEnum):
    """What a finding leads to; values are the levels of `SafetyEvent`."""

    WARNING = 1
    STOP = 2


@dataclass(frozen=True)
class Watch:
    """What a finding leads to while nothing moves and while something does, why so, and what the operator reads.

    `says_simulated` stands for `says` where a simulator plays the arms: nobody shall look for a cable then. `says_unheard`
    does as long as nothing was heard at all: what has not come up has not died.
    """

    at_rest: Verdict
    moving: Verdict
    why: str
    says: str
    says_simulated: str = ""
    says_unheard: str = ""

    def sentence(self, is_arm_simulated: bool, was_heard: bool = True) -> str:
        """What the operator reads, with places for the numbers."""
        if not was_heard and self.says_unheard:
            return self.says_unheard
        return (is_arm_simulated and self.says_simulated) or self.says


_W, _S = Verdict.WARNING, Verdict.STOP
# What leads to a stop and what to a warning only. A warning at rest becomes a stop as soon as something moves.
WATCHES: dict[str, Watch] = {
    "watchdog.bridge": Watch(
        _W, _S,
        "a hung bridge cannot stop what it began; at rest it has begun nothing, and it refuses to move without us",
        "the safety bridge has said nothing {0} (topic safety/status); it hangs or died: see its log,"
        f" and start it again; {RESET_ADVICE}",
        says_unheard="the safety bridge has said nothing {0} (topic safety/status), and nothing moves without it;"
        " it was not started or does not come up: see its log",
    ),
    "watchdog.restart": Watch(
        _S, _S,
        "a bridge that died has lost what it commanded; a person looks before another one moves the arms",
        f"the safety bridge was started again; look at the arms; {RESET_ADVICE}",
    ),
    "watchdog.motion": Watch(
        _W, _S,
        "a bridge that hung, or whose clock jumped, cannot brake: it does not know where the motion is",
        "the bridge says that it stopped, but {0:.2f} s later the arms still move; see what it says;"
        f" {RESET_ADVICE}",
    ),
    "watchdog.joints": Watch(
        _W, _S,
        "nobody knows where the arms are; at rest they stay where they were commanded to",
        "no joint state of all joints {0} (topic {1}); check the arms' driver, their power and CAN",
        "no joint state of all joints {0} (topic {1}); the simulator hangs, is too slow or has ended: see its output",
    ),
    "watchdog.joints_still": Watch(
        _W, _S,
        "a driver that repeats its last reading hides where the arms are",
        "joint states come, but their stamps have stood still {0} (topic {1}); restart the arms' driver",
        "joint states come, but their stamps have stood still {0} (topic {1}); start the simulator again",
    ),
    "watchdog.camera_frozen": Watch(
        _W, _S,
        "a policy that looks at an old picture moves blindly; nothing behind it can notice",
        "{0}: the last {1} pictures are the same although the arms moved, only their stamps are new;"
        " replug the camera or restart its driver",
    ),
    "watchdog.observations": Watch(
        _W, _W,
        "without observations there are no chunks, and the running plan ends by itself, smoothly",
        "no observation {0} (topic observation); see what camera_ingest says in /diagnostics",
    ),
    "watchdog.policy": Watch(
        _W, _W,
        "without a policy there are no chunks, and the running plan ends by itself, smoothly",
        "the policy has said nothing {0} (topic policy/status); see its log and start it again",
    ),
    "watchdog.policy_deaf": Watch(
        _W, _W,
        "a policy that looks at nothing sends no chunks, and the running plan ends by itself, smoothly",
        "the policy speaks, but has taken no observation for {0:.2f} s although they come (policy/status,"
        " observations_taken); start it again",
    ),
    "watchdog.chunks": Watch(
        _W, _W,
        "the running plan ends by itself, smoothly",
        "no action chunk {0} although an instruction is being followed; see policy/status",
    ),
    "watchdog.deadman": Watch(
        _S, _S,
        "the operator's hand decides, at rest too: motion must not begin without it",
        "the operator's deadman switch is {0} (topic safety/deadman); hold it;"
        f" {RESET_ADVICE}",
    ),
    "watchdog.rival": Watch(
        _S, _S,
        "nobody could say who moves the arms, or begins to in the next moment",
        "not only the safety bridge commands the arms: {0}; stop it (one that was killed is listed for 20 s more)",
    ),
    "watchdog.two": Watch(
        _S, _S,
        "two would brake at the same time, harder than the arms may",
        f"another watchdog speaks on safety/watchdog; end one of them; {RESET_ADVICE}",
    ),
    "watchdog.joints_two": Watch(
        _S, _S,
        "nobody could say which of them tells where the arms are",
        "more than one node publishes joint states of the arms (topic {0}); end all but the arms' driver;"
        f" {RESET_ADVICE}",
        "more than one node publishes joint states of the arms (topic {0}); end all but the simulator;"
        f" {RESET_ADVICE}",
    ),
    "watchdog.speed": Watch(
        _S, _S,
        "whoever commands, the arms must not be faster; or the joint states are not true",
        "{0} is measured at {1:.2f}, its limit is {2:.2f} per second; see who commands the arms, and their driver;"
        f" {RESET_ADVICE}",
    ),
    "watchdog.clock_jump": Watch(
        _W, _S,
        "the controllers follow trajectories by this clock: their motion has jumped or stopped with it",
        "the ROS clock jumped by {0:+.2f} s; check who sets the time (NTP, /clock);"
        f" {RESET_ADVICE}",
    ),
    "watchdog.clock_still": Watch(
        _W, _S,
        "neither plans nor stamps mean anything while time stands still",
        "simulated time has stood still for {0:.2f} s (topic /clock); the simulation is paused or gone",
    ),
}  # fmt: skip


def silence(
    code: str, beat: HeartbeatMonitor, now_ns: int, timeout_s: float, is_arm_simulated: bool, *more: object
) -> dict[str, str]:
    """Return the finding, code to sentence, that a sender has been silent for longer than `timeout_s`; else nothing."""
    if (silent_s := beat.silent_s(now_ns)) <= timeout_s:
        return {}
    how_long = f"for {silent_s:.2f} s" if beat.has_spoken else "yet"
    return {code: WATCHES[code].sentence(is_arm_simulated, beat.has_spoken).format(how_long, *more)}
