"""Promises of the steering's memory: one instruction at a time, one per id, and no end is forgotten."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from finevla_core.active_instruction import ABSENT_NS, REMEMBERED, Steering
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Instruction
from finevla_core.understanding import Understanding

IDS = st.sampled_from("abcde")


def test_new_instruction_replaces_the_old_and_its_chunks_no_longer_count() -> None:
    steering = Steering()
    steering.set(Instruction("reach the cube", id="1"))
    for number in range(1, 8):
        steering.on_chunk(number, 0.1 * number)
    steering.tally.on_followed(3)
    steering.set(Instruction("reach the ball", id="2"))
    assert not steering.accepts("1")
    assert steering.accepts("2")
    ended = steering.ended("1")
    assert ended is not None
    assert (ended.how, ended.text) == ("replaced", "replaced by instruction '2'")
    assert (ended.chunks, ended.followed) == (7, 1) == steering.counts("1")
    assert steering.ended("2") is None
    assert steering.counts("2") == (0, 0)


def test_clearing_an_instruction_that_is_no_longer_active_changes_nothing() -> None:
    steering = Steering()
    steering.set(Instruction("a", id="1"))
    steering.set(Instruction("b", id="2"))
    assert not steering.clear("1", "done", "time is up")
    assert steering.accepts("2")
    assert steering.clear("2", "cancelled", "by the client")
    assert not steering.accepts("2")
    assert steering.active is None


def test_the_same_message_again_changes_nothing() -> None:
    steering = Steering()
    assert steering.set(Instruction("reach the cube", id="1", stamp_ns=1))
    steering.on_chunk(1, 0.0)
    assert not steering.set(Instruction("reach the cube", id="1", stamp_ns=2))
    assert steering.counts("1") == (1, 0)


def test_an_id_cannot_stand_for_other_words() -> None:
    steering = Steering()
    steering.set(Instruction("reach the cube", id="1"))
    with pytest.raises(FineVLAError, match="id '1' is the active instruction's"):
        steering.set(Instruction("reach the ball", id="1"))
    assert steering.active == Instruction("reach the cube", id="1")


def test_a_late_copy_of_an_ended_instruction_does_not_come_back() -> None:
    steering = Steering()
    steering.set(Instruction("reach the cube", id="1"))
    steering.set(Instruction("reach the ball", id="2"))
    with pytest.raises(FineVLAError, match=r"'1' has ended \(replaced by instruction '2'\)"):
        steering.set(Instruction("reach the cube", id="1"))
    assert steering.accepts("2")


def test_memory_of_the_ended_is_bounded() -> None:
    steering = Steering()
    for i in range(REMEMBERED + 10):
        steering.set(Instruction("go", id=str(i)))
    assert steering.ended("0") is None
    assert steering.ended("10") is not None


def test_what_is_understood_and_the_bridges_epoch_belong_to_the_active_instruction() -> None:
    steering = Steering()
    steering.set(Instruction("reach the cube", id="1"), Understanding("reach · cube"), epoch=4)
    assert (steering.understanding.summary, steering.epoch) == ("reach · cube", 4)
    steering.set(Instruction("go", id="2"))
    assert not steering.understanding.is_checked


def test_refusal_that_ends_leaves_nothing_active_and_its_reason() -> None:
    steering = Steering()
    steering.set(Instruction("reach the cube", id="1"))
    assert not steering.refuse("the bridge is busy", ends=False)
    assert (steering.accepts("1"), steering.refusal) == (True, "")
    assert steering.refuse("I know none of: kettle", ends=True)
    assert (steering.active, steering.refusal) == (None, "I know none of: kettle")
    ended = steering.ended("1")
    assert ended is not None
    assert (ended.how, ended.text) == ("stopped", "new words came: I know none of: kettle")
    steering.set(Instruction("reach the ball", id="2"))
    assert steering.refusal == ""
    steering.clear("2", "done", "time is up")
    assert steering.refusal == "time is up"


def test_target_that_is_not_seen_for_a_second_is_absent_and_one_that_comes_back_is_not() -> None:
    steering = Steering()
    steering.set(Instruction("reach the cube", id="1"))
    assert not steering.on_target_absent(10 * ABSENT_NS)
    assert not steering.on_target_absent(11 * ABSENT_NS - 1)
    steering.on_chunk(1, 0.0)
    assert not steering.on_target_absent(11 * ABSENT_NS)
    assert not steering.on_target_absent(5 * ABSENT_NS)  # time went back
    assert steering.on_target_absent(6 * ABSENT_NS)
    steering.set(Instruction("reach the ball", id="2"))
    assert not steering.on_target_absent(7 * ABSENT_NS)


class SteeringMachine(RuleBasedStateMachine):
    """Any order of saying, ending and answering, against a plain dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.steering = Steering()
        self.active: str | None = None
        self.chunks: dict[str, int] = {}

    @rule(name=IDS)
    def say(self, name: str) -> None:
        instruction = Instruction(f"say {name}", id=name)
        if name in self.chunks and name != self.active:
            with pytest.raises(FineVLAError, match="has ended"):
                self.steering.set(instruction)
            return
        assert self.steering.set(instruction) == (name != self.active)
        self.active = name
        self.chunks.setdefault(name, 0)

    @rule(name=IDS)
    def end(self, name: str) -> None:
        assert self.steering.clear(name, "done", "") == (name == self.active)
        if name == self.active:
            self.active = None

    @rule(name=IDS)
    def answer(self, name: str) -> None:
        """A chunk of any instruction comes out of the network: only the active one's goes out and counts."""
        if self.steering.accepts(name):
            self.steering.on_chunk(self.chunks[name] + 1, 0.0)
            self.chunks[name] += 1
            assert name == self.active

    @invariant()
    def everything_said_is_active_or_ended(self) -> None:
        for name in "abcde":
            assert self.steering.accepts(name) == (name == self.active)
            assert (self.steering.ended(name) is not None) == (name in self.chunks and name != self.active)
            assert self.steering.counts(name) == (self.chunks.get(name, 0), 0)


TestSteeringMachine = SteeringMachine.TestCase
