"""Hostile drills: nodes that end, come twice, or are meddled with."""

import signal
from typing import Any

from lifecycle_msgs.msg import Transition

from finevla_tools.faults import fault_injection as do
from finevla_tools.faults import node_terminations, operator_requests
from finevla_tools.faults.drill_builders import FOLLOWING, FOLLOWS, MOTION, NONE, REST, RIVAL, SAFE, STOPS, at, drill
from finevla_tools.faults.drill_types import Drill
from finevla_tools.faults.ignored_stops import both


def nodes_drills() -> list[Drill]:
    """Nodes that end, come twice, or are meddled with."""
    off, on = Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_ACTIVATE
    ending: dict[str, Any] = {"recovery": NONE, "codes": ("stop.ending",)}
    return [
        drill(
            "policy deactivated twice",
            "a lifecycle manager deactivates the policy twice",
            both(operator_requests.activated_afterwards, operator_requests.lifecycle(2, off)),
            SAFE,
        ),
        drill(
            "policy activated twice",
            "a lifecycle manager activates the policy twice",
            operator_requests.lifecycle(2, on),
            SAFE,
        ),
        drill(
            "policy off and on",
            "a lifecycle manager deactivates and activates the policy five times",
            both(operator_requests.activated_afterwards, operator_requests.lifecycle(5, off, on)),
            SAFE,
        ),
        drill(
            "bridge parameters",
            "somebody sets the bridge's limits at run time",
            operator_requests.sets(
                "safety_bridge", limits="none", max_start_jump_rad=1.0, watchdog=False, watchdog_timeout_s=5.0
            ),
            FOLLOWS,
        ),
        drill(
            "watchdog parameters",
            "somebody sets the watchdog's limits at run time",
            operator_requests.sets("safety_watchdog", bridge_timeout_s=2.0, joints_timeout_s=2.0, confirm_s=1.0),
            FOLLOWS,
        ),
        drill(
            "bridge on simulated time",
            "somebody sets use_sim_time of the bridge in a motion",
            operator_requests.sets("safety_bridge", use_sim_time=True),
            FOLLOWS,
        ),
        drill(
            "watchdog on simulated time",
            "somebody sets use_sim_time of the watchdog in a motion",
            operator_requests.sets("safety_watchdog", use_sim_time=True),
            FOLLOWS,
        ),
        *at(FOLLOWING, REST)(
            drill(
                "second watchdog",
                "a second watchdog is started",
                node_terminations.second("safety_watchdog", True),
                SAFE,
            )
        ),
        drill(
            "second watchdog, bridge hangs",
            "SIGSTOP of the bridge, and a second watchdog is started",
            both(do.hung("safety_bridge"), node_terminations.second("safety_watchdog", True)),
            STOPS,
            ("watchdog.bridge",),
        ),
        *at(FOLLOWING, REST)(
            drill(
                "watchdog of another name",
                "a watchdog under another name is started",
                node_terminations.second("safety_watchdog", False, "guard"),
                STOPS,
                RIVAL,
            )
        ),
        *at(FOLLOWING, REST)(
            drill(
                "second bridge",
                "a second bridge is started",
                node_terminations.second("safety_bridge", False),
                STOPS,
                (*RIVAL, "watchdog.restart", "watchdog.two"),
            )
        ),
        drill(
            "bridge told to end",
            "SIGTERM of the bridge in a motion",
            node_terminations.ended("safety_bridge", signal.SIGTERM),
            STOPS,
            ("stop.ending",),
        ),
        drill(
            "watchdog told to end",
            "SIGINT of the watchdog in a motion",
            node_terminations.ended("safety_watchdog", signal.SIGINT),
            SAFE,
            lasts_s=4.0,
        ),
        drill(
            "process ends with 1",
            "a process of the stack ends with code 1 in a motion",
            node_terminations.process_ends(signal.SIGUSR1),
            STOPS,
            **ending,
        ),
        drill(
            "process ends with 2",
            "a process of the stack ends with code 2 in a motion",
            node_terminations.process_ends(signal.SIGUSR2),
            STOPS,
            **ending,
        ),
        drill(
            "stack told to end", "Ctrl-C of the whole stack in a motion", node_terminations.told_to_end, STOPS, **ending
        ),
        drill(
            "stack told to end in a motion",
            "the same while an arm goes to a pose",
            node_terminations.told_to_end,
            STOPS,
            moment=MOTION,
            **ending,
        ),
    ]
