"""The ten factors, given as data, to the slots of a sentence: read by the same words as a text, or refused by name."""

from finevla_core.instruction import Factors
from finevla_core.language.english_reader import read_english
from finevla_core.language.slots import SLOTS
from finevla_core.understanding import NotUnderstood

ARMS = {"left_arm": "left", "right_arm": "right"}
REGIONS = {"left and right side": "sideways", "sides": "sideways", "front and back": "lengthways", "ends": "lengthways"}
# Factors that a policy of this table can do nothing about; they describe, or ask for, what the slots have no word for.
DESCRIPTIVE = (
    "target_material", "initial_pose", "initial_workspace_location", "initial_relation", "initial_state", "final_pose",
    "final_state", "translation_direction", "translation_extent", "rotation_angle", "interaction_type", "affected_object",
    "effect", "failure", "retry", "recovery_result", "attempt_count", "action_sequence",
)  # fmt: skip
SHAPE_WORDS = frozenset(SLOTS["shape"][1:])
MOTIONS = ("base_motion", "torso_motion", "camera_motion")
STILL = ("none", "no", "static", "still", "fixed", "stationary", "no motion", "无", "静止")


def slots_of(factors: Factors) -> dict[str, str]:
    """Return the slots that `factors` fill; raises `NotUnderstood` for a value that no slot has a word for."""
    slots: dict[str, str] = {}
    if factors.active_actor:
        slots["arm"] = _choice("active_actor", factors.active_actor, ARMS)
    slots |= _target(factors)
    if factors.approach_direction:
        slots["approach"] = _choice(
            "approach_direction", factors.approach_direction, {w: w for w in SLOTS["approach"][1:]}
        )
    if factors.contact_region:
        slots["grasp"] = _choice("contact_region", factors.contact_region.strip().lower(), REGIONS)
    if factors.path_shape:
        slots |= _phrase("path_shape", factors.path_shape, "carry the cube {} and put it in the left bowl", ("path",))
    if factors.rotation_direction:
        slots |= _phrase("rotation_direction", factors.rotation_direction, "turn the knob {}", ("turn",))
    if factors.final_workspace_location:
        slots |= _phrase(
            "final_workspace_location", factors.final_workspace_location, "put the cube in the {}", ("place",)
        )
    if factors.final_relation:
        wanted = ("place", "below_color", "below_shape")
        slots |= _phrase("final_relation", factors.final_relation, "put the small thing {}", wanted)
    for name in MOTIONS:
        value = getattr(factors, name)
        if value and value.strip().lower() not in STILL:
            raise NotUnderstood(f"factor '{name}' is '{value}': this robot stands still; leave it out", (value,))
    return slots


def not_used(factors: Factors) -> tuple[str, ...]:
    """Return the names of the factors that carry a value and fill no slot."""
    return tuple(name for name in factors.said() if name in DESCRIPTIVE)


def _target(factors: Factors) -> dict[str, str]:
    category = (factors.target_category or "").strip().lower()
    if category.startswith(("every", "all")):
        return {}
    shape = (factors.target_shape_or_size or "").strip().lower()
    words = [
        w for w in ((factors.target_color or "").strip().lower(), shape, category if category != "object" else "") if w
    ]
    if not words:
        return {}
    name = " ".join(dict.fromkeys(" ".join(words).split()))
    sentence = "reach the {}" if SHAPE_WORDS & set(name.split()) else "reach the {} thing"
    return _phrase("target", name, sentence, ("color", "shape", "size"))


def _phrase(name: str, value: str, sentence: str, wanted: tuple[str, ...]) -> dict[str, str]:
    """Read a factor's words as a person would say them in `sentence`, and keep the slots that it is about."""
    reading = read_english(sentence.format(value.replace("_", " ").strip()))
    slots = {slot: reading.slots[slot] for slot in wanted if slot in reading.slots}
    if reading.refusal or not slots:
        known = ", ".join(f"'{word}'" for slot in wanted for word in SLOTS[slot] if word)
        raise NotUnderstood(f"factor '{name}' is '{value}'; this policy knows {known}", reading.unknown or (value,))
    return slots


def _choice(name: str, value: str, choices: dict[str, str]) -> str:
    if value not in choices:
        known = ", ".join(f"'{word}'" for word in choices)
        raise NotUnderstood(f"factor '{name}' is '{value}'; this policy knows {known}", (value,))
    return choices[value]
