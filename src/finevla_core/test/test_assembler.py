"""Promises of the one assembler and of the image path: nothing stale, skewed, broken or made up gets through."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from finevla_core.assembler import Assembler, Problem
from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.images import CompressedImage, RawImage, to_policy_image
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


def test_skew_beyond_the_bound_names_the_part_that_lags(cobotmagic_file: Path) -> None:
    robot = load_embodiment(cobotmagic_file)
    assembler = Assembler(robot)
    for name, stamp in (("front", T0 - 80 * MS), ("left", T0), ("right", T0)):
        assembler.add_image(name, stamp, raw)
    for k in range(10):
        assembler.add_state(T0 - 90 * MS + 10 * k * MS, robot.joints, [0.0] * 14)
    assert problems(assembler.observe(T0 + MS)) == ["camera front: skew"]


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


def test_rgb_and_bgr_come_out_alike() -> None:
    pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    as_rgb = to_policy_image(RawImage("rgb8", 4, 6, 18, pixels.tobytes()), 4, 6)
    as_bgr = to_policy_image(RawImage("bgr8", 4, 6, 18, np.ascontiguousarray(pixels[:, :, ::-1]).tobytes()), 4, 6)
    assert (as_rgb == pixels).all()
    assert (as_bgr == pixels).all()


def test_padded_rows_and_alpha_are_left_out() -> None:
    pixels = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    padded = np.concatenate([pixels.reshape(2, 12), np.full((2, 4), 255, np.uint8)], axis=1)
    image = to_policy_image(RawImage("bgra8", 2, 3, 16, padded.tobytes()), 2, 3)
    assert (image == pixels[:, :, [2, 1, 0]]).all()


def test_wide_image_is_cut_in_the_middle_and_averaged() -> None:
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, 2:6] = 100
    pixels[::2, 2:6] += 20
    assert (to_policy_image(RawImage("rgb8", 4, 8, 24, pixels.tobytes()), 2, 2) == 110).all()


def test_jpeg_and_png_are_decoded() -> None:
    pixels = np.full((32, 32, 3), (200, 40, 90), np.uint8)
    for kind, tolerance in (("PNG", 0), ("JPEG", 6)):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind)
        image = to_policy_image(CompressedImage(buffer.getvalue()), 16, 16)
        assert abs(image.astype(int) - pixels[0, 0]).max() <= tolerance


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_one_sentence(data: bytes) -> None:
    with pytest.raises(FineVLAError):
        to_policy_image(CompressedImage(data), 8, 8)


@given(
    st.sampled_from(["rgb8", "mono8", "bgra8", "16UC1", ""]),
    st.integers(0, 9), st.integers(0, 9), st.integers(0, 40), st.binary(max_size=400),
)  # fmt: skip
def test_any_raw_image_is_shown_or_refused(encoding: str, height: int, width: int, step: int, data: bytes) -> None:
    try:
        image = to_policy_image(RawImage(encoding, height, width, step, data), 5, 7)
    except FineVLAError:
        return
    assert image.shape == (5, 7, 3)
