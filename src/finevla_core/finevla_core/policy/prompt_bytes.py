"""Words for a policy that reads them itself, as an array: UTF-8, filled up with zeros, so that several go together."""

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError

STEP = 512  # bytes; prompts of nearly the same length have the same shape


def encode_prompt(text: str) -> NDArray[np.uint8]:
    """Return a prompt as `(n,)` uint8, n the next multiple of `STEP`."""
    data = text.encode()
    filled = np.zeros(max(1, -(-len(data) // STEP)) * STEP, np.uint8)
    filled[: len(data)] = np.frombuffer(data, np.uint8)
    return filled


def decode_prompt(data: NDArray[np.uint8]) -> str:
    """Return the prompt of `encode_prompt`; raises `FineVLAError` for bytes that are no text."""
    try:
        return data.astype(np.uint8).tobytes().rstrip(b"\0").decode()
    except UnicodeDecodeError as error:
        raise FineVLAError(f"the prompt is no text in UTF-8: {error.reason}") from error
