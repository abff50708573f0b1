"""A vision-language-action policy as a folder: what it is (vla.json), its backbone's files, and weights in safetensors.

Everything that is needed to build it again without the hub, and nothing that could be run.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_model, save_file
from torch import Tensor

from finevla_core.errors import FineVLAError
from finevla_core.text_files import read_json
from finevla_models.vla.backbone import new_backbone
from finevla_models.vla.head import ChunkShape, VLAPolicy
from finevla_models.vla.head_registry import build_head, head_name

DESCRIPTION, BACKBONE, HEAD, WEIGHTS = "vla.json", "backbone", "head", "model.safetensors"
SCHEMA = "finevla.vla/1"


def save_vla(policy: VLAPolicy, folder: Path, weights: Mapping[str, Tensor] | None = None) -> None:
    """Write a policy into a folder that is there; the caller makes it whole or not at all (`finevla_tools.work.staged_output`).

    `weights`, by the names of the policy's `state_dict`, are written in place of its own: an average, or the whole of a
    policy of which this process holds a part.
    """
    head: Any = policy.head
    described = {
        "schema": SCHEMA,
        "head": head_name(head),
        "options": asdict(head.config),
        "shape": asdict(head.shape),
        "max_tokens": policy.backbone.prompts.max_tokens,
    }
    (folder / DESCRIPTION).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    model: Any = policy.backbone.model
    model.config.save_pretrained(folder / BACKBONE)
    policy.backbone.prompts.processor.save_pretrained(folder / BACKBONE)
    head.save_files(folder / HEAD)
    found = policy.state_dict() if weights is None else weights
    shared = _shared_names(policy)
    once = {name: value.contiguous() for name, value in found.items() if name not in shared}
    save_file(once, str(folder / WEIGHTS), {"format": "pt"})


def _shared_names(policy: VLAPolicy) -> set[str]:
    """Names of parameters that stand under another name, too: safetensors keeps the first in the alphabet."""
    names = defaultdict(list)
    for name, parameter in policy.named_parameters(remove_duplicate=False):
        names[id(parameter)].append(name)
    return {name for shared in names.values() for name in sorted(shared)[1:]}


def load_vla(folder: Path) -> VLAPolicy:
    """Return the policy of a folder, on the CPU, ready to act.

    Raises:
        FineVLAError: A file is missing or does not fit the others.
    """
    described = _description(folder)
    try:
        backbone = new_backbone(folder / BACKBONE, int(described["max_tokens"]))
        shape = ChunkShape(**described["shape"])
        policy = VLAPolicy(backbone, build_head(described["head"], described["options"], shape, backbone))
    except (KeyError, TypeError) as error:
        raise FineVLAError(f"'{folder / DESCRIPTION}' describes no policy: {error}; export it again") from error
    load_weights(policy, folder)
    made: VLAPolicy = policy.eval()
    return made


def saved_head(folder: Path) -> str:
    """Return the name of the head of a policy's folder; raises `FineVLAError` if it is none."""
    return str(_description(folder).get("head"))


def _description(folder: Path) -> dict[str, Any]:
    file = folder / DESCRIPTION
    if not file.is_file():
        raise FineVLAError(f"'{folder}' is no policy, it has no {DESCRIPTION}; name a checkpoint, RUN/checkpoints/STEP")
    described: dict[str, Any] = read_json(file)
    if described.get("schema") != SCHEMA:
        raise FineVLAError(f"'{file}' is of schema '{described.get('schema')}', this version reads '{SCHEMA}'")
    return described


def load_weights(policy: VLAPolicy, folder: Path) -> None:
    """Give a policy the weights in a folder, and what its head keeps beside them; raises `FineVLAError` if they do not fit."""
    policy.head.load_files(folder / HEAD)
    try:
        load_model(policy, str(folder / WEIGHTS))
    except (SafetensorError, RuntimeError, OSError) as error:
        said = " ".join(str(error).split())[:200]
        raise FineVLAError(f"the weights in '{folder}' do not fit what {DESCRIPTION} says: {said}") from error


def policy_files(folder: Path) -> dict[str, Path]:
    """Return the files of a policy's folder by their names in it, without what else may lie there."""
    own = [folder / DESCRIPTION, folder / WEIGHTS]
    own += [path for part in (BACKBONE, HEAD) for path in sorted((folder / part).rglob("*"))]
    return {path.relative_to(folder).as_posix(): path for path in own if path.is_file()}
