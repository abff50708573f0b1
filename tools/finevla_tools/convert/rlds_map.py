"""What the keys of an RLDS data set mean: the maps of config/datasets, and those that users write."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from finevla_core.errors import FineVLAError, unknown
from finevla_core.plural_phrases import counted
from finevla_core.text_files import read_yaml
from finevla_tools.convert import compressed_pictures
from finevla_tools.convert.episode import SAFE_NAME
from finevla_tools.datasets.gripper_and_joint_scales import GripperScale
from finevla_tools.datasets.value_meanings import meaning

ENTRIES = {"names", "robot", "fps", "state", "action", "actions", "images", "language"}
COLUMN_ENTRIES = {"key", "values", "of", "closed", "open"}


@dataclass(frozen=True)
class Column:
    """Values of one key: the first `len(values)` of the `of` that each step has.

    `scale` is what its gripper reads closed and open; None where the map does not say it.
    """

    key: str
    values: tuple[str, ...]
    of: int
    scale: GripperScale | None = None

    @property
    def grippers(self) -> tuple[int, ...]:
        """Which of the values are grippers."""
        return tuple(k for k, name in enumerate(self.values) if meaning(name).kind == "gripper")


@dataclass(frozen=True)
class DatasetMap:
    """What a data set's keys mean; `names` are TFDS's for it."""

    name: str
    names: tuple[str, ...]
    robot: str
    fps: int
    state: tuple[Column, ...]
    action: tuple[Column, ...]
    actions: str
    images: Mapping[str, str]
    language: tuple[str, ...]

    @property
    def needed(self) -> list[str]:
        """All that an episode must have."""
        return [column.key for column in (*self.state, *self.action)]


def named_map(wanted: str) -> DatasetMap:
    """A map by its name, or by its file."""
    if wanted.endswith((".yaml", ".yml")):
        return load_map(Path(wanted))
    known = {one.name: one for one in all_maps()}
    if wanted not in known:
        raise FineVLAError(unknown("data set", wanted, known))
    return known[wanted]


@lru_cache
def all_maps() -> tuple[DatasetMap, ...]:
    """Load all maps of config/datasets, installed or in a source checkout; raises `FineVLAError` if there is none."""
    shares = [Path(p) / "share" / "finevla" for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    for place in (*shares, *Path(__file__).resolve().parents):
        if files := sorted((place / "config" / "datasets").glob("*.yaml")):
            return tuple(load_map(file) for file in files)
    raise FineVLAError("config/datasets is not found; run '. install/setup.bash' first")


def load_map(path: Path) -> DatasetMap:
    """A map from its file; raises `FineVLAError` that names file and entry."""
    raw = read_yaml(path)
    if not isinstance(raw, Mapping):
        raise FineVLAError(f"map '{path}' is not a mapping; see config/datasets/bridge.yaml for the shape")
    if odd := sorted(str(key) for key in raw if key not in ENTRIES):
        raise FineVLAError(f"map '{path}': {unknown('entry', odd[0], sorted(ENTRIES))}")
    try:
        images = {str(name): str(key) for name, key in raw["images"].items()}
        made = DatasetMap(
            name=path.stem,
            names=tuple(str(name) for name in raw.get("names", [])),
            robot=str(raw["robot"]),
            fps=int(raw["fps"]),
            state=tuple(_column(entry, path.stem) for entry in raw["state"]),
            action=tuple(_column(entry, path.stem) for entry in raw["action"]),
            actions=str(raw.get("actions", "as in the source")),
            images=images,
            language=tuple(str(key) for key in raw["language"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FineVLAError(f"map '{path}': missing or malformed entry ({compressed_pictures.said(error)})") from error
    if not made.state or not made.action or not all(SAFE_NAME.fullmatch(name) for name in images):
        raise FineVLAError(f"map '{path}' needs state, action and pictures with plain names")
    return made


def _column(entry: Mapping[str, Any], name: str) -> Column:
    if odd := [str(key) for key in entry if key not in COLUMN_ENTRIES]:
        raise ValueError(unknown("entry", odd[0][:80], sorted(COLUMN_ENTRIES)))
    values = tuple(str(value) for value in entry["values"])
    of = int(entry.get("of", len(values)))
    if not 0 < len(values) <= of:
        raise ValueError(f"'{entry['key']}' takes {len(values)} of {counted(of, 'value')}")
    made = Column(str(entry["key"]), values, of)
    if "closed" not in entry and "open" not in entry:
        return made
    closed, opened = float(entry["closed"]), float(entry["open"])
    if not made.grippers or closed == opened or not math.isfinite(closed) or not math.isfinite(opened):
        raise ValueError(f"'{made.key}': closed and open are two numbers, of a value with 'gripper' in its name")
    return replace(made, scale=GripperScale(closed, opened, f"map '{name}'"))
