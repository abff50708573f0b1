"""The training loop of a vision-language-action policy; the same numbers whenever it is interrupted and goes on.

Samples, noise and rates of a step are pure functions of the configuration and the step, so that weights, optimiser and
average are all that a checkpoint must hold.
"""

import hashlib
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import torch

from finevla_core.errors import FineVLAError, unwritable
from finevla_models.vla.head import Losses
from finevla_tools.canonical.arm_kinematics import load_robot
from finevla_tools.number_format import number
from finevla_tools.training import checkpoint
from finevla_tools.training.batch_loader import batch_indices, batches
from finevla_tools.training.checkpoint import RunFacts, TrainingState
from finevla_tools.training.command import refuse_unfit, tell
from finevla_tools.training.config import VLARunConfig
from finevla_tools.training.distributed import agreed, end_ranks, gathered, placed, start_ranks
from finevla_tools.training.failure_messages import Position, built_in_words, in_words, refuse_not_finite
from finevla_tools.training.optimiser import (
    WeightAverage,
    make_optimiser,
    rate_share,
    set_rates,
    trained_parameters,
)
from finevla_tools.training.policy_build import build_policy
from finevla_tools.training.run_folder import checkpoint_steps, newest_checkpoint
from finevla_tools.training.run_log import RunLog
from finevla_tools.training.sample_source import TrainingSamples
from finevla_tools.training.validation import (
    COUNT,
    FIRST,
    RobotValues,
    held_out_loss,
    open_loop,
    predicted,
    steerability,
)
from finevla_tools.work.progress import Lines, Progress, clock
from finevla_tools.work.staged_output import locked


def train(config: VLARunConfig, samples: TrainingSamples, run: Path, resume: bool = False) -> Path:
    """Train a policy and return its last checkpoint; every process of a distributed run calls it.

    Args:
        config: What to train, and how.
        samples: What it learns from.
        run: Folder of checkpoints and logs, a new one unless `resume`.
        resume: Go on from the newest checkpoint.

    Raises:
        FineVLAError: The folder, the data or a checkpoint does not fit, or training cannot go on; one sentence says why.
    """
    rank, world, _ = start_ranks()
    try:
        with ExitStack() as stack:
            if rank == 0:
                refuse_unfit(run, resume)
                stack.enter_context(locked(run, run, f"another process trains in '{run}'; wait for it, or end it"))
            agreed("", world)
            return _Run(config, samples, run, rank, world).go()
    finally:
        end_ranks()


@dataclass
class _Window:
    """Numbers since they were last said."""

    losses: list[float] = field(default_factory=list)
    parts: dict[str, list[torch.Tensor]] = field(default_factory=dict)  # on the device, where to look at one is to wait
    waited_s: float = 0.0
    since_s: float = field(default_factory=time.monotonic)

    def means(self) -> dict[str, float]:
        found = {f"train/{name}": float(torch.stack(values).mean()) for name, values in self.parts.items()}
        return {"train/loss": sum(self.losses) / len(self.losses), **found}


