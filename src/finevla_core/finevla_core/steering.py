"""Which instruction is obeyed now, and which answers still count: the policy node's memory, without ROS.

A chunk belongs to the instruction it was computed for; once another one is active, it is late and is dropped by id.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from finevla_core.instruction import Instruction

REMEMBERED = 64  # ids of ended instructions kept, so that a goal can learn what became of it


@dataclass(frozen=True)
class Ended:
    """How an instruction ended: "replaced", "cancelled" or "done", and a sentence."""

    how: str
    text: str


@dataclass
class Steering:
    """The active instruction and what became of earlier ones."""

    active: Instruction | None = None
    chunks: int = 0
    _ended: OrderedDict[str, Ended] = field(default_factory=OrderedDict)

    def set(self, instruction: Instruction) -> None:
        """Make a stamped instruction the active one; the one before is replaced."""
        if self.active is not None and self.active.id != instruction.id:
            self._end(self.active.id, Ended("replaced", f"replaced by instruction '{instruction.id}'"))
        self._ended.pop(instruction.id, None)
        self.active, self.chunks = instruction, 0

    def clear(self, instruction_id: str, how: str, text: str) -> bool:
        """End that instruction if it is the active one; True if it was."""
        if self.active is None or self.active.id != instruction_id:
            return False
        self._end(instruction_id, Ended(how, text))
        self.active = None
        return True

    def accepts(self, instruction_id: str) -> bool:
        """Whether a chunk computed for that instruction may still go out."""
        return self.active is not None and self.active.id == instruction_id

    def ended(self, instruction_id: str) -> Ended | None:
        """What became of an instruction; None while it is active or if it is unknown."""
        return self._ended.get(instruction_id)

    def _end(self, instruction_id: str, ended: Ended) -> None:
        self._ended[instruction_id] = ended
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)
