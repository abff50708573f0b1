"""Strangers who say what only somebody of the stack should: joint states, heartbeats, statuses, instructions, the clock."""

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from finevla_core.errors import FineVLAError
from finevla_interfaces import msg
from finevla_ros import qos
from finevla_ros.convert import to_ns, to_stamp
from finevla_tools.faults.inject import Fault
from finevla_tools.faults.relay import BEFORE
from finevla_tools.faults.stranger import copy, says

if TYPE_CHECKING:
    from finevla_tools.faults.inject import Injector

STATES_HZ = 200.0  # faster than any driver of ours
NS = 1_000_000_000
FORGED_TOLD_S = 10.5


def now(i: "Injector", ahead_s: float = 0.0) -> Any:
    """A stamp of the nodes' clock."""
    return to_stamp(i.client.node.get_clock().now().nanoseconds + round(ahead_s * NS))


def second_states(
    change: Callable[["Injector", Any, int], None], ahead_s: float = 0.0, rate_hz: float = STATES_HZ
) -> Fault:
    """A second publisher of joint states, which says the true ones as `change` has them."""

    def make(i: "Injector", number: int) -> Any:
        message = copy(i.client.newest[f"{BEFORE}/{i.robot.state_topic}"])
        message.header.stamp = now(i, ahead_s)
        change(i, message, number)
        return message

    return says(JointState, lambda i: i.robot.state_topic, make, rate_hz, qos.SENSOR)


def off(rad: float) -> Callable[["Injector", Any, int], None]:
    """The first joint is that much elsewhere."""

    def change(i: "Injector", message: Any, number: int) -> None:
        message.position[0] += rad

    return change


def drifting(rad_s: float) -> Callable[["Injector", Any, int], None]:
    """The first joint creeps away."""

    def change(i: "Injector", message: Any, number: int) -> None:
        message.position[0] += rad_s * number / STATES_HZ

    return change


def as_planned(rad: float) -> Callable[["Injector", Any, int], None]:
    """All joints where the bridge wants them to be, the first one `rad` off."""

    def change(i: "Injector", message: Any, number: int) -> None:
        planned = np.array(i.client.newest["safety/status"].planned)
        if len(planned):
            positions = np.asarray(i.robot.to_positions(planned))
            positions[0] += rad
            message.position = positions.tolist()

    return change


def at_rest(i: "Injector", message: Any, number: int) -> None:
    """Where the arms were at first, and no speed."""
    first = i.held.setdefault("at_rest", list(message.position))
    message.position, message.velocity = first, [0.0] * len(message.velocity)


def no_number(i: "Injector", message: Any, number: int) -> None:
    """The first joint is not a number."""
    message.position[0] = math.nan


def one_joint(i: "Injector", message: Any, number: int) -> None:
    """Only the first joint, half a rad elsewhere."""
    message.name, message.position = message.name[:1], [message.position[0] + 0.5]
    message.velocity = message.effort = []


def as_it_is(i: "Injector", message: Any, number: int) -> None:
    """The truth."""


def slipped(rad: float) -> Fault:
    """No second publisher: the encoder of the first joint slips."""
    from finevla_tools.faults.inject import states_off

    return states_off(0, rad)


# Heartbeats of the watchdog: what anybody can make of those that it sent.
def _beat(i: "Injector") -> Any:
    return copy(i.client.newest["safety/watchdog"])


def unsealed(i: "Injector", number: int) -> Any:
    """In its name, stamped 1970."""
    return msg.Heartbeat(node=f"/{i.client.namespace}/safety_watchdog", is_well=True, sequence=number + 10**6)


def copied(i: "Injector", number: int) -> Any:
    """The last one again and again."""
    return i.held.setdefault("beat", _beat(i))


def counted_on(i: "Injector", number: int) -> Any:
    """The last one, counted on and stamped anew."""
    beat = i.held.setdefault("beat", _beat(i))
    beat.sequence, beat.header.stamp = beat.sequence + 1, now(i)
    return beat


def rechallenged(i: "Injector", number: int) -> Any:
    """The last one with the newest challenge, counted on."""
    beat = counted_on(i, number)
    beat.challenge = i.client.newest["safety/status"].challenge
    return beat


def of_another_key(i: "Injector", number: int) -> Any:
    """Sealed, counted and challenged as it must be, with another key."""
    from finevla_core.safety.seal import Signer

    signer = i.held.setdefault("signer", Signer(b"x" * 32, f"/{i.client.namespace}/safety_watchdog"))
    beat = rechallenged(i, number)
    beat.sequence, beat.seal = signer.heartbeat(to_ns(beat.header.stamp), True, "", beat.challenge)
    return beat


