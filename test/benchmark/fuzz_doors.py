"""Spoilt serialized messages through the doors of the nodes, without DDS: read and judged as the nodes do; never a test.

    python test/benchmark/fuzz_doors.py [--messages 100000] [--seconds 60] [--door NAME ...]

What fuzz_messages.py sends to a running stack goes here straight into what reads it, some thousand times a second on one core.
Bars: nothing is raised but what the door refuses, no message takes longer than 0.1 s of processor time, and memory grows by no
more than 20 MB.
"""

import argparse
import random
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np
from guarded_arms import START, Guarded
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage, Image, JointState
from spoilt_messages import Spoiler
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from watched_stack import CLOCK, Setup, Stack

from finevla_core import images
from finevla_core.assembler import Assembler
from finevla_core.embodiment import load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.observation import Observation
from finevla_core.planning.goals import goal_values, pose_matrix
from finevla_core.recording.episode import Labels, check_label
from finevla_core.robot_description import read_joints
from finevla_core.robot_state import RobotState
from finevla_core.safety.envelope import load_envelope
from finevla_core.safety.heartbeat_checks import HeartbeatCheck
from finevla_core.safety.message_seal import Signer, StatusCheck, TrajectoryCheck
from finevla_core.stop_words import stop_word
from finevla_core.urdf import expand
from finevla_interfaces import msg
from finevla_interfaces.action import GoTo
from finevla_interfaces.srv import Authority, SetInstruction, StartEpisode
from finevla_ros.bounded_subscriptions import MOST_BYTES, read
from finevla_ros.heartbeat_messages import heartbeat_to_msg, words_of
from finevla_ros.messages import (
    chunk_from_msg,
    chunk_to_msg,
    header_stamp_ns,
    image_format_from_msg,
    instruction_from_msg,
    observation_from_msg,
    observation_to_msg,
    report_from_msg,
    to_ns,
)
from finevla_ros.share_paths import robot_file, safety_file
from finevla_ros.trajectory_message import judge

KEY, BRIDGE, WATCHDOG = b"k" * 32, "/finevla/safety_bridge", "/finevla/safety_watchdog"
RSS_BAR_MB, SLOW_BAR_S = 20.0, 0.1
Door = tuple[
    type, Any, Callable[[bytes], object]
]  # the kind of its messages, a true one, and what is done with the bytes


