"""A policy bundle on ONNX Runtime: words once per instruction, then observation in, chunk out. No torch.

Words reach the network as features of the bundle's text model, or as the slots that a reader of this package fills.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from finevla_core.bundle import Bundle, check_embodiment, load_bundle
from finevla_core.chunk import ActionChunk
from finevla_core.chunk_limiter import ChunkLimiter, NoAllowedChunk
from finevla_core.continuation import Accepted, aligned, row_weights
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.language.reader import read
from finevla_core.language.slots import one_hot
from finevla_core.observation import Observation
from finevla_core.text import PIECES, Vocabulary, encode, load_vocabulary, words
from finevla_core.understanding import NotUnderstood, TargetAbsent, Understanding, unchecked

PREFERRED = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")
TEXT_SIGNATURE = (("tokens", "mask"), "text")
POLICY_SIGNATURE = (("images", "state", "text"), "actions")
MEMORY, REMEMBERED = "memory", "remembered"  # optional: an input, zeros where there is none, and the next one's value
PREVIOUS, WEIGHTS = "previous", "weights"  # optional inputs: the running chunk, and how firm each row of it is
PRESENT = "present"  # optional output (1, 2): how likely the target is there, and what it shall be put on
KEPT = 64  # newest chunks: more than are made while one lasts


@dataclass(frozen=True)
class EncodedInstruction:
    """An instruction as the bundle's policy model gets it: `text` `(1, ...)`, features or slots; `things` are the names of
    what it is about, the target and what that shall be put on, for those to be told that it is not seen."""

    instruction: Instruction
    text: NDArray[np.float32]
    things: tuple[str, ...] = ()


@dataclass(frozen=True)
class Past:
    """What a policy made of the observations before, for the next one under the same instruction."""

    encoded: EncodedInstruction
    stamp_ns: int
    memory: NDArray[np.float32] | None
    chunks: tuple[ActionChunk, ...]  # newest last


class OnnxPolicy:
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
        threads: int,
        providers: Sequence[str] | None,
        limiter: ChunkLimiter | None = None,
    ) -> None:
        check_embodiment(bundle, embodiment)
        self.bundle, self.embodiment, self.manifest = bundle, embodiment, bundle.manifest
        self.limiter: ChunkLimiter | None = None  # not for what is made to warm up
        self.limited_text = ""  # why chunks are being shortened; empty = they are not
        available = ort.get_available_providers()
        chosen = [name for name in (providers or PREFERRED) if name in available]
        if not chosen:
            raise FineVLAError(
                f"ONNX Runtime has none of {', '.join(providers or PREFERRED)} here; it has {', '.join(available)}"
            )
        self._text: ort.InferenceSession | None = None
        if not bundle.manifest.reader:
            self.vocabulary: Vocabulary = load_vocabulary(bundle.vocabulary)
            self._text = _session(bundle.text_model, threads, chosen, TEXT_SIGNATURE)
        self._policy = _session(bundle.policy_model, threads, chosen, POLICY_SIGNATURE, (MEMORY, PREVIOUS, WEIGHTS))
        self._memory_shape = _memory_shape(self._policy, bundle.policy_model)
        self._takes_running = _takes_running(self._policy, bundle)
        self._tells_presence = PRESENT in [value.name for value in self._policy.get_outputs()]
        self._seen: EncodedInstruction | None = None  # whose target has been seen
        self._past: Past | None = None
        self._accepted = Accepted()
        self.provider = self._policy.get_providers()[0]
        self._order = [embodiment.camera_names.index(camera) for camera in self.manifest.cameras]
        self._sequence = 0
        self._warm_up()
        self.limiter = limiter

    @property
    def horizon_s(self) -> float:
        """Time that one chunk covers, seconds."""
        return self.manifest.horizon * self.manifest.dt_s

    def understand(self, instruction: Instruction) -> Understanding:
        """Return what the policy takes an instruction for; raises `NotUnderstood` for one that it cannot act on.

        A bundle with a text model cannot tell; then only the length is looked at: nothing of a text is cut off.
        """
        if self.manifest.reader:
            return read(instruction).understanding
        self._check_length(instruction)
        return unchecked()

    def encode(self, instruction: Instruction) -> EncodedInstruction:
        """Prepare an instruction for `predict`, once; raises `NotUnderstood` as `understand` does."""
        if self.manifest.reader:
            answer = read(instruction)
            return EncodedInstruction(instruction, one_hot(answer.slots)[None], answer.things)
        assert self.manifest.text is not None
        self._check_length(instruction)
        tokens, mask = encode(instruction.prompt(), self.vocabulary, self.manifest.text.max_words)
        return EncodedInstruction(instruction, self._features(tokens, mask))

    def _check_length(self, instruction: Instruction) -> None:
        assert self.manifest.text is not None
        count, most = len(words(instruction.prompt())), self.manifest.text.max_words
        if count > most:
            raise NotUnderstood(
                f"the instruction has {count} words and marks of punctuation with its factors, bundle '{self.manifest.name}' "
                f"reads {most}: say it in fewer"
            )

    def predict(self, observation: Observation, encoded: EncodedInstruction) -> ActionChunk:
        """The next chunk; raises `FineVLAError` if the observation does not fit or the network's answer is no plan."""
        self.check(observation)
        start = time.perf_counter()
        images = observation.images
        if self._order != list(range(len(observation.cameras))):
            images = np.ascontiguousarray(images[self._order])
        inputs: dict[str, object] = {"images": images[None], "state": observation.state[None], "text": encoded.text}
        past, self._past = self._goes_on(observation, encoded), None
        if self._memory_shape is not None:
            inputs[MEMORY] = np.zeros(self._memory_shape, np.float32) if past is None else past.memory
        if self._takes_running:
            inputs[PREVIOUS], inputs[WEIGHTS] = self._running(observation, past)
        names = ["actions"] + [REMEMBERED] * (self._memory_shape is not None) + [PRESENT] * self._tells_presence
        answers = dict(zip(names, self._run(self._policy, names, inputs), strict=True))
        self._look_for(encoded, answers)
        answer, memory = answers["actions"], answers.get(REMEMBERED)
        actions = self._checked(answer)
        self._sequence += 1
        chunk = ActionChunk(
            stamp_ns=observation.stamp_ns,
            instruction_id=encoded.instruction.id,
            embodiment=self.embodiment.name,
            names=self.embodiment.names,
            dt_s=self.manifest.dt_s,
            actions=actions,
            policy=self.manifest.name,
            joining=self.manifest.joining,
            sequence=self._sequence,
        )
        chunk = replace(self._limited(chunk, observation), inference_s=time.perf_counter() - start)
        if memory is None or np.isfinite(memory).all():
            chunks = (*(past.chunks if past else ()), chunk)[-KEPT:]
            self._past = Past(encoded, observation.stamp_ns, memory, chunks)
        return chunk

    def _limited(self, chunk: ActionChunk, observation: Observation) -> ActionChunk:
        """The chunk, or what of it the bridge can let pass; raises `NoAllowedChunk` where not even holding would."""
        if self.limiter is None:
            return chunk
        limited = self.limiter.limit(chunk, observation.state)
        self.limited_text = limited.text
        if limited.chunk is None:
            raise NoAllowedChunk(limited.text)
        return limited.chunk

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
        return past if 0 <= (observation.stamp_ns - past.stamp_ns) / 1e9 <= self.horizon_s else None

    def _running(self, observation: Observation, past: Past | None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The running chunk `(1, horizon, D)` by this observation's time, and its weights `(1, horizon)`; or zeros."""
        accepted, horizon = self._accepted, self.manifest.horizon
        chunks = past.chunks if past is not None and self.manifest.joining == "rtc" else ()
        running = next((chunk for chunk in chunks if chunk.sequence == accepted.sequence), None)
        if running is None:
            return np.zeros((1, horizon, len(self.manifest.values)), np.float32), np.zeros((1, horizon), np.float32)
        previous, overlap = aligned(running, observation.stamp_ns)
        weights = row_weights(horizon, overlap, accepted.executed_steps)
        return previous[None].astype(np.float32), weights[None].astype(np.float32)

    def check(self, observation: Observation) -> None:
        """Refuse an observation of other cameras, another image size or another state length."""
        m = self.manifest
        if observation.cameras != self.embodiment.camera_names:
            raise FineVLAError(
                f"observation has cameras {list(observation.cameras)}, robot '{self.embodiment.name}' has "
                f"{list(self.embodiment.camera_names)}; check the ingest's robot file"
            )
        if observation.images.shape[1:3] != (m.image_height, m.image_width):
            height, width = observation.images.shape[1:3]
            raise FineVLAError(
                f"observation images are {height}x{width}, bundle '{m.name}' needs {m.image_height}x{m.image_width}; "
                "set observation.height and width in the robot file"
            )
        if observation.state.shape != (len(m.values),):
            raise FineVLAError(
                f"observation state has {observation.state.size} values, bundle '{m.name}' needs {len(m.values)}; "
                "check the ingest's robot file"
            )

    def _features(self, tokens: NDArray[np.int64], mask: NDArray[np.float32]) -> NDArray[np.float32]:
        assert self._text is not None
        (text,) = self._run(self._text, ("text",), {"tokens": tokens[None], "mask": mask[None]})
        return text

    def _warm_up(self) -> None:
        m = self.manifest
        observation = Observation(
            stamp_ns=0,
            cameras=self.embodiment.camera_names,
            images=np.zeros((len(self.embodiment.cameras), m.image_height, m.image_width, 3), np.uint8),
            image_stamps_ns=(0,) * len(self.embodiment.cameras),
            state=np.zeros(len(m.values), np.float32),
            state_stamp_ns=0,
        )
        for _ in range(2):
            self.predict(observation, self._example())
        self._sequence, self._past = 0, None

    def _example(self) -> EncodedInstruction:
        """Some instruction as the network gets it, about nothing that must be seen."""
        if self.manifest.text is None:
            return EncodedInstruction(Instruction(raw="warm up"), one_hot({})[None])
        # The last piece must have a vector as well: a vocabulary too long fails now, not at the word that needs it.
        size = self.manifest.text.max_words
        text = self._features(np.full((size, PIECES), len(self.vocabulary) - 1), np.ones(size, np.float32))
        return EncodedInstruction(Instruction(raw="warm up"), text)

    def _run(
        self, session: ort.InferenceSession, outputs: Sequence[str], inputs: Mapping[str, object]
    ) -> list[NDArray[np.float32]]:
        try:
            answers = session.run(list(outputs), inputs)
        except Exception as error:  # onnxruntime's exceptions share no documented base
            raise FineVLAError(f"bundle '{self.manifest.name}' does not run: {_one_line(error)}") from error
        return cast(list[NDArray[np.float32]], answers)

    def _checked(self, answer: NDArray[np.float32]) -> NDArray[np.float64]:
        """The network's `(1, horizon, D)` answer as a plan `(horizon, D)`; a stranger's word, so it is judged."""
        m, expected = self.manifest, (1, self.manifest.horizon, len(self.manifest.values))
        if answer.shape != expected:
            raise FineVLAError(f"bundle '{m.name}' answers {answer.shape} where its manifest says {expected}")
        if not np.isfinite(answer).all():
            step, value = np.argwhere(~np.isfinite(answer[0]))[0]
            raise FineVLAError(
                f"bundle '{m.name}' answered {answer[0, step, value]}, which is not finite, for "
                f"'{m.values[value]}' at step {step + 1}; the chunk is dropped"
            )
        return np.asarray(answer[0], dtype=np.float64)


def load_policy(
    path: str | Path,
    embodiment: Embodiment,
    threads: int = 1,
    providers: Sequence[str] | None = None,
    limiter: ChunkLimiter | None = None,
) -> OnnxPolicy:
    """Load, verify and warm up a bundle for a robot; TensorRT before CUDA before CPU, whichever is there.

    With a `limiter` the policy shortens what the bridge would refuse.
    """
    return OnnxPolicy(load_bundle(path), embodiment, threads, providers, limiter)


def _memory_shape(session: ort.InferenceSession, path: Path) -> tuple[int, ...] | None:
    """The shape of a network's memory, or None if it has none."""
    taken = next((value.shape for value in session.get_inputs() if value.name == MEMORY), None)
    if taken is None:
        return None
    given = next((value.shape for value in session.get_outputs() if value.name == REMEMBERED), None)
    if taken != given or not all(isinstance(size, int) for size in taken):
        raise FineVLAError(
            f"'{path}' has an input '{MEMORY}' of shape {taken} and an output '{REMEMBERED}' of shape {given}; "
            "both must be there, of one fixed shape: export the bundle again"
        )
    return tuple(taken)


def _takes_running(session: ort.InferenceSession, bundle: Bundle) -> bool:
    """Whether a network can be given a running chunk; refuses a bundle that would need that."""
    found = [value.name for value in session.get_inputs() if value.name in (PREVIOUS, WEIGHTS)]
    if len(found) == 1 or (not found and bundle.manifest.joining == "rtc"):
        raise FineVLAError(
            f"'{bundle.policy_model}' has not both inputs '{PREVIOUS}' and '{WEIGHTS}', which joining 'rtc' needs: "
            "export the bundle again from a flow head, or say 'joining: blend' in its manifest"
        )
    return bool(found)


def _session(
    path: Path,
    threads: int,
    providers: Sequence[str],
    signature: tuple[tuple[str, ...], str],
    optional: tuple[str, ...] = (),
) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Between two chunks the threads have nothing to do; spinning would take the cores from the other nodes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(str(path), options, providers=list(providers))
    except Exception as error:  # onnxruntime's exceptions share no documented base
        raise FineVLAError(f"'{path}' is not an ONNX model that runs here: {_one_line(error)}") from error
    inputs, output = signature
    found = sorted(i.name for i in session.get_inputs())
    if sorted(set(found) - set(optional)) != sorted(inputs):
        raise FineVLAError(f"'{path}' has inputs {', '.join(found)}; a bundle's needs {', '.join(inputs)}")
    if output not in [o.name for o in session.get_outputs()]:
        raise FineVLAError(f"'{path}' has no output '{output}'; export the bundle again")
    return session


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
