"""Hostile drills: who speaks to doors that are open to all - stops, approvals, authority, floods, bytes that are no message."""

from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Empty, String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from finevla_interfaces import msg
from finevla_interfaces.srv import Approve, Authority
from finevla_ros import qos
from finevla_tools.faults import command_intruders, message_floods, operator_requests, status_imposters
from finevla_tools.faults import fault_injection as do
from finevla_tools.faults.drill_builders import (
    BRAKES,
    FLOOD,
    FOLLOWS,
    HOLDS,
    MOTION,
    RESET,
    REST,
    RIVAL,
    SAFE,
    STEPPING,
    STOPPED,
    STOPS,
    TWO_STATES,
    WATCHDOG_S,
    WHEN,
    at,
    drill,
)
from finevla_tools.faults.drill_types import Drill
from finevla_tools.faults.ignored_stops import both


def people_drills() -> list[Drill]:
    """Return the drills of stops, approvals, control authority and resets by unexpected clients."""
    wrong, same = operator_requests.approve_wrongly, int
    stops = (
        (
            "stop best effort",
            "on safety/stop, best effort",
            operator_requests.stop_topic(qos.SENSOR),
            STOPS,
            ("stop.topic",),
        ),
        ("stop reliable", "on safety/stop, reliable", operator_requests.stop_topic(qos.ALL), STOPS, ("stop.topic",)),
        ("stop latched", "on safety/stop, latched", operator_requests.stop_topic(qos.LATCHED), STOPS, ("stop.topic",)),
        ("stop service", "by the service safety/stop", operator_requests.stop_service, STOPS, ("stop.service",)),
        ("word best effort", "as text, best effort", operator_requests.stop_text(qos.SENSOR), BRAKES, ("stop.word",)),
        ("word reliable", "as text, reliable", operator_requests.stop_text(qos.ALL), BRAKES, ("stop.word",)),
        (
            "word as instruction",
            "on instruction, best effort",
            operator_requests.stop_instruction(qos.SENSOR),
            BRAKES,
            ("stop.word",),
        ),
        ("word by service", "by the policy's service", operator_requests.stop_by_policy, SAFE, ()),
    )
    yes = (
        ("yes to another plan", "to the plan of the next number", wrong(lambda n: n + 1), HOLDS),
        ("yes to plan 0", "to plan 0", wrong(lambda _: 0), HOLDS),
        ("yes to plan 2^64-1", "to the highest number", wrong(lambda _: 2**64 - 1), HOLDS),
        ("yes after new words", "after new words were said", wrong(same, operator_requests.say_others), HOLDS),
        ("yes after a stop", "after a stop", wrong(same, operator_requests.press_stop), STOPS),
        ("yes after a stop word", "after a stop word", wrong(same, operator_requests.say_stop), BRAKES),
        ("yes after a no", "after a no", wrong(same, operator_requests.turn_down), HOLDS),
        (
            "yes after step mode again",
            "after step mode was switched off and on",
            wrong(same, operator_requests.step_again),
            HOLDS,
        ),
        ("yes too late", "31 s after it was shown", wrong(same, operator_requests.wait_too_long), HOLDS),
        ("plan of a stranger", "to a plan that a stranger shows", operator_requests.pending_spoofed, HOLDS),
    )
    named = operator_requests.authority_named
    return [
        *(
            drill(name, f"a stop in the middle of a motion, {does}", fault, promise, codes)
            for name, does, fault, promise, codes in stops
        ),
        drill(
            f"stop best effort{WHEN[MOTION]}",
            "on safety/stop, best effort",
            operator_requests.stop_topic(qos.SENSOR),
            STOPS,
            ("stop.topic",),
            moment=MOTION,
        ),
        *(
            drill(name, f"step mode: a yes {does}", fault, promise, moment=STEPPING, recovery=RESET)
            for name, does, fault, promise in yes
        ),
        drill(
            "yes twice",
            "step mode: the same yes twice",
            operator_requests.does(operator_requests.approve_twice),
            SAFE,
            moment=STEPPING,
            recovery=RESET,
            went_rad=3.0,
        ),
        drill(
            "authority taken",
            "the operator takes authority from the policy",
            operator_requests.authority_kept,
            SAFE,
            ("chunk.authority",),
            lasts_s=0.5,
            recovery=RESET,
        ),
        drill("authority for 10 MB", "for a name of 10 MB", named("x" * 10_000_000), FOLLOWS),
        drill("authority for 5000 letters", "for a name of 5000 letters", named("x" * 5000), FOLLOWS),
        drill("authority for nobody", "for no name", named(""), FOLLOWS),
        drill(
            "authority while another moves",
            "for another, while the policy moves the arms",
            named("/finevla/other"),
            FOLLOWS,
        ),
        drill(
            "authority given up by another",
            "another gives up what the policy has",
            named("/finevla/other", True),
            FOLLOWS,
        ),
        drill(
            "authority of one who vanishes",
            "somebody takes it at rest, and is gone",
            operator_requests.taker_vanishes,
            HOLDS,
            moment=REST,
        ),
        *at(STOPPED)(drill("authority", "somebody asks for it", named("/finevla/other"), HOLDS)),
        drill(
            "reset without joint states",
            "somebody resets and adopts while no joint state comes",
            operator_requests.insists(do.states_stopped, 0.5),
            STOPS,
            ("state.lost", "watchdog.joints"),
            observable_s=0.5,
        ),
        drill(
            "reset with a second driver",
            "somebody resets and adopts while two publish joint states",
            operator_requests.insists(status_imposters.second_states(status_imposters.off(0.35), 0.02), 0.0),
            STOPS,
            TWO_STATES,
        ),
        drill(
            "reset without a watchdog",
            "somebody resets and adopts while the watchdog hangs",
            operator_requests.insists(do.hung("safety_watchdog"), 0.5),
            STOPS,
            ("heartbeat.lost",),
            observable_s=WATCHDOG_S,
        ),
        drill(
            "reset with a rival",
            "somebody resets and adopts while a rival commands",
            operator_requests.insists(command_intruders.commands(command_intruders.way(0.0, 0.5), rate_hz=20.0), 0.0),
            STOPS,
            RIVAL,
            stranger_speed=5.0,
        ),
    ]


