"""What a data set's columns are taken for, in words and as a field map to be corrected and given by `--map`."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.canonical.column_recognition import describe, number_columns
from finevla_tools.canonical.field_map import GROUPS, Field, FieldMap
from finevla_tools.canonical.field_map_choice import choose_map
from finevla_tools.canonical.field_map_scales import Given, settle
from finevla_tools.canonical.layout import SLOTS
from finevla_tools.datasets.lerobot_files import LeRobotFiles

HEADER = """# Field map of {name} (robot type {robot}), written by --inspect: correct it, then give it by --map.
# left_joint, left_gripper, left_eef, left_hand, and right likewise: type abs_joint, abs_quat (x y z, qx qy qz qw), abs_wxyz,
# abs_euler, abs_rotvec; delta_... of actions. start and end, indices or names say which values; closed and open what a
# gripper reads there; unit (deg, mdeg, mm, um) what is not in rad and m. Robots of one arm go to the right.
{columns}"""


def inspect(
    dataset: LeRobotFiles, given_map: str | None, given: Given, out: Path | None, say: Callable[[str], None] = print
) -> int:
    """Say it line by line, and write the map to `out`; 0 if the map is whole, 1 if it has to be completed."""
    groups = number_columns(dataset)
    say(f"{dataset.root}: LeRobot {dataset.version}, {counted(len(dataset.episodes), 'episode')}, {dataset.fps:g} frames/s, "
          f"robot type {dataset.robot or 'not said'}")  # fmt: skip
    for group, keys in groups.items():
        for key in keys:
            say(f"  {group:6s} {describe(dataset, key)}")
    problem = ""
    try:
        fields = choose_map(dataset, given_map)
        fields = settle(dataset, fields, given)
    except FineVLAError as error:
        problem, fields = str(error), _draft(dataset, groups)
    for sentence in fields.told:
        say(f"  {sentence}")
    for line in _lines(fields, dataset):
        say(f"  {line}")
    if problem:
        say(f"not certain: {problem}")
    if out is not None:
        _write(out, text(dataset, fields))
        say(f"field map: {out}")
    return 1 if problem else 0


def text(dataset: LeRobotFiles, fields: FieldMap) -> str:
    """The map as YAML with the data set's columns as comments."""
    columns = "".join(f"# {g}: {describe(dataset, k)}\n" for g, keys in number_columns(dataset).items() for k in keys)
    body: dict[str, Any] = {"robot": fields.robot} if fields.robot else {}
    body |= fields.modality()
    if fields.forward:
        body["forward_kinematics"] = {
            w.slot: {"base": w.base, "tip": w.tip, "joints": list(w.joints)} for w in fields.forward
        }
    head = HEADER.format(name=dataset.root.resolve().name, robot=dataset.robot or "not said", columns=columns)
    return head + yaml.safe_dump(body, sort_keys=False, allow_unicode=True, default_flow_style=None, width=140)


def _draft(dataset: LeRobotFiles, groups: dict[str, tuple[str, ...]]) -> FieldMap:
    """Something to correct: the first column of each group as joints of one arm, its last value as the gripper."""
    made = {}
    for group, keys in groups.items():
        count = min(dataset.width(keys[0]), SLOTS["right_joint"].size + 1) if keys else 0
        joints = Field("right_joint", keys[0], "abs", "joint", tuple(range(max(1, count - 1)))) if count else None
        hand = Field("right_gripper", keys[0], "abs", "joint", (count - 1,)) if count > 1 else None
        made[group] = tuple(f for f in (joints, hand) if f is not None)
    return FieldMap("draft", made["state"], made["action"])


def _lines(fields: FieldMap, dataset: LeRobotFiles) -> Iterator[str]:
    for group in GROUPS:
        for f in getattr(fields, group):
            names = dataset.names(f.key)
            columns = f.columns if f.columns is not None else tuple(range(dataset.width(f.key)))
            said = ", ".join(names[c] if c < len(names) else str(c) for c in columns[:8])
            yield f"{group}.{f.name} <- {f.key} [{said}]"


def _write(out: Path, said: str) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("x", encoding="utf-8") as file:
            file.write(said)
            os.fsync(file.fileno())
    except FileExistsError:
        raise FineVLAError(f"'{out}' exists already; remove it or name another file") from None
    except OSError as error:
        raise FineVLAError(f"'{out}' cannot be written: {error.strerror}") from error
