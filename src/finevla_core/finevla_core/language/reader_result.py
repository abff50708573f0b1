"""What a reader of one language makes of a text: slots and words, or the reason why it makes nothing of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from finevla_core.errors import FineVLAError
from finevla_core.language.slots import SLOTS


@dataclass(frozen=True)
class Reading:
    """A text as far as it could be read.

    `slots` are those that the text says (names and words of `SLOTS`); `refusal` is empty, or one sentence that says why
    the text must not be acted on; `unknown` are the words that the refusal is about, or, where it is empty, content words
    that were passed over because nothing depends on them; `certainty` is 0 ... 1.
    """

    slots: Mapping[str, str] = field(default_factory=dict)
    refusal: str = ""
    unknown: tuple[str, ...] = ()
    certainty: float = 1.0

    def __post_init__(self) -> None:
        for name, word in self.slots.items():
            if not word or word not in SLOTS.get(name, ()):
                raise FineVLAError(f"slot '{name}' cannot be '{word}'")
