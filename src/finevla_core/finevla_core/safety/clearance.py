"""How far a moving robot stays from itself and from what is fixed around it - along the motion, not only at its points.

Distances are Pinocchio's and coal's; between two looks a pair of shapes comes no closer than its joints have moved it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import coal
import numpy as np
import pinocchio
from numpy.typing import NDArray

from finevla_core.embodiment import Embodiment
from finevla_core.safety.collision_pairs import CollisionPair, CollisionPairs, Spacing, Zone, bounding_radius
from finevla_core.safety.plan import Plan
from finevla_core.time_units import S_PER_NS

# What may stay unseen between two looks at a pair that is near; where it could touch, looks are as close as it takes.
RESOLUTION_M = 0.02
# Looks at one plan. An ordinary one takes two to ten; one that needs more is too close to be judged, and is refused.
MOST_LOOKS = 150
FEW = 60  # pairs that are looked at as quickly as it can be told how far all are apart at least


@dataclass(frozen=True)
class Clearance:
    """Along a plan: the least `distance_m` of the pairs that were looked at, between what, and the speed that it allows.

    If a pair comes closer than it may, `code` is `COLLISION` or `WORKSPACE` and `violation` says which and where.
    """

    distance_m: float
    closest: str
    speed_scale: float = 1.0
    code: str = ""
    violation: str = ""


class _Travel:
    """How far each joint of a plan has gone, at most: within a piece it may be at its highest speed all the time."""

    def __init__(self, plan: Plan, embodiment: Embodiment) -> None:
        self.plan = plan
        self._steps_ns = np.diff(plan.times_ns)
        gone = np.cumsum(plan.speeds() * self._steps_ns[:, None] * S_PER_NS, axis=0)
        self._at_knots = abs(embodiment.to_velocities(np.concatenate([np.zeros((1, gone.shape[1])), gone])))
        self.total: NDArray[np.float64] = self._at_knots[-1]
        along = self._at_knots.sum(1)
        self.quarters_ns = np.interp(along[-1] * np.array([0.25, 0.5, 0.75]), along, plan.times_ns).astype(np.int64)

    def at(self, times_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Rad or m gone since the start at each time, `(K, D)`."""
        piece = self.plan.pieces(times_ns)
        share = (times_ns - self.plan.times_ns[piece]) / self._steps_ns[piece]
        return np.asarray(self._at_knots[piece] + (self._at_knots[piece + 1] - self._at_knots[piece]) * share[:, None])


@dataclass(frozen=True)
class _Gaps:
    """Times between two looks at a pair, a gap per row: which pair, when it begins and ends, the distances then, and how far
    the joints can have brought the pair together since the plan's start until then."""

    which: NDArray[np.int64]
    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    start_moved: NDArray[np.float64]
    end_moved: NDArray[np.float64]

    @classmethod
    def between(
        cls,
        which: NDArray[np.int64],
        moments_ns: NDArray[np.int64],
        distances: NDArray[np.float64],
        moved: NDArray[np.float64],
    ) -> "_Gaps":
        """Make the gaps between successive `moments_ns` `(M,)`, at which `distances` and `moved` `(M, K)` are known."""
        count = len(moments_ns) - 1
        times_ns = np.repeat(moments_ns, len(which)).reshape(count + 1, -1)
        return cls(
            np.tile(which, count),
            times_ns[:-1].ravel(),
            times_ns[1:].ravel(),
            distances[:-1].ravel(),
            distances[1:].ravel(),
            moved[:-1].ravel(),
            moved[1:].ravel(),
        )

    def only(self, rows: NDArray[np.bool_]) -> "_Gaps":
        """Return the gaps that are selected by the mask `rows`."""
        return _Gaps(*(part[rows] for part in vars(self).values()))

    def halved(
        self, middle_ns: NDArray[np.int64], distances: NDArray[np.float64], moved: NDArray[np.float64]
    ) -> "_Gaps":
        """Two for each, after a look in between."""
        return _Gaps(
            np.concatenate([self.which, self.which]),
            np.concatenate([self.start_ns, middle_ns]),
            np.concatenate([middle_ns, self.end_ns]),
            np.concatenate([self.before, distances]),
            np.concatenate([distances, self.after]),
            np.concatenate([self.start_moved, moved]),
            np.concatenate([moved, self.end_moved]),
        )


