"""Sentences for goals: raw ones say what to do, fine ones also how; every statement is true of the motion.

Each sentence comes with its content slot by slot, so nobody has to parse what it states.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from finevla_core.instruction import Factors, Instruction
from finevla_sim.scene import BOWLS, KNOB, Scene, SceneObject
from finevla_sim.sentence_grammar import expand
from finevla_sim.tasks import PUTS, Goal

# Words of the grammar that carry no meaning of their own: whatever stands in their place, the sentence says the same.
FILLERS = frozenset(
    {"a", "and", "coming", "do", "employ", "entering", "going", "have", "is", "item", "make", "means", "moving", "object",
     "please", "rely", "that", "the", "then", "thing", "this", "travel", "use", "using", "work", "your"}
)  # fmt: skip
HOW = ("arm", "approach", "grasp", "path")  # what fine sentences add; the rest says what

COLOR = {
    "red": "(red|red|red|crimson|scarlet|ruby|~cherry red|~bright red)",
    "green": "(green|green|green|emerald|lime green|grass green|~leaf green|~dark green)",
    "blue": "(blue|blue|blue|navy|azure|sky blue|~deep blue|~navy blue)",
    "yellow": "(yellow|yellow|yellow|golden|lemon|lemon yellow|~golden yellow|~bright yellow)",
    "purple": "(purple|purple|purple|violet|magenta|lilac|~dark purple|~violet purple)",
    "orange": "(orange|orange|orange|tangerine|amber|bright orange|~deep orange|~pumpkin orange)",
}
COLORED = "(||| coloured| colored|~-coloured|~-tinted)"
SIZE = {
    "small": "(small|little|smaller|tiny|mini|smallest|~littlest|~very small)",
    "big": "(big|large|bigger|huge|larger|giant|biggest|~largest|~very big)",
}
SHAPE = {
    "cube": "(cube|block|box|square block|dice|crate|cubic block|~square box|~cubic box)",
    "cylinder": "(cylinder|can|tin|drum|tube|round can|barrel|canister|tin can|~round tin|~can of tin)",
    "ball": "(ball|sphere|round ball|marble|globe|orb|~round sphere|~spherical object)",
    "brick": "(brick|bar|long brick|slab|ingot|flat bar|~long bar|~flat brick)",
    KNOB: "(knob|dial|rotary knob|control knob|turning knob|rotary switch|~rotary dial|~control dial)",
}
ANYTHING = "(object|thing|one|item|piece|~element|~body)"
IT = "(it|the object|that|this|~the thing)"

HAND = "{arm} (arm|hand|gripper|manipulator|robot arm|claw|~robotic arm|~robot hand)"
ARM_LAST = f"(with|using|by|by means of|through|via|~employing|~with the help of) (the|your|the robot's|its) {HAND}"
ARM_FIRST = f"(use|take|employ|have|utilise|~make use of) (the|your|the robot's) {HAND} (to|and)"
ARM_APART = (
    "(use|work with|do it with|this is for|move only|employ|rely on|only use|it is the turn of|do this using"
    "|make use of|~operate with|~do all this with)"
    f" (the|your|the robot's) {HAND}"
)

SIDE_FROM = (
    "((from|coming from|approaching from|moving in from|entering from|arriving from|starting from|~coming in from)"
    " (the|its|the object's|~the target's) {side}( side|-hand side|| flank| hand side)"
    "|on a path from the {side}|sideways in from the {side}|~along a line from the {side})"
)
FROM = {
    "top": (
        "(from above|from the top|straight from above|top down|straight down|coming down from above|from its top"
        "|vertically|from overhead|descending vertically|from up high|from right above"
        "|~directly from above|~straight from the top)"
    ),
    "left": SIDE_FROM.format(side="left").replace("sideways in from", "in from"),
    "right": SIDE_FROM.format(side="right").replace("sideways in from", "in from"),
    "front": (
        "((from|coming from|approaching from|moving in from|entering from|arriving from|~coming in from)"
        " (the|its|the object's) (front|far side|front side|far end|~far front)"
        "|from the side away from you|from beyond it|from behind it|from the distant side|~from the far end of it)"
    ),
}
FROM_APART = "(approach it|come in|move in|the gripper comes|go in|enter|get there|~travel in) {how}"
GRASP = {
    "sideways": (
        "((gripping|holding|pinching|clasping|grasping|~clamping) it"
        " (sideways|from side to side|by its sides|across|laterally|~at its sides)"
        "|with the fingers (at its sides|beside it|on either side|left and right of it|~to its left and right))"
    ),
    "lengthways": (
        "((gripping|holding|pinching|clasping|grasping|~clamping) it"
        " (lengthways|lengthwise|front to back|from front and back|fore and aft|~at its front and back)"
        "|with (one finger in front and one behind|a finger before it and one behind it|one finger ahead and one behind"
        "|~the fingers in front and behind))"
    ),
}
GRASP_APART = {
    "sideways": (
        "(grip|hold|pinch|clasp|grasp|~clamp) it (sideways|from side to side|by its sides|across|laterally|~at its sides)"
    ),
    "lengthways": (
        "(grip|hold|pinch|clasp|grasp|~clamp) it"
        " (lengthways|lengthwise|front to back|from front and back|fore and aft|~at its front and back)"
    ),
}
CONTACT_REGIONS = {"sideways": "left and right side", "lengthways": "front and back"}
OBSTACLE = "(the|that) (post|pole|column|pillar|obstacle|stick|~thin post)"
PATH = {
    "over": f"(over|above|across the top of|high over|passing over|up and over|~right over) {OBSTACLE}",
    "round": (
        f"(round|around|past the far side of|passing around|in a curve around|in an arc round|~all around) {OBSTACLE}"
    ),
}
PATH_APART = "(carry|bring|take|convey|move|~transport) it {path}"

REACH = (
    "(reach|go to|move to|reach for|move the gripper to|go over to|point at|head for|reach towards|travel to|hover over"
    "|~move over to|~go towards)"
)
PICK = "(pick up|grasp|grab|take|lift|pick|get|seize|get hold of|snatch|fetch|~take hold of|~lift up)"
PUT = "(put|place|drop|move|put away|bring|deposit|set|carry|~drop off|~set down)"
LAY = "(put|place|set|lay|deposit|rest|~set down|~put down)"
STACK = "(stack|put|place|set|pile|rest|balance|~stack up|~put down)"
TURN = "(turn|rotate|twist|spin|swivel|~turn around|~give a twist to)"
CLEAN = (
    "((clean|clear|tidy up|tidy|clear up|~clean up) the table (and put|by putting|: put|and throw|and drop)"
    " (everything|all objects|all of it|~every object) {into}"
    "|(put|place|move|collect|gather|~bring) (everything|all objects|all the things|every item|~every object) {into}"
    "|(clear|move|sweep|~tidy) (everything|all objects|all things|~every object) (from|off) the table {into})"
)
REACH_END = (
    "(and stop just above it|and hover over it|then hold still with the gripper open|and wait there|and stay right above it"
    "|~and stop right over it)"
)
PICK_END = (
    "(and lift it|then raise it|and lift it off the table|and hold it up|and bring it up into the air|~and raise it up)"
)
INTO = (
    "((in|into|inside|down into) the {side} (bowl|dish|basin|container|cup|~round bowl|~round dish)"
    "|(in|into) the (bowl|dish|basin|container|~round bowl) (on|to|at) the {side}( side|| hand side)"
    "|(in|into) the {side}-hand (bowl|dish|~basin))"
)
ONTO = "(on|onto|on top of|atop|upon|~right on top of|~on the top of)"
WAY = {
    "clockwise": (
        "(clockwise|in clockwise direction|the way a clock goes|as a clock goes|in the direction of the clock|with the clock"
        "|~in the clock's direction)"
    ),
    "counterclockwise": (
        "(counterclockwise|anticlockwise|counter-clockwise|in counterclockwise direction|anti-clockwise|against the clock"
        "|opposite to the clock|~against the clock's direction)"
    ),
}


@dataclass(frozen=True)
class InstructionText:
    """A sentence and the values of its slots, "" for a slot that it does not state."""

    text: str
    slots: dict[str, str]


def how_of(goal: Goal) -> tuple[str, ...]:
    """Return the details of how to do it that a fine sentence may state for this goal."""
    return tuple(name for name in HOW if getattr(goal, name))


def say(goal: Goal, scene: Scene, rng: np.random.Generator, how: Collection[str], split: str) -> InstructionText:
    """Compose a sentence that states what to do, and of how only the parts in `how`."""
    slots = dict.fromkeys(("arm", "approach", "grasp", "path", "turn", "place", "below_color", "below_shape"), "")
    slots |= {"task": _kind(goal), "color": "", "shape": "", "size": "", "turn": goal.turn}
    slots |= {name: getattr(goal, name) for name in how_of(goal) if name in how}
    target = below = ""
    if goal.target:
        target, named = _name(scene.object(goal.target), scene, _dice(rng), split)
        slots |= named
    if goal.place in BOWLS:
        slots["place"] = goal.place
    elif goal.place:
        below, named = _name(scene.object(goal.place), scene, _dice(rng), split)
        slots |= {"place": "object", "below_color": named["color"], "below_shape": named["shape"]}
    text = _Sentence(goal, slots, target, below, rng, split).text()
    return InstructionText(" ".join(text.split()).replace(" in in ", " in "), slots)


def phrasings(
    goal: Goal, scene: Scene, rng: np.random.Generator, count: int, split: str
) -> dict[str, list[InstructionText]]:
    """Return `count` raw and `count` fine sentences; half of the fine ones state every detail, the others some."""
    fine = [say(goal, scene, rng, some_of(how_of(goal), rng), split) for _ in range(count)]
    return {"raw": [say(goal, scene, rng, (), split) for _ in range(count)], "fine": fine}


def some_of(how: tuple[str, ...], rng: np.random.Generator) -> tuple[str, ...]:
    """Draw at least one part of `how`; all of them in half of the cases."""
    some = tuple(name for name in how if rng.random() < 0.6) or (how[rng.integers(len(how))],)
    return how if rng.random() < 0.5 else some


def instruction_of(goal: Goal, scene: Scene, rng: np.random.Generator, split: str) -> Instruction:
    """Return an instruction with a raw text, a fine text and the goal's factors."""
    return Instruction(
        raw=say(goal, scene, rng, (), split).text,
        fine=say(goal, scene, rng, how_of(goal), split).text,
        factors=factors_of(goal, scene),
    )


