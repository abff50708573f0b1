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
from finevla_core.time_units import NS_PER_S
from finevla_interfaces import msg
from finevla_ros import qos
from finevla_ros.messages import to_ns, to_stamp
from finevla_tools.faults.fault_injection import Fault
from finevla_tools.faults.foreign_publisher import copy, says
from finevla_tools.faults.message_relay import BEFORE

if TYPE_CHECKING:
    from finevla_tools.faults.fault_injection import Injector

STATES_HZ = 200.0  # faster than any driver of ours
FORGED_TOLD_S = 10.5


def now(i: "Injector", ahead_s: float = 0.0) -> Any:
    """Return a stamp `ahead_s` after the time of the nodes' clock."""
    return to_stamp(i.client.node.get_clock().now().nanoseconds + round(ahead_s * NS_PER_S))


def second_states(
    change: Callable[["Injector", Any, int], None], ahead_s: float = 0.0, rate_hz: float = STATES_HZ
) -> Fault:
    """Publish joint states beside the robot's driver: the true ones, changed by `change(injector, message, n)`."""

    def make(i: "Injector", number: int) -> Any:
        message = copy(i.client.newest[f"{BEFORE}/{i.robot.state_topic}"])
        message.header.stamp = now(i, ahead_s)
        change(i, message, number)
        return message

    return says(JointState, lambda i: i.robot.state_topic, make, rate_hz, qos.SENSOR)


def off(rad: float) -> Callable[["Injector", Any, int], None]:
    """Make a change that adds `rad` to the first joint's position."""

    def change(i: "Injector", message: Any, number: int) -> None:
        message.position[0] += rad

    return change


def drifting(rad_s: float) -> Callable[["Injector", Any, int], None]:
    """Make a change that moves the first joint's position away at `rad_s`."""

    def change(i: "Injector", message: Any, number: int) -> None:
        message.position[0] += rad_s * number / STATES_HZ

    return change


def as_planned(rad: float) -> Callable[["Injector", Any, int], None]:
    """Make a change that sets all joints to the bridge's plan, the first one `rad` off."""

    def change(i: "Injector", message: Any, number: int) -> None:
        planned = np.array(i.client.newest["safety/status"].planned)
        if len(planned):
            positions = np.asarray(i.robot.to_positions(planned))
            positions[0] += rad
            message.position = positions.tolist()

    return change


def at_rest(i: "Injector", message: Any, number: int) -> None:
    """Set the positions to those seen first, and all velocities to 0."""
    first = i.held.setdefault("at_rest", list(message.position))
    message.position, message.velocity = first, [0.0] * len(message.velocity)


def no_number(i: "Injector", message: Any, number: int) -> None:
    """Set the first joint's position to NaN."""
    message.position[0] = math.nan


def one_joint(i: "Injector", message: Any, number: int) -> None:
    """Keep only the first joint, 0.5 rad off, without velocity and effort."""
    message.name, message.position = message.name[:1], [message.position[0] + 0.5]
    message.velocity = message.effort = []


def as_it_is(i: "Injector", message: Any, number: int) -> None:
    """Leave the true joint states unchanged."""


def slipped(rad: float) -> Fault:
    """Shift the first joint's true position readings by `rad`, as a slipped encoder does."""
    from finevla_tools.faults.fault_injection import states_off

    return states_off(0, rad)


# Heartbeats of the watchdog: what anybody can make of those that it sent.
def _beat(i: "Injector") -> Any:
    return copy(i.client.newest["safety/watchdog"])


def unsealed(i: "Injector", number: int) -> Any:
    """Make a heartbeat in the watchdog's name without a seal, stamped 1970."""
    return msg.Heartbeat(node=f"/{i.client.namespace}/safety_watchdog", is_well=True, sequence=number + 10**6)


def copied(i: "Injector", number: int) -> Any:
    """Repeat the watchdog's last heartbeat unchanged."""
    return i.held.setdefault("beat", _beat(i))


def counted_on(i: "Injector", number: int) -> Any:
    """Repeat the watchdog's last heartbeat with the next sequence number and a new stamp; the seal no longer fits."""
    beat = i.held.setdefault("beat", _beat(i))
    beat.sequence, beat.header.stamp = beat.sequence + 1, now(i)
    return beat


def rechallenged(i: "Injector", number: int) -> Any:
    """Repeat the watchdog's last heartbeat with the bridge's newest challenge, the next number and a new stamp."""
    beat = counted_on(i, number)
    beat.challenge = i.client.newest["safety/status"].challenge
    return beat


