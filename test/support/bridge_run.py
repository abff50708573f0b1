"""A bridge with a clock, arms that follow, a policy and an operator's client that may take no notice of a stop, without ROS."""

from collections.abc import Callable

import numpy as np
from guarded_arms import SECOND, START, Guarded

TICK = SECOND // 50
POLICY, MOTION = "/policy", "/motion"


class BridgeRun:
    """A bridge with a clock, arms that do what it commands, a policy and an operator's client."""

    def __init__(self, guarded: Guarded, **options: object) -> None:
        self.guarded, self.now, self.steady, self.felt = guarded, START, 0, True
        self.at = guarded.home  # where the arms were last, for a bridge that has no plan any more
        self.are_stuck = False
        self.bridge = guarded.bridge(steady_ns=lambda: self.steady, **options)
        self.sequence = 0
        self.pass_time(1)
        self.bridge.on_instruction("go", self.now)

    def pass_time(self, ticks: int) -> None:
        for _ in range(ticks):
            self.now, self.steady = self.now + TICK, self.steady + TICK
            self.bridge.on_watchdog(True, "", self.now)
            self.bridge.on_deadman(True, self.now)
            if self.felt:
                self.guarded.feel(self.bridge, self.position(), self.now)
            self.bridge.tick(self.now)

    def position(self) -> np.ndarray:
        if (plan := self.bridge.plan) is not None and not self.are_stuck:
            self.at = plan.at(self.now)[0]
        return self.at

    def chunk(
        self, instruction_id: str = "go", client: str = POLICY, amplitude: float = 0.1, **changes: object
    ) -> None:
        """Fresh, of the bridge's own epoch, and from where the arms are: as good as a chunk can be."""
        self.sequence += 1
        way = self.guarded.chunk(amplitude=amplitude).actions - self.guarded.home
        given = {"stamp_ns": self.now, "epoch": self.bridge.epoch, "sequence": self.sequence} | changes
        chunk = self.guarded.chunk(instruction_id=instruction_id, client=client, actions=self.position() + way, **given)
        self.bridge.on_chunk(chunk, self.now)

    def accepted(self) -> int:
        return self.bridge.counts.accepted

    def reset(self) -> None:
        self.felt = True
        self.pass_time(100)
        done, text = self.bridge.reset(self.now)
        assert done, text
        self.are_stuck = False
        self.bridge.take()

    def misbehave(self, by: str = "policy", words: str = "go", motion: str = "motion:home-1") -> int:
        """All that a policy or a motion node may send that took no notice of the stop; how many chunks that were."""
        before = self.sequence
        for _ in range(3):
            self.bridge.on_instruction(words, self.now)
            self.chunk(words)
            self.chunk("")
            if by == "motion":
                self.bridge.take_authority(MOTION, self.now)
                for identity in (motion, motion + "/1", motion + "/2", "motion:other"):
                    self.chunk(identity, MOTION)
            self.pass_time(5)
        return self.sequence - before


def lose_states(run: BridgeRun) -> None:
    run.felt = False
    run.pass_time(40)


def feel(values: Callable[[BridgeRun], np.ndarray]) -> Callable[[BridgeRun], None]:
    def stop(run: BridgeRun) -> None:
        run.now, run.steady = run.now + TICK, run.steady + TICK
        run.guarded.feel(run.bridge, values(run), run.now)

    return stop


def refuse_all(run: BridgeRun) -> None:
    run.pass_time(6)  # while controllers are led onto a motion, a refusal is nobody's fault
    holder = run.bridge.authority.client or POLICY
    for _ in range(10):
        run.chunk("motion:spoilt" if holder == MOTION else run.bridge.instruction_id, holder, dt_s=0.0)


def fall_silent(run: BridgeRun) -> None:
    run.now, run.steady = run.now + TICK, run.steady + 2 * SECOND
    run.bridge.tick(run.now)


def do_not_follow(run: BridgeRun) -> None:
    run.position()
    run.are_stuck = True
    run.pass_time(200)


def jump(seconds: float) -> Callable[[BridgeRun], None]:
    def stop(run: BridgeRun) -> None:
        run.now += round(seconds * SECOND)
        run.bridge.tick(run.now)

    return stop


STOPS: dict[str, Callable[[BridgeRun], None]] = {
    "topic": lambda run: run.bridge.on_stop(run.now, "stop.topic", "stop was asked for by topic"),
    "service": lambda run: run.bridge.on_stop(run.now, "stop.service", "stop was asked for by service"),
    "rival": lambda run: run.bridge.on_stop(run.now, "bridge.rival", "another node publishes too"),
    "watchdog": lambda run: run.bridge.on_watchdog(False, "a camera is frozen", run.now),
    "deadman let go": lambda run: run.bridge.on_deadman(False, run.now),
    "heartbeats lost": fall_silent,
    "rejections": refuse_all,
    "states lost": lose_states,
    "states jump": feel(lambda run: run.position() + 0.3),
    "states NaN": feel(lambda run: np.full(len(run.guarded.home), np.nan)),
    "tracking": do_not_follow,
    "clock back": jump(-3.0),
    "clock ahead": jump(2.0),
}
OPTIONS = {"deadman let go": {"deadman_timeout_s": 1.0}, "heartbeats lost": {"watchdog_timeout_s": 0.5}}
