"""`finevla backbone`: a small backbone of random weights, for training without a GPU, or without a hub to load one from.

It has Qwen3.5's architecture and a tokenizer that learns its pieces from the words of your data sets. In a configuration of
'finevla train' it stands as 'backbone: FOLDER'.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from finevla_core.errors import DamagedFileError, FineVLAError
from finevla_core.text_files import read_json_lines
from finevla_tools.argument_checks import refuse_no_output
from finevla_tools.stderr_notices import announce

SIZES = ("small", "mini", "tiny")
MOST_PATCH = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the data sets and the options of `finevla backbone` to `parser`."""
    parser.add_argument(
        "datasets", nargs="+", type=Path, help="LeRobot data sets and files of questions (*.jsonl), for their words"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    parser.add_argument(
        "--size",
        choices=SIZES,
        default=SIZES[0],
        help="small: 7 million parameters, a CPU trains it; mini: 3 million, in half the time; tiny: for a test",
    )
    parser.add_argument(
        "--patch",
        type=int,
        help="pixels that a patch of pictures is wide, by default 8, of tiny 16; 2x2 become one token: larger ones see larger"
        " pictures in the same time",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the weights")


def run(arguments: argparse.Namespace) -> int:
    """Make the backbone; return the exit code. Raises `FineVLAError` for a folder that is there, or data sets without words."""
    refuse_no_output("--out", arguments.out)
    if arguments.patch is not None and not 4 <= arguments.patch <= MOST_PATCH:
        raise FineVLAError(f"--patch {arguments.patch}: a patch is 4 to {MOST_PATCH} pixels wide")
    texts = sorted({text for root in arguments.datasets for text in _texts(root)})
    if not texts:
        raise FineVLAError(f"'{arguments.datasets[0]}' has no words; give a data set with tasks")
    announce("loading torch and transformers")
    from finevla_models.vla.small_backbone import SIZES as DESCRIBED
    from finevla_models.vla.small_backbone import make_backbone
    from finevla_tools.work.staged_output import Staged

    size = DESCRIBED[arguments.size]
    if arguments.patch is not None:
        size = replace(size, patch=arguments.patch)
    with Staged(arguments.out) as folder:
        count = make_backbone(folder, texts, size, arguments.seed)
    print(f"backbone of {count / 1e6:.1f} million parameters: {arguments.out}")
    return 0


def _texts(root: Path) -> Iterator[str]:
    """Everything that is said in a data set, or asked and answered in a file."""
    if root.suffix == ".jsonl":
        rows, problems = read_json_lines(root)
        if problems:
            raise DamagedFileError(problems[0])
        yield from (row[name] for row in rows for name in ("question", "answer") if isinstance(row.get(name), str))
        return
    from finevla_tools.datasets.episode_words import read_words
    from finevla_tools.datasets.lerobot_files import open_dataset

    for words in read_words(open_dataset(root)).values():
        yield from words.tasks
        for texts in (words.paraphrases, words.fine, words.steps, words.motions, words.interjections):
            yield from (one.text for one in texts)
