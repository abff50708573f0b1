"""The ten capabilities of RoboFine-Bench, their slots by the published names, and the three axes that they make up.

The published texts do not say which capability belongs to which axis: `AXES` is our reading, and a file can replace it.
"""

from collections.abc import Mapping
from pathlib import Path

from finevla_core.errors import FineVLAError, unknown
from finevla_core.text_files import read_yaml
from finevla_tools.annotate.annotation import DIMENSIONS

CAPABILITIES = tuple(DIMENSIONS)  # in the published order
ACTIONS = "action_sequence"  # the only capability of which hallucinations are counted
AXES: Mapping[str, tuple[str, ...]] = {
    "Entity & Scene Grounding": ("active_actor", "target_object", "initial_configuration"),
    "Action & Motion Understanding": (
        "action_sequence",
        "contact_and_approach",
        "trajectory_and_orientation",
        "body_motion",
    ),
    "Interaction & State Reasoning": ("final_configuration", "object_interaction", "failure_and_recovery"),
}
# Slots whose published names differ from ours; all others are the same.
_PUBLISHED = {
    "active_actor": "actor",
    "target_category": "category",
    "target_color": "color",
    "target_material": "material",
    "target_shape_or_size": "shape_or_size",
}


def published_slot(slot: str) -> str:
    """Return the name that the published files have for a slot of ours."""
    return _PUBLISHED.get(slot, slot)


def read_axes(path: Path | None) -> Mapping[str, tuple[str, ...]]:
    """Return axes and their capabilities from a YAML file (axis: [capability, ...]), or ours without one.

    Raises `FineVLAError` for a capability that is unknown or in no axis or in two.
    """
    if path is None:
        return AXES
    told = read_yaml(path)
    if not isinstance(told, dict) or not all(isinstance(some, list) for some in told.values()):
        raise FineVLAError(f"'{path}' is no table of axes; each line is 'axis: [capability, ...]'")
    axes = {str(name): tuple(map(str, some)) for name, some in told.items()}
    named = [capability for some in axes.values() for capability in some]
    for capability in named:
        if capability not in CAPABILITIES:
            raise FineVLAError(f"'{path}': {unknown('capability', capability, CAPABILITIES)}")
    for capability in CAPABILITIES:
        if named.count(capability) != 1:
            raise FineVLAError(f"'{path}': '{capability}' must be in one axis, and is in {named.count(capability)}")
    return axes


def axis_of(capability: str, axes: Mapping[str, tuple[str, ...]] = AXES) -> str:
    """Return the axis of a capability; "" for what is none."""
    return next((axis for axis, some in axes.items() if capability in some), "")
