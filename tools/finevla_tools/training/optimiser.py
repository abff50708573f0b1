"""What AdamW changes and how fast: groups with rates of their own, a cosine with warm-up, and a moving average of weights."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from finevla_core.errors import FineVLAError, unknown
from finevla_models.vla.head import VLAPolicy
from finevla_tools.training.config_types import TrainingOptions

BETAS = (0.9, 0.95)  # of the FineVLA and starVLA recipes: the second moment forgets sooner than AdamW's usual 0.999
FINAL_SHARE = 0.1  # of the rate, at the last step


def trained_parameters(policy: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that are trained by name, shared ones once."""
    return {name: parameter for name, parameter in policy.named_parameters() if parameter.requires_grad}


def rate_of(name: str, options: TrainingOptions) -> float:
    """Return the rate of a parameter by its name: of the longest of `rates` that stands in it between dots, if any."""
    named = [part for part in options.rates if f".{part}." in f".{name}."]
    if named:
        return options.rates[max(named, key=len)]
    return options.backbone_rate if name.startswith("backbone.") else options.rate


def keep_unrated(policy: nn.Module, options: TrainingOptions) -> None:
    """Train nothing whose rate in `rates` is 0; raises `FineVLAError` for a name that nothing that is trained has."""
    trained = trained_parameters(policy)
    for part in options.rates:
        if not any(f".{part}." in f".{name}." for name in trained):
            modules = sorted({word for name in trained for word in name.split(".")[:-1] if not word.isdigit()})
            raise FineVLAError(f"training.rates: {unknown('trained module', part, modules)}")
    for name, parameter in trained.items():
        parameter.requires_grad_(not options.rates or rate_of(name, options) > 0.0)


def make_optimiser(policy: VLAPolicy, options: TrainingOptions) -> torch.optim.AdamW:
    """Return AdamW with the rates of `rate_of`; biases, norms and the like (1-D) never decay."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in trained_parameters(policy).items():
        rate = rate_of(name, options)
        decay = options.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    entries = [
        {"params": parameters, "lr": rate, "rate": rate, "weight_decay": decay}
        for (rate, decay), parameters in groups.items()
    ]
    return torch.optim.AdamW(entries, betas=BETAS)


def rate_share(step: int, options: TrainingOptions) -> float:
    """Return the share of the rate at a step counted from 0: a line up to 1, then a cosine down to `FINAL_SHARE`."""
    warm = round(options.warmup * options.steps)
    if step < warm:
        return (step + 1) / warm
    done = (step - warm) / max(1, options.steps - warm)
    return FINAL_SHARE + (1 - FINAL_SHARE) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def set_rates(optimiser: torch.optim.Optimizer, share: float) -> None:
    """Set every group to that share of its rate."""
    for group in optimiser.param_groups:
        group["lr"] = share * group["rate"]


def moments(optimiser: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """Return the optimiser's state as `NAME.exp_avg` and so on; a parameter that has never had a gradient has none."""
    return {
        f"{name}.{key}": value
        for name, parameter in parameters.items()
        for key, value in optimiser.state.get(parameter, {}).items()
    }


def set_moments(
    optimiser: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter], found: Mapping[str, Tensor]
) -> None:
    """Give the optimiser the state that `moments` returned."""
    for name, value in found.items():
        parameter, _, key = name.rpartition(".")
        optimiser.state[parameters[parameter]][key] = value


class WeightAverage:
    """An exponential moving average of the trained weights, in fp32; with `decay` 0 there is none.

    The decay grows with the steps, (1 + t) / (10 + t), so that the first weights are soon forgotten.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], decay: float) -> None:
        self.decay, self._parameters = decay, dict(parameters)
        self.values: dict[str, Tensor] = {}
        if decay:
            self.values = {name: parameter.detach().clone().float() for name, parameter in parameters.items()}

    def update(self, step: int) -> None:
        """Move the average towards the weights of a step, counted from 0."""
        share = 1.0 - min(self.decay, (1.0 + step) / (10.0 + step))
        for name, value in self.values.items():
            local(value).lerp_(local(self._parameters[name].detach()).float(), share)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the average in the place of the weights for a while."""
        kept = {name: local(self._parameters[name].detach()).clone() for name in self.values}
        for name, value in self.values.items():
            local(self._parameters[name].detach()).copy_(local(value))
        try:
            yield
        finally:
            for name, value in kept.items():
                local(self._parameters[name].detach()).copy_(value)


def local(tensor: Tensor) -> Tensor:
    """Return this process's part of a tensor that is spread over several, or the tensor itself."""
    part: Any = getattr(tensor, "to_local", None)
    made: Tensor = tensor if part is None else part()
    return made
