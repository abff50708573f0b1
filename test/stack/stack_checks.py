"""What the whole running stack must do, whoever started it; used through `finevla up` and through launch_testing.

Every wait is for an event and bounded; time is counted by the stamps of the joint states.
"""

import os
import signal
from collections.abc import Callable

import numpy as np
import psutil
from rclpy.action import ActionClient
from sensor_msgs.msg import JointState
from std_msgs.msg import Empty, String
from tf2_msgs.msg import TFMessage
from trajectory_msgs.msg import JointTrajectory

from finevla_client.connection import Connection
from finevla_core.instruction import Factors, Instruction
from finevla_core.robot_description import read_joints
from finevla_interfaces import msg
from finevla_interfaces.action import FollowInstruction
from finevla_ros import qos
from finevla_ros.messages import to_ns

HOLDING, FOLLOWING, STOPPED = 1, 2, 3
STILL_RAD = 2e-3
COOL_DOWN_S = 0.6  # longer than the bridge's `reset_cooldown_s`
FASTEST = 1.0  # rad/s; the tiny bundle asks for a tenth of it, a jump of 0.02 rad between two states is twice as fast


def policy_pid() -> int | None:
    """The policy node among this process's descendants, however it was started."""
    for child in psutil.Process().children(recursive=True):
        try:
            words = child.cmdline()
            if any(word.endswith("finevla_policy/policy") for word in words) and child.status() != psutil.STATUS_ZOMBIE:
                return int(child.pid)
        except psutil.Error:
            continue
    return None


