"""What is told of a piece of a bag: its header, instructions, and how its frames were made."""

from collections.abc import Iterator, Sequence
from typing import Any

from finevla_tools.convert.bag_analysis import BagAnalysis, text
from finevla_tools.convert.bag_stream import RECEIVED, SpokenInstruction, camera_stream
from finevla_tools.convert.episode import CameraStream, Header
from finevla_tools.convert.frame_grid import Segment
from finevla_tools.datasets.language_row import LanguageRow

KEPT_CUSTOM = 64 << 10  # characters of a recorder's own metadata that go on into the data set


# --- what is told of an episode


def header(analysis: BagAnalysis, segment: Segment, name: str) -> Header:
    """Describe one segment of a recording as an episode header: rate, names, image sizes, instructions, provenance."""
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
        cameras=tuple(CameraStream(c, *sizes[c]) for c in analysis.recording.cameras),
        words=tuple(
            word for k, (time_s, said) in enumerate(spoken) for word in _words(analysis, segment, k, time_s, said)
        ),
        facts=_facts(analysis, segment, spoken),
    )


def _spoken(analysis: BagAnalysis, segment: Segment) -> list[tuple[float, SpokenInstruction]]:
    """Instructions of a piece with the time of the first frame that obeys them, s after its first frame."""
    spoken: list[tuple[float, SpokenInstruction]] = []
    for k in range(segment.first, analysis.end(segment)):
        said = analysis.said_at(analysis.times[k])
        if said is not None and (not spoken or spoken[-1][1] is not said):
            spoken.append(((k - segment.first) / analysis.fps, said))
    return spoken


def _facts(
    analysis: BagAnalysis, segment: Segment, spoken: Sequence[tuple[float, SpokenInstruction]]
) -> dict[str, Any]:
    o = analysis.options
    facts: dict[str, Any] = {
        "source": analysis.recording.path.name,
        "frames_by": o.mode if o.mode == "live" else {"fps": analysis.fps, "images": o.images, "states": o.states},
        "max_skew_ms": analysis.max_skew_ns / 1e6,
        "actions_by": "leader" if analysis.is_led else o.actions,
        "first_stamp_ns": int(analysis.times[segment.first]),
        "piece": [analysis.segments.index(segment), len(analysis.segments)],
        "broken_states": analysis.broken_states,
        "instructions": [
            {"time_s": t, "id": s.id, "raw": s.raw, "fine": s.fine, "factors": dict(s.factors)} for t, s in spoken
        ],
        "histograms_ms": analysis.histograms,
    }
    if o.stamps == RECEIVED:
        facts["stamps"] = o.stamps
    if lost := analysis.lost:
        facts["lost_messages"] = {topic: count for topic, (count, _) in lost.items()}
    if analysis.odd_stamps:
        facts["odd_stamps"] = analysis.odd_stamps
    if analysis.is_led:
        facts["actions_from"] = {part.stream: part.topic for part in analysis.recording.leaders}
    if analysis.recording.parts:
        facts["joint_states_from"] = {part.stream: part.topic for part in analysis.recording.parts}
    if o.mode == "fixed":
        facts["repeated_pictures"] = {stream: analysis.repeats(stream, segment) for stream in analysis.cameras}
    custom = analysis.recording.custom
    if custom and sum(len(k) + len(v) for k, v in custom.items()) <= KEPT_CUSTOM:
        facts["recording"] = custom
    if told := analysis.recording.labels:
        facts["episode"] = told
    facts["task_from"] = "option" if o.task else "label" if analysis.label else "instruction"
    facts["notes"] = analysis.notes(segment)
    return facts


def _words(
    analysis: BagAnalysis, segment: Segment, k: int, time_s: float, said: SpokenInstruction
) -> Iterator[LanguageRow]:
    """The fine text beside the task, which is the goal in the operator's short words; a later one is an interjection, too.

    What contradicts the episode's label is no other wording of it, but was said all the same if it was said meanwhile.
    """
    contradicts = bool(analysis.label) and not analysis.agrees(said)
    if said.fine.strip() and not contradicts:
        yield LanguageRow(time_s, "assistant", said.fine.strip(), "plan")
    if k or (contradicts and _is_new(analysis, said, segment)):
        yield LanguageRow(time_s, "user", text(said), "interjection", is_event=True)


def _is_new(analysis: BagAnalysis, said: SpokenInstruction, segment: Segment) -> bool:
    """Whether an instruction was given after a piece had begun."""
    return any(one is said and stamp_ns > int(analysis.times[segment.first]) for stamp_ns, one in analysis.said)
