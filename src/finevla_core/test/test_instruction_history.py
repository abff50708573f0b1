"""Promises of an instruction's history: of its own episode, in order, bounded, without stops and what was not followed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finevla_core.active_instruction import Steering
from finevla_core.errors import FineVLAError
from finevla_core.instruction import Factors, Instruction
from finevla_core.instruction_history import MAX_HISTORY, history_of, with_history
from finevla_core.policy.manifest_transforms import parse_prompt, parse_transforms
from finevla_core.policy.transforms import Transforms
from finevla_core.policy_wire.finevla_dialect import instruction_of, plain_instruction

CUBE, BALL, CUP = (Instruction(f"reach the {thing}") for thing in ("cube", "ball", "cup"))
STOP = Instruction("Stop!")
SAID = st.lists(st.sampled_from([CUBE, BALL, CUP, STOP, None]), max_size=3 * MAX_HISTORY)


def prompt(instruction: Instruction, **history: object) -> str:
    entry = {"parts": ["fine"], "template": "{history}Now: {}", "history": {"most": 2, "template": "{}. "} | history}
    return Transforms(parse_transforms([{"prompt": entry}], ())).prompt(instruction)


@given(SAID, st.sampled_from([CUBE, BALL, CUP]))
def test_history_is_the_episodes_words_in_order_and_bounded(said: list[Instruction | None], now: Instruction) -> None:
    ends = [place for place, one in enumerate(said) if one is None or one is STOP]
    episode = [*said[ends[-1] + 1 if ends else 0 :], now]
    changes = [one for k, one in enumerate(episode) if k == 0 or one is not episode[k - 1]]
    assert list(history_of([*said, now])) == changes[:-1][-MAX_HISTORY:]


@given(SAID)
def test_what_is_kept_stands_for_all_that_was_said(said: list[Instruction | None]) -> None:
    """As node and server remember it: the history of the last and the last itself."""
    kept: tuple[Instruction, ...] = ()
    for number, one in enumerate(said):
        if one is None:
            kept = ()
            continue
        now = with_history(replace(one, id=str(number)), kept)
        assert [(e.raw, e.history) for e in now.history] == [(e.raw, ()) for e in history_of(said[: number + 1])]
        kept = (*now.history, now)


def test_steering_gives_the_active_instruction_what_was_active_before() -> None:
    steering, ids = Steering(), iter("0123456789")

    def say(instruction: Instruction) -> list[str]:
        steering.set(replace(instruction, id=next(ids)))
        assert steering.active is not None
        return [one.raw for one in steering.active.history]

    assert say(CUBE) == []
    assert say(BALL) == [CUBE.raw]
    assert steering.clear("1", "done", "time is up")
    assert say(CUP) == [CUBE.raw, BALL.raw]
    assert steering.refuse("I know none of: kettle", ends=True)
    assert say(CUBE) == [CUBE.raw, BALL.raw, CUP.raw]
    assert steering.clear("3", "absent", "I see no cube")
    assert say(BALL) == [CUBE.raw, BALL.raw, CUP.raw]
    assert steering.clear("4", "stopped", "the operator said stop")
    assert say(CUP) == []
    assert steering.clear("5", "cancelled", "by the client")
    assert say(CUBE) == []
    assert say(BALL) == [CUBE.raw]
    steering.end_episode()
    assert say(CUP) == []


def test_prompt_holds_the_newest_by_their_parts_and_what_stands_for_none() -> None:
    fine = Instruction("lift the cup", "the left arm lifts the cup. ", Factors(active_actor="left_arm"))
    told = with_history(BALL, [CUBE, CUP, fine])
    assert prompt(told) == "reach the cup; the left arm lifts the cup. Now: reach the ball"
    assert prompt(told, parts=["raw", "factors"], separator=" | ", most=1) == (
        "lift the cup. use the left arm. Now: reach the ball"
    )
    assert prompt(BALL) == "Now: reach the ball"
    assert prompt(BALL, none="Nothing yet. ") == "Nothing yet. Now: reach the ball"
    braces = Instruction("reach {x} {}")
    assert prompt(with_history(braces, [replace(braces, raw="{history}")])) == "{history}. Now: reach {x} {}"


def test_history_is_not_longer_than_its_characters_and_none_is_cut() -> None:
    told = with_history(BALL, [CUBE, CUP])
    both = len("reach the cube; reach the cup")
    assert prompt(told, characters=both).startswith("reach the cube; reach the cup. ")
    assert prompt(told, characters=both - 1) == "reach the cup. Now: reach the ball"
    assert prompt(told, characters=5, none="-") == "-Now: reach the ball"


def test_a_prompt_without_history_is_as_before() -> None:
    told = with_history(BALL, [CUBE])
    steps = Transforms(parse_transforms([{"prompt": {"parts": ["raw"], "template": "Task: {}"}}], ()))
    assert steps.prompt(told) == "Task: reach the ball"
    assert Transforms().prompt(told) == told.prompt() == "reach the ball"
    assert (steps.history, Transforms().history) == (0, 0)
    assert "history" not in plain_instruction(BALL)


def test_history_travels_to_our_server_and_too_much_of_it_is_refused() -> None:
    told = with_history(BALL, [CUBE, replace(CUP, id="7", stamp_ns=3)])
    assert instruction_of(plain_instruction(told)) == told
    for wrong in ("reach", [{"raw": "go"}] * (MAX_HISTORY + 1)):
        with pytest.raises(FineVLAError, match=f"'history' of the instruction must be a list of at most {MAX_HISTORY}"):
            instruction_of({"raw": "go", "history": wrong})
    with pytest.raises(FineVLAError, match="an entry of the instruction's 'history' is no map"):
        instruction_of({"raw": "go", "history": ["reach"]})


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"template": "{history} {}"}, "'{history}' needs the entry 'history' of the prompt, as in 'history: {most: 3}'"),
        ({"history": {"most": 3}}, "it must hold '{}' once, where the words go, and '{history}' once"),
        ({"history": {"most": 3}, "template": "{history}{history}{}"}, "and '{history}' once"),
        ({"template": "{} }"}, "it must hold '{}' once"),
        ({"history": {}}, "'history': 'most' is 'None'; it must be a whole number, 1 to 16"),
        ({"history": {"most": 17}}, "'history': 'most' is '17'"),
        ({"history": {"most": True}}, "'history': 'most' is 'True'"),
        ({"history": {"most": 3, "parts": ["all"]}}, "'parts' must list some of raw, fine, factors"),
        ({"history": {"most": 3, "template": "before"}}, "'template' is 'before'; it must hold '{}' once"),
        ({"history": {"most": 3, "none": 0}}, "'history': 'none' is '0'; it must be text"),
        ({"history": {"most": 3, "characters": 0}}, "'characters' is '0'; it must be a whole number, 1 to"),
        ({"history": {"most": 3, "seperator": ","}}, "'history': unknown entry 'seperator'"),
        ({"history": 3}, "'history': its settings are '3'; they must be a mapping"),
    ],
)  # fmt: skip
def test_wrong_options_are_one_sentence(entry: dict[str, object], said: str) -> None:
    with pytest.raises(FineVLAError) as error:
        parse_prompt({"parts": ["raw"]} | entry)
    assert said in str(error.value)
