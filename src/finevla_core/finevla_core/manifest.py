"""The manifest of a policy bundle: what a bundle says of itself, and what is refused in it."""

import dataclasses
import difflib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from finevla_core.chunk import JOININGS
from finevla_core.errors import FineVLAError, quoted
from finevla_core.images import ImageFormat
from finevla_core.language import READERS
from finevla_core.policy.manifest_transforms import parse_transforms
from finevla_core.policy.network_spec import VLA, NetworkLayout, NetworkSpec, parse_network
from finevla_core.policy.transforms import CameraChoice, Resize, Transforms

SCHEMA, OLD_SCHEMA = "finevla.bundle/3", "finevla.bundle/2"
MANIFEST = "manifest.yaml"
RUNTIMES = ("onnx", "torch", "remote")
DIALECTS = ("auto", "openpi", "starvla", "finevla_fork")
# What a bundle of each runtime may have beside the entries that all have.
ENTRIES_OF = {
    "onnx": ("policy_model", "text", "text_model", "reader", "seen_from", "network"),
    "torch": ("policy_model", "reader", "seen_from", "network"),
    "remote": ("remote",),
}
WEIGHTS_SUFFIX = ".safetensors"
NEEDED = ("name", "embodiment", "cameras", "images", "values", "horizon", "dt_s", "files")
MAX_HORIZON = 1000  # rows; a hundred times what policies use, so that a slip of the pen is not allocated
MAX_WORDS = 8000  # an instruction has at most 8000 characters
MAX_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class TextSpec:
    """How a policy reads: the file of its vocabulary, and how many words it takes at once."""

    vocabulary: str
    max_words: int


@dataclass(frozen=True)
class RemoteServer:
    """Where the policy of a bundle without weights answers, and how it is asked.

    `dialect` "auto" is told by the server's first frame; "finevla_fork" must be said. `images_key`, `state_key` and
    `prompt_key` are openpi's places in an observation; with an empty `images_key` the pictures stand at its top.
    `unnorm_key` is starVLA's choice of statistics.
    `token_env` names the environment variable that holds a token; the token itself is never written down. `statistics` is
    a file of the bundle, starVLA's `dataset_statistics.json`, for servers that answer normalised actions.
    """

    url: str
    dialect: str = DIALECTS[0]
    timeout_s: float = 1.0
    token_env: str = ""
    unnorm_key: str = ""
    images_key: str = "images"
    state_key: str = "state"
    prompt_key: str = "prompt"
    statistics: str = ""


@dataclass(frozen=True)
class Manifest:
    """What a bundle says of itself. `statistics` and `training` are for readers; what runs has its own copy.

    `cameras` are the policy's names and the robot's cameras behind them, in the policy's order; `images` is how it sees
    them, `transforms` what else stands between the robot and the policy (`finevla_core.policy.transforms`).

    A policy of the runtime "onnx" has words either as features, by `text` and `text_model`, or as slots, by the `reader` of
    that name in `finevla_core.language`; then it says what it understood. One of the runtime "torch" has a reader too. A
    network of kind "vla" has neither, in both runtimes: it reads the prompt itself (`reads_prompt`). `seen_from` is the
    likelihood from which one with an output `present` takes its target for seen.
    """

    name: str
    embodiment: str
    cameras: Mapping[str, str]
    images: ImageFormat
    values: tuple[str, ...]
    horizon: int
    dt_s: float
    files: Mapping[str, str]  # relative path -> SHA-256
    runtime: str = RUNTIMES[0]
    transforms: tuple[Any, ...] = ()  # as the file has them
    policy_model: str = ""
    text: TextSpec | None = None
    text_model: str = ""
    reader: str = ""
    seen_from: float = 0.5
    network: Mapping[str, Any] = field(default_factory=dict)  # as the file has it
    remote: RemoteServer | None = None
    joining: str = JOININGS[0]  # how its chunks are joined to the running one
    statistics: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    schema: str = SCHEMA

    @property
    def reads_prompt(self) -> bool:
        """Whether the policy reads the words of the prompt itself, with neither slots nor a text model here."""
        return self.network.get("kind") == VLA

    def pipeline(self) -> Transforms:
        """Return the transforms of this bundle, cameras and picture size first; raises `FineVLAError` for wrong ones."""
        steps = parse_transforms(list(self.transforms), self.values)
        regions = {name: self.images.region(camera) for name, camera in self.cameras.items()}
        return Transforms((CameraChoice(self.cameras), Resize(replace(self.images, regions=regions)), *steps))

    def network_spec(self) -> NetworkSpec:
        """Return the network that `network` describes; raises `FineVLAError` for one that is none."""
        layout = NetworkLayout(self.values, self.horizon, len(self.cameras), self.images)
        return parse_network(self.network, layout, f"entry 'network' of {MANIFEST}")


