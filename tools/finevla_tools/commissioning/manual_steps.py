"""What needs a person's hand: the stop, the joints' ends, the table. The arms are guided, never driven."""

import time
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from std_msgs.msg import Empty

from finevla_client.connection import Connection
from finevla_core.errors import FineVLAError
from finevla_core.kinematics import Kinematics
from finevla_core.safety.collision_pairs import Zone
from finevla_core.safety.limits import Limits
from finevla_ros import qos
from finevla_tools.commissioning.person_answers import ENTER, NotAnswered, Person
from finevla_tools.commissioning.step_outcome import StepOutcome, failed, passed, skipped
from finevla_tools.commissioning.topic_listener import TopicListener

BRIDGE_S = 2.0  # within this a bridge that is there is heard
PRESS_S = 60.0  # how long somebody may take to press
AGAIN_S = 0.02  # how often a stop is said until it is confirmed
STOPPED_S = 0.5  # from the stop to the bridge's word, both as heard here: milliseconds, if nothing is overloaded
BEYOND = 0.05  # rad and share of a gripper: an end that lies so far beyond the limit is a zero that is off
MOVED = 0.1  # rad: less is shaking
TABLE_OFF_M = 0.01  # the fingers may press so deep
HANDS = "guided by hand now (the Piper's teach button; hold it; the bridge stops meanwhile, which is right)"


def try_stop(client: Connection, ears: TopicListener, person: Person) -> Iterator[StepOutcome]:
    """The stop, pressed by a person and heard from the bridge; then the reset, which moves nothing."""
    try:
        answer = person.ask("stop.hardware", "Is an emergency stop that needs no computer within reach?", ("yes", "no"))
        remedy = "no arm without one: software does not replace it"
        yield passed("stop.hardware", "within reach") if answer == "yes" else failed("stop.hardware", "none", remedy)
    except NotAnswered as reason:
        yield skipped("stop.hardware", str(reason))
    if not client.wait(lambda: "safety/status" in client.newest, BRIDGE_S):
        remedy = "start the stack ('finevla up robot:=...'): without it nothing here stops an arm"
        yield failed("stop", f"no safety bridge is heard in namespace '/{client.namespace}'", remedy)
        return
    try:
        if client.is_stopped():
            question = (
                f"The bridge is stopped already ({client.newest['safety/status'].reason}). Reset it? Nothing moves."
            )
            if person.ask("stop.reset_first", question, ("yes", "no")) == "no":
                yield skipped("stop", "the bridge was stopped already")
                return
            client.reset_bridge()
        outcome = _pressed(client, ears, person)
        yield outcome
        if outcome.state == "ok":
            yield _reset(client, person)
    except NotAnswered as reason:
        yield skipped("stop", str(reason))
    except FineVLAError as error:
        yield failed("stop", str(error), "mend what it says; 'finevla adopt' where the arms were moved by hand")


def _pressed(client: Connection, ears: TopicListener, person: Person) -> StepOutcome:
    question = (
        f"Press Enter, and then within {PRESS_S:.0f} s stop the robot as you would in need: your button, or 'finevla stop' in "
        "another terminal. (self: I say it)"
    )
    answer = person.ask("stop.press", question, (ENTER, "self"))
    ears.await_stop()
    began_s = time.monotonic()
    if answer == "self":
        _say_stop(client, ears)
    client.wait(lambda: bool(ears.stopped_s or ears.stop_heard_s), PRESS_S)
    client.wait(lambda: bool(ears.stopped_s), STOPPED_S)
    heard_s, stopped_s = ears.stop_heard_s, ears.stopped_s
    if not stopped_s:
        if heard_s:
            remedy = "DO NOT run the arms; look at the bridge's output"
            return failed("stop", f"safety/stop was heard, and the bridge was not stopped {STOPPED_S} s later", remedy)
        found = f"no stop was heard within {time.monotonic() - began_s:.0f} s"
        return failed("stop", found, "is the button wired to safety/stop, in the same ROS domain and namespace?")
    reason = client.newest["safety/status"].reason
    facts = {"reason": reason, "delay_s": round(max(0.0, stopped_s - heard_s), 4) if heard_s else None}
    told = f" {1e3 * facts['delay_s']:.0f} ms after safety/stop" if heard_s else ""
    return passed("stop", f"the bridge was stopped{told}: {reason}", **facts)


def _say_stop(client: Connection, ears: TopicListener) -> None:
    """As `finevla stop` does: again until the bridge has heard, for who is not found yet does not hear."""
    publisher = client.node.create_publisher(Empty, "safety/stop", qos.ALL)
    until_s = time.monotonic() + BRIDGE_S
    while not ears.stopped_s and time.monotonic() < until_s:
        publisher.publish(Empty())
        time.sleep(AGAIN_S)


def _reset(client: Connection, person: Person) -> StepOutcome:
    if person.ask("stop.reset", "Reset the bridge now? The arms rest, and nothing moves.", ("yes", "no")) == "no":
        return skipped("stop.reset", "not wanted; 'finevla reset' does it")
    until_s = time.monotonic() + BRIDGE_S
    try:
        while True:
            try:
                return passed("stop.reset", client.reset_bridge())
            except FineVLAError as error:  # right after a stop the bridge wants a moment
                if not str(error).startswith("wait:") or time.monotonic() > until_s:
                    raise
            time.sleep(0.1)
    except FineVLAError as error:
        return failed("stop.reset", str(error), "mend what it says; 'finevla adopt' where the arms were moved by hand")


