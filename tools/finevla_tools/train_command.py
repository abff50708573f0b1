"""`finevla train`: train the policy that ships (tabletop) from synthetic motions and collected episodes, made in simulation.

It does not learn from recordings or data sets. The same seed gives the same policy, and --resume goes on where a run ended.
Checkpoints hold tensors only and are read with `weights_only`, so a file cannot run code.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from finevla_core.errors import FineVLAError
from finevla_models.heads import HEADS
from finevla_tools.door import CHECKPOINTS, UNKNOWN, announce, at_least, refuse_no_motions, refuse_other_content

PARTS = ("finder", "mover")


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
        "drills", nargs="+", help="folders made by 'finevla synthesize' or 'finevla collect'; no data sets"
    )
    parser.add_argument("--out", type=Path, default=Path("out/train"), help="folder of the checkpoints")
    parser.add_argument("--mixture", type=float, default=TrainOptions.mixture, help="share of fine sentences, 0 to 1")
    parser.add_argument(
        "--head", choices=HEADS, default=TrainOptions.head, help="of the mover: flow matching, or regression"
    )
    parser.add_argument("--parts", default=",".join(PARTS), help="which parts to train, e.g. mover")
    for part in PARTS:
        parser.add_argument(
            f"--{part}-steps",
            type=int,
            default=getattr(TrainOptions, f"{part}_steps"),
            help=f"of the {part}'s training",
        )
    parser.add_argument(
        "--seed", type=int, default=TrainOptions.seed, help="the same seed and data give the same policy"
    )
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 = all")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoints in --out")


def run(arguments: argparse.Namespace) -> int:
    """Check the options and train the parts; return the exit code. Raises `FineVLAError` for bad options or no data."""
    parts = arguments.parts.split(",")
    if odd := [part for part in parts if part not in PARTS]:
        raise FineVLAError(f"unknown part '{odd[0]}'; known are {', '.join(PARTS)}")
    if not 0.0 <= arguments.mixture <= 1.0:
        raise FineVLAError(f"--mixture is {arguments.mixture}; give the share of fine sentences, 0 to 1")
    steps = {f"{part}_steps": getattr(arguments, f"{part}_steps") for part in PARTS}
    at_least(1, **steps)
    at_least(0, threads=arguments.threads, seed=arguments.seed)
    for folder in arguments.drills:
        refuse_no_motions(Path(folder), with_pictures="finder" in parts)
    refuse_other_content(arguments.out, CHECKPOINTS, UNKNOWN)
    announce(f"loading torch and {', '.join(arguments.drills)}")
    from finevla_tools.train import train

    options = TrainOptions(tuple(arguments.drills), arguments.mixture, arguments.head, arguments.seed, **steps)
    train(options, arguments.out, parts, arguments.resume, arguments.threads)
    print(f"checkpoints: {arguments.out}")
    return 0
