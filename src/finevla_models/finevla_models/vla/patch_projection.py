"""The first layer of vision towers that are given patches: a product of matrices instead of a convolution.

Qwen's towers are given one patch after the other and pass each through a `Conv3d` of the patch's own size. That is a product
with a matrix, but PyTorch's convolution takes many times as long for it on a CPU: most of what a small tower costs in training.
"""

from torch import Tensor, nn
from torch.nn import functional


class PatchProjection(nn.Conv3d):
    """A plain `Conv3d` whose inputs `(N, C, T, H, W)` are as large as its kernel; larger ones are convolved."""

    def forward(self, input: Tensor) -> Tensor:
        """Return `(N, out, 1, 1, 1)`, or what a convolution makes of a larger input."""
        if tuple(input.shape[2:]) != self.kernel_size:
            return super().forward(input)
        made = functional.linear(input.flatten(1), self.weight.flatten(1), self.bias)
        return made[:, :, None, None, None]


def project_patches(model: nn.Module) -> None:
    """Turn the `Conv3d` layers of a model into `PatchProjection`, in place; weights and their names stay."""
    for layer in model.modules():
        if type(layer) is nn.Conv3d and layer.groups == 1 and not any(layer.padding) and set(layer.dilation) == {1}:
            layer.__class__ = PatchProjection
