"""Policy bundles: a directory with a manifest, ONNX files and a card; verified whole before anything in it is used."""

import contextlib
import dataclasses
import difflib
import hashlib
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from finevla_core.chunk import JOININGS
from finevla_core.embodiment import Embodiment
from finevla_core.errors import FineVLAError
from finevla_core.language import READERS

SCHEMA = "finevla.bundle/2"
MANIFEST = "manifest.yaml"
OPTIONAL = ("text", "text_model", "reader", "seen_from", "joining", "statistics", "training")
MAX_HORIZON = 1000  # rows; a hundred times what policies use, so that a slip of the pen is not allocated
MAX_PIXELS = 4096  # image edge
MAX_WORDS = 8000  # an instruction has at most 8000 characters


@dataclass(frozen=True)
class TextSpec:
    """How a policy reads: the file of its vocabulary, and how many words it takes at once."""

    vocabulary: str
    max_words: int


@dataclass(frozen=True)
class Manifest:
    """What a bundle says of itself. `statistics` is for training and readers; the ONNX graph holds its own copy.

    Words come to the policy either as features, by `text` and `text_model`, or as slots, by the `reader` of that name in
    `finevla_core.language`; then the policy says what it understood. `seen_from` is the likelihood from which a policy
    with an output `present` takes its target for seen.
    """

    name: str
    embodiment: str
    cameras: tuple[str, ...]
    image_height: int
    image_width: int
    values: tuple[str, ...]
    horizon: int
    dt_s: float
    policy_model: str
    files: Mapping[str, str]  # relative path -> SHA-256
    text: TextSpec | None = None
    text_model: str = ""
    reader: str = ""
    seen_from: float = 0.5
    joining: str = JOININGS[0]  # how its chunks are joined to the running one
    statistics: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    training: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    schema: str = SCHEMA


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
        text = " ".join(str(error).split())
        raise FineVLAError(f"bundle '{path}': {MANIFEST} cannot be read: {text}") from error
    try:
        manifest = _manifest(raw)
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


def used_files(manifest: Manifest) -> dict[str, str]:
    """Return the files that a policy runs on, by their entry in the manifest."""
    files = {"policy_model": manifest.policy_model}
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
    if missing := [camera for camera in manifest.cameras if camera not in embodiment.camera_names]:
        raise FineVLAError(f"{where} needs camera '{missing[0]}', which robot '{embodiment.name}' lacks - {advice}")
    size = (embodiment.image_height, embodiment.image_width)
    if size != (manifest.image_height, manifest.image_width):
        raise FineVLAError(
            f"{where} needs images of {manifest.image_height}x{manifest.image_width} (height x width), robot "
            f"'{embodiment.name}' gives {size[0]}x{size[1]} - set observation.height and width in the robot file"
        )


def write_bundle(path: Path, manifest: Manifest, contents: Mapping[str, bytes]) -> Bundle:
    """Write a bundle whole or not at all; `manifest.files` is filled in from `contents`.

    It is verified before it takes its place, and a bundle that stood there stays until then.
    """
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    manifest = dataclasses.replace(manifest, files=hashes)
    for name in contents:
        _check_confined(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    replaced = path.with_name(f".{path.name}.{os.getpid()}.old")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        for name, data in contents.items():
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            (temporary / name).write_bytes(data)
        (temporary / MANIFEST).write_text(_yaml(manifest), encoding="utf-8")
        load_bundle(temporary)
        with contextlib.suppress(FileNotFoundError):
            path.rename(replaced)
        temporary.rename(path)
    except BaseException:
        if replaced.exists() and not path.exists():
            replaced.rename(path)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)
    return load_bundle(path)


