"""All action heads by their names in a configuration."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from finevla_core.errors import FineVLAError, unknown
from finevla_models.vla.backbone import Backbone
from finevla_models.vla.fast_head import FASTConfig, FASTHead
from finevla_models.vla.gr00t_head import GR00TConfig, GR00THead
from finevla_models.vla.head import ChunkShape, VLAHead
from finevla_models.vla.instruct_vla_config import InstructConfig
from finevla_models.vla.instruct_vla_head import InstructHead
from finevla_models.vla.language_head import LanguageConfig, LanguageHead
from finevla_models.vla.oft_head import OFTConfig, OFTHead
from finevla_models.vla.pi_head import PIConfig, PIHead

# Name: the head's configuration, and its class, made of (configuration, shape of chunks, the backbone).
HEADS: Mapping[str, tuple[type, type]] = {
    "oft": (OFTConfig, OFTHead),
    "gr00t": (GR00TConfig, GR00THead),
    "pi": (PIConfig, PIHead),
    "fast": (FASTConfig, FASTHead),
    "instruct": (InstructConfig, InstructHead),
    "language": (LanguageConfig, LanguageHead),
}
KINDS = {
    bool: "true or false", int: "a whole number", float: "a number", str: "a word", tuple: "a list", dict: "a mapping"
}  # fmt: skip


def build_head(name: str, options: Mapping[str, Any], shape: ChunkShape, backbone: Backbone) -> VLAHead:
    """Return an action head of that name; raises `FineVLAError` for an unknown name, an unknown option or a wrong value."""
    check_options(name, options)
    config, head = HEADS[name]
    made: VLAHead = head(config(**options), shape, backbone)
    return made


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Raise `FineVLAError` for an unknown head, an unknown option of it or a wrong value, before anything is built."""
    if name not in HEADS:
        raise FineVLAError(unknown("head", name, HEADS))
    config, _ = HEADS[name]
    defaults = {field.name: getattr(config(), field.name) for field in fields(config)}
    for key, value in options.items():
        if key not in defaults:
            raise FineVLAError(f"head '{name}': {unknown('option', key, defaults)}")
        _check(f"head '{name}': option '{key}'", value, defaults[key])
    config(**options)


def _check(where: str, value: Any, default: Any) -> None:
    """Raise `FineVLAError` unless a value is of its default's kind, and no number of things below 1 (0, if that is one)."""
    kind = type(default)
    is_alike = (kind is float and type(value) is int) or (kind is tuple and type(value) is list)
    if type(value) is not kind and not is_alike:
        raise FineVLAError(f"{where} is {value!r}, must be {KINDS[kind]}")
    if kind is int and value < min(1, default):
        raise FineVLAError(f"{where} is {value}, must be at least {min(1, default)}")


def head_name(head: VLAHead) -> str:
    """Return the name by which `build_head` makes such a head."""
    return next(name for name, (_, kind) in HEADS.items() if type(head) is kind)
