"""Promises about pictures that are no colour pictures: one rule for bags, other recordings and the live ingest."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

pytest.importorskip("rosbags", reason="rosbags come with 'make data-setup'")

import foreign
from made_bags import MS, RAW, START, Scene

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_tools.convert import compressed_pictures
from finevla_tools.convert.bag_analysis import BagOptions
from finevla_tools.convert.bag_source import BagSource
from finevla_tools.convert.episode import Encoded, EpisodeFrame
from finevla_tools.convert.episode_worker import PartOptions, make_part
from finevla_tools.convert.hdf5_source import Hdf5Source
from finevla_tools.convert.lerobot_source import LeRobotSource
from finevla_tools.convert.video_encoder import PictureStatistics
from finevla_tools.datasets.lerobot_files import is_depth
from finevla_tools.datasets.rosbag_writer import IMAGE

SIZE = (24, 32)
STEPS = 5


def colour(k: int) -> NDArray[np.uint8]:
    return np.full((*SIZE, 3), (200 + k, 90, 10 + 5 * k), np.uint8)


def mosaic(picture: NDArray[np.uint8], pattern: str) -> NDArray[np.uint8]:
    seen = np.empty(picture.shape[:2], np.uint8)
    for place, channel in enumerate(pattern):
        i, j = divmod(place, 2)
        seen[i::2, j::2] = picture[i::2, j::2, "rgb".index(channel)]
    return seen


def file(picture: NDArray[Any], kind: str = "png") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind)
    return buffer.getvalue()


def scene(robot: Embodiment, send: Any) -> Scene:
    """`send(scene, camera, k, stamp)` adds what a camera's driver sends of `colour(k)`."""
    made = Scene(robot)
    made.say("do it", "", START)
    for k in range(STEPS):
        stamp = START + k * 100 * MS
        made.state(np.full(14, 0.5), stamp)
        made.command(np.full(14, 0.5), stamp)
        for camera in robot.cameras:
            send(made, camera, k, stamp)
    return made


def compressed(data: Any, said: str) -> Any:
    def send(made: Scene, camera: Any, k: int, stamp: int) -> None:
        content = np.frombuffer(data(k), np.uint8)
        message = made.make._types[IMAGE](header=made.make._header(camera.frame, stamp), format=said, data=content)
        made.add(f"{camera.topic}/compressed", IMAGE, message, stamp)

    return send


def raw(pixels: Any, encoding: str, is_bigendian: int = 0) -> Any:
    def send(made: Scene, camera: Any, k: int, stamp: int) -> None:
        rows = np.ascontiguousarray(pixels(k))
        step = rows.nbytes // rows.shape[0]
        header, data = made.make._header(camera.frame, stamp), rows.reshape(-1).view(np.uint8)
        height, width = SIZE
        message = made.make._types[RAW](
            header=header,
            height=height,
            width=width,
            encoding=encoding,
            is_bigendian=is_bigendian,
            step=step,
            data=data,
        )
        made.add(camera.topic, RAW, message, stamp)

    return send


def convert(path: Path, robot: Embodiment, **options: Any) -> list[EpisodeFrame]:
    source = BagSource(path, robot, BagOptions(**options))
    [reference] = source.references()
    return list(source.open(reference).frames())


def shown(picture: Any) -> NDArray[np.uint8]:
    return compressed_pictures.decode(picture, "a picture")


COLOURS = {
    "mosaic in PNG": compressed(lambda k: file(mosaic(colour(k), "grbg")), "bayer_grbg8; png compressed "),
    "mosaic of 16 bits in PNG": compressed(
        lambda k: file(mosaic(colour(k), "rggb").astype(np.uint16) << 8), "bayer_rggb16; png compressed "
    ),
    "mosaic": raw(lambda k: mosaic(colour(k), "bggr"), "bayer_bggr8"),
    "mosaic of 16 bits": raw(lambda k: mosaic(colour(k), "gbrg").astype("<u2") << 8, "bayer_gbrg16"),
    "mosaic of 16 bits, big endian": raw(
        lambda k: (mosaic(colour(k), "gbrg").astype(np.uint16) << 8).astype(">u2"), "bayer_gbrg16", 1
    ),
    "PNG": compressed(lambda k: file(colour(k)), "rgb8; png compressed bgr8"),
    "PNG with alpha": compressed(lambda k: file(np.dstack([colour(k), np.full(SIZE, 9, np.uint8)])), "png"),
    "bgr8": raw(lambda k: colour(k)[..., ::-1], "bgr8"),
}  # fmt: skip


