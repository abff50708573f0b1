"""All drills. What is promised here is what the tests ask of the stack and what docs/faults.md says."""

import difflib
from collections.abc import Sequence

from finevla_core.errors import FineVLAError
from finevla_tools.faults import fault_injection as do
from finevla_tools.faults import ignored_stops, lost_trajectories, node_terminations
from finevla_tools.faults.drill_types import Drill, Moment, Promise, Recovery
from finevla_tools.faults.message_relay import CHUNKS

STOPS, BRAKES, RESTS, LASTS, FOLLOWS, SAFE = (
    Promise.STOPS,
    Promise.BRAKES,
    Promise.RESTS,
    Promise.LASTS,
    Promise.FOLLOWS,
    Promise.SAFE,
)
ITSELF, TOLD, RESET, NONE = Recovery.ITSELF, Recovery.TOLD, Recovery.RESET, Recovery.NONE

# Of the nodes' parameters: how long a silence is none.
BRIDGE_S, JOINTS_S, WATCHDOG_S = 0.3, 0.5, 0.5
REFUSALS_S = 1.0  # ten chunks in a row, at 10 Hz
RIVAL_S = 0.25  # so often the watchdog asks DDS who is there
FROZEN_S = 0.7  # five pictures that had to change, at 10 Hz

# What each node's death and hanging lead to; a node of the launch description that is not here is a mistake.
NODES = {
    "safety_bridge": (
        Drill(
            "bridge killed", "kill -9 of the safety bridge, which is then started again by hand",
            do.killed("safety_bridge"), STOPS, RESET, BRIDGE_S, ("watchdog.bridge",),
        ),
        Drill(
            "bridge hangs", "SIGSTOP of the safety bridge, later SIGCONT",
            do.hung("safety_bridge"), STOPS, RESET, BRIDGE_S, ("watchdog.bridge",),
        ),
    ),
    "safety_watchdog": (
        Drill(
            "watchdog killed", "kill -9 of the watchdog, which the launch starts again",
            do.killed("safety_watchdog"), STOPS, RESET, WATCHDOG_S, ("heartbeat.lost",),
        ),
        Drill(
            "watchdog hangs", "SIGSTOP of the watchdog, later SIGCONT",
            do.hung("safety_watchdog"), STOPS, RESET, WATCHDOG_S, ("heartbeat.lost",),
        ),
    ),
    "policy": (
        Drill(
            "policy killed", "kill -9 of the policy, which the launch starts again",
            do.killed("policy"), RESTS, TOLD, codes=("watchdog.policy", "watchdog.chunks"),
        ),
        Drill(
            "policy hangs", "SIGSTOP of the policy, later SIGCONT",
            do.hung("policy"), RESTS, codes=("watchdog.policy", "watchdog.chunks"),
        ),
        Drill(
            "stop word, policy hangs", "SIGSTOP of the policy, then somebody says stop; later SIGCONT",
            ignored_stops.both(do.hung("policy"), ignored_stops.say("Stop!")), BRAKES, TOLD, codes=("stop.word",),
        ),
        Drill(
            "stop word, no policy", "kill -9 of the policy, then somebody says stop",
            ignored_stops.both(do.killed("policy"), ignored_stops.say("停下来!")), BRAKES, TOLD, codes=("stop.word",),
        ),
    ),
    "camera_ingest": (
        Drill(
            "ingest killed", "kill -9 of the camera ingest, which the launch starts again",
            do.killed("camera_ingest"), LASTS, codes=("watchdog.observations",), lasts_s=3.0,
        ),
        Drill(
            "ingest hangs", "SIGSTOP of the camera ingest, later SIGCONT",
            do.hung("camera_ingest"), RESTS, codes=("watchdog.observations",),
        ),
    ),
    "simulator": (
        Drill("robot held up", "SIGSTOP of the simulator for 0.15 s", do.held_up("simulator", 0.15), FOLLOWS),
        Drill(
            "robot silent", "SIGSTOP of the simulator: arms, cameras and controllers say nothing any more; later SIGCONT",
            do.hung("simulator"), STOPS, RESET, JOINTS_S, ("state.lost", "watchdog.joints"), arms_seen=False,
        ),
        Drill(
            "robot started again", "kill -9 of the simulator, and another one is started, whose arms are elsewhere",
            node_terminations.replaced("simulator"), STOPS, RESET, JOINTS_S, ("state.lost", "watchdog.joints"),
            arms_seen=False,
        ),
        Drill(
            "robot started again at rest", "the same while the arms rest, where the new one's are or elsewhere",
            node_terminations.replaced("simulator", began_when_heard=True), SAFE, RESET,
            arms_seen=False, moment=Moment.HOLDING,
        ),
        Drill(
            "robot gone", "kill -9 of the simulator, which stands for arms, cameras and controllers",
            do.killed("simulator"), STOPS, NONE, JOINTS_S, ("state.lost", "watchdog.joints"), arms_seen=False,
        ),
    ),
    "robot_state_publisher": (
        Drill(
            "description killed", "kill -9 of the node that tells robot_description and TF, which the launch starts again",
            do.killed("robot_state_publisher"), FOLLOWS,
        ),
    ),
    "motion": (
        Drill("motion killed", "kill -9 of the node that moves to poses, idle", do.killed("motion"), FOLLOWS),
        Drill("motion hangs", "SIGSTOP of the node that moves to poses, idle", do.hung("motion"), FOLLOWS),
        Drill(
            "motion stopped", "the operator stops while an arm goes to a pose", do.stop_pressed,
            STOPS, RESET, 0.0, ("stop.topic",), moment=Moment.MOTION,
        ),
        Drill(
            "motion goes on", "the same, but who moved the arms sends on",
            ignored_stops.both(do.stop_pressed, ignored_stops.goes_on),
            STOPS, RESET, 0.0, ("stop.topic",), moment=Moment.MOTION, persists=True,
        ),
        Drill(
            "stop word in a motion", "somebody says stop while an arm goes to a pose", ignored_stops.say("please stop"),
            BRAKES, TOLD, codes=("stop.word",), moment=Moment.MOTION,
        ),
    ),
}  # fmt: skip

