"""What stands between the robot and a policy: small steps, composed in the order of a bundle's manifest.

`Transforms.forward` makes of an observation (or of a training sample) what the policy takes; `Transforms.inverse` makes of
the policy's actions those of the robot. Node, server, evaluation and training use the same objects.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_core.images import ImageFormat, fit_once
from finevla_core.instruction import Instruction
from finevla_core.observation import Observation
from finevla_core.policy.prompt_text import PromptHistory, parts_text

NORMALISATIONS = {"mean_std": ("mean", "std"), "quantile": ("q01", "q99"), "min_max": ("min", "max")}
ACTION_KINDS = ("relative", "delta")  # to the state when the chunk was asked for, or each row to the one before
LAYOUTS = ("hwc", "chw")


@dataclass(frozen=True)
class Sample:
    """What a policy is given, and in training what it shall answer.

    `images` by name, `(H, W, 3)` uint8 (or `(3, H, W)` behind `ImageLayout`); `state` `(D,)` or None where the policy takes
    none; `prompt` the words; `actions` `(T, D)` float64, absolute joint targets before the first transform.
    """

    images: Mapping[str, NDArray[np.uint8]]
    state: NDArray[np.float64] | None
    instruction: Instruction
    prompt: str = ""
    actions: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, observation: Observation, instruction: Instruction) -> "Sample":
        """Take an observation and the active instruction; the prompt is the instruction's own until a transform says more."""
        images = dict(zip(observation.cameras, observation.images, strict=True))
        return cls(images, observation.state.astype(np.float64), instruction, instruction.prompt())


class Transform(Protocol):
    """One step. `inverse` gets the sample as it was before `forward`, for steps that depend on the state."""

    def forward(self, sample: Sample) -> Sample:
        """Return the sample one step nearer to the policy."""

    def inverse(self, actions: NDArray[np.float64], before: Sample) -> NDArray[np.float64]:
        """Return actions `(T, D)` one step nearer to the robot."""


class _SampleOnly:
    """A transform that leaves actions as they are."""

    def inverse(self, actions: NDArray[np.float64], before: Sample) -> NDArray[np.float64]:
        """Return the actions `(T, D)` as they are: this step is of what the policy is given."""
        return actions


@dataclass(frozen=True)
class CameraChoice(_SampleOnly):
    """Choose cameras and name them as the policy does: `names` maps its names to the robot's, in its order."""

    names: Mapping[str, str]

    def forward(self, sample: Sample) -> Sample:
        """Return the chosen pictures; raises `FineVLAError` for a camera that is not there."""
        for camera in self.names.values():
            if camera not in sample.images:
                raise FineVLAError(
                    f"the policy needs camera '{camera}'; there are {', '.join(sample.images) or 'no pictures'}"
                )
        return replace(sample, images={name: sample.images[camera] for name, camera in self.names.items()})


@dataclass(frozen=True)
class Resize(_SampleOnly):
    """Fit every picture `(H, W, 3)` to one format; those that have its size are fitted already and stay as they are."""

    images: ImageFormat

    def forward(self, sample: Sample) -> Sample:
        """Return the sample with pictures of that format."""
        return replace(
            sample,
            images={name: fit_once(picture, self.images, name) for name, picture in sample.images.items()},
        )


@dataclass(frozen=True)
class ImageLayout(_SampleOnly):
    """Order of a picture's axes: rows, columns, colours ("hwc", as they come) or colours first ("chw")."""

    order: str

    def forward(self, sample: Sample) -> Sample:
        """Return the sample with pictures `(3, H, W)` for "chw"."""
        if self.order == "hwc":
            return sample
        turned = {name: np.ascontiguousarray(np.moveaxis(image, -1, 0)) for name, image in sample.images.items()}
        return replace(sample, images=turned)


@dataclass(frozen=True)
class ValueOrder:
    """State and action values in the policy's order: `places[k]` is where its value k stands in the robot's."""

    places: tuple[int, ...]

    def forward(self, sample: Sample) -> Sample:
        """Return state and actions in the policy's order."""
        places = np.array(self.places)
        return _each(sample, lambda values: np.take(values, places, axis=-1))

    def inverse(self, actions: NDArray[np.float64], before: Sample) -> NDArray[np.float64]:
        """Return actions in the robot's order."""
        robot = np.empty_like(actions)
        robot[..., list(self.places)] = actions
        return robot


