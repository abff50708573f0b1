"""Which instruction is obeyed now, and which answers still count: the policy node's memory, without ROS.

A chunk belongs to the instruction it was computed for; once another one is active, it is late and is dropped by id.
"""

import dataclasses
from collections import OrderedDict
from dataclasses import dataclass, field

from finevla_core.errors import FineVLAError
from finevla_core.instruction import Factors, Instruction
from finevla_core.text import words

REMEMBERED = 256  # ended ids kept, so that a late copy of an old instruction does not come back to life
STOP_WORDS = ("stop", "halt")


@dataclass(frozen=True)
class Ended:
    """How an instruction ended ("replaced", "cancelled", "stopped" or "done"), a sentence, and its chunks."""

    how: str
    text: str
    chunks: int


@dataclass
class Steering:
    """The active instruction, the chunks that went out for it, and what became of earlier ones."""

    active: Instruction | None = None
    chunks: int = 0
    _ended: OrderedDict[str, Ended] = field(default_factory=OrderedDict)

    def set(self, instruction: Instruction) -> bool:
        """Make a stamped instruction the active one; False if it is the active one already (the same message again).

        The one before is replaced. An id stands for one instruction: raises `FineVLAError` when it comes back with
        other words or after its end.
        """
        if self.active is not None and self.active.id == instruction.id:
            if not same_words(self.active, instruction):
                raise FineVLAError(f"id '{instruction.id}' is the active instruction's; leave it empty or change it")
            return False
        if (ended := self._ended.get(instruction.id)) is not None:
            raise FineVLAError(f"instruction '{instruction.id}' has ended ({ended.text}); say it again without the id")
        if self.active is not None:
            self.clear(self.active.id, "replaced", f"replaced by instruction '{instruction.id}'")
        self.active, self.chunks = instruction, 0
        return True

    def clear(self, instruction_id: str, how: str, text: str) -> bool:
        """End that instruction if it is the active one; True if it was."""
        if not self.accepts(instruction_id):
            return False
        self._ended[instruction_id] = Ended(how, text, self.chunks)
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)
        self.active, self.chunks = None, 0
        return True

    def accepts(self, instruction_id: str) -> bool:
        """Whether a chunk computed for that instruction may still go out."""
        return self.active is not None and self.active.id == instruction_id

    def count(self, instruction_id: str) -> int:
        """Chunks that went out for an instruction, active or ended."""
        if self.accepts(instruction_id):
            return self.chunks
        ended = self._ended.get(instruction_id)
        return ended.chunks if ended else 0

    def ended(self, instruction_id: str) -> Ended | None:
        """What became of an instruction; None while it is active or if it is unknown."""
        return self._ended.get(instruction_id)


def same_words(one: Instruction, other: Instruction) -> bool:
    """Whether two instructions say the same, whatever their ids and stamps."""
    return dataclasses.replace(one, id="", stamp_ns=0) == dataclasses.replace(other, id="", stamp_ns=0)


def means_stop(instruction: Instruction) -> bool:
    """Whether it says nothing but "stop": what an operator shouts is obeyed by the node, not left to a network."""
    said = [word for word in words(instruction.fine.strip() or instruction.raw) if word.isalpha()]
    return len(said) == 1 and said[0] in STOP_WORDS and instruction.factors == Factors()
