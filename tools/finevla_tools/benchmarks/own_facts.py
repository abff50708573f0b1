"""Atomic facts of an episode from its reviewed ten dimensions: no model has a part in it.

One fact for each slot and step, with the published names; what says nothing ("object") is no fact.
"""

from collections.abc import Mapping
from typing import Any

from finevla_tools.annotate.annotation import TEXT, Annotation
from finevla_tools.benchmarks.capabilities import CAPABILITIES, published_slot
from finevla_tools.benchmarks.caption_repair import AtomicFact
from finevla_tools.datasets.annotation_table import current
from finevla_tools.datasets.episode_words import EpisodeWords

EMPTY_VALUES = frozenset({"object", "thing", "item", "target"})  # of a category: true of everything
# How a fact is told; {} is its value. Slots by the published names.
TOLD: Mapping[str, str] = {
    "primitive_action": "The robot does this: {}.",
    "gripper_state": "The gripper does this: {}.",
    "actor": "The acting arm is: {}.",
    "category": "The thing that is handled is: {}.",
    "color": "The colour of the thing that is handled is: {}.",
    "material": "The material of the thing that is handled is: {}.",
    "shape_or_size": "The shape or size of the thing that is handled is: {}.",
    "initial_pose": "Before, the thing lies or stands like this: {}.",
    "initial_workspace_location": "Before, the thing is at this place: {}.",
    "initial_relation": "Before, the thing is placed to others like this: {}.",
    "initial_state": "Before, the thing is in this state: {}.",
    "final_pose": "In the end the thing lies or stands like this: {}.",
    "final_workspace_location": "In the end the thing is at this place: {}.",
    "final_relation": "In the end the thing is placed to others like this: {}.",
    "final_state": "In the end the thing is in this state: {}.",
    "contact_region": "The gripper touches the thing here: {}.",
    "approach_direction": "The gripper comes to the thing from this side: {}.",
    "translation_direction": "The thing is moved in this direction: {}.",
    "translation_extent": "The thing is moved this far: {}.",
    "rotation_direction": "The thing is turned in this sense: {}.",
    "rotation_angle": "The thing is turned this far: {}.",
    "path_shape": "The way that the thing takes is: {}.",
    "interaction_type": "What is done to something else is: {}.",
    "affected_object": "What is affected besides is: {}.",
    "effect": "The effect on it is: {}.",
    "failure": "What fails is: {}.",
    "retry": "What is tried again is: {}.",
    "recovery_result": "What comes of trying again is: {}.",
    "attempt_count": "The number of tries is: {}.",
    "base_motion": "The base moves like this: {}.",
    "torso_motion": "The torso moves like this: {}.",
    "camera_motion": "The camera moves like this: {}.",
}


def own_facts(
    words: EpisodeWords, truth: Mapping[str, Any] | None = None, unreviewed: bool = False
) -> list[AtomicFact]:
    """Return the facts of an episode, in the order of the capabilities; drafts count only if `unreviewed`.

    `truth` is what the simulator knows of a demonstration; it adds the number of tries of a grasp.
    """
    rows = [row for row in current(words.annotations, unreviewed) if row.dimension != TEXT]
    found: list[AtomicFact] = []
    for capability in CAPABILITIES:
        told = [(published_slot(row.slot), _value(row), row.step) for row in rows if row.dimension == capability]
        is_known = any(slot == "attempt_count" for slot, _, _ in told)
        if capability == "failure_and_recovery" and truth and truth.get("closings") and not is_known:
            told.append(("attempt_count", str(1 + int(truth.get("retries", 0))), 0))
        for slot, value, step in dict.fromkeys(told):
            if slot == "category" and value in EMPTY_VALUES:
                continue
            number = sum(fact.capability == capability for fact in found) + 1
            anchor = f"step_{step}" if step else ""
            found.append(
                AtomicFact(f"{capability}_{number}", capability, slot, value, TOLD[slot].format(value), anchor)
            )
    return found


def _value(row: Annotation) -> str:
    return " ".join(row.value.replace("_", " ").split())