@dataclass(frozen=True)
class Units:
    """Values in the policy's units: `factor * value + offset` for each; degrees, turned axes, grippers the other way."""

    factors: tuple[float, ...]
    offsets: tuple[float, ...]

    def forward(self, sample: Sample) -> Sample:
        """Return state and actions in the policy's units."""
        return _each(sample, lambda values: values * np.array(self.factors) + np.array(self.offsets))

    def inverse(self, actions: NDArray[np.float64], before: Sample) -> NDArray[np.float64]:
        """Return actions in rad, grippers 0 closed to 1 open."""
        restored: NDArray[np.float64] = (actions - np.array(self.offsets)) / np.array(self.factors)
        return restored


@dataclass(frozen=True)
class RelativeActions:
    """Actions relative to the state ("relative") or each to the row before ("delta"), for those values that `mask` marks."""

    kind: str
    mask: tuple[bool, ...]

    def forward(self, sample: Sample) -> Sample:
        """Return the sample with relative actions, if it has actions."""
        if sample.actions is None:
            return sample
        marked, state = np.array(self.mask), _state(sample)
        origin = state if self.kind == "relative" else np.vstack([state, sample.actions[:-1]])
        return replace(sample, actions=np.where(marked, sample.actions - origin, sample.actions))

    def inverse(self, actions: NDArray[np.float64], before: Sample) -> NDArray[np.float64]:
        """Return absolute actions `(T, D)`; raises `FineVLAError` where the state was left out before."""
        moved = actions if self.kind == "relative" else np.cumsum(actions, axis=0)
        return np.where(np.array(self.mask), moved + _state(before), actions)


@dataclass(frozen=True)
class Scale:
    """Two numbers per value that a normalisation is made of, `low` to -1 and `high` to 1, or mean and deviation.

    Values that `mask` does not mark stay as they are.
    """

    first: tuple[float, ...]
    second: tuple[float, ...]
    mask: tuple[bool, ...]


@dataclass(frozen=True)
class Normalisation:
    """State and actions by their statistics: "mean_std", or "quantile" and "min_max" to -1...1; None = as it is.

    `clip` bounds what the policy is given (5 deviations, or 1.5 for ranges, are usual); answers are never clipped here.
    """

    kind: str
    state: Scale | None
    actions: Scale | None
    clip: float | None = None

    def forward(self, sample: Sample) -> Sample:
        """Return the sample with normalised state and actions."""
        state = None if sample.state is None else self._normalised(sample.state, self.state)
        if self.clip is not None and state is not None and self.state is not None:
            state = np.where(np.array(self.state.mask), np.clip(state, -self.clip, self.clip), state)
        actions = None if sample.actions is None else self._normalised(sample.actions, self.actions)
        return replace(sample, state=state, actions=actions)

    def inverse(self, actions: NDArray[np.float64], before: Sample) -> NDArray[np.float64]:
        """Return actions in the policy's units."""
        if self.actions is None:
            return actions
        first, second = np.array(self.actions.first), np.array(self.actions.second)
        if self.kind == "mean_std":
            restored = actions * second + first
        else:
            restored = from_unit_range(actions, first, second)
        return np.where(np.array(self.actions.mask), restored, actions)

    def _normalised(self, values: NDArray[np.float64], scale: Scale | None) -> NDArray[np.float64]:
        if scale is None:
            return values
        first, second = np.array(scale.first), np.array(scale.second)
        # A value that never moved has no width: it becomes 0, as starVLA and openpi have it.
        width = second if self.kind == "mean_std" else second - first
        moved = values - first if self.kind == "mean_std" else 2.0 * (values - first)
        made = np.divide(moved, width, out=np.zeros_like(moved), where=width != 0)
        if self.kind != "mean_std":
            made = np.where(width != 0, made - 1.0, 0.0)
        return np.where(np.array(scale.mask), made, values)


