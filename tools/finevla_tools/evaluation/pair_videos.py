"""Side-by-side videos of pairs: the same scene with one word changed; the first pairs of each factor, not the best."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from finevla_sim.judge import judge, obeyed
from finevla_sim.scene import Scene
from finevla_sim.world import World
from finevla_tools.evaluation.runner import BUNDLE, Trier
from finevla_tools.evaluation.scene_counts import PAIRED
from finevla_tools.evaluation.trials import Case, Trial, trials_of
from finevla_tools.video_writer import Movie, captioned
from finevla_tools.work.parallel_map import Once, over

SIZE, RATE_HZ, SPEED = (300, 400), 10, 2  # height and width of each half; shown at twice real time


def pair_cases(cases: Sequence[Case], count: int) -> list[Case]:
    """Return the first `count` pairs of each factor."""
    return [case for kind in PAIRED for case in sorted((c for c in cases if c.kind == kind), key=_number)[:count]]


def video_name(case: Case) -> str:
    """Return the file name of a pair's video."""
    return f"{case.kind}_{case.task}_{case.number}.mp4"


def write_videos(bundle: Path, cases: Sequence[Case], folder: Path, processes: int) -> None:
    """Run the pairs again and film them with the overview camera; existing videos are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    todo = [case for case in cases if not (folder / video_name(case)).is_file()]
    if not todo:
        return
    items = [(case, folder / video_name(case)) for case in todo]
    for _ in over(Once(partial(Trier, bundle), _write), items, min(processes, len(todo)), in_order=False):
        pass


def _write(trier: Trier, item: tuple[Case, Path]) -> None:
    case, path = item
    scene, trials = trials_of(case, trier.ik)
    write_video(trier, BUNDLE, scene, trials, path)


def write_video(trier: Trier, contestant: str, scene: Scene, trials: Sequence[Trial], path: Path) -> None:
    """Run the trials of one scene and film them side by side, with what was told and what happened below."""
    halves = []
    for trial in trials:
        pictures: list[NDArray[np.uint8]] = []

        def watch(world: World, pictures: list[NDArray[np.uint8]] = pictures) -> None:
            pictures.append(world.image("overview", SIZE))

        outcome = judge(scene, trier.execute(contestant, scene, trial, watch).trace)
        if not pictures:  # words that were refused, or a baseline that is not watched: what it looks like afterwards
            assert trier.world is not None
            watch(trier.world)
        is_obeyed = obeyed(trial.goal, outcome).get(trial.case.kind, False)
        happened = f"{'obeyed' if is_obeyed else 'not as told'}: {outcome.sentence()}"
        halves.append([captioned(p, (trial.text, "")) for p in pictures])
        halves[-1] += [captioned(pictures[-1], (trial.text, happened), is_obeyed)] * RATE_HZ * 2
    longest = max(map(len, halves))
    with Movie(path, RATE_HZ * SPEED) as movie:
        for step in range(longest):
            movie.add(np.concatenate([half[min(step, len(half) - 1)] for half in halves], axis=1))


def _number(case: Case) -> int:
    return case.number