class Checks:
    """Each check leaves the stack holding or following; `run_all` does everything in order."""

    def __init__(self, client: Connection) -> None:
        self.client = client
        self.track: list[tuple[float, np.ndarray]] = []
        self.commanded: dict[str, float] = {}
        client.listen("joint_states", JointState, qos.SENSOR, self._on_state)
        client.listen("action_chunk", msg.ActionChunk, qos.NEWEST)
        client.listen("left_arm_controller/joint_trajectory", JointTrajectory, qos.ALL, self._on_command)
        self.text = client.node.create_publisher(String, "instruction/text", qos.ALL)
        self.topic = client.node.create_publisher(msg.Instruction, "instruction", qos.ALL)
        self.stop = client.node.create_publisher(Empty, "safety/stop", qos.ALL)
        self.action = ActionClient(client.node, FollowInstruction, "follow_instruction")
        client.wait_until_ready(60.0)
        self.wait(lambda: self.track, "joint states")
        for publisher in (self.text, self.topic, self.stop):
            self.wait(publisher.get_subscription_count, "subscribers")

    def run_all(self, policy: Callable[[], int | None] = policy_pid) -> None:
        """Everything that the stack promises."""
        self.safety_nodes_are_there()
        self.robot_is_described()
        self.every_interface_steers()
        self.what_cannot_be_followed_is_refused()
        self.stop_and_reset()
        self.killed_policy_means_hold_and_comes_back(policy)
        self.arms_never_jumped()

    def safety_nodes_are_there(self) -> None:
        """A safety node that nobody launched protects nobody."""
        self.client.listen("safety/watchdog", msg.Heartbeat, qos.NEWEST)
        for name in ("safety_bridge", "safety_watchdog", "motion"):
            self.wait(lambda name=name: name in self.client.node.get_node_names(), f"the node {name}")
        self.wait(lambda: getattr(self.client.newest.get("safety/watchdog"), "is_well", False), "a well watchdog")

    def robot_is_described(self) -> None:
        """What RViz, Foxglove and recordings need to draw the robot, whoever tells it: also ROS's own program."""
        told: set[str] = set()
        for topic, profile in (("/tf", qos.ALL), ("/tf_static", qos.LATCHED)):
            self.client.listen(topic, TFMessage, profile, lambda m: told.update(t.child_frame_id for t in m.transforms))
        self.client.listen("robot_description", String, qos.LATCHED)
        self.wait(lambda: "robot_description" in self.client.newest, "the robot's description")
        joints = read_joints(self.client.newest["robot_description"].data).values()
        self.wait(lambda: told >= {joint.child for joint in joints}, "a transform to every link")

    def every_interface_steers(self) -> None:
        """Topic, text, service, action; each replaces the one before in mid-motion."""
        self.topic.publish(msg.Instruction(id="topic", raw="reach the cube"))
        self.chunk_for("topic")
        self.moves()
        self.text.publish(String(data="reach the ball"))
        self.wait(lambda: self.active().raw == "reach the ball", "the text to be active")
        self.chunk_for(self.active().id)
        self.moves()
        said = Instruction("reach the brick", factors=Factors(active_actor="left_arm"), id="service")
        assert self.client.say(said).id == "service"
        self.chunk_for("service")
        self.wait(lambda: self.client.newest["safety/status"].instruction_id == "service", "the bridge to follow it")
        assert list(self.active().factors.active_actor) == ["left_arm"]
        assert self.action.wait_for_server(20.0)
        goal = FollowInstruction.Goal(instruction=msg.Instruction(id="action", raw="reach up"), timeout_s=1.0)
        future = self.client.ask(lambda: self.action.send_goal_async(goal))
        self.wait(future.done, "the goal's acceptance")
        result = self.client.ask(future.result().get_result_async)
        self.wait(result.done, "the goal's result")
        assert result.result().result.success
        assert result.result().result.followed > 0
        self.holds()

    def what_cannot_be_followed_is_refused(self) -> None:
        """Nothing moves, and nothing becomes active."""
        self.topic.publish(msg.Instruction(id="empty", raw="  "))
        self.topic.publish(msg.Instruction(id="foot", raw="go", factors=msg.Factors(active_actor=["foot"])))
        self.text.publish(String(data="x" * 10_000))
        self.passes(0.5)
        assert self.active().id == ""
        self.holds()

    def stop_and_reset(self) -> None:
        """Stop by topic in mid-motion, reset by service: the arms rest until somebody speaks."""
        self.client.say(Instruction("reach the cube", id="stopped"))
        self.moves()
        self.stop.publish(Empty())
        self.wait(lambda: self.state() == STOPPED, "the stop")
        self.rests()
        self.wait(lambda: self.active().id == "", "the instruction to be over")
        self.passes(COOL_DOWN_S)
        self.client.reset_bridge()
        self.wait(lambda: self.state() == HOLDING, "the bridge to hold")
        self.is_still()
        self.passes(1.0)
        assert (self.active().id, self.state()) == ("", HOLDING)
        self.client.say(Instruction("reach the cube", id="again"))
        self.moves()

    def killed_policy_means_hold_and_comes_back(self, policy: Callable[[], int | None]) -> None:
        """kill -9 in mid-motion: the arms come to rest and hold; the respawned node can be steered again."""
        self.client.say(Instruction("reach the cube", id="before"))
        self.chunk_for("before")
        self.moves()
        pid = policy()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        self.holds()
        self.wait(lambda: policy() not in (None, pid), "the policy to be started again")
        self.wait(lambda: self.client.newest["policy/status"].instruction_id == "", "the new policy's heartbeat")
        self.client.wait_until_ready(30.0)
        assert self.state() == HOLDING  # nothing moves until somebody speaks
        self.client.say(Instruction("reach the cube", id="after"))
        self.chunk_for("after")
        self.moves()

    def arms_never_jumped(self) -> None:
        """Over everything above: no joint went from one state to the next faster than a motion can."""
        stamps = np.array([stamp for stamp, _ in self.track])
        positions = np.array([joints for _, joints in self.track])
        speed = abs(np.diff(positions, axis=0)) / np.maximum(np.diff(stamps), 1e-3)[:, None]
        assert len(stamps) > 100
        assert speed.max() < FASTEST

    def wait(self, condition: Callable[[], object], what: str, timeout_s: float = 30.0) -> None:
        assert self.client.wait(lambda: bool(condition()), timeout_s), f"waited {timeout_s} s for {what}"

    def passes(self, seconds: float) -> None:
        """Until so much time has passed by the joint states' stamps."""
        until = self.track[-1][0] + seconds
        self.wait(lambda: self.track[-1][0] >= until, f"{seconds} s of joint states")

    def state(self) -> int:
        return int(self.client.newest["safety/status"].state)

    def active(self) -> msg.Instruction:
        return self.client.newest.get("active_instruction") or msg.Instruction()

    def chunk_for(self, identity: str) -> None:
        self.wait(
            lambda: getattr(self.client.newest.get("action_chunk"), "instruction_id", "") == identity,
            f"a chunk for {identity}",
        )

    def moves(self) -> None:
        start = self.track[-1][1]
        self.wait(lambda: abs(self.track[-1][1] - start).max() > 0.01, "the arms to move")

    def holds(self) -> None:
        """The bridge holds, nothing moves, and the arms are where they were last commanded to - not at zero."""
        self.wait(lambda: self.state() == HOLDING, "the bridge to hold")
        self.rests()
        self.is_still()
        joints = dict(zip(self.client.newest["joint_states"].name, self.track[-1][1], strict=True))
        assert self.commanded
        assert max(abs(joints[name] - value) for name, value in self.commanded.items()) < 0.03  # the servos' sag

    def rests(self) -> None:
        """Until the arms have braked."""

        def is_at_rest() -> bool:
            recent = [joints for stamp, joints in self.track[-40:] if stamp > self.track[-1][0] - 0.2]
            return len(recent) > 5 and float(np.ptp(recent, axis=0).max()) < STILL_RAD

        self.wait(is_at_rest, "the arms to rest")

    def is_still(self) -> None:
        """Half a second without motion."""
        first = len(self.track) - 1
        self.passes(0.5)
        assert np.ptp([joints for _, joints in self.track[first:]], axis=0).max() < STILL_RAD

    def _on_state(self, message: JointState) -> None:
        self.track.append((to_ns(message.header.stamp) * 1e-9, np.array(message.position)))

    def _on_command(self, message: JointTrajectory) -> None:
        self.commanded = dict(zip(message.joint_names, message.points[-1].positions, strict=True))
