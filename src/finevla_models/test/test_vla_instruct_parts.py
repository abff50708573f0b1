"""Promises of InstructVLA's parts, against cases computed by hand: gates, experts, query rows, FiLM, blocks."""

from pathlib import Path

import pytest
import torch
from tiny_backbone import make_tiny_backbone
from torch import nn

from finevla_core.errors import FineVLAError
from finevla_models.vla.backbone import load_backbone
from finevla_models.vla.film_vision import FiLMDinov2, film_block
from finevla_models.vla.flow_expert import FlowExpert, block_causal_mask
from finevla_models.vla.head import ChunkShape
from finevla_models.vla.instruct_vla_config import InstructConfig
from finevla_models.vla.lora_experts import EXPERTS, ExpertGates, ExpertLinear, GateHead, add_experts
from finevla_models.vla.query_tokens import QueryEmbedding, QueryLogits, add_query_tokens

DINOV2 = {
    "model_type": "dinov2_with_registers",
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 8,
    "num_register_tokens": 2,
}
SHAPE = ChunkShape(horizon=3, values=2, state=2, views=2)


def expert_layer() -> tuple[ExpertLinear, ExpertGates]:
    """W0 = (1 2), rank 1, alpha 2; language 3·x0, action 5·x1."""
    gates = ExpertGates()
    base = nn.Linear(2, 1, bias=False)
    layer = ExpertLinear(base, gates, rank=1, alpha=2.0, dropout=0.0)
    with torch.no_grad():
        base.weight.copy_(torch.tensor([[1.0, 2.0]]))
        layer.down["language"].copy_(torch.tensor([[1.0, 0.0]]))
        layer.down["action"].copy_(torch.tensor([[0.0, 1.0]]))
        layer.up["language"].fill_(3.0)
        layer.up["action"].fill_(5.0)
    return layer, gates


def test_experts_are_mixed_for_each_token() -> None:
    layer, gates = expert_layer()
    x = torch.tensor([[[1.0, 1.0], [1.0, 2.0]]])
    assert layer(x).flatten().tolist() == [3.0, 5.0]  # off
    gates.value = torch.tensor([[[0.25, 0.75], [1.0, 0.0]]])
    # 3 + 2·(0.25·3·1 + 0.75·5·1), and 5 + 2·(1·3·1)
    assert layer(x).flatten().tolist() == pytest.approx([12.0, 11.0])


def test_gates_are_a_softmax_of_each_token_alone() -> None:
    head = GateHead(width=2, hidden=3, depth=1, dropout=0.0)
    with torch.no_grad():
        head.out.weight.copy_(torch.eye(2))
        head.out.bias.zero_()
    states = torch.tensor([[[0.0, 0.0], [1.0, 0.0]]])
    e = torch.e
    assert torch.allclose(head(states), torch.tensor([[[0.5, 0.5], [e / (1 + e), 1 / (1 + e)]]]))
    deep = GateHead(width=8, hidden=4, depth=4, dropout=0.2)
    assert [layer.out_features for layer in deep.modules() if isinstance(layer, nn.Linear)] == [len(EXPERTS), 4, 4, 4]


def test_experts_are_on_the_language_part_alone(tmp_path: Path) -> None:
    model = load_backbone(str(make_tiny_backbone(tmp_path))).model
    with pytest.raises(FineVLAError, match="no linear layer named qqq; name some of down_proj"):
        add_experts(model, ["qqq"], 2, 4.0, 0.0)
    add_experts(model, ["q_proj", "up_proj", "proj"], 2, 4.0, 0.0)
    wrapped = [name for name, layer in model.named_modules() if isinstance(layer, ExpertLinear)]
    # Two layers, of which the second has full attention; the vision part's layers named proj are left alone.
    assert sorted(name.partition("layers.")[2] for name in wrapped) == [
        "0.mlp.up_proj",
        "1.mlp.up_proj",
        "1.self_attn.q_proj",
    ]


def test_query_tokens_have_rows_of_their_own() -> None:
    rows = nn.Parameter(torch.tensor([[10.0, 11.0], [20.0, 21.0]]))
    embedding = QueryEmbedding(nn.Embedding(5, 2), rows, first=3)
    found = embedding(torch.tensor([[2, 3, 4, 4]]))
    assert torch.equal(found[0, 0], embedding.base.weight[2])
    assert found[0, 1:].tolist() == [[10.0, 11.0], [20.0, 21.0], [20.0, 21.0]]
    # Ids 3 and 4 in a head of 6 (a vocabulary with room), and behind a head of 3 (one without).
    for known in (6, 3):
        head = QueryLogits(nn.Linear(2, known, bias=False), rows, first=3)
        logits = head(torch.tensor([1.0, 2.0]))
        assert logits.shape == (max(known, 5),)
        assert logits[3:5].tolist() == [32.0, 62.0]
        assert torch.equal(logits[:3], head.base(torch.tensor([1.0, 2.0]))[:3])


