"""XPolicyLab's websocket frames (MessagePack as `msgpack_numpy` writes it) in front of a served policy.

The client speaks first; each frame is answered with its own identifiers, so that either version of them fits.
"""

import time
from collections.abc import Mapping
from typing import Any

from finevla_core.errors import FineVLAError, quoted
from finevla_core.manifest import Manifest
from finevla_core.policy_wire.msgpack_arrays import MSGPACK_NUMPY, map_of
from finevla_tools.serve.client_session import ClientSession
from finevla_tools.serve.simulator_observations import RowClock, xpolicylab_actions, xpolicylab_observation

# `message_id` is called `request_id` in newer versions; what came is sent back.
ECHOED = ("message_id", "request_id", "evaluation_id", "action_case_id", "trial_id", "repeat_index", "step")
ACKNOWLEDGED = {"hello": "hello_ack", "prepare_case": "prepare_case_ack", "heartbeat": "heartbeat_ack"}
RESETTING = {"reset": "reset_result", "trial_end": "trial_end_ack"}
INFER, CLOSE = "infer", "close"
INVALID, UNKNOWN, FAILED = "INVALID_FRAME", "UNKNOWN_MESSAGE_TYPE", "INFER_FAILED"


class XPolicyLabSession:
    """`answer` takes one frame at a time; a reset, a trial's end, and other words begin a new memory."""

    def __init__(self, session: ClientSession) -> None:
        self.session, self.manifest = session, session.manifest
        self._clock = RowClock(self.manifest.dt_s)

    def answer(self, frame: bytes | str) -> bytes | None:
        """Return the frame that answers a client's, None for its goodbye; what is wrong is told in a frame of type error."""
        found: Mapping[str, Any] = {}
        code = INVALID
        try:
            if isinstance(frame, str):
                raise FineVLAError("a text came where a MessagePack frame is needed; send binary frames")
            found = map_of(MSGPACK_NUMPY.decode(frame, "the request"), "the request")
            kind = found.get("message_type")
            if kind == CLOSE:
                return None
            if kind in ACKNOWLEDGED:
                return _frame(found, ACKNOWLEDGED[kind], self._said() if kind == "hello" else {"ok": True})
            if kind in RESETTING:
                self.session.begin_anew()
                return _frame(found, RESETTING[kind], {"ok": True})
            if kind != INFER:
                code = UNKNOWN
                raise FineVLAError(f"there is no message of type {quoted(str(kind)[:30])}")
            payload = map_of(found.get("payload"), "'payload'")
            observation = map_of(payload.get("observation"), "'observation' of the payload")
            code = FAILED
            return _frame(found, "infer_result", self._inferred(observation, found))
        except FineVLAError as error:
            return _frame(found, "error", {"code": code, "message": str(error), "details": {}})
        except Exception as error:  # a bug, or a policy's: the other clients must not be disturbed by it
            said = f"the policy failed: {type(error).__name__}: {quoted(' '.join(str(error).split()))}"
            return _frame(found, "error", {"code": FAILED, "message": said, "details": {}})

    def _inferred(self, observation: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
        started_s = time.perf_counter()
        episode = str(found.get("trial_id") or "")[:200]
        asked = self._clock.stamped(xpolicylab_observation(observation, self.manifest, episode))
        actions, _ = self.session.chunk(asked)
        self._clock.executed(len(actions))
        took_ms = (time.perf_counter() - started_s) * 1e3
        return {"actions": xpolicylab_actions(actions, self.manifest), "latency_ms": took_ms}

    def _said(self) -> dict[str, Any]:
        """What a client is told of the policy at the handshake."""
        m: Manifest = self.manifest
        told = {"policy": m.name, "values": list(m.values), "units": "rad; grippers 0 closed to 1 open"}
        return {"ok": True, "server": "finevla", **told, "horizon": m.horizon, "dt_s": m.dt_s}


def _frame(found: Mapping[str, Any], kind: str, payload: Mapping[str, Any]) -> bytes:
    head = {key: found[key] for key in ECHOED if isinstance(found.get(key), str | int | None) and key in found}
    return MSGPACK_NUMPY.encode({"message_type": kind, **head, "sent_at": time.time(), "payload": dict(payload)})
