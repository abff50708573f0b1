"""A data set looked at from end to end: measured in parallel and resumable, decided, written as tables.

What was measured stays in the report's journal with a hash of what it was measured from, so that other thresholds take seconds.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from finevla_core.errors import FineVLAError
from finevla_tools.canonical.convert import content_hash
from finevla_tools.canonical.files import write_json
from finevla_tools.clean.checks import CHECKS
from finevla_tools.clean.decide import FLAGGED, SKIPPED, Decisions
from finevla_tools.clean.measure import MEASURE_VERSION, Findings, Plan, as_json, from_json, measure
from finevla_tools.clean.reports import strict
from finevla_tools.datasets.jobs import Progress, over
from finevla_tools.datasets.lerobot_files import EpisodeFile, LeRobotFiles

JOURNAL, ROWS, EPISODES, SUMMARY = "measures.jsonl", "checks.parquet", "episodes.parquet", "summary.json"


@dataclass(frozen=True)
class Measured:
    """All findings, and how many of them were known already."""

    findings: list[Findings]
    known: int


def measured(dataset: LeRobotFiles, plan: Plan, journal: Path | None, jobs: int) -> Measured:
    """Look at every episode; `journal` None = nothing is kept."""
    if not dataset.episodes:
        raise FineVLAError(f"'{dataset.root}' has no episodes")
    salt = _salt(plan)
    known = dict(_known(journal)) if journal is not None and journal.is_file() else {}
    findings: dict[int, Findings] = {}
    lines: dict[int, str] = {}
    work = []
    for episode in dataset.episodes:
        signature = _signature(salt, dataset, episode)
        if signature in known:
            findings[episode.index] = known[signature]
        else:
            work.append((episode, signature))
        lines[episode.index] = signature
    if journal is not None:
        journal.parent.mkdir(parents=True, exist_ok=True)
    file = journal.open("a", encoding="utf-8") if journal is not None and work else None
    try:
        if work:
            with Progress("look at", len(work)) as progress:
                job = partial(_measure, dataset, plan)
                for (episode, signature), found in over(job, work, jobs):
                    findings[episode.index] = found
                    if file is not None:
                        file.write(json.dumps({"signature": signature, **as_json(found)}) + "\n")
                        file.flush()  # an interrupted run goes on from here
                    progress.step()
    finally:
        if file is not None:
            file.close()
    if journal is not None and len(known) > len(findings) - len(work):  # what is of no use any more goes
        text = "".join(json.dumps({"signature": lines[i], **as_json(findings[i])}) + "\n" for i in sorted(findings))
        temporary = journal.with_name(f".{journal.name}.tmp")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, journal)
    return Measured([findings[i] for i in sorted(findings)], len(findings) - len(work))


def write_tables(folder: Path, decisions: Decisions) -> None:
    """`checks.parquet`, a row per episode and check (and camera), and `episodes.parquet`, a row per episode."""
    rows = decisions.rows
    _write(
        folder / ROWS,
        pa.table(
            {
                "episode_index": pa.array([r.episode for r in rows], pa.int64()),
                "check": pa.array([r.check for r in rows], pa.string()),
                "camera": pa.array([r.part or None for r in rows], pa.string()),
                "value": pa.array([r.value for r in rows], pa.float64()),
                "unit": pa.array([CHECKS[r.check].unit for r in rows], pa.string()),
                "threshold": pa.array([r.threshold for r in rows], pa.float64()),
                "verdict": pa.array([r.verdict for r in rows], pa.string()),
                "frame": pa.array([r.frame for r in rows], pa.int64()),
                "reason": pa.array([r.reason for r in rows], pa.string()),
            }
        ),
    )
    some = decisions.episodes
    _write(
        folder / EPISODES,
        pa.table(
            {
                "episode_index": pa.array([e.episode for e in some], pa.int64()),
                "decision": pa.array(["keep" if e.keep else "drop" for e in some], pa.string()),
                "reasons": pa.array([list(e.reasons) for e in some], pa.list_(pa.string())),
                "length": pa.array([e.rows for e in some], pa.int64()),
                "tasks": pa.array([list(e.tasks) for e in some], pa.list_(pa.string())),
            }
        ),
    )


def summary_of(dataset: LeRobotFiles, plan: Plan, decisions: Decisions) -> dict[str, Any]:
    """For programs: counts, and every threshold with where it comes from."""
    checks = []
    for (name, part), threshold in sorted(
        decisions.thresholds.items(), key=lambda t: (list(CHECKS).index(t[0][0]), t[0][1])
    ):
        own = [r for r in decisions.rows if (r.check, r.part) == (name, part)]
        entry = {
            "check": name,
            "camera": part or None,
            "threshold": threshold.value,
            "from": threshold.source,
            "flagged": sum(r.verdict == FLAGGED for r in own),
            "not_looked_at": sum(r.verdict == SKIPPED for r in own),
            "drops": not CHECKS[name].notes,
        }
        checks.append(entry)
    found = {
        "dataset": str(dataset.root),
        "episodes": len(decisions.episodes),
        "kept": len(decisions.episodes) - len(decisions.dropped),
        "dropped": decisions.dropped,
        "field_map": plan.map.name if plan.map else None,
        "robot": plan.robot or None,
        "problems_of_the_metadata": list(dataset.problems),
        "checks": checks,
    }
    made: dict[str, Any] = strict(found)
    return made


def write_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    """`summary.json`."""
    write_json(folder / SUMMARY, dict(summary))


def _measure(dataset: LeRobotFiles, plan: Plan, item: tuple[EpisodeFile, str]) -> Findings:
    return measure(dataset, plan, item[0])


def _known(journal: Path) -> Iterator[tuple[str, Findings]]:
    """Lines of an earlier run; one cut short by a kill is left out."""
    with journal.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                raw = json.loads(line)
                yield str(raw["signature"]), from_json(raw)
            except (ValueError, KeyError, TypeError, AssertionError):
                continue


def _salt(plan: Plan) -> str:
    fields = plan.map.modality() if plan.map else None
    said = [MEASURE_VERSION, list(plan.checks), fields, plan.robot, plan.rate_hz]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _signature(salt: str, dataset: LeRobotFiles, episode: EpisodeFile) -> str:
    """Of rows by their content, of videos by size and time: they are the bulk of a data set."""
    said = [salt, dataset.fps, episode.index, episode.length, list(episode.tasks or ())]
    try:
        status = episode.path.stat()
        said.append(content_hash(episode.path, (status.st_size, status.st_mtime_ns)))
    except OSError as error:
        said.append(str(error.errno))
    for footage in episode.videos:
        try:
            status = footage.path.stat()
            said.append([footage.key, status.st_size, status.st_mtime_ns, footage.begin_s])
        except OSError as error:
            said.append([footage.key, error.errno])
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _write(path: Path, table: pa.Table) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    pq.write_table(table, temporary)
    os.replace(temporary, path)
