"""Promises of the head without actions: it learns answers, by their tokens alone, and says that it makes no chunks."""

import numpy as np
import pytest
import torch
from tiny_backbone import make_tiny_backbone

from finevla_core.errors import FineVLAError
from finevla_models.vla.backbone import Backbone, load_backbone
from finevla_models.vla.batch import IGNORED, VLAExample
from finevla_models.vla.head import ChunkShape, VLAPolicy
from finevla_models.vla.head_registry import build_head

SHAPE = ChunkShape(horizon=2, values=0, state=0, views=1)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    return load_backbone(str(make_tiny_backbone(tmp_path_factory.mktemp("backbone"))))


def question(answer: str, grey: int = 0) -> VLAExample:
    return VLAExample((np.full((32, 32, 3), grey, np.uint8),), "which color is it", answer=answer)


def test_it_learns_to_say_what_it_sees(backbone: Backbone) -> None:
    torch.manual_seed(0)
    policy = VLAPolicy(backbone, build_head("language", {}, SHAPE, backbone))
    batch = policy.batch([question("black", 0), question("a bright one", 250)])
    optimizer = torch.optim.Adam(policy.parameters(), 3e-3)
    for _ in range(40):
        losses = policy(batch)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
    assert losses.parts["token_accuracy"] == 1.0
    assert losses.total.item() < 0.3


def test_only_the_answers_tokens_count(backbone: Backbone) -> None:
    policy = VLAPolicy(backbone, build_head("language", {}, SHAPE, backbone)).eval()
    batch = policy.batch([question("black")])
    learned = batch.labels[batch.labels != IGNORED].tolist()
    tokenizer = backbone.prompts.tokenizer
    assert learned == [*tokenizer("black", add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    # Cross entropy by hand: the state at a place says the token at the next.
    logits = backbone.logits(backbone(batch).last[0, -len(learned) - 1 : -1]).log_softmax(-1)
    by_hand = -torch.stack([row[token] for row, token in zip(logits, learned, strict=True)]).mean()
    assert policy(batch).total.item() == pytest.approx(by_hand.item(), rel=1e-5)


def test_chunks_and_batches_without_an_answer_are_refused(backbone: Backbone) -> None:
    policy = VLAPolicy(backbone, build_head("language", {}, SHAPE, backbone))
    batch = policy.batch([question("")])
    with pytest.raises(FineVLAError, match="no sample of the batch has an answer"):
        policy(batch)
    with pytest.raises(FineVLAError, match="makes no chunks"):
        policy.predict(batch)


def test_a_chat_template_is_told_not_to_think_as_a_server_is(
    backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = (
        "{% for m in messages %}{% for c in m.content %}{% if c.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
        "{% else %}{{ c.text }}{% endif %}{% endfor %}{% endfor %}"
        "{% if enable_thinking is false %} no thought {% else %} a thought {% endif %}"
    )
    monkeypatch.setattr(backbone.prompts.processor, "chat_template", template)
    policy = VLAPolicy(backbone, build_head("language", {}, SHAPE, backbone))
    asked = backbone.prompts.tokenizer.decode(policy.batch([question("black")]).tokens[0])
    assert "which color is it no thought" in asked
