"""An OpenAI-compatible server that can be told to misbehave, and that keeps what it was asked.

Its right answers repeat the operator's words of the request, so that an answer given to another episode is seen.
"""

import collections
import http.server
import json
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

# What can go wrong: the first line comes to no answer, the second to one that must not be believed.
BROKEN = ("slow", "429", "500", "cut", "no choices", "huge", "no completion")
UNTRUE = ("wrong json", "wrong language", "ignored schema", "another's", "cut at its length")
HARMLESS = ("right", "thinking", "fenced")
WORDS = {"en": "The right arm handles", "zh": "右臂处理"}
SLOW_S = 0.02


def always(how: str) -> Callable[[str, int], str]:
    """Behaves in one way."""
    return lambda *_: how


class PlayedVlmServer:
    """Context manager; `behave(token, try)` says how the n-th request (from 0) of a token is answered."""

    def __init__(self, behave: Callable[[str, int], str] | None = None) -> None:
        self.behave = behave or always("right")
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.tries = collections.Counter[str]()
        self.answered = collections.Counter[str]()  # right answers by token
        self.most_at_once = self._at_once = 0
        self.keeps_requests = True
        self._last: dict[str, Any] = {}
        self._lock = threading.Lock()
        played = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                played._serve(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients are killed here
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def token_of(self, body: dict[str, Any], schema: dict[str, Any]) -> str:
        """What tells the requests of one episode from those of others."""
        return str(schema.get("properties", {}).get("episode", {}).get("const", ""))

    def right_answer(self, body: dict[str, Any], schema: dict[str, Any], token: str) -> dict[str, Any]:
        return made_answer(schema, token, asked_words(body), "Simplified Chinese" in json.dumps(body["messages"]))

    def _serve(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        schema = body["response_format"]["json_schema"]["schema"] if "response_format" in body else {}
        token = self.token_of(body, schema)
        with self._lock:
            if self.keeps_requests:
                self.requests.append(body)
                self.headers.append(dict(handler.headers))
            number = self.tries[token]
            self.tries[token] += 1
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            self._answer(handler, self.behave(token, number), token, body, schema)
        finally:
            with self._lock:
                self._at_once -= 1

    def _answer(self, handler: Any, how: str, token: str, body: dict[str, Any], schema: dict[str, Any]) -> None:
        if how == "slow":
            time.sleep(SLOW_S)
            how = "right"
        if how.isdigit():
            headers = {"Retry-After": "0"} if how == "429" else {}
            return send(handler, int(how), b'{"error": {"message": "no\nnot\x1b[31m now"}}', headers)
        right = self.right_answer(body, schema, token)
        with self._lock:
            others = next((value for key, value in self._last.items() if key != token), None)
            if how == "another's" and others is None:
                how = "ignored schema"
            if how in HARMLESS:
                self.answered[token] += 1
                self._last = dict([*self._last.items(), (token, right)][-4:])
        content, reason = spoilt(how, right, others), "length" if how == "cut at its length" else "stop"
        choices = [{"message": {"role": "assistant", "content": content}, "finish_reason": reason}]
        reply = {
            "choices": [] if how == "no choices" else choices,
            "usage": {"prompt_tokens": 900, "completion_tokens": 90},
        }
        data = b'["no completion"]' if how == "no completion" else json.dumps(reply).encode()
        if how == "cut":
            handler.close_connection = True
            return send(handler, 200, data, {}, len(data) + 50)
        return send(handler, 200, data, {})


def send(handler: Any, status: int, data: bytes, headers: dict[str, str], size: int | None = None) -> None:
    """Send an answer; with a `size` above that of `data` the connection ends too early."""
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(data) if size is None else size))
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(data)


def spoilt(how: str, right: dict[str, Any], others: dict[str, Any] | None) -> str:
    """The model's words: `right`, or what a model makes of it in that way."""
    text = json.dumps(right, ensure_ascii=False)
    return {
        "thinking": f'<think>Perhaps {{"episode": 1}}? No.</think>\n{text}',
        "fenced": f"Here it is:\n```json\n{text}\n```",
        "wrong json": text[: len(text) // 2],
        "wrong language": json.dumps(translated(right), ensure_ascii=False),
        "ignored schema": "1. The robot grasps the cube.\n2. It puts it down.",
        "another's": json.dumps(others),
        "huge": "x" * (5 << 20),
    }.get(how, text)


def translated(value: Any) -> Any:
    """The same answer with its free text in another language."""
    if isinstance(value, dict):
        kept = ("episode", "arm", "slot", "value", "verb")  # which are of the schema, or data
        return {key: item if key in kept else translated(item) for key, item in value.items()}
    if isinstance(value, list):
        return [translated(item) for item in value]
    return "Робот берёт кубик и кладёт его" if isinstance(value, str) else value


def asked_words(body: dict[str, Any]) -> str:
    """The operator's instruction in a request, which stands in its data."""
    for message in body["messages"]:
        for part in message["content"] if isinstance(message["content"], list) else ():
            head, _, data = part.get("text", "").partition("\n")
            if head.startswith("EPISODE DATA"):
                return str(json.loads(data)["operator_instruction"])
    return ""


def made_answer(schema: dict[str, Any], token: str, words: str, is_chinese: bool) -> dict[str, Any]:
    """A right answer to any of the presets' stages."""
    text = f"{WORDS['zh' if is_chinese else 'en']}: {words}"
    names = schema.get("properties", {})
    if "command_rewriting" in names:
        pair = {"question": f"{text}, and more", "answer": text}
        said = {name: [pair] for name in ("command_rewriting", "question_answering")}
        said["context_creation"] = [{"question": "右臂空着" if is_chinese else "The table is not free", "answer": text}]
        wordings = [f"{text} {text}.", "左臂处理" if is_chinese else "The left arm does it"]
        return {"episode": token, "caption": text, **said, "paraphrases": wordings}
    if "Step1" in names:
        return {"episode": token, "Step1": text, "Step2": text}
    if "action_sequence" in names:
        return {"episode": token, "action_sequence": [text], "main_object": text}
    step = {"arm": "right_arm", "verb": "grasp", "text": text, "from_s": 0.0, "to_s": 0.5}
    factors = [
        {"slot": "target_color", "value": "red", "step": 0},
        {"slot": "active_actor", "value": "right_arm", "step": 1},
    ]
    return {"episode": token, "steps": [step, step | {"from_s": 0.5, "to_s": 1.0}], "refined_instruction": text} | (
        {"factors": factors} if "factors" in names else {"changes_made": text}
    )
