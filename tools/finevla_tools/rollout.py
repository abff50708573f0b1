"""A policy in closed loop with the simulator, without ROS: the same policy runtime and safety bridge as the nodes use."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from finevla_core.bundle import load_bundle, read_manifest
from finevla_core.chunk import ActionChunk
from finevla_core.chunk_limiter import NoAllowedChunk, load_chunk_limiter
from finevla_core.images import ImageFormat, fit_image
from finevla_core.instruction import Instruction
from finevla_core.observation import Observation
from finevla_core.policy.bundle_loading import load_policy
from finevla_core.policy.bundle_policy import BundlePolicy
from finevla_core.policy.onnx_options import Execution
from finevla_core.policy.policy_interface import Policy
from finevla_core.safety.bridge import Bridge
from finevla_core.safety.bridge_options import BridgeOptions
from finevla_core.safety.envelope import Envelope, load_envelope
from finevla_core.safety.events import State
from finevla_core.safety.gate import GateOptions
from finevla_core.understanding import NotUnderstood, TargetAbsent
from finevla_core.urdf import expand
from finevla_sim.robot_files import RobotFiles
from finevla_sim.world import Truth, World
from finevla_tools.motion_end import rests
from finevla_tools.stderr_notices import note

CONTROL_NS = 20_000_000
OBSERVE_NS = 100_000_000
CLIENT = "rollout"  # who has command authority
ERROR = 2  # level of an event that is a stop
GIVEN_UP_S = 3.0  # of waiting for a reset: a stop and its cool-down take less than a second
LATENCY_NS = 60_000_000  # observation's stamp to chunk at the bridge; of the order of what the node stack shows

Watch = Callable[[World], None]


@dataclass(frozen=True)
class Rollout:
    """What happened: ground truth at 10 Hz, chunks accepted and refused by code.

    `latched` is the code of a stop that ended it ("chunk.rejections"), "" if none did; `held` is what the policy said last
    in place of a chunk ("I see no red cube"), "" if it always gave one.
    """

    trace: list[Truth]
    accepted: int
    rejected: dict[str, int]
    latched: str = ""
    held: str = ""


class RolloutPolicy(Protocol):
    """Interface of a policy that can be rolled out: a loaded bundle, or a baseline in its place."""

    def encode(self, instruction: Instruction) -> Any:
        """Encode an instruction for `predict`; called once per instruction."""

    def predict(self, observation: Observation, encoded: Any) -> ActionChunk:
        """Return the chunk for an observation; raises `TargetAbsent` or `NoAllowedChunk` if there is none."""

    def accepted(self, sequence: int, executed_steps: int, speed_scale: float = 1.0) -> None:
        """Take in which chunk the bridge follows (0 = none) and how many of its rows are past; before each observation."""


def load_limited_policy(bundle: Path, robot: RobotFiles, server: str = "") -> Policy:
    """Load a bundle as the policy node does, with the limiter that knows what the robot's bridge would refuse.

    A bundle of the runtime torch runs in this process unless a `server` is named, where the node would ask `finevla serve`.
    """
    limiter = load_chunk_limiter(robot.embodiment, expand(robot.urdf_path), robot.safety_path)
    if server or read_manifest(bundle).runtime != "torch":
        return load_policy(bundle, robot.embodiment, execution=Execution(tell=note), limiter=limiter, server=server)
    from finevla_tools.serve.served_bundle import load_torch_graphs

    loaded = load_bundle(bundle)
    return BundlePolicy(loaded, robot.embodiment, load_torch_graphs(loaded, 1), limiter)


class ClosedLoop:
    """A world, a policy and a bridge between them, through as many instructions as one likes, one after the other."""

    def __init__(self, world: World, robot: RobotFiles, policy: RolloutPolicy) -> None:
        self.world, self.robot, self.policy = world, robot, policy
        self.images: ImageFormat | None = None  # how the policy sees what the world draws; None = as it is drawn
        if (described := getattr(policy, "description", None)) is not None:
            if described.images.regions:  # parts of pictures as large as those of an observation
                self.images = described.images
                world.image_size = (robot.embodiment.image_height, robot.embodiment.image_width)
            else:
                world.image_size = (described.images.height, described.images.width)
        self.bridge = Bridge(robot.embodiment, envelope_of(robot), GateOptions(), BridgeOptions())
        self.now_ns = OBSERVE_NS
        self._stop_code = ""

    def follow(self, instruction: Instruction, seconds: float, watch: Watch | None = None) -> Rollout:
        """Obey `instruction` for `seconds` of simulated time, or less once the arms rest, from wherever they are.

        `watch` is called with the world at every observation.
        """
        world, bridge, counts = self.world, self.bridge, self.bridge.counts
        try:
            encoded, is_announced = self.policy.encode(instruction), False
        except NotUnderstood as error:  # refused: the arms stay where they are
            return Rollout([world.truth()] * 2, 0, {}, "", str(error))
        self._stop_code, held, accepted, rejected = "", "", counts.accepted, counts.rejected.copy()
        trace: list[Truth] = [world.truth()]
        pending: list[tuple[int, ActionChunk]] = []
        for _ in range(round(seconds * 1e9 / CONTROL_NS)):
            now = self.now_ns
            self._feel()
            if not is_announced and bridge.state in (State.HOLDING, State.FOLLOWING):  # else words do not count
                bridge.on_instruction(instruction.id, now)
                is_announced = True
            if now % OBSERVE_NS == 0:
                try:
                    pending.append((now + LATENCY_NS, self._predict(encoded)))
                except (TargetAbsent, NoAllowedChunk) as error:
                    held = str(error)
                trace.append(world.truth())
                if watch is not None:
                    watch(world)
                if rests(trace):
                    self._move()
                    break
            if pending and now >= pending[0][0]:
                bridge.on_chunk(pending.pop(0)[1], now)
            self._move()
        return Rollout(trace, counts.accepted - accepted, dict(counts.rejected - rejected), self._stop_code, held)

    def reset(self) -> bool:
        """Leave a stop as an operator does, once the arms rest; False if the bridge does not let go of it."""
        for _ in range(round(GIVEN_UP_S * 1e9 / CONTROL_NS)):
            if self.bridge.state is not State.STOPPED:
                break
            self._feel()
            self._move()
            self.bridge.adopt(True, self.now_ns)  # of what a contact pushed elsewhere, the simulation knows where it is
            self.bridge.reset(self.now_ns)
        return self.bridge.state is not State.STOPPED

    def _feel(self) -> None:
        joints = self.robot.embodiment.joints
        if self.bridge.state is not State.FOLLOWING:  # arms at rest sag below what their servos hold
            held = dict(zip(joints, self.world.position_targets().tolist(), strict=True))
            for controller in self.robot.embodiment.controllers:
                self.bridge.references.note(controller.name, controller.joints, [held[j] for j in controller.joints])
        self.bridge.on_joint_state(self.now_ns, joints, self.world.positions().tolist(), self.now_ns)

    def _predict(self, encoded: Any) -> ActionChunk:
        observation = _observe(self.world, self.robot.embodiment.camera_names, self.now_ns, self.images)
        bridge = self.bridge
        if bridge.state is State.FOLLOWING and bridge.judged is not None:
            self.policy.accepted(bridge.counts.chunk_sequence, bridge.counts.executed_steps, bridge.judged.speed_scale)
        else:
            self.policy.accepted(0, 0)
        return replace(self.policy.predict(observation, encoded), client=CLIENT, epoch=bridge.epoch)

    def _move(self) -> None:
        """One step of bridge and physics."""
        world, bridge = self.world, self.bridge
        bridge.tick(self.now_ns)
        _, events = bridge.take()
        self._stop_code = self._stop_code or next((e.code for e in events if e.level == ERROR), "")
        if bridge.plan is not None:
            values = bridge.plan.at(self.now_ns + CONTROL_NS)[0]
            world.set_targets(np.clip(values, bridge.limits.lower, bridge.limits.upper))
        world.step(round(CONTROL_NS * 1e-9 / world.dt_s))
        self.now_ns += CONTROL_NS


def roll_out(
    world: World,
    robot: RobotFiles,
    policy: RolloutPolicy,
    instruction: Instruction,
    seconds: float,
    watch: Watch | None = None,
) -> Rollout:
    """Follow `instruction` for `seconds` of simulated time in the world's scene, or less once the arms rest.

    `watch` is called with the world at every observation.
    """
    return ClosedLoop(world, robot, policy).follow(instruction, seconds, watch)


@lru_cache(maxsize=4)
def envelope_of(robot: RobotFiles) -> Envelope:
    """The robot's safety envelope, worked out once: it keeps no state."""
    return load_envelope(robot.embodiment, expand(robot.urdf_path), robot.safety_path)


def _observe(world: World, cameras: tuple[str, ...], now_ns: int, images: ImageFormat | None) -> Observation:
    pictures = world.images()
    if images is not None:
        shown = zip(pictures, cameras, strict=True)
        pictures = np.stack([fit_image(picture, images, camera) for picture, camera in shown])
    return Observation(
        stamp_ns=now_ns,
        cameras=cameras,
        images=pictures,
        image_stamps_ns=(now_ns,) * len(cameras),
        state=world.values().astype(np.float32),
        state_stamp_ns=now_ns,
    )
