"""Inference in a thread of its own with a one-slot mailbox: the newest observation wins, old work is never queued."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from finevla_core.chunk import ActionChunk
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.observation import Observation
from finevla_core.policy.policy_interface import Policy
from finevla_core.understanding import TargetAbsent


@dataclass(frozen=True)
class Mail:
    """An observation, and the bridge's epoch when it came."""

    observation: Observation
    epoch: int


class Worker:
    """Answers each observation for the instruction that is active when it is taken up, not when it came.

    From its thread it calls `on_chunk` with each answer, `on_absent` with an instruction's id, an observation's stamp and a
    sentence where the target is not seen, and `on_error` with a sentence for what could not be answered.
    """

    def __init__(
        self,
        policy: Policy,
        instruction: Callable[[], Instruction | None],
        on_chunk: Callable[[ActionChunk], None],
        on_absent: Callable[[str, int, str], None],
        on_error: Callable[[str], None],
    ) -> None:
        self.policy, self.instruction = policy, instruction
        self.on_chunk, self.on_absent, self.on_error = on_chunk, on_absent, on_error
        self.superseded = 0
        self._condition = threading.Condition()
        self._mail: Mail | None = None
        self._encoded: Any = None  # and the instruction that it is of
        self._encoded_of: Instruction | None = None
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
                self.on_chunk(self._answer(mail, instruction))
            except TargetAbsent as error:
                self.on_absent(instruction.id, mail.observation.stamp_ns, str(error))
            except FineVLAError as error:
                self.on_error(str(error))
            except Exception as error:  # the thread must outlive a bug, or the heartbeat would go on over a dead policy
                self.on_error(f"inference failed unexpectedly: {type(error).__name__}: {error}")

    def _take(self) -> Mail | None:
        """The newest observation, waited for; None when it is time to end."""
        with self._condition:
            self._condition.wait_for(lambda: self._mail is not None or self._stopping)
            mail, self._mail = self._mail, None
            return None if self._stopping else mail

    def _answer(self, mail: Mail, instruction: Instruction) -> ActionChunk:
        if self._encoded_of is not instruction:
            self._encoded = self.policy.encode(instruction)
            self._encoded_of = instruction
        return replace(self.policy.predict(mail.observation, self._encoded), epoch=mail.epoch)
