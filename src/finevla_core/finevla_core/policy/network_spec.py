"""What a bundle of the runtime "torch" says of its network: enough to build it without the folder that it was trained in.

No torch here: a manifest is checked wherever it is read. `finevla_models.tabletop_network` builds what stands here.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from finevla_core.errors import FineVLAError, quoted, unknown
from finevla_core.images import ImageFormat

HEADS = ("flow", "regression")
VLA = "vla"  # kind of network that reads the prompt itself
MAX_HIDDEN, MAX_BLOCKS, MAX_BASIS = 4096, 16, 64  # 2 GB of weights; what is trained here has 512, 3 and 6
PACE, MAX_PACE = {"think_every": 0, "latent_every": 1}, 1000  # chunks, from the smallest number on
ARMS = 2  # one is seen in a mirror as the other


@dataclass(frozen=True)
class NetworkLayout:
    """What a manifest says beside the entry `network` that its network must fit."""

    values: tuple[str, ...]
    horizon: int
    cameras: int
    images: ImageFormat


@dataclass(frozen=True)
class TabletopSpec:
    """The tabletop policy of `finevla train`, for `dimensions` values and chunks of `horizon` rows.

    The values are the left arm's joints and its gripper, then the right one's. `cameras_on` is, for each camera, the number
    of the arm that carries it, or None for a fixed one; all have the field of view `fov_deg`. Targets are cut to
    `lower` ... `upper`, `(dimensions,)` in the values' units.
    """

    head: str
    dimensions: int
    horizon: int
    basis: int
    hidden: int
    blocks: int
    cameras_on: tuple[int | None, ...]
    fov_deg: float
    lower: tuple[float, ...]
    upper: tuple[float, ...]

    @property
    def arm_joints(self) -> list[list[int]]:
        """Places of each arm's joints among the values."""
        own = self.dimensions // ARMS
        return [list(range(arm * own, (arm + 1) * own - 1)) for arm in range(ARMS)]


@dataclass(frozen=True)
class VLASpec:
    """A vision-language-action policy of `finevla train CONFIG`, which reads the prompt itself.

    What its head and backbone are stands in the bundle's own files (`finevla_models.vla.policy_files`); `head` names the head
    and `has_state` says whether it takes the robot's state, for readers and for the check that both belong together. A policy
    that thinks in words does so every `think_every` chunks (0: never), and keeps its latent actions for `latent_every` chunks;
    None: as its options in the bundle say, or it is one that does not think.
    """

    head: str
    has_state: bool
    values: int
    horizon: int
    views: int
    think_every: int | None = None
    latent_every: int | None = None


NetworkSpec = TabletopSpec | VLASpec


def parse_network(raw: Any, layout: NetworkLayout, where: str) -> NetworkSpec:
    """Return the network that the entry `network` of a manifest describes.

    Args:
        raw: The entry's content.
        layout: What the manifest says of values, chunks and pictures.
        where: The entry, with which the sentence of an error begins.

    Raises:
        FineVLAError: Naming what is missing, unknown or wrong in it.
    """
    if not isinstance(raw, Mapping):
        raise FineVLAError(f"{where} must be a mapping, not {quoted(str(raw))}")
    kind = raw.get("kind")
    if not isinstance(kind, str) or kind not in _PARSERS:
        raise FineVLAError(f"{where}: {unknown('kind of network', str(kind), _PARSERS)}")
    return _PARSERS[kind]({key: value for key, value in raw.items() if key != "kind"}, layout, where)


def plain_network(spec: NetworkSpec) -> dict[str, Any]:
    """Return the entry `network` of a manifest for a network: what `parse_network` reads, less what stands elsewhere in it."""
    if isinstance(spec, VLASpec):
        paced = {name: getattr(spec, name) for name in PACE if getattr(spec, name) is not None}
        return {"kind": VLA, "head": spec.head, "has_state": spec.has_state, **paced}
    return {
        "kind": "tabletop",
        "head": spec.head,
        "basis": spec.basis,
        "hidden": spec.hidden,
        "blocks": spec.blocks,
        "cameras_on": list(spec.cameras_on),
        "fov_deg": spec.fov_deg,
        "lower": list(spec.lower),
        "upper": list(spec.upper),
    }


