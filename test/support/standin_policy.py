"""A policy played by a test, and the policy node around it in this process: no bundle, no network, no waiting but at gates."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import rclpy

from finevla_core.chunk import ActionChunk
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.observation import Observation
from finevla_core.policy.bundle_policy import EncodedInstruction
from finevla_core.policy.policy_interface import PolicyDescription
from finevla_core.understanding import NotUnderstood, TargetAbsent, Understanding
from finevla_policy import policy_node
from finevla_ros.executor import GoalsAsideExecutor
from finevla_ros.spin_thread import SpinThread

KNOWN = {"reach", "the", "red", "blue", "cube", "go", "with", "care"}
PATIENCE_S = 30.0


def open_gate() -> threading.Event:
    """An event that is set: whoever waits there goes on."""
    gate = threading.Event()
    gate.set()
    return gate


class StandInPolicy:
    """Understands a few words. Clearing `loading`, `reading` or `inference` holds it up there; `*_begun` say that it came.

    With `is_blind` it does not see what it is told to reach. Its `thought` is what a test gives it.
    """

    limited_text, server_s, thought = "", None, ""

    def __init__(self, robot: Embodiment) -> None:
        cameras, images = robot.camera_names, robot.images
        self.description = PolicyDescription(
            "stand-in", robot.name, "none", cameras, images, robot.names, 16, 0.1, "blend"
        )
        self.robot, self.is_blind, self.sequence = robot, False, 0
        self.loading, self.reading, self.inference = open_gate(), open_gate(), open_gate()
        self.reading_begun, self.inference_begun = threading.Event(), threading.Event()

    def understand(self, instruction: Instruction) -> Understanding:
        self.reading_begun.set()
        assert self.reading.wait(PATIENCE_S)
        words = instruction.raw.lower().split()
        if unknown := [word for word in words if word not in KNOWN]:
            raise NotUnderstood(f"I know none of: {', '.join(unknown)}", tuple(unknown))
        if "red" in words and "blue" in words:
            raise NotUnderstood("the text says red, the factors say blue: say which")
        return Understanding(
            " · ".join(w for w in words if w not in ("the", "with", "care")), unknown=(*words[-1:],), certainty=0.5
        )

    def encode(self, instruction: Instruction) -> EncodedInstruction:
        return EncodedInstruction(instruction, np.zeros((1, 1), np.float32))

    def predict(self, observation: Observation, encoded: EncodedInstruction) -> ActionChunk:
        self.inference_begun.set()
        assert self.inference.wait(PATIENCE_S)
        if self.is_blind:
            raise TargetAbsent("I see no red cube")
        self.sequence += 1
        rows, names = np.zeros((16, len(self.robot.names))), self.robot.names
        identity = encoded.instruction.id
        return ActionChunk(
            observation.stamp_ns, identity, self.robot.name, names, 0.1, rows, "stand-in", sequence=self.sequence
        )

    def accepted(self, sequence: int, executed_steps: int, speed_scale: float = 1.0) -> None:
        pass

    def ready(self) -> str:
        return "none"

    def reset(self) -> None:
        pass

    def close(self) -> None:
        pass

    def release(self) -> None:
        """Let it go on wherever it is held."""
        for gate in (self.loading, self.reading, self.inference):
            gate.set()


@contextmanager
def running_policy_node(policy: Any, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Iterator[Any]:
    """The policy node with `policy` in place of a bundle's; `arguments` are those of its command line."""

    def load(*_: object) -> Any:
        assert policy.loading.wait(PATIENCE_S)
        if not policy.loading.is_set():
            raise FineVLAError("it was never let go on")
        return policy

    monkeypatch.setattr(policy_node, "load_policy", load)
    monkeypatch.setattr(policy_node, "expand", lambda _: "")
    monkeypatch.setattr(policy_node, "load_chunk_limiter", lambda *_: None)
    rclpy.init(args=["--ros-args", "-r", "__ns:=/finevla", *arguments])
    node = policy_node.PolicyNode()
    spinner = SpinThread(node, GoalsAsideExecutor(), "policy node")
    spinner.start()
    try:
        yield node
    finally:
        policy.release()
        spinner.close(timeout_s=5.0)
        node.destroy_node()
        rclpy.try_shutdown()
