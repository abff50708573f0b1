"""Who answers the questions: a person at a terminal, or a file written beforehand; without either they stay unanswered."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import yaml

from finevla_core.errors import FineVLAError

SKIP = "skip"
ENTER = "enter"  # nothing typed: "I am ready", or the first choice


class NotAnswered(Exception):
    """A question was passed over; the text says why. The step that asked it is skipped."""


class Person(Protocol):
    """Asked by a key that stays the same, so that answers can be written beforehand."""

    def ask(self, key: str, question: str, choices: Sequence[str]) -> str:
        """One of `choices`; raises `NotAnswered`."""


class Terminal:
    """A person who types; anything that is not a choice is asked again, "skip" passes a question over."""

    def ask(self, key: str, question: str, choices: Sequence[str]) -> str:
        """Ask until one of `choices` is typed and return it; raises `NotAnswered` for "skip" or at the end of input."""
        del key
        shown = " / ".join("Enter" if choice == ENTER else choice for choice in (*choices, SKIP))
        while True:
            try:
                typed = input(f"    {question}\n    {shown}: ").strip().lower()
            except EOFError:
                raise NotAnswered("nobody answers: the input has ended") from None
            answer = typed or (ENTER if ENTER in choices else "")
            if answer == SKIP:
                raise NotAnswered("the person skipped it")
            if answer in choices:
                return answer
            print(f"    '{typed}' is none of them")


class Answers:
    """Answers from a file; a question that it does not answer is passed over."""

    def __init__(self, answers: Mapping[str, str]) -> None:
        self.answers = answers

    @classmethod
    def read(cls, path: Path) -> "Answers":
        """From a YAML mapping of keys to answers; raises `FineVLAError` naming the file."""
        try:
            raw = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # all text: yes stays yes
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise FineVLAError(f"answers '{path}' cannot be read: {error}") from error
        if not isinstance(raw, dict) or not all(isinstance(value, str) for value in raw.values()):
            raise FineVLAError(f"answers '{path}' must be a mapping of questions' keys to answers; see docs/cameras.md")
        return cls(raw)

    def ask(self, key: str, question: str, choices: Sequence[str]) -> str:
        """The answer with this key; raises `FineVLAError` if it is no choice."""
        del question
        if key not in self.answers:
            raise NotAnswered(f"nobody answers '{key}'")
        answer = self.answers[key].lower()
        if answer == SKIP:
            raise NotAnswered("the answers skip it")
        if answer not in choices:
            raise FineVLAError(f"answer '{answer}' to '{key}' is none of {', '.join(choices)}")
        return answer


def person_of(answers: Path | None, is_unattended: bool) -> Person:
    """Who answers; raises `FineVLAError` if there is no terminal and nothing was said of that."""
    if answers is not None:
        return Answers.read(answers)
    if is_unattended:
        return Answers({})
    if not sys.stdin.isatty():
        raise FineVLAError("--robot asks questions and this is no terminal; give --answers FILE, or --unattended")
    return Terminal()
