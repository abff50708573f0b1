"""Frames of clients to what they ask for, and answers to frames: openpi's dialect, starVLA's, and our own."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError, quoted
from finevla_core.instruction import Instruction
from finevla_core.manifest import Manifest
from finevla_core.plural_phrases import counted
from finevla_core.policy_wire.finevla_dialect import (
    INFER,
    MAX_ID,
    NAME,
    NOT_UNDERSTOOD,
    TARGET_ABSENT,
    UNDERSTAND,
    ServedObservation,
    checked_picture,
    checked_stamp,
    instruction_of,
    state_of,
)
from finevla_core.policy_wire.msgpack_arrays import OPENPI, map_of
from finevla_core.policy_wire.server_dialects import STARVLA_SERVER
from finevla_core.understanding import NotUnderstood, TargetAbsent

# openpi's ALOHA names of the cameras that this robot has.
ALOHA_CAMERAS = {"cam_high": "front", "cam_left_wrist": "left", "cam_right_wrist": "right"}
STARVLA_INFER = ("infer", "predict_action")
PING, RESET = "ping", "reset"
SHOWN = 30  # characters of a name in a sentence


@dataclass(frozen=True)
class PolicyRequest:
    """What a client asks: `kind` is one of `PING`, `RESET`, `INFER`, `UNDERSTAND`; `dialect` says how it is answered."""

    kind: str
    dialect: str
    request_id: str = ""
    observation: ServedObservation | None = None
    instruction: Instruction | None = None


def read_envelope(frame: bytes) -> tuple[Mapping[str, Any], PolicyRequest]:
    """Return the content of a frame, and how its sender is answered; raises `FineVLAError` for what is no request at all."""
    found = map_of(OPENPI.decode(frame, "the request"), "the request")
    if "type" not in found and "payload" not in found and "examples" not in found:
        return found, PolicyRequest(INFER, "openpi")
    request_id = found.get("request_id", "default")
    if not isinstance(request_id, str) or len(request_id) > MAX_ID:
        raise FineVLAError(f"'request_id' must be a text of at most {MAX_ID} characters")
    kind = found.get("type", "infer")
    if not isinstance(kind, str):
        raise FineVLAError("'type' must be a text; known are infer, ping and reset")
    return found, PolicyRequest(kind, NAME if kind in (INFER, UNDERSTAND) else "starvla", request_id)


def read_request(found: Mapping[str, Any], envelope: PolicyRequest, manifest: Manifest) -> PolicyRequest:
    """Return what a client asks for.

    Args:
        found: Content of its frame.
        envelope: What `read_envelope` gave beside that.
        manifest: Of the bundle that is served, for its cameras.

    Raises:
        FineVLAError: One sentence about what is wrong with it.
    """
    kind = envelope.kind
    if envelope.dialect == "openpi":
        return replace(envelope, observation=openpi_observation(found, manifest))
    if kind in (PING, RESET):
        return envelope
    payload = map_of(found.get("payload", found), "'payload'")
    if kind == INFER:
        return replace(envelope, observation=ServedObservation.of(payload))
    if kind == UNDERSTAND:
        return replace(envelope, instruction=instruction_of(payload.get("instruction")))
    if kind in STARVLA_INFER:
        return replace(envelope, kind=INFER, observation=_starvla(payload, manifest))
    raise FineVLAError(f"there is no request of type {quoted(kind[:SHOWN])}; known are infer, ping and reset")


def answer_frame(
    request: PolicyRequest,
    actions: NDArray[np.float64],
    sequence: int,
    server_s: float,
    previous_s: float | None,
    thought: str = "",
) -> bytes:
    """Return the frame of a chunk `(T, D)` in the dialect that it was asked in; only ours has a place for a thought."""
    if request.dialect == "openpi":
        timing: dict[str, float] = {"infer_ms": server_s * 1e3}
        if previous_s is not None:
            timing["prev_total_ms"] = previous_s * 1e3
        return OPENPI.encode(
            {"actions": actions, "policy_timing": {"infer_ms": server_s * 1e3}, "server_timing": timing}
        )
    data: dict[str, object] = {"actions": actions[None]}
    if request.dialect == NAME:
        data = {"actions": actions, "sequence": sequence, "server_s": server_s}
        if thought:
            data["thought"] = thought
    return data_frame(request, "inference_result", data)


def data_frame(request: PolicyRequest, kind: str, data: Mapping[str, object] | None = None) -> bytes:
    """Return an answer in starVLA's envelope."""
    answer: dict[str, object] = {"status": "ok", "ok": True, "type": kind, "request_id": request.request_id}
    return OPENPI.encode(answer if data is None else answer | {"data": dict(data)})


