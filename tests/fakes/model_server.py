"""A model server on loopback that speaks the OpenAI chat protocol and does what the prompt tells it.

The rule: a prompt is the whole script. What the newest user message says in double brackets decides the answer, so a
test provokes a state of the agent by what it asks, and no state is shared between prompts.

    [[tool:NAME {json}]]            call a tool; several are called one per turn, in order
    [[tools:A {json} &&& B {json}]] call several tools in one turn
    [[status:CODE]]                 answer with this HTTP status (429 carries Retry-After)
    [[status:CODE xN]]              only the first N times this prompt is asked
    [[sleep:SECONDS]]               answer late
    [[hang:NAME]]                   do not answer until `release(NAME)` or the end of the server
    [[length]]                      end the answer as cut off by the length limit
    [[say:TEXT]]                    the text of the final answer

A directive ends at its first double bracket, so none can stand inside it.
Calls that offer no tools are the agent's side work (titles, summaries): they are answered at once, whatever the prompt.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL: Final = "fake-large"
CONTEXT_TOKENS: Final = 200_000
CHARACTERS_PER_TOKEN: Final = 4
LONGEST_HANG_S: Final = 3_600.0

_DIRECTIVE: Final = re.compile(r"\[\[(tools|tool|status|sleep|hang|length|say)(?::(.*?))?\]\](?!\])", re.DOTALL)
_STATUS: Final = re.compile(r"(\d{3})(?: x(\d+))?")
_ERROR_TYPES: Final = {
    HTTPStatus.UNAUTHORIZED: "invalid_api_key",
    HTTPStatus.PAYMENT_REQUIRED: "insufficient_quota",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_exceeded",
    HTTPStatus.INTERNAL_SERVER_ERROR: "server_error",
    HTTPStatus.SERVICE_UNAVAILABLE: "overloaded",
}

Json = dict[str, Any]


class ScriptError(ValueError):
    """A directive is written in a way the server does not understand."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool the model asks for, its arguments as the JSON text that goes over the wire."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Script:
    """What one prompt tells the server to do."""

    turns: tuple[tuple[ToolCall, ...], ...] = ()
    status: int | None = None
    status_times: int | None = None
    sleep_s: float = 0.0
    hang: str | None = None
    finish_reason: str = "stop"
    text: str = "Done."

    def refuses(self, times_asked: int) -> bool:
        """Whether the n-th time this prompt is asked is answered with the scripted status."""
        return self.status is not None and (self.status_times is None or times_asked <= self.status_times)


def parse_script(prompt: str) -> Script:
    """Read the directives of a prompt."""
    turns: list[tuple[ToolCall, ...]] = []
    settings: dict[str, Any] = {}
    for name, argument in _DIRECTIVE.findall(prompt):
        match name:
            case "tool":
                turns.append((_tool_call(argument),))
            case "tools":
                turns.append(tuple(_tool_call(part) for part in argument.split("&&&")))
            case "status":
                settings["status"], settings["status_times"] = _status(argument)
            case "sleep":
                settings["sleep_s"] = float(argument)
            case "hang":
                settings["hang"] = argument
            case "length":
                settings["finish_reason"] = "length"
            case _:
                settings["text"] = argument
    return Script(turns=tuple(turns), **settings)


def _tool_call(text: str) -> ToolCall:
    name, _, arguments = text.strip().partition(" ")
    arguments = arguments.strip() or "{}"
    try:
        json.loads(arguments)
    except ValueError as error:
        message = f"the arguments of the tool {name!r} are not JSON ({error}): {arguments}"
        raise ScriptError(message) from error
    return ToolCall(name, arguments)


def _status(text: str) -> tuple[int, int | None]:
    found = _STATUS.fullmatch(text)
    if found is None:
        message = f"a status directive reads [[status:429]] or [[status:429 x2]], not {text!r}"
        raise ScriptError(message)
    return int(found[1]), int(found[2]) if found[2] else None


@dataclass(frozen=True, slots=True)
class Call:
    """One chat call the server received."""

    prompt: str
    model: str
    stream: bool
    side_work: bool


@dataclass(slots=True)
class _Log:
    """What was asked so far, shared by the threads that answer."""

    calls: list[Call] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    released: set[str] = field(default_factory=set)
    over: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def note(self, call: Call) -> int:
        with self.changed:
            self.calls.append(call)
            self.asked[call.prompt] += not call.side_work
            self.changed.notify_all()
            return self.asked[call.prompt]

    def wait_for_release(self, name: str) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.over or name in self.released, timeout=LONGEST_HANG_S)


