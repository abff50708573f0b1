"""`finevla train`: the tabletop policy from demonstrations, by behaviour cloning; seeded, resumable, CPU or GPU.

Checkpoints hold tensors only and are read with `weights_only`, so a file cannot run code.
"""

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from finevla_core.errors import FineVLAError
from finevla_core.instruction import Factors, Instruction
from finevla_core.text import TextSpec, encode
from finevla_models.grounding import place_loss
from finevla_models.tabletop import TabletopConfig, TabletopPolicy
from finevla_sim.demos import load_shards
from finevla_sim.pictures import load_pictures

CHECKPOINT = "checkpoint.pt"
WHERE_SCALE_M = 0.1  # position errors count in decimetres beside normalised joint errors


@dataclass(frozen=True)
class Options:
    """Hyperparameters of a run; stored in the bundle's manifest."""

    demos: tuple[str, ...]
    steps: int = 8000
    batch: int = 64
    rate: float = 1e-3
    seed: int = 0
    blind: float = 0.15  # share of samples that must do without the joint state
    ema: float = 0.998
    where_weight: float = 1.0
    start: str = ""  # checkpoint whose averaged weights to start from; empty = from nothing
    pictures: str = ""  # folder of still pictures; empty = none
    ground_steps: int = 1500  # steps on pictures alone, before the demonstrations
    ground_batch: int = 64


class Demonstrations:
    """All frames in memory: images uint8, states, chunks, and the phrasings of each frame's episode as n-gram ids."""

    def __init__(self, folders: Sequence[Path], spec: TextSpec, seed: int) -> None:
        shards = [shard for folder in folders for shard in load_shards(folder)]
        self.spec = spec
        self.episodes: list[dict[str, Any]] = [e for shard in shards for e in shard["episodes"]]
        offsets = np.cumsum([0, *(len(shard["episodes"]) for shard in shards)])
        self.episode = np.concatenate([s["episode"] + o for s, o in zip(shards, offsets, strict=False)])
        self.states = np.concatenate([shard["states"] for shard in shards])
        self.chunks = np.concatenate([shard["chunks"] for shard in shards])
        self.images = np.empty((len(self.states), *shards[0]["images"].shape[1:]), np.uint8)
        at = 0
        for shard in shards:
            images = shard.pop("images")
            self.images[at : at + len(images)] = images
            at += len(images)
        self.where = np.array([_where(episode) for episode in self.episodes], np.float32)
        self.ngrams, self.mask = self._texts(np.random.default_rng(seed))

    def __len__(self) -> int:
        return len(self.states)

    def _texts(self, rng: np.random.Generator) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
        rows = [[encode(text, self.spec) for text in _prompts(episode, rng)] for episode in self.episodes]
        ngrams = np.array([[n for n, _ in row] for row in rows], np.int16)
        return ngrams, np.array([[m for _, m in row] for row in rows], np.float32)

    def batch(self, frames: NDArray[np.int64], rng: np.random.Generator, device: torch.device) -> dict[str, Tensor]:
        """Tensors of the given frames, each with one of its episode's phrasings."""
        episodes = self.episode[frames]
        phrasing = rng.integers(self.ngrams.shape[1], size=len(frames))
        longest = int(self.mask[episodes, phrasing].sum(1).max())
        arrays = {
            "images": self.images[frames],
            "state": self.states[frames],
            "chunk": self.chunks[frames],
            "where": self.where[episodes],
            "ngrams": self.ngrams[episodes, phrasing, :longest].astype(np.int64),
            "mask": self.mask[episodes, phrasing, :longest],
        }
        return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}


class Pictures:
    """Front pictures in memory; every object in one can be the one that a sentence names."""

    def __init__(self, folder: Path, spec: TextSpec) -> None:
        shards = list(load_pictures(folder))
        self.images = np.concatenate([shard["images"] for shard in shards])
        scenes = [scene for shard in shards for scene in shard["scenes"]]
        self.first = np.cumsum([0, *(len(scene) for scene in scenes)])
        places = [place for scene in scenes for place in scene]
        self.pixels = np.array([place["pixel"] for place in places], np.float32)
        rows = [[encode(text, spec) for text in place["texts"]] for place in places]
        self.ngrams = np.array([[n for n, _ in row] for row in rows], np.int16)
        self.mask = np.array([[m for _, m in row] for row in rows], np.float32)

    def batch(self, size: int, rng: np.random.Generator, device: torch.device) -> dict[str, Tensor]:
        """Random pictures, in each a random object under a random name."""
        scene = rng.integers(len(self.images), size=size)
        place = rng.integers(self.first[scene], self.first[scene + 1])
        text = rng.integers(self.ngrams.shape[1], size=size)
        longest = int(self.mask[place, text].sum(1).max())
        arrays = {
            "images": self.images[scene][:, None],
            "pixels": self.pixels[place],
            "ngrams": self.ngrams[place, text, :longest].astype(np.int64),
            "mask": self.mask[place, text, :longest],
        }
        return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}


