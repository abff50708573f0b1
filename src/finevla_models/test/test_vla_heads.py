"""Promises of every action head on a tiny backbone, each by name; what is special to one is in a test of its own."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_backbone import make_tiny_backbone
from tiny_policies import OPTIONS, SHAPE, frozen, make_examples, make_policy, train_head

from finevla_core.errors import FineVLAError
from finevla_models.vla.backbone import Backbone, load_backbone
from finevla_models.vla.batch import IGNORED, VLABatch, VLAExample
from finevla_models.vla.head import ChunkShape, VLAPolicy
from finevla_models.vla.head_registry import HEADS, build_head
from finevla_models.vla.policy_files import load_vla, save_vla
from finevla_models.vla.prompt_encoder import with_state

every_head = pytest.mark.parametrize("name", sorted(OPTIONS))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_backbone(tmp_path_factory.mktemp("backbone"))


@pytest.fixture
def backbone(folder: Path) -> Backbone:
    return load_backbone(str(folder))


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def outcome(policy: VLAPolicy, batch: VLABatch) -> tuple[float, torch.Tensor]:
    """Loss and chunks, with noise of seed 0."""
    with torch.no_grad():
        return policy(batch, seeded()).total.item(), policy.predict(batch, seeded())


def test_every_head_is_tested_here() -> None:
    assert set(OPTIONS) == set(HEADS) - {"language"}, "which makes no chunks"


@every_head
def test_one_sample_is_what_it_is_among_eight(name: str, backbone: Backbone) -> None:
    policy = make_policy(name, backbone)
    eight = make_examples(8)
    batch = policy.batch(eight)
    assert not batch.mask.all()  # some are padded
    together = policy.predict(batch, seeded())
    generator = seeded()
    alone = torch.cat([policy.predict(policy.batch([example]), generator) for example in eight])
    assert torch.allclose(alone, together, atol=5e-5)
    if name != "fast":  # untrained, it says the same whatever it sees; what it has learned is in test_vla_fast_head.py
        assert not torch.allclose(together[0], together[1], atol=1e-2)


@every_head
def test_its_backbone_learns_to_answer_beside_acting(name: str, backbone: Backbone) -> None:
    policy = make_policy(name, backbone, **({"stage": 2} if name == "instruct" else {}))
    examples = zip(make_examples(2), ("left", "right"), strict=True)
    asked = [VLAExample(e.images[:1], "which arm acts", answer=word) for e, word in examples]
    batch = policy.batch(asked)
    tokens = [row[row != IGNORED].tolist() for row in batch.labels]
    assert tokens == [[*policy.backbone.prompts.words(word).tokens, policy.backbone.prompts.tokenizer.eos_token_id]
                      for word in ("left", "right")]  # fmt: skip
    losses = policy(batch)
    losses.total.backward()
    assert losses.total.item() > 0.0
    assert any(value.grad is not None and bool(value.grad.any()) for value in policy.backbone.parameters())


@every_head
def test_padding_changes_nothing(name: str, backbone: Backbone) -> None:
    policy = make_policy(name, backbone)
    batch = policy.batch(make_examples(3))
    word = backbone.prompts.words("blue").tokens[0]
    garbage = replace(batch, tokens=torch.where(batch.mask, batch.tokens, word))
    assert not torch.equal(garbage.tokens, batch.tokens)
    (loss, chunks), (other_loss, other_chunks) = outcome(policy, batch), outcome(policy, garbage)
    assert loss == pytest.approx(other_loss, abs=1e-5)
    assert torch.allclose(chunks, other_chunks, atol=1e-5)


@every_head
def test_values_of_a_missing_arm_count_nothing(name: str, backbone: Backbone) -> None:
    policy = make_policy(name, backbone)
    mask = np.ones((SHAPE.horizon, SHAPE.values), bool)
    mask[:, 1] = False
    losses = []
    for other in (0.0, 99.0, np.nan):
        one = make_examples(1)[0]
        actions = np.array(one.actions)
        actions[:, 1] = other
        policy.zero_grad()
        loss = policy(policy.batch([replace(one, actions=actions, action_mask=mask)]), seeded()).total
        loss.backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in policy.parameters())
        losses.append(loss.item())
    assert losses[0] == losses[1] == losses[2]


@every_head
def test_the_backbone_learns_too(name: str, backbone: Backbone) -> None:
    policy = make_policy(name, backbone)
    policy(policy.batch(make_examples(2)), seeded()).total.backward()
    embedding = backbone.model.get_input_embeddings().weight
    assert embedding.grad.abs().max() > 0


@pytest.mark.parametrize("name", ["oft", "gr00t", "pi"])
def test_it_learns_a_batch_by_heart(name: str, backbone: Backbone) -> None:
    policy = make_policy(name, backbone)
    batch = policy.batch(make_examples(3))
    # OFT has too little to learn with alone: the states of its placeholders hardly differ in random layers.
    states = backbone if name == "oft" else frozen(backbone, batch)
    train_head(policy, batch, states, 100 if name == "oft" else 200, 1e-3 if name == "oft" else 3e-3)
    with torch.no_grad():
        error = (policy.head.predict(states, batch, seeded()) - batch.actions).abs().mean()
    assert error < (0.01 if name == "oft" else 0.06)  # actions have a standard deviation of 1


@every_head
def test_a_saved_policy_is_the_same_again(name: str, backbone: Backbone, tmp_path: Path) -> None:
    policy = make_policy(name, backbone)
    save_vla(policy, tmp_path)
    again = load_vla(tmp_path)
    two = make_examples(2)
    (loss, chunks), (other_loss, other_chunks) = outcome(policy, policy.batch(two)), outcome(again, again.batch(two))
    assert loss == other_loss
    assert torch.equal(chunks, other_chunks)


@every_head
def test_half_precision_gives_chunks_in_full(name: str, backbone: Backbone) -> None:
    policy = make_policy(name, backbone)
    batch = policy.batch(make_examples(2))
    loss = policy(batch, seeded()).total.item()
    with torch.autocast("cpu", torch.bfloat16):
        assert policy(batch, seeded()).total.item() == pytest.approx(loss, rel=0.05)
    chunks = policy.to(torch.bfloat16).predict(batch, seeded())
    assert chunks.dtype == torch.float32
    assert chunks.isfinite().all()


@every_head
def test_a_policy_without_state_takes_none(name: str, backbone: Backbone) -> None:
    shape = ChunkShape(SHAPE.horizon, SHAPE.values, 0, SHAPE.views)
    policy = make_policy(name, backbone, shape)
    one = make_examples(1)[0]
    batch, blind = policy.batch([one]), policy.batch([replace(one, state=None)])
    assert policy(batch, seeded()).total.item() == policy(blind, seeded()).total.item()


@every_head
def test_what_a_sample_lacks_is_said(name: str, backbone: Backbone) -> None:
    policy = make_policy(name, backbone)
    one = make_examples(1)[0]
    with pytest.raises(FineVLAError, match="needs the robot's state, and the sample has none"):
        policy(policy.batch([replace(one, state=None)]))
    with pytest.raises(FineVLAError, match="takes 3 values of state, the sample has 14"):
        policy(policy.batch([replace(one, state=np.zeros(14, np.float32))]))
    if name != "instruct":  # it learns language without
        with pytest.raises(FineVLAError, match="not every sample of the batch has them"):
            policy(policy.batch([replace(one, actions=None)]))
    with pytest.raises(FineVLAError, match="chunks are 4 rows of 2 values, the sample has 3 of 2"):
        policy(policy.batch([replace(one, actions=one.actions[:3])]))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layers": 0}, "'layers' is 0, must be at least 1"),
        ({"layers": 2.0}, "'layers' is 2.0, must be a whole number"),
        ({"dropout": "much"}, "'dropout' is 'much', must be a number"),
        ({"steps": True}, "'steps' is True, must be a whole number"),
        ({"dropout": 1.0}, "dropout is 1.0"),
    ],
)
def test_a_wrong_option_is_said(options: dict[str, object], words: str, backbone: Backbone) -> None:
    with pytest.raises(FineVLAError, match=words):
        build_head("gr00t", options, SHAPE, backbone)


def test_the_same_noise_makes_the_same_chunk(backbone: Backbone) -> None:
    policy = make_policy("gr00t", backbone)
    batch = policy.batch(make_examples(2))
    first = policy.predict(batch, seeded())
    assert torch.equal(policy.predict(batch, seeded()), first)
    assert not torch.allclose(policy.predict(batch, torch.Generator().manual_seed(1)), first, atol=1e-2)


def test_an_arm_that_is_missing_stays_at_the_centre(backbone: Backbone) -> None:
    policy = make_policy("gr00t", backbone)
    mask = np.ones((SHAPE.horizon, SHAPE.values), bool)
    mask[:, 1] = False
    chunk = policy.predict(policy.batch([replace(make_examples(1)[0], actions=None, action_mask=mask)]), seeded())
    assert (chunk[..., 1] == 0).all()
    assert chunk[..., 0].abs().min() > 0


def test_batches_are_padded_on_the_right_alone(backbone: Backbone) -> None:
    """transformers 5.5 is wrong for one sample padded on its left (it leaves the padding unmasked in linear layers)."""
    policy = make_policy("gr00t", backbone)
    batch = policy.batch(make_examples(3))
    lengths = batch.mask.sum(dim=1)
    assert len(set(lengths.tolist())) == 3
    assert torch.equal(batch.mask, torch.arange(batch.mask.shape[1]) < lengths[:, None])
    one = policy.batch(make_examples(1))

    def last(left: int, right: int) -> torch.Tensor:
        def padded(x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.pad(x, (left, right))

        inputs = {k: padded(v) if k == "mm_token_type_ids" else v for k, v in one.inputs.items()}
        padded_one = replace(
            one, tokens=padded(one.tokens), mask=padded(one.mask), queries=padded(one.queries), inputs=inputs
        )
        with torch.no_grad():
            return backbone(padded_one).last[:, left : left + one.tokens.shape[1]]

    assert torch.allclose(last(0, 5), last(0, 0), atol=1e-5)
    # When this fails, transformers has mended it, and left padding may be thought about again.
    assert not torch.allclose(last(5, 0), last(0, 0), atol=1e-2)


def test_state_in_words_by_hand() -> None:
    state = np.array([-1.0, -0.5, 0.0, 0.999, 1.0, -7.0, 7.0], np.float32)
    assert with_state("stop", state, 7) == "stop [STATE] 0 64 128 255 255 0 255 [ACTION]"
    assert with_state("stop", None, 0) == "stop"
