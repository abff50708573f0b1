"""Arms with their controllers that do what the bridge commands, and the watchdog's heartbeat: for nodes that make them move."""

import numpy as np
from probe import Probe
from sealed import PlayedWatchdog
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from finevla_core.embodiment import Embodiment
from finevla_core.joint_trajectory_controller import TrajectoryController
from finevla_interfaces import msg
from finevla_ros import qos
from finevla_ros.messages import to_ns, to_stamp
from finevla_ros.trajectories import points_of

START = np.tile([0.0, 1.3, -1.6, 0.0, 0.4, 0.0, 1.0], 2)  # some way from home
HOLDING, FOLLOWING, STOPPED = 1, 2, 3
PERIOD_S = 0.01


class MovingArms(Probe):
    """Plays the arms; `track` is where they were, (ns, values), and `status` what the bridge said."""

    def move_from_start(self, robot: Embodiment) -> None:
        """Stand at `START`, and follow what is commanded from now on."""
        self.robot, self.is_felt = robot, True
        positions = robot.to_positions(START)
        self.columns = {c.name: [robot.joints.index(j) for j in c.joints] for c in robot.controllers}
        self.arms = [TrajectoryController(c.name, c.joints, positions[self.columns[c.name]]) for c in robot.controllers]
        self.track: list[tuple[int, np.ndarray]] = []
        self.status = self.listen("safety/status", msg.SafetyStatus, qos.LATCHED)
        for arm in self.arms:
            self.node.create_subscription(
                JointTrajectory, f"{arm.name}/joint_trajectory", lambda m, arm=arm: self._accept(arm, m), qos.ALL
            )
        self.states = self.node.create_publisher(JointState, "joint_states", qos.SENSOR)
        self.watchdog = PlayedWatchdog(self.node)
        self.node.create_timer(PERIOD_S, self._feel)

    def in_state(self, state: int) -> None:
        self.wait(lambda: self.status and self.status[-1].state == state, f"state {state}")

    def _accept(self, arm: TrajectoryController, message: JointTrajectory) -> None:
        arm.accept(message.joint_names, points_of(message), to_ns(message.header.stamp), self.now_ns())

    def _feel(self) -> None:
        now_ns, positions = self.now_ns(), np.zeros(len(self.robot.joints))
        for arm in self.arms:
            positions[self.columns[arm.name]] = arm.sample(now_ns)
        with self.changed:
            self.track.append((now_ns, self.robot.to_values(positions)))
            self.changed.notify_all()
        message = JointState(name=list(self.robot.joints), position=positions.tolist())
        message.header.stamp = to_stamp(now_ns)
        if self.is_felt:
            self.states.publish(message)
        self.watchdog.beat()