def floods_drills() -> list[Drill]:
    """Too much, too large; in the middle a stop."""
    found = [
        drill(
            f"flood of {name}",
            f"{name} flood {topic} for a second, then a stop",
            both(operator_requests.activated_afterwards, message_floods.flows())
            if what == "statuses"
            else message_floods.flows(),
            STOPS,
            codes,
            prepare=message_floods.ready(topic, what),
            is_flood=True,
            lasts_s=1.5,
        )
        for name, (topic, what, codes) in message_floods.FLOODS.items()
    ]
    calls = (
        ("authority", lambda: (Authority, "safety/authority", Authority.Request(client="/finevla/other"))),
        ("resets", lambda: (Trigger, "safety/reset", Trigger.Request())),
        ("approvals", lambda: (Approve, "safety/approve", Approve.Request(number=1, is_yes=True))),
    )
    found += [
        drill(
            f"flood of calls: {name}",
            f"{message_floods.CALLS} calls of a service at once, then a stop",
            message_floods.service_calls(kind, message_floods.CALLS),
            STOPS,
            FLOOD,
            is_flood=True,
            lasts_s=1.5,
        )
        for name, kind in calls
    ]
    return found


def malformed_drills() -> list[Drill]:
    """Bytes that are no message, at 20 Hz; nothing happens but that it is told."""
    plain = (
        (msg.ActionChunk, "action_chunk", qos.NEWEST),
        (msg.Instruction, "instruction", qos.ALL),
        (String, "instruction/text", qos.ALL),
        (msg.Instruction, "active_instruction", qos.LATCHED),
        (msg.Heartbeat, "safety/watchdog", qos.NEWEST),
        (msg.SafetyStatus, "safety/status", qos.LATCHED),
        (msg.PolicyStatus, "policy/status", qos.LATCHED),
        (msg.Observation, "observation", qos.NEWEST),
        (Bool, "safety/deadman", qos.SENSOR),
        (JointState, "joint_states", qos.SENSOR),
        (Empty, "safety/stop", qos.ALL),
        (JointTrajectory, "left_arm_controller/joint_trajectory", qos.ALL),
    )
    # Two publishers of joint states, anything at all on a controller's topic, and an announcement that reads
    # as "none is active" are a stop or a rest of their own.
    strict = {"left_arm_controller/joint_trajectory": STOPS, "joint_states": SAFE}
    return [
        drill(
            f"malformed {topic.rpartition('/')[2] if topic.startswith('left') else topic}",
            f"bytes on {topic} that are no message",
            message_floods.malformed(kind, topic, profile),
            strict.get(topic, SAFE),
            RIVAL if "controller" in topic else (),
            stranger_speed=3.0 if "controller" in topic else 0.0,
        )
        for kind, topic, profile in plain
    ]
