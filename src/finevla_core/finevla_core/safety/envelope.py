"""The safety envelope of a robot: limits per value, spacing of its bodies, and zones to keep out of, from one YAML file.

The file (`config/safety/`) narrows what the URDF, the robot file and the file that it is based on allow; it can never widen.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError, unknown
from finevla_core.safety.clearance import ClearanceModel
from finevla_core.safety.collision_pairs import Spacing, Zone
from finevla_core.safety.limits import Limits, plain_number, robot_limits, tightened
from finevla_core.text_files import MALFORMED, read_settings

KEYS = ("based_on", "margin_rad", "slowest", "max_chunk_s", "values", "spacing", "zones", "frames_within")
MAX_CHUNK_S = 5.0  # where no file says otherwise
ZONE_KEYS = ("name", "stop_m", "slow_m", "box", "plane", "frames")
WALLS = (("front", 0, 1), ("back", 0, -1), ("left", 1, 1), ("right", 1, -1), ("top", 2, 1), ("bottom", 2, -1))


@dataclass(frozen=True)
class Envelope:
    """What a robot may do: limits of its values, and how near it may come to itself and to what is around it.

    A policy's chunk may hold no more than `max_chunk_s` of motion: a policy that fell silent stops that much later at most.
    """

    limits: Limits
    clearance: ClearanceModel
    max_chunk_s: float = MAX_CHUNK_S


def load_envelope(embodiment: Embodiment, urdf: str, path: str | Path | None = None, spare_m: float = 0.0) -> Envelope:
    """The envelope of `path`, or the robot's own limits and spacing alone; raises `FineVLAError` naming file and entry.

    All distances are `spare_m` larger than the file says: for a planner, who leaves room for what comes after it.
    """
    entries = _read(path)
    limits = _limits(embodiment, urdf, entries)
    zones: list[Zone] = []
    spacing, slowest, max_chunk_s = Spacing(), 0.25, MAX_CHUNK_S
    for where, raw in entries:
        with _blamed(where):
            spacing, slowest = _spacing(raw.get("spacing") or {}, spacing), _number(raw, "slowest", slowest, 0.05, 1.0)
            max_chunk_s = _number(raw, "max_chunk_s", max_chunk_s, 0.2, 20.0)
            zones += [*(_zone(entry) for entry in raw.get("zones") or ()), *_walls(raw.get("frames_within"))]
    zones = [replace(zone, stop_m=zone.stop_m + spare_m, slow_m=zone.slow_m + spare_m) for zone in zones]
    spacing = Spacing(spacing.stop_m + spare_m, spacing.slow_m + spare_m)
    with _blamed(path):
        return Envelope(limits, ClearanceModel(embodiment, urdf, spacing, zones, slowest), max_chunk_s)


def load_boxes(path: str | Path | None) -> tuple[Zone, ...]:
    """The zones of `path` that are boxes kept away from everything: what a planner of another make can be told."""
    found: list[Zone] = []
    for where, raw in _read(path):
        with _blamed(where):
            found += [_zone(entry) for entry in raw.get("zones") or ()]
    return tuple(zone for zone in found if zone.box is not None and not zone.frames)


def load_limits(embodiment: Embodiment, urdf: str, path: str | Path | None = None) -> Limits:
    """The limits of `load_envelope` alone: quicker, for what does not look at distances."""
    return _limits(embodiment, urdf, _read(path))


def _limits(embodiment: Embodiment, urdf: str, entries: Sequence[tuple[Path, Mapping[str, Any]]]) -> Limits:
    limits = robot_limits(embodiment, urdf)
    for where, raw in entries:
        with _blamed(where):
            margin = _number(raw, "margin_rad", float(limits.margin.max()), 0.0, 0.5)
            limits = tightened(limits, embodiment.names, raw.get("values") or {}, margin)
    return limits


def _read(path: str | Path | None) -> list[tuple[Path, Mapping[str, Any]]]:
    """The file and what it is based on, the base first."""
    entries: list[tuple[Path, Mapping[str, Any]]] = []
    while path is not None:
        path = Path(path)
        raw = read_settings(path, "safety file")
        with _blamed(path):
            if not isinstance(raw, Mapping):
                raise FineVLAError("it is not a mapping; see config/safety/cobotmagic.yaml for the shape")
            _known("entry", raw, KEYS)
            if len(entries) > 4:
                raise FineVLAError("'based_on' goes round in a circle")
            base = raw.get("based_on")
            entries.insert(0, (path, raw))
            path = path.parent / Path(str(base)).name if base else None
    return entries


@contextmanager
def _blamed(path: str | Path | None) -> Iterator[None]:
    """Errors say which file they are about."""
    try:
        yield
    except FineVLAError as error:
        raise FineVLAError(f"safety file '{path}': {error}") from error
    except MALFORMED as error:
        text = " ".join(str(error).split())[:200]
        raise FineVLAError(f"safety file '{path}' cannot be read: {type(error).__name__}: {text}") from error


def _spacing(raw: Mapping[str, Any], base: Spacing) -> Spacing:
    _known("entry of spacing", raw, ("stop_m", "slow_m"))
    stop_m = _number(raw, "stop_m", base.stop_m, base.stop_m, 0.5, "spacing: ")
    return Spacing(stop_m, _number(raw, "slow_m", max(base.slow_m, stop_m), max(base.slow_m, stop_m), 1.0, "spacing: "))


def _zone(raw: Mapping[str, Any]) -> Zone:
    _known("entry of a zone", raw, ZONE_KEYS)
    name = str(raw["name"])
    where = f"zone '{name}'"
    if ("box" in raw) == ("plane" in raw):
        raise FineVLAError(f"{where} needs either 'box: {{lower, upper}}' or 'plane: {{point, normal}}'")
    stop_m = _number(raw, "stop_m", 0.0, -0.05, 1.0, f"{where}: ")
    slow_m = _number(raw, "slow_m", stop_m, stop_m, 2.0, f"{where}: ")
    frames = tuple(str(frame) for frame in raw.get("frames", ()))
    if "plane" in raw:
        _known(f"entry of {where}", raw["plane"], ("point", "normal"))
        plane = _three(raw["plane"], "point", where), _three(raw["plane"], "normal", where)
        if not np.linalg.norm(plane[1]) > 1e-6:
            raise FineVLAError(f"{where}: its normal has no direction")
        return Zone(name, stop_m, slow_m, plane=plane, frames=frames)
    return Zone(name, stop_m, slow_m, box=_corners(raw["box"], where), frames=frames)


def _walls(raw: Mapping[str, Any] | None) -> list[Zone]:
    """A box that frames must stay within, as the six half-spaces around it."""
    if raw is None:
        return []
    _known("entry of frames_within", raw, ("frames", "lower", "upper"))
    lower, upper = _corners(raw, "frames_within")
    frames = tuple(str(frame) for frame in raw["frames"])
    walls = []
    for name, axis, side in WALLS:
        point, normal = np.array(upper if side > 0 else lower), -side * np.eye(3)[axis]
        walls.append(Zone(f"the workspace's {name}", plane=(tuple(point), tuple(normal)), frames=frames))
    return walls


def _corners(raw: Mapping[str, Any], where: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    lower, upper = _three(raw, "lower", where), _three(raw, "upper", where)
    if not all(low < high for low, high in zip(lower, upper, strict=True)):
        raise FineVLAError(f"{where}: lower {list(lower)} must be below upper {list(upper)} in x, y and z")
    return lower, upper


def _three(raw: Mapping[str, Any], key: str, where: str) -> tuple[float, ...]:
    numbers: Sequence[Any] = raw[key]
    if len(numbers) != 3 or not np.isfinite([float(n) for n in numbers]).all():
        raise FineVLAError(f"{where}: {key} must be three finite numbers, metres in the base frame")
    return tuple(float(n) for n in numbers)


def _number(raw: Mapping[str, Any], key: str, default: float, least: float, most: float, where: str = "") -> float:
    number = plain_number(raw.get(key, default), f"{where}{key}")
    if not least <= number <= most:
        raise FineVLAError(f"{where}{key} is {number}; it must be {least} to {most}")
    return number


def _known(what: str, raw: Mapping[str, Any], names: Sequence[str]) -> None:
    for key in raw:
        if key not in names:
            raise FineVLAError(unknown(what, key, names))
