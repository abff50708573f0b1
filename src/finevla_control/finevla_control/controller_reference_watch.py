"""Looks at what joint_trajectory_controllers say that they hold, on their topics `controller_state`, where ros2_control is.

They say it in each control cycle, all together 800 times a second: the newest is looked at now and then, and nobody is woken.

NOT RUN HERE: control_msgs comes with ROS 2 from apt only; tests play its topic with another kind of message.
"""

from collections.abc import Callable, Sequence
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.subscription import Subscription

from finevla_ros import qos
from finevla_ros.bounded_subscriptions import KIB, Unreadable, read

MOST_BYTES = 16 * KIB  # a state of 7 joints has 1 KiB
Said = tuple[Sequence[str], Sequence[float], Sequence[float]]  # joint names, positions, velocities
Note = Callable[[str, Sequence[str], Sequence[float], Sequence[float], int], None]


class PolledGroup(CallbackGroup):
    """Subscriptions that no executor waits for."""

    def can_execute(self, entity: Any) -> bool:
        """Return that it may not: whoever made it takes the messages."""
        return False

    def beginning_execution(self, entity: Any) -> bool:
        """Return that it does not begin."""
        return False

    def ending_execution(self, entity: Any) -> None:
        """Do nothing, for nothing has begun."""


class ControllerReferenceWatch:
    """Hands the newest reference of each of `controllers` to `note`, with its number; `kind` is the messages' type."""

    def __init__(
        self,
        node: Node,
        controllers: Sequence[str],
        note: Note,
        kind: Any = None,
        said_in: Callable[[Any], Said] | None = None,
    ) -> None:
        self._kind, self._note, self._said_in = kind or _state_type(), note, said_in or _said_in
        self._subscriptions: dict[str, Subscription] = {}
        for name in controllers if self._kind is not None else ():
            self._subscriptions[name] = node.create_subscription(
                self._kind, f"{name}/controller_state", _unheard, qos.SENSOR, callback_group=PolledGroup(), raw=True
            )

    def look(self) -> None:
        """Take the newest of each controller, if it said something since the last look."""
        for name, subscription in self._subscriptions.items():
            with subscription.handle:
                taken = subscription.handle.take_message(self._kind, True)
            if taken is None or len(taken[0]) > MOST_BYTES:
                continue
            try:
                said = self._said_in(read(taken[0], self._kind))
            except Unreadable:
                continue  # it does not count, and without a new one the reference is unknown soon
            self._note(name, *said, taken[1].get("publication_sequence_number") or 0)


def _said_in(state: Any) -> Said:
    return state.joint_names, state.reference.positions, state.reference.velocities


def _unheard(_: object) -> None:
    """Take nothing, for no executor calls this."""


def _state_type() -> Any:
    try:
        from control_msgs.msg import JointTrajectoryControllerState
    except ImportError:
        return None
    return JointTrajectoryControllerState
