"""A policy in closed loop with the simulator, without ROS: the same policy runtime and safety bridge as the nodes use."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from finevla_core.chunk import ActionChunk
from finevla_core.continuation import Accepted
from finevla_core.instruction import Instruction
from finevla_core.observation import Observation
from finevla_core.safety.bridge import Bridge, BridgeOptions, State
from finevla_core.safety.gate import GateOptions
from finevla_core.safety.limits import robot_limits
from finevla_core.urdf import expand
from finevla_sim.robot import Robot
from finevla_sim.world import Truth, World
from finevla_tools.rest import rests

CONTROL_NS = 20_000_000
OBSERVE_NS = 100_000_000
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

    def accepted(self, sequence: int, executed_steps: int) -> None:
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
    limits = robot_limits(embodiment, expand(robot.urdf_path))
    bridge = Bridge(embodiment, limits, GateOptions(), BridgeOptions())
    encoded = policy.encode(instruction)
    bridge.on_instruction(instruction.id, world.stamp_ns)
    trace, pending, newest = [world.truth()], [], Accepted()
    for tick in range(round(seconds * 1e9 / CONTROL_NS)):
        now = tick * CONTROL_NS + OBSERVE_NS
        bridge.on_joint_state(now, embodiment.joints, world.positions().tolist(), now)
        if now % OBSERVE_NS == 0:
            observation = _observe(world, embodiment.camera_names, now)
            policy.accepted(newest.sequence if bridge.state is State.FOLLOWING else 0, newest.executed_steps)
            pending.append((now + LATENCY_NS, policy.predict(observation, encoded)))
            trace.append(world.truth())
            if watch is not None:
                watch(world)
            if rests(trace):
                break
        if pending and now >= pending[0][0]:
            newest = _offered(bridge, pending.pop(0)[1], now, newest)
        bridge.tick(now)
        bridge.take()
        if bridge.plan is not None:
            world.set_targets(np.clip(bridge.plan.at(now + CONTROL_NS)[0], limits.lower, limits.upper))
        world.step(round(CONTROL_NS * 1e-9 / world.dt_s))
    return Rollout(trace, bridge.counts.accepted, dict(bridge.counts.rejected))


def _offered(bridge: Bridge, chunk: ActionChunk, now_ns: int, newest: Accepted) -> Accepted:
    """The chunk that the bridge accepted last, after it was offered another one."""
    before = bridge.counts.accepted
    bridge.on_chunk(chunk, now_ns)
    if bridge.counts.accepted == before:
        return newest
    return Accepted(chunk.sequence, int(bridge.counts.executed_s / chunk.dt_s))


def _observe(world: World, cameras: tuple[str, ...], now_ns: int) -> Observation:
    return Observation(
        stamp_ns=now_ns,
        cameras=cameras,
        images=world.images(),
        image_stamps_ns=(now_ns,) * len(cameras),
        state=world.values().astype(np.float32),
        state_stamp_ns=now_ns,
    )
