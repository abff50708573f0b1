"""The training behind `finevla train`: the tabletop policy's finder and mover, each from what is cheap for it."""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from finevla_core.errors import FineVLAError
from finevla_core.plural_phrases import counted
from finevla_core.recording.atomic_files import write_by
from finevla_core.urdf import expand
from finevla_models.kinematics import arm_chains, camera_mounts
from finevla_models.slot_columns import SLOTS
from finevla_models.slot_tensors import one_hot, probabilities
from finevla_models.tabletop import TabletopConfig, TabletopPolicy
from finevla_models.tabletop_finder import KINDS, place_loss
from finevla_models.tabletop_mover import Flow
from finevla_sim.mujoco_model import CAMERA_FOVY_DEG
from finevla_sim.robot_files import default_robot
from finevla_sim.synthetic_motions import load_motions
from finevla_tools.tabletop_training_data import MotionShards
from finevla_tools.train_command import TrainOptions
from finevla_tools.work.parallel_map import over

SAVE_EVERY, SAY_EVERY = 500, 100
ATTENTION_WEIGHT, PRESENCE_WEIGHT, KIND_WEIGHT = 0.3, 0.6, 0.3
SURE = 1e-3  # nothing is taken for more certain than this, that it is there or not: an arm may hide it
ECHOES = 4  # times that a finder in training hears its own answer to a picture: what is a little off must not run away
HANDED_ON = 2  # and to the picture before
BLURRED = 0.3  # of the pictures of each camera
NOISE_SCALE = 0.5  # of the flow's fixed noise: nearer to the middle than a random draw

Losses = Callable[[int], dict[str, Tensor]]


def new_model(head: str) -> TabletopPolicy:
    """An untrained policy for the default robot."""
    robot = default_robot()
    urdf = expand(robot.urdf_path)
    chains, mounts = arm_chains(robot.embodiment, urdf), camera_mounts(robot.embodiment, urdf, CAMERA_FOVY_DEG)
    return TabletopPolicy(TabletopConfig(head=head), chains, mounts)


