"""`finevla adopt`: take the measured pose as the true one, where the arms are not where they were known to be.

It shows the difference and asks. Nothing moves: after it, `finevla reset` works, and the arms hold where they are.
"""

import argparse
import sys
from collections.abc import Sequence

from finevla_tools.stderr_notices import announcer

SEEN = 0.001  # rad, and share of a gripper's opening: what is nearer is not listed
CHANGED = 0.02  # what is adopted differs from what was shown by no more
QUESTION = "are the arms really there? yes / no [no] "


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `finevla adopt` to `parser`."""
    parser.add_argument("--yes", action="store_true", help="do not ask: for scripts that know where the arms are")
    parser.add_argument("--namespace", default="finevla", help="namespace of the stack")


def described(names: Sequence[str], difference: Sequence[float]) -> str:
    """The values that differ, measured minus known, one line each."""
    return "\n".join(
        f"  {name:16s} {off:+.3f}" for name, off in zip(names, difference, strict=True) if abs(off) >= SEEN
    )


def run(arguments: argparse.Namespace) -> int:
    """`finevla adopt`: show, ask, and adopt what was shown."""
    from finevla_client.connection import Connection
    from finevla_core.errors import FineVLAError

    with Connection(arguments.namespace, name="finevla_adopt", notify=announcer()) as client:
        try:
            client.wait_for_bridge()
            shown = client.pose_difference()
            if not shown.difference:
                raise FineVLAError(shown.message)
            print(f"{shown.message}\nmeasured minus known:\n{described(shown.names, shown.difference)}", flush=True)
            if not arguments.yes and not _is_yes():
                print("nothing is adopted")
                return 1
            now = client.pose_difference()
            offs = [abs(a - b) for a, b in zip(now.difference, shown.difference, strict=False)]
            if not offs or max(offs) > CHANGED:
                raise FineVLAError("the arms are measured elsewhere now; look again")
            print(client.adopt_pose())
        except FineVLAError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


def _is_yes() -> bool:
    try:
        return input(QUESTION).strip().lower() in ("y", "yes")
    except EOFError:
        return False
