"""Chance as a pure function of (seed, stream, index): Philox counters and permutations that need no memory.

Nothing here has a state, so that what is drawn for an index does not depend on who asks, in which order, or how often.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SHUFFLED_UP_TO = 4096  # larger ranges are permuted place by place (Feistel), so that no list of them is kept
ROUNDS = 6
WORD = (1 << 64) - 1


def generator(seed: int, stream: int, index: int, turn: int = 0) -> np.random.Generator:
    """Return the generator of an index: its counter begins there, and no two indices share a number."""
    return np.random.Generator(np.random.Philox(key=[seed & WORD, stream], counter=[0, index, turn, 0]))


def permuted(position: int, size: int, seed: int, stream: int, turn: int) -> int:
    """Return where a permutation of `range(size)` sends `position`; each (seed, stream, turn) has another one."""
    if not 0 <= position < size:
        raise IndexError(f"{position} is not in range({size})")
    if size <= SHUFFLED_UP_TO:
        return int(_shuffled(size, seed, stream, turn)[position])
    keys = _round_keys(seed, stream, turn)
    bits = (size - 1).bit_length()
    while (position := _feistel(position, bits, keys)) >= size:  # walk the cycle until it is back in the range
        pass
    return position


def _feistel(value: int, bits: int, keys: tuple[int, ...]) -> int:
    """A permutation of `range(2 ** bits)`: halves that may differ by a bit are mixed in turn."""
    low_bits, high_bits = bits // 2, bits - bits // 2
    high, low = value >> low_bits, value & ((1 << low_bits) - 1)
    for k, key in enumerate(keys):
        if k % 2:
            low ^= _mixed(high, key) & ((1 << low_bits) - 1)
        else:
            high ^= _mixed(low, key) & ((1 << high_bits) - 1)
    return high << low_bits | low


def _mixed(value: int, key: int) -> int:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    x = (value + key) & WORD
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & WORD
    x = (x ^ x >> 27) * 0x94D049BB133111EB & WORD
    return x ^ x >> 31


@lru_cache(maxsize=256)
def _shuffled(size: int, seed: int, stream: int, turn: int) -> NDArray[np.int64]:
    return generator(seed, stream, 0, turn).permutation(size)


@lru_cache(maxsize=256)
def _round_keys(seed: int, stream: int, turn: int) -> tuple[int, ...]:
    return tuple(generator(seed, stream, 0, turn).integers(0, WORD, ROUNDS, dtype=np.uint64, endpoint=True).tolist())