def doors() -> dict[str, Door]:
    """By topic or service: as the nodes have them, with a bridge and a watchdog behind."""
    file = robot_file("cobotmagic")
    robot = load_embodiment(file)
    urdf = expand(file.parents[2] / robot.urdf)
    guarded = Guarded(robot, load_envelope(robot, urdf, safety_file("cobotmagic")), urdf)
    bridge, stack = guarded.bridge(), Stack(Setup.of(file))
    watchdog, assembler = stack.watchdog, Assembler(robot)
    state = RobotState(read_joints(urdf), 20.0)
    heartbeats = HeartbeatCheck(KEY, WATCHDOG, 0.5, time.monotonic_ns)
    statuses, trajectories = StatusCheck(KEY, BRIDGE), TrajectoryCheck(KEY, Signer(KEY, BRIDGE), (BRIDGE, WATCHDOG))
    controller, home = robot.controllers[0], robot.to_positions(guarded.home).tolist()

    def on_state(m: Any) -> None:
        stamp_ns = to_ns(m.header.stamp)
        bridge.on_joint_state(stamp_ns, m.name, m.position, START)
        watchdog.on_joint_publication(m.name, 1)
        watchdog.on_joint_state(stamp_ns, m.name, m.position, m.velocity, stack.now_ns)
        assembler.add_state(stamp_ns, m.name, m.position)
        state.on_joint_state(stamp_ns, m.name, m.position, time.monotonic_ns())

    def on_trajectory(data: bytes) -> None:
        heard, sender = judge(trajectories, controller.name, data, CLOCK)
        told = ((), 0, [], [], []) if heard is None else (heard.joints, heard.stamp_ns, heard.times_ns)
        told += () if heard is None else (heard.positions, heard.velocities)
        watchdog.on_stranger(controller.name, sender.why, *told, stack.now_ns, CLOCK)
        watchdog.take()

    def on_observation(m: Any) -> None:
        seen = observation_from_msg(m)
        watchdog.on_observation(dict.fromkeys(seen.cameras, 1), seen.state, stack.now_ns)

    def on_words(m: Any) -> None:
        stop_word(m.raw), stop_word(m.fine)
        bridge.on_instruction(m.id, START)
        instruction_from_msg(m).prompt()

    def on_image(kind: type) -> Callable[[bytes], None]:
        def on_bytes(data: bytes) -> None:
            header_stamp_ns(data)
            m = read(data, kind)
            raw = images.CompressedImage(m.data, m.format) if kind is CompressedImage else None
            given = raw or images.RawImage(m.encoding, m.height, m.width, m.step, m.data, bool(m.is_bigendian))
            images.to_policy_image(given, robot.images)

        return on_bytes

    def on_goal(m: Any) -> None:
        p, q = m.pose.pose.position, m.pose.pose.orientation
        goal_values(robot, guarded.home, m.pose_name, list(m.names), list(m.values))
        pose_matrix((p.x, p.y, p.z), (q.x, q.y, q.z, q.w))

    def on_authority(m: Any) -> None:
        (bridge.release_authority if m.release else bridge.take_authority)(m.client, START)

    def after(kind: type, act: Callable[[Any], object]) -> Callable[[bytes], object]:
        return lambda data: act(read(data, kind))

    point = JointTrajectoryPoint(positions=home[: len(controller.joints)], velocities=[0.0] * len(controller.joints))
    point.time_from_start.sec = 1
    pictures, stamps_ns = np.zeros((len(robot.cameras), 2, 2, 3), np.uint8), (CLOCK,) * len(robot.cameras)
    seen = Observation(CLOCK, robot.camera_names, pictures, stamps_ns, guarded.home.astype(np.float32), CLOCK)
    made: dict[str, tuple[type, Any, Callable[[Any], object]]] = {
        "action_chunk": (
            msg.ActionChunk,
            chunk_to_msg(guarded.chunk(), "base_footprint"),
            lambda m: bridge.on_chunk(chunk_from_msg(m), START),
        ),
        "instruction": (msg.Instruction, msg.Instruction(raw="reach the red cube", id="a"), on_words),
        "instruction/text": (String, String(data="stop"), lambda m: stop_word(m.data)),
        "safety/watchdog": (
            msg.Heartbeat,
            heartbeat_to_msg(Signer(KEY, WATCHDOG), "", 1, CLOCK),
            lambda m: heartbeats.judge(words_of(m)),
        ),
        "safety/status": (
            msg.SafetyStatus,
            msg.SafetyStatus(state=1, reason="holding", client="/policy"),
            lambda m: (
                report_from_msg(m).refusal("/policy"),
                statuses.why_not(m.header.frame_id, to_ns(m.header.stamp), m.state, m.epoch, m.challenge, CLOCK),
            ),
        ),
        "policy/status": (
            msg.PolicyStatus,
            msg.PolicyStatus(state="idle"),
            lambda m: watchdog.on_policy(m.observations_taken, stack.now_ns),
        ),
        "joint_states": (JointState, JointState(name=list(robot.joints), position=home), on_state),
        "observation": (
            msg.Observation,
            observation_to_msg(seen, robot.name, robot.base_frame, robot.names),
            on_observation,
        ),
        "observation/image_format": (
            msg.ImageFormat,
            msg.ImageFormat(height=224, width=224, fit="crop", filter="area"),
            image_format_from_msg,
        ),
        "safety/authority": (Authority.Request, Authority.Request(client="/policy"), on_authority),
        "set_instruction": (
            SetInstruction.Request,
            SetInstruction.Request(instruction=msg.Instruction(raw="reach the red cube")),
            lambda m: on_words(m.instruction),
        ),
        "go_to": (GoTo.Goal, GoTo.Goal(names=[robot.names[0]], values=[0.1]), on_goal),
        "recorder/start": (
            StartEpisode.Request,
            StartEpisode.Request(task="reach"),
            lambda m: (Labels(m.task, m.operator_name, m.scene), check_label("outcome", m.scene)),
        ),
    }
    found: dict[str, Door] = {name: (kind, true, after(kind, act)) for name, (kind, true, act) in made.items()}
    message = JointTrajectory(joint_names=list(controller.joints), points=[point])
    found["joint_trajectory"] = JointTrajectory, message, on_trajectory
    found["image_raw"] = Image, Image(height=2, width=2, step=6, encoding="rgb8", data=bytes(12)), on_image(Image)
    found["image_raw/compressed"] = CompressedImage, CompressedImage(format="jpeg"), on_image(CompressedImage)
    for one in (bridge, watchdog):
        one.take()
    return {name: _taking(door, bridge, watchdog) for name, door in found.items()}


