"""A policy's own knowledge of its limits: a chunk that the bridge would refuse becomes one that goes as far as it may.

Only the bridge decides. This asks the same gate with the same files beforehand, from the motion that it believes is running,
and so sees a refusal coming: the arms slow down and hold in front of a limit, where they were refused ten times before.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from finevla_core.chunk import ActionChunk
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.safety.clearance import Clearance, ClearanceModel
from finevla_core.safety.collision_pairs import COLLISION, WORKSPACE
from finevla_core.safety.envelope import Envelope, load_envelope
from finevla_core.safety.gate import Gate, GateContext, GateOptions, Judged, Rejection
from finevla_core.safety.joining import ENSEMBLED
from finevla_core.safety.limits import Limits
from finevla_core.safety.plan import Plan, hold, stop
from finevla_core.time_units import S_PER_NS

# Stricter than the gate with what is limited here: the bridge joins it some milliseconds earlier or later than foreseen.
SPARE_M = 0.003
SWING_RAD = 0.002
STRICT_SHARE, STRICT = 0.85, GateOptions(max_start_jump=0.2)  # of velocity, acceleration and jerk
# Observation's stamp to chunk at the bridge: inference and transport, at the quick and at the slow end of what is measured.
# A chunk must pass at both ends; whether its first row is still ahead then makes another curve of it.
SOON_NS, LATE_NS = 30_000_000, 70_000_000
# Farther within the limits than this (nine tenths of all chunks) a chunk passes late if it passes soon: of 17,199 of the
# tabletop policy that pass soon 40 do not late, and none of those was so far within.
EASY_SHARE, EASY_RAD = 0.4, 0.02
# A believed motion farther from the measured state than this, beyond the arm's lag, is not what the bridge runs.
BELIEVED_RAD, LAG_S = 0.05, 0.1
FORGOTTEN_S = 1.0  # without a chunk for so long, somebody else may have moved the arms
RECENT_S = 0.3  # two states nearer than this tell a velocity
REPEATED = 5  # limited chunks in a row, half a second at 10 Hz: from then on it is worth a sentence
EASE_S = 0.3  # the way that is left shrinks with this time constant: from 1 rad/s that is 3.3 rad/s^2
PACE = 0.5  # of a joint's highest speed: what leaps from row to row is taken for a way that is gone so quickly
NEAR = (COLLISION, WORKSPACE)
RANGE = ("chunk.position", "chunk.gripper")
# What a chunk asks too much of; all else (another robot, a clock that is off) is for the bridge to say.
LIMITED = (*NEAR, *RANGE, "chunk.start", "chunk.step", "chunk.velocity", "chunk.acceleration", "chunk.jerk")
BROKEN = "chunk.finite"
# Shares of the way and of the speed that are tried in turn. What comes near is only shortened; what is too quick is slowed too.
SHORTER = tuple((share, 1.0) for share in (0.8, 0.5, 0.25, 0.12, 0.06, 0.03, 0.015, 0.008, 0.004))
SLOWER = ((0.8, 1.0), (0.5, 0.8), (0.5, 0.5), (0.25, 0.3), (0.1, 0.2), (0.05, 0.1), (0.02, 0.1), (0.01, 0.1))
TRIES = 4  # at most for one chunk, each as long as a judgement of the gate
OWN, BLEND = "limiter", "blend"
BROKEN_TEXT = "the arms are held: the policy's answer is no plan, {}"
OTHERWISE = "name another arm or another side to come from"


class NoAllowedChunk(FineVLAError):
    """From where the arms are no chunk would pass: none is made, and the arms hold."""


@dataclass(frozen=True)
class LimitedChunk:
    """What may be sent: the very chunk that came, or one that goes less far; None where not even holding would pass.

    `text` is a sentence for the operator once it had to be limited repeatedly, or where `chunk` is None; else empty.
    """

    chunk: ActionChunk | None
    text: str = ""


class ChunkLimiter:
    """`limit(chunk, state) -> LimitedChunk`, once per chunk, in their order; not thread-safe.

    A chunk that the gate lets pass from the motion believed to be running is handed on as it is. Works with every joining: a
    chunk that continues the running one (rtc) and passes stays what it is; one that is shortened is blended by the bridge.
    """

    def __init__(self, embodiment: Embodiment, envelope: Envelope, wider: Envelope) -> None:
        """`envelope` is the bridge's, `wider` the same with `SPARE_M` to spare."""
        self.embodiment, self.limits = embodiment, envelope.limits
        self._asked = _Judge(embodiment, envelope, GateOptions())
        self._strict = _Judge(embodiment, Envelope(_stricter(envelope.limits), wider.clearance), STRICT)
        self._running = _Running(envelope.limits)
        self._in_a_row, self._rung, self._said = 0, 0, ("", "")

    def limit(self, chunk: ActionChunk, state: NDArray[np.floating]) -> LimitedChunk:
        """`chunk`, made for the measured `state` `(D,)` at its stamp, or what of it the bridge can let pass.

        Never raises: what it knows nothing of (another robot, too long a horizon) goes on to the bridge as it is.
        """
        is_finite = bool(np.isfinite(chunk.actions).all())
        if np.shape(state) != (len(self.embodiment.names),) or not np.isfinite(state).all():
            return LimitedChunk(chunk if is_finite else None, "the measured state is no state of this robot")
        if not self._running.observe(np.asarray(state, np.float64), chunk.stamp_ns):
            self._in_a_row = self._rung = 0
        asked = replace(chunk, instruction_id=OWN, client=OWN, epoch=0, sequence=0)
        answer = self._asked.check(asked, self._running)
        if isinstance(answer, Judged):
            self._in_a_row = self._rung = 0
            self._running.follow(asked, answer)
            return LimitedChunk(chunk)
        if answer.code not in LIMITED and answer.code != BROKEN:
            return LimitedChunk(chunk if is_finite else None, "" if is_finite else BROKEN_TEXT.format(answer.text))
        passed = self._limited(asked, answer)
        if passed is None:
            return LimitedChunk(None, f"the arms hold, and no chunk would pass: {answer.text}")
        self._running.follow(*passed)
        return LimitedChunk(replace(chunk, actions=passed[0].actions, joining=BLEND), self._sentence(chunk, answer))

    def _limited(self, asked: ActionChunk, why: Rejection) -> tuple[ActionChunk, Judged] | None:
        """The first that passes of what goes less and less far, and how it was judged; None if nothing does.

        Whatever the policy's joining, it is blended: a mean with older chunks goes on where they led, and how short this one
        is has little say in it.
        """
        for judge, rows in self._tries(asked, why):
            chunk = replace(asked, actions=rows, joining=BLEND)
            answer = judge.check(chunk, self._running)
            if isinstance(answer, Judged) and judge is self._strict:
                answer = self._asked.check(chunk, self._running)  # the motion that the bridge will make of it
            if isinstance(answer, Judged):
                return chunk, answer
        return None

    def _tries(self, asked: ActionChunk, why: Rejection) -> Iterator[tuple["_Judge", NDArray[np.float64]]]:
        """Rows `(horizon, D)` that go less and less far, and who judges each."""
        running, now_ns = self._running, asked.stamp_ns + SOON_NS
        times_ns = asked.stamp_ns + round(asked.dt_s / S_PER_NS) * np.arange(1, asked.horizon + 1, dtype=np.int64)
        here = running.plan.at(now_ns)[0]
        if why.code != BROKEN:
            rows = self._in_range(asked.actions)
            if why.code in RANGE:
                yield self._strict, rows
            way = _Way(rows, times_ns, here, self.limits, now_ns)
            rungs = SHORTER if why.code in NEAR else SLOWER
            # Where the last chunk stopped short, this one will: tried from one rung above; from the next one if none passed,
            # and after the last one there, where something is near, for it stays, and else from the top.
            first, after = min(self._rung, len(rungs) - 1), len(rungs) - 1 if why.code in NEAR else 0
            for rung in range(first, min(first + TRIES, len(rungs))):
                self._rung = max(0, rung - 1)
                yield self._strict, way.shortened(*rungs[rung], asked.dt_s)
                self._rung = rung + 1 if rung + 1 < len(rungs) else after
        if running.is_believed:
            yield self._asked, self._in_range(running.plan.positions_at(times_ns))
        yield self._asked, self._in_range(stop(running.plan, now_ns, self.limits).positions_at(times_ns))
        yield self._asked, np.tile(self._in_range(here), (asked.horizon, 1))

    def _in_range(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """`rows` within the joints' limits and their margin, from which the motion may swing a little."""
        limits = self.limits
        margin = np.maximum(limits.margin, SWING_RAD * ~limits.is_gripper)
        return np.clip(rows, limits.lower + margin, limits.upper - margin)

    def _sentence(self, chunk: ActionChunk, why: Rejection) -> str:
        """What the operator is told once this repeats; the same words as long as it is the same limit."""
        self._in_a_row += 1
        if self._in_a_row < REPEATED:
            return ""
        if self._said[0] != why.code or self._in_a_row == REPEATED:
            self._said = (why.code, self._words(chunk, why))
        return self._said[1]

    def _words(self, chunk: ActionChunk, why: Rejection) -> str:
        if why.code == BROKEN:
            return BROKEN_TEXT.format(why.text)
        over = abs(chunk.actions - self._in_range(chunk.actions)).max(0) * ~self.limits.is_gripper
        if why.code == "chunk.gripper":
            return ""  # no more than open or closed was meant, and that is what it gets
        if why.code in RANGE and over.max() > 0:
            i = int(over.argmax())
            return f"{chunk.names[i]} is held at its limit: the policy asks for {over[i]:.3f} rad more; {OTHERWISE}"
        arms = self._arms(chunk, why.text)
        subject = f"the {arms[0]} arm is" if arms else "the arm is"
        if why.code not in NEAR:
            return f"{subject} slowed down: as asked, {why.text}"
        advice = f"move the {arms[1]} arm away, or {OTHERWISE}" if len(arms) > 1 else OTHERWISE
        return f"{subject} held: as asked, {why.text}; {advice}"

    def _arms(self, chunk: ActionChunk, text: str) -> list[str]:
        """The arms that `text` is about, the one first that was asked to go farthest; of a robot with one arm none."""
        gone = abs(chunk.actions[-1] - self._running.plan.positions[-1]) * ~self.limits.is_gripper
        way: dict[str, float] = {}
        for name, far in zip(chunk.names, gone.tolist(), strict=True):
            arm = name.rpartition("_")[0]
            way[arm] = max(way.get(arm, 0.0), far)
        named = [arm for arm in way if arm and f"{arm}_" in text] or [arm for arm in way if arm]
        return sorted(named, key=lambda arm: -way[arm])


class _Running:
    """The motion that the bridge is believed to run: what it makes of the chunks that were let through, in their order."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.allowed_scale = 1.0
        self.is_believed = False  # whether it is a plan that was judged here, and no guess from what was measured
        self.recent: deque[ActionChunk] = deque(maxlen=ENSEMBLED - 1)
        self.plan = hold(np.zeros(len(limits.lower)), 0)
        self._state: NDArray[np.float64] = np.full(len(limits.lower), np.nan)
        self._stamp_ns = 0

    def observe(self, state: NDArray[np.float64], stamp_ns: int) -> bool:
        """Believe in the plan as long as the measured `state` is near it, else in a motion from there; False after a pause."""
        since_s = (stamp_ns - self._stamp_ns) * S_PER_NS
        is_recent = bool(0 <= since_s < FORGOTTEN_S and np.isfinite(self._state).all())
        if not is_recent or not self._is_near(state, stamp_ns):
            velocity = (state - self._state) / since_s if is_recent and 0 < since_s < RECENT_S else np.zeros(len(state))
            self._restart(state, velocity * ~self.limits.is_gripper, stamp_ns)
        self._state, self._stamp_ns = state, stamp_ns
        return is_recent

    def follow(self, chunk: ActionChunk, judged: Judged) -> None:
        """The bridge will take the chunk, as it was judged here."""
        self.plan, self.allowed_scale, self.is_believed = judged.plan, judged.clearance.speed_scale, True
        self.recent.append(chunk) if judged.speed_scale == 1.0 else self.recent.clear()

    def _is_near(self, state: NDArray[np.float64], stamp_ns: int) -> bool:
        position, velocity = self.plan.at(stamp_ns)
        gap = abs(state - position) - LAG_S * abs(velocity)
        return bool((gap * ~self.limits.is_gripper).max() < BELIEVED_RAD)

    def _restart(self, state: NDArray[np.float64], velocity: NDArray[np.float64], stamp_ns: int) -> None:
        self.allowed_scale, self.is_believed = 1.0, False
        self.recent.clear()
        limits = self.limits
        velocity = np.clip(velocity, -limits.velocity, limits.velocity)
        if not velocity.any():
            self.plan = hold(state, stamp_ns)
            return
        self.plan = Plan(
            np.array([stamp_ns, stamp_ns + round(FORGOTTEN_S / S_PER_NS)], np.int64),
            np.stack([state, state + velocity * FORGOTTEN_S]),
            np.stack([velocity, velocity]),
        )


class _Judge:
    """The gate's judgement of a chunk, whether it comes soon or late."""

    def __init__(self, embodiment: Embodiment, envelope: Envelope, options: GateOptions) -> None:
        self.limits = envelope.limits
        self._soon = Gate(embodiment, envelope, options)
        self._late = Gate(embodiment, Envelope(envelope.limits, _NothingNear()), options)

    def check(self, chunk: ActionChunk, running: _Running) -> Judged | Rejection:
        """As the bridge will judge `chunk`; of one that comes late the motion alone, for distances hardly change by that."""
        answer = self._soon.check(chunk, _context(chunk, running, SOON_NS))
        if isinstance(answer, Rejection) or self._is_easy(answer.plan):
            return answer
        late = self._late.check(chunk, _context(chunk, running, LATE_NS))
        return late if isinstance(late, Rejection) and late.code in LIMITED else answer

    def _is_easy(self, plan: Plan) -> bool:
        """Whether it stays so far within the limits that another moment to begin at makes no difference."""
        found, limits, arm = plan.extremes(), self.limits, ~self.limits.is_gripper
        room = np.minimum(found.lowest - limits.lower, limits.upper - found.highest)[arm].min()
        shares = (found.speed / limits.velocity, found.acceleration / limits.acceleration, found.jerk / limits.jerk)
        return bool(room > EASY_RAD and max(share[arm].max() for share in shares) < EASY_SHARE)


def _context(chunk: ActionChunk, running: _Running, delay_ns: int) -> GateContext:
    """Make the context of a bridge that expects this chunk, `delay_ns` after its stamp."""
    now_ns = chunk.stamp_ns + delay_ns
    return GateContext(
        now_ns=now_ns,
        instruction_id=OWN,
        epoch=0,
        client=OWN,
        last_stamp_ns=chunk.stamp_ns - 1,
        last_sequence=-1,
        plan=running.plan,
        measured=running.plan.at(now_ns)[0],
        measured_ns=now_ns,
        recent=running.recent,
        allowed_scale=running.allowed_scale,
    )


def _stricter(limits: Limits) -> Limits:
    rates = {name: STRICT_SHARE * getattr(limits, name) for name in ("velocity", "acceleration", "jerk")}
    return replace(limits, **rates)


class _NothingNear(ClearanceModel):
    """Clearance model without obstacles, for a gate that checks the motion limits alone."""

    def __init__(self) -> None:
        """Skip the base class's collision model: none is needed."""

    def along(self, plan: Plan) -> Clearance:
        """Report infinite clearance for every plan."""
        return Clearance(float("inf"), "")


class _Way:
    """The way from where the arms are through a chunk's rows, along which a shorter or slower chunk goes as far as it may."""

    def __init__(
        self,
        rows: NDArray[np.float64],
        times_ns: NDArray[np.int64],
        start: NDArray[np.float64],
        limits: Limits,
        now_ns: int,
    ) -> None:
        self.times_s = (times_ns - now_ns) * S_PER_NS
        ahead = self.times_s > 0
        # A gripper holds by what it is told, not by where its fingers are: its way begins with the first row.
        first = np.where(limits.is_gripper, rows[0], start)
        self.places = np.concatenate([first[None], rows[ahead]])
        asked_s = np.diff(self.times_s[ahead], prepend=0.0)
        needed_s = (abs(np.diff(self.places, axis=0)) / (PACE * limits.velocity) * ~limits.is_gripper).max(1)
        self.at_s = np.concatenate([[0.0], np.cumsum(np.maximum(asked_s, needed_s))])

    def shortened(self, reach: float, speed: float, dt_s: float) -> NDArray[np.float64]:
        """Rows that go `reach` of the way, at a share of the `speed`, and come smoothly to rest there."""
        end_s, gone_s, now_s = reach * self.times_s[-1], 0.0, 0.0
        gone = []
        for time_s in self.times_s.tolist():
            step_s = min(dt_s, max(0.0, time_s - now_s))
            left_s = end_s - gone_s
            gone_s += min(speed * step_s, left_s * (1 - np.exp(-step_s / EASE_S)))
            now_s = max(now_s, time_s)
            gone.append(gone_s)
        return np.stack([np.interp(gone, self.at_s, column) for column in self.places.T], axis=1)


def load_chunk_limiter(embodiment: Embodiment, urdf: str, safety: str | Path | None) -> ChunkLimiter:
    """Return the limiter for a robot by its `urdf` (XML) and the safety file that the bridge uses; None = none."""
    envelope = load_envelope(embodiment, urdf, safety)
    return ChunkLimiter(embodiment, envelope, load_envelope(embodiment, urdf, safety, SPARE_M))
