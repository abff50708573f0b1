"""One client of a served policy: its memory, its episode, its words; graphs are shared with all others."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError, quoted
from finevla_core.images import fit_once
from finevla_core.instruction import Instruction
from finevla_core.instruction_history import with_history
from finevla_core.manifest import Manifest
from finevla_core.observation import Observation
from finevla_core.policy.policy_interface import Policy, understand
from finevla_core.policy_wire.finevla_dialect import INFER, UNDERSTAND, ServedObservation, plain_understanding
from finevla_tools.serve.client_requests import (
    PING,
    PolicyRequest,
    answer_frame,
    data_frame,
    error_frame,
    read_envelope,
    read_request,
)


class ClientSession:
    """`answer` takes one frame at a time; words or an episode that differ from the last begin a new memory.

    Words before the last are its history where the client says what an episode is: by a name, or by a reset at its beginning.
    """

    def __init__(self, make_policy: Callable[[], Policy], manifest: Manifest, embodiment: Embodiment) -> None:
        self.policy, self.manifest, self.embodiment = make_policy(), manifest, embodiment
        self._encoded: Any = None
        self._encoded_of: tuple[Instruction, str] | None = None
        self._said: tuple[Instruction, ...] = ()  # in this episode, newest last
        self._episode, self._has_reset = "", False
        self._previous_s: float | None = None

    def answer(self, frame: bytes | str) -> bytes | str:
        """Return the frame that answers a client's; whatever it holds, the client gets one sentence and stays connected."""
        started_s, request = time.perf_counter(), None
        try:
            if isinstance(frame, str):
                raise FineVLAError("a text came where a MessagePack frame is needed; send binary frames")
            found, request = read_envelope(frame)
            request = read_request(found, request, self.manifest)
            return self._answered(request, started_s)
        except FineVLAError as error:
            return error_frame(request, error)
        except Exception as error:  # a bug, or a policy's: the other clients must not be disturbed by it
            said = f"the policy failed: {type(error).__name__}: {quoted(' '.join(str(error).split()))}"
            return error_frame(request, FineVLAError(said))
        finally:
            self._previous_s = time.perf_counter() - started_s

    def _answered(self, request: PolicyRequest, started_s: float) -> bytes:
        if request.kind == UNDERSTAND:
            assert request.instruction is not None
            return data_frame(request, UNDERSTAND, plain_understanding(understand(self.policy, request.instruction)))
        if request.kind != INFER or request.observation is None:
            if request.kind != PING:
                self.begin_anew()
            return data_frame(request, request.kind)
        actions, sequence = self.chunk(request.observation)
        took_s = time.perf_counter() - started_s
        thought = getattr(self.policy, "thought", "")
        return answer_frame(request, actions, sequence, took_s, self._previous_s, thought)

    def chunk(self, asked: ServedObservation) -> tuple[NDArray[np.float64], int]:
        """Return the policy's actions `(T, D)` and their number; raises `FineVLAError` for what it cannot act on."""
        words = (asked.instruction, asked.episode)
        if self._encoded_of != words:
            self._encoded_of = None
            self.policy.reset()
            told = self._with_history(asked)
            self._encoded = self.policy.encode(told)
            self._encoded_of, self._said = words, (*told.history, told)
        self.policy.accepted(*asked.accepted)
        chunk = self.policy.predict(self._observation(asked), self._encoded)
        return chunk.actions, chunk.sequence

    def _observation(self, asked: ServedObservation) -> Observation:
        """The observation as the policy takes it: pictures of any size fitted, cameras that it does not use left black."""
        m, e = self.manifest, self.embodiment
        if missing := [name for name in m.cameras if name not in asked.images]:
            raise FineVLAError(f"picture {quoted(missing[0])} is missing; this policy sees {', '.join(m.cameras)}")
        images = np.zeros((len(e.cameras), m.images.height, m.images.width, 3), np.uint8)
        for name, camera in m.cameras.items():
            images[e.camera_names.index(camera)] = fit_once(asked.images[name], m.images, camera)
        stamps = (asked.stamp_ns,) * len(e.cameras)
        return Observation(asked.stamp_ns, e.camera_names, images, stamps, asked.state, asked.stamp_ns)

    def _with_history(self, asked: ServedObservation) -> Instruction:
        """The instruction with what was said before it, by the client's own account or by what it said here."""
        if asked.episode != self._episode or not (asked.episode or self._has_reset):
            self._said = ()
        self._episode = asked.episode
        return asked.instruction if asked.instruction.history else with_history(asked.instruction, self._said)

    def begin_anew(self) -> None:
        """Forget what was seen and said: another episode begins."""
        self.policy.reset()
        self._encoded_of, self._said, self._has_reset = None, (), True
