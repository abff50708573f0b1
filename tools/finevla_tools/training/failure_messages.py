"""What goes wrong in hours of training, in words: memory, numbers that are none, workers that die, disks that are full."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from finevla_core.errors import FineVLAError, is_disk_full, unwritable
from finevla_core.recording.atomic_files import write_text
from finevla_core.text_files import json_line
from finevla_tools.training.config_types import TrainingOptions

NOT_FINITE = "not_finite.json"
CPU_MEMORY = "can't allocate memory"  # of torch's allocator, a RuntimeError


@dataclass
class Position:
    """Where a run is, for whoever has to say so: steps done, and the newest checkpoint."""

    run: Path
    step: int = 0
    checkpoint: Path | None = None

    @property
    def kept(self) -> str:
        """What is left of the run, as the end of a sentence."""
        if self.checkpoint is None:
            return "there is no checkpoint yet"
        return f"'{self.checkpoint}' is whole, --resume goes on from there"


@contextmanager
def built_in_words() -> Iterator[None]:
    """Turn a lack of memory while weights are made or loaded into a `FineVLAError` that says what to change."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if (
            isinstance(error, RuntimeError)
            and not isinstance(error, torch.OutOfMemoryError)
            and CPU_MEMORY not in str(error)
        ):
            raise
        raise FineVLAError(
            "out of memory before the first step: the policy's weights alone do not fit; take a smaller backbone or smaller "
            "policy.options, 'finevla train CONFIG --memory' counts them"
        ) from error


@contextmanager
def in_words(at: Position, policy: nn.Module, options: TrainingOptions, world: int) -> Iterator[None]:
    """Turn what torch, its loader and the system raise into a `FineVLAError` that says what to change."""
    try:
        yield
    except FineVLAError:
        raise
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise FineVLAError(_no_memory(at, policy, options, world)) from error
    except Exception as error:
        if CPU_MEMORY in str(error):
            raise FineVLAError(_no_memory(at, policy, options, world)) from error
        if "DataLoader worker" in str(error):
            raise FineVLAError(
                f"step {at.step + 1}: a process that reads data was killed, as happens when memory (or /dev/shm) runs out; "
                f"use fewer training.workers (0 reads in the training process itself); {at.kept}"
            ) from error
        if is_disk_full(error):
            raise unwritable(at.run, error) from error
        raise


def _no_memory(at: Position, policy: nn.Module, options: TrainingOptions, world: int) -> str:
    parts = standing_bytes(policy, options, world if options.fsdp else 1)
    said = ", ".join(f"{name} {size / 2**30:.2f} GiB" for name, size in parts.items() if size)
    ways = []
    if options.batch > 1:
        half = max(1, options.batch // 2)
        ways.append(f"batch: {half} with accumulate: {options.accumulate * -(-options.batch // half)}")
    ways += ["checkpointing: true"] * (not options.checkpointing) + ["precision: bf16"] * (options.precision == "fp32")
    ways += ["lora: {rank: 16}"] * (not options.lora.rank) + ["fsdp: true on several GPUs"] * (not options.fsdp)
    return (
        f"step {at.step + 1}: out of memory with batch {options.batch}; {said} stand before any activation; change in "
        f"'training', in this order: {', '.join(ways) or 'a smaller backbone'}; {at.kept}"
    )


def standing_bytes(policy: nn.Module, options: TrainingOptions, shards: int) -> dict[str, int]:
    """Return the bytes per process of weights, gradients, optimiser (AdamW) and average, whatever the batch."""
    whole = sum(one.numel() * one.element_size() for one in policy.parameters()) // shards
    trained = sum(one.numel() * one.element_size() for one in policy.parameters() if one.requires_grad) // shards
    average = trained if options.ema else 0
    return {"weights": whole, "gradients": trained, "optimiser": 2 * trained, "average": average}


def refuse_not_finite(
    at: Position,
    losses: Sequence[Sequence[float]],
    norm: float,
    indices: Sequence[Sequence[Sequence[int]]],
    is_first: bool,
) -> None:
    """Raise `FineVLAError` that names the samples after which a loss is no number; process 0 (`is_first`) writes them down.

    Args:
        at: The run.
        losses: Of each process and each of its batches of the step.
        norm: Of the gradients of all.
        indices: The numbers of the samples of each such batch.
        is_first: Whether this process writes.
    """
    odd = [(rank, k) for rank, row in enumerate(losses) for k, loss in enumerate(row) if not math.isfinite(loss)]
    if not odd and math.isfinite(norm):
        return
    what = "the loss" if odd else "the gradient"
    batches = [indices[rank][k] for rank, k in odd] or [batch for of_rank in indices for batch in of_rank]
    file = at.run / NOT_FINITE
    if is_first:
        said = [[str(loss) for loss in row] for row in losses]  # JSON has no word for what is no number
        facts = {"step": at.step + 1, "samples": batches, "losses": said, "gradient_norm": str(norm)}
        write_text(file, json_line(facts) + "\n")
    first, more = batches[0], f" and of {len(batches) - 1} more batches" if len(batches) > 1 else ""
    raise FineVLAError(
        f"step {at.step + 1}: {what} is not a number after samples {first[0]} to {first[-1]}{more} (all in '{file}'); look at "
        f"these samples, or lower the rates or training.clip; {at.kept}"
    )