def error_frame(request: PolicyRequest | None, error: FineVLAError) -> bytes | str:
    """Return how a client is told what is wrong: openpi's clients read a text, all others an envelope."""
    if request is None or request.dialect == "openpi":
        return str(error)
    told: dict[str, object] = {"message": str(error)}
    if isinstance(error, NotUnderstood):
        told |= {"kind": NOT_UNDERSTOOD, "unknown": list(error.unknown)}
    elif isinstance(error, TargetAbsent):
        told |= {"kind": TARGET_ABSENT}
    answer = {"status": "error", "ok": False, "type": "inference_result", "request_id": request.request_id}
    return OPENPI.encode(answer | {"error": told})


def metadata_frame(manifest: Manifest, version: str) -> bytes:
    """Return the first frame of every connection: the union of what openpi's and starVLA's clients read, and ours."""
    size = [manifest.images.height, manifest.images.width]
    ours = {
        "version": version,
        "policy": manifest.name,
        "embodiment": manifest.embodiment,
        "cameras": list(manifest.cameras),
        "aloha_cameras": [name for name, camera in ALOHA_CAMERAS.items() if camera in manifest.cameras.values()],
        "images": manifest.images.plain(),
        "values": list(manifest.values),
        "units": "rad; grippers 0 closed to 1 open",
        "horizon": manifest.horizon,
        "dt_s": manifest.dt_s,
        "joining": manifest.joining,
    }
    if history := manifest.pipeline().history:
        ours["history"] = history
    return OPENPI.encode(
        {
            NAME: ours,
            "env": STARVLA_SERVER,
            "ckpt_path": manifest.name,
            "action_chunk_size": manifest.horizon,
            "available_unnorm_keys": [manifest.embodiment],
            "default_unnorm_key": manifest.embodiment,
            "training_obs_image_size": size,
            "action_keys": list(manifest.values),
            "state_keys": list(manifest.values),
        }
    )


def openpi_observation(found: Mapping[str, Any], manifest: Manifest) -> ServedObservation:
    """Return the observation of openpi's ALOHA keys; raises `FineVLAError` naming what is missing or wrong."""
    images = map_of(found.get("images"), "'images'")
    named = {_camera(str(name), manifest): _rows_first(picture, str(name)) for name, picture in images.items()}
    if missing := [name for name in manifest.cameras if name not in named]:
        raise FineVLAError(
            f"picture {quoted(missing[0])} is missing; there are {', '.join(map(quoted, images)) or 'none'}"
        )
    chosen = {name: named[name] for name in manifest.cameras}
    episode, stamp_ns = found.get("episode", ""), found.get("stamp_ns")
    return _observation(chosen, found.get("state"), found.get("prompt"), episode, stamp_ns)


def _starvla(payload: Mapping[str, Any], manifest: Manifest) -> ServedObservation:
    examples = payload.get("examples")
    if not isinstance(examples, list) or len(examples) != 1:
        raise FineVLAError("'examples' must be a list of one example: a chunk is made for one robot at a time")
    key = payload.get("unnorm_key", manifest.embodiment)
    if key != manifest.embodiment:
        raise FineVLAError(
            f"unnorm_key {quoted(str(key)[:SHOWN])} is not known; this policy is of '{manifest.embodiment}'"
        )
    example = map_of(examples[0], "the example")
    images = example.get("image")
    if not isinstance(images, list) or len(images) != len(manifest.cameras):
        count = len(images) if isinstance(images, list) else 0
        raise FineVLAError(
            f"the example has {counted(count, 'picture')}, this policy sees {', '.join(manifest.cameras)}, in that order"
        )
    named = dict(zip(manifest.cameras, (_rows_first(image, f"{k + 1}") for k, image in enumerate(images)), strict=True))
    return _observation(named, example.get("state"), example.get("lang"), payload.get("episode", ""))


def _observation(
    images: Mapping[str, NDArray[np.uint8]], state: Any, prompt: Any, episode: Any, stamp_ns: Any = None
) -> ServedObservation:
    """An observation of now, unless the client says its own time, as a simulator may."""
    if not isinstance(prompt, str):
        raise FineVLAError("the prompt is missing or no text")
    if not isinstance(episode, str) or len(episode) > MAX_ID:
        raise FineVLAError(f"'episode' must be a text of at most {MAX_ID} characters")
    stamp_ns = time.monotonic_ns() if stamp_ns is None else checked_stamp(stamp_ns)
    return ServedObservation(images, state_of(state), stamp_ns, Instruction(prompt), episode)


def _camera(name: str, manifest: Manifest) -> str:
    """The policy's name of a camera, given that, or openpi's ALOHA name of the robot's."""
    if name in manifest.cameras:
        return name
    of_robot = {camera: own for own, camera in manifest.cameras.items()}
    return of_robot.get(ALOHA_CAMERAS.get(name, ""), name)


def _rows_first(picture: Any, name: str) -> NDArray[np.uint8]:
    """A picture `(H, W, 3)`, also of one with its colours first, as ALOHA's clients send it."""
    if isinstance(picture, np.ndarray) and picture.ndim == 3 and picture.shape[0] == 3 and picture.shape[2] != 3:
        picture = np.ascontiguousarray(np.moveaxis(picture, 0, -1))
    return checked_picture(picture, f"picture {quoted(name[:SHOWN])}")
