"""Each directive of the model server does what its table says, in the streaming and the whole shape."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx2 as httpx
import pytest

from tests.fakes.model_server import ModelServer, ScriptError, parse_script

if TYPE_CHECKING:
    from collections.abc import Iterator

TOOLS = [{"type": "function", "function": {"name": "terminal", "parameters": {"type": "object"}}}]


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """Run one server for one test."""
    with ModelServer() as running:
        yield running


def ask(server: ModelServer, *messages: dict[str, Any], stream: bool = False, tools: bool = True) -> httpx.Response:
    """Ask as the agent's main loop does."""
    body: dict[str, Any] = {"model": "fake-large", "messages": list(messages), "stream": stream}
    if tools:
        body["tools"] = TOOLS
    return httpx.post(f"{server.url}/chat/completions", json=body, timeout=10)


def user(text: str) -> dict[str, Any]:
    """One message of a person."""
    return {"role": "user", "content": text}


def answer_of(response: httpx.Response) -> dict[str, Any]:
    """Return the only choice of a whole answer."""
    choice: dict[str, Any] = response.raise_for_status().json()["choices"][0]
    return choice


def test_a_plain_prompt_is_answered_with_text_and_usage(server: ModelServer) -> None:
    """A prompt without directives gets a short text, a stop and token counts."""
    response = ask(server, user("hello"))
    assert answer_of(response)["finish_reason"] == "stop"
    assert answer_of(response)["message"]["content"] == "Done."
    assert response.json()["usage"]["prompt_tokens"] > 0


def test_say_sets_the_text(server: ModelServer) -> None:
    """The text of [[say:...]] is the answer, also when the content comes in parts."""
    parts = {"role": "user", "content": [{"type": "text", "text": "[[say:all is well]]"}]}
    assert answer_of(ask(server, parts))["message"]["content"] == "all is well"


def test_the_stream_carries_the_same_answer(server: ModelServer) -> None:
    """A streaming call gets the text in chunks, the finish reason, the usage and the end mark."""
    lines = [line[6:] for line in ask(server, user("[[say:streamed]]"), stream=True).text.splitlines() if line]
    assert lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert "".join(delta.get("content", "") for delta in deltas) == "streamed"
    assert [c["finish_reason"] for chunk in chunks for c in chunk["choices"]][-1] == "stop"
    assert chunks[-1]["usage"]["total_tokens"] > 0


def test_tools_are_called_one_turn_after_the_other(server: ModelServer) -> None:
    """Each [[tool:...]] is one turn; when they are used up the answer is text."""
    prompt = user('[[tool:terminal {"command": "ls [ab]"}]] then [[tool:terminal {"command": "b"}]]')
    history = [prompt]
    commands = []
    for _ in range(2):
        choice = answer_of(ask(server, *history))
        assert choice["finish_reason"] == "tool_calls"
        (call,) = choice["message"]["tool_calls"]
        commands.append(json.loads(call["function"]["arguments"])["command"])
        history += [choice["message"], {"role": "tool", "tool_call_id": call["id"], "content": "ok"}]
    assert commands == ["ls [ab]", "b"]
    assert answer_of(ask(server, *history))["message"]["content"] == "Done."


def test_several_tools_are_called_in_one_turn(server: ModelServer) -> None:
    """[[tools:A &&& B]] asks for both at once, in the whole and the streamed shape alike."""
    prompt = user('[[tools:terminal {"command": "a"} &&& clock]]')
    whole = answer_of(ask(server, prompt))["message"]["tool_calls"]
    assert [call["function"]["name"] for call in whole] == ["terminal", "clock"]
    assert [call["function"]["arguments"] for call in whole] == ['{"command": "a"}', "{}"]
    assert len({call["id"] for call in whole}) == len(whole)
    streamed = ask(server, prompt, stream=True).text
    assert '"clock"' in streamed
    assert '"finish_reason": "tool_calls"' in streamed


