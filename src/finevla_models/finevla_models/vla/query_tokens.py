"""Tokens that a head adds to a backbone's vocabulary: rows of their own, so that training them touches no other row."""

from typing import Any

import torch
from torch import Tensor, nn

from finevla_models.vla.backbone import Backbone


class _QueryRows(nn.Module):
    """Rows for new tokens beside those that a backbone has."""

    def __init__(self, base: nn.Module, rows: nn.Parameter, first: int) -> None:
        super().__init__()
        self.base, self.rows, self.first = base, rows, first

    @property
    def weight(self) -> Tensor:
        """The rows of the backbone's own tokens."""
        weight: Any = self.base.weight
        rows: Tensor = weight
        return rows


class QueryEmbedding(_QueryRows):
    """An embedding whose tokens `first` ... `first` + N - 1 have rows `(N, width)` of their own."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the rows `(..., width)` of tokens `(...)`."""
        inside = (tokens >= self.first) & (tokens < self.first + len(self.rows))
        known: Tensor = self.base(tokens.masked_fill(inside, 0))
        own = self.rows[(tokens - self.first).clamp(0, len(self.rows) - 1)]
        return torch.where(inside[..., None], own.to(known.dtype), known)


class QueryLogits(_QueryRows):
    """A language head whose tokens `first` ... `first` + N - 1 have rows `(N, width)` of their own."""

    def forward(self, states: Tensor) -> Tensor:
        """Return the logits `(..., vocabulary)` of states `(..., width)`."""
        known: Tensor = self.base(states)
        own = nn.functional.linear(states.to(self.rows.dtype), self.rows).to(known.dtype)
        return torch.cat([known[..., : self.first], own, known[..., self.first + len(self.rows) :]], dim=-1)


def add_query_tokens(backbone: Backbone, names: list[str]) -> list[int]:
    """Give tokenizer, embedding and language head of a backbone new tokens, and return their ids, one after another.

    A tokenizer that has them already (that of a saved policy) keeps them. The new rows are drawn with the mean and the spread
    of the old ones; a backbone whose language head is its embedding has one set of rows for both.
    """
    tokenizer = backbone.prompts.tokenizer
    known = tokenizer.get_vocab()
    tokenizer.add_tokens([name for name in names if name not in known], special_tokens=True)
    ids = [backbone.prompts.token_id(name) for name in names]
    model: Any = backbone.model
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    rows = _new_rows(embedding.weight, len(ids))
    head_rows = rows if head.weight is embedding.weight else _new_rows(head.weight, len(ids))
    model.set_input_embeddings(QueryEmbedding(embedding, rows, ids[0]))
    model.set_output_embeddings(QueryLogits(head, head_rows, ids[0]))
    return ids


def _new_rows(weight: Tensor, count: int) -> nn.Parameter:
    old = weight.detach().float()
    drawn = old.mean(dim=0).cpu() + old.std(dim=0).cpu() * torch.randn(count, old.shape[1])
    return nn.Parameter(drawn.to(weight.device))
