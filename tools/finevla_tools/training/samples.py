"""What the trainer asks of data: samples by their global number, and a fixed few that are never learned from."""

import dataclasses
from pathlib import Path
from typing import Any, Protocol

from finevla_models.vla.batch import VLAExample
from finevla_tools.training.config import ANSWERS, TrainingOptions, VLARunConfig


class TrainingSamples(Protocol):
    """Samples 0, 1, 2, ... without end, each a pure function of the seed and its number (`training.data.VLASamples`).

    `hash` identifies the data, `values` are the robot's values in its order, `transforms` and `statistics` the entries of
    the bundle's manifest. What a worker process uses must survive a fork.
    """

    hash: str
    frames: int
    statistics: dict[str, Any]
    transforms: list[Any]
    values: tuple[str, ...]

    def example(self, index: int) -> VLAExample:
        """Return sample number `index`; raises `FineVLAError` for one that cannot be read."""

    def held_out(self, count: int) -> list[VLAExample]:
        """Return at most `count` samples of the episodes that are held out, always the same."""

    def kind_of(self, index: int) -> str:
        """Return which words sample number `index` has: fine, raw, factors, paraphrase or none."""


def sample_index(step: int, accumulated: int, rank: int, position: int, options: TrainingOptions, world: int) -> int:
    """Return the number of the sample at a place of a batch; each is drawn once, whatever the number of workers.

    Args:
        step: Counted from 0.
        accumulated: Which of the step's batches, from 0.
        rank: Of the process, of `world`.
        position: In the batch, from 0.
    """
    return ((step * options.accumulate + accumulated) * world + rank) * options.batch + position


def open_samples(config: VLARunConfig, jobs: int = 1) -> TrainingSamples:
    """Open what a configuration names; `jobs` processes read and decode. Raises `FineVLAError` for data that do not fit."""
    policy, data, training = config.policy, config.data, config.training
    if policy.head == ANSWERS:
        from finevla_tools.training.question_samples import QuestionSamples

        return QuestionSamples([Path(one.path) for one in data.sets], policy, data.validation, training.seed)
    from finevla_tools.training.data import VLASamples
    from finevla_tools.training.mixture import LanguageRates
    from finevla_tools.training.options import QuestionOptions, SampleOptions, SourceOptions, SourceSet

    names = ("embodiment", "cameras", "images", "horizon", "dt_s", "state", "actions", "normalisation")
    sets = [
        SourceSet(
            Path(one.path),
            one.weight,
            tuple(map(Path, one.kept)),
            one.cameras,
            one.map,
            one.gripper,
            one.gripper_action,
        )
        for one in data.sets
    ]
    sources = SourceOptions(
        sets=tuple(sets),
        cache=Path(data.cache),
        mix=data.mix,
        rates=LanguageRates(**dataclasses.asdict(data.language)),
        unreviewed=data.unreviewed,
        validation=data.validation,
        questions=QuestionOptions(data.vlm.ratio, Path(data.vlm.path) if data.vlm.path else None),
    )
    options = SampleOptions(**{name: getattr(policy, name) for name in names})
    return VLASamples(options, sources, training.seed, training.batch, jobs)
