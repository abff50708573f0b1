"""The requests of each preset: prompts from files, the episode's data as JSON strings, and the schema of the answer.

What strangers wrote (instructions, names, earlier answers) is only ever inside a JSON string, apart from the task.
"""

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Any

from finevla_core.errors import FineVLAError, unknown
from finevla_core.instruction import ACTORS, APPROACHES, MAX_STEPS
from finevla_tools.annotate.annotation import DIMENSIONS, Annotation
from finevla_tools.annotate.vlm_frames import ViewFile, VlmFrame, shown_time

LANGUAGES: Mapping[str, str] = {"en": "English", "zh": "Simplified Chinese"}
MAX_WORDS = 8000  # characters of an instruction that are sent
MAX_FACTS = 200
ROBOFINE_STEPS = 24
CLOSED: Mapping[str, tuple[str, ...]] = {"active_actor": ACTORS, "approach_direction": APPROACHES}
_TEXT: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 2000}
_SLOTS = [slot for slots in DIMENSIONS.values() for slot in slots]
_ARM = {"type": "string", "enum": list(ACTORS)}


@dataclass(frozen=True)
class VlmStage:
    """One request: its name, the prompt's file and the fields of its answer; `wrist` looks through wrist cameras only."""

    name: str
    prompt: str
    fields: Mapping[str, Any]
    optional: frozenset[str] = frozenset()
    wrist: bool = False

    def schema(self, token: str) -> dict[str, Any]:
        """The answer's JSON Schema; `token` must be in it, so that no other episode's answer fits."""
        properties = {"episode": {"type": "string", "const": token}, **self.fields}
        required = [name for name in properties if name not in self.optional]
        return _object(properties, required)


@dataclass(frozen=True)
class VlmPreset:
    """The stages of a way to ask.

    `as_video` sends each view as one list of pictures in a single user message; `is_one_text` sends `most_frames` pictures of
    each view, and behind them one text, as a backbone is trained by head `language`.
    """

    name: str
    stages: tuple[VlmStage, ...]
    as_video: bool = False
    fps: float | None = None  # of the pictures; None takes the motion's phases
    most_frames: int = 32  # of a view
    is_one_text: bool = False


def _object(properties: Mapping[str, Any], required: Sequence[str] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties) if required is None else list(required),
        "additionalProperties": False,
    }


def _list(item: Mapping[str, Any], least: int, most: int) -> dict[str, Any]:
    return {"type": "array", "items": dict(item), "minItems": least, "maxItems": most}


_STEP = _object(
    {
        "arm": _ARM,
        "verb": {"type": "string", "minLength": 1, "maxLength": 60},
        "text": _TEXT,
        "from_s": {"type": "number", "minimum": 0},
        "to_s": {"type": "number", "minimum": 0},
    }
)
_FACTOR = _object(
    {
        "slot": {"type": "string", "enum": _SLOTS},
        "value": {"type": "string", "minLength": 1, "maxLength": 300},
        "step": {"type": "integer", "minimum": 0, "maximum": MAX_STEPS},
    }
)
_FINE = {
    "steps": _list(_STEP, 1, MAX_STEPS),
    "refined_instruction": {"type": "string", "minLength": 1, "maxLength": MAX_WORDS},
    "factors": _list(_FACTOR, 0, 100),
}
ANALYSIS = VlmStage(
    "analysis", "finevla_analysis", {"action_sequence": _list(_TEXT, 1, 2 * MAX_STEPS), "main_object": _TEXT}
)
_CAPTION = {f"Step{k}": _TEXT for k in range(1, ROBOFINE_STEPS + 1)}
PRESETS: Mapping[str, VlmPreset] = {
    "finevla": VlmPreset(
        "finevla",
        (
            ANALYSIS,
            VlmStage("refinement", "finevla_refinement", _FINE),
            VlmStage("detail_refinement", "finevla_detail", _FINE, wrist=True),
        ),
    ),
    "robofine": VlmPreset(
        "robofine",
        (VlmStage("caption", "robofine_caption", _CAPTION, frozenset(_CAPTION) - {"Step1"}),),
        as_video=True,
        fps=4.0,
        most_frames=512,
    ),
    "reviewed": VlmPreset(
        "reviewed", (VlmStage("reviewed", "reviewed_dimensions", _FINE),), most_frames=8, is_one_text=True
    ),
}


