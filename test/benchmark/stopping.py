"""How fast a stop word stops, and whether anything moves after a reset, on a whole simulated stack; never a test.

    python test/benchmark/stopping.py latency --count 100 [--policy busy|hung] [--load 2] [--bundle tiny]
    python test/benchmark/stopping.py resets --count 100 [--load 2] [--bundle tiny]
    python test/benchmark/stopping.py words

`latency`: from publishing "stop" on `instruction/text`, in mid-motion, to the bridge's first stopping command and to
its event, both as another process hears them. The policy infers at 10 Hz meanwhile (busy) or is stopped by SIGSTOP (hung).
`resets`: who moved the arms, policy or motion node, takes no notice of a stop and of the reset: chunks that were followed and
way that was made between the reset and the next words. `--load` keeps so many cores busy beside it. `words`, without a stack:
the hand-written sets of test/language, and what it costs to look for a stop word in 10,000 characters.
"""

import argparse
import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from finevla_core.embodiment import load_embodiment
from finevla_core.errors import FineVLAError
from finevla_core.stop_words import stop_word
from finevla_ros.share_paths import robot_file
from finevla_tools.faults.drill_catalogue import chosen, drills_for
from finevla_tools.faults.drill_recorder import STOP_WORD
from finevla_tools.faults.drill_session import Session
from finevla_tools.faults.fault_injection import busy_processes
from finevla_tools.launch_file import load_launch
from finevla_tools.up import DEFAULT_FILE, launch_path

STOP_MOST_S = 0.8  # a stopping command is over by then; a chunk's plan takes twice as long
BAR_MS, LETTERS = 50.0, 10_000
STOP_WORDS = {"busy": "stop word", "hung": "stop word, policy hangs"}
MOST_LATE = 0.1  # of resets that need not come about
IN_A_ROW = 5  # the first of them from a motion, the others from rest
UNRULY = ("policy goes on", "motion goes on")


@contextlib.contextmanager
def session_of(bundle: str) -> Iterator[Session]:
    """A stack with the shipped bundle, or with one of some kilobytes whose chunks go on for ever."""
    with tempfile.TemporaryDirectory() as folder:
        sentence = "reach the cube"
        if bundle == "tiny":
            from tiny_bundle import make_tiny_bundle

            robot = load_embodiment(robot_file("cobotmagic"))
            bundle = str(make_tiny_bundle(Path(folder) / "tiny", robot, drift=1.0, pace=0.4))
        else:
            from finevla_tools.doctor import drill_sentence

            sentence = drill_sentence()
        with Session(bundle, sentence) as session:
            yield session


def latency(session: Session, count: int, policy: str) -> None:
    """Print p50, p99 and the worst."""
    drill = chosen([STOP_WORDS[policy]], all_drills())[0]
    commands: list[float] = []
    events: list[float] = []
    broken: list[str] = []
    for number in range(count):
        result = session.run(drill)
        broken += result.broken
        heard = next((s for s in session.recorder.seen if s.code == STOP_WORD), None)
        if result.stop_s is None or heard is None:
            continue
        said_s = heard.at_s - result.stop_s
        told = [t for t in session.recorder.told if t.at_s > said_s and t.points]
        stops = [t.at_s for t in told if t.points[-1].time_from_start_ns * 1e-9 < STOP_MOST_S]
        events.append(result.stop_s * 1e3)
        commands.append((min(stops) - said_s) * 1e3 if stops else float("nan"))
        show(f"{number + 1} of {count}")
    print(f"\n{len(events)} stop words, policy {policy}; {len(broken)} promises broken: {broken[:5]}")
    for what, values in (("first stopping command", commands), ("event", events)):
        p50, p99, worst = np.percentile(values, [50, 99, 100])
        print(f"said to {what}: median {p50:.1f} ms, p99 {p99:.1f}, worst {worst:.1f} (bar {BAR_MS:g} p99)")


def resets(session: Session, count: int) -> None:
    """Print how much moved: each time the arms set out, they are stopped and reset `IN_A_ROW` times, then told again."""
    drills = [replace(drill, resets=IN_A_ROW) for drill in chosen(UNRULY, all_drills())]
    followed, moved, done, broken, late, motions = 0, 0.0, 0, list[str](), 0, 0
    while done < count:
        try:
            result = session.run(drills[(motions + late) % len(drills)])
        except FineVLAError:  # on a machine that is too busy the arms do not even set out: nothing to be reset
            late += 1
            if late > MOST_LATE * count:
                raise
            continue
        broken += result.broken
        if result.followed is None or result.moved_rad is None:
            late += 1
            continue
        motions += 1
        followed, moved, done = followed + result.followed, max(moved, result.moved_rad), done + result.resets
        print(f"{done} of {count}; so far {followed} chunks followed, at most {moved:.6f} rad moved", flush=True)
    print(
        f"{done} resets under a policy or motion that went on, {motions} of them from a motion: {followed} chunks "
        f"followed, at most {moved:.6f} rad moved"
    )
    print(f"{late} in which the arms did not set out in time; {len(broken)} promises broken: {broken[:5]}")


def words() -> None:
    """Print how many sentences come out right, and the time for texts that are made to be slow."""
    sets = Path(__file__).parents[1] / "language"
    stops = yaml.safe_load((sets / "stop.yaml").read_text(encoding="utf-8"))
    others = yaml.safe_load((sets / "not_stop.yaml").read_text(encoding="utf-8"))
    whole = sum((heard := stop_word(e["say"])) is not None and not heard.rest for e in stops)
    right = sum((stop_word(e["say"]) is not None) == e["stops"] for e in others)
    begin = sum(e["stops"] for e in others)
    print(f"{whole} of {len(stops)} stop words stop as a whole; {right} of {len(others)} other sentences right,")
    print(f"of which {begin} begin with a stop word and stop, and {len(others) - begin} do not")
    rng = random.Random(0)
    parts = (
        "stop ",
        "please ",
        "停下",
        "等定",
        "不别",
        "no ",
        "wait ",
        "\ufdfa",
        "s\u0301",
        "\u200b",
        "🤖",
        "잠깐 기다려 ",
        "hold it, ",
    )
    texts = [part * (LETTERS // len(part)) for part in parts]
    texts += ["".join(rng.choice(parts) for _ in range(LETTERS // 3)) for _ in range(200)]
    texts += ["".join(chr(rng.randrange(32, 0xD7FF)) for _ in range(LETTERS)) for _ in range(200)]
    times_ms = []
    for text in texts:
        began_s = time.thread_time()
        stop_word(text)
        times_ms.append((time.thread_time() - began_s) * 1e3)
    p50, p99, worst = np.percentile(times_ms, [50, 99, 100])
    took = f"median {p50:.2f} ms, p99 {p99:.2f}, worst {worst:.2f}"
    print(f"{len(texts)} texts of some {LETTERS} characters, time of the processor: {took}")


def all_drills() -> list:
    """Of the launch description."""
    return drills_for([p.name for p in load_launch(launch_path(DEFAULT_FILE), {"robot": "sim"}).processes])


def show(text: str) -> None:
    """Progress in one line of a terminal."""
    if sys.stdout.isatty():
        print(f"\r{text}", end="", flush=True)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("latency", "resets", "words"))
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--policy", choices=tuple(STOP_WORDS), default="busy")
    parser.add_argument("--bundle", default="tabletop")
    parser.add_argument("--load", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.what == "words":
        return words()
    with busy_processes(arguments.load), session_of(arguments.bundle) as session:
        if arguments.what == "latency":
            latency(session, arguments.count, arguments.policy)
        else:
            resets(session, arguments.count)


if __name__ == "__main__":
    main()
