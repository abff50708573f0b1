"""What SteerBench is made of: its name, version, levels and settings; does not import the simulator's physics."""

from dataclasses import dataclass

from finevla_sim.tasks import EITHER_BOWL, TASKS
from finevla_tools.evaluation.scene_counts import PAIRED

NAME, VERSION = "SteerBench", 1
SEED = 1  # of the frozen cases; another one would be another version
ROUNDS = 100  # cases of each setting on each level


@dataclass(frozen=True)
class Setting:
    """One setting: the kind of case that `finevla evaluate` makes pairs of (its factor, or held_out) and its tasks.

    `paper` is its name in FineVLA's real-robot table (arXiv 2605.27284), "" if it is not there.
    """

    name: str
    paper: str
    kind: str
    tasks: tuple[str, ...]
    text: str

    @property
    def factors(self) -> tuple[str, ...]:
        """The factors that must be obeyed for a trial of it to count as steered."""
        return ("active_actor", "final_configuration") if self.kind == "held_out" else (self.kind,)


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting(
            "clean",
            "Clean Table",
            "approach_direction",
            ("clean",),
            "everything into a bowl; the pair differs in the side from which the hand comes to the first thing",
        ),
        Setting(
            "stack",
            "Stack Block",
            "final_configuration",
            ("stack",),
            "one thing on another; the pair differs in the thing below",
        ),
        Setting(
            "colour",
            "Color",
            "target_object",
            ("place_color",),
            "things of one shape; the pair differs in the colour of the one to put away",
        ),
        Setting("pose", "Pose", "contact_region", PAIRED["contact_region"], "which way the fingers close on the thing"),
        Setting(
            "approach",
            "Approach",
            "approach_direction",
            tuple(task for task in TASKS if task not in ("clean", "stack")),
            "from which side the hand comes",
        ),
        Setting("rotation", "Rotate", "rotation_direction", PAIRED["rotation_direction"], "which way a knob is turned"),
        Setting("arm", "Arm", "active_actor", PAIRED["active_actor"], "which arm acts"),
        Setting(
            "hand_bowl",
            "L→R",
            "held_out",
            EITHER_BOWL,
            "left hand to right bowl, never trained; one trial a case, since the other half would be trained",
        ),
        Setting("path", "", "path_shape", PAIRED["path_shape"], "over the post or round it"),
        Setting("placement", "", "final_configuration", EITHER_BOWL, "into which bowl"),
    )
}
TRAINED = tuple(name for name, setting in SETTINGS.items() if setting.paper and setting.kind != "held_out")
IN_PAPER = tuple(name for name, setting in SETTINGS.items() if setting.paper)
