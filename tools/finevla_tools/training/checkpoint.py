"""Checkpoints: the policy as a folder that can be exported, and all that is needed to go on bit for bit.

RUN/checkpoints/STEP appears whole or not at all. The state is safetensors, a file for each process that holds a part
(torch's distributed checkpoints); nothing in it could be run.
"""

import hashlib
import shutil
import subprocess
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from finevla_core.errors import FineVLAError
from finevla_core.recording.atomic_files import publish, temporary_of
from finevla_core.text_files import read_yaml
from finevla_models.vla.head import VLAPolicy
from finevla_models.vla.policy_files import save_vla
from finevla_tools.training.config import PROVENANCE, VLARunConfig, parse_run_config
from finevla_tools.training.distributed import Placement, agreed
from finevla_tools.training.lora_adapters import merged
from finevla_tools.training.optimiser import WeightAverage, moments, set_moments, trained_parameters
from finevla_tools.training.run_folder import AVERAGE, POLICY_FILE, RUN_FILE, checkpoint_of, checkpoint_steps
from finevla_tools.training.sample_source import TrainingSamples
from finevla_tools.work.staged_output import Staged

STATE = "state"
# What may be another when a run goes on: none of it changes a step that has been done.
MAY_DIFFER = (
    *(f"training.{name}" for name in ("steps", "save_every", "validate_every", "log_every", "keep", "workers")),
    "data.cache",
)


@dataclass
class TrainingState:
    """What changes while a policy is trained."""

    placement: Placement
    optimiser: torch.optim.Optimizer
    average: WeightAverage

    def tensors(self) -> dict[str, Tensor]:
        """Return all of it by name; what is not trained is not part of it."""
        policy = self.placement.policy
        trained = trained_parameters(policy)
        frozen = {name for name, one in policy.named_parameters(remove_duplicate=False) if not one.requires_grad}
        shared = {n for n, one in policy.named_parameters(remove_duplicate=False) if one.requires_grad} - set(trained)
        kept = {n: value for n, value in policy.state_dict().items() if n not in frozen | shared}
        return {
            **{f"model.{name}": value.detach() for name, value in kept.items()},
            **{f"optimiser.{name}": value for name, value in moments(self.optimiser, trained).items()},
            **{f"average.{name}": value for name, value in self.average.values.items()},
        }


@dataclass(frozen=True)
class RunFacts:
    """What a run is of, and what it must be of again to go on."""

    config: VLARunConfig
    samples: TrainingSamples
    world: int
    base: str  # fingerprint of the weights that are not trained, "" if there are none

    def provenance(self, step: int) -> dict[str, Any]:
        """Return what run.yaml says beside the configuration."""
        data = {"hash": self.samples.hash, "frames": self.samples.frames, "mix": self.config.data.mix}
        return {"step": step, "processes": self.world, "data": data, "base": self.base, "code": _software()}

    def refuse_other(self, folder: Path) -> None:
        """Raise `FineVLAError` unless the checkpoint in `folder` was made of the same."""
        raw = read_yaml(folder / RUN_FILE)
        if not isinstance(raw, Mapping) or not isinstance(raw.get(PROVENANCE), Mapping):
            raise FineVLAError(f"'{folder / RUN_FILE}' does not say what it was made of; start anew with another --out")
        was = parse_run_config(raw).plain()
        told = dict(raw[PROVENANCE])
        is_now = self.provenance(0)
        for key in ("code", "step"):
            told.pop(key, None)
            is_now.pop(key)
        now = _flat(self.config.plain()) | _flat(is_now)
        before = _flat(was) | _flat(told)
        for name in sorted(now.keys() | before.keys()):
            if name in MAY_DIFFER or before.get(name) == now.get(name):
                continue
            raise FineVLAError(
                f"'{folder}' was made with {name} {before.get(name, '(none)')}, and it is {now.get(name, '(none)')} now: "
                "the steps would not be the same; put it back, or start anew with another --out"
            )
        if int(raw[PROVENANCE]["step"]) > self.config.training.steps:
            raise FineVLAError(f"'{folder}' has more steps than training.steps, {self.config.training.steps}")


