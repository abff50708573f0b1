"""`finevla train`: the tabletop policy from demonstrations, by behaviour cloning; seeded, resumable, CPU or GPU.

Checkpoints hold tensors only and are read with `weights_only`, so a file cannot run code.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from finevla_core.errors import FineVLAError
from finevla_core.text import TextSpec
from finevla_models.grounding import place_loss
from finevla_models.tabletop import Scales, TabletopConfig, TabletopPolicy
from finevla_tools.training_data import Demonstrations, Motions, Pictures

CHECKPOINT = "checkpoint.pt"
PLACE_WEIGHT = 0.3  # a cross entropy beside normalised distances


@dataclass(frozen=True)
class Options:
    """Hyperparameters of a run; stored in the bundle's manifest."""

    demos: tuple[str, ...]
    pictures: str = ""  # folder of still pictures; empty = none
    motions: str = ""  # folder of plans without pictures; empty = none
    steps: int = 7000
    demos_from: int = 3000  # steps on pictures and motions alone before: cheap ones, and demonstrations build on them
    batch: int = 48  # demonstrated frames, each under its own sentence and one that names another object
    pictures_batch: int = 32  # pictures, each under two sentences
    plans_batch: int = 64
    rate: float = 1e-3
    seed: int = 0
    ema: float = 0.998


@dataclass(frozen=True)
class Data:
    """All that a run learns from."""

    demos: Demonstrations
    pictures: Pictures | None
    motions: Motions | None

    @classmethod
    def load(cls, options: Options, spec: TextSpec) -> "Data":
        """Everything the options name, in memory."""
        return cls(
            Demonstrations([Path(d) for d in options.demos], spec, options.seed),
            Pictures(Path(options.pictures), spec) if options.pictures else None,
            Motions(Path(options.motions), spec, options.seed) if options.motions else None,
        )

    def scales(self) -> Scales:
        """Statistics of the demonstrations."""
        demos = self.demos
        steps = demos.chunks - demos.states[:, None]
        where = np.concatenate([demos.where, demos.other_where])
        arrays = (
            demos.states.mean(0),
            demos.states.std(0).clip(0.02),
            steps.std((0, 1)).clip(0.02),
            where.mean(0),
            where.std(0).clip(0.01),
        )
        return Scales(*(torch.from_numpy(array) for array in arrays))


def train(options: Options, out: Path, resume: bool, device: torch.device) -> Path:
    """Train and write checkpoints to `out`; returns the last one's path."""
    torch.manual_seed(options.seed)
    config = TabletopConfig()
    data = Data.load(options, TextSpec(config.buckets, config.max_tokens, config.ngrams_per_token))
    print(f"{len(data.demos.episodes)} episodes, {len(data.demos)} frames; {options.steps} steps", flush=True)
    model = TabletopPolicy(config, data.scales()).to(device)
    out.mkdir(parents=True, exist_ok=True)
    path, first = out / CHECKPOINT, 0
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(options.ema), use_buffers=True
    )
    optimiser = torch.optim.AdamW(model.parameters(), lr=options.rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, options.steps))
    if resume and path.exists():
        first = _load(path, model, average, optimiser, schedule)
        print(f"going on from step {first}", flush=True)
    started, log = time.monotonic(), dict[str, float]()
    for step in range(first, options.steps):
        losses = _losses(model, data, options, step, device)
        optimiser.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        average.update_parameters(model)
        for name, loss in losses.items():
            log[name] = 0.98 * log.get(name, loss.item()) + 0.02 * loss.item()
        if (step + 1) % 100 == 0:
            pace = (time.monotonic() - started) / (step + 1 - first)
            said = ", ".join(f"{name} {value:.4f}" for name, value in log.items())
            print(f"step {step + 1}: {said}; {pace:.2f} s/step", flush=True)
        if (step + 1) % 500 == 0 or step + 1 == options.steps:
            _save(path, step + 1, model, average, optimiser, schedule, options)
    return path


def load_model(path: Path) -> tuple[TabletopPolicy, dict[str, Any]]:
    """The averaged weights of a checkpoint as a model, and its options."""
    if not path.is_file():
        raise FineVLAError(f"no checkpoint at '{path}'; train first with 'finevla train'")
    saved = torch.load(path, map_location="cpu", weights_only=True)
    config = TabletopConfig(**json.loads(saved["config"]))
    values, places = torch.ones(config.dimensions), torch.ones(6)
    model = TabletopPolicy(config, Scales(values, values, values, places, places))
    model.load_state_dict({k.removeprefix("module."): v for k, v in saved["average"].items() if k != "n_averaged"})
    return model.eval(), json.loads(saved["options"])


def _losses(model: TabletopPolicy, data: Data, options: Options, step: int, device: torch.device) -> dict[str, Tensor]:
    """What is wrong, by kind, on this step's batches; the same for the same seed and step."""
    rng = np.random.default_rng([options.seed, step])
    losses: dict[str, Tensor] = {}
    with torch.autocast(device.type, torch.bfloat16):
        if data.pictures is not None:
            losses["place"] = PLACE_WEIGHT * _place(model, data.pictures.batch(options.pictures_batch, rng, device))
        if data.motions is not None:
            losses["motion"] = _motion(model, data.motions.batch(options.plans_batch, rng, device))
        if step >= options.demos_from:
            frames = rng.integers(len(data.demos), size=options.batch)
            losses |= _demonstrated(model, data.demos.batch(frames, rng, device))
    return losses