def _tabletop(raw: Mapping[Any, Any], layout: NetworkLayout, where: str) -> TabletopSpec:
    elsewhere = ("dimensions", "horizon")  # the manifest's own values and horizon
    entries = [f.name for f in dataclasses.fields(TabletopSpec) if f.name not in elsewhere]
    for key in raw:
        if key not in entries:
            raise FineVLAError(f"{where}: {unknown('entry', str(key), entries)}")
    if missing := [key for key in entries if key not in raw]:
        raise FineVLAError(f"{where} has no '{missing[0]}'")
    if raw["head"] not in HEADS:
        raise FineVLAError(f"{where}: {unknown('head', str(raw['head']), HEADS)}")
    if len(layout.values) % ARMS or len(layout.values) < 2 * ARMS:
        raise FineVLAError(
            f"{where}: this network moves {ARMS} arms of joints and a gripper each, and 'values' has {len(layout.values)}"
        )
    if layout.images.height != layout.images.width:
        raise FineVLAError(
            f"{where}: this network sees square pictures, and 'images' says {layout.images.height}x{layout.images.width}"
        )
    lower, upper = (_numbers(raw[key], len(layout.values), f"'{key}' in {where}") for key in ("lower", "upper"))
    for name, low, high in zip(layout.values, lower, upper, strict=True):
        if not low < high:
            raise FineVLAError(f"{where}: 'lower' is not below 'upper' for value '{name}'")
    fov_deg = raw["fov_deg"]
    if not _is_number(fov_deg) or not 1.0 <= fov_deg <= 170.0:
        raise FineVLAError(f"'fov_deg' in {where} is {quoted(str(fov_deg))}; it must be a number from 1 to 170")
    return TabletopSpec(
        head=raw["head"],
        dimensions=len(layout.values),
        horizon=layout.horizon,
        basis=_whole(raw["basis"], 3, MAX_BASIS, f"'basis' in {where}"),
        hidden=_whole(raw["hidden"], 1, MAX_HIDDEN, f"'hidden' in {where}"),
        blocks=_whole(raw["blocks"], 0, MAX_BLOCKS, f"'blocks' in {where}"),
        cameras_on=_cameras_on(raw["cameras_on"], layout.cameras, f"'cameras_on' in {where}"),
        fov_deg=float(fov_deg),
        lower=lower,
        upper=upper,
    )


def _vla(raw: Mapping[Any, Any], layout: NetworkLayout, where: str) -> VLASpec:
    needed = ("head", "has_state")
    for key in raw:
        if key not in (*needed, *PACE):
            raise FineVLAError(f"{where}: {unknown('entry', str(key), (*needed, *PACE))}")
    if missing := [key for key in needed if key not in raw]:
        raise FineVLAError(f"{where} has no '{missing[0]}'")
    paced = {
        name: _whole(raw[name], low, MAX_PACE, f"'{name}' in {where}") for name, low in PACE.items() if name in raw
    }
    head, has_state = raw["head"], raw["has_state"]
    if not isinstance(head, str) or not head:
        raise FineVLAError(f"'head' in {where} is {quoted(str(head))}; it must be the name of an action head")
    if not isinstance(has_state, bool):
        raise FineVLAError(f"'has_state' in {where} is {quoted(str(has_state))}; it must be true or false")
    return VLASpec(head, has_state, len(layout.values), layout.horizon, layout.cameras, **paced)


_PARSERS: dict[str, Callable[[Mapping[Any, Any], NetworkLayout, str], NetworkSpec]] = {
    "tabletop": _tabletop,
    VLA: _vla,
}


def _cameras_on(raw: Any, count: int, where: str) -> tuple[int | None, ...]:
    is_good = isinstance(raw, list) and all(on is None or (type(on) is int and 0 <= on < ARMS) for on in raw)
    if not is_good or len(raw) != count:
        raise FineVLAError(
            f"{where} must say for each of the {count} cameras the arm that carries it: 0 left, 1 right, null for none"
        )
    return tuple(raw)


def _numbers(raw: Any, count: int, where: str) -> tuple[float, ...]:
    if not isinstance(raw, list) or len(raw) != count or not all(_is_number(value) for value in raw):
        raise FineVLAError(f"{where} must be a list of {count} finite numbers, one for each value")
    return tuple(float(value) for value in raw)


def _whole(raw: Any, low: int, high: int, where: str) -> int:
    if type(raw) is not int or not low <= raw <= high:
        raise FineVLAError(f"{where} is {quoted(str(raw))}; it must be a whole number from {low} to {high}")
    return raw


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