CHUNK_FAULTS = (
    Drill("chunks lost", "no chunk arrives any more", do.all_lost(CHUNKS), RESTS),
    Drill("every other chunk lost", "half of the chunks arrive", do.every_other_lost(CHUNKS), FOLLOWS),
    Drill("chunks late", "every chunk comes 0.2 s later", do.delayed(CHUNKS, 0.2), FOLLOWS),
    Drill("chunks stale", "every chunk comes 0.7 s later", do.delayed(CHUNKS, 0.7), RESTS, codes=("chunk.stale",)),
    Drill("chunks doubled", "every chunk comes twice", do.doubled(CHUNKS), FOLLOWS, codes=("chunk.sequence",)),
    Drill("chunks reordered", "chunks overtake each other", do.reordered(CHUNKS), FOLLOWS, codes=("chunk.sequence",)),
    Drill("old chunk again", "one chunk comes again and again", do.first_again(CHUNKS), RESTS, codes=("chunk.stale",)),
    Drill("policy ten times slower", "inference takes ten times as long", do.slower(10.0), SAFE, lasts_s=2.0),
    Drill("one NaN", "one chunk holds a NaN", do.spoiled(do.valued(float("nan")), 1), FOLLOWS, codes=("chunk.finite",)),
    Drill("NaN", "every chunk holds a NaN", do.spoiled(do.valued(float("nan"))), STOPS, RESET, REFUSALS_S, ("chunk.finite",)),
    Drill("Inf", "every chunk holds an Inf", do.spoiled(do.valued(float("inf"))), STOPS, RESET, REFUSALS_S, ("chunk.finite",)),
    Drill("huge value", "every chunk holds 1e6", do.spoiled(do.valued(1e6)), STOPS, RESET, REFUSALS_S, ("chunk.position",)),
    Drill("one huge value", "one chunk holds 1e6", do.spoiled(do.valued(1e6), 1), FOLLOWS, codes=("chunk.position",)),
    Drill("huge chunk", "chunks of 2,000 rows", do.spoiled(do.longer(2_000)), STOPS, RESET, REFUSALS_S, ("chunk.horizon",)),
    Drill("wrong joints", "two names exchanged", do.spoiled(do.other_joints), STOPS, RESET, REFUSALS_S, ("chunk.joints",)),
    Drill("short rows", "a value is missing", do.spoiled(do.fewer_values), STOPS, RESET, REFUSALS_S, ("chunk.horizon",)),
    Drill("leap", "every value 0.5 off", do.spoiled(do.moved_by(0.5)), STOPS, RESET, REFUSALS_S, ("chunk.start",)),
    Drill(
        "swapped arms", "the left arm's values where the right arm's belong", do.spoiled(do.arms_swapped),
        STOPS, RESET, REFUSALS_S, ("chunk.start",), arms_apart=True,
    ),
    Drill("old epoch", "chunks of before the last reset", do.spoiled(do.old_epoch), RESTS, codes=("chunk.epoch",)),
)  # fmt: skip

