"""Words of the safety nodes that are played again: of an earlier run of this stack, and sealed with its own key."""

import os
from typing import TYPE_CHECKING, Any

from finevla_core.safety.message_seal import Signer, key_folder, load_key
from finevla_interfaces import msg
from finevla_ros import qos
from finevla_ros.messages import to_ns
from finevla_ros.trajectory_message import TrajectoryMessage
from finevla_tools.faults.command_intruders import way
from finevla_tools.faults.fault_injection import Fault
from finevla_tools.faults.foreign_publisher import copy, says
from finevla_tools.faults.status_imposters import now

if TYPE_CHECKING:
    from finevla_tools.faults.fault_injection import Injector

AGO_S = 3600.0


def _signer(i: "Injector", node: str) -> Signer:
    """Return what an earlier process of a node sealed with: the key is the stack's, the process another one."""
    context = i.client.node.context
    key = load_key(key_folder(os.environ), int(context.get_domain_id()), f"/{i.client.namespace}")
    made: Signer = i.held.setdefault(f"{node} of an earlier run", Signer(key, f"/{i.client.namespace}/{node}"))
    return made


def brake(i: "Injector", number: int) -> Any:
    """Make a stop that a watchdog of an earlier run sent "from now on", and which leads to where the arms were then."""
    message = way(0.3, 0.5)(i, number)
    content = TrajectoryMessage.of(message).content
    message.header.frame_id = _signer(i, "safety_watchdog").trajectory(i.robot.controllers[0].name, content)
    return message


def statuses(state: int, rate_hz: float = 25.0) -> Fault:
    """Publish safety/status as a bridge of an earlier run did, with this state."""

    def make(i: "Injector", number: int) -> Any:
        status = copy(i.client.newest["safety/status"])
        status.state, status.header.stamp = state, now(i, -AGO_S)
        said = to_ns(status.header.stamp), status.state, status.epoch, status.challenge
        status.header.frame_id = _signer(i, "safety_bridge").status(*said)
        return status

    return says(msg.SafetyStatus, "safety/status", make, rate_hz, qos.LATCHED, "safety_bridge")
