"""Promises about cameras: a still scene is none that is frozen, a hovering arm moves, and what stands still is found."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="pyarrow comes with 'make train-setup'")
av = pytest.importorskip("av", reason="needs 'make data-setup'")
import pyarrow.parquet as pq
from lerobot_sets import HOME, Take, take, write
from numpy.typing import NDArray

from finevla_tools.clean import checks as c
from finevla_tools.clean.frozen_camera import frozen
from finevla_tools.clean.video_checks import times_and_looks
from finevla_tools.cli import main
from finevla_tools.datasets.lerobot_files import Footage

REAL = Path(__file__).parents[3] / "shared" / "data" / "agilex_episode"
MAP = """
state:
  left_joint: {original_key: observation.qpos, type: abs_joint, start: 0, end: 6}
  left_gripper: {original_key: observation.qpos, type: abs_joint, start: 6, end: 7, range: [0.0, 0.1]}
  right_joint: {original_key: observation.qpos, type: abs_joint, start: 7, end: 13}
  right_gripper: {original_key: observation.qpos, type: abs_joint, start: 13, end: 14, range: [0.0, 0.1]}
action:
  left_joint: {original_key: action, type: abs_joint, start: 0, end: 6}
  left_gripper: {original_key: action, type: abs_joint, start: 6, end: 7, range: [0.0, 0.1]}
  right_joint: {original_key: action, type: abs_joint, start: 7, end: 13}
  right_gripper: {original_key: action, type: abs_joint, start: 13, end: 14, range: [0.0, 0.1]}
"""
real = pytest.mark.skipif(not REAL.is_dir(), reason=f"the real recording is not at {REAL}")
FPS, FRAMES = 30, 264  # 8.8 s


def decisions(folder: Path) -> list[str]:
    return [row["decision"] for row in pq.read_table(folder / "episodes.parquet").to_pylist()]


def flagged(folder: Path, episode: int) -> set[str]:
    rows = pq.read_table(folder / "checks.parquet").to_pylist()
    return {row["check"] for row in rows if row["episode_index"] == episode and row["verdict"] == "flagged"}


@real
def test_the_real_episode_is_kept_though_a_camera_sees_a_still_table(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(MAP)
    assert main(["clean", str(REAL), "--map", str(tmp_path / "map.yaml"), "--report", str(tmp_path / "r")]) == 0
    assert decisions(tmp_path / "r") == ["keep"]
    assert flagged(tmp_path / "r", 0) == {"idle_tail"}


@real
@pytest.mark.slow
@pytest.mark.parametrize(
    ("camera", "begin", "end", "is_fault"),
    [
        ("cam_high", 0, 0, False),
        ("cam_high", 60, 120, True),
        ("cam_high", 200, 270, True),
        ("cam_left_wrist", 0, 0, False),
        ("cam_left_wrist", 224, 398, True),
        ("cam_right_wrist", 100, 200, False),  # of an arm that rests: nobody can tell, and nothing is lost
    ],
)
@pytest.mark.parametrize("gop", [2, 250])
def test_a_real_camera_that_freezes_is_told_from_one_that_lives(
    tmp_path: Path, camera: str, begin: int, end: int, is_fault: bool, gop: int
) -> None:
    shown = pictures(camera)
    shown[begin:end] = [shown[begin]] * (end - begin)
    assert (frozen_s(tmp_path, camera, shown, gop) > 1.0) == is_fault


@real
@pytest.mark.slow
@pytest.mark.parametrize(("begin", "end"), [(0, 0), (60, 120), (110, 200), (200, 270)])
@pytest.mark.parametrize(
    ("preset", "crf", "gop"),
    [
        ("ultrafast", 35, 250),
        ("ultrafast", 30, 250),
        ("slow", 30, 250),
        ("veryfast", 35, 30),
        ("veryfast", 40, 250),
        ("veryfast", 45, 2),
        ("medium", 45, 30),
        ("veryfast", 45, 250),
    ],
)
def test_strong_compression_makes_no_still_scene_a_frozen_camera_and_hides_none(
    tmp_path: Path, begin: int, end: int, preset: str, crf: int, gop: int
) -> None:
    """From 10 s on nothing moves, and such encoders repeat the picture; before, the arm moves in the camera's view."""
    shown = pictures("cam_high")
    shown[begin:end] = [shown[begin]] * (end - begin)
    assert (frozen_s(tmp_path, "cam_high", shown, gop, crf, preset) > 1.0) == (end > begin)


