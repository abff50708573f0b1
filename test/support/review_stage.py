"""A small data set with drafts of annotations, and `finevla review` as a process that is asked over HTTP."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any, Self

from lerobot_sets import take, write

from finevla_tools.annotate.annotation import Annotation, dimension_of
from finevla_tools.datasets.annotation_table import SCHEMA
from finevla_tools.review.review_export import write_table

CAMERAS = ("front", "left")


def drafts(episode: int = 0, length_s: float = 2.4, sure: float = 0.9) -> list[Annotation]:
    """Two steps, a fine text, and claims of the motion and of a model."""
    half = round(length_s / 2 * 30) / 30
    rows = [
        ("text", "raw", "put the cube away", 0.0, length_s, "operator", 1.0, 0),
        ("text", "fine", "the left arm grasps the red cube from above and lifts it", 0.0, length_s, "vlm", sure, 0),
        ("text", "step", "reach the cube", 0.0, half, "vlm", sure, 1),
        ("text", "step", "lift the cube", half, length_s, "vlm", sure, 2),
        ("", "primitive_action", "reach", 0.0, half, "motion", 0.95, 1),
        ("", "primitive_action", "lift", half, length_s, "motion", 0.95, 2),
        ("", "active_actor", "left arm", 0.0, length_s, "motion", 0.99, 0),
        ("", "target_color", "red", 0.0, length_s, "vlm", sure, 0),
        ("", "approach_direction", "from above", 0.0, half, "motion", 0.93, 1),
    ]
    return [
        Annotation(episode, begin, end, dimension or dimension_of(slot), slot, value, source, confidence, step)
        for dimension, slot, value, begin, end, source, confidence, step in rows
    ]


def write_drafts(path: Path, rows: Sequence[Annotation]) -> Path:
    """A file as `finevla annotate` writes it."""
    write_table(path, SCHEMA, map(astuple, rows))
    return path


def data_set(root: Path, episodes: int = 3) -> Path:
    """A LeRobot data set with two cameras."""
    return write(root, [take(seed, cameras=CAMERAS) for seed in range(episodes)])


class ReviewStage:
    """The command in a process of its own; `ask` returns status and JSON."""

    def __init__(self, dataset: Path, annotations: Path, *options: str, env: Mapping[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "finevla_tools.cli", "review", str(dataset), "--annotations", str(annotations)]
        self._process = subprocess.Popen(
            [*command, *(("--port", "0") if "--port" not in options else ()), *options],
            stdout=subprocess.PIPE, text=True, env={**os.environ, **(env or {})},
        )  # fmt: skip
        assert self._process.stdout is not None
        line = next((line for line in self._process.stdout if "is open at" in line), "")
        assert line, "the server did not start"
        self.url = line.split(" at ")[1].split("/?")[0].split(";")[0].strip()
        self.port = int(self.url.rpartition(":")[2])

    def raw(
        self, method: str, path: str, said: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Status, content and headers of an answer; `said` is sent as JSON unless it is bytes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        content = said if isinstance(said, bytes) or said is None else json.dumps(said).encode()
        given = {"Content-Type": "application/json"} if content is not None else {}
        connection.request(method, path, content, {**given, **(headers or {})})
        answer = connection.getresponse()
        found = answer.status, answer.read(), dict(answer.getheaders())
        connection.close()
        return found

    def ask(
        self, method: str, path: str, said: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        status, content, _ = self.raw(method, path, said, headers)
        return status, json.loads(content)

    def kill(self) -> None:
        """End it as a crash would."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(20)

    def close(self) -> None:
        """End it as Ctrl-C does."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(20)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
