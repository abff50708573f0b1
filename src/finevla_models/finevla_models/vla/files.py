"""A vision-language-action policy as a folder: what it is (vla.json), its backbone's files, and weights in safetensors.

Everything that is needed to build it again without the hub, and nothing that could be run.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_model, save_model

from finevla_core.errors import FineVLAError
from finevla_core.text_files import read_json
from finevla_models.vla.backbone import new_backbone
from finevla_models.vla.head import ChunkShape, VLAPolicy
from finevla_models.vla.heads import build_head, head_name

DESCRIPTION, BACKBONE, HEAD, WEIGHTS = "vla.json", "backbone", "head", "model.safetensors"
SCHEMA = "finevla.vla/1"


def save_vla(policy: VLAPolicy, folder: Path) -> None:
    """Write a policy into a folder that is there; the caller makes it whole or not at all (`finevla_tools.work.staged`)."""
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
    save_model(policy, str(folder / WEIGHTS))


def load_vla(folder: Path) -> VLAPolicy:
    """Return the policy of a folder, on the CPU, ready to act.

    Raises:
        FineVLAError: A file is missing or does not fit the others.
    """
    described = read_json(folder / DESCRIPTION)
    if described.get("schema") != SCHEMA:
        raise FineVLAError(
            f"'{folder / DESCRIPTION}' is of schema '{described.get('schema')}', this version reads '{SCHEMA}'"
        )
    try:
        backbone = new_backbone(folder / BACKBONE, int(described["max_tokens"]))
        shape = ChunkShape(**described["shape"])
        head = build_head(described["head"], described["options"], shape, backbone)
        head.load_files(folder / HEAD)
        policy = VLAPolicy(backbone, head)
        load_model(policy, str(folder / WEIGHTS))
    except (KeyError, TypeError) as error:
        raise FineVLAError(f"'{folder / DESCRIPTION}' describes no policy: {error}; export it again") from error
    except (SafetensorError, RuntimeError, OSError) as error:
        said = " ".join(str(error).split())[:200]
        raise FineVLAError(f"the weights in '{folder}' do not fit what {DESCRIPTION} says: {said}") from error
    made: VLAPolicy = policy.eval()
    return made
