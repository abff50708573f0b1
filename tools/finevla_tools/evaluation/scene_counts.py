"""Kinds of cases in an evaluation and numbers of scenes; does not import the simulator."""

from dataclasses import dataclass

from finevla_sim.tasks import EITHER_BOWL, TASKS

# The tasks that pairs about a factor are made of, in turn.
PAIRED = {
    "active_actor": ("reach", "pick", *EITHER_BOWL, "stack", "turn"),
    "target_object": ("reach", "pick", *EITHER_BOWL, "stack"),
    "approach_direction": tuple(TASKS),
    "contact_region": ("pick",),
    "path_shape": ("detour",),
    "final_configuration": (*EITHER_BOWL, "stack"),
    "rotation_direction": ("turn",),
}
KINDS = (*PAIRED, "task", "hard", "held_out")


@dataclass(frozen=True)
class Size:
    """Numbers of scenes: `pairs` per factor, `tasks` and `hard` per task, `held_out` in all."""

    pairs: int = 60
    tasks: int = 20
    hard: int = 10
    held_out: int = 60


QUICK = Size(pairs=6, tasks=2, hard=1, held_out=6)
SUMMARY = "summary.json"  # in the folder of an evaluation that is finished
