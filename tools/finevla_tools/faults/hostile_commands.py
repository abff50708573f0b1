"""Hostile drills: who commands - trajectories on the controllers' topics, and chunks."""

import dataclasses

from finevla_tools.faults import command_intruders, replayed_messages
from finevla_tools.faults import fault_injection as do
from finevla_tools.faults.drill_builders import (
    FOLLOWING,
    FOLLOWS,
    HOLDS,
    MOTION,
    REFUSALS_S,
    RESET,
    REST,
    RIVAL,
    SAFE,
    STEPPING,
    STOPPED,
    STOPS,
    TOLD,
    at,
    drill,
)
from finevla_tools.faults.drill_types import Drill, Moment


def trajectories_drills() -> list[Drill]:
    """Somebody else commands a controller: `went_rad` is how far that may lead an arm at rest."""
    way = command_intruders.way(0.3, 0.5)
    variants: tuple[tuple[str, str, do.Fault, float, float, tuple[Moment, ...]], ...] = (
        ("once", "one trajectory", command_intruders.commands(way), 0.1, 3.0, (REST, FOLLOWING, MOTION, STOPPED)),
        (
            "for 30 ms",
            "a publisher that is gone after 30 ms",
            command_intruders.commands(way, lives_s=0.03),
            0.1,
            3.0,
            (REST, FOLLOWING),
        ),
        (
            "for 50 ms",
            "a publisher that is gone after 50 ms",
            command_intruders.commands(way, rate_hz=50.0, lives_s=0.05),
            0.1,
            3.0,
            (REST, FOLLOWING),
        ),
        (
            "as safety_watchdog",
            "a node named safety_watchdog, at 50 Hz",
            command_intruders.commands(way, "safety_watchdog", 50.0),
            0.3,
            5.0,
            (REST, FOLLOWING),
        ),
        (
            "as safety_bridge",
            "a node named safety_bridge",
            command_intruders.commands(way, "safety_bridge"),
            0.1,
            3.0,
            (REST, FOLLOWING),
        ),
        (
            "as teleop",
            "a node named teleop, at 50 Hz",
            command_intruders.commands(way, "teleop", 50.0),
            0.3,
            5.0,
            (REST, FOLLOWING),
        ),
        (
            "with a false seal",
            "in the bridge's name with a seal that is wrong",
            command_intruders.commands(command_intruders.named_frame, "safety_bridge"),
            0.1,
            3.0,
            (REST,),
        ),
        (
            "replayed",
            "what the bridge sent last, seal and all",
            command_intruders.commands(command_intruders.replayed),
            0.1,
            3.0,
            (REST, FOLLOWING),
        ),
        (
            "tampered with",
            "the bridge's seal over another goal",
            command_intruders.commands(command_intruders.tampered),
            0.1,
            3.0,
            (REST, FOLLOWING),
        ),
        (
            "of an earlier run",
            "a watchdog's stop from a recording, without a stamp, sealed with this stack's key",
            command_intruders.commands(replayed_messages.brake, "safety_watchdog"),
            0.1,
            3.0,
            (REST, FOLLOWING),
        ),
        (
            "to NaN",
            "a goal that is not a number",
            command_intruders.commands(command_intruders.way(float("nan"), 0.5)),
            0.01,
            3.0,
            (REST, FOLLOWING),
        ),
        (
            "far away",
            "10 rad in 0.2 s",
            command_intruders.commands(command_intruders.way(10.0, 0.2)),
            6.0,
            60.0,
            (REST, FOLLOWING),
        ),
    )
    found = []
    for name, does, fault, went, speed, moments in variants:
        one = drill(
            f"command {name}",
            f"on a controller's topic: {does}",
            fault,
            STOPS,
            RIVAL,
            went_rad=went,
            stranger_speed=speed,
        )
        for spread in at(*moments)(one):
            if spread.moment is STOPPED:
                spread = dataclasses.replace(spread, promise=HOLDS, recovery=RESET)
            found.append(spread)
    return found


