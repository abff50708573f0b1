"""Promises of chance by number: permutations are permutations, ratios are exact, nothing depends on what was asked before."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finevla_core.errors import FineVLAError
from finevla_tools.training.config_types import LanguageRates
from finevla_tools.training.mixture import (
    MIXES,
    parse_mixture,
    question_share,
    shares_of,
)
from finevla_tools.training.random_draws import SHUFFLED_UP_TO, generator, permuted

SEEDS = st.integers(0, 2**63 - 1)


@given(
    st.one_of(st.integers(1, 300), st.integers(SHUFFLED_UP_TO + 1, SHUFFLED_UP_TO + 600)), SEEDS, st.integers(0, 2**40)
)
def test_each_place_comes_once(size: int, seed: int, turn: int) -> None:
    assert sorted(permuted(k, size, seed, 7, turn) for k in range(size)) == list(range(size))


@given(st.integers(SHUFFLED_UP_TO + 1, 10**12), SEEDS, st.data())
def test_a_place_of_any_range_stays_in_it(size: int, seed: int, data: st.DataObject) -> None:
    one, other = (data.draw(st.integers(0, size - 1)) for _ in range(2))
    found = [permuted(k, size, seed, 1, 0) for k in (one, other)]
    assert all(0 <= k < size for k in found)
    assert (found[0] == found[1]) is (one == other)


def test_large_permutations_look_like_chance_and_differ_by_seed_stream_and_turn() -> None:
    size = 10_000
    orders = [
        np.array([permuted(k, size, *key) for k in range(size)]) for key in ((0, 1, 0), (1, 1, 0), (0, 2, 0), (0, 1, 1))
    ]
    places = np.arange(size)
    for order in orders:
        assert abs(np.corrcoef(places, order)[0, 1]) < 0.05
        assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.05
        assert (order == places).sum() < 8  # one is expected
    for a in range(4):
        for b in range(a):
            assert (orders[a] == orders[b]).sum() < 8


def test_a_place_outside_is_refused() -> None:
    with pytest.raises(IndexError):
        permuted(3, 3, 0, 0, 0)


def test_numbers_of_an_index_are_its_own() -> None:
    first = generator(5, 2, 100).random(1000)
    assert (generator(5, 2, 100).random(1000) == first).all()
    following = np.concatenate([generator(5, 2, 101 + k).random(4) for k in range(200)])
    assert not np.isin(following, first).any()


@pytest.mark.parametrize("mix", MIXES)
def test_every_ratio_of_the_paper_is_exact_in_each_block(mix: str) -> None:
    mixture = parse_mixture(mix)
    fine, raw = map(int, mix.split(":"))
    kinds = [mixture.kind(k, 3, False, False)[0] for k in range(600)]
    for block in range(600 // (fine + raw)):
        some = Counter(kinds[block * (fine + raw) : (block + 1) * (fine + raw)])
        assert (some["fine"], some["raw"]) == (fine, raw)
    if fine and raw:  # and no order is kept from block to block
        assert len({tuple(kinds[k : k + fine + raw]) for k in range(0, 600, fine + raw)}) == fine + raw


def test_chances_are_as_said_and_leave_the_ratio_of_the_rest() -> None:
    mixture = parse_mixture("2:1", LanguageRates(drop=0.1, paraphrase=0.5, factors=0.2))
    count = Counter(mixture.kind(k, 11, True, True)[0] for k in range(30_000))
    shares = {kind: n / 30_000 for kind, n in count.items()}
    wanted = {"none": 0.1, "factors": 0.18, "fine": 0.48, "raw": 0.12, "paraphrase": 0.12}
    assert shares == pytest.approx(wanted, abs=0.01)


def test_what_a_frame_does_not_have_is_told_as_without_that_chance() -> None:
    plain = parse_mixture("1:1")
    mixture = parse_mixture("1:1", LanguageRates(paraphrase=1.0, factors=1.0))
    for k in range(50):
        assert mixture.kind(k, 0, False, False)[0] == plain.kind(k, 0, False, False)[0]
        assert mixture.kind(k, 0, True, True)[0] == "factors"


@given(st.text(max_size=8))
def test_no_other_mixture_is_taken(text: str) -> None:
    if text in MIXES or text in ("fine", "raw"):
        assert parse_mixture(text).fine + parse_mixture(text).raw > 0
    else:
        with pytest.raises(FineVLAError, match="known are 1:0, 4:1"):
            parse_mixture(text)


def test_mixtures_that_are_none_are_told() -> None:
    with pytest.raises(FineVLAError, match="'3:1'"):
        parse_mixture("3:1")
    with pytest.raises(FineVLAError, match="in quotes"):
        parse_mixture(61)  # type: ignore[arg-type]


@given(st.lists(st.sampled_from([0.5, 1, 1.0, 2, 0.25, 3, 0.1]), min_size=1, max_size=4), SEEDS)
def test_weights_of_sets_are_exact_and_each_set_counts_through(weights: list[float], seed: int) -> None:
    shares = shares_of(weights)
    size = sum(shares.counts)
    exact = [Fraction(str(w)) / sum(Fraction(str(v)) for v in weights) for w in weights]
    assert [Fraction(count, size) for count in shares.counts] == exact
    found = [shares.place(k, seed) for k in range(3 * size)]
    for number, count in enumerate(shares.counts):
        assert sorted(ordinal for one, ordinal in found if one == number) == list(range(3 * count))


def test_weights_too_fine_for_a_block_are_rounded() -> None:
    shares = shares_of([1.0, 0.333333333])
    assert shares.counts[0] / sum(shares.counts) == pytest.approx(0.75, abs=1e-3)
    with pytest.raises(FineVLAError, match="weight '0'"):
        shares_of([1.0, 0])


@given(st.sampled_from([0.0, 0.1, 0.125, 0.5, 0.9]), st.integers(1, 8))
def test_batches_are_of_one_kind_and_both_kinds_count_through(ratio: float, batch: int) -> None:
    share = question_share(ratio, batch)
    found = [share.split(k) for k in range(40 * batch)]
    for k in range(0, len(found), batch):
        assert len({is_question for is_question, _ in found[k : k + batch]}) == 1
    for kind in (True, False):
        numbers = [number for is_question, number in found if is_question is kind]
        assert numbers == list(range(len(numbers)))
    assert sum(is_question for is_question, _ in found) == round(40 * ratio) * batch


def test_a_ratio_that_is_none_is_told() -> None:
    with pytest.raises(FineVLAError, match="vlm.ratio is '1'"):
        question_share(1, 4)
