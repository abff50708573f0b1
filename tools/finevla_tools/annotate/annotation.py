"""One statement about an episode: a slot of the ten dimensions or a text, with its time, its source and how sure it is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from finevla_core.errors import FineVLAError, unknown

# The ten dimensions (arXiv 2605.27284) in their fixed order; slots have the names of `finevla_core.instruction.Factors`.
DIMENSIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "action_sequence": ("primitive_action", "gripper_state"),
        "active_actor": ("active_actor",),
        "target_object": ("target_category", "target_color", "target_material", "target_shape_or_size"),
        "initial_configuration": (
            "initial_pose",
            "initial_workspace_location",
            "initial_relation",
            "initial_state",
        ),
        "final_configuration": ("final_pose", "final_workspace_location", "final_relation", "final_state"),
        "contact_and_approach": ("contact_region", "approach_direction"),
        "trajectory_and_orientation": (
            "translation_direction",
            "translation_extent",
            "rotation_direction",
            "rotation_angle",
            "path_shape",
        ),
        "object_interaction": ("interaction_type", "affected_object", "effect"),
        "failure_and_recovery": ("failure", "retry", "recovery_result", "attempt_count"),
        "body_motion": ("base_motion", "torso_motion", "camera_motion"),
    }
)
TEXT = "text"  # beside the ten: words, of which the fine text is composed of the steps
# InstructVLA's four types (arXiv 2507.17520): a caption, and three whose value is "what a person says => what it answers".
CAPTION = "caption"
SPOKEN_SLOTS = ("question_answering", "command_rewriting", "context_creation")
SPOKEN_MARK = " => "
DERIVED_SLOTS = ("paraphrase", CAPTION, *SPOKEN_SLOTS)  # what motion says of these follows from its other rows
TEXT_SLOTS = ("raw", "fine", "step", *DERIVED_SLOTS)
SOURCES = ("operator", "motion", "vlm", "human")
DRAFT, APPROVED, REJECTED = "draft", "approved", "rejected"
STATUSES = (DRAFT, APPROVED, REJECTED)


@dataclass(frozen=True)
class Annotation:
    """A row of `meta/finevla/annotations.parquet`; raises `FineVLAError` for what cannot be one.

    It holds from `from_s` to `to_s`, seconds from the episode's start. `step` counts the episode's steps from 1, 0 is the
    episode as a whole. `confidence` is 0 to 1; `reviewer` and `version` are of the person who changed it last.
    """

    episode: int
    from_s: float
    to_s: float
    dimension: str
    slot: str
    value: str
    source: str
    confidence: float = 1.0
    step: int = 0
    status: str = DRAFT
    reviewer: str = ""
    version: int = 0

    def __post_init__(self) -> None:
        slots = TEXT_SLOTS if self.dimension == TEXT else DIMENSIONS.get(self.dimension)
        if slots is None:
            raise FineVLAError(unknown("dimension", self.dimension, (*DIMENSIONS, TEXT)))
        for what, word, known in (
            ("slot", self.slot, slots),
            ("source", self.source, SOURCES),
            ("status", self.status, STATUSES),
        ):
            if word not in known:
                raise FineVLAError(f"{self.dimension}: {unknown(what, word, known)}")
        times = (self.from_s, self.to_s)
        if not all(map(math.isfinite, times)) or not 0.0 <= self.from_s <= self.to_s:
            raise FineVLAError(
                f"{self.slot} is said of {self.from_s} to {self.to_s} s; give times of the episode in order"
            )
        if not 0.0 <= self.confidence <= 1.0:
            raise FineVLAError(f"the confidence of {self.slot} is {self.confidence}; it must be 0 to 1")
        if self.episode < 0 or self.step < 0 or self.version < 0:
            raise FineVLAError(f"{self.slot}: episode, step and version count from 0")
        if not self.value.strip():
            raise FineVLAError(f"{self.slot} has no value; leave the row out")
        if self.slot in SPOKEN_SLOTS and not all(spoken_pair(self.value)):
            raise FineVLAError(f"{self.slot} must say 'question{SPOKEN_MARK}answer', not '{self.value[:60]}'")


def dimension_of(slot: str) -> str:
    """Return the dimension that a slot belongs to; raises `FineVLAError` if there is none."""
    for dimension, slots in DIMENSIONS.items():
        if slot in slots:
            return dimension
    raise FineVLAError(unknown("slot", slot, [slot for slots in DIMENSIONS.values() for slot in slots]))


def spoken_pair(value: str) -> tuple[str, str]:
    """Return what is said and what is answered in a value of `SPOKEN_SLOTS`; "" for a part that is not there."""
    said, _, answer = value.partition(SPOKEN_MARK.strip())
    return said.strip(), answer.strip()
