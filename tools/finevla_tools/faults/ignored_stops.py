"""People who say stop, and nodes that take no notice of it: they send on, and announce again what has ended."""

import array
import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np
import rclpy
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import String

from finevla_core.safety.instruction_in_force import is_motion
from finevla_ros import qos
from finevla_tools.faults.message_relay import CHUNKS

if TYPE_CHECKING:
    from finevla_tools.faults.fault_injection import Injector

FOUND_S = 10.0
PERIOD_S = 0.1
WAY_RAD = 0.15  # of every joint, within the horizon


def both(*faults: Callable[["Injector"], AbstractContextManager[None]]) -> Callable[["Injector"], Any]:
    """One fault after the other; they are undone in the opposite order."""

    @contextlib.contextmanager
    def fault(i: "Injector") -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for one in faults:
                stack.enter_context(one(i))
            yield

    return fault


def say(text: str) -> Callable[["Injector"], AbstractContextManager[None]]:
    """The operator says it, on the topic for plain text."""

    @contextlib.contextmanager
    def fault(i: "Injector") -> Iterator[None]:
        i.text.publish(String(data=text))
        yield

    return fault


@contextlib.contextmanager
def goes_on(i: "Injector") -> Iterator[None]:
    """Whoever moved the arms goes on: fresh chunks of the bridge's own epoch, and the old instruction announced again."""
    from finevla_interfaces import msg
    from finevla_interfaces.srv import Authority

    # A node of its own that nobody spins: what is destroyed under a running executor may end its thread.
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    node = rclpy.create_node("finevla_unruly", namespace=i.client.namespace, context=context, enable_rosout=False)
    over = threading.Event()
    i.client.wait(lambda: {CHUNKS, "active_instruction"} <= i.client.newest.keys(), FOUND_S)
    template, instruction = i.client.newest[CHUNKS], i.client.newest["active_instruction"]
    chunks = node.create_publisher(msg.ActionChunk, CHUNKS, qos.NEWEST)
    announcements = node.create_publisher(msg.Instruction, "active_instruction", qos.LATCHED)
    authority = node.create_client(Authority, "safety/authority")

    def send() -> None:
        number = int(template.sequence)
        while not over.wait(PERIOD_S):
            number += 1
            if instruction.id:
                announcements.publish(instruction)
            if is_motion(template.instruction_id) and authority.service_is_ready():
                authority.call_async(Authority.Request(client=template.client))
            chunks.publish(fresh(template, i, number))

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        i.client.wait(lambda: bool(chunks.get_subscription_count()), FOUND_S)
        yield
    finally:
        over.set()
        thread.join()
        node.destroy_node()
        rclpy.try_shutdown(context=context)


def fresh(template: Any, i: "Injector", number: int) -> Any:
    """Make a valid chunk of now in the template's sender's name, from the commanded positions."""
    from finevla_interfaces.msg import ActionChunk

    chunk, status = deserialize_message(serialize_message(template), ActionChunk), i.client.newest["safety/status"]
    phase = np.linspace(0.0, 1.0, chunk.horizon)[:, None]
    arms = np.array([not value.is_gripper for value in i.robot.values])
    planned = np.array(status.planned)
    toward = np.where(planned > 0, -WAY_RAD, WAY_RAD)  # the middle: never beyond a limit
    rows = planned + toward * phase**3 * (10 - 15 * phase + 6 * phase**2) * arms
    chunk.header.stamp = i.client.node.get_clock().now().to_msg()
    chunk.epoch, chunk.sequence = status.epoch, number
    chunk.actions = array.array("d", rows.tobytes())
    return chunk
