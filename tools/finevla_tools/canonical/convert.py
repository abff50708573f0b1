"""A data set to a folder of unified episodes, and such a folder back to the data set's own columns.

A folder says of what input, map and options each of its files was made; only files that say the same are taken for done.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from finevla_core.errors import FineVLAError, is_disk_full, unwritable
from finevla_core.pointer_files import refuse_no_content
from finevla_core.text_files import read_json
from finevla_core.urdf import expand
from finevla_tools.canonical.arm_kinematics import forward_of, load_robot
from finevla_tools.canonical.field_map import FieldMap, modality_map
from finevla_tools.canonical.field_map_choice import MODALITY_FILE
from finevla_tools.canonical.rotations import Array
from finevla_tools.canonical.unified_files import (
    META_FILE,
    meta_json,
    read_meta,
    read_unified,
    signature_of,
    write_json,
)
from finevla_tools.canonical.unified_files import write_unified as write_file
from finevla_tools.canonical.unified_values import Rules, Targets, Unified, restore, unify
from finevla_tools.crash_report import Unexpected, remember, unexpected
from finevla_tools.datasets.frame_times import STAMPS, refuse_impossible_times
from finevla_tools.datasets.lerobot_files import EpisodeFile, LeRobotFiles, values
from finevla_tools.work.parallel_map import over
from finevla_tools.work.progress import Progress
from finevla_tools.work.staged_output import Staged, workplace

FORMAT = 1  # counted up when the same input and options give other files
RECORD_FILE = "finevla_canonical.json"


@dataclass(frozen=True)
class CanonicalOptions:
    """How to make the folder."""

    rules: Rules
    doubles: bool = False
    jobs: int = 1
    episodes: int | None = None  # only the first ones
    force: bool = False


@dataclass
class CanonicalOutcome:
    """Result of a run: episodes made, episodes kept from before, and a sentence for each one that failed."""

    folder: Path
    made: int = 0
    kept: int = 0
    failed: dict[int, str] = field(default_factory=dict)

    @property
    def is_untouched(self) -> bool:
        """Whether nothing was made and nothing failed: all was there before."""
        return self.made == 0 and not self.failed


def load_episode(dataset: LeRobotFiles, episode: EpisodeFile, rules: Rules) -> Unified:
    """One episode of a data set as the 80 values; raises `FineVLAError` that names it."""
    table = dataset.read(episode, (*rules.map.keys, STAMPS))
    where = f"'{episode.path}'" if not episode.is_shared else f"'{episode.path}', episode {episode.index}"
    columns = {key: values(table, key, where) for key in rules.map.keys}
    if not table.num_rows:
        raise FineVLAError(f"{where} has no frames")
    if not rules.compat:  # FineVLA takes them as they are
        refuse_impossible_times(table, dataset.fps, where)
    return unify(columns, rules, _forward(rules.map), where)


def convert(dataset: LeRobotFiles, out: Path, options: CanonicalOptions) -> CanonicalOutcome:
    """Write `out`, resuming what was interrupted; raises `FineVLAError` if `out` is of another input or other options."""
    episodes = dataset.episodes[: options.episodes]
    if not episodes:
        raise FineVLAError(f"'{dataset.root}' has no episodes")
    _forward(options.rules.map)  # a map that does not fit its robot is refused before anything is written
    salt = _salt(options)
    if out.exists() and not options.force:
        return _existing(dataset, episodes, out, salt)
    busy = f"'{out}' is being made by another process; wait, or name another --out"
    with workplace(out, out.with_name(f".{out.name}.partial"), busy, may_replace=options.force) as work:
        return _make_all(dataset, episodes, options, salt, work, out)


def _make_all(
    dataset: LeRobotFiles,
    episodes: tuple[EpisodeFile, ...],
    options: CanonicalOptions,
    salt: str,
    work: Path,
    out: Path,
) -> CanonicalOutcome:
    outcome = CanonicalOutcome(out)
    try:
        work.mkdir(exist_ok=True)
    except OSError as error:
        raise unwritable(out, error) from error
    job = partial(_make, dataset, options, salt, work, out)
    with Progress("canonicalise", len(episodes)) as progress:
        for episode, (how, said, odd) in over(job, episodes, options.jobs):
            progress.step()
            remember(odd)
            if how == "failed":
                outcome.failed[episode.index] = said
            elif how == "made":
                outcome.made += 1
            else:
                outcome.kept += 1
    wanted = {f"{e.name}.parquet" for e in episodes if e.index not in outcome.failed}
    for path in work.glob("*.parquet"):  # of an interrupted run with more episodes, or of one that has failed since
        if path.name not in wanted:
            path.unlink()
    if not wanted:
        shutil.rmtree(work.parent)
        raise FineVLAError(f"no episode could be converted; the first: {next(iter(outcome.failed.values()))}")
    sizes = _column_sizes(dataset, options.rules.map, [e for e in episodes if e.index not in outcome.failed])
    write_json(work / META_FILE, meta_json(options.rules.targets, options.doubles))
    write_json(work / MODALITY_FILE, options.rules.map.modality())
    write_json(work / RECORD_FILE, _record(dataset, options, salt, outcome, sizes))
    return outcome


def restored(folder: Path, out: Path) -> int:
    """Write the data set's own columns of every unified episode to `out`, one Parquet each; how many there were."""
    if not (folder / RECORD_FILE).is_file():
        raise FineVLAError(
            f"'{folder}' was not made by 'finevla canonicalise': it has no {RECORD_FILE}; give the folder that was"
        )
    record = read_json(folder / RECORD_FILE)
    targets = read_meta(folder / META_FILE)
    fields = modality_map(folder / MODALITY_FILE)
    kinds = record.get("columns") if isinstance(record, dict) else None
    if not isinstance(kinds, dict) or not all(
        isinstance(k, dict) and {"size", "dtype"} <= set(k) for k in kinds.values()
    ):
        raise FineVLAError(f"'{folder / RECORD_FILE}' does not say what the data set's columns were")
    rules = Rules(fields, targets, bool(record.get("compat")))
    sizes = {key: int(kind["size"]) for key, kind in kinds.items()}
    paths = sorted(folder.glob("episode_*.parquet"))
    with Staged(out) as made:
        made.mkdir()
        for path in paths:
            found = restore(read_unified(path), rules, sizes, f"'{path}'")
            columns = {key: _column(array, str(kinds[key]["dtype"])) for key, array in found.items()}
            pq.write_table(pa.table(columns), made / path.name)
    return len(paths)


