"""Strangers who command: trajectories on the controllers' topics, and chunks."""

import array
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from builtin_interfaces.msg import Duration
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from finevla_core.safety.instruction_in_force import MOTION
from finevla_core.time_units import NS_PER_S
from finevla_interfaces import msg
from finevla_ros import qos
from finevla_tools.faults.fault_injection import Fault
from finevla_tools.faults.foreign_publisher import NAME, copy, says
from finevla_tools.faults.ignored_stops import fresh
from finevla_tools.faults.message_relay import BEFORE, CHUNKS
from finevla_tools.faults.status_imposters import now

if TYPE_CHECKING:
    from finevla_tools.faults.fault_injection import Injector

HEARING = 3  # bridge, watchdog and controller hear what a controller is told


def topic(i: "Injector") -> str:
    """Return the trajectory topic of the robot's first controller."""
    return f"{i.robot.controllers[0].name}/joint_trajectory"


def way(rad: float, seconds: float) -> Callable[["Injector", int], Any]:
    """Make trajectories that move the first joint of the first arm by `rad` in `seconds` from where it is."""

    def make(i: "Injector", number: int) -> Any:
        state = i.client.newest[f"{BEFORE}/{i.robot.state_topic}"]
        at = dict(zip(state.name, state.position, strict=True))
        joints = i.robot.controllers[0].joints
        positions = [at[joint] for joint in joints]
        positions[0] += rad
        whole_s, part_ns = divmod(round(seconds * NS_PER_S), NS_PER_S)
        point = JointTrajectoryPoint(positions=positions, velocities=[0.0] * len(joints))
        point.time_from_start = Duration(sec=whole_s, nanosec=part_ns)
        return JointTrajectory(joint_names=list(joints), points=[point])

    return make


def named_frame(i: "Injector", number: int) -> Any:
    """Make a trajectory as `way` does, in the bridge's name with a forged seal."""
    message = way(0.3, 0.3)(i, number)
    message.header.frame_id = f"/{i.client.namespace}/safety_bridge#{'0' * 16}#{10**9 + number}#{'0' * 64}"
    return message


def replayed(i: "Injector", number: int) -> Any:
    """Repeat the controller's last command, seal included."""
    return i.client.newest.get(topic(i)) or way(0.3, 0.3)(i, number)


def tampered(i: "Injector", number: int) -> Any:
    """Repeat the controller's last command with another goal under the old seal."""
    message = copy(replayed(i, number))
    new = way(0.3, 0.3)(i, number)
    message.header.stamp, message.points, message.joint_names = new.header.stamp, new.points, new.joint_names
    return message


def commands(
    make: Callable[["Injector", int], Any], name: str = NAME, rate_hz: float = 0.0, lives_s: float | None = None
) -> Fault:
    """Publish trajectories to the first controller from node `name` for `lives_s` (None: as long as the drill lasts)."""
    return says(JointTrajectory, topic, make, rate_hz, qos.ALL, name, lives_s=lives_s)


def chunks(change: Callable[["Injector", Any], None], rate_hz: float = 10.0, client: str = "") -> Fault:
    """Publish valid chunks of now, changed by `change(injector, chunk)`, as the policy or another `client`."""

    def make(i: "Injector", number: int) -> Any:
        template = i.client.newest.get(CHUNKS) or _template(i)
        if not len(i.client.newest["safety/status"].planned):
            return None
        chunk = fresh(template, i, int(template.sequence) + 1000 + number)
        chunk.client = client or chunk.client
        change(i, chunk)
        return chunk

    return says(msg.ActionChunk, CHUNKS, make, rate_hz, qos.NEWEST)


def _template(i: "Injector") -> Any:
    """Where no policy has sent a chunk yet: what one would look like."""
    names, horizon = list(i.robot.names), 16
    actions = array.array("d", [0.0] * (horizon * len(names)))
    names_of = {"embodiment": i.robot.name, "client": f"/{i.client.namespace}/policy", "instruction_id": "old"}
    return msg.ActionChunk(names=names, horizon=horizon, dt_s=0.1, actions=actions, **names_of)


def field(name: str, value: Any) -> Callable[["Injector", Any], None]:
    """Make a change that sets one field of the chunk; a callable `value` is given the chunk."""
    return lambda _, chunk: setattr(chunk, name, value(chunk) if callable(value) else value)


def stamped(ahead_s: float) -> Callable[["Injector", Any], None]:
    """Make a change that sets the observation's stamp to `ahead_s` after now."""
    return lambda i, chunk: setattr(chunk.header, "stamp", now(i, ahead_s))


def long(rows: int, dt_s: float) -> Callable[["Injector", Any], None]:
    """Make a change that repeats the chunk's first row `rows` times at steps of `dt_s`."""

    def change(i: "Injector", chunk: Any) -> None:
        first = np.array(chunk.actions).reshape(chunk.horizon, -1)[0]
        chunk.actions = array.array("d", np.tile(first, (rows, 1)).tobytes())
        chunk.horizon, chunk.dt_s = rows, dt_s

    return change


def all_nan(i: "Injector", chunk: Any) -> None:
    """Set all actions of the chunk to NaN."""
    chunk.actions = array.array("d", [math.nan] * len(chunk.actions))


def as_motion(i: "Injector", chunk: Any) -> None:
    """Give the chunk the id of an operator's motion."""
    chunk.instruction_id = f"{MOTION}stranger"


def as_it_is(i: "Injector", chunk: Any) -> None:
    """Leave the valid chunk unchanged."""