@dataclass(frozen=True)
class _Fixed:
    """Pairs of which one shape is fixed: a box around that one, and which shape the other is."""

    pairs: NDArray[np.int64]
    others: NDArray[np.int64]
    to_local: NDArray[np.float64]
    origin: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    @classmethod
    def of(cls, pairs: Sequence[CollisionPair], shapes: Sequence[pinocchio.GeometryObject]) -> "_Fixed":
        """A half-space across the axes is in a box without end: nothing is known of it."""
        found = [(k, *pair.shapes) for k, pair in enumerate(pairs) if 0 in [shapes[i].parentJoint for i in pair.shapes]]
        ordered = [(k, b, a) if shapes[b].parentJoint == 0 else (k, a, b) for k, a, b in found]
        there = [shapes[fixed] for _, fixed, _ in ordered]
        boxes = [_box_of(shape.geometry) for shape in there]
        return cls(
            np.array([k for k, _, _ in ordered], int),
            np.array([other for _, _, other in ordered], int),
            np.array([shape.placement.rotation.T for shape in there]).reshape(-1, 3, 3),
            np.array([shape.placement.translation for shape in there]).reshape(-1, 3),
            np.array([lower for lower, _ in boxes]).reshape(-1, 3),
            np.array([upper for _, upper in boxes]).reshape(-1, 3),
        )

    def distances(self, centres: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distances of the other shapes' `centres` (by shape) from the boxes, metres."""
        local = np.einsum("kij,kj->ki", self.to_local, centres.take(self.others, 0) - self.origin)
        return _norm(np.maximum(np.maximum(self.lower - local, local - self.upper), 0.0))


class ClearanceModel:
    """`along(plan)` and `at(values)` for one robot, its spacing and the zones around it; not thread-safe."""

    def __init__(
        self, embodiment: Embodiment, urdf: str, spacing: Spacing, zones: Sequence[Zone] = (), slowest: float = 0.25
    ) -> None:
        self.embodiment, self.slowest = embodiment, slowest
        collisions = CollisionPairs(embodiment.joints, urdf, spacing, zones)
        self._kinematics, self._shapes, self._pairs = collisions.kinematics, collisions.shapes, collisions.pairs
        self._model, self._data = self._kinematics.model, self._kinematics.data
        self._poses = pinocchio.GeometryData(self._shapes)
        self._stop = np.array([pair.stop_m for pair in self._pairs])
        self._slow = np.maximum(self._stop, [pair.slow_m for pair in self._pairs])
        self._reach_of = np.array([pair.reach for pair in self._pairs]).reshape(len(self._pairs), -1)
        self._moves = self._reach_of > 0
        self._first, self._second = np.array([pair.shapes for pair in self._pairs], int).reshape(-1, 2).T
        self._radius = np.array([bounding_radius(shape.geometry) for shape in self._shapes.geometryObjects])
        self._radii = self._radius[self._first] + self._radius[self._second]
        self._fixed = _Fixed.of(self._pairs, self._shapes.geometryObjects)
        shapes = self._shapes.geometryObjects
        self._parents = np.array([shape.parentJoint for shape in shapes])
        self._origins = np.array([[*shape.placement.translation, 1.0] for shape in shapes])  # homogeneous, by parent
        self._reach_by_shape = np.array(collisions.reaches)
        self._turns = np.array(["R" in self._model.joints[i].shortname() for i in self._kinematics.ids])
        # [i, j]: whether joint i is behind joint j, as seen from the root.
        self._behind = np.array([[j != i and j in self._model.supports[i] for j in self._kinematics.ids]
                                 for i in self._kinematics.ids], float)  # fmt: skip

    def at(self, values: NDArray[np.float64], slack_m: float = 0.0) -> Clearance:
        """Return the clearance at rest at `values` `(D,)`; `slack_m` is added to all distances before judging."""
        everything = np.arange(len(self._pairs))
        return self._judged(everything, self._look(values, everything) + slack_m)

    def along(self, plan: Plan) -> Clearance:
        """Return the clearance along the whole motion; pairs that it cannot bring together are not computed."""
        if len(plan.times_ns) < 2:
            return self.at(plan.positions[0])
        travel = _Travel(plan, self.embodiment)
        near, reach = self._within_reach(plan.at(int(travel.quarters_ns[1]))[0], travel)
        # Looks at the start, a quarter of the way from either end, and at the end: no moment is farther than a quarter from
        # one. What is known then of a pair is its distance or, from `slow_m` on, that it is at least so far.
        moments_ns = np.array([plan.times_ns[0], travel.quarters_ns[0], travel.quarters_ns[2], plan.times_ns[-1]])
        moved = travel.at(moments_ns) @ reach.T
        middle = travel.at(travel.quarters_ns[1:2])[0] @ reach.T
        slow, poses = self._slow[near], plan.positions_at(moments_ns)
        known, is_exact = np.empty((4, len(near))), np.zeros((4, len(near)), bool)
        for k, until in ((1, moved[0]), (2, moved[3])):
            known[k] = self._apart(poses[k])[0][near] if len(near) > FEW else -np.inf
            is_exact[k] = known[k] - np.maximum(abs(moved[k] - until), abs(moved[k] - middle)) < slow
            known[k, is_exact[k]] = self._look(poses[k], near[is_exact[k]])
        for k, beside in ((0, 1), (3, 2)):
            known[k] = known[beside] - abs(moved[beside] - moved[k])
            is_exact[k] = known[k] < slow
            known[k, is_exact[k]] = self._look(poses[k], near[is_exact[k]])
        which = np.flatnonzero(is_exact[1:3].any(0))
        gaps = _Gaps.between(which, moments_ns, known[:, which], moved[:, which])
        return self._between(travel, near, reach, gaps, np.where(is_exact, known, np.inf).min(0), known[0])

    def _within_reach(
        self, middle: NDArray[np.float64], travel: _Travel
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Pairs that the motion might bring close, and how far each joint can bring them together `(K, D)`.

        First by how far shapes can move at all, then by how far they can move from the pose in the middle of the way.
        """
        apart, centres = self._apart(middle)
        half = travel.at(travel.quarters_ns[1:2])[0]
        most = np.maximum(half, travel.total - half)
        near = np.flatnonzero(apart - self._reach_of @ most < self._slow)
        reach = self._reach_from(middle, centres, near, most)
        still = apart[near] - reach @ most < self._slow[near]
        return near[still], reach[still]

    def _between(
        self,
        travel: _Travel,
        near: NDArray[np.int64],
        reach: NDArray[np.float64],
        gaps: _Gaps,
        least: NDArray[np.float64],
        start: NDArray[np.float64],
    ) -> Clearance:
        """Halve `gaps` until each is known to be free; `near` are the pairs, `least` their least distances so far."""
        looks = 4
        while True:
            pairs = near[gaps.which]
            stop, slow = self._stop[pairs], self._slow[pairs]
            nearest = np.minimum(gaps.before, gaps.after)
            if (nearest < stop).any():
                break
            bound = (gaps.before + gaps.after + gaps.start_moved - gaps.end_moved) / 2
            is_open = (bound < stop) | ((bound < slow) & (nearest - bound > RESOLUTION_M))
            if not is_open.any():
                break
            moments, moment = np.unique((gaps.start_ns + gaps.end_ns)[is_open] // 2, return_inverse=True)
            looks += len(moments)
            if looks > MOST_LOOKS:
                pair = self._pairs[pairs[int((bound - stop).argmin())]]
                text = f"{pair.text} come too near to be judged"
                return Clearance(float(least.min()), pair.text, self.slowest, pair.code, text)
            gaps, middle = gaps.only(is_open), np.empty(len(moment))
            for k, values in enumerate(travel.plan.positions_at(moments)):
                rows = moment == k
                middle[rows] = self._look(values, near[gaps.which[rows]])
            np.minimum.at(least, gaps.which, middle)
            moved = np.einsum("kd,kd->k", reach[gaps.which], travel.at(moments)[moment])
            gaps = gaps.halved(moments[moment], middle, moved)
        return self._judged(near, least, start)

    def _judged(
        self, pairs: NDArray[np.int64], least: NDArray[np.float64], start: NDArray[np.float64] | None = None
    ) -> Clearance:
        """What the least distances mean; only what comes nearer than it was at the `start` is slowed down."""
        if not len(pairs):
            return Clearance(float("inf"), "")
        stop, slow = self._stop[pairs], self._slow[pairs]
        closest = int((least - stop).argmin())
        pair = self._pairs[pairs[closest]]
        distance = float(least[closest])
        if distance < stop[closest]:
            text = (
                f"{pair.text} would be {distance * 1e3:.0f} mm apart; {pair.stop_m * 1e3:.0f} mm are the least allowed"
            )
            return Clearance(distance, pair.text, self.slowest, pair.code, text)
        share = np.clip((least - stop) / np.maximum(slow - stop, 1e-9), 0.0, 1.0)
        approaching = np.zeros(len(pairs), bool) if start is None else (least < start - 1e-3) & (least < slow)
        scale = np.where(approaching, self.slowest + (1 - self.slowest) * share, 1.0).min()
        return Clearance(distance, pair.text, float(scale))

    def _look(self, values: NDArray[np.float64], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Distances of `pairs` at `values`."""
        self._place(values)
        compute, shapes, poses = pinocchio.computeDistance, self._shapes, self._poses
        return np.array([compute(shapes, poses, k).min_distance for k in pairs.tolist()])

    def _apart(self, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How far the shapes of each pair are apart at `values`, at least `(P,)`: spheres around them, or boxes if fixed.

        And the shapes' centres `(S, 3)`.
        """
        self._place(values)
        joints = np.array([pose.homogeneous for pose in self._data.oMi])
        centres = np.einsum("sij,sj->si", joints.take(self._parents, 0)[:, :3], self._origins)
        apart = _norm(centres.take(self._first, 0) - centres.take(self._second, 0)) - self._radii
        apart[self._fixed.pairs] = self._fixed.distances(centres) - self._radius[self._fixed.others]
        return apart, centres

    def _place(self, values: NDArray[np.float64]) -> None:
        q = self._kinematics.configuration(self.embodiment.to_positions(values))
        pinocchio.updateGeometryPlacements(self._model, self._data, self._shapes, self._poses, q)

    def _reach_from(
        self,
        values: NDArray[np.float64],
        centres: NDArray[np.float64],
        pairs: NDArray[np.int64],
        travel: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Like `_reach_of[pairs]`, but for motion from `values` by `travel` `(D,)` at most; the shapes' `centres` are there.

        What turns with a joint moves by its distance from the axis, and that changes by no more than the joints behind it
        move the shape.
        """
        q = self._kinematics.configuration(self.embodiment.to_positions(values))
        jacobian = pinocchio.computeJointJacobians(self._model, self._data, q)[:, self._kinematics.order_v]
        x, y, z = centres.T[:, :, None]
        vx, vy, vz, wx, wy, wz = jacobian
        levers = np.sqrt((vx + wy * z - wz * y) ** 2 + (vy + wz * x - wx * z) ** 2 + (vz + wx * y - wy * x) ** 2)
        levers += self._radius[:, None] + (self._reach_by_shape * travel) @ self._behind
        reach = np.where(self._turns, np.minimum(levers, self._reach_by_shape), self._reach_by_shape)
        both = reach.take(self._first[pairs], 0) + reach.take(self._second[pairs], 0)
        return np.asarray(both * self._moves.take(pairs, 0))


def _norm(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Euclidean norm of each row; faster than NumPy's for short rows."""
    return np.asarray(np.sqrt(np.einsum("kd,kd->k", vectors, vectors)))


def _box_of(geometry: coal.CollisionGeometry) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper corner of a box around the shape, in its own axes."""
    geometry.computeLocalAABB()
    return np.array(geometry.aabb_local.min_), np.array(geometry.aabb_local.max_)
