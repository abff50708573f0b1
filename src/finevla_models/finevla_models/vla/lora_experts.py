"""LoRA experts on a language model's linear layers, mixed for each token by gates that do not depend on the experts.

The formula is InstructVLA's (arXiv 2507.17520), h = W0 x + sum_i B_i A_i x * alpha_i * gate_i. PEFT's X-LoRA computes the same,
but generates without a cache; here the caller sets the gates, and may keep caches of both streams.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from finevla_core.errors import FineVLAError

EXPERTS = ("language", "action")  # the order of a gate's values


@dataclass
class ExpertGates:
    """The gates of the running forward pass, `(B, L, experts)` or what broadcasts to it; None: the experts are off.

    They are left set after a pass: gradient checkpointing runs the layers again in the backward pass.
    """

    value: Tensor | None = None


class ExpertLinear(nn.Module):
    """A frozen linear layer and its experts; `down` and `up` are A and B of the formula, `up` zero at first."""

    def __init__(self, base: nn.Linear, gates: ExpertGates, rank: int, alpha: float, dropout: float) -> None:
        super().__init__()
        self.base, self.gates, self.scale = base, gates, alpha / rank
        self.dropout = nn.Dropout(dropout)
        device = base.weight.device
        self.down = nn.ParameterDict({name: torch.empty(rank, base.in_features, device=device) for name in EXPERTS})
        self.up = nn.ParameterDict({name: torch.zeros(base.out_features, rank, device=device) for name in EXPERTS})
        for name in EXPERTS:
            nn.init.kaiming_uniform_(self.down[name], a=5**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Return `(B, L, out)` of `x` `(B, L, in)`."""
        made: Tensor = self.base(x)
        gates = self.gates.value
        if gates is None:
            return made
        for k, name in enumerate(EXPERTS):
            low = nn.functional.linear(self.dropout(x).to(self.down[name].dtype), self.down[name])
            added = nn.functional.linear(low, self.up[name]) * (self.scale * gates[..., k : k + 1])
            made = made + added.to(made.dtype)
        return made


class GateHead(nn.Module):
    """Hidden states of the stream without experts to gates: an MLP and a softmax over the experts, for each token."""

    def __init__(self, width: int, hidden: int, depth: int, dropout: float) -> None:
        super().__init__()
        sizes = [width] + [hidden] * (depth - 1)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), nn.ReLU(), nn.Dropout(dropout)]
        self.out = nn.Linear(sizes[-1], len(EXPERTS))
        self.layers = nn.Sequential(*layers)

    def forward(self, states: Tensor) -> Tensor:
        """Return gates `(B, L, experts)` of states `(B, L, width)`."""
        made: Tensor = self.out(self.layers(states.to(self.out.weight.dtype))).float().softmax(dim=-1)
        return made


def add_experts(model: Any, targets: Sequence[str], rank: int, alpha: float, dropout: float) -> ExpertGates:
    """Put experts on the linear layers of a model's language part whose names are among `targets`; return their gates.

    Raises:
        FineVLAError: No layer has such a name.
    """
    gates = ExpertGates()
    decoder: nn.Module = model.get_decoder()
    found = {name: layer for name, layer in decoder.named_modules() if isinstance(layer, nn.Linear)}
    wanted = {name: layer for name, layer in found.items() if name.rpartition(".")[2] in targets}
    if not wanted:
        there = sorted({name.rpartition(".")[2] for name in found})
        raise FineVLAError(
            f"the backbone has no linear layer named {', '.join(targets)}; name some of {', '.join(there)}"
        )
    for name, layer in wanted.items():
        parent, _, last = name.rpartition(".")
        setattr(decoder.get_submodule(parent), last, ExpertLinear(layer, gates, rank, alpha, dropout))
    return gates
