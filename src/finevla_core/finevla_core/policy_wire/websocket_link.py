"""A single websocket to a policy server, from connecting to its end, in a thread of its own; it is never opened twice."""

import contextlib
import logging
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, InvalidStateError
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.protocol import State
from websockets.sync.client import ClientConnection, connect

from finevla_core.errors import FineVLAError, quoted
from finevla_core.policy_wire.address import ServerAddress
from finevla_core.policy_wire.msgpack_arrays import OPENPI, map_of
from finevla_core.policy_wire.server_dialects import last_line

TOO_BIG = 1009  # a websocket's code for a frame that is larger than the receiver takes
GOODBYE_S = 0.5  # for the server's half of closing
# The library logs a connection's headers at the level DEBUG, and the key is one of them; what goes wrong is told by sentences.
_LOGGER = logging.getLogger(__name__)
_LOGGER.setLevel(logging.CRITICAL)


class PolicyConnectionError(FineVLAError):
    """A policy server cannot be reached, or does not answer as one; the sentence says which server and what to do."""

    kind = "policy server"


class Link:
    """`opened` is done when the server has sent its metadata; `exchange` sends, and its future has the answer.

    Both futures raise `PolicyConnectionError`, after which the link is of no more use; `drop` and `close` from any thread.
    """

    def __init__(
        self,
        address: ServerAddress,
        timeout_s: float,
        max_bytes: int,
        check: Callable[[Mapping[str, Any]], None] | None,
    ) -> None:
        self._address, self._timeout_s, self._max_bytes, self._check = address, timeout_s, max_bytes, check
        self.metadata: Mapping[str, Any] = {}
        self.opened: Future[None] = Future()
        self._jobs: queue.SimpleQueue[tuple[bytes, Future[bytes]] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._socket: ClientConnection | None = None
        self._current: Future[bytes] | None = None
        self._dropped: PolicyConnectionError | None = None
        self._thread = threading.Thread(target=self._run, name="policy link", daemon=True)
        self._thread.start()

    @property
    def is_open(self) -> bool:
        """Whether the server has been heard and has not closed since."""
        return self.opened.done() and self.opened.exception() is None and not self.is_lost

    @property
    def is_lost(self) -> bool:
        """Whether the link was opened once and has ended since."""
        if not self.opened.done() or self.opened.exception() is not None:
            return False
        with self._lock:
            link = self._socket
        return link is None or link.protocol.state is not State.OPEN

    def exchange(self, frame: bytes) -> Future[bytes]:
        """Send a frame; the one before must have been answered."""
        answer: Future[bytes] = Future()
        with self._lock:
            if self._dropped is not None:
                answer.set_exception(self._dropped)
                return answer
            self._current = answer
        self._jobs.put((frame, answer))
        return answer

    def drop(self, reason: PolicyConnectionError) -> None:
        """End it at once: the futures raise `reason`, and nothing more is sent or taken."""
        with self._lock:
            self._dropped = self._dropped or reason
            link, current = self._socket, self._current
        _fail(self.opened, reason)
        _fail(current, reason)
        if link is not None:
            with contextlib.suppress(OSError):  # past TLS, whose own shutdown is not for two threads
                socket.socket.shutdown(link.socket, socket.SHUT_RDWR)
        self._jobs.put(None)

    def close(self, reason: PolicyConnectionError, timeout_s: float) -> None:
        """End it with a word to the server if nothing is under way, else at once; waits for it `timeout_s` at most."""
        with self._lock:
            connected = self._socket is not None
            idle = connected and self.opened.done() and (self._current is None or self._current.done())
            if idle:
                self._dropped = self._dropped or reason
        if idle:
            self._jobs.put(None)
        else:
            self.drop(reason)
        if connected:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            with self._connected() as link:
                self._serve(link)
        except Exception as error:
            self._settle(error)
        finally:
            with self._lock:
                self._socket = None

    @contextlib.contextmanager
    def _connected(self) -> Iterator[ClientConnection]:
        """The websocket, after the server's first frame."""
        deadline_s = time.monotonic() + self._timeout_s
        address = self._address
        opened = socket.create_connection((address.host, address.port), timeout=self._timeout_s)
        with connect(
            address.url,
            sock=opened,
            ssl=ssl.create_default_context() if address.secure else None,
            server_hostname=address.host if address.secure else None,
            additional_headers=address.headers,
            compression=None,
            proxy=None,
            open_timeout=max(0.01, deadline_s - time.monotonic()),
            ping_interval=None,  # these servers do not answer pings while they infer
            close_timeout=GOODBYE_S,
            max_size=self._max_bytes,
            max_queue=2,
            logger=_LOGGER,
        ) as link:
            with self._lock:
                if self._dropped is not None:
                    raise self._dropped
                self._socket = link
            try:
                self._read_metadata(link, deadline_s)
                with contextlib.suppress(InvalidStateError):
                    self.opened.set_result(None)
                yield link
            except Exception as error:
                self._settle(error)  # before the goodbye, which takes its time
                raise

    def _settle(self, error: Exception) -> None:
        """Tell those who wait why they wait in vain, whatever it is: the first reason counts."""
        fault = error if isinstance(error, PolicyConnectionError) else self._told(error)
        with self._lock:
            self._dropped = self._dropped or fault
            fault, current = self._dropped, self._current
        _fail(self.opened, fault)
        _fail(current, fault)

    def _read_metadata(self, link: ClientConnection, deadline_s: float) -> None:
        where = self._address.where
        try:
            first = link.recv(max(0.01, deadline_s - time.monotonic()))
        except TimeoutError:
            raise PolicyConnectionError(
                f"{where} is a websocket server and has not said what it serves within {self._timeout_s:g} s: "
                "is it another program's port?"
            ) from None
        if isinstance(first, str):
            raise PolicyConnectionError(
                f"{where} begins with a text, {last_line(first)}: is it another program's port?"
            )
        try:
            metadata = map_of(OPENPI.decode(first, f"{where}, first frame"), f"{where}: the first frame")
            if self._check is not None:
                self._check(metadata)
        except FineVLAError as error:
            said = str(error)
            raise PolicyConnectionError(said if said.startswith(where) else f"{where}: {said}") from error
        self.metadata = metadata

    def _serve(self, link: ClientConnection) -> None:
        while (job := self._jobs.get()) is not None:
            frame, answer = job
            with contextlib.suppress(TimeoutError):
                link.recv(timeout=0)
                raise PolicyConnectionError(
                    f"{self._address.where} has sent a frame that nothing asked for: is it a server of another protocol?"
                )
            link.send(frame)
            got = link.recv()
            if isinstance(got, str):
                raise PolicyConnectionError(
                    f"{self._address.where} has failed at this request and says {last_line(got)}: see its own log"
                )
            with contextlib.suppress(InvalidStateError):  # dropped meanwhile: it came too late
                answer.set_result(got)

    def _told(self, error: Exception) -> PolicyConnectionError:
        """The sentence for what a library raised."""
        if isinstance(error, ConnectionClosed):
            return PolicyConnectionError(f"{self._address.where} {_closed(error, self._max_bytes)}")
        return PolicyConnectionError(f"{self._address.where} {_not_opened(error, self._address, self._timeout_s)}")


def _fail(future: Future[Any] | None, reason: PolicyConnectionError) -> None:
    if future is not None:
        with contextlib.suppress(InvalidStateError):
            future.set_exception(reason)


def _closed(error: ConnectionClosed, max_bytes: int) -> str:
    """Why a connection that was open is not any more."""
    if error.sent is not None and error.sent.code == TOO_BIG and not error.rcvd_then_sent:
        return (
            f"has sent a frame of more than {max_bytes} bytes, which is no chunk: is it a server of another protocol?"
        )
    if error.rcvd is None:
        return "has gone away without a word: it was stopped or restarted, or the network is down"
    if error.rcvd.code == TOO_BIG:
        return "takes no frame as large as this request: send smaller pictures or raise its max_size"
    said = f", {quoted(error.rcvd.reason)}" if error.rcvd.reason else ""
    return f"has closed the connection (code {error.rcvd.code}{said}): see its own log"


def _not_opened(error: Exception, address: ServerAddress, timeout_s: float) -> str:
    """Why no connection came about."""
    for one in (
        error,
        error.__cause__,
        error.__context__,
    ):  # a redirect that is not followed is the cause of another error
        if isinstance(one, InvalidStatus):
            return _refused(one.response.status_code, address.token_env)
    if isinstance(error, socket.gaierror):
        return f"cannot be found, {quoted(address.host)} is no known name ({error.strerror}): check the address and the network"
    if isinstance(error, ConnectionRefusedError):
        return "refuses connections: is it running, and are host and port right?"
    if isinstance(error, TimeoutError):
        return f"does not answer within {timeout_s:g} s: is its machine on, reachable, and this the port of a policy server?"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"has a certificate that is not trusted here ({error.verify_message}): install its authority's, use its name"
    if isinstance(error, ssl.SSLError):
        return f"does not speak TLS ({quoted(str(error.reason or 'handshake failed'))}): write ws:// if it has none"
    if isinstance(error, OSError):
        return f"cannot be reached ({error.strerror or type(error).__name__}): check the address and the network"
    return "is not one, what answers there is no websocket: check the port, and write wss:// where the server wants TLS"


def _refused(status: int, token_env: str) -> str:
    if status in (401, 403) and token_env:
        return f"refuses the key (HTTP {status}): check the environment variable {quoted(token_env)}"
    if status in (401, 403):
        return f"wants a key (HTTP {status}): put it into an environment variable and name that as token_env"
    if 300 <= status < 400:
        return f"redirects to another address (HTTP {status}): give that one"
    return f"answers HTTP {status} and no websocket: it is a web server, or the port or path is another one"
