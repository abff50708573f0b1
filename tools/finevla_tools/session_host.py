"""The stack of a demonstration with its stage: started, ended in order, and started again once if it died."""

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from finevla_tools.launch_file import Launch
from finevla_tools.overload import OverloadWatch
from finevla_tools.session_errors import NotReady, StackDied
from finevla_tools.simulated_scene_session import StackSession
from finevla_tools.simulation_client import SimulationClient
from finevla_tools.up import Interrupts, Printer, Stack, refuse_second_stack

START_USUAL_S = 20.0


@dataclass(frozen=True)
class ChunkCounts:
    """Chunks that the bridge accepted, and those that it rejected by reason code."""

    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


class SessionHost:
    """Context manager; `stage` is there after `start`.

    `restart` says why the stack was started again; empty if it was not.
    """

    def __init__(
        self,
        launch: Launch,
        printer: Printer,
        overload: OverloadWatch,
        interrupts: Interrupts,
        is_interrupted: Callable[[], bool] = lambda: False,
        may_reset: bool = True,
    ) -> None:
        self.launch, self.printer, self.overload, self.interrupts = launch, printer, overload, interrupts
        self.is_interrupted, self.may_reset = is_interrupted, may_reset
        self.restart = ""
        self.stage: StackSession
        self._client: SimulationClient | None = None
        self._policy: Any = None  # newest status
        self._ended = ChunkCounts()  # of stacks that have ended
        self._life = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.interrupts.hold()
        self._end()

    def refuse_second(self) -> None:
        """Raise `SecondStack` if such a stack runs here already."""
        refuse_second_stack(self.launch)

    def start(self) -> None:
        """Start the stack and wait until it is ready; raises `StackDied` or `NotReady` if it is not the second time either."""
        try:
            self._start()
        except (StackDied, NotReady) as error:
            self.start_again(error)

    def start_again(self, why: StackDied | NotReady) -> None:
        """End what is left and start everything anew; raises `why` if that was done before or would not help."""
        if self.restart or (isinstance(why, StackDied) and why.is_final):
            raise why
        self.restart = f"started again: {why}"
        print(f"   the stack is {self.restart}", flush=True)
        with self.interrupts.shielded():
            self._end()
        self._start()

    def policy(self) -> Any:
        """Return the newest `PolicyStatus` that was heard, None if none was."""
        if self._client is not None:
            self._policy = self._client.newest.get("policy/status", self._policy)
        return self._policy

    def chunks(self) -> ChunkCounts:
        """Return what the bridges of all stacks counted, as it was heard last."""
        safety = self._client.newest.get("safety/status") if self._client is not None else None
        if safety is None:
            return self._ended
        rejected = Counter(dict(zip(safety.reject_codes, map(int, safety.reject_counts), strict=True)))
        return ChunkCounts(self._ended.accepted + int(safety.chunks_accepted), self._ended.rejected + rejected)

    def open_stage(self) -> tuple[SimulationClient, StackSession]:
        """Start the processes, and a client that listens to them; both end with this host."""
        stack = Stack(self.launch, self.printer)
        self._life.callback(lambda: stack.stop(self.interrupts.is_impatient))
        stack.start()
        client = self._life.enter_context(SimulationClient(self.launch.arguments["namespace"], name="finevla_demo"))
        return client, StackSession(client, stack, self.overload, may_reset=self.may_reset)

    def _start(self) -> None:
        self._client, self.stage = self.open_stage()
        self.stage.get_ready(START_USUAL_S, may_reset=True)
        self.stage.is_interrupted = self.is_interrupted

    def _end(self) -> None:
        self._policy, self._ended, self._client = self.policy(), self.chunks(), None
        self.overload.pause()
        self._life.close()
