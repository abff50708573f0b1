"""A policy server of a test's own: sends a first frame, keeps what it is asked, and answers as the test says."""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from finevla_core.policy_wire.msgpack_arrays import OPENPI

PATIENCE_S = 10.0
_SILENT = logging.getLogger(__name__)
_SILENT.setLevel(logging.CRITICAL)
STARVLA_METADATA = {
    "env": "starvla_policy_server",
    "action_chunk_size": 16,
    "available_unnorm_keys": ["new_embodiment"],
    "default_unnorm_key": "new_embodiment",
}


class RecordingServer:
    """On loopback and a free port, while it is entered; `asked` are the decoded requests."""

    def __init__(self, metadata: Mapping[str, Any], answer: Callable[[dict[str, Any]], Mapping[str, Any]]) -> None:
        self.asked: list[dict[str, Any]] = []
        self._metadata, self._answer = OPENPI.encode(dict(metadata)), answer
        self._server = serve(self._talk, "127.0.0.1", 0, compression=None, max_size=None, logger=_SILENT)
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(PATIENCE_S)

    def _talk(self, connection: ServerConnection) -> None:
        try:
            connection.send(self._metadata)
            for frame in connection:
                self.asked.append(OPENPI.decode(frame, "request"))
                connection.send(OPENPI.encode(dict(self._answer(self.asked[-1]))))
        except ConnectionClosed:
            pass