def unwell(i: "Injector", number: int) -> Any:
    """Not sealed, and it says that something is wrong."""
    return msg.Heartbeat(node=f"/{i.client.namespace}/safety_watchdog", text="the arms burn", sequence=number + 10**6)


def beats(make: Callable[["Injector", int], Any], rate_hz: float = 20.0, name: str = "safety_watchdog") -> Fault:
    """Heartbeats of a stranger under the watchdog's name."""
    return says(msg.Heartbeat, "safety/watchdog", make, rate_hz, qos.NEWEST, name)


def remembering(i: "Injector") -> Any:
    """A preparation: nothing is held from the drill before."""

    @contextlib.contextmanager
    def fresh() -> Iterator[None]:
        i.held.clear()
        yield
        i.held.clear()

    return fresh()


def after_silence(i: "Injector") -> Any:
    """A preparation: forged heartbeats are told once in 10 s, and of the drill before too."""

    @contextlib.contextmanager
    def silence() -> Iterator[None]:
        i.held.clear()
        i.client.wait(lambda: False, FORGED_TOLD_S)
        yield
        i.held.clear()

    return silence()


# Statuses.
def policy_since(seconds: float, **fields: Any) -> Callable[["Injector", int], Any]:
    """A policy's heartbeat that has been active for so long."""

    def make(i: "Injector", number: int) -> Any:
        status = copy(i.client.newest["policy/status"])
        status.header.stamp = now(i)
        status.active_since = to_stamp(max(0, to_ns(status.active_since) - round(seconds * NS)))
        for name, value in fields.items():
            setattr(status, name, value)
        return status

    return make


def policy_alive(i: "Injector", number: int) -> Any:
    """The policy's own last heartbeat with a new stamp: it is there, and takes no observation."""
    status = i.held.setdefault("policy", copy(i.client.newest["policy/status"]))
    status.header.stamp = now(i)
    return status


def statuses(make: Callable[["Injector", int], Any], rate_hz: float = 10.0, profile: QoSProfile = qos.LATCHED) -> Fault:
    """On policy/status."""
    return says(msg.PolicyStatus, "policy/status", make, rate_hz, profile)


def bridge_says(state: int, epoch: int = 0, rate_hz: float = 25.0) -> Fault:
    """Somebody in the bridge's name says how it is."""

    def make(i: "Injector", number: int) -> Any:
        status = copy(i.client.newest["safety/status"])
        status.state, status.epoch, status.header.stamp = state, status.epoch + epoch, now(i)
        status.reason = "all is well"
        return status

    return says(msg.SafetyStatus, "safety/status", make, rate_hz, qos.LATCHED, "safety_bridge")


def announces(instruction_id: str, rate_hz: float = 0.0, latched_before: bool = False) -> Fault:
    """Somebody announces an active instruction; `latched_before` anybody hears it, as a late joiner would be told."""

    def make(i: "Injector", number: int) -> Any:
        return msg.Instruction(id=instruction_id, raw=i.sentence, stamp=now(i, -60.0 if latched_before else 0.0))

    return says(msg.Instruction, "active_instruction", make, rate_hz, qos.LATCHED, listeners=0 if latched_before else 1)


def announces_again(i: "Injector", number: int) -> Any:
    """The instruction that was active last, again."""
    return msg.Instruction(id=i.held.get("id", "") or i.client.newest["active_instruction"].id, raw=i.sentence)


def clock_says(ahead_s: float) -> Fault:
    """Somebody publishes the time."""

    def make(i: "Injector", number: int) -> Any:
        return Clock(clock=to_stamp(i.recorder.clock_ns() + round(ahead_s * NS)))

    return says(Clock, "/clock", make, 100.0, qos.SENSOR, listeners=0)


def text_says(text: str, rate_hz: float = 0.0) -> Fault:
    """Somebody says it as plain text."""
    return says(String, "instruction/text", lambda *_: String(data=text), rate_hz)


def told_meanwhile(i: "Injector") -> Any:
    """The operator, who knows of nothing, says new words; nothing may come of them."""

    @contextlib.contextmanager
    def fault() -> Iterator[None]:
        from finevla_core.instruction import Instruction

        i.client.wait(lambda: False, 0.8)
        with contextlib.suppress(FineVLAError):  # to refuse them is right as well
            i.client.say(Instruction(raw=i.sentence))
        yield

    return fault()
