"""The command line `finevla`: one subcommand per job, each imported only when asked for."""

import importlib
import io
import os
import sys
from collections.abc import Sequence

from finevla_core.errors import DiskFullError, FineVLAError, is_disk_full, unknown
from finevla_tools import crash_report
from finevla_tools.argument_parser import Parser

COMMANDS = {
    "up": ("finevla_tools.up", "start the stack from its launch description"),
    "demo": ("finevla_tools.demo_command", "run scenes in simulation, with printed outcomes and a video"),
    "say": ("finevla_tools.say", "steer: send one instruction"),
    "stop": ("finevla_tools.stop", "stop the arms at once; latched until a reset"),
    "reset": ("finevla_tools.reset", "leave a stop; the arms rest until new words come"),
    "adopt": ("finevla_tools.adopt", "take the measured pose as true: before a reset, where the arms are elsewhere"),
    "home": ("finevla_tools.home", "both arms to the home pose, around what is in the way"),
    "go": ("finevla_tools.go", "to a pose of the robot file, or to values"),
    "step": ("finevla_tools.step_mode", "step mode: show every plan, and ask before the arms follow it"),
    "status": ("finevla_tools.status", "show instruction, rates, latencies and safety"),
    "doctor": (
        "finevla_tools.doctor",
        "check the installation or a new robot; --drill: faults on purpose, in simulation",
    ),
    "security": ("finevla_tools.security_command", "keys and permissions for SROS 2: create and check"),
    "record": ("finevla_tools.record", "record episodes: start, stop and label them by keys"),
    "bags": ("finevla_tools.bags", "list, describe, play and repair recordings"),
    "convert": (
        "finevla_tools.convert.command",
        "make a LeRobot data set of recordings, for any trainer that reads those",
    ),
    "clean": ("finevla_tools.clean.command", "find faulty episodes of a data set, and make a set without them"),
    "canonicalise": (
        "finevla_tools.canonical.command",
        "write a data set as FineVLA's 80 values with a mask, and back",
    ),
    "dedup": ("finevla_tools.dedup.command", "find motions that repeat each other, and choose which to keep"),
    "annotate": (
        "finevla_tools.annotate.command",
        "describe each episode by its motion, as a draft for a person to review",
    ),
    "review": ("finevla_tools.review.command", "mend and approve annotations beside the videos, in a browser"),
    "words": (
        "finevla_tools.words_command",
        "show what is said of each episode, and write reviewed words into a data set",
    ),
    "demonstrate": (
        "finevla_tools.demonstrate_command",
        "simulated demonstrations as a LeRobot data set and as rosbags",
    ),
    "synthesize": ("finevla_tools.synthesize", "simulated motions with pictures, which 'finevla train' learns from"),
    "collect": (
        "finevla_tools.collect_command",
        "run a policy in simulation and keep what it sees, for 'finevla train'",
    ),
    "backbone": (
        "finevla_tools.backbone_command",
        "a small backbone of random weights, to train without a GPU or a hub",
    ),
    "train": (
        "finevla_tools.train_command",
        "train a vision-language-action policy from data sets, or the policy that ships from simulated motions",
    ),
    "export": ("finevla_tools.export_command", "turn a checkpoint into a policy bundle"),
    "serve": ("finevla_tools.serve.command", "serve a bundle over a websocket, for clients of openpi and starVLA"),
    "evaluate": ("finevla_tools.evaluation.command", "measure in simulation how well a policy obeys, beside baselines"),
    "bench": (
        "finevla_tools.bench_command",
        "measure how fast and how steerable a policy is, and how well models understand robot videos",
    ),
}
# Headings of the help, each above its first command.
HEADINGS = {
    "up": "the running stack",
    "record": "recordings and data sets",
    "demonstrate": "data from simulation",
    "backbone": "policies",
}

