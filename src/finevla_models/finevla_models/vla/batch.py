"""What a vision-language-action policy is given and learns from, one sample and many at once."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from finevla_core.errors import FineVLAError

IGNORED = -100  # label of a token that is no part of the loss


@dataclass(frozen=True)
class VLAExample:
    """One sample as the transforms of a bundle leave it (`finevla_core.policy.transforms`).

    `images` are V pictures `(H, W, 3)` uint8 in the policy's order; `prompt` the words; `state` `(D,)` normalised, None for a
    policy without; `actions` `(T, D)` normalised, None where there are none to learn from (inference, or a question about a
    picture); `action_mask` `(T, D)` bool, True for values that count (not those of an arm that is missing, nor rows behind
    the episode's end). `answer` are the words that the model shall say before it acts, or, without actions, instead.
    """

    images: tuple[NDArray[np.uint8], ...]
    prompt: str
    state: NDArray[np.float32] | None = None
    actions: NDArray[np.float32] | None = None
    action_mask: NDArray[np.bool_] | None = None
    answer: str = ""


@dataclass(frozen=True)
class VLABatch:
    """B samples; tokens are padded on the right, never on the left.

    `tokens` `(B, L)` int64; `mask` `(B, L)` bool, True for tokens that are no padding; `labels` `(B, L)` int64, the token
    itself where the model shall say it, else `IGNORED`; `queries` `(B, L)` bool, True at the placeholders whose hidden states
    a head reads; `inputs` what else the backbone takes, by transformers' names (pixel_values, image_grid_thw, ...); `images`
    `(B, V, 3, H, W)` float32 in 0...1, for heads with eyes of their own; `state` `(B, D)`; `actions` and `action_mask`
    `(B, T, D)`; a mask without actions says which values there are to predict.
    """

    tokens: Tensor
    mask: Tensor
    labels: Tensor
    queries: Tensor
    inputs: Mapping[str, Tensor]
    images: Tensor
    state: Tensor | None = None
    actions: Tensor | None = None
    action_mask: Tensor | None = None

    def __len__(self) -> int:
        """Return the number of samples B."""
        return len(self.tokens)

    def to(self, device: torch.device | str) -> "VLABatch":
        """Return the batch on another device."""
        moved: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                moved[field.name] = value.to(device, non_blocking=True)
        return replace(self, **moved, inputs={k: v.to(device, non_blocking=True) for k, v in self.inputs.items()})


def required_state[S: (Tensor, NDArray[np.float32])](state: S | None, values: int) -> S:
    """Return the state `(..., values)` of a batch or an example; raises `FineVLAError` where it is missing, or another's."""
    if state is None:
        raise FineVLAError("the policy needs the robot's state, and the sample has none")
    if state.shape[-1] != values:
        raise FineVLAError(f"the policy takes {values} values of state, the sample has {state.shape[-1]}")
    return state


def stack_values(examples: list[VLAExample]) -> dict[str, Tensor | None]:
    """Return `images`, `state`, `actions` and `action_mask` of a batch; None where not every example has them."""
    pictures = np.stack([np.stack(example.images) for example in examples])
    images = torch.from_numpy(pictures).permute(0, 1, 4, 2, 3).float() / 255
    stacked: dict[str, Tensor | None] = {"images": images}
    for name in ("state", "actions"):
        found = [getattr(example, name) for example in examples]
        whole = [value for value in found if value is not None]
        stacked[name] = torch.from_numpy(np.stack(whole)).float() if len(whole) == len(found) else None
    masks = [_mask(example) for example in examples]
    given = [mask for mask in masks if mask is not None]
    return stacked | {"action_mask": torch.from_numpy(np.stack(given)) if len(given) == len(masks) else None}


def _mask(example: VLAExample) -> NDArray[np.bool_] | None:
    """An example's mask; all values where it has actions alone. Without actions it says which arm is there to act."""
    if example.action_mask is None and example.actions is not None:
        return np.ones(example.actions.shape, bool)
    return example.action_mask
