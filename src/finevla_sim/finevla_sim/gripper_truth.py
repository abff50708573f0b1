"""What is true of the grippers of a demonstration: when fingers move, what they stop on, when it rises, turns or is lost.

Read off the physics and the expert's commands, for whoever says the same from measured values alone to be held against it.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_sim.demonstrator import TRIES, Demonstration
from finevla_sim.episode import CONTROL_S
from finevla_sim.gripper_path_planner import gripper_index
from finevla_sim.scene import KNOB

FINGERS = 0.2  # of the opening, per second: slower fingers have stopped
BEGINS, STOPS = 0.12, 0.25  # and those slower than this share of the movement's greatest speed
LEAST = 0.1  # of the opening: less is no movement
ASKED = 0.03  # of the opening: a command this far ahead of the fingers
PAUSE = 2  # steps within one movement
NEAR_M = 0.06  # a thing's centre from the tool's point, where it is between the fingers
RISEN_M = 0.003
GONE_M = 0.005  # a tool that is this far from where it began, or will end, is on its way


@dataclass(frozen=True)
class Closing:
    """One closing of a gripper: seconds at which fingers begin to move and stop, and move again to open (None: never).

    `held` is whether they stopped around a thing; `lost` whether it was no longer touched when they opened; `lift_s` is when it
    left the table, `left_s` when it was last touched, `turned_rad` how far a knob went round meanwhile.
    """

    begin_s: float
    end_s: float
    held: bool = False
    lost: bool = False
    opened_s: float | None = None
    opened_end_s: float | None = None
    lift_s: float | None = None
    left_s: float | None = None
    turned_rad: float = 0.0


def truth_of(done: Demonstration) -> dict[str, Any]:
    """Return what is true of a demonstration as plain data: what the judge saw, its retries and its closings."""
    out = done.outcome
    retries = min(sum("tries again" in what for _, what in done.events), TRIES - 1)
    return {
        "arm": out.arm, "approach": out.approach, "grasp": out.grasp, "turn": out.turn, "path": out.path,
        "moves_s": _moves_s(done), "retries": retries, "closings": [asdict(closing) for closing in closings_of(done)],
    }  # fmt: skip


def _moves_s(done: Demonstration) -> list[float]:
    """The seconds at which the acting arm's tool has left its first place, and reaches its last; none if it has not."""
    tool = np.array([t.tcps[done.goal.arm][:3, 3] for t in done.trace[: len(done.states)]])
    begun = np.flatnonzero(np.linalg.norm(tool - tool[0], axis=1) > GONE_M)
    left = np.flatnonzero(np.linalg.norm(tool - tool[-1], axis=1) > GONE_M)
    return [_s(begun[0] - 1), _s(left[-1] + 1)] if len(begun) and len(left) else []


def closings_of(done: Demonstration) -> list[Closing]:
    """Return all closings of the acting arm's gripper, in order."""
    index = gripper_index_of(done)
    opening, command = done.states[:, index].astype(float), done.actions[:, index].astype(float)
    if len(opening) < 2:
        return []
    speed = np.diff(opening) / CONTROL_S
    closes, opens = (_asked(opening, command, _moves(sign * speed, sign * opening)) for sign in (-1.0, 1.0))
    things = _Things(done)
    found: list[Closing] = []
    for begin, end in closes:
        later = next((run for run in opens if run[0] >= end), None)
        made = things.closing(begin, end, later)
        if not found or found[-1].opened_s != made.opened_s:
            found.append(made)
        elif not found[-1].held:  # fingers that were stopped on their way close on: one closing
            found[-1] = replace(made, begin_s=found[-1].begin_s)
    return found


def gripper_index_of(done: Demonstration) -> int:
    """Return which of the values is the acting arm's gripper."""
    from finevla_sim.robot_files import default_robot

    return gripper_index(default_robot().embodiment, done.goal.arm)


class _Things:
    """Where all things were at every step, and which of them the acting arm touched."""

    def __init__(self, done: Demonstration) -> None:
        arm, items = done.goal.arm, done.scene.objects
        trace = done.trace[: len(done.states)]
        poses = np.array([[t.objects[item.name] for item in items] for t in trace])
        tool = np.array([t.tcps[arm][:3, 3] for t in trace])
        self.touch = np.array([[(arm, item.name) in t.contacts for item in items] for t in trace])
        self.away_m = np.linalg.norm(poses[:, :, :3, 3] - tool[:, None], axis=2)
        self.height_m = poses[:, :, 2, 3]
        self.yaw_rad = np.unwrap(np.arctan2(poses[:, :, 1, 0], poses[:, :, 0, 0]), axis=0)
        self.is_knob = [item.shape == KNOB for item in items]

    def closing(self, begin: int, end: int, later: tuple[int, int] | None) -> Closing:
        last = len(self.touch) - 1
        opened, opened_end = later or (last, last)
        made = Closing(_s(begin), _s(end))
        if later is not None:
            made = replace(made, opened_s=_s(opened), opened_end_s=_s(opened_end))
        check = min(end + 1, opened)
        near = np.flatnonzero(self.touch[check] & (self.away_m[check] < NEAR_M))
        if not len(near):
            return made
        thing = int(near[self.away_m[check][near].argmin()])
        risen = np.flatnonzero(self.height_m[end:opened, thing] > self.height_m[begin, thing] + RISEN_M) + end
        touched = np.flatnonzero(self.touch[end : opened_end + 3, thing]) + end
        knob = self.is_knob[thing]
        return replace(
            made,
            held=True,
            lost=bool(not knob and not self.touch[max(opened - 1, 0), thing]),
            lift_s=_s(risen[0]) if len(risen) and not knob else None,
            left_s=_s(touched[-1]) if len(touched) else None,
            turned_rad=float(self.yaw_rad[opened, thing] - self.yaw_rad[begin, thing]) if knob else 0.0,
        )


def _asked(
    opening: NDArray[np.float64], command: NDArray[np.float64], moves: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """The movements that the expert asked for, from when it did: fingers that a thing pushes aside do not count."""
    made = []
    for begin, end in moves:
        sign = np.sign(opening[end] - opening[begin])
        asked = np.flatnonzero(sign * (command[begin:end] - opening[begin:end]) > ASKED)
        if len(asked):
            made.append((begin + int(asked[0]), end))
    return made


def _s(step: int) -> float:
    """The seconds of a step, without digits that mean nothing."""
    return round(float(step) * CONTROL_S, 3)


def _moves(speed: NDArray[np.float64], opening: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Steps between which fingers move towards larger values of `opening`, at `speed` (T - 1,) per second."""
    made: list[tuple[int, int]] = []
    fastest: list[float] = []
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (speed > FINGERS).astype(int), [0]])))
    for first, last in edges.reshape(-1, 2):
        part = speed[first:last]
        peak = float(part.max())
        begin = int(first) + int(np.flatnonzero(part > BEGINS * peak)[0])
        end = int(first) + int(np.flatnonzero(part > STOPS * peak)[-1]) + 1
        if not made or begin - made[-1][1] > PAUSE or fastest[-1] < BEGINS * peak:
            made.append((begin, end))
            fastest.append(peak)
        elif peak > STOPS * fastest[-1]:
            made[-1], fastest[-1] = (made[-1][0], end), max(peak, fastest[-1])
    return [(begin, end) for begin, end in made if opening[end] - opening[begin] > LEAST]