def test_a_tied_backbone_has_one_set_of_rows(tmp_path: Path) -> None:
    backbone = load_backbone(str(make_tiny_backbone(tmp_path)))
    model = backbone.model
    model.get_output_embeddings().weight = model.get_input_embeddings().weight  # type: ignore[operator]
    ids = add_query_tokens(backbone, ["<|q0|>", "<|q1|>"])
    assert ids[1] == ids[0] + 1
    assert backbone.prompts.words("reach<|q1|>").tokens[-1] == ids[1]
    assert model.get_output_embeddings().rows is model.get_input_embeddings().rows  # type: ignore[operator]


def test_film_is_between_attention_and_mlp() -> None:
    class Block(nn.Module):
        norm1 = norm2 = layer_scale1 = layer_scale2 = drop_path = nn.Identity()

        def attention(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * x

        def mlp(self, x: torch.Tensor) -> torch.Tensor:
            return 10 * x

    # x = 1: attention gives 1 + 2 = 3; FiLM (1 + 0.5)·3 + 1 = 5.5; the MLP 5.5 + 55.
    made = film_block(Block(), torch.ones(1, 1, 1), torch.tensor(0.5), torch.tensor(1.0))
    assert made.item() == pytest.approx(60.5)


@pytest.mark.parametrize("kind", ["dinov2", "dinov2_with_registers"])
def test_features_are_the_second_to_last_blocks(kind: str) -> None:
    from transformers import AutoConfig, AutoModel

    torch.manual_seed(0)
    vision = FiLMDinov2(DINOV2 | {"model_type": kind}, condition=4, size=32).eval()
    config = {key: value for key, value in vision.config.items() if key != "model_type"}
    torch.manual_seed(0)
    plain = AutoModel.from_config(AutoConfig.for_model(kind, **config)).eval()
    images = torch.rand(2, 3, 32, 32)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    pixels = (images - mean[:, None, None]) / std[:, None, None]
    states = plain(pixel_values=pixels, output_hidden_states=True).hidden_states
    features = vision(images, torch.randn(2, 4))  # whatever the condition: FiLM is zero at first
    assert features.shape == (2, 16, 32)
    assert torch.allclose(features, states[-2][:, -16:], atol=1e-6)
    nn.init.normal_(vision.film[0].weight)
    assert not torch.allclose(vision(images, torch.randn(2, 4)), features, atol=1e-3)


def test_what_is_no_dinov2_is_said() -> None:
    with pytest.raises(FineVLAError, match="DINOv2 '/no/such' cannot be loaded.*hf download"):
        FiLMDinov2("/no/such", 4, 32)
    with pytest.raises(FineVLAError, match="whole patches of 8 pixels, 'vision_size' is 30"):
        FiLMDinov2(DINOV2, 4, 30)
    with pytest.raises(FineVLAError, match="must be a DINOv2, .* is a vit"):
        FiLMDinov2({"model_type": "vit", "hidden_size": 12, "num_attention_heads": 2, "num_hidden_layers": 1}, 4, 32)
    with pytest.raises(FineVLAError, match="'stage' is 1 or 2, not 3"):
        InstructConfig(stage=3)
    with pytest.raises(FineVLAError, match="'hidden' 30 must be a multiple of twice 'heads' \\(4\\)"):
        InstructConfig(hidden=30, heads=4)
    with pytest.raises(FineVLAError, match="'latent_every' 1 or more, not 0 and 0"):
        InstructConfig(latent_every=0)


def test_blocks_see_themselves_and_what_is_before() -> None:
    wanted = [
        [1, 1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1],
    ]
    assert block_causal_mask((2, 1, 3))[0, 0].int().tolist() == wanted


@pytest.mark.parametrize("output", ["joint", "rows"])
def test_keeping_what_does_not_depend_on_the_chunk_changes_nothing(output: str) -> None:
    torch.manual_seed(0)
    config = InstructConfig(vision_config=DINOV2, vision_size=32, hidden=16, layers=2, heads=2, output=output)
    expert = FlowExpert(config, SHAPE, width=8).eval()
    latents, images, state = torch.randn(2, 4, 8), torch.rand(2, 2, 3, 32, 32), torch.randn(2, 2)
    x, time = torch.randn(4, 3, 2), torch.tensor([0.1, 0.2, 0.3, 0.9])
    asked = expert.velocity(latents, images, state)
    context, sizes = expert.context(latents, images, state)
    assert sizes == (2 * 16, 4 + 1)
    tokens = torch.cat([context.repeat(2, 1, 1), expert.noisy(x, time)], dim=1)
    mask = block_causal_mask((*sizes, 3))
    whole = expert.read(expert.blocks(inputs_embeds=tokens, attention_mask=mask).last_hidden_state[:, -3:])
    for _ in range(2):  # as the steps of a flow ask
        assert torch.allclose(asked(x, time), whole, atol=1e-6)
    if output == "rows":
        assert expert.out[-1].out_features == SHAPE.values
