"""Asks any OpenAI-compatible server for JSON of a schema, and never believes that it obeyed.

Every wait and every retry is bounded. The key comes from an environment variable and is in no text that is written anywhere.
"""

import ipaddress
import json
import os
import random
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from finevla_core.errors import FineVLAError
from finevla_tools.annotate.json_schema import find_json, schema_errors
from finevla_tools.annotate.vlm_budget import (
    BYTES_PER_TOKEN,
    IMAGE_TOKENS,
    VlmBudget,
    VlmPace,
    VlmPrices,
    VlmUsage,
)
from finevla_tools.stderr_notices import note

MAX_ANSWER_BYTES = 4 << 20  # an answer of 32,768 tokens has some 200 kB
MAX_SAID = 200  # characters of what the server said, in a sentence
RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
HOPELESS = frozenset({301, 302, 307, 308, 401, 402, 403, 404, 405})
MOST_BACK_OFF_S = 60.0
MOST_ERRORS_SENT = 5
HTML_TAG = re.compile(r"<[^<>]{0,1000}>")
# What helps against a refusal, by its status.
HELP: Mapping[int, str] = {
    404: "; is the name of the model one that the server has, and does the address end in /v1?",
    413: "; the request is too large for the server, or for a proxy before it: show it fewer or smaller pictures",
}

Message = Mapping[str, Any]


class VlmRefusedError(FineVLAError):
    """The server will not answer this request, however often it is asked; `is_final` if it will answer no other either."""

    def __init__(self, text: str, is_final: bool = False) -> None:
        super().__init__(text)
        self.is_final = is_final


class VlmUnavailableError(FineVLAError):
    """The server did not answer within the tries and the time that it had."""


@dataclass(frozen=True)
class VlmOptions:
    """Where the server is and what it may take; raises `FineVLAError` for what cannot be."""

    url: str = "http://localhost:8000/v1"
    model: str = ""
    key_variable: str = "OPENAI_API_KEY"
    max_tokens: int = 4096
    temperature: float = 0.0
    timeout_s: float = 180.0  # of one try
    tries: int = 6
    most_time_s: float = 900.0  # of one request, all its tries and waits together
    back_off_s: float = 1.0  # before the second try; doubles
    concurrency: int = 4
    requests_per_minute: float | None = None
    prices: VlmPrices = field(default_factory=VlmPrices)
    most_cost: float | None = None
    most_tokens: int | None = None
    # Commercial servers that answer 400 to fields they do not know want neither of the two.
    thinking_off: bool = True
    response_format: bool = True

    def __post_init__(self) -> None:
        check_url(self.url, bool(os.environ.get(self.key_variable)))
        if not self.model.strip():
            raise FineVLAError(f"name the model by --model; '{self.url.rstrip('/')}/models' lists what the server has")
        least = {"max_tokens": 1, "tries": 1, "concurrency": 1, "timeout_s": 1e-3, "most_time_s": 1e-3, "back_off_s": 0}
        for name, low in least.items():
            if not getattr(self, name) >= low:
                raise FineVLAError(f"{name} is {getattr(self, name)}; it must be at least {low}")


@dataclass(frozen=True)
class VlmAnswer:
    """What came of a request: `value` fits the schema, or is None, and then `doubt` says why a person must look."""

    value: dict[str, Any] | None
    doubt: str
    usage: VlmUsage
    repaired: bool = False


def check_url(url: str, with_key: bool) -> None:
    """Raise `FineVLAError` for an address that is none, that holds a password, or to which a key would travel in the open."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise FineVLAError(
            f"the server's address is no URL ({error}); it looks like http://localhost:8000/v1"
        ) from error
    if parts.scheme not in ("http", "https") or not host:
        raise FineVLAError("the server's address must begin with http:// or https:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise FineVLAError("the server's address holds a name or password; give the key in the environment variable")
    if parts.query or parts.fragment or any(c.isspace() or not c.isprintable() for c in url):
        raise FineVLAError(
            "the server's address may have no '?', '#' or blanks; it looks like http://localhost:8000/v1"
        )
    if with_key and parts.scheme == "http" and not _is_near(host):
        raise FineVLAError(f"the key would travel to '{host}' unencrypted; use https://, or unset the key's variable")


def _is_near(host: str) -> bool:
    """Return whether a host is this machine or of the local network, by its name alone."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".lan", ".internal", ".localhost"))


def one_line(text: str) -> str:
    """Return the beginning of what a server said: printable, on one line, and of a page of HTML its words alone."""
    if text.lstrip()[:1] == "<":
        text = HTML_TAG.sub(" ", text)
    return " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * MAX_SAID]).split())[:MAX_SAID]


class _Retry(Exception):
    """This try came to nothing and another may help; `wait_s` is what the server asked for."""

    def __init__(self, said: str, wait_s: float | None = None, may_be_charged: bool = False) -> None:
        super().__init__(said)
        self.wait_s, self.may_be_charged = wait_s, may_be_charged


