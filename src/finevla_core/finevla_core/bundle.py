"""Policy bundles: a directory with a manifest, files of networks and a card; verified whole before anything is used."""

import dataclasses
import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import yaml

from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.manifest import MANIFEST, Manifest, parse_manifest, plain_manifest
from finevla_core.recording.atomic_files import remove_abandoned, replace_folder, temporary_of
from finevla_core.text_files import read_settings


@dataclass(frozen=True)
class Bundle:
    """A verified bundle on disk."""

    path: Path
    manifest: Manifest

    @property
    def vocabulary(self) -> Path:
        """File of the vocabulary that the text encoder was made with; raises `FineVLAError` if there is none."""
        if self.manifest.text is None:
            raise FineVLAError(
                f"bundle '{self.path}' has no vocabulary: its words are read by '{self.manifest.reader}'"
            )
        return self.path / self.manifest.text.vocabulary

    @property
    def text_model(self) -> Path:
        """ONNX file of the text encoder."""
        return self.path / self.manifest.text_model

    @property
    def policy_model(self) -> Path:
        """File of the policy: an ONNX graph, or a network's weights."""
        return self.path / self.manifest.policy_model


def load_bundle(path: str | Path) -> Bundle:
    """Read and verify a bundle: schema, confinement of paths, hashes; raises `FineVLAError` naming what is wrong."""
    path = Path(path)
    manifest = read_manifest(path)
    try:
        for entry, file in used_files(manifest).items():
            if file not in manifest.files:
                raise FineVLAError(f"{entry} '{file}' is not listed under files")
        # Installed files may be links into the source tree; the bundle is where its manifest really lies.
        root = (path / MANIFEST).resolve().parent
        for relative, digest in manifest.files.items():
            _verify(path, root, relative, digest)
    except FineVLAError as error:
        raise FineVLAError(f"bundle '{path}': {error}") from error
    return Bundle(path, manifest)


def read_manifest(path: Path) -> Manifest:
    """Return what the bundle in a folder says of itself, its other files unseen; raises `FineVLAError` naming the bundle."""
    if not (path / MANIFEST).is_file():
        raise FineVLAError(f"bundle '{path}' has no {MANIFEST}; give the directory of a policy bundle")
    raw = read_settings(path / MANIFEST, f"bundle '{path}': {MANIFEST}:")
    try:
        return parse_manifest(raw)
    except FineVLAError as error:
        raise FineVLAError(f"bundle '{path}': {error}") from error


def used_files(manifest: Manifest) -> dict[str, str]:
    """Return the files that a policy runs on, by their entry in the manifest."""
    files = {"policy_model": manifest.policy_model} if manifest.policy_model else {}
    if manifest.remote is not None and manifest.remote.statistics:
        files["remote.statistics"] = manifest.remote.statistics
    if manifest.text is not None:
        files |= {"text.vocabulary": manifest.text.vocabulary, "text_model": manifest.text_model}
    return files


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
    if missing := [camera for camera in manifest.cameras.values() if camera not in embodiment.camera_names]:
        raise FineVLAError(f"{where} needs camera '{missing[0]}', which robot '{embodiment.name}' lacks - {advice}")


def write_bundle(path: Path, manifest: Manifest, contents: Mapping[str, bytes | Path]) -> Bundle:
    """Write a bundle whole or not at all; `manifest.files` is filled in from `contents`, bytes or files to copy.

    It is verified before it takes its place, and a bundle that stood there stays until then.
    """
    hashes = {name: _digest(data) for name, data in contents.items()}
    manifest = dataclasses.replace(manifest, files=hashes)
    for name in contents:
        _check_confined(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(path.parent)
    temporary = temporary_of(path)
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        for name, data in contents.items():
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            if isinstance(data, Path):
                shutil.copyfile(data, temporary / name)
            else:
                (temporary / name).write_bytes(data)
        text = yaml.safe_dump(plain_manifest(manifest), sort_keys=False, allow_unicode=True)
        (temporary / MANIFEST).write_text(text, encoding="utf-8")
        load_bundle(temporary)
        replace_folder(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return load_bundle(path)


def _digest(content: bytes | Path) -> str:
    """SHA-256 of what a file of a bundle holds; large files are not read into memory."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_confined(relative: str) -> None:
    path = PurePosixPath(relative)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in relative:
        raise FineVLAError(f"file '{relative}' lies outside the bundle; every file must be inside it")


def _verify(folder: Path, root: Path, relative: str, digest: str) -> None:
    _check_confined(relative)
    path = folder / relative
    if not path.resolve().is_relative_to(root):
        raise FineVLAError(f"file '{relative}' is a link that leads outside the bundle; put the file itself there")
    if not path.is_file():
        raise FineVLAError(f"file '{relative}' is missing; copy the whole bundle again")
    if _digest(path) != digest:
        raise FineVLAError(f"file '{relative}' does not match its SHA-256; it was changed or cut; copy it again")