class ModelServer:
    """The server, answering from a thread for as long as the `with` block lasts."""

    def __init__(self) -> None:
        self._log = _Log()
        log = self._log

        class Handler(_Handler):
            server_log = log

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="model-server", daemon=True)

    @property
    def url(self) -> str:
        """The base address an agent is configured with."""
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every chat call received so far, oldest first."""
        with self._log.changed:
            return tuple(self._log.calls)

    def wait_for_call(self, text: str, limit_s: float = 60.0) -> Call:
        """Wait until a prompt that contains the text arrived at the main loop."""

        def arrived() -> Call | None:
            return next((call for call in self._log.calls if text in call.prompt and not call.side_work), None)

        with self._log.changed:
            call = self._log.changed.wait_for(arrived, timeout=limit_s)
        if call is None:
            message = f"no call with {text!r} arrived within {limit_s:.0f} s"
            raise TimeoutError(message)
        return call

    def release(self, name: str) -> None:
        """Let the calls that hang by this name answer, now and those to come."""
        with self._log.changed:
            self._log.released.add(name)
            self._log.changed.notify_all()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._log.changed:
            self._log.over = True
            self._log.changed.notify_all()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(timeout=5)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_log: _Log

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet: `ModelServer.calls` is the record."""

    def do_GET(self) -> None:
        if self.path.rstrip("/").endswith("/models"):
            model = {"id": MODEL, "object": "model", "owned_by": "fake", "context_length": CONTEXT_TOKENS}
            self._send_json(HTTPStatus.OK, {"object": "list", "data": [model]})
        else:
            self._send_json(HTTPStatus.NOT_FOUND, {"error": {"message": f"nothing at {self.path}"}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        if not self.path.rstrip("/").endswith("/chat/completions"):
            self._send_json(HTTPStatus.NOT_FOUND, {"error": {"message": f"nothing at {self.path}"}})
            return
        try:
            self._answer(body)
        except ScriptError as error:
            self._send_json(HTTPStatus.BAD_REQUEST, {"error": {"message": str(error), "type": "invalid_request_error"}})
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the agent gave up waiting, which is its right

    def _answer(self, body: Json) -> None:
        messages = body.get("messages") or []
        position, prompt = _newest_prompt(messages)
        side_work = not body.get("tools")
        call = Call(prompt, str(body.get("model")), bool(body.get("stream")), side_work)
        times_asked = self.server_log.note(call)
        script = Script(text="A short title") if side_work else parse_script(prompt)
        self._delay(script)
        if script.status is not None and script.refuses(times_asked):
            self._refuse(script.status)
            return
        turn = sum(1 for message in messages[position + 1 :] if message.get("tool_calls"))
        tools = script.turns[turn] if turn < len(script.turns) else ()
        answer = _Answer(body, script, tools, serial=len(self.server_log.calls))
        if call.stream:
            self._send_stream(answer)
        else:
            self._send_json(HTTPStatus.OK, answer.whole())

    def _delay(self, script: Script) -> None:
        time.sleep(script.sleep_s)
        if script.hang is not None:
            self.server_log.wait_for_release(script.hang)

    def _refuse(self, status: int) -> None:
        kind = _ERROR_TYPES.get(HTTPStatus(status), "error")
        headers = {"Retry-After": "1"} if status == HTTPStatus.TOO_MANY_REQUESTS else {}
        self._send_json(status, {"error": {"message": f"fake {kind}", "type": kind, "code": status}}, headers)

    def _send_json(self, status: int, document: Json, headers: dict[str, str] | None = None) -> None:
        payload = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    def _send_stream(self, answer: _Answer) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for chunk in answer.chunks():
            self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
            self.wfile.flush()
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True


def _newest_prompt(messages: list[Json]) -> tuple[int, str]:
    """Return where the newest user message stands and its text, or -1 and nothing."""
    for position in range(len(messages) - 1, -1, -1):
        if messages[position].get("role") == "user":
            return position, _text_of(messages[position].get("content"))
    return -1, ""


def _text_of(content: str | list[Json] | None) -> str:
    if isinstance(content, list):
        return "\n".join(part.get("text", "") for part in content)
    return content or ""


@dataclass(frozen=True, slots=True)
class _Answer:
    """One successful answer, in both shapes the protocol has."""

    body: Json
    script: Script
    tools: tuple[ToolCall, ...]
    serial: int

    def whole(self) -> Json:
        message: Json = {"role": "assistant", "content": None if self.tools else self.script.text}
        if self.tools:
            message["tool_calls"] = self._tool_calls()
        choice = {"index": 0, "message": message, "finish_reason": self._finish_reason()}
        return {**self._head("chat.completion"), "choices": [choice], "usage": self._usage()}

    def chunks(self) -> Iterator[Json]:
        yield self._chunk({"role": "assistant", "content": ""})
        if self.tools:
            for position, call in enumerate(self._tool_calls()):
                yield self._chunk({"tool_calls": [{"index": position, **call}]})
        else:
            yield self._chunk({"content": self.script.text})
        yield self._chunk({}, self._finish_reason())
        yield {**self._head("chat.completion.chunk"), "choices": [], "usage": self._usage()}

    def _chunk(self, delta: Json, finish_reason: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def _head(self, kind: str) -> Json:
        model = self.body.get("model") or MODEL
        return {"id": f"chatcmpl-{self.serial}", "object": kind, "created": int(time.time()), "model": model}

    def _tool_calls(self) -> list[Json]:
        return [
            {
                "id": f"call_{self.serial}_{position}",
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for position, call in enumerate(self.tools)
        ]

    def _finish_reason(self) -> str:
        return "tool_calls" if self.tools else self.script.finish_reason

    def _usage(self) -> dict[str, int]:
        asked = len(json.dumps(self.body.get("messages"))) // CHARACTERS_PER_TOKEN
        said = 1 + len(self.script.text) // CHARACTERS_PER_TOKEN
        return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


if __name__ == "__main__":
    with ModelServer() as running:
        sys.stdout.write(f"{running.url}\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.exit(0)
