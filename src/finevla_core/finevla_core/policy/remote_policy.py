"""A policy on a server (openpi's, starVLA's, or `finevla serve`), reached through a bundle that does not run here."""

import itertools
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.bundle import Bundle, check_embodiment
from finevla_core.chunk import ActionChunk
from finevla_core.chunk_limiter import ChunkLimiter
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError, quoted
from finevla_core.instruction import Instruction
from finevla_core.manifest import Manifest, RemoteServer
from finevla_core.observation import Observation
from finevla_core.policy.chunk_maker import ChunkMaker
from finevla_core.policy.policy_interface import PolicyDescription
from finevla_core.policy.transforms import from_unit_range
from finevla_core.policy_wire.connection import PolicyConnection
from finevla_core.policy_wire.finevla_dialect import (
    NAME,
    ServedObservation,
    read_chunk,
    read_understanding,
    understand_request,
)
from finevla_core.policy_wire.normalisation_statistics import ValueStatistics, starvla_statistics
from finevla_core.policy_wire.server_dialects import MAX_SHOWN, OpenPi, PolicyDialect, ServerAnswer, StarVla, recognise
from finevla_core.policy_wire.starvla_fork_dialect import FineVlaFork
from finevla_core.understanding import NotUnderstood, Understanding, unchecked

HANDSHAKE_S = 5.0
UNDERSTAND_S = 2.0  # for the answer to what a server takes an instruction for
WATCH_S, KNOCK_S = 0.2, 0.5  # between looks whether the server is there, and for one attempt to connect to it
KEPT = 64  # newest chunks whose numbers on the server are remembered


@dataclass(frozen=True)
class _Met:
    """How to ask a server: `dialect` None = as `finevla serve`, which reads `history` earlier instructions."""

    dialect: PolicyDialect | None
    history: int = 0


@dataclass(frozen=True)
class _Asked:
    """What the robot is told, with the id under which a server may keep what it made of it."""

    instruction: Instruction
    episode: str


