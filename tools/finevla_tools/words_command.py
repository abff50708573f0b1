"""The words of a LeRobot data set (v2.0 to v3.0): raw goals, fine texts, steps and the ten dimensions, shown or written.

Without options it shows what is there. --apply takes a table of reviewed annotations into a new data set, --import the
records of FineVLA-Tool, --export writes them or FineVLA's FineGrainedInstruction.jsonl.
"""

import argparse
from collections import Counter
from pathlib import Path

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.argument_checks import refuse_no_data_set, refuse_no_output
from finevla_tools.number_format import percentage, shortened

IMPORTED, EXPORTED = ("finevla-tool",), ("finegrained", "finevla-tool")
MOST_LINES = 40  # episodes that are shown one by one
MOST_CONTRADICTIONS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the data set and the options of `finevla words` to `parser`."""
    parser.add_argument("dataset", type=Path, help="a LeRobot data set")
    parser.add_argument("--apply", type=Path, metavar="FILE", help="annotations.parquet, reviewed")
    parser.add_argument("--import", dest="imported", nargs=2, metavar=("FORMAT", "FILE"), help=", ".join(IMPORTED))
    parser.add_argument("--export", dest="exported", nargs=2, metavar=("FORMAT", "FILE"), help=", ".join(EXPORTED))
    parser.add_argument(
        "--out",
        type=Path,
        help="data set to make by --apply or --import; of --import also a .parquet of rows to review",
    )
    parser.add_argument("--unreviewed", action="store_true", help="take drafts, too, that nobody has decided on")
    parser.add_argument("--all", action="store_true", help="show all episodes")


def run(arguments: argparse.Namespace) -> int:
    """Show or write words; return 0, or 1 if records were left out. Raises `FineVLAError` for bad options or files."""
    refuse_no_data_set(arguments.dataset)
    asked = [name for name in ("apply", "imported", "exported") if getattr(arguments, name)]
    if len(asked) > 1:
        raise FineVLAError("give one of --apply, --import and --export at a time")
    if asked and asked != ["exported"] and arguments.out is None:
        raise FineVLAError(f"name the data set to make by --out; '{arguments.dataset}' stays as it is")
    if arguments.out is not None and asked not in (["apply"], ["imported"]):
        raise FineVLAError("--out goes with --apply or --import")
    refuse_no_output("--out", arguments.out)
    return (
        {"apply": _apply, "imported": _import, "exported": _export}[asked[0]](arguments) if asked else _show(arguments)
    )


def _apply(arguments: argparse.Namespace) -> int:
    from finevla_tools.datasets.words_from_annotations import apply_annotations

    done = apply_annotations(arguments.dataset, arguments.apply, arguments.out, arguments.unreviewed)
    _tell(done.rows, done.episodes, done.drafts)
    print(f"written: {done.root}")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from finevla_tools.datasets.annotation_table import write_annotations
    from finevla_tools.datasets.finevla_word_files import import_tool
    from finevla_tools.datasets.lerobot_files import open_dataset
    from finevla_tools.datasets.words_from_annotations import apply_rows
    from finevla_tools.work.staged_output import refuse_existing

    form, path = arguments.imported[0], Path(arguments.imported[1])
    if form not in IMPORTED:
        raise FineVLAError(f"--import '{form}' is unknown; known are {', '.join(IMPORTED)}")
    refuse_existing(arguments.out)
    files = open_dataset(arguments.dataset)
    rows, problems = import_tool(files, path)
    if arguments.out.suffix == ".parquet":
        write_annotations(arguments.out, rows)
        print(f"{counted(len(rows), 'row')} of {counted(len({row.episode for row in rows}), 'episode')}")
    else:
        done = apply_rows(files, rows, f"'{path}'", arguments.out, arguments.unreviewed)
        _tell(done.rows, done.episodes, done.drafts)
    print(f"written: {arguments.out}")
    for problem in problems[:MOST_CONTRADICTIONS]:
        print(f"left out: {problem}")
    if len(problems) > MOST_CONTRADICTIONS:
        print(f"... and {len(problems) - MOST_CONTRADICTIONS} more")
    return 1 if problems else 0


def _export(arguments: argparse.Namespace) -> int:
    from finevla_tools.datasets.finevla_word_files import export_words
    from finevla_tools.datasets.lerobot_files import open_dataset

    form, path = arguments.exported[0], Path(arguments.exported[1])
    if form not in EXPORTED:
        raise FineVLAError(f"--export '{form}' is unknown; known are {', '.join(EXPORTED)}")
    count = export_words(open_dataset(arguments.dataset), form, path)
    print(f"{counted(count, 'episode')}\nwritten: {path}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from finevla_tools.annotate.annotation import APPROVED, DRAFT
    from finevla_tools.datasets.episode_words import WordsReader
    from finevla_tools.datasets.lerobot_files import open_dataset
    from finevla_tools.datasets.words_from_annotations import contradictions

    files = open_dataset(arguments.dataset)
    reader, totals, odd = WordsReader(files), Counter[str](), list[str]()
    print(f"{'episode':>7}  {'fine':>4} {'steps':>5} {'interjections':>13} {'approved':>8} {'drafts':>6}  raw goal")
    for k, words in enumerate(reader):
        status = Counter(row.status for row in words.annotations)
        row = (len(words.fine), len(words.steps), len(words.interjections), status[APPROVED], status[DRAFT])
        if k < MOST_LINES or arguments.all:
            raw = shortened(" | ".join(words.tasks).replace("\n", " "), 60)
            print(f"{words.episode:>7}  {row[0]:>4} {row[1]:>5} {row[2]:>13} {row[3]:>8} {row[4]:>6}  {raw}")
        elif k == MOST_LINES:
            print(f"... and {len(files.episodes) - k} more; --all shows them")
        totals.update(fine=int(bool(words.fine)), tasks=int(len(words.tasks) > 1))
        totals.update(approved=status[APPROVED], drafts=status[DRAFT])
        odd += [f"episode {words.episode}: {sentence}" for sentence in contradictions(words)]
    count = len(files.episodes)
    print(f"{counted(count, 'episode')}, {totals['fine']} with a fine text ({percentage(totals['fine'], count)}), "
          f"{totals['tasks']} with several raw goals; {counted(totals['approved'], 'approved row')}, "
          f"{counted(totals['drafts'], 'draft')}; {counted(len(odd), 'contradiction')}")  # fmt: skip
    for sentence in odd[:MOST_CONTRADICTIONS]:
        print(f"  {sentence}")
    for problem in files.problems:
        print(f"note: {problem}")
    return 0


def _tell(rows: int, episodes: int, drafts: int) -> None:
    left = f"; {counted(drafts, 'draft')} left out (--unreviewed takes them)" if drafts else ""
    print(f"{counted(rows, 'row')} of {counted(episodes, 'episode')} applied{left}")