def parse_manifest(raw: Any) -> Manifest:
    """Return a manifest from the content of its file; raises `FineVLAError` that names the entry and what is wrong."""
    if not isinstance(raw, Mapping) or "schema" not in raw:
        raise FineVLAError(f"{MANIFEST} must start with 'schema: {SCHEMA}'")
    if raw["schema"] == OLD_SCHEMA:
        raw = _upgraded(raw)
    if raw["schema"] != SCHEMA:
        raise FineVLAError(
            f"{MANIFEST} is of schema '{raw['schema']}', this version reads '{SCHEMA}' and '{OLD_SCHEMA}' only; take a "
            "bundle of this version, or train and export it again"
        )
    known = [entry.name for entry in dataclasses.fields(Manifest)]
    _check_keys(raw, known, NEEDED, MANIFEST)
    runtime = _one_of(raw, "runtime", RUNTIMES) if "runtime" in raw else RUNTIMES[0]
    _check_runtime(raw, runtime)
    files = _typed(raw, "files", dict)
    manifest = Manifest(
        name=_typed(raw, "name", str),
        embodiment=_typed(raw, "embodiment", str),
        cameras=_cameras(raw),
        images=_image_format(raw),
        values=_names(raw, "values"),
        horizon=_whole(raw, "horizon", 2, MAX_HORIZON),
        dt_s=float(_typed(raw, "dt_s", float, int)),
        files={str(name): str(digest).lower() for name, digest in files.items()},
        runtime=runtime,
        transforms=tuple(_typed(raw, "transforms", list)) if raw.get("transforms") else (),
        policy_model=_typed(raw, "policy_model", str) if "policy_model" in raw else "",
        text=_text_spec(raw) if "text" in raw else None,
        text_model=_typed(raw, "text_model", str) if "text_model" in raw else "",
        reader=_one_of(raw, "reader", READERS) if "reader" in raw else "",
        seen_from=float(_typed(raw, "seen_from", float)) if "seen_from" in raw else Manifest.seen_from,
        network=_typed(raw, "network", dict) if "network" in raw else {},
        remote=_remote_server(raw) if "remote" in raw else None,
        joining=_one_of(raw, "joining", JOININGS) if "joining" in raw else JOININGS[0],
        statistics=_typed(raw, "statistics", dict) if raw.get("statistics") else {},
        training=_typed(raw, "training", dict) if raw.get("training") else {},
    )
    if not 0.0 < manifest.dt_s < 10.0:
        raise FineVLAError(f"entry 'dt_s' of {MANIFEST} is {manifest.dt_s}; it must be between 0 and 10 seconds")
    if not 0.0 < manifest.seen_from < 1.0:
        raise FineVLAError(f"entry 'seen_from' of {MANIFEST} is {manifest.seen_from}; it must be between 0 and 1")
    if odd := [camera for camera in manifest.images.regions if camera not in manifest.cameras.values()]:
        raise FineVLAError(
            f"'regions' of entry 'images' of {MANIFEST} names camera {quoted(odd[0])}; the policy looks at "
            f"{', '.join(manifest.cameras.values())}"
        )
    manifest.pipeline()
    if manifest.network:
        manifest.network_spec()
    return manifest


def plain_manifest(manifest: Manifest) -> dict[str, Any]:
    """Return a manifest as plain data for its file, without what is empty."""
    plain = {key: value for key, value in dataclasses.asdict(manifest).items() if value not in (None, "", (), {})}
    if manifest.runtime == "remote":
        plain.pop("seen_from")
    plain["files"] = dict(manifest.files)
    plain["images"] = manifest.images.plain()
    names = list(manifest.cameras.values())
    plain["cameras"] = names if list(manifest.cameras) == names else dict(manifest.cameras)
    return {"schema": plain.pop("schema")} | {k: list(v) if isinstance(v, tuple) else v for k, v in plain.items()}


