"""Pairs side by side: the same scene, one word changed, as videos; the first pairs of each factor, not the best ones."""

import multiprocessing
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from finevla_sim.judge import judge, obeyed
from finevla_sim.world import World
from finevla_tools.evaluation.runner import BUNDLE, Trier
from finevla_tools.evaluation.trials import PAIRED, Case, trials_of
from finevla_tools.video import Movie, captioned

SIZE, RATE_HZ, SPEED = (300, 400), 10, 2  # height and width of each half; shown at twice real time


def pair_cases(cases: Sequence[Case], count: int) -> list[Case]:
    """The first `count` pairs of each factor."""
    return [case for kind in PAIRED for case in sorted((c for c in cases if c.kind == kind), key=_number)[:count]]


def video_name(case: Case) -> str:
    """File name of a pair's video."""
    return f"{case.kind}_{case.task}_{case.number}.mp4"


def write_videos(bundle: Path, cases: Sequence[Case], folder: Path, processes: int) -> None:
    """Run the pairs once more, looked at from above the table; what is there already is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    todo = [case for case in cases if not (folder / video_name(case)).is_file()]
    if not todo:
        return
    shares = [(bundle, todo[k::processes], folder) for k in range(min(processes, len(todo)))]
    with multiprocessing.get_context("spawn").Pool(len(shares)) as pool:
        pool.map(_write_some, shares)


def _write_some(job: tuple[Path, Sequence[Case], Path]) -> None:
    bundle, cases, folder = job
    trier = Trier(bundle)
    for case in cases:
        _write(trier, case, folder / video_name(case))


def _write(trier: Trier, case: Case, path: Path) -> None:
    scene, trials = trials_of(case, trier.ik)
    halves = []
    for trial in trials:
        pictures: list[NDArray[np.uint8]] = []

        def watch(world: World, pictures: list[NDArray[np.uint8]] = pictures) -> None:
            pictures.append(world.image("overview", SIZE))

        outcome = judge(scene, trier.execute(BUNDLE, scene, trial, watch).trace)
        verdict = "obeyed" if obeyed(trial.goal, outcome).get(case.kind, False) else "not as told"
        halves.append([captioned(p, (trial.text, "")) for p in pictures])
        halves[-1] += [captioned(pictures[-1], (trial.text, f"{verdict}: {outcome.sentence()}"))] * RATE_HZ * 2
    longest = max(map(len, halves))
    with Movie(path, RATE_HZ * SPEED) as movie:
        for step in range(longest):
            movie.add(np.concatenate([half[min(step, len(half) - 1)] for half in halves], axis=1))


def _number(case: Case) -> int:
    return case.number
