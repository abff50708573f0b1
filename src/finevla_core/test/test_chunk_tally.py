"""Promises of the chunk tally: an instruction is called followed only if the bridge followed its chunks."""

import pytest

from finevla_core.chunk_tally import KEPT, OPEN_S, STEP_CODE, ChunkTally


def tally_of(fates: str, period_s: float = 0.1) -> tuple[ChunkTally, float]:
    """One chunk a letter: f(ollowed), r(efused), p(ostponed), anything else = the bridge said nothing; and the time."""
    tally = ChunkTally()
    for number, fate in enumerate(fates, 1):
        tally.on_published(number, number * period_s)
        if fate == "f":
            tally.on_followed(number)
        elif fate in "rp":
            code = STEP_CODE if fate == "p" else "chunk.velocity"
            tally.on_refused(number, code, f"chunk {number} refused: left_joint1 is too fast")
    return tally, len(fates) * period_s


@pytest.mark.parametrize(
    ("fates", "is_followed"),
    [
        ("ffffffffffffffffffff", True),
        ("rrrrrrrrrrffffffffff", True),
        ("rrrrrrrrrrrfffffffff", False),  # more than half refused
        ("ffffffffffrrrrrrrrrrr", False),
        ("fffffffffffffrrrrrrrrrrrr", False),  # more than half followed, but the last second was all refusals
        ("fffffffffffffrrrrrrrfrrrr", True),
        ("rrrrrrrrrr", False),
        ("..........", False),  # the bridge says nothing
        ("f....................", False),
        ("ffff...", True),  # too young to be judged
        ("", False),
        ("pppppppppfppppppppp", True),
        ("ppppppppppppppppppp", False),
        ("fpppppppppppppppppppppppp", True),
    ],
)
def test_followed_means_half_of_the_chunks_and_not_only_refusals_at_the_end(fates: str, is_followed: bool) -> None:
    tally, now_s = tally_of(fates)
    assert tally.is_followed(now_s) == is_followed


def test_summary_gives_the_counts_and_the_reason() -> None:
    assert tally_of("ffr")[0].summary(False) == (
        "followed 2 of 3 chunks; the bridge refused the rest: left_joint1 is too fast"
    )
    assert tally_of("fff")[0].summary(False) == "followed 3 of 3 chunks"
    assert tally_of("pp.")[0].summary(True) == "followed 0 of 3 chunks; a plan waits for a yes ('finevla step')"
    assert "the policy made none" in tally_of("")[0].summary(False)
    assert "the bridge says nothing of them" in tally_of("...")[0].summary(False)


def test_what_is_told_twice_or_of_other_chunks_is_not_counted() -> None:
    tally, _ = tally_of("f.")
    for _ in range(3):
        tally.on_followed(1)
        tally.on_refused(1, "chunk.late", "chunk 1 refused: late")
        tally.on_followed(99)
        tally.on_refused(98, "chunk.late", "chunk 98 refused: late")
    assert (tally.published, tally.followed, tally.refused, tally.reason) == (2, 1, 0, "")


def test_a_plan_that_waited_long_for_its_yes_is_counted_as_followed() -> None:
    tally = ChunkTally()
    tally.on_published(1, 0.0)
    for number in range(2, KEPT):
        tally.on_published(number, 0.1 * number)
        tally.on_refused(number, STEP_CODE, "chunk refused: step mode")
    tally.on_followed(1)
    assert tally.is_followed(0.1 * KEPT)
    assert not tally_of("." * 3)[0].is_followed(0.3 + OPEN_S)
