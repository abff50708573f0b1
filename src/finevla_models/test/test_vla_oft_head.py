"""What is special to the OFT head: its placeholders, and those of released policies (see test_vla_heads.py for the rest)."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from qwen_tokenizer_here import qwen35_tokenizer
from tiny_backbone import make_tiny_backbone

from finevla_core.errors import FineVLAError
from finevla_models.vla.backbone import Backbone, load_backbone
from finevla_models.vla.batch import VLAExample
from finevla_models.vla.head import ChunkShape, VLAPolicy
from finevla_models.vla.head_registry import build_head
from finevla_models.vla.policy_files import load_vla, save_vla
from finevla_models.vla.prompt_encoder import PromptEncoder

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


@pytest.fixture(scope="session")
def real_prompts() -> PromptEncoder:
    """Qwen3.5's own tokenizer, and its processor without a chat template."""
    from transformers import Qwen2VLImageProcessor, Qwen3VLVideoProcessor
    from transformers.models.qwen3_vl.processing_qwen3_vl import Qwen3VLProcessor

    images = Qwen2VLImageProcessor(patch_size=16, size={"shortest_edge": 32 * 32, "longest_edge": 10**6})
    return PromptEncoder(Qwen3VLProcessor(images, qwen35_tokenizer(), Qwen3VLVideoProcessor()))


def real_policy(prompts: PromptEncoder, released: bool) -> VLAPolicy:
    stub = SimpleNamespace(prompts=prompts, width=8)
    policy = VLAPolicy.__new__(VLAPolicy)
    torch.nn.Module.__init__(policy)
    policy.backbone, policy.head = stub, build_head("oft", {"released_placeholder": released}, SHAPE, stub)
    return policy


def test_a_placeholder_is_one_token_of_the_real_tokenizer(real_prompts: PromptEncoder) -> None:
    policy = real_policy(real_prompts, released=False)
    batch = policy.batch(examples(2))
    for tokens, queries, mask in zip(batch.tokens, policy.head.queries(batch), batch.mask, strict=True):
        places = queries.nonzero().flatten()
        assert tokens[places].tolist() == [248063] * 4
        assert places.tolist() == list(range(int(mask.sum()) - 4, int(mask.sum())))


def test_released_policies_read_the_first_of_three_tokens(real_prompts: PromptEncoder) -> None:
    sign = [9008, 242, 235]
    assert list(real_prompts.words("\N{LEFT-POINTING MAGNIFYING GLASS}").tokens) == sign
    policy = real_policy(real_prompts, released=True)
    one = examples(1)[0]
    misled = replace(one, prompt=f"{one.prompt} \N{LEFT-POINTING MAGNIFYING GLASS}")  # the last four count
    batch = policy.batch([one, misled])
    for tokens, queries, mask in zip(batch.tokens, policy.head.queries(batch), batch.mask, strict=True):
        places = queries.nonzero().flatten()
        assert tokens[places].tolist() == [9008] * 4
        assert places.diff().tolist() == [3, 3, 3]
        assert tokens[places[0] : places[0] + 12].tolist() == sign * 4
        behind = real_prompts.tokenizer.decode(tokens[places[0] + 12 : int(mask.sum())])
        assert behind == "<action>.\n"
    words = real_prompts.tokenizer.decode(batch.tokens[0][batch.mask[0]])
    assert "[ACTION] Please predict the next 4 robot actions: <action>\N{LEFT-POINTING MAGNIFYING GLASS}" in words
    assert "the red cube [STATE] " in words


def test_a_released_policy_is_the_same_alone_and_saved(backbone: Backbone, tmp_path: Path) -> None:
    torch.manual_seed(0)
    policy = VLAPolicy(backbone, build_head("oft", {"released_placeholder": True}, SHAPE, backbone)).eval()
    assert not any(name.startswith("head.state") for name, _ in policy.named_parameters())
    three = examples(3)
    together = policy.predict(policy.batch(three))
    alone = torch.cat([policy.predict(policy.batch([example])) for example in three])
    assert torch.allclose(alone, together, atol=2e-5)
    save_vla(policy, tmp_path)
    again = load_vla(tmp_path)
    assert torch.equal(again.predict(again.batch(three)), together)
