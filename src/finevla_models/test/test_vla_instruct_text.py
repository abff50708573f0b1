"""Promises of text and sessions of InstructVLA: caches change nothing, thoughts and latent actions hold as told."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from instruct_policies import examples, instruct_policy, move_experts, seeded
from tiny_backbone import make_tiny_backbone
from tiny_policies import SHAPE

from finevla_core.errors import FineVLAError
from finevla_models.vla import instruct_vla_episode
from finevla_models.vla.backbone import Backbone, load_backbone
from finevla_models.vla.batch import VLAExample
from finevla_models.vla.head import VLAPolicy
from finevla_models.vla.head_registry import build_head
from finevla_models.vla.instruct_vla_episode import InstructSession
from finevla_models.vla.instruct_vla_head import InstructHead, instruct_head
from finevla_models.vla.instruct_vla_text import GeneratedText, generate_text
from finevla_models.vla.prompt_encoder import PromptEncoder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_backbone(tmp_path_factory.mktemp("backbone"))


def make_policy(folder: Path, **options: Any) -> VLAPolicy:
    return instruct_policy(load_backbone(str(folder)), **options)


def attention_backbone(folder: Path) -> Backbone:
    """A tiny Qwen3-VL, all of whose layers are attention, with the processor of the folder."""
    from transformers import AutoProcessor, Qwen3VLConfig, Qwen3VLForConditionalGeneration

    processor = AutoProcessor.from_pretrained(folder)
    ids = {
        f"{name}_id": processor.tokenizer.convert_tokens_to_ids(f"<|{token}|>")
        for name, token in (
            ("image_token", "image_pad"),
            ("video_token", "video_pad"),
            ("vision_start_token", "vision_start"),
            ("vision_end_token", "vision_end"),
        )
    }
    text = {
        "vocab_size": len(processor.tokenizer), "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 2, 2]},
    }  # fmt: skip
    vision = {
        "depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 64,
        "num_position_embeddings": 64, "deepstack_visual_indexes": [0],
    }  # fmt: skip
    torch.manual_seed(0)
    model = Qwen3VLForConditionalGeneration(Qwen3VLConfig(text_config=text, vision_config=vision, **ids))
    return Backbone(model, PromptEncoder(processor))


@pytest.mark.parametrize("kind", ["hybrid", "without linear attention", "attention"])
@pytest.mark.parametrize("stage", [1, 2])
def test_caches_of_both_streams_change_nothing(folder: Path, tmp_path: Path, kind: str, stage: int) -> None:
    place = folder if kind == "hybrid" else make_tiny_backbone(tmp_path, is_linear=False)
    backbone = attention_backbone(folder) if kind == "attention" else load_backbone(str(place))
    policy = instruct_policy(backbone, stage=stage)
    move_experts(policy)
    # The same words: prompts of one length, so that the caches are used.
    batch = policy.batch([replace(example, prompt="reach the red cube") for example in examples(3)])
    plain = generate_text(policy, batch, 12, cached=False)
    assert generate_text(policy, batch, 12, cached=True) == plain
    assert generate_text(policy, batch, 12, cached=True) == plain  # nothing is left of the time before
    assert len({text.tokens for text in plain}) > 1
    assert max(len(text.tokens) for text in plain) > 2
    # Prompts of different lengths say what each says alone.
    ragged = examples(3)
    alone = [generate_text(policy, policy.batch([one]), 6)[0] for one in ragged]
    assert all(generate_text(policy, policy.batch(ragged), 6, cached=cached) == alone for cached in (False, True))


def test_a_session_thinks_and_keeps_latent_actions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = make_policy(folder, stage=2, think_every=5, latent_every=2)
    move_experts(policy)
    head, prompts = instruct_head(policy), policy.backbone.prompts
    thoughts = iter(["red", "blue", "cube", "ball", "left"])
    asked: list[int] = []

    def said(policy: VLAPolicy, batch: Any, most: int, cached: bool) -> list[GeneratedText]:
        asked.append(most)
        word = next(thoughts)
        return [GeneratedText(prompts.words(word).tokens, is_whole=word != "ball")]

    monkeypatch.setattr(instruct_vla_episode, "generate_text", said)
    passes: list[list[int]] = []
    latents = InstructHead.latents

    def counted(self: InstructHead, backbone: Any, batch: Any) -> torch.Tensor:
        passes.append(batch.tokens[0].tolist())
        return latents(self, backbone, batch)

    monkeypatch.setattr(InstructHead, "latents", counted)
    session = InstructSession(policy)
    first, second = examples(2)
    second = replace(second, prompt=first.prompt)

    def wanted(latents_of: VLAExample, seen: VLAExample, word: str) -> torch.Tensor:
        """The chunk of latent actions made of one observation, for another, without a session."""
        answer = prompts.words(word) + head.queries()
        with torch.no_grad():
            made = latents(head, policy.backbone, prompts.batch([latents_of], [answer]))
            return head.act(made, policy.batch([seen]), seeded())[0]

    chunk = session.act(first, seeded())
    assert session.thought == "red"
    assert torch.equal(chunk, wanted(first, first, "red"))
    # The second chunk has the first one's latent actions, but its own pictures and state.
    assert torch.equal(session.act(second, seeded()), wanted(first, second, "red"))
    assert len(passes) == 1
    assert torch.equal(session.act(second, seeded()), wanted(second, second, "red"))  # they are too old now
    assert len(passes) == 2
    assert torch.equal(session.act(first, seeded()), wanted(second, first, "red"))
    assert len(passes) == 2
    session.act(second, seeded())
    assert len(passes) == 3
    # Chunk 6 comes with a new thought, and so with new latent actions although the old ones are young.
    assert torch.equal(session.act(first, seeded()), wanted(first, first, "blue"))
    assert (len(passes), session.thought, asked) == (4, "blue", [50, 50])
    session.reset()
    assert session.thought == ""
    session.act(first, seeded())
    assert session.thought == "cube"
    # Other words are another episode. What was cut off is no thought.
    cut = session.act(replace(first, prompt="stop"), seeded())
    assert session.thought == ""
    assert torch.equal(cut, policy.predict(policy.batch([replace(first, prompt="stop", actions=None)]), seeded())[0])


def test_a_session_without_thoughts_is_the_policy(folder: Path) -> None:
    policy = make_policy(folder, stage=2)
    move_experts(policy)
    session = InstructSession(policy)
    for example in examples(2):
        alone = policy.predict(policy.batch([replace(example, actions=None)]), seeded())[0]
        assert torch.equal(session.act(example, seeded()), alone)
    backbone = load_backbone(str(folder))
    with pytest.raises(FineVLAError, match="need a policy with head 'instruct'"):
        InstructSession(VLAPolicy(backbone, build_head("oft", {}, SHAPE, backbone)))
