"""The acts of a demonstration, carried out one by one with patience: what fails is tried again, and every try is told.

What one act came to is an `ActResult`; nothing that goes wrong in one keeps the others from being run.
"""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_sim.judge import TaskOutcome, judge, obeyed
from finevla_tools.demo_instructions import DemoStep
from finevla_tools.motion_end import RATE_HZ
from finevla_tools.session_errors import InstructionRefused, NotReady, StackDied
from finevla_tools.session_host import SessionHost
from finevla_tools.simulated_scene_session import FollowedRecording

MOST_TRIES = 6  # of an act
BLAMED_TRIES = 2  # stops for what the policy sent: beside other work once may be by lateness, twice is a result
SETTLE_S, MOST_SETTLE_S = 1.0, 8.0  # how long the bridge must hold before an act is tried again: doubled each time
NOT_RUN = "not run"
GIVE_UP_AFTER = 2  # acts in a row that could not be run, or a stack that died for good: the next ones could not either


@dataclass
class ActResult:
    """Result of one act of the demonstration.

    `retries` says why it was started again, `stops` how the bridge stopped it, `refusal` why the policy did not follow
    the words, `failure` why it could not be run at all. `recordings` are of all tries in which the arms were told to
    move.
    """

    act: DemoStep
    recordings: list[FollowedRecording] = field(default_factory=list)
    outcome: TaskOutcome | None = None
    obeyed: dict[str, bool] = field(default_factory=dict)
    retries: list[str] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)
    refusal: str = ""
    failure: str = NOT_RUN

    @property
    def understood(self) -> str:
        """What the policy took the words for, as it said; empty if it did not."""
        return next((r.understood for r in reversed(self.recordings) if r.understood), "")

    @property
    def is_moved(self) -> bool:
        """Whether it came to a motion that is judged."""
        return self.outcome is not None

    def happened(self) -> str:
        """Return one sentence on how the act went, or why it was not run."""
        if self.failure == NOT_RUN:
            return NOT_RUN
        if self.failure:
            return f"could not be run: {self.failure}"
        if self.outcome is None:
            return f"refused: {self.refusal}"
        stop = self.recordings[-1].stop
        more = (
            f"; then the safety bridge {stop}" if stop else f"; then it gave up: {self.refusal}" if self.refusal else ""
        )
        return self.outcome.sentence() + more

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, for the report."""
        outcome = self.outcome.as_dict() if self.outcome is not None else {}
        return {
            "asked": self.act.text,
            "understood": self.understood,
            "seed": self.act.seed,
            "goal": asdict(self.act.goal),
            "happened": self.happened(),
            "outcome": {key: None if value != value else value for key, value in outcome.items()},  # no NaN in JSON
            "obeyed": self.obeyed,
            "seconds": len(self.recordings[-1].trace) / RATE_HZ if self.recordings else 0.0,
            "refusal": self.refusal,
            "retries": self.retries,
            "stops": self.stops,
            "failure": self.failure,
        }


class Performance:
    """Runs acts on the stack of a `SessionHost`; `seconds` is the longest that one is watched, in simulated time.

    `tell` prints a line for the person, `log` keeps what only a programmer reads.
    """

    def __init__(
        self, host: SessionHost, seconds: float, tell: Callable[[str], None], log: Callable[[str], None]
    ) -> None:
        self.host, self.seconds, self.tell, self.log = host, seconds, tell, log
        self._settle_s = 0.0

    def run(self, results: Sequence[ActResult], done: Callable[[int, ActResult], None]) -> None:
        """Carry out all acts; `done` is called with the number (from 1) and the result after each, also when interrupted."""
        failed = 0
        for number, result in enumerate(results, 1):
            if failed >= GIVE_UP_AFTER:
                return
            try:
                self._run_act(result)
                result.failure, failed = "", 0
            except KeyboardInterrupt:
                result.failure = "interrupted"
                done(number, result)
                raise
            except Exception as error:  # whatever it is, the other acts and what was done so far are worth more
                result.failure, failed = sentence_of(error), failed + 1
                if not isinstance(error, FineVLAError):
                    self.log(traceback.format_exc())
                if isinstance(error, StackDied):
                    failed = GIVE_UP_AFTER
            self.host.overload.sample()
            done(number, result)

    def _run_act(self, result: ActResult) -> None:
        """Raises `StackDied` or `NotReady` if it does not work however often it is tried."""
        tries = 0
        while trouble := self._trouble(result):
            tries += 1
            self._settle_s = min(max(SETTLE_S, 2 * self._settle_s), MOST_SETTLE_S)
            # A stack that cannot be brought to it is as good as dead.
            if isinstance(trouble, StackDied) or trouble.is_final or tries >= MOST_TRIES:
                self.host.start_again(trouble)
                result.retries.append(f"the stack was {self.host.restart}")
                tries = 0
            else:
                result.retries.append(str(trouble))
                self.tell(f"   once more, for {trouble}")
        self._settle_s = self._settle_s / 2 if self._settle_s > SETTLE_S else 0.0

    def _trouble(self, result: ActResult) -> StackDied | NotReady | None:
        """Try once; why it did not come to an end, or None."""
        try:
            stop = self._try(result)
        except (StackDied, NotReady) as error:
            return error
        if not stop:
            return None
        result.stops.append(stop)
        return NotReady(f"the safety bridge {stop}")

    def _try(self, result: ActResult) -> str:
        """Lay out the scene, say the words, judge; returns why the bridge stopped, or nothing if it did not."""
        act, stage = result.act, self.host.stage
        scene = stage.lay_out(act.seed, act.goal.task, self._settle_s)
        result.refusal, stage.latest = "", None
        try:
            recording = stage.follow(Instruction(raw=act.text), self.seconds)
        except InstructionRefused as error:
            result.refusal = str(error)
            return ""
        finally:
            if stage.latest is not None and stage.latest.trace and not result.refusal:
                result.recordings.append(stage.latest)
        if recording is None:
            result.refusal = "it was taken for a stop"
            return ""
        if recording.stop:
            blamed = sum(recording.is_policy_to_blame for recording in result.recordings)
            if blamed < BLAMED_TRIES:
                return recording.stop
            result.stops.append(recording.stop)
        result.refusal = recording.ending
        result.outcome = judge(scene, recording.trace)
        right = obeyed(act.goal, result.outcome)
        result.obeyed = {factor: ok for factor, ok in right.items() if factor in act.told}
        return ""


def sentence_of(error: Exception) -> str:
    """One line for the person; of what was not foreseen with its kind."""
    text = " ".join(str(error).split())
    return text if isinstance(error, FineVLAError) else f"{type(error).__name__}: {text}"
