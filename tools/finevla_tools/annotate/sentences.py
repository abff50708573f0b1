"""Sentences of what motion says: one per step, plain, and naming nothing that motion cannot know, as what is grasped."""

from finevla_tools.annotate.motion import ArmFacts, Grasp
from finevla_tools.annotate.tool_path import TURN_RAD

DEGREES = 57.29578
TILTED = 10.0  # degrees from straight down that are told
SIDES = {
    "top": "from above", "left": "from the left", "right": "from the right", "front": "from the far side",
    "back": "from the near side", "below": "from below",
}  # fmt: skip
SHAPES = {"over": " in an arc", "round": " in a curve to the side", "straight": ""}


def sentence_of(arm: ArmFacts, kind: str, grasp: Grasp | None) -> tuple[str, float]:
    """Return a step's sentence and how sure it is; `kind` is grasp, close, hold, release or reach."""
    name = f"The {arm.side} arm"
    if grasp is None or kind == "reach":
        return _reach(name, arm)
    if kind == "grasp":
        return _closing(name, grasp)
    if kind == "close":
        on = "something" if grasp.close.held else "nothing"
        return f"{name} closes its gripper on {on} on its way.", grasp.close.confidence
    if kind == "hold":
        return _hold(name, grasp)
    return f"{name} opens its gripper, lets go of the object and moves away.", 0.95


def _reach(name: str, arm: ArmFacts) -> tuple[str, float]:
    does = [move for move in arm.fingers if not move.closes]
    gripper = " It opens its gripper and does not close it." if does else ""
    if arm.reach is None:
        return f"{name} moves and grasps nothing.{gripper}", arm.confidence
    return (
        f"{name} moves to its target {SIDES[arm.reach.side]} and stops there without grasping.{gripper}",
        min(arm.confidence, arm.reach.confidence),
    )


def _closing(name: str, grasp: Grasp) -> tuple[str, float]:
    sure, came = grasp.close.confidence, grasp.approach
    how = ""
    if came is not None:
        sure = min(sure, came.confidence)
        tilt = None if came.tilt_rad is None else came.tilt_rad * DEGREES
        how = f" {SIDES[came.side]}" + (f", tilted by {tilt:.0f} degrees," if tilt and tilt > TILTED else "")
    again = " again" if grasp.attempt > 1 else ""
    if not grasp.close.held:
        return f"{name} moves to its target{again}{how} and closes its gripper on nothing.", sure
    at = f" at its {came.fingers}" if came is not None and came.fingers else ""
    return f"{name} moves to the object{again}{how} and closes its gripper on it{at}.", sure


def _hold(name: str, grasp: Grasp) -> tuple[str, float]:
    lost = "" if grasp.close.lost_s is None else " but loses it"
    if grasp.turn is not None and abs(grasp.turn.angle_rad) >= TURN_RAD:
        turn = grasp.turn
        return (
            f"{name} turns the object {turn.sense}, seen from above, by about {abs(turn.angle_rad) * DEGREES:.0f} degrees"
            f" in place{lost}.",
            turn.confidence,
        )
    carry = grasp.carry
    if carry is None:
        return f"{name} holds the object{lost}.", grasp.close.confidence
    parts = []
    if carry.lift_m > 0.02:
        parts.append(f"lifts it by {carry.lift_m:.2f} m")
    aside = " and ".join(word for word in carry.direction.split(" and ") if word not in ("up", "down"))
    if aside and grasp.open is not None:
        far = (carry.offset_m[0] ** 2 + carry.offset_m[1] ** 2) ** 0.5
        parts.append(f"carries it {far:.2f} m {aside}{SHAPES.get(carry.shape, '')}")
    if grasp.open is not None and carry.lower_m > 0.02 and not lost:
        parts.append(f"lowers it by {carry.lower_m:.2f} m")
    if grasp.open is None and not lost:
        parts.append("keeps holding it")
    said = ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1] if parts else "holds it in place"
    return f"{name} {said}{lost}.", 0.9
