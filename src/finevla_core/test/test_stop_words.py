"""Promises of the stop words: whoever shouts is heard, however it is written, and who says "don't stop" is not stopped."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from finevla_core.instruction import Factors, Instruction
from finevla_core.stop_words import READ, TABLE, StopUtterance, stop_of, stop_word

SETS = Path(__file__).resolve().parents[3] / "test" / "language"


def _sentences(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load((SETS / name).read_text(encoding="utf-8")))


STOPS = [entry["say"] for entry in _sentences("stop.yaml")]
OTHERS = [(entry["say"], entry["stops"]) for entry in _sentences("not_stop.yaml")]
LATIN_STOPS = [text for text in STOPS if text.isascii()]
CASES = st.sampled_from([str.lower, str.upper, str.title, str.swapcase])
AROUND = st.text(st.sampled_from(" .!?,;…—*\"'()¡¿🙏😱🤖\u200b\ufe0f"), max_size=8)


@pytest.mark.parametrize("text", STOPS)
def test_what_a_person_shouts_stops_as_a_whole(text: str) -> None:
    found = stop_word(text)
    assert found is not None
    assert found.rest == ""


@pytest.mark.parametrize(("text", "stops"), OTHERS)
def test_a_sentence_with_such_a_word_stops_only_if_it_begins_with_it(text: str, stops: bool) -> None:
    found = stop_word(text)
    assert (found is not None) == stops
    assert found is None or found.rest


@pytest.mark.parametrize(
    "text", ["don't stop", "never stop", "do not stop", "please don't you stop", "no no don't stop"]
)
def test_not_to_stop_is_no_stop(text: str) -> None:
    assert stop_word(text) is None


@pytest.mark.parametrize(
    "text", ["不要停", "别停下来", "nicht anhalten", "stopp nicht", "halt nicht an", "arrête pas", "no pares"]
)
def test_not_to_stop_is_no_stop_in_other_languages(text: str) -> None:
    assert stop_word(text) is None


@pytest.mark.parametrize("text", ["止めないで", "停止しないで", "止まるな", "멈추지 마", "정지하지 마세요"])
def test_not_to_stop_is_no_stop_where_the_verb_says_it(text: str) -> None:
    assert stop_word(text) is None


def test_what_the_sentence_goes_on_with_is_told() -> None:
    assert stop_word("Please stop at the RED cube!") == StopUtterance("stop", "at the RED cube!")
    assert stop_word("停在红色方块上方") == StopUtterance("停", "在红色方块上方")


def test_which_arm_not_to_use_is_no_stop_behind_its_name_but_rest_for_both_is() -> None:
    assert stop_word("right arm, don't move, use the left one to lift the cube") is None
    assert stop_word("right arm, don't move!") is not None
    assert stop_word("robot, don't move, I am coming") is not None


@pytest.mark.parametrize(
    "text", ["", " ", "🤖", "...", "\u200b" * 99, "hello", "hold the red cube", "hold it, then turn it"]
)
def test_what_is_no_stop_is_left_to_the_policy(text: str) -> None:
    assert stop_word(text) is None


@pytest.mark.parametrize(
    "text", ["pick it up with a pause", "wait for the cube", "para levantar el cubo", "stoop down"]
)
def test_words_that_only_look_like_a_stop_are_none(text: str) -> None:
    assert stop_word(text) is None


def test_every_phrase_of_the_table_stops_by_itself() -> None:
    for language in TABLE.values():
        for phrases in (language.begins, language.still, language.clauses, language.alone, language.refusals):
            for phrase in filter(None, phrases.split("|")):
                found = stop_word(phrase)
                assert found is not None, phrase
                assert found.rest == "", phrase


def test_no_phrase_that_changes_nothing_stops_by_itself() -> None:
    for language in TABLE.values():
        for phrase in filter(None, f"{language.negated}|{language.parts}|{language.fillers}".split("|")):
            if phrase.strip(" no"):  # "no no" may stand before a stop, and is one where nothing follows
                assert stop_word(phrase) is None, phrase


@pytest.mark.parametrize("shout", ["stop", "停", "停下"])
def test_a_shout_is_heard_however_long_it_is(shout: str) -> None:
    assert stop_word(shout * 5000 if shout != "stop" else "stop! " * 2000) is not None
    assert stop_word(" " * 9990 + shout) == StopUtterance(shout, "")
    assert stop_word(shout + " x" * 5000) is not None


def test_a_letter_held_down_is_the_same_word() -> None:
    assert stop_word("st" + "o" * (READ - 10) + "p!") == StopUtterance("stop", "")
    assert stop_word("STOPPPPPPP" + "P" * 9990) == StopUtterance("stop", "")


def test_instruction_stops_by_raw_or_fine_text_whatever_its_factors_say() -> None:
    assert stop_of(Instruction("stop", factors=Factors(active_actor="left_arm"))) == StopUtterance("stop", "")
    assert stop_of(Instruction("", fine="停!")) == StopUtterance("停", "")
    assert stop_of(Instruction("reach the cube", fine="stop over it")) == StopUtterance("stop", "over it")
    assert stop_of(Instruction("reach the cube", fine="come from above, then stop")) is None


@given(st.text(max_size=500))
def test_no_text_is_too_strange(text: str) -> None:
    found = stop_word(text)
    assert found is None or found.word


@given(st.sampled_from(STOPS), CASES, AROUND, AROUND)
def test_case_and_what_stands_around_do_not_change_a_stop(text: str, case: Any, before: str, after: str) -> None:
    assert stop_word(before + case(text) + after) is not None


@given(st.sampled_from([text for text, stops in OTHERS if not stops]), CASES, AROUND)
def test_case_and_what_stands_before_do_not_make_a_stop(text: str, case: Any, before: str) -> None:
    assert stop_word(before + case(text)) is None


@given(st.sampled_from(LATIN_STOPS))
def test_width_does_not_change_a_stop(text: str) -> None:
    wide = "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else "\u3000" for sign in text)
    assert stop_word(wide) == stop_word(text)


@given(st.sampled_from(STOPS), st.integers(1, 4), st.sampled_from([" ", "! ", "!!! ", ", ", "\n", " … "]))
def test_repetition_does_not_change_a_stop(text: str, times: int, between: str) -> None:
    found = stop_word(between.join([text] * times))
    assert found is not None
    assert found.rest == ""


@given(st.sampled_from(["stop", "halt", "freeze"]), st.data())
def test_letters_held_down_do_not_change_a_stop(word: str, data: Any) -> None:
    counts = data.draw(st.lists(st.sampled_from([1, 3, 4, 9]), min_size=len(word), max_size=len(word)))
    held = "".join(letter * count for letter, count in zip(word, counts, strict=True))
    assert stop_word(held) == StopUtterance(word, "")
