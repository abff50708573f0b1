"""Promises of the caption score: the published numbers to the fourth decimal, its corners, and what each repair changes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finevla_tools.benchmarks.capabilities import CAPABILITIES
from finevla_tools.benchmarks.caption_repair import (
    BOUNDED,
    EVERY_FACT,
    MISSING,
    AtomicFact,
    flaws,
    repaired_score,
    repairs_of,
)
from finevla_tools.benchmarks.caption_scoring import (
    LABELS,
    MATCH,
    OMISSION,
    FactVerdict,
    JudgedSample,
    dataset_summary,
    score,
    scored_line,
)
from finevla_tools.benchmarks.score_uncertainty import agreement

SHORT = {label[0]: label for label in LABELS}
FEW = st.dictionaries(st.sampled_from(CAPABILITIES), st.text("mpco", min_size=1, max_size=5))


def judged(labels: dict[str, str], invented: int = 0, name: str = "s") -> JudgedSample:
    """Verdicts by capability, a letter each: m, p, c, o."""
    verdicts = [
        FactVerdict(f"{capability}_{k}", capability, "slot", "value", SHORT[letter])
        for capability, letters in labels.items()
        for k, letter in enumerate(letters, 1)
    ]
    return JudgedSample(name, tuple(verdicts), ({"description": "it waves"},) * invented)


def facts_of(one: JudgedSample) -> list[AtomicFact]:
    return [AtomicFact(v.fact_id, v.capability, v.slot, v.gt_value, "text") for v in one.verdicts]


@pytest.mark.parametrize(
    ("labels", "invented", "parts"),
    [
        # consistency (5/6 + 1 + 0.5) / 3, coverage (5/7 + 0 + 1 + 0.5) / 4, one invented of seven actions
        ({"action_sequence": "mmmmpco", "body_motion": "o", "target_object": "m", "active_actor": "p"}, 1,
         (0.75, 0.5357, 0.8571, 0.7143)),
        ({"action_sequence": "m"}, 0, (1.0, 1.0, 1.0, 1.0)),
        ({"action_sequence": "ooo", "target_object": "o"}, 0, (0.0, 0.0, 1.0, 0.3333)),  # an empty caption
        ({}, 0, (0.0, 0.0, 1.0, 0.3333)),  # no facts
        ({"action_sequence": "m"}, 3, (1.0, 1.0, -2.0, 0.0)),  # no floor
        ({"target_object": "m"}, 3, (1.0, 1.0, 1.0, 1.0)),  # nothing is invented where no action is true
        ({"target_object": "c"}, 0, (0.0, 0.0, 1.0, 0.3333)),
    ],
)  # fmt: skip
def test_published_score_of_a_sample(
    labels: dict[str, str], invented: int, parts: tuple[float, float, float, float]
) -> None:
    one = score(judged(labels, invented))
    assert (one.consistency, one.coverage, one.anti_hallucination, one.caption) == parts


def test_verdicts_of_unknown_capabilities_are_dropped_without_a_word() -> None:
    one = judged({"action_sequence": "m"})
    odd = replace(one, verdicts=(*one.verdicts, FactVerdict("speed_1", "speed", "slot", "fast", OMISSION)))
    assert score(odd) == score(one)


def test_scored_line_has_the_published_form() -> None:
    line = scored_line(score(judged({"action_sequence": "mpo"}, 1)))
    assert list(line) == [
        "sample_id", "status", "capability_scores", "consistency_score", "weighted_coverage", "weighted_anti_hallucination",
        "caption_score", "error",
    ]  # fmt: skip
    assert [row["capability"] for row in line["capability_scores"]] == list(CAPABILITIES)
    assert line["capability_scores"][0] == {
        "capability": "action_sequence", "G": 3, "C": 3, "M": 1, "P": 1, "X": 0, "O": 1, "H": 1, "A": 2,
        "consistency": 0.75, "coverage": 0.5, "omission_rate": 0.5, "anti_hallucination": 1 - 1 / 3,
        "hallucination_rate": 1 - (1 - 1 / 3),
    }  # fmt: skip
    assert line["capability_scores"][1]["consistency"] is None


def test_summary_is_the_mean_of_rounded_scores_without_errors() -> None:
    thirds = [judged({"action_sequence": "moo"}, name=f"s{k}") for k in range(2)]
    scores = [score(one) for one in (*thirds, JudgedSample("bad", error="no JSON"))]
    told = dataset_summary(scores, "m")
    assert (told["num_total_samples"], told["num_scored_samples"], told["num_errors"]) == (3, 2, 1)
    assert told["mean_weighted_coverage"] == 0.3333
    assert told["mean_caption_score"] == round((1 + 1 / 3 + 1) / 3, 4)
    actions = told["per_capability"]["action_sequence"]
    assert actions == {
        "mean_consistency": 1.0, "mean_coverage": 0.3333, "mean_anti_hallucination": 1.0, "total_G": 6, "total_C": 2,
        "total_M": 2, "total_P": 0, "total_X": 0, "total_O": 4, "total_H": 0,
    }  # fmt: skip
    assert told["per_capability"]["body_motion"]["mean_coverage"] is None
    assert dataset_summary([], "m")["per_capability"] == {}


@given(FEW, st.integers(0, 4))
def test_repaired_score_is_in_its_bounds_and_the_published_one_below_one(labels: dict[str, str], invented: int) -> None:
    one = judged(labels, invented)
    repaired, published = repaired_score(facts_of(one), one), score(one)
    for part in ("consistency", "coverage", "anti_hallucination", "caption"):
        assert 0.0 <= getattr(repaired, part) <= 1.0
        assert getattr(published, part) <= 1.0
    assert (
        published.coverage <= published.consistency + 1e-4 or any("o" in some for some in labels.values()) or not labels
    )


@given(FEW.filter(bool))
def test_who_says_nothing_earns_nothing_and_who_says_all_everything(labels: dict[str, str]) -> None:
    silent = judged({name: "o" * len(some) for name, some in labels.items()})
    assert repaired_score(facts_of(silent), silent).caption == 0.0
    assert score(silent).caption == 0.3333
    perfect = judged({name: "m" * len(some) for name, some in labels.items()})
    assert repaired_score(facts_of(perfect), perfect).caption == pytest.approx(1.0)
    assert score(perfect).caption == 1.0


@given(FEW.filter(bool), st.integers(0, 2), st.data())
def test_a_better_verdict_never_lowers_a_score(labels: dict[str, str], invented: int, data: st.DataObject) -> None:
    one = judged(labels, invented)
    k = data.draw(st.integers(0, len(one.verdicts) - 1))
    better = replace(one, verdicts=tuple(replace(v, label=MATCH) if j == k else v for j, v in enumerate(one.verdicts)))
    assert score(better).coverage >= score(one).coverage
    if one.verdicts[k].label != OMISSION:  # an omission says nothing wrong
        assert score(better).consistency >= score(one).consistency
    facts = facts_of(one)
    assert repaired_score(facts, better).coverage >= repaired_score(facts, one).coverage
    worse = replace(one, hallucinations=(*one.hallucinations, {"description": "more"}))
    assert score(worse).caption <= score(one).caption
    assert repaired_score(facts, worse).anti_hallucination <= max(
        repaired_score(facts, one).anti_hallucination, 0.0
    ) or (not one.verdicts)


@given(FEW, st.randoms())
def test_order_of_verdicts_does_not_matter(labels: dict[str, str], chance: object) -> None:
    one = judged(labels, 1)
    mixed = list(one.verdicts)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert score(replace(one, verdicts=tuple(mixed))) == score(one)


def test_judge_that_forgets_doubles_or_makes_up_facts_is_found_and_repaired() -> None:
    one = judged({"action_sequence": "mmmm"})
    facts = facts_of(one)
    first, second, third, _ = one.verdicts
    odd = replace(
        one,
        verdicts=(
            first,
            replace(first, label=OMISSION),
            replace(second, gt_value="other"),
            third,
            replace(third, fact_id="x_9"),
        ),
    )
    found = flaws(facts, odd.verdicts)
    assert found
    assert (found.missing, found.doubled, found.unknown, found.changed) == (
        ("action_sequence_4",), ("action_sequence_1",), ("x_9",), ("action_sequence_2",),
    )  # fmt: skip
    assert "missing: action_sequence_4; doubled: action_sequence_1" in str(found)
    repaired = repaired_score(facts, odd)
    assert repaired.counts["action_sequence"].facts == 4
    assert repaired.coverage == 0.75
    assert score(odd).counts["action_sequence"].facts == 5  # the judge's own list
    assert repairs_of(facts, odd, score(odd), repaired) == [EVERY_FACT]
    assert not flaws(facts, one.verdicts)


def test_repairs_are_named_where_they_change_something() -> None:
    plain = judged({"action_sequence": "mm"})
    assert repairs_of(facts_of(plain), plain, score(plain), repaired_score(facts_of(plain), plain)) == []
    wild = judged({"target_object": "m"}, 2)
    assert repaired_score(facts_of(wild), wild).anti_hallucination == 0.0
    assert repairs_of(facts_of(wild), wild, score(wild), repaired_score(facts_of(wild), wild)) == [BOUNDED]
    bad = JudgedSample("s", error="no caption")
    assert repairs_of([], bad, score(bad), repaired_score([], bad)) == [MISSING]


def test_agreement_is_one_for_the_same_and_chance_is_taken_off() -> None:
    assert agreement([["a", "a"], ["b", "b"]]).kappa == 1.0
    assert agreement([["a", "b"], ["b", "a"]]).share == 0.0
    assert agreement([["a", "b"], ["b", "a"]]).kappa == -1.0
    mixed = agreement([["a", "a", "a"], ["a", "a", "b"], ["b"]])
    assert (mixed.things, mixed.repeats) == (2, 3)
    assert mixed.share == pytest.approx((1 + 1 / 3) / 2)
    assert agreement([]).share != agreement([]).share  # NaN
