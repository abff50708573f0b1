"""Promises of `PatchProjection`: what a convolution gives, and its gradients, by the same weights."""

import pytest
import torch
from torch import nn

from finevla_models.vla.patch_projection import PatchProjection, project_patches


@pytest.mark.parametrize("has_bias", [True, False])
def test_patches_and_gradients_are_those_of_the_convolution(has_bias: bool) -> None:
    torch.manual_seed(0)
    convolution = nn.Conv3d(3, 5, (2, 4, 4), (2, 4, 4), bias=has_bias)
    tower = nn.Sequential(nn.Conv3d(3, 5, (2, 4, 4), (2, 4, 4), bias=has_bias))
    tower[0].load_state_dict(convolution.state_dict())
    project_patches(tower)
    assert isinstance(tower[0], PatchProjection)
    assert tower.state_dict().keys() == {f"0.{name}" for name in convolution.state_dict()}
    patches = torch.randn(7, 3, 2, 4, 4)
    given, made = convolution(patches), tower(patches)
    assert given.shape == made.shape
    assert torch.allclose(given, made, atol=1e-6)
    given.square().sum().backward()
    made.square().sum().backward()
    assert torch.allclose(convolution.weight.grad, tower[0].weight.grad, atol=1e-5)


@pytest.mark.parametrize("size", [(2, 8, 8), (4, 4, 4)])
def test_what_is_larger_than_a_patch_is_convolved(size: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    tower = nn.Sequential(nn.Conv3d(3, 5, (2, 4, 4), (2, 4, 4)))
    pictures = torch.randn(2, 3, *size)
    before = tower(pictures)
    project_patches(tower)
    assert torch.equal(before, tower(pictures))
