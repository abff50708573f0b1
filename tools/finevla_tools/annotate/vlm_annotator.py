"""Annotates episodes by a vision-language model: its answers as rows, and in doubt none of them.

A model's words are drafts. What contradicts the motion is found by `consistency`, and a person decides.
"""

import itertools
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finevla_core.errors import DiskFullError, FineVLAError
from finevla_core.instruction import ACTORS, APPROACHES
from finevla_tools.annotate import vlm_instruct
from finevla_tools.annotate.annotation import TEXT, Annotation, dimension_of
from finevla_tools.annotate.vlm_budget import VlmBudgetError, VlmUsage
from finevla_tools.annotate.vlm_frames import ViewFile, VlmFrame, even_times, fixed_times, phase_times, read_frames
from finevla_tools.annotate.vlm_journal import VlmJournal, request_hash
from finevla_tools.annotate.vlm_prompts import (
    VlmPreset,
    VlmStage,
    episode_data,
    messages,
    preset_named,
    prompt,
)
from finevla_tools.annotate.vlm_queue import answered
from finevla_tools.annotate.vlm_server import VlmRefusedError, VlmServer, VlmUnavailableError

# How sure a model's row is: models state confidences that mean nothing, so theirs are not asked for (WGO-Bench: the best
# one is right in 61 % of given segments).
CONFIDENCE, CONFIDENCE_MENDED = 0.5, 0.4
LATE_S = 0.5  # a step may be told to end this much after the episode; it is cut
DONE, REVIEW, FAILED = "done", "review", "failed"


class VlmDoubtError(FineVLAError):
    """The model answered twice and neither answer can be used: a person must do it; `rows` are of stages before that one."""

    rows: tuple[Annotation, ...] = ()


@dataclass(frozen=True)
class VlmEpisode:
    """What a model is shown of an episode: the operator's words, its videos, and the rows that motion gave."""

    episode: int
    instruction: str
    duration_s: float
    views: Sequence[ViewFile]
    facts: Sequence[Annotation] = ()


@dataclass(frozen=True)
class VlmWay:
    """How to ask: preset, language of the texts, and pictures (`fps` None: the preset's; `most_frames` of a view).

    With `instruct` InstructVLA's four types of annotation are asked for, too.
    """

    preset: str = "finevla"
    language: str = "en"
    fps: float | None = None
    most_frames: int | None = None
    instruct: bool = False


@dataclass(frozen=True)
class VlmResult:
    """What came of an episode: `state` is done, review (a person must do it) or failed (the next run tries again).

    `by_server` says that it failed for want of an answer, not for its own videos.
    """

    episode: int
    state: str
    rows: tuple[Annotation, ...] = ()
    sentence: str = ""
    by_server: bool = False


def annotate_dataset(
    episodes: Iterable[VlmEpisode], server: VlmServer, way: VlmWay, journal: VlmJournal
) -> Iterator[VlmResult]:
    """Give a result for each episode as soon as there is one, in any order; as many at once as the server may be asked.

    Raises `FineVLAError` when nothing more can be done (limit of cost, full disk, the server refuses all or is gone), after
    the results of what was under way. What is in the journal is not asked again.
    """
    preset_named(way.preset)
    yield from answered(episodes, lambda episode: _result(episode, server, way, journal), server, "episodes")


def _result(episode: VlmEpisode, server: VlmServer, way: VlmWay, journal: VlmJournal) -> VlmResult:
    try:
        return VlmResult(episode.episode, DONE, tuple(annotate_episode(episode, server, way, journal)))
    except VlmDoubtError as error:
        return VlmResult(episode.episode, REVIEW, error.rows, str(error))
    except (VlmBudgetError, DiskFullError):
        raise
    except VlmRefusedError as error:
        if error.is_final:
            raise
        return VlmResult(episode.episode, FAILED, sentence=f"episode {episode.episode}: {error}", by_server=True)
    except FineVLAError as error:
        by_server = isinstance(error, VlmUnavailableError)
        return VlmResult(episode.episode, FAILED, sentence=f"episode {episode.episode}: {error}", by_server=by_server)


