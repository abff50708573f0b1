"""Cells and files that the reports of all benchmarks share: shares with intervals, CSV, links to videos."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from finevla_core.recording.atomic_files import write_text
from finevla_tools.benchmarks.score_uncertainty import ScoreInterval, mean_and_spread
from finevla_tools.benchmarks.video_frames import ViewClip
from finevla_tools.report.html_page import Block, Container, Items, Video, soft


def percent(value: float | None) -> str:
    """Return a share as percent with one decimal, "-" for none."""
    return "-" if value is None or value != value else f"{100 * value:.1f} %"


def with_interval(one: ScoreInterval, as_percent: bool = True) -> str:
    """Return a value with its 95 % interval smaller beside it."""
    if one.value != one.value:
        return "-"
    if as_percent:
        return percent(one.value) + soft(f"{100 * one.low:.1f} to {100 * one.high:.1f}")
    return f"{one.value:.4f}" + soft(f"{one.low:.4f} to {one.high:.4f}")


def rounds_cell(values: Sequence[float], as_percent: bool = True) -> str:
    """Return mean and spread of rounds; one round has no spread."""
    mean, spread = mean_and_spread(values)
    if len(values) == 1:
        return percent(mean) if as_percent else f"{mean:.4f}"
    return f"{100 * mean:.1f} ± {100 * spread:.1f} %" if as_percent else f"{mean:.4f} ± {spread:.4f}"


def spread_text(values: Sequence[float]) -> str:
    """Return `mean+-spread` with 4 decimals, as the published tables write it."""
    mean, spread = mean_and_spread(values)
    return f"{mean:.4f}+-{spread:.4f}"


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows with the heads of the first one, whole or not at all."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def videos(clips: Sequence[ViewClip], page: Path) -> list[Block]:
    """Return the players of a sample's views, their files addressed from the page."""
    if not clips:
        return []
    told = [
        Video(os.path.relpath(Path(clip.address).absolute(), page.parent.resolve()), clip.file.name) for clip in clips
    ]
    return [Container("videos", told)]


def missing_block(missing: Mapping[str, Sequence[str]], samples: int) -> list[Block]:
    """Return the list of videos that are not here, and how many samples could be looked at."""
    if not missing:
        return []
    lines = [f"{name}: {', '.join(views)}" for name, views in sorted(missing.items())]
    summary = f"{len(missing)} of {samples} samples lack a video"
    return [Container("fold", [Items(lines)], summary=summary)]
