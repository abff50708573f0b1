"""Which shapes of a robot and of the zones around it could touch, and how far each joint can move them against each other."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import coal
import numpy as np
import pinocchio
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_core.kinematics import Kinematics

GRID = 13  # steps per joint when it is worked out which shapes can never touch
POINT_M = 1e-3  # radius of the sphere that stands for a frame
COLLISION, WORKSPACE = "chunk.collision", "chunk.workspace"


@dataclass(frozen=True)
class Zone:
    """Something fixed to keep out of: a box between two corners, or all that is behind a plane; metres, base frame.

    Nothing may come nearer than `stop_m` (negative: how deep is still allowed); what comes nearer than `slow_m` is slowed
    down. It is kept away from the named `frames`, or from every shape that moves if there are none.
    """

    name: str
    stop_m: float = 0.0
    slow_m: float = 0.0
    box: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    plane: tuple[tuple[float, ...], tuple[float, ...]] | None = None  # a point of it, and its normal away from the zone
    frames: tuple[str, ...] = ()


@dataclass(frozen=True)
class Spacing:
    """How far the robot's own bodies stay apart, metres: refused below `stop_m`, slowed down below `slow_m`."""

    stop_m: float = 0.005
    slow_m: float = 0.03


@dataclass(frozen=True)
class CollisionPair:
    """Two shapes that could touch: nearer than `stop_m` is refused as `code`, nearer than `slow_m` slowed down.

    `shapes` are their numbers; `reach` `(D,)` is how far each joint can move them against each other per rad or m, at most.
    """

    text: str
    code: str
    stop_m: float
    slow_m: float
    shapes: tuple[int, int]
    reach: NDArray[np.float64]


