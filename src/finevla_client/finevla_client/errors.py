"""What a client's request may end with, other than its result: each is one sentence that says what, where and what to do.

Mistakes in what was asked for are plain `FineVLAError`s, the base class of all of these.
"""

from finevla_core.errors import FineVLAError


class NoAnswer(FineVLAError):
    """A node, a service or an observation is not there or was silent: nobody said no, and asking again may help."""


class Refusal(FineVLAError):
    """The policy, the bridge or the recorder said no; the text is its sentence.

    `unknown` are the words that the policy does not know, if that is why.
    """

    def __init__(self, text: str, unknown: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.unknown = unknown


class BridgeStopped(Refusal):
    """The safety bridge is stopped: nothing moves before a reset, which somebody has to want."""


class MotionFailed(FineVLAError):
    """A motion was refused, stopped or cancelled, or did not arrive; the text is the motion node's sentence."""
