"""How fast `finevla canonicalise` and `finevla clean` are, on one core and on two, and how much memory they take.

usage: clean.py [--episodes N] [--folder DIR]    makes a LeRobot v2.1 data set of 10 s episodes with three 640x480 AV1 videos
"""

import argparse
import multiprocessing
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from lerobot_sets import take, write, write_rows, write_video

CAMERAS = ("front", "left", "right")
FPS, SECONDS, SIZE = 30, 10, (480, 640)
RATE = re.compile(r"(\d+) of \d+ episodes, ([\d.]+)/s")


def make(root: Path, episodes: int) -> None:
    """Rows of each episode are its own; two sets of pictures are made and copied."""
    takes = [take(seed, frames=FPS * SECONDS) for seed in range(episodes)]
    for one in takes:
        one.state, one.action, one.stamps = one.state[:250], one.action[:250], one.stamps[:250]
    shown = [take(seed, frames=FPS * SECONDS, cameras=CAMERAS, size=SIZE) for seed in range(2)]
    for one in shown:
        one.pictures = {name: pictures[:250] for name, pictures in one.pictures.items()}
    first = takes[0]
    first.pictures = {name: shown[0].pictures[name][:2] for name in CAMERAS}  # says which cameras there are
    for one in takes[1:]:
        one.pictures = first.pictures
    write(root, takes, FPS)
    for name in CAMERAS:
        folder = root / f"videos/chunk-000/observation.images.{name}"
        for k, one in enumerate(shown):
            if not (video := root.parent / f"{name}{k}.mp4").exists():
                write_video(video, one.pictures[name], FPS, "libsvtav1")
        for episode in range(episodes):
            shutil.copyfile(root.parent / f"{name}{episode % 2}.mp4", folder / f"episode_{episode:06d}.mp4")
    first_row = 0
    for episode, one in enumerate(takes):
        write_rows(root / f"data/chunk-000/episode_{episode:06d}.parquet", one, episode, first_row, 0)
        first_row += len(one.state)


def measured(*arguments: str) -> tuple[float, float, float]:
    """Episodes a second by the command's own last line, seconds of all cores in all, and the largest process in MB."""
    said, into = os.pipe()
    child = os.posix_spawnp(
        "finevla", ["finevla", *arguments], os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, into, 2), (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )  # fmt: skip
    os.close(into)
    with os.fdopen(said) as file:
        text = file.read()
    _, status, usage = os.wait4(child, 0)
    found = RATE.search(text)
    if status or not found:
        sys.exit(f"finevla {' '.join(arguments)} failed:\n{text}")
    return float(found[2]), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--episodes", type=int, default=400)
    parser.add_argument("--folder", type=Path, help="keep the data set here")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp())
    print("| what | episodes | 1 process, episodes/s | 2 processes | CPU s/episode and start | largest process, MB |")
    print("|---|---|---|---|---|---|")
    for episodes in (arguments.episodes // 4, arguments.episodes):
        root = folder / f"set{episodes}"
        if not root.exists():
            # Elsewhere: what is started inherits the largest memory that this process ever had.
            maker = multiprocessing.get_context("spawn").Process(target=make, args=(root, episodes))
            maker.start()
            maker.join()
        for name, command in (
            ("canonicalise, poses of both arms computed", ["canonicalise", str(root), "--force", "--out"]),
            ("clean --no-video", ["clean", str(root), "--no-video", "--report"]),
            ("clean, 3 cameras, 4 pictures/s", ["clean", str(root), "--report"]),
        ):
            rates, seconds, memory = [], [], 0.0
            for jobs in (1, 2):
                out = folder / "out"
                shutil.rmtree(out, ignore_errors=True)
                rate, cpu, most = measured(*command, str(out), "--jobs", str(jobs))
                rates.append(rate)
                seconds.append(cpu / episodes)
                memory = max(memory, most)
            print(
                f"| {name} | {episodes} | {rates[0]:.1f} | {rates[1]:.1f} | {min(seconds):.3f} | {memory:.0f} |",
                flush=True,
            )
    if arguments.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
