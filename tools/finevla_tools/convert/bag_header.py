"""What is told of a piece of a bag: its header, instructions, and how its frames were made."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from finevla_tools.convert.bag_analysis import Analysis, text
from finevla_tools.convert.bagfile import Said, camera_stream
from finevla_tools.convert.episode import Camera, Header, Words
from finevla_tools.convert.resample import Segment

KEPT_CUSTOM = 64 << 10  # characters of a recorder's own metadata that go on into the data set


# --- what is told of an episode


def header(analysis: Analysis, segment: Segment, name: str) -> Header:
    """Everything about one piece."""
    e, o = analysis.embodiment, analysis.options
    sizes = {
        c: analysis.sizes.get(camera_stream(c), (e.image_height, e.image_width)) for c in analysis.recording.cameras
    }
    spoken = [] if o.task else _spoken(analysis, segment)
    return Header(
        name=name,
        fps=analysis.fps,
        robot=e.name,
        state_names=e.names,
        action_names=e.names,
        cameras=tuple(Camera(c, *sizes[c]) for c in analysis.recording.cameras),
        words=tuple(word for k, (time_s, said) in enumerate(spoken) for word in _words(k, time_s, said)),
        facts=_facts(analysis, segment, spoken),
    )


def _spoken(analysis: Analysis, segment: Segment) -> list[tuple[float, Said]]:
    """Instructions of a piece with the time of the first frame that obeys them, s after its first frame."""
    spoken: list[tuple[float, Said]] = []
    for k in range(segment.first, analysis.end(segment)):
        said = analysis.said_at(analysis.times[k])
        if said is not None and (not spoken or spoken[-1][1] is not said):
            spoken.append(((k - segment.first) / analysis.fps, said))
    return spoken


def _facts(analysis: Analysis, segment: Segment, spoken: Sequence[tuple[float, Said]]) -> dict[str, Any]:
    o = analysis.options
    facts: dict[str, Any] = {
        "source": analysis.recording.path.name,
        "frames_by": o.mode if o.mode == "live" else {"fps": analysis.fps, "images": o.images, "states": o.states},
        "max_skew_ms": analysis.max_skew_ns / 1e6,
        "actions_by": o.actions,
        "first_stamp_ns": int(analysis.times[segment.first]),
        "piece": [analysis.segments.index(segment), len(analysis.segments)],
        "broken_states": analysis.broken_states,
        "instructions": [
            {"time_s": t, "id": s.id, "raw": s.raw, "fine": s.fine, "factors": dict(s.factors)} for t, s in spoken
        ],
        "histograms_ms": analysis.histograms,
    }
    if o.mode == "fixed":
        facts["repeated_pictures"] = {stream: analysis.repeats(stream, segment) for stream in analysis.cameras}
    custom = analysis.recording.custom
    if custom and sum(len(k) + len(v) for k, v in custom.items()) <= KEPT_CUSTOM:
        facts["recording"] = custom
    if told := _told(analysis.recording.path):
        facts["episode"] = told
    return facts


def _told(bag: Path) -> dict[str, Any]:
    """The recorder's episode.json beside the messages, if there is a sound one."""
    try:
        text = (bag / "episode.json").read_bytes()[: KEPT_CUSTOM + 1]
        told = json.loads(text) if len(text) <= KEPT_CUSTOM else None
    except (OSError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _words(k: int, time_s: float, said: Said) -> Iterator[Words]:
    """The goal in the operator's short words beside the fine task text; a later instruction is an interjection, too."""
    if said.fine.strip() and said.raw.strip():
        yield Words(time_s, "user", said.raw.strip(), "task_aug")
    if k:
        yield Words(time_s, "user", text(said), "interjection", is_event=True)
