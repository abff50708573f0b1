"""A policy that runs in this process: words once per instruction, then observation in, chunk out. No torch.

Words reach the network as features of the bundle's text model, as the slots that a reader of this package fills, or as they
are, for a network that reads them itself.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from finevla_core.bundle import Bundle, check_embodiment
from finevla_core.chunk import ActionChunk
from finevla_core.chunk_limiter import ChunkLimiter
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.language.reader import read
from finevla_core.language.slots import one_hot
from finevla_core.observation import Observation
from finevla_core.policy.chunk_maker import ChunkMaker
from finevla_core.policy.network_interface import (
    MEMORY,
    PRESENT,
    PREVIOUS,
    REMEMBERED,
    WEIGHTS,
    PolicyGraphs,
    PromptReader,
    Thinker,
)
from finevla_core.policy.onnx_loading import open_graphs
from finevla_core.policy.onnx_options import Execution
from finevla_core.policy.prompt_bytes import encode_prompt
from finevla_core.policy.transforms import Sample
from finevla_core.real_time_chunking import Accepted, aligned, row_weights
from finevla_core.subword_vocabulary import PIECES, Vocabulary, encode, load_vocabulary, words
from finevla_core.understanding import NotUnderstood, TargetAbsent, Understanding, unchecked

EARLIER = "; what was said before in this episode counts, too, until a stop"
KEPT = 64  # newest chunks: more than are made while one lasts


@dataclass(frozen=True)
class EncodedInstruction:
    """An instruction as the bundle's policy model gets it: `text` `(1, ...)`, features or slots, float32, or a prompt's bytes,
    uint8; `things` are the names of what it is about, the target and what that shall be put on, for those to be told that it
    is not seen."""

    instruction: Instruction
    text: NDArray[Any]
    things: tuple[str, ...] = ()


@dataclass(frozen=True)
class Past:
    """What a policy made of the observations before, for the next one under the same instruction."""

    encoded: EncodedInstruction
    stamp_ns: int
    memory: NDArray[np.float32] | None
    chunks: tuple[ActionChunk, ...]  # newest last


class BundlePolicy:
    """`predict(observation, encoded) -> ActionChunk`; not thread-safe, one caller at a time.

    A bundle may have a memory: it hears its last answer again while the same encoded instruction goes on. It starts
    anew with other words, after a gap longer than a chunk, when time goes back, and when an answer was refused.
    One that can tell whether its target is there makes no chunk (`TargetAbsent`) until it has seen it once.
    One that joins by real-time chunking continues, under the same rules, the chunk that it was last told is `accepted`.
    """

    def __init__(
        self,
        bundle: Bundle,
        embodiment: Embodiment,
        graphs: PolicyGraphs,
        limiter: ChunkLimiter | None = None,
    ) -> None:
        check_embodiment(bundle, embodiment)
        self.bundle, self.embodiment, self.manifest = bundle, embodiment, bundle.manifest
        self.graphs = graphs
        self.maker = ChunkMaker(bundle.manifest, embodiment, limiter)
        if bundle.manifest.text is not None:
            self.vocabulary: Vocabulary = load_vocabulary(bundle.vocabulary)
        self._seen: EncodedInstruction | None = None  # whose target has been seen
        self._past: Past | None = None
        self._accepted = Accepted()
        self.thought = ""
        self.description = self.maker.describe(graphs.provider)

    @classmethod
    def load(
        cls,
        bundle: Bundle,
        embodiment: Embodiment,
        threads: int = 1,
        execution: Execution | None = None,
        limiter: ChunkLimiter | None = None,
    ) -> Self:
        """Load a bundle's graphs and warm them up; raises `FineVLAError` for a bundle that does not run here."""
        check_embodiment(bundle, embodiment)

        def warm_up(graphs: PolicyGraphs) -> None:
            cls(bundle, embodiment, graphs).warm_up()  # without limits, and with a memory of its own

        return cls(bundle, embodiment, open_graphs(bundle, threads, execution or Execution(), warm_up), limiter)

    @property
    def server_s(self) -> float | None:
        """None: there is no policy server."""
        return None

    @property
    def limited_text(self) -> str:
        """Why chunks are being shortened; empty = they are not."""
        return self.maker.limited_text

    def understand(self, instruction: Instruction) -> Understanding:
        """Return what the policy takes an instruction for; raises `NotUnderstood` for one that it cannot act on.

        A bundle that has learnt its words cannot tell; then only the length is looked at: nothing of a text is cut off.
        """
        if self.manifest.reader:
            return read(instruction).understanding
        if self.manifest.text is not None:
            self._check_length(instruction)
        elif isinstance(self.graphs, PromptReader) and (why := self.graphs.refusal(self.maker.prompt(instruction))):
            raise NotUnderstood(f"{why}{self._earlier(instruction)}")
        return unchecked()

    def encode(self, instruction: Instruction) -> EncodedInstruction:
        """Prepare an instruction for `predict`, once; raises `NotUnderstood` as `understand` does."""
        if self.manifest.reader:
            answer = read(instruction)
            return EncodedInstruction(instruction, one_hot(answer.slots)[None], answer.things)
        if self.manifest.text is None:
            self.understand(instruction)
            return EncodedInstruction(instruction, encode_prompt(self.maker.prompt(instruction))[None])
        self._check_length(instruction)
        tokens, mask = encode(self.maker.prompt(instruction), self.vocabulary, self.manifest.text.max_words)
        return EncodedInstruction(instruction, self.graphs.features(tokens, mask))

    def _check_length(self, instruction: Instruction) -> None:
        assert self.manifest.text is not None
        count, most = len(words(self.maker.prompt(instruction))), self.manifest.text.max_words
        if count > most:
            raise NotUnderstood(
                f"the instruction has {count} words and marks of punctuation with its factors, bundle '{self.manifest.name}' "
                f"reads {most}: say it in fewer{self._earlier(instruction)}"
            )

    def _earlier(self, instruction: Instruction) -> str:
        """The rest of a sentence about a prompt that is too long: not only the last words make it so."""
        return EARLIER if instruction.history and self.maker.transforms.history else ""

    def predict(self, observation: Observation, encoded: EncodedInstruction) -> ActionChunk:
        """The next chunk; raises `FineVLAError` if the observation does not fit or the network's answer is no plan."""
        self.maker.check(observation)
        started_s = time.perf_counter()
        sample, trail = self.maker.forward(observation, encoded.instruction)
        images = np.stack(list(sample.images.values()))
        inputs: dict[str, NDArray[Any]] = {"images": images[None], "text": encoded.text}
        if sample.state is not None:
            inputs["state"] = sample.state.astype(np.float32)[None]
        past, self._past = self._goes_on(observation, encoded), None
        if self.graphs.memory_shape is not None:
            remembered = None if past is None else past.memory
            inputs[MEMORY] = np.zeros(self.graphs.memory_shape, np.float32) if remembered is None else remembered
        if self.graphs.takes_running:
            inputs[PREVIOUS], inputs[WEIGHTS] = self._running(observation, past, trail)
        answers = self.graphs.run(inputs)
        self._look_for(encoded, answers)
        answer, memory = answers["actions"], answers.get(REMEMBERED)
        self.thought = self.graphs.thought(memory) if memory is not None and isinstance(self.graphs, Thinker) else ""
        if answer.ndim != 3 or len(answer) != 1:
            raise FineVLAError(
                f"bundle '{self.manifest.name}' answers {answer.shape}; one chunk (1, rows, values) is expected"
            )
        chunk = self.maker.chunk(observation, encoded.instruction, answer[0], trail, started_s)
        if memory is None or np.isfinite(memory).all():
            chunks = (*(past.chunks if past else ()), chunk)[-KEPT:]
            self._past = Past(encoded, observation.stamp_ns, memory, chunks)
        return chunk

    def ready(self) -> str:
        """Return the execution provider: what has been loaded has been run as well."""
        return self.description.provider

    def reset(self) -> None:
        """Forget the observations before, and that the target has been seen: another episode begins."""
        self._seen = self._past = None
        self._accepted = Accepted()
        self.thought = ""

    def close(self) -> None:
        """Do nothing: a bundle in this process holds nothing that must be closed."""

    def _look_for(self, encoded: EncodedInstruction, answers: Mapping[str, NDArray[np.float32]]) -> None:
        """Raise `TargetAbsent` while what the instruction names has not been seen; later a hand may well hide it."""
        if self._seen is encoded or PRESENT not in answers:
            return
        likely = answers[PRESENT].reshape(-1)
        absent = [
            name for name, p in zip(encoded.things, likely, strict=False) if name and not p >= self.manifest.seen_from
        ]
        if absent:
            raise TargetAbsent("I see no " + " and no ".join(absent))
        self._seen = encoded

    def accepted(self, sequence: int, executed_steps: int, speed_scale: float = 1.0) -> None:
        """What the bridge says of the chunk that it accepted last (0 = it runs none of ours), and how many of its rows
        were past when it came; from any thread. What it refused is never continued, nor what it slowed down: of that the
        stamps no longer say where the arms will be.
        """
        self._accepted = Accepted(sequence, executed_steps) if speed_scale == 1.0 else Accepted()

    def _goes_on(self, observation: Observation, encoded: EncodedInstruction) -> Past | None:
        """What it answered a moment ago to the same words, if it did."""
        past = self._past
        if past is None or past.encoded is not encoded:
            return None
        return past if 0 <= (observation.stamp_ns - past.stamp_ns) / 1e9 <= self.description.horizon_s else None

    def _running(
        self, observation: Observation, past: Past | None, trail: Sequence[Sample]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The running chunk `(1, horizon, D)` by this observation's time, and its weights `(1, horizon)`; or zeros."""
        accepted, horizon = self._accepted, self.manifest.horizon
        chunks = past.chunks if past is not None and self.manifest.joining == "rtc" else ()
        running = next((chunk for chunk in chunks if chunk.sequence == accepted.sequence), None)
        if running is None:
            return np.zeros((1, horizon, len(self.manifest.values)), np.float32), np.zeros((1, horizon), np.float32)
        previous, overlap = aligned(running, observation.stamp_ns)
        weights = row_weights(horizon, overlap, accepted.executed_steps)
        previous = self.maker.to_policy(previous, trail)
        return previous[None].astype(np.float32), weights[None].astype(np.float32)

    def warm_up(self) -> None:
        """Run the graphs twice on nothing; raises `FineVLAError` for a bundle that does not do what its manifest says."""
        m = self.manifest
        observation = Observation(
            stamp_ns=0,
            cameras=self.embodiment.camera_names,
            images=np.zeros((len(self.embodiment.cameras), m.images.height, m.images.width, 3), np.uint8),
            image_stamps_ns=(0,) * len(self.embodiment.cameras),
            state=np.zeros(len(m.values), np.float32),
            state_stamp_ns=0,
        )
        for _ in range(2):
            self.predict(observation, self._example())
        self.reset()

    def _example(self) -> EncodedInstruction:
        """Some instruction as the network gets it, about nothing that must be seen."""
        if self.manifest.reader:
            return EncodedInstruction(Instruction(raw="warm up"), one_hot({})[None])
        if self.manifest.text is None:
            return self.encode(Instruction(raw="warm up", fine="warm up"))
        # The last piece must have a vector as well: a vocabulary too long fails now, not at the word that needs it.
        size = self.manifest.text.max_words
        text = self.graphs.features(np.full((size, PIECES), len(self.vocabulary) - 1), np.ones(size, np.float32))
        return EncodedInstruction(Instruction(raw="warm up"), text)
