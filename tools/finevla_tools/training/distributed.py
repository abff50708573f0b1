"""One process, several with a copy of the policy each (accelerate), or several that share one (FSDP2), behind one interface.

FSDP2 is torch's own here, because accelerate 1.15 never shards on a CPU, where its tests run; and not LeRobot's trainer,
because its 0.6 has no FSDP2 and no resume that is exact or refused.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor, nn

from finevla_models.vla.batch import VLABatch
from finevla_models.vla.head import Losses, VLAPolicy
from finevla_tools.training.config_types import TrainingOptions


class Placement(Protocol):
    """Where a policy is trained: this process is `rank` of `world`, and computes on `device`."""

    rank: int
    world: int
    device: torch.device
    policy: VLAPolicy

    def loss(self, batch: VLABatch, generator: torch.Generator) -> Losses:
        """Return the losses of this process's batch."""

    def backward(self, loss: Tensor, is_last: bool) -> None:
        """Add a batch's gradients; with the last one of a step those of all processes are averaged."""

    def clip(self, most: float) -> Tensor:
        """Shorten the gradients to a norm of at most `most`; returns the norm that they had."""

    def weights(self) -> dict[str, Tensor]:
        """Return the whole policy's weights on the CPU in process 0; other processes get nothing, but must call it too."""


class Replicas:
    """A copy of the policy in each process; accelerate wraps it into DDP where there are several."""

    def __init__(self, policy: VLAPolicy, precision: str) -> None:
        from accelerate import Accelerator
        from accelerate.utils import DistributedDataParallelKwargs

        self.rank, self.world, self.device = start_ranks()
        # Backbones have parts that no head reads, such as the layers behind those that are asked for.
        unused = DistributedDataParallelKwargs(find_unused_parameters=True)
        self._accelerator = Accelerator(cpu=self.device.type == "cpu", kwargs_handlers=[unused])
        self.policy, self._precision = policy, precision
        self._wrapped: nn.Module = self._accelerator.prepare_model(policy)

    def loss(self, batch: VLABatch, generator: torch.Generator) -> Losses:
        """Return the losses of this process's batch."""
        with autocast(self.device, self._precision):
            made: Losses = self._wrapped(batch, generator)
        return made

    def backward(self, loss: Tensor, is_last: bool) -> None:
        """Add a batch's gradients; with the last one of a step those of all processes are averaged."""
        waits: AbstractContextManager[Any] = nullcontext() if is_last else self._accelerator.no_sync(self._wrapped)
        with waits:
            self._accelerator.backward(loss)

    def clip(self, most: float) -> Tensor:
        """Shorten the gradients to a norm of at most `most`; returns the norm that they had."""
        return torch.nn.utils.clip_grad_norm_(self.policy.parameters(), most)

    def weights(self) -> dict[str, Tensor]:
        """Return the policy's weights on the CPU in process 0, nothing in others."""
        if self.rank:
            return {}
        return {name: value.detach().cpu() for name, value in self.policy.state_dict().items()}


class Shards:
    """One policy spread over all processes: parameters, gradients and optimiser; a block is gathered while it is needed."""

    def __init__(self, policy: VLAPolicy, precision: str, checkpointing: bool) -> None:
        from torch.distributed._composable import checkpoint
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method

        self.rank, self.world, self.device = start_ranks(needs_group=True)
        mesh = init_device_mesh(self.device.type, (self.world,))
        # A block is gathered in 16 bits; autocast of whole weights would keep a copy of every block until the step's end.
        halved = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
        settings: dict[str, Any] = {"mp_policy": halved} if precision == "bf16" else {}
        policy.to(self.device)
        for block in blocks(policy):
            if checkpointing:  # within FSDP2's hooks; that of transformers is around them, and sees inputs not yet cast
                checkpoint(block)
            fully_shard(block, mesh=mesh, reshard_after_forward=True, **settings)
        fully_shard(policy, mesh=mesh)
        register_fsdp_forward_method(policy, "predict")
        self.policy, self._precision = policy, precision

    def loss(self, batch: VLABatch, generator: torch.Generator) -> Losses:
        """Return the losses of this process's batch."""
        with autocast(self.device, self._precision):
            made: Losses = self.policy(batch, generator)
        return made

    def backward(self, loss: Tensor, is_last: bool) -> None:
        """Add a batch's gradients, averaged over all processes: kept apart until the last they would not fit."""
        loss.backward()

    def clip(self, most: float) -> Tensor:
        """Shorten the gradients to a norm of at most `most`; returns the norm that they had."""
        norm: Any = torch.nn.utils.clip_grad_norm_(self.policy.parameters(), most)
        whole: Tensor = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
        return whole

    def weights(self) -> dict[str, Tensor]:
        """Return the whole policy's weights on the CPU in process 0, nothing in others; all gather them."""
        from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        return dict(get_model_state_dict(self.policy, options=options))


def placed(policy: VLAPolicy, options: TrainingOptions) -> Placement:
    """Return the policy where its options say that it is trained, with activation checkpointing if they say so."""
    if options.fsdp:
        return Shards(policy, options.precision, options.checkpointing)
    if options.checkpointing:
        model: Any = policy.backbone.model
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return Replicas(policy, options.precision)


def blocks(policy: VLAPolicy) -> list[nn.Module]:
    """Return the layers that a backbone's class names as indivisible, in order."""
    names = tuple(getattr(policy.backbone.model, "_no_split_modules", None) or ())
    return [module for module in policy.backbone.model.modules() if type(module).__name__ in names]


def start_ranks(needs_group: bool = False) -> tuple[int, int, torch.device]:
    """Join the processes that a launcher has started (RANK, WORLD_SIZE, ...); returns rank, world and device."""
    rank, world = (int(os.environ.get(name, default)) for name, default in (("RANK", "0"), ("WORLD_SIZE", "1")))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    if (world > 1 or needs_group) and not dist.is_initialized():
        backend = "gloo" if device.type == "cpu" else "cpu:gloo,cuda:nccl"
        store = dist.HashStore() if world == 1 else None
        dist.init_process_group(backend, store=store, rank=rank, world_size=world)
    return rank, world, device


def end_ranks() -> None:
    """Leave the group of training processes."""
    if dist.is_initialized():
        dist.destroy_process_group()


def gathered(values: Tensor, world: int) -> Tensor:
    """Return the values `(n,)` of all processes, `(world, n)`."""
    if world == 1:
        return values[None]
    parts = [torch.empty_like(values) for _ in range(world)]
    dist.all_gather(parts, values)
    return torch.stack(parts)


def agreed(text: str, world: int) -> str:
    """Return process 0's text in every process; all wait for it."""
    if world == 1:
        return text
    said = [text]
    dist.broadcast_object_list(said, src=0)
    return said[0]


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return the context in which products are computed in bfloat16, if `precision` says so."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


@contextmanager
def evaluating(policy: VLAPolicy) -> Iterator[None]:
    """Switch dropout and the like off for a while."""
    was_training = policy.training
    policy.eval()
    try:
        yield
    finally:
        policy.train(was_training)
