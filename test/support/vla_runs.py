"""Training runs of a tiny policy: in this process, and in others that share one run or are killed in the middle."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from made_samples import MadeSamples

from finevla_core.errors import FineVLAError
from finevla_models.vla.batch import VLAExample
from finevla_tools.training.config import VLARunConfig, parse_run_config

WAIT_S = 400.0  # for processes that take seconds, on a machine that has other things to do
TOLD = 7  # exit code of a process that ended with a sentence


class KillingSamples(MadeSamples):
    """Samples of which one kills the process that asks for it."""

    def __init__(self, deadly: int) -> None:
        super().__init__()
        self.deadly = deadly

    def example(self, index: int) -> VLAExample:
        """Return sample number `index`."""
        if index == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().example(index)


def run_config(
    backbone: Path, head: str = "oft", options: dict[str, Any] | None = None, start: Path | None = None, **training: Any
) -> VLARunConfig:
    """Return a configuration of a few steps of two samples."""
    of = {"start": str(start)} if start else {"backbone": str(backbone)}
    policy = of | {
        "options": options or {},
        "head": head,
        "embodiment": "cobotmagic",
        "cameras": {"front": "observation.images.front"},
        "images": {"height": 32, "width": 32},
        "horizon": 4,
        "dt_s": 0.1,
    }
    few = {"steps": 4, "batch": 2, "rate": 3e-3, "backbone_rate": 1e-3, "save_every": 2, "validate_every": 100}
    training = {**few, "log_every": 2, "workers": 0, **training}
    return parse_run_config({"name": "tiny", "policy": policy, "data": {"sets": ["made"]}, "training": training})


def run_apart(
    config: VLARunConfig, run: Path, count: int = 1, resume: bool = False, deadly: int = -1, wait_s: float = WAIT_S
) -> list[int]:
    """Train in `count` processes of their own and return their exit codes; one killed is -9, and takes the others along."""
    context = multiprocessing.get_context("forkserver")  # imports once, and forks what has computed nothing yet
    context.set_forkserver_preload(["finevla_tools.training.trainer", "transformers.models.qwen3_5.modeling_qwen3_5"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = [
        context.Process(target=_train, args=(config, run, resume, deadly, rank, count, port)) for rank in range(count)
    ]
    for rank in ranks:
        rank.start()
    _wait(ranks, wait_s)
    return [int(rank.exitcode or 0) for rank in ranks]


def _wait(ranks: Sequence[BaseProcess], wait_s: float) -> None:
    left = list(ranks)
    while left:
        done = multiprocessing.connection.wait([rank.sentinel for rank in left], wait_s)
        failed = not done or any(rank.exitcode for rank in left if rank.sentinel in done)
        left = [rank for rank in left if rank.sentinel not in done]
        if failed:  # the others would wait for it
            for rank in left:
                rank.kill()
                rank.join()
            return


def _train(config: VLARunConfig, run: Path, resume: bool, deadly: int, rank: int, count: int, port: int) -> None:
    if count > 1:
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count)}
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    import torch

    from finevla_tools.training.trainer import train

    torch.set_num_threads(1)
    try:
        train(config, KillingSamples(deadly), run, resume)
    except FineVLAError as error:
        print(f"error: {error}", flush=True)
        os._exit(TOLD)
