"""`finevla train` beside LeRobot's own trainer: the same set, backbone, head, pictures and batch, one after the other.

Both run as they would for a user, in processes of their own, on one thread; the last half of the steps counts. "Busy" is the
share of the time in which the trainer does not wait for data.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "test" / "support"))

from lerobot_sets import take, write
from tiny_backbone import make_tiny_backbone

from finevla_tools.cli import main as finevla

CAMERA, SIDE, CHUNK = "front", 96, 16
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}
NUMBERS = re.compile(r"updt_s:([\d.]+) data_s:([\d.]+)")


def ours(folder: Path, steps: int, batch: int, workers: int) -> tuple[float, float]:
    """Samples a second and busy share of `finevla train`."""
    raw = {
        "name": "ours",
        "policy": {
            "backbone": str(folder / "backbone"),
            "head": "oft",
            "embodiment": "cobotmagic",
            "cameras": {CAMERA: f"observation.images.{CAMERA}"},
            "images": {"height": SIDE, "width": SIDE},
            "horizon": CHUNK,
            "dt_s": 0.1,
        },
        "data": {"sets": [str(folder / "set")], "mix": "raw", "validation": 0.0, "cache": str(folder / "cache")},
        "training": {"steps": steps, "batch": batch, "workers": workers, "log_every": steps // 2, "save_every": steps},
    }
    (folder / "ours.yaml").write_text(yaml.safe_dump(raw))
    command = [sys.executable, "-m", "finevla_tools.cli", "train", str(folder / "ours.yaml")]
    subprocess.run(
        [*command, "--out", str(folder / "ours"), "--threads", "1"], check=True, capture_output=True, env=ONE_THREAD
    )
    lines = [json.loads(line) for line in (folder / "ours/log.jsonl").read_text().splitlines()]
    last = [line for line in lines if "train/samples_per_s" in line][-1]
    return last["train/samples_per_s"], 1.0 - last["train/waiting_share"]


def theirs(folder: Path, steps: int, batch: int, workers: int) -> tuple[float, float]:
    """The same of LeRobot's trainer with our plug-in."""
    command = [
        sys.executable, "-m", "lerobot.scripts.lerobot_train", "--policy.type=finevla", "--policy.head=oft",
        f"--policy.backbone={folder / 'backbone'}", f"--policy.chunk_size={CHUNK}", f"--policy.n_action_steps={CHUNK}",
        f"--policy.image_height={SIDE}", f"--policy.image_width={SIDE}", "--policy.device=cpu",
        "--policy.push_to_hub=false", "--dataset.repo_id=finevla/set", f"--dataset.root={folder / 'set'}",
        "--dataset.video_backend=pyav", f"--batch_size={batch}", f"--steps={steps}", f"--save_freq={steps}",
        f"--log_freq={steps // 2}", f"--num_workers={workers}", f"--output_dir={folder / 'theirs'}",
        "--wandb.enable=false",
    ]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=ONE_THREAD)
    update_s, data_s = (float(value) for value in NUMBERS.findall(done.stdout + done.stderr)[-1])
    return batch / (update_s + data_s), update_s / (update_s + data_s)


def main() -> None:
    """Print the rows of the table and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "raw", [take(k, 60, cameras=(CAMERA,), size=(240, 320)) for k in range(2)])
        finevla(["convert", str(folder / "raw"), "--out", str(folder / "set")])
        make_tiny_backbone(folder / "backbone", is_linear=False)
        given = (folder, arguments.steps, arguments.batch, arguments.workers)
        (lerobot, their_share), (finevla_s, our_share) = theirs(*given), ours(*given)
    print(f"lerobot-train: {lerobot:.1f} samples/s, busy {their_share:.1%}")
    print(f"finevla train: {finevla_s:.1f} samples/s, busy {our_share:.1%}, {finevla_s / lerobot:.2f} times as many")


if __name__ == "__main__":
    main()
