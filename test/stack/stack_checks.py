"""What the whole running stack must do, whoever started it; used through `finevla up` and through launch_testing."""

import os
import signal
import time
from collections.abc import Callable

import numpy as np
from rclpy.action import ActionClient
from sensor_msgs.msg import JointState
from std_msgs.msg import Empty, String
from std_srvs.srv import Trigger

from finevla_core.instruction import Factors, Instruction
from finevla_interfaces import msg
from finevla_interfaces.action import FollowInstruction
from finevla_ros import qos
from finevla_tools.client import Client

HOLDING, FOLLOWING, STOPPED = 1, 2, 3


class Checks:
    """Each check leaves the stack holding."""

    def __init__(self, client: Client) -> None:
        self.client = client
        client.listen("joint_states", JointState, qos.SENSOR)
        client.listen("action_chunk", msg.ActionChunk, qos.NEWEST)
        self.text = client.node.create_publisher(String, "instruction/text", qos.ALL)
        self.topic = client.node.create_publisher(msg.Instruction, "instruction", qos.ALL)
        self.stop = client.node.create_publisher(Empty, "safety/stop", qos.ALL)
        client.wait_until_ready(60.0)
        self.wait(lambda: "joint_states" in client.newest, "joint states")
        for publisher in (self.text, self.topic, self.stop):
            self.wait(publisher.get_subscription_count, "subscribers")

    def wait(self, condition: Callable[[], object], what: str, timeout_s: float = 30.0) -> None:
        assert self.client.wait(lambda: bool(condition()), timeout_s), f"waited {timeout_s} s for {what}"

    def state(self) -> int:
        return int(self.client.newest["safety/status"].state)

    def positions(self) -> np.ndarray:
        return np.array(self.client.newest["joint_states"].position)

    def chunk_for(self, identity: str) -> None:
        self.wait(
            lambda: getattr(self.client.newest.get("action_chunk"), "instruction_id", "") == identity,
            f"a chunk for {identity}",
        )

    def moves(self) -> None:
        start = self.positions()
        self.wait(lambda: abs(self.positions() - start).max() > 0.01, "the arms to move")

    def active(self) -> msg.Instruction:
        return self.client.newest["active_instruction"]

    def every_interface_steers(self) -> None:
        """Topic, text, service, action; each replaces the one before in mid-motion."""
        self.topic.publish(msg.Instruction(id="topic", raw="reach the cube"))
        self.chunk_for("topic")
        self.moves()
        self.text.publish(String(data="reach the ball"))
        self.wait(lambda: self.active().raw == "reach the ball", "the text to be active")
        self.chunk_for(self.active().id)
        said = Instruction("reach the brick", factors=Factors(active_actor="left_arm"), id="service")
        assert self.client.say(said) == "service"
        self.chunk_for("service")
        self.wait(lambda: self.client.newest["safety/status"].instruction_id == "service", "the bridge to follow it")
        action = ActionClient(self.client.node, FollowInstruction, "follow_instruction")
        assert action.wait_for_server(20.0)
        goal = FollowInstruction.Goal(instruction=msg.Instruction(id="action", raw="stay"), timeout_s=1.0)
        future = action.send_goal_async(goal)
        self.wait(future.done, "the goal's acceptance")
        result = future.result().get_result_async()
        self.wait(result.done, "the goal's result")
        assert result.result().result.success
        self.holds()

    def holds(self) -> None:
        """The bridge holds and nothing moves."""
        self.wait(lambda: self.state() == HOLDING, "the bridge to hold")
        time.sleep(0.3)  # the servos settle
        start = self.positions()
        time.sleep(0.5)
        assert abs(self.positions() - start).max() < 2e-3

    def killed_policy_means_hold_and_comes_back(self, policy_pid: Callable[[], int | None]) -> None:
        """kill -9 in mid-motion: the arms come to rest and hold; the respawned node can be steered again."""
        self.client.say(Instruction("reach the cube", id="before"))
        self.chunk_for("before")
        self.moves()
        pid = policy_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        self.wait(lambda: policy_pid() not in (None, pid), "the policy to be started again")
        self.holds()
        self.wait(lambda: self.client.newest["policy/status"].instruction_id == "", "the new policy's heartbeat")
        self.client.wait_until_ready(30.0)
        self.client.say(Instruction("reach the cube", id="after"))
        self.chunk_for("after")
        self.moves()

    def stop_and_reset(self) -> None:
        """Stop by topic in mid-motion, refuse to move, reset by service, move again."""
        self.client.say(Instruction("reach the cube", id="stopped"))
        self.moves()
        self.stop.publish(Empty())
        self.wait(lambda: self.state() == STOPPED, "the stop")
        time.sleep(0.7)  # braking and the cool-down
        start = self.positions()
        reset = self.client.node.create_client(Trigger, "safety/reset")
        assert reset.wait_for_service(10.0)
        assert abs(self.positions() - start).max() < 2e-3
        future = reset.call_async(Trigger.Request())
        self.wait(future.done, "the reset")
        assert future.result().success, future.result().message
        self.moves()  # the policy never stopped talking
