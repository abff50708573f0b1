"""The MuJoCo model of a scene: the robot comes from its URDF through `MjSpec`, only the table is added here."""

import functools
import math
from collections.abc import Sequence
from pathlib import Path

import mujoco
import numpy as np

from finevla_core.embodiment import Embodiment
from finevla_core.urdf import expand
from finevla_sim.scene import (
    COLORS,
    KNOB,
    POST,
    POST_HEIGHT_M,
    POST_RADIUS_M,
    TABLE_HEIGHT_M,
    Bowl,
    Clutter,
    Look,
    Scene,
    SceneObject,
)

TIMESTEP_S = 0.004  # 25 steps per control step; grasps are stable up to 0.005
# The colour image of a D435 or Dabai is 4:3 with a horizontal view of about 55 degrees; a square image keeps that width.
CAMERA_FOVY_DEG = 55.0
VISUAL_GROUP = 1
FLOOR = "floor"  # the plane at height 0
MAX_PICTURE = (960, 1280)  # rows, columns of the off-screen buffer

# Who touches whom: contype is the own bit, conaffinity the others'. Within one arm nothing touches.
_LEFT, _RIGHT, _OBJECT, _TABLE = 1, 2, 4, 8
_TOUCHES = {
    _LEFT: _RIGHT | _OBJECT | _TABLE,
    _RIGHT: _LEFT | _OBJECT | _TABLE,
    _OBJECT: _LEFT | _RIGHT | _OBJECT | _TABLE,
    _TABLE: _LEFT | _RIGHT | _OBJECT,
}
_KEEP_ALL = '<mujoco><compiler fusestatic="false" discardvisual="false" balanceinertia="false"/></mujoco></robot>'


@functools.lru_cache(maxsize=4)
def robot_urdf(path: Path) -> str:
    """Return the expanded URDF with compiler options that make MuJoCo keep all frames and visual shapes."""
    return expand(path).replace("</robot>", _KEEP_ALL)


def build(scene: Scene, embodiment: Embodiment, urdf_path: Path) -> mujoco.MjModel:
    """Compile the model of one scene; actuators are in the order of the embodiment's values."""
    spec = mujoco.MjSpec.from_string(robot_urdf(urdf_path))
    _options(spec)
    _robot(spec, embodiment)
    _room(spec, scene.look)
    for item in scene.objects:
        _knob(spec, item) if item.shape == KNOB else _object(spec, item, scene.friction)
    for bowl in scene.bowls:
        _bowl(spec, bowl)
    if scene.post is not None:
        _post(spec, scene.post)
    for thing in scene.clutter:
        _clutter(spec, thing)
    _cameras(spec, [camera.name for camera in embodiment.cameras], embodiment, scene.look)
    return spec.compile()


def _options(spec: mujoco.MjSpec) -> None:
    spec.option.timestep = TIMESTEP_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 3.0
    spec.option.enableflags |= mujoco.mjtEnableBit.mjENBL_SLEEP  # what lies still costs nothing
    spec.visual.global_.offheight, spec.visual.global_.offwidth = MAX_PICTURE
    spec.visual.quality.shadowsize = 0
    spec.visual.quality.offsamples = 0
    spec.visual.quality.numquads = (
        2  # per edge of a box; MuJoCo's 4 doubles the time of a picture and changes hardly any pixel
    )
    spec.visual.map.znear = 0.01
    spec.visual.headlight.ambient = [0.35, 0.35, 0.35]
    spec.visual.headlight.diffuse = [0.25, 0.25, 0.25]
    spec.visual.headlight.specular = [0.0, 0.0, 0.0]


