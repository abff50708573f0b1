"""What `finevla serve` is asked beside openpi's and starVLA's requests: the whole instruction, stamps, and what was accepted.

Both ends stand here, so that they cannot differ. The envelope is starVLA's, told apart by `type`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError, one_line, quoted
from finevla_core.instruction import Factors, Instruction
from finevla_core.instruction_history import MAX_HISTORY
from finevla_core.policy_wire.msgpack_arrays import OPENPI, list_of, map_of, text_of
from finevla_core.policy_wire.server_dialects import last_line
from finevla_core.understanding import NotUnderstood, TargetAbsent, Understanding

NAME = "finevla"  # entry of the handshake's metadata, and start of the types below
INFER, UNDERSTAND = "finevla_infer", "finevla_understand"
# Refusals that are more than a fault: the operator is told, and the arms hold.
NOT_UNDERSTOOD, TARGET_ABSENT = "not_understood", "target_absent"
MAX_ID = 200  # characters of an episode's name
# Of what a server says to the operator: characters of a text, words unknown to it, characters of one.
MAX_TEXT, MAX_WORDS, MAX_WORD = 1000, 64, 60


@dataclass(frozen=True)
class ServedObservation:
    """One moment as it travels: `images` by the policy's camera names, `state` `(D,)`, and the robot's time of both.

    `accepted` is the sequence of the server's chunk that the bridge follows (0 = none), the rows of it that were past, and
    the scale of its speed.
    """

    images: Mapping[str, NDArray[np.uint8]]
    state: NDArray[np.float32]
    stamp_ns: int
    instruction: Instruction
    episode: str
    accepted: tuple[int, int, float] = (0, 0, 1.0)

    def encode(self, request_id: str) -> bytes:
        """Return the frame that asks for a chunk."""
        payload = {
            "images": dict(self.images),
            "state": self.state,
            "stamp_ns": self.stamp_ns,
            "instruction": plain_instruction(self.instruction),
            "episode": self.episode,
            "accepted": list(self.accepted),
        }
        return OPENPI.encode({"type": INFER, "request_id": request_id, "payload": payload})

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Self:
        """Return the observation of a request's payload; raises `FineVLAError` naming the entry that is wrong."""
        images = map_of(payload.get("images"), "'images'")
        pictures = {str(name): checked_picture(value, f"picture {quoted(str(name))}") for name, value in images.items()}
        accepted = payload.get("accepted", [0, 0, 1.0])
        if not isinstance(accepted, list) or len(accepted) != 3 or not all(_is_number(x) for x in accepted):
            raise FineVLAError("'accepted' must be the sequence, the rows that are past, and the scale of speed")
        stamp_ns, episode = checked_stamp(payload.get("stamp_ns")), payload.get("episode", "")
        if not isinstance(episode, str) or len(episode) > MAX_ID:
            raise FineVLAError(f"'episode' must be a text of at most {MAX_ID} characters")
        return cls(
            pictures,
            state_of(payload.get("state")),
            stamp_ns,
            instruction_of(payload.get("instruction")),
            episode,
            (int(accepted[0]), int(accepted[1]), float(accepted[2])),
        )


@dataclass(frozen=True)
class ServedChunk:
    """An answer: `actions` `(T, D)` float64 in the robot's values, the server's own number of it, its time,
    seconds, and the thought behind it in words, empty without."""

    actions: NDArray[np.float64]
    sequence: int
    server_s: float = 0.0
    thought: str = ""


def understand_request(instruction: Instruction, request_id: str) -> bytes:
    """Return the frame that asks what the policy takes an instruction for."""
    payload = {"instruction": plain_instruction(instruction)}
    return OPENPI.encode({"type": UNDERSTAND, "request_id": request_id, "payload": payload})


def read_chunk(frame: bytes, where: str, request_id: str) -> ServedChunk:
    """Return the chunk of an answer; raises `NotUnderstood`, `TargetAbsent` or `FineVLAError` for what the server says."""
    data = _data(frame, where, request_id)
    actions, sequence = data.get("actions"), data.get("sequence")
    if not isinstance(actions, np.ndarray) or actions.ndim != 2 or actions.dtype.kind != "f" or not actions.size:
        raise FineVLAError(f"{where}: 'actions' of the answer is no chunk (rows, values)")
    if not isinstance(sequence, int) or isinstance(sequence, bool):
        raise FineVLAError(f"{where}: 'sequence' of the answer is no number")
    took = data.get("server_s", 0.0)
    thought = data.get("thought", "")
    return ServedChunk(
        actions.astype(np.float64),
        sequence,
        float(took) if _is_number(took) and took >= 0 else 0.0,
        _one_line(thought) if isinstance(thought, str) else "",
    )


def read_understanding(frame: bytes, where: str, request_id: str) -> Understanding:
    """Return what the server's policy takes an instruction for; raises `NotUnderstood`, or `FineVLAError` for a fault."""
    data = _data(frame, where, request_id)
    summary, certainty = data.get("summary"), data.get("certainty", 0.0)
    if not isinstance(summary, str) or not _is_number(certainty):
        raise FineVLAError(f"{where} does not say what it understood")
    factors = factors_of(data.get("factors"))
    is_checked = data.get("is_checked") is True
    return Understanding(_one_line(summary), factors, _unknown(data), float(certainty), is_checked)


