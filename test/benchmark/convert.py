"""How fast and how large `finevla convert` is: beside the video encoder alone, LeRobot's own way, and a plain file copy.

python test/benchmark/convert.py encode     three 640x480 cameras to video
python test/benchmark/convert.py keep       JPEG bags without encoding again
python test/benchmark/convert.py memory     peak memory of a 10-minute and a 60-minute bag
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "test" / "support"))
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("SVT_LOG", "1")

from made_bags import START, Scene

from finevla_core.embodiment import Embodiment, load_embodiment
from finevla_tools.convert import command
from finevla_tools.convert.episode import CameraStream
from finevla_tools.convert.video_encoder import Codec, add_stream
from finevla_tools.datasets.rosbag_writer import IMAGE
from finevla_tools.process_priority import give_way

FPS = 30
CAMERAS = ("front", "left", "right")
ALONE = "encoder alone"


def footage(frames: int, height: int, width: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    """Pictures as a camera gives them: a shaded scene with texture, things that move, and a little noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    scene = np.stack([90 + 60 * np.sin(x / (40 + 9 * c) + c) * np.cos(y / (55 - 7 * c)) + y / 8 for c in range(3)], -1)
    scene += rng.normal(0, 12, (height, width, 1)).astype(np.float32)
    noise = rng.normal(0, 2.5, (8, height, width, 1)).astype(np.float32)
    for k in range(frames):
        picture = scene + noise[k % len(noise)]
        for i, colour in enumerate(((200, 60, 40), (40, 90, 200))):
            top, left = (
                int(height * (0.3 + 0.2 * np.sin(k / 20 + i))),
                int(width * (0.4 + 0.3 * np.cos(k / 17 + 2 * i))),
            )
            picture[top : top + height // 6, left : left + width // 8] = colour
        yield np.clip(picture, 0, 255).astype(np.uint8)


def jpeg(picture: NDArray[np.uint8], quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "jpeg", quality=quality)
    return buffer.getvalue()


def bag(robot: Embodiment, path: Path, pictures: list[list[Any]], raw: bool, steps: int, rate: int = FPS) -> Path:
    """A bag of so many steps; pictures (by camera) come round again and again. Written while it is made."""
    from rosbags.rosbag2 import StoragePlugin, Writer

    scene, due = Scene(robot, due_ns=1_000_000_000 // rate), 1_000_000_000
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        known: dict[str, Any] = {}
        for k in range(steps):
            stamp = START + (k * due + rate // 2) // rate
            if k == 0:
                scene.say("clear the table", "with both arms", stamp)
            values = 0.5 + 0.4 * np.sin(k / 50 + np.arange(len(robot.names)))
            scene.state(values, stamp)
            scene.command(values, stamp)
            for camera, shown in zip(robot.cameras, pictures, strict=True):
                _picture(scene, camera, shown[k % len(shown)], stamp, raw)
            for line in scene.lines:
                if line.topic not in known:
                    known[line.topic] = writer.add_connection(line.topic, line.kind, typestore=scene.make.store)
                data = scene.make.store.serialize_cdr(line.message, line.kind)
                writer.write(known[line.topic], line.received_ns, data)
            scene.lines.clear()
    return path


def _picture(scene: Scene, camera: Any, shown: Any, stamp: int, raw: bool) -> None:
    make = scene.make
    header = make._header(camera.frame, stamp)
    if raw:
        message = make._types["sensor_msgs/msg/Image"](
            header=header,
            height=shown.shape[0],
            width=shown.shape[1],
            encoding="rgb8",
            is_bigendian=0,
            step=shown.shape[1] * 3,
            data=shown.ravel(),
        )
        scene.add(camera.topic, "sensor_msgs/msg/Image", message, stamp)
    else:
        message = make._types[IMAGE](header=header, format="jpeg", data=np.frombuffer(shown, np.uint8))
        scene.add(f"{camera.topic}/compressed", IMAGE, message, stamp)


def convert(source: Path, out: Path, jobs: int | None, *options: str) -> None:
    """What a person runs, in this process: what is imported once is not measured."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    more = () if jobs is None else ("--jobs", str(jobs))
    arguments = parser.parse_args([str(source), "--out", str(out), "--fps", str(FPS), *more, *options])
    with redirect_stdout(io.StringIO()):
        assert command.run(arguments) == 0


def alone(pictures: list[list[Any]], folder: Path, codec: Codec, episodes: int) -> None:
    """Nothing but the encoder: frames from memory, a thread per camera, all episodes one after the other.

    Pictures that are JPEG files are decoded when their turn comes.
    """
    import av

    def encode(camera: int, shown: list[Any], episode: int) -> None:
        height, width = decoded(shown[0]).shape[:2]
        with av.open(str(folder / f"{camera}-{episode}.mp4"), "w") as container:
            stream = add_stream(container, CameraStream(CAMERAS[camera], height, width), FPS, codec)
            for k, picture in enumerate(shown):
                frame = av.VideoFrame.from_ndarray(decoded(picture), format="rgb24")
                frame.pts, frame.time_base = k, Fraction(1, FPS)
                container.mux(stream.encode(frame))
                if k == 0:
                    give_way()  # as the conversion does: an encoder at real-time priority is no fair measure beside it
            container.mux(stream.encode())

    for episode in range(episodes):
        threads = [threading.Thread(target=encode, args=(c, shown, episode)) for c, shown in enumerate(pictures)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def decoded(picture: Any) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(picture))) if isinstance(picture, bytes) else picture


def lerobot(pictures: list[list[NDArray[np.uint8]]], root: Path, robot: Embodiment, episodes: int, **more: Any) -> None:
    """LeRobot's add_frame and save_episode, at its defaults."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    height, width = pictures[0][0].shape[:2]
    vector = {"dtype": "float32", "shape": (len(robot.names),), "names": list(robot.names)}
    features: dict[str, Any] = {"observation.state": vector, "action": dict(vector)}
    for camera in CAMERAS:
        shape = (height, width, 3)
        features[f"observation.images.{camera}"] = {
            "dtype": "video",
            "shape": shape,
            "names": ["height", "width", "channels"],
        }
    data = LeRobotDataset.create("bench/mark", FPS, features, root=root, robot_type=robot.name, **more)
    state = np.zeros(len(robot.names), np.float32)
    for _ in range(episodes):
        for shown in zip(*pictures, strict=True):
            frame = {f"observation.images.{camera}": picture for camera, picture in zip(CAMERAS, shown, strict=True)}
            data.add_frame({"observation.state": state, "action": state, "task": "clear the table", **frame})
        data.save_episode()
    data.finalize()


def timed(what: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and seconds of the processors, by this process and those that it started and that have ended."""
    started, before = time.perf_counter(), sum(os.times()[:4])
    what()
    return time.perf_counter() - started, sum(os.times()[:4]) - before


def encode(a: argparse.Namespace, robot: Embodiment, folder: Path) -> None:
    """Rates of three-camera frames, one after the other in one run, twice in turn; the better of two counts."""
    from finevla_tools.convert.lerobot_v3_writer import _metadata

    _metadata()  # what is imported once is not measured
    pictures = [list(footage(a.frames, 480, 640, c)) for c in range(len(CAMERAS))]
    total = a.frames * a.episodes
    packed = [[jpeg(p) for p in shown] for shown in pictures]
    unpacked = [[decoded(p) for p in shown] for shown in packed]
    for i in range(a.episodes):
        bag(robot, folder / "raw" / f"b{i}", pictures, True, a.frames)
        bag(robot, folder / "jpeg" / f"b{i}", packed, False, a.frames)
    ways: dict[str, Callable[[int], object]] = {
        ALONE: lambda _: alone(pictures, folder, Codec(), a.episodes),
        f"{ALONE}, a thread each": lambda _: alone(pictures, folder, Codec(threads=1), a.episodes),
        "finevla convert, raw images": lambda n: convert(folder / "raw", folder / f"r{n}", a.jobs),
        f"{ALONE}, of the JPEGs": lambda _: alone(unpacked, folder, Codec(), a.episodes),
        f"{ALONE}, of the JPEGs, a thread each": lambda _: alone(unpacked, folder, Codec(threads=1), a.episodes),
        "decoder and encoder alone, JPEG, a thread each": lambda _: alone(packed, folder, Codec(threads=1), a.episodes),
        "finevla convert, JPEG": lambda n: convert(folder / "jpeg", folder / f"j{n}", a.jobs),
        "LeRobot, add_frame": lambda n: lerobot(pictures, folder / f"l{n}", robot, a.episodes),
        "LeRobot, streaming_encoding": lambda n: lerobot(
            pictures, folder / f"s{n}", robot, a.episodes, streaming_encoding=True, encoder_queue_maxsize=0
        ),
    }
    best = dict.fromkeys(ways, (float("inf"), float("inf")))
    for n in range(a.rounds):
        for name, way in ways.items():
            best[name] = tuple(map(min, best[name], timed(lambda way=way, n=n: way(n))))
    print(
        f"{total} frames of three 640x480 cameras, {a.episodes} episodes, {os.cpu_count()} cores, {Codec().facts()}\n"
    )
    print("| way | three-camera frames/s | of the encoder alone | of LeRobot's add_frame | processor ms a frame |")
    print("|---|---|---|---|---|")
    for name, (wall_s, cpu_s) in best.items():
        # What was a JPEG is other pictures, and these take the encoder longer.
        same = f"{ALONE}, of the JPEGs" if "JPEG" in name else ALONE
        one = min(best[same][0], best[f"{same}, a thread each"][0]) / wall_s
        other = best["LeRobot, add_frame"][0] / wall_s
        print(f"| {name} | {total / wall_s:.1f} | {one:.2f} | {other:.2f} | {cpu_s / total * 1e3:.0f} |")


def keep(a: argparse.Namespace, robot: Embodiment, folder: Path) -> None:
    """MB/s of a bag that passes, and of a plain copy of the same file."""
    from finevla_tools.convert.lerobot_v3_writer import _metadata

    _metadata()
    pictures = [[jpeg(p) for p in footage(16, 480, 640, c)] for c in range(len(CAMERAS))]
    steps = int(a.megabytes * 1e6 / a.episodes / sum(len(p) for shown in pictures for p in shown) * 16)
    for i in range(a.episodes):
        bag(robot, folder / "in" / f"b{i}", pictures, False, steps)
    files = sorted((folder / "in").rglob("*.mcap"))
    size = sum(f.stat().st_size for f in files) / 1e6
    copies = [
        timed(lambda n=n: [shutil.copyfile(f, folder / f"c{n}-{i}") for i, f in enumerate(files)]) for n in range(2)
    ]
    passes = [
        timed(lambda n=n: convert(folder / "in", folder / f"k{n}", a.jobs, "--images", "keep")) for n in range(a.rounds)
    ]
    copied, (passed, cpu_s) = min(copies)[0], min(passes)
    print(f"{size:.0f} MB of JPEG bags, {a.episodes} of {steps} frames, {a.jobs or os.cpu_count()} jobs")
    print(f"copy {size / copied:.0f} MB/s, finevla convert --images keep {size / passed:.0f} MB/s")
    print(f"bar: {min(150.0, 0.8 * size / copied):.0f} MB/s; {size / cpu_s:.0f} MB per second of one processor")


def memory(a: argparse.Namespace, robot: Embodiment, folder: Path) -> None:
    """Peak resident memory of the worker and of the process that puts the set together."""
    rate = 10
    pictures = [[jpeg(p) for p in footage(16, 96, 128, c)] for c in range(len(CAMERAS))]
    for minutes in (10, 60):
        path = bag(robot, folder / f"bag{minutes}", pictures, False, minutes * 60 * rate, rate)
        command = [
            "convert",
            path,
            "--out",
            folder / f"set{minutes}",
            "--jobs",
            2,
            "--codec",
            "h264",
            "--preset",
            "ultrafast",
        ]
        running = subprocess.Popen(
            [sys.executable, "-m", "finevla_tools.cli", *map(str, command)],
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        peaks: dict[int, int] = {}
        while running.poll() is None:
            for pid in _session(running.pid):
                peaks[pid] = max(peaks.get(pid, 0), _peak_kb(pid))
            time.sleep(0.1)
        assert running.returncode == 0
        main = peaks.pop(running.pid)
        print(
            f"{minutes} minutes: worker {max(peaks.values()) / 1024:.0f} MB, main process {main / 1024:.0f} MB",
            flush=True,
        )


def _session(leader: int) -> list[int]:
    """The leader and its workers; not what is between its fork and its exec, which still shows the leader's memory."""
    found = [leader]
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            session = int((process / "stat").read_text().rsplit(")", 1)[1].split()[3])
            if session == leader and b"spawn_main" in (process / "cmdline").read_bytes():
                found.append(int(process.name))
    return found


def _peak_kb(pid: int) -> int:
    with suppress(OSError, StopIteration):
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        return int(next(line for line in status if line.startswith("VmHWM")).split()[1])
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("encode", "keep", "memory"))
    parser.add_argument("--frames", type=int, default=100, help="per episode")
    parser.add_argument("--episodes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--jobs", type=int, help="default: the command's own")
    parser.add_argument("--megabytes", type=int, default=400)
    a = parser.parse_args()
    robot = load_embodiment(ROOT / "config" / "robots" / "cobotmagic.yaml")
    with tempfile.TemporaryDirectory() as folder:
        {"encode": encode, "keep": keep, "memory": memory}[a.what](a, robot, Path(folder))


if __name__ == "__main__":
    main()
