"""Columns of a single value each (`observation.state.joint1`, ...) as the one vector that they are elsewhere.

They are put together where names say that they belong together and no vector is there already; nothing of the file changes.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from finevla_tools.datasets.value_meanings import flat_names, meaning

NUMBER = re.compile(r"float\d+|u?int\d+")
COUNTED = {"timestamp", "frame_index", "episode_index", "index", "task_index"}  # LeRobot's own
HEADS = {"observation.state", "observation.qpos", "state", "qpos", "action", "actions"}
STATE, OBSERVATION = "observation.state", "observation"
PREFIX = re.compile(r"(?:(state|qpos|observation|obs|action|actions|command|leader)[_/])?(.+)")
VALUES = {"joint", "gripper", "x", "y", "z", "qx", "qy", "qz", "qw", "rx", "ry", "rz", "vx", "vy", "vz"}


def vectors(features: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return the vectors that single values make, by the key that each gets, with their columns in order."""
    found: dict[str, list[str]] = {}
    taken = set(features)
    for key, feature in features.items():
        if not NUMBER.fullmatch(str(feature.get("dtype"))) or key in COUNTED or key.startswith("next."):
            continue
        head, name = _parts(key)
        if _is_single(feature):
            found.setdefault(head, []).append(key)
        elif name and meaning(name, head).kind not in ("rate", "effort", "other"):
            taken.add(head)  # parts of several values, which are read as they are
    return {
        head: tuple(_in_order(keys))
        for head, keys in found.items()
        if head not in taken and _belong_together(head, keys)
    }


def _belong_together(head: str, keys: Sequence[str]) -> bool:
    """Whether names say that these are values of a robot; of a state or action that is so called, their number is enough."""
    return len(keys) > 1 and (head in HEADS or any(meaning(_parts(key)[1], head).kind in VALUES for key in keys))


def _in_order(keys: Sequence[str]) -> Sequence[str]:
    """As declared or, where they are only counted, by their numbers: JSON is often sorted as text, 10 before 2."""
    counted = [re.fullmatch(r"(.*?)(\d+)(\D*)", key) for key in keys]
    if all(counted) and len({match.group(1, 3) for match in counted if match}) == 1:
        return sorted(keys, key=lambda key: int(re.findall(r"\d+", key)[-1]))
    return keys


def with_vectors(
    features: Mapping[str, Mapping[str, Any]], made: Mapping[str, tuple[str, ...]]
) -> dict[str, Mapping[str, Any]]:
    """Return the features with the vectors, declared as if they were columns."""
    declared = dict(features)
    for head, keys in made.items():
        kinds = [str(features[key]["dtype"]) for key in keys]
        kind = max(kinds, key=lambda kind: (kind.startswith("float"), int(re.sub(r"\D", "", kind))))
        declared[head] = {"dtype": kind, "shape": [len(keys)], "names": [_name(key, features[key]) for key in keys]}
    return declared


def stored_columns(keys: Iterable[str], made: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the columns to read for `keys`."""
    return tuple(dict.fromkeys(column for key in keys for column in made.get(key, (key,))))


def _is_single(feature: Mapping[str, Any]) -> bool:
    return feature.get("shape") in (1, [1], (1,), [], ())


def _parts(key: str) -> tuple[str, str]:
    """The vector that a column belongs to, and its name there."""
    parts = key.split(".")
    if parts[0] == OBSERVATION and len(parts) > 2:
        return ".".join(parts[:2]), ".".join(parts[2:])
    if len(parts) > 1:
        return (STATE if parts[0] == OBSERVATION else parts[0]), ".".join(parts[1:])
    match = PREFIX.fullmatch(key)
    head, name = match.groups() if match else (None, key)
    return (STATE if head in (None, "observation", "obs") else str(head)), str(name)


def _name(key: str, feature: Mapping[str, Any]) -> str:
    """What the column's own name says of the value or, where that says nothing, what is declared."""
    head, name = _parts(key)
    said = flat_names(feature.get("names"))
    if len(said) == 1 and meaning(name, head).kind == "unknown" and meaning(said[0], head).kind != "unknown":
        return said[0]
    return name
