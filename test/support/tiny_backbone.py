"""A random Qwen3.5 of 0.3 million parameters with a tokenizer of its own, as a folder like those of the hub."""

from pathlib import Path

WORDS = ["reach the red cube with the left arm from above", "pick up the blue ball with the right hand, then stop"]


def make_tiny_backbone(folder: Path) -> Path:
    """Write config, processor and random weights (seed 0) into a folder, and return it."""
    import torch

    from finevla_models.vla.small_backbone import make_backbone

    torch.set_num_threads(1)  # two, beside another process on two cores, wait for each other: thirty times slower
    make_backbone(folder, WORDS * 5, "tiny")
    return folder
