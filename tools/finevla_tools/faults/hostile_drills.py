"""Hostile and odd clients, as drills: a few kinds, at different moments, in variants."""

from finevla_tools.faults.drill_types import Drill, Recovery
from finevla_tools.faults.hostile_commands import chunks_drills, trajectories_drills
from finevla_tools.faults.hostile_nodes import nodes_drills
from finevla_tools.faults.hostile_requests import floods_drills, malformed_drills, people_drills
from finevla_tools.faults.hostile_status_messages import heartbeats_drills, states_drills, statuses_drills


def hostile_drills() -> list[Drill]:
    """All of them; those that end the stack, or need another one, last."""
    found = [
        *states_drills(),
        *heartbeats_drills(),
        *trajectories_drills(),
        *chunks_drills(),
        *statuses_drills(),
        *people_drills(),
        *floods_drills(),
        *malformed_drills(),
        *nodes_drills(),
    ]
    return sorted(found, key=lambda d: (d.clock, d.recovery is Recovery.NONE))
