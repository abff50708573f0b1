"""The dialect of FineVLA's fork of starVLA: its server reads a request's top level, and does not look into a `payload`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.policy_wire.msgpack_arrays import OPENPI
from finevla_core.policy_wire.server_dialects import ServerAnswer, StarVla

DEFAULT_ID = "default"  # what the server takes a request without an id for


@dataclass(frozen=True)
class FineVlaFork:
    """Asks as starVLA is asked, without envelope: every key beside the examples becomes an argument of the model's call.

    What the server says of itself is not looked at: no key of it is documented.
    """

    unnorm_key: str = ""
    name: str = "finevla_fork"

    def check(self, metadata: Mapping[str, Any]) -> None:
        """Take every server; the bundle has named the dialect."""

    def request(
        self,
        images: Mapping[str, NDArray[Any]],
        state: NDArray[np.floating[Any]] | None,
        prompt: str,
        extra: Mapping[str, object],
        request_id: str,
    ) -> bytes:
        """Return the examples and `unnorm_key` at the top; `images` `(H, W, 3)` uint8 in order, `state` `(D,)`."""
        return OPENPI.encode(StarVla(self.unnorm_key).payload(images, state, prompt, extra))

    def answer(
        self, frame: bytes, where: str, request_id: str, shape: tuple[int | None, int | None] = (None, None)
    ) -> ServerAnswer:
        """Read `data.normalized_actions`, or `data.actions`; raises `FineVLAError` as starVLA's dialect does."""
        return StarVla(self.unnorm_key).answer(frame, where, DEFAULT_ID, shape)