ROBOT_FAULTS = (
    Drill("camera stops", "no picture of the left wrist any more", do.camera_stopped("left"), RESTS, codes=("diagnostics",)),
    Drill("pictures lost", "every other picture of the left wrist is lost", do.camera_lossy("left"), FOLLOWS, lasts_s=3.0),
    Drill(
        "camera freezes", "the left wrist's picture stands still, its stamps go on", do.camera_frozen("left"),
        STOPS, RESET, FROZEN_S, ("watchdog.camera_frozen",),
    ),
    Drill(
        "cameras swapped", "the wrists' topics are exchanged", do.cameras_swapped("left", "right", True),
        RESTS, codes=("diagnostics",),
    ),
    Drill(
        "camera cables swapped", "the wrists' pictures are exchanged, and nothing says so",
        do.cameras_swapped("left", "right", False), SAFE, RESET,
    ),
    Drill(
        "joint states stop", "no joint state any more", do.states_stopped,
        STOPS, RESET, JOINTS_S, ("state.lost", "watchdog.joints"),
    ),
    Drill(
        "joint states stale", "the driver repeats its last joint state", do.states_stale,
        STOPS, RESET, JOINTS_S, ("state.lost", "watchdog.joints_still"),
    ),
    Drill(
        "joint states jump", "a joint says 0.5 rad more", do.states_off(1, 0.5),
        STOPS, RESET, 0.0, ("state.jump", "watchdog.speed"),
    ),
    Drill(
        "joint states NaN", "a joint says NaN", do.states_off(1, float("nan"), absolute=True),
        STOPS, RESET, 0.0, ("state.range",),
    ),
)  # fmt: skip

# A step of some hundredths of a radian per second, within one cycle.
LED_SHARE = 3.0
# The next plan starts where the lost one would have led by then.
PLAN_LOST_SHARE = 3.0
JUMP = ("clock.jump", "watchdog.clock_jump")
WIRE_FAULTS = (
    Drill(
        "first words lost", "of all that is said twice to the controllers, the first word is lost",
        lost_trajectories.lost(lost_trajectories.first_word), FOLLOWS, clock=True,
    ),
    Drill(
        "plan lost", "both words of one plan to the left arm's controller are lost",
        lost_trajectories.lost(lost_trajectories.once, 1), FOLLOWS, clock=True, most_share=PLAN_LOST_SHARE,
    ),
    Drill(
        "stop's first word lost", "a stop, and its first word is lost to all controllers",
        ignored_stops.both(lost_trajectories.lost(lost_trajectories.first_word), do.stop_pressed),
        STOPS, RESET, 0.0, ("stop.topic",), clock=True,
    ),
    Drill(
        "stop lost", "a stop, and the left arm's controller hears nothing of it",
        ignored_stops.both(lost_trajectories.lost(lost_trajectories.of_the_bridge, 1), do.stop_pressed),
        STOPS, RESET, 0.0, ("watchdog.motion",), clock=True,
    ),
)  # fmt: skip

