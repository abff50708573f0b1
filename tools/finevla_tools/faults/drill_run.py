"""One drill from the fault on: watch, read off what is measured, mend, see what it takes to go on, judge."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_tools.faults import drill_judge
from finevla_tools.faults.drill_recorder import STOP_WORD, Seen
from finevla_tools.faults.drill_types import Drill, Moment, Promise, Recovery, Result

if TYPE_CHECKING:
    from finevla_tools.faults.drill_session import Session

FOLLOWING, STOPPED = 2, 3
SET_OUT_S, COME_TO_REST_S, RECOVER_S = 15.0, 6.0, 40.0
STILL_S, STILL_RAD = 1.0, 0.01  # how long the arms are watched between a reset and new words, and what sagging is
# Of hostile clients: named so soon after it can be known; and of floods.
NAMED_S, COMMAND_S, LINES_S = 0.3, 0.1, 10
STOP_NS = 800_000_000  # a stopping command is over by then; a chunk's plan takes twice as long
BEFORE_NS = 100_000_000  # before the fault, judged too: the commands that were under way
MOVING = 0.1  # rad/s: who set out
FIRST_MOTION_S = 3.0  # after a chunk is followed; a policy that has arrived does not move
NOT_GONE_ON = "did not go on"


class Attempt:
    """One drill from the fault on."""

    def __init__(self, session: "Session", drill: Drill) -> None:
        self.session, self.drill = session, drill
        self.recorder = session.recorder
        self.outcome = self.named = ""
        self.went_rad = self.measured = self.lines_s = 0.0
        self.named_s: float | None = None
        self.command_s: float | None = None
        self.broken: list[str] = []
        self.too_late: list[str] = []
        self.needed: list[str] = []
        self.moved_rad: float | None = None
        self.followed: int | None = None
        self.resets = 0

    def result(self) -> Result:
        """Inject the fault, observe the motion, undo it, recover, and return the result against the drill's promise."""
        drill, recorder = self.drill, self.recorder
        self.fault_ns = recorder.clock_ns()
        self.speed, self.start = recorder.speed(recorder.states[-1]), recorder.states[-1].positions
        injector = self.session.injector
        injector.began_s = injector.stop_said_s = 0.0
        injector.broken, injector.notes, injector.may_end = self.broken, [], set()
        self.pids = {p.name: self.session.stack.pid(p.name) for p in self.session.stack.launch.processes}
        with self._as_broken_promise("healing it"), contextlib.ExitStack() as healing:
            fault = drill.fault(self.session.injector)
            self.fault_s = time.monotonic()
            self.began_s = self.fault_s
            with self._as_broken_promise("the fault"):
                healing.enter_context(fault)
            self.began_s = self.session.injector.began_s or self.fault_s
            self._watch()
            self.state = self.session.state()
            self.over_s, over_ns = time.monotonic(), recorder.clock_ns()
            for number in range(drill.resets if drill.persists else 0):
                if number:
                    self.session.press_stop()
                self._reset()
        self._read_off(over_ns)
        self.recovery = self._recover()
        return self._judged()

    @contextlib.contextmanager
    def _as_broken_promise(self, what: str) -> Iterator[None]:
        """What somebody of the stack did not answer is a broken promise, and no end of the drills."""
        try:
            yield
        except FineVLAError as error:
            self.broken.append(f"{what}: {error}")

    def _watch(self) -> None:
        """Until what must come has come and the arms rest, or for as long as there is nothing to wait for."""
        drill, client = self.drill, self.session.client
        if drill.promise in (Promise.FOLLOWS, Promise.SAFE, Promise.HOLDS):
            until_s = self.fault_s + drill.lasts_s
            client.wait(lambda: time.monotonic() > until_s, drill.lasts_s + 1.0)
        elif drill.promise is Promise.LASTS:
            client.wait(lambda: self.session.state() != FOLLOWING and self._rests(), drill.lasts_s)
        elif drill.promise is Promise.RESTS:
            client.wait(
                lambda: self._stopped() is not None or (self.session.state() != FOLLOWING and self._rests()),
                drill.observable_s + COME_TO_REST_S,
            )
            client.wait(lambda: self._rests(), COME_TO_REST_S)
        else:
            most_s = drill.observable_s + COME_TO_REST_S
            client.wait(lambda: self._stopped() is not None and (not drill.arms_seen or self._rests()), most_s)
            until_s = time.monotonic() + 0.3
            if drill.is_hostile:
                until_s = max(until_s, self.began_s + drill.lasts_s)
            client.wait(lambda: time.monotonic() > until_s, drill.lasts_s + 1.0)

    def _stopped(self) -> Seen | None:
        return self.recorder.first_stop(self.fault_s)

    def _rests(self) -> bool:
        return self._rested_at_s() is not None

    def _rested_at_s(self) -> float | None:
        stack = self.session.stack
        has_ended = not any(stack.pid(process.name) for process in stack.launch.processes)
        return self.recorder.rested_at_s(self.fault_s, is_over=has_ended)

    def _read_off(self, over_ns: int) -> None:
        """Everything that is measured, at the end of the fault."""
        r, drill, limits = self.recorder, self.drill, self.session.limits
        self.stopped, rested_s = self._stopped(), self._rested_at_s()
        states = [s for s in r.states if s.at_s >= self.fault_s - drill_judge.STOOD_S]
        span = self.fault_ns - BEFORE_NS, max(over_ns, self.fault_ns + 1)
        positions, velocities = drill_judge.commanded(r.told, self.session.robot, r.states[0], span)
        used = drill_judge.limits_used(positions, velocities, limits)
        self.share = max(share for _, share in used.values())
        names = self.session.robot.names
        for what, (i, share) in used.items():
            if share > drill.most_share and not drill.stranger_speed:
                self.broken.append(f"{names[i]} was commanded to {share:.2f} of its {what} limit")
        if drill.arms_seen and (breach := drill_judge.measured_breach(states, limits, names, drill.stranger_speed)):
            self.broken.append(breach)
        self._read_off_hostile()
        self.stop_s = self.rest_s = self.needed_s = None
        if self.stopped is not None:
            self.stop_s = self.stopped.at_s - (self.session.injector.stop_said_s or self.began_s)
            row = round(((self.stopped.at_s - self.fault_s) * 1e9 + BEFORE_NS) / drill_judge.STEP_NS) - 1
            self.needed_s = drill_judge.needed_s(velocities[min(max(row, 0), len(velocities) - 1)], limits)
            if drill.arms_seen and rested_s is not None:
                self.rest_s = max(0.0, rested_s - self.stopped.at_s)
        if drill.moment is Moment.STOPPED and self.state == STOPPED:
            self.outcome = "stayed stopped"
        elif self.stopped is not None:
            self.outcome = "was braked" if self.stopped.code == STOP_WORD else "stopped"
        elif not drill.moment.is_moving and self.state != FOLLOWING:
            self.outcome = "held"
        elif self.state == FOLLOWING:
            self.outcome = "kept following"
        else:
            self.outcome = "came to rest" if rested_s is not None else "did not come to rest"

    def _read_off_hostile(self) -> None:
        """How far the arms went, what named the fault, and what a flood did to stops and logs."""
        r, drill, injector = self.recorder, self.drill, self.session.injector
        during = [s for s in r.states if s.at_s >= self.fault_s]
        if during:
            self.went_rad = max(float(abs((s.positions - self.start)[r.is_arm]).max()) for s in during)
            self.measured = max(r.speed(s) for s in during)
        least = STILL_RAD if drill.went_rad is None else drill.went_rad
        if drill.is_hostile and not drill.moment.is_moving and self.went_rad > least:
            self.broken.append(f"arms at rest went {self.went_rad:.3f} rad; {least:g} are allowed")
        if drill.is_hostile and drill.codes:
            first = next((s for s in r.seen if s.at_s >= self.fault_s and s.code in drill.codes), None)
            if first is not None:
                self.named, self.named_s = first.code, max(0.0, first.at_s - self.began_s - drill.observable_s)
                if self.named_s > NAMED_S:
                    self.too_late.append(
                        f"it was named {self.named_s:.2f} s after it could be known; {NAMED_S} are allowed"
                    )
        if drill.is_hostile and drill.recovery is not Recovery.NONE:
            for name, pid in self.pids.items():
                if name not in injector.may_end and self.session.stack.pid(name) != pid:
                    self.broken.append(f"{name} ended")
        if drill.is_flood:
            lines = [t for t in self.session.logged_s if t >= self.began_s]
            self.lines_s = float(max((sum(t <= u < t + 1.0 for u in lines) for t in lines), default=0))
            if self.lines_s > LINES_S:
                self.too_late.append(f"the log took {self.lines_s:.0f} lines in a second; {LINES_S} are allowed")
            said_s = injector.stop_said_s
            stops = [
                t.at_s for t in r.told if t.at_s > said_s and t.points and t.points[-1].time_from_start_ns < STOP_NS
            ]
            if said_s and stops:
                self.command_s = stops[0] - said_s
                if self.command_s > COMMAND_S:
                    self.too_late.append(f"{self.command_s * 1e3:.0f} ms from stop to stopping command")

    def _recover(self) -> str:
        """Mended: what it takes until chunks move the arms again; a sentence."""
        session, drill = self.session, self.drill
        heard_s, began_s = session.client.received_s, time.monotonic()
        if drill.recovery is Recovery.NONE:
            session.end_stack()
            return ""
        try:
            session.step_mode(False)
            if drill.recovery is Recovery.RESET and not drill.persists:
                self._reset()
            began_s = time.monotonic()
            if drill.recovery in (Recovery.RESET, Recovery.TOLD):
                session.wait(
                    lambda: heard_s["policy/status"] > began_s and session.client.is_ready(),
                    RECOVER_S,
                    "the stack to be ready",
                )
                session.client.say(Instruction(raw=session.sentence))
                self.needed.append("told again")
            before = session.accepted()
            session.wait(
                lambda: session.state() == FOLLOWING and session.accepted() > before, SET_OUT_S, "chunks to be followed"
            )
            self._set_out_again(began_s)
        except FineVLAError as error:
            self.broken.append(f"{NOT_GONE_ON} {drill.recovery.value}: {error}")
            return ""
        taken_s = time.monotonic() - began_s
        how = " and ".join(filter(None, [*self.needed, *session.injector.notes]))
        return f"went on{f' when {how}' if how else ''} after {taken_s:.1f} s"

    def _set_out_again(self, since_s: float) -> None:
        """Look whether the first motion after the fault begins where the arms are: from elsewhere they would leap."""
        if self.drill.stranger_speed:
            return
        session, recorder = self.session, self.recorder
        session.client.wait(lambda: recorder.is_moving(MOVING), FIRST_MOTION_S)
        states = [s for s in recorder.states if s.at_s >= since_s]
        if breach := drill_judge.measured_breach(states, session.limits, session.robot.names):
            self.broken.append(f"when it went on, {breach}")

    def _reset(self) -> None:
        """Reset, and look whether the arms rest until new words come."""
        session, recorder = self.session, self.recorder
        if not session.reset(RECOVER_S):
            return
        if not self.resets:
            self.needed.append("reset")
        before, at, began_s = session.accepted(), recorder.states[-1].positions, time.monotonic()
        session.client.wait(lambda: time.monotonic() > began_s + STILL_S, STILL_S + 1.0)
        moved = (float(abs((s.positions - at)[recorder.is_arm]).max()) for s in recorder.states if s.at_s >= began_s)
        self.resets += 1
        self.followed = (self.followed or 0) + session.accepted() - before
        self.moved_rad = max(self.moved_rad or 0.0, *moved)
        if self.drill.persists and not any(s.code == "chunk.ended" for s in recorder.seen if s.at_s >= began_s):
            self.broken.append("after the reset nothing was sent on")
        if self.followed or self.moved_rad > STILL_RAD or session.state() == FOLLOWING:
            self.broken.append(
                f"between the reset and new words {self.followed} chunks were followed, and the arms moved"
                f" {self.moved_rad:.3f} rad"
            )

    def _judged(self) -> Result:
        drill = self.drill
        right: Mapping[Promise, tuple[str, ...]] = {
            Promise.STOPS: ("stopped",),
            Promise.BRAKES: ("was braked",),
            Promise.RESTS: ("came to rest",),
            Promise.LASTS: ("came to rest", "kept following"),
            Promise.FOLLOWS: ("kept following",),
            Promise.SAFE: ("stopped", "was braked", "came to rest", "kept following", "held"),
            Promise.HOLDS: ("held", "stayed stopped"),
        }
        if self.outcome not in right[drill.promise]:
            self.broken.append(f"promised was that the drill {drill.promise.value}; the motion {self.outcome}")
        if (
            drill.promise in (Promise.STOPS, Promise.BRAKES)
            and drill.arms_seen
            and not drill.stranger_speed  # whoever goes on commanding holds no arm still
            and self.stopped is not None
            and self.rest_s is None
        ):
            self.broken.append("the arms did not come to rest")
        seen = [s for s in self.recorder.seen if s.at_s >= self.fault_s]
        states = [s for s in self.recorder.states if self.fault_s - drill_judge.STOOD_S <= s.at_s <= self.over_s]
        codes = {s.code for s in seen}
        if drill.codes and not codes & set(drill.codes):
            self.broken.append(f"the operator saw none of {', '.join(drill.codes)}")
        late_s = None if self.stop_s is None else self.stop_s - drill.observable_s
        return Result(
            drill.name,
            drill.does,
            drill.promised,
            "; ".join(filter(None, (self.outcome, self.recovery))),
            self.broken,
            self.speed,
            self.stop_s,
            late_s,
            self.rest_s,
            self.needed_s,
            self.moved_rad,
            self.followed,
            self.resets,
            self.share,
            _operator_texts(seen, self.over_s),
            {s.code for s in seen if s.at_s <= self.over_s},
            drill.is_hostile,
            self.went_rad,
            self.measured,
            self.named,
            self.named_s,
            self.command_s,
            self.lines_s,
            self.too_late,
            drill_judge.stood_s(states),
        )


def _operator_texts(seen: list[Seen], over_s: float) -> list[str]:
    """What the operator saw during the fault, the gravest first, each kind once."""
    during = [s for s in seen if s.at_s <= over_s and s.level > 0]
    ordered = sorted(during, key=lambda s: (s.code == "diagnostics", -s.level, s.at_s))
    texts: dict[str, str] = {}
    for s in ordered:
        kind = s.text.partition(":")[0] if s.code == "diagnostics" else s.code
        texts.setdefault(kind, s.text if s.code == "diagnostics" else f"{s.code}: {s.text}")
    return list(texts.values())
