"""A websocket server of one bundle: sessions apart, inference in threads, `/healthz` on the same port."""

import asyncio
import hmac
import http
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_core.policy_wire.msgpack_arrays import MAX_BYTES

HEALTH = "/healthz"
TRY_AGAIN_LATER = 1013  # a websocket's code for a server that is full
CLOSING_S = 2.0
_LOGGER = logging.getLogger(__name__)
_LOGGER.setLevel(logging.CRITICAL)  # what goes wrong is told to the client; headers hold a token


@dataclass(frozen=True)
class ServerOptions:
    """Where a server listens; an empty `token` asks for none."""

    host: str = "127.0.0.1"
    port: int = 8000
    token: str = ""
    max_clients: int = 32


class FrameSession(Protocol):
    """What answers the frames of one client."""

    def answer(self, frame: bytes | str) -> bytes | str | None:
        """Return the frame that answers one; None ends the connection."""


class PolicyServer:
    """Serve until `close`; `make_session` is called for each client, in a thread that may take its time.

    `metadata` is the first frame of every connection; empty where the client speaks first.

    Raises `FineVLAError` from `start` where the address cannot be had.
    """

    def __init__(
        self,
        make_session: Callable[[], FrameSession],
        metadata: bytes,
        options: ServerOptions,
        tell: Callable[[str], None],
    ) -> None:
        self.options, self._make_session, self._metadata, self._tell = options, make_session, metadata, tell
        self._pool = ThreadPoolExecutor(options.max_clients, thread_name_prefix="client")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: Server | None = None
        self._clients = 0
        self._ready, self._failed = threading.Event(), ""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="policy server", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on, also where the kernel chose it."""
        assert self._server is not None
        return int(next(iter(self._server.sockets)).getsockname()[1])

    def start(self) -> None:
        """Listen, and serve in the background."""
        self._thread.start()
        self._ready.wait()
        if self._failed:
            raise FineVLAError(self._failed)

    def close(self) -> None:
        """Tell the clients goodbye and end; harmless when done twice."""
        if self._loop is not None and self._server is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._server.close)
        self._thread.join(timeout=2 * CLOSING_S)
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _serve(self) -> None:
        o = self.options
        self._loop = asyncio.get_running_loop()
        try:
            self._server = await serve(
                self._on_client,
                o.host,
                o.port,
                process_request=self._on_request,
                origins=[None],  # a web page that a browser here shows is nobody who may ask
                compression=None,
                max_size=MAX_BYTES,
                ping_timeout=None,  # a client that computes for a minute is still there; TCP tells of those that are not
                close_timeout=CLOSING_S,
                logger=_LOGGER,
            )
        except OSError as error:
            self._failed = f"{o.host}:{o.port} cannot be listened on: {error.strerror}; give another --port"
            return
        finally:
            self._ready.set()
        await self._server.wait_closed()

    def _on_request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer what is no websocket, and who has no token."""
        if request.path == HEALTH:
            return connection.respond(http.HTTPStatus.OK, "OK\n")
        if self.options.token and not _is_token(request.headers, self.options.token):
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "this policy server needs its token\n")
        return None

    async def _on_client(self, connection: ServerConnection) -> None:
        who = "{}:{}".format(*connection.remote_address[:2])
        if self._clients >= self.options.max_clients:
            await connection.close(TRY_AGAIN_LATER, f"{self._clients} clients are served already")
            self._tell(f"client {who} was refused: {self._clients} are served already")
            return
        self._clients += 1
        self._tell(f"client {who} is there ({self._clients} in all)")
        answered = 0
        try:
            assert self._loop is not None
            session = await self._loop.run_in_executor(self._pool, self._make_session)
            if self._metadata:
                await connection.send(self._metadata)
            async for frame in connection:
                answer = await self._loop.run_in_executor(self._pool, session.answer, frame)
                if answer is None:
                    break
                await connection.send(answer)
                answered += 1
        except ConnectionClosed:
            pass
        finally:
            self._clients -= 1
            self._tell(f"client {who} has gone after {counted(answered, 'answer')}")


def _is_token(headers: Headers, token: str) -> bool:
    """Whether `Authorization` holds the token, as openpi's and starVLA's clients send it, or as a bearer's."""
    given = headers.get("Authorization", "")
    kind, _, value = given.partition(" ")
    return kind in ("Api-Key", "Bearer") and hmac.compare_digest(value.strip().encode(), token.encode())
