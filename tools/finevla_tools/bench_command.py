"""Benchmarks: how fast a bundle is, does it do as told, what a vision-language model understands, how good sentences are.

`latency` measures the policy alone, without ROS, cameras and the bridge's limits; noise for pictures, which takes as long as
anything else.
"""

import argparse
from typing import Any

from finevla_tools.argument_checks import at_least
from finevla_tools.argument_parser import add_execution_options
from finevla_tools.benchmarks import caption_command, language_command, make_command, vqa_command
from finevla_tools.mixture_study import command as mixture_command
from finevla_tools.stderr_notices import announce
from finevla_tools.steerbench import command as steer_command

JOBS: dict[str, Any] = {
    "steer": steer_command,
    "mixture": mixture_command,
    "vqa": vqa_command,
    "caption": caption_command,
    "make": make_command,
    "language": language_command,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the jobs and their options to `parser`."""
    jobs = parser.add_subparsers(dest="job", required=True, metavar="JOB")
    text = "median, p95 and p99 of the time from an observation to its chunk"
    job = jobs.add_parser("latency", description=text, help=text)
    job.add_argument("bundle", help="policy bundle of runtime onnx or torch: a name in models or a path")
    job.add_argument("--observations", type=int, default=200, help="how many are measured, after a warm-up")
    job.add_argument("--robot", default="cobotmagic", help="robot file: a name in config/robots or a path")
    job.add_argument("--threads", type=int, default=1, help="CPU threads of each inference")
    add_execution_options(job)
    job.add_argument(
        "--compare",
        action="store_true",
        help="bundles of runtime onnx: also how far the chunks are from those of the CPU in fp32",
    )
    job.add_argument("--json", action="store_true", help="print JSON instead of a table")
    for module in JOBS.values():
        module.add_arguments(jobs)


def run(arguments: argparse.Namespace) -> int:
    """Do the job; return the exit code."""
    if arguments.job in JOBS:
        return int(JOBS[arguments.job].run(arguments))
    at_least(1, observations=arguments.observations, threads=arguments.threads)
    announce(f"loading bundle '{arguments.bundle}'")
    from finevla_tools.bundle_latency import run_latency

    return run_latency(arguments)