def _flat(tree: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in tree.items():
        found |= _flat(value, f"{before}{key}.") if isinstance(value, Mapping) else {f"{before}{key}": value}
    return found


def save(run: Path, step: int, state: TrainingState, facts: RunFacts) -> Path:
    """Write the checkpoint after `step` steps and remove the oldest; every process must call it.

    Raises:
        FineVLAError: It cannot be written; what was there stays.
    """
    import torch.distributed.checkpoint as dcp

    placement, target = state.placement, checkpoint_of(run, step)
    weights = placement.weights()
    averaged = _averaged(state, weights)
    staged = Staged(target) if placement.rank == 0 else None
    try:
        if staged is not None:
            _write_policy(staged.path, placement.policy, weights, facts, step)
            if averaged:
                _write_policy(staged.path / AVERAGE, placement.policy, averaged, facts, step)
        shared = Path(agreed(str(staged.path if staged else ""), placement.world))
        writer = dcp.HuggingFaceStorageWriter(str(shared / STATE), save_distributed=True)
        with _quiet():
            dcp.save(state.tensors(), storage_writer=writer, no_dist=placement.world == 1)
        agreed("", placement.world)
        if staged is not None:
            staged.publish()
            _remove_oldest(run, facts.config.training.keep)
    except BaseException:
        if staged is not None:
            staged.discard()
        raise
    agreed("", placement.world)
    return target


def load(folder: Path, state: TrainingState) -> int:
    """Give a state what a checkpoint holds; returns the steps that were done. Raises `FineVLAError` for a damaged one."""
    import torch.distributed.checkpoint as dcp

    placement = state.placement
    reader = dcp.HuggingFaceStorageReader(str(folder / STATE))
    try:
        saved = reader.read_metadata().state_dict_metadata
        found = state.tensors()
        trained = trained_parameters(placement.policy)
        for name in saved:
            if name.startswith("optimiser.") and name not in found:
                parameter, _, key = name.removeprefix("optimiser.").rpartition(".")
                found[name] = torch.tensor(0.0) if key == "step" else torch.zeros_like(trained[parameter].detach())
        if missing := sorted(found.keys() ^ saved.keys()):
            raise FineVLAError(f"'{folder}' does not fit the policy: '{missing[0]}' is in one of them only")
        with _quiet():
            dcp.load(found, storage_reader=reader, no_dist=placement.world == 1)
    except FineVLAError:
        raise
    except Exception as error:  # safetensors, torch and the file system have no exception in common
        said = " ".join(str(error).split())[:200]
        raise FineVLAError(f"'{folder}' cannot be read ({said}); remove it to go on from the one before") from error
    moved = {name.removeprefix("optimiser."): value for name, value in found.items() if name.startswith("optimiser.")}
    set_moments(state.optimiser, trained, moved)
    return int(folder.name)


def fingerprint(policy: VLAPolicy) -> str:
    """Return a hash of the weights that are not trained, "" if there are none: they are not in a checkpoint's state."""
    digest = hashlib.sha256()
    frozen = [(name, value) for name, value in policy.named_parameters() if not value.requires_grad]
    for name, value in frozen:
        digest.update(f"{name} {tuple(value.shape)} {value.detach().sum(dtype=torch.float64).item():.17g}\n".encode())
    return digest.hexdigest() if frozen else ""


def _averaged(state: TrainingState, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The policy's weights with the average in place of those that are trained."""
    if not state.average.values:
        return {}
    whole = {}
    for name, value in state.average.values.items():
        full: Any = getattr(value, "full_tensor", None)
        whole[name] = value if full is None else full()
    return {name: whole.get(name, value).cpu() for name, value in weights.items()}


def _write_policy(folder: Path, policy: VLAPolicy, weights: Mapping[str, Tensor], facts: RunFacts, step: int) -> None:
    folder.mkdir()
    save_vla(policy, folder, merged(policy, weights))
    config, samples = facts.config, facts.samples
    run = config.plain() | {PROVENANCE: facts.provenance(step)}
    options = config.plain()["policy"]
    described = {key: options[key] for key in ("embodiment", "cameras", "images", "horizon", "dt_s")}
    described["cameras"] = list(options["cameras"])
    described |= {
        "name": config.name,
        "values": list(samples.values),
        "transforms": samples.transforms,
        "statistics": dict(samples.statistics),
        "training": {"mix": config.data.mix, **facts.provenance(step)},
    }
    for file, content in ((RUN_FILE, run), (POLICY_FILE, described)):
        (folder / file).write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _remove_oldest(run: Path, keep: int) -> None:
    for step in checkpoint_steps(run)[:-keep]:
        folder = checkpoint_of(run, step)
        gone = temporary_of(folder)
        publish(folder, gone)
        shutil.rmtree(gone, ignore_errors=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Torch warns that a single process saves alone, which is meant."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _software() -> dict[str, str]:
    folder = str(Path(__file__).resolve().parent)
    command = ["git", "-C", folder, "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5.0, check=False)
    except (OSError, subprocess.TimeoutExpired):
        done = None
    commit = done.stdout.strip() if done is not None and done.returncode == 0 else ""
    return {"version": metadata.version("finevla"), "commit": commit}
