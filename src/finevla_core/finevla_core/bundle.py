"""Policy bundles: a directory with a manifest, ONNX files and a card; verified whole before anything in it is used."""

import dataclasses
import difflib
import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.text import TextSpec

SCHEMA = "finevla.bundle/1"
MANIFEST = "manifest.yaml"


@dataclass(frozen=True)
class Manifest:
    """What a bundle says of itself. `statistics` is for training and readers; the ONNX graph holds its own copy."""

    name: str
    embodiment: str
    cameras: tuple[str, ...]
    image_height: int
    image_width: int
    values: tuple[str, ...]
    horizon: int
    dt_s: float
    text: TextSpec
    text_model: str
    policy_model: str
    files: Mapping[str, str]  # relative path -> SHA-256
    statistics: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    training: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    schema: str = SCHEMA


@dataclass(frozen=True)
class Bundle:
    """A verified bundle on disk."""

    path: Path
    manifest: Manifest

    @property
    def text_model(self) -> Path:
        """ONNX file of the text encoder."""
        return self.path / self.manifest.text_model

    @property
    def policy_model(self) -> Path:
        """ONNX file of the policy."""
        return self.path / self.manifest.policy_model


def load_bundle(path: str | Path) -> Bundle:
    """Read and verify a bundle: schema, confinement of paths, hashes; raises `FineVLAError` naming what is wrong."""
    path = Path(path)
    if not (path / MANIFEST).is_file():
        raise FineVLAError(f"bundle '{path}' has no {MANIFEST}; give the directory of a policy bundle")
    try:
        raw = yaml.safe_load((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FineVLAError(f"bundle '{path}': {MANIFEST} cannot be read: {error}") from error
    try:
        manifest = _manifest(raw)
        for model in (manifest.text_model, manifest.policy_model):
            if model not in manifest.files:
                raise FineVLAError(f"'{model}' is not listed under files")
        for relative, digest in manifest.files.items():
            _verify(path, relative, digest)
    except FineVLAError as error:
        raise FineVLAError(f"bundle '{path}': {error}") from error
    return Bundle(path, manifest)


def check_embodiment(bundle: Bundle, embodiment: Embodiment) -> None:
    """Refuse a bundle made for another robot, with the difference named."""
    manifest, where = bundle.manifest, f"bundle '{bundle.path}'"
    advice = "pick a bundle for this robot or another robot file"
    if manifest.embodiment != embodiment.name:
        raise FineVLAError(f"{where} is for robot '{manifest.embodiment}', not '{embodiment.name}' - {advice}")
    if len(manifest.values) != len(embodiment.names):
        raise FineVLAError(
            f"{where}: action layout has {len(manifest.values)} values, robot '{embodiment.name}' needs "
            f"{len(embodiment.names)} - {advice}"
        )
    for ours, theirs in zip(embodiment.names, manifest.values, strict=True):
        if ours != theirs:
            raise FineVLAError(f"{where}: value '{theirs}' stands where the robot has '{ours}' - {advice}")
    if missing := [camera for camera in manifest.cameras if camera not in embodiment.camera_names]:
        raise FineVLAError(f"{where} needs camera '{missing[0]}', which robot '{embodiment.name}' lacks - {advice}")


def write_bundle(path: Path, manifest: Manifest, contents: Mapping[str, bytes]) -> Bundle:
    """Write a bundle whole or not at all; `manifest.files` is filled in from `contents`."""
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    manifest = dataclasses.replace(manifest, files=hashes)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for name, data in contents.items():
        (temporary / name).write_bytes(data)
    (temporary / MANIFEST).write_text(_yaml(manifest), encoding="utf-8")
    if path.exists():
        shutil.rmtree(path)
    temporary.rename(path)
    return load_bundle(path)


def _yaml(manifest: Manifest) -> str:
    plain = dataclasses.asdict(manifest)
    plain = {"schema": plain.pop("schema")} | {k: list(v) if isinstance(v, tuple) else v for k, v in plain.items()}
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def _manifest(raw: Any) -> Manifest:
    if not isinstance(raw, Mapping) or raw.get("schema") != SCHEMA:
        raise FineVLAError(f"{MANIFEST} must start with 'schema: {SCHEMA}'")
    known = {field.name for field in dataclasses.fields(Manifest)}
    for key in raw:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            raise FineVLAError(f"unknown entry '{key}' in {MANIFEST}" + (f"; did you mean '{near[0]}'?" if near else ""))
    try:
        manifest = Manifest(
            name=str(raw["name"]),
            embodiment=str(raw["embodiment"]),
            cameras=tuple(map(str, raw["cameras"])),
            image_height=int(raw["image_height"]),
            image_width=int(raw["image_width"]),
            values=tuple(map(str, raw["values"])),
            horizon=int(raw["horizon"]),
            dt_s=float(raw["dt_s"]),
            text=TextSpec(**{key: int(value) for key, value in raw["text"].items()}),
            text_model=str(raw["text_model"]),
            policy_model=str(raw["policy_model"]),
            files={str(name): str(digest) for name, digest in raw["files"].items()},
            statistics=dict(raw.get("statistics") or {}),
            training=dict(raw.get("training") or {}),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FineVLAError(f"{MANIFEST} has a missing or malformed entry: {error}") from error
    if manifest.horizon < 2 or manifest.dt_s <= 0 or min(dataclasses.astuple(manifest.text)) < 1:
        raise FineVLAError(f"{MANIFEST}: horizon must be at least 2, dt_s and the text sizes positive")
    return manifest


def _verify(root: Path, relative: str, digest: str) -> None:
    path = root / relative
    confined = not Path(relative).is_absolute() and path.resolve().is_relative_to(root.resolve())
    if not confined:
        raise FineVLAError(f"file '{relative}' lies outside the bundle; every file must be inside it")
    if not path.is_file():
        raise FineVLAError(f"file '{relative}' is missing; copy the whole bundle again")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != digest:
        raise FineVLAError(f"file '{relative}' does not match its SHA-256; it was changed or cut, copy the bundle again")
