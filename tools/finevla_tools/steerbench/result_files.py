"""One file with all of a run: cases, policy, versions, summary and every trial, signed or not; read again and checked."""

import base64
import binascii
import hashlib
import io
import json
import platform
from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_core.recording.atomic_files import write_bytes, write_text
from finevla_sim.scene import LEVELS
from finevla_tools.evaluation.statistics import plain, share
from finevla_tools.steerbench.benchmark_settings import IN_PAPER, NAME, SETTINGS, TRAINED, VERSION
from finevla_tools.steerbench.cases import cases_sha256, frozen_cases
from finevla_tools.steerbench.partial_credit import WEIGHTS, points
from finevla_tools.steerbench.runner import Row

SCHEMA, RESULT, TABLE = "finevla.steerbench/1", "result.json", "trials.parquet"
PACKAGES = ("finevla", "numpy", "mujoco", "onnxruntime", "torch")
MEANS = {"mean of seven": TRAINED, "mean of the paper's eight": IN_PAPER, "mean of ten": tuple(SETTINGS)}


def summarise_rows(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the summary of each level in the rows: `settings` and `means`, as `Share` objects and numbers."""
    return {level: _summarise_level(some) for level in LEVELS if (some := [r for r in rows if r["level"] == level])}


def plain_summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the summary as JSON data, numbers to 6 places: the last ones differ between processors."""
    found: dict[str, Any] = _rounded(plain(summarise_rows(rows)))
    return found


def cases_of_rows(rows: Sequence[Row]) -> dict[tuple[str, str, int], list[Row]]:
    """Return the trials of each case, by level, setting and number."""
    found: dict[tuple[str, str, int], list[Row]] = defaultdict(list)
    for row in rows:
        found[row["level"], row["setting"], row["number"]].append(row)
    return found


def points_of_rounds(rows: Sequence[Row], level: str, settings: Sequence[str]) -> dict[int, NDArray[np.float64]]:
    """Return the mean points of each case of the rounds that have all of `settings`, `(K,)` by number."""
    cases = {key: float(np.mean([row["points"] for row in case])) for key, case in cases_of_rows(rows).items()}
    found = {}
    for number in sorted({number for _, _, number in cases}):
        keys = [(level, setting, number) for setting in settings]
        if all(key in cases for key in keys):
            found[number] = np.array([cases[key] for key in keys])
    return found


def paired_differences(
    one: Sequence[Row], other: Sequence[Row], level: str, settings: Sequence[str]
) -> NDArray[np.float64]:
    """Return `other` minus `one`, points of each case in the rounds that both have whole, `(R, K)`."""
    mine, theirs = (points_of_rounds(rows, level, settings) for rows in (one, other))
    both = sorted(set(mine) & set(theirs))
    return np.array([theirs[number] - mine[number] for number in both]).reshape(len(both), len(settings))


def benchmark() -> dict[str, Any]:
    """Return what a result says of the benchmark: name, version, and the hash of its cases."""
    return {"name": NAME, "version": VERSION, "cases_sha256": cases_sha256()}


def make_body(policy: Mapping[str, Any], rows: Sequence[Row], made_at: str) -> dict[str, Any]:
    """Return the body of a result: plain data, and the trials as a Parquet file in base64."""
    table = parquet_of(rows)
    return {
        "schema": SCHEMA,
        "benchmark": benchmark(),
        "policy": dict(policy),
        "made_at": made_at,
        "versions": {name: _version(name) for name in PACKAGES}
        | {"python": platform.python_version(), "machine": platform.machine()},
        "summary": plain_summary(rows),
        "trials_sha256": rows_sha256(rows),
        "trials_parquet": base64.b64encode(table).decode(),
    }


def write_result(folder: Path, body: Mapping[str, Any], signature: Mapping[str, str] | None) -> None:
    """Write `result.json`, and its trials once more as `trials.parquet`."""
    write_bytes(folder / TABLE, base64.b64decode(body["trials_parquet"]))
    write_text(folder / RESULT, json.dumps({"signature": signature, "body": body}, indent=1, ensure_ascii=False))


def read_result(path: Path) -> tuple[dict[str, Any], dict[str, str] | None, list[Row]]:
    """Return the body, the signature (None without one) and the trials of a result; `path` is the file or its folder.

    Raises:
        FineVLAError: It is no result of this version of the benchmark, or does not agree with itself or the frozen cases.
    """
    path = path / RESULT if path.is_dir() else path
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FineVLAError(f"'{path}' cannot be read ({error.strerror}); give a {RESULT}") from error
    except (ValueError, RecursionError) as error:
        raise FineVLAError(f"'{path}' is no {RESULT} of 'finevla bench steer'") from error
    body, signature = (whole.get(name) if isinstance(whole, dict) else None for name in ("body", "signature"))
    if not isinstance(body, dict) or body.get("schema") != SCHEMA:
        raise FineVLAError(f"'{path}' is no {RESULT} of 'finevla bench steer'")
    if (found := body.get("benchmark")) != benchmark():
        said = found if isinstance(found, dict) else {}
        raise FineVLAError(
            f"'{path}' is of {said.get('name')} {said.get('version')} with cases {str(said.get('cases_sha256'))[:12]}, "
            f"and here is {NAME} {VERSION} with {cases_sha256()[:12]}: the numbers cannot be compared"
        )
    if not isinstance(policy := body.get("policy"), dict) or not {"name", "sha256"} <= set(policy):
        raise FineVLAError(f"'{path}' does not say of which policy it is")
    if not isinstance(signature, dict | None):
        raise FineVLAError(f"'{path}': its signature is damaged")
    try:
        rows = pq.read_table(io.BytesIO(base64.b64decode(body["trials_parquet"], validate=True))).to_pylist()
        fault = _fault(body, rows)
    except (KeyError, TypeError, ValueError, binascii.Error, pa.ArrowException) as error:
        raise FineVLAError(f"the trials in '{path}' are damaged") from error
    if fault:
        raise FineVLAError(f"'{path}' does not agree with itself: {fault}")
    return body, signature, rows


def parquet_of(rows: Sequence[Row]) -> bytes:
    """Return a Parquet file with one row per trial."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), buffer)
    return buffer.getvalue()


def rows_sha256(rows: Sequence[Row]) -> str:
    """Return the SHA-256 of all trials: the same policy in the same cases gives the same one."""
    return hashlib.sha256(json.dumps(list(rows), sort_keys=True).encode()).hexdigest()


def _summarise_level(rows: Sequence[Row]) -> dict[str, Any]:
    settings = {}
    for name in SETTINGS:
        cases = [case for (_, setting, _), case in cases_of_rows(rows).items() if setting == name]
        if cases:
            settings[name] = _summarise_setting(cases)
    means = {}
    for name, members in MEANS.items():
        if all(member in settings for member in members):
            some = [settings[member] for member in members]
            error = float(np.sqrt(sum(s["standard_error"] ** 2 for s in some)) / len(some))
            means[name] = {"points": float(np.mean([s["points"] for s in some])), "standard_error": error}
    return {"settings": settings, "means": means, "faults": sum(bool(row["fault"]) for row in rows)}


def _summarise_setting(cases: Sequence[Sequence[Row]]) -> dict[str, Any]:
    rows = [row for case in cases for row in case]
    of_case = np.array([np.mean([row["points"] for row in case]) for case in cases])
    error = float(of_case.std(ddof=1) / np.sqrt(len(cases))) if len(cases) > 1 else float("nan")
    earned = {name: [row[f"credit_{name}"] for row in rows if row[f"credit_{name}"] is not None] for name in WEIGHTS}
    return {
        "cases": len(cases),
        "points": float(of_case.mean()),
        "standard_error": error,
        "solved": share(row["is_solved"] for row in rows),
        "steered": share(row["is_steered"] for row in rows),
        "pairs": share(all(row["is_steered"] for row in case) for case in cases if len(case) == 2),
        "chance": float(np.mean([row["chance"] for row in rows])),
        "milestones": {name: float(np.mean(some)) for name, some in earned.items() if some},
        "faults": sum(bool(row["fault"]) for row in rows),
    }


def _fault(body: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """What is wrong with a result, in words; "" if nothing is."""
    frozen = {(case.level, case.setting, case.number): case for case in frozen_cases()}
    for key, case in cases_of_rows(rows).items():
        is_known = key in frozen and all(
            (row["task"], row["seed"]) == (frozen[key].task, frozen[key].seed) for row in case
        )
        wanted = [0] if key[1] == "hand_bowl" else [0, 1]
        if not is_known or sorted(row["member"] for row in case) != wanted:
            return f"case '{'/'.join(map(str, key))}' is not that of {NAME} {VERSION}, or not whole"
        for row in case:
            earned = {n: row[f"credit_{n}"] for n in WEIGHTS if row[f"credit_{n}"] is not None}
            if row["points"] != points(earned):
                return f"the points of case '{'/'.join(map(str, key))}' are not those of its milestones"
    if rows_sha256(rows) != body["trials_sha256"]:
        return "its trials are not those it names"
    return "" if plain_summary(rows) == body["summary"] else "its summary is not that of its trials"


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return round(value, 6) if isinstance(value, float) else value


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
