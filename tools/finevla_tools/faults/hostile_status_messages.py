"""Hostile drills: who says what only somebody of the stack should - joint states, heartbeats, statuses."""

from finevla_interfaces import msg
from finevla_ros import qos
from finevla_tools.faults import command_intruders, operator_requests, replayed_messages, status_imposters
from finevla_tools.faults import fault_injection as do
from finevla_tools.faults.drill_builders import (
    BRIDGE_S,
    DEAF_S,
    FOLLOWING,
    FOLLOWS,
    FORGED,
    HOLDS,
    ITSELF,
    MOTION,
    RESET,
    REST,
    RESTS,
    SAFE,
    STOPPED,
    STOPS,
    TWO_STATES,
    WATCHDOG_S,
    at,
    drill,
)
from finevla_tools.faults.drill_types import Drill, Moment
from finevla_tools.faults.foreign_publisher import says
from finevla_tools.faults.ignored_stops import both


def states_drills() -> list[Drill]:
    """A second publisher of joint states."""
    variants: tuple[tuple[str, str, do.Fault, tuple[Moment, ...]], ...] = (
        (
            "second states 0.35",
            "says that joint 1 is 0.35 rad elsewhere, 20 ms ahead",
            status_imposters.second_states(status_imposters.off(0.35), 0.02),
            (REST, FOLLOWING, MOTION),
        ),
        (
            "second states 0.8",
            "says that joint 1 is 0.8 rad elsewhere, 20 ms ahead",
            status_imposters.second_states(status_imposters.off(0.8), 0.02),
            (REST, FOLLOWING),
        ),
        (
            "second states shifted plan",
            "says that the arms are where they are wanted, joint 1 0.1 rad beside",
            status_imposters.second_states(status_imposters.as_planned(0.1), 0.02),
            (FOLLOWING, MOTION),
        ),
        (
            "second states still",
            "says that the arms rest where they were",
            status_imposters.second_states(status_imposters.at_rest),
            (FOLLOWING,),
        ),
        (
            "second states NaN",
            "says NaN of joint 1",
            status_imposters.second_states(status_imposters.no_number),
            (REST, FOLLOWING),
        ),
        (
            "second states of the future",
            "says that joint 1 is 0.35 rad elsewhere, stamped 10 s ahead",
            status_imposters.second_states(status_imposters.off(0.35), 10.0),
            (REST, FOLLOWING),
        ),
        (
            "second states drift",
            "says that joint 1 creeps away at 0.05 rad/s",
            status_imposters.second_states(status_imposters.drifting(0.05), 0.02),
            (REST, FOLLOWING),
        ),
        (
            "second states true",
            "says the truth, as two drivers would",
            status_imposters.second_states(status_imposters.as_it_is),
            (REST, FOLLOWING),
        ),
        (
            "second states one joint",
            "says of one joint that it is 0.5 rad elsewhere",
            status_imposters.second_states(status_imposters.one_joint),
            (REST, FOLLOWING),
        ),
    )
    found = []
    for name, does, fault, moments in variants:
        one = drill(
            name,
            f"a second publisher of joint states {does}",
            fault,
            STOPS,
            TWO_STATES,
            prepare=status_imposters.remembering,
        )
        found += at(*moments)(one)
    return [
        *found,
        drill(
            "second states, then words",
            "joint 1 is said to be 0.8 rad elsewhere, and new words are said on top of it",
            both(status_imposters.second_states(status_imposters.off(0.8), 0.02), status_imposters.told_meanwhile),
            STOPS,
            TWO_STATES,
            moment=REST,
        ),
        drill(
            "encoder slips at rest",
            "the one driver says from now on that joint 1 is 0.35 rad elsewhere",
            status_imposters.slipped(0.35),
            STOPS,
            ("state.leap",),
            moment=REST,
        ),
    ]


def heartbeats_drills() -> list[Drill]:
    """The watchdog hangs, and somebody else says that it is well."""
    variants = (
        ("unsealed, stamped 1970", status_imposters.unsealed),
        ("copied", status_imposters.copied),
        ("counted on", status_imposters.counted_on),
        ("with the newest challenge", status_imposters.rechallenged),
        ("sealed with another key", status_imposters.of_another_key),
    )
    found = [
        drill(
            f"beats {name}",
            f"SIGSTOP of the watchdog; heartbeats {name}, in its name",
            both(do.hung("safety_watchdog"), status_imposters.beats(make)),
            STOPS,
            ("heartbeat.lost",),
            observable_s=WATCHDOG_S,
            prepare=status_imposters.remembering,
        )
        for name, make in variants
    ]
    at_rest = both(
        do.hung("safety_watchdog"),
        status_imposters.beats(status_imposters.rechallenged),
        status_imposters.told_meanwhile,
    )
    return [
        *found,
        drill(
            "beats at rest, then words",
            "SIGSTOP of the watchdog at rest; forged heartbeats; new words",
            at_rest,
            HOLDS,
            FORGED,
            moment=REST,
            lasts_s=2.0,
            prepare=status_imposters.after_silence,
        ),
        drill(
            "beats beside the watchdog",
            "forged heartbeats beside the true ones",
            status_imposters.beats(status_imposters.unsealed),
            FOLLOWS,
            FORGED,
            prepare=status_imposters.after_silence,
        ),
        drill(
            "beats that are not well",
            "somebody says in the watchdog's name that something is wrong",
            status_imposters.beats(status_imposters.unwell),
            FOLLOWS,
            FORGED,
            prepare=status_imposters.after_silence,
        ),
        drill(
            "beats of a motion",
            "SIGSTOP of the watchdog while an arm goes to a pose; copied heartbeats",
            both(do.hung("safety_watchdog"), status_imposters.beats(status_imposters.rechallenged)),
            STOPS,
            ("heartbeat.lost",),
            observable_s=WATCHDOG_S,
            moment=MOTION,
            prepare=status_imposters.remembering,
        ),
    ]


