"""How soon a small backbone of random weights sees: the error of what it says of a table, by kinds of words.

    python test/benchmark/learning/scene_questions.py --out data/questions --scenes 10000 [--region 0 0 1 1 --size 128 128]
    python test/benchmark/learning/grounding.py data/questions --steps 400 [--visual-rate 1e-3]

Learns to answer "what is on the table?" ("red brick 72 112, ...") and prints, every 25 steps, the cross entropy of colours,
shapes, numbers and the rest, with the norm of the picture's features and how much they differ between pictures. Told at random,
colours cost ln 6 = 1.79, shapes ln 4 = 1.39.
"""

import argparse
import json
import random
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from finevla_core.language.slots import COLORS
from finevla_models.vla.backbone import Backbone, new_backbone
from finevla_models.vla.batch import IGNORED, VLAExample
from finevla_models.vla.head import ChunkShape, VLAPolicy
from finevla_models.vla.head_registry import build_head
from finevla_models.vla.small_backbone import make_backbone
from finevla_sim.scene import SHAPES

BATCH, WARMUP, SAID_EVERY = 32, 60, 25


def example(folder: Path, row: dict) -> VLAExample:
    picture = np.array(Image.open(folder / row["image"]).convert("RGB"))
    return VLAExample((picture,), row["question"], answer=row["answer"])


def kind_of(word: str) -> str:
    word = word.strip()
    if word.isdigit():
        return "number"
    return "color" if word in COLORS else "shape" if word in SHAPES else "rest"


def features(backbone: Backbone, inputs: dict) -> tuple[float, float]:
    """Mean norm of the features of pictures, and of their spread over the pictures of a batch."""
    with torch.no_grad():
        found = backbone.model.model.get_image_features(inputs["pixel_values"], inputs["image_grid_thw"])
    rows = torch.cat(list(found.pooler_output)).float()
    return float(rows.norm(dim=-1).mean()), float(rows.view(BATCH, -1, rows.shape[-1]).std(0).norm(dim=-1).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("questions", type=Path, help="folder that scene_questions.py made")
    parser.add_argument("--steps", type=int, default=400, help=f"of {BATCH} questions")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--visual-rate", type=float, default=1e-4, help="of the vision tower")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = [json.loads(line) for line in (options.questions / "lists.jsonl").open()]
    texts = [row[name] for row in rows for name in ("question", "answer")]
    random.Random(0).shuffle(rows)
    with tempfile.TemporaryDirectory() as folder:
        make_backbone(Path(folder), texts, "mini")
        backbone = new_backbone(folder)
    policy = VLAPolicy(backbone, build_head("language", {}, ChunkShape(2, 1, 0, 1), backbone)).train()
    visual = [value for name, value in policy.named_parameters() if ".visual." in name]
    others = [value for name, value in policy.named_parameters() if ".visual." not in name]
    groups = [{"params": others, "rate": options.rate}, {"params": visual, "rate": options.visual_rate}]
    optimiser = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.95), weight_decay=0.01)
    errors: dict[str, list[float]] = {}
    since = time.monotonic()
    for step in range(1, options.steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = group["rate"] * min(1.0, step / WARMUP)
        chosen = [rows[(step * BATCH + k) % len(rows)] for k in range(BATCH)]
        batch = policy.batch([example(options.questions, row) for row in chosen])
        labels = batch.labels[:, 1:]
        said = labels != IGNORED
        with torch.autocast("cpu", torch.bfloat16):
            logits = backbone.logits(backbone(batch).last[:, :-1][said]).float()
        each = torch.nn.functional.cross_entropy(logits, labels[said], reduction="none")
        optimiser.zero_grad()
        each.mean().backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        optimiser.step()
        for token, error in zip(labels[said].tolist(), each.tolist(), strict=True):
            errors.setdefault(kind_of(backbone.prompts.tokenizer.decode([token])), []).append(error)
        if step % SAID_EVERY == 0:
            norm, spread = features(backbone, batch.inputs)
            told = ", ".join(f"{kind} {np.mean(some):.2f}" for kind, some in sorted(errors.items()))
            pace = step * BATCH / (time.monotonic() - since)
            print(
                f"{step * BATCH} questions: {told}; features {norm:.1f}, spread {spread:.2f}; {pace:.0f}/s", flush=True
            )
            errors = {}


if __name__ == "__main__":
    main()