class RemotePolicy:
    """Asks one observation at a time and waits at most `timeout_s` for the answer; a late one is never taken for another's.

    Every fault is one sentence; the connection comes back by itself, and nothing is queued. `predict` is for one thread.
    A server of openpi or starVLA cannot say what it understood, so that nothing of an instruction is checked; `finevla serve`
    is asked, on a connection of its own, and unless it answers nothing is followed.
    That connection is made at once and again whenever it is lost, so that `waiting_text` tells whether the server is there.
    """

    def __init__(
        self, bundle: Bundle, embodiment: Embodiment, limiter: ChunkLimiter | None = None, url: str = ""
    ) -> None:
        check_embodiment(bundle, embodiment)
        self.bundle, self.manifest = bundle, bundle.manifest
        self.server = bundle.manifest.remote or RemoteServer(url)
        # A bundle whose weights a server runs has its transforms there, and only chooses and fits the pictures here.
        is_whole = bundle.manifest.remote is not None
        self.maker = ChunkMaker(
            bundle.manifest if is_whole else replace(bundle.manifest, transforms=()), embodiment, limiter
        )
        self._statistics = _statistics(bundle, self.server)
        self._met: _Met | None = None
        self._connection, self._words = (
            PolicyConnection(
                url or self.server.url, self.server.token_env, connect_timeout_s=HANDSHAKE_S, check=self._meet
            )
            for _ in range(2)
        )
        self._server_s: float | None = None
        self.thought = ""  # behind the last chunk, if the server's policy thinks
        self._accepted = (0, 0, 1.0)  # by the server's numbers
        self._numbers: OrderedDict[int, int] = OrderedDict()  # of our chunks, the server's
        self._ids, self._episodes = itertools.count(1), itertools.count(1)
        self._own = uuid.uuid4().hex[:12]  # episodes of two robots on one server have different names
        self._waiting = f"{self._words.where} is not connected yet"
        self._is_closed, self._asking_words = threading.Event(), threading.Lock()
        threading.Thread(target=self._watch, name="policy server", daemon=True).start()

    @property
    def description(self) -> PolicyDescription:
        """What the bundle says of itself, on which server."""
        return self.maker.describe(self._connection.where)

    @property
    def limited_text(self) -> str:
        """Why chunks are being shortened; empty = they are not."""
        return self.maker.limited_text

    @property
    def server_s(self) -> float | None:
        """What the server said that its last answer took, seconds."""
        return self._server_s

    @property
    def is_finevla(self) -> bool:
        """Whether the server that was met last is `finevla serve`."""
        return self._met is not None and self._met.dialect is None

    @property
    def waiting_text(self) -> str:
        """Why no server can be asked now; empty = one can."""
        return self._waiting

    def ready(self) -> str:
        """Return the server's address and dialect, having met it; raises `FineVLAError` where it cannot be had."""
        self._connection.connect(HANDSHAKE_S)
        dialect = self._met.dialect if self._met else None
        return f"{self._connection.where}, which speaks {dialect.name if dialect else NAME}'s dialect"

    def understand(self, instruction: Instruction) -> Understanding:
        """Return what the server's policy takes an instruction for, or that it cannot tell; raises `NotUnderstood`."""
        try:
            with self._asking_words:
                self._words.connect(UNDERSTAND_S)
                if not self.is_finevla:
                    return unchecked()
                number = f"words {next(self._ids)}"
                frame = self._words.request(understand_request(self._told(instruction), number), UNDERSTAND_S)
            return read_understanding(frame, self._words.where, number)
        except NotUnderstood:
            raise
        except FineVLAError as error:
            raise NotUnderstood(f"the policy cannot be asked what it understands: {error}") from error

    def encode(self, instruction: Instruction) -> _Asked:
        """Note an instruction; with it an episode of the server's memory begins."""
        return _Asked(instruction, f"{self._own}/{next(self._episodes)}")

    def predict(self, observation: Observation, encoded: _Asked) -> ActionChunk:
        """Return the server's chunk; raises `FineVLAError` for everything that is none, after `timeout_s` at the latest."""
        self.maker.check(observation)
        started_s = time.perf_counter()
        sample, trail = self.maker.forward(observation, encoded.instruction)
        state = None if sample.state is None else sample.state.astype(np.float32)
        self._connection.connect(self.server.timeout_s)  # costs nothing while it is open; a new server is looked at
        number, where = str(next(self._ids)), self._connection.where
        met = self._met  # the other connection may meet another server meanwhile
        if met is not None and met.dialect is not None:
            frame = self._ask(met.dialect.request(sample.images, state, sample.prompt, {}, number))
            answer = met.dialect.answer(frame, where, number)
            self._server_s = answer.server_s
            return self.maker.chunk(observation, encoded.instruction, self._actions(answer), trail, started_s)
        if state is None:
            raise FineVLAError(f"{where} needs the state; take 'no_state' out of the bundle's transforms")
        asked = ServedObservation(
            sample.images, state, observation.stamp_ns, self._told(encoded.instruction), encoded.episode, self._accepted
        )
        served = read_chunk(self._ask(asked.encode(number)), where, number)
        self._server_s, self.thought = served.server_s, served.thought
        chunk = self.maker.chunk(observation, encoded.instruction, served.actions, trail, started_s)
        self._numbers[chunk.sequence] = served.sequence
        while len(self._numbers) > KEPT:
            self._numbers.popitem(last=False)
        return chunk

    def accepted(self, sequence: int, executed_steps: int, speed_scale: float = 1.0) -> None:
        """Note which chunk the bridge follows; only `finevla serve` is told, the dialects of others have no place for it."""
        number = self._numbers.get(sequence, 0) if sequence else 0
        self._accepted = (number, executed_steps if number else 0, speed_scale)

    def reset(self) -> None:
        """Forget what the bridge followed; the server begins anew with the next instruction."""
        self._numbers.clear()
        self._accepted = (0, 0, 1.0)
        self.thought = ""

    def close(self) -> None:
        """End the connections; a request that waits fails at once."""
        self._is_closed.set()
        self._connection.close()
        self._words.close()

    def _watch(self) -> None:
        """Keep the connection for words, so that a server that comes, or comes back, is found before it is needed."""
        while not self._is_closed.wait(WATCH_S):
            if self._words.metadata is not None:
                self._waiting = ""
                continue
            try:
                with self._asking_words:
                    self._words.connect(KNOCK_S)
                self._waiting = ""
            except FineVLAError as error:
                self._waiting = str(error)

    def _told(self, instruction: Instruction) -> Instruction:
        """What of an instruction our server's policy reads: as much of its history as it says."""
        most = self._met.history if self._met else 0
        return replace(instruction, history=instruction.history[-most:] if most else ())

    def _ask(self, frame: bytes) -> bytes:
        return self._connection.request(frame, self.server.timeout_s)

    def _meet(self, metadata: Mapping[str, Any]) -> None:
        """Take a server at its first word, at each connection: it may have come back as another. One that is refused changes
        nothing: the other connection may still hold the one before."""
        if isinstance(ours := metadata.get(NAME), Mapping):
            check_layout(ours, self.manifest.values, self.manifest.dt_s, self.manifest.embodiment)
            if self.manifest.remote is None:
                check_same_bundle(ours, self.manifest)
            asked = ours.get("history", 0)
            self._met = _Met(None, asked if isinstance(asked, int) and not isinstance(asked, bool) and asked > 0 else 0)
            return
        if self.manifest.remote is None:
            raise FineVLAError(
                f"it is no 'finevla serve', which bundle '{self.manifest.name}' runs in: give its address"
            )
        wanted = self.server.dialect if self.server.dialect != "auto" else recognise(metadata)
        s = self.server
        dialects: dict[str, PolicyDialect] = {
            "openpi": OpenPi(s.images_key, s.state_key, s.prompt_key),
            "starvla": StarVla(s.unnorm_key),
            "finevla_fork": FineVlaFork(s.unnorm_key),
        }
        dialect = dialects[wanted]
        dialect.check(metadata)
        self._met = _Met(dialect)

    def _actions(self, answer: ServerAnswer) -> NDArray[np.float64]:
        if not answer.is_normalised:
            return answer.actions
        if self._statistics is None:
            raise FineVLAError(
                f"{self._connection.where} answers normalised actions, and the bundle has no statistics to undo that: "
                "give remote.statistics, the dataset_statistics.json of its checkpoint"
            )
        return restored(answer.actions, self._statistics, self._connection.where)


