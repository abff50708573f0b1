"""What a policy understood of an instruction, and the two ways of not going along with one: words, and what is seen.

A policy's `understand(instruction)` returns an `Understanding` or raises `NotUnderstood`; `predict` may raise `TargetAbsent`.
"""

from dataclasses import dataclass, field

from finevla_core.errors import FineVLAError
from finevla_core.instruction import Factors

UNCHECKED_SUMMARY = "not checked: this policy cannot say what it understood"


@dataclass(frozen=True)
class Understanding:
    """The meaning that a policy will act on.

    `summary` is one line for the operator ("pick up · left arm · red cube"), `factors` the same as data, `unknown` the
    words that were passed over because nothing depends on them, `certainty` 0 ... 1. `is_checked` is False for a policy
    that cannot tell: then the summary says so, and `certainty` is 0.
    """

    summary: str
    factors: Factors = field(default_factory=Factors)
    unknown: tuple[str, ...] = ()
    certainty: float = 1.0
    is_checked: bool = True


class NotUnderstood(FineVLAError):
    """The instruction is refused, and the arms hold; `unknown` are the words that the policy does not know, if any."""

    def __init__(self, text: str, unknown: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.unknown = unknown


class TargetAbsent(FineVLAError):
    """What the instruction is about is not seen ("I see no red cube"): no chunk is made, and the arms hold."""


def unchecked() -> Understanding:
    """Return what a policy says that cannot tell what it understood."""
    return Understanding(UNCHECKED_SUMMARY, certainty=0.0, is_checked=False)
