"""Measure one episode in a worker: read its files once and run every check."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import pyarrow as pa
from scipy.spatial.transform import Rotation

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.canonical.arm_kinematics import limits
from finevla_tools.canonical.field_map import FieldMap
from finevla_tools.canonical.layout import SLOTS
from finevla_tools.canonical.unified_values import Rules, unify
from finevla_tools.clean import checks as c
from finevla_tools.clean.checks import CHECKS, Array, Measurement
from finevla_tools.clean.state_action_values import eased, joined
from finevla_tools.crash_report import Unexpected
from finevla_tools.datasets.frame_times import impossible_times
from finevla_tools.datasets.lerobot_files import EpisodeFile, LeRobotFiles, values

STATE, ACTION = "observation.state", "action"
MEASURE_VERSION = 3  # counted up when a check's number changes: what was measured before is measured again


@dataclass(frozen=True)
class MeasurePlan:
    """Checks to run, field map, robot and picture rate; can be pickled."""

    checks: tuple[str, ...]
    map: FieldMap | None
    robot: str = ""
    rate_hz: float = 4.0


@dataclass
class Findings:
    """Measures of one episode; `digest` is a hash of its numbers, to find duplicates."""

    episode: int
    rows: int
    tasks: tuple[str, ...]
    digest: str
    measures: list[Measurement] = field(default_factory=list)
    mistake: str = ""  # why it could not be looked at, where that is not the file's fault but the map's or an option's
    unexpected: Unexpected | None = None


@dataclass(frozen=True)
class Signals:
    """State and action of an episode `(T, ...)`, finite, with their names; lower, upper and speed limits if known."""

    state: Array
    action: Array
    state_names: tuple[str, ...]
    action_names: tuple[str, ...]
    state_limits: Array | None  # (3, D): lower, upper, speed
    action_limits: Array | None


def measure(dataset: LeRobotFiles, plan: MeasurePlan, episode: EpisodeFile) -> Findings:
    """Run the planned checks on one episode; a broken file becomes a finding and does not raise."""
    found = Findings(episode.index, 0, tuple(episode.tasks or ()), "")
    try:
        table = dataset.read(episode, _columns(dataset))
    except FineVLAError as error:
        found.measures.append(_unreadable(found, error))
    else:
        found.rows = table.num_rows
        found.measures.append(Measurement("corrupt", 0, "readable"))
        try:
            _look_at_table(dataset, plan, episode, table, found)
        except FineVLAError as error:
            found.measures[0] = _unreadable(found, error)
    if not found.tasks and "task" in plan.checks:
        found.measures.append(Measurement("task", 0, "no task is stated"))
    elif "task" in plan.checks:
        said = sum(bool(text.strip()) for text in found.tasks)
        found.measures.append(Measurement("task", said, f"{said} task texts" if said else "all task texts are blank"))
    found.measures = [m for m in found.measures if m.check in plan.checks]
    return found


def _unreadable(found: Findings, error: FineVLAError) -> Measurement:
    if not isinstance(error, DamagedFileError):
        found.mistake = str(error)
    return Measurement("corrupt", 1, str(error))


def signals(dataset: LeRobotFiles, plan: MeasurePlan, episode: EpisodeFile, table: pa.Table | None = None) -> Signals:
    """Read state and action of an episode; raises `FineVLAError` if they are missing."""
    state_keys, action_keys = _keys(plan)
    if table is None:
        table = dataset.read(episode, (*state_keys, *action_keys))
    fields = (plan.map.state, plan.map.action) if plan.map else ((), ())
    state, state_names, state_known = joined(dataset, table, state_keys, fields[0], f"'{episode.path}'")
    action, action_names, action_known = joined(dataset, table, action_keys, fields[1], f"'{episode.path}'")
    bounds = [eased(_limits(plan.robot, names), names) for names in (state_known, action_known)]
    return Signals(state, action, state_names, action_names, *bounds)


def _look_at_table(
    dataset: LeRobotFiles, plan: MeasurePlan, episode: EpisodeFile, table: pa.Table, found: Findings
) -> None:
    rows, fps, add = table.num_rows, dataset.fps, found.measures.append
    stated = episode.length
    said = f"{counted(rows, 'row')}, the metadata say {'nothing' if stated is None else stated}"
    add(Measurement("length", rows if stated is None else abs(rows - stated), said))
    add(Measurement("frames", rows, f"{counted(rows, 'frame')}, {rows / fps:.1f} s"))
    if not found.tasks and "task_index" in table.column_names:
        known = {int(i) for i in np.unique(values(table, "task_index", "").astype(np.int64))}
        found.tasks = tuple(dataset.task_table[i] for i in sorted(known) if i in dataset.task_table)
    if "timestamp" in table.column_names and rows:
        stamps = values(table, "timestamp", f"'{episode.path}'")[:, 0].astype(np.float64)
        (wrong, at), jitter, (gap, widest) = c.timing(stamps, fps)
        add(Measurement("time_order", wrong, f"{wrong} timestamps are not after the one before", at))
        uneven = f"steps between timestamps are uneven by {jitter:.2f} of a step"
        add(Measurement("time_jitter", jitter, impossible_times(stamps, fps) or uneven))
        add(Measurement("time_gap", gap, f"{gap / fps:.3f} s between two frames, 1/{fps:g} s is due", widest))
    raw = signals(dataset, plan, episode, table)
    found.digest = hashlib.sha256(raw.state.tobytes() + raw.action.tobytes()).hexdigest()
    bad, at = c.not_finite(raw.state, raw.action)
    add(Measurement("finite", bad, f"{counted(bad, 'value', 'are')} NaN or infinite", at))
    clean = replace(raw, state=_filled(raw.state), action=_filled(raw.action))
    if rows:
        _look_at_motion(clean, fps, add)
        _look_at_divergence(dataset, plan, table, clean, add)
    if any(CHECKS[name].needs_video for name in plan.checks):
        _look_at_videos(dataset, plan, episode, clean, rows, add)


def _look_at_motion(s: Signals, fps: float, add: Callable[[Measurement], None]) -> None:
    share, at = c.held_frames(s.state, s.action)
    add(Measurement("held_frames", share, f"{share:.0%} of the moving frames are the one before once more", at))
    seconds, at = c.frozen_state(s.state, s.action, fps)
    add(
        Measurement(
            "frozen_state", seconds, f"for {seconds:.2f} s the state is bit for bit the same, the action is not", at
        )
    )
    if s.state_limits is not None:
        ratio, at, which = c.speeds(s.state, fps, s.state_limits[2])
        add(
            Measurement(
                "joint_jump", ratio, f"{_name(s.state_names, which)} moves at {ratio:.2f} of its speed limit", at
            )
        )
        excess = [
            (*c.beyond(x, bounds[0], bounds[1]), names, what)
            for x, bounds, names, what in (
                (s.state, s.state_limits, s.state_names, "state"),
                (s.action, s.action_limits, s.action_names, "action"),
            )
            if bounds is not None
        ]
        worst, at, which, names, what = max(excess, key=lambda e: e[0])
        add(Measurement("limits", worst, f"{what}: {_name(names, which)} is {worst:.3f} beyond its limit", at))
    else:
        ratio, at, which = c.speeds(s.state, fps, c.usual_speed(s.state, fps))
        add(
            Measurement(
                "state_jump", ratio, f"{_name(s.state_names, which)} moves at {ratio:.1f} of its usual speed", at
            )
        )
        add(Measurement("limits", None, "no limits are known for these values; give --robot"))
    arms = [i for i, name in enumerate(s.action_names) if not _is_gripper(name)]
    if arms:
        speed = s.action_limits[2] if s.action_limits is not None else c.usual_speed(s.action, fps)
        ratio, at, which = c.speeds(s.action[:, arms], fps, speed[arms])
        name = _name([s.action_names[i] for i in arms], which)
        add(Measurement("action_jump", ratio, f"{name} is commanded to move at {ratio:.2f} of its speed", at))
    way = max(c.travel(x, fps) / c.unit(x) for x in (s.state, s.action))
    add(Measurement("still", way, f"nothing moves by more than {way:.2g} rad or m", 0))
    head, tail = c.idle(s.state, s.action, fps)
    add(Measurement("idle_head", head, f"nothing moves for the first {head:.1f} s", 0))
    add(Measurement("idle_tail", tail, f"nothing moves for the last {tail:.1f} s", max(0, len(s.state) - 1)))
    hands = [np.ptp(x[:, i]) for x, names in ((s.state, s.state_names), (s.action, s.action_names))
             for i, name in enumerate(names) if _is_gripper(name)]  # fmt: skip
    if hands:
        add(Measurement("gripper_unused", float(max(hands)), f"grippers move by {max(hands):.2f} at most"))
    else:
        add(Measurement("gripper_unused", None, "no value is named a gripper"))


def _look_at_divergence(
    dataset: LeRobotFiles, plan: MeasurePlan, table: pa.Table, s: Signals, add: Callable[[Measurement], None]
) -> None:
    try:
        state, action = _compared(plan, table, s)
    except FineVLAError as error:
        add(Measurement("divergence", None, str(error)))
        return
    score, lag = c.divergence(state, action, dataset.fps)
    if np.isinf(score):
        said = "one of state and action moves, the other does not"
    else:
        said = f"state and action differ by {score:.2f} of their range"
        said += f", at a lag of {lag / dataset.fps:.2f} s" if lag else ""
    add(Measurement("divergence", score, said))


def _compared(plan: MeasurePlan, table: pa.Table, s: Signals) -> tuple[Array, Array]:
    """What of state and action can be compared: joints if there are any, else poses with rotation vectors."""
    if plan.map is None:
        if s.state.shape != s.action.shape:
            raise FineVLAError(
                "state and action have different sizes; a field map would tell which values are the same"
            )
        arms = [i for i, name in enumerate(s.state_names) if not _is_gripper(name)]
        return s.state[:, arms], s.action[:, arms]
    columns = {key: _filled(values(table, key, "").astype(np.float64)) for key in plan.map.keys}
    unified = unify(columns, Rules(replace(plan.map, forward=())), {}, "episode")
    both = unified.mask_state & unified.mask_action
    states, actions = [], []
    for slot in SLOTS.values():
        place = np.arange(slot.start, slot.stop)[both[slot.start : slot.stop]]
        if slot.name.endswith("gripper") or not len(place):
            continue  # a hand that holds something does not reach what it is told
        one, other = unified.state[:, place], unified.action[:, place]
        if slot.is_eef:
            if both[SLOTS[slot.name.replace("_eef", "_joint")].start]:
                continue
            first = Rotation.from_quat(one[0, 3:]).inv()
            one, other = (np.c_[x[:, :3], (Rotation.from_quat(x[:, 3:]) * first).as_rotvec()] for x in (one, other))
        states.append(one)
        actions.append(other)
    if not states:
        raise FineVLAError("the field map has no slot with both state and action, grippers aside")
    return np.concatenate(states, axis=1), np.concatenate(actions, axis=1)


def _look_at_videos(
    dataset: LeRobotFiles,
    plan: MeasurePlan,
    episode: EpisodeFile,
    s: Signals,
    rows: int,
    add: Callable[[Measurement], None],
) -> None:
    from finevla_tools.clean.video_checks import judged, times_and_looks

    arms = _arms(s) if rows else {}
    for footage in episode.videos:
        camera = footage.key.rsplit(".", 1)[-1]
        try:
            shown, looks = times_and_looks(footage, dataset.fps, plan.rate_hz)
        except FineVLAError as error:
            add(Measurement("video_corrupt", 1, str(error), None, camera))
            continue
        add(Measurement("video_corrupt", 0, f"{camera}: readable", None, camera))
        looks = [] if footage.key in dataset.depth else looks  # depth has no brightness: it is only counted
        for one in judged(camera, looks, shown, rows, arms, dataset.fps):
            add(one)


def _arms(s: Signals) -> dict[str, Array]:
    """Values by the side that their names say, in rad or m; all together where none says a side."""
    sides = {side: [i for i, name in enumerate(s.state_names) if side in name.lower()] for side in ("left", "right")}
    known = {side: which for side, which in sides.items() if which} or {"": list(range(s.state.shape[1]))}
    return {side: s.state[:, which] / c.unit(s.state) for side, which in known.items() if which}


def _columns(dataset: LeRobotFiles) -> list[str] | None:
    """Everything but pictures and languages: a broken page of any column is to be found."""
    skipped = {key for key, f in dataset.features.items() if f.get("dtype") in ("image", "video", "language")}
    return [key for key in dataset.features if key not in skipped] or None


def _keys(plan: MeasurePlan) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if plan.map is None:
        return (STATE,), (ACTION,)
    return tuple(dict.fromkeys(f.key for f in plan.map.state)), tuple(dict.fromkeys(f.key for f in plan.map.action))


@lru_cache(maxsize=16)
def _limits(robot: str, names: tuple[str, ...]) -> Array | None:
    """Lower, upper and speed limits `(3, D)` by the values' names, or by their order if none is named like the robot's."""
    if not robot:
        return None
    known, found = limits(robot)
    table = np.stack([found.lower, found.upper, found.velocity])
    order = {name: i for i, name in enumerate(known)}
    if any(name in order for name in names):
        out = np.tile(np.array([[-np.inf], [np.inf], [np.inf]]), (1, len(names)))
        for column, name in enumerate(names):
            if name in order:
                out[:, column] = table[:, order[name]]
        return out
    return table if len(names) == len(known) else None


def _filled(array: Array) -> Array:
    """NaN and infinity replaced by the value before, so that one of them is reported once and not by every check."""
    bad = ~np.isfinite(array)
    if not bad.any():
        return array
    rows = np.where(bad, 0, np.arange(len(array))[:, None])
    filled = np.take_along_axis(array, np.maximum.accumulate(rows, axis=0), axis=0)
    return np.asarray(np.where(np.isfinite(filled), filled, 0.0))


def _is_gripper(name: str) -> bool:
    return "gripper" in name.lower()


def _name(names: Sequence[str], which: int | None) -> str:
    return "nothing" if which is None else str(names[which])


def as_json(found: Findings) -> Mapping[str, object]:
    """Convert findings to one line of the journal."""
    return {
        "episode": found.episode,
        "rows": found.rows,
        "tasks": list(found.tasks),
        "digest": found.digest,
        "measures": [
            [m.check, None if m.value is None else repr(float(m.value)), m.said, m.frame, m.part]
            for m in found.measures
        ],
    }


def from_json(raw: Mapping[str, object]) -> Findings:
    """Restore the findings that `as_json` made."""
    found: object = raw["measures"]
    assert isinstance(found, list)
    measures = [Measurement(n, None if v is None else float(v), said, frame, part) for n, v, said, frame, part in found]
    tasks: object = raw["tasks"]
    assert isinstance(tasks, list)
    return Findings(int(str(raw["episode"])), int(str(raw["rows"])), tuple(tasks), str(raw["digest"]), measures)
