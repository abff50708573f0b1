"""One websocket to a policy server that comes back by itself after any fault; every fault is one sentence.

All that may block runs in a thread of the link's own: a caller never waits longer than it said, whatever the network does.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from finevla_core.errors import FineVLAError
from finevla_core.policy_wire.address import ServerAddress
from finevla_core.policy_wire.websocket_link import Link, PolicyConnectionError

MAX_ANSWER_BYTES = 1 << 24  # a chunk of 50 rows of 32 values has 13 kB
FIRST_DELAY_S, MAX_DELAY_S = 0.1, 1.0  # between a fault and the next attempt to connect
CLOSING_S = 1.0  # for the server to say goodbye

__all__ = ["PolicyConnection", "PolicyConnectionError"]


class PolicyConnection:
    """`request` is for one caller at a time, everything else for any thread.

    After a fault the next request connects anew, but not before a delay from 0.1 s to 1 s that doubles with each fault in
    a row; a request before it fails at once with the fault's own sentence. Nothing is queued, and nothing sent twice.
    """

    def __init__(
        self,
        url: str,
        token_env: str = "",
        *,
        connect_timeout_s: float = 5.0,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        check: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        """Look at the address; connects to nothing yet.

        Args:
            url: "ws://host:port" or "wss://..." for TLS with this machine's certificates.
            token_env: name of the environment variable with the key that is sent as `Authorization: Api-Key ...`; "" = none.
            connect_timeout_s: for connecting and for the server's first frame together.
            max_answer_bytes: the largest frame that is taken from the server.
            check: raises `FineVLAError` for the metadata of a server that must not be used; asked at every connection,
                for a server may come back with another model.
        Raises:
            FineVLAError: if the address or the key cannot be right.
        """
        self.address = ServerAddress.of(url, token_env)
        self._timeout_s, self._max_bytes, self._check = connect_timeout_s, max_answer_bytes, check
        self._lock = threading.Lock()
        self._in_use = threading.Lock()
        self._link: Link | None = None
        self._closed = False
        self._fault = ""  # the last one's sentence
        self._delay_s = 0.0  # after the last one; 0 = the last request was answered
        self._not_before_s = 0.0  # monotonic time of the next attempt

    @property
    def where(self) -> str:
        """The server's name for a sentence: "policy server ws://host:port", without anything secret."""
        return self.address.where

    @property
    def metadata(self) -> Mapping[str, Any] | None:
        """What the server said of itself when it was connected to; None while it is not."""
        with self._lock:
            link = self._link
        return link.metadata if link is not None and link.is_open else None

    def connect(self, timeout_s: float) -> Mapping[str, Any]:
        """Return the server's metadata, connecting where need be; raises `PolicyConnectionError` as `request` does."""
        deadline_s = time.monotonic() + timeout_s
        with self._one_caller():
            return self._open_link(deadline_s, timeout_s).metadata

    def request(self, frame: bytes, timeout_s: float) -> bytes:
        """Send a frame and return the one that answers it.

        Args:
            frame: what a dialect made.
            timeout_s: for everything, connecting included. An answer that is later is never seen: the connection is
                closed, so that it cannot be taken for the next request's.
        Raises:
            PolicyConnectionError: the one sentence that says what is wrong, where, and what to do; the same one for
                the same fault, for a caller that counts.
        """
        deadline_s = time.monotonic() + timeout_s
        with self._one_caller():
            link = self._open_link(deadline_s, timeout_s)
            answer = link.exchange(frame)
            try:
                got = answer.result(max(0.0, deadline_s - time.monotonic()))
            except TimeoutError:
                late = f"{self.where} has not answered within {timeout_s:g} s: is it overloaded or the network down?"
                raise self._failed(link, late) from None
            except PolicyConnectionError as error:
                raise self._failed(link, str(error)) from error
        with self._lock:
            self._delay_s = 0.0
        return got

    def close(self) -> None:
        """Close for good, from any thread; a request that waits fails at once, and so do all after it."""
        with self._lock:
            self._closed = True
            link, self._link = self._link, None
        if link is not None:
            link.close(PolicyConnectionError(self._closed_text()), CLOSING_S)

    def _open_link(self, deadline_s: float, timeout_s: float) -> Link:
        link = self._current_link()
        try:
            link.opened.result(max(0.0, deadline_s - time.monotonic()))
        except TimeoutError:  # it goes on connecting for the next request
            raise PolicyConnectionError(
                f"{self.where} is not connected yet after {timeout_s:g} s: is its machine on and reachable?"
            ) from None
        except PolicyConnectionError as error:
            raise self._failed(link, str(error)) from error
        return link

    def _current_link(self) -> Link:
        """The link, or a new one that begins to connect; raises what the last fault was while it is too early for that."""
        with self._lock:
            if self._closed:
                raise PolicyConnectionError(self._closed_text())
            if self._link is not None and self._link.is_lost:
                self._link.drop(PolicyConnectionError(self._closed_text()))
                self._link = None  # went away while nobody asked for anything: nothing is lost by it
            if self._link is None:
                if time.monotonic() < self._not_before_s:
                    raise PolicyConnectionError(self._fault)
                self._link = Link(self.address, self._timeout_s, self._max_bytes, self._check)
            return self._link

    def _failed(self, link: Link, text: str) -> PolicyConnectionError:
        """Drop a link and return the error that says why."""
        link.drop(PolicyConnectionError(text))
        with self._lock:
            if self._closed:
                return PolicyConnectionError(self._closed_text())
            if self._link is link:
                self._link = None
            self._fault = text
            self._delay_s = min(max(FIRST_DELAY_S, 2.0 * self._delay_s), MAX_DELAY_S)
            self._not_before_s = time.monotonic() + self._delay_s
        return PolicyConnectionError(text)

    @contextlib.contextmanager
    def _one_caller(self) -> Iterator[None]:
        """Refuse a second caller: were it to wait, its observation would be old when it is sent."""
        if not self._in_use.acquire(blocking=False):
            raise FineVLAError(f"{self.where} is being asked already: one request at a time")
        try:
            yield
        finally:
            self._in_use.release()

    def _closed_text(self) -> str:
        return f"{self.where}: the connection has been closed here"