def chunks_drills() -> list[Drill]:
    """Chunks that are not the policy's, and such that no policy sends."""
    stranger, field = "/finevla/stranger", command_intruders.field
    foreign = (
        ("without authority", "good ones of another client", command_intruders.as_it_is, ("chunk.authority",)),
        (
            "as a motion",
            "good ones that pretend to be an operator's motion",
            command_intruders.as_motion,
            ("chunk.authority", "chunk.instruction"),
        ),
        ("of no name", "good ones of nobody", field("client", ""), ("chunk.authority",)),
        ("of a long name", "of a client with 5000 letters", field("client", "x" * 5000), ("chunk.authority",)),
    )
    own = (
        ("of the future", "stamped 10 s ahead", command_intruders.stamped(10.0), ("chunk.future",)),
        ("of the next epoch", "of the next epoch", field("epoch", lambda c: c.epoch + 1), ("chunk.epoch",)),
        ("of sequence 2^63", "with the highest sequence", field("sequence", 2**63), ("chunk.sequence",)),
        ("of sequence 0", "with sequence 0", field("sequence", 0), ("chunk.sequence",)),
        ("without names", "without joint names", field("names", lambda _: []), ("chunk.joints",)),
        ("of NaN", "of NaN alone", command_intruders.all_nan, ("chunk.finite",)),
        ("without time", "with dt_s = 0", field("dt_s", 0.0), ("chunk.dt",)),
        ("of negative time", "with dt_s = -0.1", field("dt_s", -0.1), ("chunk.dt",)),
        ("of another robot", "for another robot", field("embodiment", "other"), ("chunk.embodiment",)),
        ("of a long id", "with an id of 5000 letters", field("instruction_id", "x" * 5000), ("chunk.ended",)),
        ("of no id", "without an instruction", field("instruction_id", ""), ("chunk.instruction",)),
        ("of 100 s", "100 rows of 1 s", command_intruders.long(100, 1.0), ("chunk.long", "chunk.dt")),
    )
    found = [
        drill(
            f"chunks {name}",
            f"beside the policy's chunks {does}",
            command_intruders.chunks(change, client=stranger if name != "of no name" else ""),
            FOLLOWS,
            codes,
        )
        for name, does, change, codes in foreign
        if name != "of no name"
    ]
    found += [
        drill(f"chunks {name}", f"in the policy's name: chunks {does}", command_intruders.chunks(change), SAFE, codes)
        for name, does, change, codes in own
    ]
    return [
        *found,
        drill(
            "policy says 100 s",
            "every chunk of the policy has 100 rows of 1 s",
            do.spoiled(lambda c, i: command_intruders.long(100, 1.0)(i, c)),
            STOPS,
            ("chunk.rejections",),
            observable_s=REFUSALS_S,
        ),
        drill(
            "chunks at rest",
            "good chunks of the instruction that ended, in the policy's name",
            command_intruders.chunks(command_intruders.as_it_is),
            HOLDS,
            ("chunk.ended",),
            moment=REST,
        ),
        drill(
            "motion at rest",
            "good chunks that pretend to be an operator's motion, without authority",
            command_intruders.chunks(command_intruders.as_motion, client=stranger),
            HOLDS,
            ("chunk.authority", "chunk.instruction"),
            moment=REST,
        ),
        drill(
            "chunks when stopped",
            "good chunks while the arms are stopped",
            command_intruders.chunks(command_intruders.as_it_is),
            HOLDS,
            ("bridge.state", "chunk.ended"),
            moment=STOPPED,
            recovery=RESET,
        ),
        drill(
            "motion when stopped",
            "an operator's motion while the arms are stopped",
            command_intruders.chunks(command_intruders.as_motion, client=stranger),
            HOLDS,
            ("bridge.state",),
            moment=STOPPED,
            recovery=RESET,
        ),
        drill(
            "chunks in step mode",
            "good chunks while another plan waits for its yes",
            command_intruders.chunks(command_intruders.as_it_is),
            HOLDS,
            ("step.waiting",),
            moment=STEPPING,
            recovery=TOLD,
        ),
    ]
