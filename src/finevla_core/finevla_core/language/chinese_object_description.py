"""What is known of the things of a Chinese text: the role of each, and the qualities of the target and of what is below it."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from finevla_core.language.chinese_grammar import Phrase

SHORT = 60  # characters; in longer texts unknown words are normal, and only those that something depends on matter

LONG = 80  # characters; longer texts say many things by the way, and what they say first counts


class Role(enum.Enum):
    """What a thing is for."""

    TARGET = enum.auto()
    BELOW = enum.auto()
    BESIDE = enum.auto()  # a place where nothing can be put: next to it
    TOPIC = enum.auto()  # spoken of; the target if there is no better one
    ASIDE = enum.auto()
    DENIED = enum.auto()


@dataclass
class Things:
    """The target's and the supporting object's qualities, and what made them doubtful."""

    target: dict[str, str] = field(default_factory=dict)
    below: dict[str, str] = field(default_factory=dict)
    conflict: tuple[Phrase, Phrase] | None = None  # two targets
    beside: Phrase | None = None
    roles: dict[int, Role] = field(default_factory=dict)
    is_guess: bool = False


def agrees(some: Mapping[str, str], others: Mapping[str, str]) -> bool:
    """Whether two descriptions can be of one thing."""
    return all(others.get(name, word) == word for name, word in some.items())