def plain_understanding(understanding: Understanding) -> dict[str, object]:
    """Return an understanding as data for a frame."""
    u = understanding
    return {
        "summary": u.summary,
        "factors": _plain_factors(u.factors),
        "unknown": list(u.unknown),
        "certainty": u.certainty,
        "is_checked": u.is_checked,
    }


def plain_instruction(instruction: Instruction) -> dict[str, object]:
    """Return an instruction as data for a frame."""
    i = instruction
    plain = {"id": i.id, "stamp_ns": i.stamp_ns, "raw": i.raw, "fine": i.fine, "factors": _plain_factors(i.factors)}
    return plain | {"history": [plain_instruction(one) for one in i.history]} if i.history else plain


def instruction_of(value: Any) -> Instruction:
    """Return the instruction of a request, with its history; raises `FineVLAError` for what cannot be followed."""
    said = map_of(value, "'instruction'")
    earlier = said.get("history", [])
    if not isinstance(earlier, list) or len(earlier) > MAX_HISTORY:
        raise FineVLAError(f"'history' of the instruction must be a list of at most {MAX_HISTORY}")
    history = tuple(_without_history(map_of(one, "an entry of the instruction's 'history'")) for one in earlier)
    return replace(_without_history(said), history=history)


def _without_history(said: Mapping[str, Any]) -> Instruction:
    texts = {name: said.get(name, "") for name in ("raw", "fine", "id")}
    if odd := [name for name, text in texts.items() if not isinstance(text, str)]:
        raise FineVLAError(f"'{odd[0]}' of the instruction is no text")
    stamp_ns = said.get("stamp_ns", 0)
    stamp_ns = stamp_ns if isinstance(stamp_ns, int) else 0
    return Instruction(factors=factors_of(said.get("factors")), stamp_ns=stamp_ns, **texts)


def factors_of(value: Any) -> Factors:
    """Return the factors of a request; raises `FineVLAError` for slots that there are not."""
    said, slots = map_of({} if value is None else value, "'factors'"), {slot.name for slot in fields(Factors)}
    made: dict[str, Any] = {}
    for name, entry in said.items():
        if name not in slots:
            raise FineVLAError(f"there is no factor {quoted(str(name))}")
        is_list = name == "action_sequence"
        parts = entry if isinstance(entry, list) else [entry]
        if not all(isinstance(part, str) for part in parts) or (not is_list and len(parts) != 1):
            raise FineVLAError(f"factor '{name}' is no text")
        made[name] = tuple(parts) if is_list else parts[0]
    return Factors(**made)


def state_of(value: Any) -> NDArray[np.float32]:
    """Return a state `(D,)`; one row `(1, D)` is taken as well, as starVLA sends it."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu" or not 0 < value.size <= 512:
        raise FineVLAError("'state' is missing or no array of numbers, and this policy needs it")
    return value.astype(np.float32).reshape(-1)


def checked_stamp(value: Any) -> int:
    """Return an observation's time in nanoseconds; raises `FineVLAError` for what is none."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
        raise FineVLAError("'stamp_ns' must be the observation's time in nanoseconds")
    return value


def checked_picture(value: Any, where: str) -> NDArray[np.uint8]:
    """Return a picture `(H, W, 3)` uint8; raises `FineVLAError` for what is none."""
    if not isinstance(value, np.ndarray) or value.dtype != np.uint8 or value.ndim != 3 or value.shape[2] != 3:
        found = f"{value.shape} {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
        raise FineVLAError(f"{where} must be (height, width, 3) uint8, not {found}")
    return value


def _plain_factors(factors: Factors) -> dict[str, object]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in factors.said().items()}


def _data(frame: bytes, where: str, request_id: str) -> Mapping[str, Any]:
    found = map_of(OPENPI.decode(frame, where), f"{where}: the answer")
    if text_of(found.get("request_id")) != request_id:
        raise FineVLAError(f"{where} answers another request than the one that it was sent")
    if found.get("ok") is True:
        return map_of(found.get("data"), f"{where}: 'data' of the answer")
    error = map_of(found.get("error"), f"{where}: 'error' of the answer")
    message = error.get("message")
    text = message if isinstance(message, str) else "nothing more is said"
    kind = text_of(error.get("kind"))
    if kind == NOT_UNDERSTOOD:
        raise NotUnderstood(_one_line(text), _unknown(error))
    if kind == TARGET_ABSENT:
        raise TargetAbsent(_one_line(text))
    raise FineVLAError(f"{where} answers with an error: {last_line(text)}")


def _unknown(said: Mapping[str, Any]) -> tuple[str, ...]:
    """The words that a policy does not know: some of them, for what a server says is shown to the operator."""
    return tuple(one_line(text_of(word), MAX_WORD) for word in list_of(said.get("unknown"))[:MAX_WORDS])


def _one_line(text: str) -> str:
    return one_line(" ".join(text.split()), MAX_TEXT)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))
