"""Clean a data set: measure its episodes in parallel, decide, write tables; an interrupted run can be resumed.

Measures stay in the report's journal with a hash of their source, so that other thresholds take seconds.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from finevla_core.errors import FineVLAError
from finevla_core.recording.atomic_files import write_by, write_text
from finevla_tools.canonical.convert import content_hash
from finevla_tools.canonical.unified_files import write_json
from finevla_tools.clean.checks import CHECKS, Measurement
from finevla_tools.clean.episode_measures import MEASURE_VERSION, Findings, MeasurePlan, as_json, from_json, measure
from finevla_tools.clean.finevla_reports import strict
from finevla_tools.clean.keep_decisions import FLAGGED, SKIPPED, Decisions
from finevla_tools.crash_report import remember, unexpected
from finevla_tools.datasets.lerobot_files import EpisodeFile, LeRobotFiles
from finevla_tools.work.json_lines import JsonLines, read_json_lines
from finevla_tools.work.parallel_map import over
from finevla_tools.work.progress import Progress

JOURNAL, ROWS, EPISODES, SUMMARY = "measures.jsonl", "checks.parquet", "episodes.parquet", "summary.json"


@dataclass(frozen=True)
class CleanResult:
    """Findings of all episodes, and how many of them came from the journal."""

    findings: list[Findings]
    known: int


def measured(dataset: LeRobotFiles, plan: MeasurePlan, journal: Path | None, jobs: int) -> CleanResult:
    """Measure every episode that the journal does not have (None: no journal).

    Raises `FineVLAError` if there are no episodes or none can be measured.
    """
    if not dataset.episodes:
        raise FineVLAError(f"'{dataset.root}' has no episodes")
    salt = _salt(plan)
    known = dict(_known(journal)) if journal is not None else {}
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
    if work:
        kept_in = JsonLines(journal) if journal is not None else nullcontext()
        with kept_in as lines_kept, Progress("checked", len(work)) as progress:
            job = partial(_measure, dataset, plan)
            for (episode, signature), found in over(job, work, jobs):
                findings[episode.index] = found
                remember(found.unexpected)
                if lines_kept is not None and not found.mistake and found.unexpected is None:
                    lines_kept.append(
                        {"signature": signature, **as_json(found)}
                    )  # an interrupted run goes on from here
                progress.step()
    if all(found.mistake for found in findings.values()):
        raise FineVLAError(f"no episode can be looked at; the first: {findings[min(findings)].mistake}")
    if journal is not None and len(known) > len(findings) - len(work):  # what is of no use any more goes
        kept = [i for i in sorted(findings) if not findings[i].mistake and findings[i].unexpected is None]
        text = "".join(json.dumps({"signature": lines[i], **as_json(findings[i])}) + "\n" for i in kept)
        write_text(journal, text)
    return CleanResult([findings[i] for i in sorted(findings)], len(findings) - len(work))


def write_tables(folder: Path, decisions: Decisions) -> None:
    """Write checks.parquet (a row per episode, check and camera) and episodes.parquet (a row per episode)."""
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


def summary_of(dataset: LeRobotFiles, plan: MeasurePlan, decisions: Decisions) -> dict[str, Any]:
    """Return the content of summary.json: counts, and every threshold with its source."""
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
    """Write `summary` to summary.json in `folder`."""
    write_json(folder / SUMMARY, dict(summary))


def _measure(dataset: LeRobotFiles, plan: MeasurePlan, item: tuple[EpisodeFile, str]) -> Findings:
    episode = item[0]
    try:
        return measure(dataset, plan, episode)
    except Exception as error:  # what nobody foresaw costs this episode, not those beside it
        odd = unexpected(f"'{dataset.root}', episode {episode.index}", error)
        said = [Measurement("corrupt", 1, odd.sentence)]
        return Findings(episode.index, 0, tuple(episode.tasks or ()), "", said, unexpected=odd)


def _known(journal: Path) -> Iterator[tuple[str, Findings]]:
    """Lines of an earlier run; those of another version are left out."""
    for raw in read_json_lines(journal):
        with suppress(ValueError, KeyError, TypeError, AssertionError):
            yield str(raw["signature"]), from_json(raw)


def _salt(plan: MeasurePlan) -> str:
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
    write_by(path, lambda temporary: pq.write_table(table, temporary))
