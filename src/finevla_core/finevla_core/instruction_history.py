"""What was said before in an episode: one rule for the policy node, `finevla serve` and training.

An episode ends with a stop, a reset or whatever else begins another one; a stop is never part of a history.
"""

import dataclasses
from collections.abc import Sequence

from finevla_core.instruction import Instruction, same_words
from finevla_core.stop_words import stop_of

MAX_HISTORY = 16  # instructions: more than any policy reads, so that what is kept and sent is bounded


def history_of(said: Sequence[Instruction | None]) -> tuple[Instruction, ...]:
    """Return what was said before the last of `said` in its episode: oldest first, the newest `MAX_HISTORY`.

    Words that are said twice in a row are one instruction, as they are for the policy node. What is returned, with the last
    of `said` behind it, may stand for `said` when the next is added.

    Args:
        said: Instructions in the order in which they became active, without those that were refused; None, or words that
            mean stop, end an episode.
    """
    episode: list[Instruction] = []
    for one in said:
        if one is None or stop_of(one):
            episode.clear()
        elif not episode or not same_words(episode[-1], one):
            episode.append(one)
    return tuple(dataclasses.replace(one, history=()) for one in episode[:-1][-MAX_HISTORY:])


def with_history(instruction: Instruction, said: Sequence[Instruction | None]) -> Instruction:
    """Return an instruction with its history, if it is the next after `said`."""
    return dataclasses.replace(instruction, history=history_of((*said, instruction)))
