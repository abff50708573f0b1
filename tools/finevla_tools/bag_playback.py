"""Publishes a recording through DDS, with the qualities of service that were offered when it was recorded.

What could move a robot is left out unless asked for, and nothing is published where a running node publishes already:
two joint states at once are no joint state.
"""

import importlib
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_core.recording.bag_reader import BagReader, offered
from finevla_core.recording.mcap_scan import Channel
from finevla_core.recording.message_order import set_back_sentence
from finevla_core.time_units import NS_PER_S
from finevla_ros.ros_start import start_ros

COMMANDS = (
    *("trajectory_msgs/msg/JointTrajectory", "finevla_interfaces/msg/ActionChunk", "finevla_interfaces/msg/Heartbeat"),
    *("std_msgs/msg/Empty", "geometry_msgs/msg/Twist", "control_msgs/msg/JointJog"),
)
STEERING = ("/instruction", "/instruction/text", "/command", "/cmd")  # ends of names


def play(bag: Path, rate: float, wanted: Sequence[str], prefix: str, has_commands: bool) -> int:
    """Play to the end; Ctrl-C ends it. Raises `FineVLAError` for what cannot be played."""
    if not 0.001 <= rate <= 1000.0:
        raise FineVLAError(f"rate {rate} is not possible; 0.001 to 1000 are")
    return _play(BagReader(bag), rate, wanted, prefix.rstrip("/"), has_commands)


def chosen(channels: Iterable[Channel], wanted: Sequence[str], has_commands: bool) -> tuple[list[Channel], list[str]]:
    """Topics to play, and names of those that are left out because they could move a robot."""
    all_of = list(channels)
    names = {channel.topic for channel in all_of}
    if unknown := [name for name in wanted if name not in names]:
        raise FineVLAError(f"the recording has no topic '{unknown[0]}'; it has {', '.join(sorted(names))}")
    picked = [c for c in all_of if c.topic in wanted or not wanted]
    moving = {c.topic for c in picked if _kind(c) in COMMANDS or c.topic.endswith(STEERING)}
    left_out = set() if has_commands else moving
    return [c for c in picked if c.topic not in left_out], sorted(left_out)


def _play(reader: BagReader, rate: float, wanted: Sequence[str], prefix: str, has_commands: bool) -> int:
    channels, left_out = chosen(reader.channels(), wanted, has_commands)
    if left_out:
        print(f"left out, for they could move a robot: {', '.join(left_out)}; --commands plays them too", flush=True)
    if foreign := sorted({f"{c.topic} ({c.encoding or 'unknown'})" for c in channels if c.encoding != "cdr"}):
        print(f"left out, for they are no ROS messages: {', '.join(foreign)}", flush=True)
    channels = [c for c in channels if c.encoding == "cdr"]
    if not channels:
        raise FineVLAError("nothing is left to play")
    import rclpy

    from finevla_ros.transport import use_stack_transport

    use_stack_transport()
    context = rclpy.Context()
    start_ros(context=context)
    node = rclpy.create_node("bag_player", context=context, enable_rosout=False)
    try:
        names = {c.topic: f"{prefix}{c.topic}" for c in channels}
        _refuse_live(node, set(names.values()))
        made: dict[tuple[str, str], Any] = {}
        for c in channels:
            if (key := (c.topic, _kind(c))) not in made:
                alike = [other for other in channels if (other.topic, _kind(other)) == key]
                made[key] = node.create_publisher(_message_class(key[1]), names[c.topic], _profile(alike))
        count, seconds = _publish(reader, made, rate)
        print(f"{counted(count, 'message')} of {counted(len(made), 'topic')} in {seconds:.1f} s", flush=True)
        for problem in (
            *reader.problems,
            *(f"{n} of {counted(m, 'message')} of {t}" for t, (n, m) in reader.lost().items()),
        ):
            print(f"not all was there to be played: {problem}", flush=True)
        if reader.set_back_s:
            print(f"not played as it happened: {set_back_sentence(reader.set_back_s)}", flush=True)
        for publisher in made.values():
            publisher.wait_for_all_acked(rclpy.duration.Duration(seconds=1.0))
    finally:
        node.destroy_node()
        rclpy.try_shutdown(context=context)
    return 0


def _publish(reader: BagReader, publishers: Mapping[tuple[str, str], Any], rate: float) -> tuple[int, float]:
    from finevla_tools.live_nodes import DISCOVERY_S

    # Who listens already shall hear the first message, too: discovery takes about a second.
    until_s = time.monotonic() + DISCOVERY_S
    while time.monotonic() < until_s and not all(p.get_subscription_count() for p in publishers.values()):
        time.sleep(0.02)
    start_s, first_ns, count = time.monotonic(), -1, 0
    for message in reader.messages(lambda c: c.encoding == "cdr" and (c.topic, _kind(c)) in publishers):
        first_ns = message.log_ns if first_ns < 0 else first_ns
        left_s = start_s + (message.log_ns - first_ns) / NS_PER_S / rate - time.monotonic()
        if left_s > 0:
            time.sleep(left_s)
        publishers[message.channel.topic, _kind(message.channel)].publish(bytes(message.data))
        count += 1
    return count, time.monotonic() - start_s


def _refuse_live(node: Any, names: set[str]) -> None:
    from finevla_ros.topic_publishers import publishers_of
    from finevla_tools.live_nodes import DISCOVERY_S

    until_s = time.monotonic() + DISCOVERY_S
    while time.monotonic() < until_s:
        time.sleep(0.1)
        live = {name: who for name in sorted(names) if (who := publishers_of(node, name))}
        is_known = any(all(who) for who in live.values())
        for name, who in live.items():
            if is_known or time.monotonic() >= until_s:  # DDS knows of a publisher before it knows whose it is
                raise FineVLAError(
                    f"'{name}' is published by '{who[0] or 'another node'}' already; stop that first, choose other "
                    "--topics, or play beside it with --prefix /replay"
                )


def _profile(channels: Iterable[Channel]) -> Any:
    """Reliable or latched only if every publisher was, so that what listened then listens now."""
    from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

    offers = [offer for channel in channels for offer in offered(channel)]
    best_effort = any(offer.reliability == "best_effort" for offer in offers)
    latched = bool(offers) and all(offer.durability == "transient_local" for offer in offers)
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=1 if latched else 100,
        reliability=ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def _kind(channel: Channel) -> str:
    return channel.schema.name if channel.schema else ""


def _message_class(kind: str) -> Any:
    package, _, name = kind.replace("/msg/", "/").partition("/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name)
    except (ImportError, AttributeError) as error:
        raise FineVLAError(
            f"message type '{kind}' is not built here; source the workspace that has it, or choose --topics"
        ) from error
