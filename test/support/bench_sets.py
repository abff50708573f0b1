"""Small sets of RoboFine-Bench's form, and a server that answers them as it is told, or misbehaves."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from played_vlm_server import PlayedVlmServer
from vlm_run import write_video

from finevla_tools.benchmarks.vqa_matching import VqaQuestion, right_letter

COLOURS = ["red", "green", "blue", "yellow"]


def write_set(folder: Path, count: int, videos: bool = True, views: int = 1) -> Path:
    """A set of `count` samples with three questions and four facts each; all share one short video."""
    folder.mkdir(parents=True, exist_ok=True)
    if videos:
        write_video(folder / "v.mp4")
    samples, questions, facts = [], [], []
    for k in range(count):
        name, colour, arm = f"set-{k}", COLOURS[k % 4], ("left", "right")[k % 2]
        names = ["cam_high", "wrist_left"][:views]
        samples.append(
            {
                "sample_id": name,
                "dataset": ("one", "two")[k % 2],
                "robot_type": "aloha",
                "instruction_raw": [f"put number {k} away"],
                "views": {f"view{v}": "v.mp4#t=0.000,1.000" for v in range(1, views + 1)},
                "meta": {"view_names": names, "duration_sec": 1.0},
                "GT": [f"The {arm} arm grasps the {colour} cube.", "It lifts the cube."],
            }
        )
        questions.append({"sample_id": name, "status": "ok", "qas": qas_of(name, colour, arm)})
        told = [
            ("action_sequence", "primitive_action", "grasp"),
            ("action_sequence", "primitive_action", "lift"),
            ("active_actor", "actor", arm),
            ("target_object", "color", colour),
        ]
        facts.append(facts_of(name, told))
    questions.append({"sample_id": "set-failed", "status": "error", "qas": []})
    (folder / "EvalSets.json").write_text(json.dumps(samples))
    (folder / "QAEvalSets.json").write_text(json.dumps(questions))
    (folder / "GT_AtomicFacts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in facts))
    return folder


def facts_of(name: str, told: list[tuple[str, str, str]]) -> dict[str, Any]:
    blocks: dict[str, list[dict[str, Any]]] = {}
    for capability, slot, value in told:
        some = blocks.setdefault(capability, [])
        some.append(
            {"fact_id": f"{capability}_{len(some) + 1}", "step_anchor": None, "object": None, "slot": slot, "value": value,
             "fact_text": f"{slot}: {value}"}
        )  # fmt: skip
    results = [{"capability": name, "gt_atomic_facts": some} for name, some in blocks.items()]
    return {"sample_id": name, "status": "ok", "capability_results": results}


def qas_of(name: str, colour: str, arm: str) -> list[dict[str, Any]]:
    return [
        {"question_id": f"{name}_q1", "capability": "active_actor", "error_type": "contradiction", "answer_type": "yes_no",
         "question": "Does the left arm act?", "answer": "yes" if arm == "left" else "no"},
        {"question_id": f"{name}_q2", "capability": "action_sequence", "error_type": "omission", "answer_type": "number",
         "question": "How many actions are there?", "answer": "2"},
        {"question_id": f"{name}_q3", "capability": "target_object", "error_type": "contradiction",
         "answer_type": "multiple_choice", "question": "Which colour is the thing?", "answer": colour, "options": COLOURS},
    ]  # fmt: skip


def oracle(question: VqaQuestion) -> str:
    """The right answer, in the form that is asked for."""
    return right_letter(question) if question.options else question.answer


class PlayedBenchServer(PlayedVlmServer):
    """Gives `answer(words)`, where words are all texts of the first user message, the last one first."""

    def __init__(
        self, answer: Callable[[list[str]], dict[str, Any]], behave: Callable[[str, int], str] | None = None
    ) -> None:
        super().__init__(behave)
        self.answer = answer

    def token_of(self, body: dict[str, Any], schema: dict[str, Any]) -> str:
        return self.words(body)[0]

    def right_answer(self, body: dict[str, Any], schema: dict[str, Any], token: str) -> dict[str, Any]:
        return self.answer(self.words(body))

    @staticmethod
    def words(body: dict[str, Any]) -> list[str]:
        content = next(message["content"] for message in body["messages"] if message["role"] == "user")
        if isinstance(content, str):
            return [content]
        return [part["text"] for part in content if part["type"] == "text"][::-1]
