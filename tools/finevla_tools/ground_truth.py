"""The simulator's ground truth as the judge reads it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from finevla_interfaces.msg import SceneTruth
from finevla_ros.messages import to_ns
from finevla_sim.world import Truth


def truth_from_msg(message: SceneTruth) -> Truth:
    """Ground truth as the judge reads it."""
    contacts = frozenset((side, name) for side, _, name in (c.partition(":") for c in message.contacts))
    objects = {item.name: _matrix(item.pose) for item in message.objects}
    tcps = {"left": _matrix(message.left_tcp), "right": _matrix(message.right_tcp)}
    return Truth(to_ns(message.header.stamp), objects, tcps, contacts)


def _matrix(pose: Any) -> NDArray[np.float64]:
    matrix = np.eye(4)
    q, p = pose.orientation, pose.position
    matrix[:3, :3] = Rotation.from_quat([q.x, q.y, q.z, q.w]).as_matrix()
    matrix[:3, 3] = p.x, p.y, p.z
    return matrix
