"""Motion facts of one episode, without any model: phases, arms, grasps, approaches, carries, turns, retries, coordination.

What the data do not say is left out: no poses, no directions; no gripper, no grasps.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from finevla_tools.annotate.bimanual import Coordination, coordination
from finevla_tools.annotate.gripper_events import FingerMove, coarse, finger_moves, runs
from finevla_tools.annotate.tool_path import (
    Carry,
    ToolApproach,
    ToolTurn,
    approach,
    carry,
    lift_frames,
    turn_in_place,
    yaw_of,
)
from finevla_tools.annotate.trajectory import ArmTrack, Array, EpisodeTrajectory

Flags = NDArray[np.bool_]
WINDOW_S = 0.2  # over which an arm's speed is taken
SLOW_M_S, SLOW_RAD_S = 0.04, 0.2  # an arm that is slower stands still
ACTS_M, ACTS_RAD = 0.04, 0.15  # an arm that went less far did not act
SAME_PLACE_M = 0.15  # closings this near to each other are for the same thing
STAYS_M = 0.06  # while fingers close on the spot
RETRY_S = 15.0  # and without poses: closings within this time


@dataclass(frozen=True)
class Phase:
    """What an arm does from `from_s` to `to_s`.

    idle, approach, grasp, hold, lift, carry, lower, turn, release, retreat; close and open where nothing is held, move where
    there is no grasp.
    """

    name: str
    from_s: float
    to_s: float


@dataclass(frozen=True)
class Grasp:
    """One closing of a gripper and what came of it; `attempt` counts tries at the same thing from 1."""

    close: FingerMove
    open: FingerMove | None
    approach: ToolApproach | None
    carry: Carry | None
    turn: ToolTurn | None
    is_try: bool
    attempt: int = 1

    @property
    def failed(self) -> bool:
        """Whether nothing was held at its end."""
        return not self.close.held or self.close.lost_s is not None


@dataclass(frozen=True)
class ArmFacts:
    """What one arm did; `moves_s` are the times between which it moves, None where it never does."""

    side: str
    phases: tuple[Phase, ...]
    fingers: tuple[FingerMove, ...]
    grasps: tuple[Grasp, ...]
    moves_s: tuple[float, float] | None
    acts: bool
    confidence: float
    reach: ToolApproach | None = None

    @property
    def retries(self) -> int:
        """How often it tried again."""
        return sum(grasp.attempt > 1 for grasp in self.grasps)


@dataclass(frozen=True)
class MotionFacts:
    """All that motion says of an episode of `end_s` seconds."""

    episode: int
    end_s: float
    arms: Mapping[str, ArmFacts]
    coordination: Coordination | None = field(default=None)

    @property
    def acting(self) -> tuple[ArmFacts, ...]:
        """The arms that did something."""
        return tuple(arm for arm in self.arms.values() if arm.acts)


def motion_facts(trajectory: EpisodeTrajectory) -> MotionFacts:
    """Return what an episode's motion says."""
    moving: dict[str, Flags] = {}
    arms: dict[str, ArmFacts] = {}
    times = coarse(trajectory.times_s, trajectory.times_s)[0]
    for side, track in trajectory.arms.items():
        arms[side], moving[side] = _arm_facts(side, trajectory.times_s, track)
    together = coordination(times, arms, moving, trajectory)
    return MotionFacts(trajectory.episode, trajectory.end_s, arms, together)


def _arm_facts(side: str, times_s: Array, track: ArmTrack) -> tuple[ArmFacts, Flags]:
    fingers = () if track.opening is None else tuple(finger_moves(times_s, track.opening, track.command))
    t, joints = _coarse(times_s, track.joints)
    _, position = _coarse(times_s, track.position)
    _, quaternion = _coarse(times_s, track.quaternion)
    moving, extent = _moving(t, joints, position, quaternion)
    fingers_move = bool(fingers)
    span = runs(moving)
    begin_end = (float(t[span[0][0]]), float(t[min(span[-1][1], len(t) - 1)])) if len(span) else None
    acts = extent >= 1.0 or fingers_move
    confidence = 0.6 + 0.4 * min(abs(extent - 1.0), 1.0) if not fingers_move else 1.0
    grasps = _grasps(t, position, quaternion, fingers, track.tool_axes, moving)
    reach = None
    if acts and not grasps and position is not None and begin_end is not None:
        reach = _reach(t, position, quaternion, track.tool_axes, moving)
    phases = _phases(t, position, grasps, fingers, begin_end if acts else None, float(times_s[-1]))
    return ArmFacts(side, phases, fingers, grasps, begin_end if acts else None, acts, confidence, reach), moving