def _make(
    dataset: LeRobotFiles, options: CanonicalOptions, salt: str, work: Path, before: Path, episode: EpisodeFile
) -> tuple[str, str, Unexpected | None]:
    """In a worker: one episode, unless a file says that it is made of the same; what became of it, and why."""
    name = f"{episode.name}.parquet"
    try:
        signature = _signature(salt, dataset, episode)
        for folder in (work, before):
            if signature_of(folder / name) == signature:
                if folder is before:
                    with suppress(FileExistsError):
                        os.link(before / name, work / name)
                return "kept", "", None
        unified = load_episode(dataset, episode, options.rules)
        if options.rules.compat:  # FineVLA computes in float32 and stores that as doubles
            state, action = (a.astype(np.float32).astype(np.float64) for a in (unified.state, unified.action))
            unified = replace(unified, state=state, action=action)
        write_file(work / name, unified, options.doubles, signature)
    except Exception as error:  # what nobody foresaw costs this episode, not those beside it
        if is_disk_full(error):
            raise unwritable(work / name, error) from error
        if isinstance(error, FineVLAError):
            return "failed", str(error), None
        if isinstance(error, OSError):
            return "failed", str(unwritable(work / name, error)), None
        odd = unexpected(f"'{dataset.root}', episode {episode.index}", error)
        return "failed", odd.sentence, odd
    return "made", "", None


def _existing(dataset: LeRobotFiles, episodes: tuple[EpisodeFile, ...], out: Path, salt: str) -> CanonicalOutcome:
    """What is there, if it is what would be made now."""
    record = read_json(out / RECORD_FILE) if (out / RECORD_FILE).is_file() else None
    failed = record.get("failed") if isinstance(record, dict) else None
    outcome = CanonicalOutcome(out)
    if isinstance(failed, dict) and record is not None and record.get("options") == salt:
        for episode in episodes:
            if str(episode.index) in failed:
                break  # it may be mended by now
            if signature_of(out / f"{episode.name}.parquet") != _signature(salt, dataset, episode):
                break
            outcome.kept += 1
        there = len(list(out.glob("episode_*.parquet")))
        if outcome.kept == len(episodes) == there:
            return outcome
    raise FineVLAError(
        f"'{out}' exists and is not what this input and these options make; --force makes anew what differs, "
        "--out names another folder"
    )


