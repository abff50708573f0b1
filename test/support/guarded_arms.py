"""A robot, a bridge that holds it at home, and smooth chunks from there, without ROS."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from finevla_core.chunk import ActionChunk
from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.safety.bridge import Bridge
from finevla_core.safety.bridge_options import BridgeOptions
from finevla_core.safety.envelope import Envelope, load_envelope
from finevla_core.safety.gate import GateOptions
from finevla_core.safety.limits import Limits
from finevla_core.safety.plan import Plan
from finevla_core.urdf import expand

SECOND = 1_000_000_000
START = 100 * SECOND
HOME = np.array([0.0, 1.3, -1.6, 0.0, 0.4, 0.0, 1.0])


@dataclasses.dataclass(frozen=True)
class Guarded:
    """A robot with its limits and room, bridges to it and chunks for it."""

    embodiment: Embodiment
    envelope: Envelope
    urdf: str

    @property
    def limits(self) -> Limits:
        return self.envelope.limits

    @property
    def home(self) -> np.ndarray:
        return np.tile(HOME, len(self.embodiment.names) // 7)

    def bridge(self, steady_ns: Callable[[], int] = time.monotonic_ns, **options: object) -> Bridge:
        """A bridge that holds at home, as the controllers say that they do, with instruction 'now' active."""
        chosen = BridgeOptions(**options)  # type: ignore[arg-type]
        bridge = Bridge(self.embodiment, self.envelope, GateOptions(), chosen, steady_ns=steady_ns)
        self.tell_held(bridge, self.home)
        self.feel(bridge, self.home, START)
        bridge.references.forget()  # they say no more: a test has the arms elsewhere soon
        bridge.on_instruction("now", START)
        return bridge

    def feel(self, bridge: Bridge, values: np.ndarray, now_ns: int) -> None:
        bridge.on_joint_state(now_ns, self.embodiment.joints, list(self.embodiment.to_positions(values)), now_ns)

    def tell_held(self, bridge: Bridge, values: np.ndarray) -> None:
        tell_held(bridge, self.embodiment, values)

    def chunk(self, stamp_ns: int = START, amplitude: float = 0.15, **changes: object) -> ActionChunk:
        """A smooth chunk from home: every arm joint moves by `amplitude` within the horizon."""
        phase = np.arange(1, 17) / 16
        ramp = phase**3 * (10 - 15 * phase + 6 * phase**2)
        moving = np.tile([1, 1, 1, 1, 1, 1, 0], len(self.embodiment.names) // 7)
        actions = self.home + amplitude * ramp[:, None] * moving
        plain = ActionChunk(
            stamp_ns, "now", self.embodiment.name, self.embodiment.names, 0.1, actions, client="/policy", epoch=1,
            sequence=stamp_ns // 1_000_000,
        )  # fmt: skip
        return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]

    @classmethod
    def of(cls, file: Path) -> "Guarded":
        """A robot by its file, with the safety file of the same name if there is one."""
        embodiment = load_embodiment(file)
        urdf = expand(file.parents[2] / embodiment.urdf)
        safety = file.parents[1] / "safety" / file.name
        return cls(embodiment, load_envelope(embodiment, urdf, safety if safety.is_file() else None), urdf)


def tell_held(bridge: Bridge, embodiment: Embodiment, values: np.ndarray) -> None:
    """The controllers say that they hold `values` (D,)."""
    at = dict(zip(embodiment.joints, embodiment.to_positions(values).tolist(), strict=True))
    for c in embodiment.controllers:
        bridge.references.note(c.name, c.joints, [at[joint] for joint in c.joints], [0.0] * len(c.joints))


def sampled(plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """Positions and velocities `(400, D)` along a plan."""
    times = np.linspace(int(plan.times_ns[0]), plan.end_ns, 400).astype(np.int64)
    pairs = [plan.at(int(t)) for t in times]
    return np.array([p for p, _ in pairs]), np.array([v for _, v in pairs])
