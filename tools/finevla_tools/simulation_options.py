"""Options that several commands have which let the simulator make something."""

import argparse
import os

from finevla_sim.tasks import TASKS


def add_tasks(parser: argparse.ArgumentParser) -> None:
    """Add `--tasks`, read by `finevla_sim.tasks.mixture`."""
    parser.add_argument(
        "--tasks",
        default=",".join(TASKS),
        help=f"tasks with optional weights, e.g. reach:2,pick:1; without it all: {', '.join(TASKS)}",
    )


def add_processes(parser: argparse.ArgumentParser) -> None:
    """Add `--processes`, as many as there are cores unless it says otherwise."""
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="default: one per core")
