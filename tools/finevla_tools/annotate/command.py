"""What motion says of every episode of a LeRobot data set (v2.0 to v3.0), and a model if asked: a draft for a person to review.

Phases and their times, arms, grasps (on something or on nothing), approach, carries, turns, retries, how two arms work
together: in FineVLA's ten dimensions, as sentences and as language-motion labels. The data set itself is not touched.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_tools.annotate.vlm_command import (
    add_vlm_arguments,
    refuse_model_options,
    refuse_pictures,
    vlm_options,
    with_vlm,
)
from finevla_tools.argument_checks import refuse_no_data_set, refuse_no_output
from finevla_tools.canonical.command import add_gripper_arguments
from finevla_tools.stderr_notices import announce

if TYPE_CHECKING:
    from finevla_tools.annotate.draft import MotionWay
    from finevla_tools.annotate.episode_source import MotionSource
    from finevla_tools.datasets.lerobot_files import EpisodeFile

ANNOTATORS = ("motion", "vlm")
WORTH_A_PROCESS = 300  # episodes: a process takes as long to start as so many to be annotated
SHOWN = 12  # lines of one episode on the screen


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the data set and the options of `finevla annotate` to `parser`."""
    parser.add_argument("dataset", type=Path, help="a LeRobot data set")
    parser.add_argument(
        "--annotator", choices=ANNOTATORS, default="motion", help="motion alone, or a vision-language model as well"
    )
    parser.add_argument("--out", type=Path, help="folder of the draft; without it out/annotate/<data set>")
    parser.add_argument("--map", help="a field map: a name of config/canonical, a .yaml, or a modality.json")
    add_gripper_arguments(parser)
    parser.add_argument("--episodes", type=int, metavar="N", help="only the first N")
    parser.add_argument("--language", default="en", choices=("en", "zh"), help="of the sentences")
    parser.add_argument("--show", type=int, metavar="INDEX", help="print what is said of this episode, write nothing")
    parser.add_argument(
        "--score", action="store_true",
        help="hold it against what is true of the simulator's demonstrations: precision and recall of each slot",
    )  # fmt: skip
    parser.add_argument(
        "--instruct", action="store_true",
        help="also paraphrases, and captions, questions, rewritten commands and contexts, as InstructVLA learns from",
    )  # fmt: skip
    parser.add_argument(
        "--questions", type=Path, metavar="FOLDER",
        help="write what is approved as pictures, questions and answers, for 'finevla train' with head language",
    )  # fmt: skip
    parser.add_argument("--jobs", type=int, default=0, help="processes; 0 = one per core")
    add_vlm_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 if every episode is annotated, 1 if some were left out or have no part of the model that was asked."""
    refuse_no_data_set(arguments.dataset)
    refuse_no_output("--out", arguments.out, beside_data_sets=True)
    if arguments.episodes is not None and arguments.episodes < 1:
        raise FineVLAError(f"--episodes is {arguments.episodes}; at least 1 is needed")
    asked = vlm_options(arguments) if arguments.annotator == "vlm" else None
    if arguments.questions is not None:
        _refuse_for_questions(arguments)
    elif asked is None:
        refuse_model_options(arguments)
    announce(f"reading '{arguments.dataset}'")
    from finevla_tools.annotate.draft import MotionWay, annotate_episodes, write_draft
    from finevla_tools.annotate.episode_source import name_of, open_source
    from finevla_tools.canonical.field_map_scales import Given
    from finevla_tools.datasets.lerobot_files import open_dataset
    from finevla_tools.work.parallel_map import cores
    from finevla_tools.work.staged_output import refuse_existing

    files = open_dataset(arguments.dataset)
    out = arguments.out or Path("out/annotate") / name_of(arguments.dataset)
    if arguments.show is None:
        refuse_existing(arguments.questions or out)
    for problem in files.problems:
        print(f"warning: {problem}", file=sys.stderr)
    source = open_source(files, arguments.map, Given(arguments.gripper, arguments.gripper_action))
    for sentence in source.fields.told:
        print(sentence, file=sys.stderr)
    episodes = files.episodes[: arguments.episodes]
    way = MotionWay(arguments.language, arguments.instruct)
    if arguments.show is not None:
        return _show(source, arguments.show, way)
    if arguments.questions is not None:
        return _write_questions(source, episodes, way, arguments)
    jobs = arguments.jobs or min(cores(), 1 + len(episodes) // WORTH_A_PROCESS)
    made = annotate_episodes(source, episodes, jobs, way)
    if arguments.score:
        from finevla_tools.annotate.ground_truth_score import Score

        score = Score.of(files.root)
        made = score.watch(made)
    if asked is not None:
        made = with_vlm(made, source, episodes, asked, out.with_name(f"{out.name}.answers"))
    said_by = "motion" if asked is None else f"motion, {asked[0].model}"
    outcome = write_draft(made, source, out, said_by)
    _say("left out", outcome.failed)
    _say("without the model's part", outcome.without_model)
    _say("in doubt", outcome.doubts)
    print(f"{counted(outcome.episodes, 'episode')}, {outcome.rows} facts and sentences: {out}")
    if arguments.score:
        print("\n".join(score.lines()))
    return 1 if outcome.failed or outcome.without_model else 0


def _say(what: str, sentences: "Mapping[int, str]") -> None:
    """Name the episodes of which something is to be told, up to `SHOWN`."""
    for index, sentence in list(sentences.items())[:SHOWN]:
        print(f"{what}: episode {index}: {sentence}", file=sys.stderr)
    if len(sentences) > SHOWN:
        print(f"  ... and {len(sentences) - SHOWN} more, in annotate.json", file=sys.stderr)


def _refuse_for_questions(arguments: argparse.Namespace) -> None:
    refuse_pictures(arguments.pictures)
    refuse_no_output("--questions", arguments.questions)
    for name, value in (("--out", arguments.out), ("--show", arguments.show), ("--score", arguments.score or None)):
        if value is not None:
            raise FineVLAError(f"--questions writes what is approved, and no draft; leave {name} out")
    if arguments.annotator != ANNOTATORS[0] or arguments.instruct:
        raise FineVLAError(
            "--questions writes what is approved, and asks no model; leave --annotator and --instruct out"
        )


def _write_questions(
    source: "MotionSource", episodes: "Sequence[EpisodeFile]", way: "MotionWay", arguments: argparse.Namespace
) -> int:
    """Write questions of what is approved, and say how to train on them."""
    from finevla_tools.annotate.draft import annotate_episodes
    from finevla_tools.annotate.reviewed_questions import QUESTIONS, write_questions
    from finevla_tools.annotate.vlm_annotator import VlmWay

    asked = VlmWay("reviewed", arguments.language, most_frames=arguments.pictures)
    written = write_questions(
        annotate_episodes(source, episodes, arguments.jobs or 1, way), source, asked, arguments.questions
    )
    for index, sentence in list(written.left_out.items())[:SHOWN]:
        print(f"left out: episode {index}: {sentence}", file=sys.stderr)
    width, height = written.size
    cameras = ", ".join(f"{name}: {name}" for name in written.names)
    print(f"{counted(written.count, 'question')}, {len(written.left_out)} left out: {arguments.questions / QUESTIONS}")
    print("policy entries for 'finevla train':")
    print(f"  head: language\n  cameras: {{{cameras}}}\n  images: {{height: {height}, width: {width}}}")
    return 1 if written.left_out else 0


def _show(source: "MotionSource", index: int, way: "MotionWay") -> int:
    """Print the rows of one episode."""
    from finevla_tools.annotate.draft import NOTHING_SAID, annotate_episodes

    chosen = [episode for episode in source.files.episodes if episode.index == index]
    if not chosen:
        indices = [episode.index for episode in source.files.episodes]
        there = f"episodes {indices[0]} to {indices[-1]}" if indices else "no episodes"
        raise FineVLAError(f"--show {index}: '{source.files.root}' has {there}")
    made = next(iter(annotate_episodes(source, chosen, 1, way)))
    if made.failed or not made.rows:
        raise FineVLAError(made.failed or f"episode {index}: {NOTHING_SAID}")
    _say("in doubt", {index: made.doubt} if made.doubt else {})
    for row in made.rows:
        where = f"step {row.step}" if row.step else "all"
        print(f"{where:8s} {row.from_s:7.2f} {row.to_s:7.2f}  {row.confidence:.2f}  {row.slot}: {row.value}")
    for time_s, text in made.labels:
        print(f"motion   {time_s:7.2f}                {text}")
    return 0
