"""Node `recorder`: episodes to rosbag2 recordings, by service or action. Idle, it subscribes to nothing that is recorded."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.action import CancelResponse
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.errors import FineVLAError, one_line
from finevla_core.plural_phrases import counted
from finevla_core.recording.bag_metadata import Definitions
from finevla_core.recording.episode import (
    DiskLimits,
    Labels,
    RecordedEpisode,
    RecordingProgress,
    check_label,
    unfinished,
)
from finevla_core.recording.label_contradiction import contradiction
from finevla_interfaces import msg
from finevla_interfaces.action import RecordEpisode
from finevla_interfaces.srv import StartEpisode, StopEpisode
from finevla_recorder import provenance
from finevla_recorder.topic_capture import TopicCapture
from finevla_ros import qos
from finevla_ros.bounded_action_server import BoundedActionServer
from finevla_ros.bounded_services import serve
from finevla_ros.bounded_subscriptions import subscribe
from finevla_ros.executor import GoalsAsideExecutor
from finevla_ros.messages import to_ns
from finevla_ros.node_main import run_node
from finevla_ros.params import declare, param
from finevla_ros.share_paths import robot_file, safety_file

REPORT_S = 0.5
MAX_BUNDLE = 255  # characters: a file's name has no more
# Heard from an episode's start on: `ros2 topic pub --once` comes, speaks and goes before anybody could look for it.
SPOKEN = {
    "instruction": "finevla_interfaces/msg/Instruction",
    "instruction/text": "std_msgs/msg/String",
    "safety/stop": "std_msgs/msg/Empty",
}
# Beside cameras, states and commands. What nobody publishes costs nothing.
TOPICS = (
    *SPOKEN,
    *("active_instruction", "action_chunk", "policy/status"),
    *("safety/status", "safety/events", "safety/pending_plan"),
    *("robot_description", "/tf", "/tf_static", "/diagnostics"),
)


@dataclass(frozen=True)
class RecorderParameters:
    """ROS parameters of `recorder`: topics, folder of the episodes, and limits of disk and memory in MB."""

    robot: str = param("cobotmagic", "robot file: a name in config/robots or a path")
    limits: str = param(
        "cobotmagic", "safety file whose hash goes with the episodes: a name in config/safety or a path"
    )
    folder: str = param("~/finevla/episodes", "where episodes go, a folder each")
    transport: str = param("raw", "images to record: raw, compressed or both")
    topics: str = param("", "more topics to record, beside those of the stack, with blanks between them")
    min_free_mb: int = param(1024, "the disk is not filled further than this", 0, 1_000_000_000)
    max_episode_mb: int = param(0, "an episode that has grown so large is stopped; 0 = never", 0, 1_000_000_000)
    queue_mb: int = param(256, "memory for what waits for the disk", 1, 100_000)


@dataclass
class _Session:
    """The episode that is being recorded."""

    episode: RecordedEpisode
    ears: TopicCapture
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def problem(self) -> str:
        """Why it should be stopped, or nothing."""
        return self.ears.problem or self.episode.problem


@dataclass
class _Last:
    """The last episode, or nothing yet."""

    name: str = ""
    sentence: str = ""
    progress: RecordingProgress = field(default_factory=RecordingProgress)


class Recorder(Node):
    """Starts and stops episodes; hearing is the business of `TopicCapture`, writing that of `finevla_core.recording`."""

    def __init__(self) -> None:
        super().__init__("recorder")
        p = self.parameters = declare(self, RecorderParameters)
        if p.transport not in ("raw", "compressed", "both"):
            raise FineVLAError(f"parameter 'transport' is '{p.transport}'; it must be raw, compressed or both")
        self.files = robot_file(p.robot), safety_file(p.limits)
        self.embodiment = load_embodiment(self.files[0])
        self.folder = Path(p.folder).expanduser().absolute()
        self.limits = DiskLimits(p.min_free_mb << 20, p.max_episode_mb << 20, p.queue_mb << 20)
        self.needed, others = topics(self.embodiment, p.transport)
        self.wanted = [self.resolve_topic_name(t) for t in (*self.needed, *others, *p.topics.split())]
        self.needed = [self.resolve_topic_name(t) for t in self.needed]
        self.known = {self.resolve_topic_name(t): kind for t, kind in SPOKEN.items()}
        self.definitions = Definitions()
        self.bundle, self.instruction = "", msg.Instruction()
        self.lock = threading.RLock()  # of the session: goals run on threads of their own
        self.session: _Session | None = None
        self.last = _Last()
        self.left_over = unfinished(self.folder)
        provenance.software()  # asks git, once, before an operator waits for it
        self.written = (0.0, 0)
        self.status = self.create_publisher(msg.RecorderStatus, "recorder/status", qos.LATCHED)
        self.diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", qos.ALL)
        subscribe(self, msg.PolicyStatus, "policy/status", self._on_policy, qos.LATCHED)
        subscribe(self, msg.Instruction, "active_instruction", self._on_instruction, qos.LATCHED)
        serve(self, StartEpisode, "recorder/start", self._on_start)
        serve(self, StopEpisode, "recorder/stop", self._on_stop)
        self.action = BoundedActionServer(
            self,
            RecordEpisode,
            "record_episode",
            self._on_goal,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )
        self.create_timer(REPORT_S, self._on_time, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def start(self, labels: Labels) -> tuple[_Session, str]:
        """Begin an episode; returns it and a sentence, raises `FineVLAError` with the reason if there is none."""
        with self.lock:
            if self.session is not None:
                raise FineVLAError(f"episode '{self.session.episode.name}' is being recorded; stop it first")
            facts = provenance.facts(self.bundle, self.embodiment.name, *self.files)
            now_ns, is_simulated = time.time_ns(), bool(self.get_parameter("use_sim_time").value)
            episode = RecordedEpisode(
                self.folder, labels, facts | {"clock": _CLOCKS[is_simulated]}, self.limits, now_ns
            )
            clock = (lambda: int(self.get_clock().now().nanoseconds)) if is_simulated else None
            ears = TopicCapture(self, episode, self.wanted, self.known, self.definitions, clock)
            self.session = _Session(episode, ears)
            self._tell_instruction()
            silent = self._silent()
            said = f"recording '{episode.name}', {counted(len(ears.topics), 'topic')}" + (
                f"; nobody publishes {', '.join(silent)} yet" if silent else ""
            )
            if odd := contradiction(labels.task, self.instruction.raw, self.instruction.fine):
                said += f"; {odd}"
            self.get_logger().info(said)
            self._report()
            return self.session, said

    def stop(self, outcome: str, ended_by: str) -> str:
        """End the episode; returns a sentence, raises `FineVLAError` if there is none or it cannot be finished."""
        with self.lock:
            session = self.session
            if session is None:
                raise FineVLAError("no episode is being recorded; start one first")
            check_label("outcome", outcome)
            silent = self._silent()
            session.ears.stop()
            self.session = None
            self.last = _Last(session.episode.name, ended_by, session.episode.progress())
            try:
                facts = {
                    "policy": provenance.policy(self.bundle),
                    "not_recorded": list(session.ears.complaints.values()),
                }
                folder = session.episode.stop(outcome, ended_by, silent, facts)
            except FineVLAError as error:
                self.last.sentence = str(error)
                raise
            finally:
                self.last.progress = session.episode.progress()
                self.left_over = unfinished(self.folder)
                session.over.set()
            done = self.last.progress
            said = f"'{folder}': {counted(done.messages, 'message')}, {done.bytes >> 20} MB" + _losses(done)
            self.last.sentence = "" if ended_by == _ASKED else f"{ended_by}; {said}"
            self.get_logger().info(said)
            self._report()
            return said

    def destroy_node(self) -> None:
        """Finish what is being recorded first."""
        if self.session is not None:
            try:
                self.stop("", "the recorder was told to end")
            except FineVLAError as error:
                self.get_logger().error(str(error))
        super().destroy_node()

    def _on_start(self, request: StartEpisode.Request, response: StartEpisode.Response) -> StartEpisode.Response:
        try:
            session, response.message = self.start(Labels(request.task, request.operator_name, request.scene))
            response.episode, response.success = session.episode.name, True
        except FineVLAError as error:
            response.message = str(error)
        return response

    def _on_stop(self, request: StopEpisode.Request, response: StopEpisode.Response) -> StopEpisode.Response:
        try:
            response.message, response.success = self.stop(request.outcome, _ASKED), True
            response.episode = self.last.name
        except FineVLAError as error:
            response.message = str(error)
        return response

    def _on_goal(self, goal: Any) -> RecordEpisode.Result:
        wanted, result = goal.request, RecordEpisode.Result()
        try:
            if not 0.0 <= wanted.seconds < 1e6:
                raise FineVLAError(f"{wanted.seconds} s cannot be recorded; say a time, or 0 for until it is cancelled")
            check_label("outcome", wanted.outcome)
            session, _ = self.start(Labels(wanted.task, wanted.operator_name, wanted.scene))
            result.episode, result.success = session.episode.name, True
            result.message = self._until_over(goal, session)
        except FineVLAError as error:
            result.message = str(error)
        if not result.success:
            goal.abort()
            return result
        done = session.episode.progress()
        result.messages, result.dropped = done.messages, done.dropped + done.lost
        if goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.succeed()
        return result

    def _until_over(self, goal: Any, session: _Session) -> str:
        seconds = goal.request.seconds or float("inf")
        while not session.over.wait(min(0.2, max(0.0, seconds - session.episode.elapsed_s))):
            done, elapsed_s = session.episode.progress(), session.episode.elapsed_s
            goal.publish_feedback(
                RecordEpisode.Feedback(
                    episode=session.episode.name,
                    elapsed_s=elapsed_s,
                    messages=done.messages,
                    dropped=done.dropped + done.lost,
                )
            )
            if elapsed_s >= seconds or goal.is_cancel_requested:
                with self.lock:
                    if self.session is session:
                        return self.stop(goal.request.outcome, _ASKED)
        return self.last.sentence or f"episode '{session.episode.name}' was stopped by recorder/stop"

    def _on_policy(self, message: msg.PolicyStatus) -> None:
        self.bundle = one_line(message.bundle, MAX_BUNDLE) or self.bundle

    def _on_instruction(self, message: msg.Instruction) -> None:
        self.instruction = message
        self._tell_instruction()

    def _tell_instruction(self) -> None:
        said, session = self.instruction, self.session
        if session is not None and said.id:
            session.episode.instruction(to_ns(said.stamp), said.id, said.raw, said.fine)

    def _on_time(self) -> None:
        with self.lock:
            session = self.session
            if session is not None and session.problem:
                try:
                    self.stop("", session.problem)
                except FineVLAError as error:
                    self.get_logger().error(str(error))
            elif session is not None:
                session.ears.look()
        self._report()

    def _silent(self) -> list[str]:
        heard = self.session.ears.topics if self.session is not None else []
        return [topic for topic in self.needed if topic not in heard]

    def _report(self) -> None:
        if not self.context.ok():  # told to end: nobody can be told anything any more
            return
        session = self.session
        done = session.episode.progress() if session is not None else self.last.progress
        silent = self._silent() if session is not None else []
        now_s = time.monotonic()
        (then_s, then), self.written = self.written, (now_s, done.bytes)
        labels = session.episode.labels if session is not None else Labels()
        problem, worry = self._sentences(session, done, silent)
        message = msg.RecorderStatus(
            state="idle" if session is None else "recording",
            episode=session.episode.name if session is not None else self.last.name,
            folder=str(self.folder),
            task=labels.task,
            operator_name=labels.operator,
            scene=labels.scene,
            elapsed_s=session.episode.elapsed_s if session is not None else 0.0,
            messages=done.messages,
            bytes=done.bytes,
            rate_mb_s=max(0.0, (done.bytes - then) / max(1e-3, now_s - then_s) * 1e-6) if session is not None else 0.0,
            dropped=done.dropped,
            lost=done.lost,
            topics=[name for name, _, _ in done.topics],
            counts=[count for _, count, _ in done.topics],
            drops=[drops for _, _, drops in done.topics],
            silent=silent,
            free_bytes=max(0, done.free),
            text=problem or worry,
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self.status.publish(message)
        self._diagnose(message, problem)

    def _sentences(self, session: _Session | None, done: RecordingProgress, silent: list[str]) -> tuple[str, str]:
        """What is wrong, and what should be looked at."""
        if session is None:
            count = counted(len(self.left_over), "episode", "were")
            left = f"{count} not finished: 'finevla bags repair {self.folder}/{{name}}'"
            return self.last.sentence, left.format(name=self.left_over[0]) if self.left_over else ""
        worries = list(session.ears.complaints.values())
        worries += [f"nobody publishes {', '.join(silent)}"] if silent else []
        worries += [_losses(done).removeprefix("; ")] if done.dropped or done.lost else []
        return session.problem, "; ".join(worries)

    def _diagnose(self, told: msg.RecorderStatus, problem: str) -> None:
        level = DiagnosticStatus.ERROR if problem else DiagnosticStatus.WARN if told.text else DiagnosticStatus.OK
        count = counted(told.messages, "message")
        now = f"recording '{told.episode}', {told.elapsed_s:.0f} s, {count}, {told.rate_mb_s:.1f} MB/s"
        values = {"messages": told.messages, "dropped": told.dropped, "lost": told.lost, "free_bytes": told.free_bytes}
        status = DiagnosticStatus(
            name=f"{self.get_fully_qualified_name()}: episodes",
            level=level,
            message="; ".join(filter(None, ("idle" if told.state == "idle" else now, told.text))),
            values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = told.header.stamp
        self.diagnostics.publish(message)


_ASKED = "the operator"
_CLOCKS = ("system", "simulated")


def topics(embodiment: Embodiment, transport: str) -> tuple[list[str], list[str]]:
    """What an episode of this robot needs, and what else is recorded if it is published."""
    needed = []
    for camera in embodiment.cameras:
        needed += [camera.topic] if transport in ("raw", "both") else []
        needed += [f"{camera.topic}/compressed"] if transport in ("compressed", "both") else []
    needed.append(embodiment.state_topic)
    others = [f"{camera.topic.rpartition('/')[0]}/camera_info".removeprefix("/") for camera in embodiment.cameras]
    others += [f"{controller.name}/joint_trajectory" for controller in embodiment.controllers]
    return needed, [*others, *TOPICS]


def _losses(done: RecordingProgress) -> str:
    if not done.dropped and not done.lost:
        return ""
    dropped = counted(done.dropped, "message", "were")
    return f"; {dropped} dropped (the disk is too slow), {done.lost} did not come from the network"


def main() -> int:
    """Run node `recorder` until it is told to stop; return the exit code (0 fine, 2 bad input)."""
    return run_node(Recorder, executor=GoalsAsideExecutor)
