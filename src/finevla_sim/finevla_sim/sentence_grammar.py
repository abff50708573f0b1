"""Patterns with alternatives, `(pick up|grab|~seize)`, expanded at random; what is marked `~` is kept for testing.

A policy is tested with the words that it never read wherever a pattern has some.
"""

import re
from functools import lru_cache

import numpy as np

SPLITS = ("train", "test")
HELD_OUT = "~"
TEST_SHARE = 0.5  # of the choices that have held-out alternatives take one of them when testing

_INNERMOST = re.compile(r"\(([^()]*)\)")


def expand(pattern: str, rng: np.random.Generator, split: str) -> str:
    """Return a random sentence of the pattern: each bracket gives one of its alternatives, which may be empty or nested."""
    while (match := _INNERMOST.search(pattern)) is not None:
        train, test = _alternatives(match[1])
        choices = test if split == "test" and test and rng.random() < TEST_SHARE else train or test
        pattern = f"{pattern[: match.start()]}{choices[int(rng.integers(len(choices)))]}{pattern[match.end() :]}"
    return " ".join(pattern.split())


def alternatives(pattern: str, split: str) -> list[str]:
    """Return every text that the pattern can give in a split."""
    match = _INNERMOST.search(pattern)
    if match is None:
        return [" ".join(pattern.split())]
    train, test = _alternatives(match[1])
    choices = [*train, *test] if split == "test" else train
    return [
        text
        for choice in choices
        for text in alternatives(f"{pattern[: match.start()]}{choice}{pattern[match.end() :]}", split)
    ]


@lru_cache(maxsize=4096)
def _alternatives(group: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    parts = group.split("|")
    train = tuple(part for part in parts if not part.startswith(HELD_OUT))
    return train, tuple(part.removeprefix(HELD_OUT) for part in parts if part.startswith(HELD_OUT))
