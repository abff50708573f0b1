"""Promises of flow matching: its times, path and steps are those of the papers, and two ways of doing a thing stay two."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_backbone import make_tiny_backbone
from tiny_policies import SHAPE, frozen, make_examples, make_policy, train_head

from finevla_core.errors import FineVLAError
from finevla_models.vla.backbone import Backbone, load_backbone
from finevla_models.vla.batch import VLAExample
from finevla_models.vla.flow_matching import FlowMatching, draw_noise, draw_times, sinusoidal


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    return load_backbone(str(make_tiny_backbone(tmp_path_factory.mktemp("backbone"))))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_times_are_of_the_beta_distribution_and_near_the_noise() -> None:
    times = draw_times(100_000, seeded())
    assert times.min() >= 0
    assert times.max() < 0.999
    # z ~ Beta(1.5, 1): mean 0.6, P(z > 1/2) = 1 - 0.5^1.5.
    assert times.mean() == pytest.approx(0.999 * 0.4, abs=3e-3)
    assert (times < 0.4995).float().mean() == pytest.approx(1 - 0.5**1.5, abs=5e-3)


def test_a_batch_draws_the_noise_of_its_samples() -> None:
    generator = seeded(3)
    alone = torch.cat([draw_noise(1, 5, 3, generator) for _ in range(4)])
    assert torch.equal(draw_noise(4, 5, 3, seeded(3)), alone)


@pytest.mark.parametrize("sigma_min", [0.0, 0.1])
def test_the_path_goes_from_noise_to_chunk_at_the_velocity_that_is_learned(sigma_min: float) -> None:
    flow = FlowMatching(draws=3, steps=1, sigma_min=sigma_min)
    chunks = torch.randn(2, 4, 3, generator=seeded(1))
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def nothing(x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        seen.append((x, time))
        return torch.zeros_like(x)

    loss = flow.loss(nothing, chunks, generator=seeded())
    (x, time) = seen[0]
    noise = draw_noise(6, 4, 3, seeded())  # the first thing that the loss draws
    wanted = chunks.repeat(3, 1, 1) - (1 - sigma_min) * noise
    assert torch.allclose(x, noise + time[:, None, None] * wanted, atol=1e-6)
    assert loss == pytest.approx(wanted.square().mean().item(), rel=1e-6)
    # With the true velocity the loss is 0, and one step leads to the chunk and what is left of the noise.
    assert flow.loss(lambda *_: wanted, chunks, generator=seeded()) == pytest.approx(0, abs=1e-12)
    end = flow.sample(lambda *_: wanted[:2], noise[:2])
    assert torch.allclose(end, chunks + sigma_min * noise[:2], atol=1e-6)


def test_euler_steps_are_even_and_begin_at_the_noise() -> None:
    times: list[float] = []

    def velocity(x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        times.append(time[0].item())
        return x

    end = FlowMatching(steps=4).sample(velocity, torch.ones(1, 1, 1))
    assert times == [0.0, 0.25, 0.5, 0.75]
    assert end.item() == pytest.approx(1.25**4)


def test_values_that_do_not_count_are_not_seen_and_not_learned() -> None:
    mask = torch.ones(1, 2, 2, dtype=torch.bool)
    mask[:, :, 1] = False

    def velocity(x: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        assert (x[..., 1] == 0).all()
        return 5 * torch.ones_like(x)

    flow = FlowMatching()
    losses = [flow.loss(velocity, torch.tensor([[[1.0, other]] * 2]), mask, seeded()).item() for other in (0.0, 99.0)]
    assert losses[0] == losses[1] > 0
    assert (flow.sample(velocity, torch.ones(1, 2, 2), mask)[..., 1] == 0).all()


def test_time_embedding_by_hand() -> None:
    made = sinusoidal(torch.tensor([0.0, 0.001]), 4)
    assert made.tolist()[0] == [0, 0, 1, 1]
    assert made.tolist()[1] == pytest.approx([np.sin(1), np.sin(0.01), np.cos(1), np.cos(0.01)])


def test_no_steps_are_refused() -> None:
    with pytest.raises(FineVLAError, match="at least 1 draw and 1 step, not 0"):
        FlowMatching(draws=0)


def reach_to_either_side() -> list[VLAExample]:
    """The same sample twice; one goes to +1, one to -1."""
    one = make_examples(1)[0]
    return [replace(one, actions=np.full((SHAPE.horizon, SHAPE.values), side, np.float32)) for side in (1, -1)]


@pytest.mark.parametrize("name", ["gr00t", "pi"])
def test_two_ways_of_reaching_stay_two(name: str, backbone: Backbone) -> None:
    policy = make_policy(name, backbone)
    batch = policy.batch(reach_to_either_side())
    states = frozen(backbone, batch)
    train_head(policy, batch, states, 160)
    generator = seeded()
    with torch.no_grad():
        chunks = torch.cat([policy.head.predict(states, batch, generator) for _ in range(32)])
    sides = chunks.mean(dim=(1, 2))
    assert 0.25 < (sides > 0).float().mean() < 0.75  # both are taken
    assert (chunks.abs() < 0.5).float().mean() < 0.02  # nothing goes between them
    assert (chunks.abs() - 1).abs().mean() < 0.1
    assert (chunks.sign() == sides.sign()[:, None, None]).float().mean() > 0.98  # rows agree on the side


def test_regression_goes_between_them(backbone: Backbone) -> None:
    policy = make_policy("oft", backbone)
    batch = policy.batch(reach_to_either_side())
    states = frozen(backbone, batch)
    loss = train_head(policy, batch, states, 40)
    assert loss == pytest.approx(1.0, abs=0.05)  # nothing is nearer to both
    assert policy.predict(batch).abs().max() < 0.8  # where no one went
