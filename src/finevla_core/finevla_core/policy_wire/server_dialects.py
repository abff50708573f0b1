"""What policy servers are asked and what they answer: the dialects of openpi and of starVLA (also FineVLA's fork of it).

A dialect knows keys and envelopes alone; pictures, order of the joints and units are the transforms' matter.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError, quoted
from finevla_core.policy_wire.msgpack_arrays import OPENPI, map_of, text_of

MAX_ROWS, MAX_WIDTH = 4096, 512  # of a chunk
MAX_SHOWN = 200  # characters of what a server says
STARVLA_SERVER = "starvla_policy_server"
STARVLA_KEYS = {
    "available_unnorm_keys",
    "default_unnorm_key",
    "action_chunk_size",
    "training_data_mix",
    "eval_image_contract",
}


@dataclass(frozen=True)
class ServerAnswer:
    """`actions` `(T, D)` float64, finite, in the server's own order and units.

    `is_normalised`: they are still to be un-normalised with the policy's statistics. `server_s` is the time that the
    server says it took, None where it says none. `state` is the state that it says it saw, `(D,)`, None likewise.
    """

    actions: NDArray[np.float64]
    is_normalised: bool = False
    server_s: float | None = None
    state: NDArray[np.float64] | None = None


class PolicyDialect(Protocol):
    """One way of asking a policy server."""

    @property
    def name(self) -> str: ...

    def check(self, metadata: Mapping[str, Any]) -> None:
        """Raise `FineVLAError` if the server that sent this handshake will not understand requests of this dialect."""

    def request(
        self,
        images: Mapping[str, NDArray[Any]],
        state: NDArray[np.floating[Any]] | None,
        prompt: str,
        extra: Mapping[str, object],
        request_id: str,
    ) -> bytes:
        """Return the frame that asks for one chunk; `images` in the order in which the server wants them."""

    def answer(
        self, frame: bytes, where: str, request_id: str, shape: tuple[int | None, int | None] = (None, None)
    ) -> ServerAnswer:
        """Read the frame that came back for `request_id`; `shape` is what `actions` must have, None is any.

        Raises:
            FineVLAError: one sentence, beginning with `where`, for an error frame and for what is no chunk.
        """


@dataclass(frozen=True)
class OpenPi:
    """The bare observation, no envelope: pictures below `images_key` or, where that is "", beside the state.

    `state_key` and `prompt_key` are where state and prompt go; the values below are those of openpi's ALOHA policies.
    """

    images_key: str = "images"
    state_key: str = "state"
    prompt_key: str = "prompt"
    name: str = "openpi"

    def check(self, metadata: Mapping[str, Any]) -> None:
        """Refuse starVLA's servers; openpi's say nothing of themselves that could be held against them."""
        if recognise(metadata) != self.name:
            raise FineVLAError(
                "this is a starVLA server, and the policy is set up for openpi: choose the starvla dialect"
            )

    def request(
        self,
        images: Mapping[str, NDArray[Any]],
        state: NDArray[np.floating[Any]] | None,
        prompt: str,
        extra: Mapping[str, object],
        request_id: str,
    ) -> bytes:
        """Return the observation; `images` `(3, H, W)` or `(H, W, 3)` as the policy wants them, `state` `(D,)`."""
        _check_images(images, channels_last=False)
        seen: Mapping[str, object] = {self.images_key: dict(images)} if self.images_key else images
        felt: Mapping[str, object] = {} if state is None else {self.state_key: state}
        return OPENPI.encode(_unique(felt, seen, {self.prompt_key: prompt}, extra))

    def answer(
        self, frame: bytes, where: str, request_id: str, shape: tuple[int | None, int | None] = (None, None)
    ) -> ServerAnswer:
        """Read `actions`, the times and the state; openpi's servers do not repeat the request's id."""
        found = map_of(OPENPI.decode(frame, where), f"{where}: the answer")
        if "actions" not in found:
            raise FineVLAError(f"{where}: the answer has no 'actions' but {_names(found)}: is it an openpi server?")
        actions = _chunk(found["actions"], where, "actions", shape)
        return ServerAnswer(actions, server_s=_server_s(found), state=_vector(found.get("state")))


@dataclass(frozen=True)
class StarVla:
    """An envelope around one example; `unnorm_key` names the robot among those that the model was trained on."""

    unnorm_key: str = ""
    name: str = "starvla"

    def check(self, metadata: Mapping[str, Any]) -> None:
        """Refuse openpi's servers, and starVLA's that do not know `unnorm_key` or need one."""
        if recognise(metadata) != self.name:
            raise FineVLAError("this is no starVLA server, and the policy is set up for one: choose the openpi dialect")
        known = metadata.get("available_unnorm_keys")
        if not isinstance(known, list) or not all(isinstance(key, str) for key in known):
            return  # it does not say
        some = ", ".join(quoted(key) for key in known[:20]) or "none"
        if self.unnorm_key and self.unnorm_key not in known:
            raise FineVLAError(f"the model knows no unnorm_key {quoted(self.unnorm_key)}, it knows {some}")
        if not self.unnorm_key and len(known) > 1 and not text_of(metadata.get("default_unnorm_key")):
            raise FineVLAError(f"the model was trained on several robots, and no unnorm_key chooses one of {some}")

    def request(
        self,
        images: Mapping[str, NDArray[Any]],
        state: NDArray[np.floating[Any]] | None,
        prompt: str,
        extra: Mapping[str, object],
        request_id: str,
    ) -> bytes:
        """Return the envelope; `images` `(H, W, 3)` uint8, whose order counts and not their keys, `state` `(D,)`."""
        # Without an envelope, keys beside the examples would be forwarded into the model's call.
        payload = self.payload(images, state, prompt, extra)
        return OPENPI.encode({"type": "infer", "request_id": request_id, "payload": payload})

    def payload(
        self,
        images: Mapping[str, NDArray[Any]],
        state: NDArray[np.floating[Any]] | None,
        prompt: str,
        extra: Mapping[str, object],
    ) -> dict[str, object]:
        """Return what stands in the envelope: one example, `unnorm_key` where there is one, and the extra keys."""
        _check_images(images, channels_last=True)
        example: dict[str, object] = {"image": list(images.values()), "lang": prompt}
        if state is not None:
            example["state"] = np.asarray(state)[None]
        own: dict[str, object] = {"examples": [example]}
        if self.unnorm_key:
            own["unnorm_key"] = self.unnorm_key
        return _unique(own, extra)

    def answer(
        self, frame: bytes, where: str, request_id: str, shape: tuple[int | None, int | None] = (None, None)
    ) -> ServerAnswer:
        """Read `data.actions`, or `data.normalized_actions` of FineVLA's fork and of older servers."""
        found = map_of(OPENPI.decode(frame, where), f"{where}: the answer")
        if text_of(found.get("status")) == "error" or found.get("ok") is False:
            error = found.get("error")
            said = error.get("message") if isinstance(error, dict) else error
            raise FineVLAError(f"{where} answers with an error: {last_line(said if isinstance(said, str) else '')}")
        if text_of(found.get("request_id", request_id)) != request_id:
            raise FineVLAError(
                f"{where} answers another request than the one that it was sent: it mixes up its clients"
            )
        data = map_of(found.get("data"), f"{where}: 'data' of the answer")
        for key in ("actions", "normalized_actions"):
            if key in data:
                actions = _chunk(_only_example(data[key], where, key), where, key, shape)
                return ServerAnswer(actions, is_normalised=key == "normalized_actions", server_s=_server_s(found))
        raise FineVLAError(
            f"{where}: the answer has neither 'actions' nor 'normalized_actions' but {_names(data)}: is it a starVLA server?"
        )


