"""Heartbeats of the watchdog, sealed, to and from `finevla_interfaces/Heartbeat`."""

from finevla_core.safety.heartbeat_checks import HeartbeatMessage
from finevla_core.safety.message_seal import Signer
from finevla_interfaces.msg import Heartbeat
from finevla_ros.messages import to_ns, to_stamp


def heartbeat_to_msg(signer: Signer, trouble: str, challenge: int, clock_ns: int) -> Heartbeat:
    """The next heartbeat: what is wrong, "" if nothing, in answer to the bridge's newest challenge."""
    sequence, seal = signer.heartbeat(clock_ns, not trouble, trouble, challenge)
    message = Heartbeat(
        node=signer.node, is_well=not trouble, text=trouble, sequence=sequence, challenge=challenge, seal=seal
    )
    message.header.stamp = to_stamp(clock_ns)
    return message


def words_of(message: Heartbeat) -> HeartbeatMessage:
    """Convert a `finevla_interfaces/Heartbeat` to the core's `HeartbeatMessage`."""
    return HeartbeatMessage(
        node=message.node,
        is_well=message.is_well,
        text=message.text,
        stamp_ns=to_ns(message.header.stamp),
        sequence=message.sequence,
        challenge=message.challenge,
        seal=message.seal,
    )
