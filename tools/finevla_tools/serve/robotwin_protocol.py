"""RoboTwin's classic protocol between two environments, in front of a served policy: length, JSON, arrays in base64.

The original calls any method of the model by the name that a client sends; here three names are served, nothing else.
"""

import base64
import binascii
import contextlib
import json
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from finevla_core.errors import FineVLAError, quoted
from finevla_core.plural_phrases import counted
from finevla_core.policy_wire.msgpack_arrays import OPENPI, map_of
from finevla_tools.serve.client_requests import openpi_observation
from finevla_tools.serve.client_session import ClientSession
from finevla_tools.serve.simulator_observations import RowClock, robotwin_observation
from finevla_tools.serve.websocket_server import CLOSING_S

METHODS = ("get_action", "update_obs", "reset_model")
MAX_MESSAGE_BYTES = 1 << 24  # three pictures of 640x480 have 3.7 MB in base64
MESSAGE_S = 30.0  # between two pieces of a message
ARRAY = "__numpy_array__"


class RobotwinSession:
    """One client: `answer` takes a message, the policy keeps its memory until `reset_model` or other words."""

    def __init__(self, session: ClientSession) -> None:
        self.session, self._clock = session, RowClock(session.manifest.dt_s)
        self._observation: Mapping[str, Any] | None = None

    def answer(self, message: bytes) -> tuple[bytes, bool]:
        """Return the reply, and whether the conversation goes on: after an error it ends, as the original's does."""
        try:
            return _encoded({"res": self._called(message)}), True
        except FineVLAError as error:
            return _encoded({"error": str(error), "traceback": ""}), False
        except Exception as error:  # a bug, or a policy's: the other clients must not be disturbed by it
            said = f"the policy failed: {type(error).__name__}: {quoted(' '.join(str(error).split()))}"
            return _encoded({"error": said, "traceback": ""}), False

    def _called(self, message: bytes) -> object:
        request = map_of(_decoded(message), "the message")
        name, given = request.get("cmd"), request.get("obs")
        if name not in METHODS:
            raise FineVLAError(f"{quoted(str(name)[:30])} is not served; what may be called: {', '.join(METHODS)}")
        if name == "reset_model":
            self._observation = None
            self.session.begin_anew()
            return None
        if given is not None:
            self._observation = map_of(given, "'obs'")
        if name == "update_obs":
            if given is None:
                raise FineVLAError("update_obs needs an observation")
            return None
        if self._observation is None:
            raise FineVLAError("get_action needs an observation: give it one, or call update_obs before")
        read = robotwin_observation if "observation" in self._observation else openpi_observation
        actions, _ = self.session.chunk(self._clock.stamped(read(self._observation, self.session.manifest)))
        self._clock.executed(len(actions))
        return actions


class RobotwinServer:
    """Serve on a port until `close`; one thread for each client, at most `max_clients`.

    Nobody is asked for a token: the protocol has no place for one. Raises `FineVLAError` where the port cannot be had.
    """

    def __init__(
        self,
        make_session: Callable[[], ClientSession],
        address: tuple[str, int],
        max_clients: int,
        tell: Callable[[str], None],
    ) -> None:
        self._make_session, self._tell, self._max_clients = make_session, tell, max_clients
        try:
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
            self._listener = socket.create_server(address, family=family)
        except OSError as error:
            raise FineVLAError(
                f"{address[0]}:{address[1]} cannot be listened on: {error.strerror}; give another --robotwin"
            ) from error
        self._lock = threading.Lock()
        self._clients: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, name="robotwin server", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on, also where the kernel chose it."""
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        """Serve in a thread in the background."""
        self._thread.start()

    def close(self) -> None:
        """End, clients included; harmless when done twice."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for client in self._clients:
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._thread.join(CLOSING_S)

    def _accept(self) -> None:
        while True:
            try:
                client, address = self._listener.accept()
            except OSError:
                return
            with self._lock:
                is_full = len(self._clients) >= self._max_clients
                if not is_full:
                    self._clients.add(client)
            if is_full:
                with contextlib.closing(client), contextlib.suppress(OSError):
                    _send(client, _encoded({"error": f"{self._max_clients} clients are served already"}))
                continue
            threading.Thread(target=self._serve, args=(client, address[:2]), daemon=True).start()

    def _serve(self, client: socket.socket, address: tuple[str, int]) -> None:
        who = f"RoboTwin client {address[0]}:{address[1]}"
        self._tell(f"{who} is there")
        try:
            session = RobotwinSession(self._make_session())
            goes_on = True
            while goes_on and (message := _received(client)) is not None:
                reply, goes_on = session.answer(message)
                _send(client, reply)
        except FineVLAError as error:
            with contextlib.suppress(OSError):
                _send(client, _encoded({"error": str(error), "traceback": ""}))
        except OSError:
            pass  # it has gone
        finally:
            with self._lock:
                self._clients.discard(client)
            client.close()
            self._tell(f"{who} has gone")


def _received(client: socket.socket) -> bytes | None:
    """A message, None at the end; raises `FineVLAError` for one that is too large or not sent to its end."""
    client.settimeout(None)  # a simulator may think as long as it likes between two messages
    first = client.recv(1)
    if not first:
        return None
    client.settimeout(MESSAGE_S)
    size = int.from_bytes(first + _exactly(client, 3), "big")
    if size > MAX_MESSAGE_BYTES:
        raise FineVLAError(f"the message has {counted(size, 'byte')}, {MAX_MESSAGE_BYTES} are read at most")
    return _exactly(client, size)


def _exactly(client: socket.socket, size: int) -> bytes:
    parts, left = [], size
    while left:
        part = client.recv(min(left, 1 << 16))
        if not part:
            raise FineVLAError(f"the message ended {counted(left, 'byte')} before its length says")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _send(client: socket.socket, message: bytes) -> None:
    client.sendall(len(message).to_bytes(4, "big") + message)


def _decoded(message: bytes) -> Any:
    try:
        return json.loads(message.decode("utf-8"), object_hook=_from_json)
    except (ValueError, TypeError, RecursionError) as error:
        said = " ".join(str(error).split())[:200]
        raise FineVLAError(f"the message is no JSON with arrays as RoboTwin writes them: {said}") from error


def _from_json(found: dict[str, Any]) -> Any:
    if ARRAY not in found:
        return found
    data = found.get("data")
    try:
        raw = base64.b64decode(data, validate=True) if isinstance(data, str) else None
    except binascii.Error as error:
        raise ValueError(f"an array's data is no base64: {error}") from error
    # Judged like an array of any other client: dtype, shape and size must agree.
    whole = {b"__ndarray__": True, b"data": raw, b"dtype": found.get("dtype"), b"shape": found.get("shape")}
    return OPENPI.from_map(whole)


def _encoded(value: object) -> bytes:
    return json.dumps(value, default=_to_json).encode("utf-8")


def _to_json(value: object) -> object:
    if not isinstance(value, np.ndarray):
        raise TypeError(f"a value of type {type(value).__name__} has no place in a message")
    data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode("ascii")
    return {ARRAY: True, "data": data, "dtype": value.dtype.name, "shape": value.shape}
