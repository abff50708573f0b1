"""Asks a model for many things at once, so that nothing is lost, doubled or paid for twice.

A thread for each request that may be under way; every answer is in the journal before the next request of its thread.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from finevla_core.errors import DiskFullError, FineVLAError
from finevla_tools.annotate.vlm_budget import VlmBudgetError, VlmUsage
from finevla_tools.annotate.vlm_journal import VlmJournal, request_hash
from finevla_tools.annotate.vlm_queue import answered
from finevla_tools.annotate.vlm_server import VlmRefusedError, VlmServer, VlmUnavailableError

Messages = list[dict[str, Any]]
ANY_OBJECT: Mapping[str, Any] = {"type": "object"}


class AnswerReader(Protocol):
    """Reads the answers to one request: the first, and the one after it was told what is wrong."""

    def __call__(self, value: dict[str, Any]) -> str:
        """Take an answer; return what is wrong with it, "" for nothing."""
        ...

    @property
    def result(self) -> dict[str, Any] | None:
        """What was read so far, of all answers together; None if nothing can be used."""
        ...


@dataclass(frozen=True)
class ModelRequest:
    """What to ask of a sample in a round; `messages` are made when it is asked, for pictures are large."""

    sample_id: str
    round: int
    name: str
    messages: Callable[[], Messages]
    schema: Mapping[str, Any]
    reader: Callable[[], AnswerReader]


@dataclass(frozen=True)
class ModelAnswer:
    """What came of a request: a `result`, or None and then a `sentence` that says why."""

    sample_id: str
    round: int
    result: Mapping[str, Any] | None
    sentence: str = ""
    usage: VlmUsage = field(default_factory=VlmUsage)
    elapsed_s: float = 0.0
    by_server: bool = False


def answer_all(requests: Iterable[ModelRequest], server: VlmServer, journal: VlmJournal) -> Iterator[ModelAnswer]:
    """Give an answer to each request as soon as there is one, in any order.

    Raises `FineVLAError` when nothing more can be done (limit of cost, full disk, the server refuses all or is gone), after
    the answers to what was under way. What is in the journal is not asked again; failed calls are.
    """
    yield from answered(requests, lambda request: _answer(request, server, journal), server, "samples")


def _answer(request: ModelRequest, server: VlmServer, journal: VlmJournal) -> ModelAnswer:
    def failed(error: FineVLAError, by_server: bool) -> ModelAnswer:
        return ModelAnswer(request.sample_id, request.round, None, str(error), by_server=by_server)

    try:
        return _asked(request, server, journal)
    except (VlmBudgetError, DiskFullError):
        raise
    except VlmRefusedError as error:
        if error.is_final:
            raise
        return failed(error, by_server=True)
    except FineVLAError as error:
        return failed(error, isinstance(error, VlmUnavailableError))


def _asked(request: ModelRequest, server: VlmServer, journal: VlmJournal) -> ModelAnswer:
    said = request.messages()
    options = server.options
    way = (options.model, options.max_tokens, options.temperature, options.thinking_off)
    key = request_hash(*way, request.sample_id, request.round, said, request.schema)
    known = journal.get(key)
    if known is None:
        begin, reader = time.monotonic(), request.reader()
        came = server.ask(said, request.name, request.schema, reader, ANY_OBJECT)
        usage = came.usage
        known = {
            "sample": request.sample_id,
            "round": request.round,
            "value": reader.result,
            "doubt": came.doubt,
            "tokens": [usage.requests, usage.tokens_in, usage.tokens_out],
            "elapsed_s": round(time.monotonic() - begin, 2),
        }
        journal.put(key, known)
    sentence = "" if known["value"] is not None else f"the answer cannot be used ({known['doubt']})"
    return ModelAnswer(
        request.sample_id, request.round, known["value"], sentence, VlmUsage(*known["tokens"]), known["elapsed_s"]
    )


def text_part(text: str) -> dict[str, Any]:
    """Return a text as a part of a message."""
    return {"type": "text", "text": text}


def object_schema(properties: Mapping[str, Any], required: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the schema of an object that has these fields and no others; all are required unless said."""
    names = list(properties) if required is None else list(required)
    return {"type": "object", "properties": dict(properties), "required": names, "additionalProperties": False}