def recognise(metadata: Mapping[str, Any]) -> str:
    """Return whose server sent a handshake, "starvla" or "openpi"; openpi's metadata may be anything, also empty."""
    return "starvla" if text_of(metadata.get("env")) == STARVLA_SERVER or STARVLA_KEYS & set(metadata) else "openpi"


def last_line(text: str) -> str:
    """Return the last line of what a server says of an error, in quotes; the traceback above it is its maker's matter."""
    lines = [line.strip() for line in text[-4 * MAX_SHOWN :].splitlines() if line.strip()]
    return quoted(lines[-1], MAX_SHOWN) if lines else "nothing more is said"


def _unique(*parts: Mapping[str, object]) -> dict[str, object]:
    """All keys of a request; raises `FineVLAError` for one that is meant for two things."""
    merged: dict[str, object] = {}
    for part in parts:
        if twice := sorted(set(merged) & set(part)):
            raise FineVLAError(
                f"a request's keys must differ, and these stand for two things: {', '.join(map(quoted, twice))}"
            )
        merged |= part
    return merged


def _check_images(images: Mapping[str, NDArray[Any]], channels_last: bool) -> None:
    for key, image in images.items():
        sides = image.shape
        if image.ndim != 3 or 3 not in ((sides[2],) if channels_last else (sides[0], sides[2])):
            wanted = "(height, width, 3)" if channels_last else "(3, height, width) or (height, width, 3)"
            raise FineVLAError(f"picture {quoted(key)} has the shape {sides}, and the server wants {wanted}")
        if channels_last and image.dtype != np.uint8:
            raise FineVLAError(f"picture {quoted(key)} is in {image.dtype}, and the server wants uint8")


