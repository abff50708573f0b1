"""Promises of the network: chunks begin where the arm is, stay smooth, and depend on words, pictures and state."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch comes with 'make train-setup'; the robot does without")

from finevla_models.grounding import place_loss
from finevla_models.tabletop import Scales, TabletopConfig, TabletopPolicy, smooth_basis

CONFIG = TabletopConfig(buckets=64, max_tokens=8, ngrams_per_token=4, hidden=64)


@pytest.fixture(scope="module")
def model() -> TabletopPolicy:
    torch.manual_seed(0)
    zeros, ones = torch.zeros(14), torch.ones(14)
    return TabletopPolicy(CONFIG, Scales(zeros, ones, ones, torch.zeros(6), torch.ones(6))).eval()


def inputs(batch: int = 2) -> tuple:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand((batch, 3, 3, 96, 96), generator=generator) * 2 - 1
    ngrams = torch.randint(1, 64, (batch, 8, 4), generator=generator)
    return images, torch.rand((batch, 14), generator=generator), ngrams, torch.ones(batch, 8)


def test_chunk_has_the_horizon_and_starts_at_the_state(model: TabletopPolicy) -> None:
    images, state, ngrams, mask = inputs()
    out = model(images, state, ngrams, mask)
    assert out.chunk.shape == (2, 16, 14)
    assert out.where.shape == (2, 6)
    assert torch.allclose(out.chunk, state.unsqueeze(1) + out.steps)


def test_basis_is_zero_now_and_a_partition_later() -> None:
    basis = smooth_basis(16, 6)
    assert basis.shape == (6, 16)
    assert (basis >= 0).all()
    assert np.allclose(basis[:, 5:].sum(0), 1, atol=1e-5)
    assert np.allclose(smooth_basis(1600, 6)[:, 0], 0, atol=2e-2)


@pytest.mark.parametrize("changed", [0, 1, 2])
def test_every_input_matters(model: TabletopPolicy, changed: int) -> None:
    given = list(inputs())
    before = model(*given).steps
    given[changed] = given[changed].flip(0)
    assert not torch.allclose(before, model(*given).steps)


def test_motion_follows_from_where_state_and_words_alone(model: TabletopPolicy) -> None:
    images, state, ngrams, mask = inputs()
    seen, queries = model(images, state, ngrams, mask), model.read(ngrams, mask)
    assert torch.allclose(model.move(seen.where, state, queries), seen.steps, atol=1e-6)
    elsewhere = seen.where + torch.tensor([0.1, 0, 0, 0, 0, 0])
    assert not torch.allclose(model.move(elsewhere, state, queries), seen.steps)


def test_padding_changes_nothing(model: TabletopPolicy) -> None:
    images, state, ngrams, mask = inputs()
    mask[:, 5:] = 0
    before = model(images, state, ngrams, mask).steps
    ngrams[:, 5:] = 7
    assert torch.allclose(before, model(images, state, ngrams, mask).steps, atol=1e-6)
    assert torch.allclose(before, model(images, state, ngrams[:, :5], mask[:, :5]).steps, atol=1e-5)


def test_one_picture_serves_many_sentences(model: TabletopPolicy) -> None:
    images, state, ngrams, mask = inputs()
    queries = model.read(ngrams, mask)
    both = model.locate(images, state, torch.cat([queries, queries.flip(0)]))
    assert torch.allclose(both[:2], model.locate(images, state, queries), atol=1e-6)
    assert torch.allclose(both[2:], model.locate(images, state, queries.flip(0)), atol=1e-6)


def test_place_loss_is_least_where_the_object_is() -> None:
    pixels = torch.tensor([[0.25, -0.5]])
    rows, columns = torch.meshgrid(torch.arange(24) + 0.5, torch.arange(24) + 0.5, indexing="ij")

    def blot(x: float, y: float) -> torch.Tensor:
        return (-((columns - (x + 1) * 12) ** 2 + (rows - (y + 1) * 12) ** 2) / 2)[None]

    right, beside = place_loss(blot(0.25, -0.5), pixels), place_loss(blot(0.25, -0.25), pixels)
    nowhere = place_loss(torch.zeros(1, 24, 24), pixels)
    assert right < beside
    assert right < nowhere < place_loss(blot(-0.7, 0.7), pixels)