def _yaml(manifest: Manifest) -> str:
    plain = dataclasses.asdict(manifest)
    plain = {key: value for key, value in plain.items() if value not in (None, "")}
    plain = {"schema": plain.pop("schema")} | {k: list(v) if isinstance(v, tuple) else v for k, v in plain.items()}
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def _manifest(raw: Any) -> Manifest:
    if not isinstance(raw, Mapping) or "schema" not in raw:
        raise FineVLAError(f"{MANIFEST} must start with 'schema: {SCHEMA}'")
    if raw["schema"] != SCHEMA:
        raise FineVLAError(
            f"{MANIFEST} is of schema '{raw['schema']}', this version reads '{SCHEMA}' only; take a bundle of this "
            "version, or train and export it again"
        )
    known = [field.name for field in dataclasses.fields(Manifest)]
    _check_keys(raw, known, [k for k in known if k not in OPTIONAL], MANIFEST)
    if ("reader" in raw) == ("text" in raw) or ("text" in raw) != ("text_model" in raw):
        raise FineVLAError(f"{MANIFEST} must have either the entry 'reader', or both 'text' and 'text_model'")
    files = _typed(raw, "files", dict)
    manifest = Manifest(
        name=_typed(raw, "name", str),
        embodiment=_typed(raw, "embodiment", str),
        cameras=_names(raw, "cameras"),
        image_height=_whole(raw, "image_height", 1, MAX_PIXELS),
        image_width=_whole(raw, "image_width", 1, MAX_PIXELS),
        values=_names(raw, "values"),
        horizon=_whole(raw, "horizon", 2, MAX_HORIZON),
        dt_s=float(_typed(raw, "dt_s", float, int)),
        text=_text_spec(raw) if "text" in raw else None,
        text_model=_typed(raw, "text_model", str) if "text_model" in raw else "",
        reader=_one_of(raw, "reader", READERS) if "reader" in raw else "",
        seen_from=float(_typed(raw, "seen_from", float)) if "seen_from" in raw else Manifest.seen_from,
        policy_model=_typed(raw, "policy_model", str),
        files={str(name): str(digest).lower() for name, digest in files.items()},
        joining=_one_of(raw, "joining", JOININGS) if "joining" in raw else JOININGS[0],
        statistics=_typed(raw, "statistics", dict) if raw.get("statistics") else {},
        training=_typed(raw, "training", dict) if raw.get("training") else {},
    )
    if not 0.0 < manifest.dt_s < 10.0:
        raise FineVLAError(f"entry 'dt_s' of {MANIFEST} is {manifest.dt_s}; it must be between 0 and 10 seconds")
    if not 0.0 < manifest.seen_from < 1.0:
        raise FineVLAError(f"entry 'seen_from' of {MANIFEST} is {manifest.seen_from}; it must be between 0 and 1")
    return manifest


def _text_spec(raw: Mapping[str, Any]) -> TextSpec:
    entries = [field.name for field in dataclasses.fields(TextSpec)]
    text = _typed(raw, "text", dict)
    _check_keys(text, entries, entries, f"entry 'text' of {MANIFEST}")
    return TextSpec(_typed(text, "vocabulary", str), _whole(text, "max_words", 1, MAX_WORDS))


def _check_keys(raw: Mapping[str, Any], known: Collection[str], needed: Collection[str], where: str) -> None:
    for key in raw:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            raise FineVLAError(f"unknown entry '{key}' in {where}" + (f"; did you mean '{near[0]}'?" if near else ""))
    if missing := [key for key in needed if key not in raw]:
        raise FineVLAError(f"{where} has no entry '{missing[0]}'")


def _typed(raw: Mapping[str, Any], key: str, *kinds: type) -> Any:
    value = raw[key]
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise FineVLAError(f"entry '{key}' of {MANIFEST} must be of type {kinds[0].__name__}, not {value!r}")
    return value


def _whole(raw: Mapping[str, Any], key: str, low: int, high: int) -> int:
    value: int = _typed(raw, key, int)
    if not low <= value <= high:
        raise FineVLAError(f"entry '{key}' of {MANIFEST} is {value}; it must be between {low} and {high}")
    return value


def _one_of(raw: Mapping[str, Any], key: str, known: Sequence[str]) -> str:
    word: str = _typed(raw, key, str)
    if word not in known:
        raise FineVLAError(f"entry '{key}' of {MANIFEST} is '{word}'; known are {', '.join(known)}")
    return word


def _names(raw: Mapping[str, Any], key: str) -> tuple[str, ...]:
    names = _typed(raw, key, list)
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
        raise FineVLAError(f"entry '{key}' of {MANIFEST} must list at least one name, each once")
    return tuple(names)


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
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != digest:
        raise FineVLAError(f"file '{relative}' does not match its SHA-256; it was changed or cut; copy it again")