def statuses_drills() -> list[Drill]:
    """Somebody says how policy or bridge are, what the instruction is, and what time it is."""
    past = status_imposters.policy_since(3600.0)
    return [
        drill(
            "elder policy once",
            "one policy/status of a policy that is active since an hour",
            status_imposters.statuses(past, 0.0),
            FOLLOWS,
        ),
        drill(
            "elder policy",
            "policy/status of one that is active since an hour, at 10 Hz",
            both(operator_requests.activated_afterwards, status_imposters.statuses(past)),
            SAFE,
            lasts_s=4.0,
        ),
        drill(
            "policy is deaf",
            "SIGSTOP of the policy; its heartbeat goes on, and takes no observation",
            both(do.hung("policy"), status_imposters.statuses(status_imposters.policy_alive)),
            RESTS,
            ("watchdog.policy_deaf", "watchdog.chunks"),
            observable_s=DEAF_S,
            recovery=ITSELF,
            prepare=status_imposters.remembering,
        ),
        drill(
            "policy says it is idle",
            "policy/status says idle while it runs",
            status_imposters.statuses(status_imposters.policy_since(0.0, state="idle", instruction_id="")),
            FOLLOWS,
        ),
        *at(FOLLOWING, REST)(
            drill(
                "bridge said to hold",
                "somebody in the bridge's name says that it holds",
                status_imposters.bridge_says(1),
                SAFE,
                lasts_s=1.5,
            )
        ),
        drill(
            "bridge said to hold when stopped",
            "the same while it is stopped",
            status_imposters.bridge_says(1),
            HOLDS,
            moment=STOPPED,
            recovery=RESET,
        ),
        drill(
            "bridge said to follow when stopped",
            "somebody in the bridge's name says that it follows",
            status_imposters.bridge_says(2),
            HOLDS,
            moment=STOPPED,
            recovery=RESET,
        ),
        drill(
            "bridge said to be new",
            "somebody in the bridge's name says another epoch",
            status_imposters.bridge_says(2, 1),
            SAFE,
        ),
        drill(
            "bridge said to be stopped",
            "somebody in the bridge's name says that it is stopped",
            status_imposters.bridge_says(3),
            SAFE,
        ),
        drill(
            "bridge hangs, said to follow",
            "SIGSTOP of the bridge; somebody in its name says that it follows",
            both(do.hung("safety_bridge"), status_imposters.bridge_says(2)),
            STOPS,
            ("watchdog.bridge", "watchdog.motion", "watchdog.two"),
            observable_s=BRIDGE_S,
            recovery=RESET,
        ),
        drill(
            "bridge hangs, recording follows",
            "SIGSTOP of the bridge; a recording of an earlier one, sealed with this stack's key, says that it follows",
            both(do.hung("safety_bridge"), replayed_messages.statuses(2)),
            STOPS,
            ("watchdog.bridge", "watchdog.motion", "watchdog.two"),
            observable_s=BRIDGE_S,
            recovery=RESET,
        ),
        *at(REST, STOPPED)(
            drill(
                "other instruction",
                "somebody announces an instruction of his own",
                status_imposters.announces("mine"),
                HOLDS,
            )
        ),
        drill(
            "other instruction",
            "somebody announces an instruction of his own at 20 Hz",
            status_imposters.announces("mine", 20.0),
            SAFE,
            ("chunk.instruction", "chunk.ended", "watchdog.chunks"),
        ),
        drill(
            "no instruction",
            "somebody announces that none is active",
            status_imposters.announces(""),
            SAFE,
            recovery=RESET,
        ),
        drill(
            "late joiner's instruction",
            "one that was announced before anybody heard it",
            status_imposters.announces("old", latched_before=True),
            HOLDS,
            moment=REST,
        ),
        *at(REST, STOPPED)(
            drill(
                "old instruction again",
                "somebody announces the instruction that has ended at 20 Hz, and its chunks come",
                both(
                    says(msg.Instruction, "active_instruction", status_imposters.announces_again, 20.0, qos.LATCHED),
                    command_intruders.chunks(command_intruders.as_it_is),
                ),
                HOLDS,
                ("chunk.ended", "bridge.state"),
                prepare=status_imposters.remembering,
            )
        ),
        drill(
            "clock of a stranger",
            "somebody publishes /clock, where nobody listens to it",
            status_imposters.clock_says(5.0),
            FOLLOWS,
        ),
        drill(
            "second clock",
            "somebody publishes another time on /clock, 2 s ahead",
            status_imposters.clock_says(2.0),
            STOPS,
            ("clock.jump", "watchdog.clock_jump"),
            clock=True,
        ),
    ]
