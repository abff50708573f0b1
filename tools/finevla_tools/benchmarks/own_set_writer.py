"""Writes a benchmark of a data set's reviewed episodes in the published form, split so that no scene is in two parts."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finevla_core.errors import FineVLAError
from finevla_core.text_files import json_line, read_json_lines
from finevla_tools.benchmarks.caption_repair import AtomicFact
from finevla_tools.benchmarks.evaluation_files import facts_line
from finevla_tools.benchmarks.own_facts import own_facts
from finevla_tools.benchmarks.own_questions import OwnQuestion, own_questions
from finevla_tools.benchmarks.set_folders import CARD, FACTS, QUESTIONS, SETS
from finevla_tools.datasets.episode_words import EPISODES_FILE, EpisodeWords, WordsReader
from finevla_tools.datasets.lerobot_files import EpisodeFile, LeRobotFiles
from finevla_tools.work.staged_output import Staged

VERSION = 1
TEST, DEV = "test", "dev"
IMAGES = "observation.images."


@dataclass(frozen=True)
class OwnSample:
    """An episode of a benchmark: its facts, its scene, and what `EvalSets.json` says of it but for the videos."""

    name: str
    episode: EpisodeFile
    words: EpisodeWords
    scene: str
    facts: Sequence[AtomicFact]


@dataclass(frozen=True)
class OwnSet:
    """What is to be written: samples by part, and why episodes were left out, by reason."""

    parts: Mapping[str, Sequence[OwnSample]]
    questions: Mapping[str, Mapping[str, Sequence[OwnQuestion]]]
    left_out: Mapping[str, Sequence[int]]


def read_own_set(files: LeRobotFiles, name: str, test_share: float, seed: int = 0, unreviewed: bool = False) -> OwnSet:
    """Return samples and questions of a data set; raises `FineVLAError` if nothing of it is reviewed."""
    stated = _stated(files.root)
    parts: dict[str, list[OwnSample]] = {TEST: [], DEV: []}
    left_out: dict[str, list[int]] = {}
    reader, of_episode = WordsReader(files), {episode.index: episode for episode in files.episodes}
    for words in reader:
        told = stated.get(words.episode, {})
        facts = own_facts(words, told.get("truth"), unreviewed)
        if told.get("success") is False:
            left_out.setdefault("it did not come out as told", []).append(words.episode)
        elif not facts:
            left_out.setdefault("nothing of it is reviewed", []).append(words.episode)
        else:
            scene = str(told.get("seed", "; ".join(words.tasks)))
            sample = OwnSample(f"{name}-{words.episode}", of_episode[words.episode], words, scene, facts)
            parts[part_of(scene, test_share)].append(sample)
    if not any(parts.values()):
        reasons = "; ".join(left_out)
        raise FineVLAError(
            f"'{files.root}' has no episode to ask about ({reasons}); 'finevla review' approves annotations, and "
            "--unreviewed takes drafts"
        )
    questions = {
        part: own_questions({sample.name: sample.facts for sample in some}, seed) for part, some in parts.items()
    }
    if not questions[TEST]:
        raise FineVLAError(
            f"the {len(parts[TEST])} test episodes of '{files.root}' give no balanced question: at least two values of a slot "
            "are needed, and no fewer than two episodes; take more episodes, or a larger --test-share"
        )
    return OwnSet({part: some for part, some in parts.items() if some}, questions, left_out)


def part_of(scene: str, test_share: float) -> str:
    """Return the part that a scene is in, by its name alone: the same in every data set and version."""
    place = int.from_bytes(hashlib.sha256(scene.encode()).digest()[:8]) / 2**64
    return TEST if place < test_share else DEV


def _stated(root: Path) -> dict[int, Mapping[str, Any]]:
    path = root / EPISODES_FILE
    rows = read_json_lines(path)[0] if path.is_file() else []
    return {row["episode_index"]: row for row in rows if isinstance(row.get("episode_index"), int)}


def write_own_set(made: OwnSet, files: LeRobotFiles, name: str, out: Path, seed: int) -> None:
    """Write the parts into a new folder, whole or not at all; raises `FineVLAError` if it exists."""
    with Staged(out) as folder:
        for part, samples in made.parts.items():
            own = made.questions[part]
            (folder / part).mkdir(parents=True)
            rows = [_sample(one, files, name, out / part, part) for one in samples]
            _write(folder / part / SETS, json.dumps(rows, indent=1, ensure_ascii=False))
            asked = [{"sample_id": key, "status": "ok", "qas": [_qa(one) for one in some]} for key, some in own.items()]
            _write(folder / part / QUESTIONS, json.dumps(asked, indent=1, ensure_ascii=False))
            _write(
                folder / part / FACTS, "\n".join(json_line(facts_line(one.name, list(one.facts))) for one in samples)
            )
        _write(folder / CARD, json.dumps(card(made, files, name, seed), indent=1, ensure_ascii=False))


def _write(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="utf-8")


def card(made: OwnSet, files: LeRobotFiles, name: str, seed: int) -> dict[str, Any]:
    """Return what the benchmark is made of: counts, and the chance of who guesses, by capability."""
    parts = {}
    for part, samples in made.parts.items():
        questions = [one for some in made.questions[part].values() for one in some]
        chances: dict[str, list[float]] = {}
        for one in questions:
            chances.setdefault(one.question.capability, []).append(one.chance)
        parts[part] = {
            "samples": len(samples),
            "scenes": len({one.scene for one in samples}),
            "facts": sum(len(one.facts) for one in samples),
            "questions": len(questions),
            "chance": round(sum(one.chance for one in questions) / len(questions), 4) if questions else None,
            "chance_by_capability": {key: round(sum(some) / len(some), 4) for key, some in sorted(chances.items())},
        }
    left_out = {reason: list(some) for reason, some in made.left_out.items()}
    return {
        "version": VERSION,
        "dataset": name,
        "robot": files.robot,
        "seed": seed,
        "parts": parts,
        "left_out": left_out,
    }


def _sample(one: OwnSample, files: LeRobotFiles, name: str, folder: Path, part: str) -> dict[str, Any]:
    words = one.words
    steps = [step.text for step in words.steps] or list(dict.fromkeys(text.text for text in words.fine))
    views = [video.key.removeprefix(IMAGES) for video in one.episode.videos]
    addresses = {}
    for k, video in enumerate(one.episode.videos, 1):
        path = os.path.relpath(video.path.resolve(), folder.resolve())
        end_s = video.begin_s + words.duration_s if video.end_s is None else video.end_s
        addresses[f"view{k}"] = f"{path}#t={video.begin_s:.3f},{end_s:.3f}"
    return {
        "sample_id": one.name,
        "dataset": name,
        "robot_type": files.robot,
        "instruction_raw": "; ".join(words.tasks),
        "views": addresses,
        "meta": {"view_names": views, "duration_sec": round(words.duration_s, 3), "scene": one.scene, "split": part},
        "GT": steps or list(words.tasks),
    }


def _qa(one: OwnQuestion) -> dict[str, Any]:
    asked = one.question
    told: dict[str, Any] = {
        "question_id": asked.question_id,
        "capability": asked.capability,
        "error_type": asked.error_type,
        "answer_type": asked.answer_type,
        "question": asked.question,
        "answer": asked.answer,
    }
    if asked.options:
        told["options"] = list(asked.options)
    mode = "conflict" if one.difference else "gt_only"
    return told | {
        "reference_text": one.reference,
        "difference_summary": one.difference,
        "mode": mode,
        "slot": one.slot,
        "chance": round(one.chance, 4),
    }