@dataclass(frozen=True)
class NoState:
    """For policies that take no state; actions relative to it must stand before."""

    def forward(self, sample: Sample) -> Sample:
        """Return the sample without state."""
        return replace(sample, state=None)

    def inverse(self, actions: NDArray[np.float64], before: Sample) -> NDArray[np.float64]:
        """Return the actions `(T, D)` as they are: this step is of what the policy is given."""
        return actions


@dataclass(frozen=True)
class FirstRows:
    """The first `rows` of a longer answer; what follows is planned anew before it would be reached."""

    rows: int

    def forward(self, sample: Sample) -> Sample:
        """Return the sample unchanged: in training the policy learns all its rows."""
        return sample

    def inverse(self, actions: NDArray[np.float64], before: Sample) -> NDArray[np.float64]:
        """Return `(rows, D)`; raises `FineVLAError` if there are fewer."""
        if len(actions) < self.rows:
            raise FineVLAError(
                f"the policy answers {len(actions)} rows; the bundle's manifest says at least {self.rows}"
            )
        return actions[: self.rows]


@dataclass(frozen=True)
class Prompt(_SampleOnly):
    """The words that a policy reads: `parts` in order ("fine" falls back to nothing if there is none, "raw" likewise).

    `template` has one `{}` for them; with `lower` they are in lower case, with `fallback` the raw text stands in for a
    fine one that is missing and the other way round. With a `history` the template also has one `{history}`, where what was
    said before in the episode goes.
    """

    parts: tuple[str, ...]
    separator: str = ". "
    template: str = "{}"
    lower: bool = False
    fallback: bool = True
    history: PromptHistory | None = None

    def forward(self, sample: Sample) -> Sample:
        """Return the sample with that prompt; raises `FineVLAError` if the instruction has none of the parts."""
        instruction = sample.instruction
        said = parts_text(instruction, self.parts, self.separator, self.fallback)
        if not said:
            raise FineVLAError(f"the policy reads {' and '.join(self.parts)} of an instruction, and this one has none")
        earlier = self.history.text(instruction, self.separator, self.fallback) if self.history else ""
        words = self.template.format(said, history=earlier)
        return replace(sample, prompt=words.lower() if self.lower else words)


@dataclass(frozen=True)
class Transforms:
    """Steps in order; `inverse` needs what `forward` returned beside the sample."""

    steps: tuple[Transform, ...] = ()

    def forward(self, sample: Sample) -> tuple[Sample, tuple[Sample, ...]]:
        """Return what the policy is given, and the sample before each step."""
        trail = []
        for step in self.steps:
            trail.append(sample)
            sample = step.forward(sample)
        return sample, tuple(trail)

    @property
    def history(self) -> int:
        """How many earlier instructions the policy reads at most; 0 = none."""
        return max((s.history.most for s in self.steps if isinstance(s, Prompt) and s.history), default=0)

    def prompt(self, instruction: Instruction) -> str:
        """Return the words that the policy reads, without an observation."""
        sample = Sample({}, None, instruction, instruction.prompt())
        for step in self.steps:
            sample = step.forward(sample) if isinstance(step, Prompt) else sample
        return sample.prompt

    def inverse(self, actions: NDArray[np.float64], trail: Sequence[Sample]) -> NDArray[np.float64]:
        """Return the robot's actions `(T, D)` for the policy's; raises `FineVLAError` where a step cannot."""
        for step, before in zip(reversed(self.steps), reversed(trail), strict=True):
            actions = step.inverse(actions, before)
        return actions


def from_unit_range(
    values: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return values `(..., D)` in their own units: -1 is `low` and 1 is `high`, both `(D,)`."""
    return (values + 1.0) / 2.0 * (high - low) + low


def _each(sample: Sample, change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Sample:
    """The sample with state and actions changed alike."""
    state = None if sample.state is None else change(sample.state)
    return replace(sample, state=state, actions=None if sample.actions is None else change(sample.actions))


def _state(sample: Sample) -> NDArray[np.float64]:
    if sample.state is None:
        raise FineVLAError("relative actions need the state; put 'no_state' behind them in the manifest")
    return sample.state
