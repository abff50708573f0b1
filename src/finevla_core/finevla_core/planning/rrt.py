"""A way around obstacles by OMPL's RRT-Connect, then with the detours taken out; the same request gives the same way.

Only the arms that have to go somewhere move; their grippers change evenly along the way.
"""

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.planning.planning_scene import PlanningScene

SEED = 1
RANGE_RAD = (
    1.2  # longest edge of the tree (Euclidean, all moving joints): long ones rarely are free, short ones are many
)
SHORTCUTS = 100  # tried per way; a count, not a time: the same on every machine
SAME = 1e-6


class RRTConnect:
    """OMPL's RRT-Connect in the joints of the arms that move; tried in each of `rooms` in turn, the widest distance first."""

    name = "OMPL"

    def __init__(self, embodiment: Embodiment, rooms: Sequence[PlanningScene], timeout_s: float = 5.0) -> None:
        self.embodiment, self.rooms, self.timeout_s = embodiment, rooms, timeout_s

    def plan(
        self, start: NDArray[np.float64], goal: NDArray[np.float64], is_wanted: Callable[[], bool] = lambda: True
    ) -> NDArray[np.float64]:
        """Find a collision-free path, see `Planner.plan`; the timeout is shared among the margins that are tried."""
        given_up_s = time.monotonic() + self.timeout_s
        for k, room in enumerate(self.rooms):
            if room.too_near(start) or room.too_near(goal):
                continue
            left_s = (given_up_s - time.monotonic()) / (len(self.rooms) - k)
            found = _Search(self.embodiment, room, start, goal).run(left_s, is_wanted)
            if not is_wanted():
                raise FineVLAError("planning was called off")
            if found is not None:
                return found
        raise FineVLAError(
            f"no way to the goal was found within {self.timeout_s:.0f} s; go by way of another pose, or move one arm first"
        )


class _Search:
    def __init__(
        self, embodiment: Embodiment, room: PlanningScene, start: NDArray[np.float64], goal: NDArray[np.float64]
    ) -> None:
        self.room, self.start, self.goal = room, start, goal
        self.moving = moving_joints(embodiment, start, goal)
        grippers = np.array([value.is_gripper for value in embodiment.values])
        # The tree does not know yet how far along the way a point will be: fingers are as open there as they ever get.
        self.pose = np.where(grippers, np.maximum(start, goal), start)

    def run(self, timeout_s: float, is_wanted: Callable[[], bool]) -> NDArray[np.float64] | None:
        """The corners `(N, D)`, or None."""
        if not len(self.moving):
            return np.stack([self.start, self.goal]) if self.room.is_free(self.start, self.goal) else None
        found = self._tree(time.monotonic() + timeout_s, is_wanted)
        if found is None:
            return None
        shorter = self._shortened(found, is_wanted)
        whole = np.tile(self.start, (len(shorter), 1))
        whole[:, self.moving] = shorter
        gone = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(shorter, axis=0), axis=1))])
        others = np.setdiff1d(np.arange(len(self.start)), self.moving)
        part = gone[:, None] / max(gone[-1], SAME)
        whole[:, others] = self.start[others] + part * (self.goal - self.start)[others]
        whole[-1] = self.goal
        return whole

    def _tree(self, until_s: float, is_wanted: Callable[[], bool]) -> NDArray[np.float64] | None:
        from ompl import base, geometric, util  # here: nobody else needs it

        util.setLogLevel(util.LogLevel.LOG_NONE)
        util.RNG.setSeed(SEED)
        size = len(self.moving)
        space = base.RealVectorStateSpace(size)
        bounds = base.RealVectorBounds(size)
        for k, index in enumerate(self.moving.tolist()):  # an arm that rests in the margin of a limit starts from there
            bounds.setLow(k, float(min(self.room.lower[index], self.start[index])))
            bounds.setHigh(k, float(max(self.room.upper[index], self.start[index])))
        space.setBounds(bounds)
        information = base.SpaceInformation(space)

        def numbers(state: object) -> NDArray[np.float64]:
            return np.array([state[k] for k in range(size)])  # type: ignore[index]

        room, whole = self.room, self._whole

        class Straight(base.MotionValidator):  # type: ignore[name-defined,misc]
            def checkMotion(self, a: object, b: object) -> bool:
                return room.is_free(whole(numbers(a)), whole(numbers(b)))

        information.setStateValidityChecker(lambda state: not room.too_near(whole(numbers(state))))
        straight = Straight(information)
        information.setMotionValidator(straight)
        information.setup()
        ends = []
        for values in (self.start, self.goal):
            state = space.allocState()
            for k, index in enumerate(self.moving.tolist()):
                state[k] = float(values[index])
            ends.append(state)
        problem = base.ProblemDefinition(information)
        problem.setStartAndGoalStates(*ends)
        planner = geometric.RRTConnect(information)
        planner.setRange(RANGE_RAD)
        planner.setProblemDefinition(problem)
        planner.setup()
        is_over = base.PlannerTerminationCondition(lambda: time.monotonic() > until_s or not is_wanted())
        if planner.solve(is_over).getStatus() != base.PlannerStatus.EXACT_SOLUTION:
            return None
        return np.array([numbers(state) for state in problem.getSolutionPath().getStates()])

    def _whole(self, joints: NDArray[np.float64]) -> NDArray[np.float64]:
        whole = self.pose.copy()
        whole[self.moving] = joints
        return whole

    def _shortened(self, corners: NDArray[np.float64], is_wanted: Callable[[], bool]) -> NDArray[np.float64]:
        """Random detours cut off between any two points of the way, then every corner that can be skipped."""
        rng = np.random.default_rng(SEED)
        for _ in range(SHORTCUTS):
            if len(corners) < 3 or not is_wanted():
                break
            steps = np.linalg.norm(np.diff(corners, axis=0), axis=1)
            gone = np.concatenate([[0.0], np.cumsum(steps)])
            a, b = np.sort(rng.uniform(0.0, gone[-1], 2))
            i, j = (int(np.searchsorted(gone, x, side="right")) - 1 for x in (a, b))
            if i == j:
                continue
            ends = [corners[k] + (corners[k + 1] - corners[k]) * (x - gone[k]) / steps[k] for k, x in ((i, a), (j, b))]
            if self._is_free(ends[0], ends[1]):
                corners = np.concatenate([corners[: i + 1], ends, corners[j + 1 :]])
        kept, k = [corners[0]], 0
        while k < len(corners) - 1:
            k = next(n for n in range(len(corners) - 1, k, -1) if n == k + 1 or self._is_free(corners[k], corners[n]))
            kept.append(corners[k])
        return np.array(kept)

    def _is_free(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
        return self.room.is_free(self._whole(a), self._whole(b))


def moving_joints(embodiment: Embodiment, start: NDArray[np.float64], goal: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indices of all joints of the arms that have somewhere to go; an arm is what one controller moves."""
    moving: list[int] = []
    for controller in embodiment.controllers:
        own = [embodiment.joints.index(joint) for joint in controller.joints]
        own = [index for index in own if not embodiment.values[index].is_gripper]
        if own and abs(goal[own] - start[own]).max() > SAME:
            moving += own
    return np.array(sorted(moving), dtype=np.int64)