def train(options: TrainOptions, out: Path, parts: Sequence[str], resume: bool, threads: int) -> None:
    """Train the parts at the same time, each with its share of the threads, and write `out/PART.pt` of each."""
    out.mkdir(parents=True, exist_ok=True)
    each = max(1, (threads or os.cpu_count() or 1) // len(parts))
    if len(parts) == 1 or torch.cuda.is_available():
        for part in parts:
            _train_part((part, options, out, resume, each))
        return
    for _ in over(_train_part, [(part, options, out, resume, each) for part in parts], len(parts), in_order=False):
        pass


def _train_part(job: tuple[str, TrainOptions, Path, bool, int]) -> None:
    part, options, out, resume, threads = job
    torch.set_num_threads(threads)
    torch.manual_seed(options.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = new_model(options.head)
    drills = MotionShards([Path(d) for d in options.drills], options.mixture, with_pictures=part == "finder")
    _set_scales(model, drills, options)
    model.to(device)
    losses = {"finder": _finding, "mover": _moving}[part](model, drills, options, device)
    _fit(part, _modules(model, part), losses, options, out / f"{part}.pt", resume)


def _modules(model: TabletopPolicy, part: str) -> nn.ModuleDict:
    """What a part's training changes, and the scales that it was made with."""
    parts = {
        "finder": ("seeing", "finder"),
        "mover": ("moving", "chooser", "mover"),
    }[part]
    return nn.ModuleDict({name: getattr(model, name) for name in parts})


def _set_scales(model: TabletopPolicy, drills: MotionShards, options: TrainOptions) -> None:
    """Statistics of the first shard's motions; the noise that the flow starts from at run time is the seed's."""
    shard = next(load_motions(Path(options.drills[0]), without=("images",)))
    states, where = torch.from_numpy(shard["states"]), torch.from_numpy(shard["where"])
    for scales in (model.seeing, model.moving):
        scales.fit(states, where)
    batch = drills.moments(20_000, np.random.default_rng(1), torch.device("cpu"))
    steps = model.own_steps(batch["steps"], batch["left"])
    raw = torch.einsum("hk,bhd->bkd", model.mover.inverse, steps)
    model.mover.step_std.copy_(raw.std(0).clamp(min=0.02))
    if isinstance(model.mover.head, Flow):
        generator = torch.Generator().manual_seed(options.seed)
        model.mover.head.noise.copy_(NOISE_SCALE * torch.randn(model.mover.head.noise.shape, generator=generator))


def _finding(model: TabletopPolicy, drills: MotionShards, options: TrainOptions, device: torch.device) -> Losses:
    pictures = drills.pictures
    if pictures is None:
        raise FineVLAError(
            "the finder needs synthetic motions with pictures; make some with 'finevla synthesize --pictures 2'"
        )
    print(f"finder: {counted(len(pictures), 'picture')}", flush=True)

    def losses(step: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([options.seed, step, 2])
        batch = pictures.batch(drills, options.pictures, rng, device)
        slots = one_hot(batch["said"].flatten(0, 1)).unflatten(0, batch["said"].shape[:2])
        views = augment([batch[f"view{camera}"] for camera in range(len(model.finder.eyes))], batch["recoloured"])
        with torch.autocast(device.type, torch.bfloat16):
            features, logits, kinds = model.finder.see(views, slots, model.grips(batch["state"]))
            body, hands = model.body(batch["state"], model.seeing), model.chains(batch["state"])

            def answers(part: slice, memory: Tensor, times: int) -> tuple[list[Tensor], Tensor]:
                """What the finder says of pictures, time and again, hearing `memory` and then itself; its last memory."""
                said, known = [], torch.ones_like(memory[..., -1:])
                for _ in range(times):
                    found, grippers = [some[part] for some in features], (hands[0][part], hands[1][part])
                    said.append(model.finder.place(found, body[part], grippers, slots[part], memory))
                    memory = torch.cat([said[-1].detach(), known], dim=2)
                return said, memory

            every, later = slice(None), slice(len(slots) // 2, None)
            first, heard = answers(every, batch["memory"], ECHOES)
            then, _ = answers(later, heard[: len(slots) // 2], HANDED_ON)
            attention = torch.stack(
                [
                    _attention(maps, batch["pixels"][..., camera, :], batch["present"], eye.top)
                    for camera, (eye, maps) in enumerate(zip(model.finder.eyes, logits, strict=True))
                ]
            )
            present = model.finder.presence(kinds, slots)
        there = batch["present"].repeat_interleave(3, dim=2)  # nothing is to be learned of where a thing is that is not
        wrong = [*(there * (a - batch["where"]) for a in first)]
        wrong += [there[later] * (a - batch["where"][later]) for a in then]
        matters = torch.stack([torch.ones_like(present[..., 0]), onto(batch["said"])], dim=2)
        likely = present.clamp(SURE, 1 - SURE)
        presence = nn.functional.binary_cross_entropy(likely, batch["present"], matters)
        return {
            "where": (torch.cat(wrong) / model.seeing.where_std).abs().mean(),
            "attention": ATTENTION_WEIGHT * attention.mean(),
            "presence": PRESENCE_WEIGHT * presence,
            "kind": KIND_WEIGHT * _looks(model, kinds, batch),
        }

    return losses


def onto(said: Tensor) -> Tensor:
    """1.0 where `said` (..., S) names a thing that the target shall be put on, else 0.0, (...)."""
    return (said[..., list(SLOTS).index("place")] == SLOTS["place"].index("object")).float()


def _looks(model: TabletopPolicy, kinds: list[Tensor], batch: dict[str, Tensor]) -> Tensor:
    """Cross entropy of colour and shape, as far as they are named, of targets that are there and in a camera's picture."""
    slots, losses = list(SLOTS), []
    for camera, (eye, logits) in enumerate(zip(model.finder.eyes, kinds, strict=True)):
        pixels = batch["pixels"][:, :, 0, camera]
        seen = _inside(pixels, eye.top) & (batch["present"][..., 0] > 0)
        parts = logits[:, :, 0].float().split(KINDS, dim=-1)
        for slot, part in zip(("color", "shape"), parts, strict=True):
            said = batch["said"][..., slots.index(slot)]
            named = seen & (said > 0)
            losses.append(nn.functional.cross_entropy(part[named], said[named] - 1) if named.any() else part.sum() * 0)
    return torch.stack(losses).mean()


def _inside(pixels: Tensor, top: float) -> Tensor:
    """Which of `pixels` (..., 2) are in the part of the image below `top`."""
    return (pixels.abs() < 1).all(-1) & (pixels[..., 1] > top)


def _attention(logits: Tensor, pixels: Tensor, present: Tensor, top: float) -> Tensor:
    """`logits` (B, N, Q, h, w) should lie on `pixels` (B, N, Q, 2) of what is `present` (B, N, Q), where those are in the
    part of the image below `top`."""
    inside = _inside(pixels, top) & (present > 0)
    if not inside.any():
        return logits.sum() * 0
    return place_loss(logits[inside], pixels[inside], top)


def _moving(model: TabletopPolicy, drills: MotionShards, options: TrainOptions, device: torch.device) -> Losses:
    print(f"mover: {len(drills.usable)} plans, {len(drills.states)} states", flush=True)

    def losses(step: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([options.seed, step, 3])
        batch = drills.moments(options.moments, rng, device)
        slots = _unsure(one_hot(batch["said"]))
        with torch.autocast(device.type, torch.bfloat16):
            inputs = model.aims(batch["state"], batch["where"], slots, batch["left"])
            habit = model.habit(batch["state"], batch["where"], slots).float()
            return {
                options.head: model.mover.loss(inputs, model.own_steps(batch["steps"], batch["left"])),
                "arm": nn.functional.binary_cross_entropy_with_logits(habit, batch["left"]),
            }

    return losses


def _unsure(slots: Tensor) -> Tensor:
    """What was said, not quite for sure: what moves shall not hang on the last per cent of a slot."""
    noise = probabilities(torch.randn_like(slots) * 3)
    share = 0.08 * torch.rand_like(slots[:, :1]) ** 2
    return (1 - share) * slots + share * noise


def augment(views: Sequence[Tensor], recoloured: Tensor) -> list[Tensor]:
    """Each (B, H, W, 3) uint8 -> (B, 3, H, W) about -1...1, under other light and colour, with a little noise, and some
    of them blurred as a resized camera picture is.

    Those `recoloured` (B,) get colours that no name fits, the same for all cameras.
    """
    turn = hues(int(recoloured.sum()))
    batch = len(recoloured)
    made = []
    for view in views:
        images = view.float()
        images[recoloured] = recolour(images[recoloured], turn)
        gain = (1 + 0.15 * torch.randn(batch, 1, 1, 1)) * (1 + 0.05 * torch.randn(batch, 1, 1, 3))
        offset = 0.08 * torch.randn(batch, 1, 1, 1) - gain
        # One pattern per batch: noise for every pixel costs more than it gives.
        noise = 0.03 * torch.randn((1, *view.shape[1:3], 3))
        device = images.device
        lit = images.mul_((gain / 127.5).to(device)).add_(offset.to(device)).add_(noise.to(device))
        lit = lit.permute(0, 3, 1, 2).contiguous()
        blurred = torch.rand(batch) < BLURRED
        lit[blurred] = nn.functional.avg_pool2d(nn.functional.pad(lit[blurred], (1, 0, 1, 0), "replicate"), 2, 1)
        made.append(lit)
    return made


def recolour(images: Tensor, turn: Tensor) -> Tensor:
    """(B, H, W, 3) of 0...255 with the colours of each picture mixed by `turn` (B, 3, 3)."""
    return torch.matmul(images.flatten(1, 2), turn.to(images.device)).clamp(0, 255).view_as(images)


def hues(count: int) -> Tensor:
    """Mixtures (B, 3, 3) that turn all hues by any angle and make them paler or stronger; grey stays grey."""
    angle, strength = 2 * torch.pi * torch.rand(count, 1, 1), 0.4 + 0.8 * torch.rand(count, 1, 1)
    grey = torch.full((3, 3), 1 / 3)
    turn = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / 3**0.5
    return (grey + strength * (angle.cos() * (torch.eye(3) - grey) + angle.sin() * turn)).mT


def _fit(
    part: str,
    modules: nn.ModuleDict,
    losses: Losses,
    options: TrainOptions,
    path: Path,
    resume: bool,
) -> None:
    average = torch.optim.swa_utils.AveragedModel(
        modules, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(options.ema), use_buffers=True
    )
    optimiser = torch.optim.AdamW(modules.parameters(), lr=options.rate, weight_decay=0.02)
    steps = options.steps(part)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps))
    state = {"model": modules, "average": average, "optimiser": optimiser, "schedule": schedule}
    first = _load(path, state) if resume and path.exists() else 0
    started, log = time.monotonic(), dict[str, float]()
    for step in range(first, steps):
        wrong = losses(step)
        optimiser.zero_grad(set_to_none=True)
        torch.stack(list(wrong.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(modules.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        average.update_parameters(modules)
        for name, loss in wrong.items():
            log[name] = 0.98 * log.get(name, loss.item()) + 0.02 * loss.item()
        if (step + 1) % SAY_EVERY == 0:
            pace = (time.monotonic() - started) / (step + 1 - first)
            said = ", ".join(f"{name} {value:.4f}" for name, value in log.items())
            print(f"{part} {step + 1}/{steps}: {said}; {pace:.3f} s/step", flush=True)
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            _save(path, step + 1, state, options)


def _rate(step: int, steps: int) -> float:
    warm = 200
    return min(1.0, (step + 1) / warm) * 0.5 * (1 + float(np.cos(np.pi * min(1.0, step / steps))))


def _save(path: Path, step: int, state: dict[str, Any], options: TrainOptions) -> None:
    saved = {name: part.state_dict() for name, part in state.items()}
    saved |= {"step": step, "options": json.dumps(asdict(options))}
    write_by(path, lambda temporary: torch.save(saved, temporary))


def _load(path: Path, state: dict[str, Any]) -> int:
    saved = torch.load(path, weights_only=True)
    for name, part in state.items():
        part.load_state_dict(saved[name])
    print(f"{path.stem}: going on from step {saved['step']}", flush=True)
    return int(saved["step"])


def load_model(folder: Path, finder: Path | None = None) -> tuple[TabletopPolicy, dict[str, Any]]:
    """The averaged weights of all parts in a training folder (or the finder of another) as a model, and its options."""
    model, options = None, {}
    for part in ("mover", "finder"):
        path = (finder or folder if part == "finder" else folder) / f"{part}.pt"
        if not path.is_file():
            raise FineVLAError(f"no '{path}'; train first with 'finevla train'")
        saved = torch.load(path, map_location="cpu", weights_only=True)
        if model is None:
            options = json.loads(saved["options"])
            model = new_model(options["head"])
        options[f"{part}_steps"] = json.loads(saved["options"])[f"{part}_steps"]
        average = {k.removeprefix("module."): v for k, v in saved["average"].items() if k != "n_averaged"}
        _modules(model, part).load_state_dict(average)
    assert model is not None
    return model.eval(), options
