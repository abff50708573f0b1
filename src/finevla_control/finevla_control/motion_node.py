"""Node `motion`: actions `home` and `go_to`. It plans, asks the safety bridge for authority, and sends chunks like any policy.

It commands nothing by itself: cancelling, a lost authority or a stop of the bridge ends a goal, and the bridge brakes. A goal
that was ended does not go on after a reset.
"""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy._rclpy_pybind11 import RCLError
from rclpy.action import CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import JointState

from finevla_control.planner_choice import PLANNERS, make_planner
from finevla_core.embodiment import HOME, load_embodiment
from finevla_core.errors import FineVLAError, one_line, quoted
from finevla_core.planning.goals import goal_values, pose_matrix
from finevla_core.planning.inverse_kinematics import InverseKinematics
from finevla_core.planning.motion_planner import Motion, MotionPart, MotionPlanner
from finevla_core.planning.planning_scene import PlanningScene
from finevla_core.safety.envelope import load_envelope
from finevla_core.safety.events import MAX_EVENT, State, state_sentence
from finevla_core.safety.instruction_in_force import MOTION
from finevla_core.urdf import expand
from finevla_interfaces import msg
from finevla_interfaces.action import GoTo, Home
from finevla_interfaces.srv import Authority
from finevla_ros import qos
from finevla_ros.bounded_action_server import BoundedActionServer
from finevla_ros.bounded_subscriptions import read, subscribe
from finevla_ros.executor import GoalsAsideExecutor
from finevla_ros.messages import chunk_to_msg, to_ns
from finevla_ros.node_main import run_node
from finevla_ros.params import declare, param
from finevla_ros.share_paths import robot_file, safety_file

POLL_S, FEEDBACK_S = 0.1, 0.2
IDLE_READ_S = 0.04
ANSWER_S = 3.0  # the bridge answers within milliseconds; longer than DDS needs to find a newcomer
GIVE_BACK_S = 1.0  # how often authority in our name is given back that we do not use
REST_S = 5.0  # a motion that was ended brakes within half a second
REASON_S = 0.5  # for why it was ended, on the topic of events
SETTLE_S, THERE_RAD = 1.5, 0.05  # measured joints lag, and sag a little


@dataclass(frozen=True)
class MotionParameters:
    """Parameters of the motion node."""

    robot: str = param("cobotmagic", "robot file: a name in config/robots or a path")
    limits: str = param("cobotmagic", "safety file, the bridge's own: a name in config/safety or a path; none = none")
    planner: str = param("auto", "moveit, ompl, or auto = moveit where it is installed, else ompl")
    speed_scale: float = param(0.3, "share of the limits where a goal does not say, 0.01 to 1", 0.01, 1.0)
    planning_s: float = param(5.0, "how long a way is looked for, seconds", 0.5, 60.0)
    state_timeout_s: float = param(0.5, "joint states older than this are not believed, seconds", 0.05, 5.0)


class Cancelled(Exception):
    """The client does not want it any more."""


