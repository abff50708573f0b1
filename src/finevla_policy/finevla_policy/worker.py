"""Inference in a thread of its own with a one-slot mailbox: the newest observation wins, old work is never queued."""

import threading
from collections.abc import Callable

from finevla_core.chunk import ActionChunk
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.observation import Observation
from finevla_core.policy import EncodedInstruction, OnnxPolicy


class Worker:
    """Calls `on_chunk` (from its thread) for each answer and `on_error` with a sentence for what could not be answered."""

    def __init__(
        self, policy: OnnxPolicy, on_chunk: Callable[[ActionChunk], None], on_error: Callable[[str], None]
    ) -> None:
        self.policy, self.on_chunk, self.on_error = policy, on_chunk, on_error
        self.skipped = 0
        self._condition = threading.Condition()
        self._mail: tuple[Observation, Instruction] | None = None
        self._encoded: EncodedInstruction | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
        self._thread.start()

    def offer(self, observation: Observation, instruction: Instruction) -> None:
        """Leave the newest observation; one that still lies there was never looked at and is superseded."""
        with self._condition:
            self.skipped += self._mail is not None
            self._mail = (observation, instruction)
            self._condition.notify()

    def stop(self) -> None:
        """Finish the current inference and end the thread."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        self._thread.join(timeout=10.0)

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._mail is not None or self._stopping)
                if self._stopping:
                    return
                assert self._mail is not None
                observation, instruction = self._mail
                self._mail = None
            try:
                if self._encoded is None or self._encoded.instruction is not instruction:
                    self._encoded = self.policy.encode(instruction)
                chunk = self.policy.predict(observation, self._encoded)
            except FineVLAError as error:
                self.on_error(str(error))
            else:
                self.on_chunk(chunk)
