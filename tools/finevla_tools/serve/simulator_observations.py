"""Observations of RoboTwin's environments and of XPolicyLab's, and actions in the words of the latter."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError, quoted
from finevla_core.instruction import Instruction
from finevla_core.manifest import Manifest
from finevla_core.plural_phrases import counted
from finevla_core.policy_wire.finevla_dialect import ServedObservation, checked_picture, state_of
from finevla_core.policy_wire.msgpack_arrays import map_of

# Names of the robot's cameras in the two simulators.
ROBOTWIN_CAMERAS = {"front": "head_camera", "left": "left_camera", "right": "right_camera"}
XPOLICYLAB_CAMERAS = {"front": "cam_head", "left": "cam_left_wrist", "right": "cam_right_wrist"}
SIDES = ("left", "right")


class RowClock:
    """The time of a simulator that stands still while the policy thinks: the rows of every chunk, one less each.

    By the time of day a slow simulator would leave gaps after which a policy forgets what it has seen.
    """

    def __init__(self, dt_s: float) -> None:
        self._dt_s, self._stamp_ns = dt_s, 0

    def stamped(self, observation: ServedObservation) -> ServedObservation:
        """Return the observation at this time."""
        return replace(observation, stamp_ns=self._stamp_ns)

    def executed(self, rows: int) -> None:
        """Take in that the rows of a chunk will have been executed when the next observation comes."""
        self._stamp_ns += round((rows - 1) * self._dt_s * 1e9)


def robotwin_observation(found: Mapping[str, Any], manifest: Manifest) -> ServedObservation:
    """Return what `TASK_ENV.get_obs()` gave, with the words under `instruction`; raises `FineVLAError`."""
    seen = map_of(found.get("observation"), "'observation'")
    images = {
        name: _picture(seen, ROBOTWIN_CAMERAS.get(camera, camera), "rgb") for name, camera in manifest.cameras.items()
    }
    felt = map_of(found.get("joint_action"), "'joint_action'")
    return _observation(images, state_of(felt.get("vector")), found.get("instruction"), "")


def xpolicylab_observation(found: Mapping[str, Any], manifest: Manifest, episode: str) -> ServedObservation:
    """Return an observation of XPolicyLab's version 1.0; raises `FineVLAError`."""
    seen, felt = map_of(found.get("vision"), "'vision'"), map_of(found.get("state"), "'state'")
    images = {
        name: _picture(seen, XPOLICYLAB_CAMERAS.get(camera, camera), "color")
        for name, camera in manifest.cameras.items()
    }
    parts = []
    for key, places in state_places(manifest.values).items():
        part = state_of(np.atleast_1d(np.asarray(felt[key]))) if key in felt else np.zeros(0, np.float32)
        if part.size != len(places):
            raise FineVLAError(f"'state.{key}' has {counted(part.size, 'value')}, this policy needs {len(places)}")
        parts.append(part)
    words, several = found.get("instruction"), found.get("instructions")
    if not words and isinstance(several, list) and several:
        words = several[0]
    state = np.empty(len(manifest.values), np.float32)
    state[[place for places in state_places(manifest.values).values() for place in places]] = np.concatenate(parts)
    return _observation(images, state, words, episode)


def xpolicylab_actions(actions: NDArray[np.float64], manifest: Manifest) -> list[dict[str, NDArray[np.float64]]]:
    """Return rows `(T, D)` as XPolicyLab's environment takes them: a map of joints and grippers for each."""
    places = state_places(manifest.values)
    return [{key: row[list(which)] for key, which in places.items()} for row in actions]


def state_places(values: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Return XPolicyLab's keys of joints and grippers, and which of the robot's values stand there.

    Raises:
        FineVLAError: The robot is not one of two arms with a gripper each.
    """
    found: dict[str, tuple[int, ...]] = {}
    for side in SIDES:
        own = [k for k, value in enumerate(values) if value.startswith(f"{side}_")]
        grippers = [k for k in own if values[k].endswith("gripper")]
        found[f"{side}_arm_joint_state"] = tuple(k for k in own if k not in grippers)
        found[f"{side}_ee_joint_state"] = tuple(grippers)
    if sum(map(len, found.values())) != len(values) or not all(found.values()):
        raise FineVLAError("XPolicyLab's names are for robots with a left and a right arm; this bundle's has others")
    return found


def _picture(seen: Mapping[str, Any], name: str, key: str) -> NDArray[np.uint8]:
    camera = map_of(seen.get(name), f"camera {quoted(name)}")
    return checked_picture(camera.get(key), f"picture {quoted(name)}")


def _observation(
    images: Mapping[str, NDArray[np.uint8]], state: NDArray[np.float32], words: Any, episode: str
) -> ServedObservation:
    if not isinstance(words, str):
        raise FineVLAError("'instruction' is missing or no text")
    return ServedObservation(images, state, 0, Instruction(words), episode)
