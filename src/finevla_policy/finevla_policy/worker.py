"""Inference in a thread of its own with a one-slot mailbox: the newest observation wins, old work is never queued."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from finevla_core.chunk import ActionChunk
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.observation import Observation
from finevla_core.policy import EncodedInstruction


class Policy(Protocol):
    """What the worker needs of a policy; `finevla_core.policy.OnnxPolicy` is one."""

    def encode(self, instruction: Instruction) -> EncodedInstruction:
        """Text features, once per instruction."""

    def predict(self, observation: Observation, encoded: EncodedInstruction) -> ActionChunk:
        """The next chunk."""


@dataclass(frozen=True)
class Mail:
    """An observation, and the bridge's epoch when it came."""

    observation: Observation
    epoch: int


class Worker:
    """Answers each observation for the instruction that is active when it is taken up, not when it came.

    From its thread it calls `on_chunk` with each answer and `on_error` with a sentence for what could not be answered.
    """

    def __init__(
        self,
        policy: Policy,
        instruction: Callable[[], Instruction | None],
        on_chunk: Callable[[ActionChunk], None],
        on_error: Callable[[str], None],
    ) -> None:
        self.policy, self.instruction, self.on_chunk, self.on_error = policy, instruction, on_chunk, on_error
        self.superseded = 0
        self._condition = threading.Condition()
        self._mail: Mail | None = None
        self._encoded: EncodedInstruction | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
        self._thread.start()

    def offer(self, observation: Observation, epoch: int = 0) -> None:
        """Leave the newest observation; one that still lies there was never looked at and is superseded.

        Its chunk will carry `epoch`: when the bridge has begun another one until then, it is to refuse it.
        """
        with self._condition:
            self.superseded += self._mail is not None
            self._mail = Mail(observation, epoch)
            self._condition.notify()

    def stop(self) -> None:
        """Finish the current inference and end the thread."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        self._thread.join(timeout=10.0)

    def _run(self) -> None:
        while (mail := self._take()) is not None:
            instruction = self.instruction()
            if instruction is None:
                continue
            try:
                chunk = self._answer(mail, instruction)
            except FineVLAError as error:
                self.on_error(str(error))
            except Exception as error:  # the thread must outlive a bug, or the heartbeat would go on over a dead policy
                self.on_error(f"inference failed unexpectedly: {type(error).__name__}: {error}")
            else:
                self.on_chunk(chunk)

    def _take(self) -> Mail | None:
        """The newest observation, waited for; None when it is time to end."""
        with self._condition:
            self._condition.wait_for(lambda: self._mail is not None or self._stopping)
            mail, self._mail = self._mail, None
            return None if self._stopping else mail

    def _answer(self, mail: Mail, instruction: Instruction) -> ActionChunk:
        if self._encoded is None or self._encoded.instruction is not instruction:
            self._encoded = self.policy.encode(instruction)
        return replace(self.policy.predict(mail.observation, self._encoded), epoch=mail.epoch)
