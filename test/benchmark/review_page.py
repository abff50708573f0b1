"""How long the first frame of the review page takes on many episodes: `python test/benchmark/review_page.py --episodes 10000`.

A data set whose episodes are links to a few real ones, 9 drafts each; a fresh Chromium each time, the server started before.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from browser import Browser
from lerobot_sets import take, write
from review_stage import CAMERAS, ReviewStage, drafts, write_drafts


def grown(root: Path, episodes: int) -> Path:
    """A v2.1 data set of three episodes, and links to them under the numbers up to `episodes`."""
    import json

    write(root, [take(seed, cameras=CAMERAS) for seed in range(3)])
    lines = (root / "meta/episodes.jsonl").read_text().splitlines()
    files = [path for path in root.rglob("episode_*.*") if path.suffix in (".parquet", ".mp4")]
    rows = [json.loads(line) for line in lines]
    for number in range(3, episodes):
        rows.append(rows[number % 3] | {"episode_index": number})
        chunk = f"chunk-{number // 1000:03d}"
        for file in (f for f in files if int(f.stem[8:]) == number % 3):
            there = Path(str(file).replace("chunk-000", chunk)).with_name(f"episode_{number:06d}{file.suffix}")
            there.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, there)
    (root / "meta/episodes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    info = json.loads((root / "meta/info.json").read_text())
    (root / "meta/info.json").write_text(json.dumps(info | {"total_episodes": episodes}))
    return root


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = grown(folder / "set", arguments.episodes)
        rows = [row for n in range(arguments.episodes) for row in drafts(n, sure=0.4 + (n % 97) / 200)]
        path = write_drafts(folder / "annotations.parquet", rows)
        for what in ("first start, drafts taken in", "start again"):
            begun = time.perf_counter()
            with ReviewStage(data, path, "--reviewer", "Li") as stage:
                print(f"{what}: {time.perf_counter() - begun:.1f} s", flush=True)
                if what == "start again":
                    _frames(folder, stage, arguments.times)


def _frames(folder: Path, stage: ReviewStage, times: int) -> None:
    shown, turned = [], []
    for k in range(times):
        with Browser(folder / f"profile{k}") as browser:
            browser.open(stage.url)
            shown.append(float(browser.wait("document.body.dataset.frame")) / 1000)
            browser.wait("document.body.dataset.saved === 'yes' && document.body.dataset.episode")
            at = browser.run("document.body.dataset.episode")
            browser.run("delete document.body.dataset.frame; window.begun = performance.now()")
            browser.press("a")
            browser.wait(f"document.body.dataset.episode !== '{at}' && document.body.dataset.frame")
            turned.append(browser.run("(document.body.dataset.frame - window.begun) / 1000"))
    for what, seconds in (("page opened to first frame", shown), ("approved to next episode's first frame", turned)):
        print(f"{what}: median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s of {times}")


if __name__ == "__main__":
    main()
