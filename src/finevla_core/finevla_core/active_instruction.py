"""Which instruction is obeyed now, and which answers still count: the policy node's memory, without ROS.

A chunk belongs to the instruction it was computed for; once another one is active, it is late and is dropped by id.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from finevla_core.chunk_tally import ChunkTally
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction, same_words
from finevla_core.instruction_history import with_history
from finevla_core.understanding import Understanding, unchecked

REMEMBERED = 256  # ended ids kept, so that a late copy of an old instruction does not come back to life
ABSENT_NS = 1_000_000_000  # observations without the target for so long end the instruction
ENDS_EPISODE = ("stopped", "cancelled")  # the operator takes back what he said
NOT_FOLLOWED = ("absent", "refused")


@dataclass(frozen=True)
class Ended:
    """How an instruction ended, a sentence, and its chunks.

    `how` is "replaced", "cancelled", "stopped", "absent" (its target is not seen), "refused" (its chunks were) or "done";
    `chunks` were published and `followed` of these by the bridge.
    """

    how: str
    text: str
    chunks: int
    followed: int = 0


@dataclass
class Steering:
    """The active instruction, what it is taken for, the chunks that went out for it, and what became of earlier ones.

    `epoch` is the bridge's when the instruction began; `refusal` says why the last one was refused or ended, and is empty
    while one is active. The active instruction carries its history: what was stopped or cancelled ends the episode, what was
    not followed (its target was not seen, its chunks were refused) is left out of it.
    """

    active: Instruction | None = None
    understanding: Understanding = field(default_factory=unchecked)
    epoch: int = 0
    tally: ChunkTally = field(default_factory=ChunkTally)
    refusal: str = ""
    _ended: OrderedDict[str, Ended] = field(default_factory=OrderedDict)
    _absent_since_ns: int | None = None
    _said: tuple[Instruction, ...] = ()  # in this episode, newest last

    def set(self, instruction: Instruction, understanding: Understanding | None = None, epoch: int = 0) -> bool:
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
        self.active = self.following(instruction)
        self._said = (*self.active.history, self.active)
        self.understanding, self.epoch = understanding or unchecked(), epoch
        self.tally, self.refusal, self._absent_since_ns = ChunkTally(), "", None
        return True

    def following(self, instruction: Instruction) -> Instruction:
        """Return an instruction with the history that it has if it becomes the active one now."""
        return with_history(instruction, self._said)

    def end_episode(self) -> None:
        """Forget what was said: the next instruction has no history."""
        self._said = ()

    def clear(self, instruction_id: str, how: str, text: str) -> bool:
        """End that instruction if it is the active one; True if it was."""
        if not self._end(instruction_id, how, text):
            return False
        if how in ENDS_EPISODE:
            self.end_episode()
        elif how in NOT_FOLLOWED:
            self._said = self._said[:-1]
        return True

    def _end(self, instruction_id: str, how: str, text: str) -> bool:
        if not self.accepts(instruction_id):
            return False
        self._ended[instruction_id] = Ended(how, text, self.tally.published, self.tally.followed)
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)
        self.active, self.refusal = None, text
        return True

    def refuse(self, text: str, ends: bool) -> bool:
        """Remember why an instruction was refused; with `ends` the active one is over, too. True if one was ended.

        The episode goes on: what is refused does not count, and what was followed until now does.
        """
        was_ended = ends and self.active is not None and self._end(self.active.id, "stopped", f"new words came: {text}")
        if self.active is None:
            self.refusal = text
        return was_ended

    def on_target_absent(self, stamp_ns: int) -> bool:
        """Note an observation, by its stamp, without the target; True if it has not been seen for a second by now."""
        if self._absent_since_ns is None or stamp_ns < self._absent_since_ns:
            self._absent_since_ns = stamp_ns
        return stamp_ns - self._absent_since_ns >= ABSENT_NS

    def on_chunk(self, sequence: int, now_s: float) -> None:
        """Count a chunk that goes out for the active instruction: its target is seen."""
        self._absent_since_ns = None
        self.tally.on_published(sequence, now_s)

    def accepts(self, instruction_id: str) -> bool:
        """Whether a chunk computed for that instruction may still go out."""
        return self.active is not None and self.active.id == instruction_id

    def counts(self, instruction_id: str) -> tuple[int, int]:
        """Chunks of an instruction, active or ended: those that went out, and of these those that were followed."""
        if self.accepts(instruction_id):
            return self.tally.published, self.tally.followed
        ended = self._ended.get(instruction_id)
        return (ended.chunks, ended.followed) if ended else (0, 0)

    def ended(self, instruction_id: str) -> Ended | None:
        """What became of an instruction; None while it is active or if it is unknown."""
        return self._ended.get(instruction_id)