CLOCK_FAULTS = (
    # By the joint states' clock alone the watchdog knows the command to some milliseconds, and leads the controllers on.
    Drill(
        "clock jumps back", "the nodes' time goes back by 2 s", do.clock_jumped(-2.0),
        STOPS, RESET, 0.0, JUMP, clock=True, most_share=LED_SHARE,
    ),
    Drill(
        "clock steps back", "the nodes' time goes back by 0.3 s", do.clock_jumped(-0.3),
        STOPS, RESET, 0.0, JUMP, clock=True, most_share=LED_SHARE,
    ),
    Drill(
        "clock jumps ahead", "the nodes' time goes 2 s ahead", do.clock_jumped(2.0),
        STOPS, RESET, 0.0, JUMP, clock=True, most_share=LED_SHARE,
    ),
    Drill(
        "clock stops", "the nodes' time stands still", do.clock_stopped,
        STOPS, RESET, BRIDGE_S, ("clock.still", "watchdog.clock_still", "watchdog.bridge"), clock=True, most_share=LED_SHARE,
    ),
)  # fmt: skip

MACHINE_FAULTS = (
    Drill("stop pressed", "nothing is wrong: the operator stops", do.stop_pressed, STOPS, RESET, 0.0, ("stop.topic",)),
    Drill("stop word", "nothing is wrong: somebody says stop", ignored_stops.say("STOP"), BRAKES, TOLD, codes=("stop.word",)),
    Drill(
        "policy goes on", "the operator stops, but the policy sends on and announces the old instruction again",
        ignored_stops.both(do.stop_pressed, ignored_stops.goes_on), STOPS, RESET, 0.0, ("stop.topic",), persists=True,
    ),
    Drill(
        "rival", "a second publisher on a controller", do.rival, STOPS, RESET, RIVAL_S, ("watchdog.rival", "bridge.rival")
    ),
    Drill("disk full", "no process of the stack can write to a file any more", do.disk_full, FOLLOWS, lasts_s=2.0),
    Drill("load", "ten busy processes per core", do.loaded(10), SAFE, RESET, lasts_s=4.0),
)  # fmt: skip


def drills_for(nodes: Sequence[str]) -> list[Drill]:
    """All drills of a stack of these nodes; raises `FineVLAError` for a node of which nothing is promised."""
    of_nodes: list[Drill] = []
    for node in nodes:
        if node not in NODES:
            raise FineVLAError(
                f"nothing is promised of node '{node}'; say in faults/drill_catalogue.py what its end leads to"
            )
        of_nodes += NODES[node]
    ordered = [d for d in of_nodes if d.recovery is not NONE]
    last = [d for d in of_nodes if d.recovery is NONE]
    return [*MACHINE_FAULTS, *ordered, *CHUNK_FAULTS, *ROBOT_FAULTS, *last, *WIRE_FAULTS, *CLOCK_FAULTS]


def chosen(names: Sequence[str], drills: Sequence[Drill]) -> list[Drill]:
    """By name, in the order of the catalogue; all if none is given."""
    by_name = {drill.name: drill for drill in drills}
    for name in names:
        if name not in by_name:
            near = difflib.get_close_matches(name, by_name, 1)
            all_names = "'finevla doctor --list' names them, with --hostile the others"  # some 200, with commas in them
            raise FineVLAError(f"unknown drill '{name}'; {f"did you mean '{near[0]}'?" if near else all_names}")
    return [drill for drill in drills if not names or drill.name in names]
