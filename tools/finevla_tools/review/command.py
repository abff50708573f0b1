"""`finevla review`: people look at drafts of annotations beside the videos, mend them, and approve or reject them."""

import argparse
import asyncio
import getpass
import hashlib
import os
import signal
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.argument_checks import refuse_no_data_set
from finevla_tools.serve.command import checked_token
from finevla_tools.stderr_notices import announce

if TYPE_CHECKING:  # what needs more than the robot has is imported when it is wanted
    from collections.abc import Mapping, Sequence

    from finevla_tools.annotate.annotation import Annotation
    from finevla_tools.datasets.lerobot_files import LeRobotFiles
    from finevla_tools.review.review_store import ReviewStore
    from finevla_tools.review.server import ReviewOptions, ReviewServer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the data set and the options of `finevla review` to `parser`."""
    parser.add_argument("dataset", type=Path, help="LeRobot data set whose episodes are reviewed; it is only read")
    parser.add_argument("--annotations", type=Path, metavar="FILE", help="drafts: annotations.parquet")
    parser.add_argument(
        "--db", default="", help="SQLite file or postgresql://... of the review [review.db beside the annotations]"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; beyond this machine a token is needed"
    )
    parser.add_argument("--port", type=int, default=8040, help="port; 0 = any that is free")
    parser.add_argument(
        "--token-env", default="", metavar="NAME", help="environment variable with the token that browsers must give"
    )
    parser.add_argument("--reviewer", default="", metavar="NAME", help="your name [of the system's account]")
    parser.add_argument(
        "--reviewers",
        type=int,
        default=1,
        choices=(1, 2),
        help="2: two people judge each episode, unseen by each other",
    )
    parser.add_argument(
        "--export",
        type=Path,
        metavar="FILE",
        help="write what is approved as annotations.parquet, and every version beside it, and end",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C, or export."""
    refuse_no_data_set(arguments.dataset)
    token = checked_token(arguments.host, arguments.token_env)
    if not 0 <= arguments.port <= 65535:
        raise FineVLAError(f"--port is {arguments.port}; it must be between 0 and 65535")
    place = arguments.db or str((arguments.annotations or arguments.dataset / "annotations").with_name("review.db"))
    if "://" in place and not place.startswith(("postgresql://", "postgres://")):
        raise FineVLAError("--db takes a file or postgresql://USER@HOST/NAME")
    if not arguments.db and arguments.annotations is None:
        raise FineVLAError("give --annotations FILE with the drafts, or --db with a review that was begun")
    if arguments.annotations is not None and not arguments.annotations.is_file():
        raise FineVLAError(
            f"--annotations '{arguments.annotations}' is no file; 'finevla annotate' writes such a table"
        )
    from finevla_tools.datasets.lerobot_files import open_dataset
    from finevla_tools.review.database_schema import keep_to_dataset
    from finevla_tools.review.review_store import ReviewStore
    from finevla_tools.review.sql_connection import Database

    dataset = open_dataset(arguments.dataset)
    database = Database(place)
    try:
        store = ReviewStore(database, arguments.reviewers)
        keep_to_dataset(database, {episode.index: episode.length for episode in dataset.episodes})
        if arguments.annotations is not None:
            _take(store, arguments.annotations, dataset)
        if arguments.export is not None:
            return _export(store, arguments.export)
        from finevla_tools.review.server import ReviewOptions, ReviewServer

        options = ReviewOptions(arguments.host, arguments.port, token, arguments.reviewer or _account())
        asyncio.run(_serve(ReviewServer(dataset, store, options), options))
    finally:
        database.close()
    return 0


def _take(store: "ReviewStore", path: Path, dataset: "LeRobotFiles") -> None:
    from finevla_tools.datasets.annotation_table import read_annotations
    from finevla_tools.review.database_schema import has_drafts, take_drafts

    mark = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    if mark and has_drafts(store.database, mark):
        return
    announce(f"reading '{path}'")
    drafts, lengths = read_annotations(path), {episode.index: episode.length for episode in dataset.episodes}
    _refuse_another(path, drafts, lengths, dataset)
    if left := take_drafts(store.database, mark, drafts, list(lengths)):
        print(f"{counted(left, 'episode', 'were')} reviewed already: their new drafts were left out", flush=True)


def _refuse_another(
    path: Path, drafts: "Sequence[Annotation]", lengths: "Mapping[int, int | None]", dataset: "LeRobotFiles"
) -> None:
    """Raise `FineVLAError` for drafts that cannot be of this data set."""
    for row in drafts:
        if row.episode not in lengths:
            why = f"it has rows of episode {row.episode}, which the data set does not have"
        elif (length := lengths[row.episode]) is not None and row.from_s > (length + 1) / dataset.fps:
            why = f"a {row.slot} of episode {row.episode} begins at {row.from_s:.2f} s, after its {length / dataset.fps:.2f} s"
        else:
            continue
        raise FineVLAError(
            f"--annotations '{path}' is not of '{dataset.root}': {why}; give the drafts made of this one"
        )


def _export(store: "ReviewStore", path: Path) -> int:
    from finevla_tools.datasets.annotation_table import SCHEMA
    from finevla_tools.review.review_export import HISTORY, write_table

    count = write_table(path, SCHEMA, map(astuple, store.approved()))
    history = path.with_name(f"{path.stem}_history.parquet")
    write_table(history, HISTORY, ((*astuple(r.said), r.item, r.action, r.at_s) for r in store.everything()))
    print(f"{count} approved annotations are in '{path}', every version of all in '{history}'")
    return 0


async def _serve(server: "ReviewServer", options: "ReviewOptions") -> None:
    from aiohttp import web

    runner = web.AppRunner(server.application(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, options.host, options.port)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise FineVLAError(
            f"port {options.port} of {options.host} cannot be used ({os.strerror(error.errno or 0)}); give another --port"
        ) from error
    port = runner.addresses[0][1]
    shown = f"[{options.host}]" if ":" in options.host else options.host
    ask = "/?token=..., with the token for the dots" if options.token else ""
    print(f"the review is open at http://{shown}:{port}{ask}; end with Ctrl-C", flush=True)
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    await over.wait()
    await runner.cleanup()


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
