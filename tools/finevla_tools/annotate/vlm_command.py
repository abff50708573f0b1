"""The part of `finevla annotate --annotator vlm`: a model's rows beside the motion's, for every episode that it answered."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted

if TYPE_CHECKING:
    from finevla_tools.annotate.draft import AnnotatedEpisode
    from finevla_tools.annotate.episode_source import MotionSource
    from finevla_tools.annotate.vlm_annotator import VlmEpisode, VlmResult, VlmWay
    from finevla_tools.annotate.vlm_server import VlmOptions
    from finevla_tools.datasets.lerobot_files import EpisodeFile

SERVER = "http://localhost:8000/v1"
CONTRADICTED = 0.05  # confidence of a row that the motion contradicts: it is looked at first


def add_vlm_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the annotator by a vision-language model."""
    options = parser.add_argument_group("--annotator vlm: any OpenAI-compatible server; docs/annotate_vlm.md")
    options.add_argument("--server", default=SERVER, metavar="URL", help="address of the server")
    options.add_argument("--model", default="", help="name of the model, as the server has it")
    options.add_argument(
        "--key-env", default="OPENAI_API_KEY", metavar="NAME", help="environment variable with the server's key"
    )
    options.add_argument(
        "--preset",
        default="finevla",
        help="finevla (three stages), robofine (one request), or reviewed: a model trained on what --questions writes",
    )
    options.add_argument(
        "--pictures", type=int, metavar="N", help="of a view, at most; with preset reviewed exactly so many"
    )
    options.add_argument("--concurrency", type=int, default=4, help="requests at a time")
    options.add_argument(
        "--requests-per-minute", type=float, metavar="N", help="at most; without it as fast as it goes"
    )
    options.add_argument("--max-tokens", type=int, default=4096, metavar="N", help="of one answer")
    options.add_argument("--most-tokens", type=int, metavar="N", help="stop before this many tokens in all are used")
    options.add_argument("--price-in", type=float, default=0.0, metavar="P", help="of a million tokens of a prompt")
    options.add_argument("--price-out", type=float, default=0.0, metavar="P", help="of a million tokens of an answer")
    options.add_argument("--most-cost", type=float, metavar="P", help="stop before this is passed; needs the prices")
    options.add_argument(
        "--plain-requests", action="store_true",
        help="leave response_format and chat_template_kwargs out, for servers that refuse what they do not know",
    )  # fmt: skip


def refuse_model_options(arguments: argparse.Namespace) -> None:
    """Raise `FineVLAError` for options that are of a model, where no model is asked: they would change nothing."""
    given = [
        option
        for option, value, default in (
            ("--model", arguments.model, ""),
            ("--preset", arguments.preset, "finevla"),
            ("--server", arguments.server, SERVER),
            ("--most-tokens", arguments.most_tokens, None),
            ("--most-cost", arguments.most_cost, None),
            ("--requests-per-minute", arguments.requests_per_minute, None),
        )
        if value != default
    ]
    if given:
        raise FineVLAError(f"{given[0]} is of a model that is asked: add --annotator vlm, or leave {given[0]} out")


def vlm_options(arguments: argparse.Namespace) -> "tuple[VlmOptions, VlmWay]":
    """Return what the options ask for; raises `FineVLAError` for what cannot be, before anything is read."""
    from finevla_tools.annotate.vlm_annotator import VlmWay
    from finevla_tools.annotate.vlm_budget import VlmPrices
    from finevla_tools.annotate.vlm_prompts import preset_named
    from finevla_tools.annotate.vlm_server import VlmOptions

    preset_named(arguments.preset)
    refuse_pictures(arguments.pictures)
    options = VlmOptions(
        url=arguments.server,
        model=arguments.model,
        key_variable=arguments.key_env,
        concurrency=arguments.concurrency,
        requests_per_minute=arguments.requests_per_minute,
        max_tokens=arguments.max_tokens,
        prices=VlmPrices(arguments.price_in, arguments.price_out),
        most_cost=arguments.most_cost,
        most_tokens=arguments.most_tokens,
        thinking_off=not arguments.plain_requests,
        response_format=not arguments.plain_requests,
    )
    return options, VlmWay(
        arguments.preset, arguments.language, most_frames=arguments.pictures, instruct=arguments.instruct
    )