def factors_of(goal: Goal, scene: Scene) -> Factors:
    """The goal's factors as data."""
    item = scene.object(goal.target) if goal.target else None
    onto = goal.place and goal.place not in BOWLS
    said = goal.place.replace("_", " ")
    return Factors(
        action_sequence=_steps(goal, said),
        active_actor=f"{goal.arm}_arm",
        target_category="object" if item else "every object",
        target_color=item.color if item else None,
        target_shape_or_size=" ".join(w for w in (item.size, item.shape) if w) if item else None,
        final_workspace_location=said if goal.place and not onto else None,
        final_relation=f"on top of the {said}" if onto else None,
        contact_region=CONTACT_REGIONS.get(goal.grasp),
        approach_direction=goal.approach,
        rotation_direction=goal.turn or None,
        path_shape={"over": "over the post", "round": "round the post"}.get(goal.path),
    )


def _steps(goal: Goal, place: str) -> tuple[str, ...]:
    if goal.task in PUTS:
        it = "each object" if goal.task == "clean" else "the target"
        return (f"grasp {it}", f"place it {'in' if goal.place in BOWLS else 'on'} the {place}")
    steps = {"reach": ("reach the target",), "pick": ("grasp the target", "lift it")}
    return steps.get(goal.task, ("grasp the target", f"turn it {goal.turn}"))


