"""Motion facts as rows of an annotation: slots of the ten dimensions for the episode and for each step, and sentences."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from finevla_core.instruction import APPROACHES
from finevla_tools.annotate.annotation import TEXT, Annotation, dimension_of
from finevla_tools.annotate.motion_facts import ArmFacts, Grasp, MotionFacts
from finevla_tools.annotate.motion_sentences import sentence_of

Said = Callable[..., Annotation]  # slot, value, confidence and, if not the step's, times
SOURCE = "motion"
SURE = 0.99  # of nothing that was measured is one quite sure
OFFSET_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Step:
    """One step of an episode: an arm grasps (or tries to), moves what it holds, lets go, or just moves."""

    arm: ArmFacts
    kind: str  # grasp, hold, release, reach
    from_s: float
    to_s: float
    grasp: Grasp | None = None


def steps_of(facts: MotionFacts) -> list[Step]:
    """Return the steps of all acting arms in the order in which they begin."""
    found = [step for arm in facts.acting for step in _steps_of(arm, facts.end_s)]
    return sorted(found, key=lambda step: (step.from_s, step.to_s))


def rows_of(facts: MotionFacts, language: str = "en") -> list[Annotation]:
    """Return everything as rows, the sentences in `language` (en, zh); what is not known is not there."""
    steps = steps_of(facts)
    rows = list(_episode_rows(facts))
    sentences: list[tuple[str, float]] = []
    for number, step in enumerate(steps, start=1):
        text, sure = sentence_of(step.arm, step.kind, step.grasp, language)
        sentences.append((text, sure))
        rows += _step_rows(facts, step, number)
        rows.append(_row(facts, step.from_s, step.to_s, TEXT, "step", text, sure, number))
    if sentences:
        fine = ("" if language == "zh" else " ").join(text for text, _ in sentences)
        rows.append(_row(facts, 0.0, facts.end_s, TEXT, "fine", fine, min(sure for _, sure in sentences), 0))
    return rows


def _steps_of(arm: ArmFacts, end_s: float) -> Iterator[Step]:
    begin_s, stop_s = arm.moves_s or (0.0, end_s)
    at_s = min([begin_s, *(move.begin_s for move in arm.fingers[:1])])
    if not arm.grasps:
        yield Step(arm, "reach", at_s, max(at_s, stop_s))
        return
    for number, grasp in enumerate(arm.grasps):
        shut_s = grasp.close.end_s
        yield Step(arm, "grasp" if grasp.is_try else "close", min(at_s, grasp.close.begin_s), shut_s, grasp)
        next_s = arm.grasps[number + 1].close.begin_s if number + 1 < len(arm.grasps) else end_s
        opened = grasp.open
        if grasp.close.held:
            until_s = opened.begin_s if opened is not None else max(shut_s, min(stop_s, next_s))
            yield Step(arm, "hold", shut_s, max(shut_s, until_s), grasp)
        at_s = shut_s
        if opened is not None:
            at_s = opened.end_s
            if grasp.close.held and not grasp.failed:
                last = number + 1 == len(arm.grasps)
                to_s = max(opened.end_s, stop_s) if last else opened.end_s
                yield Step(arm, "release", opened.begin_s, to_s, grasp)


def _episode_rows(facts: MotionFacts) -> Iterator[Annotation]:
    def said(slot: str, value: str, sure: float) -> Annotation:
        return _row(facts, 0.0, facts.end_s, dimension_of(slot), slot, value, sure, 0)

    acting = facts.acting
    if acting:
        actor = "both_arms" if len(acting) == 2 else f"{acting[0].side}_arm"
        yield said("active_actor", actor, min(arm.confidence for arm in acting))
    if facts.coordination is not None:
        found = facts.coordination
        yield _row(facts, found.from_s, found.to_s, dimension_of("interaction_type"), "interaction_type",
                   f"{found.kind} (the {found.first} arm {_part(found.kind)})", found.confidence, 0)  # fmt: skip
    for arm in acting:
        for phase in arm.phases:
            if phase.name != "idle":
                yield _row(facts, phase.from_s, phase.to_s, dimension_of("primitive_action"), "primitive_action",
                           f"{arm.side} arm: {phase.name}", arm.confidence, 0)  # fmt: skip
    attempts = max((grasp.attempt for arm in acting for grasp in arm.grasps), default=1)
    if attempts > 1:
        yield said("attempt_count", str(attempts), 0.9)
        last = [grasp for arm in acting for grasp in arm.grasps if grasp.attempt > 1][-1]
        yield said("recovery_result", "failed" if last.failed else "grasped", last.close.confidence)


def _part(kind: str) -> str:
    return {"hand-over": "gives", "stabilise and act": "holds"}.get(kind, "begins")


def _step_rows(facts: MotionFacts, step: Step, number: int) -> Iterator[Annotation]:
    def said(slot: str, value: str, sure: float, from_s: float = step.from_s, to_s: float = step.to_s) -> Annotation:
        return _row(facts, from_s, to_s, dimension_of(slot), slot, value, sure, number)

    yield said("active_actor", f"{step.arm.side}_arm", step.arm.confidence)
    grasp = step.grasp
    if grasp is None:
        if step.arm.reach is not None and step.arm.reach.side in APPROACHES:
            yield said("approach_direction", step.arm.reach.side, step.arm.reach.confidence)
        for move in step.arm.fingers:
            yield said("gripper_state", f"{step.arm.side} gripper opens", SURE, move.begin_s, move.end_s)
        return
    if step.kind in ("grasp", "close"):
        yield from _closing_rows(said, step.arm, grasp)
    elif step.kind == "hold":
        yield from _hold_rows(said, grasp)
    elif grasp.open is not None:
        yield said(
            "gripper_state", f"{step.arm.side} gripper opens and lets go", SURE, grasp.open.begin_s, grasp.open.end_s
        )


def _closing_rows(said: Said, arm: ArmFacts, grasp: Grasp) -> Iterator[Annotation]:
    close = grasp.close
    on = "something" if close.held else "nothing"
    yield said("gripper_state", f"{arm.side} gripper closes on {on}", close.confidence, close.begin_s, close.end_s)
    if grasp.is_try and grasp.approach is not None:
        if grasp.approach.side in APPROACHES:
            yield said("approach_direction", grasp.approach.side, grasp.approach.confidence)
        if grasp.approach.fingers and close.held:
            yield said("contact_region", grasp.approach.fingers, 0.9)
    if grasp.attempt > 1:
        yield said("retry", f"the {arm.side} arm tries again (attempt {grasp.attempt})", 0.9)
    if grasp.is_try and grasp.failed:
        why = "the gripper closed on nothing" if close.lost_s is None else "the gripper lost what it held"
        yield said("failure", why, close.confidence)


def _hold_rows(said: Said, grasp: Grasp) -> Iterator[Annotation]:
    if grasp.turn is not None:
        turn = grasp.turn
        yield said("rotation_direction", turn.sense, turn.confidence, turn.from_s, turn.to_s)
        yield said("rotation_angle", f"{abs(turn.angle_rad) * 57.29578:.0f} degrees", turn.confidence, turn.from_s,
                   turn.to_s)  # fmt: skip
    elif grasp.carry is not None and grasp.carry.direction:
        carry = grasp.carry
        yield said("translation_direction", carry.direction, OFFSET_CONFIDENCE)
        yield said("translation_extent", f"{carry.extent_m:.2f} m", OFFSET_CONFIDENCE)
        if carry.shape and grasp.open is not None:
            yield said("path_shape", carry.shape, carry.shape_confidence)


def _row(
    facts: MotionFacts,
    from_s: float,
    to_s: float,
    dimension: str,
    slot: str,
    value: str,
    confidence: float,
    step: int,
) -> Annotation:
    begin = min(max(from_s, 0.0), facts.end_s)
    return Annotation(
        facts.episode, begin, min(max(to_s, begin), facts.end_s), dimension, slot, value, SOURCE,
        min(max(confidence, 0.0), SURE), step,
    )  # fmt: skip
