"""What the trainer asks of data: samples by their global number, and a fixed few that are never learned from."""

from collections.abc import Callable
from typing import Any, Protocol

from finevla_models.vla.batch import VLAExample
from finevla_tools.training.config import ANSWERS, VLARunConfig
from finevla_tools.training.config_types import TrainingOptions


class TrainingSamples(Protocol):
    """Samples 0, 1, 2, ... without end, each a pure function of the seed and its number (`training.vla_samples.VLASamples`).

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


def open_samples(
    config: VLARunConfig, world: int = 1, jobs: int = 1, say: Callable[[str], object] | None = None
) -> TrainingSamples:
    """Open what a configuration names.

    Args:
        config: The run's configuration.
        world: Processes that train together. The batches that they take at a time are all actions or all questions: a
            process that alone has questions would leave parts without gradients for which the others wait.
        jobs: Processes that read and decode.
        say: Takes what was decided of the data, sentences for the person.

    Raises:
        FineVLAError: The data do not fit the policy.
    """
    policy, data, training = config.policy, config.data, config.training
    if policy.head == ANSWERS:
        from finevla_tools.training.question_samples import QuestionSamples

        return QuestionSamples([one.path for one in data.sets], policy, data.validation, training.seed)
    from finevla_tools.training.vla_samples import VLASamples

    return VLASamples(policy, data, training.seed, world * training.batch, jobs, say or (lambda _: None))
