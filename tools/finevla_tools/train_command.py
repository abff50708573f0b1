"""`finevla train`: a vision-language-action policy from data sets, by a configuration (*.yaml); or the policy that ships
(tabletop), from folders of synthetic motions and collected episodes.

The same seed gives the same policy, and --resume goes on where a run ended. Checkpoints hold tensors only, so that a file
cannot run code.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from finevla_core.errors import FineVLAError
from finevla_models.head_names import HEADS
from finevla_tools.argument_checks import CHECKPOINTS, UNKNOWN, at_least, refuse_no_motions, refuse_other_content
from finevla_tools.stderr_notices import announce
from finevla_tools.training import command

PARTS = ("finder", "mover")
OUT = Path("out/train")


@dataclass(frozen=True)
class TrainOptions:
    """Hyperparameters of a run; stored in the bundle's manifest."""

    drills: tuple[str, ...]
    mixture: float = 0.5  # share of fine sentences
    head: str = "flow"
    seed: int = 0
    finder_steps: int = 10000
    mover_steps: int = 4000
    pictures: int = 32  # per step of the finder
    moments: int = 1024  # per step of the mover
    rate: float = 1e-3
    ema: float = 0.998

    def steps(self, part: str) -> int:
        """How long a part is trained."""
        return int(getattr(self, f"{part}_steps"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the folders of motions and the options of `finevla train` to `parser`."""
    parser.add_argument(
        "source",
        nargs="+",
        help="a configuration (*.yaml), or folders made by 'finevla synthesize' or 'finevla collect'",
    )
    parser.add_argument("--out", type=Path, help="folder of the checkpoints; without it out/train, or out/train/NAME")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 = all")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoints in --out")
    command.add_arguments(parser)
    group = parser.add_argument_group("with folders")
    group.add_argument(
        "--mixture", type=float, default=TrainOptions.mixture, help="share of fine sentences among all, 0 to 1"
    )
    group.add_argument(
        "--head",
        choices=HEADS,
        default=TrainOptions.head,
        help="how the mover is trained: flow matching, or regression",
    )
    group.add_argument("--parts", default=",".join(PARTS), help="which parts to train, e.g. mover")
    for part in PARTS:
        group.add_argument(
            f"--{part}-steps",
            type=int,
            default=getattr(TrainOptions, f"{part}_steps"),
            help=f"steps of the {part}'s training",
        )
    group.add_argument(
        "--seed", type=int, default=TrainOptions.seed, help="the same seed and data give the same policy"
    )


def run(arguments: argparse.Namespace) -> int:
    """Check the options and train; return the exit code. Raises `FineVLAError` for bad options or no data."""
    at_least(0, threads=arguments.threads)
    configurations = [one for one in arguments.source if one.endswith(command.SUFFIXES)]
    if configurations and len(arguments.source) > 1:
        raise FineVLAError(f"'{configurations[0]}' is a configuration, which stands alone; name data sets in it")
    _refuse_others_options(arguments, with_configuration=bool(configurations))
    if configurations:
        return command.run(arguments, Path(configurations[0]))
    return _train_tabletop(arguments, arguments.out or OUT)


def _refuse_others_options(arguments: argparse.Namespace, with_configuration: bool) -> None:
    """What belongs to the other kind of training would be left out without a word."""
    folders = {"mixture": TrainOptions.mixture, "head": TrainOptions.head, "parts": ",".join(PARTS), "seed": 0}
    folders |= {f"{part}_steps": getattr(TrainOptions, f"{part}_steps") for part in PARTS}
    others: dict[str, object] = folders if with_configuration else {"processes": 1, "memory": False}
    for name, default in others.items():
        if getattr(arguments, name) != default:
            option = f"--{name.replace('_', '-')}"
            where = "folders; say it in the configuration" if with_configuration else "a configuration; leave it out"
            raise FineVLAError(f"{option} is for training from {where}")


def _train_tabletop(arguments: argparse.Namespace, out: Path) -> int:
    parts = arguments.parts.split(",")
    if odd := [part for part in parts if part not in PARTS]:
        raise FineVLAError(f"unknown part '{odd[0]}'; known are {', '.join(PARTS)}")
    if not 0.0 <= arguments.mixture <= 1.0:
        raise FineVLAError(f"--mixture is {arguments.mixture}; give the share of fine sentences among all, 0 to 1")
    steps = {f"{part}_steps": getattr(arguments, f"{part}_steps") for part in PARTS}
    at_least(1, **steps)
    at_least(0, seed=arguments.seed)
    for folder in arguments.source:
        refuse_no_motions(Path(folder), with_pictures="finder" in parts)
    refuse_other_content(out, CHECKPOINTS, UNKNOWN)
    announce(f"loading torch and {', '.join(arguments.source)}")
    from finevla_tools.tabletop_training import train

    options = TrainOptions(tuple(arguments.source), arguments.mixture, arguments.head, arguments.seed, **steps)
    train(options, out, parts, arguments.resume, arguments.threads)
    print(f"checkpoints: {out}")
    return 0
