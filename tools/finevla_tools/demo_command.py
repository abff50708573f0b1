"""`finevla demo`: start the stack in simulation, say several things in several ways, print what happened, leave a video.

Disobedience is reported, not hidden: the exit code tells whether every part was run, with --strict also whether all was
obeyed. Video and report are written on every way out.
"""

import argparse
from pathlib import Path

from finevla_core.errors import FineVLAError
from finevla_ros.share_paths import bundle_directory
from finevla_tools.argument_checks import FILE, content
from finevla_tools.launch_file import load_launch, parse_arguments
from finevla_tools.stderr_notices import announce
from finevla_tools.up import DEFAULT_FILE, launch_path, refuse_bad_numbers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options and launch arguments of `finevla demo` to `parser`."""
    parser.add_argument("arguments", nargs="*", metavar="key:=value", help="launch arguments, e.g. bundle:=tabletop")
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="folder of the video and the report")
    parser.add_argument("--all", action="store_true", help="all seven pairs of instructions, not the four most telling")
    parser.add_argument("--seconds", type=float, default=20.0, help="longest that one instruction is watched")
    parser.add_argument("--interactive", action="store_true", help="stay up and take sentences from the terminal")
    parser.add_argument("--strict", action="store_true", help="exit code 1 if an instruction was not obeyed")
    parser.add_argument("--show-nodes", action="store_true", help="print what the nodes say")


def run(arguments: argparse.Namespace) -> int:
    """Check the options and run the demo; return its exit code. Raises `FineVLAError` unless the robot is simulated."""
    # By its own clock a simulation that cannot keep up with real time is only slow; by ours its joint states would be stale.
    given = {"robot": "sim", "clock": "true"} | parse_arguments(arguments.arguments)
    if given["robot"] != "sim":
        raise FineVLAError("the demo judges by ground truth, which only the simulator has; leave robot:=sim")
    if not 1.0 <= arguments.seconds <= 600.0:
        raise FineVLAError(f"--seconds is {arguments.seconds}; give seconds between 1 and 600")
    launch = load_launch(launch_path(DEFAULT_FILE), given)
    refuse_bad_numbers(launch)
    bundle_directory(launch.arguments["bundle"])
    if content(arguments.out) == FILE:
        raise FineVLAError(f"'{arguments.out}' is a file; give --out a folder")
    announce("loading the simulator")
    from finevla_tools.demo import run_demo

    return run_demo(arguments, launch)
