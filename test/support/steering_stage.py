"""The policy node in this process with a played policy and a played bridge, and everything that an operator can do to it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import rclpy
from played_bridge import PlayedBridge
from probe import Probe
from rclpy.action import ActionClient
from standin_policy import StandInPolicy
from std_msgs.msg import String

from finevla_core.bridge_report import UNHEARD
from finevla_core.embodiment import Embodiment
from finevla_core.observation import Observation
from finevla_interfaces import msg
from finevla_interfaces.action import FollowInstruction
from finevla_interfaces.srv import SetInstruction
from finevla_ros import qos
from finevla_ros.messages import observation_to_msg

CUBE = "reach the red cube"


class SteeringStage(Probe):
    """Enter it inside `running_policy_node`: it shares that node's context."""

    def __init__(self, robot: Embodiment, policy: StandInPolicy) -> None:
        super().__init__(context=rclpy.get_default_context())
        self.robot, self.policy, self.bridge = robot, policy, PlayedBridge(self)
        self.status = self.listen("policy/status", msg.PolicyStatus, qos.LATCHED)
        self._observations = self.node.create_publisher(msg.Observation, "observation", qos.NEWEST)
        self._service = self.node.create_client(SetInstruction, "set_instruction")
        self._action = ActionClient(self.node, FollowInstruction, "follow_instruction")
        self._topic = self.node.create_publisher(msg.Instruction, "instruction", qos.ALL)
        self._text = self.node.create_publisher(String, "instruction/text", qos.ALL)

    def ready(self) -> None:
        """The node hears all that is published here, and offers its service and its action."""
        publishers = (self._observations, self._topic, self._text)
        self.wait(lambda: all(p.get_subscription_count() for p in publishers), "the node's subscriptions")
        assert self._service.wait_for_service(20.0)
        assert self._action.wait_for_server(20.0)
        self.wait(lambda: self.bridge._status.get_subscription_count(), "the node's subscription to the bridge")

    def active(self) -> None:
        """And is active, and hears the bridge."""
        self.ready()
        self.wait(lambda: self.status and self.status[-1].state != "inactive", "the node to be active")
        self.wait(lambda: self.status[-1].text != UNHEARD, "the node to hear the bridge")

    def observe(self, stamp_ns: int = 0) -> None:
        now, count, robot = stamp_ns or self.now_ns(), len(self.robot.cameras), self.robot
        images = np.zeros((count, robot.image_height, robot.image_width, 3), np.uint8)
        seen = Observation(now, robot.camera_names, images, (now,) * count, np.zeros(14, np.float32), now)
        self._observations.publish(observation_to_msg(seen, robot.name, robot.base_frame, robot.names))

    def say(self, text: str, identity: str = "") -> SetInstruction.Response:
        request = SetInstruction.Request(instruction=msg.Instruction(id=identity, raw=text))
        return self.result(self._service.call_async(request), "the service's answer")

    def follow(self, text: str, timeout_s: float = 0.0, told: Callable[[Any], None] | None = None) -> Any:
        goal = FollowInstruction.Goal(instruction=msg.Instruction(raw=text), timeout_s=timeout_s)
        return self.answered(
            lambda: self._action.send_goal_async(goal, feedback_callback=told), "the goal's acceptance"
        )

    def outcome(self, goal: Any) -> Any:
        return self.answered(goal.get_result_async, "the goal's end")

    def shout(self, text: str) -> None:
        self._text.publish(String(data=text))

    def publish(self, text: str) -> None:
        self._topic.publish(msg.Instruction(raw=text))

    def chunk_for(self, identity: str) -> None:
        def came() -> bool:
            self.observe()
            return any(chunk.instruction_id == identity for chunk in self.bridge.chunks)

        self.wait(came, f"a chunk for '{identity}'")

    def running(self, text: str = CUBE) -> str:
        """An instruction that is accepted and has its first chunk; its id."""
        response = self.say(text)
        assert response.accepted, response.message
        self.chunk_for(response.id)
        return str(response.id)

    def over(self) -> None:
        self.wait(lambda: self.bridge.heard and self.bridge.heard[-1].id == "", "no active instruction")

    def refusal(self, text: str) -> None:
        self.wait(lambda: text in self.status[-1].refusal, f"'{text}' in policy/status")

    def refuses(self, why: str) -> None:
        """The node has heard what the bridge said: its service refuses an instruction for it."""
        self.wait(lambda: why in self.say(CUBE).message, f"'{why}' from the service")

    def nothing_moves(self) -> None:
        """Three heartbeats with observations: not a chunk goes out."""
        beats, chunks = len(self.status), len(self.bridge.chunks)
        self.wait(lambda: self.observe() or len(self.status) >= beats + 3, "three heartbeats")
        assert len(self.bridge.chunks) == chunks
