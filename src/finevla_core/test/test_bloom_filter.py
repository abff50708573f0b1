"""Promises of the set that forgets nothing: what was put in is in it, and little else."""

from hypothesis import given
from hypothesis import strategies as st

from finevla_core.safety.bloom_filter import BloomFilter


@given(st.lists(st.text(), max_size=50))
def test_what_was_put_in_is_in_it_whatever_it_is(texts: list[str]) -> None:
    known = BloomFilter(bits=1000)
    for text in texts:
        known.add(text)
    assert all(text in known for text in texts)


def test_of_the_rest_as_few_are_taken_for_known_as_it_says() -> None:
    known = BloomFilter(bits=1 << 16)
    assert "id 0" not in known
    for number in range(8192):
        known.add(f"id {number}")
    wrong = sum(f"other {number}" in known for number in range(4000)) / 4000
    assert 0.01 < wrong < 0.04  # (1 - exp(-1/2)) ** 4 = 0.024


def test_two_of_them_do_not_take_the_same_texts_for_known() -> None:
    """Else somebody could choose texts after which all others are taken for known."""
    one, other = BloomFilter(bits=4096), BloomFilter(bits=4096)
    for number in range(1024):
        one.add(f"id {number}")
        other.add(f"id {number}")
    assert {t for t in map(str, range(2000)) if t in one} != {t for t in map(str, range(2000)) if t in other}