def measure_ends(ears: TopicListener, limits: Limits, person: Person) -> Iterator[StepOutcome]:
    """Every arm's joints, guided to their ends: whether the right arm moves, and no end lies beyond the limits."""
    for prefix in ears.prefixes:
        arm, step = prefix.rstrip("_") or "arm", f"limits.{prefix.rstrip('_') or 'arm'}"
        try:
            ears.values()
            person.ask(f"{step}.begin", f"Can the {arm.upper()} arm be {HANDS}? Then press Enter.", (ENTER,))
            ears.follow()
            question = (
                f"Guide every joint of the {arm.upper()} arm gently to both of its ends, open and close the gripper, and press "
                "Enter when that is done."
            )
            person.ask(f"{step}.end", question, (ENTER,))
            yield _ends(ears, limits, prefix, step)
        except NotAnswered as reason:
            yield skipped(step, str(reason))
        except FineVLAError as error:
            yield failed(step, str(error), "start what drives the arms")


def _ends(ears: TopicListener, limits: Limits, prefix: str, step: str) -> StepOutcome:
    names, low, high = ears.robot.names, ears.lowest, ears.highest
    if not low.size:
        return failed(step, "no joint state came meanwhile", "look at the driver's output")
    own = np.array([joint.startswith(prefix) for joint in ears.robot.joints])
    moved = high - low
    facts = {name: [round(float(low[i]), 3), round(float(high[i]), 3)] for i, name in enumerate(names) if own[i]}
    if moved[own].max() < MOVED:
        others = [names[i] for i in np.flatnonzero(~own) if moved[i] > MOVED]
        if others:
            remedy = "exchange can_left and can_right (or the cables), and look again"
            return failed(step, f"instead of this arm {others[0]} moved: the arms are exchanged", remedy, **facts)
        return skipped(step, "nothing moved")
    beyond = np.where(own, np.maximum(limits.lower - low, high - limits.upper), -1.0)
    if beyond[worst := int(beyond.argmax())] > BEYOND:
        found = (
            f"{names[worst]} went from {low[worst]:.3f} to {high[worst]:.3f}, its limits are {limits.lower[worst]:.3f} to "
            f"{limits.upper[worst]:.3f}"
        )
        return failed(step, found, "its zero is off, or the URDF is not this arm's: set the zero anew", **facts)
    still = [names[i] for i in np.flatnonzero(own & (moved < MOVED))]
    return passed(step, f"no end lies beyond the limits{'; not moved: ' + ', '.join(still) if still else ''}", **facts)


def touch_table(ears: TopicListener, urdf: str, zones: Sequence[Zone], person: Person) -> Iterator[StepOutcome]:
    """Fingertips on the table: how high it is, against the safety file's."""
    kinematics = Kinematics(urdf, ears.robot.joints)
    for prefix in ears.prefixes:
        arm, step = prefix.rstrip("_") or "arm", f"table.{prefix.rstrip('_') or 'arm'}"
        try:
            ears.values()
            question = (
                f"Close the {arm.upper()} gripper. The arm being {HANDS}, put the fingertips straight down on the table, and "
                "press Enter while they touch it."
            )
            person.ask(step, question, (ENTER,))
            tip = kinematics.frame_pose(ears.robot.to_positions(ears.values()), f"{prefix}tcp")[:3, 3]
            yield _table(step, tip, zones)
        except NotAnswered as reason:
            yield skipped(step, str(reason))
        except FineVLAError as error:
            yield failed(step, str(error), "start what drives the arms")


def _table(step: str, tip: NDArray[np.float64], zones: Sequence[Zone]) -> StepOutcome:
    facts = {"touched_m": [round(float(v), 4) for v in tip]}
    tops = [
        (zone.name, zone.box[1][2])
        for zone in zones
        if zone.box is not None and all(zone.box[0][i] <= tip[i] <= zone.box[1][i] for i in (0, 1))
    ]
    place = f"({tip[0]:.2f}, {tip[1]:.2f})"
    if not tops:
        remedy = f"let its box reach so far in your safety file (limits:=), with its top at {tip[2]:.3f}"
        return failed(step, f"the safety file has no table at {place}, touched at {tip[2]:.3f} m", remedy, **facts)
    name, top = min(tops, key=lambda t: abs(t[1] - tip[2]))
    if abs(top - tip[2]) > TABLE_OFF_M:
        found = f"touched at {tip[2]:.3f} m at {place}; zone '{name}' of the safety file ends at {top:.3f} m"
        remedy = f"if the tips touched it: set the upper z of '{name}' to {tip[2]:.3f} in your safety file (limits:=)"
        return failed(step, found, remedy, **facts)
    return passed(step, f"touched at {tip[2]:.3f} m; zone '{name}' ends at {top:.3f} m", **facts)