def _robot(spec: mujoco.MjSpec, embodiment: Embodiment) -> None:
    for body in spec.bodies:
        body.gravcomp = 1.0 if body.name != "world" else 0.0  # the Piper compensates gravity itself
        side = _LEFT if body.name.startswith("left_") else _RIGHT if body.name.startswith("right_") else 0
        for geom in body.geoms:
            if geom.group == VISUAL_GROUP:
                geom.contype = geom.conaffinity = 0
                continue
            geom.contype, geom.conaffinity = side, _TOUCHES.get(side, 0)
            geom.group = 3
            if "gripper_link" in body.name:
                geom.friction = [1.5, 0.05, 0.001]
                geom.condim = 4
                geom.priority = 1
                geom.solref = [0.02, 1.0]
                geom.solimp = [0.9, 0.97, 0.002, 0.5, 2.0]
    for value in embodiment.values:
        joint = spec.joint(value.joint)
        actuator = spec.add_actuator(name=value.joint, target=value.joint, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        if value.is_gripper:
            joint.armature, joint.damping = 0.2, [5.0, 0, 0]
            actuator.set_to_position(kp=800.0, kv=60.0)
            actuator.forcerange = [-12.0, 12.0]  # rated for 40 N; 12 N hold 40 g without shooting it away
        else:
            # Reflected motor inertia dominates; the gains give the lag of some 30 ms that such arms show.
            joint.armature, joint.damping = 0.1, [0.5, 0, 0]
            actuator.set_to_position(kp=900.0, kv=22.0)
            actuator.forcerange = [-100.0, 100.0]
        actuator.ctrlrange = [joint.range[0], joint.range[1]]
        actuator.ctrllimited = mujoco.mjtLimited.mjLIMITED_TRUE
    for mimic in spec.equalities:
        joint = spec.joint(mimic.name1) if spec.joint(mimic.name1) is not None else None
        if joint is not None:
            joint.armature, joint.damping = 0.2, [5.0, 0, 0]
        mimic.solref = [0.01, 1.0]


def _room(spec: mujoco.MjSpec, look: Look) -> None:
    world = spec.worldbody
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.82, 0.86, 0.90],
        rgb2=[0.60, 0.66, 0.72],
        width=32,
        height=192,
    )
    light = min(max(look.light, 0.2), 1.0)
    world.add_light(
        pos=[0.5 + look.light_xy[0], look.light_xy[1], 2.4],
        dir=[-0.1 * look.light_xy[0], -0.1 * look.light_xy[1], -1],
        diffuse=[light] * 3,
        specular=[0.1] * 3,
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        castshadow=False,
    )
    world.add_geom(
        name=FLOOR, type=mujoco.mjtGeom.mjGEOM_PLANE, size=[4, 4, 0.1], rgba=[*look.floor, 1],
        contype=0, conaffinity=0, group=VISUAL_GROUP,
    )  # fmt: skip
    thickness = 0.03
    world.add_geom(
        name="table",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[0.30, 0.60, thickness / 2],
        pos=[0.65, 0, TABLE_HEIGHT_M - thickness / 2],
        rgba=[*look.table, 1],
        contype=_TABLE,
        conaffinity=_TOUCHES[_TABLE],
        friction=[0.8, 0.02, 0.001],
        group=VISUAL_GROUP,
    )
    if look.table_pattern:
        _chequer(world, look)
    for x in (0.40, 0.90):
        for y in (-0.55, 0.55):
            world.add_geom(
                type=mujoco.mjtGeom.mjGEOM_BOX, size=[0.02, 0.02, 0.355], pos=[x, y, 0.355],
                rgba=[0.25, 0.25, 0.27, 1], contype=0, conaffinity=0, group=VISUAL_GROUP,
            )  # fmt: skip


def _chequer(world: mujoco.MjsBody, look: Look) -> None:
    """Tiles of random shades on the table; geoms rather than a texture, so that models share their assets."""
    rng = np.random.default_rng(look.table_pattern)
    rows, columns = 6, 12
    for i in range(rows):
        for j in range(columns):
            shade = np.clip(np.array(look.table) * rng.uniform(0.6, 1.3), 0.03, 0.97)
            world.add_geom(
                type=mujoco.mjtGeom.mjGEOM_BOX, size=[0.05, 0.05, 0.0005],
                pos=[0.40 + 0.1 * i, -0.55 + 0.1 * j, TABLE_HEIGHT_M - 0.0003],
                rgba=[*shade.tolist(), 1], contype=0, conaffinity=0, group=VISUAL_GROUP,
            )  # fmt: skip


def _object(spec: mujoco.MjSpec, item: SceneObject, friction: float) -> None:
    half_yaw = item.yaw_rad / 2
    body = spec.worldbody.add_body(
        name=item.name,
        pos=[*item.position, TABLE_HEIGHT_M + item.height_m + 0.001],
        quat=[math.cos(half_yaw), 0, 0, math.sin(half_yaw)],
    )
    body.add_freejoint(name=item.name)
    s = item.size_m
    kinds: dict[str, tuple[mujoco.mjtGeom, Sequence[float]]] = {
        "cube": (mujoco.mjtGeom.mjGEOM_BOX, (s / 2, s / 2, s / 2)),
        "brick": (mujoco.mjtGeom.mjGEOM_BOX, (s * 0.75, s * 0.4, s * 0.4)),
        "cylinder": (mujoco.mjtGeom.mjGEOM_CYLINDER, (s / 2, s * 0.8, 0)),
        "ball": (mujoco.mjtGeom.mjGEOM_SPHERE, (s / 2, 0, 0)),
    }
    kind, size = kinds[item.shape]
    body.add_geom(
        name=item.name,
        type=kind,
        size=list(size),
        mass=0.04,
        rgba=[*COLORS[item.color], 1],
        contype=_OBJECT,
        conaffinity=_TOUCHES[_OBJECT],
        friction=[1.0 * friction, 0.02, 0.002],
        condim=6 if item.shape == "ball" else 4,
        group=VISUAL_GROUP,
    )