def annotate_episode(episode: VlmEpisode, server: VlmServer, way: VlmWay, journal: VlmJournal) -> list[Annotation]:
    """Return the rows (source "vlm", drafts) that a model gives of an episode; stages that are in the journal are not asked.

    Raises `VlmDoubtError` if an answer cannot be used and could not be mended, `FineVLAError` for videos that cannot be read,
    and what `VlmServer.ask` raises.
    """
    preset = preset_named(way.preset)
    if not episode.views:
        raise FineVLAError(f"episode {episode.episode} has no video that a model could look at")
    times = picture_times(preset, way, episode)
    shown: dict[str, list[VlmFrame]] = {}
    data = episode_data(episode.instruction, episode.duration_s, episode.facts)
    answer, mended = dict[str, Any](), False
    for stage in preset.stages:
        views = _views_of(preset, stage, episode.views)
        if not views:
            continue  # no wrist camera: the stage before stands
        pictures = [(view, shown.setdefault(view.name, []) or read_frames(view, times)) for view in views]
        for view, frames in pictures:
            shown[view.name] = frames
        told = data | ({"earlier": {k: v for k, v in answer.items() if k != "episode"}} if answer else {})
        answer, is_mended = _staged(episode, server, way, journal, preset, stage, told, pictures, answer)
        mended |= is_mended
    rows = rows_of(episode, answer, CONFIDENCE_MENDED if mended else CONFIDENCE)
    if way.instruct:
        told = data | {"earlier": {k: v for k, v in answer.items() if k != "episode"}}
        rows += _instructed(episode, server, way, journal, told, rows)
    return rows


def _instructed(
    episode: VlmEpisode,
    server: VlmServer,
    way: VlmWay,
    journal: VlmJournal,
    told: Mapping[str, Any],
    rows: Sequence[Annotation],
) -> list[Annotation]:
    """What a person may say of the scene; where that cannot be had the rows before stand."""
    views = _views_of(vlm_instruct.PRESET, vlm_instruct.STAGE, episode.views)
    times = vlm_instruct.spoken_times(episode.duration_s)
    pictures = [(view, read_frames(view, times)) for view in views]
    try:
        answer, mended = _staged(
            episode, server, way, journal, vlm_instruct.PRESET, vlm_instruct.STAGE, told, pictures, {}
        )
    except VlmDoubtError as error:
        error.rows = tuple(rows)
        raise
    sure = CONFIDENCE_MENDED if mended else CONFIDENCE
    return list(vlm_instruct.spoken_annotations(episode.episode, episode.duration_s, answer, rows, sure))


def picture_times(preset: VlmPreset, way: VlmWay, episode: VlmEpisode) -> tuple[float, ...]:
    """Return the times of the pictures of each view."""
    fps, most = way.fps or preset.fps, way.most_frames or preset.most_frames
    if preset.is_one_text:
        return even_times(episode.duration_s, most)
    if fps is None:
        return phase_times(episode.facts, episode.duration_s, most)
    return fixed_times(episode.duration_s, fps, most)


def _views_of(preset: VlmPreset, stage: VlmStage, views: Sequence[ViewFile]) -> list[ViewFile]:
    """A wrist stage sees the wrist cameras; the others see the rest, or all if there is no other."""
    if preset.as_video or preset.is_one_text:
        return list(views)
    chosen = [view for view in views if view.is_wrist == stage.wrist]
    return chosen if chosen or stage.wrist else list(views)


def _staged(
    episode: VlmEpisode,
    server: VlmServer,
    way: VlmWay,
    journal: VlmJournal,
    preset: VlmPreset,
    stage: VlmStage,
    data: Mapping[str, Any],
    pictures: Sequence[tuple[ViewFile, Sequence[VlmFrame]]],
    before: Mapping[str, Any],
) -> tuple[dict[str, Any], bool]:
    """One stage's answer, from the journal or the server, and whether it had to be mended."""
    token = request_token(episode, stage, data)
    said = messages(preset, stage, token, way.language, data, pictures)
    schema = stage.schema(token)
    key = request_hash(server.options.model, server.options.max_tokens, prompt(stage.prompt)[1], said, schema)
    known = journal.get(key)
    if known is None:
        came = server.ask(said, stage.name, schema, lambda value: wrong_with(value, way.language, episode, before))
        known = {
            "episode": episode.episode,
            "stage": stage.name,
            "value": came.value,
            "doubt": came.doubt,
            "mended": came.repaired,
            "tokens": [came.usage.requests, came.usage.tokens_in, came.usage.tokens_out],
        }
        journal.put(key, known)
    if known["value"] is None:
        raise VlmDoubtError(f"episode {episode.episode}: the model's {stage.name} cannot be used ({known['doubt']})")
    return known["value"], known["mended"]


def request_token(episode: VlmEpisode, stage: VlmStage, data: Mapping[str, Any]) -> str:
    """Return what a model must repeat, so that no answer is taken for another episode's."""
    return request_hash(episode.episode, stage.name, dict(data), episode.duration_s)[:12]


