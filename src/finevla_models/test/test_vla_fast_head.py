"""Promises of FAST: chunks come back from their tokens within a bound, and tokens that are no chunk are refused."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tiny_backbone import make_tiny_backbone
from tiny_policies import SHAPE, make_chunks, make_examples, make_policy, train_head

from finevla_core.errors import FineVLAError
from finevla_models.vla.action_codec import (
    ActionCodec,
    ActionDecodeError,
    codec_of,
    fit_codec,
    read_codec,
    without_gaps,
)
from finevla_models.vla.backbone import Backbone, load_backbone
from finevla_models.vla.batch import IGNORED, VLAExample
from finevla_models.vla.fast_head import FASTHead
from finevla_models.vla.head import VLAPolicy
from finevla_models.vla.head_registry import build_head
from finevla_models.vla.policy_files import load_vla, save_vla

ROWS, VALUES, SCALE = 16, 14, 10


def smooth_chunks(count: int, seed: int = 0) -> NDArray[np.float32]:
    """Sums of four slow cosines, within -1...1 as quantile normalisation leaves actions."""
    rng = np.random.default_rng(seed)
    waves = np.cos(np.pi * np.arange(4)[:, None] * np.linspace(0, 1, ROWS))
    weights = rng.normal(size=(count, VALUES, 4)) * np.array([0.4, 0.3, 0.1, 0.05])
    return np.clip(weights @ waves, -1, 1).transpose(0, 2, 1).astype(np.float32)


@pytest.fixture(scope="module")
def codec() -> ActionCodec:
    return fit_codec(smooth_chunks(300), SCALE, 1024)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_backbone(tmp_path_factory.mktemp("backbone"))


@pytest.fixture
def backbone(folder: Path) -> Backbone:
    return load_backbone(str(folder))


def test_smooth_chunks_come_back_within_the_bound_in_few_tokens(codec: ActionCodec) -> None:
    chunks = smooth_chunks(300)
    tokens = [codec.encode(chunk) for chunk in chunks]
    errors = np.stack([codec.decode(one) for one in tokens]) - chunks
    # Rounding leaves at most half a step of each coefficient, and the transform keeps lengths.
    assert np.sqrt((errors**2).mean(axis=1)).max() <= 0.5 / SCALE + 1e-6
    assert np.abs(errors).max() <= 0.5 / SCALE * ROWS**0.5 + 1e-6
    assert np.mean([len(one) for one in tokens]) < ROWS * VALUES / 3
    # Others of the same kind, too.
    other = smooth_chunks(50, seed=1)
    assert (
        np.sqrt(((np.stack([codec.decode(codec.encode(chunk)) for chunk in other]) - other) ** 2).mean()) < 0.5 / SCALE
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 4), st.integers(1, 9), st.integers(1, 5), st.integers(1, 40))
def test_what_was_fitted_comes_back_whatever_it_is(seed: int, size: float, rows: int, values: int, scale: int) -> None:
    chunks = (np.random.default_rng(seed).normal(size=(3, rows, values)) * size).astype(np.float32)
    made = fit_codec(chunks, scale, 4096)
    for chunk in chunks:
        tokens = made.encode(chunk)
        assert sum(made.length(token) for token in tokens) == made.coefficients
        error = made.decode(tokens) - chunk
        assert np.sqrt((error**2).mean(axis=0)).max() <= 0.5 / scale + 1e-5
    far = made.decode(made.encode(chunks[0] + 1000))  # cut to what was fitted: a chunk all the same
    assert np.isfinite(far).all()


@settings(max_examples=100, deadline=None)
@given(tokens=st.lists(st.integers(-3, 1100), max_size=60))
def test_any_tokens_are_a_whole_chunk_or_refused(codec: ActionCodec, tokens: list[int]) -> None:
    try:
        chunk = codec.decode(tuple(tokens))
    except ActionDecodeError:
        return
    assert chunk.shape == (ROWS, VALUES)
    assert sum(map(codec.length, tokens)) == ROWS * VALUES


def test_tokens_that_are_no_chunk_are_refused(codec: ActionCodec) -> None:
    tokens = codec.encode(smooth_chunks(1)[0])
    for wrong in (tokens[:-1], (*tokens, tokens[0]), ()):
        with pytest.raises(
            ActionDecodeError, match=r"coefficients, a chunk of 16 rows of 14 values has 224; nothing is"
        ):
            codec.decode(wrong)
    with pytest.raises(ActionDecodeError, match=f"token {codec.size} is none of the {codec.size} action tokens"):
        codec.decode((*tokens[:-1], codec.size))


def test_chunks_that_cannot_be_fitted_are_refused(codec: ActionCodec) -> None:
    with pytest.raises(FineVLAError, match="values that are not finite"):
        fit_codec(np.full((1, 4, 2), np.nan), 10, 64)
    with pytest.raises(FineVLAError, match="values that are not finite"):
        codec.encode(np.full((ROWS, VALUES), np.inf))
    with pytest.raises(FineVLAError, match="more than the 64 tokens; lower 'scale', raise 'vocabulary'"):
        fit_codec(np.array([[[-9.0]], [[9.0]]]), 10, 64)
    with pytest.raises(FineVLAError, match=r"chunks \(count, rows, values\), not on an array \(0, 4, 2\)"):
        fit_codec(np.zeros((0, 4, 2)), 10, 64)


def test_a_codec_from_its_file_is_the_same(codec: ActionCodec, tmp_path: Path) -> None:
    path = tmp_path / "fast.json"
    path.write_text(json.dumps(codec.as_dict()))
    again, _ = read_codec(path)
    for chunk in smooth_chunks(20, seed=2):
        tokens = codec.encode(chunk)
        assert again.encode(chunk) == tokens
        assert np.array_equal(again.decode(tokens), codec.decode(tokens))


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "other/1"}, {"highest": 500}, {"lowest": "a"}, {"scale": 0}, {"bpe": {}}, {"bpe": None}, {"highest": -99},
    ],
)  # fmt: skip
def test_a_file_that_is_no_codec_is_refused(change: dict[str, Any], codec: ActionCodec, tmp_path: Path) -> None:
    with pytest.raises(FineVLAError, match=r"fast.json' describes no action tokens \(.*export the policy again"):
        codec_of(codec.as_dict() | change, tmp_path / "fast.json")


def test_values_that_do_not_count_are_filled_in() -> None:
    chunk = np.array([[1, 5, 9], [2, 6, 9], [3, 7, 9]], np.float32)
    mask = np.array([[True, False, False], [True, True, False], [False, True, False]])
    assert without_gaps(chunk, mask).tolist() == [[1, 6, 0], [2, 6, 0], [2, 7, 0]]
    assert without_gaps(chunk, None) is chunk


def test_it_learns_a_batch_by_heart_and_says_it(backbone: Backbone) -> None:
    torch.manual_seed(0)
    policy = VLAPolicy(backbone, build_head("fast", {"scale": 2}, SHAPE, backbone))
    policy.fit(make_chunks(8))
    three = make_examples(3)
    loss = train_head(policy, policy.batch(three), backbone, 110)
    assert loss < 0.05
    policy.eval()
    codec = policy.head.codec
    wanted = np.stack([codec.decode(codec.encode(example.actions)) for example in three])
    # Asked without the answer, and with it, as a validation set has it: the same.
    for asked in ([replace(example, actions=None) for example in three], three):
        assert np.array_equal(policy.predict(policy.batch(asked)).numpy(), wanted)
    assert np.array_equal(policy.predict(policy.batch(three[1:2])).numpy(), wanted[1:2])
    assert not np.array_equal(wanted[0], wanted[1])


def test_labels_are_on_action_tokens_alone(backbone: Backbone) -> None:
    policy = make_policy("fast", backbone)
    batch = policy.batch(make_examples(2))
    said = batch.labels != IGNORED
    first, size = policy.head.first_id, policy.head.codec.size
    assert torch.equal(said, (batch.tokens >= first) & (batch.tokens < first + size))
    assert torch.equal(batch.labels[said], batch.tokens[said])
    assert (said.sum(dim=1) == policy.head.codec.coefficients).all()


def test_action_tokens_take_unused_ids_first(backbone: Backbone) -> None:
    words = len(backbone.prompts.tokenizer)
    before = backbone.model.get_input_embeddings().weight.shape[0]
    policy = make_policy("fast", backbone)
    assert policy.head.first_id == words == before  # the tiny backbone has no unused ones
    rows = backbone.model.get_input_embeddings().weight.shape[0]
    assert rows >= words + policy.head.codec.size
    assert rows % 64 == 0
    assert backbone.model.get_output_embeddings().weight.shape[0] == rows
    assert backbone.model.config.text_config.vocab_size == rows
    make_policy("fast", backbone)  # now there are
    assert backbone.model.get_input_embeddings().weight.shape[0] == rows


def test_a_word_amid_the_action_is_refused(backbone: Backbone) -> None:
    policy = make_policy("fast", backbone)
    batch = policy.batch([replace(make_examples(1)[0], actions=None)])
    weight = backbone.model.get_output_embeddings().weight
    with torch.no_grad():
        weight[: policy.head.first_id] *= 1e4  # whatever is said, it is a word
    with pytest.raises(
        ActionDecodeError, match=r"after 0 action tokens the policy said token \d+, which is none; nothing is"
    ):
        policy.predict(batch)
    with torch.no_grad():
        weight.fill_(float("nan"))
    with pytest.raises(ActionDecodeError, match="nothing is executed"):
        policy.predict(batch)


def test_too_many_coefficients_are_refused(backbone: Backbone) -> None:
    policy = make_policy("fast", backbone)
    head = policy.head
    # A codec whose every chunk is one token of eight coefficients and one of seven.
    head.codec = fit_codec(np.zeros((4, 4, 2)), 4, 8)
    assert head.codec.encode(np.zeros((4, 2))) != ()
    longest = max(range(head.codec.size), key=head.codec.length)
    shortest = min(range(head.codec.size), key=head.codec.length)
    said = iter([shortest, longest])
    generated = SimpleNamespace(generate=lambda input_ids, **_: torch.cat([input_ids, ids(said, head)], dim=1))
    fake = SimpleNamespace(model=generated, prompts=backbone.prompts)
    batch = policy.batch([replace(make_examples(1)[0], actions=None)])
    with pytest.raises(ActionDecodeError, match="coefficients, a chunk of 4 rows of 2 values has 8"):
        head.predict(fake, batch)


def ids(said: Any, head: FASTHead) -> torch.Tensor:
    return torch.tensor([[head.first_id + token for token in said]])


def test_a_head_without_tokens_says_so(backbone: Backbone, tmp_path: Path) -> None:
    policy = VLAPolicy(backbone, build_head("fast", {}, SHAPE, backbone))
    with pytest.raises(FineVLAError, match="no action tokens yet; training fits them first"):
        policy.batch(make_examples(1))
    with pytest.raises(FineVLAError, match="chunks are 4 rows of 2 values, the sample has 9 of 2"):
        policy.fit(np.zeros((3, 9, 2), np.float32))
    fitted = make_policy("fast", backbone)
    save_vla(fitted, tmp_path)
    file = tmp_path / "head" / "fast.json"
    described = json.loads(file.read_text())
    file.write_text(json.dumps(described | {"horizon": 2, "values": 4}))
    with pytest.raises(FineVLAError, match="tokens for chunks of 2 rows of 4 values, the policy's are 4 of 2"):
        load_vla(tmp_path)
    file.unlink()
    with pytest.raises(FineVLAError, match=r"fast.json"):
        load_vla(tmp_path)


def test_fitted_tokens_are_kept(backbone: Backbone) -> None:
    policy = make_policy("fast", backbone)
    codec = policy.head.codec
    policy.fit(make_chunks(2))
    assert policy.head.codec is codec


def test_masked_chunks_are_fitted_without_what_does_not_count(backbone: Backbone) -> None:
    chunks = make_chunks(8)
    chunks[:, :, 1] = np.nan
    masks = np.ones(chunks.shape, bool)
    masks[:, :, 1] = False
    policy = VLAPolicy(backbone, build_head("fast", {}, SHAPE, backbone))
    policy.fit(chunks, masks)
    one = make_examples(1)[0]
    batch = policy.batch([VLAExample(one.images, one.prompt, one.state, chunks[0], masks[0])])
    assert (batch.labels != IGNORED).any()
