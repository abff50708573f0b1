"""Recordings in the formats of others, written to their documented layouts, and ways to damage them; for tests."""

import io
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from finevla_core.embodiment import Embodiment
from finevla_tools.convert.episode import CameraStream, EpisodeFrame, Header

TASK = "pick up the red cube"
CAMERAS = ("cam_high", "cam_left_wrist", "cam_right_wrist")


@dataclass(frozen=True)
class Recording:
    """Made-up motion: `states`, `actions` (T, D) float32, `images` (T, C, H, W, 3)."""

    states: NDArray[np.float32]
    actions: NDArray[np.float32]
    images: NDArray[np.uint8]


def recording(
    seed: int = 0, frames: int = 12, width: int = 14, cameras: int = 3, size: tuple[int, int] = (48, 64)
) -> Recording:
    """Smooth motion, grippers (every seventh value) between 0 and 1, smooth pictures that differ in every frame."""
    rng = np.random.default_rng(seed)
    states = np.cumsum(rng.normal(0, 0.02, (frames + 1, width)), axis=0).astype(np.float32)
    states[:, 6::7] = np.linspace(0.02, 0.98, frames + 1, dtype=np.float32)[:, None]
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]]
    images = np.empty((frames, cameras, *size, 3), np.uint8)
    for k in range(frames):
        for c in range(cameras):
            red, green = 30 + 60 * c + 2 * k + 0 * rows, rows * 255 // size[0]
            images[k, c] = np.stack([red, green, columns * 255 // size[1]], axis=2)
    return Recording(states[:-1], states[1:], images)


def jpeg(picture: NDArray[np.uint8], quality: int = 90) -> bytes:
    """The picture as a JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "jpeg", quality=quality)
    return buffer.getvalue()


def aloha(
    path: Path, r: Recording, stored: str = "raw", gripper: float = 1.0, base: bool = True, **attributes: Any
) -> None:
    """The vendor's collector; `stored`: "raw", "padded" (JPEG, compress_len) or "bytes" (RDT's fixed-length JPEG)."""
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    states, actions = r.states.copy(), r.actions.copy()
    states[:, 6::7] *= np.float32(gripper)
    actions[:, 6::7] *= np.float32(gripper)
    with h5py.File(path, "w") as file:
        file.attrs["sim"], file.attrs["compress"] = False, stored != "raw"
        for key, value in attributes.items():
            file.attrs[key] = value
        group = file.create_group("observations")
        for name in ("qpos", "qvel", "effort"):
            group[name] = states if name == "qpos" else np.zeros_like(states)
        file["action"] = actions
        if base:
            file["base_action"] = np.arange(2 * len(states), dtype=np.float32).reshape(-1, 2)
        shown = group.create_group("images")
        lengths = []
        for c, camera in enumerate(CAMERAS[: r.images.shape[1]]):
            pictures = r.images[:, c]
            if stored == "raw":
                shown.create_dataset(camera, data=pictures, chunks=(1, *pictures.shape[1:]))
                continue
            files = [jpeg(picture) for picture in pictures]
            longest = max(map(len, files))
            lengths.append([len(f) for f in files])
            if stored == "bytes":
                shown[camera] = np.array(files, f"S{longest}")
            else:
                shown[camera] = np.array([np.frombuffer(f.ljust(longest, b"\0"), np.uint8) for f in files])
        if stored == "padded":
            file["compress_len"] = np.array(lengths)


def robomind(path: Path, r: Recording) -> None:
    """RoboMIND's AgileX episodes: an arm each, pictures of variable length, the task in the file."""
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for who, values in (("puppet", r.states), ("master", r.actions)):
            file[f"{who}/joint_position_left"] = values[:, :7].astype(np.float64)
            file[f"{who}/joint_position_right"] = values[:, 7:].astype(np.float64)
        for c, camera in enumerate(("camera_front", "camera_left_wrist", "camera_right_wrist")):
            shown = file.create_dataset(
                f"observations/rgb_images/{camera}", (len(r.states),), dtype=h5py.vlen_dtype(np.uint8)
            )
            for k, picture in enumerate(r.images[:, c]):
                shown[k] = np.frombuffer(jpeg(picture), np.uint8)
        file["language_raw"] = np.array([TASK.encode()], dtype=object)


@dataclass(frozen=True)
class Played:
    """A recording as the episode of a reader; `tasks` are spread evenly over the frames."""

    header: Header
    of: Recording
    tasks: tuple[str, ...] = (TASK,)

    def frames(self) -> Iterator[EpisodeFrame]:
        """One after the other."""
        names = [camera.name for camera in self.header.cameras]
        for k, (state, action) in enumerate(zip(self.of.states, self.of.actions, strict=True)):
            task = self.tasks[k * len(self.tasks) // len(self.of.states)]
            yield EpisodeFrame(state, action, dict(zip(names, self.of.images[k], strict=True)), task)


def played(r: Recording, robot: Embodiment, fps: int = 10, name: str = "episode", **more: Any) -> Played:
    """With the robot's names."""
    cameras = tuple(CameraStream(camera, *r.images.shape[2:4]) for camera in robot.camera_names[: r.images.shape[1]])
    facts = {"outcome": "success", "operator": "Ünal"}
    return Played(Header(name, fps, robot.name, robot.names, robot.names, cameras, (), facts), r, **more)


def parts(folder: Path, robot: Embodiment, episodes: int = 3, images: str = "video", frames: int = 12) -> list[Path]:
    """Converted episodes, two tasks in all but the first; videos small and without loss, so that they can be compared."""
    from finevla_tools.convert.episode_worker import PartOptions, make_part
    from finevla_tools.convert.video_encoder import Codec

    codec = Codec(vcodec="libx264rgb", pix_fmt="rgb24", crf=0, threads=1)
    made = []
    for i in range(episodes):
        made.append(folder / f"part_{i}")
        made[-1].mkdir(parents=True)
        tasks = (TASK, f"then task {i}") if i else (TASK,)
        episode = played(recording(i, frames + i), robot, name=f"episode_{i}", tasks=tasks)
        make_part(episode, made[-1], PartOptions(images, codec), {})
    return made


def rlds(path: Path, episodes: list[dict[str, Any]]) -> None:
    """A TFRecord file of tf.train.Examples, made with the protobuf runtime; values are bytes, floats or ints in lists."""
    import google_crc32c

    def masked(data: bytes) -> bytes:
        crc = google_crc32c.value(data)
        return ((((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF).to_bytes(4, "little")

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for features in episodes:
            data = _example(features)
            length = len(data).to_bytes(8, "little")
            file.write(length + masked(length) + data + masked(data))


def _example(features: dict[str, Any]) -> bytes:
    message = _example_type()()
    for key, values in features.items():
        feature = message.features.feature[key]
        if isinstance(values[0], bytes):
            feature.bytes_list.value.extend(values)
        elif isinstance(values[0], int | np.integer):
            feature.int64_list.value.extend(int(value) for value in values)
        else:
            feature.float_list.value.extend(float(value) for value in values)
    return bytes(message.SerializeToString())


@lru_cache
def _example_type() -> Any:
    """tf.train.Example, declared to the protobuf runtime."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="tensorflow", syntax="proto3")
    field = descriptor_pb2.FieldDescriptorProto
    for name, kind in (
        ("BytesList", field.TYPE_BYTES),
        ("FloatList", field.TYPE_FLOAT),
        ("Int64List", field.TYPE_INT64),
    ):
        message = file.message_type.add(name=name)
        message.field.add(name="value", number=1, label=field.LABEL_REPEATED, type=kind)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, name in enumerate(("BytesList", "FloatList", "Int64List"), 1):
        plain = name.replace("List", "_list").lower()
        feature.field.add(
            name=plain, number=number, label=field.LABEL_OPTIONAL, type=field.TYPE_MESSAGE,
            type_name=f".tensorflow.{name}", oneof_index=0,
        )  # fmt: skip
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=field.LABEL_OPTIONAL, type=field.TYPE_STRING)
    entry.field.add(
        name="value", number=2, label=field.LABEL_OPTIONAL, type=field.TYPE_MESSAGE, type_name=".tensorflow.Feature"
    )
    features.field.add(
        name="feature", number=1, label=field.LABEL_REPEATED, type=field.TYPE_MESSAGE,
        type_name=".tensorflow.Features.FeatureEntry",
    )  # fmt: skip
    example = file.message_type.add(name="Example")
    example.field.add(
        name="features", number=1, label=field.LABEL_OPTIONAL, type=field.TYPE_MESSAGE, type_name=".tensorflow.Features"
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))


def bridge(r: Recording) -> dict[str, Any]:
    """A step for each frame of `r` (7 values), as BridgeData V2 has them."""
    steps = len(r.states)
    flags = {"is_first": [1] + [0] * (steps - 1), "is_last": [0] * (steps - 1) + [1]}
    return {
        "steps/observation/state": r.states.ravel(),
        "steps/action": r.actions.ravel(),
        "steps/language_instruction": [TASK.encode()] * steps,
        **{f"steps/observation/image_{c}": [jpeg(p) for p in r.images[:, c]] for c in range(r.images.shape[1])},
        **{f"steps/{key}": value for key, value in flags.items()},
        "steps/discount": [1.0] * steps,
        "episode_metadata/episode_id": [-7],
    }


def truncated(data: bytes, rng: np.random.Generator) -> bytes:
    """The first part of a file."""
    return data[: int(rng.integers(len(data)))]


def flipped(data: bytes, rng: np.random.Generator, most: int = 16) -> bytes:
    """A few bits turned, half of the time near the beginning, where formats keep what matters."""
    changed = bytearray(data)
    reach = len(data) if rng.random() < 0.5 else min(len(data), 4096)
    for _ in range(int(rng.integers(1, most + 1))):
        changed[int(rng.integers(reach))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def scrambled(data: bytes, rng: np.random.Generator) -> bytes:
    """A stretch overwritten with noise."""
    begin = int(rng.integers(len(data)))
    noise = rng.bytes(min(len(data) - begin, int(rng.integers(1, 512))))
    return data[:begin] + noise + data[begin + len(noise) :]


def edited_json(path: Path, rng: np.random.Generator) -> None:
    """One value somewhere in a JSON file replaced by something that does not belong there."""
    root = json.loads(path.read_text(encoding="utf-8"))
    odd = [
        None,
        -1,
        10**30,
        1e308,
        "",
        "../../../etc/passwd",
        "/etc/passwd",
        [],
        {},
        True,
        "\0",
        [[[]]],
        "{x.__class__}",
    ]
    spots: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in node if isinstance(node, dict) else range(len(node)):
            spots.append((node, key))
            if isinstance(node[key], dict | list):
                walk(node[key])

    walk(root)
    node, key = spots[int(rng.integers(len(spots)))]
    if rng.random() < 0.3 and isinstance(node, dict):
        del node[key]
    else:
        node[key] = odd[int(rng.integers(len(odd)))]
    path.write_text(json.dumps(root), encoding="utf-8")


DAMAGES = (truncated, flipped, scrambled)


HDF5_HARMS = (
    "external link",
    "soft link",
    "external storage",
    "virtual",
    "references",
    "huge",
    "huge picture",
    "huge chunk",
    "never written",
    "wrong type",
    "compound",
    "missing",
    "no pictures",
    "shorter",
    "wider",
    "NaN",
    "no JPEG",
    "ring",
    "empty",
)


def harm_hdf5(path: Path, how: str) -> None:
    """What a hostile or careless writer does to a file of `aloha` with twelve frames."""
    import h5py

    with h5py.File(path, "a") as file:
        images = file["observations/images"]
        if how == "external link":
            del file["action"]
            file["action"] = h5py.ExternalLink("other.hdf5", "/action")
        elif how == "soft link":
            del file["action"]
            file["action"] = h5py.SoftLink("/observations/qpos")
        elif how == "external storage":
            del file["action"]
            file.create_dataset("action", (12, 14), "f4", external=[("/etc/passwd", 0, 12 * 14 * 4)])
        elif how == "virtual":
            del images["cam_high"]
            layout = h5py.VirtualLayout((12, 48, 64, 3), "u1")
            layout[:] = h5py.VirtualSource("other.hdf5", "x", (12, 48, 64, 3))
            images.create_virtual_dataset("cam_high", layout)
        elif how == "references":
            del images["cam_high"]
            images.create_dataset("cam_high", data=np.array([file.ref] * 12, dtype=h5py.ref_dtype))
        elif how == "huge":
            del file["action"]
            file.create_dataset("action", (10**12, 14), "f4", chunks=(1024, 14))
        elif how == "huge picture":
            del images["cam_high"]
            images.create_dataset("cam_high", (12, 10**6, 10**6, 3), "u1", chunks=(1, 1000, 1000, 3))
        elif how == "huge chunk":
            del images["cam_high"]
            images.create_dataset("cam_high", (12, 8000, 8000, 3), "u1", chunks=(12, 8000, 8000, 3), compression="gzip")
        elif how == "never written":
            del images["cam_high"]
            images.create_dataset("cam_high", (12, 48, 64, 3), "u1", chunks=(1, 48, 64, 3))
        elif how == "wrong type":
            del file["action"]
            file["action"] = np.full((12, 14), b"x")
        elif how == "compound":
            del file["action"]
            file["action"] = np.zeros((12, 14), [("a", "f4")])
        elif how == "missing":
            del file["action"]
        elif how == "no pictures":
            del file["observations/images"]
        elif how == "shorter":
            del file["action"]
            file["action"] = np.zeros((11, 14), "f4")
        elif how == "wider":
            del file["action"]
            file["action"] = np.zeros((12, 16), "f4")
        elif how == "NaN":
            file["action"][5, 3] = np.nan
        elif how == "no JPEG":
            del images["cam_high"]
            images["cam_high"] = np.ones((12, 100), np.uint8)
        elif how == "ring":
            del file["observations/images"]
            file["observations/images"] = file["observations"]
        elif how == "empty":
            del file["action"], file["observations/qpos"]
            file["action"] = file["observations/qpos"] = np.zeros((0, 14), "f4")
        else:
            raise AssertionError(how)


LEROBOT_HARMS = (
    "path out of the set",
    "absolute path",
    "code in the path",
    "link out of the set",
    "feature as a path",
    "no video",
    "short video",
    "gap in the video",
    "other size",
    "no rows",
    "rows missing in between",
    "rows missing at the end",
    "no action",
    "text for numbers",
    "no shape",
    "huge shape",
    "no state",
    "broken rate",
    "no JSON",
    "deep JSON",
    "other version",
)


def edit_info(root: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change info.json."""
    path = root / "meta/info.json"
    info = json.loads(path.read_text())
    change(info)
    path.write_text(json.dumps(info))


def _other_rows(root: Path, change: Callable[[Any], Any]) -> None:
    import pyarrow.parquet as pq

    path = root / "data/chunk-000/episode_000000.parquet"
    pq.write_table(change(pq.read_table(path)), path)


def _video(root: Path, frames: int, size: tuple[int, int] = (48, 64), skip: int = -1) -> Path:
    import av

    path = root / "short.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        for k in range(frames):
            frame = av.VideoFrame.from_ndarray(np.zeros((*size, 3), np.uint8), format="rgb24")
            frame.pts = k
            if k != skip:
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def harm_lerobot(root: Path, how: str) -> None:
    """What a hostile or careless writer does to a v2.1 data set whose first episode has twelve frames."""
    key, outside = "observation.images.left", root.parent / "outside.mp4"
    video = root / f"videos/chunk-000/{key}/episode_000000.mp4"
    if how == "path out of the set":
        edit_info(root, lambda info: info.update(data_path="../../{episode_chunk}/{episode_index}.parquet"))
    elif how == "absolute path":
        edit_info(root, lambda info: info.update(video_path="/etc/{video_key}"))
    elif how == "code in the path":
        edit_info(root, lambda info: info.update(video_path="{video_key.__class__.__mro__}"))
    elif how == "link out of the set":
        shutil.move(video, outside)
        video.symlink_to(outside)
    elif how == "feature as a path":
        edit_info(root, lambda info: info["features"].update({"observation.images.../../x": info["features"][key]}))
    elif how == "no video":
        video.unlink()
    elif how == "short video":
        shutil.copy(_video(root, 5), video)
    elif how == "gap in the video":
        shutil.copy(_video(root, 12, skip=4), video)
    elif how == "other size":
        shutil.copy(_video(root, 12, (96, 128)), video)
    elif how == "no rows":
        (root / "data/chunk-000/episode_000000.parquet").unlink()
    elif how == "rows missing in between":
        import pyarrow as pa

        _other_rows(root, lambda t: pa.concat_tables([t.slice(0, 4), t.slice(5)]))
    elif how == "rows missing at the end":
        _other_rows(root, lambda t: t.slice(0, 9))
    elif how == "no action":
        _other_rows(root, lambda t: t.drop_columns(["action"]))
    elif how == "text for numbers":
        import pyarrow as pa

        _other_rows(root, lambda t: t.set_column(0, "observation.state", pa.array(["x"] * t.num_rows)))
    elif how == "no shape":
        edit_info(root, lambda info: info["features"]["action"].pop("shape"))
    elif how == "huge shape":
        edit_info(root, lambda info: info["features"][key].update(shape=[10**9, 10**9, 3]))
    elif how == "no state":
        edit_info(root, lambda info: info["features"].pop("observation.state"))
    elif how == "broken rate":
        edit_info(root, lambda info: info.update(fps=29.97))
    elif how == "no JSON":
        (root / "meta/info.json").write_text("{")
    elif how == "deep JSON":
        (root / "meta/info.json").write_text("[" * 100_000)
    elif how == "other version":
        edit_info(root, lambda info: info.update(codebase_version="v9.0"))
    else:
        raise AssertionError(how)
