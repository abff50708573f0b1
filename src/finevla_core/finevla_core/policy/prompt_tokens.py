"""Words to the tokens of a policy in one graph, without transformers: a tokenizer's file and what stands around the words."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.text_files import read_json
from finevla_core.understanding import NotUnderstood

TOKENIZER, PROMPT = "tokenizer.json", "prompt.json"


@dataclass(frozen=True)
class FixedPrompt:
    """How words become tokens: `before` + words + `after`, read by the tokenizer, then the ids `answer`. `pictures` of them
    are `picture_id`, a place of a picture each. All together are `length` at most, filled up with `pad_id`."""

    before: str
    after: str
    answer: tuple[int, ...]
    picture_id: int
    pictures: int
    pad_id: int
    length: int

    def text(self) -> str:
        """Return what stands in the file."""
        return json.dumps(vars(self), indent=2) + "\n"


class PromptTokens:
    """A tokenizer of the package `tokenizers`, and a `FixedPrompt`; from any thread."""

    def __init__(self, folder: Path) -> None:
        """Read both from a bundle's folder; raises `FineVLAError` for a file that is none, or without the package."""
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise FineVLAError(
                f"the words of '{folder}' are read by the package 'tokenizers', which is not installed here: "
                "pip install tokenizers"
            ) from error
        described = read_json(folder / PROMPT)
        try:
            self.prompt = FixedPrompt(**described | {"answer": tuple(described["answer"])})
            self._tokenizer: Any = Tokenizer.from_file(str(folder / TOKENIZER))
        except Exception as error:  # tokenizers raises nothing more special
            raise DamagedFileError(
                f"'{folder}' does not say how words become tokens: {error}; export it again"
            ) from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._room = self.prompt.length - len(self._ids(""))

    def tokens(self, words: str) -> tuple[NDArray[np.int64], int]:
        """Return the tokens `(1, length)` of a prompt with what stands around it, and how many are no filling.

        Raises:
            NotUnderstood: They are too many, or the words hold what stands for a picture.
        """
        ids, prompt = self._ids(words), self.prompt
        if len(ids) > prompt.length:
            count = len(ids) - prompt.length + self._room
            raise NotUnderstood(
                f"the instruction is {count} tokens, the policy reads {self._room}: say it in fewer words"
            )
        if ids.count(prompt.picture_id) != prompt.pictures:
            raise NotUnderstood("the instruction holds a sign that stands for a picture; say it without")
        made = np.full((1, prompt.length), prompt.pad_id, np.int64)
        made[0, : len(ids)] = ids
        return made, len(ids)

    def _ids(self, words: str) -> list[int]:
        text = self.prompt.before + words + self.prompt.after
        return [*self._tokenizer.encode(text, add_special_tokens=False).ids, *self.prompt.answer]
