"""Promises of the plug-in: LeRobot's own trainer finds it, trains it, and its checkpoint acts by itself."""

import json
import subprocess
import sys
from pathlib import Path

import lerobot_sets
import numpy as np
import pytest
import torch
from tiny_backbone import make_tiny_backbone

from finevla_tools.cli import main

TRAIN_S = 300.0


@pytest.mark.slow
def test_lerobot_train_makes_a_checkpoint_that_acts(tmp_path: Path) -> None:
    from lerobot_policy_finevla.modeling_finevla import FineVLAPolicy  # LeRobot, which every collection would wait for

    raw = lerobot_sets.write(tmp_path / "raw", [lerobot_sets.take(k, 40, cameras=("front",)) for k in range(2)])
    assert main(["convert", str(raw), "--out", str(tmp_path / "set")]) == 0
    backbone = make_tiny_backbone(tmp_path / "backbone")
    out = tmp_path / "run"
    command = [
        sys.executable, "-m", "lerobot.scripts.lerobot_train", "--policy.type=finevla", f"--policy.backbone={backbone}",
        "--policy.head=oft", '--policy.head_options={"hidden": 32}', "--policy.chunk_size=4",
        "--policy.n_action_steps=4", "--policy.image_height=32", "--policy.image_width=32", "--policy.device=cpu",
        "--policy.push_to_hub=false", "--dataset.repo_id=finevla/set", f"--dataset.root={tmp_path / 'set'}",
        "--dataset.video_backend=pyav", "--batch_size=2", "--steps=2", "--save_freq=2", "--num_workers=0",
        f"--output_dir={out}", "--wandb.enable=false",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=TRAIN_S)
    assert done.returncode == 0, done.stderr[-3000:]
    folder = next(out.glob("checkpoints/*2/pretrained_model"))
    assert json.loads((folder / "config.json").read_text())["type"] == "finevla"
    (tmp_path / "backbone").rename(tmp_path / "elsewhere")  # a checkpoint needs nothing beside it
    policy = FineVLAPolicy.from_pretrained(folder)
    seen = {
        "observation.images.front": torch.rand(1, 3, 96, 128),
        "observation.state": torch.zeros(1, 14),
        "task": ["put the cube away"],
    }
    actions = [policy.select_action(seen) for _ in range(5)]
    assert all(action.shape == (1, 14) for action in actions)
    assert torch.equal(actions[0], actions[4])  # the fifth begins the same chunk again


def test_what_it_cannot_be_made_of_is_said() -> None:
    from lerobot_policy_finevla.configuration_finevla import FineVLAConfig

    with pytest.raises(ValueError, match="give --policy.backbone"):
        FineVLAConfig(device="cpu").validate_features()


def test_a_row_behind_the_episodes_end_counts_nothing() -> None:
    from lerobot_policy_finevla.modeling_finevla import _mask

    mask = _mask(torch.tensor([False, True]), 3)
    assert np.array_equal(mask, [[True] * 3, [False] * 3])
