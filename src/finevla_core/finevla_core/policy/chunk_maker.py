"""A policy's numbers to a chunk: checked, brought into the robot's values, and shortened where the bridge would refuse."""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from finevla_core.chunk import ActionChunk
from finevla_core.chunk_limiter import ChunkLimiter, NoAllowedChunk
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.manifest import Manifest
from finevla_core.observation import Observation
from finevla_core.policy.policy_interface import PolicyDescription
from finevla_core.policy.transforms import Sample


class ChunkMaker:
    """Transforms observations for one bundle and makes chunks of its answers; `limited_text` says why one is shortened."""

    def __init__(self, manifest: Manifest, embodiment: Embodiment, limiter: ChunkLimiter | None = None) -> None:
        self.manifest, self.embodiment, self.limiter = manifest, embodiment, limiter
        self.transforms = manifest.pipeline()
        self.limited_text = ""
        self.sequence = 0

    def describe(self, provider: str) -> PolicyDescription:
        """Return what the bundle says of itself."""
        m = self.manifest
        cameras = tuple(m.cameras.values())
        return PolicyDescription(
            m.name, m.embodiment, provider, cameras, m.images, m.values, m.horizon, m.dt_s, m.joining
        )

    def check(self, observation: Observation) -> None:
        """Refuse an observation of other cameras, another image size or another state length."""
        m = self.manifest
        if observation.cameras != self.embodiment.camera_names:
            raise FineVLAError(
                f"observation has cameras {list(observation.cameras)}, robot '{self.embodiment.name}' has "
                f"{list(self.embodiment.camera_names)}; check the ingest's robot file"
            )
        if observation.images.shape[1:3] != (m.images.height, m.images.width):
            height, width = observation.images.shape[1:3]
            raise FineVLAError(
                f"observation images are {height}x{width}, bundle '{m.name}' needs {m.images.height}x{m.images.width}; "
                "the ingest gives what the policy asks for on observation/image_format: is it of this version?"
            )
        if observation.state.shape != (len(m.values),):
            raise FineVLAError(
                f"observation state has {observation.state.size} values, bundle '{m.name}' needs {len(m.values)}; "
                "check the ingest's robot file"
            )

    def forward(self, observation: Observation, instruction: Instruction) -> tuple[Sample, tuple[Sample, ...]]:
        """Return what the policy is given, and the trail by which its answer comes back."""
        return self.transforms.forward(Sample.of(observation, instruction))

    def prompt(self, instruction: Instruction) -> str:
        """Return the words that the policy reads."""
        return self.transforms.prompt(instruction)

    def to_policy(self, actions: NDArray[np.float64], trail: Sequence[Sample]) -> NDArray[np.float64]:
        """Return the robot's actions `(T, D)` as the policy would have answered them to the same observation."""
        sample, _ = self.transforms.forward(replace(trail[0], actions=actions))
        assert sample.actions is not None
        return sample.actions

    def chunk(
        self,
        observation: Observation,
        instruction: Instruction,
        answer: NDArray[np.floating],
        trail: Sequence[Sample],
        started_s: float,
    ) -> ActionChunk:
        """Return the chunk of a policy's answer `(T, D)`.

        Args:
            observation: What the policy was asked with.
            instruction: What it was told.
            answer: Its actions, in its own order and units; a stranger's numbers, so they are judged.
            trail: What `forward` gave beside the sample.
            started_s: `time.perf_counter()` when the work on the observation began.

        Raises:
            NoAllowedChunk: Not even holding would pass the bridge.
            FineVLAError: The answer is no plan.
        """
        m = self.manifest
        self._check_finite(answer)
        actions = self.transforms.inverse(np.asarray(answer, dtype=np.float64), trail)
        if actions.shape != (m.horizon, len(m.values)):
            raise FineVLAError(
                f"bundle '{m.name}' answers {tuple(answer.shape)} where its manifest says {(m.horizon, len(m.values))}"
            )
        self._check_finite(actions)
        self.sequence += 1
        chunk = ActionChunk(
            stamp_ns=observation.stamp_ns,
            instruction_id=instruction.id,
            embodiment=self.embodiment.name,
            names=self.embodiment.names,
            dt_s=m.dt_s,
            actions=actions,
            policy=m.name,
            joining=m.joining,
            sequence=self.sequence,
        )
        return replace(self._limited(chunk, observation), inference_s=time.perf_counter() - started_s)

    def _limited(self, chunk: ActionChunk, observation: Observation) -> ActionChunk:
        """The chunk, or what of it the bridge can let pass; raises `NoAllowedChunk` where not even holding would."""
        if self.limiter is None:
            return chunk
        limited = self.limiter.limit(chunk, observation.state)
        self.limited_text = limited.text
        if limited.chunk is None:
            raise NoAllowedChunk(limited.text)
        return limited.chunk

    def _check_finite(self, actions: NDArray[np.floating]) -> None:
        if actions.ndim != 2:
            raise FineVLAError(
                f"bundle '{self.manifest.name}' answers {tuple(actions.shape)}; a chunk is (rows, values)"
            )
        if np.isfinite(actions).all():
            return
        step, value = np.argwhere(~np.isfinite(actions))[0]
        names = self.manifest.values
        name = names[value] if value < len(names) else f"value {value + 1}"
        raise FineVLAError(
            f"bundle '{self.manifest.name}' answered {actions[step, value]}, which is not finite, for "
            f"'{name}' at step {step + 1}; the chunk is dropped"
        )