def usage_in(journal: VlmJournal) -> VlmUsage:
    """Return what all answers of a journal used together, those of earlier runs among them."""
    return sum((VlmUsage(*known["tokens"]) for known in journal.answers()), VlmUsage())


def wrong_with(
    value: Mapping[str, Any], language: str, episode: VlmEpisode, before: Mapping[str, Any] | None = None
) -> str:
    """Return what is wrong with an answer that fits its schema: times, numbering, language; empty if nothing."""
    steps = value.get("steps", [])
    at_s = 0.0
    for number, step in enumerate(steps, start=1):
        if not at_s - 1e-6 <= step["from_s"] <= step["to_s"] <= episode.duration_s + LATE_S:
            return (
                f"step {number} is said to last from {step['from_s']} to {step['to_s']} s; steps follow each other "
                f"within the episode's {episode.duration_s:.2f} s"
            )
        at_s = step["from_s"]
    if before and before.get("steps") and len(before["steps"]) != len(steps):
        return f"there are {len(steps)} steps, and there were {len(before['steps'])}; their number must not change"
    for factor in value.get("factors", []):
        if factor["step"] > len(steps):
            return f"a factor is said of step {factor['step']}, there are {len(steps)}"
        known = {"active_actor": ACTORS, "approach_direction": APPROACHES}.get(factor["slot"])
        if known and factor["value"] not in known:
            return f"{factor['slot']} must be one of {', '.join(known)}"
    numbers = [int(name.removeprefix("Step")) for name in value if name.startswith("Step")]
    if sorted(numbers) != list(range(1, len(numbers) + 1)):
        return "steps must be numbered from Step1 without a gap"
    texts = [step["text"] for step in steps] + [value.get("refined_instruction", "")]
    texts += [value[f"Step{number}"] for number in numbers]
    texts += vlm_instruct.spoken_texts(value)
    if problem := vlm_instruct.wrong_with_spoken(value, episode.instruction):
        return problem
    return _wrong_language(" ".join(texts), language)


def _wrong_language(text: str, language: str) -> str:
    """A text is Chinese if a good part of its letters is, for names of objects may stay Latin."""
    letters = [c for c in text if c.isalpha()]
    share = sum(unicodedata.name(c, "").startswith("CJK") for c in letters) / max(len(letters), 1)
    latin = sum(unicodedata.name(c, "").startswith("LATIN") for c in letters) / max(len(letters), 1)
    if letters and language == "zh" and share < 0.3:
        return "the texts must be written in Simplified Chinese"
    if letters and language == "en" and latin < 0.9:
        return "the texts must be written in English"
    return ""


def rows_of(episode: VlmEpisode, answer: Mapping[str, Any], confidence: float) -> list[Annotation]:
    """Return an answer as rows; times are cut to the episode."""
    number, end_s = episode.episode, episode.duration_s
    if "Step1" in answer:
        texts = [
            answer[f"Step{k}"].strip() for k in itertools.takewhile(lambda k: f"Step{k}" in answer, itertools.count(1))
        ]
        steps = [
            Annotation(number, 0.0, end_s, TEXT, "step", text, "vlm", confidence, step)
            for step, text in enumerate(texts, start=1)
        ]
        fine = " ".join(texts)
        return [*steps, Annotation(number, 0.0, end_s, TEXT, "fine", fine, "vlm", confidence)]
    rows: list[Annotation] = []
    spans = {0: (0.0, end_s)}
    for count, step in enumerate(answer["steps"], start=1):
        span = min(float(step["from_s"]), end_s), min(float(step["to_s"]), end_s)
        spans[count] = span
        for slot, value in (("step", step["text"]), ("primitive_action", step["verb"]), ("active_actor", step["arm"])):
            dimension = TEXT if slot == "step" else dimension_of(slot)
            rows.append(Annotation(number, *span, dimension, slot, value.strip(), "vlm", confidence, count))
    fine = answer["refined_instruction"].strip()
    rows.append(Annotation(number, 0.0, end_s, TEXT, "fine", fine, "vlm", confidence))
    told = {(row.slot, row.step) for row in rows}
    for factor in answer["factors"]:
        slot, span = factor["slot"], spans[factor["step"]]
        if (slot, factor["step"]) in told:
            continue
        told.add((slot, factor["step"]))
        value = factor["value"].strip()
        rows.append(Annotation(number, *span, dimension_of(slot), slot, value, "vlm", confidence, factor["step"]))
    return rows


def open_journal(folder: Path) -> VlmJournal:
    """Return the journal of a data set's annotations in `folder`; it is a cache, and may be deleted to ask all again."""
    return VlmJournal(folder / "vlm_answers.journal")