def _record(
    dataset: LeRobotFiles, options: CanonicalOptions, salt: str, outcome: CanonicalOutcome, columns: Mapping[str, Any]
) -> dict[str, Any]:
    fields = options.rules.map
    lossless = options.doubles and not options.rules.compat
    is_scaled = any(f.ends or f.units for f in (*fields.state, *fields.action))
    return {
        "dataset": dataset.root.resolve().name,
        "version": dataset.version,
        "fps": dataset.fps,
        "map": fields.name,
        "decided": list(fields.told),
        "compat": options.rules.compat,
        "options": salt,
        "columns": columns,
        "computed": [{"slot": f.slot, "tip": f.tip, "in": f.base, "of": list(f.joints)} for f in fields.forward],
        "quaternions": "as SciPy gives them" if options.rules.compat else "unit norm, sign continuous, first w >= 0",
        "inverse": {
            "joints": "bit-equal to float64"
            if lossless and not is_scaled
            else "1 ulp of float64"
            if lossless
            else "1 ulp of float32"
            if is_scaled
            else "bit-equal to float32 where absolute; differences to 1 ulp",
            "rotations_rad": 1e-12 if lossless else 1e-6,
        },
        "episodes": outcome.made + outcome.kept,
        "failed": {str(index): said for index, said in outcome.failed.items()},
    }


def _column_sizes(dataset: LeRobotFiles, fields: FieldMap, episodes: list[EpisodeFile]) -> dict[str, dict[str, Any]]:
    table = dataset.read(episodes[0], fields.keys)
    found = {key: values(table, key, f"'{episodes[0].path}'") for key in fields.keys}
    return {key: {"size": array.shape[1], "dtype": str(array.dtype)} for key, array in found.items()}


def _column(array: Array, dtype: str) -> pa.Array:
    kind = np.dtype(dtype)
    if kind.kind in "iub" and np.isfinite(array).all():
        array = np.rint(array)
    cast = array.astype(kind if kind.kind == "f" or np.isfinite(array).all() else np.float64)
    return pa.FixedSizeListArray.from_arrays(pa.array(cast.reshape(-1)), cast.shape[1])


def _salt(options: CanonicalOptions) -> str:
    """What the files depend on besides their input."""
    fields = options.rules.map
    said = {
        "format": FORMAT,
        "map": fields.modality(),
        "forward": [[w.slot, w.base, w.tip, *w.joints] for w in fields.forward],
        "urdf": expand(load_robot(fields.robot)[1]) if fields.forward else "",
        "targets": options.rules.targets.as_dict(),
        "compat": options.rules.compat,
        "doubles": options.doubles,
    }
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _signature(salt: str, dataset: LeRobotFiles, episode: EpisodeFile) -> str:
    refuse_no_content(episode.path)
    try:
        status = episode.path.stat()
        content = content_hash(episode.path, (status.st_size, status.st_mtime_ns))
    except OSError as error:
        raise FineVLAError(f"'{episode.path}' cannot be read: {error.strerror}") from error
    return hashlib.sha256(f"{salt} {content} {episode.index}".encode()).hexdigest()


@lru_cache(maxsize=64)
def content_hash(path: Path, _: tuple[int, int]) -> str:
    """Return the SHA-256 of a file's bytes; cached, since in v3.0 many episodes share a file. Raises `OSError`."""
    if not path.is_file():  # whoever opened a pipe would wait for ever
        raise OSError(errno.EINVAL, "is no plain file", str(path))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=4)
def _forward(fields: FieldMap) -> Mapping[str, Any]:
    return forward_of(fields)


def sample(dataset: LeRobotFiles, rules: Rules, seed: int, episodes: int | None) -> Iterator[tuple[EpisodeFile, str]]:
    """For a dry run: of each episode one random frame in words, or why there is none."""
    from finevla_tools.canonical.layout import SLOTS

    for episode in dataset.episodes[:episodes]:
        try:
            unified = load_episode(dataset, episode, rules)
        except FineVLAError as error:
            yield episode, str(error)
            continue
        frame = int(np.random.default_rng([seed, episode.index]).integers(len(unified.state)))
        lines = [f"{episode.name}, frame {frame} of {len(unified.state)}"]
        for name, array, mask in (
            ("state", unified.state, unified.mask_state),
            ("action", unified.action, unified.mask_action),
        ):
            for slot in SLOTS.values():
                filled = mask[slot.start : slot.stop]
                if filled.any():
                    numbers = " ".join(f"{v:8.4f}" for v in array[frame, slot.start : slot.stop][filled])
                    lines.append(f"  {name:6s} {slot.name:13s} {numbers}")
        yield episode, "\n".join(lines)


__all__ = ["CanonicalOptions", "CanonicalOutcome", "Targets", "convert", "load_episode", "restored", "sample"]