class VlmServer:
    """A client for threads; all share its pace, its budget and its connections. Close it, or use it as a context."""

    def __init__(self, options: VlmOptions) -> None:
        self.options = options
        self.budget = VlmBudget(options.prices, options.most_cost, options.most_tokens)
        self._stop = threading.Event()
        self._may_tell = threading.Lock()  # whoever takes it tells of the first failed try, and keeps it
        self._pace = VlmPace(options.requests_per_minute, self._stop)
        self._slots = threading.BoundedSemaphore(options.concurrency)
        self._random = random.Random()
        host = urlsplit(options.url).hostname or ""
        key = os.environ.get(options.key_variable, "")
        self._key = key
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(options.timeout_s, pool=None),
            limits=httpx.Limits(max_connections=options.concurrency),
            trust_env=host != "localhost" and not host.startswith("127."),  # no proxy stands before this machine
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def stop(self) -> None:
        """End all waits: requests under way are finished, and no other is sent."""
        self._stop.set()

    def close(self) -> None:
        """Close all connections to the server."""
        self._stop.set()
        self._client.close()

    def ask(
        self,
        messages: Sequence[Message],
        name: str,
        schema: Mapping[str, Any],
        check: Callable[[dict[str, Any]], str] = lambda _: "",
        accepted: Mapping[str, Any] | None = None,
    ) -> VlmAnswer:
        """Ask for an object of `schema`; a wrong answer gets one request to mend it, then it is in doubt.

        `check` returns what else is wrong with an answer that fits the schema, empty if nothing. `accepted` is a wider schema
        that an answer may fit as well. Raises `VlmRefusedError`, `VlmUnavailableError` or `VlmBudgetError`.
        """
        text, lacking, usage = self._request(messages, name, schema)
        value, wrong = _judged(text, lacking, accepted or schema, check)
        if value is not None:
            return VlmAnswer(value, "", usage)
        mend = (
            "That answer cannot be used. What is wrong, as data: "
            + json.dumps(wrong[:MOST_ERRORS_SENT], ensure_ascii=False)
            + " Answer the same task again with one JSON object of the schema and nothing else."
        )
        again = [
            *messages,
            {"role": "assistant", "content": text[:20_000] or "(empty)"},
            {"role": "user", "content": mend},
        ]
        text, lacking, more = self._request(again, name, schema)
        value, wrong = _judged(text, lacking, accepted or schema, check)
        return VlmAnswer(
            value, "" if value is not None else one_line("; ".join(wrong)), usage + more, value is not None
        )

    def _request(self, messages: Sequence[Message], name: str, schema: Mapping[str, Any]) -> tuple[str, str, VlmUsage]:
        body = self._body(messages, name, schema)
        most = VlmUsage(
            1, _most_tokens_in(messages) + len(json.dumps(schema)) // BYTES_PER_TOKEN, self.options.max_tokens
        )
        until_s = time.monotonic() + self.options.most_time_s
        charged, said = VlmUsage(), "no try was made"
        with self._slots:
            for number in range(self.options.tries):
                if not self._pace.wait(until_s):
                    break
                self.budget.reserve(most)
                used = VlmUsage()
                try:
                    text, lacking, used = self._try(body, most, until_s)
                    return text, lacking, charged + used
                except _Retry as retry:
                    said = str(retry)
                    used = most if retry.may_be_charged else VlmUsage()
                    charged += used
                    self._tell_once(said)
                    if not self._back_off(number, retry, until_s):
                        break
                finally:
                    self.budget.settle(most, used)
        raise VlmUnavailableError(
            f"'{self.options.url}' gave no answer in {number + 1} {'tries' if number else 'try'} "
            f"(last: {said}); start again when it does, what is done is kept"
        )

    def _tell_once(self, said: str) -> None:
        """Say what the first failed try of all came to: who waits without a word believes that it works."""
        if self.options.tries > 1 and self._may_tell.acquire(blocking=False):
            note(f"'{self.options.url}' does not answer yet ({said}); each request is tried {self.options.tries} times")

    def _back_off(self, number: int, retry: _Retry, until_s: float) -> bool:
        """Wait before the next try; return False if there is no time or no try left."""
        own = min(self.options.back_off_s * 2.0**number, MOST_BACK_OFF_S) * self._random.uniform(0.5, 1.0)
        wait_s = max(own, retry.wait_s or 0.0)
        if number + 1 >= self.options.tries or time.monotonic() + wait_s > until_s:
            return False
        if retry.wait_s is not None:
            self._pace.hold(retry.wait_s)
        return not self._stop.wait(wait_s)

    def _body(self, messages: Sequence[Message], name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.options.model,
            "messages": list(messages),
            "temperature": self.options.temperature,
            "max_tokens": self.options.max_tokens,
        }
        if self.options.response_format:
            form = {"name": name, "schema": schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        if self.options.thinking_off:
            body["chat_template_kwargs"] = {"enable_thinking": False}
        return body

    def _try(self, body: Mapping[str, Any], most: VlmUsage, until_s: float) -> tuple[str, str, VlmUsage]:
        until_s = min(until_s, time.monotonic() + self.options.timeout_s)
        try:
            with self._client.stream("POST", f"{self.options.url.rstrip('/')}/chat/completions", json=body) as response:
                content = _read(response, until_s)
        except httpx.TimeoutException as error:
            raise _Retry("it took too long", may_be_charged=not isinstance(error, httpx.ConnectTimeout)) from error
        except httpx.ConnectError as error:
            raise _Retry(f"no connection ({one_line(str(error))})") from error
        except httpx.HTTPError as error:
            raise _Retry(f"the answer broke off ({one_line(str(error))})", may_be_charged=True) from error
        if response.status_code != 200:
            raise self._refusal(response, content)
        return _text_of(content.replace(self._key.encode(), b"(key)") if self._key else content, most)

    def _refusal(self, response: httpx.Response, content: bytes) -> Exception:
        """What a status other than 200 means: by its number, never by its words."""
        status, said = response.status_code, one_line(content.decode("utf-8", "replace"))
        if self._key:
            said = said.replace(self._key, "(key)")
        if status in RETRIED:
            return _Retry(f"HTTP {status}: {said}", _retry_after_s(response.headers.get("Retry-After", "")))
        return VlmRefusedError(
            f"'{self.options.url}' refused the request (HTTP {status}): {said}{HELP.get(status, '')}",
            status in HOPELESS,
        )


def _read(response: httpx.Response, until_s: float) -> bytes:
    """All of an answer's bytes, up to a size and a time: a server that sends a byte a second is late, too."""
    parts, size = [], 0
    for part in response.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise _Retry(f"the answer has more than {MAX_ANSWER_BYTES >> 20} MiB", may_be_charged=True)
        if time.monotonic() > until_s:
            raise _Retry("it took too long", may_be_charged=True)
    return b"".join(parts)


def _text_of(content: bytes, most: VlmUsage) -> tuple[str, str, VlmUsage]:
    """The model's words in a chat completion, or why it has none that count; and what they used."""
    try:
        reply = json.loads(content)
        choice = reply["choices"][0]
        message = choice["message"]
        said, reason = message["content"], choice.get("finish_reason", "stop")
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        shown = one_line(content.decode("utf-8", "replace"))
        raise _Retry(f"the answer is no chat completion: {shown}", may_be_charged=True) from error
    if isinstance(said, list):
        said = "".join(str(part.get("text", "")) for part in said if isinstance(part, dict))
    used = _used(reply.get("usage"), most)
    if reason == "length":  # half a sentence is not an answer
        return (
            "",
            f"the answer was cut at its length, after {used.tokens_out} tokens; a higher --max-tokens may help",
            used,
        )
    if reason not in ("stop", None):
        return "", f"the server ended the answer for the reason '{one_line(str(reason))}'", used
    if not isinstance(said, str) or not said.strip():
        refusal = message.get("refusal")
        why = (
            f"the model refuses: {one_line(refusal)}" if isinstance(refusal, str) and refusal else "the answer is empty"
        )
        thinks = bool(message.get("reasoning_content") or message.get("reasoning"))
        return "", f"{why}, all of it is thinking; a higher --max-tokens may help" if thinks else why, used
    return said, "", used


def _used(told: Any, most: VlmUsage) -> VlmUsage:
    """What the server says that it used; where it does not, the most that it can be."""
    numbers = [told.get(name) if isinstance(told, dict) else None for name in ("prompt_tokens", "completion_tokens")]
    tokens_in, tokens_out = (
        number if isinstance(number, int) and number >= 0 else high
        for number, high in zip(numbers, (most.tokens_in, most.tokens_out), strict=True)
    )
    return VlmUsage(1, tokens_in, tokens_out)


def _most_tokens_in(messages: Sequence[Message]) -> int:
    tokens = 0
    for message in messages:
        content = message["content"]
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            if part["type"] == "text":
                tokens += len(part["text"].encode()) // BYTES_PER_TOKEN + 16
            else:
                tokens += IMAGE_TOKENS * (len(part["video"]) if part["type"] == "video" else 1)
    return tokens


def _retry_after_s(text: str) -> float | None:
    """Seconds of a Retry-After header, which is a number or a date (RFC 9110, 10.2.3); None if it is neither."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            when = parsedate_to_datetime(text)
        except ValueError:
            return None
        seconds = (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return max(seconds, 0.0) if seconds == seconds and abs(seconds) < 1e9 else None


def _judged(
    text: str, lacking: str, schema: Mapping[str, Any], check: Callable[[dict[str, Any]], str]
) -> tuple[dict[str, Any] | None, list[str]]:
    if lacking:
        return None, [lacking]
    try:
        value = find_json(text)
    except ValueError as error:
        return None, [str(error)]
    wrong = list(schema_errors(value, schema))
    if not wrong and (other := check(value)):
        wrong = [other]
    return (None, wrong) if wrong else (value, [])