class _Run:
    """One process's part of a training run."""

    def __init__(self, config: VLARunConfig, samples: TrainingSamples, run: Path, rank: int, world: int) -> None:
        self.config, self.samples, self.options, self.at = config, samples, config.training, Position(run)
        with built_in_words():
            policy = build_policy(config, samples, tell if rank == 0 else lambda _: None)
        if not trained_parameters(policy):
            raise FineVLAError("nothing of the policy is trained; raise training.rate or training.backbone_rate")
        self.facts = RunFacts(config, samples, world, checkpoint.fingerprint(policy))
        with in_words(self.at, policy, self.options, world):
            self.placement = placed(policy, self.options)
            average = WeightAverage(trained_parameters(policy), self.options.ema)
            self.state = TrainingState(self.placement, make_optimiser(policy, self.options), average)
        self.last: dict[str, float] = {}

    def go(self) -> Path:
        """Train from the newest checkpoint, or from the beginning, to the end."""
        options, placement = self.options, self.placement
        with in_words(self.at, placement.policy, options, placement.world):
            self._resume()
            first, total = self.at.step, options.steps
            with ExitStack() as stack:
                log = stack.enter_context(self._log(first))
                log.event("resumed" if first else "started", **self.facts.provenance(first))
                progress = None
                if placement.rank == 0:
                    lines = Lines(self._text, every=options.log_every, left=clock)
                    progress = stack.enter_context(Progress("training", total - first, "steps", lines))
                try:
                    self._steps(log, progress)
                except KeyboardInterrupt:
                    if placement.rank == 0:
                        print(f"\nstopped after step {self.at.step}; {self.at.kept}", file=sys.stderr)
                    raise
        assert self.at.checkpoint is not None
        return self.at.checkpoint

    def _resume(self) -> None:
        if checkpoint_steps(self.at.run):
            found = newest_checkpoint(self.at.run)
            self.facts.refuse_other(found)
            self.at.step, self.at.checkpoint = checkpoint.load(found, self.state), found

    def _log(self, first: int) -> RunLog:
        try:
            return RunLog(self.at.run, first, self.placement.rank == 0)
        except OSError as error:
            raise unwritable(self.at.run, error) from error

    def _steps(self, log: RunLog, progress: Progress | None) -> None:
        options, placement, state = self.options, self.placement, self.state
        placement.policy.train()
        given = batches(self.samples, placement.policy.batch, options, self.at.step, placement.rank, placement.world)
        window = _Window()
        for step in range(self.at.step, options.steps):
            set_rates(state.optimiser, rate_share(step, options))
            losses = []
            for k in range(options.accumulate):
                began_s = time.monotonic()
                batch = next(given).to(placement.device)
                window.waited_s += time.monotonic() - began_s
                seed = step_seed(options.seed, step, k, placement.rank)
                torch.manual_seed(seed)
                found = placement.loss(batch, torch.Generator().manual_seed(seed))
                placement.backward(found.total / options.accumulate, k == options.accumulate - 1)
                losses.append(found)
            self._refuse_not_finite(step, losses, window)
            state.optimiser.step()
            state.optimiser.zero_grad(set_to_none=True)
            state.average.update(step)
            self.at.step = step + 1
            window = self._said(log, window)
            if progress is not None:
                progress.step()
            if self._is_due(options.validate_every):
                log.numbers(self.at.step, self.validated())
                window.since_s, window.waited_s = time.monotonic(), 0.0
            if self._is_due(options.save_every):
                self.at.checkpoint = checkpoint.save(self.at.run, self.at.step, state, self.facts)
                log.event("saved", step=self.at.step)

    def _is_due(self, every: int) -> bool:
        return self.at.step % every == 0 or self.at.step == self.options.steps

    def _refuse_not_finite(self, step: int, losses: list[Losses], window: _Window) -> None:
        """Clip the gradients, and look at the losses of all processes in one go: a look at each would wait for the device."""
        options, placement = self.options, self.placement
        norm = placement.clip(options.clip)
        mine = torch.stack([one.total.detach().float() for one in losses] + [norm.detach().float()])
        *rows, norms = gathered(mine, placement.world).T.tolist()
        by_rank = [list(row) for row in zip(*rows, strict=True)]
        indices = [
            [
                batch_indices(step * options.accumulate + k, rank, placement.world, options)
                for k in range(options.accumulate)
            ]
            for rank in range(placement.world)
        ]
        refuse_not_finite(self.at, by_rank, norms[0], indices, placement.rank == 0)
        window.losses += [loss for row in by_rank for loss in row]
        for parts in ({"gradient_norm": norm}, *(one.parts for one in losses)):
            for name, value in parts.items():
                window.parts.setdefault(name, []).append(value.detach().float())

    def _said(self, log: RunLog, window: _Window) -> _Window:
        """Write the numbers of a window that is full; returns the one to go on with."""
        options, placement = self.options, self.placement
        if self.at.step % options.log_every and self.at.step != options.steps:
            return window
        seconds = time.monotonic() - window.since_s
        steps = len(window.losses) / (options.accumulate * placement.world)
        self.last = window.means() | {
            "train/rate": options.rate * rate_share(self.at.step - 1, options),
            "train/samples_per_s": steps * options.batch * options.accumulate * placement.world / seconds,
            "train/waiting_share": window.waited_s / seconds,
        }
        if placement.device.type == "cuda":
            self.last["train/memory_gib"] = torch.cuda.max_memory_allocated(placement.device) / 2**30
        log.numbers(self.at.step, self.last)
        return _Window()

    def _text(self) -> str:
        loss, pace = self.last.get("train/loss", 0.0), self.last.get("train/samples_per_s", 0.0)
        return f"step {self.at.step}/{self.options.steps}: loss {loss:.4f}, {number(pace)} samples/s"

    def validated(self) -> dict[str, float]:
        """Return the numbers of the held-out samples, of the averaged weights if there are such."""
        examples = self.samples.held_out(COUNT)
        if not examples:
            return {}
        placement, options = self.placement, self.options
        with self.state.average.applied():
            found = held_out_loss(placement, examples, options)
            acting = [one for one in examples if one.actions is not None]
            if acting and self.samples.values:
                values = RobotValues(self.samples, load_robot(self.config.policy.embodiment)[0])
                answers = predicted(placement, acting, options, FIRST)
                pairs = [(one, chunk) for one, chunk in zip(acting, answers, strict=True) if chunk is not None]
                found["validation/without_chunk"] = 1 - len(pairs) / len(acting)
                if pairs:
                    acting, chunks = [one for one, _ in pairs], [chunk for _, chunk in pairs]
                    found |= open_loop(values, acting, chunks)
                    found |= steerability(placement, values, acting, chunks, options)
        if placement.rank == 0:
            print(f"step {self.at.step}: {validation_text(found)}", flush=True)
        return found


def validation_text(found: Mapping[str, float]) -> str:
    """Return a validation's numbers for people: the error of held-out chunks, and whether the policy listens."""
    errors = {name.partition("/")[2]: value for name, value in found.items() if name.startswith("validation/")}
    said = ["held out: " + ", ".join(f"{name.replace('_', ' ')} {number(value)}" for name, value in errors.items())]
    for name in found:
        if name.endswith("_change"):
            of = name.removesuffix("_change")
            right = f", the named arm moves in {found[f'{of}_right']:.0%}" if f"{of}_right" in found else ""
            said.append(
                f"  another {of.partition('/')[2]}: the joints change by {number(found[name])} rad (the same words twice: "
                f"{number(found[f'{of}_floor'])}), in {found[f'{of}_listens']:.0%} of {found[f'{of}_pairs']:.0f} by more{right}"
            )
    return "\n".join(said)


def step_seed(seed: int, step: int, accumulated: int, rank: int) -> int:
    """Return the seed of a batch's random numbers, the same whenever the step is done."""
    digest = hashlib.sha256(f"{seed}/{step}/{accumulated}/{rank}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
