"""Many episodes through the model's client, from a server that misbehaves, with the run killed again and again.

    python test/benchmark/vlm.py [--episodes 10000] [--kills 3] [--concurrency 16]

Each run is a process of its own (`test/support/vlm_run.py`), which is killed with SIGKILL; the last one goes to the end.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

SUPPORT = Path(__file__).parents[1] / "support"
sys.path.insert(0, str(SUPPORT))

from played_vlm_server import PlayedVlmServer
from vlm_run import episodes, misbehaviour, options, words_of, write_video

from finevla_tools.annotate.vlm_annotator import VlmWay, annotate_dataset, open_journal, usage_in
from finevla_tools.annotate.vlm_server import VlmServer


def killed_run(url: str, folder: Path, count: int, concurrency: int, after: int) -> None:
    """Start a run and kill it once it has told of `after` episodes."""
    command = [sys.executable, str(SUPPORT / "vlm_run.py"), url, str(folder), str(count), str(concurrency)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(after):
        process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=16)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, PlayedVlmServer(misbehaviour(seed=7)) as played:
        folder, begin_s = Path(name), time.monotonic()
        played.keeps_requests = False
        video = write_video(folder / "v.mp4")
        for _ in range(given.kills):
            killed_run(played.url, folder, given.episodes, given.concurrency, given.episodes // (2 * given.kills))
        found: list[int] = []
        states, foreign = Counter[str](), 0
        with VlmServer(options(played.url, given.concurrency)) as server, open_journal(folder) as journal:
            way = VlmWay(most_frames=2)
            for result in annotate_dataset(episodes(video, given.episodes), server, way, journal):
                found.append(result.episode)
                states[result.state] += 1
                texts = [row.value for row in result.rows if row.dimension == "text"]
                foreign += any(not text.endswith(words_of(result.episode)) for text in texts)
            used = usage_in(journal)
        lost, doubled = given.episodes - len(set(found)), len(found) - len(set(found))
        asked_again = sum(number - 1 for number in played.answered.values() if number > 1)
        print(f"{given.episodes} episodes, {given.kills} kills, {time.monotonic() - begin_s:.0f} s: {dict(states)}")
        print(f"lost {lost}, doubled {doubled}, of another episode {foreign}")
        print(f"right answers asked for again {asked_again} (at most {given.kills * given.concurrency} were in flight)")
        print(f"requests {sum(played.tries.values())}, at most {played.most_at_once} at once; {used}")


if __name__ == "__main__":
    main()
