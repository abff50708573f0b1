"""The parts of the denoising transformer against cases computed by hand: adaptive norm, masks, joint attention."""

import pytest
import torch

from finevla_core.errors import FineVLAError
from finevla_models.vla.dit import ActionDiT, AdaptiveNorm, DiTBlock, DiTConfig, MaskedAttention
from finevla_models.vla.head import ChunkShape

torch.set_num_threads(1)
CONFIG = DiTConfig(heads=2, head_width=4, hidden=16, future=3, dropout=0.0)


def test_adaptive_norm_by_hand() -> None:
    norm = AdaptiveNorm(2)
    linear = norm.modulation[1]
    with torch.no_grad():
        linear.weight.zero_()
        linear.bias.copy_(torch.tensor([0.5, 1.0, 10.0, 20.0]))  # scales, then shifts
    x = torch.tensor([[[1.0, 3.0], [5.0, 1.0]]])  # normed: -1 +1, and +1 -1
    made = norm(x, torch.zeros(1, 2))
    assert torch.allclose(made, torch.tensor([[[8.5, 22.0], [11.5, 18.0]]]), atol=1e-4)


def test_adaptive_norm_goes_by_the_time_of_its_own_sample() -> None:
    norm = AdaptiveNorm(4)
    x, time = torch.randn(2, 3, 4), torch.randn(2, 4)
    both = norm(x, time)
    assert torch.allclose(both[1:], norm(x[1:], time[1:]), atol=1e-6)
    assert not torch.allclose(both[1:], norm(x[1:], time[:1]), atol=1e-3)


def identity_attention(width: int, heads: int) -> MaskedAttention:
    attention = MaskedAttention(width, heads, width)
    with torch.no_grad():
        for linear in (attention.query, attention.key, attention.value, attention.out):
            linear.weight.copy_(torch.eye(width))
        attention.out.bias.zero_()
    return attention


def test_attention_by_hand() -> None:
    attention = identity_attention(2, 1)
    x = torch.tensor([[[2.0**0.5, 0.0]]])  # its products with the sources, by the root of the width: 1, 0, 3
    source = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [3.0, 9.0]]])
    weights = torch.softmax(torch.tensor([1.0, 0.0]), 0)
    made = attention(x, source, torch.tensor([[True, True, False]]))
    assert torch.allclose(made[0, 0], weights, atol=1e-6)
    everything = torch.softmax(torch.tensor([1.0, 0.0, 3.0]), 0) @ source[0]
    assert torch.allclose(attention(x, source)[0, 0], everything, atol=1e-6)


def test_heads_do_not_mix() -> None:
    attention = identity_attention(2, 2)  # one number for each head
    made = attention(torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 4.0], [2.0, 8.0]]]))
    first = torch.softmax(torch.tensor([0.0, 2.0]), 0) @ torch.tensor([0.0, 2.0])
    assert torch.allclose(made[0, 0], torch.stack([first, torch.tensor(6.0)]), atol=1e-6)


@pytest.mark.parametrize("joint", [False, True])
def test_what_is_masked_is_not_seen(joint: bool) -> None:
    block = DiTBlock(CONFIG, CONFIG.width, joint)
    x, time, source = torch.randn(2, 5, 8), torch.randn(2, 8), torch.randn(2, 4, 8)
    mask = torch.tensor([[True, True, False, False], [True, True, True, True]])
    other = source.clone()
    other[0, 2:] = 99.0
    assert torch.allclose(block(x, time, source, mask), block(x, time, other, mask), atol=1e-6)
    other[1, 3] = 99.0
    assert not torch.allclose(block(x, time, source, mask)[1], block(x, time, other, mask)[1], atol=1e-3)


def test_tokens_see_each_other_in_self_and_joint_attention_alone() -> None:
    x, time, source = torch.randn(1, 5, 8), torch.randn(1, 8), torch.randn(1, 4, 8)
    mask = torch.ones(1, 4, dtype=torch.bool)
    other = x.clone()
    other[0, 4] = torch.randn(8)
    for block, given, is_seen in (
        (DiTBlock(CONFIG, 0), None, True),
        (DiTBlock(CONFIG, 8), source, False),
        (DiTBlock(CONFIG, 8, joint=True), source, True),
    ):
        same = torch.allclose(block(x, time, given, mask)[0, 0], block(other, time, given, mask)[0, 0], atol=1e-6)
        assert same is not is_seen


def test_rows_have_positions_and_the_rows_alone_come_out() -> None:
    dit = ActionDiT(CONFIG, ChunkShape(horizon=6, values=3, state=0, views=1), [0, 10], 16)
    velocity = dit(torch.zeros(2, 6, 3), torch.zeros(2), [None, torch.randn(2, 4, 10)], first=torch.randn(2, 1, 8))
    assert velocity.shape == (2, 6, 3)
    assert not torch.allclose(velocity[:, 0], velocity[:, 1], atol=1e-4)


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(FineVLAError, match="must be even"):
        DiTConfig(heads=1, head_width=3)
    with pytest.raises(FineVLAError, match="dropout is 1.5"):
        DiTConfig(dropout=1.5)
