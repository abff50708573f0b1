"""What there is to say of one step, free of any language: what motion measured, without what is too small to be told."""

from dataclasses import dataclass

from finevla_tools.annotate.motion_facts import ArmFacts, Grasp
from finevla_tools.annotate.tool_path import TURN_RAD

DEGREES = 57.29578
TILTED = 10.0  # degrees from straight down that are told
TOLD_M = 0.02  # lifts and lowerings that are told


@dataclass(frozen=True)
class StepWords:
    """The parts of a step's sentence; None, "" or False for what is not said.

    `kind` is grasp, close, hold, release or reach; `approach` a side as `ToolApproach` has it, `toward` words of the directions
    of a carry on the level, `turn` the sense of a turn in place, seen from above.
    """

    side: str
    kind: str
    confidence: float
    approach: str = ""
    tilt_deg: float | None = None
    fingers: str = ""
    again: bool = False
    held: bool = False
    lost: bool = False
    opens: bool = False
    turn: str = ""
    turn_deg: float = 0.0
    is_carry: bool = False
    lift_m: float | None = None
    toward: tuple[str, ...] = ()
    far_m: float = 0.0
    shape: str = ""
    lower_m: float | None = None
    keeps: bool = False


def step_words(arm: ArmFacts, kind: str, grasp: Grasp | None) -> StepWords:
    """Return what there is to say of a step."""
    if grasp is None or kind == "reach":
        return _reach(arm)
    if kind == "grasp":
        return _grasp(arm.side, grasp)
    if kind == "close":
        return StepWords(arm.side, kind, grasp.close.confidence, held=grasp.close.held)
    if kind == "hold":
        return _hold(arm.side, grasp)
    return StepWords(arm.side, kind, 0.95)


def _reach(arm: ArmFacts) -> StepWords:
    opens = any(not move.closes for move in arm.fingers)
    if arm.reach is None:
        return StepWords(arm.side, "reach", arm.confidence, opens=opens)
    sure = min(arm.confidence, arm.reach.confidence)
    return StepWords(arm.side, "reach", sure, approach=arm.reach.side, opens=opens)


def _grasp(side: str, grasp: Grasp) -> StepWords:
    came, sure = grasp.approach, grasp.close.confidence
    approach, tilt, fingers = "", None, ""
    if came is not None:
        sure, approach = min(sure, came.confidence), came.side
        degrees = 0.0 if came.tilt_rad is None else came.tilt_rad * DEGREES
        tilt = degrees if degrees > TILTED else None
        fingers = came.fingers if grasp.close.held else ""
    return StepWords(
        side, "grasp", sure, approach, tilt, fingers, again=grasp.attempt > 1, held=grasp.close.held
    )  # fmt: skip


def _hold(side: str, grasp: Grasp) -> StepWords:
    lost = grasp.close.lost_s is not None
    if grasp.turn is not None and abs(grasp.turn.angle_rad) >= TURN_RAD:
        turned = abs(grasp.turn.angle_rad) * DEGREES
        return StepWords(side, "hold", grasp.turn.confidence, lost=lost, turn=grasp.turn.sense, turn_deg=turned)
    carry = grasp.carry
    if carry is None:
        return StepWords(side, "hold", grasp.close.confidence, lost=lost)
    is_let_go = grasp.open is not None
    level = tuple(word for word in carry.direction.split(" and ") if word and word not in ("up", "down"))
    return StepWords(
        side,
        "hold",
        0.9,
        lost=lost,
        is_carry=True,
        lift_m=carry.lift_m if carry.lift_m > TOLD_M else None,
        toward=level if is_let_go else (),
        far_m=(carry.offset_m[0] ** 2 + carry.offset_m[1] ** 2) ** 0.5,
        shape=carry.shape,
        lower_m=carry.lower_m if is_let_go and carry.lower_m > TOLD_M and not lost else None,
        keeps=not is_let_go and not lost,
    )
