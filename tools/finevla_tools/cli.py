"""The command line `finevla`: one subcommand per job, each imported only when asked for."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from finevla_core.errors import FineVLAError

COMMANDS = {
    "up": ("finevla_tools.up", "start the stack from its launch description"),
    "say": ("finevla_tools.say", "steer: send one instruction"),
    "stop": ("finevla_tools.stop", "stop the arms at once; latched until a reset"),
    "reset": ("finevla_tools.reset", "leave a stop; the arms rest until new words come"),
    "adopt": ("finevla_tools.adopt", "take the measured pose as true: before a reset, where the arms are elsewhere"),
    "home": ("finevla_tools.home", "both arms to the home pose, around what is in the way"),
    "go": ("finevla_tools.go", "to a pose of the robot file, or to values"),
    "step": ("finevla_tools.step", "step mode: show every plan, and ask before the arms follow it"),
    "status": ("finevla_tools.status", "show instruction, rates, latencies and safety"),
    "security": ("finevla_tools.security", "keys and permissions for SROS 2: create and check"),
    "record": ("finevla_tools.record", "record episodes: start, stop and label them by keys"),
    "bags": ("finevla_tools.bags", "list, describe, play and repair recordings"),
    "doctor": ("finevla_tools.doctor", "check the installation; --drill: faults on purpose, in simulation"),
    "demo": ("finevla_tools.demo", "run scenes with printed outcomes and a video"),
    "demos": ("finevla_tools.demos", "write demonstrations as a LeRobot data set and as rosbags"),
    "convert": ("finevla_tools.convert.command", "recordings to LeRobot data sets, to train from"),
    "drills": ("finevla_tools.drills", "make motions, with pictures of some of their moments, to train from"),
    "rehearse": ("finevla_tools.rehearse", "keep what a policy sees while it acts, to train its eyes from"),
    "canonicalise": ("finevla_tools.canonical.command", "a data set as FineVLA's 80 values with a mask, and back"),
    "clean": ("finevla_tools.clean.command", "what is wrong with which episode of a data set, and a set without them"),
    "dedup": ("finevla_tools.dedup.command", "which trajectories say the same, and which of them to keep"),
    "train": ("finevla_tools.train", "train the tabletop policy"),
    "export": ("finevla_tools.export", "turn a checkpoint into a policy bundle"),
    "evaluate": ("finevla_tools.evaluation.command", "is a policy steerable? closed loop, pairs, baselines"),
}

SETUPS = dict.fromkeys(("torch", "onnx", "pyarrow", "safetensors"), "train-setup")
SETUPS |= dict.fromkeys(("numba", "sklearn", "kmedoids"), "data-setup")  # what installs a module that is missing
SETUPS["cryptography"] = "security-setup"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand; user mistakes are one sentence and exit code 2, Ctrl-C is 130."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: finevla COMMAND ...\n")
        print("\n".join(f"  {name:12s} {text}" for name, (_, text) in COMMANDS.items()))
        return 0 if arguments else 2
    name, rest = arguments[0], arguments[1:]
    if name not in COMMANDS:
        print(f"error: unknown command '{name}'; known are {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    module_name, text = COMMANDS[name]
    try:
        module = importlib.import_module(module_name)
        parser = argparse.ArgumentParser(prog=f"finevla {name}", description=module.__doc__ or text)
        module.add_arguments(parser)
        code = int(module.run(parser.parse_args(rest)))
        sys.stdout.flush()
        return code
    except ModuleNotFoundError as error:
        if (missing := (error.name or "").partition(".")[0]) not in SETUPS:
            raise
        print(f"error: '{name}' needs {missing}; run 'make {SETUPS[missing]}' first", file=sys.stderr)
        return 2
    except FineVLAError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except RuntimeError as error:
        if type(error).__name__ != "RCLError" or os.environ.get("ROS_SECURITY_ENABLE") != "true":
            raise
        words = " ".join(str(error).split())[:200]
        print(
            f"error: ROS_SECURITY_ENABLE is true and DDS does not let this process in (it says: {words}); "
            "see docs/security.md, or unset ROS_SECURITY_ENABLE",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # who read us has gone, as in `finevla status --once | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


if __name__ == "__main__":
    sys.exit(main())
