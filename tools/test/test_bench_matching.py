"""Promises of the VQA matching: every published rule with its odd corners, and what the strict rules say instead."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finevla_tools.benchmarks.vqa_matching import (
    CHOICE,
    NUMBER,
    YES_NO,
    VqaQuestion,
    match_as_published,
    match_strictly,
    right_letter,
    shown_options,
)


def asked(kind: str, answer: str, *options: str, name: str = "q1") -> VqaQuestion:
    return VqaQuestion(name, "s", kind, "?", answer, options=options)


COLOURS = asked(CHOICE, "red cup", "red cup", "blue cup", "green cup")


@pytest.mark.parametrize(
    ("said", "parsed"),
    [
        ("yes", "yes"),
        (" No ", "no"),
        ("Yes, it does", "yes"),
        ("yesterday", "yes"),  # a prefix decides
        ("not sure", "no"),
        ("nothing moves", "no"),
        ("I think yes", "yes"),
        ("the answer is no.", "no"),
        ("maybe", "maybe"),
        ("is it yes or no? I cannot tell", "is it yes or no? i c"),  # both: the first 20 characters
        ("eyes noted", "eyes noted"),
        ("", ""),
    ],
)
def test_published_yes_no(said: str, parsed: str) -> None:
    assert match_as_published(said, asked(YES_NO, "no")).parsed == parsed
    assert match_as_published(said, asked(YES_NO, " No")).correct is (parsed == "no")
    assert match_as_published(said, asked(YES_NO, "YES")).correct is (parsed == "yes")


@pytest.mark.parametrize(
    ("said", "parsed"),
    [
        ("3", "3"),
        ("2.5", "2"),
        ("-1", "1"),
        ("Step 2: 3", "2"),
        ("03", "03"),
        ("three", "3"),
        ("Three times", "3"),
        ("weight", "8"),
        ("someone", "1"),
        ("fourteen", "4"),
        ("two or one", "1"),  # the order of the numbers, not of the text
        ("many", "many"),
        ("a great deal of things", "a great deal of thin"),
    ],
)
def test_published_number(said: str, parsed: str) -> None:
    match = match_as_published(said, asked(NUMBER, "3"))
    assert match.parsed == parsed
    assert match.correct is (parsed == "3")


def test_published_number_compares_text_and_reads_only_digits_of_the_truth() -> None:
    assert not match_as_published("03", asked(NUMBER, "3")).correct
    assert not match_as_published("two", asked(NUMBER, "two")).correct
    assert not match_as_published("2", asked(NUMBER, "two")).correct
    assert match_as_published("many", asked(NUMBER, "many")).correct
    assert match_as_published("2.9", asked(NUMBER, "2 times")).correct


def test_options_are_shuffled_by_the_questions_id_as_the_published_runner_does() -> None:
    for name in ("q1", "galaxea-69_q3", ""):
        expected = ["a", "b", "c", "d", "e"]
        random.Random(name).shuffle(expected)
        question = asked(CHOICE, " B ", "a", "b", "c", "d", "e", name=name)
        assert shown_options(question) == expected
        assert right_letter(question) == "ABCDE"[expected.index("b")]
    assert shown_options(asked(CHOICE, "a", "a", "b", "c", name="z")) == ["b", "c", "a"]  # frozen: Python keeps it


def test_right_letter_is_of_the_first_option_that_is_equal() -> None:
    question = asked(CHOICE, "same", "same", "SAME ", "other")
    shown = [option.strip().lower() for option in shown_options(question)]
    assert right_letter(question) == "ABC"[shown.index("same")]


@pytest.mark.parametrize(
    "shape",
    ["{}", "{}.", "{}) because", "{} ", "Answer: {}", "answer {}", "选{}", "选择：{}", "选择 {}", "My answer: {}"],
)
def test_published_choice_reads_a_letter(shape: str) -> None:
    said = shape.format(right_letter(COLOURS))
    match = match_as_published(said, COLOURS)
    if shape == "选择：{}":  # only a half-width colon is between them
        assert match.parsed == said
    else:
        assert match.correct, said
        assert match.parsed == "red cup"


def test_published_choice_corners() -> None:
    shown = shown_options(COLOURS)
    assert match_as_published("A red cup", COLOURS).parsed == shown[0]  # an article is a letter
    assert match_as_published("the red cup, I think", COLOURS).correct
    for unread in ("(C)", "Option C", "the answer is C", "Z", "purple"):
        assert match_as_published(unread, COLOURS) == replace(match_as_published(unread, COLOURS), parsed=unread[:30])
        assert not match_as_published(unread, COLOURS).correct
    assert match_as_published("answer: Z", COLOURS).parsed == "Z"
    assert match_as_published("x" * 40, COLOURS).parsed == "x" * 30
    assert match_as_published("", COLOURS).parsed == ""


def test_published_choice_takes_the_first_shown_option_that_is_inside() -> None:
    question = asked(CHOICE, "dark red", "dark red", "red")
    wrong_first = next(
        replace(question, question_id=name)
        for name in "abcdefgh"
        if shown_options(replace(question, question_id=name))[0] == "red"
    )
    assert match_as_published("it is dark red", wrong_first).parsed == "red"
    assert not match_as_published("it is dark red", wrong_first).correct
    assert match_strictly("it is dark red", wrong_first).correct


def test_truth_that_is_no_option_is_always_wrong() -> None:
    question = asked(CHOICE, "leftmost", "rightmost", "middle")
    assert right_letter(question) == ""
    assert not any(match_as_published(said, question).correct for said in ("A", "B", "leftmost", "rightmost", ""))


def test_other_types_are_equal_but_for_case() -> None:
    other = asked("text", "Left Arm")
    assert match_as_published(" left arm", other).correct
    assert not match_as_published("the left arm", other).correct


@pytest.mark.parametrize(
    ("said", "parsed"),
    [
        ("not sure", ""), ("no idea", ""), ("nothing", ""), ("yesterday", ""), ("yes or no", ""), ("maybe", ""),
        ("No.", "no"), ("no, yes it looked so", "no"), ("It does: yes", "yes"), ("YES", "yes"),
    ],
)  # fmt: skip
def test_strict_yes_no(said: str, parsed: str) -> None:
    assert match_strictly(said, asked(YES_NO, "yes")).parsed == parsed
    assert match_strictly(said, asked(YES_NO, "yes")).correct is (parsed == "yes")


@pytest.mark.parametrize(
    ("said", "parsed"),
    [
        ("2.5", "2.5"), ("-1", "-1"), ("03", "3"), ("weight", ""), ("someone", ""), ("fourteen", "14"), ("Step 2: 3", ""),
        ("three (3)", "3"), ("3.", "3"), ("3cm", ""), ("", ""),
    ],
)  # fmt: skip
def test_strict_number(said: str, parsed: str) -> None:
    assert match_strictly(said, asked(NUMBER, "three")).parsed == parsed
    assert match_strictly(said, asked(NUMBER, "3")).correct is (parsed == "3")


@pytest.mark.parametrize("shape", ["{}", "({})", "Option {}", "The answer is {}.", "{}. something", "**{}**"])
def test_strict_choice_reads_letters(shape: str) -> None:
    assert match_strictly(shape.format(right_letter(COLOURS)), COLOURS).correct


def test_strict_choice_in_doubt_reads_nothing() -> None:
    assert match_strictly("A red cup", COLOURS).correct
    assert match_strictly("red cup or blue cup", COLOURS).parsed == ""
    assert match_strictly("a coloured cup", COLOURS).parsed == ""
    assert match_strictly("Z", COLOURS).parsed == ""


@given(st.text(max_size=40), st.sampled_from([asked(YES_NO, "yes"), asked(NUMBER, "2"), COLOURS]))
def test_any_text_is_read_by_both_rules_without_an_error(said: str, question: VqaQuestion) -> None:
    for match in (match_as_published(said, question), match_strictly(said, question)):
        assert isinstance(match.correct, bool)
    strict = match_strictly(said, question)
    assert strict.parsed or not strict.correct  # what could not be read is never right


@given(st.lists(st.text("abcdef ", min_size=1, max_size=6), min_size=2, max_size=8, unique=True), st.text(max_size=8))
def test_the_right_letter_is_right_by_both_rules(options: list[str], name: str) -> None:
    question = asked(CHOICE, options[0], *options, name=name)
    letter = right_letter(question)
    assert match_as_published(letter, question).correct
    same = {option.strip() for option in options}
    if len(same) == len(options) and "" not in same and not same & set("abcdef"):
        assert match_strictly(letter, question).correct
