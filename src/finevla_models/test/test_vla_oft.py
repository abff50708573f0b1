"""Promises of the OFT head on a tiny backbone: it learns a batch by heart, and one sample is what it is among eight."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_backbone import make_tiny_backbone

from finevla_core.errors import FineVLAError
from finevla_models.vla.backbone import Backbone, load_backbone
from finevla_models.vla.batch import VLAExample
from finevla_models.vla.files import load_vla, save_vla
from finevla_models.vla.head import ChunkShape, VLAPolicy
from finevla_models.vla.heads import build_head

SHAPE = ChunkShape(horizon=4, values=14, state=14, views=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_backbone(tmp_path_factory.mktemp("backbone"))


@pytest.fixture
def backbone(folder: Path) -> Backbone:
    return load_backbone(str(folder))


def examples(count: int) -> list[VLAExample]:
    rng = np.random.default_rng(0)
    words = ["reach the red cube", "pick up the blue ball with the right hand", "stop"]
    return [
        VLAExample(
            images=tuple(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8) for _ in range(2)),
            prompt=words[k % 3],
            state=rng.normal(size=14).astype(np.float32),
            actions=rng.normal(size=(4, 14)).astype(np.float32),
        )
        for k in range(count)
    ]


def test_it_learns_a_batch_by_heart(backbone: Backbone) -> None:
    torch.manual_seed(0)
    policy = VLAPolicy(backbone, build_head("oft", {}, SHAPE, backbone))
    batch = policy.batch(examples(4))
    optimizer = torch.optim.Adam(policy.parameters(), 3e-3)
    losses = []
    for _ in range(40):
        loss = policy(batch).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_one_sample_is_what_it_is_among_eight(backbone: Backbone) -> None:
    torch.manual_seed(0)
    policy = VLAPolicy(backbone, build_head("oft", {}, SHAPE, backbone)).eval()
    eight = examples(8)
    together = policy.predict(policy.batch(eight))
    for k, example in enumerate(eight):
        alone = policy.predict(policy.batch([example]))
        assert torch.allclose(alone[0], together[k], atol=2e-5)


def test_masked_values_count_nothing(backbone: Backbone) -> None:
    policy = VLAPolicy(backbone, build_head("oft", {}, SHAPE, backbone)).eval()
    first, second = examples(1)[0], examples(1)[0]
    mask = np.ones((4, 14), bool)
    mask[:, 7:] = False
    wrong = np.array(first.actions)
    wrong[:, 7:] = 99.0
    losses = [
        policy(policy.batch([VLAExample(e.images, e.prompt, e.state, actions, mask)])).total.item()
        for e, actions in ((first, first.actions), (second, wrong))
    ]
    assert losses[0] == pytest.approx(losses[1])


def test_what_does_not_fit_is_said(backbone: Backbone) -> None:
    with pytest.raises(FineVLAError, match="unknown head 'ofd'.*oft"):
        build_head("ofd", {}, SHAPE, backbone)
    with pytest.raises(FineVLAError, match="head 'oft'.*'hiden'"):
        build_head("oft", {"hiden": 3}, SHAPE, backbone)
    with pytest.raises(FineVLAError, match="cannot be loaded.*hf download"):
        load_backbone("/no/such/folder")
    backbone.prompts.max_tokens = 10
    policy = VLAPolicy(backbone, build_head("oft", {}, SHAPE, backbone))
    with pytest.raises(FineVLAError, match="tokens, the policy takes 10"):
        policy.batch(examples(1))


def test_a_saved_policy_is_the_same_again(backbone: Backbone, tmp_path: Path) -> None:
    policy = VLAPolicy(backbone, build_head("oft", {"hidden": 32}, SHAPE, backbone)).eval()
    save_vla(policy, tmp_path)
    again = load_vla(tmp_path)
    two = examples(2)
    assert torch.equal(again.predict(again.batch(two)), policy.predict(policy.batch(two)))
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(FineVLAError, match=r"do not fit what vla.json says"):
        load_vla(tmp_path)