def _coarse(times_s: Array, values: Array | None) -> tuple[Array, Array | None]:
    if values is None:
        return coarse(times_s, times_s)[0], None
    return coarse(times_s, values)


def _moving(t: Array, joints: Array | None, position: Array | None, quaternion: Array | None) -> tuple[Flags, float]:
    """Whether the arm moves at each coarse frame `(T,)`, and how far it went as a share of what counts as acting."""
    if len(t) < 2 or (joints is None and position is None):
        return np.zeros(len(t), bool), 0.0
    step_s = float(t[-1] - t[0]) / (len(t) - 1)
    window = min(max(1, round(WINDOW_S / step_s)), len(t) - 1)
    extent, speed = 0.0, np.zeros(len(t) - window)
    elapsed = np.maximum(t[window:] - t[:-window], 1e-9)
    if position is not None:
        gone = np.sqrt(((position - position[0]) ** 2).sum(axis=1))
        extent = float(gone.max()) / ACTS_M
        moved = np.sqrt(((position[window:] - position[:-window]) ** 2).sum(axis=1))
        speed = moved / elapsed / SLOW_M_S
    if joints is not None:
        if position is None:
            extent = float(np.abs(joints - joints[0]).max()) / ACTS_RAD
        turned = np.abs(joints[window:] - joints[:-window]).max(axis=1)
        speed = np.maximum(speed, turned / elapsed / SLOW_RAD_S)
    elif quaternion is not None:
        cosine = np.abs((quaternion[window:] * quaternion[:-window]).sum(axis=1))
        speed = np.maximum(speed, 2 * np.arccos(np.minimum(cosine, 1.0)) / elapsed / SLOW_RAD_S)
    moving = np.zeros(len(t), bool)
    for first, last in runs(speed > 1.0):
        begin, end = first + window - 1, last
        if end > begin:
            moving[begin:end] = True
        elif last - first >= 1:
            moving[min(first + window // 2, len(t) - 1)] = True
    return moving, extent


def _grasps(
    t: Array,
    position: Array | None,
    quaternion: Array | None,
    fingers: tuple[FingerMove, ...],
    tool_axes: bool,
    moving: Flags,
) -> tuple[Grasp, ...]:
    found: list[Grasp] = []
    yaw = None if quaternion is None else yaw_of(quaternion)
    places: list[Array | None] = []
    for number, close in enumerate(fingers):
        if not close.closes:
            continue
        later = next((move for move in fingers[number + 1 :] if not move.closes), None)
        begin, shut = _frame(t, close.begin_s), _frame(t, close.end_s)
        until = max(shut, _frame(t, later.begin_s) if later is not None else len(t) - 1)
        came = went = turned = None
        if position is not None:
            came = approach(position, quaternion, begin, tool_axes)
            if close.held and until > shut:
                went = carry(position, shut, until)
                turned = None if yaw is None else turn_in_place(t, position, yaw, shut, until)
        is_try = close.held or _stays(position, moving, begin, shut)
        place = None if position is None else position[begin]
        attempt = 1
        if found and found[-1].failed and found[-1].is_try and is_try and found[-1].open is not None:
            last = places[-1]
            near = close.begin_s - (found[-1].close.lost_s or found[-1].close.end_s) < RETRY_S
            if last is not None and place is not None and found[-1].close.lost_s is None:  # what is lost lies anywhere
                near = float(np.linalg.norm(last - place)) < SAME_PLACE_M
            attempt = found[-1].attempt + 1 if near else 1
        found.append(Grasp(close, later, came, went, turned, is_try, attempt))
        places.append(place)
    return tuple(found)


def _stays(position: Array | None, moving: Flags, begin: int, end: int) -> bool:
    """Whether the arm is where it means to grasp while its fingers close, not on its way."""
    if position is None:
        return float(moving[begin : end + 1].mean()) < 0.7
    return float(np.linalg.norm(position[end] - position[begin])) < STAYS_M


def _reach(t: Array, position: Array, quaternion: Array | None, tool_axes: bool, moving: Flags) -> ToolApproach | None:
    """The approach to where an arm went that never closed its gripper: where it ends, or where it turned back from."""
    away = np.sqrt(((position - position[0]) ** 2).sum(axis=1))
    at = len(t) - 1 if away[-1] > max(ACTS_M, 0.5 * float(away.max())) else int(away.argmax())
    ends = np.flatnonzero(moving[: at + 1])
    if not len(ends):
        return None
    return approach(position, quaternion, min(int(ends[-1]) + 1, at), tool_axes)


def _phases(
    t: Array,
    position: Array | None,
    grasps: tuple[Grasp, ...],
    fingers: tuple[FingerMove, ...],
    moves_s: tuple[float, float] | None,
    end_s: float,
) -> tuple[Phase, ...]:
    """The arm's phases, one after the other from 0 to `end_s`."""
    if moves_s is None and not fingers:
        return (Phase("idle", 0.0, end_s),)
    begin, stop = moves_s or (fingers[0].begin_s, fingers[-1].end_s)
    begin, stop = (
        min(begin, *(f.begin_s for f in fingers[:1])) if fingers else begin,
        max([stop, *(f.end_s for f in fingers[-1:])]),
    )
    edges: list[tuple[float, str]] = [(0.0, "idle"), (begin, "approach" if grasps else "move")]
    for number, grasp in enumerate(grasps):
        edges.append((grasp.close.begin_s, "grasp" if grasp.close.held or grasp.is_try else "close"))
        edges += _hold(t, position, grasp)
        if grasp.open is not None:
            edges.append((grasp.open.begin_s, "release" if not grasp.failed else "open"))
            following = "retreat" if number + 1 == len(grasps) or not grasp.failed else "approach"
            edges.append((grasp.open.end_s, following))
    edges += [(stop, "idle")]
    return _told(edges, grasps, end_s)


def _hold(t: Array, position: Array | None, grasp: Grasp) -> list[tuple[float, str]]:
    """From the end of a closing to the opening."""
    shut_s = grasp.close.end_s
    if grasp.failed and grasp.close.lost_s is None:
        return [(shut_s, "retreat")]
    if grasp.turn is not None:
        return [(shut_s, "hold"), (grasp.turn.from_s, "turn"), (grasp.turn.to_s, "hold")]
    if position is None:
        return [(shut_s, "carry")]
    until = len(t) - 1 if grasp.open is None else _frame(t, grasp.open.begin_s)
    lift = lift_frames(position[:, 2], _frame(t, grasp.close.begin_s), max(until, _frame(t, shut_s)))
    if lift is None:
        return [(shut_s, "carry" if grasp.carry is not None and grasp.carry.extent_m > ACTS_M else "hold")]
    leaves, up, lowers = (float(t[frame]) for frame in lift)
    edges = [(shut_s, "hold"), (leaves, "lift"), (up, "carry")]
    if grasp.open is not None and grasp.carry is not None and grasp.carry.lower_m > ACTS_M / 2:
        edges.append((lowers, "lower"))
    return edges


def _told(edges: list[tuple[float, str]], grasps: tuple[Grasp, ...], end_s: float) -> tuple[Phase, ...]:
    """Edges to phases: each lasts to the next edge, none is empty, and neighbours of one name are one."""
    made: list[Phase] = []
    at = 0.0
    for number, (from_s, name) in enumerate(edges):
        from_s = max(at, min(from_s, end_s))
        to_s = max(from_s, min(edges[number + 1][0], end_s)) if number + 1 < len(edges) else end_s
        at = from_s
        if to_s <= from_s:
            continue
        if made and made[-1].name == name:
            made[-1] = Phase(name, made[-1].from_s, to_s)
        else:
            made.append(Phase(name, from_s, to_s))
        at = to_s
    return tuple(made)


def _frame(t: Array, time_s: float) -> int:
    return min(int(np.searchsorted(t, time_s - 1e-9)), len(t) - 1)