def pictures(camera: str) -> list[NDArray[np.uint8]]:
    with av.open(str(REAL / f"videos/chunk-000/observation.images.{camera}/episode_000000.mp4")) as container:
        return [frame.to_ndarray(format="rgb24")[::2, ::2] for frame in container.decode(video=0)]


def frozen_s(
    folder: Path, camera: str, shown: list[NDArray[np.uint8]], gop: int, crf: int = 23, preset: str = "veryfast"
) -> float:
    state = np.array(pq.read_table(REAL / "data/chunk-000/episode_000000.parquet")["observation.qpos"].to_pylist())
    encode(folder / "v.mp4", shown, gop, crf, preset)
    _, looks = times_and_looks(Footage("k", folder / "v.mp4", 0.0, None), FPS, 4.0)
    own = next((side for side in ("left", "right") if side in camera), "")
    return frozen(looks, {"left": state[:, :7], "right": state[:, 7:]}, own, FPS)[0]


def encode(path: Path, shown: list[NDArray[np.uint8]], gop: int, crf: int = 23, preset: str = "veryfast") -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", FPS, options={"crf": str(crf), "preset": preset})
        stream.height, stream.width = shown[0].shape[:2]
        stream.pix_fmt, stream.gop_size = "yuv420p", gop
        for picture in shown:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        container.mux(stream.encode())


def resting(drift: float, noise: float, seed: int = 0) -> Take:
    """8.8 s in which nothing happens but that the left arm drifts by so much (rad); the camera sees a table."""
    rng = np.random.default_rng(seed)
    state = np.tile(HOME, (FRAMES, 1)) + rng.normal(0, noise, (FRAMES, 14))
    state[:, 1] += np.linspace(0, drift, FRAMES)
    table = np.kron(rng.integers(60, 200, (8, 10)), np.ones((12, 12))).astype(np.uint8)
    action = np.tile(HOME, (FRAMES, 1)).astype(np.float32)
    stamps = (np.arange(FRAMES) / FPS).astype(np.float32)
    return Take(state.astype(np.float32), action, stamps, ["hold still"], {"front": np.repeat(table[None], FRAMES, 0)})


@pytest.mark.parametrize("noise", [0.0, 2e-5, 2e-4])
def test_a_hovering_arm_is_kept_and_one_that_stands_still_is_not(tmp_path: Path, noise: float) -> None:
    root = write(tmp_path / "set", [resting(1.3e-3, noise), resting(0.0, noise)])
    words = ["clean", str(root), "--report", str(tmp_path / "r"), "--jobs", "1", "--skip", "twin"]
    assert main(words) == 0
    assert decisions(tmp_path / "r") == ["keep", "drop"]
    assert "video_frozen" not in flagged(tmp_path / "r", 0) | flagged(tmp_path / "r", 1)
    assert "still" in flagged(tmp_path / "r", 1)