# Of the version before; to be dropped with the next.
RENAMED = {"demos": "demonstrate", "drills": "synthesize", "rehearse": "collect"}
# What installs a module that is missing.
SETUPS = dict.fromkeys(
    ("torch", "onnx", "pyarrow", "safetensors", "transformers", "accelerate", "peft", "tensorboard", "jinja2"),
    "train-setup",
)
SETUPS |= dict.fromkeys(("numba", "sklearn", "kmedoids", "aiohttp", "psycopg", "httpx"), "data-setup")
SETUPS["cryptography"] = "security-setup"
MISTAKE, UNEXPECTED = 2, 3  # exit codes
DATA_COMMANDS = (
    "demonstrate",
    "convert",
    "canonicalise",
    "clean",
    "dedup",
    "review",
    "annotate",
    "words",
)  # whatever they lack, data-setup installs it


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand: whatever happens, a person gets one sentence, and a program an exit code.

    0: done; 1: done but for episodes that were left out by name; 2: a mistake, a damaged file or a full disk; 3: an error
    that nobody expected, with a report file to send; 130: Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):  # names of files that are no UTF-8, terminals that are not
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: finevla COMMAND ...")
        for name, (_, text) in COMMANDS.items():
            if name in HEADINGS:
                print(f"\n{HEADINGS[name]}:")
            print(f"  {name:12s} {text}")
        print("\n'finevla COMMAND --help' tells the options of a command.")
        return 0 if arguments else 2
    name, rest = arguments[0], arguments[1:]
    if name in RENAMED:
        print(
            f"error: 'finevla {name}' is called 'finevla {RENAMED[name]}' now, with the same options", file=sys.stderr
        )
        return MISTAKE
    if name not in COMMANDS:
        print(f"error: {unknown('command', name, COMMANDS)}", file=sys.stderr)
        return MISTAKE
    crash_report.forget()
    try:
        code = _run(name, rest)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # who read us has gone, as in `finevla status --once | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        code = _told(name, error)
    if (report := crash_report.write_report(arguments)) is not None:
        print(f"please send '{report}' to those who maintain finevla; it says what happened", file=sys.stderr)
        return code or 1
    return code


def _run(name: str, rest: Sequence[str]) -> int:
    """Import the command and run it; raises whatever it raises."""
    module_name, text = COMMANDS[name]
    try:
        module = importlib.import_module(module_name)
        parser = Parser(prog=f"finevla {name}", description=module.__doc__ or text)
        module.add_arguments(parser)
        code = int(module.run(parser.parse_args(rest)))
        sys.stdout.flush()
        return code
    except ModuleNotFoundError as error:
        if (missing := (error.name or "").partition(".")[0]) not in SETUPS:
            raise
        setup = "data-setup" if name in DATA_COMMANDS else SETUPS[missing]
        print(f"error: '{name}' needs {missing}; run 'make {setup}' first", file=sys.stderr)
        return 2


def _told(name: str, error: Exception) -> int:
    """Print an exception as one sentence; the exit code that says what kind it was."""
    said, code = " ".join(str(error).split()), MISTAKE
    if is_disk_full(error):
        at = getattr(error, "filename", None)
        full = f"the disk is full{f', at {at!r}' if at else ''} ({said[:200]}): make room and start again, what is done is kept"
        said = str(error) if isinstance(error, DiskFullError) else full
    elif isinstance(error, FineVLAError):
        said = str(error)
    elif isinstance(error, OSError) and error.filename is not None:
        said = f"'{error.filename}' cannot be used: {error.strerror}"
    elif isinstance(error, MemoryError):
        said = f"there is not enough memory for '{name}'; use fewer --jobs, or a machine with more"
    elif type(error).__name__ == "RCLError" and os.environ.get("ROS_SECURITY_ENABLE") == "true":
        from finevla_ros.ros_start import why_kept_out

        said = why_kept_out(error)
    else:
        found = crash_report.unexpected(f"'{name}'", error)
        crash_report.remember(found)
        said, code = found.sentence, UNEXPECTED
    print(f"error: {said}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