class MotionNode(Node):
    """Callbacks remember what the bridge and the arms say; a goal, on a thread of its own, waits for that."""

    def __init__(self) -> None:
        super().__init__("motion")
        self.parameters = p = declare(self, MotionParameters)
        if p.planner not in PLANNERS:
            raise FineVLAError(f"parameter 'planner' is '{p.planner}'; known are {', '.join(PLANNERS)}")
        file = robot_file(p.robot)
        self.embodiment = e = load_embodiment(file)
        urdf = expand(file.parents[2] / e.urdf)
        envelope = load_envelope(e, urdf, safety_file(p.limits))
        room = PlanningScene(e, envelope)
        for pose in e.poses:  # as soon as possible: a pose that cannot be held is a mistake in the robot file
            if why := room.why_not_in_limits(e.moved(e.moved(np.zeros(len(e.names)), HOME), pose.name)):
                raise FineVLAError(f"robot file '{file}': pose '{pose.name}': {why}")
        planner = make_planner(p.planner, self, e, urdf, room, safety_file(p.limits), p.planning_s)
        self.mover, self.reach = MotionPlanner(e, room, planner), InverseKinematics(e, urdf, envelope.limits)
        self.client = self.get_fully_qualified_name()
        self.changed = threading.Condition()
        self.busy = ""
        self.status: msg.SafetyStatus | None = None
        self.heard_s = self.gave_back_s = 0.0
        self.events: dict[str, msg.SafetyEvent] = {}  # the newest one of our own motion, by the motion's id
        self.instruction = msg.Instruction()
        self.read_s = 0.0  # when a joint state was read last
        self.measured: tuple[int, NDArray[np.float64]] | None = None
        self.numbers = itertools.count(1)
        self.epoch = 0  # of the bridge when the goal began; a reset begins another one
        self.stop_word = ""  # what the bridge said of one since the goal began
        self.chunks = self.create_publisher(msg.ActionChunk, "action_chunk", qos.NEWEST)
        self.authority = self.create_client(Authority, "safety/authority")
        subscribe(self, msg.SafetyStatus, "safety/status", self._on_status, qos.LATCHED)
        subscribe(self, msg.SafetyEvent, "safety/events", self._on_event, qos.ALL)
        subscribe(self, msg.Instruction, "active_instruction", self._on_instruction, qos.LATCHED)
        subscribe(self, JointState, e.state_topic, self._on_state, qos.SENSOR, unread=True)
        self.servers = [
            BoundedActionServer(
                self, kind, name, run, cancel_callback=self._on_cancel, callback_group=ReentrantCallbackGroup()
            )
            for kind, name, run in ((Home, "home", self._home), (GoTo, "go_to", self._go_to))
        ]
        self.get_logger().info(f"plans by {planner.name}; poses: {', '.join(pose.name for pose in e.poses)}")

    def _on_status(self, message: msg.SafetyStatus) -> None:
        with self.changed:
            self.status, self.heard_s = message, time.monotonic()
            self.changed.notify_all()
        # Somebody took it in our name, or an answer of ours was lost: it would keep everybody out.
        is_idle_holder = message.client == self.client and not self.busy
        if is_idle_holder and self.heard_s - self.gave_back_s > GIVE_BACK_S and self.authority.service_is_ready():
            self.gave_back_s = self.heard_s
            self.authority.call_async(Authority.Request(client=self.client, release=True))

    def _on_event(self, message: msg.SafetyEvent) -> None:
        with self.changed:
            if message.code == "stop.word":
                self.stop_word = one_line(message.text, MAX_EVENT)
            if message.instruction_id in self.events:
                self.events[message.instruction_id] = message
                self.changed.notify_all()

    def _on_instruction(self, message: msg.Instruction) -> None:
        self.instruction = message

    def _on_state(self, data: bytes) -> None:
        """Most of them go by unread while nobody moves: reading 200 a second would be most of what this node does."""
        now_s = time.monotonic()
        if not self.busy and now_s - self.read_s < IDLE_READ_S:
            return
        self.read_s = now_s
        message = read(data, JointState)
        order = self.embodiment.order_in(message.name)
        if order is not None and len(message.position) == len(message.name):
            values = self.embodiment.to_values([message.position[i] for i in order])
            if not np.isfinite(values).all():
                return
            with self.changed:
                self.measured = to_ns(message.header.stamp), values

    def _on_cancel(self, _: ServerGoalHandle) -> CancelResponse:
        with self.changed:
            self.changed.notify_all()
        return CancelResponse.ACCEPT

    def _home(self, handle: ServerGoalHandle) -> Home.Result:
        return self._serve(handle, Home, "home", lambda start: self.embodiment.moved(start, HOME))

    def _go_to(self, handle: ServerGoalHandle) -> GoTo.Result:
        return self._serve(handle, GoTo, "go_to", lambda start: self._goal(handle.request, start))

    def _goal(self, request: GoTo.Goal, start: NDArray[np.float64]) -> NDArray[np.float64]:
        if not request.frame:
            return goal_values(self.embodiment, start, request.pose_name, list(request.names), list(request.values))
        if request.pose_name or request.names:
            raise FineVLAError("give a pose name and values, or a frame and its pose, not both")
        base, given = self.embodiment.base_frame, request.pose.header.frame_id
        if given not in ("", base):
            raise FineVLAError(f"the pose is in {quoted(given)}; give it in '{base}'")
        p, q = request.pose.pose.position, request.pose.pose.orientation
        pose = pose_matrix((p.x, p.y, p.z), (q.x, q.y, q.z, q.w))
        return self.reach.solve(request.frame, pose, start, self.mover.room.why_not)

    def _serve(
        self, handle: ServerGoalHandle, kind: Any, what: str, goal: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    ) -> Any:
        """In a thread of the executor: one goal from its words to its end, whatever happens."""
        try:
            try:
                with self._alone(what), self._in_command():
                    text, finish = self._run(handle, kind, what, goal), handle.succeed
            except FineVLAError as error:
                text, finish = str(error), handle.abort
            except Cancelled:
                text, finish = self._rested("cancelled: the arms were braked and hold"), handle.canceled
            except Exception as error:
                self.get_logger().error(f"{what}: {type(error).__name__}: {error}")
                text, finish = f"the motion node failed: {type(error).__name__}: {error}", handle.abort
            self.get_logger().info(f"{what}: {text}")
            finish()
            return kind.Result(success=finish == handle.succeed, message=text)
        except RCLError:
            if self.context.ok():
                raise
            return kind.Result(message="the process ended")  # nobody hears it

    def _run(
        self, handle: ServerGoalHandle, kind: Any, what: str, goal: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    ) -> str:
        asked = float(handle.request.speed_scale)
        start = self._start()
        target = goal(start)

        def is_wanted() -> bool:
            return bool(self.context.ok() and not handle.is_cancel_requested and not self._why_ended())

        began_s = time.monotonic()
        try:
            motion = self.mover.motion(start, target, self.parameters.speed_scale if asked == 0.0 else asked, is_wanted)
        except FineVLAError as error:
            if handle.is_cancel_requested:
                raise Cancelled from None
            raise FineVLAError(self._why_ended() or str(error)) from error
        if motion is None:
            return "there already"
        self.get_logger().info(f"{what}: {_described(motion)}; planned in {time.monotonic() - began_s:.2f} s")
        left_s, number = motion.duration_s, next(self.numbers)
        for index, part in enumerate(motion.parts, 1):
            left_s -= part.duration_s
            self._take()  # planning may have taken long, or the part before did
            self._follow(handle, kind, part, f"{what}-{number}/{index}", left_s)
        return self._arrived(target)

    @contextlib.contextmanager
    def _alone(self, what: str) -> Iterator[None]:
        """One goal at a time."""
        with self.changed:
            if self.busy:
                raise FineVLAError(f"'{self.busy}' is under way; cancel it, or wait for its end")
            self.busy = what
        try:
            yield
        finally:
            self.busy = ""

    @contextlib.contextmanager
    def _in_command(self) -> Iterator[None]:
        """With the bridge's authority, which is given up whatever happens: that brakes what still moves."""
        self._check_bridge()
        self._ask(release=True)  # what was ended from outside before this goal is over for us, too
        self._take()
        try:
            yield
        finally:
            if self.context.ok():
                with contextlib.suppress(FineVLAError):  # lost already, or nobody is there to take it back
                    self._ask(release=True)

    def _check_bridge(self) -> None:
        """Refuse what the bridge would not let move, or what would take the arms from under a policy."""
        if not self._until(lambda: self.status is not None, ANSWER_S) or self._silent_s() > ANSWER_S:
            raise FineVLAError("the safety bridge says nothing; is the stack up?")
        status = self.status
        assert status is not None
        self.epoch, self.stop_word = int(status.epoch), ""
        if why := self._why_ended():
            raise FineVLAError(why)
        if self.instruction.id:
            text = self.instruction.fine or self.instruction.raw
            raise FineVLAError(f"the policy follows {quoted(text)}; clear the instruction first (finevla say stop)")
        if not self._until(self._is_holding, REST_S):
            raise FineVLAError("the arms still move; wait until they rest")
        if not self._until(self._is_heard, ANSWER_S):
            raise FineVLAError("the safety bridge does not listen to our chunks yet; ask again")

    def _is_heard(self) -> bool:
        """Whether the bridge has found our chunks: DDS finds topics one by one, and what is sent before is lost."""
        bridges = {end.node_name for end in self.get_publishers_info_by_topic("safety/status")}
        listeners = {end.node_name for end in self.get_subscriptions_info_by_topic("action_chunk")}
        is_there = any(one == bridge or one.startswith(f"{bridge}_") for one in listeners for bridge in bridges)
        return is_there and self.chunks.get_subscription_count() > 0

    def _why_ended(self) -> str:
        """The bridge's reason if a goal cannot begin or go on: it is stopped or disabled, or was since the goal began."""
        with self.changed:
            status, stop_word = self.status, self.stop_word
        assert status is not None
        if status.state in (msg.SafetyStatus.DISABLED, msg.SafetyStatus.STOPPED):
            return f"the bridge is {state_sentence(State(status.state), one_line(status.reason, MAX_EVENT))}"
        if status.epoch != self.epoch:
            return "the bridge was stopped and reset meanwhile: the motion has ended; ask for it again"
        return stop_word

    def _take(self) -> None:
        if why := self._why_ended():
            raise FineVLAError(why)
        response = self._ask(release=False)
        if not response.success:
            raise FineVLAError(response.message)

    def _ask(self, release: bool) -> Any:
        if not self.authority.wait_for_service(timeout_sec=ANSWER_S):
            raise FineVLAError("the bridge's service safety/authority does not answer")
        answered = threading.Event()
        future = self.authority.call_async(Authority.Request(client=self.client, release=release))
        future.add_done_callback(lambda _: answered.set())
        if not answered.wait(ANSWER_S):
            raise FineVLAError(f"the bridge did not answer on safety/authority within {ANSWER_S:.0f} s")
        return future.result()

    def _start(self) -> NDArray[np.float64]:
        """Where the arms are commanded to be; where they are measured if the bridge does not say.

        What is measured sags: an arm that only has to stay would creep down with every motion, and a gripper that holds
        something would let go.
        """
        with self.changed:
            measured, status = self.measured, self.status
        now_ns = int(self.get_clock().now().nanoseconds)
        if measured is None or abs(now_ns - measured[0]) * 1e-9 > self.parameters.state_timeout_s:
            raise FineVLAError(
                f"no fresh joint state on '{self.embodiment.state_topic}'; see that the arms' driver, or the simulator, runs"
            )
        planned = np.array(status.planned if status is not None else (), np.float64)
        return planned if len(planned) == len(measured[1]) and np.isfinite(planned).all() else measured[1]

    def _follow(self, handle: ServerGoalHandle, kind: Any, part: MotionPart, identity: str, more_s: float) -> None:
        """Send one chunk and see it through; raises `FineVLAError` with the bridge's own reason if it does not end well."""
        status = self.status
        assert status is not None
        sequence = next(self.numbers)
        stamp_ns = int(self.get_clock().now().nanoseconds)
        # The epoch is the goal's: what it plans before a stop, the bridge refuses after the reset.
        chunk = part.chunk(self.embodiment, stamp_ns, identity, self.client, self.epoch, sequence)
        errand = PendingMotion(MOTION + identity, sequence, self.client, int(status.chunks_accepted))
        self.events[errand.identity] = msg.SafetyEvent()
        try:
            self.chunks.publish(chunk_to_msg(chunk, self.embodiment.base_frame))
            told_s = time.monotonic()
            while not self._is_over(errand, handle):
                now_s = time.monotonic()
                if now_s - told_s >= FEEDBACK_S:
                    told_s = now_s
                    left_s = self.status.plan_left_s if errand.is_moving else part.duration_s
                    handle.publish_feedback(kind.Feedback(left_s=float(more_s + left_s)))
        finally:
            del self.events[errand.identity]

    def _is_over(self, errand: "PendingMotion", handle: ServerGoalHandle) -> bool:
        with self.changed:
            self.changed.wait(POLL_S)
            status, event = self.status, self.events[errand.identity]
        if not self.context.ok() or handle.is_cancel_requested:
            raise Cancelled
        if self._silent_s() > ANSWER_S:
            raise FineVLAError("the safety bridge says nothing any more; the motion is given up")
        if why := self._why_ended():
            raise FineVLAError(why)
        was_waiting = errand.is_waiting
        try:
            is_over = errand.sees(status, event, time.monotonic())
        except AuthorityLostError as error:
            self._until(lambda: bool(self._why_ended()), REASON_S)
            raise FineVLAError(self._why_ended() or str(error)) from error
        if errand.is_waiting and not was_waiting:
            self.get_logger().info("step mode: the motion waits for the operator's yes (safety/approve)")
        return is_over

    def _arrived(self, target: NDArray[np.float64]) -> str:
        """What to say of the end; raises `FineVLAError` if a joint is not where it should be. Grippers may hold something."""
        arm = ~self.mover.room.envelope.limits.is_gripper

        def off() -> NDArray[np.float64]:
            return abs(self.measured[1] - target) * arm

        if self._until(lambda: bool(off().max() <= THERE_RAD), SETTLE_S):
            return "there"
        i = int(off().argmax())
        raise FineVLAError(f"the motion is over, but {self.embodiment.names[i]} is {off()[i]:.2f} rad from its goal")

    def _rested(self, text: str) -> str:
        return (
            text
            if self._until(self._is_holding, REST_S)
            else "cancelled, but the bridge does not say that the arms rest"
        )

    def _is_holding(self) -> bool:
        return self.status is not None and self.status.state == msg.SafetyStatus.HOLDING

    def _silent_s(self) -> float:
        return time.monotonic() - self.heard_s

    def _until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        with self.changed:
            deadline = time.monotonic() + timeout_s
            while not condition():
                if time.monotonic() > deadline or not self.context.ok():
                    return False
                self.changed.wait(POLL_S)
        return True


