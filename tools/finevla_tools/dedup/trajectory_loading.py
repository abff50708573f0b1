"""One episode to its trajectory `(T, A, D)`, or the sentence why it has none; all of them, in parallel, to one file on disk.

What runs in the workers; nothing of one trajectory stays in memory when the next is read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from finevla_core.errors import FineVLAError, unwritable
from finevla_core.plural_phrases import counted
from finevla_tools.canonical.arm_kinematics import forward_of
from finevla_tools.canonical.field_map import Field, FieldMap
from finevla_tools.canonical.layout import EEF_DIM, SLOTS
from finevla_tools.canonical.rotations import MIN_NORM, Array, continuous, to_rotation
from finevla_tools.canonical.unified_files import read_unified
from finevla_tools.canonical.unified_values import ForwardKinematics, Rules, Unified, unify
from finevla_tools.crash_report import Unexpected, remember, unexpected
from finevla_tools.datasets.frame_times import STAMPS, refuse_impossible_times
from finevla_tools.datasets.lerobot_files import values
from finevla_tools.dedup.source_data_sets import DedupSource, Entry, EpisodeRequest
from finevla_tools.work.parallel_map import over

UNIT = 1e-3  # a quaternion's norm farther from 1 is said to be mended; float32 alone leaves 1e-7
MAX_VALUE = 1e6  # m or rad: no robot's
TASK = "task_index"


@dataclass(frozen=True)
class Loaded:
    """Result of reading one episode: `values` `(T, A, D)` as in `PoseTrajectory`, or None and the reason in `skipped`.

    Quaternions are as in the data set: `frame_cost.prepare` corrects them, and FineVLA's distance needs them uncorrected.
    `non_unit` and `flipped` count frames with quaternions to correct; `lacking` names values that the data set does not
    have and that are 0 here.
    """

    values: Array | None
    arms: tuple[str, ...] = ()
    skipped: str = ""
    non_unit: int = 0
    flipped: int = 0
    lacking: tuple[str, ...] = ()
    task_indices: tuple[int, ...] = ()  # where the metadata do not say the task
    frames: int | None = None  # as read, before a change of rate
    unexpected: Unexpected | None = None


@dataclass(frozen=True)
class _Arm:
    values: Array  # (T, D)
    non_unit: int = 0
    flipped: int = 0
    lacking: tuple[str, ...] = ()


def load_all(
    sources: Sequence[DedupSource], entries: Sequence[Entry], wanted: EpisodeRequest, jobs: int
) -> Iterator[tuple[Entry, Loaded]]:
    """Yield every entry that is not dropped with its trajectory, in order, read by `jobs` processes."""
    readers = [source.reader() for source in sources]
    items = ((readers[entry.source], entry) for entry in entries if not entry.dropped)
    for (_, entry), found in over(partial(_one, wanted), items, jobs):
        remember(found.unexpected)
        yield entry, found


def _one(wanted: EpisodeRequest, item: tuple[DedupSource, Entry]) -> Loaded:
    return load(item[0], wanted, item[1])


def load(source: DedupSource, wanted: EpisodeRequest, entry: Entry) -> Loaded:
    """Read one episode; a fault is returned in the result, never raised."""
    stated = entry.file.length
    if stated is not None and stated > wanted.max_frames:
        return Loaded(None, skipped=_too_long(stated, wanted), frames=stated)
    try:
        return _load(source, wanted, entry)
    except FineVLAError as error:
        return Loaded(None, skipped=str(error))
    except Exception as error:  # what nobody foresaw costs this episode, not those beside it
        odd = unexpected(f"'{entry.file.path}', episode {entry.episode}", error)
        return Loaded(None, skipped=odd.sentence, unexpected=odd)


def _load(source: DedupSource, wanted: EpisodeRequest, entry: Entry) -> Loaded:
    where = f"'{entry.file.path}'" if not entry.file.is_shared else f"'{entry.file.path}', episode {entry.episode}"
    arms, frames, tasks = _read(source, wanted, entry, where)
    found = Loaded(None, frames=frames, task_indices=tasks)
    if frames < 2:
        return replace(
            found, skipped=f"{where} has {frames or 'no'} frame{'s' * (frames != 1)}; a motion has two or more"
        )
    if frames > wanted.max_frames:
        return replace(found, skipped=_too_long(frames, wanted))
    if not arms:
        return replace(found, skipped=f"{where} has no {' or '.join(wanted.arms)} arm")
    if len({arm.values.shape[1] for arm in arms.values()}) > 1:
        said = " and ".join(f"{arm.values.shape[1] - 1}" for arm in arms.values())
        return replace(found, skipped=f"{where}: its arms have {said} joints, which are not compared; give --arms")
    for name, arm in arms.items():
        if bad := np.flatnonzero(~np.isfinite(arm.values).all(axis=1)).tolist():
            return replace(found, skipped=f"{where}: the {name} arm of frame {bad[0]} is NaN or infinite")
        if far := np.flatnonzero((np.abs(arm.values) > MAX_VALUE).any(axis=1)).tolist():
            return replace(found, skipped=f"{where}: the {name} arm of frame {far[0]} is beyond {MAX_VALUE:g} m or rad")
    made = [arm.values for arm in arms.values()]
    if wanted.fps is not None and source.fps is not None and wanted.fps != source.fps:
        made = [resampled(one, source.fps, wanted.fps, wanted.space) for one in made]
        if len(made[0]) < 2:
            return replace(found, skipped=f"{where} has fewer than two frames at {wanted.fps:g} frames per second")
    return replace(
        found,
        values=np.stack(made, axis=1),
        arms=tuple(arms),
        non_unit=sum(arm.non_unit for arm in arms.values()),
        flipped=sum(arm.flipped for arm in arms.values()),
        lacking=tuple(f"{name}_{what}" for name, arm in arms.items() for what in arm.lacking),
    )


def resampled(one: Array, fps: float, to: float, space: str) -> Array:
    """Resample `(T, D)` to `to` Hz: positions and joints linearly, rotations by slerp, the gripper by nearest frame."""
    times = np.arange(len(one)) / fps
    count = int(np.floor(times[-1] * to + 1e-9)) + 1
    new = np.minimum(np.arange(count) / to, times[-1])
    linear = 3 if space == "eef" else one.shape[1] - 1
    columns = [np.interp(new, times, one[:, k]) for k in range(linear)]
    turned = [] if space == "joint" else [continuous(Slerp(times, Rotation.from_quat(one[:, 3:7]))(new).as_quat())]
    # half a frame belongs to the earlier one, whatever rounding says
    nearest = np.ceil(new * fps - 0.5 - 1e-9).astype(np.int64).clip(0, len(one) - 1)
    return np.column_stack([*columns, *turned, one[nearest, -1]])


def _read(
    source: DedupSource, wanted: EpisodeRequest, entry: Entry, where: str
) -> tuple[dict[str, _Arm], int, tuple[int, ...]]:
    """Arms by name, number of frames, and task indices if the metadata say no task."""
    if source.is_unified:
        unified = read_unified(entry.file.path)
        return _arms(unified, {}, source, wanted, where), len(unified.state), ()
    assert source.files is not None
    keys = source.map.keys if source.map else (_plain_column(wanted),)
    wanted_columns = (*keys, STAMPS) if entry.file.tasks else (*keys, STAMPS, TASK)
    table = source.files.read(entry.file, wanted_columns)
    if not wanted.compat:  # FineVLA takes them as they are
        refuse_impossible_times(table, source.files.fps, where)
    tasks: tuple[int, ...] = ()
    if not entry.file.tasks and TASK in table.column_names and table.num_rows:
        tasks = tuple(int(i) for i in np.unique(values(table, TASK, where).astype(np.int64)))
    if not 2 <= table.num_rows <= wanted.max_frames:
        return {}, table.num_rows, tasks
    columns = {key: values(table, key, where) for key in keys}
    if source.map is None:
        joints = columns[keys[0]].astype(np.float64)
        return {wanted.arms[-1]: _Arm(joints)}, table.num_rows, tasks
    for field in (*source.map.state, *source.map.action):
        if field.columns and max(field.columns) >= columns[field.key].shape[1]:
            raise FineVLAError(
                f"{where}: '{field.key}' has {counted(columns[field.key].shape[1], 'value')}, {field.name} is value "
                f"{max(field.columns)}; its rows are not what meta/info.json declares"
            )
        if bad := np.flatnonzero(~np.isfinite(_cut(field, columns)).all(axis=1)).tolist():
            raise FineVLAError(f"{where}: {field.name} of frame {bad[0]} is NaN or infinite")
    forward = _forward(source.map) if wanted.space == "eef" else {}
    unified = unify(columns, Rules(source.map, compat=wanted.compat), forward, where)
    return _arms(unified, columns, source, wanted, where), table.num_rows, tasks


def _arms(
    unified: Unified,
    columns: Mapping[str, NDArray[np.generic]],
    source: DedupSource,
    wanted: EpisodeRequest,
    where: str,
) -> dict[str, _Arm]:
    is_state = wanted.origin == "state"
    array, mask = (unified.state, unified.mask_state) if is_state else (unified.action, unified.mask_action)
    found: dict[str, _Arm] = {}
    for name in wanted.arms:
        body, hand = SLOTS[f"{name}_{wanted.space}"], SLOTS[f"{name}_gripper"]
        if not mask[body.start]:
            continue
        has_gripper = bool(mask[hand.start])
        gripper = array[:, hand.start : hand.stop] if has_gripper else np.zeros((len(array), 1))
        lacking = () if has_gripper else ("gripper",)
        if wanted.space == "joint":
            filled = int(mask[body.start : body.stop].sum())
            found[name] = _Arm(np.hstack([array[:, body.start : body.start + filled], gripper]), lacking=lacking)
            continue
        if source.is_unified:
            assert source.targets is not None
            form = source.targets.as_dict()[f"eef_{wanted.origin}"].partition("_")[2]
            pose = _as_quaternion(array[:, body.start : body.stop], form, where)
        else:
            pose = array[:, body.start : body.start + EEF_DIM].copy()
            assert source.map is not None
            raw = _raw_quaternions(source.map, wanted.origin, body.name, columns)
            pose[:, 3:] = pose[:, 3:] if raw is None else raw
        found[name] = _arm(pose, gripper, lacking, where)
    return found


def _arm(pose: Array, gripper: Array, lacking: tuple[str, ...], where: str) -> _Arm:
    """With counts of quaternions of other norms than 1, and of signs that jump."""
    quaternions = pose[:, 3:]
    norms = np.linalg.norm(quaternions, axis=1)
    if bad := np.flatnonzero(norms < MIN_NORM).tolist():
        raise FineVLAError(f"{where}: the quaternion of frame {bad[0]} is zero")
    flipped = int((np.sum(quaternions[1:] * quaternions[:-1], axis=1) < 0).sum())
    non_unit = int((np.abs(norms - 1) > UNIT).sum())
    return _Arm(np.hstack([pose, gripper]), non_unit, flipped, lacking)


def _as_quaternion(pose: Array, form: str, where: str) -> Array:
    """A unified end-effector slot with its quaternion as it is in the file, whatever its norm."""
    if form == "quat":
        return pose[:, :EEF_DIM].copy()
    if form == "wxyz":
        return pose[:, [0, 1, 2, 4, 5, 6, 3]]
    return np.hstack([pose[:, :3], np.asarray(to_rotation(pose[:, 3:6], form, where).as_quat())])


def _raw_quaternions(
    fields: FieldMap, origin: str, slot: str, columns: Mapping[str, NDArray[np.generic]]
) -> Array | None:
    """`(T, 4)` x, y, z, w as the data set has them; None where it has none (euler angles, differences, joints)."""
    parts = [field for field in getattr(fields, origin) if field.slot == slot]
    if not parts or parts[-1].frame != "abs" or parts[-1].format not in ("quat", "wxyz"):
        return None
    last = _cut(parts[-1], columns)[:, -4:].astype(np.float64)
    return last if parts[-1].format == "quat" else last[:, [1, 2, 3, 0]]


def _cut(part: Field, columns: Mapping[str, NDArray[np.generic]]) -> NDArray[np.generic]:
    return columns[part.key] if part.columns is None else columns[part.key][:, list(part.columns)]


def _plain_column(wanted: EpisodeRequest) -> str:
    return "observation.state" if wanted.origin == "state" else "action"


def _too_long(frames: int, wanted: EpisodeRequest) -> str:
    return f"has {counted(frames, 'frame')}, more than --max-frames {wanted.max_frames}"


@lru_cache(maxsize=4)
def _forward(fields: FieldMap) -> Mapping[str, ForwardKinematics]:
    return forward_of(fields)


class Spool:
    """Trajectories in one file: written once, then memory-mapped, since a million of them do not fit into memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = path.open("wb")
        except OSError as error:
            raise unwritable(path, error) from error
        self._shapes: list[tuple[int, int, int]] = []
        self._offsets = [0]
        self._map: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self._shapes)

    def add(self, one: Array) -> int:
        """Append a trajectory `(T, A, D)` and return its number; raises `FineVLAError` if it cannot be written."""
        try:
            self._file.write(np.ascontiguousarray(one, np.float64).tobytes())
        except OSError as error:
            raise unwritable(self._path, error) from error
        frames, arms, values = one.shape
        self._shapes.append((frames, arms, values))
        self._offsets.append(self._offsets[-1] + one.size)
        return len(self._shapes) - 1

    def close(self) -> None:
        """End writing; from now on trajectories can be read."""
        try:
            self._file.close()
        except OSError as error:  # what was buffered did not fit
            raise unwritable(self._path, error) from error
        if self._offsets[-1]:
            self._map = np.memmap(self._path, np.float64, "r")

    def frames(self, number: int) -> int:
        """Return the number of frames of trajectory `number`."""
        return self._shapes[number][0]

    def __getitem__(self, number: int) -> Array:
        if self._map is None:
            raise IndexError(number)
        made = self._map[self._offsets[number] : self._offsets[number + 1]]
        return np.asarray(made).reshape(self._shapes[number])
