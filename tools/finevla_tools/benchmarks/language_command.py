"""`finevla bench language`: BLEU, METEOR, ROUGE-L, CIDEr, embeddings and matches, beside the facts that they do not see."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from finevla_core.errors import FineVLAError
from finevla_tools.argument_checks import refuse_no_output
from finevla_tools.stderr_notices import announce

TEXT = "language metrics of sentences against references, each with its implementation, beside atomic facts"


def add_arguments(jobs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the job 'language' and its options to `jobs`."""
    job = jobs.add_parser("language", description=TEXT, help=TEXT)
    job.add_argument(
        "files",
        type=Path,
        nargs="*",
        help=".jsonl of 'prediction' and 'reference', or captions with --set; one per model",
    )
    job.add_argument(
        "--set", type=Path, metavar="FOLDER", help="the files are captions: hold them against its ground truth"
    )
    job.add_argument("--out", type=Path, help="folder of results; without it out/bench/language")
    job.add_argument(
        "--encoder", action="append", default=[], metavar="NAME=FOLDER",
        help="local weights of a sentence encoder; FOLDER:cls for SimCSE's kind; without it MiniLM, if it is installed",
    )  # fmt: skip
    job.add_argument("--wordnet", type=Path, metavar="FOLDER", help="WordNet's files for METEOR, as /usr/share/wordnet")
    job.add_argument("--java", action="store_true", help="METEOR's Java program as well")
    job.add_argument("--demonstrate", action="store_true", help="only show what the metrics do not see")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; return the exit code."""
    refuse_no_output("--out", arguments.out)
    if not arguments.files and not arguments.demonstrate:
        raise FineVLAError("give a file of predictions and references, or --demonstrate")
    if gone := [path for path in arguments.files if not path.is_file()]:
        raise FineVLAError(f"there is no file '{gone[0]}'; give a .jsonl of 'prediction' and 'reference'")
    announce("measuring")
    from finevla_tools.benchmarks.language_embeddings import packaged_encoder, told_encoder
    from finevla_tools.benchmarks.language_metrics import LanguageWay
    from finevla_tools.benchmarks.language_report import (
        PAGE,
        REFERENCE,
        demonstration,
        read_pairs,
        score_pairs,
        score_table,
        write_language,
    )

    packaged = packaged_encoder()
    encoders = tuple(map(told_encoder, arguments.encoder)) or ((packaged,) if packaged else ())
    way = LanguageWay(encoders, arguments.wordnet, arguments.java)
    shown = demonstration(way)
    if arguments.demonstrate:
        print(f"against: {REFERENCE}")
        _print([head.removeprefix("#") for head in shown.heads], shown.rows)
        return 0
    every = [read_pairs(path, arguments.set) for path in arguments.files]
    if len({one.model for one in every}) < len(every):
        raise FineVLAError("two files have the same name, which names their models; rename one")
    scores, missing = score_pairs(every, way)
    out = arguments.out or Path("out/bench/language")
    write_language(out, every, scores, missing, shown)
    table = score_table(scores)
    rows = [[re.sub(r"<small>.*?</small>", "", cell) for cell in row] for row in table.rows]
    _print([head.removeprefix("#") for head in table.heads], rows)
    for one in missing:
        print(f"not measured: {one.name}: {one.reason}")
    print(f"written: {out / PAGE}")
    return 0


def _print(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = [heads, *rows]
    widths = [max(len(row[k]) for row in table) for k in range(len(heads))]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