def yuv(picture: NDArray[np.uint8], encoding: str) -> NDArray[np.uint8]:
    """A picture of one colour as a USB camera sends it (BT.601, the range of video)."""
    r, g, b = (float(v) / 255 for v in picture[0, 0])
    y = round(16 + 65.481 * r + 128.553 * g + 24.966 * b)
    u = round(128 - 37.797 * r - 74.203 * g + 112.0 * b)
    v = round(128 + 112.0 * r - 93.786 * g - 18.214 * b)
    height, width = picture.shape[:2]
    if encoding.startswith("nv"):
        colours = np.tile([[u, v] if encoding == "nv12" else [v, u]], (height // 2, width // 2))
        return np.concatenate([np.full((height, width), y), colours]).astype(np.uint8)
    four = [u, y, v, y] if encoding in ("yuv422", "uyvy") else [y, u, y, v]
    return np.tile(np.array(four, np.uint8), (height, width // 2))


@pytest.mark.parametrize("encoding", ["yuv422", "uyvy", "yuv422_yuy2", "yuyv", "nv12", "nv21"])
@pytest.mark.parametrize("options", [{}, {"size": (12, 12)}, {"mode": "live"}], ids=["fixed", "size", "live"])
def test_what_usb_cameras_send_has_its_colours_in_every_mode(
    robot: Embodiment, tmp_path: Path, encoding: str, options: dict[str, Any]
) -> None:
    pytest.importorskip("cv2", reason="OpenCV comes with the set-up of the robot")
    bag = scene(robot, raw(lambda k: yuv(colour(k), encoding), encoding)).write(tmp_path / "bag")
    frames = convert(bag, robot, **options)
    assert len(frames) >= STEPS - 1
    for frame in frames:
        for picture in frame.pictures.values():
            apart = [np.abs(shown(picture).astype(int) - colour(k)[0, 0]).max() for k in range(STEPS)]
            assert min(apart) <= 3


@pytest.mark.parametrize("how", COLOURS)
def test_colours_are_the_same_in_every_mode(robot: Embodiment, tmp_path: Path, how: str) -> None:
    bag = scene(robot, COLOURS[how]).write(tmp_path / "bag")
    for k, frame in enumerate(convert(bag, robot)):
        for picture in frame.pictures.values():
            np.testing.assert_array_equal(shown(picture), colour(k))
    for options in ({"size": (12, 12)}, {"mode": "live"}):
        frames = convert(bag, robot, **options)
        assert len(frames) >= STEPS - 1
        for frame in frames:
            values = {
                tuple(p.reshape(-1, 3).min(axis=0)) + tuple(p.reshape(-1, 3).max(axis=0))
                for p in frame.pictures.values()
            }
            assert len(values) == 1
            assert values.pop() in {(*tuple(colour(k)[0, 0]), *tuple(colour(k)[0, 0])) for k in range(STEPS)}


def test_a_mosaic_is_kept_in_its_colours(robot: Embodiment, tmp_path: Path) -> None:
    """`--images keep` passes pictures as they are recorded; of a mosaic nobody would know that it is one."""
    import pyarrow.parquet as pq

    source = BagSource(scene(robot, COLOURS["mosaic in PNG"]).write(tmp_path / "bag"), robot, BagOptions())
    (tmp_path / "part").mkdir()
    make_part(source.open(source.references()[0]), tmp_path / "part", PartOptions("keep"), {})
    table = pq.read_table(next((tmp_path / "part").glob("*.parquet")))
    for k, cell in enumerate(table.column("observation.images.front").to_pylist()):
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(cell["bytes"]))), colour(k))


def depth(k: int) -> NDArray[np.uint16]:
    return np.full(SIZE, 800 + k, np.uint16)


REFUSED = {
    "16 bits in PNG": (compressed(lambda k: file(depth(k)), "png"), "grey of more than 8 bits"),
    "16 bits in PNG, said": (compressed(lambda k: file(depth(k)), "16UC1; png compressed "), "this is a depth picture"),
    "infrared": (compressed(lambda k: file(depth(k)), "mono16; png compressed "), "depth or infrared"),
    "compressed depth": (compressed(lambda k: bytes(12) + file(depth(k)), "16UC1; compressedDepth png"), "depth"),
    "lossy depth": (compressed(lambda _: bytes(20), "32FC1; compressedDepth rvl"), "this is a depth picture"),
    "a mask": (compressed(lambda k: file(depth(k) > 0), "png"), "its kind is 1"),
    "video": (compressed(lambda _: b"\0\0\0\1\x67" + bytes(20), "h264"), "a piece of a video"),
    "a mosaic of nobody": (compressed(lambda k: file(mosaic(colour(k), "rggb")), "bayer_rgbg8; png compressed "), "mosaic is"),
    "depth": (raw(depth, "16UC1"), "this is a depth picture"),
    "depth in metres": (raw(lambda k: depth(k).astype(np.float32), "32FC1"), "this is a depth picture"),
    "infrared, raw": (raw(depth, "mono16"), "depth or infrared picture"),
    "YUV that nobody reads": (raw(lambda _: np.zeros((*SIZE, 3), np.uint8), "nv24"), "'nv24' is not supported; .*driver"),
    "YUV without colours": (raw(lambda _: np.zeros(SIZE, np.uint8), "nv12"), r"image has \d+ bytes, \d+ are needed"),
}  # fmt: skip


@pytest.mark.parametrize("how", REFUSED)
@pytest.mark.parametrize("options", [{}, {"size": (12, 12)}, {"mode": "live"}], ids=["fixed", "size", "live"])
def test_what_is_no_colour_picture_is_refused_in_every_mode(
    robot: Embodiment, tmp_path: Path, how: str, options: dict[str, Any]
) -> None:
    send, sentence = REFUSED[how]
    bag = scene(robot, send).write(tmp_path / "bag")
    with pytest.raises(FineVLAError, match=sentence) as refused:
        convert(bag, robot, **options)
    assert "camera front" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kept", ["video", "png", "keep"])
def test_one_that_comes_later_is_refused_as_well(robot: Embodiment, tmp_path: Path, kept: str) -> None:
    send = compressed(lambda k: file(colour(k) if k < 3 else depth(k)), "png")
    source = BagSource(scene(robot, send).write(tmp_path / "bag"), robot, BagOptions())
    (tmp_path / "part").mkdir()
    with pytest.raises(FineVLAError, match="is no colour picture: it is grey of more than 8 bits"):
        make_part(source.open(source.references()[0]), tmp_path / "part", PartOptions(kept), {})


def test_files_of_others_obey_the_same_rule() -> None:
    """What HDF5, RLDS and LeRobot's image columns hold goes through these."""
    deep = compressed_pictures.encoded(file(depth(0)), "a picture")
    for look in (compressed_pictures.size, compressed_pictures.decode):
        with pytest.raises(FineVLAError, match="a picture is no colour picture: it is grey of more than 8 bits"):
            look(deep, "a picture")
    assert PictureStatistics().frames == 0
    assert isinstance(compressed_pictures.encoded(file(colour(0)), "a picture"), Encoded)


@pytest.mark.parametrize("name", ["cam_high_depth", "depth_left", "tof"])
def test_depth_in_hdf5_is_left_out_by_name(robot: Embodiment, tmp_path: Path, name: str) -> None:
    h5py = pytest.importorskip("h5py")
    r, path = foreign.recording(), tmp_path / "fold" / "episode_0.hdf5"
    foreign.aloha(path, r)
    with h5py.File(path, "a") as opened:
        opened[f"observations/images/{name}"] = np.full((len(r.states), 6, 8), 700, np.uint16)
    episode = (source := Hdf5Source(path, robot)).open(source.references()[0])
    assert [c.name for c in episode.header.cameras] == ["front", "left", "right"]
    assert f"observations/images/{name}" in episode.header.facts["left_out"]
    assert episode.header.facts["notes"] == [f"depth is no colour picture and was left out: observations/images/{name}"]
    assert (next(episode.frames()).pictures["front"] == r.images[0, 0]).all()


class TestLeRobotDepth:
    """As LeRobot 0.6 itself writes it."""

    @pytest.fixture(scope="class")
    def dataset(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        datasets = pytest.importorskip(
            "lerobot.datasets.lerobot_dataset", reason="LeRobot comes with 'make data-setup'"
        )
        root = tmp_path_factory.mktemp("lerobot") / "depth"
        names = [f"v{i}" for i in range(14)]
        sides = ["height", "width", "channels"]
        features = {
            **{key: {"dtype": "float32", "shape": (14,), "names": names} for key in ("observation.state", "action")},
            "observation.images.front": {"dtype": "video", "shape": (64, 96, 3), "names": sides},
            "observation.images.tof": {
                "dtype": "video", "shape": (64, 96, 1), "names": sides, "info": {"is_depth_map": True}
            },
        }  # fmt: skip
        made = datasets.LeRobotDataset.create("x/depth", 10, features, root=root, robot_type="any", use_videos=True)
        for k in range(10):
            values = np.full(14, 0.02 * k, np.float32)
            pictures_of = {
                "observation.images.front": np.full((64, 96, 3), 100 + 8 * k, np.uint8),
                "observation.images.tof": np.full((64, 96, 1), 800 + k, np.uint16),
            }
            made.add_frame({"observation.state": values, "action": values, "task": "push", **pictures_of})
        made.save_episode()
        made.finalize()
        return root

    def test_is_left_out_of_a_conversion_and_named(self, dataset: Path) -> None:
        episode = (source := LeRobotSource(dataset)).open(source.references()[0])
        frames = list(episode.frames())
        assert (len(frames), list(frames[0].pictures)) == (10, ["front"])
        assert abs(int(shown(frames[3].pictures["front"])[30, 40, 0]) - 124) <= 3
        assert episode.header.facts["left_out"] == ["observation.images.tof"]
        assert "observation.images.tof" in episode.header.facts["notes"][0]

    def test_is_not_black_to_clean(self, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        from finevla_tools import cli

        options = ["--only", "corrupt,video_black,video_blur,video_frozen,video_length,video_corrupt"]
        assert cli.main(["clean", str(dataset), "--report", str(tmp_path / "report"), *options]) == 0
        said = capsys.readouterr().out
        assert "1 episode: 1 kept, 0 dropped" in said
        assert "depth is counted, not looked at: observation.images.tof" in said

    @pytest.mark.parametrize(
        ("key", "feature"),
        [
            ("observation.images.a", {"info": {"is_depth_map": True}}),
            ("observation.images.a", {"info": {"video.is_depth_map": True}}),
            ("observation.images.a", {"video_info": {"video.is_depth_map": True}}),
            ("observation.images.a", {"info": {"video.pix_fmt": "gray12le"}}),
            ("observation.images.a", {"info": {"video.pix_fmt": "gray16be"}}),
            ("observation.depth.cam_high", {}),
            ("observation.images.wrist_depth", {}),
            ("observation.images.depth-front", {"info": None}),
        ],
    )
    def test_is_known_by_its_flag_its_pixels_or_its_name(self, key: str, feature: dict[str, Any]) -> None:
        assert is_depth(key, {"dtype": "video", **feature})
        assert is_depth(key, {"dtype": "image", **feature})

    @pytest.mark.parametrize(
        "key", ["observation.images.front", "observation.images.in_depthless_box", "observation.state"]
    )
    def test_is_not_seen_where_there_is_none(self, key: str) -> None:
        said = {"video.pix_fmt": "yuv420p", "is_depth_map": False}
        assert not is_depth(key, {"dtype": "video", "info": said})
        assert not is_depth("observation.depth_mean", {"dtype": "float32", "shape": [1]})
