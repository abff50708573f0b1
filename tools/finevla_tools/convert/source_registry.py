"""Which reader an input is for: one line per kind. Readers are imported only when it is their turn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finevla_core.errors import FineVLAError
from finevla_core.recording.bag_reader import PACKED, STORAGE
from finevla_tools.convert.episode import Source
from finevla_tools.path_hints import way_on


@dataclass(frozen=True)
class SourceKind:
    """A kind of recording: `matches` looks at names only; `make` gets the input and the command's options."""

    name: str  # for --kind
    text: str  # in a sentence, behind "read as"
    matches: Callable[[Path], bool]
    make: Callable[[Path, Mapping[str, Any]], Source]


def _has_bags(path: Path) -> bool:
    from finevla_tools.convert.bag_stream import is_bag

    ends = [f"*{suffix}{packed}" for suffix in STORAGE for packed in ("", PACKED)]
    return is_bag(path) or _has(path, "metadata.yaml", *ends)


def _bags(path: Path, options: Mapping[str, Any]) -> Source:
    from finevla_tools.convert.bag_source import BagSource

    return BagSource(path, options["embodiment"], options["bags"])


def _is_lerobot(path: Path) -> bool:
    from finevla_tools.convert.lerobot_source import matches

    return matches(path)


def _lerobot(path: Path, options: Mapping[str, Any]) -> Source:
    from finevla_tools.convert.lerobot_source import LeRobotOptions, LeRobotSource

    if (unit := options.get("joint_unit", "auto")) != "auto":
        raise FineVLAError(
            f"--joint-unit {unit} is of bags and HDF5 files; of a LeRobot data set it is found by the joints' range, or said "
            "in a field map ('unit:'; --inspect FILE writes one)"
        )
    given = {key: options[key] for key in ("task", "gripper", "gripper_action", "fps")}
    return LeRobotSource(path, LeRobotOptions(options["state_key"], options["action_key"], **given))


def _has_hdf5(path: Path) -> bool:
    from finevla_tools.convert.hdf5_source import matches

    return matches(path)


def _hdf5(path: Path, options: Mapping[str, Any]) -> Source:
    from finevla_tools.convert.arm_values import places_of
    from finevla_tools.convert.hdf5_content import Hdf5Options
    from finevla_tools.convert.hdf5_source import Hdf5Source

    names = (
        "fps",
        "gripper",
        "gripper_action",
        "motor_open",
        "motor_open_action",
        "colours",
        "base",
        "task",
        "joint_unit",
    )
    given = {key: options[key] for key in names}
    arm_values = places_of(options["arm_values"])
    return Hdf5Source(path, options["embodiment"], Hdf5Options(**given, arm_values=arm_values))


def _has_rlds(path: Path) -> bool:
    from finevla_tools.convert.rlds_source import matches

    return matches(path)


def _rlds(path: Path, options: Mapping[str, Any]) -> Source:
    from finevla_tools.convert.rlds_source import RldsOptions, RldsSource

    given = {key: options[key] for key in ("dataset", "fps", "task", "gripper", "gripper_action")}
    return RldsSource(path, RldsOptions(**given))


def _has(path: Path, *patterns: str) -> bool:
    return path.is_dir() and any(next(path.rglob(pattern), None) is not None for pattern in patterns)


# The first that matches is taken: a LeRobot data set beside which somebody put a bag is still a data set.
KINDS: tuple[SourceKind, ...] = (
    SourceKind("lerobot", "a LeRobot data set", _is_lerobot, _lerobot),
    SourceKind("rosbag2", "rosbags", _has_bags, _bags),
    SourceKind("hdf5", "HDF5 files", _has_hdf5, _hdf5),
    SourceKind("rlds", "RLDS, TFRecord files", _has_rlds, _rlds),
)


def kind_of(path: Path, kind: str | None = None) -> SourceKind:
    """Return what reads an input, by its files or as `kind` says; raises `FineVLAError` if there is nothing for it."""
    if not path.exists():
        raise FineVLAError(f"'{path}' does not exist")
    names = [k.name for k in KINDS]
    if kind is not None and kind not in names:
        raise FineVLAError(f"kind '{kind}' is unknown; known are {', '.join(names)}")
    for candidate in KINDS:
        if candidate.name == kind or (kind is None and candidate.matches(path)):
            return candidate
    raise FineVLAError(f"'{path}' holds no recording of a kind that can be read ({', '.join(names)}){way_on(path)}")
