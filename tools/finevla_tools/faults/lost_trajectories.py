"""Between the bridge and the controllers: a controller's subscription holds one message and asks for no lost one again."""

import contextlib
from collections.abc import Callable, Iterator

from rclpy.serialization import deserialize_message
from trajectory_msgs.msg import JointTrajectory

from finevla_ros.trajectories import sender_of
from finevla_tools.faults.fault_injection import Fault, Injector
from finevla_tools.faults.message_relay import Relay, stamp_ns, told_topic

# Whether a message to a controller is lost.
Loss = Callable[[bytes], bool]


def lost(losses: Callable[[], Loss], controllers: int | None = None) -> Fault:
    """Lose messages to the first so many controllers, to all if None; each has a loss of its own."""

    @contextlib.contextmanager
    def fault(i: Injector) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for controller in i.robot.controllers[:controllers]:
                stack.enter_context(i.changing(told_topic(controller.name), losing(losses())))
            yield

    return fault


def losing(loss: Loss) -> Callable[[Relay, bytes], None]:
    """Make a relay change that drops the messages for which `loss(data)` is True."""
    return lambda relay, data: None if loss(data) else relay.send(data)


def first_word() -> Loss:
    """Make a loss that drops the first of each command sent twice."""
    last_ns = [0]

    def is_lost(data: bytes) -> bool:
        is_second, last_ns[0] = stamp_ns(data) == last_ns[0], stamp_ns(data)
        return not is_second

    return is_lost


def once() -> Loss:
    """One thing that is said, both times."""
    lost_ns = [0]

    def is_lost(data: bytes) -> bool:
        lost_ns[0] = lost_ns[0] or stamp_ns(data)
        return stamp_ns(data) == lost_ns[0]

    return is_lost


def of_the_bridge() -> Loss:
    """All that the bridge says; what the watchdog says is heard."""
    return lambda data: sender_of(deserialize_message(data, JointTrajectory)).endswith("safety_bridge")
