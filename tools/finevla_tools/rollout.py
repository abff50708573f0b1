"""A policy in closed loop with the simulator, without ROS: the same policy runtime and safety bridge as the nodes use."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from finevla_core.chunk import ActionChunk
from finevla_core.instruction import Instruction
from finevla_core.observation import Observation
from finevla_core.safety.bridge import Bridge, BridgeOptions
from finevla_core.safety.envelope import Envelope, load_envelope
from finevla_core.safety.gate import GateOptions
from finevla_core.safety.words import State
from finevla_core.understanding import TargetAbsent
from finevla_core.urdf import expand
from finevla_sim.robot import Robot
from finevla_sim.world import Truth, World
from finevla_tools.rest import rests

CONTROL_NS = 20_000_000
OBSERVE_NS = 100_000_000
CLIENT = "rollout"  # who has command authority
LATENCY_NS = 60_000_000  # observation's stamp to chunk at the bridge; of the order of what the node stack shows


Watch = Callable[[World], None]


@dataclass(frozen=True)
class Rollout:
    """What happened: ground truth at 10 Hz, chunks accepted and refused by code."""

    trace: list[Truth]
    accepted: int
    rejected: dict[str, int]


class Policy(Protocol):
    """What can be rolled out: a bundle at run time, or what stands in for one."""

    def encode(self, instruction: Instruction) -> Any:
        """Once per instruction."""

    def predict(self, observation: Observation, encoded: Any) -> ActionChunk:
        """Once per observation."""

    def accepted(self, sequence: int, executed_steps: int, speed_scale: float = 1.0) -> None:
        """Before each observation, which of its chunks the bridge follows (0 = none), and its rows past when it came."""


def roll_out(
    world: World,
    robot: Robot,
    policy: Policy,
    instruction: Instruction,
    seconds: float,
    watch: Watch | None = None,
) -> Rollout:
    """Follow `instruction` for `seconds` of simulated time in the world's scene, or less once the arms rest.

    `watch` is called with the world at every observation.
    """
    embodiment = robot.embodiment
    envelope = envelope_of(robot)
    bridge = Bridge(embodiment, envelope, GateOptions(), BridgeOptions())
    encoded = policy.encode(instruction)
    trace, pending = [world.truth()], []
    for tick in range(round(seconds * 1e9 / CONTROL_NS)):
        now = tick * CONTROL_NS + OBSERVE_NS
        bridge.on_joint_state(now, embodiment.joints, world.positions().tolist(), now)
        if bridge.instruction_id != instruction.id and bridge.state is State.HOLDING:
            bridge.on_instruction(instruction.id, now)  # words count only while the bridge holds or follows
        if now % OBSERVE_NS == 0:
            observation = _observe(world, embodiment.camera_names, now)
            if bridge.state is State.FOLLOWING and bridge.judged is not None:
                policy.accepted(bridge.counts.chunk_sequence, bridge.counts.executed_steps, bridge.judged.speed_scale)
            else:
                policy.accepted(0, 0)
            with contextlib.suppress(TargetAbsent):  # then there is no chunk, and the arms hold
                chunk = replace(policy.predict(observation, encoded), client=CLIENT, epoch=bridge.epoch)
                pending.append((now + LATENCY_NS, chunk))
            trace.append(world.truth())
            if watch is not None:
                watch(world)
            if rests(trace):
                break
        if pending and now >= pending[0][0]:
            bridge.on_chunk(pending.pop(0)[1], now)
        bridge.tick(now)
        bridge.take()
        if bridge.plan is not None:
            world.set_targets(np.clip(bridge.plan.at(now + CONTROL_NS)[0], bridge.limits.lower, bridge.limits.upper))
        world.step(round(CONTROL_NS * 1e-9 / world.dt_s))
    return Rollout(trace, bridge.counts.accepted, dict(bridge.counts.rejected))


@lru_cache(maxsize=4)
def envelope_of(robot: Robot) -> Envelope:
    """The robot's safety envelope, worked out once: it keeps no state."""
    return load_envelope(robot.embodiment, expand(robot.urdf_path), robot.safety_path)


def _observe(world: World, cameras: tuple[str, ...], now_ns: int) -> Observation:
    return Observation(
        stamp_ns=now_ns,
        cameras=cameras,
        images=world.images(),
        image_stamps_ns=(now_ns,) * len(cameras),
        state=world.values().astype(np.float32),
        state_stamp_ns=now_ns,
    )
