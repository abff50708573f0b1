"""Teach the vision tower of a small backbone to see before anything reads it: of each of its tokens, which thing lies there.

    python test/benchmark/learning/vision_pretraining.py data/questions --backbone models/mini --out models/mini_seeing

The places of things are those of `lists.jsonl` (`scene_questions.py`). A linear layer, thrown away afterwards, tells of every
token of a picture whether a thing's middle lies in it, its colour and shape, and where in the picture that is; of one without
a thing the middle of the picture, so that who looks at many tokens a little reads the places of things alone. Printed is the
share of things whose colour and shape are told right in pictures that were not learned from, and how far off their middles are.

At the end every token's place is made louder: its column and row, which a linear map gives from what the tower says (R2 is
printed), are added to it along two directions, `--places` for each. Before it they are 2 % of what the language model reads
after its first norm, and it does not learn to read them.
"""

import argparse
import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from finevla_core.language.slots import COLORS
from finevla_models.vla.backbone import Backbone, load_backbone
from finevla_models.vla.policy_files import load_vla
from finevla_sim.scene import SHAPES

THING = re.compile(r"(\w+) (\w+) (\d+) (\d+)")
COLOR_NAMES, SHAPE_NAMES = tuple(COLORS), tuple(SHAPES)
OUTPUTS = (
    1 + len(COLOR_NAMES) + len(SHAPE_NAMES) + 2
)  # is one there, its colour, its shape, right and down of the middle
BATCH, KEPT_OUT = 64, 500
READOUT_STEPS = 60  # of the linear layer alone, whose first errors would spoil a tower that sees already