def of_another_key(i: "Injector", number: int) -> Any:
    """Make a heartbeat with correct number and challenge, sealed with another key."""
    from finevla_core.safety.message_seal import Signer

    signer = i.held.setdefault("signer", Signer(b"x" * 32, f"/{i.client.namespace}/safety_watchdog"))
    beat = rechallenged(i, number)
    beat.sequence, beat.seal = signer.heartbeat(to_ns(beat.header.stamp), True, "", beat.challenge)
    return beat


def unwell(i: "Injector", number: int) -> Any:
    """Make an unsealed heartbeat that reports a failure."""
    return msg.Heartbeat(node=f"/{i.client.namespace}/safety_watchdog", text="the arms burn", sequence=number + 10**6)


def beats(make: Callable[["Injector", int], Any], rate_hz: float = 20.0, name: str = "safety_watchdog") -> Fault:
    """Publish forged heartbeats in the watchdog's name, `make(injector, n)` being the n-th."""
    return says(msg.Heartbeat, "safety/watchdog", make, rate_hz, qos.NEWEST, name)


def remembering(i: "Injector") -> Any:
    """Prepare a drill: clear `held`, which the drill before may have filled."""

    @contextlib.contextmanager
    def fresh() -> Iterator[None]:
        i.held.clear()
        yield
        i.held.clear()

    return fresh()


def after_silence(i: "Injector") -> Any:
    """Prepare a drill: wait until the bridge reports forged heartbeats again (it does so once in 10 s)."""

    @contextlib.contextmanager
    def silence() -> Iterator[None]:
        i.held.clear()
        i.client.wait(lambda: False, FORGED_TOLD_S)
        yield
        i.held.clear()

    return silence()


# Statuses.
def policy_since(seconds: float, **fields: Any) -> Callable[["Injector", int], Any]:
    """Make heartbeats of a policy that became active `seconds` earlier than ours; `fields` are set as given."""

    def make(i: "Injector", number: int) -> Any:
        status = copy(i.client.newest["policy/status"])
        status.header.stamp = now(i)
        status.active_since = to_stamp(max(0, to_ns(status.active_since) - round(seconds * NS_PER_S)))
        for name, value in fields.items():
            setattr(status, name, value)
        return status

    return make


def policy_alive(i: "Injector", number: int) -> Any:
    """Repeat the policy's last heartbeat with a new stamp: it seems alive but takes no observation."""
    status = i.held.setdefault("policy", copy(i.client.newest["policy/status"]))
    status.header.stamp = now(i)
    return status


def statuses(make: Callable[["Injector", int], Any], rate_hz: float = 10.0, profile: QoSProfile = qos.LATCHED) -> Fault:
    """Publish forged messages on policy/status, `make(injector, n)` being the n-th."""
    return says(msg.PolicyStatus, "policy/status", make, rate_hz, profile)


def bridge_says(state: int, epoch: int = 0, rate_hz: float = 25.0) -> Fault:
    """Publish safety/status in the bridge's name with this state, the epoch changed by `epoch`."""

    def make(i: "Injector", number: int) -> Any:
        status = copy(i.client.newest["safety/status"])
        status.state, status.epoch, status.header.stamp = state, status.epoch + epoch, now(i)
        status.reason = "all is well"
        return status

    return says(msg.SafetyStatus, "safety/status", make, rate_hz, qos.LATCHED, "safety_bridge")


def announces(instruction_id: str, rate_hz: float = 0.0, latched_before: bool = False) -> Fault:
    """Announce an active instruction on active_instruction; `latched_before`: as a late joiner would receive it."""

    def make(i: "Injector", number: int) -> Any:
        return msg.Instruction(id=instruction_id, raw=i.sentence, stamp=now(i, -60.0 if latched_before else 0.0))

    return says(msg.Instruction, "active_instruction", make, rate_hz, qos.LATCHED, listeners=0 if latched_before else 1)


def announces_again(i: "Injector", number: int) -> Any:
    """Announce the instruction that was active last once more."""
    return msg.Instruction(id=i.held.get("id", "") or i.client.newest["active_instruction"].id, raw=i.sentence)


def clock_says(ahead_s: float) -> Fault:
    """Publish /clock that is `ahead_s` ahead of the controllers' clock."""

    def make(i: "Injector", number: int) -> Any:
        return Clock(clock=to_stamp(i.recorder.clock_ns() + round(ahead_s * NS_PER_S)))

    return says(Clock, "/clock", make, 100.0, qos.SENSOR, listeners=0)


def text_says(text: str, rate_hz: float = 0.0) -> Fault:
    """Publish `text` on instruction/text as any client can."""
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
