"""Promises of the policy node whatever its bundle is: pictures of its own size, another bundle at run time, a server."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from played_bridge import PlayedBridge
from played_policy_server import PlayedPolicyServer
from probe import Probe
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from tiny_bundle import make_tiny_bundle

from finevla_core.bridge_report import UNHEARD
from finevla_core.bundle import write_bundle
from finevla_core.embodiment import Embodiment
from finevla_core.images import ImageFormat
from finevla_core.manifest import Manifest, RemoteServer
from finevla_core.observation import Observation
from finevla_interfaces import msg
from finevla_interfaces.srv import SetInstruction
from finevla_ros import qos
from finevla_ros.messages import observation_to_msg

pytestmark = pytest.mark.slow  # each starts nodes
START_S = 60.0  # a node that reads its libraries on a busy machine


class Stage(Probe):
    """Plays bridge and ingest: observations are of the format that the policy asks for."""

    def start(self, robot: Embodiment) -> None:
        self.robot, self.bridge = robot, PlayedBridge(self)
        self.chunks = self.listen("action_chunk", msg.ActionChunk, qos.NEWEST)
        self.status = self.listen("policy/status", msg.PolicyStatus, qos.LATCHED)
        self.formats = self.listen("observation/image_format", msg.ImageFormat, qos.LATCHED)
        self.observations = self.publisher(msg.Observation, "observation", qos.NEWEST)
        self.wait(self.is_ready, "a policy that is active and hears the bridge", START_S)

    def is_ready(self) -> bool:
        return bool(self.status) and self.status[-1].state != "inactive" and UNHEARD not in self.status[-1].text

    def observe(self) -> None:
        now, count, wanted = self.now_ns(), len(self.robot.cameras), self.formats[-1]
        images = np.zeros((count, wanted.height, wanted.width, 3), np.uint8)
        seen = Observation(now, self.robot.camera_names, images, (now,) * count, np.zeros(14, np.float32), now)
        self.observations.publish(observation_to_msg(seen, self.robot.name, self.robot.base_frame, self.robot.names))

    def say(self, text: str) -> SetInstruction.Response:
        request = SetInstruction.Request(instruction=msg.Instruction(raw=text))
        return self.call(SetInstruction, "set_instruction", request)

    def chunk_for(self, identity: str) -> msg.ActionChunk:
        def found() -> msg.ActionChunk | None:
            self.observe()
            return next((c for c in reversed(self.chunks) if c.instruction_id == identity), None)

        chunk: msg.ActionChunk = self.wait(found, f"a chunk for instruction '{identity}'")
        return chunk

    def told(self, text: str) -> None:
        def came() -> bool:
            self.observe()
            return text in self.status[-1].text

        self.wait(came, f"'{text}' in policy/status")

    def change(self, transition: int) -> bool:
        request = ChangeState.Request(transition=Transition(id=transition))
        return bool(self.call(ChangeState, "policy/change_state", request).success)

    def swap(self, bundle: Path) -> bool:
        """Load another bundle, as a lifecycle manager does."""
        for transition in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP):
            assert self.change(transition)
        value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=str(bundle))
        request = SetParameters.Request(parameters=[Parameter(name="bundle", value=value)])
        assert self.call(SetParameters, "policy/set_parameters", request).results[0].successful
        return self.change(Transition.TRANSITION_CONFIGURE) and self.change(Transition.TRANSITION_ACTIVATE)


def test_bundles_of_other_pictures_are_swapped_and_a_wrong_one_is_refused_by_name(
    start_node, tmp_path: Path, robot: Embodiment
) -> None:
    shipped = make_tiny_bundle(tmp_path / "shipped", robot)
    small = make_tiny_bundle(tmp_path / "small", robot.seen_as(ImageFormat(224, 224)))
    large = make_tiny_bundle(tmp_path / "large", robot.seen_as(ImageFormat(448, 448, "pad")))
    start_node("finevla_policy", "policy", bundle=shipped)
    with Stage() as stage:
        stage.start(robot)
        for bundle, wanted in ((small, (224, 224, "crop")), (large, (448, 448, "pad")), (shipped, (192, 192, "crop"))):
            assert stage.swap(bundle)
            stage.wait(lambda name=bundle.name: stage.status[-1].bundle == name, "the other bundle")
            stage.wait(lambda name=bundle.name: stage.formats[-1].policy == name, "its format")
            said = stage.formats[-1]
            assert (said.height, said.width, said.fit) == wanted
            answer = stage.say("reach the cube")
            assert answer.accepted, answer.message
            assert stage.chunk_for(answer.id).policy == bundle.name
        assert not stage.swap(tmp_path / "nowhere")
        stage.wait(lambda: "'" in stage.status[-1].text and "nowhere" in stage.status[-1].text, "its name")
        assert stage.status[-1].state == "inactive"


def remote_bundle(path: Path, robot: Embodiment, url: str, layout: str = "chw", *transforms: Any) -> Path:
    """A bundle of five rows at 10 Hz, as the played server answers."""
    cameras = dict(zip(("cam_high", "cam_left_wrist", "cam_right_wrist"), robot.camera_names, strict=True))
    manifest = Manifest(
        name="far",
        embodiment=robot.name,
        cameras=cameras,
        images=ImageFormat(224, 224, "pad"),
        values=robot.names,
        horizon=5,
        dt_s=0.1,
        files={},
        runtime="remote",
        remote=RemoteServer(url, timeout_s=1.0),
        transforms=({"layout": layout}, *transforms),
    )
    return write_bundle(path, manifest, {"card.md": b"# Far\n"}).path


FAULTS = (
    ("nan", "has nan in row 0"),
    ("other shape", "answers (5, 7) where its manifest says (5, 14)"),
    ("garbage", "cannot be read as MessagePack"),
    ("traceback", "has failed at this request and says 'KeyError: 'cam_high''"),
)


@pytest.mark.parametrize("play", ["openpi", "starvla"])
def test_policy_server_steers_and_its_faults_are_named_while_it_comes_back(
    start_node, tmp_path: Path, robot: Embodiment, play: str
) -> None:
    with PlayedPolicyServer(play) as server, Stage() as stage:
        bundle = remote_bundle(tmp_path / "far", robot, server.url, layout="chw" if play == "openpi" else "hwc")
        start_node("finevla_policy", "policy", bundle=bundle, limits="none")
        stage.start(robot)
        assert (stage.formats[-1].height, stage.formats[-1].fit) == (224, "pad")
        answer = stage.say("fold the towel")
        assert answer.accepted
        assert "not checked" in answer.understood
        chunk = stage.chunk_for(answer.id)
        assert (chunk.horizon, chunk.policy) == (5, "far")
        assert stage.status[-1].provider == f"policy server {server.url}"
        for wrong, said in FAULTS if play == "openpi" else ():
            server.play = wrong
            stage.told(said)
            assert "Traceback" not in stage.status[-1].text
        server.play = play
        server.close_connections()
        before = len(stage.chunks)
        stage.wait(lambda: stage.observe() or len(stage.chunks) > before + 2, "chunks again")
        stage.wait(lambda: stage.observe() or not any(said in stage.status[-1].text for _, said in FAULTS), "its end")


HISTORY = {"parts": ["raw"], "template": "{history}Now: {}", "history": {"most": 2, "template": "Before: {}. "}}


def test_prompt_holds_what_was_said_before_until_a_stop_or_a_reset(
    start_node, tmp_path: Path, robot: Embodiment
) -> None:
    with PlayedPolicyServer("openpi") as server, Stage() as stage:
        bundle = remote_bundle(tmp_path / "far", robot, server.url, "chw", {"prompt": HISTORY})
        start_node("finevla_policy", "policy", bundle=bundle, limits="none")
        stage.start(robot)

        def prompt_of(text: str) -> str:
            answer = stage.say(text)
            assert answer.accepted, answer.message
            stage.chunk_for(answer.id)
            return str(server.asked[-1]["prompt"])

        def refused() -> None:
            assert not stage.say(" ").accepted, "and with it the active instruction ends"

        assert prompt_of("fold the towel") == "Now: fold the towel"
        assert prompt_of("put it away") == "Before: fold the towel. Now: put it away"
        refused()
        assert prompt_of("take the cup") == "Before: fold the towel; put it away. Now: take the cup"
        assert stage.say("stop").accepted
        assert prompt_of("fold the towel") == "Now: fold the towel"
        refused()
        assert stage.say("stop").accepted
        assert prompt_of("put it away") == "Now: put it away"
        refused()
        stage.bridge.stop("a drill")
        stage.wait(lambda: "a drill" in stage.say("take the cup").message, "the stop to be heard")
        stage.bridge.reset()
        stage.wait(lambda: stage.say("take the cup").accepted, "the reset to be heard")
        assert prompt_of("take the cup") == "Now: take the cup"
        assert prompt_of("fold the towel") == "Before: take the cup. Now: fold the towel"
        refused()
        for transition in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_ACTIVATE):
            assert stage.change(transition)
        assert prompt_of("put it away") == "Now: put it away"


def test_server_that_is_not_there_is_named_and_found_when_it_comes(
    start_node, tmp_path: Path, robot: Embodiment
) -> None:
    with PlayedPolicyServer("openpi") as server:
        port = server.port
    start_node("finevla_policy", "policy", bundle=remote_bundle(tmp_path / "far", robot, f"ws://127.0.0.1:{port}"))
    with Stage() as stage:
        stage.start(robot)
        refused = stage.say("fold the towel")
        assert not refused.accepted
        assert "cannot be asked what it understands" in refused.message
        assert f"ws://127.0.0.1:{port}" in refused.message
        with PlayedPolicyServer("openpi", port=port):
            stage.wait(lambda: stage.say("fold the towel").accepted, "the server's return")
            stage.chunk_for(
                stage.status[-1].instruction_id or stage.wait(lambda: stage.status[-1].instruction_id, "id")
            )
