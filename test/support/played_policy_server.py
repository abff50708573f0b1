"""A policy server played by a test, on loopback and a port that the kernel chose: good in either dialect, or bad in one way.

Nothing in it waits for a time: a late answer goes out when the test lets it.
"""

import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from finevla_core.policy_wire.msgpack_arrays import OPENPI

PATIENCE_S = 30.0
_SILENT = logging.getLogger(__name__)
_SILENT.setLevel(logging.CRITICAL)
ROWS, WIDTH = 5, 14
OPENPI_METADATA: dict[str, Any] = {"reset_pose": [0.0] * 6}
STARVLA_METADATA: dict[str, Any] = {
    "env": "starvla_policy_server",
    "ckpt_path": "steps_30000_pytorch_model.pt",
    "action_chunk_size": ROWS,
    "available_unnorm_keys": ["new_embodiment"],
    "default_unnorm_key": "new_embodiment",
}
TRACEBACK = """Traceback (most recent call last):
  File "serve_policy.py", line 71, in _handler
    action = self._policy.infer(obs)
KeyError: 'cam_high'
"""


def chunk(value: float = 0.0) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A chunk, all of one value."""
    return np.full((ROWS, WIDTH), value, np.float32)


def openpi_answer(actions: object, **more: object) -> bytes:
    """An answer as openpi's server gives it."""
    timing = {"policy_timing": {"infer_ms": 30.0}, "server_timing": {"infer_ms": 40.0}}
    return OPENPI.encode({"actions": actions, **timing, **more})


def starvla_answer(request: Mapping[str, Any], key: str, actions: object) -> bytes:
    """An answer as starVLA's server (`actions`) or FineVLA's fork (`normalized_actions`) gives it."""
    head = {"status": "ok", "ok": True, "type": "inference_result", "request_id": request["request_id"]}
    return OPENPI.encode({**head, "data": {key: actions}})


def played_answer(play: str, request: Any, number: int) -> bytes | str:
    """What is sent for a request, the first being 0: bytes are a frame, text is a text frame before the server closes."""
    if play in ("starvla", "fork"):
        return starvla_answer(request, "actions" if play == "starvla" else "normalized_actions", chunk(number)[None])
    if play == "nan":
        return openpi_answer(np.where(np.eye(ROWS, WIDTH) > 0, np.nan, 0.0))
    if play == "other shape":
        return openpi_answer(np.zeros((ROWS, 7), np.float32))
    wrong: dict[str, bytes | str] = {"garbage": b"\xc1\x00garbage", "traceback": TRACEBACK, "too large": bytes(1 << 20)}
    return wrong[play] if play in wrong else openpi_answer(chunk(number))


class PlayedPolicyServer:
    """`play` is what it does with the next request, `asked` what it was asked so far; a context, stopped at its end.

    Good: "openpi", "starvla", "fork". Bad: "late" and "deaf" (until `release`), "garbage", "traceback", "nan", "other
    shape", "too large", "twice", "closes" (with a word) and "unplugged" (without).
    """

    def __init__(
        self,
        play: str = "openpi",
        *,
        first: bytes | str | None = None,
        port: int = 0,
        token: str = "",
        status: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`first` is its first frame (metadata; b"" = none), `token` what it wants, `status` an HTTP status it always gives."""
        self.play, self.token, self.status = play, token, status
        dialect = STARVLA_METADATA if play in ("starvla", "fork") else OPENPI_METADATA
        self.first: bytes | str = OPENPI.encode(dialect) if first is None else first
        self.asked: list[Any] = []
        self.tried = self.connections = 0
        self.received, self.release, self.answered = threading.Event(), threading.Event(), threading.Event()
        self._scheme = "ws" if tls is None else "wss"
        self._open: set[ServerConnection] = set()
        self._server: Server = serve(
            self._talk,
            "127.0.0.1",
            port,
            ssl=tls,
            process_request=self._judge,
            compression=None,
            max_size=None,
            ping_interval=None,
            max_queue=1,
            logger=_SILENT,
        )
        self.port: int = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Its address."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop as a killed server does: its connections end without a word."""
        self.release.set()
        self._server.shutdown()
        for connection in list(self._open):
            unplug(connection)
        self._thread.join(PATIENCE_S)

    def close_connections(self) -> None:
        """Lose all connections and go on listening, as a server does that a manager restarts."""
        for connection in list(self._open):
            unplug(connection)

    def _judge(self, connection: ServerConnection, request: Request) -> Response | None:
        self.tried += 1
        if self.status:
            extra = connection.respond(self.status, "no websocket here\n")
            extra.headers["Location"] = "ws://127.0.0.1:1/"
            return extra
        if self.token and request.headers.get("Authorization") != f"Api-Key {self.token}":
            return connection.respond(401, "wrong key\n")
        return None

    def _talk(self, connection: ServerConnection) -> None:
        self.connections += 1
        self._open.add(connection)
        try:
            if self.first:
                connection.send(self.first)
            if self.play == "deaf":
                self.release.wait(PATIENCE_S)
            for frame in connection:
                self.asked.append(OPENPI.decode(frame, "request") if isinstance(frame, bytes) else frame)
                self.received.set()
                self._answer(connection, self.asked[-1], len(self.asked) - 1)
        except (ConnectionClosed, OSError):
            pass
        finally:
            self._open.discard(connection)

    def _answer(self, connection: ServerConnection, request: Any, number: int) -> None:
        if self.play == "late":
            self.release.wait(PATIENCE_S)
        if self.play == "unplugged":
            unplug(connection)
            return
        if self.play == "closes":
            connection.close(1001, "going down")
            return
        answer = played_answer(self.play, request, number)
        connection.send(answer)
        if self.play == "twice":
            connection.send(answer)
            self.answered.set()
        if isinstance(answer, str):
            connection.close(1011, "internal error")


def unplug(connection: ServerConnection) -> None:
    """End a connection without the words that a websocket ends with."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection.socket, socket.SHUT_RDWR)


@contextmanager
def plain_server(banner: bytes) -> Iterator[int]:
    """Another protocol's server: answers with `banner` and hangs up, or, where that is empty, says nothing; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    taken: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            taken.append(connection)
            connection.recv(1)
            connection.sendall(banner)
            if banner:
                connection.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    thread.join(PATIENCE_S)
    for one in (*taken, listener):
        one.close()
