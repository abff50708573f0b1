"""Promises of the tokeniser: any text comes out in fixed sizes, and words fall into the pieces that their vectors know."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finevla_core.errors import FineVLAError
from finevla_core.subword_vocabulary import MARK, PIECES, UNKNOWN, Vocabulary, encode, is_piece, load_vocabulary, words

MERGED = ("ck", "an", "ti", "lock", "clock", f"{MARK}clock", f"{MARK}a", f"{MARK}an", f"{MARK}anti", "cl", "lo")
VOCABULARY = Vocabulary((UNKNOWN, *MERGED, *"abcdeiklnostw", *"012", *".,"))
SIZE = 16


def pieces(text: str) -> list[list[str]]:
    tokens, mask = encode(text, VOCABULARY, SIZE)
    return [[VOCABULARY.pieces[token] for token in row if token] for row in tokens[mask > 0]]


any_text = (
    st.text(max_size=300)
    | st.text(st.characters(codec=None), max_size=60)
    | st.text("anticlock wise1\u0301,ß", max_size=99)
)


@given(any_text, st.integers(1, SIZE))
def test_any_text_encodes_to_fixed_sizes(text: str, size: int) -> None:
    tokens, mask = encode(text, VOCABULARY, size)
    assert (tokens.shape, mask.shape) == ((size, PIECES), (size,))
    assert (tokens.dtype, mask.dtype) == (np.int64, np.float32)
    assert tokens.min() >= 0
    assert tokens.max() < len(VOCABULARY)
    filled = int(mask.sum())
    assert filled >= 1
    assert mask[:filled].all()
    assert not tokens[filled:].any()


@given(any_text)
def test_same_text_same_tokens_and_a_shorter_answer_is_the_beginning_of_a_longer_one(text: str) -> None:
    afresh = Vocabulary(VOCABULARY.pieces)
    for one, other in itertools.product((VOCABULARY, afresh), repeat=2):
        assert np.array_equal(encode(text, one, SIZE)[0][:5], encode(text, other, 5)[0])


@given(st.text("anticlock", min_size=1, max_size=40))
def test_pieces_of_a_known_word_put_together_are_the_word(word: str) -> None:
    assert "".join(VOCABULARY.split(word)).removeprefix(MARK) == word


def test_words_ignore_case_and_width() -> None:
    assert words("Reach the RED cube, 2x.") == ["reach", "the", "red", "cube", ",", "2", "x", "."]
    assert words("ＲＥＤ") == ["red"]


def test_earlier_pieces_are_put_together_first() -> None:
    assert pieces("clock") == [["cl", "o", "ck"]]  # not the longest: 'ck' comes before 'lock' in the list
    assert VOCABULARY.split("anticlock") == [f"{MARK}anti", "cl", "o", "ck"]


def test_a_number_is_its_digits_and_punctuation_stands_alone() -> None:
    assert pieces("12, an.") == [["1", "2"], [","], [f"{MARK}an"], ["."]]


def test_letters_that_are_in_no_piece_come_out_as_one_unknown_and_accents_are_left_away() -> None:
    assert pieces("方块 an") == [[], [f"{MARK}an"]]
    assert VOCABULARY.split("ań") == [f"{MARK}an"]
    assert VOCABULARY.split("xyzti") == [UNKNOWN, "ti"]


@pytest.mark.parametrize("text", ["", "   ", "---", "\x00", "\ud800", "🙂"])
def test_text_without_a_word_is_one_empty_word(text: str) -> None:
    tokens, mask = encode(text, VOCABULARY, SIZE)
    assert mask.tolist() == [1.0] + [0.0] * (SIZE - 1)
    assert not tokens.any()


def test_very_long_texts_and_words_are_cut() -> None:
    assert encode("an " * 100_000, VOCABULARY, SIZE)[1].all()
    assert len(VOCABULARY.split("o" * 100_000)) == 64


def test_pieces_that_words_cannot_come_to_are_told() -> None:
    assert all(map(is_piece, [f"{MARK}red", "ing", "7", "?"]))
    assert not any(map(is_piece, ["", MARK, "Red", "12", f"{MARK}7", "red ", "é", "_a", UNKNOWN]))


def test_vocabulary_file_comes_back_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "vocabulary.txt"
    file.write_bytes(VOCABULARY.dump())
    assert load_vocabulary(file).pieces == VOCABULARY.pieces


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the first piece of a vocabulary must be '<unknown>', not ''"),
        (b"red\n", "the first piece of a vocabulary must be '<unknown>', not 'red'"),
        (b"<unknown>\nred\n\nan\n", "piece 3 of the vocabulary is empty or has a space in it"),
        (b"<unknown>\nred\nan\nred\n", "piece 'red' is in the vocabulary twice, the second time as piece 4"),
        (b"<unknown>\n\xff\n", "codec can't decode"),
        (b"<unknown>\n" + b"".join(b"%d\n" % i for i in range(200_000)), "has 1 to 200000 pieces, not 200001"),
    ],
)
def test_mistakes_in_a_vocabulary_file_are_named(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "vocabulary.txt"
    file.write_bytes(content)
    with pytest.raises(FineVLAError, match=r"vocabulary\.txt' is no vocabulary: ") as refused:
        load_vocabulary(file)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