def refuse_pictures(count: int | None) -> None:
    """Raise `FineVLAError` for a number of pictures that shows no motion."""
    if count is not None and count < 2:
        raise FineVLAError(f"--pictures is {count}; at least 2 are needed to show a motion")


def with_vlm(
    made: "Iterator[AnnotatedEpisode]",
    source: "MotionSource",
    episodes: "Sequence[EpisodeFile]",
    asked: "tuple[VlmOptions, VlmWay]",
    folder: Path,
) -> "Iterator[AnnotatedEpisode]":
    """Give the episodes with the model's rows behind the motion's; those that it could not answer keep the motion's alone
    and say so.

    Args:
        made: What motion says, by episode.
        source: The data set, for its videos.
        episodes: The same episodes, in the same order.
        asked: Server and way of asking.
        folder: Where answers are kept, so that a run that was ended goes on; may be deleted.

    Raises:
        FineVLAError: The server refuses all, is gone, answers for no episode, or a limit is reached; what it answered is kept.
    """
    from finevla_tools.annotate.consistency import contradictions
    from finevla_tools.annotate.vlm_annotator import DONE, FAILED, annotate_dataset, open_journal
    from finevla_tools.annotate.vlm_budget import used_text
    from finevla_tools.annotate.vlm_server import VlmServer
    from finevla_tools.work.progress import Progress

    facts = list(made)
    options, way = asked
    of_episode = {episode.index: episode for episode in episodes}
    shown = [shown_episode(episode, of_episode[episode.index], source) for episode in facts if not episode.failed]
    results: dict[int, VlmResult] = {}
    folder.mkdir(parents=True, exist_ok=True)
    with (
        VlmServer(options) as server,
        open_journal(folder) as journal,
        Progress("episodes asked", len(shown)) as progress,
    ):
        try:
            for result in annotate_dataset(shown, server, way, journal):
                progress.step()
                results[result.episode] = result
        finally:
            print(f"used: {used_text(server.budget.spent, options.prices)}", file=sys.stderr)
    if results and all(result.state == FAILED for result in results.values()):
        raise FineVLAError(
            f"'{options.model}' answered for none of {counted(len(results), 'episode')}, and no draft is written: mend what "
            "follows and give the same command again, or leave --annotator out for what motion says; "
            f"the last: {result.sentence}"
        )
    for episode in facts:
        if (found := results.get(episode.index)) is None:
            yield episode  # motion has nothing to say of it, and the model was not asked
            continue
        against = {contradicted.row for contradicted in contradictions(found.rows, episode.rows)}
        marked = tuple(replace(row, confidence=CONTRADICTED) if row in against else row for row in found.rows)
        lacking = "" if found.state == DONE else found.sentence.removeprefix(f"episode {episode.index}: ")
        yield replace(episode, rows=(*episode.rows, *marked), without_model=lacking)


def shown_episode(made: "AnnotatedEpisode", episode: "EpisodeFile", source: "MotionSource") -> "VlmEpisode":
    """Return what a model is shown of an episode; raises `FineVLAError` where there is no motion."""
    from finevla_tools.annotate.annotation import DERIVED_SLOTS
    from finevla_tools.annotate.vlm_annotator import VlmEpisode
    from finevla_tools.annotate.vlm_frames import ViewFile

    if made.facts is None:
        raise FineVLAError(f"episode {made.index} has no motion that a model could be shown")
    views = [
        ViewFile(video.key.removeprefix("observation.images."), video.path, video.begin_s, video.end_s)
        for video in episode.videos
    ]
    words = "; ".join(episode.tasks or ())
    duration_s = max((row.to_s for row in made.rows), default=(episode.length or 1) / source.files.fps)
    facts = tuple(row for row in made.rows if row.slot not in DERIVED_SLOTS)
    return VlmEpisode(made.index, words, duration_s, views, facts)
