"""Arms, joint states and clocks: what can be judged without a person."""

import math
from collections.abc import Iterator

import numpy as np

from finevla_core.assembler import FUTURE_S
from finevla_core.errors import FineVLAError
from finevla_core.safety.limits import Limits
from finevla_tools.commissioning.person_answers import NotAnswered, Person
from finevla_tools.commissioning.step_outcome import StepOutcome, failed, passed, skipped
from finevla_tools.commissioning.topic_listener import Stream, TopicListener

STROKE_OFF_M = 0.005  # the two versions of the gripper differ by 0.03
BEYOND = 0.02  # rad and share of a gripper: how far beyond a limit a joint that lies at it may be measured


def check_arms(ears: TopicListener, person: Person) -> Iterator[StepOutcome]:
    """Firmware and gripper of every arm, as `piper_driver` tells them."""
    if not ears.arms:
        yield _no_driver(person)
        return
    for prefix in ears.prefixes:
        yield _arm(ears, prefix)
    told = {prefix: status.firmware for prefix, status in ears.arms.items() if status.firmware}
    if len(set(told.values())) > 1:
        found = ", ".join(f"{prefix.rstrip('_')} {firmware}" for prefix, firmware in told.items())
        yield failed("arms.alike", f"the arms' firmware differs: {found}", "update the older one with AgileX's tool")


def _no_driver(person: Person) -> StepOutcome:
    remedy = "start it: robot:=real driver:=piper; look at its output"
    try:
        question = "No piper_driver is heard. Are the arms run by AgileX's own driver (robot:=vendor)?"
        if person.ask("arms.vendor", question, ("yes", "no")) == "yes":
            return skipped("arms", "AgileX's own driver does not tell firmware and stroke; look at its terminal")
    except NotAnswered:
        pass
    return failed("arms", "no piper_driver is heard", remedy)


def _arm(ears: TopicListener, prefix: str) -> StepOutcome:
    step, status = f"arms.{prefix.rstrip('_')}", ears.arms.get(prefix)
    if status is None:
        return failed(step, f"nothing is heard on {prefix}arm/status", "start its driver, or look at its output")
    facts = {
        "firmware": status.firmware, "stroke_m": round(float(status.gripper_stroke_m), 4), "mode": status.control_mode,
        "interface": status.interface, "frames_per_s": round(float(status.frames_per_s), 1),
    }  # fmt: skip
    if math.isnan(facts["stroke_m"]):
        facts["stroke_m"] = None  # JSON has no NaN
    if not status.is_connected:
        remedy = f"is the arm on, and its cable at {status.interface}?"
        return failed(step, f"no frames come on {status.interface}", remedy, **facts)
    if status.errors:
        return failed(
            step, "; ".join(status.errors), "mend that first; then power service, action 3 clears it", **facts
        )
    if not status.firmware:
        return failed(
            step, "it did not tell its firmware", "is it a Piper, and is only this program asking it?", **facts
        )
    if facts["stroke_m"] is None:
        return failed(
            step, "the gripper's stroke was not read back", "is a gripper mounted, and its cable in?", **facts
        )
    spans = {v.joint: abs(v.one - v.zero) for v in ears.robot.values if v.is_gripper}
    wanted_m = next((2 * span for joint, span in spans.items() if joint.startswith(prefix)), None)
    if wanted_m is not None and abs(facts["stroke_m"] - wanted_m) > STROKE_OFF_M:
        found = f"the gripper opens to {facts['stroke_m']:.3f} m, the robot file says {wanted_m:.3f}"
        half = facts["stroke_m"] / 2
        remedy = f"set open_m: {half:.3f} in the robot file and stroke {half:.3f} in the URDF, and give stroke_m:="
        return failed(step, found, f"{remedy}{facts['stroke_m']:.2f}", **facts)
    found = f"firmware {status.firmware}, gripper {facts['stroke_m']:.3f} m, {status.control_mode or 'mode not told'}"
    return passed(step, f"{found} on {status.interface}", **facts)


def check_joints(ears: TopicListener, limits: Limits) -> Iterator[StepOutcome]:
    """Joint states come, whole and fast enough, and lie within the limits."""
    stream, wanted_hz = ears.joints, ears.robot.observation_rate_hz
    try:
        values = ears.values()
    except FineVLAError as error:
        remedy = (
            "start what drives the arms ('finevla up robot:=...'), or correct state_topic and joints in the robot file"
        )
        yield failed("joints", str(error), remedy)
        return
    facts = {"rate_hz": round(stream.rate_hz, 1), "values": [round(float(v), 4) for v in values]}
    if not np.isfinite(values).all():
        bad = ears.robot.names[int(np.argmin(np.isfinite(values)))]
        yield failed("joints", f"{bad} is not a number", "look at the driver's output")
        return
    if stream.rate_hz < 2 * wanted_hz:
        found = f"they come {stream.rate_hz:.1f} times a second; {2 * wanted_hz:.0f} are needed"
        yield failed("joints", found, "look at the driver's rate, and for a busy computer", **facts)
    else:
        yield passed("joints", f"all {len(values)} come {stream.rate_hz:.0f} times a second", **facts)
    beyond = np.maximum(limits.lower - values, values - limits.upper)
    if (worst := int(beyond.argmax())) >= 0 and beyond[worst] > BEYOND:
        name = ears.robot.names[worst]
        ends = f"{limits.lower[worst]:.3f} to {limits.upper[worst]:.3f}"
        found = f"{name} is measured at {values[worst]:.3f}, its limits are {ends}"
        yield failed("joints.pose", found, "its zero is off, or the URDF is not this arm's: set the zero anew", **facts)
    else:
        yield passed("joints.pose", "the measured pose lies within the limits")


def check_clocks(ears: TopicListener) -> Iterator[StepOutcome]:
    """Stamps against this computer's clock: not of the future, and no older than an observation may be."""
    streams = {"joints": ears.joints} | {f"camera {name}": stream for name, stream in ears.cameras.items()}
    for what, stream in streams.items():
        step = f"clock.{what.removeprefix('camera ')}"
        yield (
            _clock(step, what, stream, ears.robot.max_age_s)
            if stream.count
            else skipped(step, f"nothing came of {what}")
        )


def _clock(step: str, what: str, stream: Stream, max_age_s: float) -> StepOutcome:
    middle_s, worst_s = float(np.median(stream.ages_s)), max(stream.ages_s)
    facts = {
        "age_median_s": round(middle_s, 4),
        "age_worst_s": round(worst_s, 4),
        "age_least_s": round(min(stream.ages_s), 4),
    }
    found = f"stamps are {middle_s * 1e3:.0f} ms old when they come (worst {worst_s * 1e3:.0f} ms)"
    if min(stream.ages_s) < -FUTURE_S:
        ahead = f"stamps of {what} are {-min(stream.ages_s):.2f} s ahead of this computer's clock"
        return failed(
            step, ahead, "synchronise the clocks (chrony), or have the driver stamp by the system's clock", **facts
        )
    if middle_s > max_age_s:
        remedy = (
            "another clock (chrony; orbbec_camera: time_domain system), or a driver that is late; "
            f"observations may be {max_age_s} s old"
        )
        return failed(step, found, remedy, **facts)
    return passed(step, found, **facts)
