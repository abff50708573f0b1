"""Episodes of a LeRobot data set as trajectories: its columns by a field map, poses by kinematics where the arm is known."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from finevla_core.errors import FineVLAError
from finevla_tools.annotate.trajectory import EpisodeTrajectory, clock_doubt, times_of, trajectory_of
from finevla_tools.canonical.arm_kinematics import forward_of
from finevla_tools.canonical.field_map import Field, FieldMap
from finevla_tools.canonical.field_map_choice import choose_map
from finevla_tools.canonical.field_map_scales import AUTOMATIC, Given, settle
from finevla_tools.canonical.unified_values import Rules, unify
from finevla_tools.datasets.frame_times import STAMPS, refuse_impossible_times
from finevla_tools.datasets.lerobot_files import EpisodeFile, LeRobotFiles, values

ROOT = "base_footprint"  # of the robots whose poses are of both arms in one frame
USED = ("joint", "eef", "gripper")


@dataclass(frozen=True)
class MotionSource:
    """A data set with its field map; `is_shared`: poses of both arms are in one frame."""

    files: LeRobotFiles
    fields: FieldMap
    is_shared: bool

    def reader(self) -> "MotionSource":
        """The same without its lists: small enough to be sent to each worker."""
        return replace(self, files=replace(self.files, episodes=(), task_table={}, problems=()))


def open_source(files: LeRobotFiles, given_map: str | None, grippers: Given = AUTOMATIC) -> MotionSource:
    """Choose the map of a data set, settle its scales, and leave out of it what no fact is made of.

    Raises `FineVLAError` if the columns are not recognised, or none of them says anything of an arm.
    """
    fields = choose_map(files, given_map, own_tip=False)

    def used(some: tuple[Field, ...], parts: tuple[str, ...]) -> tuple[Field, ...]:
        return tuple(f for f in some if f.slot.rpartition("_")[2] in parts)

    fields = replace(fields, state=used(fields.state, USED), action=used(fields.action, ("gripper",)))
    if not fields.state:
        raise FineVLAError(
            f"'{files.root}': field map '{fields.name}' names no joints, poses or grippers of a state; nothing can be said "
            "of its motion; give another --map"
        )
    fields = settle(files, fields, grippers)
    is_mounted = bool(fields.forward) and files.robot.lower() in fields.robot_types
    return MotionSource(files, _rooted(fields) if is_mounted else fields, is_mounted)


def _rooted(fields: FieldMap) -> FieldMap:
    """Poses in the robot's own frame: of a robot that is known by its type it is known where its arms stand."""
    return replace(fields, forward=tuple(replace(way, base=ROOT) for way in fields.forward))


def reader_of(source: MotionSource) -> Callable[[EpisodeFile], EpisodeTrajectory]:
    """Return what reads an episode; kinematics are made once."""
    forward = forward_of(source.fields)
    rules = Rules(source.fields)
    axes = frozenset(way.slot.partition("_")[0] for way in source.fields.forward)
    keys = tuple(dict.fromkeys(f.key for f in (*source.fields.state, *source.fields.action)))

    def read(episode: EpisodeFile) -> EpisodeTrajectory:
        where = f"episode {episode.index}"
        table = source.files.read(episode, (*keys, STAMPS))
        refuse_impossible_times(table, source.files.fps, f"'{episode.path}'")
        columns = {key: values(table, key, where) for key in keys}
        stamps = None
        if STAMPS in table.column_names:
            stamps = values(table, STAMPS, where)[:, 0].astype(np.float64) if table.num_rows else None
        times_s = times_of(stamps, table.num_rows, source.files.fps)
        unified = unify(columns, rules, forward, where)
        trajectory = trajectory_of(unified, episode.index, times_s, axes, source.is_shared)
        return replace(trajectory, clock=clock_doubt(stamps, table.num_rows, source.files.fps))

    return read


def name_of(root: Path) -> str:
    """The data set's folder as a name for what is made of it."""
    return root.resolve().name or "dataset"
