"""Promises of the one assembler: nothing stale, skewed, broken or made up gets through, live or from a bag."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finevla_core.assembler import Assembler, ImageMessage, Problem, StateMessage, observe_all
from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.images import RawImage
from finevla_core.observation import Observation

MS = 1_000_000
T0 = 50_000 * MS


@pytest.fixture(scope="module", params=["cobotmagic", "single"])
def robot(request: pytest.FixtureRequest, cobotmagic_file: Path, single_file: Path) -> Embodiment:
    return load_embodiment(cobotmagic_file if request.param == "cobotmagic" else single_file)


def raw(shade: int = 7) -> RawImage:
    return RawImage("rgb8", 8, 10, 30, bytes([shade]) * 240)


def feed(assembler: Assembler, robot: Embodiment, at: int, positions: list[float] | None = None) -> None:
    for name in robot.camera_names:
        assembler.add_image(name, at, raw)
    assembler.add_state(at, robot.joints, positions or [0.01] * len(robot.joints))


def problems(result: object) -> list[str]:
    assert isinstance(result, tuple)
    assert all(isinstance(p, Problem) for p in result)
    return [f"{p.source}: {p.code}" for p in result]


def test_complete_input_gives_an_observation_with_the_oldest_stamp(robot: Embodiment) -> None:
    assembler = Assembler(robot)
    feed(assembler, robot, T0)
    assembler.add_state(T0 + 9 * MS, robot.joints, [0.02] * len(robot.joints))
    result = assembler.observe(T0 + 20 * MS)
    assert isinstance(result, Observation)
    assert result.stamp_ns == T0
    assert result.state_stamp_ns == T0  # nearest to the images, not the newest
    assert result.images.shape == (len(robot.cameras), robot.image_height, robot.image_width, 3)


def test_everything_that_is_missing_is_named(robot: Embodiment) -> None:
    assert problems(Assembler(robot).observe(T0)) == [
        *(f"camera {name}: image.missing" for name in robot.camera_names),
        "joint_states: state.missing",
    ]


def test_stale_input_is_named_and_not_used(robot: Embodiment) -> None:
    assembler = Assembler(robot)
    feed(assembler, robot, T0)
    late = T0 + round((robot.max_age_s + 0.01) * 1e9)
    assembler.add_state(late, robot.joints, [0.0] * len(robot.joints))
    assert problems(assembler.observe(late))[0] == f"camera {robot.camera_names[0]}: image.stale"


def test_skew_beyond_the_bound_names_the_camera_that_lags(cobotmagic_file: Path) -> None:
    robot = load_embodiment(cobotmagic_file)
    assembler = Assembler(robot)
    for name, stamp in (("front", T0 - 80 * MS), ("left", T0), ("right", T0)):
        assembler.add_image(name, stamp, raw)
    for k in range(10):
        assembler.add_state(T0 - 81 * MS + 10 * k * MS, robot.joints, [0.0] * 14)  # the nearest one lags behind, too
    assert problems(assembler.observe(T0 + MS)) == ["camera front: skew"]


def test_camera_that_lost_the_image_of_the_moment_is_named(cobotmagic_file: Path) -> None:
    robot = load_embodiment(cobotmagic_file)
    assembler = Assembler(robot)
    feed(assembler, robot, T0 - 200 * MS)
    for name, stamp in (("front", T0), ("left", T0 + 100 * MS), ("right", T0)):
        assembler.add_image(name, stamp, raw)
    assembler.add_state(T0, robot.joints, [0.0] * 14)
    assert problems(assembler.observe(T0 + 101 * MS)) == ["camera left: skew"]


def test_joint_states_that_lag_behind_all_cameras_are_named(robot: Embodiment) -> None:
    assembler = Assembler(robot)
    feed(assembler, robot, T0 - 80 * MS)
    for name in robot.camera_names:
        assembler.add_image(name, T0, raw)
    assert problems(assembler.observe(T0 + MS)) == ["joint_states: skew"]


def test_images_from_the_future_are_not_used_and_a_wrong_clock_is_named(robot: Embodiment) -> None:
    assembler = Assembler(robot)
    feed(assembler, robot, T0 + 5_000 * MS)
    assert problems(assembler.observe(T0))[0] == f"camera {robot.camera_names[0]}: image.future"


def test_clock_that_jumps_back_clears_the_buffers(robot: Embodiment) -> None:
    assembler = Assembler(robot)
    feed(assembler, robot, T0)
    feed(assembler, robot, T0 - 10_000 * MS)
    result = assembler.observe(T0 - 9_990 * MS)
    assert isinstance(result, Observation)
    assert result.stamp_ns == T0 - 10_000 * MS
    assert assembler.resets == 1


@pytest.mark.parametrize("spoil", [lambda p: p[:-1], lambda p: [*p[:-1], float("nan")]])
def test_broken_joint_state_is_named_once_nothing_good_is_left(robot: Embodiment, spoil: object) -> None:
    assembler = Assembler(robot)
    for name in robot.camera_names:
        assembler.add_image(name, T0, raw)
    assembler.add_state(T0, robot.joints, spoil([0.0] * len(robot.joints)))  # type: ignore[operator]
    assert problems(assembler.observe(T0 + MS))[0].startswith("joint_states: state.")


def test_broken_image_is_named_and_only_used_frames_are_decoded(robot: Embodiment) -> None:
    assembler, loaded = Assembler(robot), []

    def load(stamp: int) -> RawImage:
        loaded.append(stamp)
        return RawImage("yuv422", 8, 10, 20, b"")

    for stamp in (T0, T0 + MS, T0 + 2 * MS):
        for name in robot.camera_names:
            assembler.add_image(name, stamp, lambda stamp=stamp: load(stamp))
        assembler.add_state(stamp, robot.joints, [0.0] * len(robot.joints))
    assert problems(assembler.observe(T0 + 3 * MS)) == [f"camera {n}: image.broken" for n in robot.camera_names]
    assert set(loaded) == {T0 + 2 * MS}


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_whatever_comes_observations_keep_their_bounds(robot: Embodiment, data: st.DataObject) -> None:
    assembler, now = Assembler(robot), T0
    sources = st.sampled_from([*robot.camera_names, "state"])
    for _ in range(30):
        now += data.draw(st.integers(0, 60)) * MS
        stamp = now - data.draw(st.integers(-50, 200)) * MS
        if (source := data.draw(sources)) == "state":
            assembler.add_state(stamp, robot.joints, [0.0] * len(robot.joints))
        else:
            assembler.add_image(source, stamp, raw)
        result = assembler.observe(now)
        if isinstance(result, Observation):
            assert max(*result.image_stamps_ns, result.state_stamp_ns) <= now
            assert (now - result.stamp_ns) * 1e-9 <= robot.max_age_s + 1e-9
            assert result.skew_s <= robot.max_skew_s + 1e-9
            assert result.stamp_ns == min(*result.image_stamps_ns, result.state_stamp_ns)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40), st.booleans()), min_size=5, max_size=60))
def test_same_messages_give_the_same_observations(robot: Embodiment, steps: list[tuple[int, int, bool]]) -> None:
    def play() -> list[object]:
        assembler, now, seen = Assembler(robot), T0, []
        for source, ms, ask in steps:
            now += ms * MS
            if source < len(robot.camera_names):
                assembler.add_image(robot.camera_names[source], now, lambda s=ms: raw(s))
            else:
                assembler.add_state(now, robot.joints, [ms * 1e-3] * len(robot.joints))
            if ask:
                result = assembler.observe(now)
                is_seen = isinstance(result, Observation)
                seen.append((result.stamp_ns, result.images.tobytes(), result.state.tobytes()) if is_seen else result)
        return seen

    assert play() == play()


def test_fast_cameras_give_the_frames_that_belong_to_the_slowest_one(cobotmagic_file: Path) -> None:
    robot = load_embodiment(cobotmagic_file)
    assembler = Assembler(robot)
    for k in range(4):
        assembler.add_image("front", T0 + 33 * k * MS, raw)
        assembler.add_image("left", T0 + 33 * k * MS, raw)
    assembler.add_image("right", T0 + 20 * MS, raw)  # 79 ms behind: too far from their newest frames
    assembler.add_state(T0 + 22 * MS, robot.joints, [0.0] * 14)
    result = assembler.observe(T0 + 110 * MS)
    assert isinstance(result, Observation)
    assert result.image_stamps_ns == (T0 + 33 * MS, T0 + 33 * MS, T0 + 20 * MS)
    assert result.stamp_ns == T0 + 20 * MS  # aligning has not made it older


def test_joints_come_in_any_order_and_others_are_ignored(robot: Embodiment) -> None:
    names = ["wheel", *reversed(robot.joints), "mimic"]
    positions = [9.0, *(0.001 * k for k in reversed(range(len(robot.joints)))), float("nan")]
    assembler = Assembler(robot)
    feed(assembler, robot, T0)
    assembler.add_state(T0 + MS, names, positions)
    assembler.add_state(T0 + 2 * MS, ["wheel"], [1.0])
    for name in robot.camera_names:
        assembler.add_image(name, T0 + 2 * MS, raw)
    result = assembler.observe(T0 + 2 * MS)
    assert isinstance(result, Observation)
    assert result.state_stamp_ns == T0 + MS
    wanted = robot.to_values([0.001 * k for k in range(len(robot.joints))]).astype(np.float32)
    assert (result.state == wanted).all()


def test_late_message_is_not_put_before_a_newer_one(robot: Embodiment) -> None:
    assembler = Assembler(robot)
    feed(assembler, robot, T0 + 20 * MS)
    feed(assembler, robot, T0)
    result = assembler.observe(T0 + 10 * MS)
    assert {p.code for p in result if isinstance(p, Problem)} == {"image.future", "state.future"}
    assert assembler.resets == 0


def test_poll_answers_once_all_cameras_have_moved_on_and_not_faster_than_the_rate(robot: Embodiment) -> None:
    assembler, answers = Assembler(robot), []
    for k in range(0, 400, 20):  # 50 Hz cameras, 10 Hz observations
        assembler.add_state(T0 + k * MS, robot.joints, [0.0] * len(robot.joints))
        for name in robot.camera_names:
            assembler.add_image(name, T0 + k * MS, raw)
            answer = assembler.poll(T0 + k * MS)
            assert answer is None or name == robot.camera_names[-1]
            answers.append(answer)
    stamps = [a.stamp_ns for a in answers if isinstance(a, Observation)]
    assert stamps == [T0 + k * MS for k in range(0, 400, 80)]
    assert all(a is None or isinstance(a, Observation) for a in answers)


def test_poll_waits_for_a_camera_that_has_stopped_and_diagnose_names_it(cobotmagic_file: Path) -> None:
    robot = load_embodiment(cobotmagic_file)
    assembler = Assembler(robot)
    feed(assembler, robot, T0)
    assert isinstance(assembler.poll(T0), Observation)
    for k in range(1, 6):
        for name in ("front", "left"):
            assembler.add_image(name, T0 + 100 * k * MS, raw)
            assert assembler.poll(T0 + 100 * k * MS) is None
        assembler.add_state(T0 + 100 * k * MS, robot.joints, [0.0] * 14)
    assert problems(assembler.diagnose(T0 + 500 * MS)) == ["camera right: image.stale"]


@settings(max_examples=300)
@given(data=st.data())
def test_lost_images_cost_their_own_observations_and_no_later_ones(cobotmagic_file: Path, data: st.DataObject) -> None:
    """However many were lost, in whatever order they come: the next two bursts of all cameras make observations at once."""
    robot = load_embodiment(cobotmagic_file)
    assembler, period = Assembler(robot), data.draw(st.sampled_from([100 * MS, 140 * MS, 200 * MS]))
    stagger = data.draw(st.lists(st.integers(0, 20 * MS), min_size=3, max_size=3))
    lossy = data.draw(st.integers(1, 5))
    for k in range(lossy + 3):
        burst = {name: T0 + k * period + late for name, late in zip(robot.camera_names, stagger, strict=True)}
        order = data.draw(st.permutations(robot.camera_names))
        sent = [name for name in order if k >= lossy or data.draw(st.booleans())]
        assembler.add_state(T0 + k * period + 10 * MS, robot.joints, [0.0] * 14)
        results = []
        for name in sent:
            assembler.add_image(name, burst[name], raw)
            results.append(assembler.poll(T0 + k * period + 25 * MS))
        if k > lossy:
            assert isinstance(results[-1], Observation)
            assert results[-1].image_stamps_ns == tuple(burst.values())


def test_clock_that_lags_a_little_costs_nothing_and_one_that_lags_much_is_named(robot: Embodiment) -> None:
    assembler = Assembler(robot)
    feed(assembler, robot, T0)
    assert isinstance(assembler.poll(T0 - 50 * MS), Observation)
    feed(assembler, robot, T0 + 300 * MS)
    assert problems(assembler.poll(T0 + 150 * MS)) == [f"camera {n}: image.future" for n in robot.camera_names]
    feed(assembler, robot, T0 + 400 * MS)
    assert isinstance(assembler.poll(T0 + 400 * MS), Observation)


def test_simulated_time_may_start_at_zero(robot: Embodiment) -> None:
    assembler = Assembler(robot)
    feed(assembler, robot, 0)
    assert isinstance(assembler.poll(0), Observation)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_bag_gives_what_the_live_assembler_gave(robot: Embodiment, data: st.DataObject) -> None:
    live, seen, bag, now = Assembler(robot), [], [], T0
    for _ in range(60):
        now += data.draw(st.integers(0, 30)) * MS
        stamp = now - data.draw(st.integers(-20, 90)) * MS
        source = data.draw(st.sampled_from([*robot.camera_names, "state"]))
        if data.draw(st.integers(0, 40)) == 0:
            now, stamp = now - 2_000 * MS, stamp - 2_000 * MS  # the clock starts again
        if source == "state":
            bag.append(
                StateMessage(now, stamp, robot.joints, [1e-3 * data.draw(st.integers(0, 9))] * len(robot.joints))
            )
            live.add_state(stamp, bag[-1].names, bag[-1].positions)
            continue
        shade = data.draw(st.integers(0, 255))
        bag.append(ImageMessage(now, source, stamp, lambda shade=shade: raw(shade)))
        live.add_image(source, stamp, bag[-1].load)
        if (answer := live.poll(now)) is not None:
            seen.append(answer)

    def plain(answers: list[object]) -> list[object]:
        return [
            (a.sequence, a.image_stamps_ns, a.state_stamp_ns, a.images.tobytes(), a.state.tobytes())
            if isinstance(a, Observation) else a for a in answers
        ]  # fmt: skip

    assert plain(list(observe_all(robot, bag))) == plain(seen)
    observations = [answer for answer in seen if isinstance(answer, Observation)]
    assert all(o.skew_s <= robot.max_skew_s + 1e-9 for o in observations)
    assert len({o.image_stamps_ns for o in observations}) == len(observations) or live.resets  # none is shown twice


def test_an_image_of_an_unknown_camera_is_refused_by_name(robot: Embodiment) -> None:
    with pytest.raises(FineVLAError, match="camera 'tail' is not one of"):
        Assembler(robot).add_image("tail", T0, raw)