class CollisionPairs:
    """The `pairs` of a robot and the zones around it, its `shapes` and their `reaches` (see `CollisionPair`), by number."""

    def __init__(self, joints: Sequence[str], urdf: str, spacing: Spacing, zones: Sequence[Zone] = ()) -> None:
        """`joints` are the robot's in the order of its values; raises `FineVLAError` for a frame that is not in the URDF."""
        self.kinematics = Kinematics(urdf, joints)
        self._model = self.kinematics.model
        self.shapes = pinocchio.buildGeomFromUrdfString(self._model, urdf, pinocchio.GeometryType.COLLISION)
        self.reaches = [self._reach(shape) for shape in self.shapes.geometryObjects]
        pairs = [*self._own_pairs(spacing)]
        for zone in zones:
            pairs += self._zone_pairs(zone)
        self.pairs = self._possible(pairs)
        for pair in self.pairs:
            self.shapes.addCollisionPair(pinocchio.CollisionPair(*pair.shapes))

    def _own_pairs(self, spacing: Spacing) -> list[CollisionPair]:
        count = self.shapes.ngeoms
        pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
        return [self._pair(*pair, spacing.stop_m, spacing.slow_m) for pair in pairs if not self._are_neighbours(*pair)]

    def _zone_pairs(self, zone: Zone) -> list[CollisionPair]:
        kept = [i for i, shape in enumerate(self.shapes.geometryObjects) if shape.parentJoint and not zone.frames]
        kept += [self._point(frame) for frame in zone.frames]
        there = self._add(pinocchio.GeometryObject(zone.name, 0, _pose_of(zone), _shape_of(zone)))
        return [self._pair(shape, there, zone.stop_m, zone.slow_m, WORKSPACE) for shape in kept]

    def _point(self, frame: str) -> int:
        if not self._model.existFrame(frame):
            raise FineVLAError(f"frame '{frame}' is not in the URDF")
        for i, shape in enumerate(self.shapes.geometryObjects):
            if shape.name == frame:
                return i
        found = self._model.frames[self._model.getFrameId(frame)]
        joint = found.parentJoint
        return self._add(pinocchio.GeometryObject(frame, joint, found.placement, coal.Sphere(POINT_M)))

    def _add(self, shape: pinocchio.GeometryObject) -> int:
        index = int(self.shapes.addGeometryObject(shape))
        self.reaches.append(self._reach(shape))
        return index

    def _pair(self, first: int, second: int, stop_m: float, slow_m: float, code: str = COLLISION) -> CollisionPair:
        """Joints that carry both shapes do not move them against each other."""
        a, b = self.reaches[first], self.reaches[second]
        names = (self._name(first), self._name(second))
        return CollisionPair(
            " and ".join(names), code, stop_m, slow_m, (first, second), np.where((a > 0) & (b > 0), 0.0, a + b)
        )

    def _name(self, index: int) -> str:
        """The link of a shape ("left_link5" of "left_link5_0"), or the zone's or frame's own name."""
        shape = self.shapes.geometryObjects[index]
        link, _, number = str(shape.name).rpartition("_")
        return link if number.isdigit() else str(shape.name)

    def _are_neighbours(self, first: int, second: int) -> bool:
        """Shapes of one body or of two that share a joint, and the two fingers of a gripper: they touch by design."""
        a, b = (self.shapes.geometryObjects[i].parentJoint for i in (first, second))
        parents, joints = self._model.parents, self._model.joints
        if a == b or parents[a] == b or parents[b] == a:
            return True
        return bool(parents[a] == parents[b] and joints[a].idx_q == joints[b].idx_q)

    def _possible(self, pairs: list[CollisionPair]) -> list[CollisionPair]:
        """Without the pairs that one or two joints move and that cannot touch within the joints' limits."""
        asked: dict[tuple[int, ...], list[CollisionPair]] = {}
        for pair in pairs:
            moving = tuple(np.flatnonzero(pair.reach).tolist())
            if pair.code == COLLISION and len(moving) <= 2:
                asked.setdefault(moving, []).append(pair)
        apart = {pair.shapes for moving, group in asked.items() for pair in self._apart(moving, group)}
        return [pair for pair in pairs if pair.code != COLLISION or pair.shapes not in apart]

    def _apart(self, moving: Sequence[int], pairs: list[CollisionPair]) -> list[CollisionPair]:
        """Those of `pairs` that touch nowhere on a grid of the positions of the joints that move them."""
        places = self.kinematics.order[list(moving)]
        lower, upper = self._model.lowerPositionLimit[places], self._model.upperPositionLimit[places]
        used = sorted({shape for pair in pairs for shape in pair.shapes})
        first, second = np.searchsorted(used, [pair.shapes for pair in pairs]).T
        radii = np.array([bounding_radius(self.shapes.geometryObjects[i].geometry) for i in used])
        data, q = pinocchio.GeometryData(self.shapes), pinocchio.neutral(self._model)
        is_apart = np.ones(len(pairs), bool)
        for positions in itertools.product(*np.linspace(lower, upper, GRID).T):
            q[places] = positions
            pinocchio.updateGeometryPlacements(self._model, self.kinematics.data, self.shapes, data, q)
            centres = np.array([data.oMg[i].translation for i in used])
            # Of most it is seen at once that they are apart, and nearly all the time would go into how far.
            is_near = np.linalg.norm(centres[first] - centres[second], axis=1) <= radii[first] + radii[second]
            for i in np.flatnonzero(is_apart & is_near):
                is_apart[i] = _distance(self.shapes, data, *pairs[i].shapes) >= 0
        return [pair for pair, apart in zip(pairs, is_apart, strict=True) if apart]

    def _driver(self, joint: int) -> tuple[int, float]:
        """The joint that moves this one, which is itself unless it mimics another, and by how much of its motion."""
        model = self._model
        for mimicking, mimicked in zip(model.mimicking_joints, model.mimicked_joints, strict=True):
            if joint == mimicking:
                return int(mimicked), abs(float(model.joints[joint].extract().scaling))
        return joint, 1.0

    def _reach(self, shape: pinocchio.GeometryObject) -> NDArray[np.float64]:
        """How far the shape's farthest point can move per radian (or metre) of each value's joint `(D,)`, at most."""
        model, order = self._model, self.kinematics.order
        reach = np.zeros(len(order))
        joint = shape.parentJoint
        far = float(np.linalg.norm(shape.placement.translation)) + bounding_radius(shape.geometry)
        while joint:
            driver, scaling = self._driver(joint)
            index = np.flatnonzero(order == model.joints[driver].idx_q)
            slides = "P" in model.joints[driver].shortname()
            if len(index):
                reach[index[0]] += scaling * (1.0 if slides else far)
            if slides:
                q = model.joints[driver].idx_q
                far += scaling * max(abs(model.lowerPositionLimit[q]), abs(model.upperPositionLimit[q]))
            far += float(np.linalg.norm(model.jointPlacements[joint].translation))
            joint = model.parents[joint]
        return reach


def _distance(shapes: pinocchio.GeometryModel, poses: pinocchio.GeometryData, first: int, second: int) -> float:
    result = coal.DistanceResult()
    a, b = shapes.geometryObjects[first].geometry, shapes.geometryObjects[second].geometry
    here, there = (coal.Transform3s(poses.oMg[i].rotation, poses.oMg[i].translation) for i in (first, second))
    return float(coal.distance(a, here, b, there, coal.DistanceRequest(), result))


def _shape_of(zone: Zone) -> coal.CollisionGeometry:
    if zone.box is not None:
        return coal.Box(*(np.array(zone.box[1]) - np.array(zone.box[0])))
    assert zone.plane is not None
    point, normal = (np.array(part, float) for part in zone.plane)
    normal /= np.linalg.norm(normal)
    return coal.Halfspace(normal, float(normal @ point))


def _pose_of(zone: Zone) -> pinocchio.SE3:
    middle = np.zeros(3) if zone.box is None else (np.array(zone.box[0]) + np.array(zone.box[1])) / 2
    return pinocchio.SE3(np.eye(3), middle)


def bounding_radius(geometry: coal.CollisionGeometry) -> float:
    """Return the radius of a sphere around the shape's origin that contains it; infinite for a half-space."""
    geometry.computeLocalAABB()
    return float(np.linalg.norm(geometry.aabb_center) + geometry.aabb_radius)
