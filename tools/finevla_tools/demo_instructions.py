"""The programme of the demonstration: pairs of instructions that differ in one factor each, in unseen scenes."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from finevla_sim.scene import BOWLS, Scene
from finevla_sim.scene_sampling import TEST_SEEDS
from finevla_sim.tasks import FACTORS, GRASPS, PATHS, TURNS, Goal, candidates, default_arm, post_bowl

PAIRS = (
    ("reach", "arm"),
    ("reach", "target"),
    ("reach", "approach"),
    ("pick", "grasp"),
    ("detour", "path"),
    ("place_color", "place"),
    ("turn", "turn"),
)
TELLING = ("arm", "target", "approach", "path")  # what is shown unless all is asked for
PICTURED = "target"
DEMO_SEEDS = TEST_SEEDS + 900_000


@dataclass(frozen=True)
class DemoStep:
    """One instruction of the programme: scene seed, words, what obeying it means, and which factors the words name.

    `factor` is what differs from the other of the pair.
    """

    seed: int
    text: str
    goal: Goal
    told: tuple[str, ...]
    factor: str = ""


def programme(scene_of: Callable[[int, str], Scene], has_all: bool = True) -> list[DemoStep]:
    """Two instructions in each of seven unseen scenes, or of the four most telling: pairs that differ in one factor each."""
    acts: list[DemoStep] = []
    for k, (task, factor) in enumerate(PAIRS):
        if not has_all and factor not in TELLING:
            continue
        seed = DEMO_SEEDS + k
        scene = scene_of(seed, task)
        acts += [_act(seed, scene, goal, factor) for goal in _pair(scene, task, factor)]
    return acts


def _pair(scene: Scene, task: str, factor: str) -> tuple[Goal, Goal]:
    """Return two goals that differ in one factor only."""
    first, *others = candidates(scene)
    arm = default_arm(first)
    goal = Goal(task, arm, first.name)
    choices: dict[str, tuple[str, str]] = {
        "arm": ("left", "right"),
        "target": (first.name, others[0].name if others else ""),
        "approach": ("left", "right"),
        "grasp": GRASPS,
        "path": PATHS,
        "place": (BOWLS[0], BOWLS[1]),
        "turn": TURNS,
    }
    if factor == "place":
        goal = replace(goal, arm="right")  # left hand to right bowl is the combination that it never learned
    if factor == "path":
        goal = replace(goal, arm=post_bowl(scene).removesuffix("_bowl"), place=post_bowl(scene))
    one, other = choices[factor]
    return replace(goal, **{factor: one}), replace(goal, **{factor: other})


def _act(seed: int, scene: Scene, goal: Goal, factor: str) -> DemoStep:
    """Plain words, the same for both of a pair but for what differs."""
    said = goal.target.replace("_", " ")
    side = goal.place.removesuffix("_bowl")
    texts = {
        "arm": f"reach the {said} with the {goal.arm} arm",
        "target": f"using the {goal.arm} arm, go to the {said}",
        "approach": f"with the {goal.arm} arm, reach for the {said} from the {goal.approach}",
        "grasp": f"with the {goal.arm} arm, pick up the {said}, holding it {goal.grasp}",
        "path": f"with the {goal.arm} arm, grab the {said} and bring it {goal.path} the post into the {side} bowl",
        "place": f"with the {goal.arm} arm, put the {said} into the {side} bowl",
        "turn": f"with the {goal.arm} arm, turn the {said} {goal.turn}",
    }
    fields = {field: name for name, field in FACTORS.items()}
    told = dict.fromkeys(("active_actor", "target_object", fields[factor]))
    return DemoStep(seed, texts[factor], goal, tuple(told), factor)