class Pictures:
    """Pictures as the tower takes them, and what lies in each of their tokens `(tokens, 5)`: there, colour, shape, x, y."""

    def __init__(self, folder: Path, processor: Any, size: int) -> None:
        answers = {row["image"]: row["answer"] for row in map(json.loads, (folder / "lists.jsonl").open())}
        self.patches, self.labels, self.grid = [], [], None
        for name, answer in sorted(answers.items()):
            picture = np.array(Image.open(folder / name).convert("RGB"))
            made = processor(images=[picture], return_tensors="pt")
            self.grid = made["image_grid_thw"]
            self.patches.append(made["pixel_values"].to(torch.float16))
            self.labels.append(self._labels(answer, picture.shape[0] // size, picture.shape[1] // size, size))

    @staticmethod
    def _labels(answer: str, rows: int, columns: int, size: int) -> Tensor:
        made = torch.zeros(rows, columns, 5)
        for color, shape, x, y in THING.findall(answer):
            x, y = int(x), int(y)
            if not (0 < x < columns * size - 1 and 0 < y < rows * size - 1):
                continue  # moved to the edge: it lies outside
            made[y // size, x // size] = torch.tensor(
                [1, COLOR_NAMES.index(color), SHAPE_NAMES.index(shape), x / size - columns / 2, y / size - rows / 2]
            )
        return made.view(rows * columns, 5)

    def batch(self, chosen: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        patches = torch.cat([self.patches[k] for k in chosen]).float()
        return patches, self.grid.repeat(len(chosen), 1), torch.stack([self.labels[k] for k in chosen])


def parts(told: Tensor) -> list[Tensor]:
    return list(torch.split(told, [1, len(COLOR_NAMES), len(SHAPE_NAMES), 2], dim=-1))


def loss(told: Tensor, labels: Tensor) -> Tensor:
    there, color, shape, place = parts(told)
    is_there = labels[..., 0] > 0
    wanted = labels[is_there]
    return (
        functional.binary_cross_entropy_with_logits(there[..., 0], labels[..., 0], pos_weight=torch.tensor(4.0))
        + functional.cross_entropy(color[is_there], wanted[:, 1].long())
        + functional.cross_entropy(shape[is_there], wanted[:, 2].long())
        + (place - labels[..., 3:]).abs().mean()
        + (place[is_there] - wanted[:, 3:]).abs().mean()
    )


def make_places_louder(backbone: Backbone, pictures: Pictures, factor: float) -> list[float]:
    """Add column and row of each token to what the tower says of it, in its last linear layer; return R2 of both before."""
    patches, grid, labels = pictures.batch(np.arange(256))
    with torch.no_grad():
        seen = torch.cat(list(backbone.model.model.get_image_features(patches, grid).pooler_output)).double()
    count, tokens = labels.shape[:2]
    columns = int(grid[0, 2]) // backbone.model.config.vision_config.spatial_merge_size
    places = torch.stack([torch.arange(tokens) % columns, torch.arange(tokens) // columns], 1).repeat(count, 1).double()
    middle, wanted = seen.mean(0), places - places.mean(0)
    around = seen - middle
    reading = torch.linalg.solve(around.T @ around + 1e-2 * torch.eye(seen.shape[1]), around.T @ wanted)
    directions, _ = torch.linalg.qr(reading)
    added = factor * directions @ reading.T
    last = backbone.model.model.visual.merger.linear_fc2
    with torch.no_grad():
        weight, bias = last.weight.double(), last.bias.double()
        last.weight.copy_(weight + added @ weight)
        last.bias.copy_(bias + added @ (bias - middle))
    return (1 - ((around @ reading - wanted) ** 2).sum(0) / (wanted**2).sum(0)).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("questions", type=Path, help="folder that scene_questions.py made")
    parser.add_argument(
        "--backbone", type=Path, required=True, help="folder that finevla backbone made, or a checkpoint of a run"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the backbone to make")
    parser.add_argument("--steps", type=int, default=2000, help=f"of {BATCH} pictures")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--places", type=float, default=4.0, help="how much louder places are made; 0 = as they are")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    is_run = (options.backbone / "vla.json").is_file()
    backbone = load_vla(options.backbone).backbone if is_run else load_backbone(str(options.backbone))
    tower, width = backbone.model.model.visual, backbone.model.config.vision_config.out_hidden_size
    vision = backbone.model.config.vision_config
    pictures = Pictures(
        options.questions, backbone.prompts.processor.image_processor, vision.patch_size * vision.spatial_merge_size
    )
    readout = torch.nn.Linear(width, OUTPUTS)
    optimiser = torch.optim.AdamW([*tower.parameters(), *readout.parameters()], lr=options.rate, weight_decay=0.01)
    rng, count, since = np.random.default_rng(0), len(pictures.patches) - KEPT_OUT, time.monotonic()

    def told(chosen: np.ndarray) -> tuple[Tensor, Tensor]:
        patches, grid, labels = pictures.batch(chosen)
        with torch.autocast("cpu", torch.bfloat16):
            seen = backbone.model.model.get_image_features(patches, grid).pooler_output
            features = torch.cat(list(seen)).view(len(chosen), -1, width)
        return readout(features.float()), labels

    for step in range(1, options.steps + 1):
        share = min(1.0, step / 100) * (0.05 + 0.95 * 0.5 * (1 + np.cos(np.pi * step / options.steps)))
        tower.requires_grad_(step > READOUT_STEPS)
        optimiser.param_groups[0]["lr"] = options.rate * share
        value = loss(*told(rng.integers(0, count, BATCH)))
        optimiser.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_([*tower.parameters(), *readout.parameters()], 1.0)
        optimiser.step()
        if step % 100 == 0:
            with torch.no_grad():
                answers = [told(np.arange(k, k + BATCH)) for k in range(count, count + KEPT_OUT - BATCH + 1, BATCH)]
            _, color, shape, place = parts(torch.cat([one for one, _ in answers]))
            labels = torch.cat([one for _, one in answers])
            is_there = labels[..., 0] > 0
            wanted = labels[is_there]
            right = [(part[is_there].argmax(-1) == wanted[:, k]).float().mean() for k, part in ((1, color), (2, shape))]
            off = (place[is_there] - wanted[:, 3:]).abs().mean()
            pace = step * BATCH / (time.monotonic() - since)
            print(
                f"{step * BATCH} pictures: loss {value:.2f}; colours {right[0]:.1%}, shapes {right[1]:.1%} right, middles off "
                f"by {off:.3f} of a token; {pace:.0f}/s",
                flush=True,
            )
    if options.places:
        told_before = make_places_louder(backbone, pictures, options.places)
        print("places made louder; R2 of columns and rows before: " + ", ".join(f"{r2:.3f}" for r2 in told_before))
    shutil.copytree(options.backbone / "backbone" if is_run else options.backbone, options.out)
    backbone.model.save_pretrained(options.out)


if __name__ == "__main__":
    main()
