"""The scales of a data set's grippers and joints, put into its field map: decided over all its episodes, once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from finevla_core.plural_phrases import counted
from finevla_tools.canonical.arm_kinematics import limits
from finevla_tools.canonical.field_map import Field, FieldMap
from finevla_tools.datasets import gripper_and_joint_scales
from finevla_tools.datasets.frame_times import other_rate
from finevla_tools.datasets.lerobot_files import EpisodeFile, LeRobotFiles, values
from finevla_tools.datasets.value_meanings import meaning
from finevla_tools.work.progress import Progress

OURS = "meta/finevla_episodes.jsonl"  # every writer of ours leaves it: grippers are 0 to 1 there
FOREIGN = ("lerobot", "rlds")  # but earlier versions copied those of others as they were
MOST = 5000  # episodes that are read for it; of more, so many evenly spread ones
BEYOND = 0.35  # rad outside the limits: no calibration is so far off, it is another arm
SHARE = 0.05  # of its frames


@dataclass(frozen=True)
class Given:
    """Gripper scale given by the user for states and for actions, read by `gripper_and_joint_scales.parse` ("" = as for
    states)."""

    gripper: str = gripper_and_joint_scales.AUTO
    gripper_action: str = ""

    def by_group(self) -> dict[str, str]:
        """Return the gripper scales of states and of actions."""
        return {"state": self.gripper, "action": self.gripper_action or self.gripper}


AUTOMATIC = Given()


def settle(dataset: LeRobotFiles, fields: FieldMap, given: Given = AUTOMATIC) -> FieldMap:
    """The map with the ends of its grippers and the units of its joints; what was decided is in `told`.

    Raises `FineVLAError` if the episodes contradict each other.
    """
    if said_of_rate := other_rate(dataset):
        fields = replace(fields, told=(*fields.told, said_of_rate))
    said = given.by_group()
    for text in said.values():
        if text != gripper_and_joint_scales.AUTO:
            gripper_and_joint_scales.parse(text)
    grippers = {f"{g}.{f.slot.split('_')[0]}": f for g, f in _all(fields, "_gripper") if _is_open(f, said[g], dataset)}
    joints = {f"{g}.{f.slot}": f for g, f in _all(fields, "_joint") if not f.units and not is_ours(dataset)}
    if not grippers and not joints:
        return fields
    ranges = _ranges(dataset, {**grippers, **joints})
    if not ranges:
        return fields
    told: list[str] = []
    made: dict[Field, Field] = {}
    if grippers:
        only = {e: {c: r for c, r in one.items() if c in grippers} for e, one in ranges.items()}
        decided = gripper_and_joint_scales.grippers(
            {e: r for e, r in only.items() if r}, _said(grippers, said, dataset), f"'{dataset.root}'"
        )
        told += decided.told
        for column, f in grippers.items():
            scale = decided.scales.get(column, gripper_and_joint_scales.UNSCALED)  # of a column that no episode has
            made[f] = (
                f if scale.name == gripper_and_joint_scales.KEEP else replace(f, ends=((scale.closed, scale.opened),))
            )
    factor, more = _angles(ranges, joints, f"'{dataset.root}'", is_known=bool(fields.forward))
    told += more
    if factor:
        made |= {f: replace(f, units=(factor,)) for f in joints.values()}
    changed = replace(
        fields,
        state=tuple(made.get(f, f) for f in fields.state),
        action=tuple(made.get(f, f) for f in fields.action),
        told=(*fields.told, *told),
    )
    return _of_another_arm(dataset, changed) if fields.forward else changed


def _all(fields: FieldMap, ending: str) -> list[tuple[str, Field]]:
    both = [("state", f) for f in fields.state] + [("action", f) for f in fields.action]
    return [(group, f) for group, f in both if f.slot.endswith(ending) and f.frame == "abs"]


def _is_open(one: Field, said: str, dataset: LeRobotFiles) -> bool:
    """Whether a gripper's scale is still to be decided."""
    if said != gripper_and_joint_scales.AUTO:
        return True
    return not one.ends and not is_ours(dataset)


def is_ours(dataset: LeRobotFiles) -> bool:
    """Whether a writer of ours made the data set, with grippers from 0 to 1."""
    try:
        with (dataset.root / OURS).open(encoding="utf-8") as file:
            first = json.loads(file.readline())
    except (OSError, ValueError, RecursionError):
        return False
    is_copied = str(first.get("source_format", "")).startswith(FOREIGN) if isinstance(first, dict) else True
    return not is_copied or "grippers" in first


