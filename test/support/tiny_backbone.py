"""A random Qwen3.5 of 0.3 million parameters with a tokenizer of its own, as a folder like those of the hub."""

from dataclasses import replace
from pathlib import Path

WORDS = ["reach the red cube with the left arm from above", "pick up the blue ball with the right hand, then stop"]


def make_tiny_backbone(folder: Path, is_linear: bool = True) -> Path:
    """Write config, processor and random weights (seed 0) into a folder, and return it.

    `is_linear`: one of the two layers is linear attention, else both are attention, as in what is trained on a CPU.
    """
    import torch

    from finevla_models.vla.small_backbone import FULL, SIZES, make_backbone

    torch.set_num_threads(1)  # two, beside another process on two cores, wait for each other: thirty times slower
    size = SIZES["tiny"] if is_linear else replace(SIZES["tiny"], layers=(FULL, FULL))
    make_backbone(folder, WORDS * 5, size)
    return folder