def _knob(spec: mujoco.MjSpec, item: SceneObject) -> None:
    """A round cap with a white pointer on a grey foot; it turns without end, with a little friction."""
    foot = spec.worldbody.add_body(name=f"{item.name}_foot", pos=[*item.position, TABLE_HEIGHT_M])
    foot.add_geom(
        type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=[0.030, 0.004, 0], pos=[0, 0, 0.004], rgba=[0.3, 0.3, 0.32, 1],
        contype=_TABLE, conaffinity=_TOUCHES[_TABLE], group=VISUAL_GROUP,
    )  # fmt: skip
    half_yaw = item.yaw_rad / 2
    cap = foot.add_body(name=item.name, pos=[0, 0, item.height_m], quat=[math.cos(half_yaw), 0, 0, math.sin(half_yaw)])
    cap.add_joint(
        name=item.name, type=mujoco.mjtJoint.mjJNT_HINGE, axis=[0, 0, 1], damping=[0.02, 0, 0], frictionloss=0.01,
        armature=1e-4,
    )  # fmt: skip
    radius = item.size_m / 2
    cap.add_geom(
        name=item.name, type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=[radius, 0.018, 0], mass=0.05,
        rgba=[*COLORS[item.color], 1], contype=_OBJECT, conaffinity=_TOUCHES[_OBJECT], friction=[1.0, 0.02, 0.002],
        condim=4, group=VISUAL_GROUP,
    )  # fmt: skip
    cap.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX, size=[radius / 2, 0.003, 0.001], pos=[radius / 2, 0, 0.019], mass=0.001,
        rgba=[0.95, 0.95, 0.95, 1], contype=0, conaffinity=0, group=VISUAL_GROUP,
    )  # fmt: skip


def _post(spec: mujoco.MjSpec, position: tuple[float, float]) -> None:
    """An obstacle that stands freely: whoever runs into it knocks it over."""
    half = POST_HEIGHT_M / 2
    body = spec.worldbody.add_body(name=POST, pos=[*position, TABLE_HEIGHT_M + half + 0.0005])
    body.add_freejoint(name=POST)
    body.add_geom(
        name=POST, type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=[POST_RADIUS_M, half, 0], mass=0.15,
        rgba=[0.15, 0.16, 0.18, 1], contype=_OBJECT, conaffinity=_TOUCHES[_OBJECT], friction=[1.0, 0.02, 0.002],
        condim=4, group=VISUAL_GROUP,
    )  # fmt: skip


def _clutter(spec: mujoco.MjSpec, thing: Clutter) -> None:
    """Flat and fixed: it disturbs the eye, not the hand."""
    half_yaw = thing.yaw_rad / 2
    spec.worldbody.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX, size=list(thing.size_m), pos=[*thing.position, TABLE_HEIGHT_M + thing.size_m[2]],
        quat=[math.cos(half_yaw), 0, 0, math.sin(half_yaw)], rgba=[*thing.color, 1], contype=0, conaffinity=0,
        group=VISUAL_GROUP,
    )  # fmt: skip


def _bowl(spec: mujoco.MjSpec, bowl: Bowl) -> None:
    body = spec.worldbody.add_body(name=bowl.name, pos=[*bowl.position, TABLE_HEIGHT_M])
    common = {
        "rgba": [*bowl.color, 1], "contype": _TABLE, "conaffinity": _TOUCHES[_TABLE],
        "group": VISUAL_GROUP, "friction": [0.8, 0.02, 0.001],
    }  # fmt: skip
    body.add_geom(type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=[0.050, 0.004, 0], pos=[0, 0, 0.004], **common)
    sides = 12
    for k in range(sides):
        angle = 2 * math.pi * k / sides
        lean = math.radians(25)  # outwards
        axis = np.array([-math.sin(angle), math.cos(angle), 0.0]) * math.sin(lean / 2)
        tilt = np.array([math.cos(lean / 2), *axis])
        turn = np.array([math.cos(angle / 2), 0, 0, math.sin(angle / 2)])
        quat = np.zeros(4)
        mujoco.mju_mulQuat(quat, tilt, turn)
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=[0.003, 0.0165, 0.022],
            pos=[0.058 * math.cos(angle), 0.058 * math.sin(angle), 0.022],
            quat=quat.tolist(),
            **common,
        )


def _cameras(spec: mujoco.MjSpec, names: Sequence[str], embodiment: Embodiment, look: Look) -> None:
    for name, camera in zip(names, embodiment.cameras, strict=True):
        # An optical frame looks along +z with y down, a MuJoCo camera along -z with y up: half a turn about x.
        half = np.array(look.camera_tilt_rad) / 2
        jitter = np.array([1.0, *half])
        jitter /= np.linalg.norm(jitter)
        quat = np.zeros(4)
        mujoco.mju_mulQuat(quat, jitter, np.array([0.0, 1.0, 0.0, 0.0]))
        spec.body(camera.frame).add_camera(
            name=name, pos=list(look.camera_shift_m), quat=quat.tolist(), fovy=CAMERA_FOVY_DEG
        )
    spec.worldbody.add_camera(name="overview", pos=[1.45, 0.0, 1.40], xyaxes=[0, 1, 0, -0.47, 0, 0.883], fovy=42.0)
