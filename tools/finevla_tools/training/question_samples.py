"""Questions about pictures alone, for a backbone that shall answer in words (`policy.head: language`)."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.text_files import read_json_lines
from finevla_models.vla.batch import VLAExample
from finevla_tools.training.config_types import PolicyOptions
from finevla_tools.training.questions import fitted_answer, named_picture, question_content, read_picture
from finevla_tools.training.random_draws import permuted

ORDER_STREAM, SPLIT_STREAM = 21, 22  # of `random_draws`
NEEDED = ("question", "answer")


@dataclass(frozen=True)
class _Asked:
    folder: Path
    pictures: tuple[Path, ...]
    question: str
    answer: str


class QuestionSamples:
    """`TrainingSamples` of files of JSON lines {images, question, answer}; images are named from their file's folder.

    Every entry has as many pictures as the policy has cameras, such as the frames of a video. Each epoch takes every question
    once, in an order of its own.
    """

    def __init__(self, files: Sequence[Path], policy: PolicyOptions, validation: float, seed: int) -> None:
        """Raises `FineVLAError` that names the entry that is none."""
        self._format, self._cameras, self._seed = policy.images, tuple(policy.cameras), seed
        found = [one for file in files for one in _read(file, policy)]
        held = {permuted(k, len(found), seed, SPLIT_STREAM, 0) for k in range(math.ceil(validation * len(found)))}
        self._learned = [one for k, one in enumerate(found) if k not in held]
        self._held_out = [one for k, one in enumerate(found) if k in held]
        if not self._learned:
            raise FineVLAError(f"{', '.join(map(repr, map(str, files)))}: no question is left to learn from")
        digest = hashlib.sha256()
        for one in found:
            digest.update(question_content(one.question, one.answer, one.folder, one.pictures))
        self.hash, self.frames = digest.hexdigest(), len(self._learned)
        self.values: tuple[str, ...] = ()
        self.transforms: list[Any] = []
        self.statistics: dict[str, Any] = {}

    def example(self, index: int) -> VLAExample:
        """Return sample `index`, 0, 1, 2, ... without end."""
        epoch, position = divmod(index, len(self._learned))
        return self._made(self._learned[permuted(position, len(self._learned), self._seed, ORDER_STREAM, epoch)])

    def held_out(self, count: int) -> list[VLAExample]:
        """Return at most `count` questions that are never learned from, always the same."""
        return [self._made(one) for one in self._held_out[:count]]

    def kind_of(self, index: int) -> str:
        """Return "question", the one kind of these samples."""
        return "question"

    def _made(self, asked: _Asked) -> VLAExample:
        images = tuple(  # torch wants to own them
            np.array(read_picture(path, self._format, name))
            for name, path in zip(self._cameras, asked.pictures, strict=True)
        )
        return VLAExample(images, asked.question, answer=asked.answer)


def _read(file: Path, policy: PolicyOptions) -> list[_Asked]:
    if not file.is_file():
        raise FineVLAError(f"'{file}' is no file; head 'language' learns from lines {{images, question, answer}}")
    rows, problems = read_json_lines(file)
    if problems:
        raise DamagedFileError(problems[0])
    return [_asked(row, f"'{file}', entry {number}", file.parent, policy) for number, row in enumerate(rows, 1)]


def _asked(row: dict[str, Any], where: str, folder: Path, policy: PolicyOptions) -> _Asked:
    if lacking := [name for name in NEEDED if not isinstance(row.get(name), str) or not row[name].strip()]:
        raise FineVLAError(f"{where} has no '{lacking[0]}'; each line says images, question and answer")
    names = row.get("images", [row["image"]] if "image" in row else [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise FineVLAError(f"{where}: 'images' must list the files of its pictures")
    if len(names) != len(policy.cameras):
        raise FineVLAError(f"{where} has {len(names)} pictures, policy.cameras names {len(policy.cameras)}")
    found = [named_picture(folder, name, where) for name in names]
    _, height, width = found[0]
    answer = fitted_answer(row["answer"], height, width, policy.images, next(iter(policy.cameras)))
    if answer is None:
        raise FineVLAError(f"{where}: its answer is a place that the policy's pictures do not show; leave it out")
    return _Asked(folder, tuple(picture for picture, _, _ in found), row["question"], answer)