def _kind(goal: Goal) -> str:
    """The task as a policy tells it from words: pick-and-place tasks differ in their scenes only."""
    return "place" if goal.task in ("place_color", "place_shape", "place_size", "detour") else goal.task


def _name(item: SceneObject, scene: Scene, rng: np.random.Generator, split: str) -> tuple[str, dict[str, str]]:
    """A name that fits no other object, and the slots it fills."""
    others = [o for o in scene.objects if o.name != item.name]
    ways = [("color", "shape")] * 2
    if all(o.color != item.color for o in others):
        ways.append(("color",))
    if all(o.shape != item.shape for o in others):
        ways.append(("shape",))
    way = ways[rng.integers(len(ways))]
    if item.size:
        way = ("size", *(way if any(o.size == "" for o in others) or rng.random() < 0.5 else ("shape",)))
    words = [expand(SIZE[item.size], rng, split) if "size" in way else ""]
    words.append(expand(COLOR[item.color] + COLORED, rng, split) if "color" in way else "")
    words.append(expand(SHAPE[item.shape] if "shape" in way else ANYTHING, rng, split))
    named = {slot: getattr(item, slot) if slot in way else "" for slot in ("color", "shape", "size")}
    return "the " + " ".join(word for word in words if word), named


class _Sentence:
    """Puts one together: what there is to say of how stands in the main clause, or in sentences of its own."""

    def __init__(
        self, goal: Goal, slots: dict[str, str], target: str, below: str, rng: np.random.Generator, split: str
    ) -> None:
        self.goal, self.slots, self.target, self.below = goal, slots, target, below
        self.rng, self.split = rng, split
        self.before: list[str] = []
        self.after: list[str] = []

    def text(self) -> str:
        arm_first, arm_last = self._arm()
        main = self._main(*self._adjuncts())
        clause = f"{arm_first} {main} {arm_last}".strip()
        if arm_first and not arm_first.endswith((" to", " and")) and self._odds(0.5):
            clause = f"{arm_first}, {main}"
        if self._odds(0.1):
            clause = f"please {clause}"
        parts = [*self.before, clause, *self.after]
        if len(parts) > 1 and self._odds(0.5):
            return " ".join(_capital(part) + "." for part in parts)
        joiner = ("; ", ", then ", ". ")[self.rng.integers(3)] if len(parts) > 1 else ""
        text = joiner.join(parts) if joiner != ", then " else ", ".join(parts)
        text = _capital(text) if self._odds(0.5) else text
        return text + "." if self._odds(0.4) else text

    def _arm(self) -> tuple[str, str]:
        """What stands before and after the main clause about the arm."""
        if not (arm := self.slots["arm"]):
            return "", ""
        way = self.rng.random()
        if way < 0.25:
            (self.before if self._odds(0.6) else self.after).append(self._expand(ARM_APART, arm=arm))
            return "", ""
        if way < 0.5:
            return self._expand(ARM_FIRST, arm=arm), ""
        last = self._expand(ARM_LAST, arm=arm)
        return (last, "") if self._odds(0.4) else ("", last)

    def _adjuncts(self) -> tuple[str, str]:
        """How to come and grip, within the main clause; and the path, where the carrying is said."""
        near = []
        if approach := self.slots["approach"]:
            how = self._expand(FROM[approach])
            if self._odds(0.3):
                self.after.append(self._expand(FROM_APART, how=how))
            else:
                near.append(how)
        if grasp := self.slots["grasp"]:
            if self._odds(0.3):
                self.after.append(self._expand(GRASP_APART[grasp]))
            else:
                near.append(self._expand(GRASP[grasp]))
        path = ""
        if self.slots["path"]:
            path = self._expand(PATH[self.slots["path"]])
            if self._odds(0.4):
                self.after.append(self._expand(PATH_APART, path=path))
                path = ""
        return " ".join(near), path

    def _main(self, near: str, path: str) -> str:
        task, target = self.slots["task"], self.target
        if task == "reach":
            end = self._expand(REACH_END) if self._odds(0.35) else ""
            return f"{self._expand(REACH)} {target} {near} {end}".strip()
        if task == "pick":
            end = self._expand(PICK_END) if self._odds(0.35) else ""
            return f"{self._expand(PICK)} {target} {near} {end}".strip()
        if task == "turn":
            way = self._expand(WAY[self.goal.turn])
            if self._odds(0.3):
                return f"{self._expand(PICK)} {target} {near} and {self._expand(TURN)} it {way}"
            return f"{self._expand(TURN)} {target} {way} {near}".strip()
        into = self._into()
        if task == "clean":
            clean = self._expand(CLEAN).replace("{into}", into)
            return f"{clean} {near}".strip()
        put, pick = (STACK if self.below else PUT), self._expand(PICK)
        if near or path or self._odds(0.4):
            it = self._expand(IT)
            return f"{pick} {target} {near} and {self._expand(LAY if self.below else PUT)} {it} {path} {into}"
        return f"{self._expand(put)} {target} {into}"

    def _into(self) -> str:
        if self.below:
            return f"{self._expand(ONTO)} {self.below}"
        return self._expand(INTO, side=self.goal.place.removesuffix("_bowl"))

    def _expand(self, pattern: str, **words: str) -> str:
        for name, word in words.items():
            pattern = pattern.replace("{" + name + "}", word)
        return expand(pattern, _dice(self.rng), self.split)

    def _odds(self, share: float) -> bool:
        return bool(self.rng.random() < share)


def _dice(rng: np.random.Generator) -> np.random.Generator:
    """Dice of its own for a part of a sentence: another word there leaves all other parts as they are."""
    return np.random.default_rng(rng.integers(2**32))


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
