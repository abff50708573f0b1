"""Batches made ahead by worker processes, in an order that is known before: batch k is the same with any number of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from finevla_core.errors import FineVLAError
from finevla_models.vla.batch import VLABatch, VLAExample
from finevla_tools.training.config_types import TrainingOptions
from finevla_tools.training.sample_source import TrainingSamples, sample_index

AHEAD = 3  # batches that each worker keeps ready


@dataclass(frozen=True)
class _Refused:
    """A mistake found in a worker, sent as words: torch would wrap the exception into a traceback."""

    sentence: str


class _Batches(Dataset[Any]):
    """Batch number k of a rank, counted over steps and accumulation."""

    def __init__(
        self,
        samples: TrainingSamples,
        collate: Callable[[Sequence[VLAExample]], VLABatch],
        options: TrainingOptions,
        rank: int,
        world: int,
    ) -> None:
        self._samples, self._collate, self._options = samples, collate, options
        self._rank, self._world = rank, world

    def __getitem__(self, number: int) -> VLABatch | _Refused:
        indices = batch_indices(number, self._rank, self._world, self._options)
        try:
            return self._collate([self._samples.example(index) for index in indices])
        except FineVLAError as error:
            return _Refused(f"samples {indices[0]} to {indices[-1]}: {error}")


def batch_indices(number: int, rank: int, world: int, options: TrainingOptions) -> list[int]:
    """Return the numbers of the samples in a rank's batch `number`, counted over steps and accumulation."""
    step, accumulated = divmod(number, options.accumulate)
    return [sample_index(step, accumulated, rank, place, options, world) for place in range(options.batch)]


def batches(
    samples: TrainingSamples,
    collate: Callable[[Sequence[VLAExample]], VLABatch],
    options: TrainingOptions,
    first_step: int,
    rank: int,
    world: int,
) -> Iterator[VLABatch]:
    """Give the batches of a rank from a step on; raises `FineVLAError` for a sample that cannot be used.

    Workers are forked, so that pictures that are in memory are not copied; a worker touches no device.
    """
    numbers = range(first_step * options.accumulate, options.steps * options.accumulate)
    loader = DataLoader(
        _Batches(samples, collate, options, rank, world),
        batch_size=None,
        sampler=numbers,
        num_workers=options.workers,
        prefetch_factor=AHEAD if options.workers else None,
        multiprocessing_context="fork" if options.workers else None,
        generator=torch.Generator(),  # else the order of the policy's own random numbers would depend on the loader
    )
    for batch in loader:
        if isinstance(batch, _Refused):
            raise FineVLAError(batch.sentence)
        yield batch
