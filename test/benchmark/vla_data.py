"""How fast training samples are made: decoded once, then from the cache, with three 192x192 cameras; CPU seconds of one core.

usage: python test/benchmark/vla_data.py [--episodes 8] [--examples 3000]
"""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "test" / "support"))

from lerobot_sets import take, write

from finevla_core.images import ImageFormat
from finevla_tools.convert.lerobot_pictures import VideoPictures, declared_camera
from finevla_tools.training.config_types import DataOptions, SampleOptions, SourceSet
from finevla_tools.training.vla_samples import VLASamples

CAMERAS = ("front", "left", "right")
OPTIONS = SampleOptions(
    "cobotmagic",
    {name: f"observation.images.{name}" for name in CAMERAS},
    ImageFormat(192, 192),
    16,
    0.1,
    actions="relative",
)


def cold(samples: VLASamples, index: int) -> None:
    """Decode the pictures of a sample where they are in its videos, as without a cache."""
    chosen, place, frame = samples._place(index)
    files = samples.sets[chosen].files
    for footage in files.episodes[place].videos:
        camera = declared_camera(footage.key, footage.key, files.features[footage.key]["shape"], files.root)
        with VideoPictures(camera, footage.path, footage.begin_s) as video:
            video.at(frame / files.fps)


def main() -> None:
    """Print the rows of the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=8)
    parser.add_argument("--examples", type=int, default=3000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        takes = [take(seed, 90, 30, CAMERAS, (480, 640)) for seed in range(arguments.episodes)]
        write(Path(folder) / "set", takes)
        sources = DataOptions((SourceSet(Path(folder) / "set"),), "raw", validation=0.0, cache=Path(folder) / "cache")
        started = time.process_time()
        samples = VLASamples(OPTIONS, sources)
        decoded_s = time.process_time() - started
        rows = sum(map(len, samples.sets[0].episodes))
        again = time.process_time()
        VLASamples(OPTIONS, replace(sources))
        opened_s = time.process_time() - again
        for index in range(200):
            samples.example(index)
        times = []
        for index in range(arguments.examples):
            started = time.process_time()
            samples.example(index)
            times.append(time.process_time() - started)
        few = range(20)
        started = time.process_time()
        for index in few:
            cold(samples, index)
        cold_s = (time.process_time() - started) / len(few)
    print(
        f"| decoding to the cache, frames of three 640x480 videos to 192x192 | {rows / (decoded_s - opened_s):.0f} /s |"
    )
    print(f"| opening {rows} frames again, cache there | {opened_s:.2f} s |")
    print(
        f"| samples from the cache | {len(times) / sum(times):.0f} /s (p99 {1e3 * np.quantile(times, 0.99):.2f} ms) |"
    )
    print(f"| the same, decoding three videos for each | {1 / cold_s:.0f} /s |")


if __name__ == "__main__":
    main()
