"""What a command says on stderr beside its answer: what takes long, before it does, and what happened on the way."""

import sys
from collections.abc import Callable


def announce(text: str) -> None:
    """Say on stderr what is about to take seconds or longer, before it does."""
    print(f"{text} ...", file=sys.stderr, flush=True)


def note(text: str) -> None:
    """Say on stderr what happened on the way, as `finevla_core.policy.onnx_options.Execution` tells it."""
    print(text, file=sys.stderr, flush=True)


def announcer() -> Callable[[str], None] | None:
    """Return `announce` where a person reads stderr, None for a script, which reads answers only."""
    return announce if sys.stderr.isatty() else None
