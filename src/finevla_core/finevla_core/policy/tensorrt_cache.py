"""Where TensorRT's engines of a bundle are kept, so that only the first start builds them.

An engine fits one network on one kind of GPU under one version of everything: all of that is in the folder's name. The
folders lie beside the bundle and not in it: who is given a bundle must not be given engines with it, which nobody has checked.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from finevla_core.bundle import Bundle, used_files
from finevla_core.errors import FineVLAError
from finevla_core.manifest import MANIFEST
from finevla_core.recording.atomic_files import remove_abandoned, replace_folder, temporary_of, write_bytes
from finevla_core.recording.file_lock import lock

FOLDER = ".tensorrt"
CONTENTS = "contents.json"  # written last: what the engines are for, and the hash of each
ENGINES, TIMINGS = "*.engine", "*.timing"


@dataclass(frozen=True)
class Accelerator:
    """What TensorRT's engines depend on beside the network: the GPU's name, and versions."""

    gpu: str
    driver: str
    tensorrt: str
    onnxruntime: str

    @property
    def key(self) -> str:
        """A short name of this combination."""
        return _short_hash(asdict(self))


@dataclass(frozen=True)
class EngineCache:
    """The folder of a bundle's engines, whole or not there; `timings` are of all bundles on this GPU."""

    folder: Path
    timings: Path
    purpose: dict[str, str]

    @classmethod
    def of(cls, bundle: Bundle, accelerator: Accelerator, precision: str, store: Path) -> "EngineCache":
        """Return the cache in `store` for a bundle's networks on an accelerator."""
        manifest = bundle.manifest
        networks = {file: manifest.files[file] for file in sorted(used_files(manifest).values())}
        purpose = {**asdict(accelerator), "precision": precision, "bundle": _short_hash(networks)}
        name = re.sub(r"[^A-Za-z0-9_-]", "_", manifest.name)[:40]  # a bundle may be called as it likes
        return cls(store / f"{name}-{_short_hash(purpose)}", store / f"timings-{accelerator.key}", purpose)

    def is_complete(self) -> bool:
        """Return whether the engines are there, as they were written and for this purpose."""
        try:
            told = json.loads((self.folder / CONTENTS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return bool(told == {"purpose": self.purpose, "files": _hashes(self.folder)} and told["files"])

    @contextlib.contextmanager
    def alone(self, wait: Callable[[], None]) -> Iterator[None]:
        """Hold what two processes must not do at once; `wait` is called before waiting for another one."""
        with lock(self.folder.parent / "lock", wait):
            yield

    @contextlib.contextmanager
    def written(self) -> Iterator[Path]:
        """Give a folder for TensorRT to write to; it becomes the cache if nothing is raised, and is removed otherwise.

        Raises:
            FineVLAError: No engine was written, or the disk does not take it.
        """
        temporary = temporary_of(self.folder)
        try:
            remove_abandoned(self.folder.parent)
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(mode=0o700)
            for file in self.timings.glob(TIMINGS):
                shutil.copyfile(file, temporary / file.name)
            yield temporary
            files = _hashes(temporary)
            if not files:
                raise FineVLAError("TensorRT took no part of the network")
            text = json.dumps({"purpose": self.purpose, "files": files}, indent=1)
            (temporary / CONTENTS).write_text(text, encoding="utf-8")
            self.timings.mkdir(mode=0o700, exist_ok=True)
            for file in temporary.glob(TIMINGS):
                write_bytes(self.timings / file.name, file.read_bytes())
            replace_folder(temporary, self.folder)
        except OSError as error:
            raise FineVLAError(f"'{self.folder}' cannot be written: {error.strerror}") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def engine_store(bundle: Path, environment: Mapping[str, str]) -> tuple[Path | None, str]:
    """Return the folder for engines of the bundle in folder `bundle`, and what is to be said of it; empty = nothing.

    It is beside the bundle, where its files really lie; else in the user's cache; None where neither can be written.
    """
    beside = (bundle / MANIFEST).resolve().parent.parent / FOLDER
    home = Path(environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME", "/")) / ".cache")
    own = home / "finevla" / "tensorrt"
    if not (why := _unusable(beside)):
        return beside, ""
    if not (also := _unusable(own)):
        return own, f"TensorRT's engines are kept in '{own}', because '{beside}' {why}"
    return None, (
        f"TensorRT's engines are not kept and every start builds them: '{beside}' {why}, and '{own}' {also}; set "
        "XDG_CACHE_HOME to a folder of your own"
    )


def _unusable(folder: Path) -> str:
    """Why engines cannot be kept in a folder, or would not be this user's alone; empty = they can. It is made."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        return f"cannot be made ({error.strerror})"
    if not stat.S_ISDIR(found.st_mode):
        return "is a link"
    # An engine is a program for the GPU: nobody else may put one there.
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        return "belongs to others, or others may write to it"
    return "" if os.access(folder, os.W_OK | os.X_OK) else "cannot be written to"


def _hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each engine in a folder: one that is damaged must not reach TensorRT, which trusts it."""
    found = {}
    for path in sorted(folder.glob(ENGINES)):
        with path.open("rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _short_hash(values: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]