def train(options: Options, out: Path, resume: bool, device: torch.device) -> Path:
    """Train and write checkpoints to `out`; returns the last one's path."""
    torch.manual_seed(options.seed)
    config = TabletopConfig()
    spec = TextSpec(config.buckets, config.max_tokens, config.ngrams_per_token)
    data = Demonstrations([Path(d) for d in options.demos], spec, options.seed)
    print(f"{len(data.episodes)} episodes, {len(data)} frames; {options.steps} steps of {options.batch}", flush=True)
    model = TabletopPolicy(config, *_statistics(data)).to(device)
    if options.start:
        _start_from(model, Path(options.start), everything=not options.pictures)
    pictures = Pictures(Path(options.pictures), spec) if options.pictures else None
    out.mkdir(parents=True, exist_ok=True)
    path, first = out / CHECKPOINT, 0
    if pictures is not None and not (resume and path.exists()):
        _ground(model, pictures, options, device)
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(options.ema), use_buffers=True
    )
    optimiser = torch.optim.AdamW(model.parameters(), lr=options.rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, options.steps))
    if resume and path.exists():
        first = _load(path, model, average, optimiser, schedule)
        print(f"going on from step {first}", flush=True)
    started, log = time.monotonic(), dict.fromkeys(("loss", "chunk", "where", "place"), 0.0)
    for step, frames in enumerate(_draw(len(data), options, first), first):
        rng = np.random.default_rng([options.seed, step])
        losses = _losses(model, data.batch(frames, rng, device), options)
        losses["place"] = torch.zeros(())
        if pictures is not None:
            losses["place"] = _place(model, pictures.batch(options.ground_batch // 2, rng, device))
            losses["loss"] = losses["loss"] + 0.2 * losses["place"]
        optimiser.zero_grad(set_to_none=True)
        losses["loss"].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        average.update_parameters(model)
        log = {k: 0.98 * v + 0.02 * losses[k].item() if step > first else losses[k].item() for k, v in log.items()}
        if (step + 1) % 100 == 0:
            pace = (time.monotonic() - started) / (step + 1 - first)
            left_min = pace * (options.steps - step - 1) / 60
            print(
                f"step {step + 1}: " + ", ".join(f"{k} {v:.4f}" for k, v in log.items()) + f"; {left_min:.0f} min left",
                flush=True,
            )
        if (step + 1) % 500 == 0 or step + 1 == options.steps:
            _save(path, step + 1, model, average, optimiser, schedule, options)
    return path


def load_model(path: Path) -> tuple[TabletopPolicy, dict[str, Any]]:
    """The averaged weights of a checkpoint as a model, and its options."""
    if not path.is_file():
        raise FineVLAError(f"no checkpoint at '{path}'; train first with 'finevla train'")
    saved = torch.load(path, map_location="cpu", weights_only=True)
    config = TabletopConfig(**json.loads(saved["config"]))
    empty = torch.zeros(config.dimensions)
    model = TabletopPolicy(config, empty, empty + 1, empty + 1)
    model.load_state_dict({k.removeprefix("module."): v for k, v in saved["average"].items() if k != "n_averaged"})
    return model.eval(), json.loads(saved["options"])


def _start_from(model: TabletopPolicy, path: Path, everything: bool) -> None:
    """Take over a checkpoint's weights; what pictures will teach starts afresh, old habits there are hard to unlearn."""
    taught = ("text.", "queries.", "front.")
    weights = load_model(path)[0].state_dict()
    model.load_state_dict({k: v for k, v in weights.items() if everything or not k.startswith(taught)}, strict=False)


def _ground(model: TabletopPolicy, pictures: Pictures, options: Options, device: torch.device) -> None:
    """Learn to find what a sentence names, in pictures alone: cheap, and the demonstrations build on it."""
    parts = [*model.text.parameters(), *model.queries.parameters(), *model.front.parameters()]
    optimiser = torch.optim.AdamW(parts, lr=options.rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, options.ground_steps))
    started, mean = time.monotonic(), 0.0
    for step in range(options.ground_steps):
        rng = np.random.default_rng([options.seed, step, 2])
        loss = _place(model, pictures.batch(options.ground_batch, rng, device))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parts, 1.0)
        optimiser.step()
        schedule.step()
        mean = 0.97 * mean + 0.03 * loss.item() if step else loss.item()
        if (step + 1) % 100 == 0:
            left_min = (time.monotonic() - started) / (step + 1) * (options.ground_steps - step - 1) / 60
            print(f"pictures, step {step + 1}: place {mean:.3f}; {left_min:.0f} min left", flush=True)


