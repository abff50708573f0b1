"""Whether a killed training run goes on bit for bit: N steps straight beside N/2 + `kill -9` + N/2, of a tiny random Qwen3.5.

`python test/benchmark/vla_resume.py [--steps 200] [--processes 2] [--head oft]`: with two processes the policy is spread over
both (FSDP2, gloo). Every tensor of the last checkpoints is compared: weights, optimiser, average. Exit code 1 if one differs.
"""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import load_file

ROOT = Path(__file__).parents[2]
WAIT_S = 3600.0  # for one run
sys.path.insert(0, str(ROOT / "test/support"))

from tiny_backbone import make_tiny_backbone
from vla_runs import run_apart, run_config


def main() -> int:
    """Train three times and compare; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--head", default="oft")
    arguments = parser.parse_args()
    steps, count = arguments.steps, arguments.processes
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        config = run_config(
            make_tiny_backbone(root), arguments.head, steps=steps, save_every=max(1, steps // 10), log_every=50, ema=0.99,
            fsdp=count > 1, keep=2,
        )  # fmt: skip
        began_s = time.monotonic()
        codes = [run_apart(config, root / "straight", count, wait_s=WAIT_S)]
        # In the middle between two checkpoints, so that steps are lost and done again.
        deadly = (steps // 2 + max(1, steps // 20)) * config.training.batch * count
        codes.append(run_apart(config, root / "killed", count, deadly=deadly, wait_s=WAIT_S))
        codes.append(run_apart(config, root / "killed", count, resume=True, wait_s=WAIT_S))
        print(f"exit codes {codes}, {time.monotonic() - began_s:.0f} s")
        if codes[0] != codes[2] or any(codes[0]) or -signal.SIGKILL not in codes[1]:
            return 1
        return compared(*(root / name / f"checkpoints/{steps}" for name in ("straight", "killed")))


def compared(one: Path, two: Path) -> int:
    """Print how many tensors of two checkpoints differ; return 1 if one does."""
    files = sorted(file.relative_to(one) for file in one.rglob("*.safetensors"))
    total = odd = 0
    for file in files:
        first, second = load_file(one / file), load_file(two / file)
        total += len(first)
        odd += len(first.keys() ^ second.keys())
        odd += sum(not torch.equal(first[name], second[name]) for name in first.keys() & second.keys())
    print(f"{total} tensors in {len(files)} files, {odd} differ")
    return int(odd > 0)


if __name__ == "__main__":
    sys.exit(main())
