"""`finevla train CONFIG.yaml`: a vision-language-action policy from data sets. Everything is checked before torch is loaded."""

import argparse
import os
import sys
from pathlib import Path

from finevla_core.errors import FineVLAError
from finevla_tools.argument_checks import at_least
from finevla_tools.stderr_notices import announce
from finevla_tools.training.config import load_run_config
from finevla_tools.training.process_launch import TOLD, run_ranks
from finevla_tools.work.parallel_map import cores

SUFFIXES = (".yaml", ".yml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only a run with a configuration has."""
    group = parser.add_argument_group("with a configuration")
    group.add_argument(
        "--processes", type=int, default=1, help="processes on this machine, one for each GPU; torchrun for several"
    )
    group.add_argument(
        "--memory", action="store_true", help="print how much memory the run would take, and train nothing"
    )


def run(arguments: argparse.Namespace, path: Path) -> int:
    """Train by a configuration; returns the exit code. Raises `FineVLAError` for what is wrong with it."""
    at_least(1, processes=arguments.processes)
    config = load_run_config(path)
    out = arguments.out or Path("out/train") / config.name
    if arguments.memory:
        announce("counting parameters")
        from finevla_tools.training.memory_estimate import memory_table

        print(memory_table(config))
        return 0
    world = max(arguments.processes, int(os.environ.get("WORLD_SIZE", "1")))
    if config.training.fsdp and world == 1:
        raise FineVLAError(
            "training.fsdp spreads a policy over several processes; give --processes, or say fsdp: false"
        )
    is_first = os.environ.get("RANK", "0") == "0"
    tells = is_first and TOLD not in os.environ
    if tells:
        announce(f"loading torch and {', '.join(str(one.path) for one in config.data.sets)}")
    if is_first:
        refuse_unfit(out, arguments.resume)
    from finevla_tools.training.policy_build import refuse_unfit_policy
    from finevla_tools.training.sample_source import open_samples

    refuse_unfit_policy(config.policy)  # before hours of decoding
    # Once for all processes: the first to open a set decodes its pictures.
    samples = open_samples(config, world, cores(), say=tell if tells else None)
    if arguments.processes > 1:
        command = ["train", str(path), "--out", str(out), "--threads", str(arguments.threads)]
        return run_ranks([*command, *(["--resume"] if arguments.resume else [])], arguments.processes)
    import torch

    from finevla_tools.training.trainer import train

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    made = train(config, samples, out, arguments.resume)
    if is_first:
        print(f"checkpoint: {made}")
    return 0


def tell(text: str) -> None:
    """Print a sentence for the person, beside what the command prints."""
    print(text, file=sys.stderr, flush=True)


def refuse_unfit(run: Path, resume: bool) -> None:
    """Raise `FineVLAError` if there is a run where none is expected, or none to resume."""
    if not resume and run.exists():
        raise FineVLAError(f"'{run}' exists already; go on with --resume, or name a new folder by --out")
    if resume and not run.is_dir():
        raise FineVLAError(f"there is no '{run}' to go on with; leave --resume out")
