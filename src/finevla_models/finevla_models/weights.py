"""A network's tensors as a file of safetensors, which holds numbers and nothing that could be run."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from finevla_core.errors import FineVLAError, quoted

_NAMES = {
    torch.float32: "F32",
    torch.int64: "I64",
    torch.bool: "BOOL",
}  # what a network here has, as such a file names it


def dump_weights(network: nn.Module) -> bytes:
    """Return the content of a network's file of weights."""
    return bytes(save({name: tensor.contiguous() for name, tensor in network.state_dict().items()}))


def load_weights(network: nn.Module, path: Path) -> None:
    """Put the tensors of a file into a network on the CPU; nothing is read before all their shapes fit.

    Raises:
        FineVLAError: The file is none, or a tensor of it, by its name, is not what the network has.
    """
    wanted = network.state_dict()
    try:
        with safe_open(str(path), "pt", device="cpu") as file:
            _check_names(set(file.keys()), wanted, path)
            for name, tensor in wanted.items():
                part = file.get_slice(name)
                _check_form(name, tensor, list(part.get_shape()), str(part.get_dtype()), path)
            for name, tensor in wanted.items():
                found = file.get_tensor(name)
                _check_content(name, tensor, found, path)
                tensor.copy_(found)
    except (SafetensorError, OSError) as error:
        text = " ".join(str(error).split())
        raise FineVLAError(f"'{path}' is no file of safetensors: {text}; copy the bundle again") from error


def _check_names(found: set[str], wanted: Mapping[str, Tensor], path: Path) -> None:
    if missing := sorted(set(wanted) - found):
        raise FineVLAError(f"'{path}' has no tensor '{missing[0]}', which the bundle's network needs: export it again")
    if odd := sorted(found - set(wanted)):
        raise FineVLAError(
            f"'{path}' has a tensor {quoted(odd[0])}, which the bundle's network has not: export it again"
        )


def _check_form(name: str, wanted: Tensor, shape: list[int], dtype: str, path: Path) -> None:
    if shape != list(wanted.shape) or dtype != _NAMES[wanted.dtype]:
        raise FineVLAError(
            f"tensor '{name}' of '{path}' is {shape} {dtype}, the bundle's network has {list(wanted.shape)} "
            f"{_NAMES[wanted.dtype]}: weights and manifest do not belong together"
        )


def _check_content(name: str, wanted: Tensor, found: Tensor, path: Path) -> None:
    if not wanted.is_floating_point():
        # Which column means what follows from this version's vocabulary; others would be read for what they are not.
        if not torch.equal(found, wanted):
            raise FineVLAError(f"tensor '{name}' of '{path}' is of another version's network: export the bundle again")
    elif not torch.isfinite(found).all():
        raise FineVLAError(f"tensor '{name}' of '{path}' holds numbers that are not finite: train or export it again")