def _place(model: TabletopPolicy, batch: dict[str, Tensor]) -> Tensor:
    """Pictures: the attention of the query that looks for the target lies on it."""
    images = _augment(batch["images"])[:, 0]
    return place_loss(model.find(images, model.read(batch["ngrams"], batch["mask"])).float(), batch["pixels"])


def _motion(model: TabletopPolicy, batch: dict[str, Tensor]) -> Tensor:
    """Plans: told where, the chunk is the plan's."""
    each = len(batch["state"]) // len(batch["where"])
    queries = model.read(batch["ngrams"], batch["mask"]).repeat_interleave(each, 0)
    steps = model.move(batch["where"].repeat_interleave(each, 0), batch["state"], queries)
    return _chunk_loss(model, steps, batch)


def _demonstrated(model: TabletopPolicy, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Demonstrations: where, for all sentences, and the chunk, for what was shown, from pictures, state and words."""
    queries, state = model.read(batch["ngrams"], batch["mask"]), batch["state"]
    where = model.locate(_augment(batch["images"]), state, queries)
    steps = model.move(where[: len(state)], state, queries[: len(state)])
    wrong = ((where.float() - batch["where"]) / model.where_std).abs().mean()
    return {"chunk": _chunk_loss(model, steps, batch), "where": 2 * wrong}


def _chunk_loss(model: TabletopPolicy, steps: Tensor, batch: dict[str, Tensor]) -> Tensor:
    wanted = (batch["chunk"] - batch["state"].unsqueeze(1)) / model.step_std
    return (steps.float() / model.step_std - wanted).abs().mean()


def _augment(images: Tensor) -> Tensor:
    """(B, C, H, W, 3) uint8 -> (B, C, 3, H, W) about -1...1, under other light and colour and with a little noise."""
    batch, cameras, height, width, _ = images.shape
    each = (batch, cameras, 1, 1, 1)
    gain = (1 + 0.15 * torch.randn(each)) * (1 + 0.05 * torch.randn((batch, cameras, 1, 1, 3)))
    offset = 0.08 * torch.randn(each) - gain
    noise = 0.03 * torch.randn(
        (1, 1, height, width, 3)
    )  # one pattern per batch: noise for every pixel costs more than it gives
    device = images.device
    lit = images.float().mul_((gain / 127.5).to(device)).add_(offset.to(device)).add_(noise.to(device))
    return lit.permute(0, 1, 4, 2, 3).contiguous()


def _rate(step: int, steps: int) -> float:
    warm = 200
    return min(1.0, (step + 1) / warm) * 0.5 * (1 + float(np.cos(np.pi * min(1.0, step / steps))))


def _save(path: Path, step: int, model: Any, average: Any, optimiser: Any, schedule: Any, options: Options) -> None:
    state = {
        "step": step,
        "model": model.state_dict(),
        "average": average.state_dict(),
        "optimiser": optimiser.state_dict(),
        "schedule": schedule.state_dict(),
        "config": json.dumps(model.describe()),
        "options": json.dumps(options.__dict__),
    }
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    os.replace(temporary, path)


def _load(path: Path, model: Any, average: Any, optimiser: Any, schedule: Any) -> int:
    saved = torch.load(path, weights_only=True)
    for name, part in (("model", model), ("average", average), ("optimiser", optimiser), ("schedule", schedule)):
        part.load_state_dict(saved[name])
    return int(saved["step"])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `finevla train`."""
    parser.add_argument("demos", nargs="+", help="folders made by 'finevla demos'")
    parser.add_argument("--out", type=Path, default=Path("out/train"), help="folder of the checkpoint")
    parser.add_argument("--pictures", default="", help="folder made by 'finevla pictures': to find what is named")
    parser.add_argument("--motions", default="", help="folder made by 'finevla motions': to move there as told")
    parser.add_argument("--steps", type=int, default=Options.steps)
    parser.add_argument(
        "--demos-from", type=int, default=Options.demos_from, help="steps on pictures and motions alone before"
    )
    parser.add_argument("--seed", type=int, default=Options.seed)
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 = all")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")


def run(arguments: argparse.Namespace) -> int:
    """`finevla train`."""
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    options = Options(
        tuple(arguments.demos),
        arguments.pictures,
        arguments.motions,
        arguments.steps,
        arguments.demos_from,
        seed=arguments.seed,
    )
    path = train(options, arguments.out, arguments.resume, device)
    print(f"checkpoint: {path}")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """`python -m finevla_tools.train`."""
    parser = argparse.ArgumentParser(prog="finevla train", description=__doc__)
    add_arguments(parser)
    return run(parser.parse_args(argv))


if __name__ == "__main__":
    raise SystemExit(main())