def test_a_status_is_sent_for_as_long_as_it_says(server: ModelServer) -> None:
    """[[status:429 x2]] refuses twice, with Retry-After, and answers the third time."""
    responses = [ask(server, user("[[status:429 x2]]")) for _ in range(3)]
    assert [response.status_code for response in responses] == [429, 429, 200]
    assert responses[0].headers["Retry-After"] == "1"
    assert responses[0].json()["error"]["type"] == "rate_limit_exceeded"


def test_a_status_without_a_count_lasts(server: ModelServer) -> None:
    """[[status:503]] refuses every time, and another prompt is not touched by it."""
    assert [ask(server, user("[[status:503]]")).status_code for _ in range(3)] == [503] * 3
    assert ask(server, user("another")).status_code == httpx.codes.OK


def test_sleep_answers_late(server: ModelServer) -> None:
    """[[sleep:0.3]] holds the answer back that long."""
    began = time.monotonic()
    ask(server, user("[[sleep:0.3]]")).raise_for_status()
    assert time.monotonic() - began >= 0.3


def test_a_hang_lasts_until_it_is_released(server: ModelServer) -> None:
    """[[hang:a]] answers nothing until release("a"); other prompts and other releases do not touch it."""
    answers: list[int] = []
    hanging = threading.Thread(target=lambda: answers.append(ask(server, user("[[hang:a]]")).status_code))
    hanging.start()
    server.wait_for_call("[[hang:a]]", 5)
    server.release("b")
    ask(server, user("another")).raise_for_status()
    assert answers == []
    server.release("a")
    hanging.join(timeout=5)
    assert answers == [200]


def test_a_hang_ends_with_the_server() -> None:
    """A server with a hanging call still stops at once."""
    with ModelServer() as server:
        hanging = threading.Thread(target=lambda: ask(server, user("[[hang:for good]]")))
        hanging.start()
        server.wait_for_call("[[hang:for good]]", 5)
        began = time.monotonic()
    hanging.join(timeout=5)
    assert not hanging.is_alive()
    assert time.monotonic() - began < 5


def test_length_ends_the_answer_as_cut_off(server: ModelServer) -> None:
    """[[length]] finishes for the length limit."""
    assert answer_of(ask(server, user("[[length]]")))["finish_reason"] == "length"


def test_side_work_is_answered_whatever_the_prompt_says(server: ModelServer) -> None:
    """A call that offers no tools obeys no directive and does not count as asked."""
    assert ask(server, user("[[status:429 x1]]"), tools=False).status_code == httpx.codes.OK
    assert ask(server, user("[[status:429 x1]]")).status_code == httpx.codes.TOO_MANY_REQUESTS


def test_only_the_newest_prompt_counts(server: ModelServer) -> None:
    """What an earlier message of the conversation said is over."""
    assert ask(server, user("[[status:500]]"), user("go on")).status_code == httpx.codes.OK


def test_calls_are_kept_for_the_test_to_read(server: ModelServer) -> None:
    """What the agent sent can be read back, and waiting for what never comes ends."""
    ask(server, user("first"), stream=True)
    (call,) = server.calls
    assert (call.prompt, call.model, call.stream, call.side_work) == ("first", "fake-large", True, False)
    with pytest.raises(TimeoutError, match="no call with 'second'"):
        server.wait_for_call("second", 0.1)


def test_the_models_are_listed(server: ModelServer) -> None:
    """The agent's question for models and their context length is answered, other addresses are not found."""
    (model,) = httpx.get(f"{server.url}/models").raise_for_status().json()["data"]
    assert (model["id"], model["context_length"]) == ("fake-large", 200_000)
    assert httpx.get(f"{server.url}/props").status_code == httpx.codes.NOT_FOUND
    assert httpx.post(f"{server.url}/embeddings", json={}).status_code == httpx.codes.NOT_FOUND


@pytest.mark.parametrize("prompt", ["[[tool:terminal {not json}]]", "[[status:many]]"])
def test_a_directive_that_cannot_be_read_is_refused_in_words(server: ModelServer, prompt: str) -> None:
    """A mistake in a test's prompt is a 400 that says what is wrong, not a wrong state."""
    with pytest.raises(ScriptError):
        parse_script(prompt)
    response = ask(server, user(prompt))
    assert response.status_code == httpx.codes.BAD_REQUEST
    assert response.json()["error"]["message"]
