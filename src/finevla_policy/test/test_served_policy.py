"""The policy node and a bundle that another process runs: it waits for the server, holds without it, and has no torch."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch comes with 'make train-setup'; the robot does without")

import numpy as np
from played_bridge import PlayedBridge
from probe import Probe
from torch_bundle import make_torch_bundle

from finevla_core.bridge_report import UNHEARD
from finevla_core.embodiment import Embodiment
from finevla_core.observation import Observation
from finevla_interfaces import msg
from finevla_interfaces.srv import SetInstruction
from finevla_ros import qos
from finevla_ros.messages import observation_to_msg

START_S = 60.0  # a process that reads its libraries on a busy machine
WAITING = "waiting for the policy server"
POSE = np.array([0.0, 1.3, -1.6, 0.0, 1.0, 0.0, 0.5] * 2, np.float32)  # within all limits
WORDS = "reach the [/red] cube with the left arm"


class ServedStage(Probe):
    """Plays bridge and ingest, and is ready as soon as the node waits for its server."""

    def start(self, robot: Embodiment) -> None:
        self.robot, self.bridge = robot, PlayedBridge(self)
        self.chunks = self.listen("action_chunk", msg.ActionChunk, qos.NEWEST)
        self.status = self.listen("policy/status", msg.PolicyStatus, qos.LATCHED)
        self.observations = self.publisher(msg.Observation, "observation", qos.NEWEST)
        self.wait(
            lambda: self.has_state(WAITING) and UNHEARD not in self.status[-1].text, "a policy that waits", START_S
        )

    def has_state(self, state: str) -> bool:
        """Whether the policy says so; the next observation is sent."""
        now, count = self.now_ns(), len(self.robot.cameras)
        images = np.zeros((count, self.robot.image_height, self.robot.image_width, 3), np.uint8)
        seen = Observation(now, self.robot.camera_names, images, (now,) * count, POSE, now)
        self.observations.publish(observation_to_msg(seen, self.robot.name, self.robot.base_frame, self.robot.names))
        return bool(self.status) and self.status[-1].state == state


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[[Path, int], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(bundle: Path, port: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "finevla_tools.cli", "serve", str(bundle), "--port", str(port)]
        with (tmp_path / "server.log").open("ab") as log:
            started.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_served_weights_steer_and_a_server_that_died_is_found_again(
    start_node, start_server, tmp_path: Path, robot: Embodiment
) -> None:
    bundle, port = make_torch_bundle(tmp_path / "weights", robot), free_port()
    node = start_node("finevla_policy", "policy", bundle=bundle, server=f"ws://127.0.0.1:{port}")
    with ServedStage() as stage:
        stage.start(robot)
        refuses = f"policy server ws://127.0.0.1:{port} refuses connections"
        stage.wait(lambda: refuses in stage.status[-1].text, "the reason why it waits")
        request = SetInstruction.Request(instruction=msg.Instruction(raw=WORDS))
        refused = stage.call(SetInstruction, "set_instruction", request)
        assert not refused.accepted
        assert "cannot be asked what it understands" in refused.message

        server = start_server(bundle, port)
        stage.wait(lambda: stage.has_state("idle"), "the server to be found", START_S)
        answer = stage.call(SetInstruction, "set_instruction", request)
        assert answer.accepted, answer.message
        stage.wait(lambda: stage.has_state("running") and stage.chunks, "a chunk")
        assert (stage.chunks[-1].instruction_id, stage.chunks[-1].policy) == (answer.id, "weights")

        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        stage.wait(lambda: stage.has_state(WAITING), "the loss to be noticed")
        before, heard = len(stage.chunks), len(stage.status)
        stage.wait(lambda: stage.has_state(WAITING) and len(stage.status) > heard + 5, "a second of heartbeats")
        assert len(stage.chunks) == before, "nothing is made up while nobody answers"
        start_server(bundle, port)
        stage.wait(lambda: stage.has_state("running") and len(stage.chunks) > before, "chunks to come again", START_S)
        loaded = Path(f"/proc/{node.process.pid}/maps").read_text()
        assert "rclpy" in loaded, "the node's own process is looked at"
        assert "libtorch" not in loaded


def test_bundle_of_weights_without_a_server_ends_the_node_with_one_sentence(
    start_node, tmp_path: Path, robot: Embodiment
) -> None:
    node = start_node("finevla_policy", "policy", bundle=make_torch_bundle(tmp_path / "weights", robot))
    assert node.wait_for_exit(START_S) == 2
    said = [line for line in node.lines if "runtime 'torch'" in line]
    assert "runs in 'finevla serve' and not in this process; give the address of that server" in said[-1]
    assert not any("Traceback" in line for line in node.lines)