def _place(model: TabletopPolicy, batch: dict[str, Tensor]) -> Tensor:
    images = _augment(batch["images"])[:, 0]
    with torch.autocast(images.device.type, torch.bfloat16):
        logits = model.find(images, batch["ngrams"], batch["mask"])
    return place_loss(logits.float(), batch["pixels"])


def _losses(model: TabletopPolicy, batch: dict[str, Tensor], options: Options) -> dict[str, Tensor]:
    images = _augment(batch["images"])
    state = batch["state"]
    blind = (torch.rand(len(state), device=state.device) < options.blind).float()
    with torch.autocast(state.device.type, torch.bfloat16):
        out = model(images, state, batch["ngrams"], batch["mask"], blind)
    wanted = (batch["chunk"] - state.unsqueeze(1)) / model.step_std
    chunk = (out.steps.float() / model.step_std - wanted).abs().mean()
    known = ~torch.isnan(batch["where"])
    where = ((out.where.float() - batch["where"].nan_to_num()).abs() * known).sum() / known.sum() / WHERE_SCALE_M
    return {"loss": chunk + options.where_weight * where, "chunk": chunk, "where": where}


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


def _statistics(data: Demonstrations) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and deviation of the state, deviation of the steps (chunk minus state), each `(D,)`."""
    steps = data.chunks - data.states[:, None]
    return (
        torch.from_numpy(data.states.mean(0)),
        torch.from_numpy(data.states.std(0).clip(0.02)),
        torch.from_numpy(steps.std((0, 1)).clip(0.02)),
    )


def _where(episode: dict[str, Any]) -> list[float]:
    return [*episode["target_position"], *(episode["bowl_position"] or [float("nan")] * 3)]


def _prompts(episode: dict[str, Any], rng: np.random.Generator) -> list[str]:
    """The episode's phrasings; a third of them with some factors said as data too, as the policy node would word them."""
    goal = episode["goal"]
    color, shape = goal["target"].split("_")
    prompts = []
    for _, text in episode["texts"]:
        if rng.random() < 0.33:
            said = rng.random(3) < 0.6
            factors = Factors(
                active_actor=f"{goal['arm']}_arm" if said[0] else None,
                target_color=color if said[1] else None,
                target_shape_or_size=shape if said[1] else None,
                approach_direction=goal["approach"] if said[2] else None,
            )
            text = Instruction(raw=text, factors=factors).prompt()
        prompts.append(text)
    return prompts


def _draw(count: int, options: Options, first: int) -> Iterator[NDArray[np.int64]]:
    """Frame numbers of every batch from step `first` on; the same for the same seed."""
    per_epoch = count // options.batch
    for step in range(first, options.steps):
        epoch, at = divmod(step, per_epoch)
        if at == 0 or step == first:
            order = np.random.default_rng([options.seed, epoch, 1]).permutation(count)
        yield order[at * options.batch : (at + 1) * options.batch]


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
    parser.add_argument("--start", default="", help="checkpoint to start from, e.g. of fewer demonstrations")
    parser.add_argument("--pictures", default="", help="folder made by 'finevla pictures': learn names of things first")
    parser.add_argument("--ground-steps", type=int, default=Options.ground_steps, help="steps on the pictures alone")
    parser.add_argument("--steps", type=int, default=Options.steps)
    parser.add_argument("--batch", type=int, default=Options.batch)
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
        arguments.steps,
        arguments.batch,
        seed=arguments.seed,
        start=arguments.start,
        pictures=arguments.pictures,
        ground_steps=arguments.ground_steps,
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