def _said(grippers: Mapping[str, Field], said: Mapping[str, str], dataset: LeRobotFiles) -> dict[str, str]:
    """Names of values may say the scale: how far a finger goes, or millimetres."""
    found = dict(said)
    for column, f in grippers.items():
        group = column.partition(".")[0]
        names = dataset.names(f.key)
        m = meaning(names[(f.columns or (0,))[0]], f.key) if names else None
        if found[group] == gripper_and_joint_scales.AUTO and m is not None and m.unit == "mm":
            found[group] = "millimetres"
    return found


def _ranges(dataset: LeRobotFiles, fields: Mapping[str, Field]) -> dict[str, dict[str, gripper_and_joint_scales.Range]]:
    """By episode and field: the least and the greatest finite reading; what cannot be read is told when it is converted."""
    episodes: Sequence[EpisodeFile] = dataset.episodes
    if len(episodes) > MOST:
        episodes = [episodes[k] for k in np.linspace(0, len(episodes) - 1, MOST).astype(int)]
    keys = tuple(dict.fromkeys(f.key for f in fields.values()))
    found: dict[str, dict[str, gripper_and_joint_scales.Range]] = {}
    with Progress("scales", len(episodes)) as progress:
        for episode in episodes:
            progress.step()
            try:
                table = dataset.read(episode, keys)
                columns = {key: values(table, key, "") for key in keys if key in table.column_names}
            except Exception:  # whatever it is, it costs this episode when it is converted, and none of the others here
                continue
            one = {}
            for name, f in fields.items():
                if f.key not in columns or max(f.columns or (0,)) >= columns[f.key].shape[1]:
                    continue
                part = columns[f.key] if f.columns is None else columns[f.key][:, list(f.columns)]
                if (ends := gripper_and_joint_scales.range_of(part)) is not None:
                    one[name] = ends
            if one:
                found[episode.name] = one
    return gripper_and_joint_scales.without_damaged(found)


def _angles(
    ranges: Mapping[str, Mapping[str, gripper_and_joint_scales.Range]],
    joints: Mapping[str, Field],
    where: str,
    is_known: bool,
) -> tuple[str, list[str]]:
    """The unit of all joints where it is not rad, and what is said of it."""
    ends = [r[c] for r in ranges.values() for c in joints if c in r]
    if not ends:
        return "", []
    low, high = min(e[0] for e in ends), max(e[1] for e in ends)
    most = [max((max(map(abs, r[c])) for c in joints if c in r), default=0.0) for r in ranges.values()]
    if max(most) <= gripper_and_joint_scales.RAD:
        return "", []
    if not is_known:
        return "", [
            f"joints read {low:.4g} to {high:.4g}, which is not rad; they are left so, 'unit:' in a map tells it"
        ]
    if (unit := gripper_and_joint_scales.angle_unit(most, where)) == "rad":
        return "", []
    return unit, [
        f"joints read {low:.4g} to {high:.4g}: taken as {gripper_and_joint_scales.ANGLES[unit]}, and made rad"
    ]


def _of_another_arm(dataset: LeRobotFiles, fields: FieldMap) -> FieldMap:
    """Without kinematics where the joints are where that arm cannot be: whoever says Piper may have meant other arms."""
    names, found = limits(fields.robot)
    for way in fields.forward:
        side = way.slot.split("_")[0]
        one = next((f for f in fields.state if f.slot == f"{side}_joint"), None)
        bounds = [k for k, name in enumerate(names) if name.startswith(side) and "gripper" not in name]
        if one is None or len(bounds) != len(way.joints):
            continue
        out, frames = 0, 0
        for episode in dataset.episodes[:20]:
            try:
                rows = values(dataset.read(episode, (one.key,)), one.key, "")
            except Exception:  # as above
                continue
            if max(one.columns or (0,)) >= rows.shape[1]:
                continue
            zero, span = one.ends_of(len(way.joints))
            q = (rows[:, list(one.columns or range(len(way.joints)))].astype(np.float64) - zero) / span
            q = q[np.isfinite(q).all(axis=1)]
            beyond = (q < found.lower[bounds] - BEYOND) | (q > found.upper[bounds] + BEYOND)
            out, frames = out + int(beyond.any(axis=1).sum()), frames + len(q)
        if frames and out > SHARE * frames:
            said = (
                f"the {side} arm's joints are beyond a Piper's limits in {out} of "
                f"{counted(frames, 'frame')}: another arm, so no "
                "poses are computed; a map with 'robot:' and 'forward_kinematics:' of that arm would"
            )
            return replace(fields, forward=(), told=(*fields.told, said))
    return fields
