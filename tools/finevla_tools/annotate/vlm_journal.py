"""What a model has answered, by a hash of the whole request: whatever kills a run, only what was under way is asked again."""

import hashlib
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from finevla_tools.work.journal import Journal

FORM = {"records": "vlm answers 1"}


def request_hash(*parts: Any) -> str:
    """Return the hash of what a request is made of (anything that JSON can hold)."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class VlmJournal:
    """Answers on disk, for the threads of one process; each is there as soon as `put` returns."""

    def __init__(self, path: Path) -> None:
        """Raises `FineVLAError` if the file is another run's, is no journal of this form, or cannot be written."""
        self._file = Journal(path, FORM)
        self._lock = threading.Lock()
        self._answers: dict[str, dict[str, Any]] = {}
        for record in self._file.records():
            told = json.loads(record)
            self._answers[told["request"]] = told

    def get(self, request: str) -> Mapping[str, Any] | None:
        """Return what was answered to a request, by its hash; None if nothing was."""
        with self._lock:
            return self._answers.get(request)

    def put(self, request: str, answer: Mapping[str, Any]) -> None:
        """Keep an answer; raises `FineVLAError` if the disk is full, and then the file is as before."""
        told = {"request": request, **answer}
        with self._lock:
            self._file.append(json.dumps(told, ensure_ascii=False).encode("utf-8", "replace"))
            self._answers[request] = told

    def answers(self) -> list[Mapping[str, Any]]:
        """Return all answers, in the order in which they came."""
        with self._lock:
            return list(self._answers.values())

    def __len__(self) -> int:
        return len(self._answers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
