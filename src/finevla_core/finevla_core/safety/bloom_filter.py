"""A set of texts that forgets none of them and takes the same memory however many they are: a Bloom filter (Bloom 1970)."""

import hashlib
import os
from collections.abc import Iterator

import numpy as np

PLACES = 4  # bits of each text, from one hash of 4 bytes each


class BloomFilter:
    """Whatever was added is in it, for certain; of the rest a few are, by chance.

    By chance means `(1 - exp(-4 n / bits)) ** 4` of them after `n` texts. With the 16 MiB of the default that is one of 10**6
    after a million texts, one of 220 after ten million. The hash has a key of its own, so that nobody can choose texts by
    which another one, or all, would be taken for known.
    """

    def __init__(self, bits: int = 1 << 27) -> None:
        self._bytes = np.zeros((bits + 7) // 8, np.uint8)  # takes no memory before it is written to
        self._key = os.urandom(16)

    def add(self, text: str) -> None:
        """Put `text` into the set, for as long as it lasts."""
        for place in self._places(text):
            self._bytes[place >> 3] |= 1 << (place & 7)

    def __contains__(self, text: str) -> bool:
        """Return whether `text` was put in, or is taken for one that was."""
        return all(int(self._bytes[place >> 3]) >> (place & 7) & 1 for place in self._places(text))

    def _places(self, text: str) -> Iterator[int]:
        hashed = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4 * PLACES, key=self._key).digest()
        for at in range(0, len(hashed), 4):
            yield int.from_bytes(hashed[at : at + 4], "little") % (8 * len(self._bytes))
