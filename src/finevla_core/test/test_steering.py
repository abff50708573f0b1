"""Promises of the steering's memory: one instruction at a time, one per id, and no end is forgotten."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from finevla_core.errors import FineVLAError
from finevla_core.instruction import Factors, Instruction
from finevla_core.steering import REMEMBERED, Steering, means_stop

IDS = st.sampled_from("abcde")


def test_new_instruction_replaces_the_old_and_its_chunks_no_longer_count() -> None:
    steering = Steering()
    steering.set(Instruction("reach the cube", id="1"))
    steering.chunks = 7
    steering.set(Instruction("reach the ball", id="2"))
    assert not steering.accepts("1")
    assert steering.accepts("2")
    ended = steering.ended("1")
    assert ended is not None
    assert (ended.how, ended.text, ended.chunks) == ("replaced", "replaced by instruction '2'", 7)
    assert steering.ended("2") is None
    assert steering.count("2") == 0


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
    steering.chunks = 3
    assert not steering.set(Instruction("reach the cube", id="1", stamp_ns=2))
    assert steering.count("1") == 3


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


@pytest.mark.parametrize("text", ["stop", "Stop!", " STOP. ", "halt", "ｓｔｏｐ"])
def test_a_lone_stop_means_stop(text: str) -> None:
    assert means_stop(Instruction(text))
    assert means_stop(Instruction("", fine=text))


@pytest.mark.parametrize("text", ["stop above the red cube", "stop stop", "go", "do not stop", "5", "."])
def test_stop_within_a_sentence_is_an_instruction(text: str) -> None:
    assert not means_stop(Instruction(text))
    assert not means_stop(Instruction("stop", factors=Factors(active_actor="left_arm")))


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
            self.steering.chunks += 1
            self.chunks[name] += 1
            assert name == self.active

    @invariant()
    def everything_said_is_active_or_ended(self) -> None:
        for name in "abcde":
            assert self.steering.accepts(name) == (name == self.active)
            assert (self.steering.ended(name) is not None) == (name in self.chunks and name != self.active)
            assert self.steering.count(name) == self.chunks.get(name, 0)


TestSteeringMachine = SteeringMachine.TestCase
