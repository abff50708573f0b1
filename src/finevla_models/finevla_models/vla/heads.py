"""Action heads by name."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from finevla_core.errors import FineVLAError, unknown
from finevla_models.vla.backbone import Backbone
from finevla_models.vla.head import ChunkShape, VLAHead
from finevla_models.vla.instruct import InstructConfig, InstructHead
from finevla_models.vla.oft import OFTConfig, OFTHead

# Name: the head's configuration, and its class, made of (configuration, shape of chunks, backbone).
HEADS: Mapping[str, tuple[type, type]] = {
    "instruct": (InstructConfig, InstructHead),
    "oft": (OFTConfig, OFTHead),
}


def build_head(name: str, options: Mapping[str, Any], shape: ChunkShape, backbone: Backbone) -> VLAHead:
    """Return an action head of that name; raises `FineVLAError` for an unknown name or option."""
    if name not in HEADS:
        raise FineVLAError(unknown("head", name, HEADS))
    config, head = HEADS[name]
    known = [field.name for field in fields(config)]
    if odd := [key for key in options if key not in known]:
        raise FineVLAError(f"head '{name}': {unknown('option', odd[0], known)}")
    made: VLAHead = head(config(**options), shape, backbone)
    return made


def head_name(head: VLAHead) -> str:
    """Return the name by which `build_head` makes such a head."""
    return next(name for name, (_, kind) in HEADS.items() if type(head) is kind)
