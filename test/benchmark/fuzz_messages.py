"""Spoilt serialized messages on every topic and service of the simulated stack; never a test.

    python test/benchmark/fuzz_messages.py [--messages 100000] [--rate 2000] [--topic NAME ...] [--list]

What nodes hear and offer is read from the running graph. A name may be the end of one, or a part with a star. Services, those
of actions and of parameters among them, get requests as bytes (test/support/raw_requests.py). The bridge is stopped meanwhile.
Bars: no node dies, none grows by more than 20 MB (without what it shares), none writes more than 10 lines a second, nothing
moves, and then a reset and a stop are obeyed. What is sent to a controller or to the simulator is a command, and may move.
"""

import argparse
import fnmatch
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from fuzzed_stack import FuzzedStack, Outcome


def row(outcome: Outcome) -> str:
    """One line of the table."""
    name, grown = max(outcome.grown_mb.items(), key=lambda item: item[1], default=("", 0.0))
    misses = "; ".join(outcome.misses) or "all met"
    return (
        f"{outcome.target.name:52s} {outcome.sent:7d} {outcome.sent / outcome.seconds:6.0f} {len(outcome.dead):4d} "
        f"{grown:6.1f} {name:16s} {outcome.lines_s:6.1f} {outcome.moved_rad:6.3f}  {misses}"
    )


def main() -> int:
    """Entry point; exit code 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=2000.0, help="messages a second")
    parser.add_argument("--topic", nargs="*", default=["*"], help="names, their ends, or patterns")
    parser.add_argument("--not-topic", nargs="*", default=[], help="left out of them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--list", action="store_true", help="show what there is")
    parser.add_argument("--log", action="store_true", help="show what the nodes wrote")
    arguments = parser.parse_args()

    def is_one(name: str, patterns: list[str]) -> bool:
        return any(name.endswith(f"/{p}") or fnmatch.fnmatch(name, p) for p in patterns)

    missed, done = 0, set[str]()
    columns = "{:52s} {:>7s} {:>6s} {:>4s} {:>6s} {:16s} {:>6s} {:>6s}  {}"
    while True:  # a stack that ended is started again
        with FuzzedStack(arguments.seed) as stack:
            targets = [t for t in stack.targets() if is_one(t.name, arguments.topic) and t.name not in done]
            targets = [t for t in targets if not is_one(t.name, arguments.not_topic)]
            if arguments.list:
                print("\n".join(f"{t.name:60s} {t.type_name:45s} {', '.join(t.ends)}" for t in targets))
                return 0
            print(columns.format("name", "sent", "1/s", "dead", "MB", "grown most", "lines", "rad", "bars"), flush=True)
            for target in targets:
                done.add(target.name)
                lines = len(stack.log)
                outcome = stack.fuzz(target, arguments.messages, arguments.rate)
                missed += bool(outcome.misses)
                print(row(outcome), flush=True)
                if arguments.log:
                    print("\n".join(f"    [{name}] {line[:200]}" for name, line in stack.log[lines:][:40]), flush=True)
                if stack.stack.failed:
                    break
            else:
                why = stack.follows()
                print(why or "then it followed words again")
                return int(bool(missed or why))


if __name__ == "__main__":
    sys.exit(main())