def _upgraded(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest of the schema before, whose pictures were always cut to their shape."""
    made = {key: value for key, value in raw.items() if key not in ("image_height", "image_width")}
    if missing := [key for key in ("image_height", "image_width") if key not in raw]:
        raise FineVLAError(f"{MANIFEST} has no entry '{missing[0]}'")
    return made | {"schema": SCHEMA, "images": {"height": raw["image_height"], "width": raw["image_width"]}}


def _check_runtime(raw: Mapping[str, Any], runtime: str) -> None:
    """Each runtime has its entries, and no other's."""
    for other, entries in ENTRIES_OF.items():
        if odd := [key for key in entries if key in raw and key not in ENTRIES_OF[runtime]]:
            raise FineVLAError(
                f"entry '{odd[0]}' of {MANIFEST} belongs to the runtime '{other}', this bundle's is '{runtime}'"
            )
    needed = {"onnx": ("policy_model",), "torch": ("policy_model", "network"), "remote": ("remote",)}
    if missing := [key for key in needed[runtime] if key not in raw]:
        raise FineVLAError(f"{MANIFEST} has no entry '{missing[0]}', which the runtime '{runtime}' needs")
    network = raw.get("network")
    reads_prompt = isinstance(network, Mapping) and network.get("kind") == VLA
    if reads_prompt and (readers := [key for key in ("reader", "text", "text_model") if key in raw]):
        raise FineVLAError(
            f"{MANIFEST} has an entry '{readers[0]}', and a network of kind '{VLA}' reads the prompt itself"
        )
    if runtime == "onnx" and not reads_prompt:
        if network is not None:
            raise FineVLAError(
                f"entry 'network' of {MANIFEST} belongs to the runtime 'torch', unless it is of kind '{VLA}'; this bundle's "
                "is 'onnx'"
            )
        if ("reader" in raw) == ("text" in raw) or ("text" in raw) != ("text_model" in raw):
            raise FineVLAError(f"{MANIFEST} must have either the entry 'reader', or both 'text' and 'text_model'")
    if runtime == "torch" and "reader" not in raw and not reads_prompt:
        raise FineVLAError(f"{MANIFEST} has no entry 'reader', which the runtime 'torch' needs")
    if runtime == "torch" and not str(raw["policy_model"]).endswith(WEIGHTS_SUFFIX):
        raise FineVLAError(
            f"entry 'policy_model' of {MANIFEST} is {quoted(str(raw['policy_model']))}; of the runtime 'torch' it is a file "
            f"of weights, *{WEIGHTS_SUFFIX}"
        )


def _cameras(raw: Mapping[str, Any]) -> dict[str, str]:
    """Policy's names of cameras and the robot's; a list means that they are the same."""
    if not isinstance(raw["cameras"], Mapping):
        return {name: name for name in _names(raw, "cameras")}
    named = raw["cameras"]
    if not named or not all(isinstance(word, str) and word for pair in named.items() for word in pair):
        raise FineVLAError(f"entry 'cameras' of {MANIFEST} must map at least one name of the policy to a camera's")
    return dict(named)


def _image_format(raw: Mapping[str, Any]) -> ImageFormat:
    entries = [entry.name for entry in dataclasses.fields(ImageFormat)]
    images = _typed(raw, "images", dict)
    _check_keys(images, entries, ("height", "width"), f"entry 'images' of {MANIFEST}")
    try:
        return ImageFormat(**images)
    except FineVLAError as error:
        raise FineVLAError(f"entry 'images' of {MANIFEST}: {error}") from error


def _remote_server(raw: Mapping[str, Any]) -> RemoteServer:
    fields = {entry.name: entry for entry in dataclasses.fields(RemoteServer)}
    entry, where = _typed(raw, "remote", dict), f"entry 'remote' of {MANIFEST}"
    _check_keys(entry, list(fields), ("url",), where)
    for key, value in entry.items():
        wanted = (float, int) if fields[key].type is float else (str,)
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise FineVLAError(f"'{key}' in {where} is {quoted(str(value))}; it must be of type {wanted[0].__name__}")
    server = RemoteServer(**entry)
    if server.dialect not in DIALECTS:
        raise FineVLAError(f"'dialect' in {where} is '{server.dialect}'; known are {', '.join(DIALECTS)}")
    if not (math.isfinite(server.timeout_s) and 0.0 < server.timeout_s <= MAX_TIMEOUT_S):
        raise FineVLAError(
            f"'timeout_s' in {where} is {server.timeout_s}; it must be above 0, at most {MAX_TIMEOUT_S} s"
        )
    check_server_url(server.url, f"'url' in {where}")
    return server


def check_server_url(url: str, where: str) -> None:
    """Refuse what is no address of a policy server; `where` begins the sentence."""
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port is not None
    except ValueError:
        is_good = False
    if not is_good:
        raise FineVLAError(
            f"{where} is {quoted(url)}; it must be like ws://gpu-host:8000 (wss:// where the server has TLS)"
        )
    if parts.username or parts.password:
        raise FineVLAError(
            f"{where} holds a name or a password; put a token into the environment and name it by token_env"
        )


def _text_spec(raw: Mapping[str, Any]) -> TextSpec:
    entries = [entry.name for entry in dataclasses.fields(TextSpec)]
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