def preset_named(name: str) -> VlmPreset:
    """Return a preset; raises `FineVLAError` for a name that there is none of."""
    if name not in PRESETS:
        raise FineVLAError(unknown("preset", name, PRESETS))
    return PRESETS[name]


@functools.cache
def prompt(name: str, package: str = "finevla_tools.annotate") -> tuple[str, int]:
    """Return the text and version of a prompt of a package, from its folder `prompts`."""
    text = (files(package) / "prompts" / f"{name}.md").read_text(encoding="utf-8")
    head, _, body = text.partition("\n")
    found = re.fullmatch(rf"<!-- {name}, version (\d+) -->", head)
    if found is None:
        raise FineVLAError(f"the prompt '{name}' does not begin with its name and version")
    return body.strip(), int(found[1])


def messages(
    preset: VlmPreset,
    stage: VlmStage,
    token: str,
    language: str,
    data: Mapping[str, Any],
    views: Sequence[tuple[ViewFile, Sequence[VlmFrame]]],
) -> list[dict[str, Any]]:
    """Return the messages of a request: rules and task, then the data as JSON, then the pictures with their times."""
    if language not in LANGUAGES:
        raise FineVLAError(unknown("language", language, LANGUAGES))
    rules = Template(prompt("rules")[0]).substitute(language=LANGUAGES[language], token=token)
    task = f"{rules}\n\n{prompt(stage.prompt)[0]}"
    told = _text("EPISODE DATA (JSON, data only)\n" + json.dumps(data, ensure_ascii=False, sort_keys=True))
    pictures = [part for view, frames in views for part in _view_parts(preset, view, frames)]
    if preset.is_one_text:
        shown = [part for part in pictures if part["type"] == "image_url"]
        said = [part["text"] for part in (*pictures, told, _text(task)) if part["type"] == "text"]
        return [{"role": "user", "content": [*shown, _text("\n".join(said))]}]
    if preset.as_video:
        return [{"role": "user", "content": [*pictures, told, _text(task)]}]
    return [{"role": "system", "content": task}, {"role": "user", "content": [told, *pictures]}]


def _view_parts(preset: VlmPreset, view: ViewFile, frames: Sequence[VlmFrame]) -> list[dict[str, Any]]:
    head = _text(f"[View: {view.label}]")
    if preset.as_video:
        times = _text("Times of its pictures: " + ", ".join(shown_time(frame.time_s) for frame in frames))
        return [head, times, {"type": "video", "video": [frame.url for frame in frames], "fps": preset.fps}]
    if preset.is_one_text:
        times = _text("Times of its pictures: " + ", ".join(shown_time(frame.time_s) for frame in frames))
        return [head, times, *({"type": "image_url", "image_url": {"url": frame.url}} for frame in frames)]
    parts = [head]
    for frame in frames:
        parts += [_text(shown_time(frame.time_s)), {"type": "image_url", "image_url": {"url": frame.url}}]
    return parts


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def episode_data(instruction: str, duration_s: float, facts: Sequence[Annotation]) -> dict[str, Any]:
    """Return what is known of an episode as data for a prompt: the operator's words and the motion facts."""
    return {
        "operator_instruction": instruction[:MAX_WORDS],
        "duration_s": round(duration_s, 3),
        "motion_facts": [
            {
                "from_s": round(row.from_s, 2),
                "to_s": round(row.to_s, 2),
                "step": row.step,
                "slot": row.slot,
                "value": row.value,
                "confidence": round(row.confidence, 2),
            }
            for row in facts[:MAX_FACTS]
            if row.source == "motion"
        ],
    }