def restored(actions: NDArray[np.float64], statistics: ValueStatistics, where: str) -> NDArray[np.float64]:
    """Return actions `(T, D)` in their own units, from those by starVLA's quantiles; masked values are open or closed.

    Raises:
        FineVLAError: The statistics are of another number of values, or have no quantiles.
    """
    if statistics.length != actions.shape[1]:
        raise FineVLAError(
            f"{where} answers {actions.shape[1]} values, the statistics are of {statistics.length}: they are another robot's"
        )
    if statistics.q01 is None or statistics.q99 is None:
        raise FineVLAError(f"{where} answers normalised actions, and the statistics have no q01 and q99")
    in_units = from_unit_range(actions, statistics.q01, statistics.q99)
    return np.where(statistics.mask, in_units, np.where(actions > 0.5, 1.0, 0.0))


def check_layout(said: Mapping[str, Any], values: tuple[str, ...], dt_s: float, embodiment: str) -> None:
    """Refuse a server of ours whose chunks are of another robot, order or rate than the bundle expects."""
    for key, wanted in (("embodiment", embodiment), ("values", list(values)), ("dt_s", dt_s)):
        if key in said and _differs(said[key], wanted):
            raise FineVLAError(
                f"the server's policy has {key} {_short(said[key])}, the bundle {_short(wanted)}: they do not belong together"
            )


def check_same_bundle(said: Mapping[str, Any], manifest: Manifest) -> None:
    """Refuse a server of ours that serves another bundle than the one whose weights it should run."""
    wanted = {"policy": manifest.name, "horizon": manifest.horizon, "cameras": list(manifest.cameras)}
    for key, value in wanted.items():
        if _differs(said.get(key), value):
            raise FineVLAError(
                f"the server serves another bundle: its {key} is {_short(said.get(key))}, not {_short(value)}; "
                f"start 'finevla serve' with bundle '{manifest.name}', on another port"
            )


def _differs(said: object, wanted: object) -> bool:
    """Whether a server says another value; an array, which compares with nothing, is one."""
    is_plain = isinstance(said, str | int | float) or (isinstance(said, list) and all(isinstance(x, str) for x in said))
    return not is_plain or said != wanted


def _short(value: object) -> str:
    is_number = isinstance(value, float) or (isinstance(value, int) and abs(value) < 1 << 63)
    return str(value) if is_number else quoted(str(value), MAX_SHOWN)


def _statistics(bundle: Bundle, server: RemoteServer) -> ValueStatistics | None:
    if not server.statistics:
        return None
    return starvla_statistics(bundle.path / server.statistics, server.unnorm_key).actions
