"""Promises of the InstructVLA head on a tiny backbone: what is trained when, and what a batch teaches."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from instruct_policies import examples, instruct_policy, move_experts, seeded
from tiny_backbone import make_tiny_backbone

from finevla_core.errors import FineVLAError
from finevla_models.vla.backbone import load_backbone
from finevla_models.vla.batch import IGNORED
from finevla_models.vla.head import VLAPolicy
from finevla_models.vla.instruct_vla_head import instruct_head
from finevla_models.vla.instruct_vla_text import answer_text, generate_text
from finevla_models.vla.policy_files import load_vla, save_vla


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_backbone(tmp_path_factory.mktemp("backbone"))


def make_policy(folder: Path, **options: Any) -> VLAPolicy:
    return instruct_policy(load_backbone(str(folder)), **options)


def test_what_follows_a_prompt(folder: Path) -> None:
    policy = make_policy(folder)
    head, prompts = instruct_head(policy), policy.backbone.prompts
    example = examples(1, answer="red cube")[0]
    words, end = prompts.words("red cube").tokens, prompts.end().tokens
    queries = tuple(head.query_ids)
    assert len(queries) == 4
    assert head.answer(example, prompts).tokens == (*words, *queries, *end)
    assert head.answer(replace(example, actions=None), prompts).tokens == (*words, *end)  # a question
    assert head.answer(replace(example, actions=None, answer=""), prompts).tokens == queries  # act
    batch = policy.batch([example])
    start = int((batch.labels[0] == IGNORED).sum())
    assert batch.labels[0, start:].tolist() == [*words, *queries, *end]
    assert batch.tokens[batch.queries].tolist() == list(queries)
    mixed = policy.batch([example, replace(example, actions=None)])
    with pytest.raises(FineVLAError, match="act and answer in batches of their own"):
        policy(mixed)


@pytest.mark.parametrize("stage", [1, 2])
def test_new_experts_change_nothing(folder: Path, stage: int) -> None:
    policy = make_policy(folder, stage=stage)
    head = instruct_head(policy)
    batch = policy.batch(examples(2, answer="red"))
    with torch.no_grad():
        mixed = head.states(policy.backbone, batch).last
        head.gates.value = None
        plain = policy.backbone(batch).last
        move_experts(policy)
        moved = head.states(policy.backbone, batch).last
    assert torch.equal(mixed, plain)
    assert not torch.allclose(moved, plain, atol=1e-2)


def test_gates_do_not_depend_on_the_experts(folder: Path) -> None:
    policy = make_policy(folder, stage=2)
    head = instruct_head(policy)
    batch = policy.batch(examples(2))
    found = []
    with torch.no_grad():
        for seed in (1, 2):
            move_experts(policy, seed)
            head.states(policy.backbone, batch)
            found.append(head.gates.value)
        assert found[0] is not None
        assert found[1] is not None
        assert torch.equal(found[0], found[1])
        assert torch.allclose(found[0].sum(dim=-1), torch.ones(batch.tokens.shape))
        assert found[0][batch.mask].std(dim=0).min() > 1e-4  # they differ from token to token
        inside: Any = policy.backbone.model.get_input_embeddings()  # type: ignore[operator]
        inside.rows.add_(1.0)
        head.states(policy.backbone, batch)
        queries = batch.queries
        assert not torch.equal(head.gates.value[queries], found[0][queries])  # type: ignore[index]


def test_stage_1_uses_the_action_expert_alone(folder: Path) -> None:
    policy = make_policy(folder, stage=1)
    batch = policy.batch(examples(2))
    before = policy.predict(batch, seeded())
    move_experts(policy, name="language")
    assert torch.equal(policy.predict(batch, seeded()), before)
    move_experts(policy, name="action")
    assert not torch.allclose(policy.predict(batch, seeded()), before, atol=1e-3)


def kind_of(name: str) -> str:
    """The part of the policy that a parameter belongs to."""
    if name.endswith((".action", ".language")):
        return name.rpartition(".")[2]
    if name.startswith("backbone."):
        return "rows" if name.endswith(".rows") else "backbone"
    return "mask_token" if name.endswith("mask_token") else name.split(".")[1]


@pytest.mark.parametrize(("stage", "parts"), [(1, {"action", "rows", "expert"}), (2, {"action", "language", "gate"})])
def test_each_stage_trains_what_it_should(folder: Path, stage: int, parts: set[str]) -> None:
    policy = make_policy(folder, stage=stage).train()
    head = instruct_head(policy)
    move_experts(policy)  # with `up` zero, `down` has no gradient
    before = {name: value.detach().clone() for name, value in policy.named_parameters()}
    # Weight decay and all parameters: what has no gradient must stay even then.
    optimizer = torch.optim.AdamW(policy.parameters(), 1e-2, weight_decay=0.1)
    policy(policy.batch(examples(2, answer="red cube")), seeded()).total.backward()
    optimizer.step()
    gradients = {name for name, value in policy.named_parameters() if value.grad is not None}
    changed = {name for name, value in policy.named_parameters() if not torch.equal(value, before[name])}
    wanted = {name for name in before if kind_of(name) in parts}
    assert gradients == changed == wanted
    assert set(head.trainable(policy.backbone)) == wanted
    in_2 = {name for name in before if kind_of(name) in {"action", "language", "gate"}}
    assert set(head.trainable(policy.backbone, 2)) == in_2


def test_a_random_backbone_can_be_trained_in_stage_1(folder: Path) -> None:
    parts = {
        stage: {kind_of(name) for name in instruct_head(policy).trainable(policy.backbone)}
        for stage in (1, 2)
        for policy in [make_policy(folder, stage=stage, train_backbone=True)]
    }
    assert parts == {1: {"backbone", "action", "rows", "expert"}, 2: {"action", "language", "gate"}}


def test_the_frozen_flow_expert_teaches_the_experts(folder: Path) -> None:
    policy = make_policy(folder, stage=2, language_weight=0.0).train()
    move_experts(policy)
    policy(policy.batch(examples(1)), seeded()).total.backward()
    found = {
        kind_of(name): value.grad.abs().max() for name, value in policy.named_parameters() if value.grad is not None
    }
    assert {kind for kind, most in found.items() if most > 0} == {"action", "language", "gate"}


def test_stage_2_goes_on_where_stage_1_ended(folder: Path, tmp_path: Path) -> None:
    first = make_policy(folder, stage=1)
    move_experts(first, name="action")
    second = make_policy(folder, stage=2, gate_bias=30.0)
    second.load_state_dict(first.state_dict() | {k: v for k, v in second.state_dict().items() if ".gate." in k})
    batch = first.batch(examples(2))
    assert torch.allclose(second.predict(batch, seeded()), first.predict(batch, seeded()), atol=1e-5)


@pytest.mark.parametrize("stage", [1, 2])
def test_it_learns_a_batch_by_heart(folder: Path, stage: int) -> None:
    policy = make_policy(folder, stage=stage).train()
    batch = policy.batch(examples(2, answer="reach the red cube"))
    trained = instruct_head(policy).trainable(policy.backbone)
    optimizer = torch.optim.Adam(trained.values(), 1e-2)
    losses = []
    for _ in range(30):
        made = policy(batch, seeded())
        optimizer.zero_grad()
        made.total.backward()
        optimizer.step()
        losses.append({name: part.item() for name, part in made.parts.items()})
    first, last = losses[0], losses[-1]
    assert last["language"] < 0.1 * first["language"]
    if stage == 1:  # in stage 2 the flow expert is frozen as it was drawn
        assert last["flow"] < 0.05 * first["flow"]
        policy.eval()
        assert answer_text(policy, batch) == ["reach the red cube"] * 2
        text = generate_text(policy, batch)
        assert all(said.is_whole for said in text)  # it says the first query token, and is to act


def test_a_batch_without_actions_teaches_language(folder: Path) -> None:
    policy = make_policy(folder, stage=2).train()
    move_experts(policy)
    asked = [replace(example, actions=None, answer="red") for example in examples(3)]
    made = policy(policy.batch(asked))
    assert set(made.parts) == {"language"}
    made.total.backward()
    assert all(p.grad is not None for p in instruct_head(policy).trainable(policy.backbone).values())
    with pytest.raises(FineVLAError, match="is answered in words"):
        policy.predict(policy.batch(asked))


def test_masked_values_count_nothing(folder: Path) -> None:
    policy = make_policy(folder)
    example = examples(1)[0]
    mask = np.ones((4, 2), bool)
    mask[:, 1:] = False
    wrong = np.array(example.actions)
    wrong[:, 1:] = 99.0
    losses = [
        policy(policy.batch([replace(example, actions=actions, action_mask=mask)]), seeded()).total.item()
        for actions in (example.actions, wrong)
    ]
    assert losses[0] == pytest.approx(losses[1])


@pytest.mark.parametrize("stage", [1, 2])
def test_one_sample_is_what_it_is_among_eight(folder: Path, stage: int) -> None:
    policy = make_policy(folder, stage=stage)
    move_experts(policy)
    eight = examples(8)
    together = policy.predict(policy.batch(eight), seeded())
    generator = seeded()  # a batch draws what its samples would, one after another
    for k, example in enumerate(eight):
        alone = policy.predict(policy.batch([example]), generator)
        assert torch.allclose(alone[0], together[k], atol=5e-5)


def test_checkpointing_gives_the_same_gradients(folder: Path) -> None:
    policy = make_policy(folder, stage=2).train()
    move_experts(policy)
    batch = policy.batch(examples(2, answer="red"))
    found = []
    for is_on in (False, True):
        if is_on:
            inner: Any = policy.backbone.model
            inner.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        policy.zero_grad()
        policy(batch, seeded()).total.backward()
        found.append([p.grad for p in instruct_head(policy).trainable(policy.backbone).values()])
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*found, strict=True) if a is not None and b is not None)


def test_a_saved_or_copied_policy_is_the_same_again(folder: Path, tmp_path: Path) -> None:
    policy = make_policy(folder, stage=2, output="joint")
    assert instruct_head(policy).config.vision_config["model_type"] == "dinov2"
    move_experts(policy)
    batch = policy.batch(examples(2))
    chunks, words = policy.predict(batch, seeded()), answer_text(policy, batch, 8)
    save_vla(policy, tmp_path)
    for again in (load_vla(tmp_path), copy.deepcopy(policy)):
        found = again.batch(examples(2))
        assert torch.equal(again.predict(found, seeded()), chunks)
        assert answer_text(again, found, 8) == words
        assert again.head.gates is not policy.head.gates  # no copy sets the gates of another