def passing(in_view: tuple[float, float], stuck: slice | None = None) -> Take:
    """A simulated arm goes to and fro slowly; a fixed camera without noise sees it while its first joint is `in_view`."""
    one = take(1, frames=FRAMES, fps=FPS)
    count = len(one.state)
    way = 0.6 * np.sin(np.linspace(0, np.pi, count)) + 0.1 * np.sin(np.linspace(0, 9 * np.pi, count))
    for values in (one.state, one.action):
        values[:, 0] = way
    table = np.kron(np.random.default_rng(0).integers(60, 200, (8, 10)), np.ones((12, 12))).astype(np.uint8)
    shown = np.repeat(table[None], count, 0)
    for k, q in enumerate(way):  # an arm that reaches in from the lower border
        height = round(88 * np.clip((q - in_view[0]) / (in_view[1] - in_view[0]), 0, 1))
        shown[k, 96 - height :, 40:80] = 245
    if stuck is not None:
        shown[stuck] = shown[stuck.start]
    one.pictures = {"front": shown}
    one.stamps = (np.arange(count) / FPS).astype(np.float32)
    return one


@pytest.mark.parametrize(
    ("made", "is_fault"),
    [
        (passing((-0.2, 0.8)), False),  # always in view
        (passing((0.3, 0.8)), False),  # comes into view and leaves it
        (passing((2.0, 3.0)), True),  # never seen though it goes everywhere: nobody can use such pictures
        (passing((-0.2, 0.8), slice(40, 120)), True),
        (passing((-0.2, 0.8), slice(100, 200)), True),
        (passing((-0.2, 0.8), slice(0, 90)), True),
    ],
    ids=["in view", "passes", "never", "first half", "middle", "from the start"],
)
def test_a_simulated_camera_is_judged_by_what_it_shows_of_the_arm(tmp_path: Path, made: Take, is_fault: bool) -> None:
    root = write(tmp_path / "set", [made])
    assert main(["clean", str(root), "--report", str(tmp_path / "r"), "--jobs", "1", "--only", "video_frozen"]) == 0
    assert decisions(tmp_path / "r") == ["drop" if is_fault else "keep"]


@pytest.mark.parametrize(("preset", "crf", "gop"), [("ultrafast", 35, 250), ("veryfast", 35, 2), ("medium", 35, 250)])
@pytest.mark.parametrize(
    ("in_view", "stuck", "is_fault"),
    [
        ((-0.2, 0.8), slice(0, 0), False),
        ((0.3, 0.8), slice(0, 0), False),
        ((-0.2, 0.8), slice(40, 120), True),
        ((-0.2, 0.8), slice(100, 200), True),
    ],
)
def test_a_simulated_camera_is_judged_alike_under_strong_compression(
    tmp_path: Path, in_view: tuple[float, float], stuck: slice, is_fault: bool, preset: str, crf: int, gop: int
) -> None:
    one = passing(in_view, stuck if stuck.stop else None)
    encode(tmp_path / "v.mp4", list(np.repeat(one.pictures["front"][..., None], 3, axis=3)), gop, crf, preset)
    _, looks = times_and_looks(Footage("k", tmp_path / "v.mp4", 0.0, None), FPS, 4.0)
    arms = {"left": one.state[:, :7].astype(float), "right": one.state[:, 7:].astype(float)}
    assert (frozen(looks, arms, "", FPS)[0] > 1.0) == is_fault


def test_travel_is_motion_and_not_noise() -> None:
    t = np.linspace(0, 1, FRAMES)
    noise = np.random.default_rng(0).normal(0, 2e-4, (FRAMES, 3))
    assert c.travel(noise, FPS) < 1e-4
    assert c.travel(noise + np.outer(t, [0, 1.3e-3, 0]), FPS) > 6e-4
    assert c.travel(noise + 0.3 * np.sin(30 * t)[:, None], FPS) > 0.3
    assert c.travel(np.zeros((5, 2)), FPS) == 0
    assert c.travel(np.array([[0.0], [1.0]]), FPS) == 1
    assert c.travel(np.zeros((1, 2)), FPS) == c.travel(np.zeros((9, 0)), FPS) == c.travel(np.zeros((0, 3)), FPS) == 0
    assert c.unit(np.array([90.0])) == pytest.approx(57.2957795)
    assert c.unit(np.array([np.nan, 3.1])) == 1
