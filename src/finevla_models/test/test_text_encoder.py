"""Promises of the text encoder: words keep their own features, padding changes nothing, the table stays what it is."""

import io

import pytest

torch = pytest.importorskip("torch", reason="torch comes with 'make train-setup'; the robot does without")

import numpy as np
import onnxruntime as ort

from finevla_models.text_encoder import TextEncoder, WordTable

PIECES, SIZE, TOKENS, WIDTH = 50, 24, 12, 16
TABLE = torch.randn(PIECES, SIZE, generator=torch.Generator().manual_seed(0)) * torch.logspace(-1, 1, PIECES)[:, None]
TABLE[0] = 0


@pytest.fixture
def encoder() -> TextEncoder:
    torch.manual_seed(0)
    return TextEncoder(TABLE.half(), WIDTH).eval()


def text(length: int = TOKENS) -> tuple[torch.Tensor, torch.Tensor]:
    tokens = torch.randint(1, PIECES, (3, TOKENS, 2), generator=torch.Generator().manual_seed(1))
    return tokens, (torch.arange(TOKENS) < length).float().expand(3, -1).contiguous()


def test_table_is_kept_to_one_part_in_two_hundred_of_each_rows_largest_number() -> None:
    wrong = (WordTable(TABLE.half())(torch.arange(PIECES)) - TABLE).abs()
    assert (wrong <= TABLE.abs().amax(1, keepdim=True) / 200 + 1e-6).all()
    assert not WordTable(TABLE)(torch.zeros(1, 1, dtype=torch.long)).any()


def test_one_feature_vector_per_word_and_zeros_where_padded(encoder: TextEncoder) -> None:
    tokens, mask = text(5)
    features = encoder(tokens, mask)
    assert features.shape == (3, TOKENS, WIDTH)
    assert not features[:, 5:].any()
    assert features[:, :5].abs().amax(2).min() > 0


def test_padding_changes_nothing(encoder: TextEncoder) -> None:
    tokens, mask = text(5)
    before = encoder(tokens, mask)
    assert torch.allclose(before[:, :5], encoder(tokens[:, :5], mask[:, :5]), atol=1e-5)
    tokens[:, 5:] = 7
    assert torch.allclose(before, encoder(tokens, mask), atol=1e-6)


def test_order_of_words_matters(encoder: TextEncoder) -> None:
    tokens, mask = text()
    swapped = encoder(tokens.flip(1), mask).flip(1)
    assert not torch.allclose(encoder(tokens, mask), swapped, atol=1e-3)


def test_a_word_is_understood_from_four_neighbours_wherever_it_stands(encoder: TextEncoder) -> None:
    tokens, mask = text()
    before = encoder(tokens, mask)
    tokens[:, 10:] = 7
    assert torch.allclose(before[:, :6], encoder(tokens, mask)[:, :6], atol=1e-6)
    assert not torch.allclose(before[:, 6], encoder(tokens, mask)[:, 6], atol=1e-4)
    later, ones = torch.cat([tokens[:, :1], tokens], 1), torch.ones(3, TOKENS + 1)
    assert torch.allclose(encoder(tokens, mask)[:, 5], encoder(later, ones)[:, 6], atol=1e-5)


def test_training_and_averaging_leave_the_table_alone(encoder: TextEncoder) -> None:
    before = encoder.table.codes.clone()
    average = torch.optim.swa_utils.AveragedModel(
        encoder, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9), use_buffers=True
    )
    optimiser = torch.optim.AdamW(encoder.parameters(), lr=0.1)
    for _ in range(5):
        encoder(*text()).square().sum().backward()
        optimiser.step()
        average.update_parameters(encoder)
    assert torch.equal(encoder.table.codes, before)
    assert torch.equal(average.module.table.codes, before)


def test_weights_of_another_table_are_refused(encoder: TextEncoder) -> None:
    saved = io.BytesIO()
    torch.save(encoder.state_dict(), saved)
    saved.seek(0)
    weights = torch.load(saved, weights_only=True)
    TextEncoder(TABLE.half(), WIDTH).load_state_dict(weights)
    with pytest.raises(ValueError, match="trained with another word table"):
        TextEncoder(TABLE.roll(1, 0).half(), WIDTH).load_state_dict(weights)


def test_exported_graph_agrees_and_holds_one_byte_per_number_of_the_table() -> None:
    torch.manual_seed(0)
    rows, size = 4000, 64
    encoder = TextEncoder(torch.randn(rows, size), WIDTH).eval()
    tokens, mask = text(5)
    graph = io.BytesIO()
    names = {"input_names": ["tokens", "mask"], "output_names": ["text"]}
    torch.onnx.export(encoder, (tokens[:1], mask[:1]), graph, opset_version=17, dynamo=False, **names)
    weights = 4 * sum(p.numel() for p in encoder.parameters())
    assert len(graph.getvalue()) < rows * size + 2 * rows + weights + 50_000
    session = ort.InferenceSession(graph.getvalue(), providers=["CPUExecutionProvider"])
    (found,) = session.run(["text"], {"tokens": tokens[1:2].numpy(), "mask": mask[1:2].numpy()})
    np.testing.assert_allclose(found, encoder(tokens[1:2], mask[1:2]).detach().numpy(), atol=1e-5)
