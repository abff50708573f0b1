"""A client of `finevla serve` for a simulator's own environment: Python 3.10, NumPy, websockets and msgpack, nothing of ours.

Copied beside the adapter that uses it (README.md). It speaks openpi's dialect; nothing on the wire is pickled.
"""

import os
import socket
import uuid
from urllib.parse import urlsplit

import msgpack
import numpy as np
from websockets.sync.client import connect

CAMERAS = ("cam_high", "cam_left_wrist", "cam_right_wrist")
VALUES = 14  # left arm 6, left gripper, right arm 6, right gripper; rad, grippers 0 closed to 1 open


class PolicyClient:
    """One conversation with a server: `infer` asks, `reset` begins another episode.

    `call` names the same by RoboTwin's words, so that an adapter works with this client and with RoboTwin's own.
    """

    def __init__(self, url="ws://127.0.0.1:8000", timeout_s=60.0, token_env=""):
        """Connect; raises `RuntimeError` for what is no server of a policy for two arms, `OSError` where nobody answers."""
        self.timeout_s = timeout_s
        self._observation = None
        self._episode = uuid.uuid4().hex
        token = os.environ[token_env] if token_env else ""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "wss" else 80)
        self._link = connect(
            url,
            # A socket of our own: a proxy that the environment names is for web pages.
            sock=socket.create_connection((parts.hostname, port), timeout=timeout_s),
            additional_headers={"Authorization": f"Api-Key {token}"} if token else None,
            compression=None,
            max_size=None,
            open_timeout=timeout_s,
        )
        self.metadata = self._received()
        ours = self.metadata.get("finevla", {})
        if ours and len(ours["values"]) != VALUES:
            raise RuntimeError(f"{url} serves a policy of {len(ours['values'])} values, this robot has {VALUES}")
        self._is_ours, self._dt_s, self._stamp_ns = bool(ours), float(ours.get("dt_s", 0.0)), 0

    def infer(self, images, state, prompt):
        """Return the next actions `(rows, 14)` float64.

        Args:
            images: by the names in CAMERAS, each (height, width, 3) uint8, red first; the server fits their size.
            state: `(14,)`, the robot's values.
            prompt: what the robot shall do.
        """
        asked = {"images": dict(images), "state": np.asarray(state, np.float32), "prompt": str(prompt)}
        if self._is_ours:
            asked["episode"], asked["stamp_ns"] = self._episode, self._stamp_ns
        self._link.send(msgpack.packb(asked, default=_to_map))
        actions = np.array(self._received()["actions"], np.float64)
        if actions.ndim != 2 or actions.shape[1] != VALUES or not np.isfinite(actions).all():
            raise RuntimeError(f"the server answers no chunk of {VALUES} finite values in a row but {actions.shape}")
        # A simulator's time stands still while the policy thinks, and passes with the rows that are executed.
        self._stamp_ns += round((len(actions) - 1) * self._dt_s * 1e9)
        return actions

    def reset(self):
        """Begin another episode: what the policy remembers of this one is forgotten."""
        self._episode = uuid.uuid4().hex
        self._observation = None

    def call(self, func_name=None, obs=None):
        """Do as RoboTwin's ModelClient does: `update_obs`, `get_action`, `reset_model`."""
        if func_name == "reset_model":
            return self.reset()
        if func_name == "update_obs":
            self._observation = obs
            return None
        if func_name != "get_action":
            raise ValueError(f"there is no {func_name!r} here; call update_obs, get_action or reset_model")
        asked = self._observation if obs is None else obs
        if asked is None:
            raise ValueError("get_action needs an observation: call update_obs before")
        return self.infer(asked["images"], asked["state"], asked["prompt"])

    def close(self):
        """End the conversation with the server."""
        self._link.close()

    def _received(self):
        frame = self._link.recv(timeout=self.timeout_s)
        if isinstance(frame, str):
            raise RuntimeError(f"the policy server says: {(frame.strip().splitlines() or ['nothing'])[-1]}")
        return msgpack.unpackb(frame, object_hook=_from_map)


def _to_map(value):
    """An array as a map, by openpi's encoding."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        data = np.ascontiguousarray(value).tobytes()
        return {b"__ndarray__": True, b"data": data, b"dtype": value.dtype.str, b"shape": value.shape}
    raise TypeError(f"{type(value).__name__} cannot be sent to a policy")


def _from_map(found):
    if b"__ndarray__" in found:
        return np.ndarray(buffer=found[b"data"], dtype=np.dtype(found[b"dtype"]), shape=tuple(found[b"shape"]))
    if b"__npgeneric__" in found:
        return np.dtype(found[b"dtype"]).type(found[b"data"])
    return found
