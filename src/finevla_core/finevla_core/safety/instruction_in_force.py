"""By whose word the arms may move now, and whose word has ended: a stop ends it for good, a reset gives none.

An instruction counts only if it was announced while the bridge holds or follows. What was under way at a stop, and what is
announced or sent before the bridge holds again, is void: it does not come back by being announced again. Nor is it ever
forgotten, however long the bridge runs and however many others somebody lets end.
"""

from collections import OrderedDict
from collections.abc import Callable

from finevla_core.safety.bloom_filter import BloomFilter
from finevla_core.time_units import S_PER_NS

# An operator's motion (homing, going to a pose) obeys no instruction; its chunks carry an id that begins so. Behind a "/"
# it may say which part of the motion a chunk is: all parts begin and end together.
MOTION = "motion:"
EXPLAINED = 4096  # the newest ids that have ended: of these it is known why
LONG_ENDED = "long ago, or it cannot be told from one that has"
MAX_ID = 128  # characters, as an instruction may have


def is_motion(instruction_id: str) -> bool:
    """Whether it is the id of an operator's motion, by its own word; whether it may be is for the gate to say."""
    return instruction_id.startswith(MOTION)


def whole_of(instruction_id: str) -> str:
    """Return the id of the motion that this is a part of; an instruction has no parts."""
    return instruction_id.partition("/")[0] if is_motion(instruction_id) else instruction_id


class Mandate:
    """The instruction in force, the operator's motion under way, and all ids that have ended.

    It is closed at first, and whenever the bridge is stopped or disabled: then nothing that comes counts.
    """

    def __init__(self, steady_ns: Callable[[], int]) -> None:
        self.instruction_id = ""
        self._steady_ns = steady_ns
        self._motion = ""
        self._why_closed = "the bridge was not ready yet"
        self._opened_ns: int | None = None  # by the steady clock; None = closed
        self._ended = BloomFilter()
        self._why: OrderedDict[str, str] = OrderedDict()  # of the newest that have ended, by id

    def open(self) -> None:
        """Let words count that are said from now on."""
        self._opened_ns = self._steady_ns()

    def close(self, why: str) -> None:
        """End what is in force, and let nothing count until it is opened again."""
        self.end(why)
        self._why_closed, self._opened_ns = why, None

    def end(self, why: str) -> None:
        """End the instruction and the motion that are in force."""
        self.end_one(self.instruction_id, why)
        self.end_one(self._motion, why)

    def end_one(self, instruction_id: str, why: str) -> None:
        """Let no chunk of this instruction, or of any part of this motion, count any more."""
        identity = whole_of(instruction_id)
        if not identity or len(identity) > MAX_ID:
            return
        if identity == whole_of(self.instruction_id):
            self.instruction_id = ""
        if identity == self._motion:
            self._motion = ""
        self._ended.add(identity)
        self._why.setdefault(identity, why)  # the first cause stays, and it is the newest now
        self._why.move_to_end(identity)
        if len(self._why) > EXPLAINED:
            self._why.popitem(last=False)

    def announce(self, instruction_id: str, age_s: float = 0.0) -> None:
        """Put an instruction in force that the policy announced `age_s` ago ("" = none); one that is void is not.

        The one before has ended, unless it is the same.
        """
        if self.instruction_id != instruction_id:
            self.end_one(self.instruction_id, f"'{instruction_id[:60]}' was announced after it")
        if self._opened_ns is None:
            self.end_one(instruction_id, self._why_closed)
        elif self._steady_ns() - age_s / S_PER_NS < self._opened_ns:
            self.end_one(
                instruction_id, f"it was announced {age_s:.1f} s ago, by its sender's clock, before the bridge held"
            )
        self.instruction_id = "" if self.why_void(instruction_id) else instruction_id

    def begin_motion(self, instruction_id: str) -> None:
        """Note the operator's motion that is followed or shown; one that has ended does not begin again."""
        if not self.why_void(instruction_id):
            self._motion = whole_of(instruction_id)

    def turn_away(self, instruction_id: str) -> None:
        """Note a chunk that came while nothing counts: what it belongs to has ended."""
        if self._opened_ns is None:
            self.end_one(instruction_id, self._why_closed)

    def why_void(self, instruction_id: str) -> str:
        """Return why this instruction or motion has ended, "" if it has not."""
        if len(instruction_id) > MAX_ID:
            return f"its id has {len(instruction_id)} characters; {MAX_ID} are allowed"
        identity = whole_of(instruction_id)
        if identity in ("", self.instruction_id, self._motion):  # what ends is not in force any more
            return ""
        return self._why.get(identity, LONG_ENDED) if identity in self._ended else ""
