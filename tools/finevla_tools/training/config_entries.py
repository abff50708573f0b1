"""Entries of a YAML file to the fields of frozen dataclasses: types, limits and choices, each mistake one sentence."""

import contextlib
import dataclasses
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, get_type_hints

from finevla_core.errors import FineVLAError, quoted, unknown
from finevla_core.manifest import MAX_HORIZON
from finevla_core.policy.transforms import ACTION_KINDS, NORMALISATIONS

# Smallest and largest value of each number; what is not here may be anything that its type may.
MAX_RATE = 10.0
LIMITS: Mapping[str, tuple[float, float]] = {
    "horizon": (2, MAX_HORIZON),
    "dt_s": (1e-3, 10.0),
    "max_tokens": (8, 1 << 20),
    "weight": (1e-6, 1e6),
    "drop": (0.0, 1.0),
    "thoughts": (0.0, 1.0),
    "paraphrase": (0.0, 1.0),
    "factors": (0.0, 1.0),
    "validation": (0.0, 0.9),
    "ratio": (0.0, 0.99),
    "rank": (0, 4096),
    "alpha": (1, 1_000_000),
    "steps": (1, 1 << 40),
    "batch": (1, 1 << 20),
    "accumulate": (1, 1 << 20),
    "rate": (0.0, MAX_RATE),
    "backbone_rate": (0.0, MAX_RATE),
    "weight_decay": (0.0, 1.0),
    "warmup": (0.0, 1.0),
    "clip": (1e-6, 1e6),
    "ema": (0.0, 0.999999),
    "seed": (0, (1 << 32) - 1),
    "save_every": (1, 1 << 40),
    "validate_every": (1, 1 << 40),
    "log_every": (1, 1 << 40),
    "keep": (1, 10_000),
    "workers": (0, 256),
}
CHOICES: Mapping[str, Collection[str]] = {
    "actions": ("absolute", *ACTION_KINDS),
    "normalisation": tuple(NORMALISATIONS),
    "precision": ("fp32", "bf16"),
}


MAY_BE_EMPTY = ("path", "start", "map", "gripper_action", "embodiment")


def section(kind: type, raw: Any, where: str, **given: Any) -> Any:
    """Return a dataclass of a section that may be missing or empty; raises `FineVLAError`."""
    entries = mapping_of({} if raw is None else raw, where)
    check_names(entries, [entry.name for entry in dataclasses.fields(kind)], (), where)
    return read_entries(kind, entries, where, **given)


def read_entries(kind: type, raw: Mapping[str, Any], where: str, **given: Any) -> Any:
    """Return a dataclass of entries whose names are known, each checked by the type, limits and choices of its field."""
    types = get_type_hints(kind)
    read = {}
    for key in raw:
        wanted = types[key]
        read[key] = value_of(raw, key, wanted if isinstance(wanted, type) else dict, where)
    return kind(**read, **given)


def value_of(raw: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    """Return an entry that is there as a value of that type; raises `FineVLAError` that begins with its full name."""
    if kind is Path:
        return Path(value_of(raw, key, str, where))
    value, name = raw[key], f"{where}.{key}" if where else key
    if kind is float and isinstance(value, str):  # YAML 1.1 takes 1e-4 for text: its numbers have a point
        with contextlib.suppress(ValueError):
            value = float(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        words = {float: "a number", int: "a whole number", bool: "true or false", str: "text", dict: "a mapping"}
        raise FineVLAError(f"{name} is {said(value)}; it must be {words[kind]}")
    if kind is str and not value and key not in MAY_BE_EMPTY:
        raise FineVLAError(f"{name} is empty")
    if key in CHOICES and value not in CHOICES[key]:
        raise FineVLAError(f"{name}: {unknown('choice', value, CHOICES[key])}")
    if key in LIMITS and isinstance(value, int | float):
        low, high = LIMITS[key]
        if not (low <= value <= high and math.isfinite(value)):
            raise FineVLAError(f"{name} is {value}; it must be between {low:g} and {high:g}")
    return value


def mapping_of(raw: Any, where: str) -> Mapping[str, Any]:
    """Return a mapping; raises `FineVLAError` for what is none."""
    if not isinstance(raw, Mapping):
        raise FineVLAError(f"{where} must be a mapping of names to values, not {said(raw)}")
    return raw


def names_of(raw: Any, where: str) -> list[str]:
    """Return a list of names; raises `FineVLAError` for what is none."""
    if not isinstance(raw, list | tuple) or not all(isinstance(one, str) and one for one in raw):
        raise FineVLAError(f"{where} must be a list of names, not {said(raw)}")
    return list(raw)


def check_names(raw: Mapping[str, Any], known: Collection[str], needed: Collection[str], where: str) -> None:
    """Raise `FineVLAError` for an entry that is not known, with the nearest that is, or one that is missing."""
    if odd := [key for key in raw if key not in known]:
        raise FineVLAError(f"{where}: {unknown('entry', odd[0], sorted(known))}")
    if missing := [key for key in needed if key not in raw]:
        raise FineVLAError(f"{where} has no entry '{sorted(missing)[0]}'")


def said(value: Any) -> str:
    """Return a value as a sentence shows it."""
    return quoted(str(value)) if value is not None else "empty"