def _only_example(value: object, where: str, key: str) -> object:
    """The chunk of the one example that was asked for, out of a batch `(1, T, D)`."""
    if not isinstance(value, np.ndarray) or value.ndim != 3:
        return value  # `_chunk` says what is wrong, or it is a chunk already
    if value.shape[0] != 1:
        raise FineVLAError(f"{where}: '{key}' has {value.shape[0]} chunks, and one was asked for")
    return value[0]


def _chunk(value: object, where: str, key: str, shape: tuple[int | None, int | None]) -> NDArray[np.float64]:
    """A chunk `(T, D)` of the expected shape, all finite, as an array of our own."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        kind = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
        raise FineVLAError(f"{where}: '{key}' is no array of numbers but of type {kind}")
    if value.ndim != 2 or not 0 < value.shape[0] <= MAX_ROWS or not 0 < value.shape[1] <= MAX_WIDTH:
        raise FineVLAError(f"{where}: '{key}' has the shape {value.shape}, and a chunk has rows of values")
    for size, wanted, what in zip(value.shape, shape, ("rows", "values in a row"), strict=True):
        if wanted is not None and size != wanted:
            raise FineVLAError(
                f"{where}: '{key}' has {size} {what}, and the policy's manifest says {wanted}: is it the same policy?"
            )
    actions = value.astype(np.float64)
    if not np.isfinite(actions).all():
        row, column = np.argwhere(~np.isfinite(actions))[0]
        raise FineVLAError(
            f"{where}: '{key}' has {actions[row, column]} in row {row}, value {column}: the policy has failed"
        )
    return actions


def _vector(value: object) -> NDArray[np.float64] | None:
    """What a server says of the state, for those who want to compare; nothing hangs on it."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu" or not 0 < value.size <= MAX_WIDTH:
        return None
    return value.astype(np.float64).reshape(-1)


def _server_s(found: Mapping[str, Any]) -> float | None:
    """The time of inference that an answer tells, seconds: the server's, which holds the policy's, or else that one."""
    for key in ("server_timing", "policy_timing"):
        timing = found.get(key)
        told = timing.get("infer_ms") if isinstance(timing, dict) else None
        if isinstance(told, int | float | np.integer | np.floating) and math.isfinite(told) and told >= 0.0:
            return float(told) / 1000.0
    return None


def _names(found: Mapping[str, Any]) -> str:
    return ", ".join(quoted(key, 30) for key in list(found)[:10]) or "nothing"
