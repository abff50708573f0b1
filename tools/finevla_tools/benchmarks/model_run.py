"""A run of requests on one server: progress, journal, what failed and what it cost."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from finevla_tools.annotate.vlm_budget import VlmPrices, VlmUsage, used_text
from finevla_tools.annotate.vlm_journal import VlmJournal
from finevla_tools.annotate.vlm_server import VlmOptions, VlmServer
from finevla_tools.benchmarks.model_requests import ModelAnswer, ModelRequest, answer_all
from finevla_tools.work.progress import Progress

SHOWN = 12


def ask_server(
    requests: Iterable[ModelRequest], total: int, options: VlmOptions, folder: Path
) -> Iterator[ModelAnswer]:
    """Give the answers as they come, then say what failed and what was used; answers are kept in `folder`.

    Raises what `answer_all` raises.
    """
    folder.mkdir(parents=True, exist_ok=True)
    failed: list[ModelAnswer] = []
    with (
        VlmServer(options) as server,
        VlmJournal(folder / "answers.journal") as journal,
        Progress("answers", total, unit="requests") as progress,
    ):
        try:
            for answer in answer_all(requests, server, journal):
                progress.step()
                if answer.result is None:
                    failed.append(answer)
                yield answer
        finally:
            for answer in failed[:SHOWN]:
                print(f"no answer: {answer.sample_id}: {answer.sentence}", file=sys.stderr)
            if len(failed) > SHOWN:
                print(f"  ... and {len(failed) - SHOWN} more", file=sys.stderr)
            print(f"used: {used_text(server.budget.spent, options.prices)}", file=sys.stderr)


def say_estimate(usage: VlmUsage, pictures: int, price_in: float, price_out: float) -> None:
    """Print what a run would ask, at most."""
    told = used_text(usage, VlmPrices(price_in, price_out))
    print(f"would ask at most: {told}; {pictures:,} pictures; a repair of a wrong answer doubles its request")