class AuthorityLostError(FineVLAError):
    """The bridge follows somebody else, or nobody; why, a stop word for instance, comes on another topic, maybe later."""


class PendingMotion:
    """One chunk on its way: what the bridge has made of it, by its status and by its events about it."""

    def __init__(self, identity: str, sequence: int, client: str, accepted: int) -> None:
        self.identity, self.sequence, self.client, self.accepted = identity, sequence, client, accepted
        self.is_moving = self.is_waiting = self.is_ours = False
        self.sent_s = time.monotonic()

    def sees(self, status: msg.SafetyStatus, event: msg.SafetyEvent, now_s: float) -> bool:
        """Whether the motion has come to its end; raises `FineVLAError` if it will not."""
        text = one_line(event.text, MAX_EVENT)
        if event.code == "motion.ended":
            raise FineVLAError(text)
        if event.level != msg.SafetyEvent.INFO:
            raise FineVLAError(f"the bridge refused the motion: {text.partition('refused: ')[2] or text}")
        if event.code == "step.refused":
            raise FineVLAError("the operator turned the motion down")
        is_ours = status.client == self.client
        if self.is_ours and not is_ours:
            raise AuthorityLostError("the motion was ended: somebody gave up its authority, or somebody else took it")
        self.is_ours = is_ours
        is_followed = status.state == msg.SafetyStatus.FOLLOWING and status.chunk_sequence == self.sequence
        self.is_moving = self.is_moving or (is_ours and (is_followed or status.chunks_accepted > self.accepted))
        self.is_waiting = bool(status.waiting) and not self.is_moving
        if self.is_waiting:
            self.sent_s = now_s
        if not self.is_moving and now_s - self.sent_s > ANSWER_S:
            raise FineVLAError("the bridge did not answer to the motion")
        return self.is_moving and status.state == msg.SafetyStatus.HOLDING


def _described(motion: Motion) -> str:
    """Describe a planned motion for the log: straight or around obstacles, number of parts, duration, slow-down."""
    way = "straight" if motion.is_straight else "around"
    parts = f" in {len(motion.parts)} parts" if len(motion.parts) > 1 else ""
    slowed = f", slowed to {motion.speed_scale:.0%} near something" if motion.speed_scale < 1.0 else ""
    return f"{way}{parts}, {motion.duration_s:.1f} s{slowed}"


def main() -> int:
    """Run node `motion` until it is told to stop; return the exit code (0 fine, 2 bad input)."""
    return run_node(MotionNode, executor=GoalsAsideExecutor)