def _taking(door: Door, *behind: Any) -> Door:
    """What bridge and watchdog say of it is taken each time, as the nodes do."""
    kind, true, act = door

    def on_bytes(data: bytes) -> None:
        try:
            act(data)
        finally:
            for one in behind:
                one.take()

    return kind, true, on_bytes


def rss_mb() -> float:
    """Return the resident memory of this process in MB, without what it shares with others."""
    pages = Path("/proc/self/statm").read_text().split()
    return (int(pages[1]) - int(pages[2])) * 4096 / 1e6


def fuzz(name: str, door: Door, messages: int, seconds: float, seed: int) -> bool:
    """Send so many, for so long at most, and tell; whether the bars were met."""
    kind, true, act = door
    spoiler = Spoiler(kind, [serialize_message(true)], random.Random(f"{seed} {name}"))
    bound, until_s = MOST_BYTES.get(kind, 64 * 1024), time.monotonic() + seconds
    refused = sent = 0
    slowest_s, raised, before_mb = 0.0, dict[str, str](), rss_mb()
    while sent < messages and time.monotonic() < until_s:
        if sent == min(2000, messages // 10):  # warm
            before_mb = rss_mb()
        data = spoiler.next()
        sent += 1
        if len(data) > bound:
            refused += 1
            continue
        began_s = time.thread_time()
        try:
            act(data)
        except FineVLAError:
            refused += 1
        except Exception as error:
            raised.setdefault(f"{type(error).__name__}: {str(error)[:100]}", traceback.format_exc())
        slowest_s = max(slowest_s, time.thread_time() - began_s)
    grown_mb = rss_mb() - before_mb
    is_met = not raised and grown_mb <= RSS_BAR_MB and slowest_s <= SLOW_BAR_S
    verdict = "met" if is_met else "; ".join(raised) or "missed"
    share = refused / sent
    print(f"{name:26s} {sent:7d} {share:6.0%} {slowest_s * 1e3:7.1f} {grown_mb:6.1f}  {verdict}", flush=True)
    for text in raised.values():
        print(text, flush=True)
    return is_met


def main() -> int:
    """Entry point; exit code 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=600.0, help="for each at most")
    parser.add_argument("--door", nargs="*", default=[], help="of these alone")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(f"{'door':26s} {'sent':>7s} {'no':>6s} {'ms':>7s} {'MB':>6s}  bars", flush=True)
    found = {name: door for name, door in doors().items() if not arguments.door or name in arguments.door}
    met = [fuzz(name, door, arguments.messages, arguments.seconds, arguments.seed) for name, door in found.items()]
    return int(not all(met))


if __name__ == "__main__":
    sys.exit(main())
