"""Promises of the chunk limiter: fine chunks pass untouched, others go as far as they may; no ten refusals in a row."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from guarded_arms import SECOND, START, Guarded
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from finevla_core.chunk import JOININGS, ActionChunk
from finevla_core.chunk_limiter import LATE_NS, REPEATED, SOON_NS, SPARE_M, ChunkLimiter, LimitedChunk
from finevla_core.safety.bridge import Bridge
from finevla_core.safety.envelope import Envelope, load_envelope
from finevla_core.safety.events import State

STEP_NS = SECOND // 10
LAG_NS = 24_000_000  # of the simulated servos
INWARDS = 1.0  # share of the way at which the hands touch, see `inwards`
STOP_M = 0.005  # of config/safety/cobotmagic.yaml
examples = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True, repr=False)
class Limited:
    """A robot, and limiters for it."""

    guarded: Guarded
    wider: Envelope

    def limiter(self) -> ChunkLimiter:
        return ChunkLimiter(self.guarded.embodiment, self.guarded.envelope, self.wider)

    @classmethod
    def of(cls, file: Path) -> "Limited":
        guarded, safety = Guarded.of(file), file.parents[1] / "safety" / file.name
        wider = load_envelope(guarded.embodiment, guarded.urdf, safety if safety.is_file() else None, SPARE_M)
        return cls(guarded, wider)


@pytest.fixture(scope="module", params=["cobotmagic", "single"])
def limited(request: pytest.FixtureRequest, cobotmagic_file: Path, single_file: Path) -> Limited:
    return Limited.of(cobotmagic_file if request.param == "cobotmagic" else single_file)


@pytest.fixture(scope="module")
def two_arms(cobotmagic_file: Path) -> Limited:
    return Limited.of(cobotmagic_file)


class Played:
    """Arms at home, a bridge and a limiter before it: an observation each 0.1 s, arms that follow by `lag_ns`."""

    def __init__(self, robot: Limited, lag_ns: int = 0, joining: str = "blend") -> None:
        self.guarded, self.limiter, self.lag_ns, self.joining = robot.guarded, robot.limiter(), lag_ns, joining
        self.bridge: Bridge = robot.guarded.bridge(asleep_s=10.0)
        self.now_ns, self.number = START, 0
        self.state = robot.guarded.home

    def step(self, rows: np.ndarray, delay_ns: int = SOON_NS) -> tuple[LimitedChunk, ActionChunk]:
        """Ask for `rows` `(horizon, D)`; what came of it, and what was asked."""
        self.number += 1
        asked = self.guarded.chunk(self.now_ns, actions=rows, joining=self.joining, sequence=self.number)
        answer = self.limiter.limit(asked, self.state)
        if answer.chunk is not None:
            self.bridge.on_chunk(answer.chunk, self.now_ns + delay_ns)
        self.now_ns += STEP_NS
        assert self.bridge.plan is not None
        self.state = self.bridge.plan.at(self.now_ns - self.lag_ns)[0]
        self.guarded.feel(self.bridge, self.state, self.now_ns)
        self.bridge.tick(self.now_ns)
        return answer, asked

    def towards(self, goal: np.ndarray, speed: float = 0.6) -> np.ndarray:
        """Rows as a policy gives that wants to be at `goal`, whatever is between: at a constant speed, rad/s."""
        way = goal - self.state
        steps = np.minimum(1.0, speed * 0.1 * np.arange(1, 17) / max(1e-9, abs(way).max()))
        return self.state + way * steps[:, None]

    @property
    def refused(self) -> int:
        return sum(self.bridge.counts.rejected.values())


def inwards(robot: Limited, share: float = INWARDS) -> np.ndarray:
    """Home, but both hands turned towards each other; with share 1 they touch."""
    values = robot.guarded.home.copy()
    values[[0, 7]] += share * np.array([-1.0, 1.0])
    values[[1, 8]] += share * 0.6
    return values


def wish(kind: int, played: Played, rng: np.random.Generator) -> np.ndarray:
    """Rows that ask for too much, in one of several ways; some of them are fine."""
    limits, start, size = played.guarded.limits, played.state, len(played.state)
    if kind == 0:  # to the ends of the joints' ranges and beyond
        goal = np.where(rng.random(size) < 0.5, limits.lower, limits.upper) + rng.normal(0, 0.1, size)
    elif kind == 1:  # hands down and towards the middle
        goal = start.copy()
        goal[:3] = rng.uniform(-1.6, 0.2), rng.uniform(0.5, 2.5), rng.uniform(-2.0, -0.2)
        goal[7:10] = (rng.uniform(-0.2, 1.6), rng.uniform(0.5, 2.5), rng.uniform(-2.0, -0.2))[: len(goal[7:10])]
    elif kind == 2:  # anywhere
        goal = start + rng.normal(0, 0.6, size)
    elif kind == 3:  # shaking
        return start + rng.normal(0, 10 ** rng.uniform(-4, -0.5), (16, size))
    elif kind == 4:  # a leap, at once or in the middle
        rows = np.tile(start, (16, 1))
        rows[int(rng.integers(0, 12)) :] += rng.normal(0, 0.5, size)
        return rows
    else:  # a smooth walk, most of which is fine
        return start + np.cumsum(rng.normal(0, rng.uniform(0, 0.05), (16, size)), axis=0)
    return played.towards(goal, rng.uniform(0.2, 2.0))


@given(st.integers(0, 2**32 - 1), st.sampled_from(JOININGS))
@examples
def test_a_chunk_that_the_gate_lets_pass_is_handed_on_as_it_is(limited: Limited, seed: int, joining: str) -> None:
    rng = np.random.default_rng(seed)
    home = limited.guarded.home
    ramp = np.linspace(1 / 16, 1, 16)[:, None] ** rng.uniform(1, 3)
    rows = home + ramp * rng.normal(0, 0.25, len(home)) * ~limited.guarded.limits.is_gripper
    chunk = limited.guarded.chunk(actions=rows, joining=joining)
    for delay_ns in (SOON_NS, LATE_NS):
        bridge = limited.guarded.bridge()
        bridge.on_chunk(chunk, START + delay_ns)
        assume(bridge.counts.accepted == 1)
    answer = limited.limiter().limit(chunk, home)
    assert answer.chunk is chunk
    assert answer.text == ""


def test_fine_motion_is_never_touched_while_it_goes_on(limited: Limited) -> None:
    played, there = Played(limited, LAG_NS), limited.guarded.home + 0.2 * ~limited.guarded.limits.is_gripper
    for _ in range(30):
        answer, asked = played.step(played.towards(there, 0.3), SOON_NS + LAG_NS)
        assert answer.chunk is asked
        assert answer.text == ""
    assert played.refused == 0


@given(st.integers(0, 2**32 - 1), st.sampled_from(JOININGS), st.lists(st.integers(0, 5), min_size=8, max_size=8))
@example(326, "blend", [1, 0, 0, 1, 0, 0, 0, 0])  # foreseen as if the controllers had been told to hold at the start
@example(1628627269, "ensemble", [1] * 8)  # no mean with the chunks before passes, not even that of one that holds
@example(822, "rtc", [2, 2, 4, 2, 2, 2, 4, 4])  # a gripper that turns beside its end, left in between, swings out
@example(4, "blend", [5, 2, 4, 4, 4, 4, 4, 4])
@example(4, "ensemble", [3, 2, 4, 2, 3, 4, 2, 1])
@settings(examples, max_examples=40)
def test_what_comes_out_passes_the_gate(limited: Limited, seed: int, joining: str, kinds: list[int]) -> None:
    """Whatever is asked for, as long as the arms are where they are believed to be."""
    played, rng = Played(limited, joining=joining), np.random.default_rng(seed)
    for kind in kinds:
        answer, _ = played.step(wish(kind, played, rng))
        assert answer.chunk is not None
        assert played.refused == 0, played.bridge.take()[1][-1].text


@given(st.integers(0, 2**32 - 1), st.integers(0, 5), st.booleans())
@settings(examples, max_examples=20)
def test_nothing_that_is_asked_for_latches_a_stop(limited: Limited, seed: int, kind: int, is_stubborn: bool) -> None:
    """Also where chunks are late, arms lag, and the same thing is asked for again and again."""
    played, rng = Played(limited, LAG_NS), np.random.default_rng(seed)
    for _ in range(20):
        wanted = wish(kind, played, np.random.default_rng(seed) if is_stubborn else rng)
        played.step(wanted, int(rng.uniform(10, 90)) * 1_000_000)
        assert played.bridge.state is not State.STOPPED, played.bridge.reason


@given(
    hnp.arrays(np.float64, hnp.array_shapes(min_dims=1, max_dims=3, max_side=17), elements=st.floats(width=64)),
    hnp.arrays(np.float32, st.sampled_from([7, 14, 3]), elements=st.floats(width=32)),
    st.sampled_from([0.1, 0.0, -1.0, float("nan"), 1e-9, 5.0]),
)
@examples
def test_no_answer_of_a_network_makes_it_raise_or_pass_on_what_is_no_number(
    limited: Limited, rows: np.ndarray, state: np.ndarray, dt_s: float
) -> None:
    limiter = limited.limiter()
    with np.errstate(all="ignore"):
        for chunk in (
            limited.guarded.chunk(actions=rows, dt_s=dt_s),
            limited.guarded.chunk(actions=np.resize(rows, (16, len(limited.guarded.home))), stamp_ns=START + SECOND),
        ):
            answer = limiter.limit(chunk, state)
            assert answer.chunk is not None or answer.text
            assert answer.chunk is None or np.isfinite(answer.chunk.actions).all()
            answer = limiter.limit(chunk, limited.guarded.home)
            assert answer.chunk is None or np.isfinite(answer.chunk.actions).all()


def test_an_answer_with_a_number_that_is_none_holds_the_arms_and_says_so(limited: Limited) -> None:
    played = Played(limited)
    rows = np.tile(limited.guarded.home, (16, 1))
    rows[3, 2] = np.nan
    texts = [played.step(rows)[0].text for _ in range(REPEATED)]
    assert texts[:-1] == [""] * (REPEATED - 1)
    assert "row 3" in texts[-1]
    assert played.refused == 0
    assert np.allclose(played.state, limited.guarded.home)


def test_hands_asked_into_each_other_come_to_rest_in_front_of_each_other(two_arms: Limited) -> None:
    played, texts = Played(two_arms, LAG_NS), []
    for _ in range(60):
        texts.append(played.step(played.towards(inwards(two_arms, 1.4)), SOON_NS + LAG_NS)[0].text)
    assert played.refused == 0
    position, velocity = played.bridge.plan.at(played.now_ns)
    assert abs(velocity).max() < 0.01
    distance_m = two_arms.guarded.envelope.clearance.at(position).distance_m
    assert STOP_M <= distance_m < STOP_M + SPARE_M + 0.012, "as near as it may"
    assert "mm apart" in texts[-1]
    assert texts[-1].startswith(("the left arm is held", "the right arm is held"))
    assert "; move the " in texts[-1], "and what to do"
    assert len(set(texts)) <= 3, "what repeats is said in the same words"


def test_a_joint_asked_beyond_its_range_goes_to_its_end_and_stays_there(limited: Limited) -> None:
    played, limits = Played(limited, LAG_NS), limited.guarded.limits
    goal = limited.guarded.home.copy()
    goal[4] = limits.upper[4] + 0.3
    texts = [played.step(played.towards(goal), SOON_NS + LAG_NS)[0].text for _ in range(60)]
    assert played.refused == 0
    assert limits.upper[4] - limits.margin[4] - 0.02 < played.state[4] < limits.upper[4]
    assert f"{limited.guarded.embodiment.names[4]} is held at its limit" in texts[-1]


def test_what_is_too_quick_gets_there_slower(limited: Limited) -> None:
    played, goal = Played(limited, LAG_NS), limited.guarded.home.copy()
    goal[0] += 1.0
    for _ in range(40):
        played.step(np.tile(goal, (16, 1)), SOON_NS + LAG_NS)
    assert played.refused == 0
    assert np.allclose(played.state, goal, atol=0.02)


def test_a_hand_that_may_leave_is_not_held(two_arms: Limited) -> None:
    played = Played(two_arms, LAG_NS)
    for _ in range(50):
        played.step(played.towards(inwards(two_arms, 1.4)), SOON_NS + LAG_NS)
    for _ in range(50):
        answer, _ = played.step(played.towards(two_arms.guarded.home), SOON_NS + LAG_NS)
    assert answer.text == ""
    assert played.refused == 0
    assert np.allclose(played.state, two_arms.guarded.home, atol=0.01)


def test_a_gripper_keeps_its_grip_while_the_arm_is_held(two_arms: Limited) -> None:
    """What holds a thing is told 'closed' and measured half open: the way to 'closed' must not begin anew."""
    played, goal = Played(two_arms, LAG_NS), inwards(two_arms, 1.4)
    goal[6] = 0.0
    for step in range(60):
        rows = played.towards(goal)
        rows[:, 6] = 0.0
        played.state = played.state.copy()
        played.state[6] = max(played.state[6], 0.4)
        answer, _ = played.step(rows, SOON_NS + LAG_NS)
        assert answer.chunk is not None
        assert step < 20 or played.bridge.plan.at(played.now_ns)[0][6] < 0.05


def test_a_chunk_of_an_ensemble_that_is_shortened_is_blended(limited: Limited) -> None:
    """It is what goes less far; its mean with older chunks might not."""
    played, goal = Played(limited, joining="ensemble"), limited.guarded.home.copy()
    goal[0] += 1.0
    answer, asked = played.step(played.towards(goal, 0.2))
    assert answer.chunk is asked
    answer, _ = played.step(np.tile(goal, (16, 1)))
    assert answer.chunk is not None
    assert answer.chunk.joining == "blend"


def test_where_nothing_would_pass_no_chunk_is_made_and_the_sentence_says_why(two_arms: Limited) -> None:
    here = inwards(two_arms)
    chunk = dataclasses.replace(two_arms.guarded.chunk(), actions=np.tile(here, (16, 1)))
    answer = two_arms.limiter().limit(chunk, here)
    assert answer.chunk is None
    assert "mm are the least allowed" in answer.text


def test_what_is_for_the_bridge_to_say_goes_on_to_it(limited: Limited) -> None:
    for changes in ({"embodiment": "other"}, {"dt_s": 2.0}, {"joining": "glue"}, {"names": ("a", "b")}):
        chunk = limited.guarded.chunk(**changes)
        assert limited.limiter().limit(chunk, limited.guarded.home) == LimitedChunk(chunk)


def test_after_a_pause_the_arms_are_believed_where_they_are_measured(limited: Limited) -> None:
    played = Played(limited, LAG_NS)
    for _ in range(10):
        played.step(played.towards(limited.guarded.home + 0.3, 0.5), SOON_NS)
    elsewhere = limited.guarded.home.copy()
    elsewhere[3:6] -= 0.3
    rows = np.tile(elsewhere, (16, 1))
    late = played.limiter.limit(limited.guarded.chunk(played.now_ns + 5 * SECOND, actions=rows), elsewhere)
    assert late.chunk is not None
    assert (late.chunk.actions == rows).all()
