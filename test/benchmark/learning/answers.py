"""What an InstructVLA policy answers about scenes that it has never seen: shares of right words, by what they tell.

    python test/benchmark/learning/scene_questions.py --out data/held_questions --first 150000 --scenes 60
    python test/benchmark/learning/answers.py out/train/instruct data/held_questions/instructions.jsonl [--count 200]

Each question is an instruction, each answer what it means in the picture: arm and approach ("any" if it says none), colour and
shape of the target, column and row of its place. `side` is whether the place is left or right of the middle.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from finevla_core.language.slots import COLORS
from finevla_models.vla.batch import VLAExample
from finevla_models.vla.instruct_vla_text import answer_text
from finevla_models.vla.policy_files import load_vla
from finevla_sim.scene import SHAPES
from finevla_tools.training.run_folder import newest_checkpoint

BATCH, MOST_TOKENS = 16, 16
HALF = 4  # of eight columns


def meant(answer: str) -> Mapping[str, str]:
    """Return what an answer tells, wherever it says the place: empty for one of another form."""
    words = answer.split()
    place, rest = [w for w in words if w.isdigit()], [w for w in words if not w.isdigit()]
    if len(place) != 2 or len(rest) != 4:
        return {}
    names = dict(zip(("arm", "approach", "color", "shape"), rest, strict=True))
    if names["color"] not in COLORS or names["shape"] not in SHAPES:
        return {}
    return {**names, "column": place[0], "row": place[1], "side": "left" if int(place[0]) < HALF else "right"}


def example(folder: Path, row: Mapping[str, str], state: int) -> VLAExample:
    picture = np.array(Image.open(folder / row["image"]).convert("RGB"))
    return VLAExample((picture,), row["question"], np.zeros(state, np.float32) if state else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("questions", type=Path)
    parser.add_argument("--count", type=int, default=200)
    options = parser.parse_args()
    torch.set_num_threads(1)
    policy = load_vla(newest_checkpoint(options.run, None))
    rows = [json.loads(line) for line in options.questions.open()]
    rows = rows[:: max(1, len(rows) // options.count)][: options.count]
    right: dict[str, list[bool]] = {}
    unread = 0
    for k in range(0, len(rows), BATCH):
        some = rows[k : k + BATCH]
        batch = policy.batch([example(options.questions.parent, row, policy.head.shape.state) for row in some])
        for row, answer in zip(some, answer_text(policy, batch, MOST_TOKENS), strict=True):
            found = meant(answer)
            unread += not found
            for name, value in meant(row["answer"]).items():
                right.setdefault(name, []).append(found.get(name) == value)
    print(f"{len(rows)} questions, {unread} answers of another form")
    for name, values in right.items():
        print(f"{name}: {100 * np.mean(values):.1f} %")


if __name__ == "__main__":
    main()
