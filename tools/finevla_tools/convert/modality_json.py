"""meta/modality.json: which values of state and action are what, as FineVLA's tools and the policies' trainers read it.

Both read the same file by different keys, so every entry carries the union: `original_key`, `type`, `dim` for the tools,
`start`, `end`, `absolute`, `rotation_type`, `dtype` for starVLA and GR00T.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from finevla_core.embodiment import Embodiment
from finevla_tools.convert.converted_episode import ACTION, STATE, image_key
from finevla_tools.datasets.value_meanings import LEFT, meaning, words

# Values that a slot of FineVLA's 80 can take; what does not fit or has no slot is reserved.
SIZES = {"joint": 7, "gripper": 1, "hand": 12}
RESERVED_SIZE = 22
TASK_KEY = "human.action.task_description"


def modality(
    state: Sequence[str], action: Sequence[str], cameras: Sequence[str], embodiment: Embodiment | None = None
) -> dict[str, Any]:
    """The whole file, from the names of the values; those of `embodiment` are known, others are guessed by their words.

    Arms of one-armed robots go where FineVLA has them, on the right.
    """
    return {
        "state": _entries(state, STATE, embodiment),
        "action": _entries(action, ACTION, embodiment),
        "video": {camera: {"original_key": image_key(camera)} for camera in cameras},
        "annotation": {TASK_KEY: {"original_key": "task_index"}},
    }


def _entries(names: Sequence[str], key: str, embodiment: Embodiment | None) -> dict[str, dict[str, Any]]:
    """Runs of values of one slot, in order; a slot's second run gets a name of its own, `<slot>.2`."""
    grippers = {} if embodiment is None else {value.name: value.is_gripper for value in embodiment.values}
    has_sides = any(meaning(name).side for name in names)
    slots = [_slot(name, grippers, has_sides) for name in names]
    entries: dict[str, dict[str, Any]] = {}
    filled: dict[str, int] = {}
    for slot, run in groupby(range(len(names)), key=lambda i: slots[i]):
        columns = list(run)
        size = SIZES.get(slot.split("_", 1)[-1], RESERVED_SIZE)
        if filled.get(slot, 0) + len(columns) > size:
            continue  # readers would refuse the whole file
        filled[slot] = filled.get(slot, 0) + len(columns)
        count = 1 + sum(name.split(".")[0] == slot for name in entries)
        entries[slot if count == 1 else f"{slot}.{count}"] = {
            "original_key": key,
            "type": "abs_joint",
            "start": columns[0],
            "end": columns[-1] + 1,
            "dim": len(columns),
            "absolute": True,
            "rotation_type": None,
            "dtype": "float32",
        }
    return entries


def _slot(name: str, grippers: Mapping[str, bool], has_sides: bool) -> str:
    m = meaning(name)
    if has_sides and not m.side and name not in grippers:
        return "reserved"  # of another body than the arms
    side = "left" if m.side == LEFT else "right"
    if grippers.get(name) or m.kind == "gripper":
        return f"{side}_gripper"
    if "hand" in words(name):
        return f"{side}_hand"
    return f"{side}_joint" if name in grippers or m.kind == "joint" else "reserved"
