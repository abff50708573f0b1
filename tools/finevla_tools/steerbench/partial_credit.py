"""Partial credit: 0 to 100 points of a trial, by milestones that are named and that the judge reads off ground truth."""

from collections.abc import Mapping

from finevla_sim.judge import TaskOutcome, obeyed
from finevla_sim.scene import Scene
from finevla_sim.tasks import PUTS, Goal
from finevla_tools.evaluation.trials import Trial

# Weights; those that a trial has are scaled to 100 together. What stands behind "object" counts with the right thing only.
WEIGHTS = {"arm": 10, "object": 20, "approach": 15, "grasp": 15, "held": 15, "path": 15, "goal": 40}
TEXTS = {
    "arm": "the arm that was told, and no other, did the work",
    "object": "it came to the thing that was told (clean: to anything)",
    "approach": "from the side that was told",
    "grasp": "its fingers closed the way that was told",
    "held": "the thing was off the table; a knob turned, whichever way",
    "path": "the thing went past the post the way that was told, and the post stood",
    "goal": "what the task is for: reached, lifted, turned as told, or put where told (clean: the share of the things)",
}
FACTOR_OF = {
    "arm": "active_actor",
    "object": "target_object",
    "approach": "approach_direction",
    "grasp": "contact_region",
    "path": "path_shape",
}


def milestones(trial: Trial, outcome: TaskOutcome, scene: Scene) -> dict[str, float]:
    """Return the milestones of a trial, in order, each with the share that was earned, 0 to 1.

    How to do it (arm, side, grasp, path) has a milestone only where the sentence told it.
    """
    goal, done = trial.goal, obeyed(trial.goal, outcome)
    has_object = done["target_object"]
    earned = {"arm": float(done["active_actor"]), "object": float(has_object)}
    for name in ("approach", "grasp", "path"):
        earned[name] = float(has_object and done.get(FACTOR_OF[name], False))
    earned["held"] = float(has_object and _is_held(goal, outcome))
    earned["goal"] = _reached(goal, outcome, scene) if has_object else 0.0
    return {name: earned[name] for name in WEIGHTS if _counts(name, trial)}


def nothing_earned(trial: Trial) -> dict[str, float]:
    """Return the milestones of a trial in which the policy failed."""
    return {name: 0.0 for name in WEIGHTS if _counts(name, trial)}


def points(earned: Mapping[str, float]) -> float:
    """Return the points of a trial, 0 to 100, by the shares of its milestones."""
    whole = sum(WEIGHTS[name] for name in earned)
    return round(100.0 * sum(WEIGHTS[name] * share for name, share in earned.items()) / whole, 6)


def _counts(name: str, trial: Trial) -> bool:
    if name == "held":
        return trial.goal.task not in ("reach", "pick")  # of which it is no part, or the goal
    factor = FACTOR_OF.get(name)
    return factor is None or name == "object" or factor in trial.told


def _is_held(goal: Goal, outcome: TaskOutcome) -> bool:
    if goal.task == "turn":
        return outcome.turned == goal.target
    return bool(outcome.lifted) and goal.target in ("", outcome.lifted)


def _reached(goal: Goal, outcome: TaskOutcome, scene: Scene) -> float:
    """How much of what the task is for was done, 0 to 1, asked of the right thing only."""
    if goal.task == "clean":
        return sum(place == goal.place for _, place in outcome.places) / len(scene.objects)
    if goal.task == "reach":
        return 1.0
    if goal.task == "turn":
        return float(outcome.turned == goal.target and outcome.turn == goal.turn)
    is_lifted = outcome.lifted == goal.target
    if goal.task not in PUTS:
        return float(is_lifted)
    return float(is_lifted and outcome.place == goal.place and not outcome.post_fell)
